"""The flow of `filcross build`: source, patched copy, toolchain, overlay, derivations, outputs, report.

Each step takes plain values and returns plain values; `tell` gets one sentence about each, with the reason.
Nothing here prints or reads configuration.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from filcross import __version__, config, process
from filcross.errors import BuildFailedError, FilcrossError, NothingToJudgeError
from filcross.nix import build as nix_build
from filcross.nix import command, evaluate, graph, history, languages
from filcross.nixpkgs import copies, source

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from filcross.config import Settings
    from filcross.elf.inspect import Report
    from filcross.nix.build import BuildResult, Watcher
    from filcross.nix.command import Nix
    from filcross.nix.evaluate import EvaluationFailure, PackageSet
    from filcross.nix.plan import Plan
    from filcross.nix.sweep import Question
    from filcross.nixpkgs.source import Source
    from filcross.overlay import Knobs, Overlay
    from filcross.ports.catalogue import Catalogue
    from filcross.sources import SeedReport
    from filcross.toolchain.layout import Toolchain

# Attributes that every build of a package set needs: Fil-C's libc and its compiler.
_LIBC = "stdenv.cc.libc"
_TOOLCHAIN = (_LIBC, "stdenv.cc")


@dataclass(frozen=True, slots=True)
class Prepared:
    """All that a build needs: which Nix, nixpkgs and toolchain, and the package set to evaluate."""

    nix: Nix
    source: Source
    tree: Path
    toolchain: Toolchain
    overlay: Overlay
    packages: PackageSet


@dataclass(frozen=True, slots=True)
class Built:
    """What came of the attributes: results of those that evaluate, and failures of those that do not."""

    results: tuple[BuildResult, ...]
    failures: tuple[EvaluationFailure, ...]
    libc: BuildResult | None

    @property
    def complete(self) -> bool:
        """Whether everything that was asked for was built."""
        return not self.failures and all(result.built for result in self.results)

    @property
    def outputs(self) -> list[Path]:
        """The outputs of everything that was built."""
        return [path for result in self.results if result.built for path in result.outputs.values()]


def prepare(settings: Settings, tell: Callable[[str], None]) -> Prepared:
    """Choose and make ready everything that a build needs.

    Raises the errors of its steps: a tree that is none, a toolchain that is missing, a store that cannot be
    used, no space.
    """
    from filcross.overlay import knobs, write_overlay
    from filcross.ports import catalogue
    from filcross.toolchain import install, nixstore
    from filcross.toolchain.selection import select

    ports = catalogue.with_users(settings.ports)
    chosen_knobs = knobs(settings.knobs)
    version = command.version()
    overlays = evaluate.user_overlays(settings.overlays.value)
    chosen = source.resolve(
        settings.nixpkgs,
        lambda: command.find_nix(host_tools=False, preference=settings.store.value),
        version,
    )
    tell(f"nixpkgs: {chosen.label} ({chosen.why})")
    selection = select(settings.toolchain, tell)
    toolchain = selection.toolchain
    tell(f"toolchain: {toolchain.label} ({selection.why})")
    bootstrap = settings.bootstrap.value or "nixpkgs"
    if chosen.kind == source.EMBEDDED:
        bootstrap = "nixpkgs"  # its standard environment is made of the host's tools already
    host_tools = chosen.kind == source.EMBEDDED or bootstrap == "host" or toolchain.simulated
    nix = command.find_nix(host_tools=host_tools, preference=settings.store.value)
    tell(f"Nix {nix.version_text}, the {nix.store.kind} store at {nix.store.folder}: {nix.store.reason}")
    if nixstore.add_archive(nix, toolchain, install.nix_roots()) is not None:
        tell("toolchain: Nix takes the release from its archive on this machine")
    tree = _patched(chosen, tell)
    stored = nixstore.add_folder(nix, toolchain, install.nix_roots())
    folder = overlay_folder(toolchain, ports, chosen_knobs, stored)
    overlay = write_overlay(toolchain, folder, ports, chosen_knobs, stored=stored)
    if settings.ports:
        tell(
            f"ports: as {' and '.join(file for file, _ in settings.ports)} says (filcross ports list --mine)"
        )
    if overlays:
        tell(f"overlays after Fil-C's: {', '.join(map(str, overlays))} ({settings.overlays.origin})")
    packages = evaluate.PackageSet(tree, overlay.root, bootstrap, overlays)
    return Prepared(nix, chosen, tree, toolchain, overlay, packages)


def _patched(chosen: Source, tell: Callable[[str], None]) -> Path:
    """Return a folder with the tree and the edits; the user's tree is never changed."""
    from filcross.nixpkgs import edits, patch
    from filcross.nixpkgs.checkout import open_checkout

    if chosen.kind == "path":
        recovered = patch.recover(chosen.path)
        if recovered:
            tell(f"patch: an earlier run was interrupted in {chosen.path}; its edits are {recovered} now")
    checkout = open_checkout(chosen.path)
    current = patch.plan(checkout)
    if current.state is patch.State.PATCHED:
        tell("patch: the tree has the Fil-C platform already, so it is used as it stands")
        return checkout.root

    if current.by_configuration:
        tell("patch: the tree has no place for the compiler: config.replaceCrossStdenv brings it")

    def make(target: Path) -> None:
        tell("patch: making a patched copy (your tree stays as it is)")
        patch.copy_and_patch(checkout, target, with_git=False)

    folder, reused = copies.patched_copy(checkout.root, edits.EDIT_SET, make)
    tell(f"patch: {'an earlier copy serves, ' if reused else ''}{folder}")
    return folder


