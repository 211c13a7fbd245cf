"""What this machine has of what filcross needs: a read-only look, with the command that mends each lack."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.version import Version

from filcross import cache, config, process, requirements
from filcross.errors import FilcrossError
from filcross.nix import command
from filcross.nixpkgs import source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from filcross.config import Settings

NEEDED_BYTES = 2 * 1024**3
OFFICIAL_CACHE = "https://cache.nixos.org"
_SHOW_CONFIG = (("show-config", "--json"), ("config", "show", "--json"))
_LARGE = 20 * 1024**3


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the doctor: `ok`, `note` or `lacking`; what was found; and what to do about it."""

    name: str
    state: str
    found: str
    fix: str | None = None


def examine(settings: Settings) -> list[Check]:
    """Return every check. Nothing on the machine is changed."""
    return [
        *_temporary(),
        *_nix(settings),
        *_programs(),
        *_kernel_headers(),
        *_disk(),
        *_toolchains(settings),
        *_cache(),
        *_configuration(settings),
    ]


def _temporary() -> Iterator[Check]:
    named = os.environ.get("TMPDIR")
    if named and not os.path.isdir(named):  # noqa: PTH112
        yield Check(
            "temporary files",
            "lacking",
            f"TMPDIR is {named}, which is no folder; Nix and compilers need one",
            f"mkdir -p {named}, or unset TMPDIR",
        )
    else:
        yield Check("temporary files", "ok", f"in {tempfile.gettempdir()}")


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
    yield _nix_for_nixpkgs(settings, text)
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
    shown = _nix_settings()
    yield _sandbox(shown)
    yield _substituters(shown)


def _nix_for_nixpkgs(settings: Settings, nix: str) -> Check:
    """Compare Nix with what the nixpkgs of the settings asks for."""
    name, value = "nix for this nixpkgs", settings.nixpkgs.value
    pins = source.pins()
    if value is None:
        usable = [pin for pin in pins if Version(nix) >= Version(pin.minimum_nix)]
        newest = pins[0]
        if usable and usable[0] == newest:
            return Check(name, "ok", f"{newest.name}, the newest pinned one, needs {newest.minimum_nix}")
        best = usable[0].name if usable else "the embedded tree"
        return Check(
            name,
            "note",
            f"{newest.name}, the newest pinned one, needs Nix {newest.minimum_nix}; {best} is used instead",
            f"install Nix {newest.minimum_nix} or newer, if you want {newest.name}",
        )
    pinned = next((pin for pin in pins if value in {pin.name, pin.rev}), None)
    needed = pinned.minimum_nix if pinned is not None else _needed_by(Path(value).expanduser())
    if value == source.EMBEDDED:
        needed = ".".join(map(str, command.MINIMUM_NIX))
    if needed is None:
        return Check(name, "note", f"{value} does not say which Nix it needs")
    if Version(nix) < Version(needed):
        fix = f"install Nix {needed} or newer, or name another nixpkgs (--nixpkgs embedded)"
        return Check(name, "lacking", f"{value} needs Nix {needed}, and this is {nix}", fix)
    return Check(name, "ok", f"{value} needs {needed}")


def _needed_by(tree: Path) -> str | None:
    """Return the oldest Nix that a tree asks for: in lib/minver.nix, or lib/minfeatures.nix in newer ones."""
    for file in (tree / "lib" / "minver.nix", tree / "lib" / "minfeatures.nix"):
        try:
            text = file.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        found = re.search(r'"(\d+\.\d+(?:\.\d+)?)"', text)
        if found:
            return found.group(1)
    return None


def _nix_settings() -> dict[str, Any]:
    """Return Nix's settings by name (empty where this Nix does not tell)."""
    for words in _SHOW_CONFIG:
        argv = ["nix", "--extra-experimental-features", "nix-command", *words]
        try:
            done = process.run(argv, check=False, timeout=command.QUERY_TIMEOUT)
            if done.exit_code == 0:
                return {name: entry["value"] for name, entry in json.loads(done.stdout).items()}
        except (FilcrossError, ValueError, KeyError, TypeError, AttributeError):
            continue
    return {}


def _sandbox(shown: dict[str, Any]) -> Check:
    name = "sandbox"
    if "sandbox" not in shown:
        return Check(name, "note", "this Nix does not tell its settings")
    # By version, Nix gives the mode as a truth value, a word, or a number (enabled, relaxed, disabled).
    mode = {"0": "on", "true": "on", "1": "relaxed", "false": "off", "2": "off"}.get(
        str(shown["sandbox"]).lower(), str(shown["sandbox"])
    )
    if mode == "on":
        return Check(name, "ok", "on; builds that use the host's tools switch it off for themselves")
    return Check(
        name,
        "note",
        f"{mode}: builds see this machine's files",
        "for builds that depend on nothing else: `sandbox = true` in nix.conf",
    )


