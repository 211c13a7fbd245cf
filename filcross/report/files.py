"""Report files: which formats there are, and writing one whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from filcross.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable


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


def write(target: Path, content: str) -> None:
    """Write a report, wholly or not at all. Raises `UsageError` where it cannot be written."""
    try:
        descriptor, place = tempfile.mkstemp(dir=target.resolve().parent, prefix=f".{target.name}-")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
                handle.write(content)
            Path(place).chmod(0o644)
            Path(place).replace(target)
        finally:
            Path(place).unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(
            f"the report {target} cannot be written: {error.strerror}", hint="choose a folder that exists"
        ) from error
