"""`filcross why`: explain one file's verdict, what brings it in, and where a symbol comes from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from filcross.cli.output import DebugOption, JsonOption, Output, QuietOption, VerboseOption, paint

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from filcross.elf.packages import Step
    from filcross.elf.symbols import Name
    from filcross.elf.verdict import FileReport

EXAMPLES = """\b
Examples:
  filcross why ./result/bin/nginx                       its verdict, its process, every reason
  filcross why ./result/lib/libz.so.1 deflate           who provides it, who asks for it, why it is judged so
  filcross why /nix/store/…-zlib-1.3/lib/libz.so.1 --in ./result    what brings it into a closure

\b
Exit codes: 0 explained, whatever the verdict; 4 no ELF file or archive, or no such symbol in it;
2 no such file."""
_SHOWN = 8


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("why", epilog=EXAMPLES)(why)


def why(
    file: Annotated[Path, typer.Argument(help="The file to explain.", show_default=False)],
    symbol: Annotated[
        str | None, typer.Argument(help="A symbol: `puts`, or `pizlonated_puts`.", show_default=False)
    ] = None,
    inside: Annotated[
        list[Path] | None,
        typer.Option(
            "--in", metavar="PATH", help="What the file may be part of: a result, a folder (repeatable)."
        ),
    ] = None,
    toolchain: Annotated[
        str | None, typer.Option("--toolchain", metavar="NAME|PATH", help="As for `filcross verify`.")
    ] = None,
    trust_runtime: Annotated[
        list[Path] | None,
        typer.Option("--trust-runtime", metavar="PATH", help="As for `filcross verify` (repeatable)."),
    ] = None,
    as_json: JsonOption = False,
    verbose: VerboseOption = 0,
    quiet: QuietOption = False,
    debug: DebugOption = False,
) -> None:
    """Explain a file: its verdict, what brings it in, its process, and where a symbol in it comes from."""
    from filcross.cli import verify
    from filcross.elf import inspect, packages, policy, symbols
    from filcross.errors import NothingToJudgeError
    from filcross.report import json

    del debug
    out = Output(as_json, verbose, quiet)
    asked = verify.question(inside or [], closure=True)
    rules = policy.policy_for(verify.runtimes_of(toolchain, trust_runtime or [], out))
    paths, roots, references = verify.with_closure(inside or [], out, asked)
    report = packages.attach(inspect.inspect([*paths, file], rules), roots, references)
    explained = symbols.only(report.files, str(file))
    if explained is None:
        raise NothingToJudgeError(
            f"{file} is no ELF file and no archive of such: {_what(file)}",
            hint="name a program, a library, an object or an archive",
        )
    users = symbols.loaded_by(report.files, explained.path)
    found = symbols.names(explained, symbol, rules, users) if symbol is not None else ()
    if symbol is not None and not found:
        raise NothingToJudgeError(
            f"{file} neither defines nor imports `{symbol}`", hint=f"list its names with: nm -aD {file}"
        )
    steps = packages.Chains(report).of(explained)
    document = json.render(report)
    out.document(
        "why",
        {
            "file": next(item for item in document["files"] if item["path"] == json.plain(explained.path)),
            "chain": [{"what": step.what, "text": json.plain(step.text)} for step in steps],
            "loaded_by": [json.plain(user.path) for user in users],
            "symbols": [_symbol(name) for name in found],
        },
    )
    for line in _lines(explained, steps, users, found, verbose):
        out.result(line)


def _what(file: Path) -> str:
    head = file.read_bytes()[:256] if file.is_file() else b""
    if head.startswith(b"#!"):
        line = head[2:].split(b"\n", 1)[0].decode("utf-8", "replace").strip()
        return f"a script, which {line} runs: ask about that"
    return "a folder" if file.is_dir() else "another kind of file"


def _lines(
    file: FileReport, steps: Sequence[Step], users: Sequence[FileReport], found: Sequence[Name], verbose: int
) -> Iterator[str]:
    from filcross.elf import packages
    from filcross.report import text

    style = {"good": "good", "bad": "bad"}.get(file.outcome, "warn")
    simulated = " (simulated)" if file.simulated else ""
    yield f"{text.printable(file.path)} is {paint(file.verdict, style)}{paint(simulated, 'warn')}"
    yield f"  {file.kind}, judged by {file.confidence}"
    for finding in file.findings:
        yield from text.finding_lines(finding, verbose, paint)
    if {step.what for step in steps} - {packages.FILE, packages.SYMBOL}:
        yield "what brings it in:"
        yield from (f"  {step.what:<11} {text.printable(step.text)}" for step in steps)
    if users:
        yield f"loaded by {len(users)} of the files judged:"
        shown = users if verbose else users[:_SHOWN]
        yield from (f"  {user.verdict:<12} {text.printable(user.path)}" for user in shown)
        if len(shown) < len(users):
            yield f"  and {len(users) - len(shown)} more (-v shows them)"
    if file.libraries:
        yield "its process:"
        for library in file.libraries:
            by = "" if library.direct else f", for {text.printable(library.needed_by or '')}"
            where = f"{text.printable(library.path or 'not found')} ({text.printable(library.how)}{by})"
            yield f"  {library.verdict or 'not judged':<12} {text.printable(library.name)}: {where}"
    for name in found:
        yield from _name_lines(name, verbose)


def _name_lines(name: Name, verbose: int) -> Iterator[str]:
    from filcross.report.text import printable

    yield f"{paint(printable(name.name), 'bold')}: {printable(name.meaning)}"
    yield f"  {paint(printable(name.judgement), 'good' if name.good else 'bad')}"
    shown = name.places if verbose else name.places[:_SHOWN]
    for place in shown:
        side = "defined" if place.defined else "imported"
        source = f", from {place.source}" if place.source else ""
        yield f"  {side} in {printable(place.file)}: {place.description} ({place.table}{printable(source)})"
    if len(shown) < len(name.places):
        yield f"  and in {len(name.places) - len(shown)} more places (-v shows them)"
    for path, verdict in name.providers:
        yield f"  provided by {printable(path)} ({verdict})"
    if not name.providers and any(not place.defined for place in name.places):
        yield "  provided by no file of its process"
    for path in name.users:
        yield f"  asked for by {printable(path)}"


def _symbol(name: Name) -> dict[str, Any]:
    from filcross.report.json import plain

    return {
        "name": name.name,
        "meaning": name.meaning,
        "judgement": plain(name.judgement),
        "good": name.good,
        "places": [
            {
                "file": plain(place.file),
                "table": place.table,
                "defined": place.defined,
                "description": plain(place.description),
                "source": place.source,
            }
            for place in name.places
        ],
        "providers": [{"path": plain(path), "verdict": verdict} for path, verdict in name.providers],
        "users": [plain(path) for path in name.users],
    }
