"""Ask many packages of one platform at once: what each derivation says, or why there is none.

A tree of this size aborts, overflows Nix's stack, recurses without end and lacks attributes, and none of it
can be caught in Nix. So a process takes a chunk of packages and says on stderr which one it begins and ends;
when it dies, or falls silent, the one that it was at is the culprit, and another process goes on with the
rest. What Nix can catch (a throw, a failed assertion) costs no process, but hides its message; `explain` gets
it afterwards, one death a package.
"""

from __future__ import annotations

import json
import os
import queue
import re
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filcross import process, resources
from filcross.nix.events import strip_ansi

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

CHUNK = 200
SILENCE = 60.0
COPY_TIMEOUT = 600.0
SAME_DEATHS = 8
_KEPT = 200
_BEGIN, _RESULT, _ISSUE, _TRACE = "@B ", "@R ", "@I ", "trace: "
_AT = re.compile(r"^\s*(?:at |whose name attribute is located at )(/[^:]+:\d+)(?::\d+:?)?$")
_ERROR = re.compile(r"^\s*error: (?=\S)")
_MACHINERY = re.compile(r"/stdenv/generic/|/lib/[^/]+\.nix|^<nix")
_CONDITION = re.compile(r"… while evaluating the condition of the assertion '(.*)'$")
_IN_FILE = re.compile(r" in (/[^:]+:\d+)")

DERIVATION, NONE, REFUSED, FATAL = "derivation", "none", "refused", "fatal"


