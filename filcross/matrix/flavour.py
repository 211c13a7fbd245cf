"""Compare what a tree decides for Fil-C with what it decides for the platform of the same libc flavour.

A Fil-C whose libc is a musl should get what musl platforms get, one whose libc is a glibc what gnu
platforms get.
Every element in which the two differ (an input, a flag, a line of a phase) needs a rule with a reason.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from filcross.nix.sweep import Answer

REFERENCES = {"musl": "x86_64-unknown-linux-musl", "glibc": "x86_64-pc-linux-gnu"}
"""The platform of each flavour. (`pc`: trees since 2023 take `x86_64-unknown-linux-gnu` for the build machine
itself, and native packages are decided about differently from cross-compiled ones.)"""

_STORE_PATH = re.compile(r"/nix/store/[0-9a-z]{32}-")


@dataclass(frozen=True, slots=True)
class Name:
    """A spelling (`pattern`) of something that has the same place on both sides, called `name`."""

    pattern: re.Pattern[str]
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Rule:
    """Why elements may differ: those that match `element`, of attributes and packages that match."""

    package: re.Pattern[str]
    attribute: re.Pattern[str]
    element: re.Pattern[str]
    flavour: str
    reason: str

    def explains(self, flavour: str, package: str, attribute: str, element: str) -> bool:
        """Say whether this is the reason for `element`; its first character is `+` (only Fil-C) or `-`."""
        return (
            self.flavour in {"", flavour}
            and self.package.fullmatch(package) is not None
            and self.attribute.fullmatch(attribute) is not None
            and self.element.fullmatch(element) is not None
        )


@dataclass(frozen=True, slots=True)
class Rules:
    """The data file: names that mean the same, and reasons for differences."""

    names: tuple[Name, ...]
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """One element that only one side has: `+` Fil-C, `-` the reference (`reason` None: unexplained)."""

    package: str
    attribute: str
    element: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """The result for one flavour: packages that have a derivation on either side, and where they differ."""

    flavour: str
    compared: int
    differences: tuple[Difference, ...]

    @property
    def differing(self) -> frozenset[str]:
        """The packages that differ in anything."""
        return frozenset(item.package for item in self.differences)

    @property
    def unexplained(self) -> tuple[Difference, ...]:
        """The differences that no rule explains: the result, if there are any."""
        return tuple(item for item in self.differences if item.reason is None)


def load_rules(file: Path) -> Rules:
    """Read a rule file (see `filcross/data/flavour-differences.toml`)."""
    data = tomllib.loads(file.read_text(encoding="utf-8"))
    return Rules(
        tuple(Name(re.compile(item["pattern"]), item["name"], item["reason"]) for item in data["name"]),
        tuple(
            Rule(
                re.compile(item.get("package", ".*")),
                re.compile(item.get("attribute", ".*")),
                re.compile(item.get("element", ".*"), re.DOTALL),
                item.get("flavour", ""),
                item["reason"],
            )
            for item in data["difference"]
        ),
    )


def compare(
    flavour: str,
    reference: Mapping[str, Answer],
    filc: Mapping[str, Answer],
    *,
    tree: Path,
    rules: Rules,
) -> Comparison:
    """Compare the answers of the same packages of `tree` for the reference platform and for Fil-C."""
    differences: list[Difference] = []
    compared = 0
    for package, ordinary in reference.items():
        ours = filc[package]
        if "derivation" not in {ordinary.outcome, ours.outcome}:
            continue
        compared += 1
        for attribute, element in sorted(_differences(ordinary, ours, tree, rules)):
            reason = next(
                (rule.reason for rule in rules.rules if rule.explains(flavour, package, attribute, element)),
                None,
            )
            differences.append(Difference(package, attribute, element, reason))
    return Comparison(flavour, compared, tuple(differences))


def _differences(ordinary: Answer, ours: Answer, tree: Path, rules: Rules) -> Iterator[tuple[str, str]]:
    if ordinary.outcome != ours.outcome:
        for sign, answer in (("-", ordinary), ("+", ours)):
            message = _normalise(answer.message, tree, rules)
            yield "outcome", f"{sign}{answer.outcome}: {message}".rstrip(": ")
        return
    before, after = ordinary.decisions, ours.decisions
    for attribute in before.keys() | after.keys():
        one = Counter(_elements(before.get(attribute), tree, rules))
        other = Counter(_elements(after.get(attribute), tree, rules))
        for element in one - other:
            yield attribute, f"-{element}"
        for element in other - one:
            yield attribute, f"+{element}"


def _elements(value: Any, tree: Path, rules: Rules) -> Iterator[str]:  # noqa: ANN401  (what a derivation holds)
    """Split a value into what is compared: list elements, lines of scripts, words of flags."""
    if value is None or value is False:
        return
    if isinstance(value, list):
        for item in value:
            yield from _elements(item, tree, rules)
    elif isinstance(value, dict):
        for key, item in value.items():
            for element in _elements(item, tree, rules):
                yield f"{key}={element}"
    elif value is True:
        yield "true"
    else:
        text = _normalise(str(value), tree, rules)
        parts = text.split("\n") if "\n" in text else text.split()
        yield from (part.strip() for part in parts if part.strip())


def _normalise(text: str, tree: Path, rules: Rules) -> str:
    text = _STORE_PATH.sub("", text).replace(f"{tree}/", "")
    for name in rules.names:
        text = name.pattern.sub(name.name, text)
    return text
