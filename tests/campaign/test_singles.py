"""`omni.send`: one message, idempotent by its ref."""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from omni_bulk import Omni, RefConflict, Result, SettingsError, Stopped
from omni_bulk.account import World
from omni_bulk.guards import SETTLED_MIN
from omni_bulk.lock import OwnerLock
from omni_bulk.singles import GUARD_PAUSE

from .kit import FROM, Bench, Clock, number, until
from .kit import bench as open_bench


def send(omni: Omni, ref: str = "login-1", index: int = 1, text: str = "Your code is 1", **more: Any) -> Any:
    return omni.send(number(index), text, from_=FROM, ref=ref, **more)


async def test_the_same_ref_again_is_the_recorded_result_without_a_post(bench: Bench) -> None:
    async with bench.omni() as omni:
        first: Result = await send(omni)
        again = await send(omni)
    async with bench.omni() as omni:
        later = await send(omni)
    assert (first.status, first.ref, first.replayed) == ("accepted", "login-1", False)
    assert first.msg_key == bench.sandbox.messages[0].msg_key
    assert [(result.msg_key, result.seq, result.replayed) for result in (again, later)] == [
        (first.msg_key, 1, True)
    ] * 2
    assert bench.posts == 1


OTHERS = [{"text": "another"}, {"index": 2}, {"index": 0, "text": "another"}]


@pytest.mark.parametrize("other", OTHERS)
async def test_the_ref_of_another_message_is_a_conflict(bench: Bench, other: dict[str, Any]) -> None:
    async with bench.omni() as omni:
        await send(omni)
        with pytest.raises(RefConflict, match="needs a new ref") as conflict:
            await send(omni, **other)
    assert conflict.value.exit_code == 4
    assert bench.posts == 1


@pytest.mark.parametrize("other", OTHERS)
async def test_the_ref_of_a_message_that_is_out_is_a_conflict_at_once(other: dict[str, Any]) -> None:
    async with open_bench(latency_ms=200) as bench, bench.omni() as omni:
        first = asyncio.create_task(send(omni))
        await until(lambda: bench.sandbox._in_flight == 1)
        with pytest.raises(RefConflict):
            await send(omni, **other)
        assert not first.done()
        assert (await first).status == "accepted"
        assert bench.posts == 1


async def test_a_rejection_binds_until_the_message_changes(bench: Bench) -> None:
    async with bench.omni() as omni:
        bench.sandbox.state.refuse = "A322"
        assert (await send(omni)).status == "rejected"
        bench.sandbox.state.refuse = None
        again = await send(omni)
        assert (again.status, again.replayed) == ("rejected", True)
        assert (await send(omni, text="Your other code")).status == "accepted"


async def test_what_cannot_be_sent_is_a_result_and_its_ref_stays_free(bench: Bench) -> None:
    async with bench.omni() as omni:
        bad, worse = await asyncio.gather(
            omni.send("12", "x", from_=FROM, ref="a"), omni.send("letters", "x", from_=FROM, ref="a")
        )
        assert [(one.status, one.seq, one.replayed) for one in (bad, worse)] == [
            ("invalid", 1, False),
            ("invalid", 2, False),
        ]
        assert (await omni.send(number(1), "x", ref="b")).reason == "missing_from"
        assert (await send(omni, ref="a")).status == "accepted"
    assert bench.posts == 1


async def test_the_same_bad_message_at_once_is_one_result(bench: Bench) -> None:
    async with bench.omni() as omni:
        one, two = await asyncio.gather(*(omni.send("12", "x", from_=FROM, ref="a") for _ in range(2)))
    assert (one.seq, two.seq, one.replayed, two.replayed) == (1, 1, False, True)


@pytest.mark.parametrize("ref", ["", " ", "x" * 191, "a~2", "a\n"])
async def test_a_ref_that_is_none_is_refused_before_anything(bench: Bench, ref: str) -> None:
    async with bench.omni() as omni:
        with pytest.raises(SettingsError, match="1 to 190 characters"):
            await send(omni, ref=ref)


