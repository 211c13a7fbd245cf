"""A static site of one run: an overview, a page for each cell, JUnit, Markdown. It needs no network.

The folder is wholly old or wholly new at any moment, and a folder that filcross did not write is refused.
"""

from __future__ import annotations

import hashlib
import re
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filcross import resources
from filcross.errors import UsageError
from filcross.files import put, unfinished
from filcross.matrix import compare, outcomes
from filcross.matrix.ledger import BLOCKED, FAIL, PASS, SKIPPED
from filcross.report import junit, page, picture
from filcross.report.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from filcross.matrix.ledger import Ledger, Result, Run
    from filcross.matrix.outcomes import CellOutcome

MARK = ".filcross-site"
CHARTED_RUNS = 60
HEADINGS = ("outcome", "attribute", "tree", "toolchain", "stage", "cause", "message", "seconds")

_TONES = {
    outcomes.REGRESSION: "bad",
    outcomes.FLAKY: "warn",
    FAIL: "bad",
    BLOCKED: "warn",
    outcomes.FIXED: "good",
    outcomes.EXPECTED: "other",
    PASS: "good",
    SKIPPED: "plain",
    outcomes.NOT_RUN: "plain",
}
_LEFT, _RIGHT, _TOP, _BOTTOM, _WIDTH, _HEIGHT = 60, 20, 12, 12, 900, 180
_PICTURED = 300
_LONGEST_NAME = 150


def write(ledger: Ledger, run: Run, output: Path) -> list[Path]:
    """Write the site of `run` to the folder `output` and return the files that a CI wants to know of.

    Of a link, the folder that it leads to is replaced. Raises `UsageError` for a folder with something else
    in it.
    """
    output = output.resolve()
    if output.exists() and not (output / MARK).is_file() and (not output.is_dir() or any(output.iterdir())):
        raise UsageError(f"{output} holds something else", hint="name a new folder")
    output.parent.mkdir(parents=True, exist_ok=True)
    with unfinished(output.parent, f".{output.name}.filcross-") as work:
        fresh = work / "new"
        fresh.mkdir()
        for name, content in files(ledger, run).items():
            place = fresh / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(content, encoding="utf-8")
        (fresh / MARK).write_text("a site of `filcross matrix report`, replaced by the next one\n")
        put(fresh, output)
    return [output / name for name in ("index.html", "junit.xml", "summary.md")]


def files(ledger: Ledger, run: Run) -> Mapping[str, str]:
    """Return the text of every file of the site of `run`, by its name."""
    found = outcomes.of_run(ledger, run, details=True)
    order = sorted(found, key=lambda item: (outcomes.OUTCOMES.index(item.outcome), item.cell))
    made = {
        "index.html": _overview(ledger, run, order),
        "junit.xml": _junit(run, order),
        "summary.md": page.fill("matrix.md", **_common(run, order), worth=[_row(i) for i in _worth(order)]),
    }
    everything: dict[str, list[Result]] = {}
    for result in ledger.results(details=False):
        everything.setdefault(result.cell, []).append(result)
    for item in order:
        made[_page(item.cell)] = _cell(ledger, run, item, everything.get(item.cell, []))
    return made


def _page(cell: str) -> str:
    tree, toolchain, attribute = cell.split("/", maxsplit=2)
    name = re.sub(r"[^A-Za-z0-9._+-]", "_", attribute)[:_LONGEST_NAME]
    if name != attribute:  # others could be written like this one
        name += f"-{hashlib.sha256(attribute.encode()).hexdigest()[:12]}"
    return f"cells/{tree}/{toolchain}/{name}.html"


def _worth(found: Iterable[CellOutcome]) -> list[CellOutcome]:
    look = (outcomes.REGRESSION, outcomes.FLAKY, FAIL, BLOCKED, outcomes.FIXED)
    return [item for item in found if item.outcome in look]


def _common(run: Run, found: Sequence[CellOutcome]) -> dict[str, Any]:
    counts = outcomes.counts(found)
    regressions, left = counts.get(outcomes.REGRESSION, 0), counts.get(outcomes.NOT_RUN, 0)
    good, total = _passed(found)
    return {
        "run": run,
        "counts": counts,
        "tone": "bad" if regressions else "good" if good == total > 0 and not left else "warn",
        "answer": f"{good} of {total} cells pass"
        + (f"; {regressions} went from good to bad" if regressions else "; no regression")
        + (f"; {left} were not run." if left else "."),
        "simulated": any(item.result is not None and item.result.simulated for item in found),
    }


def _passed(found: Iterable[CellOutcome]) -> tuple[int, int]:
    """Return how many cells pass, of how many that were tried."""
    tried = [item for item in found if item.outcome not in (SKIPPED, outcomes.NOT_RUN)]
    return sum(item.outcome in outcomes.GOOD for item in tried), len(tried)


def _row(item: CellOutcome) -> dict[str, Any]:
    tree, toolchain, attribute = item.cell.split("/", maxsplit=2)
    result = item.result
    return {
        "cell": item.cell,
        "outcome": item.outcome,
        "rank": outcomes.OUTCOMES.index(item.outcome),
        "tone": _TONES[item.outcome],
        "page": _page(item.cell),
        "tree": tree,
        "toolchain": toolchain,
        "attribute": attribute,
        "stage": result.stage if result else "",
        "cause": result.cause if result else "",
        "message": result.message if result else "",
        "seconds": round(result.seconds, 1) if result else "",
    }


