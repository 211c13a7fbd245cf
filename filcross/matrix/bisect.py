"""Find the revision of a tree, or the toolchain, with which an attribute began to fail.

The ledger is the memory: what it knows of a derivation is not built again, and a search that was cut short
goes on when it is started again.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from filcross import process
from filcross.errors import NothingToJudgeError, UsageError
from filcross.files import unfinished
from filcross.matrix.ledger import PASS, PASSING, SKIPPED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from filcross.matrix.ledger import Ledger, Result

GOOD, BAD, UNKNOWN = "good", "bad", "unknown"


@dataclass(frozen=True, slots=True)
class Step:
    """One candidate that was tried: its number in the row, its name, and `good`, `bad` or `unknown`."""

    number: int
    candidate: str
    answer: str


@dataclass(frozen=True, slots=True)
class Found:
    """The end of a search: the last good candidate, the first bad one, and what between tells nothing."""

    last_good: str
    first_bad: str
    between: tuple[str, ...]
    steps: tuple[Step, ...]


def search(candidates: Sequence[str], ask: Callable[[str], str], tell: Callable[[Step], None]) -> Found:
    """Search `candidates`, of which the first is good and the last bad, for the place where that changes.

    `ask` answers `good`, `bad` or `unknown` for one (both ends are asked first). Raises `UsageError` when an
    end is not what it should be, `NothingToJudgeError` when an end cannot be judged.
    """
    steps: list[Step] = []

    def answer(number: int) -> str:
        step = Step(number, candidates[number], ask(candidates[number]))
        steps.append(step)
        tell(step)
        return step.answer

    for number, wanted in ((len(candidates) - 1, BAD), (0, GOOD)):
        got = answer(number)
        if got == UNKNOWN:
            raise NothingToJudgeError(
                f"{candidates[number]} cannot be judged", hint="choose another end for the search"
            )
        if got != wanted:
            raise UsageError(
                f"{candidates[number]} is {got}, not {wanted}", hint="check --good and --bad, and their order"
            )
    good, bad = 0, len(candidates) - 1
    unknown: set[int] = set()
    while left := [number for number in range(good + 1, bad) if number not in unknown]:
        middle = min(left, key=lambda number: (abs(2 * number - good - bad), number))
        got = answer(middle)
        if got == GOOD:
            good = middle
        elif got == BAD:
            bad = middle
        else:
            unknown.add(middle)
    between = tuple(candidates[number] for number in range(good + 1, bad))
    return Found(candidates[good], candidates[bad], between, tuple(steps))


def answer_of(result: Result) -> str:
    """Return what a result says of a candidate: nothing, if the cause is one that may go away by itself."""
    if result.status == PASS:
        return GOOD
    return UNKNOWN if result.status == SKIPPED or result.cause in PASSING else BAD


def name_of(attribute: str, good: str, bad: str, facts: object) -> str:
    """Return the name under which the ledger remembers a search; `facts` (JSON) are what else decides."""
    digest = hashlib.sha256(json.dumps(facts).encode()).hexdigest()
    return f"bisect {attribute} {good}..{bad} {digest[:8]}"


def answer(ledger: Ledger, run: str, cell: str) -> str | None:
    """Return what the ledger says of the candidate `cell` in `run`; `None`: nothing."""
    results = [item for item in ledger.results(run, details=False) if item.cell == cell]
    return answer_of(results[-1]) if results else None


def trial(ledger: Ledger, name: str, cell: str) -> str:
    """Return the run in which to try `cell`: what could not be judged in one may be so in another."""
    while answer(ledger, name, cell) == UNKNOWN:
        name += "+"
    return name


def revisions(repository: Path, good: str, bad: str) -> list[str]:
    """Return the commits from `good` to `bad`, both included, along the first parents.

    Raises `UsageError` for a folder that is no repository and for commits of which the first does not come
    before the second.
    """
    ends = [_commit(repository, name) for name in (good, bad)]
    done = _git(repository, "rev-list", "--first-parent", "--reverse", f"{ends[0]}..{ends[1]}")
    found = done.split()
    before = _git(repository, "rev-list", "--first-parent", ends[1]).split()
    if ends[0] not in before or not found:
        raise UsageError(
            f"{good} does not come before {bad} along the first parents", hint=_order_hint(repository)
        )
    return [ends[0], *found]


def _order_hint(repository: Path) -> str:
    if _git(repository, "rev-parse", "--is-shallow-repository").strip() == "true":
        return "the checkout is shallow: git fetch --unshallow brings the commits in between"
    return "check their order"


class Export:
    """The files of commits, each in a folder below `parent` that is removed when the next is made."""

    def __init__(self, repository: Path, parent: Path) -> None:
        self._repository = repository
        self._parent = parent
        self._last = ExitStack()

    def of(self, commit: str) -> Path:
        """Return a folder with the files of `commit`."""
        self.close()
        self._parent.mkdir(parents=True, exist_ok=True)
        work = self._last.enter_context(unfinished(self._parent, "commit-"))
        archive, folder = work / "tar", work / "nixpkgs"
        folder.mkdir()
        _git(self._repository, "archive", "--format=tar", f"--output={archive}", commit)
        process.run(["tar", "-xf", archive, "-C", folder])
        archive.unlink()
        return folder

    def close(self) -> None:
        """Remove the folder that is there."""
        self._last.close()


def _commit(repository: Path, name: str) -> str:
    return _git(repository, "rev-parse", "--verify", "--end-of-options", f"{name}^{{commit}}").strip()


def _git(repository: Path, *arguments: str) -> str:
    try:
        return process.run(["git", "-C", repository, *arguments]).stdout
    except process.ProcessFailedError as error:
        reason = error.details[-1] if error.details else "git gave no reason"
        raise UsageError(f"{repository}: {reason}", hint="name a git checkout and its commits") from error
