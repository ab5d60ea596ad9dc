"""What everything sent under one account shares: one token, one connection pool, one pace, one ledger."""

import asyncio
import logging
import os
import random
import socket
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType
from typing import Self
from uuid import uuid4

from omni_bulk.auth import Tokens
from omni_bulk.client import Client, Endpoint
from omni_bulk.cost import Budget, Prices
from omni_bulk.gate import Gate
from omni_bulk.hooks import Attempt, Hub, Pause
from omni_bulk.ledger import Lease, Ledger, Transaction, book
from omni_bulk.lock import OwnerLock
from omni_bulk.model import Result, Verdict
from omni_bulk.sharing import Sharing
from omni_bulk.worker import Job, Worker

logger = logging.getLogger("omni_bulk")


@dataclass(frozen=True, slots=True)
class World:
    """Clock, sleep and chance, so that tests can run years in milliseconds. `epoch` is seconds since 1970."""

    clock: Callable[[], float] = time.monotonic
    epoch: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[None]] = field(default=asyncio.sleep)
    draw: Callable[[], float] = random.random

    def now(self) -> int:
        """Milliseconds since 1970."""
        return round(self.epoch() * 1000)


def log_unrecorded(result: Result) -> None:
    """The last resort for a result that no disk would take: the log, without number and text."""
    extra = {"event": "unrecorded", **unrecorded_fields(result)}
    logger.error("a result could not be recorded: %s", unrecorded_fields(result), extra=extra)


def unrecorded_fields(result: Result) -> dict[str, object]:
    """What may be printed of a result: enough to settle it by hand, no number and no text."""
    return {
        "ref": result.ref,
        "row": result.row,
        "status": str(result.status),
        "code": result.code,
        "msgKey": result.msg_key,
    }


class Account:
    """Async context manager. `client_id` and `origin` keep accounts apart in the ledger."""

    def __init__(
        self,
        endpoint: Endpoint,
        ledger: Ledger,
        *,
        origin: str,
        rate: float,
        workers: int,
        drain: float,
        world: World | None = None,
        unrecorded: Callable[[Result], None] = log_unrecorded,
        prices: Prices | None = None,
        budget: Budget | None = None,
    ) -> None:
        self.prices = prices
        self.budget = budget
        self.client_id = endpoint.client_id
        self.origin = origin
        self.rate = rate
        self.workers = workers
        self.drain = drain
        self.world = world or World()
        self.ledger = ledger
        self.id = 0
        self.pid = os.getpid()
        self.host = socket.gethostname()
        self.owner = str(uuid4())
        self._owner_lock = OwnerLock(ledger.path, self.owner)
        self._stack = AsyncExitStack()
        self._client = Client(endpoint)
        world = self.world
        self.tokens = Tokens(
            self._client.fetch_token, clock=world.clock, epoch=world.epoch, sleep=world.sleep, draw=world.draw
        )
        self.gate = Gate(
            rate,
            claim=lambda messages: ledger.claim(messages, world.now()),
            release=ledger.take_back,
            clock=world.clock,
            sleep=world.sleep,
            in_flight=lambda: self.worker.in_flight,
        )
        self.sharing: Sharing | None = None  # while it is open
        self.worker = Worker(
            self._client,
            self.tokens,
            self.gate,
            ledger,
            epoch=world.epoch,
            sleep=world.sleep,
            draw=world.draw,
            unrecorded=unrecorded,
        )
        self.hooks = Hub()
        self.worker.attempted = self._attempted
        self.gate.paused = lambda cause, seconds: self.hooks.pause(Pause(cause, seconds))

    def _attempted(self, job: Job, verdict: Verdict) -> None:
        if self.hooks:
            self.hooks.attempt(
                Attempt(
                    str(job.draft.ref), job.campaign.uuid, job.campaign.name, job.message.country, verdict.kind,
                    verdict.code, verdict.reason, job.attempts, job.latency_ms,
                )
            )  # fmt: skip

    async def __aenter__(self) -> Self:
        self.id = await self.ledger.write(partial(_make_account, client_id=self.client_id, origin=self.origin))
        self.ledger.till.open(self.id, self.prices, self.budget)
        await self._stack.enter_async_context(self._client)
        self._stack.push_async_callback(self.tokens.close)
        lease = Lease(self.id, self.owner, self.pid, self.rate, self.world.now)
        self.sharing = Sharing(self.gate, self.ledger, lease, self.world.clock)
        self._stack.push_async_callback(_end, asyncio.create_task(self.sharing.run(), name="omni-bulk-share"))
        self._stack.push_async_callback(_end, asyncio.create_task(self.gate.run(), name="omni-bulk-pace"))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._stack.aclose()
        if self._owner_lock.held:
            await asyncio.to_thread(self._owner_lock.release)

    @property
    def client(self) -> Client:
        """The connections to the API."""
        return self._client

    def counts(self) -> tuple[int, int]:
        """Posts so far, and the A020 among their answers."""
        return self.worker.posts, self.gate.throttled

    async def show_life(self) -> str:
        """The owner id under which this process claims single messages; others see by its lock that it lives."""
        if not self._owner_lock.held:
            await asyncio.to_thread(self._owner_lock.acquire)
        return self.owner


async def _end(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)  # an error of it has reached all who waited


def _make_account(tx: Transaction, client_id: str, origin: str) -> int:
    return book.make_account(tx, client_id, origin)
