"""At what time of day people may be sent to, by the clocks of where they are. Pure: instants in, decisions out.

For some numbers several zones come into question (every mobile of Russia, of Australia): a window is open when it is
open in all of them. Instants are aware datetimes; whatever their zone, only the moment counts.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

HORIZON: Final = timedelta(days=8)
"""How far ahead an opening is looked for: what does not come within a week comes never."""

_DAY: Final = timedelta(days=1)
_PRECISION: Final = timedelta(seconds=1)  # to which a change of the clocks is found; they come at whole minutes
_WRITTEN: Final = re.compile(r"\s*([01]?\d|2[0-4]):([0-5]\d)\s*[-–~]\s*([01]?\d|2[0-4]):([0-5]\d)\s*")
_UNKNOWN: Final = "Etc/Unknown"


@dataclass(frozen=True, slots=True)
class Window:
    """From `opens` on, until just before `closes`, each day; over midnight when it closes before it opens."""

    opens: time
    closes: time

    def __str__(self) -> str:
        return f"{self.opens:%H:%M}-{self.closes:%H:%M}"

    def holds(self, clock: time) -> bool:
        """Whether it is open where the clocks show this."""
        if self.opens < self.closes:
            return self.opens <= clock < self.closes
        return clock >= self.opens or clock < self.closes

    def is_open(self, zones: Iterable[str], at: datetime) -> bool:
        """Whether it is open in all these zones. Not where one of them is unknown."""
        return all(zone != _UNKNOWN and self.holds(_clock(zone, at)) for zone in zones)

    def opening(self, zones: Iterable[str], at: datetime) -> datetime | None:
        """The first moment from `at` on when it is open in all these zones, in UTC; None if there is none."""
        zones, moment = tuple(zones), at.astimezone(UTC)
        if _UNKNOWN in zones:
            return None
        while moment - at <= HORIZON:
            latest = max(self._opening(zone, moment) for zone in zones)
            if latest == moment:
                return moment
            moment = latest
        return None

    def _opening(self, zone: str, at: datetime) -> datetime:
        """The first moment from `at` on in one zone. The hand that is put forward may jump into the window."""
        while not self.holds(clock := _clock(zone, at)):
            away = (_since_midnight(self.opens) - _since_midnight(clock)) % _DAY
            at = _change(zone, at, at + away) or at + away
        return at


def window_of(text: str) -> Window | None:
    """``09:00-20:00``, ``22:00-6:00``, ``00:00-24:00``; None for anything else."""
    found = _WRITTEN.fullmatch(text)
    if found is None:
        return None
    first, second, third, fourth = map(int, found.groups())
    if first == 24 or (third == 24 and fourth) or (first, second) == (third, fourth):
        return None
    return Window(time(first, second), time(third % 24, fourth))


def zones_of(number: str) -> tuple[str, ...]:
    """The zones that come into question for an E.164 number; ``("Etc/Unknown",)`` if nobody knows.

    Of +1 the area code decides for mobiles too: libphonenumber would give all 42 zones of +1 for those of the islands.
    """
    from phonenumbers import parse, timezone  # noqa: PLC0415  its table of zones takes 0.1 s, and few need it

    parsed = parse(number)
    if parsed.country_code == 1:
        return tuple(timezone.time_zones_for_geographical_number(parsed))
    return tuple(timezone.time_zones_for_number(parsed))


@dataclass(frozen=True, slots=True)
class Hours:
    """A window, and by whose clocks: the recipient's, or those of one `zone`."""

    window: Window
    zone: str | None = None

    def zones(self, number: str) -> tuple[str, ...]:
        """The zones that count for this number (E.164)."""
        return zones_of(number) if self.zone is None else (self.zone,)

    def opening(self, zones: tuple[str, ...], epoch: float) -> float | None:
        """The first moment from `epoch` (seconds since 1970) on when these may be sent to, None if there is none."""
        return _next(self.window, zones, int(epoch // 60))

    def is_open(self, zones: tuple[str, ...], epoch: float) -> bool:
        """Whether these may be sent to now."""
        return _is_open(self.window, zones, int(epoch // 60))


@lru_cache(maxsize=4096)
def _is_open(window: Window, zones: tuple[str, ...], minute: int) -> bool:
    return window.is_open(zones, datetime.fromtimestamp(minute * 60, UTC))


@lru_cache(maxsize=4096)
def _next(window: Window, zones: tuple[str, ...], minute: int) -> float | None:
    found = window.opening(zones, datetime.fromtimestamp(minute * 60, UTC))
    return None if found is None else found.timestamp()


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def _clock(zone: str, at: datetime) -> time:
    return at.astimezone(_zone(zone)).time()


def _since_midnight(clock: time) -> timedelta:
    return timedelta(hours=clock.hour, minutes=clock.minute, seconds=clock.second, microseconds=clock.microsecond)


def _change(zone: str, after: datetime, before: datetime) -> datetime | None:
    """When the clocks are changed within less than a day, None if they are not."""

    def offset(at: datetime) -> timedelta | None:
        return at.astimezone(_zone(zone)).utcoffset()

    low, high = after, before
    if offset(low) == offset(high):
        return None
    while high - low > _PRECISION:
        middle = low + (high - low) / 2
        low, high = (middle, high) if offset(middle) == offset(after) else (low, middle)
    return (high - timedelta(microseconds=high.microsecond)).astimezone(UTC)
