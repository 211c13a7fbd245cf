"""Waivers: findings that a project accepts, each with a reason and an owner.

A waiver does not change a verdict. It takes a file out of the exit code, once every finding that makes the
file bad or unjudged is waived, and it is counted in every report. One that has expired counts no more.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from dataclasses import dataclass, replace
from datetime import date
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from filcross.elf.verdict import finding_titles
from filcross.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from filcross.elf.verdict import FileReport, Report

_FIELDS = {"code", "path", "reason", "owner", "expires"}


@dataclass(frozen=True, slots=True)
class Waiver:
    """One accepted finding: its code, the files (a pattern as in a shell, `*` also for `/`), why and who.

    `expires` is the last day on which it counts, `origin` the file that it stands in.
    """

    code: str
    path: str
    reason: str
    owner: str
    expires: date | None = None
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Use:
    """What became of a waiver in a report: `files` is how many it counts for (0 once it has expired)."""

    waiver: Waiver
    files: int
    expired: bool

    @property
    def state(self) -> str:
        """Return `used`, `unused` or `expired`."""
        return "expired" if self.expired else "used" if self.files else "unused"


def read_waivers(file: Path) -> tuple[Waiver, ...]:
    """Return the waivers in a TOML file of `[[waiver]]` tables; raise `UsageError` for one that is wrong."""
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}", hint="check the path") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} is not valid TOML: {error}", hint="correct the line") from error
    if set(content) - {"waiver"}:
        raise UsageError(f"{file} holds something else than [[waiver]] tables", hint="remove it")
    return from_tables([(str(file), content.get("waiver", []))])


def from_tables(tables: Sequence[tuple[str, Any]]) -> tuple[Waiver, ...]:
    """Return the waivers in the `waiver` tables of settings files, each with the file (`config.tables`).

    Raises `UsageError` for one that is wrong.
    """
    found: list[Waiver] = []
    for origin, entries in tables:
        if not isinstance(entries, list):
            raise UsageError(
                f"`waiver` in {origin} is no list of tables", hint="write each waiver as [[waiver]]"
            )
        found.extend(_waiver(origin, number, entry) for number, entry in enumerate(entries, start=1))
    return tuple(found)


def _waiver(file: str, number: int, entry: Any) -> Waiver:  # noqa: ANN401  (whatever TOML holds)
    where = f"waiver {number} in {file}"
    hint = (
        'a waiver has code, path, reason and owner (texts), and perhaps expires (a date): code = "FILC-E302"'
    )
    if not isinstance(entry, dict) or set(entry) - _FIELDS:
        raise UsageError(f"{where} has unknown fields", hint=hint)
    texts = [entry.get(name) for name in ("code", "path", "reason", "owner")]
    if not all(isinstance(text, str) and text.strip() for text in texts):
        raise UsageError(f"{where} lacks a field", hint=hint)
    if entry["code"] not in finding_titles():
        raise UsageError(f"{where} names no finding: {entry['code']}", hint="the codes are in docs/findings/")
    expires = entry.get("expires")
    if expires is not None and type(expires) is not date:
        raise UsageError(f"{where} has no date in `expires`", hint="write it without quotes: 2030-01-31")
    return Waiver(entry["code"], entry["path"], entry["reason"], entry["owner"], expires, file)


def apply(report: Report, waivers: Sequence[Waiver], today: date) -> Report:
    """Return the report with what is waived noted in it, and what became of each waiver."""
    if not waivers:
        return report
    valid = [waiver for waiver in waivers if not _has_expired(waiver, today)]
    files: list[FileReport] = []
    counts: Counter[Waiver] = Counter()
    for file in report.files:
        judged, used = _file(file, valid)
        files.append(judged)
        counts.update(used)
    uses = tuple(Use(waiver, counts[waiver], _has_expired(waiver, today)) for waiver in waivers)
    return replace(report, files=tuple(files), waivers=uses)


def _has_expired(waiver: Waiver, today: date) -> bool:
    return waiver.expires is not None and waiver.expires < today


def _file(file: FileReport, waivers: Sequence[Waiver]) -> tuple[FileReport, list[Waiver]]:
    matching = {waiver.code: waiver for waiver in reversed(waivers) if fnmatchcase(file.path, waiver.path)}
    waived = {
        finding.code: matching[finding.code]
        for finding in file.findings
        if finding.severity != "info" and finding.code in matching
    }
    judged = replace(
        file,
        waived=tuple(f"{code}: {waiver.reason} ({waiver.owner})" for code, waiver in sorted(waived.items())),
        accepted=bool(waived)
        and all(
            finding.code in waived for finding in file.findings if finding.severity in ("error", "unknown")
        ),
    )
    return judged, list(waived.values())
