"""The runtime closure of store paths: everything that a Nix package refers to.

Nix knows it (`nix-store --query --graph`). Where Nix cannot be asked (no Nix on this machine, a
store that was copied here), the references are found as Nix finds them: by the store paths in the files'
bytes.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from filcross.errors import FilcrossError
from filcross.process import run

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_NAME = re.compile(r"[0-9a-df-np-sv-z]{32}-[0-9a-zA-Z+._?=-]+")
_BOX = re.compile(rf'^"({_NAME.pattern})" \[label', re.MULTILINE)
_ARROW = re.compile(rf'^"({_NAME.pattern})" -> "({_NAME.pattern})"', re.MULTILINE)
_CHUNK = 1 << 20
_LONGEST = 255
_AT_ONCE = 1000  # store paths in one question


def store_path(path: Path) -> Path | None:
    """Return the store path that `path` is in, behind all links; `None` for a path that is in no store."""
    resolved = path.resolve()
    for part in (resolved, *resolved.parents):
        if is_store_path(part):
            return part
    return None


def store_paths(paths: Iterable[Path]) -> tuple[Path, ...]:
    """Return the store paths that some paths are in, each once, in order."""
    return tuple(dict.fromkeys(path for path in map(store_path, paths) if path is not None))


def is_store_path(path: Path) -> bool:
    """Return whether `path` is that of a store path, by its name; it may be a link."""
    folder, _, name = os.fspath(path).rpartition("/")
    return folder.startswith("/") and folder.endswith("/store") and _NAME.fullmatch(name) is not None


@dataclass(frozen=True, slots=True)
class Closure:
    """What some store paths refer to, themselves first; `how` it was found; who refers to whom directly.

    `lost` are those that Nix knows and that are not there.
    """

    paths: tuple[Path, ...]
    how: str
    references: dict[str, tuple[str, ...]]
    lost: tuple[Path, ...] = ()


def runtime_closure(paths: Sequence[Path]) -> Closure:
    """Return the closure of `paths` (store paths); one that is a link to nowhere is left out."""
    references: dict[str, tuple[str, ...]] = {}
    how = "nix-store --query --graph"
    for folder in dict.fromkeys(path.parent for path in paths):
        chosen = [path for path in paths if path.parent == folder]
        try:
            references |= _asked(chosen)
        except FilcrossError:
            for path in chosen:
                try:
                    references |= _asked([path])
                except FilcrossError:
                    references |= _walked([path])
                    how = "the store paths in the files"
    others = references.keys() - {str(path) for path in paths}
    everything = (*paths, *map(Path, sorted(others)))
    found = tuple(path for path in everything if path.exists())
    lost = tuple(path for path in sorted({*everything} - {*found}) if not path.is_symlink())
    return Closure(found, how, dict(sorted(references.items())), lost)


def nar_hashes(paths: Sequence[Path]) -> dict[str, str]:
    """Return the NAR hashes of those store paths that Nix knows; nothing of a store that cannot be asked."""
    found: dict[str, str] = {}
    for folder, part in _parts(paths):
        hashes = _lines(folder, "--query", "--hash", *part)
        if hashes is None:  # for one of them, none is told
            invalid = set(_lines(folder, "--check-validity", "--print-invalid", *part) or map(str, part))
            part = [path for path in part if str(path) not in invalid]  # noqa: PLW2901
            hashes = _lines(folder, "--query", "--hash", *part) if part else None
        if hashes is not None and len(hashes) == len(part):
            found.update(zip(map(str, part), hashes, strict=True))
    return found


def hashes_below(paths: Sequence[Path]) -> dict[str, str]:
    """Return the NAR hashes of store paths that Nix knows and of all that they refer to."""
    below: dict[Path, None] = {}
    for folder, part in _parts(paths):
        lines = _lines(folder, "--query", "--requisites", *part)
        if lines is None:  # for one of them, none is told
            known = nar_hashes(part)
            lines = _lines(folder, "--query", "--requisites", *known) if known else []
        below.update(dict.fromkeys(map(Path, lines or ())))
    return nar_hashes(list(below))


def _parts(paths: Sequence[Path]) -> Iterator[tuple[Path, list[Path]]]:
    """Yield each store's folder and those of `paths` that are in it, as many as one question may name."""
    for folder in dict.fromkeys(path.parent for path in paths):
        chosen = [path for path in paths if path.parent == folder]
        for start in range(0, len(chosen), _AT_ONCE):
            yield folder, chosen[start : start + _AT_ONCE]


def _lines(folder: Path, *arguments: str | Path) -> list[str] | None:
    """Return the lines that `nix-store` prints about the store at `folder`, `None` where it fails."""
    try:
        return run(["nix-store", *arguments], env=_environment(folder)).stdout.splitlines()
    except FilcrossError:
        return None


def _environment(folder: Path) -> dict[str, str]:
    """Return the variables that make Nix ask the store at `folder`."""
    if str(folder) == "/nix/store":
        return {}
    return {
        "NIX_STORE_DIR": str(folder),
        "NIX_STATE_DIR": str(folder.parent / "var" / "nix"),
        "NIX_REMOTE": "",
    }


def _asked(paths: Sequence[Path]) -> dict[str, tuple[str, ...]]:
    """Ask Nix who refers to whom below `paths`, of one store.

    It draws an arrow from each path to the one that needs it.
    """
    folder = paths[0].parent
    graph = run(["nix-store", "--query", "--graph", *paths], env=_environment(folder)).stdout
    found: dict[str, list[str]] = {f"{folder}/{name}": [] for name in _BOX.findall(graph)}
    for needed, user in _ARROW.findall(graph):
        found[f"{folder}/{user}"].append(f"{folder}/{needed}")
    return {user: tuple(sorted(needed)) for user, needed in found.items()}


def _walked(paths: Sequence[Path]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    waiting = [path for path in paths if path.exists()]
    while waiting:
        path = waiting.pop()
        if str(path) in found:
            continue
        pattern = re.compile(re.escape(os.fsencode(path.parent)) + b"/(" + _NAME.pattern.encode() + b")")
        named = {os.fsdecode(name) for content in _contents(path) for name in pattern.findall(content)}
        others = sorted(path.parent / name for name in named - {path.name})
        existing = [other for other in others if other.exists()]
        found[str(path)] = tuple(map(str, existing))
        waiting.extend(existing)
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
