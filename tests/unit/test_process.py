"""The one process runner: output, statuses, time limits, interrupts, missing programs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from filcross import process
from filcross.errors import FilcrossError, MissingRequirementError


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


def test_output_without_newlines_is_passed_on_in_pieces_and_whole() -> None:
    seen: list[str] = []
    process.run(["sh", "-c", "head -c 9000000 /dev/zero; printf 'a\nb'"], on_stdout=seen.append)
    assert "".join(seen) == "\0" * 9_000_000 + "ab"
    assert seen[-1] == "b"
    assert max(map(len, seen)) < 2_000_000
    dots = [
        "sh",
        "-c",
        "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18; do printf .; sleep 0.01; done",
    ]
    seen.clear()
    process.run(dots, on_stdout=seen.append)
    assert seen == ["." * 18]


@pytest.mark.parametrize("end", ["", "exec >&- 2>&-;"])
def test_whoever_in_the_group_does_not_want_to_end_is_made_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    monkeypatch.setattr(process, "GRACE_SECONDS", 0.5)
    marker = tmp_path / "pid"
    deaf = f"{end} sh -c 'trap : TERM; echo $$ > {marker}; while :; do sleep 0.1; done' & wait"
    with pytest.raises(process.ProcessTimeoutError):
        process.run(["sh", "-c", deaf], timeout=0.5)
    assert _gone(int(marker.read_text()))
    with process.background(["sh", "-c", deaf]):
        time.sleep(0.5)
    assert _gone(int(marker.read_text()))


def test_a_group_is_ended_where_there_is_no_list_of_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: str) -> None:
        raise FileNotFoundError(path)

    marker = tmp_path / "pid"
    monkeypatch.setattr(process, "GRACE_SECONDS", 0.5)
    monkeypatch.setattr(os, "scandir", refuse)
    deaf = f"sh -c 'trap : TERM; echo $$ > {marker}; while :; do sleep 0.1; done' & wait"
    with pytest.raises(process.ProcessTimeoutError):
        process.run(["sh", "-c", deaf], timeout=0.5)
    assert _gone(int(marker.read_text()))


def test_a_server_that_writes_more_than_is_kept_runs_on() -> None:
    with process.background(["sh", "-c", "seq 100000; exec sleep 60"], most=1000) as server:
        deadline = time.monotonic() + 20
        while len(server.printed) < 1000 and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.5)
        assert server.alive
        assert len(server.printed) == 1000


@pytest.mark.parametrize("keywords", [{"env": {"A": "a\0"}}, {"env": {"A=B": "a"}}, {"env": {"A": "\ud800"}}])
def test_what_no_program_can_be_given_is_an_error_in_words(keywords: dict[str, dict[str, str]]) -> None:
    with pytest.raises(FilcrossError, match="cannot be started"):
        process.run(["true"], env=keywords["env"])


def test_an_argument_list_that_is_too_long_is_shown_in_part() -> None:
    with pytest.raises(FilcrossError, match="Argument list too long") as caught:
        process.run(["true", "x" * 300_000])
    assert len(caught.value.message) < 2000


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FilcrossError, match=r"cannot be started in .*/nowhere: No such file"):
        process.run(["true"], cwd=tmp_path / "nowhere")


def test_input_may_be_bytes_that_are_no_text() -> None:
    assert process.run(["od", "-An", "-tx1"], stdin="a\udcff").stdout.split() == ["61", "ff"]


@pytest.mark.parametrize("body", ["run(['sleep', '60'])", "background(['sleep', '60']).__enter__()"])
def test_an_interrupt_at_any_moment_leaves_no_child(tmp_path: Path, body: str) -> None:
    """At each line of this module and of contextlib, from when the child is there until it is waited for."""
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent(f"""
        import os, selectors, signal, subprocess, sys
        from filcross import process

        aim = seen = 0
        fired = False

        def take(frame, event, argument):
            global seen, fired
            if event == "line" and process._running and not fired:
                seen += 1
                if seen == aim:
                    fired = True
                    signal.raise_signal(signal.SIGINT)
            return take

        def trace(frame, event, argument):
            if frame.f_code.co_filename.endswith(("filcross/process.py", "contextlib.py")):
                return take

        for aim in range(1, 31):
            seen, fired = 0, False
            sys.settrace(trace)
            try:
                process.{body}
            except KeyboardInterrupt:
                pass
            sys.settrace(None)
            if not fired:
                break
            left = [pid for pid, state, parent, _ in process._processes() if parent == os.getpid()]
            assert not left, (aim, left)
        print("tried", aim)
    """)
    )
    command = ["timeout", "60", "env", "--default-signal=INT", sys.executable, str(script)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[1]) > 10


@pytest.mark.parametrize("end", ["sys.exit(3)", "raise KeyboardInterrupt", "os.kill(os.getpid(), 15)"])
def test_a_child_that_nobody_waits_for_ends_with_the_program(tmp_path: Path, end: str) -> None:
    marker = tmp_path / "pid"
    script = textwrap.dedent(f"""
        import os, sys, time
        from pathlib import Path
        from filcross import cli, process

        def work():
            for _ in range(2):  # the second must not start when the first is ended
                process.run(["sh", "-c", "echo $$ >> {marker}; exec sleep 60"], check=False)

        def app(**_):
            process.meanwhile(work)
            while not (Path("{marker}").exists() and Path("{marker}").read_text()):
                time.sleep(0.02)
            {end}

        cli.app, cli._register = app, list
        cli.main()
    """)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=30, check=False)
    assert done.returncode in (3, 130)
    (pid,) = map(int, marker.read_text().split())
    assert _gone(pid)


def test_what_is_done_meanwhile_answers_or_fails_when_it_is_waited_for() -> None:
    answer = process.meanwhile(lambda: process.run(["echo", "yes"]).stdout)
    failure = process.meanwhile(lambda: process.run(["false"]))
    assert answer() == "yes\n"
    with pytest.raises(process.ProcessFailedError):
        failure()


def test_where_no_thread_can_be_started_it_is_done_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError(f"can't start new thread {thread.name}")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert process.meanwhile(lambda: process.run(["echo", "yes"]).stdout)() == "yes\n"


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
