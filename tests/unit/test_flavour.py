"""Comparing decisions: what counts as a difference, and what has a reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from filcross.matrix import flavour, flavour_page, flavour_run
from filcross.nix.sweep import Answer

TREE = Path("/tree")
RULES = """
[[name]]
pattern = 'x86_64-unknown-linux-(filc|musl)'
name = "PLATFORM"
reason = "the platform"

[[difference]]
package = 'git|tor'
attribute = 'NIX_LDFLAGS'
element = '--lgcc_s'
reason = "libgcc is GCC's"

[[difference]]
attribute = 'buildInputs'
element = '-gettext-.*'
flavour = "musl"
reason = "the libc has it"
"""


@pytest.fixture
def rules(tmp_path: Path) -> flavour.Rules:
    file = tmp_path / "rules.toml"
    file.write_text(RULES)
    return flavour.load_rules(file)


def compare(rules: flavour.Rules, kind: str = "musl", **pairs: tuple[Answer, Answer]) -> flavour.Comparison:
    return flavour.compare(
        kind,
        {name: pair[0] for name, pair in pairs.items()},
        {name: pair[1] for name, pair in pairs.items()},
        tree=TREE,
        rules=rules,
    )


def derivation(**decisions: object) -> Answer:
    return Answer("derivation", decisions)


def test_paths_platforms_and_empty_values_make_no_difference(rules: flavour.Rules) -> None:
    one = derivation(
        buildInputs=["/nix/store/0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c-zlib-x86_64-unknown-linux-musl-1.2"],
        patches=["/tree/pkgs/a.patch"],
        doCheck=False,
        env={"A": ""},
    )
    other = derivation(
        buildInputs=["/nix/store/1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d-zlib-x86_64-unknown-linux-filc-1.2"],
        patches=["/nix/store/2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d-pkgs/a.patch"],
        doCheck=None,
    )
    found = compare(rules, zlib=(one, other))
    assert (found.compared, found.differences) == (1, ())


def test_elements_are_compared_one_by_one(rules: flavour.Rules) -> None:
    one = derivation(configureFlags=["--a", "--b"], preBuild="x\n  y\n", doCheck=True, env={"F": "1 2"})
    other = derivation(configureFlags=["--b", "--c"], preBuild="x\nz\n", env={"F": "2 3"})
    elements = [(item.attribute, item.element) for item in compare(rules, p=(one, other)).unexplained]
    assert elements == [
        ("configureFlags", "+--c"),
        ("configureFlags", "---a"),
        ("doCheck", "-true"),
        ("env", "+F=3"),
        ("env", "-F=1"),
        ("preBuild", "+z"),
        ("preBuild", "-y"),
    ]


def test_a_flag_that_is_there_twice_is_not_the_same_as_once(rules: flavour.Rules) -> None:
    found = compare(rules, p=(derivation(makeFlags=["V=1", "V=1"]), derivation(makeFlags=["V=1"])))
    assert [item.element for item in found.unexplained] == ["-V=1"]


def test_a_rule_explains_only_what_it_names(rules: flavour.Rules) -> None:
    pair = (derivation(NIX_LDFLAGS="-lgcc_s -lz"), derivation(NIX_LDFLAGS="-lz"))
    found = compare(rules, git=pair, zlib=pair)
    assert [(item.package, item.reason) for item in found.differences] == [
        ("git", "libgcc is GCC's"),
        ("zlib", None),
    ]
    assert found.differing == {"git", "zlib"}


def test_a_rule_for_one_flavour(rules: flavour.Rules) -> None:
    pair = (derivation(buildInputs=["gettext-0.21"]), derivation())
    assert compare(rules, "musl", p=pair).unexplained == ()
    assert len(compare(rules, "glibc", p=pair).unexplained) == 1


def test_outcomes_are_compared_and_packages_without_any_derivation_are_not(rules: flavour.Rules) -> None:
    found = compare(
        rules,
        lost=(derivation(), Answer("fatal", message="error: x")),
        won=(Answer("refused"), derivation()),
        neither=(Answer("refused"), Answer("fatal", message="error: y")),
    )
    assert found.compared == 2
    assert [(item.package, item.element) for item in found.unexplained] == [
        ("lost", "+fatal: error: x"),
        ("lost", "-derivation"),
        ("won", "+derivation"),
        ("won", "-refused"),
    ]


def test_what_ships() -> None:
    names = flavour_run.packages()
    assert len(names) >= 200
    assert len(set(names)) == len(names)
    shipped = flavour_run.rules()
    assert all(rule.reason for rule in shipped.rules)
    assert len(shipped.rules) > 10


def test_the_page_shows_numbers_and_every_reason(rules: flavour.Rules) -> None:
    pair = (derivation(NIX_LDFLAGS="-lgcc_s", x="a|b"), derivation())
    page = flavour_page.render([flavour_run.Result("a tree", "2.8.0", compare(rules, git=pair, zlib=pair))])
    assert "| a tree | 2.8.0 | musl | `x86_64-unknown-linux-musl` | 2 | 0 | 0 | 2 |" in page
    assert "| libgcc is GCC's | 1 | 1: git | git NIX_LDFLAGS `--lgcc_s` |" in page
    assert "| **none** | 3 | 2: git, zlib | git x `-a\\|b` |" in page
