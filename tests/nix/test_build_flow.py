"""`filcross build` from end to end on the embedded tree with the simulator, and what goes wrong around it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from command_line import run

from filcross import resources
from filcross.nix.command import find_nix

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from filcross.toolchain.layout import Toolchain

pytestmark = pytest.mark.nix


def build(
    simulator: Toolchain, *arguments: str | Path, cwd: Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run `filcross build` on the embedded tree with the simulator of this test run."""
    return run(
        "build",
        *arguments,
        "--nixpkgs",
        "embedded",
        "--toolchain",
        simulator.root,
        "--seed-sources",
        cwd=cwd,
        **environment,
    )


def document(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """Return the JSON document of a command."""
    loaded = json.loads(done.stdout)
    assert isinstance(loaded, dict)
    return loaded


@pytest.mark.xdist_group("embedded-builds")
def test_hello_and_nginx_are_built_judged_and_run(
    simulator: Toolchain, tmp_path: Path, repo_root: Path
) -> None:
    done = build(simulator, "hello", "nginx", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    result = document(done)
    assert [package["built"] for package in result["packages"]] == [True, True]
    report = result["report"]
    programs = {Path(file["path"]).name: file for file in report["files"]}
    for name in ("hello", "nginx"):
        assert programs[name]["verdict"] == "filc"
        assert programs[name]["simulated"] is True
    assert "libpcre2-8.so.0" in programs["nginx"]["needed"]
    assert "embedded tree" in done.stderr
    assert "simulator (not memory-safe)" in done.stderr
    greeting = subprocess.run(
        [tmp_path / "result-hello" / "bin" / "hello"], capture_output=True, text=True, check=True
    )
    assert greeting.stdout == "Hello, world!\n"
    served = run(
        "matrix", "smoke", "nginx", tmp_path / "result-nginx", "--spec", repo_root / "ci/matrix.toml"
    )
    assert served.returncode == 0, served.stderr


@pytest.mark.xdist_group("embedded-builds")
def test_no_runtime_closure_holds_the_compiler(simulator: Toolchain, tmp_path: Path) -> None:
    done = build(simulator, "hello", "nginx", "--json", "--no-verify", "--no-out-link", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for package in document(done)["packages"]:
        for output in package["outputs"].values():
            closure = find_nix(host_tools=True).requisites(output)
            found = [path for path in closure if list(path.glob("bin/*clang*"))]
            assert found == []
            assert any("filc-libc" in path.name for path in closure) or not Path(output, "bin").exists()


SAYING = """\
final: prev: {
  words = "plain";
  saying = final.stdenv.mkDerivation {
    name = "saying";
    dontUnpack = true;
    inherit (final) words;
    buildPhase = ''
      echo \'#include <stdio.h>\' > saying.c
      echo "int main(void) { puts(\\"$words\\"); return 0; }" >> saying.c
      $CC saying.c -o saying
    '';
    installPhase = "install -D saying $out/bin/saying";
  };
}
"""


def test_overlays_of_the_user_come_after_fil_cs_and_in_their_order(
    simulator: Toolchain, tmp_path: Path
) -> None:
    (tmp_path / "one.nix").write_text(SAYING)
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "default.nix").write_text('final: prev: { words = "${prev.words}, then better"; }\n')
    overlays = ("--overlay", "one.nix", "--overlay", tmp_path / "two")
    done = build(simulator, "saying", *overlays, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    result = document(done)
    assert result["nixpkgs"]["overlays"] == [str(tmp_path / "one.nix"), str(tmp_path / "two")]
    assert [file["verdict"] for file in result["report"]["files"]] == ["filc"]
    said = subprocess.run([tmp_path / "result/bin/saying"], capture_output=True, text=True, check=True)
    assert said.stdout == "plain, then better\n"
    done = build(simulator, "saying", "--overlay", "three.nix", cwd=tmp_path)
    assert done.returncode == 2
    assert f"no overlay at {tmp_path / 'three.nix'}" in done.stderr


def test_an_unknown_package_is_named_with_its_neighbours(simulator: Toolchain, tmp_path: Path) -> None:
    done = build(simulator, "helo", "--no-out-link", cwd=tmp_path)
    assert done.returncode == 2
    assert "has no package `helo`" in done.stderr
    assert "hello" in done.stderr


def test_a_folder_that_is_no_nixpkgs(simulator: Toolchain, tmp_path: Path) -> None:
    done = run("build", "hello", "--nixpkgs", tmp_path, "--toolchain", simulator.root, cwd=tmp_path)
    assert done.returncode == 5
    assert "Traceback" not in done.stderr


def test_a_tree_with_spaces_and_quotes_in_its_path(simulator: Toolchain, tmp_path: Path) -> None:
    tree = tmp_path / 'it\'s a "tree" $HOME'
    shutil.copytree(resources.embedded_tree_dir(), tree)
    done = run(
        "build",
        "hello",
        "--nixpkgs",
        tree,
        "--toolchain",
        simulator.root,
        "--seed-sources",
        "--no-out-link",
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr


def test_a_failing_package_shows_its_log_and_the_rest_is_built(simulator: Toolchain, tmp_path: Path) -> None:
    tree = _tree_with(tmp_path, FAILING)
    done = run(
        "build",
        "hello",
        "broken",
        "victim",
        "--nixpkgs",
        tree,
        "--toolchain",
        simulator.root,
        "--seed-sources",
        "--json",
        "--no-out-link",
        cwd=tmp_path,
    )
    assert done.returncode == 6, done.stderr
    packages = {package["attribute"]: package for package in document(done)["packages"]}
    assert packages["hello"]["built"]
    for name in ("broken", "victim"):
        assert not packages[name]["built"]
        (cause,) = packages[name]["causes"]
        assert "broken" in cause["derivation"]
        assert "the last words of this build" in cause["tail"]
    assert done.stderr.count("the last words of this build") == 1
    assert "nix-store --read-log" in done.stderr


def _tree_with(tmp_path: Path, packages: str) -> Path:
    """Return a copy of the embedded tree that has more packages."""
    tree = tmp_path / "tree"
    shutil.copytree(resources.embedded_tree_dir(), tree)
    file = tree / "pkgs" / "top-level" / "all-packages.nix"
    text = file.read_text()
    end = text.rindex("}")
    file.write_text(text[:end] + packages + "\n" + text[end:])
    return tree


FAILING = """
  broken = pkgs.runCommand "broken" { } "echo the last words of this build; exit 1";
  victim = pkgs.runCommand "victim" { } "cat ${pkgs.broken} > $out";
"""
HALF_NATIVE = """
  half = stdenv.mkDerivation {
    name = "half";
    depsBuildBuild = [ buildPackages.stdenv.cc ];
    dontUnpack = true;
    buildPhase = ''
      echo 'int main(void) { return 0; }' > main.c
      $CC main.c -o good
      $CC_FOR_BUILD main.c -o bad
    '';
    installPhase = ''
      mkdir -p $out/bin
      cp good bad $out/bin
    '';
  };
"""


def test_native_code_in_the_middle_of_a_build_is_caught(simulator: Toolchain, tmp_path: Path) -> None:
    """The known hazard: a build calls the build machine's compiler, and installs what it makes."""
    tree = _tree_with(tmp_path, HALF_NATIVE)
    done = run(
        "build",
        "half",
        "--nixpkgs",
        tree,
        "--toolchain",
        simulator.root,
        "--json",
        "--no-out-link",
        *("--report", "report.sarif", "--report", "report.html"),
        cwd=tmp_path,
    )
    assert done.returncode == 1, done.stderr
    (sarif,) = json.loads((tmp_path / "report.sarif").read_text())["runs"]
    places = {
        result["analysisTarget"]["uri"].rpartition("/")[2]: result["locations"][0]["physicalLocation"]
        for result in sarif["results"]
    }
    nix_file = tree / "pkgs" / "top-level" / "all-packages.nix"
    line = nix_file.read_text().split('name = "half"')[0].count("\n") + 1
    assert places["bad"]["artifactLocation"]["uri"] == str(nix_file.relative_to(tree))
    assert places["bad"]["region"] == {"startLine": line}
    assert "attribute half" in (tmp_path / "report.html").read_text()
    assert "because    half → half-x86_64-unknown-linux-filc" in done.stderr
    verdicts = {Path(file["path"]).name: file["verdict"] for file in document(done)["report"]["files"]}
    assert verdicts == {"good": "filc", "bad": "foreign"}


def test_without_nix(simulator: Toolchain, tmp_path: Path) -> None:
    program = shutil.which("filcross")
    assert program
    done = subprocess.run(
        [program, "build", "hello", "--nixpkgs", "embedded", "--toolchain", simulator.root],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PATH": str(tmp_path)},
    )
    assert done.returncode == 3
    assert "nix-bin" in done.stderr
    assert "Traceback" not in done.stderr


@contextlib.contextmanager
def mounted(folder: Path, *options: str) -> Iterator[None]:
    """Mount a small tmpfs on `folder` (skips where this user cannot)."""
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", *options, "tmpfs", folder], capture_output=True, check=False
    )
    if done.returncode != 0:
        pytest.skip("this user cannot mount a file system")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def test_no_space_for_the_patched_copy(simulator: Toolchain, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    with mounted(cache, "-o", "size=64k"):
        done = build(simulator, "hello", "--no-out-link", cwd=tmp_path, XDG_CACHE_HOME=str(cache))
        assert done.returncode == 3, done.stderr
        assert "space" in done.stderr
        assert "Traceback" not in done.stderr
        left = [path for path in cache.rglob("*") if path.name == "nixpkgs" or "partial" in path.name]
        assert left == []


def test_a_cache_that_is_read_only(simulator: Toolchain, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    with mounted(cache, "-o", "ro"):
        done = build(simulator, "hello", "--no-out-link", cwd=tmp_path, XDG_CACHE_HOME=str(cache))
    assert done.returncode == 3, done.stderr
    assert "read-only" in done.stderr.lower()
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_stops_the_builds(simulator: Toolchain, tmp_path: Path, number: signal.Signals) -> None:
    marker = tmp_path / "started"
    seconds = f"600.{os.getpid()}{int(number)}"
    tree = _tree_with(tmp_path, f'sleepy = pkgs.runCommand "sleepy" {{ }} "sleep {seconds}";')
    arguments = ["build", "sleepy", "--nixpkgs", tree, "--toolchain", simulator.root, "--no-out-link", "-v"]
    with marker.open("w") as log:
        command = ["env", "--default-signal=INT", "filcross", *arguments]
        with subprocess.Popen(command, stderr=log, stdout=log, cwd=tmp_path) as child:
            try:
                _wait_for(lambda: _running(seconds))
                child.send_signal(number)
                assert child.wait(timeout=60) == 130
            finally:
                child.kill()
    _wait_for(lambda: not _running(seconds))
    assert "Traceback" not in marker.read_text()


def _running(seconds: str) -> bool:
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it has ended
            if command.read_bytes().split(b"\0")[:2] == [b"sleep", seconds.encode()]:
                return True
    return False


def _wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass within two minutes"
        time.sleep(0.1)


@pytest.mark.parametrize("bootstrap", ["nixpkgs", "host"])
def test_a_tree_with_no_place_for_the_compiler_is_told_by_its_configuration(
    simulator: Toolchain, tmp_path: Path, bootstrap: str
) -> None:
    tree = _tree_with(tmp_path, "")
    cross = tree / "pkgs" / "stdenv" / "cross" / "default.nix"
    text = cross.read_text()
    chain = text.index("if crossSystem.useiOSPrebuilt or false then")
    cross.write_text(text[:chain] + text[text.index("buildPackages.gcc;", chain) :])
    arguments = ("build", "hello", "--nixpkgs", tree, "--toolchain", simulator.root, "--bootstrap", bootstrap)
    done = run(*arguments, "--seed-sources", "--no-out-link", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "replaceCrossStdenv" in done.stderr
    assert document(done)["report"]["counts"]["filc"] == 1
