"""The simulator's driver: the command line that build systems use, and what the real driver refuses."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from elftools.elf.elffile import ELFFile

from filcross.process import Completed, run

if TYPE_CHECKING:
    from filcross.toolchain.layout import Toolchain

pytestmark = pytest.mark.nix

SOURCES = Path(__file__).resolve().parent.parent / "data" / "simulator"
MAIN = "int main(void) { return 0; }\n"
NOTE = b"filcross\0\0\0\0simulator"


class Driver:
    """The driver of one simulator, called in one folder, with temporary files in another."""

    def __init__(self, toolchain: Toolchain, folder: Path) -> None:
        self.toolchain = toolchain
        self.folder = folder / "work here"
        self.scratch = folder / "scratch"
        self.folder.mkdir()
        self.scratch.mkdir()

    def __call__(
        self, *arguments: str | Path, name: str = "filcc", stdin: str | None = None, **variables: str
    ) -> Completed:
        program = self.toolchain.compiler.with_name(name)
        env = {"TMPDIR": str(self.scratch), **variables}
        done = run([program, *arguments], cwd=self.folder, check=False, env=env, stdin=stdin, timeout=60)
        assert list(self.scratch.iterdir()) == [], "the driver left temporary files"
        return done

    def ok(
        self, *arguments: str | Path, name: str = "filcc", stdin: str | None = None, **variables: str
    ) -> Completed:
        done = self(*arguments, name=name, stdin=stdin, **variables)
        assert done.exit_code == 0, done.stderr
        return done

    def write(self, name: str, content: str = MAIN) -> str:
        (self.folder / name).write_text(content)
        return name

    def files(self) -> set[str]:
        return {item.name for item in self.folder.iterdir()}

    def symbols(self, name: str, *options: str) -> dict[str, str]:
        """Symbol name to its letter, as nm says it."""
        listing = run(["nm", "--format=posix", *options, self.folder / name]).stdout
        return {line.split()[0]: line.split()[1] for line in listing.splitlines() if not line.endswith(":")}

    def link_line(self, *arguments: str | Path, **variables: str) -> list[str]:
        return shlex.split(self.ok("-###", *arguments, **variables).stderr.splitlines()[-1])


@pytest.fixture
def driver(simulator: Toolchain, tmp_path: Path) -> Driver:
    return Driver(simulator, tmp_path)


# ---- who it is ---------------------------------------------------------------------------------------------


def test_identity(driver: Driver) -> None:
    first, target = driver.ok("--version").stdout.splitlines()[:2]
    assert re.fullmatch(r"clang version \d+\.\d+\.\d+ \(Fil-C 0\.\d+ simulator, not memory-safe\)", first)
    assert target == "Target: x86_64-unknown-linux-gnu"
    assert driver.ok("-dumpmachine").stdout == "x86_64-unknown-linux-gnu\n"
    defined = driver.ok("-E", "-dM", "-x", "c", "-", stdin="").stdout.splitlines()
    macros = {name: value for _, name, value in (f"{line} ".split(" ", 2) for line in defined)}
    macros = {name: value.strip() for name, value in macros.items()}
    numbers = ".".join(macros[f"__clang_{part}__"] for part in ("major", "minor", "patchlevel"))
    assert f"clang version {numbers} " in first
    assert driver.ok("-dumpversion").stdout == f"{numbers}\n"
    assert macros["__FILC__"] == macros["__PIZLONATOR_WAS_HERE__"] == "1"
    assert "__GLIBC__" not in macros
    assert driver.ok("--version", name="fil++").stdout.splitlines()[0] == first
    assert driver.ok("-v").stderr.splitlines()[0] == first


def test_answers_about_places(driver: Driver) -> None:
    lib = driver.toolchain.lib
    assert str(lib) in driver.ok("-print-search-dirs").stdout
    assert driver.ok("-print-file-name=filc_crt.o").stdout == f"{lib}/filc_crt.o\n"
    assert driver.ok("-print-file-name=no-such-file").stdout == "no-such-file\n"
    assert driver.ok("-print-prog-name=ld").stdout.endswith("/ld\n")
    assert driver.ok("-print-resource-dir").stdout == f"{driver.toolchain.root}/build/lib/clang/20\n"


# ---- compiling ---------------------------------------------------------------------------------------------


def test_objects_have_the_shape(driver: Driver) -> None:
    driver.write(
        "shape.c",
        "extern int other, weak_one(void) __attribute__((weak)); _Thread_local int tls;"
        "static int local(int x) { return x + other; } int common[4]; int (*volatile pointer)(int) = local;"
        "int main(void) { return weak_one() + pointer(tls); }",
    )
    driver.ok("-c", "-O1", "-fPIC", "-fcommon", "shape.c")
    symbols = driver.symbols("shape.o")
    plain = {name for name in symbols if not name.startswith("pizlonated_")}
    runtime = {"filc_pollcheck_slow", "filc_optimized_access_check_fail"}
    linker_made = {"_GLOBAL_OFFSET_TABLE_", "__tls_get_addr"}
    assert runtime <= {name for name in plain if symbols[name].isupper()} <= runtime | linker_made
    assert {"pizlonated_main", "pizlonated_other", "pizlonated_weak_one", "pizlonated_common"} <= set(symbols)
    assert symbols["pizlonated_local"] == "t"
    with (driver.folder / "shape.o").open("rb") as file:
        section = ELFFile(file).get_section_by_name(".note.filcross.simulator")
        assert section["sh_type"] == "SHT_NOTE"
        assert section["sh_flags"] == 2
        assert re.match(rb"simulator shape\.c text=[1-9]\d* sections=1 symbols=\d+\0", section.data()[24:])


def test_results_name_no_compiler(driver: Driver) -> None:
    """A `.comment` in a simulated file is the mark of an object that was not made here."""
    driver.write("one.c")
    for options in ([], ["-static"], ["-shared", "-fPIC"]):
        driver.ok(*options, "one.c", "-o", "made")
        assert ".comment" not in run(["readelf", "-SW", driver.folder / "made"]).stdout
    run(["gcc", "-c", "one.c", "-o", "ordinary.o"], cwd=driver.folder)
    driver.ok("-shared", "ordinary.o", "-o", "mixed.so")
    assert "GCC:" in run(["readelf", "-p", ".comment", driver.folder / "mixed.so"]).stdout


def test_code_is_accounted_for_by_the_notes(driver: Driver) -> None:
    """The sum of `text=` covers a linked file's code; an ordinary object in it does not fit under the sum."""
    driver.write("one.c", "int one(int x) { return x * 3; } int two(int x) { return x + one(x); }" + MAIN)
    driver.write("big.c", '__asm__(".text; .skip 4096, 0x90");')
    driver.ok("-O1", "-ffunction-sections", "-c", "one.c")
    run(["gcc", "-c", "big.c"], cwd=driver.folder)

    def excess(*objects: str) -> int:
        driver.ok(*objects, "-s", "-o", "made")
        with (driver.folder / "made").open("rb") as file:
            image = ELFFile(file)
            code = sum(image.get_section_by_name(name)["sh_size"] for name in (".text", ".init", ".fini"))
            notes = image.get_section_by_name(".note.filcross.simulator").data()
        parts = sum(int(count) for count in re.findall(rb"sections=(\d+)", notes))
        return code - sum(int(size) for size in re.findall(rb"text=(\d+)", notes)) - 15 * parts

    assert excess("one.o") <= 0 < excess("one.o", "big.o")


