"""What is remembered about a named toolchain: where it came from, what it was seen to do, its files.

A record is a folder `.records/NAME` of the store with `record.json`, `baseline.json` (see `proof.baseline`)
and, for an installed toolchain, `files.json` with the hash of every file. It is written whole or not at all.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from filcross.toolchain.proof import Proof

SCHEMA_VERSION = 1
FOLDER = ".records"
_WORKERS = 4


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a toolchain came from.

    `kind` is `release` (a known asset), `archive`, `folder` (copied) or `link`; `source` the address or path;
    `sha256` (hexadecimal) the archive's; `trust` what its hash was worth when it was installed, in words.
    """

    kind: str
    source: str
    sha256: str | None
    trust: str


@dataclass(frozen=True, slots=True)
class Record:
    """What is remembered: the origin, and the proof's summary, trials and verdict."""

    name: str
    origin: Origin
    summary: str
    memory_safe: bool
    trials: tuple[Mapping[str, str], ...]


def make(name: str, origin: Origin, proof: Proof) -> Record:
    """Return the record of a toolchain that was proved."""
    trials = tuple(asdict(trial) for trial in proof.trials)
    return Record(name, origin, proof.summary, proof.memory_safe, trials)


def read(store: Path, name: str) -> Record | None:
    """Return the record of `name`, `None` where there is none that can be read."""
    try:
        content = json.loads((store / FOLDER / name / "record.json").read_text(encoding="utf-8"))
        if content["schema_version"] != SCHEMA_VERSION:
            return None
        return Record(
            name=content["name"],
            origin=Origin(**content["origin"]),
            summary=content["summary"],
            memory_safe=content["memory_safe"],
            trials=tuple(content["trials"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write(store: Path, record: Record, baseline: Mapping[str, Any], files: Mapping[str, Any] | None) -> None:
    """Put a record into the place of an older one of the name, in one step."""
    folder = store / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(prefix=".new-", dir=folder))
    try:
        content = {"schema_version": SCHEMA_VERSION, **asdict(record)}
        _write(new / "record.json", content)
        _write(new / "baseline.json", baseline)
        if files is not None:
            _write(new / "files.json", files)
        forget(store, record.name)
        new.rename(folder / record.name)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _write(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def forget(store: Path, name: str) -> None:
    """Delete the record of `name`, if there is one."""
    shutil.rmtree(store / FOLDER / name, ignore_errors=True)


def write_baseline(store: Path, name: str, baseline: Mapping[str, Any]) -> None:
    """Put a baseline into the record of `name`, in place of the older one, in one step."""
    folder = store / FOLDER / name
    descriptor, new = tempfile.mkstemp(prefix=".new-", dir=folder)
    os.close(descriptor)
    try:
        _write(Path(new), baseline)
        Path(new).replace(folder / "baseline.json")
    finally:
        Path(new).unlink(missing_ok=True)


def baseline_file(store: Path, name: str) -> Path | None:
    """Return the file with the baseline of ordinary names of `name`, if it has one."""
    file = store / FOLDER / name / "baseline.json"
    return file if file.is_file() else None


def manifest(root: Path) -> dict[str, list[str]]:
    """Return every file (`["file", sha256, mode]`) and link (`["link", target]`) by path below `root`."""
    paths = sorted(_walk(root))
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(_WORKERS) as workers:
        described = list(workers.map(lambda name: _describe(root / name), paths))
    return dict(zip(paths, described, strict=True))


def _walk(root: Path) -> Iterator[str]:
    for folder, folders, files in os.walk(root):
        base = Path(folder)
        links = [name for name in folders if (base / name).is_symlink()]
        for name in (*files, *links):
            yield str((base / name).relative_to(root))


def _describe(path: Path) -> list[str]:
    status = path.lstat()
    if stat.S_ISLNK(status.st_mode):
        return ["link", str(path.readlink())]
    if not stat.S_ISREG(status.st_mode):
        return ["special", oct(status.st_mode)]
    from filcross.toolchain.download import hash_file

    return ["file", hash_file(path), "x" if status.st_mode & stat.S_IXUSR else "-"]


def differences(store: Path, name: str, root: Path) -> tuple[str, ...] | None:
    """Return what changed below `root` since `name` was installed (`None`: its files were not listed)."""
    try:
        known = json.loads((store / FOLDER / name / "files.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    present = manifest(root)
    lines = [f"missing: {path}" for path in known.keys() - present.keys()]
    lines += [f"added: {path}" for path in present.keys() - known.keys()]
    lines += [f"changed: {path}" for path in known.keys() & present.keys() if known[path] != present[path]]
    return tuple(sorted(lines))
