"""A report for people: the answer, a summary that fits a screen, then each file with its reasons."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from filcross.elf import packages
from filcross.elf.verdict import BAD, GOOD, VERDICTS, Finding, finding_titles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from filcross.elf.packages import Package
    from filcross.elf.verdict import FileReport, Report

_SHOWN = 6
_SCREEN, _PACKAGES, _CODES = 20, 5, 6
_MEMBERS = 10
_STYLES = {"error": "bad", "unknown": "warn", "warning": "warn", "info": "dim"}


def render(
    report: Report,
    *,
    verbose: int = 0,
    only_summary: bool = False,
    paint: Callable[[str, str], str] | None = None,
) -> str:
    """Return the report as text.

    With `verbose`, information and every library are shown too, twice: all evidence. `paint(text, style)`
    colours a piece of text (styles `good`, `bad`, `warn`, `dim`, `bold`); without it the text is plain.
    """
    return "\n".join(_lines(report, verbose, paint or _plain, only_summary=only_summary))


def _plain(text: str, style: str) -> str:
    del style
    return text


def _lines(
    report: Report, verbose: int, paint: Callable[[str, str], str], *, only_summary: bool
) -> Iterator[str]:
    answer = conclusion(report, paint)
    yield answer
    yield from _summary(report, paint)
    if only_summary:
        return
    details = list(_details(report, verbose, paint))
    yield from details
    if len(details) > _SCREEN:
        yield answer


def _details(report: Report, verbose: int, paint: Callable[[str, str], str]) -> Iterator[str]:
    chains = packages.Chains(report)
    known = []
    groups: dict[str, list[FileReport]] = {}
    for file in report.files:
        if _is_known(file) and not verbose:
            known.append(file)
        else:
            found = packages.store_path(file.path)
            groups.setdefault(found[0] if found is not None else "", []).append(file)
    by_path = {package.path: package for package in report.packages}
    for path, files in groups.items():
        yield ""
        if path in by_path:
            package = by_path[path]
            yield paint(f"{printable(package.name)}{_origin(package)}", "bold")
        for file in files:
            yield from _file(chains, file, verbose, paint)
    yield from _toolchain_files(known, paint)
    for script in report.scripts:
        if verbose or {script.verdict, *(verdict for _, verdict in script.runs)} & BAD:
            parts = [f"#! {printable(script.interpreter)}: {script.verdict or 'not judged'}"]
            parts += [f"starts {printable(path)}: {verdict or 'not judged'}" for path, verdict in script.runs]
            yield paint(f"script       {printable(script.path)}  ({'; '.join(parts)})", "dim")


def _origin(package: Package) -> str:
    """Say which attribute makes a package, or which others bring it in."""
    via = [_name(path) for path in package.via]
    if package.attribute is not None:
        via.insert(0, f"attribute {package.attribute}")
    return f"  (by {' → '.join(map(printable, via))})" if via else ""


def _name(path: str) -> str:
    found = packages.store_path(path)
    return found[1] if found is not None else path


def _is_known(file: FileReport) -> bool:
    """Tell whether a file is one of a toolchain's own, with nothing to say about it."""
    told = any(finding.severity != "info" for finding in file.findings)
    return file.toolchain is not None and file.verdict in GOOD and not told and not file.waived


def _toolchain_files(files: Sequence[FileReport], paint: Callable[[str, str], str]) -> Iterator[str]:
    """Say in a line a folder what would fill a screen: the files that came with the toolchain."""
    folders: dict[tuple[str, str], int] = {}
    for file in files:
        key = (file.path.rsplit("/", 1)[0], file.toolchain or "")
        folders[key] = folders.get(key, 0) + 1
    for (folder, toolchain), count in folders.items():
        what = f"{count} file{'s' if count > 1 else ''} of the toolchain {printable(toolchain)}"
        yield paint(f"             {what} in {printable(folder)}, known by content (-v shows them)", "dim")


