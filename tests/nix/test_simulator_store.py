"""The store of toolchains, and how a simulator comes into it."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from filcross.errors import MissingRequirementError, UnsupportedInputError, UsageError
from filcross.process import run
from filcross.toolchain import simulator as station
from filcross.toolchain import store
from filcross.toolchain.layout import recognise
from filcross.toolchain.simulator.host import find_host_tools
from filcross.toolchain.simulator.loader import as_yolo

if TYPE_CHECKING:
    from pathlib import Path

    from filcross.toolchain.layout import Toolchain

pytestmark = pytest.mark.nix


@pytest.fixture(autouse=True)
def _own_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


def test_ensure_makes_one_once_even_when_two_ask(tmp_path: Path) -> None:
    made: list[Toolchain] = []
    threads = [threading.Thread(target=lambda: made.append(store.ensure())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    first, second = made
    assert first == second
    assert first.simulated
    identity = (first.root / "build" / "bin" / "clang-20").stat().st_ino
    assert (store.ensure().root / "build" / "bin" / "clang-20").stat().st_ino == identity
    assert [entry.name for entry in store.entries()] == ["simulator"]
    assert store.resolve("simulator") == first
    folder = store.store_dir() / ".simulators"
    assert {item.name for item in folder.iterdir()} == {first.root.name, "host.json"}, (
        "nothing half made stays"
    )

    # The other style is another one, beside it; the name now means the new one.
    other = store.ensure(style="yolo")
    assert other.loader == "ld-yolo-x86_64.so"
    assert first.root.is_dir()
    assert store.entries()[0].toolchain == other
    program = tmp_path / "program"
    run([other.compiler, "-x", "c", "-", "-o", program], stdin="int main(void) { return 0; }")
    assert b"/ld-yolo-x86_64.so\0" in program.read_bytes()
    assert run([program]).exit_code == 0

    store.remove("simulator")
    assert store.entries() == ()
    assert not folder.exists()


def test_a_simulator_that_is_there_is_found_without_asking_the_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = store.ensure()
    note = json.loads((store.store_dir() / ".simulators" / "host.json").read_text())
    assert any(path.endswith("/driver.c") for path in note["watched"])

    def forbidden() -> None:
        raise AssertionError("the host was asked")

    monkeypatch.setattr("filcross.toolchain.simulator.host.find_host_tools", forbidden)
    assert store.ensure() == first
    # A newer compiler on PATH, say, is noticed.
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(AssertionError, match="the host was asked"):
        store.ensure()


def test_unknown_names_and_paths(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedInputError, match="no toolchain is called `filc-9`"):
        store.resolve("filc-9")
    with pytest.raises(UnsupportedInputError, match="not a Fil-C toolchain"):
        store.resolve(str(tmp_path))


def test_build_refuses_what_it_cannot_do(simulator: Toolchain, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="exists already"):
        station.build(simulator.root)
    with pytest.raises(UsageError, match="release style"):
        station.build(tmp_path / "new", style="fil2")
    assert not (tmp_path / "new").exists()


def test_gcc_is_a_declared_fallback(tmp_path: Path) -> None:
    toolchain = station.build(tmp_path / "gcc", host=find_host_tools(prefer_gcc=True))
    assert run([toolchain.compiler, "--version"]).stdout.startswith("gcc version ")
    source = tmp_path / "hello.c"
    source.write_text('#include <stdio.h>\nint main(void) { puts("from gcc"); return 0; }\n')
    for linking in ([], ["-static"]):
        run([toolchain.compiler, "-O2", *linking, source, "-o", tmp_path / "hello"])
        assert run([tmp_path / "hello"]).stdout == "from gcc\n"


def test_missing_requirements_name_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    monkeypatch.setenv("PATH", str(tools))
    with pytest.raises(MissingRequirementError) as caught:
        find_host_tools()
    assert "no C compiler" in caught.value.message
    assert "apt-get install" in (caught.value.hint or "")
    (tools / "clang-19").symlink_to(shutil.which("clang-19", path="/usr/bin") or "/usr/bin/gcc")
    with pytest.raises(MissingRequirementError) as caught:
        find_host_tools()
    assert "`ld`" in caught.value.message or "no C compiler" in caught.value.message
    assert "apt-get install" in (caught.value.hint or "")


def test_fingerprint_follows_the_tools() -> None:
    host = find_host_tools()
    assert host.fingerprint() == find_host_tools().fingerprint()
    upgraded = dataclasses.replace(host.compiler, version="99.0.0")
    assert dataclasses.replace(host, compiler=upgraded).fingerprint() != host.fingerprint()
    assert dataclasses.replace(host, musl_version="9.9").fingerprint() != host.fingerprint()


def test_loader_is_musls_with_other_names(simulator: Toolchain) -> None:
    original = (find_host_tools().musl_libraries / "libc.so").read_bytes()
    yolo = (simulator.lib / "libyoloc.so").read_bytes()
    assert len(yolo) == len(original)
    assert sum(a != b for a, b in zip(original, yolo, strict=True)) < 100
    with pytest.raises(ValueError, match="own names"):
        as_yolo(yolo)


def test_recognised_where_it_is(simulator: Toolchain) -> None:
    assert recognise(simulator.root) == simulator
    for name in ("ld-fil1-x86_64.so", "ld-yolo-x86_64.so"):
        assert (simulator.lib / name).resolve() == simulator.lib / "libyoloc.so"


def test_commands(simulator: Toolchain, tmp_path: Path) -> None:
    environment = {"XDG_DATA_HOME": str(tmp_path / "data")}

    def filcross(*arguments: str | Path, code: int = 0) -> dict[str, object]:
        command = [
            sys.executable,
            "-c",
            "from filcross.cli import main; main()",
            "toolchain",
            *arguments,
            "--json",
        ]
        done = run(command, env=environment, check=False)
        assert done.exit_code == code, done.stderr
        document = json.loads(done.stdout)
        assert document["schema_version"] == 1
        return dict(document)

    assert filcross("list")["toolchains"] == []
    copy = tmp_path / "copy"
    shutil.copytree(simulator.root, copy, symlinks=True)
    installed = filcross("link", "mine", copy)
    assert installed["kind"] == "toolchain"
    shown = filcross("show", "mine")["toolchain"]
    assert isinstance(shown, dict)
    assert (shown["name"], shown["kind"], shown["root"]) == ("mine", "simulator", str(copy))
    assert shown["label"] == simulator.label
    assert [entry["name"] for entry in filcross("list")["toolchains"]] == ["mine"]  # type: ignore[attr-defined]
    assert filcross("remove", "mine")["name"] == "mine"
    assert filcross("show", "mine", code=5)["kind"] == "error"
    assert filcross("remove", "mine", code=2)["kind"] == "error"
    assert copy.is_dir()
