"""The matrix on two trees, one of them real, and two toolchains: killed twice, it ends as undisturbed."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest
from matrix_world import content, matrix, run_killed
from named_trees import named

if TYPE_CHECKING:
    from pathlib import Path

    from filcross.toolchain.layout import Toolchain

pytestmark = pytest.mark.trees

ATTRIBUTES = ["hello", "lzo", "lzop", "pcre2", "libev", "libestr", "libdaemon", "no-such-package"]
BUILT = {
    "nixpkgs-2020": {"hello", "lzo", "lzop", "libev", "libestr", "libdaemon"},
    "embedded": {"hello", "lzo", "lzop", "pcre2"},
}


def test_a_killed_matrix_of_two_trees_and_two_toolchains_resumes(
    simulator: Toolchain, tmp_path: Path
) -> None:
    tree = named("FILCROSS_TREE_NIXPKGS_2020")
    other = tmp_path / "other-toolchain"
    shutil.copytree(simulator.root, other, symlinks=True)
    (other / "pizfix" / "NOTE").write_text("the same toolchain as another one\n")
    spec = tmp_path / "matrix.toml"
    spec.write_text(
        f"""
[trees.nixpkgs-2020]
nixpkgs = "{tree}"
bootstrap = "host"
seed-suites = ["bullseye"]
[trees.embedded]
nixpkgs = "embedded"
seed-sources = true
[toolchains.simulator]
toolchain = "{simulator.root}"
[toolchains.other]
toolchain = "{other}"
[sets]
all = {json.dumps(ATTRIBUTES)}
[smoke.hello]
run = ["bin/hello"]
prints = "Hello, world!"
[smoke.lzop]
run = ["bin/lzop", "--version"]
prints = "LZO library"
"""
    )
    killed, whole = tmp_path / "killed.sqlite", tmp_path / "whole.sqlite"
    run_killed(spec, killed, (3, 19))
    code, document, said = matrix("run", "--spec", spec, "--ledger", killed)
    assert code == 0, said
    assert "goes on" in said
    results = {cell["cell"]: cell["result"] for cell in document["run"]["cells"]}
    assert len(results) == 4 * len(ATTRIBUTES)
    for tree_name, built in BUILT.items():
        for toolchain in ("simulator", "other"):
            for attribute in ATTRIBUTES:
                result = results[f"{tree_name}/{toolchain}/{attribute}"]
                assert (result["status"] == "pass") >= (attribute in built), result
                assert (result["status"] == "skipped") >= (attribute == "no-such-package"), result
    assert matrix("run", "--spec", spec, "--ledger", whole)[0] == 0
    assert content(killed) == content(whole)
    for ledger in (killed, whole):
        assert matrix("report", "--ledger", ledger, "--output", ledger.with_suffix(".site"))[0] == 0
    first, second = ({p.name for p in ledger.with_suffix(".site").rglob("*")} for ledger in (killed, whole))
    assert first == second
