"""`filcross matrix` for real: runs that are killed, resumed, merged, compared, bisected and shown.

The trees are copies of the embedded one with the packages of `tests/data/matrix` added; everything is built
by Nix with the simulator.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from command_line import run
from matrix_world import DATA, content, make_spec, make_tree, matrix, run_killed

from filcross import config
from filcross.matrix import ledger as ledgers
from filcross.nix import command

if TYPE_CHECKING:
    from filcross.toolchain.layout import Toolchain

pytestmark = [pytest.mark.nix, pytest.mark.xdist_group("matrix")]

EXPECTED = {
    "good": ("pass", "smoke", ""),
    "slow": ("pass", "verify", ""),
    "broken": ("fail", "build", "package"),
    "needsBroken": ("blocked", "build", "package"),
    "throws": ("fail", "evaluate", "tree"),
    "plain": ("pass", "verify", ""),
    "liar": ("pass", "smoke", ""),
    "missing": ("skipped", "evaluate", ""),
}


def test_a_run_killed_twice_ends_like_one_that_was_not(simulator: Toolchain, tmp_path: Path) -> None:
    trees = [make_tree(tmp_path / "first"), make_tree(tmp_path / "second")]
    (trees[1] / "pkgs" / "matrix" / "answer.c").write_text((DATA / "answer.c").read_text() + "/* 2 */\n")
    spec = make_spec(tmp_path / "matrix.toml", {"simulator": simulator.root}, trees)
    killed, whole = tmp_path / "killed.sqlite", tmp_path / "whole.sqlite"
    run_killed(spec, killed, (1, 9))
    code, document, said = matrix("run", "--spec", spec, "--ledger", killed)
    assert "goes on" in said
    assert code == 0
    found = {cell["cell"]: cell["result"] for cell in document["run"]["cells"]}
    assert len(found) == 16
    for cell, result in found.items():
        name = Path(cell).name
        assert (result["status"], result["stage"], result["cause"]) == EXPECTED[name], cell
    with ledgers.open_ledger(killed) as book:
        assert len(book.runs()) == 1
        assert len(book.results()) == 16
    assert matrix("run", "--spec", spec, "--ledger", whole)[0] == 0
    assert content(killed) == content(whole)


def test_a_planted_native_library_is_named_with_its_cause(simulator: Toolchain, tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "tree")
    spec = make_spec(tmp_path / "matrix.toml", {"simulator": simulator.root}, [tree])
    ledger, site = tmp_path / "ledger.sqlite", tmp_path / "site"
    common = ("--spec", spec, "--ledger", ledger)
    assert matrix("run", *common, "--run", "monday")[0] == 0
    (tree / "pkgs" / "matrix" / "lies.nix").write_text("true\n")
    code, document, said = matrix("run", *common, "--run", "tuesday")
    assert code == 1
    outcomes = {Path(cell["cell"]).name: cell for cell in document["run"]["cells"]}
    assert outcomes["liar"]["outcome"] == "regression"
    assert outcomes["good"]["result"]["known"] is True
    assert outcomes["broken"]["result"]["known"] is True
    assert "built in" not in said.split("liar")[0]
    code, document, _ = matrix("diff", "monday", "tuesday", "--ledger", ledger)
    assert code == 1
    change = document["changes"][0]
    assert (change["kind"], change["cell"]) == ("regression", "tree/simulator/liar")
    why = "\n".join(change["why"])
    assert "cause: package" in why
    assert "new finding FILC-E201 in bin/answer" in why
    assert "libc.so.6" in why
    assert [other["kind"] for other in document["changes"][1:]] == ["unchanged"] * 7
    _, document, _ = matrix("history", "liar", "--ledger", ledger)
    assert [item["status"] for item in document["results"]] == ["pass", "fail"]
    assert matrix("report", "--ledger", ledger, "--output", site)[0] == 0
    assert matrix("report", "--ledger", ledger, "--output", site, "--fail-on", "regression")[0] == 1
    assert matrix("report", "--ledger", ledger, "--output", site, "--fail-on", "r")[0] == 2
    first_row = (site / "index.html").read_text().split("<tbody>")[2].splitlines()[1]
    assert "regression" in first_row
    assert "liar" in first_row
    page = (site / "cells" / "tree" / "simulator" / "liar.html").read_text()
    assert "FILC-E201" in page
    assert "<svg" in page
    cases = {case.get("name"): case for case in ET.parse(site / "junit.xml").iter("testcase")}
    failure = cases["liar"].find("failure")
    assert failure is not None
    assert failure.get("type") == "regression"
    assert "**regression** tree/simulator/liar" in (site / "summary.md").read_text()
    check_waivers(tmp_path, ledger, spec)


def check_waivers(project: Path, ledger: Path, spec: Path) -> None:
    """What the project accepts passes, and is counted; when that changes, it is judged again."""
    with ledgers.open_ledger(ledger) as book:
        (file,) = book.results("tuesday", attribute="liar")[-1].details["report"]["files"]
    codes = [finding["code"] for finding in file["findings"] if finding["severity"] == "error"]
    assert len(codes) > 1
    form = '[[waiver]]\ncode = "{}"\npath = "*/bin/answer"\nreason = "for a <test>"\nowner = "us"\n'
    (project / "filcross.toml").write_text(form.format(codes[0]))
    common = ("run", "--spec", spec, "--ledger", ledger)
    code, document, _ = matrix(*common, "--run", "some", cwd=project)
    results = {Path(cell["cell"]).name: cell for cell in document["run"]["cells"]}
    assert (code, results["liar"]["result"]["status"]) == (0, "fail")
    assert results["liar"]["result"]["known"] is False
    (project / "filcross.toml").write_text("".join(form.format(name) for name in codes))
    code, document, _ = matrix(*common, "--run", "all", cwd=project)
    results = {Path(cell["cell"]).name: cell for cell in document["run"]["cells"]}
    assert (code, results["liar"]["outcome"]) == (0, "newly fixed")
    assert results["liar"]["result"]["message"].endswith("; accepted only by waivers: 1")
    assert matrix("report", "--ledger", ledger, "--output", project / "site")[0] == 0
    page = (project / "site" / "cells" / "tree" / "simulator" / "liar.html").read_text()
    assert "Accepted only by waivers: 1 of 1." in page
    assert page.count(": for a &lt;test&gt; (us)</li>") == len(codes)
    expired = "".join(f"{form.format(name)}expires = 2020-01-31\n" for name in codes)
    (project / "filcross.toml").write_text(expired)
    code, document, _ = matrix(*common, "--run", "expired", cwd=project)
    assert code == 1
    assert {"liar": "regression"}.items() <= {
        Path(cell["cell"]).name: cell["outcome"] for cell in document["run"]["cells"]
    }.items()


def test_shards_merge_into_the_whole(simulator: Toolchain, tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "tree")
    spec = make_spec(tmp_path / "matrix.toml", {"simulator": simulator.root}, [tree])
    whole, merged = tmp_path / "whole.sqlite", tmp_path / "merged.sqlite"
    assert matrix("run", "--spec", spec, "--ledger", whole, "--run", "night")[0] == 0
    parts = []
    for number in (1, 2):
        parts.append(tmp_path / f"{number}.sqlite")
        arguments = ("--spec", spec, "--ledger", parts[-1], "--run", "night", "--shard", f"{number}/2")
        assert matrix("run", *arguments)[0] in (0, 4)
    assert matrix("merge", *parts, "--ledger", merged)[0] == 0
    assert content(merged) == content(whole)


def test_what_is_expected_to_fail_and_what_was_fixed(simulator: Toolchain, tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "tree")
    expect = '[expect]\n"*/broken" = "fails: on purpose, https://example.org/1"\n"*/good" = "fails: not yet"'
    spec = make_spec(tmp_path / "matrix.toml", {"simulator": simulator.root}, [tree], expect)
    code, document, _ = matrix("run", "--spec", spec, "--ledger", tmp_path / "l", "--fail-on", "any")
    outcomes = {
        cell["cell"].rsplit("/", maxsplit=1)[-1]: cell["outcome"] for cell in document["run"]["cells"]
    }
    assert code == 1  # needsBroken and throws are not expected to fail
    assert outcomes["broken"] == "expected failure"
    assert outcomes["good"] == "newly fixed"
    assert outcomes["needsBroken"] == "blocked"


def test_time_that_is_over_leaves_cells_not_run(simulator: Toolchain, tmp_path: Path) -> None:
    spec = make_spec(tmp_path / "matrix.toml", {"simulator": simulator.root}, [make_tree(tmp_path / "tree")])
    code, document, _ = matrix("run", "--spec", spec, "--ledger", tmp_path / "l", "--time-limit", "0")
    assert code == 4
    assert document["run"]["counts"] == {"not run": 8}
    assert document["run"]["ended"] is None


def test_what_cannot_be_had_is_skipped_with_the_reason(simulator: Toolchain, tmp_path: Path) -> None:
    spec = make_attributes_spec(tmp_path, tmp_path / "none", simulator, "hello")
    code, document, _ = matrix("run", "--spec", spec, "--ledger", tmp_path / "l")
    assert code == 4
    (cell,) = document["run"]["cells"]
    assert cell["outcome"] == "skipped"
    assert "none" in cell["result"]["message"]


def make_attributes_spec(folder: Path, tree: Path, simulator: Toolchain, *attributes: str) -> Path:
    spec = folder / "matrix.toml"
    spec.write_text(
        f'[trees.tree]\nnixpkgs = "{tree}"\n[toolchains.simulator]\ntoolchain = "{simulator.root}"\n'
        f"[[matrix]]\nattributes = {json.dumps(attributes)}\n"
    )
    return spec


def test_a_hydra_project_evaluates_to_the_derivations_of_the_matrix(
    simulator: Toolchain, tmp_path: Path
) -> None:
    tree = make_tree(tmp_path / "tree")
    spec = make_attributes_spec(tmp_path, tree, simulator, "good", "pkgs.good", 'pkgs."good"', "missing")
    folder = tmp_path / "hydra"
    assert matrix("export", "--hydra", folder, "--spec", spec)[0] == 0
    jobsets = json.loads((folder / "jobsets.json").read_text())
    assert set(jobsets) == {"tree-simulator"}
    store = {**os.environ, **command.find_nix(host_tools=True).store.environment}
    declared = subprocess.run(
        ["nix-instantiate", folder / "jobsets.nix", "-A", "jobsets"],
        env=store,
        check=True,
        capture_output=True,
    )
    assert declared.stdout.strip().endswith(b"-jobsets.json.drv")
    assert json.loads((folder / "spec.json").read_text())["inputs"]["project"]["value"] == str(folder)

    def instantiate(job: str) -> subprocess.CompletedProcess[str]:
        question = [
            "nix-instantiate",
            folder / "release.nix",
            "--argstr",
            "cells",
            "tree-simulator",
            "-A",
            job,
        ]
        return subprocess.run(question, env=store, check=False, capture_output=True, text=True)

    assert matrix("run", "--spec", spec, "--ledger", tmp_path / "l")[0] == 0
    with ledgers.open_ledger(tmp_path / "l") as book:
        expected = {item.attribute: item.derivation for item in book.results()}
    assert expected["good"]
    for job, attribute in {"good": "good", "pkgs_good": "pkgs.good", "pkgs_good_": 'pkgs."good"'}.items():
        assert instantiate(job).stdout.strip() == expected[attribute], job
    assert "attribute 'missing' missing" in instantiate("missing").stderr


def test_odd_names_and_what_is_no_package_stop_nothing(simulator: Toolchain, tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "tree")
    top = tree / "pkgs" / "top-level" / "all-packages.nix"
    head, brace, tail = top.read_text().rpartition("}")
    odd = {name: f'pkgs."{name}"' for name in ("a/b c", "<i>&x", "../../../../up")}
    lines = [f'  "{name}" = (callPackage ../matrix {{ }}).good;\n' for name in odd]
    top.write_text(f'{head}{"".join(lines)}  some = {{ a = 1; }};\n  text = "text";\n{brace}{tail}')
    others = ["some", "text", "missing", "throws"]
    mixed = [name for pair in zip(others, odd.values(), strict=False) for name in pair]
    spec = make_attributes_spec(tmp_path, tree, simulator, *mixed, others[-1])
    code, document, _ = matrix("run", "--spec", spec, "--ledger", tmp_path / "l")
    assert code == 0
    results = {cell["cell"].split("/", 2)[2]: cell["result"] for cell in document["run"]["cells"]}
    assert {results[name]["status"] for name in odd.values()} == {"pass"}
    assert {name: results[name]["status"] for name in others} == {
        "some": "skipped",
        "text": "skipped",
        "missing": "skipped",
        "throws": "fail",
    }
    assert results["some"]["message"] == "`some` is not one package (0 derivations)"
    assert matrix("report", "--ledger", tmp_path / "l", "--output", tmp_path / "site")[0] == 0
    assert "<i>" not in (tmp_path / "site" / "index.html").read_text()
    roots = [path.parts for path in config.state_dir().parent.rglob('*up"')]
    assert roots
    assert all("roots" in parts for parts in roots)
    done = run(
        *("build", *odd.values(), "--nixpkgs", tree, "--toolchain", simulator.root, "--no-verify"),
        *("--out-link", tmp_path / "links" / "result"),
    )
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "links").iterdir())) == len(odd)


FETCHED = """
  fetched = stdenv.mkDerivation {{
    name = "fetched";
    source = derivation {{
      name = "source.tar.gz";
      system = "x86_64-linux";
      builder = "/bin/sh";
      args = [ "-c" "echo cannot resolve host >&2; exit 1" ];
      outputHash = "{hash}";
      outputHashAlgo = "sha256";
    }};
    buildCommand = "cp $source $out";
  }};
