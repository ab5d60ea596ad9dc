"""Recipients in blocks, off the event loop: from a `Source`, any iterable, or any async iterable, endless ones too."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack, aclosing, suppress
from dataclasses import replace
from time import monotonic
from types import GeneratorType

from omni_bulk.model import Recipient
from omni_bulk.records import Shapes

BLOCK_FIRST = 50  # rows: the first message leaves before the list is read far
BLOCK = 200  # rows: about 5 ms of the ledger's writer, so that claims never wait long behind them
HASTE = 0.02  # s; a row that took longer is handed over at once, with what came before it
Row = Recipient | Mapping[str, object]
Blocks = AsyncGenerator[tuple[list[Recipient], bool]]
Recipients = Iterable[Row] | AsyncIterable[Row]


async def blocks(recipients: Recipients) -> Blocks:
    """Yields (rows, last): the last block says so, so that a decision on the whole list can be made before it is sent.

    A block of an async iterable is whatever has come since the one before: an item never waits for company. A list is
    read one block ahead, as long as that is quick: the rows of a slow one are handed over as they come. A generator is
    closed when its list is left early. Raises what the caller's iterable raises, TypeError for what is no row.
    """
    made = _Numbered()
    if isinstance(recipients, AsyncIterable):
        async with aclosing(_gathered(recipients)) as gathered:
            async for block in gathered:
                yield [made.recipient(row) for row in block], False
        yield [], True
        return
    rest = iter(recipients)
    reading = _reading(rest, BLOCK_FIRST, made)
    try:
        rows, last = await reading, False
        while rows:
            reading = _reading(rest, BLOCK, made)
            await asyncio.wait({reading}, timeout=HASTE)
            last = reading.done() and not reading.exception() and not reading.result()
            yield rows, last
            rows = await reading
        if not last:
            yield [], True
    finally:
        reading.add_done_callback(_heard)
        made.left = True
        if isinstance(rest, GeneratorType):
            with suppress(ValueError):  # a thread is still in it, and closes it when it comes out
                rest.close()


def _reading(rest: Iterator[Row], size: int, made: "_Numbered") -> "asyncio.Future[list[Recipient]]":
    return asyncio.ensure_future(asyncio.to_thread(_take, rest, size, made))


def _heard(reading: "asyncio.Future[list[Recipient]]") -> None:
    """Its error is told already, or of no interest to who has left."""
    if not reading.cancelled():
        reading.exception()


class _Numbered:
    """Mappings become recipients; items without a row number get 1, 2, 3 … Once `left`, nobody wants more of them."""

    def __init__(self) -> None:
        self.left = False
        self._shapes = Shapes()
        self._count = 0

    def recipient(self, row: Row) -> Recipient:
        self._count += 1
        if isinstance(row, Recipient):
            return row if row.row else replace(row, row=self._count)
        if isinstance(row, Mapping):
            return self._shapes.recipient(row, self._count)
        raise TypeError(f"recipients are Recipient or mappings, and number {self._count} is a {type(row).__name__}")


def _take(rest: Iterator[Row], size: int, made: _Numbered) -> list[Recipient]:
    rows: list[Recipient] = []
    asked = monotonic()
    for row in rest:
        came = monotonic()
        rows.append(made.recipient(row))
        if len(rows) == size or came - asked > HASTE:
            break
        asked = came
    if made.left and isinstance(rest, GeneratorType):
        rest.close()
    return rows


async def _gathered(recipients: AsyncIterable[Row]) -> AsyncGenerator[list[Row]]:
    waiting: list[Row] = []
    ended = False
    wake, room = asyncio.Event(), asyncio.Event()

    async def read() -> None:
        nonlocal ended
        try:
            async with AsyncExitStack() as leaving:
                rows = aiter(recipients)
                if isinstance(rows, AsyncGenerator):
                    await leaving.enter_async_context(aclosing(rows))
                async for row in rows:
                    waiting.append(row)
                    wake.set()
                    while len(waiting) >= BLOCK:
                        room.clear()
                        await room.wait()
        finally:
            ended = True
            wake.set()

    reader = asyncio.create_task(read(), name="omni-bulk-reader")
    try:
        while waiting or not ended:
            if not waiting:
                wake.clear()
                await wake.wait()
                continue
            rows, waiting = waiting, []
            room.set()
            yield rows
        await asyncio.wait({reader})
        if reader.cancelled():  # by the caller's iterable: it must not pass for a cancellation of ours
            raise RuntimeError("the iterable of recipients was cancelled before its end")
        reader.result()  # its exception is the caller's
    finally:
        reader.cancel()
        await asyncio.wait({reader})
        if not reader.cancelled():
            reader.exception()  # told above, or of no interest to who has left
