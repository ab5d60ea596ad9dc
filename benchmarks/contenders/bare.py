"""aiohttp alone: the numbers of the list, one fixed text, POST and read. No ledger, no retries, no results.

Nothing built on aiohttp can cost less. With `--rate` the messages are let go by the clock, in groups of 5 ms.
"""

import asyncio
import ssl
from itertools import islice
from pathlib import Path
from time import monotonic

import aiohttp

from benchmarks.contenders import FROM, SEND_PATH, WORKERS, flags, run

TICK = 0.005  # s


async def main() -> None:
    given = flags()
    with Path(given.list).open(encoding="utf-8") as file:
        numbers = [line.split(",", 1)[0] for line in islice(file, 1, None)]
    text = "x" * len(Path(given.text).read_text(encoding="utf-8"))
    url, headers = given.url + SEND_PATH, {"Authorization": "Bearer " + "t" * 40, "Content-Type": "application/json"}
    queue: asyncio.Queue[bytes | None] = asyncio.Queue()
    accepted = 0

    async def work() -> None:
        nonlocal accepted
        while (body := await queue.get()) is not None:
            async with session.post(url, data=body, headers=headers) as response:
                accepted += b'"A000"' in await response.read()
        queue.put_nowait(None)

    tls = ssl.create_default_context(cafile=given.ca) if given.ca else True
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=WORKERS, ssl=tls)) as session:
        workers = [asyncio.create_task(work()) for _ in range(WORKERS)]
        began = monotonic()
        for done, number in enumerate(numbers):
            while given.rate and done > (monotonic() - began) * given.rate:
                await asyncio.sleep(TICK)
            queue.put_nowait(
                b'{"from":"%b","to":"%b","text":"%b","ref":"r%d"}'
                % (FROM.encode(), number.encode(), text.encode(), done)
            )
        queue.put_nowait(None)
        await asyncio.gather(*workers)
    assert accepted == len(numbers), "not every message was accepted"


if __name__ == "__main__":
    run(flags().loop, main)
