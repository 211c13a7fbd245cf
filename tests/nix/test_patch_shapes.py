"""Shapes of the cross compilation stages: edited right, proved with Nix, and taken back."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from filcross import resources
from filcross.errors import UnsupportedInputError
from filcross.nixpkgs import patch, proof
from filcross.nixpkgs.checkout import open_checkout

pytestmark = pytest.mark.nix
SHAPES = Path(__file__).resolve().parent.parent / "data" / "patch" / "shapes"
EDITED = {
    "tools": {"cross": {"config-scripts"}, "tools": {"compiler"}},
    "adapt": {"cross": {"compiler"}, "adapt": {"config-scripts"}},
    "config": {"cross": {"config-scripts"}},
    "alphabetised": {"cross": {"compiler", "config-scripts"}},
}


def tree_of(shape: str, root: Path) -> Path:
    """Return a tree with the embedded tree's library and the stages of a shape."""
    shutil.copytree(resources.embedded_tree_dir() / "lib", root / "lib")
    cross = root / "pkgs" / "stdenv" / "cross"
    cross.mkdir(parents=True)
    (root / "pkgs" / "top-level").mkdir()
    shutil.copy(SHAPES / f"{shape}.cross.nix", cross / "default.nix")
    if shape == "adapt":
        shutil.copy(SHAPES / "adapt.nix", cross / "adapt-stdenv.nix")
    if shape == "tools":
        shutil.copy(SHAPES / "tools.nix", root / "pkgs" / "top-level" / "stage-tools.nix")
    return root


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("shape", EDITED)
def test_a_shape_is_edited_proved_and_taken_back(shape: str, tmp_path: Path) -> None:
    root = tree_of(shape, tmp_path / "tree")
    checkout = open_checkout(root)
    before = contents(root)
    done = patch.apply(checkout)
    assert done.by_configuration == (shape == "config")
    found = patch.plan(checkout)
    assert found.state is patch.State.PATCHED
    made = {change.role: set(change.present) for change in found.files if change.present}
    assert {role: made[role] for role in made if role in {"cross", "tools", "adapt"}} == EDITED[shape]
    proved = patch.prove(root)
    assert not proved.package_set
    patch.revert(checkout)
    assert contents(root) == before


@pytest.mark.parametrize(
    ("shape", "file", "old", "new", "complaint"),
    [
        ("tools", "pkgs/top-level/stage-tools.nix", "only buildPackages.filcc", "gccToolchain", "is 'gcc'"),
        ("adapt", "pkgs/stdenv/cross/adapt-stdenv.nix", '"filc"', '"other"', "do not get the hook"),
        (
            "alphabetised",
            "pkgs/stdenv/cross/default.nix",
            "crossSystem.isFilC or false",
            "true",
            "of x86_64-unk",
        ),
    ],
)
def test_the_proof_asks_the_stages(
    *, shape: str, file: str, old: str, new: str, complaint: str, tmp_path: Path
) -> None:
    root = tree_of(shape, tmp_path / "tree")
    patch.apply(open_checkout(root))
    text = (root / file).read_text()
    assert old in text
    (root / file).write_text(text.replace(old, new))
    with pytest.raises(proof.ProofError) as caught:
        patch.prove(root)
    assert any(complaint in line for line in caught.value.details)


def test_one_thing_in_two_places_is_refused(tmp_path: Path) -> None:
    root = tree_of("adapt", tmp_path / "tree")
    shutil.copy(SHAPES / "tools.nix", root / "pkgs" / "top-level" / "stage-tools.nix")
    before = contents(root)
    with pytest.raises(UnsupportedInputError) as caught:
        patch.apply(open_checkout(root))
    assert caught.value.details == ("looked for: the place of `compiler` in one file", "found: 2 of them")
    assert contents(root) == before


def test_the_helper_for_one_compiler_must_be_there(tmp_path: Path) -> None:
    root = tree_of("tools", tmp_path / "tree")
    file = root / "pkgs" / "top-level" / "stage-tools.nix"
    file.write_text(file.read_text().replace("only", "alone"))
    cross = root / "pkgs" / "stdenv" / "cross" / "default.nix"
    cross.write_text(cross.read_text().replace("config.replaceCrossStdenv", "lib.id"))
    with pytest.raises(UnsupportedInputError) as caught:
        patch.apply(open_checkout(root))
    assert "an `if …`" not in caught.value.message
    assert caught.value.exit_code == 5


def test_a_platform_given_by_hand_is_refused_with_the_right_way(tmp_path: Path) -> None:
    root = shutil.copytree(resources.embedded_tree_dir(), tmp_path / "tree")
    patch.apply(open_checkout(root))
    expression = f"(import {root}/lib).systems.elaborate"
    good = '{ config = "x86_64-unknown-linux-filc"; libc = "filc"; }'
    for platform, code in ((good, 0), ('{ system = "x86_64-linux"; libc = "filc"; }', 1)):
        done = evaluate(f"({expression} {platform}).config")
        assert done.exit_code == code, done.stderr
    assert "alone makes no Fil-C platform" in done.stderr
    assert '{ config = "x86_64-unknown-linux-filc"; }' in done.stderr


def evaluate(expression: str) -> proof.process.Completed:
    arguments = ["nix-instantiate", "--eval", "--option", "store", "dummy://", "--expr", expression]
    return proof.process.run(arguments, check=False)
