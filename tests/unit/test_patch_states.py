"""The states of a tree that are neither pristine nor patched: an earlier edit set, and edits by hand."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from filcross import resources
from filcross.errors import UnsupportedInputError
from filcross.nixpkgs import edits, patch, planning
from filcross.nixpkgs.checkout import ROLES, Checkout, open_checkout

DATA = Path(__file__).resolve().parent.parent / "data" / "patch"


@pytest.fixture(params=["hand", "nixfmt", "embedded"])
def checkout(request: pytest.FixtureRequest, tmp_path: Path) -> Checkout:
    """Return a copy of each kind of tree."""
    origin = resources.embedded_tree_dir() if request.param == "embedded" else DATA / request.param
    shutil.copytree(origin, tmp_path / "tree")
    return open_checkout(tmp_path / "tree")


def contents(checkout: Checkout) -> dict[str, bytes]:
    return {role: checkout.file(role).read_bytes() for role in ROLES}


def patch_with(checkout: Checkout, edit_set: int) -> None:
    """Patch as a version of filcross with that edit set did."""
    for change in planning._plan_with(checkout, contents(checkout), edit_set).files:
        checkout.file(change.role).write_bytes(change.patched)


def replace(checkout: Checkout, role: str, old: bytes, new: bytes) -> None:
    data = checkout.file(role).read_bytes()
    assert old in data
    checkout.file(role).write_bytes(data.replace(old, new, 1))


@pytest.mark.parametrize("edit_set", range(1, edits.EDIT_SET))
def test_an_earlier_edit_set_is_upgraded_in_one_step(checkout: Checkout, edit_set: int) -> None:
    before = contents(checkout)
    patch.apply(checkout)
    newest = contents(checkout)
    patch.revert(checkout)
    patch_with(checkout, edit_set)
    older = contents(checkout)
    assert older not in (before, newest)

    found = patch.plan(checkout)
    assert found.state is patch.State.OLDER
    assert found.edit_set == edit_set
    done = patch.apply(checkout)
    assert done.upgraded_from == edit_set
    assert done.edit_set == edits.EDIT_SET
    assert contents(checkout) == newest

    for role, data in older.items():
        checkout.file(role).write_bytes(data)
    patch.revert(checkout)
    assert contents(checkout) == before


def test_what_somebody_wrote_by_hand_is_replaced_when_forced(checkout: Checkout) -> None:
    before = contents(checkout)
    patch.apply(checkout)
    patched = contents(checkout)
    replace(checkout, "parse", b"platform.isx86_64 && platform.isLinux", b"platform.isLinux")
    replace(checkout, "inspect", b"abi = abis.filc", b"abi = abis.filc or abis.musl")
    replace(checkout, "default", b"isFilC", b'parsed.abi.name == "filc" || final.isFilC')
    replace(checkout, "default", b'final.libc == "filc"', b'(final.libc or null) == "filc"')
    replace(checkout, "cross", b"buildPackages.filcc", b"buildPackages.filcc-next")
    replace(checkout, "cross", b'"filc"', b'"FILC"')
    replace(checkout, "examples", b"x86_64-unknown-linux-filc", b"x86_64-linux-filc")
    mine = contents(checkout)
    assert patch.plan(checkout).state is patch.State.EDITED
    for change in (patch.apply, patch.revert):
        with pytest.raises(UnsupportedInputError, match="edited by hand"):
            change(checkout)
    assert contents(checkout) == mine

    patch.apply(checkout, force=True)
    assert contents(checkout) == patched
    for role, data in mine.items():
        checkout.file(role).write_bytes(data)
    patch.revert(checkout, force=True)
    assert contents(checkout) == before


def test_a_tree_that_is_patched_in_part_is_completed_when_forced(checkout: Checkout) -> None:
    before = contents(checkout)
    patch.apply(checkout)
    patched = contents(checkout)
    checkout.file("inspect").write_bytes(before["inspect"])
    assert patch.plan(checkout).state is patch.State.PARTIAL
    patch.apply(checkout, force=True)
    assert contents(checkout) == patched


def test_force_does_not_touch_what_is_in_no_place_of_an_edit(checkout: Checkout) -> None:
    end = b"}\n" if checkout.file("examples").read_bytes().endswith(b"}\n") else b"}"
    data = checkout.file("examples").read_bytes()
    checkout.file("examples").write_bytes(data[: -len(end)] + b'  mine = "filc";\n' + end)
    before = contents(checkout)
    assert patch.plan(checkout).state is patch.State.EDITED
    with pytest.raises(UnsupportedInputError, match="edited by hand") as caught:
        patch.apply(checkout, force=True)
    assert any('mine = "filc"' in line for line in caught.value.details)
    assert contents(checkout) == before


def test_another_patch_is_refused_even_when_forced(checkout: Checkout) -> None:
    replace(checkout, "cross", b'"musl"', b'"musl" "gnufilc0"')
    with pytest.raises(UnsupportedInputError, match="another Fil-C patch"):
        patch.apply(checkout, force=True)