def overlay_folder(
    toolchain: Toolchain, ports: Catalogue, knobs: Knobs | None = None, stored: Path | None = None
) -> Path:
    """Return the folder in the cache for the overlay of a toolchain with these ports and knobs.

    `stored` is where the toolchain's folder lies in the store, if it does.
    """
    from filcross.overlay import Knobs
    from filcross.ports import catalogue

    facts = f"{stored or toolchain.root} {knobs or Knobs()}" + (
        "" if ports is catalogue.shipped() else ports.digest
    )
    key = hashlib.sha256(facts.encode()).hexdigest()[:16]
    return config.cache_dir() / config.OVERLAYS / f"{toolchain.name}-{key}"


def question(prepared: Prepared) -> Question:
    """Return how to ask many packages of what was prepared about themselves, without building any."""
    from filcross.nix.sweep import Question

    variables = prepared.nix.store.environment
    folder = prepared.overlay.parameters["toolchain"]["path"]
    return Question(
        prepared.tree,
        "filc",
        prepared.overlay.root,
        overlays=prepared.packages.overlays,
        variables=variables,
        needs=(Path(folder),) if folder and Path(folder).is_relative_to(prepared.nix.store.folder) else (),
    )


def build(
    prepared: Prepared,
    attributes: Sequence[str],
    *,
    watcher: Watcher | None = None,
    seed: Callable[[Mapping[str, str]], None] | None = None,
    warn: Callable[[str], None] | None = None,
    keep_going: bool = True,
    allowed_languages: Sequence[str] = (),
) -> Built:
    """Evaluate and build `attributes` of `pkgsCross.filc`.

    `seed`, if given, is called with the derivations before they are built, to bring their sources, and `warn`
    with what the ports of the packages have to say. Raises `BuildFailedError` when nothing evaluates,
    `UsageError` for a name that the tree does not have, and `LanguageError`, before anything is built, where
    a package would hold code of a language that cannot be Fil-C and is not in `allowed_languages`.
    """
    wanted = list(dict.fromkeys(attributes))
    roots = roots_of(prepared, wanted)
    together = list(dict.fromkeys([*wanted, *_TOOLCHAIN]))
    found, failed = evaluate.derivations(prepared.nix, prepared.packages, together, roots=roots, warn=warn)
    derivations = {name: found[name] for name in wanted if name in found}
    failures = [failure for failure in failed if failure.attribute in wanted]
    evaluate.raise_if_all_failed(failures, len(wanted))
    if derivations:
        languages.refuse(graph.read_derivations(derivations.values()), derivations, allowed_languages)
    if seed is not None:
        seed(derivations)
    runtime = _build_toolchain(prepared, found, failed, roots, watcher)
    results = nix_build.build(
        prepared.nix,
        derivations,
        roots=roots,
        watcher=watcher,
        keep_going=keep_going,
        record=recorder(prepared),
    )
    built = any(result.built for result in results)
    return Built(tuple(results), tuple(failures), runtime if built else None)


