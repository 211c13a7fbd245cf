"""Build derivations, follow them as they run, and tell causes from victims."""

from __future__ import annotations

import re
import time
from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from filcross.nix import events, graph, history

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from filcross.nix.command import Nix

TAIL_LINES = 25
LONGEST_LINE = 2000  # characters of a log's line that are kept
_DERIVATION = re.compile(r"'?(/[^\s']+\.drv)'?")
_TELLS = re.compile(
    r"^(?!make|checking).*(error:|: can(no|')t |undefined reference|multiple definition|command not found)"
    r"|No rule to"
)
_VICTIM = re.compile(r"dependencies of derivation|^error: build of |^error: some dependencies")
_STORE_NAME = re.compile(r"^[0-9a-z]{32}-(.+?)(\.drv)?$")


@dataclass(frozen=True, slots=True)
class Failure:
    """A derivation that failed by itself: why, the end of its log, and the command for the whole log."""

    derivation: str
    name: str
    message: str
    tail: tuple[str, ...]
    log_command: str
    fixed_output: bool

    @property
    def told(self) -> str:
        """The first line at the end of the log that tells of an error; else the message."""
        return next((line.strip() for line in self.tail if _TELLS.search(line)), self.message)


@dataclass(frozen=True, slots=True)
class BuildResult:
    """What became of one attribute: its outputs by name, or the failures that stand in its way."""

    attribute: str
    derivation: str
    outputs: Mapping[str, Path]
    built: bool
    causes: tuple[Failure, ...] = ()


@dataclass(frozen=True, slots=True)
class Running:
    """A build under way: its package, its phase, its last line, and when it began (`time.monotonic`)."""

    name: str
    phase: str
    line: str
    since: float


class Watcher(Protocol):
    """What wants to know how the builds go."""

    def update(self, running: Sequence[Running], progress: events.Progress | None) -> None:
        """Show the builds that run now."""

    def started(self, name: str) -> None:
        """Say that a build began."""

    def finished(self, name: str, seconds: float, *, failed: bool) -> None:
        """Say that a build ended."""

    def log_line(self, name: str, line: str) -> None:
        """Take a line of a build's log."""


@dataclass(slots=True)
class _Active:
    derivation: str
    since: float
    phase: str = ""
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=TAIL_LINES))


class _Tracker:
    """Follows the events of one `nix-store --realise`."""

    def __init__(
        self,
        watcher: Watcher | None,
        is_there: Callable[[str], bool],
        record: Callable[[history.Build], None] | None,
    ) -> None:
        self._watcher = watcher
        self._is_there = is_there
        self._record = record
        self._parser = events.Parser()
        self._active: dict[int, _Active] = {}
        self._progress: events.Progress | None = None
        self.tails: dict[str, tuple[str, ...]] = {}
        self.errors: dict[str, str] = {}
        self.other_errors: list[str] = []

    def begin(self) -> None:
        """Forget what another Nix was doing: it has ended, and this one counts anew."""
        self._active.clear()
        self._progress = None

    def feed(self, line: str) -> None:
        event = self._parser.feed(line)
        match event:
            case events.BuildStarted(identity, derivation):
                self._active[identity] = _Active(derivation, time.monotonic())
                self._tell_started(derivation)
            case events.PhaseChanged(identity, phase) if identity in self._active:
                self._active[identity].phase = phase
            case events.LogLine(identity, text) if identity in self._active:
                line = _shortened(text)
                self._active[identity].tail.append(line)
                if self._watcher is not None:
                    self._watcher.log_line(package_name(self._active[identity].derivation), line)
            case events.Stopped(identity) if identity in self._active:
                self._stop(self._active.pop(identity))
            case events.Progress():
                self._end_built(event)
                self._progress = event
            case events.Message(text, is_error=True):
                self._error(text)
            case _:
                return
        if self._watcher is not None:
            self._watcher.update(self._running(), self._progress)

    def _end_built(self, progress: events.Progress) -> None:
        """End what is built although Nix has not stopped it yet.

        Nix keeps the activities of the derivations that it was asked for open until all of them are done;
        only its counts tell that one of them has ended.
        """
        before = self._progress.done if self._progress is not None else 0
        if progress.done <= before or progress.running >= len(self._active):
            return
        certain = progress.running == 0 and len(self._active) == progress.done - before
        for identity, active in list(self._active.items()):
            if certain or self._is_there(active.derivation):
                self._stop(self._active.pop(identity))

    def _tell_started(self, derivation: str) -> None:
        if self._watcher is not None:
            self._watcher.started(package_name(derivation))

    def _stop(self, active: _Active) -> None:
        self.tails[active.derivation] = tuple(active.tail)
        seconds = time.monotonic() - active.since
        # Nix says why a build failed when all have ended; and one that it gave up ends like any other.
        failed = active.derivation in self.errors or not self._is_there(active.derivation)
        name = package_name(active.derivation)
        if self._watcher is not None:
            self._watcher.finished(name, seconds, failed=failed)
        if self._record is not None and not failed:
            self._record(history.Build(active.derivation, name, seconds))

    def _error(self, text: str) -> None:
        if _VICTIM.search(text):
            return
        found = _DERIVATION.search(text)
        message = text.removeprefix("error:").strip()
        if found is None:
            self.other_errors.append(message)
        else:
            self.errors.setdefault(found.group(1), message)
            for identity, active in list(self._active.items()):
                if active.derivation == found.group(1):
                    self._stop(self._active.pop(identity))

    def _running(self) -> list[Running]:
        return [
            Running(package_name(a.derivation), a.phase, a.tail[-1] if a.tail else "", a.since)
            for a in self._active.values()
        ]


