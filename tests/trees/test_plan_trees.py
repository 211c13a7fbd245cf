"""Plans and surveys of real trees: which languages the graph shows, and what evaluates."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from named_trees import named

from filcross import config, pipeline
from filcross.matrix import survey
from filcross.nix import graph, languages

if TYPE_CHECKING:
    from filcross.pipeline import Prepared
    from filcross.toolchain.layout import Toolchain

pytestmark = [
    pytest.mark.trees,
    pytest.mark.skipif(shutil.which("nix-instantiate") is None, reason="no Nix on this machine"),
]


def prepared(variable: str, simulator: Toolchain) -> Prepared:
    flags = {"nixpkgs": str(named(variable)), "toolchain": str(simulator.root)}
    return pipeline.prepare(config.load(flags), lambda _: None)


def names(path: tuple[str, ...]) -> list[str]:
    return [graph.title(item) for item in path]


def test_rust_in_mercurial_of_2024_is_named_before_anything_is_built(simulator: Toolchain) -> None:
    ready = prepared("FILCROSS_TREE_AUX", simulator)
    found, failures = pipeline.plan(ready, ["mercurial", "git"])
    assert failures == ()
    assert {item.language for item in found.boundaries} == {"rust"}
    assert {item.attributes for item in found.boundaries} == {("mercurial",)}
    assert names(found.boundaries[0].path) == ["mercurial-6.6.3"]
    assert found.counts["filc"].all > 40
    with pytest.raises(languages.LanguageError, match="mercurial would hold Rust code"):
        pipeline.build(ready, ["mercurial"])


def test_languages_and_failures_of_2020(simulator: Toolchain) -> None:
    ready = prepared("FILCROSS_TREE_NIXPKGS_2020", simulator)
    filc = pipeline.question(ready)
    asked = {
        "ripgrep": ("rust",),
        "librsvg": ("rust",),
        "hugo": ("go",),
        "unison": ("ocaml",),
        "dtools": ("d",),
        "git": (),
        "nginx": (),
        "zig": (),
        "boost155": (),  # its recipe refuses a clang, as which it is not called
    }
    refused = ["R", "openblas"]
    found = survey.run(
        filc, replace(filc, platform="musl64"), [*asked, *refused, "pandoc"], decisions=False, jobs=2
    )
    assert found.reference is not None
    assert {name: found.filc.languages.get(name, ()) for name in asked} == asked
    assert set(refused) <= set(found.filc.refused) & set(found.reference.refused)
    assert found.filc.failures["pandoc"].kind == found.reference.failures["pandoc"].kind == "syntax"
    assert found.only_filc == ()
    assert found.ratio == 1
