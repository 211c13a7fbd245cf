"""Packages of every kind of build (tests/data/overlay/packages), built through the overlay and inspected."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from filcross.elf import inspect as inspector
from filcross.elf import policy
from filcross.nix import evaluate

if TYPE_CHECKING:
    from filcross import pipeline

PACKAGES = Path(__file__).resolve().parent / "data" / "overlay" / "packages"
SPELLINGS = [
    "joined",
    "comma",
    "two",
    "among",
    "xlinker",
    "xlinker-two",
    "dash",
    "dash-two",
    "driver",
    "driver-dash",
    "response",
    "nested",
    "twice",
    "other-words",
    "stars",
    "environment",
]


def configured(folder: Path, name: str = "autotools") -> Path:
    """Return an Autotools package with its configure script, made in `folder`."""
    if shutil.which("autoreconf") is None or shutil.which("libtoolize") is None:
        pytest.skip("no autoconf, automake and libtool on this machine, so THIS TEST DID NOT RUN")
    made = folder / f"{name}-configured"
    if not made.exists():
        fresh = Path(shutil.copytree(PACKAGES / name, folder / f"{name}-new"))
        subprocess.run(["autoreconf", "-i"], cwd=fresh, check=True, capture_output=True)
        shutil.rmtree(fresh / "autom4te.cache", ignore_errors=True)
        fresh.rename(made)
    return made


def build(prepared: pipeline.Prepared, attribute: str, *, source: Path | None = None) -> dict[str, Path]:
    """Build one of the packages and return its outputs by name."""
    arguments: list[str | Path] = ["--option", "allow-import-from-derivation", "false"]
    given = {**prepared.packages.arguments(), "entry": str(evaluate.entry_file())}
    if source is not None:
        given["configured"] = str(source)
    for name, value in given.items():
        arguments += ["--argstr", name, value]
    nix = prepared.nix
    done = nix.run("nix-instantiate", PACKAGES, "-A", attribute, *arguments, timeout=600)
    derivation = done.stdout.split()[0].split("!")[0]
    nix.run("nix-store", "--realise", derivation, timeout=900)
    return {name: Path(path) for name, path in nix.outputs(derivation).items()}


def verdicts(prepared: pipeline.Prepared, *outputs: Path) -> dict[str, str]:
    """Return the verdict of the inspector on each ELF file of `outputs`, by file name."""
    arguments = [word for pair in prepared.packages.arguments().items() for word in ("--argstr", *pair)]
    libc = prepared.nix.run(
        "nix-build", evaluate.entry_file(), "-A", "pkgsCross.filc.stdenv.cc.libc", "--no-out-link", *arguments
    )
    folders = [Path(path) for path in libc.stdout.split() if (Path(path) / "lib").is_dir()]
    runtimes = [policy.runtime_from_folder(folder, name="simulator") for folder in folders]
    report = inspector.inspect(list(outputs), policy.policy_for(runtimes))
    return {Path(file.path).name: str(file.verdict) for file in report.files}


def run(*argv: str | Path) -> str:
    """Return what a program prints."""
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()


def exported(symbols: str) -> set[str]:
    """Return the C names, with their versions, that a library's dynamic symbols define."""
    found = set()
    for line in symbols.splitlines():
        words = line.split()
        if len(words) >= 8 and words[4] in {"GLOBAL", "WEAK"} and words[6] != "UND":
            plain = re.fullmatch(r"pizlonated_(\w+)(@.*)?", words[7])
            if plain:
                found.add(plain.group(1) + (plain.group(2) or ""))
    return found


def check_versioned(prepared: pipeline.Prepared) -> None:
    """A library with a version script in every spelling: the same names are shown, and the same hidden."""
    outputs = build(prepared, "versioned")
    wanted = {"shown@@LIBRARY_1.0", "also_shown@@LIBRARY_2.0"}
    for name in SPELLINGS:
        assert exported((outputs["record"] / f"{name}.symbols").read_text()) == wanted, name
        assert run(outputs["out"] / "bin" / name) == "2 3 hidden", name
    plain = exported((outputs["record"] / "none.symbols").read_text())
    assert plain == {"shown", "also_shown", "hidden"}
    assert run(outputs["out"] / "bin" / "none") == "2 3 found"
    errors = {file.stem: file.read_text() for file in outputs["record"].glob("*.error")}
    assert "pattern.map:4: Fil-C's driver cannot take the pattern `also_?hown`" in errors["pattern"]
    assert 'cxx.map:3: Fil-C\'s driver cannot take `extern "C++"`' in errors["cxx"]
    assert "cannot read the version script absent.map" in errors["absent"]
    assert "--wrap" in errors["wrap"]
    assert "plain.map: the linker knows no symbol 'shown'" in errors["linker"]
    assert set(verdicts(prepared, outputs["out"]).values()) == {"filc"}


