"""What pyelftools and filcross' own reader say of the same file, fact by fact.

pyelftools is the oracle. Where a file has a table whose contents are not in it (split debug files), nobody
can read it, and it is left out of the comparison.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from elftools.common.exceptions import ELFError
from elftools.elf import enums
from elftools.elf.constants import SHN_INDICES
from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile
from elftools.elf.relocation import RelocationSection
from elftools.elf.sections import NoteSection, SymbolTableSection
from elftools.elf.segments import NoteSegment

from filcross.elf import image as elf

if TYPE_CHECKING:
    from pathlib import Path


def _enumeration(prefix: str) -> dict[str, Any]:
    """Return pyelftools' names of a kind, those of all machines."""
    return {
        name: number
        for table, content in vars(enums).items()
        if table.startswith(prefix)
        for name, number in content.items()
    }


_SECTION_TYPES, _SEGMENT_TYPES = _enumeration("ENUM_SH_TYPE"), _enumeration("ENUM_P_TYPE")
_TAGS, _BINDINGS, _TYPES = (
    _enumeration(prefix) for prefix in ("ENUM_D_TAG", "ENUM_ST_INFO_BIND", "ENUM_ST_INFO_TYPE")
)
_INDEXES = {name: value for name, value in vars(SHN_INDICES).items() if name.startswith("SHN_")}
_TABLES = {"SHT_DYNSYM": "dynamic symbols", "SHT_SYMTAB": "symbols"}
_SECTION = (
    "sh_flags", "sh_addr", "sh_offset", "sh_size", "sh_link", "sh_info", "sh_addralign", "sh_entsize",
)  # fmt: skip
_SEGMENT = ("p_flags", "p_offset", "p_vaddr", "p_filesz", "p_memsz", "p_align")


class OracleError(Exception):
    """pyelftools cannot read the file."""


def _number(value: Any, names: dict[str, Any]) -> Any:
    """Return the number for one of pyelftools' names; what has no name is a number already."""
    return names.get(value, value) if isinstance(value, str) else value


def oracle_facts(path: Path) -> dict[str, Any]:
    """Return what pyelftools says of a file, in the terms of `our_facts`. Raises `OracleError`."""
    try:
        with path.open("rb") as file:
            return _oracle_facts(ELFFile(file))
    except (ELFError, ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError) as error:
        raise OracleError(f"{type(error).__name__}: {error}") from error


def _oracle_facts(oracle: ELFFile) -> dict[str, Any]:
    sections = list(oracle.iter_sections())
    segments = list(oracle.iter_segments())
    facts: dict[str, Any] = {
        "bits": oracle.elfclass,
        "little": oracle.little_endian,
        "type": _number(oracle.header["e_type"], enums.ENUM_E_TYPE),
        "machine": _number(oracle.header["e_machine"], enums.ENUM_E_MACHINE),
        "entry": oracle.header["e_entry"],
        "interpreter": None,
        "segments": [
            (_number(item["p_type"], _SEGMENT_TYPES), *(item[name] for name in _SEGMENT)) for item in segments
        ],
        "sections": [
            (item.name, _number(item["sh_type"], _SECTION_TYPES), *(item[name] for name in _SECTION))
            for item in sections
        ],
    }
    if sections:
        facts["producers"] = ()
    # What is loaded decides; sections say it only where there are no segments.
    noted = [item for item in segments if isinstance(item, NoteSegment) and item["p_filesz"]]
    facts["build_id"] = _build_id(noted or [item for item in sections if isinstance(item, NoteSection)])
    for segment in segments:
        if segment["p_type"] == "PT_INTERP" and segment["p_filesz"]:
            facts["interpreter"] = segment.get_interp_name()
    for section in sections:
        _section_facts(section, facts)
    return facts


def _build_id(areas: list[Any]) -> str | None:
    for area in areas:
        for note in area.iter_notes():
            if note["n_name"] == "GNU" and note["n_type"] == "NT_GNU_BUILD_ID":
                return str(note["n_desc"])
    return None


