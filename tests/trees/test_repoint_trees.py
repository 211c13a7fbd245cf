"""Packages of the October 2020 tree with sources of Debian: they build, link each other and run."""

from __future__ import annotations

import fcntl
import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from named_trees import named

from filcross import config, pipeline, sources
from filcross.nix import evaluate

if TYPE_CHECKING:
    from filcross.toolchain.layout import Toolchain

pytestmark = [
    pytest.mark.trees,
    pytest.mark.skipif(shutil.which("nix-build") is None, reason="no Nix on this machine"),
]
OVERLAY = Path(__file__).resolve().parent.parent / "data" / "repoint"
LINKED = ["zlib", "libpng", "oniguruma", "jq", "libogg", "libvorbis", "lzo", "lzop"]


@pytest.fixture(scope="module")
def prepared(simulator: Toolchain) -> pipeline.Prepared:
    flags = {
        "nixpkgs": str(named("FILCROSS_TREE_NIXPKGS_2020")),
        "toolchain": str(simulator.root),
        "bootstrap": "host",
        "overlays": str(OVERLAY),
    }
    return pipeline.prepare(config.load(flags), lambda _: None)


def test_every_entry_says_what_it_gives_up_and_why() -> None:
    declared = json.loads((OVERLAY / "2020.json").read_text())["packages"]
    assert list(declared) == sorted(declared)
    known = {
        "version",
        "instead_of",
        "url",
        "sha256",
        "repacked",
        "why",
        "build_side",
        "recipe",
        "autoreconf",
        "subfolder",
        "libraries",
        "programs",
    }
    costly = {"drop", "drop_fetched_patches", "arguments", "tools", "set"}
    for name, entry in declared.items():
        assert set(entry) <= known | costly, name
        assert ("url" in entry) == ("sha256" in entry) == ("version" in entry), name
        assert "why" in entry or not costly & set(entry), name
        assert not entry.get("url", "pool/").startswith("/"), name


def test_the_overlay_is_for_the_fil_c_platform_only(prepared: pipeline.Prepared) -> None:
    words = [item for name, value in prepared.packages.arguments().items() for item in (name, value)]
    given = dict(zip(words[::2], words[1::2], strict=True))

    def derivations(**arguments: str) -> list[str]:
        paths = ["pkgsCross.musl64.zlib", "pkgsCross.musl64.openssl", "pkgsCross.filc.zlib"]
        done = prepared.nix.instantiate(evaluate.entry_file(), paths, arguments=arguments)
        assert done.exit_code == 0, done.stderr
        return [line.partition("!")[0] for line in done.stdout.splitlines()]

    *with_overlay, ours = derivations(**given)
    given.pop("overlays")
    *without, theirs = derivations(**given)
    assert with_overlay == without
    assert ours != theirs


def test_packages_that_link_each_other_are_built_judged_and_run(
    prepared: pipeline.Prepared, shared_folder: Path
) -> None:
    def seed(derivations: object) -> None:
        with (shared_folder / "seeding.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            environment = prepared.nix.store.environment
            report = sources.seed(
                derivations.values(),  # type: ignore[attr-defined]
                cache=shared_folder / "sources",
                env=environment,
            )
        if not report.complete:
            pytest.skip(f"the mirror lacks {[missing.source.name for missing in report.missing]}")

    built = pipeline.build(prepared, LINKED, seed=seed)
    assert built.complete, [result.causes for result in built.results if not result.built]
    report = pipeline.inspect(prepared, built)
    assert {file.verdict for file in report.files} == {"filc"}
    outputs = {result.attribute: result.outputs for result in built.results}
    for user, library in [("libpng", "zlib"), ("jq", "oniguruma"), ("libvorbis", "libogg"), ("lzop", "lzo")]:
        places = [str(place) for place in outputs[library].values()]
        used = {
            found.path
            for file in report.files
            if any(file.path.startswith(str(own)) for own in outputs[user].values())
            for found in file.libraries
            if found.path is not None
        }
        assert any(path.startswith(f"{place}/") for path in used for place in places), (user, library, used)

    def run(*argv: str | Path, text: str = "") -> str:
        return subprocess.run(argv, input=text, capture_output=True, text=True, check=True, env={}).stdout

    assert run(outputs["jq"]["bin"] / "bin/jq", "-r", '.a | test("^f.l")', text='{"a": "filc"}') == "true\n"
    packed = subprocess.run(
        [outputs["lzop"]["out"] / "bin/lzop", "-c"], input=b"filc" * 999, capture_output=True, check=True
    ).stdout
    unpacked = subprocess.run(
        [outputs["lzop"]["out"] / "bin/lzop", "-dc"], input=packed, capture_output=True, check=True
    ).stdout
    assert unpacked == b"filc" * 999
    assert len(packed) < 999
