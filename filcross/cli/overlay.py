"""`filcross overlay`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from filcross.cli.output import DebugOption, JsonOption, Output, QuietOption, VerboseOption

EXAMPLES = """Examples:

  filcross overlay --output ./filc-overlay

  filcross overlay --output ./filc-overlay --toolchain ~/filc-0.686-linux-x86_64

  filcross overlay --output ./filc-overlay --no-checks

Then, without filcross:

  nix-build -E 'import ./nixpkgs-patched { overlays = [ (import ./filc-overlay) ]; }' -A pkgsCross.filc.hello
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("overlay", epilog=EXAMPLES)(overlay)


def overlay(
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder to write.")],
    toolchain: Annotated[
        str | None, typer.Option("--toolchain", help="A toolchain's name, its folder, or `simulator`.")
    ] = None,
    checks: Annotated[
        bool | None,
        typer.Option("--checks/--no-checks", help="Packages run their tests, where the tree has them do so."),
    ] = None,
    refuse_languages: Annotated[
        bool | None,
        typer.Option(
            "--refuse-languages/--no-refuse-languages",
            help="Refuse Rust, Go, Haskell and the like while they are evaluated.",
        ),
    ] = None,
    as_json: JsonOption = False,
    verbose: VerboseOption = 0,
    quiet: QuietOption = False,
    debug: DebugOption = False,
) -> None:
    """Write the Nix overlay that makes Fil-C the compiler of `pkgsCross.filc` in a patched nixpkgs."""
    del debug
    from filcross import config
    from filcross.overlay import knobs, write_overlay
    from filcross.ports import catalogue
    from filcross.toolchain.selection import select

    screen = Output(as_json, verbose, quiet)
    settings = config.load({"toolchain": toolchain})
    chosen = knobs(settings.knobs, {"checks": checks, "refuse_languages": refuse_languages})
    ports = catalogue.with_users(settings.ports)
    selection = select(settings.toolchain, screen.say)
    screen.say(f"toolchain: {selection.toolchain.label} ({selection.why})")
    written = write_overlay(selection.toolchain, output, ports, chosen)
    screen.result(f"overlay written to {written.root}")
    expression = f"import <patched nixpkgs> {{ overlays = [ (import {written.root}) ]; }}"
    screen.say(f"use it: nix-build -E {shlex.quote(expression)} -A pkgsCross.filc.hello")
    screen.document("overlay", {"overlay": str(written.root), "parameters": dict(written.parameters)})
