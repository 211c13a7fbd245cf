"""`filcross why`: the chain that brings a file in, who loads it, and where a symbol comes from."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from filc_shapes import HELLO, ORDINARY, Shapes

from filcross import resources
from filcross.process import run

if TYPE_CHECKING:
    from filcross.process import Completed

pytestmark = pytest.mark.nix


def why(shapes: Shapes, *arguments: str | Path) -> Completed:
    command = Path(sys.executable).parent / "filcross"
    return run([command, "why", *arguments, "--trust-runtime", shapes.lib], check=False)


def document(shapes: Shapes, *arguments: str | Path) -> dict[str, Any]:
    done = why(shapes, *arguments, "--json")
    assert done.exit_code == 0, done.stderr
    content: dict[str, Any] = json.loads(done.stdout)
    schema = json.loads((resources.data_dir() / "schemas" / "why.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(content, schema)
    return content


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Shapes:
    made = Shapes(tmp_path_factory.mktemp("why"), simulated=True)
    made.hello()
    bad = made.shared("libbad.so", [made.ordinary("bad", ORDINARY)], "-l:libyoloc.so")
    made.program("mixed", [made.filc("mixed", HELLO)], "-l:libanswer.so", "--no-as-needed", bad)
    return made


def test_the_chain_to_an_ordinary_library_and_who_loads_it(shapes: Shapes) -> None:
    program = document(shapes, shapes.root / "mixed")
    assert program["file"]["verdict"] == "mixed"
    assert [(step["what"], Path(step["text"]).name) for step in program["chain"]] == [
        ("file", "mixed"),
        ("library", "libbad.so"),
    ]
    library = document(shapes, shapes.root / "libbad.so", "--in", shapes.root / "mixed")
    assert library["file"]["verdict"] == "foreign"
    assert library["chain"][-1] == {"what": "symbol", "text": "printf"}
    assert library["loaded_by"] == [str(shapes.root / "mixed")]
    shown = why(shapes, shapes.root / "mixed").stderr
    assert "mixed is mixed" in shown
    assert "FILC-E202" in shown
    assert "what brings it in:" in shown


def test_a_name_of_filc_has_a_provider(shapes: Shapes) -> None:
    (found,) = document(shapes, shapes.root / "hello", "puts")["symbols"]
    assert (found["name"], found["good"]) == ("pizlonated_puts", True)
    assert found["meaning"] == "a Fil-C getter, which gives the address of puts"
    assert found["providers"] == [{"path": str(shapes.lib / "libc.so"), "verdict": "filc"}]
    assert found["users"] == [str(shapes.root / "libanswer.so")]
    assert not any(place["defined"] for place in found["places"])
    (own,) = document(shapes, shapes.root / "libanswer.so", "answer", "--in", shapes.root / "hello")[
        "symbols"
    ]
    assert own["providers"] == [{"path": str(shapes.root / "libanswer.so"), "verdict": "filc"}]
    assert own["users"] == [str(shapes.root / "hello")]
    assert {place["defined"] for place in own["places"]} == {True}


def test_an_ordinary_name_is_judged_with_the_reason(shapes: Shapes) -> None:
    (bad,) = document(shapes, shapes.root / "libbad.so", "printf")["symbols"]
    assert (bad["good"], bad["meaning"]) == (False, "an ordinary name: no form of Fil-C's")
    assert bad["judgement"].startswith("FILC-E301: ")
    (start,) = document(shapes, shapes.root / "hello", "_start")["symbols"]
    assert start["good"]
    assert "the program's entry" in start["judgement"]
    shown = why(shapes, shapes.root / "libbad.so", "printf").stderr
    assert "imported in" in shown
    assert "provided by" in shown


def test_members_of_archives_are_looked_at(shapes: Shapes, tmp_path: Path) -> None:
    archive = tmp_path / "libmany.a"
    objects = [shapes.ordinary("bad", ORDINARY), shapes.filc("good", "int good(void) { return 1; }")]
    run(["ar", "rcs", archive, *objects])
    content = document(shapes, archive, "ordinary")
    (name,) = content["symbols"]
    assert [Path(place["file"]).name for place in name["places"]] == ["libmany.a(bad.o)"]
    assert not name["good"]


@pytest.mark.parametrize(
    ("name", "symbol", "code", "words"),
    [
        ("hello", "no_such_name", 4, "neither defines nor imports `no_such_name`"),
        ("script", None, 4, "a script, which /bin/sh -e runs"),
        ("text", None, 4, "another kind of file"),
        ("absent", None, 2, "there is no file"),
    ],
)
def test_what_cannot_be_explained_is_said(
    shapes: Shapes, name: str, symbol: str | None, code: int, words: str
) -> None:
    (shapes.root / "script").write_text("#!/bin/sh -e\n")
    (shapes.root / "text").write_text("text\n")
    done = why(shapes, shapes.root / name, *([symbol] if symbol else []))
    assert done.exit_code == code
    assert words in done.stderr
    assert "Traceback" not in done.stderr
