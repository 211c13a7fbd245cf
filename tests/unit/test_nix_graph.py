"""The graph of derivations: what is read from their files, on which side each is, and what would be built."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filcross.errors import NothingToJudgeError, UnsupportedInputError, UsageError
from filcross.nix import graph, history, languages, plan
from filcross.report import plan as report

if TYPE_CHECKING:
    from pathlib import Path

P = graph.PLATFORM
HASH = "0123456789abcdfghijklmnpqrsvwxyz"
STORE = "/nix/store"


def quoted(value: str) -> str:
    for plain, escaped in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t")):
        value = value.replace(plain, escaped)
    return f'"{value}"'


class Store:
    """A folder with derivations, written as Nix writes them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / STORE.lstrip("/")).mkdir(parents=True)

    def add(self, name: str, *inputs: str, fixed: bool = False, **variables: str) -> str:
        path = f"{STORE}/{HASH}-{name}.drv"
        needed = ",".join(f'({quoted(item)},["out"])' for item in sorted(inputs))
        content = ("sha256", "00" * 32) if fixed else ("", "")
        out = self.out(path)
        env = ",".join(f"({quoted(k)},{quoted(v)})" for k, v in sorted({**variables, "out": out}.items()))
        text = (
            f"Derive([({','.join(map(quoted, ('out', out, *content)))})],[{needed}],"
            f'["{STORE}/{HASH}-builder.sh"],"x86_64-linux","/bin/sh",["-e","a ]) b"],[{env}])'
        )
        (self.folder / path.lstrip("/")).write_text(text)
        return path

    def out(self, derivation: str) -> str:
        return derivation.removesuffix(".drv")

    def read(self, *roots: str) -> dict[str, graph.Derivation]:
        return graph.read_derivations(roots, folder=self.folder)

    def graph(self, valid: tuple[str, ...] = (), **roots: str) -> graph.Graph:
        present = frozenset(map(self.out, valid))
        return graph.Graph(roots, self.read(*roots.values()), present)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def side(store: Store, name: str, *inputs: str, **variables: str) -> str:
    path = store.add(name, *inputs, **variables)
    return store.read(path)[path].side


def test_a_package_for_filc_bears_its_name_and_a_tool_for_it_begins_with_it(store: Store) -> None:
    assert side(store, f"curl-{P}-8.7.1") == "host"
    assert side(store, f"curl-8.7.1-{P}") == "host"
    assert side(store, f"{P}-binutils-{P}-2.41") == "host"
    assert side(store, f"{P}-filc-cc-wrapper-19.1.7") == "build"
    assert side(store, f"curl-8.7.1-{P}x") == "build"
    assert side(store, "curl-8.7.1") == "build"


def test_the_environment_and_the_flags_of_configure_tell_the_side_too(store: Store) -> None:
    wrapper = store.add(f"{P}-filc-cc-wrapper-19.1.7")
    environment = store.add("stdenv-linux", wrapper)
    native = store.add("stdenv-linux-native", store.add("gcc-wrapper-13"))
    assert side(store, "hook", environment, stdenv=store.out(environment)) == "host"
    assert side(store, "other-hook", native, stdenv=store.out(native)) == "build"
    assert side(store, "script", native, stdenv=store.out(native), configureFlags=f"-x --host={P}") == "host"
    # What only speaks of the flag is not told it.
    assert side(store, "text", buildCommand=f'echo ("configureFlags","--host={P}")') == "build"
    structured = json.dumps({"stdenv": store.out(environment), "configureFlags": ["a", 'b"c']})
    assert side(store, "structured", environment, __json=structured) == "host"
    assert side(store, "flags", __json=json.dumps({"configureFlags": ["-q", f"--host={P}"]})) == "host"


def test_a_source_is_on_no_side_but_the_build_machines(store: Store) -> None:
    path = store.add(f"curl-{P}.tar.gz", fixed=True)
    found = store.read(path)[path]
    assert (found.side, found.fixed_output, plan.side_of(found)) == ("build", True, "source")


