"""From attribute names to derivations of a patched tree."""

from __future__ import annotations

import difflib
import json
import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from filcross import resources
from filcross.errors import BuildFailedError, UsageError
from filcross.nix.command import LATE
from filcross.nix.events import strip_ansi
from filcross.process import ProcessFailedError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from filcross.nix.command import Nix

_ATTRIBUTE = re.compile(r"[A-Za-z_][A-Za-z0-9_'-]*(\.([A-Za-z_][A-Za-z0-9_'-]*|\"[^\"\\$]+\"))*")
_UNKNOWN = re.compile(
    r"attribute '.+' in selection path '.+' not found|^error: expression does not evaluate to a derivation",
    re.MULTILINE,
)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_'-]*|\"[^\"]+\"")
_PREFIX = "pkgsCross.filc"
_DETAIL_LINES = 12
_TOGETHER = 4
_PORT_SAYS = re.compile(r"^trace: warning: port of (\S+ \S+) \[([a-z]+)\]: (.*)$", re.MULTILINE)
_OTHER_VERSION = "version"


@dataclass(frozen=True, slots=True)
class PackageSet:
    """What to evaluate: a patched tree, an overlay folder, and how the build-time side is made.

    `overlays` are the user's own, applied after Fil-C's: `.nix` files, or folders with a `default.nix`.
    """

    tree: Path
    overlay: Path
    bootstrap: str
    overlays: tuple[Path, ...] = ()

    def arguments(self) -> dict[str, str]:
        """Return the arguments of `entry.nix`."""
        given = {"tree": str(self.tree), "overlay": str(self.overlay), "bootstrap": self.bootstrap}
        if self.overlays:
            given["overlays"] = json.dumps([str(place) for place in self.overlays])
        return given


@dataclass(frozen=True, slots=True)
class EvaluationFailure:
    """Why one attribute has no derivation: Nix's message, its last lines, and the command for the trace.

    `unknown` says that the tree has no such attribute, or that it is not one package.
    """

    attribute: str
    message: str
    details: tuple[str, ...]
    trace_command: str
    unknown: bool = False


def entry_file() -> Path:
    """Return the Nix file through which every evaluation goes."""
    return resources.data_dir() / "entry.nix"


def user_overlays(places: str | None) -> tuple[Path, ...]:
    """Return the overlays that a setting names, in a list separated as in `PATH`.

    Raises `UsageError` for a place that holds no overlay.
    """
    found = []
    for place in (places or "").split(os.pathsep):
        if not place:
            continue
        path = Path(os.path.abspath(place))  # noqa: PTH100  (a link stays a link)
        if not (path / "default.nix" if path.is_dir() else path).is_file():
            raise UsageError(
                f"there is no overlay at {path}",
                hint="name a .nix file with `final: prev: { … }`, or a folder with such a default.nix",
            )
        found.append(path)
    return tuple(found)


def check_attributes(attributes: Sequence[str]) -> None:
    """Raise `UsageError` for a name that cannot be an attribute path."""
    for attribute in attributes:
        if _ATTRIBUTE.fullmatch(attribute) is None:
            raise UsageError(
                f"`{attribute}` is not an attribute path",
                hint="name packages as nixpkgs does: hello, perlPackages.JSON",
            )


def derivations(
    nix: Nix,
    packages: PackageSet,
    attributes: Sequence[str],
    *,
    roots: Path,
    refuse_unknown: bool = True,
    warn: Callable[[str], None] | None = None,
) -> tuple[dict[str, str], list[EvaluationFailure]]:
    """Return the derivation of each attribute of `pkgsCross.filc`, and the failures.

    `roots` is a folder for garbage-collector roots. `warn` gets what the ports of the packages have to say.
    An unknown attribute raises `UsageError` with the nearest names, and so does a set of packages, unless
    `refuse_unknown` is false; other failures are collected.
    """
    check_attributes(attributes)
    said: list[str] = []
    found = _derivations(nix, packages, attributes, roots, refuse_unknown=refuse_unknown, said=said)
    if warn is not None:
        for warning in port_warnings("".join(said)):
            warn(warning)
    return found


def _derivations(
    nix: Nix,
    packages: PackageSet,
    attributes: Sequence[str],
    roots: Path,
    *,
    refuse_unknown: bool,
    said: list[str],
) -> tuple[dict[str, str], list[EvaluationFailure]]:
    """Evaluate attributes, together as far as they do not fail; `said` gets Nix' messages."""
    roots.mkdir(parents=True, exist_ok=True)
    found: dict[str, str] = {}
    failures: list[EvaluationFailure] = []
    arguments = {**packages.arguments(), "wanted": _wanted(attributes)}
    together = nix.instantiate(entry_file(), ["selected"], arguments=arguments, roots=roots / "drv")
    said.append(together.stderr)
    lines = together.stdout.split("\n")[:-1]
    if together.exit_code == 0 and len(lines) == len(attributes):
        for attribute, line in zip(attributes, lines, strict=True):
            found[attribute] = derivation(line)
        return found, failures
    # One that fails costs the evaluation of its half only, but one that is endless costs the time of each.
    if len(attributes) > _TOGETHER and together.exit_code != LATE:
        middle = len(attributes) // 2
        for number, half in enumerate((attributes[:middle], attributes[middle:])):
            more, others = _derivations(
                nix, packages, half, roots / str(number), refuse_unknown=refuse_unknown, said=said
            )
            found.update(more)
            failures += others
        return found, failures
    for attribute in attributes:
        outcome = _alone(nix, packages, attribute, roots, refuse_unknown=refuse_unknown, said=said)
        if isinstance(outcome, str):
            found[attribute] = outcome
        else:
            failures.append(outcome)
    return found, failures


