"""Recipients in blocks: from lists and streams, endless ones too; left early, nothing of them stays behind."""

import asyncio
import itertools
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import aclosing
from typing import Any

import pytest

from omni_bulk import feed
from omni_bulk.feed import BLOCK, BLOCK_FIRST, blocks
from omni_bulk.model import Recipient
from tests.ledger.kit import A

TIMEOUT = 10.0  # s; for what hangs when it is broken
Row = Mapping[str, object]


def rows(count: int | None = None) -> Iterator[Row]:
    """So many rows, or endlessly many."""
    return ({"to": A, "n": n} for n in (itertools.count() if count is None else range(count)))


async def stream(source: Iterable[Any]) -> AsyncIterator[Any]:
    """Without a pause: the greediest kind."""
    for row in source:
        yield row


async def read(recipients: Any) -> list[tuple[int, bool]]:
    """The size of each block, and whether it was the last."""
    async with asyncio.timeout(TIMEOUT), aclosing(blocks(recipients)) as reading:
        return [(len(block), last) async for block, last in reading]


async def taken(recipients: Any, count: int) -> list[list[Recipient]]:
    """The first blocks; then the list is left."""
    found = []
    async with asyncio.timeout(TIMEOUT), aclosing(blocks(recipients)) as reading:
        async for block, last in reading:
            assert not last
            found.append(block)
            if len(found) == count:
                break
    return found


