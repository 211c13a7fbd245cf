"""The inspection station: from paths and a policy to a report with a verdict for every ELF file.

A file is judged twice: by its contents (symbols, notes, producers), and by the process that its loader would
make of it. It earns `filc` only when both show nothing but Fil-C code and known runtime files; whatever
cannot be shown is `no-evidence`. The codes of findings are those of `filcross/data/findings.toml`, each with
a page in `docs/findings/`.
"""

from __future__ import annotations

import contextlib
import os
import stat
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from filcross.elf import abi, archive, closure, strangers, wrappers
from filcross.elf import image as elf
from filcross.elf.contents import Content, judge_content, machine_name
from filcross.elf.processes import ProcessJudge, Surroundings
from filcross.elf.verdict import (
    BAD,
    FILC,
    FOREIGN,
    GOOD,
    MAX_EVIDENCE,
    MIXED,
    NO_EVIDENCE,
    RUNTIME,
    UNREADABLE,
    FileReport,
    Finding,
    Library,
    Report,
    Script,
    decide,
)
from filcross.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from filcross.elf.policy import Policy, Runtime

__all__ = ["FileReport", "Finding", "Library", "Report", "Script", "Unjudged", "inspect", "judge_window"]

_MAX_DEPTH = 4  # archives in archives
_SHEBANG = b"#!"
_COMPRESSED = (
    b"\x1f\x8b",
    b"\xfd7zXZ\0",
    b"\x28\xb5\x2f\xfd",
    b"BZh",
    b"\x04\x22\x4d\x18",
    b"LZIP",
    b"\x5d\0\0",
)
_BITCODE = (b"BC\xc0\xde", b"\xde\xc0\x17\x0b")  # https://llvm.org/docs/BitCodeFormat.html


def inspect(
    paths: Sequence[Path], policy: Policy, *, progress: Callable[[str], None] | None = None
) -> Report:
    """Judge every regular file at and below `paths`.

    A path that is itself a symbolic link is followed. Links met below are followed to files elsewhere, and
    counted otherwise. Each inode is judged once, unless what it loads depends on where it lies. `progress` is
    called with each file's path before it is judged. Raises `UsageError`
    for a path that does not exist; files that cannot be read get the verdict `unreadable`.
    """
    report = _Inspection(policy, progress).run(paths)
    unknown = strangers.find(report.files, policy)
    if not unknown:
        return report
    files = strangers.judge_again(report.files, unknown, policy, _judge_files)
    labels = tuple(runtime.label for runtime in unknown)
    return replace(report, files=files, toolchains=(*report.toolchains, *labels))


def _judge_files(policy: Policy, files: Sequence[FileReport]) -> list[FileReport | None]:
    inspection = _Inspection(policy, None)
    return [inspection.again(file.path) for file in files]


def judge_window(path: str, window: elf.Window, policy: Policy) -> FileReport:
    """Judge an ELF file or an archive that is open already, without what it would load.

    Raises `Unjudged` for what is not to be judged, `ImageError` for what cannot be read.
    """
    if archive.is_archive(window.read(0, min(8, window.size))):
        return _Inspection(policy, None).archive_file(path, window)
    image = elf.read_image(window)
    return _member_report(path, judge_content(path, image, policy), image)


class Unjudged(Exception):  # noqa: N818  (a result, not a failure)
    """A file that is none of the inspector's business; the text is the reason it is counted under."""


