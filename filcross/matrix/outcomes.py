"""From results to outcomes: what a cell's result means, given what was expected and what was before.

Outcomes are worked out whenever they are shown, from the ledger alone, so merged ledgers need no care.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from filcross.matrix.ledger import BLOCKED, FAIL, PASS, SKIPPED, Ledger, Result, Run

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

EXPECTED, REGRESSION, FIXED, FLAKY, NOT_RUN = (
    "expected failure",
    "regression",
    "newly fixed",
    "flaky",
    "not run",
)
OUTCOMES = (REGRESSION, FLAKY, FAIL, BLOCKED, FIXED, EXPECTED, PASS, SKIPPED, NOT_RUN)
"""All outcomes, those first that somebody should look at."""

GOOD = frozenset({PASS, FIXED})


@dataclass(frozen=True, slots=True)
class CellOutcome:
    """A cell of a run: its outcome, its result (`None`: not run), and the one of the run before.

    The result is that of the last attempt; where one of several passed, of the last that did not.
    """

    cell: str
    outcome: str
    result: Result | None
    before: Result | None


def of_run(ledger: Ledger, run: Run, *, details: bool = False) -> tuple[CellOutcome, ...]:
    """Return the outcome of every cell that `run` means to do, in the order of their names.

    Results have their details only if `details` are asked for, and those before never.
    """
    earlier = [item for item in ledger.runs() if item.started < run.started]
    before: dict[str, Result] = {}
    for item in earlier:
        before |= last_results(ledger.results(item.name, details=False))
    return _of_results(ledger, run, ledger.results(run.name, details=details), before)


def of_runs(ledger: Ledger) -> Iterator[tuple[Run, tuple[CellOutcome, ...]]]:
    """Yield every run, the oldest first, with its outcomes; each result is read once, without its details."""
    before: dict[str, Result] = {}
    for run in ledger.runs():
        results = ledger.results(run.name, details=False)
        yield run, _of_results(ledger, run, results, before)
        before |= last_results(results)


def _of_results(
    ledger: Ledger, run: Run, results: Iterable[Result], before: Mapping[str, Result]
) -> tuple[CellOutcome, ...]:
    attempts: dict[str, list[Result]] = {}
    for result in results:
        attempts.setdefault(result.cell, []).append(result)
    cells = dict.fromkeys([*ledger.planned(run), *attempts])
    return tuple(
        CellOutcome(
            cell,
            judge(attempts.get(cell, ()), before.get(cell)),
            _telling(attempts.get(cell, ())),
            before.get(cell),
        )
        for cell in sorted(cells)
    )


def _telling(attempts: Sequence[Result]) -> Result | None:
    """Return the result that tells why a cell is not good, or the last one."""
    failed = [result for result in attempts if result.status in {FAIL, BLOCKED}]
    return (failed or attempts)[-1] if attempts else None


def last_results(results: Iterable[Result]) -> dict[str, Result]:
    """Return the last result of each cell that tells something (not `skipped`)."""
    return {result.cell: result for result in results if result.status != SKIPPED}


def judge(attempts: Sequence[Result], before: Result | None) -> str:
    """Return the outcome of a cell with the results `attempts` (in order) and the one `before` them."""
    if not attempts:
        return NOT_RUN
    last, statuses = attempts[-1], {result.status for result in attempts}
    if PASS in statuses and statuses & {FAIL, BLOCKED}:
        return FLAKY
    if last.status == PASS:
        return FIXED if last.expected or (before is not None and before.status != PASS) else PASS
    if last.status == SKIPPED:
        return SKIPPED
    worse = before is not None and before.status == PASS
    return EXPECTED if last.expected else REGRESSION if worse else last.status


def counts(outcomes: Iterable[CellOutcome]) -> Mapping[str, int]:
    """Return how many cells have each outcome; outcomes that none has are left out."""
    found = [item.outcome for item in outcomes]
    return {outcome: found.count(outcome) for outcome in OUTCOMES if outcome in found}
