"""Reading many files with two processes.

The second process is a fork of the first. Both take pieces of the work from one pipe until it is empty, so
that neither waits long for the other; what the second found comes back through a file in memory. Whatever it
does not bring back, the first does as well: the answers are the same with one process.
"""

from __future__ import annotations

import contextlib
import marshal
import os
import signal
import struct
import threading
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")

_WORTH = 300  # items; below it a second process costs more than it brings
_MOST_PIECES = 1024  # so that all their numbers fit into a pipe
_PIECE = 8
_NUMBER = struct.Struct("=H")
_SIZE = struct.Struct("=Q")
_OPEN = object()


def do_all(
    count: int, work: Callable[[int], T], pack: Callable[[T], Any], unpack: Callable[[Any], T]
) -> list[T]:
    """Return what `work` gives for each number below `count`, in order.

    `pack` makes plain data of an answer (what `marshal` takes), `unpack` makes the answer of it again.
    """
    answers: list[Any] = [_OPEN] * count
    if count >= _WORTH and _is_possible():
        _share(_Job(work, answers), pack, unpack)
    for number in range(count):
        if answers[number] is _OPEN:
            answers[number] = work(number)
    return answers


def _is_possible() -> bool:
    """Return whether there are two processors, and no thread that a fork would leave half done."""
    return len(os.sched_getaffinity(0)) > 1 and threading.active_count() == 1


class _Job(NamedTuple, Generic[T]):
    """The whole work: what to do with each number, and the answers by number (`_OPEN`: none yet)."""

    work: Callable[[int], T]
    answers: list[Any]


def _share(job: _Job[T], pack: Callable[[T], Any], unpack: Callable[[Any], T]) -> None:
    """Do the work with a second process."""
    count = len(job.answers)
    size = max(_PIECE, -(-count // _MOST_PIECES))
    source, sink = os.pipe()
    for number in range(-(-count // size)):
        os.write(sink, _NUMBER.pack(number))
    os.close(sink)
    memory = os.memfd_create("answers")
    try:
        child = os.fork()
        if not child:
            _answer(_pieces(job, size, source), pack, memory)
        try:
            for piece in _pieces(job, size, source):
                for place, answer in piece:
                    job.answers[place] = answer
            _, status = os.waitpid(child, 0)
            child = 0
        finally:
            if child:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
        if status == 0:
            with open(memory, "rb", closefd=False) as file:
                file.seek(0)
                while raw := file.read(_SIZE.size):
                    for place, answer in marshal.loads(file.read(_SIZE.unpack(raw)[0])):  # noqa: S302
                        job.answers[place] = unpack(answer)
    finally:
        os.close(source)
        os.close(memory)


def _pieces(job: _Job[T], size: int, source: int) -> Iterator[list[tuple[int, T]]]:
    """Do pieces of the work until there are no more; yield the answers of each, with their numbers."""
    while raw := os.read(source, _NUMBER.size):
        start = _NUMBER.unpack(raw)[0] * size
        numbers = range(start, min(start + size, len(job.answers)))
        yield [(number, job.work(number)) for number in numbers]


def _answer(pieces: Iterator[list[tuple[int, T]]], pack: Callable[[T], Any], memory: int) -> None:
    """Do pieces of the work in the second process, and end it; no answer stays in its memory."""
    code = 1
    with contextlib.suppress(BaseException):
        with open(memory, "wb", closefd=False) as file:
            for piece in pieces:
                packed = marshal.dumps([(place, pack(answer)) for place, answer in piece])
                file.write(_SIZE.pack(len(packed)) + packed)
        code = 0
    os._exit(code)
