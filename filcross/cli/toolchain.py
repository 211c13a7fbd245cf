"""`filcross toolchain`: the Fil-C toolchains that filcross can use."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from filcross.cli.output import DebugOption, JsonOption, Output, QuietOption, VerboseOption, paint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from filcross.toolchain.install import Installed
    from filcross.toolchain.layout import Toolchain
    from filcross.toolchain.records import Record
    from filcross.toolchain.store import Entry

_SAY_EVERY = 0.1

_app = typer.Typer(
    help=(
        "The Fil-C toolchains that filcross can use: releases, folders, and the ABI simulator, which "
        "has Fil-C's shape and is not memory-safe."
    ),
    no_args_is_help=True,
)


def _names(incomplete: str) -> list[str]:
    """Complete the name of a toolchain."""
    from filcross.toolchain import store

    return [name for name in (*store.names(), store.SIMULATOR) if name.startswith(incomplete)]


def _releases(incomplete: str) -> list[str]:
    """Complete the name of a release that can be installed."""
    from filcross.toolchain import releases

    known = [asset.name for asset in releases.assets() if asset.sha256 is not None]
    return [name for name in (*known, "simulator") if name.startswith(incomplete)]


NameArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="The name of a toolchain.", autocompletion=_names)
]
WantedOption = Annotated[
    str | None, typer.Option("--toolchain", metavar="NAME|PATH", help="As for other commands.")
]


def register(app: typer.Typer) -> None:
    """Add the command group to `app`."""
    app.add_typer(_app, name="toolchain")


@_app.command("list", epilog="Examples: filcross toolchain list; filcross toolchain list --available")
def list_toolchains(
    available: Annotated[
        bool,
        typer.Option("--available", help="The releases that are known, and what their hashes are worth."),
    ] = False,
    as_json: JsonOption = False,
    verbose: VerboseOption = 0,
    quiet: QuietOption = False,
    debug: DebugOption = False,
) -> None:
    """List the toolchains that have a name, or those that could be installed."""
    del debug
    from filcross.toolchain import store

    output = Output(as_json, verbose, quiet)
    if available:
        _list_available(output)
        return
    entries = store.entries()
    if not entries:
        output.result("no toolchain is installed yet; the simulator is made when it is first needed")
    for entry in entries:
        if entry.toolchain is None:
            output.result(f"{entry.name}: cannot be used: {entry.problem}")
        else:
            record = store.record_of(entry.name)
            output.result(f"{entry.name}: Fil-C {entry.toolchain.label}, {entry.toolchain.root}")
            if record is not None:
                output.detail(f"    {record.origin.source} ({record.origin.trust}); {record.summary}")
    output.document("toolchains", {"toolchains": [_entry(entry) for entry in entries]})


def _entry(entry: Entry) -> dict[str, Any]:
    from filcross.toolchain import store

    described = _describe(entry.toolchain) if entry.toolchain else {}
    return {"name": entry.name, "problem": entry.problem} | described | _recorded(store.record_of(entry.name))


def _list_available(output: Output) -> None:
    from filcross.toolchain import install, releases, store

    rows = []
    default = releases.default().name
    for asset in releases.assets():
        usable = (asset.flavour, asset.arch) == (releases.DEFAULT_FLAVOUR, releases.DEFAULT_ARCH)
        installed = store.is_taken(asset.name)
        here = install.cached(asset.url).is_file()
        remarks = [asset.trust]
        if asset.sha256 is not None and not usable:
            remarks.append("not for builds")
        elif asset.sha256 is not None and not asset.verified:
            remarks.append("needs --accept-unverified")
        remarks += ["the default"] if asset.name == default else []
        remarks += ["installed"] if installed else ["downloaded"] if here else []
        output.result(f"{asset.name:<22} {'; '.join(remarks)}")
        rows.append(
            {
                "name": asset.name,
                "version": asset.version,
                "flavour": asset.flavour,
                "arch": asset.arch,
                "url": asset.url,
                "size": asset.size,
                "sha256": asset.sha256,
                "hash": asset.sri,
                "commit": asset.commit,
                "sources": asset.sources,
                "seen": asset.seen,
                "licence": asset.licence,
                "default": asset.name == default,
                "installed": installed,
                "installable": usable and asset.sha256 is not None,
            }
        )
    output.document("releases", {"releases": rows})


@_app.command(
    epilog="""\b
