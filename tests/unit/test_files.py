"""Unfinished folders: gone at the end, deleted when their process was killed, and never a living one's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from filcross import files

WORK = """
import pathlib, sys, time
from filcross import files
with files.unfinished(pathlib.Path(sys.argv[1]), ".site.filcross-") as folder:
    (folder / "some" / "where").mkdir(parents=True)
    (folder / "some").chmod(0o500)
    print(folder, flush=True)
    time.sleep(600)
"""
CROWD = """
import pathlib, sys
from filcross import files
for number in range(60):
    with files.unfinished(pathlib.Path(sys.argv[1]), "work-") as folder:
        (folder / "file").write_text("mine")
        assert (folder / "file").read_text() == "mine"
        (folder / "file").rename(folder / "other")
"""


def worker(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", WORK, folder], stdout=subprocess.PIPE, text=True)


def test_what_the_dead_left_is_deleted_and_the_living_keep_theirs(tmp_path: Path) -> None:
    (tmp_path / ".site.filcross-link").symlink_to(tmp_path)
    (tmp_path / ".site.filcross-file").touch()
    with worker(tmp_path) as dead, worker(tmp_path) as living:
        assert dead.stdout is not None
        assert living.stdout is not None
        left, kept = (process.stdout.readline().strip() for process in (dead, living) if process.stdout)
        dead.send_signal(signal.SIGKILL)
        dead.wait()
        assert Path(left).is_dir()
        with files.unfinished(tmp_path, ".site.filcross-") as own:
            there = {str(path) for path in tmp_path.iterdir() if path.is_dir() and not path.is_symlink()}
            assert there == {kept, str(own)}
        assert (Path(kept) / "some" / "where").is_dir()
        living.kill()
    names = {".site.filcross-link", ".site.filcross-file", Path(kept).name}
    assert {path.name for path in tmp_path.iterdir()} == names


def test_a_crowd_does_not_take_each_others_folders(tmp_path: Path) -> None:
    crowd = [subprocess.Popen([sys.executable, "-c", CROWD, tmp_path]) for _ in range(4)]
    assert [process.wait(timeout=120) for process in crowd] == [0] * 4
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files of another user's")
def test_another_users_folder_stays(tmp_path: Path) -> None:
    other = tmp_path / "work-1"
    other.mkdir()
    os.chown(other, 65534, 65534)
    with files.unfinished(tmp_path, "work-"):
        pass
    assert other.is_dir()


@pytest.mark.parametrize("can_exchange", [True, False])
@pytest.mark.parametrize("there", [True, False])
def test_a_folder_is_put_in_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, can_exchange: bool, there: bool
) -> None:
    if not can_exchange:
        monkeypatch.setattr(files, "_exchange", lambda *_: False)
    place = tmp_path / "place"
    if there:
        place.mkdir()
        (place / "old").touch()
    with files.unfinished(tmp_path, "work-") as work:
        (work / "new").mkdir()
        (work / "new" / "fresh").touch()
        files.put(work / "new", place)
    assert [path.name for path in place.iterdir()] == ["fresh"]
    assert [path.name for path in tmp_path.iterdir()] == ["place"]
