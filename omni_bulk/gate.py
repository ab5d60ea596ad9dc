"""Where messages wait. None passes before its rate token is paid **and** its claim is on the disk.

One task owns the pace: it pays for a micro-batch, takes that many messages in the order they came, and asks the ledger
to claim them; they pass when the commit is done. (One limiter call a message costs up to 0.9 ms of CPU on uvloop, whose
clock has millisecond steps; and the limiter's heap serves small amounts first, so workers must not call it themselves.)
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence

from aiolimiter import AsyncLimiter

from omni_bulk.errors import Stopped
from omni_bulk.model import Kind, Verdict
from omni_bulk.pace import NEED, Controller, Latencies, Second, bucket_size, in_flight_max, micro_batch
from omni_bulk.policy import PATIENCE, Breaker, Signal
from omni_bulk.sentences import said, term

# uvloop's clock goes in steps of a millisecond, and the limiter's timers are finer: woken a little too early, it asks
# again at once, for up to a millisecond each time (a quarter of all CPU at 400 a second). So it is asked when it has
# enough; what this comes too late, the other half of the bucket makes up for.
STEP = 0.001  # s
RATE_STEP = 0.002  # relative change of the rate that is worth a new limiter: a found limit is left by a hundredth
COMMIT = 0.02  # s: what a claim is thought to take before there was one
COMMITS = 9  # the last ones, of which the median is what a claim usually takes
logger = logging.getLogger("omni_bulk")


class Barred(Exception):
    """The message was not claimed, because its recipient gets nothing any more. `reason` is a slug."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Closed(Exception):
    """The message was not claimed: its recipient's window has closed while it waited."""


class _Waiter:
    __slots__ = ("future", "is_open", "message", "probe", "submitted")

    def __init__(self, message: int, future: "asyncio.Future[bool]", is_open: Callable[[], bool] | None) -> None:
        self.message = message
        self.future = future
        self.is_open = is_open
        self.submitted = False  # its claim is on the way to the disk, or there
        self.probe = False