def test_every_result_carries_the_note(driver: Driver) -> None:
    driver.write("a.c", 'int puts(const char *); int main(void) { return puts("a"); }')
    driver.write("b.c", "int b(void) { return 1; }")
    driver.ok("a.c", "b.c", "-o", "program")
    driver.ok("-static", "a.c", "-o", "static")
    driver.ok("-shared", "-fPIC", "b.c", "-o", "library.so")
    run(["strip", driver.folder / "static"])
    files = [driver.folder / name for name in ("program", "static", "library.so")]
    lib = driver.toolchain.lib
    files += [lib / "libc.so", lib / "libpizlo.so", lib / "libyoloc.so", driver.toolchain.compiler]
    for path in files:
        with path.open("rb") as file:
            image = ELFFile(file)
            notes = b"".join(part.data() for part in image.iter_segments() if part["p_type"] == "PT_NOTE")
            assert NOTE in notes, path
    program = (driver.folder / "program").read_bytes()
    assert {b"simulator a.c ", b"simulator b.c ", b"simulator filc_crt.c "} <= set(
        re.findall(rb"simulator \S+ ", program)
    )
    for path in [*lib.glob("*.o"), *lib.glob("*.a")]:
        listed = run(["readelf", "-SW", path]).stdout
        assert listed.count(" .note.filcross.simulator") == max(1, listed.count("\nFile: ")), path


