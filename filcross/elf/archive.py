"""The members of an `ar` archive: GNU and BSD name tables, thin archives.

Format: `ar(5)`; GNU keeps long names in the member `//`, BSD before the contents (`#1/LENGTH`); a thin
archive (`!<thin>`) names files beside it instead of holding them.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from filcross.elf.image import MAGIC as ELF_MAGIC
from filcross.elf.image import ImageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from filcross.elf.image import Window

MAGIC, THIN_MAGIC = b"!<arch>\n", b"!<thin>\n"
BITCODE = (b"BC\xc0\xde", b"\xde\xc0\x17\x0b")  # https://llvm.org/docs/BitCodeFormat.html
_HEADER = 60
_MAX_NAMES = 64 << 20
_TABLE = b"//"
_INSIDE = (b"/", b"/SYM64/", _TABLE)  # in thin archives too
_INDEXES = ("/", "/SYM64/", "//", "__.SYMDEF", "__.SYMDEF SORTED", "__.SYMDEF_64", "__.SYMDEF_64 SORTED")


class Member(NamedTuple):
    """One member: its name, and its contents (`None` in a thin archive: the file is elsewhere)."""

    name: str
    window: Window | None


def is_archive(head: bytes) -> bool:
    """Return whether a file that begins with `head` (8 bytes or more) is an archive."""
    return head[:8] in (MAGIC, THIN_MAGIC)


def members(window: Window) -> Iterator[Member]:
    """Yield the members of an archive, without symbol indexes and name tables (unless they hold code).

    Raises `ImageError` for an archive that is truncated or makes no sense.
    """
    thin = window.read(0, 8) == THIN_MAGIC
    names = b""
    position = 8
    while position < window.size:
        if window.size - position < _HEADER:
            if window.read(position, window.size - position).strip(b"\n"):
                raise ImageError("the archive ends inside a member's header")
            return
        header = window.read(position, _HEADER)
        if header[58:60] != b"`\n":
            raise ImageError(f"no member header at {position}")
        size = _number(header[48:58], "size")
        raw = header[:16].rstrip(b" ")
        start = position + _HEADER
        if raw == _TABLE:
            if size > _MAX_NAMES:
                raise ImageError("a name table of more than 64 MiB")
            names = window.read(start, size)
        name, skip = _name(raw, names, window, start, size)
        beside = thin and raw not in _INSIDE
        inner = None if beside else window.sub(start + skip, size - skip)
        if inner is None or name not in _INDEXES or not _is_index(inner):
            yield Member(name, inner)
        if beside:
            size = 0
        position = start + size + (size & 1)


def _is_index(window: Window) -> bool:
    """Return whether a member with the name of an index or table is one, and no code under that name."""
    head = window.read(0, min(8, window.size))
    return not head.startswith((ELF_MAGIC, *BITCODE)) and not is_archive(head)


def _name(raw: bytes, names: bytes, window: Window, start: int, size: int) -> tuple[str, int]:
    if raw.startswith(b"#1/"):
        length = _number(raw[3:], "name length")
        if length > size:
            raise ImageError("a member's name is longer than the member")
        return os.fsdecode(window.read(start, length).rstrip(b"\0")), length
    if raw.startswith(b"/") and raw not in _INSIDE:
        offset = _number(raw[1:].split(b":")[0], "name offset")
        end = names.find(b"\n", offset)
        if end < 0:
            raise ImageError("a member's name lies outside the name table")
        return os.fsdecode(names[offset:end].removesuffix(b"/")), 0
    return os.fsdecode(raw if raw in _INSIDE else raw.removesuffix(b"/")), 0


def _number(raw: bytes, what: str) -> int:
    text = raw.strip()
    if not text.isdigit():
        raise ImageError(f"a member's {what} is not a number")
    return int(text)
