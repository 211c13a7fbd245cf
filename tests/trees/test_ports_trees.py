"""What data/ports.toml says about real trees is true: which ports evaluate there. None breaks anything."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from test_sixteen_packages import prepare

from filcross.nix import sweep
from filcross.overlay import write_overlay
from filcross.ports import catalogue, check

if TYPE_CHECKING:
    from pathlib import Path

    from filcross.toolchain.layout import Toolchain

pytestmark = [
    pytest.mark.trees,
    pytest.mark.skipif(shutil.which("nix-instantiate") is None, reason="no Nix on this machine"),
]
TREES = {"2020": "nixpkgs-2020-10", "aux": "auxolotl-2024-05", "corepkgs": "corepkgs-2026-08"}
WORKS = {check.APPLIES, check.REDUNDANT, check.NOTHING}


@pytest.mark.parametrize("which", TREES)
def test_the_ports_evaluate_where_the_table_says(which: str, simulator: Toolchain, tmp_path: Path) -> None:
    tree = prepare(which, tmp_path)
    ports = replace(catalogue.shipped(), complete=True)
    question = sweep.Question(
        tree.root,
        "filc",
        write_overlay(simulator, tmp_path / "overlay", ports).root,
        instantiate=str(tree.programs / "nix-instantiate"),
        search_path=tree.search_path,
    )
    plain = write_overlay(simulator, tmp_path / "plain", catalogue.NONE).root
    found = check.check(question, ports.ports, plain=plain)
    assert [(one.attribute, one.message) for one in found if one.state == check.FAILS] == []
    works = {one.port for one in found if one.state in WORKS}
    recorded = {port.name for port in ports.ports if TREES[which] in port.proof.evaluates}
    assert works == recorded
    applying = [one for one in found if one.state == check.APPLIES]
    assert len(applying) >= 20
    assert any(one.stale for one in found)
