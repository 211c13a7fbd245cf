"""The errors that a user can cause or meet, each with a hint and an exit code.

The command line catches `FilcrossError` in one place (`filcross.cli.main`) and prints `error:` and
`help:` lines from it. Exit codes: 0 yes, 1 the verdict is no, 2 usage or configuration, 3 the environment
lacks something, 4 nothing to check or not judgeable, 5 input not supported, 6 a build failed,
130 interrupted.
"""

from __future__ import annotations

from typing import ClassVar


class FilcrossError(Exception):
    """Base of every failure with an explanation for the user.

    `message` says what happened and where, `hint` what to do next (a command where there is one), and
    `details` holds lines to show below the message (the end of a log, for instance).
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str | None = None, details: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = details


class VerdictError(FilcrossError):
    """The answer to the question asked is no (a tree that is not patched, for instance)."""

    exit_code = 1


class UsageError(FilcrossError):
    """The command line or a configuration file is wrong."""

    exit_code = 2


class MissingRequirementError(FilcrossError):
    """The machine lacks something: a program, permission, space, a running daemon."""

    exit_code = 3


class NothingToJudgeError(FilcrossError):
    """There was nothing to check, or it could not be judged."""

    exit_code = 4


class UnsupportedInputError(FilcrossError):
    """The input is not what it should be: not a nixpkgs tree, not a toolchain, an unknown shape."""

    exit_code = 5


class BuildFailedError(FilcrossError):
    """Nix could not build or evaluate what was asked for."""

    exit_code = 6
