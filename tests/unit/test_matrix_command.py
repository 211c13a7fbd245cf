"""`filcross matrix` in the hands of the clumsy: what cannot be is refused. Nothing is built."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from command_line import run

from filcross.matrix import ledger

if TYPE_CHECKING:
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
