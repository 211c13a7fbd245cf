"""Report files: which formats there are, and writing one whole or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from filcross.errors import UsageError
from filcross.files import unfinished

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def check(targets: Iterable[Path], suffixes: tuple[str, ...]) -> None:
    """Raise `UsageError` for a file whose ending is not among `suffixes`, or whose folder is missing."""
    for target in targets:
        if target.suffix not in suffixes:
            raise UsageError(
                f"no report format is known for {target}", hint=f"name a file ending in {', '.join(suffixes)}"
            )
        if not target.resolve().parent.is_dir():
            raise UsageError(
                f"the report {target} cannot be written: its folder does not exist",
                hint="make the folder first, or choose another",
            )


def write(target: Path, pieces: Iterable[str]) -> None:
    """Write a report, in pieces, wholly or not at all. Raises `UsageError` where it cannot be written."""
    try:
        with unfinished(target.absolute().parent, f".{target.name}.filcross-") as work:
            fresh = work / "report"
            with fresh.open("w", encoding="utf-8") as file:
                file.writelines(pieces)
            fresh.chmod(0o644)
            fresh.replace(target)
    except OSError as error:
        raise UsageError(
            f"the report {target} cannot be written: {error.strerror}", hint="choose a folder that exists"
        ) from error
