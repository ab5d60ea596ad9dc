"""One pass over one list: a producer admits rows in blocks, worker tasks send them, a stop drains what is in flight."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import partial

from omni_bulk.account import Account
from omni_bulk.errors import Refused, Stopped
from omni_bulk.feed import Blocks
from omni_bulk.gate import Closed
from omni_bulk.guards import MAX_FAILURE_RATE, MAX_UNKNOWN_RATE, RateGuard
from omni_bulk.identity import Identities
from omni_bulk.ledger import Admitted, Admitter, book
from omni_bulk.model import CampaignRow, Entry, Message, Problem, Recipient, Result, Status
from omni_bulk.policy import Admit, too_many_other_texts
from omni_bulk.rules import Composition, compose
from omni_bulk.sentences import said
from omni_bulk.stats import Tally
from omni_bulk.waiting import Waiting
from omni_bulk.windows import Hours
from omni_bulk.worker import Job

_DAY = 86_400.0  # s
LOOK_EVERY = 60.0  # s between looks at the clock while nothing may be sent: it may be set, or the machine have slept
QUEUE_MAX = 400  # messages composed and admitted ahead of the workers
logger = logging.getLogger("omni_bulk")


@dataclass(frozen=True, slots=True)
class Limits:
    """When a run ends before its list does. `limit` counts messages, `deadline` is in seconds from the start.

    `max_failure` and `max_unknown` are the shares of `guards.RateGuard`. `max_cost` is what the campaign may spend in
    all, in the currency of the price list; `start_at` (seconds since 1970) is when the first message may leave.
    """

    limit: int | None = None
    deadline: float | None = None
    max_failure: float = MAX_FAILURE_RATE
    max_unknown: float = MAX_UNKNOWN_RATE
    max_cost: Decimal | None = None
    start_at: float | None = None


def composed(rows: list[Recipient], composition: Composition, identities: Identities) -> list[Entry]:
    """A block of rows as the ledger takes them. Pure; runs in a thread."""
    return [identities.entry(compose(row, composition)) for row in rows]


def count(tally: Tally, admitted: Admitted) -> None:
    """One admitted row in the counts, the same for a plan and for a run."""
    made = admitted.entry.item
    if admitted.do is Admit.SEND and isinstance(made, Message):
        tally.message(made.country, made.segments, made.to)
        tally.noted(made)
    elif admitted.status is not None:
        detail = made.detail if isinstance(made, Problem) else ""
        again = admitted.do is Admit.REPLAY
        number = made.to or (made.identity if isinstance(made, Problem) else "")
        if number == f"row {made.row}":  # what stands for a blank cell
            number = ""
        tally.judged(admitted.status, admitted.reason, again=again, row=made.row, detail=detail, number=number)


def other_text_refusal(tally: Tally, name: str) -> Refused | None:
    """Over 1 % of the list already got another text: likely the wrong file or template."""
    if not too_many_other_texts(tally.other_texts, tally.read, whole=tally.whole):
        return None
    return Refused(
        said(
            "{other_texts} of {read} recipients of campaign {name!r} already got another text. "
            "If this is another list, give --campaign NEW; if the texts changed on purpose, give --changed-text",
            other_texts=tally.other_texts,
            read=tally.read,
            name=name,
        )
    )


def _too_early(epoch: float) -> Stopped:
    at = datetime.fromtimestamp(epoch).astimezone()
    return Stopped(
        said("the deadline comes before the next message may be sent ({at:%Y-%m-%d %H:%M %Z}), recipients are left", at=at),
        reason="window", exit_code=6,
    )  # fmt: skip


class Run:
    """Owns the tasks of one pass. `deliver` gets every result in the order of its recording; it must not block."""

    def __init__(
        self,
        account: Account,
        campaign: CampaignRow,
        admitter: Admitter,
        composition: Composition,
        *,
        limits: Limits,
        deliver: Callable[[Result], None] | None = None,
        hours: Hours | None = None,
    ) -> None:
        self.tally = Tally(prices=account.prices)
        self.not_before: float | None = None
        self.stopped: Stopped | None = None
        self.error: BaseException | None = None
        self._account = account
        self._campaign = campaign
        self._admitter = admitter
        self._composition = composition
        self._limits = limits
        self._guard = RateGuard(limits.max_failure, limits.max_unknown)
        self._reopened = account.gate.reopened
        self._deliver = deliver
        self._queue: asyncio.Queue[Job | None] = asyncio.Queue(QUEUE_MAX)
        self._tasks: dict[asyncio.Task[None], Job | None] = {}
        self._producer: asyncio.Task[None] | None = None
        self._reading = False
        self._draining = False
        self._timers: list[asyncio.TimerHandle] = []
        self._sends = 0
        self._line = 0  # up to which rows that are passed over are counted
        self._hours = hours
        self._waiting = Waiting(campaign)
        self._out = 0  # messages in the hands of the workers
        self._moved = asyncio.Event()  # one of them came back, or was settled
        self._began = account.world.epoch()

    @property
    def in_hand(self) -> int:
        """Messages that the workers have, or will have next."""
        return self._out

    @property
    def queued(self) -> bool:
        """Whether messages wait for a worker."""
        return not self._draining and not self._queue.empty()

    @property
    def waits_for(self) -> str | None:
        """What time of day sending waits for, None while anything is sent."""
        if self._out or self.not_before is None:
            return None
        at = datetime.fromtimestamp(self.not_before).astimezone()
        many = f", {len(self._waiting):,} recipients wait" if self._waiting else ""
        return f"{at:%Y-%m-%d %H:%M %Z}{many}"

    async def go(self, blocks: Blocks) -> None:
        """Runs to the end of the list, or until stopped. Errors are kept in `error` until everything is recorded."""
        loop = asyncio.get_running_loop()
        if self._limits.deadline is not None:
            late = Stopped(said("the deadline is over, recipients are left"), reason="deadline", exit_code=6)
            self._timers.append(loop.call_later(self._limits.deadline, self.stop, late))
        try:
            async with asyncio.TaskGroup() as group:
                self._producer = group.create_task(self._produce(blocks), name="omni-bulk-producer")
                for _ in range(self._account.workers):
                    self._tasks[group.create_task(self._work(), name="omni-bulk-worker")] = None
        finally:
            for timer in self._timers:
                timer.cancel()
            self.not_before = self._waiting.next or self.not_before
            self._waiting.close()

    def stop(self, stopped: Stopped) -> None:
        """Takes nothing new, lets what is claimed end, and gives up waiting for it after the drain time."""
        if self._draining:
            return
        self.stopped = stopped
        self._drain()

    def fail(self, error: BaseException) -> None:
        """A bug, or trouble with the ledger or the caller's list: drain, then raise it."""
        if self.error is None:
            self.error = error
        self._drain()

    def _cut_short(self, error: asyncio.CancelledError) -> None:
        """A task ends as cancelled. When nobody here asked for it (the caller's iterable may), the others end too."""
        if not self._draining:
            self.fail(error)

    def cancel(self) -> None:
        """Ends now; what may have left is recorded as `unknown`."""
        self._drain()
        for task in self._tasks:
            task.cancel()

    def _drain(self) -> None:
        if self._draining:
            return
        self._draining = True
        if self._producer is not None and self._reading:
            self._producer.cancel()
        while not self._queue.empty():
            self._queue.get_nowait()
        self._queue.put_nowait(None)
        for task, job in self._tasks.items():
            if job is not None and job.busy:
                job.last = True
            elif job is not None:
                task.cancel()
        loop = asyncio.get_running_loop()
        self._timers.append(loop.call_later(self._account.drain, self.cancel))

    # ── the producer ──────────────────────────────────────────────────────────────────────────────────────────────

    async def _produce(self, blocks: Blocks) -> None:
        try:
            async with aclosing(blocks) as reading:
                await self._read(reading)
        except asyncio.CancelledError as error:
            self._cut_short(error)
        except Exception as error:  # noqa: BLE001  kept, and raised when everything is recorded
            self.fail(error)
        if not self._draining:
            await self._queue.put(None)

    async def _read(self, blocks: Blocks) -> None:
        if self._limits.start_at is not None and not await self._wait_until(self._limits.start_at):
            return
        while not self._draining:
            rows, last = await self._next_block(blocks)
            entries = await asyncio.to_thread(composed, rows, self._composition, self._admitter.identities)
            admitted = await self._account.ledger.admit(self._admitter, entries)
            self._count_passed(rows, last=last)
            self.tally.whole = last
            for one in admitted:
                count(self.tally, one)
                if self._deliver is not None and one.result is not None:
                    self._deliver(one.result)
                if one.result is not None and not one.result.replayed:
                    self._account.hooks.result(one.result)
            if refusal := other_text_refusal(self.tally, self._campaign.name):
                raise refusal
            for one in admitted:
                if one.do is Admit.SEND and not await self._send(one):
                    return
            if not await self._send_due():
                return
            if last:
                await self._wait_for_windows()
                return

    def _count_passed(self, rows: list[Recipient], *, last: bool) -> None:
        """Counts the rows of the list that were passed over on the way to these."""
        if self._admitter.passed is None:
            return
        upto = None if last else rows[-1].row if rows else self._line
        self.tally.passed(self._admitter.passed.between(self._line, upto))
        self._line = self._line if upto is None else upto

    async def _next_block(self, blocks: Blocks) -> tuple[list[Recipient], bool]:
        """The next rows. Whose window opens before they come is sent to meanwhile."""
        if self._hours is None:
            self._reading = True
            try:
                return await anext(blocks, ([], True))
            finally:
                self._reading = False
        reading = asyncio.ensure_future(anext(blocks, ([], True)))
        self._reading = True
        try:
            while not reading.done():
                opening = self._waiting.next
                left = None if opening is None else max(0.0, opening - self._account.world.epoch())
                await asyncio.wait({reading}, timeout=left)
                if not reading.done():
                    self._reading = False
                    await self._send_due()
                    self._reading = True
            return reading.result()
        except asyncio.CancelledError:
            reading.cancel()
            await asyncio.wait({reading})
            if not reading.cancelled():
                reading.exception()  # of no interest to who has left
            raise
        finally:
            self._reading = False

    # ── the time of day ───────────────────────────────────────────────────────────────────────────────────────────

    async def _wait_for_windows(self) -> None:
        """After the end of the list: until everybody's window was open, or the deadline comes before the next one."""
        while not self._draining and (self._waiting or self._out) and self._hours is not None:
            self._moved.clear()
            opening = self._waiting.next
            if opening is None:  # those in hand may yet come back
                await self._idle(self._moved.wait)
            elif not await self._wait_until(opening) or not await self._send_due():
                return

    async def _wait_until(self, epoch: float) -> bool:
        """False when the deadline is earlier, or sending was stopped."""
        world, deadline = self._account.world, self._limits.deadline
        self.not_before = epoch
        if deadline is not None and epoch > self._began + deadline:
            if not self._out:
                self.stop(_too_early(epoch))
                return False
            await self._idle(self._moved.wait)  # what is in hand is still sent
            self._moved.clear()
            return await self._wait_until(self._waiting.next or epoch)
        while not self._draining and (left := epoch - world.epoch()) > 0:
            await self._idle(partial(world.sleep, min(left, LOOK_EVERY)))
        self.not_before = None
        return not self._draining

    async def _idle(self, waiting: Callable[[], Awaitable[object]]) -> None:
        """Waits in a way that a stop ends."""
        self._reading = True
        try:
            await waiting()
        finally:
            self._reading = False

    async def _send_due(self) -> bool:
        """Hands over those whose window has opened; False when no more may be."""
        for job in self._waiting.due(self._account.world.epoch()):
            if not await self._hand_over(job):
                return False
        return True

    def _put_off(self, job: Job) -> bool:
        """Whether the job has to wait for its window; it does then. Else it knows how long that is open."""
        hours, epoch = self._hours, self._account.world.epoch
        if hours is None:
            return False
        zones = hours.zones(job.message.to)
        job.is_open = lambda: hours.is_open(zones, epoch())
        if job.is_open():
            return False
        self._waiting.put(hours.opening(zones, epoch()) or epoch() + _DAY, job)
        return True

    async def _send(self, admitted: Admitted) -> bool:
        """Hands one message to the workers; False when no more may be."""
        message = admitted.entry.item
        assert isinstance(message, Message)  # noqa: S101  only messages are admitted for sending
        own = self._composition.from_ or (self._composition.template and self._composition.template.from_)
        draft = book.result_of(admitted.entry, self._campaign)
        if admitted.copy > 1:
            draft = replace(draft, copy=admitted.copy, wire_ref=f"{draft.ref}{book.WIRE_SUFFIX}")
        job = Job(admitted.id, message, draft, self._campaign, message.from_ == own, admitted.attempts)
        return await self._hand_over(job)

    async def _hand_over(self, job: Job) -> bool:
        if self._draining:
            return False
        if self._put_off(job):
            return True
        if self._limits.limit is not None and self._sends >= self._limits.limit:
            # Not a drain: what was handed over before is still sent.
            self.stopped = Stopped(said("the limit is reached, recipients are left"), reason="limit", exit_code=6)
            return False
        self._sends += 1
        self._out += 1
        await self._queue.put(job)
        return True

    # ── the workers ───────────────────────────────────────────────────────────────────────────────────────────────

    async def _work(self) -> None:
        me = asyncio.current_task()
        assert me is not None  # noqa: S101  runs as a task
        while (job := await self._queue.get()) is not None and not self._draining:
            self._tasks[me] = job
            try:
                await self._account.worker.deliver(job)
            except Closed:
                self._sends -= 1
                if not self._put_off(job):  # opened again at this very moment
                    self._waiting.put(self._account.world.epoch(), job)
            except Stopped as stopped:
                self.stop(stopped)
            except Exception as error:  # noqa: BLE001  kept, and raised when everything is recorded
                self.fail(error)
            except asyncio.CancelledError as error:
                self._cut_short(error)
                raise
            finally:
                self._tasks[me] = None
                self._out -= 1
                self._moved.set()
                if job.result is not None:
                    self._settled(job.result, job.stop)
        self._queue.put_nowait(None)  # for the next worker

    def _settled(self, result: Result, stop: Stopped | None) -> None:
        """What is recorded is counted and told, also when its delivery was cancelled after the POST."""
        if stop := stop or self._judge(result.status):
            self.stop(stop)
        self.tally.settled(result)
        self._account.hooks.result(result)
        if result.status is not Status.ACCEPTED:
            extra = {"event": "not_accepted", "ref": result.ref, "row": result.row, "code": result.code}
            logger.debug("%s: %s", result.status, result.code or result.reason, extra=extra)
        if self._deliver is None:
            return
        try:
            self._deliver(result)
        except Exception as error:  # noqa: BLE001  kept, and raised when everything is recorded
            self.fail(error)

    def _judge(self, status: Status) -> Stopped | None:
        """Whether too much goes wrong. What came before a good probe does not count."""
        if self._reopened != self._account.gate.reopened:
            self._reopened = self._account.gate.reopened
            self._guard.fresh()
        return self._guard.observe(status, self._account.world.clock())