@pytest.fixture(autouse=True)
async def no_task_is_left() -> AsyncIterator[None]:
    yield
    assert [task for task in asyncio.all_tasks() if task.get_name().startswith("omni-bulk")] == []


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy the machine is, no row counts as slow."""
    monkeypatch.setattr(feed, "HASTE", TIMEOUT)


# ── lists ─────────────────────────────────────────────────────────────────────────────────────────────────────────

SIZES = [
    (0, [(0, True)]),
    (1, [(1, True)]),
    (BLOCK_FIRST, [(BLOCK_FIRST, True)]),
    (BLOCK_FIRST + 1, [(BLOCK_FIRST, False), (1, True)]),
    (BLOCK_FIRST + BLOCK, [(BLOCK_FIRST, False), (BLOCK, True)]),
    (BLOCK_FIRST + BLOCK + 7, [(BLOCK_FIRST, False), (BLOCK, False), (7, True)]),
]


@pytest.mark.usefixtures("patience")
@pytest.mark.parametrize(("count", "expected"), SIZES)
@pytest.mark.parametrize("kind", [list, iter], ids=["list", "iterator"])
async def test_the_first_block_is_small_and_the_last_one_says_so(
    count: int, expected: list[tuple[int, bool]], kind: Callable[[Iterable[Row]], Iterable[Row]]
) -> None:
    assert await read(kind(list(rows(count)))) == expected


@pytest.mark.usefixtures("patience")
async def test_an_endless_list_is_read_as_far_as_it_is_used() -> None:
    asked = itertools.count()
    found = await taken(({"to": A, "n": next(asked)} for _ in itertools.count()), 2)
    assert [len(block) for block in found] == [BLOCK_FIRST, BLOCK]
    assert next(asked) <= BLOCK_FIRST + 2 * BLOCK


async def test_a_list_is_read_in_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "monotonic", lambda: 0.0)  # however slow the machine is, the row is not late
    readers = set()

    def watched() -> Iterator[Row]:
        readers.add(threading.current_thread())
        yield {"to": A}

    assert await read(watched()) == [(1, True)]
    assert threading.main_thread() not in readers


async def test_a_row_that_comes_slowly_waits_for_no_company(monkeypatch: pytest.MonkeyPatch) -> None:
    go_on, now = threading.Event(), [0.0]
    monkeypatch.setattr(feed, "monotonic", lambda: now[0])

    def cursor() -> Iterator[Row]:
        yield {"to": A, "n": 0}
        now[0] += 1.0
        yield {"to": A, "n": 1}
        assert go_on.wait(TIMEOUT), "a row that was there was kept until the next one came"
        yield {"to": A, "n": 2}

    async with asyncio.timeout(TIMEOUT), aclosing(blocks(cursor())) as reading:
        first, last = await anext(reading)
        go_on.set()
        rest = [(len(block), is_last) async for block, is_last in reading]
    assert (len(first), last) == (2, False)
    assert sum(size for size, _ in rest) == 1
    assert [is_last for _, is_last in rest] == [False] * (len(rest) - 1) + [True]


@pytest.mark.parametrize("wrap", [iter, stream], ids=["list", "stream"])
async def test_rows_without_a_number_are_counted(wrap: Callable[[Iterable[Any]], Any]) -> None:
    mixed = [{"to": A}, Recipient(A), Recipient(A, 17), {"전화번호": A, "ref": "r"}]
    async with aclosing(blocks(wrap(mixed))) as reading:
        found = [row async for block, _ in reading for row in block]
    assert [(row.to, row.row, row.ref) for row in found] == [(A, 1, None), (A, 2, None), (A, 17, None), (A, 4, "r")]


# ── streams ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_stream_ends_with_an_empty_last_block() -> None:
    assert await read(stream([])) == [(0, True)]
    assert await read(stream(rows(3))) == [(3, False), (0, True)]


async def test_a_block_of_a_stream_is_what_has_come_and_never_more_than_a_block() -> None:
    assert await read(stream(rows(BLOCK * 2 + 1))) == [(BLOCK, False), (BLOCK, False), (1, False), (0, True)]


async def test_an_item_of_a_stream_waits_for_no_company() -> None:
    given: asyncio.Queue[Row] = asyncio.Queue()

    async def slow() -> AsyncIterator[Row]:
        while True:
            yield await given.get()

    async with asyncio.timeout(TIMEOUT), aclosing(blocks(slow())) as reading:
        for _ in range(3):
            given.put_nowait({"to": A})
            block, last = await anext(reading)
            assert (len(block), last) == (1, False)


async def test_an_endless_stream_is_read_as_far_as_it_is_used() -> None:
    asked = itertools.count()
    found = await taken(stream({"to": A, "n": next(asked)} for _ in itertools.count()), 2)
    assert [len(block) for block in found] == [BLOCK, BLOCK]
    assert next(asked) <= 3 * BLOCK


class Mailbox:
    """An async iterable that is no generator."""

    def __init__(self, count: int) -> None:
        self._left = count

    def __aiter__(self) -> "Mailbox":
        return self

    async def __anext__(self) -> Row:
        if not self._left:
            raise StopAsyncIteration
        self._left -= 1
        return {"to": A}


async def test_any_async_iterable_will_do() -> None:
    assert await read(Mailbox(2)) == [(2, False), (0, True)]
    assert len(await taken(Mailbox(10_000), 1)) == 1


# ── trouble ───────────────────────────────────────────────────────────────────────────────────────────────────────


class TheirsError(Exception):
    """What a caller's iterable raises."""


def broken(after: int) -> Iterator[Row]:
    yield from rows(after)
    raise TheirsError


@pytest.mark.parametrize("wrap", [iter, stream], ids=["list", "stream"])
@pytest.mark.parametrize("after", [0, 3, BLOCK_FIRST, BLOCK_FIRST + BLOCK, 3 * BLOCK])
async def test_what_the_callers_iterable_raises_comes_through(wrap: Callable[[Iterable[Any]], Any], after: int) -> None:
    with pytest.raises(TheirsError):
        await read(wrap(broken(after)))


@pytest.mark.parametrize("wrap", [iter, stream], ids=["list", "stream"])
@pytest.mark.parametrize("wrong", [None, A, (A, "text")], ids=["None", "str", "tuple"])
async def test_what_is_no_row_ends_no_list_in_silence(wrap: Callable[[Iterable[Any]], Any], wrong: object) -> None:
    with pytest.raises(TypeError, match=f"number 3 is a {type(wrong).__name__}$"):
        await read(wrap([*rows(2), wrong, *rows(1)]))


