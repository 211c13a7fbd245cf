"""The matrix as data: trees by toolchains by attributes, what to run, and what is expected to fail.

The form of the file is explained in `docs/matrix.md`. Everything in it is checked when it is read, so that a
run never stops at a misspelt word after an hour.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tomllib
from dataclasses import asdict, dataclass, field
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filcross.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
_FAILS = "fails:"
_SHARD = re.compile(r"([0-9]{1,6})/([0-9]{1,6})")
SMOKE_SECONDS = 30.0
LONGEST_SMOKE = 86_400.0
LARGEST_FILE = 4 << 20  # bytes


@dataclass(frozen=True, slots=True)
class Tree:
    """A nixpkgs by name: what `--nixpkgs` takes, who makes the build tools, where sources come from.

    `overlays` are the user's own, as `--overlay` takes them.
    """

    name: str
    nixpkgs: str
    bootstrap: str | None = None
    seed: bool = False
    suites: tuple[str, ...] = ()
    overlays: tuple[str, ...] = ()

    @property
    def wishes(self) -> dict[str, str | None]:
        """The settings that the tree stands for; see `filcross.config`."""
        places = os.pathsep.join(self.overlays) or None
        return {"nixpkgs": self.nixpkgs, "bootstrap": self.bootstrap, "overlays": places}


@dataclass(frozen=True, slots=True)
class Smoke:
    """A program of a package to run, and what it must answer.

    `run` is the command (its first word below the package's output; the program must end with `status`), or
    `serve` a server that is asked for the URL `get` and then stopped. The answer must hold the text `prints`.
    `files` are written beforehand. In all of them `@folder@` is an empty folder, `@port@` a free port of
    127.0.0.1, `@out@` the output, `@user@` and `@group@` who runs it. `seconds` is the limit.
    """

    run: tuple[str, ...] = ()
    serve: tuple[str, ...] = ()
    get: str = ""
    prints: str = ""
    stdin: str = ""
    status: int = 0
    seconds: float = SMOKE_SECONDS
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Expectation:
    """Cells (a pattern such as `*/simulator/rsync`) that are known to fail: why, a link, until when."""

    cells: str
    reason: str
    link: str = ""
    until: date | None = None

    def text(self) -> str:
        """Return the expectation as the file writes it."""
        parts = [self.reason, self.link, self.until.isoformat() if self.until else ""]
        return f"{_FAILS} {', '.join(part for part in parts if part)}"


@dataclass(frozen=True, slots=True)
class Cell:
    """One thing to do: an attribute of a tree with a toolchain."""

    tree: str
    toolchain: str
    attribute: str

    @property
    def name(self) -> str:
        """The cell as `tree/toolchain/attribute`."""
        return f"{self.tree}/{self.toolchain}/{self.attribute}"


@dataclass(frozen=True, slots=True)
class Spec:
    """A whole matrix file; `digest` is the SHA-256 of what it says (not of how it is written)."""

    trees: Mapping[str, Tree]
    toolchains: Mapping[str, str]
    cells: tuple[Cell, ...]
    smoke: Mapping[str, Smoke]
    expectations: tuple[Expectation, ...]
    digest: str

    def expectation(self, cell: Cell, today: date) -> Expectation | None:
        """Return why `cell` is expected to fail today, or `None`."""
        for item in self.expectations:
            if fnmatchcase(cell.name, item.cells) and (item.until is None or item.until >= today):
                return item
        return None


def single(cell: Cell, tree: Tree, toolchain: str, smoke: Smoke | None) -> Spec:
    """Return a matrix of one cell; its digest is that of the cell's name."""
    tests = {} if smoke is None else {cell.attribute: smoke}
    digest = hashlib.sha256(cell.name.encode()).hexdigest()
    return Spec({cell.tree: tree}, {cell.toolchain: toolchain}, (cell,), tests, (), digest)


def in_shard(cell: Cell, shard: tuple[int, int]) -> bool:
    """Return whether `cell` belongs to shard `(number, count)`; numbers begin with 1.

    The name alone decides, so that adding a cell moves no other.
    """
    number, count = shard
    return int(hashlib.sha256(cell.name.encode()).hexdigest()[:8], 16) % count == number - 1


def parse_shard(text: str) -> tuple[int, int]:
    """Return `(2, 4)` for `2/4`; raise `UsageError` for what is no shard."""
    match = _SHARD.fullmatch(text)
    number, count = (int(match.group(1)), int(match.group(2))) if match else (0, 0)
    if not 1 <= number <= count:
        raise UsageError(f"`{text}` is no shard", hint="write NUMBER/COUNT, for example 1/4 up to 4/4")
    return number, count


def read(file: Path) -> Spec:
    """Return the matrix in `file`; raise `UsageError` for one that cannot be read or makes no sense."""
    try:
        with file.open("rb") as handle:
            data = handle.read(LARGEST_FILE + 1)
        if len(data) > LARGEST_FILE:
            raise UsageError(f"{file} is larger than {LARGEST_FILE >> 20} MiB", hint="name a matrix file")
        content = tomllib.loads(data.decode("utf-8"))
        _refuse_nul(content)
    except OSError as error:
        raise UsageError(
            f"{file} cannot be read: {error.strerror}", hint="name a matrix file (--spec FILE)"
        ) from error
    except RecursionError as error:
        raise UsageError(f"{file} is nested too deeply", hint="correct the file") from error
    except ValueError as error:  # what tomllib finds wrong, and what is no UTF-8
        raise UsageError(f"{file} is not valid TOML: {error}", hint="correct the line") from error
    return _Reader(file, content).spec()


def _refuse_nul(content: object) -> None:
    """Raise `ValueError` for a NUL in any text: no path, argument or attribute can hold one."""
    if isinstance(content, str) and "\0" in content:
        raise ValueError("a text holds a NUL character")
    for item in (
        content.items() if isinstance(content, dict) else content if isinstance(content, list) else ()
    ):
        for part in item if isinstance(item, tuple) else (item,):
            _refuse_nul(part)


class _Reader:
    """Checks the content of one file, piece by piece."""

    def __init__(self, file: Path, content: dict[str, Any]) -> None:
        self.file = file
        self.content = content

    def wrong(self, what: str, hint: str) -> UsageError:
        return UsageError(f"{self.file}: {what}", hint=hint)

    def spec(self) -> Spec:
        known = {"trees", "toolchains", "sets", "matrix", "smoke", "expect"}
        unknown = sorted(set(self.content) - known)
        if unknown:
            raise self.wrong(
                f"unknown tables: {', '.join(unknown)}", f"known tables: {', '.join(sorted(known))}"
            )
        trees = {name: self.tree(name, entry) for name, entry in self.tables("trees").items()}
        toolchains = {name: self.toolchain(name, entry) for name, entry in self.tables("toolchains").items()}
        sets = {name: self.words(f"sets.{name}", value) for name, value in self.table("sets").items()}
        cells = self.cells(trees, toolchains, sets)
        attributes = {cell.attribute for cell in cells}
        smoke = {name: self.smoke(name, entry) for name, entry in self.tables("smoke").items()}
        for name in sorted(set(smoke) - attributes):
            raise self.wrong(f"smoke.{name} is for no attribute of any set", "correct the name")
        expectations = tuple(self.expectation(*item) for item in self.table("expect").items())
        for item in expectations:
            if not any(fnmatchcase(cell.name, item.cells) for cell in cells):
                raise self.wrong(
                    f"the expectation for `{item.cells}` is for no cell",
                    "write tree/toolchain/attribute; `*` stands for anything",
                )
        facts = [
            [asdict(tree) for tree in trees.values()],
            toolchains,
            [cell.name for cell in cells],
            {name: asdict(item) for name, item in smoke.items()},
        ]
        digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
        return Spec(trees, toolchains, cells, smoke, expectations, digest)

    def table(self, name: str) -> dict[str, Any]:
        value = self.content.get(name, {})
        if not isinstance(value, dict):
            raise self.wrong(f"`{name}` is no table", f"write [{name}]")
        return value

    def tables(self, name: str) -> dict[str, dict[str, Any]]:
        found = self.table(name)
        for key, entry in found.items():
            if not isinstance(entry, dict):
                raise self.wrong(f"{name}.{key} is no table", f"write [{name}.{key}]")
            if name != "smoke" and not _NAME.fullmatch(key):
                raise self.wrong(f"`{key}` is no name in {name}", "use letters, digits and . _ + -")
        if name in ("trees", "toolchains") and not found:
            raise self.wrong(f"there are no {name}", f"add a table [{name}.NAME]")
        return found

    def fields(self, where: str, entry: dict[str, Any], known: Mapping[str, type]) -> None:
        for key, value in entry.items():
            if key not in known:
                raise self.wrong(f"{where} has an unknown field `{key}`", f"known: {', '.join(known)}")
            kind = known[key]
            if (kind is not bool and isinstance(value, bool)) or not isinstance(
                value, (int, float) if kind is float else kind
            ):
                raise self.wrong(f"{where}.{key} is no {kind.__name__}", "correct the value")

    def words(self, where: str, value: Any) -> tuple[str, ...]:  # noqa: ANN401  (whatever TOML holds)
        if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
            raise self.wrong(f"{where} is no list of texts", 'write ["hello", "nginx"]')
        return tuple(dict.fromkeys(value))

    def tree(self, name: str, entry: dict[str, Any]) -> Tree:
        where = f"trees.{name}"
        kinds = {
            "nixpkgs": str,
            "bootstrap": str,
            "seed-sources": bool,
            "seed-suites": list,
            "overlays": list,
        }
        self.fields(where, entry, kinds)
        if not entry.get("nixpkgs"):
            raise self.wrong(f"{where} has no nixpkgs", 'add nixpkgs = "embedded", a folder or a revision')
        if entry.get("bootstrap", "host") not in ("host", "nixpkgs"):
            raise self.wrong(f"{where}.bootstrap is neither `nixpkgs` nor `host`", "choose one of them")
        suites = self.words(f"{where}.seed-suites", entry.get("seed-suites", []))
        seed = entry.get("seed-sources", bool(suites))
        overlays = self.words(f"{where}.overlays", entry.get("overlays", []))
        places = tuple(self.relative(place) for place in overlays)
        return Tree(name, self.relative(entry["nixpkgs"]), entry.get("bootstrap"), seed, suites, places)

    def toolchain(self, name: str, entry: dict[str, Any]) -> str:
        self.fields(f"toolchains.{name}", entry, {"toolchain": str})
        return self.relative(entry.get("toolchain", name))

    def relative(self, value: str) -> str:
        """Return a path that begins with a dot as seen from the file's folder."""
        return str((self.file.parent / value).resolve()) if value.startswith(("./", "../")) else value

    def cells(
        self,
        trees: Mapping[str, Tree],
        toolchains: Mapping[str, str],
        sets: Mapping[str, tuple[str, ...]],
    ) -> tuple[Cell, ...]:
        from filcross.nix.evaluate import check_attributes

        rows = self.content.get("matrix", [{}])
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise self.wrong("`matrix` is no list of tables", "write [[matrix]]")
        cells: dict[Cell, None] = {}
        for number, row in enumerate(rows, start=1):
            where = f"matrix {number}"
            self.fields(where, row, {"trees": list, "toolchains": list, "sets": list, "attributes": list})
            chosen = [
                self.known(f"{where}.{key}", row.get(key, list(names)), names)
                for key, names in (("trees", trees), ("toolchains", toolchains))
            ]
            given = self.words(f"{where}.attributes", row.get("attributes", []))
            wanted = self.known(f"{where}.sets", row.get("sets", [] if given else list(sets)), sets)
            attributes = list(dict.fromkeys([*(name for key in wanted for name in sets[key]), *given]))
            check_attributes(attributes)
            for tree in chosen[0]:
                for toolchain in chosen[1]:
                    cells |= dict.fromkeys(Cell(tree, toolchain, name) for name in attributes)
        if not cells:
            raise self.wrong("there is nothing to do", 'add a set of attributes: [sets] base = ["hello"]')
        return tuple(cells)

    def known(self, where: str, value: Any, names: Mapping[str, object]) -> Sequence[str]:  # noqa: ANN401
        words = self.words(where, value)
        for word in words:
            if word not in names:
                raise self.wrong(f"{where} names `{word}`, which is nowhere", f"known: {', '.join(names)}")
        return words

    def smoke(self, name: str, entry: dict[str, Any]) -> Smoke:
        where = f"smoke.{name}"
        kinds = {
            "run": list,
            "serve": list,
            "get": str,
            "prints": str,
            "stdin": str,
            "status": int,
            "seconds": float,
            "files": dict,
        }
        self.fields(where, entry, kinds)
        run, serve = (self.command(f"{where}.{key}", entry.get(key, [])) for key in ("run", "serve"))
        if bool(run) == bool(serve):
            raise self.wrong(f"{where} has not one of `run` and `serve`", 'add run = ["bin/hello"]')
        if bool(serve) != bool(entry.get("get")):
            raise self.wrong(f"{where}: `serve` and `get` belong together", "add the other, or remove it")
        program = (run or serve)[0]
        if not program.startswith("@") and not _is_below(program):
            raise self.wrong(f"{where}: `{program}` is not below the output", 'write ["bin/hello"]')
        if serve and not str(entry["get"]).startswith(("http://", "https://")):
            raise self.wrong(f"{where}.get is no address", 'write get = "http://127.0.0.1:@port@/"')
        if not 0 < entry.get("seconds", SMOKE_SECONDS) <= LONGEST_SMOKE:
            raise self.wrong(f"{where}.seconds is not above 0 and at most {LONGEST_SMOKE:g}", "correct it")
        files = entry.get("files", {})
        folders = {str(parent) for path in files for parent in Path(path).parents}
        for path, text in files.items():
            if not isinstance(text, str) or not _is_below(path) or str(Path(path)) in folders:
                raise self.wrong(f"{where}.files.{path} is no text below the folder", "correct it")
        rest = {key: entry[key] for key in ("get", "prints", "stdin", "status", "seconds") if key in entry}
        return Smoke(run=run, serve=serve, files=files, **rest)

    def command(self, where: str, value: Any) -> tuple[str, ...]:  # noqa: ANN401
        if not all(isinstance(item, str) for item in value):
            raise self.wrong(f"{where} is no list of texts", 'write ["bin/hello", "--version"]')
        return tuple(value)

    def expectation(self, cells: str, text: Any) -> Expectation:  # noqa: ANN401
        form = 'write "fails: REASON, LINK, YYYY-MM-DD" (link and date may be left out)'
        if not isinstance(text, str) or not text.startswith(_FAILS):
            raise self.wrong(f"the expectation for `{cells}` does not begin with `{_FAILS}`", form)
        parts = [part.strip() for part in text.removeprefix(_FAILS).split(",")]
        until, link = None, ""
        if re.fullmatch(r"\d{4}-\d\d-\d\d", parts[-1]):
            try:
                until = date.fromisoformat(parts.pop())
            except ValueError as error:
                raise self.wrong(f"the expectation for `{cells}` has a date that is none", form) from error
        if parts and "://" in parts[-1]:
            link = parts.pop()
        reason = ", ".join(part for part in parts if part)
        if not reason:
            raise self.wrong(f"the expectation for `{cells}` has no reason", form)
        return Expectation(cells, reason, link, until)


def _is_below(path: str) -> bool:
    """Return whether a path names something below the folder that it is relative to."""
    parts = Path(path).parts
    return bool(parts) and ".." not in parts and not Path(path).is_absolute()
