"""The only place that starts processes, on top of the `sh` library.

Every child gets an argument list (never a shell line), its own session, no terminal, and `LC_ALL=C`. When
the user interrupts, or a time limit passes, the child's whole process group is asked to end (SIGTERM) and
made to (SIGKILL) three seconds later.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from filcross.errors import BuildFailedError, FilcrossError, MissingRequirementError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

GRACE_SECONDS = 3.0
TAIL_LINES = 25
_BLOCK = 65536
_PR_SET_CHILD_SUBREAPER = 36  # prctl(2)

_HINTS = {
    "nix-build": "install Nix 2.8 or newer (Debian: apt-get install nix-bin)",
    "nix-instantiate": "install Nix 2.8 or newer (Debian: apt-get install nix-bin)",
    "nix-store": "install Nix 2.8 or newer (Debian: apt-get install nix-bin)",
    "git": "install git (Debian: apt-get install git)",
    "patchelf": "install patchelf (Debian: apt-get install patchelf)",
    "make": "install make (Debian: apt-get install make)",
    "objcopy": "install binutils (Debian: apt-get install binutils)",
}


@dataclass(frozen=True, slots=True)
class Completed:
    """What a finished child left: its argument list, exit status (negative for a signal) and output."""

    argv: tuple[str, ...]
    exit_code: int
    stdout: str
    stderr: str

    @property
    def command_line(self) -> str:
        """The command as a person would type it."""
        return shlex.join(self.argv)


class ProcessFailedError(BuildFailedError):
    """A child ended with a status that its caller did not expect."""

    def __init__(self, completed: Completed, *, hint: str | None = None) -> None:
        lines = (completed.stderr or completed.stdout).rstrip().splitlines()
        super().__init__(
            f"`{completed.command_line}` failed with exit code {completed.exit_code}",
            hint=hint,
            details=tuple(lines[-TAIL_LINES:]),
        )
        self.completed = completed


class ProcessTimeoutError(FilcrossError):
    """A child did not end within its time limit (seconds), or fell silent, and was stopped."""

    exit_code = MissingRequirementError.exit_code


class ProcessStoppedError(FilcrossError):
    """A child was stopped because its caller did not want it any more."""


def find_program(name: str, *, path: str | None = None, hint: str | None = None) -> str:
    """Return the absolute path of the program `name`, or raise `MissingRequirementError`."""
    found = shutil.which(name, path=path)
    if found is None:
        raise MissingRequirementError(
            f"the program `{name}` is not on PATH",
            hint=hint or _HINTS.get(os.path.basename(name), f"install `{name}` and try again"),  # noqa: PTH119
        )
    return os.path.abspath(found)  # noqa: PTH100  (a symlinked driver must keep the name it was called by)


def run(
    argv: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    check: bool = True,
    timeout: float | None = None,
    idle_timeout: float | None = None,
    stop: threading.Event | None = None,
    stdin: str | None = None,
    on_stdout: Callable[[str], None] | None = None,
    on_stderr: Callable[[str], None] | None = None,
    hint: str | None = None,
    most: int | None = None,
) -> Completed:
    """Run `argv` to its end and return what it left.

    `env` holds additions to the current environment. `timeout` is in seconds, and so is `idle_timeout`, for
    which the child may be silent. `on_stdout` and `on_stderr` get each line (without its newline) as it
    comes, from another thread. A child that writes more than `most` characters to a stream is ended, and
    `ProcessStoppedError` raised. With `check`, a status other than 0 raises `ProcessFailedError` (with
    `hint`). A missing program raises `MissingRequirementError`, a time limit `ProcessTimeoutError`. When
    `stop` is set, from another thread, the child is ended and `ProcessStoppedError` raised.
    """
    import sh

    program, *arguments = [os.fspath(item) for item in argv]
    watch = _Watch(timeout, idle_timeout, stop)
    stdout, stderr = _Lines(on_stdout, watch, most), _Lines(on_stderr, watch, most)
    command = _command(argv, cwd=cwd, env=env, stdin=stdin or "", streams=(stdout, stderr))
    with _deferred_signals() as interrupted:
        running = _start(command, hint)
    watch.begin(lambda: _stop(running))
    try:
        interrupted()
        exit_code = _wait(running, sh)
    except BaseException:
        _stop(running)
        raise
    finally:
        watch.end()
    completed = Completed((program, *arguments), exit_code, stdout.text(), stderr.text())
    if watch.verdict:
        unwanted = watch.flooded or (stop is not None and stop.is_set())
        kind = ProcessStoppedError if unwanted else ProcessTimeoutError
        raise kind(
            f"`{completed.command_line}` {watch.verdict} and was stopped",
            hint=hint,
            details=tuple(completed.stderr.splitlines()[-TAIL_LINES:]),
        )
    if check and exit_code != 0:
        raise ProcessFailedError(completed, hint=hint)
    return completed


@contextlib.contextmanager
def background(
    argv: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    most: int | None = None,
) -> Iterator[Background]:
    """Run `argv` (a server, for instance) while the body of the `with` runs, then end it as at an interrupt.

    Arguments and errors are those of `run`; what it writes beyond `most` characters is dropped.
    """
    output = _Lines(None, None, most)
    command = _command(argv, cwd=cwd, env=env, stdin="", streams=(output, output))
    with _deferred_signals() as interrupted:
        running = _start(command, None)
    try:
        interrupted()
        yield Background(running, output)
    finally:
        _stop(running)
        with contextlib.suppress(Exception):  # however it ended, it was told to
            running.wait()  # type: ignore[attr-defined]


class Background:
    """A child that runs beside; see `background`."""

    def __init__(self, running: object, output: _Lines) -> None:
        self._running = running
        self._output = output

    @property
    def alive(self) -> bool:
        """Whether the child still runs."""
        return bool(self._running.is_alive())  # type: ignore[attr-defined]

    @property
    def printed(self) -> str:
        """What the child has written so far, to both streams."""
        return self._output.text()


def _command(
    argv: Sequence[str | Path],
    *,
    cwd: Path | None,
    env: Mapping[str, str] | None,
    stdin: str,
    streams: tuple[_Lines, _Lines],
) -> Callable[[], object]:
    """Return the child to be, with the house's ways: no terminal, a session of its own, text as UTF-8."""
    import sh

    program, *arguments = [os.fspath(item) for item in argv]
    merged = {**os.environ, "LC_ALL": "C", **(env or {})}
    command: Callable[[], object] = sh.Command(find_program(program, path=merged.get("PATH"))).bake(
        *arguments,
        _bg=True,
        _bg_exc=False,
        _cwd=os.fspath(cwd) if cwd else None,
        _env=merged,
        _in=stdin,
        _out=streams[0].feed,
        _err=streams[1].feed,
        _out_bufsize=streams[0].buffer,
        _err_bufsize=streams[1].buffer,
        _tty_out=False,
        _new_session=True,
        _decode_errors="replace",
        _encoding="utf-8",
        _ok_code=list(range(256)),
    )
    return command


