"""How fast: the rate as a function of what the server answered. Pure: times and counts in, a rate or a pause out.

The ceiling is `--rate`, driven at 0.99 of it, because a server counts arrivals and the network bunches them. From the
first A020 on a second of answers shows where the limit is, and the rate goes just below it at once; from there it looks
for more, slowly near what it found. Only a Retry-After or a whole second of refusals stops everything. (A shared
cooldown of one second as the only reaction keeps 50.7 % of what is possible at a limit of 800 with 1,000 configured.)

Traps, each seen in simulation against a bucket, a fixed and a sliding second (`tests/pure/test_pace_servers.py`):

- An answer tells about the pace at which its message was *sent*. With answers two seconds late, counting by arrival
  cuts the rate again for what an earlier cut has cured: 81 % of the limit instead of 98 %.
- After a cut the server's second is still full of the old pace, and refuses the new one too: one second of messages
  says nothing (87 % instead of 99 %).
- A second counted from anywhere else than the first refusal mixes time with and without refusals: a bucket's store, or
  the second that was half over when sending began, hide the limit. A share of it is then too low, and is cut again.
- The refusal that begins the second is there by choice: it does not count in the share (a tenth too low at 10 a second).
- A bucket of 2 beside 0.99 of the rate is 11 messages in the first second at a limit of 10; one of a hundredth of a
  second cannot catch up what a busy machine was late (19 % of the pace, measured). So there is a larger bucket, and a
  count of the last second beside it.
"""

from collections import deque
from dataclasses import dataclass

DRIVE = 0.99  # share of a limit that is used: the configured one, or the one that was found
PAUSE_MAX = 30.0  # s, after whole seconds of refusals
RETRY_AFTER_MAX = 60.0  # s, whatever the server asks
RATE_MIN = 0.5  # messages a second
WINDOW = 1.0  # s
FADE = 0.95  # of the best accepted pace, a second: half of what the server took lately is the least it is asked for
SILENCE_MAX = 3600.0  # s without an answer that count as recovery; more would only overflow

# The pace without refusals, from a second to the next: below the limit that was found, near it, and above. To meet it
# costs a message in a hundred for a second, or with Retry-After a second of all: there it is met less often.
BELOW, NEAR, NEAR_STOP, ABOVE = 1.02, 1.001, 1.0003, 1.01
NEAR_FROM, NEAR_TO = 0.98, 1.01  # of the limit that was found

# A stop for a Retry-After costs a second, and says only that the limit is lower. After calm seconds it must be near:
# small steps. Else a large one (its square, its cube in a row), which ABOVE wins back in twenty seconds.
STOP, STOP_MAX, STOP_NEAR = 0.8, 0.5, 0.97
SMALL_STEPS = 3  # in a row; then the limit has fallen, and the steps are large again
CALM = 3.0  # s without a refusal
BUNCH = 0.1  # of a second's messages may have come at once
EASE = 0.8  # of the pace from the first refusal on, while answers that are a second late come in
GUESS = 0.995  # of the pace after a large step stands for the limit: sixteen seconds of NEAR_STOP, then ABOVE

LONG_SECOND = 1.005  # s, with a micro-batch (5 ms) more than the rate in it: the same pace
NEED = 1.5  # requests in flight, of those that rate and latency keep there
LATENCIES = 500  # answers whose latency is remembered
IN_FLIGHT_LEAST = 16  # in any case, so that a few requests that hang stop nobody behind them
SPIKE = 0.25  # s of the rate may be in flight in any case, so that a slow moment costs nothing


@dataclass(frozen=True, slots=True)
class Change:
    """A new rate, and a full stop of `pause` seconds when there is one; with `probe` one message goes first after it."""

    rate: float
    pause: float | None = None
    probe: bool = True


