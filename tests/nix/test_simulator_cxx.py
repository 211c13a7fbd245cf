"""C++ with the simulator: what it makes runs, has the shape, is judged rightly, and no more is accepted."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from elftools.elf.elffile import ELFFile

from filcross import config
from filcross.elf.inspect import inspect
from filcross.elf.policy import policy_for, runtime_from_folder
from filcross.errors import MissingRequirementError, UsageError
from filcross.process import Completed, run
from filcross.toolchain import download, libcxx, proof
from filcross.toolchain.simulator.host import find_host_tools

if TYPE_CHECKING:
    from filcross.elf.inspect import FileReport
    from filcross.toolchain.layout import Toolchain

pytestmark = pytest.mark.nix

SOURCES = Path(__file__).resolve().parent.parent / "data" / "simulator" / "cxx"
NOTE = ".note.filcross.simulator"
MAIN = "int main() { return 0; }\n"
INLINE = "inline int shared(int x) { static int calls; return x * ++calls; } "
RELEASE_OPTIONS = ("-std=c++17", "-Wall", "-Wextra", "-Werror")


class Bench:
    """A folder and the simulator's C++ compiler."""

    def __init__(self, folder: Path, toolchain: Toolchain) -> None:
        self.folder = folder
        self.toolchain = toolchain
        self.policy = policy_for([runtime_from_folder(toolchain.root)])

    def __call__(self, *arguments: str | Path, name: str = "fil++") -> Completed:
        return run([self.toolchain.compiler.with_name(name), *arguments], cwd=self.folder, check=False)

    def ok(self, *arguments: str | Path, name: str = "fil++") -> Completed:
        done = self(*arguments, name=name)
        assert done.exit_code == 0, done.stderr
        return done

    def write(self, name: str, content: str = MAIN) -> str:
        (self.folder / name).write_text(content)
        return name

    def library(self, *options: str) -> Path:
        output = self.folder / "libshapes.so"
        named = ["-shared", "-fPIC", "-Wl,-soname,libshapes.so"]
        self.ok(*RELEASE_OPTIONS, *options, *named, SOURCES / "shapes.cpp", "-o", output)
        return output

    def program(self, *options: str | Path) -> Path:
        output = self.folder / "main"
        self.ok(*RELEASE_OPTIONS, SOURCES / "main.cpp", *options, "-o", output)
        return output

    def runs(self, program: Path) -> list[str]:
        done = run([program, self.folder / "files"], cwd=self.folder, timeout=60)
        return done.stdout.splitlines()

    def judge(self, path: Path) -> FileReport:
        (file,) = inspect([path], self.policy).files
        return file


@pytest.fixture
def bench(cxx_simulator: Toolchain, tmp_path: Path) -> Bench:
    return Bench(tmp_path, cxx_simulator)


def codes(file: FileReport) -> set[str]:
    return {finding.code for finding in file.findings if finding.severity != "info"}


EXPECTED = (SOURCES / "main.expected").read_text().splitlines()


@pytest.mark.parametrize("level", ["-O0", "-O2"])
def test_a_program_and_a_library(bench: Bench, level: str) -> None:
    """Exceptions, type information, inline data and thread-local data cross the library's border."""
    library = bench.library(level)
    program = bench.program(level, f"-L{bench.folder}", "-lshapes", f"-Wl,-rpath,{bench.folder}")
    assert bench.runs(program) == EXPECTED
    for path in (library, program):
        file = bench.judge(path)
        assert (file.verdict, file.simulated, codes(file)) == ("filc", True, set())
    assert {"libc++.so.1", "libc++abi.so.1", "libc.so"} <= set(bench.judge(program).needed)
    run(["strip", library, program])
    assert bench.runs(program) == EXPECTED
    assert [bench.judge(path).verdict for path in (library, program)] == ["filc", "filc"]