def _start(command: Callable[[], object], hint: str | None) -> object:
    import sh

    try:
        return command()
    except sh.ForkException as error:
        raise MissingRequirementError(
            f"`{command}` cannot be started: {_start_failure(error)}",
            hint=hint
            or "a program whose loader or interpreter is not on this machine says no more than that",
        ) from error


def _start_failure(error: Exception) -> str:
    """Return the last line of the trace that a child leaves that could not become its program."""
    lines = str(error).strip().splitlines()
    return lines[-1].strip().partition(": ")[2] or "no reason given"


@contextlib.contextmanager
def _deferred_signals() -> Iterator[Callable[[], None]]:
    """Hold back SIGINT and SIGTERM while a child starts, so that no child is born that nobody stops.

    Yields a function that delivers what came meanwhile.
    """
    came: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    previous = {
        number: signal.signal(number, lambda number, _frame: came.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }

    def deliver() -> None:
        for number in came:
            signal.raise_signal(number)

    try:
        yield deliver
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


class _Watch:
    """Ends a child that takes too long, is silent for too long, or is not wanted any more."""

    _STEP = 0.2

    def __init__(self, limit: float | None, idle_limit: float | None, stop: threading.Event | None) -> None:
        self._limit, self._idle_limit, self._stop = limit, idle_limit, stop
        self._began = self.heard = time.monotonic()
        self._ended = threading.Event()
        self._kill: Callable[[], None] | None = None
        self.verdict = ""
        self.flooded = False

    def begin(self, kill: Callable[[], None]) -> None:
        self._kill = kill
        if self.flooded:
            kill()
        if self._limit is None and self._idle_limit is None and self._stop is None:
            return
        self._began = self.heard = time.monotonic()
        threading.Thread(target=self._run, args=(kill,), daemon=True).start()

    def end(self) -> None:
        self._ended.set()

    def flood(self, most: int) -> None:
        """End a child that wrote more than `most` characters."""
        self.flooded = True
        self.verdict = self.verdict or f"wrote more than {most} characters"
        if self._kill is not None:
            self._kill()

    def _run(self, kill: Callable[[], None]) -> None:
        while not self._ended.wait(self._pause()):
            self.verdict = self.verdict or self._judge()
            if self.verdict:
                kill()
                return

    def _pause(self) -> float:
        """Return how long nothing has to be looked at: only `stop` and silence need it now and then."""
        if self._stop is None and self._idle_limit is None and self._limit is not None:
            return max(self._began + self._limit - time.monotonic(), 0)
        return self._STEP

    def _judge(self) -> str:
        now = time.monotonic()
        if self._stop is not None and self._stop.is_set():
            return "was not wanted any more"
        if self._limit is not None and now - self._began >= self._limit:
            return f"did not finish within {self._limit:g} s"
        if self._idle_limit is not None and now - self.heard >= self._idle_limit:
            return f"said nothing for {self._idle_limit:g} s"
        return ""


class _Lines:
    """Collects the lines of one stream and passes each on, up to `most` characters."""

    def __init__(
        self,
        on_line: Callable[[str], None] | None,
        watch: _Watch | None = None,
        most: int | None = None,
    ) -> None:
        self._chunks: list[str] = []
        self._on_line = on_line
        self._watch = watch
        self._most = most
        self._length = 0

    @property
    def buffer(self) -> int:
        """What `sh` collects before it calls `feed`: a line (1), or a block where lines may be endless."""
        return 1 if self._most is None else _BLOCK

    def feed(self, chunk: str) -> bool:
        """Take a piece of the stream; return whether no more of it is wanted."""
        if self._watch is not None:
            self._watch.heard = time.monotonic()
        self._chunks.append(chunk)
        self._length += len(chunk)
        if self._on_line is not None:
            self._on_line(chunk.rstrip("\n"))
        if self._most is None or self._length <= self._most:
            return False
        if self._watch is not None:
            self._watch.flood(self._most)
        return True

    def text(self) -> str:
        return "".join(self._chunks)


def _wait(running: object, sh: object) -> int:
    try:
        running.wait()  # type: ignore[attr-defined]
    except (sh.ErrorReturnCode, sh.SignalException) as error:  # type: ignore[attr-defined]
        return int(error.exit_code)
    return int(running.exit_code)  # type: ignore[attr-defined]


def _stop(running: object) -> None:
    """End the child's process group: politely, then surely."""
    pid = running.pid  # type: ignore[attr-defined]
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGTERM)
        killer = threading.Timer(GRACE_SECONDS, _kill_group, args=(pid,))
        killer.daemon = True
        killer.start()


@contextlib.contextmanager
def no_orphans() -> Iterator[None]:
    """While the body of the `with` runs, become the parent of orphans; kill those that are left at its end.

    Daemons that leave their process group and session are ended that way, too. Children that were there
    before stay; nothing else may start children meanwhile.
    """
    import ctypes

    prctl = ctypes.CDLL(None).prctl
    before = _children()
    prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        while left := _children() - before:
            for pid in left:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, 0)
        prctl(_PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


def _children() -> set[int]:
    """Return the processes whose parent is this one (proc(5): the fourth field of `stat`, after the name)."""
    found = set()
    with os.scandir("/proc") as entries:
        for name in (entry.name for entry in entries if entry.name.isdigit()):
            with contextlib.suppress(OSError), open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123
                if int(file.read().rpartition(b")")[2].split()[1]) == os.getpid():
                    found.add(int(name))
    return found


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
