from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omni_bulk.sandbox.limiter import Bucket, Fixed, Limiter, LimiterKind, Peak, Sliding, make_limiter
from tests.sandbox.kit import Clock

# Steps of 1/1024 s are exact in binary, so that the tests and the limiters agree on where a window ends.
STEPS = st.lists(st.integers(0, 400).map(lambda ticks: ticks / 1024), max_size=300)
RATES = st.integers(1, 50)


def passed(limiter: Limiter, clock: Clock, steps: list[float]) -> list[float]:
    """The times at which posts passed, one being tried after each step."""
    times = []
    for step in steps:
        clock.advance(step)
        if limiter.allow():
            times.append(clock())
    return times


@given(STEPS, RATES)
def test_sliding_never_passes_more_than_its_rate_in_any_second(steps: list[float], tps: int) -> None:
    clock = Clock()
    times = passed(Sliding(tps, clock), clock, steps)
    assert all(sum(1 for time in times if start <= time < start + 1) <= tps for start in times)


@given(STEPS, RATES)
def test_fixed_never_passes_more_than_its_rate_in_a_clock_second(steps: list[float], tps: int) -> None:
    clock = Clock(0.25)
    times = passed(Fixed(tps, clock), clock, steps)
    seconds = [floor(time) for time in times]
    assert all(seconds.count(second) <= tps for second in seconds)


@given(STEPS, RATES, st.integers(1, 20))
def test_bucket_never_passes_more_than_capacity_and_refill(steps: list[float], tps: int, capacity: int) -> None:
    clock = Clock()
    times = passed(Bucket(tps, clock, capacity), clock, steps)
    for first, start in enumerate(times):
        for last in range(first, len(times)):
            assert last - first + 1 <= capacity + tps * (times[last] - start) + 1e-3


@given(STEPS, RATES, st.sampled_from(["bucket", "fixed", "sliding"]))
def test_a_post_after_a_second_of_silence_always_passes(steps: list[float], tps: int, kind: LimiterKind) -> None:
    clock = Clock()
    limiter = make_limiter(kind, tps, clock)
    assert limiter is not None
    passed(limiter, clock, steps)
    clock.advance(1)
    assert limiter.allow()


@pytest.mark.parametrize("tps", [3, 10, 70, 400])
def test_bucket_keeps_up_with_an_even_pace_at_its_very_rate(tps: int) -> None:
    clock = Clock()
    limiter = Bucket(tps, clock, capacity=1)
    assert len(passed(limiter, clock, [1 / tps] * 1000)) >= 999


@pytest.mark.parametrize(("tps", "capacity"), [(400, 40), (5, 2), (1, 2)])
def test_bucket_holds_a_tenth_of_a_second_by_default_and_two_at_least(tps: int, capacity: int) -> None:
    clock = Clock()
    assert len(passed(Bucket(tps, clock), clock, [0] * 100)) == capacity


def test_fixed_lets_a_double_burst_through_at_the_edge_of_a_second_and_sliding_does_not() -> None:
    steps = [0.9, *[0.0] * 10, 0.2, *[0.0] * 10]
    clock = Clock(0)
    assert len(passed(Fixed(10, clock), clock, steps)) == 20
    clock = Clock(0)
    assert len(passed(Sliding(10, clock), clock, steps)) == 10


@pytest.mark.parametrize("limiter", [Fixed(0.5, Clock()), Sliding(0.5, Clock())])
def test_less_than_one_a_second_is_rounded_up_to_one(limiter: Limiter) -> None:
    assert [limiter.allow(), limiter.allow()] == [True, False]


def test_no_rate_is_no_limiter() -> None:
    assert make_limiter("bucket", None, Clock()) is None


def test_make_limiter_gives_each_kind_by_its_name() -> None:
    made = [type(make_limiter(kind, 1, Clock())) for kind in ("bucket", "fixed", "sliding")]
    assert made == [Bucket, Fixed, Sliding]


def test_peak_counts_the_busiest_second_and_not_the_clock_second() -> None:
    peak = Peak()
    for now in (0.0, 0.9, 1.0, 1.5, 1.8, 5.0):
        peak.add(now)
    assert peak.most == 4  # 0.9 … 1.8; the post at 0.0 is a full second before 1.0
