"""`filcross matrix` in the hands of the clumsy: what cannot be is refused. Nothing is built."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest
from command_line import run

from filcross.matrix import ledger

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SPEC = '[trees.t]\nnixpkgs = "embedded"\n[toolchains.simulator]\n[sets]\nall = ["hello", "zlib"]\n'


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    file = tmp_path / "the matrix.toml"
    file.write_text(SPEC)
    return file


def matrix(*arguments: str | Path, **environment: str) -> tuple[int, dict[str, Any]]:
    done = run("matrix", *arguments, "--json", **environment)
    assert "Traceback" not in done.stderr
    assert "a fault of filcross" not in done.stderr
    return done.returncode, json.loads(done.stdout)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--run", "last"], "cannot be the name of a run"),
        (["--run", ""], "cannot be the name of a run"),
        (["--run", "a\nb"], "cannot be the name of a run"),
        (["--time-limit", "nan"], "not a number of minutes"),
        (["--time-limit", "-1"], "not a number of minutes"),
        (["--build-timeout", "inf"], "not a number of minutes"),
        (["--build-timeout", "0"], "not a number of minutes"),
        (["--fail-on", "x"], "--fail-on"),
        (["--store", "x"], "not a value for `store`"),
    ],
)
def test_what_a_run_cannot_be_told(tmp_path: Path, spec: Path, arguments: list[str], words: str) -> None:
    book = tmp_path / "ledger"
    code, document = matrix("run", "--spec", spec, "--ledger", book, "--time-limit", "0", *arguments)
    assert code == 2
    assert words in document["error"]["message"]
    if book.exists():
        with ledger.open_ledger(book) as opened:
            assert not opened.runs()


def test_runs_begun_in_one_second_have_names_of_their_own(tmp_path: Path, spec: Path) -> None:
    common = ("run", "--spec", spec, "--ledger", tmp_path / "l", "--time-limit", "0")
    names: list[str] = []
    for _ in range(3):
        code, document = matrix(*common, "--new")
        assert code == 4
        assert document["run"]["counts"] == {"not run": 2}
        names.append(document["run"]["name"])
    assert len(set(names)) == 3
    code, document = matrix(*common)
    assert document["run"]["name"] == names[-1]
    code, document = matrix(*common, "--run", document["run"]["name"], "--new")
    assert code == 2
    assert "already" in document["error"]["message"]


def test_a_shard_without_cells_has_nothing_to_do(tmp_path: Path, spec: Path) -> None:
    common = ("run", "--spec", spec, "--ledger", tmp_path / "l", "--time-limit", "0")
    codes = sorted(matrix(*common, "--shard", f"{number}/9")[0] for number in range(1, 10))
    assert codes in ([0] * 7 + [4] * 2, [0] * 8 + [4])


def test_a_wrong_command_line_is_json_too() -> None:
    code, document = matrix("run", "--jobs", "0")
    assert code == 2
    assert (document["kind"], document["exit_code"]) == ("error", 2)
    assert "--jobs" in document["error"]["message"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_is_said_in_words_and_json(tmp_path: Path, number: signal.Signals) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    command = ["env", "--default-signal=INT", "filcross", "matrix", "run", "--spec", fifo]
    command += ["--ledger", tmp_path / "l", "--json"]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process,
        fifo.open("w"),  # now it reads, and nothing comes
    ):
        process.send_signal(number)
        written, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said.endswith("interrupted\n")
    assert json.loads(written)["exit_code"] == 130


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """Return a ledger that takes a while to read."""
    file = tmp_path / "large"
    cells = [f"t/s/a{number}" for number in range(2000)]
    plain = dict.fromkeys(("revision", "tools", "derivation", "key", "cause", "culprit", "message"), "")
    plain |= {"run": "big", "status": "pass", "stage": "verify", "expected": "", "at": ledger.now()}
    results = [
        ledger.Result(cell=cell, attempt=0, simulated=True, known=False, seconds=1.0, **plain)
        for cell in cells
    ]
    with ledger.open_ledger(file, make=True) as book:
        book.begin("big", "spec", cells, "1/1")
        with book._connection:
            book._insert(results, ())
    return file


def begin(place: Path, sign: str, *arguments: str | Path) -> subprocess.Popen[str]:
    """Start a command and wait for the first `sign` of its work in `place`."""
    command = ["env", "--default-signal=INT", "filcross", "matrix", *arguments]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and not list(place.glob(sign)):
        time.sleep(0.002)
    assert process.returncode is None
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    ("arguments", "sign"),
    [(["merge", "--ledger", "place/all"], "all"), (["report", "--output", "place/site", "--ledger"], ".s*")],
)
def test_an_interrupt_leaves_nothing_half_written(
    large: Path, number: signal.Signals, arguments: list[str], sign: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(large.parent)
    place = large.parent / "place"
    place.mkdir()
    with begin(place, sign, *arguments, large) as process:
        process.send_signal(number)
        assert process.stderr is not None
        assert process.stderr.read() == "interrupted\n"
    assert process.returncode == 130
    assert {path.name for path in place.iterdir()} <= {"all.lock"}


def test_what_a_killed_report_left_is_gone_after_the_next(large: Path) -> None:
    place = large.parent / "place"
    place.mkdir()
    arguments = ("report", "--ledger", large, "--output", place / "site")
    with begin(place, ".site*/new/cells", *arguments) as process:
        process.send_signal(signal.SIGKILL)
    (left,) = place.iterdir()
    assert left.name.startswith(".site.filcross-")
    assert matrix(*arguments)[0] == 0
    assert [path.name for path in place.iterdir()] == ["site"]


@pytest.mark.parametrize("place", ["", "/", "..", "folder", "text", "spec/below", "/dev/null"])
def test_what_is_no_ledger_stays_as_it_is(tmp_path: Path, place: str, spec: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "text").write_text("my diary")
    (tmp_path / "spec").write_text("a file")
    there = sorted(tmp_path.rglob("*"))
    file = str(tmp_path / place) if place[:1].isalpha() else place
    for arguments in (["run", "--spec", spec, "--time-limit", "0"], ["runs"], ["merge", tmp_path / "text"]):
        code, document = matrix(*arguments, "--ledger", file)
        assert code in {2, 3, 5}
        assert document["error"]["hint"]
    assert sorted(tmp_path.rglob("*")) == there
    assert (tmp_path / "text").read_text() == "my diary"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], check=False).returncode:
        pytest.skip("a file system can be mounted by root only")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk_costs_nothing_that_was_written(small_disk: Path, spec: Path) -> None:
    common = ("run", "--spec", spec, "--ledger", small_disk / "l", "--time-limit", "0")
    names: list[str] = []
    code, document = 4, {}
    while code == 4:
        names.append(f"{len(names)} {'long' * 500}")
        code, document = matrix(*common, "--new", "--run", names[-1])
    assert code == 3
    assert "full" in document["error"]["message"]
    assert "make room" in document["error"]["hint"]
    subprocess.run(["mount", "-o", "remount,size=1m", small_disk], check=True)
    assert matrix(*common, "--new", "--run", names[-1])[0] == 4
    assert [run["name"] for run in matrix("runs", "--ledger", small_disk / "l")[1]["runs"]] == names
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    assert matrix("runs", "--ledger", small_disk / "l")[0] == 0
    code, document = matrix(*common)
    assert code == 3
    assert "--ledger" in document["error"]["hint"]
