"""What the simulator is made from: the host's compiler, binutils, musl and kernel headers."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from filcross.errors import MissingRequirementError
from filcross.process import find_program, run

OLDEST_CLANG = 16
OLDEST_MUSL = (1, 2, 2)  # since then the state that libc/runtime.h declares looks as it does
INSTALL_HINT = "Debian: apt-get install clang-19 binutils musl-dev libc6-dev linux-libc-dev"

_MUSL_PLACES = (
    ("/usr/lib/x86_64-linux-musl", "/usr/include/x86_64-linux-musl"),  # Debian, Ubuntu
    ("/usr/lib/musl/lib", "/usr/lib/musl/include"),  # Arch
    ("/usr/x86_64-linux-musl/lib64", "/usr/x86_64-linux-musl/include"),  # Fedora
    ("/usr/local/musl/lib", "/usr/local/musl/include"),  # musl's own installation
)
_KERNEL_HEADERS = ("/usr/include", "/usr/include/x86_64-linux-gnu")


@dataclass(frozen=True, slots=True)
class Compiler:
    """A compiler of the host: absolute path, kind (`clang`; `gcc` as a fallback) and version (`19.1.7`)."""

    path: str
    kind: str
    version: str


@dataclass(frozen=True, slots=True)
class HostTools:
    """Everything of the host that goes into a simulator. Paths are absolute."""

    compiler: Compiler
    compiler_headers: Path
    libgcc: Path
    linker: str
    archiver: str
    ranlib: str
    objcopy: str
    nm: str
    binutils_version: str
    musl_libraries: Path
    musl_headers: Path
    musl_version: str
    kernel_headers: tuple[tuple[str, Path], ...]
    """The folders `linux`, `asm` and `asm-generic`: name and place."""

    def files(self) -> list[Path]:
        """Return the files and folders whose upgrade makes another simulator."""
        return [
            Path(self.compiler.path),
            Path(self.linker),
            self.musl_libraries / "libc.a",
            self.musl_libraries / "libc.so",
            self.libgcc,
            *(place for _, place in self.kernel_headers),
        ]

    def fingerprint(self) -> str:
        """Return a hash (hex) that changes when any of these tools is upgraded."""
        digest = hashlib.sha256()
        digest.update(repr((self.compiler, self.binutils_version, self.musl_version, self.libgcc)).encode())
        for file in self.files():
            status = file.stat()
            digest.update(f"{file.resolve()} {status.st_size} {status.st_mtime_ns}\n".encode())
        return digest.hexdigest()


def find_host_tools(*, prefer_gcc: bool = False) -> HostTools:
    """Find what a simulator is made from.

    The compiler is the newest clang from version 16 on, or gcc where there is none (or with `prefer_gcc`).
    Raises `MissingRequirementError` with the distribution's command for whatever is missing.
    """
    if platform.machine() != "x86_64" or platform.system() != "Linux":
        raise MissingRequirementError(
            f"the simulator is for x86_64 Linux, and this is {platform.machine()} {platform.system()}",
            hint="run filcross on an x86_64 Linux machine",
        )
    compiler = find_compiler(prefer_gcc=prefer_gcc)
    libraries, headers = _find_musl()
    kernel = find_kernel_headers()
    linker = find_program("ld", hint=INSTALL_HINT)
    banner = run([linker, "--version"]).stdout.splitlines()
    return HostTools(
        compiler=compiler,
        compiler_headers=_compiler_headers(compiler),
        libgcc=_find_libgcc(compiler),
        linker=linker,
        archiver=find_program("ar", hint=INSTALL_HINT),
        ranlib=find_program("ranlib", hint=INSTALL_HINT),
        objcopy=find_program("objcopy", hint=INSTALL_HINT),
        nm=find_program("nm", hint=INSTALL_HINT),
        binutils_version=banner[0] if banner else "unknown",
        musl_libraries=libraries,
        musl_headers=headers,
        musl_version=_musl_version(libraries),
        kernel_headers=kernel,
    )


def find_compiler(*, prefer_gcc: bool = False) -> Compiler:
    """Return the newest clang (16 or newer) on PATH, else gcc; see `find_host_tools` for the errors."""
    found = [] if prefer_gcc else [clang for path in _clangs() if (clang := _ask_clang(path)) is not None]
    if found:
        return max(found, key=lambda clang: _numbers(clang.version))
    gcc = shutil.which("gcc")
    if gcc is None:
        raise MissingRequirementError(
            f"no C compiler for the simulator: neither clang {OLDEST_CLANG} or newer nor gcc is on PATH",
            hint=INSTALL_HINT,
        )
    version = run([gcc, "-dumpfullversion"]).stdout.strip()
    return Compiler(path=gcc, kind="gcc", version=version)


def _clangs() -> list[str]:
    names: dict[str, None] = {}
    for folder in os.get_exec_path():
        try:
            entries = sorted(os.listdir(folder))  # noqa: PTH208  (PATH may hold folders that are not there)
        except OSError:
            continue
        for name in entries:
            if re.fullmatch(r"clang(-\d+)?", name):
                names[os.path.join(folder, name)] = None  # noqa: PTH118
    return list(names)


def _ask_clang(path: str) -> Compiler | None:
    completed = run([path, "--version"], check=False)
    match = re.search(r"clang version (\d+(?:\.\d+)*)", completed.stdout)
    if completed.exit_code != 0 or match is None or "Fil-C" in completed.stdout:
        return None
    version = match.group(1)
    return Compiler(path, "clang", version) if _numbers(version)[0] >= OLDEST_CLANG else None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _compiler_headers(compiler: Compiler) -> Path:
    if compiler.kind == "clang":
        folder = Path(run([compiler.path, "-print-resource-dir"]).stdout.strip()) / "include"
    else:
        folder = Path(run([compiler.path, "-print-file-name=include"]).stdout.strip())
    if not (folder / "stddef.h").is_file():
        raise MissingRequirementError(
            f"{compiler.path} has no headers of its own in {folder}", hint=INSTALL_HINT
        )
    return folder.resolve()


def _find_libgcc(compiler: Compiler) -> Path:
    libgcc = Path(run([compiler.path, "-print-libgcc-file-name"]).stdout.strip())
    if not libgcc.is_file():
        raise MissingRequirementError(
            "the compiler's run-time library libgcc.a is missing",
            hint="Debian: apt-get install libgcc-12-dev",
        )
    return libgcc.resolve()


def _find_musl() -> tuple[Path, Path]:
    for libraries, headers in _MUSL_PLACES:
        if (Path(libraries) / "libc.a").is_file() and (Path(headers) / "stdio.h").is_file():
            return Path(libraries), Path(headers)
    places = ", ".join(libraries for libraries, _ in _MUSL_PLACES)
    raise MissingRequirementError(
        f"musl, from which the simulator is made, is not installed (looked in {places})",
        hint="Debian: apt-get install musl-dev",
    )


def _musl_version(libraries: Path) -> str:
    """Return musl's version as its loader prints it when called without arguments."""
    banner = run([libraries / "libc.so"], check=False).stderr
    match = re.search(r"^Version (\d+(?:\.\d+)+)", banner, re.MULTILINE)
    if match is None:
        raise MissingRequirementError(
            f"{libraries / 'libc.so'} does not say which version of musl it is", hint="install musl again"
        )
    if _numbers(match.group(1)) < OLDEST_MUSL:
        raise MissingRequirementError(
            f"musl {match.group(1)} is too old for the simulator",
            hint="install musl 1.2.2 or newer (Debian 12 has 1.2.3)",
        )
    return match.group(1)


def find_kernel_headers() -> tuple[tuple[str, Path], ...]:
    """Return the folders of the kernel's headers that a toolchain needs: name and place.

    Raises `MissingRequirementError` where the machine lacks one.
    """
    return tuple((name, _find_kernel_headers(name)) for name in ("linux", "asm", "asm-generic"))


def _find_kernel_headers(name: str) -> Path:
    for base in _KERNEL_HEADERS:
        folder = Path(base) / name
        if folder.is_dir():
            return folder.resolve()
    raise MissingRequirementError(
        f"the kernel's headers are missing: no folder `{name}` in {' or '.join(_KERNEL_HEADERS)}",
        hint="Debian: apt-get install linux-libc-dev",
    )