async def test_asked_many_times_at_once_a_ref_is_posted_once(bench: Bench) -> None:
    async with bench.omni() as omni:
        results = await asyncio.gather(*(send(omni, ref=f"r{index % 5}", index=index % 5) for index in range(50)))
    assert {result.status for result in results} == {"accepted"}
    assert sum(not result.replayed for result in results) == 5
    assert bench.sandbox.stats()["distinctRefs"] == bench.posts == 5


async def test_settings_fill_in_what_the_call_leaves_out(bench: Bench) -> None:
    async with bench.omni(region="KR", from_="0299999999") as omni:
        assert (await omni.send("010-1234-5678", "hi", ref="a")).to == "+821012345678"
    assert bench.sandbox.messages[0].from_ == "0299999999"


async def test_bad_credentials_are_raised_plain_and_the_ref_stays_free(bench: Bench) -> None:
    async with bench.omni(client_password="wrong") as omni:
        with pytest.raises(Stopped) as stopped:
            await send(omni)
    assert (stopped.value.exit_code, bench.posts) == (5, 0)
    async with bench.omni() as omni:
        assert (await send(omni)).status == "accepted"


# ── expiry ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_message_that_is_throttled_until_it_is_too_late_is_dropped(bench: Bench) -> None:
    bench.sandbox.state.refuse = "A020"
    async with bench.omni() as omni:
        late = await send(omni, expires_in=0.3)
        assert (late.status, late.reason, late.code) == ("failed", "expired", None)
        bench.sandbox.state.refuse = None
        assert not bench.sandbox.messages
        again = await send(omni)
        assert (again.status, again.replayed) == ("accepted", False)


async def test_a_message_that_reaches_nobody_until_it_is_too_late_is_dropped(bench: Bench) -> None:
    async with bench.omni() as omni:
        await send(omni, ref="before")  # has its token
        await bench.sandbox.close()
        late = await send(omni, expires_in=0.1)
    assert (late.status, late.reason, late.attempts) == ("failed", "expired", 0)


@pytest.mark.parametrize("seconds", [0, -1])
async def test_what_is_late_already_is_not_posted(bench: Bench, seconds: float) -> None:
    async with bench.omni() as omni:
        assert (await send(omni, expires_in=seconds)).reason == "expired"
    assert bench.posts == 0


async def test_what_is_out_when_it_expires_is_awaited() -> None:
    async with open_bench(latency_ms=600) as bench, bench.omni() as omni:
        sending = asyncio.create_task(send(omni, expires_in=0.3))
        assert (await sending).status == "accepted"
        assert (await send(omni, expires_in=5)).replayed


async def test_a_message_in_time_is_sent(bench: Bench) -> None:
    async with bench.omni() as omni:
        assert (await send(omni, expires_in=10)).status == "accepted"


# ── cancelling and draining ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("expires_in", [None, 10])
async def test_a_cancelled_await_cancels_no_post_and_asking_again_gives_its_result(expires_in: float | None) -> None:
    async with open_bench(latency_ms=100) as bench, bench.omni() as omni:
        sending = asyncio.create_task(send(omni, expires_in=expires_in))
        await until(lambda: bench.sandbox._in_flight == 1)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        result = await send(omni)
        assert (result.status, result.replayed) == ("accepted", True)
        assert bench.posts == 1


@pytest.mark.parametrize("turns", range(0, 40, 3))
async def test_cancelled_at_any_moment_a_ref_is_posted_once(bench: Bench, turns: int) -> None:
    async with bench.omni() as omni:
        sending = asyncio.create_task(send(omni))
        for _ in range(turns):
            await asyncio.sleep(0)
        sending.cancel()
        await asyncio.wait({sending})
        assert (await send(omni)).status == "accepted"
    assert bench.posts == 1


