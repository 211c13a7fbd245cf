"""A picture of who uses whom: a layered graph as SVG text, the same for the same input.

Layers are columns, from left to right (after Sugiyama, Tagawa, Toda 1981): an edge that closes a cycle is
turned round for the layout and drawn dashed, long edges pass the columns between, and each column is ordered
by the mean place of its neighbours, which leaves few crossings.
"""

from __future__ import annotations

import hashlib
import itertools
import posixpath
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from filcross.report import page

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_MARGIN, _GAP, _COLUMN_GAP = 12, 10, 72
_HEIGHT, _BEND = 38, 8
_LETTER, _PADDING, _MAX_LETTERS, _MIN_LETTERS = 7.9, 16, 40, 12
_SWEEPS = 6


@dataclass(frozen=True, slots=True)
class Node:
    """A box: `label` in it, `tone` (a CSS class, such as a verdict) below, and `title`, shown on pointing."""

    id: str
    label: str
    tone: str
    title: str = ""


class _Box(NamedTuple):
    x: int
    y: int
    width: int
    height: int
    label: str
    tone: str
    title: str


class _Line(NamedTuple):
    path: str
    back: bool


def draw(nodes: Sequence[Node], edges: Sequence[tuple[str, str]], *, description: str = "") -> str:
    """Return a graph as SVG text to be put into a page; an edge leads from the one who uses to the used.

    `description` is what a reader who cannot see the picture is told. Raises `ValueError` for two nodes with
    one id and for an edge of an unknown node.
    """
    by_id = {node.id: node for node in nodes}
    if len(by_id) != len(nodes):
        raise ValueError("two nodes of a picture have the same id")
    for edge in edges:
        if not by_id.keys() >= set(edge):
            raise ValueError(f"an edge of a picture names an unknown node: {edge}")
    wanted = list(dict.fromkeys((tail, head) for tail, head in edges if tail != head))
    graph = _Layout([node.id for node in nodes], wanted)
    labels = {node.id: _shorten(node.label) for node in nodes}
    widths = [
        round(_LETTER * max([len(labels[item]) for item in column if item in labels] + [_MIN_LETTERS]))
        + _PADDING
        for column in graph.columns
    ]
    lefts = [_MARGIN]
    for width in widths[:-1]:
        lefts.append(lefts[-1] + width + _COLUMN_GAP)
    height = max((place + _HEIGHT for place in graph.tops.values()), default=0) + 2 * _MARGIN
    boxes = [
        _Box(
            x=lefts[graph.layer[node.id]],
            y=graph.tops[node.id] + _MARGIN,
            width=widths[graph.layer[node.id]],
            height=_HEIGHT,
            label=labels[node.id],
            tone=_tone(node.tone),
            title=node.title or node.label,
        )
        for node in nodes
    ]
    lines = [_Line(_path(graph, edge, lefts, widths), edge in graph.turned) for edge in wanted]
    facts = repr((sorted(by_id), sorted(wanted)))
    return page.fill(
        "picture.svg",
        name=f"p{hashlib.sha256(facts.encode('utf-8', 'backslashreplace')).hexdigest()[:8]}",
        width=(lefts[-1] + widths[-1] if widths else 0) + _MARGIN,
        height=height,
        description=description or f"{len(nodes)} boxes and {len(wanted)} arrows between them",
        boxes=boxes,
        lines=lines,
    )


def links(paths: Iterable[str]) -> dict[str, str]:
    """Return which of the files at `paths` links to them are, told by the names: libz.so.1 of libz.so.1.3."""
    files = set(paths)
    longer: dict[str, set[str]] = {}
    for path in files:
        short = path
        while ".so." in posixpath.basename(short):
            short = short.rpartition(".")[0]
            longer.setdefault(short, set()).add(path)
    return {link: found.pop() for link, found in longer.items() if len(found) == 1 and link not in files}


def _tone(text: str) -> str:
    return re.sub(r"[^a-z0-9-]+", "-", text.lower()) or "plain"


def _shorten(label: str) -> str:
    """Return a label that fits a box: of a long one, its beginning and its end."""
    if len(label) <= _MAX_LETTERS:
        return label
    half = (_MAX_LETTERS - 1) // 2
    return f"{label[: _MAX_LETTERS - 1 - half]}…{label[-half:]}"


def _path(graph: _Layout, edge: tuple[str, str], lefts: Sequence[int], widths: Sequence[int]) -> str:
    """Return the path of an edge: from the right side of its tail, past the columns between, to its head."""
    stops = graph.routes[edge]
    points: list[tuple[int, int]] = []
    for stop in stops:
        column = graph.layer[stop]
        y = graph.tops[stop] + _MARGIN + _HEIGHT // 2
        left, right = lefts[column], lefts[column] + widths[column]
        if stop == stops[0]:
            points.append((right, y))
        elif stop == stops[-1]:
            points.append((left, y))
        else:
            points += [(left, y), (right, y)]
    if edge in graph.turned:
        points.reverse()
    text = f"M{points[0][0]} {points[0][1]}"
    for (x, y), (next_x, next_y) in itertools.pairwise(points):
        middle = (x + next_x) // 2
        text += f"L{next_x} {next_y}" if y == next_y else f"C{middle} {y} {middle} {next_y} {next_x} {next_y}"
    return text


