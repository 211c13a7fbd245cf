"""What filcross changes in a nixpkgs tree: anchors found by structure, new text from data files.

Every edit inserts bytes directly before an anchor (a node of the syntax tree that stays as it is). The text
depends only on the anchor and what follows it, so on an edited file the same search finds the same anchor
with the text in front of it: that is how a patched tree is recognised, and how it is turned back exactly.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from filcross import resources
from filcross.nixpkgs import syntax

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from tree_sitter import Node

    from filcross.nixpkgs.syntax import Source

EDIT_SET = 2
STYLES = ("hand", "nixfmt")
_TOP_LEVEL_NAME = re.compile(rb"^([A-Za-z_][\w'-]*) = ")
_MANY = 8
_PREMISE_DEPTH = 6  # of a name in `assert a.b -> c`


class AnchorError(ValueError):
    """An anchor that is not there exactly once: what was looked for, and what was found.

    `several` tells an anchor that is there more than once (which is wrong wherever it happens) from one that
    is missing (it may be in another file).
    """

    def __init__(self, looked_for: str, found: str, *, several: bool = False) -> None:
        super().__init__(f"looked for {looked_for}; found {found}")
        self.looked_for = looked_for
        self.found = found
        self.several = several


class LineEndingError(ValueError):
    """A file that mixes LF and CRLF."""


@dataclass(frozen=True, slots=True)
class Edit:
    """One edit as `edits.toml` describes it; `text` maps a style to the Nix code."""

    id: str
    file: str
    kind: str
    path: tuple[str, ...]
    anchor: str
    scope: tuple[str, ...]
    group: bool
    optional: bool
    text: dict[str, bytes]


@dataclass(frozen=True, slots=True)
class Insertion:
    """Where the text of an edit goes (a byte offset), and the text in each style, the fitting one first."""

    edit: str
    offset: int
    texts: tuple[bytes, ...]

    def present(self, data: bytes) -> bytes | None:
        """Return the text that stands directly before the offset in `data`, or None."""
        return next((text for text in self.texts if data[: self.offset].endswith(text)), None)


@cache
def load(edit_set: int = EDIT_SET) -> tuple[Edit, ...]:
    """Return the edits of an edit set (this version's, or an earlier one's), in the order of replacement."""
    folder = resources.data_dir() / "edits" / str(edit_set)
    table = tomllib.loads((folder / "edits.toml").read_text(encoding="utf-8"))
    return tuple(
        Edit(
            id=entry["id"],
            file=entry["file"],
            kind=entry["kind"],
            path=tuple(entry.get("path", ())),
            anchor=entry.get("anchor", ""),
            scope=tuple(entry.get("scope", ())),
            group=entry.get("group", False),
            optional=entry.get("optional", False),
            text=_texts(folder, entry["text"]),
        )
        for entry in table["edit"]
    )


def _texts(folder: Path, name: str) -> dict[str, bytes]:
    common = folder / name
    if common.is_file():
        return dict.fromkeys(STYLES, common.read_bytes())
    return {style: (folder / style / name).read_bytes() for style in STYLES}


def locate(edit: Edit, source: Source) -> Insertion | None:
    """Find where `edit` goes in `source`; None when it is optional and its place does not exist.

    Raises `AnchorError` when the place is not there exactly once, `LineEndingError` for mixed line endings.
    """
    return _KINDS[edit.kind](edit, source, _line_ending(source.data))


def _line_ending(data: bytes) -> bytes:
    crlf = data.count(b"\r\n")
    if crlf and crlf != data.count(b"\n"):
        raise LineEndingError
    return b"\r\n" if crlf else b"\n"


def _only(source: Source, nodes: Iterable[Node], looked_for: str) -> Node:
    found = list(nodes)
    if len(found) == 1:
        return found[0]
    if not found:
        raise AnchorError(looked_for, "none")
    lines = ", ".join(str(source.line_number(node)) for node in found[:_MANY])
    more = ", …" if len(found) > _MANY else ""
    raise AnchorError(looked_for, f"{len(found)} of them (lines {lines}{more})", several=True)


def _check_scope(edit: Edit, source: Source, node: Node) -> None:
    """Refuse a place where the new code would use a name that nothing binds."""
    for name in edit.scope:
        if not syntax.is_bound(source, node, name.encode()):
            line = source.line_number(node)
            raise AnchorError(
                f"`{name}` in scope for the edit `{edit.id}`", f"nothing that binds it (line {line})"
            )


def _at_path(edit: Edit, source: Source, fits: Callable[[Node], bool], what: str) -> Node | None:
    """Return the value of the one binding at the edit's path whose value fits."""
    if not edit.path:
        result = _result(source.root)
        if not fits(result):
            raise AnchorError(f"{what}, as the value of the file", f"a `{result.type}` without it")
        return result
    first, *rest = [name.encode() for name in edit.path]
    found = syntax.bindings(source, source.root, first)
    for name in rest:
        found = [
            inner
            for outer in found
            for inner in syntax.own_bindings(outer)
            if syntax.name_of(source, inner) == name
        ]
    if not found and edit.optional:
        return None
    fitting = [node for node in found if (value := syntax.value_of(node)) is not None and fits(value)]
    where = f"the attribute `{'.'.join(edit.path)}`, {what}"
    if found and not fitting:
        lines = ", ".join(str(source.line_number(node)) for node in found[:_MANY])
        raise AnchorError(where, f"that name with another kind of value (line {lines})")
    return syntax.value_of(_only(source, fitting, where))


