"""Installing toolchains: from archives, folders and a server; broken, taken, interrupted, in the way."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import release_shapes

from filcross import config
from filcross.elf.inspect import inspect
from filcross.elf.policy import policy_for, runtime_from_folder
from filcross.errors import UnsupportedInputError, UsageError
from filcross.process import run
from filcross.toolchain import archive, proof, records, releases, selection, store
from filcross.toolchain import install as station
from filcross.toolchain.download import WrongHashError
from filcross.toolchain.install import Wish
from filcross.toolchain.layout import REQUIRED, recognise
from filcross.toolchain.proof import BrokenToolchainError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from filcross.toolchain.layout import Toolchain

pytestmark = pytest.mark.nix

COMMAND = (sys.executable, "-m", "filcross", "toolchain")


@pytest.fixture
def release(simulator: Toolchain, shared_folder: Path) -> Path:
    return release_shapes.shared_release(simulator, shared_folder)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a store of this test's own."""
    for name in ("DATA", "CACHE", "CONFIG", "STATE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    return tmp_path / "data" / "filcross" / "toolchains"


def take(source: str | Path, **fields: object) -> station.Installed:
    wish = Wish(str(source), accept_unverified=True)
    return station.install(dataclasses.replace(wish, **fields), tell=lambda _: None)  # type: ignore[arg-type]


def leavings(data: Path) -> list[str]:
    """Return what lies in the store besides names, locks, and what a name needs."""
    kept = {path.resolve().parent for path in data.iterdir() if path.is_symlink()}
    found = [item.name for item in (data / ".releases").iterdir() if item not in kept]
    if (data / ".records").is_dir():
        found += [item.name for item in (data / ".records").iterdir() if not (data / item.name).is_symlink()]
    return found


def test_an_archive_is_checked_unpacked_relocated_and_proved(
    release: Path, data: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="nobody vouches for") as caught:
        station.install(Wish(str(release)), tell=lambda _: None)
    digest = hashlib.sha256(release.read_bytes()).hexdigest()
    assert digest in caught.value.message
    with pytest.raises(WrongHashError, match="another hash than you said"):
        take(release, sha256="0" * 64)
    assert leavings(data) == []

    said: list[str] = []
    done = station.install(Wish(str(release), sha256=digest), tell=said.append)
    toolchain = done.toolchain
    assert (toolchain.name, toolchain.simulated) == ("simulator-0.686-musl-x86_64", True)
    assert done.record.origin == records.Origin("archive", release.as_uri(), digest, "hash given by you")
    assert not done.record.memory_safe
    assert "simulator, not memory-safe" in done.record.summary
    assert [line.split(":")[0] for line in said][-1] == "proving it"
    assert toolchain.archive is not None
    assert (toolchain.archive.url, toolchain.archive.sha256) == (release.as_uri(), digest)

    pizfix = toolchain.root / "pizfix"
    assert toolchain.root.name == release_shapes.NAME
    search = run(["patchelf", "--print-rpath", pizfix / "lib" / "libc.so"]).stdout.strip()
    assert search == f"{pizfix}/lib64:{pizfix}/lib"
    assert (pizfix / "bin" / "sarcasm").read_text().startswith(f"#!{pizfix}/bin/minilute\n")
    assert {item.name for item in (pizfix / "os-include").iterdir()} == {"linux", "asm", "asm-generic"}
    source = tmp_path / "hello.c"
    source.write_text(
        '#include <stdio.h>\n#include <linux/fs.h>\nint main(void) { puts("hello"); return 0; }\n'
    )
    run([toolchain.compiler, source, "-o", tmp_path / "hello"])
    assert run([tmp_path / "hello"]).stdout == "hello\n"

    baseline = json.loads((store.baseline_of(toolchain) or Path()).read_text())
    kinds = {"shared library": "library", "object file": "object"}
    assert {what: file["kind"] for what, file in baseline["files"].items()} == {
        what: kinds.get(what, "executable")
        for what in (
            *("C program", "shared library", "program with a library", "program with threads", "object file"),
            *("program that jumps", "program with variadic calls", "program with a static archive"),
        )
    }
    program = baseline["files"]["C program"]
    assert program["imports"]["filc_start_program"] == {"from": "filc_crt.o", "code": False}
    assert program["defines"]["main"] == {"from": "filc_crt.o", "code": True}
    assert program["defines"]["_start"]["from"] == "Scrt1.o"
    assert program["defines"]["_edata"] == {"from": "the linker", "code": False}
    known = runtime_from_folder(toolchain.root, names=store.baseline_of(toolchain), version=toolchain.version)
    assert known.baseline is not None
    assert known.baseline.measured == {"executable", "library", "object"}
    (judged,) = inspect([tmp_path / "hello"], policy_for([known])).files
    assert (judged.verdict, [finding.code for finding in judged.findings]) == ("filc", ["FILC-I502"])
    assert baseline["files"]["shared library"]["needed"] == ["libc.so", "libpizlo.so", "libyoloc.so"]

    assert take(release).already
    second = take(release, name="second")
    assert not second.already
    assert second.toolchain.root != toolchain.root
    with pytest.raises(UsageError, match="called `second` already"):
        take(toolchain.root, name="second")
    assert station.verify(toolchain.name).differences == ()
    store.remove("second")
    assert not second.toolchain.root.exists()
    assert toolchain.root.exists()
    assert leavings(data) == []


def test_libyoloc_is_never_touched(release: Path, data: Path, simulator: Toolchain) -> None:
    root = take(release).toolchain.root
    assert data in root.parents
    for name in ("libyoloc.so", "ld-fil1-x86_64.so", "libyolort.a", "filc_crt.o"):
        assert (root / "pizfix" / "lib" / name).read_bytes() == (simulator.lib / name).read_bytes()


def test_a_folder_is_copied_and_a_linked_one_stays(simulator: Toolchain, data: Path, tmp_path: Path) -> None:
    folder = release_shapes.release_folder(simulator, tmp_path)
    done = station.install(Wish(str(folder), name="copy"), tell=lambda _: None)
    assert data in done.toolchain.root.parents
    linked = station.link("mine", simulator.root)
    assert linked.toolchain.root == simulator.root
    assert linked.toolchain.name == "mine"
    assert station.link("mine", simulator.root).already
    with pytest.raises(UsageError, match="called `mine` already"):
        station.link("mine", done.toolchain.root)
    assert store.names() == ("copy", "mine")
    assert station.verify("mine").differences is None
    store.remove("mine")
    store.remove("copy")
    assert simulator.root.is_dir()
    assert folder.is_dir()
    assert (store.names(), leavings(data)) == ((), [])


def test_a_toolchain_that_stops_nothing_and_does_not_say_so_is_refused(
    simulator: Toolchain, data: Path, tmp_path: Path
) -> None:
    folder = release_shapes.release_folder(simulator, tmp_path)
    release_shapes.unmark(folder)
    assert not recognise(folder).simulated
    packed = release_shapes.pack(folder, tmp_path / "spoiled.tar.xz")
    for what in (packed, folder):
        with pytest.raises(BrokenToolchainError, match="does not stop memory errors") as caught:
            take(what)
        assert "do not use it" in (caught.value.hint or "")
        assert any(line.startswith("memory error: fails") for line in caught.value.details)
    with pytest.raises(BrokenToolchainError, match="does not stop memory errors"):
        station.link("spoiled", folder)
    assert (store.names(), leavings(data)) == ((), [])


def test_only_a_stop_by_filc_counts(simulator: Toolchain, tmp_path: Path) -> None:
    """A crash, or a trap that is not Fil-C's, is no proof."""
    folder = release_shapes.release_folder(simulator, tmp_path)
    release_shapes.unmark(folder)
    toolchain = recognise(folder)
    workshop = proof._Workshop(toolchain, tmp_path)
    endings = {
        "kill -TRAP $$": ("fails", False),
        "echo 'filc safety error: x' >&2; kill -TRAP $$": ("works", True),
        "echo 'filc safety error: x' >&2; kill -SEGV $$": ("fails", False),
        "echo 'filc safety error: x' >&2; echo survived; kill -TRAP $$": ("fails", False),
        "echo 'filc safety error: x' >&2; exit 133": ("works", True),
        "echo 'filc safety error: x' >&2; exit 1": ("fails", False),
    }
    for ending, (state, traps) in endings.items():
        program = tmp_path / "bounds"
        program.write_text(f"#!/bin/sh\n{ending}\n")
        program.chmod(0o755)
        trial = workshop.judge_stop(workshop.run("bounds", "16"))
        assert (trial.state, workshop.traps) == (state, traps), ending


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda root: (root / "pizfix" / "lib" / "filc_crt.o").write_bytes(b""), "C: does not compile"),
        (lambda root: (root / "pizfix" / "lib" / "libyoloc.so").write_bytes(b"\x7fELF"), "C: "),
        (lambda root: (root / "pizfix" / "lib" / "crtn.o").unlink(), "lacks pizfix/lib/crtn.o"),
        (lambda root: (root / "build" / "bin" / "clang-20").write_bytes(b"\x7fELF"), "relocate.sh"),
    ],
    ids=["start file", "loader", "missing file", "compiler"],
)
def test_what_does_not_work_is_refused(
    simulator: Toolchain, data: Path, tmp_path: Path, spoil: object, message: str
) -> None:
    folder = release_shapes.release_folder(simulator, tmp_path)
    spoil(folder)  # type: ignore[operator]
    with pytest.raises(Exception, match=message):
        take(release_shapes.pack(folder, tmp_path / "spoiled.tar.xz"))
    assert (store.names(), leavings(data)) == ((), [])


