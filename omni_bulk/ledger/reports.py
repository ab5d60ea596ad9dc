"""What is written and read of delivery reports: the SQL of `report_file`.

Functions that write take the open transaction of the reports file and at most `BLOCK` rows; they never commit. Functions
that read work on that connection, and on a reader of the ledger with the reports attached (`report_file.attach_reports`).
"""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from omni_bulk.joining import key_digest
from omni_bulk.model import Report, Way, Whose

BLOCK = 200  # rows of one transaction at most, so that nobody waits long for the write lock
GAP_MAX = 70 * 3_600_000  # ms between two emptyings of the queue in which no report can have died: 3 days, less 2 h

_COLUMNS = (
    "msg_key, ref, type, code, text, at, sent_at, service, msg_type, carrier, parts, json, source, proven, received_at, "
    "id, message, verdict, reason"
)

_MESSAGE = _COLUMNS.split(", ").index("message")


def _report(row: Sequence[Any]) -> Report:
    *said, way, proven, received_at, number, message, verdict, reason = row
    whose = None if verdict is None else Whose(verdict)
    return Report(*said, Way(way), bool(proven), received_at, number, message, whose, reason)


# ── reading ───────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Queue:
    """What is known of an account's queue of reports. Times are ms, None for never.

    `own`: whether it is this ledger's alone (None: nothing came yet). `polled_at`: the last poll that was answered,
    `emptied_at`: the last one that found nothing, `received_at`: the last report by webhook. `collected` and
    `duplicates` count reports over all time, `batches` the acked ones. `filed`: the last report in ``reports.jsonl``.
    """

    own: bool | None = None
    polled_at: int | None = None
    emptied_at: int | None = None
    received_at: int | None = None
    batches: int = 0
    collected: int = 0
    duplicates: int = 0
    filed: int = 0


def queue_of(db: sqlite3.Connection, account: int) -> Queue:
    """The queue of an account."""
    sql = (
        "SELECT own, polled_at, emptied_at, received_at, batches, collected, duplicates, filed FROM queue "
        "WHERE account = ?"
    )
    row = db.execute(sql, (account,)).fetchone()
    return Queue() if row is None else Queue(None if row[0] is None else bool(row[0]), *row[1:])


def of_message(db: sqlite3.Connection, message: int) -> list[Report]:
    """Every report of one message, the oldest first."""
    sql = f"SELECT {_COLUMNS} FROM report WHERE message = ? ORDER BY at, id"  # noqa: S608  of constants
    return [_report(row) for row in db.execute(sql, (message,))]


def of_messages(db: sqlite3.Connection, messages: Sequence[int]) -> dict[int, list[Report]]:
    """Every report of these messages, by message; whoever has none is left out."""
    sql = f"SELECT {_COLUMNS} FROM report WHERE message IN (SELECT value FROM json_each(?))"  # noqa: S608  of constants
    found: dict[int, list[Report]] = {}
    for row in db.execute(sql, (json.dumps(messages),)):
        report = _report(row)
        found.setdefault(int(row[_MESSAGE]), []).append(report)
    return found


def of_msg_key(db: sqlite3.Connection, account: int, msg_key: str) -> list[Report]:
    """Every report that bears one msgKey, ours or not, the oldest first."""
    low = key_digest(msg_key)
    sql = (
        f"SELECT {_COLUMNS} FROM report WHERE account = ? AND key BETWEEN ? AND ? AND msg_key = ? "  # noqa: S608
        "ORDER BY at, id"
    )
    rows = db.execute(sql, (account, low + bytes(8), low + b"\xff" * 8, msg_key))
    return [_report(row) for row in rows]


def message_of(db: sqlite3.Connection, msg_key: str) -> list[int]:
    """The messages that may bear a msgKey (nearly always one): compare with their own before believing it."""
    digest = int.from_bytes(key_digest(msg_key), "big", signed=True)
    return [int(row[0]) for row in db.execute("SELECT message FROM key WHERE digest = ?", (digest,))]


def count_strange(db: sqlite3.Connection, account: int) -> dict[Whose, int]:
    """How many messages have a double, and how many reports are unmatched, foreign or still open."""
    counts = dict.fromkeys((Whose.DOUBLE, Whose.UNMATCHED, Whose.FOREIGN, Whose.WAITING, Whose.HINT), 0)
    sql = (
        "SELECT verdict, CASE verdict WHEN 'double' THEN count(DISTINCT message) ELSE count(*) END FROM report "
        "WHERE account = ? AND verdict IN ('double', 'unmatched', 'foreign') GROUP BY verdict"
    )
    counts |= {Whose(verdict): count for verdict, count in db.execute(sql, (account,))}
    sql = (
        "SELECT verdict, count(*) FROM report WHERE account = ? AND (verdict IS NULL OR verdict IN ('waiting', 'hint')) "
        "AND verdict IS NOT NULL GROUP BY verdict"
    )
    counts |= {Whose(verdict): count for verdict, count in db.execute(sql, (account,))}
    return counts


def doubles(db: sqlite3.Connection, campaign: int) -> list[int]:
    """The messages of a campaign that were accepted twice without a resend."""
    sql = (
        "SELECT DISTINCT message.id FROM report JOIN message ON message.id = report.message "
        "WHERE report.verdict = 'double' AND message.campaign = ?"
    )
    return [int(row[0]) for row in db.execute(sql, (campaign,))]


def covered(db: sqlite3.Connection, account: int, since: int, until: int) -> bool:
    """Whether no report that came between these times can have died unread."""
    sql = "SELECT 1 FROM stretch WHERE account = ? AND since <= ? AND until >= ?"
    return db.execute(sql, (account, since + GAP_MAX, until)).fetchone() is not None
