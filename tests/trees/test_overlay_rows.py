"""What three real trees decide by their libc or compiler: the rows of docs/overlay.md."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from named_trees import named

from filcross import process
from filcross.nix import evaluate
from filcross.nixpkgs import patch
from filcross.nixpkgs.checkout import open_checkout
from filcross.overlay import Knobs, write_overlay

if TYPE_CHECKING:
    from filcross.toolchain.layout import Toolchain

pytestmark = [
    pytest.mark.trees,
    pytest.mark.skipif(shutil.which("nix-instantiate") is None, reason="no Nix on this machine"),
]
ROWS = Path(__file__).resolve().parent.parent / "data" / "overlay" / "rows.nix"
TREES = ["2020", "aux", "corepkgs"]
TRIPLE = "x86_64-unknown-linux-filc"


@dataclass(frozen=True)
class Tree:
    """A patched copy of a tree, the Nix for it, and rows that fail in it for every platform."""

    root: Path
    instantiate: str
    without: tuple[str, ...] = ()


@pytest.fixture(scope="module", params=TREES)
def which(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def tree(which: str, tmp_path_factory: pytest.TempPathFactory) -> Tree:
    copy = tmp_path_factory.mktemp("trees") / which
    if which == "corepkgs":
        library, new = named("FILCROSS_TREE_NIX_LIB"), named("FILCROSS_TREE_NEW_NIX")
        shutil.copytree(named("FILCROSS_TREE_COREPKGS"), copy, symlinks=True)
        (copy / "pins.nix").write_text(f"{{ lib = {library}; }}\n")
        patch.apply(open_checkout(copy))
        # linux-pam, of which shadow is made, recurses for musl64, too.
        return Tree(copy, str(new / "nix-instantiate"), ("shadow",))
    variable = {"2020": "FILCROSS_TREE_NIXPKGS_2020", "aux": "FILCROSS_TREE_AUX"}[which]
    root = patch.copy_and_patch(open_checkout(named(variable)), copy).checkout.root
    return Tree(root, "nix-instantiate")


def ask(tree: Tree, overlay: Path) -> dict[str, Any]:
    given = {
        "entry": evaluate.entry_file(),
        "tree": tree.root,
        "overlay": overlay,
        "without": json.dumps(tree.without),
    }
    words: list[str | Path] = [
        word for name, value in given.items() for word in ("--argstr", name, str(value))
    ]
    forbidden = ["--option", "allow-import-from-derivation", "false"]
    done = process.run(
        [tree.instantiate, "--eval", "--strict", "--json", *forbidden, ROWS, *words], timeout=600
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


EXPECTED: dict[str, Any] = {
    "libc": True,
    "libcCross": True,
    "libcOfNewTrees": True,
    "glibcCross": True,
    "compilerLib": True,
    "compilerLlvm": "derivation",
    "sharedLibrary": ".so",
    "libiconv": True,
    "libintl": "null",
    "gettextFlags": "",
    "getconf": True,
    "getent": True,
    "glibcLocales": "null",
    "libxcrypt": "derivation",
    "threadsCross": True,
    "kernelHeaders": "derivation",
    "binutils": "filc-bintools",
    "binutilsIsGnu": True,
    "isClang": True,
    "isGNU": False,
    "targetPrefix": f"{TRIPLE}-",
    "suffixSalt": TRIPLE.replace("-", "_"),
    "canExecute": True,
    "config": TRIPLE,
    "isFilC": True,
    "configSubHook": True,
    "gnuConfig": True,
    "libgpgErrorLock": True,
    "perl": "derivation",
    "python": "derivation",
    "shadow": "derivation",
    "fortran": "refused",
    "goOfTheBuildMachine": "derivation",
    "structured": "derivation",
}
# What a tree does not have, or what fails in it for every platform. All else must be there.
ABSENT = {
    "2020": {"libcOfNewTrees", "libxcrypt", "canExecute"},
    "aux": {"libcOfNewTrees", "libgpgErrorLock", "goOfTheBuildMachine"},
    "corepkgs": {"libcCross", "glibcCross", "threadsCross", "shadow"},
}
LANGUAGES = {
    "2020": ["rustc", "go", "haskell", "ocaml"],
    "aux": ["rustc"],
    "corepkgs": ["rustc", "go", "haskell"],
}


def test_every_row(which: str, tree: Tree, simulator: Toolchain, tmp_path: Path) -> None:
    found = ask(tree, write_overlay(simulator, tmp_path / "overlay").root)
    absent = {name for name, value in found.items() if value == "absent"}
    absent |= set(EXPECTED) - set(found)
    assert {name for name in absent if name in EXPECTED} == ABSENT[which]
    assert {name: found[name] for name in EXPECTED if name not in absent} == {
        name: value for name, value in EXPECTED.items() if name not in absent
    }
    assert found["filcVersion"] == f"{simulator.version}-simulator"
    assert found["llvmVersion"].split(".")[0] in {"16", "17", "18", "19", "20", "21", "22"}
    unvetted = {"fortify", "fortify3", "stackprotector", "stackclashprotection", "zerocallusedregs"}
    assert not unvetted & set(found["hardeningLeft"])
    assert {"bindnow", "format", "relro"} <= set(found["hardeningLeft"])
    # Packages run their tests where the tree lets them run for another platform whose programs run here.
    assert found["checks"] == ("" if which == "2020" else "1")
    assert not [name for name in LANGUAGES[which] if found[name] not in {"there", "derivation"}]


def test_the_knobs(which: str, tree: Tree, simulator: Toolchain, tmp_path: Path) -> None:
    knobs = Knobs(checks=False, refuse_languages=True)
    found = ask(tree, write_overlay(simulator, tmp_path / "overlay", knobs=knobs).root)
    assert found["checks"] == ""
    assert {name: found[name] for name in LANGUAGES[which]} == dict.fromkeys(LANGUAGES[which], "refused")
    # The compiler of the build machine's own programs is what it was.
    assert found["goOfTheBuildMachine"] == ("absent" if which == "aux" else "derivation")
    assert found["python"] == found["perl"] == "derivation"


def test_the_glibc_flavour(tree: Tree, simulator: Toolchain, tmp_path: Path) -> None:
    found = ask(tree, write_overlay(replace(simulator, flavour="glibc"), tmp_path / "overlay").root)
    assert found["libintl"] == "null"
    assert found["libiconv"] is True
    assert found["getent"] is True
    # The locales are data of the build machine's libc.
    assert found["glibcLocales"] == "derivation"
