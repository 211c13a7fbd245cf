"""Smoke tests with real programs: what passes, what does not, and that servers are stopped."""

from __future__ import annotations

import os
import socket
import time
from typing import TYPE_CHECKING

import pytest

from filcross.matrix.smoke import run
from filcross.matrix.spec import Smoke

if TYPE_CHECKING:
    from pathlib import Path

SERVER = """#!/usr/bin/env python3
import http.server, os, pathlib, sys
pathlib.Path(sys.argv[2]).write_text(str(os.getpid()))
http.server.test(http.server.SimpleHTTPRequestHandler, port=int(sys.argv[1]), bind="127.0.0.1")
"""

GARBLER = """#!/usr/bin/env python3
import socket, sys
s = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
 c, _ = s.accept(); c.recv(999); c.sendall(b"no HTTP\\r\\n\\r\\n"); c.close()
"""
DAEMONS = """#!/bin/sh
sleep 3600 >/dev/null 2>&1 & echo $!
setsid sleep 3600 >/dev/null 2>&1 & echo $!
"""
POUR = "\n while 1: c.sendall(b'x' * 65536)"


@pytest.fixture
def output(tmp_path: Path) -> Path:
    folder = tmp_path / "out" / "bin"
    folder.mkdir(parents=True)
    programs = {
        "say": '#!/bin/sh\necho "got $(cat) $*"\nexit 3\n',
        "sleep": "#!/bin/sh\nsleep 60\n",
        "serve": SERVER,
        "flood": "#!/bin/sh\ntr '\\000' x </dev/zero\n",
        "garble": GARBLER,
        "pour": GARBLER.replace("no HTTP", "HTTP/1.0 200 OK").replace("c.close()", POUR),
        "daemons": DAEMONS,
    }
    for name, text in programs.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    return tmp_path / "out"


@pytest.mark.parametrize(
    ("smoke", "passed", "words"),
    [
        (Smoke(run=("bin/say", "a"), stdin="in", prints="got in a", status=3), True, "say ran"),
        (Smoke(run=("bin/say",), prints="got"), False, "ended with status 3, not 0"),
        (Smoke(run=("bin/say",), prints="nothing", status=3), False, "did not print 'nothing'"),
        (Smoke(run=("bin/none",)), False, "there is no"),
        (Smoke(run=("bin/sleep",), seconds=0.2), False, "did not finish within"),
        (Smoke(serve=("bin/sleep",), get="http://127.0.0.1:@port@/", seconds=0.3), False, "did not answer"),
        (Smoke(serve=("bin/say",), get="http://127.0.0.1:@port@/"), False, "did not answer"),
        (Smoke(run=("bin/flood",)), False, "wrote more than"),
        (
            Smoke(serve=("bin/garble", "@port@"), get="http://127.0.0.1:@port@/", seconds=1),
            False,
            "did not answer",
        ),
    ],
)
def test_the_answer_is_judged(output: Path, smoke: Smoke, *, passed: bool, words: str) -> None:
    answer = run(smoke, output)
    assert answer.passed is passed
    assert words in answer.message


@pytest.mark.parametrize(("wanted", "passed"), [("the page", True), ("another", False)])
def test_a_server_is_asked_and_stopped(output: Path, tmp_path: Path, wanted: str, *, passed: bool) -> None:
    smoke = Smoke(
        serve=("bin/serve", "@port@", str(tmp_path / "pid")),
        get="http://127.0.0.1:@port@/index.html",
        prints=wanted,
        files={"index.html": "this is the page in @folder@"},
    )
    answer = run(smoke, output)
    assert answer.passed is passed, answer
    assert "filcross-smoke-" in answer.printed
    pid = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            break
        time.sleep(0.05)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_ports_are_free(output: Path) -> None:
    answer = run(Smoke(run=("bin/say", "@port@"), status=3), output)
    port = int(answer.printed.split()[-1])
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", port))


def test_an_answer_without_end_is_cut(output: Path) -> None:
    smoke = Smoke(serve=("bin/pour", "@port@"), get="http://127.0.0.1:@port@/", prints="xxx")
    assert run(smoke, output).passed


def test_nothing_that_a_test_started_is_left(output: Path) -> None:
    answer = run(Smoke(run=("bin/daemons",)), output)
    assert answer.passed
    for pid in answer.printed.split():
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), 0)
