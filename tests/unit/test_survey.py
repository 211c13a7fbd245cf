"""Surveys: what is read from Nix's words, how failures are classed and grouped, and how a survey is shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from filcross import process
from filcross.matrix import flavour, survey
from filcross.nix import sweep
from filcross.nix.sweep import Answer
from filcross.report import survey as report

TREE = Path("/tree")

# What Nix 2.8 and 2.26 say, with --show-trace, about the same errors.
ERRORS = json.loads((Path(__file__).resolve().parent.parent / "data" / "nix-errors.json").read_text())


def die(text: str, *before: str, exit_code: int = 1) -> Answer:
    """Return the answer of a package at which Nix dies with `text`."""
    reader = sweep._Reader(lambda _name, _answer: None)
    for line in ("trace: @B package", *before, *text.splitlines()):
        reader.feed(line)
    assert reader.current == "package"
    return reader.last_words(exit_code)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: f"{error['nix']} {error['kind']}")
def test_every_class_is_known_by_both_ways_of_telling(error: dict[str, Any]) -> None:
    kind = error["kind"]
    answer = die("\n".join(error["lines"]))
    if kind == "throw":
        answer = Answer(sweep.REFUSED, message=answer.message, position=answer.position)
    assert survey.classify(answer) == survey.Failure(kind, error["message"], error["position"])


def test_deaths_without_words() -> None:
    assert survey.classify(die("", exit_code=-9)).kind == "killed"
    assert survey.classify(die("error: something quite new")).kind == "other"
    refused = Answer(sweep.REFUSED, message="gfortran: there is no Fortran compiler for Fil-C, which …")
    assert survey.classify(refused).kind == "language"
    assert survey.classify(Answer(sweep.REFUSED)).kind == "throw"


def test_marks_of_one_process() -> None:
    answers: dict[str, Answer] = {}
    reader = sweep._Reader(answers.__setitem__)
    issue = json.dumps("Package x in /tree/x.nix:3 is not supported, refusing to evaluate.")
    for line in (
        "warning: something else",
        "trace: @B good",
        'trace: @R good {"derivation":"/nix/store/good.drv","decisions":{"name":"a @R b"}}',
        "trace: @B refused",
        f"trace: @I unsupported {issue}",
        "trace: @R refused false",
        "trace: @B thrown",
        "trace: @R thrown false",
        "trace: @B none",
        "trace: @R none null",
        "trace: @B last",
        "trace: a word of the tree's own",
    ):
        reader.feed(line)
    assert answers["good"] == Answer("derivation", {"name": "a @R b"}, "/nix/store/good.drv")
    assert (answers["refused"].issue, answers["refused"].position) == ("unsupported", "/tree/x.nix:3")
    assert answers["thrown"] == Answer("refused")
    assert answers["none"] == Answer("none")
    assert (reader.current, reader.answered) == ("last", {"good", "refused", "thrown", "none"})


def test_an_issue_that_kills_is_still_the_trees_reason() -> None:
    message = "Package x in /tree/x.nix:3 is broken"
    answer = die(f"error: {message}\n", f"trace: @I broken {json.dumps(message)}")
    assert (answer.outcome, answer.issue, answer.position) == ("refused", "broken", "/tree/x.nix:3")
    other = die("error: attribute 'y' missing\n", f"trace: @I broken {json.dumps(message)}")
    assert (other.outcome, other.issue) == ("fatal", "")


def test_long_errors_keep_their_beginning_and_their_end() -> None:
    frames = "\n".join(
        f"       … step {number}\n\n       at /tree/lib/x.nix:{number}:1:" for number in range(900)
    )
    assert (
        die(f"error: attribute 'a' missing\n\n       at /tree/f.nix:6:12:\n{frames}").position
        == "/tree/f.nix:6"
    )
    assert die(
        f"error:\n{frames}\n       error: attribute 'a' missing\n       at /tree/f.nix:7:1:"
    ).message == ("attribute 'a' missing")


def platform(name: str, have: str, lost: dict[str, survey.Failure], languages: str = "") -> survey.Platform:
    return survey.Platform(
        name,
        {item: f"/nix/store/{item}.drv" for item in have.split()},
        dict.fromkeys(languages.split(), ("rust",)),
        lost,
        ("lib",),
    )


def test_failures_with_one_cause_are_one_group_and_the_biggest_comes_first() -> None:
    same = survey.Failure("missing attribute", "attribute 'x' missing", "/tree/a.nix:1")
    groups = survey._groups(
        {
            "b": same,
            "a": same,
            "c": survey.Failure(
                "throw", "see /nix/store/00000000000000000000000000000000-x", "/tree/b.nix:2"
            ),
            "d": survey.Failure(
                "throw", "see /nix/store/11111111111111111111111111111111-x", "/tree/b.nix:2"
            ),
            "e": same,
            "f": survey.Failure("missing attribute", "attribute 'x' missing", "/tree/b.nix:1"),
        },
        TREE,
    )
    assert [(group.position, group.attributes) for group in groups] == [
        ("a.nix:1", ("a", "b", "e")),
        ("b.nix:2", ("c", "d")),
        ("b.nix:1", ("f",)),
    ]


def answers(**given: Answer | str) -> dict[str, Answer]:
    return {
        name: answer
        if isinstance(answer, Answer)
        else Answer("derivation", derivation=f"/nix/store/{answer}.drv")
        for name, answer in given.items()
    }


def test_languages_are_counted_apart_on_both_sides() -> None:
    fortran = Answer("refused", message="gfortran: there is no Fortran compiler for Fil-C")
    state = survey.Progress(
        filc=answers(
            zlib="a",
            ripgrep="b",
            numpy=Answer("refused"),
            octave=Answer("refused"),  # nobody asked it for the reason
            gone=Answer("fatal", message="attribute 'x' missing"),
        ),
        reference=answers(zlib="a", ripgrep="b", numpy="c", octave="c", gone="d"),
        explained={"numpy": Answer("fatal", message=fortran.message)},
    )
    known = {
        "filc": {"ripgrep": frozenset({"rust"})},
        "reference": {
            "ripgrep": frozenset({"rust"}),
            "numpy": frozenset({"fortran"}),
            "octave": frozenset({"fortran"}),
        },
    }
    filc, other = sweep.Question(TREE, "filc"), sweep.Question(TREE, "musl64")
    found = survey._assemble(filc, other, state, known, kind="musl", decisions=False)
    assert found.reference is not None
    assert set(found.filc.refused) == set(found.reference.refused) == {"ripgrep", "numpy", "octave"}
    assert found.ratio == 0.5
    assert [group.attributes for group in found.only_filc] == [("gone",)]
    assert "50.00% as many derivations as musl64" in report.text(found)


def test_what_a_port_changes_has_that_as_its_reason() -> None:
    given = flavour.Comparison(
        "musl",
        3,
        (
            flavour.Difference("openssl", "patches", "+own.patch", None),
            flavour.Difference("curl", "buildInputs", "+openssl-3.3.1-PLATFORM-dev", None),
            flavour.Difference("curl", "configureFlags", "+--other", None),
        ),
    )
    ported = {"openssl": Answer("derivation", {"name": "openssl-3.3.1-x86_64-unknown-linux-filc"})}
    found = survey._explained_by_ports(given, {"openssl"}, ported)
    assert [item.reason for item in found.differences] == [survey.PORT, survey.PORT_OF_INPUT, None]


def test_a_survey_as_text_and_data() -> None:
    failure = survey.Failure("throw", "not for this", "f.nix:1")
    comparison = flavour.Comparison(
        "musl",
        3,
        (
            flavour.Difference("zlib", "patches", "+x.patch", None),
            flavour.Difference("curl", "patches", "+x.patch", None),
            flavour.Difference("bash", "name", "+x", "because"),
        ),
    )
    found = survey.Survey(
        5,
        platform("filc", "zlib curl bash", {"broken": failure}, "ripgrep"),
        platform("musl64", "zlib curl bash broken", {}, "ripgrep"),
        (survey.Group("throw", "not for this", "f.nix:1", ("broken",)),),
        (),
        comparison,
    )
    text = report.text(found)
    assert "75.00% as many derivations as musl64" in text
    assert "   1  throw: not for this (f.nix:1)\n        broken" in text
    assert "3 packages compared, 0 alike, 1 differ with a reason, 2 without" in text
    assert "   2  patches +x.patch\n        curl, zlib" in text
    data = report.document(found)
    assert data["decisions"]["reasons"] == [{"reason": "because", "packages": 1}]
    page = report.html(found, "Survey <of> x")
    assert "Survey &lt;of&gt; x" in page
    assert "+x.patch" in page


def test_an_idle_or_unwanted_process_is_ended() -> None:
    import threading

    with pytest.raises(process.ProcessTimeoutError, match="said nothing for 1 s"):
        process.run(["sh", "-c", "echo begun >&2; sleep 60"], idle_timeout=1.0)
    talking = "for i in 1 2 3 4 5 6; do echo $i; sleep 0.4; done"
    assert process.run(["sh", "-c", talking], idle_timeout=2.0).stdout == "1\n2\n3\n4\n5\n6\n"
    stop = threading.Event()
    with pytest.raises(process.ProcessStoppedError):
        process.run(["sh", "-c", "echo begun; sleep 60"], stop=stop, on_stdout=lambda _: stop.set())
