"""What a name in a file is: where it stands, who provides and who asks for it, and why it is judged so."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from filcross.elf import abi, archive
from filcross.elf import image as elf

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from filcross.elf.image import Image, Symbol, SymbolTable
    from filcross.elf.policy import Policy
    from filcross.elf.verdict import FileReport

# Sources as in `filcross.elf.abi`.
_FORMS = (
    (re.compile(rb"pizlonated_(.+)", re.DOTALL), "a Fil-C getter, which gives the address of {}"),
    (re.compile(rb"pizlonatedFIP[0-9]+_(.+)", re.DOTALL), "a Fil-C fast entry: the body of {}"),
    (re.compile(rb"pizlonatedFI[0-9]+_(.+)", re.DOTALL), "a Fil-C alias of, or call thunk to, {}"),
    (re.compile(rb"pizlonatedFO_(.+)", re.DOTALL), "the Fil-C function object of {}"),
    (re.compile(rb"pizlonatedGP_(.+)", re.DOTALL), "the Fil-C pointer to the variable {}"),
    (re.compile(rb"pizlonatedGS_(.+)", re.DOTALL), "the Fil-C initialiser of the variable {}"),
    (re.compile(rb"pizlonatedDO_(.+)", re.DOTALL), "the Fil-C data of the variable {}"),
    (re.compile(rb"pizlonated1(ET[0-9]+)", re.DOTALL), "a Fil-C thunk for indirect calls ({})"),
    (re.compile(rb"pizlonated2(ET[0-9]+)", re.DOTALL), "a Fil-C thunk for generic calls ({})"),
)
_BINDINGS = {elf.STB_LOCAL: "local", 1: "global", elf.STB_WEAK: "weak", 10: "unique"}
_TYPES = {0: "symbol", 1: "data", elf.STT_FUNC: "function", 5: "common data", 6: "thread-local data"}
_TYPES[elf.STT_GNU_IFUNC] = "indirect function"
_CODE = frozenset({elf.STT_FUNC, elf.STT_GNU_IFUNC})


@dataclass(frozen=True, slots=True)
class Place:
    """One symbol of a name: the file or member, which table, `defined` or imported, what it is, whose.

    `source` is the source file that the table names before a local symbol (empty: none).
    """

    file: str
    table: str
    defined: bool
    description: str
    source: str


@dataclass(frozen=True, slots=True)
class Name:
    """A name, what it is (`meaning`), why it is judged so (`judgement`), and whether that is `good`.

    `providers` are the files of the process that define it, with their verdicts, `users` those that
    import it.
    """

    name: str
    meaning: str
    judgement: str
    good: bool
    places: tuple[Place, ...]
    providers: tuple[tuple[str, str], ...]
    users: tuple[str, ...]


def names(
    file: FileReport, wanted: str, policy: Policy, users: Sequence[FileReport] = ()
) -> tuple[Name, ...]:
    """Return every name in a file that is `wanted`, or a Fil-C form of it (`puts`: `pizlonated_puts` …).

    The process is that of the report; `users` are other files that load this one (`loaded_by`). Raises
    `ImageError` or `OSError` where the file cannot be read any more.
    """
    found: dict[bytes, list[tuple[Image, Symbol, Place]]] = {}
    for label, image in _images(file.path):
        for symbol, place in _symbols(image, label):
            name = _plain(symbol.name)
            if _is_wanted(name, wanted.encode("utf-8", "surrogateescape")):
                found.setdefault(name, []).append((image, symbol, place))
    others = _others(file, users)
    return tuple(_name(name, entries, file, policy, others) for name, entries in sorted(found.items()))


def meaning_of(name: bytes) -> str:
    """Return what a name says by its form."""
    for pattern, text in _FORMS:
        match = pattern.fullmatch(name)
        if match is not None:
            return text.format(match[1].decode("utf-8", "backslashreplace"))
    if name.startswith(abi.CHECK_PREFIX):
        return "a name of Fil-C's runtime, which libpizlo.so provides"
    return "an ordinary name: no form of Fil-C's"


def _name(
    name: bytes,
    entries: Sequence[tuple[Image, Symbol, Place]],
    file: FileReport,
    policy: Policy,
    others: Sequence[tuple[str, str, frozenset[bytes], frozenset[bytes]]],
) -> Name:
    judgement, good = _judgement(name, entries, file, policy)
    own = ((file.path, file.verdict),) if any(place.defined for _, _, place in entries) else ()
    return Name(
        name=name.decode("utf-8", "backslashreplace"),
        meaning=meaning_of(name),
        judgement=judgement,
        good=good,
        places=tuple(dict.fromkeys(place for _, _, place in entries)),
        providers=(*own, *((path, verdict) for path, verdict, exports, _ in others if name in exports)),
        users=tuple(path for path, _, _, imports in others if name in imports),
    )


def _judgement(
    name: bytes, entries: Sequence[tuple[Image, Symbol, Place]], file: FileReport, policy: Policy
) -> tuple[str, bool]:
    """Return why a name is judged as it is, and whether it is good."""
    text = name.decode("utf-8", "backslashreplace")
    told = [
        finding
        for finding in (*file.findings, *(item for member in file.members for item in member.findings))
        if finding.severity in ("error", "unknown")
        and any(_mentions(item, text) for item in finding.evidence)
    ]
    if told:
        return "; ".join(f"{finding.code}: {finding.message}" for finding in told), False
    if file.role is not None and file.toolchain is not None:
        return f"the file is the {file.role} of {file.toolchain}, which may hold it", True
    if abi.is_filc_name(name) or name.startswith(abi.CHECK_PREFIX):
        return "nothing speaks against it", True
    reasons = []
    for image, symbol, place in entries:
        code = symbol.type in _CODE or (not symbol.type and symbol.section in image.code_indexes)
        rule = policy.baseline.rule(name, defined=place.defined, kind=image.kind, code=code and place.defined)
        if rule is None:
            return "no baseline allows it", False
        reasons.append(rule.reason)
    return f"a healthy file may hold it: {'; '.join(dict.fromkeys(reasons))}", True


def _mentions(evidence: str, name: str) -> bool:
    return evidence.split(" from ", 1)[0].split("@", 1)[0] == name


def _is_wanted(name: bytes, wanted: bytes) -> bool:
    if name == wanted:
        return True
    return any(match[1] == wanted for pattern, _ in _FORMS if (match := pattern.fullmatch(name)) is not None)


def _plain(name: bytes) -> bytes:
    return name.split(b"@", 1)[0]


def _images(path: str) -> Iterator[tuple[str, Image]]:
    """Yield the file, or the members of the archive, each with what to call it."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        window = elf.Window(descriptor)
        if not archive.is_archive(window.read(0, min(8, window.size))):
            yield path, elf.read_image(window)
            return
        for member in archive.members(window):
            if member.window is not None:
                try:
                    yield f"{path}({member.name})", elf.read_image(member.window)
                except elf.ImageError:
                    continue
    finally:
        os.close(descriptor)


