"""The form of a port (docs/ports.md), read strictly: from TOML to frozen values, and on to what Nix reads.

A port is about one package of nixpkgs. It holds changes to that package's derivation; the first one counts
for every version that the port is for, and each `when` for a range of versions of its own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from filcross.errors import UsageError
from filcross.ports.versions import Range, parse_range
from filcross.toolchain.releases import to_hex, to_sri

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

HELP = "the form of a port is in docs/ports.md"
FLAGS = ("configure", "cmake", "meson", "make", "cflags")
# Languages that Fil-C compiles, and others that a package may be written in.
COMPILED = ("C", "C++", "assembly")
LANGUAGES = (
    *COMPILED,
    *(
        "Ada",
        "D",
        "Fortran",
        "Go",
        "Haskell",
        "Java",
        "Lisp",
        "Lua",
        "OCaml",
        "Perl",
        "Python",
        "Ruby",
        "Rust",
    ),
    *("Shell", "Zig"),
)

_ATTRIBUTE = re.compile(r"[A-Za-z_][A-Za-z0-9_'-]*\Z")
_ARGUMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_'-]*\Z")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_SCRIPT = re.compile(r"(pre|post)[A-Z]|.*Phase\Z")
_ADDRESS = re.compile(r"(https?|mirror|ftp)://[^\s]+\Z")
# Attributes that have a key of their own here, or that make the derivation what it is.
_NOT_SET = {
    *("patches", "configureFlags", "cmakeFlags", "mesonFlags", "makeFlags", "NIX_CFLAGS_COMPILE", "env"),
    *("doCheck", "doInstallCheck", "nativeBuildInputs", "buildInputs", "src", "version", "pname", "name"),
    *("passthru", "meta", "stdenv", "builder", "args", "system", "outputHash"),
}

_CHANGE_KEYS = {
    *("patches", "drop-patches", *FLAGS, "skip-check", "skip-install-check", "override", "set", "substitute"),
    *("native-build-inputs", "build-inputs", "reason"),
}
_PORT_KEYS = _CHANGE_KEYS | {
    *("attributes", "versions", "languages", "sources", "pin", "pinned", "when", "needs", "broken", "refuse"),
    *("note", "proven"),
}


@dataclass(frozen=True, slots=True)
class Patch:
    """A patch: the address it is fetched from and its SRI hash, or a file on this machine."""

    name: str
    url: str | None
    hash: str | None
    path: Path | None
    reason: str


@dataclass(frozen=True, slots=True)
class Pin:
    """A version that is known to build, and its source: an address and the SRI hash of the file there."""

    version: str
    url: str
    hash: str


@dataclass(frozen=True, slots=True)
class Flags:
    """Flags to add, and flags to remove (`--enable-x`, or `-Dx=*` for all that begin so)."""

    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Argument:
    """A package as the value of an argument: of the Fil-C packages, or of those that run during builds."""

    package: str
    build: bool


@dataclass(frozen=True, slots=True)
class Substitution:
    """Text to replace in files of the source (patterns as in a shell)."""

    files: tuple[str, ...]
    old: str
    new: str
    reason: str


@dataclass(frozen=True, slots=True)
class Change:
    """What changes in a derivation, for `versions` (None: all that the port is for), and why."""

    versions: Range | None = None
    reason: str = ""
    patches: tuple[Patch, ...] = ()
    drop_patches: tuple[str, ...] = ()
    flags: Mapping[str, Flags] = field(default_factory=dict)
    skip_check: str | None = None
    skip_install_check: str | None = None
    override: Mapping[str, Any] = field(default_factory=dict)
    native_build_inputs: tuple[str, ...] = ()
    build_inputs: tuple[str, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)
    substitutions: tuple[Substitution, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether it changes nothing."""
        return not self.describe()

    def describe(self) -> list[str]:
        """Return one line for each thing that changes, for people."""
        lines = [
            f"patch {patch.name}" + (f" ({patch.reason})" if patch.reason else "") for patch in self.patches
        ]
        lines += [f"drops the tree's patch {name}" for name in self.drop_patches]
        for kind, flags in self.flags.items():
            lines += [f"{kind}: {flag}" for flag in flags.add]
            lines += [f"{kind}: without {flag}" for flag in flags.remove]
        lines += [f"no tests: {self.skip_check}"] if self.skip_check else []
        lines += (
            [f"no tests after installation: {self.skip_install_check}"] if self.skip_install_check else []
        )
        lines += [f"argument {name} = {_show(value)}" for name, value in self.override.items()]
        lines += [f"build tool {name}" for name in self.native_build_inputs]
        lines += [f"library {name}" for name in self.build_inputs]
        lines += [f"{name} = {_show(value)}" for name, value in self.attributes.items()]
        lines += [
            f"replaces {one.old!r} by {one.new!r} in {' '.join(one.files)}"
            + (f" ({one.reason})" if one.reason else "")
            for one in self.substitutions
        ]
        return lines