def check_flags(prepared: pipeline.Prepared) -> None:
    """What Fil-C does not have is left out, with a warning; debug sections are not compressed."""
    out = build(prepared, "flags")["out"]
    said = {file.name: file.read_text() for file in out.iterdir() if file.is_file()}
    for name, flags in {
        "lto": ["-flto", "-fsanitize=undefined"],
        "profile": ["-fprofile-generate", "--coverage"],
        "linked": ["-flto=thin", "-fsanitize=address", "-lgcc_s", "-lgcc"],
    }.items():
        for flag in flags:
            assert f"warning: {flag} is left out: Fil-C has no" in said[name]
    assert ".debug_info" in said["sections"]
    assert not re.search(r"\.debug_info.* C\w* ", said["sections"])
    assert run(out / "bin" / "add") == "5"


def check_small_programs(prepared: pipeline.Prepared) -> None:
    """A static library, plugins, and a build-time generator."""
    static = build(prepared, "static")["out"]
    assert run(static / "bin" / "added") == "5"
    assert verdicts(prepared, static) == {"added": "filc", "libadd.a": "filc"}

    plugins = build(prepared, "plugins")["out"]
    folder = plugins / "lib" / "plugins"
    for name in ("load", "load-listed"):
        assert run(plugins / "bin" / name, folder / "one.so", folder / "two.so") == "one\ntwo"
    wanted = {"load": "filc", "load-listed": "filc", "one.so": "filc", "two.so": "filc"}
    assert verdicts(prepared, plugins) == wanted

    generator = build(prepared, "generator")["out"]
    assert run(generator / "bin" / "square", "7") == "49"
    assert verdicts(prepared, generator) == {"square": "filc"}
    assert "ld-linux-x86-64.so.2" in (generator / "record" / "generator").read_text()


def check_structured(prepared: pipeline.Prepared) -> None:
    """A package with `__structuredAttrs`."""
    outputs = build(prepared, "structured")
    assert run(outputs["out"] / "bin" / "user") == "2 3 hidden"
    assert verdicts(prepared, outputs["out"]) == {"user": "filc", "libversioned.so": "filc"}
    assert "ld-linux-x86-64.so.2" in (outputs["record"] / "native").read_text()
    assert (outputs["record"] / "variables").read_text().startswith("cgo 0 site /")


def check_counting(prepared: pipeline.Prepared, attribute: str) -> None:
    """CMake and Meson, with link-time optimisation asked for and a version script."""
    out = build(prepared, attribute)["out"]
    assert run(out / "bin" / "count", "one two three", "") == "3\n0"
    library = out / "lib" / "libcounting.so.1.2.3"
    assert exported(run("readelf", "-W", "--dyn-syms", library)) == {"count_words@@COUNTING_1"}
    assert set(verdicts(prepared, out).values()) == {"filc"}


def check_cxx(prepared: pipeline.Prepared, attribute: str, *, source: Path | None = None) -> None:
    """C++: exceptions from a library, with the C++ library of the toolchain and no other."""
    out = build(prepared, attribute, source=source)["out"]
    for program in (out / "bin").iterdir():
        assert run(program, "b c a", "d\te") == "a b c 3\na control character at 1"
    judged = verdicts(prepared, out)
    library = next(path for path in (out / "lib").glob("libwords.so.*") if not path.is_symlink())
    assert {"sorted", library.name} <= set(judged)
    needed = run("readelf", "-d", library)
    assert "[libc++.so.1]" in needed
    assert "[libc.so]" in needed
    assert set(judged.values()) == {"filc"}


def check_autotools(prepared: pipeline.Prepared, source: Path) -> None:
    """Libtool's lists of symbols, which it makes with nm, hold the C names."""
    out = build(prepared, "autotools", source=source)["out"]
    assert run(out / "bin" / "count", "one two three") == "3"
    assert run(out / "bin" / "preloaded") == "hello"
    library = out / "lib" / "libcounting.so.2.1.2"
    assert exported(run("readelf", "-W", "--dyn-syms", library)) == {"count_words"}
    extra = out / "lib" / "counting" / "extra.so"
    assert exported(run("readelf", "-W", "--dyn-syms", extra)) == {"extra_words"}
    libtool = (out / "record" / "libtool").read_text()
    assert "pizlonated_" in next(
        line for line in libtool.splitlines() if line.startswith("global_symbol_pipe=")
    )
    assert "ac_cv_prog_cc_c23=no\n" in (out / "record" / "config.log").read_text()
    judged = verdicts(prepared, out)
    assert {"count", "preloaded", "extra.so", "libcounting.a"} <= set(judged)
    assert set(judged.values()) == {"filc"}
