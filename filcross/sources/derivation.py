"""Read derivations as Nix stores them, and find the fixed-output sources that they still need.

A `.drv` file is one term, `Derive(outputs, input derivations, input files, system, builder, arguments,
environment)`, of strings, lists and tuples (source: the Nix manual, "Store derivation and deriving path"). An
output with a hash is fixed: anything that has this hash will do, whoever made it. Nix writes that hash in
base 16 whatever the Nix file said, with `r:` before the algorithm when it is the hash of a whole file tree.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from filcross.errors import UnsupportedInputError, UsageError
from filcross.process import run
from filcross.sources.hashes import Digest, parse_digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

Term: TypeAlias = "str | list[Term]"

_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"|([\[\](),])|([A-Za-z]+)', re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t"}
_DERIVE_FIELDS = 7
_PATHS_A_CALL = 1000
_HASH_PART = 33  # 32 characters and a dash before the name in a store path


@dataclass(frozen=True, slots=True)
class Output:
    """One output: its store path (empty where Nix knows it only after the build) and its fixed hash."""

    name: str
    path: str
    digest: Digest | None
    recursive: bool


@dataclass(frozen=True, slots=True)
class Derivation:
    """What one `.drv` file says, as far as sources are concerned."""

    path: str
    outputs: tuple[Output, ...]
    inputs: tuple[tuple[str, tuple[str, ...]], ...]
    environment: Mapping[str, str]

    @property
    def urls(self) -> tuple[str, ...]:
        """Where the derivation would look for its file (nixpkgs' fetchers and Nix' own)."""
        attributes: Mapping[str, object] = self.environment
        if "__json" in self.environment:
            attributes = json.loads(self.environment["__json"])
        for name in ("urls", "url"):
            value = attributes.get(name)
            if isinstance(value, str) and value.split():
                return tuple(value.split())
            if isinstance(value, list) and value:
                return tuple(str(item) for item in value)
        return ()


@dataclass(frozen=True, slots=True)
class FixedSource:
    """A source with a fixed hash: the store path that it must get, and how Nix checks it.

    `recursive` means that the hash is of an unpacked tree rather than of one file.
    """

    name: str
    store_path: str
    derivation: str
    digest: Digest
    recursive: bool
    urls: tuple[str, ...]


def instantiate(
    target: Path | None,
    attributes: Sequence[str] = (),
    *,
    expression: str | None = None,
    arguments: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
) -> tuple[str, ...]:
    """Return the `.drv` paths (with `!output` where one output is meant) of attributes of a tree.

    `target` is a tree, a `.nix` file or a `.drv` file (returned as it is); instead of it, `expression` is Nix
    code from the user. `arguments` go to `nix-instantiate` as they are, `env` adds to the environment (a
    private store's variables). Raises `UsageError` for a target that cannot be meant, `BuildFailedError` when
    the evaluation fails.
    """
    if target is not None and target.suffix == ".drv":
        return (str(target),)
    if (target is None) == (expression is None):
        raise UsageError("name a tree, a .nix file or a .drv file, or give an expression", hint="see --help")
    if target is not None and not target.exists():
        raise UsageError(f"there is no {target}", hint="name a nixpkgs tree, a .nix file or a .drv file")
    if target is not None and target.is_dir() and not attributes:
        raise UsageError(f"which attributes of {target}?", hint="name them: -A hello -A pcre2")
    chosen = [item for name in attributes for item in ("-A", name)]
    what = [str(target)] if target is not None else ["-E", str(expression)]
    done = run(
        ["nix-instantiate", *chosen, *arguments, *what],
        env=env,
        hint="check that the attributes exist in this tree",
    )
    return tuple(line for line in done.stdout.splitlines() if line)


def read_derivation(path: str) -> Derivation:
    """Read one `.drv` file. Raises `UnsupportedInputError` if it is none."""
    try:
        text = Path(path).read_bytes().decode("utf-8", "surrogateescape")
    except FileNotFoundError as error:
        raise UnsupportedInputError(
            f"there is no derivation {path}", hint="is it from another Nix store (NIX_STORE_DIR)?"
        ) from error
    return parse_derivation(text, path)


def parse_derivation(text: str, path: str) -> Derivation:
    """Parse the text of the `.drv` file `path`. Raises `UnsupportedInputError` if it is none."""
    try:
        outputs, inputs, _files, _system, _builder, _arguments, environment = _derive_fields(text)
        return Derivation(
            path,
            tuple(_output(*_strings(item, 4)) for item in _list(outputs)),
            tuple(_input(item) for item in _list(inputs)),
            dict(_strings(item, 2) for item in _list(environment)),  # type: ignore[misc]
        )
    except (ValueError, StopIteration, UnsupportedInputError) as error:
        raise UnsupportedInputError(
            f"{path} is not a derivation that filcross can read", details=(str(error),)
        ) from error


def wanted_sources(
    derivations: Iterable[str], *, direct: bool = False, env: Mapping[str, str] | None = None
) -> tuple[tuple[FixedSource, ...], tuple[FixedSource, ...]]:
    """Return the fixed-output sources that building `derivations` takes: (in the store, not in the store).

    `derivations` are `.drv` paths, with `!output` where one output is meant. As in a build, what is in the
    store already is not looked into. `direct` stops at the sources that the derivations themselves name.
    `env` adds to the environment. Both tuples are sorted by name. Raises `UnsupportedInputError` for a path
    that is no derivation.
    """
    roots = [_root(item) for item in derivations]
    graph: dict[str, Derivation] = {}
    pending = [path for path, _ in roots]
    depth = 0
    while pending:
        layer = [graph.setdefault(path, read_derivation(path)) for path in pending]
        depth += 1
        if direct and depth > 1:
            break
        pending = sorted({name for node in layer for name, _ in node.inputs} - graph.keys())
    invalid = _invalid({output.path for node in graph.values() for output in node.outputs}, env)

    present: set[FixedSource] = set()
    absent: set[FixedSource] = set()
    seen: set[tuple[str, str]] = set()
    stack = [(path, output.name) for path, names in roots for output in _chosen(graph[path], names)]
    root_paths = {path for path, _ in roots}
    while stack:
        path, name = stack.pop()
        node = graph.get(path)
        if node is None or (path, name) in seen:
            continue
        seen.add((path, name))
        for output in _chosen(node, (name,)):
            if output.digest is not None:
                (absent if output.path in invalid else present).add(_source(node, output, output.digest))
            elif output.path in invalid and (path in root_paths or not direct):
                stack.extend((child, item) for child, items in node.inputs for item in items)
    return tuple(sorted(present, key=_by_name)), tuple(sorted(absent, key=_by_name))


def _by_name(source: FixedSource) -> tuple[str, str]:
    return source.name, source.store_path


def _source(node: Derivation, output: Output, digest: Digest) -> FixedSource:
    name = Path(output.path).name[_HASH_PART:]
    return FixedSource(name, output.path, node.path, digest, output.recursive, node.urls)


def _root(text: str) -> tuple[str, tuple[str, ...]]:
    path, _, outputs = text.partition("!")
    return path, tuple(name for name in outputs.split(",") if name)


def _chosen(node: Derivation, names: tuple[str, ...]) -> list[Output]:
    return [output for output in node.outputs if not names or output.name in names]


def _invalid(paths: set[str], env: Mapping[str, str] | None) -> set[str]:
    """Return those of `paths` that are not in the store; an output without a path never is."""
    known = sorted(path for path in paths if path)
    invalid = {""}
    for start in range(0, len(known), _PATHS_A_CALL):
        batch = known[start : start + _PATHS_A_CALL]
        done = run(["nix-store", "--check-validity", "--print-invalid", *batch], env=env)
        invalid.update(done.stdout.split())
    return invalid


def _derive_fields(text: str) -> list[Term]:
    tokens = _tokens(text)
    kind, word = next(tokens)
    if (kind, word) != ("word", "Derive"):
        raise ValueError(f"it starts with {word!r}, not with Derive")
    next_kind = next(tokens)
    if next_kind != ("mark", "("):
        raise ValueError("no fields after Derive")
    fields = _sequence(tokens, ")")
    if len(fields) != _DERIVE_FIELDS:
        raise ValueError(f"{len(fields)} fields instead of {_DERIVE_FIELDS}")
    return fields


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    position = 0
    while position < len(text.rstrip()):
        match = _TOKEN.match(text, position)
        if match is None:
            raise ValueError(f"nothing known at byte {position}")
        position = match.end()
        if match[1] is not None:
            string = match[1]
            if "\\" in string:
                string = _ESCAPE.sub(lambda escape: _ESCAPED.get(escape[1], escape[1]), string)
            yield "string", string
        else:
            yield ("mark", match[2]) if match[2] else ("word", match[3])
    raise ValueError("it ends in the middle")


def _sequence(tokens: Iterator[tuple[str, str]], end: str) -> list[Term]:
    items: list[Term] = []
    while True:
        kind, word = next(tokens)
        if (kind, word) == ("mark", end):
            return items
        if (kind, word) == ("mark", ","):
            continue
        if kind == "string":
            items.append(word)
        elif word in ("[", "("):
            items.append(_sequence(tokens, {"[": "]", "(": ")"}[word]))
        else:
            raise ValueError(f"unexpected {word!r}")


def _list(term: Term) -> list[Term]:
    if isinstance(term, str):
        raise ValueError(f"{term!r} where a list belongs")  # noqa: TRY004  (one kind of error for bad text)
    return term


def _string(term: Term) -> str:
    if not isinstance(term, str):
        raise ValueError("a list where a string belongs")  # noqa: TRY004
    return term


def _strings(term: Term, count: int) -> tuple[str, ...]:
    strings = tuple(_string(item) for item in _list(term))
    if len(strings) != count:
        raise ValueError(f"{len(strings)} strings instead of {count}")
    return strings


def _input(term: Term) -> tuple[str, tuple[str, ...]]:
    path, outputs = _list(term)
    return _string(path), tuple(_string(name) for name in _list(outputs))


def _output(name: str, path: str, algorithm: str, digest: str) -> Output:
    recursive = algorithm.startswith("r:")
    if not digest:
        return Output(name, path, None, recursive)
    return Output(name, path, parse_digest(digest, algorithm.removeprefix("r:")), recursive)
