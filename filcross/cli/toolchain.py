"""`filcross toolchain`: the Fil-C toolchains that filcross can use."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from filcross.cli.output import DebugOption, JsonOption, Output, QuietOption, VerboseOption

if TYPE_CHECKING:
    from filcross.toolchain.layout import Toolchain

_app = typer.Typer(
    help=(
        "The Fil-C toolchains that filcross can use: releases on this machine, and the ABI simulator, which "
        "has Fil-C's shape and is not memory-safe."
    ),
    no_args_is_help=True,
)


def register(app: typer.Typer) -> None:
    """Add the command group to `app`."""
    app.add_typer(_app, name="toolchain")


@_app.command("list", epilog="Example: filcross toolchain list --json")
def list_toolchains(
    as_json: JsonOption = False,
    verbose: VerboseOption = 0,
    quiet: QuietOption = False,
    debug: DebugOption = False,
) -> None:
    """List the toolchains that have a name."""
    del debug
    from filcross.toolchain import store

    output = Output(as_json, verbose, quiet)
    entries = store.entries()
    if not entries:
        output.result("no toolchain is installed yet; the simulator is made when it is first needed")
    for entry in entries:
        if entry.toolchain is None:
            output.result(f"{entry.name}: cannot be used: {entry.problem}")
        else:
            output.result(f"{entry.name}: Fil-C {entry.toolchain.label}, {entry.toolchain.root}")
    output.document(
        "toolchains",
        {
            "toolchains": [
                {"name": entry.name, "problem": entry.problem}
                | (_describe(entry.toolchain) if entry.toolchain else {})
                for entry in entries
            ]
        },
    )


@_app.command(
    epilog="Examples: filcross toolchain install simulator; "
    "filcross toolchain install ~/filc-0.686-linux-x86_64 --name current"
)
def install(
    source: Annotated[str, typer.Argument(help="`simulator`, or the folder of an unpacked release.")],
    name: Annotated[str | None, typer.Option(help="The name to give it (default: filc-VERSION).")] = None,
    as_json: JsonOption = False,
    verbose: VerboseOption = 0,
    quiet: QuietOption = False,
    debug: DebugOption = False,
) -> None:
    """Make the simulator, or give an unpacked release a name (its folder stays where it is)."""
    del debug
    from filcross.errors import UsageError
    from filcross.toolchain import store

    output = Output(as_json, verbose, quiet)
    if source == store.SIMULATOR:
        if name not in {None, store.SIMULATOR}:
            raise UsageError("the simulator has one name", hint="leave out --name")
        output.say("making the ABI simulator from this machine's clang and musl (a few seconds) …")
        toolchain = store.ensure(store.SIMULATOR)
    else:
        toolchain = store.install(Path(source).expanduser(), name=name)
    output.result(f"{toolchain.name}: Fil-C {toolchain.label}, {toolchain.root}")
    output.document("toolchain", {"toolchain": _describe(toolchain)})


@_app.command(
    epilog="Examples: filcross toolchain show simulator; filcross toolchain show ./filc-0.686-linux-x86_64"
)
def show(
    wanted: Annotated[str, typer.Argument(metavar="NAME|PATH", help="A toolchain's name, or its folder.")],
    as_json: JsonOption = False,
    verbose: VerboseOption = 0,
    quiet: QuietOption = False,
    debug: DebugOption = False,
) -> None:
    """Show what a toolchain is."""
    del debug
    from filcross.toolchain import store

    output = Output(as_json, verbose, quiet)
    toolchain = store.resolve(wanted)
    description = _describe(toolchain)
    for key, value in description.items():
        output.result(f"{key:10} {value}")
    output.document("toolchain", {"toolchain": description})


@_app.command(epilog="Example: filcross toolchain remove simulator")
def remove(
    name: Annotated[str, typer.Argument(help="The name to forget.")],
    as_json: JsonOption = False,
    verbose: VerboseOption = 0,
    quiet: QuietOption = False,
    debug: DebugOption = False,
) -> None:
    """Delete the simulator, or forget the name of a release (its folder stays)."""
    del debug
    from filcross.toolchain import store

    output = Output(as_json, verbose, quiet)
    store.remove(name)
    output.say(f"{name} is removed")
    output.document("toolchain-removed", {"name": name})


def _describe(toolchain: Toolchain) -> dict[str, Any]:
    return {
        "name": toolchain.name,
        "label": toolchain.label,
        "kind": toolchain.kind,
        "version": toolchain.version,
        "simulated": toolchain.simulated,
        "flavour": toolchain.flavour,
        "arch": toolchain.arch,
        "loader": toolchain.loader,
        "root": str(toolchain.root),
    }