Examples:
  filcross toolchain install 0.686              download, check, prove
  filcross toolchain install filc-0.686-linux-x86_64.tar.xz
  filcross toolchain install https://example.org/filc.tar.xz --sha256 60bf… --name ours
  filcross toolchain install ~/filc-0.686-linux-x86_64 --name current
  filcross toolchain install simulator"""
)
def install(
    source: Annotated[
        str,
        typer.Argument(
            metavar="VERSION|FILE|URL|DIR",
            help="A release's name, its archive, an address, an unpacked folder (copied), or `simulator`.",
            autocompletion=_releases,
        ),
    ],
    name: Annotated[
        str | None, typer.Option(help="The name to give it (default: VERSION-FLAVOUR-ARCH).")
    ] = None,
    sha256: Annotated[
        str | None, typer.Option(help="The archive's hash, if you know better: hexadecimal or sha256-….")
    ] = None,
    accept_unverified: Annotated[
        bool,
        typer.Option("--accept-unverified", help="Take an archive whose hash two sources do not confirm."),
    ] = False,
    as_json: JsonOption = False,
    verbose: VerboseOption = 0,
    quiet: QuietOption = False,
    debug: DebugOption = False,
) -> None:
    """Download (or take) a release, check its hash, unpack, relocate and prove it."""
    del debug
    from filcross.errors import UsageError
    from filcross.toolchain import install as station
    from filcross.toolchain import releases, store

    output = Output(as_json, verbose, quiet)
    if source == store.SIMULATOR:
        if name not in {None, store.SIMULATOR}:
            raise UsageError("the simulator has one name", hint="leave out --name")
        output.say("making the ABI simulator from this machine's clang and musl (a few seconds) …")
        toolchain = store.ensure(store.SIMULATOR)
        output.result(f"{toolchain.name}: Fil-C {toolchain.label}, {toolchain.root}")
        output.document("toolchain", {"toolchain": _describe(toolchain)})
        return
    known = releases.to_hex(sha256) if sha256 is not None else None
    wish = station.Wish(source, name, known, accept_unverified)
    with _progress(output) as on_progress:
        done = station.install(wish, tell=output.say, on_progress=on_progress)
    _show_installed(output, done)


@_app.command(
    epilog="""\b
Examples:
  filcross toolchain libcxx                     once, before the first C++ package
  filcross toolchain libcxx --from ziglang.whl  without a network"""
)
def libcxx(
    wheel: Annotated[
        Path | None,
        typer.Option("--from", metavar="FILE", help="The Python package, if it is on this machine already."),
    ] = None,
    as_json: JsonOption = False,
    verbose: VerboseOption = 0,
    quiet: QuietOption = False,
    debug: DebugOption = False,
) -> None:
    """Bring the sources of the C++ library, and compile them: simulators made afterwards have C++."""
    del debug
    from filcross.toolchain import libcxx as station
    from filcross.toolchain.simulator.host import find_host_tools

    output = Output(as_json, verbose, quiet)
    host = find_host_tools()
    station.check(host)
    sources = station.bring(output.say, wheel=wheel)
    libraries = station.libraries(sources, host, output.say)
    output.result(f"C++ for the simulator: LLVM {station.pin().llvm}'s libc++, {sources}")
    output.document(
        "libcxx", {"sources": str(sources), "libraries": str(libraries), "llvm": station.pin().llvm}
    )


@_app.command(epilog="Example: filcross toolchain link mine ~/fil-c")
def link(
    name: NameArgument,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder, which stays where it is.")],
    as_json: JsonOption = False,
    verbose: VerboseOption = 0,
    quiet: QuietOption = False,
    debug: DebugOption = False,
) -> None:
    """Give a toolchain of yours (a build of Fil-C, /opt/fil) a name, once it has passed the proof."""
    del debug
    from filcross.toolchain import install as station

    output = Output(as_json, verbose, quiet)
    output.say("proving it: C, C++, libraries, threads, and a memory error that must be stopped")
    _show_installed(output, station.link(name, folder.expanduser()))


def _show_installed(output: Output, done: Installed) -> None:
    toolchain, record = done.toolchain, done.record
    if record.origin.trust.startswith("unverified"):
        output.warn(f"{toolchain.name} is {record.origin.trust}")
    already = "is there already: " if done.already else ""
    output.result(f"{toolchain.name}: {already}Fil-C {toolchain.label}, {toolchain.root}")
    output.say(f"  {record.summary}")
    output.document("toolchain", {"toolchain": _describe(toolchain) | _recorded(record)})


@contextlib.contextmanager
def _progress(output: Output) -> Iterator[Callable[[int, int | None], None]]:
    """Show a download: a bar on a terminal, a line for every tenth elsewhere."""
    if not sys.stderr.isatty() or output.quiet:
        yield _Lines(output).update
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("download", total=None, visible=False)

        def update(here: int, total: int | None) -> None:
            bar.update(task, completed=here, total=total, visible=total is None or here < total)

        yield update


class _Lines:
    """A line for every tenth of a download."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._next = _SAY_EVERY

    def update(self, here: int, total: int | None) -> None:
        if total and self._next <= here / total < 1:
            self._output.say(f"  {here / 1e6:.0f} of {total / 1e6:.0f} MB")
            self._next = here / total + _SAY_EVERY


