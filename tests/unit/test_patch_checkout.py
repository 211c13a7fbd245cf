"""Which folders are nixpkgs trees, and what is said of the others."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from filcross import resources
from filcross.errors import MissingRequirementError, UnsupportedInputError
from filcross.nixpkgs import patch
from filcross.nixpkgs.checkout import Layout, open_checkout

DATA = Path(__file__).resolve().parent.parent / "data" / "patch"


@pytest.fixture
def hand(tmp_path: Path) -> Path:
    shutil.copytree(DATA / "hand", tmp_path / "hand")
    return tmp_path / "hand"


def test_layouts_and_releases(hand: Path) -> None:
    assert open_checkout(hand).layout is Layout.NIXPKGS
    assert open_checkout(hand).release is None
    (hand / "lib" / ".version").write_text("24.05\n")
    assert open_checkout(hand).release == "24.05"
    assert open_checkout(DATA / "nixfmt").layout is Layout.COREPKGS
    assert open_checkout(resources.embedded_tree_dir()).layout is Layout.NIXPKGS


def test_a_tree_behind_a_link_is_opened_where_it_is(hand: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(hand)
    assert open_checkout(tmp_path / "link").root == hand.resolve()


@pytest.mark.parametrize("name", ["a b", 'it\'s "quoted"', "two\nlines", "-v", "ünï", "$(x)"])
def test_paths_of_all_kinds(hand: Path, tmp_path: Path, name: str) -> None:
    tree = tmp_path / name
    hand.rename(tree)
    checkout = open_checkout(tree)
    patch.apply(checkout)
    copy = patch.copy_and_patch(checkout, tmp_path / f"{name}-copy")
    assert patch.plan(copy.checkout).state is patch.State.PATCHED
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([name, f"{name}-copy"])


def test_no_folder_a_file_and_an_unrelated_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(UnsupportedInputError, match="there is no folder"):
        open_checkout(tmp_path / "missing")
    with pytest.raises(UnsupportedInputError, match="is not a folder"):
        open_checkout(tmp_path / "file")
    with pytest.raises(UnsupportedInputError, match="is not a nixpkgs tree") as caught:
        open_checkout(tmp_path)
    assert len(caught.value.details) == 5
    assert "holds `lib` and `pkgs`" in (caught.value.hint or "")


def test_a_folder_inside_a_tree(hand: Path) -> None:
    with pytest.raises(UnsupportedInputError, match="inside a nixpkgs tree") as caught:
        open_checkout(hand / "lib")
    assert str(hand) in (caught.value.hint or "")


def test_a_tree_whose_library_comes_from_somewhere_else(hand: Path) -> None:
    shutil.rmtree(hand / "lib")
    with pytest.raises(UnsupportedInputError, match="its library comes from somewhere else"):
        open_checkout(hand)


@pytest.mark.parametrize("link", ["lib/systems/parse.nix", "lib/systems", "lib", "pkgs/stdenv/cross"])
def test_links_inside_a_tree_are_refused(hand: Path, tmp_path: Path, link: str) -> None:
    (hand / link).rename(tmp_path / "elsewhere")
    (hand / link).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UnsupportedInputError, match="is a symbolic link"):
        open_checkout(hand)


def test_a_file_that_is_a_folder_is_refused(hand: Path) -> None:
    (hand / "lib/systems/parse.nix").unlink()
    (hand / "lib/systems/parse.nix").mkdir()
    with pytest.raises(UnsupportedInputError, match="not a regular file"):
        open_checkout(hand)


def test_a_hard_linked_file_changes_in_this_tree_only(hand: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.nix"
    other.hardlink_to(hand / "lib/systems/parse.nix")
    before = other.read_bytes()
    patch.apply(open_checkout(hand))
    assert other.read_bytes() == before


def test_nothing_in_the_store_is_changed(hand: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIX_STORE_DIR", str(hand.parent))
    before = (hand / "lib/systems/parse.nix").read_bytes()
    with pytest.raises(MissingRequirementError, match="in the Nix store") as caught:
        patch.apply(open_checkout(hand))
    assert "--output" in (caught.value.hint or "")
    assert (hand / "lib/systems/parse.nix").read_bytes() == before
