"""The account in a Python program: single sends, idempotent by ref, and campaigns over one token, pool, pace and ledger."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import datetime
from functools import partial
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from omni_bulk.account import Account, World, log_unrecorded
from omni_bulk.campaign import Campaign, Options
from omni_bulk.client import Endpoint
from omni_bulk.errors import RefConflict, SettingsError, Stopped
from omni_bulk.identity import Identities
from omni_bulk.ledger import Admitted, Admitter, Ledger, Single, Transaction, book
from omni_bulk.lock import is_alive, owner_path
from omni_bulk.model import CampaignRow, Entry, Message, Recipient, Result, Status
from omni_bulk.naming import Period
from omni_bulk.records import usable_ref
from omni_bulk.results import iso
from omni_bulk.rules import Composition, compose
from omni_bulk.settings import Settings
from omni_bulk.text import Template
from omni_bulk.worker import Job

SINGLES = ""  # the campaign of single sends: no list has an empty name
WAIT_FIRST, WAIT_MAX = 0.05, 0.5  # s between looks at a ref that another process is sending


class Omni:
    """Async context manager: ``async with Omni(Settings()) as omni``.

    `create_ledger=False` refuses to begin with an empty ledger. `world` and `unrecorded` are for tests and for the
    command line: clock and chance, and where a result goes that no disk would take.

    Raises `SettingsError` when credentials are missing or the ledger cannot be opened.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        create_ledger: bool = True,
        origin: str | None = None,
        world: World | None = None,
        unrecorded: Callable[[Result], None] = log_unrecorded,
    ) -> None:
        self.settings = settings
        self._create_ledger = create_ledger
        self._origin = origin or settings.origin
        self._world = world or World()
        self._unrecorded = unrecorded
        self._stack = AsyncExitStack()
        self._account: Account | None = None
        self._singles: Singles | None = None
        self._campaigns: set[Campaign] = set()

    async def __aenter__(self) -> Self:
        settings = self.settings
        client_id, password = settings.require_credentials()
        ledger = await Ledger.open(settings.ledger, create=self._create_ledger)
        self._stack.push_async_callback(ledger.close)
        endpoint = Endpoint(
            base_url=settings.base_url.rstrip("/"),
            client_id=client_id,
            password=password.get_secret_value(),
            timeout=settings.timeout,
            connections=settings.workers,
            proxy=None if settings.proxy is None else settings.proxy.get_secret_value(),
            ca_file=settings.ca_file,
        )
        account = Account(
            endpoint,
            ledger,
            origin=self._origin,
            rate=settings.rate,
            workers=settings.workers,
            drain=settings.drain,
            world=self._world,
            unrecorded=self._unrecorded,
        )
        try:
            self._account = await self._stack.enter_async_context(account)
        except BaseException:
            await self._stack.aclose()
            raise
        self._singles = Singles(account, _composition(settings))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.drain()
        await self._stack.aclose()

    @property
    def account(self) -> Account:
        """What is shared; for progress displays and tests."""
        if self._account is None:
            raise SettingsError("Omni is used inside `async with Omni(settings) as omni`")
        return self._account

    async def send(
        self, to: str, text: str, *, ref: str, from_: str | None = None, expires_in: float | None = None
    ) -> Result:
        """Sends one message and returns its recorded result. Idempotent by `ref`, across processes and restarts.

        `to` is E.164 (or national with ``region`` in the settings), `from_` the registered originating number, `ref` 1
        to 190 characters. With `expires_in` seconds the message is dropped unposted (`failed`, ``expired``) when it
        could not be posted in time. The same ref and text again gives the recorded result with ``replayed=True`` and
        no POST. Cancelling the await does not cancel the POST: ask again with the same ref.

        Raises `RefConflict` when the ref was used for another number or text, `Stopped` when the account cannot send,
        `LedgerError` when nothing can be recorded; then the message was not posted.
        """
        if self._singles is None:
            raise SettingsError("Omni is used inside `async with Omni(settings) as omni`")
        return await self._singles.send(Recipient(to, 1, ref, text, from_), expires_in)

    def campaign(
        self,
        name: str,
        template: Template | None = None,
        *,
        per: Period | None = None,
        as_of: datetime | None = None,
        out: str | PathLike[str] | None = None,
        region: str | None = None,
        numbers: Literal["international", "national"] | None = None,
        countries: frozenset[str] | None = None,
        already: str | PathLike[str] | None = None,
        changed_text: bool = False,
        same_account: bool = False,
        lock_wait: float = 0.0,
        options: Options | None = None,
    ) -> Campaign:
        """A campaign by name: ``async with omni.campaign("october", template) as campaign``.

        Everybody gets at most one message of a campaign, however often it is run. `template` may be None when every
        recipient brings its own text. `per` appends the period of `as_of` to the name. Results go to `out`, by default
        ``<name>.results.jsonl``. `already` adopts a results file or another tool's log; `changed_text` and
        `same_account` lift the refusals of those names; `lock_wait` waits that many seconds for another run to end.

        Opening it raises `Refused` when another run holds it or something of it changed, `OutputError` when the results
        file cannot be used.
        """
        chosen = options or Options(
            per=per,
            as_of=as_of,
            tz=self.settings.tz,
            out=None if out is None else Path(out),
            already=None if already is None else Path(already),
            changed_text=changed_text,
            same_account=same_account,
            lock_wait=lock_wait,
        )
        composition = _composition(self.settings)
        composition = replace(
            composition,
            template=template,
            from_=(None if template is None else template.from_) or composition.from_,
            region=region or composition.region,
            numbers=numbers or composition.numbers,
            countries=countries or composition.countries,
        )
        campaign = Campaign(self.account, name, composition, chosen)
        self._campaigns.add(campaign)
        return campaign

    async def drain(self, timeout: float | None = None) -> None:  # noqa: ASYNC109  the drain time is the caller's word
        """Takes nothing new and waits until what is in flight is recorded, at most `timeout` seconds (settings.drain).

        What is not posted by then stays unsent and resumable; what may have left is recorded as `unknown`.
        """
        limit = self.settings.drain if timeout is None else timeout
        waiting = [campaign.drain("drained") for campaign in self._campaigns]
        if self._singles is not None:
            waiting.append(self._singles.drain(limit))
        self._campaigns.clear()
        if waiting:
            await asyncio.gather(*waiting)