def _substituters(shown: dict[str, Any]) -> Check:
    name = "substituters"
    if os.environ.get("FILCROSS_OFFLINE"):
        return Check(
            name, "note", "FILCROSS_OFFLINE is set: everything is built here", "unset FILCROSS_OFFLINE"
        )
    if "substituters" not in shown:
        return Check(name, "note", "this Nix does not tell its settings")
    listed = shown["substituters"] if shown.get("substitute", True) else []
    if not any(str(one).startswith(OFFICIAL_CACHE) for one in listed):
        return Check(
            name,
            "note",
            f"{', '.join(map(str, listed)) or 'none'}: nixpkgs' build side is built here, which takes hours",
            f"add {OFFICIAL_CACHE} to `substituters` in nix.conf",
        )
    return Check(name, "ok", ", ".join(map(str, listed)))


def _programs() -> Iterator[Check]:
    for need, state in (("main", "lacking"), ("real-trees", "note")):
        missing = requirements.missing(need)
        for row in missing:
            fix = f"apt-get install {row.packages[0]}, or run scripts/prepare-host"
            yield Check(row.packages[0], state, f"not there; {row.why}", fix)
        if not missing:
            what = "what builds need" if need == "main" else "what --bootstrap host of a real tree needs"
            yield Check("host tools", "ok", f"{what} is there")


def _kernel_headers() -> Iterator[Check]:
    from filcross.toolchain.simulator.host import find_kernel_headers

    try:
        found = find_kernel_headers()
    except FilcrossError as error:
        yield Check("kernel headers", "lacking", error.message, error.hint)
    else:
        places = sorted({str(place.parent) for _, place in found})
        yield Check("kernel headers", "ok", f"in {', '.join(places)}")


def _disk() -> Iterator[Check]:
    for name, folder in (
        ("disk for the store", command.SYSTEM_STORE),
        ("disk for the cache", config.cache_path()),
        ("disk for toolchains", config.data_home()),
    ):
        place = next(p for p in (folder, *folder.parents) if p.exists())
        free = shutil.disk_usage(place).free
        text = f"{free / 1024**3:.1f} GiB free at {place}"
        if free < NEEDED_BYTES:
            fix = "free some space (nix-collect-garbage, filcross cache prune), or set XDG_CACHE_HOME"
            yield Check(name, "lacking", text, fix)
        else:
            yield Check(name, "ok", text)


def _toolchains(settings: Settings) -> Iterator[Check]:
    from filcross.toolchain import libcxx, releases, store

    entries = store.entries(remember=False)
    for entry in entries:
        if entry.toolchain is None:
            mend = f"filcross toolchain remove {entry.name}"
            yield Check("toolchain", "note", f"{entry.name}: {entry.problem}", mend)
            continue
        toolchain, record = entry.toolchain, store.record_of(entry.name)
        text = f"{entry.name}: {toolchain.label} at {toolchain.root}"
        if toolchain.simulated:
            yield Check("toolchain", "ok", text)
        elif record is None:
            mend = f"filcross toolchain verify {entry.name}"
            yield Check("toolchain", "note", f"{text}; nobody saw it stop a memory error", mend)
        elif record.origin.trust.startswith("unverified"):
            mend = "compare its hash with another source"
            yield Check("toolchain", "note", f"{text}; {record.summary}; {record.origin.trust}", mend)
        else:
            yield Check("toolchain", "ok", f"{text}; {record.summary} ({record.origin.trust})")
    if not any(entry.toolchain is not None and not entry.toolchain.simulated for entry in entries):
        pinned = releases.default()
        yield Check(
            "release",
            "note",
            "no Fil-C release is installed: builds use the simulator, which is not memory-safe",
            f"filcross toolchain install {pinned.version}",
        )
        name, sources = "C++ in the simulator", libcxx.place()
        if sources.is_dir():
            yield Check(name, "ok", f"the sources of libc++ are in {sources}")
        else:
            yield Check(name, "note", "refused, since it has no libc++", "filcross toolchain libcxx")
    wanted = settings.toolchain
    if wanted.value not in {None, store.SIMULATOR}:
        try:
            store.resolve(str(wanted.value))
        except FilcrossError as error:
            yield Check("toolchain", "lacking", f"{error.message} (from {wanted.origin})", error.hint)


def _cache() -> Iterator[Check]:
    buckets = cache.measure()
    total = sum(bucket.bytes for bucket in buckets)
    sizes = ", ".join(f"{bucket.name} {bucket.bytes / 1024**2:.0f} MiB" for bucket in buckets)
    text = f"{total / 1024**2:.0f} MiB in {config.cache_path()}" + (f" ({sizes})" if sizes else "")
    yield Check(
        "cache", "ok" if total < _LARGE else "note", text, None if total < _LARGE else "filcross cache prune"
    )


def _configuration(settings: Settings) -> Iterator[Check]:
    for name in ("nixpkgs", "toolchain", "bootstrap", "store", "overlays"):
        setting = getattr(settings, name)
        yield Check(f"setting {name}", "ok", f"{setting.value or 'not set'} (from {setting.origin})")
    files = [config.user_file(), config.project_file()]
    read = ", ".join(str(file) for file in files if file is not None and file.is_file())
    yield Check("settings files", "ok", read or f"none (a user's would be {config.user_file()})")
    if os.environ.get("FILCROSS_OFFLINE"):
        yield Check(
            "network", "note", "FILCROSS_OFFLINE is set: nothing is fetched", "unset FILCROSS_OFFLINE"
        )
