"""Makes the labelled corpus of ELF files and archives from `corpus/recipes.toml`.

A command of a recipe is an argument list, never a shell's line: a program of this machine (`filcc` is the
simulator's driver) or one of this module's verbs. `{name}` in it stands for a place or for a part, which is
made first; `{{` for a brace.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import struct
import subprocess
import sys
import tomllib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from filcross.toolchain.layout import Toolchain
    from filcross.toolchain.simulator.host import HostTools

SOURCES = Path(__file__).resolve().parent / "corpus"
VERDICTS = ("filc", "runtime", "foreign", "mixed", "no-evidence", "unreadable", "skipped")
_HOLE = re.compile(r"\{\{|\{([^{}]+)\}")
_CLEAN = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "SOURCE_DATE_EPOCH": "1", "HOME": "/"}


@dataclass(frozen=True, slots=True)
class Recipe:
    """One way to be right or wrong: how the file is made, and what must be said of it, and why.

    `codes` must be among the findings of the file or its members, `without` must not. Of several verdicts
    (parted by `|`) any is right. `judge` names how it is judged (a key of `JUDGES`), `path` what is judged,
    below the recipe's folder, `reason` why it is skipped.
    """

    name: str
    verdict: str
    why: str
    make: tuple[tuple[str, ...], ...]
    codes: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    judge: str = "simulator"
    path: str = "file"
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """The recipes, and the parts that they share."""

    recipes: tuple[Recipe, ...]
    parts: dict[str, tuple[tuple[str, ...], ...]]


def read_plan(path: Path = SOURCES / "recipes.toml") -> Plan:
    """Read the table of recipes."""
    table = tomllib.loads(path.read_text())
    recipes = []
    for entry in table["recipe"]:
        entry["make"] = _commands(entry["make"])
        for key in ("codes", "without"):
            entry[key] = tuple(f"FILC-{code}" for code in entry.get(key, "").split())
        recipes.append(Recipe(**entry))
    return Plan(tuple(recipes), {name: _commands(text) for name, text in table["parts"].items()})


def _commands(text: str) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(shlex.split(line)) for line in text.replace("\\\n", " ").splitlines() if line.strip())


@dataclass(slots=True)
class Workshop:
    """A folder in which the corpus is made, with the tools of this machine and a simulator."""

    folder: Path
    simulator: Toolchain
    host: HostTools
    plan: Plan
    _made: set[str] = field(default_factory=set)
    _tools: dict[str, str] = field(default_factory=dict)

    def make(self, recipe: Recipe) -> Path:
        """Make a recipe's files and return the path to judge."""
        folder = self.folder / "recipes" / recipe.name
        folder.mkdir(parents=True)
        self._run(recipe.make, folder, {"out": str(folder / recipe.path)})
        return folder / recipe.path

    def part(self, name: str) -> str:
        """Return the path of a part, made when it is first asked for."""
        path = self.folder / "parts" / name
        if name not in self._made:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._run(self.plan.parts[name], path.parent, {"out": str(path)})
            if not path.exists():
                raise AssertionError(f"the part {name} was not made")
            self._made.add(name)
        return str(path)

    def _run(self, commands: Sequence[Sequence[str]], folder: Path, places: dict[str, str]) -> None:
        places = {
            "src": str(SOURCES),
            "here": str(folder),
            "sim": str(self.simulator.lib),
            "host": str(self.host.musl_libraries),
            "made": str(self.folder / "parts"),
            **places,
        }
        for command in commands:
            words = [_HOLE.sub(lambda hole: self._fill(hole, places), word) for word in command]
            verb = _VERBS.get(words[0])
            if verb is not None:
                verb(folder, *words[1:])
                continue
            done = subprocess.run(
                [self._tool(words[0]), *words[1:]],
                cwd=folder,
                env=_CLEAN,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode != 0:
                raise AssertionError(f"in {folder.name}: {shlex.join(words)}\n{done.stdout}{done.stderr}")

    def _fill(self, hole: re.Match[str], places: dict[str, str]) -> str:
        name = hole.group(1)
        if name is None:
            return "{"
        return places[name] if name in places else self.part(name)

    def _tool(self, name: str) -> str:
        """Return a program's path: the simulator's driver, the host's clang, or what PATH has."""
        if name not in self._tools:
            if name == "filcc":
                found: str | None = str(self.simulator.compiler)
            elif name == "clang":
                found = self.host.compiler.path
            else:
                found = shutil.which(name)
            if found is None:
                raise AssertionError(f"no {name} on this machine")
            self._tools[name] = found
        return self._tools[name]


# Verbs: what no program of binutils does


def _path(folder: Path, name: str) -> Path:
    return folder / name


def _write(folder: Path, name: str, *words: str) -> None:
    _path(folder, name).write_bytes(" ".join(words).encode().decode("unicode_escape").encode("latin-1"))


def _append(folder: Path, name: str, *words: str) -> None:
    with _path(folder, name).open("ab") as file:
        file.write(" ".join(words).encode().decode("unicode_escape").encode("latin-1"))


def _join(folder: Path, name: str, *sources: str) -> None:
    _path(folder, name).write_bytes(b"".join(_path(folder, source).read_bytes() for source in sources))


def _copy(folder: Path, source: str, name: str) -> None:
    shutil.copyfile(_path(folder, source), _path(folder, name))


def _cut(folder: Path, name: str, size: str) -> None:
    """Cut a file to `size` bytes, or to a percentage of its own."""
    path = _path(folder, name)
    length = path.stat().st_size
    os.truncate(path, length * int(size[:-1]) // 100 if size.endswith("%") else int(size))


def _edit(folder: Path, name: str, *changes: str) -> None:
    """Change fields of an ELF file (64-bit little-endian): `ehdr.e_type=4`, `PT_LOAD#1.p_offset=0x1000`,
    `DT_NEEDED#0.d_val=99`, `.text.sh_addr=0`, `bytes@0x20=00ff`; `+=` adds, and the value may be
    the name of another field.
    """
    path = _path(folder, name)
    data = bytearray(path.read_bytes())
    for change in changes:
        target, sign, value = re.fullmatch(r"([^=+]+)(\+?=)(.*)", change).groups()  # type: ignore[union-attr]
        if target.startswith("bytes@"):
            start = int(target[6:], 0)
            data[start : start + len(value) // 2] = bytes.fromhex(value)
            continue
        where, code = _field(data, target)
        if value[0].isupper():
            place, kind = _field(data, value)
            value = str(struct.unpack_from(f"<{kind}", data, place)[0])
        old = struct.unpack_from(f"<{code}", data, where)[0] if sign == "+=" else 0
        struct.pack_into(f"<{code}", data, where, (old + int(value, 0)) % (1 << 8 * struct.calcsize(code)))
    path.write_bytes(data)


def _flip(folder: Path, name: str, section: str) -> None:
    """Turn the bits of one byte in the middle of a section."""
    path = _path(folder, name)
    data = bytearray(path.read_bytes())
    start, size = (
        struct.unpack_from("<Q", data, _field(data, f"{section}.{field}")[0])[0]
        for field in ("sh_offset", "sh_size")
    )
    data[start + size // 2] ^= 0xFF
    path.write_bytes(data)


def _bsd_archive(folder: Path, name: str, *members: str) -> None:
    """Write an archive as BSD's `ar` does: a long name stands in front of its member's contents."""
    archive = b"!<arch>\n"
    for member in members:
        label = member.encode() + b"\0" * (-len(member) % 4)
        data = _path(folder, member).read_bytes()
        size = len(label) + len(data)
        archive += b"%-16s%-12d%-6d%-6d%-8s%-10d`\n" % (b"#1/%d" % len(label), 0, 0, 0, b"100644", size)
        archive += label + data + b"\n" * (size % 2)
    _path(folder, name).write_bytes(archive)


# Fields of the headers: where in the entry, and struct's code.
_EHDR = {
    "e_type": (16, "H"), "e_machine": (18, "H"), "e_entry": (24, "Q"), "e_phoff": (32, "Q"),
    "e_shoff": (40, "Q"), "e_phentsize": (54, "H"), "e_phnum": (56, "H"), "e_shnum": (60, "H"),
    "e_shstrndx": (62, "H"),
}  # fmt: skip
_PHDR = {
    "p_type": (0, "I"), "p_flags": (4, "I"), "p_offset": (8, "Q"), "p_vaddr": (16, "Q"),
    "p_filesz": (32, "Q"), "p_memsz": (40, "Q"),
}  # fmt: skip
_SHDR = {
    "sh_type": (4, "I"), "sh_flags": (8, "Q"), "sh_addr": (16, "Q"), "sh_offset": (24, "Q"),
    "sh_size": (32, "Q"),
}  # fmt: skip
_PT = {"PT_LOAD": 1, "PT_DYNAMIC": 2, "PT_INTERP": 3, "PT_NOTE": 4, "PT_PHDR": 6, "PT_GNU_STACK": 0x6474E551}
_DT = {
    "DT_NULL": 0, "DT_NEEDED": 1, "DT_INIT": 12, "DT_RPATH": 15, "DT_DEBUG": 21, "DT_RUNPATH": 29,
}  # fmt: skip


def _field(data: bytearray, target: str) -> tuple[int, str]:
    """Return where a field is, and its struct code."""
    owner, _, name = target.rpartition(".")
    if owner == "ehdr":
        return _EHDR[name]
    kind, _, number = owner.partition("#")
    if kind in _PT:
        offset, count = struct.unpack_from("<Q", data, 32)[0], struct.unpack_from("<H", data, 56)[0]
        places = [offset + 56 * index for index in range(count)]
        places = [place for place in places if struct.unpack_from("<I", data, place)[0] == _PT[kind]]
        at, code = _PHDR[name]
        return places[int(number or 0)] + at, code
    if kind in _DT:
        place = struct.unpack_from("<Q", data, _field(data, "PT_DYNAMIC.p_offset")[0])[0]
        places = []
        while True:
            tag = struct.unpack_from("<Q", data, place)[0]
            places += [place] * (tag == _DT[kind])
            if tag == 0:
                break
            place += 16
        return places[int(number or 0)] + (8 if name == "d_val" else 0), "Q"
    offset, count, names = struct.unpack_from("<Q", data, 40)[0], *struct.unpack_from("<HH", data, 60)
    strings = struct.unpack_from("<Q", data, offset + 64 * names + 24)[0]
    for index in range(count):
        place = offset + 64 * index
        start = strings + struct.unpack_from("<I", data, place)[0]
        if data[start : data.index(0, start)].decode() == owner:
            at, code = _SHDR[name]
            return place + at, code
    raise AssertionError(f"nothing in the file is called {owner}")


_VERBS: dict[str, Callable[..., None]] = {
    "write": _write,
    "append": _append,
    "join": _join,
    "copy": _copy,
    "cut": _cut,
    "edit": _edit,
    "flip": _flip,
    "bsdarchive": _bsd_archive,
    "mkdir": lambda folder, name: _path(folder, name).mkdir(parents=True, exist_ok=True),
    "remove": lambda folder, name: _path(folder, name).unlink(),
    "symlink": lambda folder, target, name: _path(folder, name).symlink_to(target),
    "hardlink": lambda folder, target, name: _path(folder, name).hardlink_to(_path(folder, target)),
    "fifo": lambda folder, name: os.mkfifo(_path(folder, name)),
    "chmod": lambda folder, mode, name: _path(folder, name).chmod(int(mode, 8)),
}


# Judging, as a user does it

RUNTIMES = ("musl/pizfix/lib", "yolo/pizfix/lib", "glibc/lib")
"""The hand-made sandwiches that the judge `release` trusts, below the folder of parts."""

JUDGES: dict[str, tuple[str, ...]] = {
    "simulator": ("--toolchain", "{simulator}"),
    "release": tuple(word for name in RUNTIMES for word in ("--trust-runtime", f"{{parts}}/{name}")),
    "both": (
        "--toolchain",
        "{simulator}",
        *(word for name in RUNTIMES for word in ("--trust-runtime", f"{{parts}}/{name}")),
    ),
    "none": (),
    "alone": (),
    "powerless": ("--toolchain", "{simulator}"),
    "installed": ("--toolchain", "corpus", "--trust-runtime", f"{{parts}}/{RUNTIMES[0]}"),
}
"""How a group of recipes is judged: arguments of `filcross verify`.

A judge sees all files of its recipes in one run, but for `alone`, which sees one at a time: a sandwich that
nobody knows may be found by way of another file. `powerless` runs without root's right to read every file.
`installed` knows the simulator as a toolchain with a name, so with a baseline of its own.
"""


def verify(workshop: Workshop, judge: str, paths: Sequence[Path]) -> tuple[int, dict[str, Any]]:
    """Run `filcross verify --json` on `paths` as a user does; return its exit code and document."""
    if judge == "alone" and len(paths) > 1:
        documents = [verify(workshop, judge, [path])[1] for path in paths]
        skipped = sum((Counter(document["skipped"]) for document in documents), Counter())
        return -1, {
            "files": [file for document in documents for file in document["files"]],
            "skipped": skipped,
        }
    home = workshop.folder / "home" / judge
    if not home.exists():
        home.mkdir(parents=True, exist_ok=True)
        if judge == "installed":
            status, document = _filcross(
                home, "toolchain", "link", "corpus", str(workshop.simulator.root), "--json"
            )
            if status != 0:
                raise AssertionError(f"the simulator cannot be linked: {document}")
    parts = workshop.folder / "parts"
    options = [word.format(simulator=workshop.simulator.root, parts=parts) for word in JUDGES[judge]]
    before = ()
    if judge == "powerless" and os.geteuid() == 0:
        before = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
    arguments = ("verify", "--json", "--no-closure", *options, *map(str, paths))
    return _filcross(home, *arguments, before=before)


def _filcross(home: Path, *arguments: str, before: Sequence[str] = ()) -> tuple[int, dict[str, Any]]:
    """Run `filcross` for a user with the home `home`; return its exit code and its document."""
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(("FILCROSS_", "XDG_"))
    }
    environment |= {
        f"XDG_{name}_HOME": str(home / name.lower()) for name in ("CONFIG", "CACHE", "DATA", "STATE")
    }
    done = subprocess.run(
        [*before, sys.executable, "-m", "filcross", *arguments],
        env={**environment, "FILCROSS_OFFLINE": "1", "NO_COLOR": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        cwd=home,
    )
    if not done.stdout.startswith("{"):
        raise AssertionError(f"no document from {shlex.join(arguments[:6])} …:\n{done.stderr[-4000:]}")
    return done.returncode, json.loads(done.stdout)
