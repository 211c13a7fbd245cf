"""What one file says by itself: what kind of file it is, its contents judged, an archive's members judged.

Nothing here depends on other files, but for the archives of a known toolchain: others are compared with them.
"""

from __future__ import annotations

import contextlib
import os
import stat
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from filcross.elf import abi, archive
from filcross.elf import image as elf
from filcross.elf.contents import judge_content, machine_name
from filcross.elf.kept import identity
from filcross.elf.verdict import (
    BAD,
    FILC,
    FOREIGN,
    MAX_EVIDENCE,
    MIXED,
    NO_EVIDENCE,
    RUNTIME,
    UNREADABLE,
    FileReport,
    Finding,
    decide,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from filcross.elf.contents import Content
    from filcross.elf.kept import Identity
    from filcross.elf.policy import Policy, Runtime

_MAX_DEPTH = 4  # archives in archives
_SHEBANG = b"#!"
KERNEL_MODULE = "kernel module"
_COMPRESSED = (
    b"\x1f\x8b",
    b"\xfd7zXZ\0",
    b"\x28\xb5\x2f\xfd",
    b"BZh",
    b"\x04\x22\x4d\x18",
    b"LZIP",
    b"\x5d\0\0",
)


class Unjudged(Exception):  # noqa: N818  (a result, not a failure)
    """A file that is none of the inspector's business; the text is the reason it is counted under."""


class Said(NamedTuple):
    """What one file says by itself; exactly one of the four.

    `content` of an ELF file that is to be judged with its process, the whole `report` on an archive or on
    what cannot be read, the `interpreter` of a script, or the `reason` why a file is only counted. `lasting`
    is whether the same file will say the same: what could not be read may be readable next time, what a thin
    archive names is in other files, and a file may be another when it is opened than when it was found.
    """

    content: Content | None = None
    report: FileReport | None = None
    interpreter: str | None = None
    reason: str | None = None
    lasting: bool = True


@cache
def counted(reason: str) -> Said:
    """Return what is said of every file that is counted under `reason`: there are very many."""
    return Said(reason=reason)


class Reader:
    """Reads files and judges them by themselves, under one policy."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.archives: dict[Path, _Code | None] = {}
        self.looked_beside = False  # for what a thin archive names

    def said(self, path: str, expected: Identity | None = None) -> Said:
        """Return what the regular file at `path` says, not lasting if it is not the one `expected`."""
        try:
            with opened(path) as window:
                try:
                    said = self.open_file(path, window)
                except Unjudged as reason:
                    said = counted(str(reason))
                if expected is not None and identity(os.fstat(window.descriptor)) != expected:
                    said = said._replace(lasting=False)
                return said
        except FileNotFoundError:
            return Said(reason="vanished", lasting=False)
        except elf.ImageError as error:
            report = _unreadable(path, "FILC-N901", f"the file cannot be read as ELF: {error}")
            return Said(report=report, lasting=False)
        except OSError as error:
            report = _unreadable(path, "FILC-N902", f"the file cannot be read: {error.strerror}")
            return Said(report=report, lasting=False)

    def open_file(self, path: str, window: elf.Window) -> Said:
        """Return what a file says that is open; raises what `said` catches."""
        head = window.read(0, min(256, window.size))
        if head[:4] == elf.MAGIC:
            return Said(content=self.elf_file(path, window))
        if archive.is_archive(head):
            self.looked_beside = head[:8] == archive.THIN_MAGIC
            try:
                return Said(report=self.archive_file(path, window), lasting=not self.looked_beside)
            except Unjudged as reason:
                return Said(reason=str(reason), lasting=not self.looked_beside)
        if head[:2] == _SHEBANG:
            return Said(interpreter=_interpreter(head))
        raise Unjudged("compressed file" if head.startswith(_COMPRESSED) else "not ELF")

    def elf_file(self, path: str, window: elf.Window) -> Content:
        """Judge an ELF file by its contents; raises `Unjudged` for one that no process loads."""
        image = elf.read_image(window)
        if image.kind == "debug" or _is_split_dwarf(image):
            raise Unjudged("split debug file")
        if _is_kernel_module(path, image):
            raise Unjudged(KERNEL_MODULE)
        return judge_content(path, image, self.policy)

    def content(self, path: str) -> Content | None:
        """Return what the contents of the ELF file at `path` show, of any kind; `None` where it is none."""
        with contextlib.suppress(elf.ImageError, OSError), opened(path) as window:
            return judge_content(path, elf.read_image(window), self.policy)
        return None

    # Archives

    def archive_file(self, path: str, window: elf.Window, depth: int = 0) -> FileReport:
        """Judge an archive by its members; raises `Unjudged` for one without any to judge."""
        known = self.known_archive(path, window)
        if known is not None:
            return known
        found = _Members()
        for member in archive.members(window):
            self.member(path, member, depth, found)
        if not found.reports:
            raise Unjudged("archive without ELF members")
        return _archive_report(path, found.reports, {"not ELF": found.other, "without contents": found.empty})

    def member(self, path: str, member: archive.Member, depth: int, found: _Members) -> None:
        """Judge one member of the archive at `path` into `found`."""
        label = f"{path}({member.name})"
        self.looked_beside |= member.window is None
        try:
            with _member_window(path, member) as window:
                if window is None:
                    found.unreadable(label, "FILC-N407", "the file that the thin archive names is missing")
                elif archive.is_archive(window.read(0, min(8, window.size))):
                    found.reports.append(self.nested(label, window, depth + 1))
                else:
                    image = elf.read_image(window)
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

    def known_archive(self, path: str, window: elf.Window) -> FileReport | None:
        """Return the report on an archive that has the name and the code of a toolchain's, else `None`."""
        name = os.path.basename(path)  # noqa: PTH119
        if abi.role_of(name) is None or not self.policy.runtimes:
            return None
        code = _code(window)
        if code is None:
            return None
        for runtime in self.policy.runtimes:
            twin = runtime.folder / name
            if twin not in self.archives:
                self.archives[twin] = _code_of_file(twin)
            if self.archives[twin] == code:
                return _known_archive_report(path, runtime, code.machine)
        return None


def judge_window(path: str, window: elf.Window, policy: Policy) -> FileReport:
    """Judge an ELF file or an archive that is open already, without what it would load.

    Raises `Unjudged` for what is not to be judged, `ImageError` for what cannot be read.
    """
    if archive.is_archive(window.read(0, min(8, window.size))):
        return Reader(policy).archive_file(path, window)
    image = elf.read_image(window)
    return _member_report(path, judge_content(path, image, policy), image)


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
def opened(path: str) -> Iterator[elf.Window]:
    """Open a regular file for reading by position; raise `ImageError` for any other kind of file."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise elf.ImageError("not a regular file")
        yield elf.Window(descriptor, 0, status.st_size, (status.st_dev, status.st_ino))
    finally:
        os.close(descriptor)


def _is_split_dwarf(image: elf.Image) -> bool:
    """Return whether an object file holds debugging information and nothing to link (GCC's `.dwo` files)."""
    debugging = (".debug_", ".zdebug_")
    return image.is_empty_object and any(section.name.startswith(debugging) for section in image.sections)


def is_module_name(path: str) -> bool:
    """Return whether a path is that of a kernel module, by its name."""
    return path.endswith(".ko")


def _is_kernel_module(path: str, image: elf.Image) -> bool:
    """Return whether the kernel loads the file, and no process (Linux, kernel/module/main.c)."""
    if image.type != elf.ET_REL or not is_module_name(path):
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
    with opened(beside) as window:
        yield window


def _is_bitcode(member: archive.Member) -> bool:
    """Return whether a member is LLVM's intermediate code, which a linker turns into machine code."""
    window = member.window
    head = window.read(0, min(4, window.size)) if window is not None else b""
    return head in archive.BITCODE


class _Code(NamedTuple):
    """What is in an archive: for what machine, and a hash of each member's code."""

    machine: str
    hashes: tuple[str | None, ...]


def _code_of_file(path: Path) -> _Code | None:
    with contextlib.suppress(elf.ImageError, OSError), opened(os.fspath(path)) as window:
        return _code(window) if archive.is_archive(window.read(0, min(8, window.size))) else None
    return None


def _code(window: elf.Window) -> _Code | None:
    """Return what is in an archive of object files, `None` where anything else may be code in it."""
    machine, hashes = "", []
    for member in archive.members(window):
        if member.window is None or archive.is_archive(member.window.read(0, min(8, member.window.size))):
            return None
        try:
            image = elf.read_image(member.window)
            hashes.append(image.code_hash())
        except elf.NotElfError:
            if _is_bitcode(member):
                return None
        except (elf.ImageError, OSError):
            return None
        else:
            machine = machine or ("" if image.is_empty_object else machine_name(image.machine, image.bits))
    return _Code(machine, tuple(hashes)) if machine and any(hashes) else None


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
    """The members of an archive so far; `other` and `empty` count what there is nothing to say of."""

    reports: list[FileReport] = field(default_factory=list)
    other: int = 0
    empty: int = 0

    def unreadable(self, label: str, code: str, message: str) -> None:
        """Add a member that cannot be judged."""
        self.reports.append(_unreadable(label, code, message))


def _known_archive_report(path: str, runtime: Runtime, machine: str) -> FileReport:
    name = os.path.basename(path)  # noqa: PTH119
    role = abi.role_of(name)
    return FileReport(
        path=path,
        kind="archive",
        verdict=RUNTIME if role in abi.ORDINARY_ROLES else FILC,
        simulated=runtime.simulated,
        confidence="content of a known toolchain",
        findings=(Finding("FILC-I602", f"the {role} of {runtime.label} ({name})"),),
        machine=machine,
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
        confidence="its members",
        findings=tuple(findings),
        machine=members[0].machine,
        members=tuple(members),
    )
