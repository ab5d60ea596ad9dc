"""How much polling slows a run: python benchmarks/poll_beside_sending.py [MESSAGES] [ROUNDS]

Sends at 1,000 a second to a sandbox with two reports for each message, with and without a collector in a process of its
own, in turn, and compares how long the claims take to be durable. A run at half speed is the first sign of trouble.
"""

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from unittest.mock import patch

from omni_bulk import Omni, Settings, Template
from omni_bulk.errors import Stopped
from omni_bulk.ledger import Ledger

_SERVE = """
import asyncio
from omni_bulk.sandbox import Options, serve
asyncio.run(serve(Options(tps=None, dlr=True), ready=lambda served: print(served.url, flush=True)))
"""


async def once(folder: Path, url: str, messages: int, *, polling: bool) -> tuple[float, float, float]:
    """Claims a second, and the median and 99th percentile of a claim's commit in ms."""
    took: list[float] = []
    claim = Ledger.claim

    def timed(self: Ledger, wanted: Sequence[int], now: int) -> "asyncio.Future[Mapping[int, str | Stopped]]":
        begun, made = time.perf_counter(), claim(self, wanted, now)
        made.add_done_callback(lambda _: took.append((time.perf_counter() - begun) * 1000))
        return made

    settings = Settings(
        ledger=folder / "ledger.db", base_url=url, client_id="sandbox", client_password="sandbox", rate=1000,
        from_="0212345678",
    )  # fmt: skip
    people = [{"to": f"+8210{20_000_000 + number}", "name": str(number)} for number in range(messages)]
    env = {
        **os.environ, "OMNI_BASE_URL": url, "OMNI_CLIENT_ID": "sandbox", "OMNI_CLIENT_PASSWORD": "sandbox",
        "OMNI_LEDGER": str(folder / "ledger.db"),
    }  # fmt: skip
    collector = None
    try:
        async with Omni(settings) as omni:
            if polling:
                command = [sys.executable, "-m", "omni_bulk", "reports", "--follow", "--own-queue", "--quiet"]
                collector = subprocess.Popen(command, cwd=folder, env=env)
                await asyncio.sleep(1.5)
            async with omni.campaign(
                "c", Template("hi {name}", from_="0212345678"), out=folder / "out.jsonl"
            ) as campaign:
                begun = time.monotonic()
                with patch.object(Ledger, "claim", timed):
                    await campaign.run(people)
                seconds = time.monotonic() - begun
    finally:
        if collector is not None:
            collector.terminate()
            collector.wait()
    took.sort()
    return messages / seconds, statistics.median(took), took[int(len(took) * 0.99)]


def main(messages: int, rounds: int) -> None:
    for number in range(rounds):
        for polling in (False, True):
            with (
                tempfile.TemporaryDirectory() as folder,
                subprocess.Popen([sys.executable, "-c", _SERVE], stdout=subprocess.PIPE, text=True) as server,
            ):
                assert server.stdout is not None
                url = server.stdout.readline().strip()
                pace, median, slow = asyncio.run(once(Path(folder), url, messages, polling=polling))
                server.terminate()
            how = "polling" if polling else "alone  "
            print(
                f"{number}: {how} {pace:7.1f} a second; a claim takes {median:.2f} ms, 99 % {slow:.2f} ms", flush=True
            )


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:]]
    main(*(given or [10_000, 3]))