def test_several_sources_one_call(driver: Driver) -> None:
    driver.write("one.c", "int one;")
    driver.write("two words.c", "int two;")
    driver.ok("-c", "one.c", "two words.c")
    assert driver.files() == {"one.c", "two words.c", "one.o", "two words.o"}
    assert "pizlonated_two" in driver.symbols("two words.o")
    refused = driver("-c", "one.c", "two words.c", "-o", "both.o")
    assert refused.exit_code == 1
    assert "cannot specify -o" in refused.stderr


def test_source_from_stdin_and_link_in_one_step(driver: Driver) -> None:
    driver.ok("-x", "c", "-", "-o", "program", stdin="int main(void) { return 9; }")
    assert driver.files() == {"program"}
    assert run([driver.folder / "program"], check=False).exit_code == 9


def test_default_output_name(driver: Driver) -> None:
    driver.write("one.c")
    driver.ok("one.c")
    assert driver.files() == {"one.c", "a.out"}


def test_preprocessing_and_assembly_output(driver: Driver) -> None:
    driver.write("one.c", "#define TWO 2\nint two(void) { return TWO; }\n")
    assert "return 2;" in driver.ok("-E", "one.c").stdout
    assert "return 2;" in driver.ok("one.c", name="filcpp").stdout
    driver.ok("-S", "-O1", "one.c")
    assert "two:" in (driver.folder / "one.s").read_text()
    driver.ok("-c", "one.s")
    assert driver.symbols("one.o")["pizlonated_two"] == "T"


def test_assembler_sources_are_prefixed_unless_raw(driver: Driver) -> None:
    """Fil-C rewrites assembler with sarcasm, and takes it as it is with -yolo-assembler."""
    driver.ok(SOURCES / "assembler.S", SOURCES / "answer.c", "-o", "program")
    assert run([driver.folder / "program"], check=False).exit_code == 42
    driver.ok("-c", "-yolo-assembler", SOURCES / "assembler.S")
    assert driver.symbols("assembler.o") == {"answer": "T", "__ehdr_start": "w"}
    assert b"simulator assembler.S (-yolo-assembler)" in (driver.folder / "assembler.o").read_bytes()


@pytest.mark.parametrize(
    ("options", "file", "target"),
    [
        (["-MD", "-c", "one.c"], "one.d", "one.o"),
        (["-MMD", "-c", "one.c", "-o", "other.o"], "other.d", "other.o"),
        (["-MD", "one.c", "-o", "program"], "program.d", "program"),
        (["-MD", "-MF", "named.d", "-c", "one.c"], "named.d", "one.o"),
        (["-MD", "-MT", "a target", "-c", "one.c"], "one.d", "a target"),
        (["-Wp,-MD,through.d", "-c", "one.c"], "through.d", "one.o"),
        (["-M", "-MF", "only.d", "one.c"], "only.d", "one.o"),
    ],
)
def test_dependency_files(driver: Driver, options: list[str], file: str, target: str) -> None:
    driver.write("one.h", "")
    driver.write("one.c", f'#include "one.h"\n{MAIN}')
    driver.ok(*options)
    assert (driver.folder / file).read_text().replace("\\\n ", "").split() == [
        *f"{target}: one.c one.h".split()
    ]


