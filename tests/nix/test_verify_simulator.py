"""What the simulator makes is judged rightly, and what is smuggled into it is found; the command itself."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import html5lib
import jsonschema
import pytest

from filcross import resources
from filcross.elf.inspect import inspect
from filcross.elf.policy import policy_for, runtime_from_folder
from filcross.process import run

if TYPE_CHECKING:
    from filcross.elf.inspect import FileReport
    from filcross.elf.policy import Policy
    from filcross.process import Completed
    from filcross.toolchain.layout import Toolchain

pytestmark = pytest.mark.nix

LIBRARY = """
#include <string.h>
static __thread int calls = 1;
static int helper(const char *s) { return calls++ * (int)strlen(s); }
int twice(int x) { return helper("abc") * x; }
"""
PROGRAM = """
#include <stdio.h>
extern int twice(int);
static int seen;
int main(int argc, char **argv) { seen += argc; printf("hi %d\\n", twice(seen)); return argv[0] == NULL; }
"""
SMUGGLED = """
static int state;
__attribute__((constructor)) static void sneak(void)
{ __asm__ volatile("incl %0\\n.skip 900, 0x90" : "+m"(state)); }
"""


class Bench:
    """A folder and the simulator's compiler."""

    def __init__(self, root: Path, toolchain: Toolchain) -> None:
        self.root = root
        self.toolchain = toolchain
        self.cc = toolchain.root / "build" / "bin" / "filcc"
        self.policy: Policy = policy_for([runtime_from_folder(toolchain.root)])

    def source(self, name: str, text: str) -> Path:
        path = self.root / name
        path.write_text(text)
        return path

    def native(self, name: str, text: str, *flags: str, compiler: str = "clang-19") -> Path:
        path = self.root / f"{name}.o"
        run([compiler, "-c", "-O1", "-fPIC", *flags, self.source(f"{name}.c", text), "-o", path])
        return path

    def build(self, *flags: str | Path) -> Path:
        """Build libtwice.so and the program that needs it; `flags` go to the program's link."""
        library, program = self.root / "libtwice.so", self.root / "program"
        run([self.cc, "-O2", "-shared", "-fPIC", self.source("twice.c", LIBRARY), "-o", library])
        run(
            [
                *(self.cc, "-O2", self.source("program.c", PROGRAM), *flags),
                *(f"-L{self.root}", "-ltwice", f"-Wl,-rpath,{self.root}", "-o", program),
            ]
        )
        return program

    def judge(self, path: Path) -> FileReport:
        (file,) = inspect([path], self.policy).files
        return file


@pytest.fixture
def bench(tmp_path: Path, simulator: Toolchain) -> Bench:
    return Bench(tmp_path, simulator)


def codes(file: FileReport) -> set[str]:
    return {finding.code for finding in file.findings if finding.severity != "info"}


def test_what_the_simulator_makes_is_filc_and_simulated(bench: Bench) -> None:
    program = bench.build()
    assert run([program]).stdout == "hi 3\n"
    for path in (program, bench.root / "libtwice.so"):
        file = bench.judge(path)
        assert (file.verdict, file.simulated, codes(file)) == ("filc", True, set())
        assert "FILC-I502" in {finding.code for finding in file.findings}


def test_stripped_files_of_the_simulator_are_filc(bench: Bench) -> None:
    program = bench.build()
    run(["strip", program, bench.root / "libtwice.so"])
    assert run([program]).stdout == "hi 3\n"
    for path in (program, bench.root / "libtwice.so"):
        file = bench.judge(path)
        assert (file.verdict, codes(file)) == ("filc", set())


def test_the_simulators_own_files_are_known(bench: Bench) -> None:
    report = inspect([bench.toolchain.root / "pizfix" / "lib"], bench.policy)
    verdicts = {Path(file.path).name: file.verdict for file in report.files}
    assert verdicts["libyoloc.so"] == verdicts["libpizlo.so"] == verdicts["Scrt1.o"] == "runtime"
    assert verdicts["libc.so"] == verdicts["libc.a"] == "filc"
    assert all(file.simulated for file in report.files)


def test_objects_and_archives_of_the_simulator(bench: Bench) -> None:
    good = bench.root / "good.o"
    run([bench.cc, "-c", "-O2", bench.source("twice.c", LIBRARY), "-o", good])
    assert bench.judge(good).verdict == "filc"
    archive = bench.root / "libmany.a"
    run(["ar", "rcs", archive, good])
    assert bench.judge(archive).verdict == "filc"
    run(["ar", "rs", archive, bench.native("bad", "int ordinary(void) { return 1; }")])
    file = bench.judge(archive)
    assert (file.verdict, codes(file)) == ("mixed", {"FILC-E408"})


@pytest.mark.parametrize("compiler", ["gcc", "clang-19"])
@pytest.mark.parametrize("strip", ["", "--strip-debug", "--strip-all"])
def test_an_ordinary_object_with_nothing_to_see_is_found(bench: Bench, compiler: str, strip: str) -> None:
    program = bench.build(bench.native("smuggled", SMUGGLED, compiler=compiler))
    if strip:
        run(["strip", strip, "-R", ".comment", program])
    file = bench.judge(program)
    assert file.verdict in {"mixed", "no-evidence"}
    assert codes(file) & {"FILC-E308", "FILC-E310", "FILC-N406"}


def test_an_ordinary_function_that_the_program_calls_by_an_ordinary_name(bench: Bench) -> None:
    bad = bench.native("bad", "int pizlonated_twice(int x) { return x; } int visible(int x) { return x; }")
    file = bench.judge(bench.build(bad))
    assert file.verdict == "mixed"
    assert "FILC-E302" in codes(file)


