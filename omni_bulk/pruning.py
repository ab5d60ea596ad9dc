"""Pruning old campaigns, into an archive if one is wanted. Safe to kill and to run again at any moment.

One campaign after the other, under its lock: its lines and reports into the archive, on the disk; then reports and
messages lose their details, and last the lines go, up to which the campaign is known to be pruned.
"""

import gzip
import sqlite3
from collections.abc import Iterable
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from omni_bulk.errors import Refused
from omni_bulk.journal import report_line
from omni_bulk.ledger import Transaction, book, places, pruning, reports
from omni_bulk.ledger.pruning import Old
from omni_bulk.ledger.report_file import open_reports, reports_path
from omni_bulk.ledger.schema import open_ledger
from omni_bulk.lock import UpkeepLock, anybody
from omni_bulk.replacing import replacing

REST = 0.02  # s between two transactions while somebody else is at work
LEVEL = 6  # of gzip: a tenth of the lines' size, at some 30 MB a second


@dataclass(slots=True)
class Pruned:
    """What was let go. `freed` are bytes that the disk got back, `free` bytes that the ledger uses again; `archived` the
    files that were written; `held` are sentences about campaigns that somebody is at work on.
    """

    campaigns: int = 0
    messages: int = 0
    lines: int = 0
    reports: int = 0
    freed: int = 0
    free: int = 0
    archived: list[Path] = field(default_factory=list)
    held: list[str] = field(default_factory=list)


def survey(ledger: Path, before: int) -> tuple[int, int]:
    """How many campaigns, and lines of them, `prune` would let go."""
    with closing(open_ledger(ledger, create=False)) as db:
        found = pruning.old(db, before)
    return len(found), sum(one.row.seq - one.pruned for one in found)


def prune(ledger: Path, before: int, archive: Path | None) -> Pruned:
    """Prunes the campaigns in which nothing happened since `before` (ms since 1970), into the folder `archive`.

    Raises OutputError when the archive cannot be written; what is not archived is not pruned.
    """
    done = Pruned()
    with ExitStack() as stack:
        db = stack.enter_context(closing(open_ledger(ledger, create=False)))
        collected = stack.enter_context(closing(open_reports(ledger))) if reports_path(ledger).exists() else None
        for one in pruning.old(db, before):
            busy = anybody(ledger)
            try:
                with UpkeepLock(ledger, one.row.uuid, name=repr(one.row.name)):
                    _prune_one(db, collected, one, archive, done, rest=REST if busy else 0.0)
            except Refused as refused:
                done.held.append(refused.sentence)
        both = [db] if collected is None else [db, collected]
        if done.campaigns and not anybody(ledger):
            done.freed = sum(map(pruning.shrink, both))
        done.free = sum(map(pruning.free_bytes, both))
    return done


def _prune_one(
    db: sqlite3.Connection, collected: sqlite3.Connection | None, one: Old, archive: Path | None, done: Pruned,
    rest: float,
) -> None:  # fmt: skip
    campaign = one.row.id
    db.execute("BEGIN IMMEDIATE")  # what a killed run left claimed gets its line first
    book.recover(Transaction(db), one.row)
    seq = int(db.execute("SELECT seq FROM campaign WHERE id = ?", (campaign,)).fetchone()[0])
    db.execute("COMMIT")
    ids = [] if collected is None else sorted(one.id for one in reports.whole_of_campaign(collected, campaign))
    if archive is not None:
        stem = f"{one.row.name}-{one.row.uuid[:8]}"
        lines = f"{stem}.{one.pruned + 1}-{seq}.results.jsonl.gz"
        _write(db, one, archive / lines, book.lines(db, campaign, one.pruned, seq), done)
        if collected is not None and ids:
            told = (report_line(one) for one in reports.whole_of_campaign(collected, campaign) if one.id <= ids[-1])
            _write(db, one, archive / f"{stem}.{ids[0]}-{ids[-1]}.reports.jsonl.gz", told, done)
    if collected is not None:
        done.reports += pruning.strip_reports(collected, ids, rest)
    done.messages += pruning.strip_messages(db, campaign, rest)
    pruning.delete_lines(db, campaign, one.pruned, seq, rest)
    done.lines += seq - one.pruned
    done.campaigns += 1


def packing(file: IO[bytes]) -> gzip.GzipFile:
    """What is written into it stands packed in `file`; the same lines give the same bytes."""
    return gzip.GzipFile(filename="", mode="wb", fileobj=file, compresslevel=LEVEL, mtime=0)


def _write(db: sqlite3.Connection, one: Old, path: Path, lines: Iterable[bytes], done: Pruned) -> None:
    """On the disk when this returns; noted first, so that `forget` finds it."""
    db.execute("BEGIN IMMEDIATE")
    places.note(Transaction(db), "archive", one.row.uuid, path)
    db.execute("COMMIT")
    with replacing(path, "the archive", "--archive") as file, packing(file) as packed:
        packed.writelines(lines)
    done.archived.append(path)
