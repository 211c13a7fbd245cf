"""How values are written for people."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """Return a time for people: `8.1 s`, `2 min 05 s`, `3 h 07 min`."""
    if seconds < 60:  # noqa: PLR2004
        return f"{seconds:.1f} s"
    if seconds < 3600:  # noqa: PLR2004
        return f"{int(seconds // 60)} min {int(seconds % 60):02d} s"
    return f"{int(seconds // 3600)} h {int(seconds % 3600 // 60):02d} min"
