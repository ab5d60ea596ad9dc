"""A look at a ledger's file that changes nothing in it, whatever state it is in: for `doctor`."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from omni_bulk.ledger.report_file import reports_path
from omni_bulk.ledger.schema import APPLICATION_ID, VERSION
from omni_bulk.sentences import said

_PROBLEMS_MAX = 3  # of a damaged file that are told; there may be thousands
# The account's of those that have a queue. By its index: without its condition word by word every report is read.
_DOUBLES = (
    "SELECT count(DISTINCT message) FROM report WHERE account IN (SELECT account FROM queue WHERE coalesce(account = ?, 1)) "
    "AND verdict = 'double' AND verdict IN ('double', 'unmatched', 'foreign')"
)


@dataclass(frozen=True, slots=True)
class Health:
    """What was found. `size` and `log` (the -wal) are in bytes, `in_doubt` and `recipients` counts.

    `problem` is what the file is not good for, or None; the counts then mean nothing.
    """

    size: int
    log: int
    version: int = 0
    recipients: int = 0
    in_doubt: int = 0
    problem: str | None = None


def health(path: Path) -> Health | None:
    """Looks at the ledger, None where there is none. Reads the whole file: some 5 s for each GB (14 MB took 65 ms)."""
    if not path.exists() or not path.stat().st_size:
        return None
    log = path.with_name(f"{path.name}-wal")
    size, waiting = path.stat().st_size, log.stat().st_size if log.exists() else 0
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
            return _look(db, size, waiting)
    except sqlite3.Error as error:
        corrupt = getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_CORRUPT
        return Health(
            size,
            waiting,
            problem=said("it is damaged ({wrong:.200})", wrong=str(error))
            if corrupt
            else said("it cannot be read ({error})", error=error),
        )


def _look(db: sqlite3.Connection, size: int, log: int) -> Health:
    application, version = (db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version"))
    if application != APPLICATION_ID:
        return Health(size, log, problem=said("it is a database of something else"))
    if version > VERSION:
        return Health(
            size, log, version, problem=said("a newer omni_bulk wrote it (its version is {version})", version=version)
        )
    wrong = [str(row[0]) for row in db.execute(f"PRAGMA quick_check({_PROBLEMS_MAX})")]
    if wrong != ["ok"]:
        return Health(size, log, version, problem=said("it is damaged ({wrong:.200})", wrong="; ".join(wrong)))
    recipients = db.execute("SELECT count(*) FROM message").fetchone()[0]
    in_doubt = db.execute("SELECT count(*) FROM message WHERE state = 1").fetchone()[0]
    return Health(size, log, version, recipients, in_doubt)


def in_doubt(db: sqlite3.Connection, campaign_id: str) -> int:
    """How many messages of the campaign (its UUID) are claimed and have no result. Reads the index of such alone."""
    sql = "SELECT count(*) FROM message WHERE state = 1 AND campaign = (SELECT id FROM campaign WHERE uuid = ?)"
    return int(db.execute(sql, (campaign_id,)).fetchone()[0])


@dataclass(frozen=True, slots=True)
class Reports:
    """What is known of the delivery reports beside a ledger. Times are ms since 1970, None for never.

    `polled_at`: when they were last asked for; `emptied_at`: when the API last had none left; `doubles`: messages that
    were accepted twice without a resend.
    """

    polled_at: int | None
    emptied_at: int | None
    doubles: int


def reports_of(ledger: Path, account: int | None = None) -> Reports | None:
    """The reports of one account, or of all; None where none are kept."""
    path = reports_path(ledger)
    if not path.exists():
        return None
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
            sql = "SELECT max(polled_at), max(emptied_at) FROM queue WHERE coalesce(account = ?, 1)"
            polled, emptied = db.execute(sql, (account,)).fetchone()
            doubles = db.execute(_DOUBLES, (account,)).fetchone()[0]
    except sqlite3.Error:  # not made yet, or damaged: whoever collects reports tells that
        return None
    return Reports(polled, emptied, doubles)
