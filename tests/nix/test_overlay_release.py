"""A release in Nix: fetched by its hash, relocated in a derivation, and hello built with it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import release_shapes

from filcross import config, pipeline
from filcross.errors import UnsupportedInputError
from filcross.overlay import write_overlay
from filcross.process import run
from filcross.toolchain import install as station
from filcross.toolchain import nixstore, store
from filcross.toolchain.install import Wish
from filcross.toolchain.layout import Toolchain

pytestmark = [
    pytest.mark.nix,
    pytest.mark.skipif(shutil.which("nix-build") is None, reason="no Nix on this machine"),
]

if TYPE_CHECKING:
    from filcross.nix.command import Nix


@pytest.fixture
def installed(
    simulator: Toolchain, shared_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Toolchain:
    release = release_shapes.shared_release(simulator, shared_folder)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return station.install(
        Wish(str(release), name="packed", accept_unverified=True), tell=lambda _: None
    ).toolchain


def fetched(nix: Nix, derivation: str) -> list[str]:
    """Return the derivations below `derivation` that fetch a Fil-C archive."""
    below = nix.run("nix-store", "-qR", derivation).stdout.splitlines()
    return [path for path in below if path.endswith(f"{release_shapes.NAME}.tar.xz.drv")]


def test_hello_from_the_archive_of_a_release(installed: Toolchain, tmp_path: Path) -> None:
    said: list[str] = []
    settings = config.load({"nixpkgs": "embedded", "toolchain": "packed"})
    prepared = pipeline.prepare(settings, said.append)
    assert any("from its archive on this machine" in line for line in said)
    parameters = json.loads((prepared.overlay.root / "parameters.json").read_text())["toolchain"]
    assert parameters["path"] is None
    assert parameters["archive"]["url"].startswith("file:///")
    assert parameters["archive"]["hash"].startswith("sha256-")
    assert str(installed.root) not in (prepared.overlay.root / "parameters.json").read_text()

    built = pipeline.build(prepared, ["hello"])
    assert built.complete
    (result,) = built.results
    assert len(fetched(prepared.nix, result.derivation)) == 1
    hello = result.outputs["out"] / "bin" / "hello"
    assert run([hello]).stdout
    assert pipeline.inspect(prepared, built).exit_code == 0
    needed = prepared.nix.requisites(result.outputs["out"])
    assert not [path for path in needed if (path / "build" / "bin" / "clang-20").exists()]
    assert not [path for path in needed if "filc-release" in path.name]

    folder = pipeline.roots_of(prepared, ["hello"]) / "toolchain-outputs"
    rooted = {path.resolve() for path in folder.iterdir()}
    closure = {path for root in rooted for path in prepared.nix.requisites(root)}
    (compiler,) = (path for path in closure if (path / "build" / "bin" / "clang-20").exists())
    assert str(folder) in prepared.nix.run("nix-store", "-q", "--roots", compiler).stdout

    libc = (built.libc or result).outputs["out"]
    assert (libc / "lib" / "libyoloc.so").read_bytes() == (installed.lib / "libyoloc.so").read_bytes()
    assert run(["patchelf", "--print-rpath", libc / "lib" / "libc.so"]).stdout.strip() == f"{libc}/lib"

    roots = tmp_path / "roots"
    path = nixstore.add_archive(prepared.nix, installed, roots)
    assert path is not None
    (root,) = roots.iterdir()
    assert root.resolve() == path
    assert nixstore.add_archive(prepared.nix, installed, roots) == path
    listed = prepared.nix.run("nix-store", "-q", "--roots", path).stdout
    assert str(root) in listed


def test_where_the_archive_is_gone_the_folder_goes_in(
    installed: Toolchain, simulator: Toolchain, tmp_path: Path
) -> None:
    copy = tmp_path / "other.tar.xz"
    assert installed.archive is not None
    copy.write_bytes(station.archive_file(installed.archive).read_bytes())
    store.remove("packed")
    again = station.install(Wish(str(copy), name="again", accept_unverified=True), tell=lambda _: None)
    with_archive = write_overlay(again.toolchain, tmp_path / "one").parameters["toolchain"]
    assert with_archive["archive"]["name"] == "other.tar.xz"
    copy.unlink()
    without = write_overlay(again.toolchain, tmp_path / "two").parameters["toolchain"]
    assert (without["archive"], without["path"]) == (None, str(again.toolchain.root))
    linked = station.link("linked", simulator.root).toolchain
    assert write_overlay(linked, tmp_path / "three").parameters["toolchain"]["path"] == str(simulator.root)


def test_what_builds_cannot_use_is_refused(tmp_path: Path) -> None:
    optfil = Toolchain(
        "fil", Path("/opt/fil"), "release", "0.685", "glibc", "x86_64", "ld-fil1-x86_64.so", "optfil"
    )
    with pytest.raises(UnsupportedInputError, match="paths are fixed"):
        write_overlay(optfil, tmp_path / "overlay")
    assert not (tmp_path / "overlay").exists()
