"""Delivery reports: made as messages are taken, handed out by polling, by webhook or by inquiry."""

from collections.abc import Callable, Mapping
from heapq import heappop, heappush
from itertools import count
from random import Random
from typing import NamedTuple

from omni_bulk.sandbox.codes import Answer, answer
from omni_bulk.sandbox.options import DAY, Options
from omni_bulk.sandbox.parts import parts
from omni_bulk.sandbox.taken import Taken, stamp

BATCH = 1_000  # reports in one polling answer, at most (guide)
POLL_DAYS = 3  # a report not collected for longer is deleted (guide)
INQUIRY_DAYS = 30  # how far back an inquiry reaches (guide)

Report = Mapping[str, object]

# reportCode → reportText, the commoner ones; the codes are from the vendor's next API, the wording is ours.
REPORT_TEXTS = {
    "10000": "Success",
    "22000": "Timed out",
    "22003": "Handset switched off",
    "23001": "No subscriber",
    "23003": "Bad number",
    "23006": "Refused",
    "23012": "Spam",
}


class Leg(NamedTuple):
    """One report to come: of the relay, or (with `handset`) of the phone, so late. `due` is in epoch seconds."""

    message: Taken
    handset: bool
    due: float


class Pushed(NamedTuple):
    """A report that is written already: put into the queue from outside (`Reports.push`), foreign, or a copy."""

    report: Report
    due: float


class Outstanding(NamedTuple):
    """The batch that was handed out and not acked yet. `due` is that of its newest report."""

    report_id: str
    reports: list[Report]
    due: float


class Reports:
    """The account's one queue of reports. Nothing leaves it before it was acked, but by age.

    `delivered`, `purged` and `undelivered` count reports: acked or taken by the webhook, deleted after 3 days, and
    refused by the webhook for good; `copied` those that were queued once more, `foreign` those of another system.
    """

    def __init__(self, options: Options, *, clock: Callable[[], float], rng: Random) -> None:
        self.delivered = self.purged = self.undelivered = self.copied = self.foreign = 0
        self._options = options
        self._clock = clock
        self._rng = rng
        self._waiting: list[tuple[float, int, Leg | Pushed]] = []  # a heap: by due, then as they came
        self._order = count()
        self._outstanding: Outstanding | None = None
        self._legs: dict[str, list[Leg]] = {}

    def add(self, message: Taken) -> None:
        """Queue the report of the relay for a message just taken, and with `dlr` the handset's behind it.

        Now and then, as the options say, another system's report comes in beside.
        """
        due = message.time + self._options.report_delay
        legs = [Leg(message, handset=False, due=due)]
        if self._options.dlr:
            legs.append(Leg(message, handset=True, due=due + self._options.handset_delay))
        self._legs[message.msg_key] = legs
        for leg in legs:
            self._queue(leg)
        if self._strikes(self._options.foreign_reports):
            self.foreign += 1
            theirs = {"msgKey": f"foreign-{self._rng.getrandbits(64):016x}", "ref": f"theirs-{self.foreign}"}
            self._queue(Pushed({**self._written(legs[0]), **theirs}, due))

    def push(self, report: Report) -> None:
        """Queue a ready-made report as due now: a foreign one, a copy, or one with a code nobody has listed."""
        self._queue(Pushed(report, self._clock()))

    def _queue(self, entry: Leg | Pushed) -> None:
        heappush(self._waiting, (entry.due, next(self._order), entry))

    def _strikes(self, probability: float) -> bool:
        return probability > 0 and self._rng.random() < probability

    def _next(self) -> Leg | Pushed:
        """The next report out of the queue. Now and then it is queued once more: what was acked may come again."""
        entry = heappop(self._waiting)[2]
        if isinstance(entry, Leg) and self._strikes(self._options.report_copies):
            self.copied += 1
            self._queue(Pushed(self._written(entry), self._clock()))
        return entry

    def counts(self) -> dict[str, int]:
        """How many reports are where, for the statistics."""
        return {
            "waiting": len(self._waiting),
            "outstanding": len(self._outstanding.reports) if self._outstanding else 0,
            "delivered": self.delivered,
            "purged": self.purged,
            "undelivered": self.undelivered,
            "copied": self.copied,
            "foreign": self.foreign,
        }

    def poll(self) -> Answer:
        """The outstanding batch, else the next one of at most 1,000 reports, else ``reportId: ""``, ``report: null``."""
        if self._options.webhook is not None:
            return answer("A801")  # polling or webhook is one choice for the account
        self._purge()
        if self._outstanding is None:
            self._outstanding = self._next_batch()
        if self._outstanding is None:
            return answer("A000", data={"reportId": "", "report": None})
        return answer("A000", data={"reportId": self._outstanding.report_id, "report": self._outstanding.reports})

    def ack(self, report_id: str) -> Answer:
        """Delete the outstanding batch; A802 when it has another id, was acked before, or has grown too old."""
        self._purge()
        if self._outstanding is None or self._outstanding.report_id != report_id:
            return answer("A802")
        self.delivered += len(self._outstanding.reports)
        self._outstanding = None
        return answer("A000")

    def inquire(self, msg_key: str) -> Answer:
        """Every report that is there for one message, however often it was collected, up to 30 days back."""
        now = self._clock()
        legs = [leg for leg in self._legs.get(msg_key, ()) if leg.due <= now <= leg.due + INQUIRY_DAYS * DAY]
        return answer("A000", data={"report": [self._written(leg) for leg in legs]})

    def take(self) -> Report | None:
        """The next report for the webhook, out of the queue, or None when none is due."""
        self._purge()
        if self.seconds_to_next() != 0:
            return None
        return self._written(self._next())

    def seconds_to_next(self) -> float | None:
        """How long until the next report is due: 0 for now, None when the queue is empty."""
        return max(0.0, self._waiting[0][0] - self._clock()) if self._waiting else None

    def _next_batch(self) -> Outstanding | None:
        now = self._clock()
        entries: list[Leg | Pushed] = []
        while self._waiting and len(entries) < BATCH and self._waiting[0][0] <= now:
            entries.append(self._next())
        if not entries:
            return None
        report_id = f"{self._rng.getrandbits(96):024x}"
        newest = max(entry.due for entry in entries)
        return Outstanding(report_id, [self._written(entry) for entry in entries], newest)

    def _purge(self) -> None:
        oldest = self._clock() - POLL_DAYS * DAY
        while self._waiting and self._waiting[0][0] < oldest:
            heappop(self._waiting)
            self.purged += 1
        if self._outstanding is not None and self._outstanding.due < oldest:
            self.purged += len(self._outstanding.reports)
            self._outstanding = None

    def _written(self, entry: Leg | Pushed) -> Report:
        if isinstance(entry, Pushed):
            return entry.report
        message = entry.message
        last = entry.handset or not self._options.dlr
        codes = self._options.report_codes
        code = codes.get(message.ref or "", codes.get(message.to, "10000")) if last else "10000"
        return {
            "msgKey": message.msg_key,
            "serviceType": "im",
            "msgType": "im",
            "sendTime": stamp(message.time),
            # A second later at the handset: the two reports of one message must differ in something.
            "reportTime": stamp(entry.due + (1 if entry.handset else 0)),
            "reportType": "0",
            "reportCode": code,
            "reportText": REPORT_TEXTS.get(code, "Failed"),
            "carrier": "10000",
            "resCnt": str(parts(message.text)),
            "ref": message.ref or "",
        }
