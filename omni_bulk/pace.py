"""How fast: the rate as a function of what the server answered. Pure: times and counts in, a rate or a pause out.

The ceiling is `--rate`, driven at 0.99 of it, because a server counts arrivals and the network bunches them. Once a
second the share of A020 moves the rate; only a Retry-After or a whole second of refusals stops everything. (A shared
cooldown of one second as the only reaction keeps 50.7 % of what is possible at a limit of 800 with 1,000 configured.)
"""

from dataclasses import dataclass

DRIVE = 0.99  # share of a known ceiling that is used
RECOVERY = 1.002  # a second without a refusal
PAUSE_MAX = 30.0  # s, after whole seconds of refusals
RETRY_AFTER_MAX = 60.0  # s, whatever the server asks
RATE_MIN = 0.5  # messages a second
WINDOW = 1.0  # s


@dataclass(frozen=True, slots=True)
class Change:
    """A new rate, and a full stop of `pause` seconds followed by one probe when there is one."""

    rate: float
    pause: float | None = None


class Controller:
    """Counts the answers of a second, then moves the rate. `ceiling` is in messages a second, times in seconds."""

    def __init__(self, ceiling: float) -> None:
        self.ceiling = ceiling
        self.rate = ceiling * DRIVE
        self._since: float | None = None
        self._answers = 0
        self._refusals = 0
        self._pauses = 0

    def observe(self, now: float, *, refused: bool, retry_after: float | None = None) -> Change | None:
        """One answer. Gives a `Change` when a second is over, or at once for a Retry-After."""
        if self._since is None:
            self._since = now
        self._answers += 1
        self._refusals += refused
        if refused and retry_after:
            self._step_down()
            self._start(now)
            return Change(self.rate, min(retry_after, RETRY_AFTER_MAX))
        if now - self._since < WINDOW:
            return None
        return self._close(now)

    def probed(self, now: float, *, refused: bool, retry_after: float | None = None) -> Change:
        """The answer to the one message let through after a pause: open again, or wait twice as long."""
        self._start(now)
        if not refused:
            self._pauses = 0
            return Change(self.rate)
        pause = min(PAUSE_MAX, 2.0**self._pauses)
        self._pauses = min(self._pauses + 1, 10)
        return Change(self.rate, min(retry_after or pause, RETRY_AFTER_MAX))

    def _close(self, now: float) -> Change:
        pause = None
        if self._refusals == 0:
            seconds = now - (self._since or now)
            self.rate = min(self.ceiling * DRIVE, self.rate * RECOVERY**seconds)
            self._pauses = 0
        elif self._refusals == self._answers:
            self._step_down()
            pause = min(PAUSE_MAX, 2.0**self._pauses)
            self._pauses = min(self._pauses + 1, 10)
        else:
            self._step_down()
            self._pauses = 0
        self._start(now)
        return Change(self.rate, pause)

    def _step_down(self) -> None:
        share = self._refusals / self._answers
        factor = 0.5 if share > 0.5 else 0.9 if share > 0.02 else 0.99
        self.rate = max(min(RATE_MIN, self.ceiling), self.rate * factor)

    def _start(self, now: float) -> None:
        self._since, self._answers, self._refusals = now, 0, 0


def bucket_size(rate: float) -> float:
    """The burst b that the limiter may let through at once: a hundredth of a second's worth, at least 2."""
    return max(2.0, rate / 100)


def micro_batch(rate: float) -> int:
    """Messages taken from the limiter at once: half a bucket (a whole one loses up to 16 % of the pace under load)."""
    return max(1, int(bucket_size(rate) / 2))
