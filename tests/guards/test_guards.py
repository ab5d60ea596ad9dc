"""The guards: what stops a run, and what a healthy run survives."""

from random import Random

import pytest

from omni_bulk.guards import SETTLED_MIN, RateGuard, row_stop
from omni_bulk.model import Status

PACE = 0.001  # s between the ends of two messages: 1,000 a second


def fed(guard: RateGuard, statuses: list[Status], start: float = 0.0, pace: float = PACE) -> str | None:
    """The reason of the first stop."""
    for number, status in enumerate(statuses):
        if stopped := guard.observe(status, start + number * pace):
            return stopped.reason
    return None


def drawn(share: float, bad: Status, count: int) -> list[Status]:
    chance = Random(7)
    return [bad if chance.random() < share else Status.ACCEPTED for _ in range(count)]


def test_a_reset_of_all_connections_in_a_healthy_run_does_not_stop_it() -> None:
    run = [Status.ACCEPTED] * 2_000
    lost = [Status.UNKNOWN] * 64
    guard = RateGuard()
    assert fed(guard, run) is None
    assert fed(guard, lost, start=2.0, pace=0.0001) is None
    assert fed(guard, run, start=2.1) is None


@pytest.mark.parametrize("pace", [0.0005, 0.005, 0.1])
def test_a_server_that_cuts_one_answer_in_ten_stops_the_run_at_any_pace(pace: float) -> None:
    assert fed(RateGuard(), drawn(0.1, Status.UNKNOWN, 600), pace=pace) == "unknown_rate"


def test_a_server_that_answers_nothing_is_many_incidents_once_a_second_each() -> None:
    assert fed(RateGuard(), [Status.UNKNOWN] * 600, pace=1.1) == "unknown_rate"


def test_half_of_the_messages_refused_stop_the_run() -> None:
    assert fed(RateGuard(), drawn(0.5, Status.REJECTED, 300)) == "failure_rate"
    assert fed(RateGuard(), drawn(0.5, Status.FAILED, 300)) == "failure_rate"


def test_a_fifth_refused_does_not() -> None:
    assert fed(RateGuard(), drawn(0.2, Status.REJECTED, 5_000)) is None


def test_nothing_is_judged_before_a_hundred_are_settled() -> None:
    assert fed(RateGuard(), [Status.REJECTED] * (SETTLED_MIN - 1)) is None
    assert fed(RateGuard(), [Status.REJECTED] * SETTLED_MIN) == "failure_rate"


def test_the_window_forgets() -> None:
    guard = RateGuard()
    assert fed(guard, [Status.ACCEPTED] * 100 + [Status.REJECTED] * 40 + [Status.ACCEPTED] * 200) is None
    assert fed(guard, [Status.REJECTED] * 55 + [Status.ACCEPTED] * 10) is None


def test_a_good_probe_makes_the_window_fresh() -> None:
    guard = RateGuard()
    assert fed(guard, [Status.ACCEPTED] * 80 + [Status.REJECTED] * 19) is None
    guard.fresh()
    assert fed(guard, [Status.REJECTED] * 99) is None


def test_a_share_of_one_never_stops() -> None:
    guard = RateGuard(max_failure=1.0, max_unknown=1.0)
    assert fed(guard, [Status.UNKNOWN] * 1_000, pace=2.0) is None
    assert fed(guard, [Status.REJECTED] * 1_000) is None


@pytest.mark.parametrize(
    ("rows", "least", "most", "refused"),
    [
        (10, None, None, False),
        (10, 10, 10, False),
        (9, 10, None, True),
        (11, None, 10, True),
        (0, 1, None, True),
    ],
)
def test_a_list_of_a_size_nobody_expected_is_refused(
    rows: int, least: int | None, most: int | None, *, refused: bool
) -> None:
    assert (row_stop(rows, min_rows=least, max_rows=most) is not None) == refused
