"""An event loop whose clock jumps: minutes of backing off pass in milliseconds, and the same way each time.

    result, seconds = run_virtual(engine.run())

When nothing is ready the loop does not sleep until the next timer: it sets its clock there. `seconds` is how much of
that time went by, plus a microsecond for each turn of the loop (a clock that stands still livelocks aiolimiter 1.3.0).

Jumping is wrong while something outside the loop is still at work, for its answer belongs before the timer. So before
each jump the loop asks, in this order:

1. *Is anybody known to be at work?* Executor calls (``asyncio.to_thread`` too) are counted by the loop itself. Any
   other thread is made known by ``loop.busy_when(lambda: ledger.pending > 0)`` or ``with loop.busy():``. While one
   says yes, the loop waits for a real wakeup and its clock stands. A probe must turn false only after the answer was
   handed over with ``call_soon_threadsafe``: then no answer can be missed, whatever the threads do.
2. *Has anything arrived?* Wakeups from threads and bytes on sockets are looked for, without waiting.
3. *May something still be under way?* With sockets open (the kernel may still hold bytes), or with threads alive of
   which nobody told the loop anything, it waits `grace` real seconds for them before it jumps. This is a guess, and
   costs `grace` for each jump; tell the loop about your threads instead, or give ``grace=0``.

A loop that can never go on (no timer, nobody at work, no socket) raises `StuckError` at once instead of hanging.
"""

import asyncio
import selectors
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import Any, TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
_Ready = list[tuple[selectors.SelectorKey, int]]

START = 1_000.0  # what a new loop's clock shows: as on a real machine, nothing happened at 0
TICK = 1e-6  # virtual seconds that each turn of the loop takes at least
GRACE = 0.002  # real seconds before a jump, when something unknown may be under way
POLL = 0.005  # real seconds between two questions to the probes
STUCK_AFTER = 30.0  # real seconds without a wakeup, although somebody claims to be at work


class StuckError(RuntimeError):
    """The loop waits for something that cannot come, or did not come in half a minute of real time."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """A selector loop with a virtual clock of its own. See the module for when it jumps."""

    def __init__(self, *, grace: float = GRACE, stuck_after: float = STUCK_AFTER) -> None:
        self._now = START
        self.grace = grace
        self.stuck_after = stuck_after
        self._at_work = 0
        self._counting = threading.Lock()
        self._probes: list[Callable[[], bool]] = []
        self._home = threading.get_ident()
        super().__init__(_Jumping(self, selectors.DefaultSelector()))

    def time(self) -> float:
        """Virtual seconds; the first turn of the loop is at about `START`."""
        return self._now

    def busy_when(self, probe: Callable[[], bool]) -> None:
        """Ask `probe` before each jump: while it is true, a thread is at work whose answer the loop must await."""
        self._probes.append(probe)

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Within this block (in any thread) the clock does not jump."""
        self._begin()
        try:
            yield
        finally:
            self._end()

    def is_busy(self) -> bool:
        """Whether somebody is known to be at work outside the loop."""
        return self._at_work > 0 or any(probe() for probe in self._probes)

    def run_in_executor(self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        """As always, and counted as work until its answer has reached the loop."""
        future = super().run_in_executor(executor, func, *args)
        self._begin()
        future.add_done_callback(lambda _: self._end())
        return future

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """Wait for the executor's threads in real time: from Python 3.12 a jump would make that wait time out."""
        del timeout
        with self.busy():
            await super().shutdown_default_executor()

    def _begin(self) -> None:
        with self._counting:
            self._at_work += 1

    def _end(self) -> None:
        with self._counting:
            self._at_work -= 1

    def advance(self, seconds: float) -> None:
        """Let virtual time pass; a turn of the loop takes a tick at least."""
        self._now += max(seconds, TICK)

    def has_strangers(self) -> bool:
        """Whether threads are alive of which nobody told the loop anything. Where there is a probe, it is believed."""
        if self._probes:
            return False
        workers: set[threading.Thread] = getattr(getattr(self, "_default_executor", None), "_threads", set())
        known = {self._home, threading.main_thread().ident, *(worker.ident for worker in workers)}
        return any(thread.ident not in known for thread in threading.enumerate())


class _Jumping(selectors.BaseSelector):
    """Stands between the loop and the real selector: where the loop would sleep, its clock jumps instead."""

    def __init__(self, loop: VirtualLoop, real: selectors.BaseSelector) -> None:
        self._loop = loop
        self._real = real

    def select(self, timeout: float | None = None) -> _Ready:
        if timeout is not None and timeout <= 0:
            self._loop.advance(0)
            return self._real.select(0)
        ready = self._arrived(for_ever=timeout is None)
        self._loop.advance(0 if ready or timeout is None else timeout)
        return ready

    def _arrived(self, *, for_ever: bool) -> _Ready:
        """What comes from outside the loop before its clock may jump; nothing when it may."""
        give_up = time.monotonic() + self._loop.stuck_after
        while self._loop.is_busy():
            if ready := self._real.select(POLL):
                return ready
            if time.monotonic() > give_up:
                raise StuckError(f"no answer within {self._loop.stuck_after} s from what claims to be at work")
        if ready := self._real.select(0):
            return ready
        sockets = len(self._real.get_map()) > 1  # the first is the loop's own, by which threads wake it
        if sockets or self._loop.has_strangers():
            ready = self._real.select(self._loop.stuck_after if for_ever else self._loop.grace)
        if for_ever and not ready:
            raise StuckError("nothing is scheduled and nobody is at work: this loop would wait for ever")
        return ready

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.modify(fileobj, events, data)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()

    def close(self) -> None:
        self._real.close()


def virtual_loop() -> VirtualLoop:
    """The running loop, for a coroutine that `run_virtual` runs."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    return loop


def run_virtual(
    main: Coroutine[Any, Any, T], *, grace: float = GRACE, stuck_after: float = STUCK_AFTER
) -> tuple[T, float]:
    """Run `main` in a loop of its own; returns its result and the virtual seconds it took."""
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(grace=grace, stuck_after=stuck_after)) as runner:
        loop = runner.get_loop()
        result = runner.run(main)
        return result, loop.time() - START
