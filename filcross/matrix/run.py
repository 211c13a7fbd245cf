"""Run a matrix: every cell is patched, evaluated, built, judged, tried out, and written to the ledger.

What is known is not done again: a cell that this run has done already, a result with the same key (the same
derivation, smoke test and filcross), and a derivation that failed before. So a run that was killed goes on
where it was when it is started again.
"""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filcross import __version__, pipeline
from filcross.elf import waivers
from filcross.elf.verdict import GOOD, UNSEEN
from filcross.errors import FilcrossError
from filcross.matrix import causes, smoke
from filcross.matrix.ledger import (
    BLOCKED,
    FAIL,
    PASS,
    PASSING,
    SKIPPED,
    FailedDerivation,
    Ledger,
    Result,
    now,
)
from filcross.nix import build as nix_build
from filcross.nix import evaluate, graph, languages
from filcross.report import text as report_text
from filcross.report.json import render

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import date

    from filcross.config import Settings
    from filcross.elf.verdict import Report
    from filcross.elf.waivers import Waiver
    from filcross.matrix.ledger import Run
    from filcross.matrix.spec import Cell, Spec
    from filcross.nix.build import BuildResult, Watcher
    from filcross.nix.command import Nix
    from filcross.pipeline import Prepared

PREPARE, EVALUATE, BUILD, VERIFY, SMOKE = "prepare", "evaluate", "build", "verify", "smoke"
CHUNK = 50


@dataclass(frozen=True, slots=True)
class Options:
    """How to run: `jobs` cells side by side, `attempts` at what fails, `retry` of known results.

    After `deadline` (as `time.monotonic` counts) nothing new is begun. `waivers` are the findings that the
    project accepts.
    """

    jobs: int = 1
    attempts: int = 1
    retry: bool = False
    deadline: float | None = None
    waivers: tuple[Waiver, ...] = ()


@dataclass(frozen=True, slots=True)
class Reporter:
    """Who is told: `tell` gets sentences, `done` each result, `watcher` the builds."""

    tell: Callable[[str], None]
    done: Callable[[Result], None]
    watcher: Watcher | None = None


def run(
    spec: Spec,
    ledger: Ledger,
    which: Run,
    *,
    settings: Callable[[dict[str, str | None]], Settings],
    today: date,
    options: Options,
    reporter: Reporter,
) -> bool:
    """Do what is left of the run `which`, and return whether all of it is done.

    `settings` makes the settings for a tree and a toolchain (it gets `Tree.wishes` and `toolchain`).
    The ledger gets every result as it comes. A tree or toolchain that cannot be had makes its cells
    `skipped`, with the reason.
    """
    done = {result.cell for result in ledger.results(which.name, details=False)}
    wanted = set(which.planned)
    left = [cell for cell in spec.cells if cell.name in wanted and cell.name not in done]
    if done and left:
        reporter.tell(f"run {which.name} goes on: {len(done)} cells are done, {len(left)} are left")
    for tree, toolchain in dict.fromkeys((cell.tree, cell.toolchain) for cell in left):
        cells = [cell for cell in left if (cell.tree, cell.toolchain) == (tree, toolchain)]
        group = _Group(spec, ledger, which, today, options, reporter)
        wishes = {**spec.trees[tree].wishes, "toolchain": spec.toolchains[toolchain]}
        if not group.run(cells, lambda wishes=wishes: settings(wishes)):  # type: ignore[misc]
            return False
    return True


