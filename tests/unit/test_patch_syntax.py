"""Structural search in Nix code."""

from __future__ import annotations

import pytest

from filcross.nixpkgs import syntax


@pytest.mark.parametrize(
    "code",
    [
        b"{ a, b, }: a",
        b"{\n  a,\n  b ? 1, # last\n}:\na",
        b"{ a, /* one */ # two\n }: { b, }: b",
    ],
)
def test_trailing_commas_in_formals_keep_every_offset(code: bytes) -> None:
    source = syntax.parse(code)
    assert source.data == code
    assert source.text(source.root) == code


def test_a_comma_in_a_string_is_not_a_trailing_comma() -> None:
    code = b'{ a, }: { x = "1,}"; }'
    source = syntax.parse(code)
    (binding,) = syntax.bindings(source, source.root, b"x")
    value = syntax.value_of(binding)
    assert value is not None
    assert syntax.string_value(source, value) == b"1,}"


def test_an_error_names_its_line() -> None:
    with pytest.raises(syntax.NixSyntaxError) as caught:
        syntax.parse(b"{\n  a = 1;\n  b = ;\n}\n")
    assert caught.value.line == 3


def test_bindings_of_a_name_and_of_a_node() -> None:
    source = syntax.parse(b'let a = { b = 1; c.b = 2; "b" = 3; inherit b; }; in { b = { b = 4; }; }')
    assert len(syntax.bindings(source, source.root, b"b")) == 4
    (outer,) = syntax.bindings(source, source.root, b"a")
    names = [syntax.name_of(source, one) for one in syntax.own_bindings(outer)]
    assert sorted(name or b"" for name in names) == [b"", b"b", b"b"]


@pytest.mark.parametrize(
    ("code", "value"),
    [(b'"musl"', b"musl"), (b'"a${b}"', None), (b'"a\\n"', None), (b"''musl''", None), (b'""', b"")],
)
def test_string_value(code: bytes, value: bytes | None) -> None:
    source = syntax.parse(code)
    assert syntax.string_value(source, source.root.named_children[0]) == value


def test_comments_can_be_blanked() -> None:
    source = syntax.parse(b'# filc\n{ a = "# filc"; /* filc\r\n filc */ }')
    blanked = syntax.without_comments(source)
    assert len(blanked) == len(source.data)
    assert blanked.count(b"filc") == 1
    assert blanked.count(b"\n") == source.data.count(b"\n")
