"""Nothing but Fil-C changes: the derivations with and without the edits and the overlay."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import filcross
from filcross import resources
from filcross.nix import command
from filcross.nixpkgs import identity, patch
from filcross.nixpkgs.checkout import open_checkout
from filcross.overlay import write_overlay

if TYPE_CHECKING:
    from filcross.toolchain.layout import Toolchain

pytestmark = pytest.mark.nix


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return Path(shutil.copytree(resources.embedded_tree_dir(), tmp_path / "tree"))


def test_every_attribute_is_the_same(tree: Path, simulator: Toolchain, tmp_path: Path) -> None:
    overlay = write_overlay(simulator, tmp_path / "overlay").root
    nix = command.find_nix(host_tools=False)
    checkout = open_checkout(tree)
    told: list[str] = []
    for state in (patch.State.PRISTINE, patch.State.PATCHED):
        assert patch.plan(checkout).state is state
        native, cross = identity.prove_identity(checkout, overlay, nix, everything=True, tell=told.append)
        assert native.name == "native"
        assert cross.name == "pkgsCross.musl64"
        assert native.differences == cross.differences == ()
        assert native.derivations > 10
        assert patch.plan(checkout).state is state
        patch.apply(checkout)


def test_an_overlay_that_changes_others_is_caught(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "overlay").mkdir()
    (tmp_path / "overlay" / "default.nix").write_text(
        "final: prev: { hello = prev.hello.overrideAttrs (_: { changed = true; }); }\n"
    )
    nix = command.find_nix(host_tools=False)
    native, cross = identity.prove_identity(
        open_checkout(tree), tmp_path / "overlay", nix, everything=False, tell=lambda _: None
    )
    (difference,) = native.differences
    assert difference.attribute == "hello"
    assert difference.without != difference.with_edits
    assert (
        cross.differences == ()
    )  # the embedded tree has no compiler for musl, so hello has no derivation there


def test_what_ends_an_evaluation_does_not_end_the_comparison(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "overlay").mkdir()
    (tmp_path / "overlay" / "default.nix").write_text(
        'final: prev: { nginx = abort "no"; perl = throw "no"; hello = prev.nothing; }\n'
    )
    nix = command.find_nix(host_tools=False)
    native, _ = identity.prove_identity(
        open_checkout(tree), tmp_path / "overlay", nix, everything=False, tell=lambda _: None
    )
    after = {one.attribute: one.with_edits for one in native.differences}
    assert after["nginx"] == after["hello"] == "failed"
    assert after["perl"] == "refused"


def test_the_command(tree: Path, simulator: Toolchain) -> None:
    asked = ["patch-nixpkgs", str(tree), "--prove-identity", "--json", "--quiet"]
    done = subprocess.run(
        [sys.executable, "-c", "from filcross.cli import main; main()", *asked],
        env={
            **os.environ,
            "PYTHONPATH": str(Path(filcross.__file__).resolve().parent.parent),
            "FILCROSS_TOOLCHAIN": str(simulator.root),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert [one["name"] for one in document["sets"]] == ["native", "pkgsCross.musl64"]
    assert all(one["differences"] == [] for one in document["sets"])
