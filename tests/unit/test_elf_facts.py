"""What is kept about files of store paths: found again for the same file, and for nothing else."""

from __future__ import annotations

import errno
import mmap
import os
import time
from typing import TYPE_CHECKING, Any

import pytest
from elf_packer import Elf, Sym

from filcross.elf import facts, files, policy
from filcross.elf import inspect as inspector
from filcross.elf import kept as keeping
from filcross.elf.inspect import inspect
from filcross.elf.policy import Policy, Runtime, RuntimeFile, policy_for, runtime_from_folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from filcross.elf.files import Said

KEY = b"k" * 32
ORDINARY = Elf(
    dynsyms=[Sym("printf", defined=False), Sym("main"), Sym("caf\xe9")], needed=["libc.so.6"]
).pack()
FILC = Elf(
    interpreter="/t/lib/ld-fil1-x86_64.so",
    needed=["libc.so", "libpizlo.so"],
    dynsyms=[Sym("pizlonated_main"), Sym("filc_pollcheck_slow", defined=False)],
    symbols=[Sym("a.c", type=4, bind=0), Sym("pizlonated_main"), Sym("helper", bind=0)],
    notes=[("filcross", 0x46534D31, b"simulator a.c text=32 sections=1\0")],
).pack()
MODULE = Elf(
    type=1,
    dynamic=False,
    symbols=[Sym("init_module")],
    others=(".modinfo", ".gnu.linkonce.this_module"),
).pack()


