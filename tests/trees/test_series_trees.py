"""The git series on real trees: git takes it, their own tests pass, packages evaluate without an overlay."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from named_trees import LIB_STATES, named

from filcross.nixpkgs import changes, patch, series
from filcross.nixpkgs.checkout import open_checkout

pytestmark = [pytest.mark.trees, pytest.mark.nix]
DATA = Path(__file__).resolve().parent.parent / "data"
SCRIPT = DATA.parent.parent / "scripts" / "render-patches"

HANDWRITTEN_UNTIL = "25"


@pytest.fixture(autouse=True)
def _plain_git(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Test")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "test@example.org")


def git(root: Path, *arguments: str | Path) -> None:
    subprocess.run(["git", "-C", root, *arguments], check=True, capture_output=True)


def applied(root: Path, output: Path) -> series.Series:
    """Make a git repository of the tree at `root`, export its series, and apply it."""
    written = series.export(open_checkout(root), output)
    git(root, "init", "--quiet")
    git(root, "add", "--all", "--force")
    git(root, "commit", "--quiet", "--message", "base")
    git(root, "am", "--quiet", *(output / mail.name for mail in written.mails))
    return written


def nix(*arguments: str | Path, root: Path) -> str:
    return subprocess.run(
        ["nix-instantiate", *arguments, "--readonly-mode", "--option", "store", "dummy://"],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


def own_tests(root: Path) -> str:
    return nix("--eval", "--strict", "lib/tests/systems.nix", root=root)


@pytest.mark.parametrize("release", LIB_STATES)
def test_every_state_of_lib_passes_its_own_tests(release: str, tmp_path: Path) -> None:
    mirror = named("FILCROSS_LIB_MIRROR")
    root = tmp_path / "tree"
    handwritten = release < HANDWRITTEN_UNTIL
    shutil.copytree(DATA / "series" / ("early" if handwritten else "current"), root)
    shutil.rmtree(root / "lib")
    style = "hand/pkgs" if handwritten else "nixfmt"
    shutil.copytree(DATA / "patch" / style / "stdenv" / "cross", root / "pkgs/stdenv/cross")
    archive = subprocess.run(
        ["git", "--git-dir", str(mirror), "archive", LIB_STATES[release], "lib"],
        capture_output=True,
        check=True,
    )
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as stream:
        stream.extractall(root, filter="data")
    assert own_tests(root) == "[ ]"
    written = applied(root, tmp_path / "series")
    assert "lib/tests/systems.nix" in written.mails[0].changed
    assert own_tests(root) == "[ ]"
    after = (root / "lib/tests/systems.nix").read_text()
    # The new cases are among those that run: a wrong expectation in each is found.
    broken = after.replace('libc = "filc";', 'libc = "none";')
    broken = re.sub(r"true(\s+(?:true\s+)?)false(\s+)false\n", r"true\1true\2false\n", broken)
    (root / "lib/tests/systems.nix").write_text(broken)
    assert own_tests(root).count('name = "test_filc_') == 3


def test_a_fork_without_the_other_files(tmp_path: Path) -> None:
    origin = named("FILCROSS_TREE_AUX")
    root = tmp_path / "tree"
    shutil.copytree(origin, root, ignore=shutil.ignore_patterns("by-name"))
    written = applied(root, tmp_path / "series")
    assert [mail.step for mail in written.mails] == ["systems", "stdenv", "wrappers"]
    assert {one.step for one in written.left_out} == {"systems", "packages", "libc", "gnu-config", "manual"}
    assert own_tests(root) == "[ ]"


def test_a_whole_tree_evaluates_without_an_overlay(tmp_path: Path) -> None:
    origin = named("FILCROSS_TREE_NIXPKGS_2020")
    root = tmp_path / "tree"
    subprocess.run(["cp", "-a", "--reflink=auto", "--", origin, root], check=True)
    shutil.rmtree(root / ".git", ignore_errors=True)
    others = ["hello", "zlib", "gnu-config", "pkgsCross.musl64.zlib", "pkgsCross.aarch64-multiplatform.hello"]
    before = derivations(root, others)
    written = applied(root, tmp_path / "series")
    assert written.left_out == ()
    assert own_tests(root) == "[ ]"
    assert derivations(root, others) == before
    packages = ["zlib", "openssl", "curl", "bash", "coreutils", "python3", "perl", "sqlite"]
    packages += ["git", "libxml2", "openssh", "gnutar", "gnused", "gawk", "pcre2", "nghttp2"]
    found = derivations(root, [f"pkgsCross.filc.{name}" for name in packages])
    assert len([path for path in found if "-x86_64-unknown-linux-filc.drv" in path]) == len(packages)
    job = [
        "--eval",
        "--strict",
        "-E",
        "(import ./pkgs/top-level/release-cross.nix {}).x86_64-filc.hello ? x86_64-linux",
    ]
    assert nix(*job, root=root) == "true"


def derivations(root: Path, attributes: list[str]) -> list[str]:
    return nix(".", *(word for name in attributes for word in ("-A", name)), root=root).split()


def test_the_rendered_patches_are_current() -> None:
    mirror, texts = named("FILCROSS_LIB_MIRROR"), named("FILCROSS_TREE_CROSS_TEXTS")
    done = subprocess.run(
        [sys.executable, SCRIPT, "--lib-mirror", mirror, "--texts", texts, "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "13 patches are current\n", done.stderr


@pytest.mark.parametrize(
    ("variable", "release"), [("FILCROSS_TREE_NIXPKGS_2020", "20.09"), ("FILCROSS_TREE_AUX", "24.05")]
)
def test_a_rendered_patch_does_what_the_tool_does(variable: str, release: str, tmp_path: Path) -> None:
    """These trees are some weeks away from where the release branched off: one line of context must do."""
    origin = named(variable)
    for name in ("lib", "pkgs/stdenv"):
        shutil.copytree(origin / name, tmp_path / name)
    checkout = open_checkout(tmp_path)
    wanted = {change.path: change.patched for change in patch.plan(checkout).files}
    git(tmp_path, "apply", "-C1", DATA.parent.parent / "patches" / f"nixpkgs-{release}.patch")
    assert {name: (tmp_path / name).read_bytes() for name in wanted} == wanted


def test_the_code_of_2026_in_another_layout(tmp_path: Path) -> None:
    origin = named("FILCROSS_TREE_COREPKGS")
    root = tmp_path / "tree"
    for name in ("systems", "stdenv", "build-support", "pkgs/gnu-config"):
        shutil.copytree(origin / name, root / name, symlinks=True)
    written = applied(root, tmp_path / "series")
    assert [mail.step for mail in written.mails] == ["systems", "stdenv", "wrappers", "gnu-config"]
    assert {one.step for one in written.left_out} == {"systems", "packages", "libc", "manual"}
    for mail in written.mails:
        for name in mail.changed:
            subprocess.run(["nix-instantiate", "--parse", root / name], check=True, capture_output=True)
    # The same place-finding on the fork's top level, whose names are other ones.
    top = (origin / "top-level.nix").read_bytes()
    pairs = (('"musl"', '"filc"'), ("  musl\n", "  filc-libc\n"))
    changed = changes.make(changes.Change("like-arm", path=("libc",), anchor="musl", pairs=pairs), top)
    assert b'    else if libc == "filc" then\n      filc-libc\n    else if libc == "musl" then\n' in changed
    pairs = (("musl", "filc"),)
    changed = changes.make(
        changes.Change("like-element", path=("libiconv",), anchor="musl", pairs=pairs), changed
    )
    assert b'        "glibc"\n        "filc"\n        "musl"\n' in changed
