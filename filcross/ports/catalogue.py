"""All ports that count for a run: those that ship with filcross, and what the user's settings say."""

from __future__ import annotations

import hashlib
import json
import tomllib
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filcross import resources
from filcross.errors import FilcrossError, UnsupportedInputError, UsageError
from filcross.ports import schema

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from filcross.ports.schema import Port

SHIPPED = "filcross"
SCHEMA_VERSION = 1
# Plain values in the settings' table [ports]; tables in it are ports.
_SETTINGS = ("enabled", "pins")


@dataclass(frozen=True, slots=True)
class Source:
    """Where claims are from: what it is, and its address."""

    what: str
    url: str


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Ports in the order of their names, and the tables that they were read from, by name.

    `sources` and `trees` explain the names that ports use. With `pins`, packages are built in the versions
    that ports pin, where they do. `off` names shipped ports that the user switched off, and in which file.
    Patches from addresses are for Fil-C itself and call its functions: with the simulator they are left out
    (and so is what is said of missing ones), unless `complete`.
    """

    ports: tuple[Port, ...] = ()
    tables: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    sources: Mapping[str, Source] = field(default_factory=dict)
    trees: Mapping[str, str] = field(default_factory=dict)
    pins: bool = False
    off: Mapping[str, str] = field(default_factory=dict)
    complete: bool = False

    def find(self, name: str) -> Port | None:
        """Return the port of that name, or of a package of that name."""
        by_name = {port.name: port for port in self.ports}
        by_attribute = {attribute: port for port in self.ports for attribute in port.attributes}
        return by_name.get(name) or by_attribute.get(name)

    def files(self, *, simulated: bool = False) -> dict[str, bytes]:
        """Return what the overlay's folder of ports holds besides its Nix files: by relative name.

        `simulated` is whether the toolchain is the simulator.
        """
        patches = [
            patch
            for port in self.ports
            for change in port.changes
            for patch in change.patches
            if patch.path is not None
        ]
        found: dict[str, bytes] = {}
        for patch in patches:
            data = patch.path.read_bytes() if patch.path is not None else b""
            name = f"patches/{patch.name}"
            if found.setdefault(name, data) != data:
                raise UsageError(
                    f"two patches are called {patch.name}", hint="give one of them another `name`"
                )
        complete = self.complete or not simulated
        rows = [schema.for_nix(port, pinned=self.pins, complete=complete) for port in self.ports]
        return {"ports.json": (json.dumps(rows, indent=1) + "\n").encode(), **found}

    @property
    def digest(self) -> str:
        """A short text that differs where what the overlay gets differs."""
        whole = hashlib.sha256(b"complete" if self.complete else b"")
        for name, data in sorted(self.files().items()):
            whole.update(f"{name} {len(data)}\n".encode() + data)
        return whole.hexdigest()[:16]


NONE = Catalogue()


@cache
def shipped() -> Catalogue:
    """Return the ports that ship with filcross (`data/ports.toml`)."""
    return read(resources.data_dir() / "ports.toml")


def read(path: Path) -> Catalogue:
    """Return the ports of a table; see `shipped`. Raises `UnsupportedInputError` for a damaged one."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        _check_version(content["schema_version"])
        sources = {name: Source(**row) for name, row in content["source"].items()}
        trees = {name: str(row["what"]) for name, row in content["tree"].items()}
        ports = [
            schema.read_port(name, table, where=f"{path.name}: [ports.{name}]", origins=(SHIPPED,))
            for name, table in content["ports"].items()
        ]
        for port in ports:
            schema.check_whole(port, f"{path.name}: [ports.{port.name}]")
            _check_names(port, sources, trees)
        _check_attributes(ports)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError, TypeError, ValueError) as error:
        raise UnsupportedInputError(
            f"{path} is not a table of ports: {error}", hint="install filcross again"
        ) from error
    except FilcrossError as error:
        raise UnsupportedInputError(error.message, hint="install filcross again") from error
    ports.sort(key=lambda port: port.name)
    return Catalogue(tuple(ports), content["ports"], sources, trees)


def _check_version(version: object) -> None:
    if version != SCHEMA_VERSION:
        raise ValueError(f"its schema_version is {version}")


def _check_names(port: Port, sources: Mapping[str, Source], trees: Mapping[str, str]) -> None:
    unknown = {*port.sources, *(built.by for built in port.proof.built)} - set(sources)
    unknown |= {*port.proof.evaluates, *(one.tree for one in port.proof.simulator)} - set(trees)
    if unknown:
        raise ValueError(f"[ports.{port.name}] names unknown sources or trees: {', '.join(sorted(unknown))}")
    if not port.sources or not port.languages:
        raise ValueError(f"[ports.{port.name}] needs sources and languages")


