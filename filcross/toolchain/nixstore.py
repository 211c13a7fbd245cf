"""Toolchains in the Nix store: an archive is not fetched twice, a folder is not copied twice."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

from filcross import resources
from filcross.files import stat_identity
from filcross.nix.command import EVALUATION_TIMEOUT
from filcross.toolchain.install import archive_file

if TYPE_CHECKING:
    from filcross.nix.command import Nix
    from filcross.toolchain.layout import Toolchain


def add_archive(nix: Nix, toolchain: Toolchain, roots: Path) -> Path | None:
    """Add the archive of `toolchain` to the store of `nix`, with a garbage-collector root in `roots`.

    Returns its store path, which is the one of a fixed-output fetch of the same name and hash, so that Nix
    finds it there; `None` for a toolchain without an archive, or whose archive is not on this machine (then
    Nix fetches it).
    """
    if toolchain.archive is None:
        return None
    root = roots / f"{toolchain.archive.sha256[:16]}-{nix.store.kind}"
    if root.is_symlink() and root.exists():
        return root.resolve()
    file = archive_file(toolchain.archive)
    if not file.is_file():
        return None
    path = nix.run("nix-store", "--add-fixed", "sha256", file, timeout=None).stdout.strip()
    roots.mkdir(parents=True, exist_ok=True)
    nix.run("nix-store", "--realise", path, "--add-root", root, "--indirect")
    return Path(path)


def add_folder(nix: Nix, toolchain: Toolchain, roots: Path) -> Path | None:
    """Add the folder of `toolchain` to the store of `nix` as the overlay would, with a root in `roots`.

    Without it, Nix copies the folder at every evaluation, only to find that it has it. Returns the store
    path; `None` for a toolchain that Nix fetches. A folder that has changed is added anew.
    """
    if toolchain.archive is not None:
        return None
    place = hashlib.sha256(str(toolchain.root).encode()).hexdigest()[:16]
    root = roots / f"folder-{place}-{stat_identity(toolchain.root)[:16]}-{nix.store.kind}"
    if root.is_symlink() and root.exists():
        return root.resolve()
    expression = resources.overlays_dir() / "toolchain" / "folder.nix"
    label = toolchain.version + ("-simulator" if toolchain.simulated else "")
    arguments = ["--argstr", "path", str(toolchain.root.resolve()), "--argstr", "label", label]
    done = nix.run(
        "nix-instantiate", "--eval", "--read-write-mode", expression, *arguments, timeout=EVALUATION_TIMEOUT
    )
    path = Path(json.loads(done.stdout))
    roots.mkdir(parents=True, exist_ok=True)
    nix.run("nix-store", "--realise", path, "--add-root", root, "--indirect")
    for old in roots.glob(f"folder-{place}-*-{nix.store.kind}"):
        if old != root:
            old.unlink(missing_ok=True)
    return path