class _Group:
    """The cells of one tree and one toolchain."""

    def __init__(  # noqa: PLR0917  (one run's things, handed on)
        self, spec: Spec, ledger: Ledger, which: Run, today: date, options: Options, reporter: Reporter
    ) -> None:
        self.spec = spec
        self.ledger = ledger
        self.which = which
        self.today = today
        self.options = options
        self.reporter = reporter
        self.libc: BuildResult | None = None
        self.revision = ""

    def run(self, cells: Sequence[Cell], settings: Callable[[], Settings]) -> bool:
        """Do the cells; return False when time ran out before the last."""
        if self._is_late():
            return False
        try:
            prepared = pipeline.prepare(settings(), self.reporter.tell)
        except FilcrossError as error:
            for cell in cells:
                self._add(_Draft(self, cell, None).result(SKIPPED, PREPARE, message=error.message))
            return True
        self.revision = pipeline.revision(prepared)
        for start in range(0, len(cells), CHUNK):
            if self._is_late():
                return False
            found = dict(self._derivations(prepared, cells[start : start + CHUNK]))
            todo = self._without_other_languages(prepared, found)
            for first in range(0, len(todo), self.options.jobs):
                if self._is_late():
                    return False
                self._together(prepared, todo[first : first + self.options.jobs])
        return True

    def _is_late(self) -> bool:
        return self.options.deadline is not None and time.monotonic() > self.options.deadline

    def _add(self, result: Result, failures: Sequence[FailedDerivation] = ()) -> None:
        self.ledger.add(result, failures)
        self.reporter.done(result)

    def _derivations(self, prepared: Prepared, cells: Sequence[Cell]) -> Iterator[tuple[Cell, str]]:
        """Yield the derivation of each cell that has one; note what became of the others."""
        names = {cell.attribute: cell for cell in cells}
        roots = pipeline.roots_of(prepared, list(names))
        found, failures = evaluate.derivations(
            prepared.nix, prepared.packages, list(names), roots=roots, refuse_unknown=False
        )
        for failure in failures:
            draft = _Draft(self, names[failure.attribute], prepared)
            if failure.unknown:
                self._add(draft.result(SKIPPED, EVALUATE, message=failure.message))
                continue
            text = "\n".join((failure.message, *failure.details))
            cause = causes.classify(
                causes.Evidence(EVALUATE, text=text, simulated=prepared.toolchain.simulated)
            )
            details = {"log": list(failure.details), "command": failure.trace_command, "why": cause.why}
            self._add(
                draft.result(FAIL, EVALUATE, cause=cause.kind, message=failure.message, details=details)
            )
        for attribute, derivation in found.items():
            yield names[attribute], derivation

    def _without_other_languages(
        self, prepared: Prepared, found: Mapping[Cell, str]
    ) -> Sequence[tuple[Cell, str]]:
        """Return the cells that can be Fil-C code; note of the others which language is in the way."""
        if not found:
            return ()
        roots = {cell.attribute: derivation for cell, derivation in found.items()}
        whole = graph.Graph(roots, graph.read_derivations(roots.values()), frozenset())
        refused: dict[str, str] = {}
        for boundary in languages.boundaries(whole):
            for attribute in boundary.attributes:
                way = whole.path_to(roots[attribute], boundary.derivation)
                mine = replace(boundary, attributes=(attribute,), path=way)
                refused.setdefault(attribute, languages.sentence(mine))
        for cell, derivation in found.items():
            if cell.attribute in refused:
                draft = _Draft(self, cell, prepared, derivation)
                self._add(draft.result(SKIPPED, EVALUATE, cause="language", message=refused[cell.attribute]))
        return [item for item in found.items() if item[0].attribute not in refused]

    def _together(self, prepared: Prepared, cells: Sequence[tuple[Cell, str]]) -> None:
        """Do some cells whose builds go side by side."""
        todo = [item for item in cells if not self._is_known(prepared, *item)]
        if not todo:
            return
        drafts = [_Draft(self, cell, prepared, derivation) for cell, derivation in todo]
        for draft, built in zip(drafts, self._build(prepared, drafts), strict=True):
            result, failures = self._judge(draft, prepared, built)
            attempts = self.options.attempts
            while result.status in {FAIL, BLOCKED} and draft.attempt + 1 < attempts and not self._is_late():
                self._add(result)
                draft = _Draft(self, draft.cell, prepared, draft.derivation, draft.attempt + 1)  # noqa: PLW2901
                (again,) = self._build(prepared, [draft])
                result, failures = self._judge(draft, prepared, again)
            self._add(result, failures)

    def _is_known(self, prepared: Prepared, cell: Cell, derivation: str) -> bool:
        """Note what is known of a cell without trying; return whether that was so."""
        if self.options.retry:
            return False
        draft = _Draft(self, cell, prepared, derivation)
        known = self.ledger.known(draft.key)
        if known is not None and (known.status == FAIL or _is_there(prepared, derivation)):
            self._add(draft.again(known))
            return True
        failed = self._blocked(prepared, derivation)
        if failed is not None:
            self._add(draft.not_built(failed, prepared.nix))
        return failed is not None

    def _build(self, prepared: Prepared, drafts: Sequence[_Draft]) -> Sequence[BuildResult]:
        """Build what the drafts are for, side by side; their sources are brought first."""
        wanted = {draft.cell.attribute: draft.derivation for draft in drafts}
        tree = self.spec.trees[drafts[0].cell.tree]
        if tree.seed:
            try:
                pipeline.seed_sources(prepared, wanted, lambda _: None, suites=tree.suites)
            except FilcrossError as error:  # what cannot be fetched now is the fault of no other cell
                self.reporter.tell(f"sources: {error.message}")
        roots = pipeline.roots_of(prepared, list(wanted))
        record = pipeline.recorder(prepared)
        return nix_build.build(
            prepared.nix, wanted, roots=roots, watcher=self.reporter.watcher, record=record
        )

    def _blocked(self, prepared: Prepared, derivation: str) -> FailedDerivation | None:
        failures = self.ledger.failures()
        if not failures:
            return None
        needed = {str(path) for path in prepared.nix.requisites(derivation)}
        for failed in failures.values():
            if failed.derivation in needed and not _is_there(prepared, failed.derivation):
                return failed
        return None

    def _judge(
        self, draft: _Draft, prepared: Prepared, built: BuildResult
    ) -> tuple[Result, Sequence[FailedDerivation]]:
        """Return what a build came to, and the derivations that failed for good."""
        simulated = prepared.toolchain.simulated
        if not built.built:
            failures = _failures(built, simulated=simulated)
            lasting = [failed for failed in failures if failed.cause not in PASSING]
            return draft.not_built(failures[0], prepared.nix), lasting
        try:
            if self.libc is None:
                self.libc = pipeline.libc(prepared, pipeline.roots_of(prepared, []))
            report = pipeline.inspect(prepared, pipeline.Built((built,), (), self.libc))
            report = waivers.apply(report, self.options.waivers, self.today)
        except FilcrossError as error:
            return draft.result(FAIL, VERIFY, cause=causes.of_error(error), message=error.message), ()
        details: dict[str, Any] = {
            "outputs": {name: str(path) for name, path in built.outputs.items()},
            "report": render(report),
        }
        if report.exit_code and (report.files or any(report.skipped.get(name) for name in UNSEEN)):
            culprit, message = _accusation(report)
            cause = causes.classify(causes.Evidence(VERIFY, text=message, simulated=simulated))
            details["why"] = cause.why
            result = draft.result(
                FAIL, VERIFY, cause=cause.kind, culprit=culprit, message=message, details=details
            )
            return result, ()
        accepted = f"; accepted only by waivers: {report.accepted}" if report.accepted else ""
        test = self.spec.smoke.get(draft.cell.attribute)
        if test is None:
            message = "built and judged" if report.files else "built; it holds no ELF file"
            return draft.result(PASS, VERIFY, message=f"{message}{accepted}", details=details), ()
        answer = smoke.run(test, _main_output(built), built.outputs)
        details["printed"] = answer.printed
        if answer.passed:
            return draft.result(PASS, SMOKE, message=f"{answer.message}{accepted}", details=details), ()
        cause = causes.classify(causes.Evidence(SMOKE, text=answer.printed, simulated=simulated))
        details["why"] = cause.why
        return draft.result(FAIL, SMOKE, cause=cause.kind, message=answer.message, details=details), ()


