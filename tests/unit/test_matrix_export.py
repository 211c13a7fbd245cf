"""Exported workflows and pipelines, and the repository's own, fit their schemas, which need no network."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING

import pytest
from command_line import run

from filcross import resources

if TYPE_CHECKING:
    from pathlib import Path

SPEC = '[trees.embedded]\nnixpkgs = "embedded"\n[toolchains.simulator]\n[sets]\nbase = ["hello"]\n'
SCHEMAS = {
    "github": ["vendor.github-workflows"],
    "gitlab": ["vendor.gitlab-ci", "--data-transform", "gitlab-ci"],
}


def check(kind: str, file: Path) -> subprocess.CompletedProcess[str]:
    schema, *more = SCHEMAS[kind]
    return subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, *more, file],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("kind", SCHEMAS)
def test_what_is_exported_fits_its_schema(tmp_path: Path, kind: str) -> None:
    spec = tmp_path / "it's a matrix.toml"
    spec.write_text(SPEC)
    done = run("matrix", "export", f"--{kind}", "--spec", spec, "--shards", "3", "--setup", 'echo "a: b" # c')
    assert done.returncode == 0, done.stderr
    file = tmp_path / "pipeline.yml"
    file.write_text(done.stdout)
    checked = check(kind, file)
    assert checked.returncode == 0, checked.stdout
    file.write_text(done.stdout.replace("parallel: 3", "parallel: x").replace("runs-on:", "runs-off:"))
    assert check(kind, file).returncode == 1


@pytest.mark.parametrize("name", ["ci.yml", "nightly.yml"])
def test_the_repositorys_own_workflows_fit_and_are_modest(repo_root: Path, name: str) -> None:
    file = repo_root / ".github" / "workflows" / name
    checked = check("github", file)
    assert checked.returncode == 0, checked.stdout
    text = file.read_text()
    assert "permissions:\n  contents: read\n" in text
    actions = tomllib.loads((resources.data_dir() / "actions.toml").read_text())
    pinned = {f"{action['uses']}@{action['commit']} # {action['version']}" for action in actions.values()}
    assert set(re.findall(r"uses: (.*)", text)) <= pinned


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "one kind of export"),
        (["--github", "--gitlab"], "one kind of export"),
        (["--github", "--spec", "none.toml"], "cannot be read"),
        (["--hydra", "."], "holds something already"),
    ],
)
def test_what_cannot_be_exported_is_refused(tmp_path: Path, arguments: list[str], words: str) -> None:
    (tmp_path / "matrix.toml").write_text(SPEC)
    given = [] if "--spec" in arguments else ["--spec", "matrix.toml"]
    done = run("matrix", "export", *arguments, *given, cwd=tmp_path)
    assert done.returncode == 2
    assert words in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["matrix.toml"]
