"""The ledger's one writer: a thread that commits what has gathered while the last commit was on its way to the disk.

Every operation is a function of the open transaction. Its future resolves after the commit that holds it, in the order
of submission, so "durable before it happens" is: await the future, then act.

Operations that follow each other and have the same `kin` (see `Kin`) are done at once, with a statement for all of them
in place of several for each. If that fails, the transaction is begun anew and each goes alone, so that only the one to
blame fails.
"""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from time import monotonic
from typing import Any, TypeVar

from omni_bulk.errors import LedgerError, OmniBulkError
from omni_bulk.ledger.schema import ledger_error
from omni_bulk.ledger.till import Till
from omni_bulk.model import Result
from omni_bulk.sentences import said

# A commit costs 140 µs in the kernel alone, whatever is in it. So they are so far apart, unless it is for a company: a
# claim after a quiet moment goes at once, and in a stream those of 10 ms go together. Half of the usual 64 workers are
# company, so that not all of them ever wait for the disk at the same time.
SPACING = 0.01  # s
COMPANY = 32  # messages
CHECKPOINT_EVERY = 5_000  # operations, about 16 MiB of WAL, after which the writer copies it into the file


@dataclass(slots=True)
class Transaction:
    """What an operation works with: the connection, what is spent, and the lines it wrote, for whoever follows the
    campaign. `weight`: for how many operations its writes count, where they are more than those made.
    """

    db: sqlite3.Connection
    till: Till = field(default_factory=Till)
    lines: list[tuple[int, Result, bytes]] = field(default_factory=list)
    committed: bool = False
    weight: int = 0


T = TypeVar("T")
Operation = Callable[[Transaction], Any]
Kin = tuple[Callable[[Transaction, list[Any]], list[Any]], int]
"""What does several operations at once, giving their outcomes in order, and for which campaign."""
Follower = Callable[[list[tuple[Result, bytes]]], None]
Batch = list[tuple[Operation, asyncio.Future[Any]]]
Outcomes = list[tuple[asyncio.Future[Any], Any]]


