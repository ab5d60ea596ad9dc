"""A nightly job: one campaign a day, resumed after midnight when it was not finished, stale lists refused."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from omni_bulk import Refused, Source, read_recipients
from omni_bulk.campaign import Options

from .kit import Bench, Clock, people, write_csv


def listed(*indexes: int, file: str = "list.csv") -> Source:
    return read_recipients(write_csv(Path(file), people(*indexes)))


async def nightly(bench: Bench, clock: Clock, source: Source, *, per: str = "day", **sending: Any) -> Any:
    return await bench.send(source, per=per, recipients=source, account={"world": clock.world}, **sending)


async def test_each_day_is_a_campaign_of_its_own(bench: Bench) -> None:
    clock = Clock.at("2026-11-21T22:00+09:00")
    first = await nightly(bench, clock, listed(1, 2))
    clock.advance(hours=24)
    second = await nightly(bench, clock, listed(1, 2))
    assert (first.name, second.name) == ("october-2026-11-21", "october-2026-11-22")
    assert second.outcomes == {"accepted": 2}
    assert second.notes == []
    assert Path("october-2026-11-22.results.jsonl").exists()


@pytest.mark.parametrize(
    ("per", "now", "named"),
    [
        ("day", "2026-11-22T00:10+09:00", "october-2026-11-21"),
        ("week", "2026-11-23T00:10+09:00", "october-2026-W47"),
        ("month", "2026-12-01T00:10+09:00", "october-2026-11"),
    ],
)
async def test_a_restart_after_the_turn_of_the_period_resumes(bench: Bench, per: str, now: str, named: str) -> None:
    clock = Clock.at(now)
    clock.advance(hours=-1)
    before = await nightly(bench, clock, listed(1, 2, 3), per=per, limit=2)
    assert before.name == named
    clock.advance(hours=1)
    after = await nightly(bench, clock, listed(1, 2, 3), per=per)
    assert after.name == named
    assert "is resumed" in after.notes[0]
    assert after.outcomes == {"+accepted": 2, "accepted": 1}
    assert bench.nobody_got_two()


@pytest.mark.parametrize(
    ("now", "named"),
    [
        pytest.param([3, 2, 1, 4], "october-2026-11-21", id="reordered and extended: still the same list"),
        pytest.param([1, 7, 8, 9], "october-2026-11-21", id="half of those who were sent to: still the same list"),
        pytest.param([6, 7, 8, 9], "october-2026-11-22", id="another list"),
    ],
)
async def test_what_counts_as_the_same_list(bench: Bench, now: list[int], named: str) -> None:
    clock = Clock.at("2026-11-21T23:50+09:00")
    await nightly(bench, clock, listed(1, 2, 3), limit=2)
    clock.advance(hours=1)
    after = await nightly(bench, clock, listed(*now))
    assert after.name == named
    assert after.notes[0].startswith("campaign 'october-2026-11-21' is unfinished")
    assert ("another list" in after.notes[0]) == (named == "october-2026-11-22")


async def test_once_the_new_day_has_begun_it_is_the_one(bench: Bench) -> None:
    clock = Clock.at("2026-11-21T23:50+09:00")
    await nightly(bench, clock, listed(1, 2), limit=1)
    clock.advance(hours=1)
    await nightly(bench, clock, listed(8, 9))
    again = await nightly(bench, clock, listed(1, 2))
    assert again.name == "october-2026-11-22"


async def test_without_a_list_to_compare_the_unfinished_campaign_is_resumed_and_says_so(bench: Bench) -> None:
    clock = Clock.at("2026-11-21T23:50+09:00")
    await nightly(bench, clock, listed(1, 2), limit=1)
    clock.advance(hours=1)
    after = await bench.send(people(1, 2), per="day", account={"world": clock.world})
    assert after.name == "october-2026-11-21"
    assert "no list was given" in after.notes[0]
    assert bench.nobody_got_two()


@pytest.mark.parametrize(
    "as_of",
    [
        datetime(2026, 11, 21, 23, 30),  # noqa: DTZ001  without a zone it is local time
        datetime(2026, 11, 21, 14, 30, tzinfo=UTC),
    ],
)
async def test_as_of_decides_the_period_in_the_zone_of_the_settings(bench: Bench, as_of: datetime) -> None:
    assert (await bench.send(people(1), per="day", as_of=as_of)).name == "october-2026-11-21"


async def test_a_refused_look_at_a_complete_campaign_does_not_make_it_unfinished(bench: Bench) -> None:
    clock = Clock.at("2026-11-21T22:00+09:00")
    await nightly(bench, clock, listed(*range(60)))
    rows = [*people(*range(100, 110)), *({**row, "name": "other"} for row in people(*range(60)))]
    with pytest.raises(Refused, match="another text"):
        await nightly(bench, clock, read_recipients(write_csv(Path("wrong.csv"), rows)))
    clock.advance(hours=24)
    assert (await nightly(bench, clock, listed(*range(60)))).outcomes == {"accepted": 60}


async def test_new_people_in_a_complete_campaign_make_it_unfinished(bench: Bench) -> None:
    clock = Clock.at("2026-11-21T22:00+09:00")
    await nightly(bench, clock, listed(1, 2))
    await nightly(bench, clock, listed(1, 2, 3), limit=0)
    clock.advance(hours=24)
    assert (await nightly(bench, clock, listed(1, 2, 3))).outcomes == {"+accepted": 2, "accepted": 1}


# ── an implied name ───────────────────────────────────────────────────────────────────────────────────────────────


async def implied(bench: Bench, clock: Clock, source: Source, **options: Any) -> Any:
    chosen = Options(implied=True, source=source, **options)
    return await bench.send(source, account={"world": clock.world}, options=chosen)


async def test_a_changed_file_under_the_name_of_a_long_complete_campaign_is_refused(bench: Bench) -> None:
    clock = Clock.at("2026-11-21T09:00+09:00")
    await implied(bench, clock, listed(1, 2))
    clock.advance(hours=11.9)
    await implied(bench, clock, listed(1, 2, 3))  # soon after, a file that grew is the same list
    clock.advance(hours=12.1)
    with pytest.raises(Refused, match=r"--campaign NEW.*--extend"):
        await implied(bench, clock, listed(1, 2, 3, 4))
    assert bench.posts == 3
    unchanged = await implied(bench, clock, listed(1, 2, 3))
    assert unchanged.outcomes == {"+accepted": 3}
    extended = await implied(bench, clock, listed(1, 2, 3, 4), extend=True)
    assert extended.outcomes == {"+accepted": 3, "accepted": 1}


async def test_within_its_period_a_list_may_grow_whatever_it_is_called(bench: Bench) -> None:
    clock = Clock.at("2026-11-16T09:00+09:00")
    await implied(bench, clock, listed(1), per="week")
    clock.advance(hours=100)
    assert (await implied(bench, clock, listed(1, 2), per="week")).outcomes == {"+accepted": 1, "accepted": 1}


async def test_a_named_campaign_may_grow_whenever_it_likes(bench: Bench) -> None:
    clock = Clock.at("2026-11-21T09:00+09:00")
    await bench.send(listed(1), account={"world": clock.world})
    clock.advance(hours=100)
    grown = await bench.send(listed(1, 2), account={"world": clock.world})
    assert grown.outcomes == {"+accepted": 1, "accepted": 1}


async def test_the_list_is_known_again_although_it_was_given_to_send_alone(bench: Bench) -> None:
    clock = Clock.at("2026-11-21T23:50+09:00")
    unsent = listed(1, 2)
    await bench.send(unsent, per="day", account={"world": clock.world}, limit=0)
    clock.advance(hours=1)
    after = await nightly(bench, clock, listed(1, 2))
    assert after.name == "october-2026-11-21"
