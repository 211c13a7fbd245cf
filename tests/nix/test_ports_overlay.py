"""Ports in the overlay, on the embedded tree: versions as in Nix, what a port changes and what it leaves."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from command_line import run

from filcross import config, overlay, pipeline, resources
from filcross.nix import evaluate, sweep
from filcross.nix.command import find_nix
from filcross.ports import catalogue, check
from filcross.ports.versions import compare, parse_range

if TYPE_CHECKING:
    from filcross.toolchain.layout import Toolchain

pytestmark = [
    pytest.mark.nix,
    pytest.mark.skipif(shutil.which("nix-instantiate") is None, reason="no Nix on this machine"),
]
AWKWARD = [
    *(
        "10.3p1",
        "10.3",
        "10.3p2",
        "8.3p1",
        "1.1.1g",
        "1.1.1",
        "1.1.1h",
        "2.4pre1",
        "2.4",
        "2.4pre",
        "2.3",
        "2.4.1",
    ),
    *("2.4rc1", "2.4-rc1", "2.4-pre2", "20240808-3.1", "2024-02-14", "unstable-2026-09-05", "2147483647"),
    *(
        "2147483648",
        "99999999999",
        "99999999998",
        "1.01",
        "1.1",
        "a",
        "b",
        "1.a",
        "1.3.0",
        "1.3",
        "1..3",
        "1-3",
    ),
    *(".1", "1.", "1.0~rc1", "1.0+git", "1.0_1", "pre", "1pre", "4.9-prerelease", "1.2prefix", "1.2p", "0"),
    *("1_0", "007", "v1.2", ""),
]
RANGES = ["1.3", ">= 1.1.1, < 2.4", "!= 10.3p1", "> 2.4pre1, <= 2.4", "< 1.1.1h", ">= 2024-02-14"]


def test_python_compares_as_nix_does(repo_root: Path) -> None:
    versions = AWKWARD
    ranges = [parse_range(text) for text in RANGES]
    rows = [[{"operator": op, "version": version} for op, version in one.conditions] for one in ranges]
    found = find_nix(host_tools=False).evaluate_json(
        repo_root / "tests" / "data" / "ports" / "compare.nix",
        arguments={
            "versions": json.dumps(versions),
            "ranges": json.dumps([*rows, None]),
            "inRange": str(resources.overlays_dir() / "ports" / "versions.nix"),
        },
    )
    assert found["orders"] == [[compare(one, other) for other in versions] for one in versions]
    expected = [[one.holds(version) for version in versions] for one in ranges]
    assert found["within"] == [*expected, [True] * len(versions)]
    assert any(True in row for row in expected)
    assert any(False in row for row in expected)


@pytest.fixture
def prepared(simulator: Toolchain) -> pipeline.Prepared:
    settings = config.load({"nixpkgs": "embedded", "toolchain": str(simulator.root)})
    return pipeline.prepare(settings, lambda _: None)


def with_ports(prepared: pipeline.Prepared, folder: Path, ports: dict[str, Any]) -> evaluate.PackageSet:
    """Return the embedded tree with an overlay that has these ports and no others."""
    tables = [(str(folder / "filcross.toml"), {"enabled": False, **ports})]
    chosen = replace(catalogue.with_users(tables), complete=True)
    written = overlay.write_overlay(prepared.toolchain, folder / "overlay", chosen)
    return evaluate.PackageSet(prepared.tree, written.root, "nixpkgs")


def attributes_of(
    prepared: pipeline.Prepared, packages: evaluate.PackageSet, *names: str
) -> dict[str, dict[str, Any]]:
    """Return what the derivations of packages say."""
    question = replace(pipeline.question(prepared), overlay=packages.overlay)
    answers = sweep.sweep(question, names)
    assert {answer.outcome for answer in answers.values()} == {"derivation"}
    return {name: dict(answer.decisions) for name, answer in answers.items()}


def test_a_port_changes_its_package_and_no_other_platform(
    prepared: pipeline.Prepared, tmp_path: Path, repo_root: Path
) -> None:
    (tmp_path / "own.patch").write_text("--- a/x\n+++ b/x\n")
    packages = with_ports(
        prepared,
        tmp_path,
        {
            "pcre2": {
                "configure": {"add": ["--enable-rebuild-chartables"], "remove": ["--disable-j*"]},
                "make": ["V=1"],
                "cflags": ["-DFILCROSS_PORT"],
                "skip-check": "a test",
                "native-build-inputs": ["perl"],
                "set": {"enableParallelBuilding": False},
                "override": {"noSuchArgument": True},
                "when": [
                    {"versions": ">= 10, < 11", "patches": [{"path": "own.patch"}]},
                    {"versions": "< 10", "configure": ["--never"]},
                ],
            },
            "not-in-this-tree": {"cflags": ["-O1"]},
        },
    )
    bare = with_ports(prepared, tmp_path / "bare", {})
    before, after = (attributes_of(prepared, one, "pcre2", "lzo") for one in (bare, packages))
    assert before["lzo"] == after["lzo"]
    pcre2 = after["pcre2"]
    assert "--enable-rebuild-chartables" in pcre2["configureFlags"]
    assert "--disable-jit" in before["pcre2"]["configureFlags"]
    assert {"--disable-jit", "--never"}.isdisjoint(pcre2["configureFlags"])
    assert "-DFILCROSS_PORT" in pcre2["NIX_CFLAGS_COMPILE"]
    assert pcre2["makeFlags"][-1] == "V=1"
    assert pcre2["patches"][-1].endswith("own.patch")
    assert pcre2["doCheck"] is False
    assert "perl" in pcre2["nativeBuildInputs"][-1]

    found = prepared.nix.evaluate_json(
        repo_root / "tests" / "data" / "overlay" / "identity.nix",
        arguments={
            "pristine": str(resources.embedded_tree_dir()),
            "patched": str(prepared.tree),
            "overlay": str(packages.overlay),
            "names": json.dumps(["hello", "nginx", "pcre2", "stdenv"]),
            "sets": json.dumps([[]]),
            "tools": json.dumps(["hello", "pcre2", "stdenv"]),
        },
    )
    assert (found["changed"], found["changedTools"]) == ([], [])


def test_check_tells_the_states_apart(prepared: pipeline.Prepared, tmp_path: Path) -> None:
    lacking = {"url": "https://example.org/a.patch", "hash": "0" * 64}
    ports = {
        "pcre2": {"configure": ["--one-more"], "needs": ["luck"]},
        "nginx": {"when": [{"versions": "< 1", "patches": [lacking]}]},
        "hello": {"set": {"doNothing": "x"}, "override": {"nothing": 1}},
        "lzo": {"broken": "a test", "refuse": True},
        "lzop": {"note": "as it is"},
        "not-in-this-tree": {"cflags": ["-O1"]},
        "gettext": {"cflags": ["-O1"]},
        "bash": {"cflags": ["-O1"]},
    }
    packages = with_ports(prepared, tmp_path, ports)
    plain = overlay.write_overlay(prepared.toolchain, tmp_path / "plain", catalogue.NONE).root
    question = replace(pipeline.question(prepared), overlay=packages.overlay)
    tables = [(str(tmp_path / "filcross.toml"), {"enabled": False, **ports})]
    mine = catalogue.with_users(tables)
    found = {one.attribute: one for one in check.check(question, mine.ports, plain=plain)}
    assert {name: one.state for name, one in found.items()} == {
        "pcre2": check.APPLIES,
        "nginx": check.OTHER_VERSION,
        "hello": check.APPLIES,
        "lzo": check.FAILS,
        "lzop": check.FAILS,  # it links lzo
        "not-in-this-tree": check.LACKING,
        "gettext": check.LACKING,
        "bash": check.TREE_FAILS,  # a tool of the machine, in this tree
    }
    assert found["pcre2"].applied == ("configure: --one-more",)
    assert found["nginx"].stale == ("a.patch is for < 1",)
    assert found["hello"].missing == ("argument nothing",)
    assert "a test" in found["lzo"].message


def test_pins_replace_the_version_and_bring_its_patches(prepared: pipeline.Prepared, tmp_path: Path) -> None:
    port = {
        "pin": {"version": "10.44", "url": "https://example.org/pcre2-10.44.tar.bz2", "hash": "0" * 64},
        "when": [{"versions": "10.44", "cflags": ["-DPINNED"]}],
    }
    free = attributes_of(prepared, with_ports(prepared, tmp_path / "free", {"pcre2": port}), "pcre2")
    assert "-DPINNED" not in free["pcre2"].get("NIX_CFLAGS_COMPILE", "")
    for name, table in {
        "one": {"pcre2": {**port, "pinned": True}},
        "all": {"pins": True, "pcre2": port},
    }.items():
        pinned = attributes_of(prepared, with_ports(prepared, tmp_path / name, table), "pcre2")["pcre2"]
        assert pinned["version"] == "10.44"
        assert pinned["src"].endswith("-pcre2-10.44.tar.bz2")
        assert "-DPINNED" in pinned["NIX_CFLAGS_COMPILE"]


def test_build_says_what_a_port_cannot_do(prepared: pipeline.Prepared, tmp_path: Path) -> None:
    later = {"url": "https://example.org/a.patch", "hash": "0" * 64}
    ports = {"pcre2": {"needs": ["a larger stack"], "when": [{"versions": "> 99", "patches": [later]}]}}
    packages = with_ports(prepared, tmp_path, ports)
    said: list[str] = []
    evaluate.derivations(prepared.nix, packages, ["nginx"], roots=tmp_path / "roots", warn=said.append)
    assert len(said) == 2
    assert said[0].startswith("port of pcre2 10.")
    assert said[0].endswith(": a larger stack")
    assert "for other versions: pcre2 10." in said[1]
    assert "> 99" in said[1]
    beside: list[str] = []
    _, (failure,) = evaluate.derivations(
        prepared.nix, packages, ["gcc", "nginx"], roots=tmp_path / "roots", warn=beside.append
    )
    assert failure.attribute == "gcc"
    assert beside == said


def test_fetched_patches_are_not_for_the_simulator(prepared: pipeline.Prepared, tmp_path: Path) -> None:
    (tmp_path / "own.patch").write_text("--- a/x\n+++ b/x\n")
    remote = {"url": "https://example.org/a.patch", "hash": "0" * 64}
    table = {"enabled": False, "pcre2": {"patches": [remote, {"path": "own.patch"}]}}
    ports = catalogue.with_users([(str(tmp_path / "filcross.toml"), table)])
    for complete, expected in ((False, ["own.patch"]), (True, ["a.patch", "own.patch"])):
        place = tmp_path / str(complete)
        root = overlay.write_overlay(prepared.toolchain, place, replace(ports, complete=complete)).root
        packages = evaluate.PackageSet(prepared.tree, root, "nixpkgs")
        patches = attributes_of(prepared, packages, "pcre2")["pcre2"]["patches"]
        assert [Path(patch).name.split("-", 1)[-1] for patch in patches] == expected


OWN_PATCH = """\
--- a/AUTHORS
+++ b/AUTHORS
@@ -1,1 +1,1 @@
-Authors of the LZO data compression library:
+Authors of LZO, by a patch of the project:
"""
OWN_PORT = """\
[ports.lzo]
broken = "once, with another Fil-C"

