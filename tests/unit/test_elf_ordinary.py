"""The names of large symbol tables: the first in order and their number, without taking all of them."""

from __future__ import annotations

import random
import struct

import pytest

from filcross.elf import ordinary
from filcross.elf.image import SymbolTable

KNOWN = frozenset({b"main", b"end", b"_init", b"__tls_get_addr"})
MOST = 50


def names_of(kind: str, draw: random.Random) -> list[bytes]:
    """Return a few thousand names, each once, some known or the end of another."""
    letters = {"short": b"ab", "alike": b"abcdef", "any": bytes(range(1, 256))}[kind]
    beginning = b"_ZN4some9namespace" if kind == "alike" else b""
    found = {beginning + bytes(draw.choices(letters, k=draw.randrange(1, 14))) for _ in range(4000)}
    wanted = sorted(found | KNOWN | {b"xmain", b"mai", b"main2", b"_", b"__tls_get_addr_"})
    draw.shuffle(wanted)
    return wanted


@pytest.mark.parametrize("kind", ["short", "alike", "any"])
@pytest.mark.parametrize("known", [KNOWN, frozenset()])
def test_the_first_names_and_the_number_are_those_of_all(kind: str, known: frozenset[bytes]) -> None:
    draw = random.Random(kind)
    wanted = names_of(kind, draw)
    strings, offsets = b"\0", []
    for name in wanted:
        offsets.append(len(strings))
        strings += name + b"\0"
    offsets.append(strings.index(b"xmain\0") + 1)  # the end of another name
    offsets += [0, 0, *draw.sample(offsets, 100)]
    draw.shuffle(offsets)
    wanted = [name for name in wanted if name not in known]
    if b"main" not in known:
        wanted.append(b"main")  # it has two places
    table = SymbolTable(b"", strings, struct.Struct("<IBBHQQ"), 64)
    found = ordinary.names(table, offsets, known, MOST)
    assert sorted(found.held)[:MOST] == sorted(set(wanted))[:MOST]
    assert len(found.held) < len(wanted) / 2
    assert len(found.held) + found.more == pytest.approx(len(wanted), abs=1)
    assert ordinary.names(table, offsets, known, None) == (set(wanted), 0)
    assert ordinary.names(table, offsets[:100], known, MOST).more == 0


def test_names_that_are_all_the_same() -> None:
    strings = b"\0" + b"same\0" * 3000
    table = SymbolTable(b"", strings, struct.Struct("<IBBHQQ"), 64)
    found = ordinary.names(table, list(range(1, len(strings), 5)), KNOWN, MOST)
    assert found.held == {b"same"}
