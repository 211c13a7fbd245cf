"""The ledger: what every cell of every run came to, append-only, in one SQLite file.

Each result is written as it comes, in a transaction of its own, so that a run that is killed loses nothing
but the cell that it was at. Nothing is ever changed or removed: triggers refuse it.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import sqlite3
import zlib
from dataclasses import astuple, dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from filcross import __version__, resources
from filcross.errors import MissingRequirementError, UnsupportedInputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

APPLICATION_ID = 0x46434C31  # "FCL1": a ledger, and the form of its tables
WAIT_SECONDS = 60.0
PLACES = {"last": -1, "previous": -2}
"""Names that stand for a run by its place, and that no run can have."""
_SLASHES = 2  # in a cell's name
_FAMILY = 0xFFFFFF00  # of the application id: "FCL"
_MAGIC = b"SQLite format 3\0"

PASS, FAIL, BLOCKED, SKIPPED = "pass", "fail", "blocked", "skipped"
PASSING = ("source", "machine")
"""Causes that may go away by themselves: what failed by one is tried again."""


@dataclass(frozen=True, slots=True)
class Result:
    """What one attempt at a cell came to.

    `status` is `pass`, `fail`, `blocked` (something that it depends on failed) or `skipped`; `stage` where it
    ended (`prepare`, `evaluate`, `build`, `verify`, `smoke`). `cause` is whose fault it is (see
    `filcross.matrix.causes`), `culprit` the derivation or file that it comes from, `message` one sentence.
    `revision` and `tools` identify tree and toolchain, `key` all that the result depends on. `known` says
    that it was taken over from an earlier result with the same key. `details` is data for the report.
    """

    run: str
    cell: str
    attempt: int
    revision: str
    tools: str
    derivation: str
    key: str
    status: str
    stage: str
    cause: str
    culprit: str
    message: str
    expected: str
    simulated: bool
    known: bool
    seconds: float
    at: str
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def tree(self) -> str:
        """The name of the cell's tree."""
        return self.cell.split("/", maxsplit=2)[0]

    @property
    def toolchain(self) -> str:
        """The name of the cell's toolchain."""
        return self.cell.split("/", maxsplit=2)[1]

    @property
    def attribute(self) -> str:
        """The cell's attribute."""
        return self.cell.split("/", maxsplit=2)[2]


@dataclass(frozen=True, slots=True)
class Run:
    """One run: the matrix it was for, the cells it means to do, and whether it came to its end."""

    name: str
    spec: str
    planned: tuple[str, ...]
    shard: str
    version: str
    started: str
    ended: str | None = None


@dataclass(frozen=True, slots=True)
class FailedDerivation:
    """A derivation that failed for good: its message, the end of its log, and whose fault it is.

    `cause` and `why` are those of `filcross.matrix.causes`.
    """

    derivation: str
    message: str
    tail: tuple[str, ...]
    cause: str
    why: str


_RESULT_COLUMNS = tuple(item.name for item in fields(Result))
_PLAIN_COLUMNS = _RESULT_COLUMNS[:-1]  # without `details`


def now() -> str:
    """Return this moment in UTC, as the ledger writes it."""
    return datetime.now(tz=UTC).isoformat(timespec="milliseconds")


