"""The clock jumps when nobody is at work, stands while somebody is, and says so when nothing can ever come."""

import asyncio
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from aiolimiter import AsyncLimiter

from tests.virtual_time import START, StuckError, VirtualLoop, run_virtual, virtual_loop

NEARLY = 0.001  # virtual seconds: the microseconds that the turns of the loop take


def test_an_hour_passes_in_no_time() -> None:
    began = time.monotonic()
    result, seconds = run_virtual(asyncio.sleep(3600, "done"))
    assert result == "done"
    assert seconds == pytest.approx(3600, abs=NEARLY)
    assert time.monotonic() - began < 10


def test_more_than_the_longest_select_passes() -> None:
    """asyncio never asks a selector for more than a day at once."""
    _, seconds = run_virtual(asyncio.sleep(10 * 86_400))
    assert seconds == pytest.approx(10 * 86_400, abs=NEARLY)


def test_timers_fire_in_their_order_and_at_their_time() -> None:
    async def main() -> list[tuple[str, int]]:
        fired: list[tuple[str, int]] = []

        async def at(name: str, delay: float) -> None:
            await asyncio.sleep(delay)
            fired.append((name, round(virtual_loop().time() - START)))

        await asyncio.gather(at("c", 30), at("a", 10), at("b", 20))
        return fired

    assert run_virtual(main())[0] == [("a", 10), ("b", 20), ("c", 30)]


def test_a_turn_takes_a_microsecond() -> None:
    async def main() -> None:
        for _ in range(1_000):
            await asyncio.sleep(0)

    assert run_virtual(main())[1] == pytest.approx(0.001, rel=0.1)


def test_aiolimiter_does_not_livelock_and_keeps_its_pace() -> None:
    async def main() -> None:
        limiter = AsyncLimiter(10, 1)
        for _ in range(60):
            await limiter.acquire()

    assert run_virtual(main())[1] == pytest.approx(5, abs=0.2)


def test_a_timeout_is_virtual() -> None:
    async def main() -> None:
        async with asyncio.timeout(30):
            await asyncio.sleep(60)

    with pytest.raises(TimeoutError):
        run_virtual(main())


@pytest.mark.parametrize("repeat", range(20))
def test_work_in_the_executor_takes_no_virtual_time(repeat: int) -> None:
    async def main() -> str:
        ticking = asyncio.create_task(asyncio.sleep(3600))
        async with asyncio.timeout(0.5):
            answer = await asyncio.to_thread(_spin, 0.01)
        ticking.cancel()
        return answer

    answer, seconds = run_virtual(main())
    assert answer == "answer"
    assert seconds < NEARLY


def _spin(seconds: float) -> str:
    """Really work for a while."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass
    return "answer"


class Writer:
    """A thread of its own that answers through the loop, as the ledger's does; `pending` counts what it owes."""

    def __init__(self, work: float) -> None:
        self.pending = 0
        self._work = work
        self._orders: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="writer")
        self._thread.start()

    def write(self) -> asyncio.Future[float]:
        loop = asyncio.get_running_loop()
        written: asyncio.Future[float] = loop.create_future()

        def answer() -> None:
            self.pending -= 1
            written.set_result(loop.time())

        self.pending += 1
        self._orders.put(lambda: (_spin(self._work), loop.call_soon_threadsafe(answer), None)[-1])
        return written

    def _run(self) -> None:
        while order := self._orders.get():
            order()

    def close(self) -> None:
        self._orders.put(None)
        self._thread.join()


@contextmanager
def _writer(work: float) -> Iterator[Writer]:
    writer = Writer(work)
    try:
        yield writer
    finally:
        writer.close()


@pytest.mark.parametrize("grace", [0, 0.002])
def test_the_clock_stands_while_a_known_thread_works(grace: float) -> None:
    async def main(writer: Writer) -> list[float]:
        virtual_loop().busy_when(lambda: writer.pending > 0)
        taken = []
        for _ in range(20):
            began = virtual_loop().time()
            async with asyncio.timeout(0.01):  # a jump would let this expire at once
                taken.append(await writer.write() - began)
            await asyncio.sleep(10)
        return taken

    with _writer(0.003) as writer:
        taken, seconds = run_virtual(main(writer), grace=grace)
    assert max(taken) < NEARLY
    assert seconds == pytest.approx(200, abs=0.01)


def test_a_block_can_hold_the_clock_from_any_thread() -> None:
    async def main() -> float:
        loop = virtual_loop()
        entered, answered = threading.Event(), asyncio.Event()

        def work() -> None:
            with loop.busy():
                entered.set()
                _spin(0.05)
                loop.call_soon_threadsafe(answered.set)

        thread = threading.Thread(target=work)
        thread.start()
        entered.wait()
        async with asyncio.timeout(1):
            await answered.wait()
        thread.join()
        return loop.time() - START

    assert run_virtual(main(), grace=0)[0] < NEARLY


def test_an_unknown_thread_is_given_a_little_real_time() -> None:
    async def main(writer: Writer) -> float:
        async with asyncio.timeout(1):
            return await writer.write() - START

    with _writer(0.001) as writer:
        assert run_virtual(main(writer), grace=5)[0] < NEARLY


def test_an_unknown_thread_is_awaited_when_there_is_no_timer() -> None:
    async def main(writer: Writer) -> float:
        return await writer.write()

    with _writer(0.05) as writer:
        assert run_virtual(main(writer), grace=0)[1] < NEARLY


def test_sockets_are_served() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readline())
        writer.close()
        await writer.wait_closed()

    async def main() -> bytes:
        async with await asyncio.start_server(serve, "127.0.0.1", 0, family=socket.AF_INET) as server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            async with asyncio.timeout(30):
                writer.write(b"echo\n")
                answer = await reader.readline()
            writer.close()
            await writer.wait_closed()
        return answer

    answer, seconds = run_virtual(main(), grace=1)
    assert answer == b"echo\n"
    assert seconds < NEARLY


def test_a_loop_that_can_never_go_on_says_so() -> None:
    async def main() -> None:
        await asyncio.Event().wait()

    with pytest.raises(StuckError, match="for ever"):
        run_virtual(main())


def test_a_worker_that_never_answers_is_given_up() -> None:
    async def main() -> None:
        with virtual_loop().busy():
            await asyncio.sleep(1)

    with pytest.raises(StuckError, match=r"no answer within 0\.02 s"):
        run_virtual(main(), stuck_after=0.02)


def test_the_executor_is_shut_down_in_real_time() -> None:
    """From Python 3.12 asyncio waits for its threads with a timeout, which must not jump."""

    async def main() -> None:
        loop = virtual_loop()
        job = loop.run_in_executor(None, _spin, 0.05)
        job.cancel()  # nobody awaits it, but its thread still works
        await asyncio.sleep(0)

    _, seconds = run_virtual(main())
    assert seconds < NEARLY


def test_the_loop_is_only_for_virtual_coroutines() -> None:
    async def main() -> None:
        with pytest.raises(AssertionError):
            virtual_loop()

    asyncio.run(main())
    loop = VirtualLoop()
    assert loop.time() == START
    loop.close()