@dataclass(frozen=True, slots=True)
class Built:
    """Who built the package with which Fil-C (and which version of it, where that is known)."""

    by: str
    filc: str
    version: str | None


@dataclass(frozen=True, slots=True)
class Simulated:
    """A build with the simulator, which covers the pipeline and proves nothing about Fil-C."""

    tree: str
    version: str


@dataclass(frozen=True, slots=True)
class Proof:
    """How far a port is proven: trees on which it evaluates, builds with Fil-C, builds with the simulator."""

    evaluates: tuple[str, ...] = ()
    built: tuple[Built, ...] = ()
    simulator: tuple[Simulated, ...] = ()

    @property
    def summary(self) -> str:
        """One line for people."""
        parts = []
        if self.built:
            parts.append(
                "built by others with Fil-C " + ", ".join(sorted({built.filc for built in self.built}))
            )
        if self.evaluates:
            parts.append(f"evaluates on {len(self.evaluates)} tree{'s' if len(self.evaluates) > 1 else ''}")
        return "; ".join(parts) or "not proven at all"


@dataclass(frozen=True, slots=True)
class Port:
    """One port. `origins` says where it is from: the table of filcross, files of settings, or both."""

    name: str
    attributes: tuple[str, ...]
    versions: Range | None
    languages: tuple[str, ...]
    sources: tuple[str, ...]
    pin: Pin | None
    pinned: bool
    changes: tuple[Change, ...]
    needs: tuple[str, ...]
    broken: str | None
    refuse: bool
    note: str
    proof: Proof
    origins: tuple[str, ...]

    @property
    def good_filc(self) -> tuple[str, ...]:
        """The versions of Fil-C that it was built with."""
        return tuple(sorted({built.filc for built in self.proof.built}))

    @property
    def patch_ranges(self) -> str:
        """The versions that it has patches for, for people (empty: it has none, or they are for all)."""
        ranges = [change.versions.text for change in self.changes if change.patches and change.versions]
        return " or ".join(dict.fromkeys(ranges))


def read_port(
    name: str,
    table: Any,  # noqa: ANN401
    *,
    where: str,
    origins: tuple[str, ...],
    folder: Path | None = None,
) -> Port:
    """Return the port that a TOML table describes.

    `where` names the table in messages, `folder` is where relative paths of patches begin (None: patches come
    from addresses only). Raises `UsageError` for anything that is not as docs/ports.md says.
    """
    reader = _Reader(where, folder)
    values = reader.table(table, "the port", _PORT_KEYS)
    if _ATTRIBUTE.match(name) is None:
        raise reader.error(f"`{name}` is not the name of a package")
    attributes = reader.names(values, "attributes", _ATTRIBUTE) or (name,)
    languages = reader.texts(values, "languages")
    for language in languages:
        if language not in LANGUAGES:
            raise reader.error(f"`{language}` is not a language; known: {', '.join(LANGUAGES)}")
    whens = [reader.change(when, f"when {number}") for number, when in reader.tables(values, "when")]
    for number, when in enumerate(whens, start=1):
        if when.versions is None or when.empty:
            raise reader.error(f"`when` {number} needs `versions`, and something to change")
    first = reader.change({key: values[key] for key in _CHANGE_KEYS & set(values)}, "the port")
    pin = reader.pin(values)
    broken = reader.text(values, "broken")
    return Port(
        name=name,
        attributes=attributes,
        versions=reader.range(values),
        languages=languages,
        sources=reader.texts(values, "sources"),
        pin=pin,
        pinned=reader.flag(values, "pinned"),
        changes=tuple(change for change in (first, *whens) if not change.empty),
        needs=reader.texts(values, "needs"),
        broken=broken,
        refuse=reader.flag(values, "refuse"),
        note=reader.text(values, "note") or "",
        proof=reader.proof(values),
        origins=origins,
    )


