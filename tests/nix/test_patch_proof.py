"""What Nix says of patched trees, and the command as a user runs it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import filcross
from filcross import resources
from filcross.errors import MissingRequirementError
from filcross.nixpkgs import patch, proof
from filcross.nixpkgs.checkout import ROLES, open_checkout

pytestmark = pytest.mark.nix
DATA = Path(__file__).resolve().parent.parent / "data" / "patch"
COMMAND = [sys.executable, "-c", "from filcross.cli import main; main()", "patch-nixpkgs"]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a copy of the embedded tree, under a name that is not easy."""
    return Path(shutil.copytree(resources.embedded_tree_dir(), tmp_path / 'it\'s a "tree" of $HOME'))


def command(*arguments: str | Path, path: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(filcross.__file__).parent.parent),
        "PATH": os.environ["PATH"] if path is None else path,
    }
    return subprocess.run(
        [*COMMAND, *map(str, arguments)], env=environment, capture_output=True, text=True, check=False
    )


def test_the_embedded_tree_is_pristine() -> None:
    assert patch.plan(open_checkout(resources.embedded_tree_dir())).state is patch.State.PRISTINE


def test_a_patched_tree_is_proved(tree: Path) -> None:
    patch.apply(open_checkout(tree))
    proved = patch.prove(tree)
    assert proved.config == "x86_64-unknown-linux-filc"
    assert proved.system == "x86_64-linux"
    assert proved.libc == "filc"
    assert proved.shared_library == ".so"
    assert "aarch64-unknown-linux-filc" in proved.refused
    assert "x86_64-unknown-freebsd-filc" in proved.refused
    (sentence,) = proved.sentences
    assert sentence.startswith("Fil-C makes code for x86_64 Linux only")


def test_a_pristine_tree_is_not(tree: Path) -> None:
    with pytest.raises(proof.ProofError, match="Nix cannot evaluate"):
        patch.prove(tree)


@pytest.mark.parametrize(
    ("role", "old", "new", "complaint"),
    [
        (
            "parse",
            b"platform.isx86_64 && platform.isLinux",
            b"platform.isLinux",
            "aarch64-unknown-linux-filc",
        ),
        ("parse", b"platform.isx86_64 && platform.isLinux", b"platform.isx86_64", "freebsd-filc is accepted"),
        ("default", b'  "filc"\n', b'  "glibc"\n', "libc is 'glibc', expected 'filc'"),
        ("inspect", b"abi = abis.filc;", b"abi = abis.musl;", "alone makes no Fil-C platform"),
        ("inspect", b"isMusl =", b"isMusl = isFilC; isMuslLibc =", "isMusl is True, expected False"),
        ("examples", b"linux-filc", b"linux-musl", "the example filc"),
    ],
)
def test_wrong_edits_are_caught(tree: Path, role: str, old: bytes, new: bytes, complaint: str) -> None:
    checkout = open_checkout(tree)
    patch.apply(checkout)
    file = checkout.file(role)
    assert old in file.read_bytes()
    file.write_bytes(file.read_bytes().replace(old, new))
    with pytest.raises(proof.ProofError) as caught:
        patch.prove(tree)
    assert any(complaint in line for line in caught.value.details), caught.value.details


def test_every_state_between_evaluates_as_before(tree: Path) -> None:
    checkout = open_checkout(tree)
    before = proof.ordinary_platforms(tree)
    assert before["examples"]["musl64"] == "x86_64-unknown-linux-musl"
    for role, change in zip(ROLES, patch.plan(checkout).files, strict=True):
        checkout.file(role).write_bytes(change.patched)
        assert proof.ordinary_platforms(tree) == before
    patch.prove(tree)


