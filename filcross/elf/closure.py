"""Which files a loader would load for a program, and where it would find them.

Two loaders, two sets of rules. musl's (`ldso/dynlink.c`): RPATH and RUNPATH alike (RUNPATH wins where both
are there), those of the object that needs the library, then of the object that needed that one, up to the
program; then `<prefix>/etc/ld-musl-<arch>.path`, `<prefix>` being the loader's path without its last two
parts, or `/lib:/usr/local/lib:/usr/lib`; a library already loaded is known by the name it was searched by,
then by its inode; some names mean the loader itself. glibc's (`ld.so(8)`): RPATH of the object and of those
that needed it unless the object has a RUNPATH, then RUNPATH, then the default folders; files of another class
or machine are passed over. `LD_LIBRARY_PATH` and preloading are ignored: they are not part of the files.
"""

from __future__ import annotations

import os
import re
import stat
import struct
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING, NamedTuple, Protocol

from filcross.elf import abi

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from filcross.elf.image import Image

MUSL_DEFAULT = "/lib:/usr/local/lib:/usr/lib"
GLIBC_DEFAULT = (
    "/lib/x86_64-linux-gnu",
    "/usr/lib/x86_64-linux-gnu",
    "/lib64",
    "/usr/lib64",
    "/lib",
    "/usr/lib",
)
_MUSL_SELF = (b"c.pthread.rt.m.dl.util.xnet.", b"yoloc.yolom.yolopt.yolodl.")
_SANDWICH_SELF = ("yoloc", "yolom", "yolopt", "yolodl")
_HWCAPS = ("x86-64-v4", "x86-64-v3", "x86-64-v2")
_MAX_OBJECTS = 5000
_MAX_LOADER = 16 << 20
_TOKEN = re.compile(r"\$(?:ORIGIN\b|\{ORIGIN\})")
_MUSL_TOKEN = re.compile(r"\$(?:ORIGIN|\{ORIGIN\})")  # musl does not ask what comes after the name
_MAX_LINKS = 40
_ODD = frozenset({"", ".", "..", "proc", "fd"})  # names that mean another folder, or may
_MAX_CACHE = 32 << 20
_CACHE_MAGIC = b"glibc-ld.so.cache1.1"
_GLIBC_TOKEN = re.compile(r"\$(?:LIB\b|\{LIB\})")


