"""`filcross cache`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from filcross.cli.output import DebugOption, JsonOption, Output, QuietOption, VerboseOption
from filcross.errors import UsageError

EXAMPLES = """Examples:

  filcross cache                 what is in the cache, and how much

  filcross cache prune           remove what nobody used for a day

  filcross cache prune --all     remove everything but the private Nix store

  du -sh "$(filcross cache dir)"
"""
ACTIONS = ("size", "prune", "dir")
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_STEP = 1024


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("cache", epilog=EXAMPLES)(cache)


def cache(
    action: Annotated[str, typer.Argument(metavar="[size|prune|dir]", help="What to do.")] = "size",
    everything: Annotated[bool, typer.Option("--all", help="With prune: what is in use, too.")] = False,
    as_json: JsonOption = False,
    verbose: VerboseOption = 0,
    quiet: QuietOption = False,
    debug: DebugOption = False,
) -> None:
    """Look at the cache, or remove what is old from it. Everything in it can be made again."""
    del debug
    from filcross import cache as station
    from filcross import config

    if action not in ACTIONS:
        raise UsageError(f"`{action}` is nothing to do with the cache", hint=f"one of: {', '.join(ACTIONS)}")
    if everything and action != "prune":
        raise UsageError("--all belongs to prune", hint="filcross cache prune --all")
    say = Output(as_json, verbose, quiet)
    root = str(config.cache_path())
    if action == "dir":
        if as_json:
            say.document("cache", {"action": action, "dir": root})
        else:
            typer.echo(root)
        return
    buckets = station.prune(everything=everything) if action == "prune" else station.measure()
    for bucket in buckets:
        say.say(f"{_readable(bucket.bytes):>10}  {bucket.items:5}  {bucket.name}: {bucket.what}")
    total = sum(bucket.bytes for bucket in buckets)
    say.result(
        f"removed {_readable(total)} from {root}" if action == "prune" else f"{_readable(total)} in {root}"
    )
    content = {
        "action": action,
        "dir": root,
        "buckets": [asdict(bucket) for bucket in buckets],
        "bytes": total,
    }
    say.document("cache", content)


def _readable(size: int) -> str:
    """Return a number of bytes as a person reads it."""
    number = float(size)
    for unit in _UNITS[:-1]:
        if number < _STEP:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= _STEP
    return f"{number:.1f} {_UNITS[-1]}"
