"""What can be told of folders of files without reading the files."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Container


def stat_identity(root: Path, ignored: Container[str] = ()) -> str:
    """Return a hash that changes with every change of a file below `root`; names in `ignored` are left out.

    It is one of (path, size, mtime in ns, inode, mode, link target) of every file: a touched file changes it,
    too.
    """
    digest = hashlib.sha256()
    pending = [os.fspath(root)]
    while pending:
        folder = pending.pop()
        with os.scandir(folder) as entries:
            for entry in sorted(entries, key=lambda item: item.name):
                if entry.name in ignored:
                    continue
                if entry.is_dir(follow_symlinks=False):
                    pending.append(entry.path)
                    continue
                status = entry.stat(follow_symlinks=False)
                target = str(Path(entry.path).readlink()) if entry.is_symlink() else ""
                times = (status.st_mtime_ns, status.st_ino, status.st_mode)
                digest.update(repr((entry.path, status.st_size, *times, target)).encode())
    return digest.hexdigest()
