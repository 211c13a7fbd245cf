"""What one ELF file says about itself, read with `pread` and `struct`.

Only what the loader and the linker act on is read: headers, loader, dynamic section, symbols, notes, the
`.comment` section. Nothing is mapped, no file is read whole, and every length, offset and count is checked
against the file before it is used, because a file from a build is untrusted input. What cannot be read
raises `ImageError`; no other error leaves this module for bad contents.

An image is read in levels, so that each user pays for what it asks: see `Image`. This module imports little,
because small programs use it.

Layout and constants: the System V ABI (gABI) chapters 4 and 5, the x86-64 psABI, and `elf.h`.
"""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

T = TypeVar("T")

MAGIC = b"\x7fELF"

ET_REL, ET_EXEC, ET_DYN, ET_CORE = 1, 2, 3, 4
EM_X86_64, EM_AARCH64 = 62, 183
PT_LOAD, PT_DYNAMIC, PT_INTERP, PT_NOTE = 1, 2, 3, 4
PF_X = 1
SHT_NULL, SHT_PROGBITS, SHT_SYMTAB, SHT_STRTAB, SHT_DYNAMIC = 0, 1, 2, 3, 6
SHT_NOTE, SHT_NOBITS, SHT_DYNSYM = 7, 8, 11
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
SHT_RELA, SHT_REL, SHT_GROUP, SHT_SYMTAB_SHNDX = 4, 9, 17, 18
SHT_INIT_ARRAY, SHT_FINI_ARRAY, SHT_PREINIT_ARRAY = 14, 15, 16
DT_NULL, DT_NEEDED, DT_HASH, DT_STRTAB, DT_SYMTAB, DT_STRSZ, DT_SYMENT = 0, 1, 4, 5, 6, 10, 11
DT_SONAME, DT_RPATH, DT_RUNPATH, DT_GNU_HASH, DT_FLAGS_1 = 14, 15, 29, 0x6FFFFEF5, 0x6FFFFFFB
DT_AUXILIARY, DT_FILTER, DT_AUDIT, DT_DEPAUDIT = 0x7FFFFFFD, 0x7FFFFFFF, 0x6FFFFEFC, 0x6FFFFEFB
_FILTERS = frozenset({DT_AUXILIARY, DT_FILTER, DT_AUDIT, DT_DEPAUDIT})
DF_1_NODEFLIB, DF_1_PIE = 0x800, 0x08000000

R_64, R_PC32, R_GLOB_DAT, R_JUMP_SLOT, R_RELATIVE, R_PC64, R_IRELATIVE = 1, 2, 6, 7, 8, 24, 37  # x86-64
NT_GNU_BUILD_ID = 3
NT_FDO_DLOPEN = 0x407C0C0A  # https://systemd.io/ELF_DLOPEN_METADATA/

_HEAD_BYTES = 4096
_TABLES = frozenset(
    {SHT_NULL, SHT_SYMTAB, SHT_STRTAB, SHT_NOTE, SHT_RELA, SHT_REL, SHT_GROUP, SHT_SYMTAB_SHNDX}
)
_INERT = (".comment", ".note", ".debug_", ".zdebug_", ".gnu", ".llvm")  # sections that no code is in
_MAX_SEGMENTS = 4096
_MAX_TABLE = 256 << 20  # bytes of one symbol or string table
_MAX_NOTES = 8 << 20
_MAX_COMMENT = 1 << 20
_MAX_DYNAMIC = 1 << 20
_MAX_PATH = 1 << 16
_MAX_NAMES = 16 << 20  # bytes of all names in the dynamic section, or of all sections, one by one
_MAX_SYMBOL_NAMES = 256 << 20  # the same of one symbol table
_SMALL = 4096  # bytes of a string table that is read whole for one string
_USUAL_NAME = 256
_PAGE = 4096


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


