"""What one ELF file says about itself, read with `pread` and `struct`.

Only what the loader and the linker act on is read: headers, loader, dynamic section, symbols, notes, the
`.comment` section. Nothing is mapped, no file is read whole, and every length, offset and count is checked
against the file before it is used, because a file from a build is untrusted input. What cannot be read
raises `ImageError`; no other error leaves this module for bad contents.

Layout and constants: the System V ABI (gABI) chapters 4 and 5, the x86-64 psABI, and `elf.h`.
"""

from __future__ import annotations

import hashlib
import os
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

MAGIC = b"\x7fELF"

ET_REL, ET_EXEC, ET_DYN, ET_CORE = 1, 2, 3, 4
EM_X86_64, EM_AARCH64 = 62, 183
PT_LOAD, PT_DYNAMIC, PT_INTERP, PT_NOTE = 1, 2, 3, 4
PF_X = 1
SHT_NULL, SHT_PROGBITS, SHT_SYMTAB, SHT_STRTAB, SHT_NOTE, SHT_NOBITS, SHT_DYNSYM = 0, 1, 2, 3, 7, 8, 11
SHF_ALLOC, SHF_EXECINSTR = 2, 4
SHN_UNDEF, SHN_LORESERVE, SHN_ABS, SHN_COMMON, SHN_XINDEX = 0, 0xFF00, 0xFFF1, 0xFFF2, 0xFFFF
STB_LOCAL, STB_GLOBAL, STB_WEAK, STB_GNU_UNIQUE = 0, 1, 2, 10
STT_NOTYPE, STT_OBJECT, STT_FUNC, STT_SECTION, STT_FILE = 0, 1, 2, 3, 4
STT_COMMON, STT_TLS, STT_GNU_IFUNC = 5, 6, 10
STV_DEFAULT, STV_INTERNAL, STV_HIDDEN, STV_PROTECTED = 0, 1, 2, 3
PN_XNUM = 0xFFFF

PF_W, PT_PHDR, PT_GNU_STACK = 2, 6, 0x6474E551
DT_PLTRELSZ, DT_RELA, DT_RELASZ, DT_INIT, DT_FINI, DT_REL, DT_RELSZ = 2, 7, 8, 12, 13, 17, 18
DT_PLTREL, DT_TEXTREL, DT_JMPREL, DT_INIT_ARRAY, DT_FINI_ARRAY = 20, 22, 23, 25, 26
DT_INIT_ARRAYSZ, DT_FINI_ARRAYSZ, DT_FLAGS, DT_PREINIT_ARRAY, DT_PREINIT_ARRAYSZ = 27, 28, 30, 32, 33
DT_RELRSZ, DT_RELR = 35, 36
DF_TEXTREL = 4
SHT_RELA, SHT_INIT_ARRAY, SHT_FINI_ARRAY, SHT_PREINIT_ARRAY = 4, 14, 15, 16
DT_NULL, DT_NEEDED, DT_HASH, DT_STRTAB, DT_SYMTAB, DT_STRSZ, DT_SYMENT = 0, 1, 4, 5, 6, 10, 11
DT_SONAME, DT_RPATH, DT_RUNPATH, DT_GNU_HASH, DT_FLAGS_1 = 14, 15, 29, 0x6FFFFEF5, 0x6FFFFFFB
DT_AUXILIARY, DT_FILTER, DT_AUDIT, DT_DEPAUDIT = 0x7FFFFFFD, 0x7FFFFFFF, 0x6FFFFEFC, 0x6FFFFEFB
DF_1_NODEFLIB, DF_1_PIE = 0x800, 0x08000000

R_64, R_PC32, R_GLOB_DAT, R_JUMP_SLOT, R_RELATIVE, R_PC64, R_IRELATIVE = 1, 2, 6, 7, 8, 24, 37  # x86-64
NT_GNU_BUILD_ID = 3
NT_FDO_DLOPEN = 0x407C0C0A  # https://systemd.io/ELF_DLOPEN_METADATA/

_HEAD_BYTES = 4096
_MAX_SEGMENTS = 4096
_MAX_TABLE = 256 << 20  # bytes of one symbol or string table
_MAX_NOTES = 8 << 20
_MAX_COMMENT = 1 << 20
_MAX_DYNAMIC = 1 << 20
_MAX_PATH = 1 << 16


