"""The graph of derivations behind packages, without building: what each one is for, and what is there.

A `.drv` file is a term (`Derive([outputs],[inputs],…)`, Nix's `src/libstore/derivations.cc`) that has not
changed since Nix 2.0; it is read here, since Nix' own commands print the whole graph slowly or in a form that
differs by version. Only the head of the term and a few variables are looked at: 5,000 derivations take about
a second.

On which side a derivation is, is found by what nixpkgs writes into it: a package made for another platform
than the build machine bears that platform's configuration in its name; it is made with the standard
environment whose compiler is prefixed with it; and `configure` is told it by `--host`. Any one is enough:
tools *for* Fil-C (the compiler, binutils) have the configuration as a prefix, and nothing else. On two real
trees the first two agree for every derivation; the third finds scripts and data that have neither.
"""

from __future__ import annotations

import functools
import json
import re
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from filcross.errors import NothingToJudgeError, UnsupportedInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from filcross.nix.command import Nix

PLATFORM = "x86_64-unknown-linux-filc"
HOST, BUILD = "host", "build"
_AT_ONCE = 1000

_OUTPUT = re.compile(r'\("([^"]*)","([^"]*)","([^"]*)","([^"]*)"\)')
_INPUT = re.compile(r'\("([^"]*)",\[[^\]]*\]\)')
_HEAD = re.compile(r'Derive\(\[(\("[^\]]*?"\))\],\[(|\(".*?\]\))\],\[[^\]]*\],"([^"]*)",', re.DOTALL)
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t"}
_STORE_NAME = re.compile(r"[^/]*/?[0-9a-df-np-sv-z]{32}-(.*?)(?:\.drv)?")
_VERSION = re.compile(r"-(?=[^a-zA-Z])")


@dataclass(frozen=True, slots=True)
class Derivation:
    """One derivation: what it needs (`inputs`, derivations) and gives (`outputs`, paths by name).

    `side` is `host` for what is made for the platform (Fil-C), else `build`. `fixed_output` tells a source,
    whose content is known beforehand. `build_tools` are the inputs that make programs for the build machine
    only (`depsBuildBuild`), as output paths.
    """

    path: str
    name: str
    system: str
    side: str
    inputs: tuple[str, ...]
    outputs: Mapping[str, str]
    fixed_output: bool
    build_tools: frozenset[str]


@dataclass(frozen=True, slots=True)
class Graph:
    """The derivations behind `roots` (attribute to derivation), by path.

    `valid` are the output paths that are in the store.
    """

    roots: Mapping[str, str]
    derivations: Mapping[str, Derivation]
    valid: frozenset[str]

    def present(self, derivation: str) -> bool:
        """Say whether all outputs of a derivation are in the store."""
        return all(path in self.valid for path in self.derivations[derivation].outputs.values())

    def closure(self, roots: Iterable[str]) -> set[str]:
        """Return the derivations `roots` and everything behind them."""
        return self._reach(roots, lambda _: True)

    def missing(self, roots: Iterable[str]) -> set[str]:
        """Return what has to be built for `roots`: what is there ends the way, as it does for Nix."""
        wanted = [root for root in roots if not self.present(root)]
        return self._reach(wanted, lambda path: not self.present(path))

    def path_to(self, root: str, goal: str) -> tuple[str, ...]:
        """Return a shortest path of derivations from `root` to `goal`, both included (empty: none)."""
        before: dict[str, str] = {root: ""}
        waiting = deque([root])
        while waiting and goal not in before:
            current = waiting.popleft()
            for path in self.derivations[current].inputs:
                if path not in before:
                    before[path] = current
                    waiting.append(path)
        if goal not in before:
            return ()
        steps = [goal]
        while before[steps[-1]]:
            steps.append(before[steps[-1]])
        return tuple(reversed(steps))

    def _reach(self, roots: Iterable[str], enter: Callable[[str], bool]) -> set[str]:
        found = set(roots)
        waiting = list(found)
        while waiting:
            for path in self.derivations[waiting.pop()].inputs:
                if path not in found and enter(path):
                    found.add(path)
                    waiting.append(path)
        return found


def read(nix: Nix, roots: Mapping[str, str]) -> Graph:
    """Return the graph behind the derivations `roots` (attribute to path), and what the store has of it.

    Raises `NothingToJudgeError` for a derivation that is not in the store, `UnsupportedInputError` for one
    in an unknown form.
    """
    derivations = read_derivations(roots.values())
    made = [path for item in derivations.values() for path in item.outputs.values() if path]
    invalid: set[str] = set()
    for start in range(0, len(made), _AT_ONCE):
        part = [Path(path) for path in made[start : start + _AT_ONCE]]
        invalid |= {str(path) for path in nix.invalid_paths(part)}
    return Graph(dict(roots), derivations, frozenset(made) - invalid)


def read_derivations(
    roots: Iterable[str], *, platform: str = PLATFORM, folder: Path | None = None
) -> dict[str, Derivation]:
    """Return the derivations `roots` and everything behind them, by path; errors are those of `read`.

    `platform` is the configuration of the side that is not the build machine's, `folder` the root of a
    store `local?root=…`, whose files are not where its paths say.
    """
    raw: dict[str, _Raw] = {}
    waiting = list(roots)
    while waiting:
        path = waiting.pop()
        if path not in raw:
            raw[path] = _read(path, folder)
            waiting += raw[path].inputs
    makers = {output: path for path, item in raw.items() for output in item.outputs.values() if output}
    sides = _Sides(platform, makers, raw)
    return {
        path: Derivation(
            path,
            item.name,
            item.system,
            HOST if sides.is_host(item) else BUILD,
            item.inputs,
            item.outputs,
            item.fixed_output,
            item.build_tools,
        )
        for path, item in raw.items()
    }


