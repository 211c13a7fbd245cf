"""How long builds took on this machine: a small SQLite file that is only ever added to.

Estimates are medians of the last ten successful builds of the same derivation name with the same toolchain,
else of the same package in another version, else with another toolchain. A build that shared the machine with
others took longer than alone, and is remembered as it was.
"""

from __future__ import annotations

import contextlib
import sqlite3
import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from filcross import resources
from filcross.nix.graph import package_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

FILE = "builds-v1.sqlite"
LAST = 10
_LOOKED_AT = 200
_PATIENCE = 10.0


@dataclass(frozen=True, slots=True)
class Build:
    """A build that succeeded: its derivation's path and name, and its time in seconds."""

    derivation: str
    name: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """A guess at a build's time: the median (seconds) of `builds` past ones, of `basis`."""

    seconds: float
    builds: int
    basis: str


def add(file: Path, builds: Iterable[Build], *, toolchain: str) -> bool:
    """Add builds to the history in `file`; `toolchain` is the label of the one in use.

    Returns False where nothing can be written: a history is never worth a failed build.
    """
    now = int(time.time())
    rows = [
        (now, item.derivation, item.name, package_of(item.name), toolchain, item.seconds) for item in builds
    ]
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with _opened(file) as connection, connection:
            connection.executescript((resources.data_dir() / "history.sql").read_text(encoding="utf-8"))
            connection.executemany("INSERT INTO builds VALUES (?, ?, ?, ?, ?, ?)", rows)
    except (OSError, sqlite3.Error):
        return False
    return True


def estimates(file: Path, names: Iterable[str], *, toolchain: str) -> dict[str, Estimate]:
    """Return an estimate for each of `names` (of derivations) that the history in `file` knows."""
    found: dict[str, Estimate] = {}
    if not file.is_file():
        return found
    with contextlib.suppress(sqlite3.Error), _opened(file) as connection:
        known: dict[str, list[tuple[str, str, float]]] = {}
        for name in names:
            package = package_of(name)
            if package not in known:
                known[package] = connection.execute(
                    "SELECT name, toolchain, seconds FROM builds"
                    " WHERE package = ? ORDER BY rowid DESC LIMIT ?",
                    (package, _LOOKED_AT),
                ).fetchall()
            estimate = _estimate(known[package], name, toolchain)
            if estimate is not None:
                found[name] = estimate
    return found


def _estimate(rows: list[tuple[str, str, float]], name: str, toolchain: str) -> Estimate | None:
    """Return the estimate from past builds of one package, newest first."""
    choices = (
        ("this version", [seconds for other, with_, seconds in rows if (other, with_) == (name, toolchain)]),
        ("another version", [seconds for _, with_, seconds in rows if with_ == toolchain]),
        ("another toolchain", [seconds for _, _, seconds in rows]),
    )
    for basis, times in choices:
        if times:
            return Estimate(statistics.median(times[:LAST]), len(times[:LAST]), basis)
    return None


@contextlib.contextmanager
def _opened(file: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(file, timeout=_PATIENCE)
    try:
        yield connection
    finally:
        connection.close()
