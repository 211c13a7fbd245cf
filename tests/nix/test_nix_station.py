"""The Nix station with a real Nix: stores, builds, causes and victims, users without rights."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from filcross import process
from filcross.errors import MissingRequirementError, UsageError
from filcross.nix import build, command, evaluate, graph, languages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from filcross.nix.events import Progress

pytestmark = pytest.mark.nix
NOBODY = 65534

EXPRESSION = """
{ salt ? "" }:
let
  make = name: script: dependencies: derivation {
    inherit name dependencies salt;
    system = "x86_64-linux";
    builder = "/bin/sh";
    args = [ "-c" script ];
  };
  bad = make "bad" "echo oops; exit 3" [ ];
  good = make "good" "echo fine > $out" [ ];
  source = derivation {
    name = "source.tar.gz";
    inherit salt;
    system = "x86_64-linux";
    builder = "/bin/sh";
    args = [ "-c" "echo cannot fetch; exit 1" ];
    outputHash = "0000000000000000000000000000000000000000000000000000";
    outputHashMode = "flat";
    outputHashAlgo = "sha256";
  };
in
{
  blocked = make "blocked" "echo > $out" [ bad good ];
  fine = make "fine" "echo ok > $out" [ good ];
  place = make "place" "pwd > $out" [ ];
  second = make "second" "echo ok > $out" [ ];
  unfetched = make "unfetched" "echo > $out" [ source ];
}
"""


class Recorder:
    """A watcher that remembers."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.ended: dict[str, bool] = {}
        self.lines: list[tuple[str, str]] = []
        self.log: list[tuple[str, str]] = []

    def update(self, running: Sequence[build.Running], progress: Progress | None) -> None:
        pass

    def started(self, name: str) -> None:
        self.begun.append(name)
        self.log.append(("begin", name))

    def finished(self, name: str, seconds: float, *, failed: bool) -> None:
        assert seconds >= 0
        self.ended[name] = failed
        self.log.append(("end", name))

    def log_line(self, name: str, line: str) -> None:
        self.lines.append((name, line))


def _instantiate(nix: command.Nix, file: Path, salt: str) -> dict[str, str]:
    done = nix.run("nix-instantiate", file, "--argstr", "salt", salt)
    return {path.rsplit("-", 1)[1].removesuffix(".drv"): path for path in done.stdout.split()}


def test_every_output_of_structured_attributes_is_known(tmp_path: Path) -> None:
    """Such a derivation has its attributes in one variable, `outputs` among them."""
    file = tmp_path / "test.nix"
    file.write_text(
        'derivation { name = "some"; system = "x86_64-linux"; builder = "/bin/sh";'
        ' outputs = [ "out" "dev" ]; __structuredAttrs = true; }'
    )
    nix = command.find_nix(host_tools=True)
    derivation = nix.run("nix-instantiate", file).stdout.split()[0].split("!")[0]
    found = nix.outputs(derivation)
    assert {name: path.name[33:] for name, path in found.items()} == {"out": "some", "dev": "some-dev"}


STRUCTURED = """
let
  P = "x86_64-unknown-linux-filc";
  make =
    name: more:
    derivation (
      {
        inherit name;
        system = "x86_64-linux";
        builder = "/bin/sh";
      }
      // more
    );
  structured = name: more: make name ({ __structuredAttrs = true; } // more);
  rustc = make "rustc-1.77" { };
  stdenv = make "stdenv-linux" { compiler = make "${P}-filc-cc-wrapper-1" { }; };
in
{
  environment = structured "by-environment" { inherit stdenv; };
  flags = structured "by-flags" { configureFlags = [ "a \\"b\\"" "--host=${P}" ]; };
  fixed = structured "fixed" {
    outputHash = "0000000000000000000000000000000000000000000000000000000000000000";
    outputHashAlgo = "sha256";
    configureFlags = [ "--host=${P}" ];
  };
  tool = structured "tool" { inherit stdenv; depsBuildBuild = [ rustc ]; };
  crate = structured "crate" { inherit stdenv; nativeBuildInputs = [ rustc ]; };
}
"""