[[ports.lzo.patches]]
path = "own.patch"

[[ports.lzo.substitute]]
files = ["NEW*", "nowhere"]
old = "Improve CMake build support."
new = 'Improved by "ports" & \\1 $HOME'
"""


def test_a_port_of_the_project_is_built(simulator: Toolchain, tmp_path: Path) -> None:
    (tmp_path / "own.patch").write_text(OWN_PATCH)
    (tmp_path / "filcross.toml").write_text(OWN_PORT)
    done = run(
        *("build", "lzo", "--nixpkgs", "embedded", "--toolchain", simulator.root, "--seed-sources", "--json"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    [warning] = document["warnings"]
    assert warning.endswith(": once, with another Fil-C")
    assert f"warning: {warning}" in done.stderr
    documents = Path(document["packages"][0]["outputs"]["out"]) / "share" / "doc" / "lzo"
    assert (documents / "AUTHORS").read_text().startswith("Authors of LZO, by a patch of the project:\n")
    assert '  * Improved by "ports" & \\1 $HOME\n' in (documents / "NEWS").read_text()

    (tmp_path / "filcross.toml").write_text(OWN_PORT.replace("Improve CMake", "Improve autoconf"))
    done = run(
        *("build", "lzo", "--nixpkgs", "embedded", "--toolchain", simulator.root, "--no-out-link"),
        cwd=tmp_path,
    )
    assert done.returncode == 6
    assert "nothing in NEW* nowhere holds: Improve autoconf build support." in done.stderr


def test_the_command_checks_the_embedded_tree(simulator: Toolchain, tmp_path: Path) -> None:
    words = ("--nixpkgs", "embedded", "--toolchain", simulator.root, "--json")
    done = run("ports", "check", "lzo", "pcre2", "zlib", *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    states = {one["attribute"]: one["state"] for one in document["findings"]}
    assert states == {"lzo": "applies", "pcre2": "nothing to change", "zlib": "not in the tree"}
    none = run("ports", "check", "zlib", *words, cwd=tmp_path)
    assert (none.returncode, json.loads(none.stdout)["exit_code"]) == (4, 4)
    (tmp_path / "filcross.toml").write_text('[ports.lzo]\nbroken = "a test"\nrefuse = true\n')
    refused = run("ports", "check", "lzo", *words, cwd=tmp_path)
    assert refused.returncode == 1
    assert "fails: lzo" in refused.stderr
