"""Charts as inline SVG: numbers in, markup out. Pure, without script, and without a style that is not in a class.

A chart over time or size is drawn at two widths, and the page shows the one that fits, so that its letters keep their
size on a phone. Bars in tables are as wide as their cell. Every mark has a title, which a pointer shows and a screen
reader reads; classes give the colours, so that they follow the theme.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from itertools import pairwise
from math import floor, log10
from typing import Final

from omni_bulk.markup import Html, joined, tag

WIDE, NARROW = 860, 340
"""Units of the two drawings; about the pixels in which they are shown."""
_LINE: Final = 15  # units between two lines of small text
_LETTER: Final = 6.6  # units of one digit at the size of the labels, generously
_PAUSE: Final = 46  # units that a pause is drawn in

_TIME_STEPS: Final = (
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800,
    1_209_600, 2_592_000, 7_776_000, 31_536_000,
)  # fmt: skip
LATENCIES: Final = (
    0, 1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 700, 1_000, 1_500, 2_000, 3_000, 5_000, 7_000,
    10_000, 15_000, 20_000, 30_000, 60_000, 120_000, 300_000,
)  # fmt: skip
"""Milliseconds: the lower edges of the columns of a distribution."""


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a bar: its class, how much it is, and what its title says."""

    kind: str
    amount: int
    title: str


@dataclass(frozen=True, slots=True)
class Words:
    """What a chart says beside its numbers: `name` and `long` for screen readers, `axis` above its upright axis,
    `under` below the other.
    """

    id: str
    name: str
    long: str
    axis: str
    under: str


def ticks(top: float, most: int = 4) -> list[float]:
    """Round numbers from 0 to the first that is not below `top`, at most `most` steps."""
    if top <= 0:
        return [0.0, 1.0]
    rough = top / most
    power = 10.0 ** floor(log10(rough))
    step = next(size * power for size in (1, 2, 2.5, 5, 10) if size * power >= rough * (1 - 1e-9))
    count = next(number for number in range(1, most + 2) if number * step >= top * (1 - 1e-9))
    return [round(number * step, 10) for number in range(count + 1)]


def bar(parts: Sequence[Part], whole: int, label: str, *, least: float = 0.0) -> Html:
    """A bar as wide as its place, in pieces; `whole` is what its full width stands for, `least` the percentage of it
    that a piece takes however small it is, so that it is seen.
    """
    place, rects = 0.0, []
    for part in parts:
        if part.amount <= 0:
            continue
        width = max(100 * part.amount / max(whole, 1), least)
        rects.append(
            tag(
                "rect",
                tag("title", part.title),
                class_=f"k-{part.kind}" if width > 1 else f"k-{part.kind} thin",
                x=f"{place:.3f}%",
                width=f"{min(width, 100 - place):.3f}%",
                y=0,
                height="100%",
            )
        )
        place = min(place + width, 100.0)
    return tag("svg", *rects, class_="bar", role="img", aria_label=label, width="100%", height=14)


def swatch(kind: str) -> Html:
    """A piece of colour for a legend."""
    return tag("svg", tag("rect", class_=f"k-{kind}", width=12, height=12), class_="swatch", width=12, height=12,
               aria_hidden="true")  # fmt: skip


# ── frames ────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Frame:
    """Where a chart is drawn: its size, and the margins around its plot."""

    width: float
    height: float
    left: float
    right: float = 12
    top: float = 26
    bottom: float = 40

    @property
    def inner(self) -> float:
        return self.width - self.left - self.right

    @property
    def floor(self) -> float:
        return self.height - self.bottom

    def x(self, share: float) -> float:
        return self.left + share * self.inner

    def y(self, share: float) -> float:
        return self.floor - share * (self.floor - self.top)


def _twice(words: Words, draw: Callable[[float, str], Iterable[object]], height: int) -> Html:
    """The drawing at both widths."""
    return joined(
        tag(
            "svg", tag("title", words.name, id=f"{words.id}-{name}-t"), tag("desc", words.long, id=f"{words.id}-{name}-d"),
            *draw(width, name), class_=f"chart {name}", role="img", viewBox=f"0 0 {width} {height}",
            aria_labelledby=f"{words.id}-{name}-t {words.id}-{name}-d",
        )
        for width, name in ((WIDE, "wide"), (NARROW, "narrow"))
    )  # fmt: skip


