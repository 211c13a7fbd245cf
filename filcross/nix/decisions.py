"""What a package set decides for packages: inputs, flags, patches and all else that its derivations say.

`survey` evaluates many packages of one platform in few processes. A package whose evaluation kills Nix (a
missing attribute, an infinite recursion) costs that process only: the rest goes on in another.
"""

from __future__ import annotations

import json
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filcross import process, resources

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

CHUNK = 200
TIMEOUT = 900.0
SAME_DEATHS = 8
_BEGIN, _RESULT, _TRACE = "@B ", "@R ", "trace: "


@dataclass(frozen=True, slots=True)
class Question:
    """What to evaluate, and with what.

    `platform` is `filc` (then with `overlay`) or a configuration such as `x86_64-unknown-linux-musl`. `store`
    is a folder for a store of its own, to which derivations are written; without it nothing is written
    anywhere. `search_path` is a `NIX_PATH` for trees that need one, `variables` what else Nix needs.
    """

    tree: Path
    platform: str
    overlay: Path | None = None
    instantiate: str = "nix-instantiate"
    store: Path | None = None
    search_path: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """The environment in which to run Nix' programs."""
        remote = {} if self.store is None else {"NIX_REMOTE": f"local?root={self.store}"}
        return {"NIX_PATH": self.search_path, **self.variables, **remote}

    def arguments(self, names: Path, only: str) -> list[str]:
        """Return the command line that prints the decisions for the packages listed in `names`."""
        given = {
            "tree": str(self.tree),
            "overlay": str(self.overlay or ""),
            "entry": str(resources.data_dir() / "entry.nix"),
            "names": str(names),
            "platform": self.platform,
            "only": only,
        }
        words = [word for name, value in given.items() for word in ("--argstr", name, value)]
        file = resources.data_dir() / "decisions.nix"
        mode = "--readonly-mode" if self.store is None else "--read-write-mode"
        options = ["--option", "allow-import-from-derivation", "false", "--option", "substitute", "false"]
        return [self.instantiate, "--eval", mode, *options, str(file), *words]


@dataclass(frozen=True, slots=True)
class Answer:
    """What one package said.

    `outcome` is `derivation`, `none` (no derivation), `refused` (a throw or a failed assertion that Nix can
    catch) or `fatal` (Nix died; `message` has its last words). `decisions` are the derivation's attributes.
    """

    outcome: str
    decisions: Mapping[str, Any] = field(default_factory=dict)
    derivation: str = ""
    message: str = ""


def survey(
    question: Question,
    names: Sequence[str],
    *,
    only: str = "decisions",
    jobs: int = 2,
    on_progress: Callable[[int], None] | None = None,
) -> dict[str, Answer]:
    """Return the answer of each of `names` (attribute paths such as `perlPackages.JSON`).

    `only` is `decisions`, `derivation` for the path of each derivation and nothing else, or `port` for what
    its port did to each (`decisions` of the answers holds it: see `filcross.ports.check`). `on_progress`
    gets the number of packages answered so far, from other threads. Raises `process.ProcessFailedError` when
    a process dies before its first package, or one after the other dies of the same at each package: then it
    is the package set that does not evaluate.
    """
    found: dict[str, Answer] = {}
    lock = threading.Lock()

    def note(answers: Mapping[str, Answer]) -> None:
        with lock:
            found.update(answers)
            count = len(found)
        if on_progress is not None:
            on_progress(count)

    chunks = [names[start : start + CHUNK] for start in range(0, len(names), CHUNK)]
    with ThreadPoolExecutor(max_workers=jobs) as workers:
        for future in [workers.submit(_evaluate, question, chunk, only, note) for chunk in chunks]:
            future.result()
    return {name: found[name] for name in names}


def _evaluate(
    question: Question, names: Sequence[str], only: str, note: Callable[[Mapping[str, Answer]], None]
) -> None:
    left = list(names)
    deaths: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "names.json"
        while left:
            file.write_text(json.dumps(left))
            argv = question.arguments(file, only)
            done = process.run(argv, env=question.environment, check=False, timeout=TIMEOUT)
            answers = dict(_read(done.stderr, only))
            began = [line.removeprefix(_BEGIN) for line in _marks(done.stderr) if line.startswith(_BEGIN)]
            if done.exit_code != 0 and not began:
                raise process.ProcessFailedError(done)
            culprits = [name for name in began if name not in answers]
            if done.exit_code != 0 and culprits:
                answers[culprits[-1]] = Answer("fatal", message=_last_words(done.stderr))
            note(answers)
            deaths = [*deaths, _last_words(done.stderr)] if len(answers) == 1 and culprits else []
            if len(deaths) == SAME_DEATHS and len(set(deaths)) == 1:
                raise process.ProcessFailedError(done)
            remaining = [name for name in left if name not in answers]
            if len(remaining) == len(left):
                raise process.ProcessFailedError(done)
            left = remaining


def _marks(text: str) -> Iterator[str]:
    for line in text.splitlines():
        mark = line.removeprefix(_TRACE)
        if mark != line and mark.startswith((_BEGIN, _RESULT)):
            yield mark


def _read(text: str, only: str) -> Iterator[tuple[str, Answer]]:
    for mark in _marks(text):
        if not mark.startswith(_RESULT):
            continue
        name, _, said = mark.removeprefix(_RESULT).partition(" ")
        value = json.loads(said)
        if value is False:
            yield name, Answer("refused")
        elif value is None:
            yield name, Answer("none")
        elif only == "derivation":
            yield name, Answer("derivation", derivation=value)
        else:
            yield name, Answer("derivation", decisions=value)


def _last_words(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith(_TRACE)]
    errors = [line for line in lines if line.startswith("error:")]
    return " ".join((errors or lines)[-1:] or ["Nix died without a word"])
