"""The inspection station: from paths and a policy to a report with a verdict for every ELF file.

A file is judged twice: by its contents (symbols, notes, producers), and by the process that its loader would
make of it. It earns `filc` only when both show nothing but Fil-C code and known runtime files; whatever
cannot be shown is `no-evidence`. The codes of findings are those of `filcross/data/findings.toml`, each with
a page in `docs/findings/`.
"""

from __future__ import annotations

import contextlib
import gc
import os
import stat
from dataclasses import replace
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, TypeAlias

from filcross.elf import closure, hosts, pool, records, strangers, wrappers
from filcross.elf import image as elf
from filcross.elf.contents import Content, machine_name
from filcross.elf.files import Reader, Said, Unjudged, judge_window, opened
from filcross.elf.kept import identity
from filcross.elf.processes import ProcessJudge, Surroundings
from filcross.elf.verdict import GOOD, FileReport, Finding, Library, Report, Script, decide
from filcross.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from filcross.elf.facts import Facts
    from filcross.elf.kept import Identity
    from filcross.elf.policy import Policy

__all__ = ["FileReport", "Finding", "Library", "Report", "Script", "Unjudged", "inspect", "judge_window"]


def inspect(
    paths: Sequence[Path],
    policy: Policy,
    *,
    progress: Callable[[str], None] | None = None,
    facts: Facts | None = None,
) -> Report:
    """Judge every regular file at and below `paths`.

    A path that is itself a symbolic link is followed. Links met below are followed to files elsewhere, and
    counted otherwise. Each inode is judged once, unless what it loads depends on where it lies. `progress` is
    called with each file's path before it is judged. Raises `UsageError`
    for a path that does not exist; files that cannot be read get the verdict `unreadable`. What `facts` knows
    (for the same policy) is not read again, and what is read is added.
    """
    with _no_collection():
        report = _Inspection(policy, progress, facts).run(paths)
        unknown = strangers.find(report.files, policy, facts.kept if facts is not None else None)
        if not unknown:
            return report
        files = strangers.judge_again(report.files, unknown, policy, partial(_judge_files, facts))
    labels = tuple(runtime.label for runtime in unknown)
    return replace(report, files=files, toolchains=(*report.toolchains, *labels))


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """Look for no cycles of objects meanwhile, nor later among those that are there then.

    There are many objects that stay as long as the report, and hardly a cycle.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if enabled:
            gc.enable()


def _judge_files(facts: Facts | None, policy: Policy, files: Sequence[FileReport]) -> list[FileReport | None]:
    inspection = _Inspection(policy, facts=facts.under(policy) if facts is not None else None)
    reports = [inspection.again(file.path) for file in files]
    inspection.save()
    return reports


_Found: TypeAlias = "tuple[str, tuple[int, int], Identity | None]"
"""A file: its path, its device and inode, and its identity, if that is wanted."""


class _Inspection:
    """One run: its policy and what it has read so far."""

    def __init__(
        self, policy: Policy, progress: Callable[[str], None] | None = None, facts: Facts | None = None
    ) -> None:
        self.policy = policy
        self.facts = facts
        self.devices: dict[int, int] = {}
        self.progress = progress
        self.reader = Reader(policy)
        self.said: dict[tuple[int, int], Said] = {}
        self.contents: dict[tuple[int, int], Content | None] = {}
        self.skipped: dict[str, int] = {}
        self.paths: tuple[Path, ...] = ()
        self.roots: dict[str, bool] | None = None
        self.loaders: dict[str, closure.Loader | None] = {}
        self.places = closure.Places()
        self.surroundings = Surroundings(
            self.content, self.loader, self.places, policy.runtimes, policy.baseline
        )

    def run(self, paths: Sequence[Path]) -> Report:
        files: dict[tuple[int | str, ...], FileReport] = {}
        links: dict[tuple[int | str, ...], str | list[str]] = {}
        scripts: list[tuple[str, str]] = []
        found = list(self.walk(paths))
        self.read(found)
        for path, inode, _ in found:
            key: tuple[int | str, ...] = inode
            others = links.get(key)
            if others is not None:
                if path == others or (isinstance(others, list) and path in others):
                    continue
                if not self.depends_on_place(inode):
                    links[key] = [others, path] if isinstance(others, str) else [*others, path]
                    continue
                key = (*inode, path)  # another path, perhaps another process
            links[key] = path
            if self.progress is not None:
                self.progress(path)
            said = self.said[inode]
            if said.interpreter is not None:
                scripts.append((path, said.interpreter))
            report = self.judge(path, said)
            if report is None:
                self.skip(said.reason or "script")
            else:
                files[key] = report
        reports = [
            replace(report, same_as=tuple(links[key][1:])) if isinstance(links[key], list) else report
            for key, report in files.items()
        ]
        reports = hosts.named(reports, (said.content for said in self.said.values()))
        judged = tuple(self.script(path, name) for path, name in sorted(scripts))
        self.save()
        return Report(
            files=tuple(sorted(reports, key=attrgetter("path"))),
            scripts=judged,
            skipped=dict(sorted(self.skipped.items())),
            toolchains=tuple(runtime.label for runtime in self.policy.runtimes),
        )

    def read(self, found: Sequence[_Found]) -> None:
        """Read each of some files once, by inode."""
        first: dict[tuple[int, int], _Found] = {}
        for place in found:
            first.setdefault(place[1], place)
        facts, policy = self.facts, self.policy
        if facts is not None:
            facts.wait()
            unread = {}
            for inode, place in first.items():
                said = facts.said(place[0], place[2]) if place[2] is not None else None
                if said is not None:
                    self.said[inode] = said
                else:
                    unread[inode] = place
            first = unread
        answers = pool.do_all(
            [path for path, _, _ in first.values()],
            self.reader.said,
            lambda answer: records.pack(answer, policy),
            lambda record: records.unpack(record, policy),
        )
        self.said.update(zip(first, answers, strict=True))
        if facts is not None:
            for (path, _, identity), answer in zip(first.values(), answers, strict=True):
                if identity is not None:
                    facts.add(path, identity, answer)
            facts.save()
            facts.learn(self.named_places())

    def named_places(self) -> set[str]:
        """Return the paths and search paths at which other files will be looked at."""
        places: set[str | None] = set()
        for content, _, interpreter, _, _ in self.said.values():
            if content is not None:
                places.update((content.interpreter, content.runpath, content.rpath, content.wraps))
                places.update(name for name in content.needed if "/" in name)
            elif interpreter is not None:
                places.add(interpreter)
        return {place for place in places if place is not None}

    def save(self) -> None:
        """Keep what was read."""
        if self.facts is not None:
            self.facts.save()

    def found(self, path: str, status: os.stat_result, *, linked: bool = False) -> _Found:
        """Return what is held of a file that the walk found, `linked` if behind a link: there are many."""
        device = self.devices.setdefault(status.st_dev, status.st_dev)  # one number for all of them
        inode = (device, status.st_ino)
        return path, inode, None if linked or self.facts is None else identity(status)

    def depends_on_place(self, inode: tuple[int, int]) -> bool:
        """Return whether the same file at another path may load other libraries."""
        content = self.said[inode].content
        paths = (content.rpath or "", content.runpath or "", *content.needed) if content is not None else ()
        return any("$" in text for text in paths)

    def skip(self, reason: str) -> None:
        self.skipped[reason] = self.skipped.get(reason, 0) + 1

    # Finding files

    def is_elsewhere(self, path: str) -> bool:
        """Return whether the walk does not come to `path` by itself."""
        if self.roots is None:
            self.roots = {os.path.realpath(item).rstrip("/"): False for item in self.paths}
        waiting = []
        while (elsewhere := self.roots.get(path)) is None and path:
            waiting.append(path)
            path = path.rpartition("/")[0]
        elsewhere = elsewhere is not False
        self.roots.update(dict.fromkeys(waiting[1:], elsewhere))
        return elsewhere

    def walk(self, paths: Sequence[Path]) -> Iterator[_Found]:
        self.paths = tuple(paths)
        for path in paths:
            try:
                status = path.stat()
            except FileNotFoundError:
                raise UsageError(
                    f"there is no file or folder {path}", hint="check the path; a link may lead nowhere"
                ) from None
            except OSError as error:
                raise UsageError(
                    f"{path} cannot be looked at: {error.strerror}", hint="check its permissions"
                ) from error
            linked = not self.places.is_real(os.fspath(path))
            if stat.S_ISDIR(status.st_mode):
                yield from self.walk_folder(os.fspath(path), linked=linked)
            elif stat.S_ISREG(status.st_mode):
                yield self.found(os.fspath(path), status, linked=linked)
            else:
                self.skip("special file")

    def walk_folder(self, folder: str, *, linked: bool) -> Iterator[_Found]:
        waiting = [folder]
        while waiting:
            current = waiting.pop()
            try:
                entries = sorted(os.scandir(current), key=attrgetter("name"))
            except OSError:
                self.skip("unreadable folder")
                continue
            for entry in entries:
                try:
                    if entry.is_file(follow_symlinks=False):
                        yield self.found(entry.path, entry.stat(), linked=linked)
                    elif entry.is_symlink():
                        target = self.places.behind(entry.path)
                        if self.is_elsewhere(target) and os.path.isfile(target):  # noqa: PTH113
                            yield self.found(entry.path, entry.stat(), linked=True)
                        else:
                            self.skip("symbolic link")
                    elif entry.is_dir():
                        waiting.append(entry.path)
                    else:
                        self.skip("special file")
                except OSError:
                    self.skip("vanished")

    def again(self, path: str) -> FileReport | None:
        """Judge a file that was judged before; `None` where it has become something else."""
        return self.judge(path, self.kept_or_read(path) or self.reader.said(path))

    def kept_or_read(self, path: str) -> Said | None:
        """Return what a file says if that may be kept, and keep it; `None` for any other file."""
        if self.facts is None or not self.facts.may_keep(path) or not self.places.is_real(path):
            return None
        try:
            status = identity(os.stat(path))  # noqa: PTH116
        except OSError:
            return None
        said = self.facts.said(path, status)
        if said is None:
            said = self.reader.said(path)
            self.facts.add(path, status, said)
        return said

    def script(self, path: str, interpreter: str) -> Script:
        """Judge a script by its interpreter, and a wrapper script by what it starts too."""
        runs = tuple((name, self.script_verdict(name)) for name in wrappers.started_by_script(path))
        return Script(path, interpreter, self.script_verdict(interpreter), runs)

    def script_verdict(self, interpreter: str) -> str | None:
        program = interpreter.split(maxsplit=1)[0] if interpreter else ""
        if program.endswith("/env"):
            return None  # whose program it is, PATH decides
        content = self.content(program) if program.startswith("/") else None
        return content.verdict if content is not None else None

    # One file

    def judge(self, path: str, said: Said) -> FileReport | None:
        """Return the report on a file by what it says, `None` for one that is only counted."""
        if said.content is None:
            return said.report
        content = said.content if said.content.path == path else replace(said.content, path=path)
        findings = list(content.findings)
        verdict = content.verdict
        libraries: tuple[Library, ...] = ()
        if content.kind in ("executable", "library") and content.judgeable:
            process = ProcessJudge(content, self.surroundings)
            libraries = process.libraries()
            findings.extend(process.findings)
            verdict = decide(content.verdict, findings)
        if content.simulated and verdict in GOOD:
            findings.append(
                Finding("FILC-I502", "made by the ABI simulator: the shape of Fil-C code, none of its safety")
            )
        return FileReport(
            path=path,
            kind=content.kind,
            verdict=verdict,
            simulated=content.simulated,
            confidence=content.confidence,
            findings=tuple(findings),
            machine=machine_name(content.machine, content.bits),
            loader=content.interpreter,
            needed=content.needed,
            libraries=libraries,
            role=content.role,
            toolchain=content.known[0].runtime.label if content.known else None,
            symbols=content.counts,
        )

    def content(self, path: str) -> Content | None:
        """Return what the file at `path` says, each inode read once; `None` if it is not readable ELF."""
        inode = self.places.inode(path)
        if inode is None:
            return None
        said = self.said.get(inode)
        if said is not None and said.content is not None:
            return said.content
        if inode not in self.contents:
            kept = self.kept_or_read(self.places.real(path)) if self.facts is not None else None
            if kept is not None and kept.content is not None:
                self.contents[inode] = replace(kept.content, path=path)
            else:
                self.contents[inode] = self.reader.content(path)
        return self.contents[inode]

    def loader(self, path: str) -> closure.Loader | None:
        """Return the rules of the loader at `path`, `None` if it is not readable ELF."""
        if path not in self.loaders:
            self.loaders[path] = None
            with contextlib.suppress(elf.ImageError, OSError), opened(path) as window:
                self.loaders[path] = closure.describe_loader(path, elf.read_image(window))
        return self.loaders[path]
