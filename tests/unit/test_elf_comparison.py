"""Comparison with an earlier report: a rebuilt or upgraded file is the same, if it is the only one."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from filcross.elf import comparison
from filcross.elf.comparison import Changes
from filcross.elf.verdict import FileReport, Finding, Report
from filcross.errors import UsageError
from filcross.report import json as report_json
from filcross.report import text

if TYPE_CHECKING:
    from pathlib import Path


def file(path: str, *codes: str, evidence: tuple[str, ...] = ()) -> FileReport:
    findings = tuple(Finding(code, "text", evidence) for code in codes)
    return FileReport(path, "library", "mixed" if codes else "filc", False, "x", findings)


def store(letter: str, rest: str) -> str:
    return f"/nix/store/{letter * 32}-{rest}"


def compare(before: list[FileReport], now: list[FileReport]) -> comparison.Comparison:
    old, new = (report_json.render(Report(tuple(files), (), {}, ())) for files in (before, now))
    return comparison.compare(new, json.loads(json.dumps(old)), "old.json")


def test_new_fixed_and_unchanged() -> None:
    before = [
        file("/a", "FILC-E301", "FILC-I502"),
        file("/b", "FILC-E301"),
        file("/c"),
        file("/gone", "FILC-E305"),
    ]
    now = [file("/a", "FILC-E301", "FILC-N203"), file("/b"), file("/c", "FILC-E302"), file("/d")]
    found = compare(before, now)
    assert found.files == Changes(new=("/c",), fixed=("/b", "/gone"), unchanged=("/a",))
    assert found.findings == Changes(
        new=("FILC-E302 /c", "FILC-N203 /a"),
        fixed=("FILC-E301 /b", "FILC-E305 /gone"),
        unchanged=("FILC-E301 /a",),
    )


def test_a_rebuilt_or_upgraded_package_is_the_same() -> None:
    before = [
        file(store("a", "zlib-1.3-dev/lib/libz.a"), "FILC-E408"),
        file(store("a", "x-1/bin/x"), "FILC-E301"),
    ]
    now = [
        file(store("b", "zlib-1.3.1-dev/lib/libz.a"), "FILC-E408"),
        file(store("b", "x-1/bin/x"), "FILC-E301"),
    ]
    found = compare(before, now)
    assert (found.files.new, found.files.fixed, len(found.files.unchanged)) == ((), (), 2)


def test_two_of_a_name_are_not_mistaken_for_each_other() -> None:
    before = [file(store("a", "p-1/l.so"), "FILC-E301"), file(store("a", "p-2/l.so"))]
    now = [file(store("b", "p-2/l.so"), "FILC-E301"), file(store("b", "p-1/l.so"))]
    found = compare(before, now)
    assert (found.files.new, found.files.fixed) == ((now[0].path,), (before[0].path,))
    both = [file(store("a", "p-3/l.so"), "FILC-E301"), file(store("a", "p-4/l.so"), "FILC-E301")]
    assert len(compare(before, both).files.new) == 2


def test_another_symbol_makes_a_finding_new() -> None:
    old = file(store("a", "x-1/x"), "FILC-E301", evidence=("printf", "puts"))
    fewer = file(store("b", "x-1/x"), "FILC-E301", evidence=("puts",))
    other = file(store("b", "x-1/x"), "FILC-E301", evidence=("system",))
    assert compare([old], [fewer]).findings.new == ()
    assert compare([old], [other]).findings.new == (f"FILC-E301 {other.path}",)
    moved = file(store("b", "x-1/x"), "FILC-E308", evidence=("9 bytes at 0x2000",))
    assert compare([replace(moved, path=old.path)], [moved]).findings.new == ()


def test_the_text_names_what_is_new() -> None:
    found = compare([file("/a", "FILC-E301")], [file("/b", "FILC-E302")])
    report = Report((file("/b", "FILC-E302"),), (), {}, (), comparison=found)
    shown = text.render(report)
    assert "since old.json:" in shown
    assert "files     1 new, 1 fixed, 0 unchanged" in shown
    assert "new       FILC-E302 /b" in shown
    assert "fixed     FILC-E301 /a" in shown


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"kind": "build", "report": null}', '{"files": [{}]}'])
def test_what_is_no_report_is_refused(tmp_path: Path, content: str) -> None:
    target = tmp_path / "old.json"
    with pytest.raises(UsageError, match="cannot be read"):
        comparison.read(target)
    target.write_text(content)
    with pytest.raises(UsageError, match=r"not JSON|not a report"):
        comparison.read(target)


def test_documents_of_verify_and_build_serve(tmp_path: Path) -> None:
    document = report_json.render(Report((file("/a"),), (), {}, ()))
    target = tmp_path / "old.json"
    for content in ({"kind": "verify", **document}, {"kind": "build", "report": document}):
        target.write_text(json.dumps(content))
        assert [item["path"] for item in comparison.read(target)["files"]] == ["/a"]
