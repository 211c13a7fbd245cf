"""Packs ELF files byte by byte: both classes and byte orders, with or without section headers."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field


@dataclass
class Sym:
    name: str
    type: int = 2  # STT_FUNC
    bind: int = 1  # STB_GLOBAL
    defined: bool = True
    visibility: int = 0


@dataclass
class Elf:
    """What to pack; `pack` gives the bytes. Addresses equal file offsets."""

    bits: int = 64
    little: bool = True
    type: int = 3
    machine: int = 62
    interpreter: str | None = None
    needed: list[str] = field(default_factory=list)
    soname: str | None = None
    rpath: str | None = None
    runpath: str | None = None
    flags_1: int = 0
    dynamic: bool = True
    dynsyms: list[Sym] = field(default_factory=list)
    symbols: list[Sym] | None = None
    hash: str = "sysv"
    sections: bool = True
    code: bytes = b"\x90" * 32
    nobits: bool = False
    notes: list[tuple[str, int, bytes]] = field(default_factory=list)
    comment: bytes = b""
    tags: list[tuple[int, int]] = field(default_factory=list)
    others: tuple[str, ...] = ()

    def pack(self) -> bytes:
        return _Packer(self).pack()


class _Packer:
    def __init__(self, elf: Elf) -> None:
        self.elf = elf
        self.order = "<" if elf.little else ">"
        self.wide = elf.bits == 64
        self.out = bytearray(self.ehdr_size + 5 * self.phdr_size)
        self.headers: list[tuple[str, tuple[int, ...]]] = [("", (0,) * 9)]
        self.segments: list[tuple[int, int, int, int, int]] = []

    @property
    def ehdr_size(self) -> int:
        return 64 if self.wide else 52

    @property
    def phdr_size(self) -> int:
        return 56 if self.wide else 32

    def fmt(self, text: str, *values: int) -> bytes:
        return struct.pack(self.order + text, *values)

    def put(self, data: bytes, alignment: int = 8) -> int:
        self.out += b"\0" * (-len(self.out) % alignment)
        offset = len(self.out)
        self.out += data
        return offset

    def section(
        self, name: str, kind: int, flags: int, data: bytes, *, link: int = 0, info: int = 0, entry: int = 0
    ) -> int:
        offset = self.put(data)
        self.headers.append((name, (kind, flags, offset, offset, len(data), link, info, 8, entry)))
        return offset

    def table(self, symbols: list[Sym]) -> tuple[bytes, bytes]:
        strings = bytearray(b"\0")
        entries = bytearray(24 if self.wide else 16)
        for symbol in symbols:
            name = len(strings)
            strings += symbol.name.encode("utf-8", "surrogateescape") + b"\0"
            info = symbol.bind << 4 | symbol.type
            section = 1 if symbol.defined else 0
            if self.wide:
                entries += self.fmt("IBBHQQ", name, info, symbol.visibility, section, 64, 8)
            else:
                entries += self.fmt("IIIBBH", name, 64, 8, info, symbol.visibility, section)
        return bytes(entries), bytes(strings)

    def pack(self) -> bytes:
        elf = self.elf
        if elf.nobits:
            self.headers.append((".text", (8, 6, len(self.out), len(self.out), len(elf.code), 0, 0, 8, 0)))
        else:
            self.section(".text", 1, 6, elf.code)
        if elf.interpreter is not None:
            raw = elf.interpreter.encode() + b"\0"
            self.segments.append((3, 4, self.section(".interp", 1, 2, raw), len(raw), 1))
        if elf.notes:
            raw = b"".join(self.note(*note) for note in elf.notes)
            self.segments.append((4, 4, self.section(".note.test", 7, 2, raw), len(raw), 4))
        if elf.comment:
            self.section(".comment", 1, 0x30, elf.comment)
        for name in elf.others:
            self.section(name, 1, 2, bytes(8))
        if elf.dynamic and elf.type != 1:
            self.dynamic()
        if elf.symbols is not None:
            entries, strings = self.table(elf.symbols)
            size = 24 if self.wide else 16
            self.section(".symtab", 2, 0, entries, link=len(self.headers) + 1, info=1, entry=size)
            self.section(".strtab", 3, 0, strings)
        return self.finish()

    def note(self, owner: str, kind: int, descriptor: bytes) -> bytes:
        name = owner.encode() + b"\0"
        body = self.fmt("III", len(name), len(descriptor), kind)
        return body + name + b"\0" * (-len(name) % 4) + descriptor + b"\0" * (-len(descriptor) % 4)

    def dynamic(self) -> None:
        elf = self.elf
        entries, strings = self.table(elf.dynsyms)
        count = len(elf.dynsyms) + 1
        names = bytearray(strings)

        def text(value: str) -> int:
            names.extend(value.encode() + b"\0")
            return len(names) - len(value.encode()) - 1

        tags: list[tuple[int, int]] = [(1, text(name)) for name in elf.needed]
        for tag, value in ((14, elf.soname), (15, elf.rpath), (29, elf.runpath)):
            if value is not None:
                tags.append((tag, text(value)))
        size = 24 if self.wide else 16
        symtab = self.section(".dynsym", 11, 2, entries, link=len(self.headers) + 1, info=1, entry=size)
        strtab = self.section(".dynstr", 3, 2, bytes(names))
        if elf.hash == "sysv":
            raw = self.fmt(f"{3 + count}I", 1, count, count - 1, *range(count))
            tags.append((4, self.section(".hash", 5, 2, raw, entry=4)))
        else:
            # One bucket: every symbol after the null entry is in its chain.
            chain = [2] * (count - 2) + [3] if count > 1 else []
            raw = self.fmt("IIII", 1, 1, 1, 0) + b"\xff" * (8 if self.wide else 4)
            raw += self.fmt("I", 1 if chain else 0) + self.fmt(f"{len(chain)}I", *chain)
            tags.append((0x6FFFFEF5, self.section(".gnu.hash", 0x6FFFFFF6, 2, raw)))
        tags += elf.tags
        tags += [(5, strtab), (6, symtab), (10, len(names)), (11, size), (0x6FFFFFFB, elf.flags_1), (0, 0)]
        raw = b"".join(self.fmt("qQ" if self.wide else "iI", tag, value) for tag, value in tags)
        offset = self.section(".dynamic", 6, 3, raw, link=0, entry=16 if self.wide else 8)
        self.segments.append((2, 6, offset, len(raw), 8))

    def finish(self) -> bytes:
        elf = self.elf
        names = bytearray(b"\0")
        places = []
        for name, _ in (*self.headers, (".shstrtab", ())):
            places.append(len(names))
            names += name.encode() + b"\0"
        self.section(".shstrtab", 3, 0, bytes(names))
        shoff = 0
        if elf.sections:
            raw = b"".join(
                self.fmt("IIQQQQIIQQ" if self.wide else "10I", place, *values)
                for place, (_, values) in zip(places, self.headers, strict=True)
            )
            shoff = self.put(raw)
        if elf.type != 1:
            self.segments.append((1, 5, 0, len(self.out), 4096))
        phoff = self.ehdr_size if self.segments else 0
        raw = b""
        for kind, flags, offset, size, alignment in self.segments:
            filled = 0 if elf.nobits and kind == 1 else size
            if self.wide:
                raw += self.fmt("IIQQQQQQ", kind, flags, offset, offset, offset, filled, size, alignment)
            else:
                raw += self.fmt("8I", kind, offset, offset, offset, filled, size, flags, alignment)
        self.out[self.ehdr_size : self.ehdr_size + len(raw)] = raw
        ident = b"\x7fELF" + bytes([2 if self.wide else 1, 1 if elf.little else 2, 1]) + b"\0" * 9
        header = self.fmt(
            "HHIQQQIHHHHHH" if self.wide else "HHIIIIIHHHHHH",
            *(elf.type, elf.machine, 1, 64, phoff, shoff, 0, self.ehdr_size, self.phdr_size),
            *(len(self.segments), 64 if self.wide else 40),
            *((len(self.headers), len(self.headers) - 1) if shoff else (0, 0)),
        )
        self.out[: self.ehdr_size] = ident + header
        return bytes(self.out)
