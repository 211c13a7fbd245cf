"""What evaluates of a tree for Fil-C, compared with the platform of the same libc flavour.

Both platforms are asked with the same questions (`filcross.nix.sweep`). Derivations go to a store of the
survey's own, so that packages which need a language that cannot be Fil-C are found in the graph behind them,
on both sides alike. Failures that only Fil-C has are grouped by what they come from; where both have a
derivation, what the two say is compared (`filcross.matrix.flavour`).
"""

from __future__ import annotations

import contextlib
import re
import shutil
import tempfile
from collections import defaultdict
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from filcross import files
from filcross.errors import NothingToJudgeError
from filcross.matrix import flavour, flavour_run
from filcross.nix import graph, languages, sweep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from filcross.matrix.flavour import Comparison, Difference
    from filcross.nix.sweep import Answer, Question

LANGUAGE, NO_PACKAGE, OTHER = "language", "no package", "other"
PORT = "filcross has a port of it (`filcross ports show`)"
PORT_OF_INPUT = "an input of which filcross has a port, and another version"
_NOTHING, _MUTE = sweep.Answer(sweep.NONE), sweep.Answer(sweep.REFUSED)
_MEMORY_FOLDER = Path("/dev/shm")  # noqa: S108 - a file system in memory, where there is one
_ROOM = 3 << 30

