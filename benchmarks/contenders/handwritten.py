"""The script one would write for this by hand, of good libraries, in an hour: csv, a queue, AsyncLimiter, tenacity, aiohttp, json.

It keeps no ledger, so a crash loses track of whom it reached, and a retry after a timeout may send twice. It is what ours
is compared with for speed, not for what it promises.
"""

import asyncio
import csv
import json
import ssl
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp
from aiolimiter import AsyncLimiter
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_exponential

from benchmarks.contenders import FROM, SEND_PATH, TOKEN_PATH, WORKERS, flags, run

UNBOUND = 1_000_000.0


async def main() -> None:
    given = flags()
    text = Path(given.text).read_text(encoding="utf-8")
    limiter = AsyncLimiter(given.rate or UNBOUND, 1)
    queue: asyncio.Queue[dict[str, str] | None] = asyncio.Queue(1000)
    tls = ssl.create_default_context(cafile=given.ca) if given.ca else True
    connector = aiohttp.TCPConnector(limit=WORKERS, ssl=tls)
    timeout = aiohttp.ClientTimeout(total=30)
    async with aiohttp.ClientSession(given.url, connector=connector, timeout=timeout) as session:
        async with session.post(TOKEN_PATH, headers={"X-IB-Client-Id": "id", "X-IB-Client-Passwd": "pw"}) as answer:
            token = (await answer.json())["data"]
        headers = {"Authorization": f"{token['schema']} {token['token']}"}

        @retry(
            retry=retry_if_exception_type((aiohttp.ClientError, TimeoutError)),
            wait=wait_exponential(max=30), stop=stop_after_attempt(5),
        )  # fmt: skip
        async def post(row: dict[str, str]) -> Any:
            message = {"from": FROM, "to": row["to"], "text": text.format(**row), "ref": row["ref"]}
            async with limiter, session.post(SEND_PATH, json=message, headers=headers) as response:
                return await response.json()

        with Path(given.out).open("w", encoding="utf-8") as out:

            async def work() -> None:
                while (row := await queue.get()) is not None:
                    answer = await post(row)
                    line = {
                        "ref": row["ref"], "to": row["to"], "status": "accepted" if answer["code"] == "A000" else "failed",
                        "code": answer["code"], "msgKey": answer.get("msgKey"), "sentAt": datetime.now().astimezone().isoformat(),
                    }  # fmt: skip
                    out.write(json.dumps(line, ensure_ascii=False) + "\n")
                queue.put_nowait(None)

            workers = [asyncio.create_task(work()) for _ in range(WORKERS)]
            with Path(given.list).open(encoding="utf-8", newline="") as file:
                for row in csv.DictReader(file):
                    await queue.put(row)
            await queue.put(None)
            await asyncio.gather(*workers)


if __name__ == "__main__":
    run(flags().loop, main)