@dataclass(frozen=True, slots=True)
class Question:
    """What to evaluate, and with what.

    `platform` is `filc` (then with `overlay`), else a platform of the tree: the name of an example (`musl64`)
    or a configuration (`x86_64-unknown-linux-musl`). `store` is a folder for a store of its own, to which
    derivations are written; without it nothing is written anywhere. `search_path` is a `NIX_PATH` for trees
    that need one, `overlays` are the user's own, `variables` what else Nix needs, `needs` the store paths
    that the overlay names, which a store of its own must have. `silence` is how long (seconds) one package
    may take.
    """

    tree: Path
    platform: str
    overlay: Path | None = None
    instantiate: str = "nix-instantiate"
    store: Path | None = None
    search_path: str = ""
    overlays: tuple[Path, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    needs: tuple[Path, ...] = ()
    silence: float = SILENCE

    @property
    def environment(self) -> dict[str, str]:
        """The environment in which to run Nix' programs."""
        remote = {} if self.store is None else {"NIX_REMOTE": f"local?root={self.store}"}
        return {"NIX_PATH": self.search_path, **self.variables, **remote}

    def arguments(self, names: Path, only: str, *, guard: bool = True) -> list[str]:
        """Return the command line that asks the packages listed in `names`."""
        given = {
            "tree": str(self.tree),
            "overlay": str(self.overlay or ""),
            "overlays": json.dumps([str(place) for place in self.overlays]),
            "entry": str(resources.data_dir() / "entry.nix"),
            "names": str(names),
            "platform": self.platform,
            "only": only,
            "guard": "yes" if guard else "no",
        }
        words = [word for name, value in given.items() for word in ("--argstr", name, value)]
        file = resources.data_dir() / "sweep.nix"
        mode = "--readonly-mode" if self.store is None else "--read-write-mode"
        settings = {"allow-import-from-derivation": "false", "substitute": "false", "fsync-metadata": "false"}
        options = [word for name, value in settings.items() for word in ("--option", name, value)]
        return [self.instantiate, "--eval", "--show-trace", mode, *options, str(file), *words]


@dataclass(frozen=True, slots=True)
class Answer:
    """What one package said.

    `outcome` is `derivation`, `none` (no derivation), `refused` (a throw or a failed assertion that Nix can
    catch) or `fatal` (Nix died). `decisions` are the derivation's attributes. `issue` is the reason that the
    tree gave by the package's metadata (`unsupported`, `broken`, …; empty: another one), `message` the first
    line of the error, `position` the file and line that it comes from; both may be empty. `ported` tells that
    filcross has a port of the package.
    """

    outcome: str
    decisions: Mapping[str, Any] = field(default_factory=dict)
    derivation: str = ""
    issue: str = ""
    message: str = ""
    position: str = ""
    ported: bool = False


def sweep(
    question: Question,
    names: Sequence[str],
    *,
    only: str = "decisions",
    jobs: int = 0,
    on_progress: Callable[[int], None] | None = None,
    into: dict[str, Answer] | None = None,
    give_up: bool = True,
) -> dict[str, Answer]:
    """Return the answer of each of `names` (attribute paths such as `perlPackages.JSON`).

    `only` is `decisions`, `derivation` for the path of each derivation and nothing else, or `port` for what
    its port did to each (`decisions` of the answers holds it: see `filcross.ports.check`). `jobs` processes
    run side by side (0: one for each processor). `on_progress` gets the number of packages answered so far,
    from other threads. `into` is filled as answers come, so that an interrupted sweep leaves them there.
    Raises `process.ProcessFailedError` when a process dies before its first package, or (with `give_up`) one
    after the other dies of the same at each package: then it is the package set that does not evaluate.
    """
    chunks = [names[start : start + CHUNK] for start in range(0, len(names), CHUNK)]
    found: dict[str, Answer] = {} if into is None else into
    _Workers(question, only, found, on_progress, give_up=give_up).run(chunks, jobs)
    return {name: found[name] for name in names}


def fill_store(question: Question) -> None:
    """Copy what `question` needs to its store; raises `process.ProcessFailedError` where that fails."""
    if question.store is None or not question.needs:
        return
    argv = ["nix", "--extra-experimental-features", "nix-command", "copy", "--no-check-sigs"]
    argv += ["--to", f"local?root={question.store}", *map(str, question.needs)]
    process.run(argv, env={"NIX_PATH": "", **question.variables}, timeout=COPY_TIMEOUT)


def explain(
    question: Question, names: Sequence[str], *, jobs: int = 0, into: dict[str, Answer] | None = None
) -> dict[str, Answer]:
    """Return the answers of `names` with the message and position that Nix hides when it catches an error.

    Each package costs the start of a process: ask only for those that matter. Arguments are those of `sweep`.
    """
    found: dict[str, Answer] = {} if into is None else into
    _Workers(question, "derivation", found, None, guard=False, give_up=False).run(
        [[name] for name in names], jobs
    )
    return found


class _Workers:
    """Threads that take chunks from a queue, each with one process at a time."""

    def __init__(
        self,
        question: Question,
        only: str,
        found: dict[str, Answer],
        on_progress: Callable[[int], None] | None,
        *,
        guard: bool = True,
        give_up: bool = True,
    ) -> None:
        self._question, self._only, self._guard, self._give_up = question, only, guard, give_up
        self._found, self._on_progress = found, on_progress
        self._chunks: queue.SimpleQueue[Sequence[str]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._stop = threading.Event()

    def run(self, chunks: Sequence[Sequence[str]], jobs: int) -> None:
        for chunk in chunks:
            self._chunks.put(chunk)
        count = min(jobs or os.cpu_count() or 1, len(chunks)) or 1
        with ThreadPoolExecutor(max_workers=count) as pool:
            futures = [pool.submit(self._work) for _ in range(count)]
            try:
                for future in futures:
                    future.result()
            except BaseException:
                self._stop.set()
                raise

    def _work(self) -> None:
        try:
            while not self._stop.is_set():
                try:
                    chunk = self._chunks.get_nowait()
                except queue.Empty:
                    return
                self._ask(chunk)
        except process.ProcessStoppedError:
            return
        except BaseException:
            self._stop.set()
            raise

    def _ask(self, names: Sequence[str]) -> None:
        left = list(names)
        deaths: list[str] = []
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "names.json"
            while left:
                file.write_text(json.dumps(left))
                reader = _Reader(self._note)
                done = self._run(self._question.arguments(file, self._only, guard=self._guard), reader)
                if reader.current is None and len(reader.answered) < len(left):
                    raise process.ProcessFailedError(done)
                if reader.current is not None:
                    self._note(reader.current, reader.last_words(done.exit_code))
                    reader.answered.add(reader.current)
                alone = len(reader.answered) == 1 and reader.current is not None
                deaths = [*deaths, reader.error_lines()] if alone else []
                if self._give_up and len(deaths) == SAME_DEATHS and len(set(deaths)) == 1:
                    raise process.ProcessFailedError(done)
                left = [name for name in left if name not in reader.answered]

    def _run(self, argv: list[str], reader: _Reader) -> process.Completed:
        question = self._question
        try:
            return process.run(
                argv,
                env=question.environment,
                check=False,
                idle_timeout=question.silence,
                stop=self._stop,
                on_stderr=reader.feed,
            )
        except process.ProcessTimeoutError as error:
            reader.late = error.message
            return process.Completed(tuple(argv), _LATE, "", "\n".join(error.details))

    def _note(self, name: str, answer: Answer) -> None:
        with self._lock:
            self._found[name] = answer
            count = len(self._found)
        if self._on_progress is not None:
            self._on_progress(count)


_LATE = -15


class _Reader:
    """Follows what one process says."""

    def __init__(self, note: Callable[[str, Answer], None]) -> None:
        self._note = note
        self.current: str | None = None
        self.answered: set[str] = set()
        self.late = ""
        self._issue: tuple[str, str] = ("", "")
        self._head: list[str] = []

    def feed(self, line: str) -> None:
        mark = line.removeprefix(_TRACE)
        if mark.startswith(_BEGIN):
            self.current = mark.removeprefix(_BEGIN)
            self._issue, self._head = ("", ""), []
        elif mark.startswith(_ISSUE):
            reason, _, said = mark.removeprefix(_ISSUE).partition(" ")
            self._issue = (reason, json.loads(said))
        elif mark.startswith(_RESULT) and self.current is not None:
            self._end(self.current, mark.removeprefix(f"{_RESULT}{self.current} "))
        elif line.strip():
            self._keep(strip_ansi(line.rstrip()))

    def _keep(self, line: str) -> None:
        """Keep the beginning and the end: one version of Nix says first what it means, another one last."""
        self._head.append(line)
        if len(self._head) > 2 * _KEPT:
            del self._head[_KEPT]

    def _end(self, name: str, said: str) -> None:
        self.current = None
        self.answered.add(name)
        value = json.loads(said)
        if value is None:
            self._note(name, Answer(NONE))
        elif value is False:
            reason, message = self._issue
            self._note(name, Answer(REFUSED, issue=reason, message=message, position=_position_in(message)))
        else:
            decisions, ported = value.get("decisions", {}), value.get("ported", False)
            self._note(name, Answer(DERIVATION, decisions, value["derivation"], ported=ported))

    def last_words(self, exit_code: int) -> Answer:
        """Return the answer of the package at which the process died."""
        reason, said = self._issue
        if self.late:
            return Answer(FATAL, message=f"timeout: {self.late.rpartition('` ')[2]}")
        message, position = _what_and_where(self._head)
        if not message:
            message = f"Nix was killed by signal {-exit_code}" if exit_code < 0 else "Nix died without a word"
        if reason and said.startswith(message.split("\n", maxsplit=1)[0][:40]):
            return Answer(REFUSED, issue=reason, message=said, position=_position_in(said) or position)
        return Answer(FATAL, message=message, position=position)

    def error_lines(self) -> str:
        """Return the error without the package's name, to see whether all die of the same."""
        return _what_and_where(self._head)[0]


def _position_in(message: str) -> str:
    found = _IN_FILE.search(message)
    return found.group(1) if found else ""


def _what_and_where(lines: Sequence[str]) -> tuple[str, str]:
    """Return the first line of Nix's last error, and the file and line that it comes from.

    Until Nix 2.19 the error comes first, and the way to it after it, the nearest first; later ones tell the
    way, the nearest last, and then the error. A position right below the error is its own; else it is the
    nearest on the way that is a recipe's, and not of the functions that all recipes use.
    """
    at = [number for number, line in enumerate(lines) if _ERROR.match(line)]
    if not at:
        return (lines[-1].strip() if lines else ""), ""
    error = at[-1]
    message = _ERROR.sub("", lines[error]).strip()
    condition = [match for line in lines[:error] if (match := _CONDITION.search(line))]
    last_step = [line for line in lines[:error] if "…" in line][-1:]
    if condition and last_step and _CONDITION.search(last_step[0]):
        message = f"assertion '{condition[-1].group(1)}' failed"
    way: list[str] = []
    for line in lines[error + 1 :]:
        found = _AT.match(line)
        if found and not way and "…" not in "".join(lines[error + 1 : lines.index(line)]):
            return message, found.group(1)
        way += [found.group(1)] if found else []
    way += [found.group(1) for line in reversed(lines[:error]) if (found := _AT.match(line))]
    return message, next((place for place in way if not _MACHINERY.search(place)), way[0] if way else "")
