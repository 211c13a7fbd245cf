"""The two loaders' search rules, on folders of packed files."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest
from elf_packer import Elf, Sym

from filcross.elf import image as elf
from filcross.elf.closure import Loader, Places, Process, describe_loader, is_steady, load, read_cache
from filcross.process import run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SANDWICH = ("yoloc", "yolom", "yolopt", "yolodl")
MUSL = ("c", "pthread", "rt", "m", "dl", "util", "xnet")


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Path]:
    def write(name: str, **options: object) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(Elf(**options).pack())  # type: ignore[arg-type]
        return path

    return write


def read(path: str) -> elf.Image | None:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return None
    try:
        return elf.read_image(elf.Window(descriptor))
    except elf.ImageError:
        return None
    finally:
        os.close(descriptor)


def process(program: Path, flavour: str, loader: str = "", self_names: tuple[str, ...] = ()) -> Process:
    image = read(str(program))
    assert image is not None
    return load(str(program), image, Loader(loader, flavour, self_names), read)


def found(result: Process) -> dict[str, str]:
    return {item.name: item.path for item in result.objects[1:]}


def missing(result: Process) -> dict[str, tuple[str, ...]]:
    return {item.name: item.tried for item in result.missing}


@pytest.mark.parametrize("tag", ["rpath", "runpath"])
def test_musl_inherits_both_paths_through_the_chain(
    tmp_path: Path, make: Callable[..., Path], tag: str
) -> None:
    program = make("bin/program", needed=["liba.so"], **{tag: f"{tmp_path}/a:{tmp_path}/b"})
    make("a/liba.so", needed=["libb.so"])
    make("b/libb.so")
    assert found(process(program, "musl")) == {
        "liba.so": f"{tmp_path}/a/liba.so",
        "libb.so": f"{tmp_path}/b/libb.so",
    }


def test_glibc_inherits_rpath_but_not_runpath(tmp_path: Path, make: Callable[..., Path]) -> None:
    make("a/liba-inherit-test.so", needed=["libb-inherit-test.so"])
    make("b/libb-inherit-test.so")
    path = f"{tmp_path}/a:{tmp_path}/b"
    old = make("old", needed=["liba-inherit-test.so"], rpath=path)
    assert set(found(process(old, "glibc"))) == {"liba-inherit-test.so", "libb-inherit-test.so"}
    new = make("new", needed=["liba-inherit-test.so"], runpath=path)
    assert "libb-inherit-test.so" in missing(process(new, "glibc"))


def test_glibc_ignores_rpath_where_there_is_a_runpath(tmp_path: Path, make: Callable[..., Path]) -> None:
    make("a/libonly-in-a.so")
    program = make("p", needed=["libonly-in-a.so"], rpath=f"{tmp_path}/a", runpath=f"{tmp_path}/b")
    result = missing(process(program, "glibc"))["libonly-in-a.so"]
    assert result[0] == f"{tmp_path}/b/libonly-in-a.so"
    assert f"{tmp_path}/a/libonly-in-a.so" not in result


def test_the_needing_library_is_asked_before_the_program(tmp_path: Path, make: Callable[..., Path]) -> None:
    program = make("program", needed=["liba.so"], runpath=f"{tmp_path}/a:{tmp_path}/wrong")
    make("a/liba.so", needed=["libb.so"], runpath=f"{tmp_path}/right")
    make("right/libb.so")
    make("wrong/libb.so")
    assert found(process(program, "musl"))["libb.so"] == f"{tmp_path}/right/libb.so"


def test_origin_is_the_folder_of_the_file(tmp_path: Path, make: Callable[..., Path]) -> None:
    program = make("bin/program", needed=["liba.so"], runpath="${ORIGIN}/../lib")
    make("lib/liba.so")
    for flavour in ("musl", "glibc"):
        assert found(process(program, flavour))["liba.so"] == f"{tmp_path}/bin/../lib/liba.so"


def test_musl_ignores_a_path_with_another_variable(tmp_path: Path, make: Callable[..., Path]) -> None:
    program = make("program", needed=["libx-only-here.so"], runpath=f"{tmp_path}/a:$LIB")
    make("a/libx-only-here.so")
    assert "libx-only-here.so" in missing(process(program, "musl"))


def test_musl_takes_its_default_from_the_loaders_prefix(tmp_path: Path, make: Callable[..., Path]) -> None:
    make("deep/libdefault.so")
    program = make("program", needed=["libdefault.so"])
    loader = make("prefix/lib/ld-fil1-x86_64.so")
    assert missing(process(program, "musl", str(loader)))["libdefault.so"] == (
        "/lib/libdefault.so",
        "/usr/local/lib/libdefault.so",
        "/usr/lib/libdefault.so",
    )
    (tmp_path / "prefix" / "etc").mkdir()
    (tmp_path / "prefix" / "etc" / "ld-musl-x86_64.path").write_text(f"/nowhere\n{tmp_path}/deep\n")
    result = process(program, "musl", str(loader))
    assert found(result)["libdefault.so"] == f"{tmp_path}/deep/libdefault.so"
    assert result.objects[1].how == "default path"


def test_some_names_mean_the_loader_itself(tmp_path: Path, make: Callable[..., Path]) -> None:
    program = make("program", needed=["libyoloc.so", "libc.so"], runpath=str(tmp_path / "lib"))
    make("lib/libc.so")
    make("lib/libyoloc.so")
    loader = str(make("lib/ld-fil1-x86_64.so"))
    assert found(process(program, "musl", loader, SANDWICH)) == {
        "libyoloc.so": loader,
        "libc.so": f"{tmp_path}/lib/libc.so",
    }
    assert found(process(program, "musl", loader, MUSL)) == {
        "libyoloc.so": f"{tmp_path}/lib/libyoloc.so",
        "libc.so": loader,
    }


def test_the_loaders_own_list_of_names_is_read_from_it(make: Callable[..., Path]) -> None:
    for text, expected in (
        (b"c.pthread.rt.m.dl.util.xnet.", MUSL),
        (b"yoloc.yolom.yolopt.yolodl.", SANDWICH),
    ):
        path = make("loader", code=b"\x90" * 5000 + text)
        with path.open("rb") as file:
            described = describe_loader(str(path), elf.read_image(elf.Window(file.fileno())))
        assert (described.flavour, described.self_names) == ("musl", expected)
    path = make("glibc", soname="ld-linux-x86-64.so.2", dynsyms=[Sym("_rtld_global")])
    with path.open("rb") as file:
        assert describe_loader(str(path), elf.read_image(elf.Window(file.fileno()))).flavour == "glibc"


def test_one_file_under_two_names_is_loaded_once(tmp_path: Path, make: Callable[..., Path]) -> None:
    program = make("program", needed=["liba.so", "libalias.so", "liba.so"], runpath=str(tmp_path))
    make("liba.so")
    (tmp_path / "libalias.so").symlink_to("liba.so")
    result = process(program, "musl")
    assert [item.name for item in result.objects[1:]] == ["liba.so"]
    assert result.missing == ()


def test_a_loop_of_libraries_ends(tmp_path: Path, make: Callable[..., Path]) -> None:
    program = make("program", needed=["liba.so"], runpath=str(tmp_path))
    make("liba.so", needed=["libb.so", "libself.so"])
    make("libb.so", needed=["liba.so", "libb.so"])
    make("libself.so", needed=["libself.so"])
    assert set(found(process(program, "musl"))) == {"liba.so", "libb.so", "libself.so"}


def test_a_file_of_another_class_stops_musl_and_not_glibc(tmp_path: Path, make: Callable[..., Path]) -> None:
    program = make("program", needed=["liba.so"], runpath=f"{tmp_path}/wrong:{tmp_path}/right")
    make("wrong/liba.so", bits=32)
    make("right/liba.so")
    assert missing(process(program, "musl"))["liba.so"] == (f"{tmp_path}/wrong/liba.so",)
    assert found(process(program, "glibc"))["liba.so"] == f"{tmp_path}/right/liba.so"


def test_glibcs_variants_for_newer_processors_are_all_there(
    tmp_path: Path, make: Callable[..., Path]
) -> None:
    program = make("program", needed=["liba.so"], runpath=str(tmp_path))
    make("liba.so")
    make("glibc-hwcaps/x86-64-v3/liba.so")
    paths = [item.path for item in process(program, "glibc").objects[1:]]
    assert paths == [f"{tmp_path}/liba.so", f"{tmp_path}/glibc-hwcaps/x86-64-v3/liba.so"]


def test_a_path_in_needed_is_taken_as_it_is(make: Callable[..., Path]) -> None:
    library = make("somewhere/libx.so")
    program = make("program", needed=[str(library)])
    result = process(program, "musl")
    assert found(result) == {str(library): str(library)}
    assert result.objects[1].how == "path in DT_NEEDED"


@pytest.mark.parametrize("flavour", ["musl", "glibc"])
def test_a_program_behind_a_link_looks_beside_itself(
    tmp_path: Path, make: Callable[..., Path], flavour: str
) -> None:
    make("real/bin/program", needed=["liba.so"], runpath="$ORIGIN/../lib")
    make("real/lib/liba.so")
    (tmp_path / "link").symlink_to("real/bin/program")
    assert found(process(tmp_path / "link", flavour))["liba.so"] == f"{tmp_path}/real/bin/../lib/liba.so"


def test_glibcs_cache_is_asked_before_the_default_folders(tmp_path: Path) -> None:
    """A cache that the real ldconfig made."""
    ldconfig = shutil.which("ldconfig", path="/sbin:/usr/sbin")
    if ldconfig is None:
        pytest.skip("no ldconfig on this machine")
    prefix, libraries = tmp_path / "sandwich", tmp_path / "cached"
    for folder in (prefix / "lib", prefix / "etc", libraries):
        folder.mkdir(parents=True)
    shutil.copy(os.path.realpath("/lib/x86_64-linux-gnu/libm.so.6"), libraries / "libm.so.6")
    run([ldconfig, "-X", "-C", prefix / "etc" / "ld.so.cache", libraries])
    cache = read_cache(str(prefix / "etc" / "ld.so.cache"))
    assert cache["libm.so.6"][0] == str(libraries / "libm.so.6")
    program = tmp_path / "program"
    program.write_bytes(Elf(needed=["libm.so.6"]).pack())
    result = process(program, "glibc", f"{prefix}/lib/ld-fil1-x86_64.so")
    assert found(result) == {"libm.so.6": str(libraries / "libm.so.6"), **found(result)}
    assert result.objects[1].how == "ld.so.cache"


@pytest.mark.parametrize("cut", [0, 20, 47, 48, 60, 100])
def test_a_damaged_cache_is_no_cache(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "cache"
    path.write_bytes((b"glibc-ld.so.cache1.1" + b"\xff" * 200)[:cut])
    assert read_cache(str(path)) == {}


def test_places_behind_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "a"
    (folder / "b").mkdir(parents=True)
    (folder / "b" / "file").touch()
    (tmp_path / "other").symlink_to("a")
    monkeypatch.chdir(tmp_path)
    targets = ("file", "../b/file", str(folder / "b" / "file"), "../../other/b/file", "link0", "..", ".", "/")
    for number, target in enumerate((*targets, "nowhere", "link9", "/no/where", "../b/")):
        link = folder / "b" / f"link{number}"
        link.symlink_to(target)
        for path in (str(link), str(tmp_path / "other" / "b" / link.name), f"a/b/{link.name}"):
            home = os.path.realpath(path.rpartition("/")[0])
            assert Places().behind(path, home) == os.path.realpath(path), target
    real = {str(folder): True, "a": False, "./a": False, str(tmp_path / "other" / "b"): False, "/": False}
    assert {path: Places().is_real(path) for path in real} == real
    assert not Places().is_real(str(tmp_path / "other"))
    assert not Places().is_real(f"{folder}/b/../b")


def test_what_is_steady_is_the_same_asked_at_once_or_step_by_step(tmp_path: Path) -> None:
    (tmp_path / "p").symlink_to("/proc/self")
    (tmp_path / "fd").mkdir()
    (tmp_path / "f").symlink_to("fd")
    deep = "/".join(["x"] * 2000)
    for path in (
        *("/proc/self/exe", "/dev/fd/3", "/proc", "/", "", "x", "/etc/../proc/1", "/proc/../etc"),
        *(f"{tmp_path}/{name}" for name in ("p/exe", "p", "fd/x", "f/x", "f", "../proc", "no/where", deep)),
    ):
        assert Places().is_steady(path) == is_steady(path), path
