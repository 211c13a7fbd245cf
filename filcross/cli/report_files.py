"""Reports written to files, in the format that each file's name says."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from filcross.elf.verdict import Report

FORMATS = (".json", ".sarif", ".xml", ".html", ".txt")
HELP = "Write a report too: .json, .sarif, .xml (JUnit), .html or .txt (repeatable)."


def check(targets: Sequence[Path]) -> None:
    """Raise `UsageError` for a name that says no format, before anything is judged."""
    from filcross.errors import UsageError

    for target in targets:
        if target.suffix not in FORMATS:
            raise UsageError(
                f"no report format is known for {target}",
                hint=f"name a file ending in {', '.join(FORMATS[:-1])} or {FORMATS[-1]}",
            )


def write(targets: Sequence[Path], report: Report) -> None:
    """Write the report to each of `targets`, which are wholly old or wholly new."""
    from filcross.report import files

    for target in targets:
        files.write(target, _render(target.suffix, report))


def _render(suffix: str, report: Report) -> Iterator[str]:
    import json as codec

    from filcross import __version__
    from filcross.cli.output import SCHEMA_VERSION
    from filcross.report import html, json, junit, sarif, text

    if suffix == ".xml":
        yield junit.render(report)
    elif suffix == ".html":
        yield html.render(report)
    elif suffix == ".txt":
        yield text.render(report, verbose=1) + "\n"
    elif suffix == ".sarif":
        yield codec.dumps(sarif.render(report, __version__), indent=1) + "\n"
    else:
        document = {"schema_version": SCHEMA_VERSION, "kind": "verify", **json.streamed(report)}
        yield from codec.JSONEncoder(indent=1).iterencode(document)
        yield "\n"
