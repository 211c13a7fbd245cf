"""Nix's internal-json log: a recorded run, line by line."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from filcross.nix import events

RECORDED = Path(__file__).parent.parent / "data" / "nix-2.8-internal-json.log"


def _replay() -> list[events.Event]:
    parser = events.Parser()
    found = (parser.feed(line) for line in RECORDED.read_text().splitlines())
    return [event for event in found if event is not None]


def test_builds_phases_and_lines_belong_together() -> None:
    replayed = _replay()
    started = {e.id: e.derivation for e in replayed if isinstance(e, events.BuildStarted)}
    assert sorted(path.rsplit("-", 1)[-1] for path in started.values()) == [
        "b.drv",
        "bad.drv",
        "good.drv",
        "src.tgz.drv",
    ]
    bad = next(identity for identity, path in started.items() if path.endswith("-bad.drv"))
    assert [e.line for e in replayed if isinstance(e, events.LogLine) and e.id == bad] == [
        "line1",
        "line2",
        "oops",
    ]
    assert [e.phase for e in replayed if isinstance(e, events.PhaseChanged) and e.id == bad] == ["buildPhase"]
    assert bad in {e.id for e in replayed if isinstance(e, events.Stopped)}


def test_errors_have_no_escape_sequences() -> None:
    errors = [e.text for e in _replay() if isinstance(e, events.Message) and e.is_error]
    assert any("bad.drv' failed with exit code 3" in text for text in errors)
    assert not any("\x1b" in text for text in errors)


def test_progress_is_that_of_the_builds() -> None:
    last = [e for e in _replay() if isinstance(e, events.Progress)][-1]
    assert last == events.Progress(done=2, expected=2, running=0, failed=2)


def test_a_line_in_no_format_is_passed_on() -> None:
    parser = events.Parser()
    assert parser.feed("error: no space left") == events.Message("error: no space left", is_error=True)
    assert parser.feed("@nix {broken") == events.Message("@nix {broken", is_error=False)
    assert parser.feed("   ") is None


@given(
    st.dictionaries(
        st.sampled_from(["action", "type", "id", "fields", "msg", "level"]),
        st.one_of(
            st.integers(),
            st.text(),
            st.none(),
            st.lists(st.one_of(st.integers(), st.text()), max_size=5),
            st.sampled_from(["start", "stop", "result", "msg"]),
        ),
    )
)
def test_no_json_object_breaks_it(data: dict[str, object]) -> None:
    event = events.Parser().feed("@nix " + json.dumps(data))
    assert event is None or isinstance(event, events.Event)
