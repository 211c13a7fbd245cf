"""What the texts in a file's data say: libraries that it may load, code that the compiler gave up on.

`.note.dlopen`: https://systemd.io/ELF_DLOPEN_METADATA/. Panics for inline assembler and unknown intrinsics
hold the LLVM IR as text (README of cfal/fil-c-utils).
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from filcross.elf import image as elf

if TYPE_CHECKING:
    from collections.abc import Iterator

    from filcross.elf.image import Image

_MAX_TEXT = 16 << 20
_MAX_NAMES = 500
_LIBRARY = re.compile(rb"(?<=\0)[!-~]{1,256}\.so(?:\.[0-9]+)*(?=\0)")
_GAVE_UP = re.compile(rb"cannot handle inline asm[ -~]{0,80}|@llvm\.[a-z0-9._]{1,60}")
_DLOPEN = re.compile(rb"pizlonated(?:_|FIP?[0-9]+_)dl(?:m?open)\Z")


def read_only_texts(image: Image) -> bytes:
    """Return the read-only data of a file, the first 16 MiB of it, sections parted by NULs."""
    parts, left = [b""], _MAX_TEXT
    for section in image.sections:
        if section.type != elf.SHT_PROGBITS or not section.flags & elf.SHF_ALLOC or not section.size:
            continue
        if section.flags & elf.SHF_EXECINSTR or not section.name.startswith(
            (".rodata", ".data.rel.ro", ".data")
        ):
            continue
        size = min(left, section.size)
        parts.append(image.window.read(section.offset, size))
        left -= size
    return b"\0".join((*parts, b""))


def gave_up(texts: bytes) -> tuple[str, ...]:
    """Return what the compiler could not compile and made a panic of."""
    return tuple(dict.fromkeys(found.decode() for found in _GAVE_UP.findall(texts)))[:_MAX_NAMES]


def may_load(image: Image, imports: tuple[tuple[bytes, bool], ...], texts: bytes) -> tuple[str, ...]:
    """Return the libraries that the file may load at run time: by its notes, and by names in its data.

    Names in data count only where the file imports `dlopen`.
    """
    names: dict[str, None] = {}
    for note in image.notes:
        if note.owner == b"FDO" and note.type == elf.NT_FDO_DLOPEN:
            names.update(dict.fromkeys(_noted(note.descriptor)))
    if any(_DLOPEN.match(name) for name, _ in imports):
        names.update(dict.fromkeys(found.decode() for found in _LIBRARY.findall(texts)))
    return tuple(names)[:_MAX_NAMES]


def _noted(descriptor: bytes) -> Iterator[str]:
    try:
        content = json.loads(descriptor.rstrip(b"\0"))
    except (ValueError, RecursionError):
        return
    for entry in content if isinstance(content, list) else []:
        sonames = entry.get("soname") if isinstance(entry, dict) else None
        for name in sonames if isinstance(sonames, list) else []:
            if isinstance(name, str) and name.isprintable():
                yield name
