"""The overlay on the embedded tree, with the simulator: what its compiler, libc and wrappers are."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from filcross import config, pipeline, resources
from filcross.nix import evaluate

if TYPE_CHECKING:
    from filcross.toolchain.layout import Toolchain

pytestmark = [
    pytest.mark.nix,
    pytest.mark.skipif(shutil.which("nix-build") is None, reason="no Nix on this machine"),
]
DATA = Path(__file__).resolve().parent.parent / "data" / "overlay"
TRIPLE = "x86_64-unknown-linux-filc"


@pytest.fixture
def prepared(simulator: Toolchain) -> pipeline.Prepared:
    settings = config.load({"nixpkgs": "embedded", "toolchain": str(simulator.root)})
    return pipeline.prepare(settings, lambda _: None)


def build(prepared: pipeline.Prepared, attribute: str, file: Path | None = None) -> Path:
    arguments: list[str | Path] = ["--no-out-link", "--option", "allow-import-from-derivation", "false"]
    for name, value in prepared.packages.arguments().items():
        arguments += ["--argstr", name, value]
    if file is not None:
        arguments += ["--argstr", "entry", evaluate.entry_file()]
    done = prepared.nix.run(
        "nix-build", file or evaluate.entry_file(), "-A", attribute, *arguments, timeout=600
    )
    return Path(done.stdout.split()[0])


def probe(prepared: pipeline.Prepared, name: str) -> Path:
    return build(prepared, name, DATA / "probes.nix")


def test_every_plain_name_is_filc_and_the_build_side_is_native(
    prepared: pipeline.Prepared, simulator: Toolchain
) -> None:
    found = {file.name: file.read_text().strip() for file in probe(prepared, "names").iterdir()}
    loader = f"{probe(prepared, 'filc-libc')}/lib/{simulator.loader}"
    names = ("cc", "gcc", "clang", f"{TRIPLE}-cc", f"{TRIPLE}-gcc", f"{TRIPLE}-clang", "make")
    assert {name: found[name] for name in names} == dict.fromkeys(names, loader)
    assert found["FOR_BUILD"] == "/lib64/ld-linux-x86-64.so.2"
    assert found["CC_FOR_BUILD"].startswith(f"{prepared.nix.store.folder}/")
    assert found["runs"] == "for-build 7"
    paths = found["paths"].splitlines()
    wrapper = str(probe(prepared, "filcc"))
    assert len(paths) == 11
    assert [path for path in paths if not path.startswith(f"{wrapper}/bin/")] == []


def test_no_output_keeps_the_compiler_alive(prepared: pipeline.Prepared) -> None:
    compiler, wrapper = probe(prepared, "compiler"), probe(prepared, "filcc")
    roots = [probe(prepared, name) for name in ("filc-libc", "libcHeaders")]
    roots.append(build(prepared, "pkgsCross.filc.hello"))
    for root in roots:
        closure = prepared.nix.requisites(root)
        assert compiler not in closure
        assert wrapper not in closure
        assert [path for path in closure if (path / "build" / "bin" / "clang-20").exists()] == []
    assert compiler in prepared.nix.requisites(wrapper)


def test_the_runtime_is_relocated_and_the_loader_is_untouched(
    prepared: pipeline.Prepared, simulator: Toolchain
) -> None:
    libc = probe(prepared, "filc-libc")
    for name in ("libyoloc.so", "libyoloc.a", "filc_crt.o", "Scrt1.o"):
        assert (libc / "lib" / name).read_bytes() == (simulator.lib / name).read_bytes()
    for name in ("libc.so", "libpizlo.so"):
        library = libc / "lib" / name
        answer = subprocess.run(
            ["patchelf", "--print-rpath", library], check=True, capture_output=True, text=True
        )
        assert answer.stdout.strip() == f"{libc}/lib"
    assert (libc / "lib" / simulator.loader).resolve() == libc / "lib" / "libyoloc.so"


def test_headers_come_from_the_store_alone(prepared: pipeline.Prepared) -> None:
    dependencies = probe(prepared, "headers").read_text()
    assert "/linux/version.h" in dependencies
    assert "/usr/" not in dependencies


def test_nothing_of_the_machine_is_linked(prepared: pipeline.Prepared) -> None:
    assert "libc.so.6" in probe(prepared, "impure").read_text()


def test_the_wrapper_passes_the_flags_of_the_real_driver(
    prepared: pipeline.Prepared, simulator: Toolchain
) -> None:
    support = probe(prepared, "filcc") / "nix-support"
    libc, headers = probe(prepared, "filc-libc"), probe(prepared, "libcHeaders")
    flags = (support / "cc-cflags").read_text()
    assert f"--filc-dynamic-linker={libc}/lib/{simulator.loader}" in flags
    assert f"--filc-crt-path={libc}/lib" in flags
    assert f"--filc-include={headers}/include" in flags
    assert f"--filc-stdfil-include={headers}/stdfil-include" in flags
    assert f"--filc-os-include={headers}/os-include" in flags
    assert "-nostdlibinc" not in flags
    written = "".join(file.read_text() for file in support.glob("*cflags*"))
    assert f"-target {TRIPLE}" not in written
    assert (support / "dynamic-linker").read_text().strip() == f"{libc}/lib/{simulator.loader}"


def test_config_sub_knows_the_platform_and_the_others_as_before(prepared: pipeline.Prepared) -> None:
    lines = dict(line.split() for line in probe(prepared, "configSub").read_text().splitlines())
    assert lines == {
        TRIPLE: TRIPLE,
        "x86_64-linux-filc": TRIPLE,
        "x86_64-pc-linux-gnu": "x86_64-pc-linux-gnu",
        "aarch64-linux-musl": "aarch64-unknown-linux-musl",
    }


def test_native_packages_and_build_tools_stay_the_same(prepared: pipeline.Prepared) -> None:
    expression = DATA / "identity.nix"
    names = ["hello", "nginx", "pcre2", "stdenv", "patchelf", "gnu-config", "linuxHeaders"]
    found = prepared.nix.evaluate_json(
        expression,
        arguments={
            "pristine": str(resources.embedded_tree_dir()),
            "patched": str(prepared.tree),
            "overlay": str(prepared.overlay.root),
            "names": json.dumps(names),
            "sets": json.dumps([[]]),
            "tools": json.dumps(["hello", "pcre2", "stdenv", "patchelf", "linuxHeaders"]),
        },
    )
    assert found["compared"] == len(names) * 1
    assert found["changed"] == []
    assert found["changedTools"] == []


def test_nix_alone_can_use_the_folder(prepared: pipeline.Prepared) -> None:
    overlays = f"[ (import {prepared.overlay.root}) ]"
    code = f"(import {prepared.tree} {{ overlays = {overlays}; }}).pkgsCross.filc.hello"
    alone = prepared.nix.run("nix-instantiate", "-E", code).stdout.strip()
    arguments = prepared.packages.arguments()
    through = prepared.nix.instantiate(evaluate.entry_file(), ["pkgsCross.filc.hello"], arguments=arguments)
    assert alone == through.stdout.strip()
    assert alone.endswith(".drv")


def test_the_config_sub_of_other_tools_is_taught_in_a_copy(prepared: pipeline.Prepared) -> None:
    def made(attribute: str) -> Path:
        words = [word for name, value in arguments.items() for word in ("--argstr", name, value)]
        done = prepared.nix.run("nix-build", DATA / "taught.nix", "-A", attribute, "--no-out-link", *words)
        return Path(done.stdout.split()[0])

    arguments = {"tree": prepared.tree, "overlay": prepared.overlay.root}
    native, taught = made("native"), made("taught")
    assert native.name[33:] == taught.name[33:] == "automake-1.16"
    assert (taught / "bin" / "automake").read_text() == f"exec {taught}/share/tool\n"
    assert (taught / "share" / "link").readlink() == taught / "share" / "config.sub"

    def ask(package: Path, name: str) -> subprocess.CompletedProcess[str]:
        script = package / "share" / "config.sub"
        return subprocess.run(["bash", script, name], check=False, capture_output=True, text=True)

    assert ask(native, TRIPLE).returncode != 0
    assert ask(taught, TRIPLE).stdout.strip() == TRIPLE
    assert ask(taught, "x86_64-linux-musl").stdout == ask(native, "x86_64-linux-musl").stdout
    assert native not in prepared.nix.requisites(taught)
    assert (made("doc") / "text").read_text() == "text\n"


def test_the_command_writes_a_folder_and_says_how_to_use_it(simulator: Toolchain, tmp_path: Path) -> None:
    def run(*more: str) -> subprocess.CompletedProcess[str]:
        code = "from filcross.cli import main; main()"
        words = [sys.executable, "-c", code, "overlay", "--toolchain", str(simulator.root), *more]
        return subprocess.run(words, check=False, capture_output=True, text=True)

    done = run("--output", str(tmp_path / "overlay"), "--json")
    assert done.returncode == 0
    document = json.loads(done.stdout)
    assert document["overlay"] == str(tmp_path / "overlay")
    assert document["parameters"]["toolchain"]["simulated"] is True
    assert "not memory-safe" in done.stderr
    assert "pkgsCross.filc.hello" in done.stderr
    chosen = run("--output", str(tmp_path / "chosen"), "--no-checks", "--refuse-languages", "--json")
    assert json.loads(chosen.stdout)["parameters"]["knobs"] == {"checks": False, "refuse-languages": True}
    (tmp_path / "overlay" / "default.nix").write_text("mine")
    refused = run("--output", str(tmp_path / "overlay"))
    assert refused.returncode == 2
    assert "help:" in refused.stderr
    assert (tmp_path / "overlay" / "default.nix").read_text() == "mine"
