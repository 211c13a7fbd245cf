"""Patched copies of nixpkgs trees, cached by the identity of the tree and of the edits."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from filcross import __version__, config, process
from filcross.errors import FilcrossError, MissingRequirementError
from filcross.files import stat_identity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KEEP = 4
KEEP_SECONDS = 24 * 3600.0
TREES = "trees-v1"
_IGNORED = {".git"}
_ATTEMPTS = 3
# Files must count as they are, and git must look at each of them.
_GIT_SETTINGS = (
    *("core.autocrlf=false", "core.safecrlf=false", "core.attributesFile=/dev/null", "core.fileMode=true"),
    *("core.symlinks=true", "core.fsmonitor=false", "core.untrackedCache=false", "core.ignoreStat=false"),
    *("core.trustctime=true", "core.checkStat=default", "core.splitIndex=false", "core.sparseCheckout=false"),
    *("core.precomposeUnicode=false", "advice.addEmbeddedRepo=false"),
)
_CONVERSION = re.compile(rb"\b(text|eol|crlf|ident|filter|working-tree-encoding)\b")


def tree_identity(root: Path) -> str:
    """Return a hash that changes with every change of a file below `root`.

    In a git checkout it is that of the tree object that the files as they are would make (tracked or not,
    ignored or not). Elsewhere, and where git does not store files as they are or is told not to look at them,
    it is a hash of (path, size, mtime in ns, inode, mode, link target) of every file: there a touched file
    may lose its identity, which only costs a copy.
    """
    return _git_identity(root) or stat_identity(root, _IGNORED)


def _git_identity(root: Path) -> str | None:
    """Return the tree object of everything below `root`, or None where that does not tell all."""
    if not os.path.lexists(root / ".git"):
        return None
    try:
        with tempfile.TemporaryDirectory(prefix="filcross-identity-") as folder:
            return _write_tree(root, Path(folder))
    except FilcrossError:
        return None  # no git, or none that works here


def _write_tree(root: Path, folder: Path) -> str | None:
    """Write the tree with an index and objects of its own, so that the user's repository stays as it is."""
    plain = process.run(["git", "-C", root, "rev-parse", "--show-toplevel", "--git-path", "index"])
    top, index = (Path(line) for line in plain.stdout.splitlines())
    if Path(os.path.realpath(top)) != Path(os.path.realpath(root)):
        return None
    objects = process.run(["git", "-C", root, "rev-parse", "--git-path", "objects"]).stdout.rstrip("\n")
    if (root / index).is_file():
        # With its time: git looks again at files that are not older than the index.
        shutil.copy2(root / index, folder / "index")
    (folder / "objects").mkdir()
    environment = {
        "GIT_INDEX_FILE": str(folder / "index"),
        "GIT_OBJECT_DIRECTORY": str(folder / "objects"),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(root / objects),
        "GIT_OPTIONAL_LOCKS": "0",
    }

    def git(*arguments: str) -> str:
        settings = [word for setting in _GIT_SETTINGS for word in ("-c", setting)]
        command: list[str | Path] = ["git", "-C", root, *settings, *arguments]
        return process.run(command, env=environment).stdout

    if any(line[0].islower() or line[0] == "S" for line in git("ls-files", "-v").splitlines()):
        return None  # assume-unchanged, skip-worktree: git would not look
    git("add", "--all", "--force", ".")
    entries = git("ls-files", "--stage", "-z").split("\0")[:-1]
    if any(entry.startswith("160000") for entry in entries):
        return None  # a repository inside: only its revision would count
    names = [entry.partition("\t")[2] for entry in entries]
    attributes = [root / name for name in names if name.rpartition("/")[2] == ".gitattributes"]
    common = process.run(["git", "-C", root, "rev-parse", "--git-path", "info/attributes"]).stdout.rstrip(
        "\n"
    )
    for file in (*attributes, root / common):
        if file.is_file() and _CONVERSION.search(file.read_bytes()):
            return None  # what git stores is not what is in the file
    return f"git {git('write-tree').strip()}"


def patched_copy(root: Path, edit_set: int, make: Callable[[Path], None]) -> tuple[Path, bool]:
    """Return the folder of a patched copy of `root`, and whether it was there already.

    `make` writes the copy to the folder it is given and leaves nothing behind when it fails. Two runs at
    once make it once. Raises `MissingRequirementError` for a tree that keeps changing while it is copied.
    """
    trees = config.cache_dir() / TREES
    trees.mkdir(parents=True, exist_ok=True)
    for _ in range(_ATTEMPTS):
        identity = tree_identity(root)
        key = hashlib.sha256(f"{__version__}\0{edit_set}\0{identity}".encode()).hexdigest()[:20]
        folder = trees / key
        with _locked(trees / f"{key}.lock"):
            target = folder / "nixpkgs"
            if target.is_dir():
                os.utime(folder)
                return target, True
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            try:
                make(target)
                if tree_identity(root) == identity:
                    break
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)
                raise
            shutil.rmtree(folder, ignore_errors=True)  # of no one state of the tree
    else:
        raise MissingRequirementError(
            f"{root} changed each time while it was copied",
            hint="wait until nothing writes to it, then run the command again",
        )
    _prune(trees, keep=folder)
    return target, False


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _prune(trees: Path, *, keep: Path) -> None:
    """Remove copies that nobody used for a day, beyond the newest few."""
    folders = sorted(
        (path for path in trees.iterdir() if path.is_dir() and path != keep),
        key=lambda path: path.stat().st_mtime,
        reverse=True,
    )
    for folder in folders[KEEP - 1 :]:
        if time.time() - folder.stat().st_mtime > KEEP_SECONDS:
            shutil.rmtree(folder, ignore_errors=True)
