"""`filcross doctor`."""

from __future__ import annotations

import dataclasses

import typer

from filcross.cli.output import DebugOption, JsonOption, Output, QuietOption, VerboseOption, paint
from filcross.errors import MissingRequirementError

EXAMPLES = """Examples:

  filcross doctor            a line for everything that filcross needs

  filcross doctor --json     the same for programs
"""
_MARKS = {"ok": ("✓", "good"), "note": ("•", "warn"), "lacking": ("✗", "bad")}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("doctor", epilog=EXAMPLES)(doctor)


def doctor(
    as_json: JsonOption = False,
    verbose: VerboseOption = 0,
    quiet: QuietOption = False,
    debug: DebugOption = False,
) -> None:
    """Look at this machine, change nothing, and say how to mend what is lacking (exit code 3)."""
    del debug
    from filcross import config
    from filcross.doctor import examine

    output = Output(as_json, verbose, quiet)
    checks = examine(config.load({}))
    for check in checks:
        mark, style = _MARKS[check.state]
        line = f"{paint(mark, style)} {check.name}: {check.found}"
        (output.result if check.state == "lacking" else output.say)(line)
        if check.fix:
            output.result(f"    fix: {check.fix}")
    lacking = [check for check in checks if check.state == "lacking"]
    output.document("doctor", {"ok": not lacking, "checks": [dataclasses.asdict(check) for check in checks]})
    if lacking:
        raise typer.Exit(MissingRequirementError.exit_code)
