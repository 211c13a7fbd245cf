"""What tests of `filcross matrix` share: trees with packages that behave, matrix files, killed runs."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from command_line import run

from filcross import resources
from filcross.matrix import ledger as ledgers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DATA = Path(__file__).parent / "data" / "matrix"
PACKAGES = ["good", "slow", "broken", "needsBroken", "throws", "plain", "liar"]
ATTRIBUTES = [*PACKAGES, "missing"]


def make_tree(folder: Path) -> Path:
    shutil.copytree(resources.embedded_tree_dir(), folder)
    shutil.copytree(DATA, folder / "pkgs" / "matrix")
    top = folder / "pkgs" / "top-level" / "all-packages.nix"
    head, brace, tail = top.read_text().rpartition("}")
    names = " ".join([*PACKAGES, "needsFlaky"])
    top.write_text(f"{head}\n  inherit (callPackage ../matrix {{ }}) {names};\n{brace}{tail}")
    return folder


def make_spec(file: Path, toolchains: Mapping[str, Path], trees: Sequence[Path], *more: str) -> Path:
    lines = [f'[trees.{tree.name}]\nnixpkgs = "{tree}"' for tree in trees]
    lines += [f'[toolchains.{name}]\ntoolchain = "{root}"' for name, root in toolchains.items()]
    lines += ["[sets]", f"all = {json.dumps(ATTRIBUTES)}"]
    for name in ("good", "liar"):
        lines += [f'[smoke.{name}]\nrun = ["bin/answer"]\nprints = "the answer of {name}"']
    file.write_text("\n".join([*lines, *more]) + "\n")
    return file


def matrix(*arguments: str | Path, cwd: Path | None = None) -> tuple[int, dict[str, Any], str]:
    done = run("matrix", *arguments, "--json", cwd=cwd)
    assert "Traceback" not in done.stderr
    return done.returncode, json.loads(done.stdout), done.stderr


def content(file: Path) -> list[tuple[Any, ...]]:
    """Return all that a ledger says but times and the names of runs."""
    with ledgers.open_ledger(file) as book:
        return sorted(
            (
                item.cell,
                item.attempt,
                item.revision,
                item.derivation,
                item.status,
                item.stage,
                item.cause,
                item.culprit,
                item.message,
                json.dumps(item.details, sort_keys=True),
            )
            for item in book.results()
        )


def run_killed(spec: Path, ledger: Path, moments: Sequence[int]) -> None:
    """Start runs that are killed when the ledger has so many results."""
    for enough in moments:
        command = ["filcross", "matrix", "run", "--spec", spec, "--ledger", ledger]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            wait_for(ledger, enough, process)
            process.send_signal(signal.SIGKILL)


def wait_for(ledger: Path, enough: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until a ledger has some results."""
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline and process.poll() is None:
        if ledger.exists():
            with ledgers.open_ledger(ledger, make=True) as book:
                if len(book.results()) >= enough:
                    return
        time.sleep(0.1)
    raise AssertionError(f"the run ended, or did not come to {enough} results")
