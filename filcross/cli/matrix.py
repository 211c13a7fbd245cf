"""`filcross matrix`: run a matrix of trees, toolchains and attributes; compare, explain and show its runs."""

from __future__ import annotations

import math
import os
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from filcross.cli.output import DebugOption, JsonOption, Output, QuietOption, VerboseOption, paint
from filcross.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from filcross.config import Settings
    from filcross.elf.waivers import Waiver
    from filcross.matrix.compare import Change
    from filcross.matrix.ledger import Ledger, Result, Run
    from filcross.matrix.outcomes import CellOutcome
    from filcross.matrix.spec import Spec
    from filcross.pipeline import Prepared

EXAMPLES = """\b
Examples:
  filcross matrix run                                 what ci/matrix.toml says; goes on where a killed run was
  filcross matrix run --shard 1/4 --time-limit 90     a quarter of it, no new cell after 90 minutes
  filcross matrix diff previous last                  what changed since yesterday, and why
  filcross matrix history hello                       one attribute through all runs
  filcross matrix bisect hello --good REV --bad REV --tree ~/nixpkgs
  filcross matrix report --output site                a site of static pages, JUnit and Markdown
  filcross matrix merge shard1.sqlite shard2.sqlite --ledger all.sqlite
  filcross matrix export --github > nightly.yml"""

RUN_EXIT_CODES = """\b
Exit codes: 0 nothing to worry about; 1 a regression (with --fail-on any: whatever is not as expected);
2 the matrix file is wrong; 3 another run uses the ledger; 4 nothing was done (though there was
something to do); 130 interrupted: the same command goes on."""

BISECT_EXIT_CODES = """\b
Exit codes: 0 found; 2 the ends are not good and bad, or no commits; 4 an end cannot be judged."""

_STYLE = {"pass": "good", "newly fixed": "good", "regression": "bad", "fail": "bad", "flaky": "warn"}

LedgerOption = Annotated[
    Path | None,
    typer.Option(
        "--ledger", metavar="FILE", help="The ledger (default: filcross' own, in the state folder)."
    ),
]
SpecOption = Annotated[
    Path, typer.Option("--spec", metavar="FILE", help="The matrix file.", show_default="ci/matrix.toml")
]
WaiversOption = Annotated[
    Path | None,
    typer.Option("--waivers", metavar="FILE", help="More accepted findings, as for `filcross verify`."),
]
DEFAULT_SPEC = Path("ci/matrix.toml")
_MINUTE = 60.0
_MOST_MINUTES = 1_000_000


def register(app: typer.Typer) -> None:
    """Add the group of commands to `app`."""
    group = typer.Typer(
        name="matrix",
        help="Build, judge and try out many packages; remember and compare the results.",
        no_args_is_help=True,
        epilog=EXAMPLES,
    )
    group.command("run", epilog=RUN_EXIT_CODES)(run)
    group.command("runs")(runs)
    group.command("diff")(diff)
    group.command("history")(history)
    group.command("bisect", epilog=BISECT_EXIT_CODES)(bisect)
    group.command("report")(report)
    group.command("merge")(merge)
    group.command("export")(export)
    group.command("smoke")(smoke)
    app.add_typer(group)


