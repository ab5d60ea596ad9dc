"""A ledger in which most of a long list is done, made in a minute or two instead of in ten.

``python -m benchmarks.prepare URL LIST DIRECTORY DONE``. It is a run like any other, of the library: composing, admission, claims, results, results file. Only the worker is
another: it takes every message for accepted, without gate and network.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from benchmarks.stand import FROM, TEXT
from omni_bulk import Omni, Settings, Template, read_recipients
from omni_bulk.account import Account
from omni_bulk.model import Result, Status
from omni_bulk.results import iso
from omni_bulk.worker import Job


async def main(url: str, listed: Path, place: Path, done: int) -> None:
    """`place` as a run over the list leaves it that ended after `done` messages."""
    settings = Settings(
        client_id="bench", client_password=SecretStr("bench"), base_url=url, ledger=place / "ledger.db", rate=10_000
    )
    async with Omni(settings) as omni:
        replaced: Any = omni.account.worker
        replaced.deliver = _accepting(omni.account)
        template = Template(TEXT, from_=FROM)
        async with omni.campaign("bench", template, out=place / "out.jsonl") as campaign:
            summary = await campaign.run(read_recipients(listed), limit=done)
    assert summary.run.get(Status.ACCEPTED) == done, "the ledger is not as it should be"


def _accepting(account: Account) -> Callable[[Job], Awaitable[Result]]:
    async def deliver(job: Job) -> Result:
        now = account.world.now()
        await account.ledger.claim([job.id], now)
        result = replace(
            job.draft, status=Status.ACCEPTED, code="A000", result="Success", msg_key=f"BENCH{job.id:012d}", attempts=1,
            sent_at=iso(now), latency_ms=1,
        )  # fmt: skip
        job.result = await account.ledger.settle(job.campaign, job.id, result)
        return job.result

    return deliver


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])))
