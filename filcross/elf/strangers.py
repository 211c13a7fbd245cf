"""Sandwiches that nobody knows: found beside the programs that name their loader, and never trusted.

What such a sandwich made is judged as if it were a known toolchain's. Where that shows nothing but Fil-C
code, the verdict is `filc` with the confidence `unknown toolchain`, and the exit code stays 4 until somebody
trusts the folder (`--trust-runtime`). Files of a known toolchain are not touched by it.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from filcross.elf import abi
from filcross.elf.policy import Policy, runtime_from_folder
from filcross.elf.verdict import BAD, GOOD, Finding
from filcross.errors import FilcrossError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from filcross.elf.kept import Kept
    from filcross.elf.policy import Runtime
    from filcross.elf.verdict import FileReport

CONFIDENCE = "unknown toolchain"
_SIGNS = frozenset({"FILC-N103", "FILC-N207", "FILC-N208", "FILC-E205"})
_WHOLE = frozenset({abi.LOADER, abi.PIZLO, abi.USER_LIBC})


def find(files: Sequence[FileReport], policy: Policy, kept: Kept | None = None) -> tuple[Runtime, ...]:
    """Return the whole sandwiches that `files` name and `policy` does not know, in order of their folders.

    What `kept` knows of their files is not read again.
    """
    known = {digest for runtime in policy.runtimes for digest in _ground(runtime)}
    own = {os.path.realpath(runtime.folder) for runtime in policy.runtimes}
    folders = {folder for file in files if _has_sign(file) for folder in _folders(file)}
    found = []
    for folder in sorted(folders):
        try:
            runtime = runtime_from_folder(Path(folder), name=f"{CONFIDENCE} in {folder}", kept=kept)
        except FilcrossError:
            continue
        spoiled = os.path.realpath(folder) in own or bool(_ground(runtime) & known)
        if not spoiled and _is_whole(runtime):
            found.append(replace(runtime, trusted=False))
    return tuple(found)


def _ground(runtime: Runtime) -> set[str]:
    """Return the hashes of libpizlo, which differs by release, as the loader and the yolo libc need not.

    Who has a known one is a known toolchain, spoiled.
    """
    return {file.code_hash for file in runtime.files if file.role == abi.PIZLO}


def judge_again(
    files: Sequence[FileReport],
    strangers: Sequence[Runtime],
    policy: Policy,
    judge: Callable[[Policy, Sequence[FileReport]], Sequence[FileReport | None]],
) -> tuple[FileReport, ...]:
    """Return `files`, those of an unknown toolchain judged by `judge` with a policy that knows only that.

    `judge` gives `None` for a file that it cannot judge.
    """
    homes = {os.path.realpath(runtime.folder) for runtime in strangers}
    chosen = [
        file
        for file in files
        if _folder(file.path) in homes
        or (_has_sign(file) and (file.loader is None or _folder(file.loader) in homes))
    ]
    fresh = judge(Policy(tuple(strangers), policy.simulated_allowed), chosen)
    answers = {file.path: new for file, new in zip(chosen, fresh, strict=True) if new is not None}
    return tuple(_better(file, answers.get(file.path)) for file in files)


def _better(first: FileReport, second: FileReport | None) -> FileReport:
    if second is None:
        return first
    if second.verdict in GOOD:
        finding = Finding(
            "FILC-W104", "all of it is Fil-C code if the toolchain is, which nobody vouches for"
        )
        return replace(
            second,
            trusted=False,
            confidence=f"{CONFIDENCE}, {second.confidence}",
            findings=(*second.findings, finding),
            same_as=first.same_as,
        )
    return replace(second, same_as=first.same_as) if second.verdict in BAD else first


def _has_sign(file: FileReport) -> bool:
    return any(finding.code in _SIGNS for finding in file.findings)


def _folder(path: str) -> str:
    return os.path.realpath(os.path.dirname(path))  # noqa: PTH120


def _folders(file: FileReport) -> Iterator[str]:
    """Yield the folders that hold a loader's name beside the file's loader or runtime."""
    paths = [file.loader] if file.loader is not None else []
    paths += [item.path for item in file.libraries if item.path and abi.role_of(item.name) == abi.PIZLO]
    for path in paths:
        folder = os.path.dirname(path)  # noqa: PTH120
        try:
            names = os.listdir(folder)  # noqa: PTH208
        except OSError:
            continue
        if path.startswith("/") and any(abi.LOADER_NAME.match(name) for name in names):
            yield folder


def _is_whole(runtime: Runtime) -> bool:
    """Return whether a folder holds a sandwich: loader, a runtime that starts programs, a Fil-C libc.

    Its headers must show the files that are loaded, with all executable memory in code sections; that the
    loader chooses among functions is usual in glibc.
    """
    if any(file.layout - {"FILC-N319"} for file in runtime.files):
        return False
    roles = {file.role for file in runtime.files}
    return roles >= _WHOLE and runtime.starts_programs and runtime.has_filc_libc