def _symbols(image: Image, label: str) -> Iterator[tuple[Symbol, Place]]:
    tables: tuple[tuple[str, SymbolTable | None], ...] = (
        ("dynamic symbols", image.dynamic_symbols),
        ("symbol table", image.symbols),
    )
    for title, table in tables:
        source = ""
        for symbol in table.symbols() if table is not None else ():
            if symbol.type == elf.STT_FILE:
                source = symbol.name.decode("utf-8", "backslashreplace")
                continue
            defined = symbol.section != elf.SHN_UNDEF
            kind = _TYPES.get(symbol.type, f"symbol of type {symbol.type}")
            described = f"{_BINDINGS.get(symbol.bind, 'other')} {kind}"
            if defined and symbol.size:
                described += f" of {symbol.size} bytes"
            if defined and symbol.section < len(image.sections):
                described += f" in {image.sections[symbol.section].name}"
            local = symbol.bind == elf.STB_LOCAL
            yield symbol, Place(label, title, defined, described, source if local else "")


def _others(
    file: FileReport, users: Sequence[FileReport]
) -> list[tuple[str, str, frozenset[bytes], frozenset[bytes]]]:
    """Return the other files of the process: path, verdict, and the names that each exports and imports.

    Of `users` only the imports count: what they define is another process'.
    """
    found = []
    process = {item.path: item.verdict or "not judged" for item in file.libraries if item.path}
    for path, verdict in ({user.path: user.verdict for user in users} | process).items():
        try:
            names = list(_dynamic_names(path))
        except (elf.ImageError, OSError):
            continue
        exports = frozenset(name for name, defined in names if defined and path in process)
        found.append((path, verdict, exports, frozenset(name for name, defined in names if not defined)))
    return found


def _dynamic_names(path: str) -> Iterator[tuple[bytes, bool]]:
    """Yield the names in a file's dynamic symbols, and whether it defines them."""
    for _, image in _images(path):
        table = image.dynamic_symbols
        for symbol in table.symbols() if table is not None else ():
            yield _plain(symbol.name), symbol.section != elf.SHN_UNDEF


def loaded_by(files: Sequence[FileReport], path: str) -> tuple[FileReport, ...]:
    """Return the files whose process holds the file at `path`, those of bad verdict first."""
    real = os.path.realpath(path)
    found = [
        file
        for file in files
        if any(library.path and os.path.realpath(library.path) == real for library in file.libraries)
    ]
    return tuple(sorted(found, key=lambda file: (file.outcome != "bad", file.path)))


def only(report_files: Sequence[FileReport], path: str) -> FileReport | None:
    """Return the report about the file at `path`, under whatever name or link it is asked for."""
    real = os.path.realpath(path)
    for file in report_files:
        if real in map(os.path.realpath, (file.path, *file.same_as)):
            return file
    return None
