"""What a nixpkgs tree is (pristine, ours, somebody else's), and what the edits are in it."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

from filcross.errors import MissingRequirementError, UnsupportedInputError
from filcross.nixpkgs import edits, syntax
from filcross.nixpkgs.checkout import Layout

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from filcross.nixpkgs.checkout import Checkout

REPORT = "report it: open an issue for filcross with this output, the file, and the revision of the tree"
BY_CONFIGURATION = "compiler"
_OTHER_PATCH = re.compile(r"gnufilc", re.IGNORECASE)
_TRACE = re.compile(rb"filc", re.IGNORECASE)
_REPLACEABLE = re.compile(rb"\bconfig\s*\.\s*replaceCrossStdenv\b")
_MAX_TRACES = 8


class State(Enum):
    """What filcross finds in a tree."""

    PRISTINE = "pristine"
    PATCHED = "patched"
    OLDER = "older"
    PARTIAL = "partial"
    EDITED = "edited"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file of the plan: as it is, without and with all edits, and which edits are in it now."""

    role: str
    path: str
    data: bytes
    pristine: bytes
    patched: bytes
    present: tuple[str, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a tree is, and what the edits are in it.

    `edit_set` is the set that is in the tree, or the one that would be. `traces` says why a state is not a
    clean one. `by_configuration`: the tree has no place for the choice of the compiler, so whoever evaluates
    it must give `config.replaceCrossStdenv` (`data/cross-config.nix`).
    """

    checkout: Checkout
    state: State
    edit_set: int
    files: tuple[FileChange, ...]
    traces: tuple[str, ...] = ()
    by_configuration: bool = False

    def diff(self) -> str:
        """Return the edits as one unified diff (`a/` without, `b/` with them)."""
        return "".join(unified_diff(change.path, change.pristine, change.patched) for change in self.files)


def unified_diff(path: str, old: bytes, new: bytes) -> str:
    """Return one file's part of a unified diff (bytes that are not UTF-8 as surrogates)."""
    import difflib

    before = old.decode("utf-8", "surrogateescape").split("\n")
    after = new.decode("utf-8", "surrogateescape").split("\n")
    lines = difflib.unified_diff(
        [f"{line}\n" for line in before[:-1]] + ([before[-1]] if before[-1] else []),
        [f"{line}\n" for line in after[:-1]] + ([after[-1]] if after[-1] else []),
        f"a/{path}",
        f"b/{path}",
    )
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )


def plan(checkout: Checkout) -> Plan:
    """Find every edit in the files of `checkout`; nothing is written.

    Raises `UnsupportedInputError` when a place is not there exactly once, naming the file, what was looked
    for and what was found.
    """
    return plan_of(checkout, {role: _read(checkout.file(role)) for role in checkout.roles()})


def plan_of(checkout: Checkout, contents: Mapping[str, bytes]) -> Plan:
    """Find every edit in `contents` (bytes by role), as `plan` does with the files on the disk."""
    newest = _plan_with(checkout, contents, edits.EDIT_SET)
    if newest.state in {State.PARTIAL, State.EDITED}:
        for edit_set in range(edits.EDIT_SET - 1, 0, -1):
            with contextlib.suppress(UnsupportedInputError):
                older = _plan_with(checkout, contents, edit_set)
                if older.state is State.PATCHED:
                    return _upgrade(checkout, contents, older)
    return newest


def forced_plan(checkout: Checkout) -> Plan:
    """Plan as `plan` does, but count what somebody wrote by hand in the places of the edits as ours.

    The plan then takes it out and puts the edits there. Raises `UnsupportedInputError` when something about
    Fil-C is left that is in no place of an edit, or when the tree carries another Fil-C patch.
    """
    from filcross.nixpkgs import handmade

    current = plan(checkout)
    if current.state in {State.PRISTINE, State.PATCHED, State.OLDER}:
        return current
    if current.state is State.OTHER:
        raise refusal(current)
    contents = {change.role: change.data for change in current.files}
    pristine = {change.role: handmade.remove(change.role, change.pristine) for change in current.files}
    cleaned = _plan_with(checkout, pristine, edits.EDIT_SET)
    if cleaned.state is not State.PRISTINE:
        raise refusal(replace(current, state=State.EDITED, traces=cleaned.traces))
    files = tuple(replace(change, data=contents[change.role]) for change in cleaned.files)
    return replace(cleaned, state=State.EDITED, files=files, traces=current.traces)


