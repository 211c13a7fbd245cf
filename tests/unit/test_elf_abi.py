"""The grammar of Fil-C names, the roles of runtime files, the baseline, archives, every finding's page."""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING

import pytest

from filcross.elf import abi, archive, baseline
from filcross.elf.image import ImageError, Note, Window
from filcross.elf.verdict import finding_titles

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.mark.parametrize(
    "name",
    [
        "pizlonated_main",
        "pizlonated__ZN3foo3barEv",
        "pizlonatedFIP60125_printf",
        "pizlonatedFI1066_strlen",
        "pizlonatedFO_counter",
        "pizlonatedGP_x",
        "pizlonatedGS_x",
        "pizlonatedDO_x",
        "pizlonated1ET12769",
        "pizlonated2ET2529",
    ],
)
def test_names_of_the_grammar(name: str) -> None:
    assert abi.is_filc_name(name.encode())


@pytest.mark.parametrize(
    "name",
    [
        "",
        "main",
        "pizlonated",
        "pizlonated_",
        "pizlonatedX_a",
        "pizlonatedFI_a",
        "xpizlonated_a",
        "pizlonated3ET1",
    ],
)
def test_other_names(name: str) -> None:
    assert not abi.is_filc_name(name.encode())


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("ld-fil1-x86_64.so", abi.LOADER),
        ("ld-yolo-aarch64.so", abi.LOADER),
        ("libyoloc.so", abi.YOLO_LIBC),
        ("libyolocimpl.so", abi.YOLO_LIBC),
        ("libyolomimpl.so", abi.YOLO_LIBM),
        ("libpizlo.so", abi.PIZLO),
        ("libc.so", abi.USER_LIBC),
        ("libc.so.6666", abi.USER_LIBC),
        ("libresolv.so.6662", abi.USER_LIB),
        ("libc++abi.so.1", abi.USER_LIB),
        ("Scrt1.o", abi.STARTUP),
        ("filc_crt.o", abi.STARTUP),
        ("libc.so.6", None),
        ("libz.so.1", None),
        ("ld-linux-x86-64.so.2", None),
    ],
)
def test_roles(name: str, role: str | None) -> None:
    assert abi.role_of(name) == role


def test_ordinary_sonames() -> None:
    ordinary = ("libc.so.6", "libm.so.6", "libstdc++.so.6", "libgcc_s.so.1", "ld-linux-x86-64.so.2")
    assert all(abi.is_ordinary_soname(name) for name in ordinary)
    assert not any(
        abi.is_ordinary_soname(name) for name in ("libc.so", "libc.so.6666", "libc++.so.1", "libz.so.1")
    )


def test_the_baseline_tells_sides_kinds_and_code_apart() -> None:
    allows = baseline.built_in().allows
    assert allows(b"main", defined=True, kind="executable", code=True)
    assert not allows(b"main", defined=True, kind="library", code=True)
    assert allows(b"__libc_start_main", defined=False, kind="executable", code=False)
    assert not allows(b"__libc_start_main", defined=True, kind="executable", code=True)
    assert allows(b"_end", defined=True, kind="library", code=False)
    assert not allows(b"_end", defined=True, kind="library", code=True)
    assert not allows(b"printf", defined=False, kind="executable", code=False)


def notes(*texts: str) -> list[Note]:
    return [Note(b"filcross", 0x46534D31, text.encode() + b"\0") for text in texts]


def test_the_simulators_notes_say_where_the_code_is() -> None:
    pair = struct.pack("<qQ", -0x100, 7)
    text = b"simulator a b.c text=7 sections=1\0"
    padded = text + b"\0" * (-len(text) % 4)
    note = abi.simulator_note(
        [
            Note(b"filcross", 0x46534D31, padded + struct.pack("<q", -0x1000) + pair + pair, -1, 0x1000),
            *notes("simulator a b.c text=5 sections=2"),
            Note(b"GNU", 3, b"x"),
        ]
    )
    assert note is not None
    assert (note.objects, dict(note.origins)) == (2, {"a b.c": 2})
    first = 0x1000 + len(padded)
    assert note.places == ((-1, first + 8, 0xF08, 7), (-1, first + 24, 0xF18, 7))


