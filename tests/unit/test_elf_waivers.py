"""Waivers: they change the exit code, never a verdict, and only for as long and as far as they say."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from filcross.elf.verdict import FileReport, Finding, Report
from filcross.elf.waivers import Waiver, apply, from_tables, read_waivers
from filcross.errors import UsageError
from filcross.report import json, junit, sarif, text

if TYPE_CHECKING:
    from pathlib import Path

TODAY = date(2026, 5, 1)


def file(path: str, verdict: str, *codes: str) -> FileReport:
    findings = tuple(Finding(code, "text") for code in codes)
    return FileReport(path, "library", verdict, simulated=False, confidence="x", findings=findings)


REPORT = Report(
    (file("/o/lib/liba.so", "mixed", "FILC-E302", "FILC-N203", "FILC-I502"), file("/o/b", "filc")), (), {}, ()
)


def waiver(code: str, path: str = "/o/lib/*", expires: date | None = None) -> Waiver:
    return Waiver(code, path, "vendor blob", "ann@example.org", expires)


BOTH = (waiver("FILC-E302"), waiver("FILC-N203"))


def test_only_when_all_is_waived_the_exit_code_changes() -> None:
    assert REPORT.exit_code == 1
    assert apply(REPORT, BOTH[:1], TODAY).exit_code == 1
    done = apply(REPORT, BOTH, TODAY)
    assert (done.exit_code, done.accepted, done.counts["mixed"]) == (0, 1, 1)
    assert "FILC-E302: vendor blob (ann@example.org)" in text.render(done)
    assert "no proof of memory safety" in text.render(done)
    assert "<skipped " in junit.render(done)


def test_other_files_and_expired_waivers_do_not_count() -> None:
    elsewhere = tuple(waiver(item.code, "/other/*") for item in BOTH)
    expired = tuple(waiver(item.code, expires=date(2026, 4, 30)) for item in BOTH)
    last_day = tuple(waiver(item.code, expires=TODAY) for item in BOTH)
    for ineffective, state in ((elsewhere, "unused"), (expired, "expired")):
        done = apply(REPORT, ineffective, TODAY)
        assert done.files == REPORT.files
        assert [(use.state, use.files) for use in done.waivers] == [(state, 0)] * 2
    assert apply(REPORT, last_day, TODAY).exit_code == 0


def test_waivers_are_read(tmp_path: Path) -> None:
    path = tmp_path / "waivers.toml"
    path.write_text(
        '[[waiver]]\ncode = "FILC-E302"\npath = "*/x"\nreason = "r"\nowner = "o"\nexpires = 2030-01-31\n'
    )
    assert read_waivers(path) == (Waiver("FILC-E302", "*/x", "r", "o", date(2030, 1, 31), str(path)),)


def test_every_report_counts_waivers_and_names_the_expired() -> None:
    old = Waiver("FILC-E302", "*/old.so", "gone soon", "bob", date(2026, 4, 30), "filcross.toml")
    done = apply(REPORT, (*BOTH, old, waiver("FILC-E305", "*/none")), TODAY)
    shown = text.render(done)
    assert "waivers: 2 used, 1 unused, 1 expired" in shown
    assert "expired on 2026-04-30: FILC-E302 for */old.so, gone soon (bob), in filcross.toml" in shown
    states = {
        item["code"] + item["path"]: (item["state"], item["files"]) for item in json.render(done)["waivers"]
    }
    assert states == {
        "FILC-E302/o/lib/*": ("used", 1),
        "FILC-N203/o/lib/*": ("used", 1),
        "FILC-E302*/old.so": ("expired", 0),
        "FILC-E305*/none": ("unused", 0),
    }
    assert '<property name="waivers expired" value="1" />' in junit.render(done)
    (run,) = sarif.render(done, "1")["runs"]
    assert run["properties"]["waivers"] == {"used": 2, "expired": 1, "unused": 1}
    suppressed = {item["ruleId"]: item.get("suppressions") for item in run["results"]}
    assert suppressed["FILC-E302"] == [{"kind": "external", "justification": "vendor blob (ann@example.org)"}]
    assert suppressed["FILC-I502"] is None


def test_of_two_waivers_for_a_finding_the_first_counts() -> None:
    second = Waiver("FILC-E302", "*", "other", "bob")
    done = apply(REPORT, (*BOTH, second), TODAY)
    assert [use.files for use in done.waivers] == [1, 1, 0]


def test_waivers_of_settings_files() -> None:
    entry = {"code": "FILC-E302", "path": "*", "reason": "r", "owner": "o"}
    found = from_tables([("a.toml", [entry]), ("b.toml", [entry])])
    assert [item.origin for item in found] == ["a.toml", "b.toml"]
    with pytest.raises(UsageError, match=r"waiver 2 in a\.toml lacks a field"):
        from_tables([("a.toml", [entry, {"code": "FILC-E302"}])])
    with pytest.raises(UsageError, match="no list of tables"):
        from_tables([("a.toml", {"code": "FILC-E302"})])


@pytest.mark.parametrize(
    "content",
    [
        "[[waiver]]\n",
        "other = 1\n",
        "waiver = 3\n",
        "[[waiver",
        '[[waiver]]\ncode = "FILC-E302"\npath = "*"\nreason = " "\nowner = "o"\n',
        '[[waiver]]\ncode = "FILC-E999"\npath = "*"\nreason = "r"\nowner = "o"\n',
        '[[waiver]]\ncode = "FILC-E302"\npath = "*"\nreason = "r"\nowner = "o"\nexpires = "soon"\n',
        '[[waiver]]\ncode = "FILC-E302"\npath = "*"\nreason = "r"\nowner = "o"\nmore = 1\n',
    ],
)
def test_wrong_waivers_are_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "waivers.toml"
    path.write_text(content)
    with pytest.raises(UsageError):
        read_waivers(path)
    with pytest.raises(UsageError):
        read_waivers(tmp_path / "absent.toml")
