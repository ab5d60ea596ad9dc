"""One token for everybody: fetched once, early enough, tried for with patience, and given up in time. Virtual time."""

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omni_bulk.auth import LIFE_MAX, LIFE_MIN, LIFE_UNKNOWN, REST, Grant, Tokens, due, life_of, no_token, passing
from omni_bulk.errors import Stopped
from omni_bulk.model import Kind, Verdict
from omni_bulk.policy import PATIENCE
from omni_bulk.wire import Answer, Failure
from tests.engine.fakes import DATE, following, issued, omni
from tests.virtual_time import START, run_virtual

A001, A002 = Verdict(Kind.TOKEN, code="A001", omni=True), Verdict(Kind.TOKEN, code="A002", omni=True)
HOUR = 3600.0


def lost(failure: Failure) -> Answer:
    return Answer(failure=failure)


class Endpoint:
    """Answers from a list, the last one again and again; `asked` are the seconds at which it was asked."""

    def __init__(self, *answers: Answer | Exception, takes: float = 0.0) -> None:
        self.answers = list(answers)
        self.takes = takes
        self.asked: list[float] = []

    async def __call__(self) -> Answer:
        self.asked.append(asyncio.get_running_loop().time() - START)
        await asyncio.sleep(self.takes)
        answer = following(self.answers)
        if isinstance(answer, Exception):
            raise answer
        return answer


def tokens(endpoint: Endpoint, *, draw: float = 0.5) -> Tokens:
    loop = asyncio.get_running_loop()
    return Tokens(endpoint, clock=loop.time, epoch=DATE.timestamp, sleep=asyncio.sleep, draw=lambda: draw)


def virtually(body: Callable[[Endpoint, Tokens], Awaitable[Any]], endpoint: Endpoint, **more: Any) -> Any:
    async def main() -> Any:
        made = tokens(endpoint, **more)
        try:
            return await body(endpoint, made)
        finally:
            await made.close()

    return run_virtual(main())[0]


# ── one for all ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_64_that_ask_at_once_get_one_token() -> None:
    async def body(endpoint: Endpoint, tokens: Tokens) -> None:
        assert tokens.peek() is None
        grants = await asyncio.gather(*(tokens.get() for _ in range(64)))
        assert set(grants) == {grants[0]} and grants[0].generation == 1
        assert grants[0].authorization == "Bearer t"
        assert len(endpoint.asked) == tokens.fetched == 1
        assert tokens.peek() is grants[0] is await tokens.get()

    virtually(body, Endpoint(issued(), takes=1.0))


def test_those_who_wait_may_leave_without_ending_the_refresh() -> None:
    async def body(endpoint: Endpoint, tokens: Tokens) -> None:
        waiting = [asyncio.create_task(tokens.get()) for _ in range(3)]
        await asyncio.sleep(0.5)
        for task in waiting[:2]:
            task.cancel()
        assert (await waiting[2]).generation == 1
        assert [task.cancelled() for task in waiting] == [True, True, False]
        assert len(endpoint.asked) == 1

    virtually(body, Endpoint(issued(), takes=1.0))


def test_a_refresh_that_nobody_waits_for_any_more_is_still_used() -> None:
    async def body(endpoint: Endpoint, tokens: Tokens) -> None:
        task = asyncio.create_task(tokens.get())
        await asyncio.sleep(0.5)
        task.cancel()
        await asyncio.sleep(1)
        assert tokens.peek() is not None
        assert len(endpoint.asked) == 1

    virtually(body, Endpoint(issued(), takes=1.0))


@pytest.mark.parametrize("leave", [False, True])
def test_an_error_reaches_everybody_who_waits_and_the_next_one_tries_anew(*, leave: bool) -> None:
    noise: list[dict[str, Any]] = []

    async def body(endpoint: Endpoint, tokens: Tokens) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: noise.append(context))
        waiting = [asyncio.create_task(tokens.get()) for _ in range(3)]
        await asyncio.sleep(0.5)
        if leave:
            for task in waiting:
                task.cancel()
        errors = await asyncio.gather(*waiting, return_exceptions=True)
        await asyncio.sleep(1)
        kind = asyncio.CancelledError if leave else RuntimeError
        assert [type(error) for error in errors] == [kind] * 3
        assert (await tokens.get()).generation == 1
        assert len(endpoint.asked) == 2

    virtually(body, Endpoint(RuntimeError("bug"), issued(), takes=1.0))
    assert noise == []


