"""What is known about Fil-C's ABI: the grammar of its names and the roles of its runtime files.

Sources: Fil-C's calling_convention.md, compiler_example.md and runtime.md (pizlonator/fil-c-website),
ABI-NOTES.md of its assembler (pizlonator/fil-c, projects/sarcasm), shlib-versions of its user libc. Releases
before 0.679 have only the plain form `pizlonated_NAME`; later ones also the fast entries, thunks and objects.
"""

from __future__ import annotations

import re
import struct
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from filcross.elf.image import Note

PREFIX = b"pizlonated"
NAME = re.compile(
    rb"pizlonated(?:_|FIP?[0-9]+_|FO_|GP_|GS_|DO_)[^\0]+\Z|pizlonated[12]ET[0-9]+\Z",
)
OLD_LOCAL_NAME = re.compile(rb"J(?:f|fo|go)_.")
"""Local names before 0.679: the bodies, function objects and origins of functions (compiler_example.md)."""
CHECK_PREFIX = b"filc_"
START_PROGRAM = b"filc_start_program"

LOADER_NAME = re.compile(r"ld-(?:fil1|yolo)-[a-z0-9_]+\.so\Z")

SIMULATOR_OWNER = b"filcross"
SIMULATOR_TYPE = 0x46534D31
_RAW = " (-yolo-assembler)"
SIMULATOR_SECTION = ".note.filcross.simulator"

LOADER, YOLO_LIBC, YOLO_LIBM, PIZLO, USER_LIBC, USER_LIB, STARTUP, STATIC = (
    "loader",
    "yolo libc",
    "yolo libm",
    "runtime",
    "user libc",
    "user library",
    "start-up object",
    "static runtime",
)
ORDINARY_ROLES = frozenset({LOADER, YOLO_LIBC, YOLO_LIBM, PIZLO, STARTUP, STATIC})
CORE_ROLES = frozenset({LOADER, YOLO_LIBC, YOLO_LIBM, PIZLO, USER_LIBC})

_ROLES = (
    (re.compile(r"ld-(?:fil1|yolo)-[a-z0-9_]+\.so"), LOADER),
    (re.compile(r"libyoloc(?:impl)?\.so"), YOLO_LIBC),
    (re.compile(r"libyolom(?:impl)?\.so"), YOLO_LIBM),
    (re.compile(r"libpizlo\.so"), PIZLO),
    (re.compile(r"lib[cm]\.so(?:\.6666)?"), USER_LIBC),
    (re.compile(r"lib(?:dl|resolv|nss_\w+|util|nsl|rt|anl|pthread|mvec)\.so\.666[0-9]"), USER_LIB),
    (re.compile(r"libc\+\+(?:abi)?\.so(?:\.[0-9.]+)?"), USER_LIB),
    (re.compile(r"(?:[Srg]?crt[1in]|rcrt1|crt(?:begin|end)[ST]?|filc_(?:min)?crt)\.o"), STARTUP),
    (re.compile(r"lib(?:yoloc|yolom|yolort|yolounwind|pizlo|yoloc_nonshared)\.a"), STATIC),
    (re.compile(r"lib(?:c|m|c\+\+|c\+\+abi)\.a"), USER_LIB),
)

ORDINARY_SONAMES = re.compile(
    r"(?:libc|libm|libpthread|libdl|librt|libutil|libresolv|libcrypt|libnsl)\.so\.[0-9]{1,2}\Z"
    r"|lib(?:stdc\+\+|gcc_s|gomp|atomic|asan|ubsan|tsan)\.so(?:\.[0-9.]+)?\Z"
    r"|ld-linux[a-z0-9_-]*\.so(?:\.[0-9]+)?\Z|ld64\.so\.[0-9]+\Z|ld-musl-[a-z0-9_]+\.so\.1\Z"
    r"|libc\.musl-[a-z0-9_]+\.so\.1\Z"
)


_VERSION = re.compile(r"\bFil-C (\d+\.\d+(?:\.\d+)?)")


