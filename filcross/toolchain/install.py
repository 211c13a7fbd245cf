"""Bring a toolchain into the store: downloaded, checked, unpacked, relocated, proved, and only then named.

A name is the last thing that an installation makes. Whatever an interrupted one leaves has no name, cannot be
used, and is deleted by the next.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from filcross import config, resources
from filcross.elf import baseline
from filcross.errors import MissingRequirementError, UnsupportedInputError, UsageError
from filcross.process import find_program, run
from filcross.toolchain import archive, download, proof, records, releases, store
from filcross.toolchain.layout import LOADERS, Toolchain, recognise

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from filcross.toolchain.download import Patience
    from filcross.toolchain.layout import Archive
    from filcross.toolchain.releases import Asset

DOWNLOADS = "downloads-v1"
_RELEASES = ".releases"
_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]*")
_BASH = "install bash (Debian: apt-get install bash)"


@dataclass(frozen=True, slots=True)
class Installed:
    """A toolchain that has a name now, what is remembered about it, and whether it had the name before."""

    toolchain: Toolchain
    record: records.Record
    already: bool


@dataclass(frozen=True, slots=True)
class Wish:
    """What a user wants installed, and how far its hash is trusted.

    `source` is a release's name, an address, or the path of an archive or folder; `name` the name to give it
    (None: `VERSION-FLAVOUR-ARCH`); `sha256` the hash that the user vouches for (hexadecimal).
    """

    source: str
    name: str | None = None
    sha256: str | None = None
    accept_unverified: bool = False


@dataclass(frozen=True, slots=True)
class _Package:
    """What is to be installed, here on this machine: an archive or a folder, and where it came from."""

    path: Path
    origin: records.Origin
    asset: Asset | None


def install(
    wish: Wish,
    *,
    tell: Callable[[str], None],
    on_progress: Callable[[int, int | None], None] | None = None,
    patience: Patience | None = None,
) -> Installed:
    """Install what is wished for and return it; `tell` gets a sentence about each step that takes time.

    Raises `UsageError` for a name that is taken or a hash that nobody vouches for, `UnsupportedInputError`
    for what is no toolchain, hostile or broken, `download.DownloadError`, and `MissingRequirementError` where
    this machine lacks space or a program. Nothing is left behind then.
    """
    if wish.name is not None:
        store.check_name(wish.name)
    with _Store.open(tell):
        pass  # a store that cannot be written is said before anything is downloaded
    package = _fetch(wish, tell, on_progress, patience)
    with _Store.open(tell) as place:
        present = _present(wish, package)
        if present is not None:
            return present
        return place.take(wish, package)


def link(name: str, folder: Path) -> Installed:
    """Give the toolchain in `folder`, which stays where it is, a name. It must pass the proof.

    Raises `UsageError` if the name is taken, `UnsupportedInputError` if the folder holds no toolchain that
    works.
    """
    store.check_name(name)
    toolchain = recognise(folder)
    with _Store.open(lambda _: None) as place:
        present = store.record_of(name)
        if store.is_taken(name):
            if present is not None and store.target(name) == toolchain.root:
                return Installed(store.named(name), present, already=True)
            raise _taken(name)
        shown = proof.prove(toolchain)
        origin = records.Origin("link", str(toolchain.root), None, "a folder of yours, which has no hash")
        return place.name(name, toolchain, origin, shown, files=None)


def remove(name: str) -> None:
    """Remove a toolchain, with its download and its root in the Nix store unless another name needs them.

    A linked folder stays where it is. Raises `UsageError` if there is no such name.
    """
    record = store.record_of(name)
    store.remove(name)
    sha256 = record.origin.sha256 if record is not None else None
    others = (store.record_of(other) for other in store.names())
    if record is None or sha256 is None or any(one and one.origin.sha256 == sha256 for one in others):
        return
    if not record.origin.source.startswith("file:"):
        shutil.rmtree(cached(record.origin.source).parent, ignore_errors=True)
    for root in nix_roots().glob(f"{sha256[:16]}-*"):
        root.unlink(missing_ok=True)


def nix_roots() -> Path:
    """Return the folder of the garbage-collector roots of installed archives (`SHA256-STORE`)."""
    return config.state_dir() / "roots" / "toolchains"


def _present(wish: Wish, package: _Package) -> Installed | None:
    """Return what has the wished name already, if it is the same; refuse if it is another."""
    if package.origin.sha256 is not None and wish.name is None:
        for known in store.names():
            found = store.record_of(known)
            if found is not None and found.origin.sha256 == package.origin.sha256:
                return Installed(store.named(known), found, already=True)
    name = wish.name or (package.asset.name if package.asset else None)
    if name is None or not store.is_taken(name):
        return None
    record = store.record_of(name)
    if record is None or record.origin.sha256 is None or record.origin.sha256 != package.origin.sha256:
        raise _taken(name)
    return Installed(store.named(name), record, already=True)


def _refuse_taken(name: str) -> None:
    if store.is_taken(name):
        raise _taken(name)


def _taken(name: str) -> UsageError:
    return UsageError(
        f"a toolchain is called `{name}` already ({store.target(name)})",
        hint=f"choose another name, or remove it: filcross toolchain remove {name}",
    )


def _fetch(
    wish: Wish,
    tell: Callable[[str], None],
    on_progress: Callable[[int, int | None], None] | None,
    patience: Patience | None,
) -> _Package:
    """Bring what is wished for to this machine, and decide whether its hash may be trusted."""
    source = wish.source
    address = urlsplit(source)
    if address.scheme == "file":
        source = unquote(address.path)
    elif address.scheme in {"http", "https"}:
        asset = next((asset for asset in releases.assets() if asset.url == source and asset.sha256), None)
        return _from_network(wish, source, asset, tell=tell, on_progress=on_progress, patience=patience)
    path = Path(source).expanduser()
    if "/" not in source and not path.exists() and releases.is_version(source):
        pinned = releases.find(source)
        return _from_network(wish, pinned.url, pinned, tell=tell, on_progress=on_progress, patience=patience)
    if path.is_dir():
        if wish.sha256 is not None:
            raise UsageError(f"{source} is a folder, which has no hash", hint="leave out --sha256")
        origin = records.Origin(
            "folder", str(path.resolve()), None, "copied from a folder, which has no hash"
        )
        return _Package(path.resolve(), origin, None)
    if not path.is_file():
        raise UnsupportedInputError(
            f"{source} is neither a release, an address, a file nor a folder",
            hint="see what there is: filcross toolchain list --available",
        )
    tell(f"checking {path.name}")
    found = download.hash_file(path)
    asset = releases.by_hash(found)
    trust = _trust(wish, found, asset, str(path))
    kind, where = ("release", asset.url) if asset is not None else ("archive", path.resolve().as_uri())
    _refuse_asset(asset)
    return _Package(path.resolve(), records.Origin(kind, where, found, trust), asset)


def _from_network(
    wish: Wish,
    url: str,
    asset: Asset | None,
    *,
    tell: Callable[[str], None],
    on_progress: Callable[[int, int | None], None] | None,
    patience: Patience | None,
) -> _Package:
    expected = wish.sha256 or (asset.sha256 if asset is not None else None)
    _refuse_asset(asset)
    trust = _trust(wish, expected, asset, url)
    target = cached(url)
    size = asset.size if asset is not None else None
    if not target.is_file():
        tell(f"downloading {url}" + (f" ({size / 1e6:.0f} MB)" if size else ""))
    got = download.fetch(
        url, target, sha256=expected, size=size, on_progress=on_progress, tell=tell, patience=patience
    )
    known = releases.by_hash(got.sha256)
    kind = "release" if known is not None else "archive"
    return _Package(got.path, records.Origin(kind, url, got.sha256, trust), known)


def cached(url: str) -> Path:
    """Return where the download of `url` is kept (whether it is there or not)."""
    name = unquote(urlsplit(url).path).rsplit("/", 1)[-1] or "release"
    safe = "".join(letter if letter.isalnum() or letter in "._-+" else "_" for letter in name).lstrip(".")
    key = hashlib.sha256(url.encode()).hexdigest()[:12]
    return config.cache_dir() / DOWNLOADS / key / (safe or "release")


def archive_file(found: Archive) -> Path:
    """Return where the archive of an installed toolchain is, or would be, on this machine."""
    address = urlsplit(found.url)
    return Path(unquote(address.path)) if address.scheme == "file" else cached(found.url)


def _trust(wish: Wish, found: str | None, asset: Asset | None, what: str) -> str:
    """Return why the hash is trusted, in words, or refuse."""
    if wish.sha256 is not None:
        if found != wish.sha256:
            raise download.WrongHashError(
                f"{what} has another hash than you said: {found}, not {wish.sha256}",
                hint="nothing was unpacked; check where the file and the hash come from",
            )
        return "hash given by you"
    if asset is not None and asset.verified:
        return asset.trust
    if wish.accept_unverified:
        return f"unverified: {asset.trust}" if asset is not None else "unverified: no known hash"
    if asset is not None:
        raise UsageError(
            f"the hash of {asset.name} has one source only ({asset.seen})",
            hint="compare it with one more, or accept it as it is: --accept-unverified",
        )
    raise UsageError(
        f"nobody vouches for {what}"
        + (f": its sha256, {found}, is not one of a known release" if found else ""),
        hint="say its hash (--sha256 …), or accept what comes as it is: --accept-unverified",
    )


def _refuse_asset(asset: Asset | None) -> None:
    if asset is None:
        return
    if asset.arch != releases.DEFAULT_ARCH:
        raise UnsupportedInputError(
            f"{asset.name} is for {asset.arch}, and filcross knows {releases.DEFAULT_ARCH}",
            hint=f"install {releases.default().version}",
        )
    if asset.flavour != releases.DEFAULT_FLAVOUR:
        raise UnsupportedInputError(
            f"{asset.name} works in /opt/fil only, and its own installer puts it there",
            hint=f"download {asset.url}, run its setup.sh as root, "
            "then: filcross toolchain link NAME /opt/fil",
        )


class _Store:
    """The store while one installation has it to itself."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._root = store.store_dir().resolve()

    @classmethod
    @contextlib.contextmanager
    def open(cls, tell: Callable[[str], None]) -> Iterator[_Store]:
        """Wait for other installations, and delete what interrupted ones left."""
        root = store.store_dir()
        (root / _RELEASES).mkdir(parents=True, exist_ok=True)
        with (root / ".install.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                tell("waiting for another installation")
                fcntl.flock(lock, fcntl.LOCK_EX)
            sweep()
            yield cls(tell)

    def take(self, wish: Wish, package: _Package) -> Installed:
        """Unpack, relocate, prove and name a package."""
        token = (package.origin.sha256 or os.urandom(8).hex())[:16]
        try:
            home = self._move_in(package, token)
            toolchain = recognise(home)
            name = wish.name or (package.asset.name if package.asset else toolchain.full_name)
            _refuse_taken(name)
            self._tell("proving it: C, C++, libraries, threads, and a memory error that must be stopped")
            shown = proof.prove(toolchain)
            return self.name(name, toolchain, package.origin, shown, files=records.manifest(home))
        except BaseException:
            sweep()
            raise

    def _move_in(self, package: _Package, token: str) -> Path:
        """Unpack a package beside the others, relocate it and give it its place; return that."""
        with tempfile.TemporaryDirectory(prefix=".incoming-", dir=self._root / _RELEASES) as folder:
            incoming = Path(folder) / "toolchain"
            top = self._unpack(package, incoming)
            # A release that does not say its version is known by its folder's name.
            home = self._free(token) / (top if _PLAIN.fullmatch(top) else "toolchain")
            self._relocate(incoming, home)
            home.parent.mkdir()
            incoming.rename(home)
        return home.resolve()

    def name(
        self,
        name: str,
        toolchain: Toolchain,
        origin: records.Origin,
        shown: proof.Proof,
        *,
        files: dict[str, list[str]] | None,
    ) -> Installed:
        """Write the record, and then the name: from here on it can be used."""
        record = records.make(name, origin, shown)
        records.write(self._root, record, shown.baseline, files)
        store.point(name, toolchain.root)
        return Installed(store.named(name), record, already=False)

    def _free(self, token: str) -> Path:
        """Return a folder that is not there (one is where the same archive has another name)."""
        folder = self._root / _RELEASES / token
        return folder.with_name(f"{token}-{os.urandom(4).hex()}") if folder.exists() else folder

    def _unpack(self, package: _Package, incoming: Path) -> str:
        """Put the files of a package into `incoming`; return the name of the folder that they were in."""
        if package.path.is_dir():
            self._tell(f"copying {package.path}")
            recognise(package.path)  # say what is missing before anything is copied
            shutil.copytree(package.path, incoming, symlinks=True)
            return package.path.name
        self._tell(f"checking and unpacking {package.path.name}")

        def has_room(contents: archive.Contents) -> None:
            free = shutil.disk_usage(incoming.parent).free
            if free < contents.size:
                needed = f"{package.path.name} needs {contents.size / 1e6:.0f} MB"
                raise MissingRequirementError(
                    f"{needed}, and {self._root} has {free / 1e6:.0f} MB",
                    hint="free some space, or set XDG_DATA_HOME to a larger disk",
                )

        return archive.unpack(package.path, incoming, before=has_room).top

    def _relocate(self, incoming: Path, home: Path) -> None:
        """Let everything that names its own place name the folder `home`."""
        from filcross.toolchain.simulator.host import find_kernel_headers

        loader = next((name for name in LOADERS if (incoming / "pizfix" / "lib" / name).exists()), None)
        if loader is None or not (incoming / "build" / "bin" / "clang-20").exists():
            recognise(incoming)  # says what is missing
            raise UnsupportedInputError(
                "only a musl-flavoured release can be installed", hint="link it: filcross toolchain link"
            )
        headers = [f"{name}={place}" for name, place in find_kernel_headers()]
        script = resources.overlays_dir() / "toolchain" / "relocate.sh"
        find_program("patchelf")
        bash = find_program("bash", hint=_BASH)
        run(
            [bash, script, incoming, home, loader, *headers],
            hint="the release cannot be used on this machine",
        )


def sweep() -> None:
    """Delete what has no name: the leavings of interrupted installations. Only while installations wait."""
    root = store.store_dir()
    kept = {store.target(name).parent for name in store.names()}
    for folder in (root / _RELEASES).iterdir() if (root / _RELEASES).is_dir() else ():
        if folder.resolve() not in kept:
            shutil.rmtree(folder, ignore_errors=True)
    known = set(store.names())
    for folder in (root / records.FOLDER).iterdir() if (root / records.FOLDER).is_dir() else ():
        if folder.name not in known:
            shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class Verified:
    """What a second look at a toolchain found.

    That is: changed files (None: it has no list of them), the proof, and whether its baseline was renewed.
    """

    toolchain: Toolchain
    differences: tuple[str, ...] | None
    proof: proof.Proof
    renewed: bool


def verify(name: str) -> Verified:
    """Hash every file of the toolchain `name` (a name or a path) again, and prove it again.

    A baseline that another version of filcross stored, and that this one cannot use, is replaced by that of
    the new proof, unless a file has changed. Raises `proof.BrokenToolchainError` if it does not work any
    more.
    """
    toolchain = store.resolve(name)
    named = toolchain.name if store.is_taken(toolchain.name) else None
    differences = None
    if named is not None and store.target(named) == toolchain.root:
        differences = records.differences(store.store_dir(), named, toolchain.root)
    proved = proof.prove(toolchain)
    stored = store.baseline_of(toolchain)
    renewed = stored is not None and not differences and baseline.read(stored) is None
    if renewed:
        records.write_baseline(store.store_dir(), toolchain.name, proved.baseline)
    return Verified(toolchain, differences, proved, renewed)
