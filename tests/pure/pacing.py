"""A sender that obeys a `Controller` against a server with a limit, in plain Python and virtual time.

It stands in for the gate: paced micro-batches, so many requests in flight at most, and after a pause one probe.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from random import Random

from omni_bulk.pace import Controller, bucket_size, micro_batch
from omni_bulk.sandbox.limiter import Limiter

Clock = Callable[[], float]


@dataclass(slots=True)
class Outcome:
    """`pauses` are (when, how long), `rates` the rate after every change, all in seconds of virtual time."""

    accepted: int = 0
    refused: int = 0
    pauses: list[tuple[float, float]] = field(default_factory=list)
    rates: list[tuple[float, float]] = field(default_factory=list)

    @property
    def refused_share(self) -> float:
        return self.refused / (self.accepted + self.refused)


class Line:
    """The sender, the network and the server. `limiter` is given the clock; None is a server that refuses nothing."""

    def __init__(
        self,
        limiter: Callable[[Clock], Limiter] | None,
        *,
        ceiling: float,
        latency: float = 0.03,
        workers: int = 64,
        retry_after: float | None = None,
    ) -> None:
        self.now = 0.25  # not on the edge of a server's second
        self.outcome = Outcome()
        self._controller = Controller(ceiling)
        self._limiter = limiter and limiter(lambda: self.now)
        self._latency = latency
        self._workers = workers
        self._retry_after = retry_after
        self._random = Random(1)
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._in_flight = 0
        self._level = 0.0
        self._level_at = self.now
        self._paused = False
        self._probing = False
        self._waiting = False  # for an answer, before anything more may be posted

    def run(self, seconds: float, *, warm_up: float = 0.0) -> Outcome:
        """`warm_up` seconds come before and are not counted."""
        self._at(0.0, self._post)
        self._until(self.now + warm_up)
        self.outcome = Outcome()
        self._until(self.now + seconds)
        return self.outcome

    def _until(self, end: float) -> None:
        while self._events[0][0] <= end:
            self.now, _, act = heappop(self._events)
            act()
        self.now = end

    def _at(self, delay: float, act: Callable[[], None]) -> None:
        heappush(self._events, (self.now + delay, next(self._order), act))

    def _post(self) -> None:
        """A paid micro-batch, or the probe; then the next one when it is paid for."""
        self._waiting = False
        if self._paused:
            return
        rate = self._controller.rate
        amount = min(1 if self._probing else micro_batch(rate), self._workers - self._in_flight)
        if amount <= 0:
            self._waiting = True
            return
        self._level = max(0.0, self._level - (self.now - self._level_at) * rate)
        self._level_at = self.now
        if (over := self._level + amount - bucket_size(rate)) > 1e-9:
            self._at(over / rate, self._post)
            return
        self._level += amount
        probe = self._probing
        for _ in range(amount):
            self._in_flight += 1
            self._at(self._leg(), lambda: self._arrive(probe=probe))
        if not probe:
            self._at(0.0, self._post)

    def _leg(self) -> float:
        return self._latency * self._random.uniform(0.4, 0.6)

    def _arrive(self, *, probe: bool) -> None:
        refused = self._limiter is not None and not self._limiter.allow()
        self._at(self._leg(), lambda: self._answer(refused=refused, probe=probe))

    def _answer(self, *, refused: bool, probe: bool) -> None:
        self._in_flight -= 1
        self.outcome.accepted += not refused
        self.outcome.refused += refused
        asked = self._retry_after if refused else None
        change = None
        if probe:
            self._probing = False
            change = self._controller.probed(self.now, refused=refused, retry_after=asked)
        elif not self._paused and not self._probing:
            change = self._controller.observe(self.now, refused=refused, retry_after=asked)
        if change is not None:
            self.outcome.rates.append((self.now, change.rate))
            if change.pause is not None:
                self.outcome.pauses.append((self.now, change.pause))
                self._paused = True
                self._at(change.pause, self._resume)
        if (self._waiting or probe) and not self._paused:
            self._at(0.0, self._post)

    def _resume(self) -> None:
        self._paused, self._probing = False, True
        self._at(0.0, self._post)
