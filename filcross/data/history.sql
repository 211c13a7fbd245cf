-- How long builds that succeeded took on this machine (filcross/nix/history.py). Rows are only added: triggers refuse all else.
CREATE TABLE IF NOT EXISTS builds (
    ended INTEGER NOT NULL,      -- seconds since 1970
    derivation TEXT NOT NULL,    -- its path in the store
    name TEXT NOT NULL,          -- its name, with version and platform
    package TEXT NOT NULL,       -- its name without them
    toolchain TEXT NOT NULL,     -- the label of the Fil-C toolchain in use
    seconds REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS builds_of_package ON builds (package);
CREATE TRIGGER IF NOT EXISTS builds_stay BEFORE UPDATE ON builds BEGIN SELECT RAISE(ABORT, 'history is not changed'); END;
CREATE TRIGGER IF NOT EXISTS builds_are_kept BEFORE DELETE ON builds BEGIN SELECT RAISE(ABORT, 'history is not removed'); END;
