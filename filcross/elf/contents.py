"""What a file's contents alone show: symbols, notes, producers, known code."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from filcross.elf import abi, baseline, codemap, ordinary, strings, wrappers
from filcross.elf import image as elf
from filcross.elf.layout import layout_findings
from filcross.elf.verdict import FILC, FOREIGN, MAX_EVIDENCE, NO_EVIDENCE, RUNTIME, Finding, decide

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from filcross.elf.baseline import Baseline
    from filcross.elf.policy import Known, Policy

_CODE_TYPES = frozenset({elf.STT_FUNC, elf.STT_GNU_IFUNC})
_GETTER = b"pizlonated_"
_OBJECTS = (b"pizlonatedFO_", b"pizlonatedGP_", b"pizlonatedGS_", b"pizlonatedDO_")
_FUNCTION_OBJECT = 40
_KINDS = frozenset({"executable", "library", "object", "static"})


class _Origin(NamedTuple):
    """What a file's contents say of where it comes from.

    The roles that it has as a known file, the names of its runtimes, and the versions of Fil-C that made it.
    """

    roles: frozenset[str]
    runtimes: frozenset[str]
    made_by: frozenset[str] | set[str]


@dataclass(slots=True)
class Content:
    """What a file's contents alone say; also all that the resolver asks about a library.

    `ordinary` holds the names that a baseline allows: name, whether it is defined here, whether it is code.
    `versions` are those of Fil-C that compiled parts of it, where it says so.
    """

    path: str
    kind: str
    bits: int = 64
    machine: int = 0
    interpreter: str | None = None
    needed: tuple[str, ...] = ()
    soname: str | None = None
    rpath: str | None = None
    runpath: str | None = None
    filters: tuple[str, ...] = ()
    verdict: str = NO_EVIDENCE
    simulated: bool = False
    confidence: str = ""
    findings: list[Finding] = field(default_factory=list)
    known: tuple[Known, ...] = ()
    exports: frozenset[bytes] = frozenset()
    imports: tuple[tuple[bytes, bool], ...] = ()
    counts: tuple[int, int] = (0, 0)
    main_size: int | None = None
    may_load: tuple[str, ...] = ()
    wraps: str | None = None
    versions: frozenset[str] = frozenset()
    ordinary: tuple[tuple[bytes, bool, bool], ...] = ()
    complete: bool = True
    _origin: _Origin | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def judgeable(self) -> bool:
        """Whether the file is for the one processor that is judged."""
        return self.machine == elf.EM_X86_64 and self.bits == 64  # noqa: PLR2004

    @property
    def role(self) -> str | None:
        """The role of a known runtime file, `None` for any other."""
        return self.known[0].file.role if self.known else None

    @property
    def roles(self) -> frozenset[str]:
        """All roles that a known file has (musl's loader is also its C library)."""
        return self.origin.roles

    @property
    def origin(self) -> _Origin:
        """Where the file comes from, told when its contents are judged wholly."""
        if self._origin is None:
            self._origin = _Origin(
                frozenset(known.file.role for known in self.known),
                frozenset(known.runtime.name for known in self.known),
                (self.versions or {known.runtime.version for known in self.known[:1]}) - {""},
            )
        return self._origin


@dataclass(slots=True)
class _Names:
    """The symbols of one file, sorted by what they say.

    `more` counts the ordinary imports, code and data whose names are not held.
    """

    filc_defined: int = 0
    filc_imported: int = 0
    checks: list[bytes] = field(default_factory=list)
    exports: list[bytes] = field(default_factory=list)
    imports: list[tuple[bytes, bool]] = field(default_factory=list)
    ordinary_imports: set[bytes] = field(default_factory=set)
    ordinary_code: set[bytes] = field(default_factory=set)
    ordinary_local: dict[tuple[bytes, bytes], None] = field(default_factory=dict)
    ordinary_data: set[bytes] = field(default_factory=set)
    more: list[int] = field(default_factory=lambda: [0, 0, 0])
    files: Counter[bytes] = field(default_factory=Counter)
    areas: list[codemap.Area] = field(default_factory=list)
    getters: set[bytes] = field(default_factory=set)
    objects: set[bytes] = field(default_factory=set)
    misshapen: dict[bytes, None] = field(default_factory=dict)
    main_size: int | None = None
    starts: bool = False
    total: int = 0
    static_table: bool = False
    baseline: Baseline = field(default_factory=baseline.built_in)
    allowed: dict[tuple[bytes, bool, bool], None] = field(default_factory=dict)


def judge_content(path: str, image: elf.Image, policy: Policy) -> Content:
    """Judge a file by what is in it, not by what it would load."""
    content = Content(
        path=path,
        kind=image.kind,
        bits=image.bits,
        machine=image.machine,
        interpreter=image.interpreter,
        needed=image.needed,
        soname=image.soname,
        rpath=image.rpath,
        runpath=image.runpath,
        filters=image.filters,
    )
    note = abi.simulator_note(image.notes)
    content.simulated = note is not None
    names = _sort_names(image, policy.baseline)
    content.counts = (names.filc_defined, names.filc_imported)
    content.exports = frozenset(names.exports)
    content.imports = tuple(names.imports)
    content.main_size = names.main_size
    content.ordinary = tuple(names.allowed)
    content.known = policy.recognise(image)
    content.versions = abi.versions(image.producers)
    if content.known:
        _judge_known(content)
    elif not content.judgeable:
        _judge_other_machine(content)
    elif names.filc_defined or names.filc_imported or note is not None:
        _judge_filc(content, image, names, note, policy)
        _judge_toolchain(content, policy)
    else:
        _judge_ordinary(content, image, names)
        prefixes = (abi.PREFIX, abi.CHECK_PREFIX)  # what may stand in Fil-C code's way
        content.exports = frozenset(name for name in names.exports if name.startswith(prefixes))
        content.imports = ()
    return content


def _judge_known(content: Content) -> None:
    known = content.known[0]
    content.simulated = known.runtime.simulated
    content.verdict = RUNTIME if known.file.role in abi.ORDINARY_ROLES else FILC
    content.confidence = "content of a known toolchain"
    content.findings.append(
        Finding("FILC-I602", f"the {known.file.role} of {known.runtime.label} ({known.file.name})")
    )


def _judge_other_machine(content: Content) -> None:
    name = machine_name(content.machine, content.bits)
    content.confidence = "none"
    content.findings.append(Finding("FILC-N404", f"the file is for {name}; only x86-64 is judged"))
    content.exports, content.imports = frozenset(), ()


def _judge_ordinary(content: Content, image: elf.Image, names: _Names) -> None:
    """Judge a file without any name of Fil-C: foreign, or nothing to judge it by."""
    found = content.findings
    _ordinary_findings(content, names)
    producers = _compilers(image)
    if found or (names.total and image.code_size):
        content.verdict = FOREIGN
        content.confidence = "symbols" if names.static_table else "dynamic symbols"
        found.append(
            Finding(
                "FILC-E305",
                "no symbol of the file has a Fil-C name: ordinary code",
                producers,
            )
        )
        return
    content.confidence = "none"
    if content.kind == "static":
        found.append(
            Finding(
                "FILC-N401",
                "a static file without symbols: nothing shows whose code it holds",
                producers,
            )
        )
    elif content.kind not in _KINDS:
        found.append(_other_kind())
    else:
        found.append(Finding("FILC-N403", "the file has no symbols or no code to judge it by", producers))


def _judge_filc(
    content: Content,
    image: elf.Image,
    names: _Names,
    note: abi.SimulatorNote | None,
    policy: Policy,
) -> None:
    """Judge a file with Fil-C names or the simulator's note: filc, mixed, or not shown."""
    found = content.findings
    if image.type != elf.ET_REL:
        found.extend(layout_findings(image))
    compilers = tuple(text for text in _compilers(image) if text not in policy.producers)
    if compilers and policy.runtimes:
        found.append(Finding("FILC-E307", "holds objects of another compiler", compilers))
    if note is not None:
        _judge_noted(content, image, names, note, policy)
    else:
        _judge_real(content, image, names, policy)
    if len(content.versions) > 1:
        found.append(
            Finding(
                "FILC-E214", "holds objects of different versions of Fil-C", tuple(sorted(content.versions))
            )
        )
    _kind_findings(content)
    texts = strings.read_only_texts(image)
    content.may_load = strings.may_load(image, content.imports, texts)
    content.wraps = wrappers.started_by_program(texts)
    panics = strings.gave_up(texts)
    if panics:
        found.append(Finding("FILC-I322", "the compiler gave up on some code: a panic stands for it", panics))
    if image.filters:
        found.append(Finding("FILC-N210", "the file asks for filter or audit libraries", image.filters))
    content.verdict = decide(FILC, found)


def _judge_noted(
    content: Content, image: elf.Image, names: _Names, note: abi.SimulatorNote, policy: Policy
) -> None:
    """Judge a file of the simulator by its notes: all its code must be where they say."""
    found = content.findings
    code = "FILC-E308" if policy.runtimes else "FILC-N406"  # start-up code is the toolchain's to know
    problems: list[Finding] = []
    for base in codemap.image_bases(image):
        problems = [*_code_findings(image, codemap.note_areas(image, note, base), policy, code)]
        if not problems:
            break
    content.confidence = "notes and " + ("full symbol table" if names.static_table else "dynamic symbols")
    content.complete = content.kind != "static" or (names.starts and not problems)
    if note.raw:
        found.append(Finding("FILC-E315", "holds code that was assembled past the compiler", note.raw))
    if content.kind != "static" or not content.complete:
        _ordinary_findings(content, names)
        _local_findings(content, names, note)
    found.extend(problems)


def _judge_real(content: Content, image: elf.Image, names: _Names, policy: Policy) -> None:
    """Judge a file of a real toolchain by what its compiler leaves in it."""
    found = content.findings
    content.complete = content.kind != "static"
    if not content.complete and names.starts:  # the runtime is inside, ordinary code as it is
        content.confidence = "names only"
        return
    _ordinary_findings(content, names)
    if not names.checks:
        content.confidence = "names only"
        found.append(
            Finding(
                "FILC-N402",
                "the names are Fil-C's, but nothing shows that its compiler instrumented the code: "
                "no runtime check is imported",
            )
        )
        return
    tables = "full symbol table" if names.static_table else "dynamic symbols"
    content.confidence = f"instrumentation and {tables}"
    if content.kind not in policy.baseline.measured:
        content.confidence += ", built-in baseline"
    found.extend(_shape_findings(image, names, policy))
    if names.ordinary_local:
        found.append(
            Finding(
                "FILC-N314",
                f"local symbols without a Fil-C name ({len(names.ordinary_local)}): nothing shows if "
                "the compiler made them or an ordinary object",
                packed=_packed({name for name, _ in names.ordinary_local}),
            )
        )
    elif not names.ordinary_code:
        found.extend(_code_findings(image, names.areas, policy, "FILC-N321"))


def _kind_findings(content: Content) -> None:
    found = content.findings
    if content.kind not in _KINDS:
        found.append(_other_kind())
    if not content.complete:
        found.append(
            Finding("FILC-N405", "a static file: the runtime's ordinary code cannot be told from other code")
        )


def _other_kind() -> Finding:
    return Finding("FILC-N316", "neither a program nor a library nor an object file")


def _judge_toolchain(content: Content, policy: Policy) -> None:
    if not policy.runtimes:
        content.findings.append(Finding("FILC-N208", "no toolchain is known to judge the file by"))
        content.verdict = decide(content.verdict, content.findings)
    if content.simulated and not policy.simulated_allowed:
        content.findings.append(
            Finding("FILC-E501", "made by the ABI simulator, in a closure of a real toolchain")
        )
        content.verdict = FOREIGN


def _ordinary_findings(content: Content, names: _Names) -> None:
    for code, what, table, more in (
        ("FILC-E301", "imports ordinary symbols", names.ordinary_imports, names.more[0]),
        ("FILC-E302", "holds ordinary functions", names.ordinary_code, names.more[1]),
        ("FILC-E303", "defines ordinary data or labels", names.ordinary_data, names.more[2]),
    ):
        if table:
            content.findings.append(Finding(code, f"{what} ({len(table) + more})", packed=_packed(table)))
    ordinary = tuple(name for name in content.needed if abi.is_ordinary_soname(name))
    if ordinary:
        content.findings.append(Finding("FILC-E201", "needs libraries of the ordinary system", ordinary))
    if content.interpreter is not None and not abi.LOADER_NAME.search(content.interpreter):
        content.findings.append(
            Finding("FILC-E101", "the loader is not that of a Fil-C sandwich", (content.interpreter,))
        )


def _local_findings(content: Content, names: _Names, note: abi.SimulatorNote) -> None:
    """Look for what an object without the note leaves in the symbol table of a file with it."""
    found = content.findings
    accounted = {os.fsencode(origin): count for origin, count in note.origins.items()}
    prefix = abi.PREFIX + b"_"  # a simulator may prefix local symbols too, those of files among them
    accounted |= {prefix + origin: count for origin, count in accounted.items()}
    files = {name: None for name, count in names.files.items() if count > accounted.get(name, 0)}
    if files:
        found.append(
            Finding(
                "FILC-E310", "holds object files that the simulator did not compile", packed=_packed(files)
            )
        )
    stripped = not names.files  # `strip --strip-debug` keeps local symbols, and drops whose they are
    local = {
        name: None
        for name, file in names.ordinary_local
        if file in files or (file not in accounted and not stripped)
    }
    if local:
        found.append(
            Finding("FILC-E312", f"local symbols of ordinary objects ({len(local)})", packed=_packed(local))
        )


def _shape_findings(image: elf.Image, names: _Names, policy: Policy) -> Iterator[Finding]:
    """Look for the marks that the real compiler leaves and renaming symbols does not.

    Since 0.679 each getter comes with a function object or the objects of a variable; before, and where no
    such name is left, the compiler's name in `.comment` must be the one that the toolchain's own files have.
    """
    if names.objects:
        alone = {_GETTER + name: None for name in names.getters - names.objects}
        if alone or names.misshapen:
            yield Finding(
                "FILC-N402",
                "functions with Fil-C's names, but without its function objects: so is renamed ordinary code",
                packed=_packed(alone | names.misshapen),
            )
    elif names.getters and policy.real and all(item.function_objects for item in policy.real):
        yield Finding(
            "FILC-N402",
            "functions with Fil-C's names, but without the function objects that this toolchain makes",
            packed=_packed(dict.fromkeys(_GETTER + name for name in names.getters)),
        )
    elif not any(text in policy.producers for text in _compilers(image)):
        yield Finding(
            "FILC-N402",
            "the names are Fil-C's, but neither function objects nor the compiler's name show its compiler",
        )


def _code_findings(
    image: elf.Image, areas: Iterable[codemap.Area], policy: Policy, code: str
) -> Iterator[Finding]:
    """Say which of the file's code nothing accounts for."""
    startup = tuple(pattern for runtime in policy.runtimes for pattern in runtime.startup)
    left = codemap.unaccounted(image, areas, startup)
    if left:
        yield Finding(
            code,
            f"holds {sum(area.size for area in left)} bytes of code that nothing accounts for",
            tuple(
                f"{area.size} bytes at {area.start:#x}"
                + (f" of {image.sections[area.section].name}" if area.section >= 0 else "")
                for area in left[:MAX_EVIDENCE]
            ),
        )


def _compilers(image: elf.Image) -> tuple[str, ...]:
    return tuple(
        text for text in image.producers if text.startswith("GCC:") or "clang" in text or "rustc" in text
    )


def _packed(names: Collection[bytes]) -> str:
    """Return the first of some names as the packed evidence of a finding."""
    chosen = sorted(names)[:MAX_EVIDENCE]
    return b"\0".join([*chosen, b""]).decode("utf-8", "backslashreplace")


# Symbols


def _sort_names(image: elf.Image, allowed: Baseline) -> _Names:
    names = _Names(static_table=image.symbols is not None and len(image.symbols) > 1, baseline=allowed)
    tables = [table for table in (image.dynamic_symbols, image.symbols) if table is not None]
    named = any(abi.has_filc_names(table.strings) for table in tables)
    if not named and abi.simulator_note(image.notes) is None:
        _sort_ordinary(image, tables, names)
        return names
    if image.dynamic_symbols is not None:
        _sort_table(image, image.dynamic_symbols, names, dynamic=True)
    if image.symbols is not None:
        _sort_table(image, image.symbols, names, dynamic=False)
    return names


def _sort_ordinary(image: elf.Image, tables: list[elf.SymbolTable], names: _Names) -> None:
    """Sort the symbols of a file without any name of Fil-C: only evidence that it is ordinary is wanted.

    The second table is read only where the first has none.
    """
    known = _allowed_names()
    groups: list[set[bytes]] = [set(), set(), set()]
    for table in tables:
        found = ordinary.Classes(image, table)
        names.total += found.total
        for number, offsets in enumerate(found.offsets()):
            if not offsets:
                continue
            last = table is tables[-1] or groups[0] or groups[1]
            most = MAX_EVIDENCE if last and not groups[number] else None
            chosen = ordinary.names(table, offsets, known, most)
            groups[number] = chosen.held | groups[number] if groups[number] else chosen.held
            names.more[number] += chosen.more
        if groups[0] or groups[1]:
            break
    names.ordinary_imports, names.ordinary_code, names.ordinary_data = groups


@cache
def _allowed_names() -> frozenset[bytes]:
    return frozenset(baseline.built_in().entries)


def _sort_table(image: elf.Image, table: elf.SymbolTable, names: _Names, *, dynamic: bool) -> None:
    """Sort one table's symbols into `names`; local symbols belong to the file symbol before them."""
    linked = dynamic or image.type == elf.ET_REL
    kind = image.kind
    file = b""
    for symbol in table.symbols():
        local = symbol.bind == elf.STB_LOCAL and not dynamic
        if symbol.type == elf.STT_SECTION and local:
            continue
        names.total += 1
        name = symbol.name if dynamic else symbol.name.split(b"@", 1)[0]
        if symbol.type == elf.STT_FILE and local:
            file = symbol.name
            if name not in names.baseline.files:
                names.files[file] += 1
        elif not name:
            continue
        elif symbol.section == elf.SHN_UNDEF:
            _sort_import(symbol, name, names, kind, linked=linked)
        else:
            _sort_definition(image, symbol, name, names, kind, linked=linked, file=file)


def _sort_import(symbol: elf.Symbol, name: bytes, names: _Names, kind: str, *, linked: bool) -> None:
    weak = symbol.bind == elf.STB_WEAK
    if linked:
        names.imports.append((name, weak))
    if abi.is_filc_name(name):
        names.filc_imported += 1
    elif name.startswith(abi.CHECK_PREFIX):
        if linked and name != abi.START_PROGRAM and not weak:
            names.checks.append(name)
    elif names.baseline.allows(name, defined=False, kind=kind, code=False):
        names.allowed[name, False, False] = None
    else:
        names.ordinary_imports.add(name)


def _sort_definition(
    image: elf.Image,
    symbol: elf.Symbol,
    name: bytes,
    names: _Names,
    kind: str,
    *,
    linked: bool,
    file: bytes,
) -> None:
    visible = symbol.bind != elf.STB_LOCAL and symbol.visibility in (elf.STV_DEFAULT, elf.STV_PROTECTED)
    if linked and visible:
        names.exports.append(name)
    if abi.is_filc_name(name):
        names.filc_defined += 1
        _note_shape(image, symbol, name, names)
        return
    if symbol.section == elf.SHN_ABS and not symbol.value:
        return  # a version node: a name without contents
    code = symbol.type in _CODE_TYPES or (symbol.type == elf.STT_NOTYPE and _in_code(image, symbol.section))
    names.starts = names.starts or (name == abi.START_PROGRAM and code)
    if name == b"main" and code:
        names.main_size = symbol.size
    if names.baseline.allows(name, defined=True, kind=kind, code=code):
        names.allowed[name, True, code] = None
        return
    if symbol.bind == elf.STB_LOCAL and abi.OLD_LOCAL_NAME.match(name):
        if symbol.type == elf.STT_FUNC:
            section = symbol.section if image.type == elf.ET_REL else -1
            names.areas.append(codemap.Area(section, symbol.value, symbol.size))
        return
    if symbol.bind == elf.STB_LOCAL:
        names.ordinary_local[name, file] = None
    else:
        (names.ordinary_code if code else names.ordinary_data).add(name)


def _note_shape(image: elf.Image, symbol: elf.Symbol, name: bytes, names: _Names) -> None:
    """Remember where a Fil-C function is, and which getters and objects there are."""
    if symbol.type in _CODE_TYPES:
        section = symbol.section if image.type == elf.ET_REL else -1
        names.areas.append(codemap.Area(section, symbol.value, symbol.size))
        if name.startswith(_GETTER):
            names.getters.add(name.removeprefix(_GETTER))
    for prefix in _OBJECTS:
        if name.startswith(prefix):
            names.objects.add(name.removeprefix(prefix))
            if prefix == _OBJECTS[0] and (symbol.size != _FUNCTION_OBJECT or _in_code(image, symbol.section)):
                names.misshapen[name] = None


def _in_code(image: elf.Image, index: int) -> bool:
    return index in image.code_indexes


def machine_name(number: int, bits: int) -> str:
    """Return the name of an `EM_*` number, with the class where it is not the usual one."""
    names = {3: "i386", 40: "arm", 62: "x86_64", 183: "aarch64", 243: "riscv"}
    return names.get(number, f"machine {number}") + ("" if bits == 64 or number == 3 else f" ({bits} bit)")  # noqa: PLR2004
