"""The ledger: append-only, one run at a time, merged without loss; and what outcomes follow from it."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys
import tomllib
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from filcross import __version__, resources
from filcross.errors import (
    FilcrossError,
    MissingRequirementError,
    NothingToJudgeError,
    UnsupportedInputError,
    UsageError,
)
from filcross.matrix import causes, compare, ledger, outcomes
from filcross.matrix.ledger import FailedDerivation, Result

if TYPE_CHECKING:
    from pathlib import Path


def result(run: str, cell: str, status: str = "pass", **fields: object) -> Result:
    plain = Result(
        run=run,
        cell=cell,
        attempt=0,
        revision="r1",
        tools="simulator",
        derivation=f"/nix/store/{cell.replace('/', '-')}.drv",
        key=f"key of {cell}",
        status=status,
        stage="verify",
        cause="" if status == "pass" else "package",
        culprit="",
        message="",
        expected="",
        simulated=True,
        known=False,
        seconds=1.5,
        at=ledger.now(),
        details={"log": ["line"]},
    )
    return replace(plain, **fields)  # type: ignore[arg-type]


def test_what_is_written_is_read_back_in_order(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "ledger.sqlite"
    written = [result("one", "t/s/b"), result("one", "t/s/a", "fail", culprit="x", cause="overlay")]
    with ledger.open_ledger(file, make=True) as book:
        book.begin("one", "spec", ["t/s/a", "t/s/b"], "1/1")
        for item in written:
            book.add(item, [FailedDerivation("/d.drv", "no", ("l1", "l2"), "package", "why")])
    with ledger.open_ledger(file) as book:
        assert book.results("one") == written
        assert book.results(attribute="a") == written[1:]
        plain = book.results("one", details=False)
        assert [dict(item.details) for item in plain] == [{}, {}]
        assert [book.whole(item) for item in plain] == written
        assert book.failures() == {"/d.drv": FailedDerivation("/d.drv", "no", ("l1", "l2"), "package", "why")}
        assert book.run("last").planned == ("t/s/a", "t/s/b")
        assert book.run("last").ended is None
        book.finish("one")
        book.finish("one")
        assert book.run("one").ended is not None


@pytest.mark.parametrize("table", ["run", "result", "failure"])
def test_nothing_is_changed_or_removed(tmp_path: Path, table: str) -> None:
    file = tmp_path / "ledger.sqlite"
    with ledger.open_ledger(file, make=True) as book:
        book.begin("one", "spec", [], "1/1")
        book.add(result("one", "t/s/a"), [FailedDerivation("/d.drv", "", (), "package", "")])
    connection = sqlite3.connect(file)
    for statement in (f"DELETE FROM {table}", f"UPDATE {table} SET rowid = 99"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            connection.execute(statement)
    connection.close()


def test_a_known_result_is_one_that_was_worked_out_for_the_same_key(tmp_path: Path) -> None:
    with ledger.open_ledger(tmp_path / "l", make=True) as book:
        book.begin("one", "spec", [], "1/1")
        book.add(result("one", "t/s/a", "skipped", key="k1"))
        book.add(result("one", "t/s/b", key="k2", message="first"))
        book.add(result("one", "t/s/b", key="k2", message="taken over", known=True))
        book.add(result("one", "t/s/c", "fail", key=""))
        assert book.known("k1") is None
        found = book.known("k2")
        assert found is not None
        assert found.message == "first"
        assert book.known("") is None


def test_other_files_are_no_ledgers_and_stay_as_they_are(tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("not a database, but long enough to look at " * 40)
    other = tmp_path / "other.sqlite"
    connection = sqlite3.connect(other)
    connection.execute("CREATE TABLE mine (x)")
    connection.commit()
    connection.close()
    for file in (text, other):
        before = file.read_bytes()
        with pytest.raises(UnsupportedInputError), ledger.open_ledger(file, make=True):
            pass
        assert file.read_bytes() == before
    with pytest.raises(UsageError), ledger.open_ledger(tmp_path / "none"):
        pass
    assert not (tmp_path / "none").exists()


def test_one_run_at_a_time_and_a_killed_one_holds_nothing(tmp_path: Path) -> None:
    file = tmp_path / "ledger.sqlite"
    hold = (
        "import sys, time, pathlib; from filcross.matrix import ledger\n"
        "with ledger.alone(pathlib.Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", hold, str(file)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(MissingRequirementError, match="another run"), ledger.alone(file):
            pass
        holder.kill()
    with ledger.alone(file):
        pass


def test_merging_shards_joins_them_and_doing_it_again_adds_nothing(tmp_path: Path) -> None:
    for number in (1, 2):
        with ledger.open_ledger(tmp_path / f"s{number}", make=True) as book:
            book.begin("night", "spec", [f"t/s/{number}"], f"{number}/2")
            book.add(
                result("night", f"t/s/{number}"), [FailedDerivation(f"/{number}", "", (), "package", "")]
            )
    with ledger.open_ledger(tmp_path / "all", make=True) as book:
        for number in (1, 2, 1):
            with ledger.open_ledger(tmp_path / f"s{number}") as shard:
                book.take([shard])
        (run,) = book.runs()
        assert book.planned(run) == ("t/s/1", "t/s/2")
        assert sorted(item.cell for item in book.results()) == ["t/s/1", "t/s/2"]
        assert set(book.failures()) == {"/1", "/2"}
        with ledger.open_ledger(tmp_path / "other", make=True) as other:
            other.begin("night", "another spec", [], "1/1")
            with pytest.raises(UsageError, match="another matrix"):
                book.take([other])


@pytest.mark.parametrize(
    ("attempts", "before", "expected", "outcome"),
    [
        ([], "pass", "", "not run"),
        (["pass"], None, "", "pass"),
        (["pass"], "pass", "", "pass"),
        (["pass"], "fail", "", "newly fixed"),
        (["pass"], "blocked", "", "newly fixed"),
        (["pass"], None, "fails: x", "newly fixed"),
        (["fail"], None, "", "fail"),
        (["fail"], "fail", "", "fail"),
        (["fail"], "pass", "", "regression"),
        (["fail"], "pass", "fails: x", "expected failure"),
        (["blocked"], "pass", "", "regression"),
        (["blocked"], None, "", "blocked"),
        (["skipped"], "pass", "", "skipped"),
        (["skipped"], None, "fails: x", "skipped"),
        (["fail", "pass"], "pass", "", "flaky"),
        (["blocked", "pass"], "pass", "", "flaky"),
        (["blocked", "fail"], "pass", "", "regression"),
        (["fail", "fail"], "pass", "", "regression"),
    ],
)
def test_an_outcome_is_a_result_seen_with_what_was_before(
    attempts: list[str], before: str | None, expected: str, outcome: str
) -> None:
    rows = [result("two", "t/s/a", status, expected=expected) for status in attempts]
    earlier = None if before is None else result("one", "t/s/a", before)
    assert outcomes.judge(rows, earlier) == outcome


def test_a_skipped_run_in_between_does_not_hide_a_regression(tmp_path: Path) -> None:
    with ledger.open_ledger(tmp_path / "l", make=True) as book:
        for name, status in (("1", "pass"), ("2", "skipped"), ("3", "fail")):
            book.begin(name, "spec", ["t/s/a"], "1/1")
            book.add(result(name, "t/s/a", status))
        (found,) = outcomes.of_run(book, book.run("last"))
    assert found.outcome == "regression"


def test_a_difference_names_its_cause(tmp_path: Path) -> None:
    finding = {
        "code": "FILC-E201",
        "severity": "error",
        "message": "needs ordinary",
        "evidence": ["libc.so.6"],
    }
    file = {"path": "/elsewhere/store/abc-half/bin/bad", "verdict": "foreign", "findings": [finding]}
    with ledger.open_ledger(tmp_path / "l", make=True) as book:
        for name in ("a", "b"):
            book.begin(name, "spec", [], "1/1")
        for cell in ("t/s/good", "t/s/half", "t/s/gone"):
            book.add(result("a", cell, revision="old"))
        book.add(result("a", "t/s/moved", "fail", stage="build", culprit="x-1"))
        book.add(result("b", "t/s/moved", "fail", stage="smoke", culprit="y"))
        book.add(result("b", "t/s/good"))
        book.add(
            result(
                "b",
                "t/s/half",
                "fail",
                derivation="/other.drv",
                message="foreign",
                details={
                    "outputs": {"out": "/elsewhere/store/abc-half"},
                    "report": {"files": [file]},
                    "why": "ordinary code",
                },
            )
        )
        book.add(result("b", "t/s/new", "fail"))
        changes = compare.diff(book, book.run("a"), book.run("b"))
    kinds = {change.cell: change.kind for change in changes}
    assert kinds == {
        "t/s/half": "regression",
        "t/s/moved": "fails otherwise",
        "t/s/gone": "gone",
        "t/s/new": "new",
        "t/s/good": "unchanged",
    }
    assert changes[0].why == (
        "verify: foreign",
        "cause: package (ordinary code)",
        "new finding FILC-E201 in bin/bad: needs ordinary: libc.so.6",
        "the tree changed: old -> r1",
    )


OURS = "a-x86_64-unknown-linux-filc-1"


@pytest.mark.parametrize(
    ("evidence", "kind"),
    [
        (causes.Evidence("build", "x.tar.gz", "cannot download", fixed_output=True), "source"),
        (causes.Evidence("build", OURS, "write: No space left on device"), "machine"),
        (causes.Evidence("build", OURS, "builder for x failed due to signal 9 (Killed)"), "machine"),
        (causes.Evidence("evaluate", text="package x is marked as broken, refusing to evaluate."), "tree"),
        (causes.Evidence("build", "perl-5.32", "boom"), "bootstrap"),
        (causes.Evidence("build", OURS, "error: x.c:3: boom"), "package"),
        (
            causes.Evidence("build", "a", "error: C++ compiler cannot create executables", simulated=True),
            "simulator",
        ),
        (
            causes.Evidence(
                "build", OURS, "failed with exit code 127\nsetup: line 81: gperf: command not found"
            ),
            "bootstrap",
        ),
        (causes.Evidence("build", OURS, "/usr/lib//tcl8.6/tclConfig.sh: line 2: x: not found"), "bootstrap"),
        (
            causes.Evidence("build", OURS, "failed with exit code 2\nline 1: ldd: command not found\nboom"),
            "package",
        ),
        (causes.Evidence("verify", text="foreign"), "package"),
        (causes.Evidence("prepare", text="?"), "unknown"),
    ],
)
def test_the_cause_follows_the_evidence(evidence: causes.Evidence, kind: str) -> None:
    assert causes.classify(evidence).kind == kind
    assert causes.classify(evidence).why


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("x.c:5: error: call to undeclared function 'f' [-Wimplicit-function-declaration]", "clang"),
        ("error: format string is not a string literal [-Werror,-Wformat-security]", "clang"),
        ("filcc: error: the linker's --wrap does not work with Fil-C", "driver"),
        ("ld: tui.o: multiple definition of `totals'; iftop.o: first defined here", "clang"),
        ("t.c:7:10: fatal error: 'error.h' file not found", "musl"),
        ("asm/sigcontext.h:317:8: error: redefinition of 'sigcontext'", "musl"),
        ("error: use of undeclared identifier 'PATH_MAX'", "musl"),
        ("configure: error: cannot check for file existence when cross compiling", "no other machine"),
        ("config.h:92: error: call to undeclared function 'rpl_malloc'", "no other machine"),
        ("fatal error: 'foo.h' file not found", "by itself"),
    ],
)
def test_what_a_package_wants_is_told_apart(text: str, word: str) -> None:
    assert word in causes.classify(causes.Evidence("build", OURS, text)).why
    assert causes.classify(causes.Evidence("build", "perl-5.32", text)).kind == "bootstrap"


def test_every_rule_names_a_cause_that_is_one() -> None:
    rules = tomllib.loads((resources.data_dir() / "causes.toml").read_text())["rule"]
    assert {rule["cause"] for rule in rules} <= set(causes.CAUSES)
    known = {"cause", "why", "stage", "name", "text", "side", "fixed", "simulated"}
    assert all({"cause", "why"} < set(rule) <= known for rule in rules)


@pytest.mark.parametrize("cause", ledger.PASSING)
def test_a_failure_that_may_go_away_is_not_known(tmp_path: Path, cause: str) -> None:
    with ledger.open_ledger(tmp_path / "l", make=True) as book:
        book.add(result("one", "t/s/a", "fail", cause=cause))
        assert book.known("key of t/s/a") is None


def test_runs_stay_in_order_when_the_clock_is_set_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ledger.open_ledger(tmp_path / "l", make=True) as book:
        for name, moment in (("z", "2030-01-01"), ("y", "2020-01-01"), ("x", "2025-01-01")):
            monkeypatch.setattr(ledger, "now", lambda moment=moment: f"{moment}T00:00:00.000+00:00")
            book.begin(name, "spec", [], "1/1")
        assert [run.name for run in book.runs()] == ["z", "y", "x"]
        assert book.run("last").name == "x"


def spoilt(folder: Path, statement: str) -> Path:
    file = folder / "spoilt"
    with ledger.open_ledger(file, make=True) as book:
        book.begin("one", "spec", ["t/s/a"], "1/1")
        book.add(result("one", "t/s/a"))
    connection = sqlite3.connect(file)
    connection.executescript(f"DROP TRIGGER run_stays; DROP TRIGGER result_stays; {statement}")
    connection.close()
    return file


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE result SET details = x'00'", "is damaged"),
        ("UPDATE result SET cell = 'nonsense'", "is damaged"),
        ("UPDATE result SET cell = '../../out'", "is damaged: `../../out` is no cell"),
        ("PRAGMA ignore_check_constraints = 1; UPDATE result SET status = 'x'", "`x` is no status"),
        ("UPDATE result SET seconds = 'long'", "`long` is no time"),
        ("INSERT INTO failure VALUES ('/d', '', 'no JSON', '', '', '')", "is damaged"),
        ("UPDATE run SET planned = '[1'", "is damaged"),
        ("UPDATE run SET planned = '[1, \"t/s/a\"]'", "is damaged: `1` is no cell"),
        ("INSERT INTO shard VALUES ('one', 'a')", "is damaged: `a` is no cell"),
        ("PRAGMA application_id = 1178815538", "another version"),
    ],
)
def test_a_ledger_that_is_damaged_or_newer_is_refused_in_words(
    tmp_path: Path, statement: str, words: str
) -> None:
    file = spoilt(tmp_path, statement)
    with pytest.raises(UnsupportedInputError, match=words), ledger.open_ledger(file) as book:
        assert [*book.runs(), *book.results(), *book.planned(book.run("one")), book.failures()]


def test_reading_does_not_make_a_ledger_of_an_empty_file(tmp_path: Path) -> None:
    file = tmp_path / "empty"
    file.touch()
    with pytest.raises(UnsupportedInputError), ledger.open_ledger(file):
        pass
    assert file.read_bytes() == b""


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_a_merged_run_has_ended_when_all_its_shards_have(tmp_path: Path, order: tuple[int, int]) -> None:
    for number in (1, 2):
        with ledger.open_ledger(tmp_path / str(number), make=True) as book:
            book.begin("night", "spec", [f"t/s/{number}", "t/s/b"], f"{number}/2")
            book.add(result("night", f"t/s/{number}"))
            if number == 1:
                book.add(result("night", "t/s/b"))
                book.finish("night")
    with ledger.open_ledger(tmp_path / "all", make=True) as book:
        for number in order:
            with ledger.open_ledger(tmp_path / str(number)) as other:
                book.take([other])
        assert book.run("night").ended is not None
    with ledger.open_ledger(tmp_path / "2", make=True) as book:
        book.begin("later", "spec", ["t/s/c"], "1/2")
    with ledger.open_ledger(tmp_path / "3", make=True) as book:
        book.begin("later", "spec", ["t/s/d"], "2/2")
        book.add(result("later", "t/s/d"))
        book.finish("later")
    with ledger.open_ledger(tmp_path / "all", make=True) as book:
        for number in (order[0] + 1, order[1] + 1):
            with ledger.open_ledger(tmp_path / str(number)) as other:
                book.take([other])
        assert book.run("later").ended is None


def test_a_merge_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with ledger.open_ledger(tmp_path / "other", make=True) as other:
        other.begin("new", "spec", [], "1/1")
        other.begin("one", "another", [], "1/1")
        with ledger.open_ledger(tmp_path / "l", make=True) as book:
            book.begin("one", "spec", [], "1/1")
            with pytest.raises(UsageError, match="of another matrix"):
                book.take([other])
            assert [run.name for run in book.runs()] == ["one"]


def test_a_ledger_merged_with_itself_stays_as_it_is(tmp_path: Path) -> None:
    with ledger.open_ledger(tmp_path / "l", make=True) as book:
        book.begin("one", "spec", ["t/s/a"], "1/1")
        book.add(result("one", "t/s/a"))
        with ledger.open_ledger(tmp_path / "l") as other:
            assert book.take([other]) == [(0, 0)]
        assert len(book.results()) == 1


def test_outcomes_of_all_runs_are_those_of_each(tmp_path: Path) -> None:
    with ledger.open_ledger(tmp_path / "l", make=True) as book:
        for number, statuses in enumerate((("pass", "fail"), ("fail", "pass"), ("skipped", "fail"))):
            run = book.begin(f"r{number}", "spec", ["t/s/a", "t/s/b", "t/s/c"], "1/1")
            for name, status in zip("ab", statuses, strict=True):
                book.add(result(run.name, f"t/s/{name}", status))
        together = dict(outcomes.of_runs(book))
        assert list(together) == book.runs()
        assert all(found == outcomes.of_run(book, run) for run, found in together.items())


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (MissingRequirementError("no space"), "machine"),
        (NothingToJudgeError("nothing"), "overlay"),
        (UnsupportedInputError("what is this"), "unknown"),
    ],
)
def test_an_output_that_cannot_be_judged_has_a_cause(error: FilcrossError, cause: str) -> None:
    assert causes.of_error(error) == cause


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("ALTER TABLE result RENAME COLUMN key TO other", "its table `result` has no column `key`"),
        ("ALTER TABLE run ADD COLUMN more TEXT", "its table `run` has the columns name, spec, planned"),
        ("DROP TABLE failure", "it has no table `failure`"),
    ],
)
def test_a_ledger_with_other_tables_is_refused_with_who_wrote_it(
    tmp_path: Path, statement: str, words: str
) -> None:
    file = spoilt(tmp_path, statement)
    before = file.read_bytes()
    for make in (True, False):
        with pytest.raises(UnsupportedInputError, match=words) as caught, ledger.open_ledger(file, make=make):
            pass
        assert str(file) in caught.value.message
        assert f"another filcross ({__version__})" in (caught.value.hint or "")
    assert file.read_bytes() == before


def test_a_table_of_somebody_elses_does_no_harm(tmp_path: Path) -> None:
    with ledger.open_ledger(spoilt(tmp_path, "CREATE TABLE lost_and_found (x)")) as book:
        assert book.results()


def test_a_new_ledger_is_gone_when_it_could_not_be_filled(tmp_path: Path) -> None:
    for name, spec in (("a", "spec"), ("b", "another")):
        with ledger.open_ledger(tmp_path / name, make=True) as book:
            book.begin("night", spec, ["t/s/a"], "1/1")
    with contextlib.ExitStack() as stack:
        others = [stack.enter_context(ledger.open_ledger(tmp_path / name)) for name in "ab"]
        with pytest.raises(UsageError, match="of another matrix"), ledger.joining(tmp_path / "all") as book:
            book.take(others)
        assert not (tmp_path / "all").exists()
        with ledger.joining(tmp_path / "all") as book:
            assert book.take(others[:1]) == [(1, 0)]
        with pytest.raises(UsageError, match="of another matrix"), ledger.joining(tmp_path / "all") as book:
            book.take(others)
    with ledger.open_ledger(tmp_path / "all") as book:
        assert [run.spec for run in book.runs()] == ["spec"]


def test_a_flaky_cell_shows_the_attempt_that_failed(tmp_path: Path) -> None:
    with ledger.open_ledger(tmp_path / "l", make=True) as book:
        run = book.begin("one", "spec", ["t/s/a"], "1/1")
        for number, status in enumerate(("fail", "pass")):
            book.add(result("one", "t/s/a", status, attempt=number))
        (found,) = outcomes.of_run(book, run)
        assert (found.outcome, found.result and found.result.status) == ("flaky", "fail")
        later = book.begin("two", "spec", ["t/s/a"], "1/1")
        book.add(result("two", "t/s/a", "fail"))
        assert outcomes.of_run(book, later)[0].outcome == "regression"
