"""Find Nix, decide which store it uses, and run it.

Two stores exist for a build. The *system* store is the one that Nix is installed with. The *private* store
is a folder of filcross' own (`NIX_STORE_DIR` and its companions in the cache folder): builds that use the
host's tools (the embedded tree, `--bootstrap host`, the ABI simulator) cannot run in a sandboxed store, nor
through a daemon that will not switch its sandbox off for this user; there the private one works without
privileges.
"""

from __future__ import annotations

import contextlib
import grp
import json
import os
import pwd
import re
import shutil
import socket
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filcross import config, process
from filcross.errors import MissingRequirementError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

MINIMUM_NIX = (2, 8)
SYSTEM_STORE = Path("/nix/store")
SYSTEM_STATE = Path("/nix/var/nix")
QUERY_TIMEOUT = 120.0
EVALUATION_TIMEOUT = 1800.0
LATE = -15  # the status of an evaluation that was stopped
# Bash, GNU make and Autoconf refuse or mangle build paths with other characters than these.
_SAFE_PATH = re.compile(r"[A-Za-z0-9/._+-]+")


@dataclass(frozen=True, slots=True)
class Store:
    """Which store builds go to (`system` or `private`), and why."""

    kind: str
    folder: Path
    reason: str
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Nix:
    """A Nix that can be run: its version, its store, and whether host tools are visible in builds."""

    version: tuple[int, ...]
    store: Store
    host_tools: bool

    @cached_property
    def _options(self) -> list[str]:
        """Options for every command that evaluates or builds."""
        options = ["--option", "sandbox", "false"] if self.host_tools else []
        if self.store.kind == "private" or os.environ.get("FILCROSS_OFFLINE"):
            # A cache holds /nix/store paths only, so a private store can never use one.
            options += ["--option", "substitute", "false"]
        return options

    @property
    def version_text(self) -> str:
        """The version as Nix writes it."""
        return ".".join(map(str, self.version))

    def run(
        self,
        program: str,
        *arguments: str | Path,
        check: bool = True,
        timeout: float | None = QUERY_TIMEOUT,
        on_stderr: Callable[[str], None] | None = None,
        options: bool = True,
    ) -> process.Completed:
        """Run one of Nix's programs in this store; `timeout` is in seconds."""
        argv: list[str | Path] = [program, *(self._options if options else []), *arguments]
        return process.run(
            argv, env=self.store.environment, check=check, timeout=timeout, on_stderr=on_stderr
        )

    def instantiate(
        self,
        file: Path,
        attributes: Sequence[str],
        *,
        arguments: Mapping[str, str],
        roots: Path | None = None,
    ) -> process.Completed:
        """Run `nix-instantiate FILE -A …`; the caller judges the status (`LATE`: it took too long).

        `arguments` are strings for the function in `file`. With `roots`, each derivation gets a
        garbage-collector root of that name.
        """
        argv: list[str | Path] = [file]
        for attribute in attributes:
            argv += ["-A", attribute]
        for name, value in arguments.items():
            argv += ["--argstr", name, value]
        if roots is not None:
            argv += ["--add-root", roots, "--indirect"]
        try:
            return self.run("nix-instantiate", *argv, check=False, timeout=EVALUATION_TIMEOUT)
        except process.ProcessTimeoutError:
            said = f"error: the evaluation did not end within {EVALUATION_TIMEOUT:g} s"
            return process.Completed(("nix-instantiate", *map(str, argv)), LATE, "", said)

    def evaluate_json(self, file: Path, attribute: str = "", *, arguments: Mapping[str, str]) -> Any:  # noqa: ANN401
        """Evaluate `attribute` of `file` strictly and return the JSON value.

        Raises `process.ProcessFailedError` with Nix's message when the evaluation fails.
        """
        argv: list[str | Path] = ["--eval", "--strict", "--json", file, "-A", attribute]
        for name, value in arguments.items():
            argv += ["--argstr", name, value]
        return json.loads(self.run("nix-instantiate", *argv, timeout=EVALUATION_TIMEOUT).stdout)

    def outputs(self, derivation: str) -> dict[str, Path]:
        """Return the output paths of `derivation` by output name (valid or not)."""
        from filcross.nix import graph

        # The file itself says it: `nix-store -q --binding outputs` knows nothing where a recipe has
        # `__structuredAttrs`.
        return {name: Path(path) for name, path in graph.outputs(derivation).items()}

    def invalid_paths(self, paths: Sequence[Path]) -> set[Path]:
        """Return those of `paths` that are not in the store."""
        if not paths:
            return set()
        done = self.run("nix-store", "--check-validity", "--print-invalid", *paths, check=False)
        return {Path(line) for line in done.stdout.splitlines() if line}

    def requisites(self, path: str | Path) -> list[Path]:
        """Return the closure of a store path (with itself)."""
        return [Path(line) for line in self.run("nix-store", "-qR", path).stdout.splitlines()]

    def environment_prefix(self) -> str:
        """Return what a person types before a Nix command to reach this store (empty for the system's)."""
        return "".join(f"{name}={value} " for name, value in self.store.environment.items() if value)


