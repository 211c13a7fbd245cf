"""The edits: where they go, what stays, and what is refused."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filcross import resources
from filcross.errors import UnsupportedInputError
from filcross.nixpkgs import edits, patch, syntax
from filcross.nixpkgs.checkout import ROLES, open_checkout

DATA = Path(__file__).resolve().parent.parent / "data" / "patch"
STYLES = ["hand", "nixfmt"]


@pytest.fixture(params=[*STYLES, "embedded"])
def tree(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return a copy of each kind of tree."""
    origin = resources.embedded_tree_dir() if request.param == "embedded" else DATA / request.param
    shutil.copytree(origin, tmp_path / "tree")
    return tmp_path / "tree"


@pytest.fixture
def hand(tmp_path: Path) -> Path:
    shutil.copytree(DATA / "hand", tmp_path / "hand")
    return tmp_path / "hand"


def contents(root: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(path.relative_to(root)): (path.read_bytes(), path.stat().st_mode)
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def replace(file: Path, old: bytes, new: bytes, count: int = -1) -> None:
    data = file.read_bytes()
    assert old in data
    file.write_bytes(data.replace(old, new, count))


@pytest.mark.parametrize("style", STYLES)
def test_the_edits_follow_the_style_of_the_file(style: str) -> None:
    assert patch.plan(open_checkout(DATA / style)).diff() == (DATA / f"{style}.diff").read_text()


def test_edits_only_insert(tree: Path) -> None:
    found = patch.plan(open_checkout(tree))
    assert len(found.files) == len(ROLES)
    for change in found.files:
        assert len(change.patched) > len(change.pristine)
        rest = iter(change.patched)
        assert all(byte in rest for byte in change.pristine)  # in this order


def test_patch_and_revert_leave_every_byte_and_mode(tree: Path) -> None:
    checkout = open_checkout(tree)
    checkout.file("parse").chmod(0o640)
    before = contents(tree)

    assert patch.apply(checkout).changed == tuple(checkout.layout.path(role) for role in ROLES)
    after = contents(tree)
    assert patch.plan(checkout).state is patch.State.PATCHED
    assert {name for name in before if before[name] != after[name]} == {
        checkout.layout.path(role) for role in ROLES
    }
    assert after.keys() == before.keys()
    assert {name: mode for name, (_, mode) in after.items()} == {
        name: mode for name, (_, mode) in before.items()
    }
    assert patch.apply(checkout).changed == ()
    assert contents(tree) == after

    assert len(patch.revert(checkout)) == len(ROLES)
    assert contents(tree) == before
    assert patch.revert(checkout) == ()


def test_every_edit_of_the_set_is_made(tree: Path) -> None:
    found = patch.plan(open_checkout(tree))
    made = [edit for change in found.files for edit in change.missing]
    assert sorted(made) == sorted({edit.id for edit in edits.load()})


def test_revert_keeps_what_the_user_changed_elsewhere(hand: Path) -> None:
    checkout = open_checkout(hand)
    patch.apply(checkout)
    replace(checkout.file("examples"), b'riscv64 = riscv "64";', b'riscv32 = riscv "32";\n  # mine')
    replace(checkout.file("parse"), b"unknown = {};", b"unknown = {};\n    mine = { a = 1; };")
    patch.revert(checkout)
    assert b"riscv32" in checkout.file("examples").read_bytes()
    assert b"filc" not in b"".join(checkout.file(role).read_bytes() for role in ROLES)


def test_a_tree_without_has_shared_libraries(hand: Path) -> None:
    file = hand / "lib/systems/default.nix"
    text = file.read_bytes()
    start, end = text.index(b"      hasSharedLibraries"), text.index(b"    } // args")
    file.write_bytes(text[:start] + text[end:])
    checkout = open_checkout(hand)
    patch.apply(checkout)
    assert patch.plan(checkout).state is patch.State.PATCHED
    assert b"isFilC || " not in file.read_bytes()
    patch.revert(checkout)
    assert file.read_bytes() == text[:start] + text[end:]


def test_windows_line_endings_are_kept(tree: Path) -> None:
    checkout = open_checkout(tree)
    for role in ROLES:
        replace(checkout.file(role), b"\n", b"\r\n")
    before = contents(tree)
    patch.apply(checkout)
    for role in ROLES:
        data = checkout.file(role).read_bytes()
        assert data.count(b"\n") == data.count(b"\r\n")
    patch.revert(checkout)
    assert contents(tree) == before


def test_mixed_line_endings_are_refused(hand: Path) -> None:
    replace(hand / "lib/systems/inspect.nix", b"\n", b"\r\n", 3)
    with pytest.raises(UnsupportedInputError, match=r"inspect\.nix mixes LF and CRLF"):
        patch.apply(open_checkout(hand))


def test_bytes_that_are_not_utf8_are_kept(hand: Path) -> None:
    file = hand / "lib/systems/parse.nix"
    file.write_bytes(b"# caf\xe9\n" + file.read_bytes())
    before = file.read_bytes()
    checkout = open_checkout(hand)
    diff = patch.plan(checkout).diff()
    assert diff.encode("utf-8", "surrogateescape").startswith(b"--- a/lib/systems/parse.nix")
    patch.apply(checkout)
    assert file.read_bytes().startswith(b"# caf\xe9\n")
    patch.revert(checkout)
    assert file.read_bytes() == before


def test_a_set_on_one_line_and_comments_before_the_first_attribute(hand: Path) -> None:
    (hand / "lib/systems/examples.nix").write_bytes(b'{ lib }: { musl64 = { config = "x"; }; }')
    (hand / "lib/systems/inspect.nix").write_bytes(
        b"{ abis }: { patterns = {\n  # about musl\n  isMusl = { abi = 1; };\n}; }\n"
    )
    before = contents(hand)
    checkout = open_checkout(hand)
    patch.apply(checkout)
    inspect = checkout.file("inspect").read_bytes()
    assert inspect.index(b"isFilC") < inspect.index(b"# about musl")
    syntax.parse(checkout.file("examples").read_bytes())
    assert patch.plan(checkout).state is patch.State.PATCHED
    patch.revert(checkout)
    assert contents(hand) == before


ANCHORS = [
    ("parse", b"abis = setTypes", b"abis_ = setTypes", "the attribute `abis`"),
    ("parse", b"    musl         = {};\n", b"", "the attribute `abis`, a set with `musl`"),
    ("inspect", b"    isMusl  ", b"    isMuslLibc  ", "`isMusl`"),
    ("default", b"      libc =", b"      libC =", "the attribute `final.libc`"),
    ("default", b"useAndroidPrebuilt ->", b"useAndroid ->", "one `assert … .useAndroidPrebuilt -> …`"),
    ("default", b"final = {", b"self = {", "the attribute `final.libc`"),
    ("default", b"isGnu || isMusl ", b"isGnu || isMuslLibc ", "`isMusl` once in"),
    ("default", b"isGnu || isMusl ", b"isGnu && isMusl ", "in a chain of `||`"),
    ("examples", b"musl64 =", b"musl_64 =", "a set with `musl64`, as the value of the file"),
    ("cross", b"cc = if", b"compiler = if", "the attribute `cc`"),
    ("cross", b"localSystem, crossSystem,", b"localSystem, hostSystem,", "`crossSystem` in scope"),
    ("inspect", b"let abis =", b"let abi =", "`abis` in scope"),
    ("cross", b'[ "musl" "wasilibc"', b'[ "wasilibc"', 'one list with "musl"'),
    ("cross", b"builtins.elem p.libc", b"builtins.elem p.name", 'one list with "musl"'),
]


@pytest.mark.parametrize(("role", "old", "new", "looked_for"), ANCHORS)
def test_a_missing_anchor_is_refused_and_nothing_is_written(
    hand: Path, role: str, old: bytes, new: bytes, looked_for: str
) -> None:
    checkout = open_checkout(hand)
    replace(checkout.file(role), old, new)
    before = contents(hand)
    with pytest.raises(UnsupportedInputError) as caught:
        patch.apply(checkout)
    assert checkout.layout.path(role) in caught.value.message
    assert "nothing was written" in caught.value.message
    assert looked_for in caught.value.details[0]
    assert caught.value.details[1].startswith("found: ")
    assert "report it" in (caught.value.hint or "")
    assert caught.value.exit_code == 5
    assert contents(hand) == before


def test_an_anchor_that_is_there_twice_is_refused_with_its_lines(hand: Path) -> None:
    checkout = open_checkout(hand)
    other = b"      x.cc = if a then b else c;\n"
    replace(
        checkout.file("cross"), b"      extraNativeBuildInputs =", other + b"      extraNativeBuildInputs ="
    )
    assert patch.plan(checkout).state is patch.State.PRISTINE  # `x.cc` is another attribute
    replace(checkout.file("cross"), b"x.cc = if", b"y = { cc = if")
    replace(checkout.file("cross"), b"b else c;", b"b else c; };")
    with pytest.raises(UnsupportedInputError) as caught:
        patch.plan(checkout)
    assert "found: 2 of them (lines 8, 15)" in caught.value.details


def test_code_that_is_not_nix_is_refused(hand: Path) -> None:
    file = hand / "lib/systems/inspect.nix"
    file.write_bytes(file.read_bytes() + b"}\n")
    with pytest.raises(UnsupportedInputError, match="not valid Nix code near line"):
        patch.plan(open_checkout(hand))


def test_a_tree_that_is_patched_in_part(hand: Path) -> None:
    checkout = open_checkout(hand)
    original = checkout.file("inspect").read_bytes()
    patch.apply(checkout)
    checkout.file("inspect").write_bytes(original)
    before = contents(hand)
    for change in (patch.apply, patch.revert):
        with pytest.raises(UnsupportedInputError, match="patched in part") as caught:
            change(checkout)
        assert "lib/systems/inspect.nix: edits there: none; missing: predicate" in caught.value.details
        assert contents(hand) == before


@pytest.mark.parametrize(
    ("role", "old", "new"),
    [
        ("parse", b"platform.isx86_64 && platform.isLinux", b"platform.isLinux"),
        ("default", b'then "filc"', b'then "musl"'),
        ("cross", b'"filc" "musl"', b'"musl" "filc"'),
        ("cross", b"buildPackages.filcc", b"buildPackages.filcc-next"),
        ("examples", b"  filc =", b"  filcish ="),
    ],
)
def test_edits_changed_by_hand_are_never_touched(hand: Path, role: str, old: bytes, new: bytes) -> None:
    checkout = open_checkout(hand)
    patch.apply(checkout)
    replace(checkout.file(role), old, new)
    before = contents(hand)
    assert patch.plan(checkout).state is patch.State.EDITED
    for change in (patch.apply, patch.revert):
        with pytest.raises(UnsupportedInputError, match="edited by hand") as caught:
            change(checkout)
        assert any(line.startswith(checkout.layout.path(role) + ":") for line in caught.value.details)
    assert contents(hand) == before


def test_another_fil_c_patch_is_named(hand: Path) -> None:
    checkout = open_checkout(hand)
    replace(checkout.file("cross"), b'[ "musl"', b'[ "gnufilc0" "musl"')
    assert patch.plan(checkout).state is patch.State.OTHER
    with pytest.raises(UnsupportedInputError, match="another Fil-C patch"):
        patch.apply(checkout)
    replace(checkout.file("cross"), b"cc = if", b"cc = assert true; if")
    with pytest.raises(UnsupportedInputError) as caught:
        patch.apply(checkout)
    assert any("gnufilc0" in line for line in caught.value.details)


def test_a_comment_about_fil_c_is_no_edit(hand: Path) -> None:
    checkout = open_checkout(hand)
    replace(checkout.file("parse"), b"unknown = {};", b"unknown = {}; # filc comes later")
    assert patch.plan(checkout).state is patch.State.PRISTINE
    patch.apply(checkout)
    assert patch.plan(checkout).state is patch.State.PATCHED


WHITE_SPACE = st.sampled_from(
    [b" ", b"  ", b"\n", b"\n\n", b"\t", b" # a comment\n", b" /* one */ ", b"\n    "]
)


@pytest.mark.parametrize("style", STYLES)
@settings(max_examples=40)
@given(data=st.data())
def test_reformatted_files_are_edited_reversibly_or_refused(
    style: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever white space and comments stand between tokens, edits are insertions that can be taken out."""
    pristine = open_checkout(DATA / style)
    role = data.draw(st.sampled_from(ROLES))
    text = pristine.file(role).read_bytes()
    tokens = [node for node in syntax.walk(syntax.parse(text).root) if not node.children]
    gaps = [
        (one.end_byte, two.start_byte)
        for one, two in itertools.pairwise(tokens)
        if one.end_byte < two.start_byte and one.type != "string_fragment" != two.type
    ]
    chosen = data.draw(st.lists(st.sampled_from(gaps), min_size=1, max_size=6, unique=True))
    for start, end in sorted(chosen, reverse=True):
        text = text[:start] + data.draw(WHITE_SPACE) + text[end:]
    folder = tmp_path_factory.mktemp("reformatted")
    shutil.copytree(DATA / style, folder, dirs_exist_ok=True)
    checkout = open_checkout(folder)
    checkout.file(role).write_bytes(text)
    try:
        patch.apply(checkout)
    except UnsupportedInputError:
        assert checkout.file(role).read_bytes() == text
        return
    edited = checkout.file(role).read_bytes()
    syntax.parse(edited)
    assert len(edited) > len(text)
    assert patch.plan(checkout).state is patch.State.PATCHED
    patch.revert(checkout)
    assert checkout.file(role).read_bytes() == text
