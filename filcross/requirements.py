"""What filcross needs from the machine: the table that `scripts/prepare-host` reads too.

The checks look for what a package brings (a program, a file), not for the package itself: it may have come
another way.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from filcross import resources
from filcross.errors import UnsupportedInputError
from filcross.process import run

NEEDS = ("main", "real-trees")
NEWEST_CLANG = 30
_COLUMNS = 4
_VERSION = re.compile(r"(\d+)\.(\d+)")


@dataclass(frozen=True, slots=True)
class Requirement:
    """One row of the table.

    `need` is what it is needed for (`main`, `real-trees`), `packages` are Debian's (the first that the
    release has is meant), `checks` tell whether it is there (all of them), `why` is the reason.
    """

    need: str
    packages: tuple[str, ...]
    checks: tuple[str, ...]
    why: str


def requirements(table: Path | None = None) -> tuple[Requirement, ...]:
    """Return the rows of the table (by default the one that ships with filcross).

    Raises `UnsupportedInputError` for a table that is damaged.
    """
    path = table or resources.data_dir() / "host-packages.tsv"
    rows = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line or line.startswith("#"):
            continue
        columns = line.split("\t")
        if len(columns) != _COLUMNS or columns[0] not in NEEDS:
            raise UnsupportedInputError(f"{path}:{number} is not a row of the table of requirements")
        need, packages, checks, why = columns
        rows.append(Requirement(need, tuple(packages.split("|")), tuple(checks.split()), why))
    return tuple(rows)


def missing(need: str = "main", table: Path | None = None) -> tuple[Requirement, ...]:
    """Return what this machine lacks of what `need` takes; nothing is changed."""
    return tuple(
        row
        for row in requirements(table)
        if row.need == need and not all(_is_there(check) for check in row.checks)
    )


def _is_there(check: str) -> bool:
    kind, _, value = check.partition(":")
    match kind:
        case "cmd":
            return shutil.which(value) is not None
        case "file":
            return Path(value).exists()
        case "nix":
            return shutil.which("nix-store") is not None and _version("nix-build") >= _numbers(value)
        case "clang":
            names = (f"clang-{major}" for major in range(NEWEST_CLANG, int(value) - 1, -1))
            return any(shutil.which(name) for name in names) or _version("clang") >= (int(value), 0)
        case "py":
            return _has_module(value)
    raise UnsupportedInputError(f"`{check}` is not a check that filcross knows")


def _has_module(name: str) -> bool:
    """Tell whether the Python that makes virtual environments has a module."""
    python = os.environ.get("PYTHON", "python3")
    if shutil.which(python) is None:
        return importlib.util.find_spec(name) is not None
    code = f"import sys; from importlib.util import find_spec; sys.exit(not find_spec({name!r}))"
    return run([python, "-I", "-S", "-c", code], check=False).exit_code == 0


def _version(program: str) -> tuple[int, ...]:
    if shutil.which(program) is None:
        return (0, 0)
    done = run([program, "--version"], check=False)
    return _numbers(done.stdout) if done.exit_code == 0 else (0, 0)


def _numbers(text: str) -> tuple[int, ...]:
    match = _VERSION.search(text)
    return tuple(map(int, match.groups())) if match else (0, 0)