"""


def test_a_mirror_that_cannot_be_asked_stops_no_other_cell(
    simulator: Toolchain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "apt").mkdir()
    (tmp_path / "apt.conf").write_text(f'Dir::Etc "{tmp_path}/apt";\n')
    monkeypatch.setenv("APT_CONFIG", str(tmp_path / "apt.conf"))
    tree = make_tree(tmp_path / "tree")
    top = tree / "pkgs" / "top-level" / "all-packages.nix"
    head, brace, tail = top.read_text().rpartition("}")
    unheard = hashlib.sha256(bytes(tmp_path)).hexdigest()
    top.write_text(f"{head}{FETCHED.format(hash=unheard)}{brace}{tail}")
    spec = make_attributes_spec(tmp_path, tree, simulator, "fetched", "good")
    spec.write_text(spec.read_text().replace("[toolchains", "seed-sources = true\n[toolchains", 1))
    code, document, said = matrix("run", "--spec", spec, "--ledger", tmp_path / "l")
    assert code == 0
    assert "sources: apt on this machine has no entry" in said
    found = [(cell["outcome"], cell["result"]["cause"]) for cell in document["run"]["cells"]]
    assert found == [("blocked", "source"), ("pass", "")]


def test_repetition_tells_what_fails_by_chance(simulator: Toolchain, tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "tree")
    spec = make_attributes_spec(tmp_path, tree, simulator, "needsFlaky")
    ledger, site = tmp_path / "ledger", tmp_path / "site"
    with tempfile.TemporaryDirectory() as memory:  # where Nix' build users can write
        Path(memory).chmod(0o777)
        (tree / "pkgs" / "matrix" / "memory.nix").write_text(f'"{memory}"\n')
        code, document, said = matrix("run", "--spec", spec, "--ledger", ledger, "--repeat", "3")
    (cell,) = document["run"]["cells"]
    assert (code, cell["outcome"]) == (0, "flaky")
    assert (cell["result"]["status"], cell["result"]["attempt"]) == ("blocked", 0)
    assert "✗ flaky-x86_64-unknown-linux-filc failed" in said
    assert "✓ flaky-x86_64-unknown-linux-filc" not in said
    with ledgers.open_ledger(ledger) as book:
        assert [item.status for item in book.results()] == ["blocked", "pass"]
        assert not book.failures()
    assert matrix("report", "--ledger", ledger, "--output", site, "--fail-on", "any")[0] == 1
    page = (site / "cells" / "tree" / "simulator" / "needsFlaky.html").read_text()
    assert "by chance" in page
    assert page.count("<td>built and judged</td>") == 1


def test_a_store_that_does_not_answer_is_no_regression(simulator: Toolchain, tmp_path: Path) -> None:
    spec = make_attributes_spec(tmp_path, make_tree(tmp_path / "tree"), simulator, "good")
    common = ("run", "--spec", spec, "--ledger", tmp_path / "l", "--nix-store")
    for address in ("nonsense://x", f"unix://{tmp_path}/no-socket"):
        code, document, _ = matrix(*common, address)
        assert code == 4
        (cell,) = document["run"]["cells"]
        assert cell["outcome"] == "skipped"
        assert f"`{address}` does not answer: " in cell["result"]["message"]


def test_bisect_finds_the_commit_and_remembers(simulator: Toolchain, tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "tree")

    def git(*arguments: str) -> str:
        identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
        done = subprocess.run(
            ["git", "-C", tree, *identity, *arguments], check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    git("init", "-q")
    commits = []
    for number in range(6):
        (tree / "note").write_text(f"{number}\n")
        if number == 3:
            (tree / "pkgs" / "matrix" / "lies.nix").write_text("true\n")
        git("add", "-A")
        git("commit", "-qm", f"number {number}")
        commits.append(git("rev-parse", "HEAD"))
    common = ("--tree", tree, "--toolchain", simulator.root, "--ledger", tmp_path / "l")
    exports = config.cache_dir() / config.REVISIONS
    command = ["env", "--default-signal=INT", "filcross", "matrix", "bisect", "liar", *common]
    for number, status in ((signal.SIGINT, 130), (signal.SIGTERM, 130), (signal.SIGKILL, -9)):
        with subprocess.Popen(
            [*command, "--good", commits[0], "--bad", "HEAD"], stderr=subprocess.PIPE, text=True
        ) as process:
            while process.poll() is None and not list(exports.glob("commit-*/nixpkgs/pkgs/top-level")):
                time.sleep(0.01)
            process.send_signal(number)
            _, complaint = process.communicate()
        assert process.returncode == status
        assert "Traceback" not in complaint
        assert bool(list(exports.iterdir())) is (number == signal.SIGKILL)
    code, document, said = matrix("bisect", "liar", "--good", commits[0], "--bad", "HEAD", *common)
    assert code == 0, said
    assert (document["last_good"], document["first_bad"]) == (commits[2], commits[3])
    assert len(document["steps"]) <= 5
    assert not list(exports.iterdir())
    assert git("status", "--porcelain") == ""
    before = content(tmp_path / "l")
    assert matrix("bisect", "liar", "--good", commits[0], "--bad", "HEAD", *common)[1] == document
    assert content(tmp_path / "l") == before
    code, document, _ = matrix("bisect", "liar", "--good", commits[4], "--bad", commits[5], *common)
    assert code == 2
    assert "is bad, not good" in document["error"]["message"]
    code, document, said = matrix("bisect", "missing", "--good", commits[4], "--bad", commits[5], *common)
    assert code == 4
    assert "the tree has no such package" in said
    code, document, _ = matrix("bisect", "liar", "--good", commits[5], "--bad", commits[4], *common)
    assert code == 2
    assert "does not come before" in document["error"]["message"]
