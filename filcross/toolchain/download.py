"""Bring a file from the network: as a stream, resumed where it broke off, checked before anybody gets it.

What has arrived lies in `FILE.part`, with what is needed to go on in `FILE.part.json`. Only a file that is
complete and, where its hash is known, right is renamed to `FILE`. Two runs for one file wait for each other.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import time
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from filcross import __version__
from filcross.errors import MissingRequirementError, UnsupportedInputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from urllib3 import BaseHTTPResponse, PoolManager

CHUNK = 1 << 16
LARGEST = 4 << 30
MOST_REDIRECTS = 5
_OK, _PARTIAL, _BAD_RANGE = 200, 206, 416
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)\Z")


class DownloadError(MissingRequirementError):
    """The file did not come: no network, a server that refuses or breaks off again and again."""


class WrongHashError(UnsupportedInputError):
    """The file that came is not the one that was meant."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for a server: seconds to connect and without a byte, and attempts without progress.

    `pause` is the seconds before the second attempt; each later pause is twice as long.
    """

    connect: float = 15.0
    silence: float = 30.0
    attempts: int = 5
    pause: float = 1.0


@dataclass(frozen=True, slots=True)
class Downloaded:
    """A file that is here: its hash (hexadecimal), its size in bytes, and whether it was here before."""

    path: Path
    sha256: str
    size: int
    reused: bool


class _BrokenOffError(Exception):
    """The transfer ended before its time; another attempt may go on. The text says how."""


def fetch(
    url: str,
    target: Path,
    *,
    sha256: str | None = None,
    size: int | None = None,
    on_progress: Callable[[int, int | None], None] | None = None,
    tell: Callable[[str], None] | None = None,
    patience: Patience | None = None,
) -> Downloaded:
    """Bring `url` (http or https) to the file `target` and return it.

    With `sha256` (hexadecimal) a file that is there already and right is used, and what comes is checked.
    `size` is the expected number of bytes. `on_progress` gets (bytes here, bytes in all or None); `tell` a
    sentence about every interruption. Raises `DownloadError` when the file does not come, `WrongHashError`
    when it is another one (what came is thrown away), and `OSError` for a full or read-only disk.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with _locked(target):
        if sha256 is not None and target.is_file():
            found = hash_file(target)
            if found == sha256:
                return Downloaded(target, found, target.stat().st_size, reused=True)
            target.unlink()
        if os.environ.get("FILCROSS_OFFLINE"):
            raise DownloadError(
                f"{url} is not here, and FILCROSS_OFFLINE is set",
                hint="unset it, or name a file on this machine",
            )
        transfer = _Transfer(
            url,
            target,
            size,
            progress=on_progress or _ignore,
            tell=tell or _ignore,
            patience=patience or Patience(),
        )
        transfer.run()
        found = hash_file(transfer.part)
        if sha256 is not None and found != sha256:
            transfer.forget()
            raise WrongHashError(
                f"{url} is not the file that was meant: its sha256 is {found}, not {sha256}",
                hint="nothing was unpacked, and the file is thrown away. Try again; if it happens again, the "
                "file was replaced at its source: report it, and do not use it",
            )
        transfer.part.replace(target)
        transfer.forget()
        return Downloaded(target, found, target.stat().st_size, reused=False)


