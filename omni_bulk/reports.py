"""Collecting delivery reports: whatever way they come, they are stored, filed, joined, and settle what was unknown.

::

    poll ──► store (durable) ──► reports.jsonl (synced) ──► join ──► settle ──► ack ──► next
                                    webhook, inquiry and import enter at "store"

Nothing is acked before it is on the disk twice, in the ledger's reports file and in ``reports.jsonl``. A crash before
the ack gives the batch again; what is in it is then a copy. One collector an account (`lock.CollectorLock`).
"""

import asyncio
import logging
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from omni_bulk.account import Account
from omni_bulk.asking import Questions
from omni_bulk.errors import LedgerError, Refused, Stopped
from omni_bulk.joining import INQUIRY_AFTER, Batch, Judgement, judge, read_report, usable_report_id
from omni_bulk.journal import Journal, report_line
from omni_bulk.ledger import Transaction, places, reports, settling
from omni_bulk.ledger.report_file import open_reports
from omni_bulk.ledger.reports import BLOCK, WIDE, Row, Searcher, Stored
from omni_bulk.ledger.writer import Writer
from omni_bulk.lock import CollectorLock
from omni_bulk.model import Report, Way, Whose
from omni_bulk.projection import Projection
from omni_bulk.sentences import said

CHECKPOINT_EVERY = 50  # transactions of a poll, or 50,000 reports of an import
IDLE_FIRST, IDLE_MAX, IDLE_GROWTH = 2.0, 30.0, 1.5  # s between polls that found nothing
CHUNK = 40_000  # reports of an import that are sorted in memory, then stored and judged: 50 MB
HOUR = 3_600_000  # ms
ASK_AGAIN = 6 * HOUR  # ms until a message is inquired about again, so that a broken-off inquiry goes on where it was
INQUIRY_RATE = 5.0  # questions a second
logger = logging.getLogger("omni_bulk")
T = TypeVar("T")

_STRANGE = frozenset({Whose.FOREIGN, Whose.UNMATCHED})


@dataclass(slots=True)
class Collected:
    """What one collector did. `collected` counts new reports, `duplicates` copies of known ones.

    `joined` are those of our messages, `foreign` another system's, `unmatched` those whose ref is ours and which no rule
    gives to a message. `settled` counts messages that were unknown and turned out accepted, `doubles` reports of
    messages that were accepted twice.
    """

    collected: int = 0
    joined: int = 0
    foreign: int = 0
    unmatched: int = 0
    duplicates: int = 0
    batches: int = 0
    settled: int = 0
    doubles: int = 0
    inquired: int = 0


