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
FADE = 0.95  # of the best accepted pace, a second: half of what the server took lately is the least it is asked for
SILENCE_MAX = 3600.0  # s without an answer that count as recovery; more would only overflow


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
        self._best = 0.0  # messages a second that were accepted lately
        self._stops = 0  # for a Retry-After, without a second free of refusals in between

    def observe(self, now: float, *, refused: bool, retry_after: float | None = None) -> Change | None:
        """One answer. Gives a `Change` when a second is over, or at once for a Retry-After."""
        since = self._since
        if since is None:
            since = self._since = now
        self._answers += 1
        self._refusals += refused
        if refused and retry_after:
            return self._stop(now, retry_after)
        if now - since < WINDOW:
            return None
        return self._close(now, now - since)

    def probed(self, now: float, *, refused: bool, retry_after: float | None = None) -> Change:
        """The answer to the one message let through after a pause: open again, or wait twice as long."""
        self._start(now)
        if not refused:
            self._pauses = 0
            return Change(self.rate)
        return Change(self.rate, min(retry_after or self._next_pause(), RETRY_AFTER_MAX))

    def _stop(self, now: float, retry_after: float) -> Change:
        """A server that stops us is not asked how many it refused: the first steps are small, repeated ones not.

        A tenth is won back in 52 s, so that a stop of a second costs little; ×0.99 would meet the next one in 5 s.
        """
        self._stops += 1
        self._slow(max(0.5, 0.9**self._stops))
        self._start(now)
        return Change(self.rate, min(retry_after, RETRY_AFTER_MAX))

    def _close(self, now: float, seconds: float) -> Change:
        pause = None
        share = self._refusals / self._answers
        accepted = (self._answers - self._refusals) / seconds
        self._best = max(accepted, self._best * FADE ** min(seconds, SILENCE_MAX))
        if not share:
            self.rate = min(self.ceiling * DRIVE, self.rate * RECOVERY ** min(seconds, SILENCE_MAX))
            self._stops = 0
        else:
            # A server that refuses whatever the pace gains nothing from a slower one, and the run would starve.
            self._slow(0.5 if share > 0.5 else 0.9 if share > 0.02 else 0.99, floor=min(self._best / 2, self.rate))
        if share == 1:
            pause = self._next_pause()
        else:
            self._pauses = 0
        self._start(now)
        return Change(self.rate, pause)

    def _next_pause(self) -> float:
        pause = min(PAUSE_MAX, 2.0**self._pauses)
        self._pauses = min(self._pauses + 1, 10)
        return pause

    def _slow(self, factor: float, floor: float = 0.0) -> None:
        self.rate = max(min(RATE_MIN, self.rate), self.rate * factor, floor)

    def _start(self, now: float) -> None:
        self._since, self._answers, self._refusals = now, 0, 0


def bucket_size(rate: float) -> float:
    """The burst b that the limiter may let through at once: a hundredth of a second's worth, at least 2."""
    return max(2.0, rate / 100)


def micro_batch(rate: float) -> int:
    """Messages taken from the limiter at once: half a bucket (a whole one loses up to 16 % of the pace under load)."""
    return max(1, int(bucket_size(rate) / 2))
