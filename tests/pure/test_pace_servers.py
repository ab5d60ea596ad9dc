"""How close a whole run comes to what a server allows, in virtual time, and what it asks of the server.

The figures are promises: of a known limit 97 % are accepted and 0.2 % refused at most; with the rate a quarter too high
90 % and 3 %; no second at the server has more than 1.015 of the rate, the bucket and two messages.
"""

from collections.abc import Callable
from functools import partial
from itertools import product

import pytest

from omni_bulk.pace import DRIVE
from omni_bulk.sandbox.limiter import Bucket, Fixed, Limiter, Sliding
from tests.pure.pacing import Clock, Line, Outcome

Server = Callable[[float, Clock], Limiter]
SERVERS: tuple[Server, ...] = (Bucket, Fixed, Sliding)
SECONDS = 30
ENOUGH = 100_000  # requests in flight: whether they are enough is not asked here

LIMITS = (10, 50, 200, 1000)
LATENCIES = (0.005, 0.05, 0.3, 2.0)
STARTS = (0.0, 0.25, 0.5, 0.75)  # in the server's second
FEW = ((10, 0.05, 0.5), (50, 2.0, 0.75), (200, 0.3, 0.25), (200, 0.005, 0.0))
ALL = (*product(LIMITS, LATENCIES, STARTS), (5000, 0.05, 0.3), (5000, 2.0, 0.3))

server = pytest.mark.parametrize("server", SERVERS)
retry_after = pytest.mark.parametrize("retry_after", [None, 1.0])


# A few for every day, all of them for the long night.
SCENES = [pytest.param(*scene, marks=() if scene in FEW else pytest.mark.soak) for scene in ALL]


def ran(
    server: Server, limit: float, ceiling: float, latency: float, start: float, retry_after: float | None,
    seconds: float = SECONDS,
) -> Outcome:  # fmt: skip
    """Counted at the server, from the first arrival on."""
    line = Line(
        partial(server, limit), ceiling=ceiling, latency=latency, workers=ENOUGH, retry_after=retry_after, start=start
    )
    outcome = line.run(seconds + latency / 2)
    assert outcome.worst <= 1.015 * ceiling + max(2, ceiling / 100) + 2
    return outcome


@server
@retry_after
@pytest.mark.parametrize(("limit", "latency", "start"), SCENES)
def test_a_known_limit_is_used_up(
    server: Server, limit: float, latency: float, start: float, retry_after: float | None
) -> None:
    outcome = ran(server, limit, limit, latency, start, retry_after)
    assert outcome.accepted / (limit * SECONDS) >= 0.986
    assert outcome.refused_share <= 0.002
    assert not outcome.pauses


@server
@retry_after
@pytest.mark.parametrize(("limit", "latency", "start"), SCENES)
def test_a_rate_a_quarter_too_high_finds_the_limit(
    server: Server, limit: float, latency: float, start: float, retry_after: float | None
) -> None:
    """A server that sends Retry-After stops us each time, which costs a second."""
    outcome = ran(server, limit, limit * 1.25, latency, start, retry_after)
    assert outcome.accepted / (limit * SECONDS) >= (0.93 if retry_after is None else 0.90)
    # Until the first answers come nobody can know: at 10 a second and 2 s of latency those are seven of 300 messages.
    assert outcome.refused_share <= (0.03 if limit > 10 or latency < 2 else 0.045)
    assert len(outcome.pauses) <= (0 if retry_after is None else 3)


@server
@pytest.mark.parametrize("factor", [1.02, 1.1, 1.5, 3, 10])
@pytest.mark.parametrize(
    ("latency", "retry_after", "share"), [(0.05, None, 0.97), (2.0, None, 0.97), (0.05, 1.0, 0.75)]
)
def test_a_limit_is_found_from_anywhere_above_it(
    server: Server, factor: float, latency: float, retry_after: float | None, share: float
) -> None:
    outcome = ran(server, 50, 50 * factor, latency, 0.25, retry_after, seconds=90)
    assert outcome.accepted / (50 * 90) >= share


@server
@retry_after
def test_answers_that_come_two_seconds_late_do_not_make_the_pace_swing(
    server: Server, retry_after: float | None
) -> None:
    """Once it is found, the pace stays within a few per cent of the limit."""
    line = Line(partial(server, 200), ceiling=250, latency=2.0, workers=ENOUGH, retry_after=retry_after, start=0.3)
    line.run(30)
    outcome = line.run(90)
    paces = [rate / 200 for _, rate in outcome.rates]
    assert 0.9 <= min(paces) <= max(paces) <= 1.06
    assert outcome.refused_share <= 0.005


class Falling:
    """A bucket that holds back half of its rate for a while, as if somebody else had it."""

    def __init__(self, since: float, until: float, clock: Clock) -> None:
        self._whole, self._half = Bucket(200, clock), Bucket(100, clock)
        self._since, self._until, self._clock = since, until, clock

    def allow(self) -> bool:
        return (self._half if self._since <= self._clock() < self._until else self._whole).allow()


@pytest.mark.parametrize(("retry_after", "low_share", "late"), [(None, 0.9, 0.95), (1.0, 0.75, 0.85)])
def test_a_limit_that_falls_is_followed_and_one_that_comes_back_is_found_again(
    retry_after: float | None, low_share: float, late: float
) -> None:
    line = Line(partial(Falling, 30.0, 60.0), ceiling=200, latency=0.1, workers=ENOUGH, retry_after=retry_after)
    line.run(30)
    low = line.run(30)
    assert low.accepted / (100 * 30) >= low_share
    assert low.refused_share <= 0.05
    line.run(140)
    assert line.run(30).accepted / (200 * 30) >= late


class Shut:
    """A server that refuses everything until a time."""

    def __init__(self, until: float, clock: Clock) -> None:
        self._until, self._clock = until, clock

    def allow(self) -> bool:
        return self._clock() >= self._until


def test_a_server_that_refuses_everything_gets_ever_fewer_probes_until_it_opens() -> None:
    shut = Line(partial(Shut, 40.0), ceiling=400)
    outcome = shut.run(39)
    assert [pause for _, pause in outcome.pauses] == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0]
    refused = outcome.refused
    outcome = shut.run(60)
    assert outcome.refused == 0 and outcome.accepted > 0
    assert refused <= 400 + 64 + 5  # the first second, what was in flight, and the probes


def test_a_quota_that_is_used_up_gets_one_probe_a_minute() -> None:
    """Its Retry-After is obeyed, and what is in flight each time is one message, not a whole pace of them."""
    outcome = Line(partial(Shut, 1e9), ceiling=400, retry_after=60.0).run(600)
    assert outcome.refused <= 64 + 10


def test_without_a_limit_nothing_is_lost_but_the_hundredth_left_free() -> None:
    outcome = Line(None, ceiling=1000).run(30)
    assert outcome.accepted / 30_000 == pytest.approx(DRIVE, abs=0.005)