def _section_facts(section: Any, facts: dict[str, Any]) -> None:
    kind = section["sh_type"]
    if kind == "SHT_NOBITS":
        return
    if isinstance(section, DynamicSection) and section["sh_size"]:
        tags = [tag for tag in section.iter_tags() if tag.entry.d_tag != "DT_NULL"]
        facts["needed"] = [tag.needed for tag in tags if tag.entry.d_tag == "DT_NEEDED"]
        for name in ("soname", "rpath", "runpath"):
            facts[name] = next(
                (getattr(tag, name) for tag in tags if tag.entry.d_tag == f"DT_{name.upper()}"), None
            )
        facts["tags"] = {_number(tag.entry.d_tag, _TAGS): tag.entry.d_val for tag in tags}
    if isinstance(section, SymbolTableSection) and kind in _TABLES:
        facts[_TABLES[kind]] = [
            (
                # A section symbol has the section's name in pyelftools.
                symbol.name if symbol["st_name"] else "",
                _number(symbol["st_info"]["bind"], _BINDINGS),
                _number(symbol["st_info"]["type"], _TYPES),
                _number(symbol["st_other"]["visibility"], enums.ENUM_ST_VISIBILITY),
                _number(symbol["st_shndx"], _INDEXES),
                symbol["st_value"],
                symbol["st_size"],
            )
            for symbol in section.iter_symbols()
        ][1:]
    if section.name == ".comment" and kind == "SHT_PROGBITS":
        parts = [part.decode("utf-8", "replace") for part in section.data().split(b"\0") if part]
        facts["producers"] = tuple(dict.fromkeys(parts))
    if isinstance(section, RelocationSection) and section.is_RELA() and section["sh_flags"] & elf.SHF_ALLOC:
        facts.setdefault("relocations", set()).update(
            (item["r_offset"], item["r_info_type"], item["r_info_sym"], item["r_addend"])
            for item in section.iter_relocations()
        )


def our_facts(path: Path) -> dict[str, Any]:
    """Return what filcross' reader says of a file. Raises `ImageError`."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        image = elf.read_image(elf.Window(descriptor)).complete()
        facts: dict[str, Any] = {
            "bits": image.bits,
            "little": image.little,
            "type": image.type,
            "machine": image.machine,
            "entry": image.entry,
            "interpreter": image.interpreter,
            "segments": [tuple(item) for item in image.segments],
            "sections": [tuple(item) for item in image.sections],
            "needed": list(image.needed),
            "soname": image.soname,
            "rpath": image.rpath,
            "runpath": image.runpath,
            "build_id": image.build_id,
            "producers": image.producers,
            "debug": image.kind == "debug",
        }
        if image.has_dynamic:
            facts["tags"] = dict(image.tags)
        for name, table in (("dynamic symbols", image.dynamic_symbols), ("symbols", image.symbols)):
            if table is not None:
                facts[name] = [(item.name.decode("utf-8", "replace"), *item[1:]) for item in table.symbols()]
        if image.bits == 64 and image.has_dynamic:
            facts["relocations"] = {tuple(item) for item in image.relocations()}
        return facts
    finally:
        os.close(descriptor)


def differences(path: Path) -> list[str]:
    """Return where the two disagree on a fact that both give (nothing: empty).

    Raises `OracleError` for a file that pyelftools cannot read, `ImageError` for one that filcross cannot.
    """
    expected, ours = oracle_facts(path), our_facts(path)
    found = []
    for name, value in expected.items():
        if name not in ours or (
            ours["debug"] and name in ("needed", "soname", "rpath", "runpath", "build_id")
        ):
            continue
        mine = ours[name]
        if name == "tags":  # ours leaves out those that stand for several
            mine = {tag: number for tag, number in mine.items() if tag in value}
            value = {tag: number for tag, number in value.items() if tag in mine}  # noqa: PLW2901
        if name == "relocations":  # ours has the packed ones as well, as relative ones without an addend
            mine = {item for item in mine if item in value or item[1:] != (elf.R_RELATIVE, 0, 0)}
        if mine != value:
            found.append(f"{path}: {name}: pyelftools {_short(value, mine)}, filcross {_short(mine, value)}")
    return found


def _short(one: Any, other: Any) -> str:
    """Return what one has and the other has not."""
    if isinstance(one, list | set):
        rest = [item for item in one if item not in other]
        return f"{len(one)} of which {rest[:3]}"
    return repr(one)[:300]
