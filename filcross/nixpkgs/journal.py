"""Replace several files of a tree so that a crash at any moment can be put right.

The new contents are written and synced under temporary names next to the files; then a journal at the root
of the tree is written, synced and renamed into place; then the files are renamed one by one, and the journal
is removed. Whoever finds a journal finishes the renames, or undoes them where that is no longer possible.
Every file is wholly old or wholly new at every moment.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import fcntl
import hashlib
import json
import os
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from filcross.errors import MissingRequirementError, UnsupportedInputError
from filcross.nixpkgs.checkout import OPTIONAL_ROLES, ROLES, Layout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

JOURNAL = ".filcross-journal"
_VERSION = 1
_KNOWN_PATHS = {layout.path(role) for layout in Layout for role in (*ROLES, *OPTIONAL_ROLES)}


@dataclass(frozen=True, slots=True)
class Replacement:
    """One file of a tree (`path` is relative to its root) with its old and its new content."""

    path: str
    before: bytes
    after: bytes


@contextmanager
def locked(
    root: Path, *, on_wait: Callable[[str], None] | None = None, shared: bool = False
) -> Iterator[None]:
    """Hold the lock of the tree at `root` (an flock on the folder itself, gone when the process is).

    `on_wait` gets a sentence when another process holds it and this one waits.
    """
    wanted = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    handle = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(handle, wanted | fcntl.LOCK_NB)
        except BlockingIOError:
            if on_wait is not None:
                on_wait(f"another filcross is working on {root}: waiting until it is done")
            fcntl.flock(handle, wanted)
        except OSError as error:
            raise MissingRequirementError(
                f"{root} cannot be locked: {error.strerror}",
                hint="its file system has no locks for folders: copy the tree to a local one",
            ) from error
        yield
    finally:
        os.close(handle)


@contextmanager
def lock_file(path: Path, *, on_wait: Callable[[str], None] | None = None) -> Iterator[None]:
    """Hold a lock by a file of its own, which is removed afterwards."""
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if on_wait is not None:
                    on_wait(f"another filcross holds {path}: waiting until it is done")
                fcntl.flock(handle, fcntl.LOCK_EX)
            if not _still_there(path, handle):
                continue  # whoever held it removed it: start again with a new one
            try:
                yield
            finally:
                path.unlink(missing_ok=True)
            return
        finally:
            os.close(handle)


def _still_there(path: Path, handle: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(handle))
    except FileNotFoundError:
        return False


def replace(root: Path, replacements: Sequence[Replacement]) -> None:
    """Replace files in the given order; the caller holds the lock of the tree.

    Raises `MissingRequirementError` when the tree cannot be written to, with nothing changed.
    """
    try:
        for item in replacements:
            _write_synced(_temporary(root, item.path), item.after, like=root / item.path)
        _write_journal(root, replacements)
    except OSError as error:
        _clean(root)
        raise explain(error, root) from error
    except BaseException:
        _clean(root)
        raise
    try:
        _finish(root, replacements)
    except BaseException as error:
        recover_locked(root)
        if isinstance(error, OSError):
            raise explain(error, root) from error
        raise


def pending(root: Path) -> bool:
    """Tell whether an interrupted run left something at `root`."""
    return os.path.lexists(root / JOURNAL) or any(
        os.path.lexists(path) for path in (_temporary(root, JOURNAL), *_leftovers(root))
    )


def recover_locked(root: Path) -> str | None:
    """Put the tree right after an interrupted run; the caller holds the lock.

    Returns `finished`, `undone`, or None when no file had to be looked at. Raises `UnsupportedInputError`
    when a file is neither old nor new, and `MissingRequirementError` when the tree cannot be written to.
    """
    journal = root / JOURNAL
    try:
        if not os.path.lexists(journal):
            _clean(root)
            return None
        entries = _read_journal(journal)
        states = {entry.path: _state(root, entry) for entry in entries}
        strange = [path for path, state in states.items() if state == "strange"]
        if strange:
            raise UnsupportedInputError(
                f"an interrupted filcross run left {root} half done, and somebody changed {strange[0]} since",
                hint=f"restore the file (git checkout), or keep yours and delete {journal}; then run again",
                details=tuple(f"neither old nor new: {path}" for path in strange),
            )
        todo = [entry for entry in entries if states[entry.path] == "old"]
        outcome = "finished"
        if all(_digest_of(_temporary(root, entry.path)) == entry.after for entry in todo):
            _rename_all(root, [entry.path for entry in todo])
        else:
            outcome = "undone"
            for entry in reversed(entries):
                if states[entry.path] == "new":
                    file = root / entry.path
                    _write_synced(_temporary(root, entry.path), entry.old_bytes(), like=file)
                    _rename_all(root, [entry.path])
    except OSError as error:
        raise explain(error, root) from error
    _clean(root)
    return outcome


def explain(error: OSError, root: Path, *, instead: str = "") -> MissingRequirementError:
    """Turn a failure to write below `root` into words; `instead` says what else can be done."""
    instead = instead or "let filcross make a patched copy with --output DIR"
    hints = {
        errno.EROFS: f"the file system is read-only: {instead}",
        errno.EACCES: f"it belongs to somebody else: {instead}",
        errno.EPERM: f"it belongs to somebody else: {instead}",
        errno.ENOSPC: "free some space on that file system and try again",
        errno.EDQUOT: "your disk quota is used up: free some space and try again",
    }
    return MissingRequirementError(
        f"{root} cannot be changed: {error.strerror or error}; no file was left half written",
        hint=hints.get(error.errno or 0, "look at the message above, then run the command again"),
        details=(f"{error.filename}: {error.strerror}",) if error.filename else (),
    )


@dataclass(frozen=True, slots=True)
class _Entry:
    path: str
    before: str
    after: str
    content: str

    def old_bytes(self) -> bytes:
        return zlib.decompress(base64.b64decode(self.content))


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _digest_of(file: Path) -> str | None:
    """Return the digest of a regular file, or None when there is none (links are not followed)."""
    try:
        handle = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    with os.fdopen(handle, "rb") as stream:
        return _digest(stream.read())


def _state(root: Path, entry: _Entry) -> str:
    return {entry.before: "old", entry.after: "new"}.get(_digest_of(root / entry.path) or "", "strange")


def _temporary(root: Path, path: str) -> Path:
    """Return the one temporary name of a file: whoever holds the lock may reuse or remove it."""
    relative = PurePosixPath(path)
    return root / relative.parent / f".{relative.name}.filcross-new"


def _leftovers(root: Path) -> list[Path]:
    return [_temporary(root, path) for path in sorted(_KNOWN_PATHS)]


def _write_synced(file: Path, content: bytes, *, like: Path | None) -> None:
    with contextlib.suppress(FileNotFoundError):
        file.unlink()
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    with os.fdopen(handle, "wb") as stream:
        stream.write(content)
        stream.flush()
        if like is not None:
            status = like.stat()
            with contextlib.suppress(PermissionError):
                os.fchown(handle, status.st_uid, status.st_gid)
            os.fchmod(handle, status.st_mode & 0o7777)
        os.fsync(handle)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _write_journal(root: Path, replacements: Sequence[Replacement]) -> None:
    files = [
        {
            "path": item.path,
            "before": _digest(item.before),
            "after": _digest(item.after),
            "content": base64.b64encode(zlib.compress(item.before, 1)).decode("ascii"),
        }
        for item in replacements
    ]
    temporary = _temporary(root, JOURNAL)
    _write_synced(temporary, json.dumps({"version": _VERSION, "files": files}).encode(), like=None)
    for folder in {(root / item.path).parent for item in replacements}:
        _sync_folder(folder)
    temporary.rename(root / JOURNAL)
    _sync_folder(root)


def _read_journal(journal: Path) -> list[_Entry]:
    """Read a journal; a tree may come from anywhere, so only the files that filcross edits are accepted."""
    try:
        handle = os.open(journal, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as stream:
            document = json.loads(stream.read())
        entries = [_Entry(**entry) for entry in document["files"]]
        intact = all(_digest(entry.old_bytes()) == entry.before for entry in entries)
    except (ValueError, TypeError, KeyError, AttributeError, zlib.error) as error:
        raise UnsupportedInputError(
            f"{journal} is not a journal that this filcross can read",
            hint="restore the tree (git checkout), delete that file, and run the command again",
        ) from error
    root = journal.parent
    for entry in entries:
        file = root / entry.path
        if (
            not intact
            or entry.path not in _KNOWN_PATHS
            or Path(os.path.realpath(file)) != Path(os.path.realpath(root), entry.path)
        ):
            raise UnsupportedInputError(
                f"{journal} was not written by filcross (it names {entry.path})",
                hint="restore the tree (git checkout), delete that file, and run the command again",
            )
    return entries


def _finish(root: Path, replacements: Sequence[Replacement]) -> None:
    for item in replacements:
        if _digest_of(root / item.path) != _digest(item.before):
            _clean(root)
            raise UnsupportedInputError(
                f"{item.path} changed while filcross worked on {root}; nothing was written",
                hint="run the command again when nothing else writes to the tree",
            )
    _rename_all(root, [item.path for item in replacements])
    _clean(root)


def _rename_all(root: Path, paths: Sequence[str]) -> None:
    """Rename in order; what came before the last one is on the disk before the last one is."""
    for number, path in enumerate(paths, 1):
        if number == len(paths):
            for folder in {(root / earlier).parent for earlier in paths[:-1]}:
                _sync_folder(folder)
        file = root / path
        _temporary(root, path).rename(file)
    for folder in {(root / path).parent for path in paths[-1:]}:
        _sync_folder(folder)


def _clean(root: Path) -> None:
    """Remove the journal, then what is left of temporary files."""
    if os.path.lexists(root / JOURNAL):
        (root / JOURNAL).unlink()
        _sync_folder(root)
    for file in (_temporary(root, JOURNAL), *_leftovers(root)):
        if os.path.lexists(file):  # a read-only file system refuses to remove even what is not there
            file.unlink()
