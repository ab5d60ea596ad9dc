"""The results file of a campaign, opened from its ledger; and brought up to date where nobody is sending.

A run appends to its file itself. What is settled when none is at work is appended here, so that whoever reads the file
after `reports` or `resolve` finds the last word in it.
"""

import logging
import os
import sqlite3
import stat
from collections.abc import Iterable
from contextlib import nullcontext
from pathlib import Path

from omni_bulk.errors import OmniBulkError, OutputError, Refused
from omni_bulk.files import cause
from omni_bulk.ledger import Ledger, book, places
from omni_bulk.lock import CampaignLock
from omni_bulk.model import CampaignRow
from omni_bulk.sentences import said
from omni_bulk.sink import Lines, ResultsFile, open_appending, open_results

logger = logging.getLogger("omni_bulk")

_Left = tuple[int, int, int, int]  # inode, size, time of its last change (ns), and `seq` of its last line


def results_of(ledger: Ledger, row: CampaignRow, path: Path, *, mode: int) -> ResultsFile:
    """Opens and repairs the results file of a campaign whose lock the caller holds. Blocks; raises what `open_results`
    raises.
    """
    held: list[sqlite3.Connection] = []  # while it is opened: a new one for each 2,000 lines took half the time
    with ledger.reading() as db:
        held.append(db)
        try:
            return open_results(
                path, campaign_id=row.uuid, campaign=row.name, last_seq=row.seq, missing=_lines_of(ledger, row, held),
                mode=mode, pruned=book.pruned_seq(db, row.id),
            )  # fmt: skip
        finally:
            held.clear()


def _lines_of(ledger: Ledger, row: CampaignRow, held: list[sqlite3.Connection]) -> Lines:
    def lines(after: int, upto: int | None) -> list[bytes]:
        with nullcontext(held[0]) if held else ledger.reading() as db:
            return list(book.lines(db, row.id, after, upto))

    return lines


class Projection:
    """The results files of a ledger. A file is held against the ledger as a whole once; as long as nobody but this
    object has written to it, only what is new is appended (a webhook may settle messages one by one, and the files of
    large campaigns take seconds to read).
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._left: dict[Path, _Left] = {}

    def bring_up_to_date(self, messages: Iterable[int]) -> None:
        """The files of the campaigns of these messages. One that a run holds is left to that run.

        A file that cannot be written is told in the log, and changes nothing: the ledger has the lines.
        """
        with self._ledger.reading() as db:
            rows = _campaigns(db, messages)
        for row in rows:
            try:
                with CampaignLock(self._ledger.path, row.uuid, name=repr(row.name)):
                    self.append_settled(row)
            except Refused:
                continue

    def append_settled(self, campaign: CampaignRow) -> None:
        """Of one campaign, whose lock the caller holds: its files as they are known, wherever they still are."""
        with self._ledger.reading() as db:
            files = places.noted(db, "results", campaign.uuid)
            (row,) = book.campaigns(db, "WHERE id = ?", (campaign.id,))
        for path in files:
            if path.is_file():
                self._append(path, row)

    def _append(self, path: Path, row: CampaignRow) -> None:
        try:
            results = self._opened(path, row)
            results.close()
        except OmniBulkError as error:
            logger.warning("%s", error, extra={"event": "results_behind"})
        else:
            self._left[path] = (*_state(path.stat()), results.last_seq)

    def _opened(self, path: Path, row: CampaignRow) -> ResultsFile:
        found = path.stat()
        mode = stat.S_IMODE(found.st_mode)
        *state, last_seq = self._left.get(path, (0, 0, 0, 0))
        if tuple(state) != _state(found):
            return results_of(self._ledger, row, path, mode=mode)
        try:
            results = ResultsFile(path, open_appending(path, mode), last_seq, _lines_of(self._ledger, row, []))
            try:
                results.catch_up()
            except OSError:
                results.close()
                raise
        except OSError as error:
            raise OutputError(
                said("the results file {path} cannot be written ({error})", path=path, error=cause(error))
            ) from None
        return results


def _state(found: os.stat_result) -> tuple[int, int, int]:
    return found.st_ino, found.st_size, found.st_mtime_ns


def _campaigns(db: sqlite3.Connection, messages: Iterable[int]) -> list[CampaignRow]:
    sql = "SELECT campaign FROM message WHERE id = ?"
    ids = {row[0] for one in messages for row in db.execute(sql, (one,))}
    return [row for one in sorted(ids) for row in book.campaigns(db, "WHERE id = ?", (one,))]
