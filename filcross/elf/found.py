"""The files that a walk found: there may be very many, so they are held in a few large objects."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from filcross.elf.kept import identity

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from filcross.elf.kept import Identity

_INODE_BITS = 64


class Found:
    """Places of files in the order in which they were found; the files behind them, each with a number.

    `identities` holds those that were wanted, by the file's number.
    """

    def __init__(self) -> None:
        self.identities: dict[int, Identity] = {}
        self._paths = bytearray()
        self._ends = array("Q", [0])
        self._files = array("I")  # by place: the number of the file
        self._firsts = array("I")  # by file: the first place
        self._numbers: dict[int, int] = {}  # by device and inode in one number
        self._devices: dict[int, int] = {}

    def add(self, path: str, status: os.stat_result, *, identified: bool) -> None:
        """Add a place with what is there; `identified` if the identity of the file is wanted."""
        device = self._devices.setdefault(status.st_dev, len(self._devices))
        key = device << _INODE_BITS | status.st_ino
        number = self._numbers.setdefault(key, len(self._firsts))
        if number == len(self._firsts):
            self._firsts.append(len(self._files))
            if identified:
                self.identities[number] = identity(status)
        self._files.append(number)
        self._paths += path.encode("utf-8", "surrogateescape")
        self._ends.append(len(self._paths))

    def places(self) -> Iterator[tuple[str, int, bool]]:
        """Yield each place: its path, the number of its file, and whether it is the first of that file."""
        for place, number in enumerate(self._files):
            yield self._path(place), number, self._firsts[number] == place

    def path(self, number: int) -> str:
        """Return the first path of a file."""
        return self._path(self._firsts[number])

    def inodes(self) -> Iterator[tuple[int, int]]:
        """Yield the device and inode of each file."""
        devices = list(self._devices)
        for key in self._numbers:
            yield devices[key >> _INODE_BITS], key & (1 << _INODE_BITS) - 1

    def __len__(self) -> int:
        """Return the number of files."""
        return len(self._firsts)

    def _path(self, place: int) -> str:
        return self._paths[self._ends[place] : self._ends[place + 1]].decode("utf-8", "surrogateescape")
