"""The report for people, and that nothing in a file's name can steer their terminal."""

from __future__ import annotations

from dataclasses import replace

from filcross.elf.verdict import FileReport, Finding, Library, Report, Script
from filcross.report import json, text

GOOD = FileReport(
    path="/out/bin/hello",
    kind="executable",
    verdict="filc",
    simulated=True,
    confidence="note and full symbol table",
    findings=(Finding("FILC-I502", "made by the ABI simulator"),),
    machine="x86_64",
    loader="/t/lib/ld-fil1-x86_64.so",
    needed=("libc.so",),
    libraries=(
        Library("libc.so", "/t/lib/libc.so", "RUNPATH of /out/bin/hello", "/out/bin/hello", True, "filc"),
    ),
)
BAD = FileReport(
    path="/out/bin/\x1b[31mbad\n",
    kind="executable",
    verdict="foreign",
    simulated=False,
    confidence="symbols",
    findings=(Finding("FILC-E301", "imports ordinary symbols (9)", tuple(f"name{i}" for i in range(9))),),
    machine="x86_64",
)


def report(*files: FileReport) -> Report:
    return Report(files, (Script("/out/x", "/bin/sh", "foreign"),), {"not ELF": 2}, ("simulator",))


def test_a_good_report_fits_a_few_lines() -> None:
    assert text.render(report(GOOD)).splitlines() == [
        "filc         /out/bin/hello (simulated)",
        (
            "             executable; loader /t/lib/ld-fil1-x86_64.so; needs libc.so; "
            "by note and full symbol table"
        ),
        "script       /out/x  (#! /bin/sh: foreign)",
        "1 ELF files and archives: 1 filc",
        "not judged: 2 not ELF",
        "yes: every file has the shape of Fil-C code; made by the simulator, so nothing is memory-safe",
    ]


def test_more_is_said_to_who_asks() -> None:
    shown = text.render(report(GOOD), verbose=1)
    assert "libc.so -> /t/lib/libc.so [RUNPATH of /out/bin/hello] filc" in shown
    assert "FILC-I502" in shown
    assert "name8" not in text.render(report(BAD), verbose=1)
    assert "name8" in text.render(report(BAD), verbose=2)


def test_the_toolchains_own_files_are_one_line() -> None:
    runtime = replace(
        GOOD, path="/t/lib/libpizlo.so", verdict="runtime", toolchain="0.686", findings=(), loader=None
    )
    told = replace(BAD, toolchain="0.686", path="/t/lib/libc.so")
    shown = text.render(report(GOOD, runtime, replace(runtime, path="/t/lib/libc.a"), told))
    assert "2 files of the toolchain 0.686 in /t/lib, known by content (-v shows them)" in shown
    assert "libpizlo.so" not in shown
    assert "foreign      /t/lib/libc.so" in shown
    assert "4 ELF files and archives" in shown
    assert "runtime      /t/lib/libpizlo.so" in text.render(report(GOOD, runtime), verbose=1)


def test_a_summary_alone() -> None:
    assert (
        text.render(report(BAD), only_summary=True).splitlines()[0] == "1 ELF files and archives: 1 foreign"
    )


def test_names_cannot_steer_a_terminal() -> None:
    shown = text.render(report(BAD), verbose=2)
    assert "\x1b" not in shown
    assert "/out/bin/\\x1b[31mbad\\n" in shown


def test_real_results_never_claim_more_than_was_shown() -> None:
    assert "memory-safe" not in text.render(report(BAD))
    assert text.render(Report((), (), {}, ())).splitlines()[-1] == "nothing to judge: no ELF file was found"
    content = json.render(report(GOOD, BAD))
    assert (content["verdict"], content["exit_code"], content["simulated"]) == ("no", 1, True)
    assert content["files"][1]["findings"][0]["title"] == "Imports ordinary symbols"
