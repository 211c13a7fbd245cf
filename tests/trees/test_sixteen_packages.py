"""Sixteen packages of four real trees evaluate for Fil-C wherever they evaluate for musl64.

No derivation in their closures is a C library or a compiler of GCC or LLVM made for the Fil-C platform.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from named_trees import named

from filcross.matrix import flavour
from filcross.nix import sweep
from filcross.nixpkgs import patch
from filcross.nixpkgs.checkout import open_checkout
from filcross.overlay import write_overlay

if TYPE_CHECKING:
    from filcross.toolchain.layout import Toolchain

pytestmark = [
    pytest.mark.trees,
    pytest.mark.skipif(shutil.which("nix-instantiate") is None, reason="no Nix on this machine"),
]
PACKAGES = [
    "zlib",
    "openssl",
    "curl",
    "bash",
    "coreutils",
    "python3",
    "perl",
    "sqlite",
    "git",
    "libxml2",
    "openssh",
    "gnutar",
    "gnused",
    "gawk",
    "pcre2",
    "nghttp2",
]
TRIPLE = "x86_64-unknown-linux-filc"
# Names are `gcc-13.2.0-TRIPLE` or `TRIPLE-gcc-13.2.0`, by year.
WRONG = re.compile(r"gcc|gfortran|glibc|musl-\d|clang|llvm|compiler-rt|libcxx|binutils-\d|netbsd|libiconv")


@dataclass(frozen=True)
class Tree:
    """A patched copy of a tree, and how to evaluate it."""

    root: Path
    programs: Path
    search_path: str = ""


def programs() -> Path:
    found = shutil.which("nix-instantiate")
    assert found
    return Path(found).parent


def prepare(which: str, folder: Path) -> Tree:
    copy = folder / "tree"
    if which == "corepkgs":
        origin, library = named("FILCROSS_TREE_COREPKGS"), named("FILCROSS_TREE_NIX_LIB")
        new = named("FILCROSS_TREE_NEW_NIX")
        shutil.copytree(origin, copy, symlinks=True)
        (copy / "pins.nix").write_text(f"{{ lib = {library}; }}\n")
        patch.apply(open_checkout(copy))
        return Tree(copy, new)
    if which == "tcmal":
        origin, library = named("FILCROSS_TREE_TCMAL"), named("FILCROSS_TREE_AUX")
        shutil.copytree(origin, copy, symlinks=True)
        shutil.copytree(library / "lib", copy / "lib")
        patch.apply(open_checkout(copy))
        return Tree(copy, programs(), f"auxlib={copy}/lib")
    variable = {"2020": "FILCROSS_TREE_NIXPKGS_2020", "aux": "FILCROSS_TREE_AUX"}[which]
    return Tree(patch.copy_and_patch(open_checkout(named(variable)), copy).checkout.root, programs())


@pytest.mark.parametrize("which", ["2020", "aux", "tcmal", "corepkgs"])
def test_sixteen_packages(which: str, simulator: Toolchain, tmp_path: Path) -> None:
    tree = prepare(which, tmp_path)
    store = tmp_path / "store"
    store.mkdir()
    ordinary = sweep.Question(
        tree.root,
        flavour.REFERENCES["musl"],
        instantiate=str(tree.programs / "nix-instantiate"),
        store=store,
        search_path=tree.search_path,
    )
    musl = sweep.sweep(ordinary, PACKAGES, only="derivation", jobs=1)
    expected = {name for name in PACKAGES if musl[name].outcome == "derivation"}
    assert expected >= set(PACKAGES) - {"openssh"}  # it fails for every platform in three of the trees

    for kind in ("musl", "glibc"):
        overlay = write_overlay(replace(simulator, flavour=kind), tmp_path / f"overlay-{kind}").root
        ours = sweep.sweep(
            replace(ordinary, platform="filc", overlay=overlay), PACKAGES, only="derivation", jobs=1
        )
        lost = {name: ours[name].message for name in expected if ours[name].outcome != "derivation"}
        assert lost == {}
        asked = [answer.derivation for answer in ours.values() if answer.derivation]
        closure = subprocess.run(
            [tree.programs / "nix-store", "-qR", *asked],
            env={**os.environ, **ordinary.environment},
            check=True,
            capture_output=True,
            text=True,
        ).stdout.split()
        names = {Path(path).name[33:] for path in closure if path.endswith(".drv")}
        for_filc = {name for name in names if TRIPLE in name or name.startswith("filc-")}
        assert len(for_filc) > len(expected)
        assert any(name.startswith("filc-libc-") for name in for_filc)
        assert sorted(name for name in for_filc if WRONG.search(name.replace("filc-cc", ""))) == []
