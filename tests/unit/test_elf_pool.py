"""Two processes answer as one does, whatever happens to the second."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from filcross.process import run

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = """
import os
import signal
import sys
from filcross.elf import pool

parent = os.getpid()
accident = sys.argv[1]

def work(item):
    if os.getpid() != parent and item > 20:
        if accident == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if accident == "raises":
            raise ValueError(item)
    return {item, -1 if os.getpid() != parent else 0}

def pack(answer):
    return object() if accident == "unpackable" else tuple(answer)

answers = pool.do_all(5000, work, pack, set)
assert all(number in answer for number, answer in enumerate(answers)), "an answer is another's"
print(len(answers), sum(-1 in answer for answer in answers))
"""


@pytest.mark.parametrize("accident", ["none", "killed", "raises", "unpackable"])
def test_every_item_is_answered_in_order(tmp_path: Path, accident: str) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    answers, from_second = map(int, run([sys.executable, program, accident]).stdout.split())
    assert answers == 5000
    if accident != "none":
        assert from_second == 0
