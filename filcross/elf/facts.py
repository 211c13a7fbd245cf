"""What the files of store paths say by themselves, kept from run to run.

Nothing is kept for a file outside a Nix store, nor for a store path whose NAR hash Nix does not know. Kept is
what one file says by its contents, never what its process comes to, nor a report. It is found again by

- the store path and its NAR hash, the reader (a hash of its source code and data), and the policy (a hash of
  all that is known of toolchains): another of any of them is another entry;
- the file as it is on disk: device, inode, size, and times of change. Store paths are immutable, but root can
  change them, and a file that was changed is read again.

An entry carries a code that only the key of this user makes (in the folder for state, not in the cache), and
is not even decoded without: who can write to the cache, but not read the key, can delete from it, and nothing
else. Entries are written under another name and renamed, so that any number of runs can share them and be
killed at any time.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import marshal
import os
import re
import secrets
import sys
import tempfile
import time
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from filcross import resources
from filcross.elf import abi, records

if TYPE_CHECKING:
    from collections.abc import Mapping

    from filcross.elf.files import Said
    from filcross.elf.policy import Policy

_CODE_BYTES = 32
_KEY_BYTES = 32
_MAX_ENTRY = 64 << 20
_SETTLED = 2.0  # seconds after which a change must show in a file's times
_DATA = ("ordinary_names.toml",)


Identity: TypeAlias = tuple[int, int, int, int, int]
"""Device, inode, size, and when contents and properties were changed (nanoseconds)."""


class Facts:
    """The kept facts for one policy, about the store paths in `hashes` (their NAR hashes), at time `now`."""

    def __init__(
        self, folder: Path, key: bytes, hashes: Mapping[str, str], policy: Policy, *, now: float | None = None
    ) -> None:
        self._folder = folder
        self._key = key
        self._hashes = hashes
        self._policy = policy
        self._under = f"{_reader()} {fingerprint(policy)}"
        self._stores = {os.path.dirname(path) for path in hashes}  # noqa: PTH120
        self._entries: dict[str, dict[str, Any]] = {}
        self._real: dict[str, bool] = {}
        self._changed: set[str] = set()
        self._now = time.time() if now is None else now

    @staticmethod
    def identity(status: os.stat_result) -> Identity:
        """Return what tells a file on disk from any other, and from what it was before a change."""
        return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)

    def said(self, path: str, identity: Identity) -> Said | None:
        """Return what the file at `path` says, whose identity is given; `None` if it must be read."""
        root = self._root(path)
        found = self._entry(root).get(path) if root is not None else None
        if found is None or found[0] != identity:
            return None
        return records.unpack(found[1], self._policy)

    def add(self, path: str, identity: Identity, said: Said) -> None:
        """Keep what a file says, if it may be kept."""
        root = self._root(path)
        if root is None or not said.lasting or self._now - identity[-1] / 1e9 < _SETTLED:
            return
        self._entry(root)[path] = (identity, records.pack(said, self._policy))
        self._changed.add(root)

    def save(self) -> None:
        """Write what was added; where that is not possible, nothing is kept."""
        with contextlib.suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            for root in sorted(self._changed):
                self._write(self._file(root), marshal.dumps(self._entries[root]))
        self._changed.clear()

    def _root(self, path: str) -> str | None:
        """Return the store path that a file is in, if it is one of those, and no link."""
        for store in self._stores:
            if path.startswith(f"{store}/"):
                end = path.find("/", len(store) + 1)
                root = path if end < 0 else path[:end]
                return root if root in self._hashes and self._is_real(root) else None
        return None

    def _is_real(self, root: str) -> bool:
        """Return whether a store path is no link: its hash would not be that of what is behind."""
        if root not in self._real:
            self._real[root] = os.path.realpath(root) == root
        return self._real[root]

    def _entry(self, root: str) -> dict[str, Any]:
        if root not in self._entries:
            self._entries[root] = self._read(self._file(root))
        return self._entries[root]

    def _file(self, root: str) -> Path:
        name = f"{root} {self._hashes[root]} {self._under}".encode("utf-8", "surrogateescape")
        return self._folder / hashlib.blake2b(name, key=self._key, digest_size=20).hexdigest()

    def _read(self, file: Path) -> dict[str, Any]:
        try:
            with file.open("rb") as opened:
                raw = opened.read(_MAX_ENTRY)
            os.utime(file)  # what is used is not pruned
        except OSError:
            return {}
        code, content = raw[:_CODE_BYTES], raw[_CODE_BYTES:]
        if not hmac.compare_digest(code, self._code(file, content)):
            return {}
        found = marshal.loads(content)  # noqa: S302  (this user's own: the code says so)
        return found if isinstance(found, dict) else {}

    def _write(self, file: Path, content: bytes) -> None:
        if len(content) + _CODE_BYTES > _MAX_ENTRY:
            return
        descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=".new-")
        try:
            with os.fdopen(descriptor, "wb") as opened:
                opened.write(self._code(file, content) + content)
            os.replace(name, file)  # noqa: PTH105
        except OSError:
            with contextlib.suppress(OSError):
                os.unlink(name)  # noqa: PTH108
            raise

    def _code(self, file: Path, content: bytes) -> bytes:
        digest = hashlib.blake2b(file.name.encode(), key=self._key, digest_size=_CODE_BYTES)
        digest.update(content)
        return digest.digest()


def key(file: Path) -> bytes:
    """Return the key in `file`, made there if there is none; raises `OSError` where that is not possible."""
    with contextlib.suppress(FileNotFoundError):
        found = file.read_bytes()
        if len(found) == _KEY_BYTES:
            return found
        file.unlink()
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=".key-")  # readable by this user only
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(secrets.token_bytes(_KEY_BYTES))
    with contextlib.suppress(FileExistsError):
        os.link(name, file)  # one of several runs is the first
    os.unlink(name)  # noqa: PTH108
    return file.read_bytes()


def _reader() -> str:
    """Return a hash of the code that reads and judges, and of the Python that runs it."""
    digest = hashlib.sha256(f"{sys.version} {marshal.version}".encode())
    folder = Path(__file__).parent
    sources = [*sorted(folder.glob("*.py")), *(resources.data_dir() / name for name in _DATA)]
    for source in sources:
        digest.update(f"\n{source.name}\n".encode() + source.read_bytes())
    return digest.hexdigest()


def fingerprint(policy: Policy) -> str:
    """Return a hash of all that a policy knows, and of the archives that it compares with."""
    archives = [
        (entry.path, Facts.identity(entry.stat()))
        for runtime in policy.runtimes
        for entry in sorted(os.scandir(runtime.folder), key=lambda item: item.name)
        if entry.name.endswith(".a") and abi.role_of(entry.name) is not None
    ]
    return hashlib.sha256(repr((_plain(policy), archives)).encode("utf-8", "surrogateescape")).hexdigest()


def _plain(value: object) -> object:
    """Return a value as tuples, strings, bytes and numbers that are the same in every run."""
    plain: object = value
    if isinstance(value, Path):
        plain = os.fspath(value)
    elif isinstance(value, re.Pattern):
        plain = (value.pattern, value.flags)
    elif isinstance(value, tuple | list):
        plain = tuple(map(_plain, value))
    elif isinstance(value, set | frozenset):
        plain = tuple(sorted(map(repr, map(_plain, value))))
    elif isinstance(value, dict):
        plain = tuple(sorted(repr((_plain(name), _plain(item))) for name, item in value.items()))
    elif is_dataclass(value):
        names = [field.name for field in fields(value) if not field.name.startswith("_")]
        plain = (type(value).__name__, *((name, _plain(getattr(value, name))) for name in names))
    elif not (value is None or isinstance(value, str | bytes | int)):
        raise TypeError(f"a policy holds a {type(value).__name__}")
    return plain
