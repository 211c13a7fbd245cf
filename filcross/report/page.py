"""Pages that need nothing but themselves: style and script inside, nothing from a network.

Templates (Jinja2, every value escaped) and the style are in `filcross/data/page/`. The page forbids the
browser to load anything, and to run any script but its own.
"""

from __future__ import annotations

import base64
import hashlib
import posixpath
import re
from functools import cache
from typing import TYPE_CHECKING

from filcross import __version__, resources
from filcross.elf import packages
from filcross.report.text import printable

if TYPE_CHECKING:
    from jinja2 import Environment


def render(title: str, body: str, *, script: str = "") -> str:
    """Return a whole HTML page: `title` is text, `body` is HTML (see `fill`), `script` is JavaScript.

    Raises `ValueError` for a script that would end its own element.
    """
    if "</script" in script.lower() or "<!--" in script:
        raise ValueError("a script in a page must not hold `</script` or `<!--`")
    from markupsafe import Markup

    digest = base64.b64encode(hashlib.sha256(f"\n{script}\n".encode()).digest()).decode()
    return fill(
        "page.html",
        title=title,
        body=Markup(body),  # noqa: S704  (made by `fill`, which escapes)
        style=Markup((resources.data_dir() / "page" / "page.css").read_text(encoding="utf-8")),  # noqa: S704
        script=Markup(script),  # noqa: S704  (a file of filcross)
        script_hash=f"sha256-{digest}" if script else "",
        version=__version__,
    )


def fill(template: str, **values: object) -> str:
    """Return a template of `filcross/data/page/`, filled in; text among `values` is escaped.

    Filters: `shown` (no control characters), `base` (of a path), `short` (a store path without its hash),
    `markdown` (nothing in it means anything in Markdown).
    What is HTML already (from `fill` itself) is passed as `markupsafe.Markup`.
    """
    return _environment().get_template(template).render(values)


@cache
def _environment() -> Environment:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(resources.data_dir() / "page"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "shown": printable,
        "base": posixpath.basename,
        "short": _short,
        "markdown": _markdown,
    }
    return environment


def _markdown(text: str) -> str:
    """Return text without control characters, and with a backslash before what Markdown would act upon."""
    return re.sub(r"[\\`*_{}\[\]()#!|~]", r"\\\g<0>", printable(text))


def _short(path: str) -> str:
    """Return a store path without its store and hash."""
    found = packages.store_path(path)
    return found[1] if found is not None else path
