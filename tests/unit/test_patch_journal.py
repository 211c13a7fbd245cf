"""Crashes, locks, full and read-only file systems: no file is ever half written."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import threading
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import filcross
from filcross.errors import FilcrossError, MissingRequirementError, UnsupportedInputError, UsageError
from filcross.nixpkgs import journal, patch
from filcross.nixpkgs.checkout import ROLES, open_checkout

if TYPE_CHECKING:
    from collections.abc import Callable

DATA = Path(__file__).resolve().parent.parent / "data" / "patch"
COMMAND = [sys.executable, "-c", "from filcross.cli import main; main()", "patch-nixpkgs"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(filcross.__file__).parent.parent), "NO_COLOR": "1"}

UNEXPECTED = 70


@pytest.fixture
def hand(tmp_path: Path) -> Path:
    shutil.copytree(DATA / "hand", tmp_path / "hand")
    return tmp_path / "hand"


def contents(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()
    }


def replacements(root: Path) -> list[journal.Replacement]:
    files = patch.plan(open_checkout(root)).files
    return [journal.Replacement(change.path, change.pristine, change.patched) for change in files]


def interrupted(root: Path, done: int) -> None:
    """Leave what a crash after `done` renames leaves."""
    items = replacements(root)
    with journal.locked(root):
        for item in items:
            journal._write_synced(journal._temporary(root, item.path), item.after, like=root / item.path)
        journal._write_journal(root, items)
        journal._rename_all(root, [item.path for item in items[:done]])


def test_a_kill_before_every_step(repo_root: Path) -> None:
    campaign = subprocess.run(
        [sys.executable, repo_root / "scripts" / "kill-campaign", "--every-step", "--json"],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert campaign.returncode == 0, campaign.stdout + campaign.stderr
    seen = json.loads(campaign.stdout)["seen"]
    assert seen["killed between two files"] >= 2 * (len(ROLES) - 1)
    assert seen["recovery: finished"] > seen["killed between two files"]
    assert seen["killed"] == seen["steps of a patch"] + seen["steps of a revert"]


def test_random_kills_of_the_command(repo_root: Path) -> None:
    campaign = subprocess.run(
        [sys.executable, repo_root / "scripts" / "kill-campaign", "--kills", "12", "--seed", "7", "--json"],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert campaign.returncode == 0, campaign.stdout + campaign.stderr
    assert json.loads(campaign.stdout)["problems"] == []


@pytest.mark.parametrize("done", range(len(ROLES) + 1))
def test_an_interrupted_patch_is_finished(hand: Path, done: int) -> None:
    interrupted(hand, done)
    assert patch.recover(hand) == "finished"
    assert patch.plan(open_checkout(hand)).state is patch.State.PATCHED
    assert patch.recover(hand) is None
    assert not list(hand.rglob(".*filcross*"))


def test_an_interrupted_patch_is_undone_when_its_new_files_are_gone(hand: Path) -> None:
    before = contents(hand)
    interrupted(hand, 2)
    journal._temporary(hand, "lib/systems/examples.nix").unlink()
    assert patch.recover(hand) == "undone"
    assert contents(hand) == before


def test_a_file_changed_after_the_crash_is_never_overwritten(hand: Path) -> None:
    interrupted(hand, 2)
    (hand / "lib/systems/inspect.nix").write_text("mine")
    before = contents(hand)
    with pytest.raises(UnsupportedInputError, match=r"somebody changed lib/systems/inspect\.nix"):
        patch.recover(hand)
    assert contents(hand) == before


def test_apply_and_revert_put_an_interrupted_tree_right_themselves(hand: Path) -> None:
    before = contents(hand)
    interrupted(hand, 3)
    assert patch.apply(open_checkout(hand)).changed == ()
    patch.revert(open_checkout(hand))
    assert contents(hand) == before


def test_a_forged_journal_changes_nothing(hand: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(b"old")
    interrupted(hand, 0)
    file = hand / journal.JOURNAL
    document = json.loads(file.read_text())
    document["files"][0]["path"] = "../outside"
    file.write_text(json.dumps(document))
    with pytest.raises(UnsupportedInputError, match="was not written by filcross"):
        patch.recover(hand)
    file.write_text("not json")
    with pytest.raises(UnsupportedInputError, match="is not a journal"):
        patch.recover(hand)
    assert outside.read_bytes() == b"old"


def test_a_journal_that_is_a_link_is_not_followed(hand: Path, tmp_path: Path) -> None:
    interrupted(hand, 0)
    (hand / journal.JOURNAL).rename(tmp_path / "journal")
    (hand / journal.JOURNAL).symlink_to(tmp_path / "journal")
    with pytest.raises(MissingRequirementError):
        patch.recover(hand)


def test_a_file_that_changes_meanwhile_is_kept(hand: Path) -> None:
    items = replacements(hand)
    (hand / items[1].path).write_text("mine")
    before = contents(hand)
    with journal.locked(hand), pytest.raises(UnsupportedInputError, match="changed while filcross worked"):
        journal.replace(hand, items)
    assert contents(hand) == before


def test_the_second_of_two_waits_and_says_so(hand: Path) -> None:
    release = threading.Event()
    held = threading.Event()

    def hold() -> None:
        with journal.locked(hand):
            held.set()
            release.wait()

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait()
    said: list[str] = []

    def on_wait(sentence: str) -> None:
        said.append(sentence)
        release.set()

    done = patch.apply(open_checkout(hand), on_wait=on_wait)
    holder.join()
    assert len(done.changed) == len(ROLES)
    assert len(said) == 1
    assert "waiting" in said[0]


def test_several_commands_at_once_on_one_tree(hand: Path) -> None:
    children = [
        subprocess.Popen(
            [*COMMAND, str(hand), "--no-prove"], env=ENVIRONMENT, stderr=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    said = [child.communicate()[1] for child in children]
    assert [child.returncode for child in children] == [0] * 4, said
    assert sum("patched " in text and "already" not in text for text in said) == 1
    assert patch.plan(open_checkout(hand)).state is patch.State.PATCHED


def test_copies(hand: Path, tmp_path: Path) -> None:
    (hand / ".git").mkdir()
    (hand / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (hand / "run").write_text("#!/bin/sh\n")
    (hand / "run").chmod(0o755)
    (hand / "link").symlink_to("run")
    before = contents(hand)
    checkout = open_checkout(hand)

    done = patch.copy_and_patch(checkout, tmp_path / "new" / "copy")
    assert done.checkout.root == (tmp_path / "new" / "copy").resolve()
    assert len(done.changed) == len(ROLES)
    assert contents(hand) == before
    copy = contents(done.checkout.root)
    assert {name for name in before if before[name] != copy[name]} == set(done.changed)
    assert copy.keys() == before.keys()
    assert (done.checkout.root / "run").stat().st_mode & stat.S_IXUSR
    assert (done.checkout.root / "link").is_symlink()
    assert (done.checkout.root / "run").stat().st_ino != (hand / "run").stat().st_ino
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["copy"]

    without = patch.copy_and_patch(checkout, tmp_path / "without", with_git=False)
    assert not (without.checkout.root / ".git").exists()


def test_a_copy_whose_check_fails_is_not_there(hand: Path, tmp_path: Path) -> None:
    def check(root: Path) -> None:
        assert patch.plan(open_checkout(root)).state is patch.State.PATCHED
        raise UnsupportedInputError("no")

    with pytest.raises(UnsupportedInputError):
        patch.copy_and_patch(open_checkout(hand), tmp_path / "copy", check=check)
    assert [path.name for path in tmp_path.iterdir()] == ["hand"]


def test_copies_that_cannot_be(hand: Path, tmp_path: Path) -> None:
    checkout = open_checkout(hand)
    (tmp_path / "there").mkdir()
    with pytest.raises(UsageError, match="exists already"):
        patch.copy_and_patch(checkout, tmp_path / "there")
    with pytest.raises(UsageError, match="inside the tree"):
        patch.copy_and_patch(checkout, hand / "copy")


def test_what_a_killed_copy_left_is_replaced(hand: Path, tmp_path: Path) -> None:
    stale = tmp_path / ".copy.filcross-partial"
    stale.mkdir()
    (stale / "file").write_text("stale")
    (stale / "sealed").mkdir(mode=0o500)
    done = patch.copy_and_patch(open_checkout(hand), tmp_path / "copy")
    assert not (done.checkout.root / "file").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy", "hand"]


def test_the_copy_of_a_tree_without_write_permission_can_be_written(hand: Path, tmp_path: Path) -> None:
    for path in [*hand.rglob("*"), hand]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    done = patch.copy_and_patch(open_checkout(hand), tmp_path / "copy")
    assert done.checkout.root.stat().st_mode & stat.S_IWUSR
    assert (done.checkout.root / "lib").stat().st_mode & stat.S_IWUSR
    for path in [hand, *hand.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)


def test_the_copy_of_an_interrupted_tree_is_put_right(hand: Path, tmp_path: Path) -> None:
    interrupted(hand, 2)
    done = patch.copy_and_patch(open_checkout(hand), tmp_path / "copy")
    assert patch.plan(done.checkout).state is patch.State.PATCHED
    assert not list(done.checkout.root.rglob(".*filcross*"))


def in_namespace(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a shell script that may mount file systems nobody else sees."""
    probe = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"],
        capture_output=True,
        check=False,
    )
    if probe.returncode != 0:
        pytest.skip("this machine allows no mounts in a namespace of one's own")
    return subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-euc", script, "sh", *arguments],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_no_space_left(hand: Path) -> None:
    script = """
tree=$1; shift
mount -t tmpfs -o size=160k none /mnt
cp -r "$tree/lib" "$tree/pkgs" /mnt/
dd if=/dev/zero of=/mnt/fill bs=4k count=100 2>/dev/null || true
for room in 0 4 12; do
  truncate -s -${room}K /mnt/fill
  code=0; "$@" /mnt --no-prove || code=$?
  echo "code $code"
  find /mnt -name '*filcross*'
  diff -r "$tree/lib" /mnt/lib && diff -r "$tree/pkgs" /mnt/pkgs && echo intact
done
code=0; "$@" "$tree" --output /mnt/copy --no-prove || code=$?
echo "code $code"
ls -A /mnt
rm /mnt/fill
"$@" /mnt --no-prove && echo patched
"""
    done = in_namespace(script, str(hand), *COMMAND)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [
        *["code", "3", "intact"] * 3,
        *["code", "3", "fill", "lib", "pkgs"],
        "patched",
    ]
    assert done.stderr.count("No space left on device; no file was left half written") >= 3
    assert "help: free some space" in done.stderr


