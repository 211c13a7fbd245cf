"""What a run says of an output that is not shown to be Fil-C code."""

from __future__ import annotations

from dataclasses import replace

import pytest

from filcross.elf.verdict import FileReport, Finding, Report
from filcross.matrix import run


def judged(name: str, verdict: str, *codes: str, accepted: bool = False, trusted: bool = True) -> FileReport:
    findings = tuple(Finding(code, f"finding {code}", ("evidence",)) for code in codes)
    return FileReport(
        path=f"/nix/store/x/{name}",
        kind="executable",
        verdict=verdict,
        simulated=False,
        confidence="a test",
        findings=findings,
        accepted=accepted,
        trusted=trusted,
    )


GOOD = judged("good", "filc")
MIXED = judged("mixed", "mixed", "FILC-W402", "FILC-N102", "FILC-E201")
UNTRUSTED = judged("untrusted", "filc", trusted=False)
WAIVED = judged("waived", "foreign", "FILC-E305", accepted=True)
PARTLY = replace(judged("partly", "mixed", "FILC-E305", "FILC-E201"), waived=("FILC-E305: a test (us)",))
OPEN = judged("open", "no-evidence", "FILC-N102")


@pytest.mark.parametrize(
    ("files", "skipped", "culprit", "words"),
    [
        ((GOOD, OPEN, MIXED), {}, "mixed", "mixed: FILC-E201 finding FILC-E201 (evidence)"),
        ((GOOD, UNTRUSTED, OPEN), {}, "untrusted", "not shown: some files could not be judged or looked at"),
        ((GOOD, WAIVED, UNTRUSTED), {}, "untrusted", "nobody vouches for the toolchain"),
        ((WAIVED, OPEN), {}, "open", "no-evidence: FILC-N102"),
        ((PARTLY,), {}, "partly", "mixed: FILC-E201 finding FILC-E201 (evidence)"),
        ((judged("bare", "unreadable"),), {}, "bare", "unreadable: bare"),
        ((GOOD, WAIVED), {"vanished": 1}, "", "not shown: some files could not be judged or looked at"),
    ],
)
def test_the_worst_file_is_accused_in_the_words_of_its_report(
    files: tuple[FileReport, ...], skipped: dict[str, int], culprit: str, words: str
) -> None:
    report = Report(files, (), skipped, ())
    assert report.exit_code
    found, message = run._accusation(report)
    assert found.rpartition("/")[2] == culprit
    assert words in message
