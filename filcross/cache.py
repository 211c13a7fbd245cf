"""What filcross keeps in its cache folder: how much it is, and what can go."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from filcross import config, process
from filcross.nixpkgs import copies

if TYPE_CHECKING:
    from pathlib import Path

BUCKETS = {
    copies.TREES: "patched copies of nixpkgs trees",
    config.OVERLAYS: "overlays of toolchains",
    config.SOURCES: "indexes of source packages",
    config.REVISIONS: "commits that are being searched",
    config.FACTS: "what files of store paths say",
    "downloads-v1": "archives of Fil-C releases",
    "toolchains-v1": "what folders of toolchains were recognised as",
    "nix": "the private Nix store (never pruned)",
}
_KEPT = "nix"
_BLOCK = 512


@dataclass(frozen=True, slots=True)
class Bucket:
    """One folder of the cache: its name, what is in it, how many things, and their size on disk."""

    name: str
    what: str
    items: int
    bytes: int


def measure() -> tuple[Bucket, ...]:
    """Return the folders of the cache, the largest first; nothing is changed."""
    root = config.cache_path()
    folders = [path for path in root.iterdir() if path.is_dir()] if root.is_dir() else []
    buckets = [
        Bucket(path.name, BUCKETS.get(path.name, "of another version of filcross"), _items(path), _size(path))
        for path in folders
    ]
    return tuple(sorted(buckets, key=lambda bucket: -bucket.bytes))


def prune(*, everything: bool) -> tuple[Bucket, ...]:
    """Remove what nobody used for a day (or `everything`) and what other versions left; return what went.

    The private Nix store stays: what was built is in it.
    """
    root = config.cache_path()
    removed = []
    for bucket in measure():
        if bucket.name == _KEPT:
            continue
        folder = root / bucket.name
        known = bucket.name in BUCKETS
        old = [
            path
            for path in folder.iterdir()
            if not known or ((everything or _is_unused(path)) and path.suffix != ".lock")
        ]
        if old:
            size = sum(_size(path) for path in old)
            for path in old:
                _remove(path)
            removed.append(Bucket(bucket.name, bucket.what, len(old), size))
        if not known:
            _remove(folder)
    return tuple(removed)


def _is_unused(path: Path) -> bool:
    return time.time() - path.lstat().st_mtime > copies.KEEP_SECONDS


def _items(folder: Path) -> int:
    return sum(1 for path in folder.iterdir() if path.is_dir())


def _size(path: Path) -> int:
    """Return the size on disk of a file or of a folder with everything in it (hard links count once)."""
    total, seen, pending = 0, set(), [path]
    while pending:
        current = pending.pop()
        try:
            status = current.lstat()
            if current.is_dir() and not current.is_symlink():
                pending += current.iterdir()
        except OSError:
            continue  # gone meanwhile, or not ours to look into
        if status.st_ino not in seen:
            seen.add(status.st_ino)
            total += status.st_blocks * _BLOCK
    return total


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        process.run(["chmod", "-R", "u+rwX", "--", path], check=False)
        shutil.rmtree(path)
    elif os.path.lexists(path):
        path.unlink()
