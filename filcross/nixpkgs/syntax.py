"""Structural search in Nix code, on tree-sitter; insertion is left to `filcross.nixpkgs.edits`.

Every position is a byte offset into the file as it is. The grammar (tree-sitter-nix 0.1) is older than the
trailing comma in a function's formals (`{ a, b, }:`), so those commas are blanked, byte for byte, in the copy
that is parsed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node, Parser

_TRAILING_COMMA = re.compile(rb",((?:\s|#[^\n]*\n|/\*.*?\*/)*\})", re.DOTALL)
_NAME_DEPTH = 2  # of a name below its attrpath: an identifier, or the text of a string
SETS = frozenset({"attrset_expression", "rec_attrset_expression", "let_attrset_expression"})


class NixSyntaxError(ValueError):
    """Text that is not Nix code (as far as the grammar knows); `line` counts from 1."""

    def __init__(self, line: int) -> None:
        super().__init__(f"no valid Nix code near line {line}")
        self.line = line


@cache
def _parser() -> Parser:
    import tree_sitter_nix
    from tree_sitter import Language, Parser

    return Parser(Language(tree_sitter_nix.language()))


@dataclass(frozen=True, slots=True)
class Source:
    """One parsed file: its bytes, and the root of its syntax tree (offsets are the same)."""

    data: bytes
    root: Node

    def text(self, node: Node) -> bytes:
        """Return the bytes of `node`."""
        return self.data[node.start_byte : node.end_byte]

    def line_start(self, offset: int) -> int:
        """Return the offset of the first byte of the line that holds `offset`."""
        return self.data.rfind(b"\n", 0, offset) + 1

    def indentation(self, offset: int) -> bytes:
        """Return the white space with which the line of `offset` begins."""
        start = self.line_start(offset)
        end = start
        while self.data[end : end + 1] in (b" ", b"\t"):
            end += 1
        return self.data[start:end]

    def is_first_on_line(self, node: Node) -> bool:
        """Tell whether nothing but white space precedes `node` on its line."""
        return not self.data[self.line_start(node.start_byte) : node.start_byte].strip()

    def line_number(self, node: Node) -> int:
        """Return the line of `node`, counted from 1."""
        return int(node.start_point[0]) + 1


def parse(data: bytes) -> Source:
    """Parse Nix code; raise `NixSyntaxError` where the grammar finds an error."""
    root = _parser().parse(data).root_node
    if root.has_error:
        blanked = _TRAILING_COMMA.sub(rb" \1", data)
        root = _parser().parse(blanked).root_node
        if root.has_error:
            raise NixSyntaxError(_first_error_line(root))
    return Source(data, root)


def _first_error_line(root: Node) -> int:
    return next((int(n.start_point[0]) + 1 for n in walk(root) if n.type == "ERROR" or n.is_missing), 1)


def walk(node: Node) -> Iterator[Node]:
    """Yield `node` and everything below it, in the order of the text."""
    pending = [node]
    while pending:
        current = pending.pop()
        yield current
        pending.extend(reversed(current.children))


def name_of(source: Source, binding: Node) -> bytes | None:
    """Return the name of a binding with a one-part name (`a = …` or `"a" = …`), else None."""
    path = binding.child_by_field_name("attrpath")
    if path is None or path.named_child_count != 1:
        return None
    return source.text(path).strip(b'"')


def value_of(binding: Node) -> Node | None:
    """Return the expression of a binding."""
    return binding.child_by_field_name("expression")


def mentions(source: Source, node: Node, text: bytes) -> Iterator[Node]:
    """Yield the innermost node at every place where `node` has `text` (whole words only), in order."""
    word = re.compile(rb"(?<![\w'-])%b(?![\w'-])" % re.escape(text))
    for match in word.finditer(source.data, node.start_byte, node.end_byte):
        found = source.root.descendant_for_byte_range(*match.span())
        if found is not None:
            yield found


def enclosing(node: Node, kind: str, depth: int) -> Node | None:
    """Return the nearest node of a kind around `node` (or itself), at most `depth` steps up."""
    current: Node | None = node
    for _ in range(depth + 1):
        if current is None or current.type == kind:
            return current
        current = current.parent
    return None


def bindings(source: Source, node: Node, name: bytes) -> list[Node]:
    """Return every binding of `name` below `node`, at any depth."""
    found = []
    for mention in mentions(source, node, name):
        path = enclosing(mention, "attrpath", _NAME_DEPTH)
        binding = path.parent if path is not None else None
        if binding is not None and binding.type == "binding" and name_of(source, binding) == name:
            found.append(binding)
    return found


def own_bindings(node: Node) -> Iterator[Node]:
    """Yield the bindings below `node` that are not inside another binding (`inherit`s are none)."""
    pending = [node]
    while pending:
        current = pending.pop()
        pending.extend(child for child in reversed(current.children) if child.type != "binding")
        yield from (child for child in current.children if child.type == "binding")


def string_value(source: Source, node: Node) -> bytes | None:
    """Return the content of a plain string without interpolation or escapes, else None."""
    if node.type != "string_expression" or any(
        child.type != "string_fragment" for child in node.named_children
    ):
        return None
    return source.text(node)[1:-1]


def applied(node: Node) -> list[Node]:
    """Return the function and the arguments of an application `f a b` (`node` itself when it is none)."""
    parts: list[Node] = []
    current = node
    while current.type == "apply_expression":
        argument = current.child_by_field_name("argument")
        function = current.child_by_field_name("function")
        if argument is None or function is None:
            break
        parts.append(argument)
        current = function
    return [current, *reversed(parts)]


def without_comments(source: Source) -> bytes:
    """Return the bytes of the file with every comment blanked (same length, same lines)."""
    blanked = bytearray(source.data)
    for node in walk(source.root):
        if node.type == "comment":
            for offset in range(node.start_byte, node.end_byte):
                if blanked[offset] not in b"\r\n":
                    blanked[offset] = 0x20
    return bytes(blanked)


def is_bound(source: Source, node: Node, name: bytes) -> bool:
    """Tell whether `name` means something at `node`: an argument, a local name, or perhaps a `with`."""
    current = node
    while (parent := current.parent) is not None:
        in_body = parent.child_by_field_name("body") == current
        if (
            (parent.type == "function_expression" and in_body and name in _arguments(source, parent))
            or (
                parent.type in {"let_expression", "rec_attrset_expression"}
                and name in _local_names(source, parent)
            )
            or (parent.type == "with_expression" and in_body)
        ):
            return True
        current = parent
    return False


def _arguments(source: Source, function: Node) -> set[bytes]:
    names = set()
    for child in function.named_children:
        if child.type == "identifier":
            names.add(source.text(child))
        elif child.type == "formals":
            formals = (
                one.child_by_field_name("name") for one in child.named_children if one.type == "formal"
            )
            names |= {source.text(one) for one in formals if one is not None}
    return names


def _local_names(source: Source, node: Node) -> set[bytes]:
    names = set()
    for group in (child for child in node.named_children if child.type == "binding_set"):
        for child in group.named_children:
            if child.type == "binding":
                path = child.child_by_field_name("attrpath")
                names |= {source.text(part) for part in (path.named_children[:1] if path is not None else [])}
            elif child.type in {"inherit", "inherit_from"}:
                attributes = child.child_by_field_name("attrs")
                names |= {source.text(one) for one in (attributes.named_children if attributes else [])}
    return names