def _upgrade(checkout: Checkout, contents: Mapping[str, bytes], older: Plan) -> Plan:
    """Return the plan for a tree with an earlier edit set: out with that one, in with this one."""
    pristine = {change.role: change.pristine for change in older.files}
    present = {change.role: change.present for change in older.files}
    newest = _plan_with(checkout, {**contents, **pristine}, edits.EDIT_SET)
    files = tuple(
        replace(change, data=contents[change.role], present=present.get(change.role, ()))
        for change in newest.files
    )
    return replace(newest, state=State.OLDER, edit_set=older.edit_set, files=files)


def _plan_with(checkout: Checkout, contents: Mapping[str, bytes], edit_set: int) -> Plan:
    files, by_configuration = _changes(checkout.layout, contents, edit_set)
    _check_reversible(checkout.layout, files, edit_set)
    traces = [f"{change.path}:{line}: {text}" for change in files for line, text in _traces(change.pristine)]
    if traces:
        state = State.OTHER if any(_OTHER_PATCH.search(trace) for trace in traces) else State.EDITED
    elif not any(change.present for change in files):
        state = State.PRISTINE
    elif any(change.missing for change in files):
        state = State.PARTIAL
        traces = [_what_is_there(change) for change in files if change.present or change.missing]
    else:
        state = State.PATCHED
    return Plan(checkout, state, edit_set, files, tuple(traces), by_configuration)