class ImageError(Exception):
    """The bytes are not an ELF file that can be read; the text says why."""


class NotElfError(ImageError):
    """The bytes do not begin with the ELF magic number."""


class Section(NamedTuple):
    """One section header (`name` decoded, everything else as in the file)."""

    name: str
    type: int
    flags: int
    address: int
    offset: int
    size: int
    link: int
    info: int
    alignment: int
    entry_size: int


class Segment(NamedTuple):
    """One program header."""

    type: int
    flags: int
    offset: int
    address: int
    file_size: int
    memory_size: int
    alignment: int


class Symbol(NamedTuple):
    """One symbol: raw name bytes, `STB_*`, `STT_*`, `STV_*`, section index, value and size."""

    name: bytes
    bind: int
    type: int
    visibility: int
    section: int
    value: int
    size: int


class Note(NamedTuple):
    """One ELF note: owner (without its NUL), type number and descriptor.

    `section` and `place` say where the descriptor is: in a linked file -1 and its address, in an object file
    the section's index and the offset in it.
    """

    owner: bytes
    type: int
    descriptor: bytes
    section: int = -1
    place: int = 0


class Relocation(NamedTuple):
    """One relocation: the place that it changes, its type, the symbol's index and the addend."""

    offset: int
    type: int
    symbol: int
    addend: int


@dataclass(frozen=True, slots=True)
class SymbolTable:
    """A symbol table as raw entries and strings; symbols are decoded while they are walked."""

    entries: bytes
    strings: bytes
    layout: struct.Struct
    bits: int

    def __len__(self) -> int:
        return len(self.entries) // self.layout.size

    def rows(self) -> Iterator[tuple[int, int, int, int, int, int]]:
        """Yield (name offset, info, other, section, value, size) without the null entry."""
        walk = self.layout.iter_unpack(self.entries)
        next(walk, None)
        if self.bits == 64:  # noqa: PLR2004
            yield from walk
        else:
            for name, value, size, info, other, section in walk:
                yield name, info, other, section, value, size

    def name(self, offset: int) -> bytes:
        """Return the string at `offset`; raise `ImageError` outside the table or without an end."""
        end = self.strings.find(b"\0", offset)
        if end < 0:
            raise ImageError(f"symbol name at {offset} lies outside its string table")
        return self.strings[offset:end]

    def symbols(self) -> Iterator[Symbol]:
        """Yield every symbol but the null entry."""
        strings, find, new = self.strings, self.strings.find, tuple.__new__
        for offset, info, other, section, value, size in self.rows():
            end = find(b"\0", offset)
            if end < 0:
                raise ImageError(f"symbol name at {offset} lies outside its string table")
            fields = (strings[offset:end], info >> 4, info & 15, other & 3, section, value, size)
            yield new(Symbol, fields)