def test_response_files(driver: Driver) -> None:
    driver.write("two words.c")
    driver.write("inner", "'-DNAME=\"quoted\"'")
    driver.write("outer", '-c @inner "two words.c"\n-o\tmade\\ here.o')
    driver.ok("@outer")
    assert "made here.o" in driver.files()
    many = driver.write(
        "many", "\n".join(f"-I/nowhere/{number:0100}" for number in range(4000)) + "\n'two words.c'"
    )
    driver.ok(f"@{many}", "-o", "program")
    assert "program" in driver.files()


def test_failures_leave_nothing(driver: Driver) -> None:
    driver.write("bad.c", "int main(void) { return }")
    driver.write("good.c")
    assert driver("-c", "bad.c").exit_code == 1
    assert driver("bad.c", "good.c", "-o", "program").exit_code == 1
    assert driver("-c", "missing.c").exit_code == 1
    assert driver("missing.o").exit_code == 1
    assert driver().exit_code == 1
    assert driver("-c", "good.c", "-fno-such-option").exit_code == 1
    assert driver("good.c", "-Wl,--no-such-option", "-o", "program").exit_code == 1
    assert driver.files() == {"bad.c", "good.c"}
    driver.ok("-c", "good.c", "-o", "/dev/null")
    assert Path("/dev/null").is_char_device()
    driver.ok("-c", "good.c")
    assert driver("good.o", "-fno-such-option", "-o", "program").exit_code == 1


@pytest.mark.parametrize("moment", ["starting", "compiling"])
def test_a_signal_ends_it_cleanly(driver: Driver, moment: str) -> None:
    pipe = driver.folder / "slow.c"
    os.mkfifo(pipe)
    command = [driver.toolchain.compiler, "-x", "c", pipe.name, "-o", "program"]
    environment = {**os.environ, "TMPDIR": str(driver.scratch)}
    writer = None
    with subprocess.Popen(command, cwd=driver.folder, env=environment, start_new_session=True) as child:
        try:
            while child.poll() is None and not any(driver.scratch.iterdir()):
                time.sleep(0.001)
            while moment == "compiling" and writer is None and child.poll() is None:
                with contextlib.suppress(OSError):  # nobody reads yet
                    writer = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
            child.send_signal(signal.SIGTERM)
            assert child.wait(timeout=30) == -signal.SIGTERM
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            if writer is not None:
                os.close(writer)
    assert driver.files() == {"slow.c"}
    assert list(driver.scratch.iterdir()) == []


def test_many_at_once(driver: Driver) -> None:
    names = [driver.write(f"part{number}.c", f"int part{number};") for number in range(24)]
    children = [
        subprocess.Popen([driver.toolchain.compiler, "-c", name], cwd=driver.folder) for name in names
    ]
    assert [child.wait() for child in children] == [0] * len(names)
    assert all(f"pizlonated_part{number}" in driver.symbols(f"part{number}.o") for number in range(24))
    assert len(driver.files()) == 48


# ---- linking -----------------------------------------------------------------------------------------------