def _alone(
    nix: Nix, packages: PackageSet, attribute: str, roots: Path, *, refuse_unknown: bool, said: list[str]
) -> str | EvaluationFailure:
    """Evaluate one attribute by itself; see `_derivations`."""
    done = nix.instantiate(
        entry_file(),
        [f"{_PREFIX}.{attribute}"],
        arguments=packages.arguments(),
        roots=roots / f"drv-{file_name(attribute)}",
    )
    said.append(done.stderr)
    lines = done.stdout.split("\n")[:-1]
    if done.exit_code == 0 and len(lines) == 1:
        return derivation(lines[0])
    if done.exit_code == 0:
        several = f"`{attribute}` is not one package ({len(lines)} derivations)"
        if refuse_unknown:
            raise UsageError(several, hint="name a package, not a set")
        return EvaluationFailure(attribute, several, (), done.command_line, unknown=True)
    text = strip_ansi(done.stderr)
    failure = _failure(attribute, text, done.command_line)
    if _UNKNOWN.search(text) is None:
        return failure
    if refuse_unknown:
        _refuse(nix, packages, attribute)
    return replace(failure, message="the tree has no such package", unknown=True)


def positions(nix: Nix, packages: PackageSet, attributes: Sequence[str]) -> dict[str, str]:
    """Return where the Nix code of each attribute stands (`meta.position`: `FILE:LINE`), where it is known.

    Files of the tree are named relative to it.
    """
    check_attributes(attributes)
    arguments = {**packages.arguments(), "wanted": _wanted(attributes)}
    try:
        found = nix.evaluate_json(entry_file(), "positions", arguments=arguments)
    except ProcessFailedError:
        return {}
    return {
        attribute: str(position).removeprefix(f"{packages.tree}/")
        for attribute, position in zip(attributes, found, strict=True)
        if position is not None
    }


def _wanted(attributes: Sequence[str]) -> str:
    """Return attribute paths as `entry.nix` takes them."""
    return json.dumps([path_of(attribute) for attribute in attributes])


def file_name(attribute: str) -> str:
    """Return an attribute path as a part of a file's name: quoted names may hold slashes."""
    return attribute.replace("/", "_")


def path_of(attribute: str) -> list[str]:
    """Return the names that an attribute path is made of."""
    return [name.strip('"') for name in _NAME.findall(attribute)]


def port_warnings(text: str) -> list[str]:
    """Return what ports say in Nix' messages (overlays/ports/apply.nix), each once, for people.

    Ports whose patches are for other versions only are gathered in one sentence.
    """
    said = list(dict.fromkeys(match.groups() for match in _PORT_SAYS.finditer(strip_ansi(text))))
    warnings = [f"port of {subject}: {words}" for subject, kind, words in said if kind != _OTHER_VERSION]
    others = [f"{subject} ({words})" for subject, kind, words in said if kind == _OTHER_VERSION]
    if others:
        warnings.append(f"known patches for Fil-C are for other versions: {'; '.join(others)}")
    return warnings


def derivation(line: str) -> str:
    """Return the store derivation behind what nix-instantiate printed (a root, perhaps with `!output`)."""
    return str(Path(line.split("!", maxsplit=1)[0]).resolve())


def _refuse(nix: Nix, packages: PackageSet, attribute: str) -> NoReturn:
    try:
        names = nix.evaluate_json(entry_file(), "attributeNames", arguments=packages.arguments())
    except ProcessFailedError:
        names = []
    near = difflib.get_close_matches(attribute, names, n=3)
    raise UsageError(
        f"the tree has no package `{attribute}`",
        hint=f"did you mean {' or '.join(near)}?"
        if near
        else "look the name up in the tree's all-packages.nix",
    )


def _failure(attribute: str, text: str, command: str) -> EvaluationFailure:
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("warning:")]
    errors = [line.strip() for line in lines if line.lstrip().startswith("error:")]
    message = (
        (errors[-1] if errors else (lines[-1] if lines else "no message")).removeprefix("error:").strip()
    )
    shown = command.partition(" --add-root ")[0].replace(" ", " --show-trace ", 1)
    return EvaluationFailure(attribute, message, tuple(lines[-_DETAIL_LINES:]), shown)


def raise_if_all_failed(failures: Sequence[EvaluationFailure], wanted: int) -> None:
    """Raise `BuildFailedError` when nothing of what was wanted evaluates."""
    if failures and len(failures) == wanted:
        first = failures[0]
        raise BuildFailedError(
            f"`{first.attribute}` does not evaluate for Fil-C: {first.message}",
            hint=f"the whole trace: {first.trace_command}",
            details=first.details,
        )
