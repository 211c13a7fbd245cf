"""`filcross ports`: what packages need to build with Fil-C."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from filcross.cli.output import DebugOption, JsonOption, Output, QuietOption, VerboseOption, paint
from filcross.errors import NothingToJudgeError, UsageError, VerdictError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from filcross.ports.catalogue import Catalogue
    from filcross.ports.check import Finding
    from filcross.ports.schema import Port

_STYLES = {"applies": "good", "fails": "bad", "tree fails": "warn", "other version": "warn"}

_app = typer.Typer(
    help="Ports: what packages need to build with Fil-C, as data. docs/ports.md explains them.",
    no_args_is_help=True,
)


def _names(incomplete: str) -> list[str]:
    """Complete the name of a port."""
    from filcross.ports import catalogue

    return [port.name for port in catalogue.shipped().ports if port.name.startswith(incomplete)]


def register(app: typer.Typer) -> None:
    """Add the command group to `app`."""
    app.add_typer(_app, name="ports")


@_app.command(
    "list",
    epilog="""\b
Examples:
  filcross ports list
  filcross ports list --language C++ --built
  filcross ports list --broken --json
  filcross ports list --mine""",
)
def list_ports(
    text: Annotated[str, typer.Argument(metavar="[TEXT]", help="Only ports with this in their name.")] = "",
    language: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only those written in it (C, C++, assembly …).")
    ] = None,
    built: Annotated[bool, typer.Option("--built", help="Only those that were built with Fil-C.")] = False,
    patched: Annotated[bool, typer.Option("--patched", help="Only those with patches.")] = False,
    broken: Annotated[bool, typer.Option("--broken", help="Only those known not to build.")] = False,
    needs: Annotated[
        bool, typer.Option("--needs", help="Only those that need more than data can say.")
    ] = False,
    mine: Annotated[
        bool, typer.Option("--mine", help="Only those that your settings add or change.")
    ] = False,
    as_json: JsonOption = False,
    verbose: VerboseOption = 0,
    quiet: QuietOption = False,
    debug: DebugOption = False,
) -> None:
    """List the ports: for which versions, what they do, and how far each is proven."""
    del debug
    from filcross.ports.catalogue import SHIPPED
    from filcross.ports.schema import LANGUAGES

    if language is not None and language not in LANGUAGES:
        raise UsageError(f"`{language}` is no language here", hint=f"one of: {', '.join(LANGUAGES)}")
    output = Output(as_json, verbose, quiet)
    catalogue = _catalogue()
    chosen = [
        port
        for port in catalogue.ports
        if text in port.name
        and (language is None or language in port.languages)
        and (not built or port.proof.built)
        and (not patched or any(change.patches for change in port.changes))
        and (not broken or port.broken)
        and (not needs or port.needs)
        and (not mine or port.origins != (SHIPPED,))
    ]
    rows = [_row(port) for port in chosen]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(2)]
    for row in rows:
        output.result(f"{row[0]:<{widths[0]}}  {row[1]:<{widths[1]}}  {row[2]}")
    for name, file in catalogue.off.items():
        output.say(f"{name}: switched off in {file}")
    output.say(f"{len(rows)} of {len(catalogue.ports)} ports")
    output.document(
        "ports",
        {
            "ports": [_describe(port) for port in chosen],
            "off": dict(catalogue.off),
            "pins": catalogue.pins,
            "sources": _explained(catalogue),
            "trees": dict(catalogue.trees),
        },
    )


def _row(port: Port) -> tuple[str, str, str]:
    what = []
    if any(change.patches for change in port.changes):
        what.append(f"patches for {port.patch_ranges or 'every version'}")
    if port.changes and not what:
        what.append("changes")
    if port.needs:
        what.append("needs more")
    if port.broken:
        what = ["broken"]
    return port.name, "; ".join(what) or "no changes", port.proof.summary + _added(port)


def _added(port: Port) -> str:
    from filcross.ports.catalogue import SHIPPED

    files = [origin for origin in port.origins if origin != SHIPPED]
    if not files:
        return ""
    return f" ({'extended' if SHIPPED in port.origins else 'written'} in {', '.join(files)})"


@_app.command("show", epilog="Example: filcross ports show openssh")
def show(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A port, or a package it is for.", autocompletion=_names)
    ],
    as_json: JsonOption = False,
    verbose: VerboseOption = 0,
    quiet: QuietOption = False,
    debug: DebugOption = False,
) -> None:
    """Show all that one port says: every change, its reason, its source and how far it is proven."""
    del debug
    output = Output(as_json, verbose, quiet)
    catalogue = _catalogue()
    (port,) = _chosen(catalogue, [name])
    for line in _lines(catalogue, port):
        output.result(line)
    output.document("port", {"port": _describe(port), "sources": _explained(catalogue)})


def _lines(catalogue: Catalogue, port: Port) -> list[str]:
    lines = [paint(port.name, "bold")]
    if port.attributes != (port.name,):
        lines.append(f"  for: {', '.join(port.attributes)}")
    lines += [f"  for versions: {port.versions.text}"] if port.versions else []
    lines += [f"  written in: {', '.join(port.languages)}"] if port.languages else []
    lines += [f"  known not to build: {port.broken}"] if port.broken else []
    lines += [f"  needs what this port cannot do: {need}" for need in port.needs]
    for change in port.changes:
        lines.append(f"  in {change.versions.text}:" if change.versions else "  in every version:")
        lines += [f"    ({change.reason})"] if change.reason else []
        for number, line in enumerate(change.describe()):
            lines.append(f"    {line}")
            if number < len(change.patches):  # they come first
                lines.append(f"      {change.patches[number].url or change.patches[number].path}")
    if not port.changes and not port.broken:
        lines.append("  changes nothing")
    if port.pin is not None:
        used = (
            "built in the place of the tree's" if port.pinned or catalogue.pins else "used only if asked for"
        )
        lines += [f"  pin: {port.pin.version} ({used})", f"    {port.pin.url}"]
    lines += [f"  note: {port.note}"] if port.note else []
    lines.append("  proven:")
    for built in port.proof.built:
        version = f" {built.version}" if built.version else ""
        lines.append(f"    built{version} with Fil-C {built.filc} by {built.by}")
    lines += [f"    evaluates on {catalogue.trees.get(tree, tree)}" for tree in port.proof.evaluates]
    lines += [
        f"    pipeline: {one.version} built with the simulator (not memory-safe), from "
        + catalogue.trees.get(one.tree, one.tree)
        for one in port.proof.simulator
    ]
    if lines[-1] == "  proven:":
        lines[-1] += " not at all"
    for source in port.sources:
        known = catalogue.sources.get(source)
        lines.append(f"  source: {known.what if known else source}")
        lines += [f"    {known.url}"] if known else []
    lines.append("  from: " + ", ".join(port.origins))
    return lines


@_app.command(
    "check",
    epilog="""\b
