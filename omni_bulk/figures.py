"""The figures of a page about campaigns: counts, speeds and delays, gathered group by group. Pure.

`ledger/summing` gives groups of messages that fared alike; what is kept here does not grow with their number.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise
from typing import Final

from omni_bulk.delivery import Delivery, Outcome
from omni_bulk.spans import Span

STEPS: Final = (1, 5, 15, 60, 300, 900, 3_600, 21_600, 86_400)
"""Seconds of a bucket of `Pace`; each is a multiple of the one before, so that buckets can be merged."""
BUCKETS_MAX: Final = 4_096
DELAYS: Final = (
    1, 2, 3, 5, 7, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 450, 600, 900, 1_200, 1_800, 2_700, 3_600, 5_400, 7_200,
    10_800, 14_400, 21_600, 28_800, 43_200, 64_800, 86_400, 129_600, 172_800, 259_200,
)  # fmt: skip
"""Seconds: the upper ends of the steps in which delays of reports are counted; what is longer has none."""


class End(StrEnum):
    """What became of a message that was posted, in the words of a chart: sending and delivery in one."""

    DELIVERED = "delivered"
    RELAYED = "relayed"
    WAITING = "waiting"
    UNDELIVERED = "undelivered"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class Need(StrEnum):
    """What an operator has to decide about, the most urgent first."""

    DOUBLE = "double"
    UNKNOWN = "unknown"
    PRESUMED = "presumed"
    IN_DOUBT = "in_doubt"
    UNDELIVERED = "undelivered"
    REJECTED = "rejected"
    FAILED = "failed"
    INVALID = "invalid"
    READY = "ready"
    UNPOLLED = "unpolled"


NEED_OF: Final[Mapping[str, Need]] = {
    "unknown": Need.UNKNOWN, "presumedUnsent": Need.PRESUMED, "inDoubt": Need.IN_DOUBT, "rejected": Need.REJECTED,
    "failed": Need.FAILED, "invalid": Need.INVALID, "ready": Need.READY,
}  # fmt: skip
"""State → what it wants of an operator; the other states want nothing."""
_END_OF_STATE: Final = {
    "rejected": End.REFUSED, "failed": End.REFUSED, "unknown": End.UNKNOWN,
    "presumedUnsent": End.UNKNOWN, "inDoubt": End.UNKNOWN,
}  # fmt: skip
_END_OF_DELIVERY: Final = {
    Delivery.DELIVERED: End.DELIVERED, Delivery.RELAYED: End.RELAYED, Delivery.PENDING: End.WAITING,
    Delivery.NONE: End.WAITING, Delivery.UNDELIVERED: End.UNDELIVERED,
}  # fmt: skip
_PAID: Final = frozenset({"accepted", "unknown", "inDoubt"})  # what may be billed


@dataclass(frozen=True, slots=True)
class Sent:
    """Recipients whose sending went alike. `state` is a status, or ``ready``, ``inDoubt``, ``presumedUnsent``; `price`
    is for one segment, None where nobody knows it; `result` is what the API wrote beside `code`.
    """

    campaign: str
    state: str
    reason: str | None
    code: str | None
    result: str | None
    country: str
    price: Decimal | None
    messages: int
    segments: int


@dataclass(frozen=True, slots=True)
class Fared:
    """Accepted messages whose reports say the same. `relayed` and `arrived` are the steps (seconds, of `DELAYS`) in
    which the first report and the handset's came, None for none, 0 for later than the last step; `billed` is None where
    no report says how many parts.
    """

    campaign: str
    country: str
    delivery: Delivery
    code: str | None
    text: str | None
    outcome: Outcome
    price: Decimal | None
    messages: int
    segments: int
    billed: int | None
    relayed: int | None
    arrived: int | None


@dataclass(frozen=True, slots=True)
class Case:
    """One recipient that needs a decision. `to` is masked, `ref` holds no number; `at` in milliseconds since 1970."""

    need: Need
    campaign: str
    row: int | None
    ref: str | None
    to: str
    country: str
    reason: str | None
    code: str | None
    text: str | None
    at: int | None


class Pace:
    """How many messages went in each second: sparse buckets, which grow wider when there are too many of them."""

    def __init__(self) -> None:
        self.step: int = STEPS[0]
        self.buckets: Counter[int] = Counter()

    def add(self, second: int, messages: int) -> None:
        """`second` since 1970."""
        self.buckets[second // self.step] += messages
        while len(self.buckets) > BUCKETS_MAX and self.step != STEPS[-1]:
            self.widen()

    def widen(self) -> None:
        """Merges the buckets into those of the next step."""
        wider = STEPS[STEPS.index(self.step) + 1]
        merged: Counter[int] = Counter()
        for bucket, messages in self.buckets.items():
            merged[bucket * self.step // wider] += messages
        self.step, self.buckets = wider, merged

    def fitting(self, columns: int) -> "Pace":
        """The same in at most so many buckets, pauses left out."""
        fit = Pace()
        fit.step, fit.buckets = self.step, Counter(self.buckets)
        while fit.seconds > columns * fit.step and fit.step != STEPS[-1]:
            fit.widen()
        return fit

    @property
    def peak(self) -> float:
        """Messages a second in the fullest bucket."""
        return max(self.buckets.values(), default=0) / self.step

    def stretches(self, most: int = 5) -> list[tuple[int, int]]:
        """Periods of sending, as first and last bucket; the longest pauses between them are left out, `most` − 1 of
        them, each longer than an eighth of all that was sent in and than two minutes.
        """
        used = sorted(self.buckets)
        if not used:
            return []
        least = max(len(used) // 8, 120 // self.step, 1)
        pauses = sorted(((after - before, before, after) for before, after in pairwise(used)), reverse=True)
        cuts = sorted((before, after) for gap, before, after in pauses[: most - 1] if gap - 1 > least)
        firsts = [used[0], *(after for _, after in cuts)]
        lasts = [*(before for before, _ in cuts), used[-1]]
        return list(zip(firsts, lasts, strict=True))

    @property
    def seconds(self) -> int:
        """How long was sent, pauses left out."""
        return sum(last - first + 1 for first, last in self.stretches()) * self.step


def quantile(counts: Mapping[int, int], share: float) -> int | None:
    """The least value that is not below that share of all; None of nothing."""
    left = share * sum(counts.values())
    for value in sorted(counts):
        left -= counts[value]
        if left <= 1e-9:
            return value
    return None


@dataclass(slots=True)
class Country:
    """What went to one country. `estimated` and `billed` are segments of the same messages: those whose report says how
    many were billed. Costs are None as soon as one segment has no price.
    """

    recipients: int = 0
    ends: Counter[End] = field(default_factory=Counter)
    accepted: int = 0
    segments: int = 0
    cost: Decimal | None = Decimal()
    reported: int = 0
    estimated: int = 0
    billed: int = 0
    estimated_cost: Decimal | None = Decimal()
    billed_cost: Decimal | None = Decimal()

    @property
    def posted(self) -> int:
        return sum(self.ends.values())


@dataclass(slots=True)
class Campaign:
    """One campaign of the page. Times in milliseconds since 1970."""

    name: str
    created: int | None
    completed: int | None
    states: Counter[str] = field(default_factory=Counter)
    delivered: int = 0


@dataclass(slots=True)
class Figures:
    """Everything a page says. `made` is when, in milliseconds since 1970; `span` what was asked for; `currency` is None
    without a price list; `latencies` are milliseconds → answers.
    """

    made: int
    span: Span = field(default_factory=Span)
    currency: str | None = None
    campaigns: dict[str, Campaign] = field(default_factory=dict)
    states: Counter[str] = field(default_factory=Counter)
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)
    countries: dict[str, Country] = field(default_factory=dict)
    codes: Counter[str] = field(default_factory=Counter)
    results: dict[str, str] = field(default_factory=dict)
    pace: Pace = field(default_factory=Pace)
    first: int | None = None
    last: int | None = None
    latencies: Counter[int] = field(default_factory=Counter)
    deliveries: Counter[Delivery] = field(default_factory=Counter)
    report_codes: Counter[tuple[str, Outcome]] = field(default_factory=Counter)
    report_texts: dict[str, str] = field(default_factory=dict)
    relayed: Counter[int] = field(default_factory=Counter)
    arrived: Counter[int] = field(default_factory=Counter)
    needs: dict[Need, Counter[str]] = field(default_factory=dict)
    cases: list[Case] = field(default_factory=list)

    def add_sent(self, group: Sent) -> None:
        """Counts recipients of one state."""
        self.states[group.state] += group.messages
        self.campaigns[group.campaign].states[group.state] += group.messages
        if group.reason is not None:
            self.reasons[group.state, group.reason] += group.messages
        if group.code is not None:
            self.codes[group.code] += group.messages
            self.results.setdefault(group.code, group.result or "")
        if (need := NEED_OF.get(group.state)) is not None:
            self.need(need, group.campaign, group.messages)
        if group.state != "accepted" and group.state not in _END_OF_STATE:
            return
        country = self.countries.setdefault(group.country, Country())
        country.recipients += group.messages
        if group.state == "accepted":
            country.accepted += group.messages
        else:
            country.ends[_END_OF_STATE[group.state]] += group.messages
        if group.state in _PAID:
            country.segments += group.segments
            country.cost = _plus(country.cost, group.price, group.segments)

    def add_fared(self, group: Fared) -> None:
        """Counts accepted messages by what their reports say."""
        self.deliveries[group.delivery] += group.messages
        country = self.countries.setdefault(group.country, Country())
        country.ends[_END_OF_DELIVERY[group.delivery]] += group.messages
        if group.delivery is Delivery.DELIVERED:
            self.campaigns[group.campaign].delivered += group.messages
        elif group.delivery is Delivery.UNDELIVERED:
            self.need(Need.UNDELIVERED, group.campaign, group.messages)
        elif group.delivery is Delivery.NONE:
            self.need(Need.UNPOLLED, group.campaign, group.messages)
        if group.code is not None:
            self.report_codes[group.code, group.outcome] += group.messages
            self.report_texts.setdefault(group.code, group.text or "")
        if group.relayed is not None:
            self.relayed[group.relayed] += group.messages
        if group.arrived is not None and group.delivery is Delivery.DELIVERED:
            self.arrived[group.arrived] += group.messages
        if group.billed is not None:
            country.reported += group.messages
            country.estimated += group.segments
            country.billed += group.billed
            country.estimated_cost = _plus(country.estimated_cost, group.price, group.segments)
            country.billed_cost = _plus(country.billed_cost, group.price, group.billed)

    def need(self, need: Need, campaign: str, messages: int) -> None:
        """Counts what has to be decided."""
        if messages:
            self.needs.setdefault(need, Counter())[campaign] += messages

    @property
    def recipients(self) -> int:
        return sum(self.states.values())

    @property
    def accepted(self) -> int:
        return self.states["accepted"]


def _plus(sum_: Decimal | None, price: Decimal | None, segments: int) -> Decimal | None:
    if not segments:
        return sum_
    return None if sum_ is None or price is None else sum_ + price * segments


def summed(amounts: Iterable[Decimal | None]) -> Decimal | None:
    """The sum; None when one of them is not known, or there is none."""
    known = list(amounts)
    return None if not known or None in known else sum((one for one in known if one is not None), Decimal())


def shared(wanted: Sequence[int], most: int) -> list[int]:
    """How many of `most` places each gets: all it wants where that is little, else an equal share of what is left."""
    given, left = [0] * len(wanted), most
    for number, place in enumerate(sorted(range(len(wanted)), key=wanted.__getitem__)):
        given[place] = min(wanted[place], left // (len(wanted) - number))
        left -= given[place]
    return given


def cumulated(steps: Mapping[int, int], ends: Sequence[int] = DELAYS) -> Iterator[tuple[int, int]]:
    """(seconds, how many had come by then), for each of `ends`."""
    so_far = 0
    for end in ends:
        so_far += steps.get(end, 0)
        yield end, so_far
