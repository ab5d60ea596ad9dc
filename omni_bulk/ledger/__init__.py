"""The ledger: the durable truth about who was sent what. SQLite in WAL mode, one writer thread, group commit.

Every coroutine here returns after the commit that holds its change. Errors: `SettingsError` when the file cannot be
opened, `LedgerError` when it cannot be written; after the first failed commit nothing more can be claimed.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

from omni_bulk.errors import LedgerError, Stopped
from omni_bulk.ledger import admission, book
from omni_bulk.ledger.admission import Admitted, Admitter, Single
from omni_bulk.ledger.bars import Bars
from omni_bulk.ledger.leases import Lease, Part
from omni_bulk.ledger.schema import glance, ledger_key, no_ledger, open_ledger, read_ledger, scratch
from omni_bulk.ledger.till import Till
from omni_bulk.ledger.writer import Follower, Transaction, Writer, committed
from omni_bulk.model import CampaignRow, Entry, Result
from omni_bulk.sentences import said

__all__ = [
    "Admitted", "Admitter", "Bars", "Glance", "Lease", "Ledger", "Part", "Single", "Till", "Transaction", "admission", "book", "committed",
    "no_ledger", "read_ledger", "scratch",
]  # fmt: skip

T = TypeVar("T")
NOTHING: Mapping[str, object] = {}


class Glance:
    """A ledger that is only looked at, in one thread: as it is, or an empty one where there is none.

    `there` says which. Raises SettingsError for a file that is no ledger.
    """

    def __init__(self, path: Path) -> None:
        found = glance(path)
        self.there = found is not None
        self._db = scratch() if found is None else found
        self.key = ledger_key(self._db)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The one connection, which only reads. It stays open until `close`."""
        yield self._db

    def close(self) -> None:
        self._db.close()


class Ledger:
    """One open ledger of one process. Use `await Ledger.open(path)`, and `await ledger.close()` when done."""

    def __init__(self, path: Path, db: sqlite3.Connection, loop: asyncio.AbstractEventLoop) -> None:
        self.path = path
        self.key = ledger_key(db)
        self.bars = Bars(self.key)
        self.till = Till()
        self._writer = Writer(db, loop, self.till)

    @classmethod
    async def open(cls, path: Path, *, create: bool = True) -> "Ledger":
        """Opens the file, creating it when `create`. Raises SettingsError."""
        db = await asyncio.to_thread(open_ledger, path, create=create)
        return cls(path, db, asyncio.get_running_loop())

    async def close(self) -> None:
        """Commits what is pending, and closes. Safe to call twice."""
        await asyncio.to_thread(self._writer.close)

    @property
    def failure(self) -> Exception | None:
        """The first error of writing, None while all is well."""
        return self._writer.failure

    @property
    def commits(self) -> int:
        return self._writer.commits

    async def write(self, operation: Callable[[Transaction], T]) -> T:
        """Runs one operation of `book` in the next commit."""
        return await self._writer.submit(operation)  # type: ignore[no-any-return]

    def renew(self, lease: Lease, wants: float, *, patient: bool) -> "asyncio.Future[Part]":
        """The part of the account's rate that this process has from now on; `patient` goes along with other commits."""
        return self._writer.submit(partial(lease.renew, wants=wants), patient=patient)

    def give_back(self, lease: Lease) -> "asyncio.Future[None]":
        """Nothing is sent here at the moment: the part of the rate that this process has is the others'."""
        return self._writer.submit(lease.give_back, patient=True)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A read-only connection of its own, for use in one thread. Raises SettingsError, or LedgerError if it is gone."""
        db = read_ledger(self.path)
        if db is None:
            raise LedgerError(
                said(
                    "the ledger {path} was removed while it was in use: put it back before anything is sent again",
                    path=self.path,
                )
            )
        with closing(db):
            yield db

    def follow(self, campaign: CampaignRow, follower: Follower | None) -> None:
        """`follower` gets every new line of the campaign, in the writer's thread, after its commit."""
        self._writer.follow(campaign.id, follower)

    async def admit(self, admitter: Admitter, entries: Sequence[Entry]) -> list[Admitted]:
        """The decision about each entry; what is settled with them is told in the order of its `seq`."""
        write: asyncio.Future[list[Admitted]] = self._writer.submit(partial(_admit, admitter, entries))
        return await committed(write)

    def claim(self, messages: Sequence[int], now: int) -> "asyncio.Future[Mapping[int, str | Stopped]]":
        """Durable before the future resolves. Refused with LedgerError once anything could not be written.

        Gives the messages that were not claimed, and why: the slug of a bar (`bars`), or the stop of a bound on money.
        """
        return self._writer.submit(partial(self._claim, messages=messages, now=now), messages=len(messages))

    def _claim(self, tx: Transaction, messages: Sequence[int], now: int) -> Mapping[int, str | Stopped]:
        if self._writer.failure is not None:
            raise self._writer.failure
        return book.claim(tx, messages, now, self.bars)

    def release(self, message: int, attempts: int) -> "asyncio.Future[None]":
        return self._writer.submit(partial(book.release, message=message, attempts=attempts))

    def take_back(self, message: int) -> "asyncio.Future[None]":
        """Releases a claim whose message was never posted; the attempts made before stay counted."""
        return self._writer.submit(partial(book.take_back, message=message))

    def settle(
        self, campaign: CampaignRow, message: int, draft: Result, outcome: Mapping[str, object] = NOTHING
    ) -> "asyncio.Future[Result]":
        """The result as written: `draft` with the fields of `outcome` and its `seq`. May wait 10 ms for company."""
        return self._writer.submit(book.Settle(campaign.id, message, draft, outcome), patient=True)


def _admit(admitter: Admitter, entries: Sequence[Entry], tx: Transaction) -> list[Admitted]:
    return admitter.admit(tx, entries)
