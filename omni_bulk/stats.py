"""Counting: what a run did, and how the recipients of its list stand. Pure; fed with results, read by everyone."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from omni_bulk.cost import Prices
from omni_bulk.model import Result, Status
from omni_bulk.policy import OTHER_TEXT

EXAMPLES_MAX = 3  # rows kept for each reason


@dataclass(slots=True)
class Examples:
    """The first rows that were not sent for one reason, and a clause for people."""

    status: Status
    detail: str
    rows: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Tally:
    """Counts over the rows of one list. `states` counts recipients by present state, `run` this run's lines.

    `read` counts rows, `ready` messages admitted and not settled yet, `handled` rows whose result was there before.
    `countries` maps an ISO code to its messages, `segments` are billed parts, `costs` their price by country where
    `prices` has one (`unpriced` counts the messages where it has none); all of what is or will be sent by this run.
    `sent` and its likes are that of what was sent by now: accepted, or unknown, which may be billed.
    """

    prices: Prices | None = None
    read: int = 0
    ready: int = 0
    handled: int = 0
    states: Counter[str] = field(default_factory=Counter)
    run: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    countries: Counter[str] = field(default_factory=Counter)
    country_segments: Counter[str] = field(default_factory=Counter)
    costs: dict[str, Decimal] = field(default_factory=dict)
    unpriced: Counter[str] = field(default_factory=Counter)
    sent: Counter[str] = field(default_factory=Counter)
    sent_segments: Counter[str] = field(default_factory=Counter)
    sent_costs: dict[str, Decimal] = field(default_factory=dict)
    examples: dict[str, Examples] = field(default_factory=dict)
    other_texts: int = 0
    whole: bool = False  # the list was read to its end

    def message(self, country: str, segments: int, number: str = "") -> None:
        """A message is ready to be sent, to this number (E.164)."""
        self.read += 1
        self.ready += 1
        self.countries[country] += 1
        self.country_segments[country] += segments
        if self.prices is not None and not self._add(self.costs, country, segments, number):
            self.unpriced[country] += 1

    def _add(self, costs: dict[str, Decimal], country: str, segments: int, number: str) -> bool:
        price = None if self.prices is None else self.prices.of(country, number)
        if price is None:
            return False
        costs[country] = costs.get(country, Decimal(0)) + price * segments
        return True

    def judged(self, status: Status, reason: str | None, *, again: bool, row: int = 0, detail: str = "") -> None:
        """A row that is not sent by this run: refused before sending, or settled before (`again`)."""
        self.read += 1
        self.states[status] += 1
        self.handled += again
        if not again:
            self.run[status] += 1
        if reason is not None:
            self.reasons[reason] += 1
            self._keep(status, reason, row, detail)
        self.other_texts += reason == OTHER_TEXT

    def _keep(self, status: Status, reason: str, row: int, detail: str) -> None:
        if status not in {Status.INVALID, Status.SKIPPED}:
            return
        kept = self.examples.setdefault(reason, Examples(status, detail))
        if len(kept.rows) < EXAMPLES_MAX:
            kept.rows.append(row)

    def settled(self, result: Result) -> None:
        """A message that was ready has its result."""
        self.ready -= 1
        self.states[result.status] += 1
        self.run[result.status] += 1
        if result.code is not None:
            self.codes[result.code] += 1
        if result.reason is not None:
            self.reasons[result.reason] += 1
        if result.status in {Status.ACCEPTED, Status.UNKNOWN}:
            country, segments = result.country or "", result.segments or 0
            self.sent[country] += 1
            self.sent_segments[country] += segments
            self._add(self.sent_costs, country, segments, result.to or "")

    @property
    def segments(self) -> int:
        return sum(self.country_segments.values())

    @property
    def cost(self) -> Decimal | None:
        """What sending costs; None without prices, and where some country has none."""
        return None if self.prices is None or self.unpriced else sum(self.costs.values(), Decimal(0))

    @property
    def sent_cost(self) -> Decimal | None:
        """What was spent by now; None as for `cost`."""
        return None if self.prices is None or self.unpriced else sum(self.sent_costs.values(), Decimal(0))

    @property
    def currency(self) -> str | None:
        return None if self.prices is None else self.prices.currency


@dataclass(frozen=True, slots=True)
class Summary:
    """How a campaign stands after a run.

    `run` counts this run's lines by status, `campaign` the recipients of the list by present state; `remaining` are
    ready and unsent, `already_handled` had their result before. `seconds` is the duration of the run. `cost` is what
    this run spent, in `currency` (accepted and unknown; None without a price list that has every country), `countries`
    the same by country, as JSON has it. `not_before` (ISO 8601) is when the next recipient that waits may be sent to.
    """

    campaign_name: str
    campaign_id: str
    run: Mapping[str, int]
    campaign: Mapping[str, int]
    reasons: Mapping[str, int]
    codes: Mapping[str, int]
    recipients: int
    remaining: int
    already_handled: int
    segments: int
    seconds: float
    posts: int
    exit_code: int
    whole: bool
    stopped: str | None = None
    stop_reason: str | None = None
    cost: Decimal | None = None
    currency: str | None = None
    countries: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    not_before: str | None = None

    @property
    def complete(self) -> bool:
        """Whether the whole list was read and nobody on it is left to try."""
        return self.whole and not self.remaining and not self.campaign.get(Status.FAILED, 0)


def exit_code(tally: Tally, stopped: int | None = None, tolerate: Mapping[str, float] | None = None) -> int:
    """What the command line exits with: a stop's own code, else by the present state of the recipients.

    3 with some `unknown`, 1 with some `rejected`, `failed` or `invalid`, or rows that already got another text, else 0.
    `tolerate` maps a status to the share of the list below which it does not count.
    """
    if stopped is not None:
        return stopped
    if _counts(tally, Status.UNKNOWN, tolerate):
        return 3
    bad = (Status.REJECTED, Status.FAILED, Status.INVALID)
    return int(any(_counts(tally, status, tolerate) for status in bad) or tally.other_texts > 0)


def _counts(tally: Tally, status: Status, tolerate: Mapping[str, float] | None) -> bool:
    return tally.states[status] / max(tally.read, 1) > (tolerate or {}).get(status, 0.0)
