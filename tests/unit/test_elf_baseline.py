"""Baselines: what a toolchain's own proof says counts for it, and the built-in list for everything else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from filcross.elf import baseline

if TYPE_CHECKING:
    from pathlib import Path

START = {"from": "crt1.o", "code": True}
CONTENT: dict[str, Any] = {
    "schema_version": baseline.SCHEMA_VERSION,
    "files": {
        "C program": {
            "kind": "executable",
            "defines": {"_start": START, "table": {"from": "the linker", "code": False}},
            "imports": {"memcpy": {"from": "the compiler", "code": False}},
            "locals": {"frame_dummy": {"from": "crtbegin.o", "code": True}},
        }
    },
}


def own() -> baseline.Baseline:
    found = baseline.measured(CONTENT)
    assert found is not None
    return found


def test_only_what_the_toolchain_showed_is_ordinary() -> None:
    allows = own().allows
    assert allows(b"_start", defined=True, kind="executable", code=True)
    assert allows(b"memcpy", defined=False, kind="executable", code=False)
    assert not allows(b"memcpy", defined=True, kind="executable", code=True)
    assert allows(b"frame_dummy", defined=True, kind="executable", code=True)
    assert allows(b"table", defined=True, kind="executable", code=False)
    assert not allows(b"table", defined=True, kind="executable", code=True)
    builtin = baseline.built_in().allows
    for name in (b"main", b"_init"):
        assert builtin(name, defined=True, kind="executable", code=True)
        assert not allows(name, defined=True, kind="executable", code=True)


def test_what_the_linker_makes_and_other_kinds_need_no_proof() -> None:
    allows = own().allows
    assert allows(b"_edata", defined=True, kind="executable", code=False)
    assert allows(b"_init", defined=True, kind="library", code=True)
    assert not allows(b"_start", defined=True, kind="library", code=True)
    assert own().measured == {"executable"}


def test_every_rule_says_who_brings_the_name() -> None:
    rule = own().rule(b"_start", defined=True, kind="executable", code=True)
    assert rule is not None
    assert rule.reason == "in the toolchain's own proof (C program) it comes from crt1.o"
    assert own().rule(b"printf", defined=False, kind="executable", code=False) is None


def test_of_several_toolchains_any_may_allow_a_name() -> None:
    both = baseline.combined([own(), None])
    assert both.allows(b"main", defined=True, kind="executable", code=True)
    assert both.allows(b"memcpy", defined=False, kind="executable", code=False)
    assert both.measured == frozenset()
    assert baseline.combined([]) == baseline.built_in()


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"schema_version": 1, "files": {}}', '{"schema_version": 2, "files": {"a": {}}}'],
)
def test_a_file_that_is_none_is_as_if_absent(tmp_path: Path, text: str) -> None:
    file = tmp_path / "baseline.json"
    assert baseline.read(file) is None
    file.write_text(text)
    assert baseline.read(file) is None
    file.write_text(json.dumps(CONTENT))
    assert baseline.read(file) == own()