def test_closing_ends_a_refresh_under_way() -> None:
    async def main() -> None:
        made = tokens(Endpoint(issued(), takes=HOUR))
        await made.close()
        waiting = asyncio.create_task(made.get())
        await asyncio.sleep(1)
        await made.close()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    assert run_virtual(main())[1] < 2


# ── when it is due ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("life", "renewed"),
    [
        (24 * HOUR, 24 * HOUR - 600),
        (HOUR, HOUR - 360),
        (60.0, 54.0),
        (59.9, LIFE_UNKNOWN - 600),
        (0.0, LIFE_UNKNOWN - 600),
        (-HOUR, LIFE_UNKNOWN - 600),
        (48 * HOUR, 48 * HOUR - 600),
        (48 * HOUR + 1, LIFE_UNKNOWN - 600),
        (None, LIFE_UNKNOWN - 600),
    ],
)
def test_a_token_is_replaced_ten_minutes_or_a_tenth_of_its_life_ahead(life: float | None, renewed: float) -> None:
    assert due(life_of(life)) == pytest.approx(renewed)


@given(st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True)))
def test_whatever_a_token_says_the_clock_asks_for_few(life: float | None) -> None:
    assert 30 <= due(life_of(life)) < life_of(life) <= LIFE_MAX
    if life is not None and LIFE_MIN <= life <= LIFE_MAX:
        assert life_of(life) == life


@pytest.mark.parametrize("expired", ["tomorrow", "2026-11-23T16:40:47", "", "9999999999"])
def test_an_end_that_cannot_be_read_means_23_hours(expired: str) -> None:
    async def body(endpoint: Endpoint, tokens: Tokens) -> None:
        grant = await tokens.get()
        assert grant.refresh_at - asyncio.get_running_loop().time() == pytest.approx(23 * HOUR - 600, abs=0.01)

    virtually(body, Endpoint(issued(expired=expired)))


def test_the_life_is_counted_from_the_answers_own_date() -> None:
    """Our clock may be years off."""

    async def body(endpoint: Endpoint, made: Tokens) -> None:
        grant = await made.get()
        assert grant.refresh_at - asyncio.get_running_loop().time() == pytest.approx(2 * HOUR - 600, abs=0.01)

    virtually(body, Endpoint(issued(2 * HOUR)))


def test_the_token_is_replaced_when_it_is_due_and_not_before() -> None:
    async def body(endpoint: Endpoint, tokens: Tokens) -> None:
        first = await tokens.get()
        await asyncio.sleep(HOUR - 361)
        assert await tokens.get() is first
        assert len(endpoint.asked) == 1
        await asyncio.sleep(2)
        assert await tokens.get() is first  # nobody waits while it is good
        await asyncio.sleep(1)
        assert (await tokens.get()).generation == 2
        assert len(endpoint.asked) == 2

    virtually(body, Endpoint(issued(HOUR)))


def test_a_token_that_is_due_is_used_to_its_end_while_no_other_can_be_had() -> None:
    async def body(endpoint: Endpoint, tokens: Tokens) -> None:
        first = await tokens.get()
        await asyncio.sleep(HOUR - 360)
        while asyncio.get_running_loop().time() - START < HOUR - 1:
            assert await tokens.get() is first
            await asyncio.sleep(1)
        asked = len(endpoint.asked)
        await asyncio.sleep(1)
        assert tokens.peek() is None
        with pytest.raises(Stopped) as stopped:  # now somebody waits for the one that is tried for
            await tokens.get()
        assert stopped.value.exit_code == 69
        assert asked < len(endpoint.asked) < 60  # one attempt after the other, not one for each message

    virtually(body, Endpoint(issued(HOUR), omni("A999", 500)))


def test_a_refusal_of_the_next_token_stops_nobody_before_the_end_of_the_one_in_use() -> None:
    async def body(endpoint: Endpoint, tokens: Tokens) -> None:
        first = await tokens.get()
        await asyncio.sleep(HOUR - 359)
        for _ in range(300):
            assert await tokens.get() is first
            await asyncio.sleep(1)
        assert len(endpoint.asked) == 1 + 300 / REST
        await asyncio.sleep(60)
        with pytest.raises(Stopped) as stopped:
            await tokens.get()
        assert stopped.value.reason == "bad_credentials"

    virtually(body, Endpoint(issued(HOUR), omni("A100", 401)))


def test_a_token_of_a_few_seconds_is_not_asked_for_by_the_clock() -> None:
    async def body(endpoint: Endpoint, tokens: Tokens) -> None:
        for _ in range(1000):
            await tokens.get()
            await asyncio.sleep(1)
        assert len(endpoint.asked) == 1

    virtually(body, Endpoint(issued(0.3)))


