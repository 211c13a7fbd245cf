"""Packages of every kind of build, in the embedded tree with the simulator."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import overlay_packages as packages
import pytest

from filcross import config, pipeline

if TYPE_CHECKING:
    from pathlib import Path

    from filcross.toolchain.layout import Toolchain

pytestmark = [
    pytest.mark.nix,
    pytest.mark.skipif(shutil.which("nix-build") is None, reason="no Nix on this machine"),
]


@pytest.fixture
def prepared(simulator: Toolchain) -> pipeline.Prepared:
    settings = config.load({"nixpkgs": "embedded", "toolchain": str(simulator.root)})
    return pipeline.prepare(settings, lambda _: None)


def test_version_scripts_in_every_spelling(prepared: pipeline.Prepared) -> None:
    packages.check_versioned(prepared)


def test_flags_that_filc_has_no_use_for(prepared: pipeline.Prepared) -> None:
    packages.check_flags(prepared)


def test_a_static_library_plugins_and_a_generator(prepared: pipeline.Prepared) -> None:
    packages.check_small_programs(prepared)


@pytest.mark.parametrize("builder", ["cmake", "meson"])
def test_cmake_and_meson(builder: str, prepared: pipeline.Prepared) -> None:
    if shutil.which(builder) is None or shutil.which("ninja") is None:
        pytest.skip(f"no {builder} and ninja on this machine, so THIS TEST DID NOT RUN")
    packages.check_counting(prepared, builder)


@pytest.fixture
def with_cxx(cxx_simulator: Toolchain) -> pipeline.Prepared:
    settings = config.load({"nixpkgs": "embedded", "toolchain": str(cxx_simulator.root)})
    return pipeline.prepare(settings, lambda _: None)


def test_cxx_with_make(with_cxx: pipeline.Prepared) -> None:
    packages.check_cxx(with_cxx, "cxx-make")


def test_cxx_with_cmake(with_cxx: pipeline.Prepared) -> None:
    if shutil.which("cmake") is None:
        pytest.skip("no cmake on this machine, so THIS TEST DID NOT RUN")
    packages.check_cxx(with_cxx, "cxx-cmake")


def test_cxx_with_autotools_and_libtool(with_cxx: pipeline.Prepared, shared_folder: Path) -> None:
    packages.check_cxx(with_cxx, "cxx-autotools", source=packages.configured(shared_folder, "cxx"))


def test_autotools_with_libtool(prepared: pipeline.Prepared, shared_folder: Path) -> None:
    packages.check_autotools(prepared, packages.configured(shared_folder))
