"""A report as SARIF 2.1.0, the format of code-scanning services.

Specification: https://docs.oasis-open.org/sarif/sarif/v2.1.0/. Each finding is a result at its file; the
rules are the findings' codes. Where the attribute that brings the file in is known, the result is at its Nix
code, and the file is what was analysed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from filcross.elf import packages
from filcross.elf.verdict import finding_titles
from filcross.report.junit import waiver_counts
from filcross.report.text import printable

if TYPE_CHECKING:
    from filcross.elf.verdict import FileReport, Finding, Report

NIXPKGS = "NIXPKGS"
_LEVELS = {"error": "error", "unknown": "warning", "warning": "warning", "info": "note"}
_KINDS = {"error": "fail", "unknown": "open", "warning": "review", "info": "informational"}


def render(report: Report, version: str) -> dict[str, Any]:
    """Return the report as plain data; `version` is filcross' own."""
    titles = finding_titles()
    chains = packages.Chains(report)
    rules = sorted({finding.code for file in report.files for _, finding in _findings(file)})
    return {
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "filcross",
                        "semanticVersion": version,
                        "rules": [
                            {"id": code, "shortDescription": {"text": titles.get(code, code)}}
                            for code in rules
                        ],
                    }
                },
                "invocations": [{"executionSuccessful": True, "exitCode": report.exit_code}],
                "originalUriBaseIds": {
                    NIXPKGS: {"description": {"text": "the root of the nixpkgs that was built from"}}
                },
                "columnKind": "unicodeCodePoints",
                "results": [
                    _result(path, finding, rules.index(finding.code), _waived(file, path, finding), place)
                    for file in report.files
                    for place in (_nix_place(chains, file),)
                    for path, finding in _findings(file)
                ],
                "properties": {
                    "verdict": report.verdict,
                    "simulated": report.simulated,
                    "counts": report.counts,
                    "skipped": dict(report.skipped),
                    "waivers": waiver_counts(report),
                },
            }
        ],
    }


def _findings(file: FileReport) -> list[tuple[str, Finding]]:
    found = [(file.path, finding) for finding in file.findings]
    for member in file.members:
        found.extend(_findings(member))
    return found


def _waived(file: FileReport, path: str, finding: Finding) -> str | None:
    """Return why the project accepts a finding (`None`: it does not); waivers are about whole files."""
    if path != file.path:
        return None
    start = f"{finding.code}: "
    return next((text.removeprefix(start) for text in file.waived if text.startswith(start)), None)


def _nix_place(chains: packages.Chains, file: FileReport) -> dict[str, Any] | None:
    """Return where the attribute that brings a file in stands in the Nix code, if that is known."""
    package = chains.package(file)
    name, _, line = (package.position or "").rpartition(":") if package is not None else ("", "", "")
    if not name or not line.isdigit() or not int(line):
        return None
    artifact = {"uri": _uri(name)} if name.startswith("/") else {"uri": _uri(name), "uriBaseId": NIXPKGS}
    return {"artifactLocation": artifact, "region": {"startLine": int(line)}}


def _result(
    path: str, finding: Finding, index: int, waived: str | None, place: dict[str, Any] | None
) -> dict[str, Any]:
    kind = _KINDS[finding.severity]
    evidence = f": {', '.join(finding.evidence)}" if finding.evidence else ""
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "ruleIndex": index,
        "kind": kind,
        "level": _LEVELS[finding.severity] if kind == "fail" else "none",
        "message": {"text": printable(finding.message + evidence)},
        "locations": [{"physicalLocation": {"artifactLocation": {"uri": _uri(path)}}}],
    }
    if place is not None:
        result["analysisTarget"] = {"uri": _uri(path)}
        result["relatedLocations"] = result["locations"]
        result["locations"] = [{"physicalLocation": place}]
    if waived is not None:
        result["suppressions"] = [{"kind": "external", "justification": printable(waived)}]
    return result


def _uri(path: str) -> str:
    text = quote(path.encode("utf-8", "surrogateescape"), safe="/+-._~()")
    return f"file://{text}" if text.startswith("/") else text
