"""The report for people, and that nothing in a file's name can steer their terminal."""

from __future__ import annotations

from dataclasses import replace

from filcross.elf import packages
from filcross.elf.verdict import FileReport, Finding, Library, Report, Script, finding_titles
from filcross.report import json, sarif, text

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
        "yes: every file has the shape of Fil-C code; made by the simulator, so nothing is memory-safe",
        "1 ELF files and archives: 1 filc",
        "not judged: 2 not ELF",
        "",
        "filc         /out/bin/hello (simulated)",
        (
            "             executable; loader /t/lib/ld-fil1-x86_64.so; needs libc.so; "
            "by note and full symbol table"
        ),
        "script       /out/x  (#! /bin/sh: foreign)",
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
    assert text.render(report(BAD), only_summary=True).splitlines() == [
        "no: there is ordinary code (docs/findings/ explains the codes, `filcross why FILE` a file)",
        "1 ELF files and archives: 1 foreign",
        "not judged: 2 not ELF",
        "  FILC-E301 in 1 file: Imports ordinary symbols",
    ]


def test_the_summary_of_a_large_report_fits_a_screen_and_its_answer_ends_it() -> None:
    store = "/nix/store/{:032d}-p{}-1.0/lib/libx.so"
    codes = [code for code in finding_titles() if code[5] in "EN"]
    many = [
        replace(BAD, path=store.format(number, number), findings=tuple(Finding(code, "m") for code in codes))
        for number in range(300)
    ]
    grouped = packages.attach(report(GOOD, *many), {}, {})
    summary = text.render(grouped, only_summary=True).splitlines()
    assert len(summary) <= 24
    assert "300 packages: 0 good, 300 not" in summary
    assert "  and 295 more packages" in summary
    shown = text.render(grouped).splitlines()
    assert shown[-1] == shown[0] == summary[0]


def test_a_bad_file_comes_with_the_chain_that_brings_it_in() -> None:
    app, lib = (f"/nix/store/{letter * 32}-{name}" for letter, name in (("a", "app-1"), ("b", "lib-2")))
    program = replace(
        GOOD,
        path=f"{app}/bin/app",
        verdict="mixed",
        findings=(Finding("FILC-E202", "loads ordinary code"),),
        libraries=(
            Library("liba.so", f"{app}/lib/liba.so", "RUNPATH", f"{app}/bin/app", True, "mixed"),
            Library("libb.so", f"{lib}/lib/libb.so", "RUNPATH", f"{app}/lib/liba.so", False, "foreign"),
        ),
    )
    library = replace(BAD, path=f"{lib}/lib/libb.so", kind="library")
    whole = packages.attach(
        report(program, library), {app: packages.Root("app", "pkgs/app.nix:3")}, {app: (lib,), lib: ()}
    )
    assert [(step.what, step.text) for step in packages.Chains(whole).of(program)] == [
        ("attribute", "app"),
        ("store path", app),
        ("file", f"{app}/bin/app"),
        ("library", f"{app}/lib/liba.so"),
        ("library", f"{lib}/lib/libb.so"),
        ("symbol", "name0"),
    ]
    shown = text.render(whole)
    assert f"  because    app → app-1 → lib-2 → {lib}/lib/libb.so → name0" in shown
    assert "lib-2  (by attribute app → app-1)" in shown
    (run,) = sarif.render(whole, "1")["runs"]
    first = run["results"][0]
    place = first["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "pkgs/app.nix", "uriBaseId": "NIXPKGS"}
    assert place["region"] == {"startLine": 3}
    assert first["analysisTarget"]["uri"].endswith("/bin/app")


def test_names_cannot_steer_a_terminal() -> None:
    shown = text.render(report(BAD), verbose=2)
    assert "\x1b" not in shown
    assert "/out/bin/\\x1b[31mbad\\n" in shown


def test_real_results_never_claim_more_than_was_shown() -> None:
    assert "memory-safe" not in text.render(report(BAD))
    assert text.render(Report((), (), {}, ())).splitlines()[0] == "nothing to judge: no ELF file was found"
    content = json.render(report(GOOD, BAD))
    assert (content["verdict"], content["exit_code"], content["simulated"]) == ("no", 1, True)
    assert content["files"][1]["findings"][0]["title"] == "Imports ordinary symbols"
