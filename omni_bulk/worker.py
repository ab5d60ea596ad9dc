"""The life of one message, from the gate to its result. This is the loop to read.

::

    token ── gate (rate paid, claim durable) ── POST ── verdict ── settle
      └──────────────── released, maybe after a wait ◄──┘

The first attempt is a plain call; tenacity takes over only after a verdict that proves the message was not taken
(it costs 13–20 µs a call even when nothing fails).
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from tenacity import AsyncRetrying, RetryCallState, retry_if_result

from omni_bulk.auth import Tokens
from omni_bulk.client import Client
from omni_bulk.errors import Stopped
from omni_bulk.gate import Barred, Gate
from omni_bulk.ledger import Ledger, book, committed
from omni_bulk.model import CampaignRow, Kind, Message, Result, Status, Verdict
from omni_bulk.policy import Action, Step, account_stop, allows_another, backoff, decide, may_have_left
from omni_bulk.results import changed, iso
from omni_bulk.sentences import said
from omni_bulk.wire import classify, send_body


@dataclass(slots=True)
class Job:
    """One admitted message on its way. `draft` is its result so far; `busy` while it is claimed or being recorded.

    `result` is set once it is recorded, also when the delivery was cancelled meanwhile. Whoever sets `last` wants no
    further attempt: the one under way is recorded, and if the message was not taken, `deliver` raises Stopped. `is_open`
    tells whether it may be sent at this time of day, None for at any.
    """

    id: int
    message: Message = field(repr=False)
    draft: Result
    campaign: CampaignRow
    shared_from: bool = True
    attempts: int = 0
    sent_at: float | None = None
    latency_ms: int | None = None
    busy: bool = False
    last: bool = False
    stop: Stopped | None = None
    result: Result | None = None
    body: bytes = field(default=b"", repr=False)
    http: int | None = None

    @property
    def wire_ref(self) -> str:
        """The key in the request: the recipient's own, but for a second post."""
        return self.draft.wire_ref or str(self.draft.ref)

    is_open: Callable[[], bool] | None = None