def _check_attributes(ports: Iterable[Port]) -> None:
    owners: dict[str, str] = {}
    for port in ports:
        for attribute in port.attributes:
            if owners.setdefault(attribute, port.name) != port.name:
                raise UsageError(
                    f"the ports {owners[attribute]} and {port.name} are both for the package {attribute}",
                    hint=schema.HELP,
                )


def with_users(tables: Iterable[tuple[str, Any]], base: Catalogue | None = None) -> Catalogue:
    """Return the ports after what the tables `[ports]` of settings say (`config.tables("ports")`).

    `tables` holds the file and the table of each, the one that wins first. Raises `UsageError` for a table
    that is not as docs/ports.md says.
    """
    base = shipped() if base is None else base
    layers = [(file, _split(file, table)) for file, table in reversed(list(tables))]
    settings = {name: value for _, (values, _) in layers for name, value in values.items()}
    if not settings.get("enabled", True):
        base = replace(base, ports=(), tables={})
    rows = {port.name: (base.tables[port.name], port.origins) for port in base.ports}
    off: dict[str, str] = {}
    for file, (_, own) in layers:
        for name, table in own.items():
            origin = rows.get(name) or (base.tables.get(name, {}), (SHIPPED,) if name in base.tables else ())
            changed = _change(file, name, table, *origin)
            if changed is None:
                rows.pop(name, None)
                off[name] = file
            else:
                rows[name] = changed
                off.pop(name, None)
    ports = []
    for name, (table, origins) in sorted(rows.items()):
        where = f"{origins[-1]}: [ports.{name}]"
        port = schema.read_port(name, table, where=where, origins=origins, folder=Path("/"))
        schema.check_whole(port, where)
        ports.append(port)
    _check_attributes(ports)
    return replace(
        base,
        ports=tuple(ports),
        tables={name: table for name, (table, _) in rows.items()},
        pins=settings.get("pins", False),
        off=off,
    )


def _split(file: str, table: Any) -> tuple[dict[str, bool], dict[str, dict[str, Any]]]:  # noqa: ANN401
    """Return the settings and the ports of one table `[ports]`."""
    if not isinstance(table, dict):
        raise UsageError(
            f"{file}: `ports` is no table", hint="write [ports.NAME], and below it what it needs"
        )
    settings = {name: value for name, value in table.items() if isinstance(value, bool)}
    ports = {name: value for name, value in table.items() if isinstance(value, dict)}
    wrong = sorted((set(table) - set(ports) - set(settings)) | (set(settings) - set(_SETTINGS)))
    if wrong:
        raise UsageError(
            f"{file}: [ports] has unknown settings: {', '.join(wrong)}",
            hint=f"settings are {' and '.join(_SETTINGS)} (true or false); a port is a table: [ports.zlib]",
        )
    return settings, ports


def _change(
    file: str, name: str, table: dict[str, Any], before: dict[str, Any], origins: tuple[str, ...]
) -> tuple[dict[str, Any], tuple[str, ...]] | None:
    """Return a port's table and origins after what one file says about it; None: it switches the port off."""
    own = dict(table)
    folder, where = Path(file).resolve().parent, f"{file}: [ports.{name}]"
    for key in ("enabled", "replace"):
        if not isinstance(own.get(key, False), bool):
            raise UsageError(f"{where}: `{key}` must be true or false", hint=schema.HELP)
    enabled, alone = own.pop("enabled", True), own.pop("replace", False)
    schema.read_port(name, own, where=where, origins=(), folder=folder)
    if not enabled:
        return None
    own = _absolute(own, folder)
    return (own, (file,)) if alone else (_merged(before, own), (*origins, file))


def _absolute(table: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return a port's table with the paths of its patches made absolute."""

    def patches(change: dict[str, Any]) -> dict[str, Any]:
        if "patches" not in change:
            return change
        rows = [
            one | ({"path": str(folder / one["path"])} if "path" in one else {}) for one in change["patches"]
        ]
        return change | {"patches": rows}

    whens = {"when": [patches(when) for when in table["when"]]} if "when" in table else {}
    return patches(table) | whens


def _merged(before: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """Return `before` with `own` on top: lists grow, tables are merged, anything else is replaced."""
    result = dict(before)
    for key, value in own.items():
        old = before.get(key)
        if key in schema.FLAGS and old is not None:
            old, value = ({"add": one} if isinstance(one, list) else one for one in (old, value))  # noqa: PLW2901
        if isinstance(old, list) and isinstance(value, list):
            result[key] = [*old, *value]
        elif isinstance(old, dict) and isinstance(value, dict) and key != "pin":
            result[key] = _merged(old, value)
        else:
            result[key] = value
    return result
