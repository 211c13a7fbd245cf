-- The ledger of the test matrix: append-only. docs/matrix.md explains the tables.
CREATE TABLE run (
  name TEXT PRIMARY KEY, spec TEXT NOT NULL, planned TEXT NOT NULL, shard TEXT NOT NULL,
  version TEXT NOT NULL, started TEXT NOT NULL
);
CREATE TABLE shard (run TEXT NOT NULL, cell TEXT NOT NULL, PRIMARY KEY (run, cell));
CREATE TABLE finish (run TEXT PRIMARY KEY, at TEXT NOT NULL);
CREATE TABLE result (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  run TEXT NOT NULL, cell TEXT NOT NULL, attempt INTEGER NOT NULL,
  revision TEXT NOT NULL, tools TEXT NOT NULL, derivation TEXT NOT NULL, key TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('pass', 'fail', 'blocked', 'skipped')),
  stage TEXT NOT NULL, cause TEXT NOT NULL, culprit TEXT NOT NULL, message TEXT NOT NULL, expected TEXT NOT NULL,
  simulated INTEGER NOT NULL, known INTEGER NOT NULL, seconds REAL NOT NULL, at TEXT NOT NULL, details BLOB NOT NULL
);
CREATE INDEX result_run ON result (run, cell);
CREATE INDEX result_key ON result (key);
CREATE TABLE failure (
  derivation TEXT NOT NULL, message TEXT NOT NULL, tail TEXT NOT NULL, cause TEXT NOT NULL, why TEXT NOT NULL,
  at TEXT NOT NULL
);
CREATE TRIGGER run_stays BEFORE UPDATE ON run BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER run_remains BEFORE DELETE ON run BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER result_stays BEFORE UPDATE ON result BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER result_remains BEFORE DELETE ON result BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER failure_stays BEFORE UPDATE ON failure BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER failure_remains BEFORE DELETE ON failure BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
