"""The words of a report: verdicts, findings, files, and what they come to together."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from filcross import resources

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from filcross.elf.comparison import Comparison
    from filcross.elf.packages import Package
    from filcross.elf.waivers import Use

FILC, RUNTIME, FOREIGN, MIXED, NO_EVIDENCE, UNREADABLE = (
    "filc",
    "runtime",
    "foreign",
    "mixed",
    "no-evidence",
    "unreadable",
)
VERDICTS = (FILC, RUNTIME, FOREIGN, MIXED, NO_EVIDENCE, UNREADABLE)
GOOD = frozenset({FILC, RUNTIME})
BAD = frozenset({FOREIGN, MIXED})

UNSEEN = ("unreadable folder", "vanished")
"""Reasons to skip that leave open what was there."""

MAX_EVIDENCE = 200
_END = "\0"

_SEVERITIES = {"E": "error", "N": "unknown", "W": "warning"}


@dataclass(frozen=True, slots=True, init=False)
class Finding:
    """One reason: a stable code, a sentence, and what it rests on (symbol names, paths).

    `packed` is the evidence as one text, a NUL after each piece: there may be tens of thousands of findings,
    and of most of them only the first pieces are shown.
    """

    code: str
    message: str
    packed: str

    def __init__(self, code: str, message: str, evidence: Iterable[str] = (), *, packed: str = "") -> None:
        """Make a finding from pieces of `evidence`, or from those in `packed`."""
        pieces = tuple(evidence)
        if pieces:
            together = _END.join(pieces)
            if together.count(_END) >= len(pieces):
                together = _END.join([piece.replace(_END, "\\x00") for piece in pieces])
            packed = together + _END
        object.__setattr__(self, "code", code)
        object.__setattr__(self, "message", message)
        object.__setattr__(self, "packed", packed)

    @property
    def evidence(self) -> tuple[str, ...]:
        """Return the pieces of evidence."""
        return tuple(self.packed.split(_END)[:-1])

    def first(self, most: int) -> tuple[tuple[str, ...], int]:
        """Return the first pieces of evidence, at most so many, and how many more there are."""
        pieces = self.packed.split(_END, most)
        return tuple(pieces[:-1]), pieces[-1].count(_END)

    @property
    def severity(self) -> str:
        """Return `error`, `unknown`, `warning` or `info`, told from the code's letter."""
        return _SEVERITIES.get(self.code[5:6], "info")


class Library(NamedTuple):
    """A library of a file's process: the name asked for, where it was found and how, its verdict.

    `path` is `None` where it was not found; `direct` says that the file itself needs it.
    """

    name: str
    path: str | None
    how: str
    needed_by: str | None
    direct: bool
    verdict: str | None


@dataclass(frozen=True, slots=True)
class FileReport:
    """What was found out about one file.

    `kind` is one of executable, library, static, object, archive, core, other. `confidence` says what the
    verdict rests on. `members` are the members of an archive. `same_as` lists hard links to the file.
    `waived` says which findings the project accepts, `accepted` that nothing else speaks against the file.
    `trusted` is whether somebody vouches for the toolchain that a good verdict rests on.
    """

    path: str
    kind: str
    verdict: str
    simulated: bool
    confidence: str
    findings: tuple[Finding, ...]
    machine: str = ""
    loader: str | None = None
    needed: tuple[str, ...] = ()
    libraries: tuple[Library, ...] = ()
    role: str | None = None
    toolchain: str | None = None
    members: tuple[FileReport, ...] = ()
    same_as: tuple[str, ...] = ()
    symbols: tuple[int, int] = (0, 0)
    waived: tuple[str, ...] = ()
    accepted: bool = False
    trusted: bool = True

    @property
    def outcome(self) -> str:
        """Return what the file adds to the answer: `accepted` (by waivers), `bad`, `good` or `open`."""
        if self.accepted:
            return "accepted"
        if self.verdict in BAD:
            return "bad"
        return "good" if self.verdict in GOOD and self.trusted else "open"


@dataclass(frozen=True, slots=True)
class Script:
    """A script by its interpreter, with the verdict of that (`None`: not found, or not ELF).

    `runs` are the programs that a wrapper script starts in its place, each with its verdict.
    """

    path: str
    interpreter: str
    verdict: str | None
    runs: tuple[tuple[str, str | None], ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """The result for all paths: files in order of path, scripts, and what was skipped, by reason.

    `waivers` says of each waiver what it did, `packages` which store paths the files are in, if any,
    `comparison` what changed since an earlier report, if one was named.
    """

    files: tuple[FileReport, ...]
    scripts: tuple[Script, ...]
    skipped: dict[str, int]
    toolchains: tuple[str, ...]
    waivers: tuple[Use, ...] = ()
    packages: tuple[Package, ...] = ()
    comparison: Comparison | None = None

    @property
    def counts(self) -> dict[str, int]:
        """Return how many files have each verdict."""
        return {verdict: sum(1 for file in self.files if file.verdict == verdict) for verdict in VERDICTS}

    @property
    def simulated(self) -> bool:
        """Return whether any file is the simulator's work."""
        return any(file.simulated for file in self.files)

    @property
    def accepted(self) -> int:
        """Return how many files count as good only by waivers."""
        return sum(file.accepted for file in self.files)

    @property
    def verdict(self) -> str:
        """Return `yes` (all Fil-C), `no` (something ordinary) or `unknown`."""
        return {0: "yes", 1: "no"}.get(self.exit_code, "unknown")

    @property
    def exit_code(self) -> int:
        """Return 1 for a foreign or mixed file, else 4 if there was nothing or something unjudged, else 0."""
        outcomes = {file.outcome for file in self.files}
        if "bad" in outcomes:
            return 1
        if any(self.skipped.get(reason) for reason in UNSEEN):
            return 4
        return 0 if outcomes and "open" not in outcomes else 4


@cache
def finding_titles() -> dict[str, str]:
    """Return every finding code with its title (`filcross/data/findings.toml`)."""
    content = tomllib.loads((resources.data_dir() / "findings.toml").read_text(encoding="utf-8"))
    return {code: entry["title"] for code, entry in content.items()}


def decide(own: str, findings: Sequence[Finding]) -> str:
    """Return the verdict after the findings about the process: they only ever make it worse."""
    if own in (FOREIGN, MIXED, UNREADABLE):
        return own
    severities = {finding.severity for finding in findings}
    if "error" in severities:
        return MIXED
    return NO_EVIDENCE if "unknown" in severities else own
