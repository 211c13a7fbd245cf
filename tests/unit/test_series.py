"""The git series for nixpkgs: what is in it, that git takes it, and what is left out."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import filcross
from filcross.errors import MissingRequirementError, UnsupportedInputError, UsageError
from filcross.nixpkgs import changes, patch, series
from filcross.nixpkgs.checkout import open_checkout

DATA = Path(__file__).resolve().parent.parent / "data"
SHAPES = ["early", "current"]
STEPS = ["systems", "stdenv", "wrappers", "packages", "libc", "gnu-config", "manual"]
COMMAND = [sys.executable, "-c", "from filcross.cli import main; main()", "export-patches"]


@pytest.fixture(autouse=True)
def _plain_git(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the settings of whoever runs the tests out of them."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


def make_tree(shape: str, root: Path) -> Path:
    """Make a tree in the layout of nixpkgs: of 2020 or of 2026."""
    shutil.copytree(DATA / "series" / shape, root)
    if shape == "early":
        shutil.copytree(DATA / "patch" / "hand", root, dirs_exist_ok=True)
    else:
        shutil.copytree(DATA / "patch" / "nixfmt" / "systems", root / "lib" / "systems")
        shutil.copytree(DATA / "patch" / "nixfmt" / "stdenv", root / "pkgs" / "stdenv")
    return root


@pytest.fixture(params=SHAPES)
def tree(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return make_tree(request.param, tmp_path / "tree")


@pytest.fixture
def current(tmp_path: Path) -> Path:
    return make_tree("current", tmp_path / "current")


def git(root: Path, *arguments: str | Path) -> str:
    return subprocess.run(["git", "-C", root, *arguments], capture_output=True, text=True, check=True).stdout


def repository(root: Path) -> Path:
    git(root, "init", "--quiet")
    git(root, "config", "user.name", "Ünder Test")
    git(root, "config", "user.email", "under@example.org")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "base")
    return root


def contents(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and ".git" not in path.parts
    }


def applied(root: Path, output: Path) -> series.Series:
    """Export the series of the tree at `root` and apply it there."""
    written = series.export(open_checkout(root), output)
    git(repository(root), "am", "--quiet", *(output / mail.name for mail in written.mails))
    return written


def test_git_takes_the_series_and_the_tree_is_patched(tree: Path, tmp_path: Path) -> None:
    before = contents(tree)
    written = applied(tree, tmp_path / "series")
    assert written.left_out == ()
    assert [mail.step for mail in written.mails] == STEPS
    assert git(tree, "status", "--porcelain") == ""
    assert patch.plan(open_checkout(tree)).state is patch.State.PATCHED
    for number, mail in enumerate(reversed(written.mails)):
        changed = git(tree, "show", "--name-only", "--format=%s", f"HEAD~{number}").split("\n")
        assert changed[0] == mail.subject
        assert tuple(sorted(changed[2:-1])) == mail.changed
    after = contents(tree)
    assert {name for name in before if before[name] == after[name]} == before.keys() - {
        name for mail in written.mails for name in mail.changed
    }


def test_the_messages_are_drafts_by_convention(tree: Path, tmp_path: Path) -> None:
    written = series.export(open_checkout(tree), tmp_path / "series")
    for number, mail in enumerate(written.mails, 1):
        assert not mail.subject.endswith(".")
        assert len(mail.subject) <= 72
        assert ": " in mail.subject
        text = (written.folder / mail.name).read_text()
        assert f"[DRAFT PATCH {number}/7]" in text
        body, _, rest = text.partition("\n---\n")
        assert "\n\nDraft. " in body
        assert max(map(len, body.split("\n\n", 1)[1].splitlines())) <= 75
        assert body.endswith(f"\n\nAssisted-by: filcross {filcross.__version__}")
        assert not re.search(r"@[a-z-]+@", body + rest)
    readme = (written.folder / "README.md").read_text()
    assert all(mail.name in readme for mail in written.mails)
    assert readme.endswith("## Left out\n\nNothing.\n")


def test_the_same_tree_gives_the_same_bytes(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(tree)
    series.export(open_checkout(tree), tmp_path / "one" / "series")
    assert contents(tree) == before
    for name, value in {
        "GIT_DIR": str(tmp_path / "nowhere"),
        "GIT_AUTHOR_DATE": "2001-01-01T00:00:00",
        "TZ": "Pacific/Auckland",
    }.items():
        monkeypatch.setenv(name, value)
    patch.apply(open_checkout(tree))
    series.export(open_checkout(tree), tmp_path / "two" / "series")
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_the_author_is_that_of_the_tree_or_a_placeholder(tree: Path, tmp_path: Path) -> None:
    placeholder = series.export(open_checkout(tree), tmp_path / "one")
    assert placeholder.author == "A Person <draft@example.org>"
    written = applied(tree, tmp_path / "two")
    assert written.author == placeholder.author
    own = series.export(open_checkout(tree), tmp_path / "three")
    assert own.author == "Ünder Test <under@example.org>"
    assert (
        b"From: =?UTF-8?q?=C3=9Cnder=20Test?= <under@example.org>" in contents(own.folder)[own.mails[0].name]
    )


WANTED = {
    "early": [
        (
            "pkgs/build-support/bintools-wrapper/default.nix",
            '    else if targetPlatform.libc == "filc"             then "${libc_lib}/lib/ld-fil1-x86_64.so"',
            '    else if targetPlatform.libc == "musl"             then "${libc_lib}/lib/ld-musl-*"',
        ),
        (
            "pkgs/top-level/all-packages.nix",
            '    else if name == "filc" then filc-libc',
            '    else if name == "musl" then targetPackages.muslCross or muslCross',
        ),
        (
            "pkgs/top-level/all-packages.nix",
            '    if lib.elem stdenv.hostPlatform.libc ["glibc" "filc" "musl" "wasilibc"]',
            "      then glibcIconv libcCross",
        ),
        (
            "doc/builders/packages/index.xml",
            ' <xi:include href="filc.section.xml" />',
            ' <xi:include href="ibus.xml" />',
        ),
    ],
    "current": [
        (
            "pkgs/build-support/bintools-wrapper/default.nix",
            '      "${sharedLibraryLoader}/lib/ld-fil1-x86_64.so"',
            '    else if targetPlatform.libc == "musl" then',
        ),
        (
            "pkgs/build-support/cc-wrapper/default.nix",
            "          && !targetPlatform.isFilC",
            "          && !targetPlatform.isAndroid",
        ),
        (
            "pkgs/build-support/cc-wrapper/default.nix",
            '            "${targetPlatform.parsed.cpu.name}-unknown-linux-gnu"',
            "          else if oldSuffix then",
        ),
        ("pkgs/top-level/all-packages.nix", "      filc-libc", '    else if libc == "musl" then'),
        ("pkgs/top-level/all-packages.nix", '        "filc"', '        "musl"'),
        (
            "pkgs/top-level/release-cross.nix",
            "  x86_64-filc = mapTestOnCross systems.examples.filc filcCommon;",
            "  x86_64-freebsd = mapTestOnCross systems.examples.x86_64-freebsd common;",
        ),
        ("doc/packages/index.md", "filc.section.md", "firefox.section.md"),
    ],
}


@pytest.mark.parametrize("shape", SHAPES)
def test_changes_are_in_their_place(shape: str, tmp_path: Path) -> None:
    root = make_tree(shape, tmp_path / "tree")
    applied(root, tmp_path / "series")
    for name, line, following in WANTED[shape]:
        lines = (root / name).read_text().splitlines()
        assert lines.count(line) == 1
        assert lines[lines.index(line) + 1] == following


def test_text_depends_on_what_the_tree_has(tmp_path: Path) -> None:
    early = make_tree("early", tmp_path / "early")
    applied(early, tmp_path / "series")
    packages = (early / "pkgs/development/compilers/filc/default.nix").read_text()
    assert "sha256 = " in packages
    assert "sourceProvenance" not in packages
    assert "gccForLibs" not in packages
    current = make_tree("current", tmp_path / "current")
    applied(current, tmp_path / "other")
    packages = (current / "pkgs/development/compilers/filc/default.nix").read_text()
    assert "  hash = " in packages
    assert "sha256 =" not in packages
    assert "sourceProvenance" in packages
    assert "llvm-exception" in packages
    assert "    gccForLibs = null;\n    useCcForLibs = false;\n" in packages
    assert "# where" not in packages


def test_the_wrapper_of_2020_gets_its_target_in_the_flags(tmp_path: Path) -> None:
    root = make_tree("early", tmp_path / "tree")
    applied(root, tmp_path / "series")
    text = (root / "pkgs/build-support/cc-wrapper/default.nix").read_text()
    assert 'echo "-target ${if targetPlatform.isFilC then ' in text
    assert 'echo "for ${targetPlatform.config}"' in text


def test_what_has_no_place_is_left_out_and_said(current: Path, tmp_path: Path) -> None:
    shutil.rmtree(current / "doc")
    file = current / "pkgs/top-level/all-packages.nix"
    file.write_text(file.read_text().replace("wrapCCWith =", "wrapCCLike ="))
    written = applied(current, tmp_path / "series")
    assert [mail.step for mail in written.mails] == ["systems", "stdenv", "wrappers", "gnu-config"]
    reasons = {(one.step, one.change): one.reason for one in written.left_out}
    assert reasons["packages", "attributes"] == (
        "pkgs/top-level/all-packages.nix: the attribute `wrapCCWith`: not there"
    )
    assert reasons["libc", "all of it"] == "it needs the step `packages`"
    assert "doc/packages/index.md" in reasons["manual", "section"]
    assert ("manual", "redirects") not in reasons
    assert "- packages, attributes: " in (written.folder / "README.md").read_text()


def test_a_tree_without_a_place_for_the_compiler(current: Path, tmp_path: Path) -> None:
    shapes = DATA / "patch" / "shapes"
    shutil.copy(shapes / "config.cross.nix", current / "pkgs/stdenv/cross/default.nix")
    written = applied(current, tmp_path / "series")
    (left_out,) = written.left_out
    assert (left_out.step, left_out.change) == ("stdenv", "compiler")
    assert "config.replaceCrossStdenv" in left_out.reason
    assert '"filc"' in (current / "pkgs/stdenv/cross/default.nix").read_text()


def test_files_that_newer_trees_have(current: Path, tmp_path: Path) -> None:
    shapes = DATA / "patch" / "shapes"
    shutil.copy(shapes / "tools.cross.nix", current / "pkgs/stdenv/cross/default.nix")
    shutil.copy(shapes / "tools.nix", current / "pkgs/top-level/stage-tools.nix")
    written = applied(current, tmp_path / "series")
    assert written.left_out == ()
    (stdenv,) = [mail for mail in written.mails if mail.step == "stdenv"]
    assert "pkgs/top-level/stage-tools.nix" in stdenv.changed


def test_a_tree_without_a_release_has_no_release_note(current: Path, tmp_path: Path) -> None:
    (current / ".version").unlink()
    written = series.export(open_checkout(current), tmp_path / "series")
    assert [(one.change, one.reason) for one in written.left_out] == [
        ("release note", "the tree does not name its release")
    ]


def test_a_package_that_is_there_already_is_not_overwritten(current: Path, tmp_path: Path) -> None:
    file = current / "pkgs/development/compilers/filc/default.nix"
    file.parent.mkdir(parents=True)
    file.write_text("{ }\n")
    written = applied(current, tmp_path / "series")
    assert "packages" not in [mail.step for mail in written.mails]
    assert file.read_text() == "{ }\n"


def test_a_tree_that_the_edits_do_not_fit_gets_no_series(current: Path, tmp_path: Path) -> None:
    file = current / "lib/systems/parse.nix"
    file.write_text(file.read_text().replace("abis = ", "abis_ = "))
    with pytest.raises(UnsupportedInputError, match=r"parse\.nix"):
        series.export(open_checkout(current), tmp_path / "series")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["current"]


def test_an_output_that_exists_is_left_alone(current: Path, tmp_path: Path) -> None:
    (tmp_path / "series").mkdir()
    with pytest.raises(UsageError, match="exists already"):
        series.export(open_checkout(current), tmp_path / "series")
    assert list((tmp_path / "series").iterdir()) == []


def test_a_place_that_cannot_be_written_to(current: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MissingRequirementError, match="cannot be written"):
        series.export(open_checkout(current), tmp_path / "file" / "series")


SOURCE = b"""{ lib }:
{
  one = 1;
  chain = if a == "x" then 1 else if a == "y" then 2 else 3;
  list = [ "x" "y" ];
  twice = [ "x" "x" ];
  text = "plain";
}
"""
REFUSED = [
    (changes.Change("binding", anchor="none", text="{\n  b = 1;\n}\n"), "the attribute `none`: not there"),
    (changes.Change("like-arm", path=("chain",), anchor="z"), 'an arm for "z" in `chain`: not there'),
    (
        changes.Change("like-arm", path=("chain",), anchor="x", pairs=(("q", "r"),)),
        "nothing to replace in a copy of",
    ),
    (changes.Change("like-element", path=("twice",), anchor="x"), "2 of them"),
    (changes.Change("like-operand", anchor="!a", scope="b"), "`!a` in a call with `b`: not there"),
    (changes.Change("interpolation", anchor="a", path=("b",)), "`a${b}`: not there"),
    (changes.Change("string", path=("text",), text="x"), "a string in '' ''"),
    (changes.Change("arm", path=("one",), text="if x then y else null"), "a chain of"),
    (changes.Change("entry", anchor="^(q)$", text="q\n"), "a list of sections: not there"),
    (changes.Change("after", anchor="zzz", text="q"), "not there"),
]


@pytest.mark.parametrize(("change", "reason"), REFUSED)
def test_a_place_that_is_not_there_once_is_refused(change: changes.Change, reason: str) -> None:
    with pytest.raises(changes.PlaceError) as caught:
        changes.make(change, SOURCE)
    assert reason in str(caught.value)


def test_code_that_is_not_nix_is_refused() -> None:
    with pytest.raises(changes.PlaceError, match="no Nix code"):
        changes.make(changes.Change("binding", anchor="a", text="{\n  b = 1;\n}\n"), b"{ a = ; }")


def test_an_entry_goes_to_the_end_when_it_sorts_last() -> None:
    change = changes.Change("entry", anchor=r"^(\w+)\.md$", text="z.md\n")
    assert changes.make(change, b"a\na.md\nb.md\nend\n") == b"a\na.md\nb.md\nz.md\nend\n"


def command(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(Path(filcross.__file__).parent.parent)}
    return subprocess.run(
        [*COMMAND, *map(str, arguments)], env=environment, capture_output=True, text=True, check=False
    )


def test_the_command(current: Path, tmp_path: Path) -> None:
    (current / "doc/redirects.json").unlink()
    (current / "doc/packages/index.md").unlink()
    done = command(current, "--output", tmp_path / "series", "--json")
    assert done.returncode == 0
    document = json.loads(done.stdout)
    assert document["kind"] == "export-patches"
    assert document["folder"] == str(tmp_path / "series")
    assert [mail["step"] for mail in document["mails"]] == STEPS
    assert {one["change"] for one in document["left_out"]} == {"section", "entry in the manual"}
    assert "left out of manual: section (the tree has no doc/packages/index.md" in done.stderr
    again = command(current, "--output", tmp_path / "series")
    assert again.returncode == 2
    assert "exists already" in again.stderr
    help_text = command("--help").stdout
    assert "git -C ~/nixpkgs am" in help_text
