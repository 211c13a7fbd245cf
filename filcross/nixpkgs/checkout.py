"""Recognise a nixpkgs tree: its layout, its release, and the files that filcross edits."""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from filcross.errors import MissingRequirementError, UnsupportedInputError

ROLES = ("parse", "inspect", "default", "cross", "examples")
OPTIONAL_ROLES = ("adapt", "tools")


class Layout(Enum):
    """Where a tree keeps its platforms and its cross compilation stages."""

    NIXPKGS = "nixpkgs"
    COREPKGS = "corepkgs"

    @property
    def systems(self) -> str:
        """The folder of the platform files, relative to the tree."""
        return "lib/systems" if self is Layout.NIXPKGS else "systems"

    @property
    def cross(self) -> str:
        """The file with the cross compilation stages, relative to the tree."""
        return "pkgs/stdenv/cross/default.nix" if self is Layout.NIXPKGS else "stdenv/cross/default.nix"

    @property
    def library(self) -> str:
        """What to import to get the tree's library, relative to the tree."""
        return "lib" if self is Layout.NIXPKGS else "lib.nix"

    def path(self, role: str) -> str:
        """Return the path of the file with `role` (of `ROLES` or `OPTIONAL_ROLES`), relative to the tree."""
        if role == "cross":
            return self.cross
        if role == "adapt":
            return self.cross.replace("default.nix", "adapt-stdenv.nix")
        if role == "tools":
            return "pkgs/top-level/stage-tools.nix" if self is Layout.NIXPKGS else "stdenv/stage-tools.nix"
        return f"{self.systems}/{role}.nix"


@dataclass(frozen=True, slots=True)
class Checkout:
    """A nixpkgs tree on disk; `root` is absolute and free of symbolic links, `release` is like `24.05`."""

    root: Path
    layout: Layout
    release: str | None

    def file(self, role: str) -> Path:
        """Return the file with `role` (of `ROLES` or `OPTIONAL_ROLES`)."""
        return self.root / self.layout.path(role)

    def roles(self) -> tuple[str, ...]:
        """Return the roles of the files that are there."""
        return (*ROLES, *(role for role in OPTIONAL_ROLES if os.path.lexists(self.file(role))))


def open_checkout(path: Path) -> Checkout:
    """Recognise the nixpkgs tree at `path`.

    Raises `UnsupportedInputError` when it is none, or when one of the files to edit is not a plain file
    inside it, and `MissingRequirementError` when it cannot be read.
    """
    root = Path(os.path.realpath(path))
    if not root.exists():
        raise UnsupportedInputError(
            f"there is no folder at {path}", hint="give the folder of a nixpkgs checkout"
        )
    if not root.is_dir():
        raise UnsupportedInputError(
            f"{path} is not a folder", hint="give the folder of a nixpkgs checkout, not a file in it"
        )
    if not os.access(root, os.R_OK | os.X_OK):
        raise MissingRequirementError(
            f"{path} cannot be read", hint="check its permissions, or run as the user whom it belongs to"
        )
    layout = _recognise(root)
    if layout is None:
        raise _not_nixpkgs(path, root)
    checkout = Checkout(root, layout, _release(root))
    for role in checkout.roles():
        _check_file(checkout, checkout.file(role))
    return checkout


def _missing(root: Path, layout: Layout) -> list[str]:
    return [layout.path(role) for role in ROLES if not os.path.lexists(root / layout.path(role))]


def _recognise(root: Path) -> Layout | None:
    return next((layout for layout in Layout if not _missing(root, layout)), None)


def _not_nixpkgs(path: Path, root: Path) -> UnsupportedInputError:
    """Say what is missing, as helpfully as the folder allows."""
    around = next((parent for parent in root.parents if _recognise(parent)), None)
    if around is not None:
        return UnsupportedInputError(
            f"{path} is a folder inside a nixpkgs tree, not the tree", hint=f"give the tree itself: {around}"
        )
    layout = min(Layout, key=lambda one: len(_missing(root, one)))
    missing = _missing(root, layout)
    if layout.cross not in missing and not (root / layout.systems).exists():
        return UnsupportedInputError(
            f"{path} has {layout.cross}, but no {layout.systems}: its library comes from somewhere else",
            hint="filcross edits both in one tree; put the library into the tree (as `lib`) and try again",
        )
    return UnsupportedInputError(
        f"{path} is not a nixpkgs tree",
        hint="give the folder of a nixpkgs checkout, the one that holds `lib` and `pkgs`",
        details=tuple(f"missing: {name}" for name in missing),
    )


def _check_file(checkout: Checkout, file: Path) -> None:
    relative = file.relative_to(checkout.root)
    target = Path(os.path.realpath(file))
    if target != file:
        raise UnsupportedInputError(
            f"{relative} is a symbolic link in {checkout.root} (it leads to {target})",
            hint="filcross does not edit files through links: replace the link by a copy of the file",
        )
    if not file.is_file():
        raise UnsupportedInputError(
            f"{relative} in {checkout.root} is not a regular file",
            hint="restore it (git checkout), or start from a fresh copy of the tree",
        )
    if not os.access(file, os.R_OK):
        raise MissingRequirementError(f"{file} cannot be read", hint="check its permissions")


def _release(root: Path) -> str | None:
    for name in (".version", "lib/.version"):
        file = root / name
        if file.is_file():
            return file.read_text(encoding="utf-8", errors="replace").strip() or None
    return None
