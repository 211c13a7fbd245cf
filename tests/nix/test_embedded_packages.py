"""The embedded tree's packages before they are built: overrides, stages, splicing, refusals, host tools."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from filcross.nix.command import Nix, find_nix
from filcross.resources import embedded_tree_dir

pytestmark = pytest.mark.nix
EXPRESSION = Path(__file__).resolve().parent.parent / "data" / "embedded" / "packages.nix"
NATIVE = "x86_64-unknown-linux-gnu"
MUSL = "x86_64-unknown-linux-musl"

REFUSALS = {
    "libc": "Unknown libc uclibc",
    "musl": f"this package set has no GCC for {MUSL}",
    "tool": "perl is a tool of the machine that builds",
    "hardening": "unknown hardening flags: everything",
    "dependency": "Dependency of type int in buildInputs",
    "structured": "__structuredAttrs is not supported",
    "argument": "asks for noSuchPackage, which this package set does not have",
    "broken": "marked as broken",
    "elsewhere": f"is not available on {NATIVE}",
    "overlays": "must be a list of overlays",
    "hashless": "must have exactly one hash",
    "mirror": "unknown mirror:// site nowhere",
}


@pytest.fixture(scope="module")
def nix() -> Nix:
    return find_nix(host_tools=True)


def _expression(attribute: str) -> str:
    return f"(import {EXPRESSION} {{ tree = {embedded_tree_dir()}; }}).{attribute}"


def _evaluate(nix: Nix, attribute: str) -> Any:
    done = nix.run("nix-instantiate", "--eval", "--strict", "--json", "-E", _expression(attribute))
    return json.loads(done.stdout)


def test_overrides(nix: Nix) -> None:
    assert _evaluate(nix, "names") == {
        "plain": "hello-2.10",
        "overridden": "other-2.10",
        "ofOld": "very-hello-2.10",
        "ofFinal": "hello-3.tar.gz",
        "twice": "hello-3.1",
        "afterOverride": "kept-2.10",
        "overlay": "hello-twice-2.10",
        "extended": "extended",
        "crossBuilt": f"hello-{MUSL}-2.10",
        "crossSource": "hello-2.10.tar.gz",
    }
    assert _evaluate(nix, "packageOverrides") == "lzo"


def test_cross_compiling_changes_nothing_native(nix: Nix) -> None:
    assert _evaluate(nix, "sameSource")
    assert _evaluate(nix, "sameNative")
    assert _evaluate(nix, "gnu64IsNative")
    assert _evaluate(nix, "path")


def test_stages(nix: Nix) -> None:
    assert _evaluate(nix, "stages") == {
        "pkgsBuildBuild": [NATIVE, NATIVE],
        "pkgsBuildHost": [NATIVE, MUSL],
        "pkgsBuildTarget": [NATIVE, MUSL],
        "pkgsHostTarget": [MUSL, MUSL],
        "buildPackages": [NATIVE, MUSL],
    }
    assert _evaluate(nix, "crossOverlay") == [True, False]
    assert _evaluate(nix, "replaced") == "hello-2.10"


def test_splicing_takes_each_list_from_its_stage(nix: Nix) -> None:
    assert _evaluate(nix, "spliced") == {"native": True, "host": True}


def test_cross_builds_are_told_the_platform(nix: Nix) -> None:
    flags = _evaluate(nix, "flags")
    assert flags == {"cross": [f"--build={NATIVE}", f"--host={MUSL}"], "native": []}
    assert _evaluate(nix, "strict") == {"cross": True, "native": False}
    assert _evaluate(nix, "hooks") == {
        "native": ["patchelf-host"],
        "musl": ["patchelf-host", "update-autotools-gnu-config-scripts-hook"],
    }


def test_checks_run_where_programs_do(nix: Nix) -> None:
    assert _evaluate(nix, "checks") == {"native": True, "musl": True, "aarch64": False}
    assert _evaluate(nix, "platforms") == ["x86_64-linux"]


def test_mirrors(nix: Nix) -> None:
    urls = _evaluate(nix, "mirrors")
    assert len(urls) > 1
    assert all(url.startswith("https://") and url.endswith("/hello/hello-2.10.tar.gz") for url in urls)


@pytest.mark.parametrize("case", sorted(REFUSALS))
def test_refuses_with_a_sentence(nix: Nix, case: str) -> None:
    done = nix.run("nix-instantiate", "--eval", "-E", _expression(f"refused.{case}"), check=False)
    assert done.exit_code != 0
    assert REFUSALS[case] in done.stderr


def test_host_tools_carry_a_fingerprint(nix: Nix, tmp_path: Path) -> None:
    def derivation() -> str:
        return str(_evaluate(nix, f"hostTool [ {json.dumps(str(tmp_path))} ]"))

    # The shell that links the tools is found the same way.
    (tmp_path / "bash").symlink_to("/bin/bash")
    wanted = _expression(f'hostTool [ "{tmp_path}" ]')
    done = nix.run("nix-instantiate", "--eval", "-E", wanted, check=False)
    assert done.exit_code != 0
    assert f"this machine has no `probe' in {tmp_path}" in done.stderr
    assert "apt-get install probe-package" in done.stderr

    (tmp_path / "probe").write_text("one")
    first = derivation()
    assert derivation() == first
    (tmp_path / "probe").write_text("two")
    assert derivation() != first
    (tmp_path / "probe").write_text("one")
    assert derivation() == first


def test_evaluates_without_building(nix: Nix) -> None:
    """No import from derivation: every package has a derivation when nothing can be built."""
    done = nix.run(
        "nix-instantiate",
        "--option",
        "allow-import-from-derivation",
        "false",
        "--readonly-mode",
        embedded_tree_dir(),
        *(word for name in ("hello", "lzo", "lzop", "nginx", "pcre2", "stdenv") for word in ("-A", name)),
    )
    assert len(done.stdout.split()) == 6
