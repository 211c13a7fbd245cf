"""Plugins: which program of the report has what a library leaves to its host."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from filcross.elf.verdict import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from filcross.elf.contents import Content
    from filcross.elf.verdict import FileReport

LEFT = "FILC-I306"


def named(files: Sequence[FileReport], contents: Iterable[Content | None]) -> list[FileReport]:
    """Return `files`, the imports that a library leaves to its host with the program that has each."""
    waiting = [file for file in files if any(finding.code == LEFT for finding in file.findings)]
    if not waiting:
        return list(files)
    wanted = {
        name for file in waiting for item in file.findings if item.code == LEFT for name in item.evidence
    }
    owners: dict[str, str] = {}
    plain = {name.encode() for name in wanted}
    odd = any("\\" in name for name in wanted)  # perhaps no text at first
    programs = [content for content in contents if content is not None and content.kind == "executable"]
    for content in sorted(programs, key=lambda item: item.path, reverse=True):
        for raw in content.exports if odd else plain & content.exports:
            name = raw.decode("utf-8", "backslashreplace")
            if name in wanted:
                owners[name] = content.path
    changed = {
        file.path: replace(file, findings=tuple(_named(item, owners) for item in file.findings))
        for file in waiting
    }
    return [changed.get(file.path, file) for file in files]


def _named(finding: Finding, owners: dict[str, str]) -> Finding:
    if finding.code != LEFT:
        return finding
    evidence = tuple(f"{name} (of {owners[name]})" if name in owners else name for name in finding.evidence)
    return Finding(finding.code, finding.message, evidence)