class Collector:
    """The delivery reports of one account; an async context manager. Made by `Omni.reports`::

        async with omni.reports("reports.jsonl") as reports:
            await reports.poll()
            print(reports.counts.collected, reports.counts.settled)

    The API deletes reports after 3 days; polling takes them off its queue once they are on the disk here. They settle
    what is `unknown`. `counts` are those of this collector.

    `out` and `foreign` are the files that new reports are appended to, None for none. Entering raises `Refused` when
    another process collects for this account, `OutputError` when a file cannot be used. With `shared` it neither holds
    the account nor writes files: for webhooks in several processes.
    """

    def __init__(
        self, account: Account, *, out: Path | None = None, foreign: Path | None = None, shared: bool = False,
        patience: float | None = None,
    ) -> None:  # fmt: skip
        self.counts: Collected = Collected()
        self._account = account
        self._out_path = out
        self._foreign_path = foreign
        self._lock = None if shared else CollectorLock(account.ledger.path, account.id)
        self._questions = Questions(account, patience=patience)
        self._projection = Projection(account.ledger)
        self._writer: Writer | None = None
        self._out: Journal | None = None
        self._foreign: Journal | None = None
        self._one_at_a_time = asyncio.Lock()
        self._over = asyncio.Event()

    async def __aenter__(self) -> Self:
        if self._lock is not None:
            self._lock.acquire()
        try:
            await self._open()
        except BaseException:
            await self._close()
            raise
        return self

    async def _open(self) -> None:
        db = await asyncio.to_thread(open_reports, self._account.ledger.path)
        reports.add_functions(db)
        self._writer = Writer(db, asyncio.get_running_loop(), checkpoint_every=CHECKPOINT_EVERY)
        await self._write(reports.forget_if_restored)
        for path in filter(None, (self._out_path, self._foreign_path)):
            whose = str(self._account.id)
            await self._account.ledger.write(partial(places.note, kind="reports", whose=whose, path=path))
        if self._out_path is not None:
            self._out = Journal(self._out_path)
            queue = await self._write(lambda tx: reports.queue_of(tx.db, self._account.id))
            self._filed = self._out.last or queue.filed
            await self._file()
        if self._foreign_path is not None:
            self._foreign = Journal(self._foreign_path)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._close()

    async def _close(self) -> None:
        if self._writer is not None:
            await asyncio.to_thread(self._writer.close)
            self._writer = None
        for journal in (self._out, self._foreign):
            if journal is not None:
                journal.close()
        if self._lock is not None:
            self._lock.release()

    async def look(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """What a question to the reports file gives; the ledger is attached as `ledger`."""
        found: T = await self._write(lambda tx: query(tx.db))
        return found

    async def _write(self, operation: Any) -> Any:
        if self._writer is None:
            raise LedgerError(said("the collector of reports is closed"))
        return await self._writer.submit(operation)

    def epoch(self) -> float:
        """Seconds since 1970, by the account's clock."""
        return self._account.world.epoch()

    # ── polling ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def poll(self) -> None:
        """Collects until the queue is empty. Raises `Refused` for a queue that seems to be another system's, `Stopped`
        when the API does not answer, `LedgerError` when something could not be written; nothing of that is acked.
        """
        while not self._over.is_set() and await self.poll_once():
            pass

    async def follow(self) -> None:
        """Collects until `stop`. Raises what `poll` raises."""
        idle = IDLE_FIRST
        while not self._over.is_set():
            if await self.poll_once():
                idle = IDLE_FIRST
                continue
            await self._rest(idle)
            idle = min(IDLE_MAX, idle * IDLE_GROWTH)

    def stop(self) -> None:
        """Ends `poll`, `follow` and `inquire` after what they are at."""
        self._over.set()

    async def _rest(self, seconds: float) -> None:
        """Sleeps, unless told to stop."""
        sleeping = asyncio.ensure_future(self._account.world.sleep(seconds))
        stopping = asyncio.ensure_future(self._over.wait())
        try:
            await asyncio.wait({sleeping, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            stopping.cancel()

    async def poll_once(self) -> bool:
        """One batch, from the question to the ack. False when there was nothing."""
        batch = await self._questions.poll()
        found = self._read(batch, Way.POLL)
        await self.take(found)
        if found:
            await self._check_queue(found)
        if batch.report_id:
            await self._ack(batch)
        await self._write(
            partial(reports.polled, account=self._account.id, now=self._account.world.now(), empty=not found)
        )
        if found and not batch.report_id:
            raise Stopped(
                said(
                    "the API gave reports without an id by which to acknowledge them: they are stored, and would come again "
                    "for ever; ask the vendor"
                ),
                reason="no_report_id",
            )
        return bool(batch.report_id)

    def _read(self, batch: Batch, way: Way) -> list[Report]:
        now = self._account.world.now()
        return [read_report(raw, source=way, proven=True, received_at=now) for raw in batch.reports]

    async def _ack(self, batch: Batch) -> None:
        if not usable_report_id(batch.report_id):
            raise Stopped(
                said(
                    "the API gave a report id that cannot stand in a URL, so its reports are stored and not acknowledged; "
                    "ask the vendor"
                ),
                reason="bad_report_id",
            )
        if not await self._questions.ack(batch.report_id):
            logger.debug("a batch was acknowledged before", extra={"event": "acked_before"})
        self.counts.batches += 1
        await self._write(partial(reports.acked, account=self._account.id))

    async def _check_queue(self, found: Sequence[Report]) -> None:
        """The first batch tells whether this queue is ours: emptying another system's would rob it of its reports."""
        account = self._account.id
        queue = await self._write(lambda tx: reports.queue_of(tx.db, account))
        if queue.own:
            return
        foreign = await self._write(lambda tx: reports.count_foreign(tx.db, account, found))
        if foreign * 2 > len(found):
            raise Refused(
                said(
                    "{foreign} of the first {found} reports are not of messages that this ledger sent, so another "
                    "system seems to live on this account's queue, and nothing was acknowledged. If it may be emptied here, "
                    "say so once: omni-bulk reports --poll --own-queue. Else collect there, and join with --import FILE",
                    foreign=foreign,
                    found=len(found),
                )
            )
        await self.own_queue()

    async def own_queue(self) -> None:
        """The operator says that this account's queue is ours to empty. Said once, it is remembered."""
        await self._write(partial(reports.own_queue, account=self._account.id))

    # ── taking in ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def take(self, found: Sequence[Report]) -> None:
        """Stores reports, files them, joins them, and settles what they prove. They are on the disk when it returns."""
        await self._take([reports.row_of(one) for one in found], BLOCK)

    async def _take(self, rows: Sequence[Row], block: int) -> None:
        async with self._one_at_a_time:
            await self._learn_keys()
            for start in range(0, len(rows), block):
                operation = partial(reports.store, account=self._account.id, rows=rows[start : start + block])
                stored: Stored = await self._write(operation)
                self.counts.collected += stored.fresh
                self.counts.joined += stored.joined
                self.counts.duplicates += stored.duplicates
            await self._file()
            while await self._judge():
                pass

    async def _learn_keys(self) -> None:
        for campaign, seq in await self._write(lambda tx: reports.behind(tx.db)):
            after, last = -1, seq
            while last > after:
                after = last
                last = await self._write(partial(reports.catch_up, campaign=campaign, after=after))

    async def _file(self) -> None:
        """Appends to ``reports.jsonl`` what is stored and not there yet."""
        if self._out is None:
            return
        account = self._account.id
        while block := await self._write(lambda tx: reports.after(tx.db, account, self._filed)):
            await asyncio.to_thread(self._out.append, [report_line(report) for report in block])
            self._filed = block[-1].id
            await self._write(partial(reports.filed, account=account, last=self._filed))

    async def _judge(self) -> bool:
        """One look at everything that is not judged for good. True when a message was settled: others may follow."""
        after, settled = 0, list[int]()
        while judged := await self._write(partial(_judge_block, account=self._account, after=after)):
            after = judged[-1][0].id
            proofs = [(one, told) for one, told in judged if told.settles]
            lost: set[int] = set()
            if proofs:
                lost = await self._account.ledger.write(partial(_settle, proofs=proofs))
                settled += [told.message for one, told in proofs if told.message is not None and one.id not in lost]
            sure = [(one, told) for one, told in judged if one.id not in lost]
            await self._file_foreign(sure)
            await self._write(partial(reports.pronounce, account=self._account.id, judged=sure))
            self._count(sure)
        self.counts.settled += len(settled)
        if settled:
            await asyncio.to_thread(self._projection.bring_up_to_date, settled)
        return bool(settled)

    async def _file_foreign(self, judged: Iterable[tuple[Report, Judgement]]) -> None:
        if self._foreign is None:
            return
        lines = [
            (one.id, report_line(one, collectedAs=told.whose, collectedReason=told.reason))
            for one, told in judged
            if told.whose in _STRANGE and not _again(one) and one.id not in self._foreign.tail
        ]
        await asyncio.to_thread(self._foreign.append, [line for _, line in lines])

    def _count(self, judged: Iterable[tuple[Report, Judgement]]) -> None:
        new = Counter(told.whose for one, told in judged if one.whose is not told.whose and not _again(one))
        self.counts.joined += new[Whose.JOINED] + new[Whose.DOUBLE]
        self.counts.doubles += new[Whose.DOUBLE]
        self.counts.foreign += new[Whose.FOREIGN]
        self.counts.unmatched += new[Whose.UNMATCHED]

    # ── asking about single messages ──────────────────────────────────────────────────────────────────────────────

    async def inquire(self, campaign: int, *, silent_for: float, dlr: bool = False, rate: float = INQUIRY_RATE) -> None:
        """Asks about the campaign's accepted messages that have no report after `silent_for` seconds (with `dlr`: not
        both), up to 30 days back, `rate` a second. Broken off, the next call goes on with those not asked about.
        """
        now, after = self._account.world.now(), 0
        how: dict[str, Any] = {
            "claimed_from": now - INQUIRY_AFTER, "claimed_to": now - round(silent_for * 1000),
            "asked_before": now - ASK_AGAIN, "least": 2 if dlr else 1,
        }  # fmt: skip
        await self.confirm(rate=rate)
        while block := await self._write(
            lambda tx: reports.silent(tx.db, campaign, after=after, **how)  # noqa: B023  called before `after` moves on
        ):
            for message, msg_key in block:
                if self._over.is_set():
                    return
                found = await self._ask_about(msg_key)
                await self._write(partial(reports.asked, message=message, now=self._account.world.now(), found=found))
                await self._rest(1 / rate)
            after = block[-1][0]

    async def confirm(self, *, rate: float = INQUIRY_RATE) -> None:
        """Asks the API about msgKeys that only an unauthenticated webhook has named, and that would settle an unknown."""
        for msg_key in await self._write(lambda tx: reports.hints(tx.db, self._account.id)):
            if self._over.is_set():
                return
            await self._ask_about(msg_key)
            await self._rest(1 / rate)

    async def _ask_about(self, msg_key: str) -> int:
        batch = await self._questions.inquire(msg_key)
        found = [report for report in self._read(batch, Way.INQUIRY) if report.msg_key == msg_key]
        self.counts.inquired += 1
        await self.take(found)
        return len(found)

    # ── what others collected ─────────────────────────────────────────────────────────────────────────────────────

    async def take_all(self, raws: Iterable[object]) -> None:
        """Takes in reports that another system collected, as the operator vouches for. `raws` is read in a thread; what
        comes before an exception that it raises is taken in.
        """
        reading = iter(raws)
        while await self._take_some(reading):
            pass

    async def _take_some(self, reading: Iterator[object]) -> bool:
        # Not read ahead: two threads at work hand the interpreter to and fro at every row, and both are slower for it.
        chunk, error = await asyncio.to_thread(_some, reading, self._account.world.now())
        await self._take(chunk, WIDE)
        if error is not None:
            raise error
        return bool(chunk)

    # ── by webhook ────────────────────────────────────────────────────────────────────────────────────────────────

    async def receive(self, raws: Sequence[object], *, proven: bool) -> None:
        """Takes in what a webhook was given."""
        now = self._account.world.now()
        await self.take([read_report(raw, source=Way.WEBHOOK, proven=proven, received_at=now) for raw in raws])
        await self._write(partial(reports.pushed, account=self._account.id, now=now))


def _again(report: Report) -> bool:
    """Whether it was judged before, and is judged anew because a copy of it came."""
    return report.whose is None and report.reason is not None


def _some(reading: Iterator[object], now: int) -> tuple[list[Row], Exception | None]:
    """The next `CHUNK` reports in the order of their keys, which is that of their times: so what is written together
    goes to the same pages of the indexes. (In the order of a shuffled file each report wrote two pages of its own.)
    And what ended the reading too early.
    """
    rows: list[Row] = []
    error: Exception | None = None
    try:
        for raw in islice(reading, CHUNK):
            rows.append(reports.row_of(read_report(raw, source=Way.IMPORT, proven=True, received_at=now)))  # noqa: PERF401  kept when it breaks off
    except Exception as ended:  # noqa: BLE001  the caller raises it, once the rest is stored
        error = ended
    rows.sort(key=itemgetter(0))
    return rows, error


def _judge_block(tx: Transaction, account: Account, after: int) -> list[tuple[Report, Judgement]]:
    found = reports.open_reports_of(tx.db, account.id, after)
    if not found:
        return []
    # Keys and messages of one moment: an answer recorded between two looks would make its own report a double.
    for campaign, seq in reports.behind(tx.db):
        after_line, last = -1, seq
        while last > after_line:
            after_line, last = last, reports.catch_up(tx, campaign, last)
    search = Searcher(tx.db, account.id, account.ledger.key)
    ours = reports.bearers(tx.db, account.id, {report.msg_key for report in found})
    return [(report, judge(report, ours.get(report.msg_key), search(report))) for report in found]


def _settle(tx: Transaction, proofs: Sequence[tuple[Report, Judgement]]) -> set[int]:
    """Settles in the ledger; gives the ids of reports whose message had moved on, which are judged again."""
    return {
        report.id
        for report, told in proofs
        if told.message is not None and settling.accept(tx, told.message, report.msg_key) is None
    }
