"""Show that the edits and the overlay change no other platform: it has the same derivations with them."""

from __future__ import annotations

import json
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from filcross import process, resources
from filcross.errors import UnsupportedInputError
from filcross.nixpkgs import patch
from filcross.nixpkgs.checkout import open_checkout

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from filcross.nix.command import Nix
    from filcross.nixpkgs.checkout import Checkout

SETS = ("", "musl64")
# Compilers, interpreters, libraries, and what leans on the libc, the linker or the platform.
SAMPLE = (
    *("stdenv", "gcc", "binutils", "glibc", "musl", "llvm", "clang", "cmake", "meson", "ninja", "pkg-config"),
    *("autoconf", "automake", "libtool", "gnumake", "bison", "flex", "perl", "python3", "ruby", "lua", "tcl"),
    *("bash", "coreutils", "findutils", "gnugrep", "gnused", "gawk", "gnutar", "gzip", "xz", "bzip2", "zstd"),
    *(
        "zlib",
        "openssl",
        "curl",
        "git",
        "openssh",
        "libxml2",
        "sqlite",
        "pcre2",
        "nghttp2",
        "ncurses",
        "readline",
    ),
    *(
        "gettext",
        "libiconv",
        "libunistring",
        "gmp",
        "mpfr",
        "boost",
        "glib",
        "systemd",
        "util-linux",
        "nginx",
    ),
    *("hello", "busybox", "gdb", "rustc", "go", "nix", "gnu-config", "updateAutotoolsGnuConfigScriptsHook"),
)
_CHUNK = 300
_TIMEOUT = 1800.0
_LINE = re.compile(r"^trace: @(begin|result) (\S+)(?: (.*))?$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Difference:
    """One attribute whose derivation is another with the edits."""

    attribute: str
    without: str
    with_edits: str


@dataclass(frozen=True, slots=True)
class SetReport:
    """One package set: how many names were asked, how many have a derivation, and which differ."""

    name: str
    asked: int
    derivations: int
    differences: tuple[Difference, ...]


def prove_identity(
    checkout: Checkout,
    overlay: Path,
    nix: Nix,
    *,
    everything: bool,
    tell: Callable[[str], None],
) -> tuple[SetReport, ...]:
    """Compare the derivations of the native package set and `pkgsCross.musl64` with and without the edits.

    `checkout` is pristine or patched; the other tree is a copy that is removed afterwards. `everything` asks
    for each attribute instead of `SAMPLE`. Raises `UnsupportedInputError` for a tree in another state, or
    when the package set of the tree cannot be evaluated at all.
    """
    pristine = patch.plan(checkout).state is patch.State.PRISTINE
    with tempfile.TemporaryDirectory(prefix="filcross-identity-") as folder:
        other = Path(folder).resolve() / checkout.root.name
        tell(f"copying {checkout.root} to compare it with")
        patch.copy_and_patch(checkout, other, with_git=False)
        if not pristine:
            patch.revert(open_checkout(other))
        without, with_edits = (checkout.root, other) if pristine else (other, checkout.root)
        return tuple(
            _compare(name, without, with_edits, overlay, nix, everything=everything, tell=tell)
            for name in SETS
        )


def _compare(
    name: str,
    without: Path,
    with_edits: Path,
    overlay: Path,
    nix: Nix,
    *,
    everything: bool,
    tell: Callable[[str], None],
) -> SetReport:
    shown = f"pkgsCross.{name}" if name else "native"
    plain = {"tree": str(without), "set": name}
    edited = {"tree": str(with_edits), "set": name, "overlay": str(overlay)}
    names = _names(nix, plain, shown)
    wanted = names if everything else [one for one in SAMPLE if one in set(names)]
    tell(f"{shown}: {len(wanted)} attributes without and with the edits")
    before, after = _derivations(nix, plain, wanted), _derivations(nix, edited, wanted)
    differences = [Difference(one, before[one], after[one]) for one in wanted if before[one] != after[one]]
    found = sum(answer.endswith(".drv") for answer in before.values())
    return SetReport(shown, len(wanted), found, tuple(differences))


def _names(nix: Nix, arguments: dict[str, str], shown: str) -> list[str]:
    done = _evaluate(nix, "names", arguments, "--json")
    if done.exit_code != 0:
        raise UnsupportedInputError(
            f"the {shown} package set of {arguments['tree']} cannot be evaluated: nothing to compare",
            hint="does the tree evaluate at all? `nix-instantiate -A hello` in it says why not",
            details=tuple(done.stderr.rstrip().splitlines()[-process.TAIL_LINES :]),
        )
    names: list[str] = json.loads(done.stdout)
    return names


def _derivations(nix: Nix, arguments: dict[str, str], names: Sequence[str]) -> dict[str, str]:
    """Return the derivation of each name, or a word for why it has none."""
    found: dict[str, str] = {}
    left = list(names)
    while left:
        chunk = left[:_CHUNK]
        done = _evaluate(nix, "results", {**arguments, "names": json.dumps(chunk)})
        begun = ""
        for kind, name, answer in _LINE.findall(done.stderr):
            if kind == "begin":
                begun = name
            else:
                found[name] = answer
        if done.exit_code != 0 or any(name not in found for name in chunk):
            if begun == "" or begun in found:
                begun = next(name for name in chunk if name not in found)
            found[begun] = "failed"  # what no tryEval catches ends the process: the rest goes on without it
        left = [name for name in left if name not in found]
    return found


def _evaluate(nix: Nix, attribute: str, arguments: dict[str, str], *options: str) -> process.Completed:
    argv: list[str | Path] = ["--eval", "--strict", "--readonly-mode", *options]
    argv += ["--option", "allow-import-from-derivation", "false"]
    argv += [resources.data_dir() / "edits" / "derivations.nix", "-A", attribute]
    for name, value in arguments.items():
        argv += ["--argstr", name, value]
    return nix.run("nix-instantiate", *argv, check=False, timeout=_TIMEOUT)
