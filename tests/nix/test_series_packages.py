"""The git series alone, on the embedded tree: its packages are built, and what they compile runs."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from filcross import resources
from filcross.elf.inspect import inspect
from filcross.elf.policy import policy_for, runtime_from_folder
from filcross.nix.command import Nix, find_nix
from filcross.nixpkgs import series
from filcross.nixpkgs.checkout import open_checkout

if TYPE_CHECKING:
    from filcross.toolchain.layout import Toolchain

pytestmark = [
    pytest.mark.nix,
    pytest.mark.skipif(shutil.which("nix-build") is None, reason="no Nix on this machine"),
]
DATA = Path(__file__).resolve().parent.parent / "data" / "series" / "nix"
GNU_CONFIG = "pkgs/development/libraries/gnu-config"


def replace(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return the embedded tree, written as nixpkgs writes two things, with the series applied by git."""
    root = tmp_path / "tree"
    shutil.copytree(resources.embedded_tree_dir(), root)
    (root / GNU_CONFIG).mkdir(parents=True)
    shutil.copy(DATA / "gnu-config.nix", root / GNU_CONFIG / "default.nix")
    packages = root / "pkgs/top-level/all-packages.nix"
    replace(packages, "pkgs: super:\n", "pkgs: super:\n\nwith pkgs;\n")
    own = f'callPackage ../{GNU_CONFIG.removeprefix("pkgs/")} {{ original = tool "gnu-config"; }}'
    replace(packages, 'gnu-config = tool "gnu-config"', f"gnu-config = {own}")
    written = series.export(open_checkout(root), tmp_path / "series")
    assert [mail.step for mail in written.mails] == [
        "systems",
        "stdenv",
        "wrappers",
        "packages",
        "libc",
        "gnu-config",
    ]
    patches = [str(written.folder / mail.name) for mail in written.mails]
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
    for arguments in (
        ["init", "--quiet"],
        ["add", "--all"],
        [*identity, "commit", "--quiet", "--message=base"],
        [*identity, "am", "--quiet", *patches],
    ):
        subprocess.run(["git", "-C", root, *arguments], check=True)
    return root


def test_the_series_alone_builds_programs_that_run(tree: Path, simulator: Toolchain, tmp_path: Path) -> None:
    release = tmp_path / "release.tar"
    with tarfile.open(release, "w") as archive:
        archive.add(simulator.root, "filc-linux-x86_64")
    nix = find_nix(host_tools=True)

    def build(attribute: str) -> Path:
        return _build(nix, attribute, tree, release)

    program = build("program")
    assert (program / "answer").read_text() == "42\n"

    closure = [Path(path) for path in nix.requisites(program)]
    (libc,) = [path for path in closure if "-filc-libc-" in path.name]
    report = inspect([program], policy_for([runtime_from_folder(libc)]))
    assert {Path(file.path).name: str(file.verdict) for file in report.files} == {
        "program": "filc",
        "libhalf.so": "filc",
    }
    assert build("filc-cc-unwrapped") not in closure

    script = build("gnu-config") / "config.sub"
    for triple, answer in {
        "x86_64-unknown-linux-filc": "x86_64-unknown-linux-filc",
        "x86_64-linux-gnu": "x86_64-pc-linux-gnu",
    }.items():
        done = subprocess.run(["sh", script, triple], capture_output=True, text=True, check=True)
        assert done.stdout == f"{answer}\n"


def _build(nix: Nix, attribute: str, tree: Path, release: Path) -> Path:
    done = nix.run(
        "nix-build",
        DATA / "program.nix",
        "-A",
        attribute,
        "--argstr",
        "tree",
        str(tree),
        "--argstr",
        "release",
        str(release),
        "--no-out-link",
        timeout=600,
    )
    return Path(done.stdout.split()[0])
