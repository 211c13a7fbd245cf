"""A survey as text, as plain data (`filcross/data/schemas/survey.schema.json`) and as a page."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

from filcross.nix.languages import load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from filcross.matrix.flavour import Comparison, Difference
    from filcross.matrix.survey import Group, Platform, Survey

SHOWN, SHOWN_NAMES = 12, 8


def text(survey: Survey, *, verbose: int = 0, paint: Callable[[str, str], str] = lambda text, _: text) -> str:
    """Return the survey for people; with `verbose` nothing is left out."""
    most = 10**9 if verbose else SHOWN
    sides = [survey.filc, *([survey.reference] if survey.reference else [])]
    lines = []
    if not survey.complete:
        lines.append(paint("interrupted:", "warn") + " this is what was known until then")
    width = max(12, *(len(side.name) + 2 for side in sides))
    lines.append(f"{f'{survey.asked} attributes':34}" + "".join(f"{side.name:>{width}}" for side in sides))
    for label, counts in _rows(survey, sides):
        lines.append(f"{label:34}" + "".join(f"{count:>{width}}" for count in counts))
    if not survey.languages_known:
        lines.append("languages were not looked for: the derivations contain those of every language")
    if survey.ratio is not None and survey.reference is not None:
        lines.append(f"{survey.ratio:.2%} as many derivations as {survey.reference.name}")
    if survey.only_filc:
        what = "only Fil-C fails" if survey.reference else "failures"
        lines += _groups(what, survey.only_filc, most)
    if survey.only_reference and survey.reference is not None:
        lines += _groups(f"only {survey.reference.name} fails", survey.only_reference, most)
    if survey.comparison is not None:
        lines += _comparison(survey.comparison, most, paint)
    return "\n".join(lines)


def _rows(survey: Survey, sides: Sequence[Platform]) -> Iterable[tuple[str, list[int]]]:
    yield "a derivation", [len(side.derivations) for side in sides]
    if survey.languages_known:
        yield "refused for their language", [len(side.refused) for side in sides]
        counted = [Counter(name for names in side.languages.values() for name in names) for side in sides]
        for language in load():
            if any(count[language.name] for count in counted):
                yield f"  need {language.title}", [count[language.name] for count in counted]
    kinds = [Counter(failure.kind for failure in side.failures.values()) for side in sides]
    total: Counter[str] = sum(kinds, Counter())
    yield "no derivation", [sum(count.values()) for count in kinds]
    for kind, _ in sorted(total.items(), key=lambda item: (-item[1], item[0])):
        yield f"  {kind}", [count[kind] for count in kinds]
    yield "no package", [len(side.others) for side in sides]


def _groups(what: str, groups: Sequence[Group], most: int) -> list[str]:
    count = sum(len(group.attributes) for group in groups)
    lines = [f"{what}: {count} {'attribute' if count == 1 else 'attributes'}, by cause:"]
    for group in groups[:most]:
        place = f" ({group.position})" if group.position else ""
        lines.append(f"  {len(group.attributes):>4}  {group.kind}: {group.message or 'no message'}{place}")
        lines.append(f"        {_few(group.attributes, most)}")
    if len(groups) > most:
        lines.append(f"  and {len(groups) - most} causes more (-v shows all)")
    return lines


def _few(names: Sequence[str], most: int) -> str:
    shown = max(SHOWN_NAMES, most if most > SHOWN else 0)
    return ", ".join(names[:shown]) + (f", and {len(names) - shown} more" if len(names) > shown else "")


def _comparison(found: Comparison, most: int, paint: Callable[[str, str], str]) -> list[str]:
    bare = {item.package for item in found.unexplained}
    alike = found.compared - len(found.differing)
    with_reason = len(found.differing - bare)
    counts = f"{alike} alike, {with_reason} differ with a reason, {len(bare)} without"
    lines = [f"decisions: {found.compared} packages compared, {counts}"]
    grouped = by_element(found.unexplained)
    for (attribute, element), packages in grouped[:most]:
        lines.append(f"  {len(packages):>4}  {paint(attribute, 'bold')} {_short(element)}")
        lines.append(f"        {_few(packages, most)}")
    if len(grouped) > most:
        lines.append(f"  and {len(grouped) - most} differences more (-v shows all)")
    return lines


def _short(element: str) -> str:
    return element if len(element) <= 100 else element[:99] + "…"  # noqa: PLR2004


def by_element(differences: Iterable[Difference]) -> list[tuple[tuple[str, str], list[str]]]:
    """Return (attribute, element) with the packages that differ in it, the most common first."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for item in differences:
        found[item.attribute, item.element].append(item.package)
    ordered = ((key, sorted(set(packages))) for key, packages in found.items())
    return sorted(ordered, key=lambda item: (-len(item[1]), item[0]))


def document(survey: Survey) -> dict[str, Any]:
    """Return the survey as plain data."""
    return {
        "complete": survey.complete,
        "languages_known": survey.languages_known,
        "asked": survey.asked,
        "ratio": survey.ratio,
        "filc": _platform(survey.filc),
        "reference": _platform(survey.reference) if survey.reference else None,
        "only_filc": [_group(group) for group in survey.only_filc],
        "only_reference": [_group(group) for group in survey.only_reference],
        "decisions": _decisions(survey.comparison) if survey.comparison else None,
    }


def _platform(side: Platform) -> dict[str, Any]:
    return {
        "platform": side.name,
        "derivations": dict(sorted(side.derivations.items())),
        "languages": {name: list(found) for name, found in sorted(side.languages.items())},
        "failures": {
            name: {"kind": found.kind, "message": found.message, "position": found.position}
            for name, found in sorted(side.failures.items())
        },
        "no_package": sorted(side.others),
    }


def _group(group: Group) -> dict[str, Any]:
    return {
        "kind": group.kind,
        "message": group.message,
        "position": group.position,
        "attributes": list(group.attributes),
    }


def _decisions(found: Comparison) -> dict[str, Any]:
    reasons: dict[str, set[str]] = defaultdict(set)
    for item in found.differences:
        if item.reason is not None:
            reasons[item.reason].add(item.package)
    return {
        "flavour": found.flavour,
        "compared": found.compared,
        "differing": len(found.differing),
        "reasons": [
            {"reason": reason, "packages": len(packages)}
            for reason, packages in sorted(reasons.items(), key=lambda item: (-len(item[1]), item[0]))
        ],
        "unexplained": [
            {"attribute": attribute, "element": element, "packages": packages}
            for (attribute, element), packages in by_element(found.unexplained)
        ],
    }


def html(survey: Survey, title: str) -> str:
    """Return the survey as a page that needs nothing but itself."""
    from filcross.report import page

    sides = [survey.filc, *([survey.reference] if survey.reference else [])]
    body = page.fill(
        "survey.html",
        survey=survey,
        sides=sides,
        rows=list(_rows(survey, sides)),
        ratio=None if survey.ratio is None else f"{survey.ratio:.2%}",
        unexplained=by_element(survey.comparison.unexplained) if survey.comparison else [],
        reasons=_decisions(survey.comparison)["reasons"] if survey.comparison else [],
    )
    return page.render(title, body)