def run(
    spec: SpecOption = DEFAULT_SPEC,
    ledger: LedgerOption = None,
    name: Annotated[
        str | None,
        typer.Option("--run", metavar="NAME", help="The run's name (default: the date and time, in UTC)."),
    ] = None,
    new: Annotated[bool, typer.Option("--new", help="Begin anew even if a run was cut short.")] = False,
    retry: Annotated[
        bool, typer.Option("--retry", help="Do again what is known: results with the same derivation.")
    ] = False,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="Cells to build side by side.")] = 1,
    attempts: Annotated[
        int,
        typer.Option(
            "--repeat",
            min=1,
            metavar="N",
            help="Attempts at a cell that fails or is blocked (tells flaky ones).",
        ),
    ] = 1,
    shard: Annotated[
        str, typer.Option(metavar="I/N", help="Do only the cells of shard I of N, the same everywhere.")
    ] = "1/1",
    time_limit: Annotated[
        float | None,
        typer.Option(metavar="MINUTES", help="Begin no cell after this time; the rest is `not run`."),
    ] = None,
    build_timeout: Annotated[
        float | None,
        typer.Option(metavar="MINUTES", help="Stop a build that takes longer (Nix's setting `timeout`)."),
    ] = None,
    fail_on: Annotated[
        str, typer.Option(metavar="regression|any", help="What makes the exit code 1.")
    ] = "regression",
    more_waivers: WaiversOption = None,
    store: Annotated[
        str | None, typer.Option(metavar="auto|system|private", help="Which Nix store builds go to.")
    ] = None,
    builders: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Nix's remote builders (its setting `builders`).")
    ] = None,
    nix_store: Annotated[
        str | None, typer.Option(metavar="URL", help="The store that Nix works in (its NIX_REMOTE).")
    ] = None,
    substituters: Annotated[
        str | None, typer.Option(metavar="URLS", help="Caches that Nix asks in addition to its own.")
    ] = None,
    as_json: JsonOption = False,
    verbose: VerboseOption = 0,
    quiet: QuietOption = False,
    debug: DebugOption = False,
) -> None:
    """Do every cell of a matrix: patch, evaluate, build, verify, and run its smoke test.

    Every result is written to the ledger as it comes. A run that was cut short goes on where it was when the
    same command is given again, and what is known already is not done again.
    """
    del debug
    from filcross.cli import progress
    from filcross.matrix import ledger as ledgers
    from filcross.matrix import outcomes
    from filcross.matrix import run as running
    from filcross.matrix import spec as specs

    out = Output(as_json, verbose, quiet)
    _check_fail_on(fail_on)
    part = specs.parse_shard(shard)
    _check_minutes("--time-limit", time_limit, least=0.0)
    _check_minutes("--build-timeout", build_timeout, least=1 / _MINUTE)
    accepted = _waivers(more_waivers)
    _settings({}, store)  # what is wrong in them is no cell's fault
    matrix = specs.read(spec)
    given = {
        "builders": builders,
        "extra-substituters": substituters,
        "max-jobs": str(jobs) if jobs > 1 else None,
        "timeout": None if build_timeout is None else str(round(build_timeout * _MINUTE)),
    }
    _pass_on({name: value for name, value in given.items() if value is not None}, nix_store)
    deadline = None if time_limit is None else time.monotonic() + time_limit * _MINUTE
    with ExitStack() as stack:
        file = _ledger_file(ledger)
        stack.enter_context(ledgers.alone(file))
        book = stack.enter_context(ledgers.open_ledger(file, make=True))
        which = _choose(book, matrix, part, name, new=new)
        out.say(f"run {which.name}: {len(which.planned)} cells, shard {shard}, ledger {file}")
        today = _today()
        for item in matrix.expectations:
            if item.until is not None and item.until < today:
                out.warn(f"the expectation for `{item.cells}` counts no more: {item.text()}")
        complete = running.run(
            matrix,
            book,
            which,
            settings=lambda wishes: _settings(wishes, store),
            today=today,
            options=running.Options(jobs, attempts, retry, deadline, accepted),
            reporter=running.Reporter(
                out.say, lambda result: out.say(_line(result)), stack.enter_context(progress.watcher(out))
            ),
        )
        if complete:
            book.finish(which.name)
        found = outcomes.of_run(book, book.run(which.name), details=True)
    _show_summary(out, found)
    out.document("matrix run", {"run": _run_document(which, found)})
    raise typer.Exit(_exit_code(found, fail_on))


