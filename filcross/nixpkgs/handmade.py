"""Take out what somebody wrote by hand in the places of the edits (for `--force`)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from filcross.nixpkgs import edits, syntax

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tree_sitter import Node

    from filcross.nixpkgs.edits import Edit
    from filcross.nixpkgs.syntax import Source

_ABOUT_FILC = re.compile(rb"filc|fil-c", re.IGNORECASE)
_BINDING_NAME = re.compile(rb"^  ([A-Za-z_][\w'-]*) = ", re.MULTILINE)


def remove(role: str, data: bytes) -> bytes:
    """Return `data`, the file with `role`, without the handwritten code about Fil-C.

    Only what is of an edit's kind (attribute, arm, operand, element, assertion) and stands where that edit
    would stand is taken; the rest stays byte for byte. Text that is not Nix code comes back as it is.
    """
    for edit in edits.load():
        if edit.file == role:
            data = _remove_one(edit, data)
    return data


def _remove_one(edit: Edit, data: bytes) -> bytes:
    while True:
        try:
            source = syntax.parse(data)
        except syntax.NixSyntaxError:
            return data
        span = next(_KINDS[edit.kind](edit, source), None)
        if span is None:
            return data
        data = data[: span[0]] + data[span[1] :]


def _bindings(edit: Edit, source: Source) -> Iterator[tuple[int, int]]:
    names = set(_BINDING_NAME.findall(edit.text["nixfmt"]))
    for node in syntax.walk(source.root):
        if node.type != "binding" or syntax.name_of(source, node) not in names:
            continue
        siblings = node.parent.children if node.parent is not None else []
        anchors = {edit.anchor.encode(), *names}
        if not any(
            one is not node and one.type == "binding" and syntax.name_of(source, one) in anchors
            for one in siblings
        ):
            continue
        yield _lines(source, node)


def _lines(source: Source, node: Node) -> tuple[int, int]:
    """Return the span of a node with its lines, the comments about Fil-C above, and an empty line below."""
    first = node
    if not source.is_first_on_line(node):
        return node.start_byte, node.end_byte
    while (before := first.prev_sibling) is not None and before.type == "comment":
        adjacent = int(before.end_point[0]) == int(first.start_point[0]) - 1
        if not (adjacent and source.is_first_on_line(before) and _ABOUT_FILC.search(source.text(before))):
            break
        first = before
    end = source.data.find(b"\n", node.end_byte)
    end = len(source.data) if end < 0 else end + 1
    if source.data[node.end_byte : end].strip():
        return first.start_byte, node.end_byte
    start = source.line_start(first.start_byte)
    following = source.data.find(b"\n", end) + 1
    is_last_of_block = following > 0 and not source.data[end:following].strip()
    if is_last_of_block and source.data[:start].endswith((b"\n\n", b"\n\r\n")):
        end = following  # of the two empty lines around it, one stays
    return start, end


def _arms(edit: Edit, source: Source) -> Iterator[tuple[int, int]]:
    for binding in syntax.bindings(source, source.root, edit.path[-1].encode()):
        for node in syntax.walk(binding):
            condition = node.child_by_field_name("condition")
            alternative = node.child_by_field_name("alternative")
            if (
                node.type == "if_expression"
                and condition is not None
                and alternative is not None
                and _ABOUT_FILC.search(source.text(condition))
            ):
                yield node.start_byte, alternative.start_byte


def _operands(edit: Edit, source: Source) -> Iterator[tuple[int, int]]:
    for binding in syntax.bindings(source, source.root, edit.path[-1].encode()):
        for node in syntax.walk(binding):
            left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
            if left is None or right is None or not any(child.type == "||" for child in node.children):
                continue
            last = source.text(left).rpartition(b".")[2]
            if last == b"isFilC":
                yield left.start_byte, right.start_byte
            if source.text(right).rpartition(b".")[2] == b"isFilC":
                yield left.end_byte, right.end_byte
            inner = left.child_by_field_name("right")
            if left.type == "binary_expression" and inner is not None and source.text(inner) == b"isFilC":
                yield inner.start_byte, right.start_byte


def _elements(edit: Edit, source: Source) -> Iterator[tuple[int, int]]:
    del edit
    for node in syntax.walk(source.root):
        if node.type == "list_expression":
            for element in node.named_children:
                value = syntax.string_value(source, element)
                if value is not None and value.lower() == b"filc":
                    following = element.next_sibling
                    yield (
                        element.start_byte,
                        following.start_byte if following is not None else element.end_byte,
                    )


def _assertions(edit: Edit, source: Source) -> Iterator[tuple[int, int]]:
    del edit
    for node in syntax.walk(source.root):
        condition, body = node.child_by_field_name("condition"), node.child_by_field_name("body")
        if (
            node.type == "assert_expression"
            and condition is not None
            and body is not None
            and _ABOUT_FILC.search(source.text(condition))
        ):
            yield node.start_byte, body.start_byte


_KINDS: dict[str, Callable[[Edit, Source], Iterator[tuple[int, int]]]] = {
    "binding": _bindings,
    "arm": _arms,
    "operand": _operands,
    "element": _elements,
    "assertion": _assertions,
}
