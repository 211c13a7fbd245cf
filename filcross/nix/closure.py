"""The runtime closure of store paths: everything that a Nix package refers to.

Nix knows it (`nix-store -qR`). Where Nix cannot be asked (no Nix on this machine, a store that was copied
here), the references are found as Nix finds them: by the store paths in the files' bytes.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from filcross.errors import FilcrossError
from filcross.process import run

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_NAME = re.compile(r"[0-9a-df-np-sv-z]{32}-[0-9a-zA-Z+._?=-]+")
_CHUNK = 1 << 20
_LONGEST = 255


def store_path(path: Path) -> Path | None:
    """Return the store path that `path` is in, behind all links; `None` for a path that is in no store."""
    resolved = path.resolve()
    for part in (resolved, *resolved.parents):
        if _NAME.fullmatch(part.name) and part.parent.name == "store":
            return part
    return None


def runtime_closure(paths: Sequence[Path]) -> tuple[list[Path], str]:
    """Return what `paths` (store paths) refer to, with themselves, in order; and how it was found.

    A path that does not exist is left out.
    """
    try:
        found = {line for path in paths for line in _asked(path)}
        how = "nix-store --requisites"
    except FilcrossError:
        found = {str(path) for path in _walked(paths)}
        how = "the store paths in the files"
    others = found - {str(path) for path in paths}
    return [path for path in (*paths, *map(Path, sorted(others))) if path.exists()], how


def _asked(path: Path) -> list[str]:
    folder = path.parent
    environment = {}
    if str(folder) != "/nix/store":
        environment = {
            "NIX_STORE_DIR": str(folder),
            "NIX_STATE_DIR": str(folder.parent / "var" / "nix"),
            "NIX_REMOTE": "",
        }
    return run(["nix-store", "-qR", path], env=environment).stdout.splitlines()


def _walked(paths: Sequence[Path]) -> set[Path]:
    found: set[Path] = set()
    waiting = [path for path in paths if path.exists()]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        pattern = re.compile(re.escape(os.fsencode(path.parent)) + b"/(" + _NAME.pattern.encode() + b")")
        for content in _contents(path):
            for name in set(pattern.findall(content)):
                other = path.parent / os.fsdecode(name)
                if other not in found and other.exists():
                    waiting.append(other)
    return found


def _contents(path: Path) -> Iterator[bytes]:
    """Yield everything in and below a path where a reference may be, in overlapping pieces."""
    folders = [path]
    while folders:
        current = folders.pop()
        if current.is_symlink():
            yield os.fsencode(os.readlink(current))  # noqa: PTH115
        elif current.is_dir():
            folders.extend(current.iterdir())
        elif current.is_file():
            with current.open("rb") as file:
                tail = b""
                while chunk := file.read(_CHUNK):
                    yield tail + chunk
                    tail = (tail + chunk)[-2 * _LONGEST :]
