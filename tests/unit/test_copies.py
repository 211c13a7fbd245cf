"""Patched copies: the identity of a tree, reuse, and failures that leave nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from filcross import config
from filcross.errors import MissingRequirementError
from filcross.nixpkgs import copies

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    root = tmp_path / "tree"
    (root / "pkgs" / ".git").mkdir(parents=True)
    (root / "default.nix").write_text("1")
    (root / "pkgs" / "a.nix").write_text("2")
    (root / "link").symlink_to("default.nix")
    return root


def test_every_change_of_a_file_changes_the_identity(tree: Path) -> None:
    seen = {copies.tree_identity(tree)}
    assert copies.tree_identity(tree) in seen
    changes = [
        lambda: (tree / "pkgs" / "a.nix").write_text("3"),
        lambda: (tree / "pkgs" / "new.nix").write_text(""),
        lambda: (tree / "pkgs" / "a.nix").chmod(0o755),
        (tree / "pkgs" / "new.nix").unlink,
        lambda: (tree / "pkgs" / "a.nix").rename(tree / "pkgs" / "b.nix"),
        lambda: ((tree / "link").unlink(), (tree / "link").symlink_to("pkgs")),
        lambda: _same_size_and_time(tree / "default.nix"),
    ]
    for number, change in enumerate(changes):
        change()
        identity = copies.tree_identity(tree)
        assert identity not in seen, number
        seen.add(identity)


def _same_size_and_time(path: Path) -> None:
    """Replace a file by one of the same size and time: only the inode tells."""
    status = path.stat()
    other = path.with_name("other")
    other.write_text("x" * status.st_size)
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    other.rename(path)


def test_git_metadata_does_not_count(tree: Path) -> None:
    before = copies.tree_identity(tree)
    (tree / "pkgs" / ".git" / "index").write_text("x")
    assert copies.tree_identity(tree) == before


@pytest.fixture
def repository(tree: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the tree as a git checkout with everything committed."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    shutil.rmtree(tree / "pkgs" / ".git")
    (tree / ".gitignore").write_text("ignored*\n")
    git(tree, "init", "--quiet")
    git(tree, "add", "--all")
    git(tree, "-c", "user.name=x", "-c", "user.email=x@example.org", "commit", "--quiet", "--message=x")
    return tree


def git(root: Path, *arguments: str) -> str:
    return subprocess.run(["git", "-C", root, *arguments], capture_output=True, text=True, check=True).stdout


def test_the_identity_of_a_checkout_is_that_of_its_files(repository: Path) -> None:
    clean = copies.tree_identity(repository)
    assert clean == f"git {git(repository, 'rev-parse', 'HEAD^{tree}').strip()}"
    (repository / "default.nix").touch()
    assert copies.tree_identity(repository) == clean
    seen = {clean}
    changes = [
        lambda: (repository / "pkgs" / "a.nix").write_text("dirty"),
        lambda: git(repository, "add", "pkgs/a.nix") or (repository / "pkgs" / "a.nix").write_text("dirtier"),
        lambda: (repository / "untracked.nix").write_text("1"),
        lambda: (repository / "ignored.nix").write_text("1"),
        lambda: (repository / "ignored.nix").write_text("2"),
        lambda: (repository / "default.nix").chmod(0o755),
        lambda: (repository / "default.nix").write_text("2"),
        (repository / "default.nix").unlink,
        lambda: ((repository / "link").unlink(), (repository / "link").symlink_to("pkgs")),
    ]
    before = git(repository, "rev-list", "--all", "--objects")
    for number, change in enumerate(changes):
        change()
        staged, objects = git(repository, "ls-files", "--stage"), sorted((repository / ".git").rglob("*"))
        identity = copies.tree_identity(repository)
        assert identity.startswith("git "), number
        assert identity not in seen, number
        seen.add(identity)
        assert git(repository, "ls-files", "--stage") == staged
        assert sorted((repository / ".git").rglob("*")) == objects
    assert git(repository, "rev-list", "--all", "--objects") == before


def _other_line_endings(root: Path) -> None:
    (root / ".gitattributes").write_text("*.nix text eol=lf\n")


def _not_looked_at(root: Path) -> None:
    git(root, "update-index", "--assume-unchanged", "pkgs/a.nix")


def _skipped(root: Path) -> None:
    git(root, "update-index", "--skip-worktree", "pkgs/a.nix")


def _filtered(root: Path) -> None:
    (root / ".git" / "info").mkdir(exist_ok=True)
    (root / ".git" / "info" / "attributes").write_text("*.nix ident\n")


def _with_a_repository_inside(root: Path) -> None:
    git(root, "init", "--quiet", "pkgs/inner")
    (root / "pkgs" / "inner" / "a.nix").write_text("1")
    git(root / "pkgs" / "inner", "add", "--all")
    identity = ("-c", "user.name=x", "-c", "user.email=x@example.org")
    git(root / "pkgs" / "inner", *identity, "commit", "--quiet", "--message=x")


@pytest.mark.parametrize(
    "arrange",
    [_other_line_endings, _not_looked_at, _skipped, _filtered, _with_a_repository_inside],
)
def test_where_git_does_not_tell_all_the_files_are_looked_at(
    arrange: Callable[[Path], None], repository: Path
) -> None:
    arrange(repository)
    before = copies.tree_identity(repository)
    assert not before.startswith("git ")
    (repository / "pkgs" / "a.nix").write_bytes(b"2\r\n")
    assert copies.tree_identity(repository) != before


def test_a_folder_inside_a_checkout_is_no_checkout(repository: Path) -> None:
    assert not copies.tree_identity(repository / "pkgs").startswith("git ")


def test_a_tree_that_changes_while_it_is_copied_is_copied_again(tree: Path) -> None:
    made = []

    def make(target: Path) -> None:
        shutil.copytree(tree, target, symlinks=True)
        made.append(target)
        if len(made) == 1:
            (tree / "pkgs" / "a.nix").write_text("changed meanwhile")

    folder, reused = copies.patched_copy(tree, 1, make)
    assert not reused
    assert len(made) == 2
    assert (folder / "pkgs" / "a.nix").read_text() == "changed meanwhile"

    def never_the_same(target: Path) -> None:
        shutil.copytree(tree, target, symlinks=True)
        (tree / "pkgs" / "a.nix").write_text(str(time.monotonic_ns()))

    with pytest.raises(MissingRequirementError, match="changed each time"):
        copies.patched_copy(tree, 2, never_the_same)
    kept = [path for path in (config.cache_path() / "trees-v1").iterdir() if path.is_dir()]
    assert kept == [folder.parent]


def test_a_copy_is_made_once_for_a_tree_and_an_edit_set(tree: Path) -> None:
    made: list[Path] = []

    def make(target: Path) -> None:
        shutil.copytree(tree, target, symlinks=True)
        made.append(target)

    first, reused = copies.patched_copy(tree, 1, make)
    assert not reused
    assert (first / "pkgs" / "a.nix").read_text() == "2"
    assert copies.patched_copy(tree, 1, make) == (first, True)
    assert copies.patched_copy(tree, 2, make)[0] != first
    (tree / "pkgs" / "a.nix").write_text("changed")
    changed, reused = copies.patched_copy(tree, 1, make)
    assert not reused
    assert (changed / "pkgs" / "a.nix").read_text() == "changed"
    assert len(made) == 3


def test_a_failed_copy_leaves_nothing(tree: Path) -> None:
    def make(target: Path) -> None:
        target.mkdir()
        (target / "half").write_text("")
        raise RuntimeError("no space")

    with pytest.raises(RuntimeError):
        copies.patched_copy(tree, 1, make)
    folders = [path for path in (config.cache_path() / "trees-v1").iterdir() if path.is_dir()]
    assert folders == []


def test_old_copies_go_and_young_ones_stay(tree: Path) -> None:
    trees = config.cache_path() / "trees-v1"
    old = time.time() - 2 * copies.KEEP_SECONDS
    for number in range(8):
        (trees / f"copy{number}").mkdir(parents=True)
        if number < 6:
            os.utime(trees / f"copy{number}", (old + number, old + number))
    kept, _ = copies.patched_copy(tree, 1, lambda target: target.mkdir())
    names = {path.name for path in trees.iterdir() if path.is_dir()}
    assert names == {kept.parent.name, "copy5", "copy6", "copy7"}
