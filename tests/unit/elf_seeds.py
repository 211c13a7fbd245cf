"""Small ELF files and archives, packed by code, from which the fuzzers start."""

from __future__ import annotations

import struct

from elf_packer import Elf, Sym

_HEADER = b"!<arch>\n" + b"a.o/            0           0     0     644     "


def archive(data: bytes, claimed: int | None = None, *, magic: bytes = b"!<arch>\n") -> bytes:
    """Return an archive with one member that says that it has `claimed` bytes."""
    size = len(data) if claimed is None else claimed
    return magic + _HEADER[8:] + f"{size:<10}".encode() + b"`\n" + data + b"\n" * (len(data) % 2)


def seeds() -> dict[str, bytes]:
    """Return the seeds by name: both classes and byte orders, every kind of file, archives of each sort."""
    found = {
        f"{bits}-{'little' if little else 'big'}-{kind}-{table}{'' if sections else '-bare'}": Elf(
            bits=bits,
            little=little,
            type=kind,
            interpreter="/t/lib/ld-fil1-x86_64.so" if kind != 1 else None,
            needed=["libc.so", "libpizlo.so"],
            runpath="$ORIGIN:/t/lib",
            dynsyms=[Sym("pizlonated_main"), Sym("filc_pollcheck_slow", defined=False)],
            symbols=[
                Sym("a.c", type=4, bind=0),
                Sym("pizlonated_main"),
                Sym("filc_start_program", defined=False),
            ],
            hash=table,
            sections=sections,
            notes=[("filcross", 0x46534D31, b"simulator a.c text=32 sections=1\0")],
            comment=b"clang version 20 (Fil-C 0.686)\0",
        ).pack()
        for bits, little, kind, table, sections in (
            (64, True, 3, "gnu", True),
            (64, True, 3, "sysv", False),
            (64, True, 1, "sysv", True),
            (32, False, 2, "sysv", True),
            (32, True, 3, "gnu", True),
            (64, False, 3, "gnu", True),
        )
    }
    place = struct.pack("<qqQ", -64, -64, 32)
    noted = b"simulator a.c text=32 sections=1\0" + b"\0" * 3 + place
    found["library"] = Elf(
        soname="libx.so",
        dynsyms=[
            Sym("pizlonated_x"),
            Sym("pizlonatedFO_x", type=1),
            Sym("pizlonatedFIP2_x"),
            Sym("filc_allocate", defined=False),
            Sym("printf", defined=False),
            Sym("chosen", type=10),
        ],
        symbols=[Sym("quiet", bind=0), Sym("pizlonated_x"), Sym("")],
        notes=[("FDO", 0x407C0C0A, b'[{"soname":["libz.so.1"]}]\0'), ("GNU", 3, b"\1" * 20)],
        hash="gnu",
    ).pack()
    start = 64 + 5 * 56  # where the code begins, which holds tables of the loader here
    tables = struct.pack("<QQq", start + 48, 8, start) + struct.pack("<QQq", start + 56, 1 << 32 | 1, 0)
    tables += struct.pack("<QQQQ", 0, start + 64, start | 1, 0b101)
    found["relocated"] = Elf(
        code=tables,
        dynsyms=[Sym("pizlonated_x"), Sym("filc_allocate", defined=False)],
        tags=[
            *((7, start), (8, 48), (25, start + 48), (27, 16), (12, start), (26, start + 56), (28, 8)),
            *((36, start + 64), (35, 16), (30, 4)),
        ],
    ).pack()
    found["simulated"] = Elf(
        dynsyms=[Sym("pizlonated_x")], symbols=[Sym("main")], notes=[("filcross", 0x46534D31, noted)]
    ).pack()
    found["ordinary"] = Elf(dynsyms=[Sym("x"), Sym("memcpy", defined=False)], needed=["libc.so.6"]).pack()
    found["static"] = Elf(type=2, dynamic=False, symbols=[Sym("_start")]).pack()
    found["debug"] = Elf(nobits=True, dynamic=False, symbols=[Sym("x")]).pack()
    member = found["64-little-1-sysv"]
    found["archive"] = archive(member)
    found["archive-nested"] = archive(archive(member))
    found["archive-thin"] = archive(b"", 100, magic=b"!<thin>\n")
    found["archive-bitcode"] = archive(b"BC\xc0\xde\0\0\0\0")
    names = b"a_name_of_more_than_sixteen_characters.o/\n"
    long = (
        b"/0              0           0     0     644     " + f"{len(member):<10}".encode() + b"`\n" + member
    )
    table = b"//" + b" " * 46 + f"{len(names):<10}".encode() + b"`\n" + names
    found["archive-long"] = b"!<arch>\n" + table + long
    bsd = b"#1/8            0           0     0     644     " + f"{len(member) + 8:<10}".encode() + b"`\n"
    found["archive-bsd"] = b"!<arch>\n" + bsd + b"name.o\0\0" + member
    return found
