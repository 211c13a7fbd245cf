"""What loading a file would do to memory, against what its headers let one see: the program headers decide.

A linker's output has one layout that everybody reads alike. A crafted one may show a reader other code than
the processor runs: segments over each other, section headers that point elsewhere, code outside every
section, memory both writable and executable, relocations that rewrite code, starting points in data. None of
this proves ordinary code; any of it means that nothing else in the file proves Fil-C code.

Sources: the gABI (chapter 5); Linux, fs/binfmt_elf.c; musl, ldso/dynlink.c; glibc, elf/dl-load.c.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from filcross.elf import image as elf
from filcross.elf.verdict import MAX_EVIDENCE, Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from filcross.elf.image import Image, Section, Segment

_PAGE = 4096
_NO_ADDRESS = (0, (1 << 64) - 1)
_MAX_ARRAY = 1 << 20
_MAX_LOADS = 32  # segments in memory: linkers make up to six, tools that edit ELF files add one each time
_PLACED = (
    (elf.PT_DYNAMIC, "the dynamic section"),
    (elf.PT_INTERP, "the loader's path"),
    (elf.PT_PHDR, "the table of segments"),  # the loader tells from it where the file was loaded
)
_ARRAYS = (
    (elf.DT_PREINIT_ARRAY, elf.DT_PREINIT_ARRAYSZ, "preinit"),
    (elf.DT_INIT_ARRAY, elf.DT_INIT_ARRAYSZ, "init"),
    (elf.DT_FINI_ARRAY, elf.DT_FINI_ARRAYSZ, "fini"),
)


def layout_findings(image: Image) -> list[Finding]:
    """Return what makes the layout of a linked 64-bit file untrustworthy (nothing: empty)."""
    number = len(_loads(image))
    if number > _MAX_LOADS:
        return [Finding("FILC-N317", f"{number} segments are loaded: more than any linker makes")]
    found = []
    for code, message, problems in (
        ("FILC-N317", "the headers show another file than the one that is loaded", _contradictions),
        ("FILC-N318", "memory is executable that no code section covers", _executable_memory),
        ("FILC-N319", "the loader changes or chooses code", _code_relocations),
        ("FILC-N320", "the file starts at a place that is no code", _starts),
    ):
        try:
            evidence = tuple(
                problem for problem, _ in zip(problems(image), range(MAX_EVIDENCE), strict=False)
            )
        except elf.ImageError as error:
            evidence = (str(error),)
        if evidence:
            found.append(Finding(code, message, evidence))
    return found


def _loads(image: Image) -> list[Segment]:
    return [segment for segment in image.segments if segment.type == elf.PT_LOAD and segment.memory_size]


def _contradictions(image: Image) -> Iterator[str]:
    loads = _loads(image)
    yield from _segments(image, loads)
    yield from _tables(image)
    for section in image.sections:
        if section.flags & elf.SHF_ALLOC and section.size and not _agrees(section, loads):
            yield f"section {section.name} at {section.address:#x} is not what is loaded there"


def _segments(image: Image, loads: list[Segment]) -> Iterator[str]:
    end = 0
    for segment in loads:
        if segment.file_size > segment.memory_size:
            yield f"the segment at {segment.address:#x} is larger in the file than in memory"
        if segment.offset % _PAGE != segment.address % _PAGE:
            yield f"the segment at {segment.address:#x} is at another place of its page in the file"
        if segment.offset + segment.file_size > image.window.size:
            yield f"the segment at {segment.address:#x} goes on after the end of the file"
        if segment.address // _PAGE * _PAGE < end:
            yield f"the segment at {segment.address:#x} is mapped over the one before it"
        end = -(-(segment.address + segment.memory_size) // _PAGE) * _PAGE


def _tables(image: Image) -> Iterator[str]:
    for kind, name in _PLACED:
        several = [segment for segment in image.segments if segment.type == kind]
        if len(several) > 1:
            yield f"{len(several)} times {name}"
        for segment in several:
            if image.file_offset(segment.address) != segment.offset:
                yield f"{name}: the loader finds it at another place than the header says"
            if kind == elf.PT_DYNAMIC and image.sections and not _is_shown(image, segment):
                yield f"{name}: no section header shows the one that is loaded"
    table = len(image.dynamic_symbols) if image.dynamic_symbols is not None else 1
    dynamic = [segment for segment in image.segments if segment.type == elf.PT_DYNAMIC]
    writable = [segment for segment in _loads(image) if segment.flags & (elf.PF_W | elf.PF_X)]
    for relocation in image.relocations():
        if not any(0 <= relocation.offset - item.address <= item.memory_size - 4 for item in writable):
            yield f"a relocation changes memory at {relocation.offset:#x}, which is not the file's to change"
        if relocation.symbol >= max(table, 1):
            yield f"a relocation names symbol {relocation.symbol} of {table}"
        if any(0 <= relocation.offset - item.address < item.memory_size for item in dynamic):
            yield f"a relocation changes the dynamic section at {relocation.offset:#x}"


def _is_shown(image: Image, dynamic: Segment) -> bool:
    """Return whether a section header says where the dynamic section is."""
    places = [item.address for item in image.sections if item.type == elf.SHT_DYNAMIC]
    return dynamic.address in places


def _agrees(section: Section, loads: list[Segment]) -> bool:
    if section.type == elf.SHT_NOBITS:
        return True
    return any(
        segment.address <= section.address
        and section.address + section.size <= segment.address + segment.file_size
        and section.offset - segment.offset == section.address - segment.address
        for segment in loads
    )


def _executable_memory(image: Image) -> Iterator[str]:
    loads = _loads(image)
    if any(item.type == elf.PT_GNU_STACK and item.flags & elf.PF_X for item in image.segments):
        yield "the stack"
    for segment in loads:
        if not segment.flags & elf.PF_X:
            continue
        if segment.flags & elf.PF_W:
            yield f"the segment at {segment.address:#x} is writable too"
        if image.sections:
            yield from _uncovered(image, segment)
        start, end = segment.offset, segment.offset + segment.file_size
        head, tail = start // _PAGE * _PAGE, min(-(-end // _PAGE) * _PAGE, image.window.size)
        for first, last in ((head, start), (end, tail)):
            position = first
            for other in sorted(loads, key=lambda item: item.offset):
                if other is not segment and other.offset < last and position < other.offset + other.file_size:
                    yield from _nonzero(image, position, min(other.offset, last))
                    position = max(position, other.offset + other.file_size)
            yield from _nonzero(image, position, last)


def _nonzero(image: Image, start: int, end: int) -> Iterator[str]:
    if start < end and image.window.read(start, end - start).strip(b"\0"):
        yield f"bytes {start} to {end} of the file share a page with code"


def _uncovered(image: Image, segment: Segment) -> Iterator[str]:
    """Yield what of an executable segment is in no executable section (and not just zeros)."""
    position, end = segment.address, segment.address + segment.file_size
    covers = sorted((item.address, item.address + item.size) for item in image.code_sections)
    for first, last in (*covers, (end, end)):
        if position < min(first, end):
            raw = image.loaded(position, min(first, end) - position)
            if raw.strip(b"\0"):
                yield f"{len(raw)} bytes at {position:#x} are executable and in no code section"
        position = max(position, last)


def _executable(image: Image) -> list[tuple[int, int]]:
    return [
        (segment.address, segment.address + segment.memory_size)
        for segment in _loads(image)
        if segment.flags & elf.PF_X
    ]


def _code_relocations(image: Image) -> Iterator[str]:
    if elf.DT_TEXTREL in image.tags or image.tags.get(elf.DT_FLAGS, 0) & elf.DF_TEXTREL:
        yield "the file asks for relocations of its code"
    areas = _executable(image)
    for relocation in image.relocations():
        if any(start <= relocation.offset + 7 and relocation.offset < end for start, end in areas):
            yield f"a relocation changes code at {relocation.offset:#x}"
        if relocation.type == elf.R_IRELATIVE:
            yield f"code at {relocation.addend:#x} chooses a function while the file is loaded"
    if image.dynamic_symbols is not None:
        for symbol in image.dynamic_symbols.symbols():
            if symbol.type == elf.STT_GNU_IFUNC and symbol.section:
                yield f"{symbol.name.decode('utf-8', 'backslashreplace')} is an indirect function"


def _starts(image: Image) -> Iterator[str]:
    sections = [(item.address, item.address + item.size) for item in image.code_sections]
    code = sections or _executable(image)

    def is_code(address: int) -> bool:
        return any(start <= address < end for start, end in code)

    if image.entry and not is_code(image.entry):
        yield f"entry point {image.entry:#x}"
    for tag, name in ((elf.DT_INIT, "DT_INIT"), (elf.DT_FINI, "DT_FINI")):
        if image.tags.get(tag) and not is_code(image.tags[tag]):
            yield f"{name} {image.tags[tag]:#x}"
    entries, problems = _arrays(image)
    yield from problems
    if entries:
        yield from _entries(image, entries, is_code)


def _entries(
    image: Image, entries: dict[int, tuple[int, str]], is_code: Callable[[int], bool]
) -> Iterator[str]:
    for relocation in image.relocations():
        if relocation.offset not in entries:
            continue
        value, name = entries.pop(relocation.offset)
        if relocation.type == elf.R_RELATIVE:
            value = relocation.addend or value
            if not is_code(value):
                yield f"{name} array entry {value:#x}"
        elif relocation.type != elf.R_64:
            yield f"{name} array entry with a relocation of type {relocation.type}"
    for value, name in entries.values():
        if value not in _NO_ADDRESS and (image.type == elf.ET_DYN or not is_code(value)):
            yield f"{name} array entry {value:#x}"


def _arrays(image: Image) -> tuple[dict[int, tuple[int, str]], list[str]]:
    """Return the functions that the loader calls, (value in the file, array) by address; and problems."""
    entries: dict[int, tuple[int, str]] = {}
    problems = []
    for tag, size_tag, name in _ARRAYS:
        size = image.tags.get(size_tag, 0)
        if not image.tags.get(tag) or not size:
            continue
        if size > _MAX_ARRAY:
            problems.append(f"{name} array of {size} bytes")
            continue
        raw = image.loaded(image.tags[tag], size // 8 * 8)
        order = "<" if image.little else ">"
        for number, (value,) in enumerate(struct.iter_unpack(f"{order}Q", raw)):
            entries[image.tags[tag] + number * 8] = (value, name)
    return entries, problems
