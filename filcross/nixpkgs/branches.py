"""The edits as git sees them: commits on a branch, a worktree, and the way to a newer nixpkgs.

A branch is made from `HEAD` alone: the working tree, its index and its dirty files are not looked at.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from filcross import process
from filcross.errors import MissingRequirementError, UnsupportedInputError, UsageError
from filcross.nixpkgs import edits, patch
from filcross.nixpkgs.checkout import OPTIONAL_ROLES, ROLES, open_checkout
from filcross.nixpkgs.planning import State, plan, refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from filcross.nixpkgs.checkout import Checkout
    from filcross.nixpkgs.planning import FileChange

_PLATFORM_ROLES = frozenset({"parse", "inspect", "default", "examples"})
_PLATFORM = """lib/systems: add the Fil-C platform

x86_64-unknown-linux-filc is x86_64 Linux with the ABI of Fil-C, the
memory-safe C and C++. It differs from the other ABIs of Linux in every
call, so it has an ABI name, a libc and a predicate of its own.
"""
_STAGES = """stdenv/cross: use Fil-C's compiler for its platform

Packages of the platform are compiled by `buildPackages.filcc`, which an
overlay provides, and get the hook that brings a config.sub which knows
the platform.
"""


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit of a branch: its hash, subject and the files that it changes."""

    hash: str
    subject: str
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Update:
    """What an update did: the revisions before and after, and the patched tree."""

    before: str
    after: str
    patched: patch.PatchedCheckout


def make_branch(checkout: Checkout, name: str) -> tuple[Commit, ...]:
    """Make the branch `name`: `HEAD` and one commit for each upstream-sized step of the edits.

    Raises `UsageError` for a name that is none or exists, `UnsupportedInputError` when the tree is not the
    root of a git checkout or `HEAD` is not pristine, `MissingRequirementError` when git cannot commit.
    """
    _check_repository(checkout)
    if _git(checkout, "check-ref-format", "--branch", name).exit_code != 0:
        raise UsageError(f"`{name}` is no name for a branch", hint="try filc")
    if _git(checkout, "show-ref", "--verify", "--quiet", f"refs/heads/{name}").exit_code == 0:
        raise UsageError(
            f"the branch {name} exists already", hint=f"choose another name, or git branch -D {name}"
        )
    head = _must(checkout, "rev-parse", "--verify", "HEAD^{commit}").strip()
    with tempfile.TemporaryDirectory(prefix="filcross-branch-") as folder:
        environment = {"GIT_INDEX_FILE": f"{folder}/index"}
        tree = Path(folder).resolve() / "tree"
        tree.mkdir()
        _must(checkout, "read-tree", head, environment=environment)
        _check_out_files(checkout, tree, environment)
        changes = _changes_of_head(checkout, tree)
        commits: list[Commit] = []
        for message, of_platform in ((_PLATFORM, True), (_STAGES, False)):
            step = [one for one in changes if (one.role in _PLATFORM_ROLES) is of_platform]
            for change in step:
                _add(checkout, change, tree, environment)
            parent = commits[-1].hash if commits else head
            written = _must(checkout, "write-tree", environment=environment).strip()
            made = _must(checkout, "commit-tree", written, "-p", parent, stdin=message).strip()
            commits.append(Commit(made, message.splitlines()[0], tuple(change.path for change in step)))
    _must(checkout, "update-ref", f"refs/heads/{name}", commits[-1].hash, "0" * len(head))
    return tuple(commits)


def add_worktree(
    checkout: Checkout, folder: Path, branch: str | None, *, on_wait: Callable[[str], None] | None = None
) -> patch.PatchedCheckout:
    """Add a git worktree with the edits in `folder` (a path that does not exist yet).

    With `branch` (made by `make_branch`) it is on that branch; otherwise it is at `HEAD`, detached, with the
    edits as uncommitted changes. Raises as `make_branch` does.
    """
    _check_repository(checkout)
    target = Path(os.path.abspath(folder))  # noqa: PTH100  (the name given, not what a link leads to)
    if os.path.lexists(target):
        raise UsageError(f"{folder} exists already", hint="choose another folder, or remove that one first")
    which = [str(target), branch] if branch is not None else ["--detach", str(target), "HEAD"]
    _must(checkout, "worktree", "add", "--quiet", *which)
    try:
        return patch.apply(open_checkout(target), on_wait=on_wait)
    except BaseException:
        _git(checkout, "worktree", "remove", "--force", str(target))
        raise


