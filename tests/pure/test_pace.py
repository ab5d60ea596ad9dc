"""The pace: what a second of answers changes. How close a whole run comes to a limit is in `test_pace_servers`."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omni_bulk.pace import (
    ABOVE,
    BELOW,
    DRIVE,
    NEAR,
    RATE_MIN,
    WINDOW,
    Change,
    Controller,
    Latencies,
    Second,
    bucket_size,
    in_flight_max,
    micro_batch,
)


@dataclass
class Seconds:
    """A controller fed with whole seconds of answers, each of which counts."""

    controller: Controller
    now: float = 0.0

    def __call__(self, accepted: int = 0, refused: int = 0) -> Change:
        """The refusals come first, the last answer closes the second."""
        *answers, last = [True] * refused + [False] * accepted
        self.controller._start(self.now)
        for answer in answers:
            assert self.controller.observe(self.now, refused=answer) is None
        self.now += WINDOW
        change = self.controller.observe(self.now, refused=last)
        assert change is not None
        return change


@pytest.fixture
def seconds() -> Seconds:
    return Seconds(started(1000))


def started(ceiling: float, rate: float | None = None) -> Controller:
    controller = Controller(ceiling)
    controller.rate = controller.rate if rate is None else rate
    return controller


# ── one second ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("start", [0.0, 1000.0])
@pytest.mark.parametrize(
    ("accepted", "refused", "limit"),
    [(499, 1, 1.0), (99, 2, 0.99), (90, 11, 0.9), (50, 51, 0.5), (10, 91, 0.1), (1, 100, 0.01)],
)
def test_a_share_of_refusals_says_where_the_limit_is(accepted: int, refused: int, limit: float, start: float) -> None:
    """The refusal that begins the second is there by choice, so it does not count."""
    controller = started(1000, 500.0)
    change = Seconds(controller, start)(accepted, refused)
    assert change.rate == controller.rate == pytest.approx(max(500 * limit * DRIVE, accepted / 2))
    assert change.pause is None


def test_a_known_ceiling_is_driven_at_a_little_less_and_never_above(seconds: Seconds) -> None:
    assert seconds.controller.rate == 1000 * DRIVE
    assert seconds(accepted=1000).rate == 1000 * DRIVE


@pytest.mark.parametrize(("rate", "step"), [(800.0, BELOW), (985.0, NEAR), (1000.0, NEAR), (1011.0, ABOVE)])
def test_the_pace_looks_for_more_slowly_where_it_found_the_limit(rate: float, step: float) -> None:
    controller = started(2000, rate)
    controller._found = 1000.0
    assert Seconds(controller)(accepted=1000).rate == pytest.approx(rate * step)


def test_the_way_back_ends_below_the_limit_that_was_found() -> None:
    controller = started(2000, 979.0)
    controller._found = 1000.0
    assert Seconds(controller)(accepted=979).rate == 980.0


@pytest.mark.parametrize(("silence", "rate"), [(10.0, 500 * 1.02**10), (400_000.0, 980.0), (1e9, 980.0)])
def test_the_rate_comes_back_for_each_second_that_went_by_even_after_days(silence: float, rate: float) -> None:
    controller = started(1000, 500.0)
    controller.observe(0.0, refused=False)
    change = controller.observe(silence, refused=False)
    assert change is not None and change.rate == pytest.approx(rate)


@pytest.mark.parametrize("ceiling", [0.1, 0.5, 1.0, 1000.0])
def test_the_rate_never_falls_to_nothing(ceiling: float) -> None:
    seconds = Seconds(started(ceiling))
    start = seconds.controller.rate
    for _ in range(50):
        seconds(accepted=1, refused=99)
    assert seconds.controller.rate == min(RATE_MIN, start)


def test_a_bunch_after_calm_seconds_costs_a_hundredth_and_a_limit_that_fell_is_seen_in_the_next_second() -> None:
    seconds = Seconds(started(1000, 500.0))
    for _ in range(3):
        seconds(accepted=500)
    calm = seconds.controller.rate
    assert seconds(accepted=90, refused=11).rate == pytest.approx(calm * DRIVE)
    assert seconds(accepted=90, refused=11).rate == pytest.approx(calm * DRIVE * 0.9 * DRIVE)


# ── whose pace an answer tells about ───────────────────────────────────────────────────────────────────────────────


def cut() -> tuple[Controller, float]:
    """A controller whose rate was just cut from 990, with answers that take two seconds; and when that was."""
    controller = Controller(1000)
    for sent in (0.0, 0.5, 1.0):
        change = controller.observe(sent + 2, refused=sent == 0, sent=sent)
    assert change is not None and change.rate < 990
    return controller, 3.0


@pytest.mark.parametrize("sent", [1.1, 2.9, 3.0, 3.9])
def test_what_was_sent_before_a_cut_or_in_the_second_after_it_changes_nothing(sent: float) -> None:
    controller, _ = cut()
    rate = controller.rate
    for number in range(100):
        assert controller.observe(sent + 2 + number / 100, refused=True, sent=sent) is None
    assert controller.rate == rate


def test_a_limit_that_is_still_passed_after_that_second_cuts_again() -> None:
    controller, at = cut()
    rate = controller.rate
    controller.observe(at + 3, refused=True, sent=at + WINDOW)
    controller.observe(at + 4, refused=True, sent=at + WINDOW + 0.5)
    change = controller.observe(at + 4.5, refused=False, sent=at + 2 * WINDOW)
    assert change is not None and change.rate == pytest.approx(rate / 2 * DRIVE)


def test_the_second_that_counts_begins_with_the_first_refusal() -> None:
    """What was accepted before it, out of a bucket's store, would hide the limit."""
    controller = Controller(1000)
    for number in range(9):
        assert controller.observe(number / 10, refused=False) is None
    assert controller.observe(0.9, refused=True) is None
    assert controller.observe(1.5, refused=True) is None
    change = controller.observe(1.95, refused=False)
    assert change is not None and change.rate == pytest.approx(990 / 2 * DRIVE)


