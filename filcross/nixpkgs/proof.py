"""Let Nix say that a patched tree knows the Fil-C platform, and that other platforms are what they were.

Only the tree's library and platforms are evaluated, so that an older Nix can prove a newer tree.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from filcross import process, resources
from filcross.errors import MissingRequirementError, UnsupportedInputError
from filcross.nix.command import find_nix
from filcross.nixpkgs.checkout import Layout, open_checkout
from filcross.nixpkgs.planning import plan

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
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
    another ABI, and `sentences` what a user then reads. `package_set` says that the compiler and the hook
    were also asked of the whole package set, and `not_asked` why not.
    """

    config: str
    system: str
    libc: str
    shared_library: str
    refused: tuple[str, ...]
    sentences: tuple[str, ...]
    package_set: bool = False
    not_asked: str = ""


def prove(root: Path, nix: Nix | None = None) -> Proof:
    """Evaluate the platforms and stages of the patched tree at `root` and check what they say.

    The compiler and the hook of `pkgsCross.filc` are asked of the stages alone, and then of the package set
    where this Nix can evaluate it.

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
    stages, wrong_stages = _ask_stages(checkout, nix)
    wrong = [*wrong_platforms(answer), *wrong_stages]
    not_asked = ""
    if not wrong:
        not_asked, wrong = _ask_package_set(checkout, nix)
        if stages and not_asked:
            wrong = [*stages, not_asked]
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
        package_set=not not_asked,
        not_asked=not_asked,
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


def _ask_stages(checkout: Checkout, nix: Nix | None) -> tuple[list[str], list[str]]:
    """Ask the cross compilation stages; return why that was not possible, and what is wrong."""
    arguments: list[str | Path] = []
    if checkout.file("tools").exists():
        arguments += ["--argstr", "tools", checkout.file("tools")]
    arguments += _configuration(checkout)
    done = _evaluate(checkout, "", nix, file="stages.nix", arguments=arguments)
    if done.exit_code != 0:
        tail = done.stderr.rstrip().splitlines()[-process.TAIL_LINES :]
        return ["the cross compilation stages cannot be evaluated:", *tail], []
    return [], wrong_stages(json.loads(done.stdout))


def wrong_stages(answer: list[dict[str, Any]]) -> list[str]:
    """Return a sentence for every answer of `stages.nix` that is not as it should be."""
    filc, *others = answer
    wrong = []
    if filc["compiler"] != "filcc":
        wrong.append(f"the compiler of pkgsCross.filc is {filc['compiler']!r}, expected buildPackages.filcc")
    if not filc["hook"]:
        wrong.append("packages of pkgsCross.filc do not get the hook that brings config.sub")
    wrong += [
        f"the compiler of {other['config']} is {other['compiler']!r}"
        for other in others
        if other["compiler"] == "filcc"
    ]
    return wrong


def _ask_package_set(checkout: Checkout, nix: Nix | None) -> tuple[str, list[str]]:
    """Ask the whole package set; return why that was not possible (or an empty text), and what is wrong."""
    tree: list[str | Path] = ["--argstr", "tree", checkout.root, *_configuration(checkout)]
    done = _run(["-A", "native", *tree], checkout, nix)
    if done.exit_code != 0:
        lines = [line for line in done.stderr.splitlines() if "error:" in line] or ["no reason given"]
        return f"the native package set does not evaluate here ({lines[-1].strip()})", []
    done = _run(tree, checkout, nix)
    if done.exit_code != 0:
        tail = done.stderr.rstrip().splitlines()[-process.TAIL_LINES :]
        return "", ["the standard environment of pkgsCross.filc cannot be evaluated:", *tail]
    answer = json.loads(done.stdout)
    wrong = []
    if answer["platform"] != TRIPLE:
        wrong.append(f"pkgsCross.filc is for {answer['platform']}")
    if answer["compiler"] is not True:
        wrong.append("pkgsCross.filc.stdenv.cc is not buildPackages.filcc")
    if answer["hook"] is not True:
        wrong.append("pkgsCross.filc.stdenv lacks the hook that brings config.sub from the stage for Fil-C")
    return "", wrong


def _configuration(checkout: Checkout) -> list[str | Path]:
    if not plan(checkout).by_configuration:
        return []
    return ["--argstr", "configuration", resources.data_dir() / "cross-config.nix"]


def _evaluate(
    checkout: Checkout,
    attribute: str,
    nix: Nix | None,
    *,
    file: str = "prove.nix",
    arguments: Sequence[str | Path] = (),
) -> process.Completed:
    tree: list[str | Path] = ["-A", attribute, "--argstr", "lib", checkout.root / checkout.layout.library]
    tree += ["--argstr", "cross", checkout.file("cross"), *arguments]
    return _run(tree, checkout, nix, file=file)


def _run(
    rest: Sequence[str | Path], checkout: Checkout, nix: Nix | None, *, file: str = "package-set.nix"
) -> process.Completed:
    arguments: list[str | Path] = ["--eval", "--strict", "--json"]
    if checkout.layout is Layout.NIXPKGS and file != "package-set.nix":
        arguments += ["--option", "store", "dummy://"]  # nothing is built or fetched: no daemon is needed
    elif nix is None and os.geteuid() != 0:  # root can always evaluate in the system's store
        nix = find_nix(host_tools=False)
    arguments += [resources.data_dir() / "edits" / file, *rest]
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


def wrong_platforms(answer: dict[str, Any]) -> Iterator[str]:
    """Yield a sentence for every answer of `prove.nix` that is not as it should be."""
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
    yield from _wrong_behaviour(answer)
    yield from _wrong_refusals(answer)


def _wrong_behaviour(answer: dict[str, Any]) -> Iterator[str]:
    if answer["filc"]["staticLibrary"] != answer["others"][0]["staticLibrary"]:
        yield f"{TRIPLE}: staticLibrary is {answer['filc']['staticLibrary']!r}"
    if answer["canExecute"] not in {True, None}:
        yield f"x86_64-linux cannot execute programs of {TRIPLE}"
    if answer["givenByHand"] is not False:
        yield 'a platform given as { system = "x86_64-linux"; libc = "filc"; } is accepted'


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