def runs(
    ledger: LedgerOption = None,
    as_json: JsonOption = False,
    verbose: VerboseOption = 0,
    quiet: QuietOption = False,
    debug: DebugOption = False,
) -> None:
    """List the runs of a ledger with what they came to, the oldest first."""
    del debug
    from filcross.matrix import ledger as ledgers
    from filcross.matrix import outcomes

    out = Output(as_json, verbose, quiet)
    with ledgers.open_ledger(_ledger_file(ledger)) as book:
        documents = []
        for item, found in outcomes.of_runs(book):
            state = "" if item.ended else " (cut short)"
            out.result(f"{item.name}{state}: {_counts_text(outcomes.counts(found))}")
            documents += [_run_document(item, found)] if as_json else []
    out.document("matrix runs", {"runs": documents})


def diff(
    before: Annotated[
        str, typer.Argument(metavar="A", help="A run: its name, `previous` or `last`.")
    ] = "previous",
    after: Annotated[str, typer.Argument(metavar="B", help="A later run.")] = "last",
    ledger: LedgerOption = None,
    as_json: JsonOption = False,
    verbose: VerboseOption = 0,
    quiet: QuietOption = False,
    debug: DebugOption = False,
) -> None:
    """Show what changed between two runs, regressions first, each with its cause.

    Exit code 1 if there is a regression.
    """
    del debug
    from filcross.matrix import compare
    from filcross.matrix import ledger as ledgers
    from filcross.report.text import printable

    out = Output(as_json, verbose, quiet)
    with ledgers.open_ledger(_ledger_file(ledger)) as book:
        first, second = book.run(before), book.run(after)
        changes = compare.diff(book, first, second)
    out.result(f"{first.name} -> {second.name}")
    for change in changes:
        if change.kind != compare.SAME or verbose:
            out.result(f"{paint(change.kind, _STYLE.get(change.kind, 'bold'))} {change.cell}")
            for line in change.why:
                out.result(f"  {printable(line)}")
    kinds = [change.kind for change in changes]
    out.result(
        ", ".join(f"{kinds.count(kind)} {kind}" for kind in compare.KINDS if kind in kinds) or "nothing"
    )
    document = {"before": first.name, "after": second.name, "changes": [_change_document(c) for c in changes]}
    out.document("matrix diff", document)
    raise typer.Exit(1 if compare.WORSE in kinds else 0)


def history(
    attribute: Annotated[str, typer.Argument(metavar="ATTR", help="The attribute, as the matrix names it.")],
    ledger: LedgerOption = None,
    as_json: JsonOption = False,
    verbose: VerboseOption = 0,
    quiet: QuietOption = False,
    debug: DebugOption = False,
) -> None:
    """Show what an attribute came to in every run."""
    del debug
    from filcross.matrix import ledger as ledgers

    out = Output(as_json, verbose, quiet)
    with ledgers.open_ledger(_ledger_file(ledger)) as book:
        results = book.results(attribute=attribute, details=False)
        names = set() if results else {result.attribute for result in book.results(details=False)}
    if not results:
        import difflib

        near = difflib.get_close_matches(attribute, names, n=3)
        raise UsageError(
            f"no run has done `{attribute}`",
            hint=f"did you mean {' or '.join(near)}?" if near else "look at `filcross matrix runs`",
        )
    for result in results:
        out.result(f"{result.run}  {_line(result)}")
    out.document(
        "matrix history", {"attribute": attribute, "results": [_result_document(r) for r in results]}
    )


