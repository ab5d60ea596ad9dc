"""The life of one message: what each answer leads to, and that no cancellation and no error loses or repeats it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, cast

import pytest

from omni_bulk.auth import Tokens
from omni_bulk.errors import LedgerError, Stopped
from omni_bulk.gate import Closed, Gate
from omni_bulk.model import Kind, Message, Result, State, Status, Verdict
from omni_bulk.wire import Answer, Failure
from omni_bulk.worker import Job, Worker
from tests.engine.fakes import (
    BUSY,
    CAMPAIGN,
    DATE,
    DISK_FULL,
    DOUBTFUL,
    EXPIRED,
    FORBIDDEN,
    NOT_CONNECTED,
    TAKEN,
    Api,
    Book,
    issued,
    omni,
)
from tests.virtual_time import START, run_virtual, virtual_loop

MESSAGE = Message("+821012345678", "0212345678", "hello", "KR", "GSM-7", 1, row=2, ref="r-1")
DRAFT = Result(0, CAMPAIGN.uuid, CAMPAIGN.name, Status.FAILED, ref="r-1", row=2)
ID = 7
A010 = Verdict(Kind.REFUSED, code="A010", omni=True)
A001 = Verdict(Kind.TOKEN, code="A001", omni=True)
PAUSE = Verdict(Kind.THROTTLED, code="A020", retry_after=1.0, omni=True)


class Bench:
    """One worker with the real gate and tokens, over a `Book` and an `Api`."""

    def __init__(self, api: Api, book: Book, *, rate: float = 200.0, draw: float = 0.5) -> None:
        loop = asyncio.get_running_loop()
        self.api, self.book = api, book
        self.unrecorded: list[Result] = []
        self.gate = Gate(rate, claim=book.claim, release=book.take_back, clock=loop.time, sleep=asyncio.sleep)
        self.tokens = Tokens(
            api.fetch_token, clock=loop.time, epoch=DATE.timestamp, sleep=asyncio.sleep, draw=lambda: draw
        )
        self.worker = Worker(
            cast("Any", api), self.tokens, self.gate, cast("Any", book),
            epoch=DATE.timestamp, sleep=asyncio.sleep, draw=lambda: draw, unrecorded=self.unrecorded.append,
        )  # fmt: skip
        self.job = Job(ID, MESSAGE, DRAFT, CAMPAIGN)

    async def deliver(self) -> Result:
        return await self.worker.deliver(self.job)

    def now(self) -> float:
        return virtual_loop().time() - START

    def check(self) -> None:
        """The promise, for one message."""
        state = self.book.states[ID]
        assert state is not State.CLAIMED, "left in doubt although nothing crashed"
        assert state is not State.READY or not self.api.doubts, "ready although it may have been taken"
        assert self.worker.in_flight == 0
        assert (self.job.result is None) == (state is State.READY)
        if self.job.result is not None:
            assert self.job.result == self.book.results[ID]


def played(body: Callable[[Bench], Awaitable[Any]], *posts: Any, **more: Any) -> Any:
    """Runs `body` on a bench whose API gives these answers; no error may go unseen."""
    noise: list[Any] = []
    delay, takes, tokens = more.pop("delay", 0.001), more.pop("takes", 0.001), more.pop("tokens", ())

    async def main() -> Any:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: noise.append(context))
        bench = Bench(Api(*posts, tokens=tokens, takes=takes), Book(delay), **more)
        pace = asyncio.create_task(bench.gate.run())
        try:
            return await body(bench)
        finally:
            pace.cancel()
            await asyncio.gather(pace, return_exceptions=True)
            await bench.tokens.close()
            await asyncio.sleep(5)

    result = run_virtual(main())[0]
    assert noise == []
    return result


def test_the_gate_hears_how_long_an_answer_took() -> None:
    """It has to know at which pace the message left that the answer tells about."""

    async def body(bench: Bench) -> None:
        await bench.deliver()
        assert bench.gate.latencies.p50 == 0.005

    played(body, TAKEN)


# ── every verdict ─────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Settled:
    answer: Answer
    status: Status
    attempts: int = 1
    reason: str | None = None
    code: str | None = None
    shared_from: bool = True


SETTLED = {
    "A000": Settled(TAKEN, Status.ACCEPTED, code="A000"),
    "A000 without msgKey": Settled(omni("A000"), Status.ACCEPTED, code="A000", reason="no_msg_key"),
    "A322": Settled(omni("A322", 400), Status.REJECTED, code="A322"),
    "A010": Settled(omni("A010", 400), Status.REJECTED, code="A010"),
    "A325 of its own from": Settled(omni("A325", 400), Status.REJECTED, code="A325", shared_from=False),
    "A999": Settled(DOUBTFUL, Status.UNKNOWN, code="A999", reason="unproven_code"),
    "502": Settled(Answer(502, {}, b"<html>"), Status.UNKNOWN, reason="bad_answer"),
    "foreign ref": Settled(omni("A000", ref="r-2"), Status.UNKNOWN, code="A000", reason="foreign_ref"),
}


@pytest.mark.parametrize("case", SETTLED)
def test_an_answer_that_settles(case: str) -> None:
    expected = SETTLED[case]

    async def body(bench: Bench) -> None:
        bench.job.shared_from = expected.shared_from
        result = await bench.deliver()
        assert (result.status, result.code, result.reason) == (expected.status, expected.code, expected.reason)
        assert (result.seq, result.attempts, result.ref) == (1, expected.attempts, "r-1")
        assert result.sent_at is not None and result.sent_at.startswith("2026-11-22T")
        assert result.latency_ms == expected.answer.latency_ms
        assert bench.book.said(ID) == ["claim", "settle"]
        assert not bench.job.busy and bench.job.stop is None
        assert bench.worker.posts == len(bench.api.posts) == 1
        bench.check()

    played(body, expected.answer)


@pytest.mark.parametrize(
    ("answer", "attempts", "waited"),
    [(EXPIRED, 2, 0.0), (BUSY, 2, 0.0), (Answer(429, {}, b""), 2, 0.0), (NOT_CONNECTED, 1, 0.5), (FORBIDDEN, 2, 0.5)],
    ids=["A001", "A020", "bare 429", "not connected", "bare 403"],
)
def test_an_answer_that_proves_that_it_was_not_taken_is_released_and_tried_again(
    answer: Answer, attempts: int, waited: float
) -> None:
    async def body(bench: Bench) -> None:
        result = await bench.deliver()
        assert (result.status, result.attempts) == (Status.ACCEPTED, attempts)
        assert bench.book.said(ID) == ["claim", "release", "claim", "settle"]
        assert bench.now() == pytest.approx(waited, abs=0.1)
        bench.check()

    played(body, answer, TAKEN)


def test_a_message_is_tried_until_it_succeeds_with_doubling_waits() -> None:
    async def body(bench: Bench) -> None:
        result = await bench.deliver()
        assert (result.status, result.attempts) == (Status.ACCEPTED, 1)
        assert bench.now() == pytest.approx(sum([1, 2, 4, 8, 16, 30, 30]) / 2, abs=0.3)
        assert bench.book.said(ID) == ["claim", "release"] * 7 + ["claim", "settle"]

    played(body, *[NOT_CONNECTED] * 7, TAKEN)


@pytest.mark.parametrize(
    ("answer", "reason", "attempts"),
    [
        (omni("A110", 403), "account_blocked", 1),
        (omni("A100", 401), "bad_credentials", 1),
        (omni("A320", 400), "quota", 1),
        (omni("A325", 400), "no_permission", 1),
        (replace(NOT_CONNECTED, failure=Failure.CERTIFICATE), "certificate", 0),
    ],
)
def test_an_answer_about_the_account_stops_and_leaves_the_message_ready(
    answer: Answer, reason: str, attempts: int
) -> None:
    async def body(bench: Bench) -> None:
        with pytest.raises(Stopped) as stopped:
            await bench.deliver()
        assert (stopped.value.reason, stopped.value.exit_code) == (reason, 5)
        assert bench.book.said(ID) == ["claim", "release"]
        assert bench.book.attempts[ID] == attempts
        assert not bench.job.busy
        bench.check()

    played(body, answer)


def test_a_streak_that_ends_the_run_releases_what_was_not_taken() -> None:
    async def body(bench: Bench) -> None:
        with pytest.raises(Stopped) as stopped:
            await bench.deliver()
        assert stopped.value.reason == "bare_refusal"
        assert bench.book.states[ID] is State.READY
        assert len(bench.api.posts) == 4  # three in a row, and one probe
        bench.check()

    played(body, FORBIDDEN)


def test_a_streak_that_ends_the_run_keeps_the_result_of_what_was_settled() -> None:
    async def body(bench: Bench) -> None:
        for _ in range(19):
            bench.gate.observe(A010, probe=False)
        result = await bench.deliver()
        assert result.status is Status.REJECTED
        assert bench.job.stop is not None and bench.job.stop.reason == "bad_json"
        bench.check()

    played(body, omni("A010", 400))


@pytest.mark.parametrize("answer", [EXPIRED, BUSY, NOT_CONNECTED, FORBIDDEN])
def test_the_last_attempt_is_the_last(answer: Answer) -> None:
    """A run that ends lets the attempt under way end, and begins no other."""

    async def body(bench: Bench) -> None:
        delivering = asyncio.create_task(bench.deliver())
        await asyncio.sleep(1.5)  # it is being posted
        bench.job.last = True
        with pytest.raises(Stopped, match="run again"):
            await delivering
        assert bench.now() < 6
        assert len(bench.api.posts) == 1
        bench.check()

    played(body, answer, TAKEN, takes=1.0)


def test_the_last_attempt_is_recorded() -> None:
    async def body(bench: Bench) -> None:
        bench.job.last = True
        assert (await bench.deliver()).status is Status.ACCEPTED

    played(body, TAKEN)


# ── tokens ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_each_token_that_is_refused_is_replaced_once() -> None:
    async def body(bench: Bench) -> None:
        assert (await bench.deliver()).attempts == 3
        assert bench.api.posts == ["Bearer 1", "Bearer 2", "Bearer 3"]
        assert bench.api.fetched == 3

    played(body, EXPIRED, EXPIRED, TAKEN, tokens=[issued(token=name) for name in "123"])


def test_tokens_that_are_never_taken_stop_the_run_with_the_message_ready() -> None:
    async def body(bench: Bench) -> None:
        with pytest.raises(Stopped) as stopped:
            await bench.deliver()
        assert (stopped.value.reason, stopped.value.exit_code) == ("tokens_do_not_work", 5)
        assert bench.book.attempts[ID] == len(bench.api.posts) == 3
        bench.check()

    played(body, EXPIRED)


def test_a_token_that_ends_while_its_message_waits_at_the_gate_is_not_shown() -> None:
    async def body(bench: Bench) -> None:
        delivering = asyncio.create_task(bench.deliver())
        await asyncio.sleep(0.5)  # it is being claimed
        bench.tokens.refused(1, A001)
        assert (await delivering).attempts == 1
        assert bench.api.posts == ["Bearer new"]
        assert bench.book.said(ID) == ["claim", "release", "claim", "settle"]
        bench.check()

    played(body, TAKEN, tokens=[issued(token="old"), issued(token="new")], delay=1.0)


def test_a_token_that_ends_at_the_gate_after_the_last_attempt_leaves_the_message_ready() -> None:
    async def body(bench: Bench) -> None:
        delivering = asyncio.create_task(bench.deliver())
        await asyncio.sleep(0.5)
        bench.tokens.refused(1, A001)
        bench.job.last = True
        with pytest.raises(Stopped):
            await delivering
        assert bench.api.posts == []
        bench.check()

    played(body, TAKEN, delay=1.0)


def test_a_probe_whose_token_ended_gives_its_place_away() -> None:
    """Else the gate would wait for ever for the verdict of a message that is not on its way."""

    async def body(bench: Bench) -> None:
        bench.gate.observe(PAUSE, probe=False)
        await bench.tokens.get()
        delivering = asyncio.create_task(bench.deliver())
        await asyncio.sleep(1.5)
        bench.tokens.refused(1, A001)
        assert (await delivering).status is Status.ACCEPTED
        assert bench.gate.waits_for is None

    played(body, TAKEN, delay=1.0)


def test_no_token_means_no_claim() -> None:
    async def body(bench: Bench) -> None:
        with pytest.raises(Stopped) as stopped:
            await bench.deliver()
        assert stopped.value.reason == "bad_credentials"
        assert bench.book.log == [] and bench.api.posts == []

    played(body, TAKEN, tokens=[omni("A100", 401)])


# ── errors ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_claim_that_cannot_be_written_means_no_post() -> None:
    async def body(bench: Bench) -> None:
        bench.book.failing = DISK_FULL
        with pytest.raises(LedgerError):
            await bench.deliver()
        assert bench.api.posts == [] and bench.unrecorded == []

    played(body, TAKEN)


@pytest.mark.parametrize("error", [DISK_FULL, AssertionError("a bug in another operation of the same commit")])
def test_a_result_that_cannot_be_written_is_told_at_least(error: Exception) -> None:
    async def body(bench: Bench) -> None:
        bench.book.failing, bench.book.failing_on = error, lambda name: name == "settle"
        with pytest.raises(type(error)):
            await bench.deliver()
        [told] = bench.unrecorded
        assert (told.ref, told.row, told.status, told.code, told.msg_key) == ("r-1", 2, Status.ACCEPTED, "A000", "k-1")
        assert bench.book.states[ID] is State.CLAIMED  # in doubt: the next run lists it
        assert bench.job.result is None

    played(body, TAKEN)


def test_a_result_that_cannot_be_written_is_told_even_when_nobody_waits_for_it() -> None:
    async def body(bench: Bench) -> None:
        bench.book.failing, bench.book.failing_on = DISK_FULL, lambda name: name == "settle"
        delivering = asyncio.create_task(bench.deliver())
        await asyncio.sleep(2)  # being settled
        delivering.cancel()
        with pytest.raises(asyncio.CancelledError):
            await delivering
        assert len(bench.unrecorded) == 1

    played(body, TAKEN, delay=1.0, takes=0.2)


def test_a_release_that_cannot_be_written_leaves_the_message_in_doubt_and_unposted() -> None:
    async def body(bench: Bench) -> None:
        bench.book.failing, bench.book.failing_on = DISK_FULL, lambda name: name == "release"
        with pytest.raises(LedgerError):
            await bench.deliver()
        assert bench.book.states[ID] is State.CLAIMED
        assert len(bench.api.posts) == 1

    played(body, BUSY, TAKEN)


def test_a_bug_below_leaves_the_message_unknown_and_the_gate_open() -> None:
    async def body(bench: Bench) -> None:
        bench.gate.observe(PAUSE, probe=False)
        with pytest.raises(ZeroDivisionError):
            await bench.deliver()
        assert bench.job.result is not None
        assert (bench.job.result.status, bench.job.result.reason) == (Status.UNKNOWN, "interrupted")
        bench.check()
        probe = await bench.gate.enter(ID + 1)
        assert probe, "the gate waits for ever for a probe that is gone"

    played(body, ZeroDivisionError())


# ── cancelled anywhere ────────────────────────────────────────────────────────────────────────────────────────────

STORIES: dict[str, tuple[Any, ...]] = {
    "accepted": (TAKEN,),
    "doubtful": (DOUBTFUL,),
    "rejected": (omni("A322", 400),),
    "expired once": (EXPIRED, TAKEN),
    "busy twice": (BUSY, BUSY, TAKEN),
    "not connected once": (NOT_CONNECTED, TAKEN),
    "stopped": (omni("A110", 403),),
    "a bug": (ZeroDivisionError(),),
}
TURN = 3e-6  # s: everything takes three turns of the loop, so that there are not many turns in all


def at_turn(turn: int, act: Callable[[], Any]) -> None:
    """Calls `act` so many turns of the loop from now, between whatever else runs then."""
    loop = asyncio.get_running_loop()
    if turn:
        loop.call_soon(at_turn, turn - 1, act)
    else:
        act()


def interrupted(story: tuple[Any, ...], *turns: int) -> bool:
    """Plays a story, cancelled at these turns of the loop. False when it was over before the first of them."""

    async def body(bench: Bench) -> bool:
        delivering = asyncio.create_task(bench.deliver())
        reached: list[bool] = []

        def cancel() -> None:
            reached.append(not delivering.done())
            delivering.cancel()

        for turn in turns:
            at_turn(turn, cancel)
        await asyncio.gather(delivering, return_exceptions=True)
        at_the_end = bench.book.states[ID]
        await asyncio.sleep(1)
        bench.check()
        if bench.job.result is not None:
            assert bench.book.states[ID] is at_the_end, "it ended before its result was on the disk"
        return bool(reached and reached[0])

    return bool(played(body, *story, delay=TURN, takes=TURN, rate=100_000.0, draw=1e-5))


@pytest.mark.parametrize("story", STORIES)
@pytest.mark.parametrize("again", [None, 1, 2, 3, 5, 8])
def test_a_message_cancelled_at_any_turn_is_ready_or_settled_and_never_posted_twice(
    story: str, again: int | None
) -> None:
    """Also when it is cancelled once more a little later, while it records what became of it."""
    turn = 0
    while interrupted(STORIES[story], turn, *([] if again is None else [turn + again])):
        turn += 1
    assert turn > 15


def test_a_post_that_is_cancelled_is_unknown_and_counted() -> None:
    async def body(bench: Bench) -> None:
        delivering = asyncio.create_task(bench.deliver())
        await asyncio.sleep(30)
        assert bench.worker.in_flight == 1 and bench.job.busy
        delivering.cancel()
        with pytest.raises(asyncio.CancelledError):
            await delivering
        result = bench.book.results[ID]
        assert (result.status, result.reason, result.attempts) == (Status.UNKNOWN, "interrupted", 1)
        assert bench.job.result == result
        bench.check()

    played(body, TAKEN, takes=20.0, tokens=[issued()])


def test_a_job_shows_neither_number_nor_text() -> None:
    async def body(bench: Bench) -> None:
        await bench.deliver()
        assert "821012345678" not in repr(bench.job)
        assert "hello" not in repr(bench.job)

    played(body, TAKEN)


# ── what is never claimed ─────────────────────────────────────────────────────────────────────────────────────────


def test_who_gets_nothing_any_more_is_skipped_without_a_post() -> None:
    async def body(bench: Bench) -> None:
        bench.book.refused = {ID: "suppressed"}
        result = await bench.deliver()
        assert (result.status, result.reason, result.attempts) == (Status.SKIPPED, "suppressed", 0)
        assert bench.api.posts == []
        assert bench.book.said(ID) == ["settle"]
        bench.check()

    played(body, TAKEN)


def test_who_is_put_on_the_list_between_two_attempts_is_skipped_then() -> None:
    async def body(bench: Bench) -> None:
        sending = asyncio.create_task(bench.deliver())
        while not bench.api.posts:
            await asyncio.sleep(0.001)
        bench.book.refused = {ID: "suppressed"}
        result = await sending
        assert (result.status, result.attempts, len(bench.api.posts)) == (Status.SKIPPED, 1, 1)
        bench.check()

    played(body, BUSY, TAKEN)


def test_a_closed_window_and_a_bound_on_money_leave_it_ready() -> None:
    async def body(bench: Bench) -> None:
        bench.job.is_open = lambda: False
        with pytest.raises(Closed):
            await bench.deliver()
        bench.job.is_open = None
        bench.book.refused = {ID: Stopped("too dear", reason="cost")}
        with pytest.raises(Stopped, match="too dear"):
            await bench.deliver()
        assert not bench.job.busy
        bench.check()

    played(body, TAKEN)