@dataclass(frozen=True, slots=True)
class Image:
    """The facts of one ELF file.

    `needed`, `rpath` and `runpath` are as in the file (search paths undivided, `$ORIGIN` unexpanded).
    `dynamic_symbols` and `symbols` are `None` where the file has no such table. `fallback` says that the
    dynamic symbols were counted by a hash table because there is no section header for them.
    """

    bits: int
    little: bool
    type: int
    machine: int
    entry: int
    interpreter: str | None
    needed: tuple[str, ...]
    soname: str | None
    rpath: str | None
    runpath: str | None
    flags_1: int
    filters: tuple[str, ...]
    has_dynamic: bool
    segments: tuple[Segment, ...]
    sections: tuple[Section, ...]
    dynamic_symbols: SymbolTable | None
    symbols: SymbolTable | None
    notes: tuple[Note, ...]
    producers: tuple[str, ...]
    fallback: bool
    tags: dict[int, int]
    window: Window = field(repr=False, compare=False)

    @property
    def kind(self) -> str:
        """Return `object`, `executable`, `library`, `static`, `debug`, `core` or `other`."""
        if self.type not in (ET_EXEC, ET_DYN):
            return {ET_REL: "object", ET_CORE: "core"}.get(self.type, "other")
        if self.is_debug:
            return "debug"
        program = self.type == ET_EXEC or self.is_pie
        if self.interpreter is not None and (program or self.soname is None):
            return "executable"
        if program:
            return "executable" if self.needed else "static"
        return "library"

    @property
    def is_pie(self) -> bool:
        """Return whether the linker marked a position-independent program."""
        return bool(self.flags_1 & DF_1_PIE)

    @property
    def is_debug(self) -> bool:
        """Return whether only debugging information is here: code sections without contents."""
        code = [section for section in self.sections if section.flags & SHF_EXECINSTR]
        empty = bool(code) and all(section.type == SHT_NOBITS for section in code)
        return (
            empty
            and not self.has_dynamic
            and not any(
                segment.type == PT_LOAD and segment.flags & PF_X and segment.file_size
                for segment in self.segments
            )
        )

    @property
    def is_empty_object(self) -> bool:
        """Return whether this is an object file without code, data and symbols to link."""
        if self.type != ET_REL or not self.sections:
            return False
        if any(
            section.flags & SHF_ALLOC and section.size and section.type != SHT_NOTE
            for section in self.sections
        ):
            return False
        table = self.symbols
        return table is None or all(
            symbol.type in (STT_FILE, STT_SECTION) or not symbol.name for symbol in table.symbols()
        )

    @property
    def build_id(self) -> str | None:
        """Return the GNU build-id as hexadecimal digits."""
        for note in self.notes:
            if note.owner == b"GNU" and note.type == NT_GNU_BUILD_ID:
                return note.descriptor.hex()
        return None

    @property
    def code_sections(self) -> tuple[Section, ...]:
        """Return the sections that hold machine code."""
        return tuple(
            section
            for section in self.sections
            if section.flags & SHF_EXECINSTR and section.type != SHT_NOBITS and section.size
        )

    @property
    def code_size(self) -> int:
        """Return the bytes of machine code in sections."""
        return sum(section.size for section in self.code_sections)

    def file_offset(self, address: int) -> int | None:
        """Return where in the file the byte at `address` of the loaded image is, `None` if nowhere."""
        for segment in self.segments:
            if segment.type == PT_LOAD and 0 <= address - segment.address < segment.file_size:
                return address - segment.address + segment.offset
        return None

    def loaded(self, address: int, size: int) -> bytes:
        """Return `size` bytes of the loaded image; raise `ImageError` where the file does not hold them."""
        offset = self.file_offset(address)
        if offset is None:
            raise ImageError(f"address {address:#x} is in no loaded segment")
        return self.window.read(offset, size)

    def relocations(self) -> Iterator[Relocation]:
        """Yield what the loader would relocate in a 64-bit file (tables with addends, and packed ones).

        Packed relocations (DT_RELR) are given as relative ones without an addend. Raises `ImageError` for
        tables outside the file.
        """
        tags = self.tags
        order = "<" if self.little else ">"
        for table, size_tag in ((DT_RELA, DT_RELASZ), (DT_JMPREL, DT_PLTRELSZ)):
            size = tags.get(size_tag, 0)
            if table not in tags or not size:
                continue
            if size > _MAX_TABLE:
                raise ImageError("relocations of more than 256 MiB")
            raw = self.loaded(tags[table], size // 24 * 24)
            for offset, info, addend in struct.iter_unpack(f"{order}QQq", raw):
                yield Relocation(offset, info & 0xFFFFFFFF, info >> 32, addend)
        if tags.get(DT_RELSZ) and DT_REL in tags:
            raise ImageError("relocations without addends in a 64-bit file")
        if tags.get(DT_RELRSZ) and DT_RELR in tags:
            yield from self._packed_relocations(order)

    def _packed_relocations(self, order: str) -> Iterator[Relocation]:
        size = self.tags[DT_RELRSZ]
        if size > _MAX_TABLE >> 6:
            raise ImageError("packed relocations of more than 4 MiB")
        place = 0
        for (word,) in struct.iter_unpack(f"{order}Q", self.loaded(self.tags[DT_RELR], size // 8 * 8)):
            if not word & 1:
                yield Relocation(word, R_RELATIVE, 0, 0)
                place = word + 8
                continue
            for bit in range(1, 64):
                if word >> bit & 1:
                    yield Relocation(place + (bit - 1) * 8, R_RELATIVE, 0, 0)
            place += 63 * 8

    def section_relocations(self, index: int) -> Iterator[Relocation]:
        """Yield the relocations of section `index` of a 64-bit object file."""
        order = "<" if self.little else ">"
        for table in self.sections:
            if table.type != SHT_RELA or table.info != index:
                continue
            raw = self.window.read(table.offset, min(table.size, _MAX_TABLE) // 24 * 24)
            for offset, info, addend in struct.iter_unpack(f"{order}QQq", raw):
                yield Relocation(offset, info & 0xFFFFFFFF, info >> 32, addend)

    def code_hash(self) -> str | None:
        """Return a hash of what the file does: code, data, relocations, symbol names, where it starts.

        It survives what relocating a file changes (search paths, loader, stripping) and nothing else.
        `None` without section headers or without code.
        """
        if not self.code_sections:
            return None
        digest = hashlib.sha256(f"{self.bits} {self.little} {self.machine} {self.type == ET_REL}\n".encode())
        for section in self.sections:
            if section.flags & SHF_ALLOC and section.size and not _is_relocated(section, self.type):
                digest.update(f"{section.name}\0{section.size}\n".encode("utf-8", "surrogateescape"))
                self._digest_contents(section, digest)
        table = self.symbols if self.type == ET_REL else self.dynamic_symbols
        if table is not None:
            names = sorted(
                symbol.name + (b"?" if symbol.section == SHN_UNDEF else b"!")
                for symbol in table.symbols()
                if symbol.bind != STB_LOCAL
            )
            digest.update(b"\n".join(names))
        if self.bits == 64:  # noqa: PLR2004
            digest.update("\n".join(sorted(self._relocation_texts())).encode("utf-8", "backslashreplace"))
        starts = [self.entry, *(self.tags.get(tag, 0) for tag in _STARTS)]
        digest.update(f"\n{starts}".encode())
        return digest.hexdigest()

    def _digest_contents(self, section: Section, digest: hashlib._Hash) -> None:
        if section.type == SHT_NOBITS:
            return
        position, end = section.offset, section.offset + section.size
        while position < end:
            chunk = self.window.read(position, min(1 << 20, end - position))
            digest.update(chunk)
            position += len(chunk)

    def _relocation_texts(self) -> Iterator[str]:
        """Yield a text for each relocation; symbols by name, since stripping renumbers them."""
        if self.type != ET_REL:
            names = (
                [b"", *(symbol.name for symbol in self.dynamic_symbols.symbols())]
                if self.dynamic_symbols
                else []
            )
            for offset, kind, symbol, addend in self.relocations():
                text = names[symbol] if symbol < len(names) else b"?"
                yield f"{offset} {kind} {text!r} {addend}"
            return
        table = [Symbol(b"", 0, 0, 0, 0, 0, 0), *self.symbols.symbols()] if self.symbols else []
        for index, section in enumerate(self.sections):
            if not section.flags & SHF_ALLOC or section.type == SHT_NOTE or section.name == ".eh_frame":
                continue
            for offset, kind, symbol, addend in self.section_relocations(index):
                what = table[symbol] if symbol < len(table) else Symbol(b"?", 0, 0, 0, 0, 0, 0)
                name = f"{what.name!r}"
                if what.bind == STB_LOCAL and what.section < len(self.sections):
                    name, addend = self.sections[what.section].name, addend + what.value  # noqa: PLW2901
                yield f"{section.name} {offset} {kind} {name} {addend}"


_STARTS = (
    *(DT_INIT, DT_FINI, DT_PREINIT_ARRAY, DT_PREINIT_ARRAYSZ),
    *(DT_INIT_ARRAY, DT_INIT_ARRAYSZ, DT_FINI_ARRAY, DT_FINI_ARRAYSZ),
)
_HASHED = frozenset({SHT_PROGBITS, SHT_NOBITS, SHT_INIT_ARRAY, SHT_FINI_ARRAY, SHT_PREINIT_ARRAY})
_CHANGED = frozenset({".interp", ".got", ".got.plt", ".dynamic", ".comment"})


def _is_relocated(section: Section, kind: int) -> bool:
    """Return whether relocating or stripping a file may change the section (tables for the loader, notes)."""
    if section.flags & SHF_EXECINSTR:
        return False
    if section.type not in _HASHED or section.name in _CHANGED:
        return True
    return kind == ET_REL and section.name == ".eh_frame"


class Window:
    """A file, or one archive member in it, read by position and never beyond its end."""

    __slots__ = ("base", "descriptor", "size")

    def __init__(self, descriptor: int, base: int = 0, size: int | None = None) -> None:
        self.descriptor = descriptor
        self.base = base
        self.size = os.fstat(descriptor).st_size - base if size is None else size

    def read(self, offset: int, size: int) -> bytes:
        """Return exactly `size` bytes at `offset`, or raise `ImageError`."""
        if offset < 0 or size < 0 or offset + size > self.size:
            raise ImageError(f"{size} bytes at {offset} lie outside the file of {self.size} bytes")
        if not size:
            return b""
        data = os.pread(self.descriptor, size, self.base + offset)
        if len(data) != size:
            raise ImageError("the file became shorter while it was read")
        return data

    def sub(self, offset: int, size: int) -> Window:
        """Return the window on `size` bytes at `offset` of this one."""
        if offset < 0 or size < 0 or offset + size > self.size:
            raise ImageError(f"a member of {size} bytes at {offset} lies outside the archive")
        return Window(self.descriptor, self.base + offset, size)


def read_image(window: Window) -> Image:
    """Read the ELF file in `window`.

    Raises `NotElfError` for other contents, `ImageError` for an ELF file that is truncated or makes no
    sense, `OSError` where the system cannot read.
    """
    return _Reader(window).image()


_EHDR = {64: "HHIQQQIHHHHHH", 32: "HHIIIIIHHHHHH"}
_PHDR = {64: "IIQQQQQQ", 32: "IIIIIIII"}
_SHDR = {64: "IIQQQQIIQQ", 32: "IIIIIIIIII"}
_SYM = {64: "IBBHQQ", 32: "IIIBBH"}
_DYN = {64: "qQ", 32: "iI"}
_LAYOUTS = {
    (bits, little): {
        name: struct.Struct(("<" if little else ">") + table[bits])
        for name, table in (
            ("ehdr", _EHDR),
            ("phdr", _PHDR),
            ("shdr", _SHDR),
            ("sym", _SYM),
            ("dyn", _DYN),
            ("word", {64: "I", 32: "I"}),
            ("note", {64: "III", 32: "III"}),
            ("gnu", {64: "IIII", 32: "IIII"}),
        )
    }
    for bits in (32, 64)
    for little in (True, False)
}


class _Dynamic(NamedTuple):
    needed: tuple[str, ...] = ()
    soname: str | None = None
    rpath: str | None = None
    runpath: str | None = None
    flags_1: int = 0
    filters: tuple[str, ...] = ()
    present: bool = False
    single: dict[int, int] | None = None
    strings: bytes = b""


def _text(strings: bytes, offset: int) -> str:
    end = strings.find(b"\0", offset)
    if end < 0:
        raise ImageError("a dynamic string lies outside its table")
    return os.fsdecode(strings[offset:end])


class _Reader:
    """Reads one image; every step trusts only what the steps before it checked."""

    def __init__(self, window: Window) -> None:
        self.window = window
        self.head = window.read(0, min(_HEAD_BYTES, window.size))
        if self.head[:4] != MAGIC:
            raise NotElfError("no ELF magic number")
        if len(self.head) < 16:  # noqa: PLR2004
            raise ImageError("truncated in the identification")
        if self.head[4] not in (1, 2) or self.head[5] not in (1, 2):
            raise ImageError(f"unknown class {self.head[4]} or byte order {self.head[5]}")
        self.bits = 64 if self.head[4] == 2 else 32  # noqa: PLR2004
        self.little = self.head[5] == 1
        self.layouts = _LAYOUTS[self.bits, self.little]

    def image(self) -> Image:
        ehdr = self.layouts["ehdr"]
        if len(self.head) < 16 + ehdr.size:
            raise ImageError("truncated in the header")
        (kind, machine, version, entry, phoff, shoff, _flags, _ehsize) = ehdr.unpack_from(self.head, 16)[:8]
        phentsize, phnum, shentsize, shnum, shstrndx = ehdr.unpack_from(self.head, 16)[8:]
        if version != 1:
            raise ImageError(f"unknown ELF version {version}")
        raw = self.raw_sections(shoff, shentsize, shnum)
        if phnum == PN_XNUM and raw:
            phnum = raw[0][7]
        if shstrndx == SHN_XINDEX and raw:
            shstrndx = raw[0][6]
        segments = self.segments(phoff, phentsize, phnum)
        sections = self.sections(raw, shstrndx)
        dynamic = self.dynamic(segments, sections)
        dynamic_symbols, fallback = self.dynamic_symbols(dynamic, segments, sections)
        return Image(
            bits=self.bits,
            little=self.little,
            type=kind,
            machine=machine,
            entry=entry,
            interpreter=self.interpreter(segments),
            needed=dynamic.needed,
            soname=dynamic.soname,
            rpath=dynamic.rpath,
            runpath=dynamic.runpath,
            flags_1=dynamic.flags_1,
            filters=dynamic.filters,
            has_dynamic=dynamic.present,
            segments=segments,
            sections=sections,
            dynamic_symbols=dynamic_symbols,
            symbols=self.static_symbols(sections),
            notes=self.notes(segments, sections),
            producers=self.producers(sections),
            fallback=fallback,
            tags=dynamic.single or {},
            window=self.window,
        )

    def read(self, offset: int, size: int) -> bytes:
        if offset >= 0 and offset + size <= len(self.head):
            return self.head[offset : offset + size]
        return self.window.read(offset, size)

    # Tables

    def raw_sections(self, offset: int, entry_size: int, count: int) -> list[tuple[int, ...]]:
        layout = self.layouts["shdr"]
        if not offset:
            return []
        if entry_size != layout.size:
            raise ImageError(f"section headers of {entry_size} bytes")
        if not count:  # more than 0xff00 sections: the number is in the first header
            count = layout.unpack(self.read(offset, layout.size))[5]
            if not count:
                return []
        if count * layout.size > self.window.size:
            raise ImageError(f"{count} section headers do not fit into the file")
        return list(layout.iter_unpack(self.read(offset, count * layout.size)))

    def segments(self, offset: int, entry_size: int, count: int) -> tuple[Segment, ...]:
        layout = self.layouts["phdr"]
        if not count:
            return ()
        if entry_size != layout.size:
            raise ImageError(f"program headers of {entry_size} bytes")
        if count > _MAX_SEGMENTS:
            raise ImageError(f"{count} program headers")
        found = []
        for fields in layout.iter_unpack(self.read(offset, count * layout.size)):
            if self.bits == 64:  # noqa: PLR2004
                kind, flags, start, address, _, file_size, memory_size, alignment = fields
            else:
                kind, start, address, _, file_size, memory_size, flags, alignment = fields
            found.append(Segment(kind, flags, start, address, file_size, memory_size, alignment))
        return tuple(found)

    def sections(self, raw: list[tuple[int, ...]], names_index: int) -> tuple[Section, ...]:
        if not raw:
            return ()
        names = b""
        if names_index:
            if names_index >= len(raw):
                raise ImageError(f"section names in section {names_index} of {len(raw)}")
            _, kind, _, _, offset, size = raw[names_index][:6]
            if kind == SHT_NOBITS or size > _MAX_TABLE:
                raise ImageError("section names without contents")
            names = self.read(offset, size)
        found = []
        for fields in raw:
            name, kind, flags, address, offset, size, link, info, alignment, entry_size = fields
            end = names.find(b"\0", name)
            if end < 0 and names:
                raise ImageError("a section name lies outside its string table")
            if kind not in (SHT_NULL, SHT_NOBITS) and offset + size > self.window.size:
                raise ImageError("a section lies outside the file")
            text = names[name:end].decode("utf-8", "surrogateescape") if names else ""
            found.append(Section(text, kind, flags, address, offset, size, link, info, alignment, entry_size))
        return tuple(found)

    # Dynamic section

    def interpreter(self, segments: tuple[Segment, ...]) -> str | None:
        for segment in segments:
            if segment.type != PT_INTERP or not segment.file_size:
                continue
            if segment.file_size > _MAX_PATH:
                raise ImageError("a loader path of more than 64 KiB")
            raw = self.read(segment.offset, segment.file_size)
            return os.fsdecode(raw.split(b"\0", 1)[0])
        return None

    def dynamic(self, segments: tuple[Segment, ...], sections: tuple[Section, ...]) -> _Dynamic:
        found = [item for item in segments if item.type == PT_DYNAMIC]
        if not found or not (found[-1].memory_size or found[-1].file_size):
            return _Dynamic()
        segment = found[-1]  # the loaders take the last one, by its address, and read to DT_NULL
        if any(item.type == SHT_NOBITS and item.name == ".dynamic" for item in sections):
            return _Dynamic()  # a split debug file: the table has no contents here
        if segment.file_size > _MAX_DYNAMIC:
            raise ImageError("a dynamic section of more than 1 MiB")
        start, room = self.mapped(segment, segments)
        layout = self.layouts["dyn"]
        size = room // layout.size * layout.size
        needed: list[int] = []
        filters: list[int] = []
        single: dict[int, int] = {}
        for tag, value in layout.iter_unpack(self.read(start, size)):
            if tag == DT_NULL:
                break
            if tag == DT_NEEDED:
                needed.append(value)
            elif tag in (DT_AUXILIARY, DT_FILTER, DT_AUDIT, DT_DEPAUDIT):
                filters.append(value)
            else:
                single[tag] = value
        strings = self.dynamic_strings(single, segments)
        named = {
            tag: _text(strings, single[tag]) for tag in (DT_SONAME, DT_RPATH, DT_RUNPATH) if tag in single
        }
        return _Dynamic(
            needed=tuple(_text(strings, value) for value in needed),
            soname=named.get(DT_SONAME),
            rpath=named.get(DT_RPATH),
            runpath=named.get(DT_RUNPATH),
            flags_1=single.get(DT_FLAGS_1, 0),
            filters=tuple(_text(strings, value) for value in filters),
            present=True,
            single=single,
            strings=strings,
        )

    def mapped(self, dynamic: Segment, segments: tuple[Segment, ...]) -> tuple[int, int]:
        """Return where in the file the dynamic section is, and how far its segment goes on from there."""
        for segment in segments:
            inside = dynamic.address - segment.address
            if segment.type == PT_LOAD and 0 <= inside < segment.file_size:
                return segment.offset + inside, min(segment.file_size - inside, _MAX_DYNAMIC)
        raise ImageError("the dynamic section is in no loaded segment")

    def dynamic_strings(self, single: dict[int, int], segments: tuple[Segment, ...]) -> bytes:
        if DT_STRTAB not in single:
            return b""
        size = single.get(DT_STRSZ, 0)
        if size > _MAX_TABLE:
            raise ImageError("a dynamic string table of more than 256 MiB")
        return self.read(self.offset_of(single[DT_STRTAB], segments), size)

    def offset_of(self, address: int, segments: tuple[Segment, ...]) -> int:
        for segment in segments:
            if segment.type == PT_LOAD and segment.address <= address < segment.address + segment.file_size:
                return address - segment.address + segment.offset
        raise ImageError(f"address {address:#x} is in no loaded segment")

    # Symbols

    def dynamic_symbols(
        self, dynamic: _Dynamic, segments: tuple[Segment, ...], sections: tuple[Section, ...]
    ) -> tuple[SymbolTable | None, bool]:
        single = dynamic.single
        if not single or DT_SYMTAB not in single:
            return None, False
        layout = self.layouts["sym"]
        if single.get(DT_SYMENT, layout.size) != layout.size:
            raise ImageError(f"dynamic symbols of {single[DT_SYMENT]} bytes")
        offset = self.offset_of(single[DT_SYMTAB], segments)
        count = self.hash_count(single, segments)
        header = next((item for item in sections if item.type == SHT_DYNSYM and item.offset == offset), None)
        if header is not None:
            count = max(count, header.size // layout.size)
        size = count * layout.size
        if size > _MAX_TABLE:
            raise ImageError(f"{count} dynamic symbols")
        return SymbolTable(self.read(offset, size), dynamic.strings, layout, self.bits), header is None

    def hash_count(self, single: dict[int, int], segments: tuple[Segment, ...]) -> int:
        """Return the number of dynamic symbols that the hash tables know (the loader has only these)."""
        count = 0
        word = self.layouts["word"]
        if DT_HASH in single:
            offset = self.offset_of(single[DT_HASH], segments)
            count = int(word.unpack(self.read(offset + 4, 4))[0])
        if DT_GNU_HASH in single:
            count = max(count, self.gnu_hash_count(self.offset_of(single[DT_GNU_HASH], segments)))
        return count

    def gnu_hash_count(self, offset: int) -> int:
        header = self.layouts["gnu"].unpack(self.read(offset, 16))
        buckets, first, blooms = (int(value) for value in header[:3])
        start = offset + 16 + blooms * (self.bits // 8)
        if buckets * 4 > _MAX_TABLE:
            raise ImageError(f"{buckets} hash buckets")
        raw = self.read(start, buckets * 4)
        order = "<" if self.little else ">"
        last = max(struct.unpack(f"{order}{buckets}I", raw), default=0)
        if last < first or not last:
            return first
        chain = start + buckets * 4 + (last - first) * 4
        while True:
            size = min(1024, self.window.size - chain) // 4 * 4
            if size <= 0:
                raise ImageError("a hash chain has no end")
            for value in struct.unpack(f"{order}{size // 4}I", self.read(chain, size)):
                last += 1
                if value & 1:
                    return last
            chain += size

    def static_symbols(self, sections: tuple[Section, ...]) -> SymbolTable | None:
        layout = self.layouts["sym"]
        for section in sections:
            if section.type != SHT_SYMTAB:
                continue
            if section.entry_size != layout.size:
                raise ImageError(f"symbols of {section.entry_size} bytes")
            if section.link >= len(sections) or sections[section.link].type != SHT_STRTAB:
                raise ImageError("symbols without a string table")
            names = sections[section.link]
            if section.size > _MAX_TABLE or names.size > _MAX_TABLE:
                raise ImageError("a symbol table of more than 256 MiB")
            size = section.size // layout.size * layout.size
            return SymbolTable(
                self.read(section.offset, size), self.read(names.offset, names.size), layout, self.bits
            )
        return None

    # Notes and producers

    def notes(self, segments: tuple[Segment, ...], sections: tuple[Section, ...]) -> tuple[Note, ...]:
        areas = {
            (item.offset, item.file_size, item.alignment, -1, item.address)
            for item in segments
            if item.type == PT_NOTE and item.file_size
        }
        if not segments or not areas:
            areas = {
                (item.offset, item.size, item.alignment, index, 0)
                for index, item in enumerate(sections)
                if item.type == SHT_NOTE and item.size
            }
        debug = any(item.type == SHT_NOBITS and item.name.startswith(".note") for item in sections)
        if debug:
            return ()
        found: list[Note] = []
        total = covered = 0
        for offset, size, alignment, section, address in sorted(areas):
            if offset + size <= covered:
                continue  # named twice: a note counts once
            total += size
            if total > _MAX_NOTES:
                raise ImageError("notes of more than 8 MiB")
            step = 8 if alignment == 8 else 4  # noqa: PLR2004
            for note in self.parse_notes(self.read(offset, size), step):
                if offset + note.place < covered:
                    continue
                found.append(note._replace(section=section, place=address + note.place))
            covered = offset + size
        return tuple(found)

    def parse_notes(self, data: bytes, alignment: int) -> Iterator[Note]:
        layout = self.layouts["note"]
        position = 0
        while position + layout.size <= len(data):
            name_size, size, kind = layout.unpack_from(data, position)
            start = position + layout.size
            content = start + name_size + -(layout.size + name_size) % alignment
            end = content + size
            if end > len(data):
                raise ImageError("a note is longer than its segment")
            yield Note(data[start : start + name_size].rstrip(b"\0"), kind, data[content:end], -1, content)
            position = end + -(end - position) % alignment

    def producers(self, sections: tuple[Section, ...]) -> tuple[str, ...]:
        for section in sections:
            if section.name == ".comment" and section.type == SHT_PROGBITS:
                raw = self.read(section.offset, min(section.size, _MAX_COMMENT))
                return tuple(
                    dict.fromkeys(part.decode("utf-8", "replace") for part in raw.split(b"\0") if part)
                )
        return ()