class Ledger:
    """An open ledger. Make one with `open_ledger`."""

    def __init__(self, file: Path, connection: sqlite3.Connection) -> None:
        self.file = file
        self._connection = connection

    def runs(self) -> list[Run]:
        """Return all runs, the oldest first."""
        rows = self._connection.execute(
            "SELECT name, spec, planned, shard, version, started,"
            " (SELECT at FROM finish WHERE finish.run = run.name) FROM run ORDER BY started, name"
        )
        with self._whole():
            runs = [
                Run(name, spec, tuple(map(_cell, json.loads(cells))), *rest)
                for name, spec, cells, *rest in rows
            ]
        joined = {name for (name,) in self._connection.execute("SELECT DISTINCT run FROM shard")}
        return [
            replace(run, ended=None) if run.name in joined and self._lacks_some(run) else run for run in runs
        ]

    def _lacks_some(self, run: Run) -> bool:
        """Return whether a run that was joined of shards has cells without a result."""
        done = self._connection.execute("SELECT DISTINCT cell FROM result WHERE run = ?", (run.name,))
        return not set(self.planned(run)) <= {cell for (cell,) in done}

    @contextlib.contextmanager
    def _whole(self) -> Iterator[None]:
        """Say that the ledger is damaged when a row makes no sense."""
        try:
            yield
        except (zlib.error, ValueError, TypeError) as error:
            raise _damaged(self.file, str(error)) from error

    def run(self, name: str) -> Run:
        """Return the run called `name`, `last` or `previous`; raise `UsageError` when there is none."""
        runs = self.runs()
        if name in PLACES and len(runs) >= -PLACES[name]:
            return runs[PLACES[name]]
        for run in runs:
            if run.name == name:
                return run
        known = ", ".join(run.name for run in runs[-5:]) or "none yet"
        raise UsageError(f"{self.file} has no run `{name}`", hint=f"the newest runs: {known}")

    def begin(self, name: str, spec: str, planned: Sequence[str], shard: str) -> Run:
        """Begin a run; raise `UsageError` when its name is taken.

        It counts as started after every other run, even where the clock was set back meanwhile.
        """
        (newest,) = self._connection.execute("SELECT max(started) FROM run").fetchone()
        run = Run(name, spec, tuple(planned), shard, __version__, _after(newest))
        try:
            with self._connection:
                self._connection.execute(
                    "INSERT INTO run VALUES (?, ?, ?, ?, ?, ?)",
                    (name, spec, json.dumps(planned), shard, run.version, run.started),
                )
        except sqlite3.IntegrityError as error:
            raise UsageError(
                f"the ledger has a run `{name}` already",
                hint="choose another --run NAME",
            ) from error
        return run

    def finish(self, run: str) -> None:
        """Note that a run came to its end (again: nothing)."""
        with self._connection:
            self._connection.execute("INSERT OR IGNORE INTO finish VALUES (?, ?)", (run, now()))

    def add(self, result: Result, failures: Sequence[FailedDerivation] = ()) -> None:
        """Write one result together with the derivations that were found to fail for good."""
        with self._connection:
            self._insert([result], failures)

    def _insert(self, results: Sequence[Result], failures: Sequence[FailedDerivation]) -> None:
        """Write results and failures within a transaction that the caller began."""
        noted = self.failures() if failures else {}
        self._connection.executemany(
            "INSERT INTO failure VALUES (?, ?, ?, ?, ?, ?)",
            [
                (item.derivation, item.message, json.dumps(item.tail), item.cause, item.why, now())
                for item in failures
                if item.derivation not in noted
            ],
        )
        marks = ", ".join("?" * len(_RESULT_COLUMNS))
        self._connection.executemany(
            f"INSERT INTO result ({', '.join(_RESULT_COLUMNS)}) VALUES ({marks})",  # noqa: S608  (own names)
            [_row(result) for result in results],
        )

    def results(
        self, run: str | None = None, *, attribute: str | None = None, details: bool = True
    ) -> list[Result]:
        """Return the results of `run`, of `attribute`, or all, in the order in which they were written.

        Without `details`, which are most of a ledger, those are left empty.
        """
        columns = _RESULT_COLUMNS if details else _PLAIN_COLUMNS
        rows = self._connection.execute(
            f"SELECT {', '.join(columns)} FROM result"  # noqa: S608  (own names)
            " WHERE (?1 IS NULL OR run = ?1) AND (?2 IS NULL OR cell LIKE '%/' || ?2) ORDER BY number",
            (run, attribute),
        )
        with self._whole():
            found = [_result(row) for row in rows]
        return [item for item in found if attribute is None or item.attribute == attribute]

    def whole(self, result: Result) -> Result:
        """Return a result that was read without its details with them."""
        (packed,) = self._connection.execute(
            "SELECT details FROM result WHERE run = ? AND cell = ? AND attempt = ? AND at = ?",
            (result.run, result.cell, result.attempt, result.at),
        ).fetchone()
        with self._whole():
            return replace(result, details=_unpacked(packed))

    def known(self, key: str) -> Result | None:
        """Return the newest result that was worked out for `key` and will stay so, or `None`."""
        row = self._connection.execute(
            f"SELECT {', '.join(_RESULT_COLUMNS)} FROM result"  # noqa: S608  (own names)
            " WHERE key = ? AND key != '' AND NOT known AND status IN ('pass', 'fail')"
            " AND cause NOT IN (?, ?) ORDER BY number DESC LIMIT 1",
            (key, *PASSING),
        ).fetchone()
        with self._whole():
            return None if row is None else _result(row)

    def failures(self) -> dict[str, FailedDerivation]:
        """Return every derivation that failed for good."""
        rows = self._connection.execute("SELECT derivation, message, tail, cause, why FROM failure")
        with self._whole():
            return {
                row[0]: FailedDerivation(row[0], row[1], tuple(json.loads(row[2])), *row[3:]) for row in rows
            }

    def take(self, others: Iterable[Ledger]) -> list[tuple[int, int]]:
        """Take over all that `others` have and this one lacks; return how many runs and results of each.

        Runs of the same name are shards of one run: what they plan is joined. It is one transaction: all is
        taken or nothing. Raises `UsageError` when runs of one name are of different matrices.
        """
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            return [(0, 0) if other.file.samefile(self.file) else self._take(other) for other in others]

    def _take(self, other: Ledger) -> tuple[int, int]:
        mine = {run.name: run for run in self.runs()}
        runs = 0
        for run in other.runs():
            there = mine.get(run.name)
            if there is not None and there.spec != run.spec:
                raise UsageError(
                    f"run `{run.name}` is of another matrix in {other.file}", hint="merge shards of one run"
                )
            if there is None:
                self._begin_again(run)
                runs += 1
            else:
                self._widen(run)
        seen = set(self._connection.execute("SELECT run, cell, attempt, at FROM result"))
        fresh = [r for r in other.results() if (r.run, r.cell, r.attempt, r.at) not in seen]
        self._insert(fresh, tuple(other.failures().values()))
        return runs, len(fresh)

    def _begin_again(self, run: Run) -> None:
        """Write a run of another ledger as it is there."""
        self._connection.execute(
            "INSERT INTO run VALUES (?, ?, ?, ?, ?, ?)",
            (run.name, run.spec, json.dumps(run.planned), run.shard, run.version, run.started),
        )
        self._end_again(run)

    def _end_again(self, run: Run) -> None:
        if run.ended:
            self._connection.execute("INSERT OR IGNORE INTO finish VALUES (?, ?)", (run.name, run.ended))

    def _widen(self, run: Run) -> None:
        """Note the cells that another shard of a run plans."""
        self._connection.executemany(
            "INSERT OR IGNORE INTO shard VALUES (?, ?)", [(run.name, cell) for cell in run.planned]
        )
        self._end_again(run)

    def planned(self, run: Run) -> tuple[str, ...]:
        """Return all cells that a run means to do, those of its other shards too."""
        rows = self._connection.execute("SELECT cell FROM shard WHERE run = ? ORDER BY cell", (run.name,))
        with self._whole():
            return tuple(dict.fromkeys([*run.planned, *(_cell(row[0]) for row in rows)]))

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