class SymbolTable:
    """A symbol table as raw entries and strings; symbols are decoded while they are walked."""

    __slots__ = ("bits", "entries", "layout", "strings")

    def __init__(self, entries: bytes, strings: bytes, layout: struct.Struct, bits: int) -> None:
        self.entries = entries
        self.strings = strings
        self.layout = layout
        self.bits = bits

    def __len__(self) -> int:
        return len(self.entries) // self.layout.size

    def check(self) -> SymbolTable:
        """Return the table; raise `ImageError` where its names, one by one, would fill the memory."""
        number, strings = len(self), self.strings
        if number * len(strings) <= _MAX_SYMBOL_NAMES:
            return self  # even if each name were all of them
        # A run without NUL that is twice as long would fill a block.
        block = _MAX_SYMBOL_NAMES // (2 * number)
        if block and all(strings.find(b"\0", at, at + block) >= 0 for at in range(0, len(strings), block)):
            return self
        total = 0
        for offset, *_ in self.rows():
            total += strings.find(b"\0", offset) - offset
            if total > _MAX_SYMBOL_NAMES:
                raise ImageError("symbol names of more than 256 MiB")
        return self

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

    def add_names(self, names: set[bytes], offsets: Iterable[int]) -> None:
        """Add the strings at `offsets`, which lie inside the table, to `names`, all but the empty one."""
        strings, find = self.strings, self.strings.find
        names.update([strings[offset : find(b"\0", offset)] for offset in offsets])
        names.discard(b"")

    def symbols(self) -> Iterator[Symbol]:
        """Yield every symbol but the null entry."""
        strings, find, new = self.strings, self.strings.find, tuple.__new__
        for offset, info, other, section, value, size in self.rows():
            end = find(b"\0", offset)
            if end < 0:
                raise ImageError(f"symbol name at {offset} lies outside its string table")
            fields = (strings[offset:end], info >> 4, info & 15, other & 3, section, value, size)
            yield new(Symbol, fields)


class _Layouts(NamedTuple):
    """How the tables of one class and byte order are packed; in which byte a section's type is, if small."""

    type_at: int
    ehdr: struct.Struct
    phdr: struct.Struct
    shdr: struct.Struct
    sym: struct.Struct
    dyn: struct.Struct
    word: struct.Struct
    note: struct.Struct
    gnu: struct.Struct


_FORMATS = {
    64: ("HHIQQQIHHHHHH", "IIQQQQQQ", "IIQQQQIIQQ", "IBBHQQ", "qQ", "I", "III", "IIII"),
    32: ("HHIIIIIHHHHHH", "IIIIIIII", "IIIIIIIIII", "IIIBBH", "iI", "I", "III", "IIII"),
}
_LAYOUTS = {
    (bits, order == "<"): _Layouts(4 if order == "<" else 7, *[struct.Struct(order + text) for text in texts])
    for bits, texts in _FORMATS.items()
    for order in "<>"
}


class Window:
    """A file, or one archive member in it, read by position and never beyond its end.

    `inode` is the device and inode of the file, where they are known.
    """

    __slots__ = ("base", "descriptor", "inode", "size")

    def __init__(
        self, descriptor: int, base: int = 0, size: int | None = None, inode: tuple[int, int] = (-1, -1)
    ) -> None:
        self.descriptor = descriptor
        self.base = base
        self.size = os.fstat(descriptor).st_size - base if size is None else size
        self.inode = inode

    def read(self, offset: int, size: int) -> bytes:
        """Return exactly `size` bytes at `offset`, or raise `ImageError`."""
        if offset < 0 or size < 0 or offset + size > self.size:
            self.check(offset, size)
        if not size:
            return b""
        data = os.pread(self.descriptor, size, self.base + offset)
        if len(data) != size:
            raise ImageError("the file became shorter while it was read")
        return data

    def check(self, offset: int, size: int) -> None:
        """Raise `ImageError` unless there are `size` bytes at `offset`."""
        if offset < 0 or size < 0 or offset + size > self.size:
            raise ImageError(f"{size} bytes at {offset} lie outside the file of {self.size} bytes")

    def sub(self, offset: int, size: int) -> Window:
        """Return the window on `size` bytes at `offset` of this one."""
        if offset < 0 or size < 0 or offset + size > self.size:
            raise ImageError(f"a member of {size} bytes at {offset} lies outside the archive")
        return Window(self.descriptor, self.base + offset, size)


