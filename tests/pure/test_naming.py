"""What campaigns are called, and when one may not go on."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omni_bulk.naming import (
    STALE_AFTER,
    Period,
    Wanted,
    is_name,
    kind_refusal,
    period_name,
    period_of,
    previous_day,
    previous_name,
    refusal,
)
from tests.pure.made import campaign


@pytest.mark.parametrize("name", ["october", "10월", "a b", "a.b", "...", "x" * 120, "october-2026-W47", "~", "😀"])
def test_a_name(name: str) -> None:
    assert is_name(name)


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", " ", " a", "a ", "a/b", "a\\b", "a\0b", "a\nb", "a\n", "a\x7f", "x" * 121, "a\udcff", "\ud800"],
)
def test_no_name(name: str) -> None:
    assert not is_name(name)


# ── periods ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("day", "per", "period", "before"),
    [
        ("2026-11-22", "day", "2026-11-22", "2026-11-21"),
        ("2026-01-01", "day", "2026-01-01", "2025-12-31"),
        ("2028-03-01", "day", "2028-03-01", "2028-02-29"),
        ("2027-03-01", "day", "2027-03-01", "2027-02-28"),
        ("2026-11-22", "week", "2026-W47", "2026-W46"),
        ("2026-11-23", "week", "2026-W48", "2026-W47"),
        ("2027-01-03", "week", "2026-W53", "2026-W52"),  # a Sunday of the year before
        ("2027-01-04", "week", "2027-W01", "2026-W53"),
        ("2024-12-30", "week", "2025-W01", "2024-W52"),  # a Monday of the year after
        ("2024-12-29", "week", "2024-W52", "2024-W51"),
        ("2026-11-22", "month", "2026-11", "2026-10"),
        ("2026-01-31", "month", "2026-01", "2025-12"),
        ("2026-03-31", "month", "2026-03", "2026-02"),
        ("2028-03-31", "month", "2028-03", "2028-02"),
    ],
)
def test_periods_and_the_ones_before(day: str, per: Period, period: str, before: str) -> None:
    as_of = datetime.combine(date.fromisoformat(day), datetime.max.time(), UTC)
    assert period_name("news", as_of, per) == f"news-{period}"
    assert previous_name("news", as_of, per) == f"news-{before}"
    assert is_name(period_name("news", as_of, per))


PERIODS = st.sampled_from(["day", "week", "month"])


@given(st.dates(date(1970, 1, 1), date(2999, 12, 31)), PERIODS)
def test_no_period_is_passed_over(day: date, per: Period) -> None:
    """Going back day by day, the next other period is the one before."""
    earlier = day
    while period_of(earlier, per) == period_of(day, per):
        earlier -= timedelta(days=1)
    assert period_of(earlier, per) == period_of(previous_day(day, per), per)
    assert period_of(earlier, per) < period_of(day, per)  # so that names sort by time


# ── going on ───────────────────────────────────────────────────────────────────────────────────────────────────────

NOW = 1_790_000_000_000


def wanted(**fields: Any) -> Wanted:
    return Wanted(**{"template": "Hi {name}", "from_": "0200000001", "now": NOW, **fields})


def known(**fields: Any) -> Any:
    return campaign(**{"template": "Hi {name}", "template_from": "0200000001", "kind": "number", **fields})


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"template": "Ho {name}"}, ["the template changed from 'Hi {name}' to 'Ho {name}'"]),
        ({"template": None}, ["the template changed from 'Hi {name}' to a column of the list"]),
        ({"from_": "0200000002"}, ["the from changed from '0200000001' to '0200000002'"]),
        ({"from_": None}, ["the from changed from '0200000001' to a column of the list"]),
        ({"template": "Ho", "from_": None}, ["the template changed", "the from changed"]),
    ],
)
def test_a_changed_template_or_from_is_refused_once_somebody_has_a_message(
    fields: dict[str, Any], said: list[str]
) -> None:
    sentence = refusal(known(), wanted(**fields), taken=True)
    assert sentence is not None
    assert all(part in sentence for part in [*said, "'october'", "--changed-text", "--campaign NEW"])
    assert refusal(known(), wanted(**fields), taken=False) is None
    assert refusal(known(), wanted(**fields, changed_text=True), taken=True) is None


def test_a_template_where_each_row_brought_its_own_is_a_change() -> None:
    sentence = refusal(known(template=None), wanted(), taken=True)
    assert sentence is not None and "from a column of the list to 'Hi {name}'" in sentence


def test_the_same_again_may_go_on() -> None:
    assert refusal(known(), wanted(), taken=True) is None


COMPLETE = {"completed_at": NOW - STALE_AFTER - 1, "input_digest": b"old"}
CHANGED = {"implied": True, "input_digest": b"new"}


@pytest.mark.parametrize("taken", [True, False])
def test_another_file_under_the_name_of_a_finished_campaign_is_refused(taken: bool) -> None:
    sentence = refusal(known(**COMPLETE), wanted(**CHANGED), taken=taken)
    assert sentence is not None
    assert all(part in sentence for part in ("'october'", "--campaign NEW", "--extend"))


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ({}, {"implied": False}),
        ({}, {"extend": True}),
        ({}, {"input_digest": b"old"}),
        ({}, {"input_digest": None}),
        ({"input_digest": None}, {}),
        ({"completed_at": None}, {}),
        ({"completed_at": NOW - STALE_AFTER}, {}),  # 12 h to the millisecond
        ({"completed_at": NOW}, {}),
    ],
)
def test_a_finished_campaign_may_go_on(before: dict[str, Any], now: dict[str, Any]) -> None:
    assert refusal(known(**{**COMPLETE, **before}), wanted(**{**CHANGED, **now}), taken=True) is None


def test_a_changed_text_does_not_excuse_another_list() -> None:
    sentence = refusal(known(**COMPLETE), wanted(**CHANGED, template="Ho", changed_text=True), taken=True)
    assert sentence is not None and "--extend" in sentence


@pytest.mark.parametrize(
    ("before", "kind", "hint"),
    [
        (None, "ref", None),
        (None, "number", None),
        ("ref", "ref", None),
        ("number", "number", None),
        ("ref", "number", "Put the column back"),
        ("number", "ref", "Remove the column"),
    ],
)
def test_a_list_keeps_its_kind(before: str | None, kind: str, hint: str | None) -> None:
    sentence = kind_refusal(known(kind=before), kind)
    if hint is None:
        assert sentence is None
    else:
        assert sentence is not None and hint in sentence and "--campaign NEW" in sentence
