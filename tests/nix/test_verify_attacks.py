"""Attacks: files made so that an inspector sees other code than the processor runs; none may be `filc`.

Every file starts as the healthy program or library of `filc_shapes`, which is `filc`; then one thing is done
to it. Each attack must change the verdict, and by the finding that names it.
"""

from __future__ import annotations

import os
import shutil
import struct
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from elf_editor import Editor
from filc_shapes import ANSWER, HELLO, LOADER, Shapes

from filcross.elf.inspect import inspect
from filcross.process import run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from filcross.elf.inspect import FileReport

pytestmark = pytest.mark.nix

PT_LOAD, PT_DYNAMIC, PT_INTERP, PT_NOTE, PT_GNU_STACK = 1, 2, 3, 4, 0x6474E551
R_RELATIVE = 8
GOOD = {"filc", "runtime"}
CALLED = """
extern void filc_pollcheck_slow(void);
static int started;
__attribute__((constructor)) static void start(void) { started = 1; filc_pollcheck_slow(); }
int answer(void) { filc_pollcheck_slow(); return started; }
"""


@pytest.fixture(scope="module", params=[False, True], ids=["real-shape", "simulator-shape"])
def template(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Shapes:
    made = Shapes(tmp_path_factory.mktemp("template"), simulated=request.param)
    made.library("libanswer.so", CALLED)
    made.hello()
    return made


@pytest.fixture
def shapes(template: Shapes, tmp_path: Path) -> Shapes:
    made = Shapes(tmp_path, simulated=template.simulated, template=template)
    made.hello()
    for path in (made.root / "hello", made.root / "libanswer.so"):
        assert judge(made, path).verdict == "filc"
    return made


def judge(shapes: Shapes, path: Path) -> FileReport:
    (file,) = inspect([path], shapes.policy()).files
    return file


def codes(file: FileReport) -> set[str]:
    return {finding.code for finding in file.findings if finding.severity != "info"}


def assembled(shapes: Shapes, name: str, text: str) -> Path:
    path = shapes.root / "objects" / f"{name}.o"
    source = path.with_suffix(".s")
    source.write_text(f'{text}\n.section .note.GNU-stack,"",@progbits\n')
    run(["as", source, "-o", path])
    return path


# Headers


def hide_in_a_segment(editor: Editor) -> None:
    """Code in a segment of its own, in no section."""
    offset = editor.append(b"\x0f\x0b" * 64)
    at, _ = editor.segment(PT_GNU_STACK)
    address = -(-editor.end_of_memory() // 4096) * 4096
    editor.put_segment(at, [PT_LOAD, 5, offset, address, address, 128, 128, 4096])


def shrink_the_code_section(editor: Editor) -> None:
    at, fields = editor.section(".text")
    editor.put_section(at, [*fields[:5], 16, *fields[6:]])


def move_the_code_section(editor: Editor) -> None:
    at, fields = editor.section(".text")
    offset = editor.append(bytes(editor.data[fields[4] : fields[4] + fields[5]]))
    editor.put_section(at, [*fields[:4], offset, *fields[5:]])
    editor.data[fields[4] : fields[4] + 2] = b"\x0f\x0b"


def hide_between_pages(editor: Editor) -> None:
    """Code after the end of the code segment, on its last page."""
    _, fields = editor.segment(PT_LOAD, flags=1)
    end = fields[2] + fields[5]
    editor.data[end : end + 8] = b"\x0f\x0b" * 4


def make_code_writable(editor: Editor) -> None:
    at, fields = editor.segment(PT_LOAD, flags=1)
    editor.put_segment(at, [fields[0], 7, *fields[2:]])


def make_data_executable(editor: Editor) -> None:
    at, fields = editor.segment(PT_LOAD, flags=2)
    editor.put_segment(at, [fields[0], 7, *fields[2:]])


def map_other_code_over(editor: Editor) -> None:
    offset = editor.append(b"\x0f\x0b" * 2048)
    _, code = editor.segment(PT_LOAD, flags=1)
    at, _ = editor.segment(PT_GNU_STACK)
    editor.put_segment(at, [PT_LOAD, 5, offset, code[3], code[3], code[5], code[6], 4096])


def shift_in_the_page(editor: Editor) -> None:
    at, fields = editor.segment(PT_LOAD, flags=1)
    editor.put_segment(at, [*fields[:2], fields[2] + 16, *fields[3:]])


def no_sections(editor: Editor) -> None:
    """Without section headers only the segments say what is code."""
    _, fields = editor.segment(PT_LOAD, flags=1)
    _, text = editor.section(".text")
    end = text[4] + text[5]
    editor.data[end : end + 2] = b"\x0f\x0b"
    for at, item in list(editor.segments()):
        if item[0] == PT_LOAD and item[1] & 1:
            editor.put_segment(at, [*item[:5], item[5] + 64, item[6] + 64, item[7]])
    assert fields
    editor.drop_sections()


HEADERS: dict[Callable[[Editor], None], set[str]] = {
    hide_in_a_segment: {"FILC-N318"},
    shrink_the_code_section: {"FILC-N318"},
    move_the_code_section: {"FILC-N317"},
    hide_between_pages: {"FILC-N318"},
    make_code_writable: {"FILC-N318"},
    make_data_executable: {"FILC-N318"},
    map_other_code_over: {"FILC-N317"},
    shift_in_the_page: {"FILC-N317"},
    no_sections: {"FILC-N321", "FILC-E308"},
}


@pytest.mark.parametrize("name", ["hello", "libanswer.so"])
@pytest.mark.parametrize("attack", HEADERS, ids=lambda attack: attack.__name__)
def test_headers_that_lie(shapes: Shapes, attack: Callable[[Editor], None], name: str) -> None:
    editor = Editor(shapes.root / name)
    attack(editor)
    file = judge(shapes, editor.save())
    assert file.verdict not in GOOD
    assert codes(file) & HEADERS[attack]


@pytest.mark.parametrize("attack", HEADERS, ids=lambda attack: attack.__name__)
def test_a_runtime_file_with_headers_that_lie_is_not_known(
    shapes: Shapes, attack: Callable[[Editor], None]
) -> None:
    policy = shapes.policy()
    editor = Editor(shapes.lib / "libpizlo.so")
    attack(editor)
    (file, program) = inspect([editor.save(), shapes.root / "hello"], policy).files
    assert file.verdict not in GOOD
    assert program.verdict not in GOOD


# The dynamic section


def dynamic_copy(editor: Editor, *, needed: str = "") -> bytes:
    """Return the file's dynamic entries, with one more needed library (a name that is in its strings)."""
    entries = b""
    if needed:
        _, strings = editor.section(".dynstr")
        table = bytes(editor.data[strings[4] : strings[4] + strings[5]])
        entries += struct.pack("<qQ", 1, table.index(needed.encode() + b"\0"))
    for _, (tag, value) in editor.entries(".dynamic", "<qQ"):
        entries += struct.pack("<qQ", tag, value)
    return entries


def with_foreign_name(shapes: Shapes) -> Path:
    """Make the healthy program with a needed library that is then taken out of the table again."""
    name = "libm.so.6"
    program = shapes.root / "hello"
    run(["patchelf", "--add-needed", name, program])
    editor = Editor(program)
    _, strings = editor.section(".dynstr")
    for offset, (tag, value) in editor.entries(".dynamic", "<qQ"):
        start = strings[4] + value
        if tag == 1 and editor.data[start : start + len(name)] == name.encode():
            editor.put("<qQ", offset, 0x6FFFFFFE, 0)
            break
    editor.save()
    return program


def test_a_second_dynamic_section(shapes: Shapes) -> None:
    editor = Editor(with_foreign_name(shapes))
    content = dynamic_copy(editor, needed="libm.so.6")
    offset = editor.append(content)
    address = -(-editor.end_of_memory() // 4096) * 4096
    free = [(at, item) for at, item in editor.segments() if item[0] in (PT_GNU_STACK, 0x6474E552, 0x6474E550)]
    editor.put_segment(free[0][0], [PT_LOAD, 6, offset, address, address, len(content), len(content), 4096])
    at, old = editor.segment(PT_DYNAMIC)
    new = [PT_DYNAMIC, 6, offset, address, address, len(content), len(content), 8]
    first, last = sorted((free[-1][0], at))
    editor.put_segment(first, old)
    editor.put_segment(last, new)
    file = judge(shapes, editor.save())
    assert file.verdict not in GOOD
    assert "libm.so.6" in file.needed


def test_a_dynamic_section_that_is_loaded_from_elsewhere(shapes: Shapes) -> None:
    editor = Editor(with_foreign_name(shapes))
    content = dynamic_copy(editor, needed="libm.so.6")
    offset = editor.append(content)
    address = -(-editor.end_of_memory() // 4096) * 4096
    at, fields = editor.segment(PT_DYNAMIC)
    free, _ = editor.segment(PT_GNU_STACK)
    editor.put_segment(free, [PT_LOAD, 6, offset, address, address, len(content), len(content), 4096])
    editor.put_segment(at, [*fields[:3], address, address, *fields[5:]])
    file = judge(shapes, editor.save())
    assert file.verdict not in GOOD
    assert "libm.so.6" in file.needed


def test_a_dynamic_section_that_goes_on_after_its_header(shapes: Shapes) -> None:
    program = shapes.root / "hello"
    run(["patchelf", "--add-needed", "libm.so.6", program])
    editor = Editor(program)
    at, fields = editor.segment(PT_DYNAMIC)
    editor.put_segment(at, [*fields[:5], 16, 16, fields[7]])
    file = judge(shapes, editor.save())
    assert file.verdict not in GOOD
    assert "libm.so.6" in file.needed


@pytest.mark.parametrize("name", ["hello", "libanswer.so"])
def test_a_dynamic_section_that_section_headers_show_without_contents(shapes: Shapes, name: str) -> None:
    """As in a split debug file; the loader does not read section headers."""
    path = shapes.root / name
    run(["patchelf", "--add-needed", "libm.so.6", path])
    needed = judge(shapes, path).needed
    editor = Editor(path)
    at, fields = editor.section(".dynamic")
    editor.put_section(at, [fields[0], 8, *fields[2:]])
    file = judge(shapes, editor.save())
    assert "libm.so.6" in file.needed
    assert file.needed == needed
    assert file.verdict == "mixed"
    assert {"FILC-E201", "FILC-N317"} <= codes(file)


@pytest.mark.parametrize("kind", [0, 1, 8])
def test_a_dynamic_section_without_its_section_header(shapes: Shapes, kind: int) -> None:
    editor = Editor(shapes.root / "hello")
    at, fields = editor.section(".dynamic")
    editor.put_section(at, [fields[0], kind, *fields[2:]])
    file = judge(shapes, editor.save())
    assert file.verdict == "no-evidence"
    assert codes(file) == {"FILC-N317"}


def test_two_loaders(shapes: Shapes) -> None:
    editor = Editor(shapes.root / "hello")
    _, fields = editor.segment(PT_INTERP)
    at, _ = editor.segment(PT_GNU_STACK)
    editor.put_segment(at, fields)
    file = judge(shapes, editor.save())
    assert (file.verdict, codes(file)) == ("no-evidence", {"FILC-N317"})


@pytest.mark.parametrize("flag", ["-f", "-F", "--audit", "--depaudit"])
def test_filters_and_audit_libraries(shapes: Shapes, flag: str) -> None:
    library = shapes.library("libfilter.so", ANSWER, flag, "libevil.so")
    file = judge(shapes, library)
    assert file.verdict not in GOOD
    assert "FILC-N210" in codes(file)


# Where code starts, and what the loader does to it


@pytest.mark.parametrize(("old", "new"), [(0x6FFFFFFB, 0xC), (0x15, 0xD)])
def test_an_initialiser_in_data(shapes: Shapes, old: int, new: int) -> None:
    editor = Editor(shapes.root / "hello")
    _, fields = editor.section(".dynstr")
    editor.retag(old, new, fields[3])
    file = judge(shapes, editor.save())
    assert file.verdict not in GOOD
    assert "FILC-N320" in codes(file)


def test_an_entry_point_in_data(shapes: Shapes) -> None:
    editor = Editor(shapes.root / "hello")
    _, fields = editor.section(".dynstr")
    editor.put("<Q", 24, fields[3])
    file = judge(shapes, editor.save())
    assert (file.verdict, codes(file)) == ("no-evidence", {"FILC-N320"})


def test_a_constructor_in_data(shapes: Shapes) -> None:
    editor = Editor(shapes.root / "libanswer.so")
    _, array = editor.section(".init_array")
    _, data = editor.section(".dynstr")
    (place, fields), *_ = [
        (at, item) for at, item in editor.relocations() if item[0] == array[3] and item[1] == R_RELATIVE
    ]
    editor.put_relocation(place, [fields[0], fields[1], data[3]])
    file = judge(shapes, editor.save())
    assert (file.verdict, codes(file)) == ("no-evidence", {"FILC-N320"})


def test_a_relocation_of_code(shapes: Shapes) -> None:
    editor = Editor(shapes.root / "libanswer.so")
    _, text = editor.section(".text")
    (place, fields), *_ = [(at, item) for at, item in editor.relocations() if item[1] == R_RELATIVE]
    editor.put_relocation(place, [text[3] + 1, *fields[1:]])
    file = judge(shapes, editor.save())
    assert file.verdict not in GOOD
    assert "FILC-N319" in codes(file)


def test_a_relocation_of_the_dynamic_section(shapes: Shapes) -> None:
    editor = Editor(shapes.root / "libanswer.so")
    _, dynamic = editor.section(".dynamic")
    (place, fields), *_ = [(at, item) for at, item in editor.relocations() if item[1] == R_RELATIVE]
    editor.put_relocation(place, [dynamic[3] + 8, *fields[1:]])
    file = judge(shapes, editor.save())
    assert (file.verdict, "FILC-N317" in codes(file)) == ("no-evidence", True)


def test_text_relocations(shapes: Shapes) -> None:
    text = ".text\n.globl pizlonated_f\n.type pizlonated_f,@function\n"
    text += "pizlonated_f: movabs $pizlonated_f, %rax\nret\n"
    bad = assembled(shapes, "textrel", text + ".size pizlonated_f,.-pizlonated_f\n")
    file = judge(
        shapes, shapes.shared("libbad.so", [shapes.filc("a", ANSWER), bad], "-z", "notext", "-l:libc.so")
    )
    assert file.verdict not in GOOD
    assert "FILC-N319" in codes(file)


def test_an_indirect_function(shapes: Shapes) -> None:
    text = ".text\n.globl pizlonated_f\n.type pizlonated_f,@gnu_indirect_function\npizlonated_f: ret\n"
    bad = assembled(shapes, "ifunc", text + ".size pizlonated_f,.-pizlonated_f\n")
    file = judge(shapes, shapes.shared("libbad.so", [shapes.filc("a", ANSWER), bad], "-l:libc.so"))
    assert file.verdict not in GOOD
    assert "FILC-N319" in codes(file)


# Symbols


@pytest.mark.parametrize("kind", [3, 4])
def test_an_import_disguised_as_a_section_or_a_file(shapes: Shapes, kind: int) -> None:
    bad = assembled(shapes, "import", ".text\n.globl pizlonated_f\npizlonated_f: call printf@PLT\nret\n")
    library = shapes.shared("libbad.so", [shapes.filc("a", ANSWER), bad], "-l:libc.so", "-l:libyoloc.so")
    run(["strip", library])
    editor = Editor(library)
    at, fields = editor.dynamic_symbol("printf")
    editor.put_symbol(at, [fields[0], 0x10 | kind, *fields[2:]])
    file = judge(shapes, editor.save())
    assert file.verdict == "mixed"
    assert "FILC-E301" in codes(file)


def test_a_hash_table_that_hides_symbols(shapes: Shapes) -> None:
    library = shapes.library("libhash.so", ANSWER, "--hash-style=sysv")
    editor = Editor(library)
    _, fields = editor.section(".hash")
    editor.put("<I", fields[4] + 4, 1)
    at, dynsym = editor.section(".dynsym")
    editor.put_section(at, [dynsym[0], 1, *dynsym[2:]])
    file = judge(shapes, editor.save())
    assert file.verdict not in GOOD
    assert "FILC-N317" in codes(file)


# Code


def test_a_tiny_constructor_without_a_name(shapes: Shapes) -> None:
    """Three bytes fit into any padding; they are found all the same."""
    text = '.text\n.Lf: xor %eax,%eax\nret\n.section .init_array,"aw",@init_array\n.quad .Lf\n'
    program = shapes.hello("hello2", assembled(shapes, "tiny", text))
    for strip in ((), ("--strip-debug",), ("--strip-all",)):
        if strip:
            run(["strip", *strip, program])
        file = judge(shapes, program)
        assert file.verdict not in GOOD
        assert codes(file) & {"FILC-N321", "FILC-E308"}


@pytest.mark.parametrize("section", [".init", ".fini", ".plt.more", ".text.unlikely", ".other", ".iplt"])
def test_code_in_a_section_of_any_name(shapes: Shapes, section: str) -> None:
    text = f'.section {section},"ax",@progbits\nincl counter(%rip)\n.data\ncounter: .long 0\n'
    program = shapes.hello("hello2", assembled(shapes, "odd", text))
    run(["strip", program])
    file = judge(shapes, program)
    assert file.verdict not in GOOD
    assert codes(file) & {"FILC-N321", "FILC-E308"}


def test_renamed_ordinary_code_of_another_compiler(shapes: Shapes) -> None:
    bad = shapes.ordinary("renamed", "int g(int x) { return x * 7; }", compiler="gcc")
    run(["objcopy", "--prefix-symbols=pizlonated_", bad])
    file = judge(shapes, shapes.hello("hello2", bad))
    assert file.verdict == "mixed"
    assert "FILC-E307" in codes(file)
    run(["strip", "--strip-debug", "-R", ".comment", shapes.root / "hello2"])
    file = judge(shapes, shapes.root / "hello2")
    assert file.verdict not in GOOD
    assert codes(file) & {"FILC-N402", "FILC-E308"}


def test_a_start_up_name_with_other_code(shapes: Shapes) -> None:
    source = "int state; static void __attribute__((used)) register_tm_clones(void) { state++; }"
    bad = shapes.ordinary("named", source, anonymous=True)
    run(["objcopy", "--redefine-sym", "state=pizlonated_state", bad])
    file = judge(shapes, shapes.hello("hello2", bad))
    assert file.verdict not in GOOD
    assert codes(file) & {"FILC-N321", "FILC-E308"}


def test_an_object_with_a_hidden_object_in_it(shapes: Shapes) -> None:
    bad = shapes.ordinary(
        "sneak",
        "static volatile int n; __attribute__((constructor)) static void sneak(void) { n++; }",
        anonymous=True,
    )
    both = shapes.root / "both.o"
    run(["ld", "-r", shapes.filc("good", ANSWER), bad, "-o", both])
    assert judge(shapes, both).verdict not in GOOD
    run(["strip", "--strip-debug", "--discard-all", both])
    file = judge(shapes, both)
    assert file.verdict not in GOOD
    assert codes(file) & {"FILC-N321", "FILC-E308"}
    run(["ld", "-r", shapes.filc("good", ANSWER), "-o", both])
    assert judge(shapes, both).verdict == "filc"


# Runtime files that keep their code


def call_another_function(editor: Editor) -> None:
    (place, fields), *_ = [(at, item) for at, item in editor.relocations(".rela.plt")]
    editor.put_relocation(place, [fields[0] + 8, *fields[1:]])


def change_the_data(editor: Editor) -> None:
    _, fields = editor.section(".rodata")
    editor.data[fields[4]] ^= 1


def start_elsewhere(editor: Editor) -> None:
    _, text = editor.section(".text")
    spare = next(tag for tag in (0x1E, 0x6FFFFFF9, 0xE) if has_tag(editor, tag))
    editor.retag(spare, 0xC, text[3])


def has_tag(editor: Editor, tag: int) -> bool:
    return any(found == tag for _, (found, _) in editor.entries(".dynamic", "<qQ"))


@pytest.mark.parametrize(
    ("name", "attack"),
    [
        ("libc.so", call_another_function),
        (LOADER, change_the_data),
        ("libc.so", start_elsewhere),
    ],
)
def test_a_runtime_file_with_the_same_code_is_another(
    shapes: Shapes, name: str, attack: Callable[[Editor], None]
) -> None:
    policy = shapes.policy()
    editor = Editor(shapes.lib / name)
    before = bytes(editor.data)
    attack(editor)
    assert bytes(editor.data) != before
    (file,) = inspect([editor.save()], policy).files
    assert file.toolchain is None
    (program,) = inspect([shapes.root / "hello"], policy).files
    assert program.verdict not in GOOD


def test_an_object_of_the_runtime_with_other_calls_is_another(shapes: Shapes) -> None:
    policy = shapes.policy()
    run(["objcopy", "--redefine-sym", "filc_start_program=evil", shapes.lib / "filc_crt.o"])
    (file,) = inspect([shapes.lib / "filc_crt.o"], policy).files
    assert file.verdict not in GOOD


# Where libraries are found


@pytest.mark.parametrize("place", ["lib", "./lib", "/proc/self/cwd/lib", "through-a-link"])
def test_a_search_path_that_depends_on_the_process(shapes: Shapes, place: str) -> None:
    if place == "through-a-link":
        (shapes.root / "cwd").symlink_to("/proc/self/cwd")
        place = f"{shapes.root}/cwd/lib"
    program = shapes.program(
        "hello2", [shapes.filc("h", HELLO)], "-l:libanswer.so", runpath=f"{place}:{shapes.root}:{shapes.lib}"
    )
    file = judge(shapes, program)
    assert (file.verdict, codes(file)) == ("no-evidence", {"FILC-N211"})


def test_a_library_by_a_relative_path(shapes: Shapes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shapes.root)
    run(["patchelf", "--replace-needed", "libanswer.so", "./libanswer.so", shapes.root / "hello"])
    file = judge(shapes, shapes.root / "hello")
    assert (file.verdict, codes(file)) == ("no-evidence", {"FILC-N211"})


def test_origin_followed_by_letters_is_origin_to_musl(shapes: Shapes) -> None:
    """musl compares only the first seven bytes of `$ORIGINal`."""
    evil = shapes.root.parent / f"{shapes.root.name}al"
    evil.mkdir()
    shapes.shared("libanswer.so", [shapes.ordinary("evil", ANSWER)], folder=evil)
    runpath = f"$ORIGINal:{shapes.root}:{shapes.lib}"
    program = shapes.program("hello2", [shapes.filc("h", HELLO)], "-l:libanswer.so", runpath=runpath)
    file = judge(shapes, program)
    assert file.verdict == "mixed"
    found = {library.name: library.path for library in file.libraries}
    assert os.path.realpath(found["libanswer.so"] or "") == os.path.realpath(evil / "libanswer.so")


def test_a_program_without_a_loader(shapes: Shapes) -> None:
    editor = Editor(shapes.root / "hello")
    at, fields = editor.segment(PT_INTERP)
    editor.put_segment(at, [0, *fields[1:]])
    file = judge(shapes, editor.save())
    assert file.verdict not in GOOD
    assert "FILC-N102" in codes(file)


def test_a_link_that_leads_to_an_ordinary_library(shapes: Shapes) -> None:
    evil = shapes.shared("libevil.so", [shapes.ordinary("evil", ANSWER)])
    (shapes.root / "libanswer.so").unlink()
    (shapes.root / "libanswer.so").symlink_to(evil)
    file = judge(shapes, shapes.root / "hello")
    assert (file.verdict, "FILC-E202" in codes(file)) == ("mixed", True)


def test_an_archive_with_a_compilers_intermediate_code(shapes: Shapes) -> None:
    source = shapes.root / "lto.c"
    source.write_text("int lto(void) { return 1; }\n")
    for compiler, flags in (("clang-19", ["-flto"]), ("gcc", ["-flto", "-fno-fat-lto-objects"])):
        intermediate = shapes.root / f"{compiler}.o"
        run([compiler, "-c", *flags, source, "-o", intermediate])
        archive = shapes.root / f"lib{compiler}.a"
        run(["ar", "rcs", archive, shapes.filc("good", ANSWER), intermediate])
        file = judge(shapes, archive)
        assert file.verdict not in GOOD


def test_healthy_files_of_other_linker_styles_stay_filc(shapes: Shapes) -> None:
    """The near misses: nothing of this is an attack."""
    for number, flags in enumerate(
        (
            ["-z", "now"],
            ["-z", "pack-relative-relocs"],
            ["--hash-style=gnu"],
            ["-z", "ibtplt"],
            ["-z", "norelro"],
            ["--build-id"],
            ["-Bsymbolic"],
            ["-z", "max-page-size=65536"],
        )
    ):
        library = shapes.library(f"lib{number}.so", CALLED, *flags)
        file = judge(shapes, library)
        assert (file.verdict, codes(file)) == ("filc", set()), flags
        run(["patchelf", "--set-rpath", f"{shapes.lib}:/{'long/' * 60}", library])
        file = judge(shapes, library)
        assert (file.verdict, codes(file)) == ("filc", set()), flags
    program = shapes.root / "hello"
    shutil.copy(program, shapes.root / "copy")
    run(["patchelf", "--set-rpath", f"/{'long/' * 60}:{shapes.root}:{shapes.lib}", shapes.root / "copy"])
    run(["strip", "--strip-debug", shapes.root / "copy"])
    file = judge(shapes, shapes.root / "copy")
    assert (file.verdict, codes(file)) == ("filc", set())


def test_a_hard_link_beside_other_libraries(shapes: Shapes) -> None:
    """`$ORIGIN` makes one file two programs."""
    good, evil = shapes.root / "good", shapes.root / "evil"
    for folder in (good, evil):
        folder.mkdir()
    shutil.copy(shapes.root / "libanswer.so", good)
    shapes.shared("libanswer.so", [shapes.ordinary("evil", ANSWER)], folder=evil)
    program = shapes.program(
        "good/p", [shapes.filc("h", HELLO)], "-l:libanswer.so", runpath=f"$ORIGIN:{shapes.lib}"
    )
    (evil / "p").hardlink_to(program)
    report = inspect([good, evil], shapes.policy())
    verdicts = {file.path: file.verdict for file in report.files}
    assert verdicts[str(good / "p")] == "filc"
    assert verdicts[str(evil / "p")] == "mixed"


def test_a_link_to_an_ordinary_program_elsewhere(shapes: Shapes) -> None:
    folder = shapes.root / "result"
    folder.mkdir()
    shutil.copy(shapes.root / "hello", folder / "hello")
    (folder / "true").symlink_to("/bin/true")
    report = inspect([folder], shapes.policy())
    assert [file.verdict for file in report.files] == ["filc", "foreign"]
    assert report.exit_code == 1


def test_a_loader_by_a_relative_path(shapes: Shapes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shapes.lib)
    program = shapes.hello("hello2", loader=LOADER)
    file = judge(shapes, program)
    assert file.verdict not in GOOD
    assert "FILC-N211" in codes(file)


def test_a_library_that_poses_as_a_debug_file(shapes: Shapes) -> None:
    """Without code, but it brings an ordinary library with it."""
    empty = assembled(shapes, "empty", ".data\n.long 1\n")
    library = shapes.shared("libempty.so", [empty], "--no-as-needed", "/lib/x86_64-linux-gnu/libm.so.6")
    editor = Editor(library)
    at, fields = editor.section(".data")
    editor.put_section(at, [fields[0], 8, fields[2] | 4, *fields[3:]])
    file = judge(shapes, editor.save())
    assert file.verdict == "foreign"
    assert "FILC-E201" in codes(file)


LOADS = """
extern void *dlopen(const char *, int);
extern void filc_pollcheck_slow(void);
static const char *volatile names[] = {"%s"};
void *answer(void) { filc_pollcheck_slow(); return dlopen(names[0], 2); }
"""


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("libm.so.6", "no-evidence"),
        ("/lib/x86_64-linux-gnu/libz.so.1", "no-evidence"),
        ("libevil.so", "no-evidence"),
        ("libanswer.so", "filc"),
        ("libabsent.so.1", "filc"),
    ],
)
def test_libraries_that_are_loaded_at_run_time(shapes: Shapes, name: str, expected: str) -> None:
    shapes.shared("libevil.so", [shapes.ordinary("evil", ANSWER)])
    runpath = f"{shapes.root}:{shapes.lib}"
    library = shapes.shared(
        "libloads.so", [shapes.filc("loads", LOADS % name)], "-l:libc.so", "-l:libpizlo.so", runpath=runpath
    )
    file = judge(shapes, library)
    code = "FILC-N213" if expected != "filc" else "FILC-I212"
    assert file.verdict == expected
    assert [name] == [text for finding in file.findings if finding.code == code for text in finding.evidence]


def test_libraries_that_a_note_names(shapes: Shapes) -> None:
    text = """
    .section .note.dlopen, "a", @note
    .p2align 2
    .long 4, 2f - 1f, 0x407c0c0a
    .asciz "FDO"
1:  .asciz "[{\\"soname\\":[\\"libgcc_s.so.1\\",\\"libmore.so\\"]}, 3, {\\"soname\\": 4}]"
2:
    """
    library = shapes.library("libnoted.so", ANSWER, assembled(shapes, "noted", text))
    file = judge(shapes, library)
    found = {finding.code: finding.evidence for finding in file.findings}
    assert file.verdict == "no-evidence"
    assert (found["FILC-N213"], found["FILC-I212"]) == (("libgcc_s.so.1",), ("libmore.so",))


def test_code_that_the_compiler_gave_up_on_is_reported(shapes: Shapes) -> None:
    source = ANSWER + 'const char panic[] = "filc panic: cannot handle inline asm: rdpmc";'
    source += 'const char other[] = "@llvm.x86.rdpmc";'
    file = judge(shapes, shapes.library("libpanic.so", source))
    (finding,) = [finding for finding in file.findings if finding.code == "FILC-I322"]
    assert file.verdict == "filc"
    assert finding.evidence == ("cannot handle inline asm: rdpmc", "@llvm.x86.rdpmc")


def test_an_executable_stack(shapes: Shapes) -> None:
    file = judge(shapes, shapes.hello("hello2", "-z", "execstack"))
    assert (file.verdict, codes(file)) == ("no-evidence", {"FILC-N318"})


def test_code_that_a_linker_script_makes(shapes: Shapes) -> None:
    script = shapes.root / "insert.ld"
    script.write_text("SECTIONS { .made : { BYTE(0x31) BYTE(0xc0) BYTE(0xc3) } } INSERT AFTER .text;\n")
    good = shapes.filc("h", HELLO)
    run(["objcopy", "--rename-section", ".made=.made,alloc,code", good])
    program = shapes.program("hello2", [good], f"-T{script}", "-l:libanswer.so")
    editor = Editor(program)
    at, fields = editor.section(".made")
    editor.put_section(at, [*fields[:2], 6, *fields[3:]])
    file = judge(shapes, editor.save())
    assert file.verdict not in GOOD


def test_a_folder_that_cannot_be_looked_into(shapes: Shapes) -> None:
    folder = shapes.root / "result"
    folder.mkdir()
    shutil.copy(shapes.root / "hello", folder / "hello")
    report = inspect([folder], shapes.policy())
    assert report.exit_code == 0
    unseen = replace(report, skipped={"unreadable folder": 1})
    assert (unseen.exit_code, unseen.verdict) == (4, "unknown")


@pytest.mark.parametrize("kind", [PT_INTERP, 6])
def test_a_segment_that_the_loader_finds_elsewhere(shapes: Shapes, kind: int) -> None:
    """A shifted table of segments shifts all that the loader finds by its address."""
    editor = Editor(shapes.root / "hello")
    at, fields = editor.segment(kind)
    editor.put_segment(at, [*fields[:3], fields[3] + 4096, *fields[4:]])
    file = judge(shapes, editor.save())
    assert (file.verdict, codes(file)) == ("no-evidence", {"FILC-N317"})


def test_a_relocation_of_memory_that_is_not_the_files(shapes: Shapes) -> None:
    editor = Editor(shapes.root / "libanswer.so")
    (place, fields), *_ = [(at, item) for at, item in editor.relocations() if item[1] == R_RELATIVE]
    editor.put_relocation(place, [1 << 30, *fields[1:]])
    file = judge(shapes, editor.save())
    assert file.verdict not in GOOD
    assert "FILC-N317" in codes(file)
