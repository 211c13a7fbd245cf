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
from array import array
from dataclasses import replace
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING

from filcross.elf import closure, hosts, pool, records, strangers, wrappers
from filcross.elf import image as elf
from filcross.elf.contents import Content, machine_name
from filcross.elf.files import KERNEL_MODULE, Reader, Said, Unjudged, is_module_name, judge_window, opened
from filcross.elf.found import Found
from filcross.elf.kept import identity, is_guarded
from filcross.elf.processes import ProcessJudge, Surroundings
from filcross.elf.verdict import GOOD, FileReport, Finding, Library, Report, Script, decide
from filcross.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from filcross.elf.facts import Facts
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


def status_of(path: Path) -> os.stat_result:
    """Return the properties of a path that is to be judged; raises `UsageError` where nothing is there."""
    try:
        return path.stat()
    except FileNotFoundError:
        raise UsageError(
            f"there is no file or folder {path}", hint="check the path; a link may lead nowhere"
        ) from None
    except OSError as error:
        raise UsageError(
            f"{path} cannot be looked at: {error.strerror}", hint="check its permissions"
        ) from error


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


class _Inspection:
    """One run: its policy and what it has read so far."""

    def __init__(
        self, policy: Policy, progress: Callable[[str], None] | None = None, facts: Facts | None = None
    ) -> None:
        self.policy = policy
        self.facts = facts
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
        found = self.walk(paths)
        answers = self.read(found)
        inodes = list(found.inodes())
        for path, number, first in found.places():
            said = answers[number]
            key: tuple[int | str, ...] = inodes[number]
            others = links.get(key)
            if not first and said.reason == KERNEL_MODULE and not is_module_name(path):
                said = self.reader.said(path)  # another name of a module, which it is not by that name
                key = (*key, path)
            elif not first:
                if others is None or path == others or (isinstance(others, list) and path in others):
                    continue
                if not _depends_on_place(said):
                    links[key] = [others, path] if isinstance(others, str) else [*others, path]
                    continue
                key = (*key, path)  # another path, perhaps another process
            if said.reason is None:
                links[key] = path
            if self.progress is not None:
                self.progress(path)
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

    def read(self, found: Found) -> list[Said]:
        """Read each of some files once; return what they say, by number."""
        facts, policy = self.facts, self.policy
        kept = self.kept(found)
        unread = array("I", (number for number in range(len(found)) if number not in kept))
        read = pool.do_all(
            len(unread),
            lambda place: self.reader.said(found.path(unread[place]), found.identities.get(unread[place])),
            lambda answer: records.pack(answer, policy),
            lambda record: records.unpack(record, policy),
        )
        if facts is not None:
            for number, said in zip(unread, read, strict=True):
                if number in found.identities:
                    facts.add(found.path(number), found.identities[number], said)
            facts.save()
        if kept:
            fresh = iter(read)
            read = [kept[number] if number in kept else next(fresh) for number in range(len(found))]
        for inode, said in zip(found.inodes(), read, strict=True):
            if said.reason is None:
                self.said[inode] = said
        if facts is not None:
            facts.learn(self.named_places())
        return read

    def kept(self, found: Found) -> dict[int, Said]:
        """Return what is kept about files that were found, by number."""
        facts = self.facts
        if facts is None:
            return {}
        facts.wait()
        said = (
            (number, facts.said(found.path(number), identified))
            for number, identified in found.identities.items()
        )
        return {number: answer for number, answer in said if answer is not None}

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

    def walk(self, paths: Sequence[Path]) -> Found:
        """Find every regular file at and below some paths."""
        self.paths = tuple(paths)
        found = Found()
        for path in paths:
            status = status_of(path)
            text = os.fspath(path)
            real = self.places.is_real(text)
            stored = real and self.facts is not None and "/store/" in text
            if stat.S_ISDIR(status.st_mode):
                self.walk_folder(text, found, real=real, stored=stored)
            elif stat.S_ISREG(status.st_mode):
                found.add(text, status, identified=stored and is_guarded(status))
            else:
                self.skip("special file")
        return found

    def walk_folder(self, folder: str, found: Found, *, real: bool, stored: bool) -> None:
        """Add the files below a folder, which has no link in its path if `real`.

        `stored` says that they may be in a store path.
        """
        waiting = [folder]
        while waiting:
            current = waiting.pop()
            try:
                entries = sorted(os.scandir(current), key=attrgetter("name"))
            except OSError:
                self.skip("unreadable folder")
                continue
            home = current if real else self.places.real(current)
            for entry in entries:
                try:
                    if entry.is_file(follow_symlinks=False):
                        status = entry.stat()
                        found.add(entry.path, status, identified=stored and is_guarded(status))
                    elif entry.is_symlink():
                        target = self.places.behind(entry.path, home)
                        if self.is_elsewhere(target) and os.path.isfile(target):  # noqa: PTH113
                            found.add(entry.path, entry.stat(), identified=False)
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
            status = os.stat(path)  # noqa: PTH116
        except OSError:
            return None
        if not is_guarded(status):
            return None
        said = self.facts.said(path, identity(status))
        if said is None:
            said = self.reader.said(path, identity(status))
            self.facts.add(path, identity(status), said)
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


def _depends_on_place(said: Said) -> bool:
    """Return whether the same file at another path may load other libraries."""
    content = said.content
    paths = (content.rpath or "", content.runpath or "", *content.needed) if content is not None else ()
    return any("$" in text for text in paths)
