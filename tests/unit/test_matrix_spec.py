"""The matrix file: what it means, what it refuses, and that shards are a partition."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from filcross.errors import UsageError
from filcross.matrix import spec

if TYPE_CHECKING:
    from pathlib import Path

GOOD = """
[trees.embedded]
nixpkgs = "embedded"
seed-sources = true
[trees.mine]
nixpkgs = "./nixpkgs"
bootstrap = "host"
seed-suites = ["bullseye"]
overlays = ["./mine.nix"]
[toolchains.simulator]
[toolchains.release]
toolchain = "0.686"
[sets]
base = ["hello", "nginx"]
more = ["hello", "perlPackages.JSON"]
[[matrix]]
trees = ["embedded"]
sets = ["base"]
[[matrix]]
toolchains = ["simulator"]
sets = ["more"]
attributes = ["zlib"]
[smoke.hello]
run = ["bin/hello"]
prints = "Hello"
[expect]
"*/simulator/nginx" = "fails: no crypt, sad but true, https://example.org/1, 2030-01-31"
"mine/*/zlib" = "fails: why"
"""


def read(tmp_path: Path, text: str) -> spec.Spec:
    file = tmp_path / "matrix.toml"
    file.write_text(text)
    return spec.read(file)


def test_cells_are_the_products_of_the_rows_each_once(tmp_path: Path) -> None:
    names = [cell.name for cell in read(tmp_path, GOOD).cells]
    assert names == [
        "embedded/simulator/hello",
        "embedded/simulator/nginx",
        "embedded/release/hello",
        "embedded/release/nginx",
        "embedded/simulator/perlPackages.JSON",
        "embedded/simulator/zlib",
        "mine/simulator/hello",
        "mine/simulator/perlPackages.JSON",
        "mine/simulator/zlib",
    ]


def test_trees_and_toolchains_are_what_the_flags_take(tmp_path: Path) -> None:
    found = read(tmp_path, GOOD)
    overlays = (str(tmp_path / "mine.nix"),)
    tree = spec.Tree("mine", str(tmp_path / "nixpkgs"), "host", True, ("bullseye",), overlays)
    assert found.trees["mine"] == tree
    assert tree.wishes == {"nixpkgs": tree.nixpkgs, "bootstrap": "host", "overlays": overlays[0]}
    assert found.toolchains == {"simulator": "simulator", "release": "0.686"}


def test_an_expectation_is_for_its_cells_and_until_its_date(tmp_path: Path) -> None:
    found = read(tmp_path, GOOD)
    nginx = spec.Cell("embedded", "simulator", "nginx")
    item = found.expectation(nginx, date(2030, 1, 31))
    assert item is not None
    assert (item.reason, item.link) == ("no crypt, sad but true", "https://example.org/1")
    assert item.text() == "fails: no crypt, sad but true, https://example.org/1, 2030-01-31"
    assert found.expectation(nginx, date(2030, 2, 1)) is None
    assert found.expectation(spec.Cell("embedded", "simulator", "hello"), date(2030, 1, 1)) is None


def test_the_digest_follows_what_is_done_and_not_how_it_is_written(tmp_path: Path) -> None:
    first = read(tmp_path, GOOD).digest
    assert read(tmp_path, "# a remark\n" + GOOD).digest == first
    assert read(tmp_path, GOOD.replace("fails: why", "fails: because")).digest == first
    assert read(tmp_path, GOOD.replace('"Hello"', '"Hallo"')).digest != first
    assert read(tmp_path, GOOD.replace('"zlib"]', '"zlib", "xz"]')).digest != first


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("[smoke.hello]", "[smoke.bye]", "smoke.bye is for no attribute"),
        ('run = ["bin/hello"]', "", "not one of `run` and `serve`"),
        ('run = ["bin/hello"]', 'serve = ["bin/hello"]', "`serve` and `get` belong together"),
        ('prints = "Hello"', "prints = 3", "smoke.hello.prints is no str"),
        ('prints = "Hello"', "status = true", "smoke.hello.status is no int"),
        ('prints = "Hello"', 'files = { "../x" = "" }', "no text below the folder"),
        ('"mine/*/zlib" =', '"mine/*/zlob" =', "is for no cell"),
        ("fails: why", "why", "does not begin with `fails:`"),
        ("fails: why", "fails: 2030-01-01", "has no reason"),
        ("fails: why", "fails: why, 2030-02-31", "a date that is none"),
        ('trees = ["embedded"]', 'trees = ["embeded"]', "names `embeded`, which is nowhere"),
        ('bootstrap = "host"', 'bootstrap = "hots"', "neither `nixpkgs` nor `host`"),
        ('nixpkgs = "embedded"', "", "trees.embedded has no nixpkgs"),
        ("[sets]", "[set]", "unknown tables: set"),
        ('"zlib"', '"z lib"', "not an attribute path"),
        ('base = ["hello", "nginx"]', 'base = "hello"', "no list of texts"),
        ("[trees.mine]", "[trees.mine", "not valid TOML"),
        ("[trees.mine]", "[trees.mine]\nx = " + "[" * 9000, "nested too deeply"),
        ("[trees.mine]", "[trees.mine]\nx = " + "9" * 9000, "not valid TOML"),
        ("[trees.mine]", "#" * (spec.LARGEST_FILE + 1) + "\n[trees.mine]", "larger than"),
        ('bootstrap = "host"', 'bootstrap = "\\u0000"', "a NUL character"),
        ('"bin/hello"', '"/bin/sh"', "not below the output"),
        ('"bin/hello"', '"../bin/hello"', "not below the output"),
        ('run = ["bin/hello"]', 'serve = ["bin/hello"]\nget = "x"', "smoke.hello.get is no address"),
        ('prints = "Hello"', "seconds = 0", "smoke.hello.seconds is not above 0"),
        ('prints = "Hello"', "seconds = nan", "smoke.hello.seconds is not above 0"),
        ('prints = "Hello"', 'files = { "" = "" }', "no text below the folder"),
        ('prints = "Hello"', 'files = { "a" = "", "a/b" = "" }', "no text below the folder"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert old in GOOD
    with pytest.raises(UsageError) as caught:
        read(tmp_path, GOOD.replace(old, new))
    assert words in caught.value.message
    assert caught.value.hint


def test_shards_are_a_partition_that_a_new_cell_does_not_move() -> None:
    cells = [spec.Cell("t", "s", f"package{number}") for number in range(200)]
    shards = [[cell for cell in cells if spec.in_shard(cell, (number, 4))] for number in (1, 2, 3, 4)]
    assert sorted((cell for shard in shards for cell in shard), key=cells.index) == cells
    assert all(len(shard) > 20 for shard in shards)


@pytest.mark.parametrize("text", ["0/4", "5/4", "1", "a/b", "1/0", "-1/4", "1/" + "9" * 5000])
def test_what_is_no_shard_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        spec.parse_shard(text)