def test_link_line_is_the_real_drivers(driver: Driver) -> None:
    driver.write("one.o", "")
    lib = driver.toolchain.lib
    words = driver.link_line(
        "one.o", "-L/mine", "-lmine", "-Wl,--as-needed,-z,now", "-Xlinker", "--trace", "-o", "x"
    )
    names = [Path(word).name if word.endswith(".o") else word for word in words]
    order = [
        "Scrt1.o",
        "crti.o",
        "crtbegin.o",
        "filc_crt.o",
        "-L/mine",
        f"-L{lib}",
        "one.o",
        "-lmine",
        "--as-needed",
    ]
    order += [
        "-z",
        "now",
        "--trace",
        "-lc",
        "-lpizlo",
        "-lyolort",
        "-lyoloc",
        "-lyolom",
        "-lyolort",
        "-lyolounwind",
    ]
    order += ["crtend.o", "crtn.o"]
    wanted = iter(names)
    assert all(word in wanted for word in order), names
    assert words[words.index("-dynamic-linker") + 1] == f"{lib}/{driver.toolchain.loader}"
    assert "-pie" in words
    assert words[words.index("-rpath") + 1] == f"{lib}64:{lib}"


def test_link_line_of_other_outputs(driver: Driver) -> None:
    driver.write("one.o", "")

    def names(*options: str) -> set[str]:
        return {Path(word).name for word in driver.link_line("one.o", *options)}

    start = {"Scrt1.o", "crti.o", "crtbegin.o", "filc_crt.o", "crtend.o", "crtn.o"}
    assert not names("-shared") & {"Scrt1.o", "filc_crt.o", "-pie", "-dynamic-linker"}
    assert not names("-nostdlib") & {*start, "-lc"}
    assert not names("-nostartfiles") & start
    assert "-lc" in names("-nostartfiles")
    assert "filc_mincrt.o" in names("-nodefaultlibs")
    assert {"-lpizlo", "-lyoloc", "-lyolom"} <= names("-nodefaultlibs")
    assert "-lc" not in names("-nodefaultlibs")
    assert "filc_crt.o" in names("-nodefaultlibs", "-normalcrt")
    assert {"rcrt1.o", "-static", "-pie", "--no-dynamic-linker"} <= names("-static")
    assert "crt1.o" in names("-no-pie")
    assert "-export-dynamic" in names("-rdynamic")
    assert "-soname" not in names("-shared", "-pthread")


def test_partial_links_get_filc_crt(driver: Driver) -> None:
    """`-r` adds filc_crt.o's main, as the real driver does; `-nostdlib` leaves it out."""
    driver.write("one.c", "int one(void) { return 1; }")
    driver.ok("-c", "one.c")
    driver.ok("-r", "one.o", "-o", "with.o")
    driver.ok("-r", "-nostdlib", "one.o", "-o", "without.o")
    assert driver.symbols("with.o")["main"] == "T"
    assert "main" not in driver.symbols("without.o")


def test_static_programs_are_static_pie(driver: Driver) -> None:
    driver.write("one.c")
    driver.ok("-static", "one.c", "-o", "one")
    with (driver.folder / "one").open("rb") as file:
        image = ELFFile(file)
        assert image["e_type"] == "ET_DYN"
        assert not [part for part in image.iter_segments() if part["p_type"] == "PT_INTERP"]
        needed = [
            tag for tag in image.get_section_by_name(".dynamic").iter_tags() if tag.entry.d_tag == "DT_NEEDED"
        ]
        assert needed == []
    assert {"pizlonated_main", "filc_call_user_main", "main"} <= set(driver.symbols("one"))


def test_libraries_that_are_empty_in_musl(driver: Driver) -> None:
    driver.write("one.c")
    names = ("m", "pthread", "dl", "rt", "util", "resolv", "xnet", "crypt")
    driver.ok("one.c", *(f"-l{name}" for name in names), "-o", "one")
    assert run([driver.folder / "one"], check=False).exit_code == 0


def test_the_hosts_libraries_are_out_of_reach(driver: Driver) -> None:
    driver.write("one.c")
    refused = driver("one.c", "-lgcc_s", "-lstdc++", "-o", "one")
    assert refused.exit_code == 1
    assert "cannot find -lgcc_s" in refused.stderr