class Gate:
    """`claim` makes messages durable as claimed, `release` takes one back; both return futures of the ledger.

    A claim gives those that it left ready: why their recipient gets nothing, or what stops the run. `in_flight` tells
    how many requests are out; the gate lets no more out than the pace needs.
    """

    def __init__(
        self,
        rate: float,
        *,
        claim: Callable[[Sequence[int]], "asyncio.Future[Mapping[int, str | Stopped]]"],
        release: Callable[[int], "asyncio.Future[None]"],
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        in_flight: Callable[[], int] = lambda: 0,
    ) -> None:
        self._controller = Controller(rate)
        self._share = 1.0
        self._free = 0
        self._in_flight = in_flight
        self._claiming = 0
        self._commits = deque([COMMIT], maxlen=COMMITS)  # how long the last claims took, in seconds
        self._commit = COMMIT  # and how long they usually take
        self._room = asyncio.Event()
        self._breaker = Breaker()
        self._claim = claim
        self._release = release
        self._clock = clock
        self._sleep = sleep
        self._waiters: deque[_Waiter] = deque()
        self._wake = asyncio.Event()
        self.paused: Callable[[str, float], object] = lambda _cause, _seconds: None  # told of each pause
        self._limiter_rate = 0.0
        self._second = Second()
        self._limiter: AsyncLimiter | None = None
        self._paused_until: float | None = None
        self._probe_next = False
        self._probing = False
        self._probe_over = asyncio.Event()
        self._over: Exception | None = None
        self.throttled = 0
        self.reopened = 0  # good probes
        self.passed = 0
        self.came = asyncio.Event()  # somebody, since it was cleared by who shares out the rate
        self.latencies = Latencies()

    @property
    def rate(self) -> float:
        """The pace now, in messages a second."""
        return self._controller.rate * self._share

    @property
    def waiting(self) -> int:
        """Messages that wait for their rate."""
        return len(self._waiters)

    @property
    def share(self) -> float:
        """The part of the rate that is ours, up to 1. At 0 one message passes, and the next ones when it is known."""
        return self._share

    @share.setter
    def share(self, share: float) -> None:
        self._share = share
        self._free = int(share == 0)
        self._wake.set()
        self._room.set()

    @property
    def waits_for(self) -> str | None:
        """Why nothing passes, for the progress line; None while the gate is open."""
        if self._paused_until is None and not self._probing:
            return None
        return self._breaker.probing or "throttled"

    async def enter(self, message: int, is_open: Callable[[], bool] | None = None) -> bool:
        """Waits for the rate and the claim. True when this message is the probe after a pause.

        `is_open` is asked just before the claim whether the message may still go now. Raises `Closed` if not, `Barred`
        or Stopped when the ledger left it ready, LedgerError when the claim could not be written, or what ended the
        pace; in each case it is not claimed.
        """
        if self._over is not None:
            raise self._over
        waiter = _Waiter(message, asyncio.get_running_loop().create_future(), is_open)
        self._waiters.append(waiter)
        self._wake.set()
        self.came.set()
        try:
            return await waiter.future
        except asyncio.CancelledError:
            if waiter.submitted:
                # The writer keeps the order: after the claim. An error of it is the ledger's to tell.
                self._release(message).add_done_callback(asyncio.Future.exception)
                self.abandon(probe=waiter.probe)
            raise

    def lose(self, error: Exception) -> None:
        """The rate cannot be shared any more: tells whoever waits, or comes later."""
        self._over = self._over or error
        self._tell_all(self._over)

    def _tell_all(self, error: Exception) -> None:
        for waiter in self._waiters:
            if not waiter.future.done():
                waiter.future.set_exception(error)
        self._waiters.clear()

    def abandon(self, *, probe: bool) -> None:
        """A message passed but was not posted: the next one is the probe."""
        self._room.set()
        if probe:
            self._probe_over.set()

    def observe(self, verdict: Verdict, *, probe: bool, latency: float = 0.0) -> Stopped | None:
        """Every verdict, so that the pace and the streaks are known. Gives the reason to stop when there is one.

        `latency` is in seconds: what the answer says about the pace, it says about the time when its message left.
        """
        now = self._clock()
        self._room.set()
        if verdict.omni:
            self.latencies.add(latency)
        signal = self._breaker.observe(verdict, now, probe=probe)
        refused = verdict.kind is Kind.THROTTLED
        self.throttled += refused
        pause, change = signal.pause, None
        if probe:
            change = self._controller.probed(now, refused=refused, retry_after=verdict.retry_after)
            self.reopened += pause is None and change.pause is None
            self._probing = False
            self._probe_over.set()
        elif self._paused_until is None and not self._probing:
            change = self._controller.observe(now, refused=refused, sent=now - latency, retry_after=verdict.retry_after)
        if pause is not None:
            self._pause(now, pause)
        elif change is not None and change.pause is not None:
            self._pause(now, change.pause, probe=change.probe)
        return _stopped(signal, verdict)

    def hold(self, cause: str, seconds: float) -> None:
        """Lets nothing through for so long, then one message at a time until the API answers one of them."""
        self._breaker.hold(cause)
        self._pause(self._clock(), seconds)

    def _pause(self, now: float, seconds: float, *, probe: bool = True) -> None:
        self._paused_until = max(self._paused_until or 0.0, now + seconds)
        self._probe_next = self._probe_next or probe
        logger.warning("paused", extra={"event": "paused", "seconds": seconds, "cause": self.waits_for})
        self.paused(self.waits_for or "throttled", seconds)

    async def run(self) -> None:
        """Owns the pace until cancelled. Whoever waits then, or comes later, is told; what was paid for still passes."""
        try:
            await self._keep_pace()
        except Exception as error:
            self._over = error
            raise
        finally:
            self._over = self._over or Stopped(
                said("sending has ended; run again to go on"), reason="closed", exit_code=75
            )
            self._tell_all(self._over)

    async def _keep_pace(self) -> None:
        while True:
            while not self._waiters:
                self._wake.clear()
                await self._wake.wait()
            if self._paused_until is not None:
                await self._wait_out(self._paused_until)
                continue
            room = self._room_now()
            if not (self._share or self._free) or room <= 0:
                await self._wait_for_room()
                continue
            amount = 1 if self._probing or self._free else min(len(self._waiters), micro_batch(self.rate), room)
            if self._free:
                self._free = 0  # the first of them needs no share: the hundredth that is left free is for it
            else:
                await self._pay(amount)
            if self._is_paused():
                continue  # paused while paying: what was paid for is not let through
            self._probe_over.clear()
            self._let_through(amount)
            if self._probing:
                await self._probe_over.wait()

    def _room_now(self) -> int:
        """How many may be let out now: as many as the pace needs, on the wire and on their way to the disk.

        A commit that takes long (another process has the ledger, the disk is busy) must not let a whole second's worth
        out at once when it ends: 245 in a second at a rate of 200 were measured.
        """
        claims = 2 * micro_batch(self.rate) + int(NEED * self._commit * self.rate) - self._claiming
        most = in_flight_max(self.rate, self.latencies.p99)
        return claims if most is None else min(claims, most - self._in_flight())

    async def _wait_for_room(self) -> None:
        """Until an answer comes, or a share; whoever enters meanwhile only turns the loop."""
        waiting = self._room if self._share else self._wake
        waiting.clear()
        await waiting.wait()

    def _is_paused(self) -> bool:
        return self._paused_until is not None

    async def _wait_out(self, until: float) -> None:
        while (left := until - self._clock()) > 0:
            await self._sleep(left)
            until = self._paused_until or until
        self._paused_until = None
        self._probing, self._probe_next = self._probe_next, False

    async def _pay(self, amount: int) -> None:
        rate = self.rate
        if self._limiter is None or abs(rate - self._limiter_rate) > RATE_STEP * self._limiter_rate:
            size = bucket_size(rate)
            level = size - self._unused(amount)
            self._limiter = AsyncLimiter(size, size / rate)
            self._limiter_rate = rate
            if level > 0:
                await self._limiter.acquire(level)
        if (missing := _missing(self._limiter, amount)) > 0:
            await self._sleep(missing / rate + STEP)
        await self._limiter.acquire(amount)
        # What is being claimed passes before this does, and this passes when its own claim is durable.
        while (wait := self._second.wait(self._clock() + self._commit, amount + self._claiming, self.rate)) > 0:
            await self._sleep(wait)

    def _unused(self, first: int) -> float:
        """What the old bucket would let through at once now, so that a changed rate hands out no fresh burst.

        The first bucket begins full: what is there for catching up is not given away at the start.
        """
        old = self._limiter
        if old is None:
            return float(first)
        low, high = 0.0, old.max_rate
        for _ in range(20):  # `has_capacity` is the public way to the level
            middle = (low + high) / 2
            low, high = (middle, high) if old.has_capacity(middle) else (low, middle)
        return low

    def _let_through(self, amount: int) -> None:
        group: list[_Waiter] = []
        while self._waiters and len(group) < amount:
            waiter = self._waiters.popleft()
            if waiter.future.done():
                continue
            if waiter.is_open is not None and not waiter.is_open():
                waiter.future.set_exception(Closed())
            else:
                waiter.submitted, waiter.probe = True, self._probing
                group.append(waiter)
        if not group:
            self.abandon(probe=self._probing)
            return
        probe, since = self._probing, self._clock()
        self._claiming += len(group)
        try:
            claimed = self._claim([waiter.message for waiter in group])
        except Exception:
            self._waiters.extendleft(reversed(group))  # so that they are told with all others
            raise
        claimed.add_done_callback(lambda done: self._claimed(done, group, since, probe=probe))

    def _claimed(
        self, done: "asyncio.Future[Mapping[int, str | Stopped]]", group: list[_Waiter], since: float, *, probe: bool
    ) -> None:
        self._claiming -= len(group)
        self._commits.append(self._clock() - since)
        self._commit = sorted(self._commits)[len(self._commits) // 2]
        self._room.set()
        error = done.exception()
        refused = done.result() if error is None else {}
        if error is not None or refused:  # a probe is a group of one
            self.abandon(probe=probe)
        self._second.add(self._clock(), len(group))
        for waiter in group:
            why = error or _left_ready(refused, waiter.message)
            if why is not None:
                waiter.submitted = False
            if waiter.future.done():
                continue
            if why is None:
                self.passed += 1
                waiter.future.set_result(probe)
            else:
                waiter.future.set_exception(why)


def _missing(limiter: AsyncLimiter, amount: int) -> float:
    """How much of `amount` the bucket would not let through now."""
    if limiter.has_capacity(amount):
        return 0.0
    low, high = 0.0, float(amount)
    for _ in range(10):  # to a thousandth; `has_capacity` is the public way to the level
        middle = (low + high) / 2
        low, high = (middle, high) if limiter.has_capacity(middle) else (low, middle)
    return amount - low


def _left_ready(refused: Mapping[int, str | Stopped], message: int) -> Exception | None:
    why = refused.get(message)
    return Barred(why) if isinstance(why, str) else why


def _stopped(signal: Signal, verdict: Verdict) -> Stopped | None:
    if signal.stop is not None:
        why: str = term(signal.stop.sentence)
        if verdict.result and not verdict.omni:
            why = said("{why} ({result})", why=why, result=verdict.result)
        return Stopped(why, reason=signal.stop.name, exit_code=signal.stop.exit_code)
    if signal.out_of_patience:
        sentence = said(
            "nothing was accepted for {minutes:.0f} minutes; run the same command again later", minutes=PATIENCE / 60
        )
        return Stopped(sentence, reason="unavailable", exit_code=69)
    return None
