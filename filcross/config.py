"""Settings: defaults < user file < project file `filcross.toml` < environment < flags.

Every setting remembers where its value comes from, so that `filcross doctor` and every command can say why.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs

from filcross.errors import UsageError

PROJECT_FILE = "filcross.toml"
# Folders of the cache; a number in the name goes up when what is in it changes its form.
OVERLAYS = "overlays-v1"
SOURCES = "sources-v1"
FACTS = "facts-v1"
REVISIONS = "revisions-v1"
CACHE_TAG = "Signature: 8a477f597d28d172789f06886806bc55\n# This file marks a cache folder of filcross.\n"

_CHOICES: dict[str, tuple[str, ...] | None] = {
    "nixpkgs": None,
    "toolchain": None,
    "bootstrap": ("nixpkgs", "host"),
    "store": ("auto", "system", "private"),
    "overlays": None,
}
# Settings with several places: lists in files, separated as in PATH elsewhere.
_LISTS = ("overlays",)
_FLAGS = {"overlays": "--overlay"}
# Tables of the files, each read by the part that it is for: accepted findings, ports, the overlay's knobs.
_TABLES = ("waiver", "ports", "overlay")


@dataclass(frozen=True, slots=True)
class Setting:
    """One value and where it comes from (`--flag`, `FILCROSS_X`, a file, or `default`)."""

    value: str | None
    origin: str


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of a run. `None` means: not configured, let the station choose.

    `ports` are the tables [ports] of the files, as `tables` returns them, and `knobs` the tables [overlay].
    """

    nixpkgs: Setting
    toolchain: Setting
    bootstrap: Setting
    store: Setting
    overlays: Setting
    ports: tuple[tuple[str, Any], ...] = ()
    knobs: tuple[tuple[str, Any], ...] = ()


def cache_path() -> Path:
    """Return where the cache folder is, whether it exists or not."""
    return Path(platformdirs.user_cache_dir("filcross", appauthor=False))


def cache_dir() -> Path:
    """Return the folder for what can be made again (patched copies, private store), made and tagged."""
    return _tagged(cache_path())


def data_home() -> Path:
    """Return the folder for what the user installed (toolchains)."""
    return Path(platformdirs.user_data_dir("filcross", appauthor=False))


def libcxx_dir() -> Path:
    """Return the folder of the C++ libraries for the simulator (FILCROSS_LIBCXX names another one)."""
    named = os.environ.get("FILCROSS_LIBCXX")
    return Path(named).absolute() if named else data_home() / "libcxx-v1"


def state_dir() -> Path:
    """Return the folder for logs and history."""
    return Path(platformdirs.user_state_dir("filcross", appauthor=False))


def _tagged(folder: Path) -> Path:
    tag = folder / "CACHEDIR.TAG"
    if not tag.exists():
        folder.mkdir(parents=True, exist_ok=True)
        tag.write_text(CACHE_TAG)
    return folder


def load(flags: dict[str, str | None], *, start: Path | None = None) -> Settings:
    """Return the settings for a command whose `flags` (setting name to value, None: not given) win.

    `start` is the folder from which the project file is searched upwards (default: the current one).
    Raises `UsageError` for a file or value that makes no sense.
    """
    chosen: dict[str, Setting] = {}
    layers = _layers(start)
    for name, choices in _CHOICES.items():
        given = (setting for setting in _candidates(name, flags, layers) if setting.value is not None)
        setting = next(given, Setting(None, "default"))
        if choices and setting.value is not None and setting.value not in choices:
            raise UsageError(
                f"`{setting.value}` is not a value for `{name}` (from {setting.origin})",
                hint=f"choose one of: {', '.join(choices)}",
            )
        chosen[name] = setting
    ports, knobs = (tuple(_in_layers(name, layers)) for name in ("ports", "overlay"))
    return Settings(**chosen, ports=ports, knobs=knobs)


def candidates(
    name: str, flags: dict[str, str | None], *, start: Path | None = None
) -> tuple[Setting, Setting, Setting, Setting]:
    """Return every place where the setting `name` may be: flag, environment, project file, user file.

    The first one with a value counts. Arguments and errors are those of `load`.
    """
    flag, variable, project, user = _candidates(name, flags, _layers(start))
    return flag, variable, project, user


def user_file() -> Path:
    """Return where the user's own settings are, whether the file exists or not."""
    return Path(platformdirs.user_config_dir("filcross", appauthor=False)) / "config.toml"


