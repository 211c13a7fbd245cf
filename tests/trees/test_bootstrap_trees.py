"""Real nixpkgs trees: what the overlay answers in them, what it leaves alone, and builds with host tools."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from filcross import config, pipeline, sources
from filcross.nix import evaluate

if TYPE_CHECKING:
    from filcross.toolchain.layout import Toolchain

pytestmark = [
    pytest.mark.trees,
    pytest.mark.skipif(shutil.which("nix-build") is None, reason="no Nix on this machine"),
]
DATA = Path(__file__).resolve().parent.parent / "data" / "overlay"
VARIABLES = {"2020": "FILCROSS_TREE_NIXPKGS_2020", "2024": "FILCROSS_TREE_AUX"}
COMMON = [
    "zlib",
    "bash",
    "coreutils",
    "curl",
    "git",
    "perl",
    "python3",
    "openssl",
    "gettext",
    "gnu-config",
    "stdenv",
]


def tree(year: str) -> Path:
    folder = os.environ.get(VARIABLES[year])
    if not folder:
        pytest.skip(f"{VARIABLES[year]} names no tree")
    return Path(folder)


def prepare(year: str, simulator: Toolchain) -> pipeline.Prepared:
    settings = config.load(
        {"nixpkgs": str(tree(year)), "toolchain": str(simulator.root), "bootstrap": "host"}
    )
    return pipeline.prepare(settings, lambda _: None)


def arguments(prepared: pipeline.Prepared, **more: str) -> list[str]:
    given = {"tree": str(prepared.tree), "overlay": str(prepared.overlay.root), **more}
    return [word for name, value in given.items() for word in ("--argstr", name, value)]


def probe(prepared: pipeline.Prepared, name: str, file: str = "host-probes.nix") -> Path:
    more = {"bootstrap": "host"} if file == "probes.nix" else {}
    done = prepared.nix.run(
        "nix-build",
        DATA / file,
        "-A",
        name,
        "--no-out-link",
        *arguments(prepared, entry=str(evaluate.entry_file()), **more),
        timeout=900,
    )
    return Path(done.stdout.split()[0])


def derivations(prepared: pipeline.Prepared, attribute: str, bootstrap: str = "nixpkgs") -> set[str]:
    """Return the names of all derivations that building `attribute` takes."""
    done = prepared.nix.run(
        "nix-instantiate",
        evaluate.entry_file(),
        "-A",
        f"pkgsCross.filc.{attribute}",
        "--option",
        "allow-import-from-derivation",
        "false",
        *arguments(prepared, bootstrap=bootstrap),
        timeout=600,
    )
    closure = prepared.nix.requisites(done.stdout.split()[0].split("!")[0])
    return {path.name[33:] for path in closure if path.suffix == ".drv"}


@pytest.mark.parametrize("year", ["2020", "2024"])
def test_patch_and_overlay_change_no_other_platform(year: str, simulator: Toolchain) -> None:
    prepared = prepare(year, simulator)
    names = [*COMMON, "gdb", "hello", "nginx"] if year == "2020" else COMMON
    other = [["pkgsCross", "musl64"], ["pkgsCross", "aarch64-multiplatform"]] if year == "2020" else []
    tools = ["zlib", "bash", "coreutils", "perl", "python3", "openssl", "gettext", "stdenv", "patchelf"]
    given = {
        "pristine": str(tree(year)),
        "patched": str(prepared.tree),
        "overlay": str(prepared.overlay.root),
        "names": json.dumps(names),
        "sets": json.dumps([[], *other]),
        "tools": json.dumps(tools),
    }
    words = [word for name, value in given.items() for word in ("--argstr", name, value)]
    done = prepared.nix.run(
        "nix-instantiate",
        "--eval",
        "--strict",
        "--json",
        "--read-write-mode",
        DATA / "identity.nix",
        *words,
        timeout=600,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["changed"] == []
    assert found["changedTools"] == []
    assert found["compared"] == len(names) * (1 + len(other))


@pytest.mark.parametrize(
    ("year", "attribute"),
    [
        ("2020", "git"),
        ("2020", "curl"),
        ("2020", "python3"),
        ("2020", "nginx"),
        ("2020", "gdb"),
        ("2024", "git"),
        ("2024", "curl"),
        ("2024", "python3"),
        ("2024", "perl"),
    ],
)
def test_no_second_libc_or_compiler_is_made_for_the_platform(
    year: str, attribute: str, simulator: Toolchain
) -> None:
    names = derivations(prepare(year, simulator), attribute)
    triple = "x86_64-unknown-linux-filc"
    ours = {name for name in names if triple in name or name.startswith("filc-")}
    assert any(name.startswith("filc-libc-") for name in ours)
    wrong = ("gcc", "glibc", "clang", "llvm", "libiconv", "netbsd", "musl", "binutils", "uclibc")
    assert sorted(name for name in ours if any(word in name for word in wrong)) == []


@pytest.mark.parametrize("year", ["2020", "2024"])
def test_the_host_bootstrap_downloads_no_compiler(year: str, simulator: Toolchain) -> None:
    names = derivations(prepare(year, simulator), "zlib", "host")
    wanted = ("bootstrap-tools", "busybox", "gcc-", "glibc-", "binutils-2")
    assert sorted(name for name in names if name.startswith(wanted)) == []
    assert "stdenv-filcross-host-bootstrap.drv" in names


@pytest.mark.parametrize("year", ["2020", "2024"])
def test_plain_names_are_filc_and_the_build_side_is_native(year: str, simulator: Toolchain) -> None:
    prepared = prepare(year, simulator)
    found = {file.name: file.read_text().strip() for file in probe(prepared, "names", "probes.nix").iterdir()}
    for name in ("cc", "gcc", "clang", "make"):
        assert Path(found[name]).name == simulator.loader
    assert found["FOR_BUILD"] == "/lib64/ld-linux-x86-64.so.2"
    assert "libc.so.6" in probe(prepared, "impure", "probes.nix").read_text()
    assert "/usr/" not in probe(prepared, "headers", "probes.nix").read_text()


def test_builds_see_a_list_of_host_tools_and_no_host_libraries(simulator: Toolchain) -> None:
    prepared = prepare("2020", simulator)
    *folders, mark = probe(prepared, "path").read_text().split("\n")[:-1]
    assert mark == "marked 1"
    assert [folder for folder in folders if not folder.startswith(f"{prepared.nix.store.folder}/")] == []
    assert probe(prepared, "pkgConfig").read_text() == "one\n"
    if shutil.which("cmake", path="/usr/bin") is None:
        pytest.skip("no CMake on this machine")
    wrapped, plain = probe(prepared, "cmake").read_text().splitlines()
    assert wrapped == "wrapped LIBRARY-NOTFOUND HEADER-NOTFOUND"
    assert "NOTFOUND" not in plain


def test_programs_that_a_libc_brings(simulator: Toolchain) -> None:
    prepared = prepare("2020", simulator)
    getconf, getent = probe(prepared, "getconf") / "bin/getconf", probe(prepared, "getent") / "bin/getent"

    def ask(*argv: str | Path) -> str:
        return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()

    assert int(ask(getconf, "PAGESIZE")) == os.sysconf("SC_PAGESIZE")
    assert ask(getconf, "LONG_BIT") == "64"
    assert int(ask(getconf, "NAME_MAX", "/")) == os.pathconf("/", "PC_NAME_MAX")
    assert subprocess.run([getconf, "NO_SUCH"], check=False, capture_output=True).returncode == 2
    assert ask(getent, "passwd", "0").startswith("root:")
    assert ask(getent, "group", "root") == ask(getent, "group", "0")
    assert subprocess.run([getent, "passwd", "no-such-user"], check=False).returncode == 2


@pytest.mark.parametrize(
    ("attribute", "command", "expected"),
    [
        ("hello", ["bin/hello"], "Hello, world!"),
        ("lzop", ["bin/lzop", "--version"], "lzop 1.04"),
    ],
)
def test_a_package_of_2020_builds_from_its_pristine_source_and_runs(
    attribute: str, command: list[str], expected: str, simulator: Toolchain, shared_folder: Path
) -> None:
    prepared = prepare("2020", simulator)
    path = f"pkgsCross.filc.{attribute}"
    words: list[str | Path] = [evaluate.entry_file(), "-A", path, *arguments(prepared, bootstrap="host")]
    derivation = prepared.nix.run("nix-instantiate", *words, timeout=600).stdout.split()[0]
    with (shared_folder / "seeding.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        report = sources.seed(
            [derivation], cache=shared_folder / "sources", env=prepared.nix.store.environment
        )
    if not report.complete:
        pytest.skip(f"no source for {attribute}: {report.missing}")
    built = Path(prepared.nix.run("nix-build", *words, "--no-out-link", timeout=1200).stdout.split()[-1])
    answer = subprocess.run(
        [built / command[0], *command[1:]], check=True, capture_output=True, text=True, env={}
    )
    assert expected in answer.stdout
    interpreter = subprocess.run(
        ["readelf", "-lW", built / command[0]], check=True, capture_output=True, text=True
    )
    assert f"/lib/{simulator.loader}]" in interpreter.stdout
    closure = prepared.nix.requisites(built)
    assert [one for one in closure if (one / "build" / "bin").exists() or "host" in one.name[33:]] == []
