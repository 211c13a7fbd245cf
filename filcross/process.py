"""The only place that starts processes.

Every child gets an argument list (never a shell line), its own session, no terminal, and `LC_ALL=C`. When
the user interrupts, or a time limit passes, the child's whole process group is asked to end (SIGTERM), and
what is left of it made to (SIGKILL) three seconds later. What still runs when this program ends, is ended.

It is on `subprocess`, whose import takes a fifth of the time that the `sh` library needs.
"""

from __future__ import annotations

import atexit
import codecs
import contextlib
import errno
import os
import shlex
import shutil
import signal
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from filcross.errors import BuildFailedError, FilcrossError, MissingRequirementError

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path
    from selectors import BaseSelector

T = TypeVar("T")

_running: set[subprocess.Popen[bytes]] = set()  # of all threads
_starting, _ending = threading.Lock(), threading.Event()

GRACE_SECONDS = 3.0
TAIL_LINES = 25
_KEPT_CHUNKS = 200  # what one read gave: at most a block
_BLOCK = 65536
_STEP = 0.2  # seconds between looks at time limits
_TICK = 0.02  # seconds between looks at a group that was asked to end
_LONGEST_LINE = 1 << 20  # characters that are passed on at once, though no newline came
_MOST_SHOWN = 1000  # characters of a command line in a message
_LINGER = 2.0  # seconds for which a pipe is read that the child left to another process
_PR_SET_CHILD_SUBREAPER = 36  # prctl(2)
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_STRANGE = (errno.ENOENT, errno.ENOEXEC)  # the program is there, but not what would run it

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
        """The command as a person would type it; not all of a very long one."""
        return _shown(self.argv)


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
    comes, and of such a stream only the end is kept. A child that writes more than `most` characters to a
    stream is ended, and `ProcessStoppedError` raised. With `check`, a status other than 0 raises
    `ProcessFailedError` (with `hint`). A missing program raises `MissingRequirementError`, a time limit
    `ProcessTimeoutError`. When `stop` is set, from another thread, the child is ended and
    `ProcessStoppedError` raised.
    """
    streams = _Stream(on_stdout, most), _Stream(on_stderr, most)
    watch = _Watch(timeout, idle_timeout, stop)
    child = None
    try:
        with _deferred_signals() as interrupted:
            child = _start(argv, cwd=cwd, env=env, fed=bool(stdin), hint=hint)
        interrupted()
        _follow(child, streams, stdin or "", watch)
        if watch.kill_at is not None:
            _end(child, watch.kill_at)
    except BaseException:
        if child is not None:
            try:
                _end(child)
            except BaseException:  # a second interrupt: there is no time for being polite
                _kill(child)
                raise
        raise
    finally:
        if child is not None:
            _close(child)
    words = tuple(os.fspath(item) for item in argv)
    completed = Completed(words, child.returncode, streams[0].text(), streams[1].text())
    if watch.verdict:
        raise (ProcessStoppedError if watch.unwanted else ProcessTimeoutError)(
            f"`{completed.command_line}` {watch.verdict} and was stopped",
            hint=hint,
            details=tuple(completed.stderr.splitlines()[-TAIL_LINES:]),
        )
    if check and completed.exit_code != 0:
        raise ProcessFailedError(completed, hint=hint)
    return completed


def meanwhile(work: Callable[[], T]) -> Callable[[], T]:
    """Begin `work` (that waits for a child, for instance) in a thread; return what waits for its answer.

    That gives the answer, or raises what `work` raised.
    """
    answers: list[T] = []
    errors: list[BaseException] = []

    def do() -> None:
        try:
            answers.append(work())
        except BaseException as error:  # noqa: BLE001  (for whoever waits)
            errors.append(error)

    def wait() -> T:
        if thread.ident is not None:
            thread.join()
        if errors:
            raise errors[0]
        return answers[0]

    thread = threading.Thread(target=do, daemon=True)
    try:
        thread.start()
    except RuntimeError:  # there is no room for another thread
        do()
    return wait


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
    output = _Stream(None, most)
    child = reader = None
    try:
        try:
            with _deferred_signals() as interrupted:
                child = _start(argv, cwd=cwd, env=env, fed=False, hint=None)
            interrupted()
            watch = _Watch(limited=False)
            reader = threading.Thread(target=_follow, args=(child, (output, output), "", watch), daemon=True)
            reader.start()
            yield Background(child, output)
        finally:
            if child is not None:
                _end(child)
    except BaseException:
        if child is not None:
            _kill(child)
        raise
    finally:
        if reader is not None and reader.ident is not None:
            reader.join()
        if child is not None:
            _close(child)


class Background:
    """A child that runs beside; see `background`."""

    def __init__(self, child: subprocess.Popen[bytes], output: _Stream) -> None:
        self._child = child
        self._output = output

    @property
    def alive(self) -> bool:
        """Whether the child still runs."""
        return self._child.poll() is None

    @property
    def printed(self) -> str:
        """What the child has written so far, to both streams."""
        return self._output.text()


def _start(
    argv: Sequence[str | Path],
    *,
    cwd: Path | None,
    env: Mapping[str, str] | None,
    fed: bool,
    hint: str | None,
) -> subprocess.Popen[bytes]:
    """Start a child with the house's ways: no terminal, a session of its own; `fed` if it gets any input."""
    import subprocess

    program, *arguments = [os.fspath(item) for item in argv]
    merged = {**os.environ, "LC_ALL": "C", **(env or {})}
    found = find_program(program, path=merged.get("PATH"))
    command = _shown([found, *arguments])
    try:
        with _starting:
            if _ending.is_set():
                raise ProcessStoppedError(f"`{command}` is not started: filcross ends")
            child = subprocess.Popen(
                [found, *arguments],
                cwd=cwd,
                env=merged,
                stdin=subprocess.PIPE if fed else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                start_new_session=True,
            )
            _running.add(child)
            return child
    except OSError as error:
        if cwd is not None and os.fspath(error.filename or "") == os.fspath(cwd):
            raise FilcrossError(
                f"`{command}` cannot be started in {cwd}: {error.strerror}", hint="check that folder"
            ) from error
        usual = "a program whose loader or interpreter is not on this machine says no more than that"
        raise MissingRequirementError(
            f"`{command}` cannot be started: {error.strerror}",
            hint=hint or (usual if error.errno in _STRANGE else "see the limits of this machine: ulimit -a"),
        ) from error
    except ValueError as error:
        raise FilcrossError(
            f"`{command}` cannot be started: {error}",
            hint="an argument or a variable holds what no program can be given",
        ) from error