def _overview(ledger: Ledger, run: Run, found: Sequence[CellOutcome]) -> str:
    body = page.fill(
        "matrix.html",
        **_common(run, found),
        rows=[_row(item) for item in found],
        headings=HEADINGS,
        points=_points(ledger, run),
        chart={
            "width": _WIDTH,
            "height": _HEIGHT,
            "left": _LEFT,
            "right": _WIDTH - _RIGHT,
            "lines": [{"label": rate, "y": _y(rate)} for rate in (0, 50, 100)],
        },
    )
    script = (resources.data_dir() / "page" / "matrix.js").read_text(encoding="utf-8")
    return page.render(f"filcross matrix: {run.name}", body, script=script)


def _y(rate: float) -> float:
    return round(_HEIGHT - _BOTTOM - rate * (_HEIGHT - _TOP - _BOTTOM) / 100, 1)


def _points(ledger: Ledger, last: Run) -> list[dict[str, Any]]:
    """Return the points of the chart: the runs up to `last`."""
    charted = deque(
        (
            (run, _passed(found), any(item.outcome == outcomes.REGRESSION for item in found))
            for run, found in outcomes.of_runs(ledger)
            if run.started <= last.started
        ),
        maxlen=CHARTED_RUNS,
    )
    points = []
    step = (_WIDTH - _LEFT - _RIGHT) / max(1, len(charted) - 1)
    for number, (run, (good, total), worse) in enumerate(charted):
        rate = round(100 * good / total, 1) if total else 0.0
        points.append(
            {
                "name": run.name,
                "good": good,
                "total": total,
                "rate": rate,
                "x": round(_LEFT + number * step, 1),
                "y": _y(rate),
                "tone": "bad" if worse else "plain",
            }
        )
    return points


def _cell(ledger: Ledger, run: Run, item: CellOutcome, history: Sequence[Result]) -> str:
    from markupsafe import Markup

    result = item.result
    details: Mapping[str, Any] = result.details if result is not None else {}
    judged = details.get("report", {}).get("files", [])
    changes: tuple[str, ...] = ()
    if result is not None and item.before is not None:
        changes = compare.change(ledger.whole(item.before), result).why
    body = page.fill(
        "matrix-cell.html",
        run=run,
        up="../" * _page(item.cell).count("/"),
        tone=_TONES[item.outcome],
        outcome=item.outcome,
        message=result.message if result is not None else "",
        result=result,
        why=details.get("why", ""),
        changes=changes,
        log=[line.expandtabs() for line in details.get("log", [])],
        command=details.get("command", ""),
        files=sorted(judged, key=lambda file: (not file["findings"], file["path"])),
        picture=Markup(_picture(judged)),  # noqa: S704  (SVG of our own, with escaped texts)
        accepted=details.get("report", {}).get("accepted", 0),
        printed=[line.expandtabs() for line in details.get("printed", "").splitlines()],
        history=[
            past
            for past in history
            if past.run == run.name or past.at <= (result.at if result is not None else "~")
        ],
    )
    return page.render(item.cell, body)


def _picture(files: Sequence[Mapping[str, Any]]) -> str:
    """Return who loads whom among the files of a result, or an empty text where nobody loads anything."""
    nodes: dict[str, picture.Node] = {}
    edges: dict[tuple[str, str], None] = {}
    same = picture.links(file["path"] for file in files)
    for file in files:
        if not file["libraries"] and not file["loader"]:
            continue
        nodes[file["path"]] = _node(file["path"], file["verdict"])
        for library in file["libraries"]:
            path = library["path"] or library["name"]
            name = same.get(path, path)
            tone = library["verdict"] or ("unknown" if library["path"] else "missing")
            nodes.setdefault(name, _node(name, tone))
            needed_by = library["needed_by"] or file["path"]
            edges[same.get(needed_by, needed_by), name] = None
    if not edges or len(nodes) > _PICTURED:
        return ""
    known = [edge for edge in edges if edge[0] in nodes and edge[1] in nodes]
    return picture.draw(list(nodes.values()), known, description="Files and the libraries that they load")


def _node(path: str, tone: str) -> picture.Node:
    return picture.Node(path, printable(Path(path).name), tone, printable(path))


def _junit(run: Run, found: Sequence[CellOutcome]) -> str:
    return junit.document(
        "filcross matrix", [_case(item) for item in found], [("run", run.name), ("shard", run.shard)]
    )


def _case(item: CellOutcome) -> junit.Case:
    tree, toolchain, attribute = item.cell.split("/", maxsplit=2)
    group = f"{tree}.{toolchain}"
    result = item.result
    seconds = result.seconds if result is not None else 0.0
    if item.outcome in outcomes.GOOD:
        return junit.Case(attribute, group, seconds=seconds)
    if result is None or item.outcome in (SKIPPED, outcomes.EXPECTED):
        message = (result.expected or result.message) if result is not None else outcomes.NOT_RUN
        return junit.Case(attribute, group, "skipped", message=message, seconds=seconds)
    text = "\n".join([*compare.reasons(result), *result.details.get("log", [])])
    state = "error" if item.outcome == BLOCKED else "failure"
    return junit.Case(attribute, group, state, item.outcome, result.message, text, seconds)
