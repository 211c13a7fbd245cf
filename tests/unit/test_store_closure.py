"""Store paths that are asked for and not there: never a good verdict on what is left."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest
from elf_packer import Elf, Sym

from filcross.nix import closure
from filcross.process import run

if TYPE_CHECKING:
    from pathlib import Path

    from filcross.process import Completed

TOP, LOWER = "0123456789abcdfghijklmnpqrsvwxyz-top", "1123456789abcdfghijklmnpqrsvwxyz-lower"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A folder like a store with two store paths, of which a `nix-store` says that one needs the other."""
    folder = tmp_path / "store"
    for name in (TOP, LOWER):
        (folder / name).mkdir(parents=True)
        (folder / name / "file").write_bytes(Elf(dynsyms=[Sym("main")]).pack())
    program = tmp_path / "bin" / "nix-store"
    program.parent.mkdir()
    graph = f'"{TOP}" [label = "top"];\n"{LOWER}" [label = "lower"];\n"{LOWER}" -> "{TOP}" [color = "red"];\n'
    program.write_text(f"#!/bin/sh\ncase $2 in --graph) cat <<'END'\n{graph}END\n;; *) exit 1;; esac\n")
    program.chmod(0o755)
    return folder


def verify(store: Path, *arguments: str | Path) -> Completed:
    environment = {"PATH": f"{store.parent / 'bin'}:{os.environ['PATH']}"}
    return run([sys.executable, "-m", "filcross", "verify", *arguments], env=environment, check=False)


@pytest.mark.parametrize("missing", [f"{TOP}/typo", "00000000000000000000000000000000-typo"])
def test_a_path_that_is_not_there_is_an_error_whatever_else_is(store: Path, missing: str) -> None:
    for paths in ([store / missing], [store / TOP, store / missing]):
        done = verify(store, *paths)
        assert done.exit_code == 2
        assert f"there is no file or folder {store / missing}" in done.stderr


def test_a_part_of_the_closure_that_is_lost_is_an_error(store: Path) -> None:
    assert verify(store, store / TOP).exit_code == 1
    (store / LOWER / "file").unlink()
    (store / LOWER).rmdir()
    done = verify(store, store / TOP)
    assert done.exit_code == 4
    assert f"{store / LOWER} is part of the closure, but not there" in done.stderr
    assert verify(store, store / TOP, "--no-closure").exit_code == 1


def test_a_store_path_that_is_a_link_to_nowhere_is_left_out(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{store.parent / 'bin'}:{os.environ['PATH']}")
    (store / LOWER / "file").unlink()
    (store / LOWER).rmdir()
    (store / LOWER).symlink_to("/nowhere")
    found = closure.runtime_closure([store / TOP])
    assert (found.paths, found.lost) == ((store / TOP,), ())