def _is_there(prepared: Prepared, derivation: str) -> bool:
    """Return whether all outputs of a derivation are in the store."""
    return not prepared.nix.invalid_paths(list(prepared.nix.outputs(derivation).values()))


def _failures(built: BuildResult, *, simulated: bool) -> list[FailedDerivation]:
    """Return the derivations that stood in a build's way, with whose fault each is."""
    found = []
    for failure in built.causes:
        text = "\n".join((failure.message, *failure.tail))
        cause = causes.classify(causes.Evidence(BUILD, failure.name, text, failure.fixed_output, simulated))
        found.append(FailedDerivation(failure.derivation, failure.told, failure.tail, cause.kind, cause.why))
    return found


def _accusation(report: Report) -> tuple[str, str]:
    """Return the worst file of a report, and what speaks most against it, in a sentence."""
    order = ("bad", "open")
    accused = [file for file in report.files if file.outcome in order]
    if not accused:
        return "", report_text.conclusion(report)
    file = min(accused, key=lambda item: order.index(item.outcome))
    if file.verdict in GOOD:
        return file.path, report_text.conclusion(report)
    waived = {item.partition(":")[0] for item in file.waived}
    rank = {"error": 0, "unknown": 1}
    findings = sorted(file.findings, key=lambda item: (item.code in waived, rank.get(item.severity, 2)))
    if not findings:
        return file.path, f"{file.verdict}: {Path(file.path).name}"
    evidence = f" ({', '.join(findings[0].evidence[:3])})" if findings[0].evidence else ""
    return file.path, f"{file.verdict}: {findings[0].code} {findings[0].message}{evidence}"