def test_the_user_reads_the_sentence(tree: Path) -> None:
    patch.apply(open_checkout(tree))
    asked = ["--argstr", "path", str(tree / "lib"), "--argstr", "config", "aarch64-unknown-linux-filc"]
    refused = subprocess.run(
        ["nix-instantiate", "--eval", "--option", "store", "dummy://", str(DATA / "elaborate.nix"), *asked],
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode != 0
    assert "Fil-C makes code for x86_64 Linux only, so no other CPU" in refused.stderr


def test_the_command_from_patch_to_revert(tree: Path, tmp_path: Path) -> None:
    assert command(tree, "--check").returncode == 1
    done = command(tree, "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["schema_version"] == 1
    assert document["state"] == "patched"
    assert len(document["changed"]) == len(ROLES)
    assert document["proof"]["libc"] == "filc"
    assert command(tree, "--check").returncode == 0

    again = command(tree)
    assert again.returncode == 0
    assert "already patched" in again.stderr
    assert again.stdout == ""

    copied = command(tree, "--output", tmp_path / "a copy", "--quiet")
    assert copied.returncode == 0, copied.stderr
    assert command(tmp_path / "a copy", "--check", "--json").returncode == 0

    reverted = command(tree, "--revert")
    assert reverted.returncode == 0, reverted.stderr
    compared = subprocess.run(["diff", "-r", str(tree), str(resources.embedded_tree_dir())], check=False)
    assert compared.returncode == 0


def test_the_diff_is_the_change(tree: Path) -> None:
    """What `--diff` prints makes of the tree, by `git apply`, what the command makes of it."""
    diff = command(tree, "--diff").stdout
    by_git = shutil.copytree(tree, tree.parent / "by git")
    subprocess.run(["git", "apply", "-"], cwd=by_git, input=diff, text=True, check=True)
    patch.apply(open_checkout(tree))
    assert subprocess.run(["diff", "-r", str(tree), str(by_git)], check=False).returncode == 0


def test_errors_have_codes_and_hints(tree: Path, tmp_path: Path) -> None:
    for arguments, code, hint in (
        ((tmp_path / "nowhere",), 5, "help: give the folder"),
        ((tmp_path,), 5, "missing: lib/systems/parse.nix"),
        ((tree / "lib",), 5, "help: give the tree itself"),
        ((tree, "--check", "--revert"), 2, "exclude each other"),
        ((tree, "--output", tree / "inside"), 2, "help: choose a folder outside of it"),
        ((tree, "--output", tmp_path), 2, "exists already"),
    ):
        done = command(*arguments)
        assert done.returncode == code, done.stderr
        assert hint in done.stderr
        assert "Traceback" not in done.stderr


def test_without_nix_nothing_is_changed(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    done = command(tree, path=str(tmp_path / "bin"))
    assert done.returncode == 3
    assert "--no-prove" in done.stderr
    assert patch.plan(open_checkout(tree)).state is patch.State.PRISTINE
    assert command(tree, "--no-prove", path=str(tmp_path / "bin")).returncode == 0
    assert patch.plan(open_checkout(tree)).state is patch.State.PATCHED


def test_edits_that_cannot_be_proved_are_taken_back(tree: Path) -> None:
    file = tree / "lib/systems/default.nix"
    text = file.read_bytes()
    unchecked = text.replace(b"if assertion final then pass else throw message", b"pass")
    assert unchecked != text
    file.write_bytes(unchecked)
    done = command(tree)
    assert done.returncode == 5, done.stderr
    assert "aarch64-unknown-linux-filc is accepted" in done.stderr
    assert "the edits are taken back" in done.stderr
    assert patch.plan(open_checkout(tree)).state is patch.State.PRISTINE
    assert file.read_bytes() == unchecked

    failed = command(tree, "--output", tree.parent / "copy")
    assert failed.returncode == 5
    assert [path.name for path in tree.parent.iterdir()] == [tree.name]


def test_a_library_that_cannot_be_had_is_said(tmp_path: Path) -> None:
    tree = tmp_path / "corepkgs"
    shutil.copytree(DATA / "nixfmt", tree)
    (tree / "lib.nix").write_text('throw "no network"\n')
    patch.apply(open_checkout(tree))
    with pytest.raises(MissingRequirementError, match="cannot be had") as caught:
        patch.prove(tree)
    assert "--no-prove" in (caught.value.hint or "")
