"""Unpack the archive of a release, which is hostile until proven otherwise.

An archive is read twice: first to its end, when nothing is written, then to be unpacked into a folder that
nobody else uses. Both passes apply the same rules, so that a file that changes in between gains nothing.
"""

from __future__ import annotations

import contextlib
import gzip
import lzma
import os
import stat
import tarfile
import unicodedata
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING, BinaryIO, cast

from filcross.errors import UnsupportedInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import Self

_METADATA = frozenset(
    {
        tarfile.XHDTYPE,
        tarfile.XGLTYPE,
        tarfile.SOLARIS_XHDTYPE,
        tarfile.GNUTYPE_LONGNAME,
        tarfile.GNUTYPE_LONGLINK,
    }
)
_MAGIC = {b"\xfd7zXZ\x00": "xz", b"\x1f\x8b": "gzip"}
_XZ_MEMORY = 256 << 20  # xz -9 takes 65 MiB
_CHUNK = 1 << 20


class HostileArchiveError(UnsupportedInputError):
    """The archive holds what no release holds; nothing of it was unpacked."""


class DamagedArchiveError(UnsupportedInputError):
    """The archive cannot be read to its end."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What an archive may hold: bytes unpacked, entries, and how much smaller than that the file may be.

    A musl release has about 77 MB packed and 1 GB unpacked, a glibc release 274 MB and 1.6 GB. The `ratio`
    counts from `free` bytes on. `path` and `name` are bytes of a whole path and of one part of it, `header`
    bytes of one header's extension.
    """

    size: int = 8 << 30
    entries: int = 200_000
    ratio: int = 100
    free: int = 64 << 20
    path: int = 1024
    name: int = 255
    depth: int = 64
    header: int = 64 << 10


@dataclass(frozen=True, slots=True)
class Contents:
    """What an archive holds: its one top folder, entries, and bytes unpacked."""

    top: str
    entries: int
    size: int


class _Info(tarfile.TarInfo):
    """A header whose extensions (long names, pax records) cannot fill the memory."""

    largest_header = Limits().header

    def _proc_member(self, archive: tarfile.TarFile) -> Self:
        """Refuse before the extension is read: `tarfile` names this method as the entry point for subclasses.

        (`frombuf` is not asked by every Python: Debian's 3.11.2 has another function in between.)
        """
        if self.type in _METADATA and self.size > self.largest_header:
            raise HostileArchiveError(f"a header of the archive is {self.size} bytes long")
        return cast("Self", super()._proc_member(archive))  # type: ignore[misc]


def check(path: Path, limits: Limits | None = None) -> Contents:
    """Read the archive at `path` to its end and return what it holds; nothing is written.

    Raises `HostileArchiveError` for an entry that breaks a rule, and `DamagedArchiveError` for a file that is
    no archive, or ends early.
    """
    with _reading(path, limits or Limits()) as (archive, rules):
        for entry in archive:
            rules.admit(entry)
    return rules.contents()


def unpack(
    path: Path,
    folder: Path,
    limits: Limits | None = None,
    *,
    before: Callable[[Contents], None] | None = None,
) -> Contents:
    """Unpack the archive at `path` into the new folder `folder`, without the archive's own top folder.

    The whole archive is checked first; see `check` for the rules and errors. Owners, special bits and times
    of the archive are not taken over. `before` is called with what was found, when nothing is written yet.
    """
    limits = limits or Limits()
    expected = check(path, limits)
    if before is not None:
        before(expected)
    folder.mkdir()
    with _reading(path, limits) as (archive, rules):
        for entry in archive:
            parts = rules.admit(entry)
            if not parts:
                continue
            _place(archive, entry, folder.joinpath(*parts), folder)
    if rules.contents() != expected:
        raise DamagedArchiveError(f"{path} changed while it was unpacked", hint="try again")
    return expected


