"""A sender that obeys the real `Controller` against a server with a limit, in plain Python and virtual time.

It stands in for the gate: the same bucket arithmetic, paced micro-batches, so many requests in flight at most, and
after a pause one probe. What is unpleasant about real machines is in it too: timers that ring late, commits that bunch
what was evenly paced, and a network that delays each message by another amount.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from random import Random
from typing import Any

from omni_bulk.pace import Controller, Second, bucket_size, micro_batch
from omni_bulk.sandbox.limiter import Limiter, Peak

Clock = Callable[[], float]
LATE = 0.001  # s: a timer rings up to so much late (uvloop's clock has millisecond steps)
BUSY, BUSY_SHARE = 0.03, 0.02  # s: and this late in so many cases
COMMIT = 0.003  # s: a claim waits up to so long for the disk
JITTER = 0.2  # share of a message's way to the server that is chance,
JITTER_MAX = 0.002  # s at most: a way of seconds is a slow server, not a slow network


@dataclass(slots=True)
class Outcome:
    """Counted at the server. `pauses` are (when, how long), `rates` the rate after every change, in virtual seconds.

    `worst` is the most posts that arrived in any second, refused ones too.
    """

    accepted: int = 0
    refused: int = 0
    worst: int = 0
    pauses: list[tuple[float, float]] = field(default_factory=list)
    rates: list[tuple[float, float]] = field(default_factory=list)

    @property
    def refused_share(self) -> float:
        return self.refused / max(1, self.accepted + self.refused)


class Line:
    """The sender, the network and the server. `limiter` is given the clock; None is a server that refuses nothing.

    `latency` is in seconds, half of it before the server counts and half after. `start` is when the first message
    leaves: the server's clock is the same, so that 0.25 is a quarter into its second.
    """

    def __init__(
        self,
        limiter: Callable[[Clock], Limiter] | None,
        *,
        ceiling: float,
        latency: float = 0.03,
        workers: int = 64,
        retry_after: float | None = None,
        start: float = 0.25,
        seed: int = 1,
    ) -> None:
        self.now = start
        self.outcome = Outcome()
        self.controller = Controller(ceiling)
        self._limiter = limiter and limiter(lambda: self.now)
        self._latency = latency
        self._workers = workers
        self._retry_after = retry_after
        self._random = Random(seed)
        self._events: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._order = count()
        self._in_flight = 0
        self._level = bucket_size(ceiling) - micro_batch(ceiling)
        self._second = Second()
        self._level_at = self.now
        self._paused = False
        self._probing = False
        self._waiting = False  # for an answer, before anything more may be posted
        self._peak = Peak()

    def run(self, seconds: float, *, warm_up: float = 0.0) -> Outcome:
        """`warm_up` seconds come before and are not counted."""
        self._at(0.0, self._post)
        self._until(self.now + warm_up)
        self.outcome, self._peak = Outcome(), Peak()
        self._until(self.now + seconds)
        self.outcome.worst = self._peak.most
        return self.outcome

    def _until(self, end: float) -> None:
        while self._events and self._events[0][0] <= end:
            self.now, _, act, arguments = heappop(self._events)
            act(*arguments)
        self.now = end

    def _at(self, delay: float, act: Callable[..., None], *arguments: Any) -> None:
        heappush(self._events, (self.now + delay, next(self._order), act, arguments))

    def _post(self) -> None:
        """A paid micro-batch, or the probe; then the next one when it is paid for."""
        self._waiting = False
        while not self._paused:
            rate = self.controller.rate
            amount = min(1 if self._probing else micro_batch(rate), self._workers - self._in_flight)
            if amount <= 0:
                self._waiting = True
                return
            self._level = max(0.0, self._level - (self.now - self._level_at) * rate)
            self._level_at = self.now
            if (over := self._level + amount - bucket_size(rate)) > 1e-9:
                self._at(over / rate + self._late(), self._post)
                return
            if (wait := self._second.wait(self.now, amount, rate)) > 0:
                self._at(wait + self._late(), self._post)
                return
            self._second.add(self.now, amount)
            self._level += amount
            probe, committed = self._probing, self._random.random() * COMMIT
            self._in_flight += amount
            for _ in range(amount):
                self._at(committed, self._leave, probe)
            if probe:
                return

    def _late(self) -> float:
        """A timer is late, and now and then the machine is busy elsewhere."""
        return self._random.random() * (BUSY if self._random.random() < BUSY_SHARE else LATE)

    def _leave(self, probe: bool) -> None:
        half = self._latency / 2
        self._at(half + self._random.random() * min(half * JITTER, JITTER_MAX), self._arrive, probe, self.now)

    def _arrive(self, probe: bool, sent: float) -> None:
        self._peak.add(self.now)
        refused = self._limiter is not None and not self._limiter.allow()
        self.outcome.accepted += not refused
        self.outcome.refused += refused
        self._at(self._latency / 2, self._answer, refused, probe, sent)

    def _answer(self, refused: bool, probe: bool, sent: float) -> None:
        self._in_flight -= 1
        asked = self._retry_after if refused else None
        change = None
        if probe:
            self._probing = False
            change = self.controller.probed(self.now, refused=refused, retry_after=asked)
        elif not self._paused and not self._probing:
            change = self.controller.observe(self.now, refused=refused, sent=sent, retry_after=asked)
        if change is not None:
            self.outcome.rates.append((self.now, change.rate))
            if change.pause is not None:
                self.outcome.pauses.append((self.now, change.pause))
                self._paused = True
                self._at(change.pause, self._resume, change.probe)
        if (self._waiting or probe) and not self._paused:
            self._at(0.0, self._post)

    def _resume(self, probe: bool) -> None:
        self._paused, self._probing = False, probe
        self._at(0.0, self._post)