@_app.command(epilog="Examples: filcross toolchain show; filcross toolchain show 0.686")
def show(
    wanted: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME|PATH",
            help="A toolchain's name, or its folder (default: the one in use).",
            autocompletion=_names,
        ),
    ] = None,
    as_json: JsonOption = False,
    verbose: VerboseOption = 0,
    quiet: QuietOption = False,
    debug: DebugOption = False,
) -> None:
    """Show what a toolchain is, where it came from, and what it was seen to do."""
    del debug
    from filcross import config
    from filcross.toolchain import selection, store

    output = Output(as_json, verbose, quiet)
    if wanted is None:
        chosen = selection.select(config.load({}).toolchain, output.say)
        output.say(f"in use: {chosen.why}")
        toolchain = chosen.toolchain
    else:
        toolchain = store.resolve(wanted)
    record = store.record_of(toolchain.name) if store.is_taken(toolchain.name) else None
    description = _describe(toolchain) | (_recorded(record) if record else {})
    for key, value in description.items():
        if key != "trials":
            output.result(f"{key:11} {value}")
    for trial in record.trials if record else ():
        output.result(f"{'':11} {trial['name']}: {trial['state']}: {trial['detail']}")
    output.document("toolchain", {"toolchain": description})


@_app.command(epilog="Examples: filcross toolchain default 0.686; filcross toolchain default --unset")
def default(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME|PATH", help="The toolchain for all your projects.", autocompletion=_names
        ),
    ] = None,
    unset: Annotated[bool, typer.Option("--unset", help="Go back to the order of `toolchain why`.")] = False,
    as_json: JsonOption = False,
    verbose: VerboseOption = 0,
    quiet: QuietOption = False,
    debug: DebugOption = False,
) -> None:
    """Set (or show) the toolchain that counts where no project says otherwise."""
    del debug
    from filcross import config

    _set(Output(as_json, verbose, quiet), config.user_file(), name, unset=unset)


@_app.command(epilog="Examples: filcross toolchain use 0.686; filcross toolchain use simulator")
def use(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME|PATH", help="The toolchain for this project.", autocompletion=_names),
    ] = None,
    unset: Annotated[bool, typer.Option("--unset", help="Let the project say nothing.")] = False,
    as_json: JsonOption = False,
    verbose: VerboseOption = 0,
    quiet: QuietOption = False,
    debug: DebugOption = False,
) -> None:
    """Set (or show) the toolchain of this project, in the nearest filcross.toml."""
    del debug
    from filcross import config

    file = config.project_file() or Path.cwd() / config.PROJECT_FILE
    _set(Output(as_json, verbose, quiet), file, name, unset=unset)


def _set(output: Output, file: Path, name: str | None, *, unset: bool) -> None:
    from filcross import config
    from filcross.errors import UsageError
    from filcross.toolchain import store

    if name is not None and unset:
        raise UsageError("a name and --unset contradict each other", hint="leave out one of them")
    if unset:
        config.write(file, "toolchain", None)
    elif name is not None:
        if name != store.SIMULATOR:
            found = store.resolve(name)  # refuse now what could not be used later
            is_named = store.is_taken(found.name) and store.target(found.name) == found.root
            name = found.name if is_named else str(found.root)
        config.write(file, "toolchain", name)
    value = config.value_in(file, "toolchain")
    output.result(f"{value or 'not set'} ({file})")
    output.document("toolchain-setting", {"file": str(file), "toolchain": value})


