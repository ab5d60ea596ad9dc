"""Counting: what a run did, and how the recipients of its list stand. Pure; fed with results, read by everyone."""

import re
import unicodedata
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from omni_bulk.cost import Prices
from omni_bulk.masking import masked, masked_cell
from omni_bulk.model import Message, Problem, Result, Status
from omni_bulk.policy import OTHER_TEXT
from omni_bulk.text import Replacements, segment

EXAMPLES_MAX = 3  # rows kept for each cause
CAUSES_MAX = 200  # causes kept apart; beyond them rows count under their reason alone
PREVIEW_MAX = 3  # messages shown in a plan as they will be sent
_E164 = re.compile(r"\+[0-9]+").fullmatch


@dataclass(frozen=True, slots=True)
class Preview:
    """One message as it will be sent, for a plan: so that a wrong encoding or a shifted column is seen."""

    row: int
    number: str
    country: str
    text: str = field(repr=False)


class InvalidRows:
    """The rows that are `invalid`, in the order of the list, and why: 16 bytes each, however many they are."""

    def __init__(self) -> None:
        self.rows = array("q")
        self._why = array("q")
        self._reasons: dict[tuple[str, str], int] = {}

    def __len__(self) -> int:
        return len(self.rows)

    def add(self, row: int, reason: str, detail: str) -> None:
        """One row: its line in the list, a slug, and the clause that was found."""
        self.rows.append(row)
        self._why.append(self._reasons.setdefault((reason, detail), len(self._reasons)))

    def reasons(self) -> Iterator[tuple[str, str]]:
        """Reason and detail of each of `rows`."""
        known = list(self._reasons)
        return (known[why] for why in self._why)


@dataclass(slots=True)
class Cause:
    """Rows that were not sent for one reason, told apart by its clause: so that a plan says which flag helps how many."""

    status: Status
    reason: str
    detail: str
    count: int = 0
    rows: list[int] = field(default_factory=list)
    numbers: list[str] = field(default_factory=list)  # masked


@dataclass(slots=True)
class Warned:
    """Messages that are sent with a warning: how many to each country, and the first rows."""

    countries: Counter[str] = field(default_factory=Counter)
    rows: list[int] = field(default_factory=list)

    @property
    def count(self) -> int:
        return self.countries.total()


class _Strange(dict[str, str]):
    """What a character that GSM-7 lacks counts as: its script (``Hangul``) if it is a letter, itself if it is a sign."""

    def __missing__(self, char: str) -> str:
        word = unicodedata.name(char, "").split(" ")[0]
        letter = unicodedata.category(char)[0] in "LM" and word.isalpha() and word != "COMBINING"
        name = self[char] = {"CJK": "Han"}.get(word, word.title()) if letter else char
        return name


@dataclass(slots=True)
class TextCount:
    """What texts cost because of characters that GSM-7 lacks. Counts messages that are or will be sent by this run.

    `ucs2` are messages in UCS-2 and `segments` their parts; `curable` are those of them that `table` could bring into
    GSM-7, `segments_now` and `segments_then` what the curable cost as they are and as they would be. The counters say in
    how many messages something is: `of_curable` a character that forces UCS-2, `of_others` a script or sign that does
    and cannot be replaced, `replaced` a character that `--gsm7` replaced.
    """

    table: Replacements
    ucs2: int = 0
    segments: int = 0
    curable: int = 0
    segments_now: int = 0
    segments_then: int = 0
    of_curable: Counter[str] = field(default_factory=Counter)
    of_others: Counter[str] = field(default_factory=Counter)
    replaced: Counter[str] = field(default_factory=Counter)
    _names: _Strange = field(default_factory=_Strange, repr=False)

    def add(self, message: Message) -> None:
        """Counts a message that is ready."""
        if message.replaced:
            self.replaced.update(message.replaced)
        if message.encoding != "UCS-2":
            return
        self.ucs2 += 1
        self.segments += message.segments
        plain = self.table.plain(message.text)
        if plain is None:
            self.of_others.update({self._names[char] for char in self.table.incurable(message.text)})
            return
        self.curable += 1
        self.of_curable.update(plain[1])
        self.segments_now += message.segments
        self.segments_then += segment(plain[0]).segments


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
    previews: list[Preview] = field(default_factory=list)
    invalid: InvalidRows = field(default_factory=InvalidRows, repr=False, compare=False)
    other_texts: int = 0
    whole: bool = False  # the list was read to its end
    causes: dict[tuple[str, str], Cause] = field(default_factory=dict)  # by reason and detail
    warnings: dict[str, Warned] = field(default_factory=dict)  # by slug
    texts: TextCount | None = None  # counted only by a plan: it costs 2 µs a message

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

    def noted(self, message: Message) -> None:
        """A message that is ready: what is to be said about it."""
        for warning in message.warnings:
            warned = self.warnings.setdefault(warning, Warned())
            warned.countries[message.country] += 1
            if len(warned.rows) < EXAMPLES_MAX:
                warned.rows.append(message.row)
        if self.texts is not None:
            self.texts.add(message)

    def show(self, made: Message | Problem) -> None:
        """Keeps the first few messages for a plan, sent before or not."""
        if len(self.previews) < PREVIEW_MAX and isinstance(made, Message):
            self.previews.append(Preview(made.row, masked(made.to), made.country, made.text))

    def judged(
        self, status: Status, reason: str | None, *, again: bool, row: int = 0, detail: str = "", number: str = ""
    ) -> None:
        """A row that is not sent by this run: refused before sending, or settled before (`again`)."""
        self.read += 1
        self.states[status] += 1
        self.handled += again
        if not again:
            self.run[status] += 1
        if reason is not None:
            self.reasons[reason] += 1
            if status is Status.INVALID:
                self.invalid.add(row, reason, detail)
            self._keep(status, reason, row, detail, number)
        self.other_texts += reason == OTHER_TEXT

    def passed(self, rows: int) -> None:
        """Rows that were accepted before, of whom nothing else is to be said."""
        self.read += rows
        self.handled += rows
        self.states[Status.ACCEPTED] += rows

    def _keep(self, status: Status, reason: str, row: int, detail: str, number: str) -> None:
        if status not in {Status.INVALID, Status.SKIPPED}:
            return
        if (reason, detail) not in self.causes and len(self.causes) >= CAUSES_MAX:
            detail = ""
        cause = self.causes.setdefault((reason, detail), Cause(status, reason, detail))
        cause.count += 1
        if len(cause.rows) < EXAMPLES_MAX:
            cause.rows.append(row)
            cause.numbers.append(masked(number) if _E164(number) else masked_cell(number))

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
    Of the `posts` so many were `throttled` (A020), at a pace of `ceiling` messages a second at most; half of the last
    answers took `p50` seconds at most, and 99 in 100 `p99`. `tokens` were fetched. `may_allow_more`: the run kept near its
    ceiling and nothing was throttled.
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
    throttled: int = 0
    ceiling: float | None = None
    p50: float | None = None
    p99: float | None = None
    tokens: int = 0
    may_allow_more: bool = False

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