def bisect(
    attribute: Annotated[str, typer.Argument(metavar="ATTR", help="The attribute that began to fail.")],
    good: Annotated[str, typer.Option(metavar="REV", help="A commit, or a toolchain, with which it passes.")],
    bad: Annotated[str, typer.Option(metavar="REV", help="A later one with which it fails.")],
    tree: Annotated[
        str,
        typer.Option(metavar="PATH", help="The git checkout to search; with --toolchains the nixpkgs."),
    ],
    toolchain: Annotated[str, typer.Option(metavar="NAME", help="The toolchain.")] = "simulator",
    toolchains: Annotated[
        list[str] | None,
        typer.Option(
            "--toolchains", metavar="NAME", help="Search these toolchains, in this order (repeatable)."
        ),
    ] = None,
    bootstrap: Annotated[
        str | None, typer.Option(metavar="nixpkgs|host", help="Who makes the tools of the build.")
    ] = None,
    seed_suite: Annotated[
        list[str] | None, typer.Option(metavar="SUITE", help="Bring sources from this release, too.")
    ] = None,
    spec: Annotated[
        Path | None, typer.Option("--spec", metavar="FILE", help="A matrix file with the smoke test to run.")
    ] = None,
    more_waivers: WaiversOption = None,
    ledger: LedgerOption = None,
    as_json: JsonOption = False,
    verbose: VerboseOption = 0,
    quiet: QuietOption = False,
    debug: DebugOption = False,
) -> None:
    """Find the commit of a nixpkgs, or the toolchain, with which an attribute began to fail."""
    del debug
    from dataclasses import asdict

    from filcross import __version__, config
    from filcross.cli import progress
    from filcross.matrix import bisect as searching
    from filcross.matrix import ledger as ledgers
    from filcross.matrix import run as running
    from filcross.matrix import spec as specs
    from filcross.nix.evaluate import check_attributes

    out = Output(as_json, verbose, quiet)
    check_attributes([attribute])
    accepted = _waivers(more_waivers)
    test = specs.read(spec).smoke.get(attribute) if spec is not None else None
    suites = tuple(seed_suite or ())
    if toolchains:
        ends = [toolchains.index(name) if name in toolchains else -1 for name in (good, bad)]
        if not 0 <= ends[0] < ends[1]:
            raise UsageError(
                "--good and --bad are not in this order among --toolchains", hint="name them all"
            )
        candidates = toolchains[ends[0] : ends[1] + 1]
    else:
        candidates = searching.revisions(Path(tree), good, bad)
    out.say(f"bisect: {len(candidates)} candidates, about {len(candidates).bit_length() + 1} steps")
    facts = [
        [asdict(test) if test is not None else None, bootstrap, suites, __version__],
        # What a toolchain's name means may change, so of those only derivations are remembered.
        [tree, ledgers.now()] if toolchains else [],
        [(waiver.code, waiver.path) for waiver in accepted],
    ]
    name = searching.name_of(attribute, good, bad, facts)
    with ExitStack() as stack:
        file = _ledger_file(ledger)
        stack.enter_context(ledgers.alone(file))
        book = stack.enter_context(ledgers.open_ledger(file, make=True))
        export = searching.Export(Path(tree), config.cache_dir() / config.REVISIONS)
        stack.callback(export.close)
        watcher = stack.enter_context(progress.watcher(out))
        reporter = running.Reporter(out.say, lambda result: out.say(_line(result)), watcher)

        def ask(candidate: str) -> str:
            place = tree if toolchains else str(export.of(candidate))
            tools = candidate if toolchains else toolchain
            label = tools.replace("/", "_")
            cell = specs.Cell("tree" if toolchains else candidate[:12], label, attribute)
            row = specs.Tree(cell.tree, place, bootstrap, bool(suites), suites)
            matrix = specs.single(cell, row, tools, test)
            trial = searching.trial(book, name, cell.name)
            which = ledgers.Run(trial, matrix.digest, (cell.name,), "1/1", "", "")
            running.run(
                matrix,
                book,
                which,
                settings=lambda wishes: _settings(wishes, None),
                today=_today(),
                options=running.Options(waivers=accepted),
                reporter=reporter,
            )
            return searching.answer(book, trial, cell.name) or searching.UNKNOWN

        found = searching.search(candidates, ask, lambda step: out.say(f"{step.answer} {step.candidate}"))
    out.result(f"last good: {found.last_good}")
    for candidate in found.between:
        out.result(f"cannot be judged: {candidate}")
    out.result(f"first bad: {found.first_bad}")
    out.document("matrix bisect", {"attribute": attribute, **asdict(found)})


