"""Programs made with the simulator really run: libc, TLS, threads, constructors, dlopen, exit."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from filcross.process import Completed, run

if TYPE_CHECKING:
    from filcross.toolchain.layout import Toolchain

pytestmark = pytest.mark.nix

SOURCES = Path(__file__).resolve().parent.parent / "data" / "simulator"
LINKING = pytest.mark.parametrize(
    "linking", [[], ["-static"], ["-no-pie"]], ids=["dynamic", "static", "no-pie"]
)


def compile_and_run(
    simulator: Toolchain, folder: Path, source: str, *options: str | Path, arguments: tuple[str, ...] = ()
) -> Completed:
    program = folder / Path(source).stem
    run([simulator.compiler, "-Wall", *options, SOURCES / source, "-o", program])
    return run([program, *arguments], check=False, env={"GIVEN": "by the caller"}, timeout=60)


@LINKING
def test_start_and_end_of_a_program(simulator: Toolchain, tmp_path: Path, linking: list[str]) -> None:
    ended = compile_and_run(simulator, tmp_path, "hello.c", *linking, arguments=("one", "two words"))
    assert ended.stdout.splitlines() == [
        "args 3 two words",
        "env kept by the caller",
        "name hello",
        "locale 1 4",
        "atexit",
        "destructor",
    ]
    assert ended.exit_code == 3


@LINKING
def test_threads_tls_keys_cancellation_and_fork(
    simulator: Toolchain, tmp_path: Path, linking: list[str]
) -> None:
    ended = compile_and_run(simulator, tmp_path, "threads.c", "-O2", "-pthread", *linking)
    assert ended.stdout.splitlines() == [
        "threads 828 own 100 destroyed 8",
        "c11 42",
        "cancelled 1 cleaned 1",
        "child 105",
        "popen from a shell",
        "atexit",
    ]
    assert ended.exit_code == 0


@pytest.mark.parametrize("linking", [[], ["-static"]], ids=["dynamic", "static"])
def test_a_programs_own_allocator(simulator: Toolchain, tmp_path: Path, linking: list[str]) -> None:
    assert compile_and_run(simulator, tmp_path, "own_malloc.c", *linking).stdout == "from strdup 1\n"


def test_headers_are_the_sandwichs_and_the_kernels(simulator: Toolchain, tmp_path: Path) -> None:
    assert compile_and_run(simulator, tmp_path, "headers.c").stdout == "0 32\n"


def test_compiler_runtime_functions(simulator: Toolchain, tmp_path: Path) -> None:
    ended = compile_and_run(simulator, tmp_path, "cleanup.c", "-fexceptions")
    assert ended.stdout.splitlines() == ["quotient 42", "cleaned 4"]


def test_shared_library_with_data_tls_and_constructors(simulator: Toolchain, tmp_path: Path) -> None:
    library = tmp_path / "library.so"
    run(
        [
            simulator.compiler,
            "-fPIC",
            "-shared",
            SOURCES / "library.c",
            "-o",
            library,
            "-Wl,-soname,library.so",
        ]
    )
    for option in ("-fPIE", "-no-pie"):
        ended = compile_and_run(simulator, tmp_path, "linked.c", option, library, "-Wl,-rpath,$ORIGIN")
        assert ended.stdout.splitlines() == ["library constructor", "linked 6", "library destructor"]


def test_dlopen_and_its_relatives(simulator: Toolchain, tmp_path: Path) -> None:
    library = tmp_path / "library.so"
    run([simulator.compiler, "-fPIC", "-shared", SOURCES / "library.c", "-o", library])
    ended = compile_and_run(simulator, tmp_path, "loading.c", "-ldl", arguments=(str(library),))
    assert ended.stdout.splitlines() == [
        "library constructor",
        "loaded 20",
        "address library_function",
        "images 1",
        "missing 0 1",
        "next 0 refused",
        "default 1",
        "library destructor",
    ]


def test_a_program_without_the_user_libc(simulator: Toolchain, tmp_path: Path) -> None:
    source = tmp_path / "bare.c"
    source.write_text("int main(void) { return 7; }\n")
    run([simulator.compiler, "-nodefaultlibs", source, "-o", tmp_path / "bare"])
    assert run([tmp_path / "bare"], check=False).exit_code == 7


def test_runtime_says_what_it_is(simulator: Toolchain, tmp_path: Path) -> None:
    source = tmp_path / "empty.c"
    source.write_text("int main(void) { return 0; }\n")
    run([simulator.compiler, source, "-o", tmp_path / "empty"])
    said = run([tmp_path / "empty"], env={"FILC_DUMP_SETUP": "1"}).stderr
    assert said.startswith("filc setup:")
    assert "simulator (not memory-safe)" in said


def patchelf(*arguments: str | Path) -> str:
    return run(["patchelf", *arguments]).stdout.strip()


def test_relocation_to_another_folder(simulator: Toolchain, tmp_path: Path) -> None:
    """As an installer or a derivation relocates a release: interpreter, search paths, never libyoloc.so."""
    moved = tmp_path / "a folder 'with' spaces"
    shutil.copytree(simulator.root, moved, symlinks=True)
    driver = moved / "build" / "bin" / "clang-20"
    interpreter = patchelf("--print-interpreter", driver)
    shutil.copy(interpreter, tmp_path / "loader.so")
    patchelf("--set-interpreter", tmp_path / "loader.so", driver)
    patchelf("--set-rpath", moved / "build" / "lib", driver)
    libraries = moved / "pizfix" / "lib"
    for name in ("libc.so", "libpizlo.so"):
        patchelf("--set-rpath", f"{moved}/pizfix/lib64:{moved}/pizfix/lib", libraries / name)
    assert (libraries / "libyoloc.so").read_bytes() == (simulator.lib / "libyoloc.so").read_bytes()

    program = tmp_path / "hello"
    run([moved / "build" / "bin" / "filcc", SOURCES / "hello.c", "-o", program])
    assert patchelf("--print-interpreter", program) == str(libraries / simulator.loader)
    assert patchelf("--print-rpath", program) == f"{moved}/pizfix/lib64:{moved}/pizfix/lib"
    assert "args 1" in run([program], check=False).stdout


def test_compiler_and_libraries_apart(simulator: Toolchain, tmp_path: Path) -> None:
    """As under Nix: compiler, libraries and headers in folders of their own; no rpath by itself."""
    shutil.copytree(simulator.root / "build", tmp_path / "compiler" / "build", symlinks=True)
    shutil.copytree(simulator.lib, tmp_path / "libc" / "lib", symlinks=True)
    for name in ("include", "stdfil-include", "os-include"):
        shutil.copytree(simulator.root / "pizfix" / name, tmp_path / "headers" / name)
    flags = [
        f"--filc-crt-path={tmp_path}/libc/lib",
        f"--filc-dynamic-linker={tmp_path}/libc/lib/{simulator.loader}",
        f"--filc-include={tmp_path}/headers/include",
        f"--filc-stdfil-include={tmp_path}/headers/stdfil-include",
        f"--filc-os-include={tmp_path}/headers/os-include",
    ]
    driver, program = tmp_path / "compiler" / "build" / "bin" / "filcc", tmp_path / "headers-test"
    run([driver, *flags, SOURCES / "headers.c", "-o", program])
    assert patchelf("--print-rpath", program) == ""
    assert patchelf("--print-interpreter", program) == f"{tmp_path}/libc/lib/{simulator.loader}"
    assert run([program], check=False).exit_code == 127, "its libraries must not be found by accident"
    run([driver, *flags, f"-Wl,-rpath,{tmp_path}/libc/lib", SOURCES / "headers.c", "-o", program])
    assert run([program]).stdout == "0 32\n"

    # One flag for all: the whole root.
    root = [f"--filc-resource-dir={simulator.root}/pizfix", f"-Wl,-rpath,{simulator.lib}"]
    run([driver, *root, SOURCES / "headers.c", "-o", program])
    assert patchelf("--print-interpreter", program) == str(simulator.lib / simulator.loader)
    assert run([program]).stdout == "0 32\n"
    # And none: there is no pizfix beside this compiler, and nothing of the host's comes instead.
    failed = run([driver, SOURCES / "headers.c", "-o", program], check=False)
    assert failed.exit_code != 0
    assert "file not found" in failed.stderr
