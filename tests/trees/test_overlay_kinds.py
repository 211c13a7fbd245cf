"""Packages of every kind of build in real trees, with a build side made of this machine's tools."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import overlay_packages as packages
import pytest
from named_trees import named

from filcross import config, pipeline

if TYPE_CHECKING:
    from pathlib import Path

    from filcross.toolchain.layout import Toolchain

pytestmark = [
    pytest.mark.trees,
    pytest.mark.skipif(shutil.which("nix-build") is None, reason="no Nix on this machine"),
]


def prepare(variable: str, simulator: Toolchain) -> pipeline.Prepared:
    tree = str(named(variable))
    settings = config.load({"nixpkgs": tree, "toolchain": str(simulator.root), "bootstrap": "host"})
    return pipeline.prepare(settings, lambda _: None)


@pytest.fixture
def prepared(simulator: Toolchain) -> pipeline.Prepared:
    return prepare("FILCROSS_TREE_NIXPKGS_2020", simulator)


def test_version_scripts_and_flags(prepared: pipeline.Prepared) -> None:
    packages.check_versioned(prepared)
    packages.check_flags(prepared)


def test_a_static_library_plugins_and_a_generator(prepared: pipeline.Prepared) -> None:
    packages.check_small_programs(prepared)


@pytest.mark.parametrize("builder", ["cmake", "meson"])
def test_cmake_and_meson_with_the_trees_own_hooks(builder: str, prepared: pipeline.Prepared) -> None:
    if shutil.which(builder) is None or shutil.which("ninja") is None:
        pytest.skip(f"no {builder} and ninja on this machine, so THIS TEST DID NOT RUN")
    packages.check_counting(prepared, builder)


def test_autotools_with_libtool(prepared: pipeline.Prepared, shared_folder: Path) -> None:
    packages.check_autotools(prepared, packages.configured(shared_folder))


def test_cxx(cxx_simulator: Toolchain, shared_folder: Path) -> None:
    prepared = prepare("FILCROSS_TREE_NIXPKGS_2020", cxx_simulator)
    packages.check_cxx(prepared, "cxx-make")
    packages.check_cxx(prepared, "cxx-cmake")
    packages.check_cxx(prepared, "cxx-autotools", source=packages.configured(shared_folder, "cxx"))


def test_structured_attributes(simulator: Toolchain) -> None:
    """The builder of 2020 knows no `__structuredAttrs`; that of 2024 does."""
    packages.check_structured(prepare("FILCROSS_TREE_AUX", simulator))
