"""The scripts that a newcomer runs: what they refuse, and that they leave nothing behind then."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

OLD_PYTHON = '#!/bin/sh\ncase $* in *version_info*) exit 1 ;; esac\necho "Python 3.9.2"\n'


def run(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )


@pytest.fixture
def old_python(tmp_path: Path) -> str:
    program = tmp_path / "python3.9"
    program.write_text(OLD_PYTHON)
    program.chmod(0o755)
    return str(program)


@pytest.mark.parametrize("script", ["scripts/quickstart", "ci/test", "scripts/prepare-host"])
def test_an_old_python_ends_the_run_before_anything_is_made(
    repo_root: Path, tmp_path: Path, old_python: str, script: str
) -> None:
    venv = tmp_path / "venv"
    done = run(repo_root / script, PYTHON=old_python, FILCROSS_VENV=str(venv), FILCROSS_TEST_VENV=str(venv))
    assert done.returncode == 3
    assert "Python 3.9.2 is too old" in done.stderr
    assert "PYTHON=python3.12" in done.stderr
    assert not venv.exists()


def test_a_folder_for_temporary_files_that_is_not_there(repo_root: Path, tmp_path: Path) -> None:
    done = run(repo_root / "scripts/prepare-host", TMPDIR=str(tmp_path / "none"))
    assert done.returncode == 3
    assert "(named by TMPDIR)" in done.stderr


def test_an_old_python_makes_no_environment(repo_root: Path, tmp_path: Path, old_python: str) -> None:
    done = run(repo_root / "scripts/make-venv", tmp_path / "venv", repo_root, PYTHON=old_python)
    assert done.returncode == 3
    assert "too old" in done.stderr
    assert not (tmp_path / "venv").exists()


def test_a_folder_with_other_things_is_not_emptied(repo_root: Path, tmp_path: Path) -> None:
    precious = tmp_path / "home" / "precious"
    precious.parent.mkdir()
    precious.write_text("mine")
    done = run(repo_root / "scripts/make-venv", precious.parent, repo_root)
    assert done.returncode == 2
    assert "holds other things" in done.stderr
    assert [path.name for path in precious.parent.iterdir()] == ["precious"]
    assert precious.read_text() == "mine"


def test_without_a_place_for_the_environment(repo_root: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = run(repo_root / "scripts/make-venv", tmp_path / "file" / "venv", repo_root)
    assert done.returncode == 3
    assert "FILCROSS_VENV" in done.stderr


def test_what_a_killed_run_left_is_made_again(repo_root: Path, tmp_path: Path) -> None:
    """Without a network the packages cannot be had; the leftovers are gone all the same, and marked."""
    venv = tmp_path / "it's a venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "half").write_text("")
    (venv / ".filcross-stamp").write_text("unfinished\n")
    nowhere = {
        "PIP_INDEX_URL": f"file://{tmp_path}/none",
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(tmp_path),
    }
    done = run(repo_root / "scripts/make-venv", venv, repo_root, **nowhere, PIP_CONFIG_FILE="/dev/null")
    assert done.returncode == 3
    assert "pip could not install" in done.stderr
    assert not (venv / "bin" / "half").exists()
    assert (venv / ".filcross-stamp").read_text() == "unfinished\n"


def test_a_checkout_that_cannot_be_written_has_its_things_in_the_cache(
    repo_root: Path, tmp_path: Path
) -> None:
    code = '. "$1"; workplace "$2"'
    script = repo_root / "scripts/workplace.sh"
    done = run("bash", "-c", code, "bash", script, "/nonexistent", XDG_CACHE_HOME=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout).parent == tmp_path / "filcross" / "checkouts"
    assert Path(done.stdout).is_dir()
    assert "cannot be written" in done.stderr
    there = run("bash", "-c", code, "bash", script, tmp_path, XDG_CACHE_HOME="/nonexistent")
    assert there.stdout == str(tmp_path)
    nowhere = run("bash", "-c", code, "bash", script, "/nonexistent", XDG_CACHE_HOME="/proc/none")
    assert nowhere.returncode == 3
    assert "XDG_CACHE_HOME" in nowhere.stderr