class _Layout:
    """Where every node is: `layer` (column number) and `tops` (pixels); the `routes` of edges.

    A route is the nodes and the stand-ins in the columns that an edge passes, from left to right.
    """

    def __init__(self, nodes: Sequence[str], edges: Sequence[tuple[str, str]]) -> None:
        self.turned = _closing(nodes, edges)
        forward = [(head, tail) if (tail, head) in self.turned else (tail, head) for tail, head in edges]
        self.layer = _layers(nodes, forward)
        self.routes: dict[tuple[str, str], list[str]] = {}
        links: set[tuple[str, str]] = set()
        columns: list[list[str]] = [[] for _ in range(max(self.layer.values(), default=-1) + 1)]
        for node in nodes:
            columns[self.layer[node]].append(node)
        for number, (edge, (tail, head)) in enumerate(zip(edges, forward, strict=True)):
            route = [tail]
            for column in range(self.layer[tail] + 1, self.layer[head]):
                stand_in = f"\0{number}\0{column}"
                self.layer[stand_in] = column
                columns[column].append(stand_in)
                route.append(stand_in)
            route.append(head)
            self.routes[edge] = route
            links.update(itertools.pairwise(route))
        self.columns = _ordered(columns, links)
        self.tops = _tops(self.columns, links)


def _closing(nodes: Sequence[str], edges: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return the edges that close a cycle in a walk over the graph, in depth first."""
    after: dict[str, list[str]] = {node: [] for node in nodes}
    for tail, head in edges:
        after[tail].append(head)
    heads = {head for _, head in edges}
    closing: set[tuple[str, str]] = set()
    state: dict[str, int] = {}
    for start in (*(node for node in nodes if node not in heads), *nodes):
        if start in state:
            continue
        state[start] = 1
        stack = [(start, iter(after[start]))]
        while stack:
            node, rest = stack[-1]
            following = next(rest, None)
            if following is None:
                state[node] = 2
                stack.pop()
            elif following not in state:
                state[following] = 1
                stack.append((following, iter(after[following])))
            elif state[following] == 1:
                closing.add((node, following))
    return closing


def _layers(nodes: Sequence[str], edges: Iterable[tuple[str, str]]) -> dict[str, int]:
    """Return the column of each node: the longest way to it from a node that nobody uses."""
    after: dict[str, list[str]] = {node: [] for node in nodes}
    missing = dict.fromkeys(nodes, 0)
    for tail, head in edges:
        after[tail].append(head)
        missing[head] += 1
    layer = dict.fromkeys(nodes, 0)
    ready = [node for node in nodes if not missing[node]]
    for node in ready:
        for head in after[node]:
            layer[head] = max(layer[head], layer[node] + 1)
            missing[head] -= 1
            if not missing[head]:
                ready.append(head)
    return layer


def _ordered(columns: list[list[str]], links: set[tuple[str, str]]) -> list[list[str]]:
    """Order each column by the mean place of its neighbours, to and fro."""
    before: dict[str, list[str]] = {}
    after: dict[str, list[str]] = {}
    for tail, head in sorted(links):
        before.setdefault(head, []).append(tail)
        after.setdefault(tail, []).append(head)
    for sweep in range(_SWEEPS):
        forth = sweep % 2 == 0
        near = before if forth else after
        for number in range(1, len(columns)) if forth else range(len(columns) - 2, -1, -1):
            beside = columns[number - 1 if forth else number + 1]
            place = {node: index for index, node in enumerate(beside)}
            own = {node: index for index, node in enumerate(columns[number])}
            columns[number].sort(
                key=lambda node: (
                    _mean([place[item] for item in near.get(node, ())], own[node]),
                    own[node],
                )
            )
    return columns


def _mean(values: Sequence[int], otherwise: int) -> float:
    return sum(values) / len(values) if values else float(otherwise)


def _tops(columns: Sequence[Sequence[str]], links: set[tuple[str, str]]) -> dict[str, int]:
    """Give each node a place in its column, near those left of it, without touching the one above."""
    before: dict[str, list[str]] = {}
    for tail, head in sorted(links):
        before.setdefault(head, []).append(tail)
    tallest = max((len(column) for column in columns), default=0)
    tops: dict[str, int] = {}
    for column in columns:
        free = 0
        start = (tallest - len(column)) * (_HEIGHT + _GAP) // 2 if not tops else 0
        for position, node in enumerate(column):
            near = [tops[item] for item in before.get(node, ())]
            wish = round(_mean(near, start + position * (_HEIGHT + _GAP)))
            tops[node] = max(free, wish)
            free = tops[node] + (_HEIGHT if not node.startswith("\0") else _BEND) + _GAP
    return _pressed(columns, tops, tallest * (_HEIGHT + _GAP))


def _pressed(columns: Sequence[Sequence[str]], tops: dict[str, int], limit: int) -> dict[str, int]:
    """Move a column up that is lower than it need be, so that the picture stays as high as its highest."""
    for column in columns:
        for position in range(len(column) - 1, -1, -1):
            node = column[position]
            size = (_HEIGHT if not node.startswith("\0") else _BEND) + _GAP
            below = tops[column[position + 1]] if position + 1 < len(column) else limit
            tops[node] = max(0, min(tops[node], below - size))
    highest = min(tops.values(), default=0)
    return {node: top - highest for node, top in tops.items()}
