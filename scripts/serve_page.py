#!/usr/bin/env python3
"""Start an nginx on a free loopback port with a page of its own, read the page back, and stop it.

usage: serve_page.py NGINX

Exit status: 0 when the page came back as it was written, 1 when it did not, 2 for a wrong call.
"""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

PAGE = "<p>served by nginx, compiled for x86_64-unknown-linux-filc</p>\n"
PATIENCE_SECONDS = 10.0
WRONG_CALL = 2


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def write_site(folder: Path, port: int) -> None:
    """Write a page and a configuration below `folder`."""
    (folder / "html").mkdir()
    (folder / "logs").mkdir()
    (folder / "html" / "index.html").write_text(PAGE)
    user = ""
    if os.geteuid() == 0:  # without a name, root's nginx would look for the user nobody
        user = f"user {pwd.getpwuid(0).pw_name} {grp.getgrgid(os.getegid()).gr_name};\n"
    temporary = "".join(
        f"  {kind}_temp_path {folder}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"{user}daemon off;\nmaster_process off;\npid {folder}/nginx.pid;\n"
        f"error_log {folder}/logs/error.log;\nevents {{ worker_connections 16; }}\n"
        f"http {{\n{temporary}  access_log off;\n"
        f"  server {{ listen 127.0.0.1:{port}; root {folder}/html; }}\n}}\n"
    )


def read_page(port: int, server: subprocess.Popen[bytes]) -> str | None:
    """Return what the server answers, or None when it does not in time."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with opener.open(f"http://127.0.0.1:{port}/", timeout=PATIENCE_SECONDS) as answer:
                return str(answer.read().decode())
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.05)
    return None


def stop(server: subprocess.Popen[bytes]) -> None:
    """Ask the server to end, and end it when it does not."""
    server.terminate()
    try:
        server.wait(PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()


def main() -> int:
    """Serve and read one page."""
    if len(sys.argv) != WRONG_CALL or shutil.which(sys.argv[1]) is None:
        sys.stderr.write(__doc__ or "")
        return WRONG_CALL
    with tempfile.TemporaryDirectory(prefix="filcross-nginx-") as name:
        folder, port = Path(name), free_port()
        write_site(folder, port)
        command = [
            sys.argv[1],
            "-p",
            f"{folder}/",
            "-e",
            f"{folder}/logs/error.log",
            "-c",
            f"{folder}/nginx.conf",
        ]
        with subprocess.Popen(command) as server:
            try:
                answer = read_page(port, server)
            finally:
                stop(server)
        if answer != PAGE:
            sys.stderr.write(f"nginx did not serve the page; it answered {answer!r}\n")
            with contextlib.suppress(FileNotFoundError):  # it did not come so far
                sys.stderr.write((folder / "logs" / "error.log").read_text())
            return 1
    sys.stderr.write(f"nginx served on 127.0.0.1:{port}, and a client read back: {PAGE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
