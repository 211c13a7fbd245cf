"""`filcross export-patches`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from filcross.cli.output import DebugOption, JsonOption, Output, QuietOption, VerboseOption

EXAMPLES = """Examples:

  filcross export-patches ~/nixpkgs --output ~/filc-series

  git -C ~/nixpkgs am ~/filc-series/*.patch
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("export-patches", epilog=EXAMPLES)(export_patches)


def export_patches(
    tree: Annotated[Path, typer.Argument(metavar="TREE", help="The folder of a nixpkgs tree.")],
    output: Annotated[Path, typer.Option("--output", metavar="DIR", help="The new folder for the patches.")],
    as_json: JsonOption = False,
    verbose: VerboseOption = 0,
    quiet: QuietOption = False,
    debug: DebugOption = False,
) -> None:
    """Write the Fil-C platform as a git series for nixpkgs: a draft that a person completes.

    Beside the edits of patch-nixpkgs it has tests, the wrappers, packages made from a pinned release,
    gnu-config, and the manual. The tree stays as it is. What the tree has no place for is left out, and said.
    The messages are notes: nixpkgs wants text that the person who sends it has written.
    """
    del debug
    from filcross.nixpkgs import patch, series
    from filcross.nixpkgs.checkout import open_checkout

    say = Output(as_json, verbose, quiet)
    patch.recover(tree, on_wait=say.say)
    written = series.export(open_checkout(tree), output)
    for mail in written.mails:
        say.say(f"{mail.name}: {mail.subject}")
        for name in mail.changed:
            say.detail(f"  {name}")
    for one in written.left_out:
        say.warn(f"left out of {one.step}: {one.change} ({one.reason})")
    say.result(
        f"wrote {len(written.mails)} patches to {written.folder}: README.md there says what is left to do"
    )
    say.document("export-patches", {**asdict(written), "folder": str(written.folder)})
