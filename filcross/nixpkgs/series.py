"""The edits as a git series for nixpkgs: the mails of `git format-patch`, and what a person still has to do.

The steps and their texts are data (`data/series`). A change whose place a tree does not have is left out, and
that is said.
"""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filcross import __version__, process, resources
from filcross.errors import MissingRequirementError, UsageError
from filcross.files import unfinished
from filcross.nixpkgs import changes, edits, patch
from filcross.toolchain import releases

if TYPE_CHECKING:
    from filcross.nixpkgs.checkout import Checkout
    from filcross.nixpkgs.patch import Plan

_CONDITION = re.compile(r" *# where (not )?(\S+) (?:exists|says (\S+))$")
_WIDTH = 78


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail of the series: the name of its file, its subject, and the files that it changes."""

    name: str
    step: str
    subject: str
    changed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A change that the tree has no place for, and why."""

    step: str
    change: str
    reason: str


@dataclass(frozen=True, slots=True)
class Series:
    """What was written: the folder, the mails in order, and what is not in them."""

    folder: Path
    edit_set: int
    release: str | None
    author: str
    mails: tuple[Mail, ...]
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True, slots=True)
class _Commit:
    step: str
    subject: str
    message: str
    contents: dict[str, bytes]


def export(checkout: Checkout, output: Path) -> Series:
    """Write the series for the tree at `checkout` (patched or not) into the new folder `output`.

    The same tree, author and filcross give the same bytes. The author is that of the git configuration,
    or a placeholder. Raises `UnsupportedInputError` for a tree that the edits do not fit, `UsageError` for an
    output that exists, `MissingRequirementError` without git.
    """
    target = Path(os.path.abspath(output))  # noqa: PTH100  (the name given, not what a link leads to)
    if os.path.lexists(target):
        raise UsageError(f"{output} exists already", hint="choose another folder, or remove that one first")
    process.find_program("git")
    table = tomllib.loads(_data("series.toml"))
    current = patch.plan(checkout)
    if current.state not in {patch.State.PRISTINE, patch.State.PATCHED, patch.State.OLDER}:
        raise patch.refusal(current)
    author = _author(checkout) or table["author"]
    commits, left_out = _Writer(checkout, current, table).write()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with unfinished(target.parent, f".{target.name}.filcross-") as work:
            repository, folder = work / "repository", work / "mails"
            base = _base(checkout, current, commits)
            names = _Mailer(repository, author, table["date"]).write(base, commits, folder)
            mails = tuple(
                Mail(name, commit.step, commit.subject, tuple(sorted(commit.contents)))
                for name, commit in zip(names, commits, strict=True)
            )
            series = Series(target, edits.EDIT_SET, checkout.release, author, mails, tuple(left_out))
            (folder / "README.md").write_text(_readme(series), encoding="utf-8")
            folder.chmod(0o755)
            folder.rename(target)
    except OSError as error:
        raise MissingRequirementError(
            f"the series cannot be written to {output}: {error.strerror}",
            hint="choose another --output, or make room",
        ) from error
    return series


def _data(name: str) -> str:
    return (resources.data_dir() / "series" / name).read_text(encoding="utf-8")


def _release_values(release: dict[str, str]) -> dict[str, str]:
    """Return what stands for what in the texts: the pinned release, with the hash that is known of it."""
    asset = next(
        asset
        for asset in releases.assets()
        if (asset.version, asset.flavour, asset.arch) == (release["version"], "musl", "x86_64")
    )
    return {f"@{name}@": value for name, value in {**release, "hash": asset.sri or ""}.items()}


def _author(checkout: Checkout) -> str | None:
    answers = [
        process.run(
            ["git", "-C", checkout.root, "config", "--get", f"user.{key}"], check=False
        ).stdout.strip()
        for key in ("name", "email")
    ]
    return f"{answers[0]} <{answers[1]}>" if all(answers) else None


