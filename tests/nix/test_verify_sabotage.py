"""Sabotage: real ELF files that hold or load ordinary code, each in one way; none may be called `filc`."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from filc_shapes import ANSWER, HELLO, HIDDEN, LOADER, ORDINARY, Shapes

from filcross.elf.inspect import inspect
from filcross.elf.policy import Policy, policy_for, runtime_from_folder
from filcross.process import run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from filcross.elf.inspect import FileReport, Report

pytestmark = pytest.mark.nix


@pytest.fixture(scope="module", params=[False, True], ids=["real-shape", "simulator-shape"])
def template(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Shapes:
    made = Shapes(tmp_path_factory.mktemp("template"), simulated=request.param)
    made.hello()
    return made


@pytest.fixture
def shapes(template: Shapes, tmp_path: Path) -> Shapes:
    return Shapes(tmp_path, simulated=template.simulated, template=template)


def judge(shapes: Shapes, path: Path, policy: Policy | None = None) -> FileReport:
    report = inspect([path], policy or shapes.policy())
    (file,) = report.files
    expected = {"filc": 0, "runtime": 0, "foreign": 1, "mixed": 1}.get(file.verdict, 4)
    assert report.exit_code == expected
    return file


def codes(file: FileReport) -> set[str]:
    return {finding.code for finding in file.findings if finding.severity != "info"}


def evidence(file: FileReport, code: str) -> str:
    return " ".join(" ".join((f.message, *f.evidence)) for f in file.findings if f.code == code)


def test_the_healthy_program_and_library_are_filc(shapes: Shapes) -> None:
    program = judge(shapes, shapes.hello())
    library = judge(shapes, shapes.library())
    for file in (program, library):
        assert (file.verdict, file.simulated, codes(file)) == ("filc", shapes.simulated, set())
    verdicts = {library.name: library.verdict for library in program.libraries}
    assert verdicts == {
        "libanswer.so": "filc",
        "libc.so": "filc",
        "libpizlo.so": "runtime",
        "libyoloc.so": "runtime",
    }


def test_files_without_debugging_symbols_stay_filc(shapes: Shapes) -> None:
    program = shapes.hello()
    run(["strip", "--strip-debug", program, shapes.root / "libanswer.so"])
    for path in (program, shapes.root / "libanswer.so"):
        file = judge(shapes, path)
        assert (file.verdict, codes(file)) == ("filc", set())


def test_without_symbols_only_accounted_code_is_filc(shapes: Shapes) -> None:
    """The simulator's notes account for all code; a real file's dynamic symbols only for what it exports."""
    program = shapes.hello()
    run(["strip", program, shapes.root / "libanswer.so"])
    file = judge(shapes, shapes.root / "libanswer.so")
    assert (file.verdict, codes(file)) == ("filc", set())
    assert "dynamic symbols" in file.confidence
    file = judge(shapes, program)
    expected = ("filc", set()) if shapes.simulated else ("no-evidence", {"FILC-N321"})
    assert (file.verdict, codes(file)) == expected


def test_the_runtime_is_known_by_content_after_relocation(shapes: Shapes) -> None:
    policy = shapes.policy()
    moved = shapes.root / "moved" / "lib"
    shutil.copytree(shapes.lib, moved)
    for name in ("libpizlo.so", "libc.so"):
        run(
            [
                "patchelf",
                "--set-rpath",
                f"{moved}:/a/rather/long/path/that/does/not/fit/in/place",
                moved / name,
            ]
        )
    run(["strip", moved / "libpizlo.so", moved / "libc.so"])
    run(["strip", "-S", moved / LOADER, moved / "libyoloc.so"])
    program = shapes.hello(loader=moved / LOADER, runpath=f"{shapes.root}:{moved}")
    report = inspect([moved, program], policy)
    verdicts = {Path(file.path).name: file.verdict for file in report.files}
    assert verdicts == {
        LOADER: "runtime",
        "libyoloc.so": "runtime",
        "libpizlo.so": "runtime",
        "libc.so": "filc",
        "Scrt1.o": "runtime",
        "filc_crt.o": "runtime",
        "hello": "filc",
    }
    assert report.exit_code == 0


def test_a_program_of_the_host_compiler_is_foreign(shapes: Shapes) -> None:
    source = shapes.root / "main.c"
    source.write_text('#include <stdio.h>\nint main(void) { puts("hi"); return 0; }\n')
    program = shapes.root / "native"
    run(["gcc", source, "-o", program])
    file = judge(shapes, program)
    assert file.verdict == "foreign"
    assert codes(file) >= {"FILC-E101", "FILC-E201", "FILC-E301", "FILC-E305"}
    assert "libc.so.6" in evidence(file, "FILC-E201")
    assert "puts" in evidence(file, "FILC-E301")


def test_a_native_program_between_filc_files_makes_the_answer_no(shapes: Shapes) -> None:
    shapes.hello()
    shutil.copy("/bin/true", shapes.root / "true")
    report = inspect([shapes.root / "hello", shapes.root / "true"], shapes.policy())
    assert [file.verdict for file in report.files] == ["filc", "foreign"]
    assert report.exit_code == 1


def test_a_library_that_needs_the_hosts_libc_is_mixed(shapes: Shapes) -> None:
    library = shapes.library("libanswer.so", ANSWER, "/lib/x86_64-linux-gnu/libc.so.6")
    file = judge(shapes, library)
    assert (file.verdict, codes(file)) == ("mixed", {"FILC-E201", "FILC-E202"})
    program = judge(shapes, shapes.hello())
    assert program.verdict == "mixed"
    assert "libanswer.so" in evidence(program, "FILC-E202")


@pytest.mark.parametrize("loader", ["/lib64/ld-linux-x86-64.so.2", "/lib/ld-musl-x86_64.so.1"])
def test_a_filc_shaped_program_with_another_loader_is_mixed(shapes: Shapes, loader: str) -> None:
    file = judge(shapes, shapes.hello(loader=loader))
    assert file.verdict == "mixed"
    assert "FILC-E101" in codes(file)
    assert file.loader == loader


def test_a_loader_that_does_not_exist_shows_nothing(shapes: Shapes) -> None:
    file = judge(shapes, shapes.hello(loader=f"/nowhere/lib/{LOADER}"))
    assert (file.verdict, codes(file)) == ("no-evidence", {"FILC-N102"})


def test_a_loader_with_the_right_name_and_other_content_shows_nothing(shapes: Shapes) -> None:
    fake = shapes.root / "fake" / LOADER
    fake.parent.mkdir()
    shutil.copy("/lib64/ld-linux-x86-64.so.2", fake)
    file = judge(shapes, shapes.hello(loader=fake))
    assert file.verdict == "no-evidence"
    assert "FILC-N103" in codes(file)


def test_a_runtime_file_in_the_loaders_place_is_an_error(shapes: Shapes) -> None:
    fake = shapes.root / "fake" / LOADER
    fake.parent.mkdir()
    shutil.copy(shapes.lib / "libpizlo.so", fake)
    file = judge(shapes, shapes.hello(loader=fake))
    assert file.verdict == "mixed"
    assert "FILC-E101" in codes(file)


def test_libc_from_outside_the_toolchain_is_mixed(shapes: Shapes) -> None:
    elsewhere = shapes.root / "elsewhere"
    elsewhere.mkdir()
    shutil.copy("/usr/lib/x86_64-linux-musl/libc.so", elsewhere / "libc.so")
    file = judge(shapes, shapes.hello(runpath=f"{elsewhere}:{shapes.root}:{shapes.lib}"))
    assert file.verdict == "mixed"
    assert codes(file) >= {"FILC-E202", "FILC-E205"}
    assert str(elsewhere / "libc.so") in evidence(file, "FILC-E205")


def test_the_right_libc_in_another_place_is_mixed(shapes: Shapes) -> None:
    elsewhere = shapes.root / "elsewhere"
    elsewhere.mkdir()
    shutil.copy(shapes.lib / "libc.so", elsewhere / "libc.so")
    file = judge(shapes, shapes.hello(runpath=f"{elsewhere}:{shapes.root}:{shapes.lib}"))
    assert (file.verdict, codes(file)) == ("mixed", {"FILC-E205"})


def test_a_filc_shaped_libc_that_nobody_knows_is_mixed(shapes: Shapes) -> None:
    elsewhere = shapes.root / "elsewhere"
    elsewhere.mkdir()
    source = (
        "extern void filc_pollcheck_slow(void); int puts(const char *s) { filc_pollcheck_slow(); return 0; }"
    )
    shapes.shared("libc.so", [shapes.filc("other", source)], "-l:libpizlo.so", folder=elsewhere)
    file = judge(shapes, shapes.hello(runpath=f"{elsewhere}:{shapes.root}:{shapes.lib}"))
    assert (file.verdict, codes(file)) == ("mixed", {"FILC-E205"})


def test_an_archive_with_one_ordinary_object_is_mixed(shapes: Shapes) -> None:
    archive = shapes.root / "libmany.a"
    good = [shapes.filc(f"good{number}", ANSWER) for number in range(3)]
    run(["ar", "rcs", archive, *good])
    assert judge(shapes, archive).verdict == "filc"
    run(["ar", "rs", archive, shapes.ordinary("an-ordinary-object-with-a-long-name", ORDINARY)])
    file = judge(shapes, archive)
    assert (file.verdict, codes(file)) == ("mixed", {"FILC-E408"})
    assert "an-ordinary-object-with-a-long-name.o" in evidence(file, "FILC-E408")
    assert [member.verdict for member in file.members] == ["filc", "filc", "filc", "foreign"]


def test_a_thin_archive_is_judged_by_the_files_beside_it(shapes: Shapes) -> None:
    archive = shapes.root / "objects" / "libthin.a"
    good, bad = shapes.filc("good", ANSWER), shapes.ordinary("bad", ORDINARY)
    run(["ar", "rcsT", archive, good, bad])
    assert [member.verdict for member in judge(shapes, archive).members] == ["filc", "foreign"]
    bad.unlink()
    file = judge(shapes, archive)
    assert (file.verdict, file.members[1].findings[0].code) == ("no-evidence", "FILC-N407")


def test_an_archive_of_ordinary_objects_is_foreign(shapes: Shapes) -> None:
    archive = shapes.root / "libnative.a"
    run(["ar", "rcs", archive, shapes.ordinary("bad", ORDINARY)])
    assert judge(shapes, archive).verdict == "foreign"


def test_a_stripped_static_file_is_no_evidence(shapes: Shapes) -> None:
    source = shapes.root / "main.c"
    source.write_text("int main(void) { return 0; }\n")
    program = shapes.root / "static"
    run(["gcc", "-static", source, "-o", program])
    assert judge(shapes, program).verdict == "foreign"
    run(["strip", program])
    file = judge(shapes, program)
    assert (file.verdict, file.kind, codes(file)) == ("no-evidence", "static", {"FILC-N401"})


def test_an_ordinary_object_in_a_program_is_found(shapes: Shapes) -> None:
    bad = shapes.ordinary("bad", "int ordinary(int x) { return x + 1; }")
    file = judge(shapes, shapes.hello("hello", bad))
    assert file.verdict == "mixed"
    assert "ordinary" in evidence(file, "FILC-E302")


def test_an_ordinary_object_that_calls_the_yolo_libc_is_found_when_stripped(shapes: Shapes) -> None:
    program = shapes.hello("hello", shapes.ordinary("bad", ORDINARY))
    run(["strip", program])
    file = judge(shapes, program)
    assert file.verdict == "mixed"
    assert "printf" in evidence(file, "FILC-E301")


@pytest.mark.parametrize("compiler", ["gcc", "clang-19"])
def test_an_ordinary_object_without_a_visible_name_is_not_called_filc(shapes: Shapes, compiler: str) -> None:
    program = shapes.hello("hello", shapes.ordinary("sneak", HIDDEN, compiler=compiler))
    assert "sneak" in evidence(judge(shapes, program), "FILC-E312" if shapes.simulated else "FILC-N314")
    assert judge(shapes, program).verdict in {"mixed", "no-evidence"}


def test_unnoted_code_in_a_stripped_file_of_the_simulator_is_found(tmp_path: Path) -> None:
    shapes = Shapes(tmp_path, simulated=True)
    program = shapes.hello("hello", shapes.ordinary("sneak", HIDDEN))
    run(["strip", "-R", ".comment", program])
    file = judge(shapes, program)
    assert (file.verdict, codes(file)) == ("mixed", {"FILC-E308"})


def test_another_main_is_found(shapes: Shapes) -> None:
    (shapes.lib / "filc_crt.o").rename(shapes.lib / "kept.o")
    policy_for_original = shapes.root / "original"
    shutil.copytree(shapes.toolchain, policy_for_original)
    kept = policy_for_original / "pizfix" / "lib"
    (kept / "kept.o").rename(kept / "filc_crt.o")
    source = """
    extern int filc_start_program(int, char **, int (*)(int, char **));
    extern int pizlonated_main(int, char **);
    int main(int c, char **v)
    { for (int i = 0; i < c; i++) v[i][0] = 1; return filc_start_program(c, v, pizlonated_main); }
    """
    shutil.copy(shapes.ordinary("crt", source, noted=shapes.simulated), shapes.lib / "filc_crt.o")
    file = judge(shapes, shapes.hello(), policy_for([runtime_from_folder(policy_for_original)]))
    assert file.verdict == "mixed"
    assert "FILC-E313" in codes(file)


def test_prefixed_names_alone_prove_nothing(tmp_path: Path) -> None:
    shapes = Shapes(tmp_path, simulated=False)
    forged = shapes.filc("forged", "int answer(void) { return 42; }", noted=False)
    file = judge(shapes, shapes.shared("libforged.so", [forged], "-l:libpizlo.so"))
    assert (file.verdict, codes(file)) == ("no-evidence", {"FILC-N402"})


def test_prefixed_names_without_the_note_prove_nothing_beside_a_simulator(tmp_path: Path) -> None:
    shapes = Shapes(tmp_path, simulated=True)
    forged = shapes.filc("forged", "int answer(void) { return 42; }", noted=False)
    file = judge(shapes, shapes.shared("libforged.so", [forged], "-l:libpizlo.so"))
    assert (file.verdict, codes(file)) == ("mixed", {"FILC-E307", "FILC-N402"})


def test_a_simulated_file_in_a_real_closure_is_foreign(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "sim").mkdir()
    real = Shapes(tmp_path / "real", simulated=False)
    fake = Shapes(tmp_path / "sim", simulated=True)
    file = judge(real, fake.hello())
    assert file.verdict == "foreign"
    assert "FILC-E501" in codes(file)
    assert judge(real, fake.hello(loader=real.lib / LOADER)).verdict == "foreign"


def test_runtime_files_of_two_toolchains_do_not_mix(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    one, two = Shapes(tmp_path / "one", simulated=True), Shapes(tmp_path / "two", simulated=True, variant=1)
    both = policy_for(
        [runtime_from_folder(one.toolchain, name="one"), runtime_from_folder(two.toolchain, name="two")]
    )
    file = judge(one, one.hello(loader=two.lib / LOADER), both)
    assert file.verdict == "mixed"
    assert "FILC-E206" in codes(file)


def test_without_a_known_toolchain_nothing_is_filc(shapes: Shapes) -> None:
    program = shapes.hello()
    paths = [program, shapes.root / "libanswer.so"]
    report = inspect(paths, policy_for([]))
    assert report.exit_code == 4
    for file in report.files:
        assert (file.verdict, file.trusted, codes(file)) == ("filc", False, {"FILC-W104"})
        assert file.confidence.startswith("unknown toolchain")
    assert judge(shapes, shapes.filc("again", ANSWER), policy_for([])).verdict == "no-evidence"
    (shapes.lib / "libpizlo.so").unlink()
    file = judge(shapes, program, policy_for([]))
    assert file.verdict in {"no-evidence", "mixed"}
    assert codes(file) >= {"FILC-N103", "FILC-N208"}


def test_ordinary_code_of_an_unknown_toolchain_is_found(shapes: Shapes) -> None:
    program = shapes.hello("hello", shapes.ordinary("bad", ORDINARY))
    (file,) = inspect([program], policy_for([])).files
    assert (file.verdict, file.trusted) == ("mixed", True)
    assert codes(file) >= {"FILC-E302"}


def test_another_toolchain_that_is_known_does_not_speak_against_an_unknown_one(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    one, two = Shapes(tmp_path / "one", simulated=False), Shapes(tmp_path / "two", simulated=False, variant=1)
    known = policy_for([runtime_from_folder(one.toolchain)])
    report = inspect([two.hello(), two.lib], known)
    assert {file.trusted for file in report.files if not file.path.endswith(".o")} == {False}
    assert {Path(file.path).name: file.verdict for file in report.files}["libpizlo.so"] == "runtime"
    assert report.exit_code == 4
    for name in (LOADER, "libyoloc.so"):
        shutil.copy(one.lib / name, two.lib / name)
    assert inspect([two.root / "hello"], known).exit_code == 4  # as between neighbouring releases
    two_from_one = two.program("borrowed", [two.filc("b", HELLO)], "-l:libanswer.so", loader=one.lib / LOADER)
    assert inspect([two_from_one], known).exit_code == 1


def test_a_missing_library_shows_nothing(shapes: Shapes) -> None:
    program = shapes.hello()
    (shapes.root / "libanswer.so").unlink()
    file = judge(shapes, program)
    assert (file.verdict, codes(file)) == ("no-evidence", {"FILC-N203", "FILC-N309"})
    assert str(shapes.root / "libanswer.so") in evidence(file, "FILC-N203")
    assert "pizlonated_answer" in evidence(file, "FILC-N309")


def test_a_runtime_file_that_needs_an_ordinary_library_is_not_runtime(shapes: Shapes) -> None:
    policy = shapes.policy()
    run(["patchelf", "--add-needed", "/lib/x86_64-linux-gnu/libm.so.6", shapes.lib / "libpizlo.so"])
    assert judge(shapes, shapes.lib / "libpizlo.so", policy).verdict == "mixed"
    assert judge(shapes, shapes.hello(), policy).verdict == "mixed"


def test_a_forged_check_does_not_provide_a_check(shapes: Shapes) -> None:
    source = "void filc_pollcheck_slow(void) {}"
    forged = shapes.shared("libforged.so", [shapes.ordinary("forged", source, noted=shapes.simulated)])
    file = judge(shapes, shapes.program("hello", [shapes.filc("hello", HELLO)], forged, shapes.library()))
    assert file.verdict == "mixed"
    assert codes(file) >= {"FILC-E202"}
    assert str(forged) in evidence(file, "FILC-E202")


def test_a_plugin_may_leave_imports_to_its_program(shapes: Shapes) -> None:
    source = (
        "extern int host(void); extern void filc_pollcheck_slow(void);"
        "int go(void) { filc_pollcheck_slow(); return host(); }"
    )
    file = judge(shapes, shapes.library("libplugin.so", source))
    assert (file.verdict, codes(file)) == ("filc", set())
    assert "pizlonated_host" in evidence(file, "FILC-I306")
    host = shapes.filc("host", f"int host(void) {{ return 3; }}\n{HELLO}")
    shapes.hello()
    program = shapes.program("host", [host], "--export-dynamic", "-l:libanswer.so")
    files = inspect([program, shapes.root / "libplugin.so"], shapes.policy()).files
    assert f"pizlonated_host (of {program})" in evidence(files[1], "FILC-I306")


def test_a_library_found_through_the_programs_runpath_two_levels_down(shapes: Shapes) -> None:
    folder = shapes.root / "deep" / "lib"
    folder.mkdir(parents=True)
    (shapes.root / "libanswer.so").unlink()
    shapes.shared("libanswer.so", [shapes.filc("answer", ANSWER)], "-l:libc.so", folder=folder, runpath=None)
    middle = (
        "extern int answer(void); extern void filc_pollcheck_slow(void);"
        "int middle(void) { filc_pollcheck_slow(); return answer(); }"
    )
    shapes.shared("libmiddle.so", [shapes.filc("middle", middle)], folder / "libanswer.so", runpath=None)
    objects = [shapes.filc("hello", HELLO.replace("answer", "middle"))]
    program = shapes.program(
        "hello",
        objects,
        "-l:libmiddle.so",
        "--allow-shlib-undefined",
        runpath=f"{shapes.root}:{folder}:{shapes.lib}",
    )
    file = judge(shapes, program)
    assert file.verdict == "filc"
    found = {library.name: library for library in file.libraries}
    assert found["libanswer.so"].path == str(folder / "libanswer.so")
    assert found["libanswer.so"].how == f"RUNPATH of {program}"
    # The library alone does not find it: that depends on who loads it.
    alone = judge(shapes, shapes.root / "libmiddle.so")
    assert (alone.verdict, codes(alone)) == ("no-evidence", {"FILC-N203"})


def test_folders_links_and_other_files(shapes: Shapes) -> None:
    folder = shapes.root / "result"
    (folder / "bin").mkdir(parents=True)
    shutil.copy(shapes.hello(), folder / "bin" / "hello")
    (folder / "bin" / "hard").hardlink_to(folder / "bin" / "hello")
    (folder / "bin" / "soft").symlink_to("hello")
    (folder / "loop").symlink_to(folder)
    (folder / "README").write_text("text")
    (folder / "bin" / "script").write_text("#!/bin/sh\nexit 0\n")
    run(["objcopy", "--only-keep-debug", folder / "bin" / "hello", folder / "hello.debug"])
    run(["mkfifo", folder / "pipe"])
    report = inspect([folder, folder], shapes.policy())
    (file,) = report.files
    assert file.verdict == "filc"
    assert len(file.same_as) == 1
    assert [(script.interpreter, script.verdict) for script in report.scripts] == [("/bin/sh", "foreign")]
    assert report.exit_code == 0
    skipped = {reason: count for reason, count in report.skipped.items() if count}
    assert set(skipped) == {"not ELF", "script", "special file", "split debug file", "symbolic link"}


def test_nothing_to_judge_is_no_yes(shapes: Shapes) -> None:
    (shapes.root / "empty").mkdir()
    report: Report = inspect([shapes.root / "empty"], shapes.policy())
    assert (report.verdict, report.exit_code, report.files) == ("unknown", 4, ())


def all_codes(files: Sequence[FileReport]) -> set[str]:
    return {finding.code for file in files for finding in file.findings}


def test_every_elf_file_of_the_machine_is_something_else(shapes: Shapes) -> None:
    report = inspect([Path("/usr/bin"), Path("/usr/lib/x86_64-linux-musl")], shapes.policy())
    assert len(report.files) > 50
    assert {file.verdict for file in report.files} <= {"foreign", "no-evidence", "unreadable"}
    assert sum(file.verdict == "foreign" for file in report.files) > 0.9 * len(report.files)
    assert "FILC-E305" in all_codes(report.files)
