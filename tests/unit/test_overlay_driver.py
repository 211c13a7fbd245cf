"""The script between a cc-wrapper and Fil-C's driver, and the answers to configure scripts."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from filcross import resources

if TYPE_CHECKING:
    from pathlib import Path

WRAPPERS = resources.overlays_dir() / "wrappers"


@pytest.fixture
def driver(tmp_path: Path) -> Path:
    """A driver that prints its arguments, its version script and its response file, behind the script."""
    real = tmp_path / "real"
    real.write_text(
        "#!/bin/bash\n"
        'for word; do echo "[$word]"; case $word in\n'
        '--version-script=*) echo "script: $(tr -s " \\n" " " < "${word#*=}")" ;;\n'
        '@*) cat "${word:1}" ;; esac; done\n'
    )
    script = tmp_path / "driver"
    text = (WRAPPERS / "driver.sh").read_text()
    for name, value in {"@shell@": "/bin/bash", "@prog@": str(real), "@coreutils@/bin/": ""}.items():
        text = text.replace(name, value)
    script.write_text(text)
    for file in (real, script):
        file.chmod(0o755)
    return script


def call(driver: Path, *words: str, exit_code: int = 0) -> tuple[list[str], str]:
    """Return the lines that the driver behind the script prints, and the messages."""
    done = subprocess.run(
        [driver, *words],
        cwd=driver.parent,
        env={"TMPDIR": str(driver.parent / "tmp"), "PATH": "/usr/bin:/bin"},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == exit_code, done.stderr
    return done.stdout.splitlines(), done.stderr


@pytest.fixture(autouse=True)
def _scripts(tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    (tmp_path / "a.map").write_text("A { global: a; local: *; };\n")
    (tmp_path / "b.map").write_text("B { global: b; } A;\n")
    (tmp_path / "c.map").write_text('# words\nC { global: "c"; extern "C" { d; e }; extern "C" {f;}; };\n')


@pytest.mark.parametrize(
    "words",
    [
        ["-Wl,--version-script=a.map"],
        ["-Wl,--version-script,a.map"],
        ["-Wl,--version-script", "-Wl,a.map"],
        ["-Wl,-version-script", "x.o", "-Wl,a.map"],
        ["-Xlinker", "--version-script=a.map"],
        ["-Xlinker", "-version-script", "-Xlinker", "a.map"],
        ["--version-script=a.map"],
        ["-version-script", "a.map"],
        ["--version-script", "a.map", "-Wl,--version-script=a.map"],
    ],
)
def test_every_spelling_becomes_the_drivers_own(driver: Path, words: list[str]) -> None:
    lines, said = call(driver, "-shared", *words, "-o", "out")
    rest = [line for line in lines if line != "[x.o]"]
    assert rest == [
        "[--version-script=a.map]",
        "script: A { global: a; local: *; }; ",
        "[-shared]",
        "[-o]",
        "[out]",
    ]
    assert said == ""


def test_other_words_for_the_linker_stay_in_their_order(driver: Path) -> None:
    lines, _ = call(
        driver, "-Wl,-z,now,--version-script,a.map,-O1", "x.o", "-Wl,-rpath,/lib", "-Xlinker", "-E"
    )
    assert [line for line in lines if not line.startswith(("[--version", "script"))] == [
        "[-Wl,-z,now,-O1]",
        "[x.o]",
        "[-Wl,-rpath,/lib]",
        "[-Xlinker]",
        "[-E]",
    ]


def test_what_says_the_same_is_put_in_the_drivers_words(driver: Path) -> None:
    lines, _ = call(driver, "-Wl,--version-script=c.map", "x.o")
    assert lines[1].split() == ["script:", "C", "{", "global:", "c;", "d;", "e", ";", "f;", "};"]
    assert list((driver.parent / "tmp").iterdir()) == []


def test_several_scripts_are_one_for_the_driver(driver: Path) -> None:
    lines, _ = call(driver, "-Wl,--version-script=a.map,--version-script=b.map")
    assert lines[1] == "script: A { global: a; local: *; }; B { global: b; } A; "


def test_patterns_that_only_hide_names_are_left_out(driver: Path) -> None:
    (driver.parent / "x.map").write_text("A { global: a; local: b; _*; z?; c; };\nB { e; local: *; } A;\n")
    lines, said = call(driver, "-Wl,-soname,x,--version-script,x.map")
    assert lines[1].split() == [
        "script:",
        "A",
        "{",
        "global:",
        "a;",
        "local:",
        "b;",
        "_*;",
        "c;",
        "};",
        "B",
        "{",
        "e;",
        "local:",
        "*;",
        "}",
        "A;",
    ]
    assert "x.map:1: the names like `z?` stay visible" in said
    assert "`_*`" not in said


def test_stars_are_part_of_names(driver: Path) -> None:
    (driver.parent / "x.map").write_text("A { global: a_*; *_b; local: *; };\n")
    lines, said = call(driver, "-Wl,--version-script=x.map")
    assert lines == ["[--version-script=x.map]", "script: A { global: a_*; *_b; local: *; }; "]
    assert said == ""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("A {\n  a_?;\n};", "x.map:2: Fil-C's driver cannot take the pattern `a_?`"),
        ("A { local: b; global: _[a-z]*; };", "the pattern `_[a-z]*`"),
        ('A { extern "C++" { a; }; };', 'x.map:1: Fil-C\'s driver cannot take `extern "C++"`'),
        ('A { "a b"; };', 'cannot take `"a b"`'),
        ("A { std::a; };", "cannot take `std::a`"),
        ('A { "a', "cannot take an open quote"),
    ],
)
def test_what_the_driver_cannot_take_is_explained(driver: Path, text: str, message: str) -> None:
    (driver.parent / "x.map").write_text(text)
    lines, said = call(driver, "-Wl,--version-script=x.map", exit_code=1)
    assert lines == []
    assert message in said
    assert "help: name the symbols one by one" in said
    compiled, _ = call(driver, "-c", "x.c", "-Wl,--version-script=x.map")
    assert compiled == ["[-c]", "[x.c]"]


def test_the_scripts_path_is_no_pattern(driver: Path) -> None:
    folder = driver.parent / "x86_64-unknown[a-"
    folder.mkdir()
    (folder / "a.map").write_text("A { global: a; local: *; };")
    lines, _ = call(driver, f"-Wl,--version-script={folder}/a.map")
    assert lines[0] == f"[--version-script={folder}/a.map]"


def test_response_files_are_read_where_they_matter(driver: Path) -> None:
    (driver.parent / "plain.rsp").write_text("-O2 x.c")
    lines, _ = call(driver, "@plain.rsp", "-c")
    assert lines == ["[@plain.rsp]", "-O2 x.c[-c]"]
    (driver.parent / "inner.rsp").write_text(
        '-Wl,--version-script=a.map \'two words\'\n"quo\\"te" back\\ slash'
    )
    (driver.parent / "outer.rsp").write_text("-DX=1\n@inner.rsp\n''")
    lines, _ = call(driver, "@outer.rsp")
    assert lines[1:] == [
        '"--version-script=a.map"',
        '"-DX=1"',
        '"two words"',
        '"quo\\"te"',
        '"back slash"',
        '""',
    ]


@pytest.mark.parametrize(
    "flag",
    [
        "-flto",
        "-flto=thin",
        "-flto-partition=none",
        "-ffat-lto-objects",
        "-fprofile-generate",
        "-fprofile-use=x",
        "--coverage",
        "-pg",
        "-fsanitize=address",
        "-fsanitize-coverage=trace-pc",
        "-lgcc_s",
    ],
)
def test_what_filc_does_not_have_is_left_out_by_name(driver: Path, flag: str) -> None:
    lines, said = call(driver, flag, "-O2", "-c", flag)
    assert lines == ["[-O2]", "[-c]"]
    assert said.count(f"filcc: warning: {flag} is left out: Fil-C has no") == 1


def test_gccs_runtime_is_left_out_in_every_spelling(driver: Path, tmp_path: Path) -> None:
    answers = tmp_path / "words.rsp"
    answers.write_text("-lgcc_eh\n-lgccjit\n")
    lines, said = call(driver, "-Wl,-lgcc_s,-O1", "-Xlinker", "-lgcc_s", "-lgcc", f"@{answers}", "x.o")
    assert lines[1:] == ['"-Wl,-O1"', '"-lgccjit"', '"x.o"']
    assert said.count("is left out") == 3


def test_debug_sections_are_never_compressed(driver: Path) -> None:
    words = [
        "-g",
        "-gz",
        "-gz=zlib",
        "-gz=none",
        "-Wa,--compress-debug-sections",
        "-Wa,-L,--compress-debug-sections=zlib",
    ]
    lines, said = call(
        driver, *words, "-Xassembler", "--compress-debug-sections", "-Wl,--compress-debug-sections=zlib,-O1"
    )
    assert lines == ["[-g]", "[-gz=none]", "[-Wa,-L]", "[-Wl,-O1]"]
    assert said == ""


def test_what_is_no_flag_stays(driver: Path) -> None:
    words = ["-fno-lto", "-fno-sanitize=all", "-Xclang", "-flto", "-o", "-gz", "-D", "-pg", "--", "-flto"]
    lines, said = call(driver, *words)
    assert lines == [f"[{word}]" for word in words]
    assert said == ""
    assert call(driver, "-cc1", "-flto")[0] == ["[-cc1]", "[-flto]"]
    assert call(driver, "-export-dynamic")[0] == ["[-Wl,-export-dynamic]"]
    assert call(driver)[0] == []


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["-Wl,--export-dynamic-symbol=a"], ["-Wl,--export-dynamic-symbol=pizlonated_a"]),
        (["-Wl,-u,a,-z,now"], ["-Wl,-u,pizlonated_a,-z,now"]),
        (["-Wl,-ua"], ["-Wl,-upizlonated_a"]),
        (
            ["-Xlinker", "--undefined", "-Xlinker", "a"],
            ["-Xlinker", "--undefined", "-Xlinker", "pizlonated_a"],
        ),
        (["-u", "a"], ["-u", "pizlonated_a"]),
        (["-Wl,--require-defined=pizlonated_a"], ["-Wl,--require-defined=pizlonated_a"]),
        (["-Wl,-undefined-version,-unique"], ["-Wl,-undefined-version,-unique"]),
        (["-Wl,--dynamic-list-data"], ["-Wl,--dynamic-list-data"]),
    ],
)
def test_symbols_for_the_linker_get_their_prefix(driver: Path, words: list[str], expected: list[str]) -> None:
    assert call(driver, *words, "x.o")[0] == [f"[{word}]" for word in (*expected, "x.o")]


@pytest.mark.parametrize("words", [["-Wl,--dynamic-list=l"], ["-Wl,--dynamic-list", "-Wl,l"]])
def test_a_dynamic_list_gets_prefixes(driver: Path, words: list[str]) -> None:
    (driver.parent / "l").write_text('{\n  a; b_*; # some\n  "c"; *;\n};\n')
    real = driver.parent / "real"
    real.write_text("#!/bin/bash\nshopt -s nullglob\ncat tmp/*.list < /dev/null\n")
    lines, _ = call(driver, *words, "x.o")
    assert " ".join(lines).split() == ["{", "pizlonated_a;", "pizlonated_b_*;", "pizlonated_c;", "*;", "};"]
    assert list((driver.parent / "tmp").iterdir()) == []
    (driver.parent / "l").write_text('{ extern "C++" { a; }; };')
    assert "l:1: Fil-C's symbols cannot be listed with" in call(driver, *words, "x.o", exit_code=1)[1]
    assert call(driver, "-c", *words)[0] == []


def test_a_label_without_names_goes_with_its_patterns(driver: Path) -> None:
    (driver.parent / "x.map").write_text("A { global: a; local: _?; }; B { local: _?; b; };")
    lines, said = call(driver, "-Wl,--version-script=x.map")
    assert lines[1].split() == ["script:", "A", "{", "global:", "a;", "};", "B", "{", "local:", "b;", "};"]
    assert said.count("stay visible") == 2


def test_wrapping_functions_is_refused_where_it_links(driver: Path) -> None:
    assert "--wrap" in call(driver, "-Wl,--wrap=malloc", "x.o", exit_code=1)[1]
    assert call(driver, "-c", "-Wl,--wrap=malloc")[0] == ["[-c]", "[-Wl,--wrap=malloc]"]


@pytest.mark.parametrize(
    ("script", "named"),
    [
        ("A {\n  global: a;\n  local: *;\n};", "a"),
        ("A { global: a; local: *; };", "a"),
        ("A { b; };", "b"),
        ("{ local: *; };", None),
        ("A { global: pizlonated_a; local: *; };", None),
        ("A {\n  a;\n  pizlonated_b;\n};", None),
    ],
)
@pytest.mark.parametrize("words", [["--version-script=x.map"], ["-version-script", "x.map"]])
def test_a_linker_without_the_driver_gets_no_plain_names(
    tmp_path: Path, script: str, named: str | None, words: list[str]
) -> None:
    (tmp_path / "x.map").write_text(script)
    command = ["bash", "-euc", f"source {WRAPPERS / 'linker-check.sh'}", "ld", "-shared", *words, "x.o"]
    done = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, text=True)
    assert done.returncode == (0 if named is None else 1)
    assert (named is None) == (done.stderr == "")
    assert named is None or f"x.map: the linker knows no symbol '{named}'" in done.stderr


def answers(**variables: str) -> dict[str, str]:
    code = ". ./config.site; set"
    done = subprocess.run(
        ["sh", "-c", code], cwd=WRAPPERS, env=variables, check=True, capture_output=True, text=True
    )
    pairs = (line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    return {name: value.strip("'") for name, value in pairs}


def test_answers_to_configure_are_for_filc_alone(tmp_path: Path) -> None:
    pipe = "lt_cv_sys_global_symbol_pipe"
    for host in ("", "x86_64-unknown-linux-filc"):
        found = answers(host_alias=host)
        assert found["ac_cv_prog_cc_c23"] == "no"
        assert found["ac_cv_func_malloc_0_nonnull"] == found["lt_cv_dlopen_self"] == "yes"
        assert pipe in found
    assert pipe not in answers(host_alias="x86_64-unknown-linux-gnu")
    assert pipe not in answers(host_alias="", CC="/bin/gcc", CC_FOR_BUILD="/bin/gcc")
    assert "ac_cv_func_malloc_0_nonnull" not in answers(host_alias="x86_64-unknown-linux-gnu")
    kept = answers(ac_cv_prog_cc_c23="-std=gnu23", **{pipe: "mine"})
    assert (kept["ac_cv_prog_cc_c23"], kept[pipe]) == ("-std=gnu23", "mine")
    python = answers(PACKAGE_NAME="python", enable_optimizations="yes", with_lto="yes")
    assert (python["enable_optimizations"], python["with_lto"]) == ("no", "no")
    assert answers(PACKAGE_NAME="other", with_lto="yes")["with_lto"] == "yes"
    other = tmp_path / "other.site"
    other.write_text("ac_cv_prog_cc_c23=other\nmine=yes\n")
    assert answers(filcOtherAnswers=str(other))["ac_cv_prog_cc_c23"] == "other"


def test_the_pipe_for_libtool_lists_c_names(tmp_path: Path) -> None:
    (tmp_path / "nm").write_text(
        "0000000000000000 T pizlonated_count\n0000000000000010 T pizlonatedFIP60125_count\n"
        "0000000000000020 W pizlonated1ET23\n0000000000000030 D pizlonatedFO_count\n"
        "0000000000000040 B pizlonated_number\n                 U filc_allocate\n"
        "0000000000000050 t local\n0000000000000060 T plain\n"
    )
    script = (
        '. "$0"; eval "cat nm | $lt_cv_sys_global_symbol_pipe" > list; cat list; '
        'eval "$lt_cv_sys_global_symbol_to_cdecl" < list; '
        'eval "$lt_cv_sys_global_symbol_to_c_name_address" < list'
    )
    done = subprocess.run(
        ["sh", "-c", script, WRAPPERS / "config.site"],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin"},
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.splitlines() == [
        "T pizlonated_count count",
        "B pizlonated_number number",
        "T plain plain",
        "extern int count();",
        "extern char number;",
        "extern int plain();",
        '  {"count", (void *) &count},',
        '  {"number", (void *) &number},',
        '  {"plain", (void *) &plain},',
    ]
