"""Releases for tests: the simulator packed as upstream packs Fil-C, healthy and spoiled."""

from __future__ import annotations

import fcntl
import shutil
import tarfile
from typing import TYPE_CHECKING

from filcross.toolchain.layout import SIMULATOR_MARK

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from filcross.toolchain.layout import Toolchain

NAME = "filc-0.686-linux-x86_64"


def release_folder(simulator: Toolchain, folder: Path) -> Path:
    """Copy the simulator to a folder as a release is unpacked: without kernel headers and search paths.

    What no test uses (vector instructions, static programs) is left out: all is copied, packed, hashed often.
    """
    root = folder / NAME
    shutil.copytree(simulator.root, root, symlinks=True, ignore=_leave_out)
    (root / "README.md").write_text("A release.\n")
    sarcasm = root / "pizfix" / "bin" / "sarcasm"
    sarcasm.write_text("#!/wherever/pizfix/bin/minilute\nprint('sarcasm')\n")
    sarcasm.chmod(0o755)
    return root


def _leave_out(folder: str, names: list[str]) -> list[str]:
    if folder.endswith("/pizfix"):
        return ["os-include"]
    if folder.endswith("/clang/20/include"):
        return [name for name in names if not name.startswith(("std", "__std", "limits", "float"))]
    return [name for name in names if name in {"libc.a", "libyoloc.a"}]


def unmark(root: Path) -> None:
    """Take away every mark by which the simulator says what it is."""
    mark = SIMULATOR_MARK.replace(b"simulator", b"something")
    for file in root.rglob("*"):
        if file.is_file() and not file.is_symlink() and SIMULATOR_MARK in (data := file.read_bytes()):
            file.write_bytes(data.replace(SIMULATOR_MARK, mark))


def pack(root: Path, archive: Path) -> Path:
    """Pack a folder with upstream's compression, at its quickest."""
    with tarfile.open(archive, "w:xz", preset=0) as tar:
        tar.add(root, arcname=root.name)
    return archive


def once(folder: Path, name: str, make: Callable[[Path], object]) -> Path:
    """Return the file `name` of a folder that all workers share; `make` makes it, once."""
    target = folder / name
    with (folder / f"{name}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        if not target.exists():
            fresh = folder / f"new-{name}"
            make(fresh)
            fresh.rename(target)
    return target


def shared_release(simulator: Toolchain, shared: Path) -> Path:
    """Return the one archive of a run."""

    def make(fresh: Path) -> None:
        work = fresh.with_suffix(".work")
        pack(release_folder(simulator, work), fresh)
        shutil.rmtree(work)

    folder = shared / "release"
    folder.mkdir(exist_ok=True)
    return once(folder, f"{NAME}.tar.xz", make)
