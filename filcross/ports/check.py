"""What the ports do on one tree: which apply, which are for other versions, which fail to evaluate.

Every package that a port is for is evaluated for Fil-C, once with its port and once without, in the same
package set: so a difference is the port's own, not one of the packages below it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from filcross import process
from filcross.nix import sweep
from filcross.nix.evaluate import entry_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from filcross.nix.sweep import Answer, Question
    from filcross.ports.schema import Port

APPLIES = "applies"
REDUNDANT = "redundant"
NOTHING = "nothing to change"
OTHER_VERSION = "other version"
LACKING = "not in the tree"
TREE_FAILS = "tree fails"
FAILS = "fails"
# From what is best to what is worst.
STATES = (APPLIES, REDUNDANT, NOTHING, OTHER_VERSION, LACKING, TREE_FAILS, FAILS)
_NAMES_TIMEOUT = 1800.0


@dataclass(frozen=True, slots=True)
class Finding:
    """What one port does to one package of the tree.

    `version` is the tree's, `pinned` the version of the port's pin if that takes its place. `applied` are
    lines about what changes, `stale` the patches that are for other versions, `missing` the arguments and
    packages that the port names and the tree does not have. `message` says why an evaluation failed, or why a
    build is known to fail.
    """

    port: str
    attribute: str
    state: str
    version: str = ""
    pinned: str = ""
    applied: tuple[str, ...] = ()
    stale: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    message: str = ""


def attribute_names(question: Question) -> frozenset[str]:
    """Return the names of the packages that the tree has for Fil-C.

    Raises `process.ProcessFailedError` for a tree that does not evaluate.
    """
    argv = [question.instantiate, "--eval", "--strict", "--json", "--readonly-mode", str(entry_file())]
    argv += ["-A", "attributeNames", "--argstr", "tree", str(question.tree)]
    argv += ["--argstr", "overlay", str(question.overlay)]
    done = process.run(argv, env=question.environment, timeout=_NAMES_TIMEOUT)
    return frozenset(json.loads(done.stdout))


def check(
    question: Question,
    ports: Iterable[Port],
    *,
    plain: Path,
    jobs: int = 2,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[Finding]:
    """Return a finding for each package of each of `ports`.

    `question` names the patched tree and an overlay with these ports, `plain` an overlay of the same
    toolchain without ports, by which failures of the tree itself are told apart. `on_progress` gets the
    number of packages evaluated and of all. Raises `process.ProcessFailedError` for a tree that does not
    evaluate at all.
    """
    pairs = [(port, attribute) for port in ports for attribute in port.attributes]
    there = attribute_names(question)
    asked = [attribute for _, attribute in pairs if attribute in there]
    answers = _survey(question, asked, jobs, on_progress)
    lost = [name for name, answer in answers.items() if answer.outcome in {"refused", "fatal"}]
    # One process each: packages that a tree lacks the parts of die of the same, one after the other.
    alone = sweep.explain(replace(question, overlay=plain), lost, jobs=jobs)
    return [
        Finding(port.name, attribute, LACKING)
        if attribute not in answers
        else _finding(port, attribute, answers[attribute], alone.get(attribute))
        for port, attribute in pairs
    ]


def _survey(
    question: Question,
    names: Sequence[str],
    jobs: int,
    on_progress: Callable[[int, int], None] | None,
) -> dict[str, Answer]:
    def note(count: int) -> None:
        if on_progress is not None:
            on_progress(count, len(names))

    return sweep.sweep(question, names, only="port", jobs=jobs, on_progress=note, give_up=False)


def _finding(port: Port, attribute: str, answer: Answer, alone: Answer | None) -> Finding:
    if answer.outcome == "none":
        return Finding(port.name, attribute, LACKING, message="it is no package there")
    if answer.outcome != "derivation":
        if alone is not None and alone.outcome != "derivation":
            return Finding(port.name, attribute, TREE_FAILS, message=alone.message or "the tree refuses it")
        why = answer.message or (f"refused: {port.broken}" if port.refuse else "it is refused with its port")
        return Finding(port.name, attribute, FAILS, message=why)
    said = answer.decisions
    if "name" not in said:
        return Finding(port.name, attribute, NOTHING, message="it is not made by mkDerivation")
    return Finding(
        port=port.name,
        attribute=attribute,
        state=_state(port, said),
        version=said["version"],
        pinned=port.pin.version if port.pin is not None and said["pinned"] else "",
        applied=tuple(
            line
            for change, applies in zip(port.changes, said["applies"], strict=True)
            if applies
            for line in change.describe()
        ),
        stale=tuple(
            f"{patch.name} is for {change.versions.text if change.versions else 'other versions'}"
            for change, applies in zip(port.changes, said["applies"], strict=True)
            if not applies
            for patch in change.patches
        ),
        missing=tuple(said["missing"]),
        message=f"known not to build: {port.broken}" if port.broken else "",
    )


def _state(port: Port, said: Mapping[str, Any]) -> str:
    if said["derivation"] != said["without"]:
        return APPLIES
    if any(said["applies"]):
        return REDUNDANT
    return OTHER_VERSION if port.changes else NOTHING