def report(
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="The folder of the site.")],
    name: Annotated[str, typer.Option("--run", metavar="NAME", help="The run to show.")] = "last",
    fail_on: Annotated[
        str | None,
        typer.Option(metavar="regression|any", help="What makes the exit code 1 (none: nothing)."),
    ] = None,
    ledger: LedgerOption = None,
    as_json: JsonOption = False,
    verbose: VerboseOption = 0,
    quiet: QuietOption = False,
    debug: DebugOption = False,
) -> None:
    """Write a run as a site of static pages: overview, a page per cell, junit.xml and summary.md."""
    del debug
    from filcross.matrix import ledger as ledgers
    from filcross.matrix import outcomes, site

    out = Output(as_json, verbose, quiet)
    if fail_on is not None:
        _check_fail_on(fail_on)
    with ledgers.open_ledger(_ledger_file(ledger)) as book:
        which = book.run(name)
        made = site.write(book, which, output.absolute())
        found = outcomes.of_run(book, which)
    for file in made:
        out.result(f"written: {file}")
    out.document("matrix report", {"run": which.name, "files": [str(file) for file in made]})
    if fail_on is not None:
        raise typer.Exit(_exit_code(found, fail_on))


def merge(
    sources: Annotated[list[Path], typer.Argument(metavar="LEDGER…", help="The ledgers to join.")],
    ledger: Annotated[
        Path, typer.Option("--ledger", metavar="FILE", help="The ledger that gets everything.")
    ],
    as_json: JsonOption = False,
    verbose: VerboseOption = 0,
    quiet: QuietOption = False,
    debug: DebugOption = False,
) -> None:
    """Join ledgers: the shards of one run become one run again. What is there already is not added twice."""
    del debug
    from filcross.matrix import ledger as ledgers

    out = Output(as_json, verbose, quiet)
    added = []
    with ExitStack() as stack:
        others = [stack.enter_context(ledgers.open_ledger(source)) for source in sources]
        taken = stack.enter_context(ledgers.joining(ledger)).take(others)
    for source, (runs_, results) in zip(sources, taken, strict=True):
        out.result(f"{source}: {runs_} runs and {results} results are new")
        added.append({"ledger": str(source), "runs": runs_, "results": results})
    out.document("matrix merge", {"ledger": str(ledger), "merged": added})


def export(
    github: Annotated[bool, typer.Option("--github", help="Write a GitHub Actions workflow.")] = False,
    gitlab: Annotated[bool, typer.Option("--gitlab", help="Write a GitLab pipeline.")] = False,
    hydra: Annotated[
        Path | None, typer.Option("--hydra", metavar="DIR", help="Write a declarative Hydra project to DIR.")
    ] = None,
    shards: Annotated[int, typer.Option(min=1, max=256, help="Jobs that share the matrix.")] = 4,
    minutes: Annotated[int, typer.Option(min=1, help="The time limit of each.")] = 300,
    setup: Annotated[
        list[str] | None,
        typer.Option(
            "--setup", metavar="COMMAND", help="A command that brings Nix and filcross there (repeatable)."
        ),
    ] = None,
    spec: SpecOption = DEFAULT_SPEC,
    as_json: JsonOption = False,
    verbose: VerboseOption = 0,
    quiet: QuietOption = False,
    debug: DebugOption = False,
) -> None:
    """Write what other schedulers need to do the matrix; a workflow or pipeline goes to stdout."""
    del debug
    from filcross import pipeline
    from filcross.matrix import export as exporting
    from filcross.matrix import spec as specs

    out = Output(as_json, verbose, quiet)
    kinds = [kind for kind, wanted in (("github", github), ("gitlab", gitlab)) if wanted]
    if len(kinds) + (hydra is not None) != 1:
        raise UsageError("one kind of export is needed", hint="choose --github, --gitlab or --hydra DIR")
    matrix = specs.read(spec)
    if hydra is None:
        commands = setup or exporting.SETUP
        text = exporting.pipeline(kinds[0], str(spec), shards=shards, minutes=minutes, setup=commands)
        if as_json:
            out.document("matrix export", {"format": kinds[0], "text": text})
        else:
            typer.echo(text, nl=False)
        return
    if hydra.exists() and (not hydra.is_dir() or any(hydra.iterdir())):
        raise UsageError(f"{hydra} holds something already", hint="name a new folder")

    def prepare(tree: str, toolchain: str) -> Prepared:
        wishes = {**matrix.trees[tree].wishes, "toolchain": matrix.toolchains[toolchain]}
        return pipeline.prepare(_settings(wishes, None), out.say)

    files = exporting.hydra(matrix, prepare, hydra.absolute())
    exporting.write(files, hydra)
    out.result(f"written: {', '.join(sorted(files))} in {hydra}; give Hydra spec.json as declarative project")
    out.document("matrix export", {"format": "hydra", "files": [str(hydra / name) for name in files]})