@given(st.text(alphabet='ab ")](,[\\\n\t(' + "x"))
def test_no_value_of_a_variable_is_mistaken_for_another(value: str) -> None:
    text = (
        f'Derive([("out","/o","","")],[],[],"s","b",[],[("a",{quoted(value)}),("stdenv","/right"),("z","")])'
    )
    found = graph._parse(f"{STORE}/{HASH}-x.drv", text)
    assert found.stdenv == "/right"
    get = graph._variables(text, 0)
    assert get("a") == value


@pytest.mark.parametrize("value", ["not JSON", "1", '["a"]', ""])
def test_a_plain_variable_of_the_name_of_structured_ones_is_none_of_those(store: Store, value: str) -> None:
    assert side(store, "odd", configureFlags=f"--host={P}", __json=value) == "host"


def test_outputs_and_inputs_are_read() -> None:
    text = (
        'Derive([("dev","/nix/store/d-dev","",""),("out","/nix/store/d","","")],'
        '[("/nix/store/a.drv",["dev","out"]),("/nix/store/b.drv",["out"])],[],"x86_64-linux","b",[],[])'
    )
    found = graph._parse(f"{STORE}/{HASH}-many-1.0.drv", text)
    assert found.outputs == {"dev": "/nix/store/d-dev", "out": "/nix/store/d"}
    assert found.inputs == ("/nix/store/a.drv", "/nix/store/b.drv")
    assert found.name == "many-1.0"


def test_what_cannot_be_read_is_an_error_and_no_guess(store: Store) -> None:
    with pytest.raises(NothingToJudgeError, match="cannot be read"):
        store.read(f"{STORE}/{HASH}-absent.drv")
    place = store.folder / STORE.lstrip("/") / f"{HASH}-new.drv"
    place.write_text('DrvWithVersion("xp-dyn-drv",[("out","","","")],[],[],"s","b",[],[])')
    with pytest.raises(UnsupportedInputError, match="does not know"):
        store.read(f"{STORE}/{HASH}-new.drv")


def test_names_lose_platform_and_version() -> None:
    assert graph.package_of(f"curl-{P}-8.7.1") == "curl"
    assert graph.package_of(f"curl-8.7.1-{P}") == "curl"
    assert graph.package_of(f"{P}-rustc-wrapper-1.77.1") == "rustc-wrapper"
    assert graph.package_of("python3.11-idna-3.6") == "python3.11-idna"
    assert graph.package_of("x86_64-unknown-linux-musl-a-1", "x86_64-unknown-linux-musl") == "a"
    assert graph.title(f"{STORE}/{HASH}-curl-{P}-8.7.1.drv") == "curl-8.7.1"


def test_what_is_there_ends_the_way(store: Store) -> None:
    source = store.add("a.tar.gz", fixed=True)
    compiler = store.add("gcc-13")
    library = store.add("lib-1", source, compiler)
    program = store.add("program-1", library)
    everything = store.graph(p=program)
    assert everything.missing([program]) == {source, compiler, library, program}
    assert store.graph(valid=(library,), p=program).missing([program]) == {program}
    assert store.graph(valid=(compiler,), p=program).missing([program]) == {program, library, source}
    assert everything.path_to(program, source) == (program, library, source)
    assert everything.path_to(source, program) == ()
    order = list(graph.in_order(everything, everything.derivations))
    assert order.index(source) < order.index(library) < order.index(program)


# Languages


def rusty(store: Store) -> tuple[str, str, str]:
    rustc = store.add(f"{P}-rustc-wrapper-1.77.1")
    library = store.add(f"librsvg-{P}-2.0", rustc)
    return rustc, library, store.add(f"git-{P}-2.0", library)


def test_a_compiler_among_the_inputs_is_a_boundary_with_the_way_to_it(store: Store) -> None:
    rustc, library, program = rusty(store)
    [found] = languages.boundaries(store.graph(git=program, other=library))
    assert (found.language, found.derivation, found.compiler) == ("rust", library, rustc)
    assert found.attributes == ("git", "other")
    assert found.path == (program, library)
    assert languages.sentence(found) == "git → librsvg-2.0 is made with Rust (rustc-wrapper-1.77.1)"


