"""What a toolchain folder is: recognised by its content, never by its name."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from filcross.errors import FilcrossError, UnsupportedInputError
from filcross.process import run

if TYPE_CHECKING:
    from pathlib import Path

LOADERS = ("ld-fil1-x86_64.so", "ld-yolo-x86_64.so")
"""The loader's names, newest first. Which one a toolchain uses is decided by the file, not by its version."""

SIMULATOR_MARK = b"filcross\0\0\0\0simulator"
"""Owner and beginning of the descriptor of the note that every file of the simulator carries."""

_PIZFIX = (
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
_RUNTIME = (
    "lib/libyoloc.so",
    "lib/libyolocimpl.so",
    "lib/libyolomimpl.so",
    "lib/libpizlo.so",
    "lib/libc.so.6666",
    "lib/libm.so.6666",
    "lib/Scrt1.o",
    "lib/crti.o",
    "lib/crtn.o",
    "lib/filc_crt.o",
    "lib/libyolort.a",
    "lib/libyolounwind.a",
    "include/stdio.h",
)
REQUIRED = {
    "pizfix": _PIZFIX,
    "optfil": ("bin/filcc", "bin/fil++", "lib/clang/20/include/stddef.h", *_RUNTIME),
    "sysroot": _RUNTIME,
}
"""The files of each layout.

`pizfix` is a musl release (`build` and `pizfix`), `optfil` a glibc release, which lives in /opt/fil, and
`sysroot` the runtime of one without its compiler, as filnix keeps it in the Nix store.
"""

_SCRIPT = re.compile(rb"GROUP\s*\(([^)]*)\)")


@dataclass(frozen=True, slots=True)
class Archive:
    """The archive that a toolchain was installed from: its address and its hash (hexadecimal sha256)."""

    url: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Toolchain:
    """A Fil-C toolchain on disk.

    `kind` is `release` or `simulator`, `version` Fil-C's (`0.686`; `unknown` for a runtime without a
    compiler), `flavour` the libc's (`musl` or `glibc`), `loader` the file name of the sandwich's loader in
    `lib`, `layout` a key of `REQUIRED`.
    """

    name: str
    root: Path
    kind: str
    version: str
    flavour: str
    arch: str
    loader: str
    layout: str = "pizfix"
    archive: Archive | None = None

    @property
    def simulated(self) -> bool:
        """Whether this is the ABI simulator, whose output is not memory-safe."""
        return self.kind == "simulator"

    @property
    def label(self) -> str:
        """The toolchain's version as every message shows it."""
        if self.simulated:
            return f"{self.version} simulator (not memory-safe)"
        return self.version if self.flavour == "musl" else f"{self.version} {self.flavour}"

    @property
    def full_name(self) -> str:
        """The name that it has where the user gives none: `0.686-musl-x86_64`."""
        name = f"{self.version}-{self.flavour}-{self.arch}"
        return f"simulator-{name}" if self.simulated else name

    @property
    def compiler(self) -> Path:
        """The driver (which a `sysroot` does not have)."""
        return self.root.joinpath(*(("build",) if self.layout == "pizfix" else ()), "bin", "filcc")

    @property
    def lib(self) -> Path:
        """The folder of the sandwich: loader, libraries, start-up objects."""
        return self.root.joinpath(*(("pizfix",) if self.layout == "pizfix" else ()), "lib")


def recognise(path: Path) -> Toolchain:
    """Return the toolchain in the folder `path`.

    Raises `UnsupportedInputError`, naming what is missing, if it is no x86_64 Fil-C toolchain.
    """
    root = path.resolve()
    if not root.is_dir():
        raise UnsupportedInputError(
            f"{path} is not a folder",
            hint="unpack the release (tar xf filc-…-linux-x86_64.tar.xz) and name its folder",
        )
    layout = _layout(path, root)
    lib = root / "pizfix" / "lib" if layout == "pizfix" else root / "lib"
    missing = [name for name in REQUIRED[layout] if not (root / name).exists()]
    loader = next((name for name in LOADERS if (lib / name).exists()), None)
    if loader is None:
        missing.append(f"{lib.relative_to(root)}/{LOADERS[0]}")
    if missing or loader is None:
        raise UnsupportedInputError(
            f"{path} is not a Fil-C toolchain: it lacks {', '.join(missing)}",
            hint="name the folder that holds `build` and `pizfix`, or use `--toolchain simulator`",
        )
    found = Toolchain(
        name="",
        root=root,
        kind="simulator" if SIMULATOR_MARK in (lib / "libpizlo.so").read_bytes() else "release",
        version="",
        flavour="musl" if layout == "pizfix" else "glibc",
        arch="x86_64",
        loader=loader,
        layout=layout,
    )
    version, default_loader = _ask(found)
    if default_loader in LOADERS and (lib / default_loader).exists():
        found = replace(found, loader=default_loader)
    found = replace(found, version=version)
    return replace(found, name="simulator" if found.simulated else found.full_name)


def refuse_for_builds(toolchain: Toolchain) -> None:
    """Raise `UnsupportedInputError` for a toolchain that is recognised, but that Nix builds cannot use."""
    if toolchain.layout != "pizfix":
        raise UnsupportedInputError(
            f"{toolchain.root} is glibc-flavoured: its paths are fixed, so Nix builds cannot use it",
            hint="build with the musl flavour (filcross toolchain list --available); "
            "`filcross verify` can judge programs of this one",
        )


def fixed_prefix(toolchain: Toolchain) -> str | None:
    """Return the folder that the linker scripts of a glibc-flavoured toolchain name (`None`: there is none).

    Such a toolchain works only there: `libyoloc.so` is a text of the form `GROUP ( /opt/fil/lib/… )`.
    """
    try:
        script = (toolchain.lib / "libyoloc.so").read_bytes()[:4096]
    except OSError:
        return None
    group = _SCRIPT.search(script)
    words = group.group(1).decode("utf-8", "replace").split() if group else []
    path = next((word for word in words if word.startswith("/")), None)
    return path.rpartition("/lib/")[0] if path else None


def _layout(path: Path, root: Path) -> str:
    """Return the layout of a folder, by what only that one has; say in words what filcross cannot use."""
    if (root / "fil.tar.xz").exists() or (root / "fil" / "bin").is_dir():
        raise UnsupportedInputError(
            f"{path} is the installer of a glibc-flavoured (optfil) release, which works only in /opt/fil",
            hint="run its setup.sh as root, then: filcross toolchain link NAME /opt/fil; "
            "builds need the musl-flavoured release, filc-VERSION-linux-x86_64.tar.xz",
        )
    for lib in (root / "pizfix" / "lib", root / "lib"):
        if lib.is_dir() and any((lib / name.replace("x86_64", "aarch64")).exists() for name in LOADERS):
            raise UnsupportedInputError(
                f"{path} is a release for aarch64",
                hint="filcross knows x86_64: use filc-VERSION-linux-x86_64.tar.xz",
            )
    if (root / "lib" / "libyolocimpl.so").exists():
        return "optfil" if (root / "bin").is_dir() else "sysroot"
    return "pizfix"


def _ask(toolchain: Toolchain) -> tuple[str, str]:
    """Return Fil-C's version and the loader that the driver puts into programs (empty if it does not say).

    The version's place in `--version` differs by release (0.675: first; 0.685: in brackets), and 0.678 does
    not say it at all: then the commit or the name of the folder must.
    """
    driver, root = toolchain.compiler, toolchain.root
    version = ""
    loader = ""
    try:
        if driver.exists():
            says = run([driver, "--version"], check=False, timeout=20).stdout
            match = re.search(r"Fil-C (\d+\.\d+)", says)
            version = match.group(1) if match else _version_of_commit(says)
            existing = toolchain.lib / "crti.o"  # a driver plans nothing for a file that is not there
            dry = run([driver, "-###", "-o", "program", existing], check=False, timeout=20).stderr
            linked = re.search(r'"-dynamic-linker" "[^"]*/([^"/]+)"', dry)
            loader = linked.group(1) if linked else ""
    except FilcrossError:
        pass  # it does not run here (yet): a release is relocated when it is used
    if not version:
        named = re.search(r"(?:opt)?filc?-(?:\w+-)*?(\d+\.\d+)", root.name)
        version = named.group(1) if named else ""
    if not version and toolchain.layout == "sysroot":
        return "unknown", loader
    if not version:
        raise UnsupportedInputError(
            f"{driver} does not say which version of Fil-C it is",
            hint="keep the release's own folder name, filc-VERSION-linux-x86_64",
        )
    return version, loader


def _version_of_commit(says: str) -> str:
    """Return the version whose commit a driver names that does not say its version (empty: unknown)."""
    from filcross.toolchain import releases

    commits = re.findall(r"\b[0-9a-f]{7,40}\b", says)
    for asset in releases.assets():
        if asset.commit and any(asset.commit.startswith(commit) for commit in commits):
            return asset.version
    return ""
