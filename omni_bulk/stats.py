"""Counting: what a run did, and how the recipients of its list stand. Pure; fed with results, read by everyone."""

import re
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from omni_bulk.masking import masked, masked_cell
from omni_bulk.model import Message, Problem, Result, Status
from omni_bulk.policy import OTHER_TEXT

EXAMPLES_MAX = 3  # rows kept for each reason
PREVIEW_MAX = 3  # messages shown in a plan as they will be sent
_E164 = re.compile(r"\+[0-9]+").fullmatch


@dataclass(slots=True)
class Examples:
    """The first rows that were not sent for one reason, with their numbers masked, and a clause for people."""

    status: Status
    detail: str
    rows: list[int] = field(default_factory=list)
    numbers: list[str] = field(default_factory=list)


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
class Tally:
    """Counts over the rows of one list. `states` counts recipients by present state, `run` this run's lines.

    `read` counts rows, `ready` messages admitted and not settled yet, `handled` rows whose result was there before.
    `countries` maps an ISO code to its messages, `segments` are billed parts; both of what is or will be sent by this
    run.
    """

    read: int = 0
    ready: int = 0
    handled: int = 0
    states: Counter[str] = field(default_factory=Counter)
    run: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    countries: Counter[str] = field(default_factory=Counter)
    country_segments: Counter[str] = field(default_factory=Counter)
    examples: dict[str, Examples] = field(default_factory=dict)
    previews: list[Preview] = field(default_factory=list)
    invalid: InvalidRows = field(default_factory=InvalidRows, repr=False, compare=False)
    other_texts: int = 0
    whole: bool = False  # the list was read to its end

    def message(self, country: str, segments: int) -> None:
        """A message is ready to be sent."""
        self.read += 1
        self.ready += 1
        self.countries[country] += 1
        self.country_segments[country] += segments

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

    def _keep(self, status: Status, reason: str, row: int, detail: str, number: str) -> None:
        if status not in {Status.INVALID, Status.SKIPPED}:
            return
        kept = self.examples.setdefault(reason, Examples(status, detail))
        if len(kept.rows) < EXAMPLES_MAX:
            kept.rows.append(row)
            kept.numbers.append(masked(number) if _E164(number) else masked_cell(number))

    def settled(self, result: Result) -> None:
        """A message that was ready has its result."""
        self.ready -= 1
        self.states[result.status] += 1
        self.run[result.status] += 1
        if result.code is not None:
            self.codes[result.code] += 1
        if result.reason is not None:
            self.reasons[result.reason] += 1

    @property
    def segments(self) -> int:
        return sum(self.country_segments.values())


@dataclass(frozen=True, slots=True)
class Summary:
    """How a campaign stands after a run.

    `run` counts this run's lines by status, `campaign` the recipients of the list by present state; `remaining` are
    ready and unsent, `already_handled` had their result before. `seconds` is the duration of the run.
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