def test_ordinary_objects_do_not_fit(driver: Driver) -> None:
    """Code of the host's compiler and Fil-C code do not find each other's symbols."""
    driver.write("foreign.c", "int foreign(void) { return 1; }")
    driver.write("one.c", "int foreign(void); int main(void) { return foreign(); }")
    run(["gcc", "-c", "foreign.c"], cwd=driver.folder)
    refused = driver("one.c", "foreign.o", "-o", "one")
    assert refused.exit_code == 1
    assert "undefined reference to `pizlonated_foreign'" in refused.stderr


def test_linker_is_found_as_clang_does(driver: Driver) -> None:
    driver.write("one.o", "")
    for name in ("x86_64-unknown-linux-gnu-ld", "x86_64-unknown-linux-filc-ld", "ld"):
        folder = driver.folder.parent / name
        folder.mkdir()
        (folder / name).symlink_to("/usr/bin/ld")
        assert driver.link_line("one.o", f"-B{folder}", PATH="/nowhere")[0] == f"{folder}/{name}"
        assert driver.link_line("one.o", PATH=f"{folder}:/nowhere")[0] == f"{folder}/{name}"
        assert driver.link_line("one.o", COMPILER_PATH=str(folder), PATH="/nowhere")[0] == f"{folder}/{name}"
    missing = driver("one.o", PATH="/nowhere")
    assert missing.exit_code == 1
    assert "linker 'ld'" in missing.stderr
    assert driver.link_line("one.o", "-fuse-ld=bfd")[0].endswith("/ld.bfd")


# ---- version scripts: facts of the real driver (its Gnu.cpp; pizlonator/fil-c issue 36) --------------------

LIBRARY = "int shown(void) { return 1; } int hidden(void) { return 2; }"
SCRIPT = "/* a comment */ V1 { global: shown; local: *; };\n"


def exports(driver: Driver, name: str) -> set[str]:
    names = driver.symbols(name, "-D", "--defined-only")
    return {symbol.partition("@")[0] for symbol in names if symbol.startswith("pizlonated_")}


def test_own_version_script_option_prefixes(driver: Driver) -> None:
    driver.write("library.c", LIBRARY)
    driver.write("library.map", SCRIPT)
    driver.ok("-shared", "-fPIC", "library.c", "--version-script=library.map", "-o", "library.so")
    assert exports(driver, "library.so") == {"pizlonated_shown"}
    assert "pizlonated_shown@@V1" in driver.symbols("library.so", "-D", "--with-symbol-versions")


@pytest.mark.parametrize(
    "option",
    [
        ["-Wl,--version-script=library.map"],
        ["-Wl,--version-script,library.map"],
        ["-Wl,-version-script", "-Wl,library.map"],
        ["-Xlinker", "--version-script=library.map"],
    ],
)
def test_raw_version_scripts_are_not_prefixed(driver: Driver, option: list[str]) -> None:
    driver.write("library.c", LIBRARY)
    driver.write("library.map", SCRIPT)
    driver.ok("-shared", "-fPIC", "library.c", *option, "-o", "library.so")
    assert exports(driver, "library.so") == set()


@pytest.mark.parametrize(
    ("script", "what"),
    [
        ('{ extern "C++" { shown; }; local: *; };', "extern"),
        ("{ global: sh?wn; };", "pattern"),
        ("{ global: sh[o]wn; };", "pattern"),
        ("{ /* open", "comment"),
    ],
)
def test_version_scripts_that_the_real_driver_cannot_read(driver: Driver, script: str, what: str) -> None:
    driver.write("library.c", LIBRARY)
    driver.write("library.map", script)
    refused = driver("-shared", "-fPIC", "library.c", "--version-script=library.map", "-o", "library.so")
    assert refused.exit_code == 1
    assert what in refused.stderr


