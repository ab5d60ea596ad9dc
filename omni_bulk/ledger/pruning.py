"""Letting go of old campaigns' details: what is big goes, what decides and what counts stays. SQL of `omni-bulk ledger`.

Who has a message stays (identity, digests, state, msgKey), and so do the sums: country, segments and time of each
message, code and parts of each report, so that `status` and `--month` say what they said. What goes are the lines of
the results file, numbers, and the reports as received.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import sleep

from omni_bulk.ledger import book
from omni_bulk.model import CampaignRow

BLOCK = 200  # rows in one transaction: nothing holds the write lock for longer


@dataclass(frozen=True, slots=True)
class Old:
    """A campaign that may be pruned: its lines after `pruned`, up to `row.seq`."""

    row: CampaignRow
    pruned: int


def old(db: sqlite3.Connection, before: int) -> list[Old]:
    """The campaigns in which nothing happened since `before` (ms) and of which there is something to let go.

    Single sends never end, so theirs are not among them.
    """
    sql = (
        "SELECT id, pruned_seq FROM campaign WHERE name <> '' AND seq > pruned_seq AND created_at < :before "
        "AND NOT EXISTS (SELECT 1 FROM run WHERE run.campaign = campaign.id "
        "AND max(started_at, coalesce(ended_at, 0)) >= :before)"
    )
    found = db.execute(sql, {"before": before}).fetchall()
    idle = [(campaign, pruned) for campaign, pruned in found if not _claimed_since(db, campaign, before)]
    rows = {row.id: row for row in book.campaigns(db)}
    return [Old(rows[campaign], pruned) for campaign, pruned in idle]


def _claimed_since(db: sqlite3.Connection, campaign: int, before: int) -> bool:
    sql = "SELECT max(claimed_at) >= ? FROM message INDEXED BY message_campaign WHERE campaign = ?"
    return bool(db.execute(sql, (before, campaign)).fetchone()[0])


# ── letting go ────────────────────────────────────────────────────────────────────────────────────────────────────

_STRIP = (
    "UPDATE message SET number = NULL, from_ = NULL, encoding = NULL, warnings = NULL, result = NULL, owner = NULL "
    "WHERE id IN (SELECT id FROM message INDEXED BY message_campaign WHERE campaign = ? AND id > ? ORDER BY id LIMIT ?) "
    "RETURNING id"
)


def strip_messages(db: sqlite3.Connection, campaign: int, rest: float) -> int:
    """Takes from the messages of a campaign what neither decides nor counts. Gives how many there are."""
    last = count = 0
    while True:
        with _writing(db, rest):
            ids = [row[0] for row in db.execute(_STRIP, (campaign, last, BLOCK))]
        if not ids:
            return count
        last = max(ids)
        count += len(ids)


def delete_lines(db: sqlite3.Connection, campaign: int, after: int, upto: int, rest: float) -> None:
    """Deletes the lines of a campaign and notes up to where, in the same transactions."""
    for end in [*range(after + BLOCK, upto, BLOCK), upto]:
        with _writing(db, rest):
            db.execute("DELETE FROM line WHERE campaign = ? AND seq <= ?", (campaign, end))
            db.execute("UPDATE campaign SET pruned_seq = max(pruned_seq, ?) WHERE id = ?", (end, campaign))


def strip_reports(db: sqlite3.Connection, ids: Sequence[int], rest: float) -> int:
    """Takes from these reports what they were received as; whose they are, code, time and parts stay."""
    sql = "UPDATE report SET json = x'', text = NULL, carrier = NULL, service = NULL, msg_type = NULL WHERE id = ?"
    for at in range(0, len(ids), BLOCK):
        with _writing(db, rest):
            db.executemany(sql, ((one,) for one in ids[at : at + BLOCK]))
    return len(ids)


@contextmanager
def _writing(db: sqlite3.Connection, rest: float) -> Iterator[None]:
    """A transaction, and then so many seconds without one: SQLite's write lock goes to who asks at the right moment, and
    who waits for it asks up to 100 ms later.
    """
    db.execute("BEGIN IMMEDIATE")
    yield
    db.execute("COMMIT")
    sleep(rest)


# ── space ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def shrink(db: sqlite3.Connection) -> int:
    """Builds the file anew without its free space. Gives the bytes that the disk got back."""
    before = _bytes(db)
    db.execute("VACUUM")
    db.execute("PRAGMA main.wal_checkpoint(TRUNCATE)")
    return before - _bytes(db)


def free_bytes(db: sqlite3.Connection) -> int:
    """Bytes within the file that are used again before it grows."""
    return int(db.execute("PRAGMA main.freelist_count").fetchone()[0]) * _page(db)


def _bytes(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA main.page_count").fetchone()[0]) * _page(db)


def _page(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA main.page_size").fetchone()[0])
