"""What this machine has of what filcross needs: a read-only look, with the command that mends each lack."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from filcross import config, requirements
from filcross.errors import FilcrossError
from filcross.nix import command

if TYPE_CHECKING:
    from collections.abc import Iterator

    from filcross.config import Settings

NEEDED_BYTES = 2 * 1024**3


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the doctor: `ok`, `note` or `lacking`; what was found; and what to do about it."""

    name: str
    state: str
    found: str
    fix: str | None = None


def examine(settings: Settings) -> list[Check]:
    """Return every check. Nothing on the machine is changed."""
    return [*_nix(settings), *_programs(), *_disk(), *_toolchains(), *_configuration(settings)]


def _nix(settings: Settings) -> Iterator[Check]:
    try:
        found = command.version()
    except FilcrossError as error:
        yield Check("nix", "lacking", error.message, error.hint)
        return
    text = ".".join(map(str, found))
    if found[:2] < command.MINIMUM_NIX:
        yield Check("nix", "lacking", f"Nix {text} is too old", "install Nix 2.8 or newer")
        return
    yield Check("nix", "ok", f"Nix {text}")
    for host_tools, name in (
        (False, "store for nixpkgs' own bootstrap"),
        (True, "store for host-tool builds"),
    ):
        try:
            store = command.plan_store(host_tools=host_tools, preference=settings.store.value)
        except FilcrossError as error:
            yield Check(name, "lacking", error.message, error.hint)
        else:
            state = "ok" if store.kind == "system" else "note"
            yield Check(name, state, f"the {store.kind} store at {store.folder}: {store.reason}")


def _programs() -> Iterator[Check]:
    for need, state in (("main", "lacking"), ("real-trees", "note")):
        missing = requirements.missing(need)
        for row in missing:
            fix = f"apt-get install {row.packages[0]}, or run scripts/prepare-host"
            yield Check(row.packages[0], state, f"not there; {row.why}", fix)
        if not missing:
            what = "what builds need" if need == "main" else "what --bootstrap host of a real tree needs"
            yield Check("host tools", "ok", f"{what} is there")


def _disk() -> Iterator[Check]:
    for name, folder in (
        ("disk for the store", command.SYSTEM_STORE),
        ("disk for the cache", config.cache_path()),
    ):
        place = next(p for p in (folder, *folder.parents) if p.exists())
        free = shutil.disk_usage(place).free
        text = f"{free / 1024**3:.1f} GiB free at {place}"
        if free < NEEDED_BYTES:
            yield Check(
                name,
                "lacking",
                text,
                "free some space (nix-collect-garbage), or set XDG_CACHE_HOME",
            )
        else:
            yield Check(name, "ok", text)


def _toolchains() -> Iterator[Check]:
    from filcross.toolchain import store

    entries = store.entries()
    for entry in entries:
        if entry.toolchain is None:
            yield Check(
                "toolchain",
                "note",
                f"{entry.name}: {entry.problem}",
                f"filcross toolchain remove {entry.name}",
            )
        else:
            toolchain = entry.toolchain
            yield Check("toolchain", "ok", f"{entry.name}: {toolchain.label} at {toolchain.root}")
    if not entries:
        yield Check("toolchain", "note", "none installed; the simulator is made when it is asked for")


def _configuration(settings: Settings) -> Iterator[Check]:
    for name in ("nixpkgs", "toolchain", "bootstrap", "store"):
        setting = getattr(settings, name)
        yield Check(f"setting {name}", "ok", f"{setting.value or 'not set'} (from {setting.origin})")
    if os.environ.get("FILCROSS_OFFLINE"):
        yield Check("network", "note", "FILCROSS_OFFLINE is set: nothing is fetched")
