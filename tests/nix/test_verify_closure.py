"""Closures: what a store path refers to is judged too, as Nix and as the files themselves tell it."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from filcross.nix import closure
from filcross.nix.command import find_nix
from filcross.process import run

if TYPE_CHECKING:
    from collections.abc import Iterable

    from filcross.process import Completed
    from filcross.toolchain.layout import Toolchain

pytestmark = pytest.mark.nix

EXPRESSION = """
{ program }: let
  make = name: script: derivation {
    inherit name;
    system = builtins.currentSystem;
    builder = "/bin/sh";
    args = [ "-c" script ];
    PATH = "/bin:/usr/bin";
  };
  native = builtins.path { path = program; name = "p"; };
  below = make "below-with-native-code" "mkdir -p $out/bin; cp ${native} $out/bin/native";
  middle = make "middle" "mkdir $out; ln -s ${below}/bin $out/link";
in make "top" "mkdir $out; echo uses ${middle} > $out/text"
"""


@pytest.fixture(scope="module")
def top(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("nix-build") is None:
        pytest.skip("no Nix on this machine")
    folder = tmp_path_factory.mktemp("expression")
    (folder / "top.nix").write_text(EXPRESSION)
    nix = find_nix(host_tools=True)
    options = ["--option", "sandbox", "false", "--option", "substitute", "false"]
    done = nix.run(
        "nix-build", folder / "top.nix", "--arg", "program", "/bin/true", "-o", folder / "result", *options
    )
    return Path(done.stdout.strip())


def names(paths: Iterable[Path]) -> set[str]:
    return {path.name.split("-", 1)[1] for path in paths}


def test_nix_and_the_files_agree(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert closure.store_path(top / "text") == top
    asked = closure.runtime_closure([top])
    assert asked.how == "nix-store --query --graph"
    assert asked.paths[0] == top
    assert names(asked.paths) == {"top", "middle", "below-with-native-code"}
    below = {names([Path(user)]).pop(): names(map(Path, used)) for user, used in asked.references.items()}
    assert below == {"top": {"middle"}, "middle": {"below-with-native-code"}, "below-with-native-code": set()}
    monkeypatch.setenv("PATH", "/nowhere")
    walked = closure.runtime_closure([top])
    assert walked.how == "the store paths in the files"
    assert (walked.paths, walked.references) == (asked.paths, asked.references)


def test_a_path_that_nix_does_not_know_costs_only_itself(top: Path) -> None:
    unknown = top.with_name("00000000000000000000000000000000-unknown")
    hashes = closure.nar_hashes([top])
    assert list(hashes) == [str(top)]
    assert closure.nar_hashes([unknown, top]) == hashes
    assert closure.nar_hashes([unknown]) == {}
    below = closure.hashes_below([unknown, top])
    assert names(map(Path, below)) == {"top", "middle", "below-with-native-code"}
    assert closure.runtime_closure([unknown, top]).paths == closure.runtime_closure([top]).paths


def test_a_path_outside_every_store(tmp_path: Path) -> None:
    assert closure.store_path(tmp_path) is None


def filcross(*arguments: str | Path) -> Completed:
    return run([Path(sys.executable).parent / "filcross", *arguments], check=False)


def test_native_code_far_below_is_found(top: Path, simulator: Toolchain, tmp_path: Path) -> None:
    sarif, junit = tmp_path / "out.sarif", tmp_path / "out.xml"
    arguments = ("verify", top, "--trust-runtime", simulator.root, "--json")
    done = filcross(*arguments, "--report", sarif, "--report", junit)
    files = json.loads(done.stdout)["files"]
    assert (done.exit_code, [file["verdict"] for file in files]) == (1, ["foreign"])
    assert files[0]["path"].endswith("-below-with-native-code/bin/native")
    assert json.loads(sarif.read_text())["runs"][0]["invocations"][0]["exitCode"] == 1
    assert "<failure " in junit.read_text()
    alone = filcross(*arguments, "--no-closure")
    assert (alone.exit_code, json.loads(alone.stdout)["files"]) == (4, [])


def test_a_report_in_an_unknown_format(tmp_path: Path) -> None:
    done = filcross("verify", tmp_path, "--report", tmp_path / "report.doc")
    assert done.exit_code == 2
    assert "no report format is known" in done.stderr
