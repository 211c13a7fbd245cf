"""Packages of languages that cannot be Fil-C: found in the graph of derivations, before anything is built.

Which compilers count, and why, is in `filcross/data/languages.toml`. A derivation is refused when it is made
for Fil-C with such a compiler; when it is made for the build machine, yet has a Fil-C library among its
inputs; and when it was asked for as a Fil-C package and is none. What only runs during the build, as a
program of the build machine, may be written in anything.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from filcross import resources
from filcross.errors import UsageError, VerdictError
from filcross.nix import graph as graphs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from filcross.nix.graph import Derivation, Graph

SHOWN = 8
_FOR_BUILD = re.compile(r"(buildPackages|pkgsBuild[A-Z][A-Za-z]*)\..*")


@dataclass(frozen=True, slots=True)
class Language:
    """One language: its name for flags, its title for people, and how its compilers are recognised."""

    name: str
    title: str
    compilers: re.Pattern[str] | None
    itself: re.Pattern[str] | None
    named: re.Pattern[str] | None
    source: str

    def is_compiler(self, item: Derivation, platform: str) -> bool:
        """Say whether a derivation makes, or is, code of this language."""
        if self.named is not None:
            return self.named.search(item.name) is not None
        package = graphs.package_of(item.name, platform)
        return self.compilers is not None and self.compilers.fullmatch(package) is not None

    def is_itself(self, item: Derivation, platform: str) -> bool:
        """Say whether a derivation holds code of this language without a compiler among its inputs."""
        if self.named is not None:
            return self.named.search(item.name) is not None
        package = graphs.package_of(item.name, platform)
        return self.itself is not None and self.itself.fullmatch(package) is not None


@dataclass(frozen=True, slots=True)
class Boundary:
    """A derivation that would bring code of another compiler to Fil-C's side.

    `compiler` is the input that makes the code (empty where the package brings it along), `attributes` are
    the requests that need the derivation, `path` leads from the first of them to it. All are derivations'
    paths in the store, but `attributes`.
    """

    language: str
    title: str
    derivation: str
    compiler: str
    attributes: tuple[str, ...]
    path: tuple[str, ...]


class LanguageError(VerdictError):
    """Something that was asked for would hold code of a language that cannot be Fil-C."""

    def __init__(self, found: Sequence[Boundary]) -> None:
        names = ", ".join(dict.fromkeys(name for item in found for name in item.attributes))
        titles = ", ".join(dict.fromkeys(item.title for item in found))
        flags = " ".join(f"--allow-language {name}" for name in dict.fromkeys(i.language for i in found))
        more = (f"and {len(found) - SHOWN} more",) if len(found) > SHOWN else ()
        super().__init__(
            f"{names} would hold {titles} code, and only what Fil-C's own compiler makes can be part of a"
            " Fil-C process: nothing was built",
            hint=f"leave it out, or switch off the part that needs it; {flags} builds nevertheless, and the"
            " result is not all Fil-C code",
            details=(*(sentence(item) for item in found[:SHOWN]), *more),
        )
        self.boundaries = tuple(found)


def sentence(found: Boundary) -> str:
    """Return what is wrong and how it got there: `git → librsvg-2.48.8 is made with Rust (rustc-1.45.0)`."""
    way = " → ".join([found.attributes[0], *(graphs.title(path) for path in found.path[1:])])
    if not found.compiler:
        return f"{way} holds {found.title} code"
    return f"{way} is made with {found.title} ({graphs.title(found.compiler)})"


def check_names(names: Iterable[str]) -> None:
    """Raise `UsageError` for a name that is none of a language."""
    known = [language.name for language in load()]
    for name in names:
        if name not in known:
            raise UsageError(f"`{name}` is no language here", hint=f"choose among: {', '.join(known)}")


def refuse(
    derivations: Mapping[str, Derivation], roots: Mapping[str, str], allowed: Iterable[str] = ()
) -> None:
    """Raise `LanguageError` where `roots` (attribute to derivation) need a language that is not `allowed`."""
    among = set(allowed)
    found = boundaries(graphs.Graph(roots, derivations, frozenset()))
    refused = [item for item in found if item.language not in among]
    if refused:
        raise LanguageError(refused)


@cache
def load(file: Path | None = None) -> tuple[Language, ...]:
    """Return the languages of a data file (default: the one that ships with filcross)."""
    place = file or resources.data_dir() / "languages.toml"
    data = tomllib.loads(place.read_text(encoding="utf-8"))
    return tuple(
        Language(
            item["name"],
            item["title"],
            compilers=_pattern(item, "compilers"),
            itself=_pattern(item, "itself"),
            named=_pattern(item, "named"),
            source=item["source"],
        )
        for item in data["language"]
    )


def _pattern(item: Mapping[str, str], key: str) -> re.Pattern[str] | None:
    return re.compile(item[key]) if key in item else None


def boundaries(graph: Graph) -> tuple[Boundary, ...]:
    """Return the boundary errors in `graph`, the nearest to the requests first."""
    asked = [path for attribute, path in graph.roots.items() if _FOR_BUILD.fullmatch(attribute) is None]
    offenders = _offenders(graph.derivations, asked, graphs.PLATFORM)
    if not offenders:
        return ()
    closures = {root: graph.closure([root]) for root in set(graph.roots.values())}
    found = []
    for path, made in offenders.items():
        attributes = tuple(name for name, root in graph.roots.items() if path in closures[root])
        way = graph.path_to(graph.roots[attributes[0]], path)
        found += [
            Boundary(language.name, language.title, path, compiler, attributes, way)
            for language, compiler in made
        ]
    return tuple(sorted(found, key=lambda item: (len(item.path), item.derivation, item.language)))


def needed_by(
    derivations: Mapping[str, Derivation], roots: Iterable[str], *, platform: str = graphs.PLATFORM
) -> dict[str, frozenset[str]]:
    """Return the names of the languages in the whole graph behind each derivation of `derivations`.

    `roots` are those that are asked for as packages of `platform`; see `graph.read_derivations`.
    """
    offenders = _offenders(derivations, roots, platform)
    found: dict[str, frozenset[str]] = {}
    graph = graphs.Graph({}, derivations, frozenset())
    for path in graphs.in_order(graph, derivations):
        own = frozenset(language.name for language, _ in offenders.get(path, ()))
        found[path] = own.union(*(found[item] for item in derivations[path].inputs))
    return found


def _offenders(
    derivations: Mapping[str, Derivation], asked: Iterable[str], platform: str
) -> dict[str, list[tuple[Language, str]]]:
    compilers = _compilers(derivations, platform)
    roots = set(asked)
    found: dict[str, list[tuple[Language, str]]] = {}
    for path, item in derivations.items():
        if item.fixed_output or not (
            item.side == graphs.HOST or path in roots or _links_host(item, derivations)
        ):
            continue
        made: dict[str, tuple[Language, str]] = {}
        for needed in item.inputs:
            language = compilers.get(needed)
            if language is not None and not _makes_tools(derivations[needed], item, platform):
                made.setdefault(language.name, (language, needed))
        for language in load():
            if language.is_itself(item, platform):
                made.setdefault(language.name, (language, ""))
        if made:
            found[path] = list(made.values())
    return found


def _makes_tools(compiler: Derivation, user: Derivation, platform: str) -> bool:
    """Say whether `user` has `compiler` for programs of the build machine, and it can make no others."""
    for_build = not user.build_tools.isdisjoint(compiler.outputs.values())
    return for_build and not compiler.name.startswith(f"{platform}-")


def _links_host(item: Derivation, derivations: Mapping[str, Derivation]) -> bool:
    return any(derivations[path].side == graphs.HOST for path in item.inputs)


def _compilers(derivations: Mapping[str, Derivation], platform: str) -> dict[str, Language]:
    found = {}
    for path, item in derivations.items():
        if item.fixed_output:
            continue
        for language in load():
            if language.is_compiler(item, platform):
                found[path] = language
    return found
