"""The overlay station: the Nix files of `overlays/` plus generated parameters and ports, in a folder."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import hashlib
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filcross import __version__, files, process, resources
from filcross.errors import FilcrossError, UsageError
from filcross.ports import catalogue
from filcross.toolchain.install import archive_file
from filcross.toolchain.layout import refuse_for_builds
from filcross.toolchain.releases import to_sri

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from filcross.ports.catalogue import Catalogue
    from filcross.toolchain.layout import Toolchain

PARAMETERS = "parameters.json"
SCHEMA_VERSION = 1
GENERATOR = "filcross"
# The LLVM that every Fil-C release from 0.675 to 0.686 is made of (its `--version`).
LLVM_VERSION = "20.1.8"

_CLANG_VERSION = re.compile(r"clang version (\d+\.\d+\.\d+)")


@dataclass(frozen=True, slots=True)
class Knobs:
    """What a user can choose about the overlay.

    `checks`: packages run their tests where the tree has them do so. `refuse_languages`: packages in
    languages that cannot be Fil-C are refused while they are evaluated.
    """

    checks: bool = True
    refuse_languages: bool = False


@dataclass(frozen=True, slots=True)
class Overlay:
    """An overlay folder (`import root` in Nix gives the overlay) and the parameters it was written with."""

    root: Path
    parameters: Mapping[str, Any]


def knobs(tables: Sequence[tuple[str, Any]], flags: Mapping[str, bool | None] | None = None) -> Knobs:
    """Return the knobs that `flags` (None: not given) and the tables `[overlay]` of settings files set.

    Flags win, then the first table that names a knob (`config.tables`). Raises `UsageError` for a table that
    names something else, or gives a knob no truth value.
    """
    names = {field.name.replace("_", "-"): field.name for field in dataclasses.fields(Knobs)}
    chosen: dict[str, bool] = {}
    for origin, table in reversed(tables):
        if not isinstance(table, dict):
            raise UsageError(f"`overlay` in {origin} is no table", hint="write [overlay] and its knobs below")
        for name, value in table.items():
            if name not in names:
                raise UsageError(
                    f"the overlay has no knob `{name}` ({origin})", hint=f"its knobs are: {', '.join(names)}"
                )
            if not isinstance(value, bool):
                raise UsageError(
                    f"the knob `{name}` of the overlay is on or off ({origin})",
                    hint=f"write {name} = true, or {name} = false",
                )
            chosen[names[name]] = value
    chosen |= {name: value for name, value in (flags or {}).items() if value is not None}
    return Knobs(**chosen)


def write_overlay(
    toolchain: Toolchain,
    output: Path,
    ports: Catalogue | None = None,
    knobs: Knobs | None = None,
    *,
    stored: Path | None = None,
) -> Overlay:
    """Write the overlay for `toolchain` to a folder and return it.

    `ports` are all shipped ones, and `knobs` the defaults, unless others are given. `stored` is where the
    toolchain's folder lies in a Nix store, if it does: such an overlay serves with that store only.

    The folder is wholly old or wholly new at any moment, and a second run with the same content leaves it as
    it is. A folder that is there already is replaced only if it is an overlay that filcross wrote, without
    changes or additions by anybody else; otherwise `UsageError`.
    """
    output = Path(os.path.abspath(output))  # noqa: PTH100  (a link to a folder stays a link)
    if output.is_symlink():
        output = output.resolve()
    ports = catalogue.shipped() if ports is None else ports
    content = _nix_files() | {
        f"ports/{name}": data for name, data in ports.files(simulated=toolchain.simulated).items()
    }
    parameters = {
        "schema_version": SCHEMA_VERSION,
        "generator": f"{GENERATOR} {__version__}",
        "toolchain": _describe(toolchain, stored),
        "knobs": {
            name.replace("_", "-"): value for name, value in dataclasses.asdict(knobs or Knobs()).items()
        },
        "files": {name: _sha256(data) for name, data in content.items()},
    }
    content[PARAMETERS] = (json.dumps(parameters, indent=2) + "\n").encode()
    output.parent.mkdir(parents=True, exist_ok=True)
    with _locked(output.parent):
        if _read(output) != content:
            _refuse_what_is_not_ours(output)
            _replace(output, content)
    return Overlay(root=output, parameters=parameters)


def _nix_files() -> dict[str, bytes]:
    source = resources.overlays_dir()
    return {
        name: data
        for name, data in (_read(source) or {}).items()
        if name != PARAMETERS and not any(part.startswith((".", "__")) for part in Path(name).parts)
    }


def _describe(toolchain: Toolchain, stored: Path | None) -> dict[str, Any]:
    refuse_for_builds(toolchain)
    archive = _archive(toolchain)
    return {
        "name": toolchain.name,
        "version": toolchain.version,
        "simulated": toolchain.simulated,
        "flavour": toolchain.flavour,
        "arch": toolchain.arch,
        "loader": toolchain.loader,
        "llvm_version": _llvm_version(toolchain),
        # One of the two: an archive is the same everywhere, a folder is this machine's.
        "archive": archive,
        "path": str(stored or toolchain.root.resolve()) if archive is None else None,
    }


def _archive(toolchain: Toolchain) -> dict[str, str] | None:
    """Return what Nix fetches the toolchain by (address, SRI hash, name), or None: only a folder is left."""
    if toolchain.archive is None:
        return None
    file = archive_file(toolchain.archive)
    if toolchain.archive.url.startswith("file:") and not file.is_file():
        return None
    name = re.sub(r"[^A-Za-z0-9+._?=-]", "-", file.name).lstrip(".")
    return {"url": toolchain.archive.url, "hash": to_sri(toolchain.archive.sha256), "name": name}


def _llvm_version(toolchain: Toolchain) -> str:
    """Return the version of the clang that the toolchain is: what nixpkgs' recipes compare."""
    with contextlib.suppress(FilcrossError, OSError):
        answer = process.run([toolchain.root / "build" / "bin" / "clang-20", "--version"], timeout=30)
        found = _CLANG_VERSION.search(answer.stdout)
        if found:
            return found.group(1)
    return LLVM_VERSION


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _read(folder: Path) -> dict[str, bytes] | None:
    """Return the files of `folder` by relative name, or None where there is no folder."""
    if not folder.is_dir():
        return None
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def _refuse_what_is_not_ours(output: Path) -> None:
    present = _read(output)
    if present is None:
        if output.exists():
            raise UsageError(f"{output} is a file", hint="choose another folder with --output")
        return
    if not present and not any(output.iterdir()):
        return
    hint = "choose another folder with --output, or move this one away"
    try:
        parameters = json.loads(present[PARAMETERS])
        ours = str(parameters["generator"]).startswith(f"{GENERATOR} ")
        known = dict(parameters["files"])
    except (KeyError, TypeError, ValueError):
        ours, known = False, {}
    if not ours:
        raise UsageError(f"{output} is not an overlay that filcross wrote", hint=hint)
    changed = sorted(
        name for name, data in present.items() if name != PARAMETERS and known.get(name) != _sha256(data)
    )
    if changed:
        raise UsageError(
            f"{output} has files that were changed or added since filcross wrote it",
            hint=hint,
            details=tuple(changed),
        )


def _replace(output: Path, content: Mapping[str, bytes]) -> None:
    """Put a folder with `content` in the place of `output` in one step."""
    with files.unfinished(output.parent, f".{output.name}.filcross-") as work:
        new = work / "new"
        for name, data in content.items():
            file = new / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
            file.chmod(0o644)
        new.chmod(0o755)
        files.put(new, output)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keep other runs of filcross from writing overlays into `folder` for a moment."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
