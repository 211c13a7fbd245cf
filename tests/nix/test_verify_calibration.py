"""Calibration: a toolchain's own baseline decides, an unknown one shows less; and versions do not mix."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from filc_shapes import LOADER, Shapes

from filcross.elf.inspect import inspect
from filcross.elf.policy import policy_for, runtime_from_folder
from filcross.process import run
from filcross.toolchain import proof

if TYPE_CHECKING:
    from pathlib import Path

    from filcross.elf.inspect import FileReport
    from filcross.elf.policy import Policy, Runtime

pytestmark = pytest.mark.nix

START_UP = 'void _init(void) { __asm__ volatile(".skip 40, 0x90"); }'


def known(shapes: Shapes, name: str, *files: Path) -> Runtime:
    """Return the runtime with a baseline of `files`, which its proof is said to have made."""
    content = proof.baseline({path.name: path for path in files}, shapes.lib)
    place = shapes.root / f"{name}.json"
    place.write_text(json.dumps(content))
    return runtime_from_folder(shapes.toolchain, name=name, names=place)


def judge(path: Path, policy: Policy) -> FileReport:
    (file,) = inspect([path], policy).files
    return file


def codes(file: FileReport) -> set[str]:
    return {finding.code for finding in file.findings if finding.severity != "info"}


@pytest.mark.parametrize("simulated", [False, True])
def test_a_name_outside_the_toolchains_own_baseline_is_a_finding(tmp_path: Path, *, simulated: bool) -> None:
    shapes = Shapes(tmp_path, simulated=simulated)
    program, library = shapes.hello(), shapes.root / "libanswer.so"
    own = policy_for([known(shapes, "own", program, library)])
    for path in (program, library):
        file = judge(path, own)
        assert "FILC-E302" not in codes(file)
        assert "built-in" not in file.confidence
    start = shapes.ordinary("start", START_UP, noted=simulated)
    more = shapes.program("more", [shapes.filc("more", "int main(void) { return 0; }"), start])
    assert "FILC-E302" not in codes(judge(more, shapes.policy()))
    file = judge(more, own)
    assert file.verdict == "mixed"
    assert {
        item for finding in file.findings if finding.code == "FILC-E302" for item in finding.evidence
    } == {"_init"}


def test_the_built_in_baseline_shows_less(tmp_path: Path) -> None:
    shapes = Shapes(tmp_path, simulated=False)
    program, library = shapes.hello(), shapes.root / "libanswer.so"
    assert judge(program, shapes.policy()).confidence.endswith(", built-in baseline")
    only_programs = policy_for([known(shapes, "own", program)])
    assert "built-in" not in judge(program, only_programs).confidence
    assert judge(library, only_programs).confidence.endswith(", built-in baseline")


def test_among_several_toolchains_the_one_of_the_process_decides(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    one, two = Shapes(tmp_path / "one", simulated=True), Shapes(tmp_path / "two", simulated=True, variant=1)
    start = one.ordinary("start", START_UP, noted=True)
    more = one.program("more", [one.filc("more", "int main(void) { return 0; }"), start])
    strict, lenient = known(one, "one", one.hello()), known(two, "two", two.hello())
    with_init = known(two, "two", two.hello(), more)
    assert "FILC-E302" in codes(judge(more, policy_for([strict, lenient])))
    file = judge(more, policy_for([strict, with_init]))
    assert codes(file) == {"FILC-E323"}
    assert file.verdict == "mixed"
    assert (one.lib / LOADER).exists()
    assert codes(judge(one.root / "hello", policy_for([strict, with_init]))) == set()


def stamp(path: Path, *versions: str) -> Path:
    """Let a file say which versions of Fil-C made it, as its clang does."""
    comment = path.with_suffix(".comment")
    texts = [f"clang version 20.1.8 (Fil-C {version})" for version in versions]
    comment.write_bytes(b"".join(text.encode() + b"\0" for text in texts))
    run(["objcopy", "--remove-section", ".comment", path])
    run(["objcopy", f"--add-section=.comment={comment}", path])
    return path


def test_versions_of_filc_do_not_mix_in_a_process(tmp_path: Path) -> None:
    shapes = Shapes(tmp_path, simulated=True)
    program, library = shapes.hello(), shapes.root / "libanswer.so"
    policy = policy_for([runtime_from_folder(shapes.toolchain, version="0.686")])
    for path in (program, library):
        stamp(path, "0.686")
        assert "FILC-E214" not in codes(judge(path, policy))
    stamp(library, "0.685")
    file = judge(program, policy)
    (finding,) = [item for item in file.findings if item.code == "FILC-E214"]
    assert file.verdict == "mixed"
    assert f"0.685: {library}" in finding.evidence
    assert f"0.686: {program}" in finding.evidence
    assert "FILC-E214" in codes(judge(library, policy))  # by the runtime, which is 0.686
    unknown = policy_for([runtime_from_folder(shapes.toolchain)])
    assert "FILC-E214" not in codes(judge(library, unknown))


def test_versions_of_filc_do_not_mix_in_a_file(tmp_path: Path) -> None:
    shapes = Shapes(tmp_path, simulated=True)
    shapes.hello()
    file = judge(stamp(shapes.root / "libanswer.so", "0.685", "0.686"), shapes.policy())
    (finding,) = [item for item in file.findings if item.code == "FILC-E214"]
    assert (file.verdict, finding.evidence) == ("mixed", ("0.685", "0.686"))
