"""Compare two runs cell by cell, and follow one attribute through all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from filcross.matrix.ledger import FAIL, PASS, SKIPPED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from filcross.matrix.ledger import Ledger, Result, Run

WORSE, BETTER, OTHERWISE, NEW, GONE, SAME = (
    "regression",
    "newly fixed",
    "fails otherwise",
    "new",
    "gone",
    "unchanged",
)
KINDS = (WORSE, OTHERWISE, GONE, BETTER, NEW, SAME)
"""The kinds of change, those first that somebody should look at."""

_SHOWN_EVIDENCE = 5


@dataclass(frozen=True, slots=True)
class Change:
    """A cell in two runs: the kind of change, both results (`None`: not there), and why, in sentences."""

    cell: str
    kind: str
    before: Result | None
    after: Result | None
    why: tuple[str, ...]


def diff(ledger: Ledger, before: Run, after: Run) -> tuple[Change, ...]:
    """Return every cell of the two runs with what changed, the kinds in the order of `KINDS`."""
    old = {result.cell: result for result in ledger.results(before.name)}
    new = {result.cell: result for result in ledger.results(after.name)}
    changes = [_change(cell, old.get(cell), new.get(cell)) for cell in sorted({*old, *new})]
    return tuple(sorted(changes, key=lambda item: KINDS.index(item.kind)))


def change(before: Result, after: Result) -> Change:
    """Return what changed between two results of one cell."""
    return _change(after.cell, before, after)


def _change(cell: str, before: Result | None, after: Result | None) -> Change:
    kind = _kind(before, after)
    why: list[str] = []
    if after is not None and kind not in (SAME, GONE, BETTER):
        why += reasons(after)
    if before is not None and after is not None and kind != SAME:
        why += _new_findings(before, after)
        why += _moved(before, after)
    return Change(cell, kind, before, after, tuple(dict.fromkeys(why)))


def _kind(before: Result | None, after: Result | None) -> str:
    if before is None or after is None:
        return NEW if before is None else GONE
    if (before.status == PASS) != (after.status == PASS):
        return (
            WORSE
            if before.status == PASS and after.status != SKIPPED
            else BETTER
            if after.status == PASS
            else GONE
        )
    same = before.status == PASS or _failure(before) == _failure(after)
    return SAME if same else OTHERWISE


def _failure(result: Result) -> tuple[str, ...]:
    """Return what tells one failure from another, without store hashes, which change with everything."""
    culprit = result.culprit.rsplit("/", maxsplit=1)[-1]
    return (result.status, result.stage, result.cause, culprit)


def reasons(result: Result) -> Iterator[str]:
    """Yield why a result is not `pass`, in sentences: what failed, whose fault it is, and the evidence."""
    if result.status == PASS:
        return
    where = f"{result.stage}: " if result.status == FAIL else f"{result.status} at {result.stage}: "
    culprit = f" [{result.culprit}]" if result.culprit else ""
    yield f"{where}{result.message}{culprit}"
    if result.cause:
        yield f"cause: {result.cause} ({result.details.get('why', '')})".replace(" ()", "")


def findings(result: Result) -> dict[tuple[str, str], str]:
    """Return the findings of a result's files that speak against them, by file (in its output) and code."""
    found = {}
    outputs = result.details.get("outputs", {}).values()
    for file in result.details.get("report", {}).get("files", []):
        name = file["path"]
        for output in outputs:
            name = name.removeprefix(f"{output}/")
        for finding in file["findings"]:
            if finding["severity"] in ("error", "unknown"):
                evidence = ", ".join(finding["evidence"][:_SHOWN_EVIDENCE])
                found[name, finding["code"]] = f"{finding['message']}{f': {evidence}' if evidence else ''}"
    return found


def _new_findings(before: Result, after: Result) -> Iterator[str]:
    known = findings(before)
    for (file, code), text in findings(after).items():
        if (file, code) not in known:
            yield f"new finding {code} in {file}: {text}"


def _moved(before: Result, after: Result) -> Iterator[str]:
    """Yield what of that which a result depends on has changed."""
    if before.revision != after.revision:
        yield f"the tree changed: {before.revision} -> {after.revision}"
    if before.tools != after.tools:
        yield f"the toolchain changed: {before.tools} -> {after.tools}"
    if before.derivation and before.derivation == after.derivation:
        yield "the derivation is the same: the machine, filcross or chance made the difference"