@pytest.mark.parametrize("rest", [b"\0", b"\0" * 16, b"\0" * 23, b"\0" * 25, b""])
def test_a_note_with_half_a_pair_says_nothing_about_code(rest: bytes) -> None:
    note = abi.simulator_note([Note(b"filcross", 0x46534D31, b"simulator a\0" + rest)])
    assert note is not None
    assert (note.objects, note.places) == (1, ())


def test_notes_of_groups_are_no_objects_of_their_own() -> None:
    pair = struct.pack("<qQ", 0xF00, 7)
    text = b"simulator text=7 sections=1 symbols=0\0"
    padded = text + b"\0" * (-len(text) % 4)
    group = Note(b"filcross", 0x46534D31, padded + struct.pack("<q", -0x1000) + pair, -1, 0x1000)
    note = abi.simulator_note([*notes("simulator a.cpp text=5 sections=1"), group])
    assert note is not None
    assert (note.objects, dict(note.origins), len(note.places)) == (1, {"a.cpp": 1}, 1)
    alone = abi.simulator_note([group])
    assert alone is not None
    assert (alone.objects, alone.places) == (0, note.places)


def test_raw_assembler_is_named() -> None:
    note = abi.simulator_note(notes("simulator x.S (-yolo-assembler) text=4 symbols=1"))
    assert note is not None
    assert note.raw == ("x.S (-yolo-assembler)",)


def test_notes_of_others_are_not_the_simulators() -> None:
    assert (
        abi.simulator_note([Note(b"filcross", 1, b"simulator"), Note(b"GNU", 0x46534D31, b"simulator")])
        is None
    )
    assert abi.simulator_note(notes("something else")) is None


# Archives


def member(name: str, data: bytes) -> bytes:
    return (
        f"{name:<16}{0:<12}{0:<6}{0:<6}{644:<8}{len(data):<10}`\n".encode() + data + b"\n" * (len(data) % 2)
    )


def members(path: Path, data: bytes) -> Iterator[tuple[str, bytes | None]]:
    path.write_bytes(data)
    with path.open("rb") as file:
        for item in archive.members(Window(file.fileno())):
            yield item.name, item.window.read(0, item.window.size) if item.window else None


def test_gnu_and_bsd_names(tmp_path: Path) -> None:
    table = b"a-very-long-member-name.o/\nanother-very-long-name.o/\n"
    data = (
        archive.MAGIC
        + member("/", b"\0\0\0\0")
        + member("//", table)
        + member("short.o/", b"one")
        + member("/0", b"two")
        + member("/27", b"three")
        + member("#1/12", b"bsd name.o\0\0four")
        + member("plain.o", b"")
    )
    assert list(members(tmp_path / "a", data)) == [
        ("short.o", b"one"),
        ("a-very-long-member-name.o", b"two"),
        ("another-very-long-name.o", b"three"),
        ("bsd name.o", b"four"),
        ("plain.o", b""),
    ]


def test_thin_archives_name_files(tmp_path: Path) -> None:
    table = b"dir/one.o/\n"
    header = member("/0", b"").replace(b"0         `", b"99999     `")
    data = archive.THIN_MAGIC + member("//", table) + header
    assert list(members(tmp_path / "a", data)) == [("dir/one.o", None)]


@pytest.mark.parametrize(
    "data",
    [
        b"half a header",
        member("a.o/", b"data")[:-2],
        member("a.o/", b"data").replace(b"4         `", b"9999      `"),
        member("a.o/", b"data").replace(b"4         `", b"-4        `"),
        member("/99", b"data"),
        member("#1/99", b"data"),
        member("#1/x", b"data"),
        member("a.o/", b"data").replace(b"`\n", b"??"),
    ],
)
def test_damaged_archives_are_explained(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(ImageError):
        list(members(tmp_path / "a", archive.MAGIC + data))


# Findings


def test_every_finding_has_a_title_and_a_page(repo_root: Path) -> None:
    used = set()
    for source in (repo_root / "filcross" / "elf").glob("*.py"):
        used.update(re.findall(r'"(FILC-[EWNI][0-9]{3})"', source.read_text()))
    assert used == set(finding_titles())
    pages = {path.stem: path.read_text() for path in (repo_root / "docs" / "findings").glob("FILC-*.md")}
    assert set(pages) == used
    for code, title in finding_titles().items():
        assert pages[code].startswith(f"# {code}: {title}\n")
        for heading in ("## What it means", "## How to fix it", "## When to accept it", "## Example"):
            assert heading in pages[code]
