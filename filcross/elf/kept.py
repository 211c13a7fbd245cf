"""What the inspector keeps from run to run: signed entries in a folder.

An entry is found again by its name and the reader (a hash of its source code and data, and of the Python
that runs it). It carries a code that only the key of this user makes (in the folder for state, not in the
cache), and is not even decoded without: who can write to the cache, but not read the key, can delete from it,
and nothing else. Entries are written under another name and renamed, so that any number of runs can share
them and be killed at any time.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import marshal
import os
import stat
import sys
import time
from pathlib import Path
from typing import Any, TypeAlias

from filcross import resources

_CODE_BYTES = 32
_KEY_BYTES = 32
_MAX_ENTRY = 64 << 20
_SETTLED = 2.0  # seconds after which a change must show in a file's times
_DATA = ("ordinary_names.toml",)

Identity: TypeAlias = tuple[int, int, int, int, int]
"""Device, inode, size, and when contents and properties were changed (nanoseconds)."""


def identity(status: os.stat_result) -> Identity:
    """Return what tells a file on disk from any other, and from what it was before a change."""
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def is_guarded(status: os.stat_result) -> bool:
    """Return whether only root and this user can change a file.

    Who has it mapped can change it without a change of its times, long after it was opened.
    """
    others = stat.S_IWGRP | stat.S_IWOTH
    return status.st_uid in (0, os.geteuid()) and not status.st_mode & others


class Kept:
    """The entries in `folder` that were made with `key`, at time `now`."""

    def __init__(self, folder: Path, key: bytes, *, now: float | None = None) -> None:
        self._folder = os.fspath(folder)
        self._key = key
        self._reader = _reader()
        self._now = time.time() if now is None else now

    def is_settled(self, identity: Identity) -> bool:
        """Return whether any further change of a file will show in its identity."""
        return self._now - identity[-1] / 1e9 >= _SETTLED

    def read(self, name: str) -> Any:  # noqa: ANN401
        """Return the content of the entry `name`, `None` where there is none that can be trusted."""
        from hmac import compare_digest

        file = self._file(name)
        try:
            raw, _ = _regular(file)
        except OSError:
            return None
        with contextlib.suppress(OSError):
            os.utime(file)  # what is used is not pruned
        content = memoryview(raw)[_CODE_BYTES:]
        if not compare_digest(raw[:_CODE_BYTES], self._code(file, content)):
            return None
        return marshal.loads(content)  # noqa: S302  (this user's own: the code says so)

    def write(self, name: str, content: Any) -> None:  # noqa: ANN401
        """Keep `content` (plain data) as the entry `name`; where that is not possible, nothing is kept."""
        import tempfile

        packed = marshal.dumps(content)
        if len(packed) + _CODE_BYTES > _MAX_ENTRY:
            return
        file = self._file(name)
        with contextlib.suppress(OSError):
            os.makedirs(self._folder, exist_ok=True)  # noqa: PTH103
            descriptor, fresh = tempfile.mkstemp(dir=self._folder, prefix=".new-")
            try:
                with os.fdopen(descriptor, "wb") as opened:
                    opened.write(self._code(file, packed) + packed)
                os.replace(fresh, file)  # noqa: PTH105
            except BaseException:
                with contextlib.suppress(OSError):
                    os.unlink(fresh)  # noqa: PTH108
                raise

    def _file(self, name: str) -> str:
        text = f"{self._reader} {name}".encode("utf-8", "surrogateescape")
        return f"{self._folder}/{hashlib.blake2b(text, key=self._key, digest_size=20).hexdigest()}"

    def _code(self, file: str, content: bytes | memoryview) -> bytes:
        own = os.path.basename(file).encode()  # noqa: PTH119
        digest = hashlib.blake2b(own, key=self._key, digest_size=_CODE_BYTES)
        digest.update(content)
        return digest.digest()


def _regular(path: str) -> tuple[bytes, os.stat_result]:
    """Return what is in a regular file, nothing of any other or of a very large one, and its properties."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        status = os.fstat(descriptor)
        usual = stat.S_ISREG(status.st_mode) and status.st_size <= _MAX_ENTRY
        return os.read(descriptor, status.st_size) if usual else b"", status
    finally:
        os.close(descriptor)


def of_user() -> Kept | None:
    """Return what this user keeps; `None` where nothing can be kept."""
    from filcross import config

    try:
        return Kept(config.cache_dir() / config.FACTS, key(config.state_dir() / "facts-key"))
    except OSError:
        return None


def key(file: Path) -> bytes:
    """Return the key in `file`, made there if there is none; raises `OSError` where that is not possible.

    A file that somebody else can know is none, and is replaced; root leaves that of another user alone.
    """
    found = _key(file)
    if found is not None:
        return found
    import secrets
    import tempfile

    with contextlib.suppress(FileNotFoundError):
        if not os.geteuid() and file.lstat().st_uid:
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), os.fspath(file))
        file.unlink()
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=".key-")  # readable by this user only
    try:
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(secrets.token_bytes(_KEY_BYTES))
        with contextlib.suppress(FileExistsError):
            os.link(name, file)  # one of several runs is the first
    finally:
        os.unlink(name)  # noqa: PTH108
    made = _key(file)
    if made is None:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), os.fspath(file))
    return made


def _key(file: Path) -> bytes | None:
    """Return the key in `file` if it is one that only this user (and root) can know."""
    try:
        content, status = _regular(os.fspath(file))
    except (FileNotFoundError, PermissionError):
        return None
    own = status.st_uid == os.geteuid() and not status.st_mode & (stat.S_IRWXG | stat.S_IRWXO)
    return content if own and len(content) == _KEY_BYTES else None


def _reader() -> str:
    """Return a hash of the code that reads and judges, and of the Python that runs it."""
    digest = hashlib.sha256(f"{sys.version} {marshal.version}".encode())
    folder = Path(__file__).parent
    sources = [*sorted(folder.glob("*.py")), *(resources.data_dir() / name for name in _DATA)]
    for source in sources:
        digest.update(f"\n{source.name}\n".encode() + source.read_bytes())
    return digest.hexdigest()
