"""The second file of a ledger, for delivery reports: its tables, how it is made, opened and attached.

``ledger.db`` has its reports in ``ledger.reports.db`` beside it. They are a file of their own because SQLite has one
writer a file: with reports in the ledger itself, storing batches of 1,000 made the claims of a run fall from 176 to 54
commits a second.

====================  ===================================================================================================
``report``            one delivery report, stored once however often it comes; what it says, and whose it is
``key``               which message bears a msgKey: caught up from the ledger before reports are joined
``caught``            up to which line (`seq`) of each campaign `key` is caught up
``queue``             what is known of an account's queue: whether it is ours alone, when it was polled, what came
``stretch``           periods in which the queue was emptied often enough that no report can have died unread
``inquired``          when a message was last inquired about, and how many reports that gave
====================  ===================================================================================================

Times are milliseconds since 1970; `account` and `message` are ids of the ledger.
"""

import sqlite3
from contextlib import closing
from hashlib import blake2b
from pathlib import Path

from omni_bulk.errors import SettingsError
from omni_bulk.ledger.schema import BUSY_TIMEOUT, create_file, ledger_key, use_wal, why
from omni_bulk.sentences import said

APPLICATION_ID = 0x4F4D4E52  # "OMNR"
VERSION = 1

# `report.key` finds a copy: the report's time, then a digest of msgKey, type and code. `verdict` says whose a report is:
#   NULL       stored, not judged yet
#   joined     `message` is ours and bears this msgKey, or was settled by this report
#   waiting    its ref is that of a message whose own answer is not recorded yet; judged again
#   hint       it would settle an unknown, but nobody vouches for it; closed by the inquiry
#   double     `message` is ours, was accepted under another msgKey, and nobody resent it
#   unmatched  its ref is one of ours, but `reason` forbids to take it for that message
#   foreign    neither its msgKey nor its ref is known here: another system's
# `key.digest` is that of the msgKey; two msgKeys may share one, so whoever looks up compares with the message's own.
# `report_message` has all that is asked when the fates of a million messages are summed up (`reading.fates`).
# A message that was accepted without a msgKey gets one here (the ledger's line is never changed).
_TABLES = """
CREATE TABLE {into}meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE {into}report (
    id INTEGER PRIMARY KEY, account INTEGER NOT NULL, key BLOB NOT NULL,
    msg_key TEXT NOT NULL, ref TEXT, type TEXT, code TEXT, text TEXT, at INTEGER, sent_at INTEGER,
    service TEXT, msg_type TEXT, carrier TEXT, parts INTEGER,
    source TEXT NOT NULL, proven INTEGER NOT NULL, received_at INTEGER NOT NULL,
    message INTEGER, verdict TEXT, reason TEXT, json BLOB NOT NULL
);
CREATE UNIQUE INDEX {into}report_key ON report (account, key);
CREATE INDEX {into}report_message ON report (message, at, code, parts, verdict) WHERE message IS NOT NULL;
CREATE INDEX {into}report_stray ON report (msg_key) WHERE message IS NULL;
CREATE INDEX {into}report_open ON report (account) WHERE verdict IS NULL OR verdict IN ('waiting', 'hint');
CREATE INDEX {into}report_strange ON report (account, verdict) WHERE verdict IN ('double', 'unmatched', 'foreign');
CREATE TABLE {into}key (digest INTEGER NOT NULL, message INTEGER NOT NULL, PRIMARY KEY (digest, message)) WITHOUT ROWID;
CREATE TABLE {into}caught (campaign INTEGER PRIMARY KEY, seq INTEGER NOT NULL);
CREATE TABLE {into}queue (
    account INTEGER PRIMARY KEY, own INTEGER, polled_at INTEGER, emptied_at INTEGER, received_at INTEGER,
    batches INTEGER NOT NULL DEFAULT 0, collected INTEGER NOT NULL DEFAULT 0, duplicates INTEGER NOT NULL DEFAULT 0,
    filed INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE {into}stretch (
    account INTEGER NOT NULL, since INTEGER NOT NULL, until INTEGER NOT NULL, PRIMARY KEY (account, since)
) WITHOUT ROWID;
CREATE TABLE {into}inquired (message INTEGER PRIMARY KEY, at INTEGER NOT NULL, found INTEGER NOT NULL);
"""


def reports_path(ledger: Path) -> Path:
    """Where the reports of a ledger are: ``ledger.db`` has ``ledger.reports.db``."""
    return ledger.with_name(f"{ledger.stem}.reports{ledger.suffix or '.db'}")


