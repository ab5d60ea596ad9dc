"""Guards against the wrong list and the bad day: bounds on rows, and shares of failures and unknowns. Pure.

A guard counts this run's verdicts only, so that what went wrong yesterday does not stop today.
"""

from collections import deque
from dataclasses import dataclass, field

from omni_bulk.errors import Stopped
from omni_bulk.model import Status
from omni_bulk.sentences import said

MAX_FAILURE_RATE = 0.3  # share of `rejected` and `failed` over the last FAILURE_WINDOW verdicts
MAX_UNKNOWN_RATE = 0.02  # share of incidents over the last UNKNOWN_WINDOW verdicts
FAILURE_WINDOW = 200
UNKNOWN_WINDOW = 500
SETTLED_MIN = 100  # verdicts before a share means anything
INCIDENT = 1.0  # s


@dataclass(slots=True)
class _Share:
    """How many of the last `size` verdicts counted."""

    size: int
    last: deque[bool] = field(default_factory=deque)
    hits: int = 0

    def add(self, *, hit: bool) -> None:
        self.last.append(hit)
        self.hits += hit
        if len(self.last) > self.size:
            self.hits -= self.last.popleft()

    @property
    def share(self) -> float:
        return self.hits / len(self.last) if self.last else 0.0

    def clear(self) -> None:
        self.last.clear()
        self.hits = 0


class RateGuard:
    """Stops a run whose messages fail, or whose fate is unknown, too often.

    Unknowns that end within one second with no acceptance between them are one incident: a balancer that resets all
    connections at once takes as many messages as were in flight, and the run goes on; a server that cuts one answer in
    ten does it again and again, and the run stops.
    """

    def __init__(self, max_failure: float = MAX_FAILURE_RATE, max_unknown: float = MAX_UNKNOWN_RATE) -> None:
        self._max_failure = max_failure
        self._max_unknown = max_unknown
        self._failures = _Share(FAILURE_WINDOW)
        self._unknowns = _Share(UNKNOWN_WINDOW)
        self._settled = 0
        self._incident_began: float | None = None

    def observe(self, status: Status, now: float) -> Stopped | None:
        """One verdict, in the order of their ends; `now` in monotonic seconds. Gives the reason to stop, if any."""
        self._settled += 1
        self._failures.add(hit=status in {Status.REJECTED, Status.FAILED})
        self._unknowns.add(hit=self._is_new_incident(status, now))
        if self._settled < SETTLED_MIN:
            return None
        if self._failures.share > self._max_failure:
            return Stopped(
                said(
                    "{hits} of the last {last} messages were refused, more than "
                    "--max-failure-rate {max_failure:g} allows: look at the codes, correct the list or the text",
                    hits=self._failures.hits,
                    last=len(self._failures.last),
                    max_failure=self._max_failure,
                ),
                reason="failure_rate",
            )
        if self._unknowns.share > self._max_unknown:
            return Stopped(
                said(
                    "too many answers were lost or unreadable ({hits} incidents in the last "
                    "{last} messages, --max-unknown-rate {max_unknown:g}): those messages may or "
                    "may not have been sent; find out what is wrong before going on",
                    hits=self._unknowns.hits,
                    last=len(self._unknowns.last),
                    max_unknown=self._max_unknown,
                ),
                reason="unknown_rate",
            )
        return None

    def fresh(self) -> None:
        """After a good probe the past does not count any more."""
        self._failures.clear()
        self._unknowns.clear()
        self._settled = 0
        self._incident_began = None

    def _is_new_incident(self, status: Status, now: float) -> bool:
        if status is Status.ACCEPTED:
            self._incident_began = None
        if status is not Status.UNKNOWN:
            return False
        if self._incident_began is not None and now - self._incident_began <= INCIDENT:
            return False
        self._incident_began = now
        return True


def row_stop(rows: int, *, min_rows: int | None, max_rows: int | None) -> Stopped | None:
    """A list of a size nobody expected. `rows` counts all rows, bad ones too."""
    if min_rows is not None and rows < min_rows:
        return Stopped(
            said(
                "the list has {rows:,} rows, fewer than --min-rows {min_rows:,}: is it whole? If it is, give --min-rows {rows}.",
                rows=rows,
                min_rows=min_rows,
            ),
            reason="rows",
        )
    if max_rows is not None and rows > max_rows:
        return Stopped(
            said(
                "the list has {rows:,} rows, more than --max-rows {max_rows:,}: is it the right one? If it is, give --max-rows {rows}.",
                rows=rows,
                max_rows=max_rows,
            ),
            reason="rows",
        )
    return None
