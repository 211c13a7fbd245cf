"""The toolchains that filcross knows by name: installed ones, linked releases, and the simulator.

A name is a symbolic link in `toolchains/` of the data folder. A simulator lives in a folder named after the
fingerprint of what it was made from, so that an upgrade of the host's compiler makes a new one beside the old
one, and running builds keep theirs.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from filcross import config
from filcross.errors import FilcrossError, UnsupportedInputError, UsageError
from filcross.toolchain.layout import Toolchain, recognise

if TYPE_CHECKING:
    from collections.abc import Iterator

SIMULATOR = "simulator"
_SIMULATORS = ".simulators"


@dataclass(frozen=True, slots=True)
class Entry:
    """One name of the store: the toolchain, or why it cannot be used any more."""

    name: str
    toolchain: Toolchain | None
    problem: str | None


def store_dir() -> Path:
    """Return the folder of the store (which need not exist)."""
    return config.data_home() / "toolchains"


def entries() -> tuple[Entry, ...]:
    """Return everything that has a name, sorted by name."""
    folder = store_dir()
    if not folder.is_dir():
        return ()
    names = sorted(item.name for item in folder.iterdir() if not item.name.startswith("."))
    return tuple(_entry(name) for name in names)


def ensure(name: str = SIMULATOR, *, style: str = "fil1") -> Toolchain:
    """Return the toolchain `name`; a simulator is made, or made again, if it is missing or out of date.

    `style` is the release style of a simulator. Raises `UnsupportedInputError` for a name that is not
    installed and `MissingRequirementError` when the host lacks what a simulator is made from.
    """
    if name == SIMULATOR:
        return _ensure_simulator(style)
    link = store_dir() / name
    if not _is_name(name) or not link.is_symlink():
        known = ", ".join(entry.name for entry in entries() if entry.name != SIMULATOR)
        raise UnsupportedInputError(
            f"no toolchain is called `{name}`",
            hint=f"installed: {known or 'none'}; always there: {SIMULATOR}; or name a release's folder",
        )
    return _named(name, recognise(link))


def resolve(wanted: str) -> Toolchain:
    """Return the toolchain that a user means by a name or the path of a folder.

    What has a `/` in it, or is not a name of the store but a folder here, is a path.
    """
    path = Path(wanted).expanduser()
    if "/" in wanted or (wanted != SIMULATOR and not (store_dir() / wanted).is_symlink() and path.is_dir()):
        return recognise(path)
    return ensure(wanted)


def install(path: Path, *, name: str | None = None) -> Toolchain:
    """Give the release in the folder `path` a name (default: `filc-VERSION`); the folder stays where it is.

    Raises `UnsupportedInputError` if the folder is no toolchain, `UsageError` if the name is taken or
    not a name.
    """
    toolchain = recognise(path)
    name = name or toolchain.name
    if not _is_name(name) or name == SIMULATOR:
        raise UsageError(
            f"`{name}` cannot be the name of an installed toolchain",
            hint="choose letters, digits, dots, dashes and underlines (--name)",
        )
    link = store_dir() / name
    if link.is_symlink() and link.resolve() == toolchain.root:
        return _named(name, toolchain)
    if os.path.lexists(link):
        raise UsageError(
            f"a toolchain is called `{name}` already ({link.resolve()})",
            hint=f"choose another name (--name), or remove it: filcross toolchain remove {name}",
        )
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(toolchain.root)
    return _named(name, toolchain)


def remove(name: str) -> None:
    """Forget the name; a simulator is deleted, a linked release's folder stays.

    Raises `UsageError` if there is no such name.
    """
    link = store_dir() / name
    if not _is_name(name) or not link.is_symlink():
        raise UsageError(
            f"no toolchain is called `{name}`", hint="list the names with: filcross toolchain list"
        )
    with _locked():
        link.unlink()
        if name == SIMULATOR:
            shutil.rmtree(store_dir() / _SIMULATORS, ignore_errors=True)


def _is_name(name: str) -> bool:
    return re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*", name) is not None


def _named(name: str, toolchain: Toolchain) -> Toolchain:
    return replace(toolchain, name=name)


def _entry(name: str) -> Entry:
    try:
        return Entry(name, _named(name, recognise(store_dir() / name)), None)
    except FilcrossError as error:
        return Entry(name, None, error.message)


def _ensure_simulator(style: str) -> Toolchain:
    from filcross.toolchain import simulator
    from filcross.toolchain.simulator.host import find_host_tools

    host = find_host_tools()
    content = f"{style}\n{simulator.sources_fingerprint()}\n{host.fingerprint()}"
    fingerprint = hashlib.sha256(content.encode()).hexdigest()[:16]
    folder = store_dir() / _SIMULATORS / fingerprint
    link = store_dir() / SIMULATOR
    with _locked():
        exists = folder.is_dir()
        toolchain = recognise(folder) if exists else simulator.build(folder, style=style, host=host)
        if not link.is_symlink() or link.resolve() != folder.resolve():
            _forget_others(keep={folder.resolve(), link.resolve()})
            fresh = link.with_name(f".{SIMULATOR}-{os.getpid()}")
            fresh.symlink_to(Path(_SIMULATORS) / fingerprint)
            fresh.rename(link)
    return toolchain


def _forget_others(*, keep: set[Path]) -> None:
    """Delete simulators of older tools, but not the one before this: a build may be using it."""
    for folder in (store_dir() / _SIMULATORS).iterdir():
        if folder.resolve() not in keep:
            shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _locked() -> Iterator[None]:
    """Hold the store's lock: one command at a time changes it, the others wait."""
    folder = store_dir()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
