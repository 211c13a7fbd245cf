"""Judging the process that a loader would make of one program or library."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from filcross.elf import abi, baseline, closure, wrappers
from filcross.elf.verdict import BAD, FOREIGN, GOOD, MAX_EVIDENCE, Finding, Library

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from filcross.elf.baseline import Baseline
    from filcross.elf.contents import Content
    from filcross.elf.policy import Runtime


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a judgement may ask: contents, loaders, places by path; the known toolchains, what any allows."""

    content: Callable[[str], Content | None]
    loader: Callable[[str], closure.Loader | None]
    places: closure.Places
    runtimes: tuple[Runtime, ...]
    baseline: Baseline


class ProcessJudge:
    """Judges the process that a loader would make of one program or library."""

    def __init__(self, content: Content, surroundings: Surroundings) -> None:
        self.surroundings = surroundings
        self.content_of = surroundings.content
        self.content = content
        self.findings: list[Finding] = []
        self.foreign = content.verdict == FOREIGN
        self.program = content.kind == "executable"

    def libraries(self) -> tuple[Library, ...]:
        """Resolve the process, collect findings about it, and return its libraries."""
        loader = self.loader()
        process = closure.load(
            self.content.path,
            self.content,
            loader,
            self.content_of,
            direct=self.foreign,
            places=self.surroundings.places,
        )
        found: list[Library] = []
        contents: list[tuple[closure.Loaded, Content | None]] = []
        for loaded in process.objects[1:]:
            content = self.content_of(loaded.path)
            contents.append((loaded, content))
            found.append(
                Library(
                    name=loaded.name,
                    path=loaded.path,
                    how=loaded.how,
                    needed_by=loaded.needed_by,
                    direct=loaded.needed_by == self.content.path,
                    verdict=content.verdict if content else None,
                )
            )
        found.extend(
            Library(
                missing.name,
                None,
                "not found",
                missing.needed_by,
                missing.needed_by == self.content.path,
                None,
            )
            for missing in process.missing
        )
        if not self.foreign:
            if process.unsteady:
                self.say(
                    "FILC-N211",
                    "libraries are looked for in places that depend on the process",
                    *process.unsteady,
                )
            self.judge_missing(process.missing)
            self.judge_loaded(contents)
            self.judge_sandwich(contents, loader)
            if not self.content.known:
                self.judge_imports(contents)
                self.judge_optional(loader)
                self.judge_wrapped()
        return tuple(found)

    def loader(self) -> closure.Loader:
        """Return the rules of the file's loader; say what is wrong with it."""
        path = self.content.interpreter
        if path is None:
            self.judge_loader_of_program()
            return self.usual_loader()
        if not self.surroundings.places.is_steady(path):
            self.say("FILC-N211", "which loader is used depends on the process", path)
        content = self.content_of(path)
        described = self.surroundings.loader(path)
        if content is None or described is None:
            self.say("FILC-N102", "the loader does not exist or is not a readable ELF file", path)
            return closure.Loader(path, "musl", self.usual_loader().self_names)
        if not content.roles & {abi.LOADER, abi.YOLO_LIBC}:
            if not abi.LOADER_NAME.search(path):
                return described
            if content.known:
                self.say("FILC-E101", f"the loader is not a loader but the {content.role}", path)
            else:
                self.say("FILC-N103", "the loader is not that of a known toolchain", path)
        return described

    def judge_loader_of_program(self) -> None:
        """Say so where a program needs libraries and names no loader: the kernel then loads none."""
        if self.program and self.content.interpreter is None:
            self.say("FILC-N102", "the program needs libraries and names no loader")

    def usual_loader(self) -> closure.Loader:
        """Return the loader of a known toolchain with the rules that a library without one needs."""
        flavour = closure.guessed_flavour(self.content.needed)
        for runtime in self.surroundings.runtimes:
            if runtime.flavour == flavour:
                found = self.surroundings.loader(runtime.loader)
                if found is not None:
                    return found
        return closure.nameless_loader(flavour)

    def say(self, code: str, message: str, *evidence: str) -> None:
        """Add a finding."""
        self.findings.append(Finding(code, message, tuple(evidence[:MAX_EVIDENCE])))

    def judge_missing(self, missing: Sequence[closure.Missing]) -> None:
        """Say which libraries were not found, and where they were looked for."""
        for item in missing:
            name = os.path.basename(item.name)  # noqa: PTH119
            if abi.is_ordinary_soname(name):
                if item.needed_by != self.content.path:
                    self.say("FILC-E201", f"{item.needed_by} needs a library of the ordinary system", name)
            elif self.program or abi.role_of(name) is None:
                self.say(
                    "FILC-N203",
                    f"the library {item.name}, needed by {item.needed_by}, was not found",
                    *item.tried,
                )

    def judge_loaded(self, contents: Sequence[tuple[closure.Loaded, Content | None]]) -> None:
        """Say which libraries of the process are not Fil-C code."""
        for loaded, content in contents:
            if content is not None and self.is_unknown_runtime(loaded, content):
                self.say(
                    "FILC-N207", f"{loaded.path} seems to be the {_role(loaded)} of an unknown toolchain"
                )
            elif content is None:
                if loaded.how != "the loader itself":
                    self.say("FILC-N204", f"{loaded.name} cannot be read", loaded.path)
            elif content.verdict in BAD:
                self.say(
                    "FILC-E202",
                    f"loads ordinary code: {loaded.path} is {content.verdict} (needed as {loaded.name} "
                    f"by {loaded.needed_by})",
                    *(finding.code for finding in content.findings if finding.severity == "error"),
                )
            elif content.verdict not in GOOD:
                self.say(
                    "FILC-N204",
                    f"loads {loaded.path}, which could not be judged ({content.verdict})",
                    *(finding.code for finding in content.findings if finding.severity == "unknown"),
                )

    def judge_sandwich(
        self, contents: Sequence[tuple[closure.Loaded, Content | None]], loader: closure.Loader
    ) -> None:
        """Check that the sandwich's files are one toolchain's, known, and in one place."""
        members = [(loaded.path, content) for loaded, content in contents if content is not None]
        if self.content.interpreter is not None:
            content = self.content_of(loader.path)
            if content is not None:
                members.append((loader.path, content))
        core = [(path, content) for path, content in members if content.roles & abi.CORE_ROLES]
        runtimes: frozenset[str] | None = None
        for _, content in (*core, (self.content.path, self.content)):
            names = content.origin.runtimes
            if names:
                runtimes = names if runtimes is None else runtimes & names
        if runtimes is not None and not runtimes:
            self.say(
                "FILC-E206",
                "runtime files of different toolchains in one process",
                *(path for path, _ in core),
            )
        self.judge_names(runtimes)
        self.judge_versions(members)
        self.judge_simulated(contents, runtimes)
        for loaded, content in contents:
            role = _role(loaded)
            if (
                content is None
                or not self.surroundings.runtimes
                or role not in abi.CORE_ROLES
                or role in content.roles
            ):
                continue
            if loaded.how == "the loader itself":
                continue
            self.say(
                "FILC-E205",
                f"{loaded.name} is not the {role} of a known toolchain: it was found at {loaded.path} "
                f"({loaded.how})",
                loaded.path,
            )
        self.judge_places(core, loader)

    def judge_versions(self, members: Sequence[tuple[str, Content]]) -> None:
        """Say so where the files of the process were made by different versions of Fil-C."""
        found: dict[str, list[str]] = {}
        for path, content in ((self.content.path, self.content), *members):
            for version in sorted(content.origin.made_by):
                found.setdefault(version, []).append(path)
        mixed_here = len(self.content.versions) > 1  # which its contents say already
        if len(found) > 1 and not mixed_here:
            self.say(
                "FILC-E214",
                f"mixes versions of Fil-C in one process: {', '.join(sorted(found))}",
                *(f"{version}: {path}" for version, paths in sorted(found.items()) for path in paths),
            )

    def judge_simulated(
        self, contents: Sequence[tuple[closure.Loaded, Content | None]], names: frozenset[str] | None
    ) -> None:
        """Say what the simulator made in a process of a real toolchain."""
        real = {runtime.name for runtime in self.surroundings.runtimes if not runtime.simulated}
        if not names or not names <= real:
            return
        if self.content.simulated and not self.content.known:
            self.say("FILC-E501", "made by the ABI simulator, in a process of a real toolchain")
        simulated = [
            loaded.path
            for loaded, content in contents
            if content is not None and content.simulated and not content.known
        ]
        if simulated:
            self.say(
                "FILC-E501", "loads files of the ABI simulator in a process of a real toolchain", *simulated
            )

    def judge_names(self, names: frozenset[str] | None) -> None:
        """Check the file's ordinary names by the baseline of the one toolchain of the process."""
        own = [item for item in self.surroundings.runtimes if names is not None and item.name in names]
        if self.content.known or len(own) != 1 or len(self.surroundings.runtimes) == 1:
            return  # a single toolchain's baseline judged the contents already
        rules = own[0].baseline or baseline.built_in()
        kind = self.content.kind
        strange = [
            name.decode("utf-8", "backslashreplace")
            for name, defined, code in self.content.ordinary
            if not rules.allows(name, defined=defined, kind=kind, code=code)
        ]
        if strange:
            self.say(
                "FILC-E323",
                f"ordinary names that files of its toolchain {own[0].label} do not have ({len(strange)})",
                *strange,
            )

    def judge_optional(self, loader: closure.Loader) -> None:
        """Say what the file may load at run time, by its notes and the names in its data."""
        ordinary: list[str] = []
        other: list[str] = []
        for name in self.content.may_load:
            path = closure.locate(name, self.content.path, self.content, loader, self.content_of)
            content = self.content_of(path) if path is not None else None
            bad = content is not None and content.verdict in BAD
            (ordinary if bad or abi.is_ordinary_soname(name) else other).append(name)
        if ordinary:
            self.say("FILC-N213", "names ordinary libraries to load at run time", *ordinary)
        if other:
            self.say("FILC-I212", "names libraries to load at run time", *other)

    def judge_wrapped(self) -> None:
        """Judge a wrapper by what it starts in its place."""
        path = self.content.wraps
        if path is None:
            return
        content = self.content_of(path)
        if content is not None and content.verdict in BAD:
            self.say("FILC-E215", f"a wrapper of ordinary code: {path} is {content.verdict}", path)
        elif (content is not None and content.verdict in GOOD) or wrappers.is_script(path):
            self.say("FILC-I217", "a wrapper of another program", path)
        else:
            self.say("FILC-N216", "a wrapper of something that is missing or could not be judged", path)

    def is_unknown_runtime(self, loaded: closure.Loaded, content: Content) -> bool:
        """Return whether a file has the name of a runtime file, and no toolchain is known to compare it."""
        return not self.surroundings.runtimes and not content.known and _role(loaded) in abi.CORE_ROLES

    def judge_places(self, core: Sequence[tuple[str, Content]], loader: closure.Loader) -> None:
        """Check that the sandwich's files come from the loader's folder or a known toolchain's."""
        real_folder = self.surroundings.places.real_folder
        if self.content.interpreter is not None and loader.path:
            place = real_folder(loader.path)
            if all(real_folder(path) == place for path, _ in core):
                return
        home = os.path.dirname(loader.path) if self.content.interpreter is not None else ""  # noqa: PTH120
        folders = {self.surroundings.places.real(home)} if home else set()
        for path, content in core:
            for known in content.known:
                folders.add(self.surroundings.places.real(os.fspath(known.runtime.folder)))
            if not home:
                home = os.path.dirname(path)  # noqa: PTH120
                folders.add(self.surroundings.places.real(home))
        for path, content in core:
            if real_folder(path) not in folders:
                self.say(
                    "FILC-E205", f"the {content.role} was found outside the toolchain: {path}", path, home
                )

    def judge_imports(self, contents: Sequence[tuple[closure.Loaded, Content | None]]) -> None:
        """Check that somebody of the right kind provides every import."""
        everybody = (self.content, *(content for _, content in contents if content is not None))
        allows = self.surroundings.baseline.allows
        wrong: list[str] = []
        unresolved: list[str] = []
        imports = dict(self.content.imports)
        # All that have a name: which one a versioned name gets is the loader's choice.
        found = [(content, content.exports.intersection(imports)) for content in everybody]
        doubtful = frozenset().union(*(self.not_to_provide(content, names) for content, names in found))
        provided = frozenset().union(*(names for _, names in found))
        for name, weak in self.content.imports if doubtful or not imports.keys() <= provided else ():
            if name in doubtful:
                wrong += [
                    f"{_text(name)} from {provider.path}"
                    for provider, names in found
                    if name in self.not_to_provide(provider, names)
                ]
            if name not in provided and not weak:
                unresolved.append(_text(name))
        unresolved = [
            text
            for text in unresolved
            if not allows(text.encode(), defined=False, kind=self.content.kind, code=False)
        ]
        if wrong:
            self.say("FILC-E304", "imports provided by a file that must not provide them", *wrong)
        if unresolved and self.program:
            self.say(
                "FILC-N309",
                f"imports that no library of the process provides ({len(unresolved)})",
                *unresolved,
            )
        elif unresolved:
            self.say(
                "FILC-I306",
                f"imports left to the program that loads this library ({len(unresolved)})",
                *unresolved,
            )
        if self.program:
            self.judge_start()

    def not_to_provide(self, provider: Content, names: frozenset[bytes]) -> set[bytes]:
        """Return those of `names` that `provider` must not provide to this file.

        Nothing is known of that where no toolchain is known.
        """
        if not names or not self.surroundings.runtimes:
            return set()
        role, own = provider.role, provider is self.content
        allowed = {
            _CHECK: own or role == abi.PIZLO,
            _FILC: role not in (abi.LOADER, abi.YOLO_LIBC, abi.YOLO_LIBM),
            _ORDINARY: own or role in abi.ORDINARY_ROLES,
        }
        if all(allowed.values()):
            return set()
        return {name for name in names if not allowed[_sort(name)]}

    def judge_start(self) -> None:
        """Check that the ordinary `main` is the start-up object's, which starts the runtime."""
        if not any(name == abi.START_PROGRAM for name, _ in self.content.imports):
            self.say("FILC-N311", "nothing shows that the program starts the Fil-C runtime")
        size = self.content.main_size
        sizes: frozenset[int] = frozenset().union(
            *(runtime.main_sizes for runtime in self.surroundings.runtimes)
        )
        if size and sizes and size not in sizes:
            self.say(
                "FILC-E313",
                f"the ordinary `main` of {size} bytes is not that of the toolchain's start-up object",
                "main",
            )


_CHECK, _FILC, _ORDINARY = range(3)


@lru_cache(maxsize=1 << 16)
def _sort(name: bytes) -> int:
    """Return whether a name is one of the runtime's checks, of Fil-C code, or an ordinary one."""
    if name.startswith(abi.CHECK_PREFIX):
        return _CHECK
    return _FILC if abi.is_filc_name(name) else _ORDINARY


def _text(name: bytes) -> str:
    return name.decode("utf-8", "backslashreplace")


def _role(loaded: closure.Loaded) -> str | None:
    return _role_of_name(loaded.name)


@lru_cache(maxsize=4096)
def _role_of_name(name: str) -> str | None:
    return abi.role_of(os.path.basename(name))  # noqa: PTH119
