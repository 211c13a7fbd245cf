"""The site of a run: what is on its pages, and that a real browser likes them."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import browser
import html5lib
import pytest

from filcross import files
from filcross.errors import UsageError
from filcross.matrix import ledger, site
from filcross.matrix.ledger import Result

if TYPE_CHECKING:
    from collections.abc import Iterator

NASTY = "<script>alert('x')</script> & \"more\""


def file_of(name: str, verdict: str, needed: str) -> dict[str, object]:
    finding = {
        "code": "FILC-E201",
        "severity": "error",
        "message": "needs ordinary",
        "evidence": ["libc.so.6"],
    }
    library = {
        "name": needed,
        "path": f"/nix/store/x/lib/{needed}",
        "needed_by": None,
        "verdict": "runtime",
        "direct": True,
    }
    return {
        "path": f"/nix/store/abc-{name}/bin/{name}",
        "kind": "executable",
        "verdict": verdict,
        "confidence": "by note",
        "loader": "/nix/store/x/lib/ld.so",
        "libraries": [library],
        "findings": [finding] if verdict == "foreign" else [],
    }


def fill(book: ledger.Ledger, run: str, statuses: dict[str, str]) -> None:
    book.begin(run, "spec", [f"tree/simulator/{name}" for name in (*statuses, "later")], "1/1")
    for number, (name, status) in enumerate(statuses.items()):
        verdict = "filc" if status == "pass" else "foreign"
        book.add(
            Result(
                run=run,
                cell=f"tree/simulator/{name}",
                attempt=0,
                revision="r1",
                tools="simulator",
                derivation="/nix/store/x.drv",
                key=f"{run} {name}",
                status=status,
                stage="verify",
                cause="" if status == "pass" else "package",
                culprit="",
                message=NASTY if status == "fail" else "",
                expected="",
                simulated=True,
                known=False,
                seconds=float(100 - number * 30),
                at=ledger.now(),
                details={"log": [NASTY], "report": {"files": [file_of(name, verdict, "libc.so")]}},
            )
        )


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    with ledger.open_ledger(tmp_path / "l", make=True) as book:
        fill(book, "monday", {"hello": "pass", "nginx": "pass", "perl": "fail"})
        fill(
            book,
            "tuesday",
            {"hello": "pass", "nginx": "fail", "perl": "fail", "perlPackages.JSON": "skipped"},
        )
        site.write(book, book.run("last"), tmp_path / "site")
    return tmp_path / "site"


def test_every_page_is_valid_and_says_what_happened(pages: Path) -> None:
    names = sorted(str(path.relative_to(pages)) for path in pages.rglob("*.html"))
    assert names == [
        "cells/tree/simulator/hello.html",
        "cells/tree/simulator/later.html",
        "cells/tree/simulator/nginx.html",
        "cells/tree/simulator/perl.html",
        "cells/tree/simulator/perlPackages.JSON.html",
        "index.html",
    ]
    for name in names:
        html5lib.HTMLParser(strict=True).parse((pages / name).read_text())
        assert "<script>alert" not in (pages / name).read_text()
    index = (pages / "index.html").read_text()
    assert "1 of 3 cells pass; 1 went from good to bad" in index
    assert "not memory-safe" in index
    assert index.index("nginx.html") < index.index("perl.html") < index.index("hello.html")
    nginx = (pages / "cells" / "tree" / "simulator" / "nginx.html").read_text()
    assert "regression" in nginx
    assert "FILC-E201" in nginx
    assert "libc.so.6" in nginx


def test_other_formats_say_the_same(pages: Path) -> None:
    root = ET.parse(pages / "junit.xml").getroot()
    assert (root.get("tests"), root.get("failures")) == ("5", "2")
    states = {case.get("name"): [child.tag for child in case] for case in root.iter("testcase")}
    assert states["nginx"] == ["failure"]
    assert states["later"] == ["skipped"]
    summary = (pages / "summary.md").read_text()
    assert "| regression | 1 |" in summary
    assert "<script>" not in summary


def test_a_link_and_its_file_are_one_box() -> None:
    program = file_of("jq", "filc", "libjq.so.1")
    library = {**file_of("jq", "filc", "libc.so"), "path": "/nix/store/x/lib/libjq.so.1.0.4"}
    (used,) = program["libraries"]  # type: ignore[misc, var-annotated]
    deeper = {**used, "name": "libc.so", "path": "/nix/store/x/lib/libc.so", "needed_by": used["path"]}
    files = [{**program, "libraries": [used, deeper]}, library]
    drawn = site._picture(files)
    boxes = re.findall(r"<text[^>]*>([^<]*)</text>", drawn)
    assert sorted(name for name in boxes if name.startswith("lib")) == ["libc.so", "libjq.so.1.0.4"]
    assert drawn.count('class="edge"') == 2


def test_what_could_steer_a_terminal_or_a_page_is_shown_as_text(tmp_path: Path) -> None:
    message = f"\x1b[31m\x00{NASTY} [a](https://example.org) | `b`\n# c"
    nasty = {**file_of("odd", "foreign", "libc.so"), "path": f"/nix/store/abc-odd/bin/{NASTY}\x1b"}
    with ledger.open_ledger(tmp_path / "l", make=True) as book:
        fill(book, "one", {"odd": "pass"})
        (before,) = book.results("one")
        details = {"log": [f"a\tb {message}"], "printed": f"1\n2{message}", "report": {"files": [nasty]}}
        book.begin("two", "spec", [before.cell], "1/1")
        fields = {"run": "two", "status": "fail", "message": message, "culprit": message, "cause": "package"}
        book.add(dataclasses.replace(before, **fields, details=details))
        site.write(book, book.run("two"), tmp_path / "site")
    for file in (tmp_path / "site").rglob("*.*"):
        text = file.read_text()
        assert "<script>alert" not in text, file
        assert not set(text) & {"\x00", "\x1b"}, file
    page = (tmp_path / "site" / "cells" / "tree" / "simulator" / "odd.html").read_text()
    html5lib.HTMLParser(strict=True).parse(page)
    assert "a       b \\x1b[31m\\x00&lt;script&gt;" in page
    summary = (tmp_path / "site" / "summary.md").read_text()
    assert "\\[a\\]\\(https://example.org\\) \\| \\`b\\`\\\\n\\# c" in summary
    ET.parse(tmp_path / "site" / "junit.xml")


def test_a_site_is_replaced_and_nothing_else_is(pages: Path, tmp_path: Path) -> None:
    with ledger.open_ledger(tmp_path / "l") as book:
        site.write(book, book.run("monday"), pages)
        assert "2 of 3 cells pass" in (pages / "index.html").read_text()
        assert not (pages / "cells" / "tree" / "simulator" / "perlPackages.JSON.html").exists()
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine" / "thesis.txt").write_text("all of it")
        with pytest.raises(UsageError, match="something else"):
            site.write(book, book.run("monday"), tmp_path / "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


@pytest.fixture
def page(tmp_path: Path) -> Iterator[browser.Page]:
    if browser.PROGRAM is None:
        pytest.skip("there is no Chromium on this machine (Debian: apt-get install chromium)")
    with browser.browser(tmp_path / "profile") as opened:
        yield opened


def test_a_browser_filters_and_sorts_without_a_complaint(page: browser.Page, pages: Path) -> None:
    rows = "[...document.querySelectorAll('#cells tbody tr')]"
    visible = f"{rows}.filter(r => !r.hidden).map(r => r.cells[1].innerText)"
    page.open(pages / "index.html")
    assert page.ask(visible) == ["nginx", "perl", "hello", "perlPackages.JSON", "later"]

    def enter(field: str, value: str, event: str) -> None:
        page.ask(
            f"{{ const field = document.getElementById('{field}'); field.value = '{value}';"
            f" field.dispatchEvent(new Event('{event}')); 0 }}"
        )

    enter("filter", "perl package", "input")
    assert page.ask(visible) == ["perl", "perlPackages.JSON"]
    assert page.ask("document.getElementById('shown').innerText") == "2 of 5 cells"
    enter("filter", "", "input")
    enter("outcome", "regression", "change")
    assert page.ask(visible) == ["nginx"]
    enter("outcome", "", "change")
    seconds = "document.querySelectorAll('#cells thead button')[7].click()"
    page.ask(seconds)
    upwards = page.ask(visible)
    page.ask(seconds)
    assert page.ask(visible) == upwards[::-1]
    assert upwards.index("perl") < upwards.index("nginx") < upwards.index("hello")
    page.ask("document.querySelector('#cells a').click()")
    for file in pages.rglob("*.html"):
        page.open(file)
        assert page.ask("document.querySelector('h1').innerText")
    assert page.problems == []


def test_a_name_with_slashes_stays_in_the_folder(tmp_path: Path) -> None:
    names = ['t/s/a."../../../../out"', 't/s/a."b c"', "t/s/a._b_c_", 't/s/a."' + "x" * 300 + '"']
    with ledger.open_ledger(tmp_path / "l", make=True) as book:
        book.begin("one", "spec", names, "1/1")
        site.write(book, book.run("one"), tmp_path / "deep" / "site")
    cells = tmp_path / "deep" / "site" / "cells" / "t" / "s"
    assert len(list(cells.iterdir())) == len(names)
    assert sorted(item.name for item in tmp_path.rglob("*.html")) == sorted(
        ["index.html", *(item.name for item in cells.iterdir())]
    )


def test_a_link_to_the_folder_stays_and_no_result_is_not_good(tmp_path: Path) -> None:
    link, place = tmp_path / "link", tmp_path / "place"
    link.symlink_to("place")
    with ledger.open_ledger(tmp_path / "l", make=True) as book:
        book.begin("one", "spec", ["t/s/a"], "1/1")
        for _ in range(2):
            site.write(book, book.run("one"), link)
    assert link.is_symlink()
    assert (place / "index.html").is_file()
    assert "1 were not run" in (place / "index.html").read_text()
    assert 'class="answer warn"' in (place / "index.html").read_text()


def test_the_old_site_comes_back_when_the_new_one_cannot_be_put_there(
    pages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = Path.rename

    def interrupted(self: Path, target: Path) -> Path:
        if self.name == "new":
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", interrupted)
    monkeypatch.setattr(files, "_exchange", lambda *_: False)  # a file system that cannot
    before = (pages / "index.html").read_text()
    with ledger.open_ledger(tmp_path / "l") as book, pytest.raises(KeyboardInterrupt):
        site.write(book, book.run("monday"), pages)
    assert (pages / "index.html").read_text() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["l", "site"]
