"""`filcross plan` and the refusal of languages, with a real Nix on the embedded tree."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import html5lib
import jsonschema
import pytest
import troubled_tree
from command_line import run

from filcross import config, pipeline, resources
from filcross.nix import build as nix_build
from filcross.nix import evaluate, graph, history, languages
from filcross.nix import plan as plans

if TYPE_CHECKING:
    import subprocess

    from filcross.pipeline import Prepared
    from filcross.toolchain.layout import Toolchain

pytestmark = pytest.mark.nix


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return troubled_tree.make(tmp_path_factory.mktemp("troubled") / "tree")


@pytest.fixture
def prepared(tree: Path, simulator: Toolchain) -> Prepared:
    flags = {"nixpkgs": str(tree), "toolchain": str(simulator.root)}
    return pipeline.prepare(config.load(flags), lambda _: None)


def derivations(prepared: Prepared, tmp_path: Path, *attributes: str) -> dict[str, str]:
    found, failures = evaluate.derivations(
        prepared.nix, prepared.packages, attributes, roots=tmp_path / "roots"
    )
    assert failures == []
    return found


def plan(tree: Path, simulator: Toolchain, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return run("plan", *arguments, "--nixpkgs", tree, "--toolchain", simulator.root)


def test_the_graph_is_the_one_that_nix_knows(prepared: Prepared, tmp_path: Path) -> None:
    roots = derivations(prepared, tmp_path, "nginx", "hello", "troubled-uses-rust")
    found = graph.read(prepared.nix, roots)
    closure = {str(path) for root in roots.values() for path in prepared.nix.requisites(root)}
    assert set(found.derivations) == {path for path in closure if path.endswith(".drv")}
    for path in sorted(found.derivations)[::7]:
        item = found.derivations[path]
        assert {name: Path(place) for name, place in item.outputs.items()} == prepared.nix.outputs(path)
        asked = prepared.nix.run("nix-store", "-q", "--references", path).stdout.split()
        assert set(item.inputs) == {line for line in asked if line.endswith(".drv")}
    sides = {graph.title(path): item.side for path, item in found.derivations.items()}
    assert sides["nginx-1.22.1"] == sides["pcre2-10.42"] == sides["troubled-uses-rust-1.0"] == "host"
    assert sides["rustc-1.45.0"] == "build"
    assert {side for name, side in sides.items() if "wrapper" in name or name.endswith(".tar.gz")} == {
        "build"
    }


def test_what_must_be_built_is_what_nix_would_build(prepared: Prepared, tmp_path: Path) -> None:
    roots = derivations(prepared, tmp_path, "nginx", "troubled-uses-rust", "troubled-decides")
    done = prepared.nix.run("nix-store", "--realise", "--dry-run", *roots.values())
    expected = {line.strip() for line in done.stderr.splitlines() if line.strip().endswith(".drv")}
    found = graph.read(prepared.nix, roots)
    assert found.missing(roots.values()) == expected
    made = plans.make(prepared.nix, roots, past=tmp_path / "none", toolchain="t")
    assert set(made.steps) == expected
    assert sum(made.levels) == len(expected)
    for step in made.steps.values():
        assert all(made.steps[needed].level < step.level for needed in step.after)
    assert sum(count.all for count in made.counts.values()) == len(found.derivations)


def test_a_plan_as_text_json_dot_and_page(tree: Path, simulator: Toolchain, tmp_path: Path) -> None:
    files = [tmp_path / f"plan.{suffix}" for suffix in ("json", "dot", "html")]
    reports = [word for file in files for word in ("--report", str(file))]
    done = plan(tree, simulator, "troubled-decides", "nginx", "--json", *reports)
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    schema = json.loads((resources.data_dir() / "schemas" / "plan.schema.json").read_text())
    jsonschema.validate(document, schema)
    assert json.loads(files[0].read_text()) == document
    assert [item["attribute"] for item in document["requests"]] == ["troubled-decides", "nginx"]
    named = {step["derivation"] for level in document["levels"] for step in level}
    dot = files[1].read_text()
    boxes = {line.split('"')[1] for line in dot.splitlines() if "[label=" in line}
    assert boxes <= named
    assert all(
        part.split('"')[0] in boxes for line in dot.splitlines() if "->" in line for part in line.split(' "')
    )
    page = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(files[2].read_text())
    assert "nginx" in page.findtext(".//h1")
    assert "Fil-C side" in done.stderr


def test_a_language_is_refused_before_anything_is_built(
    tree: Path, simulator: Toolchain, prepared: Prepared, tmp_path: Path
) -> None:
    way = "troubled-uses-rust → troubled-rust-library-1.0 is made with Rust (rustc-1.45.0)"
    planned = plan(tree, simulator, "troubled-uses-rust", "troubled-rust-tool", "--json")
    assert planned.returncode == 1
    assert way in planned.stderr
    [boundary] = json.loads(planned.stdout)["boundaries"]
    assert (boundary["language"], boundary["attributes"]) == ("rust", ["troubled-uses-rust"])
    assert [graph.title(path) for path in boundary["path"]] == [
        "troubled-uses-rust-1.0",
        "troubled-rust-library-1.0",
    ]
    allowed = plan(tree, simulator, "troubled-uses-rust", "--allow-language", "rust")
    assert allowed.returncode == 0
    assert way in allowed.stderr
    build = ["build", "troubled-uses-rust", "--nixpkgs", tree, "--toolchain", simulator.root]
    refused = run(*build, "--no-out-link", cwd=tmp_path)
    assert refused.returncode == 1
    assert way in refused.stderr
    assert "Traceback" not in refused.stderr
    roots = derivations(prepared, tmp_path, "troubled-uses-rust", "troubled-rust-tool")
    assert not graph.read(prepared.nix, roots).present(roots["troubled-uses-rust"])
    languages.refuse(
        graph.read_derivations([roots["troubled-rust-tool"]]), {"x": roots["troubled-rust-tool"]}
    )
    assert run(*build, "--allow-language", "cobol").returncode == 2


def test_builds_are_remembered_and_give_estimates(prepared: Prepared, tmp_path: Path) -> None:
    package = tmp_path / "package.nix"
    package.write_text(
        '{ version, fails }: derivation { name = "remembered-${version}"; system = "x86_64-linux";'
        ' builder = "/bin/sh"; args = [ "-c" (if fails then "exit 1" else "echo > $out") ];'
        f' salt = "{tmp_path}"; }}'
    )

    def make(version: str, *, fails: bool) -> str:
        words = ["--argstr", "version", version, "--arg", "fails", str(fails).lower()]
        return prepared.nix.run("nix-instantiate", package, *words).stdout.strip()

    seen: list[history.Build] = []
    wanted = {"good": make("1.0", fails=False), "bad": make("2.0", fails=True)}
    results = nix_build.build(prepared.nix, wanted, roots=tmp_path / "built", record=seen.append)
    assert [result.built for result in results] == [True, False]
    assert [item.name for item in seen] == ["remembered-1.0"]
    file = tmp_path / "builds.sqlite"
    assert history.add(file, seen, toolchain="t")
    made = plans.make(prepared.nix, {"new": make("3.0", fails=False)}, past=file, toolchain="t")
    [step] = made.steps.values()
    assert step.estimate is not None
    assert (step.estimate.builds, step.estimate.basis) == (1, "another version")
    assert made.critical.seconds == step.estimate.seconds == made.seconds


def test_build_writes_the_history_of_this_machine(prepared: Prepared) -> None:
    pipeline.recorder(prepared)(history.Build("/nix/store/x.drv", "written-1.0", 2.0))
    found = history.estimates(pipeline.history_file(), ["written-1.0"], toolchain=prepared.toolchain.label)
    assert found["written-1.0"].seconds == 2.0


def test_wrong_requests(tree: Path, simulator: Toolchain, tmp_path: Path) -> None:
    assert plan(tree, simulator, "hello", "--report", tmp_path / "plan.pdf").returncode == 2
    assert plan(tree, simulator, "hello", "--report", tmp_path / "none" / "plan.html").returncode == 2
    unknown = plan(tree, simulator, "helo")
    assert unknown.returncode == 2
    assert "hello" in unknown.stderr
    failing = plan(tree, simulator, "troubled-decides", "troubled-throws")
    assert failing.returncode == 6
    assert "troubled-throws: not for this platform" in failing.stderr