# --- attributes before an attribute ---------------------------------------------------------------------


def _result(root: Node) -> Node:
    """Return the expression that a file evaluates to, below its arguments and local names."""
    node = _body(root)
    while node.type in {"function_expression", "let_expression", "with_expression", "assert_expression"}:
        node = _field(node, "body")
    return node


def _binding(edit: Edit, source: Source, eol: bytes) -> Insertion | None:
    name = edit.anchor.encode()

    def anchors(node: Node) -> list[Node]:
        return [one for one in syntax.own_bindings(node) if syntax.name_of(source, one) == name]

    value = _at_path(edit, source, lambda node: bool(anchors(node)), f"a set with `{edit.anchor}`")
    if value is None:
        return None
    anchor = _only(source, anchors(value), f"the attribute `{edit.anchor}`")
    _check_scope(edit, source, anchor)
    first = _start_of_lines(source, anchor, whole_block=edit.group)
    styles = STYLES if _has_one_line_sets(anchor) else tuple(reversed(STYLES))
    indentation = source.indentation(first.start_byte)
    alone = source.is_first_on_line(first)
    offset = source.line_start(first.start_byte) if alone else first.start_byte
    texts = []
    for style in styles:
        lines = _inner_lines(edit.text[style])
        if style == "hand":
            lines = _align(source, anchor, lines)
        indented = [indentation + line if line else b"" for line in lines]
        if alone:
            text = eol.join([*indented, b""])
            text += eol if edit.group else b""
        else:  # the anchor must not become the first on its line, or it would not be found like this again
            text = eol.join(indented).removeprefix(indentation) + b" "
        texts.append(text)
    return Insertion(edit.id, offset, tuple(texts))


def _start_of_lines(source: Source, anchor: Node, *, whole_block: bool) -> Node:
    """Return the first node of the comment lines above `anchor`, or of the block of lines that it is in."""
    first = anchor
    if not source.is_first_on_line(anchor):
        return first
    while (before := _before(first)) is not None:
        adjacent = int(before.end_point[0]) == int(first.start_point[0]) - 1
        wanted = before.type == "comment" or (whole_block and before.is_named)
        if not (adjacent and wanted and source.is_first_on_line(before)):
            break
        first = before
    return first


def _before(node: Node) -> Node | None:
    """Return what precedes `node` in its set (comments above the first attribute belong to the set)."""
    if node.prev_sibling is None and node.parent is not None and node.parent.type == "binding_set":
        return node.parent.prev_sibling
    return node.prev_sibling


def _has_one_line_sets(anchor: Node) -> bool:
    """Tell whether a neighbour is `name = { a = b; };` on one line, which nixfmt never writes."""
    siblings = anchor.parent.children if anchor.parent is not None else []
    values = [syntax.value_of(node) for node in siblings if node.type == "binding"]
    return any(
        value is not None
        and value.type in syntax.SETS
        and value.start_point[0] == value.end_point[0]
        and any(child.type == "binding_set" for child in value.children)
        for value in values
    )


