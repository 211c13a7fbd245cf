"""The symbols of a file without any Fil-C name, sorted a whole table at a time.

Such a file is ordinary code, and only the evidence is wanted: how many names it imports and defines, and
which. Nearly every file of an ordinary system is one, so what is done for each symbol is what a verification
of a large closure costs: columns of the table are compared as whole strings of bytes, not symbol by symbol.
"""

from __future__ import annotations

import struct
from itertools import compress
from typing import TYPE_CHECKING

from filcross.elf import image as elf

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from filcross.elf.image import Image, SymbolTable

_FIRST_GLOBAL = 16  # the first value of a symbol's type and binding that is not local
_MARKER, _LOCAL, _CODE, _UNTYPED, _OTHER = 0, 1, 2, 3, 4
_DEFINED, _RESERVED = 8, 16
_TYPES = {elf.STT_FUNC: _CODE, elf.STT_GNU_IFUNC: _CODE, elf.STT_NOTYPE: _UNTYPED}


def _by_info(info: int) -> int:
    if info < _FIRST_GLOBAL:
        return _MARKER if info & 15 in (elf.STT_SECTION, elf.STT_FILE) else _LOCAL
    return _TYPES.get(info & 15, _OTHER)


def _table(kinds: Iterable[int]) -> bytes:
    return bytes(kind in set(kinds) for kind in range(256))


_BY_INFO = bytes(_by_info(info) for info in range(256))
_IF_DEFINED = bytes((0, *(_DEFINED for _ in range(255))))
_IF_RESERVED = bytes((*(0 for _ in range(255)), _RESERVED))
_ALL_IMPORTS = _table({_CODE, _UNTYPED, _OTHER})
_ALL_CODE = _table({_CODE | _DEFINED, _CODE | _DEFINED | _RESERVED})
_ALL_DATA = _table({_OTHER | _DEFINED})
_ALL_UNCLEAR = _table({_UNTYPED | _DEFINED, _UNTYPED | _DEFINED | _RESERVED, _OTHER | _DEFINED | _RESERVED})
_PLACES = {64: (4, 6), 32: (12, 14)}  # of type and binding, and of the section, in a symbol


class Classes:
    """What each symbol of a table is, told from its type, binding and section, without its name."""

    def __init__(self, image: Image, table: SymbolTable) -> None:
        """Look at every symbol; raises `ImageError` for a name outside the string table."""
        size = table.layout.size
        self._image = image
        self._table = table
        self._entries = memoryview(table.entries)[size:]
        self._offsets = _first_words(self._entries, size, little=image.little)
        if self._offsets and max(self._offsets) > table.strings.rfind(b"\0"):
            for offset in self._offsets:
                table.name(offset)
        self._kinds = _kinds(table.entries[size:], table.bits, little=image.little)

    @property
    def total(self) -> int:
        """Return the number of symbols but those for sections and source files."""
        kinds = self._kinds
        return len(kinds) - kinds.count(_MARKER) - kinds.count(_MARKER | _DEFINED)

    def offsets(self) -> tuple[list[int], list[int], list[int]]:
        """Return where the names of global symbols are: of imports, of code defined here, of data."""
        imports, code, data = (
            list(compress(self._offsets, self._kinds.translate(chosen)))
            for chosen in (_ALL_IMPORTS, _ALL_CODE, _ALL_DATA)
        )
        for number in compress(range(len(self._kinds)), self._kinds.translate(_ALL_UNCLEAR)):
            row = self._table.layout.unpack_from(self._entries, number * self._table.layout.size)
            section, value = (row[3], row[4]) if self._table.bits == 64 else (row[5], row[1])  # noqa: PLR2004
            if self._kinds[number] & 7 == _UNTYPED and section in self._image.code_indexes:
                code.append(self._offsets[number])
            elif section != elf.SHN_ABS or value:  # else a version node: a name without contents
                data.append(self._offsets[number])
        return imports, code, data


def _first_words(entries: memoryview, size: int, *, little: bool) -> list[int]:
    """Return the first word of every entry."""
    if little == (struct.pack("=H", 1) == b"\x01\0"):
        return entries.cast("I")[:: size // 4].tolist()
    return [word for (word,) in struct.iter_unpack(f"{'<' if little else '>'}I{size - 4}x", entries)]


def _kinds(entries: bytes, bits: int, *, little: bool) -> bytes:
    """Return a byte for each entry: what its type and binding say, with `_DEFINED` and `_RESERVED`."""
    size = 24 if bits == 64 else 16  # noqa: PLR2004
    info, section = _PLACES[bits]
    low, high = (section, section + 1) if little else (section + 1, section)
    columns = (
        entries[info::size].translate(_BY_INFO),
        entries[low::size].translate(_IF_DEFINED),
        entries[high::size].translate(_IF_DEFINED),
        entries[high::size].translate(_IF_RESERVED),
    )
    together = 0
    for column in columns:
        together |= int.from_bytes(column, "little")
    return together.to_bytes(len(columns[0]), "little")


def first(names: Collection[bytes], most: int) -> list[bytes]:
    """Return the first `most` of some names in order."""
    left = list(names)
    while len(left) > 4 * most:
        bound = sorted(left[: 4 * most])[most - 1]  # so many of them are not after this one
        fewer = [name for name in left if name <= bound]
        if len(fewer) == len(left):
            break
        left = fewer
    return sorted(left)[:most]
