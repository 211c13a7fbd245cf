"""The table of commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from filcross.cli import build, doctor, overlay, patch_nixpkgs, toolchain, verify

if TYPE_CHECKING:
    import typer


def register(app: typer.Typer) -> None:
    """Add every command to `app`; each module registers itself and imports what is heavy when it runs."""
    for module in (doctor, toolchain, patch_nixpkgs, overlay, build, verify):
        module.register(app)
