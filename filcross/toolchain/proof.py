"""Prove a toolchain: what it makes must run, and a memory error must be stopped.

A toolchain that stops no memory error is broken, unless it says that it is a simulator; and a simulator is
never memory-safe, whatever it does.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filcross import resources
from filcross.elf import abi, archive
from filcross.elf import baseline as names
from filcross.elf.image import (
    SHF_EXECINSTR,
    SHN_UNDEF,
    STB_LOCAL,
    STT_FILE,
    STT_FUNC,
    STT_GNU_IFUNC,
    STT_NOTYPE,
    STT_SECTION,
    NotElfError,
    Window,
    read_image,
)
from filcross.errors import FilcrossError, UnsupportedInputError
from filcross.process import find_program, run
from filcross.toolchain import layout

if TYPE_CHECKING:
    from collections.abc import Iterator

    from filcross.elf.image import Image
    from filcross.process import Completed
    from filcross.toolchain.layout import Toolchain

SECONDS = 120.0
WORKS, FAILS, REFUSED = "works", "fails", "refused"
_TRAP = (-signal.SIGTRAP, 128 + signal.SIGTRAP)
_HELPERS = ("libyolort.a", "libyolounwind.a", "libyoloc_nonshared.a")
_BINUTILS = "install binutils (Debian: apt-get install binutils): a release of Fil-C brings no linker"


class BrokenToolchainError(UnsupportedInputError):
    """The toolchain does not do what a Fil-C toolchain does."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One thing that was tried: `works`, `fails`, or (by a simulator, in words) `refused`."""

    name: str
    state: str
    detail: str


@dataclass(frozen=True, slots=True)
class Proof:
    """What a toolchain was seen to do.

    `traps` says that a write outside of an object was stopped. `baseline` holds, for each kind of file that
    it made, the ordinary names that a healthy one defines and imports; see `baseline`.
    """

    simulated: bool
    trials: tuple[Trial, ...]
    traps: bool
    baseline: dict[str, Any]

    @property
    def memory_safe(self) -> bool:
        """Whether it is a real toolchain that stopped the memory error."""
        return self.traps and not self.simulated

    @property
    def summary(self) -> str:
        """The result in a sentence."""
        works = [trial.name for trial in self.trials if trial.state == WORKS]
        refused = [trial.name for trial in self.trials if trial.state == REFUSED]
        end = "stops memory errors" if self.memory_safe else "a simulator, not memory-safe"
        text = f"runs {', '.join(works)}"
        return f"{text}; refuses {', '.join(refused)}; {end}" if refused else f"{text}; {end}"


def prove(toolchain: Toolchain) -> Proof:
    """Compile, link and run one program for each thing that Fil-C has an ABI for, and a memory error.

    Those are C, C++, a shared library, threads with data of their own, setjmp, variadic calls and a static
    archive; what they hold is the toolchain's baseline. The memory error must be stopped.

    Raises `BrokenToolchainError`, with what every trial showed, if one fails or the memory error is not
    stopped; `MissingRequirementError` where this machine has no linker.
    """
    if toolchain.layout == "sysroot":
        raise BrokenToolchainError(
            f"{toolchain.root} has no compiler, so there is nothing to try", hint="link the compiler's folder"
        )
    for program in ("ld", "ar"):
        find_program(program, hint=_BINUTILS)
    with tempfile.TemporaryDirectory(prefix="filcross-proof-") as folder:
        workshop = _Workshop(toolchain, Path(folder))
        trials = tuple(workshop.trials())
        traps = workshop.traps
        failed = [trial for trial in trials if trial.state == FAILS]
        if failed:
            raise _broken(toolchain, trials, failed, unstopped=workshop.unstopped)
        return Proof(toolchain.simulated, trials, traps, workshop.baseline())


def _broken(
    toolchain: Toolchain, trials: tuple[Trial, ...], failed: list[Trial], *, unstopped: bool
) -> BrokenToolchainError:
    hint = "install it again from its archive"
    prefix = layout.fixed_prefix(toolchain)
    if prefix is not None and Path(prefix) != toolchain.root:
        hint = f"its linker scripts name {prefix}: it works only there"
    message = f"{failed[0].name}: {failed[0].detail}"
    if unstopped:
        message = "it does not stop memory errors, and does not say that it is a simulator"
        hint = "do not use it: programs that it makes are not memory-safe"
    return BrokenToolchainError(
        f"the toolchain in {toolchain.root} is broken: {message}",
        hint=hint,
        details=tuple(f"{trial.name}: {trial.state}: {trial.detail}" for trial in trials),
    )