def test_a_library_that_needs_the_hosts_libc(bench: Bench) -> None:
    program = bench.build()
    run(["patchelf", "--add-needed", "libc.so.6", bench.root / "libtwice.so"])
    assert codes(bench.judge(bench.root / "libtwice.so")) >= {"FILC-E201"}
    file = bench.judge(program)
    assert (file.verdict, "FILC-E202" in codes(file)) == ("mixed", True)


def test_the_wrong_loader(bench: Bench) -> None:
    program = bench.build()
    run(["patchelf", "--set-interpreter", "/lib64/ld-linux-x86-64.so.2", program])
    file = bench.judge(program)
    assert (file.verdict, "FILC-E101" in codes(file)) == ("mixed", True)


def test_libc_from_elsewhere(bench: Bench) -> None:
    program = bench.build()
    elsewhere = bench.root / "elsewhere"
    elsewhere.mkdir()
    shutil.copy("/usr/lib/x86_64-linux-musl/libc.so", elsewhere)
    lib = bench.toolchain.root / "pizfix" / "lib"
    run(["patchelf", "--set-rpath", f"{elsewhere}:{bench.root}:{lib}", program])
    file = bench.judge(program)
    assert file.verdict == "mixed"
    assert codes(file) >= {"FILC-E202", "FILC-E205"}


# The command


def filcross(*arguments: str | Path) -> Completed:
    command = shutil.which("filcross", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    assert command is not None
    return run([command, *arguments], check=False)


def document(completed: Completed) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(completed.stdout)
    schema = json.loads((resources.data_dir() / "schemas" / "verify.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(content, schema)
    return content


def test_the_command_says_yes(bench: Bench) -> None:
    program = bench.build()
    done = filcross(
        "verify", program, bench.root / "libtwice.so", "--toolchain", bench.toolchain.root, "--json"
    )
    content = document(done)
    assert (done.exit_code, content["verdict"], content["simulated"]) == (0, "yes", True)
    assert [file["verdict"] for file in content["files"]] == ["filc", "filc"]
    assert "nothing is memory-safe" in done.stderr


def test_the_command_says_no(bench: Bench) -> None:
    done = filcross("verify", "/bin/true", "--trust-runtime", bench.toolchain.root, "--json")
    content = document(done)
    assert (done.exit_code, content["verdict"], content["counts"]["foreign"]) == (1, "no", 1)
    assert "FILC-E101" in done.stderr
    assert "there is ordinary code" in done.stderr


def test_the_command_does_not_know(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(bench.root / "data"))  # no toolchain that another test installed
    (bench.root / "empty").mkdir()
    done = filcross("verify", bench.root / "empty", "--trust-runtime", bench.toolchain.root, "--json")
    assert (done.exit_code, document(done)["verdict"]) == (4, "unknown")
    unknown = filcross("verify", bench.build(), "--json")
    content = document(unknown)
    (judged,) = content["files"]
    assert (unknown.exit_code, judged["verdict"], judged["trusted"]) == (4, "filc", False)
    assert judged["confidence"].startswith("unknown toolchain, ")
    assert "FILC-W104" in unknown.stderr
    assert "not shown: nobody vouches for the toolchain (--trust-runtime)" in unknown.stderr
    trusted = filcross("verify", bench.root / "program", "--trust-runtime", bench.toolchain.lib)
    assert trusted.exit_code == 0


def test_the_projects_waivers_count_by_themselves(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    trust = ("--trust-runtime", bench.toolchain.root, "--json")
    (judged,) = document(filcross("verify", "/bin/true", *trust))["files"]
    (first, *others) = [
        f'[[waiver]]\ncode = "{finding["code"]}"\npath = "/bin/true"\nreason = "known"\nowner = "ann"\n'
        for finding in judged["findings"]
    ]
    project = bench.source("filcross.toml", first)
    more = bench.source("more.toml", "".join(others))
    monkeypatch.chdir(bench.root)
    some = filcross("verify", "/bin/true", *trust)
    assert (some.exit_code, [item["state"] for item in document(some)["waivers"]]) == (1, ["used"])
    done = filcross("verify", "/bin/true", *trust, "--waivers", more)
    content = document(done)
    assert (done.exit_code, content["accepted"], content["files"][0]["verdict"]) == (0, 1, "foreign")
    assert content["waivers"][0]["origin"] == str(project)
    assert f"waivers: {1 + len(others)} used" in done.stderr
    project.write_text("waiver = 3\n")
    assert filcross("verify", "/bin/true").exit_code == 2


def test_the_command_says_what_changed(bench: Bench) -> None:
    arguments = ("verify", bench.build(), "--trust-runtime", bench.toolchain.root)
    old, page = bench.root / "old.json", bench.root / "new.html"
    assert filcross(*arguments, "--report", old).exit_code == 0
    bench.build(bench.native("smuggled", SMUGGLED))
    done = filcross(*arguments, "--baseline", old, "--report", page, "--json")
    changes = document(done)["comparison"]["files"]
    assert (done.exit_code, changes) == (
        1,
        {"new": [str(bench.root / "program")], "fixed": [], "unchanged": []},
    )
    html5lib.HTMLParser(strict=True).parse(page.read_text())
    assert "1 new, 0 fixed, 0 unchanged" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("verify", "/no/such path/'it'"), 2, "there is no file or folder /no/such path/'it'"),
        (("verify", "/bin/true", "--trust-runtime", "/usr"), 5, "no Fil-C runtime"),
    ],
)
def test_the_command_explains_what_is_wrong(arguments: tuple[str, ...], code: int, words: str) -> None:
    done = filcross(*arguments)
    assert done.exit_code == code
    assert words in done.stderr
    assert "help:" in done.stderr
    assert "Traceback" not in done.stderr
