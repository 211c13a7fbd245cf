"""The toolchains that filcross knows by name: installed ones, linked folders, and the simulator.

A name is a symbolic link in `toolchains/` of the data folder; what has no name is not there. A simulator
lives in a folder named after the fingerprint of what it was made from, so that an upgrade of the host's
compiler makes a new one beside the old one, and running builds keep theirs. `filcross.toolchain.install`
brings releases in.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.version import InvalidVersion, Version

from filcross import __version__, config, resources
from filcross.errors import FilcrossError, UnsupportedInputError, UsageError
from filcross.toolchain import libcxx, records, releases
from filcross.toolchain.layout import LOADERS, REQUIRED, Archive, Toolchain, recognise

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SIMULATOR = "simulator"
_SIMULATORS = ".simulators"
_HOST = "host.json"
_REMEMBERED = "toolchains-v1"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")


@dataclass(frozen=True, slots=True)
class Entry:
    """One name of the store: the toolchain, or why it cannot be used any more."""

    name: str
    toolchain: Toolchain | None
    problem: str | None


def store_dir() -> Path:
    """Return the folder of the store (which need not exist)."""
    return config.data_home() / "toolchains"


def names() -> tuple[str, ...]:
    """Return every name of the store, sorted."""
    folder = store_dir()
    if not folder.is_dir():
        return ()
    return tuple(sorted(item.name for item in folder.iterdir() if not item.name.startswith(".")))


def entries(*, remember: bool = True) -> tuple[Entry, ...]:
    """Return everything that has a name, sorted by name; see `remembered` for `remember`."""
    return tuple(_entry(name, remember=remember) for name in names())


def list_installed() -> list[Toolchain]:
    """Return the toolchains that have a name and can be used."""
    return [entry.toolchain for entry in entries() if entry.toolchain is not None]


def newest_release() -> Toolchain | None:
    """Return the newest named release that builds can use, if there is one."""
    usable = [one for one in list_installed() if not one.simulated and one.layout == "pizfix"]
    return max(usable, key=lambda one: (_version(one.version), one.name), default=None)


def _version(text: str) -> Version:
    try:
        return Version(text)
    except InvalidVersion:
        return Version("0")


def ensure(name: str = SIMULATOR, *, style: str = "fil1") -> Toolchain:
    """Return the toolchain `name`; a simulator is made, or made again, if it is missing or out of date.

    `style` is the release style of a simulator. Raises `UnsupportedInputError` for a name that is not
    installed and `MissingRequirementError` when the host lacks what a simulator is made from.
    """
    if name == SIMULATOR:
        return _ensure_simulator(style)
    if not _is_name(name) or not is_taken(name):
        raise _unknown(name)
    return named(name)


def _unknown(name: str) -> UnsupportedInputError:
    known = ", ".join(found for found in names() if found != SIMULATOR)
    hint = f"installed: {known or 'none'}; always there: {SIMULATOR}; or name a release's folder"
    if releases.is_version(name):
        with contextlib.suppress(FilcrossError):
            asset = releases.find(name)
            hint = f"install it: filcross toolchain install {asset.name}; {hint}"
    return UnsupportedInputError(f"no toolchain is called `{name}`", hint=hint)


def resolve(wanted: str) -> Toolchain:
    """Return the toolchain that a user means by a name, a version, or the path of a folder.

    What has a `/` in it, or is not a name of the store but a folder here, is a path. `0.686` means what is
    called that, else `0.686-musl-x86_64`.
    """
    path = Path(wanted).expanduser()
    if "/" in wanted:
        return remembered(path)
    if wanted == SIMULATOR or is_taken(wanted):
        return ensure(wanted)
    if releases.is_version(wanted) and is_taken(releases.full_name(wanted)):
        return named(releases.full_name(wanted))
    if path.is_dir():
        return remembered(path)
    return ensure(wanted)


def is_taken(name: str) -> bool:
    """Return whether something has this name."""
    return _is_name(name) and (store_dir() / name).is_symlink()


def target(name: str) -> Path:
    """Return the folder that a name means (which may be gone)."""
    return (store_dir() / name).resolve()


def named(name: str, *, remember: bool = True) -> Toolchain:
    """Return the toolchain of a name that is taken; see `recognise` for the errors."""
    record = record_of(name)
    origin = record.origin if record is not None else None
    archive = None
    if origin is not None and origin.sha256 is not None:
        archive = Archive(origin.source, origin.sha256)
    return replace(remembered(store_dir() / name, remember=remember), name=name, archive=archive)


def record_of(name: str) -> records.Record | None:
    """Return what is remembered about a name, if anything is."""
    return records.read(store_dir(), name)


def baseline_of(toolchain: Toolchain) -> Path | None:
    """Return the file with the ordinary names of healthy files of a named toolchain; see `proof.baseline`."""
    mine = is_taken(toolchain.name) and target(toolchain.name) == toolchain.root
    return records.baseline_file(store_dir(), toolchain.name) if mine else None


def check_name(name: str) -> None:
    """Raise `UsageError` for what cannot be the name of an installed toolchain."""
    if not _is_name(name) or name == SIMULATOR:
        raise UsageError(
            f"`{name}` cannot be the name of an installed toolchain",
            hint="choose letters, digits, dots, dashes and underlines (--name)",
        )


def point(name: str, root: Path) -> None:
    """Let `name` mean the folder `root`, in one step; inside of the store, by a relative link."""
    store = store_dir()
    inside = store.resolve() in root.parents
    with _locked():
        _point(store / name, root.relative_to(store.resolve()) if inside else root)


def _point(link: Path, target: Path) -> None:
    fresh = link.with_name(f".{link.name}-{os.getpid()}")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    fresh.rename(link)


def remove(name: str) -> None:
    """Forget the name; a simulator or an installed release is deleted, a linked folder stays.

    Raises `UsageError` if there is no such name.
    """
    link = store_dir() / name
    if not is_taken(name):
        raise UsageError(
            f"no toolchain is called `{name}`", hint="list the names with: filcross toolchain list"
        )
    with _locked():
        raw = link.readlink()
        link.unlink()
        records.forget(store_dir(), name)
        if name == SIMULATOR:
            shutil.rmtree(store_dir() / _SIMULATORS, ignore_errors=True)
        elif not raw.is_absolute():
            shutil.rmtree((store_dir() / raw).parent, ignore_errors=True)


def _is_name(name: str) -> bool:
    return _NAME.fullmatch(name) is not None


def _entry(name: str, *, remember: bool) -> Entry:
    try:
        return Entry(name, named(name, remember=remember), None)
    except FilcrossError as error:
        return Entry(name, None, error.message)


def remembered(path: Path, *, remember: bool = True) -> Toolchain:
    """Return `recognise(path)`, without asking the driver again while none of the files that matter changed.

    What is remembered lies in the cache folder; where that cannot be written, or without `remember`, nothing
    new is.
    """
    root = path.resolve()
    key = hashlib.sha256(f"{__version__}\n".encode() + os.fsencode(root)).hexdigest()[:32]
    file = config.cache_path() / _REMEMBERED / f"{key}.json"
    facts = _facts(root / name for name in _watched())
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        content = json.loads(file.read_text(encoding="utf-8"))
        if content["facts"] == facts:
            return Toolchain(**(content["toolchain"] | {"root": root}))
    toolchain = recognise(path)
    if remember:
        with contextlib.suppress(OSError):
            config.cache_dir()
        _remember(file, {"facts": facts, "toolchain": asdict(toolchain) | {"root": str(root)}})
    return toolchain


def _watched() -> tuple[str, ...]:
    """Return the files whose state decides what a folder is, in any layout, and this program's own rules."""
    loaders = [f"{lib}/{name}" for lib in ("lib", "pizfix/lib") for name in LOADERS]
    drivers = ("bin/filcc", "build/bin/clang-20", "build/bin/filcc", "fil.tar.xz", "fil/bin")
    return (*sorted({name for listed in REQUIRED.values() for name in listed}), *drivers, *loaders)


