"""Single sends, idempotent by ref: in this process, in others beside it, and after a restart.

A claim in the ledger carries its owner; what a dead owner left claimed becomes `unknown`. Each send is a task of its
own, so that a cancelled caller cancels nothing that may have left.
"""

import asyncio
import logging
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

from omni_bulk.account import Account
from omni_bulk.errors import RefConflict, SettingsError, Stopped
from omni_bulk.guards import RateGuard
from omni_bulk.identity import Identities
from omni_bulk.ledger import Admitted, Admitter, Single, Transaction, admission, book
from omni_bulk.lock import is_alive, owner_path
from omni_bulk.model import CampaignRow, Entry, Message, Recipient, Result, Status
from omni_bulk.records import usable_ref
from omni_bulk.results import iso
from omni_bulk.rules import Composition, compose
from omni_bulk.sentences import said
from omni_bulk.stream import waited
from omni_bulk.worker import Job

SINGLES = ""  # the campaign of single sends: no list has an empty name
WAIT_FIRST, WAIT_MAX = 0.05, 0.5  # s between looks at a ref that another process is sending
GUARD_PAUSE = 10.0  # s without sending when too much goes wrong: a service goes on, where a campaign would stop
POLL = 0.01  # s between looks at what is late or to be drained: only until its POST has an answer
logger = logging.getLogger("omni_bulk")


@dataclass(slots=True)
class _UnderWay:
    """A ref on its way. `sending` is the task that a stop may cancel: the delivery itself, once there is one."""

    entry: Entry
    task: "asyncio.Task[Result]"
    sending: "asyncio.Task[Result]"
    job: Job | None = None

    def asks_the_same(self, entry: Entry) -> bool:
        mine, other = self.entry, entry
        if isinstance(mine.item, Message):
            return (mine.number_digest, mine.text_digest) == (other.number_digest, other.text_digest)
        return mine.item == other.item