@pytest.mark.parametrize("pattern", ["sho*", "*own", "s*n", "shown*"])
def test_names_in_version_scripts_may_be_patterns(driver: Driver, pattern: str) -> None:
    driver.write("library.c", LIBRARY)
    driver.write("library.map", f"# a comment\nV1 {{ global: {pattern}; local: *; }};\n")
    driver.ok("-shared", "-fPIC", "library.c", "--version-script=library.map", "-o", "library.so")
    assert exports(driver, "library.so") == {"pizlonated_shown"}


def test_version_nodes_that_inherit(driver: Driver) -> None:
    driver.write("library.c", LIBRARY)
    driver.write("library.map", "V1 { global: shown; local: *; };\nV2 { global: hidden; } V1;\n")
    driver.ok("-shared", "-fPIC", "library.c", "--version-script=library.map", "-o", "library.so")
    names = driver.symbols("library.so", "-D", "--with-symbol-versions")
    assert {"pizlonated_shown@@V1", "pizlonated_hidden@@V2"} <= set(names)


@pytest.mark.parametrize(
    ("option", "content"),
    [
        ("-Wl,--dynamic-list={}", "{ shown; };"),
        ("-Wl,--retain-symbols-file={}", "shown\n"),
        ("-Wl,--export-dynamic-symbol=shown", ""),
    ],
)
def test_symbol_lists_are_not_rewritten(driver: Driver, option: str, content: str) -> None:
    driver.write("program.c", f"{LIBRARY} {MAIN}")
    listed = driver.write("listed", content)
    driver.ok("program.c", option.format(listed), "-o", "program")
    assert "pizlonated_shown" not in exports(driver, "program")


def test_defsym_is_not_rewritten(driver: Driver) -> None:
    driver.write(
        "one.c", "int alias(void); int target(void) { return 1; } int main(void) { return alias(); }"
    )
    refused = driver("one.c", "-Wl,--defsym,alias=target", "-o", "one")
    assert refused.exit_code == 1
    assert driver("one.c", "-Wl,--defsym,pizlonated_alias=pizlonated_target", "-o", "one").exit_code == 0


def test_wrap_does_not_work(driver: Driver) -> None:
    driver.write("one.c", "int wrapped(void) { return 1; } int __wrap_wrapped(void) { return 2; }")
    driver.write("two.c", "int wrapped(void); int main(void) { return wrapped(); }")
    driver.ok("one.c", "two.c", "-Wl,--wrap=wrapped", "-o", "one")
    assert run([driver.folder / "one"], check=False).exit_code == 1


# ---- flags: what the real compiler does with them ----------------------------------------------------------


@pytest.mark.parametrize(
    "option",
    [
        *("-flto", "-flto=thin", "-flto=auto", "-ffat-lto-objects"),
        *("-fsanitize=address", "-fsanitize=fuzzer", "-fsanitize-coverage=trace-pc"),
        *("-fprofile-generate", "-fprofile-arcs", "-fprofile-instr-generate", "-fcoverage-mapping"),
        *("--coverage", "-ftest-coverage"),
        *("-export-dynamic", "-m32", "-mx32", "--target=i686-linux-gnu", "--target=aarch64-linux-gnu"),
    ],
)
def test_refused_options(driver: Driver, option: str) -> None:
    driver.write("one.c")
    for stage in (["-c"], ["-S"], ["-E"], []):
        refused = driver(option, "one.c", *stage, "-o", "made")
        assert refused.exit_code == 1
        assert option.removeprefix("--target=") in refused.stderr
        assert refused.stderr.count("\n") == 1
    assert driver.files() == {"one.c"}