def smoke(
    attribute: Annotated[str, typer.Argument(metavar="ATTR", help="The attribute whose test to run.")],
    output: Annotated[Path, typer.Argument(metavar="PATH", help="Its output, or a link to it.")],
    spec: SpecOption = DEFAULT_SPEC,
    as_json: JsonOption = False,
    verbose: VerboseOption = 0,
    quiet: QuietOption = False,
    debug: DebugOption = False,
) -> None:
    """Run the smoke test that the matrix has for an attribute, on an output that was built already.

    Exit code 1 if the answer is not as it should be.
    """
    del debug
    from dataclasses import asdict

    from filcross.matrix import smoke as testing
    from filcross.matrix import spec as specs
    from filcross.report.text import printable

    out = Output(as_json, verbose, quiet)
    tests = specs.read(spec).smoke
    if attribute not in tests:
        raise UsageError(f"{spec} has no smoke test for `{attribute}`", hint=f"it has: {', '.join(tests)}")
    if not output.is_dir():
        raise UsageError(f"{output} is no folder", hint="name an output of `filcross build`")
    answer = testing.run(tests[attribute], output.absolute())
    for line in answer.printed.splitlines():
        out.result(f"  {printable(line)}")
    out.result(
        f"{paint('pass' if answer.passed else 'fail', 'good' if answer.passed else 'bad')} {answer.message}"
    )
    out.document("matrix smoke", {"attribute": attribute, **asdict(answer)})
    raise typer.Exit(0 if answer.passed else 1)


# What the commands share


def _ledger_file(ledger: Path | None) -> Path:
    from filcross import config

    return ledger or config.state_dir() / "matrix.sqlite"


def _today() -> Any:  # noqa: ANN401  (a date)
    from datetime import UTC, datetime

    return datetime.now(tz=UTC).date()


def _settings(wishes: Mapping[str, str | None], store: str | None) -> Settings:
    """Return the settings for a cell: what the matrix says, and of the user's own files only the store.

    So a matrix means the same on every machine: ports and knobs of the user's own do not count.
    """
    from dataclasses import replace

    from filcross import config

    chosen: dict[str, Any] = {name: config.Setting(value, "the matrix") for name, value in wishes.items()}
    return replace(config.load({"store": store}), **chosen, ports=(), knobs=())


def _waivers(more: Path | None) -> tuple[Waiver, ...]:
    """Return the findings that the project and the user accept, and those of the file `more`."""
    from filcross import config
    from filcross.elf import waivers

    return (
        *waivers.from_tables(config.tables("waiver")),
        *(waivers.read_waivers(more) if more is not None else ()),
    )


def _pass_on(given: Mapping[str, str], store: str | None) -> None:
    """Put what is Nix's own business into its environment (nix.conf(5): NIX_CONFIG)."""
    if any("\n" in value for value in given.values()):
        raise UsageError("a setting for Nix holds a line break", hint="separate builders by `;`")
    if given:
        lines = [f"{name} = {value}" for name, value in given.items()]
        os.environ["NIX_CONFIG"] = "\n".join([os.environ.get("NIX_CONFIG", ""), *lines])
    if store is not None:
        os.environ["NIX_REMOTE"] = store


def _check_minutes(option: str, value: float | None, *, least: float) -> None:
    if value is not None and not least <= value <= _MOST_MINUTES:
        raise UsageError(
            f"{value:g} is not a number of minutes for {option}",
            hint=f"choose {math.ceil(least)} to {_MOST_MINUTES}",
        )


