"""The patch station: make the Fil-C platform known to a nixpkgs tree, prove it, and turn it back.

A tree is changed in place (`apply`, `revert`) or copied and changed (`copy_and_patch`). Only the bytes of the
edits (`filcross.nixpkgs.edits`) are added or removed; all other bytes of the files stay as they are.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from filcross import process
from filcross.errors import MissingRequirementError, UnsupportedInputError, UsageError
from filcross.nixpkgs import edits, journal, syntax
from filcross.nixpkgs.checkout import ROLES, Checkout, open_checkout
from filcross.nixpkgs.proof import Proof, prove

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = [
    "FileChange",
    "PatchedCheckout",
    "Plan",
    "Proof",
    "State",
    "apply",
    "copy_and_patch",
    "plan",
    "prove",
    "recover",
    "revert",
]

_REPORT = "report it: open an issue for filcross with this output, the file, and the revision of the tree"
_OTHER_PATCH = re.compile(r"gnufilc", re.IGNORECASE)
_TRACE = re.compile(rb"filc", re.IGNORECASE)
_MAX_TRACES = 8
_SHOWN_LINES = 5


class State(Enum):
    """What filcross finds in a tree."""

    PRISTINE = "pristine"
    PATCHED = "patched"
    PARTIAL = "partial"
    EDITED = "edited"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file of the plan: its content without and with all edits, and which edits are in it now."""

    path: str
    pristine: bytes
    patched: bytes
    present: tuple[str, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a tree is, and what the edits are in it; `traces` says why a state is not a clean one."""

    checkout: Checkout
    state: State
    edit_set: int
    files: tuple[FileChange, ...]
    traces: tuple[str, ...] = ()

    def diff(self) -> str:
        """Return the edits as one unified diff (`a/` without, `b/` with them)."""
        import difflib

        chunks = []
        for change in self.files:
            before = change.pristine.decode("utf-8", "surrogateescape").split("\n")
            after = change.patched.decode("utf-8", "surrogateescape").split("\n")
            lines = difflib.unified_diff(
                [f"{line}\n" for line in before[:-1]] + ([before[-1]] if before[-1] else []),
                [f"{line}\n" for line in after[:-1]] + ([after[-1]] if after[-1] else []),
                f"a/{change.path}",
                f"b/{change.path}",
            )
            chunks += [
                line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
            ]
        return "".join(chunks)


@dataclass(frozen=True, slots=True)
class PatchedCheckout:
    """A tree that knows the Fil-C platform; `changed` lists the files that this call wrote."""

    checkout: Checkout
    edit_set: int
    changed: tuple[str, ...]


def plan(checkout: Checkout) -> Plan:
    """Find every edit in the files of `checkout`; nothing is written.

    Raises `UnsupportedInputError` when a place is not there exactly once, naming the file, what was looked
    for and what was found.
    """
    files, traces = [], []
    for role in ROLES:
        path = checkout.layout.path(role)
        change = _plan_file(role, path, _read(checkout.file(role)))
        files.append(change)
        traces += [f"{path}:{line}: {text}" for line, text in _traces(change.pristine)]
    if traces:
        state = State.OTHER if any(_OTHER_PATCH.search(trace) for trace in traces) else State.EDITED
    elif not any(change.present for change in files):
        state = State.PRISTINE
    elif any(change.missing for change in files):
        state = State.PARTIAL
        traces = [_what_is_there(change) for change in files]
    else:
        state = State.PATCHED
    return Plan(checkout, state, edits.EDIT_SET, tuple(files), tuple(traces))


def apply(checkout: Checkout, *, on_wait: Callable[[str], None] | None = None) -> PatchedCheckout:
    """Patch the tree in place; a tree that is patched already is left alone (`changed` is empty).

    `on_wait` gets a sentence when another process works on the tree and this one waits. Raises
    `UnsupportedInputError` for a tree that is partly patched or changed by hand in the places of the edits,
    `MissingRequirementError` when the tree cannot be written to. Either way nothing is changed.
    """
    with _writable(checkout, on_wait):
        current = plan(checkout)
        if current.state is State.PATCHED:
            return PatchedCheckout(checkout, current.edit_set, ())
        if current.state is not State.PRISTINE:
            raise refusal(current)
        changes = [
            journal.Replacement(change.path, change.pristine, change.patched) for change in current.files
        ]
        journal.replace(checkout.root, changes)
        return PatchedCheckout(checkout, current.edit_set, tuple(item.path for item in changes))


def revert(checkout: Checkout, *, on_wait: Callable[[str], None] | None = None) -> tuple[str, ...]:
    """Take the edits out again, so that the files are byte for byte what they were; return the files written.

    A pristine tree is left alone. Raises as `apply` does.
    """
    with _writable(checkout, on_wait):
        current = plan(checkout)
        if current.state is State.PRISTINE:
            return ()
        if current.state is not State.PATCHED:
            raise refusal(current)
        changes = [
            journal.Replacement(change.path, change.patched, change.pristine)
            for change in reversed(current.files)
        ]
        journal.replace(checkout.root, changes)
        return tuple(item.path for item in changes)


def recover(root: Path, *, on_wait: Callable[[str], None] | None = None) -> str | None:
    """Finish or undo what an interrupted run left in the tree at `root`.

    Returns `finished`, `undone`, or None when there was nothing to put right. Every command calls this
    before it looks at a tree; without a journal it costs a few `lstat`s.
    """
    root = Path(os.path.realpath(root))
    if not root.is_dir() or not journal.pending(root):
        return None
    try:
        with journal.locked(root, on_wait=on_wait):
            return journal.recover_locked(root)
    except MissingRequirementError:
        if os.path.lexists(root / journal.JOURNAL):
            raise
        return None  # only an unused temporary file, in a tree that cannot be written to


def copy_and_patch(
    checkout: Checkout,
    output: Path,
    *,
    with_git: bool = True,
    check: Callable[[Path], object] | None = None,
    on_wait: Callable[[str], None] | None = None,
) -> PatchedCheckout:
    """Copy the tree to `output` (a path that does not exist yet) and patch the copy.

    Files are shared with the original by reflink where the file system can, and never by hard link. The copy
    gets its name when it is complete and `check` (called with the patched copy) has not raised. `with_git`
    tells whether `.git` is copied too. Raises `UsageError` for an output that exists or lies in the tree.
    """
    target = Path(os.path.abspath(output))  # noqa: PTH100  (the name given, not what a link leads to)
    if os.path.lexists(target):
        raise UsageError(f"{output} exists already", hint="choose another folder, or remove that one first")
    if Path(os.path.realpath(target)).is_relative_to(checkout.root):
        raise UsageError(
            f"{output} would be inside the tree that is copied", hint="choose a folder outside of it"
        )
    partial = target.parent / f".{target.name}.filcross-partial"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _partial_copy(partial, on_wait):
            with journal.locked(checkout.root, on_wait=on_wait, shared=True):
                _copy(checkout.root, partial, with_git=with_git)
            recover(partial)
            patched = apply(open_checkout(partial))
            if check is not None:
                check(partial)
            if os.path.lexists(target):
                raise UsageError(f"{output} came into being while filcross copied", hint="remove one of them")
            partial.rename(target)
    except OSError as error:
        raise journal.explain(error, target.parent, instead="choose another --output") from error
    return PatchedCheckout(open_checkout(target), patched.edit_set, patched.changed)


def refusal(current: Plan) -> UnsupportedInputError:
    """Say why a tree in the state of `current` is not touched."""
    root = current.checkout.root
    sentences = {
        State.PARTIAL: (
            f"{root} is patched in part: some of the edits are there, others are missing",
            "restore these files (git checkout), then run `filcross patch-nixpkgs` again",
        ),
        State.EDITED: (
            f"{root} has been edited by hand in the places that filcross edits",
            "take these lines back, or restore the files (git checkout), then run the command again",
        ),
        State.OTHER: (
            f"{root} carries another Fil-C patch (its platform is called gnufilc0)",
            "use a tree without that patch; the two do not go together",
        ),
    }
    message, hint = sentences[current.state]
    return UnsupportedInputError(message, hint=hint, details=current.traces)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise MissingRequirementError(
            f"{file} cannot be read: {error.strerror}", hint="check its permissions"
        ) from error


def _plan_file(role: str, path: str, data: bytes, *, check: bool = True) -> FileChange:
    """Find the edits of one file in `data`, whether or not they are there already."""
    present, missing = [], []
    pristine = patched = data
    insertions = _locate_all(role, path, data)
    for insertion in sorted(insertions, key=lambda one: one.offset, reverse=True):
        at = insertion.offset
        text = insertion.present(data)
        if text is None:
            missing.append(insertion.edit)
            patched = patched[:at] + insertion.texts[0] + patched[at:]
        else:
            present.append(insertion.edit)
            pristine = pristine[: at - len(text)] + pristine[at:]
    change = FileChange(path, pristine, patched, tuple(reversed(present)), tuple(reversed(missing)))
    if check:
        _check_reversible(role, change)
    return change


def _check_reversible(role: str, change: FileChange) -> None:
    """Refuse a file in which the edits could be made, but not be recognised and taken out again."""
    again = _plan_file(role, change.path, change.patched, check=False)
    if again.missing or again.pristine != change.pristine:
        raise UnsupportedInputError(
            f"{change.path} has a shape that filcross does not know; nothing was written",
            hint=_REPORT,
            details=(
                f"looked for: the places of {', '.join(change.missing)}, in a form that can be undone",
                "found: the places, but the edited file would not be recognised as edited",
            ),
        )


def _locate_all(role: str, path: str, data: bytes) -> list[edits.Insertion]:
    try:
        source = syntax.parse(data)
        wanted = [edit for edit in edits.load() if edit.file == role]
        return [found for edit in wanted if (found := edits.locate(edit, source)) is not None]
    except edits.AnchorError as error:
        foreign = _OTHER_PATCH.search(data.decode("utf-8", "replace"))
        raise UnsupportedInputError(
            f"{path} has a shape that filcross does not know; nothing was written",
            hint="use a tree without that patch; the two do not go together" if foreign else _REPORT,
            details=(
                f"looked for: {error.looked_for}",
                f"found: {error.found}",
                *(["the file mentions gnufilc0: the tree carries another Fil-C patch"] if foreign else []),
            ),
        ) from error
    except syntax.NixSyntaxError as error:
        raise UnsupportedInputError(
            f"{path} is not valid Nix code near line {error.line}; nothing was written",
            hint=f"`nix-instantiate --parse` says what is wrong; if it accepts the file, {_REPORT}",
        ) from error
    except edits.LineEndingError as error:
        raise UnsupportedInputError(
            f"{path} mixes LF and CRLF line endings; nothing was written",
            hint="give the file one kind of line ending (git config core.autocrlf), then run again",
        ) from error


def _traces(pristine: bytes) -> list[tuple[int, str]]:
    """Return the lines of code (number, text) that mention Fil-C although no edit accounts for them."""
    if _TRACE.search(pristine) is None:
        return []
    with contextlib.suppress(syntax.NixSyntaxError):
        code = syntax.without_comments(syntax.parse(pristine)).split(b"\n")
        lines = [(number, line) for number, line in enumerate(code, 1) if _TRACE.search(line)]
        return [(number, line.strip().decode("utf-8", "replace")) for number, line in lines[:_MAX_TRACES]]
    return [(1, "text of an edit inside other code")]


def _what_is_there(change: FileChange) -> str:
    present = ", ".join(change.present) or "none"
    return f"{change.path}: edits there: {present}; missing: {', '.join(change.missing) or 'none'}"


@contextlib.contextmanager
def _writable(checkout: Checkout, on_wait: Callable[[str], None] | None) -> Iterator[None]:
    """Hold the tree's lock, with what an interrupted run left put right."""
    store = Path(os.environ.get("NIX_STORE_DIR") or "/nix/store")
    if checkout.root.is_relative_to(os.path.realpath(store)):
        raise MissingRequirementError(
            f"{checkout.root} is in the Nix store, where nothing is ever changed",
            hint="let filcross make a patched copy with --output DIR",
        )
    with journal.locked(checkout.root, on_wait=on_wait):
        journal.recover_locked(checkout.root)
        yield


@contextlib.contextmanager
def _partial_copy(partial: Path, on_wait: Callable[[str], None] | None) -> Iterator[None]:
    """Make the folder `partial` for a copy (a stale one is removed); it is gone afterwards unless renamed."""
    with journal.lock_file(partial.with_name(f"{partial.name}.lock"), on_wait=on_wait):
        _remove(partial)
        partial.mkdir()
        try:
            yield
        finally:
            _remove(partial)


def _remove(folder: Path) -> None:
    if os.path.lexists(folder):
        process.run(["chmod", "-R", "u+rwX", "--", folder], check=False)
        shutil.rmtree(folder)


def _copy(root: Path, target: Path, *, with_git: bool) -> None:
    """Copy what is in `root` into the folder `target`, with modes, times and links."""
    entries = sorted(entry for entry in root.iterdir() if with_git or entry.name != ".git")
    copied = process.run(
        ["cp", "-a", "--reflink=auto", "-t", target, "--", *entries], check=False, timeout=None
    )
    if copied.exit_code != 0:
        raise MissingRequirementError(
            f"{root} could not be copied to {target.parent}",
            hint="make room, or choose an --output on another file system"
            if "No space left" in copied.stderr
            else "look at the messages above",
            details=tuple(copied.stderr.rstrip().splitlines()[-_SHOWN_LINES:]),
        )
    if not root.stat().st_mode & stat.S_IWUSR:
        process.run(["chmod", "-R", "u+w", "--", target])
