"""How a run goes: its figures, its end, and what is the limit."""

from dataclasses import replace

import pytest

from omni_bulk.tempo import Figures, Sight, Tempo, may_allow_more

START = Sight(0.0, 0, 0, 0, 0, 0, 200.0, queued=True)


class Ride:
    """A run that is looked at ten times a second."""

    def __init__(self, workers: int = 64) -> None:
        self.tempo = Tempo(200.0, workers)
        self.sight = START
        self.tempo.see(START)

    def go(self, seconds: float, pace: float, *, waiting: int = 50, refused: float = 0.0, queued: bool = True) -> None:
        """At `pace` messages a second, with `refused` more posts a second that meet A020."""
        begin = self.sight
        for tenth in range(1, round(seconds * 10) + 1):
            after = tenth / 10
            self.sight = replace(
                begin,
                now=begin.now + after,
                done=begin.done + int(pace * after),
                posts=begin.posts + int((pace + refused) * after),
                throttled=begin.throttled + int(refused * after),
                waiting=waiting,
                queued=queued,
                in_flight=7,
            )
            self.tempo.see(self.sight)

    def figures(self, total: int | None = None) -> Figures:
        return self.tempo.figures(total, p50=0.03, p99=0.05)


def test_before_anything_was_sent_nobody_knows() -> None:
    ride = Ride()
    figures = ride.figures(1000)
    assert (figures.now, figures.average, figures.eta, figures.behind) == (None, None, None, None)
    assert figures.refused == 0.0


def test_now_is_the_last_seconds_and_the_average_all_since_the_first_post() -> None:
    ride = Ride()
    ride.go(30, 0.0)  # waiting for a token
    ride.go(20, 200.0)
    ride.go(20, 100.0)
    figures = ride.figures()
    assert figures.now == pytest.approx(100.0, rel=0.02)
    assert figures.average == pytest.approx(150.0, rel=0.02)
    assert (figures.ceiling, figures.rate, figures.in_flight, figures.p50, figures.p99) == (200, 200, 7, 0.03, 0.05)


def test_what_was_refused_for_the_pace_is_not_counted_as_sent() -> None:
    ride = Ride()
    ride.go(20, 160.0, refused=40.0)
    assert ride.figures().now == pytest.approx(160.0, rel=0.02)
    assert ride.figures().refused == pytest.approx(0.2, rel=0.02)


@pytest.mark.parametrize("after", [2.0, 10.0, 60.0])
def test_the_end_of_a_steady_run_is_known_within_a_twentieth(after: float) -> None:
    ride = Ride()
    ride.go(3, 0.0)
    ride.go(after, 198.0)
    left = (20_000 - ride.sight.done) / 198.0
    assert ride.figures(20_000).eta == pytest.approx(left, rel=0.05)


def test_the_end_follows_a_pace_that_changed() -> None:
    ride = Ride()
    ride.go(100, 200.0)
    ride.go(20, 50.0)
    assert ride.figures(21_000 + 5_000).eta == pytest.approx(100.0, rel=0.05)


def test_the_end_is_never_over() -> None:
    ride = Ride()
    ride.go(10, 200.0)
    assert ride.figures(10).eta == 0


def test_workers_that_are_all_busy_are_the_limit_and_how_many_would_do() -> None:
    ride = Ride(workers=8)
    ride.go(20, 50.0, waiting=0)
    figures = ride.figures()
    assert figures.behind == pytest.approx(15.0, rel=0.05)  # 150 of 200 a second, for 20 s
    assert figures.needed == pytest.approx(8 * 4 * 1.2, abs=1)
    assert figures.workers == 8


def test_one_worker_may_be_the_limit() -> None:
    ride = Ride(workers=1)
    ride.go(20, 20.0, waiting=0)
    assert ride.figures().needed == pytest.approx(12, abs=1)


@pytest.mark.parametrize(
    ("pace", "waiting", "queued"),
    [
        (198.0, 0, True),  # as fast as it may
        (50.0, 40, True),  # a slow machine: messages wait for their rate, which comes late
        (50.0, 0, False),  # the list is slow, or at its end
        (0.0, 0, True),
    ],
)
def test_they_are_not_when_something_else_is(pace: float, waiting: int, queued: bool) -> None:
    ride = Ride()
    ride.go(20, pace, waiting=waiting, queued=queued)
    assert ride.figures().behind is None
    assert ride.figures().needed is None


@pytest.mark.parametrize(
    ("posts", "throttled", "seconds", "more"),
    [(2000, 0, 10.0, True), (2000, 1, 10.0, False), (1790, 0, 10.0, False), (1980, 0, 9.9, False), (0, 0, 0.0, False)],
)
def test_a_run_near_its_ceiling_without_a_refusal_could_be_faster(
    posts: int, throttled: int, seconds: float, more: bool
) -> None:
    assert may_allow_more(posts=posts, throttled=throttled, seconds=seconds, ceiling=200.0) is more
