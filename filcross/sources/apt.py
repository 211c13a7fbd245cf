"""Reach the distribution's source mirror through apt, with private lists and nothing changed in /etc.

The mirror is the one that this machine's apt uses; signatures are checked with the same keys, and proxies and
credentials are apt's own. Works as an ordinary user. Sources: sources.list(5), apt.conf(5), apt-get(8).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import platform
import re
import shlex
import shutil
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from filcross.errors import MissingRequirementError
from filcross.process import find_program, run

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

DAY_SECONDS = 24 * 3600
_GENERAL_SUITES = frozenset({"stable", "testing", "unstable", "sid", "oldstable", "oldoldstable"})
_NOT_FOR_SOURCES = frozenset({"architectures", "languages", "targets", "pdiffs"})
_LONG_OPTION = {"arch": "Architectures", "lang": "Languages", "target": "Targets"}
_SOURCES_FILE = "filcross.sources"
# Hooks of the machine (package kits, caches of desktops) are about the system's lists, not about these.
_HOOKS_OFF = """\
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of apt's configuration: where (`uris`), what of it, and options (`Signed-By` and others)."""

    uris: tuple[str, ...]
    suites: tuple[str, ...]
    components: tuple[str, ...]
    options: tuple[tuple[str, str], ...]

    def as_source(self) -> str:
        """Return the entry in the deb822 style, for source packages."""
        lines = [
            "Types: deb-src",
            f"URIs: {' '.join(self.uris)}",
            f"Suites: {' '.join(self.suites)}",
            f"Components: {' '.join(self.components)}",
            *(f"{name}: {value}" for name, value in self.options),
        ]
        return "\n".join(lines) + "\n"


@dataclass(frozen=True, slots=True)
class IndexFile:
    """One unpacked `Sources` file, and the URL that the directories in it are relative to."""

    path: Path
    base_url: str
    suite: str


def configured_entries() -> tuple[Entry, ...]:
    """Return the enabled entries of this machine's apt configuration, in both of its styles.

    Raises `MissingRequirementError` on a machine without apt.
    """
    hint = "seeding takes sources from Debian's (or a derivative's) mirror; elsewhere let Nix download them"
    find_program("apt-get", hint=hint)
    shell = run([find_program("apt-config", hint=hint), "shell", "MAIN", _DIRS[0], "PARTS", _DIRS[1]]).stdout
    paths = dict(item.split("=", 1) for item in shlex.split(shell))
    files = [Path(paths["MAIN"])] if paths.get("MAIN") else []
    with contextlib.suppress(OSError):
        files += sorted(Path(paths["PARTS"]).iterdir()) if paths.get("PARTS") else []
    entries: list[Entry] = []
    for file in files:
        if not file.is_file():
            continue
        text = file.read_text(encoding="utf-8", errors="replace")
        if file.suffix == ".sources":
            entries += parse_deb822(text)
        elif file.suffix == ".list":
            entries += parse_one_line(text)
    return tuple(entries)


_DIRS = ("Dir::Etc::sourcelist/f", "Dir::Etc::sourceparts/d")


def parse_one_line(text: str) -> tuple[Entry, ...]:
    """Read the one-line style: `deb [option=value …] URI suite component…`."""
    entries = []
    for line in text.splitlines():
        match = re.fullmatch(
            r"\s*deb(?:-src)?\s+(?:\[(.*?)\]\s+)?(\S+)\s+(\S+)((?:\s+[^#\s]\S*)*)\s*(?:#.*)?", line
        )
        if match is None:
            continue
        given = [item.partition("=") for item in (match[1] or "").split()]
        options = [
            (_LONG_OPTION.get(name.rstrip("+-"), _field_name(name)), value.replace(",", " "))
            for name, _, value in given
        ]
        entries.append(Entry((match[2],), (match[3],), tuple(match[4].split()), _kept(options)))
    return tuple(entries)


