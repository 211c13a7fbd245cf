"""What is new, fixed and unchanged since an earlier report.

Files are the same where their paths are, without the hashes of store paths; where there is only one of a
name on each side, also across versions of its package. A finding is the same where code and file are, and
the names that it rests on were there before.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from filcross.elf.verdict import GOOD
from filcross.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_HASH = re.compile(r"(?<=/store/)[0-9a-df-np-sv-z]{32}-")
_VERSION = re.compile(r"(/store/[^/]*?)-[0-9][^/]*?(-(?:bin|dev|lib|man|doc|info|debug|static))?(?=/|\Z)")
_BY_NAME = frozenset({"FILC-E201", "FILC-E301", "FILC-E302", "FILC-E303", "FILC-E304"})


@dataclass(frozen=True, slots=True)
class Changes:
    """What is not good now and was good or absent before, the other way round, and what is as it was."""

    new: tuple[str, ...]
    fixed: tuple[str, ...]
    unchanged: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """The changes since the report `baseline`: in files, and in findings (`CODE PATH`)."""

    baseline: str
    files: Changes
    findings: Changes


def read(file: Path) -> dict[str, Any]:
    """Return the document of an earlier `filcross verify --json` (or `--report x.json`).

    A document of `filcross build --json` serves too. Raises `UsageError` for anything else.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}", hint="check the path") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{file} is not JSON: {error}", hint="name a report of --report x.json") from error
    if isinstance(content, dict) and content.get("kind") == "build":
        content = content.get("report")
    try:
        _old(content)
    except (AttributeError, KeyError, TypeError) as error:
        raise UsageError(
            f"{file} is not a report of filcross", hint="make one with: filcross verify … --report x.json"
        ) from error
    return content  # type: ignore[no-any-return]


def compare(now: dict[str, Any], before: dict[str, Any], name: str) -> Comparison:
    """Return what changed from the document `before` (called `name`) to the document `now`."""
    new_side, old_side = _old(now), _old(before)
    keys = _matched(new_side, old_side)
    old_findings: dict[tuple[str, str], set[str]] = {}
    for path, (_, findings) in old_side.items():
        for code, evidence in findings.items():
            old_findings[path, code] = evidence
    fresh: list[str] = []
    same: list[str] = []
    seen: set[tuple[str, str]] = set()
    for path, (_, findings) in new_side.items():
        for code, evidence in findings.items():
            key = (keys.get(path, path), code)
            known = old_findings.get(key)
            is_same = known is not None and (code not in _BY_NAME or evidence <= known)
            (same if is_same else fresh).append(f"{code} {path}")
            seen.add(key)
    gone = [f"{code} {path}" for path, code in old_findings if (path, code) not in seen]
    not_good = {path for path, (good, _) in new_side.items() if not good}
    was_not_good = {path for path, (good, _) in old_side.items() if not good}
    return Comparison(
        baseline=name,
        files=Changes(
            new=tuple(sorted(path for path in not_good if keys.get(path, path) not in was_not_good)),
            fixed=tuple(sorted(was_not_good - {keys.get(path, path) for path in not_good})),
            unchanged=tuple(sorted(path for path in not_good if keys.get(path, path) in was_not_good)),
        ),
        findings=Changes(tuple(sorted(fresh)), tuple(sorted(gone)), tuple(sorted(same))),
    )


def _old(document: dict[str, Any]) -> dict[str, tuple[bool, dict[str, set[str]]]]:
    """Return of each file whether it was good, and its findings: code, and what they rest on."""
    return {
        str(file["path"]): (
            bool(file["accepted"]) or (file["verdict"] in GOOD and bool(file.get("trusted", True))),
            {
                str(finding["code"]): {_HASH.sub("", item) for item in finding["evidence"]}
                for finding in file["findings"]
                if finding["severity"] != "info"
            },
        )
        for file in document["files"]
    }


def _matched(now: Iterable[str], before: Iterable[str]) -> dict[str, str]:
    """Return which file of the earlier report each file of this one is."""
    left, right = dict.fromkeys(now), dict.fromkeys(before)
    found = {path: path for path in left if path in right}
    for blur in (_without_hash, _without_version):
        news = {path: blur(path) for path in left if path not in found}
        taken = set(found.values())
        olds = {path: blur(path) for path in right if path not in taken}
        alone, alone_before = Counter(news.values()), Counter(olds.values())
        by_key = {key: path for path, key in olds.items() if alone_before[key] == 1}
        found |= {path: by_key[key] for path, key in news.items() if alone[key] == 1 and key in by_key}
    return found


def _without_hash(path: str) -> str:
    return _HASH.sub("", path)


def _without_version(path: str) -> str:
    return _VERSION.sub(r"\1\2", _without_hash(path))
