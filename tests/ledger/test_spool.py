"""The queue behind `campaign.send`: everything in order, little of it in memory, and never in the way of sending."""

import asyncio
import errno
import tempfile
from collections import deque
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omni_bulk import sink
from omni_bulk.model import Result, Status
from omni_bulk.sink import Spool
from tests.ledger.kit import files_end_at, line
from tests.virtual_time import run_virtual


@pytest.fixture(autouse=True)
def few_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sink, "MEMORY_MAX", 3)


async def take(spool: Spool, count: int) -> list[Result | None]:
    return [await spool.get() for _ in range(count)]


async def all_of(spool: Spool) -> list[Result]:
    found = []
    while (result := await spool.get()) is not None:
        found.append(result)
    return found


MANY = [line(seq) for seq in range(1, 41)]
ODD = line(
    1, Status.FAILED, ref="쪽지 \u2028\n", reason="x", result="\0", warnings=("a", "b"), latency_ms=3, msg_key=""
)


async def test_results_come_in_order_to_the_end() -> None:
    spool = Spool()
    for result in MANY:
        spool.put(result)
    spool.end()
    assert await all_of(spool) == MANY
    assert await take(spool, 2) == [None, None]
    spool.close()


async def test_only_so_many_are_in_memory() -> None:
    spool = Spool()
    for result in MANY:
        spool.put(result)
    assert len(spool._head) + len(spool._tail) == 3
    await take(spool, 4)
    assert len(spool._head) + len(spool._tail) <= 3
    spool.close()


async def test_the_disk_is_given_back_when_the_caller_has_caught_up() -> None:
    spool = Spool()
    for _ in range(3):
        for result in MANY:
            spool.put(result)
        assert await take(spool, len(MANY)) == MANY
        assert spool._file is not None and spool._file.seek(0, 2) == 0
    spool.close()


async def test_a_result_comes_out_as_it_went_in() -> None:
    spool = Spool()
    mixed = [replace(ODD, seq=seq, replayed=seq % 2 == 0) for seq in range(10)]
    for result in mixed:
        spool.put(result)
    spool.end()
    assert await all_of(spool) == mixed
    spool.close()


async def test_who_waits_is_woken_by_a_result_and_by_the_end() -> None:
    spool = Spool()
    waiting = asyncio.ensure_future(take(spool, 2))
    await asyncio.sleep(0)
    spool.put(MANY[0])
    await asyncio.sleep(0)
    spool.end()
    assert await waiting == [MANY[0], None]


async def test_without_a_disk_memory_grows_and_nothing_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    spool = Spool()
    with monkeypatch.context() as patch:
        patch.setattr(tempfile, "TemporaryFile", full)
        for result in MANY[:10]:
            spool.put(result)
    for result in MANY[10:]:
        spool.put(result)
    spool.end()
    assert await all_of(spool) == MANY
    spool.close()


async def test_a_disk_that_fills_up_in_the_midst_of_a_line_breaks_no_order() -> None:
    """For real, and it is as if the line had not been written."""
    spool = Spool()
    with files_end_at(1000):
        for result in MANY[:20]:
            spool.put(result)
    assert spool._tail
    for result in MANY[20:30]:
        spool.put(result)
    assert await take(spool, 25) == MANY[:25]
    for result in MANY[30:]:
        spool.put(result)
    spool.end()
    assert await all_of(spool) == MANY[25:]
    spool.close()


async def test_the_overflow_has_no_name_and_ends_with_the_spool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    spool = Spool()
    for result in MANY:
        spool.put(result)
    assert list(tmp_path.iterdir()) == []
    spool.close()
    spool.end()
    assert await all_of(spool) == MANY[:3]  # what was in memory; a closed spool asks no file


@given(st.lists(st.one_of(st.integers(1, 9), st.integers(-9, -1)), max_size=30))
def test_whatever_the_pace_of_either_side_it_is_a_queue(steps: list[int]) -> None:
    async def play() -> None:
        spool, model, seq = Spool(), deque[Result](), 0
        for step in steps:
            for _ in range(max(step, 0)):
                seq += 1
                spool.put(line(seq))
                model.append(line(seq))
            for _ in range(min(-step, len(model))):
                assert await spool.get() == model.popleft()
        spool.end()
        assert await all_of(spool) == list(model)
        spool.close()

    run_virtual(play())