async def test_a_stream_that_is_cancelled_from_within_is_an_error_and_not_our_cancellation() -> None:
    async def cancelled() -> AsyncIterator[Row]:
        yield {"to": A}
        raise asyncio.CancelledError

    with pytest.raises(RuntimeError, match="cancelled"):
        await read(cancelled())


# ── leaving early ─────────────────────────────────────────────────────────────────────────────────────────────────


class Left:
    """A generator of either kind that tells when it is closed."""

    def __init__(self) -> None:
        self.closed = False

    def rows(self) -> Iterator[Row]:
        try:
            yield from rows()
        finally:
            self.closed = True

    async def stream(self) -> AsyncIterator[Row]:
        try:
            for row in rows():
                yield row
        finally:
            await asyncio.sleep(0)  # a generator may await while it closes
            self.closed = True

    async def slow_stream(self) -> AsyncIterator[Row]:
        try:
            yield {"to": A}
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            self.closed = True


@pytest.mark.parametrize("kind", ["rows", "stream", "slow_stream"])
async def test_a_generator_is_closed_when_it_is_left(kind: str) -> None:
    """Also while it holds more than is wanted, and while it has nothing to give."""
    left = Left()
    generator = getattr(left, kind)()
    assert len(await taken(generator, 1)) == 1
    assert left.closed


@pytest.mark.parametrize("kind", ["stream", "slow_stream"])
@pytest.mark.parametrize("turns", range(6))
async def test_a_cancelled_reader_leaves_nothing_behind(kind: str, turns: int) -> None:
    left = Left()

    async def consume() -> None:
        async with aclosing(blocks(getattr(left, kind)())) as reading:
            async for _ in reading:
                await asyncio.sleep(0)

    task = asyncio.create_task(consume())
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    async with asyncio.timeout(TIMEOUT):
        await asyncio.wait({task})
    assert task.cancelled()
    assert left.closed or turns < 2


@pytest.mark.parametrize("later", [0.0, 100.0])  # whether its thread asks for one more row, or comes out with this one
async def test_a_list_that_is_being_read_is_left_to_its_thread(monkeypatch: pytest.MonkeyPatch, later: float) -> None:
    entered, go_on, closed = threading.Event(), threading.Event(), threading.Event()
    monkeypatch.setattr(feed, "monotonic", lambda: later if go_on.is_set() else 0.0)

    def waiting() -> Iterator[Row]:
        try:
            yield {"to": A}
            entered.set()
            assert go_on.wait(TIMEOUT)
            yield {"to": A}
        finally:
            closed.set()

    async def consume() -> None:
        async with aclosing(blocks(waiting())) as reading:
            await anext(reading)

    task = asyncio.create_task(consume())
    assert await asyncio.to_thread(entered.wait, TIMEOUT)
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled() and not closed.is_set()
    go_on.set()
    assert await asyncio.to_thread(closed.wait, TIMEOUT)


@pytest.mark.usefixtures("patience")
async def test_what_is_no_generator_can_be_read_on() -> None:
    numbers = iter(list(rows(1000)))
    await taken(numbers, 1)
    assert next(numbers)["n"] == BLOCK_FIRST + BLOCK


async def test_the_error_of_a_stream_that_was_left_disturbs_nobody(caplog: pytest.LogCaptureFixture) -> None:
    async def sulks() -> AsyncIterator[Row]:
        try:
            for row in rows():
                yield row
        finally:
            raise TheirsError

    assert len(await taken(sulks(), 1)) == 1
    assert caplog.records == []


def test_the_first_message_leaves_before_the_list_is_read_far() -> None:
    assert feed.BLOCK_FIRST < feed.BLOCK <= 200
