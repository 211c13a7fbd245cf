"""What the inspector takes as given: the toolchains whose runtime files are known, by content.

A runtime file is known by a hash of its executable sections and symbol names (and its build-id where it has
one), never by its name or place: relocating it with patchelf or stripping it keeps both.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from filcross.elf import abi, baseline
from filcross.elf.codemap import startup_code
from filcross.elf.image import ET_REL, ImageError, NotElfError, Window, read_image
from filcross.elf.kept import identity, is_guarded
from filcross.elf.layout import layout_findings
from filcross.errors import UnsupportedInputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from filcross.elf.baseline import Baseline
    from filcross.elf.image import Image
    from filcross.elf.kept import Identity, Kept


@dataclass(frozen=True, slots=True)
class RuntimeFile:
    """One file of a toolchain's runtime: its name there, role (`filcross.elf.abi`) and content.

    `noted` says that it carries the simulator's note, `layout` holds the codes of what is odd about its
    layout.
    """

    name: str
    role: str
    code_hash: str
    code_size: int
    build_id: str | None
    noted: bool
    layout: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Runtime:
    """The runtime files of one toolchain.

    `folder` is where they were read, `flavour` is `musl` or `glibc`, `main_sizes` the sizes in bytes of the
    ordinary `main` in its start-up objects, `producers` the compilers that its files name, `startup` the code
    of its start-up objects as patterns (`filcross.elf.codemap`). `function_objects` says that its compiler
    makes them (since 0.679), as its user libc shows. `baseline` is the toolchain's own, where it has one,
    `trusted` is whether anybody vouches for it (`filcross.elf.strangers`), `version` that of Fil-C (empty:
    it does not say). `starts_programs` says that its runtime has what starts a program, `has_filc_libc` that
    its user libc has Fil-C names.
    """

    name: str
    simulated: bool
    flavour: str
    folder: Path
    files: tuple[RuntimeFile, ...]
    main_sizes: frozenset[int] = frozenset()
    producers: frozenset[str] = frozenset()
    startup: tuple[bytes, ...] = ()
    function_objects: bool = False
    baseline: Baseline | None = None
    trusted: bool = True
    version: str = ""
    starts_programs: bool = False
    has_filc_libc: bool = False

    @property
    def label(self) -> str:
        """Return the name for people; a simulator's says what it is."""
        return f"{self.name} (simulator, not memory-safe)" if self.simulated else self.name

    @property
    def loader(self) -> str:
        """Return the path of its loader."""
        return str(self.folder / next(file.name for file in self.files if file.role == abi.LOADER))


@dataclass(frozen=True, slots=True)
class Known:
    """A file that was recognised: the runtime it belongs to, and which of its files it is."""

    runtime: Runtime
    file: RuntimeFile


@dataclass(frozen=True, slots=True)
class Policy:
    """The known toolchains, and whether the output of a simulator is acceptable among them.

    `baseline` holds the ordinary names that any of them allows.
    """

    runtimes: tuple[Runtime, ...] = ()
    simulated_allowed: bool = True
    baseline: Baseline = field(init=False, repr=False, compare=False)
    _by_hash: dict[str, tuple[Known, ...]] = field(default_factory=dict, repr=False, compare=False)
    _sizes: set[int] = field(default_factory=set, repr=False, compare=False)

    def __post_init__(self) -> None:
        allowed = baseline.combined(runtime.baseline for runtime in self.runtimes)
        object.__setattr__(self, "baseline", allowed)
        for runtime in self.runtimes:
            for file in runtime.files:
                found = self._by_hash.get(file.code_hash, ())
                self._by_hash[file.code_hash] = (*found, Known(runtime, file))
                self._sizes.add(file.code_size)

    @property
    def real(self) -> tuple[Runtime, ...]:
        """Return the known toolchains that are no simulators."""
        return tuple(runtime for runtime in self.runtimes if not runtime.simulated)

    @property
    def producers(self) -> frozenset[str]:
        """Return the compilers that the known toolchains name in their own files."""
        return frozenset().union(*(runtime.producers for runtime in self.runtimes))

    def recognise(self, image: Image) -> tuple[Known, ...]:
        """Return the known runtime files with the same content as `image` (none: empty)."""
        if image.code_size not in self._sizes:
            return ()
        digest = image.code_hash()
        if digest is None:
            return ()
        build_id = image.build_id
        noted = abi.simulator_note(image.notes) is not None
        alike = self._by_hash.get(digest, ())
        layout = _layout(image) if alike else frozenset()
        return tuple(
            known
            for known in alike
            if noted == known.file.noted
            and build_id in (None, known.file.build_id or build_id)
            and layout <= known.file.layout
        )