# ── when it is refused ────────────────────────────────────────────────────────────────────────────────────────────


def test_ten_refusals_of_one_generation_are_one_refresh() -> None:
    async def body(endpoint: Endpoint, tokens: Tokens) -> None:
        first = await tokens.get()
        tokens.proven(first.generation)
        assert [tokens.refused(first.generation, A001) for _ in range(10)] == [None] * 10
        assert tokens.peek() is None
        second = await tokens.get()
        assert second.generation == 2
        assert [tokens.refused(first.generation, A001) for _ in range(10)] == [None] * 10
        assert tokens.peek() is second
        assert len(endpoint.asked) == 2

    virtually(body, Endpoint(issued()))


def test_a_late_refusal_while_its_successor_is_fetched_changes_nothing() -> None:
    async def body(endpoint: Endpoint, tokens: Tokens) -> None:
        first = await tokens.get()
        tokens.refused(first.generation, A001)
        renewing = asyncio.create_task(tokens.get())
        await asyncio.sleep(0.5)
        assert tokens.refused(first.generation, A002) is None
        assert (await renewing).generation == 2 == len(endpoint.asked)

    virtually(body, Endpoint(issued(), takes=1.0))


@pytest.mark.parametrize(
    ("refusals", "stops_at", "reason"),
    [
        ([A001, A001, A001], 3, "tokens_do_not_work"),
        ([A001, A001, None, A001, A001, A001], 6, "tokens_do_not_work"),
        ([None, A001, None, A001, None, A001, None, A001], None, None),
        ([A002, A002], 2, "token_invalid"),
        ([None, A002, A002], 3, "token_invalid"),
        ([A002, None, A002, None, A002], None, None),
        ([A001, A002, A002], 3, "token_invalid"),
        ([A002, A001, A002], 3, "tokens_do_not_work"),
    ],
    ids=str,
)
def test_tokens_that_never_work_stop_the_run(
    refusals: list[Verdict | None], stops_at: int | None, reason: str | None
) -> None:
    """Each entry is one generation: refused, or (None) proven first and then refused with A001."""

    async def body(endpoint: Endpoint, tokens: Tokens) -> None:
        stopped: Stopped | None = None
        for number, refusal in enumerate(refusals, 1):
            grant = await tokens.get()
            if refusal is None:
                tokens.proven(grant.generation)
            assert stopped is None
            stopped = tokens.refused(grant.generation, refusal or A001)
            assert (stopped is not None) == (number == stops_at)
        if stopped is not None:
            assert (stopped.reason, stopped.exit_code) == (reason, 5)

    virtually(body, Endpoint(issued()))


def test_after_such_a_stop_tokens_are_left_alone_for_a_while_and_then_tried_again() -> None:
    async def body(endpoint: Endpoint, tokens: Tokens) -> None:
        stopped = None
        while stopped is None:
            stopped = tokens.refused((await tokens.get()).generation, A001)
        for _ in range(29):
            with pytest.raises(Stopped, match="3 tokens in a row"):
                await tokens.get()
            await asyncio.sleep(1)
        assert len(endpoint.asked) == 3
        await asyncio.sleep(1.1)
        grant = await tokens.get()
        assert grant.generation == 4
        tokens.proven(4)
        assert tokens.refused(4, A001) is None
        assert (await tokens.get()).generation == 5

    virtually(body, Endpoint(issued()))


def test_the_proof_of_an_old_token_says_nothing_about_the_new_one() -> None:
    async def body(endpoint: Endpoint, tokens: Tokens) -> None:
        for number in (1, 2, 3):
            grant = await tokens.get()
            tokens.proven(grant.generation - 1)
            assert (tokens.refused(grant.generation, A001) is None) == (number < 3)

    virtually(body, Endpoint(issued()))


# ── trouble at the token endpoint ─────────────────────────────────────────────────────────────────────────────────

LATE = {"Retry-After": "40"}
PASSING = {
    "A020": omni("A020", 429),
    "A020 in a 200": omni("A020", 200),
    "bare 429": Answer(429, {}, b"<html>"),
    "502": Answer(502, {}, b"<html>"),
    "A999": omni("A999", 500),
    "A777": omni("A777", 400),
    "portal": Answer(200, {}, b"<html>"),
    "408": Answer(408, {}, b""),
    **{failure.value: lost(failure) for failure in Failure if failure not in {Failure.CERTIFICATE, Failure.PROXY_AUTH}},
}