def parse_deb822(text: str) -> tuple[Entry, ...]:
    """Read the deb822 style: paragraphs of `Field: value`, values may go on in indented lines."""
    entries = []
    for paragraph in re.split(r"\n[ \t]*\n", text):
        fields: dict[str, str] = {}
        name = ""
        for line in paragraph.splitlines():
            if line.startswith("#") or not line.strip():
                continue
            if line[0] in " \t":
                fields[name] = f"{fields.get(name, '')}\n{line}"
            else:
                name, _, value = line.partition(":")
                name = _field_name(name.strip())
                fields[name] = value.strip()
        types = fields.pop("Types", "").split()
        uris, suites = fields.pop("Uris", "").split(), fields.pop("Suites", "").split()
        components = fields.pop("Components", "").split()
        enabled = fields.pop("Enabled", "yes").lower() not in (
            "no",
            "false",
            "0",
            "off",
            "without",
            "disable",
        )
        if enabled and uris and suites and {"deb", "deb-src"} & set(types):
            entries.append(Entry(tuple(uris), tuple(suites), tuple(components), _kept(fields.items())))
    return tuple(entries)


def machine_suite() -> str | None:
    """Return the code name of this machine's release (`bookworm`), if it has one."""
    try:
        return platform.freedesktop_os_release().get("VERSION_CODENAME")
    except OSError:
        return None


def entries_for(suite: str | None, configured: Sequence[Entry], codename: str | None) -> tuple[Entry, ...]:
    """Return the entries of `configured` that are the distribution's own, for `suite`.

    `suite` None means this machine's release, whose name is `codename`; for another one, the names of suites
    are exchanged (`bookworm-security` becomes `bullseye-security`). Entries of other publishers are left out:
    the distribution's own have the component `main` and a suite named after the release. Raises
    `MissingRequirementError` if there is none.
    """
    chosen: list[Entry] = []
    for bases in ({codename}, _GENERAL_SUITES):
        for entry in configured:
            suites = tuple(name for name in entry.suites if re.split(r"[-/]", name)[0] in bases)
            if "main" in entry.components and suites:
                new = replace(entry, suites=tuple(_renamed(name, suite) for name in suites))
                if all(_place(new) != _place(other) for other in chosen):
                    chosen.append(new)
        if chosen:
            return tuple(chosen)
    raise MissingRequirementError(
        f"apt on this machine has no entry for {codename or 'the distribution'} itself (component main)",
        hint="see `apt-get indextargets`, sources.list(5)",
    )


