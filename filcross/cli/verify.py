"""`filcross verify`: judge every ELF file at and below some paths."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from filcross.cli.output import DebugOption, JsonOption, QuietOption, VerboseOption

if TYPE_CHECKING:
    from filcross.cli.output import Output
    from filcross.elf.policy import Runtime
    from filcross.elf.verdict import Report
    from filcross.toolchain.layout import Toolchain

EXAMPLES = """\b
Examples:
  filcross verify ./result                      every ELF file of a build
  filcross verify ./result --toolchain simulator
  filcross verify program --trust-runtime /opt/filc/pizfix/lib
  filcross verify ./result --no-closure         only these files, not what they refer to
  filcross verify ./result --report out.sarif --report out.xml
  filcross verify ./result --json | jq '.files[] | select(.verdict != "filc") | .path'

\b
Exit codes: 0 all Fil-C code; 1 a foreign or mixed file; 4 no ELF file, or one that cannot be judged;
2 a path that does not exist; 5 a toolchain that is none."""


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("verify", epilog=EXAMPLES)(verify)


def verify(
    paths: Annotated[list[Path], typer.Argument(help="Files and folders to judge.", show_default=False)],
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
    reports: Annotated[
        list[Path] | None,
        typer.Option(
            "--report",
            metavar="FILE",
            help="Write a report too: .json, .sarif, .xml (JUnit) or .txt (repeatable).",
        ),
    ] = None,
    as_json: JsonOption = False,
    verbose: VerboseOption = 0,
    quiet: QuietOption = False,
    debug: DebugOption = False,
) -> None:
    """Judge every ELF file: is it Fil-C code, loaded by Fil-C's loader, with Fil-C's libraries."""
    from datetime import UTC, datetime

    from filcross import config
    from filcross.cli import output
    from filcross.elf import inspect, policy
    from filcross.elf import waivers as waiver
    from filcross.report import json, text

    del debug
    out = output.Output(as_json, verbose, quiet)
    for target in reports or []:
        _check_report(target)
    accepted = [*waiver.from_tables(config.tables("waiver"))]
    if waivers is not None:
        accepted += waiver.read_waivers(waivers)
    runtimes = _runtimes(toolchain, trust_runtime or [], out)
    if closure:
        paths = _with_closure(paths, out)
    report = inspect.inspect(paths, policy.policy_for(runtimes))
    report = waiver.apply(report, accepted, datetime.now(tz=UTC).date())
    for target in reports or []:
        _write_report(target, report)
    out.document("verify", json.render(report))
    out.result(text.render(report, verbose=verbose, only_summary=quiet, paint=output.paint))
    raise typer.Exit(report.exit_code)


def _with_closure(paths: list[Path], out: Output) -> list[Path]:
    """Return `paths` with everything that those of them refer to that are in a Nix store."""
    from filcross.nix import closure

    stored = list(dict.fromkeys(path for path in map(closure.store_path, paths) if path is not None))
    if not stored:
        return paths
    found, how = closure.runtime_closure(stored)
    out.say(f"closure: {len(found)} store paths (by {how}; --no-closure looks at the given paths only)")
    return [*(path for path in paths if closure.store_path(path) is None), *found]


def _check_report(target: Path) -> None:
    from filcross.errors import UsageError

    if target.suffix not in (".json", ".sarif", ".xml", ".txt"):
        raise UsageError(
            f"no report format is known for {target}",
            hint="name a file ending in .json, .sarif, .xml or .txt",
        )


def _write_report(target: Path, report: Report) -> None:
    import json as codec

    from filcross import __version__
    from filcross.errors import UsageError
    from filcross.report import json, junit, sarif, text

    if target.suffix == ".xml":
        content = junit.render(report)
    elif target.suffix == ".txt":
        content = text.render(report, verbose=1) + "\n"
    elif target.suffix == ".sarif":
        content = codec.dumps(sarif.render(report, __version__), indent=1) + "\n"
    else:
        document = {"schema_version": 1, "kind": "verify", **json.render(report)}
        content = codec.dumps(document, indent=1) + "\n"
    try:
        target.write_text(content, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"the report {target} cannot be written: {error.strerror}", hint="choose a folder that exists"
        ) from error


def _runtimes(toolchain: str | None, trusted: list[Path], out: Output) -> list[Runtime]:
    """Return the known runtimes: trusted folders, and the toolchain named or all that are installed."""
    from filcross import config
    from filcross.elf import policy

    runtimes = [policy.runtime_from_folder(path) for path in trusted]
    setting = config.load({"toolchain": toolchain}).toolchain
    if setting.value is not None:
        from filcross.toolchain.selection import select

        chosen = select(setting, out.say)
        out.say(f"toolchain: {chosen.toolchain.label} ({chosen.why})")
        runtimes.append(_known(chosen.toolchain))
    elif not trusted:
        from filcross.toolchain import store

        installed = [entry.toolchain for entry in store.entries() if entry.toolchain is not None]
        runtimes = [_known(item) for item in installed]
        names = ", ".join(item.label for item in installed)
        out.say(f"toolchains: {names or 'none is installed, so nothing can be shown to be Fil-C code'}")
    return runtimes


def _known(toolchain: Toolchain) -> Runtime:
    from filcross.elf import policy
    from filcross.toolchain import store

    names = store.baseline_of(toolchain)
    return policy.runtime_from_folder(
        toolchain.root, name=toolchain.name, names=names, version=toolchain.version
    )
