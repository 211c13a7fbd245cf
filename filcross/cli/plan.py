"""`filcross plan`."""

from __future__ import annotations

import json
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
from filcross.errors import BuildFailedError, VerdictError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from filcross.nix.evaluate import EvaluationFailure
    from filcross.nix.plan import Plan
    from filcross.pipeline import Prepared

EXAMPLES = """Examples:

  filcross plan hello nginx --nixpkgs embedded --toolchain simulator

  filcross plan git curl --nixpkgs ~/nixpkgs --report git.html --report git.dot

  filcross plan mercurial --nixpkgs ~/nixpkgs --json

Exit codes: 0 it can be built; 1 a package would hold code of a language that cannot be Fil-C;
6 something does not evaluate.
"""
SUFFIXES = (".html", ".dot", ".json")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("plan", epilog=EXAMPLES)(plan)


def plan(
    attributes: Annotated[list[str], typer.Argument(metavar="ATTR…", help="Packages of pkgsCross.filc.")],
    nixpkgs: Annotated[
        str | None, typer.Option(metavar="PATH|embedded|REV", help="The nixpkgs to build from.")
    ] = None,
    toolchain: Annotated[
        str | None, typer.Option(metavar="NAME|PATH", help="The Fil-C toolchain, or `simulator`.")
    ] = None,
    bootstrap: Annotated[
        str | None,
        typer.Option(metavar="nixpkgs|host", help="Who makes the tools that run during the build."),
    ] = None,
    store: Annotated[
        str | None, typer.Option(metavar="auto|system|private", help="Which Nix store builds go to.")
    ] = None,
    reports: Annotated[
        list[Path] | None,
        typer.Option(
            "--report", metavar="FILE", help="Write it to a file, too: .html, .dot or .json (repeatable)."
        ),
    ] = None,
    allow_language: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Name code of this language (rust, go, …), but do not refuse it."),
    ] = None,
    no_caches: Annotated[
        bool, typer.Option("--no-caches", help="Do not ask binary caches what they have.")
    ] = False,
    as_json: JsonOption = False,
    verbose: VerboseOption = 0,
    quiet: QuietOption = False,
    debug: DebugOption = False,
) -> None:
    """Show what building packages would mean, without building: how much, in which order, how long.

    Times are estimates: medians of what this machine has built before. Packages of languages that cannot be
    Fil-C (Rust, Go, Haskell, …) are named, with the way through the dependencies that brings them in.
    """
    del debug
    from filcross import config, pipeline
    from filcross.nix import languages
    from filcross.report import files
    from filcross.report import plan as report

    output = Output(as_json, verbose, quiet)
    files.check(reports or [], SUFFIXES)
    allowed = allow_language or []
    languages.check_names(allowed)
    settings = config.load(
        {"nixpkgs": nixpkgs, "toolchain": toolchain, "bootstrap": bootstrap, "store": store}
    )
    prepared = pipeline.prepare(settings, output.say)
    output.say(f"planning {', '.join(dict.fromkeys(attributes))} of pkgsCross.filc")
    warn, warnings = output.remembering()
    found, failures = pipeline.plan(prepared, attributes, ask_caches=not no_caches, warn=warn)
    refused = any(item.language not in allowed for item in found.boundaries)
    code = BuildFailedError.exit_code if failures else 0
    code = VerdictError.exit_code if refused else code
    document = {"warnings": warnings, **_document(prepared, found, failures, code)}
    for target in reports or []:
        files.write(target, [_content(target, found, document)])
    output.result(report.text(found, verbose=verbose, paint=paint))
    for failure in failures:
        output.result(f"{paint('does not evaluate', 'bad')}: {failure.attribute}: {failure.message}")
    output.document("plan", document)
    if code:
        raise typer.Exit(code)


def _content(target: Path, found: Plan, document: dict[str, Any]) -> str:
    from filcross.report import plan as report

    if target.suffix == ".dot":
        return report.dot(found)
    if target.suffix == ".html":
        return report.html(found)
    return json.dumps({"schema_version": SCHEMA_VERSION, "kind": "plan", **document}, indent=1) + "\n"


def _document(
    prepared: Prepared, found: Plan, failures: Sequence[EvaluationFailure], code: int
) -> dict[str, Any]:
    from filcross.report import plan as report

    return {
        "exit_code": code,
        "nixpkgs": prepared.source.label,
        "toolchain": {"label": prepared.toolchain.label, "simulated": prepared.toolchain.simulated},
        **report.document(found),
        "evaluation_failures": [
            {"attribute": failure.attribute, "message": failure.message} for failure in failures
        ],
    }
