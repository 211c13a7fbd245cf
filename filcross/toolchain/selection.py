"""Which toolchain a run uses, and why: what a flag, variable or file names, else the best installed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.version import InvalidVersion, Version

from filcross.toolchain import store

if TYPE_CHECKING:
    from collections.abc import Callable

    from filcross.config import Setting
    from filcross.toolchain.layout import Toolchain


@dataclass(frozen=True, slots=True)
class Selection:
    """A toolchain and the reason why it was taken."""

    toolchain: Toolchain
    why: str


def select(setting: Setting, tell: Callable[[str], None]) -> Selection:
    """Return the toolchain that `setting` names, else the newest installed release, else the simulator.

    `tell` gets a sentence before something takes long. Raises the errors of `store.resolve`.
    """
    if setting.value is not None:
        if setting.value == store.SIMULATOR:
            _announce(tell)
        return Selection(store.resolve(setting.value), f"named by {setting.origin}")
    releases = [
        entry.toolchain
        for entry in store.entries()
        if entry.toolchain is not None and not entry.toolchain.simulated
    ]
    if releases:
        newest = max(releases, key=lambda toolchain: _version(toolchain.version))
        return Selection(newest, "the newest installed release")
    _announce(tell)
    return Selection(store.ensure(), "no Fil-C release is installed")


def _announce(tell: Callable[[str], None]) -> None:
    if not any(entry.name == store.SIMULATOR and entry.toolchain for entry in store.entries()):
        tell("toolchain: making the ABI simulator from this machine's clang and musl")


def _version(text: str) -> Version:
    try:
        return Version(text)
    except InvalidVersion:
        return Version("0")