def test_a_read_only_tree(hand: Path, tmp_path: Path) -> None:
    script = """
tree=$1; out=$2; shift 2
mount --bind "$tree" "$tree"
mount -o remount,bind,ro "$tree"
for options in "" --check --diff; do
  code=0; "$@" "$tree" --no-prove $options >/dev/null || code=$?
  echo "code $code"
done
"$@" "$tree" --output "$out" --no-prove && echo copied
"""
    done = in_namespace(script, str(hand), str(tmp_path / "copy"), *COMMAND)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["code", "3", "code", "1", "code", "0", "copied"]
    assert "read-only" in done.stderr
    assert "--output DIR" in done.stderr
    assert patch.plan(open_checkout(tmp_path / "copy")).state is patch.State.PATCHED


def test_a_patched_read_only_tree_is_already_patched(hand: Path) -> None:
    patch.apply(open_checkout(hand))
    script = """
tree=$1; shift
mount --bind "$tree" "$tree"
mount -o remount,bind,ro "$tree"
"$@" "$tree" --no-prove
"""
    done = in_namespace(script, str(hand), *COMMAND)
    assert done.returncode == 0, done.stderr
    assert "already patched" in done.stderr


def as_nobody(root: Path, action: Callable[[], object]) -> tuple[int, str]:
    """Return the exit code and the hint with which `action` fails for a user without any rights on `root`."""
    for folder in root.parents:  # let the user come as far as the tree
        if folder.stat().st_uid == 0 and not folder.stat().st_mode & stat.S_IXOTH:
            folder.chmod(folder.stat().st_mode | stat.S_IXOTH)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:  # forked, because the other user may not be able to read the folder of the packages
        os.setgroups([])
        os.setresgid(65534, 65534, 65534)
        os.setresuid(65534, 65534, 65534)
        try:
            action()
        except FilcrossError as error:
            os.write(writing, (error.hint or "").encode())
            os._exit(error.exit_code)
        except BaseException:  # noqa: BLE001 - whatever it is, this copy of the test run ends here
            os.write(writing, traceback.format_exc().encode())
            os._exit(UNEXPECTED)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as stream:
        hint = stream.read()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), hint


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_tree_of_somebody_else(hand: Path) -> None:
    before = contents(hand)
    hand.chmod(0o755)
    code, hint = as_nobody(hand, lambda: patch.apply(open_checkout(hand)))
    assert code == 3, hint
    assert "--output DIR" in hint
    hand.chmod(0o700)
    code, hint = as_nobody(hand, lambda: open_checkout(hand))
    assert code == 3, hint
    assert "permissions" in hint
    assert contents(hand) == before
