"""`filcross build`."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from filcross.cli import report_files
from filcross.cli.output import DebugOption, JsonOption, Output, QuietOption, VerboseOption, paint
from filcross.errors import BuildFailedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from filcross.nix.build import Failure
    from filcross.pipeline import Built, Prepared

EXAMPLES = """Examples:

  filcross build hello nginx --nixpkgs embedded --toolchain simulator

  filcross build nginx --nixpkgs ~/nixpkgs --toolchain ~/filc-0.686-linux-x86_64

  filcross build hello --nixpkgs nixos-24.05 --out-link result --json
"""
SHOWN_LOG_LINES = 15


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("build", epilog=EXAMPLES)(build)


def build(
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
    overlay: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE|DIR", help="An overlay of yours, applied after Fil-C's; may be repeated."),
    ] = None,
    out_link: Annotated[Path, typer.Option(metavar="NAME", help="Name of the links to the results.")] = Path(
        "result"
    ),
    no_out_link: Annotated[bool, typer.Option("--no-out-link", help="Make no links.")] = False,
    no_verify: Annotated[bool, typer.Option("--no-verify", help="Do not judge the outputs.")] = False,
    seed_sources: Annotated[
        bool,
        typer.Option(
            "--seed-sources", help="Bring sources from the distribution's mirror, by hash, where it has them."
        ),
    ] = False,
    seed_suite: Annotated[
        list[str] | None,
        typer.Option(metavar="SUITE", help="With --seed-sources: also search this release (bullseye)."),
    ] = None,
    allow_language: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Build although there is code of this language (rust, go, …)."),
    ] = None,
    more_waivers: Annotated[
        Path | None,
        typer.Option("--waivers", metavar="FILE", help="More accepted findings, as for `filcross verify`."),
    ] = None,
    reports: Annotated[
        list[Path] | None, typer.Option("--report", metavar="FILE", help=report_files.HELP)
    ] = None,
    fail_fast: Annotated[bool, typer.Option("--fail-fast", help="Stop at the first failing build.")] = False,
    as_json: JsonOption = False,
    verbose: VerboseOption = 0,
    quiet: QuietOption = False,
    debug: DebugOption = False,
) -> None:
    """Build packages for Fil-C from a nixpkgs, and judge every ELF file of the outputs.

    The nixpkgs is never changed: a patched copy is built from. Exit code 0 only if everything was built and
    every ELF file is Fil-C code (or a known part of its runtime).
    """
    del debug
    from datetime import UTC, datetime

    from filcross import config, pipeline
    from filcross.cli import progress
    from filcross.elf import waivers
    from filcross.nix import languages

    output = Output(as_json, verbose, quiet)
    if out_link.name in {"", ".", ".."}:
        raise UsageError(f"`{out_link}` is no name for a link", hint="use --out-link result")
    languages.check_names(allow_language or [])
    settings = config.load(
        {
            "nixpkgs": nixpkgs,
            "toolchain": toolchain,
            "bootstrap": bootstrap,
            "store": store,
            "overlays": os.pathsep.join(overlay) if overlay else None,
        }
    )
    report_files.check(reports or [])
    accepted = [*waivers.from_tables(config.tables("waiver"))]
    if more_waivers is not None:
        accepted += waivers.read_waivers(more_waivers)
    prepared = pipeline.prepare(settings, output.say)
    seed = functools.partial(_seed, prepared, output, seed_suite or []) if seed_sources else None
    output.say(f"building {', '.join(dict.fromkeys(attributes))} of pkgsCross.filc")
    warn, warnings = output.remembering()
    with progress.watcher(output) as watcher:
        built = pipeline.build(
            prepared,
            attributes,
            watcher=watcher,
            seed=seed,
            warn=warn,
            keep_going=not fail_fast,
            allowed_languages=allow_language or [],
        )
    _show_builds(output, built, simulated=prepared.toolchain.simulated)
    links = {}
    if not no_out_link:
        done = [result for result in built.results if result.built]
        links = pipeline.link_outputs(prepared.nix, done, out_link, several=len(attributes) > 1)
    code = 0 if built.complete else BuildFailedError.exit_code
    report_document: dict[str, Any] | None = None
    if built.outputs and not no_verify:
        from filcross.report import json as report_json
        from filcross.report import text as report_text

        report = waivers.apply(pipeline.inspect(prepared, built), accepted, datetime.now(tz=UTC).date())
        report = pipeline.locate(prepared, built, report)
        report_files.write(reports or [], report)
        output.result(report_text.render(report, verbose=verbose, paint=paint))
        report_document = report_json.render(report)
        code = code or report.exit_code
    output.document("build", _document(prepared, built, links, report_document, code, warnings))
    if code:
        raise typer.Exit(code)


def _seed(prepared: Prepared, output: Output, suites: Sequence[str], derivations: Mapping[str, str]) -> None:
    from filcross import pipeline

    report = pipeline.seed_sources(prepared, derivations, output.detail, suites=suites)
    for seeded in report.seeded:
        output.say(f"source: {seeded.source.name} from the distribution's mirror (same hash)")
    for missing in report.missing:
        output.say(f"source: {missing.source.name} is not on the mirror; Nix will try upstream")
    for warning in report.warnings:
        output.detail(warning)


def _show_builds(output: Output, built: Built, *, simulated: bool) -> None:
    for result in built.results:
        if result.built:
            for path in result.outputs.values():
                output.say(f"{paint('built', 'good')} {result.attribute}: {path}")
    shown: set[str] = set()
    for result in built.results:
        if not result.built:
            causes = ", ".join(cause.name for cause in result.causes)
            output.result(f"{paint('not built', 'bad')} {result.attribute}: because of {causes}")
            for cause in result.causes:
                if cause.derivation not in shown:
                    shown.add(cause.derivation)
                    _show_failure(output, cause, simulated=simulated)
    for failure in built.failures:
        output.result(
            f"{paint('not built', 'bad')} {failure.attribute}: it does not evaluate: {failure.message}"
        )
        for line in failure.details[-SHOWN_LOG_LINES:]:
            output.result(f"  | {line}")
        output.result(f"  whole trace: {failure.trace_command}")


def _show_failure(output: Output, failure: Failure, *, simulated: bool) -> None:
    from filcross.matrix import causes

    output.result(f"  {failure.name}: {failure.message}")
    for line in failure.tail[-SHOWN_LOG_LINES:]:
        output.result(f"  | {line}")
    output.result(f"  whole log: {failure.log_command}")
    if failure.fixed_output:
        output.result("  help: a source could not be fetched; try --seed-sources, or check the network")
    text = "\n".join((failure.message, *failure.tail))
    cause = causes.classify(causes.Evidence("build", failure.name, text, failure.fixed_output, simulated))
    if cause.kind == "simulator":
        output.result(f"  help: {cause.why}")


def _document(
    prepared: Prepared,
    built: Built,
    links: Mapping[str, Path],
    report: Mapping[str, Any] | None,
    code: int,
    warnings: Sequence[str],
) -> dict[str, Any]:
    toolchain = prepared.toolchain
    return {
        "exit_code": code,
        "warnings": list(warnings),
        "nixpkgs": {
            "kind": prepared.source.kind,
            "path": str(prepared.source.path),
            "label": prepared.source.label,
            "why": prepared.source.why,
            "patched": str(prepared.tree),
            "overlays": [str(place) for place in prepared.packages.overlays],
        },
        "toolchain": {
            "name": toolchain.name,
            "version": toolchain.version,
            "root": str(toolchain.root),
            "simulated": toolchain.simulated,
        },
        "nix": {"version": prepared.nix.version_text, "store": str(prepared.nix.store.folder)},
        "packages": [
            {
                "attribute": result.attribute,
                "derivation": result.derivation,
                "built": result.built,
                "outputs": {name: str(path) for name, path in result.outputs.items()},
                "causes": [
                    {
                        "derivation": cause.derivation,
                        "message": cause.message,
                        "tail": list(cause.tail),
                        "log_command": cause.log_command,
                    }
                    for cause in result.causes
                ],
            }
            for result in built.results
        ],
        "evaluation_failures": [
            {"attribute": failure.attribute, "message": failure.message, "details": list(failure.details)}
            for failure in built.failures
        ],
        "links": {name: str(path) for name, path in links.items()},
        "report": report,
    }
