"""Charts stay within their frames, their labels do not meet, and their marks are where their numbers are."""

import re
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omni_bulk.charts import (
    LATENCIES,
    NARROW,
    WIDE,
    Curve,
    Mark,
    Part,
    Stretch,
    Words,
    _place_of,
    bar,
    columns_of,
    distribution,
    growing,
    over_time,
    swatch,
    ticks,
)
from omni_bulk.markup import Html
from tests.page.parsed import parse

WORDS = Words("id", "name", "long", "axis", "under")
RATES = st.just(0.0) | st.floats(0.001, 900)
_NUMBER = re.compile(r"[MLHV ](-?[0-9.]+)")


def drawings(chart: Html) -> list[tuple[int, str]]:
    """Width and markup of both drawings."""
    parts = chart.split("<svg ")[1:]
    assert len(parts) == 2
    return list(zip((WIDE, NARROW), parts, strict=True))


def check(chart: Html) -> None:
    assert parse(chart).problems == []
    for width, drawn in drawings(chart):
        height = int(re.search(r'viewBox="0 0 \d+ (\d+)"', drawn)[1])  # type: ignore[index]
        for name, most in (("x", width), ("x1", width), ("x2", width), ("y", height), ("y1", height), ("y2", height)):
            for value in re.findall(rf' {name}="([-0-9.]+)"', drawn):
                assert -0.1 <= float(value) <= most + 0.1, (name, value)
        for path in re.findall(r' d="([^"]+)"', drawn):
            assert all(-0.1 <= float(number) <= width + 0.1 for number in _NUMBER.findall(path))
        assert "nan" not in drawn and "inf" not in drawn
        labels = sorted(
            (float(y), float(x), len(text))
            for x, y, text in re.findall(r'class="tick mid" x="([-0-9.]+)" y="([-0-9.]+)">([^<]*)<', drawn)
        )
        for (line, x, size), (other, beside, other_size) in pairwise(labels):
            assert line != other or beside - x >= (size + other_size) * 3, "two labels meet"


@given(st.floats(0.001, 1e7), st.integers(2, 6))
def test_ticks_are_round_and_reach_the_top(top: float, most: int) -> None:
    found = ticks(top, most)
    assert found[0] == 0 and found[-1] >= top * (1 - 1e-6)
    assert len(found) <= most + 1
    steps = {round((after - before) / found[1], 6) for before, after in pairwise(found)}
    assert steps == {1.0}
    assert found[1] / 10 ** (len(f"{found[1]:e}".split("e")[0]) and int(f"{found[1]:e}".split("e")[1])) in {
        1,
        2,
        2.5,
        5,
    }
    assert ticks(0) == [0, 1]


def test_a_bar_is_whole_and_small_pieces_can_be_made_visible() -> None:
    parts = [Part("delivered", 999_000, "a"), Part("waiting", 0, "none"), Part("unknown", 1_000, "b")]
    exact, seen = bar(parts, 1_000_000, "label"), bar(parts, 1_000_000, "label", least=0.5)
    assert re.findall(r' width="([0-9.]+)%" y', exact) == ["99.900", "0.100"]
    assert re.findall(r' width="([0-9.]+)%" y', seen) == ["99.900", "0.100"]
    assert re.findall(r' width="([0-9.]+)%" y', bar(parts[2:], 1_000_000, "l", least=0.5)) == ["0.500"]
    assert exact.count("<rect") == 2 and "none" not in exact and "k-unknown thin" in exact
    assert parse(bar([], 0, "label")).tags == {"svg": 1}
    assert "k-ready" in swatch("ready")


def chart_over_time(stretches: list[Stretch], zone: str = "Asia/Seoul") -> Html:
    return over_time(
        WORDS, stretches, ZoneInfo(zone), "{:g}".format, "{:.1f}".format, lambda seconds: f"{seconds // 60} min"
    )


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.integers(1, 90_000), st.lists(RATES, min_size=1, max_size=20)), min_size=1, max_size=5),
    st.sampled_from([1, 5, 60, 900, 86_400]),
    st.sampled_from(["Asia/Seoul", "America/New_York", "Asia/Kathmandu", "UTC"]),
)  # fmt: skip
def test_a_chart_over_time_stays_within_its_frame(made: list[tuple[int, list[float]]], step: int, zone: str) -> None:
    stretches, at = [], 1_794_960_000
    for pause, values in made:
        at += pause * step
        stretches.append(Stretch(at, step, values))
        at += step * len(values)
    check(chart_over_time(stretches, zone))


