"""The page of a report: valid for a strict HTML5 parser, complete, and safe whatever a file is called."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import html5lib

from filcross.elf import packages
from filcross.elf.comparison import Changes, Comparison
from filcross.elf.verdict import FileReport, Finding, Library, Report, Script
from filcross.elf.waivers import Waiver, apply
from filcross.report import html

if TYPE_CHECKING:
    from collections.abc import Iterator

SVG = "{http://www.w3.org/2000/svg}"
NASTY = '/out/<img src=x onerror="alert(1)">\x1b\udcff'
STORE = "/nix/store/{}-{}"
APP = STORE.format("a" * 32, "app-1")
PROGRAM = FileReport(
    path=f"{APP}/bin/app",
    kind="executable",
    verdict="mixed",
    simulated=True,
    confidence="symbols",
    findings=(Finding("FILC-E202", "loads ordinary code"), Finding("FILC-E101", "loader", ("/lib64/ld.so",))),
    machine="x86_64",
    loader="/lib64/ld.so",
    libraries=(
        Library(NASTY, NASTY, "RUNPATH", f"{APP}/bin/app", direct=True, verdict="foreign"),
        Library("libgone.so", None, "not found", NASTY, direct=False, verdict=None),
    ),
)
NASTY_FILE = replace(
    PROGRAM,
    path=NASTY,
    kind="library",
    verdict="foreign",
    libraries=(),
    findings=(Finding("FILC-E301", NASTY, (NASTY,) * 50),),
    members=(replace(PROGRAM, path=f"{NASTY}(x.o)", libraries=(), kind="object"),),
    same_as=(NASTY,),
)
REPORT = Report((PROGRAM, NASTY_FILE), (Script(NASTY, NASTY, None),), {"not ELF": 3}, (NASTY,))


def strict(text: str) -> ET.Element:
    root = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(text)
    assert isinstance(root, ET.Element)
    return root


def texts(root: ET.Element, path: str) -> Iterator[str]:
    for item in root.iterfind(path):
        yield "".join(item.itertext())


def full() -> Report:
    waived = apply(
        REPORT, [Waiver("FILC-E301", "*", NASTY, NASTY, date(2030, 1, 1), NASTY)], date(2029, 1, 1)
    )
    grouped = packages.attach(waived, {APP: packages.Root("app", "app.nix:1")}, {})
    changes = Changes((NASTY,), ("fixed",), ())
    return replace(grouped, comparison=Comparison(NASTY, changes, changes))


def test_a_page_with_everything_is_valid_and_holds_it() -> None:
    page = html.render(full())
    root = strict(page)
    assert [item.get("id") for item in root.iter("h2")] == [
        *("summary", "changes", "packages", "picture", "waivers", "files", "scripts")
    ]
    assert not list(root.iter("img"))
    assert "\x1b" not in page
    page.encode()
    assert next(texts(root, ".//p[@class='answer no']")).startswith("no: ")
    steps = [text.split(" ", 1)[0] for text in texts(root, ".//details//ol/li")]
    assert steps[:4] == ["attribute", "store", "file", "library"]
    assert len(list(root.iter("details"))) == 2
    assert not re.search(r'(?:src|href)="(?!#)', page)


def test_the_picture_shows_who_loads_whom_by_verdict() -> None:
    root = strict(html.render(REPORT))
    (drawing,) = root.iter(f"{SVG}svg")
    groups = {
        item.findtext(f"{SVG}title", "").split(": ")[0]: item.get("class") for item in drawing.iter(f"{SVG}g")
    }
    assert groups[PROGRAM.path] == "mixed"
    assert groups["/lib64/ld.so"] == "foreign"
    assert groups["libgone.so"] == "missing"
    assert sorted(groups.values()) == ["foreign", "foreign", "missing", "mixed"]
    assert len([line for line in drawing.iter(f"{SVG}path") if "edge" in line.get("class", "")]) == 3
    assert drawing.get("aria-label")


def test_a_picture_of_thousands_stays_small_and_shows_what_is_bad() -> None:
    many = [
        replace(
            PROGRAM,
            path=f"/good/{number}",
            verdict="filc",
            findings=(),
            loader=None,
            libraries=(
                Library(
                    "liba.so",
                    f"/good/lib{number}.so",
                    "RUNPATH",
                    f"/good/{number}",
                    direct=True,
                    verdict="filc",
                ),
            ),
        )
        for number in range(500)
    ]
    page = html.render(replace(REPORT, files=(*many, PROGRAM)))
    (drawing,) = strict(page).iter(f"{SVG}svg")
    assert len(list(drawing.iter(f"{SVG}g"))) <= 150
    assert PROGRAM.path in "".join(drawing.itertext())
    assert re.search(r"4\d\d files are left out", page)


def test_a_link_to_a_library_is_the_library() -> None:
    library = replace(
        PROGRAM, path="/l/liba.so.1.2", kind="library", verdict="filc", findings=(), loader=None
    )
    needed = Library("liba.so.1", "/l/liba.so.1", "RUNPATH", "/p", direct=True, verdict="filc")
    program = replace(library, path="/p", kind="executable", libraries=(needed,))
    (drawing,) = strict(html.render(replace(REPORT, files=(program, library)))).iter(f"{SVG}svg")
    names = [next(item.itertext(), "") for item in drawing.iter(f"{SVG}text") if item.get("class") != "tone"]
    assert sorted(names).count("liba.so.1.2") == 1
    assert "liba.so.1" not in names


def test_an_empty_report_is_a_page() -> None:
    root = strict(html.render(Report((), (), {}, ())))
    assert not list(root.iter(f"{SVG}svg"))
    assert next(texts(root, ".//p[@class='answer unknown']")) == "nothing to judge: no ELF file was found"