def test_objects_archives_and_partial_links(bench: Bench) -> None:
    """In one file the order of the constructors is that of the link."""
    both = bench.folder / "main"
    sources = [SOURCES / "shapes.cpp", SOURCES / "main.cpp"]
    bench.ok(*RELEASE_OPTIONS, "-O1", "-g", "-ffunction-sections", "-c", *sources)
    bench.ok("-r", "-nostdlib", "shapes.o", "main.o", "-o", "both.o")
    run(["ar", "rcs", "libshapes.a", "shapes.o"], cwd=bench.folder)
    archived = ["-Wl,--whole-archive", "-L.", "-lshapes", "-Wl,--no-whole-archive"]
    for options in (
        ["both.o"],
        [*archived, "main.o", "-Wl,--gc-sections"],
        ["-static", "shapes.o", "main.o"],
        ["-static-libstdc++", "shapes.o", "main.o"],
    ):
        bench.ok(*options, "-o", both)
        assert bench.runs(both) == EXPECTED
        file = bench.judge(both)
        assert (file.verdict, codes(file)) == ("filc", set())
        assert bool([name for name in file.needed if "c++" in name]) != options[0].startswith("-static")
    assert bench.judge(bench.folder / "both.o").verdict == "filc"


def test_a_library_that_is_loaded(bench: Bench) -> None:
    """And what nobody catches ends the program, after it went through C."""
    library = bench.library()
    bench.ok("-c", "-fexceptions", SOURCES / "passes.c", "-o", "passes.o", name="filcc")
    bench.ok(SOURCES / "loads.cpp", "passes.o", "-o", "loads")
    done = run([bench.folder / "loads", library], check=False)
    assert done.stdout.splitlines()[-5:] == ["library begins", "4", "negative", "cleaned 4", "5"]
    assert done.exit_code != 0
    assert "terminating due to uncaught exception of type Hidden" in done.stderr
    assert bench.judge(bench.folder / "loads").verdict == "filc"


def test_names_and_groups(bench: Bench) -> None:
    bench.write("one.cpp", INLINE + "int one(int x) { return shared(x); }")
    bench.write("two.cpp", INLINE + "int one(int); int main() { return one(1) + shared(1) - 3; }")
    bench.ok("-c", "-O0", "one.cpp", "two.cpp")
    listing = run(["nm", "-g", "--format=posix", bench.folder / "two.o"]).stdout
    names = {line.split()[0] for line in listing.splitlines()}
    assert {"pizlonated__Z6sharedi", "pizlonated__ZZ6sharediE5calls", "pizlonated_main"} <= names
    assert {name for name in names if not name.startswith(("pizlonated_", "filc_"))} <= {
        "_GLOBAL_OFFSET_TABLE_",
        "__ehdr_start",
    }
    with (bench.folder / "two.o").open("rb") as file:
        image = ELFFile(file)
        sections = list(image.iter_sections())
        table = image.get_section_by_name(".symtab")
        groups = [section for section in sections if section["sh_type"] == "SHT_GROUP"]
        signatures = {table.get_symbol(group["sh_info"]).name: group for group in groups}
        group = signatures["pizlonated__Z6sharedi"]
        flag, *members = (
            int.from_bytes(group.data()[at : at + 4], "little") for at in range(0, group["sh_size"], 4)
        )
        assert flag == 1
        inside = [sections[number].name for number in members]
        assert NOTE in inside
        assert f".rela{NOTE}" in inside
        assert all(sections[number]["sh_flags"] & 0x200 for number in members)
        outside = [item for item in sections if item.name == NOTE and not item["sh_flags"] & 0x200]
        assert [item.data()[24:].split(b" text=")[0] for item in outside] == [b"simulator two.cpp"]
    # One copy is kept, and its note with it: what the notes say covers all code.
    bench.ok("one.o", "two.o", "-o", "both")
    assert run([bench.folder / "both"]).exit_code == 0
    report = bench.judge(bench.folder / "both")
    assert (report.verdict, codes(report)) == ("filc", set())
    with (bench.folder / "both").open("rb") as file:
        notes = ELFFile(file).get_section_by_name(NOTE).data()
    assert len(re.findall(rb"simulator text=\d+ sections=1", notes)) == 1


