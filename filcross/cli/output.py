"""What people and programs read: people on stderr, one JSON document on stdout."""

from __future__ import annotations

import errno
import itertools
import json
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from filcross.errors import FilcrossError, MissingRequirementError, NothingToJudgeError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SCHEMA_VERSION = 1
INTERRUPTED = 130
_PIECES = 10_000

JsonOption = Annotated[bool, typer.Option("--json", help="Write one JSON document to stdout.")]
VerboseOption = Annotated[
    int, typer.Option("-v", "--verbose", count=True, help="Say more (twice: everything).")
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but the result and errors.")]
DebugOption = Annotated[bool, typer.Option("--debug", help="Show a traceback when something fails.")]

_STYLES = {"good": "32", "bad": "31", "warn": "33", "dim": "2", "bold": "1"}


def use_colour(stream: Any) -> bool:  # noqa: ANN401
    """Decide about colour: NO_COLOR, then FORCE_COLOR, then whether `stream` is a terminal."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return bool(stream.isatty()) and os.environ.get("TERM") != "dumb"


def paint(text: str, style: str) -> str:
    """Return `text` for stderr in a style (`good`, `bad`, `warn`, `dim`, `bold`), plain without colour."""
    return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if use_colour(sys.stderr) else text


def painter() -> Callable[[str, str], str] | None:
    """Return what paints many pieces of text for stderr, `None` without colour."""
    return paint if use_colour(sys.stderr) else None


@dataclass(frozen=True, slots=True)
class Output:
    """How much one command says, and whether its result is JSON."""

    as_json: bool = False
    verbose: int = 0
    quiet: bool = False

    def say(self, text: str) -> None:
        """Tell a person what happens and why."""
        if not self.quiet:
            _write(text)

    def detail(self, text: str) -> None:
        """Tell a person who asked for more (-v)."""
        if self.verbose and not self.quiet:
            _write(paint(text, "dim"))

    def warn(self, text: str) -> None:
        """Tell a person about something that matters, even with --quiet."""
        _write(f"{paint('warning:', 'warn')} {text}")

    def remembering(self) -> tuple[Callable[[str], None], list[str]]:
        """Return what warns as `warn` does, and the list of the warnings so far, for the document."""
        said: list[str] = []

        def warn(text: str) -> None:
            said.append(text)
            self.warn(text)

        return warn, said

    def result(self, text: str) -> None:
        """Show the result to a person (also with --quiet, unless it went out as JSON)."""
        if not (self.quiet and self.as_json):
            _write(text)

    def document(self, kind: str, content: Mapping[str, Any]) -> None:
        """Write the one JSON document of a command, if JSON was asked for."""
        if self.as_json:
            write_document(kind, content)


def _write(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def write_document(kind: str, content: Mapping[str, Any]) -> None:
    """Write `{"schema_version": 1, "kind": kind, ...}` to stdout."""
    document = {"schema_version": SCHEMA_VERSION, "kind": kind, **content}
    pieces = json.JSONEncoder(indent=2, default=str).iterencode(document)
    while part := "".join(itertools.islice(pieces, _PIECES)):  # a report may be tens of megabytes
        sys.stdout.write(part)
    sys.stdout.write("\n")
    sys.stdout.flush()


def show_error(error: FilcrossError, *, as_json: bool) -> None:
    """Print the `error:` and `help:` lines of `error`, and its JSON document if asked for."""
    _write(f"{paint('error:', 'bad')} {error.message}")
    for line in error.details:
        _write(f"  | {line}")
    if error.hint:
        _write(f"{paint('help:', 'good')} {error.hint}")
    if as_json:
        write_error(error)


def write_error(error: FilcrossError) -> None:
    """Write the JSON document of an error."""
    content = {"message": error.message, "hint": error.hint, "details": list(error.details)}
    write_document("error", {"exit_code": error.exit_code, "error": content})


def show_interrupt(*, as_json: bool) -> None:
    """Say that a command was interrupted, in words and as JSON if asked for."""
    _write("interrupted")
    if as_json:
        error: dict[str, Any] = {"message": "interrupted", "hint": None, "details": []}
        write_document("error", {"exit_code": INTERRUPTED, "error": error})


def show_end(end: SystemExit, *, as_json: bool) -> None:
    """Say why typer ended the program: an interrupt, or (only in JSON) a wrong command line."""
    describe = getattr(end.__context__, "format_message", None)
    if end.code == INTERRUPTED:
        show_interrupt(as_json=as_json)
    elif describe is not None and as_json:
        write_error(UsageError(describe(), hint="add --help to the command"))


def explain_os_error(error: OSError) -> FilcrossError:
    """Turn an operating system error that nobody foresaw into words (exit code 3)."""
    where = f" ({error.filename})" if error.filename else ""
    hints = {
        errno.ENOSPC: "free some disk space, or set XDG_CACHE_HOME and TMPDIR to a larger disk",
        errno.EROFS: "the file system is read-only: choose another folder (--output, XDG_CACHE_HOME)",
        errno.EACCES: "check the permissions, or choose a folder of your own",
        errno.EPERM: "check the permissions, or choose a folder of your own",
    }
    return MissingRequirementError(
        f"{error.strerror or error}{where}",
        hint=hints.get(error.errno or 0, "run again with --debug for the details"),
    )


def explain_bug(error: Exception) -> FilcrossError:
    """Turn an error that filcross itself is to blame for into words; the traceback goes to a file."""
    import tempfile
    import traceback

    text = "".join(traceback.format_exception(error))
    try:
        with tempfile.NamedTemporaryFile("w", prefix="filcross-error-", suffix=".txt", delete=False) as file:
            file.write(f"{sys.argv}\n{text}")
        where = f"the details are in {file.name}"
    except OSError:
        where = "run again with --debug for the details"
    return NothingToJudgeError(
        f"a fault of filcross itself: {type(error).__name__}: {error}",
        hint=f"please report it with what you ran; {where}",
    )