def outputs(derivation: str) -> dict[str, str]:
    """Return the output paths of one derivation by name; errors are those of `read`."""
    return dict(_read(derivation, None).outputs)


def is_fixed_output(derivation: str) -> bool:
    """Say whether the content of one derivation's output is known beforehand; errors are those of `read`."""
    return _read(derivation, None).fixed_output


def package_of(name: str, platform: str = PLATFORM) -> str:
    """Return a derivation's name without platform and version: `curl` for `curl-8.7.1-PLATFORM`.

    Where the version begins is Nix's rule: at the first dash that no letter follows.
    """
    bare = _suffix(platform).sub("", name.removeprefix(f"{platform}-"))
    return _VERSION.split(bare, maxsplit=1)[0]


def title(path: str, platform: str = PLATFORM) -> str:
    """Return what people call a derivation: its name with the version, without hash and platform."""
    found = _STORE_NAME.fullmatch(path.rsplit("/", maxsplit=1)[-1])
    return _suffix(platform).sub("", found.group(1).removeprefix(f"{platform}-")) if found else path


@functools.cache
def _suffix(platform: str) -> re.Pattern[str]:
    return re.compile(rf"-{re.escape(platform)}(?=-|\Z)")


@dataclass(frozen=True, slots=True)
class _Raw:
    name: str
    system: str
    inputs: tuple[str, ...]
    outputs: Mapping[str, str]
    fixed_output: bool
    stdenv: str
    configure: str
    build_tools: frozenset[str]


def _read(path: str, folder: Path | None) -> _Raw:
    place = Path(path) if folder is None else folder / "nix" / "store" / Path(path).name
    try:
        text = place.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError as error:
        raise NothingToJudgeError(
            f"the derivation {path} cannot be read: {error.strerror}",
            hint="it was removed while it was needed: run the command again",
        ) from error
    return _parse(path, text)


def _parse(path: str, text: str) -> _Raw:
    head = _HEAD.match(text)
    name = _STORE_NAME.fullmatch(path.rsplit("/", maxsplit=1)[-1])
    if head is None or name is None:
        raise UnsupportedInputError(
            f"{path} is a derivation in a form that filcross does not know",
            hint="please report it, with your version of Nix",
        )
    given, needed, system = head.groups()
    listed = _OUTPUT.findall(given)
    get = _variables(text, head.end())
    return _Raw(
        name.group(1),
        system,
        tuple(_INPUT.findall(needed)),
        {output: place for output, place, _, _ in listed},
        fixed_output=any(content for *_, content in listed),
        stdenv=get("stdenv"),
        configure=get("configureFlags"),
        build_tools=frozenset((get("depsBuildBuild") + " " + get("depsBuildBuildPropagated")).split()),
    )


def _variables(text: str, start: int) -> Callable[[str], str]:
    """Return what looks up a variable (lists as words); a quote in a value is always behind a backslash."""

    def plain(name: str) -> str:
        at = text.find(f'("{name}","', start)
        if at < 0:
            return ""
        found = _STRING.match(text, at + len(name) + 4)
        return _ESCAPE.sub(_unescape, found.group(1)) if found else ""

    if '("__json","' not in text:
        return plain
    try:
        structured = dict(json.loads(plain("__json")))
    except (ValueError, TypeError):  # a variable that happens to have this name: Nix instantiates it, too
        return plain

    def from_json(name: str) -> str:
        value = structured.get(name) or ""
        return " ".join(map(str, value)) if isinstance(value, list) else str(value)

    return from_json


def _unescape(match: re.Match[str]) -> str:
    return _ESCAPED.get(match.group(1), match.group(1))


class _Sides:
    """Tells for which side a derivation is."""

    def __init__(self, platform: str, makers: Mapping[str, str], raw: Mapping[str, _Raw]) -> None:
        self._prefix, self._flag = f"{platform}-", f"--host={platform}"
        self._suffix = _suffix(platform)
        self._makers, self._raw = makers, raw

    def is_host(self, item: _Raw) -> bool:
        if item.fixed_output:
            return False
        if self._suffix.search(item.name.removeprefix(self._prefix)) is not None:
            return True
        if self._flag in item.configure.split():
            return True
        environment = self._makers.get(item.stdenv)
        if environment is None:
            return False
        return any(self._raw[tool].name.startswith(self._prefix) for tool in self._raw[environment].inputs)


def in_order(graph: Graph, wanted: Iterable[str]) -> Iterator[str]:
    """Yield the derivations `wanted` so that each comes after those of them that it needs."""
    among = set(wanted)
    done: set[str] = set()
    for start in sorted(among):
        stack: list[tuple[str, bool]] = [(start, False)]
        while stack:
            path, entered = stack.pop()
            if path in done:
                continue
            if entered:
                done.add(path)
                yield path
                continue
            stack.append((path, True))
            inputs: Sequence[str] = graph.derivations[path].inputs
            stack += [(needed, False) for needed in inputs if needed in among and needed not in done]