class Singles:
    """Single sends: each its own task, so that a cancelled caller cancels nothing that may have left."""

    def __init__(self, account: Account, composition: Composition) -> None:
        self._account = account
        self._composition = composition
        self._row: CampaignRow | None = None
        self._opening = asyncio.Lock()
        self._under_way: dict[str, asyncio.Task[Result]] = {}
        self._digests: dict[str, bytes] = {}
        self._jobs: dict[asyncio.Task[Result], Job] = {}
        self._closed = False

    async def send(self, recipient: Recipient, expires_in: float | None) -> Result:
        if self._closed:
            raise Stopped("Omni is draining and takes nothing new", reason="draining", exit_code=75)
        ref = str(recipient.ref)
        if not usable_ref(ref):
            raise SettingsError("a ref has 1 to 190 characters, no control characters, and does not end in ~digits")
        row = await self._open()
        entry = Identities(self._account.ledger.key, row.uuid).entry(compose(recipient, self._composition))
        task = self._under_way.get(ref)
        if task is not None:
            if self._digests[ref] != entry.digest:
                raise _conflict()
            return replace(await asyncio.shield(task), replayed=True)
        task = asyncio.create_task(self._deliver(row, entry, expires_in), name="omni-bulk-single")
        self._under_way[ref] = task
        self._digests[ref] = entry.digest
        task.add_done_callback(partial(self._over, ref))
        return await asyncio.shield(task)

    def _over(self, ref: str, task: "asyncio.Task[Result]") -> None:
        self._under_way.pop(ref, None)
        self._digests.pop(ref, None)
        self._jobs.pop(task, None)
        if not task.cancelled():
            task.exception()  # its caller may be gone; the ledger knows

    async def _open(self) -> CampaignRow:
        async with self._opening:
            if self._row is None:
                account = self._account
                await account.show_life()
                self._row = await account.ledger.write(
                    partial(_make_singles, account=account.id, now=account.world.now())
                )
            return self._row

    async def _deliver(self, row: CampaignRow, entry: Entry, expires_in: float | None) -> Result:
        account = self._account
        deadline = None if expires_in is None else account.world.clock() + expires_in
        admitted = await self._admit(row, entry)
        if admitted.result is not None:
            return admitted.result
        message = admitted.entry.item
        assert isinstance(message, Message)  # noqa: S101  only messages are admitted for sending
        job = Job(admitted.id, message, book.result_of(entry, row), row)
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  runs as a task
        self._jobs[task] = job
        if deadline is None:
            return await account.worker.deliver(job)
        return await self._deliver_by(deadline, job)

    async def _deliver_by(self, deadline: float, job: Job) -> Result:
        """Until the deadline the message may be posted; what waits or sleeps then is dropped, what is out is awaited."""
        world = self._account.world
        sending = asyncio.create_task(self._account.worker.deliver(job), name="omni-bulk-expiring")
        try:
            while not sending.done():
                left = deadline - world.clock()
                if left <= 0 and not job.busy:
                    sending.cancel()
                    await asyncio.gather(sending, return_exceptions=True)
                    if sending.cancelled():
                        return await self._expired(job)
                    break
                await asyncio.wait({sending}, timeout=max(left, 0.01))
            return await sending
        except asyncio.CancelledError:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            raise

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
        admitter = Admitter(row, Identities(account.ledger.key, row.uuid), run=0)
        wait = WAIT_FIRST
        while True:
            fate, admitted = await account.ledger.write(
                partial(_admit_single, admitter=admitter, entry=entry, owner=account.owner, ledger=account.ledger.path)
            )
            if fate is Single.CONFLICT:
                raise _conflict()
            if fate is not Single.WAIT:
                return admitted
            await account.world.sleep(wait)
            wait = min(WAIT_MAX, wait * 2)

    async def drain(self, limit: float) -> None:
        """Waits for what is claimed, drops what is not, and gives up after `limit` seconds."""
        self._closed = True
        tasks = list(self._under_way.values())
        for task in tasks:
            job = self._jobs.get(task)
            if job is None or not job.busy:
                task.cancel()
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=limit)
            for task in late:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        self._closed = False


def _composition(settings: Settings) -> Composition:
    return Composition(
        from_=settings.from_,
        region=settings.region,
        numbers=settings.numbers,
        countries=None if settings.countries is None else frozenset(settings.countries),
        text_max=settings.text_max,
    )


def _conflict() -> RefConflict:
    return RefConflict("this ref was already used for another number or text; a new message needs a new ref")


def _make_singles(tx: Transaction, account: int, now: int) -> CampaignRow:
    return book.make_campaign(tx, account, SINGLES, now)


def _admit_single(
    tx: Transaction, admitter: Admitter, entry: Entry, owner: str, ledger: Path
) -> tuple[Single, Admitted]:
    return book.admit_single(tx, admitter, entry, owner=owner, alive=lambda other: is_alive(owner_path(ledger, other)))
