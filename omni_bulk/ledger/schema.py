"""The ledger's file: its tables, how it is created and opened, and what makes it durable."""

import os
import secrets
import sqlite3
import stat
import threading
from contextlib import closing, suppress
from pathlib import Path
from time import monotonic, sleep

from omni_bulk.errors import LedgerError, OmniBulkError, SettingsError
from omni_bulk.files import refuse_open_directory
from omni_bulk.identity import KEY_BYTES
from omni_bulk.sentences import said, system, term

APPLICATION_ID = 0x4F4D4E49  # "OMNI"
BUSY_TIMEOUT = 30_000  # ms another process may hold the write lock
STATEMENTS = 512  # kept prepared: those on groups have a text for each size of group
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

# What was spent is summed up by quarters of an hour (UTC), so that a day and a month can be cut in any time zone; of
# claims and what became of them, `segments` are billed parts. `prefix` is the number prefix that had a price of its own.
# A number is looked for by when it was claimed, so that of millions only the recent ones are read.
_BOUNDS = """
CREATE TABLE spent (
    slot INTEGER NOT NULL, campaign INTEGER NOT NULL, country TEXT NOT NULL, prefix TEXT NOT NULL,
    segments INTEGER NOT NULL, PRIMARY KEY (slot, campaign, country, prefix)
) WITHOUT ROWID;
INSERT INTO spent SELECT claimed_at / 900000, campaign, coalesce(country, ''), '', sum(coalesce(segments, 1))
    FROM message WHERE state IN (1, 2, 5) AND claimed_at IS NOT NULL GROUP BY 1, 2, 3;
CREATE TABLE suppressed (
    digest BLOB PRIMARY KEY, kind TEXT NOT NULL, number TEXT, added_at INTEGER NOT NULL, note TEXT
) WITHOUT ROWID;
CREATE INDEX message_claimed_at ON message (claimed_at) WHERE claimed_at IS NOT NULL;
"""

# `copy` is 2 once a message was posted again on the operator's word, under `wire_ref`; `http` the status of its last
# answer; `presumed_at` when silence was taken for "never sent" (ms); `resend_after` the ms after which an unknown may be
# posted again, NULL for never (a message's own wins over its campaign's). The first index finds the few messages that a
# report may settle by its ref; one that is accepted with its msgKey never enters it. Lines up to `pruned_seq` are not in
# the ledger any more. The indexes on `campaign` and on `line` grow at their ends; that of numbers is random, and only for
# messages known by a ref of the list's own: the others a number finds by their identity. All three together cost a sent
# message 3 µs on a ledger of five million.
_REPORTS = """
ALTER TABLE message ADD COLUMN copy INTEGER NOT NULL DEFAULT 1;
ALTER TABLE message ADD COLUMN wire_ref TEXT;
ALTER TABLE message ADD COLUMN http INTEGER;
ALTER TABLE message ADD COLUMN presumed_at INTEGER;
ALTER TABLE message ADD COLUMN resend_after INTEGER;
ALTER TABLE campaign ADD COLUMN resend_after INTEGER;
ALTER TABLE campaign ADD COLUMN pruned_seq INTEGER NOT NULL DEFAULT 0;
CREATE INDEX message_open_ref ON message (ref) WHERE state = 5 OR copy > 1 OR (state = 2 AND msg_key IS NULL);
CREATE INDEX message_campaign ON message (campaign);
CREATE INDEX message_number ON message (number) WHERE substr(ref, 1, 3) <> 'ob-';
CREATE INDEX line_message ON line (message);
"""

# How processes on one account share its rate (`leases`): rates are in messages a second, times in ms.
_LEASES = """
CREATE TABLE lease (
    slot INTEGER PRIMARY KEY, account INTEGER NOT NULL, owner TEXT NOT NULL, pid INTEGER NOT NULL,
    ceiling REAL NOT NULL, wants REAL NOT NULL, uses REAL NOT NULL, renewed_at INTEGER NOT NULL
);
"""

# What each version added to the one before it, from 2 on. A ledger is made at version 1 and brought forward like an old
# one, so there is one way to every version. What stands here has been released: it is never changed, only added to.
_MIGRATIONS: tuple[str, ...] = (_BOUNDS, _REPORTS + _LEASES)
VERSION = 1 + len(_MIGRATIONS)