class Places:
    """What is at some paths, asked once; for one run, in which files are taken not to change."""

    def __init__(self) -> None:
        self._inodes: dict[str, tuple[int, int] | None] = {}
        self._links: set[str] = set()
        self._steady: dict[str, bool] = {}
        self._real: dict[str, str] = {}
        self._search: dict[str, str] = {}
        self._folders: dict[str, str] = {}

    def inode(self, path: str) -> tuple[int, int] | None:
        """Return the device and inode at `path`, behind links; `None` if there is nothing."""
        if path not in self._inodes:
            try:
                status = os.lstat(path)  # one question for what is no link
                if stat.S_ISLNK(status.st_mode):
                    self._links.add(path)
                    status = os.stat(path)  # noqa: PTH116
            except OSError:
                self._inodes[path] = None
            else:
                self._inodes[path] = (status.st_dev, status.st_ino)
        return self._inodes[path]

    def is_link(self, path: str) -> bool:
        """Return whether `path` itself is a symbolic link."""
        self.inode(path)
        return path in self._links

    def is_steady(self, path: str) -> bool:
        """Return whether every process that opens `path` gets the same file."""
        found = self._steady.get(path)
        if found is None:
            folder, _, name = path.rpartition("/")
            if folder not in self._steady:
                self._steady[folder] = is_steady(folder)
            plain = name not in _ODD and self._steady[folder] and not self.is_link(path)
            found = self._steady[path] = plain or is_steady(path)
        return found

    def musl_default(self, loader: str) -> str:
        """Return the search path of musl's loader at the path `loader`, from the file beside it."""
        prefix = loader.rsplit("/", 2)[0]
        if prefix not in self._search:
            try:
                with open(f"{prefix}/etc/ld-musl-x86_64.path", "rb") as file:  # noqa: PTH123
                    self._search[prefix] = os.fsdecode(file.read(1 << 16))
            except FileNotFoundError:
                self._search[prefix] = MUSL_DEFAULT
            except OSError:
                self._search[prefix] = ""
        return self._search[prefix]

    def behind(self, link: str, home: str) -> str:
        """Return where a symbolic link leads, without further links; `home` is its folder without links."""
        folder, slash, name = os.readlink(link).rpartition("/")  # noqa: PTH115
        if name in ("", ".", ".."):
            return os.path.realpath(link)
        place = self.real(os.path.join(home, folder or slash)) if slash else home  # noqa: PTH118
        target = f"{place.rstrip('/')}/{name}"
        return os.path.realpath(target) if os.path.islink(target) else target  # noqa: PTH114

    def is_real(self, path: str) -> bool:
        """Return whether a path is absolute and has no link in it."""
        folder, slash, name = path.rpartition("/")
        folder = folder or slash
        plain = path.startswith("/") and name not in _ODD and not os.path.islink(path)  # noqa: PTH114
        return plain and self.real(folder) == folder

    def real_folder(self, path: str) -> str:
        """Return the folder of `path` without links."""
        found = self._folders.get(path)
        if found is None:
            found = self._folders[path] = self.real(os.path.dirname(path))  # noqa: PTH120
        return found

    def real(self, path: str) -> str:
        """Return `path` without links."""
        if path not in self._real:
            self._real[path] = os.path.realpath(path)
        return self._real[path]


class Loadable(Protocol):
    """What the resolver needs to know of a file (see `filcross.elf.image.Image`)."""

    @property
    def bits(self) -> int:
        """32 or 64."""

    @property
    def machine(self) -> int:
        """The `EM_*` number."""

    @property
    def needed(self) -> tuple[str, ...]:
        """The names in DT_NEEDED, in order."""

    @property
    def soname(self) -> str | None:
        """The file's own name."""

    @property
    def rpath(self) -> str | None:
        """DT_RPATH as in the file."""

    @property
    def runpath(self) -> str | None:
        """DT_RUNPATH as in the file."""

    @property
    def filters(self) -> tuple[str, ...]:
        """The names in DT_FILTER, DT_AUXILIARY and the audit tags."""


@dataclass(frozen=True, slots=True)
class Loader:
    """A loader: the path in PT_INTERP, its rules (`musl` or `glibc`), the library names that mean itself."""

    path: str
    flavour: str
    self_names: tuple[str, ...]


class Loaded(NamedTuple):
    """One object of a process.

    `name` is the name it was asked for by, `needed_by` the path of the object that asked (`None`: the
    program), `how` the rule that found it.
    """

    name: str
    path: str
    needed_by: str | None
    how: str


class Missing(NamedTuple):
    """A needed library that was not found, and the places that were tried, in order."""

    name: str
    needed_by: str
    tried: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Process:
    """The objects of a process in the loader's order, the program (or library) itself first.

    `unsteady` holds the places that were looked at and that mean another file in another process: paths
    relative to the working folder, or through `/proc`.
    """

    objects: tuple[Loaded, ...]
    missing: tuple[Missing, ...]
    unsteady: tuple[str, ...] = ()


def describe_loader(path: str, image: Image) -> Loader:
    """Return the rules of the loader at `path` (the text of PT_INTERP), told from its contents.

    glibc's loader has a soname `ld-linux*` or defines `_rtld_global`; any other is taken for musl's.
    """
    glibc = (image.soname or "").startswith("ld-linux")
    if not glibc and image.dynamic_symbols is not None:
        glibc = b"\0_rtld_global\0" in image.dynamic_symbols.strings
    if glibc:
        names = (image.soname,) if image.soname else ()
        return Loader(path, "glibc", names)
    return Loader(path, "musl", _self_names(image))


