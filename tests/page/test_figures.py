"""Figures are sums: whatever the order of the groups, nothing is counted twice or lost."""

import random
from collections import Counter
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omni_bulk.delivery import Delivery, Outcome
from omni_bulk.figures import (
    BUCKETS_MAX,
    DELAYS,
    STEPS,
    Campaign,
    End,
    Fared,
    Figures,
    Need,
    Pace,
    Sent,
    cumulated,
    quantile,
    shared,
    summed,
)


@given(st.dictionaries(st.integers(0, 60_000), st.integers(1, 50), max_size=60), st.randoms())
def test_a_pace_keeps_every_message_whatever_the_order(seconds: dict[int, int], chance: random.Random) -> None:
    pace, shuffled = Pace(), list(seconds.items())
    chance.shuffle(shuffled)
    for second, messages in shuffled:
        pace.add(second, messages)
    stretches = pace.stretches()
    assert sum(pace.buckets.values()) == sum(seconds.values())
    assert all(first <= last for first, last in stretches)
    covered = [bucket for first, last in stretches for bucket in range(first, last + 1)]
    assert sum(pace.buckets[bucket] for bucket in covered) == sum(seconds.values())
    assert len(covered) == len(set(covered))
    fit = pace.fitting(40)
    assert sum(fit.buckets.values()) == sum(seconds.values())
    assert fit.seconds <= 40 * fit.step or fit.step == STEPS[-1]
    assert pace.step == STEPS[0]


def test_a_pace_takes_no_more_memory_for_a_longer_campaign() -> None:
    pace = Pace()
    for second in range(3 * BUCKETS_MAX):
        pace.add(second, 2)
    assert len(pace.buckets) <= BUCKETS_MAX
    assert pace.step == STEPS[1]
    assert pace.peak == pytest.approx(2.0)
    ancient = Pace()
    ancient.step = STEPS[-1]
    for day in range(BUCKETS_MAX + 1):
        ancient.add(day * STEPS[-1], 1)
    assert ancient.step == STEPS[-1]


def test_a_night_is_a_pause_and_a_short_stop_is_none() -> None:
    pace = Pace()
    for second in [*range(600), *range(660, 1_200), *range(40_000, 40_300)]:
        pace.add(second, 1)
    assert pace.stretches() == [(0, 1_199), (40_000, 40_299)]
    assert pace.seconds == 1_500
    assert Pace().stretches() == [] and Pace().peak == 0


@given(st.dictionaries(st.integers(0, 99), st.integers(1, 9), min_size=1), st.floats(0.01, 1))
def test_a_quantile_is_that_of_the_sorted_list(counts: dict[int, int], share: float) -> None:
    values = sorted(value for value, times in counts.items() for _ in range(times))
    found = quantile(counts, share)
    assert found is not None
    assert sum(value <= found for value in values) >= share * len(values) - 1e-6
    assert sum(value < found for value in values) < share * len(values) + 1e-6
    assert quantile({}, share) is None


@given(st.lists(st.integers(0, 50), max_size=8), st.integers(0, 60))
def test_places_are_shared_fairly(wanted: list[int], most: int) -> None:
    given_ = shared(wanted, most)
    assert sum(given_) == min(sum(wanted), most)
    assert all(got <= want for got, want in zip(given_, wanted, strict=True))
    short = [got for got, want in zip(given_, wanted, strict=True) if got < want]
    assert not short or max(short) - min(short) <= 1
    assert not short or max(given_) <= max(short) + 1


def test_what_came_by_then() -> None:
    assert list(cumulated({2: 5, 7: 1, 0: 3}, (1, 2, 7))) == [(1, 0), (2, 5), (7, 6)]


def test_a_sum_is_known_only_when_all_of_it_is() -> None:
    assert summed([Decimal(1), Decimal("0.5")]) == Decimal("1.5")
    assert summed([Decimal(1), None]) is None
    assert summed([]) is None


def made() -> Figures:
    return Figures(0, campaigns={"c": Campaign("c", 0, None)})


@pytest.mark.parametrize(
    ("state", "end", "paid"),
    [
        ("accepted", None, True), ("rejected", End.REFUSED, False), ("failed", End.REFUSED, False),
        ("unknown", End.UNKNOWN, True), ("inDoubt", End.UNKNOWN, True), ("presumedUnsent", End.UNKNOWN, False),
        ("invalid", None, False), ("skipped", None, False), ("ready", None, False),
    ],
)  # fmt: skip
def test_what_a_state_counts_as(state: str, end: End | None, paid: bool) -> None:
    figures = made()
    figures.add_sent(Sent("c", state, "why", "A1", "text", "KR", Decimal(9), 3, 6))
    assert figures.states == figures.campaigns["c"].states == {state: 3}
    assert figures.reasons == {(state, "why"): 3} and figures.codes == {"A1": 3} and figures.results == {"A1": "text"}
    country = figures.countries.get("KR")
    assert (country.ends if country else Counter()) == (Counter({end: 3}) if end else Counter())
    assert (country.segments if country else 0, country.cost if country else 0) == ((6, 54) if paid else (0, 0))
    assert sum(sum(counts.values()) for counts in figures.needs.values()) == (
        0 if state in {"accepted", "skipped"} else 3
    )


@pytest.mark.parametrize(
    ("delivery", "end", "need"),
    [
        (Delivery.NONE, End.WAITING, Need.UNPOLLED), (Delivery.PENDING, End.WAITING, None),
        (Delivery.RELAYED, End.RELAYED, None), (Delivery.DELIVERED, End.DELIVERED, None),
        (Delivery.UNDELIVERED, End.UNDELIVERED, Need.UNDELIVERED),
    ],
)  # fmt: skip
def test_what_a_delivery_counts_as(delivery: Delivery, end: End, need: Need | None) -> None:
    figures = made()
    none = delivery is Delivery.NONE
    figures.add_fared(
        Fared(
            "c", "KR", delivery, None if none else "10000", None, Outcome.DELIVERED, Decimal(9), 3, 6,
            None if none else 9, None if none else 1, None if none else DELAYS[0],
        )
    )  # fmt: skip
    country = figures.countries["KR"]
    assert country.ends == {end: 3} and country.posted == 3
    assert (country.reported, country.estimated, country.billed) == ((0, 0, 0) if none else (3, 6, 9))
    assert (country.estimated_cost, country.billed_cost) == (
        (Decimal(0), Decimal(0)) if none else (Decimal(54), Decimal(81))
    )
    assert figures.needs == ({} if need is None else {need: {"c": 3}})
    assert figures.arrived == ({1: 3} if delivery is Delivery.DELIVERED else {})
    assert figures.campaigns["c"].delivered == (3 if delivery is Delivery.DELIVERED else 0)


def test_one_segment_without_a_price_leaves_the_cost_open() -> None:
    figures = made()
    for price in (Decimal(9), None, Decimal(9)):
        figures.add_sent(Sent("c", "accepted", None, None, None, "KR", price, 1, 1))
    assert figures.countries["KR"].cost is None
    figures.add_sent(Sent("c", "accepted", None, None, None, "JP", None, 0, 0))
    assert figures.countries["JP"].cost == 0
    figures.need(Need.DOUBLE, "c", 0)
    assert Need.DOUBLE not in figures.needs
