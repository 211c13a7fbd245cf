"""The reports for machines: SARIF and JUnit say what the report says, whatever a file is called."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import pytest

from filcross.elf.verdict import FileReport, Finding, Report
from filcross.report import json as json_report
from filcross.report import junit, sarif

NASTY = '/out/b\x1b[31m<&>"\udcff\n.so'


def file(path: str, verdict: str, *findings: Finding, members: tuple[FileReport, ...] = ()) -> FileReport:
    return FileReport(
        path=path,
        kind="library",
        verdict=verdict,
        simulated=False,
        confidence="symbols",
        findings=findings,
        members=members,
    )


MEMBER = file("/out/a.a(x.o)", "foreign", Finding("FILC-E305", "no name"))
REPORT = Report(
    (
        file("/out/a.a", "mixed", Finding("FILC-E408", "members", ("x.o",)), members=(MEMBER,)),
        file(NASTY, "no-evidence", Finding("FILC-N402", "names\x00only", ("n\x1b",))),
        file("/out/good", "filc", Finding("FILC-I212", "may load", ("libx.so",))),
    ),
    (),
    {"not ELF": 3},
    ("a toolchain",),
)


@pytest.mark.parametrize("report", [REPORT, Report((), (), {}, ())], ids=["files", "empty"])
def test_json_is_the_same_made_at_once_or_while_it_is_written(report: Report) -> None:
    whole = json_report.render(report)
    for indent in (1, 2):
        pieces = json.JSONEncoder(indent=indent).iterencode(json_report.streamed(report))
        assert "".join(pieces) == json.dumps(whole, indent=indent)
    assert json.loads(json.dumps(whole)) == whole


def test_junit_counts_and_explains() -> None:
    root = ET.fromstring(junit.render(REPORT))
    (suite,) = root
    assert {name: suite.get(name) for name in ("tests", "failures", "errors")} == {
        "tests": "3",
        "failures": "1",
        "errors": "1",
    }
    cases = suite.findall("testcase")
    assert [[child.tag for child in case] for case in cases] == [["failure"], ["error"], []]
    failure = cases[0][0]
    assert (failure.get("type"), failure.text) == ("FILC-E408", "FILC-E408: members: x.o")
    assert cases[1].get("name") == '/out/b\\x1b[31m<&>"\\udcff\\n.so'
    properties = {item.get("name"): item.get("value") for item in suite.iter("property")}
    assert properties["verdict"] == "no"
    assert properties["not judged: not ELF"] == "3"


def test_sarif_holds_every_finding_with_its_rule() -> None:
    content = json.loads(json.dumps(sarif.render(REPORT, "1.2.3")))
    (run,) = content["runs"]
    driver = run["tool"]["driver"]
    assert (content["version"], driver["name"], driver["semanticVersion"]) == ("2.1.0", "filcross", "1.2.3")
    rules = [rule["id"] for rule in driver["rules"]]
    found = [
        (
            result["ruleId"],
            result["kind"],
            result["level"],
            result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"],
        )
        for result in run["results"]
    ]
    assert found == [
        ("FILC-E408", "fail", "error", "file:///out/a.a"),
        ("FILC-E305", "fail", "error", "file:///out/a.a(x.o)"),
        ("FILC-N402", "open", "none", "file:///out/b%1B%5B31m%3C%26%3E%22%FF%0A.so"),
        ("FILC-I212", "informational", "none", "file:///out/good"),
    ]
    assert all(rules[result["ruleIndex"]] == result["ruleId"] for result in run["results"])
    assert all(rule["shortDescription"]["text"] != rule["id"] for rule in driver["rules"])


@pytest.mark.parametrize("render", [junit.render, lambda report: json.dumps(sarif.render(report, "1"))])
def test_an_empty_report_is_a_report(render: object) -> None:
    assert callable(render)
    assert "filcross" in render(Report((), (), {}, ()))
