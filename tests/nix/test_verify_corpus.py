"""The labelled corpus: every file of `corpus/recipes.toml`, judged as a user would, is held to its label."""

from __future__ import annotations

import json
import random
import tomllib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from conftest import locked
from corpus_workshop import JUDGES, RUNTIMES, SOURCES, VERDICTS, Recipe, Workshop, read_plan, verify
from elf_oracle import OracleError, differences

from filcross.elf import image as elf

if TYPE_CHECKING:
    from pathlib import Path

    from filcross.toolchain.layout import Toolchain

pytestmark = pytest.mark.nix

PLAN = read_plan()


class Corpus:
    """The corpus as it was made and judged: what was said of each recipe's file."""

    def __init__(self, workshop: Workshop, documents: dict[str, Any]) -> None:
        self.workshop, self.documents = workshop, documents

    def path(self, recipe: Recipe) -> Path:
        return self.workshop.folder / "recipes" / recipe.name / recipe.path

    def judged(self, recipe: Recipe) -> dict[str, Any] | None:
        """Return what was said of a recipe's file (nothing: it was skipped)."""
        path = str(self.path(recipe))
        files = self.documents[recipe.judge]["files"]
        return next((file for file in files if path in (file["path"], *file["same_as"])), None)


@pytest.fixture(scope="session")
def corpus(shared_folder: Path, simulator: Toolchain) -> Corpus:
    """Make and judge the whole corpus, once in a run."""
    from filcross.toolchain.simulator.host import find_host_tools

    folder = shared_folder / "corpus"
    workshop = Workshop(folder, simulator, find_host_tools(), PLAN)
    judged = shared_folder / "corpus.json"
    with locked(shared_folder / "corpus.lock"):
        if not judged.exists():
            folder.mkdir()
            for part in (*PLAN.parts, *{name.partition("/")[0] for name in RUNTIMES}):
                workshop.part(part)
            with ThreadPoolExecutor(2) as pool:
                paths = dict(zip(PLAN.recipes, pool.map(workshop.make, PLAN.recipes), strict=True))
            documents = {
                judge: verify(workshop, judge, [paths[one] for one in PLAN.recipes if one.judge == judge])[1]
                for judge in JUDGES
            }
            judged.write_text(json.dumps(documents))
    return Corpus(workshop, json.loads(judged.read_text()))


def _codes(report: dict[str, Any]) -> dict[str, str]:
    """Return the findings of a file and of its members: code and message."""
    found = {finding["code"]: finding["message"] for finding in report["findings"]}
    for member in report["members"]:
        found |= _codes(member)
    return found


@pytest.mark.parametrize("recipe", PLAN.recipes, ids=lambda recipe: recipe.name)
def test_recipe_is_judged_as_labelled(corpus: Corpus, recipe: Recipe) -> None:
    report = corpus.judged(recipe)
    if report is None:
        assert recipe.verdict == "skipped", f"{recipe.why}: not judged at all"
        return
    found = _codes(report)
    assert report["verdict"] in recipe.verdict.split("|"), f"{recipe.why}: {found}"
    assert set(recipe.codes) <= found.keys(), recipe.why
    assert not set(recipe.without) & found.keys(), recipe.why
    # What a code's letter says: E makes a file mixed or foreign, N leaves it open, W and I change nothing.
    letters = {code[5] for code in found}
    if report["verdict"] in ("filc", "runtime"):
        assert letters <= {"I", "W"}, found
    elif report["verdict"] in ("foreign", "mixed"):
        assert "E" in letters
    else:
        assert letters & {"E", "N"} == {"N"}, found


def test_what_was_not_judged_is_counted_with_its_reason(corpus: Corpus) -> None:
    for judge in JUDGES:
        expected: dict[str, int] = {}
        for recipe in PLAN.recipes:
            if recipe.verdict == "skipped" and recipe.judge == judge:
                expected[recipe.reason] = expected.get(recipe.reason, 0) + 1
        assert corpus.documents[judge]["skipped"] == expected


def test_the_reader_agrees_with_pyelftools_on_the_corpus(corpus: Corpus) -> None:
    damaged = {recipe.name for recipe in PLAN.recipes if recipe.name.startswith("damaged")}
    recipes = corpus.workshop.folder / "recipes"
    files = [
        path
        for path in sorted(corpus.workshop.folder.rglob("*"))
        if path.is_file() and not path.is_symlink() and path.stat().st_mode & 0o400
    ]
    compared = 0
    for path in random.Random(4).sample(files, 250):
        if path.read_bytes()[:4] != elf.MAGIC:
            continue
        try:
            assert differences(path) == []
        except OracleError:
            continue
        except elf.ImageError:
            assert path.relative_to(recipes).parts[0] in damaged
        compared += 1
    assert compared > 150


def test_every_finding_has_a_trigger_and_a_near_miss(repo_root: Path) -> None:
    codes = tomllib.loads((repo_root / "filcross" / "data" / "findings.toml").read_text()).keys()
    triggers = {code for recipe in PLAN.recipes for code in recipe.codes}
    near_misses = {code for recipe in PLAN.recipes for code in recipe.without}
    assert sorted(codes - triggers) == [], "no recipe triggers these"
    assert sorted(codes - near_misses) == [], "no recipe comes near these without triggering them"
    assert (triggers | near_misses) <= codes, "no such finding"


def test_the_corpus_is_what_it_claims() -> None:
    names = [recipe.name for recipe in PLAN.recipes]
    assert len(names) == len(set(names)) >= 150
    for recipe in PLAN.recipes:
        assert set(recipe.verdict.split("|")) <= set(VERDICTS), recipe.name
        assert recipe.judge in JUDGES, recipe.name
        assert recipe.why, recipe.name
        assert not set(recipe.codes) & set(recipe.without), recipe.name
        assert (recipe.verdict == "skipped") == bool(recipe.reason), recipe.name
    words = {word for text in (*PLAN.parts.values(), *(one.make for one in PLAN.recipes)) for word in text}
    text = str(words)
    unused = [path.name for path in SOURCES.iterdir() if path.name not in text]
    assert sorted(unused) == ["filc.inc", "recipes.toml"]


@pytest.mark.parametrize(
    ("names", "status"),
    [
        (("program",), 0),
        (("program", "runtime-file", "text-file"), 0),
        (("program", "needs-library-not-found"), 4),
        (("program", "damaged-half"), 4),
        (("text-file",), 4),
        (("program", "ordinary-library"), 1),
        (("needs-library-not-found", "ordinary-function-inside", "damaged-half"), 1),
    ],
    ids=str,
)
def test_exit_code(corpus: Corpus, names: tuple[str, ...], status: int) -> None:
    recipes = {recipe.name: recipe for recipe in PLAN.recipes}
    paths = [corpus.path(recipes[name]) for name in names]
    assert verify(corpus.workshop, "simulator", paths)[0] == status
