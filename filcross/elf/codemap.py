"""Accounts for every byte of a file's code.

In a file of the simulator each note says where its object's code is. With a real toolchain the symbols with
Fil-C names say so, and the start-up objects' code is known from the toolchain itself. What is left must be
the linker's: padding and jump tables (`.plt`), which are known by their shape.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from filcross.elf import image as elf

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from filcross.elf.abi import SimulatorNote
    from filcross.elf.image import Image

_MAX_LEFT = 64 << 20
_MAX_STARTUP = 64 << 10  # bytes of code in one section of a start-up object
_CODE = re.compile(
    r"\.text(?:\.|\Z)|\.(?:init|fini)\Z"
)  # linkers make code of these, whatever their flags say
_ESCAPED = [re.escape(bytes([byte])) for byte in range(256)]
_PAGE, _MAX_MOVE = 4096, 1 << 16

# No-operations as assemblers and linkers pad with (Intel SDM vol. 2B, NOP), int3, zeros; and the entries of
# procedure linkage tables (x86-64 psABI 5.2, and the CET and MPX forms of GNU ld and lld).
_LINKER = re.compile(
    rb"(?:[\x90\xcc\0]"
    rb"|\x66{0,12}\x2e?(?:\x0f\x1f(?:\0|\x40\0|\x44\0\0|\x80\0\0\0\0|\x84\0\0\0\0\0)|\x90)"
    rb"|\xff\x35.{4}(?:\xff\x25|\xf2\xff\x25).{4}(?:\x0f\x1f\x40\0|\x0f\x1f\0|\x90{3,4})"
    rb"|(?:\xf3\x0f\x1e\xfa)?(?:\x68.{4}\xf2?\xe9.{4})"
    rb"|(?:\xf3\x0f\x1e\xfa)?\xf2?\xff\x25.{4}(?:\x68.{4}\xe9.{4})?)++",  # possessive: no memory per match
    re.DOTALL,
)
_RELAXED = {
    9: 0,
    41: 2,
    42: 3,
}  # relocations whose instruction the linker may rewrite: bytes before the field
_WIDE = frozenset({1, 24, 25, 29})  # relocations of eight bytes


class Area(NamedTuple):
    """A run of code: the section (-1: an address of the loaded image), first byte, size."""

    section: int
    start: int
    size: int


def startup_code(image: Image) -> tuple[bytes, ...]:
    """Return a pattern (`re.DOTALL`) for each executable section of a start-up object, as it looks linked."""
    found = []
    for index, section in _numbered_code(image):
        if section.size > _MAX_STARTUP:
            continue
        code = image.window.read(section.offset, section.size)
        free: set[int] = set()
        for relocation in image.section_relocations(index):
            before = _RELAXED.get(relocation.type, 0)
            width = 8 if relocation.type in _WIDE else 4
            free.update(range(relocation.offset - before, relocation.offset + width))
        found.append(
            b"".join(b"." if position in free else _ESCAPED[byte] for position, byte in enumerate(code))
        )
    return tuple(found)


def _numbered_code(image: Image) -> list[tuple[int, elf.Section]]:
    return [
        (index, section)
        for index, section in enumerate(image.sections)
        if (section.flags & elf.SHF_EXECINSTR or (image.type == elf.ET_REL and _CODE.match(section.name)))
        and section.type != elf.SHT_NOBITS
        and section.size
    ]


def image_bases(image: Image) -> Sequence[int]:
    """Return where the image's first byte may have been when the file was linked.

    It is where the file's first byte is loaded; but patchelf puts new pages before a program that is linked
    to a fixed address.
    """
    first = next((item for item in image.segments if item.type == elf.PT_LOAD and not item.offset), None)
    base = first.address if first is not None else 0
    return range(base, base + _MAX_MOVE, _PAGE) if image.type == elf.ET_EXEC else (base,)


def note_areas(image: Image, note: SimulatorNote, base: int) -> list[Area]:
    """Return the code that the simulator's notes point to, the image's first byte having been at `base`."""
    areas = [Area(-1, base + place.distance, place.size) for place in note.places if place.section < 0]
    if image.type != elf.ET_REL or image.symbols is None:
        return areas
    symbols = list(image.symbols.symbols())
    targets = {}
    for section in {place.section for place in note.places}:
        for relocation in image.section_relocations(section):
            if relocation.type == elf.R_PC64 and 0 < relocation.symbol <= len(symbols):
                target = symbols[relocation.symbol - 1]
                targets[section, relocation.offset] = (target.section, target.value + relocation.addend)
    for place in note.places:
        target_ = targets.get((place.section, place.place))
        if target_ is not None:
            areas.append(Area(*target_, place.size))
    return areas


def unaccounted(image: Image, areas: Iterable[Area], startup: Sequence[bytes]) -> tuple[Area, ...]:
    """Return the runs of code that are in none of `areas`, nor start-up code, nor the linker's.

    Each pattern of `startup` stands for at most one place. Raises `ImageError` for code outside the file.
    """
    wanted: dict[int, list[tuple[int, int]]] = {}
    for area in areas:
        wanted.setdefault(area.section, []).append((area.start, area.start + area.size))
    patterns = sorted(startup, key=lambda item: -len(item))
    left: list[Area] = []
    for section, start, offset, size in _code(image):
        position, end = start, start + size
        for first, last in (*sorted(wanted.get(section, ())), (end, end)):
            if position < min(first, end):
                run = min(first, end) - position
                if run > _MAX_LEFT:
                    left.append(Area(section, position, run))
                    position = max(position, last)
                    continue
                raw = image.window.read(offset + position - start, run)
                left.extend(Area(section, position + at, length) for at, length in _strange(raw, patterns))
            position = max(position, last)
    return tuple(left)


def _code(image: Image) -> list[tuple[int, int, int, int]]:
    """Return (section, start, file offset, size) of all code, by the program headers where there are any."""
    if image.type == elf.ET_REL:
        return [(index, 0, section.offset, section.size) for index, section in _numbered_code(image)]
    if image.sections:
        return [(-1, item.address, item.offset, item.size) for item in image.code_sections]
    return [
        (-1, item.address, item.offset, item.file_size)
        for item in image.segments
        if item.type == elf.PT_LOAD and item.flags & elf.PF_X and item.file_size
    ]


def _strange(raw: bytes, patterns: list[bytes]) -> list[tuple[int, int]]:
    """Return (position, length) of what is left of a run without the linker's and start-up code."""
    position = 0
    while position < len(raw):
        match = _LINKER.match(raw, position)
        if match is None:
            for pattern in patterns:
                match = re.compile(pattern, re.DOTALL).match(raw, position)
                if match is not None and match.end() > position:
                    patterns.remove(pattern)
                    break
        if match is None or match.end() == position:
            return [(position, len(raw) - position)]
        position = match.end()
    return []
