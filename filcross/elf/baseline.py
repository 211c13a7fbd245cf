"""Baselines: the ordinary names that a healthy Fil-C file may hold, and who brings each.

A toolchain has a baseline of its own where its proof programs were compiled (`filcross.toolchain.proof`).
For any other, and for kinds of files that no proof program is, there is a built-in one
(`filcross/data/ordinary_names.toml`), which shows less. What the linker makes is in every baseline.
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from filcross import resources

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

SCHEMA_VERSION = 2
KINDS = frozenset({"executable", "library", "static", "object", "core", "other"})


class Rule(NamedTuple):
    """One allowance: `side` is `define`, `import` or `any`, no `kinds` means all of them.

    `data_only` says that a function of the name is not allowed.
    """

    side: str
    kinds: frozenset[str]
    data_only: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Baseline:
    """Rules by name; `files` are the source files that start-up objects leave in a symbol table.

    `measured` are the kinds of files for which a toolchain itself said what is ordinary.
    """

    entries: dict[bytes, tuple[Rule, ...]]
    files: frozenset[bytes]
    measured: frozenset[str] = frozenset()

    def allows(self, name: bytes, *, defined: bool, kind: str, code: bool) -> bool:
        """Return whether a file of `kind` may define (or import) `name` (as a function if `code`)."""
        return self.rule(name, defined=defined, kind=kind, code=code) is not None

    def rule(self, name: bytes, *, defined: bool, kind: str, code: bool) -> Rule | None:
        """Return the rule by which a name is allowed, `None` where it is not; arguments as for `allows`."""
        for rule in self.entries.get(name, ()):
            side, kinds, data_only, _ = rule
            if side not in ("any", "define" if defined else "import"):
                continue
            if kinds and kind not in kinds:
                continue
            if data_only and code:
                continue
            return rule
        return None


@cache
def built_in() -> Baseline:
    """Return the built-in baseline."""
    content = _table()
    rules = ((name, rule) for group in content["group"] for name, rule in _group(group))
    return Baseline(_merged(rules), frozenset(name.encode() for name in content["files"]["names"]))


def measured(content: dict[str, Any]) -> Baseline | None:
    """Return the baseline in what `proof.baseline` made, completed; `None` for another version of it.

    Raises `KeyError`, `TypeError` or `ValueError` for something else.
    """
    if content["schema_version"] != SCHEMA_VERSION:
        return None
    kinds = frozenset(str(file["kind"]) for file in content["files"].values())
    rules = [
        (
            name.encode(),
            Rule(side, frozenset({str(file["kind"])}), not fact["code"] and side == "define", why),
        )
        for what, file in content["files"].items()
        for side, part in (("define", "defines"), ("import", "imports"), ("define", "locals"))
        for name, fact in file[part].items()
        for why in (f"in the toolchain's own proof ({what}) it comes from {fact['from']}",)
    ]
    others = KINDS - kinds
    for group in _table()["group"]:
        for name, rule in _group(group):
            if group.get("by") == "linker":
                rules.append((name, rule))
            elif (rule.kinds or KINDS) & others:
                rules.append((name, rule._replace(kinds=(rule.kinds or KINDS) & others)))
    return Baseline(_merged(rules), built_in().files, kinds)


def read(file: Path) -> Baseline | None:
    """Return the baseline of a toolchain from its file, `None` where it cannot be used."""
    try:
        return measured(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def combined(baselines: Iterable[Baseline | None]) -> Baseline:
    """Return what any of some toolchains allows; one without a baseline of its own has the built-in one."""
    chosen = [item or built_in() for item in baselines] or [built_in()]
    if len(chosen) == 1:
        return chosen[0]
    rules = ((name, rule) for item in chosen for name, entry in item.entries.items() for rule in entry)
    kinds = frozenset.intersection(*(item.measured for item in chosen))
    return Baseline(_merged(rules), built_in().files, kinds)


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads((resources.data_dir() / "ordinary_names.toml").read_text(encoding="utf-8"))


def _group(group: dict[str, Any]) -> Iterator[tuple[bytes, Rule]]:
    rule = Rule(
        group["side"], frozenset(group.get("kinds", ())), group.get("type") == "data", group["reason"]
    )
    for name in group["names"]:
        yield name.encode(), rule


def _merged(rules: Iterable[tuple[bytes, Rule]]) -> dict[bytes, tuple[Rule, ...]]:
    found: dict[bytes, dict[Rule, None]] = {}
    for name, rule in rules:
        found.setdefault(name, {})[rule] = None
    return {name: tuple(entry) for name, entry in found.items()}