class Controller:
    """Moves the rate by what the answers say. `ceiling` is in messages a second, times in seconds."""

    def __init__(self, ceiling: float) -> None:
        self.ceiling = ceiling
        self.rate = ceiling * DRIVE
        self._measured = self.rate  # the pace of the messages that are counted
        self._found = ceiling  # where the limit is, in messages a second
        self._since: float | None = None  # only what is sent from then on counts
        self._answers = 0
        self._refusals = 0
        self._best = 0.0  # messages a second that were accepted lately
        self._near = NEAR
        self._pauses = 0
        self._stops = 0  # in a row, for a Retry-After
        self._calm = 0.0  # s without a refusal
        self._taken = False  # something was accepted since the last stop

    def observe(
        self, now: float, *, refused: bool, sent: float | None = None, retry_after: float | None = None
    ) -> Change | None:
        """One answer, to a message `sent` then (by default now). Gives a `Change` when there is one."""
        sent = now if sent is None else sent
        if self._since is None:
            self._since = sent
        if sent < self._since:
            return None
        if refused and not self._refusals:
            self._start(sent)
        self._answers += 1
        self._refusals += refused
        self._taken = self._taken or not refused
        if refused and retry_after:
            return self._stop(now, min(retry_after, RETRY_AFTER_MAX))
        if self._refusals == self._answers == 1 and now - sent >= WINDOW and self._calm < CALM:
            # The second that counts is on its way already: no need to pass an unknown limit until its last answer.
            self._slow(self.rate * EASE)
        seconds = sent - self._since
        return None if seconds < WINDOW else self._close(now, sent, min(seconds, SILENCE_MAX))

    def probed(self, now: float, *, refused: bool, retry_after: float | None = None) -> Change:
        """The answer to the one message let through after a pause: open again, or wait twice as long."""
        self._start(now)
        if not refused:
            self._pauses, self._taken = 0, True
            return Change(self.rate)
        return Change(self.rate, min(retry_after or self._next_pause(), RETRY_AFTER_MAX))

    def _stop(self, now: float, seconds: float) -> Change:
        if self._calm >= CALM:
            self._stops = -SMALL_STEPS
        self._stops += 1
        probe, self._taken = not self._taken, False
        small = self._stops <= 0
        self._slow(self.rate * (STOP_NEAR if small else max(STOP_MAX, STOP**self._stops)))
        self._found, self._near = self.rate * (1 if small else GUESS), NEAR_STOP
        self._start(now + seconds)
        return Change(self.rate, seconds, probe=probe)

    def _close(self, now: float, sent: float, seconds: float) -> Change:
        accepted = (self._answers - self._refusals) / seconds
        self._best = max(accepted, self._best * FADE**seconds)
        if not self._refusals:
            self._recover(seconds)
            self._start(sent)
        elif accepted:
            steady = (self._refusals - 1) / (self._answers - 1)
            if steady <= BUNCH and self._calm >= CALM:
                steady = 0.0  # it may be a bunch that the network or a busy machine made: the next second tells
            self._found, self._near = self._measured * (1 - steady), NEAR
            # A server that refuses whatever the pace gains nothing from a slower one, and the run would starve.
            self._slow(max(self._found * DRIVE, min(self._best / 2, self.rate)))
            self._start(now + WINDOW)
        else:
            self._found = self.rate / 2
            self._slow(max(self._found, min(self._best / 2, self.rate)))
            self._start(now)
            return Change(self.rate, self._next_pause())
        self._pauses = 0
        return Change(self.rate)

    def _recover(self, seconds: float) -> None:
        self._calm += seconds
        near, above = NEAR_FROM * self._found, NEAR_TO * self._found
        if self.rate < near:
            rate = min(self.rate * BELOW**seconds, near)
        else:
            rate = self.rate * (self._near if self.rate < above else ABOVE) ** seconds
        self.rate = min(self.ceiling * DRIVE, rate)

    def _next_pause(self) -> float:
        pause = min(PAUSE_MAX, 2.0**self._pauses)
        self._pauses = min(self._pauses + 1, 10)
        return pause

    def _slow(self, rate: float) -> None:
        self.rate = max(min(RATE_MIN, self.rate), rate)
        self._calm = 0.0

    def _start(self, at: float) -> None:
        self._measured = self.rate
        self._since, self._answers, self._refusals = at, 0, 0


def bucket_size(rate: float) -> float:
    """The burst that the limiter may let through at once, in messages: what a machine that was busy elsewhere catches up.

    No more than 50 ms, because nobody knows how much the server's own bucket holds; `Second` keeps it within the rate.
    """
    return 1 + rate / 20


def micro_batch(rate: float) -> int:
    """Messages taken from the limiter at once: 5 ms of them, so that an evenly paced second is even at the server."""
    return max(1, round(rate / 200))


class Second:
    """What left within the last second: no second has more than the rate, whatever was caught up in it.

    It is a little longer than a second, because commits and the network bunch what leaves one after the other.
    """

    def __init__(self) -> None:
        self._left: deque[tuple[float, int]] = deque()
        self._count = 0

    def wait(self, now: float, amount: int, rate: float) -> float:
        """Seconds until so many more may leave; 0 when they may now."""
        while self._left and now - self._left[0][0] >= LONG_SECOND:
            self._count -= self._left.popleft()[1]
        over = self._count + amount > rate + micro_batch(rate)
        return self._left[0][0] + LONG_SECOND - now if self._left and over else 0.0

    def add(self, now: float, amount: int) -> None:
        """So many leave now."""
        self._left.append((now, amount))
        self._count += amount


def in_flight_max(rate: float, latency: float | None) -> int | None:
    """Requests that may be in flight at this rate (messages a second), when 99 in 100 answers come within `latency` (s).

    More would only be in doubt together when the network goes away. None is no bound: while no latency is known, one
    would cost a pace of the first answers' time.
    """
    return None if latency is None else max(IN_FLIGHT_LEAST, 1 + int(rate * max(SPIKE, NEED * latency)))


class Latencies:
    """How long the last answers took, in seconds."""

    def __init__(self) -> None:
        self._last: deque[float] = deque(maxlen=LATENCIES)
        self._new = 0
        self.p50: float | None = None
        self.p99: float | None = None

    def add(self, latency: float) -> None:
        """One answer. The quantiles are worked out anew when a twentieth of them are new."""
        self._last.append(latency)
        self._new += 1
        if self._new * 20 >= len(self._last):
            ordered, self._new = sorted(self._last), 0
            self.p50, self.p99 = ordered[len(ordered) // 2], ordered[len(ordered) * 99 // 100]