def _file(
    chains: packages.Chains, file: FileReport, verbose: int, paint: Callable[[str, str], str]
) -> Iterator[str]:
    style = "good" if file.verdict in GOOD else "bad" if file.verdict in BAD else "warn"
    simulated = " (simulated)" if file.simulated else ""
    yield f"{paint(f'{file.verdict:<12}', style)} {printable(file.path)}{paint(simulated, 'warn')}"
    facts = [file.kind]
    if file.machine and file.machine != "x86_64":
        facts.append(file.machine)
    if file.loader:
        facts.append(f"loader {printable(file.loader)}")
    if file.needed:
        facts.append(f"needs {printable(', '.join(file.needed))}")
    if file.same_as:
        facts.append(f"{len(file.same_as)} more links")
    facts.append(f"by {file.confidence}")
    yield paint(f"             {'; '.join(facts)}", "dim")
    if verbose:
        for library in file.libraries:
            where = printable(library.path or "not found")
            yield paint(
                f"             {printable(library.name)} -> {where} [{printable(library.how)}] "
                f"{library.verdict or 'not judged'}",
                "dim",
            )
    for finding in file.findings:
        if verbose or finding.severity != "info":
            yield from finding_lines(finding, verbose, paint)
    yield from _chain(chains.of(file), paint)
    yield from _members(file, verbose, paint)
    for waived in file.waived:
        yield paint(f"  waived     {printable(waived)}", "warn")


def _chain(steps: Sequence[packages.Step], paint: Callable[[str, str], str]) -> Iterator[str]:
    """Say what brings a bad file in, where that is more than its path."""
    if {step.what for step in steps} - {packages.FILE, packages.SYMBOL}:
        texts = [_name(step.text) if step.what == packages.STORE_PATH else step.text for step in steps]
        yield paint(f"  because    {' → '.join(map(printable, texts))}", "dim")


def _members(file: FileReport, verbose: int, paint: Callable[[str, str], str]) -> Iterator[str]:
    shown = [member for member in file.members if verbose > 1 or member.verdict not in GOOD]
    for member in shown if verbose else shown[:_MEMBERS]:
        name = member.path.removeprefix(file.path)
        yield f"             {member.verdict:<12} {printable(name)}"
        for finding in member.findings:
            if verbose or finding.severity != "info":
                yield from (f"  {line}" for line in finding_lines(finding, verbose, paint))
    if not verbose and len(shown) > _MEMBERS:
        yield f"             and {len(shown) - _MEMBERS} more members (-v shows them)"


def finding_lines(
    finding: Finding, verbose: int, paint: Callable[[str, str], str] | None = None
) -> Iterator[str]:
    """Yield a finding and what it rests on as lines; arguments as for `render`."""
    paint = paint or _plain
    yield f"  {paint(finding.code, _STYLES[finding.severity])}  {printable(finding.message)}"
    shown, more = (finding.evidence, 0) if verbose > 1 else finding.first(_SHOWN)
    if shown:
        rest = f", and {more} more" if more else ""
        yield paint(f"             {printable(', '.join(shown))}{rest}", "dim")


def _summary(report: Report, paint: Callable[[str, str], str]) -> Iterator[str]:
    counts = report.counts
    parts = [f"{counts[verdict]} {verdict}" for verdict in VERDICTS if counts[verdict]]
    skipped = [f"{count} {reason}" for reason, count in report.skipped.items()]
    yield f"{len(report.files)} ELF files and archives: {', '.join(parts) or 'none'}"
    if report.accepted:
        yield paint(f"accepted only by waivers: {report.accepted}", "warn")
    yield from _waivers(report, paint)
    if skipped:
        yield paint(f"not judged: {', '.join(skipped)}", "dim")
    yield from _changes(report, paint)
    yield from _packages(report, paint)
    yield from _codes(report, paint)


def _changes(report: Report, paint: Callable[[str, str], str]) -> Iterator[str]:
    if report.comparison is None:
        return
    yield f"since {printable(report.comparison.baseline)}:"
    for what, changes in (("files", report.comparison.files), ("findings", report.comparison.findings)):
        old = f"{len(changes.fixed)} fixed, {len(changes.unchanged)} unchanged"
        yield f"  {what:<9} {len(changes.new)} new, {old}"
    for word, style, listed in (
        ("new", "bad", report.comparison.findings.new),
        ("fixed", "good", report.comparison.findings.fixed),
    ):
        for item in listed[:_SHOWN]:
            yield paint(f"  {word:<9} {printable(item)}", style)
        if len(listed) > _SHOWN:
            yield f"  and {len(listed) - _SHOWN} more {word} findings"


