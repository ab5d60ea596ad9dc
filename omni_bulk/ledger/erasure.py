"""Erasing numbers from the ledger and its reports, down to the bytes. SQL of `forgetting`.

A row that was changed leaves its old bytes in the file: in free space of its page, in a page that was given back, in the
``-wal``. ``secure_delete`` zeroes what is deleted from now on, but not what was moved about before; so the files are
searched afterwards, and built anew (``VACUUM``) where something is found.
"""

import re
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path

from omni_bulk.erasing import Asked, erased_json, erased_line, erased_ref
from omni_bulk.errors import Refused
from omni_bulk.identity import Identities, Numbers, own_ref
from omni_bulk.ledger import bars
from omni_bulk.ledger.report_file import open_reports, reports_path
from omni_bulk.ledger.schema import ledger_key, open_ledger
from omni_bulk.sentences import said

BLOCK = 200  # rows in one transaction: nothing holds the write lock for longer
SEARCHED_MAX = 100  # numbers that are looked for in the files; with more the files are built anew unseen
_CHUNK = 1 << 22  # bytes
_TAIL = 32  # bytes that two chunks share; longer than a number


def open_for_erasing(ledger: Path) -> sqlite3.Connection:
    """A connection to the ledger that leaves nothing of what it deletes, also in no temporary file."""
    return _careful(open_ledger(ledger, create=False))


def open_reports_for_erasing(ledger: Path) -> sqlite3.Connection | None:
    """The same for its reports; None when there are none."""
    return _careful(open_reports(ledger)) if reports_path(ledger).exists() else None


def _careful(db: sqlite3.Connection) -> sqlite3.Connection:
    db.execute("PRAGMA main.secure_delete = ON")
    db.execute("PRAGMA temp_store = MEMORY")
    return db


# ── whose rows ────────────────────────────────────────────────────────────────────────────────────────────────────


def bar(db: sqlite3.Connection, asked: Asked, now: int) -> int:
    """From here on these numbers get nothing, in whichever run. Gives how many are new to that."""
    key, numbers, new = Numbers(ledger_key(db)), iter(asked), 0
    while chunk := list(islice(numbers, BLOCK)):
        db.execute("BEGIN IMMEDIATE")
        new += bars.forget(db, key, chunk, now)
        db.execute("COMMIT")
    return new


_FIND = """
INSERT INTO temp.found SELECT id, campaign FROM message WHERE number IN (SELECT number FROM temp.asked)
    OR (substr(ref, 1, 3) <> 'ob-' AND gives_away(ref))
    OR (substr(duplicate_of, 1, 3) <> 'ob-' AND gives_away(duplicate_of));
INSERT OR IGNORE INTO temp.found SELECT line.message, line.campaign FROM campaign JOIN line ON line.campaign = campaign.id
    WHERE campaign.kind = 'ref' AND may_give_away(line.json);
"""


def find(db: sqlite3.Connection, asked: Asked) -> dict[int, int]:
    """How many messages of each campaign (id) hold one of them; which, `found` keeps.

    All messages are looked at: 5 s for five million. Where a list has refs also all lines are, because a recipient
    may have had another number once. (Where it has none, the number is the identity.)
    """
    db.create_function("gives_away", 1, asked.in_text, deterministic=True)
    db.create_function("may_give_away", 1, asked.in_bytes, deterministic=True)
    db.execute("CREATE TEMP TABLE IF NOT EXISTS asked (number TEXT PRIMARY KEY) WITHOUT ROWID")
    db.execute("CREATE TEMP TABLE IF NOT EXISTS found (id INTEGER PRIMARY KEY, campaign INTEGER NOT NULL)")
    db.execute("DELETE FROM temp.asked")
    db.execute("DELETE FROM temp.found")
    db.executemany("INSERT INTO temp.asked VALUES (?)", ((number,) for number in asked))
    for statement in _FIND.split(";\n")[:-1]:
        db.execute(statement)
    return dict(db.execute("SELECT campaign, count(*) FROM temp.found GROUP BY campaign"))


def found(db: sqlite3.Connection, campaign: int) -> Iterator[list[int]]:
    """The messages that `find` found in a campaign, in blocks."""
    last = 0
    sql = "SELECT id FROM temp.found WHERE campaign = ? AND id > ? ORDER BY id LIMIT ?"
    while block := [row[0] for row in db.execute(sql, (campaign, last, BLOCK))]:
        yield block
        last = block[-1]


def owners_at_work(db: sqlite3.Connection, campaign: int) -> list[str]:
    """Who may be sending one of the found messages at this moment, as a single one."""
    sql = (
        "SELECT DISTINCT owner FROM temp.found JOIN message USING (id) WHERE found.campaign = ? AND owner IS NOT NULL "
        "AND message.state IN (0, 1)"
    )
    return [row[0] for row in db.execute(sql, (campaign,))]


# ── erasing ───────────────────────────────────────────────────────────────────────────────────────────────────────