def versions(producers: Iterable[str]) -> frozenset[str]:
    """Return the versions of Fil-C that the compilers' names in `.comment` say (`… Fil-C 0.686 …`)."""
    return frozenset(version for text in producers for version in _VERSION.findall(text))


def is_filc_name(name: bytes) -> bool:
    """Return whether a symbol name (without version) is one of the Fil-C grammar."""
    return name.startswith(PREFIX) and NAME.match(name) is not None


def has_filc_names(strings: bytes) -> bool:
    """Return whether a name in a string table may be Fil-C's or one of its runtime's checks."""
    return PREFIX in strings or CHECK_PREFIX in strings


def role_of(name: str) -> str | None:
    """Return the role that a file of this name has in a toolchain's `lib` folder, if it has one."""
    for pattern, role in _ROLES:
        if pattern.fullmatch(name):
            return role
    return None


def is_ordinary_soname(name: str) -> bool:
    """Return whether a needed name is that of an ordinary C library, compiler library or loader."""
    return ORDINARY_SONAMES.match(name.rsplit("/", 1)[-1]) is not None


class NotePlace(NamedTuple):
    """One pair in a note.

    It is at `place` (as in `image.Note`); in a linked file the code begins `distance` bytes after the image's
    first byte and has `size` bytes.
    """

    section: int
    place: int
    distance: int
    size: int


@dataclass(frozen=True, slots=True)
class SimulatorNote:
    """What the notes of the simulator in one file say.

    `origins` counts the notes by what each object was made from (there is one for each object linked in; more
    notes, which name no origin, belong to its COMDAT groups), `raw` names those that the assembler made past
    the driver. `places` say where the objects' code is.
    """

    origins: Counter[str]
    raw: tuple[str, ...]
    places: tuple[NotePlace, ...]

    @property
    def objects(self) -> int:
        """Return the number of objects."""
        return self.origins.total()


_NOTE_TEXT = re.compile(
    r"simulator(?: (?P<origin>(?!text=).*?))?(?P<fields>(?: [a-z]+=[0-9]{1,18})*)\Z", re.DOTALL
)
_IMAGE, _PAIR = struct.Struct("<q"), struct.Struct("<qQ")


def simulator_note(notes: Iterable[Note]) -> SimulatorNote | None:
    """Return what the simulator's notes among `notes` say, `None` without one.

    A note's text is `simulator ORIGIN text=BYTES sections=COUNT …` (without ORIGIN for a COMDAT group), ended
    by a NUL, padded to a multiple of four. Then comes the distance from there to the image's first byte, and
    a pair of numbers for each executable section of the object: the distance from the pair to the section's
    first byte, and the size. The linker fills in the distances.
    """
    origins: Counter[str] = Counter()
    raw: list[str] = []
    places: list[NotePlace] = []
    seen = False
    for note in notes:
        if note.owner != SIMULATOR_OWNER or note.type != SIMULATOR_TYPE:
            continue
        text, _, rest = note.descriptor.partition(b"\0")
        match = _NOTE_TEXT.match(text.decode("utf-8", "replace"))
        if match is None:
            continue
        seen = True
        origin = match["origin"] or ""
        if origin:
            origins[origin.removesuffix(_RAW)] += 1
        if origin.endswith(_RAW):
            raw.append(origin)
        start = len(text) + 1 + -(len(text) + 1) % 4
        if (
            rest
            and len(note.descriptor) > start
            and (len(note.descriptor) - start) % _PAIR.size == _IMAGE.size
        ):
            (image,) = _IMAGE.unpack_from(note.descriptor, start)
            pairs = note.descriptor[start + _IMAGE.size :]
            for number, (distance, size) in enumerate(_PAIR.iter_unpack(pairs)):
                inside = _IMAGE.size + number * _PAIR.size
                place = NotePlace(note.section, note.place + start + inside, distance + inside - image, size)
                places.append(place)
    return SimulatorNote(origins, tuple(raw), tuple(places)) if seen else None