def test_verify_notices_changes(release: Path, data: Path) -> None:
    toolchain = take(release, name="one").toolchain
    assert data.is_dir()
    lib = toolchain.root / "pizfix" / "lib"
    (lib / "libm.a").write_bytes(b"!<arch>\n")
    (lib / "libdl.a").unlink()
    (lib / "extra.so").touch()
    (toolchain.root / "pizfix" / "bin" / "sarcasm").chmod(0o644)
    (lib / "ld-yolo-x86_64.so").unlink()
    (lib / "ld-yolo-x86_64.so").symlink_to("libc.so")
    done = subprocess.run([*COMMAND, "verify", "one", "--json"], capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    (row,) = json.loads(done.stdout)["toolchains"]
    assert row["differences"] is None or row["differences"] == [
        "added: pizfix/lib/extra.so",
        "changed: pizfix/bin/sarcasm",
        "changed: pizfix/lib/ld-yolo-x86_64.so",
        "changed: pizfix/lib/libm.a",
        "missing: pizfix/lib/libdl.a",
    ]
    found = records.differences(store.store_dir(), "one", toolchain.root) or ()
    assert len(found) == 5


@pytest.mark.usefixtures("data")
def test_verify_renews_an_older_baseline(release: Path) -> None:
    toolchain = take(release, name="old").toolchain
    file = store.baseline_of(toolchain)
    assert file is not None
    fresh = file.read_text()
    old = json.dumps(json.loads(fresh) | {"schema_version": 1})
    file.write_text(old)
    (toolchain.root / "extra").touch()
    assert not station.verify("old").renewed  # what a changed toolchain makes is no baseline
    assert file.read_text() == old
    (toolchain.root / "extra").unlink()
    assert station.verify("old").renewed
    assert json.loads(file.read_text()) == json.loads(fresh)
    assert not station.verify("old").renewed


@pytest.fixture
def server(release: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.delenv("FILCROSS_OFFLINE")
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing."""

    handler = functools.partial(Quiet, directory=str(release.parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_address[1]}"
        httpd.shutdown()
        thread.join()


def test_the_command_installs_from_an_address(server: str, release: Path, data: Path) -> None:
    digest = hashlib.sha256(release.read_bytes()).hexdigest()
    address = f"{server}/{release.name}"
    base = [*COMMAND, "install", address, "--name", "net"]
    refused = subprocess.run(base, capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert "--accept-unverified" in refused.stderr
    wrong = subprocess.run([*base, "--sha256", "0" * 64], capture_output=True, text=True, check=False)
    assert wrong.returncode == 5
    assert "is not the file that was meant" in wrong.stderr
    assert "Traceback" not in wrong.stderr
    done = subprocess.run(
        [*base, "--sha256", releases.to_sri(digest), "--json"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)["toolchain"]
    assert (shown["name"], shown["sha256"], shown["trust"]) == ("net", digest, "hash given by you")
    assert shown["memory_safe"] is False
    assert "not memory-safe" in done.stderr
    listed = subprocess.run([*COMMAND, "list", "--json"], capture_output=True, text=True, check=True)
    assert [row["name"] for row in json.loads(listed.stdout)["toolchains"]] == ["net"]
    missing = subprocess.run(
        [*COMMAND, "install", f"{server}/nothing.tar.xz", "--accept-unverified"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert missing.returncode == 3
    assert "answers 404" in missing.stderr
    assert leavings(data) == []


def test_a_release_by_its_name(
    server: str, release: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table of releases is the test's own; everything else is as for upstream's."""
    digest = hashlib.sha256(release.read_bytes()).hexdigest()
    row = f"""
schema_version = 1
licence = {{ musl = "none" }}
[[asset]]
version = "0.999"
flavour = "musl"
arch = "x86_64"
url = "{server}/{release.name}"
size = {release.stat().st_size}
sha256 = "{digest}"
hash = "{releases.to_sri(digest)}"
sources = 2
seen = "here"
"""
    table = tmp_path / "releases.toml"
    table.write_text(row)
    known = releases.read(table)
    monkeypatch.setattr(releases, "assets", lambda: known)
    progress: list[int] = []
    done = station.install(
        Wish("0.999"), tell=lambda _: None, on_progress=lambda here, _: progress.append(here)
    )
    assert progress[-1] == release.stat().st_size
    assert (done.toolchain.name, done.record.origin.kind) == ("0.999-musl-x86_64", "release")
    assert done.record.origin.trust == "hash with 2 sources"
    assert store.resolve("0.999") == done.toolchain
    # The same archive as a file is known by its hash.
    assert take(release, accept_unverified=False).already
    download = station.cached(known[0].url)
    assert download.is_file()
    # Nothing is downloaded in the middle of a build, but an archive that is here is installed.
    store.remove("0.999-musl-x86_64")
    monkeypatch.setenv("FILCROSS_OFFLINE", "1")
    said: list[str] = []
    chosen = selection.select(config.Setting(None, "default"), said.append)
    assert (chosen.toolchain.name, chosen.why) == ("0.999-musl-x86_64", "the pinned release")
    assert any("whose archive is on this machine" in line for line in said)
    station.remove("0.999-musl-x86_64")
    assert not download.exists()
    assert (store.names(), leavings(data)) == ((), [])


def test_two_at_once(release: Path, data: Path) -> None:
    command = [*COMMAND, "install", str(release), "--accept-unverified", "--name", "one"]
    running = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    texts = [process.communicate()[1] for process in running]
    assert [process.returncode for process in running] == [0, 0], texts
    assert sum("is there already" in text for text in texts) == 1
    assert store.names() == ("one",)
    assert len(list((data / ".releases").iterdir())) == 1


def test_the_order_of_toolchains(
    release: Path, simulator: Toolchain, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert data
    project = tmp_path / "project"
    project.mkdir()
    monkeypatch.chdir(project)

    def taken(flag: str | None = None) -> tuple[str, str | None]:
        steps = selection.explain(config.candidates("toolchain", {"toolchain": flag}))
        assert [step.place for step in steps] == list(selection.PLACES)
        (step,) = [step for step in steps if step.taken]
        return step.place, step.value

    def command(*arguments: str) -> str:
        done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stderr

    assert taken() == ("simulator", "simulator")
    take(release, name="one")
    assert taken() == ("simulator", "simulator"), "an installed simulator is no release"
    command("default", "one")
    assert taken() == ("user default", "one")
    assert "one" in command("default")
    (project / "filcross.toml").write_text("# ours\n\nbootstrap = 'host' # kept\n")
    command("use", str(simulator.root))
    assert taken() == ("project file", str(simulator.root))
    text = (project / "filcross.toml").read_text()
    assert text.startswith("# ours\n\nbootstrap = 'host' # kept\n")
    monkeypatch.setenv("FILCROSS_TOOLCHAIN", "simulator")
    assert taken() == ("environment", "simulator")
    assert taken("one") == ("flag", "one")
    shown = command("why", "--toolchain", "nothing-of-that-name")
    assert "→ 1. flag (--toolchain): nothing-of-that-name (cannot be used: no toolchain is called" in shown
    monkeypatch.delenv("FILCROSS_TOOLCHAIN")
    command("use", "--unset")
    assert taken() == ("user default", "one")
    command("default", "--unset")
    assert taken() == ("simulator", "simulator")
    assert (project / "filcross.toml").read_text() == "# ours\n\nbootstrap = 'host' # kept\n"


def test_names_that_are_not_installed_say_how_to_get_them(data: Path) -> None:
    assert not data.exists()
    with pytest.raises(UnsupportedInputError, match=r"no toolchain is called `0\.686`") as caught:
        store.resolve("0.686")
    assert "filcross toolchain install 0.686-musl-x86_64" in (caught.value.hint or "")
    with pytest.raises(UsageError, match="has one source only"):
        station.install(Wish("0.685"), tell=lambda _: None)
    with pytest.raises(UnsupportedInputError, match=r"works in /opt/fil only"):
        station.install(Wish("0.685-glibc"), tell=lambda _: None)
    with pytest.raises(UnsupportedInputError, match="is for aarch64"):
        station.install(Wish("0.684-musl-aarch64"), tell=lambda _: None)
    with pytest.raises(UnsupportedInputError, match="neither a release"):
        take("/no/such/file")


def in_namespace(script: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a shell script that may mount file systems nobody else sees."""
    unshare = ["unshare", "--map-root-user", "--mount"]
    if subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("this machine allows no mounts in a namespace of one's own")
    return subprocess.run(
        [*unshare, "sh", "-euc", script, "sh", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_no_space_and_a_read_only_home(release: Path, tmp_path: Path) -> None:
    script = """
home=$1 release=$2; shift 2
mount -t tmpfs -o size=$SIZE tmpfs "$home"
export XDG_DATA_HOME=$home/data
code=0; "$@" install "$release" --accept-unverified >&2 || code=$?
echo "code $code"
find "$home" -mindepth 1 -type f -size +0 | head -3
"$@" list
umount "$home"
mount -t tmpfs -o ro tmpfs "$home"
code=0; "$@" install "$release" --accept-unverified >&2 || code=$?
echo "code $code"
"""
    home = tmp_path / "home"
    home.mkdir()
    # Too small to begin; and large enough by the sum of the files' sizes, but not for what they take.
    for size in ("1m", f"{archive.check(release).size // 1024 + 200}k"):
        done = in_namespace(script.replace("$SIZE", size), home, release, *COMMAND)
        assert done.returncode == 0, done.stderr
        assert done.stdout.split() == ["code", "3", "code", "3"], done.stderr
        assert "Traceback" not in done.stderr
        assert "no toolchain is installed yet" in done.stderr
        assert "ead-only file system" in done.stderr
        assert ("needs" if size == "1m" else "No space left on device") in done.stderr


def test_a_killed_installation_leaves_nothing_that_counts(
    release: Path, repo_root: Path, tmp_path: Path
) -> None:
    """A few kills of the campaign; many are made by hand, see docs/campaigns.md."""
    script = repo_root / "scripts" / "toolchain-kill-campaign"
    environment = os.environ | {"PYTHONPATH": os.environ.get("PYTHONPATH", str(repo_root))}
    done = subprocess.run(
        [sys.executable, script, "--archive", release, "--kills", "3", "--seed", "7", "--folder", tmp_path],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 kills" in done.stdout


def test_a_compiler_without_a_loader_gets_the_shell_s(
    simulator: Toolchain, data: Path, tmp_path: Path
) -> None:
    """As on NixOS, where no loader is in the usual place."""
    folder = release_shapes.release_folder(simulator, tmp_path)
    assert not data.exists()
    compiler = folder / "build" / "bin" / "clang-20"
    run(["patchelf", "--set-interpreter", "/no/such/loader", compiler])
    toolchain = take(folder, name="moved").toolchain
    moved = toolchain.root / "build" / "bin" / "clang-20"
    shell = run(["patchelf", "--print-interpreter", Path(shutil.which("bash") or "").resolve()]).stdout
    assert run(["patchelf", "--print-interpreter", moved]).stdout == shell
    assert "Fil-C 0.686" in run([moved, "--version"]).stdout
    assert not list(moved.parent.glob("*.original"))


def test_a_glibc_toolchain_outside_of_its_prefix_says_where_it_works(
    simulator: Toolchain, data: Path, tmp_path: Path
) -> None:
    root = tmp_path / "fil"
    (root / "include").mkdir(parents=True)
    (root / "lib" / "clang" / "20" / "include").mkdir(parents=True)
    for name in REQUIRED["optfil"]:
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(b"\x7fELF")
    (root / "lib" / "ld-fil1-x86_64.so").touch()
    (root / "lib" / "libyoloc.so").write_text("GROUP ( /opt/fil/lib/libyolocimpl.so )\n")
    for name in ("filcc", "fil++"):
        (root / "bin" / name).unlink()
        (root / "bin" / name).write_text(
            "#!/bin/sh\n"
            "[ \"$1\" = --version ] && echo 'Fil-C 0.685' && exit\n"
            f"exec {simulator.compiler} --nonsense\n"
        )
        (root / "bin" / name).chmod(0o755)
    with pytest.raises(BrokenToolchainError, match="C: does not compile") as caught:
        station.link("fil", root)
    assert caught.value.hint == "its linker scripts name /opt/fil: it works only there"
    assert not (data / "fil").exists()
