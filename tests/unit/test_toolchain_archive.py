"""Archives: good ones are unpacked, hostile and damaged ones are refused and nothing is written."""

from __future__ import annotations

import gzip
import io
import lzma
import random
import tarfile
import zlib
from typing import TYPE_CHECKING

import pytest

from filcross.toolchain import archive
from filcross.toolchain.archive import DamagedArchiveError, HostileArchiveError, Limits

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SMALL = Limits(size=4 << 20, entries=50, ratio=20, free=1 << 20, header=8 << 10)


class Packer:
    """Packs entries that no honest program would."""

    def __init__(self) -> None:
        self.buffer = io.BytesIO()
        self.tar = tarfile.open(fileobj=self.buffer, mode="w", format=tarfile.PAX_FORMAT)  # noqa: SIM115
        self.folder("top")

    def add(self, name: str, kind: bytes = tarfile.REGTYPE, data: bytes = b"", **fields: object) -> Packer:
        info = tarfile.TarInfo(name)
        info.type, info.size, info.mode = kind, len(data), 0o644
        for key, value in fields.items():
            setattr(info, key, value)
        self.tar.addfile(info, io.BytesIO(data))
        return self

    def folder(self, name: str) -> Packer:
        return self.add(name, tarfile.DIRTYPE, mode=0o755)

    def link(self, name: str, target: str) -> Packer:
        return self.add(name, tarfile.SYMTYPE, linkname=target)

    def hard(self, name: str, target: str) -> Packer:
        return self.add(name, tarfile.LNKTYPE, linkname=target)

    def plain(self) -> bytes:
        self.tar.close()
        return self.buffer.getvalue()

    def save(self, path: Path) -> Path:
        path.write_bytes(lzma.compress(self.plain(), preset=0))
        return path


def good() -> Packer:
    packer = Packer()
    packer.folder("top/lib").add("top/lib/libc.so", data=b"\x7fELF" * 99, mode=0o755)
    packer.link("top/lib/ld.so", "libc.so").link("top/usr", "lib").hard("top/lib/copy", "top/lib/libc.so")
    packer.add("top/deep/er/file", data=b"text", uid=12345, uname="somebody")
    packer.folder("top/include").add("top/include/xt_MARK.h").add("top/include/xt_mark.h")
    return packer.link("top/deep/up", "../lib/../lib/ld.so").link("top/dangling", "not/there")


@pytest.mark.parametrize("kind", ["xz", "gz", "tar", "two streams"])
def test_a_good_archive(tmp_path: Path, kind: str) -> None:
    data = good().plain()
    packed = {
        "xz": lzma.compress(data),
        "gz": gzip.compress(data),
        "tar": data,
        "two streams": lzma.compress(data[:2000]) + b"\0" * 4 + lzma.compress(data[2000:]),
    }[kind]
    file = tmp_path / "release"
    file.write_bytes(packed)
    contents = archive.unpack(file, tmp_path / "out", SMALL)
    out = tmp_path / "out"
    assert (contents.top, contents.entries, contents.size) == ("top", 12, 400)
    assert (out / "lib" / "libc.so").read_bytes() == b"\x7fELF" * 99
    assert (out / "lib" / "libc.so").stat().st_mode & 0o7777 == 0o755
    assert (out / "deep" / "er" / "file").stat().st_mode & 0o7777 == 0o644
    assert (out / "deep" / "up").resolve() == out / "lib" / "libc.so"
    assert (out / "lib" / "copy").stat().st_ino == (out / "lib" / "libc.so").stat().st_ino
    assert (out / "lib" / "copy").stat().st_uid == out.stat().st_uid
    assert {item.name for item in (out / "include").iterdir()} == {"xt_MARK.h", "xt_mark.h"}
    assert (out / "dangling").is_symlink()


