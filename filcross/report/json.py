"""A report as plain data for `json.dumps`; its schema is `filcross/data/schemas/verify.schema.json`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from filcross.elf import packages
from filcross.elf.verdict import finding_titles

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from filcross.elf.comparison import Comparison
    from filcross.elf.packages import Package
    from filcross.elf.verdict import FileReport, Finding, Library, Report
    from filcross.elf.waivers import Use

    Each = Callable[[Collection[Any], Callable[[Any], dict[str, Any]]], list[dict[str, Any]]]


def render(report: Report) -> dict[str, Any]:
    """Return the report as a dictionary of strings, numbers, booleans, lists and dictionaries."""
    return _report(report, _listed)


def streamed(report: Report) -> dict[str, Any]:
    """Return what `render` does, to be written once by `json.JSONEncoder(indent=…).iterencode`.

    Files and members of archives are made when they are written: together they may take a hundred megabytes.
    """
    return _report(report, _Streamed)


class _Streamed(list[dict[str, Any]]):
    """A list that makes its items whenever it is iterated over."""

    def __init__(self, items: Collection[Any], make: Callable[[Any], dict[str, Any]]) -> None:
        super().__init__()
        self._items, self._make = items, make

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return map(self._make, self._items)


def _listed(items: Collection[Any], make: Callable[[Any], dict[str, Any]]) -> list[dict[str, Any]]:
    return list(map(make, items))


def _report(report: Report, each: Each) -> dict[str, Any]:
    chains = packages.Chains(report)
    return {
        "verdict": report.verdict,
        "exit_code": report.exit_code,
        "simulated": report.simulated,
        "toolchains": list(report.toolchains),
        "counts": report.counts,
        "skipped": dict(report.skipped),
        "accepted": report.accepted,
        "waivers": [_waiver(use) for use in report.waivers],
        "packages": [_package(package) for package in report.packages],
        "comparison": _comparison(report.comparison),
        "files": each(report.files, lambda file: {**_file(file, each), **_place(chains, file)}),
        "scripts": [
            {
                "path": plain(script.path),
                "interpreter": plain(script.interpreter),
                "verdict": script.verdict,
                "runs": [{"path": plain(path), "verdict": verdict} for path, verdict in script.runs],
            }
            for script in report.scripts
        ],
    }


def _waiver(use: Use) -> dict[str, Any]:
    waiver = use.waiver
    return {
        "code": waiver.code,
        "path": waiver.path,
        "reason": waiver.reason,
        "owner": waiver.owner,
        "expires": waiver.expires.isoformat() if waiver.expires is not None else None,
        "origin": plain(waiver.origin),
        "state": use.state,
        "files": use.files,
    }


def _package(package: Package) -> dict[str, Any]:
    return {
        "path": package.path,
        "name": package.name,
        "attribute": package.attribute,
        "position": package.position,
        "via": list(package.via),
        "outcomes": dict(sorted(package.outcomes.items())),
    }


def _comparison(comparison: Comparison | None) -> dict[str, Any] | None:
    if comparison is None:
        return None
    return {
        "baseline": plain(comparison.baseline),
        **{
            name: {
                "new": [plain(item) for item in changes.new],
                "fixed": [plain(item) for item in changes.fixed],
                "unchanged": [plain(item) for item in changes.unchanged],
            }
            for name, changes in (("files", comparison.files), ("findings", comparison.findings))
        },
    }


def _place(chains: packages.Chains, file: FileReport) -> dict[str, Any]:
    """Return what is said of whole files only: their package, and for bad ones what brings that in."""
    found = packages.store_path(file.path)
    return {
        "package": found[0] if found is not None else None,
        "chain": [{"what": step.what, "text": plain(step.text)} for step in chains.of(file)],
    }


def _file(file: FileReport, each: Each) -> dict[str, Any]:
    return {
        "path": plain(file.path),
        "kind": file.kind,
        "machine": file.machine,
        "verdict": file.verdict,
        "simulated": file.simulated,
        "confidence": file.confidence,
        "role": file.role,
        "toolchain": file.toolchain,
        "loader": plain(file.loader) if file.loader is not None else None,
        "needed": [plain(name) for name in file.needed],
        "libraries": [_library(library) for library in file.libraries],
        "filc_symbols": {"defined": file.symbols[0], "imported": file.symbols[1]},
        "findings": [_finding(finding) for finding in file.findings],
        "members": each(file.members, lambda member: _file(member, each)),
        "waived": [plain(item) for item in file.waived],
        "accepted": file.accepted,
        "trusted": file.trusted,
        "same_as": [plain(path) for path in file.same_as],
    }


def _library(library: Library) -> dict[str, Any]:
    return {
        "name": plain(library.name),
        "path": plain(library.path) if library.path is not None else None,
        "how": plain(library.how),
        "needed_by": plain(library.needed_by) if library.needed_by is not None else None,
        "direct": library.direct,
        "verdict": library.verdict,
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "code": finding.code,
        "severity": finding.severity,
        "title": finding_titles().get(finding.code, finding.code),
        "message": plain(finding.message),
        "evidence": [plain(item) for item in finding.evidence],
    }


def plain(value: str) -> str:
    """Return text that every JSON reader takes: bytes that are not UTF-8 as backslash escapes."""
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
