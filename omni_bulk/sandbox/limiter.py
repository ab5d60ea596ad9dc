"""Three ways to count messages a second, none of which knows the time: the clock is a parameter.

The vendor says of its next API that the limit is a token bucket for the account; nothing is published for v1, so a
client has to live with all three. Each limiter answers one question, `allow`: may this post pass now? A refused post
costs nothing.
"""

from collections import deque
from collections.abc import Callable
from math import floor
from typing import Literal, Protocol, get_args

LimiterKind = Literal["bucket", "fixed", "sliding"]
LIMITER_KINDS: tuple[str, ...] = get_args(LimiterKind)

BURST_SHARE = 0.1  # a bucket holds this share of one second, when its capacity is not given
SMALLEST_BURST = 2.0  # so that two connections can meet without a refusal, however low the rate
_ROUNDING = 1e-3  # of a token: an epoch clock steps by 0.24 µs, and an even pace at the very rate must pass


class Limiter(Protocol):
    """What `State` asks of a limiter."""

    def allow(self) -> bool:
        """Whether one post may pass now; a True answer is counted, a False one is not."""
        ...


class Bucket:
    """A token bucket: it refills at `tps` tokens a second up to `capacity`, and each post takes one.

    In any span of T seconds at most ``capacity + tps * T`` posts pass. `capacity` is a tenth of a second's worth by
    default, at least 2 messages.
    """

    def __init__(self, tps: float, clock: Callable[[], float], capacity: float | None = None) -> None:
        self.tps = tps
        self.capacity = max(SMALLEST_BURST, tps * BURST_SHARE) if capacity is None else capacity
        self._clock = clock
        self._tokens = self.capacity
        self._filled_at = clock()

    def allow(self) -> bool:
        now = self._clock()
        self._tokens = min(self.capacity, self._tokens + (now - self._filled_at) * self.tps)
        self._filled_at = now
        if self._tokens + _ROUNDING < 1:
            return False
        self._tokens -= 1
        return True


class Fixed:
    """At most `tps` posts (rounded down, at least 1) in each whole second of the clock."""

    def __init__(self, tps: float, clock: Callable[[], float]) -> None:
        self.tps = max(1, floor(tps))
        self._clock = clock
        self._second = floor(clock())
        self._passed = 0

    def allow(self) -> bool:
        second = floor(self._clock())
        if second != self._second:
            self._second, self._passed = second, 0
        if self._passed >= self.tps:
            return False
        self._passed += 1
        return True


class Sliding:
    """At most `limit` posts (rounded down, at least 1) in any span of `window` seconds, one second by default."""

    def __init__(self, limit: float, clock: Callable[[], float], window: float = 1.0) -> None:
        self.limit = max(1, floor(limit))
        self.window = window
        self._clock = clock
        self._passed: deque[float] = deque()

    def allow(self) -> bool:
        now = self._clock()
        passed = self._passed
        while passed and now - passed[0] >= self.window:
            passed.popleft()
        if len(passed) >= self.limit:
            return False
        passed.append(now)
        return True


class Peak:
    """Remembers the most posts seen in any span of one second; it counts and never refuses."""

    def __init__(self) -> None:
        self.most = 0
        self._seen: deque[float] = deque()

    def add(self, now: float) -> None:
        """Count one post at `now` (seconds)."""
        seen = self._seen
        seen.append(now)
        while now - seen[0] >= 1:
            seen.popleft()
        self.most = max(self.most, len(seen))


def make_limiter(
    kind: LimiterKind, tps: float | None, clock: Callable[[], float], capacity: float | None = None
) -> Limiter | None:
    """The limiter called `kind` at `tps` messages a second, or None (no limit) when `tps` is None.

    `capacity` is for the bucket alone, in messages.
    """
    if tps is None:
        return None
    if kind == "bucket":
        return Bucket(tps, clock, capacity)
    return Fixed(tps, clock) if kind == "fixed" else Sliding(tps, clock)
