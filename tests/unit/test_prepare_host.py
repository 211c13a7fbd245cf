"""`scripts/prepare-host --check` and its table: what is looked for and said. Nothing is installed here."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from filcross import requirements
from filcross.errors import UnsupportedInputError

if TYPE_CHECKING:
    from pathlib import Path

BASICS = ("bash", "sh", "getent", "apt-cache", "apt-get", "python3")


class Machine:
    """A PATH of its own: what is not in the folder is not on the machine."""

    def __init__(self, folder: Path, script: Path) -> None:
        self.folder, self.script = folder, script
        folder.mkdir()
        for name in BASICS:
            found = shutil.which(name)
            if found:
                (folder / name).symlink_to(found)

    def add(self, name: str, says: str = "") -> None:
        """Put a program there that says its version."""
        program = self.folder / name
        program.write_text(f"#!{shutil.which('sh')}\necho '{says}'\n")
        program.chmod(0o755)

    def check(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.script), *arguments],
            env={"PATH": str(self.folder), "NIX_CONF_DIR": str(self.folder), **env},
            capture_output=True,
            text=True,
            check=False,
        )

    def lacking(self, *arguments: str) -> set[str]:
        """Return the packages that the script says are missing."""
        lines = self.check("--check", *arguments).stderr.splitlines()
        return {line.split(":")[0].strip() for line in lines if line.startswith("  ")}


@pytest.fixture
def machine(tmp_path: Path, repo_root: Path) -> Machine:
    made = Machine(tmp_path / "bin", repo_root / "scripts" / "prepare-host")
    (made.folder / "nix.conf").write_text("build-users-group =\n")
    return made


def test_what_is_missing_is_said_with_its_reason(machine: Machine) -> None:
    done = machine.check("--check")
    assert done.returncode == 3
    assert done.stdout == ""
    assert "  nix-bin: Nix evaluates and builds the packages\n" in done.stderr
    assert done.stderr.splitlines()[-2].startswith("error: ")
    assert done.stderr.splitlines()[-1].startswith("help: ")
    assert {"nix-bin", "clang-19", "patchelf", "make"} <= machine.lacking()
    assert "bison" not in machine.lacking()
    assert "bison" in machine.lacking("--real-trees")


@pytest.mark.parametrize(
    ("version", "there"), [("2.3.7", False), ("2.8.0", True), ("2.18.1", True), ("3.0", True)]
)
def test_nix_has_to_be_new_enough(machine: Machine, version: str, there: bool) -> None:  # noqa: FBT001
    machine.add("nix-build", f"nix-build (Nix) {version}")
    machine.add("nix-store")
    assert ("nix-bin" not in machine.lacking()) is there


@pytest.mark.parametrize(
    ("name", "version", "there"),
    [("clang", "14.0.6", False), ("clang", "19.1.7", True), ("clang-15", "", False), ("clang-16", "", True)],
)
def test_clang_has_to_be_new_enough(machine: Machine, name: str, version: str, there: bool) -> None:  # noqa: FBT001
    machine.add(name, f"Debian clang version {version}")
    assert ("clang-19" not in machine.lacking()) is there


def test_the_library_and_the_script_see_the_same(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("make", "clang-17", "xz", "curl", "ld"):
        machine.add(name)
    machine.add("nix-build", "nix-build (Nix) 2.8.0")
    lacking = machine.lacking()
    monkeypatch.setenv("PATH", str(machine.folder))
    assert {row.packages[0] for row in requirements.missing()} == lacking
    assert {"nix-bin", "binutils"} <= lacking
    assert not {"make", "clang-19", "xz-utils", "curl"} & lacking


@pytest.mark.skipif(os.geteuid() != 0, reason="only root builds as other users")
def test_root_needs_build_users_unless_told_otherwise(machine: Machine) -> None:
    assert "build users" not in machine.check("--check").stderr
    (machine.folder / "nix.conf").write_text("# ours\nbuild-users-group = no-such-group # a comment\n")
    assert "the group no-such-group has no members" in machine.check("--check").stderr


def test_arguments(machine: Machine) -> None:
    wrong = machine.check("--wrong")
    assert wrong.returncode == 2
    assert "--wrong" in wrong.stderr


def test_the_table_names_reasons_and_known_checks() -> None:
    rows = requirements.requirements()
    assert {row.need for row in rows} == set(requirements.NEEDS)
    for row in rows:
        assert row.packages
        assert row.checks
        assert row.why
        assert all(check.split(":")[0] in {"cmd", "file", "nix", "clang", "py"} for check in row.checks)


@pytest.mark.parametrize("text", ["main\tmake\tcmd:make\n", "other\tmake\tcmd:make\twhy\n"])
def test_a_damaged_table_is_refused(tmp_path: Path, text: str) -> None:
    table = tmp_path / "table.tsv"
    table.write_text(text)
    with pytest.raises(UnsupportedInputError, match=r"table\.tsv:1"):
        requirements.requirements(table)
    table.write_text("main\tmake\twhat:make\twhy\n")
    with pytest.raises(UnsupportedInputError, match="what:make"):
        requirements.missing(table=table)