def guessed_flavour(needed: tuple[str, ...]) -> str:
    """Return whose rules hold for a file without a loader of its own, told from what it needs."""
    glibc = any(
        ".so.666" in name or name.startswith("libyolocimpl") or abi.is_ordinary_soname(name)
        for name in needed
    )
    return "glibc" if glibc else "musl"


def nameless_loader(flavour: str) -> Loader:
    """Return the rules of a sandwich's loader that cannot be looked at."""
    return Loader("", flavour, _SANDWICH_SELF if flavour == "musl" else ())


@cache
def _self_prefixes(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"lib{name}." for name in names)


def _self_names(image: Image) -> tuple[str, ...]:
    window = image.window
    size = min(window.size, _MAX_LOADER)
    position, tail = 0, b""
    while position < size:
        chunk = window.read(position, min(1 << 20, size - position))
        for names in _MUSL_SELF:
            if names in tail + chunk:
                return tuple(part for part in names.decode().split(".") if part)
        tail = chunk[-64:]
        position += len(chunk)
    return ()


def load(
    path: str,
    image: Loadable,
    loader: Loader,
    read: Callable[[str], Loadable | None],
    *,
    direct: bool = False,
    places: Places | None = None,
) -> Process:
    """Return the process that `loader` makes of the file at `path`.

    `read` gives what is known of another file (`None`: not a loadable ELF file). With `direct`, only the
    libraries that the file itself needs are looked for. `places` remembers between calls what is where.
    """
    return _Loading(path, image, loader, read, places or Places()).run(direct=direct)


def locate(
    name: str, path: str, image: Loadable, loader: Loader, read: Callable[[str], Loadable | None]
) -> str | None:
    """Return where `loader` would find the library `name` for the file at `path` (`None`: nowhere)."""
    walk = _Loading(path, image, loader, read, Places())
    for candidate, _ in walk.candidates(name, walk.root):
        found = read(candidate)
        if found is not None and (found.bits, found.machine) == (image.bits, image.machine):
            return candidate
    return None


@dataclass(slots=True)
class _Object:
    path: str
    image: Loadable
    parent: _Object | None