class _Once(Generic[T]):
    """An attribute of an image that is read when it is first asked for, and then kept."""

    def __init__(self, read: Callable[[Any], T]) -> None:
        self.read = read
        self.name = read.__name__
        self.__doc__ = read.__doc__

    def __get__(self, image: Image, owner: type[Image]) -> T:
        value = image.__dict__[self.name] = self.read(image)
        return value


class _Headers(NamedTuple):
    """What the program headers say: all of them as in the file, and those that the loader acts on."""

    raw: list[tuple[int, ...]]
    loads: list[tuple[int, int, int]]  # address, offset, size in the file
    dynamic: Segment | None
    interpreter: tuple[int, int] | None  # offset, size


class _Tags(NamedTuple):
    """The dynamic section: offsets of names, and the value of every other tag."""

    present: bool
    needed: list[int]
    filters: list[int]
    single: dict[int, int]


class Image:
    """The facts of one ELF file, in levels; each is read from the file when it is first asked for.

    Making an image checks the identification and the header. Then there is what the loader acts on
    (`segments`, `interpreter`, `needed`, `soname`, `rpath`, `runpath`, `filters`, `tags`), the loader's
    symbols (`dynamic_symbols`), and what only linkers and people read (`sections`, `symbols`, `notes`,
    `producers`). `complete` reads them all. A damaged level raises `ImageError` when it is asked for; levels
    can only be read while the file is open.

    `needed`, `rpath` and `runpath` are as in the file (search paths undivided, `$ORIGIN` unexpanded).
    `dynamic_symbols` and `symbols` are `None` where the file has no such table. `fallback` says that the
    dynamic symbols were counted by a hash table because there is no section header for them.
    """

    def __init__(self, window: Window) -> None:
        self.window = window
        self._head = head = window.read(0, min(_HEAD_BYTES, window.size))
        if head[:4] != MAGIC:
            raise NotElfError("no ELF magic number")
        if len(head) < 16:  # noqa: PLR2004
            raise ImageError("truncated in the identification")
        if head[4] not in (1, 2) or head[5] not in (1, 2):
            raise ImageError(f"unknown class {head[4]} or byte order {head[5]}")
        self.bits = 64 if head[4] == 2 else 32  # noqa: PLR2004
        self.little = head[5] == 1
        self._layouts = _LAYOUTS[self.bits, self.little]
        if len(head) < 16 + self._layouts.ehdr.size:
            raise ImageError("truncated in the header")
        fields = self._layouts.ehdr.unpack_from(head, 16)
        self.type, self.machine, version, self.entry = fields[:4]
        self._places = fields[4:]
        if version != 1:
            raise ImageError(f"unknown ELF version {version}")

    def complete(self) -> Image:
        """Read every level, and return the image; raises `ImageError` for the first that is damaged."""
        _ = (self._section_headers, self._headers, self._section_rows, self._tags, self.dynamic_strings)
        _ = (self._names, self._dynamic_table, self.interpreter, self.symbols, self.notes, self.producers)
        return self

    def _read(self, offset: int, size: int) -> bytes:
        head = self._head
        if offset >= 0 and offset + size <= len(head):
            return head[offset : offset + size]
        return self.window.read(offset, size)

    # What the loader acts on

    @_Once
    def _headers(self) -> _Headers:
        offset, _, _, _, entry_size, count = self._places[:6]
        layout = self._layouts.phdr
        if count == PN_XNUM and self._raw_sections:
            count = self._raw_sections[0][7]
        if not count:
            return _Headers([], [], None, None)
        if entry_size != layout.size:
            raise ImageError(f"program headers of {entry_size} bytes")
        if count > _MAX_SEGMENTS:
            raise ImageError(f"{count} program headers")
        raw = list(layout.iter_unpack(self._read(offset, count * layout.size)))
        loads = []
        dynamic = interpreter = None
        wide = self.bits == 64  # noqa: PLR2004
        for fields in raw:
            kind = fields[0]
            if kind == PT_LOAD:
                loads.append((fields[3], fields[2], fields[5]) if wide else (fields[2], fields[1], fields[4]))
            elif kind == PT_DYNAMIC:
                dynamic = fields  # the loaders take the last one
            elif kind == PT_INTERP and interpreter is None:
                place, size = (fields[2], fields[5]) if wide else (fields[1], fields[4])
                interpreter = (place, size) if size else None
        return _Headers(raw, loads, None if dynamic is None else self._segment(dynamic), interpreter)

    def _segment(self, fields: tuple[int, ...]) -> Segment:
        if self.bits == 64:  # noqa: PLR2004
            kind, flags, start, address, _, file_size, memory_size, alignment = fields
        else:
            kind, start, address, _, file_size, memory_size, flags, alignment = fields
        return Segment(kind, flags, start, address, file_size, memory_size, alignment)

    @_Once
    def segments(self) -> tuple[Segment, ...]:
        """Return the program headers."""
        return tuple([self._segment(fields) for fields in self._headers.raw])

    @_Once
    def interpreter(self) -> str | None:
        """Return the path of the loader that the file asks for."""
        if self._headers.interpreter is None:
            return None
        offset, size = self._headers.interpreter
        if size > _MAX_PATH:
            raise ImageError("a loader path of more than 64 KiB")
        return os.fsdecode(self._read(offset, size).split(b"\0", 1)[0])

    @_Once
    def _tags(self) -> _Tags:
        needed: list[int] = []
        filters: list[int] = []
        single: dict[int, int] = {}
        segment = self._headers.dynamic
        if segment is None or not (segment.memory_size or segment.file_size):
            return _Tags(False, needed, filters, single)
        if segment.file_size > _MAX_DYNAMIC:
            raise ImageError("a dynamic section of more than 1 MiB")
        pieces = self._dynamic_pieces(segment)
        if pieces is None:
            return _Tags(False, needed, filters, single)
        layout = self._layouts.dyn
        for offset, size in pieces:
            for tag, value in layout.iter_unpack(self._read(offset, size)):
                if tag == DT_NULL:
                    return _Tags(True, needed, filters, single)
                if tag == DT_NEEDED:
                    needed.append(value)
                elif tag in _FILTERS:
                    filters.append(value)
                else:
                    single[tag] = value
        return _Tags(True, needed, filters, single)

    def _dynamic_pieces(self, dynamic: Segment) -> tuple[tuple[int, int], tuple[int, int]] | None:
        """Return where the loaders see the dynamic section, by its address: what is usual of it, the rest.

        `None` in a split debug file. Section headers say that it is one, but they count only where no segment
        puts bytes of the file at that address: the loaders do not read them.
        """
        step = self._layouts.dyn.size
        mapped = False
        for address, offset, size in self._headers.loads:
            inside = dynamic.address - address
            if 0 <= inside < size:
                room = min(size - inside, _MAX_DYNAMIC) // step * step
                usual = min(room, max(dynamic.file_size, 1) // step * step)
                self.window.check(offset + inside, room)
                return (offset + inside, usual), (offset + inside + usual, room - usual)
            if size and -(address % _PAGE) <= inside < size + -(address + size) % _PAGE:
                mapped = True  # files are mapped in whole pages
        if mapped or not self._is_emptied():
            raise ImageError("the dynamic section is in no loaded segment")
        return None

    def _is_emptied(self) -> bool:
        """Return whether the section headers show a dynamic section without contents."""
        if SHT_DYNAMIC in self._section_headers[self._layouts.type_at :: self._layouts.shdr.size]:
            return False  # without decoding them all: there is a dynamic section with contents
        return any(row[1] == SHT_NOBITS and self._is_named(row, b".dynamic\0") for row in self._section_rows)

    @_Once
    def _string_place(self) -> tuple[int, int]:
        """Return where the strings of the dynamic section are in the file, and their size."""
        single = self._tags.single
        if DT_STRTAB not in single:
            return 0, 0
        size = single.get(DT_STRSZ, 0)
        if size > _MAX_TABLE:
            raise ImageError("a dynamic string table of more than 256 MiB")
        return self._offset_of(single[DT_STRTAB]), size

    @_Once
    def dynamic_strings(self) -> bytes:
        """Return the strings that the dynamic section and the dynamic symbols use."""
        return self._read(*self._string_place)

    def _dynamic_string(self, place: int) -> str:
        offset, size = self._string_place
        if size > _SMALL and place < size and "dynamic_strings" not in self.__dict__:
            raw = self._read(offset + place, min(_USUAL_NAME, size - place))
            end = raw.find(b"\0")
            if end >= 0:
                return os.fsdecode(raw[:end])
        end = self.dynamic_strings.find(b"\0", place)
        if end < 0:
            raise ImageError("a dynamic string lies outside its table")
        return os.fsdecode(self.dynamic_strings[place:end])

    @_Once
    def _names(self) -> tuple[str | None, str | None, str | None, tuple[str, ...], tuple[str, ...]]:
        _, needed, filters, single = self._tags
        soname, rpath, runpath = (
            self._dynamic_string(single[tag]) if tag in single else None
            for tag in (DT_SONAME, DT_RPATH, DT_RUNPATH)
        )
        return soname, rpath, runpath, self._dynamic_names(needed), self._dynamic_names(filters)

    def _dynamic_names(self, places: list[int]) -> tuple[str, ...]:
        found, total = [], 0
        for place in places:
            found.append(self._dynamic_string(place))
            total += len(found[-1])
            if total > _MAX_NAMES:
                raise ImageError("names of libraries of more than 16 MiB")
        return tuple(found)

    @property
    def soname(self) -> str | None:
        """The file's own name, by which others need it."""
        return self._names[0]

    @property
    def rpath(self) -> str | None:
        """DT_RPATH."""
        return self._names[1]

    @property
    def runpath(self) -> str | None:
        """DT_RUNPATH."""
        return self._names[2]

    @property
    def needed(self) -> tuple[str, ...]:
        """The names in DT_NEEDED, in order."""
        return self._names[3]

    @property
    def filters(self) -> tuple[str, ...]:
        """The names in DT_FILTER, DT_AUXILIARY and the audit tags, in order."""
        return self._names[4]

    @property
    def tags(self) -> dict[int, int]:
        """The value of every dynamic tag but those that name libraries (the last one counts)."""
        return self._tags.single

    @property
    def has_dynamic(self) -> bool:
        """Return whether there is a dynamic section with contents."""
        return self._tags.present

    @property
    def flags_1(self) -> int:
        """DT_FLAGS_1, 0 where there is none."""
        return self._tags.single.get(DT_FLAGS_1, 0)

    def _offset_of(self, address: int) -> int:
        for start, offset, size in self._headers.loads:
            if start <= address < start + size:
                return address - start + offset
        raise ImageError(f"address {address:#x} is in no loaded segment")

    # The loader's symbols

    @property
    def dynamic_symbols(self) -> SymbolTable | None:
        """The symbols that the loader knows."""
        return self._dynamic_table[0]

    @property
    def fallback(self) -> bool:
        """Return whether no section header says how many dynamic symbols there are."""
        return self._dynamic_table[1]

    @_Once
    def _dynamic_table(self) -> tuple[SymbolTable | None, bool]:
        single = self._tags.single
        if DT_SYMTAB not in single:
            return None, False
        layout = self._layouts.sym
        if single.get(DT_SYMENT, layout.size) != layout.size:
            raise ImageError(f"dynamic symbols of {single[DT_SYMENT]} bytes")
        offset = self._offset_of(single[DT_SYMTAB])
        count = self._hash_count(single)
        header = self._dynamic_header(offset)
        if header is not None:
            count = max(count, header[5] // layout.size)
        size = count * layout.size
        if size > _MAX_TABLE:
            raise ImageError(f"{count} dynamic symbols")
        table = SymbolTable(self._read(offset, size), self.dynamic_strings, layout, self.bits).check()
        return table, header is None

    def _dynamic_header(self, offset: int) -> tuple[int, ...] | None:
        """Return the section header of dynamic symbols at `offset`, without decoding all the others."""
        layout = self._layouts.shdr
        types = self._section_headers[self._layouts.type_at :: layout.size]
        number = -1
        while (number := types.find(SHT_DYNSYM, number + 1)) >= 0:
            row = layout.unpack_from(self._section_headers, number * layout.size)
            if row[1] == SHT_DYNSYM and row[4] == offset:
                return row
        return None

    def _hash_count(self, single: dict[int, int]) -> int:
        """Return the number of dynamic symbols that the hash tables know (the loader has only these)."""
        count = 0
        if DT_HASH in single:
            offset = self._offset_of(single[DT_HASH])
            count = int(self._layouts.word.unpack(self._read(offset + 4, 4))[0])
        if DT_GNU_HASH in single:
            count = max(count, self._gnu_hash_count(self._offset_of(single[DT_GNU_HASH])))
        return count

    def _gnu_hash_count(self, offset: int) -> int:
        header = self._layouts.gnu.unpack(self._read(offset, 16))
        buckets, first, blooms = (int(value) for value in header[:3])
        start = offset + 16 + blooms * (self.bits // 8)
        if buckets * 4 > _MAX_TABLE:
            raise ImageError(f"{buckets} hash buckets")
        raw = self._read(start, buckets * 4)
        order = "<" if self.little else ">"
        last = max(struct.unpack(f"{order}{buckets}I", raw), default=0)
        if last < first or not last:
            return first
        chain = start + buckets * 4 + (last - first) * 4
        while True:
            size = min(1024, self.window.size - chain) // 4 * 4
            if size <= 0:
                raise ImageError("a hash chain has no end")
            for value in struct.unpack(f"{order}{size // 4}I", self._read(chain, size)):
                last += 1
                if value & 1:
                    return last
            chain += size

    # What linkers and people read: sections

    @_Once
    def _section_headers(self) -> bytes:
        offset, count = self._places[1], self._places[6 + 1]
        entry_size = self._places[6]
        layout = self._layouts.shdr
        if not offset:
            return b""
        if entry_size != layout.size:
            raise ImageError(f"section headers of {entry_size} bytes")
        if not count:  # more than 0xff00 sections: the number is in the first header
            count = layout.unpack(self._read(offset, layout.size))[5]
            if not count:
                return b""
        if count * layout.size > self.window.size:
            raise ImageError(f"{count} section headers do not fit into the file")
        return self._read(offset, count * layout.size)

    @_Once
    def _raw_sections(self) -> list[tuple[int, ...]]:
        """Return the section headers, nothing in them checked."""
        return list(self._layouts.shdr.iter_unpack(self._section_headers))

    @_Once
    def _section_names(self) -> bytes:
        raw, index = self._raw_sections, self._places[8]
        if index == SHN_XINDEX and raw:
            index = raw[0][6]
        if not raw or not index:
            return b""
        if index >= len(raw):
            raise ImageError(f"section names in section {index} of {len(raw)}")
        _, kind, _, _, offset, size = raw[index][:6]
        if kind == SHT_NOBITS or size > _MAX_TABLE:
            raise ImageError("section names without contents")
        return self._read(offset, size)

    @_Once
    def _section_rows(self) -> list[tuple[int, ...]]:
        """Return the section headers, each with a name and inside the file."""
        names, end = self._section_names, self.window.size
        last = names.rfind(b"\0") if names else _MAX_TABLE << 8
        total = 0
        for row in self._raw_sections:
            if row[0] > last:
                raise ImageError("a section name lies outside its string table")
            if row[1] not in (SHT_NULL, SHT_NOBITS):
                if row[4] + row[5] > end:
                    raise ImageError("a section lies outside the file")
                total += row[5]
        if total > 4 * end:  # whoever reads each of them would read the file again and again
            raise ImageError("sections over each other")
        return self._raw_sections

    def _is_named(self, row: tuple[int, ...], beginning: bytes) -> bool:
        return self._section_names.startswith(beginning, row[0])

    @_Once
    def sections(self) -> tuple[Section, ...]:
        """Return the section headers."""
        names = self._section_names
        found = []
        total = 0
        for name, kind, flags, address, offset, size, link, info, alignment, entry_size in self._section_rows:
            total += names.find(b"\0", name) - name
            if total > _MAX_NAMES:
                raise ImageError("section names of more than 16 MiB")
            text = names[name : names.find(b"\0", name)].decode("utf-8", "surrogateescape") if names else ""
            found.append(Section(text, kind, flags, address, offset, size, link, info, alignment, entry_size))
        return tuple(found)

    @_Once
    def code_indexes(self) -> frozenset[int]:
        """Return the indexes of the sections that are marked as machine code."""
        return frozenset([index for index, row in enumerate(self._section_rows) if row[2] & SHF_EXECINSTR])

    @_Once
    def symbols(self) -> SymbolTable | None:
        """Return the symbols that linkers and debuggers know."""
        layout, rows = self._layouts.sym, self._section_rows
        for row in rows:
            if row[1] != SHT_SYMTAB:
                continue
            _, _, _, _, offset, size, link, _, _, entry_size = row
            if entry_size != layout.size:
                raise ImageError(f"symbols of {entry_size} bytes")
            if link >= len(rows) or rows[link][1] != SHT_STRTAB:
                raise ImageError("symbols without a string table")
            names = rows[link]
            if size > _MAX_TABLE or names[5] > _MAX_TABLE:
                raise ImageError("a symbol table of more than 256 MiB")
            raw = self._read(offset, size // layout.size * layout.size)
            return SymbolTable(raw, self._read(names[4], names[5]), layout, self.bits).check()
        return None

    # Notes and producers

    @_Once
    def notes(self) -> tuple[Note, ...]:
        """Return the notes: those that are loaded; in a file without such segments, those of its sections."""
        rows = self._section_rows
        areas = {
            (item.offset, item.file_size, item.alignment, -1, item.address)
            for item in [self._segment(fields) for fields in self._headers.raw if fields[0] == PT_NOTE]
            if item.file_size
        }
        if not areas:
            areas = {
                (row[4], row[5], row[8], index, 0)
                for index, row in enumerate(rows)
                if row[1] == SHT_NOTE and row[5]
            }
        if any(row[1] == SHT_NOBITS and self._is_named(row, b".note") for row in rows):
            return ()  # a split debug file
        found: list[Note] = []
        total = covered = 0
        for offset, size, alignment, section, address in sorted(areas):
            if offset + size <= covered:
                continue  # named twice: a note counts once
            total += size
            if total > _MAX_NOTES:
                raise ImageError("notes of more than 8 MiB")
            step = 8 if alignment == 8 else 4  # noqa: PLR2004
            for note in self._parse_notes(self._read(offset, size), step):
                if offset + note.place < covered:
                    continue
                found.append(note._replace(section=section, place=address + note.place))
            covered = offset + size
        return tuple(found)

    def _parse_notes(self, data: bytes, alignment: int) -> Iterator[Note]:
        layout = self._layouts.note
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

    @_Once
    def producers(self) -> tuple[str, ...]:
        """Return what the compilers and linkers wrote about themselves (`.comment`)."""
        for row in self._section_rows:
            if row[1] == SHT_PROGBITS and self._is_named(row, b".comment\0"):
                raw = self._read(row[4], min(row[5], _MAX_COMMENT))
                return tuple(
                    dict.fromkeys(part.decode("utf-8", "replace") for part in raw.split(b"\0") if part)
                )
        return ()

    # What follows from them

    @_Once
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
        rows = self._section_rows
        empty = bool(self.code_indexes) and all(rows[index][1] == SHT_NOBITS for index in self.code_indexes)
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
        for section in self.sections:
            inert = section.name.startswith(_INERT) and not section.flags & (SHF_ALLOC | SHF_EXECINSTR)
            if section.size and section.type not in _TABLES and not inert:
                return False  # of whatever flags: linkers put sections together by their names
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
        rows = [self._section_rows[index] for index in self.code_indexes]
        return sum([row[5] for row in rows if row[1] != SHT_NOBITS])

    def code_hash(self) -> str | None:
        """Return a hash of what the file does (`filcross.elf.codehash`)."""
        from filcross.elf.codehash import code_hash

        return code_hash(self)

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


def read_image(window: Window) -> Image:
    """Read the ELF file in `window`, all levels of it.

    Raises `NotElfError` for other contents, `ImageError` for an ELF file that is truncated or makes no
    sense, `OSError` where the system cannot read.
    """
    return Image(window).complete()
