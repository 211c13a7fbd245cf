"""The embedded tree's platforms: names taken apart, elaborated, compared and refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from filcross.nix.command import Nix, find_nix
from filcross.resources import embedded_tree_dir

pytestmark = pytest.mark.nix
EXPRESSION = Path(__file__).resolve().parent.parent / "data" / "embedded" / "platforms.nix"

# name: (config, system, libc, shared library's ending)
PLATFORMS = {
    "x86_64-linux": ("x86_64-unknown-linux-gnu", "x86_64-linux", "glibc", ".so"),
    "x86_64-linux-musl": ("x86_64-unknown-linux-musl", "x86_64-linux", "musl", ".so"),
    "x86_64-unknown-linux-musl": ("x86_64-unknown-linux-musl", "x86_64-linux", "musl", ".so"),
    "x86_64-unknown-linux-uclibc": ("x86_64-unknown-linux-uclibc", "x86_64-linux", "uclibc", None),
    "i686-linux": ("i686-unknown-linux-gnu", "i686-linux", "glibc", ".so"),
    "aarch64-linux": ("aarch64-unknown-linux-gnu", "aarch64-linux", "glibc", ".so"),
    "aarch64-unknown-linux-android": ("aarch64-unknown-linux-android", "aarch64-linux", "bionic", ".so"),
    "armv7l-linux": ("armv7l-unknown-linux-gnueabihf", "armv7l-linux", "glibc", ".so"),
    "armv7l-unknown-linux-musleabihf": ("armv7l-unknown-linux-musleabihf", "armv7l-linux", "musl", ".so"),
    "arm64-apple-darwin": ("arm64-apple-darwin", "aarch64-darwin", "libSystem", ".dylib"),
    "x86_64-unknown-freebsd": ("x86_64-unknown-freebsd", "x86_64-freebsd", "fblibc", ".so"),
    "x86_64-w64-mingw32": ("x86_64-w64-windows-gnu", "x86_64-windows", "msvcrt", ".dll"),
    "aarch64-none-elf": ("aarch64-unknown-none-elf", "aarch64-none", "newlib", None),
    "wasm32-unknown-wasi": ("wasm32-unknown-wasi", "wasm32-wasi", "wasilibc", None),
}


@pytest.fixture(scope="module")
def nix() -> Nix:
    return find_nix(host_tools=True)


def _evaluate(nix: Nix, attribute: str, *, of: str = "") -> Any:
    expression = f"(import {EXPRESSION} {{ tree = {embedded_tree_dir()}; }}).{attribute} {of}"
    return json.loads(nix.run("nix-instantiate", "--eval", "--strict", "--json", "-E", expression).stdout)


def _refusal(nix: Nix, attribute: str, *, of: str) -> str:
    expression = f"(import {EXPRESSION} {{ tree = {embedded_tree_dir()}; }}).{attribute} {of}"
    done = nix.run("nix-instantiate", "--eval", "--strict", "-E", expression, check=False)
    assert done.exit_code != 0
    return done.stderr


def test_elaborates(nix: Nix) -> None:
    names = " ".join(f'"{name}"' for name in PLATFORMS)
    described = _evaluate(nix, "described", of=f"[ {names} ]")
    found = {name: (p["config"], p["system"], p["libc"], p["shared"]) for name, p in described.items()}
    # A triple that says mingw32 is kept as it was given.
    expected = {
        **PLATFORMS,
        "x86_64-w64-mingw32": ("x86_64-w64-windows-gnu", "x86_64-windows", "msvcrt", ".dll"),
    }
    assert found == expected
    assert described["x86_64-linux-musl"]["isMusl"]
    assert not described["x86_64-linux-musl"]["isGnu"]
    assert described["x86_64-linux"]["isGnu"]
    assert not described["x86_64-unknown-linux-uclibc"]["hasSharedLibraries"]


def test_examples_are_cross_sets(nix: Nix) -> None:
    examples = _evaluate(nix, "examples")
    assert set(examples) == set(_evaluate(nix, "pkgsCross"))
    assert examples["musl64"]["config"] == "x86_64-unknown-linux-musl"
    assert examples["mingwW64"]["config"] == "x86_64-w64-mingw32"
    assert {name for name, p in examples.items() if p["isMusl"]} >= {"musl64", "musl32"}


def test_comparisons(nix: Nix) -> None:
    assert _evaluate(nix, "equalities") == {"sameName": True, "otherLibc": False}
    assert _evaluate(nix, "runs") == {"i686": True, "musl": True, "aarch64": False, "darwin": False}
    assert _evaluate(nix, "given") == "newlib"
    assert {"x86_64-linux", "aarch64-linux"} <= set(_evaluate(nix, "linuxDoubles"))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("armv7l-unknown-linux-gnu", 'use "gnueabi" or "gnueabihf"'),
        ("armv7l-unknown-linux-android", '"androideabi"'),
        ("x86_64-unknown-linux-nosuchabi", "Unknown ABI: nosuchabi"),
        ("x86_64-unknown-nosuchkernel-gnu", "Unknown kernel: nosuchkernel"),
        ("nosuchcpu-linux", "Unknown CPU type: nosuchcpu"),
        ("x86_64-foo-bar", "with 3 parts is ambiguous"),
        ("x86_64", "has 1 parts"),
    ],
)
def test_refuses(nix: Nix, name: str, message: str) -> None:
    assert message in _refusal(nix, "elaborate", of=f'"{name}"')


def test_knows_nothing_of_its_use() -> None:
    word = "fil" + "c"
    for path in embedded_tree_dir().rglob("*"):
        assert word not in path.name.lower()
        if path.is_file():
            text = path.read_text(encoding="utf-8").lower()
            assert word not in text, path
            assert "fil-c" not in text, path
