"""`filcross seed-sources`: put sources into the Nix store where upstream's sites cannot be reached."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from filcross.cli.output import DebugOption, JsonOption, Output, QuietOption, VerboseOption
from filcross.errors import NothingToJudgeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from filcross.sources import FixedSource, SeedReport

_EXAMPLES = """\
Examples:

  filcross seed-sources embedded -A pkgsCross.filc.hello

  filcross seed-sources ~/nixpkgs -A hello.src -A lzo.src --suite bullseye

  filcross seed-sources /nix/store/…-hello-2.10.drv --json

  filcross seed-sources -E 'import ./. { overlays = [ (import ./my-overlay) ]; }' -A hello
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("seed-sources", epilog=_EXAMPLES)(seed_sources)


def seed_sources(
    targets: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TARGET]…",
            help="`embedded`, a tree, a .nix file, or derivations (.drv).",
            show_default=False,
        ),
    ] = None,
    attributes: Annotated[
        list[str] | None,
        typer.Option("-A", "--attr", metavar="ATTR", help="An attribute of the tree.", show_default=False),
    ] = None,
    expression: Annotated[
        str | None, typer.Option("-E", "--expr", metavar="NIX", help="Nix code instead of a target.")
    ] = None,
    nix_arg: Annotated[
        list[str] | None,
        typer.Option(
            "--nix-arg",
            metavar="ARG",
            help="One word for nix-instantiate; --arg, --argstr, --option and -I work as they do there.",
            show_default=False,
        ),
    ] = None,
    suite: Annotated[
        list[str] | None,
        typer.Option(
            "--suite",
            metavar="NAME",
            help="Another release to search after this machine's own (`bullseye`).",
            show_default=False,
        ),
    ] = None,
    direct: Annotated[
        bool, typer.Option("--direct", help="Only the derivations' own sources, not their dependencies'.")
    ] = False,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Download the index even if it is less than a day old.")
    ] = False,
    as_json: JsonOption = False,
    verbose: VerboseOption = 0,
    quiet: QuietOption = False,
    debug: DebugOption = False,
) -> None:
    """Put the sources that derivations want into the Nix store, from the distribution's source mirror.

    Finds them by hash in the mirror's index, whose address is taken from this machine's apt; changes nothing
    in /etc. What is in the store already is left alone. Exit code 4 if some are neither in the store nor on
    the mirror.
    """
    del debug  # read by the handler of errors
    from filcross import config, resources
    from filcross.sources import instantiate, seed

    output = Output(as_json=as_json, verbose=verbose, quiet=quiet)
    paths: list[Path | None] = [
        resources.embedded_tree_dir() if text == "embedded" else Path(text) for text in targets or ()
    ]
    derivations: list[str] = []
    for path in paths or [None]:
        found = instantiate(path, attributes or (), expression=expression, arguments=nix_arg or ())
        output.detail(f"{'the expression' if path is None else path}: {', '.join(found)}")
        derivations += found
    if not derivations:
        raise NothingToJudgeError(
            "there is no derivation in that", hint="name an attribute that is a package"
        )
    report = seed(
        derivations,
        cache=config.cache_dir() / config.SOURCES,
        suites=suite or (),
        refresh=refresh,
        direct=direct,
        on_progress=output.say,
    )
    for line in report.warnings:
        output.warn(line)
    _show(report, output)
    output.document("seed-sources", _document(report))
    if not report.complete:
        raise typer.Exit(NothingToJudgeError.exit_code)


def _show(report: SeedReport, output: Output) -> None:
    for item in report.present:
        output.detail(f"in the store: {item.store_path}")
    for added in report.seeded:
        output.say(f"added {added.source.store_path}")
    for missing in report.missing:
        output.result(f"missing {missing.source.name} ({missing.source.digest.sri})")
        if missing.source.urls:
            output.result(f"  wanted from {missing.source.urls[0]}")
        output.result(f"  {missing.reason}")
    present, seeded, missing_count = len(report.present), len(report.seeded), len(report.missing)
    output.result(f"{present} in the store already, {seeded} added, {missing_count} missing")
    if report.missing:
        output.say("other releases may have them: --suite NAME; or let Nix download them where it can")


def _document(report: SeedReport) -> dict[str, Any]:
    return {
        "complete": report.complete,
        "derivations": list(report.derivations),
        "suites": list(report.suites),
        "present": [_source(item) for item in report.present],
        "seeded": [
            {
                **_source(item.source),
                "from": item.origin.url,
                "size": item.origin.size,
                "package": item.origin.package,
                "version": item.origin.version,
                "suite": item.origin.suite,
            }
            for item in report.seeded
        ],
        "missing": [{**_source(item.source), "reason": item.reason} for item in report.missing],
        "warnings": list(report.warnings),
    }


def _source(source: FixedSource) -> dict[str, Any]:
    return {
        "name": source.name,
        "path": source.store_path,
        "derivation": source.derivation,
        "hash": source.digest.sri,
        "recursive": source.recursive,
        "urls": list(source.urls),
    }


def pass_on(words: Sequence[str]) -> list[str]:
    """Return the words of a command line with those that are for nix-instantiate marked as such."""
    counts = {"--arg": 2, "--argstr": 2, "--option": 2, "-I": 1}
    result: list[str] = []
    for_nix = 0
    for word in words:
        if not for_nix and word in counts:
            for_nix = 1 + counts[word]
        result.append(f"--nix-arg={word}" if for_nix else word)
        for_nix = max(0, for_nix - 1)
    return result
