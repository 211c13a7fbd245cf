"""Smoke tests: run a program that was built, or talk to a server, and look at the answer."""

from __future__ import annotations

import grp
import http.client
import os
import pwd
import socket
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from filcross import process
from filcross.errors import FilcrossError
from filcross.files import unfinished

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from filcross.matrix.spec import Smoke

SHOWN_CHARACTERS = 4000
MOST_CHARACTERS = 16_000_000
_POLL_SECONDS = 0.05
_PIECE = 65536


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a smoke test: whether it is as it should be, a sentence, and what was printed."""

    passed: bool
    message: str
    printed: str


def run(smoke: Smoke, output: Path, outputs: Mapping[str, Path] | None = None) -> Answer:
    """Do the smoke test with the program below `output` (a store path or a link to one).

    `outputs` are all outputs of the package by name; the test may name them, such as `@dev@`. What it leaves
    behind, daemons too, is gone afterwards.
    """
    with (
        unfinished(Path(tempfile.gettempdir()), "filcross-smoke-") as folder,
        process.no_orphans(),
    ):
        fill = _filler(folder, {**(outputs or {}), "out": output})
        for name, text in smoke.files.items():
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(fill(text), encoding="utf-8")
        command = [fill(word) for word in smoke.serve or smoke.run]
        command[0] = str(output / command[0])
        if not Path(command[0]).is_file():
            return Answer(passed=False, message=f"there is no {command[0]}", printed="")
        if smoke.serve:
            return _serve(smoke, command, fill(smoke.get), fill(smoke.prints), folder)
        return _run(smoke, command, fill(smoke.prints), folder)


def _filler(folder: Path, outputs: Mapping[str, Path]) -> Callable[[str], str]:
    try:
        user, group = pwd.getpwuid(os.geteuid()).pw_name, grp.getgrgid(os.getegid()).gr_name
    except KeyError:  # containers run as numbers without a name
        user, group = str(os.geteuid()), str(os.getegid())
    values = {
        **{name: str(path) for name, path in outputs.items()},
        "folder": str(folder),
        "port": str(_free_port()),
        "user": user,
        "group": group,
    }

    def fill(text: str) -> str:
        for name, value in values.items():
            text = text.replace(f"@{name}@", value)
        return text

    return fill


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _run(smoke: Smoke, command: list[str], wanted: str, folder: Path) -> Answer:
    try:
        done = process.run(
            command,
            cwd=folder,
            stdin=smoke.stdin,
            check=False,
            timeout=smoke.seconds,
            env={"HOME": str(folder)},
            most=MOST_CHARACTERS,
        )
    except FilcrossError as error:
        return Answer(passed=False, message=error.message, printed="\n".join(error.details))
    printed = (done.stdout + done.stderr)[-SHOWN_CHARACTERS:]
    program = Path(command[0]).name
    if done.exit_code != smoke.status:
        return Answer(
            passed=False,
            message=f"{program} ended with status {done.exit_code}, not {smoke.status}",
            printed=printed,
        )
    if wanted not in done.stdout + done.stderr:
        return Answer(passed=False, message=f"{program} did not print {wanted!r}", printed=printed)
    return Answer(passed=True, message=f"{program} ran", printed=printed)


def _serve(smoke: Smoke, command: list[str], url: str, wanted: str, folder: Path) -> Answer:
    program = Path(command[0]).name
    with process.background(command, cwd=folder, env={"HOME": str(folder)}, most=MOST_CHARACTERS) as server:
        answer = _ask(url, server, time.monotonic() + smoke.seconds)
    printed = server.printed[-SHOWN_CHARACTERS:]
    if answer is None:
        return Answer(passed=False, message=f"{program} did not answer", printed=printed)
    if wanted not in answer:
        return Answer(
            passed=False, message=f"{program} answered without {wanted!r}", printed=answer[-SHOWN_CHARACTERS:]
        )
    return Answer(passed=True, message=f"{program} answered", printed=answer[-SHOWN_CHARACTERS:])


def _ask(url: str, server: process.Background, deadline: float) -> str | None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while time.monotonic() < deadline and server.alive:
        try:
            with opener.open(url, timeout=max(0.1, deadline - time.monotonic())) as answer:
                return _read(answer, deadline)
        except (OSError, http.client.HTTPException):
            time.sleep(_POLL_SECONDS)
    return None


def _read(answer: http.client.HTTPResponse, deadline: float) -> str:
    """Return the text of an answer: what came until `deadline`, and no more than is kept of a program."""
    text = bytearray()
    while len(text) < MOST_CHARACTERS and time.monotonic() < deadline and (piece := answer.read1(_PIECE)):
        text += piece
    return text.decode("utf-8", "replace")
