"""Where a nixpkgs comes from: folders, revisions fetched from archives on disk, the embedded tree."""

from __future__ import annotations

import subprocess
import tarfile
from typing import TYPE_CHECKING

import pytest

from filcross import resources
from filcross.config import Setting
from filcross.errors import MissingRequirementError, UnsupportedInputError, UsageError
from filcross.nix import command
from filcross.nixpkgs import source

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.nix
REVISION = "0123456789abcdef0123456789abcdef01234567"
NIX_28 = (2, 8, 0)
FLAG = "--nixpkgs"


def nix() -> command.Nix:
    """Return the Nix that fetches."""
    return command.find_nix(host_tools=False)


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a mirror with an archive as GitHub makes them: one folder named after the revision."""
    archive = tmp_path / f"{REVISION}.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(resources.embedded_tree_dir() / "lib", arcname=f"nixpkgs-{REVISION}/lib")
        tar.add(resources.embedded_tree_dir() / "default.nix", arcname=f"nixpkgs-{REVISION}/default.nix")
    monkeypatch.setenv("FILCROSS_NIXPKGS_URL", f"file://{tmp_path}/{{rev}}.tar.gz")
    # Nix keeps what it fetched without a hash for an hour, by URL; the folder of a test is always another.
    return archive


def test_a_revision_is_fetched_and_says_that_no_hash_was_checked(mirror: Path) -> None:
    assert mirror.exists()
    found = source.resolve(Setting(REVISION, FLAG), nix, NIX_28)
    assert found.kind == "revision"
    assert (found.path / "lib" / "systems" / "parse.nix").is_file()
    assert found.path.parent == nix().store.folder
    assert "no hash was checked" in found.label


def test_a_pinned_revision_is_taken_only_with_its_hash(mirror: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unpacked = source.resolve(Setting(REVISION, FLAG), nix, NIX_28).path
    digest = subprocess.run(
        ["nix-hash", "--type", "sha256", "--base32", unpacked], capture_output=True, text=True, check=True
    ).stdout.strip()
    good = source.Pin("pinned", "2026-01-01", REVISION, f"sha256:{digest}", "2.3")
    monkeypatch.setattr(source, "pins", lambda: [good])
    found = source.resolve(Setting("pinned", FLAG), nix, NIX_28)
    assert (found.path, found.label) == (unpacked, f"pinned of 2026-01-01 ({REVISION[:12]})")
    wrong = source.Pin("pinned", "2026-01-01", REVISION, f"sha256:{'0' * 52}", "2.3")
    monkeypatch.setattr(source, "pins", lambda: [wrong])
    with pytest.raises(MissingRequirementError) as caught:
        source.resolve(Setting("pinned", FLAG), nix, NIX_28)
    assert "hash mismatch" in caught.value.message
    assert mirror.name in caught.value.message


def test_a_revision_that_is_not_there(mirror: Path) -> None:
    mirror.unlink()
    with pytest.raises(MissingRequirementError) as caught:
        source.resolve(Setting(REVISION, FLAG), nix, NIX_28)
    assert "could not be fetched" in caught.value.message
    assert "--nixpkgs embedded" in (caught.value.hint or "")


def test_without_a_setting_the_newest_pin_that_this_nix_evaluates_is_tried(
    mirror: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FILCROSS_OFFLINE", "1")
    found = source.resolve(Setting(None, "default"), nix, NIX_28)
    assert found.kind == "embedded"
    assert "nixos-25.05 was not fetched" in found.why
    monkeypatch.delenv("FILCROSS_OFFLINE")
    mirror.unlink()
    found = source.resolve(Setting(None, "default"), nix, NIX_28)
    assert found.kind == "embedded"
    assert "nixos-25.05 cannot be fetched here" in found.why
    assert source.resolve(Setting(None, "default"), nix, (2, 0)).why.startswith("no pinned nixpkgs")


def test_the_pins_are_newest_first_and_well_formed() -> None:
    found = source.pins()
    assert [pin.name for pin in found] == sorted((pin.name for pin in found), reverse=True)
    for pin in found:
        assert len(pin.rev) == 40
        assert pin.nar_hash.startswith("sha256-")
        assert len(pin.nar_hash) == len("sha256-") + 44


def test_what_is_no_tree_and_no_revision(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        source.resolve(Setting("nixos-99.99", FLAG), nix, NIX_28)
    assert "nixos-24.05" in (caught.value.hint or "")
    (tmp_path / "file").write_text("")
    with pytest.raises(UnsupportedInputError):
        source.resolve(Setting(str(tmp_path / "file"), FLAG), nix, NIX_28)
    assert source.resolve(Setting(str(tmp_path), FLAG), nix, NIX_28).kind == "path"
