"""How a run goes: its pace now and on average, when it will end, and what keeps it from going faster. Pure."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

RECENT = 5.0  # s that count as now
STEADY = 20.0  # s that the end is reckoned from
FEW = 0.1  # of the workers wait for the rate: the others have enough to do
SLOW = 0.95  # of the rate: below it something else is the limit
SMOOTH = 0.1  # of a look in the running average
MARGIN = 1.2  # more workers than would just do
ENOUGH = 10.0  # s of sending near the ceiling after which the lack of any refusal means something


@dataclass(frozen=True, slots=True)
class Sight:
    """A run at one moment. `done` counts its lines, `posts` and `throttled` its requests and the A020 among them.

    `rate` is the pace allowed now, in messages a second; `waiting` messages wait for it. `queued` tells that others wait
    for a worker, and nothing else holds them up.
    """

    now: float
    done: int
    posts: int
    throttled: int
    in_flight: int
    waiting: int
    rate: float
    queued: bool


@dataclass(frozen=True, slots=True)
class Figures:
    """What is shown. Paces in messages a second, times in seconds; None where nobody knows yet.

    `refused` is the share of A020. `behind` is how late the run is for its rate, because all `workers` are busy, and
    `needed` how many would do; None when they are not the limit. `processes` share the rate, this one too.
    """

    now: float | None
    average: float | None
    ceiling: float
    rate: float
    refused: float
    in_flight: int
    eta: float | None = None
    behind: float | None = None
    workers: int = 0
    needed: int | None = None
    p50: float | None = None
    p99: float | None = None
    tokens: int = 0
    processes: int = 1


class Tempo:
    """Looks at a run several times a second."""

    def __init__(self, ceiling: float, workers: int) -> None:
        self._ceiling = ceiling
        self._workers = workers
        self._sights: deque[Sight] = deque()
        self._first: Sight | None = None  # the last one before anything was posted
        self._due = 0.0  # messages that could have been sent
        self._waiting = 0.0

    def see(self, sight: Sight) -> None:
        """One look."""
        if self._first is None or not sight.posts:
            self._first = sight
        elif self._sights and sight.queued:
            self._due += sight.rate * (sight.now - self._sights[-1].now)
            self._waiting += SMOOTH * (sight.waiting - self._waiting)
        self._sights.append(sight)
        while sight.now - self._sights[0].now > STEADY:
            self._sights.popleft()

    def figures(
        self, total: int | None, *, p50: float | None = None, p99: float | None = None, tokens: int = 0,
        processes: int = 1,
    ) -> Figures:  # fmt: skip
        """At the last look. `total` is how many lines there will be, None when nobody knows."""
        first, last = self._first, self._sights[-1]
        assert first is not None  # noqa: S101  there was a look
        average = _pace(first, last)
        behind, needed = self._behind(first, last)
        return Figures(
            now=_pace(_since(self._sights, last.now - RECENT), last), average=average, ceiling=self._ceiling,
            rate=last.rate, refused=last.throttled / max(1, last.posts), in_flight=last.in_flight,
            eta=self._eta(last, total), behind=behind, workers=self._workers, needed=needed, p50=p50, p99=p99,
            tokens=tokens, processes=processes,
        )  # fmt: skip

    def _eta(self, last: Sight, total: int | None) -> float | None:
        """From lines, not posts: what was sent twice or not at all is on the way to the end as well."""
        begun = max(self._sights[0], self._first or last, key=lambda sight: sight.now)
        seconds, lines = last.now - begun.now, last.done - begun.done
        if total is None or seconds < 1 or lines <= 0:
            return None
        return max(0, total - last.done) * seconds / lines

    def _behind(self, first: Sight, last: Sight) -> tuple[float | None, int | None]:
        """A machine that is too slow looks otherwise: there messages wait for their rate, which comes late."""
        pace = _pace(_since(self._sights, last.now - RECENT), last)
        idle = self._waiting > FEW * self._workers + 1
        if pace is None or pace <= 0 or not last.queued or idle or pace >= SLOW * last.rate:
            return None, None
        late = self._due - (last.posts - first.posts)
        return max(0.0, late) / last.rate, int(MARGIN * last.rate * self._workers / pace) + 1


def _since(sights: Iterable[Sight], moment: float) -> Sight:
    """The first look since then."""
    return next(sight for sight in sights if sight.now >= moment)


def _pace(first: Sight, last: Sight) -> float | None:
    """Messages a second between two looks: those that were refused for the pace are posted again."""
    seconds = last.now - first.now
    if seconds < 1:
        return None
    return ((last.posts - first.posts) - (last.throttled - first.throttled)) / seconds


def may_allow_more(*, posts: int, throttled: int, seconds: float, ceiling: float) -> bool:
    """Whether a run went near its ceiling without one refusal for its pace: the contract may allow more."""
    return not throttled and seconds >= ENOUGH and posts / seconds >= 0.9 * ceiling
