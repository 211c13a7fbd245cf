"""Package sets inside pkgsCross.filc: Fil-C, or a sentence; never ordinary code under a Fil-C name."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from filcross import resources
from filcross.nix.command import find_nix
from filcross.nixpkgs import patch
from filcross.nixpkgs.checkout import open_checkout
from filcross.overlay import write_overlay

if TYPE_CHECKING:
    from filcross import process
    from filcross.toolchain.layout import Toolchain

pytestmark = pytest.mark.nix
EXPRESSION = Path(__file__).resolve().parent.parent / "data" / "overlay" / "other-sets.nix"
SENTENCES = {
    "pkgsStatic": "nixpkgs makes its static packages with musl",
    "pkgsMusl": "it would be ordinary, memory-unsafe code with musl",
    "pkgsLLVM": "Fil-C brings its own clang",
    "pkgsi686Linux": "Fil-C makes code for x86_64 Linux only",
}


@pytest.fixture
def overlay(simulator: Toolchain, tmp_path: Path) -> Path:
    return write_overlay(simulator, tmp_path / "overlay").root


def ask(tree: Path, overlay: Path, attribute: str, *, add: bool) -> process.Completed:
    arguments = ["--eval", "--strict", "--json", "--readonly-mode", EXPRESSION, "-A", attribute]
    names = {"tree": tree, "overlay": overlay, "add": "yes" if add else "no"}
    for name, value in names.items():
        arguments += ["--argstr", name, value]
    return find_nix(host_tools=True).run("nix-instantiate", *arguments, check=False)


def check_sentences(tree: Path, overlay: Path, *, add: bool) -> None:
    for name, sentence in SENTENCES.items():
        refused = ask(tree, overlay, f"filc.{name}", add=add)
        assert refused.exit_code != 0
        assert f"pkgsCross.filc.{name} does not exist: " in refused.stderr
        assert sentence in refused.stderr


def test_other_package_sets_are_filc_or_a_sentence(overlay: Path, tmp_path: Path) -> None:
    tree = Path(shutil.copytree(resources.embedded_tree_dir(), tmp_path / "tree"))
    patch.apply(open_checkout(tree))
    check_sentences(tree, overlay, add=True)
    check_sentences(tree, overlay, add=False)
    unknown = ask(tree, overlay, "filc.pkgsWithMore", add=True)
    assert "its packages are for x86_64-unknown-linux-musl" in unknown.stderr
    same = ask(tree, overlay, "filc.pkgsHardened", add=True)
    assert same.stdout == '"x86_64-unknown-linux-filc"', same.stderr
    assert ask(tree, overlay, "hardened", add=True).stdout == "true"
    assert ask(tree, overlay, "things", add=True).stdout == "{}"
    for attribute in ("native", "buildSide"):
        ordinary = ask(tree, overlay, attribute, add=True)
        assert ordinary.stdout == '"x86_64-unknown-linux-musl"', ordinary.stderr


@pytest.mark.trees
@pytest.mark.parametrize("variable", ["FILCROSS_TREE_NIXPKGS_2020", "FILCROSS_TREE_AUX"])
def test_other_package_sets_of_real_trees(variable: str, overlay: Path, tmp_path: Path) -> None:
    value = os.environ.get(variable)
    if not value:
        pytest.skip(f"{variable} names no tree, so THIS TEST DID NOT RUN")
    tree = patch.copy_and_patch(open_checkout(Path(value)), tmp_path / "copy").checkout.root
    check_sentences(tree, overlay, add=False)
