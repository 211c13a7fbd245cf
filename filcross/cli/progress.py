"""How running builds look: one live line per build on a terminal, one line per event elsewhere."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from filcross.cli.output import paint
from filcross.words import duration

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Self

    from rich.live import Live

    from filcross.cli.output import Output
    from filcross.nix.build import Running
    from filcross.nix.events import Progress

HEARTBEAT_SECONDS = 30.0
QUICK_SECONDS = 1.0
_WIDTH_OF_NAME = 32


class PlainWatcher:
    """One line when a build begins and ends, and a heartbeat for what takes long."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._last = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del kind, error, trace

    def update(self, running: Sequence[Running], progress: Progress | None) -> None:
        """Say now and then what runs."""
        del progress
        now = time.monotonic()
        if now - self._last < HEARTBEAT_SECONDS:
            return
        self._last = now
        for build in running:
            phase = build.phase or "starting"
            self._output.say(f"  … {build.name}: {phase}, {duration(now - build.since)}")

    def started(self, name: str) -> None:
        """Say that a build began (with -v; otherwise its end is enough)."""
        self._output.detail(f"  building {name}")

    def finished(self, name: str, seconds: float, *, failed: bool) -> None:
        """Say that a build ended; quick ones only with -v."""
        if failed:
            self._output.say(f"  {paint('✗', 'bad')} {name} failed after {duration(seconds)}")
        elif seconds >= QUICK_SECONDS:
            self._output.say(f"  {paint('✓', 'good')} {name} built in {duration(seconds)}")
        else:
            self._output.detail(f"  {name} built in {duration(seconds)}")

    def log_line(self, name: str, line: str) -> None:
        """Show log lines with -vv."""
        if self._output.verbose > 1:
            self._output.say(f"{name}> {line}")


class LiveWatcher(PlainWatcher):
    """A region of the terminal with a line per running build, below the lines of `PlainWatcher`."""

    def __init__(self, output: Output) -> None:
        super().__init__(output)
        self._running: tuple[Running, ...] = ()
        self._progress: Progress | None = None
        self._live: Live | None = None

    def __enter__(self) -> Self:
        from rich.console import Console
        from rich.live import Live

        self._live = Live(
            console=Console(stderr=True),
            get_renderable=self._lines,
            refresh_per_second=4,
            transient=True,
            redirect_stderr=True,
        )
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def update(self, running: Sequence[Running], progress: Progress | None) -> None:
        """Remember what runs; the screen is drawn four times a second."""
        self._running, self._progress = tuple(running), progress

    def _lines(self) -> str:
        from rich.markup import escape

        now = time.monotonic()
        lines = []
        for build in self._running:
            phase = (build.phase or "starting").removesuffix("Phase")
            elapsed = duration(now - build.since)
            lines.append(f"  [cyan]▸[/] {escape(build.name):<{_WIDTH_OF_NAME}} {phase:<12} {elapsed}")
        if self._progress is not None and self._progress.expected:
            lines.append(f"  [dim]{self._progress.done} of {self._progress.expected} builds done[/]")
        return "\n".join(lines)


def watcher(output: Output) -> PlainWatcher:
    """Return the watcher that fits stderr."""
    live = sys.stderr.isatty() and not output.quiet and output.verbose < 2  # noqa: PLR2004
    return LiveWatcher(output) if live else PlainWatcher(output)
