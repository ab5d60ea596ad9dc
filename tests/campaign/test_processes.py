"""Several processes on one ledger: each ref is posted once, and what a killed one held is not posted again."""

import asyncio
import json
import os
import signal
from typing import Any

import pytest

from .kit import FROM, Bench, number, until
from .kit import bench as open_bench

CHILD = """
    import asyncio, json, sys
    from omni_bulk import Omni, Settings

    async def main():
        given = json.loads(sys.argv[1])
        async with Omni(Settings(**given["settings"])) as omni:
            print("ready", flush=True)
            sys.stdin.readline() if given.get("wait") else None
            sends = [omni.send(to, f"code for {ref}", from_="0212345678", ref=ref) for ref, to in given["sends"]]
            for result in await asyncio.gather(*sends):
                print(json.dumps([result.ref, result.status, result.replayed]), flush=True)

    asyncio.run(main())
"""


async def ended(child: Any) -> list[Any]:
    said, _ = await asyncio.to_thread(child.communicate)
    assert child.returncode == 0
    return [json.loads(line) for line in said.splitlines()[1:]]


async def test_four_processes_with_the_same_refs_post_each_once() -> None:
    async with open_bench(latency_ms=30) as bench:
        shares = [range(40), range(20, 60), range(40, 80), range(80)]
        children = [bench.start(CHILD, sends=[(f"r{index}", number(index)) for index in share]) for share in shares]
        said = await asyncio.gather(*map(ended, children))
        stats = bench.sandbox.stats()
    assert (stats["posts"], stats["distinctRefs"], stats["doubles"]) == (80, 80, 0)
    assert all({status for _, status, _ in one} == {"accepted"} for one in said)
    assert sum(not replayed for one in said for _, _, replayed in one) == 80
    assert [len(one) for one in said] == [len(share) for share in shares]


@pytest.mark.skipif(os.name != "posix", reason="kill -9")
async def test_what_a_killed_process_had_out_is_unknown_for_the_next() -> None:
    async with open_bench() as bench:
        bench.sandbox.fail_next("hang_after", 3)
        sends = [(f"r{index}", number(index)) for index in range(3)]
        with bench.start(CHILD, sends=sends) as child:
            await until(lambda: len(bench.sandbox.messages) == 3, patience=30)
            os.kill(child.pid, signal.SIGKILL)
        await one_more(bench)
        assert bench.posts == 4


async def one_more(bench: Bench) -> None:
    async with bench.omni() as omni:
        fresh = await omni.send(number(9), "hi", from_=FROM, ref="r9")
        assert (fresh.status, fresh.seq) == ("accepted", 4)  # the three in doubt were settled first
        for index in range(3):
            found = await omni.send(number(index), f"code for r{index}", from_=FROM, ref=f"r{index}")
            assert (found.status, found.reason, found.replayed) == ("unknown", "interrupted", True)