def source_indexes(suite: str | None, *, cache: Path, refresh: bool = False) -> SourceIndexes:
    """Return the source indexes of `suite` (None: this machine's release), downloaded at most once a day.

    `cache` is a folder of the user's; `refresh` asks the mirror whatever the age. When the mirror cannot be
    asked, an index from an earlier time is used and a warning says so. Raises `MissingRequirementError`
    without apt, without an entry for the distribution, or when there is no index at all.
    """
    codename = machine_suite()
    entries = entries_for(suite, configured_entries(), codename)
    name = suite or codename or "machine"
    folder = cache / re.sub(r"[^A-Za-z0-9.+~-]", "_", name)
    for part in ("parts", "lists/partial", "cache/archives/partial"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    options = _apt_options(folder)
    text = "\n".join(entry.as_source() for entry in entries)
    warnings: tuple[str, ...] = ()
    updated = False
    with _locked(folder / "lock"):
        stamp, sources = folder / "updated", folder / "parts" / _SOURCES_FILE
        same = sources.is_file() and sources.read_text(encoding="utf-8") == text
        fresh = same and stamp.is_file() and time.time() - stamp.stat().st_mtime < DAY_SECONDS
        files = _index_files(options) if fresh and not refresh else ()
        if not files:
            stamp.unlink(missing_ok=True)
            (folder / "apt.conf").write_text(_HOOKS_OFF, encoding="utf-8")
            sources.write_text(text, encoding="utf-8")
            done = run(["apt-get", *options, "-q", "update"], check=False)
            complaints = [line for line in done.stderr.splitlines() if line.startswith(("E:", "W:"))]
            updated = done.exit_code == 0
            if updated:
                stamp.touch()
            else:
                warnings = (f"the mirror's index of {name} could not be refreshed completely", *complaints)
            files = _index_files(options)
    if not files:
        raise MissingRequirementError(
            f"there is no source index of {name}: the mirror of this machine's apt could not be read",
            hint="check the network and `apt-get update`; --suite takes the name of a release that it has",
            details=warnings[1:],
        )
    return SourceIndexes(name, files, updated, warnings)


@dataclass(frozen=True, slots=True)
class SourceIndexes:
    """The index files of one suite, whether they were downloaded just now, and what went wrong with it."""

    suite: str
    files: tuple[IndexFile, ...]
    updated: bool
    warnings: tuple[str, ...]


def download(url: str, target: Path, *, sha256: str | None = None) -> None:
    """Download one file by apt's own methods (mirrors, proxies, credentials as configured) to `target`.

    With `sha256` (base 16) apt checks it too. Raises `MissingRequirementError` when it does not arrive.
    """
    shell = run(["apt-config", "shell", "METHODS", "Dir::Bin::methods/d"]).stdout
    methods = dict(item.split("=", 1) for item in shlex.split(shell)).get("METHODS", "/usr/lib/apt/methods/")
    helper = Path(methods).parent / "apt-helper"
    expected = [f"SHA256:{sha256}"] if sha256 else []
    done = run([helper, *_as_this_user(), "download-file", url, target, *expected], check=False)
    if done.exit_code != 0 or not target.exists():
        lines = [line for line in done.stderr.splitlines() if line.startswith(("E:", "W:"))]
        raise MissingRequirementError(
            f"{url} could not be downloaded", hint="check the network and try again", details=tuple(lines)
        )
    if target.is_symlink():  # apt points to a file of a `file:` repository instead of copying it
        original = target.resolve()
        target.unlink()
        shutil.copyfile(original, target)


def _index_files(options: Sequence[str]) -> tuple[IndexFile, ...]:
    wanted = "$(FILENAME)\t$(REPO_URI)\t$(RELEASE)"
    done = run(["apt-get", *options, "indextargets", "--format", wanted, "Identifier: Sources"])
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    return tuple(IndexFile(Path(path), url, suite) for path, url, suite in rows if Path(path).is_file())


def _apt_options(folder: Path) -> list[str]:
    settings = {
        "Dir::Etc::sourcelist": "/dev/null",
        "Dir::Etc::sourceparts": str(folder / "parts"),
        "Dir::State::lists": str(folder / "lists"),
        "Dir::Cache": str(folder / "cache"),
        "Acquire::GzipIndexes": "false",
        "Acquire::IndexTargets::deb-src::Sources::KeepCompressed": "false",
    }
    pairs = [item for name, value in settings.items() for item in ("-o", f"{name}={value}")]
    return ["-c", str(folder / "apt.conf"), *_as_this_user(), *pairs]


def _as_this_user() -> list[str]:
    """Let apt write to the user's own folder when the user is root (else it does so with a warning)."""
    return ["-o", "APT::Sandbox::User=root"] if os.geteuid() == 0 else []


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _renamed(name: str, suite: str | None) -> str:
    if suite is None:
        return name
    base = re.split(r"[-/]", name)[0]
    return suite + name[len(base) :]


def _place(entry: Entry) -> tuple[object, ...]:
    return entry.uris, entry.suites, entry.components


def _field_name(name: str) -> str:
    return "-".join(part.capitalize() for part in name.split("-"))


def _kept(options: object) -> tuple[tuple[str, str], ...]:
    pairs: list[tuple[str, str]] = list(options)  # type: ignore[call-overload]
    return tuple((name, value) for name, value in pairs if name.lower() not in _NOT_FOR_SOURCES)