class _Loading:
    """One breadth-first walk."""

    def __init__(
        self,
        path: str,
        image: Loadable,
        loader: Loader,
        read: Callable[[str], Loadable | None],
        places: Places,
    ) -> None:
        self.read = read
        self.places = places
        self.loader = loader
        self.root = _Object(path, image, None)
        self.objects = [self.root]
        self.names: set[str] = set()
        self.loaded = [Loaded(path, path, None, "the file itself")]
        self.missing: list[Missing] = []
        self.unsteady: dict[str, None] = {}
        self.cache: Mapping[str, tuple[str, ...]] | None = None
        self.inodes = {places.inode(path)}
        self.self_loaded = False

    def run(self, *, direct: bool) -> Process:
        position = 0
        while position < len(self.objects) and len(self.objects) <= _MAX_OBJECTS:
            current = self.objects[position]
            for name in (*current.image.needed, *current.image.filters):
                self.add(name, current)
            if direct:
                break
            position += 1
        return Process(tuple(self.loaded), tuple(self.missing), tuple(self.unsteady))

    def add(self, name: str, current: _Object) -> None:
        if self.is_self(name):
            if not self.self_loaded:
                self.self_loaded = True
                where = self.loader.path or name
                self.loaded.append(Loaded(name, where, current.path, "the loader itself"))
            return
        if name in self.names:
            return
        tried: list[str] = []
        for candidate, how in self.candidates(name, current):
            tried.append(candidate)
            self.watch(candidate)
            status = self.accept(name, candidate, how, current)
            if status == "taken":
                return
            if status == "refused":
                break
        self.missing.append(Missing(name, current.path, tuple(tried)))

    def watch(self, candidate: str) -> None:
        if not self.places.is_steady(candidate):
            self.unsteady[candidate] = None

    def is_self(self, name: str) -> bool:
        if self.loader.path and name == self.loader.path:
            return True
        if self.loader.flavour == "glibc":
            return name in self.loader.self_names
        return name.startswith(_self_prefixes(self.loader.self_names))

    def accept(self, name: str, candidate: str, how: str, current: _Object) -> str:
        """Take the file at `candidate`, pass it over, or give up (a file that musl cannot load)."""
        inode = self.places.inode(candidate)
        if inode is None:
            return "absent"
        if inode in self.inodes:
            self.names.add(name)
            return "taken"
        image = self.read(candidate)
        if image is None or image.bits != self.root.image.bits:
            return "absent" if self.loader.flavour == "glibc" else "refused"
        if image.machine != self.root.image.machine and self.loader.flavour == "glibc":
            return "absent"  # musl's loader does not ask for the machine
        self.names.add(name)
        if self.loader.flavour == "glibc" and image.soname:
            self.names.add(image.soname)
        self.inodes.add(inode)
        self.objects.append(_Object(candidate, image, current))
        self.loaded.append(Loaded(name, candidate, current.path, how))
        if self.loader.flavour == "glibc" and "/" not in name:
            self.add_variants(name, candidate, current)
        return "taken"

    def add_variants(self, name: str, candidate: str, current: _Object) -> None:
        """Add what glibc would take on newer processors, so that every variant is judged."""
        folder = f"{os.path.dirname(candidate)}/glibc-hwcaps"  # noqa: PTH120
        for level in _HWCAPS if self.places.inode(folder) else ():
            variant = f"{folder}/{level}/{name}"
            image = self.read(variant) if self.places.inode(variant) else None
            if image is not None:
                self.objects.append(_Object(variant, image, current))
                self.loaded.append(Loaded(name, variant, current.path, f"glibc-hwcaps {level}"))

    def candidates(self, name: str, current: _Object) -> Iterator[tuple[str, str]]:
        if "/" in name:
            yield name, "path in DT_NEEDED"
            return
        search = self.musl_search if self.loader.flavour == "musl" else self.glibc_search
        for folder, how in search(current):
            if how == "default path" and self.loader.flavour == "glibc":
                yield from self.cached(name)
            yield f"{folder}/{name}", how

    def cached(self, name: str) -> Iterator[tuple[str, str]]:
        """Yield what glibc's cache says (every entry: which one is taken depends on the processor)."""
        if self.cache is None:
            place = "/etc/ld.so.cache"
            if abi.LOADER_NAME.match(os.path.basename(self.loader.path)):  # noqa: PTH119
                folder = os.path.dirname(self.places.real(self.loader.path))  # noqa: PTH120
                place = f"{os.path.dirname(folder)}/etc/ld.so.cache"  # noqa: PTH120
            self.cache = read_cache(place)
        for path in self.cache.get(name, ()):
            yield path, "ld.so.cache"

    def musl_search(self, current: _Object) -> Iterator[tuple[str, str]]:
        item: _Object | None = current
        while item is not None:
            raw = item.image.runpath if item.image.runpath is not None else item.image.rpath
            if raw:
                # The program's own place is the one behind all links, a library's the one where it was found.
                place = self.places.real(item.path) if item.parent is None and "$" in raw else item.path
                how = f"RUNPATH of {item.path}"
                for folder in _expand_musl(raw, place):
                    yield folder, how
            item = item.parent
        for folder in _split_musl(self.musl_default()):
            yield folder, "default path"

    def musl_default(self) -> str:
        return (
            self.places.musl_default(self.loader.path) if self.loader.path.startswith("/") else MUSL_DEFAULT
        )

    def glibc_search(self, current: _Object) -> Iterator[tuple[str, str]]:
        if current.image.runpath is None:
            item: _Object | None = current
            while item is not None:
                if item.image.runpath is None and item.image.rpath is not None:
                    for folder in _expand_glibc(item.image.rpath, item.path, self.places):
                        yield folder, f"RPATH of {item.path}"
                item = item.parent
        else:
            for folder in _expand_glibc(current.image.runpath, current.path, self.places):
                yield folder, f"RUNPATH of {current.path}"
        if abi.LOADER_NAME.match(os.path.basename(self.loader.path)):  # noqa: PTH119
            yield os.path.dirname(self.places.real(self.loader.path)), "default path"  # noqa: PTH120
        else:
            for folder in GLIBC_DEFAULT:
                yield folder, "default path"


