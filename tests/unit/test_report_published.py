"""The reports against schemas that others published: SARIF 2.1.0, JUnit; and against filcross' own."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
import xmlschema

from filcross import resources
from filcross.elf import packages
from filcross.elf.comparison import Changes, Comparison
from filcross.elf.verdict import FileReport, Finding, Library, Report, Script, finding_titles
from filcross.elf.waivers import Waiver, apply
from filcross.report import json as report_json
from filcross.report import junit, sarif

if TYPE_CHECKING:
    from pathlib import Path

NASTY = '/out/\x1b\x00<&>"\udcff é\n'
APP = f"/nix/store/{'a' * 32}-app-1"


def everything() -> Report:
    """Return a report with every finding, every verdict, and whatever else one can hold."""
    base = FileReport(
        path=f"{APP}/bin/app",
        kind="executable",
        verdict="mixed",
        simulated=True,
        confidence="symbols",
        findings=tuple(Finding(code, NASTY, (NASTY, "b")) for code in finding_titles()),
        machine="x86_64",
        loader=NASTY,
        needed=(NASTY,),
        libraries=(
            Library(NASTY, NASTY, NASTY, NASTY, direct=True, verdict="foreign"),
            Library("libgone.so", None, "not found", None, direct=False, verdict=None),
        ),
        role="loader",
        toolchain="0.686",
        symbols=(1, 2),
    )
    files = [base]
    files += [
        replace(base, path=f"{NASTY}{verdict}", verdict=verdict, same_as=(NASTY,))
        for verdict in ("filc", "runtime", "foreign", "no-evidence", "unreadable")
    ]
    files.append(
        replace(base, path="/archive.a", kind="archive", members=(replace(base, path="/archive.a(x)"),))
    )
    files.append(replace(base, path="/unknown", verdict="filc", trusted=False, findings=()))
    report = Report(tuple(files), (Script(NASTY, NASTY, None),), {"not ELF": 3}, (NASTY,))
    known = [Waiver(code, "/archive.a", NASTY, NASTY, date(2030, 1, 1), NASTY) for code in finding_titles()]
    report = apply(report, [*known, Waiver("FILC-E301", "*", "r", "o", date(2020, 1, 1))], date(2029, 1, 1))
    changes = Changes((NASTY,), ("fixed",), ())
    report = replace(report, comparison=Comparison(NASTY, changes, changes))
    return packages.attach(report, {APP: packages.Root("app", "pkgs/app.nix:7")}, {})


REPORTS = [everything(), Report((), (), {}, ())]


def published(repo_root: Path, name: str) -> Path:
    return repo_root / "tests" / "data" / "published" / name


@pytest.mark.parametrize("report", REPORTS)
def test_sarif_is_valid(repo_root: Path, report: Report) -> None:
    schema = json.loads(published(repo_root, "sarif-2.1.0-rtm.4.json").read_text())
    content: dict[str, Any] = json.loads(json.dumps(sarif.render(report, "1.2.3")))
    validator = jsonschema.Draft4Validator(schema, format_checker=jsonschema.FormatChecker())
    validator.validate(content)
    content["runs"][0]["unknown"] = 1
    assert not validator.is_valid(content)


@pytest.mark.parametrize("report", REPORTS)
def test_junit_is_valid(repo_root: Path, report: Report) -> None:
    schema = xmlschema.XMLSchema(str(published(repo_root, "junit-10.xsd")))
    document = junit.render(report)
    schema.validate(document)
    with pytest.raises(xmlschema.XMLSchemaValidationError):
        schema.validate(document.replace("<testsuite ", "<testsuite unknown='1' "))


@pytest.mark.parametrize("report", REPORTS)
def test_json_is_valid(report: Report) -> None:
    schema = json.loads((resources.data_dir() / "schemas" / "verify.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    content = {"schema_version": 1, "kind": "verify", **report_json.render(report)}
    document = json.loads(json.dumps(content))
    validator = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
    validator.validate(document)
    for spoiled in ({"unknown": 1}, {"verdict": "perhaps"}, {"counts": {}}):
        assert not validator.is_valid(document | spoiled)
    for file in document["files"]:
        for spoiled in ({"unknown": 1}, {"kind": "thing"}, {"chain": [{"what": "x", "text": ""}]}):
            assert not validator.is_valid(document | {"files": [file | spoiled]})
