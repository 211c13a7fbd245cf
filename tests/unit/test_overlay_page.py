"""The table of docs/overlay.md names files and tests that exist."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from filcross import resources

if TYPE_CHECKING:
    from pathlib import Path


def test_every_row_names_what_is_there(repo_root: Path) -> None:
    text = (repo_root / "docs" / "overlay.md").read_text()
    rows = [
        line.split("|")[1:-1] for line in text.splitlines() if line.startswith("| ") and "|---" not in line
    ]
    assert len(rows) > 40
    for row in rows:
        assert len(row) == 4, row
        what, does, where, shown = (cell.strip() for cell in row)
        assert what
        assert does
        assert shown, what
        for test in re.findall(r"`(tests/[^`]+)`", shown):
            file, _, name = test.partition("::")
            assert (repo_root / file).is_file(), test
            assert not name or f"def {name}(" in (repo_root / file).read_text(), test
        for file in re.findall(r"`([^`]+)`", where):
            assert " " in file or (resources.overlays_dir() / file).exists(), file
        assert shown == "shown by" or re.search(r"\brows\b|`tests/", shown), what