def _after(newest: str | None) -> str:
    """Return this moment, or the one after `newest` where that is later."""
    moment = now()
    if newest is None or moment > newest:
        return moment
    try:
        later = datetime.fromisoformat(newest) + timedelta(milliseconds=1)
    except (ValueError, OverflowError):  # written by somebody else
        return moment
    return later.isoformat(timespec="milliseconds")


def _row(result: Result) -> list[Any]:
    values = list(astuple(result))
    values[-1] = zlib.compress(json.dumps(result.details, default=str).encode(), 9)
    return values


def _result(row: Sequence[Any]) -> Result:
    values = dict(zip(_RESULT_COLUMNS, row, strict=False))
    values["simulated"], values["known"] = bool(values["simulated"]), bool(values["known"])
    if "details" in values:
        values["details"] = _unpacked(values["details"])
    _cell(values["cell"])
    if values["status"] not in {PASS, FAIL, BLOCKED, SKIPPED}:
        raise ValueError(f"`{values['status']}` is no status")
    if not isinstance(values["seconds"], float):
        raise ValueError(f"`{values['seconds']}` is no time")  # noqa: TRY004  (what is wrong is the file)
    return Result(**values)


def _unpacked(details: bytes) -> Any:  # noqa: ANN401  (what JSON holds)
    return json.loads(zlib.decompress(details))


