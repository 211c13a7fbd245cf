"""A miniature sandwich of real ELF files with Fil-C's shape, made with the host's compiler and linker.

It does not run; it has what the inspector looks at: loader, yolo libc, libpizlo, user libc, start-up objects,
and programs, libraries and archives made against them. `Shapes(simulated=True)` gives every object the
simulator's note.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from filcross.process import run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from filcross.elf.policy import Policy

LOADER = "ld-fil1-x86_64.so"
HELLO = """
extern int puts(const char *);
extern int answer(void);
extern void filc_pollcheck_slow(void);
static int __attribute__((noinline)) helper(int x) { filc_pollcheck_slow(); return x * 3; }
int main(int argc, char **argv) { (void)argv; return puts("hello") + helper(argc) + answer(); }
"""
ANSWER = """
extern int puts(const char *);
extern void filc_pollcheck_slow(void);
int answer(void) { filc_pollcheck_slow(); return puts("the answer"); }
"""
ORDINARY = """
extern int printf(const char *, ...);
int ordinary(int x) { return printf("%d", x); }
"""
HIDDEN = """
static int counter;
__attribute__((constructor, noinline)) static void sneak(void) {
    for (int i = 0; i < 1000; i++) __asm__ volatile("addl %1, %0" : "+m"(counter) : "r"(i));
    __asm__ volatile(".skip 600, 0x90");
}
"""
_YOLO = """
static const char reserved[] = "yoloc.yolom.yolopt.yolodl.";
const char *yolo_reserved(void) { return reserved; }
void _dlstart(void) { for (;;) {} }
int __libc_start_main(int (*m)(int, char **), int c, char **v) { return m(c, v); }
void *memcpy(void *d, const void *s, unsigned long n)
{ char *a = d; const char *b = s; while (n--) *a++ = *b++; return d; }
int puts(const char *s) { return *s; }
int printf(const char *s, ...) { return *s; }
void __cxa_finalize(void *p) { (void)p; }
"""
_PIZLO = """
extern int __libc_start_main(int (*m)(int, char **), int c, char **v);
void filc_pollcheck_slow(void) {}
int filc_start_program(int c, char **v, int (*m)(int, char **)) { return m(c, v); }
"""
_LIBC = """
extern void filc_pollcheck_slow(void);
int puts(const char *s) { filc_pollcheck_slow(); return *s; }
void exit(int c) { (void)c; for (;;) {} }
"""
_START = """
extern int main(int, char **);
extern int __libc_start_main(int (*m)(int, char **), int c, char **v);
void _start_c(long *p) { __libc_start_main(main, (int)*p, (char **)(p + 1)); }
__asm__(".globl _start\\n_start: mov %rsp, %rdi\\n call _start_c\\n hlt");
"""
_CRT = """
extern int filc_start_program(int, char **, int (*)(int, char **));
extern int pizlonated_main(int, char **);
int main(int c, char **v) { return filc_start_program(c, v, pizlonated_main); }
"""


def note(origin: str) -> str:
    """Return assembler text: the simulator's note about an object whose code is all in `.text`."""
    return f"""
    .text
.Lend_of_code:
    .section .note.filcross.simulator,"a",@note
    .p2align 2
    .long 9, .Lend_of_note - .Lnote, 0x46534d31
    .ascii "filcross\\0\\0\\0\\0"
.Lnote:
    .asciz "simulator {origin} sections=1"
    .p2align 2
.Limage:
    .weak __ehdr_start
    .hidden __ehdr_start
    .quad __ehdr_start - .Limage
.Lpair:
    .quad .text - .Lpair
    .quad .Lend_of_code - .text
.Lend_of_note:
"""


