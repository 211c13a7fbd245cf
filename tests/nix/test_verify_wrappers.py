"""Wrapper programs are judged by what they start, wrapper scripts show it; packed files are told."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from filc_shapes import Shapes

from filcross.elf.inspect import inspect
from filcross.process import run

if TYPE_CHECKING:
    from filcross.elf.inspect import FileReport

pytestmark = pytest.mark.nix

WRAPPER = """
extern int puts(const char *);
extern void filc_pollcheck_slow(void);
const char *DOCSTRING = "# made by:\\n\\nmakeCWrapper '%s' \\\\\\n    --inherit-argv0\\n";
int main(void) { filc_pollcheck_slow(); return puts(DOCSTRING); }
"""


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Shapes:
    made = Shapes(tmp_path_factory.mktemp("wrappers"), simulated=True)
    made.hello()
    return made


def wrapper(shapes: Shapes, target: str | Path) -> FileReport:
    path = shapes.program("wrapper", [shapes.filc("wrapper", WRAPPER % target)])
    (file,) = inspect([path], shapes.policy()).files
    return file


def codes(file: FileReport) -> set[str]:
    return {finding.code for finding in file.findings} - {"FILC-I502"}


def test_a_wrapper_program_is_judged_by_what_it_starts(shapes: Shapes) -> None:
    good = wrapper(shapes, shapes.root / "hello")
    assert (good.verdict, codes(good)) == ("filc", {"FILC-I217"})
    bad = wrapper(shapes, "/bin/true")
    assert (bad.verdict, codes(bad)) == ("mixed", {"FILC-E215"})
    gone = wrapper(shapes, shapes.root / "gone")
    assert (gone.verdict, codes(gone)) == ("no-evidence", {"FILC-N216"})
    script = shapes.root / "script"
    script.write_text("#!/bin/sh\n")
    assert codes(wrapper(shapes, script)) == {"FILC-I217"}


def test_a_script_shows_its_interpreter_and_what_it_starts(shapes: Shapes, tmp_path: Path) -> None:
    hello = shapes.root / "hello"
    texts = {
        "filc": f"#!{hello}\n",
        "env": "#!/usr/bin/env sh\n",
        "wrapper": f'#!/bin/sh -e\nexec -a "$0" "{hello}" "$@"\n',
        "worse": "#!/bin/sh\nexec /bin/true\n",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    report = inspect([tmp_path], shapes.policy())
    found = {Path(script.path).name: (script.verdict, script.runs) for script in report.scripts}
    assert found == {
        "filc": ("filc", ()),
        "env": (None, ()),
        "wrapper": ("foreign", ((str(hello), "filc"),)),
        "worse": ("foreign", (("/bin/true", "foreign"),)),
    }
    assert report.skipped == {"script": 4}
    assert report.exit_code == 4


def test_split_and_compressed_files_are_counted_by_what_they_are(shapes: Shapes, tmp_path: Path) -> None:
    hello = shapes.root / "hello"
    run(["objcopy", "--only-keep-debug", hello, tmp_path / "hello.debug"])
    (tmp_path / "hello.gz").write_bytes(gzip.compress(hello.read_bytes()))
    run(["objcopy", "--add-gnu-debuglink", tmp_path / "hello.debug", hello, tmp_path / "hello"])
    shutil.copy(hello, tmp_path / "packed-debug")
    run(["objcopy", "--compress-debug-sections", tmp_path / "packed-debug"])
    report = inspect([tmp_path], shapes.policy())
    assert report.skipped == {"compressed file": 1, "split debug file": 1}
    assert [file.verdict for file in report.files] == ["filc", "filc"]
