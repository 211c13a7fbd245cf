"""The table of commands: names and modules. A module is imported only for its command, and for help."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import typer

MODULES = {
    "doctor": "doctor",
    "toolchain": "toolchain",
    "patch-nixpkgs": "patch_nixpkgs",
    "export-patches": "export_patches",
    "overlay": "overlay",
    "survey": "survey",
    "plan": "plan",
    "ports": "ports",
    "build": "build",
    "seed-sources": "seed_sources",
    "verify": "verify",
    "why": "why",
    "matrix": "matrix",
    "cache": "cache",
}


def register(app: typer.Typer, arguments: Sequence[str] = ()) -> list[str]:
    """Add the commands to `app`; each module registers itself and imports what is heavy when it runs.

    `arguments` are those of the command line: when the first is a command, only that one is added. Returns
    the arguments as that command takes them.
    """
    first = arguments[0] if arguments else None
    for name, module in MODULES.items():
        if first not in MODULES or first == name:
            importlib.import_module(f"filcross.cli.{module}").register(app)
    if first == "seed-sources":
        from filcross.cli.seed_sources import pass_on

        return pass_on(arguments)
    return list(arguments)
