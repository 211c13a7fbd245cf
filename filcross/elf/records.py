"""What files say as plain data: for another process, and for the cache.

A record holds strings, numbers, `None` and tuples and sets of them, no object; the known runtime files in it
are numbers of the policy that it was made under.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from filcross.elf.contents import Content
from filcross.elf.files import Said
from filcross.elf.policy import Known
from filcross.elf.verdict import FileReport, Finding

if TYPE_CHECKING:
    from collections.abc import Iterable

    from filcross.elf.policy import Policy

_CONTENT = tuple(field.name for field in fields(Content))
_REPORT = tuple(field.name for field in fields(FileReport))


def pack(said: Said, policy: Policy) -> tuple[Any, ...]:
    """Return the record of what a file says."""
    content, report, interpreter, reason, lasting = said
    return (
        _pack_content(content, policy) if content is not None else None,
        _pack_report(report) if report is not None else None,
        interpreter,
        reason,
        lasting,
    )


def unpack(record: tuple[Any, ...], policy: Policy) -> Said:
    """Return what a file says, from its record."""
    content, report, interpreter, reason, lasting = record
    return Said(
        _unpack_content(content, policy) if content is not None else None,
        _unpack_report(report) if report is not None else None,
        interpreter,
        reason,
        lasting,
    )


def _pack_content(content: Content, policy: Policy) -> tuple[Any, ...]:
    values = {name: getattr(content, name) for name in _CONTENT}
    values["findings"] = _pack_findings(content.findings)
    values["known"] = tuple(
        (number, runtime.files.index(known.file))
        for known in content.known
        for number, runtime in enumerate(policy.runtimes)
        if runtime is known.runtime
    )
    return tuple(values.values())


def _unpack_content(record: tuple[Any, ...], policy: Policy) -> Content:
    values = dict(zip(_CONTENT, record, strict=True))
    values["findings"] = _unpack_findings(values["findings"])
    values["known"] = tuple(
        Known(policy.runtimes[number], policy.runtimes[number].files[place])
        for number, place in values["known"]
    )
    return Content(**values)


def _pack_report(report: FileReport) -> tuple[Any, ...]:
    values = {name: getattr(report, name) for name in _REPORT}
    values["findings"] = _pack_findings(report.findings)
    values["members"] = tuple(_pack_report(member) for member in report.members)
    return tuple(values.values())


def _unpack_report(record: tuple[Any, ...]) -> FileReport:
    values = dict(zip(_REPORT, record, strict=True))
    values["findings"] = tuple(_unpack_findings(values["findings"]))
    values["members"] = tuple(_unpack_report(member) for member in values["members"])
    return FileReport(**values)


def _pack_findings(findings: Iterable[Finding]) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(finding.code, finding.message, finding.evidence) for finding in findings]


def _unpack_findings(records: Iterable[tuple[str, str, tuple[str, ...]]]) -> list[Finding]:
    return [Finding(*record) for record in records]