def _cell(name: object) -> str:
    """Return the name of a cell, whose tree and toolchain become folders of the site."""
    parts = name.split("/", maxsplit=_SLASHES) if isinstance(name, str) else []
    if len(parts) <= _SLASHES or {"", ".", ".."} & set(parts[:_SLASHES]):
        raise ValueError(f"`{name}` is no cell")
    return str(name)


@contextlib.contextmanager
def open_ledger(file: Path, *, make: bool = False) -> Iterator[Ledger]:
    """Open the ledger `file`; with `make`, a new one where there is none.

    Raises `UsageError` for a file that is not there, `UnsupportedInputError` for one that is no ledger, or
    one with other tables, `MissingRequirementError` where it cannot be used: another process holds it too
    long, there is no room or no permission.
    """
    if not file.exists() and not make:
        raise UsageError(f"there is no ledger {file}", hint="`filcross matrix run` makes one (--ledger FILE)")
    _refuse_others(file)
    try:
        if make:
            file.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(file, timeout=WAIT_SECONDS)
        try:
            _prepare(file, connection, make=make)
            yield Ledger(file, connection)
        finally:
            connection.close()
    except sqlite3.OperationalError as error:
        raise _unusable(file, str(error)) from error
    except sqlite3.DatabaseError as error:
        if "malformed" in str(error):
            raise _damaged(file, str(error)) from error
        raise _no_ledger(file) from error


def _refuse_others(file: Path) -> None:
    """Raise `UnsupportedInputError` for what is no SQLite file, before anything is made beside it."""
    if not file.exists():
        return
    if not file.is_file():
        raise UnsupportedInputError(f"{file} is no file, and a ledger is one", hint="name another --ledger")
    with file.open("rb") as handle:
        if handle.read(len(_MAGIC)) not in (_MAGIC, b""):
            raise _no_ledger(file)


def _prepare(file: Path, connection: sqlite3.Connection, *, make: bool) -> None:
    if _is_ledger(file, connection):
        return
    if not make:
        raise _no_ledger(file)
    try:
        connection.executescript(
            f"BEGIN IMMEDIATE;\n{_schema()}\nPRAGMA application_id = {APPLICATION_ID};\nCOMMIT;"
        )
    except sqlite3.OperationalError:
        connection.rollback()
        if not _is_ledger(file, connection):  # no other process was faster
            raise


def _schema() -> str:
    return (resources.data_dir() / "ledger.sql").read_text(encoding="utf-8")