def other_policy(folder: Path) -> Policy:
    loader = RuntimeFile("ld-fil1-x86_64.so", "loader", "0" * 64, 32, None, noted=True)
    return policy_for([Runtime("other", True, "musl", folder, (loader,))])


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A folder like a store with one store path of some files."""
    path = tmp_path / "store" / "0123456789abcdfghijklmnpqrsvwxyz-files"
    path.mkdir(parents=True)
    archive = b"!<arch>\n" + b"a.o/            0           0     0     644     "
    for name, data in {
        "ordinary": ORDINARY,
        "filc": FILC,
        "script": b"#!/bin/sh\n",
        "text": b"text",
        "packed": b"\x1f\x8bpacked",
        "lib.a": archive + f"{len(ORDINARY):<10}".encode() + b"`\n" + ORDINARY,
        "thin.a": b"!<thin>\n",
        "damaged": ORDINARY[:100],
    }.items():
        (path / name).write_bytes(data)
    return path


@pytest.fixture
def kept(tmp_path: Path, store: Path) -> Callable[..., facts.Facts]:
    def make(
        key: bytes = KEY, nar_hash: str = "sha256:1", rules: Policy | None = None, root: Path = store
    ) -> facts.Facts:
        memory = keeping.Kept(tmp_path / "cache", key, now=time.time() + 60)
        return facts.Facts(memory, lambda: {str(root): nar_hash}, rules or policy_for([]))

    return make


def said(found: facts.Facts, path: Path) -> Said | None:
    return found.said(str(path), keeping.identity(path.stat()))


def test_a_second_run_finds_what_the_first_said(store: Path, kept: Callable[..., facts.Facts]) -> None:
    plain = inspect([store], policy_for([]))
    assert inspect([store], policy_for([]), facts=kept()) == plain
    found = kept()
    lasting = {path.name for path in store.iterdir() if said(found, path) is not None}
    assert lasting == {"ordinary", "filc", "script", "text", "packed", "lib.a"}
    again = said(found, store / "ordinary")
    assert again is not None
    assert again.content is not None
    assert again.content.verdict == "foreign"
    assert inspect([store], policy_for([]), facts=found) == plain


def test_a_changed_file_is_read_again(store: Path, kept: Callable[..., facts.Facts]) -> None:
    inspect([store], policy_for([]), facts=kept())
    path = store / "filc"
    before = path.stat()
    path.write_bytes(ORDINARY.ljust(len(FILC), b"\0")[: len(FILC)])
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))  # who changes a file may hide that it did
    assert said(kept(), path) is None
    report = inspect([store], policy_for([]), facts=kept())
    assert report == inspect([store], policy_for([]))


def test_another_key_hash_or_policy_is_another_entry(
    tmp_path: Path, store: Path, kept: Callable[..., facts.Facts]
) -> None:
    inspect([store], policy_for([]), facts=kept())
    path = store / "ordinary"
    assert said(kept(), path) is not None
    assert said(kept(key=b"x" * 32), path) is None
    assert said(kept(nar_hash="sha256:2"), path) is None
    assert said(kept(rules=other_policy(tmp_path)), path) is None
    assert facts.fingerprint(other_policy(tmp_path)) == facts.fingerprint(other_policy(tmp_path))


def test_a_toolchain_with_another_archive_is_another_policy(tmp_path: Path) -> None:
    before = facts.fingerprint(other_policy(tmp_path))
    (tmp_path / "libc.a").write_bytes(b"!<arch>\n")
    assert facts.fingerprint(other_policy(tmp_path)) != before


@pytest.mark.parametrize("place", [0, 31, 32, 200, -1])
def test_a_forged_entry_says_nothing(
    tmp_path: Path, store: Path, kept: Callable[..., facts.Facts], place: int
) -> None:
    inspect([store], policy_for([]), facts=kept())
    (entry,) = (tmp_path / "cache").iterdir()
    raw = bytearray(entry.read_bytes())
    raw[place] ^= 1
    entry.write_bytes(raw)
    assert said(kept(), store / "ordinary") is None
    for content in (b"", raw[:20], raw[:100]):
        entry.write_bytes(content)
        assert said(kept(), store / "ordinary") is None
    inspect([store], policy_for([]), facts=kept())
    assert said(kept(), store / "ordinary") is not None


@pytest.mark.parametrize("what", ["pipe", "endless", "folder", "nothing", "large"])
def test_an_entry_that_is_no_usual_file_says_nothing(
    tmp_path: Path, store: Path, kept: Callable[..., facts.Facts], what: str
) -> None:
    plain = inspect([store], policy_for([]), facts=kept())
    (entry,) = (tmp_path / "cache").iterdir()
    entry.unlink()
    if what == "pipe":
        os.mkfifo(entry)
    elif what == "folder":
        entry.mkdir()
    elif what == "large":
        with entry.open("wb") as file:
            file.truncate(1 << 40)
    else:
        entry.symlink_to("/dev/zero" if what == "endless" else "nowhere")
    assert said(kept(), store / "ordinary") is None
    assert inspect([store], policy_for([]), facts=kept()) == plain


def test_an_entry_of_another_name_says_nothing(
    tmp_path: Path, store: Path, kept: Callable[..., facts.Facts]
) -> None:
    inspect([store], policy_for([]), facts=kept())
    (mine,) = (tmp_path / "cache").iterdir()
    inspect([store], policy_for([]), facts=kept(nar_hash="sha256:2"))
    (other,) = set((tmp_path / "cache").iterdir()) - {mine}
    mine.rename(other)
    assert said(kept(nar_hash="sha256:2"), store / "ordinary") is None


def test_nothing_is_kept_outside_of_store_paths(
    tmp_path: Path, store: Path, kept: Callable[..., facts.Facts]
) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(ORDINARY)
    (store / "link").symlink_to(outside)
    inspect([store, outside], policy_for([]), facts=kept())
    assert said(kept(), outside) is None
    assert said(kept(), store / "link") is None
    link = store.with_name("z" * 32 + "-link")
    link.symlink_to(store)
    inspect([link], policy_for([]), facts=kept(root=link))
    assert said(kept(root=link), link / "ordinary") is None


def test_what_files_load_from_other_store_paths_is_kept_too(
    tmp_path: Path, store: Path, kept: Callable[..., facts.Facts]
) -> None:
    other = store.with_name("zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz-library")
    (other / "lib").mkdir(parents=True)
    (other / "lib" / "libz.so").write_bytes(ORDINARY)
    user = Elf(needed=["libz.so"], runpath=str(other / "lib"), dynsyms=[Sym("pizlonated_main")]).pack()
    (store / "user").write_bytes(user)
    asked = []

    def ask(paths: list[Path]) -> dict[str, str]:
        asked.append(paths)
        return {str(path): "sha256:2" for path in paths}

    plain = inspect([store], policy_for([]))
    for _ in range(2):
        memory = keeping.Kept(tmp_path / "cache", KEY, now=time.time() + 60)
        found = facts.Facts(memory, lambda: {str(store): "sha256:1"}, policy_for([]), ask)
        assert inspect([store], policy_for([]), facts=found) == plain
        assert said(found, other / "lib" / "libz.so") is not None
    assert asked == [[other], [other]]
    assert said(kept(root=other, nar_hash="sha256:2"), other / "lib" / "libz.so") is not None


def test_a_toolchain_is_read_again_when_it_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "lib"
    folder.mkdir()
    loader = folder / "ld-fil1-x86_64.so"
    loader.write_bytes(Elf(code=b"\x90" * 64, dynsyms=[Sym("start")]).pack())
    (folder / "libpizlo.so").write_bytes(Elf(dynsyms=[Sym("filc_start_program")]).pack())
    (folder / "crt1.o").write_bytes(Elf(type=1, symbols=[Sym("main")]).pack())

    def known(now: float) -> Runtime:
        return runtime_from_folder(folder, kept=keeping.Kept(tmp_path / "cache", KEY, now=now))

    later = time.time() + 60
    fresh = runtime_from_folder(folder)
    assert known(time.time()) == fresh  # it has just changed: nothing is kept
    assert not (tmp_path / "cache").exists()
    assert known(later) == fresh
    with monkeypatch.context() as patched:
        patched.setattr(policy, "read_image", None)  # whoever reads a file now fails
        assert known(later) == fresh
    before = loader.stat()
    loader.write_bytes(loader.read_bytes().replace(b"\x90" * 64, b"\xcc" * 64))
    os.utime(loader, ns=(before.st_atime_ns, before.st_mtime_ns))
    changed = known(later)
    assert changed == runtime_from_folder(folder)
    assert changed != fresh
    (folder / "libc.so").write_bytes(Elf(dynsyms=[Sym("pizlonated_main")]).pack())
    assert [file.role for file in known(later).files].count("user libc") == 1


def test_a_hostile_file_makes_nix_look_into_no_other_store(tmp_path: Path, store: Path) -> None:
    other = tmp_path / "elsewhere" / "store" / store.name
    other.mkdir(parents=True)
    (store / "user").write_bytes(Elf(needed=["libz.so"], runpath=str(other)).pack())
    asked: list[object] = []
    memory = keeping.Kept(tmp_path / "cache", KEY, now=time.time() + 60)

    def ask(paths: list[Path]) -> dict[str, str]:
        asked.append(paths)
        return {}

    inspect(
        [store],
        policy_for([]),
        facts=facts.Facts(memory, lambda: {str(store): "sha256:1"}, policy_for([]), ask),
    )
    assert not asked


def test_what_was_just_changed_is_not_kept(tmp_path: Path, store: Path) -> None:
    memory = keeping.Kept(tmp_path / "cache", KEY)
    inspect(
        [store], policy_for([]), facts=facts.Facts(memory, lambda: {str(store): "sha256:1"}, policy_for([]))
    )
    assert not (tmp_path / "cache").exists()


def test_a_cache_that_cannot_be_written_changes_nothing(
    tmp_path: Path, store: Path, kept: Callable[..., facts.Facts]
) -> None:
    (tmp_path / "cache").write_text("a file, not a folder")
    assert inspect([store], policy_for([]), facts=kept()) == inspect([store], policy_for([]))


def test_the_key_is_made_once_and_for_this_user_only(tmp_path: Path) -> None:
    file = tmp_path / "state" / "facts-key"
    found = keeping.key(file)
    assert (len(found), keeping.key(file), file.stat().st_mode & 0o777) == (32, found, 0o600)
    file.write_bytes(b"half")
    assert len(keeping.key(file)) == 32
    assert [path.name for path in file.parent.iterdir()] == ["facts-key"]


def archive(members: list[tuple[str, bytes]], magic: bytes = b"!<arch>\n") -> bytes:
    names = b"".join(os.fsencode(name) + b"/\n" for name, _ in members)
    parts = [(b"//", names), *((f"/{names.index(os.fsencode(n))}".encode(), data) for n, data in members)]
    packed = magic
    for name, data in parts:
        packed += name.ljust(48) + f"{len(data):<10}".encode() + b"`\n"
        if magic == b"!<arch>\n" or name == b"//":
            packed += data + b"\n" * (len(data) & 1)
    return packed


def test_an_archive_in_an_archive_that_names_files_elsewhere_is_read_again(
    tmp_path: Path, store: Path, kept: Callable[..., facts.Facts]
) -> None:
    outside = tmp_path / "outside.o"
    outside.write_bytes(FILC)
    thin = archive([(str(outside), FILC)], b"!<thin>\n")
    (store / "nested.a").write_bytes(archive([("inner.a", thin)]))
    before = inspect([store / "nested.a"], policy_for([]), facts=kept())
    assert before.files[0].verdict == "no-evidence"
    outside.write_bytes(ORDINARY)
    after = inspect([store / "nested.a"], policy_for([]), facts=kept())
    assert after.files[0].verdict == "foreign"


@pytest.mark.parametrize("again", [False, True])
def test_another_file_in_the_place_of_the_one_that_was_found_is_not_kept(
    tmp_path: Path,
    store: Path,
    kept: Callable[..., facts.Facts],
    monkeypatch: pytest.MonkeyPatch,
    *,
    again: bool,
) -> None:
    """Whose folder is moved away and back has the times that it had."""
    folder, good = store / "lib", tmp_path / "good"
    for place, data in ((folder, ORDINARY), (good, FILC)):
        place.mkdir()
        (place / "file").write_bytes(data)
    plain = files.Reader.said

    def said_of_another(reader: files.Reader, path: str, *more: keeping.Identity | None) -> Said:
        folder.rename(tmp_path / "aside")
        good.rename(folder)
        try:
            return plain(reader, path, *more)
        finally:
            folder.rename(good)
            (tmp_path / "aside").rename(folder)

    with monkeypatch.context() as patch:
        patch.setattr(files.Reader, "said", said_of_another)
        if again:
            found = kept()
            inspection = inspector._Inspection(policy_for([]), facts=found)
            seen = inspection.again(str(folder / "file"))
            inspection.save()
        else:
            (seen,) = inspect([folder], policy_for([]), facts=kept()).files
    assert seen is not None
    assert seen.verdict == "no-evidence"
    assert said(kept(), folder / "file") is None
    assert inspect([folder], policy_for([]), facts=kept()).files[0].verdict == "foreign"


def test_a_toolchain_that_is_moved_while_it_is_read_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, other = tmp_path / "lib", tmp_path / "other"
    for place, code in ((folder, b"\x90" * 32), (other, b"\xcc" * 32)):
        place.mkdir()
        (place / "ld-fil1-x86_64.so").write_bytes(Elf(code=code, dynsyms=[Sym("a")]).pack())
    plain = policy._read_folder

    def read_another(*arguments: Any) -> Any:
        folder.rename(tmp_path / "aside")
        other.rename(folder)
        try:
            return plain(*arguments)
        finally:
            folder.rename(other)
            (tmp_path / "aside").rename(folder)

    memory = keeping.Kept(tmp_path / "cache", KEY, now=time.time() + 60)
    with monkeypatch.context() as patch:
        patch.setattr(policy, "_read_folder", read_another)
        runtime_from_folder(folder, kept=memory)
    assert runtime_from_folder(folder, kept=memory) == runtime_from_folder(folder)


def test_a_file_that_others_can_change_is_not_kept(store: Path, kept: Callable[..., facts.Facts]) -> None:
    """A mapping that is open since long changes a file, and none of its times."""
    file = store / "filc"
    file.write_bytes(ORDINARY.ljust(len(FILC) + 1, b"\0"))
    with file.open("r+b") as opened, mmap.mmap(opened.fileno(), 0) as mapped:
        mapped[:] = FILC + b"\0"
        file.chmod(0o666)
        before = keeping.identity(file.stat())
        assert inspect([file], policy_for([]), facts=kept()).files[0].verdict == "no-evidence"
        mapped[: len(ORDINARY)] = ORDINARY
        assert keeping.identity(file.stat()) == before
        assert inspect([file], policy_for([]), facts=kept()).files[0].verdict == "foreign"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_file_of_another_user_is_not_kept(
    tmp_path: Path, store: Path, kept: Callable[..., facts.Facts]
) -> None:
    os.chown(store / "filc", 12345, 12345)
    inspect([store], policy_for([]), facts=kept())
    assert said(kept(), store / "filc") is None
    assert said(kept(), store / "ordinary") is not None
    file = tmp_path / "state" / "key"
    keeping.key(file)
    os.chown(file, 12345, 12345)
    with pytest.raises(PermissionError):
        keeping.key(file)
    assert file.stat().st_uid == 12345


def test_a_key_that_others_can_read_is_replaced(tmp_path: Path) -> None:
    file = tmp_path / "key"
    first = keeping.key(file)
    assert keeping.key(file) == first
    file.chmod(0o640)
    second = keeping.key(file)
    assert second != first
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_bytes(b"short")
    assert len(keeping.key(file)) == 32
    file.unlink()
    os.mkfifo(file)
    assert len(keeping.key(file)) == 32
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_a_cache_that_is_read_only_is_used_all_the_same(
    store: Path, kept: Callable[..., facts.Facts], monkeypatch: pytest.MonkeyPatch
) -> None:
    inspect([store], policy_for([]), facts=kept())

    def refuse(path: str) -> None:
        raise OSError(errno.EROFS, "read-only", path)

    monkeypatch.setattr(os, "utime", refuse)
    assert said(kept(), store / "ordinary") is not None


def test_a_module_is_judged_under_its_other_names(store: Path, kept: Callable[..., facts.Facts]) -> None:
    """Nix makes hard links of files with the same contents."""
    module = store / "a.ko"
    module.write_bytes(MODULE)
    os.link(module, store / "b.o")
    os.link(module, store / "c.ko")
    for found in (None, kept(), kept()):
        report = inspect([store], policy_for([]), facts=found)
        verdicts = {file.path.rpartition("/")[2]: file.verdict for file in report.files}
        assert verdicts["b.o"] == "foreign"
        assert report.skipped["kernel module"] == 1