def _choose(book: Ledger, matrix: Spec, part: tuple[int, int], name: str | None, *, new: bool) -> Run:
    """Return the run to do: the one named, one that was cut short, or a new one."""
    from filcross.matrix.ledger import PLACES, now
    from filcross.matrix.spec import in_shard

    if name is not None and (name in PLACES or not name.strip() or not name.isprintable()):
        raise UsageError(f"{name!r} cannot be the name of a run", hint="choose another --run NAME")
    shard = f"{part[0]}/{part[1]}"
    everything = book.runs()
    mine = [item for item in everything if (item.spec, item.shard) == (matrix.digest, shard)]
    if name is not None:
        for item in mine:
            if item.name == name and not new:
                return item
    elif mine and mine[-1].ended is None and not new:
        return mine[-1]
    planned = [cell.name for cell in matrix.cells if in_shard(cell, part)]
    if name is None:
        name, taken = now()[:19].replace(":", "-"), {item.name for item in everything}
        while name in taken:  # another began in the same second
            name += "+"
    return book.begin(name, matrix.digest, planned, shard)


def _line(result: Result) -> str:
    from filcross.report.text import printable

    words = {"pass": "good", "fail": "bad", "blocked": "warn", "skipped": "dim"}
    known = ", known" if result.known else ""
    culprit = f" [{result.culprit.rsplit('/', maxsplit=1)[-1]}]" if result.culprit else ""
    cause = f" ({result.cause})" if result.cause else ""
    return (
        f"{paint(result.status, words[result.status])} {result.cell}: "
        f"{result.stage}: {printable(result.message)}{printable(culprit)}{cause}{known}"
    )


def _counts_text(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {outcome}" for outcome, count in counts.items()) or "nothing"


def _show_summary(out: Output, found: Sequence[CellOutcome]) -> None:
    from filcross.matrix import compare, outcomes
    from filcross.report.text import printable

    for item in found:
        if item.outcome in (outcomes.REGRESSION, outcomes.FLAKY) and item.result is not None:
            out.result(f"{paint(item.outcome, _STYLE[item.outcome])} {item.cell}")
            for line in compare.reasons(item.result):
                out.result(f"  {printable(line)}")
    out.result(_counts_text(outcomes.counts(found)))


def _check_fail_on(value: str) -> None:
    if value not in ("regression", "any"):
        raise UsageError(f"`{value}` is not a value for --fail-on", hint="choose regression or any")


def _exit_code(found: Sequence[CellOutcome], fail_on: str) -> int:
    from filcross.matrix import outcomes
    from filcross.matrix.ledger import SKIPPED

    fine = {*outcomes.GOOD, outcomes.EXPECTED, SKIPPED}
    kinds = {item.outcome for item in found}
    if not kinds:  # a shard that no cell fell to
        return 0
    if outcomes.REGRESSION in kinds or (fail_on == "any" and kinds - fine):
        return 1
    return 4 if kinds <= {SKIPPED, outcomes.NOT_RUN} else 0


def _run_document(which: Run, found: Sequence[CellOutcome]) -> dict[str, Any]:
    from filcross.matrix import outcomes

    return {
        "name": which.name,
        "started": which.started,
        "ended": which.ended,
        "shard": which.shard,
        "counts": dict(outcomes.counts(found)),
        "cells": [
            {
                "cell": item.cell,
                "outcome": item.outcome,
                "result": None if item.result is None else _result_document(item.result),
            }
            for item in found
        ],
    }


def _result_document(result: Result) -> dict[str, Any]:
    from dataclasses import asdict

    document = asdict(result)
    del document["details"], document["key"]
    return document


def _change_document(change: Change) -> dict[str, Any]:
    return {
        "cell": change.cell,
        "kind": change.kind,
        "why": list(change.why),
        "before": None if change.before is None else _result_document(change.before),
        "after": None if change.after is None else _result_document(change.after),
    }
