"""Where the nixpkgs of a build comes from: a folder, a revision, or the embedded tree."""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.version import Version

from filcross import process, resources
from filcross.errors import FilcrossError, MissingRequirementError, UnsupportedInputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from filcross.config import Setting
    from filcross.nix.command import Nix

EMBEDDED = "embedded"
ARCHIVE_URL = "https://github.com/NixOS/nixpkgs/archive/{rev}.tar.gz"
_REVISION = re.compile(r"[0-9a-f]{40}")
_FETCH_TIMEOUT = 1800.0


@dataclass(frozen=True, slots=True)
class Source:
    """A nixpkgs to build from: its kind (`path`, `revision`, `embedded`), its folder, and why this one."""

    kind: str
    path: Path
    label: str
    why: str


@dataclass(frozen=True, slots=True)
class Pin:
    """A revision that ships with filcross: its SRI hash, date, and the oldest Nix that evaluates it."""

    name: str
    date: str
    rev: str
    nar_hash: str
    minimum_nix: str


def pins() -> list[Pin]:
    """Return the pinned revisions, newest first (`data/nixpkgs-pins.toml` has their sources)."""
    text = (resources.data_dir() / "nixpkgs-pins.toml").read_text(encoding="utf-8")
    return [
        Pin(pin["name"], pin["date"], pin["rev"], pin["nar_hash"], pin["minimum_nix"])
        for pin in tomllib.loads(text)["pin"]
    ]


def embedded(why: str) -> Source:
    """Return the embedded tree as a source."""
    return Source(EMBEDDED, resources.embedded_tree_dir(), "the embedded tree", why)


def resolve(setting: Setting, nix: Callable[[], Nix], nix_version: tuple[int, ...]) -> Source:
    """Return the source that `setting` names, or the best one where it names none.

    `nix` gives the Nix that fetches (only called when something must be fetched). The order without a
    setting: the newest pinned nixpkgs that this Nix evaluates, if it can be fetched, else the embedded
    tree. Raises `UsageError` for a name that is nothing, `MissingRequirementError` when a revision that was
    asked for cannot be fetched.
    """
    if setting.value is None:
        return _default(nix, nix_version)
    value, why = setting.value, f"named by {setting.origin}"
    if value == EMBEDDED:
        return embedded(why)
    known = {pin.name: pin for pin in pins()} | {pin.rev: pin for pin in pins()}
    if value in known and not Path(value).exists():
        return _fetch_pin(known[value], nix(), why)
    if _REVISION.fullmatch(value) and not Path(value).exists():
        path = _fetch(nix(), value, "")
        return Source("revision", path, f"nixpkgs {value[:12]} (not pinned: no hash was checked)", why)
    path = Path(value).expanduser()
    if not path.exists():
        raise UsageError(
            f"`{value}` is no folder and no known revision (from {setting.origin})",
            hint=f"name a folder, `{EMBEDDED}`, a full git revision, or one of: "
            + ", ".join(pin.name for pin in pins()),
        )
    if not path.is_dir():
        raise UnsupportedInputError(
            f"{value} is not a folder, so it is no nixpkgs tree (from {setting.origin})",
            hint="name the folder that holds default.nix, lib and pkgs",
        )
    return Source("path", path.resolve(), str(path), why)


def _default(nix: Callable[[], Nix], nix_version: tuple[int, ...]) -> Source:
    usable = [pin for pin in pins() if _evaluates(pin, nix_version)]
    if not usable:
        return embedded(f"no pinned nixpkgs can be evaluated by Nix {'.'.join(map(str, nix_version))}")
    pin = usable[0]
    if os.environ.get("FILCROSS_OFFLINE"):
        return embedded(f"FILCROSS_OFFLINE is set, so {pin.name} was not fetched")
    try:
        return _fetch_pin(
            pin, nix(), f"the newest pinned nixpkgs that Nix {'.'.join(map(str, nix_version))} evaluates"
        )
    except FilcrossError as error:
        return embedded(f"nothing was named, and {pin.name} cannot be fetched here ({error.message})")


def _evaluates(pin: Pin, nix_version: tuple[int, ...]) -> bool:
    return Version(".".join(map(str, nix_version))) >= Version(pin.minimum_nix)


def _fetch_pin(pin: Pin, nix: Nix, why: str) -> Source:
    return Source(
        "revision", _fetch(nix, pin.rev, pin.nar_hash), f"{pin.name} of {pin.date} ({pin.rev[:12]})", why
    )


def _fetch(nix: Nix, rev: str, nar_hash: str) -> Path:
    """Fetch a revision into the store. `FILCROSS_NIXPKGS_URL` names a mirror (with `{rev}`)."""
    url = os.environ.get("FILCROSS_NIXPKGS_URL", ARCHIVE_URL).replace("{rev}", rev)
    arguments = ["--argstr", "url", url, "--argstr", "hash", nar_hash]
    limits = ["--option", "connect-timeout", "10", "--option", "download-attempts", "2"]
    file = resources.data_dir() / "fetch-nixpkgs.nix"
    try:
        done = nix.run("nix-instantiate", "--eval", *limits, file, *arguments, timeout=_FETCH_TIMEOUT)
    except process.ProcessFailedError as error:
        reason = next((line for line in reversed(error.details) if "error:" in line), "no reason given")
        raise MissingRequirementError(
            f"nixpkgs {rev[:12]} could not be fetched from {url}: {reason.split('error:')[-1].strip()}",
            hint="name a nixpkgs that is on this machine (--nixpkgs FOLDER), or use --nixpkgs embedded",
        ) from error
    return Path(done.stdout.strip().strip('"'))
