"""What a port may say, what Nix gets of it, and how users' own ports join the shipped ones."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filcross import config
from filcross.errors import UnsupportedInputError, UsageError
from filcross.overlay import write_overlay
from filcross.ports import catalogue, schema
from filcross.ports.schema import Argument
from filcross.toolchain.layout import Toolchain
from filcross.toolchain.releases import to_sri

if TYPE_CHECKING:
    from pathlib import Path

HASH = "sha256-DFI6L9DBNz98atqwb/Ev5yL3giYMB/Tn6A0Ym8PsxeM="
PATCH = {"url": "https://example.org/one.patch", "hash": HASH}


def port(table: dict[str, Any], folder: Path | None = None, name: str = "zlib") -> schema.Port:
    return schema.read_port(name, table, where="here", origins=("here",), folder=folder)


def test_a_port_with_everything(tmp_path: Path) -> None:
    (tmp_path / "own.patch").write_text("--- a\n+++ b\n")
    found = port(
        {
            "attributes": ["zlib", "zlib_1"],
            "versions": ">= 1.2",
            "languages": ["C", "assembly"],
            "configure": ["--static"],
            "cmake": {"add": ["-DA=1"], "remove": ["-DB=*"]},
            "skip-check": "too slow",
            "override": {"x": True, "y": {"null": True}, "z": {"package": "openssl"}},
            "native-build-inputs": ["perl"],
            "set": {"separateDebugInfo": False, "postPatch": ""},
            "substitute": [{"files": ["src/*.c"], "old": "vfork", "new": "fork"}],
            "pin": {"version": "1.3", "url": "mirror://gnu/zlib-1.3.tar.gz", "hash": HASH},
            "when": [{"versions": "1.3", "patches": [PATCH, {"path": "own.patch", "reason": "ours"}]}],
            "needs": ["a miracle"],
            "proven": {"built": [{"by": "me", "filc": "0.686"}]},
        },
        tmp_path,
    )
    assert found.attributes == ("zlib", "zlib_1")
    assert found.good_filc == ("0.686",)
    assert found.patch_ranges == "1.3"
    first, when = found.changes
    assert first.override == {"x": True, "y": None, "z": Argument("openssl", build=False)}
    assert [patch.name for patch in when.patches] == ["one.patch", "own.patch"]
    written = schema.for_nix(found, pinned=False)
    assert json.loads(json.dumps(written)) == written
    assert written["pin"] is None
    assert schema.for_nix(found, pinned=True)["pin"]["version"] == "1.3"
    assert written["versions"] == [{"operator": ">=", "version": "1.2"}]
    assert written["changes"][0]["override"]["z"] == {"package": "openssl", "build": False}
    assert written["changes"][0]["cmake"] == {"add": ["-DA=1"], "remove": ["-DB=*"]}
    assert written["changes"][1]["patches"][1]["file"] == "own.patch"
    assert "patch own.patch (ours)" in when.describe()


def test_hashes_in_other_spellings_become_one() -> None:
    hexadecimal = "0" * 64
    found = port({"patches": [{"url": "https://example.org/a.patch", "hash": hexadecimal}]})
    assert found.changes[0].patches[0].hash == to_sri(hexadecimal)


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ([], "must be a table"),
        ({"patch": []}, "unknown keys: patch"),
        ({"languages": ["Cobol"]}, "`Cobol` is not a language"),
        ({"languages": "C"}, "list of texts"),
        ({"versions": "new"}, None),
        ({"versions": ">= 1 2"}, "not a range"),
        ({"when": [{"patches": [PATCH]}]}, "needs `versions`"),
        ({"when": [{"versions": "1"}]}, "something to change"),
        ({"when": {"versions": "1"}}, "list of tables"),
        ({"when": [{"versions": "1", "needs": ["x"]}]}, "unknown keys: needs"),
        ({"patches": [{"url": "https://example.org/a.patch"}]}, "lacks `hash`"),
        ({"patches": [{**PATCH, "hash": "sha256-AAAA"}]}, "not a sha256"),
        ({"patches": [{**PATCH, "url": "file:///etc/passwd"}]}, "not an address"),
        ({"patches": [{**PATCH, "path": "a.patch"}]}, "either `url` and `hash`, or `path`"),
        ({"patches": [{"path": "a.patch"}]}, "patches come from an address"),
        ({"patches": [{**PATCH, "name": "a b"}]}, "name of a file"),
        ({"patches": [PATCH, "a.patch"]}, "patch 2 must be a table"),
        ({"pin": {"version": "1", "url": "https://example.org/a"}}, "lacks `hash`"),
        ({"configure": "--x"}, "must be a list of texts, or a table"),
        ({"cmake": {"added": []}}, "unknown keys: added"),
        ({"skip-check": True}, "`skip-check` must be a text"),
        ({"skip-check": " "}, "say something"),
        ({"override": {"a b": 1}}, "arguments"),
        ({"override": {"a": {"package": "a.b"}}}, "not the name of a package"),
        ({"override": {"a": 1.5}}, "must be a text, a number"),
        ({"native-build-inputs": ["pkgs.perl"]}, "not the name of a package"),
        ({"set": {"patches": []}}, "cannot hold `patches`"),
        ({"set": {"postPatch": "rm -rf ."}}, "belongs in `needs`"),
        ({"set": {"buildPhase": "make"}}, "belongs in `needs`"),
        ({"substitute": [{"files": ["a; b"], "old": "x", "new": "y"}]}, "names or patterns"),
        ({"substitute": [{"files": ["a"], "old": "x"}]}, "needs `new`"),
        ({"proven": {"built": [{"by": "me"}]}}, "lacks `filc`"),
        ({"proven": {"works": True}}, "unknown keys: works"),
        ({"broken": True}, "`broken` must be a text"),
        ({"pinned": "yes"}, "true or false"),
    ],
)
def test_what_is_wrong_is_said(table: Any, complaint: str | None) -> None:
    if complaint is None:
        assert port(table).versions is not None  # a version may be any word
        return
    with pytest.raises(UsageError, match=re.escape(complaint)) as caught:
        port(table)
    assert caught.value.message.startswith("here: ")
    assert caught.value.hint


KEYS = [
    *(
        "patches",
        "drop-patches",
        "configure",
        "cflags",
        "skip-check",
        "override",
        "set",
        "substitute",
        "when",
    ),
    *(
        "attributes",
        "versions",
        "languages",
        "pin",
        "pinned",
        "needs",
        "broken",
        "proven",
        "native-build-inputs",
    ),
    *(
        "url",
        "hash",
        "path",
        "name",
        "files",
        "old",
        "new",
        "add",
        "remove",
        "package",
        "built",
        "by",
        "filc",
    ),
]
PLAIN = st.one_of(
    st.sampled_from(["", "C", "1.3", ">= 1", "https://example.org/a.patch", HASH, "a.b", "/", "zlib"]),
    st.booleans(),
    st.integers(-1, 2),
    st.floats(0, 1),
)
VALUES = st.recursive(
    PLAIN,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(KEYS), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=5))
def test_no_table_is_a_surprise(table: dict[str, Any]) -> None:
    found: schema.Port | UsageError
    try:
        found = port(table)
    except UsageError as error:
        found = error
    if isinstance(found, UsageError):
        assert found.message.startswith("here: ")
        assert found.hint
    else:
        assert json.dumps(schema.for_nix(found, pinned=True))


def test_a_name_that_is_no_package() -> None:
    with pytest.raises(UsageError, match="is not the name of a package"):
        port({}, name="a.b")


def test_the_shipped_ports_hold_what_they_promise() -> None:
    found = catalogue.shipped()
    assert len(found.ports) >= 120
    assert [port.name for port in found.ports] == sorted(port.name for port in found.ports)
    for one in found.ports:
        assert one.sources
        assert one.languages
        assert all(patch.path is None for change in one.changes for patch in change.patches)
        for change in one.changes:
            # A patch is for the versions that somebody tried it with, never for all.
            assert not change.patches or change.versions is not None, one.name
            if one.pin is not None and change.patches:
                assert change.versions is not None
                assert change.versions.holds(one.pin.version), one.name
        assert one.changes or one.needs or one.broken or one.proof.built or one.note, one.name
    files = found.files()
    assert set(files) == {"ports.json"}
    assert len(json.loads(files["ports.json"])) == len(found.ports)


@pytest.mark.parametrize(
    "damage",
    [
        "not TOML",
        "schema_version = 2\n[source]\n[tree]\n[ports]",
        "schema_version = 1\n[source]\n[tree]",
        "schema_version = 1\n[source]\n[tree]\n[ports.zlib]\nlanguages = ['C']",
        "schema_version = 1\n[source]\n[tree]\n[ports.zlib]\nsources = ['nobody']\nlanguages = ['C']",
        "schema_version = 1\n[source]\n[tree]\n[ports.zlib]\npinned = true",
    ],
)
def test_a_damaged_table_is_refused(tmp_path: Path, damage: str) -> None:
    (tmp_path / "ports.toml").write_text(damage)
    with pytest.raises(UnsupportedInputError) as caught:
        catalogue.read(tmp_path / "ports.toml")
    assert caught.value.hint == "install filcross again"


BASE = """
schema_version = 1
[source.a]
what = "somebody"
url = "https://example.org"
[tree]
[ports.lzo]
languages = ["C"]
sources = ["a"]
configure = ["--disable-asm"]
skip-check = "too slow"
pin = { version = "2.10", url = "https://example.org/lzo.tar.gz", hash = "HASH" }
[ports.zlib]
languages = ["C"]
sources = ["a"]
"""


@pytest.fixture
def base(tmp_path: Path) -> catalogue.Catalogue:
    (tmp_path / "ports.toml").write_text(BASE.replace("HASH", HASH))
    return catalogue.read(tmp_path / "ports.toml")


def test_users_extend_replace_and_switch_off(base: catalogue.Catalogue, tmp_path: Path) -> None:
    project, user = str(tmp_path / "filcross.toml"), str(tmp_path / "config.toml")
    (tmp_path / "mine.patch").write_text("mine")
    extended = {
        "lzo": {
            "configure": {"add": ["--enable-shared"], "remove": ["--disable-debug"]},
            "skip-check": "still too slow",
            "patches": [{"path": "mine.patch"}],
            "pinned": True,
        },
        "curl": {"needs": ["luck"]},
    }
    both = catalogue.with_users([(project, extended), (user, {"zlib": {"enabled": False}})], base)
    lzo = both.find("lzo")
    assert lzo is not None
    assert lzo.origins == ("filcross", project)
    (change,) = lzo.changes
    assert change.flags["configure"].add == ("--disable-asm", "--enable-shared")
    assert change.flags["configure"].remove == ("--disable-debug",)
    assert change.skip_check == "still too slow"
    assert change.patches[0].path == tmp_path / "mine.patch"
    assert both.files()["patches/mine.patch"] == b"mine"
    assert json.loads(both.files()["ports.json"])[1]["pin"]["version"] == "2.10"
    assert both.find("zlib") is None
    assert both.off == {"zlib": user}
    curl = both.find("curl")
    assert curl is not None
    assert curl.origins == (project,)
    assert both.digest != base.digest

    alone = catalogue.with_users([(project, {"lzo": {"replace": True, "cflags": ["-O1"]}})], base)
    lzo = alone.find("lzo")
    assert lzo is not None
    assert lzo.origins == (project,)
    assert lzo.changes[0].describe() == ["cflags: -O1"]

    again = catalogue.with_users([(project, {"zlib": {"cflags": ["-O1"]}}), (user, {"enabled": False})], base)
    assert [port.origins for port in again.ports] == [(project,)]
    assert catalogue.with_users([(project, {"pins": True})], base).pins
    assert catalogue.with_users([], base) == base


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ([], "is no table"),
        ({"pin": True}, "unknown settings: pin"),
        ({"lzo": "no"}, "unknown settings: lzo"),
        ({"lzo": {"enabled": "no"}}, "`enabled` must be true or false"),
        ({"lzo": {"cflags": "-DX"}}, "`cflags` must be a list of texts, or a table"),
        ({"lzo": {"cflags": ["-D\0"]}}, "holds a NUL character"),
        ({"lzo": {"patches": [{"path": "nowhere.patch"}]}}, "is not a file"),
        ({"curl": {"pinned": True}}, "`pinned` needs a `pin`"),
        ({"curl": {"refuse": True}}, "`refuse` needs the reason"),
        ({"curl": {"attributes": ["lzo"]}}, "are both for the package lzo"),
    ],
)
def test_what_users_get_wrong_is_said(base: catalogue.Catalogue, table: Any, complaint: str) -> None:
    with pytest.raises(UsageError, match=re.escape(complaint)) as caught:
        catalogue.with_users([("filcross.toml", table)], base)
    assert caught.value.hint


def test_settings_files_bring_ports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "filcross.toml").write_text('[ports.lzo]\ncflags = ["-O1"]\n')
    monkeypatch.chdir(tmp_path)
    (row,) = config.load({}).ports
    assert row == (str(tmp_path / "filcross.toml"), {"lzo": {"cflags": ["-O1"]}})


def test_an_overlay_carries_the_ports_that_it_was_written_with(
    base: catalogue.Catalogue, tmp_path: Path
) -> None:
    (tmp_path / "mine.patch").write_text("mine")
    ports = catalogue.with_users(
        [(str(tmp_path / "filcross.toml"), {"lzo": {"patches": [{"path": "mine.patch"}]}})], base
    )
    (tmp_path / "toolchain").mkdir()
    toolchain = Toolchain(
        "0.686", tmp_path / "toolchain", "release", "0.686", "musl", "x86_64", "ld-fil1-x86_64.so"
    )
    written = write_overlay(toolchain, tmp_path / "overlay", ports)
    assert (written.root / "ports" / "patches" / "mine.patch").read_bytes() == b"mine"
    assert "ports/patches/mine.patch" in written.parameters["files"]
    (tmp_path / "mine.patch").write_text("other")
    again = write_overlay(toolchain, tmp_path / "overlay", ports)
    assert (again.root / "ports" / "patches" / "mine.patch").read_bytes() == b"other"
    without = write_overlay(toolchain, tmp_path / "overlay", catalogue.NONE)
    assert json.loads((without.root / "ports" / "ports.json").read_text()) == []
    assert not (without.root / "ports" / "patches").exists()