def _shortened(line: str) -> str:
    more = len(line) - LONGEST_LINE
    return line if more <= 0 else f"{line[:LONGEST_LINE]}… and {more} more characters"


def package_name(store_path: str) -> str:
    """Return the readable name in a store path: `hello-2.10` for `/nix/store/<hash>-hello-2.10.drv`."""
    base = store_path.rsplit("/", maxsplit=1)[-1]
    match = _STORE_NAME.match(base)
    return match.group(1) if match else base


def build(
    nix: Nix,
    wanted: Mapping[str, str],
    *,
    roots: Path,
    watcher: Watcher | None = None,
    keep_going: bool = True,
    record: Callable[[history.Build], None] | None = None,
) -> list[BuildResult]:
    """Build the derivations `wanted` (attribute to store derivation) with all their outputs.

    `roots` is a folder for garbage-collector roots. `record` gets each build that succeeds (see
    `filcross.nix.history`). Nothing is raised for a failing build: each result says whether its outputs are
    there and, if not, which derivations failed by themselves.
    """
    roots.mkdir(parents=True, exist_ok=True)

    def is_there(derivation: str) -> bool:
        outputs = list(nix.outputs(derivation).values())
        return len(nix.invalid_paths(outputs)) < len(outputs)  # another machine may keep some of them

    tracker = _Tracker(watcher, is_there, record)
    left = list(dict.fromkeys(wanted.values()))
    results: dict[str, BuildResult] = {}
    while left:
        arguments: list[str | Path] = ["--realise", *left, "--log-format", "internal-json"]
        arguments += ["--add-root", roots / f"out{len(results) or ''}", "--indirect"]
        if keep_going:
            arguments.append("--keep-going")
        tracker.begin()
        nix.run("nix-store", *arguments, check=False, timeout=None, on_stderr=tracker.feed)
        # Some errors (outputs that refer to each other) end Nix, and what it builds beside is tried again.
        ended = {each: _result(nix, each, tracker) for each in left}
        explained = {each for each, result in ended.items() if result.built or result.causes}
        again = keep_going and 0 < len(explained) < len(left)
        results |= {each: ended[each] for each in (explained if again else left)}
        left = [each for each in left if each not in results]
    return [_explained(nix, attribute, results[each], tracker) for attribute, each in wanted.items()]


def _explained(nix: Nix, attribute: str, result: BuildResult, tracker: _Tracker) -> BuildResult:
    causes = result.causes
    if not result.built and not causes:
        message = "; ".join(tracker.other_errors) or "Nix gave no reason"
        causes = (_failure(nix, result.derivation, message, tracker),)
    return replace(result, attribute=attribute, causes=causes)


def _result(nix: Nix, derivation: str, tracker: _Tracker) -> BuildResult:
    outputs = nix.outputs(derivation)
    missing = nix.invalid_paths(list(outputs.values()))
    if not missing:
        return BuildResult("", derivation, outputs, built=True)
    closure = {str(path) for path in nix.requisites(derivation)}
    causes = tuple(
        _failure(nix, failed, message, tracker)
        for failed, message in tracker.errors.items()
        if failed in closure
    )
    return BuildResult("", derivation, outputs, built=False, causes=causes)


def _failure(nix: Nix, derivation: str, message: str, tracker: _Tracker) -> Failure:
    first = message.splitlines()[0] if message else ""
    return Failure(
        derivation=derivation,
        name=package_name(derivation),
        message=first.rstrip(";"),
        tail=tracker.tails.get(derivation, ()) or tuple(message.splitlines()[1:]),
        log_command=f"{nix.environment_prefix()}nix-store --read-log {derivation}",
        fixed_output=graph.is_fixed_output(derivation),
    )
