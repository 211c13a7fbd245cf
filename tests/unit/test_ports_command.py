"""`filcross ports list` and `show`: what they say of shipped ports and of users' own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from command_line import run

if TYPE_CHECKING:
    from pathlib import Path


def test_list_filters(tmp_path: Path) -> None:
    everything = json.loads(run("ports", "list", "--json", cwd=tmp_path).stdout)
    assert len(everything["ports"]) >= 120
    broken = json.loads(run("ports", "list", "--broken", "--language", "Rust", "--json", cwd=tmp_path).stdout)
    assert {port["name"] for port in broken["ports"]} == {"rustc"}
    patched = json.loads(run("ports", "list", "ssl", "--patched", "--json", cwd=tmp_path).stdout)
    assert [port["name"] for port in patched["ports"]] == ["openssl"]
    assert patched["ports"][0]["changes"][-1]["patches"][0]["hash"].startswith("sha256-")
    wrong = run("ports", "list", "--language", "Klingon", cwd=tmp_path)
    assert wrong.returncode == 2
    assert "C++" in wrong.stderr


def test_show_says_everything_with_its_source(tmp_path: Path) -> None:
    done = run("ports", "show", "zlib", cwd=tmp_path)
    assert done.returncode == 0
    for words in (
        "in 1.3:",
        "zlib-1.3.patch",
        "https://raw.githubusercontent.com",
        "0.681",
        "used only if asked",
    ):
        assert words in done.stderr
    missing = run("ports", "show", "zlibb", cwd=tmp_path)
    assert missing.returncode == 2
    assert "did you mean zlib" in missing.stderr
    assert "gcry" in run("ports", "show", "libgpgerror", cwd=tmp_path).stderr.replace("gpg", "gcry")


def test_users_own_ports_are_marked(tmp_path: Path) -> None:
    file = tmp_path / "filcross.toml"
    file.write_text(
        '[ports]\npins = true\n[ports.zlib]\ncflags = ["-O1"]\n[ports.mine]\nneeds = ["luck"]\n'
        "[ports.xz]\nenabled = false\n"
    )
    listed = run("ports", "list", "--mine", cwd=tmp_path)
    assert f"extended in {file}" in listed.stderr
    assert f"written in {file}" in listed.stderr
    assert f"xz: switched off in {file}" in listed.stderr
    assert "2 of " in listed.stderr
    shown = run("ports", "show", "zlib", cwd=tmp_path).stderr
    assert "cflags: -O1" in shown
    assert "built in the place of the tree's" in shown
    assert f"from: filcross, {file}" in shown
    gone = run("ports", "show", "xz", cwd=tmp_path)
    assert gone.returncode == 2
    assert "switched off" in gone.stderr
    file.write_text("[ports.zlib]\ncflag = []\n")
    wrong = run("ports", "list", cwd=tmp_path)
    assert wrong.returncode == 2
    assert "[ports.zlib]" in wrong.stderr
    assert "unknown keys: cflag" in wrong.stderr
