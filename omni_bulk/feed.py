"""Recipients in blocks, off the event loop: from a `Source`, any iterable, or any async iterable, endless ones too."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Iterator, Mapping
from contextlib import aclosing, suppress
from itertools import islice

from omni_bulk.model import Recipient
from omni_bulk.records import Shapes

BLOCK_FIRST = 50  # rows: the first message leaves before the list is read far
BLOCK = 200  # rows: about 5 ms of the ledger's writer, so that claims never wait long behind them
Blocks = AsyncGenerator[tuple[list[Recipient], bool]]
Recipients = Iterable[Recipient | Mapping[str, object]] | AsyncIterable[Recipient | Mapping[str, object]]


async def blocks(recipients: Recipients) -> Blocks:
    """Yields (rows, last): the last block says so, so that a decision on the whole list can be made before it is sent.

    A block of an async iterable is whatever has come since the one before: an item never waits for company.
    """
    made = _Numbered()
    if isinstance(recipients, AsyncIterable):
        async with aclosing(_gathered(recipients)) as gathered:
            async for rows in gathered:
                yield [made.recipient(row) for row in rows], False
        yield [], True
        return
    rest = iter(recipients)
    size = BLOCK_FIRST
    ahead = await asyncio.to_thread(_take, rest, size, made)
    while ahead:
        now, size = ahead, BLOCK
        ahead = await asyncio.to_thread(_take, rest, size, made)
        yield now, not ahead
    if size == BLOCK_FIRST:
        yield [], True


class _Numbered:
    """Mappings become recipients; items without a row number get 1, 2, 3 …"""

    def __init__(self) -> None:
        self._shapes = Shapes()
        self._count = 0

    def recipient(self, row: Recipient | Mapping[str, object]) -> Recipient:
        self._count += 1
        return row if isinstance(row, Recipient) else self._shapes.recipient(row, self._count)


def _take(rest: Iterator[Recipient | Mapping[str, object]], size: int, made: _Numbered) -> list[Recipient]:
    return [made.recipient(row) for row in islice(rest, size)]


async def _gathered(
    recipients: AsyncIterable[Recipient | Mapping[str, object]],
) -> AsyncGenerator[list[Recipient | Mapping[str, object]]]:
    queue: asyncio.Queue[Recipient | Mapping[str, object] | None] = asyncio.Queue(BLOCK)

    async def read() -> None:
        try:
            async for row in recipients:
                await queue.put(row)
        finally:
            await queue.put(None)

    reader = asyncio.create_task(read(), name="omni-bulk-reader")
    try:
        while (row := await queue.get()) is not None:
            rows = [row]
            ended = False
            while len(rows) < BLOCK and not queue.empty():
                following = queue.get_nowait()
                if following is None:
                    ended = True
                    break
                rows.append(following)
            yield rows
            if ended:
                break
        await reader  # its exception is the caller's
    finally:
        reader.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await reader
