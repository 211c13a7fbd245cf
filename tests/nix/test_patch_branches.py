"""The edits on a branch, in a worktree, and over an update of the tree."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from filcross import resources
from filcross.errors import MissingRequirementError, UnsupportedInputError, UsageError
from filcross.nixpkgs import branches, patch
from filcross.nixpkgs.checkout import ROLES, Checkout, open_checkout

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.nix
SUBJECTS = [
    "lib/systems: add the Fil-C platform",
    "stdenv/cross: use Fil-C's compiler for its platform",
]


def git(root: Path, *arguments: str) -> str:
    return subprocess.run(["git", "-C", root, *arguments], capture_output=True, text=True, check=True).stdout


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a clone (with an origin) of a git repository that holds the embedded tree."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".gitconfig").write_text("[user]\nname = A Person\nemail = person@example.org\n")
    origin = tmp_path / "origin"
    shutil.copytree(resources.embedded_tree_dir(), origin)
    git(origin, "init", "--quiet", "--initial-branch=main")
    git(origin, "add", "--all", "--force")
    git(origin, "commit", "--quiet", "--message=a tree")
    git(tmp_path, "clone", "--quiet", str(origin), "my clone")
    return tmp_path / "my clone"


@pytest.fixture
def checkout(repository: Path) -> Checkout:
    return open_checkout(repository)


def test_a_branch_has_a_commit_for_each_step(checkout: Checkout) -> None:
    (checkout.root / "dirty").write_text("mine")
    checkout.file("parse").write_bytes(checkout.file("parse").read_bytes() + b"# mine\n")
    status = git(checkout.root, "status", "--porcelain")
    commits = branches.make_branch(checkout, "filc")
    assert [commit.subject for commit in commits] == SUBJECTS
    assert git(checkout.root, "log", "--format=%s", "--reverse", "HEAD..filc").splitlines() == SUBJECTS
    for commit in commits:
        names = git(checkout.root, "diff-tree", "--no-commit-id", "--name-only", "-r", commit.hash).split()
        assert sorted(names) == sorted(commit.paths)
    assert git(checkout.root, "status", "--porcelain") == status

    git(checkout.root, "worktree", "add", "--quiet", "../on the branch", "filc")
    there = open_checkout(checkout.root.parent / "on the branch")
    assert patch.plan(there).state is patch.State.PATCHED
    patch.prove(there.root)
    with pytest.raises(UsageError, match="exists already"):
        branches.make_branch(checkout, "filc")
    with pytest.raises(UsageError, match="no name for a branch"):
        branches.make_branch(checkout, "a..b")
    with pytest.raises(UnsupportedInputError, match="has the edits already"):
        branches.make_branch(there, "again")


def test_the_branch_has_the_bytes_that_the_command_writes(checkout: Checkout) -> None:
    branches.make_branch(checkout, "filc")
    patch.apply(checkout)
    assert git(checkout.root, "diff", "filc") == ""


def test_without_an_identity_nothing_is_made(
    checkout: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".gitconfig").write_text("[user]\nuseConfigOnly = true\n")
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    with pytest.raises(MissingRequirementError) as caught:
        branches.make_branch(checkout, "filc")
    assert "git config --global user.name" in (caught.value.hint or "")
    assert "filc" not in git(checkout.root, "branch", "--list")


def test_worktrees(checkout: Checkout, tmp_path: Path) -> None:
    done = branches.add_worktree(checkout, tmp_path / "detached", None)
    assert len(done.changed) == len(ROLES)
    assert patch.plan(checkout).state is patch.State.PRISTINE
    assert "detached" in git(checkout.root, "worktree", "list")

    branches.make_branch(checkout, "filc")
    done = branches.add_worktree(checkout, tmp_path / "on the branch", "filc")
    assert done.changed == ()
    assert git(done.checkout.root, "status", "--porcelain") == ""
    with pytest.raises(UsageError, match="exists already"):
        branches.add_worktree(checkout, tmp_path / "detached", None)


def test_a_worktree_that_cannot_be_patched_is_removed(checkout: Checkout, tmp_path: Path) -> None:
    file = checkout.file("examples")
    file.write_text(file.read_text().replace("musl64 =", "musl_64 ="))
    git(checkout.root, "commit", "--quiet", "--all", "--message=another shape")
    with pytest.raises(UnsupportedInputError, match="does not know"):
        branches.add_worktree(checkout, tmp_path / "worktree", None)
    assert not (tmp_path / "worktree").exists()
    assert len(git(checkout.root, "worktree", "list").splitlines()) == 1


def change_upstream(checkout: Checkout, old: str, new: str, role: str = "parse") -> None:
    file = checkout.root.parent / "origin" / checkout.layout.path(role)
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    git(checkout.root.parent / "origin", "commit", "--quiet", "--all", "--message=upstream")


def test_an_update_is_revert_pull_patch(checkout: Checkout) -> None:
    patch.apply(checkout)
    change_upstream(checkout, "musl = { };", "musl = { };\n    upstream = { };")
    told: list[str] = []
    done = branches.update(checkout, tell=told.append)
    assert done.before != done.after
    assert b"upstream = { };" in checkout.file("parse").read_bytes()
    assert patch.plan(checkout).state is patch.State.PATCHED
    assert branches.update(checkout, tell=told.append).before == done.after
    patch.revert(checkout)
    assert git(checkout.root, "status", "--porcelain") == ""


def test_a_failed_pull_leaves_the_edits(checkout: Checkout) -> None:
    patch.apply(checkout)
    (checkout.root.parent / "origin").rename(checkout.root.parent / "gone")
    before = git(checkout.root, "diff")
    with pytest.raises(MissingRequirementError, match="git pull failed"):
        branches.update(checkout, tell=print)
    assert git(checkout.root, "diff") == before


def test_an_update_to_an_unknown_shape_says_so(checkout: Checkout) -> None:
    patch.apply(checkout)
    change_upstream(checkout, "musl64 =", "musl_64 =", "examples")
    with pytest.raises(UnsupportedInputError, match=r"examples\.nix has a shape"):
        branches.update(checkout, tell=print)
    assert git(checkout.root, "status", "--porcelain") == ""


def test_committed_edits_are_not_pulled_over(checkout: Checkout) -> None:
    patch.apply(checkout)
    git(checkout.root, "commit", "--quiet", "--all", "--message=the edits")
    with pytest.raises(UnsupportedInputError, match="are committed") as caught:
        branches.update(checkout, tell=print)
    assert "git pull --rebase" in (caught.value.hint or "")


def test_a_folder_without_git_has_no_branches(tmp_path: Path) -> None:
    shutil.copytree(resources.embedded_tree_dir(), tmp_path / "tree")
    checkout = open_checkout(tmp_path / "tree")
    for function in (
        lambda: branches.make_branch(checkout, "filc"),
        lambda: branches.add_worktree(checkout, tmp_path / "w", None),
        lambda: branches.update(checkout, tell=print),
    ):
        with pytest.raises(UnsupportedInputError, match="not the root of a git checkout"):
            function()
