"""The cache: what is in it, and what goes."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

import filcross.cli as command_line
from filcross import cache, config
from filcross.errors import UsageError
from filcross.nixpkgs import copies

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a cache with a young and an old copy, a lock, a store, and something of another version."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    root = config.cache_dir()
    for name in ("trees-v1/young/nixpkgs", "trees-v1/old/nixpkgs", "nix/store/a", "trees-v0/b"):
        (root / name).mkdir(parents=True)
        (root / name / "file").write_bytes(b"x" * 9000)
    (root / "trees-v1" / "old.lock").touch()
    (root / "trees-v1" / "old" / "nixpkgs").chmod(0o500)
    long_ago = time.time() - 2 * copies.KEEP_SECONDS
    os.utime(root / "trees-v1" / "old", (long_ago, long_ago))
    return root


def names(folder: Path) -> list[str]:
    return sorted(f"{path.parent.name}/{path.name}" for path in folder.glob("*/*"))


def test_the_cache_is_measured(folder: Path) -> None:
    found = {bucket.name: bucket for bucket in cache.measure()}
    assert found.keys() == {"trees-v1", "trees-v0", "nix"}
    assert found["trees-v1"].items == 2
    assert found["trees-v1"].bytes >= 18000
    assert found["trees-v0"].what == "of another version of filcross"
    assert names(folder) == ["nix/store", "trees-v0/b", "trees-v1/old", "trees-v1/old.lock", "trees-v1/young"]


def test_what_is_old_goes(folder: Path) -> None:
    removed = {bucket.name: bucket.items for bucket in cache.prune(everything=False)}
    assert removed == {"trees-v1": 1, "trees-v0": 1}
    assert names(folder) == ["nix/store", "trees-v1/old.lock", "trees-v1/young"]
    assert not (folder / "trees-v0").exists()


def test_everything_but_the_store_goes(folder: Path) -> None:
    cache.prune(everything=True)
    assert names(folder) == ["nix/store", "trees-v1/old.lock"]


def test_a_cache_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "none"))
    assert cache.measure() == ()
    assert cache.prune(everything=True) == ()
    assert not (tmp_path / "none").exists()


def test_the_command(folder: Path) -> None:
    command_line._register([])
    run = CliRunner().invoke
    assert run(command_line.app, ["cache", "dir"]).stdout.strip() == str(folder)
    document = json.loads(run(command_line.app, ["cache", "--json", "--quiet"]).stdout)
    assert document["kind"] == "cache"
    assert document["bytes"] == sum(bucket["bytes"] for bucket in document["buckets"])
    pruned = run(command_line.app, ["cache", "prune", "--all"])
    assert pruned.exit_code == 0
    assert "removed" in pruned.stderr
    assert isinstance(run(command_line.app, ["cache", "burn"]).exception, UsageError)
    assert isinstance(run(command_line.app, ["cache", "--all"]).exception, UsageError)
