"""Cancelled at every moment of its life, a run leaves a campaign that goes on: nobody twice, nobody forgotten."""

import asyncio
from pathlib import Path

import pytest

from omni_bulk import read_results

from .kit import Bench, people, seqs_are_gapless

OUT = Path("october.results.jsonl")
LIST = people(*range(60))


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("milliseconds", [0, 1, 2, 5, 10, 20, 40, 60, 80])
async def test_cancelled_at_any_moment_a_campaign_can_be_resumed(bench: Bench, milliseconds: int, times: int) -> None:
    sending = asyncio.create_task(bench.send(LIST))
    await asyncio.sleep(milliseconds / 1000)
    for _ in range(times):
        sending.cancel()
        await asyncio.sleep(0)
    await asyncio.wait({sending})
    taken = {message.ref for message in bench.sandbox.messages}
    again = await bench.send(LIST)
    assert len(again.results) == len(LIST)
    assert bench.sandbox.stats()["doubles"] == 0
    assert {result.status for result in again.results} <= {"accepted", "unknown"}
    results = read_results(OUT)
    assert len(results) == len(LIST)
    assert taken <= set(results.by_ref)
    assert {ref for ref, result in results.by_ref.items() if result.status == "accepted"} <= {
        message.ref for message in bench.sandbox.messages
    }
    assert seqs_are_gapless(OUT)
    if times == 1:
        assert results.count("accepted") == len(LIST)  # what was in flight could end
