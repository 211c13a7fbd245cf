"""C++ for the simulator: the sources of LLVM's C++ libraries, and the libraries compiled from them.

The sources come out of a pinned Python package (`data/libcxx.toml`) and stay in one folder of the user's
(`config.libcxx_dir`), with what was compiled from them beside them. A simulator that is made where they are
has C++; one that is made without them refuses C++ and says how to get it.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from filcross import config, resources
from filcross.errors import MissingRequirementError, UnsupportedInputError, UsageError
from filcross.process import ProcessFailedError, find_program, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from filcross.toolchain.simulator.host import HostTools

FOLDERS = ("libcxx", "libcxxabi", "libunwind")
ARCHIVES = ("libc++.a", "libc++abi.a", "libunwind.a", "libpersonality.a")
SITE = "x86_64-unknown-linux-gnu/c++/v1"
"""The folder of libc++'s `__config_site`, below a toolchain's `build/include`."""

_UNFINISHED = ".unfinished-"
_KEPT = 3  # compiled libraries: those of this compiler, and of some before
_REMOVED = b"/* zig patch: instead of including __config_site, zig adds -D flags when compiling */"
_ORIGINAL = b"#include <__config_site>"


@dataclass(frozen=True, slots=True)
class Pin:
    """Which package holds the sources; see `data/libcxx.toml`."""

    package: str
    version: str
    sha256: str
    size: int
    llvm: str
    license: str
    oldest_clang: int


@cache
def pin() -> Pin:
    """Return the package that holds the sources."""
    return Pin(**tomllib.loads((resources.data_dir() / "libcxx.toml").read_text(encoding="utf-8")))


def place() -> Path:
    """Return the folder of the sources, whether it is there or not."""
    return config.libcxx_dir() / f"sources-{pin().sha256[:12]}"


def find(host: HostTools) -> Path | None:
    """Return the folder of the sources if they are there and the host's compiler can compile them."""
    return place() if _is_able(host) and place().is_dir() else None


def check(host: HostTools) -> None:
    """Raise `MissingRequirementError` if the host's compiler cannot compile libc++."""
    if not _is_able(host):
        raise MissingRequirementError(
            f"C++ for the simulator needs clang {pin().oldest_clang} or newer, and this machine has "
            f"{host.compiler.kind} {host.compiler.version}",
            hint=f"Debian: apt-get install clang-19, or any clang from {pin().oldest_clang} on",
        )


def _is_able(host: HostTools) -> bool:
    return host.compiler.kind == "clang" and int(host.compiler.version.split(".")[0]) >= pin().oldest_clang


def bring(tell: Callable[[str], None], *, wheel: Path | None = None) -> Path:
    """Put the sources into their folder, from the package's file `wheel` or by pip, and return the folder.

    `tell` gets a sentence before anything takes long. The folder appears complete or not at all. Raises
    `download.WrongHashError` for another file than the pinned one, and `MissingRequirementError` where the
    package cannot be had.
    """
    from filcross.toolchain import download

    if wheel is not None and not wheel.is_file():
        raise UsageError(f"there is no file {wheel}", hint="leave out --from, and pip downloads it")
    target = place()
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with _alone(target.parent), tempfile.TemporaryDirectory(prefix=_UNFINISHED, dir=target.parent) as folder:
        if target.is_dir():
            return target
        file = wheel or _download(Path(folder), tell)
        found = download.hash_file(file)
        if found != pin().sha256:
            raise download.WrongHashError(
                f"{file} is not {pin().package} {pin().version} for x86_64 Linux: its sha256 is {found}",
                hint="leave out --from, and pip finds the right file",
            )
        fresh = Path(folder) / "sources"
        _unpack(file, fresh)
        fresh.rename(target)
    return target


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Wait for other commands that fill `folder`, and delete what killed ones left."""
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for left in folder.glob(f"{_UNFINISHED}*"):
            shutil.rmtree(left, ignore_errors=True)
        yield


def _download(folder: Path, tell: Callable[[str], None]) -> Path:
    wanted = f"{pin().package} {pin().version}"
    hint = f"with a network: pip download --no-deps {pin().package}=={pin().version}, then --from FILE"
    if os.environ.get("FILCROSS_OFFLINE"):
        raise MissingRequirementError(
            f"{wanted}, which holds libc++, is not downloaded: FILCROSS_OFFLINE", hint=hint
        )
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{pin().package}=={pin().version} --hash=sha256:{pin().sha256}\n")
    options = ["--no-deps", "--only-binary=:all:", "--require-hashes", "--disable-pip-version-check"]
    pythons = [sys.executable, *filter(None, [shutil.which("python3")])]
    tell(f"downloading {wanted} with pip ({pin().size / 1e6:.0f} MB)")
    for python in pythons:
        pip: list[str | Path] = [python, "-I", "-m", "pip", "download", "--quiet"]
        done = run([*pip, *options, "-d", folder, "-r", requirements], check=False)
        if done.exit_code == 0:
            return next(folder.glob("*.whl"))
        if "No module named pip" not in done.stderr:
            break
    raise MissingRequirementError(
        f"pip did not get {wanted}", hint=hint, details=tuple(done.stderr.strip().splitlines()[-5:])
    )


def _unpack(wheel: Path, target: Path) -> None:
    """Take the three folders out of the package, and one change of the package's back."""
    import zipfile

    restored = 0
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            parts = name.split("/")
            if parts[:2] != ["ziglang", "lib"] or parts[2:3] not in [[folder] for folder in FOLDERS]:
                continue
            if name.endswith("/") or ".." in parts:
                continue
            content = archive.read(name)
            if _REMOVED in content:
                content = content.replace(_REMOVED, _ORIGINAL)
                restored += 1
            file = target.joinpath(*parts[2:])
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
    if not restored or not (target / "libunwind" / "src" / "libunwind.cpp").is_file():
        raise UnsupportedInputError(
            f"{wheel} does not hold the sources of libc++ as expected", hint="report this to filcross"
        )


