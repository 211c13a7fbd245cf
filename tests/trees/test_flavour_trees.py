"""What real trees decide for Fil-C packages is what they decide for the platform of the same libc flavour."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from filcross.matrix import flavour_run
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


def tree() -> Path:
    value = os.environ.get("FILCROSS_TREE_NIXPKGS_2020")
    if not value:
        pytest.skip("FILCROSS_TREE_NIXPKGS_2020 names no tree, so THIS TEST DID NOT RUN")
    return Path(value)


@pytest.mark.parametrize("kind", ["musl", "glibc"])
def test_every_difference_has_a_reason(kind: str, tmp_path: Path) -> None:
    [result] = flavour_run.run(tree(), label="2020", flavours=[kind], folder=tmp_path / "run", jobs=1)
    comparison = result.comparison
    assert comparison.compared >= 200
    assert comparison.unexplained == ()
    # isMusl and the name of the libc decide about these.
    assert not {"bash", "boehmgc", "busybox", "icu58", "libsodium", "pam", "patch"} & comparison.differing


def test_recipes_that_want_another_compiler_get_filc_or_nothing(simulator: Toolchain, tmp_path: Path) -> None:
    copy = patch.copy_and_patch(open_checkout(tree()), tmp_path / "tree").checkout.root
    store = tmp_path / "store"
    store.mkdir()
    question = sweep.Question(copy, "filc", write_overlay(simulator, tmp_path / "overlay").root, store=store)
    # Of php: llvmPackages_6.stdenv where the compiler is a clang. Of sl: gccStdenv.
    found = sweep.sweep(question, ["php", "sl", "openblas"], only="derivation", jobs=1)
    assert found["openblas"].outcome == "refused"
    asked = [found[name].derivation for name in ("php", "sl")]
    closure = subprocess.run(
        ["nix-store", "-qR", *asked],
        env={**os.environ, **question.environment},
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    compilers = {
        name
        for name in (Path(path).name[33:] for path in closure)
        if name.startswith("x86_64-unknown-linux-filc-") and ("gcc" in name or "clang" in name)
    }
    assert compilers == set()
    assert any("x86_64-unknown-linux-filc-filc-cc-wrapper" in path for path in closure)
