"""`filcross survey` with a real Nix, on a copy of the embedded tree with packages that go wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
import troubled_tree
from command_line import run

from filcross import process, resources
from filcross.nix import sweep
from filcross.nixpkgs import patch
from filcross.nixpkgs.checkout import open_checkout
from filcross.overlay import write_overlay

if TYPE_CHECKING:
    from filcross.toolchain.layout import Toolchain

pytestmark = pytest.mark.nix

PREFIX = "troubled-"
KINDS = {
    "aborts": "abort",
    "overflows": "stack",
    "loops": "recursion",
    "misses": "missing attribute",
    "misses-too": "missing attribute",
    "throws": "throw",
    "asserts": "assertion",
    "coerces": "wrong type",
    "unsupported": "unsupported",
    "never-ends": "timeout",
}
BOTH = {"everywhere": "throw", "broken": "broken", "needs-broken": "broken"}
NEVER_ENDS = "troubled-never-ends"


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return troubled_tree.make(tmp_path_factory.mktemp("troubled") / "tree")


def schema() -> Any:
    return json.loads((resources.data_dir() / "schemas" / "survey.schema.json").read_text())


def test_every_way_to_fail_is_told_and_nothing_else_is_lost(
    tree: Path, simulator: Toolchain, tmp_path: Path
) -> None:
    names = [f"{PREFIX}{name}" for name in (*KINDS, *BOTH)]
    names += [f"{PREFIX}{name}" for name in ("decides", "no-package", "uses-rust", "rust-tool")]
    listed = tmp_path / "packages.txt"
    listed.write_text("# what to ask\n" + "\n".join([*names, "pcre2"]) + "\n\n")
    page = tmp_path / "survey.html"
    done = run(
        "survey",
        *("--set", listed, "--nixpkgs", tree, "--toolchain", simulator.root),
        *("--silence", "20", "--json", "--report", page, "--report", tmp_path / "survey.json"),
    )
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    jsonschema.validate(document, schema())
    assert json.loads((tmp_path / "survey.json").read_text()) == document
    ours, theirs = document["filc"], document["reference"]
    assert theirs["platform"] == "x86_64-unknown-linux-musl"

    found = {name.removeprefix(PREFIX): item["kind"] for name, item in ours["failures"].items()}
    assert found == {**KINDS, **BOTH}
    assert {name.removeprefix(PREFIX) for name in theirs["failures"]} == set(BOTH)
    assert ours["no_package"] == theirs["no_package"] == ["troubled-no-package"]
    assert ours["languages"] == theirs["languages"] == {"troubled-uses-rust": ["rust"]}
    assert set(ours["derivations"]) == {"troubled-decides", "troubled-rust-tool", "pcre2"}
    assert document["ratio"] == pytest.approx(3 / 13)

    throws = ours["failures"]["troubled-throws"]
    assert throws["message"] == "not for this platform"
    grouped = {tuple(group["attributes"]): group for group in document["only_filc"]}
    assert {name.removeprefix(PREFIX) for names in grouped for name in names} == set(KINDS)
    for name in ("throws", "asserts", "misses", "loops", "coerces"):
        assert "pkgs/top-level/troubled.nix:" in grouped[f"{PREFIX}{name}",]["position"]
    assert document["only_reference"] == []

    [difference] = document["decisions"]["unexplained"]
    assert difference == {
        "attribute": "configureFlags",
        "element": "---only-elsewhere",
        "packages": ["troubled-decides"],
    }
    assert "this recipe gives up" in page.read_text()
    assert "recursion: infinite recursion encountered" in done.stderr


def test_one_platform_alone_and_names_that_are_not_there(tree: Path, simulator: Toolchain) -> None:
    given = ["--nixpkgs", tree, "--toolchain", simulator.root, "--against", "none", "--json"]
    done = run("survey", "hello", "troubled-throws", "nothing-like-it", *given)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    jsonschema.validate(document, schema())
    assert document["reference"] is None
    assert set(document["filc"]["derivations"]) == {"hello"}
    failures = document["filc"]["failures"]
    assert failures["nothing-like-it"]["kind"] == "missing attribute"
    assert failures["troubled-throws"]["message"] == "not for this platform"


def test_wrong_requests(tree: Path, simulator: Toolchain, tmp_path: Path) -> None:
    given = ["--nixpkgs", tree, "--toolchain", simulator.root]
    assert run("survey", "hello", "--set", "all", *given).returncode == 2
    assert run("survey", "--set", tmp_path / "none", *given).returncode == 2
    assert run("survey", "a;b", *given).returncode == 2
    assert run("survey", "hello", "--report", "x.pdf", *given).returncode == 2
    nowhere = run("survey", "hello", "--against", "nosuchplatform", *given)
    assert nowhere.returncode == 6
    assert "nosuchplatform" in nowhere.stderr
    assert "Traceback" not in nowhere.stderr
    (tmp_path / "empty.txt").write_text("# nothing\n")
    assert run("survey", "--set", tmp_path / "empty.txt", *given).returncode == 4


def test_an_interrupted_survey_tells_what_it_knew_and_leaves_no_process(
    tree: Path, simulator: Toolchain, tmp_path: Path
) -> None:
    report = tmp_path / "survey.json"
    words = ["survey", "troubled-decides", NEVER_ENDS, "--nixpkgs", tree, "--toolchain", simulator.root]
    words += ["--against", "none", "--silence", "600", "--jobs", "1", "--report", report]
    command = ["env", "--default-signal=INT", "filcross", *map(str, words)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as child:
        try:
            while not (below := children(child.pid)):
                assert child.poll() is None, child.stderr.read() if child.stderr else ""
                time.sleep(0.1)
            # It is inside the endless package when it has used some time since its last answer.
            deadline = time.monotonic() + 300
            while seconds_used(below[0]) < 3 and time.monotonic() < deadline:
                time.sleep(0.1)
            child.send_signal(signal.SIGINT)
            assert child.wait(timeout=60) == 130
        finally:
            child.kill()
    document = json.loads(report.read_text())
    jsonschema.validate(document, schema())
    assert (document["complete"], document["languages_known"]) == (False, False)
    assert set(document["filc"]["derivations"]) == {"troubled-decides"}
    deadline = time.monotonic() + 30
    while any(Path(f"/proc/{pid}").exists() for pid in below) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(Path(f"/proc/{pid}").exists() for pid in below)


def children(pid: int) -> list[int]:
    """Return the processes below `pid` that evaluate a sweep."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes()
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            if parent == pid and b"sweep.nix" in words:
                found.append(int(entry.name))
    return found


def seconds_used(pid: int) -> float:
    """Return the processor time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_set_that_does_not_evaluate_at_all_is_an_error(
    tree: Path, simulator: Toolchain, tmp_path: Path
) -> None:
    copy = patch.copy_and_patch(open_checkout(tree), tmp_path / "tree").checkout.root
    overlay = write_overlay(simulator, tmp_path / "overlay").root
    stdenv = copy / "pkgs/stdenv/generic/default.nix"
    stdenv.write_text("throw ''the environment is broken''")
    question = sweep.Question(copy, "filc", overlay)
    with pytest.raises(process.ProcessFailedError):
        sweep.sweep(question, [f"attribute{number}" for number in range(20)], only="derivation", jobs=1)
