"""Writing overlay folders: complete, atomic, and never over anything that is not ours."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING

import command_line
import pytest

from filcross import config, resources
from filcross.errors import UsageError
from filcross.overlay import LLVM_VERSION, Knobs, knobs, write_overlay
from filcross.toolchain.layout import Toolchain

if TYPE_CHECKING:
    from pathlib import Path


def make_toolchain(root: Path, *, version: str = "0.686", says: str | None = None) -> Toolchain:
    program = root / "build" / "bin" / "clang-20"
    program.parent.mkdir(parents=True)
    if says is not None:
        program.write_text(f"#!/bin/sh\necho '{says}'\n")
        program.chmod(0o755)
    return Toolchain(version, root, "release", version, "musl", "x86_64", "ld-fil1-x86_64.so")


@pytest.fixture
def toolchain(tmp_path: Path) -> Toolchain:
    return make_toolchain(tmp_path / "toolchain", says="clang version 20.1.8 (Fil-C 0.686 git@x 163fae59)")


def tree(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_the_folder_holds_every_nix_file_and_the_parameters(toolchain: Toolchain, tmp_path: Path) -> None:
    written = write_overlay(toolchain, tmp_path / "deep" / "overlay")
    shipped = tree(resources.overlays_dir())
    found = tree(written.root)
    parameters = json.loads(found.pop("parameters.json"))
    ports = json.loads(found.pop("ports/ports.json"))
    assert found == shipped
    assert {"zlib", "openssl"} <= {port["name"] for port in ports}
    assert {"default.nix", "overlay.nix", "host/default.nix", "toolchain/relocate.sh"} <= set(found)
    assert parameters == dict(written.parameters)
    assert parameters["toolchain"] == {
        "name": "0.686",
        "version": "0.686",
        "simulated": False,
        "flavour": "musl",
        "arch": "x86_64",
        "loader": "ld-fil1-x86_64.so",
        "llvm_version": "20.1.8",
        "archive": None,
        "path": str(toolchain.root),
    }


def test_the_compiler_is_asked_for_its_version_of_llvm(tmp_path: Path) -> None:
    other = make_toolchain(tmp_path / "other", says="Fil-C 0.675 clang version 19.1.2 (abc)")
    silent = make_toolchain(tmp_path / "silent")
    assert write_overlay(other, tmp_path / "a").parameters["toolchain"]["llvm_version"] == "19.1.2"
    assert write_overlay(silent, tmp_path / "b").parameters["toolchain"]["llvm_version"] == LLVM_VERSION


def test_a_second_run_leaves_the_folder_as_it_is(toolchain: Toolchain, tmp_path: Path) -> None:
    root = write_overlay(toolchain, tmp_path / "overlay").root
    before = [(file, file.stat().st_ino, file.stat().st_mtime_ns) for file in sorted(root.rglob("*"))]
    write_overlay(toolchain, root)
    after = [(file, file.stat().st_ino, file.stat().st_mtime_ns) for file in sorted(root.rglob("*"))]
    assert before == after


def test_an_overlay_of_ours_is_replaced(toolchain: Toolchain, tmp_path: Path) -> None:
    root = write_overlay(toolchain, tmp_path / "overlay").root
    other = make_toolchain(tmp_path / "other", version="0.685")
    assert write_overlay(other, root).root == root
    assert json.loads((root / "parameters.json").read_text())["toolchain"]["version"] == "0.685"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_an_empty_folder_is_taken(toolchain: Toolchain, tmp_path: Path) -> None:
    folder = tmp_path / 'it\'s a "quoted" $folder'
    folder.mkdir()
    assert (write_overlay(toolchain, folder).root / "default.nix").is_file()


def test_the_folder_behind_a_link_is_written(toolchain: Toolchain, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    link = tmp_path / "link"
    link.symlink_to("real")
    write_overlay(toolchain, link)
    assert link.is_symlink()
    assert (tmp_path / "real" / "default.nix").is_file()


@pytest.mark.parametrize("name", ["default.nix", "notes.txt", "parameters.json"])
def test_a_foreign_folder_is_refused_and_kept(toolchain: Toolchain, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / name).write_text("precious")
    with pytest.raises(UsageError, match="not an overlay that filcross wrote") as caught:
        write_overlay(toolchain, folder)
    assert caught.value.hint
    assert tree(folder) == {name: b"precious"}


def test_a_file_is_refused(toolchain: Toolchain, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious")
    with pytest.raises(UsageError, match="is a file"):
        write_overlay(toolchain, tmp_path / "file")
    assert (tmp_path / "file").read_text() == "precious"


@pytest.mark.parametrize("name", ["default.nix", "my-own.nix"])
def test_changes_by_hand_are_not_lost(toolchain: Toolchain, tmp_path: Path, name: str) -> None:
    root = write_overlay(toolchain, tmp_path / "overlay").root
    (root / name).write_text("my work")
    with pytest.raises(UsageError, match="changed or added") as caught:
        write_overlay(toolchain, root)
    assert caught.value.details == (name,)
    assert (root / name).read_text() == "my work"


def test_readers_never_see_a_half_written_folder(toolchain: Toolchain, tmp_path: Path) -> None:
    other = make_toolchain(tmp_path / "other", version="0.685")
    root = write_overlay(toolchain, tmp_path / "overlay").root
    stop = threading.Event()
    seen: set[str] = set()
    faults: list[BaseException] = []

    def read() -> None:
        while not stop.is_set():
            try:
                seen.add(json.loads((root / "parameters.json").read_text())["toolchain"]["version"])
            except (OSError, ValueError) as error:
                faults.append(error)

    def write(which: Toolchain) -> None:
        try:
            for _ in range(4):
                write_overlay(which, root)
        except BaseException as error:  # noqa: BLE001
            faults.append(error)

    reader = threading.Thread(target=read)
    writers = [threading.Thread(target=write, args=(which,)) for which in (toolchain, other)]
    for thread in (reader, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    reader.join()
    assert faults == []
    assert seen == {"0.685", "0.686"}
    assert len(list(tmp_path.iterdir())) == 3


def test_knobs_come_from_flags_then_from_the_project_then_from_the_user() -> None:
    tables: list[tuple[str, object]] = [
        ("filcross.toml", {"checks": False}),
        ("config.toml", {"checks": True, "refuse-languages": True}),
    ]
    assert knobs([]) == Knobs(checks=True, refuse_languages=False)
    assert knobs(tables) == Knobs(checks=False, refuse_languages=True)
    assert knobs(tables, {"checks": None, "refuse_languages": False}) == Knobs(checks=False)
    assert knobs(tables, {"checks": True}) == Knobs(checks=True, refuse_languages=True)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"check": False}, "has no knob `check` \\(filcross.toml\\)"),
        ({"checks": "no"}, "`checks` of the overlay is on or off \\(filcross.toml\\)"),
        (["checks"], "`overlay` in filcross.toml is no table"),
    ],
)
def test_unknown_knobs_are_refused(table: object, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        knobs([("filcross.toml", table)])


def test_the_knobs_are_parameters(toolchain: Toolchain, tmp_path: Path) -> None:
    written = write_overlay(toolchain, tmp_path / "one")
    assert written.parameters["knobs"] == {"checks": True, "refuse-languages": False}
    written = write_overlay(toolchain, tmp_path / "one", knobs=Knobs(checks=False, refuse_languages=True))
    assert written.parameters["knobs"] == {"checks": False, "refuse-languages": True}


def test_the_command_reads_the_projects_knobs(tmp_path: Path) -> None:
    (tmp_path / "filcross.toml").write_text("[overlay]\nchecks = false\n")
    assert knobs(config.load({}, start=tmp_path).knobs) == Knobs(checks=False)
    (tmp_path / "filcross.toml").write_text("[overlay]\nlto = true\n")
    done = command_line.run("overlay", "--output", "made", cwd=tmp_path)
    assert done.returncode == UsageError.exit_code
    assert "the overlay has no knob `lto`" in done.stderr
    assert "its knobs are: checks, refuse-languages" in done.stderr
    assert not (tmp_path / "made").exists()
