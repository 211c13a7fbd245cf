"""A toolchain folder in the Nix store: as the overlay brings it there, once, and anew when it changes."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from filcross import resources
from filcross.nix.command import find_nix
from filcross.overlay import write_overlay
from filcross.toolchain.layout import recognise
from filcross.toolchain.nixstore import add_folder

if TYPE_CHECKING:
    from pathlib import Path

    from filcross.toolchain.layout import Toolchain

pytestmark = pytest.mark.nix


def test_a_folder_is_added_once_and_again_when_it_changes(simulator: Toolchain, tmp_path: Path) -> None:
    folder = tmp_path / "toolchain"
    shutil.copytree(simulator.root, folder, symlinks=True)
    toolchain, roots = recognise(folder), tmp_path / "roots"
    nix = find_nix(host_tools=True)
    first = add_folder(nix, toolchain, roots)
    assert first is not None
    assert (first / "pizfix" / "lib" / toolchain.loader).exists()
    (root,) = roots.iterdir()
    assert root.resolve() == first
    modified = root.lstat().st_mtime_ns
    assert add_folder(nix, toolchain, roots) == first
    assert root.lstat().st_mtime_ns == modified
    (folder / "pizfix" / "note").write_text("changed\n")
    second = add_folder(nix, toolchain, roots)
    assert second is not None
    assert second != first
    assert (second / "pizfix" / "note").read_text() == "changed\n"
    assert [link.resolve() for link in roots.iterdir()] == [second]


def test_the_derivations_are_the_same_as_from_the_folder(simulator: Toolchain, tmp_path: Path) -> None:
    nix = find_nix(host_tools=True)
    stored = add_folder(nix, simulator, tmp_path / "roots")
    entry = resources.data_dir() / "entry.nix"
    answers = []
    for name, place in (("plain", None), ("stored", stored)):
        overlay = write_overlay(simulator, tmp_path / name, stored=place)
        assert overlay.parameters["toolchain"]["path"] == str(place or simulator.root.resolve())
        arguments = {"overlay": str(overlay.root), "tree": str(patched(tmp_path))}
        answers.append(nix.instantiate(entry, ["pkgsCross.filc.hello"], arguments=arguments).stdout)
    assert answers[0] == answers[1] != ""


def patched(folder: Path) -> Path:
    from filcross.nixpkgs import patch
    from filcross.nixpkgs.checkout import open_checkout

    tree = folder / "tree"
    if not tree.exists():
        patch.copy_and_patch(open_checkout(resources.embedded_tree_dir()), tree, with_git=False)
    return tree
