"""Folders: telling states of one apart without reading files, unfinished ones, putting one in its place."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import secrets
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2  # linux/fs.h


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


@contextlib.contextmanager
def unfinished(parent: Path, prefix: str) -> Iterator[Path]:
    """Make a folder for unfinished work below `parent`, which is gone at the end of the `with`.

    Its name begins with `prefix`, and no folder but such ones may. Those of processes that were killed are
    deleted: whoever works in one holds a lock on it, which the kernel takes from the dead.
    """
    _sweep(parent, prefix)
    lock: int | None = None
    folder = _fresh(parent, prefix)
    try:  # from here on, for an interrupt may come as soon as the folder is there
        while (lock := _take(folder)) is None:
            folder = _fresh(parent, prefix)
        yield folder
    finally:
        remove(folder)
        if lock is not None:
            os.close(lock)


def _fresh(parent: Path, prefix: str) -> Path:
    """Return a name that no other has."""
    return parent / f"{prefix}{secrets.token_hex(8)}"


def _sweep(parent: Path, prefix: str) -> None:
    with os.scandir(parent) as entries:
        left = [Path(entry.path) for entry in entries if entry.name.startswith(prefix)]
    for folder in left:
        with contextlib.suppress(OSError):  # somebody lives in it, or it is somebody else's
            lock = _lock(folder)
            remove(folder)
            os.close(lock)


def _take(folder: Path) -> int | None:
    """Make a folder and return a lock on it, or `None` where another process took it for a dead one's."""
    folder.mkdir(mode=0o700)
    try:
        return _lock(folder)
    except (BlockingIOError, FileNotFoundError):
        return None
    except OSError:  # a file system without locks: there, nobody is taken for dead either
        return os.open(folder, os.O_RDONLY | os.O_DIRECTORY)


def _lock(folder: Path) -> int:
    """Return a lock on a folder of this user's, or raise `OSError`."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        _refuse_others(handle, folder)
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        folder.stat()  # it may have gone before it was locked
    except BaseException:
        os.close(handle)
        raise
    return handle


def _refuse_others(handle: int, folder: Path) -> None:
    if os.fstat(handle).st_uid != os.geteuid():
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), str(folder))


def remove(folder: Path) -> None:
    """Delete a folder as far as that is possible, folders without the right to write included."""
    for place, _, _ in os.walk(folder):
        with contextlib.suppress(OSError):
            Path(place).chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)


def put(fresh: Path, place: Path) -> None:
    """Move the folder `fresh` to `place`; a folder that was there is left at `fresh`, or beside it.

    It is one step, unless there is such a folder and the file system cannot exchange two (renameat2(2)).
    """
    if not os.path.lexists(place):
        fresh.rename(place)
    elif not _exchange(fresh, place):
        old = fresh.with_name(f"{fresh.name}.old")
        try:
            place.rename(old)
            fresh.rename(place)
        except BaseException:
            if old.exists() and not place.exists():
                old.rename(place)
            raise


def _exchange(one: Path, other: Path) -> bool:
    """Swap two folders; return whether the file system can."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    status = libc.renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE)
    code = ctypes.get_errno()
    if status and code not in {errno.EINVAL, errno.ENOSYS}:
        raise OSError(code, os.strerror(code), str(other))
    return bool(status == 0)