def _layout(image: Image) -> frozenset[str]:
    if image.type == ET_REL or image.bits != 64:  # noqa: PLR2004
        return frozenset()
    return frozenset(finding.code for finding in layout_findings(image))


def policy_for(runtimes: Sequence[Runtime]) -> Policy:
    """Return the policy for a closure made with `runtimes`: simulated files only where one is a simulator."""
    return Policy(tuple(runtimes), not runtimes or any(runtime.simulated for runtime in runtimes))


def library_folder(path: Path) -> Path:
    """Return the folder of runtime files for `path`: a toolchain, a Nix output of its libc, or the folder.

    Raises `UnsupportedInputError` where there is no Fil-C loader in any of these places.
    """
    for folder in (path / "pizfix" / "lib", path / "lib", path):
        with contextlib.suppress(OSError):
            if any(abi.LOADER_NAME.match(name) for name in os.listdir(folder)):  # noqa: PTH208
                return folder
    raise UnsupportedInputError(
        f"{path} holds no Fil-C runtime: no ld-fil1-*.so or ld-yolo-*.so in it, its lib or its pizfix/lib",
        hint="name the folder of a toolchain (with pizfix/lib), or the lib folder of its libc",
    )


def runtime_from_folder(
    path: Path,
    *,
    name: str | None = None,
    names: Path | None = None,
    version: str = "",
    kept: Kept | None = None,
) -> Runtime:
    """Return the runtime of a toolchain folder, a Nix output of its libc, or a `lib` folder.

    Only files with the name of a runtime file are taken. `names` is the file with its baseline
    (`toolchain.store.baseline_of`), `version` what it is known to be, where its files do not say. What `kept`
    knows of these very files is not read again. Raises `UnsupportedInputError` without a loader, or with a
    runtime file that cannot be read.
    """
    folder = library_folder(path)
    present = _present(folder)
    entry, state = f"runtime {folder}", tuple((name, identity) for name, _, identity in present)
    remembered = kept.read(entry) if kept is not None else None
    if remembered is not None and remembered[0] == state:
        found = _FolderFacts(*remembered[1])
    else:
        seen: list[os.stat_result] = []
        found = _read_folder(folder, [(name, role) for name, role, _ in present], seen)
        if kept is not None and _present(folder) == present and _may_keep(kept, state, seen):
            kept.write(entry, (state, tuple(found)))
    files = tuple(
        RuntimeFile(*values, layout=frozenset(layout))
        for values, layout in zip(found.files, found.layouts, strict=True)
    )
    if not any(file.role == abi.LOADER for file in files):
        raise UnsupportedInputError(
            f"the loader in {folder} is not an ELF file with code",
            hint="the toolchain is incomplete: install it again",
        )
    said = abi.versions(found.producers)
    return Runtime(
        name=name or _folder_name(path),
        simulated=found.simulated,
        flavour="glibc" if found.glibc else "musl",
        folder=folder,
        files=files,
        main_sizes=frozenset(found.main_sizes),
        producers=frozenset(found.producers),
        startup=tuple(found.startup),
        function_objects=found.function_objects,
        baseline=baseline.read(names) if names is not None else None,
        version=next(iter(said)) if len(said) == 1 else version if version[:1].isdigit() else "",
        starts_programs=found.starts_programs,
        has_filc_libc=found.has_filc_libc,
    )


