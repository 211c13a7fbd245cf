"""Run the comparison of `filcross.matrix.flavour` on a tree: patch a copy, write overlays, evaluate."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from filcross import overlay, process, resources
from filcross.matrix import flavour as comparing
from filcross.nix import sweep
from filcross.nixpkgs import patch
from filcross.nixpkgs.checkout import open_checkout
from filcross.ports import catalogue
from filcross.toolchain.layout import LOADERS, Toolchain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

_VERSION = "0.686"


@dataclass(frozen=True, slots=True)
class Result:
    """One comparison, and what it was made on."""

    label: str
    nix: str
    comparison: comparing.Comparison


def packages() -> list[str]:
    """Return the packages that are compared by default."""
    text = (resources.data_dir() / "flavour-packages.txt").read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def rules() -> comparing.Rules:
    """Return the reasons for differences that ship with filcross."""
    return comparing.load_rules(resources.data_dir() / "flavour-differences.toml")


def run(
    tree: Path,
    *,
    label: str,
    flavours: Sequence[str],
    folder: Path,
    names: Sequence[str] | None = None,
    everything: bool = False,
    instantiate: str = "nix-instantiate",
    jobs: int = 2,
    tell: Callable[[str], None] = lambda _: None,
) -> Iterator[Result]:
    """Yield the result of each of `flavours` for `tree`, which is patched in a copy if it is pristine.

    `folder` (which must not exist) is for that copy and the overlays. `names` are the packages (default:
    `packages()`; with `everything`, all attributes of the tree). `instantiate` is the `nix-instantiate` to
    use. A flavour whose reference platform does not evaluate in the tree is left out. Raises
    `UnsupportedInputError` for a tree that cannot be patched, `process.ProcessFailedError` for one that does
    not evaluate.
    """
    folder.mkdir(parents=True)
    checkout = open_checkout(tree)
    if patch.plan(checkout).state is not patch.State.PATCHED:
        tell(f"{label}: patching a copy")
        checkout = patch.copy_and_patch(checkout, folder / "tree").checkout
    root = checkout.root
    version = process.run([instantiate, "--version"], timeout=60).stdout.split()[-1]
    there = attributes(root, instantiate)
    asked = there if everything else [name for name in names or packages() if name.split(".")[0] in there]
    for flavour in flavours:
        written = overlay.write_overlay(
            _toolchain(folder, flavour), folder / f"overlay-{flavour}", catalogue.NONE
        )
        reference = sweep.Question(root, comparing.REFERENCES[flavour], instantiate=instantiate)
        tell(f"{label}: evaluating {len(asked)} packages for {reference.platform}")
        try:
            expected = sweep.sweep(reference, asked, jobs=jobs)
        except process.ProcessFailedError:
            tell(f"{label}: the tree does not evaluate for {reference.platform}: nothing to compare with")
            continue
        tell(f"{label}: evaluating them for a {flavour}-flavoured Fil-C")
        ours = sweep.sweep(sweep.Question(root, "filc", written.root, instantiate), asked, jobs=jobs)
        yield Result(label, version, comparing.compare(flavour, expected, ours, tree=root, rules=rules()))


def _toolchain(folder: Path, flavour: str) -> Toolchain:
    """Return a toolchain of the flavour that can be evaluated with, not run."""
    root = folder / "toolchain"
    for name in ("build/bin", "pizfix/lib"):
        (root / name).mkdir(parents=True, exist_ok=True)
    return Toolchain(_VERSION, root, "release", _VERSION, flavour, "x86_64", LOADERS[0])


def attributes(root: Path, instantiate: str = "nix-instantiate") -> list[str]:
    """Return the names of everything at the top of a tree."""
    file = resources.data_dir() / "attribute-names.nix"
    argv = [
        instantiate,
        "--eval",
        "--strict",
        "--json",
        "--readonly-mode",
        str(file),
        "--argstr",
        "tree",
        str(root),
    ]
    names: list[str] = json.loads(process.run(argv, timeout=600).stdout)
    return names