def _inner_lines(text: bytes) -> list[bytes]:
    """Return the lines inside the braces of a data file, without their common indentation."""
    lines = text.split(b"\n")
    start, end = lines.index(b"{"), len(lines) - 1 - lines[::-1].index(b"}")
    return [line.removeprefix(b"  ") for line in lines[start + 1 : end]]


def _align(source: Source, anchor: Node, lines: list[bytes]) -> list[bytes]:
    """Align the `=` of new attributes with that of the anchor, where the file aligns them at all."""
    path = anchor.child_by_field_name("attrpath")
    equals = next((child for child in anchor.children if child.type == "="), None)
    if path is None or equals is None or equals.start_byte - path.end_byte < len("  "):
        return lines
    if b"\n" in source.data[path.end_byte : equals.start_byte]:
        return lines
    width = equals.start_byte - path.start_byte - 1
    return [_TOP_LEVEL_NAME.sub(lambda match: match[1].ljust(width) + b" = ", line) for line in lines]


# --- an arm of an if-chain ------------------------------------------------------------------------------


def _arm(edit: Edit, source: Source, eol: bytes) -> Insertion | None:
    what = "a chain of `if … else if …`"
    value = _at_path(edit, source, lambda node: _chain(node).type == "if_expression", what)
    if value is None:
        return None
    chain = _chain(value)
    template = syntax.parse(edit.text[STYLES[0]])
    condition, consequence = _condition_and_consequence(template, _arms(_body(template.root))[0])
    arms = _arms(chain)
    if edit.anchor:
        wanted = edit.anchor.encode()
        candidates = [arm for arm in arms if source.text(_field(arm, "condition")) == wanted]
        arm = _only(source, candidates, f"one arm `if {edit.anchor} then …` in `{'.'.join(edit.path)}`")
    else:
        others = [arm for arm in arms if source.text(_field(arm, "condition")) != condition]
        if not others:
            raise AnchorError(f"an arm of its own in `{'.'.join(edit.path)}`", "none")
        arm = others[0]
    _check_scope(edit, source, arm)
    text = _arm_text(source, arm, condition, consequence, eol)
    return Insertion(edit.id, arm.start_byte, (text,))


def _chain(value: Node) -> Node:
    """Return the if-chain of a value, which may have local names in front of it."""
    while value.type == "let_expression":
        value = _field(value, "body")
    return value


def _field(node: Node, name: str) -> Node:
    child = node.child_by_field_name(name)
    if child is None:
        raise AnchorError(f"the {name} of a `{node.type}`", "none")
    return child


def _keyword(node: Node, name: str) -> Node:
    return next(child for child in node.children if child.type == name)


def _body(root: Node) -> Node:
    return next(child for child in root.named_children if child.type != "comment")


def _arms(chain: Node) -> list[Node]:
    arms = []
    current: Node | None = chain
    while current is not None and current.type == "if_expression":
        arms.append(current)
        current = current.child_by_field_name("alternative")
    return arms


def _condition_and_consequence(source: Source, arm: Node) -> tuple[bytes, bytes]:
    return source.text(_field(arm, "condition")), source.text(_field(arm, "consequence"))


def _arm_text(source: Source, arm: Node, condition: bytes, consequence: bytes, eol: bytes) -> bytes:
    """Write a new arm as the anchor's arm is written; nothing before the anchor is looked at."""
    then, otherwise = _keyword(arm, "then"), _keyword(arm, "else")
    result = _field(arm, "consequence")
    if not source.is_first_on_line(otherwise):
        return b"if %b then %b else " % (condition, consequence)
    last = source.indentation(otherwise.start_byte) + b"else "
    if source.is_first_on_line(result):
        lines = [
            b"if %b then" % condition,
            source.indentation(result.start_byte) + consequence,
            last,
        ]
    elif source.is_first_on_line(then):
        lines = [
            b"if %b" % condition,
            source.indentation(then.start_byte) + b"then " + consequence,
            last,
        ]
    else:
        width = then.start_byte - arm.start_byte
        lines = [(b"if %b" % condition).ljust(width - 1) + b" then " + consequence, last]
    return eol.join(lines)


# --- an operand of `||` ---------------------------------------------------------------------------------


