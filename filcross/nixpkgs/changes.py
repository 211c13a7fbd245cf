"""The changes of the git series: each finds its place by the structure of the file, and refuses any other.

What a change can be is described in `data/series/series.toml`. All functions take and return whole files.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from filcross.nixpkgs import edits, syntax

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tree_sitter import Node

    from filcross.nixpkgs.syntax import Source


class PlaceError(ValueError):
    """A place that a file does not have, or has more than once."""


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one file, as `series.toml` describes it; `text` is ready to go in."""

    kind: str
    anchor: str = ""
    path: tuple[str, ...] = ()
    scope: str = ""
    pairs: tuple[tuple[str, str], ...] = ()
    text: str = ""


def make(change: Change, data: bytes) -> bytes:
    """Return `data` with the change made; raise `PlaceError` where it has no place for it."""
    if change.kind in _TEXT_KINDS:
        return _TEXT_KINDS[change.kind](change, data)
    try:
        source = syntax.parse(data)
        changed = _NIX_KINDS[change.kind](change, source)
        syntax.parse(changed)
    except syntax.NixSyntaxError as error:
        raise PlaceError(f"no Nix code that filcross can read near line {error.line}") from error
    except edits.AnchorError as error:
        raise PlaceError(str(error)) from error
    return changed


def _only(nodes: list[Node], what: str) -> Node:
    if len(nodes) != 1:
        raise PlaceError(f"{what}: {'not there' if not nodes else f'{len(nodes)} of them'}")
    return nodes[0]


def _bindings(source: Source, path: tuple[str, ...]) -> list[Node]:
    """Return the bindings at `path`, whose first name may be at any depth."""
    first, *rest = [name.encode() for name in path]
    found = syntax.bindings(source, source.root, first)
    for name in rest:
        found = [
            one
            for outer in found
            for one in syntax.own_bindings(outer)
            if syntax.name_of(source, one) == name
        ]
    return found


def _binding(source: Source, path: tuple[str, ...]) -> Node:
    return _only(_bindings(source, path), f"the attribute `{'.'.join(path)}`")


def _value(source: Source, path: tuple[str, ...]) -> Node:
    value = syntax.value_of(_binding(source, path))
    if value is None:
        raise PlaceError(f"the value of `{'.'.join(path)}`: not there")
    return value


def _like(text: bytes, change: Change) -> bytes:
    """Return a copy of `text` with the change's replacements."""
    copy = text
    for old, new in change.pairs:
        copy = copy.replace(old.encode(), new.encode())
    if copy == text:
        raise PlaceError(f"nothing to replace in a copy of `{text.decode(errors='replace').strip()}`")
    return copy


# --- Nix code -------------------------------------------------------------------------------------------


def _after_binding(source: Source, binding: Node, text: bytes, *, spaced: bool) -> bytes:
    """Put attributes after the line of `binding`; `spaced` ones get empty lines around them."""
    if not source.is_first_on_line(binding):
        raise PlaceError("the attribute after which to go stands among others on a line")
    end = source.data.find(b"\n", binding.end_byte) + 1
    following = source.data[end:].partition(b"\n")[0].strip()
    if spaced:
        text = b"\n" + text + (b"" if following in {b"", b"}"} else b"\n")
    return source.data[:end] + text + source.data[end:]


def _add_binding(change: Change, source: Source) -> bytes:
    binding = _binding(source, (change.anchor,))
    margin = source.indentation(binding.start_byte)
    lines = change.text.rstrip("\n").encode().split(b"\n")
    inner = [line.removeprefix(b"  ") for line in lines[lines.index(b"{") + 1 : -1]]
    text = b"".join(margin + line + b"\n" if line else b"\n" for line in inner)
    return _after_binding(source, binding, text, spaced=True)


def _like_binding(change: Change, source: Source) -> bytes:
    binding = _binding(source, (change.anchor,))
    margin = source.indentation(binding.start_byte)
    return _after_binding(source, binding, margin + _like(source.text(binding), change) + b"\n", spaced=False)


def _arm(change: Change, source: Source) -> bytes:
    edit = edits.Edit(
        id="arm",
        file="",
        kind="arm",
        path=change.path,
        anchor="",
        scope=(),
        group=False,
        optional=False,
        text=dict.fromkeys(edits.STYLES, change.text.encode()),
    )
    place = edits.locate(edit, source)
    assert place is not None  # only optional edits have none
    return source.data[: place.offset] + place.texts[0] + source.data[place.offset :]