def open_reports(ledger: Path) -> sqlite3.Connection:
    """A connection that may write reports, made at the first need (0600), with the ledger attached as `ledger`, only
    to be read. Raises SettingsError when the file cannot be used, or belongs to another ledger.
    """
    path = reports_path(ledger)
    try:
        create_file(path, create=True)
        db = sqlite3.connect(
            path.absolute().as_uri(), uri=True, timeout=BUSY_TIMEOUT / 1000, isolation_level=None,
            check_same_thread=False,
        )  # fmt: skip
    except (OSError, sqlite3.Error) as error:
        raise SettingsError(
            said("the reports file {path} cannot be opened ({error})", path=path, error=why(error))
        ) from None
    try:
        _prepare(db, path, ledger)
    except sqlite3.Error as error:
        db.close()
        raise SettingsError(
            said("the reports file {path} cannot be used ({error})", path=path, error=why(error))
        ) from None
    except BaseException:
        db.close()
        raise
    return db


def attach_reports(db: sqlite3.Connection, ledger: Path) -> None:
    """Attaches the reports of `ledger` to a connection that only reads, as `reports`, for joins.

    Where there are none yet, an empty file of the same tables stands in their place, in memory. Raises SettingsError
    when the file belongs to another ledger.
    """
    path = reports_path(ledger)
    if not path.exists() or path.stat().st_size == 0:
        _stand_in(db)
        return
    try:
        db.execute("ATTACH ? AS reports", (f"{path.absolute().as_uri()}?mode=ro",))
        if db.execute("PRAGMA reports.user_version").fetchone()[0] == 0:  # being made at this moment
            db.execute("DETACH reports")
            _stand_in(db)
            return
        _check(db, path, "reports", ledger_key(db))
    except sqlite3.Error as error:
        raise SettingsError(
            said("the reports file {path} cannot be read ({error})", path=path, error=why(error))
        ) from None


def _stand_in(db: sqlite3.Connection) -> None:
    db.execute("ATTACH ':memory:' AS reports")
    for statement in _TABLES.format(into="reports.").split(";\n")[:-1]:
        db.execute(statement)


def _prepare(db: sqlite3.Connection, path: Path, ledger: Path) -> None:
    db.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT}")
    db.execute("ATTACH ? AS ledger", (f"{ledger.absolute().as_uri()}?mode=ro",))
    with closing(db.execute("SELECT value FROM ledger.meta WHERE name = 'key'")) as rows:
        key = bytes(rows.fetchone()[0])
    version = int(db.execute("PRAGMA main.user_version").fetchone()[0])
    if version:
        _check(db, path, "main", key)
    use_wal(db)
    db.execute("PRAGMA main.synchronous = FULL")
    db.execute("PRAGMA fullfsync = 1")
    db.execute("PRAGMA main.wal_autocheckpoint = 0")
    db.execute("PRAGMA main.cache_size = -32768")  # KiB; reports enter the indexes about in the order of their times
    db.execute("PRAGMA ledger.cache_size = -8000")  # KiB; the messages of one block of an import lie in some 12 MB
    db.execute("BEGIN IMMEDIATE")
    if int(db.execute("PRAGMA main.user_version").fetchone()[0]) == 0:  # another process may have been faster
        for statement in _TABLES.format(into="").split(";\n")[:-1]:
            db.execute(statement)
        db.execute("INSERT INTO main.meta VALUES ('ledger', ?)", (_mark(key),))
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute(f"PRAGMA user_version = {VERSION}")
    db.execute("COMMIT")
    _check(db, path, "main", key)


def _mark(key: bytes) -> bytes:
    """By which a reports file knows its ledger again; says nothing about the key."""
    return blake2b(b"reports", key=key, digest_size=16).digest()


def _check(db: sqlite3.Connection, path: Path, schema: str, key: bytes) -> None:
    application = int(db.execute(f"PRAGMA {schema}.application_id").fetchone()[0])
    version = int(db.execute(f"PRAGMA {schema}.user_version").fetchone()[0])
    if application != APPLICATION_ID:
        raise SettingsError(
            said("{path} is a database of something else, not the reports of this ledger; move it away", path=path)
        )
    if version > VERSION:
        raise SettingsError(
            said(
                "{path} was written by a newer omni_bulk (its version is {version}); upgrade first",
                path=path,
                version=version,
            )
        )
    with closing(db.execute(f"SELECT value FROM {schema}.meta WHERE name = 'ledger'")) as rows:  # noqa: S608  a constant
        if bytes(rows.fetchone()[0]) != _mark(key):
            raise SettingsError(
                said("{path} holds the reports of another ledger; move it away, or name the right --ledger", path=path)
            )