class Worker:
    """Shared by all worker tasks: it keeps no state between messages. Clock, sleep and randomness are injected."""

    def __init__(
        self,
        client: Client,
        tokens: Tokens,
        gate: Gate,
        ledger: Ledger,
        *,
        epoch: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        draw: Callable[[], float],
        unrecorded: Callable[[Result], None],
    ) -> None:
        self._client = client
        self._tokens = tokens
        self._gate = gate
        self._ledger = ledger
        self._epoch = epoch
        self._sleep = sleep
        self._draw = draw
        self._unrecorded = unrecorded
        self.posts = 0
        self.in_flight = 0
        self.attempted: Callable[[Job, Verdict], object] = lambda _job, _verdict: None  # told of each POST

    async def deliver(self, job: Job) -> Result:
        """Sends one message and records what became of it.

        Raises Stopped when the next message would fare the same (this one is released), LedgerError when the ledger
        cannot be written, `gate.Closed` when its window has closed (it is ready, as it was). When a streak ended the
        campaign but this message was settled, `job.stop` holds the reason.
        """
        job.body = send_body(job.message, job.wire_ref)
        try:
            verdict = await self._attempt(job)
            if allows_another(verdict):
                await self._sleep(self._wait(verdict, 2))
                again = AsyncRetrying(sleep=self._sleep, wait=self._wait_between, retry=retry_if_result(allows_another))
                verdict = await again(self._attempt, job)
        except Barred as barred:
            job.busy = True
            if job.draft.copy > 1:
                return await self._as_it_was(job)
            return await self._record(job, status=Status.SKIPPED, reason=barred.reason)
        return await self._settle(job, verdict)

    async def _attempt(self, job: Job) -> Verdict:
        """One POST, and the claim released again when it proves that the message was not taken."""
        authorization, generation, probe = await self._admission(job)
        try:
            verdict = await self._post(job, authorization)
        except BaseException:
            self._gate.abandon(probe=probe)
            raise
        refused = None
        if verdict.kind is Kind.TOKEN:
            refused = self._tokens.refused(generation, verdict)
        elif verdict.omni:
            self._tokens.proven(generation)
        job.stop = self._gate.observe(verdict, probe=probe, latency=(job.latency_ms or 0) / 1000) or refused
        action = self._decide(job, verdict)
        if action.step is not Step.SETTLE:
            await self._take_back(job)
            if action.step is Step.STOP:
                raise account_stop(verdict)
            if job.stop is not None:
                raise job.stop
            _go_on(job)
        return verdict

    def _decide(self, job: Job, verdict: Verdict) -> Action:
        return decide(verdict, shared_from=job.shared_from)

    async def _admission(self, job: Job) -> tuple[str, int, bool]:
        """A token first, so that no claim is open while one is fetched; then the gate; then the token once more."""
        while True:
            await self._tokens.get()
            probe = await self._gate.enter(job.id, job.is_open)
            job.busy = True
            if grant := self._tokens.peek():
                return grant.authorization, grant.generation, probe
            self._gate.abandon(probe=probe)  # it ran out while we waited: posting it would be a wasted request
            await self._take_back(job)
            _go_on(job)

    async def _take_back(self, job: Job) -> None:
        await committed(self._ledger.release(job.id, job.attempts))
        job.busy = False

    async def _post(self, job: Job, authorization: str) -> Verdict:
        job.sent_at = self._epoch()
        self.posts += 1
        self.in_flight += 1
        try:
            answer = await self._client.post_message(job.body, authorization)
        except (Exception, asyncio.CancelledError):
            # Its bytes may be out. Nothing but `unknown` is true, and it is recorded before anything else happens.
            job.attempts += 1
            lost = Verdict(Kind.UNKNOWN, reason="interrupted")
            self.attempted(job, lost)
            await self._settle(job, lost)
            raise
        finally:
            self.in_flight -= 1
        job.latency_ms = answer.latency_ms
        job.http = answer.status
        verdict = classify(answer, job.wire_ref, self._epoch())
        job.attempts += may_have_left(verdict)
        self.attempted(job, verdict)
        return verdict

    async def _settle(self, job: Job, verdict: Verdict) -> Result:
        status, reason = self._decide(job, verdict).status or Status.FAILED, verdict.reason
        if job.draft.copy > 1 and status in {Status.REJECTED, Status.FAILED}:
            # That the second was refused says nothing of the first.
            status, reason = Status.UNKNOWN, "resend_refused"
        return await self._record(
            job, status=status, code=verdict.code, result=verdict.result, reason=reason, msg_key=verdict.msg_key
        )

    async def _as_it_was(self, job: Job) -> Result:
        """A second post that was not made: a report has settled the first meanwhile, or its recipient gets nothing."""
        job.result = await self._ledger.write(lambda tx: book.latest(tx.db, job.id))
        job.busy = False
        assert job.result is not None  # noqa: S101  it was unknown, and so has a line
        return job.result

    async def _record(self, job: Job, **outcome: object) -> Result:
        outcome |= {
            "attempts": job.attempts,
            "sent_at": None if job.sent_at is None else iso(round(job.sent_at * 1000)),
            "latency_ms": job.latency_ms,
            "http": job.http,
        }
        write = self._ledger.settle(job.campaign, job.id, job.draft, outcome)
        try:
            return await committed(write)
        finally:
            if write.exception() is None:
                job.result, job.busy = write.result(), False
            else:
                self._unrecorded(changed(job.draft, **outcome))

    def _wait(self, verdict: Verdict, attempt: int) -> float:
        action = decide(verdict, shared_from=True)
        return backoff(attempt, self._draw()) if action.backoff else 0.0

    def _wait_between(self, state: RetryCallState) -> float:
        assert state.outcome is not None  # noqa: S101  tenacity asks after an attempt
        return self._wait(state.outcome.result(), state.attempt_number + 2)


def _go_on(job: Job) -> None:
    if job.last:
        raise Stopped(said("sending has ended; run again to go on"), reason="interrupted", exit_code=75)
