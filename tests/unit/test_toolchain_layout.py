"""Recognising toolchain folders by their content. The folders here are made of files with the right names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from filcross.errors import UnsupportedInputError
from filcross.toolchain.layout import SIMULATOR_MARK, fixed_prefix, recognise, refuse_for_builds

if TYPE_CHECKING:
    from pathlib import Path

FILES = [
    "build/bin/clang-20",
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
]


def release(root: Path, *, says: str = "", loader: str = "ld-fil1-x86_64.so") -> Path:
    """Make the files of a release, whose driver says `says`."""
    for name in FILES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"\x7fELF")
    (root / "pizfix" / "lib" / loader).symlink_to("libyoloc.so")
    driver = root / "build" / "bin" / "filcc"
    driver.write_text(f"#!/bin/sh\necho '{says}'\n")
    driver.chmod(0o755)
    return root


@pytest.mark.parametrize(
    ("says", "version"),
    [
        ("Fil-C 0.675 clang version 20.1.8 (https://example.org 1234)", "0.675"),
        (
            "clang version 20.1.8 (Fil-C 0.685 git@github.com:pizlonator/llvm-project-deluge.git bb0d0a64)",
            "0.685",
        ),
        ("clang version 20.1.8 (Fil-C 0.686 git@github.com:pizlonator/fil-c.git 163fae59)", "0.686"),
    ],
)
def test_version_from_the_driver(tmp_path: Path, says: str, version: str) -> None:
    toolchain = recognise(release(tmp_path / "anything", says=says))
    assert (toolchain.version, toolchain.kind, toolchain.simulated) == (version, "release", False)
    assert (toolchain.flavour, toolchain.arch, toolchain.loader) == ("musl", "x86_64", "ld-fil1-x86_64.so")
    assert toolchain.label == version
    assert toolchain.name == f"{version}-musl-x86_64"


def test_version_from_the_folder_where_the_driver_does_not_say_or_run(tmp_path: Path) -> None:
    silent = release(
        tmp_path / "filc-0.678-linux-x86_64", says="clang version 20.1.8 (git@github.com 139f139)"
    )
    assert recognise(silent).version == "0.678"
    (silent / "build" / "bin" / "filcc").chmod(0o644)
    assert recognise(silent).version == "0.678"
    with pytest.raises(UnsupportedInputError, match="does not say which version"):
        recognise(silent.rename(tmp_path / "renamed"))


def test_loader_is_the_file_that_exists(tmp_path: Path) -> None:
    old = release(tmp_path / "old", says="Fil-C 0.681", loader="ld-yolo-x86_64.so")
    assert recognise(old).loader == "ld-yolo-x86_64.so"


def test_simulator_is_known_by_its_note(tmp_path: Path) -> None:
    root = release(tmp_path / "filc-0.686-linux-x86_64", says="clang version 19.1.7 (Fil-C 0.686 simulator)")
    (root / "pizfix" / "lib" / "libpizlo.so").write_bytes(b"\x7fELF" + SIMULATOR_MARK)
    toolchain = recognise(root)
    assert toolchain.simulated
    assert toolchain.label == "0.686 simulator (not memory-safe)"


@pytest.mark.parametrize("name", [*FILES, "build/bin/filcc", "pizfix/lib/ld-fil1-x86_64.so"])
def test_each_missing_file_is_named(tmp_path: Path, name: str) -> None:
    root = release(tmp_path / "one", says="Fil-C 0.686")
    (root / name).unlink()
    with pytest.raises(UnsupportedInputError) as caught:
        recognise(root)
    assert name in caught.value.message
    assert caught.value.exit_code == 5
    assert caught.value.hint


GLIBC = [
    "bin/fil++",
    "lib/clang/20/include/stddef.h",
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
    "lib/ld-fil1-x86_64.so",
    "include/stdio.h",
]


def glibc(root: Path, *, compiler: bool) -> Path:
    """Make the files of an /opt/fil, or of a sysroot without a compiler."""
    for name in GLIBC:
        if compiler or not name.startswith(("bin/", "lib/clang")):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(b"\x7fELF")
    needed = "AS_NEEDED ( /opt/fil/lib/ld-fil1-x86_64.so )"
    script = f"/* GNU ld script */\nGROUP ( /opt/fil/lib/libyolocimpl.so {needed} )\n"
    (root / "lib" / "libyoloc.so").write_text(script)
    if compiler:
        driver = root / "bin" / "filcc"
        driver.write_text("#!/bin/sh\necho 'clang version 20.1.8 (Fil-C 0.685 git@github.com:x bb0d0a64)'\n")
        driver.chmod(0o755)
    return root


def test_the_glibc_flavour_is_recognised_and_kept_from_builds(tmp_path: Path) -> None:
    root = glibc(tmp_path / "fil", compiler=True)
    toolchain = recognise(root)
    assert (toolchain.flavour, toolchain.layout, toolchain.version) == ("glibc", "optfil", "0.685")
    assert (toolchain.name, toolchain.label) == ("0.685-glibc-x86_64", "0.685 glibc")
    assert toolchain.compiler == root / "bin" / "filcc"
    assert toolchain.lib == root / "lib"
    assert fixed_prefix(toolchain) == "/opt/fil"
    with pytest.raises(UnsupportedInputError, match="paths are fixed"):
        refuse_for_builds(toolchain)
    musl = recognise(release(tmp_path / "musl", says="Fil-C 0.686"))
    refuse_for_builds(musl)
    assert fixed_prefix(musl) is None
    assert musl.layout == "pizfix"


def test_a_sysroot_has_no_compiler(tmp_path: Path) -> None:
    root = glibc(tmp_path / "0123-filc-sysroot-0.686", compiler=False)
    toolchain = recognise(root)
    assert (toolchain.layout, toolchain.version) == ("sysroot", "0.686")
    assert recognise(root.rename(tmp_path / "sysroot")).version == "unknown"


@pytest.mark.parametrize("name", GLIBC)
def test_each_missing_file_of_the_glibc_flavour_is_named(tmp_path: Path, name: str) -> None:
    root = glibc(tmp_path / "fil", compiler=True)
    (root / name).unlink()
    with pytest.raises(UnsupportedInputError) as caught:
        recognise(root)
    if name != "lib/libyolocimpl.so":  # without it, nothing tells a glibc-flavoured folder from any other
        assert name in caught.value.message


def test_version_by_the_commit(tmp_path: Path) -> None:
    says = "clang version 20.1.8 (git@github.com:pizlonator/fil-c 163fae598eaf249b74065b0156f3a7e7ba8c0e5a)"
    assert recognise(release(tmp_path / "renamed", says=says)).version == "0.686"


def test_other_releases_are_refused_in_words(tmp_path: Path) -> None:
    optfil = tmp_path / "optfil-0.686-linux-x86_64"
    optfil.mkdir()
    (optfil / "fil.tar.xz").touch()
    with pytest.raises(UnsupportedInputError, match="glibc-flavoured"):
        recognise(optfil)
    arm = release(tmp_path / "arm", says="Fil-C 0.686", loader="ld-fil1-aarch64.so")
    with pytest.raises(UnsupportedInputError, match="aarch64"):
        recognise(arm)
    with pytest.raises(UnsupportedInputError, match="is not a folder"):
        recognise(tmp_path / "nothing")
