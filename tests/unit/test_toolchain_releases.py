"""The table of releases: what it holds, what is pinned, how its names are read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from filcross import resources
from filcross.errors import UnsupportedInputError, UsageError
from filcross.toolchain import releases

if TYPE_CHECKING:
    from pathlib import Path


def test_the_pinned_release_is_the_newest_that_two_sources_vouch_for() -> None:
    pinned = releases.default()
    assert pinned.name == "0.686-musl-x86_64"
    assert pinned.sources >= 2
    assert pinned.sri == "sha256-YL++juY9fkYjlKqNXkT+5nXeiSvPgA2cyA2GN4ytawc="
    names = [asset.name for asset in releases.assets()]
    assert names[0] == pinned.name
    assert names[-1] == "0.678-musl-x86_64"
    assert len(names) == len(set(names)) >= 13


def test_every_asset_says_what_it_is_worth() -> None:
    for asset in releases.assets():
        kind = "filc" if asset.flavour == "musl" else "optfil"
        assert asset.file == f"{kind}-{asset.version}-linux-{asset.arch}.tar.xz"
        assert asset.url.startswith("https://github.com/pizlonator/fil-c/releases/download/v")
        assert asset.seen
        assert "Apache-2.0" in asset.licence
        assert asset.verified is (asset.sources >= 2)
        assert ("unavailable" in asset.trust) is (asset.sha256 is None)
    one = releases.find("0.685")
    assert (one.sources, one.verified, one.size) == (1, False, 77_045_600)
    assert releases.by_hash(one.sha256 or "") == one
    assert releases.by_hash("0" * 64) is None


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("0.684", "0.684-musl-x86_64"),
        ("filc-0.684", "0.684-musl-x86_64"),
        ("0.684-musl-aarch64", "0.684-musl-aarch64"),
        ("0.685-glibc", "0.685-glibc-x86_64"),
    ],
)
def test_names(text: str, name: str) -> None:
    assert releases.is_version(text)
    assert releases.find(text).name == name


def test_what_cannot_be_had_is_refused_with_the_way_out() -> None:
    with pytest.raises(UnsupportedInputError, match="nobody has published its hash") as caught:
        releases.find("0.686-glibc")
    assert "toolchain list --available" in (caught.value.hint or "")
    with pytest.raises(UnsupportedInputError, match=r"knows no release 9\.9-musl-x86_64"):
        releases.find("9.9")
    with pytest.raises(UsageError, match="not the name of a release"):
        releases.find("0.686-uclibc")
    assert not releases.is_version("simulator")
    assert not releases.is_version("0.686-musl-x86_64-more")


def test_hashes_have_three_spellings() -> None:
    asset = releases.default()
    digits = asset.sha256 or ""
    for text in (digits, digits.upper(), f"sha256:{digits}", releases.to_sri(digits), f" {digits}\n"):
        assert releases.to_hex(text) == digits
    for text in ("", "12", "sha256-abc", digits[:-2], f"{digits}00", f"sha512-{digits}", "é" * 64):
        with pytest.raises(UsageError, match="not a sha256"):
            releases.to_hex(text)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("sha256-YL++juY", "sha256-YL++juX"),
        ('flavour = "musl"', 'flavour = "uclibc"'),
        ('arch = "aarch64"', 'arch = "x86_64"'),
        ("sources = 0", "sources = 1"),
        ("[licence]", "[license]"),
        ('version = "0.686"', 'version = "latest"'),
        ("[[asset]]", "[[asset"),
    ],
)
def test_a_damaged_table_is_refused(tmp_path: Path, old: str, new: str) -> None:
    text = (resources.data_dir() / "releases.toml").read_text()
    assert old in text
    table = tmp_path / "releases.toml"
    table.write_text(text.replace(old, new))
    with pytest.raises(UnsupportedInputError, match=r"releases\.toml"):
        releases.read(table)
