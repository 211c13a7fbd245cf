"""The options of `filcross patch-nixpkgs` that work with git and with what was edited by hand."""

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
from filcross.nixpkgs import edits, patch, planning
from filcross.nixpkgs.checkout import ROLES, open_checkout

pytestmark = pytest.mark.nix


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a git clone of the embedded tree."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".gitconfig").write_text("[user]\nname = A Person\nemail = person@example.org\n")
    shutil.copytree(resources.embedded_tree_dir(), tmp_path / "origin")
    for arguments in (["init", "--quiet"], ["add", "--all", "--force"], ["commit", "--quiet", "--message=x"]):
        git(tmp_path / "origin", *arguments)
    git(tmp_path, "clone", "--quiet", "origin", "tree")
    return tmp_path / "tree"


def git(root: Path, *arguments: str) -> str:
    return subprocess.run(["git", "-C", root, *arguments], capture_output=True, text=True, check=True).stdout


def command(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-c", "from filcross.cli import main; main()", "patch-nixpkgs"]
    return subprocess.run(
        [*program, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(Path(filcross.__file__).resolve().parent.parent)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_branch_and_a_worktree(tree: Path, tmp_path: Path) -> None:
    made = command(tree, "--branch", "filc", "--json")
    assert made.returncode == 0, made.stderr
    document = json.loads(made.stdout)
    assert document["action"] == "branch"
    assert len(document["commits"]) == 2
    assert git(tree, "rev-parse", "filc").strip() == document["commits"][1]["hash"]
    assert git(tree, "status", "--porcelain") == ""

    both = command(tree, "--branch", "again", "--worktree", tmp_path / "a worktree", "--json")
    assert both.returncode == 0, both.stderr
    assert json.loads(both.stdout)["proof"]["package_set"] is True
    assert git(tmp_path / "a worktree", "branch", "--show-current").strip() == "again"
    assert command(tree, "--branch", "filc").returncode == 2
    assert command(tree, "--branch", "other", "--update").returncode == 2


def test_an_update(tree: Path) -> None:
    assert command(tree, "--no-prove").returncode == 0
    done = command(tree, "--update", "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["before"] == document["after"]
    assert document["state"] == "patched"
    assert len(git(tree, "status", "--porcelain").splitlines()) == len(ROLES)


def test_force_names_what_it_replaces(tree: Path) -> None:
    command(tree, "--no-prove")
    file = tree / "lib" / "systems" / "default.nix"
    file.write_text(file.read_text().replace("if final.isFilC then", "if final.isFilC or false then"))
    refused = command(tree)
    assert refused.returncode == 5
    assert "--force" in refused.stderr
    done = command(tree, "--force")
    assert done.returncode == 0, done.stderr
    assert "replacing lib/systems/default.nix:" in done.stderr
    assert "if final.isFilC or false then" in done.stderr
    assert command(tree, "--check").returncode == 0


def test_an_upgrade_is_said(tree: Path) -> None:
    checkout = open_checkout(tree)
    contents = {role: checkout.file(role).read_bytes() for role in ROLES}
    for change in planning._plan_with(checkout, contents, 1).files:
        checkout.file(change.role).write_bytes(change.patched)
    check = command(tree, "--check", "--json")
    assert check.returncode == 1
    assert json.loads(check.stdout)["state"] == "older"
    assert f"has edit set 1, this filcross has {edits.EDIT_SET}" in check.stderr
    done = command(tree, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["upgraded_from"] == 1
    assert f"from edit set 1 to {edits.EDIT_SET}" in done.stderr
    assert patch.plan(checkout).state is patch.State.PATCHED
    assert command(tree, "--revert").returncode == 0
    assert git(tree, "status", "--porcelain") == ""
