"""`filcross patch-nixpkgs`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from filcross.cli.output import DebugOption, JsonOption, Output, QuietOption, VerboseOption
from filcross.errors import FilcrossError, MissingRequirementError, UsageError, VerdictError

if TYPE_CHECKING:
    from filcross.nixpkgs.checkout import Checkout
    from filcross.nixpkgs.patch import Plan, Proof

EXAMPLES = """Examples:

  filcross patch-nixpkgs ~/nixpkgs

  filcross patch-nixpkgs ~/nixpkgs --diff | less

  filcross patch-nixpkgs ~/nixpkgs --check && echo patched

  filcross patch-nixpkgs /nix/store/…-source --output ~/nixpkgs-filc

  filcross patch-nixpkgs ~/nixpkgs --revert
"""


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
    output: Annotated[
        Path | None,
        typer.Option("--output", metavar="DIR", help="Patch a copy in DIR (a new folder) instead."),
    ] = None,
    no_prove: Annotated[
        bool, typer.Option("--no-prove", help="Do not let Nix prove the patched tree.")
    ] = False,
    as_json: JsonOption = False,
    verbose: VerboseOption = 0,
    quiet: QuietOption = False,
    debug: DebugOption = False,
) -> None:
    """Make the platform x86_64-unknown-linux-filc known to a nixpkgs tree (pkgsCross.filc).

    Six small edits in lib/systems and pkgs/stdenv/cross, found by the structure of the code; everything else
    stays byte for byte. Nix then proves that the tree knows the platform, and that the others are as before.
    A tree whose shape is not known is refused with exit code 5, and nothing is written.
    """
    del debug
    from filcross.nixpkgs import patch
    from filcross.nixpkgs.checkout import open_checkout

    say = Output(as_json, verbose, quiet)
    _check_options(check=check, diff=diff, revert=revert, output=output)
    _recover(tree, say, needed=output is None)
    checkout = open_checkout(tree)
    release = f"release {checkout.release}" if checkout.release else "a release that it does not name"
    say.detail(f"{checkout.root}: {checkout.layout.value} layout, {release}")
    document: dict[str, Any] = {
        "action": "check" if check else "diff" if diff else "revert" if revert else "patch",
        "tree": str(checkout.root),
        "layout": checkout.layout.value,
        "release": checkout.release,
    }
    if check or diff:
        found = patch.plan(checkout)
        document |= {"state": found.state.value, "edit_set": found.edit_set, "traces": list(found.traces)}
        if diff:
            _show_diff(found, say, document)
        else:
            _show_state(found, say, document)
    elif revert:
        changed = patch.revert(checkout, on_wait=say.say)
        say.result(
            f"took the edits out of {len(changed)} files of {checkout.root}"
            if changed
            else f"{checkout.root} is not patched, so there is nothing to take back"
        )
        say.document("patch-nixpkgs", {**document, "state": "pristine", "changed": list(changed)})
    else:
        _patch(checkout, output, say, document, with_proof=not no_prove)


def _check_options(*, check: bool, diff: bool, revert: bool, output: Path | None) -> None:
    given = [name for name, on in (("--check", check), ("--diff", diff), ("--revert", revert)) if on]
    if output is not None:
        given.append("--output")
    if len(given) > 1:
        raise UsageError(f"{' and '.join(given)} exclude each other", hint="give one of them at a time")


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


def _show_state(found: Plan, say: Output, document: dict[str, Any]) -> None:
    from filcross.nixpkgs import patch

    root = found.checkout.root
    say.document("patch-nixpkgs", document)
    if found.state is patch.State.PATCHED:
        say.result(f"{root} is patched (edit set {found.edit_set})")
        return
    if found.state is patch.State.PRISTINE:
        say.result(f"{root} is not patched: `filcross patch-nixpkgs` does it")
    else:
        refusal = patch.refusal(found)
        say.result("\n".join([refusal.message, *(f"  | {line}" for line in refusal.details)]))
    raise typer.Exit(VerdictError.exit_code)


def _show_diff(found: Plan, say: Output, document: dict[str, Any]) -> None:
    from filcross.nixpkgs import patch

    if found.state not in {patch.State.PRISTINE, patch.State.PATCHED}:
        raise patch.refusal(found)
    if found.state is patch.State.PATCHED:
        say.say(f"{found.checkout.root} is patched already; these are the edits in it")
    text = found.diff()
    if say.as_json:
        say.document("patch-nixpkgs", {**document, "diff": text})
    else:
        sys.stdout.buffer.write(text.encode("utf-8", "surrogateescape"))
        sys.stdout.flush()


def _patch(
    checkout: Checkout, output: Path | None, say: Output, document: dict[str, Any], *, with_proof: bool
) -> None:
    from filcross import process
    from filcross.nixpkgs import patch

    if with_proof:
        process.find_program(
            "nix-instantiate",
            hint="install Nix 2.8 or newer (Debian: apt-get install nix-bin), or patch without the proof: "
            "--no-prove",
        )
    proof: Proof | None = None
    if output is None:
        done = patch.apply(checkout, on_wait=say.say)
        if with_proof:
            proof = _prove_or_undo(checkout, say, undo=bool(done.changed))
    else:
        say.say(f"copying {checkout.root} to {output}")
        proofs: list[Proof] = []
        done = patch.copy_and_patch(
            checkout,
            output,
            check=(lambda root: proofs.append(patch.prove(root))) if with_proof else None,
            on_wait=say.say,
        )
        proof = proofs[0] if proofs else None
    root = done.checkout.root
    for name in done.changed:
        say.detail(f"edited {name}")
    if done.changed:
        say.result(f"patched {root} (edit set {done.edit_set}, {len(done.changed)} files)")
    else:
        say.result(f"{root} is already patched (edit set {done.edit_set})")
    if proof is not None:
        say.say(
            f"proved with Nix: {proof.config} has libc {proof.libc} and {proof.shared_library} libraries; "
            f"{len(proof.refused)} other CPUs and kernels are refused"
        )
    say.document(
        "patch-nixpkgs",
        {
            **document,
            "tree": str(root),
            "state": "patched",
            "edit_set": done.edit_set,
            "changed": list(done.changed),
            "proof": _proof_document(proof),
        },
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


def _proof_document(proof: Proof | None) -> dict[str, Any] | None:
    if proof is None:
        return None
    return {
        "config": proof.config,
        "system": proof.system,
        "libc": proof.libc,
        "shared_library": proof.shared_library,
        "refused": list(proof.refused),
        "sentences": list(proof.sentences),
    }