def _shown(argv: Sequence[str]) -> str:
    """Return a command as a person would type it; of a very long one the beginning."""
    text = shlex.join(argv)
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…"


def _follow(
    child: subprocess.Popen[bytes], streams: tuple[_Stream, _Stream], stdin: str, watch: _Watch
) -> None:
    """Read what a child writes and write what it reads, until it has ended."""
    import selectors
    import subprocess

    with selectors.DefaultSelector() as selector:
        for pipe, stream in zip((child.stdout, child.stderr), streams, strict=True):
            if pipe is not None:
                selector.register(pipe, selectors.EVENT_READ, stream)
        if child.stdin is not None:
            os.set_blocking(child.stdin.fileno(), False)
            selector.register(child.stdin, selectors.EVENT_WRITE)
        _exchange(child, selector, memoryview(stdin.encode("utf-8", "surrogateescape")), watch)
    for stream in streams:
        stream.finish()
    while child.poll() is None:
        watch.look(child)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(_STEP if watch.needed else None)


def _exchange(
    child: subprocess.Popen[bytes], selector: BaseSelector, left: memoryview, watch: _Watch
) -> None:
    """Serve the child's pipes until none is open, or the child has ended and left them to others."""
    lingering: float | None = None
    while selector.get_map():
        for key, _ in selector.select(_STEP):
            if key.data is None:
                left = _write(key.fd, left)
                if not left:
                    selector.unregister(key.fileobj)
                    child.stdin.close()  # type: ignore[union-attr]
            elif chunk := os.read(key.fd, _BLOCK):
                if not key.data.feed(chunk):
                    watch.flood(key.data.most)
                watch.heard = time.monotonic()
            else:
                selector.unregister(key.fileobj)
        watch.look(child)
        if child.poll() is not None:
            lingering = lingering or time.monotonic() + _LINGER
            if time.monotonic() > lingering:
                return


def _write(descriptor: int, left: memoryview) -> memoryview:
    """Write what a pipe takes; return what is left (nothing, where nobody reads)."""
    try:
        return left[os.write(descriptor, left[:_BLOCK]) :]
    except BlockingIOError:
        return left
    except BrokenPipeError:
        return left[:0]


