"""Patched copies: the identity of a tree, reuse, and failures that leave nothing."""

from __future__ import annotations

import os
import shutil
import time
from typing import TYPE_CHECKING

import pytest

from filcross import config
from filcross.nixpkgs import copies

if TYPE_CHECKING:
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