def erase(db: sqlite3.Connection, messages: Sequence[int], asked: Asked, identities: Identities) -> tuple[int, int]:
    """Erases the numbers from these messages of one campaign and from their lines: how many rows of each changed."""
    db.execute("BEGIN IMMEDIATE")
    changed = sum(_erase_message(db, message, asked, identities) for message in messages)
    lines = sum(_erase_lines(db, message, asked, identities) for message in messages)
    db.execute("COMMIT")
    return changed, lines


def _erase_message(db: sqlite3.Connection, message: int, asked: Asked, identities: Identities) -> bool:
    sql = "SELECT number, ref, wire_ref, duplicate_of, result, identity FROM message WHERE id = ?"
    number, ref, wire_ref, duplicate_of, result, identity = before = db.execute(sql, (message,)).fetchone()
    kept = erased_ref(ref, asked, identities)
    left = (
        None if number in asked else number,
        ref if kept == ref else own_ref(identity),
        erased_ref(wire_ref, asked, identities),
        erased_ref(duplicate_of, asked, identities),
        None if asked.in_text(result) else result,
    )
    if left == before[:-1]:
        return False
    sql = "UPDATE message SET number = ?, ref = ?, wire_ref = ?, duplicate_of = ?, result = ? WHERE id = ?"
    db.execute(sql, (*left, message))
    return True


def _erase_lines(db: sqlite3.Connection, message: int, asked: Asked, identities: Identities) -> int:
    count = 0
    sql = "SELECT campaign, seq, json FROM line WHERE message = ?"
    for campaign, seq, line in db.execute(sql, (message,)).fetchall():
        left = erased_line(line, asked, identities)
        if left != line:
            db.execute("UPDATE line SET json = ? WHERE campaign = ? AND seq = ?", (left, campaign, seq))
            count += 1
    return count


_REPORTS_OF = "SELECT id, ref, text, json FROM report WHERE message IN ({marks})"
_STRAYS = "SELECT id, ref, text, json FROM report WHERE message IS NULL"


def erase_reports(db: sqlite3.Connection, messages: Sequence[int], asked: Asked) -> int:
    """Erases the numbers from the reports of these messages. Gives how many changed."""
    rows = db.execute(_REPORTS_OF.format(marks=",".join("?" * len(messages))), messages).fetchall()
    return _erase_reports(db, rows, asked)


def erase_strays(db: sqlite3.Connection, asked: Asked) -> int:
    """Erases them from the reports that belong to no message of ours. All of those are looked at."""
    with closing(db.execute(_STRAYS)) as rows:
        hits = [row for row in rows if asked.in_bytes(row[3]) or asked.in_text(row[1]) or asked.in_text(row[2])]
    return sum(_erase_reports(db, hits[at : at + BLOCK], asked) for at in range(0, len(hits), BLOCK))


def _erase_reports(
    db: sqlite3.Connection, rows: Sequence[tuple[int, str | None, str | None, bytes]], asked: Asked
) -> int:
    count = 0
    db.execute("BEGIN IMMEDIATE")
    for report, ref, text, body in rows:
        # Joined is joined: nothing looks for the message of a report by its ref again.
        own = ref is not None and ref.startswith("ob-")
        left = (ref if own or not asked.in_text(ref) else None, None if asked.in_text(text) else text)
        body_left = erased_json(bytes(body), asked)
        if (*left, body_left) != (ref, text, bytes(body)):
            sql = "UPDATE report SET ref = ?, text = ?, json = ? WHERE id = ?"
            db.execute(sql, (*left, body_left, report))
            count += 1
    db.execute("COMMIT")
    return count


# ── down to the bytes ─────────────────────────────────────────────────────────────────────────────────────────────


def purge(
    path: Path, opened: Callable[[], sqlite3.Connection], asked: Asked, *, may_rebuild: Callable[[Path], bool]
) -> bool:
    """Empties the -wal, and builds the file anew if it still holds one of the numbers. Gives whether it did.

    No connection of this process may be open: the file is read, and closing it would drop the locks of SQLite.
    Raises Refused when somebody is in the way; it can be done again at any time.
    """
    with closing(opened()) as db:
        _empty_wal(db, path)
    if len(asked) <= SEARCHED_MAX and not holds(path, asked):
        return False
    if not may_rebuild(path):
        raise Refused(
            said(
                "the numbers are erased, but free space in {path} still holds traces of them, and to build so large a file "
                "anew would stall whoever is sending. Run the same command again when nothing is being sent",
                path=path,
            )
        )
    with closing(opened()) as db:
        db.execute("VACUUM")
        _empty_wal(db, path)
    return True


def _empty_wal(db: sqlite3.Connection, path: Path) -> None:
    busy = db.execute("PRAGMA main.wal_checkpoint(TRUNCATE)").fetchone()[0]
    if busy:
        raise Refused(
            said(
                "the numbers are erased, but somebody is reading {path}, so its -wal still holds traces of them. "
                "Run the same command again",
                path=path,
            )
        )


def holds(path: Path, asked: Asked) -> bool:
    """Whether a file holds the digits of one of the numbers anywhere."""
    any_of = re.compile(b"|".join(number.removeprefix("+").encode() for number in asked))
    before = b""
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            if any_of.search(before + chunk):
                return True
            before = chunk[-_TAIL:]
    return False
