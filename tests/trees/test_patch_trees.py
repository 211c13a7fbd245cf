"""Real trees: thirteen states of lib from 20.09 to 26.11, and every tree that the environment names."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
from named_trees import LIB_STATES, named

from filcross.errors import UnsupportedInputError
from filcross.nixpkgs import edits, patch, proof
from filcross.nixpkgs.checkout import ROLES, open_checkout

pytestmark = [pytest.mark.trees, pytest.mark.nix]

WITHOUT_SHARED_LIBRARIES = {"20.09", "21.05", "21.11", "22.05", "22.11", "23.05"}


def check_patched_and_reverted(root: Path, *, shared_libraries: bool) -> None:
    """Patch, prove and revert the tree at `root`."""
    checkout = open_checkout(root)
    before = {role: checkout.file(role).read_bytes() for role in ROLES}
    ordinary = proof.ordinary_platforms(root)
    patch.apply(checkout)
    found = patch.plan(checkout)
    assert found.state is patch.State.PATCHED
    made = {edit for change in found.files for edit in change.present}
    wanted = {edit.id for edit in edits.load()}
    assert made == (wanted if shared_libraries else wanted - {"shared-libraries"})
    proved = patch.prove(root)
    assert {name.split("-")[0] for name in proved.refused} >= {"aarch64", "i686", "x86_64"}
    assert proof.ordinary_platforms(root) == ordinary
    patch.revert(checkout)
    assert {role: checkout.file(role).read_bytes() for role in ROLES} == before


@pytest.mark.parametrize("release", LIB_STATES)
def test_every_state_of_lib(release: str, tmp_path: Path) -> None:
    mirror = named("FILCROSS_LIB_MIRROR")
    cross = tmp_path / "pkgs" / "stdenv" / "cross"
    cross.mkdir(parents=True)
    style = "hand/pkgs" if release < "25" else "nixfmt"
    data = Path(__file__).resolve().parent.parent / "data" / "patch"
    shutil.copy(data / style / "stdenv" / "cross" / "default.nix", cross)
    archive = subprocess.run(
        ["git", "--git-dir", str(mirror), "archive", LIB_STATES[release], "lib"],
        capture_output=True,
        check=True,
    )
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as stream:
        stream.extractall(tmp_path, filter="data")
    check_patched_and_reverted(tmp_path, shared_libraries=release not in WITHOUT_SHARED_LIBRARIES)


@pytest.mark.parametrize(
    ("variable", "shared_libraries"), [("FILCROSS_TREE_NIXPKGS_2020", False), ("FILCROSS_TREE_AUX", True)]
)
def test_trees_in_the_layout_of_nixpkgs(variable: str, shared_libraries: bool, tmp_path: Path) -> None:  # noqa: FBT001
    origin = named(variable)
    shutil.copytree(origin / "lib", tmp_path / "lib")
    shutil.copytree(origin / "pkgs" / "stdenv", tmp_path / "pkgs" / "stdenv")
    check_patched_and_reverted(tmp_path, shared_libraries=shared_libraries)


def test_corepkgs(tmp_path: Path) -> None:
    origin = named("FILCROSS_TREE_COREPKGS")
    library = named("FILCROSS_TREE_NIX_LIB")
    for name in ("systems", "stdenv"):
        shutil.copytree(origin / name, tmp_path / name)
    shutil.copy(origin / "lib.nix", tmp_path)
    (tmp_path / "pins.nix").write_text(f"{{ lib = {library}; }}\n")
    check_patched_and_reverted(tmp_path, shared_libraries=True)


def test_a_tree_without_its_library(tmp_path: Path) -> None:
    origin = named("FILCROSS_TREE_TCMAL")
    with pytest.raises(UnsupportedInputError, match="its library comes from somewhere else"):
        open_checkout(origin)
    library = named("FILCROSS_TREE_AUX")
    shutil.copytree(library / "lib", tmp_path / "lib")
    shutil.copytree(origin / "pkgs" / "stdenv", tmp_path / "pkgs" / "stdenv")
    check_patched_and_reverted(tmp_path, shared_libraries=True)


def test_a_patched_copy_of_a_whole_tree_changes_no_other_platform(tmp_path: Path) -> None:
    origin = named("FILCROSS_TREE_NIXPKGS_2020")
    copy = patch.copy_and_patch(open_checkout(origin), tmp_path / "copy").checkout.root
    names = ["hello", "zlib", "openssl", "pkgsCross.musl64.zlib", "pkgsCross.aarch64-multiplatform.hello"]

    def derivations(root: Path) -> list[str]:
        attributes = [word for name in names for word in ("-A", name)]
        return subprocess.run(
            ["nix-instantiate", str(root), *attributes, "--readonly-mode", "--option", "store", "dummy://"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()

    before = derivations(origin)
    assert len(before) == len(names)
    assert derivations(copy) == before
