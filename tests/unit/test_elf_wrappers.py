"""Wrappers: what a script or a generated program starts, and what only looks as if it did."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from filcross.elf import wrappers

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ('exec -a "$0" "/nix/store/x/bin/.app-wrapped"  "$@"', ("/nix/store/x/bin/.app-wrapped",)),
        ('exec /bin/app --option "$@"', ("/bin/app",)),
        ("exec '/a b/app' x", ("/a b/app",)),
        ("test -x /y || exec -- /bin/other;", ("/bin/other",)),
        ("exec -c -l /bin/login", ("/bin/login",)),
        ('exec "$HOME/app"', ()),
        ('exec "/bin/$name"', ()),
        ("# exec /bin/comment", ()),
        ("exec 3</dev/null", ()),
        ("execute /bin/app", ()),
    ],
)
@pytest.mark.parametrize("shell", ["#!/bin/sh", "#! /nix/store/x-bash/bin/bash -e", "#!/usr/bin/env bash"])
def test_a_shell_script_names_what_it_starts(
    tmp_path: Path, line: str, found: tuple[str, ...], shell: str
) -> None:
    script = tmp_path / "script"
    script.write_text(f"{shell}\nexport A=1\n{line}\n")
    assert wrappers.started_by_script(str(script)) == found
    assert wrappers.is_script(str(script))


def test_what_is_no_shell_script_starts_nothing(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("#!/usr/bin/python3\nexec /bin/app\n")
    assert wrappers.started_by_script(str(script)) == ()
    script.write_text("exec /bin/app\n")
    assert wrappers.started_by_script(str(script)) == ()
    assert not wrappers.is_script(str(script))
    assert wrappers.started_by_script(str(tmp_path)) == ()
    assert wrappers.started_by_script(str(tmp_path / "absent")) == ()
    os.mkfifo(tmp_path / "fifo")
    assert wrappers.started_by_script(str(tmp_path / "fifo")) == ()


def test_a_generated_program_holds_the_command_that_made_it() -> None:
    text = b"\0# made by:\n\n\nmakeCWrapper '/nix/store/x/bin/.app-wrapped' \\\n    --inherit-argv0\n\0more\0"
    assert wrappers.started_by_program(text) == "/nix/store/x/bin/.app-wrapped"
    assert wrappers.started_by_program(b"makeCWrapper /bin/app \\\n") == "/bin/app"
    assert wrappers.started_by_program(b"call makeCWrapper with a path\0") is None
