"""The search for the first bad candidate: right for every row, with few questions, around the unknown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filcross.errors import NothingToJudgeError, UsageError
from filcross.matrix.bisect import BAD, GOOD, UNKNOWN, search


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
