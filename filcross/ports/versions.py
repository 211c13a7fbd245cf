"""Versions of packages, compared as Nix compares them, and ranges of them.

`10.3p1`, `1.1.1g` and `2.4pre1` are versions here, and Nix decides which is newer
(`builtins.compareVersions`, described in the Nix manual). filcross', Nix' and Fil-C's own versions are
another matter: they are read with `packaging`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from filcross.errors import UsageError

_COMPONENT = re.compile(r"[0-9]+|[^0-9.-]+")
_CONDITION = re.compile(r"\s*(?P<operator>>=|<=|!=|>|<|=|)\s*(?P<version>[A-Za-z0-9][A-Za-z0-9._+~-]*)\s*\Z")
_LARGEST = 2**31 - 1  # a longer run of digits is text for Nix


def compare(one: str, other: str) -> int:
    """Return -1, 0 or 1 as `one` is older than, as old as, or newer than `other`."""
    first, second = _COMPONENT.findall(one), _COMPONENT.findall(other)
    for number in range(max(len(first), len(second))):
        mine = first[number] if number < len(first) else ""
        theirs = second[number] if number < len(second) else ""
        if _older(mine, theirs):
            return -1
        if _older(theirs, mine):
            return 1
    return 0


def _older(one: str, other: str) -> bool:
    """Return whether a component is older than another: `pre` < nothing < text < number."""
    mine, theirs = _number(one), _number(other)
    if mine is not None and theirs is not None:
        return mine < theirs
    if not one and theirs is not None:
        return True
    if "pre" in (one, other):
        return one == "pre" and other != "pre"
    if theirs is not None:
        return True
    if mine is not None:
        return False
    return one.encode() < other.encode()


def _number(component: str) -> int | None:
    if not (component.isascii() and component.isdigit()):
        return None
    digits = component.lstrip("0") or "0"
    return int(digits) if len(digits) <= len(str(_LARGEST)) and int(digits) <= _LARGEST else None


@dataclass(frozen=True, slots=True)
class Range:
    """Versions for which all of `conditions` (operator, version) hold; `text` is how a person wrote it."""

    text: str
    conditions: tuple[tuple[str, str], ...]

    def holds(self, version: str) -> bool:
        """Return whether `version` is in the range."""
        return all(_holds(operator, compare(version, bound)) for operator, bound in self.conditions)


def _holds(operator: str, order: int) -> bool:
    return {
        "=": order == 0,
        "!=": order != 0,
        "<": order < 0,
        "<=": order <= 0,
        ">": order > 0,
        ">=": order >= 0,
    }[operator]


def parse_range(text: str) -> Range:
    """Return the range that `text` means: `1.3`, `>= 1.2, < 1.4`. Raises `UsageError` for anything else."""
    conditions = []
    for part in text.split(","):
        match = _CONDITION.match(part)
        if match is None:
            raise UsageError(
                f"`{text}` is not a range of versions",
                hint="write one version (1.3), or conditions that must all hold (>= 1.2, < 1.4)",
            )
        conditions.append((match["operator"] or "=", match["version"]))
    return Range(text, tuple(conditions))
