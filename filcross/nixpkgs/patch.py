"""The patch station: make the Fil-C platform known to a nixpkgs tree, prove it, and turn it back.

A tree is changed in place (`apply`, `revert`) or copied and changed (`copy_and_patch`). Only the bytes of the
edits (`filcross.nixpkgs.edits`) are added or removed; all other bytes of the files stay as they are.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from filcross.errors import MissingRequirementError, UsageError
from filcross.nixpkgs import edits, journal
from filcross.nixpkgs.checkout import Checkout, open_checkout
from filcross.nixpkgs.planning import FileChange, Plan, State, forced_plan, plan, refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from filcross.nix.command import Nix
    from filcross.nixpkgs.proof import Proof

__all__ = [
    "FileChange",
    "PatchedCheckout",
    "Plan",
    "State",
    "apply",
    "copy_and_patch",
    "forced_plan",
    "plan",
    "prove",
    "recover",
    "refusal",
    "revert",
]

_SHOWN_LINES = 5


@dataclass(frozen=True, slots=True)
class PatchedCheckout:
    """A tree that knows the Fil-C platform; `changed` lists the files that this call wrote.

    `upgraded_from` is the edit set that was in the tree before, if it was an earlier one; `by_configuration`
    is that of `Plan`.
    """

    checkout: Checkout
    edit_set: int
    changed: tuple[str, ...]
    upgraded_from: int | None = None
    by_configuration: bool = False


def apply(
    checkout: Checkout, *, force: bool = False, on_wait: Callable[[str], None] | None = None
) -> PatchedCheckout:
    """Patch the tree in place; a tree that is patched already is left alone (`changed` is empty).

    A tree with an earlier edit set gets this one instead. `force` replaces what was written by hand in the
    places of the edits. `on_wait` gets a sentence when another process works on the tree and this one waits.
    Raises `UnsupportedInputError` for a tree that is partly patched or changed by hand in the places of the
    edits, `MissingRequirementError` when the tree cannot be written to. Either way nothing is changed.
    """
    with _writable(checkout, on_wait):
        current = _plan(checkout, force=force)
        changed = _replace(checkout, [(change.path, change.data, change.patched) for change in current.files])
        older = current.edit_set if current.state is State.OLDER else None
        return PatchedCheckout(checkout, edits.EDIT_SET, changed, older, current.by_configuration)


def revert(
    checkout: Checkout, *, force: bool = False, on_wait: Callable[[str], None] | None = None
) -> tuple[str, ...]:
    """Take the edits out again, so that the files are byte for byte what they were; return the files written.

    A pristine tree is left alone. `force` and the errors are those of `apply`.
    """
    with _writable(checkout, on_wait):
        current = _plan(checkout, force=force)
        return _replace(
            checkout, [(change.path, change.data, change.pristine) for change in reversed(current.files)]
        )


def _plan(checkout: Checkout, *, force: bool) -> Plan:
    if force:
        return forced_plan(checkout)
    current = plan(checkout)
    if current.state not in {State.PRISTINE, State.PATCHED, State.OLDER}:
        raise refusal(current)
    return current


def _replace(checkout: Checkout, changes: list[tuple[str, bytes, bytes]]) -> tuple[str, ...]:
    """Write the files that change, in this order; return their names."""
    wanted = [journal.Replacement(*change) for change in changes if change[1] != change[2]]
    if wanted:
        journal.replace(checkout.root, wanted)
    return tuple(item.path for item in wanted)


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
    force: bool = False,
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
            patched = apply(open_checkout(partial), force=force)
            if check is not None:
                check(partial)
            if os.path.lexists(target):
                raise UsageError(f"{output} came into being while filcross copied", hint="remove one of them")
            partial.rename(target)
    except OSError as error:
        raise journal.explain(error, target.parent, instead="choose another --output") from error
    return replace(patched, checkout=open_checkout(target))


def prove(root: Path, nix: Nix | None = None) -> Proof:
    """Let Nix prove the edits of the tree at `root`: see `filcross.nixpkgs.proof`."""
    from filcross.nixpkgs import proof

    return proof.prove(root, nix)


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
    from filcross import process

    if os.path.lexists(folder):
        process.run(["chmod", "-R", "u+rwX", "--", folder], check=False)
        shutil.rmtree(folder)


def _copy(root: Path, target: Path, *, with_git: bool) -> None:
    """Copy what is in `root` into the folder `target`, with modes, times and links."""
    from filcross import process

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
