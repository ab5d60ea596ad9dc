"""Dividing the account's rate: never more than it is, nobody starves, and what one does not need the others have."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omni_bulk.shares import HEADROOM, LEAST, TRICKLE, Ask, divide, granted, wanted

RATE = st.floats(0.1, 10_000)
ASKS = st.lists(st.builds(Ask, ceiling=RATE, wants=st.floats(0, 20_000)), min_size=1, max_size=8)


def close(one: float, other: float) -> bool:
    return one == pytest.approx(other, rel=1e-9, abs=1e-6)


@given(ASKS)
def test_together_they_have_the_largest_ceiling_and_nobody_more_than_its_own(asks: list[Ask]) -> None:
    parts = divide(asks)
    total = max(ask.ceiling for ask in asks)
    assert close(sum(parts), total), "the whole rate is somebody's"
    assert all(0 <= part <= ask.ceiling + 1e-6 for part, ask in zip(parts, asks, strict=True))


@given(ASKS)
def test_nobody_starves(asks: list[Ask]) -> None:
    """Each gets what it wants, or at least an equal part."""
    equal = max(ask.ceiling for ask in asks) / len(asks)
    for part, ask in zip(divide(asks), asks, strict=True):
        assert part >= min(ask.wants, ask.ceiling, equal) - 1e-6


@given(ASKS)
def test_who_does_not_get_what_it_wants_has_as_much_as_anybody(asks: list[Ask]) -> None:
    parts = divide(asks)
    for part, ask in zip(parts, asks, strict=True):
        if part < min(ask.wants, ask.ceiling) - 1e-6:
            assert part >= max(parts) - 1e-6


@given(ASKS, st.data())
def test_who_wants_less_leaves_more_to_the_others(asks: list[Ask], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(asks) - 1))
    before = divide(asks)
    less = Ask(asks[index].ceiling, data.draw(st.floats(0, asks[index].wants)))
    after = divide([less if number == index else ask for number, ask in enumerate(asks)])
    for number, ask in enumerate(asks):
        if number != index:
            assert after[number] >= min(before[number], ask.wants, ask.ceiling) - 1e-6


@pytest.mark.parametrize(
    ("asks", "parts"),
    [
        ([Ask(200, 0)], [200]),  # alone: all of it, whatever it wants at the moment
        ([Ask(200, 500), Ask(200, 500)], [100, 100]),
        ([Ask(200, 500), Ask(200, 0)], [200, 0]),  # an idle service holds nothing back
        ([Ask(200, 500), Ask(200, 10)], [190, 10]),
        ([Ask(200, 50), Ask(200, 10)], [120, 80]),  # what nobody wants is there for a sudden need
        ([Ask(50, 500), Ask(200, 500)], [50, 150]),
        ([Ask(50, 500), Ask(200, 500), Ask(200, 500)], [50, 75, 75]),
        ([], []),
    ],
)
def test_parts_follow_the_need(asks: list[Ask], parts: list[float]) -> None:
    assert divide(asks) == pytest.approx(parts)


@given(ASKS, st.randoms(use_true_random=False))
def test_who_looks_one_after_the_other_never_has_more_than_the_rate_together(asks: list[Ask], random: Random) -> None:
    """Whoever comes, and in whichever order they look: parts wait until they are given back."""
    total = max(ask.ceiling for ask in asks)
    uses = [0.0] * len(asks)
    uses[0], _ = granted(Ask(total, total), [], 0.0)
    for number in [random.randrange(len(asks)) for _ in range(40)]:
        others = [ask for index, ask in enumerate(asks) if index != number]
        in_use = sum(uses) - uses[number]
        uses[number], due = granted(asks[number], others, in_use)
        assert uses[number] <= max(due, TRICKLE * total) + 1e-6
        assert sum(uses) <= total * (1 + TRICKLE * len(asks)) + 1e-6
    for number in [*range(len(asks)), *range(len(asks))]:  # who has looked since all others did has what is due
        others = [ask for index, ask in enumerate(asks) if index != number]
        uses[number], due = granted(asks[number], others, sum(uses) - uses[number])
    assert uses[-1] >= due - TRICKLE * total * len(asks) - 1e-6


def test_who_comes_while_all_is_in_use_has_the_trickle_until_it_is_given_back() -> None:
    campaign, service = Ask(200, 500), Ask(200, 50)
    assert granted(service, [campaign], 200.0) == (2.0, 50.0)
    assert granted(campaign, [service], 2.0) == (150.0, 150.0)
    assert granted(service, [campaign], 150.0) == (50.0, 50.0)


def test_the_trickle_is_no_more_than_the_own_ceiling() -> None:
    assert granted(Ask(0.5, 5), [Ask(1000, 5000)], 1000.0)[0] == 0.5


@pytest.mark.parametrize(
    ("before", "passed", "waiting", "wants"),
    [(0.0, 25, 0, 100 * HEADROOM), (0.0, 25, 25, 200 * HEADROOM), (100.0, 0, 0, 80.0), (1.0, 0, 0, 200 * LEAST)],
)
def test_a_need_is_what_passed_and_what_waits_and_fades(before: float, passed: int, waiting: int, wants: float) -> None:
    assert wanted(200.0, before, passed=passed, waiting=waiting, seconds=0.25) == wants
