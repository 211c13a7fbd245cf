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


def test_the_cache_folder_is_tagged(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    tag = config.cache_dir() / "CACHEDIR.TAG"
    assert tag.read_text().startswith("Signature: 8a477f597d28d172789f06886806bc55")
