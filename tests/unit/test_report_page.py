"""Pages and pictures: valid by an independent parser, self-contained, and no text in them becomes markup."""

from __future__ import annotations

import base64
import hashlib
import re
from itertools import pairwise
from xml.etree import ElementTree as ET

import html5lib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filcross.report import page, picture
from filcross.report.picture import Node

SVG = "{http://www.w3.org/2000/svg}"
NASTY = "<script>alert(1)</script>\"'&\u00e9"


def strict(text: str) -> ET.Element:
    root = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(text)
    assert isinstance(root, ET.Element)
    return root


def boxes(svg: str) -> list[tuple[int, int, int, int]]:
    names = ("x", "y", "width", "height")
    root = ET.fromstring(svg)
    return [tuple(int(rect.attrib[name]) for name in names) for rect in root.iter(f"{SVG}rect")]  # type: ignore[misc]


def test_a_page_is_valid_and_loads_nothing() -> None:
    text = page.render(NASTY, "<p>body</p>", script="let a = 1 < 2 && 'x';")
    root = strict(text)
    assert root.findtext(".//h1") == NASTY
    assert [item.get("src") for item in root.iter("script")] == [None]
    assert not list(root.iter("link"))
    assert not re.search(r"url\((?!#)|@import", text)


def test_only_the_pages_own_script_may_run() -> None:
    text = page.render("t", "", script="x = 1")
    script = strict(text).findtext(".//script") or ""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in text
    assert "script-src" not in page.render("t", "")
    with pytest.raises(ValueError, match="</script"):
        page.render("t", "", script="'</ScRipt>'")


def test_a_picture_goes_from_left_to_right_and_says_what_it_shows() -> None:
    svg = picture.draw(
        [
            Node("p", "program", "mixed", "/out/bin/program"),
            Node("a", "liba", "foreign"),
            Node("b", NASTY, "filc"),
        ],
        [("p", "a"), ("p", "b"), ("a", "b"), ("b", "b")],
        description="who loads whom",
    )
    root = ET.fromstring(svg)
    assert (root.get("role"), root.get("aria-label")) == ("img", "who loads whom")
    assert [group.get("class") for group in root.iter(f"{SVG}g")] == ["mixed", "foreign", "filc"]
    assert [item.text for item in root.iter(f"{SVG}title")] == ["/out/bin/program", "liba", NASTY]
    assert [box[0] for box in boxes(svg)] == sorted({box[0] for box in boxes(svg)})
    assert len([line for line in root.iter(f"{SVG}path") if "edge" in line.attrib["class"]]) == 3
    strict(page.render("t", svg))


def test_a_cycle_is_drawn_with_one_edge_turned() -> None:
    svg = picture.draw([Node(x, x, "filc") for x in "abc"], [("a", "b"), ("b", "c"), ("c", "a")])
    classes = [line.get("class") for line in ET.fromstring(svg).iter(f"{SVG}path")]
    assert classes[1:] == ["edge", "edge", "edge back"]


def test_wrong_graphs_are_refused() -> None:
    with pytest.raises(ValueError, match="same id"):
        picture.draw([Node("a", "a", "x"), Node("a", "b", "x")], [])
    with pytest.raises(ValueError, match="unknown node"):
        picture.draw([Node("a", "a", "x")], [("a", "b")])
    ET.fromstring(picture.draw([], []))


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[Node], list[tuple[str, str]]]:
    count = draw(st.integers(1, 300))
    numbers = st.integers(0, count - 1)
    pairs = draw(st.lists(st.tuples(numbers, numbers), max_size=3 * count))
    nodes = [Node(str(number), "n" * (number % 50), "filc") for number in range(count)]
    return nodes, [(str(tail), str(head)) for tail, head in pairs]


@settings(max_examples=30)
@given(graphs())
def test_boxes_of_any_graph_lie_apart_and_inside(graph: tuple[list[Node], list[tuple[str, str]]]) -> None:
    svg = picture.draw(*graph)
    assert svg == picture.draw(*graph)
    root = ET.fromstring(svg)
    width, height = int(root.attrib["width"]), int(root.attrib["height"])
    columns: dict[int, list[tuple[int, int]]] = {}
    for x, y, wide, high in boxes(svg):
        assert 0 <= x < x + wide <= width
        assert 0 <= y < y + high <= height
        columns.setdefault(x, []).append((y, y + high))
    for column in columns.values():
        column.sort()
        assert all(above[1] <= below[0] for above, below in pairwise(column))
