"""Downloads, against a real server on this machine that behaves well, badly, and worse."""

from __future__ import annotations

import hashlib
import http.server
import json
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from filcross.errors import UsageError
from filcross.toolchain import download
from filcross.toolchain.download import DownloadError, Patience, WrongHashError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONTENT = bytes(range(256)) * 4096  # 1 MiB
SHA256 = hashlib.sha256(CONTENT).hexdigest()
QUICK = Patience(connect=5, silence=0.4, attempts=3, pause=0.01)


@dataclass
class Behaviour:
    """How the server answers: one entry of `cuts` per request is the bytes after which it hangs up."""

    content: bytes = CONTENT
    ranges: bool = True
    etag: str | None = '"one"'
    cuts: list[int] = field(default_factory=list)
    stall: bool = False
    statuses: list[int] = field(default_factory=list)
    location: str | None = None
    length: bool = True
    wrong_part: bool = False
    requests: list[tuple[str, str | None, str | None]] = field(default_factory=list)


class Handler(http.server.BaseHTTPRequestHandler):
    behaviour: Behaviour
    released: threading.Event

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        how = self.behaviour
        asked = self.headers.get("Range")
        how.requests.append((self.path, asked, self.headers.get("If-Range")))
        if how.statuses:
            status = how.statuses.pop(0)
            self.send_response(status)
            if how.location:
                self.send_header("Location", how.location)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        body, start = how.content, 0
        same = self.headers.get("If-Range") in (None, how.etag)
        if asked and how.ranges and same:
            start = int(asked.removeprefix("bytes=").rstrip("-"))
            if start >= len(body):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(body)}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            said = 0 if how.wrong_part else start
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {said}-{len(body) - 1}/{len(body)}")
            body = body[start:]
        else:
            self.send_response(200)
        if how.etag:
            self.send_header("ETag", how.etag)
        if how.length:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if how.cuts:
            self.wfile.write(body[: how.cuts.pop(0)])
            self.wfile.flush()
            if how.stall:
                self.released.wait(20)
            self.close_connection = True
            return
        self.wfile.write(body)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Behaviour]]:
    monkeypatch.delenv("FILCROSS_OFFLINE")
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    behaviour, released = Behaviour(), threading.Event()
    handler = type("Bound", (Handler,), {"behaviour": behaviour, "released": released})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        httpd.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients that hang up
        thread = threading.Thread(target=httpd.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_address[1]}/release.tar.xz", behaviour
        released.set()
        httpd.shutdown()
        thread.join()


def left(folder: Path) -> set[str]:
    """Return what lies in the folder besides the lock."""
    return {item.name for item in folder.iterdir()} - {".release.lock"}


def test_a_file_comes_with_progress_and_is_used_again(server: tuple[str, Behaviour], tmp_path: Path) -> None:
    url, how = server
    seen: list[tuple[int, int | None]] = []
    got = download.fetch(
        url, tmp_path / "release", sha256=SHA256, on_progress=lambda here, total: seen.append((here, total))
    )
    assert (got.sha256, got.size, got.reused) == (SHA256, len(CONTENT), False)
    assert got.path.read_bytes() == CONTENT
    assert seen[0] == (0, len(CONTENT))
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert [here for here, _ in seen] == sorted(here for here, _ in seen)
    assert left(tmp_path) == {"release"}
    assert download.fetch(url, tmp_path / "release", sha256=SHA256).reused
    assert len(how.requests) == 1
    (tmp_path / "release").write_bytes(b"damaged since")
    assert not download.fetch(url, tmp_path / "release", sha256=SHA256).reused


@pytest.mark.parametrize("stall", [False, True], ids=["truncated", "slow"])
def test_what_breaks_off_goes_on_where_it_was(
    server: tuple[str, Behaviour],
    tmp_path: Path,
    stall: bool,  # noqa: FBT001
) -> None:
    url, how = server
    how.cuts, how.stall = [300_000, 200_000], stall
    said: list[str] = []
    got = download.fetch(url, tmp_path / "release", sha256=SHA256, patience=QUICK, tell=said.append)
    assert got.path.read_bytes() == CONTENT
    assert how.requests[0][1] is None
    starts = [int(asked.removeprefix("bytes=").rstrip("-")) for _, asked, _ in how.requests[1:] if asked]
    assert len(starts) == 2
    assert 0 < starts[0] <= 300_000 < starts[1] <= 500_000
    assert [condition for _, _, condition in how.requests[1:]] == ['"one"', '"one"']
    assert len(said) == 2
    assert all("broke off" in line for line in said)


def test_a_later_run_goes_on_too(server: tuple[str, Behaviour], tmp_path: Path) -> None:
    url, how = server
    how.cuts = [500_000, 0, 0, 0, 0]
    with pytest.raises(DownloadError, match="3 attempts in a row brought nothing") as caught:
        download.fetch(url, tmp_path / "release", sha256=SHA256, patience=QUICK)
    assert "run the command again" in (caught.value.hint or "")
    assert not (tmp_path / "release").exists()
    here = (tmp_path / "release.part").stat().st_size
    assert here > 400_000
    how.cuts.clear()
    how.requests.clear()
    assert download.fetch(url, tmp_path / "release", sha256=SHA256).path.read_bytes() == CONTENT
    assert how.requests == [("/release.tar.xz", f"bytes={here}-", '"one"')]
    assert left(tmp_path) == {"release"}