def _like_arm(change: Change, source: Source) -> bytes:
    wanted = change.anchor.encode()
    arms = [
        node
        for binding in _bindings(source, change.path)
        if (value := syntax.value_of(binding)) is not None
        for node in syntax.walk(value)
        if node.type == "if_expression" and _compared_with(source, node) == wanted
    ]
    arm = _only(arms, f'an arm for "{change.anchor}" in `{".".join(change.path)}`')
    otherwise = next(child for child in arm.children if child.type == "else")
    copy = _like(source.data[arm.start_byte : otherwise.end_byte] + b" ", change)
    return source.data[: arm.start_byte] + copy + source.data[arm.start_byte :]


def _compared_with(source: Source, arm: Node) -> bytes | None:
    """Return the string of a condition `… == "string"`."""
    condition = arm.child_by_field_name("condition")
    if condition is None or condition.type != "binary_expression":
        return None
    right = condition.child_by_field_name("right")
    if right is None or not any(child.type == "==" for child in condition.children):
        return None
    return syntax.string_value(source, right)


def _like_element(change: Change, source: Source) -> bytes:
    elements = [
        element
        for node in syntax.walk(_value(source, change.path))
        if node.type == "list_expression"
        for element in node.named_children
        if syntax.string_value(source, element) == change.anchor.encode()
    ]
    element = _only(elements, f'"{change.anchor}" in a list in `{".".join(change.path)}`')
    at = element.start_byte
    space = b"\n" + source.indentation(at) if source.is_first_on_line(element) else b" "
    return source.data[:at] + _like(source.text(element), change) + space + source.data[at:]


def _like_operand(change: Change, source: Source) -> bytes:
    found = []
    for node in syntax.walk(source.root):
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        if (
            left is not None
            and right is not None
            and source.text(right) == change.anchor.encode()
            and change.scope.encode() in source.text(_call_around(node))
        ):
            found.append(node)
    node = _only(found, f"`{change.anchor}` in a call with `{change.scope}`")
    left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
    assert left is not None
    assert right is not None
    copy = _like(source.data[left.end_byte : right.end_byte], change)
    return source.data[: left.end_byte] + copy + source.data[left.end_byte :]


def _call_around(node: Node) -> Node:
    current = node
    while current.parent is not None and current.type != "apply_expression":
        current = current.parent
    while current.parent is not None and current.parent.type == "apply_expression":
        current = current.parent
    return current


def _interpolation(change: Change, source: Source) -> bytes:
    wanted = ".".join(change.path).encode()
    found = [
        inner
        for node in syntax.walk(source.root)
        if node.type == "interpolation" and source.data[: node.start_byte].endswith(change.anchor.encode())
        for inner in node.named_children
        if source.text(inner) == wanted
    ]
    inner = _only(found, f"`{change.anchor}${{{'.'.join(change.path)}}}`")
    return source.data[: inner.start_byte] + change.text.strip().encode() + source.data[inner.end_byte :]


def _string(change: Change, source: Source) -> bytes:
    value = _value(source, change.path)
    if value.type != "indented_string_expression":
        raise PlaceError(f"`{'.'.join(change.path)}`, a string in '' '': a `{value.type}`")
    margin = source.indentation(_binding(source, change.path).start_byte)
    lines = change.text.rstrip("\n").split("\n")
    text = b"\n".join(margin + line.encode() if line else b"" for line in lines)
    return (
        source.data[: value.end_byte] + b"\n" + margin + b"+ " + text.lstrip() + source.data[value.end_byte :]
    )


# --- text that is not Nix code --------------------------------------------------------------------------


def _entry(change: Change, data: bytes) -> bytes:
    pattern = re.compile(change.anchor)
    lines = data.decode("utf-8", "surrogateescape").splitlines(keepends=True)
    wanted = pattern.match(change.text)
    entries = list(_entries(pattern, lines))
    if wanted is None or not entries:
        raise PlaceError("a list of sections: not there")
    after = [number for number, key in entries if key > wanted[1]]
    at = after[0] if after else entries[-1][0] + 1
    return "".join([*lines[:at], change.text, *lines[at:]]).encode("utf-8", "surrogateescape")


def _entries(pattern: re.Pattern[str], lines: list[str]) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(lines):
        if match := pattern.match(line):
            yield number, match[1]


def _after(change: Change, data: bytes) -> bytes:
    text = data.decode("utf-8", "surrogateescape")
    match = re.search(change.anchor, text)
    if match is None:
        raise PlaceError(f"what `{change.anchor}` matches: not there")
    return (text[: match.end()] + change.text + text[match.end() :]).encode("utf-8", "surrogateescape")


_NIX_KINDS: dict[str, Callable[[Change, Source], bytes]] = {
    "binding": _add_binding,
    "arm": _arm,
    "like-binding": _like_binding,
    "like-arm": _like_arm,
    "like-element": _like_element,
    "like-operand": _like_operand,
    "interpolation": _interpolation,
    "string": _string,
}
_TEXT_KINDS: dict[str, Callable[[Change, bytes], bytes]] = {"entry": _entry, "after": _after}
