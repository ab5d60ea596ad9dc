"""The ledger's file: its tables, how it is created and opened, and what makes it durable."""

import os
import secrets
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

from omni_bulk.errors import LedgerError, SettingsError
from omni_bulk.identity import KEY_BYTES

VERSION = 1
APPLICATION_ID = 0x4F4D4E49  # "OMNI"
BUSY_TIMEOUT = 30_000  # ms another process may hold the write lock
OLDEST_SQLITE = (3, 35, 0)  # RETURNING

# One row of `message` is one identity of one campaign; `line` keeps every line of the results file, byte for byte, so
# that a lost file is rebuilt exactly. Identity is the only random index; the rest of the house speaks in `message.id`.
_TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE account (
    id INTEGER PRIMARY KEY, client_id TEXT NOT NULL, origin TEXT NOT NULL, UNIQUE (client_id, origin)
);
CREATE TABLE campaign (
    id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, account INTEGER NOT NULL REFERENCES account (id),
    name TEXT NOT NULL, kind TEXT, template TEXT, template_from TEXT, template_version INTEGER NOT NULL DEFAULT 0,
    seq INTEGER NOT NULL DEFAULT 0, created_at INTEGER NOT NULL, completed_at INTEGER, input_digest BLOB,
    UNIQUE (account, name)
);
CREATE TABLE run (
    id INTEGER PRIMARY KEY, campaign INTEGER NOT NULL REFERENCES campaign (id), pid INTEGER NOT NULL, host TEXT NOT NULL,
    started_at INTEGER NOT NULL, ended_at INTEGER, exit_code INTEGER, whole INTEGER NOT NULL DEFAULT 0,
    options TEXT, summary TEXT
);
CREATE INDEX run_campaign ON run (campaign);
CREATE TABLE message (
    id INTEGER PRIMARY KEY, campaign INTEGER NOT NULL, identity BLOB NOT NULL, ref TEXT, duplicate_of TEXT,
    state INTEGER NOT NULL, run INTEGER NOT NULL, row INTEGER, version INTEGER NOT NULL DEFAULT 0, owner TEXT,
    number TEXT, from_ TEXT, country TEXT, encoding TEXT, segments INTEGER, warnings TEXT,
    digest BLOB, number_digest BLOB, text_digest BLOB,
    attempts INTEGER NOT NULL DEFAULT 0, claimed_at INTEGER, seq INTEGER,
    msg_key TEXT, code TEXT, result TEXT, reason TEXT
);
CREATE UNIQUE INDEX message_identity ON message (campaign, identity);
CREATE INDEX message_claimed ON message (campaign) WHERE state = 1;
CREATE TABLE line (
    campaign INTEGER NOT NULL, seq INTEGER NOT NULL, message INTEGER NOT NULL, json BLOB NOT NULL,
    PRIMARY KEY (campaign, seq)
) WITHOUT ROWID;
CREATE TABLE adopted (
    campaign INTEGER NOT NULL, identity BLOB NOT NULL, msg_key TEXT, PRIMARY KEY (campaign, identity)
) WITHOUT ROWID;
"""

# What one run has met, for finding repeated rows; never durable, spilled to disk by SQLite when it grows.
_TEMPORARY = """
CREATE TEMP TABLE seen (id INTEGER PRIMARY KEY, run INTEGER NOT NULL);
CREATE TEMP TABLE repeated (
    identity BLOB NOT NULL, run INTEGER NOT NULL, times INTEGER NOT NULL, PRIMARY KEY (identity, run)
) WITHOUT ROWID;
CREATE TEMP TABLE planned (
    identity BLOB PRIMARY KEY, state INTEGER NOT NULL, reason TEXT, digest BLOB, number_digest BLOB, text_digest BLOB
) WITHOUT ROWID;
"""


def open_ledger(path: Path, *, create: bool = True) -> sqlite3.Connection:
    """A connection that may write. The file is 0600 whatever the umask, a new directory 0700.

    Raises SettingsError when the file cannot be opened or created, is no ledger, or was written by a newer version.
    """
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise SettingsError(f"SQLite {sqlite3.sqlite_version} is too old; 3.35 or newer is needed")
    try:
        _create_file(path, create=create)
        db = sqlite3.connect(path, timeout=BUSY_TIMEOUT / 1000, isolation_level=None, check_same_thread=False)
    except (OSError, sqlite3.Error) as error:
        raise SettingsError(f"the ledger {path} cannot be opened ({_why(error)}); name another with --ledger") from None
    try:
        _prepare(db, path)
    except BaseException:
        db.close()
        raise
    return db


def read_ledger(path: Path) -> sqlite3.Connection | None:
    """A connection that only reads, None when there is no ledger yet."""
    if not path.exists():
        return None
    try:
        # mode=ro can still read beside a live writer: it shares the -shm file.
        db = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False
        )
        try:
            db.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT}")
            if _version(db, path) == 0:
                db.close()
                return None
            db.executescript(_TEMPORARY)
        except BaseException:
            db.close()
            raise
    except sqlite3.Error as error:
        raise SettingsError(f"the ledger {path} cannot be read ({_why(error)})") from None
    return db


def scratch() -> sqlite3.Connection:
    """An empty ledger in a temporary file of SQLite's own: for a plan when there is no ledger yet."""
    db = sqlite3.connect("", isolation_level=None, check_same_thread=False)
    db.executescript(_TABLES + _TEMPORARY)
    db.execute("INSERT INTO meta VALUES ('key', ?)", (secrets.token_bytes(KEY_BYTES),))
    return db


