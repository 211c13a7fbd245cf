"""The Nix station with a real Nix: stores, builds, causes and victims, users without rights."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from filcross.errors import MissingRequirementError, UsageError
from filcross.nix import build, command, evaluate

if TYPE_CHECKING:
    from collections.abc import Sequence

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
  unfetched = make "unfetched" "echo > $out" [ source ];
}
"""


class Recorder:
    """A watcher that remembers."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.ended: dict[str, bool] = {}
        self.lines: list[tuple[str, str]] = []

    def update(self, running: Sequence[build.Running], progress: Progress | None) -> None:
        pass

    def started(self, name: str) -> None:
        self.begun.append(name)

    def finished(self, name: str, seconds: float, *, failed: bool) -> None:
        assert seconds >= 0
        self.ended[name] = failed

    def log_line(self, name: str, line: str) -> None:
        self.lines.append((name, line))


def _instantiate(nix: command.Nix, file: Path, salt: str) -> dict[str, str]:
    done = nix.run("nix-instantiate", file, "--argstr", "salt", salt)
    return {path.rsplit("-", 1)[1].removesuffix(".drv"): path for path in done.stdout.split()}


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


def test_an_ordinary_user_builds_in_a_private_store() -> None:
    """Without a daemon and without rights, as the user `nobody`."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("needs root and setpriv to become another user")
    python = _python_for_anyone()
    home = Path("/tmp") / f"filcross-nobody-{os.getpid()}"
    home.mkdir()
    try:
        (home / "test.nix").write_text(EXPRESSION)
        (home / "run.py").write_text(
            textwrap.dedent("""
                from pathlib import Path
                from filcross.nix import build, command
                nix = command.find_nix(host_tools=True)
                print(nix.store.kind, nix.store.folder, nix.store.reason, sep="|")
                drv = nix.run("nix-instantiate", Path("test.nix"), "-A", "fine").stdout.strip()
                (result,) = build.build(nix, {"fine": drv}, roots=Path("roots"))
                print(result.built, result.outputs["out"].read_text().strip())
            """)
        )
        subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", home], check=True)
        clean = {"PATH": "/usr/bin:/bin", "HOME": str(home), "PYTHONPATH": ":".join(p for p in sys.path if p)}
        done = subprocess.run(
            ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", python, "run.py"],
            cwd=home,
            env=clean,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        where, built = done.stdout.splitlines()
        assert where.startswith(f"private|{home}/.cache/filcross/nix/store|")
        assert built == "True ok"
    finally:
        subprocess.run(["chmod", "-R", "u+w", home], check=True)
        shutil.rmtree(home)


def _python_for_anyone() -> str:
    """Return an interpreter that another user can run and that can import what this one can."""
    site = next(path for path in sys.path if path.endswith("site-packages"))
    probe = "import sh, typer, packaging, platformdirs, filcross"
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