def update(
    checkout: Checkout, *, tell: Callable[[str], None], on_wait: Callable[[str], None] | None = None
) -> Update:
    """Take the edits out, pull (fast-forward only), and patch again.

    When the pull fails, the edits are put back and `MissingRequirementError` has git's words. When the new
    revision has a shape that filcross does not know, the tree is left at that revision without edits.
    """
    _check_repository(checkout)
    paths = [checkout.layout.path(role) for role in checkout.roles()]
    state = plan(checkout).state
    if state not in {State.PRISTINE, State.PATCHED, State.OLDER}:
        raise refusal(plan(checkout))
    if state is not State.PRISTINE and not _must(checkout, "status", "--porcelain", "--", *paths).strip():
        raise UnsupportedInputError(
            f"the edits are committed in {checkout.root}, so there is nothing to take out before a pull",
            hint="rebase your branch (git pull --rebase), then run `filcross patch-nixpkgs --check`",
        )
    before = _must(checkout, "rev-parse", "HEAD").strip()
    patch.revert(checkout, on_wait=on_wait)
    tell(f"took the edits out; git pull --ff-only in {checkout.root}")
    pulled = _git(checkout, "pull", "--ff-only", "--quiet")
    if pulled.exit_code != 0:
        if state is not State.PRISTINE:
            patch.apply(checkout, on_wait=on_wait)
        raise MissingRequirementError(
            f"git pull failed in {checkout.root}; its edits are as they were",
            hint="settle what git says, then run the command again",
            details=tuple(pulled.stderr.rstrip().splitlines()[-process.TAIL_LINES :]),
        )
    after = _must(checkout, "rev-parse", "HEAD").strip()
    tell(f"{before[:12]} -> {after[:12]}" if before != after else f"{before[:12]} is the newest")
    return Update(before, after, patch.apply(open_checkout(checkout.root), on_wait=on_wait))


def _check_repository(checkout: Checkout) -> None:
    top = _git(checkout, "rev-parse", "--show-toplevel")
    if top.exit_code != 0 or Path(os.path.realpath(top.stdout.rstrip("\n"))) != checkout.root:
        raise UnsupportedInputError(
            f"{checkout.root} is not the root of a git checkout",
            hint="patch it in place or with --output DIR; branches and worktrees need git",
        )


def _check_out_files(checkout: Checkout, tree: Path, environment: dict[str, str]) -> None:
    """Write the files of the temporary index that have a role to `tree`, byte for byte as git would."""
    roles = (*ROLES, *OPTIONAL_ROLES)
    wanted = [checkout.layout.path(role) for role in roles]
    listed = _must(checkout, "ls-files", "--", *wanted, environment=environment).split("\n")[:-1]
    _must(checkout, "checkout-index", f"--prefix={tree}/", "--", *listed, environment=environment)


def _changes_of_head(checkout: Checkout, tree: Path) -> list[FileChange]:
    current = plan(open_checkout(tree))
    if current.state is State.PATCHED:
        raise UnsupportedInputError(
            f"HEAD of {checkout.root} has the edits already (edit set {edits.EDIT_SET})",
            hint="there is nothing to commit",
        )
    if current.state not in {State.PRISTINE, State.OLDER}:
        raise refusal(current)
    return [change for change in current.files if change.data != change.patched]


def _add(checkout: Checkout, change: FileChange, tree: Path, environment: dict[str, str]) -> None:
    file = tree / change.path
    file.write_bytes(change.patched)
    blob = _must(checkout, "hash-object", "-w", f"--path={change.path}", "--", str(file)).strip()
    mode = _must(checkout, "ls-files", "--stage", "--", change.path, environment=environment).split(" ")[0]
    _must(checkout, "update-index", "--cacheinfo", f"{mode},{blob},{change.path}", environment=environment)


def _git(
    checkout: Checkout, *arguments: str, environment: dict[str, str] | None = None, stdin: str | None = None
) -> process.Completed:
    command: list[str | Path] = ["git", "-C", checkout.root, "-c", "core.quotePath=false", *arguments]
    return process.run(command, check=False, env=environment, stdin=stdin)


def _must(
    checkout: Checkout, *arguments: str, environment: dict[str, str] | None = None, stdin: str | None = None
) -> str:
    done = _git(checkout, *arguments, environment=environment, stdin=stdin)
    if done.exit_code != 0:
        name = "git config --global user.name NAME; git config --global user.email ADDRESS"
        raise MissingRequirementError(
            f"`{done.command_line}` failed",
            hint=f"tell git who you are: {name}"
            if "tell me who you are" in done.stderr
            else "settle what git says",
            details=tuple(done.stderr.rstrip().splitlines()[-process.TAIL_LINES :]),
        )
    return done.stdout