def copy_headers(sources: Path, target: Path) -> None:
    """Put libc++'s headers into the new folder `target`, as a release has them in `build/include`."""
    shutil.copytree(sources / "libcxx" / "include", target / "c++" / "v1")
    for header in (sources / "libcxxabi" / "include").glob("*.h"):
        shutil.copy(header, target / "c++" / "v1")
    (target / SITE).mkdir(parents=True)
    shutil.copy(_own() / "config_site.h", target / SITE / "__config_site")


def libraries(sources: Path, host: HostTools, tell: Callable[[str], None] = lambda _: None) -> Path:
    """Return the folder of the compiled libraries (`ARCHIVES`, without prefix), compiled now if need be.

    That takes about 40 seconds of processor time; `tell` is told before. Raises `ProcessFailedError` if the
    sources do not compile.
    """
    digest = hashlib.sha256(f"{sources.name}\n{host.fingerprint()}\n".encode())
    for file in sorted(_own().iterdir()):
        digest.update(file.read_bytes())
    folder = sources.parent / f"compiled-{digest.hexdigest()[:16]}"
    if folder.is_dir():
        return folder
    tell("compiling libc++, once for this compiler (about 40 seconds of processor time)")
    parent = sources.parent
    with _alone(parent), tempfile.TemporaryDirectory(prefix=_UNFINISHED, dir=parent) as work:
        if not folder.is_dir():
            _compile(sources, host, Path(work)).rename(folder)
        made = sorted(parent.glob("compiled-*"), key=lambda item: item.stat().st_mtime, reverse=True)
        for other in made[_KEPT:]:
            shutil.rmtree(other, ignore_errors=True)
    return folder


def _own() -> Path:
    return resources.simulator_dir() / "cxx"


def _compile(sources: Path, host: HostTools, work: Path) -> Path:
    (work / "sources").symlink_to(sources)
    copy_headers(sources, work / "include")
    (work / "compiler-headers").symlink_to(host.compiler_headers)
    (work / "musl-headers").symlink_to(host.musl_headers)
    (work / "os-include").mkdir()
    for name, folder in host.kernel_headers:
        (work / "os-include" / name).symlink_to(folder)
    jobs = len(os.sched_getaffinity(0))
    make = find_program("make")
    variables = [f"CC={host.compiler.path}", f"AR={host.archiver}"]
    try:
        run([make, "--silent", f"-j{jobs}", "-f", _own() / "libraries.mk", *variables], cwd=work)
    except ProcessFailedError as error:
        raise ProcessFailedError(
            error.completed, hint=f"use another clang ({pin().oldest_clang} or newer), or report this"
        ) from error
    made = work / "made"
    made.mkdir()
    for name in ARCHIVES:
        (work / name).rename(made / name)
    return made