@pytest.mark.parametrize(("latency", "factor"), [(0.9, 1.0), (1.0, 0.8)])
def test_an_unknown_limit_is_not_passed_until_the_last_answer_of_the_second(latency: float, factor: float) -> None:
    """What is cut before does not count twice: the share is that of the pace at which its messages were sent."""
    controller = Controller(1000)
    assert controller.observe(latency, refused=False, sent=0.0) is None
    assert controller.observe(latency, refused=True, sent=0.0) is None
    assert controller.rate == pytest.approx(990 * factor)
    controller.observe(latency, refused=True, sent=0.0)
    controller.observe(latency, refused=False, sent=0.0)
    change = controller.observe(latency + 1, refused=False, sent=1.0)
    assert change is not None and change.rate == pytest.approx(990 * (2 / 3) * DRIVE)


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
    stop = controller.observe(0.1, refused=True, retry_after=asked)
    assert stop is not None and stop.rate == pytest.approx(990 * 0.8) and stop.pause == pause
    assert controller.probed(9.0, refused=True, retry_after=asked).pause == pause


def test_a_retry_after_of_nothing_is_no_stop() -> None:
    controller = Controller(1000)
    assert controller.observe(0.0, refused=True, retry_after=0.0) is None
    assert controller.probed(0.0, refused=True, retry_after=0.0).pause == 1.0


def test_a_retry_after_on_an_acceptance_means_nothing() -> None:
    assert Controller(1000).observe(0.0, refused=False, retry_after=9.0) is None


def test_what_was_sent_before_the_pause_ends_does_not_stop_again() -> None:
    controller = Controller(1000)
    assert controller.observe(2.0, refused=True, sent=0.0, retry_after=1.0) is not None
    assert controller.observe(3.5, refused=True, sent=1.5, retry_after=1.0) is None
    assert controller.observe(5.0, refused=True, sent=3.0, retry_after=1.0) is not None


class Stops:
    """A controller that is stopped, and the factor by which each stop slows it."""

    def __init__(self) -> None:
        self.controller, self.now = Controller(1000), 0.0

    def __call__(self) -> float:
        before, self.now = self.controller.rate, self.now + 10
        assert self.controller.observe(self.now, refused=True, retry_after=1.0) is not None
        return round(self.controller.rate / before, 2)

    def calm(self, seconds: float) -> None:
        self.controller._calm = seconds


def test_stops_in_a_row_step_down_ever_more() -> None:
    stop = Stops()
    assert [stop() for _ in range(6)] == [0.8, 0.64, 0.51, 0.5, 0.5, 0.5]


def test_after_calm_seconds_the_limit_is_near_so_the_steps_are_small_unless_they_do_not_help() -> None:
    stop = Stops()
    assert stop() == 0.8
    stop.calm(3.0)
    assert [stop() for _ in range(5)] == [0.97, 0.97, 0.97, 0.8, 0.64]
    stop.calm(2.9)
    assert stop() == 0.51


