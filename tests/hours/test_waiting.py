"""Who waits for a window, in a world whose clock jumps over the nights: over real sockets against the sandbox."""

import asyncio
import tracemalloc
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime, time
from pathlib import Path
from typing import Any

import pytest

from omni_bulk import Summary, Template
from omni_bulk.account import World
from omni_bulk.ledger import book
from omni_bulk.model import CampaignRow, Entry, Message
from omni_bulk.waiting import Waiting
from omni_bulk.windows import Hours, Window
from omni_bulk.worker import Job
from tests.campaign.kit import FROM, TEXT, Bench, bench, lines, number, people, until

DAY = Window(time(9), time(20))
NEW_YORK = "+12015550{:03d}"


@dataclass
class Earth:
    """Its clock goes on by what is slept, and by what a test says. Nobody sleeps long while messages are on their way."""

    now: float
    busy: Callable[[], bool] = lambda: False

    async def sleep(self, seconds: float) -> None:
        while seconds > 5 and self.busy():
            await asyncio.sleep(0.001)
        self.now += seconds
        await asyncio.sleep(0)

    @property
    def world(self) -> World:
        return World(epoch=lambda: self.now, sleep=self.sleep)

    @property
    def shows(self) -> str:
        return datetime.fromtimestamp(self.now).astimezone(tz=datetime.fromisoformat(EVENING).tzinfo).isoformat()


EVENING = "2026-11-22T19:00:00+09:00"  # 05:00 in New York


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def earth() -> Earth:
    return Earth(datetime.fromisoformat(EVENING).timestamp())


def mixed(count: int) -> list[dict[str, Any]]:
    """Americans first, so that whoever can be sent to now has to go past them."""
    abroad = [{"to": NEW_YORK.format(100 + place), "name": f"u{place}"} for place in range(count)]
    return [*abroad, *people(*range(count))]


async def run(here: Bench, earth: Earth, rows: Any, *, hours: Hours | None = None, **how: Any) -> Summary:
    settings = how.pop("account", {})
    template = Template(TEXT, from_=FROM)
    async with (
        here.omni(world=earth.world, **settings) as omni,
        omni.campaign("october", template, hours=hours or Hours(DAY)) as campaign,
    ):
        earth.busy = lambda: campaign.run_now is not None and campaign.run_now._out > 0
        return await campaign.run(rows, **how)


async def test_who_is_outside_waits_and_the_others_go_first(earth: Earth) -> None:
    async with bench() as here:
        summary = await run(here, earth, mixed(300))
        assert summary.exit_code == 0
        assert summary.complete
        assert summary.campaign == {"accepted": 600}
        took = [message.to[:2] for message in here.sandbox.messages]
        assert took == ["+8"] * 300 + ["+1"] * 300
        assert earth.shows.startswith("2026-11-22T23:0")  # nine o'clock in New York
        assert here.nobody_got_two()


async def test_a_deadline_before_the_window_leaves_them_unsent_without_a_line(earth: Earth) -> None:
    async with bench() as here:
        summary = await run(here, earth, mixed(5), deadline=3600.0)
        assert (summary.exit_code, summary.stop_reason) == (6, "window")
        assert summary.not_before == "2026-11-22T23:00:00.000+09:00"
        assert (summary.campaign, summary.remaining) == ({"accepted": 5}, 5)
        assert len(lines("october.results.jsonl")) == 5
        assert earth.shows.startswith("2026-11-22T19:0")  # it did not wait in vain
        earth.now += 4 * 3600
        again = await run(here, earth, mixed(5), deadline=3600.0)
        assert again.exit_code == 0
        assert again.campaign == {"accepted": 10}
        assert here.nobody_got_two()


async def test_a_stop_ends_the_waiting(earth: Earth) -> None:
    async with bench() as here:
        asleep = asyncio.Event()

        async def sleep(seconds: float) -> None:
            if seconds < 30:
                return await earth.sleep(seconds)
            asleep.set()
            await asyncio.sleep(3600)
            return None

        world = World(epoch=lambda: earth.now, sleep=sleep)
        template = Template(TEXT, from_=FROM)
        async with here.omni(world=world) as omni, omni.campaign("october", template, hours=Hours(DAY)) as campaign:
            sending = asyncio.create_task(campaign.run(mixed(3)))
            await asleep.wait()
            run_now = campaign.run_now
            assert run_now is not None
            await until(lambda: run_now.waits_for is not None)
            assert str(run_now.waits_for).endswith(", 3 recipients wait")
            await campaign.drain("told")
            summary = await sending
        assert (summary.exit_code, summary.remaining) == (75, 3)
        assert summary.not_before == "2026-11-22T23:00:00.000+09:00"


