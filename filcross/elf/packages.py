"""Packages: which store path each file is in, what brings that path in, and the chain to what is wrong.

A chain runs attribute → store path → file → library → symbol; what is not known is left out.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from filcross.elf.verdict import BAD

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from filcross.elf.verdict import FileReport, Library, Report

_STORE_PATH = re.compile(r"(/(?:[^/]+/)*store/[0-9a-df-np-sv-z]{32}-([0-9a-zA-Z+._?=-]+))(?:/|\Z)")
_TELLING = (
    "FILC-E301",
    "FILC-E302",
    "FILC-E201",
    "FILC-E303",
    "FILC-E101",
    "FILC-E310",
    "FILC-E304",
    "FILC-E312",
)

ATTRIBUTE, STORE_PATH, FILE, LIBRARY, SYMBOL = "attribute", "store path", "file", "library", "symbol"


@dataclass(frozen=True, slots=True)
class Root:
    """A store path that was asked for: the attribute that makes it, and where that stands in the Nix code."""

    attribute: str | None = None
    position: str | None = None


@dataclass(frozen=True, slots=True)
class Package:
    """A store path with files in the report.

    `name` is the path's without its hash. `via` are the store paths that lead to it, from one that was asked
    for; `attribute` makes that one, and stands at `position` (`FILE:LINE`) in the Nix code.
    """

    path: str
    name: str
    attribute: str | None
    position: str | None
    via: tuple[str, ...]
    outcomes: dict[str, int]


@dataclass(frozen=True, slots=True)
class Step:
    """A link of a chain: `what` it is (`attribute`, `store path`, `file`, `library`, `symbol`), its text."""

    what: str
    text: str


def store_path(path: str) -> tuple[str, str] | None:
    """Return the store path that a path lies in and its name, by the text alone; `None` outside a store."""
    match = _STORE_PATH.match(path)
    return (match[1], match[2]) if match is not None else None


def attach(report: Report, roots: Mapping[str, Root], references: Mapping[str, tuple[str, ...]]) -> Report:
    """Return the report with its packages; `roots` are the store paths asked for."""
    ways = _ways(roots, references)
    counts: dict[tuple[str, str], dict[str, int]] = {}
    for file in report.files:
        found = store_path(file.path)
        if found is not None:
            outcomes = counts.setdefault(found, {})
            outcomes[file.outcome] = outcomes.get(file.outcome, 0) + 1
    packages = []
    for (path, name), outcomes in sorted(counts.items(), key=lambda item: (item[0][1], item[0][0])):
        via = ways.get(path, ())
        root = roots.get(via[0] if via else path, Root())
        packages.append(Package(path, name, root.attribute, root.position, via, outcomes))
    return replace(report, packages=tuple(packages))


def _ways(roots: Mapping[str, Root], references: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Return for each store path the shortest way to it: the store paths before it."""
    ways: dict[str, tuple[str, ...]] = dict.fromkeys(roots, ())
    waiting = deque(roots)
    while waiting:
        path = waiting.popleft()
        for needed in references.get(path, ()):
            if needed not in ways:
                ways[needed] = (*ways[path], path)
                waiting.append(needed)
    return ways


class Chains:
    """Answers for one report which package a file is in, and what leads to what is wrong with it."""

    def __init__(self, report: Report) -> None:
        self._packages = {package.path: package for package in report.packages}
        self._files = {file.path: file for file in report.files}

    def package(self, file: FileReport) -> Package | None:
        """Return the package that a file is in, `None` for one outside the packages of the report."""
        found = store_path(file.path)
        return self._packages.get(found[0]) if found is not None else None

    def of(self, file: FileReport) -> tuple[Step, ...]:
        """Return what leads from what was asked for to what is wrong with `file`; nothing for a good one."""
        return tuple(self._steps(file)) if file.verdict in BAD else ()

    def _steps(self, file: FileReport) -> Iterator[Step]:
        package = self.package(file)
        if package is not None:
            if package.attribute is not None:
                yield Step(ATTRIBUTE, package.attribute)
            yield from (Step(STORE_PATH, path) for path in (*package.via, package.path))
        yield Step(FILE, file.path)
        last: FileReport | None = file
        if any(finding.code == "FILC-E202" for finding in file.findings):
            way = to_ordinary(file)
            yield from (Step(LIBRARY, library.path or library.name) for library in way)
            if way:
                last = self._files.get(way[-1].path or "")
        told = _told(last) if last is not None else None
        if told is not None:
            yield Step(SYMBOL, told)


def to_ordinary(file: FileReport) -> tuple[Library, ...]:
    """Return the libraries on the way from a file to the first ordinary code that it loads."""
    bad = [library for library in file.libraries if library.verdict in BAD]
    if not bad:
        return ()
    target = min(bad, key=lambda library: library.verdict != "foreign")
    by_path = {library.path: library for library in file.libraries if library.path is not None}
    way = [target]
    while way[0].needed_by not in (None, file.path) and way[0].needed_by in by_path:
        before = by_path[way[0].needed_by]
        if before in way:
            break
        way.insert(0, before)
    return tuple(way)


def _told(file: FileReport) -> str | None:
    """Return the piece of evidence that says most about why a file is bad."""
    by_code = {finding.code: finding for finding in file.findings if finding.packed}
    told = None
    for code in _TELLING:
        for name in by_code[code].evidence if code in by_code else ():
            if not name.startswith("_"):
                return name
            told = told or name
    return told