@contextlib.contextmanager
def _deferred_signals() -> Iterator[Callable[[], None]]:
    """Hold back what interrupts while a child starts, so that no child is born that nobody stops.

    Yields a function that delivers what came meanwhile.
    """
    came: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    previous = {
        number: signal.signal(number, lambda number, _frame: came.append(number))
        for number in _SIGNALS
        if signal.getsignal(number) not in (signal.SIG_IGN, None)
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
    """Ends a child that takes too long, is silent for too long, or is not wanted any more.

    With `limited`, also one that writes more than is taken. `kill_at` is when a child that was asked to end
    is made to (`time.monotonic`), `None` if none was.
    """

    def __init__(
        self,
        limit: float | None = None,
        idle_limit: float | None = None,
        stop: threading.Event | None = None,
        *,
        limited: bool = True,
    ) -> None:
        self._limit, self._idle_limit, self._stop = limit, idle_limit, stop
        self._limited = limited
        self._began = self.heard = time.monotonic()
        self._flooded = False
        self.kill_at: float | None = None
        self.verdict = ""

    @property
    def needed(self) -> bool:
        """Whether there is anything to look for."""
        limits = (self._limit, self._idle_limit, self._stop)
        return bool(self.verdict) or any(limit is not None for limit in limits)

    @property
    def unwanted(self) -> bool:
        """Whether a child was ended for another reason than time."""
        return self._flooded or (self._stop is not None and self._stop.is_set())

    def flood(self, most: int) -> None:
        """Take note of a child that wrote more than `most` characters."""
        if not self._limited:
            return
        self._flooded = True
        self.verdict = self.verdict or f"wrote more than {most} characters"

    def look(self, child: subprocess.Popen[bytes]) -> None:
        """End a child that is to end: politely, then surely."""
        self.verdict = self.verdict or self._judge()
        if not self.verdict:
            return
        now = time.monotonic()
        if self.kill_at is None:
            self.kill_at = now + GRACE_SECONDS
            _signal_group(child.pid, signal.SIGTERM)
        elif now >= self.kill_at and child.poll() is None:
            _signal_group(child.pid, signal.SIGKILL)

    def _judge(self) -> str:
        now = time.monotonic()
        if self._stop is not None and self._stop.is_set():
            return "was not wanted any more"
        if self._limit is not None and now - self._began >= self._limit:
            return f"did not finish within {self._limit:g} s"
        if self._idle_limit is not None and now - self.heard >= self._idle_limit:
            return f"said nothing for {self._idle_limit:g} s"
        return ""


class _Stream:
    """Collects the text of one stream, up to `most` characters, and passes each line on."""

    def __init__(self, on_line: Callable[[str], None] | None, most: int | None = None) -> None:
        self.most = most
        self._chunks: deque[str] = deque(maxlen=None if on_line is None else _KEPT_CHUNKS)
        self._length = 0
        self._line: list[str] = []  # what came since the last newline
        self._line_length = 0
        self._on_line = on_line
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def feed(self, chunk: bytes, *, final: bool = False) -> bool:
        """Take a piece of the stream; return whether more of it is wanted."""
        text = self._decoder.decode(chunk, final)
        if self.most is not None and self._length + len(text) > self.most:
            if self._length < self.most:
                self._chunks.append(text[: self.most - self._length])
                self._length = self.most
            return False
        self._chunks.append(text)
        self._length += len(text)
        if self._on_line is not None:
            self._pass_on(text, self._on_line)
        return True

    def _pass_on(self, text: str, on_line: Callable[[str], None]) -> None:
        first, *others = text.split("\n")
        self._line.append(first)
        self._line_length += len(first)
        for other in others:
            line, self._line, self._line_length = "".join(self._line), [other], len(other)
            on_line(line)
        if self._line_length >= _LONGEST_LINE:
            line, self._line, self._line_length = "".join(self._line), [], 0
            on_line(line)

    def finish(self) -> None:
        """Take the end of the stream."""
        self.feed(b"", final=True)
        if self._on_line is not None and any(self._line):
            self._on_line("".join(self._line))
        self._line = []

    def text(self) -> str:
        """Return what came so far."""
        return "".join(self._chunks)


def _end(child: subprocess.Popen[bytes], kill_at: float | None = None) -> None:
    """End the child's process group: politely (unless it was asked before, see `_Watch`), then surely."""
    if kill_at is None:
        kill_at = time.monotonic() + GRACE_SECONDS
        if _lives(child):
            _signal_group(child.pid, signal.SIGTERM)
    while _lives(child) and time.monotonic() < kill_at:
        time.sleep(_TICK)
    _kill(child)


def _kill(child: subprocess.Popen[bytes]) -> None:
    """Kill what is left of the child's process group."""
    if _lives(child):
        _signal_group(child.pid, signal.SIGKILL)
    child.wait()


def _lives(child: subprocess.Popen[bytes]) -> bool:
    """Return whether the child or another process of its group runs; its number may be another's if not."""
    if child.poll() is None:
        return True
    with contextlib.suppress(OSError):
        return any(group == child.pid and state != "Z" for _, state, _, group in _processes())
    return _signal_group(child.pid, 0)  # there is no /proc


@atexit.register
def _end_all() -> None:
    """End the children of threads that nobody waited for."""
    with _starting:
        _ending.set()
    for child in tuple(_running):
        try:
            _end(child)
        except KeyboardInterrupt:
            _kill(child)


def _close(child: subprocess.Popen[bytes]) -> None:
    _running.discard(child)
    for pipe in (child.stdin, child.stdout, child.stderr):
        if pipe is not None:
            pipe.close()


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
    """Return the processes whose parent is this one."""
    return {pid for pid, _, parent, _ in _processes() if parent == os.getpid()}


def _processes() -> Iterator[tuple[int, str, int, int]]:
    """Yield number, state, parent and group of each process (proc(5): `stat`, after the name)."""
    with os.scandir("/proc") as entries:
        for name in (entry.name for entry in entries if entry.name.isdigit()):
            with contextlib.suppress(OSError), open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123
                state, parent, group = file.read().rpartition(b")")[2].split()[:3]
                yield int(name), state.decode(), int(parent), int(group)


def _signal_group(pid: int, number: int) -> bool:
    """Send a signal to a group; return whether there was anybody to get it."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)
        return True
    return False