def _operand(edit: Edit, source: Source, eol: bytes) -> Insertion | None:
    value = _at_path(edit, source, lambda _: True, f"a condition with `{edit.anchor}`")
    if value is None:
        return None
    name = edit.anchor.encode()
    candidates = [
        node
        for node in syntax.walk(value)
        if node.type in {"variable_expression", "select_expression"}
        and source.text(node).rpartition(b".")[2] == name
    ]
    anchor = _only(source, candidates, f"`{edit.anchor}` once in `{'.'.join(edit.path)}`")
    parent = anchor.parent
    if parent is None or not any(child.type == "||" for child in parent.children):
        raise AnchorError(f"`{edit.anchor}` in a chain of `||`", f"it on line {source.line_number(anchor)}")
    operand = source.text(anchor).removesuffix(name) + edit.text[STYLES[0]].strip()
    before = source.data[source.line_start(anchor.start_byte) : anchor.start_byte]
    indentation = source.indentation(anchor.start_byte)
    if before.strip() == b"||":
        text = operand + eol + before
    elif not before.strip():
        text = operand + b" ||" + eol + indentation
    else:
        text = operand + b" || "
    return Insertion(edit.id, anchor.start_byte, (text,))


# --- an element of the list that decides about config.sub -----------------------------------------------


def _element(edit: Edit, source: Source, eol: bytes) -> Insertion | None:
    wanted = edit.anchor.encode()
    looked_for = f'one list with "{edit.anchor}" that `elem … .libc` looks into'
    elements = (
        syntax.enclosing(node, "string_expression", 1)
        for node in syntax.mentions(source, source.root, wanted)
    )
    anchors = [
        element
        for element in elements
        if element is not None
        and syntax.string_value(source, element) == wanted
        and element.parent is not None
        and element.parent.parent is not None
        and element.parent == _asked_list(source, element.parent.parent)
    ]
    anchor = _only(source, anchors, looked_for)
    text = edit.text[STYLES[0]].strip()
    if source.is_first_on_line(anchor):
        text += eol + source.indentation(anchor.start_byte)
    else:
        text += b" "
    return Insertion(edit.id, anchor.start_byte, (text,))


def _asked_list(source: Source, node: Node) -> Node | None:
    """Return the list of `elem … .libc [ … ]`."""
    if node.type != "apply_expression":
        return None
    function, *arguments = syntax.applied(node)
    if (
        len(arguments) == len(("libc", "list"))
        and source.text(function).rpartition(b".")[2] == b"elem"
        and source.text(arguments[0]).rpartition(b".")[2] == b"libc"
        and arguments[1].type == "list_expression"
    ):
        return arguments[1]
    return None


# --- an assertion before an assertion --------------------------------------------------------------------


def _assertion(edit: Edit, source: Source, eol: bytes) -> Insertion | None:
    wanted = edit.anchor.encode()
    around = (
        syntax.enclosing(node, "assert_expression", _PREMISE_DEPTH)
        for node in syntax.mentions(source, source.root, wanted)
    )
    anchors = {
        node.start_byte: node for node in around if node is not None and _premise(source, node) == wanted
    }
    anchor = _only(source, anchors.values(), f"one `assert … .{edit.anchor} -> …`")
    _check_scope(edit, source, anchor)
    start = source.line_start(anchor.start_byte)
    alone = source.is_first_on_line(anchor)
    margin = source.indentation(start) if alone else b" " * (anchor.start_byte - start)
    texts = []
    for style in reversed(STYLES) if alone else STYLES:
        lines = (
            edit.text[style].rstrip(b"\n").split(b"\n")[:-1]
        )  # the last one stands for what is asserted about
        texts.append(b"".join(line + eol + margin for line in lines))
    return Insertion(edit.id, anchor.start_byte, tuple(texts))


def _premise(source: Source, node: Node) -> bytes | None:
    """Return the last name of `a.b` in `assert a.b -> c; …`."""
    condition = _field(node, "condition")
    if condition.type != "binary_expression" or not any(child.type == "->" for child in condition.children):
        return None
    return source.text(_field(condition, "left")).rpartition(b".")[2]


_KINDS: dict[str, Callable[[Edit, Source, bytes], Insertion | None]] = {
    "binding": _binding,
    "arm": _arm,
    "operand": _operand,
    "element": _element,
    "assertion": _assertion,
}
