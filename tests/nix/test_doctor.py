"""The doctor: what it says of a machine, made healthy and sick, and that it changes nothing."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from filcross import config, doctor
from filcross.toolchain import install as station
from filcross.toolchain import store

if TYPE_CHECKING:
    from pathlib import Path

    from filcross.doctor import Check
    from filcross.toolchain.layout import Toolchain

pytestmark = pytest.mark.nix


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATA", "CACHE", "CONFIG", "STATE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))


def look(**flags: str) -> dict[str, Check]:
    return {check.name: check for check in doctor.examine(config.load(dict(flags)))}


def snapshot(folder: Path) -> set[tuple[str, int]]:
    return {(str(path), path.lstat().st_mtime_ns) for path in folder.rglob("*")}


def test_every_line_has_a_state_and_what_lacks_has_a_fix(
    simulator: Toolchain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    station.link("mine", simulator.root)
    before = snapshot(tmp_path)
    checks = doctor.examine(config.load({}))
    assert snapshot(tmp_path) == before, "the doctor changes nothing"
    assert {check.state for check in checks} <= {"ok", "note", "lacking"}
    for check in checks:
        assert check.found
        assert check.fix or check.state != "lacking"
    names = {check.name for check in checks}
    assert names >= {
        *("temporary files", "nix", "nix for this nixpkgs", "store for host-tool builds", "sandbox"),
        *("substituters", "kernel headers", "disk for the store", "disk for toolchains", "toolchain"),
        *("release", "C++ in the simulator", "cache", "setting toolchain", "settings files"),
    }
    found = {check.name: check for check in checks}
    assert found["toolchain"].found == f"mine: {simulator.label} at {simulator.root}"
    assert found["release"].fix == "filcross toolchain install 0.686"
    assert found["C++ in the simulator"].fix == "filcross toolchain libcxx"
    assert found["substituters"].state == "note"
    monkeypatch.delenv("FILCROSS_OFFLINE")
    assert "network" not in look()


def test_nix_against_what_a_nixpkgs_needs(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "lib").mkdir(parents=True)
    assert look(nixpkgs=str(tree))["nix for this nixpkgs"].state == "note"
    (tree / "lib" / "minver.nix").write_text('# Expose the minimum\n"2.3.17"\n')
    check = look(nixpkgs=str(tree))["nix for this nixpkgs"]
    assert (check.state, check.found) == ("ok", f"{tree} needs 2.3.17")
    (tree / "lib" / "minver.nix").unlink()
    (tree / "lib" / "minfeatures.nix").write_text('{ x = builtins.compareVersions "99.1" "2"; }\n')
    check = look(nixpkgs=str(tree))["nix for this nixpkgs"]
    assert check.state == "lacking"
    assert "needs Nix 99.1" in check.found
    assert check.fix
    assert look(nixpkgs="embedded")["nix for this nixpkgs"].state == "ok"


def test_what_is_sick_is_said(simulator: Toolchain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", "/no/such/folder")
    copy = tmp_path / "linked"
    copy.symlink_to(simulator.root)
    store.store_dir().mkdir(parents=True)
    (store.store_dir() / "gone").symlink_to("/no/such/toolchain")
    found = look(toolchain="never-heard-of")
    assert found["temporary files"].state == "lacking"
    assert "mkdir -p /no/such/folder" in (found["temporary files"].fix or "")
    assert found["toolchain"].state == "lacking"
    assert "never-heard-of" in found["toolchain"].found
    lines = [check for check in doctor.examine(config.load({})) if check.name == "toolchain"]
    assert [(check.state, check.fix) for check in lines] == [("note", "filcross toolchain remove gone")]


def test_the_places_of_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "filcross.toml").write_text('bootstrap = "host"\n')
    monkeypatch.setenv("FILCROSS_STORE", "private")
    found = look()
    assert found["setting bootstrap"].found == f"host (from {tmp_path / 'filcross.toml'})"
    assert found["setting store"].found == "private (from FILCROSS_STORE)"
    assert str(tmp_path / "filcross.toml") in found["settings files"].found
    assert os.fspath(config.user_file()) not in found["settings files"].found