def _place(archive: tarfile.TarFile, entry: tarfile.TarInfo, target: Path, folder: Path) -> None:
    """Write one admitted entry. No part of its path is a link: that is one of the rules."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if entry.isdir():
        target.mkdir(exist_ok=True)
    elif entry.issym():
        target.symlink_to(entry.linkname)
    elif entry.islnk():
        os.link(folder.joinpath(*PurePosixPath(entry.linkname).parts[1:]), target, follow_symlinks=False)
    else:
        source = cast("BinaryIO", archive.extractfile(entry))
        mode = 0o755 if entry.mode & stat.S_IXUSR else 0o644
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(target, flags, mode), "wb") as file:
            os.fchmod(file.fileno(), mode)
            while chunk := source.read(_CHUNK):
                file.write(chunk)


@contextlib.contextmanager
def _reading(path: Path, limits: Limits) -> Iterator[tuple[tarfile.TarFile, _Rules]]:
    """Open the archive as a stream; read it to its very end, so that its checksum is checked."""
    kind = type("_BoundedInfo", (_Info,), {"largest_header": limits.header})
    try:
        with path.open("rb") as file:
            packed = os.fstat(file.fileno()).st_size
            with _decompressed(file, path) as plain:
                stream = _Counted(plain, packed, limits)
                source = cast("IO[bytes]", stream)
                with tarfile.open(fileobj=source, mode="r|", tarinfo=kind, errorlevel=2) as archive:
                    yield archive, _Rules(limits)
                    stream.drain()
    except (tarfile.TarError, EOFError, lzma.LZMAError, gzip.BadGzipFile, UnicodeError, ValueError) as error:
        raise DamagedArchiveError(
            f"{path} cannot be read as an archive: {str(error).strip() or type(error).__name__}",
            hint="it is damaged or incomplete: download it again",
        ) from error


@contextlib.contextmanager
def _decompressed(file: BinaryIO, path: Path) -> Iterator[BinaryIO]:
    head = file.read(6)
    file.seek(0)
    kind = next((name for magic, name in _MAGIC.items() if head.startswith(magic)), None)
    if kind == "xz":
        yield cast("BinaryIO", _Xz(file))
    elif kind == "gzip":
        with gzip.GzipFile(fileobj=file) as plain:
            yield cast("BinaryIO", plain)
    elif _is_tar(file):
        yield file
    else:
        raise DamagedArchiveError(
            f"{path} is no archive of a release", hint="name a .tar.xz, .tar.gz or .tar file, or a folder"
        )


def _is_tar(file: BinaryIO) -> bool:
    block = file.read(tarfile.BLOCKSIZE)
    file.seek(0)
    try:
        tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.TarError:
        return False
    return True


class _Xz:
    """A stream of xz data, with a bound on the memory that its dictionary may ask for."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._new()

    def _new(self) -> None:
        self._plain = lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes (empty at the end)."""
        while True:
            if self._plain.eof:
                rest = self._plain.unused_data.lstrip(b"\0") or self._file.read(_CHUNK).lstrip(b"\0")
                if not rest:
                    return b""
                self._new()
                data = self._plain.decompress(rest, size)
            elif self._plain.needs_input:
                block = self._file.read(_CHUNK)
                if not block:
                    raise EOFError("it ends early")
                data = self._plain.decompress(block, size)
            else:
                data = self._plain.decompress(b"", size)
            if data:
                return data


class _Counted:
    """The unpacked stream, which may not grow beyond the limits."""

    def __init__(self, file: BinaryIO, packed: int, limits: Limits) -> None:
        self._file, self._packed, self._limits = file, packed, limits
        self._here = 0
        self._tail = b""

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes; raise `HostileArchiveError` where there are too many."""
        data = self._file.read(size)
        self._here += len(data)
        if self._here > self._limits.size:
            raise HostileArchiveError(f"the archive unpacks to more than {self._limits.size} bytes")
        if self._here > self._limits.free and self._here > self._limits.ratio * self._packed:
            raise HostileArchiveError(
                f"the archive's {self._packed} bytes unpack to more than {self._limits.ratio} times as many"
            )
        self._tail = (self._tail + data)[-tarfile.BLOCKSIZE :]
        return data

    def drain(self) -> None:
        """Read what follows the last entry: only padding may, and at least one block of it must."""
        while data := self.read(_CHUNK):
            if data.strip(b"\0"):
                raise HostileArchiveError("the archive goes on behind its end")
        if self._tail.strip(b"\0") or len(self._tail) < tarfile.BLOCKSIZE:
            raise EOFError("it ends early")