class _Writer:
    """Makes the changes step by step, on the files as the steps before left them."""

    def __init__(self, checkout: Checkout, current: Plan, table: dict[str, Any]) -> None:
        self._root = checkout.root
        self._plan = current
        self._steps: list[dict[str, Any]] = table["step"]
        self._systems = f"{checkout.layout.systems}/"
        self._release = "".join(re.findall(r"\d+", checkout.release or "")[:2])
        self._values = _release_values(table["release"])
        self._now: dict[str, bytes] = {}

    def write(self) -> tuple[list[_Commit], list[LeftOut]]:
        """Return the commits and what is not in them."""
        commits: list[_Commit] = []
        left_out: list[LeftOut] = []
        if self._plan.by_configuration:
            reason = (
                "the tree has no place for the choice of the compiler: config.replaceCrossStdenv makes it"
            )
            left_out.append(LeftOut("stdenv", "compiler", reason))
        for step in self._steps:
            before = dict(self._now)
            contents, missing = self._changes(step, done={commit.step for commit in commits})
            if missing and step.get("whole", False):
                self._now, contents = before, {}
            left_out += missing
            if contents:
                commits.append(self._commit(step, contents))
        return commits, left_out

    def _changes(self, step: dict[str, Any], *, done: set[str]) -> tuple[dict[str, bytes], list[LeftOut]]:
        """Make the changes of one step that fit; return the files, and what did not fit."""
        contents: dict[str, bytes] = {}
        missing = []
        if (needed := step.get("needs")) is not None and needed not in done:
            return {}, [LeftOut(step["id"], "all of it", f"it needs the step `{needed}`")]
        for name in dict.fromkeys(change["id"] for change in step["change"]):
            alternatives = [change for change in step["change"] if change["id"] == name]
            reason = self._first_that_fits(alternatives, contents)
            if reason is not None and not alternatives[0].get("optional", False):
                missing.append(LeftOut(step["id"], name, reason))
        return contents, missing

    def _first_that_fits(self, alternatives: list[dict[str, Any]], contents: dict[str, bytes]) -> str | None:
        """Make the first change that fits; return why none did."""
        reasons = []
        for change in alternatives:
            try:
                made = self._make(change)
            except changes.PlaceError as error:
                reasons.append(str(error))
            else:
                self._now |= made
                contents |= made
                return None
        return "; ".join(dict.fromkeys(reasons))

    def _make(self, change: dict[str, Any]) -> dict[str, bytes]:
        if change["kind"] == "edits":
            return self._edits(systems=change["path"] == ["systems"])
        if change["kind"] == "file":
            return self._new_file(change)
        path = self._existing(change["file"])
        wanted = changes.Change(
            kind=change["kind"],
            anchor=change.get("anchor", ""),
            path=tuple(change.get("path", ())),
            scope=change.get("scope", ""),
            pairs=tuple((old, self._filled(new)) for old, new in change.get("with", ())),
            text=self._text(change["text"]) if "text" in change else "",
        )
        try:
            return {path: changes.make(wanted, self._read(path))}
        except changes.PlaceError as error:
            raise changes.PlaceError(f"{path}: {error}") from error

    def _edits(self, *, systems: bool) -> dict[str, bytes]:
        made = {
            change.path: change.patched
            for change in self._plan.files
            if change.path.startswith(self._systems) == systems and change.patched != change.pristine
        }
        if not made:
            raise changes.PlaceError("the tree has no place for these edits")
        return made

    def _new_file(self, change: dict[str, Any]) -> dict[str, bytes]:
        path: str = change["file"]
        self._existing(change["beside"])
        if (self._root / path).exists():
            raise changes.PlaceError(f"{path}: there is one already")
        if "overlay" in change:
            return {path: (resources.overlays_dir() / change["overlay"]).read_bytes()}
        return {path: self._text(change["text"]).encode()}

    def _existing(self, candidates: str | list[str]) -> str:
        names = [candidates] if isinstance(candidates, str) else candidates
        if not self._release and any("{release}" in name for name in names):
            raise changes.PlaceError("the tree does not name its release")
        names = [name.replace("{release}", self._release) for name in names]
        found = next((name for name in names if name in self._now or (self._root / name).exists()), None)
        if found is None:
            raise changes.PlaceError(f"the tree has no {' or '.join(names)}")
        return found

    def _read(self, path: str) -> bytes:
        if path in self._now:
            return self._now[path]
        try:
            return (self._root / path).read_bytes()
        except OSError as error:
            raise changes.PlaceError(f"it cannot be read: {error.strerror}") from error

    def _text(self, name: str) -> str:
        """Return a data file with its values filled in, without the lines that do not hold for this tree."""
        lines = [self._kept(line) for line in _data(name).splitlines(keepends=True)]
        return self._filled("".join(line for line in lines if line is not None))

    def _kept(self, line: str) -> str | None:
        match = _CONDITION.search(line.rstrip("\n"))
        if match is None:
            return line
        negated, path, word = match.groups()
        holds = (self._root / path).exists() and (word is None or word.encode() in self._read(path))
        return f"{line[: match.start()]}\n" if holds != bool(negated) else None

    def _filled(self, text: str) -> str:
        for name, value in self._values.items():
            text = text.replace(name, value)
        return text

    def _commit(self, step: dict[str, Any], contents: dict[str, bytes]) -> _Commit:
        subject = self._filled(step["subject"])
        message = _data("message.txt")
        for name, value in {
            "@subject@": subject,
            "@notes@": self._text(step["notes"]).strip(),
            "@filcross@": __version__,
        }.items():
            message = message.replace(name, value)
        return _Commit(step["id"], subject, message, contents)


