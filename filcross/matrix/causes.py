"""Whose fault a failure is, by the rules of `filcross/data/causes.toml`."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from filcross import resources
from filcross.errors import BuildFailedError, MissingRequirementError, NothingToJudgeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from filcross.errors import FilcrossError

UNKNOWN = "unknown"
FILC_SIDE = "x86_64-unknown-linux-filc"
CAUSES = ("source", "simulator", "bootstrap", "overlay", "package", "machine", "tree", "language", UNKNOWN)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a failure.

    `stage` is where it happened, `name` the name of the derivation that failed (empty: none), `text` its
    message and the end of its log, `fixed_output` whether a source was to be fetched.
    """

    stage: str
    name: str = ""
    text: str = ""
    fixed_output: bool = False
    simulated: bool = False

    @property
    def side(self) -> str:
        """`filc` for a derivation of the Fil-C platform, else `build`; cross packages carry its name."""
        return "filc" if FILC_SIDE in self.name or not self.name else "build"


@dataclass(frozen=True, slots=True)
class Cause:
    """Whose fault it is, and why in a sentence."""

    kind: str
    why: str


def classify(evidence: Evidence) -> Cause:
    """Return the cause of a failure: that of the first rule that fits, else `unknown`."""
    for rule in _rules():
        if _fits(rule, evidence):
            return Cause(rule["cause"], rule["why"])
    return Cause(UNKNOWN, "no rule says whose fault it is")


def of_error(error: FilcrossError) -> str:
    """Return whose fault it is that an output could not be judged."""
    if error.exit_code == MissingRequirementError.exit_code:
        return "machine"
    return "overlay" if isinstance(error, (BuildFailedError, NothingToJudgeError)) else UNKNOWN


@cache
def _rules() -> Sequence[dict[str, Any]]:
    text = (resources.data_dir() / "causes.toml").read_text(encoding="utf-8")
    rules: list[dict[str, Any]] = tomllib.loads(text)["rule"]
    return rules


def _fits(rule: dict[str, Any], evidence: Evidence) -> bool:
    same = {"side": evidence.side, "fixed": evidence.fixed_output, "simulated": evidence.simulated}
    searched = {"stage": evidence.stage, "name": evidence.name, "text": evidence.text}
    return all(rule.get(key, value) == value for key, value in same.items()) and all(
        re.search(rule[key], text) for key, text in searched.items() if key in rule
    )
