"""Spans of time as people write them."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omni_bulk.results import iso
from omni_bulk.spans import QUARTER, Span, day_of, month_of, span_of

SEOUL, NEW_YORK = ZoneInfo("Asia/Seoul"), ZoneInfo("America/New_York")


def shown(span: Span) -> tuple[str | None, str | None]:
    return iso(span.start), iso(span.end)


def test_days_include_the_last_one() -> None:
    assert shown(span_of("2026-11-01", "2026-11-02", SEOUL)) == (
        "2026-11-01T00:00:00.000+09:00", "2026-11-03T00:00:00.000+09:00"
    )  # fmt: skip


def test_times_are_exact_and_in_the_zone_unless_they_say_otherwise() -> None:
    assert shown(span_of("2026-11-01T09:30", "2026-11-01T09:30:01Z", SEOUL)) == (
        "2026-11-01T09:30:00.000+09:00", "2026-11-01T18:30:01.000+09:00"
    )  # fmt: skip


def test_open_spans() -> None:
    assert span_of(None, None, SEOUL) == Span()
    assert span_of("2026-11-01", None, SEOUL).end is None
    assert span_of(None, "2026-11-01", SEOUL).start is None


@pytest.mark.parametrize(
    ("since", "until"),
    [("yesterday", None), (None, "2026-13-01"), ("2026-11-02", "2026-11-01"), ("2026-11-01T10:00", "2026-11-01T10:00")],
)
def test_what_is_no_span(since: str | None, until: str | None) -> None:
    with pytest.raises(ValueError, match=r".+"):
        span_of(since, until, SEOUL)


@pytest.mark.parametrize(
    ("month", "zone", "hours"),
    [("2026-11", SEOUL, 720), ("2026-12", SEOUL, 744), ("2028-02", SEOUL, 696), ("2026-11", NEW_YORK, 721)],
)
def test_a_month_is_as_long_as_the_zone_has_it(month: str, zone: ZoneInfo, hours: int) -> None:
    span = month_of(month, zone)
    assert span.start is not None
    assert span.end is not None
    assert span.end - span.start == hours * 3_600_000
    assert day_of(span.start, zone) == f"{month}-01"
    assert day_of(span.end - 1, zone)[:7] == month


@pytest.mark.parametrize("text", ["2026-13", "2026", "november", "2026-1", "2026-11-01"])
def test_no_month(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        month_of(text, SEOUL)


@given(
    st.datetimes(datetime(1973, 1, 1), datetime(2040, 1, 1)),  # noqa: DTZ001
    st.sampled_from(sorted(available_timezones())),
)
def test_a_day_begins_on_a_quarter_of_an_hour(at: datetime, zone: str) -> None:
    """So what is counted by quarters can be told by days."""
    ms = round(at.replace(tzinfo=UTC).timestamp() * 1000)
    quarter = ms - ms % QUARTER
    assert day_of(quarter, ZoneInfo(zone)) == day_of(ms, ZoneInfo(zone))
