"""Questions about millions of messages, asked a block at a time, and of two connections at once.

GROUP BY sorts all rows it groups: a block stays in the processor's cache (the states of a million messages: 1.2 s of
CPU instead of 1.6). SQLite lets go of the interpreter while it works, so two threads use two processors. And nobody
holds one view of the ledger for seconds, for which a run beside it would have to put off its checkpoints.
"""

import sqlite3
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from itertools import chain, islice
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from omni_bulk.ledger.report_file import attach_reports, reports_path
from omni_bulk.ledger.schema import read_ledger

BLOCK = 5_000  # messages
HANDS = 2
AHEAD = 8  # blocks that may be asked before their turn to be told
_EVER = 1 << 62

Block = tuple[int, int]
"""From `first` to before `end`: of ids, or of times."""

_BY_ID = (
    "SELECT id FROM message INDEXED BY message_campaign WHERE campaign = :campaign AND id >= :first AND id < :end "
    "ORDER BY id LIMIT 1 OFFSET :size"
)
_BY_TIME = (
    "SELECT claimed_at FROM message INDEXED BY message_claimed_at WHERE claimed_at >= :first AND claimed_at < :end "
    "ORDER BY claimed_at LIMIT 1 OFFSET :size"
)


def of_campaign(db: sqlite3.Connection, campaign: int) -> Iterator[Block]:
    """The ids of a campaign's messages, `BLOCK` of them at a time."""
    return _cut(db, _BY_ID, 0, _EVER, campaign)


def of_time(db: sqlite3.Connection, start: int, end: int) -> Iterator[Block]:
    """A span of time, cut where `BLOCK` messages were claimed; more only where one millisecond has more."""
    return _cut(db, _BY_TIME, start, end, None)


def _cut(db: sqlite3.Connection, sql: str, first: int, last: int, campaign: int | None) -> Iterator[Block]:
    while first < last:
        asked = {"campaign": campaign, "first": first, "end": last, "size": BLOCK}
        found = db.execute(sql, asked).fetchone()
        end = last if found is None else max(int(found[0]), first + 1)
        yield first, end
        first = end


def ask(
    db: sqlite3.Connection,
    sql: str,
    asked: Mapping[str, object],
    blocks: Iterable[Block],
    prepare: Callable[[sqlite3.Connection], object] = lambda _: None,
) -> Iterator[tuple[Any, ...]]:
    """The rows of a question in block after block, which it knows as `:first` and `:end`.

    What each block's rows sum up is not summed up over all of them. `db` is a connection of `read_ledger` with the
    reports attached; `prepare` gives every connection the functions that the question calls.
    """
    blocks = iter(blocks)
    some = list(islice(blocks, 2))
    path = _path(db) if len(some) > 1 else None
    if path is None:
        prepare(db)
        for first, end in chain(some, blocks):
            yield from db.execute(sql, {**asked, "first": first, "end": end})
        return
    free: SimpleQueue[sqlite3.Connection] = SimpleQueue()

    def rows_of(block: Block) -> list[tuple[Any, ...]]:
        hand = free.get()
        try:
            return hand.execute(sql, {**asked, "first": block[0], "end": block[1]}).fetchall()
        finally:
            free.put(hand)

    with ExitStack() as stack:
        for _ in range(HANDS):
            hand = stack.enter_context(closing(_beside(path)))
            prepare(hand)
            free.put(hand)
        pool = stack.enter_context(ThreadPoolExecutor(HANDS))
        waiting: deque[Future[list[tuple[Any, ...]]]] = deque()
        for block in chain(some, blocks):
            waiting.append(pool.submit(rows_of, block))
            if len(waiting) > AHEAD:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()


def _path(db: sqlite3.Connection) -> Path | None:
    """The ledger's file; None where another connection would not see the same: a copy, or reports that were not there."""
    files = {name: file for _, name, file in db.execute("PRAGMA database_list")}
    path = Path(files["main"])
    return path if files["main"] and files.get("reports") == str(reports_path(path)) else None


def _beside(path: Path) -> sqlite3.Connection:
    db = read_ledger(path)
    assert db is not None  # noqa: S101  somebody is reading it
    attach_reports(db, path)
    return db