def _upright(frame: _Frame, marks: Sequence[float], write: Callable[[float], str], words: Words) -> list[Html]:
    """Lines across, their numbers at the left, and what both axes count."""
    top = marks[-1]
    drawn = [
        tag("text", words.axis, class_="axis", x=0, y=12),
        tag("text", words.under, class_="axis end", x=_n(frame.width - frame.right), y=_n(frame.height - 8)),
    ]
    for mark in marks:
        y = frame.y(mark / top)
        drawn += [
            tag("line", class_="base" if mark == 0 else "grid", x1=_n(frame.left), x2=_n(frame.width - frame.right),
                y1=_n(y), y2=_n(y)),
            tag("text", write(mark), class_="tick end", x=_n(frame.left - 8), y=_n(y + 4)),
        ]  # fmt: skip
    return drawn


def _left_of(labels: Iterable[str]) -> float:
    return max(map(len, labels)) * _LETTER + 14


class _Row:
    """A line of texts, `below` the floor of a plot, from left to right, each where it belongs if it meets no other."""

    def __init__(self, frame: _Frame, below: int = 2 + _LINE) -> None:
        self._frame = frame
        self._y = frame.floor + below
        self._end = float("-inf")

    def put(self, labels: Iterable[tuple[float, str]]) -> Iterable[Html]:
        for x, label in labels:
            half = len(label) * _LETTER / 2
            middle = min(max(x, half), self._frame.width - half)
            if middle - half >= self._end + 8:
                self._end = middle + half
                yield tag("text", label, class_="tick mid", x=_n(middle), y=_n(self._y))


