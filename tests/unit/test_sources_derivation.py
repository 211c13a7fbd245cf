"""Derivations as Nix writes them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filcross.errors import UnsupportedInputError
from filcross.sources.derivation import parse_derivation
from filcross.sources.hashes import Digest

PATH = "/nix/store/lh444xdwqmilcglibrip8gxrav9d2zrq-hello-2.10.tar.gz.drv"
OUT = "/nix/store/3x7dwzq014bblazs7kq20p9hyzz0qh8g-hello-2.10.tar.gz"
HEX = "31e066137a962676e89f69d1b65382de95a7ef7d914b8cb956f41ea72e0f516b"


def quoted(text: str) -> str:
    for plain, escape in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t")):
        text = text.replace(plain, escape)
    return f'"{text}"'


def derive(environment: dict[str, str], *, algorithm: str = "sha256", digest: str = HEX) -> str:
    pairs = ",".join(f"({quoted(name)},{quoted(value)})" for name, value in environment.items())
    return (
        f'Derive([("out","{OUT}","{algorithm}","{digest}")],'
        '[("/nix/store/004ldcwhncm4f629h5cdaa9zyn40ak37-stdenv-linux.drv",["out"]),'
        '("/nix/store/yjfs8f1xjw6z4c2pglz4nqrnvpzxbysx-curl-7.71.1.drv",["bin","dev"])],'
        '["/nix/store/720ikgx7yaapyb8hvi8lkicjqwzcx3xr-builder.sh"],"x86_64-linux","/bin/sh",["-e","b.sh"],'
        f"[{pairs}])"
    )


def test_a_fetched_tarball() -> None:
    text = derive({"name": "hello-2.10.tar.gz", "urls": "mirror://gnu/hello.tar.gz https://example.org/x"})
    found = parse_derivation(text, PATH)
    (output,) = found.outputs
    assert (output.name, output.path, output.recursive) == ("out", OUT, False)
    assert output.digest == Digest("sha256", HEX)
    assert found.inputs[1] == (
        "/nix/store/yjfs8f1xjw6z4c2pglz4nqrnvpzxbysx-curl-7.71.1.drv",
        ("bin", "dev"),
    )
    assert found.urls == ("mirror://gnu/hello.tar.gz", "https://example.org/x")


def test_an_unpacked_tree_and_an_ordinary_output() -> None:
    (tree,) = parse_derivation(derive({}, algorithm="r:sha256"), PATH).outputs
    assert tree.recursive
    assert tree.digest == Digest("sha256", HEX)
    (ordinary,) = parse_derivation(derive({}, algorithm="", digest=""), PATH).outputs
    assert ordinary.digest is None


def test_urls_of_structured_attributes() -> None:
    text = derive({"__json": json.dumps({"urls": ["https://example.org/a", "https://example.org/b"]})})
    assert parse_derivation(text, PATH).urls == ("https://example.org/a", "https://example.org/b")


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=60), max_size=5))
def test_any_environment_is_read_as_it_was_written(environment: dict[str, str]) -> None:
    assert parse_derivation(derive(environment), PATH).environment == environment


@given(st.integers(min_value=0, max_value=len(derive({"a": "b"})) - 1))
def test_a_cut_file_is_refused(length: int) -> None:
    with pytest.raises(UnsupportedInputError):
        parse_derivation(derive({"a": "b"})[:length], PATH)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "Derive",
        "Derive()",
        'DrvWithVersion("xp-dyn-drv",[])',
        derive({}, algorithm="sha3"),
        derive({}).replace(f'"{OUT}"', "[]"),
        derive({}).replace('["out"]', '"out",[]'),
        derive({}).replace("Derive(", "Derive({"),
    ],
)
def test_other_files_are_refused(text: str) -> None:
    with pytest.raises(UnsupportedInputError, match=r"hello-2\.10"):
        parse_derivation(text, PATH)
