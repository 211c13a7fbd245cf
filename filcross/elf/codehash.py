"""A hash of what a file does, by which a toolchain's own files are known again."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from filcross.elf import image as elf
from filcross.elf.image import Symbol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from filcross.elf.image import Image, Section


_STARTS = (
    *(elf.DT_INIT, elf.DT_FINI, elf.DT_PREINIT_ARRAY, elf.DT_PREINIT_ARRAYSZ),
    *(elf.DT_INIT_ARRAY, elf.DT_INIT_ARRAYSZ, elf.DT_FINI_ARRAY, elf.DT_FINI_ARRAYSZ),
)
_HASHED = frozenset(
    {elf.SHT_PROGBITS, elf.SHT_NOBITS, elf.SHT_INIT_ARRAY, elf.SHT_FINI_ARRAY, elf.SHT_PREINIT_ARRAY}
)
_CHANGED = frozenset({".interp", ".got", ".got.plt", ".dynamic", ".comment"})


def _is_relocated(section: Section, kind: int) -> bool:
    """Return whether relocating or stripping a file may change the section (tables for the loader, notes)."""
    if section.flags & elf.SHF_EXECINSTR:
        return False
    if section.type not in _HASHED or section.name in _CHANGED:
        return True
    return kind == elf.ET_REL and section.name == ".eh_frame"


def code_hash(image: Image) -> str | None:
    """Return a hash of what the file does: code, data, relocations, symbol names, where it starts.

    It survives what relocating a file changes (search paths, loader, stripping) and nothing else.
    `None` without section headers or without code.
    """
    if not image.code_sections:
        return None
    digest = hashlib.sha256(
        f"{image.bits} {image.little} {image.machine} {image.type == elf.ET_REL}\n".encode()
    )
    for section in image.sections:
        if section.flags & elf.SHF_ALLOC and section.size and not _is_relocated(section, image.type):
            digest.update(f"{section.name}\0{section.size}\n".encode("utf-8", "surrogateescape"))
            _digest_contents(image, section, digest)
    table = image.symbols if image.type == elf.ET_REL else image.dynamic_symbols
    if table is not None:
        names = sorted(
            symbol.name + (b"?" if symbol.section == elf.SHN_UNDEF else b"!")
            for symbol in table.symbols()
            if symbol.bind != elf.STB_LOCAL
        )
        digest.update(b"\n".join(names))
    if image.bits == 64:  # noqa: PLR2004
        digest.update("\n".join(sorted(_relocation_texts(image))).encode("utf-8", "backslashreplace"))
    starts = [image.entry, *(image.tags.get(tag, 0) for tag in _STARTS)]
    digest.update(f"\n{starts}".encode())
    return digest.hexdigest()


def _digest_contents(image: Image, section: Section, digest: hashlib._Hash) -> None:
    if section.type == elf.SHT_NOBITS:
        return
    position, end = section.offset, section.offset + section.size
    while position < end:
        chunk = image.window.read(position, min(1 << 20, end - position))
        digest.update(chunk)
        position += len(chunk)


def _relocation_texts(image: Image) -> Iterator[str]:
    """Yield a text for each relocation; symbols by name, since stripping renumbers them."""
    if image.type != elf.ET_REL:
        names = (
            [b"", *(symbol.name for symbol in image.dynamic_symbols.symbols())]
            if image.dynamic_symbols
            else []
        )
        for offset, kind, symbol, addend in image.relocations():
            text = names[symbol] if symbol < len(names) else b"?"
            yield f"{offset} {kind} {text!r} {addend}"
        return
    table = [Symbol(b"", 0, 0, 0, 0, 0, 0), *image.symbols.symbols()] if image.symbols else []
    for index, section in enumerate(image.sections):
        if not section.flags & elf.SHF_ALLOC or section.type == elf.SHT_NOTE or section.name == ".eh_frame":
            continue
        for offset, kind, symbol, addend in image.section_relocations(index):
            what = table[symbol] if symbol < len(table) else Symbol(b"?", 0, 0, 0, 0, 0, 0)
            name = f"{what.name!r}"
            if what.bind == elf.STB_LOCAL and what.section < len(image.sections):
                name, addend = image.sections[what.section].name, addend + what.value  # noqa: PLW2901
            yield f"{section.name} {offset} {kind} {name} {addend}"