def _facts(paths: Iterable[Path]) -> list[list[int] | None]:
    """Return what changes when one of the files does: size, times, and which file it is."""
    facts: list[list[int] | None] = []
    for path in paths:
        try:
            status = path.stat()
        except OSError:
            facts.append(None)
        else:
            facts.append(
                [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_dev]
            )
    return facts


def _remember(file: Path, content: dict[str, Any]) -> None:
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor, fresh = tempfile.mkstemp(dir=file.parent, prefix=".new-")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
                json.dump(content, handle)
            Path(fresh).replace(file)
        finally:
            Path(fresh).unlink(missing_ok=True)


def _ensure_simulator(style: str) -> Toolchain:
    quick = _quick_simulator(style)
    if quick is not None:
        return quick
    from filcross.toolchain import simulator
    from filcross.toolchain.simulator.host import find_host_tools

    host = find_host_tools()
    cxx = libcxx.find(host)
    content = f"{style}\n{simulator.sources_fingerprint()}\n{host.fingerprint()}\n{cxx and cxx.name}"
    fingerprint = hashlib.sha256(content.encode()).hexdigest()[:16]
    folder = store_dir() / _SIMULATORS / fingerprint
    link = store_dir() / SIMULATOR
    with _locked():
        exists = folder.is_dir()
        toolchain = remembered(folder) if exists else simulator.build(folder, style=style, host=host, cxx=cxx)
        if not link.is_symlink() or link.resolve() != folder.resolve():
            _forget_others(keep={folder.resolve(), link.resolve()})
            _point(link, Path(_SIMULATORS) / fingerprint)
    watched = [str(path) for path in (*host.files(), *_simulator_sources())]
    note = {
        "style": style,
        "fingerprint": fingerprint,
        "watched": watched,
        "facts": _host_facts(watched),
        "libcxx": _cxx_sources(),
    }
    _remember(store_dir() / _SIMULATORS / _HOST, note)
    return toolchain