def test_structured_attributes_are_seen_where_variables_count(tmp_path: Path) -> None:
    """A recipe with `__structuredAttrs` has its attributes in one variable, as JSON; Nix writes it here."""
    file = tmp_path / "test.nix"
    file.write_text(STRUCTURED)
    nix = command.find_nix(host_tools=True)
    paths = [line.split("!")[0] for line in nix.run("nix-instantiate", file).stdout.split()]
    roots = {path.rsplit("-", 1)[-1].removesuffix(".drv"): path for path in paths}
    found = graph.read_derivations(paths)
    sides = {name: found[path].side for name, path in roots.items()}
    expected = {"environment": "host", "flags": "host", "fixed": "build", "tool": "host", "crate": "host"}
    assert sides == expected
    (failed,) = build.build(nix, {"fixed": roots["fixed"]}, roots=tmp_path / "roots")
    assert [cause.fixed_output for cause in failed.causes] == [True]
    whole = graph.Graph(roots, found, frozenset())
    assert {item.attributes for item in languages.boundaries(whole)} == {("crate",)}


SLOW_TREE = """
{ ... }:
let
  all = builtins.genList (n: n) 30000;
  sum = builtins.foldl' (a: b: a + b) 0;
  make =
    name:
    derivation {
      inherit name;
      system = "x86_64-linux";
      builder = "/bin/sh";
    };
in
{
  pkgsCross.filc = {
    a = make "a";
    b = make "b";
    c = make "c";
    d = make "d";
    endless = make "endless-${toString (sum (map (n: sum (map (m: m * n) all)) all))}";
  };
}
"""


def test_an_evaluation_without_an_end_is_a_failure_of_its_attribute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "EVALUATION_TIMEOUT", 2.0)
    monkeypatch.setattr(process, "GRACE_SECONDS", 0.1)
    for name, text in (("tree", SLOW_TREE), ("overlay", "final: prev: { }")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "default.nix").write_text(text)
    packages = evaluate.PackageSet(tmp_path / "tree", tmp_path / "overlay", "nixpkgs")
    nix = command.find_nix(host_tools=True)
    names = ["a", "b", "endless", "c", "d"]
    found, (failure,) = evaluate.derivations(nix, packages, names, roots=tmp_path / "roots")
    assert list(found) == ["a", "b", "c", "d"]
    assert failure.attribute == "endless"
    assert failure.message == "the evaluation did not end within 2 s"


CYCLE = """
{ salt }:
let
  make = name: outputs: script: derivation {
    inherit name outputs salt;
    system = "x86_64-linux";
    builder = "/bin/sh";
    args = [ "-c" script ];
  };
in
{
  cycle = make "cycle" [ "out" "dev" ] "echo $dev > $out; echo $out > $dev";
  bad = make "bad" [ "out" ] "/bin/sleep 1; echo oops; exit 3";
  good = make "good" [ "out" ] "/bin/sleep 1; echo fine > $out";
}
"""


