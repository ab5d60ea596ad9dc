"""Windows by the clocks of where people are, against a clock that is asked each minute."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from omni_bulk.windows import HORIZON, Hours, Window, window_of, zones_of

ZONES = (
    "Asia/Seoul", "America/New_York", "Europe/London", "Australia/Lord_Howe",  # its clocks move half an hour
    "Asia/Kathmandu", "Pacific/Chatham", "America/St_Johns", "Africa/Casablanca", "Africa/Cairo",
)  # fmt: skip
CHANGES = [
    datetime(2026, 3, 8, 7, tzinfo=UTC), datetime(2026, 11, 1, 6, tzinfo=UTC), datetime(2026, 3, 29, 1, tzinfo=UTC),
    datetime(2026, 10, 25, 1, tzinfo=UTC), datetime(2026, 4, 4, 15, tzinfo=UTC), datetime(2026, 10, 3, 15, tzinfo=UTC),
    datetime(2026, 4, 23, 22, tzinfo=UTC),
]  # fmt: skip
MINUTE = timedelta(minutes=1)


def brute_force(window: Window, zones: tuple[str, ...], at: datetime, until: datetime) -> datetime | None:
    """The first minute at which every zone's clock is inside."""
    where = [ZoneInfo(zone) for zone in zones]
    while at <= until:
        clocks = [at.astimezone(zone).time() for zone in where]
        minutes = [clock.hour * 60 + clock.minute for clock in clocks]
        opens, closes = (end.hour * 60 + end.minute for end in (window.opens, window.closes))
        span = (closes - opens) % 1440 or 1440
        if all((minute - opens) % 1440 < span for minute in minutes):
            return at
        at += MINUTE
    return None


@settings(max_examples=150, deadline=None)
@given(
    opens=st.times().map(lambda clock: clock.replace(second=0, microsecond=0)),
    closes=st.times().map(lambda clock: clock.replace(second=0, microsecond=0)),
    zones=st.lists(st.sampled_from(ZONES), min_size=1, max_size=3, unique=True).map(tuple),
    change=st.sampled_from(CHANGES),
    minutes=st.integers(-1800, 600),
)
@example(time(2, 30), time(5), ("America/New_York",), CHANGES[0], -120)  # the hand jumps over the opening
@example(time(1, 30), time(1, 45), ("America/New_York",), CHANGES[1], -120)  # 01:30 comes twice
@example(time(22), time(6), ("Europe/London", "Asia/Seoul"), CHANGES[2], -300)
def test_an_opening_is_the_first_minute_when_all_clocks_are_inside(
    opens: time, closes: time, zones: tuple[str, ...], change: datetime, minutes: int
) -> None:
    if opens == closes:
        return
    window, at = Window(opens, closes), change + minutes * MINUTE
    found = window.opening(zones, at)
    until = at + timedelta(days=2) if found is None else found
    assert brute_force(window, zones, at, until) == found
    if found is not None:
        assert window.is_open(zones, found)
        assert found - at <= HORIZON + timedelta(days=1)
    assert window.is_open(zones, at) == (found == at)


@pytest.mark.parametrize("text", ["9-20", "09:00", "25:00-26:00", "24:00-06:00", "09:00-24:30", "09:00-09:00", ""])
def test_what_is_no_window(text: str) -> None:
    assert window_of(text) is None


def test_windows_over_midnight_and_of_the_whole_day() -> None:
    night = window_of("22:00-6:00")
    assert night is not None and str(night) == "22:00-06:00"
    assert [night.holds(time(hour)) for hour in (21, 22, 0, 5, 6)] == [False, True, True, True, False]
    day = window_of("00:00-24:00")
    assert day is not None and all(day.holds(time(hour, 59)) for hour in range(24))
    evening = window_of("18:00-24:00")
    assert evening is not None and evening.holds(time(23, 59)) and not evening.holds(time(0))


def test_zones_that_are_never_inside_at_once_have_no_opening() -> None:
    window = window_of("10:00-19:00")
    assert window is not None
    russia = zones_of("+79123456789")
    assert len(russia) > 1
    assert window.opening(russia, CHANGES[0]) is None
    assert window.opening(("Etc/Unknown",), CHANGES[0]) is None
    assert not window.is_open(("Asia/Seoul", "Etc/Unknown"), CHANGES[0].replace(hour=3))


@pytest.mark.parametrize(
    ("number", "zones"),
    [
        ("+821012345678", {"Asia/Seoul"}),
        ("+12015550123", {"America/New_York"}),
        ("+12684641234", {"America/Antigua"}),  # a mobile of an island, not all of +1
        ("+447400123456", {"Europe/London", "Europe/Guernsey", "Europe/Isle_of_Man", "Europe/Jersey"}),
    ],
)
def test_where_a_number_is(number: str, zones: set[str]) -> None:
    assert set(zones_of(number)) == zones


def test_a_fixed_zone_counts_for_everybody() -> None:
    window = window_of("09:00-20:00")
    assert window is not None
    at = datetime(2026, 11, 22, 1, tzinfo=UTC).timestamp()  # 10:00 in Seoul, 20:00 in New York the day before
    assert Hours(window, "Asia/Seoul").zones("+12015550123") == ("Asia/Seoul",)
    ours, theirs = Hours(window), Hours(window).zones("+12015550123")
    assert Hours(window, "Asia/Seoul").is_open(("Asia/Seoul",), at)
    assert not ours.is_open(theirs, at)
    assert ours.opening(theirs, at) == datetime(2026, 11, 22, 14, tzinfo=UTC).timestamp()
