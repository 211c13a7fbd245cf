"""The known releases of Fil-C, from `data/releases.toml`: where they are, what their hashes are worth."""

from __future__ import annotations

import base64
import re
import tomllib
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from packaging.version import Version

from filcross import resources
from filcross.errors import UnsupportedInputError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

ENOUGH_SOURCES = 2
FLAVOURS = ("musl", "glibc")
ARCHES = ("x86_64", "aarch64")
DEFAULT_FLAVOUR, DEFAULT_ARCH = "musl", "x86_64"
_SHA256_BYTES = 32
_NAME = re.compile(
    r"(?:filc-)?(?P<version>\d+\.\d+)(?:-(?P<flavour>musl|glibc))?(?:-(?P<arch>x86_64|aarch64))?\Z"
)


@dataclass(frozen=True, slots=True)
class Asset:
    """One archive of a release.

    `size` is in bytes (None: unknown), `sha256` hexadecimal (None: unknown), `commit` the one that it was
    made of, `sources` how many independent projects pin the hash, `seen` where.
    """

    version: str
    flavour: str
    arch: str
    url: str
    size: int | None
    sha256: str | None
    commit: str | None
    sources: int
    seen: str
    licence: str

    @property
    def name(self) -> str:
        """The full name, as `toolchain install` takes it: `0.686-musl-x86_64`."""
        return f"{self.version}-{self.flavour}-{self.arch}"

    @property
    def file(self) -> str:
        """The archive's file name."""
        return self.url.rsplit("/", 1)[-1]

    @property
    def sri(self) -> str | None:
        """The hash as Nix takes it: `sha256-…`."""
        return None if self.sha256 is None else to_sri(self.sha256)

    @property
    def verified(self) -> bool:
        """Whether enough independent sources agree on the hash."""
        return self.sha256 is not None and self.sources >= ENOUGH_SOURCES

    @property
    def trust(self) -> str:
        """What the hash is worth, for people."""
        if self.sha256 is None:
            return "unavailable: its hash is not known"
        return f"hash with {self.sources} source{'s' if self.sources > 1 else ''}"


@cache
def assets() -> tuple[Asset, ...]:
    """Return every known asset, newest version first, the usual flavour and architecture first in each."""
    return read(resources.data_dir() / "releases.toml")


def read(path: Path) -> tuple[Asset, ...]:
    """Return the assets of a table; see `assets`. Raises `UnsupportedInputError` for a damaged one."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        found = [_asset(row, content["licence"]) for row in content["asset"]]
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as error:
        raise UnsupportedInputError(
            f"{path} is not a table of releases: {error}", hint="install filcross again"
        ) from error
    names = [asset.name for asset in found]
    double = sorted({name for name in names if names.count(name) > 1})
    if double:
        raise UnsupportedInputError(f"{path} has {', '.join(double)} twice", hint="install filcross again")
    order = {name: number for number, name in enumerate((*FLAVOURS, *ARCHES))}
    found.sort(key=lambda asset: (order[asset.flavour], order[asset.arch]))
    return tuple(sorted(found, key=lambda asset: Version(asset.version), reverse=True))


def _asset(row: dict[str, Any], licences: dict[str, str]) -> Asset:
    asset = Asset(
        version=str(Version(row["version"])),
        flavour=row["flavour"],
        arch=row["arch"],
        url=row["url"],
        size=row.get("size"),
        sha256=row.get("sha256"),
        commit=row.get("commit"),
        sources=int(row["sources"]),
        seen=row["seen"],
        licence=licences[row["flavour"]],
    )
    if asset.flavour not in FLAVOURS or asset.arch not in ARCHES:
        raise ValueError(f"{asset.name} is of no known flavour or architecture")
    if asset.sha256 is not None and (to_hex(asset.sha256) != asset.sha256 or row["hash"] != asset.sri):
        raise ValueError(f"the two forms of the hash of {asset.name} differ")
    if (asset.sha256 is None) != (asset.sources == 0):
        raise ValueError(f"{asset.name} has a hash without a source, or the other way round")
    return asset


def default() -> Asset:
    """Return the release that is pinned: the newest of the usual kind whose hash has enough sources."""
    return next(asset for asset in assets() if asset.verified and _usual(asset))


def _usual(asset: Asset) -> bool:
    return (asset.flavour, asset.arch) == (DEFAULT_FLAVOUR, DEFAULT_ARCH)


def is_version(text: str) -> bool:
    """Return whether `text` has the form of a release's name: `0.686`, `0.686-musl`, `0.686-musl-x86_64`."""
    return _NAME.match(text) is not None


def full_name(text: str) -> str:
    """Return the full name that `0.686` (or `filc-0.686`, `0.686-musl`) means: `0.686-musl-x86_64`."""
    match = _NAME.match(text)
    if match is None:
        raise UsageError(
            f"`{text}` is not the name of a release", hint="names look like 0.686 or 0.686-musl-x86_64"
        )
    return f"{match['version']}-{match['flavour'] or DEFAULT_FLAVOUR}-{match['arch'] or DEFAULT_ARCH}"


def find(text: str) -> Asset:
    """Return the asset that a user means by `0.686` or `0.686-musl-x86_64`.

    Raises `UnsupportedInputError` for one that is not known, or whose hash is not.
    """
    wanted = full_name(text)
    asset = next((asset for asset in assets() if asset.name == wanted), None)
    hint = "see what there is: filcross toolchain list --available; or download it and name the file"
    if asset is None:
        raise UnsupportedInputError(f"filcross knows no release {wanted}", hint=hint)
    if asset.sha256 is None:
        raise UnsupportedInputError(
            f"{asset.name} cannot be installed by its name: nobody has published its hash", hint=hint
        )
    return asset


def by_hash(sha256: str) -> Asset | None:
    """Return the known asset with this hash."""
    return next((asset for asset in assets() if asset.sha256 == sha256), None)


def to_sri(sha256: str) -> str:
    """Return a hexadecimal sha256 in the form that Nix takes."""
    return "sha256-" + base64.b64encode(bytes.fromhex(sha256)).decode()


def to_hex(text: str) -> str:
    """Return a sha256 given as hexadecimal digits, `sha256:HEX` or `sha256-BASE64` as hexadecimal digits.

    Raises `UsageError` for anything else.
    """
    value = text.strip().removeprefix("sha256:")
    try:
        if value.startswith("sha256-"):
            raw = base64.b64decode(value.removeprefix("sha256-"), validate=True)
        else:
            raw = bytes.fromhex(value)
    except ValueError:
        raw = b""
    if len(raw) != _SHA256_BYTES:
        raise UsageError(
            f"`{text}` is not a sha256 hash", hint="give 64 hexadecimal digits, or sha256-… as Nix writes it"
        )
    return raw.hex()