async def test_a_drain_waits_for_what_is_out_and_takes_nothing_new() -> None:
    async with open_bench(latency_ms=100) as bench, bench.omni() as omni:
        sending = asyncio.create_task(send(omni))
        await until(lambda: bench.sandbox._in_flight == 1)
        await omni.drain()
        assert (await sending).status == "accepted"
        with pytest.raises(Stopped) as stopped:
            await send(omni, ref="new")
        assert (stopped.value.reason, stopped.value.exit_code) == ("drained", 75)


@pytest.mark.parametrize("expires_in", [None, 60])
async def test_who_waits_for_what_a_drain_drops_is_told_and_not_cancelled(
    bench: Bench, expires_in: float | None
) -> None:
    bench.sandbox.state.refuse = "A020"
    async with bench.omni() as omni:
        sending = [asyncio.create_task(send(omni, ref=f"r{index}", expires_in=expires_in)) for index in range(30)]
        await until(lambda: bench.posts > 3)
        async with asyncio.timeout(5):
            await omni.drain(60)
        ended = await asyncio.gather(*sending, return_exceptions=True)
    assert all(isinstance(end, Stopped) and end.reason == "drained" for end in ended)
    bench.sandbox.state.refuse = None
    async with bench.omni() as omni:
        for index in range(30):
            assert (await send(omni, ref=f"r{index}")).status == "accepted"


@pytest.mark.parametrize("expires_in", [None, 60])
async def test_what_is_out_when_the_drain_gives_up_is_unknown(expires_in: float | None) -> None:
    async with open_bench() as bench:
        bench.sandbox.fail_next("hang_after")
        async with bench.omni() as omni:
            sending = asyncio.create_task(send(omni, expires_in=expires_in))
            await until(lambda: bool(bench.sandbox.messages))
            await omni.drain(0.05)
            with pytest.raises(Stopped):
                await sending
        async with bench.omni() as omni:
            result = await send(omni)
        assert (result.status, result.reason, result.replayed) == ("unknown", "interrupted", True)
        assert bench.posts == 1


async def test_leaving_the_account_cancelled_records_what_is_out() -> None:
    async with open_bench() as bench:
        bench.sandbox.fail_next("hang_after")
        out = asyncio.Event()

        async def service() -> None:
            async with bench.omni() as omni:
                sending = asyncio.create_task(send(omni))
                await until(lambda: bool(bench.sandbox.messages))
                out.set()
                sending.cancel()

        serving = asyncio.create_task(service())
        await out.wait()
        await asyncio.sleep(0.02)
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving
        async with bench.omni() as omni:
            assert (await send(omni)).status == "unknown"
        assert bench.posts == 1


@pytest.fixture
async def slowly_opening(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Omni, asyncio.Event]]:
    """An account whose first single send takes its time to open, and the event that tells when it does."""
    async with bench.omni() as omni:
        show_life, opening = omni.account.show_life, asyncio.Event()

        async def slowly() -> str:
            opening.set()
            await asyncio.sleep(0.02)
            return await show_life()

        monkeypatch.setattr(omni.account, "show_life", slowly)
        yield omni, opening


async def test_who_is_cancelled_while_the_first_opens_leaves_it_to_the_others(
    slowly_opening: tuple[Omni, asyncio.Event],
) -> None:
    omni, opening = slowly_opening
    first, second = asyncio.create_task(send(omni)), asyncio.create_task(send(omni, ref="other"))
    await opening.wait()
    first.cancel()
    assert (await second).status == "accepted"
    assert first.cancelled()


async def test_a_drain_while_the_first_opens_sends_nothing(
    bench: Bench, slowly_opening: tuple[Omni, asyncio.Event]
) -> None:
    omni, opening = slowly_opening
    first = asyncio.create_task(send(omni))
    await opening.wait()
    await omni.drain()
    with pytest.raises(Stopped, match="same ref"):
        await first
    assert bench.posts == 0


async def test_an_opening_that_failed_is_tried_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    async with bench.omni() as omni:

        async def fails() -> str:
            raise SettingsError("no place for a lock")

        with monkeypatch.context() as patch:
            patch.setattr(omni.account, "show_life", fails)
            with pytest.raises(SettingsError, match="no place"):
                await send(omni)
        assert (await send(omni)).status == "accepted"