async def test_a_window_that_closes_while_a_message_waits_for_its_pace_keeps_it(earth: Earth) -> None:
    """It was open when the message was handed over; at the gate it is looked at again, and next morning it goes."""
    earth.now += 3600 - 2  # two seconds before eight
    async with bench() as here:
        template = Template(TEXT, from_=FROM)

        def closes(count: int) -> None:
            if count == 5:
                earth.now += 10

        seen = 0

        def deliver(_: object) -> None:
            nonlocal seen
            seen += 1
            closes(seen)

        async with (
            here.omni(world=earth.world, rate=50, workers=4) as omni,
            omni.campaign("october", template, hours=Hours(DAY, "Asia/Seoul")) as campaign,
        ):
            earth.busy = lambda: campaign.run_now is not None and campaign.run_now._out > 0
            summary = await campaign.run(people(*range(30)), deliver=deliver)
        assert summary.exit_code == 0
        assert summary.campaign == {"accepted": 30}
        assert here.nobody_got_two()
        sent = [line["sentAt"][:13] for line in lines("october.results.jsonl")]
        late = sent.count("2026-11-23T09")
        assert late >= 20
        assert all(hour in {"2026-11-22T19", "2026-11-22T20", "2026-11-23T09"} for hour in sent)
        assert sent.count("2026-11-22T20") <= 4  # claimed before the clock was moved, on their way when it struck


async def test_one_shot_iterables_wait_too(earth: Earth) -> None:
    async def stream() -> AsyncIterator[dict[str, Any]]:
        for row in mixed(20):
            yield row

    async with bench() as here:
        assert (await run(here, earth, stream())).campaign == {"accepted": 40}
        assert (await run(here, earth, (row for row in mixed(20)))).already_handled == 40


async def test_a_number_whose_zones_are_never_inside_at_once_is_skipped_and_said_to_be(earth: Earth) -> None:
    narrow = Window(time(10), time(19))
    rows = [*people(1), {"to": "+79123456789", "name": "Iwan"}]
    async with bench() as here:
        earth.now -= 3600
        summary = await run(here, earth, rows, hours=Hours(narrow))
        assert summary.reasons == {"no_window": 1}
        again = await run(here, earth, rows, hours=Hours(narrow, "Asia/Seoul"))
        assert again.campaign == {"accepted": 2}


async def test_nothing_leaves_before_start_at(earth: Earth) -> None:
    async with bench() as here:
        start = datetime.fromisoformat("2026-11-22T22:30:00+09:00")
        late = await run(here, earth, people(1), hours=None, start_at=start, deadline=600.0)
        assert (late.exit_code, late.stop_reason, late.not_before) == (6, "window", "2026-11-22T22:30:00.000+09:00")
        assert here.posts == 0
        template = Template(TEXT, from_=FROM)
        async with here.omni(world=earth.world) as omni, omni.campaign("october", template) as campaign:
            done = await campaign.run(people(1), start_at=start)
        assert done.exit_code == 0
        assert lines("october.results.jsonl")[0]["sentAt"] >= "2026-11-22T22:30:00"
        assert done.not_before is None


async def test_a_limit_counts_what_was_sent_not_what_waits(earth: Earth) -> None:
    async with bench() as here:
        summary = await run(here, earth, mixed(10), limit=4)
        assert (summary.exit_code, summary.stop_reason) == (6, "limit")
        assert summary.campaign == {"accepted": 4}
        assert {message.to for message in here.sandbox.messages} == {number(index) for index in range(4)}


def test_who_waits_takes_no_memory() -> None:
    campaign = CampaignRow(1, "11111111-1111-4111-8111-111111111111", 1, "october")
    message = Message("+12015550123", FROM, "a" * 200, "US", "GSM-7", 2, 7, "r", ("w",))
    job = Job(7, message, book.result_of(Entry(b"", "r", message), campaign), campaign, False, 2, 1.5, 30)
    tracemalloc.start()
    waiting = Waiting(campaign)
    for place in range(20_000):
        waiting.put(60.0 * (place % 3), job)
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()
    assert (len(waiting), waiting.next) == (20_000, 0.0)
    assert sum(1 for _ in waiting.due(59.0)) == 6_667
    assert (len(waiting), waiting.next) == (13_333, 60.0)
    assert list(waiting.due(59.0)) == []
    assert next(waiting.due(60.0)) == job
    waiting.close()