def test_pauses_say_how_long_they_were_and_days_where_they_begin() -> None:
    night = 1_794_960_000 + 14 * 3_600  # 23:00 in Seoul
    chart = chart_over_time([Stretch(night, 60, [2.0] * 120), Stretch(night + 40_000, 60, [3.0] * 60)])
    wide = drawings(chart)[0][1]
    assert f"{(40_000 - 7_200) // 60} min" in wide
    assert "2026-11-18" in wide and "2026-11-19" in wide
    assert "00:00" in wide
    assert wide.count("<title>") == 180 and drawings(chart)[1][1].count("<title>") == 0


def test_days_are_labelled_by_date() -> None:
    chart = chart_over_time([Stretch(1_794_960_000, 86_400, [1.0] * 90)])
    assert re.search(r">\d\d-\d\d<", chart) and re.search(r">2026<", chart)


@settings(max_examples=50)
@given(
    st.dictionaries(st.integers(0, 400_000), st.integers(1, 10**6), min_size=1, max_size=40),
    st.lists(st.integers(0, 400_000), max_size=3),
)  # fmt: skip
def test_a_distribution_keeps_every_answer(counts: dict[int, int], marks: list[int]) -> None:
    edges, columns, rest = columns_of(counts)
    assert sum(columns) == sum(counts.values())
    assert len(edges) == len(columns) >= 6
    assert edges == sorted(edges) and set(edges) <= set(LATENCIES)
    for number, edge in enumerate(edges[:-1]):
        assert columns[number] == sum(
            times for value, times in counts.items()
            if (edge <= value or number == 0) and value < edges[number + 1]
        )  # fmt: skip
    known = [Mark(value, f"p {value}") for value in marks if min(counts) <= value <= max(counts)]
    check(distribution(WORDS, counts, known, "{:g}".format, lambda low, high, n: f"{low} {high} {n}", "{:g}%".format))
    assert not rest or columns[-1] <= 0.001 * sum(columns) + 1e-9


def test_a_long_tail_is_one_column() -> None:
    edges, columns, rest = columns_of({20: 50_000, 60: 49_000, 4_000: 10, 30_000: 5})
    assert rest and (edges[-1], columns[-1]) == (70, 15)
    tiny, _, rest = columns_of({0: 99_000, 4_000: 1})
    assert rest and tiny[0] == 0
    assert "≥ 70" in distribution(
        WORDS, {20: 50_000, 60: 49_000, 4_000: 10, 30_000: 5}, [], "{:g}".format, lambda *_: "", "{:g}%".format
    )


@pytest.mark.parametrize("last", [2, 3_600, 259_200])
def test_shares_that_grow(last: int) -> None:
    curves = [
        Curve("delivered", "delivered", [(1, 0.1), (last, 0.99)]), Curve("relayed", "a first report", [(1, 0.5), (last, 1.0)]),
    ]  # fmt: skip
    chart = growing(WORDS, curves, [(1, "1 s"), (last, "last")], "{:g}%".format, lambda c, at, p: f"{c.name} {at} {p}")
    check(chart)
    wide, narrow = (drawn for _, drawn in drawings(chart))
    assert "delivered 99%" in wide and "delivered 99%" not in narrow
    beside = [float(y) for y in re.findall(r'tick strong" x="[0-9.]+" y="([0-9.]+)"', wide)]
    assert abs(beside[0] - beside[1]) >= 15


def test_a_single_step_is_drawn_too() -> None:
    check(growing(WORDS, [Curve("k", "n", [(1, 1.0)])], [(1, "1 s")], "{:g}%".format, lambda *_: ""))


@pytest.mark.parametrize(("value", "place"), [(0, 0.0), (15, 1.5), (20, 2.5), (1_000, 2.5)])
def test_a_value_beyond_the_last_edge_lies_in_the_middle_of_its_column(value: float, place: float) -> None:
    assert _place_of(value, (0, 10, 20)) == place
