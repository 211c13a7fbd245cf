"""A report as one HTML page that needs nothing else: the answer, a picture of who loads whom, every file."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from filcross import resources
from filcross.elf import packages
from filcross.report import page, picture, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from filcross.elf.verdict import FileReport, Report

_SHOWN = 150
_PICTURED = frozenset({"executable", "library", "static", "other"})
_MISSING, _NOT_JUDGED = "missing", "not-judged"


def render(report: Report) -> str:
    """Return the report as an HTML page."""
    from markupsafe import Markup

    chains = packages.Chains(report)
    drawing, left_out = _picture(report)
    order = {"bad": 0, "open": 1, "accepted": 2, "good": 3}
    files = sorted(report.files, key=lambda file: (order[file.outcome], file.path))
    body = page.fill(
        "report.html",
        report=report,
        conclusion=text.conclusion(report),
        codes=text.codes(report),
        picture=Markup(drawing),  # noqa: S704  (made from a template that escapes)
        left_out=left_out,
        files=[(file, chains.of(file)) for file in files],
    )
    script = (resources.data_dir() / "page" / "report.js").read_text(encoding="utf-8")
    return page.render("Is it Fil-C code?", body, script=script)


def _picture(report: Report) -> tuple[str, int]:
    """Return a picture of the processes (empty: there is none), and how many files it leaves out."""
    wanted = [file for file in report.files if file.kind in _PICTURED and not _is_alone(file)]
    wanted.sort(key=lambda file: (file.outcome not in ("bad", "open"), file.path))
    same = picture.links(file.path for file in report.files)
    nodes: dict[str, picture.Node] = {}
    edges: dict[tuple[str, str], None] = {}
    left_out = 0
    for file in wanted:
        own = {node.id: node for node in _nodes(file, same)}
        if len(nodes.keys() | own.keys()) > _SHOWN and nodes:
            left_out += 1
            continue
        nodes = own | nodes
        nodes[file.path] = own[file.path]
        edges.update(
            dict.fromkeys((same.get(tail, tail), same.get(head, head)) for tail, head in _edges(file))
        )
    if not nodes:
        return "", left_out
    described = f"Who loads whom: {len(nodes)} files and {len(edges)} arrows, as in the tables of the files"
    ends = [edge for edge in edges if edge[0] in nodes and edge[1] in nodes]
    return picture.draw(list(nodes.values()), ends, description=described), left_out


def _is_alone(file: FileReport) -> bool:
    return not file.libraries and file.loader is None


def _nodes(file: FileReport, same: Mapping[str, str]) -> Iterator[picture.Node]:
    codes = ", ".join(finding.code for finding in file.findings if finding.severity != "info")
    yield _node(file.path, file.verdict, f"{file.path}: {file.verdict}{f' ({codes})' if codes else ''}")
    for library in file.libraries:
        path = library.path or library.name
        tone = _MISSING if library.path is None else library.verdict or _NOT_JUDGED
        yield _node(same.get(path, path), tone, f"{path}: {tone}")
    if _has_wrong_loader(file):
        yield _node(file.loader or "", "foreign", f"{file.loader}: the loader of {file.path}")


def _node(path: str, tone: str, title: str) -> picture.Node:
    return picture.Node(path, text.printable(posixpath.basename(path)), tone, text.printable(title))


def _has_wrong_loader(file: FileReport) -> bool:
    return file.loader is not None and any(finding.code == "FILC-E101" for finding in file.findings)


def _edges(file: FileReport) -> Iterable[tuple[str, str]]:
    for library in file.libraries:
        yield library.needed_by or file.path, library.path or library.name
    if _has_wrong_loader(file):
        yield file.path, file.loader or ""
