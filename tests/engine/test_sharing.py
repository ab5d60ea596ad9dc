"""Two processes on one ledger, played in one: each has its gate, and asks the ledger for its part of the rate."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from omni_bulk import sharing as module
from omni_bulk.errors import LedgerError
from omni_bulk.gate import Gate
from omni_bulk.ledger import Lease, Ledger
from omni_bulk.ledger.leases import LIFE
from omni_bulk.sharing import Sharing
from tests.engine.fakes import DISK_FULL, Book

RATE = 400.0
NUMBERS = itertools.count()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in (("LOOK", 0.02), ("LOOK_SOON", 0.01), ("IDLE", 0.2)):
        monkeypatch.setattr(module, name, seconds)


class Process:
    """One process, as far as the rate goes. `shift` is how wrong its clock is, in ms."""

    def __init__(self, ledger: Ledger, name: str) -> None:
        self.shift = 0
        book = Book()
        self.gate = Gate(RATE, claim=book.claim, release=book.take_back, clock=time.monotonic, sleep=asyncio.sleep)
        lease = Lease(1, name, 1, RATE, lambda: round(time.time() * 1000) + self.shift)
        self.sharing = Sharing(self.gate, ledger, lease, time.monotonic)
        self.busy: list[asyncio.Task[bool]] = []

    async def passes(self) -> None:
        await asyncio.wait_for(self.gate.enter(next(NUMBERS)), 10)

    def send(self, number: int) -> None:
        self.busy += [asyncio.create_task(self.gate.enter(next(NUMBERS))) for _ in range(number)]

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Process"]:
        tasks = [asyncio.create_task(self.gate.run()), asyncio.create_task(self.sharing.run())]
        try:
            yield self
        finally:
            for task in (*tasks, *self.busy):
                task.cancel()
            await asyncio.gather(*tasks, *self.busy, return_exceptions=True)


@pytest.fixture
async def ledger() -> AsyncIterator[Ledger]:
    ledger = await Ledger.open(Path("ledger.db"))
    yield ledger
    await ledger.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.002)


async def test_who_is_alone_has_the_whole_rate_at_once(ledger: Ledger) -> None:
    async with Process(ledger, "a").running() as a:
        assert a.gate.share == 0.0
        await a.passes()
        await a.passes()
        assert a.gate.share == 1.0
        assert a.sharing.of == 1


async def test_who_is_idle_gives_back_and_writes_nothing_more(ledger: Ledger) -> None:
    async with Process(ledger, "a").running() as a:
        await a.passes()
        await until(lambda: a.gate.share == 1.0)
        await until(lambda: a.gate.share == 0.0)
        await ledger.write(lambda _: None)
        commits = ledger.commits
        await asyncio.sleep(0.1)
        assert ledger.commits == commits
        async with Process(ledger, "b").running() as b:
            await b.passes()
            await until(lambda: b.gate.share == 1.0)
        await a.passes()  # and it is there again when a message comes


async def test_two_that_send_have_half_each_and_one_that_ends_leaves_all_to_the_other(ledger: Ledger) -> None:
    async with Process(ledger, "a").running() as a:
        a.send(2000)
        await until(lambda: a.gate.share == 1.0)
        async with Process(ledger, "b").running() as b:
            b.send(2000)
            await until(lambda: b.gate.share == pytest.approx(0.5, abs=0.02))
            assert a.gate.share == pytest.approx(0.5, abs=0.02)
            assert a.sharing.of == a.sharing.most == b.sharing.of == 2
        await until(lambda: a.gate.share == 1.0)
        assert (a.sharing.of, a.sharing.most) == (1, 2)


async def test_one_that_gives_no_sign_of_life_is_gone_for_the_other(ledger: Ledger) -> None:
    async with Process(ledger, "a").running() as a, Process(ledger, "b").running() as b:
        a.send(2000)
        b.send(2000)
        await until(lambda: b.sharing.of == 2)
        b.shift = LIFE + 500
        await until(lambda: b.gate.share == 1.0)


async def test_one_that_is_told_to_wait_leaves_its_part_to_the_other(ledger: Ledger) -> None:
    async with Process(ledger, "a").running() as a, Process(ledger, "b").running() as b:
        a.send(2000)
        b.send(2000)
        await until(lambda: b.gate.share == pytest.approx(0.5, abs=0.02))
        a.gate.hold("failure_rate", 60.0)
        await until(lambda: b.gate.share >= 0.9)


async def test_when_the_ledger_cannot_be_written_who_waits_hears_of_it(ledger: Ledger) -> None:
    def broken(*_: object, **__: object) -> "asyncio.Future[None]":
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        future.set_exception(DISK_FULL)
        return future

    async with Process(ledger, "a").running() as a:
        ledger.renew = broken  # type: ignore[method-assign, assignment]
        await a.passes()  # the first one needs no share
        with pytest.raises(LedgerError):
            await a.passes()
