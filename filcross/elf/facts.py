"""What the files of store paths say by themselves, kept from run to run (`filcross.elf.kept`).

Nothing is kept for a file outside a Nix store, nor for a store path whose NAR hash Nix does not know. Kept is
what one file says by its contents, never what its process comes to, nor a report. It is found again by

- the store path and its NAR hash, and the policy (a hash of all that is known of toolchains): another of any
  of them is another entry;
- the file as it is on disk: device, inode, size, and times of change. Store paths are immutable, but root can
  change them, and a file that was changed is read again.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import fields, is_dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filcross.elf import abi, records
from filcross.elf.closure import Places
from filcross.elf.kept import identity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from filcross.elf.files import Said
    from filcross.elf.kept import Identity, Kept
    from filcross.elf.policy import Policy

_NOWHERE = "\0"
_NAME = re.compile(r"[0-9a-df-np-sv-z]{32}-[0-9a-zA-Z+._?=-]+")


class Facts:
    """The kept facts for one policy, about the store paths that `hashes` gives (with their NAR hashes).

    It is called when the first is needed: Nix may still be asked while the files are found. `ask` gives the
    NAR hashes of more store paths, and of what they refer to.
    """

    def __init__(
        self,
        kept: Kept,
        hashes: Callable[[], Mapping[str, str]],
        policy: Policy,
        ask: Callable[[list[Path]], Mapping[str, str]] | None = None,
    ) -> None:
        self.kept = kept
        self._given = hashes
        self._policy = policy
        self._under = fingerprint(policy)
        self._ask = ask
        self._places = Places()
        self._entries: dict[str, dict[str, Any] | None] = {}
        self._here: tuple[str, dict[str, Any]] = _NOWHERE, {}
        self._changed: set[str] = set()

    @cached_property
    def _hashes(self) -> dict[str, str]:
        return dict(self._given())

    @cached_property
    def _stores(self) -> tuple[str, ...]:
        return tuple({f"{os.path.dirname(path)}/" for path in self._hashes} | {"/nix/store/"})  # noqa: PTH120

    def wait(self) -> None:
        """Wait for the answer that gives the NAR hashes."""
        _ = self._hashes

    def under(self, policy: Policy) -> Facts:
        """Return the kept facts for another policy, about the same store paths."""
        return Facts(self.kept, lambda: self._hashes, policy)

    def learn(self, texts: Iterable[str]) -> None:
        """Ask for the NAR hashes of store paths named in some paths and search paths, if any is new.

        Only in the stores of the first paths, and in Nix's usual one: a hostile file may name any.
        """
        parts = {self._root(part) for text in texts for part in text.split(":")}
        new = [
            Path(path)
            for path in sorted(parts - self._hashes.keys() - {""})
            if _NAME.fullmatch(os.path.basename(path)) and os.path.isdir(path)  # noqa: PTH112, PTH119
        ]
        if new and self._ask is not None:
            found = self._ask(new)
            self._hashes |= found
            for path in found:
                self._entries.pop(path, None)
            self._here = _NOWHERE, {}

    def may_keep(self, path: str) -> bool:
        """Return whether anything about a file may be kept."""
        return self._entry(self._root(path)) is not None

    def said(self, path: str, identity: Identity) -> Said | None:
        """Return what the file at `path` says, whose identity is given; `None` if it must be read."""
        if not path.startswith(self._here[0]):  # files of a store path come one after the other
            root = self._root(path)
            entry = self._entry(root)
            self._here = f"{root}/" if root else _NOWHERE, {} if entry is None else entry
        found = self._here[1].get(path)
        if found is None or found[0] != identity:
            return None
        return records.unpack(found[1], self._policy)

    def add(self, path: str, identity: Identity, said: Said) -> None:
        """Keep what a file says, if it may be kept."""
        root = self._root(path)
        entry = self._entry(root)
        if entry is None or not said.lasting or not self.kept.is_settled(identity):
            return
        entry[path] = (identity, records.pack(said, self._policy))
        self._changed.add(root)

    def save(self) -> None:
        """Write what was added; where that is not possible, nothing is kept."""
        for root in sorted(self._changed):
            self.kept.write(self._name(root), self._entries[root])
        self._changed.clear()

    def _root(self, path: str) -> str:
        """Return the store path that a file is in; empty where it is in none of those."""
        for store in self._stores:
            if path.startswith(store):
                end = path.find("/", len(store))
                return path if end < 0 else path[:end]
        return ""

    def _entry(self, root: str) -> dict[str, Any] | None:
        """Return what is kept about a store path; `None` where nothing may be.

        A store path that is a link is none: its hash would not be that of what is behind.
        """
        if root not in self._entries:
            self._entries[root] = None
            if root in self._hashes and self._places.is_real(root):
                found = self.kept.read(self._name(root))
                self._entries[root] = found if isinstance(found, dict) else {}
        return self._entries[root]

    def _name(self, root: str) -> str:
        return f"facts {root} {self._hashes[root]} {self._under}"


def fingerprint(policy: Policy) -> str:
    """Return a hash of all that a policy knows, and of the archives that it compares with."""
    archives = [
        (entry.path, identity(entry.stat()))
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