def _n(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")


# ── over time ─────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time without a long pause: from `start`, in seconds since 1970, one number a `step` of seconds."""

    start: int
    step: int
    values: Sequence[float]

    @property
    def seconds(self) -> int:
        return self.step * len(self.values)


def over_time(
    words: Words, stretches: Sequence[Stretch], zone: tzinfo, tick: Callable[[float], str],
    write: Callable[[float], str], pause: Callable[[int], str],
) -> Html:  # fmt: skip
    """An area over the time of day. Pauses between the stretches are cut out and say how long they were."""
    marks = ticks(max((max(one.values) for one in stretches), default=0))
    height = 252

    def draw(width: float, name: str) -> Iterable[object]:
        frame = _Frame(width, height, left=_left_of(map(tick, marks)), bottom=62)
        yield from _upright(frame, marks, tick, words)
        room = frame.inner - _PAUSE * (len(stretches) - 1)
        least = min(24.0, room / len(stretches))
        spare = room - least * len(stretches)
        seconds = sum(one.seconds for one in stretches)
        x, pauses, hours, dates = frame.left, _Row(frame, -14), _Row(frame), _Row(frame, 2 + 2 * _LINE)
        for number, one in enumerate(stretches):
            wide = least + spare * one.seconds / seconds
            yield from _area(frame, one, x, wide, marks[-1])
            if name == "wide":
                yield from _read_off(frame, one, x, wide, write, zone)
            times, days = _times(one, x, wide, zone)
            yield from hours.put(times)
            yield from dates.put(days)
            x += wide
            if number + 1 < len(stretches):
                yield from _cut(frame, x + _PAUSE / 2)
                gap = stretches[number + 1].start - one.start - one.seconds
                yield from pauses.put([(x + _PAUSE / 2, pause(gap))])
                x += _PAUSE

    return _twice(words, draw, height)


def _area(frame: _Frame, one: Stretch, x: float, wide: float, top: float) -> Iterable[Html]:
    each = wide / len(one.values)
    outline = [f"M{_n(x)} {_n(frame.floor)}"]
    for number, value in enumerate(one.values):
        outline.append(f"V{_n(frame.y(value / top))}H{x + (number + 1) * each:.2f}")
    yield tag("path", class_="area", d="".join([*outline, f"V{_n(frame.floor)}Z"]))
    yield tag("path", class_="edge", d="".join([*outline, f"V{_n(frame.floor)}"]))


def _read_off(
    frame: _Frame, one: Stretch, x: float, wide: float, write: Callable[[float], str], zone: tzinfo
) -> Iterable[Html]:
    """What a pointer shows over each step."""
    each = wide / len(one.values)
    for number, value in enumerate(one.values):
        at = _local(one.start + number * one.step, zone).strftime("%Y-%m-%d %H:%M:%S")
        yield tag(
            "rect", tag("title", f"{at}: {write(value)}"), class_="hit", x=f"{x + number * each:.2f}",
            y=_n(frame.top), width=f"{each:.2f}", height=_n(frame.floor - frame.top),
        )  # fmt: skip


def _cut(frame: _Frame, middle: float) -> Iterable[Html]:
    for side in (-4, 4):
        yield tag("line", class_="cut", x1=_n(middle + side - 3), x2=_n(middle + side + 3), y1=_n(frame.floor + 6),
                  y2=_n(frame.floor - 6))  # fmt: skip


def _times(
    one: Stretch, x: float, wide: float, zone: tzinfo
) -> tuple[list[tuple[float, str]], list[tuple[float, str]]]:
    """Labels of a stretch: times of day, and under them the day where it begins or changes."""
    step = next((size for size in _TIME_STEPS if wide * size / one.seconds >= 70), _TIME_STEPS[-1])
    offset = round((_local(one.start, zone).utcoffset() or UTC.utcoffset(None)).total_seconds())
    first = -(-(one.start + offset) // step) * step - offset
    places = list(range(first, one.start + one.seconds + 1, step)) or [one.start]
    form = "%H:%M:%S" if step < 60 else "%H:%M" if step < 86_400 else "%m-%d"
    at = [(x + wide * (place - one.start) / one.seconds, _local(place, zone)) for place in places]
    times = [(place, when.strftime(form)) for place, when in at]
    if step >= 86_400:
        return times, [(place, f"{when:%Y}") for place, when in at[:1]]
    changes = at[:1] + [after for before, after in pairwise(at) if before[1].date() != after[1].date()]
    return times, [(place, f"{when:%Y-%m-%d}") for place, when in changes]


def _local(second: int, zone: tzinfo) -> datetime:
    return datetime.fromtimestamp(second, UTC).astimezone(zone)


# ── distributions ─────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Mark:
    """A value of a distribution that is worth a line: where, and what is written at it."""

    value: float
    label: str


def distribution(
    words: Words, counts: dict[int, int], marks: Sequence[Mark], write: Callable[[float], str],
    title: Callable[[int, int | None, int], str], percent: Callable[[float], str],
) -> Html:  # fmt: skip
    """Columns over `LATENCIES`, of equal width though their steps grow. `counts` are values (ms) → how many."""
    edges, columns, rest = columns_of(counts)
    whole = sum(columns)
    height = 250
    heights = ticks(100 * max(columns) / whole)

    def draw(width: float, _name: str) -> Iterable[object]:
        frame = _Frame(width, height, left=_left_of(map(percent, heights)), top=26 + _LINE * len(marks))
        yield from _upright(frame, heights, percent, words)
        each = frame.inner / len(columns)
        for number, amount in enumerate(columns):
            y = frame.y(100 * amount / whole / heights[-1])
            till = edges[number + 1] if number + 1 < len(edges) else None
            yield tag(
                "rect", tag("title", title(edges[number], till, amount)), class_="column",
                x=_n(frame.left + number * each + 1), width=_n(each - 2), y=_n(y), height=_n(frame.floor - y),
            )  # fmt: skip
        labels = [(frame.left + number * each, write(edge)) for number, edge in enumerate(edges)]
        if rest:
            labels[-1] = (labels[-1][0] + each / 2, f"≥ {write(edges[-1])}")
        yield from _Row(frame).put(labels)
        for number, mark in enumerate(marks):
            yield from _marked(frame, mark, _place_of(mark.value, edges) * each, 26 + _LINE * number)

    return _twice(words, draw, height)


def columns_of(counts: dict[int, int]) -> tuple[list[int], list[int], bool]:
    """The lower edges of the columns from the first to the last that holds any, and what each holds; at least six.

    What is slower than 999 of 1,000 and lies more than two columns behind them is one last column: True then.
    """
    held = [0] * len(LATENCIES)
    for value, amount in counts.items():
        held[max(sum(1 for edge in LATENCIES if edge <= value) - 1, 0)] += amount
    used = [number for number, amount in enumerate(held) if amount]
    first, last = used[0], used[-1] + 1
    nearly = next(number for number in used if sum(held[: number + 1]) >= 0.999 * sum(held)) + 1
    if rest := last - nearly > 2:
        held[nearly], last = sum(held[nearly:]), nearly + 1
    while last - first < 6:
        first, last = max(first - 1, 0), last if rest else min(last + 1, len(held))
        if first == 0 and rest:
            break
    return list(LATENCIES[first:last]), held[first:last], rest


def _place_of(value: float, edges: Sequence[int]) -> float:
    """Where a value lies among the columns, in columns from the left."""
    column = max(sum(1 for edge in edges if edge <= value) - 1, 0)
    if column + 1 >= len(edges):
        return column + 0.5
    return column + (value - edges[column]) / (edges[column + 1] - edges[column])


def _marked(frame: _Frame, mark: Mark, offset: float, y: float) -> Iterable[Html]:
    x = frame.left + offset
    right = x + len(mark.label) * _LETTER + 8 < frame.width
    yield tag("line", class_="mark", x1=_n(x), x2=_n(x), y1=_n(y - 4), y2=_n(frame.floor))
    yield tag("text", mark.label, class_="tick" if right else "tick end", x=_n(x + (5 if right else -5)), y=_n(y + 6))


# ── shares that grow ──────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Curve:
    """A share that grows: its class, its name, and (seconds, share of 1) at the end of each step."""

    kind: str
    name: str
    points: Sequence[tuple[int, float]]


def growing(
    words: Words, curves: Sequence[Curve], labels: Sequence[tuple[int, str]], percent: Callable[[float], str],
    title: Callable[[Curve, int, float], str],
) -> Html:  # fmt: skip
    """Curves over a time whose steps grow by the same factor. `labels` are (seconds, text) under it."""
    height = 250
    ends = [second for curve in curves for second, _ in curve.points]
    low, high = log10(min(ends)), log10(max(ends))

    def draw(width: float, name: str) -> Iterable[object]:
        frame = _Frame(width, height, left=_left_of(["100%"]), right=12 if name == "narrow" else 150)
        yield from _upright(frame, [0.0, 25.0, 50.0, 75.0, 100.0], percent, words)

        def x(second: int) -> float:
            return frame.x((log10(second) - low) / ((high - low) or 1))

        yield from _Row(frame).put((x(second), label) for second, label in labels)
        beside: list[float] = []
        for curve in curves:
            path = "".join(
                f"{'M' if number == 0 else 'L'}{_n(x(second))} {_n(frame.y(part))}"
                for number, (second, part) in enumerate(curve.points)
            )
            yield tag("path", class_=f"curve k-{curve.kind}", d=path)
            for second, part in curve.points:
                yield tag("circle", tag("title", title(curve, second, part)), class_=f"dot k-{curve.kind}",
                          cx=_n(x(second)), cy=_n(frame.y(part)), r=3)  # fmt: skip
            y = frame.y(curve.points[-1][1]) + 4
            while any(abs(y - other) < _LINE for other in beside):
                y += 1
            beside.append(y)
            if name != "narrow":
                text = f"{curve.name} {percent(100 * curve.points[-1][1])}"
                yield tag("text", text, class_="tick strong", x=_n(frame.width - frame.right + 8), y=_n(y))

    return _twice(words, draw, height)
