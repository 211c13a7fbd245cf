"""Turns musl's `libc.so` into the simulator's `libyoloc.so`: changes of single bytes, nothing moves.

The file is the process's loader, which tools such as patchelf break, so it is edited in place: the names
under which the loader knows itself, and its note.
"""

from __future__ import annotations

import struct
from io import BytesIO

from elftools.elf.elffile import ELFFile

_OWN_NAMES = b"c.pthread.rt.m.dl.util.xnet.\0"
"""musl's loader takes a library called `lib` + one of these for itself (ldso/dynlink.c, `reserved`)."""

_YOLO_NAMES = b"yoloc.yolom.yolopt.yolodl."
_NOTE = struct.pack("<III", 9, 10, 0x46534D31) + b"filcross\0\0\0\0" + b"simulator\0\0\0"


def as_yolo(content: bytes) -> bytes:
    """Return `content`, musl's shared libc and loader, as the simulator's `libyoloc.so`.

    It then answers to `libyoloc.so` and no longer to `libc.so`, so that the user libc can have that name, and
    carries the simulator's note in place of its build id. Raises `ValueError` if the file is not as expected.
    """
    if content.count(_OWN_NAMES) != 1:
        raise ValueError("the list of the loader's own names is not in it once")
    edited = bytearray(content.replace(_OWN_NAMES, _YOLO_NAMES.ljust(len(_OWN_NAMES), b"\0")))
    image = ELFFile(BytesIO(content))
    for segment in image.iter_segments():
        if segment["p_type"] == "PT_NOTE" and segment["p_filesz"] >= len(_NOTE):
            start = segment["p_offset"]
            edited[start : start + segment["p_filesz"]] = _NOTE.ljust(segment["p_filesz"], b"\0")
            return bytes(edited)
    return bytes(edited)
