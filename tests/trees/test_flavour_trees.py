"""What real trees decide for Fil-C packages is what they decide for the platform of the same libc flavour."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from filcross.matrix import flavour_run

pytestmark = [
    pytest.mark.trees,
    pytest.mark.skipif(shutil.which("nix-instantiate") is None, reason="no Nix on this machine"),
]


@pytest.mark.parametrize("kind", ["musl", "glibc"])
def test_every_difference_has_a_reason(kind: str, tmp_path: Path) -> None:
    tree = os.environ.get("FILCROSS_TREE_NIXPKGS_2020")
    if not tree:
        pytest.skip("FILCROSS_TREE_NIXPKGS_2020 names no tree, so THIS TEST DID NOT RUN")
    [result] = flavour_run.run(Path(tree), label="2020", flavours=[kind], folder=tmp_path / "run", jobs=1)
    comparison = result.comparison
    assert comparison.compared >= 200
    assert comparison.unexplained == ()
    # isMusl and the name of the libc decide about these.
    assert not {"bash", "boehmgc", "busybox", "icu58", "libsodium", "pam", "patch"} & comparison.differing
