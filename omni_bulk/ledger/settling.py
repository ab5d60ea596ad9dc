"""What settles an `unknown` after the fact: a delivery report, the operator's word, or time. SQL of the ledger itself.

Every function takes the ledger's open transaction, looks again, and does nothing where the message moved on meanwhile.
A line is never changed: a settled message gets another one, with the next `seq`.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from omni_bulk.ledger import book
from omni_bulk.ledger.writer import Transaction
from omni_bulk.model import Result, State, Status

REPORTED = "reported"  # the reason of an `accepted` that a delivery report proved


def accept(tx: Transaction, message: int, msg_key: str) -> Result | None:
    """An `unknown` message turns out accepted under this msgKey. None when it is not unknown any more, or the msgKey is
    another message's.
    """
    return settle_by_hand(tx, message, Status.ACCEPTED, reason=REPORTED, msg_key=msg_key)


def settle_by_hand(
    tx: Transaction, message: int, status: Status, *, reason: str, msg_key: str | None = None, code: str | None = None
) -> Result | None:
    """Gives an `unknown` message another result; None when it is not unknown any more."""
    row = tx.db.execute("SELECT campaign FROM message WHERE id = ? AND state = ?", (message, State.UNKNOWN)).fetchone()
    if row is None:
        return None
    last = _last_line(tx.db, message)
    if last is None:
        return None
    result = replace(last, status=status, msg_key=msg_key, code=code, result=None, reason=reason, replayed=False)
    return book.settle(tx, int(row[0]), message, result)


def _last_line(db: sqlite3.Connection, message: int) -> Result | None:
    return book.latest(db, message)


@dataclass(frozen=True, slots=True)
class InDoubt:
    """An `unknown` message: who it is for (masked by whoever shows it), when it was claimed, and what it weighs."""

    message: int
    ref: str
    country: str | None
    segments: int
    claimed_at: int | None
    copy: int
    presumed_at: int | None
    run: int
    resend_after: int | None
    number: str | None = field(default=None, repr=False)


def in_doubt(db: sqlite3.Connection, campaign: int) -> list[InDoubt]:
    """The campaign's unknown messages, by id."""
    sql = (
        "SELECT id, ref, country, coalesce(segments, 1), claimed_at, copy, presumed_at, run, resend_after, number "
        "FROM message INDEXED BY message_open_ref WHERE campaign = ? AND state = ? AND ref IS NOT NULL "
        "AND (state = 5 OR copy > 1 OR (state = 2 AND msg_key IS NULL)) ORDER BY id"
    )
    return [InDoubt(*row) for row in db.execute(sql, (campaign, State.UNKNOWN))]


def presume_unsent(tx: Transaction, messages: Sequence[int], now: int) -> int:
    """Takes the silence about these unknowns for "never sent". They stay unknown until somebody resends them."""
    sql = "UPDATE message SET presumed_at = ? WHERE id = ? AND state = ? AND presumed_at IS NULL"
    return sum(tx.db.execute(sql, (now, one, State.UNKNOWN)).rowcount for one in messages)