_KINDS = (
    (
        LANGUAGE,
        r"there is no \w+ compiler for Fil-C|code for x86_64 Linux only|cannot be part of a Fil-C process",
    ),
    ("port", r"cannot be built with Fil-C: "),
    ("timeout", r"^timeout: "),
    ("killed", r"^Nix was killed by signal"),
    ("abort", r"^evaluation aborted"),
    ("stack", r"^stack overflow|max-call-depth exceeded"),
    ("recursion", r"^infinite recursion"),
    ("assertion", r"^assertion "),
    ("missing attribute", r"^attribute '.*' missing|^undefined variable|called without required argument"),
    ("missing file", r"No such file or directory$|^path '.*' does not exist"),
    ("import from derivation", r"allow-import-from-derivation|realising the context|\.drv' is not valid"),
    ("wrong type", r"^value is |^cannot coerce|^expected a |^attempt to call|^cannot (add|compare|convert) "),
    ("syntax", r"^syntax error"),
)
_STORE_PATH = re.compile(r"/nix/store/[0-9a-z]{32}-")


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attribute has no derivation.

    `kind` is the class: a reason of the package's metadata (`unsupported`, `broken`, `insecure`, `unfree`,
    …), `throw`, `assertion`, `missing attribute`, `abort`, `stack`, `recursion`, `timeout`, `language`, …
    (`other` for none of them). `message` is the first line of the error, `position` the file and line that it
    comes from; both are empty where Nix hid them.
    """

    kind: str
    message: str = ""
    position: str = ""


@dataclass(frozen=True, slots=True)
class Platform:
    """What one platform makes of the attributes.

    `derivations` have one and are free of languages that cannot be Fil-C; `languages` have one, too, but need
    those; `failures` have none; `others` are no packages.
    """

    name: str
    derivations: Mapping[str, str]
    languages: Mapping[str, tuple[str, ...]]
    failures: Mapping[str, Failure]
    others: tuple[str, ...]

    @property
    def refused(self) -> dict[str, tuple[str, ...]]:
        """The attributes that need another language, in the graph or by a refusal at evaluation."""
        said = {name: () for name, failure in self.failures.items() if failure.kind == LANGUAGE}
        return {**said, **self.languages}


@dataclass(frozen=True, slots=True)
class Group:
    """Failures with the same root cause."""

    kind: str
    message: str
    position: str
    attributes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Survey:
    """The result.

    `asked` are the attributes that were asked; `only_filc` the failures that Fil-C has and the reference has
    not, biggest group first, `only_reference` the other way round. `complete` is false for a survey that was
    interrupted: then languages may not have been looked for (`languages_known`).
    """

    asked: int
    filc: Platform
    reference: Platform | None
    only_filc: tuple[Group, ...]
    only_reference: tuple[Group, ...]
    comparison: Comparison | None
    complete: bool = True
    languages_known: bool = True

    @property
    def ratio(self) -> float | None:
        """How many derivations Fil-C has for each of the reference, without those of other languages."""
        if self.reference is None or not self.reference.derivations:
            return None
        return len(self.filc.derivations) / len(self.reference.derivations)


@dataclass(slots=True)
class Progress:
    """Where a survey stands; filled as it goes, so that an interrupted one can be told of."""

    filc: dict[str, Answer] = field(default_factory=dict)
    reference: dict[str, Answer] = field(default_factory=dict)
    explained: dict[str, Answer] = field(default_factory=dict)


def run(
    filc: Question,
    reference: Question | None,
    names: Sequence[str],
    *,
    kind: str = "musl",
    jobs: int = 0,
    decisions: bool = True,
    progress: Progress | None = None,
    tell: Callable[[str], None] = lambda _: None,
    count: Callable[[int], None] | None = None,
) -> Survey:
    """Survey the attributes `names` for Fil-C and a reference platform.

    `kind` is the flavour of Fil-C's libc, for the rules of the comparison, which is left out without
    `decisions`. `progress` is filled as answers come; `partial` makes a survey of it after an interrupt.
    `tell` gets a sentence about each step, `count` the number of answers, from other threads. Raises
    `process.ProcessFailedError` for a platform that does not evaluate at all, `NothingToJudgeError` for no
    names.
    """
    if not names:
        raise NothingToJudgeError("there are no attributes to survey", hint="name some, or --set all")
    state = progress or Progress()
    only = "decisions" if decisions else "derivation"
    with _stores() as place:
        known: dict[str, Mapping[str, frozenset[str]]] = {}
        for label, question, answers in _sides(filc, reference, state):
            store = place(label)
            tell(f"evaluating {len(names)} attributes for {question.platform}")
            asked = replace(question, store=store)
            sweep.fill_store(asked)
            sweep.sweep(asked, names, only=only, jobs=jobs, into=answers, on_progress=count)
            tell(f"reading the derivations of {question.platform}")
            known[label] = _languages(answers, asked, _configuration(question.platform))
            files.remove(store)
    # What needs another language on the reference is counted with those, whatever Fil-C's overlay says to it.
    needy = {name for name, found in known.get("reference", {}).items() if found}
    unexplained = [name for name in names if name not in needy and _is_mute(state, name)]
    if unexplained:
        tell(f"asking {len(unexplained)} attributes, which fail for Fil-C only, for the reason")
        sweep.explain(filc, unexplained, jobs=jobs, into=state.explained)
    return _assemble(filc, reference, state, known, kind=kind, decisions=decisions)


def partial(filc: Question, reference: Question | None, kind: str, state: Progress) -> Survey:
    """Return what is known of a survey that was interrupted."""
    found = _assemble(filc, reference, state, {}, kind=kind, decisions=False)
    return replace(found, complete=False, languages_known=False)


def _sides(
    filc: Question, reference: Question | None, state: Progress
) -> Iterator[tuple[str, Question, dict[str, Answer]]]:
    if reference is not None:
        yield "reference", reference, state.reference
    yield "filc", filc, state.filc


@contextlib.contextmanager
def _stores() -> Iterator[Callable[[str], Path]]:
    """Yield what makes folders for stores: in memory where there is room, for Nix waits for slow disks."""
    parent = Path(tempfile.gettempdir())
    with contextlib.suppress(OSError):
        if shutil.disk_usage(_MEMORY_FOLDER).free >= _ROOM:
            parent = _MEMORY_FOLDER
    with files.unfinished(parent, "filcross-survey-") as folder:

        def make(name: str) -> Path:
            (folder / name).mkdir()
            return folder / name

        yield make


def _configuration(platform: str) -> str:
    """Return the configuration of a platform by its name; an unknown name has none that is looked for."""
    names = {
        "filc": graph.PLATFORM,
        "musl64": flavour.REFERENCES["musl"],
        "gnu64": "x86_64-unknown-linux-gnu",
    }
    return names.get(platform, platform)


def _languages(
    answers: Mapping[str, Answer], question: Question, configuration: str
) -> dict[str, frozenset[str]]:
    """Return the languages in the graph behind each attribute that has a derivation."""
    roots = {name: answer.derivation for name, answer in answers.items() if answer.derivation}
    found = graph.read_derivations(roots.values(), platform=configuration, folder=question.store)
    needed = languages.needed_by(found, roots.values(), platform=configuration)
    return {name: needed[path] for name, path in roots.items()}


def _is_mute(state: Progress, name: str) -> bool:
    """Say whether a failure has no message, and matters: the reference has none."""
    mine, other = state.filc.get(name), state.reference.get(name)
    if mine is None or mine.outcome != sweep.REFUSED or mine.issue:
        return False
    return other is None or other.outcome == sweep.DERIVATION


def _assemble(
    filc: Question,
    reference: Question | None,
    state: Progress,
    known: Mapping[str, Mapping[str, frozenset[str]]],
    *,
    kind: str,
    decisions: bool,
) -> Survey:
    explained = {
        name: replace(answer, outcome=sweep.REFUSED)  # as it was said at first: this time nothing caught it
        for name, answer in state.explained.items()
        if answer.message
    }
    answers = {**state.filc, **explained}
    asked = len(state.filc.keys() | state.reference.keys())
    for name, needed in known.get("reference", {}).items():
        if needed and answers.get(name, _NOTHING) == _MUTE:
            titles = ", ".join(sorted(needed))
            answers[name] = replace(
                _MUTE, issue=LANGUAGE, message=f"it is refused; elsewhere it needs {titles}"
            )
    ours = _platform("filc", answers, known.get("filc", {}))
    if reference is None:
        return Survey(asked, ours, None, _groups(ours.failures, filc.tree), (), None)
    theirs = _platform(reference.platform, state.reference, known.get("reference", {}))
    mine = {
        name: found
        for name, found in ours.failures.items()
        if name in theirs.derivations or (found.kind != LANGUAGE and name in theirs.languages)
    }
    lost = {
        name: found
        for name, found in theirs.failures.items()
        if name in ours.derivations or name in ours.languages
    }
    comparison = None
    if decisions:
        both = [name for name in ours.derivations if name in theirs.derivations]
        comparison = flavour.compare(
            kind,
            {name: state.reference[name] for name in both},
            {name: answers[name] for name in both},
            tree=filc.tree,
            rules=flavour_run.rules(),
        )
        comparison = _explained_by_ports(comparison, {name for name in both if answers[name].ported}, answers)
    return Survey(
        asked,
        ours,
        theirs,
        _groups(mine, filc.tree),
        _groups(lost, filc.tree),
        comparison,
    )


def _explained_by_ports(found: Comparison, ported: set[str], answers: Mapping[str, Answer]) -> Comparison:
    """Give the differences of packages with a port, and of those that use them, that as the reason."""
    names = tuple(
        f"{graph.package_of(str(answers[name].decisions['name']))}-"
        for name in ported
        if answers[name].decisions.get("name")
    )

    def reason(item: Difference) -> str | None:
        if item.reason is not None:
            return item.reason
        if item.package in ported:
            return PORT
        return PORT_OF_INPUT if names and item.element[1:].startswith(names) else None

    return replace(found, differences=tuple(replace(item, reason=reason(item)) for item in found.differences))


def _platform(label: str, answers: Mapping[str, Answer], needed: Mapping[str, frozenset[str]]) -> Platform:
    found = {name: answer for name, answer in answers.items() if answer.outcome == sweep.DERIVATION}
    foreign = {name: tuple(sorted(needed[name])) for name in found if needed.get(name)}
    return Platform(
        label,
        {name: answer.derivation for name, answer in found.items() if name not in foreign},
        foreign,
        {
            name: classify(answer)
            for name, answer in answers.items()
            if answer.outcome in {sweep.REFUSED, sweep.FATAL}
        },
        tuple(name for name, answer in answers.items() if answer.outcome == sweep.NONE),
    )


def classify(answer: Answer) -> Failure:
    """Return the class of a failure (an answer that is `refused` or `fatal`)."""
    if answer.issue:
        return Failure(answer.issue, answer.message, answer.position)
    for kind, pattern in _KINDS:
        if re.search(pattern, answer.message):
            return Failure(kind, answer.message, answer.position)
    # Nix catches what a recipe throws, and nothing else.
    kind = "throw" if answer.outcome == sweep.REFUSED else OTHER
    return Failure(kind, answer.message, answer.position)


def _groups(failures: Mapping[str, Failure], tree: Path) -> tuple[Group, ...]:
    """Group failures by class, message and place, the biggest group first."""
    found: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for name, failure in failures.items():
        message = _STORE_PATH.sub("", failure.message).replace(f"{tree}/", "")
        found[failure.kind, message, failure.position.removeprefix(f"{tree}/")].append(name)
    return tuple(
        Group(kind, message, position, tuple(sorted(attributes)))
        for (kind, message, position), attributes in sorted(
            found.items(), key=lambda item: (-len(item[1]), item[0])
        )
    )
