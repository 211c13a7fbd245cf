"""The ELF reader: packed files of every class and byte order, and pyelftools as the oracle on real ones."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from elf_oracle import OracleError, differences
from elf_packer import Elf, Sym

from filcross.elf import image as elf

if TYPE_CHECKING:
    from collections.abc import Iterator

CLASSES = pytest.mark.parametrize(
    ("bits", "little"),
    [(64, True), (64, False), (32, True), (32, False)],
    ids=["64le", "64be", "32le", "32be"],
)


def read(path: Path, data: bytes | None = None) -> elf.Image:
    if data is not None:
        path.write_bytes(data)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return elf.read_image(elf.Window(descriptor))
    finally:
        os.close(descriptor)


def code_hash(path: Path, data: bytes) -> str | None:
    path.write_bytes(data)
    with path.open("rb") as file:
        return elf.read_image(elf.Window(file.fileno())).code_hash()


def sample(**changes: Any) -> Elf:
    options: dict[str, Any] = {
        "interpreter": "/x/lib/ld-fil1-x86_64.so",
        "needed": ["libc.so", "libpizlo.so"],
        "runpath": "$ORIGIN/../lib:/y",
        "dynsyms": [Sym("pizlonated_main"), Sym("filc_start_program", type=0, defined=False)],
        "symbols": [Sym("local", bind=0), Sym("main")],
        "notes": [("GNU", 3, b"\x12\x34"), ("filcross", 0x46534D31, b"simulator a.c text=1 sections=1\0")],
        "comment": b"GCC: 1\0clang 2\0GCC: 1\0",
    }
    return Elf(**{**options, **changes})


@CLASSES
@pytest.mark.parametrize("table", ["sysv", "gnu"])
@pytest.mark.parametrize("sections", [True, False], ids=["sections", "no-sections"])
def test_every_fact_is_read(tmp_path: Path, bits: int, little: bool, table: str, sections: bool) -> None:  # noqa: FBT001
    image = read(tmp_path / "a", sample(bits=bits, little=little, hash=table, sections=sections).pack())
    assert (image.bits, image.little, image.machine, image.kind) == (bits, little, 62, "executable")
    assert image.interpreter == "/x/lib/ld-fil1-x86_64.so"
    assert image.needed == ("libc.so", "libpizlo.so")
    assert (image.soname, image.rpath, image.runpath) == (None, None, "$ORIGIN/../lib:/y")
    assert image.build_id == "1234"
    assert image.dynamic_symbols is not None
    names = [(symbol.name, symbol.section != 0) for symbol in image.dynamic_symbols.symbols()]
    assert names == [(b"pizlonated_main", True), (b"filc_start_program", False)]
    assert image.fallback is not sections
    if sections:
        assert image.symbols is not None
        assert [(s.name, s.bind) for s in image.symbols.symbols()] == [(b"local", 0), (b"main", 1)]
        assert image.producers == ("GCC: 1", "clang 2")
        assert image.code_size == 32
    else:
        assert (image.symbols, image.producers, image.code_hash()) == (None, (), None)


@CLASSES
@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"type": 1, "interpreter": None}, "object"),
        ({"type": 2}, "executable"),
        ({"type": 3}, "executable"),
        ({"type": 3, "interpreter": None, "soname": "libx.so"}, "library"),
        ({"type": 3, "soname": "libx.so"}, "library"),
        ({"type": 3, "soname": "libx.so", "flags_1": elf.DF_1_PIE}, "executable"),
        ({"type": 3, "interpreter": None, "needed": [], "flags_1": elf.DF_1_PIE}, "static"),
        ({"type": 2, "interpreter": None, "dynamic": False}, "static"),
        ({"type": 4, "interpreter": None, "dynamic": False}, "core"),
        ({"type": 3, "nobits": True, "dynamic": False, "interpreter": None}, "debug"),
    ],
)
def test_kinds(tmp_path: Path, bits: int, little: bool, changes: dict[str, Any], kind: str) -> None:  # noqa: FBT001
    assert read(tmp_path / "a", sample(bits=bits, little=little, **changes).pack()).kind == kind


def test_the_hash_tables_count_what_a_section_header_hides(tmp_path: Path) -> None:
    data = bytearray(sample(dynsyms=[Sym("one"), Sym("two"), Sym("three")], hash="gnu").pack())
    image = read(tmp_path / "a", bytes(data))
    index = next(i for i, section in enumerate(image.sections) if section.name == ".dynsym")
    shoff = int.from_bytes(data[40:48], "little")
    size_field = shoff + index * 64 + 32
    data[size_field : size_field + 8] = (24).to_bytes(8, "little")
    hidden = read(tmp_path / "b", bytes(data))
    assert hidden.dynamic_symbols is not None
    assert [symbol.name for symbol in hidden.dynamic_symbols.symbols()] == [b"one", b"two", b"three"]


def test_the_code_hash_survives_new_search_paths_and_nothing_else(tmp_path: Path) -> None:
    hashes = {
        name: code_hash(tmp_path / name, value.pack())
        for name, value in {
            "plain": sample(),
            "moved": sample(runpath="/elsewhere", interpreter="/z", symbols=None, comment=b""),
            "code": sample(code=b"\x90" * 31 + b"\xc3"),
            "names": sample(dynsyms=[Sym("pizlonated_other")]),
        }.items()
    }
    assert hashes["plain"] == hashes["moved"]
    assert len(set(hashes.values())) == 3


def test_truncation_anywhere_is_an_image_error_or_a_smaller_truth(tmp_path: Path) -> None:
    data = sample().pack()
    for size in range(0, len(data), 7):
        with pytest.raises(elf.ImageError):
            read(tmp_path / "a", data[:size])


@pytest.mark.parametrize(
    ("offset", "value", "words"),
    [
        (4, b"\x07", "class"),
        (5, b"\x07", "byte order"),
        (20, b"\x09", "version"),
        (32, b"\xff\xff\xff\xff\xff\xff\xff\x7f", "outside the file"),
        (40, b"\xff\xff\xff\xff\xff\xff\xff\x7f", "outside the file"),
        (54, b"\x01\x00", "program headers"),
        (56, b"\xf0\xff", "program headers"),
        (58, b"\x01\x00", "section headers"),
        (62, b"\xf0\xfe", "section names"),
    ],
)
def test_nonsense_in_the_header_is_explained(tmp_path: Path, offset: int, value: bytes, words: str) -> None:
    data = bytearray(sample().pack())
    data[offset : offset + len(value)] = value
    with pytest.raises(elf.ImageError, match=words):
        read(tmp_path / "a", bytes(data))


def test_other_files_are_not_elf(tmp_path: Path) -> None:
    for data in (b"", b"\x7fEL", b"#!/bin/sh\n", b"\0" * 100):
        with pytest.raises(elf.NotElfError):
            read(tmp_path / "a", data)


def test_a_billion_symbols_claimed_cost_nothing(tmp_path: Path) -> None:
    data = bytearray(sample(hash="sysv", sections=False).pack())
    table = data.find(b"\x01\0\0\0\x03\0\0\0\x02\0\0\0")
    assert table > 0
    data[table + 4 : table + 8] = b"\xff\xff\xff\xff"
    with pytest.raises(elf.ImageError):
        read(tmp_path / "a", bytes(data))


# The oracle


def system_files() -> Iterator[Path]:
    for folder in ("/usr/bin", "/usr/sbin", "/usr/lib/x86_64-linux-gnu", "/usr/lib/gcc", "/usr/lib/debug"):
        for root, _, names in os.walk(folder):
            for name in sorted(names):
                path = Path(root, name)
                if path.is_symlink() or not path.is_file() or path.stat().st_size > 8 << 20:
                    continue
                with path.open("rb") as file:
                    if file.read(4) == elf.MAGIC:
                        yield path


def test_the_reader_agrees_with_pyelftools_on_files_of_this_system() -> None:
    files = list(system_files())
    if len(files) < 50:
        pytest.skip("this system has hardly any ELF file to compare on")
    compared = 0
    for path in random.Random(20).sample(files, 120):
        try:
            assert differences(path) == []
        except OracleError:
            continue
        compared += 1
    assert compared > 100
