"""Which toolchain a run uses, and why: one order, in which the first place with an answer counts.

1. the flag `--toolchain`; 2. the variable FILCROSS_TOOLCHAIN; 3. the project file `filcross.toml`;
4. the user's default (`config.toml`); 5. the newest installed release; 6. the pinned release, if its archive
is on this machine (nothing is downloaded in the middle of a build); 7. the simulator.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from filcross.errors import FilcrossError
from filcross.toolchain import libcxx, releases, store

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from filcross.config import Setting
    from filcross.toolchain.layout import Toolchain

PLACES = (
    "flag",
    "environment",
    "project file",
    "user default",
    "newest installed release",
    "pinned release",
    "simulator",
)


@dataclass(frozen=True, slots=True)
class Selection:
    """A toolchain and the reason why it was taken."""

    toolchain: Toolchain
    why: str


@dataclass(frozen=True, slots=True)
class Step:
    """One place of the order: what it is, where it is looked up, what it says (None: nothing), and a remark.

    `taken` marks the one that counts.
    """

    place: str
    origin: str
    value: str | None
    remark: str
    taken: bool


def select(setting: Setting, tell: Callable[[str], None]) -> Selection:
    """Return the toolchain that `setting` names, else the first of the order (see the module) that there is.

    `tell` gets a sentence before something takes long. Raises the errors of `store.resolve`, and those of
    `install.install` for the pinned release.
    """
    if setting.value is not None:
        if setting.value == store.SIMULATOR:
            _announce(tell)
        return Selection(store.resolve(setting.value), f"named by {setting.origin}")
    newest = store.newest_release()
    if newest is not None:
        return Selection(newest, "the newest installed release")
    pinned = releases.default()
    if _is_here(pinned):
        from filcross.toolchain import install

        tell(f"toolchain: installing the pinned release {pinned.version}, whose archive is on this machine")
        done = install.install(install.Wish(pinned.name), tell=tell)
        return Selection(done.toolchain, "the pinned release")
    _announce(tell)
    why = (
        f"no Fil-C release is installed; `filcross toolchain install {pinned.version}` brings the pinned one"
    )
    return Selection(store.ensure(), why)


def _is_here(pinned: releases.Asset) -> bool:
    from filcross.toolchain import install

    return install.cached(pinned.url).is_file()


def explain(candidates: Sequence[Setting]) -> tuple[Step, ...]:
    """Return the whole order with what each place says; `candidates` is `config.candidates("toolchain", …)`.

    Nothing is made or installed.
    """
    newest, pinned = store.newest_release(), releases.default()
    here = "its archive is here" if _is_here(pinned) else "not on this machine"
    install_it = f"{here}; filcross toolchain install {pinned.version}"
    rows = [
        *((setting.origin, setting.value, _remark(setting.value)) for setting in candidates),
        (str(store.store_dir()), newest.name if newest else None, str(newest.root) if newest else "none"),
        ("releases.toml", pinned.name if _is_here(pinned) else None, f"{pinned.name}: {install_it}"),
        ("made on the spot", store.SIMULATOR, "not memory-safe; made from this machine's clang and musl"),
    ]
    first = next(number for number, (_, value, _) in enumerate(rows) if value is not None)
    return tuple(
        Step(place, origin, value, remark, taken=number == first)
        for number, (place, (origin, value, remark)) in enumerate(zip(PLACES, rows, strict=True))
    )


def _remark(value: str | None) -> str:
    if value is None:
        return "not set"
    if value == store.SIMULATOR:
        return "made when it is needed"
    try:
        return str(store.resolve(value).root)
    except FilcrossError as error:
        return f"cannot be used: {error.message}"


def _announce(tell: Callable[[str], None]) -> None:
    if not store.is_taken(store.SIMULATOR):
        cxx = " (with C++)" if libcxx.place().is_dir() else ""
        tell(f"toolchain: making the ABI simulator{cxx} from this machine's clang and musl")
