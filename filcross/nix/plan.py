"""What a build would do: how much on each side, in which order, how long, and what cannot be.

All of it comes from the graph of derivations (`filcross.nix.graph`), the store, and this machine's history
(`filcross.nix.history`); nothing is built.
"""

from __future__ import annotations

import re
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

from filcross import process
from filcross.nix import graph as graphs
from filcross.nix import history, languages

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from filcross.nix.command import Nix
    from filcross.nix.graph import Derivation, Graph
    from filcross.nix.history import Estimate
    from filcross.nix.languages import Boundary

CACHE_TIMEOUT = 60.0
_DRY_RUN = re.compile(r"^\s+(/\S+\.drv)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Count:
    """How many derivations: all, those whose outputs are in the store, and what Nix would do for the rest.

    `fetched` come from a binary cache, `built` must be built. What is neither is needed by nothing that must
    be built (the compiler of a compiler that is there).
    """

    all: int
    present: int
    fetched: int
    built: int


@dataclass(frozen=True, slots=True)
class Step:
    """A derivation that must be built: on which level, after which others, and the guess at its time."""

    derivation: str
    name: str
    side: str
    source: bool
    level: int
    after: tuple[str, ...]
    estimate: Estimate | None


@dataclass(frozen=True, slots=True)
class CriticalPath:
    """The longest chain of builds, each of which waits for the one before it.

    `seconds` is the sum of what is estimated for `known` of them, and, for the others, of the median of all
    estimates of this plan; `None` where nothing is known.
    """

    derivations: tuple[str, ...]
    seconds: float | None
    known: int


@dataclass(frozen=True, slots=True)
class Shared:
    """A package on the Fil-C side that must be built, and that several requests need."""

    derivation: str
    name: str
    attributes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be done for `requests` (attribute to derivation).

    `counts` has `filc` (made for Fil-C), `build` (for the build machine) and `source`. `steps` are what must
    be built, by derivation; `levels` how many of them can be built side by side, one level after the other.
    `caches_asked` says whether binary caches were.
    """

    requests: Mapping[str, str]
    counts: Mapping[str, Count]
    steps: Mapping[str, Step]
    levels: tuple[int, ...]
    critical: CriticalPath
    seconds: float | None
    known: int
    shared: tuple[Shared, ...]
    boundaries: tuple[Boundary, ...]
    caches_asked: bool


def make(
    nix: Nix, requests: Mapping[str, str], *, past: Path, toolchain: str, ask_caches: bool = True
) -> Plan:
    """Return the plan for `requests` (attribute to derivation, which must be in the store of `nix`).

    `past` is the file of the history, `toolchain` the label of the one in use. Errors are those of
    `graph.read`.
    """
    graph = graphs.read(nix, requests)
    missing = graph.missing(requests.values())
    built = _to_build(nix, requests.values(), missing) if ask_caches else None
    steps = _steps(graph, missing if built is None else built & missing, past, toolchain)
    levels = [0] * (max((step.level for step in steps.values()), default=-1) + 1)
    for step in steps.values():
        levels[step.level] += 1
    known = [step.estimate.seconds for step in steps.values() if step.estimate is not None]
    return Plan(
        dict(requests),
        _counts(graph, missing, steps),
        steps,
        tuple(levels),
        _critical(steps),
        sum(known) if known else None,
        len(known),
        _shared(graph, steps),
        languages.boundaries(graph),
        built is not None,
    )


def _to_build(nix: Nix, roots: Iterable[str], missing: set[str]) -> set[str] | None:
    """Return what Nix would build, since its caches do not have it; `None` where they do not answer."""
    if not missing:
        return set()
    try:
        done = nix.run("nix-store", "--realise", "--dry-run", *dict.fromkeys(roots), timeout=CACHE_TIMEOUT)
    except (process.ProcessFailedError, process.ProcessTimeoutError):
        return None
    return set(_DRY_RUN.findall(done.stderr))


def side_of(item: Derivation) -> str:
    """Return under which count a derivation falls: `filc`, `build` or `source`."""
    if item.fixed_output:
        return "source"
    return "filc" if item.side == graphs.HOST else "build"


def _counts(graph: Graph, missing: set[str], steps: Mapping[str, Step]) -> dict[str, Count]:
    found = {}
    for side in ("filc", "build", "source"):
        paths = [path for path, item in graph.derivations.items() if side_of(item) == side]
        built = sum(path in steps for path in paths)
        absent = sum(path in missing for path in paths)
        found[side] = Count(len(paths), sum(map(graph.present, paths)), absent - built, built)
    return found


def _steps(graph: Graph, wanted: set[str], past: Path, toolchain: str) -> dict[str, Step]:
    order = list(graphs.in_order(graph, wanted))
    guesses = history.estimates(past, {graph.derivations[path].name for path in order}, toolchain=toolchain)
    found: dict[str, Step] = {}
    for path in order:
        item = graph.derivations[path]
        after = tuple(needed for needed in item.inputs if needed in wanted)
        level = max((found[needed].level + 1 for needed in after), default=0)
        side = "filc" if item.side == graphs.HOST else "build"
        found[path] = Step(path, item.name, side, item.fixed_output, level, after, guesses.get(item.name))
    return found


def _critical(steps: Mapping[str, Step]) -> CriticalPath:
    """Find the longest chain; `steps` come in an order in which each follows what it needs."""
    known = [step.estimate.seconds for step in steps.values() if step.estimate is not None]
    assumed = statistics.median(known) if known else 1.0
    ends: dict[str, tuple[float, str]] = {}
    for path, step in steps.items():
        before, previous = max(((ends[needed][0], needed) for needed in step.after), default=(0.0, ""))
        ends[path] = (before + (step.estimate.seconds if step.estimate else assumed), previous)
    chain: list[str] = []
    current = max(ends, key=lambda path: (ends[path][0], path), default="")
    while current:
        chain.append(current)
        current = ends[current][1]
    chain.reverse()
    seconds = ends[chain[-1]][0] if chain and known else None
    return CriticalPath(tuple(chain), seconds, sum(steps[path].estimate is not None for path in chain))


def _shared(graph: Graph, steps: Mapping[str, Step]) -> tuple[Shared, ...]:
    needed: dict[str, list[str]] = {}
    for attribute, root in graph.roots.items():
        for path in graph.missing([root]):
            if path in steps and steps[path].side == "filc":
                needed.setdefault(path, []).append(attribute)
    found = [
        Shared(path, steps[path].name, tuple(attributes))
        for path, attributes in needed.items()
        if len(attributes) > 1
    ]
    return tuple(sorted(found, key=lambda item: (-len(item.attributes), item.name, item.derivation)))


def levels_of(steps: Mapping[str, Step]) -> list[list[Step]]:
    """Return the steps of each level, in order of their names."""
    found: list[list[Step]] = [[] for _ in {step.level for step in steps.values()}]
    for step in sorted(steps.values(), key=lambda item: (item.name, item.derivation)):
        found[step.level].append(step)
    return found


def edges_of(steps: Mapping[str, Step]) -> Sequence[tuple[str, str]]:
    """Return who waits for whom among the steps: (derivation, one that it needs)."""
    return [(path, needed) for path, step in steps.items() for needed in step.after]