# What one run has met, for finding repeated rows; never durable, spilled to disk by SQLite when it grows.
_TEMPORARY = """
CREATE TEMP TABLE seen (id INTEGER PRIMARY KEY, run INTEGER NOT NULL);
CREATE TEMP TABLE repeated (
    identity BLOB NOT NULL, run INTEGER NOT NULL, times INTEGER NOT NULL, PRIMARY KEY (identity, run)
) WITHOUT ROWID;
CREATE TEMP TABLE planned (
    identity BLOB PRIMARY KEY, state INTEGER NOT NULL, reason TEXT, digest BLOB, number_digest BLOB, text_digest BLOB,
    version INTEGER NOT NULL
) WITHOUT ROWID;
"""

# For a connection that only plans, and so never rolls back: undoing what `planned` gets cost half of planning a row.
_PLANNING = """
PRAGMA temp.journal_mode = OFF;
PRAGMA temp.cache_size = -8000;
"""

_ELSEWHERE = said("name another with --ledger")
_creating = threading.Lock()


def open_ledger(path: Path, *, create: bool = True) -> sqlite3.Connection:
    """A connection that may write. The file is 0600 whatever the umask, a new directory 0700.

    Raises SettingsError when the file cannot be opened or created, is no ledger, or was written by a newer version.
    """
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise SettingsError(
            said("SQLite {sqlite_version} is too old; 3.35 or newer is needed", sqlite_version=sqlite3.sqlite_version)
        )
    try:
        create_file(path, create=create)
        db = sqlite3.connect(
            path,
            timeout=BUSY_TIMEOUT / 1000,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=STATEMENTS,
        )
    except (OSError, sqlite3.Error) as error:
        raise SettingsError(
            said(
                "the ledger {path} cannot be opened ({error}); {elsewhere}",
                path=path,
                error=why(error),
                elsewhere=_ELSEWHERE,
            )
        ) from None
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
        db = _reader(path)
        try:
            version = _version(db, path)
            if version < VERSION:
                db.close()
                if version == 0:
                    return None
                open_ledger(path, create=False).close()  # an older one is brought forward first
                return read_ledger(path)
            db.executescript(_PLANNING + _TEMPORARY)
        except BaseException:
            db.close()
            raise
    except sqlite3.Error as error:
        raise _unreadable(path, error) from None
    return db


def _unreadable(path: Path, error: sqlite3.Error) -> SettingsError:
    return SettingsError(
        said(
            "the ledger {path} cannot be read ({error}); {elsewhere}", path=path, error=why(error), elsewhere=_ELSEWHERE
        )
    )


def glance(path: Path) -> sqlite3.Connection | None:
    """Like `read_ledger`, and an older ledger stays as it is too: it is brought forward in a copy that goes with the
    connection.
    """
    if not path.exists() or not path.stat().st_size:
        return None
    try:
        with closing(_reader(path)) as db:
            version = _version(db, path)
            if not 0 < version < VERSION:
                return read_ledger(path)
            copy = sqlite3.connect("", isolation_level=None, check_same_thread=False)
            db.backup(copy)
        copy.executescript("".join((_PLANNING, *_MIGRATIONS[version - 1 :], _TEMPORARY)))
    except sqlite3.Error as error:
        raise _unreadable(path, error) from None
    return copy


def _reader(path: Path) -> sqlite3.Connection:
    # mode=ro can still read beside a live writer: it shares the -shm file.
    db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False)
    db.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT}")
    return db


def scratch() -> sqlite3.Connection:
    """An empty ledger in a temporary file of SQLite's own: for a plan when there is no ledger yet."""
    db = sqlite3.connect("", isolation_level=None, check_same_thread=False)
    db.executescript("".join((_PLANNING, _TABLES, *_MIGRATIONS, _TEMPORARY)))
    db.execute("INSERT INTO meta VALUES ('key', ?)", (secrets.token_bytes(KEY_BYTES),))
    return db


def ledger_key(db: sqlite3.Connection) -> bytes:
    """The random key of this ledger, made once when it was created."""
    with closing(db.execute("SELECT value FROM meta WHERE name = 'key'")) as rows:
        return bytes(rows.fetchone()[0])