class Singles:
    """The single sends of one account."""

    def __init__(self, account: Account, composition: Composition) -> None:
        self._account = account
        self._composition = composition
        self._guard = RateGuard()
        self._opening: asyncio.Task[CampaignRow] | None = None
        self._under_way: dict[str, _UnderWay] = {}
        self._over = False

    async def send(
        self, recipient: Recipient, expires_in: float | None, unknown: Literal["hold", "resend"] = "hold"
    ) -> Result:
        """The recorded result of this message. `recipient.ref` is required; errors are those of `Omni.send`."""
        ref = recipient.ref or ""
        if not ref.strip() or not usable_ref(ref):
            raise SettingsError(
                said("a ref has 1 to 190 characters, no control characters, and does not end in ~digits")
            )
        if self._over:
            raise _drained()
        row = await self._open()
        entry = Identities(self._account.ledger.key, row.uuid).entry(compose(recipient, self._composition))
        while (first := self._under_way.get(ref)) is not None:
            if first.asks_the_same(entry):
                return replace(await self._result(first), replayed=True)
            if isinstance(first.entry.item, Message):
                raise _conflict()
            await asyncio.wait({first.task})  # it is not sent, so its ref is free again
        if self._over:
            raise _drained()
        task = asyncio.create_task(self._deliver(row, ref, entry, expires_in, unknown), name="omni-bulk-single")
        mine = self._under_way[ref] = _UnderWay(entry, task, task)
        task.add_done_callback(partial(self._done, ref))
        return await self._result(mine)

    async def _result(self, one: _UnderWay) -> Result:
        me = asyncio.current_task()
        try:
            return await asyncio.shield(one.task)
        except asyncio.CancelledError:
            if one.task.cancelled() and me is not None and not me.cancelling():
                raise _drained() from None  # nobody cancelled the caller: the drain cancelled the send
            raise

    def _done(self, ref: str, task: "asyncio.Task[Result]") -> None:
        del self._under_way[ref]
        if task.cancelled() or task.exception() is not None:  # its caller may be gone; the ledger knows
            return
        if not task.result().replayed:
            self._account.hooks.result(task.result())

    async def _open(self) -> CampaignRow:
        """Once, for all who ask; whoever is cancelled meanwhile leaves it to the others."""
        if self._opening is None or (self._opening.done() and not _succeeded(self._opening)):
            self._opening = asyncio.create_task(self._begin(), name="omni-bulk-singles")
        return await asyncio.shield(self._opening)

    async def _begin(self) -> CampaignRow:
        account = self._account
        owner = await account.show_life()
        begin = partial(_begin, account=account.id, now=account.world.now(), owner=owner, ledger=account.ledger.path)
        row, recovered = await account.ledger.write(begin)
        if recovered:
            logger.warning(
                "%d single messages were in doubt after an interruption and are recorded as unknown",
                len(recovered),
                extra={"event": "recovered", "refs": [result.ref for result in recovered]},
            )
        return row

    # ── one message ───────────────────────────────────────────────────────────────────────────────────────────────

    async def _deliver(
        self, row: CampaignRow, ref: str, entry: Entry, expires_in: float | None, unknown: Literal["hold", "resend"]
    ) -> Result:
        result = await self._deliver_once(row, ref, entry, expires_in)
        if unknown == "hold" or result.status is not Status.UNKNOWN or not isinstance(entry.item, Message):
            return result
        return await self._once_more(row, entry, entry.item) or result

    async def _once_more(self, row: CampaignRow, entry: Entry, message: Message) -> Result | None:
        """Posts an unknown message a second time, as its caller wishes; None when that was done before."""
        account = self._account
        known = await account.ledger.write(partial(_post_again, row=row, entry=entry, now=account.world.now()))
        if known is None:
            return None
        draft = replace(book.result_of(entry, row), copy=2, wire_ref=f"{entry.ref}{book.WIRE_SUFFIX}")
        job = self._under_way[str(message.ref)].job = Job(known[0], message, draft, row, attempts=known[1])
        return await account.worker.deliver(job)

    async def _deliver_once(self, row: CampaignRow, ref: str, entry: Entry, expires_in: float | None) -> Result:
        account = self._account
        deadline = None if expires_in is None else account.world.clock() + expires_in
        admitted = await self._admit(row, entry)
        if admitted.result is not None:
            return admitted.result
        message = admitted.entry.item
        assert isinstance(message, Message)  # noqa: S101  only messages are admitted for sending
        one = self._under_way[ref]
        job = one.job = Job(admitted.id, message, book.result_of(admitted.entry, row), row)
        if deadline is None:
            result = await account.worker.deliver(job)
        else:
            one.sending = asyncio.create_task(account.worker.deliver(job), name="omni-bulk-expiring")
            result = await self._deliver_by(deadline, job, one.sending)
        self._judge(result)
        return result

    def _judge(self, result: Result) -> None:
        """Too much goes wrong: everybody waits a while, then one message at a time, and somebody should look."""
        stopped = self._guard.observe(result.status, self._account.world.clock())
        if stopped is not None:
            self._guard.fresh()
            self._account.gate.hold(stopped.reason, GUARD_PAUSE)
            extra = {"event": "guard", "reason": stopped.reason, "seconds": GUARD_PAUSE}
            logger.error("single sends pause for %g s: %s", GUARD_PAUSE, stopped, extra=extra)

    async def _deliver_by(self, deadline: float, job: Job, sending: "asyncio.Task[Result]") -> Result:
        """Until the deadline the message may be posted; what waits or sleeps then is dropped, what is out is awaited."""
        clock = self._account.world.clock
        while not sending.done():
            left = deadline - clock()
            if left <= 0 and not job.busy:
                sending.cancel()
                await asyncio.wait({sending})
                if sending.cancelled():
                    return await self._expired(job)
            else:
                await asyncio.wait({sending}, timeout=max(left, POLL))
        return await sending

    async def _expired(self, job: Job) -> Result:
        sent_at = None if job.sent_at is None else iso(round(job.sent_at * 1000))
        result = replace(
            job.draft, status=Status.FAILED, reason="expired", attempts=job.attempts, sent_at=sent_at,
            latency_ms=job.latency_ms,
        )  # fmt: skip
        return await self._account.ledger.settle(job.campaign, job.id, result)

    async def _admit(self, row: CampaignRow, entry: Entry) -> Admitted:
        """Ours to send, settled, or in another process's hands: then wait for it to settle or die."""
        account = self._account
        identities = Identities(account.ledger.key, row.uuid)
        admitter = Admitter(row, identities, run=0, bars=account.ledger.bars, now=account.world.now)
        wait = WAIT_FIRST
        while True:
            fate, admitted = await account.ledger.write(
                partial(_admit, admitter=admitter, entry=entry, owner=account.owner, ledger=account.ledger.path)
            )
            if fate is Single.CONFLICT:
                raise _conflict()
            if fate is not Single.WAIT:
                return admitted
            await account.world.sleep(wait)
            wait = min(WAIT_MAX, wait * 2)

    # ── ending ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def drain(self, limit: float) -> None:
        """Takes nothing new, drops what is not claimed, waits for what is, and gives up after `limit` seconds."""
        self._over = True
        sweeping = asyncio.create_task(self._sweep(), name="omni-bulk-sweep")
        try:
            await waited([one.task for one in self._under_way.values()], self._cancel_all, limit=limit)
            if self._opening is not None:
                await waited([self._opening])
        finally:
            sweeping.cancel()

    async def _sweep(self) -> None:
        """Drops what is not claimed, and what was released since: it would only go on to its next attempt."""
        while True:
            for one in self._under_way.values():
                if one.job is None or not one.job.busy:
                    one.sending.cancel()
            await asyncio.sleep(POLL)

    def _cancel_all(self) -> None:
        for one in self._under_way.values():
            one.sending.cancel()


def _post_again(tx: Transaction, row: CampaignRow, entry: Entry, now: int) -> tuple[int, int] | None:
    """The message that may be posted again now, and its attempts so far; None when it is not unknown any more, or was posted twice."""
    found = book.message_of(tx.db, row.id, entry.identity)
    attempts = None if found is None else book.post_again(tx, found, now=now, before=now)
    return None if found is None or attempts is None else (found, attempts)


def _succeeded(task: "asyncio.Task[CampaignRow]") -> bool:
    return not task.cancelled() and task.exception() is None


def _conflict() -> RefConflict:
    return RefConflict(said("this ref was already used for another number or text; a new message needs a new ref"))


def _drained() -> Stopped:
    return Stopped(
        said("Omni was drained before there was a result: ask again with the same ref"), reason="drained", exit_code=75
    )


def _begin(tx: Transaction, account: int, now: int, owner: str, ledger: Path) -> tuple[CampaignRow, list[Result]]:
    """The campaign of single sends, and what processes that died left in doubt there."""
    row = book.make_campaign(tx, account, SINGLES, now)
    dead = [
        other for other in book.claimants(tx.db, row.id) if other != owner and not is_alive(owner_path(ledger, other))
    ]
    return row, [result for other in dead for result in book.recover(tx, row, owned_by=other)]


def _admit(tx: Transaction, admitter: Admitter, entry: Entry, owner: str, ledger: Path) -> tuple[Single, Admitted]:
    return admission.admit_single(
        tx, admitter, entry, owner=owner, alive=lambda other: is_alive(owner_path(ledger, other))
    )