# ── dead owners ───────────────────────────────────────────────────────────────────────────────────────────────────


async def leave_claimed(bench: Bench, refs: list[str], owner: str) -> None:
    """As a process leaves it that is killed while these refs are out."""
    clock = Clock.at("2026-11-20T10:00:00+09:00")
    bench.sandbox.state.refuse = "A100"
    async with bench.omni(world=clock.world) as omni:
        for ref in refs:
            with pytest.raises(Stopped):
                await send(omni, ref=ref)
        values = (owner, round(clock.now * 1000))
        await omni.account.ledger.write(
            lambda tx: tx.db.execute("UPDATE message SET state = 1, owner = ?, claimed_at = ?", values).rowcount
        )
    bench.sandbox.state.refuse = None


async def test_the_first_send_settles_what_dead_processes_left_whatever_it_asks_for(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    await leave_claimed(bench, ["a", "b"], str(uuid4()))
    before = bench.posts
    caplog.set_level(logging.WARNING)
    async with bench.omni() as omni:
        assert (await send(omni, ref="c")).seq == 3
        assert "2 single messages were in doubt" in caplog.text
        found = await send(omni, ref="a")
        assert (found.status, found.reason, found.replayed) == ("unknown", "interrupted", True)
        assert found.sent_at == "2026-11-20T10:00:00.000+09:00"
        with pytest.raises(RefConflict):
            await send(omni, ref="b", text="another")
    assert bench.posts == before + 1


async def test_a_living_process_keeps_its_claims_and_who_asks_waits(bench: Bench) -> None:
    owner = str(uuid4())
    await leave_claimed(bench, ["a"], owner)
    looked: list[float] = []

    async def sleep(seconds: float) -> None:
        looked.append(seconds)
        if len(looked) == 6:
            life.release()  # it dies
        await asyncio.sleep(0)

    with OwnerLock(bench.ledger, owner) as life:
        async with bench.omni(world=World(sleep=sleep)) as omni:
            found = await send(omni, ref="a")
    assert found.status == "unknown"
    assert looked[:6] == [0.05, 0.1, 0.2, 0.4, 0.5, 0.5]


# ── too much goes wrong ───────────────────────────────────────────────────────────────────────────────────────────


async def test_when_most_are_refused_single_sends_pause_say_so_and_go_on(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    loop, slept = asyncio.get_running_loop(), [0.0]

    async def sleep(seconds: float) -> None:
        slept[0] += seconds
        await asyncio.sleep(0)

    bench.sandbox.state.refuse = "A322"
    async with bench.omni(world=World(clock=lambda: loop.time() + slept[0], sleep=sleep)) as omni:
        refused = await asyncio.gather(*(send(omni, f"r-{i}", i) for i in range(SETTLED_MIN - 1)))
        assert {result.status for result in refused} == {"rejected"}
        assert slept[0] < 1.0  # no pause; what the pace wants is milliseconds
        assert events(caplog, "guard") == []
        assert (await send(omni, "r-last")).status == "rejected"
        (event,) = events(caplog, "guard")
        assert (event.levelname, event.reason, event.seconds) == ("ERROR", "failure_rate", GUARD_PAUSE)
        assert waits_for(omni) == "failure_rate"
        bench.sandbox.state.refuse = None
        assert (await send(omni, "next")).status == "accepted"  # the service goes on by itself
        assert slept[0] == pytest.approx(GUARD_PAUSE, abs=0.5)
        assert waits_for(omni) is None
        bench.sandbox.state.refuse = "A322"
        assert (await send(omni, "later")).status == "rejected"  # what was before the pause does not count any more
        assert len(events(caplog, "guard")) == 1


def waits_for(omni: Omni) -> str | None:
    return omni.account.gate.waits_for


def events(caplog: pytest.LogCaptureFixture, name: str) -> list[Any]:
    return [record for record in caplog.records if getattr(record, "event", None) == name]