def create_file(path: Path, *, create: bool) -> None:
    """Makes sure that there is a regular file of one name, made for its owner alone.

    One that is there is looked at, never opened: closing any descriptor of a file drops all POSIX locks that this
    process holds on it, SQLite's own too, and then another process takes the -wal away under a live writer.
    """
    with _creating:
        if create and not path.parent.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # another process may be as fast
            path.parent.chmod(0o700)  # whatever the umask
        refuse_open_directory(path)
        if create and not os.path.lexists(path):
            with suppress(FileExistsError):
                os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        found = path.lstat()
        if not stat.S_ISREG(found.st_mode):
            raise OSError(0, "it is a link" if stat.S_ISLNK(found.st_mode) else "it is not a regular file")
        if found.st_nlink > 1:  # each name would have locks and a -wal of its own
            raise OSError(0, "it has a second name, a hard link")
        if found.st_size == 0:
            path.chmod(0o600)  # whatever the umask


def _prepare(db: sqlite3.Connection, path: Path) -> None:
    try:
        db.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT}")
        _version(db, path)  # before anything is changed: it may be somebody else's
        use_wal(db)
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA fullfsync = 1")  # macOS: an fsync alone does not reach the disk
        db.execute("PRAGMA wal_autocheckpoint = 0")  # SQLite swallows an I/O error of an automatic checkpoint
        db.execute("PRAGMA cache_size = -8000")  # KiB; twice as much took 8 MB and not a microsecond less a row
        _create_tables(db)
        db.executescript(_TEMPORARY)
    except sqlite3.Error as error:
        raise SettingsError(
            said(
                "the ledger {path} cannot be used ({error}); {elsewhere}, or restore it from a backup",
                path=path,
                error=why(error),
                elsewhere=_ELSEWHERE,
            )
        ) from None


def _version(db: sqlite3.Connection, path: Path) -> int:
    with closing(db.cursor()) as cursor:
        cursor.execute("BEGIN")  # one view of all three, though another process may be creating the tables
        version = int(cursor.execute("PRAGMA user_version").fetchone()[0])
        application = int(cursor.execute("PRAGMA application_id").fetchone()[0])
        tables = int(cursor.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])
        cursor.execute("COMMIT")
    if application != APPLICATION_ID and (version or tables):
        raise SettingsError(
            said("{path} is a database of something else, not a ledger; {elsewhere}", path=path, elsewhere=_ELSEWHERE)
        )
    if version > VERSION:
        raise SettingsError(
            said(
                "the ledger {path} was written by a newer omni_bulk (its version is {version}); upgrade first, "
                "or {elsewhere}",
                path=path,
                version=version,
                elsewhere=_ELSEWHERE,
            )
        )
    return version


def use_wal(db: sqlite3.Connection) -> None:
    """Where two processes switch a new ledger to WAL at once, SQLite tells one of them "locked" without waiting."""
    give_up = monotonic() + BUSY_TIMEOUT / 1000
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or monotonic() > give_up:
                raise
            sleep(0.01)
        else:
            return


def _create_tables(db: sqlite3.Connection) -> None:
    """Makes the tables of a new ledger, and brings an older one forward, in one transaction."""
    db.execute("BEGIN IMMEDIATE")  # also the proof that the file can be written
    version = int(db.execute("PRAGMA user_version").fetchone()[0])  # another process may have been faster
    if version == 0:
        _run(db, _TABLES)
        db.execute("INSERT INTO meta VALUES ('key', ?)", (secrets.token_bytes(KEY_BYTES),))
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    for script in _MIGRATIONS[max(version, 1) - 1 :]:
        _run(db, script)
    if version < VERSION:
        db.execute(f"PRAGMA user_version = {VERSION}")
    db.execute("COMMIT")


def _run(db: sqlite3.Connection, script: str) -> None:
    """Statement by statement: `executescript` would commit first."""
    for statement in script.split(";\n"):
        db.execute(statement)


def no_ledger(path: Path) -> SettingsError:
    """What a verb raises that needs a ledger where there is none."""
    return SettingsError(
        said(
            "there is no ledger at {path}; name one with --ledger FILE, or send something: the first `omni-bulk send` makes it",
            path=path,
        )
    )


def why(error: Exception) -> str:
    """In words. Messages of SQLite, of the system and of our own hold no number and no text; of others nobody knows."""
    if isinstance(error, OSError):
        return system(error)
    if isinstance(error, OmniBulkError):
        return error.sentence
    return str(error) if isinstance(error, sqlite3.Error) else type(error).__name__


def ledger_error(error: Exception, doing: str) -> LedgerError:
    """One sentence for trouble with the ledger or the results file."""
    return LedgerError(said("{doing}: {error}", doing=term(doing), error=why(error)))
