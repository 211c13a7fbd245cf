"""Real apt, a real repository on disk, a real Nix store: no network."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from filcross.errors import BuildFailedError, MissingRequirementError, UnsupportedInputError, UsageError
from filcross.sources import SeedReport, instantiate, seed, wanted_sources
from filcross.sources.apt import machine_suite
from filcross.sources.hashes import Digest

pytestmark = [
    pytest.mark.nix,
    pytest.mark.skipif(shutil.which("nix-store") is None, reason="Nix is not installed"),
    pytest.mark.skipif(shutil.which("apt-get") is None, reason="apt is not installed"),
    pytest.mark.skipif(machine_suite() is None, reason="this release has no code name"),
]

FILES = {
    "greet_1.0.orig.tar.gz": b"greet, as upstream released it\n" * 40,
    "old+stuff_2.orig.tar.xz": b"only in the older release\n",
}


def digest(content: bytes, algorithm: str = "sha256") -> Digest:
    return Digest(algorithm, hashlib.new(algorithm, content).hexdigest())


def fetch(name: str, fixed: Digest, mode: str = "flat") -> str:
    """Return Nix code for a fixed-output derivation as fetchers make them."""
    return (
        f'(derivation {{ name = "{name}"; system = builtins.currentSystem; builder = "/bin/false"; '
        f'urls = [ "https://upstream.invalid/{name}" ]; outputHashMode = "{mode}"; '
        f'outputHashAlgo = "{fixed.algorithm}"; outputHash = "{fixed.base32}"; }})'
    )


def package(name: str, *inputs: str) -> str:
    """Return Nix code for an ordinary derivation with inputs."""
    return (
        f'(derivation {{ name = "{name}"; system = builtins.currentSystem; builder = "/bin/sh"; '
        f'args = [ "-c" "echo {name} >$out" ]; inputs = [ {" ".join(inputs)} ]; }})'
    )


NO_SANDBOX = ["--option", "sandbox", "false", "--option", "build-users-group", ""]
GREET = fetch("greet-1.0.tar.gz", digest(FILES["greet_1.0.orig.tar.gz"]))


@dataclass
class World:
    """A mirror, a machine whose apt knows it, and an empty store."""

    root: Path
    store: dict[str, str]

    @property
    def mirror(self) -> Path:
        return self.root / "mirror"

    def use(self, scheme: str) -> None:
        """Name the mirror in apt's configuration by a URL of this scheme."""
        entry = f"deb [trusted=yes] {scheme}:{self.mirror} {machine_suite()} main\n"
        (self.root / "etc" / "parts" / "main.list").write_text(entry)

    def add_suite(self, suite: str, name: str) -> None:
        """Publish a suite with one source package that has the file `name`."""
        content = FILES[name]
        package_name, _, version = name.split(".orig", maxsplit=1)[0].partition("_")
        pool = self.mirror / "pool" / package_name
        pool.mkdir(parents=True, exist_ok=True)
        (pool / name).write_bytes(content)
        index = (
            f"Package: {package_name}\nVersion: {version}-1\nDirectory: pool/{package_name}\n"
            f"Files:\n {digest(content, 'md5').hex} {len(content)} {name}\n"
            f"Checksums-Sha256:\n {digest(content).hex} {len(content)} {name}\n"
        ).encode()
        folder = self.mirror / "dists" / suite
        (folder / "main/source").mkdir(parents=True, exist_ok=True)
        (folder / "main/source/Sources").write_bytes(index)
        (folder / "Release").write_text(
            f"Origin: Test\nSuite: {suite}\nCodename: {suite}\nComponents: main\nArchitectures: source\n"
            f"Date: Thu, 01 Jan 2026 00:00:00 UTC\n"
            f"SHA256:\n {digest(index).hex} {len(index)} main/source/Sources\n"
        )

    def instantiate(self, expression: str) -> tuple[str, ...]:
        return instantiate(None, expression=expression, env=self.store)

    def seed(self, expression: str, **options: Any) -> tuple[SeedReport, list[str]]:
        lines: list[str] = []
        found = self.instantiate(expression)
        cache = self.root / "cache of user"
        cache.mkdir(exist_ok=True)
        return seed(found, cache=cache, env=self.store, on_progress=lines.append, **options), lines


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Make this machine's apt one that knows a mirror in a folder (APT_CONFIG is apt's own way)."""
    etc = tmp_path / "etc"
    (etc / "parts").mkdir(parents=True)
    (etc / "apt.conf").write_text(
        f'Dir::Etc::sourcelist "/dev/null";\nDir::Etc::sourceparts "{etc}/parts";\n'
        'Acquire::Check-Date "false";\n'
    )
    monkeypatch.setenv("APT_CONFIG", str(etc / "apt.conf"))
    names = {"NIX_STORE_DIR": "store", "NIX_STATE_DIR": "state", "NIX_LOG_DIR": "log"}
    made = World(tmp_path, {name: str(tmp_path / "nix" / folder) for name, folder in names.items()})
    made.store["NIX_LOCALSTATE_DIR"] = str(tmp_path / "nix" / "local")
    made.use("file")
    made.add_suite(str(machine_suite()), "greet_1.0.orig.tar.gz")
    made.add_suite("older", "old+stuff_2.orig.tar.xz")
    return made


def test_a_source_gets_into_the_store_under_the_name_that_is_wanted(world: World) -> None:
    report, lines = world.seed(package("greet", GREET))
    (item,) = report.seeded
    assert report.complete
    assert item.source.name == "greet-1.0.tar.gz"
    assert item.origin.package == "greet"
    assert item.source.urls == ("https://upstream.invalid/greet-1.0.tar.gz",)
    assert Path(item.source.store_path).read_bytes() == FILES["greet_1.0.orig.tar.gz"]
    assert item.source.store_path.startswith(world.store["NIX_STORE_DIR"])
    assert any("greet_1.0.orig.tar.gz" in line for line in lines)

    again, lines = world.seed(package("greet", GREET))
    assert again.present == (item.source,)
    assert (again.seeded, again.missing, again.suites) == ((), (), ())
    assert not any("index" in line for line in lines)


def test_other_releases_are_searched_only_for_what_is_missing(world: World) -> None:
    old = fetch("stuff.tar.xz", digest(FILES["old+stuff_2.orig.tar.xz"]))
    report, _ = world.seed(package("both", GREET), suites=["older"])
    assert report.suites == (machine_suite(),)
    report, _ = world.seed(package("both", GREET, old), suites=["older"])
    assert report.complete
    assert [item.origin.suite for item in report.seeded] == ["older"]
    assert report.suites == (machine_suite(), "older")


def test_what_is_not_there_is_listed_with_its_reason(world: World) -> None:
    content = FILES["greet_1.0.orig.tar.gz"]
    report, _ = world.seed(
        package(
            "all",
            fetch("by-md5", digest(content, "md5")),
            fetch("by-sha512", digest(content, "sha512")),
            fetch("unknown", digest(b"nobody has this")),
            fetch("tree", digest(b"a tree"), "recursive"),
        )
    )
    assert [item.source.name for item in report.seeded] == ["by-md5"]
    reasons = {item.source.name: item.reason for item in report.missing}
    assert set(reasons) == {"by-sha512", "unknown", "tree"}
    assert "sha512" in reasons["by-sha512"]
    assert str(machine_suite()) in reasons["unknown"]
    assert "unpacked tree" in reasons["tree"]
    assert not report.complete


def test_a_file_that_is_not_what_the_index_promises_stays_out(world: World) -> None:
    name = "greet_1.0.orig.tar.gz"
    file = world.mirror / "pool" / "greet" / name
    file.write_bytes(FILES[name].replace(b"upstream", b"somebody"))
    report, _ = world.seed(GREET)
    (missing,) = report.missing
    assert "could not be downloaded" in missing.reason
    assert not Path(missing.source.store_path).exists()

    by_md5 = fetch("by-md5", digest(FILES[name], "md5"))  # apt is not told a hash here: filcross looks itself
    report, _ = world.seed(by_md5)
    assert "is not the file that the index promises" in report.missing[0].reason
    assert not Path(report.missing[0].source.store_path).exists()


def test_an_index_from_before_serves_when_the_mirror_is_away(world: World) -> None:
    world.use("copy")  # with `file` apt reads the mirror's own index and keeps none
    world.seed(fetch("unknown", digest(b"nobody has this")))
    shutil.move(world.mirror / "dists", world.root / "dists")
    report, _ = world.seed(GREET)
    assert report.complete
    assert report.warnings == ()
    report, _ = world.seed(fetch("unknown", digest(b"nobody has this")), refresh=True)
    assert any("refreshed" in line for line in report.warnings)
    assert report.suites == (machine_suite(),)


def test_no_index_at_all_is_an_error_unless_nothing_is_wanted(world: World) -> None:
    shutil.rmtree(world.mirror)
    with pytest.raises(MissingRequirementError, match="no source index") as caught:
        world.seed(GREET)
    assert any(line.startswith(("E:", "W:")) for line in caught.value.details)
    report, _ = world.seed(package("nothing"))
    assert report.complete


def test_as_in_a_build_what_is_built_already_is_not_looked_into(world: World) -> None:
    inner = package("inner", GREET)
    outer = package("outer", inner, fetch("own", digest(b"nobody has this")))
    world.seed(inner)
    roots = world.instantiate(outer)
    present, absent = wanted_sources(roots, env=world.store)
    assert [item.name for item in present + absent] == ["greet-1.0.tar.gz", "own"]
    present, absent = wanted_sources(roots, direct=True, env=world.store)
    assert [item.name for item in present + absent] == ["own"]

    built = subprocess.run(
        ["nix-build", "-E", inner, "--no-out-link", *NO_SANDBOX],
        env={**os.environ, **world.store},
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    present, absent = wanted_sources(roots, env=world.store)
    assert [item.name for item in present + absent] == ["own"]


def test_the_script_says_it_in_json_and_in_its_exit_code(world: World, repo_root: Path) -> None:
    file = world.root / 'set\'s "best".nix'
    file.write_text(f"{{ which }}: {{ greet = {GREET}; ${{which}} = {fetch('x', digest(b'nobody'))}; }}")
    script = [sys.executable, str(repo_root / "scripts" / "seed-sources"), str(file)]

    def run(*arguments: str) -> tuple[int, Any, str]:
        done = subprocess.run(
            [*script, *arguments, "--json"],
            env={**os.environ, **world.store},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, json.loads(done.stdout), done.stderr

    status, document, text = run("-A", "greet", "--argstr", "which", "other")
    assert status == 0, text
    assert (document["kind"], document["complete"]) == ("seed-sources", True)
    assert document["seeded"][0]["hash"] == digest(FILES["greet_1.0.orig.tar.gz"]).sri
    status, document, text = run("-A", "greet", "-A", "other", "--argstr", "which", "other")
    assert status == 4, text
    assert [item["name"] for item in document["missing"]] == ["x"]
    assert [item["name"] for item in document["present"]] == ["greet-1.0.tar.gz"]
    assert "https://upstream.invalid/x" in text
    status, document, _ = run("-A", "nothing", "--argstr", "which", "other")
    assert (status, document["kind"]) == (6, "error")


def test_targets_that_cannot_be_meant(world: World) -> None:
    with pytest.raises(UsageError, match="which attributes"):
        instantiate(world.root, env=world.store)
    with pytest.raises(UsageError, match="there is no"):
        instantiate(world.root / "absent.nix", env=world.store)
    with pytest.raises(UsageError, match="name a tree"):
        instantiate(None, env=world.store)
    with pytest.raises(BuildFailedError):
        world.instantiate("1 +")
    with pytest.raises(UnsupportedInputError, match="no derivation"):
        wanted_sources(["/nix/store/00000000000000000000000000000000-x.drv"], env=world.store)
