"""Let Nix say that a patched tree knows the Fil-C platform, and that other platforms are what they were.

Only the tree's library and platforms are evaluated, so that an older Nix can prove a newer tree.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from filcross import process, resources
from filcross.errors import MissingRequirementError, UnsupportedInputError
from filcross.nixpkgs.checkout import Layout, open_checkout

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from filcross.nix.command import Nix
    from filcross.nixpkgs.checkout import Checkout

TRIPLE = "x86_64-unknown-linux-filc"
_TIMEOUT = 120.0
_EXPECTED = {
    "config": TRIPLE,
    "system": "x86_64-linux",
    "libc": "filc",
    "isFilC": True,
    "isMusl": False,
    "isGnu": False,
    "isLinux": True,
    "isx86_64": True,
    "sharedLibrary": ".so",
}
_ORDINARY_LIBC = {"gnu": "glibc", "musl": "musl"}


class ProofError(UnsupportedInputError):
    """Nix does not say of a tree what it should say of a patched one."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What Nix says of the Fil-C platform of a tree.

    `refused` lists the platforms that the ABI's assertion refuses although the tree knows them with
    another ABI, and `sentences` what a user then reads.
    """

    config: str
    system: str
    libc: str
    shared_library: str
    refused: tuple[str, ...]
    sentences: tuple[str, ...]


def prove(root: Path, nix: Nix | None = None) -> Proof:
    """Evaluate the platforms of the patched tree at `root` and check what they say.

    Raises `ProofError` when one answer is wrong or the evaluation fails, `MissingRequirementError` when
    there is no Nix or the tree's library cannot be had.
    """
    checkout = open_checkout(root)
    done = _evaluate(checkout, "", nix)
    if done.exit_code != 0:
        _check_library(checkout, nix)
        raise ProofError(
            f"Nix cannot evaluate the platforms of {checkout.root}",
            hint="report it: open an issue for filcross with this output and the revision of the tree",
            details=tuple(done.stderr.rstrip().splitlines()[-process.TAIL_LINES :]),
        )
    answer = json.loads(done.stdout)
    wrong = list(_wrong(answer))
    if wrong:
        raise ProofError(
            f"the platforms of {checkout.root} are not what they should be after the edits",
            hint="report it: open an issue for filcross with this output and the revision of the tree",
            details=tuple(wrong),
        )
    filc = answer["filc"]
    return Proof(
        config=filc["config"],
        system=filc["system"],
        libc=filc["libc"],
        shared_library=filc["sharedLibrary"],
        refused=tuple(row["refused"] for row in answer["refusals"] if row["comparable"]),
        sentences=tuple(answer["sentences"]),
    )


def ordinary_platforms(root: Path) -> dict[str, Any]:
    """Return what the tree at `root` says of platforms that have nothing to do with Fil-C.

    It is the same for a pristine tree, a patched one, and every state between that a crash can leave. Raises
    `ProofError` when Nix cannot evaluate it.
    """
    checkout = open_checkout(root)
    done = _evaluate(checkout, "unchanged", None)
    if done.exit_code != 0:
        raise ProofError(
            f"Nix cannot evaluate the ordinary platforms of {checkout.root}",
            hint="is the tree complete? `git status` shows what is missing",
            details=tuple(done.stderr.rstrip().splitlines()[-process.TAIL_LINES :]),
        )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _evaluate(checkout: Checkout, attribute: str, nix: Nix | None) -> process.Completed:
    layout = checkout.layout
    arguments: list[str | Path] = ["--eval", "--strict", "--json"]
    if layout is Layout.NIXPKGS:
        arguments += ["--option", "store", "dummy://"]  # nothing is built or fetched: no daemon is needed
    arguments += [resources.data_dir() / "edits" / "prove.nix", "-A", attribute]
    arguments += ["--argstr", "lib", checkout.root / layout.library]
    arguments += ["--argstr", "cross", checkout.file("cross")]
    if nix is not None:
        return nix.run("nix-instantiate", *arguments, check=False, timeout=_TIMEOUT)
    return process.run(["nix-instantiate", *arguments], check=False, timeout=_TIMEOUT)


def _check_library(checkout: Checkout, nix: Nix | None) -> None:
    """Tell a library that cannot be had (a download that fails) from an edit that is wrong."""
    if checkout.layout is Layout.NIXPKGS:
        return
    done = _evaluate(checkout, "library", nix)
    if done.exit_code != 0:
        raise MissingRequirementError(
            f"the library of {checkout.root} (pins.nix) cannot be had, so the edits cannot be proved",
            hint="connect to the network, or skip the proof with --no-prove",
            details=tuple(done.stderr.rstrip().splitlines()[-process.TAIL_LINES :]),
        )


def _wrong(answer: dict[str, Any]) -> Iterator[str]:
    """Yield a sentence for every answer that is not as it should be."""
    for key, value in _EXPECTED.items():
        if answer["filc"][key] != value:
            yield f"{TRIPLE}: {key} is {answer['filc'][key]!r}, expected {value!r}"
    if {**answer["short"], "config": TRIPLE} != answer["filc"]:  # a platform keeps the name it was given
        yield f"x86_64-linux-filc is not the same platform as {TRIPLE}"
    for name, example in answer["examples"].items():
        if example.get("config") != TRIPLE:
            yield f"the example {name} is {example!r}"
    for other in answer["others"]:
        libc = _ORDINARY_LIBC[other["config"].rpartition("-")[2]]
        if other["isFilC"] or other["libc"] != libc:
            yield f"{other['config']}: isFilC is {other['isFilC']!r}, libc is {other['libc']!r}"
    if answer["crossIsFunction"] is not True:
        yield "the file with the cross compilation stages is not a function"
    yield from _wrong_refusals(answer)


def _wrong_refusals(answer: dict[str, Any]) -> Iterator[str]:
    comparable = {row["refused"]: row["isRefused"] for row in answer["refusals"] if row["comparable"]}
    yield from (
        f"{config} is accepted, though Fil-C cannot make code for it"
        for config, refused in comparable.items()
        if not refused
    )
    kinds = {config.startswith("x86_64-") for config in comparable}
    for kind, what in ((False, "CPU"), (True, "kernel")):
        if kind not in kinds:
            yield f"the assertion could not be tried with another {what}: the tree knows none"
    if not answer["sentences"]:
        yield "the ABI has no assertion"