def check_whole(port: Port, where: str) -> None:
    """Raise `UsageError` for a port (merged of all its parts) whose parts contradict each other."""
    reader = _Reader(where, None)
    if port.pinned and port.pin is None:
        raise reader.error("`pinned` needs a `pin`")
    if port.refuse and port.broken is None:
        raise reader.error("`refuse` needs the reason in `broken`")


def for_nix(port: Port, *, pinned: bool, complete: bool = True) -> dict[str, Any]:
    """Return what Nix reads of a port (overlays/ports).

    With `pinned`, its pin is used where it has one. Without `complete`, what is for Fil-C itself is left out:
    patches from addresses, and `needs`.
    """
    use = port.pin if pinned or port.pinned else None
    return {
        "name": port.name,
        "attributes": list(port.attributes),
        "versions": _conditions(port.versions),
        "pin": None if use is None else {"version": use.version, "url": use.url, "hash": use.hash},
        "patched": port.patch_ranges,
        "needs": list(port.needs) if complete else [],
        "broken": port.broken,
        "refuse": port.refuse,
        "changes": [_change_for_nix(change, fetched=complete) for change in port.changes],
    }


def _change_for_nix(change: Change, *, fetched: bool) -> dict[str, Any]:
    flags = {kind: change.flags.get(kind, Flags()) for kind in FLAGS}
    return {
        "versions": _conditions(change.versions),
        "patches": [
            {
                "name": patch.name,
                "url": patch.url,
                "hash": patch.hash,
                "file": None if patch.path is None else patch.name,
            }
            for patch in change.patches
            if fetched or patch.path is not None
        ],
        "dropPatches": list(change.drop_patches),
        **{kind: {"add": list(one.add), "remove": list(one.remove)} for kind, one in flags.items()},
        "skipCheck": change.skip_check is not None,
        "skipInstallCheck": change.skip_install_check is not None,
        "override": {name: _value_for_nix(value) for name, value in change.override.items()},
        "nativeBuildInputs": list(change.native_build_inputs),
        "buildInputs": list(change.build_inputs),
        "set": dict(change.attributes),
        "substitute": [
            {"files": list(one.files), "old": one.old, "new": one.new} for one in change.substitutions
        ],
    }


def _conditions(versions: Range | None) -> list[dict[str, str]] | None:
    if versions is None:
        return None
    return [{"operator": operator, "version": version} for operator, version in versions.conditions]


def _value_for_nix(value: Any) -> Any:  # noqa: ANN401
    return {"package": value.package, "build": value.build} if isinstance(value, Argument) else value


def _show(value: Any) -> str:  # noqa: ANN401
    if isinstance(value, Argument):
        return f"the {'build tool' if value.build else 'package'} {value.package}"
    if isinstance(value, bool):
        return "true" if value else "false"
    return "null" if value is None else repr(value)