class _Inspection:
    """One run: its policy and what it has read so far."""

    def __init__(self, policy: Policy, progress: Callable[[str], None] | None) -> None:
        self.policy = policy
        self.progress = progress
        self.contents: dict[tuple[int, int], Content | None] = {}
        self.skipped: dict[str, int] = {}
        self.roots: tuple[str, ...] = ()
        self.loaders: dict[str, closure.Loader | None] = {}
        self.archives: dict[Path, tuple[str | None, ...]] = {}
        self.places = closure.Places()
        self.surroundings = Surroundings(
            self.content, self.loader, self.places, policy.runtimes, policy.baseline
        )

    def run(self, paths: Sequence[Path]) -> Report:
        files: dict[tuple[int | str, ...], FileReport] = {}
        links: dict[tuple[int | str, ...], list[str]] = {}
        scripts: list[tuple[str, str]] = []
        for path, status in self.walk(paths):
            inode: tuple[int | str, ...] = (status.st_dev, status.st_ino)
            if inode in links:
                if path in links[inode]:
                    continue
                if not self.depends_on_place((status.st_dev, status.st_ino)):
                    links[inode].append(path)
                    continue
                inode = (*inode, path)  # another path, perhaps another process
            links[inode] = [path]
            if self.progress is not None:
                self.progress(path)
            try:
                files[inode] = self.file(path)
            except Unjudged as reason:
                self.skip(str(reason))
            except _ScriptFound as found:
                scripts.append((path, found.interpreter))
                self.skip("script")
        reports = [
            replace(report, same_as=tuple(links[inode][1:])) if len(links[inode]) > 1 else report
            for inode, report in files.items()
        ]
        return Report(
            files=tuple(sorted(reports, key=lambda item: item.path)),
            scripts=tuple(self.script(path, name) for path, name in sorted(scripts)),
            skipped=dict(sorted(self.skipped.items())),
            toolchains=tuple(runtime.label for runtime in self.policy.runtimes),
        )

    def depends_on_place(self, inode: tuple[int, int]) -> bool:
        """Return whether the same file at another path may load other libraries."""
        content = self.contents.get(inode)
        paths = (content.rpath or "", content.runpath or "", *content.needed) if content is not None else ()
        return any("$" in text for text in paths)

    def skip(self, reason: str) -> None:
        self.skipped[reason] = self.skipped.get(reason, 0) + 1

    # Finding files

    def is_elsewhere(self, path: str) -> bool:
        """Return whether the walk does not come to `path` by itself."""
        return not any(path == root or path.startswith(f"{root}/") for root in self.roots)

    def walk(self, paths: Sequence[Path]) -> Iterator[tuple[str, os.stat_result]]:
        self.roots = tuple(os.path.realpath(path).rstrip("/") for path in paths)
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
            if stat.S_ISDIR(status.st_mode):
                yield from self.walk_folder(os.fspath(path))
            elif stat.S_ISREG(status.st_mode):
                yield os.fspath(path), status
            else:
                self.skip("special file")

    def walk_folder(self, folder: str) -> Iterator[tuple[str, os.stat_result]]:
        waiting = [folder]
        while waiting:
            current = waiting.pop()
            try:
                entries = sorted(os.scandir(current), key=lambda item: item.name)
            except OSError:
                self.skip("unreadable folder")
                continue
            for entry in entries:
                try:
                    if entry.is_symlink():
                        target = os.path.realpath(entry.path)
                        if self.is_elsewhere(target) and os.path.isfile(target):  # noqa: PTH113
                            yield entry.path, entry.stat()
                        else:
                            self.skip("symbolic link")
                    elif entry.is_dir():
                        waiting.append(entry.path)
                    elif entry.is_file():
                        yield entry.path, entry.stat()
                    else:
                        self.skip("special file")
                except OSError:
                    self.skip("vanished")

    def file(self, path: str) -> FileReport:
        """Judge one regular file; raises `Unjudged` or `_ScriptFound` for what is not ELF."""
        try:
            with _opened(path) as window:
                head = window.read(0, min(256, window.size))
                if head[:4] == elf.MAGIC:
                    return self.elf_file(path, window)
                if archive.is_archive(head):
                    return self.archive_file(path, window)
        except FileNotFoundError:
            raise Unjudged("vanished") from None
        except elf.ImageError as error:
            return _unreadable(path, "FILC-N901", f"the file cannot be read as ELF: {error}")
        except OSError as error:
            return _unreadable(path, "FILC-N902", f"the file cannot be read: {error.strerror}")
        if head[:2] == _SHEBANG:
            raise _ScriptFound(_interpreter(head))
        if head.startswith(_COMPRESSED):
            raise Unjudged("compressed file")
        raise Unjudged("not ELF")

    def again(self, path: str) -> FileReport | None:
        """Judge a file that was judged before; `None` where it has become something else."""
        try:
            return self.file(path)
        except (Unjudged, _ScriptFound):
            return None

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

    def elf_file(self, path: str, window: elf.Window) -> FileReport:
        content = self.contents.get(window.inode)
        if content is None or content.kind in ("debug", "object"):
            image = elf.Image(window)
            if image.complete().kind == "debug":
                raise Unjudged("split debug file")
            if _is_kernel_module(path, image):
                raise Unjudged("kernel module")
            content = self.contents[window.inode] = judge_content(path, image, self.policy)
        else:
            content = replace(content, path=path)
        findings = list(content.findings)
        verdict = content.verdict
        libraries: tuple[Library, ...] = ()
        if content.kind in ("executable", "library"):
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
        if inode not in self.contents:
            self.contents[inode] = None
            with contextlib.suppress(elf.ImageError, OSError), _opened(path) as window:
                self.contents[inode] = judge_content(path, elf.read_image(window), self.policy)
        return self.contents[inode]

    def loader(self, path: str) -> closure.Loader | None:
        """Return the rules of the loader at `path`, `None` if it is not readable ELF."""
        if path not in self.loaders:
            self.loaders[path] = None
            with contextlib.suppress(elf.ImageError, OSError), _opened(path) as window:
                self.loaders[path] = closure.describe_loader(path, elf.read_image(window))
        return self.loaders[path]

    # Archives

    def archive_file(self, path: str, window: elf.Window, depth: int = 0) -> FileReport:
        """Judge an archive by its members; raises `Unjudged` for one without any to judge."""
        found = _Members(abi.role_of(os.path.basename(path)) is not None)  # noqa: PTH119
        for member in archive.members(window):
            self.member(path, member, depth, found)
        if not found.reports:
            raise Unjudged("archive without ELF members")
        known = self.known_archive(path, tuple(found.hashes)) if found.plain else None
        if known is not None:
            return _known_archive_report(path, known, found.reports)
        return _archive_report(path, found.reports, {"not ELF": found.other, "without contents": found.empty})

    def member(self, path: str, member: archive.Member, depth: int, found: _Members) -> None:
        """Judge one member of the archive at `path` into `found`."""
        label = f"{path}({member.name})"
        try:
            with _member_window(path, member) as window:
                if window is None:
                    found.unreadable(label, "FILC-N407", "the file that the thin archive names is missing")
                elif archive.is_archive(window.read(0, min(8, window.size))):
                    found.plain = False
                    found.reports.append(self.nested(label, window, depth + 1))
                else:
                    image = elf.read_image(window)
                    if found.hashed:
                        found.hashes.append(image.code_hash())
                    if image.is_empty_object:
                        found.empty += 1
                        return
                    found.reports.append(
                        _member_report(label, judge_content(label, image, self.policy), image)
                    )
        except Unjudged:
            found.empty += 1
        except elf.NotElfError:
            if _is_bitcode(member):
                found.plain = False
                found.unreadable(label, "FILC-N412", "intermediate code: what becomes of it is open")
            else:
                found.other += 1
        except (elf.ImageError, OSError) as error:
            found.unreadable(label, "FILC-N901", f"the member cannot be read: {error}")

    def nested(self, label: str, window: elf.Window, depth: int) -> FileReport:
        """Judge an archive in an archive; raises `Unjudged` where there is nothing in it."""
        if depth > _MAX_DEPTH:
            return _unreadable(label, "FILC-N901", f"archives in archives, more than {_MAX_DEPTH} deep")
        return self.archive_file(label, window, depth)

    def known_archive(self, path: str, hashes: tuple[str | None, ...]) -> Runtime | None:
        """Return the runtime that has an archive with this name and the same code in its members."""
        name = os.path.basename(path)  # noqa: PTH119
        if abi.role_of(name) is None or not any(hashes):
            return None
        for runtime in self.policy.runtimes:
            twin = runtime.folder / name
            if twin not in self.archives:
                self.archives[twin] = _member_hashes(twin)
            if self.archives[twin] == hashes:
                return runtime
        return None


