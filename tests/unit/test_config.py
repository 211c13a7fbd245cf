"""Settings: which layer wins, where a value comes from, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from filcross import config
from filcross.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (tmp_path / "config" / "filcross").mkdir(parents=True)
    (tmp_path / "project" / "deep").mkdir(parents=True)
    return tmp_path


def test_each_layer_beats_the_one_below(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start = home / "project" / "deep"
    assert config.load({}, start=start).toolchain == config.Setting(None, "default")
    user = home / "config" / "filcross" / "config.toml"
    user.write_text('toolchain = "user"\n')
    assert config.load({}, start=start).toolchain == config.Setting("user", str(user))
    project = home / "project" / "filcross.toml"
    project.write_text('toolchain = "project"\n')
    assert config.load({}, start=start).toolchain == config.Setting("project", str(project))
    monkeypatch.setenv("FILCROSS_TOOLCHAIN", "environment")
    assert config.load({}, start=start).toolchain == config.Setting("environment", "FILCROSS_TOOLCHAIN")
    flags = {"toolchain": "flag"}
    assert config.load(flags, start=start).toolchain == config.Setting("flag", "--toolchain")


def test_a_relative_folder_in_a_project_file_is_relative_to_it(home: Path) -> None:
    (home / "project" / "filcross.toml").write_text('nixpkgs = "./tree"\n')
    loaded = config.load({}, start=home / "project" / "deep")
    assert loaded.nixpkgs.value == str(home / "project" / "tree")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("toolchain = [", "not valid TOML"),
        ('toolchian = "x"\n', "unknown settings: toolchian"),
        ('bootstrap = "magic"\n', "`magic` is not a value for `bootstrap`"),
    ],
)
def test_nonsense_is_refused_with_the_file(home: Path, text: str, message: str) -> None:
    (home / "project" / "filcross.toml").write_text(text)
    with pytest.raises(UsageError) as caught:
        config.load({}, start=home / "project")
    assert message in caught.value.message
    assert "filcross.toml" in caught.value.message
    assert caught.value.hint


def test_several_overlays_are_a_list_in_files_and_a_path_elsewhere(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = home / "project"
    (start / "filcross.toml").write_text('overlays = ["./mine", "/theirs.nix"]\n')
    assert config.load({}, start=start).overlays.value == f"{start / 'mine'}:/theirs.nix"
    monkeypatch.setenv("FILCROSS_OVERLAYS", "/one:/two")
    assert config.load({}, start=start).overlays == config.Setting("/one:/two", "FILCROSS_OVERLAYS")
    flag = config.load({"overlays": "/three"}, start=start).overlays
    assert flag == config.Setting("/three", "--overlay")
    (start / "filcross.toml").write_text('overlays = "./mine"\n')
    with pytest.raises(UsageError, match="not a list of places"):
        config.load({}, start=start)


def test_the_cache_folder_is_tagged(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    tag = config.cache_dir() / "CACHEDIR.TAG"
    assert tag.read_text().startswith("Signature: 8a477f597d28d172789f06886806bc55")


def test_every_place_of_a_setting_is_named_in_order(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start = home / "project"
    (start / "filcross.toml").write_text('toolchain = "project"\n')
    monkeypatch.setenv("FILCROSS_TOOLCHAIN", "")
    flag, variable, project, user = config.candidates("toolchain", {"toolchain": None}, start=start)
    assert (flag, variable) == (
        config.Setting(None, "--toolchain"),
        config.Setting(None, "FILCROSS_TOOLCHAIN"),
    )
    assert project == config.Setting("project", str(start / "filcross.toml"))
    assert user == config.Setting(None, str(config.user_file()))
    assert config.load({}, start=start).toolchain == project


@pytest.mark.parametrize(
    ("before", "value", "after"),
    [
        ("", "0.686", 'toolchain = "0.686"\n'),
        ("# a remark\n", "x", '# a remark\ntoolchain = "x"\n'),
        ("store = 'auto'", "x", "store = 'auto'\ntoolchain = \"x\"\n"),
        ("toolchain = 'old' # why\nstore = 'auto'\n", "new", "toolchain = \"new\"\nstore = 'auto'\n"),
        ("toolchain = 'old'\nstore = 'auto'\n", None, "store = 'auto'\n"),
        ("store = 'auto'\n", None, "store = 'auto'\n"),
        ('"toolchain" = "old"\n', 'with "quotes" and ü', 'toolchain = "with \\"quotes\\" and ü"\n'),
    ],
)
def test_a_setting_is_written_and_all_else_kept(
    tmp_path: Path, before: str, value: str | None, after: str
) -> None:
    file = tmp_path / "folder" / "filcross.toml"
    if before:
        file.parent.mkdir()
        file.write_text(before)
    config.write(file, "toolchain", value)
    assert file.read_text() == after
    assert config.value_in(file, "toolchain") == value
    assert [item.name for item in file.parent.iterdir()] == ["filcross.toml"]


@pytest.mark.parametrize("text", ["toolchain = [", 'store = """\ntoolchain = 1\n"""\n'])
def test_a_file_that_cannot_be_changed_safely_stays(tmp_path: Path, text: str) -> None:
    file = tmp_path / "filcross.toml"
    file.write_text(text)
    with pytest.raises(UsageError):
        config.write(file, "toolchain", "x")
    assert file.read_text() == text


def test_tables_come_from_both_files_the_projects_first(home: Path) -> None:
    user = home / "config" / "filcross" / "config.toml"
    user.write_text('toolchain = "user"\n[overlay]\ncheck = true\n')
    project = home / "project" / "filcross.toml"
    project.write_text('[[waiver]]\ncode = "a"\n\n[overlay]\ncheck = false\n')
    start = home / "project" / "deep"
    assert config.tables("overlay", start=start) == [
        (str(project), {"check": False}),
        (str(user), {"check": True}),
    ]
    assert config.tables("waiver", start=start) == [(str(project), [{"code": "a"}])]
    assert config.tables("ports", start=start) == []
    assert config.load({}, start=start).toolchain.value == "user"
