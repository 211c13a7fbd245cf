"""Patched copies of nixpkgs trees, cached by the identity of the tree and of the edits."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from filcross import __version__, config

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KEEP = 4
KEEP_SECONDS = 24 * 3600.0
_IGNORED = {".git"}


def tree_identity(root: Path) -> str:
    """Return a hash of (path, size, mtime in ns, inode, mode, link target) of every file below `root`.

    A changed file never keeps its identity; a touched one may lose it, which only costs a copy.
    """
    digest = hashlib.sha256()
    pending = [os.fspath(root)]
    while pending:
        folder = pending.pop()
        with os.scandir(folder) as entries:
            for entry in sorted(entries, key=lambda item: item.name):
                if entry.name in _IGNORED:
                    continue
                if entry.is_dir(follow_symlinks=False):
                    pending.append(entry.path)
                    continue
                status = entry.stat(follow_symlinks=False)
                target = str(Path(entry.path).readlink()) if entry.is_symlink() else ""
                times = (status.st_mtime_ns, status.st_ino, status.st_mode)
                digest.update(repr((entry.path, status.st_size, *times, target)).encode())
    return digest.hexdigest()


def patched_copy(root: Path, edit_set: int, make: Callable[[Path], None]) -> tuple[Path, bool]:
    """Return the folder of a patched copy of `root`, and whether it was there already.

    `make` writes the copy to the folder it is given and leaves nothing behind when it fails. Two runs at
    once make it once.
    """
    trees = config.cache_dir() / "trees-v1"
    trees.mkdir(parents=True, exist_ok=True)
    key = hashlib.sha256(f"{__version__}\0{edit_set}\0{tree_identity(root)}".encode()).hexdigest()[:20]
    folder = trees / key
    with _locked(trees / f"{key}.lock"):
        target = folder / "nixpkgs"
        if target.is_dir():
            os.utime(folder)
            return target, True
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        try:
            make(target)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
    _prune(trees, keep=folder)
    return target, False


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _prune(trees: Path, *, keep: Path) -> None:
    """Remove copies that nobody used for a day, beyond the newest few."""
    folders = sorted(
        (path for path in trees.iterdir() if path.is_dir() and path != keep),
        key=lambda path: path.stat().st_mtime,
        reverse=True,
    )
    for folder in folders[KEEP - 1 :]:
        if time.time() - folder.stat().st_mtime > KEEP_SECONDS:
            shutil.rmtree(folder, ignore_errors=True)