def test_tools_of_the_build_machine_may_be_written_in_anything(store: Store) -> None:
    rustc = store.add("rustc-1.77.1")
    tool = store.add("cbindgen-0.26", rustc)
    program = store.add(f"git-{P}-2.0", tool)
    generator = store.add(f"nss-{P}-3", rustc, depsBuildBuild=store.out(rustc))
    assert languages.boundaries(store.graph(git=program, nss=generator)) == ()
    fortran = store.add(f"{P}-gfortran-wrapper-9.3.0")
    library = store.add(f"openblas-{P}-1", fortran, depsBuildBuild=store.out(fortran))
    assert [item.language for item in languages.boundaries(store.graph(blas=library))] == ["fortran"]
    vendored = store.add("vendor.tar.gz", rustc, fixed=True)
    assert languages.boundaries(store.graph(git=store.add(f"x-{P}-1", vendored))) == ()
    assert languages.boundaries(store.graph(**{"buildPackages.cbindgen": tool})) == ()


def test_ordinary_code_under_a_filc_name_is_a_boundary(store: Store) -> None:
    go = store.add("go-1.14.6")
    fzf = store.add("fzf-0.21.1", go)
    [asked] = languages.boundaries(store.graph(fzf=fzf))
    assert (asked.language, asked.derivation) == ("go", fzf)
    linked = store.add("hugo-0.73.0", go, store.add(f"libsass-{P}-3.6"))
    [mixed] = languages.boundaries(store.graph(script=store.add(f"script-{P}-1", linked)))
    assert mixed.derivation == linked


def test_a_package_that_brings_its_code_along(store: Store) -> None:
    ocaml = store.add(f"ocaml-4.10.0-{P}")
    [found] = languages.boundaries(store.graph(ocaml=ocaml))
    assert (found.compiler, found.language) == ("", "ocaml")
    assert languages.sentence(found) == "ocaml holds OCaml code"


def test_code_for_another_processor_is_a_boundary(store: Store) -> None:
    musl = "i686-unknown-linux-musl"
    freetype = store.add(f"freetype-2.10-{musl}", store.add(f"{musl}-stage-final-gcc-wrapper-9.3.0"))
    wine = store.add(f"wine-5.0-{P}", freetype)
    [found] = languages.boundaries(store.graph(wine=wine))
    assert (found.language, found.derivation, found.compiler) == ("i686", wine, freetype)
    [asked] = languages.boundaries(store.graph(zsnes=store.add(f"zsnes-1.51-{musl}")))
    assert (asked.language, asked.compiler) == ("i686", "")


def test_refusing(store: Store) -> None:
    _, _, program = rusty(store)
    derivations = store.read(program)
    with pytest.raises(languages.LanguageError, match="git would hold Rust code") as error:
        languages.refuse(derivations, {"git": program})
    assert error.value.exit_code == 1
    assert "--allow-language rust" in (error.value.hint or "")
    assert error.value.details == ("git → librsvg-2.0 is made with Rust (rustc-wrapper-1.77.1)",)
    languages.refuse(derivations, {"git": program}, ["rust"])
    with pytest.raises(languages.LanguageError):
        languages.refuse(derivations, {"git": program}, ["go"])
    with pytest.raises(UsageError, match="cobol"):
        languages.check_names(["rust", "cobol"])


def test_languages_of_a_whole_graph(store: Store) -> None:
    _, library, program = rusty(store)
    plain = store.add(f"zlib-{P}-1")
    derivations = store.read(program, plain)
    found = languages.needed_by(derivations, [program, plain])
    assert found[program] == found[library] == {"rust"}
    assert found[plain] == frozenset()
    assert languages.needed_by(derivations, [], platform="x86_64-unknown-linux-musl")[program] == frozenset()


