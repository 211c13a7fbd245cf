"""What a toolchain folder is: recognised by its content, never by its name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from filcross.errors import FilcrossError, UnsupportedInputError
from filcross.process import run

if TYPE_CHECKING:
    from pathlib import Path

LOADERS = ("ld-fil1-x86_64.so", "ld-yolo-x86_64.so")
"""The loader's names, newest first. Which one a toolchain uses is decided by the file, not by its version."""

SIMULATOR_MARK = b"filcross\0\0\0\0simulator"
"""Owner and beginning of the descriptor of the note that every file of the simulator carries."""

_REQUIRED = (
    "build/bin/clang-20",
    "build/bin/filcc",
    "build/lib/clang/20/include/stddef.h",
    "pizfix/include/stdio.h",
    "pizfix/stdfil-include/stdfil.h",
    "pizfix/lib/libyoloc.so",
    "pizfix/lib/libpizlo.so",
    "pizfix/lib/libc.so",
    "pizfix/lib/Scrt1.o",
    "pizfix/lib/crti.o",
    "pizfix/lib/crtn.o",
    "pizfix/lib/filc_crt.o",
    "pizfix/lib/filc_mincrt.o",
    "pizfix/lib/libyolort.a",
    "pizfix/lib/libyolounwind.a",
)


@dataclass(frozen=True, slots=True)
class Toolchain:
    """A Fil-C toolchain on disk.

    `kind` is `release` or `simulator`, `version` Fil-C's (`0.686`), `flavour` the libc's (`musl`;
    `glibc` is the optfil flavour), `loader` the file name of the sandwich's loader in `pizfix/lib`.
    """

    name: str
    root: Path
    kind: str
    version: str
    flavour: str
    arch: str
    loader: str

    @property
    def simulated(self) -> bool:
        """Whether this is the ABI simulator, whose output is not memory-safe."""
        return self.kind == "simulator"

    @property
    def label(self) -> str:
        """The toolchain's version as every message shows it."""
        return f"{self.version} simulator (not memory-safe)" if self.simulated else self.version

    @property
    def compiler(self) -> Path:
        """The driver."""
        return self.root / "build" / "bin" / "filcc"

    @property
    def lib(self) -> Path:
        """The folder of the sandwich: loader, libraries, start-up objects."""
        return self.root / "pizfix" / "lib"


def recognise(path: Path) -> Toolchain:
    """Return the toolchain in the folder `path`.

    Raises `UnsupportedInputError`, naming what is missing, if it is no musl-flavoured x86_64 Fil-C toolchain.
    """
    root = path.resolve()
    if not root.is_dir():
        raise UnsupportedInputError(
            f"{path} is not a folder",
            hint="unpack the release (tar xf filc-…-linux-x86_64.tar.xz) and name its folder",
        )
    _refuse_relatives(path, root)
    missing = [name for name in _REQUIRED if not (root / name).exists()]
    loader = next((name for name in LOADERS if (root / "pizfix" / "lib" / name).exists()), None)
    if loader is None:
        missing.append(f"pizfix/lib/{LOADERS[0]}")
    if missing or loader is None:
        raise UnsupportedInputError(
            f"{path} is not a Fil-C toolchain: it lacks {', '.join(missing)}",
            hint="name the folder that holds `build` and `pizfix`, or use `--toolchain simulator`",
        )
    simulated = SIMULATOR_MARK in (root / "pizfix" / "lib" / "libpizlo.so").read_bytes()
    version, default_loader = _ask(root)
    return Toolchain(
        name="simulator" if simulated else f"filc-{version}",
        root=root,
        kind="simulator" if simulated else "release",
        version=version,
        flavour="musl",
        arch="x86_64",
        loader=default_loader if default_loader in LOADERS else loader,
    )


def _refuse_relatives(path: Path, root: Path) -> None:
    """Recognise the releases that filcross cannot use, to say so in words."""
    if (
        (root / "fil.tar.xz").exists()
        or (root / "lib" / "libyolocimpl.so").exists()
        or (root / "fil" / "bin").is_dir()
    ):
        raise UnsupportedInputError(
            f"{path} is a glibc-flavoured (optfil) release, which works only in /opt/fil",
            hint="use the musl-flavoured release, filc-VERSION-linux-x86_64.tar.xz",
        )
    lib = root / "pizfix" / "lib"
    if lib.is_dir() and any((lib / name.replace("x86_64", "aarch64")).exists() for name in LOADERS):
        raise UnsupportedInputError(
            f"{path} is a release for aarch64",
            hint="filcross knows x86_64: use filc-VERSION-linux-x86_64.tar.xz",
        )


def _ask(root: Path) -> tuple[str, str]:
    """Return Fil-C's version and the loader that the driver puts into programs (empty if it does not say).

    The version's place in `--version` differs by release (0.675: first; 0.685: in brackets), and 0.678 does
    not say it at all: then the name of the folder must.
    """
    driver = root / "build" / "bin" / "filcc"
    version = ""
    loader = ""
    try:
        match = re.search(r"Fil-C (\d+\.\d+)", run([driver, "--version"], check=False, timeout=20).stdout)
        version = match.group(1) if match else ""
        dry = run([driver, "-###", "-o", "program", "object.o"], check=False, timeout=20).stderr
        linked = re.search(r'"-dynamic-linker" "[^"]*/([^"/]+)"', dry)
        loader = linked.group(1) if linked else ""
    except FilcrossError:
        pass  # it does not run here (yet): a release is relocated when it is used
    if not version:
        named = re.search(r"filc-(\d+\.\d+)", root.name)
        version = named.group(1) if named else ""
    if not version:
        raise UnsupportedInputError(
            f"{driver} does not say which version of Fil-C it is",
            hint="keep the release's own folder name, filc-VERSION-linux-x86_64",
        )
    return version, loader
