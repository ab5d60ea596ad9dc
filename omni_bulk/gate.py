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
from omni_bulk.pace import Controller, bucket_size, micro_batch
from omni_bulk.policy import PATIENCE, Breaker, Signal

RATE_STEP = 0.02  # relative change of the rate that is worth a new limiter
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

    A claim gives those that it left ready: why their recipient gets nothing, or what stops the run.
    """

    def __init__(
        self,
        rate: float,
        *,
        claim: Callable[[Sequence[int]], "asyncio.Future[Mapping[int, str | Stopped]]"],
        release: Callable[[int], "asyncio.Future[None]"],
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._controller = Controller(rate)
        self._breaker = Breaker()
        self._claim = claim
        self._release = release
        self._clock = clock
        self._sleep = sleep
        self._waiters: deque[_Waiter] = deque()
        self._wake = asyncio.Event()
        self.paused: Callable[[str, float], object] = lambda _cause, _seconds: None  # told of each pause
        self._limiter_rate = 0.0
        self._limiter: AsyncLimiter | None = None
        self._paused_until: float | None = None
        self._probing = False
        self._probe_over = asyncio.Event()
        self._over: Exception | None = None
        self.throttled = 0
        self.reopened = 0  # good probes

    @property
    def rate(self) -> float:
        """The pace now, in messages a second."""
        return self._controller.rate

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
        try:
            return await waiter.future
        except asyncio.CancelledError:
            if waiter.submitted:
                # The writer keeps the order: after the claim. An error of it is the ledger's to tell.
                self._release(message).add_done_callback(asyncio.Future.exception)
                self.abandon(probe=waiter.probe)
            raise

    def abandon(self, *, probe: bool) -> None:
        """A message passed but was not posted: the next one is the probe."""
        if probe:
            self._probe_over.set()

    def observe(self, verdict: Verdict, *, probe: bool) -> Stopped | None:
        """Every verdict, so that the pace and the streaks are known. Gives the reason to stop when there is one."""
        now = self._clock()
        signal = self._breaker.observe(verdict, now, probe=probe)
        refused = verdict.kind is Kind.THROTTLED
        self.throttled += refused
        pause = signal.pause
        if probe:
            change = self._controller.probed(now, refused=refused, retry_after=verdict.retry_after)
            pause = pause or change.pause
            self.reopened += pause is None
            self._probing = False
            self._probe_over.set()
        elif self._paused_until is None and not self._probing:
            moved = self._controller.observe(now, refused=refused, retry_after=verdict.retry_after)
            pause = pause or (moved.pause if moved else None)
        if pause is not None:
            self._pause(now, pause)
        return _stopped(signal, verdict)

    def hold(self, cause: str, seconds: float) -> None:
        """Lets nothing through for so long, then one message at a time until the API answers one of them."""
        self._breaker.hold(cause)
        self._pause(self._clock(), seconds)

    def _pause(self, now: float, seconds: float) -> None:
        self._paused_until = max(self._paused_until or 0.0, now + seconds)
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
            self._over = self._over or Stopped("sending has ended; run again to go on", reason="closed", exit_code=75)
            for waiter in self._waiters:
                if not waiter.future.done():
                    waiter.future.set_exception(self._over)
            self._waiters.clear()

    async def _keep_pace(self) -> None:
        while True:
            while not self._waiters:
                self._wake.clear()
                await self._wake.wait()
            if self._paused_until is not None:
                await self._wait_out(self._paused_until)
                continue
            amount = 1 if self._probing else min(len(self._waiters), micro_batch(self.rate))
            await self._pay(amount)
            if self._is_paused():
                continue  # paused while paying: what was paid for is not let through
            self._probe_over.clear()
            self._let_through(amount)
            if self._probing:
                await self._probe_over.wait()

    def _is_paused(self) -> bool:
        return self._paused_until is not None

    async def _wait_out(self, until: float) -> None:
        while (left := until - self._clock()) > 0:
            await self._sleep(left)
            until = self._paused_until or until
        self._paused_until = None
        self._probing = True

    async def _pay(self, amount: int) -> None:
        rate = self.rate
        if self._limiter is None or abs(rate - self._limiter_rate) > RATE_STEP * self._limiter_rate:
            size = bucket_size(rate)
            level = self._level()
            self._limiter = AsyncLimiter(size, size / rate)
            self._limiter_rate = rate
            if level:
                await self._limiter.acquire(min(level, size))
        await self._limiter.acquire(amount)

    def _level(self) -> float:
        """What is in the old bucket now, so that a changed rate does not hand out a fresh burst."""
        old = self._limiter
        if old is None:
            return 0.0
        low, high = 0.0, old.max_rate
        for _ in range(20):  # `has_capacity` is the public way to the level
            middle = (low + high) / 2
            low, high = (middle, high) if old.has_capacity(middle) else (low, middle)
        return old.max_rate - low

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
        probe = self._probing
        try:
            claimed = self._claim([waiter.message for waiter in group])
        except Exception:
            self._waiters.extendleft(reversed(group))  # so that they are told with all others
            raise
        claimed.add_done_callback(lambda done: self._claimed(done, group, probe=probe))

    def _claimed(
        self, done: "asyncio.Future[Mapping[int, str | Stopped]]", group: list[_Waiter], *, probe: bool
    ) -> None:
        error = done.exception()
        refused = done.result() if error is None else {}
        if error is not None or refused:  # a probe is a group of one
            self.abandon(probe=probe)
        for waiter in group:
            why = error or _left_ready(refused, waiter.message)
            if why is not None:
                waiter.submitted = False
            if waiter.future.done():
                continue
            if why is None:
                waiter.future.set_result(probe)
            else:
                waiter.future.set_exception(why)


def _left_ready(refused: Mapping[int, str | Stopped], message: int) -> Exception | None:
    why = refused.get(message)
    return Barred(why) if isinstance(why, str) else why


def _stopped(signal: Signal, verdict: Verdict) -> Stopped | None:
    if signal.stop is not None:
        said = f" ({verdict.result})" if verdict.result and not verdict.omni else ""
        return Stopped(signal.stop.sentence + said, reason=signal.stop.name, exit_code=signal.stop.exit_code)
    if signal.out_of_patience:
        sentence = f"nothing was accepted for {PATIENCE / 60:.0f} minutes; run the same command again later"
        return Stopped(sentence, reason="unavailable", exit_code=69)
    return None