def test_the_driver_knows_cxx_as_clang_does(bench: Bench) -> None:
    bench.write("one.cc", "#include <string>\nint main() { return (int)std::string().size(); }\n")
    bench.write("plain.c", "int main() { return sizeof 'a' - 1; }\n")
    bench.write("old.hpp", "#include <vector>\n")
    order = bench.ok("-###", "one.cc", "-o", "one").stderr.splitlines()[-1].replace('"', "").split()
    assert order.index("-lc++") < order.index("-lc++abi") < order.index("-lm") < order.index("-lc")
    assert "-lc++" not in bench.ok("-###", "one.cc", name="filcc").stderr
    assert "-lc++" not in bench.ok("-###", "-nostdlib++", "one.cc").stderr
    shown = bench.ok("-v", "-shared", "-fPIC", "one.cc", "-o", "one.so").stderr
    assert " -lc++ -lc++abi -lm -lc -lpizlo " in shown  # libtool looks for words that begin so
    bench.ok("-c", "one.cc", name="filcc")
    refused = bench("one.o", name="filcc")
    assert "undefined reference to `pizlonated__Z" in refused.stderr
    bench.ok("one.o", "-stdlib=libc++", "-std=c++20", "-fno-rtti", "-o", "one")
    bench.ok("plain.c", "-o", "plain")  # with clang's own warning, and as C++: a character is small
    assert run([bench.folder / "plain"]).exit_code == 0
    assert "fatal error: 'string' file not found" in bench("-c", "-nostdinc++", "one.cc").stderr
    bench.ok("-c", "-nostdinc++", "plain.c")
    bench.ok("old.hpp")
    assert (bench.folder / "old.hpp.gch").is_file()
    assert (
        "_LIBCPP_VERSION 1901" in bench.ok("-E", "-dM", "-include", "vector", "-x", "c++", "/dev/null").stdout
    )
    macros = bench.ok("-E", "-dM", "-x", "c++", "/dev/null").stdout
    assert "#define __FILC__ 1" in macros
    assert "#define __cplusplus" in macros
    assert "#define __cplusplus" not in bench.ok("-E", "-dM", "-x", "c", "/dev/null", name="filcc").stdout
    listed = bench.ok("-M", "one.cc").stdout
    root = str(bench.toolchain.root)
    assert all(word.startswith(root) for word in listed.split() if word.startswith("/"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-stdlib=libstdc++", "one.cpp"], "Fil-C has libc++ only"),
        (["-lstdc++", "one.cpp"], "cannot find -lstdc++"),
        (["-flto", "one.cpp"], "no link-time optimisation"),
        (["one.mm"], "C, C++ and assembler only"),
        (["-Wl,--no-undefined", "-shared", "-fPIC", "-nostdlib++", "throws.cpp"], "pizlonated___cxa_throw"),
    ],
)
def test_what_is_refused(bench: Bench, arguments: list[str], words: str) -> None:
    bench.write("one.cpp")
    bench.write("one.mm")
    bench.write("throws.cpp", "void f() { throw 1; }")
    refused = bench(*arguments)
    assert refused.exit_code == 1
    assert words in refused.stderr


def test_version_scripts_and_cxx(bench: Bench) -> None:
    """The driver understands no `extern "C++"`; mangled names it does."""
    bench.write("one.cpp", "int shown(int x) { return x; } int kept(int x) { return x; }")
    bench.write("mangled.map", "{ global: _Z5showni; local: *; };")
    bench.write("cxx.map", '{ global: extern "C++" { shown*; }; local: *; };')
    bench.ok("-shared", "-fPIC", "--version-script=mangled.map", "one.cpp", "-o", "one.so")
    names = run(["nm", "-D", "--defined-only", "--format=posix", bench.folder / "one.so"]).stdout
    assert [line.split()[0] for line in names.splitlines()] == ["pizlonated__Z5showni"]
    assert "extern" in bench("-shared", "-fPIC", "--version-script=cxx.map", "one.cpp").stderr


def test_an_ordinary_object_in_a_program_is_found(bench: Bench) -> None:
    """Ordinary C++ with names prefixed by objcopy, a function of it in a group: no note covers it."""
    bench.write("hidden.cpp", INLINE + "int hidden(int x) { return shared(x) + 1; }")
    bench.write("main.cpp", INLINE + "int hidden(int); int main() { return hidden(1) - 2; }")
    run(["clang-19", "-x", "c++", "-c", "-O1", "-fPIC", "hidden.cpp", "-o", "plain.o"], cwd=bench.folder)
    keep = ["--redefine-sym", "pizlonated__GLOBAL_OFFSET_TABLE_=_GLOBAL_OFFSET_TABLE_"]
    run(
        ["objcopy", "--prefix-symbols=pizlonated_", *keep, "-R", ".comment", "plain.o", "hidden.o"],
        cwd=bench.folder,
    )
    program = bench.folder / "main"
    bench.ok("-O1", "main.cpp", "hidden.o", "-o", program)
    assert run([program]).exit_code == 0
    file = bench.judge(program)
    assert file.verdict == "mixed"
    assert "FILC-E308" in codes(file)
    assert bench.judge(bench.folder / "hidden.o").verdict != "filc"