HOSTILE: dict[str, tuple[Callable[[Packer], Packer], str]] = {
    "absolute": (lambda p: p.add("/etc/passwd"), "absolute path"),
    "absolute in pax": (lambda p: p.add("/" + "a/" * 90 + "x"), "absolute path"),
    "up": (lambda p: p.add("top/../../evil"), "leaves its folder"),
    "up and back": (lambda p: p.add("top/a/../b"), "leaves its folder"),
    "only up": (lambda p: p.add("../top/a"), "leaves its folder"),
    "two tops": (lambda p: p.add("other/file"), "two top folders"),
    "link out": (lambda p: p.link("top/a", "../evil"), "outside the archive"),
    "absolute link": (lambda p: p.link("top/a", "/etc"), "outside the archive"),
    "empty link": (lambda p: p.link("top/a", ""), "outside the archive"),
    "link chain out": (
        lambda p: p.link("top/a", "b").folder("top/d").link("top/d/up", "..").link("top/b", "d/up/.."),
        "outside the archive",
    ),
    "link chain out, later": (
        lambda p: p.folder("top/x").link("top/a", "x/y/../../z").link("top/x/y", ".."),
        "outside the archive",
    ),
    "through a link": (lambda p: p.link("top/a", ".").add("top/a/file"), "written through"),
    "through a link out": (lambda p: p.link("top/a", "..").add("top/a/file"), "outside the archive"),
    "through a file": (lambda p: p.add("top/a").add("top/a/file"), "written through"),
    "circle": (lambda p: p.link("top/a", "b").link("top/b", "a"), "in a circle"),
    "self": (lambda p: p.link("top/a", "a"), "in a circle"),
    "exploding links": (
        lambda p: (
            [p.link(f"top/l{n}", f"l{n + 1}/l{n + 1}/l{n + 1}") for n in range(20)] and p.link("top/l20", ".")
        ),
        "in a circle",
    ),
    "hard link out": (lambda p: p.hard("top/a", "/etc/passwd"), "absolute path"),
    "hard link up": (lambda p: p.hard("top/a", "top/../../x"), "leaves its folder"),
    "hard link to a link": (lambda p: p.link("top/a", "b").hard("top/c", "top/a"), "no file of the archive"),
    "hard link to nothing": (lambda p: p.hard("top/c", "top/a"), "no file of the archive"),
    "hard link elsewhere": (lambda p: p.hard("top/c", "other/a"), "no file of the archive"),
    "device": (lambda p: p.add("top/sda", tarfile.BLKTYPE, devmajor=8), "device or pipe"),
    "terminal": (lambda p: p.add("top/tty", tarfile.CHRTYPE), "device or pipe"),
    "pipe": (lambda p: p.add("top/pipe", tarfile.FIFOTYPE), "device or pipe"),
    "setuid": (lambda p: p.add("top/su", mode=0o4755), "setuid"),
    "setgid": (lambda p: p.add("top/su", mode=0o2755), "setuid"),
    "sparse": (lambda p: p.add("top/a", tarfile.GNUTYPE_SPARSE), "sparse"),
    "twice": (lambda p: p.add("top/a").add("top/a"), "twice"),
    "twice, a link first": (lambda p: p.link("top/a", "b").add("top/a"), "twice"),
    "file then folder": (lambda p: p.add("top/a").folder("top/a"), "twice"),
    "twice, other path": (lambda p: p.add("top/a").add("top//./a".replace("/./", "/")), "twice"),
    "case": (lambda p: p.add("top/bin/filcc").add("top/BIN/filcc"), "spelling only"),
    "composed": (lambda p: p.add("top/caf\u00e9").add("top/cafe\u0301"), "spelling only"),
    "control characters": (lambda p: p.add("top/a\x1b[2Jb"), "control characters"),
    "newline": (lambda p: p.add("top/a\nb"), "control characters"),
    "backslash": (lambda p: p.add("top/..\\..\\evil"), "control characters"),
    "not unicode": (lambda p: p.add("top/a\udce9"), "control characters"),
    "long part": (lambda p: p.add("top/" + "x" * 256), "too deep or too long"),
    "deep": (lambda p: p.add("top/" + "x/" * 80 + "y"), "too deep or too long"),
    "long path": (lambda p: p.add("top/" + "x" * 200 + "/" + "y/" * 700), "bytes"),
    "huge header": (lambda p: p.add("top/a", pax_headers={"comment": "x" * 9000}), "header"),
    "many": (lambda p: [p.add(f"top/{n}") for n in range(60)] and p, "more than 50 entries"),
    "ratio": (lambda p: p.add("top/zero", data=bytes(3 << 20)), "20 times as many"),
    "size": (lambda p: p.add("top/noise", data=random.Random(1).randbytes(5 << 20)), "unpacks to more"),
    "top is a file": (lambda p: p.add("top"), "not a folder"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_archive_is_refused_and_nothing_is_written(tmp_path: Path, name: str) -> None:
    make, message = HOSTILE[name]
    work = tmp_path / "work"
    work.mkdir()
    file = make(Packer().add("top/first", data=b"harmless")).save(tmp_path / "release.tar.xz")
    with pytest.raises(HostileArchiveError, match=message) as caught:
        archive.unpack(file, work / "out", SMALL)
    assert caught.value.exit_code == 5
    assert caught.value.message.isprintable()
    assert list(work.iterdir()) == []
    assert {item.name for item in tmp_path.iterdir()} == {"work", "release.tar.xz"}


def test_headers_that_lie_about_their_size_take_no_memory(tmp_path: Path) -> None:
    info = tarfile.TarInfo("top/x")
    info.type, info.size = tarfile.XHDTYPE, 1 << 36
    file = tmp_path / "release.tar"
    file.write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(1 << 20))
    with pytest.raises(HostileArchiveError, match="header"):
        archive.check(file)


def test_data_behind_the_end_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "release.tar.xz"
    file.write_bytes(lzma.compress(good().plain() + bytes(20480) + b"more"))
    with pytest.raises(HostileArchiveError, match="behind its end"):
        archive.check(file, SMALL)


@pytest.mark.parametrize("step", range(12))
def test_a_truncated_archive_is_never_taken_for_a_whole_one(tmp_path: Path, step: int) -> None:
    plain = good().plain()
    for kind, data in (
        ("xz", lzma.compress(plain)),
        ("gz", gzip.compress(plain)),
        ("tar", plain.rstrip(b"\0")),
    ):
        file = tmp_path / f"release.{kind}"
        file.write_bytes(data[: len(data) * step // 12])
        with pytest.raises(DamagedArchiveError):
            archive.unpack(file, tmp_path / "out", SMALL)
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("seed", range(30))
def test_a_garbled_archive_is_refused_or_harmless(tmp_path: Path, seed: int) -> None:
    choose = random.Random(seed)
    data = bytearray(good().plain() if seed % 2 else lzma.compress(good().plain()))
    for _ in range(choose.randint(1, 8)):
        data[choose.randrange(len(data))] = choose.randrange(256)
    file = tmp_path / "release"
    file.write_bytes(bytes(data))
    work = tmp_path / "work"
    work.mkdir()
    try:
        archive.unpack(file, work / "out", SMALL)
    except (HostileArchiveError, DamagedArchiveError):
        assert list(work.iterdir()) == []
    else:
        assert [item.name for item in work.iterdir()] == ["out"]


@pytest.mark.parametrize("content", [b"", b"not an archive", b"\xfd7zXZ\x00garbage", bytes(10240)])
def test_what_is_no_archive(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "release.tar.xz"
    file.write_bytes(content)
    with pytest.raises(DamagedArchiveError) as caught:
        archive.check(file)
    assert caught.value.hint


def test_a_memory_hungry_stream_is_refused(tmp_path: Path) -> None:
    data = bytearray(lzma.compress(good().plain()))
    start, size = 12, (data[12] + 1) * 4  # the first block's header
    place = data.index(b"\x21\x01", start)
    data[place + 2] = 36  # asks for a dictionary of 1 GiB
    header = bytes(data[start : start + size - 4])
    data[start + size - 4 : start + size] = zlib.crc32(header).to_bytes(4, "little")
    file = tmp_path / "release.tar.xz"
    file.write_bytes(bytes(data))
    with pytest.raises(DamagedArchiveError, match="Memory"):
        archive.check(file)
