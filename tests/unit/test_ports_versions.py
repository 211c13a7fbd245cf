"""Versions of packages and ranges of them, without Nix (tests/nix compares with Nix itself)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filcross.errors import UsageError
from filcross.ports.versions import compare, parse_range

VERSIONS = st.text(alphabet="0123456789.-abpreg+~_", max_size=12)


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("1.1.1f", "1.1.1g"),
        ("1.1.1", "1.1.1g"),
        ("2.4pre1", "2.4"),
        ("2.3", "2.4pre1"),
        ("10.3p1", "10.3p2"),
        ("10.3", "10.3p1"),
        ("9.8p1", "10.3p1"),
        ("2.3a", "2.3.1"),
        ("2024-02-14", "2025-04-26"),
        ("20230828-3.1", "20240808-3.1"),
        ("1.9", "1.10"),
    ],
)
def test_order(older: str, newer: str) -> None:
    assert compare(older, newer) == -1
    assert compare(newer, older) == 1
    assert compare(newer, newer) == 0


@given(VERSIONS, VERSIONS)
def test_both_ways_agree(one: str, other: str) -> None:
    assert compare(one, other) == -compare(other, one)


def test_numbers_without_end() -> None:
    assert (
        compare("1." + "9" * 5000, "1.1") == -1
    )  # too long for a number of Nix: text, older than any number
    assert compare("1." + "0" * 5000 + "2", "1.1") == 1


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("1.3", ["1.3"], ["1.3.1", "1.2.13", "1.3pre"]),
        ("= 10.3p1", ["10.3p1"], ["10.3", "10.3p2"]),
        (">= 5.2, < 5.3", ["5.2", "5.2p26", "5.2.32"], ["5.1.16", "5.3", "5.3p3"]),
        ("!=2.0", ["2.1"], ["2.0"]),
        (">1.1.1f,<=3.5.7", ["1.1.1g", "3.5.7"], ["1.1.1f", "3.5.8"]),
    ],
)
def test_ranges(text: str, inside: list[str], outside: list[str]) -> None:
    found = parse_range(text)
    assert found.text == text
    assert [version for version in inside if not found.holds(version)] == []
    assert [version for version in outside if found.holds(version)] == []


@pytest.mark.parametrize("text", ["", " ", ">=", "1.3 1.4", "=> 1.3", ">= 1.3,", "1.3 || 1.4", "~1.3", "*"])
def test_what_is_no_range(text: str) -> None:
    with pytest.raises(UsageError, match="is not a range of versions") as caught:
        parse_range(text)
    assert caught.value.hint
