"""A ledger in which most of a long list is done, made in a minute or two instead of in ten.

``python -m benchmarks.prepare send …`` is the command line as it is: composing, admission, claims, results, results file.
Only the worker is another: it takes every message for accepted, without gate and network.
"""

import sys
import time

from omni_bulk.cli import run
from omni_bulk.model import Result, Status
from omni_bulk.results import changed, iso
from omni_bulk.worker import Job, Worker


async def _deliver(self: Worker, job: Job) -> Result:
    now = round(time.time() * 1000)
    ledger = self._ledger
    await ledger.claim([job.id], now)
    result = changed(
        job.draft, status=Status.ACCEPTED, code="A000", result="Success", msg_key=f"BENCH{job.id:012d}", attempts=1,
        sent_at=iso(now), latency_ms=1,
    )  # fmt: skip
    job.result = await ledger.settle(job.campaign, job.id, result)
    return job.result


if __name__ == "__main__":
    Worker.deliver = _deliver  # type: ignore[method-assign]
    sys.exit(run(sys.argv[1:]))
