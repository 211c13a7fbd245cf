"""An installed release in the Nix store: the archive that the overlay fetches is not fetched twice."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

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
