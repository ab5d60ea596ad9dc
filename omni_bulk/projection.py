"""Results files brought up to date for campaigns that nobody is sending: what reports, or the operator, have settled.

A run appends to its file itself. What is settled when none is at work is appended here, so that whoever reads the file
after `reports` or `resolve` finds the last word in it.
"""

import logging
import sqlite3
import stat
from collections.abc import Iterable
from pathlib import Path

from omni_bulk.errors import OmniBulkError, Refused
from omni_bulk.ledger import Ledger, book, places
from omni_bulk.lock import CampaignLock
from omni_bulk.model import CampaignRow
from omni_bulk.sink import Lines, open_results

logger = logging.getLogger("omni_bulk")


def bring_up_to_date(ledger: Ledger, messages: Iterable[int]) -> None:
    """The results files of the campaigns of these messages. One that a run holds is left to that run.

    A file that cannot be written is told in the log, and changes nothing: the ledger has the lines.
    """
    with ledger.reading() as db:
        rows = _campaigns(db, messages)
    for row in rows:
        try:
            with CampaignLock(ledger.path, row.uuid, name=repr(row.name)):
                append_settled(ledger, row)
        except Refused:
            continue


def append_settled(ledger: Ledger, campaign: CampaignRow) -> None:
    """Of one campaign, whose lock the caller holds: its results files as they are known, wherever they still are."""
    with ledger.reading() as db:
        files = places.noted(db, "results", campaign.uuid)
        (row,) = book.campaigns(db, "WHERE id = ?", (campaign.id,))
        pruned = book.pruned_seq(db, row.id)

    def missing(after: int, upto: int | None) -> list[bytes]:
        with ledger.reading() as db:
            return list(book.lines(db, row.id, after, upto))

    for path in files:
        if path.is_file():
            _append(path, row, missing, pruned)


def _append(path: Path, row: CampaignRow, missing: Lines, pruned: int) -> None:
    mode = stat.S_IMODE(path.stat().st_mode)
    try:
        results = open_results(
            path, campaign_id=row.uuid, campaign=row.name, last_seq=row.seq, missing=missing, mode=mode, pruned=pruned
        )
        results.close()
    except OmniBulkError as error:
        logger.warning("%s", error, extra={"event": "results_behind"})


def _campaigns(db: sqlite3.Connection, messages: Iterable[int]) -> list[CampaignRow]:
    sql = "SELECT campaign FROM message WHERE id = ?"
    ids = {row[0] for one in messages for row in db.execute(sql, (one,))}
    return [row for one in sorted(ids) for row in book.campaigns(db, "WHERE id = ?", (one,))]
