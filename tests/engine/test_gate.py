"""The gate in virtual time: its pace, its pauses and probes, and what becomes of those who leave it early."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omni_bulk.errors import LedgerError, Stopped
from omni_bulk.gate import Barred, Closed, Gate
from omni_bulk.model import Kind, State, Verdict
from omni_bulk.pace import bucket_size, micro_batch
from tests.engine.fakes import ACCEPTED, BARE, DISK_FULL, NOT_SENT, THROTTLED, Book
from tests.virtual_time import START, run_virtual, virtual_loop

SLACK = 1e-3  # messages: the microseconds that the turns of the loop take


class Scene:
    """A gate over a `Book`, its pace task, and who passed: (second, message, whether as the probe)."""

    def __init__(self, rate: float, delay: float = 0.0) -> None:
        loop = asyncio.get_running_loop()
        self.book = Book(delay)
        self.gate = Gate(rate, claim=self.book.claim, release=self.book.take_back, clock=loop.time, sleep=asyncio.sleep)
        self.passed: list[tuple[float, int, bool]] = []
        self.tasks: dict[int, asyncio.Task[bool]] = {}
        self.pace = asyncio.create_task(self.gate.run())

    def now(self) -> float:
        return virtual_loop().time() - START

    async def _enter(self, message: int) -> bool:
        probe = await self.gate.enter(message)
        assert self.book.states[message] is State.CLAIMED, "it passed before its claim was durable"
        self.passed.append((self.now(), message, probe))
        return probe

    def enter(self, *messages: int) -> None:
        for message in messages:
            self.tasks[message] = asyncio.create_task(self._enter(message))

    async def all(self) -> list[Any]:
        return await asyncio.gather(*self.tasks.values(), return_exceptions=True)

    @property
    def order(self) -> list[int]:
        return [message for _, message, _ in self.passed]

    @property
    def probes(self) -> list[int]:
        return [message for _, message, probe in self.passed if probe]

    def observe(self, verdict: Verdict, *, probe: bool = False) -> Stopped | None:
        return self.gate.observe(verdict, probe=probe)

    def cancel_after_commit(self, message: int, turns: int) -> None:
        """Cancel its task so many turns of the loop after the next commit."""
        loop, task = asyncio.get_running_loop(), self.tasks[message]

        def turn(left: int) -> None:
            if left:
                loop.call_soon(turn, left - 1)
            else:
                task.cancel()

        _, _, commit = self.book._queue[0]
        commit.add_done_callback(lambda _: turn(turns))

    async def pause(self, seconds: float) -> None:
        """The server asks for a pause."""
        self.observe(Verdict(Kind.THROTTLED, code="A020", retry_after=seconds, omni=True))
        await asyncio.sleep(0)


def played(body: Callable[[Scene], Awaitable[Any]], rate: float = 200.0, delay: float = 0.0) -> Any:
    """Runs `body`; afterwards nobody may hang, and no error may have gone unseen."""
    noise: list[Any] = []

    async def main() -> Any:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: noise.append(context))
        scene = Scene(rate, delay)
        try:
            return await body(scene)
        finally:
            scene.pace.cancel()
            await asyncio.gather(scene.pace, *scene.tasks.values(), return_exceptions=True)
            await asyncio.sleep(10)  # commits under way

    result = run_virtual(main())[0]
    assert noise == []
    return result


# ── the pace ──────────────────────────────────────────────────────────────────────────────────────────────────────


def windows(times: list[float]) -> Iterator[tuple[float, int]]:
    """Every span between two passes, with the number that passed in it."""
    for first, begin in enumerate(times):
        for last in range(first, len(times)):
            yield times[last] - begin, last - first + 1


@settings(max_examples=60)
@given(
    rate=st.one_of(st.floats(0.5, 20), st.floats(20, 2000)),
    gaps=st.lists(st.one_of(st.just(0.0), st.floats(0, 3)), min_size=1, max_size=60),
)
def test_no_span_has_more_than_the_rate_and_one_bucket_and_the_order_is_kept(rate: float, gaps: list[float]) -> None:
    async def body(scene: Scene) -> None:
        for number, gap in enumerate(gaps):
            await asyncio.sleep(gap)
            scene.enter(number)
        await scene.all()
        assert scene.order == list(range(len(gaps)))
        for seconds, count in windows([at for at, _, _ in scene.passed]):
            assert count <= scene.gate.rate * seconds + bucket_size(scene.gate.rate) + SLACK
            if seconds <= 1:
                assert count <= scene.gate.rate + micro_batch(scene.gate.rate) + SLACK

    played(body, rate)


@pytest.mark.parametrize("delay", [0.0, 0.01, 0.1, 1.0])
@pytest.mark.parametrize("rate", [200.0, 1000.0])
def test_slow_claims_do_not_reduce_the_pace(rate: float, delay: float) -> None:
    """Once it is known that they are slow."""

    async def body(scene: Scene) -> None:
        scene.enter(*range(3000))
        await scene.all()
        assert scene.order == list(range(3000))
        half = scene.passed[1500:]
        assert half[-1][0] - half[0][0] == pytest.approx(1500 / (0.99 * rate), rel=0.02, abs=delay)

    played(body, rate, delay)


def test_a_claim_that_takes_long_for_once_lets_no_crowd_out_when_it_ends() -> None:
    async def body(scene: Scene) -> None:
        scene.enter(*range(600))
        await asyncio.sleep(1)
        scene.book.delay = 1.0
        await asyncio.sleep(0.001)
        scene.book.delay = 0.001
        await scene.all()
        for seconds, count in windows([at for at, _, _ in scene.passed]):
            if seconds <= 1:
                assert count <= 200 + 4

    played(body, 200.0, delay=0.001)


def test_no_more_is_in_flight_than_rate_and_latency_need() -> None:
    """More would only be in doubt together when the network goes away."""

    async def body(scene: Scene) -> None:
        scene.gate._in_flight = lambda: len(scene.passed)
        scene.observe(ACCEPTED)
        scene.enter(*range(100))
        await asyncio.sleep(10)
        assert 50 <= len(scene.passed) <= 52  # a quarter of a second's worth
        for _ in range(100):
            scene.gate.observe(ACCEPTED, probe=False, latency=0.3)
        await asyncio.sleep(10)
        assert 90 <= len(scene.passed) <= 92  # 198 a second, 0.3 s, 1.5

    played(body, 200.0)


def test_an_answer_tells_about_the_pace_at_which_its_message_left() -> None:
    async def body(scene: Scene) -> None:
        scene.observe(ACCEPTED)
        rate = scene.gate.rate
        for latency in (10.0, 0.0):  # sent before anything is counted, and now
            await asyncio.sleep(2)
            for _ in range(10):
                scene.gate.observe(THROTTLED, probe=False, latency=latency)
            await asyncio.sleep(1)
            scene.observe(ACCEPTED)
            assert (scene.gate.rate < rate) is (latency == 0.0)

    played(body)


def test_without_a_share_one_message_passes_and_the_others_when_it_is_known() -> None:
    async def body(scene: Scene) -> None:
        scene.gate.share = 0.0
        scene.enter(*range(20))
        await asyncio.sleep(10)
        assert scene.order == [0]
        scene.gate.share = 0.1
        await asyncio.sleep(0.5)
        assert 10 <= len(scene.passed) <= 12

    played(body, 200.0)


def test_who_waits_hears_that_the_rate_cannot_be_shared() -> None:
    async def body(scene: Scene) -> None:
        scene.gate.share = 0.0
        scene.enter(0, 1)
        await asyncio.sleep(1)
        scene.gate.lose(DISK_FULL)
        scene.enter(2)
        assert await scene.all() == [False, DISK_FULL, DISK_FULL]

    played(body)


def test_after_a_pause_that_the_server_asked_for_everybody_goes_on() -> None:
    """It said how long, and took messages before: no need to wait for the answer to one."""

    async def body(scene: Scene) -> None:
        scene.observe(ACCEPTED)
        scene.enter(*range(10))
        await scene.pause(3)
        await asyncio.sleep(3.2)
        assert len(scene.passed) == 10
        assert scene.probes == []

    played(body)


def test_a_machine_that_wakes_from_a_long_sleep_does_not_burst() -> None:
    async def body(scene: Scene) -> None:
        scene.enter(*range(300))
        await asyncio.sleep(0.5)
        virtual_loop().advance(10_000)
        await scene.all()
        after = [at for at, _, _ in scene.passed if at > 10_000]
        for seconds, count in windows(after):
            assert count <= scene.gate.rate * seconds + bucket_size(scene.gate.rate) + SLACK

    played(body)


def test_a_changed_rate_hands_out_no_fresh_burst() -> None:
    """The rate falls twenty times a second, and the bucket is full throughout."""

    async def body(scene: Scene) -> None:
        scene.enter(*range(1000))
        rates: list[float] = []
        for _ in range(20):
            scene.gate._controller.rate *= 0.95
            rates.append(scene.gate.rate)
            await asyncio.sleep(0.05)
        allowed = sum(rates) * 0.05
        assert 0.75 * allowed <= len(scene.passed) <= allowed + 1.5 * bucket_size(rates[0])

    played(body, 1000.0)


async def next_probe(scene: Scene) -> float:
    """Waits for the next probe; how long that took."""
    since, before = scene.now(), len(scene.probes)
    async with asyncio.timeout(1000):
        while len(scene.probes) == before:
            await asyncio.sleep(0.05)
    return scene.now() - since


# ── pauses ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_retry_after_stops_everybody_and_then_one_goes_first() -> None:
    async def body(scene: Scene) -> None:
        scene.enter(*range(10))
        await scene.pause(7)
        before = len(scene.passed)
        assert scene.gate.waits_for == "throttled"
        await asyncio.sleep(6.9)
        assert len(scene.passed) == before
        await asyncio.sleep(60)
        assert len(scene.passed) == before + 1
        at, _, probe = scene.passed[-1]
        assert probe and 7 <= at < 7.1
        assert scene.gate.waits_for == "throttled"
        assert scene.observe(ACCEPTED, probe=True) is None
        await scene.all()
        assert scene.order == list(range(10)) and len(scene.probes) == 1
        assert scene.gate.waits_for is None

    played(body)


def test_who_was_paid_for_when_the_pause_began_waits_too() -> None:
    async def body(scene: Scene) -> None:
        scene.enter(*range(5))
        await asyncio.sleep(0.1)  # one is through; the second is in the limiter, half a second from its turn
        assert scene.order == [0]
        await scene.pause(30)
        await asyncio.sleep(29)
        assert scene.order == [0]
        await asyncio.sleep(2)
        assert scene.probes == [1]

    played(body, 2.0)


def test_what_is_being_claimed_when_the_pause_begins_still_passes() -> None:
    """Its claim is on the way to the disk; to take it back would cost another commit and help nobody."""

    async def body(scene: Scene) -> None:
        scene.enter(0, 1)
        await asyncio.sleep(0.5)
        await scene.pause(30)
        await asyncio.sleep(1)
        assert scene.order == [0, 1]
        assert scene.probes == []

    played(body, 200.0, delay=1.0)


def test_a_second_of_refusals_pauses_for_twice_as_long_each_time() -> None:
    async def body(scene: Scene) -> None:
        scene.observe(THROTTLED)
        await asyncio.sleep(1)
        scene.observe(THROTTLED)
        scene.enter(*range(20))
        waits = []
        for _ in range(7):
            waits.append(await next_probe(scene))
            scene.observe(THROTTLED, probe=True)
        assert waits == pytest.approx([1, 2, 4, 8, 16, 30, 30], abs=0.1)
        assert scene.gate.throttled == 9

    played(body)


@pytest.mark.parametrize(("first", "last"), [(1.0, 1.5), (3.0, 3.0)])
def test_a_pause_may_grow_while_it_lasts_and_never_shrinks(first: float, last: float) -> None:
    """Connections that break while the gate is shut for another cause ask for a pause of their own."""

    async def body(scene: Scene) -> None:
        await scene.pause(first)
        scene.enter(0)
        await asyncio.sleep(0.5)
        for _ in range(20):
            scene.observe(NOT_SENT)  # asks for one second from now
        await asyncio.sleep(last - 0.6)
        assert scene.passed == []
        await asyncio.sleep(0.2)
        assert scene.probes == [0]

    played(body)


@pytest.mark.parametrize("when", ["waiting", "claiming", "claimed", "passed", "claim fails"])
def test_the_probe_may_be_lost_anywhere_and_the_next_one_takes_its_place(when: str) -> None:
    async def body(scene: Scene) -> None:
        await scene.pause(1)
        scene.enter(0, 1, 2)
        await asyncio.sleep(0.5 if when == "waiting" else 1.9)
        if when == "claim fails":
            scene.book.failing = DISK_FULL
            await asyncio.sleep(0.2)
            scene.book.failing = None
        elif when == "passed":
            await asyncio.sleep(0.2)
            scene.gate.abandon(probe=True)
        elif when == "claimed":
            scene.cancel_after_commit(0, 0)
        else:
            scene.tasks[0].cancel()
        await asyncio.sleep(10)
        expected = [0, 1] if when == "passed" else [1]
        assert scene.probes == scene.order == expected
        scene.observe(ACCEPTED, probe=True)
        await asyncio.sleep(10)
        assert scene.order == [*expected, 2]
        assert scene.probes == expected

    played(body, delay=1.0)


def test_when_all_who_wait_for_the_probe_leave_the_next_to_come_is_the_probe() -> None:
    async def body(scene: Scene) -> None:
        scene.enter(0, 1)
        await asyncio.sleep(0.1)  # the second is in the limiter
        await scene.pause(1)
        await asyncio.sleep(0.95)
        scene.tasks[1].cancel()
        await asyncio.sleep(5)
        scene.enter(2)
        await asyncio.sleep(5)
        assert scene.order == [0, 2]
        assert scene.probes == [2]

    played(body, 0.7)


def test_one_who_leaves_does_not_let_a_second_probe_through() -> None:
    """It was claimed before the pause and is no probe: that it leaves says nothing about the one that is out."""

    async def body(scene: Scene) -> None:
        scene.enter(0)
        await asyncio.sleep(0.1)
        await scene.pause(1)
        scene.enter(1, 2)
        await asyncio.sleep(1.5)  # 0 is still being claimed, and so is 1, the probe
        assert scene.gate._probing
        scene.tasks[0].cancel()
        await asyncio.sleep(20)
        assert scene.order == [1]

    played(body, delay=3.0)


def test_an_abandoned_message_that_was_no_probe_changes_nothing() -> None:
    async def body(scene: Scene) -> None:
        await scene.pause(1)
        scene.enter(0, 1)
        await asyncio.sleep(2)
        scene.gate.abandon(probe=False)
        await asyncio.sleep(2)
        assert scene.order == [0]

    played(body)


# ── streaks ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_server_that_cannot_be_reached_is_probed_for_ten_minutes() -> None:
    async def body(scene: Scene) -> None:
        scene.enter(*range(100))
        for _ in range(20):
            assert scene.observe(NOT_SENT) is None
        assert scene.gate.waits_for == "not_connected"
        waits = []
        stopped = None
        while stopped is None:
            waits.append(await next_probe(scene))
            stopped = scene.observe(NOT_SENT, probe=True)
        assert waits[:6] == pytest.approx([1, 2, 4, 8, 16, 30], abs=0.2)
        assert (stopped.reason, stopped.exit_code) == ("unavailable", 69)
        assert 600 <= scene.now() <= 632

    played(body)


def test_three_bare_refusals_and_a_refused_probe_stop_the_run() -> None:
    async def body(scene: Scene) -> None:
        scene.enter(*range(10))
        assert [scene.observe(BARE) for _ in range(3)] == [None] * 3
        assert scene.gate.waits_for == "bare_refusal"
        await next_probe(scene)
        stopped = scene.observe(Verdict(Kind.BARE_REFUSAL, result="HTTP 403"), probe=True)
        assert stopped is not None
        assert (stopped.reason, stopped.exit_code) == ("bare_refusal", 5)
        assert str(stopped).endswith("(HTTP 403)")

    played(body)


def test_a_probe_that_works_opens_the_gate() -> None:
    async def body(scene: Scene) -> None:
        scene.enter(*range(10))
        for _ in range(3):
            scene.observe(BARE)
        await next_probe(scene)
        assert scene.observe(ACCEPTED, probe=True) is None
        await scene.all()
        assert scene.gate.waits_for is None
        assert len(scene.passed) == 10

    played(body)


# ── leaving ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_who_leaves_before_the_claim_was_never_claimed() -> None:
    async def body(scene: Scene) -> None:
        scene.enter(*range(10))
        await asyncio.sleep(0)
        scene.tasks[5].cancel()
        await scene.all()
        assert scene.book.said(5) == []
        assert scene.order == [0, 1, 2, 3, 4, 6, 7, 8, 9]

    played(body)


@pytest.mark.parametrize("turns", range(4))
def test_who_leaves_once_the_claim_is_submitted_is_released_after_it(turns: int) -> None:
    """Cancelled a few turns of the loop after the commit, whatever has run by then."""

    async def body(scene: Scene) -> None:
        scene.enter(0, 1)
        await asyncio.sleep(0.4)
        scene.cancel_after_commit(0, turns)
        [left, _] = await scene.all()
        await asyncio.sleep(5)
        if isinstance(left, asyncio.CancelledError):
            assert scene.book.said(0) == ["claim", "take back"]
            assert scene.book.states[0] is State.READY
        else:  # it had passed: its claim is the worker's to answer for
            assert scene.book.said(0) == ["claim"] and 0 in scene.order
        assert isinstance(left, asyncio.CancelledError) or turns
        assert scene.book.said(1) == ["claim"]

    played(body, delay=0.5)


def test_who_leaves_while_the_claim_is_on_its_way_is_released_after_it() -> None:
    async def body(scene: Scene) -> None:
        scene.enter(0, 1)
        await asyncio.sleep(0.2)
        scene.tasks[0].cancel()
        await scene.all()
        await asyncio.sleep(5)
        assert scene.book.said(0) == ["claim", "take back"]
        assert scene.order == [1]

    played(body, delay=0.5)


# ── the end ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("leave", [False, True])
def test_a_claim_that_cannot_be_written_lets_nobody_through(*, leave: bool) -> None:
    async def body(scene: Scene) -> None:
        scene.book.failing = DISK_FULL
        scene.enter(*range(4))
        await asyncio.sleep(0.05)
        if leave:
            scene.tasks[0].cancel()
        ends = await scene.all()
        assert [type(end) for end in ends] == [asyncio.CancelledError if leave else LedgerError] + [LedgerError] * 3
        assert scene.passed == []
        assert set(scene.book.states.values()) <= {State.READY}

    played(body, delay=0.5)


def test_when_the_pace_ends_nobody_is_left_waiting() -> None:
    async def body(scene: Scene) -> None:
        scene.enter(*range(10))
        await asyncio.sleep(0.7)  # the first two are being claimed, and still pass
        scene.tasks[9].cancel()
        scene.pace.cancel()
        with suppress(asyncio.CancelledError):
            await scene.pace
        scene.enter(10)
        ends = await scene.all()
        assert ends[:2] == [False, False]
        assert [type(end) for end in ends[2:]] == [Stopped] * 7 + [asyncio.CancelledError, Stopped]
        assert ends[2].exit_code == 75
        assert set(scene.book.states) == {0, 1}

    played(body, 2.0, delay=1.0)


def test_a_bug_in_the_pace_reaches_everybody_who_waits() -> None:
    async def body(scene: Scene) -> None:
        bug = RuntimeError("bug")

        def broken(_: Any) -> Any:
            raise bug

        scene.gate._claim = broken
        scene.enter(*range(5))
        assert await scene.all() == [bug] * 5
        scene.enter(5)
        assert await scene.all() == [bug] * 6
        assert scene.passed == []
        with pytest.raises(RuntimeError):
            await scene.pace

    played(body)


# ── what a claim leaves ready ─────────────────────────────────────────────────────────────────────────────────────


def test_who_gets_nothing_and_what_costs_too_much_does_not_pass() -> None:
    """The others of the same commit do."""

    async def body(scene: Scene) -> None:
        dear = Stopped("too dear", reason="cost")
        scene.book.refused = {2: "suppressed", 3: dear}
        scene.enter(1, 2, 3, 4)
        came = await scene.all()
        assert came[0] is came[3] is False
        assert isinstance(came[1], Barred) and came[1].reason == "suppressed"
        assert came[2] is dear
        assert scene.book.said(2) == scene.book.said(3) == []

    played(body)


def test_a_window_that_closed_is_seen_before_the_claim() -> None:
    async def body(scene: Scene) -> None:
        came = await asyncio.gather(
            scene.gate.enter(1, lambda: False), scene.gate.enter(2, lambda: True), return_exceptions=True
        )
        assert isinstance(came[0], Closed) and came[1] is False
        assert scene.book.said(1) == []

    played(body)


def test_a_probe_that_is_left_ready_hands_on_to_the_next() -> None:
    async def body(scene: Scene) -> None:
        scene.book.refused = {1: "suppressed"}
        await scene.pause(1.0)
        scene.enter(1, 2)
        came = await scene.all()
        assert isinstance(came[0], Barred)
        assert came[1] is True, "the second is the probe in its place"

    played(body)