def _base(checkout: Checkout, current: Plan, commits: list[_Commit]) -> dict[str, bytes]:
    """Return the files that the series changes, as they are before it."""
    pristine = {change.path: change.pristine for change in current.files}
    names = sorted({name for commit in commits for name in commit.contents})
    return {
        name: pristine[name] if name in pristine else (checkout.root / name).read_bytes()
        for name in names
        if name in pristine or (checkout.root / name).exists()
    }


class _Mailer:
    """A scratch repository in which git writes the mails; nothing of the user's configuration has a say."""

    def __init__(self, folder: Path, author: str, date: str) -> None:
        seconds = int(datetime.fromisoformat(date).timestamp())
        self._folder = folder
        self._signature = f"{author} {seconds} +0000"
        self._environment = {
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_DIR": str(folder / ".git"),
            "GIT_WORK_TREE": str(folder),
            "GIT_INDEX_FILE": str(folder / ".git" / "index"),
        }

    def write(self, base: dict[str, bytes], commits: list[_Commit], output: Path) -> list[str]:
        """Commit `base`, then the commits, and write these as mails; return the mails' names."""
        self._folder.mkdir()
        self._git("init", "--quiet", "--template=")
        history = [("base\n", base), *((one.message, one.contents) for one in commits)]
        blobs = self._blobs([data for _, contents in history for data in contents.values()])
        stream = "".join(self._commit(message, contents, blobs) for message, contents in history)
        self._git("fast-import", "--quiet", stdin=stream)
        written = self._git(
            "format-patch",
            "--no-signature",
            "--zero-commit",
            "--full-index",
            "--no-renames",
            "--numbered",
            "--subject-prefix=DRAFT PATCH",
            f"--output-directory={output}",
            f"series~{len(commits)}..series",
        )
        return [Path(line).name for line in written.splitlines()]

    def _blobs(self, contents: list[bytes]) -> dict[bytes, str]:
        """Put contents into the repository; return their names in it."""
        folder = self._folder / "contents"
        folder.mkdir()
        for number, data in enumerate(contents):
            (folder / str(number)).write_bytes(data)
        paths = "".join(f"contents/{number}\n" for number in range(len(contents)))
        names = self._git("hash-object", "-w", "--no-filters", "--stdin-paths", stdin=paths).split()
        return dict(zip(contents, names, strict=True))

    def _commit(self, message: str, contents: dict[str, bytes], blobs: dict[bytes, str]) -> str:
        """Return a commit as `git fast-import` reads it, on top of the one before."""
        head = [
            "commit refs/heads/series",
            f"author {self._signature}",
            f"committer {self._signature}",
            f"data {len(message.encode())}",
            message,
        ]
        files = [f"M 100644 {blobs[data]} {path}" for path, data in sorted(contents.items())]
        return "\n".join([*head, *files, "", ""])

    def _git(self, *arguments: str, stdin: str | None = None) -> str:
        return process.run(["git", *arguments], cwd=self._folder, env=self._environment, stdin=stdin).stdout


def _readme(series: Series) -> str:
    commits = "\n".join(f"- `{mail.name}`: {mail.subject}" for mail in series.mails)
    left_out = "\n".join(f"- {one.step}, {one.change}: {one.reason}" for one in series.left_out)
    text = _data("README.md")
    for name, value in {
        "@filcross@": __version__,
        "@edit-set@": str(series.edit_set),
        "@release@": series.release or "that it does not name",
        "@folder@": str(series.folder.name),
        "@commits@": commits,
        "@left-out@": left_out or "Nothing.",
    }.items():
        text = text.replace(name, value)
    return text
