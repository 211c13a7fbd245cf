"""A report as JUnit XML: a test case for each file, so that any CI shows which files failed and why.

Format: https://github.com/testmoapp/junitxml. `foreign` and `mixed` files are failures, files that could not
be judged are errors.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from filcross.report.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from filcross.elf.verdict import FileReport, Report


@dataclass(frozen=True, slots=True)
class Case:
    """A test case: `state` is `passed`, `failure`, `error` or `skipped`; `type` and `message` say why.

    `text` is what a reader wants to see then, `seconds` how long it took.
    """

    name: str
    group: str
    state: str = "passed"
    type: str = ""
    message: str = ""
    text: str = ""
    seconds: float = 0.0


def document(name: str, cases: Sequence[Case], properties: Iterable[tuple[str, str]]) -> str:
    """Return an XML document with one suite; its skipped cases may be accepted failures."""
    states = Counter(case.state for case in cases)
    numbers = {
        "tests": str(len(cases)),
        "failures": str(states["failure"]),
        "errors": str(states["error"]),
    }
    skipped = str(states["skipped"])
    seconds = f"{sum(case.seconds for case in cases):g}"
    root = ET.Element("testsuites", {"name": name, **numbers})
    suite = ET.SubElement(root, "testsuite", {"name": name, **numbers, "skipped": skipped, "time": seconds})
    described = ET.SubElement(suite, "properties")
    for key, value in properties:
        ET.SubElement(described, "property", {"name": printable(key), "value": printable(value)})
    for case in cases:
        element = ET.SubElement(
            suite,
            "testcase",
            {"name": printable(case.name), "classname": printable(case.group), "time": f"{case.seconds:g}"},
        )
        if case.state == "skipped":
            ET.SubElement(element, "skipped", {"message": printable(case.message)})
        elif case.state != "passed":
            words = {"type": printable(case.type), "message": printable(case.message)}
            ET.SubElement(element, case.state, words).text = "\n".join(map(printable, case.text.splitlines()))
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def render(report: Report) -> str:
    """Return the report as an XML document."""
    properties = (
        ("verdict", report.verdict),
        ("simulated", str(report.simulated).lower()),
        ("toolchains", ", ".join(report.toolchains)),
        *((f"waivers {state}", str(count)) for state, count in waiver_counts(report).items()),
        *((f"not judged: {reason}", str(count)) for reason, count in report.skipped.items()),
    )
    return document("filcross verify", [_case(file) for file in report.files], properties)


def waiver_counts(report: Report) -> dict[str, int]:
    """Return how many waivers are used, unused and expired, without those that none is."""
    return dict(Counter(use.state for use in report.waivers))


def _case(file: FileReport) -> Case:
    group = f"filcross.{file.kind}"
    if file.accepted:
        return Case(file.path, group, "skipped", message="; ".join(file.waived))
    if file.outcome == "good":
        return Case(file.path, group)
    findings = [finding for finding in file.findings if finding.severity != "info"]
    return Case(
        file.path,
        group,
        "failure" if file.outcome == "bad" else "error",
        findings[0].code if findings else file.verdict,
        f"{file.verdict}: {findings[0].message if findings else file.confidence}",
        "\n".join(
            f"{finding.code}: {finding.message}: {', '.join(finding.evidence)}".removesuffix(": ")
            for finding in findings
        ),
    )