def _is_ledger(file: Path, connection: sqlite3.Connection) -> bool:
    """Return whether a file is a ledger, and not an empty file; anything else is refused."""
    (identity,) = connection.execute("PRAGMA application_id").fetchone()
    if identity == APPLICATION_ID:
        _check_tables(file, connection)
        return True
    if identity & _FAMILY == APPLICATION_ID & _FAMILY:
        raise UnsupportedInputError(
            f"{file} is a ledger of another version of filcross",
            hint="use that version, or name another file",
        )
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if identity or tables:
        raise _no_ledger(file)
    return False


def _check_tables(file: Path, connection: sqlite3.Connection) -> None:
    """Raise `UnsupportedInputError` for a ledger whose tables have other columns than `ledger.sql` says."""
    with contextlib.closing(sqlite3.connect(":memory:")) as model:
        model.executescript(_schema())
        wanted = _columns(model)
    wrong = _first_difference(wanted, _columns(connection))
    if not wrong:
        return
    writers = ""
    with contextlib.suppress(sqlite3.Error):
        writers = ", ".join(str(name) for (name,) in connection.execute("SELECT DISTINCT version FROM run"))
    raise UnsupportedInputError(
        f"{file} is no ledger as filcross {__version__} writes it: {wrong}",
        hint=f"it was damaged, or written by another filcross ({writers or 'which it does not say'}):"
        " use that one, or name another --ledger",
    )


def _columns(connection: sqlite3.Connection) -> dict[str, tuple[str, ...]]:
    """Return the tables of a ledger, but those of SQLite itself, and their columns in order."""
    found: dict[str, tuple[str, ...]] = {}
    for table, column in connection.execute(
        "SELECT t.name, c.name FROM sqlite_master t, pragma_table_info(t.name) c"
        " WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite!_%' ESCAPE '!' ORDER BY t.name, c.cid"
    ):
        found[table] = (*found.get(table, ()), column)
    return found


def _first_difference(wanted: Mapping[str, tuple[str, ...]], there: Mapping[str, tuple[str, ...]]) -> str:
    for table, columns in wanted.items():
        if table not in there:
            return f"it has no table `{table}`"
        if lacks := [column for column in columns if column not in there[table]]:
            return f"its table `{table}` has no column `{lacks[0]}`"
        if there[table] != columns:
            return f"its table `{table}` has the columns {', '.join(there[table])}"
    return ""


@contextlib.contextmanager
def joining(file: Path) -> Iterator[Ledger]:
    """Open the ledger `file` for `Ledger.take`; one that is new is gone again if that fails."""
    with alone(file):
        fresh = not file.exists()
        try:
            with open_ledger(file, make=True) as book:
                yield book
        except BaseException:
            if fresh:
                file.unlink(missing_ok=True)
            raise


def _unusable(file: Path, why: str) -> MissingRequirementError:
    return MissingRequirementError(
        f"the ledger {file} cannot be used: {why}",
        hint="make room; what was written stays, and the same command goes on"
        if "full" in why
        else "check its folder, and who else uses it, or name another --ledger",
    )


def _damaged(file: Path, why: str) -> UnsupportedInputError:
    return UnsupportedInputError(
        f"the ledger {file} is damaged: {why}",
        hint=f"take a copy that is whole, or save what can be read: sqlite3 {file} .recover",
    )


def _no_ledger(file: Path) -> UnsupportedInputError:
    return UnsupportedInputError(
        f"{file} is no ledger of filcross", hint="name another file (--ledger), or remove this one"
    )


@contextlib.contextmanager
def alone(file: Path) -> Iterator[None]:
    """Keep other runs away from a ledger; raise `MissingRequirementError` when one is under way.

    The lock is the kernel's, so a run that was killed holds nothing.
    """
    _refuse_others(file)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        lock = file.with_name(f"{file.name}.lock").open("a")
    except OSError as error:
        raise _unusable(file, str(error.strerror)) from error
    with lock as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise MissingRequirementError(
                f"another run is using the ledger {file}", hint="wait for it, or give this one --ledger FILE"
            ) from error
        yield