def _packages(report: Report, paint: Callable[[str, str], str]) -> Iterator[str]:
    """Say which packages are not good, worst first."""
    spoiled = [package for package in report.packages if package.outcomes.keys() & {"bad", "open"}]
    spoiled.sort(key=lambda item: (-item.outcomes.get("bad", 0), -item.outcomes.get("open", 0), item.name))
    if len(report.packages) > 1:
        good = len(report.packages) - len(spoiled)
        yield f"{len(report.packages)} packages: {good} good, {len(spoiled)} not"
    elif not spoiled:
        return
    for package in spoiled[:_PACKAGES]:
        counted = ", ".join(
            f"{package.outcomes[name]} {name}"
            for name in ("bad", "open", "good", "accepted")
            if package.outcomes.get(name)
        )
        style = "bad" if package.outcomes.get("bad") else "warn"
        yield f"  {paint(printable(package.name), style)}: {counted}{_origin(package)}"
    if len(spoiled) > _PACKAGES:
        yield f"  and {len(spoiled) - _PACKAGES} more packages"


def _codes(report: Report, paint: Callable[[str, str], str]) -> Iterator[str]:
    """Say which findings there are, those of most files first."""
    listed = codes(report)
    for code, title, count in listed[:_CODES]:
        style = _STYLES[Finding(code, "").severity]
        yield f"  {paint(code, style)} in {count} file{'s' if count > 1 else ''}: {title}"
    if len(listed) > _CODES:
        yield f"  and {len(listed) - _CODES} more codes"


def codes(report: Report) -> list[tuple[str, str, int]]:
    """Return the findings that count: code, title, in how many files; errors and the frequent ones first."""
    counts = Counter(
        code
        for file in report.files
        if not file.accepted
        for code in {finding.code for finding in file.findings if finding.severity != "info"}
    )
    titles = finding_titles()
    ordered = sorted(counts.items(), key=lambda item: (item[0][5] != "E", -item[1], item[0]))
    return [(code, titles.get(code, code), count) for code, count in ordered]


def _waivers(report: Report, paint: Callable[[str, str], str]) -> Iterator[str]:
    states = [use.state for use in report.waivers]
    if states:
        counted = [f"{states.count(state)} {state}" for state in ("used", "unused", "expired")]
        yield paint(f"waivers: {', '.join(item for item in counted if item[0] != '0')}", "warn")
    for use in report.waivers:
        if use.expired:
            waiver = use.waiver
            text = f"{waiver.code} for {waiver.path}, {waiver.reason} ({waiver.owner}), in {waiver.origin}"
            yield paint(f"  expired on {waiver.expires}: {printable(text)}", "warn")


def conclusion(report: Report, paint: Callable[[str, str], str] | None = None) -> str:
    """Return the answer in a sentence."""
    paint = paint or _plain
    if report.exit_code == 1:
        return paint(
            "no: there is ordinary code (docs/findings/ explains the codes, `filcross why FILE` a file)",
            "bad",
        )
    if not report.files:
        return paint("nothing to judge: no ELF file was found", "warn")
    if report.exit_code:
        unknown = {file.trusted for file in report.files if file.outcome == "open"} == {False}
        why = "nobody vouches for the toolchain (--trust-runtime)"
        return paint(
            f"not shown: {why if unknown else 'some files could not be judged or looked at'}", "warn"
        )
    if report.accepted:
        return paint(
            "accepted: what is not Fil-C code is waived, so this is no proof of memory safety", "warn"
        )
    if report.simulated:
        return paint(
            "yes: every file has the shape of Fil-C code; made by the simulator, so nothing is memory-safe",
            "good",
        )
    return paint("yes: every file is Fil-C code or its known runtime", "good")


def printable(text: str) -> str:
    """Return `text` without anything that could steer a terminal."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape", "backslashreplace").decode()
        for char in text
    )