def _quick_simulator(style: str) -> Toolchain | None:
    """Return the simulator if it is there, and nothing that it was made from changed since the last look."""
    try:
        note = json.loads((store_dir() / _SIMULATORS / _HOST).read_text(encoding="utf-8"))
        folder = store_dir() / _SIMULATORS / note["fingerprint"]
        if (store_dir() / SIMULATOR).resolve() != folder.resolve() or not folder.is_dir():
            return None
        if note["style"] != style or note["libcxx"] != _cxx_sources():
            return None
        if note["facts"] != _host_facts(note["watched"]):
            return None
        return remembered(folder)
    except (OSError, ValueError, KeyError, TypeError, FilcrossError):
        return None


def _host_facts(watched: Iterable[str]) -> list[Any]:
    """Return what changes when a file that a simulator is made from does, or when another could be found.

    A folder of PATH changes when a program is added to it (a newer clang, say).
    """
    folders = [Path(folder) for folder in os.get_exec_path()]
    return [os.environ.get("PATH", ""), _facts(folders), _facts(Path(path) for path in watched)]


def _cxx_sources() -> str | None:
    """Return the folder of the sources that give a simulator C++, if it is there."""
    return str(libcxx.place()) if libcxx.place().is_dir() else None


def _simulator_sources() -> list[Path]:
    base = resources.simulator_dir()
    return [base, *sorted(path for path in base.rglob("*") if "__pycache__" not in path.parts)]


def _forget_others(*, keep: set[Path]) -> None:
    """Delete simulators of older tools, but not the one before this: a build may be using it."""
    for folder in (store_dir() / _SIMULATORS).iterdir():
        if folder.is_dir() and folder.resolve() not in keep:
            shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _locked() -> Iterator[None]:
    """Hold the store's lock: one command at a time changes it, the others wait."""
    folder = store_dir()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
