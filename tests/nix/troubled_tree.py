"""A copy of the embedded tree with packages that go wrong, and a musl64 that can at least be evaluated."""

from __future__ import annotations

import shutil
from pathlib import Path

from filcross import resources

FILE = Path(__file__).resolve().parent.parent / "data" / "embedded" / "troubled.nix"
_PLACEHOLDERS = {
    'unavailableFor "GCC";': 'pkgs.runCommand "placeholder-gcc-1" { passthru.isGNU = true; } "mkdir $out";',
    'muslCross = unavailableFor "musl";': (
        'muslCross = pkgs.runCommand "placeholder-musl-1" { } '
        '"mkdir -p $out/lib; touch $out/lib/ld-musl-x86_64.so.1";'
    ),
}


def make(folder: Path) -> Path:
    """Make the tree in `folder`, which must not exist, and return it."""
    tree = Path(shutil.copytree(resources.embedded_tree_dir(), folder))
    top = tree / "pkgs" / "top-level"
    shutil.copyfile(FILE, top / "troubled.nix")
    packages = top / "all-packages.nix"
    text = packages.read_text(encoding="utf-8")
    for before, after in _PLACEHOLDERS.items():
        assert text.count(before) == 1
        text = text.replace(before, after)
    packages.write_text(text.rstrip() + "\n// import ./troubled.nix pkgs\n", encoding="utf-8")
    return tree
