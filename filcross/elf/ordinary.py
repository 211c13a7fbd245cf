"""The symbols of a file without any Fil-C name, sorted a whole table at a time.

Such a file is ordinary code, and only the evidence is wanted: how many names it imports and defines, and
which. Nearly every file of an ordinary system is one, so what is done for each symbol is what a verification
of a large closure costs: columns of the table are compared as whole strings of bytes, not symbol by symbol.
"""

from __future__ import annotations

import struct
from functools import cache
from itertools import compress
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from filcross.elf import image as elf

if TYPE_CHECKING:
    from collections.abc import Iterable

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
    table = bytearray(256)
    for kind in kinds:
        table[kind] = 1
    return bytes(table)


_BY_INFO = bytes(_by_info(info) for info in range(256))
_IF_DEFINED = bytes((0, *(_DEFINED for _ in range(255))))
_IF_RESERVED = bytes((*(0 for _ in range(255)), _RESERVED))
_ALL_IMPORTS = _table({_CODE, _UNTYPED, _OTHER})
_ALL_CODE = _table({_CODE | _DEFINED, _CODE | _DEFINED | _RESERVED})
_ALL_DATA = _table({_OTHER | _DEFINED})
_ALL_UNCLEAR = _table({_UNTYPED | _DEFINED, _UNTYPED | _DEFINED | _RESERVED, _OTHER | _DEFINED | _RESERVED})
_MANY = 500
_MAX_BEGINNING = 3
_MAX_DEPTH = 32
_PLACES = {64: (4, 6), 32: (12, 14)}  # of type and binding, and of the section, in a symbol


class Names(NamedTuple):
    """Names, and how many more there are that come after them in order."""

    held: set[bytes]
    more: int


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


def names(table: SymbolTable, offsets: list[int], known: frozenset[bytes], most: int | None) -> Names:
    """Return the names at some offsets that are not `known`; of many, at least the first `most` in order.

    Where not all are returned, a name counts for each place that it has in the string table (linkers give it
    one).
    """
    found: set[bytes] = set()
    if most is None or len(offsets) < _MANY:
        table.add_names(found, offsets)
        if not known.isdisjoint(found):
            found -= known
        return Names(found, 0)
    places = list(set(offsets))
    column = _column(table.strings, places, 0)
    besides = column.count(0) + len(_known_places(table, places, column, known))
    table.add_names(found, _lowest(table.strings, places, column, most + besides))
    found -= known
    return Names(found, len(places) - besides - len(found))


def _column(strings: bytes, places: list[int], depth: int) -> bytes:
    """Return the byte at `depth` of each string; none of them may be shorter (but its end counts)."""
    if len(places) < 2:  # noqa: PLR2004
        return bytes([strings[place + depth] for place in places])
    return bytes(itemgetter(*places)(strings[depth:] if depth else strings))


def _known_places(table: SymbolTable, places: list[int], column: bytes, known: frozenset[bytes]) -> list[int]:
    """Return at which of some places a `known` name is; `column` holds their first bytes."""
    for depth, allowed in enumerate(_beginnings(known)):
        places = list(compress(places, column.translate(allowed)))
        column = _column(table.strings, places, depth + 1)
    return [place for place in places if table.name(place) in known]


@cache
def _beginnings(known: frozenset[bytes]) -> tuple[bytes, ...]:
    """Return tables of the bytes that are the first, second … of a name."""
    depth = min(_MAX_BEGINNING, min(map(len, known), default=0))
    return tuple(_table({name[at] for name in known}) for at in range(depth))


def _lowest(strings: bytes, places: list[int], column: bytes, most: int) -> list[int]:
    """Return some of the places, among them those of the first `most` strings in order.

    One byte after the other of all strings is looked at, for as long as many begin alike; `column` holds the
    first bytes.
    """
    chosen: list[int] = []
    for depth in range(_MAX_DEPTH):
        if len(places) <= 4 * most:
            break
        if depth:
            column = _column(strings, places, depth)
        before = 0
        for value in sorted(set(column)):
            number = column.count(value)
            if before + number >= most:
                break
            before += number
        chosen += compress(places, column.translate(b"\1" * value + bytes(256 - value)))
        places = list(compress(places, column.translate(_table((value,)))))
        most -= before
        if not value:
            break  # these strings are all the same
    return chosen + places
