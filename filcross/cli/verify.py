"""`filcross verify`: judge every ELF file at and below some paths."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from filcross.cli import report_files
from filcross.cli.output import DebugOption, JsonOption, QuietOption, VerboseOption

if TYPE_CHECKING:
    from collections.abc import Callable

    from filcross.cli.output import Output
    from filcross.elf.comparison import Comparison
    from filcross.elf.facts import Facts
    from filcross.elf.kept import Kept
    from filcross.elf.packages import Root
    from filcross.elf.policy import Policy, Runtime
    from filcross.elf.verdict import Report
    from filcross.nix.closure import Closure
    from filcross.toolchain.layout import Toolchain

EXAMPLES = """\b
Examples:
  filcross verify ./result                      every ELF file of a build
  filcross verify ./result --toolchain simulator
  filcross verify program --trust-runtime /opt/filc/pizfix/lib
  filcross verify ./result --no-closure         only these files, not what they refer to
  filcross verify ./result --report out.html --report out.sarif --report out.xml
  filcross verify ./result --baseline last.json --report last.json
  filcross verify ./result --json | jq '.files[] | select(.verdict != "filc") | .path'

\b
Exit codes: 0 all Fil-C code; 1 a foreign or mixed file; 4 no ELF file, or one that cannot be judged;
2 a path that does not exist; 5 a toolchain that is none."""


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("verify", epilog=EXAMPLES)(verify)


def verify(
    paths: Annotated[
        list[Path], typer.Argument(help="Files and folders to judge.", show_default=False, readable=False)
    ],
    toolchain: Annotated[
        str | None,
        typer.Option(
            "--toolchain",
            metavar="NAME|PATH",
            help="The toolchain whose runtime files are known (default: every installed one).",
        ),
    ] = None,
    trust_runtime: Annotated[
        list[Path] | None,
        typer.Option(
            "--trust-runtime", metavar="PATH", help="A folder whose runtime files are trusted (repeatable)."
        ),
    ] = None,
    closure: Annotated[
        bool,
        typer.Option(
            "--closure/--no-closure",
            help="For paths in a Nix store: judge everything that they refer to as well.",
        ),
    ] = True,
    waivers: Annotated[
        Path | None,
        typer.Option(
            "--waivers",
            metavar="FILE",
            help="More accepted findings than those in filcross.toml ([[waiver]] tables).",
        ),
    ] = None,
    baseline: Annotated[
        Path | None,
        typer.Option(
            "--baseline", metavar="FILE", help="Say what is new and fixed since an earlier report (.json)."
        ),
    ] = None,
    cache: Annotated[
        bool,
        typer.Option(
            "--cache/--no-cache", help="Use what files of unchanged store paths said in an earlier run."
        ),
    ] = True,
    reports: Annotated[
        list[Path] | None,
        typer.Option(
            "--report",
            metavar="FILE",
            help=report_files.HELP,
        ),
    ] = None,
    as_json: JsonOption = False,
    verbose: VerboseOption = 0,
    quiet: QuietOption = False,
    debug: DebugOption = False,
) -> None:
    """Judge every ELF file: is it Fil-C code, loaded by Fil-C's loader, with Fil-C's libraries."""
    asked = question(paths, closure=closure)  # Nix answers while the rest is imported

    from dataclasses import replace
    from datetime import UTC, datetime

    from filcross import config
    from filcross.cli import output
    from filcross.elf import inspect, kept, packages, policy
    from filcross.elf import waivers as waiver
    from filcross.report import text

    del debug
    out = output.Output(as_json, verbose, quiet)
    report_files.check(reports or [])
    compared = comparison_with(baseline) if baseline is not None else None
    accepted = [*waiver.from_tables(config.tables("waiver"))]
    if waivers is not None:
        accepted += waiver.read_waivers(waivers)
    memory = kept.of_user() if cache else None
    runtimes = runtimes_of(toolchain, trust_runtime or [], out, memory)
    wanted, roots, references = with_closure(paths, out, asked)
    known = policy.policy_for(runtimes)
    facts = facts_about(wanted, known, memory) if memory is not None else None
    report = inspect.inspect(wanted, known, facts=facts)
    report = waiver.apply(report, accepted, datetime.now(tz=UTC).date())
    report = packages.attach(report, roots, references)
    if compared is not None:
        report = replace(report, comparison=compared(report))
    report_files.write(reports or [], report)
    if as_json:
        from filcross.report import json

        out.document("verify", json.streamed(report))
    out.result(text.render(report, verbose=verbose, only_summary=quiet, paint=output.painter()))
    raise typer.Exit(report.exit_code)


def comparison_with(baseline: Path) -> Callable[[Report], Comparison]:
    """Read an earlier report; return what compares another with it."""
    from filcross.elf import comparison
    from filcross.report import json

    earlier = comparison.read(baseline)
    return lambda report: comparison.compare(json.render(report), earlier, str(baseline))


def question(paths: list[Path], *, closure: bool) -> Callable[[], Closure] | None:
    """Ask for the closure of those of `paths` that are in a store; `None` where there is nothing to ask."""
    from filcross import process
    from filcross.nix import closure as station

    stored = list(station.store_paths(paths))
    return process.meanwhile(lambda: station.runtime_closure(stored)) if stored and closure else None


def with_closure(
    paths: list[Path], out: Output, asked: Callable[[], Closure] | None
) -> tuple[list[Path], dict[str, Root], dict[str, tuple[str, ...]]]:
    """Return what to judge, the store paths asked for, and who refers to whom among those below them.

    Raises `UsageError` for a path that is not there, `NothingToJudgeError` where one is lost that Nix knows.
    """
    from filcross.elf.inspect import status_of
    from filcross.elf.packages import Root
    from filcross.errors import NothingToJudgeError
    from filcross.nix import closure as station

    for path in paths:
        status_of(path)
    roots = {str(path): Root() for path in station.store_paths(paths)}
    if asked is None:
        return paths, roots, {}
    found = asked()
    if found.lost:
        raise NothingToJudgeError(
            f"{found.lost[0]} is part of the closure, but not there",
            hint="mend the store (nix-store --verify --repair), or judge what is there with --no-closure",
            details=tuple(map(str, found.lost)),
        )
    how = f"by {found.how}; --no-closure looks at the given paths only"
    out.say(f"closure: {len(found.paths)} store paths ({how})")
    outside = [path for path in paths if station.store_path(path) is None]
    return [*outside, *found.paths], roots, found.references


def facts_about(paths: list[Path], policy: Policy, memory: Kept) -> Facts:
    """Return what is kept about those of `paths` that are store paths, and about what their files load."""
    from filcross import process
    from filcross.elf import facts
    from filcross.nix import closure as station

    stored = list(filter(station.is_store_path, paths))
    hashes = process.meanwhile(lambda: station.nar_hashes(stored))
    return facts.Facts(memory, hashes, policy, station.hashes_below)


def runtimes_of(
    toolchain: str | None, trusted: list[Path], out: Output, memory: Kept | None = None
) -> list[Runtime]:
    """Return the known runtimes: trusted folders, and the toolchain named or all that are installed.

    What `memory` knows of their files is not read again.
    """
    from filcross import config
    from filcross.elf import policy

    runtimes = [policy.runtime_from_folder(path, kept=memory) for path in trusted]
    setting = config.load({"toolchain": toolchain}).toolchain
    if setting.value is not None:
        from filcross.toolchain.selection import select

        chosen = select(setting, out.say)
        out.say(f"toolchain: {chosen.toolchain.label} ({chosen.why})")
        runtimes.append(_known(chosen.toolchain, memory))
    elif not trusted:
        from filcross.toolchain import store

        installed = [entry.toolchain for entry in store.entries() if entry.toolchain is not None]
        runtimes = [_known(item, memory) for item in installed]
        names = ", ".join(item.label for item in installed)
        out.say(f"toolchains: {names or 'none is installed, so nothing can be shown to be Fil-C code'}")
    return runtimes


def _known(toolchain: Toolchain, memory: Kept | None) -> Runtime:
    from filcross.elf import policy
    from filcross.toolchain import store

    names = store.baseline_of(toolchain)
    return policy.runtime_from_folder(
        toolchain.root, name=toolchain.name, names=names, version=toolchain.version, kept=memory
    )