def test_an_error_that_ends_nix_costs_the_others_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nix 2.8 stops at outputs that refer to each other, whatever it builds beside them."""
    monkeypatch.setenv("NIX_CONFIG", "max-jobs = 3")
    file = tmp_path / "test.nix"
    file.write_text(CYCLE)
    nix = command.find_nix(host_tools=True)
    wanted = {
        name: nix.run("nix-instantiate", file, "-A", name, "--argstr", "salt", str(tmp_path)).stdout.strip()
        for name in ("cycle", "bad", "good")
    }
    recorder = Recorder()
    built = build.build(nix, wanted, roots=tmp_path / "roots", watcher=recorder)
    results = {item.attribute: item for item in built}
    assert recorder.ended == {"cycle": True, "bad": True, "good": False}
    assert results["good"].built
    (cause,) = results["bad"].causes
    assert (cause.derivation, cause.tail) == (wanted["bad"], ("oops",))
    assert "exit code 3" in cause.message
    (cause,) = results["cycle"].causes
    assert "cycle" in cause.message
    assert all(result.derivation == wanted[name] for name, result in results.items())


def test_causes_are_told_from_victims(tmp_path: Path) -> None:
    file = tmp_path / "test.nix"
    file.write_text(EXPRESSION)
    nix = command.find_nix(host_tools=True)
    wanted = _instantiate(nix, file, str(tmp_path))
    recorder = Recorder()
    results = {r.attribute: r for r in build.build(nix, wanted, roots=tmp_path / "roots", watcher=recorder)}
    assert results["fine"].built
    assert results["fine"].outputs["out"].read_text() == "ok\n"
    assert not results["blocked"].built
    (cause,) = results["blocked"].causes
    assert (cause.name, cause.tail, cause.fixed_output) == ("bad", ("oops",), False)
    assert "exit code 3" in cause.message
    logged = subprocess.run(["sh", "-c", cause.log_command], capture_output=True, text=True, check=True)
    assert "oops" in logged.stdout
    (cause,) = results["unfetched"].causes
    assert (cause.name, cause.fixed_output) == ("source.tar.gz", True)
    assert recorder.ended["bad"] is True
    assert recorder.ended["good"] is False
    assert ("bad", "oops") in recorder.lines


def test_a_single_build_that_failed_is_no_success_before_nix_says_why(tmp_path: Path) -> None:
    """Nix gives the reason after the end, and leaves what the builder made of the output."""
    file = tmp_path / "test.nix"
    file.write_text(
        f'derivation {{ name = "single"; system = "x86_64-linux"; builder = "/bin/sh"; salt = "{tmp_path}";'
        ' args = [ "-c" "echo > $out; printf %05000d 7; echo; exit 3" ]; }'
    )
    nix = command.find_nix(host_tools=True)
    derivation = nix.run("nix-instantiate", file).stdout.strip().split("!")[0]
    recorder, recorded = Recorder(), []
    (result,) = build.build(
        nix, {"single": derivation}, roots=tmp_path / "roots", watcher=recorder, record=recorded.append
    )
    assert "exit code 3" in result.causes[0].message
    assert result.causes[0].tail == (f"{'0' * 2000}… and 3000 more characters",)
    assert recorder.ended == {"single": True}
    assert recorded == []


def test_a_build_ends_when_it_ends_and_not_when_all_of_them_do(tmp_path: Path) -> None:
    """Nix keeps what it was asked for open until everything is done; what it built is said at once."""
    file = tmp_path / "test.nix"
    file.write_text(EXPRESSION)
    nix = command.find_nix(host_tools=True)
    wanted = _instantiate(nix, file, str(tmp_path))
    recorder = Recorder()
    wanted = {name: wanted[name] for name in ("fine", "second", "unfetched")}
    build.build(nix, wanted, roots=tmp_path / "roots", watcher=recorder)
    order = list(recorder.ended)
    assert sorted(order) == ["fine", "good", "second", "source.tar.gz"]
    for name in order:
        others = [other for other in order if order.index(other) > order.index(name)]
        assert all(
            recorder.log.index(("end", name)) < recorder.log.index(("begin", other)) for other in others
        )
    assert recorder.ended == {"fine": False, "good": False, "second": False, "source.tar.gz": True}


def test_results_are_rooted(tmp_path: Path) -> None:
    file = tmp_path / "test.nix"
    file.write_text(EXPRESSION)
    nix = command.find_nix(host_tools=True)
    wanted = {"fine": _instantiate(nix, file, str(tmp_path))["fine"]}
    (result,) = build.build(nix, wanted, roots=tmp_path / "roots")
    roots = nix.run("nix-store", "-q", "--roots", result.outputs["out"]).stdout
    assert str(tmp_path / "roots") in roots


@pytest.mark.parametrize("name", ["hello; rm -rf /", "-A", "", "a..b", "../x", 'a."b${c}"'])
def test_what_is_no_attribute_path_never_reaches_nix(name: str) -> None:
    with pytest.raises(UsageError):
        evaluate.check_attributes([name])


def test_attribute_paths_of_nixpkgs_are_accepted() -> None:
    evaluate.check_attributes(["hello", "perlPackages.JSON", "python3Packages.foo-bar", 'x."1.2"', "nix'"])


def test_a_missing_nix_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(MissingRequirementError) as caught:
        command.find_nix(host_tools=True)
    assert "nix-build" in caught.value.message


@pytest.mark.parametrize(
    ("said", "reason"), [("nix-build (Nix) 2.3.16", "too old"), ("nix-build", "no version")]
)
def test_a_nix_that_does_not_serve_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, reason: str
) -> None:
    fake = tmp_path / "nix-build"
    fake.write_text(f"#!/bin/sh\necho '{said}'\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(MissingRequirementError) as caught:
        command.find_nix(host_tools=True)
    assert reason in caught.value.message


def test_a_folder_for_temporary_files_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", "/nonexistent")
    with pytest.raises(MissingRequirementError) as caught:
        command.find_nix(host_tools=True)
    assert "TMPDIR" in (caught.value.hint or "")


def test_root_without_build_users_is_told_what_to_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root builds as other users")
    (tmp_path / "nix.conf").write_text("build-users-group = no-such-group-of-ours\n")
    monkeypatch.setenv("NIX_CONF_DIR", str(tmp_path))
    with pytest.raises(MissingRequirementError) as caught:
        command.plan_store(host_tools=True)
    assert "no-such-group-of-ours" in caught.value.message
    assert "prepare-host" in (caught.value.hint or "")


def test_a_private_store_below_an_odd_path_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FILCROSS_STORE_ROOT", str(tmp_path / "with space"))
    with pytest.raises(MissingRequirementError) as caught:
        command.plan_store(host_tools=True, preference="private")
    assert "FILCROSS_STORE_ROOT" in (caught.value.hint or "")


@contextlib.contextmanager
def as_nobody(
    user: int = NOBODY, **environment: str
) -> Iterator[Callable[..., subprocess.CompletedProcess[str]]]:
    """Give a function that runs Python code as the user `nobody` (or another), in a home of his own.

    With `dead_daemon`, a socket that nobody listens on stands where Nix's daemon would answer (in a mount
    namespace of its own).
    """
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("needs root and setpriv to become another user")
    python = _python_for_anyone()
    home = Path(tempfile.mkdtemp(prefix="filcross-nobody-"))
    clean = {"PATH": "/usr/bin:/bin", "HOME": str(home), "PYTHONPATH": ":".join(p for p in sys.path if p)}
    clean.update(environment)

    def run(code: str, *, dead_daemon: bool = False) -> subprocess.CompletedProcess[str]:
        (home / "test.nix").write_text(EXPRESSION)
        (home / "run.py").write_text(textwrap.dedent(code))
        subprocess.run(["chown", "-R", f"{user}:{user}", home], check=True)
        argv = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", python, "run.py"]
        if dead_daemon:
            argv = ["unshare", "--mount", "sh", "-c", DEAD_DAEMON, "sh", *argv]
        return subprocess.run(argv, cwd=home, env=clean, capture_output=True, text=True, check=False)

    try:
        yield run
    finally:
        subprocess.run(["chmod", "-R", "u+w", home], check=True)
        shutil.rmtree(home)


DEAD_DAEMON = """
set -e
folder=/nix/var/nix/daemon-socket
mkdir -p $folder
mount -t tmpfs tmpfs $folder
python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("/nix/var/nix/daemon-socket/socket")'
chmod 0666 $folder/socket
exec "$@"
"""


def test_an_ordinary_user_builds_in_a_private_store() -> None:
    """Without a daemon and without rights."""
    with as_nobody() as run:
        done = run("""
            from pathlib import Path
            from filcross.nix import build, command
            nix = command.find_nix(host_tools=True)
            print(nix.store.kind, nix.store.folder, nix.store.reason, sep="|")
            drv = nix.run("nix-instantiate", Path("test.nix"), "-A", "fine").stdout.strip()
            (result,) = build.build(nix, {"fine": drv}, roots=Path("roots"))
            print(result.built, result.outputs["out"].read_text().strip())
        """)
        assert done.returncode == 0, done.stderr
        where, built = done.stdout.splitlines()
        assert where.startswith("private|")
        assert ".cache/filcross/nix/store|" in where
        assert built == "True ok"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's Nix builds as other users: THIS TEST DID NOT RUN")
def test_two_stores_of_root_do_not_kill_each_others_builds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nix kills every process of a build user that it takes; which are taken, it knows by locks."""
    with tempfile.TemporaryDirectory(prefix="filcross-two-stores-") as name:
        place = Path(name)
        place.chmod(0o777)
        (place / "test.nix").write_text(EXPRESSION)
        (place / "nix.conf").write_text("sandbox = false\nsubstitute = false\n")
        monkeypatch.setenv("NIX_CONF_DIR", name)
        started = place / "started"
        slow = f"""derivation {{
          name = "slow"; system = "x86_64-linux"; builder = "/bin/sh"; salt = "{tmp_path}";
          args = [ "-c" "echo > {started}; i=0; while [ $i -lt 400 ] && ! [ -e {place}/over ]; do
            /bin/sleep 0.1; i=$((i+1)); done; echo ok > $out" ]; }}"""
        first = subprocess.Popen(
            ["nix-build", "--no-out-link", "-E", slow],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            while not started.exists():
                assert first.poll() is None, first.communicate()[1]
                time.sleep(0.05)
            monkeypatch.setenv("FILCROSS_STORE_ROOT", str(place / "private"))
            nix = command.find_nix(host_tools=True, preference="private")
            users = Path(nix.store.environment["NIX_STATE_DIR"]) / "userpool"
            assert users.samefile("/nix/var/nix/userpool")
            drv = nix.run("nix-instantiate", place / "test.nix", "-A", "fine").stdout.strip()
            (result,) = build.build(nix, {"fine": drv}, roots=place / "roots")
            assert result.built
        finally:
            (place / "over").touch()
            said = first.communicate()
        assert first.returncode == 0, said[1]


def test_a_user_without_a_name_and_an_odd_folder_for_temporary_files() -> None:
    """Containers run as numbers; Autoconf's scripts refuse to run below spaces and quotes."""
    with tempfile.TemporaryDirectory(prefix="it's odd ") as odd:
        Path(odd).chmod(0o777)
        with as_nobody(4_242_424, TMPDIR=odd) as run:
            done = run("""
                from pathlib import Path
                from filcross.nix import build, command
                nix = command.find_nix(host_tools=True)
                drv = nix.run("nix-instantiate", Path("test.nix"), "-A", "place").stdout.strip()
                (result,) = build.build(nix, {"place": drv}, roots=Path("roots"))
                print(result.outputs["out"].read_text().strip())
            """)
            assert done.returncode == 0, done.stderr
            assert done.stdout.startswith("/tmp/nix-build-place.drv-")
            Path(odd).chmod(0o700)
            refused = run("""
                from filcross.errors import MissingRequirementError
                from filcross.nix import command
                try:
                    command.find_nix(host_tools=True)
                except MissingRequirementError as error:
                    print(error.hint)
            """)
            assert "set TMPDIR" in refused.stdout, refused.stderr


PLAN = """
    from filcross.nix import command
    from filcross.errors import FilcrossError
    try:
        store = command.plan_store(host_tools={host_tools}, preference={preference!r})
        print(store.kind, store.reason, sep="|")
    except FilcrossError as error:
        print(error.exit_code, error.message, error.hint, sep="|")
"""


def test_a_daemon_that_is_down() -> None:
    with as_nobody() as run:
        done = run(PLAN.format(host_tools=False, preference="auto"), dead_daemon=True)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("private|the Nix daemon does not answer")
        done = run(PLAN.format(host_tools=False, preference="system"), dead_daemon=True)
        code, message, hint = done.stdout.strip().split("|")
        assert code == "3"
        assert "does not answer" in message
        assert "systemctl start nix-daemon" in hint


def _python_for_anyone() -> str:
    """Return an interpreter that another user can run and that can import what this one can."""
    site = next(path for path in sys.path if path.endswith("site-packages"))
    probe = "import typer, packaging, platformdirs, filcross"
    for candidate in (sys.executable, "/usr/bin/python3"):
        done = subprocess.run(
            ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", candidate, "-c", probe],
            env={"PYTHONPATH": site, "PATH": "/usr/bin:/bin"},
            cwd="/",
            capture_output=True,
            check=False,
        )
        if done.returncode == 0:
            return candidate
    pytest.skip("no Python that another user can run (it lies in a closed folder)")
