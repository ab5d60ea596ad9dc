"""The account in a Python program: single sends, idempotent by ref, and campaigns over one token, pool, pace and ledger."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import datetime
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Literal, Self
from weakref import WeakSet

from omni_bulk.account import Account, World, log_unrecorded
from omni_bulk.campaign import Campaign, Options
from omni_bulk.client import Endpoint
from omni_bulk.errors import SettingsError, Stopped
from omni_bulk.hooks import Hooks, OnAttempt, OnPause, OnResult
from omni_bulk.ledger import Ledger
from omni_bulk.model import Recipient, Result
from omni_bulk.naming import Period
from omni_bulk.pricelist import money
from omni_bulk.reports import Collector
from omni_bulk.rules import Composition
from omni_bulk.sentences import said
from omni_bulk.settings import Settings
from omni_bulk.singles import Singles
from omni_bulk.source import Source
from omni_bulk.stream import waited
from omni_bulk.tables import country_rules, replacements
from omni_bulk.text import Template
from omni_bulk.texts import Texts
from omni_bulk.webhook import Receipt, receive
from omni_bulk.windows import Hours

_OUTSIDE = said("Omni is used inside `async with Omni(settings) as omni`")


class Omni:
    """The account, as an async context manager: ``async with Omni(Settings()) as omni``.

    Make one for a process and keep it: each has a token and a connection pool of its own. Several processes may share one
    ledger, and then they share the rate. Everything on it is called in the event
    loop in which it was entered. Leaving it drains: what is in flight is recorded first.

    `on_result` is called with each `Result` as it is recorded, of campaigns and single sends, `on_attempt` with an
    `Attempt` for each POST, `on_pause` with a `Pause` when nothing may be sent for a while: functions or coroutine
    functions. They never slow or stop sending: what they raise is logged once, and what a slow one has no time for is
    dropped and counted (`hooks`).

    `create_ledger=False` refuses to begin with an empty ledger. `origin` is the name under which the ledger keeps this
    account, by default that of `Settings.base_url`; `world` and `unrecorded` are clock and chance, and where a result
    goes that no disk would take. These three are for the command line and for tests.

    Entering it raises `SettingsError` when credentials are missing or the ledger cannot be opened. No request is made
    before something is sent.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        create_ledger: bool = True,
        origin: str | None = None,
        world: World | None = None,
        unrecorded: Callable[[Result], None] = log_unrecorded,
        on_result: OnResult | None = None,
        on_attempt: OnAttempt | None = None,
        on_pause: OnPause | None = None,
    ) -> None:
        self.settings = settings
        self._hooks = Hooks(on_result, on_attempt, on_pause)
        self._create_ledger = create_ledger
        self._origin = origin or settings.origin
        self._world = world or World()
        self._unrecorded = unrecorded
        self._stack = AsyncExitStack()
        self._account: Account | None = None
        self._singles: Singles | None = None
        self._campaigns: WeakSet[Campaign] = WeakSet()
        self._drained = False
        self._receiving: asyncio.Task[Collector] | None = None

    async def __aenter__(self) -> Self:
        opening = asyncio.ensure_future(self._open())
        try:
            await waited([opening])
            opening.result()
        except BaseException:
            await self._close()
            raise
        return self

    async def _open(self) -> None:
        settings = self.settings
        client_id, password = settings.require_credentials()
        budget = settings.account_budget
        prices = await asyncio.to_thread(money, settings.prices, budget)
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
            prices=prices,
            budget=budget,
        )
        self._stack.push_async_callback(self._hooks.end)  # after the account has ended
        self._account = await self._stack.enter_async_context(account)
        self._hooks.begin(account.hooks)
        self._singles = Singles(account, composition_of(settings))
        self._drained = False

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            await self.drain()
        finally:
            await self._close()

    async def _close(self) -> None:
        """Whole, whoever is cancelled meanwhile: what is half closed would keep its thread, and its claims unsettled."""
        self._account = self._singles = self._receiving = None
        closing = asyncio.ensure_future(self._stack.aclose())
        await waited([closing])
        closing.result()

    @property
    def hooks(self) -> Hooks:
        """The hooks; `hooks.dropped` counts what they missed."""
        return self._hooks

    @property
    def account(self) -> Account:
        """What is shared; for progress displays and tests."""
        if self._account is None:
            raise SettingsError(_OUTSIDE)
        return self._account

    async def send(
        self, to: str, text: str, *, ref: str, from_: str | None = None, expires_in: float | None = None,
        unknown: Literal["hold", "resend"] = "hold",
    ) -> Result:  # fmt: skip
        """Sends one message and returns its recorded result. Idempotent by `ref`, across processes and restarts.

        `to` is E.164 (or national with ``region`` in the settings), `from_` the registered originating number, by default
        that of the settings. `ref` is your own key, 1 to 190 characters: choose what is the same when the same message is
        asked for again (``shipped-4711``), never a random value. The same ref and text again gives the recorded result
        with ``replayed=True``, and no POST. Cancelling the await does not cancel the POST: ask again with the same ref.

        With `expires_in` seconds the message is dropped unposted (`failed`, ``expired``) when it could not be posted in
        time. With ``unknown="resend"`` a message of which nobody knows whether it was taken is posted once more, under
        the ref with ``~2``: for codes that are worthless in an hour, where two are better than none.

        The result's `status` says what became of it: `accepted` by the API (not yet delivered); `rejected` by it;
        `invalid` or `skipped` and never posted; `failed`, provably not sent, so that asking again tries again;
        `unknown`, perhaps sent, and never sent again unless you say so.

        Raises `RefConflict` when the ref was used for another number or text, `Stopped` when the account cannot send,
        `LedgerError` when nothing can be recorded, `SettingsError` for a ref that cannot be one. In none of these was the
        message posted by this call.
        """
        if self._singles is None:
            raise SettingsError(_OUTSIDE)
        return await self._singles.send(Recipient(to, 1, ref, text, from_), expires_in, unknown)

    def campaign(
        self,
        name: str,
        template: Template | Texts | None = None,
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
        recipients: Source | None = None,
        suppress: str | PathLike[str] | None = None,
        once_per: float | None = None,
        hours: Hours | None = None,
        options: Options | None = None,
        on_result: OnResult | None = None,
        on_attempt: OnAttempt | None = None,
        on_pause: OnPause | None = None,
    ) -> Campaign:
        """A campaign by name: ``async with omni.campaign("october", template) as campaign``.

        Everybody gets at most one message of a campaign, however often it is run: the same again resumes it. `template`
        may be None when every recipient brings its own text, or `Texts` for one text a language or country. Results go to
        `out`, by default ``<name>.results.jsonl`` in the current directory.

        The name: `per` (``"day"``, ``"week"``, ``"month"``) appends the period of `as_of`, by default now, in the zone of
        the settings. With it give the list as `recipients` too: an unfinished campaign of the period before is resumed
        when the list is still the same, and without a list to compare it always is.

        Who gets it: `region`, `numbers` and `countries` say how numbers are read and where they may be (ISO codes).
        Nothing goes to the numbers in the file `suppress`, nor to those whom this account sent something within
        `once_per` seconds; `hours` are when messages may be sent. All of these are by default what the settings say.

        Going on: `already` adopts a results file or another tool's log; `changed_text` and `same_account` lift the
        refusals of those names; `lock_wait` waits that many seconds for another run to end. `options` takes the place of
        all but `region`, `numbers` and `countries`; it is for the command line.
        The hooks are those of `Omni`, for this campaign alone.

        Opening it raises `Refused` when another run holds it or something of it changed, `OutputError` when the results
        file cannot be used. Raises `Stopped` after `drain`.
        """
        if self._drained:
            raise Stopped(said("Omni was drained and takes nothing new"), reason="drained", exit_code=75)
        chosen = options or Options(
            per=per,
            as_of=as_of,
            tz=self.settings.tz,
            out=None if out is None else Path(out),
            already=None if already is None else Path(already),
            changed_text=changed_text,
            same_account=same_account,
            lock_wait=lock_wait,
            source=recipients,
            suppress=self.settings.suppress if suppress is None else Path(suppress),
            once_per=once_per or self.settings.once_per_seconds,
            hours=hours or self.settings.hours,
        )
        composition = composition_of(self.settings, template, region=region, numbers=numbers, countries=countries)
        campaign = Campaign(self.account, name, composition, chosen, Hooks(on_result, on_attempt, on_pause))
        self._campaigns.add(campaign)
        return campaign

    def reports(
        self, out: str | PathLike[str] | None = None, *, foreign: str | PathLike[str] | None = None,
        patience: float | None = None,
    ) -> Collector:  # fmt: skip
        """The collector of this account's delivery reports: ``async with omni.reports() as reports: await reports.poll()``.

        Reports are kept in the ledger's second file, and appended to `out` and those of other systems to `foreign` when
        given. `patience` is how many seconds an API that does not answer is asked again (None: for ever). Entering it
        raises `Refused` when another process collects for this account.
        """
        return Collector(
            self.account, out=None if out is None else Path(out), foreign=None if foreign is None else Path(foreign),
            patience=patience,
        )  # fmt: skip

    async def receive_report(self, headers: Mapping[str, str], body: bytes) -> Receipt:
        """Takes in a POST of the webhook, in whatever framework it came: answer with the receipt's status and body.

        The report is on the disk when this returns with status 200; with any other the API sends it again. With
        ``OMNI_WEBHOOK_SECRET`` set, what is not signed within 5 minutes is refused (401). Without it a report is kept,
        but an `unknown` message is closed only after the API itself has confirmed it (``omni-bulk reports --inquire``).
        """
        account, secret = self.account, self.settings.webhook_secret
        if self._receiving is None or (self._receiving.done() and self._receiving.exception() is not None):
            collector = Collector(account, shared=True)
            self._receiving = asyncio.create_task(self._stack.enter_async_context(collector), name="omni-bulk-webhook")
        collector = await asyncio.shield(self._receiving)
        plain = None if secret is None else secret.get_secret_value()
        return await receive(collector, headers, body, secret=plain, now=self._world.epoch())

    async def drain(self, timeout: float | None = None) -> None:  # noqa: ASYNC109  the drain time is the caller's word
        """Takes nothing new any more, and waits until what is in flight is recorded, `timeout` seconds at most.

        (By default as long as the settings say.) What is not posted by then stays unsent and resumable; what may have
        left is recorded as `unknown`. Whoever waits for a result that will not come gets `Stopped`.
        """
        limit = self.settings.drain if timeout is None else timeout
        self._drained = True
        waiting = [campaign.drain("drained", limit=limit, last=True) for campaign in self._campaigns]
        if self._singles is not None:
            waiting.append(self._singles.drain(limit))
        await asyncio.gather(*waiting)


def composition_of(
    settings: Settings, template: Template | Texts | None = None, *, region: str | None = None,
    numbers: Literal["international", "national"] | None = None, countries: frozenset[str] | None = None,
) -> Composition:  # fmt: skip
    """How messages of a campaign are composed: the settings, and what goes before them."""
    composition = _composition(settings)
    return replace(
        composition,
        template=template,
        from_=(None if template is None else template.from_) or composition.from_,
        region=region or composition.region,
        numbers=numbers or composition.numbers,
        countries=countries or composition.countries,
    )


def _composition(settings: Settings) -> Composition:
    return Composition(
        from_=settings.from_,
        region=settings.region,
        numbers=settings.numbers,
        countries=None if settings.countries is None else frozenset(settings.countries),
        text_max=settings.text_max,
        only_mobile=settings.only_mobile,
        rules=country_rules(settings.rules),
        purpose=settings.purpose,
        allow=frozenset(settings.allow),
        strict=settings.strict,
        signature=settings.signature,
        gsm7=replacements() if settings.gsm7 else None,
        normalize=settings.normalize,
    )