Examples:
  filcross ports check --nixpkgs ~/nixpkgs
  filcross ports check zlib openssl --nixpkgs nixos-24.05
  filcross ports check --json""",
)
def check(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME…]", help="Ports to check (default: all).")
    ] = None,
    nixpkgs: Annotated[
        str | None, typer.Option(metavar="PATH|embedded|REV", help="The nixpkgs, as for `build`.")
    ] = None,
    toolchain: Annotated[
        str | None, typer.Option(metavar="NAME|PATH", help="The toolchain, as for `build`.")
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, max=64, help="How many evaluations at a time.")] = 2,
    as_json: JsonOption = False,
    verbose: VerboseOption = 0,
    quiet: QuietOption = False,
    debug: DebugOption = False,
) -> None:
    """Evaluate every port on a nixpkgs: which apply, which are for other versions, which break something.

    Nothing is built. Exit code 1 if a package evaluates without its port and not with it, 4 if the tree has
    none of the packages.
    """
    del debug
    from dataclasses import replace

    from filcross import config, pipeline
    from filcross.overlay import knobs, write_overlay
    from filcross.ports import check as station
    from filcross.ports.catalogue import NONE

    output = Output(as_json, verbose, quiet)
    catalogue = _catalogue()
    ports = _chosen(catalogue, names) if names else list(catalogue.ports)
    settings = config.load({"nixpkgs": nixpkgs, "toolchain": toolchain})
    prepared = pipeline.prepare(settings, output.say)
    chosen = knobs(settings.knobs)

    def overlay(which: Catalogue) -> Path:
        folder = pipeline.overlay_folder(prepared.toolchain, which, chosen)
        return write_overlay(prepared.toolchain, folder, which, chosen).root

    # As for Fil-C itself, also where the toolchain is the simulator.
    question = replace(pipeline.question(prepared), overlay=overlay(replace(catalogue, complete=True)))
    output.say(f"evaluating with and without ports: {len(ports)} (nothing is built)")
    findings = station.check(question, ports, plain=overlay(NONE), jobs=jobs)
    _show_findings(output, findings)
    failing = [finding for finding in findings if finding.state == station.FAILS]
    none = all(finding.state == station.LACKING for finding in findings)
    code = VerdictError.exit_code if failing else NothingToJudgeError.exit_code if none else 0
    output.document(
        "ports-check",
        {
            "exit_code": code,
            "nixpkgs": {"path": str(prepared.source.path), "label": prepared.source.label},
            "nix": prepared.nix.version_text,
            "counts": {
                state: sum(finding.state == state for finding in findings) for state in station.STATES
            },
            "findings": [
                {
                    "port": finding.port,
                    "attribute": finding.attribute,
                    "state": finding.state,
                    "version": finding.version,
                    "pinned": finding.pinned,
                    "applied": list(finding.applied),
                    "stale": list(finding.stale),
                    "missing": list(finding.missing),
                    "message": finding.message,
                }
                for finding in findings
            ],
        },
    )
    raise typer.Exit(code)


def _show_findings(output: Output, findings: Sequence[Finding]) -> None:
    from filcross.ports import check as station

    for finding in findings:
        if finding.state in {station.LACKING, station.NOTHING} and not finding.message:
            output.detail(f"{finding.attribute}: {finding.state}")
            continue
        style = _STYLES.get(finding.state)
        state = paint(finding.state, style) if style else finding.state
        pinned = f"(built as {finding.pinned})" if finding.pinned else ""
        output.result(" ".join(filter(None, (f"{state}: {finding.attribute}", finding.version, pinned))))
        for line in finding.applied:
            output.detail(f"    {line}")
        for line in finding.stale:
            output.result(f"    {line}")
        if finding.missing:
            output.result(f"    the tree does not have: {', '.join(finding.missing)}")
        if finding.message:
            output.result(f"    {finding.message}")
    counts = {state: sum(finding.state == state for finding in findings) for state in station.STATES}
    output.result("; ".join(f"{count} {state}" for state, count in counts.items() if count))


def _catalogue() -> Catalogue:
    from filcross import config
    from filcross.ports import catalogue

    return catalogue.with_users(config.tables("ports"))


def _chosen(catalogue: Catalogue, names: Sequence[str]) -> list[Port]:
    import difflib

    found = []
    for name in dict.fromkeys(names):
        port = catalogue.find(name)
        if port is None:
            near = difflib.get_close_matches(name, [one.name for one in catalogue.ports], n=3)
            off = f"it is switched off in {catalogue.off[name]}" if name in catalogue.off else ""
            raise UsageError(
                f"there is no port `{name}`",
                hint=off
                or (f"did you mean {' or '.join(near)}?" if near else "see them all: filcross ports list"),
            )
        found.append(port)
    return found


def _describe(port: Port) -> dict[str, Any]:
    from filcross.ports import schema

    data = schema.for_nix(port, pinned=False)
    changes = [
        {
            "versions": change.versions.text if change.versions else None,
            "reason": change.reason,
            "lines": change.describe(),
            "patches": [
                {"name": one.name, "url": one.url, "hash": one.hash, "path": one.path and str(one.path)}
                for one in change.patches
            ],
            "details": details,
        }
        for change, details in zip(port.changes, data["changes"], strict=True)
    ]
    return {
        "name": port.name,
        "attributes": list(port.attributes),
        "versions": port.versions.text if port.versions else None,
        "languages": list(port.languages),
        "pin": port.pin and {"version": port.pin.version, "url": port.pin.url, "hash": port.pin.hash},
        "pinned": port.pinned,
        "changes": changes,
        "needs": list(port.needs),
        "broken": port.broken,
        "refuse": port.refuse,
        "note": port.note,
        "proven": {
            "summary": port.proof.summary,
            "evaluates": list(port.proof.evaluates),
            "built": [
                {"by": built.by, "filc": built.filc, "version": built.version} for built in port.proof.built
            ],
            "simulator": [{"tree": one.tree, "version": one.version} for one in port.proof.simulator],
        },
        "good_filc": list(port.good_filc),
        "sources": list(port.sources),
        "origins": list(port.origins),
    }


def _explained(catalogue: Catalogue) -> dict[str, dict[str, str]]:
    return {name: {"what": source.what, "url": source.url} for name, source in catalogue.sources.items()}