def read_cache(path: str) -> Mapping[str, tuple[str, ...]]:
    """Return the libraries by name in glibc's cache at `path` (no readable cache: none).

    Format: glibc, sysdeps/generic/dl-cache.h (`struct cache_file_new`).
    """
    try:
        status = os.stat(path)  # noqa: PTH116
        return _read_cache(path, status.st_mtime_ns, status.st_size)
    except OSError:
        return {}


@lru_cache(maxsize=8)
def _read_cache(path: str, changed: int, size: int) -> Mapping[str, tuple[str, ...]]:
    del changed, size
    with open(path, "rb") as file:  # noqa: PTH123
        raw = file.read(_MAX_CACHE)
    start = raw.find(_CACHE_MAGIC)
    if start < 0 or len(raw) < start + 48:
        return {}
    (count,) = struct.unpack_from("<I", raw, start + 20)
    found: dict[str, tuple[str, ...]] = {}
    for number in range(min(count, (len(raw) - start - 48) // 24)):
        key, value = struct.unpack_from("<II", raw, start + 48 + number * 24 + 4)
        texts = [raw[start + at : raw.find(b"\0", start + at)] for at in (key, value)]
        if all(texts):
            name, place = (os.fsdecode(text) for text in texts)
            found[name] = (*found.get(name, ()), place)
    return found


def is_steady(path: str) -> bool:
    """Return whether every process that opens `path` gets the same file."""
    if not path.startswith("/"):
        return False
    done, waiting = "", [part for part in path.split("/") if part]
    for _ in range(_MAX_LINKS * 64):
        if not waiting:
            return True
        current = f"{done}/{waiting.pop(0)}"
        if current in ("/proc", "/dev/fd"):
            return False
        try:
            target = os.readlink(current)  # noqa: PTH115
        except OSError:
            done = os.path.normpath(current)
            continue
        done = "" if target.startswith("/") else done
        waiting = [part for part in target.split("/") if part] + waiting
    return False


@lru_cache(maxsize=4096)
def _split_musl(paths: str) -> tuple[str, ...]:
    return tuple(part for part in re.split(r"[:\n]+", paths) if part)


def _expand_musl(raw: str, path: str) -> tuple[str, ...]:
    """Expand `$ORIGIN`; a search path with any other variable is ignored as a whole, as in musl."""
    if "$" not in raw:
        return _split_musl(raw)
    if "$" in _MUSL_TOKEN.sub("", raw):
        return ()
    origin = os.path.dirname(path)  # noqa: PTH120
    return _split_musl(_MUSL_TOKEN.sub(lambda _: origin, raw))


def _expand_glibc(raw: str, path: str, places: Places) -> Iterator[str]:
    for part in raw.split(":"):
        if "$" not in part:
            yield part or "."
            continue
        origin = os.path.dirname(places.real(path))  # noqa: PTH120
        expanded = _TOKEN.sub(origin.replace("\\", r"\\"), part)
        for library in ("lib/x86_64-linux-gnu", "lib64", "lib"):
            folder = _GLIBC_TOKEN.sub(library, expanded)
            yield folder or "."
            if folder == expanded:
                break
