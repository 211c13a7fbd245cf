"""A plan as text, as plain data (`filcross/data/schemas/plan.schema.json`), as DOT and as a page."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from filcross.nix import languages
from filcross.nix import plan as plans
from filcross.nix.graph import title
from filcross.words import duration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from filcross.nix.plan import CriticalPath, Plan, Step

SIDES = {"filc": "Fil-C side", "build": "build side", "source": "sources"}
SHOWN = 12
_MOST_BOXES = 120


def text(plan: Plan, *, verbose: int = 0, paint: Callable[[str, str], str] = lambda text, _: text) -> str:
    """Return the plan for people; with `verbose` nothing is left out."""
    most = 10**9 if verbose else SHOWN
    lines = [f"{'':14}{'all':>8}{'in the store':>14}{'from caches':>13}{'to build':>10}"]
    for side, count in plan.counts.items():
        fetched = str(count.fetched) if plan.caches_asked else "?"
        lines.append(f"{SIDES[side]:14}{count.all:>8}{count.present:>14}{fetched:>13}{count.built:>10}")
    if not plan.caches_asked:
        lines.append("the binary caches did not answer: what they have counts as to be built")
    if plan.steps:
        lines.append(f"{len(plan.levels)} levels, one after the other: {_few(map(str, plan.levels), most)}")
        lines.append(_path_sentence(plan.critical))
        names = [title(path) for path in plan.critical.derivations[-most:]]
        lines.append(
            "  " + " → ".join([*(["…"] if len(names) < len(plan.critical.derivations) else []), *names])
        )
        lines.append(_total_sentence(plan))
    else:
        lines.append("nothing has to be built: everything is there")
    if plan.shared:
        lines.append(f"shared by several requests: {_packages(len(plan.shared))} on the Fil-C side")
        lines += [f"  {title(item.derivation)}: {', '.join(item.attributes)}" for item in plan.shared[:most]]
        if len(plan.shared) > most:
            lines.append(f"  and {len(plan.shared) - most} more (-v shows all)")
    if plan.boundaries:
        lines.append(
            paint("cannot be Fil-C:", "bad")
            + f" {_packages(len(plan.boundaries))} would hold code that Fil-C's compiler does not make"
        )
        lines += [f"  {languages.sentence(item)}" for item in plan.boundaries[:most]]
        if len(plan.boundaries) > most:
            lines.append(f"  and {len(plan.boundaries) - most} more (-v shows all)")
    return "\n".join(lines)


def _packages(count: int) -> str:
    return "1 package" if count == 1 else f"{count} packages"


def _few(items: Iterable[str], most: int) -> str:
    found = list(items)
    return ", ".join(found[:most]) + (", …" if len(found) > most else "")


def _path_sentence(path: CriticalPath) -> str:
    length = len(path.derivations)
    if path.seconds is None:
        return (
            f"critical path: {length} builds; how long they take is unknown, for this machine has built"
            " nothing of the kind"
        )
    rest = "" if path.known == length else "; the others are taken for the median of all that is known"
    return (
        f"critical path: {length} builds, estimated {duration(path.seconds)}"
        f" (medians of past builds on this machine for {path.known} of {length}{rest})"
    )


def _total_sentence(plan: Plan) -> str:
    if plan.seconds is None:
        return f"all {len(plan.steps)} builds: no estimate"
    unknown = len(plan.steps) - plan.known
    more = f", and {unknown} builds of which nothing is known" if unknown else ""
    return f"all {len(plan.steps)} builds one after the other: estimated {duration(plan.seconds)}{more}"


def document(plan: Plan) -> dict[str, Any]:
    """Return the plan as plain data."""
    return {
        "requests": [
            {"attribute": attribute, "derivation": path} for attribute, path in plan.requests.items()
        ],
        "counts": {
            side: {
                "all": count.all,
                "present": count.present,
                "fetched": count.fetched if plan.caches_asked else None,
                "to_build": count.built,
            }
            for side, count in plan.counts.items()
        },
        "caches_asked": plan.caches_asked,
        "levels": [[_step(step) for step in steps] for steps in plans.levels_of(plan.steps)],
        "critical_path": {
            "derivations": list(plan.critical.derivations),
            "estimated_seconds": plan.critical.seconds,
            "known": plan.critical.known,
        },
        "estimated_seconds": plan.seconds,
        "known": plan.known,
        "shared": [
            {"name": item.name, "derivation": item.derivation, "attributes": list(item.attributes)}
            for item in plan.shared
        ],
        "boundaries": [
            {
                "language": item.language,
                "sentence": languages.sentence(item),
                "derivation": item.derivation,
                "compiler": item.compiler or None,
                "attributes": list(item.attributes),
                "path": list(item.path),
            }
            for item in plan.boundaries
        ],
    }


def _step(step: Step) -> dict[str, Any]:
    guess = step.estimate
    return {
        "name": step.name,
        "derivation": step.derivation,
        "side": "source" if step.source else step.side,
        "after": list(step.after),
        "estimate": None
        if guess is None
        else {"seconds": guess.seconds, "builds": guess.builds, "basis": guess.basis},
    }


def dot(plan: Plan) -> str:
    """Return everything that must be built as a graph for Graphviz; sources are left out."""
    shown = {path: step for path, step in plan.steps.items() if not step.source}
    wrong = {item.derivation for item in plan.boundaries}
    critical = set(plan.critical.derivations)
    lines = ["digraph plan {", "  rankdir=LR;", "  node [shape=box, style=filled, fontname=monospace];"]
    for path, step in sorted(shown.items()):
        colour = "#ffe3e3" if path in wrong else {"filc": "#dafbe1", "build": "#dcebff"}[step.side]
        wide = ", penwidth=3" if path in critical else ""
        lines.append(f"  {_quoted(path)} [label={_quoted(title(path))}, fillcolor={_quoted(colour)}{wide}];")
    for path, step in sorted(shown.items()):
        lines += [f"  {_quoted(path)} -> {_quoted(other)};" for other in sorted(step.after) if other in shown]
    return "\n".join([*lines, "}"]) + "\n"


def _quoted(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def html(plan: Plan) -> str:
    """Return the plan as a page that needs nothing but itself."""
    from markupsafe import Markup

    from filcross.report import page

    rows = [(SIDES[side], count) for side, count in plan.counts.items()]
    picture, what = _picture(plan)
    body = page.fill(
        "plan.html",
        rows=rows,
        plan=plan,
        wrong=[languages.sentence(item) for item in plan.boundaries],
        critical=[(title(path), plan.steps[path]) for path in plan.critical.derivations],
        path_sentence=_path_sentence(plan.critical),
        total_sentence=_total_sentence(plan),
        levels=plans.levels_of(plan.steps),
        shared=[(title(item.derivation), item.attributes) for item in plan.shared],
        picture=Markup(picture),  # noqa: S704  (made by `picture.draw`, which escapes)
        what=what,
        title=title,
        duration=duration,
    )
    return page.render(f"Plan: {', '.join(plan.requests)}", body)


def _picture(plan: Plan) -> tuple[str, str]:
    """Return the picture of what must be built on the Fil-C side, and a sentence about what it leaves out."""
    from filcross.report import picture

    shown = {path: step for path, step in plan.steps.items() if step.side == "filc"}
    what = "What must be built for Fil-C, and who waits for whom (an arrow leads to what is needed first)."
    if len(shown) > _MOST_BOXES:
        kept = set(plan.critical.derivations) | set(plan.requests.values())
        kept |= {item.derivation for item in plan.boundaries[:SHOWN]}
        what += f" {len(shown)} packages are too many for a picture: this is the critical path."
        shown = {path: plan.steps[path] for path in plan.steps if path in kept}
    if not shown:
        return "", "Nothing has to be built for Fil-C."
    wrong = {item.derivation: languages.sentence(item) for item in plan.boundaries}
    nodes = [
        picture.Node(
            path,
            title(path),
            "bad" if path in wrong else ("filc" if step.side == "filc" else "other"),
            wrong.get(path) or (f"estimated {duration(step.estimate.seconds)}" if step.estimate else path),
        )
        for path, step in shown.items()
    ]
    return picture.draw(nodes, reduced({p: s.after for p, s in shown.items()}), description=what), what


def reduced(after: Mapping[str, Sequence[str]]) -> list[tuple[str, str]]:
    """Return the edges (who, what it needs) among the keys of `after` that no longer way says already.

    `after` has no cycle, and each comes after those that it needs.
    """
    behind: dict[str, set[str]] = {}
    edges = []
    for path, needed in after.items():
        direct = [other for other in needed if other in behind]
        far = set().union(*(behind[other] for other in direct)) if direct else set()
        edges += [(path, other) for other in direct if other not in far]
        behind[path] = far | set(direct)
    return edges
