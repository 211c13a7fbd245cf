"""The command line as a program: help, version, errors, exit codes."""

from __future__ import annotations

import json
import os
import re
import subprocess
from typing import TYPE_CHECKING

import pytest
from command_line import run

import filcross

if TYPE_CHECKING:
    from pathlib import Path

COMMANDS = [
    "build",
    "cache",
    "doctor",
    "export-patches",
    "matrix",
    "overlay",
    "patch-nixpkgs",
    "plan",
    "ports",
    "seed-sources",
    "survey",
    "toolchain",
    "verify",
    "why",
]


def test_version() -> None:
    done = run("--version")
    assert (done.returncode, done.stdout) == (0, f"filcross {filcross.__version__}\n")


def test_the_readme_and_the_help_have_the_same_exit_codes(repo_root: Path) -> None:
    text = " ".join(re.sub(r"[│╭╮╰╯─]", " ", run("--help", COLUMNS="200").stdout).split())
    readme = (repo_root / "README.md").read_text()
    codes = re.findall(r"(?m)^\| (\d+) \| ", readme)
    assert codes == ["0", "1", "2", "3", "4", "5", "6", "130"]
    assert all(re.search(rf"\b{code} \w", text) for code in codes)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_examples(command: str) -> None:
    done = run(command, "--help", COLUMNS="200")
    assert done.returncode == 0
    subcommands = command in ("toolchain", "matrix", "ports")
    assert subcommands or "Examples:" in done.stdout
    assert subcommands or "--json" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["frobnicate"], 2, "No such command"),
        (["build"], 2, "Missing argument"),
        (["build", "hello", "--bootstrap", "magic"], 2, "is not a value for `bootstrap`"),
        (["build", "hello", "--store", "magic"], 2, "is not a value for `store`"),
        (["build", "a;b", "--nixpkgs", "embedded", "--toolchain", "/nonexistent"], 5, "/nonexistent"),
        (["build", "hello", "--nixpkgs", "/nonexistent/tree"], 2, "is no folder and no known revision"),
        (["build", "hello", "--out-link", "/"], 2, "is no name for a link"),
        (["patch-nixpkgs", "/"], 5, "nixpkgs"),
        (["verify", "/nonexistent"], 2, "/nonexistent"),
        (["verify", "/etc/hostname"], 4, ""),
        (["overlay", "--output", "/proc/x", "--toolchain", "/etc"], 5, "/etc"),
        (["toolchain", "show", "no-such-toolchain"], 5, "no-such-toolchain"),
    ],
)
def test_bad_input_has_a_code_and_words_and_no_traceback(arguments: list[str], code: int, words: str) -> None:
    done = run(*arguments)
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_an_error_is_a_json_document_too() -> None:
    done = run("build", "hello", "--nixpkgs", "/nonexistent", "--json")
    document = json.loads(done.stdout)
    assert document["schema_version"] == 1
    assert document["kind"] == "error"
    assert document["exit_code"] == done.returncode == 2
    assert document["error"]["hint"]


def test_debug_shows_where() -> None:
    done = run("build", "hello", "--nixpkgs", "/nonexistent", "--debug")
    assert "error:" in done.stderr
    assert "Traceback" in done.stderr


def test_a_broken_settings_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "filcross.toml").write_text("nixpkgs = [\n")
    done = run("doctor", cwd=tmp_path)
    assert done.returncode == 2
    assert "filcross.toml" in done.stderr
    assert "Traceback" not in done.stderr


def test_doctor_speaks_json() -> None:
    done = run("doctor", "--json")
    document = json.loads(done.stdout)
    assert document["kind"] == "doctor"
    names = {check["name"] for check in document["checks"]}
    assert {"nix", "setting nixpkgs", "disk for the cache"} <= names
    assert done.returncode == (0 if document["ok"] else 3)


def test_doctor_without_nix_says_how_to_get_it(tmp_path: Path) -> None:
    import shutil

    program = shutil.which("filcross")
    assert program
    done = subprocess.run(
        [program, "doctor"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PATH": str(tmp_path)},
    )
    assert done.returncode == 3
    assert "nix-bin" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_fault_of_our_own_is_reported_without_a_traceback(tmp_path: Path) -> None:
    code = (
        "import filcross.config as c, filcross.cli, sys; c.load = None; sys.argv = ['filcross', 'doctor']; "
    )
    done = subprocess.run(
        ["python", "-c", code + "filcross.cli.main()"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert done.returncode == 4
    assert "a fault of filcross itself: TypeError" in done.stderr
    assert "Traceback" not in done.stderr
    (file,) = tmp_path.glob("filcross-error-*.txt")
    assert str(file) in done.stderr
    assert "Traceback" in file.read_text()


def test_an_answer_that_nobody_reads_is_no_yes() -> None:
    done = subprocess.run(
        ["bash", "-c", "filcross doctor --json | true; exit ${PIPESTATUS[0]}"],
        capture_output=True,
        check=False,
    )
    assert done.returncode != 0
    assert b"Traceback" not in done.stderr