def hash_file(path: Path) -> str:
    """Return the sha256 (hexadecimal) of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _ignore(*_: object) -> None:
    """Take what nobody wants to know."""


@contextlib.contextmanager
def _locked(target: Path) -> Iterator[None]:
    lock = target.with_name(f".{target.name}.lock")
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


class _Transfer:
    """One file on its way."""

    def __init__(
        self,
        url: str,
        target: Path,
        size: int | None,
        *,
        progress: Callable[[int, int | None], None],
        tell: Callable[[str], None],
        patience: Patience,
    ) -> None:
        self.url, self.size, self.progress, self.tell, self.patience = url, size, progress, tell, patience
        self.part = target.with_name(f"{target.name}.part")
        self.notes = target.with_name(f"{target.name}.part.json")

    def forget(self) -> None:
        """Throw away what has arrived."""
        self.part.unlink(missing_ok=True)
        self.notes.unlink(missing_ok=True)

    def run(self) -> None:
        """Fill `part` to its end, in as many attempts as it takes while each brings something."""
        in_vain = 0
        while True:
            before = self._here()
            try:
                self._attempt()
            except _BrokenOffError as broken:
                here = self._here()
                in_vain = 0 if here > before else in_vain + 1
                if in_vain >= self.patience.attempts:
                    raise DownloadError(
                        f"{self.url} did not come: {broken} ({in_vain} attempts in a row brought nothing)",
                        hint="what has arrived is kept: run the command again to go on, or download the file "
                        "another way and name it",
                    ) from broken
                self.tell(f"the download broke off ({broken}); going on at {here / 1e6:.1f} MB")
                time.sleep(self.patience.pause * 2**in_vain)
            else:
                return

    def _here(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def _attempt(self) -> None:
        import urllib3

        etag = self._resumable()
        start = self._here() if etag is not None else 0
        headers = {"User-Agent": f"filcross/{__version__}", "Accept-Encoding": "identity"}
        if start:
            headers |= {"Range": f"bytes={start}-"} | ({"If-Range": etag} if etag else {})
        try:
            with contextlib.ExitStack() as open_now:
                self._take(self._open(headers, open_now), start)
        except urllib3.exceptions.SSLError as error:
            raise DownloadError(
                f"{self.url}: the server's certificate is not accepted: {error}",
                hint="set SSL_CERT_FILE to the certificates of your network, or fetch the file another way",
            ) from error
        except urllib3.exceptions.HTTPError as error:
            raise _BrokenOffError(_plain(error)) from error

    def _resumable(self) -> str | None:
        """Return the validator of what has arrived (perhaps empty), or None if it is of no use."""
        try:
            notes = json.loads(self.notes.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        if not isinstance(notes, dict) or notes.get("url") != self.url:
            return None
        return str(notes.get("etag", ""))

    def _open(self, headers: dict[str, str], open_now: contextlib.ExitStack) -> BaseHTTPResponse:
        """Ask for the file, and follow redirects by hand: to no place less safe than the one before."""
        import urllib3

        timeout = urllib3.Timeout(connect=self.patience.connect, read=self.patience.silence)
        address = self.url
        for _ in range(MOST_REDIRECTS + 1):
            pool = open_now.enter_context(_pool(address))
            response = pool.request(
                "GET",
                address,
                headers=headers,
                redirect=False,
                retries=False,
                preload_content=False,
                timeout=timeout,
            )
            open_now.callback(response.close)
            if response.status not in _REDIRECTS:
                return response
            onward = urljoin(address, response.headers.get("Location", ""))
            before, after = urlsplit(address), urlsplit(onward)
            if after.scheme not in {"http", "https"} or (before.scheme == "https" and after.scheme == "http"):
                raise DownloadError(
                    f"{address} redirects to {onward}, which is no safer place",
                    hint="report this to whoever runs it",
                )
            address = onward
        raise DownloadError(
            f"{self.url} redirects more than {MOST_REDIRECTS} times", hint="check the address in a browser"
        )

    def _take(self, response: BaseHTTPResponse, start: int) -> None:
        """Write the body behind what is there, or anew where the server sends everything."""
        status = response.status
        if status == _BAD_RANGE and start:
            if _total(response) == start:  # everything had arrived, and only the renaming was missing
                return
            self.forget()
            raise _BrokenOffError("the server has another file now")
        if status in _PASSING:
            raise _BrokenOffError(f"the server answers {status} {response.reason or ''}".rstrip())
        if status not in {_OK, _PARTIAL}:
            raise DownloadError(
                f"{self.url} cannot be had: the server answers {status} {response.reason or ''}".rstrip(),
                hint="check the version (filcross toolchain list --available) or the address",
            )
        offset = start if status == _PARTIAL else 0
        if status == _PARTIAL and _first(response) != start:
            self.forget()
            raise _BrokenOffError("the server sends another part than it was asked for")
        total = self._expected(response, offset)
        if not offset:
            self._note(response)
        with self.part.open("r+b" if offset else "wb") as file:
            file.seek(offset)
            file.truncate()
            here = offset
            self.progress(here, total)
            for chunk in response.stream(CHUNK, decode_content=False):
                file.write(chunk)
                here += len(chunk)
                if here > (total or LARGEST):
                    raise DownloadError(f"{self.url} sends more than it announced", hint="check the address")
                self.progress(here, total)
        if total is not None and here < total:
            raise _BrokenOffError(f"{here} of {total} bytes arrived")

    def _expected(self, response: BaseHTTPResponse, offset: int) -> int | None:
        """Return the size of the whole file, having checked what the server says about it."""
        length = response.headers.get("Content-Length", "")
        announced = offset + int(length) if length.isdigit() else None
        if response.status == _PARTIAL:
            announced = _total(response) or announced
        if announced is not None and announced > LARGEST:
            raise DownloadError(
                f"{self.url} has {announced} bytes, which no release has", hint="check the address"
            )
        if announced is not None and self.size is not None and announced != self.size:
            self.forget()
            raise WrongHashError(
                f"{self.url} is not the file that was meant: it has {announced} bytes, not {self.size}",
                hint="nothing was unpacked. If it happens again, it was replaced at its source: report it",
            )
        return announced or self.size

    def _note(self, response: BaseHTTPResponse) -> None:
        """Keep what tells whether the server still has the same file (a weak validator does not)."""
        etag = response.headers.get("ETag", "")
        if not etag or etag.startswith("W/"):
            etag = response.headers.get("Last-Modified", "")
        self.part.unlink(missing_ok=True)
        self.notes.write_text(json.dumps({"url": self.url, "etag": etag}), encoding="utf-8")


def _plain(error: Exception) -> str:
    """Return what an error of the network means, without the library's object names."""
    import urllib3

    exceptions = urllib3.exceptions
    if isinstance(error, exceptions.NameResolutionError):
        return "the server's name is not known here; is there a network?"
    if isinstance(error, exceptions.NewConnectionError):
        return "no connection to the server"
    if isinstance(error, exceptions.ConnectTimeoutError):
        return "the server does not answer"
    if isinstance(error, exceptions.ReadTimeoutError):
        return "nothing more came"
    if isinstance(error, exceptions.IncompleteRead | exceptions.ProtocolError):
        return "the connection ended early"
    return re.sub(r"<[^>]*>:? ?", "", str(error)) or type(error).__name__


def _first(response: BaseHTTPResponse) -> int | None:
    match = _RANGE.match(response.headers.get("Content-Range", ""))
    return int(match.group(1)) if match else None


def _total(response: BaseHTTPResponse) -> int | None:
    last = response.headers.get("Content-Range", "").rpartition("/")[2]
    return int(last) if last.isdigit() else None


def _pool(url: str) -> PoolManager:
    """Return a pool for `url`, through the proxy that the environment names for it."""
    import urllib3

    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise UsageError(f"`{url}` is not an address of the web", hint="give an https:// address, or a file")
    proxy = urllib.request.getproxies().get(parts.scheme)
    if proxy and not urllib.request.proxy_bypass(parts.hostname):
        return urllib3.ProxyManager(proxy if "://" in proxy else f"http://{proxy}")
    return urllib3.PoolManager()
