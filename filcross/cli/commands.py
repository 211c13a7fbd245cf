"""The table of commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from filcross.cli import patch_nixpkgs

if TYPE_CHECKING:
    import typer


def register(app: typer.Typer) -> None:
    """Add every command to `app`; each module registers itself and imports what is heavy when it runs."""
    for module in (patch_nixpkgs,):
        module.register(app)
