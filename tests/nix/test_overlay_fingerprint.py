"""A host tool's derivation depends on the contents of the tool, so no other machine shares it by accident."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest

from filcross import resources
from filcross.nix import command

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.nix,
    pytest.mark.skipif(shutil.which("nix-instantiate") is None, reason="no Nix on this machine"),
]


def examine(folder: Path, repo_root: Path) -> dict[str, Any]:
    answer: dict[str, Any] = command.find_nix(host_tools=True).evaluate_json(
        repo_root / "tests" / "data" / "overlay" / "fingerprint.nix",
        arguments={
            "tools": str(resources.overlays_dir() / "host" / "tools.nix"),
            "tree": str(resources.embedded_tree_dir()),
            "folder": str(folder),
        },
    )
    return answer


def test_the_fingerprint_follows_the_program(tmp_path: Path, repo_root: Path) -> None:
    tool = tmp_path / "some-tool"
    tool.write_text("#!/bin/sh\necho one\n")
    before = examine(tmp_path, repo_root)
    assert examine(tmp_path, repo_root) == before
    tool.write_text("#!/bin/sh\necho two\n")
    after = examine(tmp_path, repo_root)
    assert before["fingerprint"] != after["fingerprint"]
    assert before["drvPath"] != after["drvPath"]
    assert before["filcrossHostBootstrap"] == "1"


def test_a_program_that_the_host_lacks_is_a_failure_that_can_be_caught(
    tmp_path: Path, repo_root: Path
) -> None:
    (tmp_path / "some-tool").write_text("")
    assert examine(tmp_path, repo_root)["absent"] == {"success": False, "value": False}