def project_file(start: Path | None = None) -> Path | None:
    """Return the project file that counts in the folder `start` (default: the current one), if any."""
    return _find_project_file(start or Path.cwd())


def write(file: Path, name: str, value: str | None) -> None:
    """Set `name` to `value` in a file of settings (None: take it out); all else stays as it is.

    The file is wholly old or wholly new. Raises `UsageError` for a file that is not valid.
    """
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    if file.exists():
        _read(file)
    lines = text.splitlines(keepends=True)
    end = next((number for number, line in enumerate(lines) if line.lstrip().startswith("[")), len(lines))
    mine = [number for number in range(end) if re.match(rf"\s*[\"']?{name}[\"']?\s*=", lines[number])]
    fresh = [] if value is None else [f"{name} = {json.dumps(value, ensure_ascii=False)}\n"]
    if mine:
        lines[mine[0] : mine[0] + 1] = fresh
    else:
        if end and lines[end - 1 : end] and not lines[end - 1].endswith("\n"):
            lines[end - 1] += "\n"
        lines[end:end] = fresh
    new = "".join(lines)
    expected = tomllib.loads(text)
    expected.pop(name, None)
    if tomllib.loads(new) != expected | ({} if value is None else {name: value}):
        raise UsageError(f"{file} is too unusual to be changed by a program", hint=f"set `{name}` by hand")
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor, place = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
            handle.write(new)
        mode = file.stat().st_mode & 0o777 if file.exists() else 0o644
        Path(place).chmod(mode)
        Path(place).replace(file.resolve())
    finally:
        Path(place).unlink(missing_ok=True)


def tables(name: str, *, start: Path | None = None) -> list[tuple[str, Any]]:
    """Return what the project's and the user's file say in the table `name`, each with the file it is from.

    The project's comes first; a file without that table gives nothing. Raises `UsageError` as `load` does.
    """
    return _in_layers(name, _layers(start))


def _in_layers(name: str, layers: tuple[tuple[str, dict[str, Any]], ...]) -> list[tuple[str, Any]]:
    return [(origin, values[name]) for origin, values in layers if name in values]


def value_in(file: Path, name: str) -> str | None:
    """Return what one file of settings says about `name`; see `load` for the errors."""
    value = _read(file).get(name) if file.is_file() else None
    return None if value is None else str(value)


def _layers(start: Path | None) -> tuple[tuple[str, dict[str, Any]], tuple[str, dict[str, Any]]]:
    """Return the project's and the user's file: what to call it, and its values."""
    project, user = project_file(start), user_file()
    mine = (str(user), _read(user) if user.is_file() else {})
    return (str(project or PROJECT_FILE), _read(project) if project is not None else {}), mine


def _candidates(
    name: str, flags: dict[str, str | None], layers: tuple[tuple[str, dict[str, Any]], ...]
) -> list[Setting]:
    variable = f"FILCROSS_{name.upper()}"
    flag = _FLAGS.get(name, f"--{name}")
    given = [Setting(flags.get(name), flag), Setting(os.environ.get(variable) or None, variable)]
    return given + [
        Setting(str(values[name]) if name in values else None, origin) for origin, values in layers
    ]


def _find_project_file(start: Path) -> Path | None:
    for folder in (start, *start.parents):
        candidate = folder / PROJECT_FILE
        if candidate.is_file():
            return candidate
    return None


def _read(file: Path) -> dict[str, Any]:
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{file} is not valid TOML: {error}", hint="correct the line, or move the file away"
        ) from error
    unknown = sorted(set(values) - set(_CHOICES) - set(_TABLES))
    if unknown:
        raise UsageError(
            f"{file} has unknown settings: {', '.join(unknown)}",
            hint=f"known settings: {', '.join(_CHOICES)}; known tables: {', '.join(_TABLES)}",
        )
    for name in ("nixpkgs", "toolchain"):
        if isinstance(values.get(name), str):
            values[name] = _from(file, values[name])
    for name in _LISTS:
        if name not in values:
            continue
        listed = values[name]
        if not isinstance(listed, list) or not all(isinstance(item, str) for item in listed):
            raise UsageError(
                f"`{name}` in {file} is not a list of places", hint=f'write {name} = ["./one", "./two"]'
            )
        values[name] = os.pathsep.join(_from(file, item) for item in listed)
    return values


def _from(file: Path, place: str) -> str:
    """Return a place that a file of settings names; `./x` and `../x` are meant from that file's folder."""
    return str((file.parent / place).resolve()) if place.startswith(("./", "../")) else place