class _ScriptFound(Exception):  # noqa: N818  (a result, not a failure)
    def __init__(self, interpreter: str) -> None:
        super().__init__(interpreter)
        self.interpreter = interpreter


def _interpreter(head: bytes) -> str:
    return os.fsdecode(head[2:].split(b"\n", 1)[0].strip())


def _unreadable(path: str, code: str, message: str) -> FileReport:
    return FileReport(
        path=path,
        kind="other",
        verdict=UNREADABLE,
        simulated=False,
        confidence="none",
        findings=(Finding(code, message),),
    )


@contextlib.contextmanager
def _opened(path: str) -> Iterator[elf.Window]:
    """Open a regular file for reading by position; raise `ImageError` for any other kind of file."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise elf.ImageError("not a regular file")
        yield elf.Window(descriptor, 0, status.st_size, (status.st_dev, status.st_ino))
    finally:
        os.close(descriptor)


def _is_kernel_module(path: str, image: elf.Image) -> bool:
    """Return whether the kernel loads the file, and no process (Linux, kernel/module/main.c)."""
    if image.type != elf.ET_REL or not path.endswith(".ko"):
        return False
    return {".modinfo", ".gnu.linkonce.this_module"} <= {section.name for section in image.sections}


# Archives


@contextlib.contextmanager
def _member_window(path: str, member: archive.Member) -> Iterator[elf.Window | None]:
    """Give the contents of a member, of the file beside the archive if it is thin (`None`: missing)."""
    if member.window is not None:
        yield member.window
        return
    beside = os.path.join(os.path.dirname(path), member.name)  # noqa: PTH118, PTH120
    if not os.path.isfile(beside):  # noqa: PTH113
        yield None
        return
    with _opened(beside) as window:
        yield window


def _is_bitcode(member: archive.Member) -> bool:
    """Return whether a member is LLVM's intermediate code, which a linker turns into machine code."""
    window = member.window
    head = window.read(0, min(4, window.size)) if window is not None else b""
    return head in _BITCODE


