"""A report as JUnit XML: a test case for each file, so that any CI shows which files failed and why.

Format: https://github.com/testmoapp/junitxml. `foreign` and `mixed` files are failures, files that could not
be judged are errors.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from filcross.elf.verdict import BAD, GOOD
from filcross.report.text import printable

if TYPE_CHECKING:
    from filcross.elf.verdict import FileReport, Report


def render(report: Report) -> str:
    """Return the report as an XML document."""
    counts = {
        "tests": len(report.files),
        "failures": sum(not file.accepted and file.verdict in BAD for file in report.files),
        "errors": sum(not file.accepted and file.verdict not in BAD | GOOD for file in report.files),
    }
    numbers = {name: str(count) for name, count in counts.items()}
    root = ET.Element("testsuites", {"name": "filcross verify", **numbers})
    suite = ET.SubElement(
        root,
        "testsuite",
        {"name": "filcross verify", **numbers, "skipped": str(report.accepted), "time": "0"},
    )
    properties = ET.SubElement(suite, "properties")
    for name, value in (
        ("verdict", report.verdict),
        ("simulated", str(report.simulated).lower()),
        ("toolchains", ", ".join(report.toolchains)),
        *((f"waivers {state}", str(count)) for state, count in waiver_counts(report).items()),
        *((f"not judged: {reason}", str(count)) for reason, count in report.skipped.items()),
    ):
        ET.SubElement(properties, "property", {"name": printable(name), "value": printable(value)})
    for file in report.files:
        _case(suite, file)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def waiver_counts(report: Report) -> dict[str, int]:
    """Return how many waivers are used, unused and expired, without those that none is."""
    return dict(Counter(use.state for use in report.waivers))


def _case(suite: ET.Element, file: FileReport) -> None:
    case = ET.SubElement(
        suite, "testcase", {"name": printable(file.path), "classname": f"filcross.{file.kind}", "time": "0"}
    )
    if file.accepted:
        ET.SubElement(case, "skipped", {"message": printable("; ".join(file.waived))})
    if file.accepted or file.verdict in GOOD:
        return
    findings = [finding for finding in file.findings if finding.severity != "info"]
    result = ET.SubElement(
        case,
        "failure" if file.verdict in BAD else "error",
        {
            "type": findings[0].code if findings else file.verdict,
            "message": printable(f"{file.verdict}: {findings[0].message if findings else file.confidence}"),
        },
    )
    result.text = "\n".join(
        printable(f"{finding.code}: {finding.message}: {', '.join(finding.evidence)}".removesuffix(": "))
        for finding in findings
    )