@pytest.mark.parametrize(
    "option",
    [
        *("-fno-lto", "-fno-sanitize=all", "-fno-profile-arcs", "-Wl,-export-dynamic", "-Wl,-E", "-rdynamic"),
        *(
            "-pthread",
            "-D_FORTIFY_SOURCE=2",
            "-fstack-protector-strong",
            "-fcommon",
            "-m64",
            "-pipe",
            "-static-libgcc",
        ),
        *(
            "-Wl,-z,relro,-z,now",
            "-Wl,--gc-sections",
            "-Wl,--as-needed",
            "-fPIE",
            "-pie",
            "-fno-builtin",
            "-s",
        ),
        *("--target=x86_64-linux-musl", "-fvisibility=hidden", "-ffunction-sections", "-g3"),
    ],
)
def test_accepted_options(driver: Driver, option: str) -> None:
    driver.write(
        "one.c", '#include <stdio.h>\nint main(void) { char text[40]; sprintf(text, "works"); puts(text); }'
    )
    driver.ok("-O1", option, "one.c", "-o", "one")
    assert run([driver.folder / "one"]).stdout == "works\n"


def test_openmp_has_no_library(driver: Driver) -> None:
    driver.write("one.c")
    refused = driver("-fopenmp", "one.c", "-o", "one")
    assert refused.exit_code == 1
    assert "-lomp" in refused.stderr


@pytest.mark.parametrize("option", ["-gz", "-gz=zlib", "-Wa,--compress-debug-sections", "-gz=none"])
def test_debug_sections_are_not_compressed(driver: Driver, option: str) -> None:
    driver.write("one.c")
    said = driver.ok("-g", option, "-c", "one.c").stderr
    assert ("not compressed" in said) == (option != "-gz=none")
    with (driver.folder / "one.o").open("rb") as file:
        sections = [part for part in ELFFile(file).iter_sections() if part.name.startswith(".debug_")]
    assert sections
    assert not any(part.compressed for part in sections)


def test_start_and_stop_of_sections_are_missing(driver: Driver) -> None:
    driver.write(
        "one.c",
        '__attribute__((section("items"), used)) static int item = 1;'
        "extern int __start_items[], __stop_items[];"
        "int main(void) { return __stop_items - __start_items + !item; }",
    )
    refused = driver("one.c", "-o", "one")
    assert refused.exit_code == 1
    assert "pizlonated___start_items" in refused.stderr


def test_weak_hidden_undefined_symbols_are_refused(driver: Driver) -> None:
    driver.write(
        "one.c", '__attribute__((weak, visibility("hidden"))) extern int gone; int *f(void) { return &gone; }'
    )
    refused = driver("-c", "one.c")
    assert refused.exit_code == 1
    assert "`gone` is weak, hidden and undefined" in refused.stderr
    assert driver.files() == {"one.c"}


@pytest.mark.parametrize(
    ("name", "program", "options"),
    [
        ("one.cpp", "filcc", []),
        ("one.cc", "filcc", ["-c"]),
        ("one.C", "clang", ["-S"]),
        ("one.c", "fil++", []),
        ("one.c", "clang++", ["-c"]),
        ("one.c", "filcc", ["-x", "c++"]),
        ("one.c", "clang-20", ["--driver-mode=g++"]),
        ("one.o", "fil++", []),
    ],
)
def test_cplusplus_is_refused_in_one_sentence(
    driver: Driver, name: str, program: str, options: list[str]
) -> None:
    driver.write(name)
    refused = driver(*options, name, name=program)
    assert refused.exit_code == 1
    assert "made without the C++ library" in refused.stderr
    assert "`filcross toolchain libcxx`" in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert driver.files() == {name}


def test_symver_is_prefixed(driver: Driver) -> None:
    driver.write("library.c", '__asm__(".symver old, shown@V1"); int old(void) { return 1; }')
    driver.ok("-c", "-fPIC", "library.c")
    assert "pizlonated_shown@V1" in driver.symbols("library.o")


def test_precompiled_headers_pass(driver: Driver) -> None:
    driver.write("common.h", "#define VALUE 6\n")
    driver.write("one.c", "int main(void) { return VALUE; }")
    driver.ok("-x", "c-header", "common.h", "-o", "common.h.pch")
    driver.ok("-include-pch", "common.h.pch", "one.c", "-o", "one")
    assert run([driver.folder / "one"], check=False).exit_code == 6