def _member_hashes(path: Path) -> tuple[str | None, ...]:
    """Return the code hashes of an archive's members; empty for a file that is not one."""
    found: list[str | None] = []
    with contextlib.suppress(elf.ImageError, OSError), _opened(os.fspath(path)) as window:
        if not archive.is_archive(window.read(0, min(8, window.size))):
            return ()
        for member in archive.members(window):
            if member.window is not None:
                with contextlib.suppress(elf.NotElfError):
                    found.append(elf.read_image(member.window).code_hash())
        return tuple(found)
    return ()


def _member_report(label: str, content: Content, image: elf.Image) -> FileReport:
    findings = content.findings
    if image.kind != "object":
        findings = [*findings, Finding("FILC-N411", f"the member is no object file but of kind {image.kind}")]
    return FileReport(
        path=label,
        kind=image.kind,
        verdict=decide(content.verdict, findings),
        simulated=content.simulated,
        confidence=content.confidence,
        findings=tuple(findings),
        machine=machine_name(image.machine, image.bits),
        needed=image.needed,
        role=content.role,
        symbols=content.counts,
    )


@dataclass(slots=True)
class _Members:
    """The members of an archive so far.

    `hashed` asks for the hash of each one's code, `plain` says that there is no code of another kind among
    them (an archive, intermediate code), `other` and `empty` count what there is nothing to say of.
    """

    hashed: bool
    reports: list[FileReport] = field(default_factory=list)
    hashes: list[str | None] = field(default_factory=list)
    other: int = 0
    empty: int = 0
    plain: bool = True

    def unreadable(self, label: str, code: str, message: str) -> None:
        """Add a member that cannot be judged."""
        self.reports.append(_unreadable(label, code, message))


def _known_archive_report(path: str, runtime: Runtime, members: Sequence[FileReport]) -> FileReport:
    name = os.path.basename(path)  # noqa: PTH119
    role = abi.role_of(name)
    return FileReport(
        path=path,
        kind="archive",
        verdict=RUNTIME if role in abi.ORDINARY_ROLES else FILC,
        simulated=runtime.simulated,
        confidence="content of a known toolchain",
        findings=(Finding("FILC-I602", f"the {role} of {runtime.label} ({name})"),),
        machine=members[0].machine,
        role=role,
        toolchain=runtime.label,
    )


def _archive_report(path: str, members: Sequence[FileReport], skipped: dict[str, int]) -> FileReport:
    """Judge an archive by its members: one ordinary object among Fil-C ones makes it mixed."""
    verdicts = {member.verdict for member in members}
    findings: list[Finding] = []
    bad = [member for member in members if member.verdict in BAD]
    unknown = [member for member in members if member.verdict in (NO_EVIDENCE, UNREADABLE)]
    if bad:
        findings.append(
            Finding(
                "FILC-E408",
                f"{len(bad)} of {len(members)} members hold ordinary code",
                tuple(member.path for member in bad[:MAX_EVIDENCE]),
            )
        )
    if unknown:
        findings.append(
            Finding(
                "FILC-N409",
                f"{len(unknown)} of {len(members)} members could not be judged",
                tuple(member.path for member in unknown[:MAX_EVIDENCE]),
            )
        )
    if any(skipped.values()):
        reasons = ", ".join(f"{count} {reason}" for reason, count in skipped.items() if count)
        findings.append(Finding("FILC-I410", f"members that were not judged: {reasons}"))
    if bad and not verdicts & {FILC, RUNTIME, MIXED}:
        verdict = FOREIGN
    elif bad:
        verdict = MIXED
    elif verdicts == {UNREADABLE}:
        verdict = UNREADABLE
    elif unknown:
        verdict = NO_EVIDENCE
    else:
        verdict = FILC if FILC in verdicts else RUNTIME
    return FileReport(
        path=path,
        kind="archive",
        verdict=verdict,
        simulated=any(member.simulated for member in members),
        confidence="by member",
        findings=tuple(findings),
        machine=members[0].machine,
        members=tuple(members),
    )