class _Rules:
    """What an archive may hold, entry by entry."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._top: str | None = None
        self._kinds: dict[tuple[str, ...], str] = {}
        self._folded: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._links: dict[tuple[str, ...], str] = {}
        self._entries = 0
        self._size = 0

    def contents(self) -> Contents:
        """Return what was admitted, after a last look at the links."""
        if self._top is None:
            raise DamagedArchiveError("the archive is empty", hint="download it again")
        for place in self._links:
            self._resolve(place)
        return Contents(self._top, self._entries, self._size)

    def admit(self, entry: tarfile.TarInfo) -> tuple[str, ...]:
        """Return the parts of the entry's path below the top folder (none: it is that one), or refuse it."""
        self._entries += 1
        if self._entries > self._limits.entries:
            raise HostileArchiveError(f"the archive has more than {self._limits.entries} entries")
        parts = self._path(entry.name)
        kind = self._kind(entry)
        self._size += entry.size if kind == "file" else 0
        if self._size > self._limits.size:
            raise HostileArchiveError(f"the archive unpacks to more than {self._limits.size} bytes")
        top, below = parts[0], parts[1:]
        if self._top is None:
            self._top = top
        if top != self._top:
            raise HostileArchiveError(f"the archive has two top folders, {_show(self._top)} and {_show(top)}")
        if not below:
            if kind != "folder":
                raise HostileArchiveError(f"the archive's top {_show(top)} is a {kind}, not a folder")
            return ()
        self._claim(below, kind, entry)
        return below

    def _path(self, name: str) -> tuple[str, ...]:
        raw = os.fsencode(name)
        if len(raw) > self._limits.path:
            raise HostileArchiveError(f"an entry's name has {len(raw)} bytes: {_show(name[:60])}…")
        if name.startswith("/"):
            raise HostileArchiveError(f"the archive has an absolute path: {_show(name)}")
        parts = [part for part in name.removeprefix("./").split("/") if part]
        if not parts or any(part in {".", ".."} for part in parts):
            raise HostileArchiveError(f"the archive has a path that leaves its folder: {_show(name)}")
        if len(parts) > self._limits.depth or any(
            len(os.fsencode(part)) > self._limits.name for part in parts
        ):
            raise HostileArchiveError(f"the archive has a path that is too deep or too long: {_show(name)}")
        if any(ord(letter) < 32 or letter in "\\\x7f" or 0xD800 <= ord(letter) <= 0xDFFF for letter in name):  # noqa: PLR2004
            raise HostileArchiveError(f"the archive has a name with control characters: {_show(name)}")
        return tuple(parts)

    def _kind(self, entry: tarfile.TarInfo) -> str:
        if entry.issparse() or "GNU.sparse.major" in entry.pax_headers:
            raise HostileArchiveError(f"{_show(entry.name)} is a sparse file, which no release has")
        if entry.mode & (stat.S_ISUID | stat.S_ISGID) and not entry.isdir():
            raise HostileArchiveError(f"{_show(entry.name)} would run with another user's rights (setuid)")
        if entry.isdir():
            return "folder"
        if entry.isreg():
            return "file"
        if entry.issym():
            return "link"
        if entry.islnk():
            return "hard link"
        raise HostileArchiveError(f"{_show(entry.name)} is a device or pipe, which no release has")

    def _claim(self, below: tuple[str, ...], kind: str, entry: tarfile.TarInfo) -> None:
        """Give the entry its place: one that nothing else has, below folders only, in any spelling."""
        for depth in range(1, len(below)):
            above = below[:depth]
            if self._kinds.setdefault(above, "folder") != "folder":
                through = f"{_show('/'.join(above))}, a {self._kinds[above]}"
                raise HostileArchiveError(f"{_show(entry.name)} would be written through {through}")
            self._spell(above)
        known = self._kinds.get(below)
        if known is not None and not known == kind == "folder":
            raise HostileArchiveError(f"the archive has {_show(entry.name)} twice")
        self._kinds[below] = kind
        self._spell(below)
        if kind == "link":
            self._link(below, entry)
        elif kind == "hard link":
            target = self._path(entry.linkname)
            if target[0] != self._top or self._kinds.get(target[1:]) not in {"file", "hard link"}:
                where = _show(entry.linkname)
                raise HostileArchiveError(
                    f"{_show(entry.name)} is a hard link to {where}, which is no file of the archive"
                )

    def _spell(self, path: tuple[str, ...]) -> None:
        """Refuse two names in one folder that a file system could take for one.

        Headers have such names (xt_mark.h and xt_MARK.h of the kernel), and so do terminal descriptions in
        `share`: there it is allowed.
        """
        if any(part in _ANY_SPELLING for part in path):
            return
        folded = tuple(unicodedata.normalize("NFKC", part).casefold() for part in path)
        first = self._folded.setdefault(folded, path)
        if first != path:
            names = f"{_show('/'.join(path))} and {_show('/'.join(first))}"
            raise HostileArchiveError(f"{names} differ in their spelling only")

    def _link(self, below: tuple[str, ...], entry: tarfile.TarInfo) -> None:
        target = entry.linkname
        if (
            not target
            or target.startswith("/")
            or "\0" in target
            or len(os.fsencode(target)) > self._limits.path
        ):
            raise HostileArchiveError(
                f"{_show(entry.name)} is a link to {_show(target)}, outside the archive"
            )
        self._links[below] = target
        self._resolve(below)

    def _resolve(self, place: tuple[str, ...]) -> None:
        """Follow a link, and the links on its way, and refuse it where it leaves the archive or never ends.

        What does not exist (yet) is taken as a folder: the last look, when all entries are known, decides.
        """
        here: list[str] = list(place[:-1])
        ahead = self._links[place].split("/")
        steps = 0
        while ahead:
            steps += 1
            if steps > _MOST_STEPS:
                raise HostileArchiveError(f"the link {_show('/'.join(place))} leads in a circle")
            part, ahead = ahead[0], ahead[1:]
            if part in {"", "."}:
                continue
            if part == "..":
                if not here:
                    name, target = _show("/".join(place)), _show(self._links[place])
                    raise HostileArchiveError(f"{name} is a link to {target}, outside the archive")
                here.pop()
                continue
            onward = self._links.get((*here, part))
            if onward is None:
                here.append(part)
            else:
                ahead = [*onward.split("/"), *ahead]


_MOST_STEPS = 400
_ANY_SPELLING = frozenset({"include", "stdfil-include", "os-include", "yolo-include", "share"})


def _show(name: str) -> str:
    """Return a name as it may be shown on a terminal."""
    return ascii(name)[1:-1]
