"""Files made to cost a reader its time or memory: each is refused, or read at a bounded price."""

from __future__ import annotations

import os
import struct
import tracemalloc
from typing import TYPE_CHECKING

import pytest
from elf_packer import Elf, Sym

from filcross.elf import codemap, layout
from filcross.elf import image as elf

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MEBIBYTE = 1 << 20


class Reader:
    """Reads images; their files stay open, since images are read when they are asked."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.opened: list[int] = []

    def __call__(self, data: bytes) -> elf.Image:
        path = self.path / str(len(self.opened))
        path.write_bytes(data)
        self.opened.append(os.open(path, os.O_RDONLY))
        return elf.read_image(elf.Window(self.opened[-1]))


@pytest.fixture
def read(tmp_path: Path) -> Iterator[Reader]:
    reader = Reader(tmp_path)
    yield reader
    for descriptor in reader.opened:
        os.close(descriptor)


def with_sections(*rows: tuple[int, ...], strings: bytes = b"\0") -> bytes:
    """Return an object file: header, `strings` as the names of sections, and so many section headers."""
    table = [(0,) * 10, (0, 3, 0, 0, 64, len(strings), 0, 0, 1, 0), *rows]
    place = 64 + len(strings)
    ident = b"\x7fELF\2\1\1" + b"\0" * 9
    count = len(table)
    header = struct.pack("<HHIQQQIHHHHHH", 1, 62, 1, 0, 0, place, 0, 64, 56, 0, 64, 0, 1)
    table[0] = (0, 0, 0, 0, 0, count, 0, 0, 0, 0)
    return ident + header + strings + b"".join(struct.pack("<IIQQQQIIQQ", *row) for row in table)


def test_sections_over_each_other_are_refused(read: Reader) -> None:
    rows = [(0, 1, 6, 0, 64, 50_000, 0, 0, 1, 0)] * 2000
    with pytest.raises(elf.ImageError, match="over each other"):
        _ = read(with_sections(*rows, strings=b"\0" * 50_000)).sections


def test_long_names_of_many_sections_are_refused(read: Reader) -> None:
    rows = [(1, 0, 0, 0, 0, 0, 0, 0, 0, 0)] * 2000
    strings = b"\0" + b"n" * 100_000 + b"\0"
    with pytest.raises(elf.ImageError, match="section names"):
        _ = read(with_sections(*rows, strings=strings)).sections


def test_long_names_of_many_symbols_are_refused(read: Reader) -> None:
    number = 20_000
    strings = b"\0" + b"n" * (300 * 1024) + b"\0"
    symbols = b"".join(struct.pack("<IBBHQQ", 1 + index, 18, 0, 1, 0, 0) for index in range(number))
    both = strings + symbols
    rows = [
        (0, 3, 0, 0, 64, len(strings), 0, 0, 1, 0),
        (0, 2, 0, 0, 64 + len(strings), len(symbols), 2, 0, 8, 24),
    ]
    with pytest.raises(elf.ImageError, match="symbol names"):
        _ = read(with_sections(*rows, strings=both + b"\0")).symbols


def test_a_long_name_is_read(read: Reader) -> None:
    image = read(Elf(dynsyms=[Sym("x" * 300_000), Sym("y")]).pack())
    assert image.dynamic_symbols is not None
    assert [len(symbol.name) for symbol in image.dynamic_symbols.symbols()] == [300_000, 1]


def test_long_names_of_many_libraries_are_refused(read: Reader) -> None:
    data = Elf(needed=["n" * 100_000, *(f"lib{number}.so" for number in range(400))]).pack()
    image = read(data)
    assert len(image.needed) == 401
    first = data.index(b"n" * 100_000) - image.tags[elf.DT_STRTAB]
    changed = bytearray(data)
    at = changed.index(struct.pack("<QQ", 1, first))
    for number in range(401):
        struct.pack_into("<Q", changed, at + number * 16 + 8, first)
    with pytest.raises(elf.ImageError, match="names of libraries"):
        _ = read(bytes(changed)).needed


def test_many_segments_are_no_file_of_a_linker(read: Reader) -> None:
    loads = [struct.pack("<IIQQQQQQ", 1, 5, 0, n << 20, n << 20, 4096, 4096, 4096) for n in range(2000)]
    ident = b"\x7fELF\2\1\1" + b"\0" * 9
    header = struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, 64, 0, 0, 64, 56, 2000, 64, 0, 0)
    image = read(ident + header + b"".join(loads))
    assert [finding.code for finding in layout.layout_findings(image)] == ["FILC-N317"]


@pytest.mark.parametrize("filler", [b"\x90", b"\0", b"\x66\x90", b"\xff\x25abcd"])
def test_padding_takes_no_memory(read: Reader, filler: bytes) -> None:
    image = read(Elf(code=filler * (MEBIBYTE // len(filler)), type=1).pack())
    tracemalloc.start()
    try:
        assert codemap.unaccounted(image, (), ()) == ()
        assert tracemalloc.get_traced_memory()[1] < 8 * MEBIBYTE
    finally:
        tracemalloc.stop()


def test_a_huge_start_up_object_makes_no_pattern(read: Reader) -> None:
    assert codemap.startup_code(read(Elf(code=b"\x90" * MEBIBYTE, type=1).pack())) == ()
    assert len(codemap.startup_code(read(Elf(code=b"\x90" * 64, type=1).pack()))) == 1
