"""What all tests share: where the repository is, isolated user folders, and one simulator for a whole run."""

from __future__ import annotations

import fcntl
import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from filcross.toolchain.layout import Toolchain

# No test judges by time: a loaded machine is no failure. The same cases in every run: campaigns are scripts.
settings.register_profile(
    "filcross", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("filcross")

REPOSITORY = Path(__file__).resolve().parent.parent
LIBCXX = os.environ.get("FILCROSS_LIBCXX")


@pytest.fixture(scope="session")
def repo_root() -> Path:
    """Return the root of the checkout (tests run against an installed wheel, from another folder)."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """Return one folder for all workers of a run."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "shared"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(autouse=True)
def _isolated_user(shared_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep every test away from the user's own settings, caches and toolchains."""
    for name in ("CONFIG", "CACHE", "DATA", "STATE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(shared_folder / name.lower()))
    for name in list(os.environ):
        if (
            name.startswith("FILCROSS_")
            and not name.startswith("FILCROSS_TREE_")
            and name != "FILCROSS_LIB_MIRROR"
        ):
            monkeypatch.delenv(name)
    monkeypatch.setenv("FILCROSS_OFFLINE", "1")
    monkeypatch.setenv("NO_COLOR", "1")


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a file lock, so that workers of a run do a thing once."""
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def simulator(shared_folder: Path) -> Toolchain:
    """Return the ABI simulator, built once a run (skips where the machine has no Nix tools for it)."""
    if shutil.which("objcopy") is None:
        pytest.skip("no binutils on this machine")
    from filcross.toolchain import simulator as station
    from filcross.toolchain.layout import recognise

    folder = shared_folder / "simulator"
    with locked(shared_folder / "simulator.lock"):
        if not folder.exists():
            station.build(folder)
    return recognise(folder)


@pytest.fixture(scope="session")
def libcxx_folder() -> Path:
    """Return the folder that `filcross toolchain libcxx` filled (skips where FILCROSS_LIBCXX names none)."""
    from filcross.toolchain import libcxx

    folder = None if LIBCXX is None else Path(LIBCXX).absolute()
    if folder is None or not (folder / libcxx.place().name).is_dir():
        pytest.skip("no C++: FILCROSS_LIBCXX names no folder that `filcross toolchain libcxx` filled")
    return folder


@pytest.fixture(scope="session")
def cxx_simulator(shared_folder: Path, libcxx_folder: Path) -> Toolchain:
    """Return a simulator that has C++, built once a run."""
    from filcross.toolchain import libcxx
    from filcross.toolchain import simulator as station
    from filcross.toolchain.layout import recognise

    folder = shared_folder / "cxx-simulator"
    with locked(shared_folder / "cxx-simulator.lock"):
        if not folder.exists():
            station.build(folder, cxx=libcxx_folder / libcxx.place().name)
    return recognise(folder)