def test_a_run_that_was_killed_before_renaming(server: tuple[str, Behaviour], tmp_path: Path) -> None:
    url, how = server
    (tmp_path / "release.part").write_bytes(CONTENT)
    (tmp_path / "release.part.json").write_text(json.dumps({"url": url, "etag": '"one"'}))
    assert download.fetch(url, tmp_path / "release", sha256=SHA256).path.read_bytes() == CONTENT
    assert how.requests == [("/release.tar.xz", f"bytes={len(CONTENT)}-", '"one"')]


@pytest.mark.parametrize(
    "change", ["no ranges", "new file", "another address", "garbled notes", "wrong part"]
)
def test_what_cannot_be_resumed_begins_anew(
    server: tuple[str, Behaviour], tmp_path: Path, change: str
) -> None:
    url, how = server
    notes = {"url": url, "etag": '"one"'}
    how.ranges = change != "no ranges"
    how.wrong_part = change == "wrong part"
    if change == "new file":
        how.etag = '"two"'
    if change == "another address":
        notes["url"] = "http://127.0.0.1/other"
    (tmp_path / "release.part").write_bytes(b"x" * 1000)
    (tmp_path / "release.part.json").write_text("{" if change == "garbled notes" else json.dumps(notes))
    got = download.fetch(url, tmp_path / "release", sha256=SHA256, patience=QUICK)
    assert got.path.read_bytes() == CONTENT


def test_the_wrong_file_is_thrown_away(server: tuple[str, Behaviour], tmp_path: Path) -> None:
    url, how = server
    how.content = CONTENT[:-1] + b"x"
    with pytest.raises(WrongHashError, match="not the file that was meant") as caught:
        download.fetch(url, tmp_path / "release", sha256=SHA256)
    assert caught.value.exit_code == 5
    assert SHA256 in caught.value.message
    assert left(tmp_path) == set()
    how.content = CONTENT
    assert download.fetch(url, tmp_path / "release", sha256=SHA256).sha256 == SHA256
    assert how.requests[-1][1] is None, "nothing of the wrong file was kept"


def test_sizes_are_checked_before_the_body(server: tuple[str, Behaviour], tmp_path: Path) -> None:
    url, how = server
    with pytest.raises(WrongHashError, match=f"has {len(CONTENT)} bytes, not 5"):
        download.fetch(url, tmp_path / "release", sha256=SHA256, size=5)
    how.length = False
    got = download.fetch(url, tmp_path / "release", sha256=SHA256)
    assert got.size == len(CONTENT)
    with pytest.raises(DownloadError, match="more than it announced"):
        download.fetch(url, tmp_path / "other", size=5)


@pytest.mark.parametrize("status", [302, 307])
def test_redirects(server: tuple[str, Behaviour], tmp_path: Path, status: int) -> None:
    url, how = server
    how.statuses, how.location = [status], "/elsewhere?token=1"
    assert download.fetch(url, tmp_path / "release", sha256=SHA256).sha256 == SHA256
    assert [path for path, _, _ in how.requests] == ["/release.tar.xz", "/elsewhere?token=1"]


@pytest.mark.parametrize(
    ("location", "message"),
    [("/release.tar.xz", "redirects more than 5 times"), ("file:///etc/passwd", "no safer place")],
)
def test_bad_redirects(server: tuple[str, Behaviour], tmp_path: Path, location: str, message: str) -> None:
    url, how = server
    how.statuses, how.location = [302] * 9, location
    with pytest.raises(DownloadError, match=message):
        download.fetch(url, tmp_path / "release")
    assert left(tmp_path) == set()


@pytest.mark.parametrize("status", [404, 403, 410])
def test_a_refusal_is_final(server: tuple[str, Behaviour], tmp_path: Path, status: int) -> None:
    url, how = server
    how.statuses = [status]
    with pytest.raises(DownloadError, match=f"answers {status}") as caught:
        download.fetch(url, tmp_path / "release", patience=QUICK)
    assert caught.value.exit_code == 3
    assert "toolchain list --available" in (caught.value.hint or "")
    assert len(how.requests) == 1


def test_a_passing_trouble_is_not(server: tuple[str, Behaviour], tmp_path: Path) -> None:
    url, how = server
    how.statuses = [503, 429]
    assert download.fetch(url, tmp_path / "release", patience=QUICK).sha256 == SHA256
    assert len(how.requests) == 3


def test_no_server_and_no_network(
    server: tuple[str, Behaviour], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, how = server
    with pytest.raises(DownloadError, match="no connection to the server"):
        download.fetch("http://127.0.0.1:1/release", tmp_path / "release", patience=QUICK)
    with pytest.raises(UsageError, match="not an address of the web"):
        download.fetch("ftp://example.org/x", tmp_path / "release", patience=QUICK)
    monkeypatch.setenv("FILCROSS_OFFLINE", "1")
    with pytest.raises(DownloadError, match="FILCROSS_OFFLINE"):
        download.fetch(url, tmp_path / "release")
    assert how.requests == []


def test_a_proxy_of_the_environment_is_used(
    server: tuple[str, Behaviour], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, how = server
    monkeypatch.setenv("http_proxy", url.rsplit("/", 1)[0])
    monkeypatch.setenv("no_proxy", "")
    download.fetch("http://releases.example/file", tmp_path / "release", sha256=SHA256)
    assert how.requests[0][0] == "http://releases.example/file"


def test_two_at_once_download_once(server: tuple[str, Behaviour], tmp_path: Path) -> None:
    url, how = server
    results: list[bool] = []

    def one() -> None:
        results.append(download.fetch(url, tmp_path / "release", sha256=SHA256).reused)

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [False, True, True, True]
    assert len(how.requests) == 1