def _present(folder: Path) -> list[tuple[str, str, Identity]]:
    """Return the files in a folder that have the name of a runtime file: name, role, and which file it is."""
    found = []
    for entry in sorted(os.scandir(folder), key=lambda item: item.name):
        role = abi.role_of(entry.name)
        if role is not None and entry.is_file() and not entry.name.endswith(".a"):
            found.append((entry.name, role, identity(entry.stat())))
    return found


class _FolderFacts(NamedTuple):
    """What the runtime files in a folder say, as plain data."""

    files: list[tuple[str, str, str, int, str | None, bool]]
    layouts: list[list[str]]
    simulated: bool
    glibc: bool
    main_sizes: list[int]
    producers: list[str]
    startup: list[bytes]
    function_objects: bool
    starts_programs: bool
    has_filc_libc: bool


def _may_keep(kept: Kept, state: Sequence[tuple[str, Identity]], seen: Sequence[os.stat_result]) -> bool:
    """Return whether what was `seen` are the files of `state`, whose every change will show."""
    return [identity(status) for status in seen] == [named for _, named in state] and all(
        is_guarded(status) and kept.is_settled(identity(status)) for status in seen
    )


def _read_folder(
    folder: Path, present: Sequence[tuple[str, str]], seen: list[os.stat_result]
) -> _FolderFacts:
    """Read the runtime files in a folder (name and role of each); add the properties of each to `seen`."""
    files: list[tuple[str, str, str, int, str | None, bool]] = []
    layouts: list[list[str]] = []
    main_sizes: set[int] = set()
    producers: set[str] = set()
    startup: list[bytes] = []
    simulated = glibc = function_objects = starts_programs = has_filc_libc = False
    for name, role in present:
        with _open(folder / name, seen) as image:
            if image is None:
                continue
            digest = image.code_hash()
            producers.update(image.producers)
            noted = abi.simulator_note(image.notes) is not None
            simulated = simulated or noted
            strings = image.dynamic_symbols.strings if image.dynamic_symbols is not None else b""
            if role == abi.USER_LIBC:
                function_objects = function_objects or b"\0pizlonatedFO_" in strings
            glibc = glibc or name.startswith("libc.so.")
            if digest is not None:
                files.append((name, role, digest, image.code_size, image.build_id, noted))
                layouts.append(sorted(_layout(image)))
                if role == abi.USER_LIBC:
                    has_filc_libc = abi.PREFIX in strings
                if role == abi.PIZLO:
                    starts_programs = abi.START_PROGRAM in strings
            if role == abi.STARTUP and image.type == ET_REL:
                startup.extend(startup_code(image))
            if role == abi.STARTUP and image.symbols is not None:
                main_sizes.update(
                    symbol.size
                    for symbol in image.symbols.symbols()
                    if symbol.name == b"main" and symbol.section
                )
    return _FolderFacts(
        files,
        layouts,
        simulated,
        glibc,
        sorted(main_sizes),
        sorted(producers),
        startup,
        function_objects,
        starts_programs,
        has_filc_libc,
    )


def _folder_name(path: Path) -> str:
    resolved = path.resolve()
    parts = [part for part in resolved.parts if part not in ("lib", "pizfix")]
    return parts[-1] if parts else str(resolved)


@contextlib.contextmanager
def _open(path: Path, seen: list[os.stat_result]) -> Iterator[Image | None]:
    """Give the image of a runtime file, `None` for a file that is not ELF (a linker script)."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise UnsupportedInputError(
            f"the runtime file {path} cannot be read: {error.strerror}", hint="check its permissions"
        ) from error
    try:
        try:
            image = read_image(Window(descriptor))
        except NotElfError:
            yield None
            return
        except ImageError as error:
            raise UnsupportedInputError(
                f"the runtime file {path} is damaged: {error}", hint="install the toolchain again"
            ) from error
        yield image
    finally:
        seen.append(os.fstat(descriptor))
        os.close(descriptor)
