"""What files say as plain data: for another process, and for the cache.

A record holds strings, numbers, `None` and tuples and sets of them, no object; the known runtime files in it
are numbers of the policy that it was made under.
"""

from __future__ import annotations

from dataclasses import fields
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from filcross.elf.contents import Content
from filcross.elf.files import Said, counted
from filcross.elf.policy import Known
from filcross.elf.verdict import FileReport, Finding

if TYPE_CHECKING:
    from collections.abc import Iterable

    from filcross.elf.policy import Policy

_CONTENT = tuple(field.name for field in fields(Content) if field.init)
_REPORT = tuple(field.name for field in fields(FileReport))
_CONTENT_FINDINGS, _KNOWN = _CONTENT.index("findings"), _CONTENT.index("known")
_REPORT_FINDINGS, _MEMBERS = _REPORT.index("findings"), _REPORT.index("members")
_content_values, _report_values = attrgetter(*_CONTENT), attrgetter(*_REPORT)


def pack(said: Said, policy: Policy) -> tuple[Any, ...] | str:
    """Return the record of what a file says: only the reason where it is just counted."""
    content, report, interpreter, reason, lasting = said
    if reason is not None and lasting:
        return reason
    return (
        _pack_content(content, policy) if content is not None else None,
        _pack_report(report) if report is not None else None,
        interpreter,
        reason,
        lasting,
    )


def unpack(record: tuple[Any, ...] | str, policy: Policy) -> Said:
    """Return what a file says, from its record."""
    if isinstance(record, str):
        return counted(record)
    content, report, interpreter, reason, lasting = record
    return Said(
        _unpack_content(content, policy) if content is not None else None,
        _unpack_report(report) if report is not None else None,
        interpreter,
        reason,
        lasting,
    )


def _pack_content(content: Content, policy: Policy) -> tuple[Any, ...]:
    values = list(_content_values(content))
    values[_CONTENT_FINDINGS] = _pack_findings(content.findings)
    values[_KNOWN] = tuple(
        (number, runtime.files.index(known.file))
        for known in content.known
        for number, runtime in enumerate(policy.runtimes)
        if runtime is known.runtime
    )
    return tuple(values)


def _unpack_content(record: tuple[Any, ...], policy: Policy) -> Content:
    values = list(record)
    values[_CONTENT_FINDINGS] = _unpack_findings(record[_CONTENT_FINDINGS])
    values[_KNOWN] = tuple(
        Known(policy.runtimes[number], policy.runtimes[number].files[place])
        for number, place in record[_KNOWN]
    )
    return Content(*values)


def _pack_report(report: FileReport) -> tuple[Any, ...]:
    values = list(_report_values(report))
    values[_REPORT_FINDINGS] = _pack_findings(report.findings)
    values[_MEMBERS] = tuple(map(_pack_report, report.members))
    return tuple(values)


def _unpack_report(record: tuple[Any, ...]) -> FileReport:
    values = list(record)
    values[_REPORT_FINDINGS] = tuple(_unpack_findings(record[_REPORT_FINDINGS]))
    values[_MEMBERS] = tuple(map(_unpack_report, record[_MEMBERS]))
    return FileReport(*values)


def _pack_findings(findings: Iterable[Finding]) -> list[tuple[str, str, str]]:
    return [(finding.code, finding.message, finding.packed) for finding in findings]


def _unpack_findings(records: Iterable[tuple[str, str, str]]) -> list[Finding]:
    return [Finding(code, message, packed=packed) for code, message, packed in records]