def plan(
    prepared: Prepared,
    attributes: Sequence[str],
    *,
    ask_caches: bool = True,
    warn: Callable[[str], None] | None = None,
) -> tuple[Plan, tuple[EvaluationFailure, ...]]:
    """Return what building `attributes` of `pkgsCross.filc` would mean, and those that do not evaluate.

    Nothing is built. `warn` gets what the ports of the packages have to say. Errors are those of `build`, but
    a language that cannot be Fil-C raises none.
    """
    from filcross.nix import plan as plans

    wanted = list(dict.fromkeys(attributes))
    derivations, failures = evaluate.derivations(
        prepared.nix, prepared.packages, wanted, roots=roots_of(prepared, wanted), warn=warn
    )
    evaluate.raise_if_all_failed(failures, len(wanted))
    found = plans.make(
        prepared.nix,
        derivations,
        past=history_file(),
        toolchain=prepared.toolchain.label,
        ask_caches=ask_caches,
    )
    return found, tuple(failures)


def history_file() -> Path:
    """Return where the times of past builds are, whether the file exists or not."""
    return config.state_dir() / history.FILE


def recorder(prepared: Prepared) -> Callable[[history.Build], None]:
    """Return what adds a build to the history that estimates are made from."""

    def record(build: history.Build) -> None:
        history.add(history_file(), [build], toolchain=prepared.toolchain.label)

    return record


def libc(prepared: Prepared, roots: Path, *, watcher: Watcher | None = None) -> BuildResult:
    """Build the Fil-C libc of a package set, whose files the inspector has to know, and its compiler.

    `roots` is a folder for garbage-collector roots, and both get their own: what is built refers to the libc,
    but nothing refers to the compiler, which other builds will need. The result is the libc's; where it
    failed, packages fail for the same cause. Raises `BuildFailedError` where they do not evaluate.
    """
    found, failed = evaluate.derivations(prepared.nix, prepared.packages, _TOOLCHAIN, roots=roots)
    return _build_toolchain(prepared, found, failed, roots, watcher)


def _build_toolchain(
    prepared: Prepared,
    found: Mapping[str, str],
    failed: Sequence[EvaluationFailure],
    roots: Path,
    watcher: Watcher | None,
) -> BuildResult:
    for failure in failed:
        if failure.attribute in _TOOLCHAIN:
            raise BuildFailedError(
                "the Fil-C toolchain of this package set cannot be evaluated",
                hint="this is a fault of the overlay: please report it",
                details=failure.details,
            )
    derivations = {name: found[name] for name in _TOOLCHAIN}
    results = nix_build.build(prepared.nix, derivations, roots=roots / "toolchain-outputs", watcher=watcher)
    return next(result for result in results if result.attribute == _LIBC)


def revision(prepared: Prepared) -> str:
    """Return what tells the tree of a build from other states of it: a commit, a release, or a hash."""
    chosen = prepared.source
    if chosen.kind != "path":
        return f"{chosen.label} of filcross {__version__}" if chosen.kind == source.EMBEDDED else chosen.label
    state = copies.tree_identity(chosen.path)[:12]
    if (chosen.path / ".git").exists():
        with contextlib.suppress(FilcrossError):
            head = process.run(["git", "-C", chosen.path, "rev-parse", "HEAD"]).stdout.strip()
            return f"{head} (files {state})"
    return f"files {state}"


