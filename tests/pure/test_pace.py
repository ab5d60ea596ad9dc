"""The pace: what a second of answers changes, and how close a whole run comes to what a server allows."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omni_bulk.pace import DRIVE, RATE_MIN, Change, Controller, bucket_size, micro_batch
from omni_bulk.sandbox.limiter import Bucket, Fixed, Limiter, Sliding
from tests.pure.pacing import Clock, Line


@dataclass
class Seconds:
    """A controller fed with whole seconds of answers."""

    controller: Controller
    now: float = 0.0

    def __call__(self, accepted: int = 0, refused: int = 0) -> Change:
        """The refusals come first, the last answer closes the second."""
        *answers, last = [True] * refused + [False] * accepted
        self.controller.observe(self.now, refused=answers[0])
        for answer in answers[1:]:
            assert self.controller.observe(self.now, refused=answer) is None
        self.now += 1.0
        change = self.controller.observe(self.now, refused=last)
        assert change is not None
        return change


@pytest.fixture
def seconds() -> Seconds:
    return Seconds(Controller(1000))


# ── one second ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("start", [0.0, 1000.0])
@pytest.mark.parametrize(
    ("accepted", "refused", "factor"),
    [(200, 0, 1.002), (499, 1, 0.99), (98, 2, 0.99), (97, 3, 0.9), (50, 50, 0.9), (49, 51, 0.5), (1, 99, 0.5)],
)
def test_the_share_of_refusals_moves_the_rate(accepted: int, refused: int, factor: float, start: float) -> None:
    controller = Controller(1000)
    controller.rate = 500.0
    change = Seconds(controller, start)(accepted, refused)
    assert change.rate == controller.rate == pytest.approx(500 * factor)
    assert change.pause is None


def test_a_known_ceiling_is_driven_at_a_little_less_and_never_above(seconds: Seconds) -> None:
    assert seconds.controller.rate == 1000 * DRIVE
    assert seconds(accepted=1000).rate == 1000 * DRIVE


@pytest.mark.parametrize(("silence", "rate"), [(10.0, 500 * 1.002**10), (400_000.0, 990.0), (1e9, 990.0)])
def test_the_rate_comes_back_for_each_second_that_went_by_even_after_days(silence: float, rate: float) -> None:
    controller = Controller(1000)
    controller.rate = 500.0
    controller.observe(0.0, refused=False)
    change = controller.observe(silence, refused=False)
    assert change is not None and change.rate == pytest.approx(rate)


@pytest.mark.parametrize("ceiling", [0.1, 0.5, 1.0, 1000.0])
def test_the_rate_never_falls_to_nothing(ceiling: float) -> None:
    seconds = Seconds(Controller(ceiling))
    start = seconds.controller.rate
    for _ in range(50):
        seconds(accepted=1, refused=99)
    assert seconds.controller.rate == min(RATE_MIN, start)


# ── full stops ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_whole_seconds_of_refusals_pause_for_twice_as_long_each_time(seconds: Seconds) -> None:
    pauses = [seconds(refused=10).pause]
    rate = seconds.controller.rate
    while len(pauses) < 8:
        change = seconds.controller.probed(seconds.now, refused=True)
        assert change.rate == rate
        pauses.append(change.pause)
    assert pauses == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]


@pytest.mark.parametrize("refused", [0, 1])
def test_an_acceptance_makes_the_next_pause_short_again(refused: int, seconds: Seconds) -> None:
    assert [seconds(refused=10).pause for _ in range(3)] == [1.0, 2.0, 4.0]
    assert seconds(accepted=10, refused=refused).pause is None
    assert seconds(refused=10).pause == 1.0


def test_a_probe_that_passes_makes_the_next_pause_short_again(seconds: Seconds) -> None:
    assert [seconds(refused=10).pause for _ in range(3)] == [1.0, 2.0, 4.0]
    assert seconds.controller.probed(seconds.now, refused=False) == Change(seconds.controller.rate)
    assert seconds(refused=10).pause == 1.0


@pytest.mark.parametrize(("asked", "pause"), [(0.5, 0.5), (5.0, 5.0), (60.0, 60.0), (61.0, 60.0), (1e12, 60.0)])
def test_a_retry_after_is_obeyed_at_once_up_to_a_minute(asked: float, pause: float) -> None:
    controller = Controller(1000)
    assert controller.observe(0.0, refused=False) is None
    assert controller.observe(0.1, refused=True, retry_after=asked) == Change(990 * 0.9, pause)
    assert controller.probed(9.0, refused=True, retry_after=asked).pause == pause


def test_a_retry_after_of_nothing_is_no_stop() -> None:
    controller = Controller(1000)
    assert controller.observe(0.0, refused=True, retry_after=0.0) is None
    assert controller.probed(0.0, refused=True, retry_after=0.0).pause == 1.0


def test_a_retry_after_on_an_acceptance_means_nothing() -> None:
    assert Controller(1000).observe(0.0, refused=False, retry_after=9.0) is None


def test_stops_in_a_row_step_down_ever_more_and_a_free_second_ends_the_row(seconds: Seconds) -> None:
    def factor() -> float:
        before = seconds.controller.rate
        seconds.controller.observe(seconds.now, refused=True, retry_after=1.0)
        return round(seconds.controller.rate / before, 2)

    assert [factor() for _ in range(8)] == [0.9, 0.81, 0.73, 0.66, 0.59, 0.53, 0.5, 0.5]
    seconds(accepted=10)
    assert factor() == 0.9


ANSWER = st.tuples(st.floats(0, 1e6), st.booleans(), st.none() | st.floats(0, 1e9), st.booleans())


@given(st.floats(0.01, 5000), st.lists(ANSWER, max_size=60))
def test_whatever_is_answered_the_rate_stays_in_bounds(
    ceiling: float, answers: list[tuple[float, bool, float | None, bool]]
) -> None:
    controller, now = Controller(ceiling), 0.0
    for after, refused, retry_after, probe in answers:
        now += after
        answer = controller.probed if probe else controller.observe
        change = answer(now, refused=refused, retry_after=retry_after)
        assert min(RATE_MIN, ceiling * DRIVE) <= controller.rate <= ceiling * DRIVE
        assert change is None or change.pause is None or (0 < change.pause <= 60 and refused)


# ── the bucket ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("rate", "size", "batch"), [(0.5, 2, 1), (200, 2, 1), (400, 4, 2), (500, 5, 2), (1000, 10, 5), (5000, 50, 25)]
)
def test_the_bucket_is_small_and_a_batch_is_half_of_it(rate: float, size: float, batch: int) -> None:
    assert (bucket_size(rate), micro_batch(rate)) == (size, batch)


@given(st.floats(0.01, 1e5))
def test_a_batch_fits_its_bucket(rate: float) -> None:
    assert 1 <= micro_batch(rate) <= bucket_size(rate) / 2


# ── whole runs ─────────────────────────────────────────────────────────────────────────────────────────────────────

SERVERS = pytest.mark.parametrize("server", [Bucket, Fixed, Sliding])
SECONDS = 90


def line(server: Callable[[float, Clock], Limiter], limit: float, ceiling: float, retry_after: float | None) -> Line:
    return Line(partial(server, limit), ceiling=ceiling, retry_after=retry_after)


@SERVERS
@pytest.mark.parametrize("limit", [100, 800])
@pytest.mark.parametrize("retry_after", [None, 1.0])
def test_a_known_limit_is_used_up(
    server: Callable[[float, Clock], Limiter], limit: float, retry_after: float | None
) -> None:
    outcome = line(server, limit, limit, retry_after).run(SECONDS)
    assert outcome.accepted / (limit * SECONDS) >= 0.97
    assert outcome.refused_share <= 0.001
    assert not outcome.pauses


@SERVERS
@pytest.mark.parametrize("limit", [100, 800])
@pytest.mark.parametrize("retry_after", [None, 1.0])
def test_a_rate_a_quarter_too_high_finds_the_limit(
    server: Callable[[float, Clock], Limiter], limit: float, retry_after: float | None
) -> None:
    """A server that sends Retry-After stops us each time, so its stops must be rare."""
    outcome = line(server, limit, limit * 1.25, retry_after).run(SECONDS)
    assert outcome.accepted / (limit * SECONDS) >= 0.90
    assert outcome.refused_share <= 0.03
    assert len(outcome.pauses) <= (0 if retry_after is None else 6)


@SERVERS
@pytest.mark.parametrize(("retry_after", "share"), [(None, 0.95), (1.0, 0.55)])
def test_a_rate_ten_times_too_high_finds_the_limit_as_well(
    server: Callable[[float, Clock], Limiter], retry_after: float | None, share: float
) -> None:
    outcome = line(server, 400, 4000, retry_after).run(SECONDS)
    assert outcome.accepted / (400 * SECONDS) >= share


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


def test_without_a_limit_nothing_is_lost_but_the_hundredth_left_free() -> None:
    outcome = Line(None, ceiling=1000).run(30)
    assert outcome.accepted / 30_000 == pytest.approx(DRIVE, abs=0.005)


def test_a_server_that_refuses_half_whatever_the_pace_does_not_starve_the_run() -> None:
    seconds = Seconds(Controller(1000.0))
    accepted = 0.0
    for _ in range(20):
        half = max(1, round(seconds.controller.rate / 2))
        accepted += half
        seconds(accepted=half, refused=half + 1)
    assert accepted > 1_500
