"""The command line: parse, call one station, render. The only place that prints or exits."""

from __future__ import annotations

import gc
import signal
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from filcross import __version__
from filcross.errors import FilcrossError, NothingToJudgeError

if TYPE_CHECKING:
    from collections.abc import Sequence

EPILOG = (
    "Exit codes: 0 yes; 1 the verdict is no; 2 usage or configuration; 3 the environment lacks something; "
    "4 nothing to check, or not judgeable; 5 input not supported; 6 a build failed; 130 interrupted."
)

_GARBAGE_THRESHOLD = 50_000

app = typer.Typer(
    name="filcross",
    help="Fil-C, the memory-safe C and C++ compiler, as an ordinary cross target of nixpkgs.",
    epilog=EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(value: bool) -> None:
    if value:
        typer.echo(f"filcross {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Hold the options that stand before a command."""


def _register(arguments: Sequence[str]) -> list[str]:
    """Add the commands (only the one that `arguments` begin with, if any; none for the version)."""
    from filcross.cli import commands

    return commands.register(app, arguments) if arguments != ["--version"] else ["--version"]


def _terminate(number: int, frame: object) -> None:
    """End as for an interrupt, so that children are stopped and locks and journals are put in order."""
    del number, frame
    raise KeyboardInterrupt


def _listen() -> None:
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup(1) asks
            signal.signal(number, _terminate)


def main() -> None:
    """Run the command line: the one handler that turns an error into words and an exit code."""
    from filcross.cli import output

    gc.set_threshold(_GARBAGE_THRESHOLD)  # imports make many objects that stay: looking at them is wasted
    _listen()
    arguments = _register(sys.argv[1:])
    try:
        app(args=arguments)
    except FilcrossError as error:
        output.show_error(error, as_json="--json" in sys.argv)
        if "--debug" in sys.argv:
            raise
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        output.show_interrupt(as_json="--json" in sys.argv)
        sys.exit(output.INTERRUPTED)
    except SystemExit as end:
        output.show_end(end, as_json="--json" in sys.argv)
        raise
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(NothingToJudgeError.exit_code)  # whoever was to read the answer did not: that is no yes
    except OSError as error:
        if "--debug" in sys.argv:
            raise
        failure = output.explain_os_error(error)
        output.show_error(failure, as_json="--json" in sys.argv)
        sys.exit(failure.exit_code)
    except Exception as error:
        if "--debug" in sys.argv:
            raise
        failure = output.explain_bug(error)
        output.show_error(failure, as_json="--json" in sys.argv)
        sys.exit(failure.exit_code)
