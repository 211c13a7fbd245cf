"""Fetch wanted sources from the distribution's mirror and add them to the Nix store."""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from filcross.errors import BuildFailedError, FilcrossError, MissingRequirementError
from filcross.process import run
from filcross.sources import apt
from filcross.sources.derivation import FixedSource, wanted_sources
from filcross.sources.index import IndexedFile, find_files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from filcross.sources.hashes import Digest

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class SeededSource:
    """A source that was added to the store just now, and the file of the mirror that it is."""

    source: FixedSource
    origin: IndexedFile


@dataclass(frozen=True, slots=True)
class MissingSource:
    """A source that is neither in the store nor on the mirror, and why."""

    source: FixedSource
    reason: str


@dataclass(frozen=True, slots=True)
class SeedReport:
    """What became of the sources that some derivations want."""

    derivations: tuple[str, ...]
    present: tuple[FixedSource, ...]
    seeded: tuple[SeededSource, ...]
    missing: tuple[MissingSource, ...]
    suites: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether every wanted source is in the store now."""
        return not self.missing


def seed(
    drv_paths: Iterable[str | Path],
    *,
    cache: Path,
    suites: Sequence[str] = (),
    refresh: bool = False,
    direct: bool = False,
    env: Mapping[str, str] | None = None,
    on_progress: Callable[[str], None] | None = None,
) -> SeedReport:
    """Put the fixed-output sources that building `drv_paths` takes into the Nix store.

    `drv_paths` are `.drv` paths (`!output` may follow). `cache` is the folder for the mirror's indexes;
    `suites` names releases to search after this machine's own (`bullseye`), each only while something is
    still missing. `refresh` asks the mirror for new indexes, `direct` leaves out what dependencies want,
    `env` adds to the environment (a private store's variables). `on_progress` gets one sentence per step.

    Every file is found by its hash, checked, and added under the name that its derivation asks for. A source
    that is not found is no error: the report lists it. Raises `MissingRequirementError` when there is
    something to search for and no index can be read, `UnsupportedInputError` for a path that is no
    derivation, `BuildFailedError` when the store does not take a file.
    """
    say = on_progress or _silent
    roots = tuple(str(path) for path in drv_paths)
    present, absent = wanted_sources(roots, direct=direct, env=env)
    say(f"{_count(len(present) + len(absent), 'source')} wanted, {len(present)} in the store already")
    searched, warnings = _Search({}, [], []), list[str]()
    flat = {source.digest for source in absent if not source.recursive}
    if flat:
        searched = _search(flat, suites, cache=cache, refresh=refresh, say=say)
        warnings = searched.warnings

    seeded: list[SeededSource] = []
    missing: list[MissingSource] = []
    for source in absent:
        origin = None if source.recursive else searched.found.get(source.digest)
        if origin is None:
            reason = _why_not(source, searched.suites)
            say(f"not found: {source.name}: {reason}")
            missing.append(MissingSource(source, reason))
            continue
        say(
            f"fetching {source.name} ({_size(origin.size)}) from {origin.url}: "
            f"the same {source.digest.algorithm} as in {origin.package} {origin.version}"
        )
        try:
            _add(source, origin, cache=cache, env=env)
        except MissingRequirementError as error:
            warnings += [error.message, *error.details]
            missing.append(MissingSource(source, error.message))
        else:
            seeded.append(SeededSource(source, origin))
    return SeedReport(
        roots, present, tuple(seeded), tuple(missing), tuple(searched.suites), tuple(dict.fromkeys(warnings))
    )


@dataclass(slots=True)
class _Search:
    found: dict[Digest, IndexedFile]
    suites: list[str]
    warnings: list[str]


def _search(
    digests: set[Digest], suites: Sequence[str], *, cache: Path, refresh: bool, say: Callable[[str], None]
) -> _Search:
    search = _Search({}, [], [])
    failures: list[FilcrossError] = []
    wanted = set(digests)
    for suite in (None, *suites):
        name = suite or apt.machine_suite() or "this machine's release"
        if not wanted or name in search.suites:
            continue
        say(f"searching the source index of {name} for {_count(len(wanted), 'file')}, by hash")
        try:
            indexes = apt.source_indexes(suite, cache=cache, refresh=refresh)
        except MissingRequirementError as error:
            failures.append(error)
            search.warnings += [error.message, *error.details]
            continue
        search.suites.append(indexes.suite)
        search.warnings += indexes.warnings
        for file in indexes.files:
            found = find_files(file.path, file.base_url, file.suite, wanted)
            search.found.update(found)
            wanted -= found.keys()
    if failures and not search.suites:
        raise failures[0]
    return search


def _add(source: FixedSource, origin: IndexedFile, *, cache: Path, env: Mapping[str, str] | None) -> None:
    """Download `origin`, check it, and add it to the store as `source`."""
    algorithm = source.digest.algorithm
    with tempfile.TemporaryDirectory(prefix="download-", dir=cache) as folder:
        file = Path(folder) / source.name
        apt.download(origin.url, file, sha256=source.digest.hex if algorithm == "sha256" else None)
        actual = _hash(file, algorithm)
        if actual != source.digest.hex:
            raise MissingRequirementError(
                f"{origin.url} is not the file that the index promises: its {algorithm} is {actual}",
                hint="the mirror is being updated or is broken: try again later, with --refresh",
            )
        added = run(["nix-store", "--add-fixed", algorithm, file], env=env).stdout.strip()
    if added != source.store_path:
        raise BuildFailedError(
            f"Nix stored {source.name} as {added}, but the derivation wants {source.store_path}",
            hint="the derivation is from another store: set NIX_STORE_DIR as it was when it was made",
        )


def _hash(file: Path, algorithm: str) -> str:
    digest = hashlib.new(algorithm, usedforsecurity=False)
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _why_not(source: FixedSource, suites: Sequence[str]) -> str:
    if source.recursive:
        return "its hash is of an unpacked tree, and the mirror's index has hashes of files"
    if source.digest.algorithm not in ("sha256", "md5"):
        return f"it is known by its {source.digest.algorithm}, and the mirror's index has sha256 and md5"
    where = " or ".join(suites) or "any release"
    return f"no file in the source index of {where} has its {source.digest.algorithm}"


def _silent(_text: str) -> None:
    """Take the place of a progress function that was not given."""


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _size(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{max(1, round(size / 1e3))} kB"  # noqa: PLR2004