def _main_output(built: BuildResult) -> Path:
    """Return the output that holds programs: `bin` where there is one, else the first."""
    return built.outputs.get("bin") or built.outputs.get("out") or next(iter(built.outputs.values()))


class _Draft:
    """What is known of a cell's result before it is tried."""

    def __init__(
        self,
        group: _Group,
        cell: Cell,
        prepared: Prepared | None,
        derivation: str = "",
        attempt: int = 0,
    ) -> None:
        self.began = time.monotonic()
        self.group = group
        self.cell = cell
        self.attempt = attempt
        self.derivation = derivation
        self.simulated = prepared is not None and prepared.toolchain.simulated
        self.revision = group.revision if prepared is not None else ""
        self.tools = prepared.toolchain.name if prepared is not None else ""

    @property
    def key(self) -> str:
        """A hash of all that the result depends on."""
        test = self.group.spec.smoke.get(self.cell.attribute)
        facts: list[object] = [self.derivation, asdict(test) if test is not None else None, __version__]
        accepted = [
            (waiver.code, waiver.path)
            for waiver in self.group.options.waivers
            if waiver.expires is None or waiver.expires >= self.group.today
        ]
        if accepted:
            facts.append(accepted)
        return (
            hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest() if self.derivation else ""
        )

    def result(
        self,
        status: str,
        stage: str,
        *,
        cause: str = "",
        culprit: str = "",
        message: str = "",
        details: Mapping[str, Any] | None = None,
    ) -> Result:
        """Return the result; see `Result` for the fields."""
        expected = self.group.spec.expectation(self.cell, self.group.today)
        return Result(
            run=self.group.which.name,
            cell=self.cell.name,
            attempt=self.attempt,
            revision=self.revision,
            tools=self.tools,
            derivation=self.derivation,
            key=self.key,
            status=status,
            stage=stage,
            cause=cause,
            culprit=culprit,
            message=message,
            expected=expected.text() if expected is not None else "",
            simulated=self.simulated,
            known=False,
            seconds=round(time.monotonic() - self.began, 3),
            at=now(),
            details=details or {},
        )

    def not_built(self, failed: FailedDerivation, nix: Nix) -> Result:
        """Return the result of a cell whose build `failed` stands in the way of."""
        status = FAIL if failed.derivation == self.derivation else BLOCKED
        command = f"{nix.environment_prefix()}nix-store --read-log {failed.derivation}"
        return self.result(
            status,
            BUILD,
            cause=failed.cause,
            culprit=nix_build.package_name(failed.derivation),
            message=failed.message,
            details={"log": list(failed.tail), "command": command, "why": failed.why},
        )

    def again(self, known: Result) -> Result:
        """Return the result of an earlier attempt as one of this run."""
        fresh = self.result(known.status, known.stage, cause=known.cause, culprit=known.culprit)
        return replace(fresh, message=known.message, details=known.details, known=True)
