"""Where the files that ship with filcross are: overlays, embedded tree, data, simulator sources."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def overlays_dir() -> Path:
    """Return the folder of Nix overlay files (inside the wheel, or at the root of a checkout)."""
    packaged = _PACKAGE / "overlays"
    return packaged if packaged.is_dir() else _PACKAGE.parent / "overlays"


def embedded_tree_dir() -> Path:
    """Return the pristine embedded package set."""
    return _PACKAGE / "embedded"


def data_dir() -> Path:
    """Return the folder of data files (releases, pins)."""
    return _PACKAGE / "data"


def simulator_dir() -> Path:
    """Return the sources of the ABI simulator."""
    return _PACKAGE / "toolchain" / "simulator"
