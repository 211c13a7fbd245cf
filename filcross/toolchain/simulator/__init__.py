"""The ABI simulator: a toolchain with Fil-C's shape and none of its safety, made from the host's tools.

The folder has the layout of a musl release of Fil-C (`build/`, `pizfix/`), and everything in it carries
the ELF note `filcross` / `simulator …`. The yolo side is musl's loader under its Fil-C name; the user libc is
musl's static archive with every symbol prefixed, on top of `libpizlo.so`, which lends it what a process has
only once. The driver is a program around the host's clang. What the real driver refuses, it refuses.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from filcross.errors import MissingRequirementError, UsageError
from filcross.process import run
from filcross.resources import simulator_dir
from filcross.toolchain import libcxx
from filcross.toolchain.layout import Toolchain, recognise
from filcross.toolchain.simulator import loader
from filcross.toolchain.simulator.host import HostTools, find_host_tools

SIMULATED_VERSION = "0.686"
STYLES = {"fil1": "ld-fil1-x86_64.so", "yolo": "ld-yolo-x86_64.so"}
"""Release styles and the loader's name in each: `fil1` since 0.685, `yolo` up to 0.681."""

_PREEMPTIBLE = (
    "malloc",
    "calloc",
    "realloc",
    "free",
    "aligned_alloc",
    "memalign",
    "posix_memalign",
    "malloc_usable_size",
)
_EMPTY_ARCHIVES = ("m", "pthread", "dl", "rt", "util", "resolv", "xnet", "crypt", "yolom")
_WARNINGS = ("-std=gnu11", "-Wall", "-Wextra", "-Werror")


def build(
    output: Path, *, style: str = "fil1", host: HostTools | None = None, cxx: Path | None = None
) -> Toolchain:
    """Make a simulator in the new folder `output` and return it.

    `style` chooses the loader's name (a key of `STYLES`; both files exist in either). `host` is what it is
    made from (default: `find_host_tools()`), `cxx` the folder of libc++'s sources (see `libcxx.find`; without
    them it refuses C++). The folder appears complete or not at all. Raises `UsageError`
    for an existing `output` or unknown style, `MissingRequirementError` when the host lacks something, and
    `ProcessFailedError` when a step fails.
    """
    if style not in STYLES:
        raise UsageError(f"`{style}` is not a release style", hint=f"choose one of: {', '.join(STYLES)}")
    if output.exists():
        raise UsageError(f"{output} exists already", hint="remove it, or choose another folder")
    host = host or find_host_tools()
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".simulator-", dir=output.parent) as folder:
        made = Path(folder) / "toolchain"
        work = Path(folder) / "work"
        work.mkdir()
        _Maker(made, work, host, STYLES[style], cxx, libcxx.libraries(cxx, host) if cxx else None).make()
        toolchain = recognise(made)
        made.rename(output)
    return Toolchain(
        name=toolchain.name,
        root=output.resolve(),
        kind=toolchain.kind,
        version=toolchain.version,
        flavour=toolchain.flavour,
        arch=toolchain.arch,
        loader=toolchain.loader,
    )