def ledger_key(db: sqlite3.Connection) -> bytes:
    """The random key of this ledger, made once when it was created."""
    with closing(db.execute("SELECT value FROM meta WHERE name = 'key'")) as rows:
        return bytes(rows.fetchone()[0])


def _create_file(path: Path, *, create: bool) -> None:
    if create and not path.parent.exists():
        path.parent.mkdir(mode=0o700, parents=True)
    flags = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | (os.O_CREAT if create else 0)
    descriptor = os.open(path, flags, 0o600)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(0, "not a regular file")
    finally:
        os.close(descriptor)


def _prepare(db: sqlite3.Connection, path: Path) -> None:
    try:
        db.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT}")
        version = _version(db, path)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA wal_autocheckpoint = 0")  # SQLite swallows an I/O error of an automatic checkpoint
        db.execute("PRAGMA cache_size = -16000")
        if version == 0:
            _create_tables(db)
        db.executescript(_TEMPORARY)
    except sqlite3.Error as error:
        raise SettingsError(
            f"the ledger {path} cannot be used ({_why(error)}); name another with --ledger, or restore it from a backup"
        ) from None


def _version(db: sqlite3.Connection, path: Path) -> int:
    version = int(db.execute("PRAGMA user_version").fetchone()[0])
    application = int(db.execute("PRAGMA application_id").fetchone()[0])
    tables = int(db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])
    if application != APPLICATION_ID and (version or tables):
        raise SettingsError(f"{path} is a database of something else, not a ledger; name another with --ledger")
    if version > VERSION:
        raise SettingsError(
            f"the ledger {path} was written by a newer omni_bulk (its version is {version}); upgrade first"
        )
    return version


def _create_tables(db: sqlite3.Connection) -> None:
    db.execute("BEGIN IMMEDIATE")
    if db.execute("PRAGMA user_version").fetchone()[0] == 0:  # another process may have been faster
        for statement in _TABLES.split(";\n"):
            db.execute(statement)
        db.execute("INSERT INTO meta VALUES ('key', ?)", (secrets.token_bytes(KEY_BYTES),))
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute(f"PRAGMA user_version = {VERSION}")
    db.execute("COMMIT")


def _why(error: Exception) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)


def ledger_error(error: BaseException, doing: str) -> LedgerError:
    """One sentence for an I/O error of the ledger. SQLite's own messages hold no values, so they may be shown."""
    return LedgerError(f"{doing}: {_why(error) if isinstance(error, Exception) else type(error).__name__}")
