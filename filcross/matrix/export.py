"""The matrix for other people's machines: a GitHub workflow, a GitLab pipeline, a Hydra project.

filcross has no scheduler of its own: these have.
"""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from typing import TYPE_CHECKING, Any

from filcross import resources
from filcross.errors import UsageError
from filcross.files import unfinished

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from filcross.matrix.spec import Spec
    from filcross.pipeline import Prepared

SETUP = ("pipx install filcross",)
_FOLDER = "export"


def pipeline(kind: str, spec_file: str, *, shards: int, minutes: int, setup: Sequence[str]) -> str:
    """Return a nightly pipeline for `github` or `gitlab` as YAML.

    `spec_file` is the matrix file as the pipeline finds it, `minutes` the time limit of each shard, `setup`
    the commands that bring filcross and Nix to the machine.
    """
    import jinja2

    environment = jinja2.Environment(  # noqa: S701  (YAML; texts go through `tojson`)
        loader=jinja2.FileSystemLoader(resources.data_dir() / _FOLDER),
        undefined=jinja2.StrictUndefined,
        variable_start_string="<<",
        variable_end_string=">>",
        block_start_string="<%",
        block_end_string="%>",
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    actions = tomllib.loads((resources.data_dir() / "actions.toml").read_text(encoding="utf-8"))
    return environment.get_template(f"{kind}.yml").render(
        name="filcross matrix",
        spec=spec_file,
        quoted=shlex.quote(spec_file),
        shards=list(range(1, shards + 1)),
        minutes=minutes,
        setup=list(setup),
        actions=actions,
    )


def hydra(spec: Spec, prepare: Callable[[str, str], Prepared], folder: Path) -> Mapping[str, str]:
    """Return the files of a declarative Hydra project, by name; `folder` is where they will lie.

    `prepare` makes the patched tree and the overlay of a tree and a toolchain (by their names in the matrix).
    `spec.json` is for Hydra's project, `jobsets.nix` names the jobsets, one for each tree and toolchain, and
    `release.nix` has their jobs. Trees and overlays are named by their paths on this machine. Raises
    `UsageError` where two jobsets would have one name.
    """
    groups: dict[str, dict[str, Any]] = {}
    for tree, toolchain in dict.fromkeys((cell.tree, cell.toolchain) for cell in spec.cells):
        name = f"{tree}-{toolchain}"
        if name in groups:
            raise UsageError(f"two jobsets would be called {name}", hint="rename a tree or a toolchain")
        attributes = [
            item.attribute for item in spec.cells if (item.tree, item.toolchain) == (tree, toolchain)
        ]
        groups[name] = {**prepare(tree, toolchain).packages.arguments(), "jobs": _jobs(attributes)}
    here = {"type": "path", "value": str(folder), "emailresponsible": False}
    jobsets = {
        name: _jobset(
            f"filcross: {name}",
            "release.nix",
            {"project": here, "cells": {"type": "string", "value": name, "emailresponsible": False}},
        )
        for name in groups
    }
    data = resources.data_dir()
    nix = [data / _FOLDER / "jobsets.nix", data / _FOLDER / "release.nix", data / "entry.nix"]
    return {
        **{file.name: file.read_text(encoding="utf-8") for file in [*nix, data / "cross-config.nix"]},
        "spec.json": _json(_jobset("The jobsets of the filcross matrix", "jobsets.nix", {"project": here})),
        "jobsets.json": _json(jobsets),
        "matrix.json": _json(groups),
    }


def _jobs(attributes: Sequence[str]) -> dict[str, list[str]]:
    """Return the path of each attribute by the name of its job, in the letters that Hydra allows."""
    from filcross.nix.evaluate import path_of

    jobs: dict[str, list[str]] = {}
    for attribute in attributes:
        job = re.sub(r"[^A-Za-z0-9_-]", "_", attribute.replace('"', ""))
        while job in jobs:
            job += "_"
        jobs[job] = path_of(attribute)
    return jobs


def write(files: Mapping[str, str], folder: Path) -> None:
    """Write `files` to `folder`, which is new or empty: all of them or none."""
    folder = folder.resolve()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with unfinished(folder.parent, f".{folder.name}.filcross-") as work:
        fresh = work / "new"
        fresh.mkdir()
        for name, text in files.items():
            (fresh / name).write_text(text, encoding="utf-8")
        fresh.rename(folder)


def _jobset(description: str, file: str, inputs: Mapping[str, object]) -> dict[str, object]:
    """Return a jobset as Hydra's declarative projects describe it (Hydra's manual, `Plugins/declarative`)."""
    return {
        "enabled": 1,
        "hidden": False,
        "description": description,
        "nixexprinput": "project",
        "nixexprpath": file,
        "checkinterval": 86400,
        "schedulingshares": 100,
        "enableemail": False,
        "emailoverride": "",
        "keepnr": 7,
        "inputs": inputs,
    }


def _json(value: object) -> str:
    return json.dumps(value, indent=2, sort_keys=True) + "\n"
