"""The ledger's one writer: a thread that commits what has gathered while the last commit was on its way to the disk.

Every operation is a function of the open transaction. Its future resolves after the commit that holds it, in the order
of submission, so "durable before it happens" is: await the future, then act.
"""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from omni_bulk.errors import LedgerError
from omni_bulk.ledger.schema import ledger_error
from omni_bulk.model import Result

LINGER = 0.02  # s a result may wait for company; claims never wait
CHECKPOINT_EVERY = 5_000  # operations, about 16 MiB of WAL, after which the writer copies it into the file


@dataclass(slots=True)
class Transaction:
    """What an operation works with: the connection, and the lines it wrote, for whoever follows the campaign."""

    db: sqlite3.Connection
    lines: list[tuple[int, Result, bytes]] = field(default_factory=list)


Operation = Callable[[Transaction], Any]
Follower = Callable[[list[tuple[Result, bytes]]], None]


class Writer:
    """Group commit. `submit` from the event loop; operations run in the writer's thread, in order."""

    def __init__(self, db: sqlite3.Connection, loop: asyncio.AbstractEventLoop) -> None:
        self._db = db
        self._loop = loop
        self._followers: dict[int, Follower] = {}
        self._pending: list[tuple[Operation, asyncio.Future[Any]]] = []
        self._wanted_at: float | None = None  # monotonic time by which the pending operations should be committed
        self._condition = threading.Condition()
        self._closing = False
        self.failure: LedgerError | None = None
        self.commits = 0
        self._since_checkpoint = 0
        self._thread = threading.Thread(target=self._run, name="omni-bulk-ledger", daemon=True)
        self._thread.start()

    def follow(self, campaign: int, follower: Follower | None) -> None:
        """`follower` gets the lines of this campaign after each commit, in the writer's thread, before any future."""
        with self._condition:
            if follower is None:
                self._followers.pop(campaign, None)
            else:
                self._followers[campaign] = follower

    def submit(self, operation: Operation, *, patient: bool = False) -> asyncio.Future[Any]:
        """Queue an operation. `patient` ones may linger for company. Raises LedgerError through the future."""
        future: asyncio.Future[Any] = self._loop.create_future()
        with self._condition:
            if self._closing:
                future.set_exception(LedgerError("the ledger is closed"))
                return future
            self._pending.append((operation, future))
            wanted = monotonic() + LINGER if patient else 0.0
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

    def _gather(self) -> list[tuple[Operation, asyncio.Future[Any]]]:
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
            return batch

    def _commit(self, batch: list[tuple[Operation, asyncio.Future[Any]]]) -> list[tuple[asyncio.Future[Any], Any]]:
        transaction = Transaction(self._db)
        outcomes: list[tuple[asyncio.Future[Any], Any]] = []
        try:
            self._db.execute("BEGIN IMMEDIATE")
            for operation, future in batch:
                outcomes.append((future, operation(transaction)))
            self._db.execute("COMMIT")
        except Exception as error:  # noqa: BLE001  whatever it was, nothing of this batch counts as written
            self._roll_back()
            wrapped = self._fail(error)
            return [(future, wrapped) for _, future in batch]
        self.commits += 1
        self._tell_followers(transaction)
        self._since_checkpoint += len(batch)
        if self._since_checkpoint >= CHECKPOINT_EVERY:
            self._checkpoint("PASSIVE")
        return outcomes

    def _roll_back(self) -> None:
        try:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
        except sqlite3.Error:
            return  # the failure that led here is the one to report

    def _fail(self, error: Exception) -> BaseException:
        """I/O trouble becomes LedgerError and closes the gate; a bug stays what it is, with its traceback."""
        if not isinstance(error, sqlite3.Error | OSError):
            self.failure = self.failure or LedgerError("the ledger stopped after an internal error")
            return error
        self.failure = self.failure or ledger_error(error, "the ledger could not be written")
        return self.failure

    def _tell_followers(self, transaction: Transaction) -> None:
        by_campaign: dict[int, list[tuple[Result, bytes]]] = {}
        for campaign, result, line in transaction.lines:
            by_campaign.setdefault(campaign, []).append((result, line))
        for campaign, lines in by_campaign.items():
            follower = self._followers.get(campaign)
            if follower is None:
                continue
            try:
                follower(lines)
            except OSError as error:
                self.failure = self.failure or ledger_error(error, "the results file could not be written")

    def _checkpoint(self, mode: str) -> None:
        self._since_checkpoint = 0
        try:
            self._db.execute(f"PRAGMA wal_checkpoint({mode})")
        except sqlite3.Error as error:
            self.failure = self.failure or ledger_error(error, "the ledger could not be written")

    def _hand_over(self, outcomes: list[tuple[asyncio.Future[Any], Any]]) -> None:
        try:
            self._loop.call_soon_threadsafe(_resolve, outcomes)
        except RuntimeError:
            return  # the loop is closed: nobody waits any more, and what was committed stays committed


def _resolve(outcomes: list[tuple[asyncio.Future[Any], Any]]) -> None:
    for future, outcome in outcomes:
        if future.done():
            continue  # its waiter was cancelled
        if isinstance(outcome, BaseException):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)
