"""The one process runner: output, statuses, time limits, interrupts, missing programs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from filcross import process
from filcross.errors import MissingRequirementError


def test_output_and_status_are_kept() -> None:
    done = process.run(["sh", "-c", "echo out; echo err >&2; printf tail; exit 7"], check=False)
    assert (done.exit_code, done.stdout, done.stderr) == (7, "out\ntail", "err\n")


def test_a_failure_shows_the_command_and_the_end_of_its_output() -> None:
    with pytest.raises(process.ProcessFailedError) as caught:
        process.run(["sh", "-c", "seq 1 100 >&2; exit 9"], hint="look there")
    assert "exit code 9" in caught.value.message
    assert caught.value.details == tuple(str(n) for n in range(76, 101))
    assert caught.value.hint == "look there"


def test_arguments_reach_the_child_unchanged(tmp_path: Path) -> None:
    odd = ["a b", "'", '"', "$HOME", "*", "", "ü\n;"]
    script = "import sys, json; print(json.dumps(sys.argv[1:]))"
    done = process.run([sys.executable, "-c", script, *odd], cwd=tmp_path)
    assert done.stdout.strip() == '["a b", "\'", "\\"", "$HOME", "*", "", "\\u00fc\\n;"]'


def test_a_signal_is_a_negative_status() -> None:
    assert process.run(["sh", "-c", "kill -9 $$"], check=False).exit_code == -signal.SIGKILL


def test_no_terminal_and_the_c_locale(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    done = process.run(["sh", "-c", 'test -t 1 && echo tty; test -t 0 && echo tty; echo "$LC_ALL"'])
    assert done.stdout == "C\n"


def test_bytes_that_are_no_text_do_not_stop_it() -> None:
    done = process.run(["sh", "-c", r"printf 'a\377b\n'"])
    assert done.stdout == "a�b\n"


def test_lines_come_one_by_one() -> None:
    seen: list[str] = []
    process.run(["sh", "-c", "echo one >&2; echo two >&2"], on_stderr=seen.append)
    assert seen == ["one", "two"]


def test_of_lines_that_are_passed_on_only_the_end_is_kept() -> None:
    seen: list[str] = []
    command = ["sh", "-c", "seq 3000000 >&2; exit 3"]
    with pytest.raises(process.ProcessFailedError) as caught:
        process.run(command, on_stderr=seen.append)
    assert len(seen) == 3_000_000
    assert caught.value.details == tuple(str(number) for number in range(2_999_976, 3_000_001))
    assert len(caught.value.completed.stderr) < 15_000_000


def test_input_reaches_the_child_and_may_be_left_unread() -> None:
    text = "ü\n" * 200_000  # more than a pipe holds
    assert process.run(["cat"], stdin=text).stdout == text
    assert process.run(["true"], stdin=text).exit_code == 0
    assert process.run(["cat"]).stdout == ""


def test_a_daemon_that_keeps_the_pipes_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_LINGER", 0.1)
    done = process.run(["sh", "-c", "sleep 60 & echo $!"])
    os.kill(int(done.stdout), signal.SIGKILL)


def test_what_fails_while_a_line_is_taken_ends_the_child() -> None:
    pids: list[int] = []

    def take(line: str) -> None:
        pids.append(int(line))
        raise ValueError(line)

    with pytest.raises(ValueError, match=r"[0-9]+"):
        process.run(["sh", "-c", "echo $$; sleep 60"], on_stdout=take)
    assert _gone(*pids)


def test_what_is_done_meanwhile_answers_or_fails_when_it_is_waited_for() -> None:
    answer = process.meanwhile(lambda: process.run(["echo", "yes"]).stdout)
    failure = process.meanwhile(lambda: process.run(["false"]))
    assert answer() == "yes\n"
    with pytest.raises(process.ProcessFailedError):
        failure()


def test_a_missing_program_is_named_with_a_hint() -> None:
    with pytest.raises(MissingRequirementError) as caught:
        process.run(["nix-build", "--version"], env={"PATH": "/nonexistent"})
    assert "nix-build" in caught.value.message
    assert "nix-bin" in (caught.value.hint or "")


def test_a_time_limit_ends_the_whole_group(tmp_path: Path) -> None:
    marker = tmp_path / "pid"
    with pytest.raises(process.ProcessTimeoutError):
        process.run(["sh", "-c", f"sleep 60 & echo $! > {marker}; wait"], timeout=0.5)
    assert _gone(int(marker.read_text()))


def test_an_interrupt_ends_the_child_too(tmp_path: Path) -> None:
    marker = tmp_path / "pid"
    script = textwrap.dedent(f"""
        from filcross import process
        process.run(["sh", "-c", "sleep 60 & echo $! > {marker}; wait"])
    """)
    # A run in the background inherits that interrupts are ignored.
    command = ["env", "--default-signal=INT", sys.executable, "-c", script]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as child:
        deadline = time.monotonic() + 20
        while not (marker.exists() and marker.read_text().strip()) and time.monotonic() < deadline:
            time.sleep(0.02)
        child.send_signal(signal.SIGINT)
        child.wait(timeout=20)
    assert child.returncode != 0
    assert _gone(int(marker.read_text()))


def _gone(pid: int) -> bool:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        stat = Path(f"/proc/{pid}/stat")
        if stat.exists() and stat.read_text().rsplit(")", 1)[1].split()[0] == "Z":
            return True
        time.sleep(0.05)
    return False


def test_a_program_without_its_interpreter_is_an_error_in_words(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("#!/no/such/interpreter\n")
    program.chmod(0o755)
    with pytest.raises(MissingRequirementError, match="cannot be started") as caught:
        process.run([program])
    assert "No such file or directory" in caught.value.message
    assert caught.value.hint