@pytest.mark.parametrize("trouble", PASSING)
def test_trouble_that_may_pass_is_waited_out(trouble: str) -> None:
    async def body(endpoint: Endpoint, tokens: Tokens) -> None:
        assert (await tokens.get()).generation == 1
        assert len(endpoint.asked) == 4

    virtually(body, Endpoint(PASSING[trouble], PASSING[trouble], PASSING[trouble], issued()))


@pytest.mark.parametrize("draw", [0.0, 0.5, 0.999])
def test_the_waits_double_with_full_jitter(draw: float) -> None:
    async def body(endpoint: Endpoint, tokens: Tokens) -> None:
        await tokens.get()
        asked = endpoint.asked
        waits = [later - earlier for earlier, later in pairwise(asked)]
        bounds = [1, 2, 4, 8, 16, 30, 30]
        assert waits == pytest.approx([draw * bound for bound in bounds], abs=0.01)

    virtually(body, Endpoint(*[PASSING["502"]] * 7, issued()), draw=draw)


@pytest.mark.parametrize(("said", "waited"), [("40", 40.0), ("3000", 60.0), ("0", 0.5), ("soon", 0.5)])
def test_a_retry_after_is_honoured_up_to_a_minute(said: str, waited: float) -> None:
    async def body(endpoint: Endpoint, tokens: Tokens) -> None:
        await tokens.get()
        assert endpoint.asked[1] == pytest.approx(waited, abs=0.01)

    virtually(body, Endpoint(Answer(429, {"Retry-After": said}, b""), issued()))


@pytest.mark.parametrize("trouble", [PASSING["502"], PASSING["dns"], Answer(429, LATE, b"")])
def test_after_ten_minutes_of_trouble_the_run_ends_and_may_be_run_again(trouble: Answer) -> None:
    async def body(endpoint: Endpoint, tokens: Tokens) -> None:
        with pytest.raises(Stopped, match="no token could be had for 10 minutes") as stopped:
            await tokens.get()
        assert (stopped.value.reason, stopped.value.exit_code) == ("unavailable", 69)
        assert PATIENCE - 60 < asyncio.get_running_loop().time() - START <= PATIENCE

    virtually(body, Endpoint(trouble))


FATAL = {
    "A100": (omni("A100", 401), "bad_credentials"),
    "A100 in a 200": (omni("A100", 200), "bad_credentials"),
    "bare 401": (Answer(401, {}, b""), "bad_credentials"),
    "bare 403": (Answer(403, {}, b"<html>"), "bad_credentials"),
    "A110": (omni("A110", 403), "account_blocked"),
    "A111": (omni("A111", 403), "account_blocked"),
    "A113": (omni("A113", 403), "account_expired"),
    "A010": (omni("A010", 400), "account"),
    "certificate": (lost(Failure.CERTIFICATE), "certificate"),
    "proxy": (lost(Failure.PROXY_AUTH), "proxy_auth"),
    "404": (Answer(404, {}, b""), "no_token"),
    "redirect": (Answer(307, {}, b""), "no_token"),
    "A000 without a token": (omni("A000", 200, data={}), "no_token"),
    "a token for two headers": (issued(token="t\r\nX: y"), "no_token"),
}


@pytest.mark.parametrize("cause", FATAL)
def test_what_waiting_does_not_cure_stops_at_once(cause: str) -> None:
    answer, reason = FATAL[cause]

    async def body(endpoint: Endpoint, tokens: Tokens) -> None:
        with pytest.raises(Stopped) as stopped:
            await tokens.get()
        assert (stopped.value.reason, stopped.value.exit_code) == (reason, 5)
        assert endpoint.asked == [pytest.approx(0, abs=0.01)]

    assert not passing(answer)
    assert no_token(answer).reason == reason
    virtually(body, Endpoint(answer))


# ── secrets ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_no_token_is_shown_or_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    shown: list[str] = []

    async def body(endpoint: Endpoint, tokens: Tokens) -> None:
        task = asyncio.create_task(tokens.get())
        grant = await task
        shown.extend(map(repr, [grant, task, tokens, Grant(1, "Bearer s3cr3t", 0.0, 1.0)]))
        tokens.refused(1, A001)
        with pytest.raises(Stopped) as stopped:
            await tokens.get()
        shown.extend(traceback.format_exception(stopped.value))

    virtually(body, Endpoint(issued(token="s3cr3t"), omni("A100", 401)))
    assert "token fetched" in caplog.text
    assert "s3cr3t" not in caplog.text + "".join(shown)
