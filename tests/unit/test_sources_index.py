"""The distribution's source index, and apt's own description of where it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from filcross.errors import MissingRequirementError
from filcross.sources.apt import entries_for, parse_deb822, parse_one_line
from filcross.sources.hashes import Digest
from filcross.sources.index import find_files

if TYPE_CHECKING:
    from pathlib import Path

# Two paragraphs in the shape of Debian 12's index (hello as it is there; fields that nothing reads left out).
INDEX = """\
Package: hello
Binary: hello
Version: 2.10-3
Maintainer: Santiago Vila <sanvila@debian.org>
Build-Depends: debhelper-compat (= 13)
Architecture: any
Format: 3.0 (quilt)
Files:
 e7bd195571b19d33bd83d1c379fe6432 1183 hello_2.10-3.dsc
 6cd0ffea3884a4e79330338dcc2987d6 725946 hello_2.10.orig.tar.gz
 27ab798c1d8d9048ffc8127e9b8dbfca 12688 hello_2.10-3.debian.tar.xz
Checksums-Sha256:
 7df3d7b6de1ca5b6fae98ad0ca6e61d8d2aabccc6bb6e1ec4a1d1ee0d9a9fb4b 1183 hello_2.10-3.dsc
 31e066137a962676e89f69d1b65382de95a7ef7d914b8cb956f41ea72e0f516b 725946 hello_2.10.orig.tar.gz
 60ee7a466808301fbaa7fea2490b5e7a6d86f598956fb3e79c71b3295dc1f249 12688 hello_2.10-3.debian.tar.xz
Package-List:
 hello deb devel optional arch=any
Directory: pool/main/h/hello
Priority: source
Section: devel

Package: flat
Version: 1
Files:
 0123456789abcdef0123456789abcdef 10 flat_1.tar.gz
Directory: .
"""
HELLO = Digest("sha256", "31e066137a962676e89f69d1b65382de95a7ef7d914b8cb956f41ea72e0f516b")
HELLO_MD5 = Digest("md5", "6cd0ffea3884a4e79330338dcc2987d6")
FLAT = Digest("md5", "0123456789abcdef0123456789abcdef")


@pytest.fixture
def index(tmp_path: Path) -> Path:
    path = tmp_path / "Sources"
    path.write_text(INDEX)
    return path


def test_files_are_found_by_hash(index: Path) -> None:
    absent = Digest("sha256", "0" * 64)
    found = find_files(index, "https://mirror.example/debian/", "bookworm", [HELLO, absent, HELLO_MD5, FLAT])
    assert set(found) == {HELLO, HELLO_MD5, FLAT}
    hello = found[HELLO]
    assert hello.url == "https://mirror.example/debian/pool/main/h/hello/hello_2.10.orig.tar.gz"
    assert (hello.package, hello.version, hello.size) == ("hello", "2.10-3", 725946)
    assert hello.suite == "bookworm"
    assert found[HELLO_MD5].url == hello.url
    assert found[FLAT].url == "https://mirror.example/debian/flat_1.tar.gz"


def test_a_hash_of_another_kind_does_not_match(index: Path) -> None:
    assert find_files(index, "https://mirror.example", "bookworm", [Digest("sha1", HELLO.hex)]) == {}


def test_an_empty_index_has_nothing(tmp_path: Path) -> None:
    (tmp_path / "Sources").touch()
    assert find_files(tmp_path / "Sources", "https://mirror.example", "bookworm", [HELLO]) == {}


ONE_LINE = """\
# a comment
deb [arch=amd64 signed-by=/usr/share/keyrings/debian.gpg] http://m.example/debian bookworm main contrib #x
deb-src http://m.example/debian bookworm main contrib
  deb http://security.example/debian-security bookworm-security main
deb https://vendor.example/apt stable main
deb https://pkgs.example/ bookworm stable
deb file:/srv/flat ./
"""

DEB822 = """\
# the distribution
Types: deb deb-src
URIs: http://m.example/debian http://n.example/debian
# between
Suites: bookworm bookworm-updates other
Components: main
Architectures: amd64
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mDMEY8
 -----END PGP PUBLIC KEY BLOCK-----

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: bookworm
Components: main
"""


def test_the_one_line_style() -> None:
    entries = parse_one_line(ONE_LINE)
    assert [entry.uris[0] for entry in entries] == [
        "http://m.example/debian",
        "http://m.example/debian",
        "http://security.example/debian-security",
        "https://vendor.example/apt",
        "https://pkgs.example/",
        "file:/srv/flat",
    ]
    assert entries[0].components == ("main", "contrib")
    assert entries[0].options == (("Signed-By", "/usr/share/keyrings/debian.gpg"),)


def test_the_deb822_style() -> None:
    (entry,) = parse_deb822(DEB822)
    assert entry.uris == ("http://m.example/debian", "http://n.example/debian")
    assert entry.suites == ("bookworm", "bookworm-updates", "other")
    assert dict(entry.options)["Signed-By"].splitlines()[1:] == [
        " -----BEGIN PGP PUBLIC KEY BLOCK-----",
        " .",
        " mDMEY8",
        " -----END PGP PUBLIC KEY BLOCK-----",
    ]
    assert parse_deb822(entry.as_source()) == (entry,)


def test_only_the_distribution_itself_is_asked() -> None:
    own = entries_for(None, parse_one_line(ONE_LINE), "bookworm")
    assert [(entry.uris[0], entry.suites) for entry in own] == [
        ("http://m.example/debian", ("bookworm",)),
        ("http://security.example/debian-security", ("bookworm-security",)),
    ]
    (entry,) = entries_for("bullseye", parse_deb822(DEB822), "bookworm")
    assert entry.suites == ("bullseye", "bullseye-updates")


def test_a_machine_that_follows_a_general_name() -> None:
    (entry,) = entries_for(None, parse_one_line("deb http://m.example/debian sid main\n"), "forky")
    assert entry.suites == ("sid",)
    with pytest.raises(MissingRequirementError, match="bookworm"):
        entries_for(None, parse_one_line("deb https://pkgs.example/ bookworm stable\n"), "bookworm")