def version() -> tuple[int, ...]:
    """Return the version of the Nix on PATH, or raise `MissingRequirementError`."""
    process.find_program("nix-build")
    temporary = os.environ.get("TMPDIR")
    if temporary and not (os.path.isdir(temporary) and os.access(temporary, os.W_OK | os.X_OK)):  # noqa: PTH112
        raise MissingRequirementError(
            f"TMPDIR is {temporary}, which is no folder for this user's files, and Nix needs one",
            hint="set TMPDIR to a folder that exists and is yours to write, or unset it",
        )
    try:
        text = process.run(["nix-build", "--version"], timeout=QUERY_TIMEOUT).stdout
    except process.ProcessFailedError as error:
        raise MissingRequirementError(
            "Nix does not run: `nix-build --version` failed", hint="install Nix again", details=error.details
        ) from error
    match = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", text)
    if match is None:
        raise MissingRequirementError(
            f"`nix-build --version` says `{text.strip()}`, which is no version",
            hint="install Nix 2.8 or newer",
        )
    return tuple(int(part) for part in match.groups() if part is not None)


def find_nix(*, host_tools: bool, preference: str | None = None) -> Nix:
    """Return the Nix to use.

    `host_tools` tells whether builds need to see the host's programs. `preference` is `auto` (default),
    `system` or `private`. Raises `MissingRequirementError` where Nix is missing, too old, or its store
    cannot be used as asked.
    """
    found = version()
    if found[:2] < MINIMUM_NIX:
        raise MissingRequirementError(
            f"Nix {'.'.join(map(str, found))} is too old",
            hint=f"install Nix {'.'.join(map(str, MINIMUM_NIX))} or newer",
        )
    store = plan_store(host_tools=host_tools, preference=preference)
    if store.kind == "private":
        store.folder.parent.mkdir(parents=True, exist_ok=True)
        _share_build_users(Path(store.environment["NIX_STATE_DIR"]))
    elif os.environ.get("NIX_REMOTE"):
        _ask_remote(store.folder)
    return Nix(found, replace(store, environment={**store.environment, **_mended_environment()}), host_tools)


def _share_build_users(state: Path, system: Path = SYSTEM_STATE) -> None:
    """Make root's private store lock Nix' build users where the system's store does.

    Before and after a build, Nix kills every process of the build user that it took (`killUser` in its
    `libutil`). Which are taken, it knows by the locks in the `userpool` of its own state: two stores with
    pools of their own would kill each other's builds.
    """
    pool, common = state / "userpool", system / "userpool"
    if os.geteuid() != 0 or not system.is_dir() or pool.is_symlink():
        return
    with contextlib.suppress(FileExistsError):
        try:
            common.mkdir(exist_ok=True)
        except OSError:
            return  # read-only: nobody builds there
        state.mkdir(parents=True, exist_ok=True)
        if pool.is_dir():
            shutil.rmtree(pool)
        pool.symlink_to(common)


def _ask_remote(folder: Path) -> None:
    """Ask the store that the environment names about a path that no store has."""
    nothing = folder / f"{'0' * 32}-nothing"
    try:
        process.run(["nix-store", "--check-validity", "--print-invalid", nothing], timeout=QUERY_TIMEOUT)
    except process.ProcessFailedError as error:
        why = error.details[-1].removeprefix("error: ") if error.details else error.message
        raise MissingRequirementError(
            f"the Nix store `{os.environ['NIX_REMOTE']}` does not answer: {why}",
            hint="correct NIX_REMOTE (of a matrix: --nix-store), or leave it out",
        ) from error


def _mended_environment() -> dict[str, str]:
    """Return the variables without which Nix or its builds fail here.

    Nix wants a name for its user (containers run as numbers without one), and builds happen in `TMPDIR`.
    """
    mended = {}
    if not os.environ.get("USER"):
        try:
            pwd.getpwuid(os.geteuid())
        except KeyError:
            mended["USER"] = f"user-{os.geteuid()}"
    if _SAFE_PATH.fullmatch(os.environ.get("TMPDIR", "/tmp")) is None:  # noqa: S108 - what Nix takes
        mended["TMPDIR"] = "/tmp"  # noqa: S108 - likewise
    return mended


