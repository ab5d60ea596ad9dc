"""Spans of time as people write them, in milliseconds since 1970: from its first to before its last instant."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

QUARTER = 15 * 60_000  # ms. Midnight falls on a quarter of an hour in every zone that has been in use since 1972
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Span:
    """From `start` to before `end`, each in milliseconds since 1970, None where it is open."""

    start: int | None = None
    end: int | None = None


def span_of(since: str | None, until: str | None, zone: tzinfo) -> Span:
    """The span between two times as written: ISO 8601, in `zone` unless they say otherwise.

    A day as `until` means to its end. Raises ValueError for what is no time, and for an end before its beginning.
    """
    start = None if since is None else _instant(since, zone, days=0)
    end = None if until is None else _instant(until, zone, days=1)
    if start is not None and end is not None and end <= start:
        raise ValueError("the end is before the beginning")
    return Span(start, end)


def _instant(text: str, zone: tzinfo, *, days: int) -> int:
    if len(text) == len("2026-11-22"):
        return _midnight(date.fromisoformat(text) + days * _DAY, zone)
    at = datetime.fromisoformat(text)
    return _ms(at if at.tzinfo else at.replace(tzinfo=zone))


def month_of(text: str, zone: tzinfo) -> Span:
    """The month ``YYYY-MM`` as `zone` has it. Raises ValueError for anything else."""
    if len(text) != len("2026-11"):
        raise ValueError("not a month")
    first = date.fromisoformat(f"{text}-01")
    return Span(_midnight(first, zone), _midnight((first + 31 * _DAY).replace(day=1), zone))


def day_of(at: int, zone: tzinfo) -> str:
    """The day, ``YYYY-MM-DD``, on which an instant falls in `zone`."""
    return datetime.fromtimestamp(at / 1000, zone).date().isoformat()


def _midnight(day: date, zone: tzinfo) -> int:
    return _ms(datetime(day.year, day.month, day.day, tzinfo=zone))


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)