def test_only_who_had_nothing_accepted_since_the_last_stop_sends_one_message_first() -> None:
    """A probe costs the time of an answer, and says nothing that a second of messages would not."""
    controller = Controller(1000)

    def stop(now: float) -> bool:
        change = controller.observe(now, refused=True, retry_after=1.0)
        assert change is not None
        return change.probe

    assert stop(0.0)
    controller.observe(10.0, refused=False)
    assert not stop(10.1)
    assert stop(20.0)
    controller.probed(30.0, refused=False)
    assert not stop(31.0)


ANSWER = st.tuples(st.floats(0, 1e6), st.floats(0, 100), st.booleans(), st.none() | st.floats(0, 1e9), st.booleans())


@given(st.floats(0.01, 5000), st.lists(ANSWER, max_size=60))
def test_whatever_is_answered_the_rate_stays_in_bounds(
    ceiling: float, answers: list[tuple[float, float, bool, float | None, bool]]
) -> None:
    controller, now = Controller(ceiling), 0.0
    for after, latency, refused, retry_after, probe in answers:
        now += after
        if probe:
            change: Change | None = controller.probed(now, refused=refused, retry_after=retry_after)
        else:
            change = controller.observe(now, refused=refused, sent=now - latency, retry_after=retry_after)
        assert min(RATE_MIN, ceiling * DRIVE) <= controller.rate <= ceiling * DRIVE
        assert change is None or change.pause is None or (0 < change.pause <= 60 and refused)


# ── the bucket ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("rate", "size", "batch"), [(10, 1.5, 1), (200, 11, 1), (400, 21, 2), (1000, 51, 5), (5000, 251, 25)]
)
def test_the_bucket_holds_what_is_caught_up_and_a_batch_is_small(rate: float, size: float, batch: int) -> None:
    assert (bucket_size(rate), micro_batch(rate)) == (size, batch)


@given(st.floats(0.01, 1e5))
def test_a_batch_fits_its_bucket(rate: float) -> None:
    assert 1 <= micro_batch(rate) <= bucket_size(rate)


@given(st.integers(1, 5000), st.lists(st.floats(0, 0.5), min_size=1, max_size=300))
def test_no_second_has_more_than_the_limit_whatever_is_caught_up(limit: int, gaps: list[float]) -> None:
    rate, now, second, left = limit * DRIVE, 0.0, Second(), list[tuple[float, int]]()
    for gap in gaps:
        now += gap
        amount = micro_batch(rate)
        while (wait := second.wait(now, amount, rate)) > 0:
            now += wait + 1e-9
        second.add(now, amount)
        left.append((now, amount))
    for begin, _ in left:
        assert sum(amount for at, amount in left if begin <= at < begin + WINDOW) <= limit


def test_the_pace_is_not_slower_for_being_counted() -> None:
    for limit in (10, 50, 100, 400, 1000, 5000):
        rate, now, second, left = limit * DRIVE, 0.0, Second(), 0
        while now < 20:
            if wait := second.wait(now, micro_batch(rate), rate):
                now += wait
                continue
            second.add(now, micro_batch(rate))
            left += micro_batch(rate)
            now += micro_batch(rate) / rate
        assert left / 20 >= 0.985 * limit


# ── in flight ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("rate", "latency", "most"),
    [(1000, None, None), (1000, 0.005, 251), (1000, 2.0, 3001), (0.5, 0.1, 16), (10, 2, 31)],
)
def test_no_more_is_in_flight_than_the_pace_needs(rate: float, latency: float | None, most: int | None) -> None:
    assert in_flight_max(rate, latency) == most


def test_the_latencies_of_the_last_answers_are_known() -> None:
    latencies = Latencies()
    assert (latencies.p50, latencies.p99) == (None, None)
    latencies.add(0.5)
    assert latencies.p50 == latencies.p99 == 0.5
    for number in range(1000):
        latencies.add(number / 1000)
    assert latencies.p50 == pytest.approx(0.75, abs=0.05)
    assert latencies.p99 == pytest.approx(0.995, abs=0.05)


def test_a_server_that_refuses_half_whatever_the_pace_does_not_starve_the_run() -> None:
    seconds = Seconds(started(1000.0))
    accepted = 0.0
    for _ in range(20):
        half = max(1, round(seconds.controller.rate / 2))
        accepted += half
        seconds(accepted=half, refused=half + 1)
    assert accepted > 1_500