def plan_store(*, host_tools: bool, preference: str | None = None) -> Store:
    """Decide between the system's store and a private one, without making anything; see `find_nix`."""
    if any(os.environ.get(name) for name in ("NIX_STORE_DIR", "NIX_STATE_DIR", "NIX_REMOTE")):
        folder = Path(os.environ.get("NIX_STORE_DIR", str(SYSTEM_STORE)))
        return Store(
            "system", folder, "the environment names it (NIX_STORE_DIR, NIX_STATE_DIR or NIX_REMOTE)"
        )
    problem = _system_store_problem(host_tools=host_tools)
    if preference == "private":
        return _private_store("asked for")
    if problem is None:
        who = "root" if os.geteuid() == 0 else "this user"
        return Store("system", SYSTEM_STORE, f"{who} can build in it")
    if preference == "system" or os.geteuid() == 0:
        raise MissingRequirementError(
            f"the system's Nix store cannot be used: {problem.what}", hint=problem.hint
        )
    return _private_store(problem.what)


@dataclass(frozen=True, slots=True)
class _Problem:
    what: str
    hint: str


def _system_store_problem(*, host_tools: bool) -> _Problem | None:
    """Say why the system store does not serve, or None."""
    if os.geteuid() == 0:
        return _root_problem()
    if os.access(SYSTEM_STATE / "db", os.W_OK) and os.access(SYSTEM_STORE, os.W_OK):
        return None
    private = "use the private store (--store private), which needs no daemon"
    daemon = _daemon_problem()
    if daemon is not None:
        return _Problem(daemon, f"start it (systemctl start nix-daemon), or {private}")
    if host_tools:
        return _Problem(
            "a daemon builds in it, and its sandbox hides the host's tools that this build needs", private
        )
    return None


def _root_problem() -> _Problem | None:
    for folder in (SYSTEM_STORE, SYSTEM_STATE):
        parent = next(p for p in (folder, *folder.parents) if p.exists())
        if not _writable(parent):
            return _Problem(f"{parent} is read-only", "remount it writable, or use --store private")
    group = _build_users_group()
    if group:
        try:
            grp.getgrnam(group)
        except KeyError:
            return _Problem(
                f"Nix builds as members of the group `{group}`, which does not exist",
                "run scripts/prepare-host, which makes the group and its ten users",
            )
    return None


def _build_users_group() -> str:
    for file in (Path(os.environ.get("NIX_CONF_DIR", "/etc/nix")) / "nix.conf",):
        if file.is_file():
            match = re.search(r"(?m)^\s*build-users-group\s*=\s*(\S*)", file.read_text(errors="replace"))
            if match:
                return match.group(1)
    return "nixbld"


def _writable(folder: Path) -> bool:
    """Tell whether `folder` accepts new files (root ignores mode bits, but not a read-only mount)."""
    return not os.statvfs(folder).f_flag & os.ST_RDONLY


def _daemon_problem() -> str | None:
    path = SYSTEM_STATE / "daemon-socket" / "socket"
    if not path.exists():
        return f"this user cannot write to {SYSTEM_STORE}, and no Nix daemon is there ({path} is missing)"
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(5)
            client.connect(str(path))
    except OSError as error:
        return f"the Nix daemon does not answer on {path} ({error.strerror or error})"
    return None


def private_store_root() -> Path:
    """Return the folder of the private store.

    That is `FILCROSS_STORE_ROOT`, else a folder in the user's cache; for root one below /var/cache, since
    Nix then builds as other users, who must be able to enter it.
    """
    configured = os.environ.get("FILCROSS_STORE_ROOT")
    if configured:
        return Path(configured)
    return Path("/var/cache/filcross/nix") if os.geteuid() == 0 else config.cache_path() / "nix"


def _private_store(reason: str) -> Store:
    root = private_store_root().resolve()  # Nix refuses a store below a symbolic link
    if _SAFE_PATH.fullmatch(str(root)) is None:
        raise MissingRequirementError(
            f"the private store would be at `{root}`, but build systems cannot cope with that path",
            hint="set FILCROSS_STORE_ROOT to a folder without spaces or special characters",
        )
    environment = {
        "NIX_STORE_DIR": str(root / "store"),
        "NIX_STATE_DIR": str(root / "var" / "nix"),
        "NIX_LOG_DIR": str(root / "var" / "log" / "nix"),
        "NIX_REMOTE": "",
    }
    return Store("private", root / "store", reason, environment)
