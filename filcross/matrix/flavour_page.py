"""The page with the results of `filcross.matrix.flavour`."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from filcross import resources
from filcross.matrix import flavour, flavour_run

if TYPE_CHECKING:
    from collections.abc import Sequence

_SHOWN = 5
_WIDTH = 60


def render(results: Sequence[flavour_run.Result]) -> str:
    """Return the page as Markdown."""
    lines = [(resources.data_dir() / "flavour-page.md").read_text(encoding="utf-8").rstrip(), ""]
    lines += ["## Measured", ""]
    lines += ["| tree | Nix | flavour | compared with | packages | alike | differ, with a reason | without |"]
    lines += ["|---|---|---|---|---|---|---|---|"]
    for result in results:
        found = result.comparison
        bare = {item.package for item in found.unexplained}
        lines.append(
            f"| {result.label} | {result.nix} | {found.flavour} | "
            f"`{flavour.REFERENCES[found.flavour]}` | {found.compared} | "
            f"{found.compared - len(found.differing)} | {len(found.differing - bare)} | {len(bare)} |"
        )
    lines += ["", "## Names that stand for the same", "", "| name | why |", "|---|---|"]
    lines += [f"| `{name.name}` | {name.reason} |" for name in flavour_run.rules().names if name.reason]
    lines += ["", "## Differences and their reasons", ""]
    lines += ["| reason | differences | packages | for example |", "|---|---|---|---|"]
    lines += _reasons(results)
    return "\n".join(lines) + "\n"


def _reasons(results: Sequence[flavour_run.Result]) -> list[str]:
    packages: dict[str, set[str]] = defaultdict(set)
    examples: dict[str, list[str]] = defaultdict(list)
    counts: dict[str, int] = defaultdict(int)
    for result in results:
        for item in result.comparison.differences:
            reason = item.reason or "**none**"
            counts[reason] += 1
            if item.package not in packages[reason]:
                packages[reason].add(item.package)
                element = item.element if len(item.element) <= _WIDTH else item.element[: _WIDTH - 1] + "…"
                shown = f"{item.package} {item.attribute} `{element}`".replace("|", "\\|")
                examples[reason].append(shown)
    ordered = sorted(packages, key=lambda reason: (-len(packages[reason]), reason))
    return [
        f"| {reason} | {counts[reason]} | {len(packages[reason])}: "
        f"{', '.join(sorted(packages[reason])[:_SHOWN])}{', …' if len(packages[reason]) > _SHOWN else ''} | "
        f"{examples[reason][0]} |"
        for reason in ordered
    ]
