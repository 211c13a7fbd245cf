"""Edits linked x86-64 ELF files in place, field by field, as an attacker's tool would."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_PHDR, _SHDR, _DYN, _RELA, _SYM = "<IIQQQQQQ", "<IIQQQQIIQQ", "<qQ", "<QQq", "<IBBHQQ"


class Editor:
    """The bytes of one file; `save` writes them back."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.data = bytearray(path.read_bytes())
        header = struct.unpack_from("<HHIQQQIHHHHHH", self.data, 16)
        self.entry, self.phoff, self.shoff = header[3:6]
        self.phnum, self.shnum, self.shstrndx = header[9], header[11], header[12]

    def save(self) -> Path:
        self.path.write_bytes(self.data)
        return self.path

    def put(self, layout: str, offset: int, *values: int) -> None:
        struct.pack_into(layout, self.data, offset, *values)

    def append(self, content: bytes, *, page: bool = True) -> int:
        """Append bytes (at a new page) and return their offset."""
        if page:
            self.data += b"\0" * (-len(self.data) % 4096)
        offset = len(self.data)
        self.data += content
        return offset

    # Segments: type, flags, offset, vaddr, paddr, filesz, memsz, align

    def segments(self) -> Iterator[tuple[int, list[int]]]:
        for number in range(self.phnum):
            offset = self.phoff + number * 56
            yield offset, list(struct.unpack_from(_PHDR, self.data, offset))

    def segment(self, kind: int, *, flags: int = 0) -> tuple[int, list[int]]:
        return next(
            (at, item) for at, item in self.segments() if item[0] == kind and item[1] & flags == flags
        )

    def put_segment(self, offset: int, fields: list[int]) -> None:
        self.put(_PHDR, offset, *fields)

    def end_of_memory(self) -> int:
        return max(item[3] + item[6] for _, item in self.segments() if item[0] == 1)

    # Sections: name, type, flags, addr, offset, size, link, info, align, entsize

    def section(self, name: str) -> tuple[int, list[int]]:
        table = list(struct.unpack_from(_SHDR, self.data, self.shoff + self.shstrndx * 64))
        for number in range(self.shnum):
            offset = self.shoff + number * 64
            fields = list(struct.unpack_from(_SHDR, self.data, offset))
            start = table[4] + fields[0]
            if self.data[start : self.data.index(b"\0", start)] == name.encode():
                return offset, fields
        raise LookupError(name)

    def put_section(self, offset: int, fields: list[int]) -> None:
        self.put(_SHDR, offset, *fields)

    def drop_sections(self) -> None:
        self.put("<Q", 40, 0)
        self.put("<HHH", 58, 64, 0, 0)

    # Tables

    def entries(self, section: str, layout: str) -> Iterator[tuple[int, list[int]]]:
        _, fields = self.section(section)
        for offset in range(fields[4], fields[4] + fields[5], struct.calcsize(layout)):
            yield offset, list(struct.unpack_from(layout, self.data, offset))

    def change_tag(self, tag: int, change: Callable[[int], int]) -> None:
        for offset, (found, value) in self.entries(".dynamic", _DYN):
            if found == tag:
                self.put(_DYN, offset, tag, change(value))
                return
        raise LookupError(tag)

    def retag(self, old: int, new: int, value: int) -> None:
        for offset, (found, _) in self.entries(".dynamic", _DYN):
            if found == old:
                self.put(_DYN, offset, new, value)
                return
        raise LookupError(old)

    def relocations(self, section: str = ".rela.dyn") -> Iterator[tuple[int, list[int]]]:
        return self.entries(section, _RELA)

    def put_relocation(self, offset: int, fields: list[int]) -> None:
        self.put(_RELA, offset, *fields)

    def dynamic_symbol(self, name: str) -> tuple[int, list[int]]:
        _, strings = self.section(".dynstr")
        for offset, fields in self.entries(".dynsym", _SYM):
            start = strings[4] + fields[0]
            if self.data[start : self.data.index(b"\0", start)] == name.encode():
                return offset, fields
        raise LookupError(name)

    def put_symbol(self, offset: int, fields: list[int]) -> None:
        self.put(_SYM, offset, *fields)
