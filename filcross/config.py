"""Settings: defaults < user file < project file `filcross.toml` < environment < flags.

Every setting remembers where its value comes from, so that `filcross doctor` and every command can say why.
"""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs

from filcross.errors import UsageError

PROJECT_FILE = "filcross.toml"
CACHE_TAG = "Signature: 8a477f597d28d172789f06886806bc55\n# This file marks a cache folder of filcross.\n"

_CHOICES: dict[str, tuple[str, ...] | None] = {
    "nixpkgs": None,
    "toolchain": None,
    "bootstrap": ("nixpkgs", "host"),
    "store": ("auto", "system", "private"),
}


@dataclass(frozen=True, slots=True)
class Setting:
    """One value and where it comes from (`--flag`, `FILCROSS_X`, a file, or `default`)."""

    value: str | None
    origin: str


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of a run. `None` means: not configured, let the station choose."""

    nixpkgs: Setting
    toolchain: Setting
    bootstrap: Setting
    store: Setting


def cache_path() -> Path:
    """Return where the cache folder is, whether it exists or not."""
    return Path(platformdirs.user_cache_dir("filcross", appauthor=False))


def cache_dir() -> Path:
    """Return the folder for what can be made again (patched copies, private store), made and tagged."""
    return _tagged(cache_path())


def data_home() -> Path:
    """Return the folder for what the user installed (toolchains)."""
    return Path(platformdirs.user_data_dir("filcross", appauthor=False))


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
    user_file = Path(platformdirs.user_config_dir("filcross", appauthor=False)) / "config.toml"
    project = _find_project_file(start or Path.cwd())
    files = (user_file, project)
    layers = [(_read(file), str(file)) for file in files if file is not None and file.is_file()]
    chosen: dict[str, Setting] = {}
    for name, choices in _CHOICES.items():
        setting = Setting(None, "default")
        for values, origin in layers:
            if name in values:
                setting = Setting(str(values[name]), origin)
        variable = f"FILCROSS_{name.upper()}"
        if os.environ.get(variable):
            setting = Setting(os.environ[variable], variable)
        if flags.get(name) is not None:
            setting = Setting(flags[name], f"--{name}")
        if choices and setting.value is not None and setting.value not in choices:
            raise UsageError(
                f"`{setting.value}` is not a value for `{name}` (from {setting.origin})",
                hint=f"choose one of: {', '.join(choices)}",
            )
        chosen[name] = setting
    return Settings(**chosen)


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
    unknown = sorted(set(values) - set(_CHOICES))
    if unknown:
        raise UsageError(
            f"{file} has unknown settings: {', '.join(unknown)}",
            hint=f"known settings: {', '.join(_CHOICES)}",
        )
    base = file.parent
    for name in ("nixpkgs", "toolchain"):
        value = values.get(name)
        if isinstance(value, str) and value.startswith(("./", "../")):
            values[name] = str((base / value).resolve())
    return values