class Writer:
    """Group commit. `submit` from the event loop; operations run in the writer's thread, in order."""

    def __init__(
        self,
        db: sqlite3.Connection,
        loop: asyncio.AbstractEventLoop,
        till: Till | None = None,
        *,
        checkpoint_every: int | None = None,
    ) -> None:
        self._db = db
        self._till = till or Till()
        self._checkpoint_every = checkpoint_every
        self._loop = loop
        self._followers: dict[int, Follower] = {}
        self._pending: Batch = []
        self._wanted_at: float | None = None  # monotonic time by which the pending operations should be committed
        self._condition = threading.Condition()
        self._telling = threading.Lock()
        self._closing = False
        self.failure: LedgerError | None = None
        self.commits = 0
        self._began = -SPACING  # the last commit, in monotonic seconds
        self._waiting = 0  # messages in the pending operations
        self._since_checkpoint = 0
        self._alone = False  # something of this batch failed: each operation goes alone
        self._thread = threading.Thread(target=self._run, name="omni-bulk-ledger", daemon=True)
        self._thread.start()

    def follow(self, campaign: int, follower: Follower | None) -> None:
        """`follower` gets the lines of this campaign after each commit, in the writer's thread, before any future.

        With None nobody does: when this returns, the last follower is not at work any more and may be closed.
        """
        with self._telling:
            if follower is None:
                self._followers.pop(campaign, None)
            else:
                self._followers[campaign] = follower

    def submit(self, operation: Operation, *, patient: bool = False, messages: int = 1) -> asyncio.Future[Any]:
        """Queue an operation about so many messages; `patient` ones always wait for company.

        Raises LedgerError through the future.
        """
        future: asyncio.Future[Any] = self._loop.create_future()
        with self._condition:
            if self._closing:
                _resolve([(future, LedgerError(said("the ledger is closed")))])
                return future
            self._pending.append((operation, future))
            self._waiting += messages
            wanted = monotonic() if patient else self._began
            if self._waiting < COMPANY:
                wanted += SPACING
            if self._wanted_at is None or wanted < self._wanted_at:
                self._wanted_at = wanted
                self._condition.notify()
        return future

    def close(self) -> None:
        """Commit what is pending, checkpoint and stop the thread. Blocks for as long as the disk takes."""
        with self._condition:
            self._closing = True
            self._condition.notify()
        self._thread.join()

    def _run(self) -> None:
        while batch := self._gather():
            outcomes = self._commit(batch)
            self._hand_over(outcomes)
        if self.failure is None:
            self._checkpoint("TRUNCATE")
        self._db.close()

    def _gather(self) -> Batch:
        with self._condition:
            while not self._closing:
                if self._wanted_at is None:
                    self._condition.wait()
                elif (left := self._wanted_at - monotonic()) > 0:
                    self._condition.wait(left)
                else:
                    break
            batch, self._pending = self._pending, []
            self._wanted_at = None
            self._began, self._waiting = monotonic(), 0
            return batch

    def _commit(self, batch: Batch) -> Outcomes:
        """All in one transaction, and what fails alone left out of it: what is in flight is to be recorded if at all
        possible. A commit that fails is tried once more, because without the claims, which then refuse themselves, the
        rest may fit.
        """
        failed: dict[asyncio.Future[Any], BaseException] = {}
        self._alone = False
        tries = 2
        while tries and len(failed) < len(batch):
            transaction = Transaction(self._db, self._till)
            try:
                self._begin()
            except Exception as error:  # noqa: BLE001  nothing of this batch is to blame
                self._fail(error)
                break
            outcomes = self._operate(batch, transaction, failed)
            if outcomes is None:
                continue
            try:
                self._db.execute("COMMIT")
            except Exception as error:  # noqa: BLE001  whatever it was, nothing is written
                self._fail(error)
                tries -= 1
            else:
                self._committed(transaction, len(batch))
                return [*outcomes, *failed.items()]
        with suppress(sqlite3.Error):  # the error that led here is the one to tell
            self._roll_back()
        return [(future, failed.get(future, self.failure)) for _, future in batch]

    def _operate(
        self, batch: Batch, transaction: Transaction, failed: dict[asyncio.Future[Any], BaseException]
    ) -> Outcomes | None:
        """Runs what has not failed before; None when something did now, and the transaction is of no use."""
        outcomes: Outcomes = []
        left = [(operation, future) for operation, future in batch if future not in failed]
        for kin, group in groupby(left, key=_by_itself if self._alone else _kin):
            pairs = list(group)
            if kin is not None and len(pairs) > 1:
                try:
                    done = kin[0](transaction, [operation for operation, _ in pairs])
                except Exception:  # noqa: BLE001  whose it was shows when each goes alone
                    self._alone = True
                    return None
                outcomes += zip([future for _, future in pairs], done, strict=True)
                continue
            for operation, future in pairs:
                try:
                    outcomes.append((future, operation(transaction)))
                except Exception as error:  # noqa: BLE001  the outcome of this operation alone
                    failed[future] = self._fail(error)
                    self._alone = True
                    return None
        return outcomes

    def _begin(self) -> None:
        self._roll_back()
        self._db.execute("BEGIN IMMEDIATE")

    def _roll_back(self) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")

    def _fail(self, error: Exception) -> BaseException:
        """I/O trouble becomes LedgerError and closes the gate; a bug closes it too, and stays what it is.

        A refusal (an error of our own) is the answer to one operation, and nobody else's business.
        """
        if isinstance(error, OmniBulkError):
            return error
        if isinstance(error, sqlite3.Error | OSError):
            self.failure = self.failure or ledger_error(error, "the ledger could not be written")
            return self.failure
        if self.failure is None:
            self.failure = LedgerError(said("the ledger stopped after an internal error"))
            self.failure.__cause__ = error
        return error

    def _committed(self, transaction: Transaction, operations: int) -> None:
        self.commits += 1
        transaction.committed = True
        self._tell_followers(transaction)
        self._since_checkpoint += max(operations, transaction.weight)
        if self._since_checkpoint >= (self._checkpoint_every or CHECKPOINT_EVERY):
            self._checkpoint("PASSIVE")

    def _tell_followers(self, transaction: Transaction) -> None:
        by_campaign: dict[int, list[tuple[Result, bytes]]] = {}
        for campaign, result, line in transaction.lines:
            by_campaign.setdefault(campaign, []).append((result, line))
        with self._telling:
            for campaign, lines in by_campaign.items():
                follower = self._followers.get(campaign)
                if follower is None:
                    continue
                try:
                    follower(lines)
                except Exception as error:  # noqa: BLE001  whatever it was, this thread must go on recording
                    self.failure = self.failure or ledger_error(error, "the results file could not be written")

    def _checkpoint(self, mode: str) -> None:
        self._since_checkpoint = 0
        try:
            self._db.execute(f"PRAGMA main.wal_checkpoint({mode})")  # a reader in its way is no error: later, then
        except sqlite3.Error as error:
            self.failure = self.failure or ledger_error(error, "the ledger could not be written")

    def _hand_over(self, outcomes: Outcomes) -> None:
        try:
            self._loop.call_soon_threadsafe(_resolve, outcomes)
        except RuntimeError:
            return  # the loop is closed: nobody waits any more, and what was committed stays committed


def _kin(pair: tuple[Operation, asyncio.Future[Any]]) -> Kin | None:
    return getattr(pair[0], "kin", None)


def _by_itself(_: tuple[Operation, asyncio.Future[Any]]) -> None:
    return None


def _resolve(outcomes: Outcomes) -> None:
    for future, outcome in outcomes:
        if future.done():
            continue  # its waiter was cancelled
        if isinstance(outcome, BaseException):
            future.set_exception(outcome)
            future.exception()  # a release may have nobody who awaits it; `failure` keeps what matters
        else:
            future.set_result(outcome)


async def committed(write: asyncio.Future[T]) -> T:
    """The outcome of a commit, awaited also through a cancellation: that is raised when the disk has answered, not before.

    All who wait in this way go on in the order of what they submitted; who awaits the future itself overtakes them.
    """
    cancelled: asyncio.CancelledError | None = None
    while not write.done():
        try:
            # Not `asyncio.wait`, which takes 8 µs; and awaiting it would cancel it.
            told = asyncio.get_running_loop().create_future()
            write.add_done_callback(partial(_tell, told))
            await told
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
    return write.result()


def _tell(told: asyncio.Future[None], _: object) -> None:
    if not told.done():
        told.set_result(None)