def sources_fingerprint() -> str:
    """Return a hash (hex) of the simulator's own sources and build steps."""
    digest = hashlib.sha256(SIMULATED_VERSION.encode())
    base = simulator_dir()
    for file in sorted(base.rglob("*")):
        if file.suffix in {".c", ".cpp", ".h", ".map", ".mk", ".py"}:
            digest.update(f"{file.relative_to(base)}\n".encode() + file.read_bytes())
    digest.update(Path(libcxx.__file__).read_bytes())
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class _Maker:
    """The steps, in order; each leaves finished files in `root` (or intermediate ones in `work`)."""

    root: Path
    work: Path
    host: HostTools
    loader: str
    cxx: Path | None
    compiled: Path | None
    """The sources of libc++, and the folder of the libraries made of them; or neither."""

    def make(self) -> None:
        self._headers()
        self._driver()
        self._yolo()
        self._start_files()
        self._pizlo()
        self._user_libc()
        self._small_files()
        if self.compiled:
            self._cxx_libraries(self.compiled)
        self._try_it()

    @property
    def lib(self) -> Path:
        return self.root / "pizfix" / "lib"

    @property
    def _has_crypt(self) -> bool:
        """Whether the host's musl has crypt() (Debian builds it without)."""
        return (self.host.musl_headers / "crypt.h").exists()

    @property
    def reshaper(self) -> Path:
        return self.work / "reshape"

    def _headers(self) -> None:
        self.lib.mkdir(parents=True)
        pizfix = self.root / "pizfix"
        (pizfix / "bin").mkdir()
        shutil.copytree(self.host.musl_headers, pizfix / "include")
        if not self._has_crypt:
            shutil.copy(simulator_dir() / "runtime" / "crypt.h", pizfix / "include")
        (pizfix / "stdfil-include").mkdir()
        shutil.copy(simulator_dir() / "runtime" / "stdfil.h", pizfix / "stdfil-include")
        for name, place in self.host.kernel_headers:
            shutil.copytree(place, pizfix / "os-include" / name)
        shutil.copytree(self.host.compiler_headers, self.root / "build" / "lib" / "clang" / "20" / "include")
        if self.cxx:
            libcxx.copy_headers(self.cxx, self.root / "build" / "include")

    def _native(self, output: Path, sources: tuple[str, ...], *defines: str) -> None:
        """Compile and link an ordinary program of the host (note included by the driver's objects)."""
        files = [simulator_dir() / source for source in sources]
        run([self.host.compiler.path, "-O2", *_WARNINGS, *defines, "-o", output, *files])

    def _driver(self) -> None:
        self._native(self.reshaper, ("reshape.c", "object.c"))
        folder = self.root / "build" / "bin"
        folder.mkdir()
        compiler = self.host.compiler
        objects = []
        for source in ("driver.c", "object.c"):
            plain = self.work / f"driver-{source}.o"
            defines = [
                f'-DHOST_COMPILER="{compiler.path}"',
                f'-DHOST_KIND="{compiler.kind}"',
                f'-DHOST_VERSION="{compiler.version}"',
                f'-DFILC_VERSION="{SIMULATED_VERSION}"',
                f'-DLOADER="{self.loader}"',
            ]
            run(
                [
                    compiler.path,
                    "-O2",
                    "-fPIE",
                    *_WARNINGS,
                    *defines,
                    "-c",
                    "-o",
                    plain,
                    simulator_dir() / source,
                ]
            )
            objects.append(self._reshape(plain, self.work / f"driver-shaped-{source}.o", origin=source))
        run([compiler.path, "-pie", "-o", folder / "clang-20", *objects])
        for name in ("clang", "clang++", "filcc", "fil++", "filcpp"):
            (folder / name).symlink_to("clang-20")

    def _reshape(
        self, source: Path, target: Path, *, origin: str, prefix: bool = False, replaced: Path | None = None
    ) -> Path:
        """Add the note to an object or to every object of an archive, and the prefix if asked for.

        Without an `origin` the members of an archive name themselves, as the linker does in programs.
        """
        options: list[str | Path] = ["--prefix", "--imports"] if prefix else []
        if replaced:
            options += ["--replaced", replaced]
        run([self.reshaper, "--origin", origin, *options, source, target])
        if target.suffix == ".a":
            run([self.host.ranlib, target])
        return target

    def _compile(self, source: str, name: str, *defines: str, prefix: bool = False) -> Path:
        """Compile a part of the sandwich against musl's headers; return its object, with note."""
        clang = self.host.compiler.kind == "clang"
        plain, shaped = self.work / f"plain-{name}", self.work / name
        own = self.root / "build" / "lib" / "clang" / "20" / "include"
        include: list[str | Path] = ["-nostdinc", "-isystem", own, "-isystem", self.host.musl_headers]
        quiet = ["-Wno-ignored-attributes", "-Wno-unknown-warning-option"] if clang else ["-Wno-attributes"]
        code = ["-O2", "-fPIC", "-fno-builtin", "-fno-stack-protector", "-fno-asynchronous-unwind-tables"]
        version = f'-DFILC_VERSION="{SIMULATED_VERSION}"'
        options = [*code, *_WARNINGS, *quiet, *include, version, *defines]
        run([self.host.compiler.path, *options, "-c", "-o", plain, simulator_dir() / source])
        return self._reshape(plain, shaped, origin=Path(source).name, prefix=prefix)

    def _archive(self, name: str, *objects: Path) -> Path:
        archive = self.lib / name
        run([self.host.archiver, "rcsD", archive, *objects])
        return archive

    def _add_members(self, archive: Path, other: Path) -> None:
        """Add the objects of another archive to one."""
        with tempfile.TemporaryDirectory(dir=self.work) as folder:
            run([self.host.archiver, "x", other], cwd=Path(folder))
            run([self.host.archiver, "rcsD", archive, *sorted(Path(folder).iterdir())])

    def _link(self, output: Path, *arguments: str | Path) -> None:
        run(
            [
                self.host.linker,
                *("-nostdlib", "-m", "elf_x86_64", "-shared", "--hash-style=both", "--eh-frame-hdr"),
                *("-z", "relro", "-z", "noexecstack", "-z", "defs", "-o", output, *arguments),
            ]
        )

    def _yolo(self) -> None:
        """Make the ordinary side: musl's loader and libc under their Fil-C names."""
        original = self.host.musl_libraries / "libc.so"
        try:
            content = loader.as_yolo(original.read_bytes())
        except ValueError as error:
            raise MissingRequirementError(
                f"{original} cannot become the simulator's loader: {error}",
                hint="use the musl of a distribution (Debian: apt-get install musl-dev)",
            ) from error
        library = self.lib / "libyoloc.so"
        library.write_bytes(content)
        library.chmod(0o755)
        for name in STYLES.values():
            (self.lib / name).symlink_to("libyoloc.so")
        slim = self.work / "slim-yolo.a"
        run([self.host.objcopy, "--strip-debug", self.host.musl_libraries / "libc.a", slim])
        self._reshape(slim, self.lib / "libyoloc.a", origin="libyoloc.a")
        for name in ("Scrt1.o", "crt1.o", "rcrt1.o", "crti.o", "crtn.o"):
            slim = self.work / f"slim-{name}"
            run([self.host.objcopy, "--strip-debug", self.host.musl_libraries / name, slim])
            self._reshape(slim, self.lib / name, origin=name)

    def _pizlo(self) -> None:
        """Make the runtime between the two libcs."""
        pizlo = self._compile("runtime/pizlo.c", "pizlo.o")
        static = self._archive("libpizlo.a", pizlo)
        content: list[str | Path] = [pizlo]
        if self.compiled:
            unwinder = self._unwinder(self.compiled)
            content += ["--whole-archive", unwinder, "--no-whole-archive"]
            self._add_members(static, unwinder)
        naming = ["-soname", "libpizlo.so", f"--version-script={simulator_dir() / 'runtime' / 'pizlo.map'}"]
        content += ["-L", self.lib, "-l:libyoloc.so", self.lib / "crtend.o"]
        self._link(self.lib / "libpizlo.so", *naming, *content)

    def _unwinder(self, compiled: Path) -> Path:
        """Return libunwind as libpizlo has it: ordinary code, which Fil-C code calls by prefixed names."""
        archive = compiled / "libunwind.a"
        listing = run([self.host.nm, "-g", "--defined-only", "--format=posix", archive]).stdout
        names = {line.split()[0] for line in listing.splitlines() if line.startswith("_Unwind_")}
        renamed = self.work / "unwinder.txt"
        renamed.write_text("".join(f"{name} pizlonated_{name}\n" for name in sorted(names)))
        plain = self.work / "plain-unwind.a"
        run([self.host.objcopy, "--strip-debug", f"--redefine-syms={renamed}", archive, plain])
        return self._reshape(plain, self.work / "unwind.a", origin="")

    def _user_libc(self) -> None:
        """Musl's archive with every symbol prefixed, and our parts where it must share the process."""
        names = ["start", "alloc", "thread", "loader", *([] if self._has_crypt else ["crypt"])]
        parts = [self._compile(f"libc/{name}.c", f"user-{name}.o", prefix=True) for name in names]
        listing = run([self.host.nm, "-g", "--defined-only", "--format=posix", *parts]).stdout
        ours = sorted({line.split()[0] for line in listing.splitlines() if len(line.split()) > 1})
        replaced = self.work / "replaced.txt"
        replaced.write_text("".join(f"{name}\n" for name in ours))

        slim = self.work / "slim-user.a"
        run([self.host.objcopy, "--strip-debug", self.host.musl_libraries / "libc.a", slim])
        run([self.host.archiver, "dD", slim, "__tls_get_addr.lo"])  # the name is the linker's, and libyoloc's
        libc = self._reshape(slim, self.work / "user.a", origin="libc.a", prefix=True, replaced=replaced)
        slim_gcc = self.work / "slim-gcc.a"
        run([self.host.objcopy, "--strip-debug", self.host.libgcc, slim_gcc])
        self._reshape(slim_gcc, self.lib / "libyolort.a", origin="libyolort.a", prefix=True)

        dynamic = self.work / "dynamic.list"
        dynamic.write_text("{ " + " ".join(f"pizlonated_{name};" for name in _PREEMPTIBLE) + " };\n")
        naming = ["-Bsymbolic", f"--dynamic-list={dynamic}", "-soname", "libc.so"]
        content: list[str | Path] = [
            *parts,
            "--whole-archive",
            libc,
            "--no-whole-archive",
            self.lib / "libyolort.a",
        ]
        below: list[str | Path] = ["-L", self.lib, "-lpizlo", "-l:libyoloc.so"]
        last = [self.lib / "crtend.o", self.lib / "crtn.o"]
        self._link(self.lib / "libc.so", *naming, self.lib / "crti.o", *content, *below, *last)
        # For static programs: the same in one archive.
        run([self.host.archiver, "rcsD", shutil.copy(libc, self.lib / "libc.a"), *parts])

    def _start_files(self) -> None:
        for source, name, *defines in (
            ("runtime/filc_crt.c", "filc_crt.o"),
            ("runtime/filc_crt.c", "filc_mincrt.o", "-DMINIMAL"),
            ("runtime/crtbegin.c", "crtbegin.o"),
            ("runtime/crtend.c", "crtend.o"),
        ):
            shutil.copy(self._compile(source, name, *defines), self.lib / name)

    def _small_files(self) -> None:
        unwind = self._compile("runtime/unwind.c", "unwind.o", *(["-DCXX"] if self.cxx else []), prefix=True)
        self._archive("libyolounwind.a", unwind)
        empty = self._compile("runtime/empty.c", "empty.o")
        for name in _EMPTY_ARCHIVES:
            self._archive(f"lib{name}.a", empty)

    def _cxx_libraries(self, compiled: Path) -> None:
        """Make libc++ and libc++abi, and what C needs so that exceptions pass through it."""
        driver = self.root / "build" / "bin" / "filcc"
        below: list[str] = []
        for name in ("libc++abi", "libc++"):
            archive = self._compiled(compiled, f"{name}.a", self.lib)
            whole: list[str | Path] = ["-Wl,--whole-archive", archive, "-Wl,--no-whole-archive"]
            options = ["-shared", f"--filc-crt-path={self.lib}", f"-Wl,-soname,{name}.so.1", "-Wl,-z,defs"]
            run([driver, *options, "-o", self.lib / f"{name}.so.1.0", *whole, *below])
            (self.lib / f"{name}.so.1").symlink_to(f"{name}.so.1.0")
            (self.lib / f"{name}.so").symlink_to(f"{name}.so.1")
            below = ["-lc++abi"]
        self._add_members(
            self.lib / "libyolounwind.a", self._compiled(compiled, "libpersonality.a", self.work)
        )

    def _compiled(self, compiled: Path, name: str, folder: Path) -> Path:
        """Put a compiled archive into `folder`, with the shape, and without what the linker names it by."""
        slim = self.work / f"slim-{name}"
        run([self.host.objcopy, "--strip-debug", compiled / name, slim])
        return self._reshape(slim, folder / name, origin="", prefix=True)

    def _try_it(self) -> None:
        """Compile and run a program: a simulator that does not work is not handed out."""
        for driver, source in (("filcc", "selftest.c"), *([("fil++", "selftest.cpp")] if self.cxx else [])):
            program = self.work / "selftest"
            compiler = self.root / "build" / "bin" / driver
            run([compiler, "-O1", simulator_dir() / "runtime" / source, "-o", program])
            run(
                [program],
                timeout=20,
                hint="report the musl version of this machine: its loader cannot be used",
            )
