"""The patches in `patches/`: each adds exactly the edits of this edit set, and nothing else changes."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

from filcross.nixpkgs import edits
from filcross.nixpkgs.checkout import Layout

PATCHES = Path(__file__).resolve().parent.parent.parent / "patches"
RELEASES = [
    entry["name"]
    for entry in tomllib.loads((PATCHES / "sources.toml").read_text(encoding="utf-8"))["release"]
]
ROLES = {Layout.NIXPKGS.path(role): role for role in ("parse", "inspect", "default", "cross", "examples")}
WITHOUT_SHARED_LIBRARIES = "23.05"


@dataclass
class FileDiff:
    """The lines of one file's hunks, as they are before and after."""

    role: str
    before: list[str]
    after: list[str]


def read(release: str) -> tuple[str, list[FileDiff]]:
    head, *files = re.split(
        r"^--- a/", (PATCHES / f"nixpkgs-{release}.patch").read_text(), flags=re.MULTILINE
    )
    diffs = []
    for file in files:
        lines = file.splitlines()
        assert lines[1] == f"+++ b/{lines[0]}"
        body = [line for line in lines[2:] if not line.startswith("@@ ")]
        assert all(line[:1] in {" ", "+", "-"} for line in body)
        diffs.append(
            FileDiff(
                ROLES[lines[0]],
                [line[1:] for line in body if line[0] != "+"],
                [line[1:] for line in body if line[0] != "-"],
            )
        )
    return head, diffs


def squeezed(text: str) -> str:
    return "".join(text.split())


def forms(edit: edits.Edit) -> list[str]:
    """Return what the edit adds, without white space, in each of its forms."""
    found = []
    for style in edits.STYLES:
        text = squeezed(edit.text[style].decode())
        if edit.kind == "binding":
            found.append(text.removeprefix("{").removesuffix("}"))
        elif edit.kind == "operand":
            found += [f"{text}||", f"||{text}"]
        else:  # an arm and an assertion end in what they stand before
            found.append(text.removesuffix("null"))
    return found


def without(edit: edits.Edit, text: str) -> str:
    for form in forms(edit):
        if form in text:
            assert text.count(form) == 1
            return text.replace(form, "")
    raise AssertionError(f"the edit {edit.id} is not there")


def test_there_is_a_patch_for_every_release_and_no_other() -> None:
    assert {path.name for path in PATCHES.glob("*.patch")} == {f"nixpkgs-{name}.patch" for name in RELEASES}
    assert (RELEASES[0], RELEASES[-1]) == ("20.09", "26.11")
    assert sorted(RELEASES) == RELEASES


@pytest.mark.parametrize("release", RELEASES)
def test_a_patch_adds_the_edits_of_this_edit_set(release: str) -> None:
    head, diffs = read(release)
    assert f"nixpkgs {release} (edit set {edits.EDIT_SET} of filcross)" in head
    assert [diff.role for diff in diffs] == ["parse", "inspect", "default", "cross", "examples"]
    for diff in diffs:
        text = squeezed("\n".join(diff.after))
        for edit in edits.load():
            if edit.file != diff.role or (edit.optional and release <= WITHOUT_SHARED_LIBRARIES):
                continue
            text = without(edit, text)
        assert text == squeezed("\n".join(diff.before))


@pytest.mark.parametrize("release", RELEASES)
def test_git_reads_the_patch(release: str, tmp_path: Path) -> None:
    """Make files of the hunks' old lines, at their line numbers, and apply the patch to them."""
    patch = PATCHES / f"nixpkgs-{release}.patch"
    for part in re.split(r"^--- a/", patch.read_text(), flags=re.MULTILINE)[1:]:
        name, _, *lines = part.splitlines()
        old: list[str] = []
        for line in lines:
            if match := re.match(r"@@ -(\d+)", line):
                old += [f"# line {number}" for number in range(len(old) + 1, int(match[1]))]
            elif line[0] != "+":
                old.append(line[1:])
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("\n".join([*old, "# the end", ""]))
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.nix")}
    git = ["git", "-C", tmp_path, "apply"]
    subprocess.run([*git, patch], check=True)
    assert all(path.read_bytes() != text for path, text in before.items())
    subprocess.run([*git, "--reverse", patch], check=True)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.nix")} == before


def test_a_text_that_is_another_one_is_refused(tmp_path: Path) -> None:
    name = tomllib.loads((PATCHES / "sources.toml").read_text())["release"][0]["cross"]
    (tmp_path / f"{name}.nix").write_text("{ }\n")
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    subprocess.run(["git", "init", "--quiet", "--bare", mirror], check=True)
    script = PATCHES.parent / "scripts" / "render-patches"
    done = subprocess.run(
        [sys.executable, script, "--lib-mirror", mirror, "--texts", tmp_path, "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "is not the text of patches/sources.toml" in done.stderr
