"""Builds in the embedded tree: its environment, its wrappers, its builders, and GNU hello."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from filcross.nix.command import Nix, find_nix
from filcross.resources import embedded_tree_dir

pytestmark = pytest.mark.nix
EXPRESSION = Path(__file__).resolve().parent.parent / "data" / "embedded" / "builds.nix"
TARGET = "x86_64-unknown-linux-musl"


@pytest.fixture(scope="module")
def nix() -> Nix:
    return find_nix(host_tools=True)


def _build(nix: Nix, attribute: str) -> Path:
    done = nix.run(
        "nix-build",
        "--no-out-link",
        EXPRESSION,
        "--arg",
        "tree",
        embedded_tree_dir(),
        "-A",
        attribute,
    )
    return Path(done.stdout.split()[-1])


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def test_helpers(nix: Nix) -> None:
    assert _lines(_build(nix, "helpers")) == [
        "lower & case and helpers and @UPPER@",
        "a\\n&b",
        "by hand and @name@ and @UPPER@",
        "x&&b",
        "zero one two three",
        "function hook",
        "text hook",
        "substituteStream: 'absent' is not in file 'some'",
        "helpers",
    ]


def test_only_listed_tools_are_on_path(nix: Nix) -> None:
    assert _build(nix, "path").read_text() == "CC=gcc CXX=g++ LD=ld AR=ar\n"


def test_program_finds_its_library(nix: Nix) -> None:
    out = _build(nix, "program")
    library, unused = (out / "paths").read_text().split()
    assert (out / "answer").read_text() == "42\n"
    # Every folder with a library of the link, in order; then what is needed only.
    assert (out / "runpath-before").read_text().strip() == f"{out}/lib:{library}/lib"
    assert unused not in (out / "runpath-before").read_text()
    assert (out / "runpath-after").read_text().strip() == f"{library}/lib"
    assert (out / "shebang").read_text().endswith("/bin/bash\n")
    assert (out / "shebang").read_text().startswith(f"#!{out.parent}/")
    assert ".debug_info" not in (out / "sections").read_text()
    assert _lines(out / "dev") == [
        "./include/answer.h",
        "./lib/pkgconfig/answer.pc",
        "./nix-support/propagated-build-inputs",
    ]
    assert _lines(out / "out") == ["./lib/libanswer.so", "./share/man/man1/answer.1"]


def test_phases(nix: Nix) -> None:
    out = _build(nix, "phases")
    assert _lines(out / "order") == ["new", "configured", "built it", "checked", "installed"]
    assert _lines(out / "flags") == [
        f"--prefix={out}",
        "--disable-dependency-tracking",
        "--disable-static",
        "--one",
        "--with=two words",
    ]


def test_small_builders(nix: Nix) -> None:
    assert _build(nix, "hook").read_text() == "hello from a hook\n"
    joined = _lines(_build(nix, "joined") / "result")
    assert joined[0].endswith("-gzip-host/bin/gzip")
    assert joined[1].endswith("-xz-host/bin/xz")
    assert joined[2] == "text"


def test_fetchurl_takes_the_first_address_that_delivers(nix: Nix) -> None:
    assert _build(nix, "fetched").read_text() == "served"


def test_both_sides_of_a_cross_build(nix: Nix) -> None:
    variables, cross, native = _lines(_build(nix, "sides"))
    assert variables == (
        f"CC={TARGET}-clang CXX={TARGET}-clang++ LD={TARGET}-ld AR={TARGET}-ar STRIP={TARGET}-strip"
        " CC_FOR_BUILD=gcc LD_FOR_BUILD=ld"
    )
    assert cross.endswith(f"-{TARGET}-recorder-cc-wrapper-1/bin/{TARGET}-cc")
    assert native.endswith("-gcc-wrapper-host/bin/gcc")
    assert _build(nix, "oneSide").read_text() == "none\n"


def test_old_scripts_are_replaced(nix: Nix) -> None:
    known, *refused, guessed = _lines(_build(nix, "scripts"))
    assert known == "x86_64-pc-linux-musl"
    assert refused[-1] == "refused"
    assert guessed.startswith("x86_64-")


@pytest.fixture(scope="module")
def calls(nix: Nix) -> Path:
    return _build(nix, "calls")


def _joined(path: Path) -> str:
    return " " + " ".join(_lines(path)) + " "


def test_compiling(calls: Path) -> None:
    libc, library, wrapper = (calls / "paths").read_text().split()
    arguments = _joined(calls / "compile")
    assert f" -target {TARGET} " in arguments
    assert f" -B{libc}/lib/ " in arguments
    assert f" -idirafter {libc}/include " in arguments
    assert f" -B{wrapper}/bin/ " in arguments
    assert f" -isystem {library}/include " in arguments
    assert " -DFROM_ENVIRONMENT " in arguments
    assert " -DEXTRA " in arguments
    # Not the native side's, not the machine's, not what this build or this compiler does without
    for absent in (
        "FOR_BUILD",
        "answer",
        "/usr/include",
        "-march=native",
        "-Wformat",
        "stack-protector",
        "-Wl,",
    ):
        assert absent not in arguments, absent
    assert "/here " in arguments
    assert " -fPIC " in arguments
    assert " -fno-strict-overflow " in arguments


def test_linking_through_the_compiler(calls: Path) -> None:
    libc, library, _ = (calls / "paths").read_text().split()
    loader = f"{libc}/lib/ld-musl-x86_64.so.1"
    arguments = _joined(calls / "link")
    assert f" -Wl,-dynamic-linker={loader} " in arguments
    assert f" -L{library}/lib " in arguments
    assert f" -L{libc}/lib " in arguments
    assert " -Wl,-z -Wl,from-nix-support " in arguments
    assert f" -Wl,-rpath -Wl,{calls}/lib " in arguments
    assert "/usr/lib" not in arguments
    assert "-dynamic-linker" not in _joined(calls / "static")
    assert "-rpath" not in _joined(calls / "static")
    assert (calls / "dynamic-linker").read_text().strip() == loader
    assert (calls / "orig-libc").read_text().strip() == libc


def test_special_calls(calls: Path) -> None:
    assert " -target " not in _joined(calls / "targeted")
    assert f" -target {TARGET} " in _joined(calls / "cxx")
    assert _lines(calls / "cc1") == ["-cc1", "a.c"]
    assert _lines(calls / "version") == ["-v"]
    response = _lines(calls / "response")
    at = response.index("one word")
    assert response[at : at + 4] == ["one word", "two words", "three", "-DX=1"]


def test_linking(calls: Path) -> None:
    libc, library, _ = (calls / "paths").read_text().split()
    arguments = _joined(calls / "ld")
    assert f" -rpath {library}/lib " in arguments
    assert f" -dynamic-linker {libc}/lib/ld-musl-x86_64.so.1 " in arguments
    assert " -z relro " in arguments
    assert " -z now " in arguments
    assert "/usr/lib" not in arguments
    assert "/opt/lib" not in arguments

    direct = _joined(calls / "ld-file")
    assert f" -rpath {library}/lib " in direct
    assert "elsewhere" not in direct

    assert not (calls / "rejected").exists()
    assert "impure path '/usr/lib/libm.so.6' used in link" in (calls / "rejection").read_text()
    assert f" -rpath {library}/lib " not in _joined(calls / "no-rpath")


def test_hello_greets(nix: Nix) -> None:
    """The whole way natively: GNU hello from upstream's tarball, when that can be had."""
    tree = embedded_tree_dir()
    derivation = nix.run("nix-instantiate", tree, "-A", "hello.src").stdout.split()[-1]
    source = next(iter(nix.outputs(derivation).values()))
    if nix.invalid_paths([source]):
        seed = Path(__file__).resolve().parents[2] / "scripts" / "seed-sources"
        seeded = subprocess.run([seed, str(tree), "hello"], check=False, capture_output=True, text=True)
        if seeded.returncode != 0:
            pytest.skip(f"no source of GNU hello: {seeded.stderr[-200:]}")
    out = Path(nix.run("nix-build", "--no-out-link", tree, "-A", "hello").stdout.split()[-1])
    greeting = subprocess.run([out / "bin" / "hello"], check=True, capture_output=True, text=True)
    assert greeting.stdout == "Hello, world!\n"
    assert nix.requisites(out) == [out]