class _Reader:
    """Reads the parts of one port; every complaint names the port and its file."""

    def __init__(self, where: str, folder: Path | None) -> None:
        self.where = where
        self.folder = folder

    def error(self, message: str) -> UsageError:
        return UsageError(f"{self.where}: {message}", hint=HELP)

    def table(self, value: Any, what: str, keys: Iterable[str]) -> dict[str, Any]:  # noqa: ANN401
        if not isinstance(value, dict):
            raise self.error(f"{what} must be a table")
        unknown = sorted(set(value) - set(keys))
        if unknown:
            raise self.error(f"{what} has unknown keys: {', '.join(unknown)}")
        return value

    def tables(self, values: Mapping[str, Any], key: str) -> list[tuple[int, Any]]:
        given = values.get(key, [])
        if not isinstance(given, list):
            raise self.error(f"`{key}` must be a list of tables ([[ports.NAME.{key}]])")
        return list(enumerate(given, start=1))

    def text(self, values: Mapping[str, Any], key: str) -> str | None:
        value = values.get(key)
        if value is None:
            return None
        if not isinstance(value, str) or not value.strip():
            raise self.error(f"`{key}` must be a text, and say something")
        return value

    def needed(self, values: Mapping[str, Any], key: str, what: str) -> str:
        value = self.text(values, key)
        if value is None:
            raise self.error(f"{what} lacks `{key}`")
        return value

    def flag(self, values: Mapping[str, Any], key: str) -> bool:
        value = values.get(key, False)
        if not isinstance(value, bool):
            raise self.error(f"`{key}` must be true or false")
        return value

    def texts(self, values: Mapping[str, Any], key: str) -> tuple[str, ...]:
        value = values.get(key, [])
        if not isinstance(value, list) or not all(isinstance(one, str) and one.strip() for one in value):
            raise self.error(f"`{key}` must be a list of texts")
        if any("\0" in one for one in value):
            raise self.error(f"`{key}` holds a NUL character")
        return tuple(dict.fromkeys(value))

    def names(
        self, values: Mapping[str, Any], key: str, pattern: re.Pattern[str] = _ATTRIBUTE
    ) -> tuple[str, ...]:
        found = self.texts(values, key)
        for name in found:
            if pattern.match(name) is None:
                raise self.error(f"`{name}` in `{key}` is not the name of a package")
        return found

    def range(self, values: Mapping[str, Any]) -> Range | None:
        text = self.text(values, "versions")
        try:
            return None if text is None else parse_range(text)
        except UsageError as error:
            raise UsageError(f"{self.where}: {error.message}", hint=error.hint) from error

    def hash(self, values: Mapping[str, Any], what: str) -> str:
        try:
            return to_sri(to_hex(self.needed(values, "hash", what)))
        except UsageError as error:
            raise UsageError(f"{self.where}: {what}: {error.message}", hint=error.hint) from error

    def address(self, values: Mapping[str, Any], what: str) -> str:
        url = self.needed(values, "url", what)
        if _ADDRESS.match(url) is None:
            raise self.error(f"{what}: `{url}` is not an address")
        return url

    def pin(self, values: Mapping[str, Any]) -> Pin | None:
        if "pin" not in values:
            return None
        table = self.table(values["pin"], "`pin`", ("version", "url", "hash"))
        version = self.needed(table, "version", "`pin`")
        return Pin(version, self.address(table, "`pin`"), self.hash(table, "`pin`"))

    def patch(self, value: Any, what: str) -> Patch:  # noqa: ANN401
        table = self.table(value, what, ("url", "hash", "path", "name", "reason"))
        reason = self.text(table, "reason") or ""
        if ("url" in table) == ("path" in table):
            raise self.error(f"{what} needs either `url` and `hash`, or `path`")
        if "url" in table:
            url = self.address(table, what)
            name = self.text(table, "name") or url.rsplit("/", 1)[-1]
            self._file_name(name, what)
            return Patch(name, url, self.hash(table, what), None, reason)
        if self.folder is None:
            raise self.error(f"{what} names a file: patches come from an address, with a hash")
        path = self.folder / self.needed(table, "path", what)
        if not path.is_file():
            raise self.error(f"{what}: {path} is not a file")
        name = self.text(table, "name") or path.name
        self._file_name(name, what)
        return Patch(name, None, None, path, reason)

    def _file_name(self, name: str, what: str) -> None:
        if re.fullmatch(r"[A-Za-z0-9+_?=][A-Za-z0-9+._?=-]*", name) is None:
            raise self.error(f"{what}: `{name}` cannot be the name of a file in Nix' store: give a `name`")

    def flags(self, value: Any, key: str) -> Flags:  # noqa: ANN401
        if isinstance(value, list):
            value = {"add": value}
        if not isinstance(value, dict):
            raise self.error(f"`{key}` must be a list of texts, or a table with `add` and `remove`")
        table = self.table(value, f"`{key}`", ("add", "remove"))
        return Flags(self.texts(table, "add"), self.texts(table, "remove"))

    def substitution(self, value: Any, what: str) -> Substitution:  # noqa: ANN401
        table = self.table(value, what, ("files", "old", "new", "reason"))
        files = self.texts(table, "files")
        if not files or any(re.search(r"[^A-Za-z0-9._/*?+-]", name) for name in files):
            raise self.error(f"{what} needs `files`: names or patterns, relative to the source")
        new = table.get("new")
        if not isinstance(new, str):
            raise self.error(f"{what} needs `new`, a text")
        return Substitution(files, self.needed(table, "old", what), new, self.text(table, "reason") or "")

    def argument(self, name: str, value: Any) -> Any:  # noqa: ANN401
        if isinstance(value, dict):
            if value == {"null": True}:
                return None
            table = self.table(value, f"argument `{name}`", ("package", "build"))
            package = self.needed(table, "package", f"argument `{name}`")
            if _ATTRIBUTE.match(package) is None:
                raise self.error(f"argument `{name}`: `{package}` is not the name of a package")
            return Argument(package, self.flag(table, "build"))
        return self.plain(f"argument `{name}`", value)

    def plain(self, what: str, value: Any) -> Any:  # noqa: ANN401
        if isinstance(value, bool | int | str):
            return value
        if isinstance(value, list) and all(isinstance(one, bool | int | str) for one in value):
            return list(value)
        raise self.error(f"{what} must be a text, a number, true, false, or a list of those")

    def override(self, values: Mapping[str, Any]) -> dict[str, Any]:
        table = values.get("override", {})
        if not isinstance(table, dict) or any(_ARGUMENT.match(name) is None for name in table):
            raise self.error("`override` must be a table of the recipe's arguments")
        return {name: self.argument(name, value) for name, value in table.items()}

    def attributes(self, values: Mapping[str, Any]) -> dict[str, Any]:
        table = values.get("set", {})
        if not isinstance(table, dict) or any(_VARIABLE.match(name) is None for name in table):
            raise self.error("`set` must be a table of the derivation's attributes")
        for name, value in table.items():
            if name in _NOT_SET:
                raise self.error(f"`set` cannot hold `{name}`")
            if _SCRIPT.match(name) and value != "":
                raise self.error(f"`set` can only empty `{name}`: what needs a script belongs in `needs`")
        return {name: self.plain(f"`set`: `{name}`", value) for name, value in table.items()}

    def change(self, value: Any, what: str) -> Change:  # noqa: ANN401
        keys = _CHANGE_KEYS if what == "the port" else _CHANGE_KEYS | {"versions"}
        values = self.table(value, f"`{what}`" if what != "the port" else what, keys)
        return Change(
            versions=self.range(values),
            reason=self.text(values, "reason") or "",
            patches=tuple(
                self.patch(one, f"patch {number}") for number, one in self.tables(values, "patches")
            ),
            drop_patches=self.texts(values, "drop-patches"),
            flags={key: self.flags(values[key], key) for key in FLAGS if key in values},
            skip_check=self.text(values, "skip-check"),
            skip_install_check=self.text(values, "skip-install-check"),
            override=self.override(values),
            native_build_inputs=self.names(values, "native-build-inputs"),
            build_inputs=self.names(values, "build-inputs"),
            attributes=self.attributes(values),
            substitutions=tuple(
                self.substitution(one, f"substitution {number}")
                for number, one in self.tables(values, "substitute")
            ),
        )

    def proof(self, values: Mapping[str, Any]) -> Proof:
        table = self.table(values.get("proven", {}), "`proven`", ("evaluates", "built", "simulator"))
        built = []
        for number, one in self.tables(table, "built"):
            row = self.table(one, f"`built` {number}", ("by", "filc", "version"))
            what = f"`built` {number}"
            built.append(
                Built(self.needed(row, "by", what), self.needed(row, "filc", what), self.text(row, "version"))
            )
        simulated = []
        for number, one in self.tables(table, "simulator"):
            what = f"`simulator` {number}"
            row = self.table(one, what, ("tree", "version"))
            simulated.append(Simulated(self.needed(row, "tree", what), self.needed(row, "version", what)))
        return Proof(self.texts(table, "evaluates"), tuple(built), tuple(simulated))
