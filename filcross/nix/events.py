"""Nix's `--log-format internal-json` as typed events.

The format is Nix's own (`src/libutil/logging.hh`): lines `@nix {json}` on stderr, where `action` is `start`,
`stop`, `result` or `msg`. Activity type 105 is a build, 104 the count of builds; result type 101 is a log
line, 104 a phase, 105 progress. Tried with Nix 2.8.0.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

_PREFIX = "@nix "
_BUILD = 105
_LOG_LINE = 101
_PHASE = 104
_PROGRESS = 105
_BUILDS = 104
_ERROR_LEVEL = 0
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass(frozen=True, slots=True)
class BuildStarted:
    """A derivation begins to build."""

    id: int
    derivation: str


@dataclass(frozen=True, slots=True)
class PhaseChanged:
    """A running build enters a phase."""

    id: int
    phase: str


@dataclass(frozen=True, slots=True)
class LogLine:
    """A running build wrote a line."""

    id: int
    line: str


@dataclass(frozen=True, slots=True)
class Stopped:
    """An activity (a build, or something else) ended, one way or the other."""

    id: int


@dataclass(frozen=True, slots=True)
class Progress:
    """The count of builds: done, expected, running, failed."""

    done: int
    expected: int
    running: int
    failed: int


@dataclass(frozen=True, slots=True)
class Message:
    """Something Nix says; `is_error` for its errors. Without escape sequences."""

    text: str
    is_error: bool


Event = BuildStarted | PhaseChanged | LogLine | Stopped | Progress | Message


class Parser:
    """Turns lines of stderr into events; remembers only which activity counts the builds."""

    def __init__(self) -> None:
        self._builds_id: int | None = None

    def feed(self, line: str) -> Event | None:
        """Return the event of one line, or None for what does not matter here.

        A line that is not in the format is a `Message` of its own: nothing is swallowed.
        """
        if not line.startswith(_PREFIX):
            text = strip_ansi(line)
            return Message(text, text.startswith("error:")) if text.strip() else None
        try:
            data = json.loads(line[len(_PREFIX) :])
        except json.JSONDecodeError:
            return Message(strip_ansi(line), is_error=False)
        return self._event(data) if isinstance(data, dict) else None

    def _event(self, data: dict[str, object]) -> Event | None:
        action, kind, identity = data.get("action"), data.get("type"), data.get("id")
        if action == "msg":
            text = strip_ansi(str(data.get("msg", "")))
            return Message(text, is_error=data.get("level") == _ERROR_LEVEL)
        if not isinstance(identity, int):
            return None
        fields = data.get("fields")
        values = fields if isinstance(fields, list) else []
        if action == "start" and kind == _BUILDS:
            self._builds_id = identity
        if action == "start" and kind == _BUILD and values:
            return BuildStarted(identity, str(values[0]))
        if action == "stop":
            return Stopped(identity)
        return self._result(kind, identity, values) if action == "result" and values else None

    def _result(self, kind: object, identity: int, values: list[object]) -> Event | None:
        if kind == _PHASE:
            return PhaseChanged(identity, str(values[0]))
        if kind == _LOG_LINE:
            return LogLine(identity, strip_ansi(str(values[0])))
        counts = [value for value in values if isinstance(value, int)]
        if kind == _PROGRESS and identity == self._builds_id and len(counts) == 4:  # noqa: PLR2004
            return Progress(*counts)
        return None


def strip_ansi(text: str) -> str:
    """Return `text` without terminal escape sequences."""
    return _ANSI.sub("", text)