class _Workshop:
    """A folder in which a toolchain is tried."""

    def __init__(self, toolchain: Toolchain, folder: Path) -> None:
        self._toolchain, self._folder = toolchain, folder
        self._sources = resources.data_dir() / "proof"
        self.traps = self.unstopped = False

    def trials(self) -> Iterator[Trial]:
        yield self._program(
            "C", "filcc", "hello.c", options=["-lm"], arguments=["b", "a"], expected="a b 2.449 zero\n"
        )
        yield self._cxx()
        yield self._library()
        for name, source, expected in (
            ("threads, thread-local data", "threads.c", "83 40\n"),
            ("setjmp", "jump.c", "7 2\n"),
            ("variadic calls", "variadic.c", "10.5 ten\n"),
        ):
            options = ["-pthread"] if source == "threads.c" else []
            yield self._program(name, "filcc", source, options=options, arguments=[], expected=expected)
        yield self._archive()
        yield self._memory_error()

    def _compile(self, driver: str, source: str, output: str, *options: str | Path) -> Completed:
        compiler = self._toolchain.compiler.with_name(driver)
        argv = [compiler, "-O1", self._sources / source, "-o", self._folder / output, *options]
        return run(argv, check=False, timeout=SECONDS, cwd=self._folder)

    def run(self, program: str, *arguments: str) -> Completed:
        """Run a program that was made here to its end."""
        return run([self._folder / program, *arguments], check=False, timeout=SECONDS, cwd=self._folder)

    def _program(
        self, name: str, driver: str, source: str, *, options: list[str], arguments: list[str], expected: str
    ) -> Trial:
        try:
            made = self._compile(driver, source, name, *options)
            if made.exit_code != 0:
                return Trial(name, FAILS, f"does not compile: {_last(made)}")
            done = self.run(name, *arguments)
        except FilcrossError as error:
            return Trial(name, FAILS, error.message)
        if (done.exit_code, done.stdout) != (0, expected):
            return Trial(name, FAILS, f"the program does not run: {_ending(done)}")
        return Trial(name, WORKS, "compiles, links and runs")

    def _cxx(self) -> Trial:
        trial = self._program("C++", "fil++", "hello.cpp", options=[], arguments=[], expected="ab three 4\n")
        if (
            trial.state == FAILS
            and self._toolchain.simulated
            and "made without the C++ library" in trial.detail
        ):
            return Trial("C++", REFUSED, trial.detail.partition("does not compile: ")[2])
        return trial

    def _library(self) -> Trial:
        name = "shared library"
        try:
            made = self._compile(
                "filcc", "library.c", "library.so", "-shared", "-fPIC", "-Wl,-soname,library.so"
            )
        except FilcrossError as error:
            return Trial(name, FAILS, error.message)
        if made.exit_code != 0:
            return Trial(name, FAILS, f"does not link: {_last(made)}")
        options = [str(self._folder / "library.so"), f"-Wl,-rpath,{self._folder}"]
        trial = self._program("user", "filcc", "user.c", options=options, arguments=[], expected="43 5\n")
        return Trial(name, trial.state, trial.detail)

    def _archive(self) -> Trial:
        name = "static archive"
        try:
            made = self._compile("filcc", "member.c", "member.o", "-c")
            if made.exit_code == 0:
                made = run(["ar", "rcs", "members.a", "member.o"], check=False, cwd=self._folder)
        except FilcrossError as error:
            return Trial(name, FAILS, error.message)
        if made.exit_code != 0:
            return Trial(name, FAILS, f"cannot be made: {_last(made)}")
        trial = self._program(
            "members",
            "filcc",
            "members.c",
            options=[str(self._folder / "members.a")],
            arguments=[],
            expected="42\n",
        )
        return Trial(name, trial.state, trial.detail)

    def _memory_error(self) -> Trial:
        """Write inside of an object, which must go well, and right behind it, which must not."""
        name = "memory error"
        trial = self._program(
            "bounds", "filcc", "bounds.c", options=[], arguments=["15"], expected="survived x\n"
        )
        if trial.state == FAILS:
            return Trial(name, FAILS, trial.detail)
        return self.judge_stop(self.run("bounds", "16"))

    def judge_stop(self, done: Completed) -> Trial:
        """Return what the end of a program with a memory error shows: only a stop by Fil-C itself counts."""
        name = "memory error"
        said = re.search(r"filc (?:safety error|panic)[^\n]*", done.stderr)
        self.traps = done.exit_code in _TRAP and said is not None and "survived" not in done.stdout
        if self.traps and said is not None:
            return Trial(name, WORKS, f"is stopped: {said.group(0)}")
        if self._toolchain.simulated:
            return Trial(name, REFUSED, f"not stopped, which a simulator never does: {_ending(done)}")
        self.unstopped = True
        return Trial(name, FAILS, f"a write outside of its object was not stopped: {_ending(done)}")

    def baseline(self) -> dict[str, Any]:
        found = {what: self._folder / name for what, name in _KEPT.items() if (self._folder / name).exists()}
        return baseline(found, self._toolchain.lib)