def test_every_language_says_where_that_is_known_from() -> None:
    found = languages.load()
    assert {"rust", "go", "haskell", "zig", "ocaml", "d", "fortran", "swift"} <= {item.name for item in found}
    assert all(item.source for item in found)
    for item in found:
        assert not any(
            item.compilers and item.compilers.fullmatch(name)
            for name in (
                "gcc",
                "gcc-wrapper",
                "filc-cc-wrapper",
                "clang",
                "nim",
                "vala",
                "gobject-introspection",
            )
        )


# History and plan


def build(name: str, seconds: float) -> history.Build:
    return history.Build(f"{STORE}/{HASH}-{name}.drv", name, seconds)


def test_estimates_are_medians_of_the_last_builds(tmp_path: Path) -> None:
    file = tmp_path / "state" / "builds.sqlite"
    assert history.estimates(file, ["hello"], toolchain="t") == {}
    times = [1000.0, *(float(n) for n in range(1, 12))]
    assert history.add(file, [build("hello-2.10", seconds) for seconds in times], toolchain="t")
    history.add(file, [build("gcc-13", 60)], toolchain="t")
    names = ["hello-2.10", f"hello-{P}-2.12", "gcc-13", "unknown-1"]
    found = history.estimates(file, names, toolchain="t")
    assert found["hello-2.10"] == history.Estimate(6.5, 10, "this version")
    assert found[f"hello-{P}-2.12"] == history.Estimate(6.5, 10, "another version")
    assert set(found) == {"hello-2.10", f"hello-{P}-2.12", "gcc-13"}
    assert history.estimates(file, ["gcc-13"], toolchain="u")["gcc-13"].basis == "another toolchain"


def test_a_history_is_only_added_to_and_never_worth_a_failure(tmp_path: Path) -> None:
    import sqlite3

    file = tmp_path / "builds.sqlite"
    history.add(file, [build("a-1", 1)], toolchain="t")
    connection = sqlite3.connect(file)
    for statement in ("UPDATE builds SET seconds = 0", "DELETE FROM builds"):
        with pytest.raises(sqlite3.IntegrityError):
            connection.execute(statement)
    connection.close()
    broken = tmp_path / "broken.sqlite"
    broken.write_text("this is no database at all, but a text that is long enough for one" * 9)
    assert not history.add(broken, [build("a-1", 1)], toolchain="t")
    assert history.estimates(broken, ["a-1"], toolchain="t") == {}
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert not history.add(blocked / "builds.sqlite", [build("a-1", 1)], toolchain="t")


def steps(**needed: tuple[str, float | None]) -> dict[str, plan.Step]:
    found: dict[str, plan.Step] = {}
    for name, (after, seconds) in needed.items():
        names = tuple(after.split())
        level = max((found[item].level + 1 for item in names), default=0)
        guess = None if seconds is None else history.Estimate(seconds, 1, "this version")
        found[name] = plan.Step(name, name, "filc", source=False, level=level, after=names, estimate=guess)
    return found


def test_the_critical_path_is_the_longest_in_time() -> None:
    found = plan._critical(steps(a=("", 1), b=("", 100), c=("a", 1), d=("c", 1), e=("b d", 1)))
    assert found == plan.CriticalPath(("b", "e"), 101, 2)


def test_what_is_unknown_is_taken_for_the_median_and_said() -> None:
    found = plan._critical(steps(a=("", None), b=("a", None), c=("b", 10), d=("", 25), e=("c d", 10)))
    assert found == plan.CriticalPath(("a", "b", "c", "e"), 40, 2)
    assert "for 2 of 4; the others are taken for the median" in report._path_sentence(found)
    nothing = plan._critical(steps(a=("", None), b=("a", None), c=("", None)))
    assert nothing == plan.CriticalPath(("a", "b"), None, 0)
    assert "unknown" in report._path_sentence(nothing)
    assert plan._critical({}) == plan.CriticalPath((), None, 0)


def test_a_picture_leaves_out_what_a_longer_way_says() -> None:
    after = {"a": (), "b": ("a", "elsewhere"), "c": ("a", "b"), "d": ("a", "c", "b")}
    assert report.reduced(after) == [("b", "a"), ("c", "b"), ("d", "c")]
