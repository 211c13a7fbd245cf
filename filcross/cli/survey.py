"""`filcross survey`."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from filcross.cli.output import (
    SCHEMA_VERSION,
    DebugOption,
    JsonOption,
    Output,
    QuietOption,
    VerboseOption,
    paint,
)
from filcross.errors import FilcrossError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from filcross.matrix.survey import Survey
    from filcross.pipeline import Prepared

EXAMPLES = """Examples:

  filcross survey zlib openssl curl --nixpkgs ~/nixpkgs

  filcross survey --set all --nixpkgs ~/nixpkgs --report survey.html --report survey.json

  filcross survey --set packages.txt --against gnu64 --json

Exit codes: 0 the survey was made, whatever it says; 6 the package set does not evaluate at all.
"""
SUFFIXES = (".html", ".json")
HEARTBEAT_SECONDS = 15.0


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("survey", epilog=EXAMPLES)(survey)


def survey(
    attributes: Annotated[
        list[str] | None, typer.Argument(metavar="[ATTR…]", help="Packages of pkgsCross.filc.")
    ] = None,
    whole: Annotated[
        str | None,
        typer.Option(
            "--set",
            metavar="all|FILE",
            help="Everything at the top of the tree, or a file with a name a line.",
        ),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(
            metavar="PLATFORM|none",
            help="What to compare with: musl64, gnu64, a configuration (default: that of the same libc).",
        ),
    ] = None,
    nixpkgs: Annotated[
        str | None, typer.Option(metavar="PATH|embedded|REV", help="The nixpkgs to evaluate.")
    ] = None,
    toolchain: Annotated[
        str | None, typer.Option(metavar="NAME|PATH", help="The Fil-C toolchain, or `simulator`.")
    ] = None,
    reports: Annotated[
        list[Path] | None,
        typer.Option(
            "--report", metavar="FILE", help="Write it to a file, too: .html or .json (repeatable)."
        ),
    ] = None,
    jobs: Annotated[
        int, typer.Option("--jobs", "-j", min=0, help="Processes side by side (0: one for each processor).")
    ] = 0,
    silence: Annotated[
        float, typer.Option(metavar="SECONDS", min=1, help="How long one package may take to evaluate.")
    ] = 60.0,
    no_decisions: Annotated[
        bool, typer.Option("--no-decisions", help="Do not compare what the derivations say.")
    ] = False,
    as_json: JsonOption = False,
    verbose: VerboseOption = 0,
    quiet: QuietOption = False,
    debug: DebugOption = False,
) -> None:
    """Show what evaluates for Fil-C, what does not and why, compared with an ordinary platform.

    Nothing is built. Packages that need a language which cannot be Fil-C are counted apart, on both sides.
    What a survey knew that was interrupted, or failed, goes into the reports as well.
    """
    del debug
    from filcross import config, pipeline
    from filcross.matrix import flavour
    from filcross.matrix import survey as surveys
    from filcross.report import files

    output = Output(as_json, verbose, quiet)
    files.check(reports or [], SUFFIXES)
    if attributes and whole:
        raise UsageError("attributes and --set cannot be given together", hint="use one of them")
    listed = _listed(whole) if whole not in {None, "all"} else attributes
    settings = config.load({"nixpkgs": nixpkgs, "toolchain": toolchain, "bootstrap": None, "store": None})
    prepared = pipeline.prepare(settings, output.say)
    kind = prepared.toolchain.flavour
    filc = replace(pipeline.question(prepared), silence=silence)
    reference = None
    if against != "none":
        reference = replace(filc, platform=against or flavour.REFERENCES[kind])
    names = _names(prepared, listed)
    state = surveys.Progress()
    began = time.monotonic()
    try:
        found = surveys.run(
            filc,
            reference,
            names,
            kind=kind,
            jobs=jobs,
            decisions=not no_decisions,
            progress=state,
            tell=output.say,
            count=_Counter(output, len(names)).count,
        )
    except (KeyboardInterrupt, FilcrossError):
        if reports and (state.filc or state.reference):
            _write(reports, prepared, surveys.partial(filc, reference, kind, state))
            output.say(f"what was known went to {', '.join(map(str, reports))}")
        raise
    from filcross.report import survey as report
    from filcross.words import duration

    _write(reports or [], prepared, found)
    output.say(f"evaluated in {duration(time.monotonic() - began)}")
    output.result(report.text(found, verbose=verbose, paint=paint))
    output.document("survey", _document(prepared, found))


def _listed(whole: str | None) -> list[str]:
    file = Path(whole or "")
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"the set {file} cannot be read", hint="--set takes `all` or a file with one attribute a line"
        ) from error
    return [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]


def _names(prepared: Prepared, listed: Sequence[str] | None) -> list[str]:
    from filcross.matrix import flavour_run
    from filcross.nix import evaluate

    if listed is None:
        return flavour_run.attributes(prepared.packages.tree)
    evaluate.check_attributes(listed)
    return list(dict.fromkeys(listed))


class _Counter:
    """Says now and then how far it is."""

    def __init__(self, output: Output, total: int) -> None:
        self._output, self._total = output, total
        self._lock = threading.Lock()
        self._said = time.monotonic()

    def count(self, done: int) -> None:
        with self._lock:
            now = time.monotonic()
            if now - self._said < HEARTBEAT_SECONDS:
                return
            self._said = now
        self._output.say(f"  … {done} of {self._total}")


def _write(reports: Sequence[Path], prepared: Prepared, found: Survey) -> None:
    from filcross.report import files
    from filcross.report import survey as report

    for target in reports:
        if target.suffix == ".html":
            files.write(target, [report.html(found, f"Survey of {prepared.source.label}")])
        else:
            content = {"schema_version": SCHEMA_VERSION, "kind": "survey", **_document(prepared, found)}
            files.write(target, [json.dumps(content, indent=1) + "\n"])


def _document(prepared: Prepared, found: Survey) -> dict[str, Any]:
    from filcross.report import survey as report

    return {
        "nixpkgs": prepared.source.label,
        "toolchain": {"label": prepared.toolchain.label, "simulated": prepared.toolchain.simulated},
        "nix": prepared.nix.version_text,
        **report.document(found),
    }
