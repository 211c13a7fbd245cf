"""The search for the first bad candidate: right for every row, with few questions, around the unknown."""

from __future__ import annotations

import dataclasses
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filcross.errors import NothingToJudgeError, UsageError
from filcross.matrix import bisect, ledger
from filcross.matrix.bisect import BAD, GOOD, UNKNOWN, search

if TYPE_CHECKING:
    from pathlib import Path


@given(st.integers(1, 60), st.data())
def test_the_place_is_found_around_what_is_unknown(length: int, data: st.DataObject) -> None:
    first_bad = data.draw(st.integers(1, length))
    unknown = data.draw(st.sets(st.integers(1, max(1, length - 1)), max_size=length // 3))
    unknown -= {0, length}
    names = [f"c{number}" for number in range(length + 1)]
    asked = []

    def ask(name: str) -> str:
        number = int(name[1:])
        asked.append(number)
        return UNKNOWN if number in unknown else BAD if number >= first_bad else GOOD

    found = search(names, ask, lambda _: None)
    good, bad = int(found.last_good[1:]), int(found.first_bad[1:])
    assert good < first_bad <= bad
    assert set(range(good + 1, bad)) <= unknown
    assert found.between == tuple(names[good + 1 : bad])
    assert len(asked) == len(set(asked))
    if not unknown:
        assert len(asked) <= 2 + length.bit_length()


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        ([BAD, BAD], UsageError),
        ([GOOD, GOOD], UsageError),
        ([GOOD, UNKNOWN], NothingToJudgeError),
        ([UNKNOWN, BAD], NothingToJudgeError),
    ],
)
def test_ends_that_are_not_what_they_should_be_are_refused(
    answers: list[str], error: type[Exception]
) -> None:
    with pytest.raises(error):
        search(["a", "b"], lambda name: answers["ab".index(name)], lambda _: None)


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    command = ["git", "-C", folder, *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_revisions_of_a_checkout_that_is_whole_or_shallow(tmp_path: Path) -> None:
    whole, shallow = tmp_path / "a whole one", tmp_path / "shallow"
    whole.mkdir()
    git(whole, "init", "-q")
    for number in range(3):
        git(whole, "commit", "-q", "--allow-empty", "-m", str(number))
    names = git(whole, "rev-list", "--reverse", "HEAD").split()
    assert bisect.revisions(whole, names[0], "HEAD") == names
    with pytest.raises(UsageError, match="does not come before"):
        bisect.revisions(whole, "HEAD", "HEAD")
    git(tmp_path, "clone", "-q", "--depth", "2", f"file://{whole}", str(shallow))
    with pytest.raises(UsageError) as caught:
        bisect.revisions(shallow, "HEAD", names[1])
    assert "--unshallow" in (caught.value.hint or "")
    with pytest.raises(UsageError):
        bisect.revisions(shallow, names[0], "HEAD")


def test_what_could_not_be_judged_is_tried_again_and_another_question_too(tmp_path: Path) -> None:
    with ledger.open_ledger(tmp_path / "l", make=True) as book:
        name = bisect.name_of("a", "x", "y", ["test"])
        assert bisect.name_of("a", "x", "y", ["another"]) != name
        assert bisect.trial(book, name, "t/s/a") == name
        fields = dict.fromkeys(item.name for item in dataclasses.fields(ledger.Result)) | {"details": {}}
        empty = {key: value if key == "details" else "" for key, value in fields.items()}
        gone = ledger.Result(
            **{**empty, "run": name, "cell": "t/s/a", "status": "fail", "cause": "machine", "seconds": 0.0}
        )
        book.add(gone)
        assert bisect.answer(book, name, "t/s/a") == UNKNOWN
        again = bisect.trial(book, name, "t/s/a")
        assert again != name
        book.add(dataclasses.replace(gone, run=again, cause="package"))
        assert bisect.answer(book, again, "t/s/a") == BAD
        assert bisect.trial(book, name, "t/s/a") == again


def test_a_commit_is_exported_whole_even_an_empty_one(tmp_path: Path) -> None:
    checkout, parent = tmp_path / "a checkout", tmp_path / "exports"
    checkout.mkdir()
    git(checkout, "init", "-q")
    git(checkout, "commit", "-q", "--allow-empty", "-m", "empty")
    (checkout / "file").write_text("committed")
    git(checkout, "add", "file")
    git(checkout, "commit", "-q", "-m", "more")
    (checkout / "file").write_text("dirty")
    export = bisect.Export(checkout, parent)
    assert not list(export.of(git(checkout, "rev-parse", "HEAD~1")).iterdir())
    assert (export.of(git(checkout, "rev-parse", "HEAD")) / "file").read_text() == "committed"
    export.close()
    assert not list(parent.iterdir())