@_app.command(epilog="Example: filcross toolchain verify 0.686")
def verify(
    wanted: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME|PATH", help="Which one (default: every named one).", autocompletion=_names
        ),
    ] = None,
    as_json: JsonOption = False,
    verbose: VerboseOption = 0,
    quiet: QuietOption = False,
    debug: DebugOption = False,
) -> None:
    """Hash every file of a toolchain again, and prove it again (exit code 1 if something is wrong)."""
    del debug
    from filcross.errors import FilcrossError, NothingToJudgeError
    from filcross.toolchain import install as station
    from filcross.toolchain import store

    output = Output(as_json, verbose, quiet)
    names = [wanted] if wanted is not None else list(store.names())
    if not names:
        raise NothingToJudgeError("no toolchain is installed", hint="filcross toolchain install 0.686")
    rows = []
    for name in names:
        row: dict[str, Any] = {"name": name, "ok": False, "differences": None, "problem": None}
        try:
            found = station.verify(name)
        except FilcrossError as error:
            if wanted is not None and not store.is_taken(name):
                raise
            row["problem"] = error.message
            output.result(f"{paint('✗', 'bad')} {name}: {error.message}")
        else:
            changed = found.differences
            row |= {
                "ok": not changed,
                "differences": None if changed is None else list(changed),
                "memory_safe": found.proof.memory_safe,
                "summary": found.proof.summary,
                "baseline_renewed": found.renewed,
            }
            files = "files not listed" if changed is None else f"{len(changed)} files differ"
            files = "every file as installed" if changed == () else files
            mark = paint("✗", "bad") if changed else paint("✓", "good")
            output.result(f"{mark} {name}: {files}; {found.proof.summary}")
            for line in changed or ():
                output.result(f"    {line}")
            if found.renewed:
                output.result(
                    "    its baseline was stored by another version of filcross, and is measured anew"
                )
        rows.append(row)
    output.document("toolchain-verify", {"ok": all(row["ok"] for row in rows), "toolchains": rows})
    if not all(row["ok"] for row in rows):
        output.result("help: remove it and install it again: filcross toolchain remove NAME")
        raise typer.Exit(1)


@_app.command(epilog="Example: filcross toolchain remove 0.685-musl-x86_64")
def remove(
    name: NameArgument,
    as_json: JsonOption = False,
    verbose: VerboseOption = 0,
    quiet: QuietOption = False,
    debug: DebugOption = False,
) -> None:
    """Delete an installed toolchain or the simulator, or forget the name of a linked folder (which stays)."""
    del debug
    from filcross.toolchain import install as station
    from filcross.toolchain import releases, store

    output = Output(as_json, verbose, quiet)
    if not store.is_taken(name) and releases.is_version(name):
        name = releases.full_name(name)
    station.remove(name)
    output.say(f"{name} is removed")
    output.document("toolchain-removed", {"name": name})


@_app.command(epilog="Example: filcross toolchain why --toolchain 0.686")
def why(
    toolchain: WantedOption = None,
    as_json: JsonOption = False,
    verbose: VerboseOption = 0,
    quiet: QuietOption = False,
    debug: DebugOption = False,
) -> None:
    """Show which toolchain is used here, and every place that was asked, in order."""
    del debug
    import dataclasses

    from filcross import config
    from filcross.toolchain import selection

    output = Output(as_json, verbose, quiet)
    steps = selection.explain(config.candidates("toolchain", {"toolchain": toolchain}))
    for number, step in enumerate(steps, start=1):
        mark = paint("→", "good") if step.taken else " "
        output.result(f"{mark} {number}. {step.place} ({step.origin}): {step.value or '-'} ({step.remark})")
    output.document("toolchain-why", {"order": [dataclasses.asdict(step) for step in steps]})


def _describe(toolchain: Toolchain) -> dict[str, Any]:
    return {
        "name": toolchain.name,
        "label": toolchain.label,
        "kind": toolchain.kind,
        "version": toolchain.version,
        "simulated": toolchain.simulated,
        "flavour": toolchain.flavour,
        "arch": toolchain.arch,
        "loader": toolchain.loader,
        "layout": toolchain.layout,
        "root": str(toolchain.root),
    }


def _recorded(record: Record | None) -> dict[str, Any]:
    if record is None:
        return {}
    return {
        "origin": record.origin.source,
        "origin_kind": record.origin.kind,
        "sha256": record.origin.sha256,
        "trust": record.origin.trust,
        "proof": record.summary,
        "memory_safe": record.memory_safe,
        "trials": [dict(trial) for trial in record.trials],
    }