def test_ordinary_cxx_is_foreign(bench: Bench) -> None:
    bench.write("one.cpp", '#include <iostream>\nint main() { std::cout << "hi"; }\n')
    run(["g++", "one.cpp", "-o", "one"], cwd=bench.folder)
    file = bench.judge(bench.folder / "one")
    assert (file.verdict, file.simulated) == ("foreign", False)
    assert {"FILC-E101", "FILC-E201"} <= codes(file)
    # A program of the simulator that needs the ordinary C++ library loads ordinary code.
    bench.ok("-x", "c++", bench.write("two.cpp"), "-o", "two")
    run(["patchelf", "--add-needed", "libstdc++.so.6", bench.folder / "two"])
    two = bench.judge(bench.folder / "two")
    assert two.verdict == "mixed"
    assert "FILC-E201" in codes(two)


def test_the_libraries_themselves(bench: Bench) -> None:
    for name in ("libc++.so.1.0", "libc++abi.so.1.0", "libpizlo.so"):
        file = bench.judge(bench.toolchain.lib / name)
        assert (file.verdict, codes(file)) == ("runtime" if name == "libpizlo.so" else "filc", set())
    listing = run(["nm", "-D", "--format=posix", bench.toolchain.lib / "libpizlo.so"]).stdout
    defined = {line.split()[0] for line in listing.splitlines() if line.split()[1] in "TDBRVW"}
    assert {"pizlonated__Unwind_RaiseException", "filc_start_program"} <= defined
    assert all(name.startswith(("pizlonated_", "filc_")) for name in defined)
    for name in ("libc++.so", "libc++.so.1", "libc++abi.so", "libc++abi.so.1"):
        assert (bench.toolchain.lib / name).is_symlink()


def test_the_proof_runs_its_cxx_program(bench: Bench) -> None:
    shown = proof.prove(bench.toolchain)
    states = {trial.name: trial.state for trial in shown.trials}
    assert states.pop("memory error") == "refused"
    assert "C++" in states
    assert set(states.values()) == {"works"}
    assert {"libc++.so.1", "libc++abi.so.1"} <= set(shown.baseline["files"]["C++ program"]["needed"])
    assert not shown.memory_safe


def test_the_proof_of_a_simulator_without_cxx_says_so(simulator: Toolchain) -> None:
    trial = next(trial for trial in proof.prove(simulator).trials if trial.name == "C++")
    assert trial.state == "refused"
    assert "filcross toolchain libcxx" in trial.detail


def test_the_sources_are_brought_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FILCROSS_LIBCXX", str(tmp_path / "libcxx"))
    assert libcxx.find(find_host_tools()) is None
    with pytest.raises(MissingRequirementError, match="FILCROSS_OFFLINE") as offline:
        libcxx.bring(lambda _: None)
    assert "--from FILE" in (offline.value.hint or "")
    wrong = tmp_path / "ziglang.whl"
    wrong.write_bytes(b"PK\5\6" + bytes(18))
    with pytest.raises(download.WrongHashError, match=r"is not ziglang \d"):
        libcxx.bring(lambda _: None, wheel=wrong)
    with pytest.raises(UsageError, match="there is no file"):
        libcxx.bring(lambda _: None, wheel=tmp_path / "none.whl")
    assert [item.name for item in config.libcxx_dir().iterdir()] == [".lock"]


def test_a_host_without_a_fit_clang_has_no_cxx(libcxx_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FILCROSS_LIBCXX", str(libcxx_folder))
    assert libcxx.find(find_host_tools()) is not None
    gcc = find_host_tools(prefer_gcc=True)
    assert libcxx.find(gcc) is None
    with pytest.raises(MissingRequirementError, match=r"clang 17 or newer, and this machine has gcc \d"):
        libcxx.check(gcc)