def roots_of(prepared: Prepared, attributes: Sequence[str]) -> Path:
    """Return the folder for the garbage-collector roots of a request, the same for the same request."""
    facts = json.dumps([prepared.packages.arguments(), list(attributes), prepared.nix.store.kind])
    return config.state_dir() / "roots" / hashlib.sha256(facts.encode()).hexdigest()[:16]


def seed_sources(
    prepared: Prepared,
    derivations: Mapping[str, str],
    tell: Callable[[str], None],
    *,
    suites: Sequence[str] = (),
) -> SeedReport:
    """Bring the sources of `derivations` from the distribution's mirror, by hash.

    `suites` names releases to search after this machine's own.
    """
    from filcross import sources

    environment = dict(prepared.nix.store.environment)
    return sources.seed(
        derivations.values(),
        cache=config.cache_dir() / config.SOURCES,
        suites=suites,
        env=environment,
        on_progress=tell,
    )


def inspect(prepared: Prepared, built: Built) -> Report:
    """Judge every ELF file of the outputs that were built.

    What is kept of their files, and of those that they load, is not read again; what is read is kept.
    """
    from filcross.elf import facts, kept, policy
    from filcross.elf import inspect as inspector
    from filcross.nix import closure
    from filcross.toolchain import store

    if not built.outputs or built.libc is None:
        raise NothingToJudgeError("nothing was built, so there is nothing to judge")
    memory = kept.of_user()
    names = store.baseline_of(prepared.toolchain)
    folders = list(built.libc.outputs.values())
    runtimes = [
        policy.runtime_from_folder(
            folder,
            name=prepared.toolchain.name,
            names=names,
            version=prepared.toolchain.version,
            kept=memory,
        )
        for folder in folders
        if (folder / "lib").is_dir()
    ]
    rules = policy.policy_for(runtimes)
    known = None
    if memory is not None:
        known = facts.Facts(memory, partial(closure.nar_hashes, built.outputs), rules, closure.hashes_below)
    return inspector.inspect(built.outputs, rules, facts=known)


def locate(prepared: Prepared, built: Built, report: Report) -> Report:
    """Return the report with its packages: which attribute made each, and where its Nix code stands.

    The Nix code is asked for only where not all is good.
    """
    from filcross.elf import packages

    made = {str(path): result.attribute for result in built.results for path in result.outputs.values()}
    grouped = packages.attach(report, {path: packages.Root(name) for path, name in made.items()}, {})
    spoiled = [
        item.attribute
        for item in grouped.packages
        if item.attribute is not None and item.outcomes.keys() - {"good"}
    ]
    if not spoiled:
        return grouped
    places = evaluate.positions(prepared.nix, prepared.packages, sorted(set(spoiled)))
    roots = {path: packages.Root(name, places.get(name)) for path, name in made.items()}
    return packages.attach(report, roots, {})


def link_outputs(nix: Nix, results: Sequence[BuildResult], link: Path, *, several: bool) -> dict[str, Path]:
    """Make links to the outputs that are also garbage-collector roots; return them by name.

    One attribute gives `LINK` and `LINK-OUTPUT`, several give `LINK-ATTRIBUTE` and `LINK-ATTRIBUTE-OUTPUT`.
    """
    link.parent.mkdir(parents=True, exist_ok=True)
    made = {}
    for result in results:
        base = link if not several else link.with_name(f"{link.name}-{evaluate.file_name(result.attribute)}")
        for name, path in result.outputs.items():
            place = base if name == "out" else base.with_name(f"{base.name}-{name}")
            nix.run("nix-store", "--realise", path, "--add-root", place, "--indirect")
            made[place.name] = path
    return made