def refusal(current: Plan) -> UnsupportedInputError:
    """Say why a tree in the state of `current` is not touched."""
    root = current.checkout.root
    sentences = {
        State.PARTIAL: (
            f"{root} is patched in part: some of the edits are there, others are missing",
            "restore these files (git checkout), or let --force put the edits in order",
        ),
        State.EDITED: (
            f"{root} has been edited by hand in the places that filcross edits",
            "take these lines back, restore the files (git checkout), or replace the lines with --force",
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


def _changes(
    layout: Layout, contents: Mapping[str, bytes], edit_set: int
) -> tuple[tuple[FileChange, ...], bool]:
    """Find the edits in all files, whether or not they are there already."""
    wanted = edits.load(edit_set)
    sources = {role: _parse(layout.path(role), data) for role, data in contents.items()}
    found: dict[str, list[edits.Insertion]] = {role: [] for role in contents}
    by_configuration = False
    for name in dict.fromkeys(edit.id for edit in wanted):
        try:
            for role, insertion in _locate(layout, sources, [edit for edit in wanted if edit.id == name]):
                found[role].append(insertion)
        except _MissingPlaceError as error:
            by_configuration = name == BY_CONFIGURATION and _is_replaceable(layout, sources["cross"])
            if not by_configuration:
                raise _unknown_shape(layout.path(error.role), contents[error.role], error.reason) from error
    order = [role for role in dict.fromkeys(edit.file for edit in wanted) if role in contents]
    files = [_change(role, layout.path(role), contents[role], found[role]) for role in order]
    return tuple(files), by_configuration


class _MissingPlaceError(Exception):
    """The place of an edit is in none of the files where it can be."""

    def __init__(self, role: str, reason: edits.AnchorError) -> None:
        super().__init__(str(reason))
        self.role = role
        self.reason = reason


def _locate(
    layout: Layout, sources: Mapping[str, syntax.Source], places: list[edits.Edit]
) -> list[tuple[str, edits.Insertion]]:
    """Find the one place of an edit; an empty list when it is optional and not there."""
    located: list[tuple[str, edits.Insertion]] = []
    missing: _MissingPlaceError | None = None
    optional = False
    for edit in places:
        if edit.file not in sources:
            continue
        path, source = layout.path(edit.file), sources[edit.file]
        try:
            insertion = edits.locate(edit, source)
        except edits.AnchorError as error:
            if error.several:
                raise _unknown_shape(path, source.data, error) from error
            missing = _MissingPlaceError(edit.file, error)  # the last one is in a file that every tree has
        except edits.LineEndingError as error:
            raise _mixed_line_endings(path) from error
        else:
            optional = optional or insertion is None
            located += [(edit.file, insertion)] if insertion is not None else []
    if len(located) > 1:
        raise _two_places(layout, [role for role, _ in located], places[0].id)
    if missing is not None and not located and not optional:
        raise missing
    return located


def _is_replaceable(layout: Layout, cross: syntax.Source) -> bool:
    """Tell whether the tree lets the user's configuration choose the cross compiler (nixpkgs since 24.11).

    corepkgs has the same code, but its configuration refuses the option.
    """
    return layout is Layout.NIXPKGS and _REPLACEABLE.search(syntax.without_comments(cross)) is not None


def _change(role: str, path: str, data: bytes, insertions: list[edits.Insertion]) -> FileChange:
    present, missing = [], []
    pristine = patched = data
    for insertion in sorted(insertions, key=lambda one: one.offset, reverse=True):
        at = insertion.offset
        text = insertion.present(data)
        if text is None:
            missing.append(insertion.edit)
            patched = patched[:at] + insertion.texts[0] + patched[at:]
        else:
            present.append(insertion.edit)
            pristine = pristine[: at - len(text)] + pristine[at:]
    return FileChange(role, path, data, pristine, patched, tuple(reversed(present)), tuple(reversed(missing)))


def _check_reversible(layout: Layout, files: tuple[FileChange, ...], edit_set: int) -> None:
    """Refuse files in which the edits could be made, but not be recognised and taken out again."""
    again, _ = _changes(layout, {change.role: change.patched for change in files}, edit_set)
    for before, after in zip(files, again, strict=True):
        if after.missing or after.pristine != before.pristine:
            raise UnsupportedInputError(
                f"{before.path} has a shape that filcross does not know; nothing was written",
                hint=REPORT,
                details=(
                    f"looked for: the places of {', '.join(before.missing)}, in a form that can be undone",
                    "found: the places, but the edited file would not be recognised as edited",
                ),
            )


def _parse(path: str, data: bytes) -> syntax.Source:
    try:
        return syntax.parse(data)
    except syntax.NixSyntaxError as error:
        raise UnsupportedInputError(
            f"{path} is not valid Nix code near line {error.line}; nothing was written",
            hint=f"`nix-instantiate --parse` says what is wrong; if it accepts the file, {REPORT}",
        ) from error


def _unknown_shape(path: str, data: bytes, error: edits.AnchorError) -> UnsupportedInputError:
    foreign = _OTHER_PATCH.search(data.decode("utf-8", "replace"))
    return UnsupportedInputError(
        f"{path} has a shape that filcross does not know; nothing was written",
        hint="use a tree without that patch; the two do not go together" if foreign else REPORT,
        details=(
            f"looked for: {error.looked_for}",
            f"found: {error.found}",
            *(["the file mentions gnufilc0: the tree carries another Fil-C patch"] if foreign else []),
        ),
    )


def _two_places(layout: Layout, roles: list[str], name: str) -> UnsupportedInputError:
    paths = [layout.path(role) for role in roles]
    return UnsupportedInputError(
        f"{' and '.join(paths)} have a shape that filcross does not know; nothing was written",
        hint=REPORT,
        details=(f"looked for: the place of `{name}` in one file", f"found: {len(paths)} of them"),
    )


def _mixed_line_endings(path: str) -> UnsupportedInputError:
    return UnsupportedInputError(
        f"{path} mixes LF and CRLF line endings; nothing was written",
        hint="give the file one kind of line ending (git config core.autocrlf), then run again",
    )


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