class Shapes:
    """Makes files below `root`; the sandwich is in `root/toolchain/pizfix/lib`."""

    def __init__(
        self, root: Path, *, simulated: bool, variant: int = 0, template: Shapes | None = None
    ) -> None:
        self.root = root
        self.simulated = simulated
        self.toolchain = root / "toolchain"
        self.lib = self.toolchain / "pizfix" / "lib"
        if template is not None:
            shutil.copytree(template.root, root, dirs_exist_ok=True)
            return
        self.lib.mkdir(parents=True)
        (root / "objects").mkdir()
        yolo = f"{_YOLO}int yolo_variant(int x) {{ return x + {variant}; }}"
        loader = self.shared(LOADER, [self.ordinary("yolo", yolo, noted=simulated)], soname="libyoloc.so")
        shutil.copy(loader, self.lib / LOADER)
        shutil.copy(loader, self.lib / "libyoloc.so")
        self.shared(
            "libpizlo.so",
            [
                self.ordinary(
                    "pizlo", f"{_PIZLO}int pizlo_variant(void) {{ return {variant}; }}", noted=simulated
                )
            ],
            "-l:libyoloc.so",
            folder=self.lib,
            runpath=None,
        )
        self.shared(
            "libc.so",
            [self.filc("libc", _LIBC)],
            "-l:libpizlo.so",
            "-l:libyoloc.so",
            folder=self.lib,
            runpath=None,
        )
        for name, source in (("Scrt1", _START), ("filc_crt", _CRT)):
            shutil.copy(self.ordinary(name, source, noted=simulated), self.lib / f"{name}.o")

    def policy(self) -> Policy:
        from filcross.elf.policy import policy_for, runtime_from_folder

        return policy_for([runtime_from_folder(self.toolchain)])

    def ordinary(
        self,
        name: str,
        source: str,
        *,
        noted: bool = False,
        anonymous: bool = False,
        compiler: str = "clang-19",
    ) -> Path:
        """Compile without any Fil-C shape, `anonymous` without the compiler's name."""
        path = self.root / "objects" / f"{name}.o"
        c = path.with_suffix(".c")
        c.write_text(source)
        identify = ["-fno-ident"] if noted or anonymous else []
        quiet = ["-O1", "-fPIC", "-fno-builtin", "-fno-stack-protector", *identify]
        if not noted:
            run([compiler, "-c", *quiet, c, "-o", path])
            return path
        assembler = path.with_suffix(".s")
        run([compiler, "-S", *quiet, c, "-o", assembler])
        with assembler.open("a") as file:
            file.write(note(c.name))
        run([compiler, "-c", assembler, "-o", path])
        return path

    def filc(self, name: str, source: str, *, noted: bool | None = None) -> Path:
        """Compile, prefix every symbol but the runtime's, and add the note where this is a simulator."""
        noted = self.simulated if noted is None else noted
        path = self.ordinary(f"filc-{name}", source, noted=noted)
        run(["objcopy", "--prefix-symbols=pizlonated_", path])
        back = []
        for symbol in (
            "filc_pollcheck_slow",
            "filc_start_program",
            "_GLOBAL_OFFSET_TABLE_",
            "__ehdr_start",
        ):
            back += ["--redefine-sym", f"pizlonated_{symbol}={symbol}"]
        run(["objcopy", *back, path])
        return path

    def shared(
        self,
        name: str,
        objects: Sequence[Path],
        *flags: str | Path,
        folder: Path | None = None,
        runpath: Path | str | None = "",
        soname: str | None = None,
    ) -> Path:
        """Link a shared library; `runpath` defaults to the sandwich's folder."""
        path = (folder or self.root) / name
        search = [] if runpath is None else [f"-rpath={runpath or self.lib}", "--enable-new-dtags"]
        run(
            [
                *("ld", "-shared", f"-soname={soname or name}", f"-L{self.lib}", f"-L{self.root}", *search),
                *("-o", path, *objects, *flags),
            ]
        )
        return path

    def library(self, name: str = "libanswer.so", source: str = ANSWER, *flags: str | Path) -> Path:
        """Make a Fil-C-shaped shared library."""
        return self.shared(name, [self.filc(name, source)], *flags, "-l:libc.so", "-l:libpizlo.so")

    def program(
        self,
        name: str,
        objects: Sequence[Path],
        *flags: str | Path,
        loader: str | Path | None = None,
        runpath: str | Path | None = None,
        libraries: Sequence[str] = ("-l:libc.so", "-l:libpizlo.so", "-l:libyoloc.so"),
    ) -> Path:
        """Link a program as the driver does."""
        path = self.root / name
        run(
            [
                *("ld", "-pie", f"-dynamic-linker={loader or self.lib / LOADER}", "--enable-new-dtags"),
                *(f"-rpath={runpath or f'{self.root}:{self.lib}'}", f"-L{self.root}", f"-L{self.lib}"),
                *("-o", path, self.lib / "Scrt1.o", self.lib / "filc_crt.o", *objects, *flags, *libraries),
            ]
        )
        return path

    def hello(self, name: str = "hello", *flags: str | Path, **options: object) -> Path:
        """Make the healthy program: it needs libanswer.so and the sandwich."""
        if not (self.root / "libanswer.so").exists():
            self.library()
        return self.program(name, [self.filc(name, HELLO)], *flags, "-l:libanswer.so", **options)  # type: ignore[arg-type]