_KEPT = {
    "C program": "C",
    "C++ program": "C++",
    "program with a library": "user",
    "shared library": "library.so",
    "program with threads": "threads, thread-local data",
    "program that jumps": "setjmp",
    "program with variadic calls": "variadic calls",
    "program with a static archive": "members",
    "object file": "member.o",
}


def baseline(files: dict[str, Path], lib: Path) -> dict[str, Any]:
    """Return what healthy files of a toolchain hold besides Fil-C's own names, for the inspector.

    For each of `files` (what it is, and its path): `kind`, `interpreter` and `needed` (base names), and the
    ordinary names that it `defines` and `imports` (global ones) and holds as `locals`. Each name has `from`
    (the object in `lib`, the toolchain's own folder, that brings it) and `code` (whether it is a function).
    See `filcross.elf.baseline`, which reads it.
    """
    sources = _sources(lib)
    return {
        "schema_version": names.SCHEMA_VERSION,
        "files": {what: _ordinary(path, sources) for what, path in files.items()},
    }


def _sources(lib: Path) -> dict[tuple[str, bool], str]:
    """Return which of a toolchain's objects brings a name: whether it is defined (True) or imported, by what.

    Helper archives count for what they define; what their members import, the program itself may import, too.
    """
    found: dict[tuple[str, bool], str] = {}
    for path in sorted(lib.glob("*.o")):
        with _image(path) as image:
            for name, defined, _, _ in _ordinary_names(image):
                found.setdefault((name, defined), path.name)
    for path in (item for item in map(lib.joinpath, _HELPERS) if item.is_file()):
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            for member in archive.members(Window(descriptor)):
                with contextlib.suppress(NotElfError):
                    if member.window is None:
                        continue
                    for name, defined, _, _ in _ordinary_names(read_image(member.window)):
                        if defined:
                            found.setdefault((name, True), f"{path.name}({member.name})")
        finally:
            os.close(descriptor)
    return found


@contextlib.contextmanager
def _image(path: Path) -> Iterator[Image]:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield read_image(Window(descriptor))
    finally:
        os.close(descriptor)


def _ordinary_names(image: Image) -> Iterator[tuple[str, bool, bool, bool]]:
    """Yield the names without Fil-C's grammar: name, whether it is defined, is code, is local."""
    sections = image.sections
    for table in (image.dynamic_symbols, image.symbols):
        for symbol in table.symbols() if table is not None else ():
            name = symbol.name.split(b"@", 1)[0]
            if not name or symbol.type in (STT_FILE, STT_SECTION) or abi.is_filc_name(name):
                continue
            section = symbol.section
            executable = section < len(sections) and bool(sections[section].flags & SHF_EXECINSTR)
            code = symbol.type in (STT_FUNC, STT_GNU_IFUNC) or (symbol.type == STT_NOTYPE and executable)
            defined = section != SHN_UNDEF
            yield name.decode("utf-8", "replace"), defined, defined and code, symbol.bind == STB_LOCAL


def _ordinary(path: Path, sources: dict[tuple[str, bool], str]) -> dict[str, Any]:
    found: dict[str, dict[str, Any]] = {"defines": {}, "imports": {}, "locals": {}}
    with _image(path) as image:
        for name, defined, code, local in _ordinary_names(image):
            part = "imports" if not defined else "locals" if local else "defines"
            origin = sources.get((name, defined), "the linker" if defined and not code else "the compiler")
            found[part].setdefault(name, {"from": origin, "code": code})
    found["locals"] = {name: fact for name, fact in found["locals"].items() if name not in found["defines"]}
    return {
        "kind": image.kind,
        "interpreter": None if image.interpreter is None else image.interpreter.rpartition("/")[2],
        "needed": list(image.needed),
        **{part: dict(sorted(entries.items())) for part, entries in found.items()},
    }


def _last(completed: Completed) -> str:
    """Return the line of a compiler's output that says most."""
    lines = [line.strip() for line in (completed.stderr or completed.stdout).splitlines() if line.strip()]
    return next((line for line in lines if "error" in line), lines[-1] if lines else _ending(completed))


def _ending(completed: Completed) -> str:
    code = completed.exit_code
    if code < 0:
        end = (
            f"ended by {signal.Signals(-code).name}"
            if -code in set(signal.Signals)
            else f"ended by signal {-code}"
        )
    else:
        end = f"exit code {code}"
    text = (completed.stderr or completed.stdout).strip().splitlines()
    return f"{end}, `{text[-1]}`" if text else end
