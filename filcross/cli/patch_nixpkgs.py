"""`filcross patch-nixpkgs`."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from filcross import resources
from filcross.cli.output import DebugOption, JsonOption, Output, QuietOption, VerboseOption
from filcross.errors import FilcrossError, MissingRequirementError, UsageError, VerdictError

if TYPE_CHECKING:
    from filcross.nixpkgs.checkout import Checkout
    from filcross.nixpkgs.patch import PatchedCheckout, Plan
    from filcross.nixpkgs.proof import Proof

EXAMPLES = """Examples:

  filcross patch-nixpkgs ~/nixpkgs

  filcross patch-nixpkgs ~/nixpkgs --diff | less

  filcross patch-nixpkgs ~/nixpkgs --check && echo patched

  filcross patch-nixpkgs /nix/store/…-source --output ~/nixpkgs-filc

  filcross patch-nixpkgs ~/nixpkgs --branch filc --worktree ~/nixpkgs-filc

  filcross patch-nixpkgs ~/nixpkgs --update

  filcross patch-nixpkgs ~/nixpkgs --prove-identity

  filcross patch-nixpkgs ~/nixpkgs --revert
"""
KIND = "patch-nixpkgs"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("patch-nixpkgs", epilog=EXAMPLES)(patch_nixpkgs)


def patch_nixpkgs(
    tree: Annotated[Path, typer.Argument(metavar="TREE", help="The folder of a nixpkgs tree.")],
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit code 1 if the tree is not patched.")
    ] = False,
    diff: Annotated[
        bool, typer.Option("--diff", help="Change nothing; write the edits to stdout as a unified diff.")
    ] = False,
    revert: Annotated[
        bool, typer.Option("--revert", help="Take the edits out again, byte for byte.")
    ] = False,
    update: Annotated[
        bool, typer.Option("--update", help="Take the edits out, git pull --ff-only, and patch again.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Replace what was edited by hand in the places of the edits.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option("--output", metavar="DIR", help="Patch a copy in DIR (a new folder) instead."),
    ] = None,
    branch: Annotated[
        str | None,
        typer.Option("--branch", metavar="NAME", help="Commit the edits to HEAD on a new branch instead."),
    ] = None,
    worktree: Annotated[
        Path | None,
        typer.Option("--worktree", metavar="DIR", help="Patch a new git worktree (on the new --branch)."),
    ] = None,
    prove_identity: Annotated[
        bool,
        typer.Option(
            "--prove-identity",
            help="Change nothing; show that native packages and pkgsCross.musl64 have the same derivations "
            "with and without the edits and the overlay (exit code 1 if one has not).",
        ),
    ] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="With --prove-identity: every attribute, not a sample.")
    ] = False,
    no_prove: Annotated[
        bool, typer.Option("--no-prove", help="Do not let Nix prove the patched tree.")
    ] = False,
    as_json: JsonOption = False,
    verbose: VerboseOption = 0,
    quiet: QuietOption = False,
    debug: DebugOption = False,
) -> None:
    """Make the platform x86_64-unknown-linux-filc known to a nixpkgs tree (pkgsCross.filc).

    A few small edits in lib/systems and pkgs/stdenv/cross, found by the structure of the code; everything
    else stays byte for byte. Nix then proves that the tree knows the platform, and that the others are as
    before. A tree with an earlier edit set is upgraded. A tree whose shape is not known is refused with exit
    code 5, and nothing is written.
    """
    del debug
    from filcross.nixpkgs.checkout import open_checkout

    say = Output(as_json, verbose, quiet)
    actions = {
        "check": check,
        "diff": diff,
        "revert": revert,
        "update": update,
        "prove-identity": prove_identity,
        "output": output is not None,
        "branch": branch is not None or worktree is not None,
    }
    action = _one_action(actions)
    if everything and not prove_identity:
        raise UsageError("--all belongs to --prove-identity", hint="give both, or neither")
    _recover(tree, say, needed=output is None)
    checkout = open_checkout(tree)
    release = f"release {checkout.release}" if checkout.release else "a release that it does not name"
    say.detail(f"{checkout.root}: {checkout.layout.value} layout, {release}")
    document: dict[str, Any] = {
        "action": action,
        "tree": str(checkout.root),
        "layout": checkout.layout.value,
        "release": checkout.release,
    }
    if action in {"check", "diff"}:
        _look(checkout, say, document, diff=diff)
    elif revert:
        _revert(checkout, say, document, force=force)
    elif prove_identity:
        _compare(checkout, say, document, everything=everything)
    else:
        if not no_prove:
            _find_nix()
        if update:
            _update(checkout, say, document, with_proof=not no_prove)
        elif action == "branch":
            _branch(checkout, branch, worktree, say, document, with_proof=not no_prove)
        elif output is not None:
            _copy(checkout, output, say, document, with_proof=not no_prove, force=force)
        else:
            _patch(checkout, say, document, with_proof=not no_prove, force=force)


def _one_action(actions: dict[str, bool]) -> str:
    given = [name for name, on in actions.items() if on]
    if len(given) > 1:
        names = " and ".join(f"--{name}" for name in given)
        raise UsageError(f"{names} exclude each other", hint="give one of them at a time")
    return given[0] if given else "patch"


def _find_nix() -> None:
    from filcross import process

    process.find_program(
        "nix-instantiate",
        hint="install Nix 2.8 or newer (Debian: apt-get install nix-bin), or patch without the proof: "
        "--no-prove",
    )


def _recover(tree: Path, say: Output, *, needed: bool) -> None:
    """Put right what an interrupted run left; a copy can do without it, because it is put right itself."""
    from filcross.nixpkgs import patch

    try:
        outcome = patch.recover(tree, on_wait=say.say)
    except MissingRequirementError:
        if needed:
            raise
        return
    if outcome is not None:
        say.say(f"an earlier run was interrupted in {tree}: its edits are {outcome} now")


def _look(checkout: Checkout, say: Output, document: dict[str, Any], *, diff: bool) -> None:
    from filcross.nixpkgs import patch

    found = patch.plan(checkout)
    document |= {"state": found.state.value, "edit_set": found.edit_set, "traces": list(found.traces)}
    if diff:
        _show_diff(found, say, document)
    else:
        _show_state(found, say, document)


def _show_state(found: Plan, say: Output, document: dict[str, Any]) -> None:
    from filcross.nixpkgs import edits, patch

    root = found.checkout.root
    say.document(KIND, document)
    if found.state is patch.State.PATCHED:
        say.result(f"{root} is patched (edit set {found.edit_set})")
        return
    if found.state is patch.State.OLDER:
        say.result(
            f"{root} has edit set {found.edit_set}, this filcross has {edits.EDIT_SET}: patch it again"
        )
    elif found.state is patch.State.PRISTINE:
        say.result(f"{root} is not patched: `filcross patch-nixpkgs` does it")
    else:
        refusal = patch.refusal(found)
        say.result("\n".join([refusal.message, *(f"  | {line}" for line in refusal.details)]))
    raise typer.Exit(VerdictError.exit_code)


def _show_diff(found: Plan, say: Output, document: dict[str, Any]) -> None:
    from filcross.nixpkgs import patch

    if found.state not in {patch.State.PRISTINE, patch.State.PATCHED, patch.State.OLDER}:
        raise patch.refusal(found)
    if found.state is patch.State.PATCHED:
        say.say(f"{found.checkout.root} is patched already; these are the edits in it")
    text = found.diff()
    if say.as_json:
        say.document(KIND, {**document, "diff": text})
    else:
        sys.stdout.buffer.write(text.encode("utf-8", "surrogateescape"))
        sys.stdout.flush()


def _revert(checkout: Checkout, say: Output, document: dict[str, Any], *, force: bool) -> None:
    from filcross.nixpkgs import patch

    if force:
        _show_replaced(checkout, say)
    changed = patch.revert(checkout, force=force, on_wait=say.say)
    say.result(
        f"took the edits out of {len(changed)} files of {checkout.root}"
        if changed
        else f"{checkout.root} is not patched, so there is nothing to take back"
    )
    say.document(KIND, {**document, "state": "pristine", "changed": list(changed)})


def _patch(
    checkout: Checkout, say: Output, document: dict[str, Any], *, with_proof: bool, force: bool
) -> None:
    from filcross.nixpkgs import patch

    if force:
        _show_replaced(checkout, say)
    done = patch.apply(checkout, force=force, on_wait=say.say)
    proof = _prove_or_undo(checkout, say, undo=bool(done.changed)) if with_proof else None
    _show_patched(done, proof, say, document)


def _copy(
    checkout: Checkout,
    output: Path,
    say: Output,
    document: dict[str, Any],
    *,
    with_proof: bool,
    force: bool,
) -> None:
    from filcross.nixpkgs import patch

    say.say(f"copying {checkout.root} to {output}")
    proofs: list[Proof] = []
    done = patch.copy_and_patch(
        checkout,
        output,
        force=force,
        check=(lambda root: proofs.append(patch.prove(root))) if with_proof else None,
        on_wait=say.say,
    )
    _show_patched(done, proofs[0] if proofs else None, say, document)


def _update(checkout: Checkout, say: Output, document: dict[str, Any], *, with_proof: bool) -> None:
    from filcross.nixpkgs import branches

    done = branches.update(checkout, tell=say.say, on_wait=say.say)
    proof = _prove_or_undo(done.patched.checkout, say, undo=True) if with_proof else None
    document |= {"before": done.before, "after": done.after}
    _show_patched(done.patched, proof, say, document)


def _branch(
    checkout: Checkout,
    branch: str | None,
    worktree: Path | None,
    say: Output,
    document: dict[str, Any],
    *,
    with_proof: bool,
) -> None:
    from filcross.nixpkgs import branches

    if branch is not None:
        commits = branches.make_branch(checkout, branch)
        for commit in commits:
            say.say(f"{commit.hash[:12]} {commit.subject}")
        document |= {"branch": branch, "commits": [asdict(commit) for commit in commits]}
        if worktree is None:
            say.result(f"branch {branch} of {checkout.root} has the edits; your working tree is as it was")
            say.document(KIND, document)
            return
    assert worktree is not None
    done = branches.add_worktree(checkout, worktree, branch, on_wait=say.say)
    proof = _prove_or_undo(done.checkout, say, undo=False) if with_proof else None
    _show_patched(done, proof, say, document)


def _compare(checkout: Checkout, say: Output, document: dict[str, Any], *, everything: bool) -> None:
    from filcross import config
    from filcross.nix import command
    from filcross.nixpkgs import identity
    from filcross.overlay import write_overlay
    from filcross.toolchain.selection import select

    settings = config.load({})
    nix = command.find_nix(host_tools=False, preference=settings.store.value)
    toolchain = select(settings.toolchain, say.say).toolchain
    overlay = write_overlay(toolchain, config.cache_dir() / config.OVERLAYS / f"identity-{toolchain.name}")
    reports = identity.prove_identity(checkout, overlay.root, nix, everything=everything, tell=say.say)
    for report in reports:
        for one in report.differences:
            say.say(
                f"{report.name}: {one.attribute}: {one.without} without the edits, {one.with_edits} with them"
            )
        say.result(
            f"{report.name}: {report.asked - len(report.differences)} of {report.asked} attributes are the "
            f"same ({report.derivations} derivations)"
        )
    say.document(KIND, {**document, "sets": [asdict(report) for report in reports]})
    if any(report.differences for report in reports):
        raise typer.Exit(VerdictError.exit_code)


def _show_replaced(checkout: Checkout, say: Output) -> None:
    """Show the handwritten lines that are about to be replaced: nothing keeps them."""
    from filcross.nixpkgs import patch

    for trace in patch.forced_plan(checkout).traces:
        say.say(f"replacing {trace}")


def _show_patched(done: PatchedCheckout, proof: Proof | None, say: Output, document: dict[str, Any]) -> None:
    root = done.checkout.root
    for name in done.changed:
        say.detail(f"edited {name}")
    if done.upgraded_from is not None:
        say.result(f"upgraded {root} from edit set {done.upgraded_from} to {done.edit_set}")
    elif done.changed:
        say.result(f"patched {root} (edit set {done.edit_set}, {len(done.changed)} files)")
    else:
        say.result(f"{root} is already patched (edit set {done.edit_set})")
    if done.by_configuration:
        say.warn(_by_configuration())
    if proof is not None:
        say.say(
            f"proved with Nix: {proof.config} has libc {proof.libc} and {proof.shared_library} libraries; "
            f"{len(proof.refused)} other CPUs and kernels are refused; its compiler is buildPackages.filcc"
        )
        if proof.not_asked:
            say.say(f"asked of the stages, not of the whole package set: {proof.not_asked}")
    say.document(
        KIND,
        {
            **document,
            "tree": str(root),
            "state": "patched",
            "edit_set": done.edit_set,
            "upgraded_from": done.upgraded_from,
            "changed": list(done.changed),
            "by_configuration": done.by_configuration,
            "proof": None if proof is None else asdict(proof),
        },
    )


def _by_configuration() -> str:
    file = resources.data_dir() / "cross-config.nix"
    return (
        "this tree has no place for the choice of the compiler, so config.replaceCrossStdenv makes it: "
        f"`filcross build` gives it that; where you import the tree yourself, add `config = import {file};`"
    )


def _prove_or_undo(checkout: Checkout, say: Output, *, undo: bool) -> Proof:
    from filcross.nixpkgs import patch

    try:
        return patch.prove(checkout.root)
    except FilcrossError:
        if undo:
            patch.revert(checkout, on_wait=say.say)
            say.warn(f"the edits are taken back: {checkout.root} is as it was")
        raise
