"""`campaign.send`: exactly one result for each input, however its caller behaves."""

import asyncio
import gc
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from omni_bulk import InputError, LedgerError, OmniBulkError, Recipient, Refused, Result, Stopped, Template

from .kit import FROM, TEXT, Bench, lines, number, outcome, people, seqs_are_gapless, until
from .kit import bench as open_bench

HELLO = Template(TEXT, from_=FROM)
OUT = Path("october.results.jsonl")


async def streamed(rows: list[dict[str, Any]]) -> AsyncIterator[dict[str, Any]]:
    for row in rows:
        yield row


def made(rows: list[dict[str, Any]]) -> Iterator[Recipient]:
    for row in rows:
        yield Recipient(row["to"], fields=row)


def as_it_is(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return rows


@pytest.mark.parametrize("how", [as_it_is, made, streamed])
async def test_each_input_has_one_result_in_the_order_of_its_recording(bench: Bench, how: Any) -> None:
    rows = [*people(*range(300)), {"to": "12", "name": "bad"}, *people(5)]
    await bench.send(how(people(*range(100))))
    sent = await bench.send(how(rows))
    assert len(sent.results) == len(rows) == sent.summary.recipients
    assert sum(result.replayed for result in sent.results) == 100
    assert [result.status for result in sent.results if result.row == 301] == ["invalid"]
    assert sent.outcomes["skipped:duplicate"] == 1
    recorded = [result.seq for result in sent.results if not result.replayed]
    assert recorded == sorted(recorded)
    assert seqs_are_gapless(OUT)


async def test_an_item_of_an_async_iterable_is_posted_while_the_next_is_awaited(bench: Bench) -> None:
    waits: list[float] = []
    clock = asyncio.get_running_loop().time

    async def live() -> AsyncIterator[dict[str, Any]]:
        for index in range(20):
            began = clock()
            yield people(index)[0]
            await until(lambda: len(bench.sandbox.messages) > index)  # noqa: B023  called in this turn only
            waits.append(clock() - began)

    sent = await bench.send(live())
    assert sent.outcomes == {"accepted": 20}
    assert sorted(waits)[len(waits) // 2] < 0.2  # two commits and a post, on a busy machine


async def test_an_endless_list_can_be_left_and_resumed(bench: Bench) -> None:
    async def endless() -> AsyncIterator[dict[str, Any]]:
        index = 0
        while True:
            yield people(index)[0]
            index += 1

    got: list[Result] = []
    async with bench.omni() as omni, omni.campaign("october", HELLO) as campaign:
        async for result in campaign.send(endless()):
            got.append(result)
            if len(got) == 30:
                break
    assert campaign.summary is not None
    assert (campaign.summary.stop_reason, campaign.summary.exit_code) == ("left", 75)
    recorded = lines(OUT)
    assert len(recorded) == len(bench.sandbox.messages) >= 30
    assert {line["status"] for line in recorded} == {"accepted"}
    again = await bench.send(people(*range(len(recorded))))
    assert again.outcomes == {"+accepted": len(recorded)}
    assert bench.nobody_got_two()


async def test_leaving_the_loop_stops_sending_although_the_campaign_stays_open(bench: Bench) -> None:
    async with bench.omni() as omni, omni.campaign("october", HELLO) as campaign:
        async for _ in campaign.send(people(*range(600))):
            break
        await until(lambda: campaign.summary is not None)
        assert len(bench.sandbox.messages) < 600
        rest = [result async for result in campaign.send(people(*range(600)))]
    assert len(rest) == 600
    assert bench.nobody_got_two()


async def test_a_stream_that_was_closed_is_at_its_end(bench: Bench) -> None:
    async with bench.omni() as omni, omni.campaign("october", HELLO) as campaign:
        await campaign.send(people(1)).aclose()  # not begun: nothing to end
        stream = campaign.send(people(*range(200)))
        await anext(stream)
        await stream.aclose()
        assert campaign.summary is not None
        assert [result async for result in stream] == []
        assert len(lines(OUT)) == len(bench.sandbox.messages) < 200
        await stream.aclose()


async def test_a_stream_that_waited_for_another_and_was_left_sends_nothing() -> None:
    async with open_bench(latency_ms=100) as bench, bench.omni() as omni, omni.campaign("october", HELLO) as campaign:
        first = campaign.send(people(1))
        second = campaign.send(people(2))
        reading = asyncio.create_task(anext(first))
        await until(lambda: bench.sandbox._in_flight == 1)
        campaign.leave()
        waiting = asyncio.create_task(anext(second))
        await asyncio.sleep(0.01)
        waiting.cancel()
        await asyncio.wait({waiting})
        del waiting, second
        assert (await reading).status == "accepted"
        assert (await campaign.run(people(3))).exit_code == 0
    assert set(bench.texts) == {number(1), number(3)}


async def test_a_list_may_follow_at_once_where_a_loop_was_left(bench: Bench) -> None:
    async with bench.omni() as omni, omni.campaign("october", HELLO) as campaign:
        async with aclosing(campaign.send(people(*range(500)))) as stream:
            async for _ in stream:
                break
        assert campaign.summary is not None
        async for _ in campaign.send(people(*range(500))):
            break
        rest = [result async for result in campaign.send(people(*range(500)))]
        assert len(rest) == 500
    assert bench.nobody_got_two()


async def test_two_lists_one_after_the_other_in_one_open_campaign(bench: Bench) -> None:
    async with bench.omni() as omni, omni.campaign("october", HELLO) as campaign:
        first = [outcome(result) async for result in campaign.send(people(1, 2))]
        second = [outcome(result) async for result in campaign.send(people(2, 3))]
        assert campaign.summary is not None
        assert dict(campaign.summary.run) == {"accepted": 1}
    assert first == ["accepted"] * 2
    assert sorted(second) == ["+accepted", "accepted"]
    assert bench.nobody_got_two()


async def test_two_lists_at_once_in_one_campaign_are_refused(bench: Bench) -> None:
    async with bench.omni() as omni, omni.campaign("october", HELLO) as campaign:
        stream = campaign.send(people(1, 2))
        await anext(stream)
        with pytest.raises(Refused, match="already sending"):
            await campaign.run(people(3))
        assert len([result async for result in stream]) == 1


async def test_a_slow_caller_does_not_slow_sending(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("omni_bulk.sink.MEMORY_MAX", 20)
    many = 200
    async with bench.omni() as omni, omni.campaign("october", HELLO) as campaign:
        stream = campaign.send(people(*range(many)))
        got = [await anext(stream)]
        await until(lambda: len(bench.sandbox.messages) == many, patience=30)
        got += [result async for result in stream]
    assert len({result.ref for result in got}) == many
    assert [result.seq for result in got] == list(range(1, many + 1))


@pytest.mark.parametrize("left", [False, True])
async def test_a_caller_who_left_results_on_the_disk_leaves_no_file(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, left: bool
) -> None:
    monkeypatch.setattr("omni_bulk.sink.MEMORY_MAX", 20)
    many = 100
    async with bench.omni() as omni, omni.campaign("october", HELLO) as campaign:
        stream = campaign.send(people(*range(many)))
        await anext(stream)
        if not left:
            await until(lambda: campaign.summary is not None, patience=30)
        del stream
        gc.collect()
        await asyncio.sleep(0)
        await asyncio.sleep(0)  # an unclosed file would be a warning, and so an error


async def test_what_the_loop_body_raises_passes_and_what_is_in_flight_is_recorded(bench: Bench) -> None:
    async def body() -> None:
        async with bench.omni() as omni, omni.campaign("october", HELLO) as campaign:
            async for _ in campaign.send(people(*range(100))):
                raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await body()
    assert len(lines(OUT)) == len(bench.sandbox.messages)
    rest = await bench.send(people(*range(100)))
    assert len(rest.results) == 100
    assert bench.nobody_got_two()


def broken(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    yield from rows
    raise ZeroDivisionError


async def broken_stream(rows: list[dict[str, Any]]) -> AsyncIterator[dict[str, Any]]:
    for row in rows:
        yield row
    raise ZeroDivisionError


@pytest.mark.parametrize("breaks", [broken, broken_stream])
@pytest.mark.parametrize("after", [0, 3, 300])
async def test_what_the_callers_list_raises_is_raised_plain_after_what_was_sent_is_recorded(
    bench: Bench, breaks: Any, after: int
) -> None:
    got: list[Result] = []

    async def program() -> None:
        async with bench.omni() as omni, omni.campaign("october", HELLO) as campaign:
            async for result in campaign.send(breaks(people(*range(after)))):
                got.append(result)  # noqa: PERF401  it raises

    with pytest.raises(ZeroDivisionError):
        await program()
    assert len(got) == len(bench.sandbox.messages)
    assert (await bench.send(people(*range(after)))).summary.exit_code == 0
    assert bench.nobody_got_two()


@pytest.mark.parametrize(("before", "code"), [(0, 2), (3, 5)])
async def test_a_list_that_breaks_off_says_with_2_that_nothing_was_sent_and_else_does_not(
    bench: Bench, before: int, code: int
) -> None:
    async def rows() -> AsyncIterator[dict[str, Any]]:
        for row in people(*range(before)):
            yield row
        await until(lambda: bench.posts == before)
        raise InputError("the list changed while it was read")

    with pytest.raises(OmniBulkError, match="changed while it was read") as ended:
        await bench.send(rows())
    assert ended.value.exit_code == code
    assert bool(bench.posts) == bool(before)
    await bench.send(people(*range(before)))
    assert bench.nobody_got_two()


async def test_bad_credentials_stop_with_5_and_post_nothing(bench: Bench) -> None:
    with pytest.raises(Stopped) as stopped:
        await bench.send(people(*range(10)), account={"client_password": "wrong"})
    assert (stopped.value.reason, stopped.value.exit_code) == ("bad_credentials", 5)
    assert stopped.value.__context__ is None or not isinstance(stopped.value.__context__, BaseExceptionGroup)
    assert bench.posts == 0
    assert not OUT.read_bytes()
    assert (await bench.send(people(*range(10)))).outcomes == {"accepted": 10}


async def test_the_same_stop_is_a_summary_for_run(bench: Bench) -> None:
    async with bench.omni(client_password="wrong") as omni, omni.campaign("october", HELLO) as campaign:
        summary = await campaign.run(people(1, 2))
    assert (summary.exit_code, summary.stop_reason, summary.remaining) == (5, "bad_credentials", 2)


async def test_a_ledger_that_fails_is_a_plain_error_and_the_result_goes_to_the_last_resort(bench: Bench) -> None:
    told: list[Result] = []
    omni = bench.omni()
    omni._unrecorded = told.append

    async def program() -> None:
        async with omni, omni.campaign("october", HELLO) as campaign:
            stream = campaign.send(people(*range(400)))
            await anext(stream)
            assert campaign._sink is not None
            campaign._sink.close()  # the disk is gone
            async for _ in stream:
                pass

    with pytest.raises(LedgerError):
        await program()
    again = await bench.send(people(*range(400)))
    assert bench.sandbox.stats()["doubles"] == 0
    accepted = {result.ref for result in again.results if result.status == "accepted"}
    assert {message.ref for message in bench.sandbox.messages} <= accepted | {
        result.ref for result in again.results if result.status == "unknown"
    }
    assert len(again.results) == 400


# ── cancelling ────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_who_is_cancelled_while_the_first_item_is_awaited_is_free_at_once(bench: Bench) -> None:
    waits = asyncio.Event()
    closed: list[bool] = []

    async def silent() -> AsyncIterator[dict[str, Any]]:
        try:
            waits.set()
            await asyncio.Event().wait()
            yield {}
        finally:
            closed.append(True)

    sending = asyncio.create_task(bench.send(silent()))
    await waits.wait()
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        async with asyncio.timeout(5):
            await sending
    assert closed == [True]


async def test_the_deadline_ends_the_wait_for_the_first_item_too(bench: Bench) -> None:
    async def silent() -> AsyncIterator[dict[str, Any]]:
        await asyncio.Event().wait()
        yield {}

    async with bench.omni() as omni, omni.campaign("october", HELLO) as campaign, asyncio.timeout(5):
        summary = await campaign.run(silent(), deadline=0.05)
    assert (summary.stop_reason, summary.exit_code, summary.recipients) == ("deadline", 6, 0)


@pytest.mark.parametrize(("times", "status"), [(1, "accepted"), (2, "unknown")])
async def test_cancelled_once_what_is_in_flight_ends_cancelled_twice_it_is_unknown(times: int, status: str) -> None:
    async with (
        open_bench(latency_ms=300) as bench,
        bench.omni() as omni,
        omni.campaign("october", HELLO) as campaign,
    ):
        sending = asyncio.create_task(campaign.run(people(1)))
        await until(lambda: bench.sandbox._in_flight == 1)
        for _ in range(times):
            sending.cancel()
            await asyncio.sleep(0.01)
        with pytest.raises(asyncio.CancelledError):
            await sending
        assert [line["status"] for line in lines(OUT)] == [status]
        assert campaign.summary is not None
        assert (campaign.summary.stop_reason, campaign.summary.exit_code) == ("left", 75)


async def test_a_run_that_is_left_before_it_reads_sends_nothing(bench: Bench) -> None:
    async with bench.omni() as omni, omni.campaign("october", HELLO) as campaign:
        running = asyncio.create_task(campaign.run(people(1)))
        await asyncio.sleep(0)  # it has begun, and nothing is read yet
        campaign.cancel()
        summary = await running
        campaign.stop(Stopped("too late", reason="late"))  # a run that has ended cannot be stopped
    assert (summary.exit_code, summary.recipients, campaign.summary) == (75, 0, summary)
    assert bench.posts == 0


async def test_the_drain_of_the_account_ends_its_campaigns_and_their_loops_hear_of_it() -> None:
    async with open_bench(latency_ms=100) as bench, bench.omni(workers=4) as omni:
        campaign = omni.campaign("october", HELLO)
        async with campaign:
            stream = campaign.send(people(*range(200)))
            got = [await anext(stream)]
            await omni.drain()
            with pytest.raises(Stopped) as stopped:
                got += [result async for result in stream]
            assert (stopped.value.reason, stopped.value.exit_code) == ("drained", 75)
        assert len(lines(OUT)) == len(bench.sandbox.messages) < 200


async def test_a_drain_that_runs_out_of_time_records_what_is_in_flight_as_unknown() -> None:
    async with open_bench() as bench, bench.omni(workers=2) as omni:
        bench.sandbox.fail_next("hang_after", 2)
        async with omni.campaign("october", HELLO) as campaign:
            running = asyncio.create_task(campaign.run(people(*range(10))))
            await until(lambda: len(bench.sandbox.messages) == 2)
            await omni.drain(0.05)
            summary = await running
        assert dict(summary.run) == {"unknown": 2}
        assert summary.exit_code == 75


async def test_leaving_the_account_with_a_campaign_under_way_records_it(bench: Bench) -> None:
    async with bench.omni() as omni:
        campaign = await omni.campaign("october", HELLO).__aenter__()
        running = asyncio.create_task(campaign.run(people(*range(500))))
        await until(lambda: len(bench.sandbox.messages) > 5)
    summary = await running
    assert summary.stop_reason == "drained"
    await campaign.__aexit__(None, None, None)
    assert len(lines(OUT)) == len(bench.sandbox.messages)


async def test_no_result_shows_a_number_or_a_text(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    bench.sandbox.state.refuse = "A322"
    sent = await bench.send(people(1, 2))
    shown = repr(sent.results) + repr(sent.summary) + caplog.text
    assert "Hello" not in shown
    assert number(1).strip("+") not in shown
