"""A campaign: one template over one list, by name. Opening it refuses what could send somebody twice; sending resumes it.

The campaign holds its lock, its results file and the run under way. Tasks live in `run`; nothing here yields inside a
task group, so a caller may leave its loop wherever it likes.
"""

import asyncio
import contextlib
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from omni_bulk.account import Account
from omni_bulk.barring import barring
from omni_bulk.cost import Prices, countries_json, no_price
from omni_bulk.errors import InputError, LedgerError, OmniBulkError, Refused, SettingsError, Stopped
from omni_bulk.feed import Blocks, Recipients, blocks
from omni_bulk.guards import MAX_FAILURE_RATE, MAX_UNKNOWN_RATE
from omni_bulk.hooks import Hooks
from omni_bulk.identity import Identities
from omni_bulk.ledger import Admitter, Transaction, book, places, settling
from omni_bulk.ledger.admission import Resends
from omni_bulk.ledger.till import spent_by_campaign
from omni_bulk.lock import CampaignLock
from omni_bulk.model import CampaignRow
from omni_bulk.naming import BAD_NAME, Wanted, is_name, kind_refusal
from omni_bulk.opening import Options, kind_of, open_campaign, reread
from omni_bulk.passed import Passed
from omni_bulk.planning import going_on, look_back, plan
from omni_bulk.projection import results_of
from omni_bulk.results import iso
from omni_bulk.rules import Composition
from omni_bulk.run import Limits, Run, other_text_refusal
from omni_bulk.sentences import said
from omni_bulk.sink import Sink
from omni_bulk.source import Source
from omni_bulk.stats import Summary, Tally, exit_code
from omni_bulk.stream import Deliver, ResultStream, waited
from omni_bulk.tempo import may_allow_more

__all__ = ["Campaign", "Options"]

T = TypeVar("T")


class Campaign:
    """One template over one list, by name. Made by `Omni.campaign`; an async context manager.

    While it is open no other process can open it. `send` gives a result for each recipient, `run` only the summary;
    either may be called again, with the same list or more of it.

    `name` is the full name with its period, `id` its UUID (both known once open), `notes` are sentences an operator
    should read, `summary` how it stands (a `Summary`, after a run; None before). `approved` says who approved what the
    next run sends; the ledger keeps it with the run. `run_now` is the run under way, for progress displays.
    """

    def __init__(
        self, account: Account, name: str, composition: Composition, options: Options, hooks: Hooks | None = None
    ) -> None:
        if not is_name(name):
            raise SettingsError(BAD_NAME)
        self.base = name
        self.name: str = name
        self.id: str = ""
        self.notes: list[str] = []
        self.summary: Summary | None = None
        self.run_now: Run | None = None
        self.approved: str | None = None
        self._account = account
        self._hooks = hooks or Hooks()
        self._composition = composition
        self._options = options
        self._lock: CampaignLock | None = None
        self._wanted = Wanted(None, None, 0)
        self._completed: str | None = None
        self._row: CampaignRow | None = None  # while it is open
        self._sink: Sink | None = None
        self._closing = contextlib.ExitStack()
        self._sending: asyncio.Task[Summary] | None = None
        self._reader: Deliver | None = None
        self._left: Stopped | None = None  # why the run under way was told to end
        self._over: Stopped | None = None  # why none may begin any more

    @property
    def composition(self) -> Composition:
        """How its messages are made of rows."""
        return self._composition

    # ── opening ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def __aenter__(self) -> Self:
        if self._over is not None:
            raise self._over
        try:
            await self._open()
        except BaseException:
            self._close()
            raise
        self._hooks.begin(self._account.hooks, self.id)
        return self

    async def _open(self) -> None:
        opened = await open_campaign(self._account, self.base, self._composition, self._options)
        self._lock, self._row, self._wanted = opened.lock, opened.row, opened.wanted
        self.name, self.id, self.notes = opened.row.name, opened.row.uuid, opened.notes
        if self._options.sink is not None or self._out.exists():
            await self._open_sink(opened.row)
        recovering = asyncio.ensure_future(self._account.ledger.write(partial(book.recover, campaign=opened.row)))
        await waited([recovering])  # its lines go to the sink, which must not be closed under it
        if recovered := recovering.result():
            self.notes.append(
                said(
                    "{recovered} messages were in doubt after an interruption and are recorded as unknown; "
                    "they are not posted again",
                    recovered=len(recovered),
                )
            )
        self._row = reread(self._account, opened.row)
        self._note_pruned(self._row)
        known = barring(
            self._account.ledger.bars, self._row, self._account.ledger, self._options, self._composition,
            self._account.world,
        )  # fmt: skip
        self._note_resends(self._row)
        await self._in_thread(partial(self._closing.enter_context, known), self.notes.extend)
        self._completed = iso(self._row.completed_at)

    async def _in_thread(self, work: Callable[[], T], then: Callable[[T], object]) -> None:
        """Whole, whoever is cancelled meanwhile: what it works with is closed after it."""
        working = asyncio.ensure_future(asyncio.to_thread(work))
        await waited([working])
        then(working.result())

    def _note_pruned(self, row: CampaignRow) -> None:
        with self._account.ledger.reading() as db:
            pruned = book.pruned_seq(db, row.id)
        if pruned:
            self.notes.append(
                said(
                    "the details of this campaign's first {pruned:,} lines were pruned; who has a message is still known, "
                    "and nobody gets a second one",
                    pruned=pruned,
                )
            )

    def _note_resends(self, row: CampaignRow) -> None:
        """An operator should read how many get a second post, before it is made."""
        after = self._options.resend_after
        if after is None:
            return
        before = self._account.world.now() - round(after * 1000)
        with self._account.ledger.reading() as db:
            silent = settling.in_doubt(db, row.id)
        due = [one for one in silent if one.copy == 1 and (one.presumed_at or (one.claimed_at or before + 1) <= before)]
        if due:
            parts = sum(one.segments for one in due)
            self.notes.append(
                said(
                    "{messages} unknown messages ({segments} segments) are posted once more, if they are listed",
                    messages=len(due),
                    segments=parts,
                )
            )

    @property
    def tolerate(self) -> Mapping[str, float]:
        """The shares of states below which they do not count for the exit code."""
        return self._options.tolerate

    @property
    def _open_row(self) -> CampaignRow:
        if self._row is None:
            raise SettingsError(said("a campaign is used inside `async with omni.campaign(…) as campaign`"))
        return self._row

    @property
    def completed(self) -> str | None:
        """Since when everybody on the list is settled, as it was when the campaign was opened; None if it was not."""
        return self._completed

    @property
    def begun(self) -> bool:
        """Whether a run of the campaign has begun to send, now or ever."""
        return self._open_row.kind is not None

    @property
    def _out(self) -> Path:
        return self._options.out or Path(f"{self.name}.results.jsonl")

    @property
    def out(self) -> Path | None:
        """The results file, None when results go elsewhere."""
        return None if self._options.sink is not None else self._out.absolute()

    async def _open_sink(self, row: CampaignRow) -> None:
        self._sink = self._options.sink or await self._results_file(row)
        self._account.ledger.follow(row, self._sink.append)

    async def _results_file(self, row: CampaignRow) -> Sink:
        ledger = self._account.ledger
        if self._options.fresh:
            self._out.unlink(missing_ok=True)
        await ledger.write(partial(places.note, kind="results", whose=row.uuid, path=self._out))
        opening = asyncio.ensure_future(
            asyncio.to_thread(results_of, ledger, row, self._out, mode=self._options.file_mode)
        )
        try:
            await waited([opening])
        except asyncio.CancelledError:
            if opening.exception() is None:
                opening.result().close()
            raise
        return opening.result()

    # ── planning ──────────────────────────────────────────────────────────────────────────────────────────────────

    def plan(self, source: Source, off: Callable[[], bool] = lambda: False) -> Tally:
        """What `send` would do with this list, without sending or writing. Blocks: call it in a thread.

        `off` is asked between blocks whether to give up. Raises `Refused` for a list that `send` would refuse.
        """
        row = going_on(self._open_row, self._wanted)
        account = self._account
        with account.ledger.reading() as db:
            tally = plan(
                db, row, account.ledger.key, self._composition, source, off, bars=account.ledger.bars,
                prices=account.prices,
            )  # fmt: skip
        if refused := other_text_refusal(tally, self.name):
            raise refused
        return tally

    def spent(self) -> Decimal:
        """What the campaign spent so far, by the price list: accepted, unknown and in doubt. Blocks for some ms.

        Raises `SettingsError` without a price list, `Stopped` where it has no price for what was sent.
        """
        prices = self._prices()
        with self._account.ledger.reading() as db:
            total, unpriced = prices.total(spent_by_campaign(db, self._open_row.id))
        if unpriced:
            raise no_price(sorted(unpriced))
        return total

    def _prices(self) -> Prices:
        if self._account.prices is None:
            raise SettingsError(
                said("a bound on the cost needs a price list: give --prices FILE, or `prices` in the settings")
            )
        return self._account.prices

    # ── sending ───────────────────────────────────────────────────────────────────────────────────────────────────

    def send(
        self, recipients: Recipients, *, limit: int | None = None, deadline: float | None = None,
        max_failure_rate: float = MAX_FAILURE_RATE, max_unknown_rate: float = MAX_UNKNOWN_RATE,
        max_cost: Decimal | None = None, start_at: datetime | None = None,
    ) -> ResultStream:  # fmt: skip
        """Sends to `recipients` and gives their results as they are recorded: ``async for result in campaign.send(…)``.

        Takes any iterable (read in a thread) or async iterable of `Recipient` or mappings, endless ones too. A mapping has
        the columns of a row: ``{"to": "+821012345678", "name": "Kim"}``, and `ref`, `text`, `from` where wanted. Yields one
        result per input, in the order of their recording; earlier ones have ``replayed=True``. Leave the loop whenever you
        like: what is in flight is recorded, and the rest is left for the next run. `limit` is the most messages to send now, `deadline` the
        seconds after which the rest waits for the next run. `max_cost` is the most that the campaign may spend in all,
        in the currency of the price list; nothing leaves before `start_at`, an aware time. Raises what `run` raises,
        when the stream ends, and `Stopped` when sending ended before the list did for another cause than `limit` or
        `deadline`.
        """
        limits = self._limits(limit, deadline, max_failure_rate, max_unknown_rate, max_cost, start_at)
        return ResultStream(partial(self._start, recipients, limits), self._leave_reader)

    async def run(
        self, recipients: Recipients, *, limit: int | None = None, deadline: float | None = None,
        max_failure_rate: float = MAX_FAILURE_RATE, max_unknown_rate: float = MAX_UNKNOWN_RATE,
        max_cost: Decimal | None = None, start_at: datetime | None = None,
        deliver: Deliver | None = None,
    ) -> Summary:  # fmt: skip
        """Sends to `recipients` and returns the summary; `deliver` is called with every result and must not block.

        The rates are shares from 0 to 1: of the last 200 messages that may be refused, and of the last 500 whose fate
        may be unknown, before the run stops (`guards`).

        Raises `Refused`, `LedgerError`, or what the caller's iterable raises. A stop is in the summary: `stopped` is its
        sentence and `exit_code` its code.
        """
        limits = self._limits(limit, deadline, max_failure_rate, max_unknown_rate, max_cost, start_at)
        return await self._start(recipients, limits, deliver)

    def _limits(
        self, limit: int | None, deadline: float | None, failures: float, unknowns: float, cost: Decimal | None,
        start_at: datetime | None,
    ) -> Limits:  # fmt: skip
        if cost is not None:
            self._prices()
        return Limits(limit, deadline, failures, unknowns, cost, None if start_at is None else start_at.timestamp())

    async def _start(self, recipients: Recipients, limits: Limits, deliver: Deliver | None) -> Summary:
        while self._sending is not None and not self._sending.done():
            if self._left is None:
                raise Refused(said("campaign {name!r} is already sending", name=self.name))
            await asyncio.wait({self._sending})  # a loop that was left is still being finished
        if self._over is not None:
            raise self._over
        row = self._open_row
        self.run_now, self._left, self._reader = None, None, deliver
        sending = self._sending = asyncio.create_task(
            self._send(row, recipients, limits, deliver), name="omni-bulk-campaign"
        )
        await waited([sending], self._interrupted)
        return sending.result()

    def _leave_reader(self, deliver: Deliver) -> bool:
        """Stops the run whose results nobody reads any more; False when it has not begun."""
        if self._reader != deliver:
            return False
        self.leave()
        return True

    def _interrupted(self) -> None:
        """The caller of `run` is gone: the first time what is in flight may end, the second time nothing may."""
        if self._left is None:
            self.leave()
        else:
            self.cancel()

    async def _send(self, row: CampaignRow, recipients: Recipients, limits: Limits, deliver: Deliver | None) -> Summary:
        account, ledger = self._account, self._account.ledger
        started, began = account.world.clock(), account.world.now()
        row = reread(account, row)
        if self._sink is None:
            await self._open_sink(row)
        completed, row = row.completed_at is not None, going_on(row, self._wanted)
        resends = self._resends(began)
        only = resends is not None and resends.only
        digest = await self._digest(recipients)
        traced, passed, left = await asyncio.to_thread(self._look_back, row, recipients, replays=deliver is not None)
        options = {"rate": account.rate, "workers": account.workers, "approved": self.approved, **traced}
        run_id = self._last_run(row) if only else await ledger.write(
            partial(
                _begin_run, campaign=row, pid=account.pid, host=account.host, now=began, options=json.dumps(options),
                input_digest=digest,
            )
        )  # fmt: skip
        with ledger.reading() as db:
            adopting = book.adopting(db, row.id)
        identities = Identities(ledger.key, row.uuid)
        admitter = Admitter(
            row, identities, run_id, replays=deliver is not None, adopting=adopting, bars=ledger.bars,
            now=account.world.now, resends=resends, passed=passed,
        )  # fmt: skip
        ledger.till.bind(row.id, limits.max_cost)
        run = self.run_now = Run(
            account, row, admitter, self._composition, limits=limits, deliver=deliver, hours=self._options.hours
        )
        if self._left is not None:
            run.stop(self._left)
        posts, throttled = account.worker.posts, account.gate.throttled
        await run.go(self._read(row, recipients, left))
        posts = account.worker.posts - posts
        if posts and isinstance(run.error, InputError):
            run.error = _unread(run.error)
        summary = self._summarise(run, account.world.clock() - started, posts)
        summary = self.summary = self._paced(summary, account.gate.throttled - throttled)
        # A complete campaign stays so when its list was refused, or left before somebody new was found in it.
        idle = not summary.posts and (isinstance(run.error, Refused) or not summary.remaining)
        if not only:  # the run that judged the list stays its last one
            await self._end_run(run_id, row, summary, complete=summary.complete or (completed and idle))
        error = run.error or ledger.failure
        if error is not None:
            raise error
        return summary

    def _resends(self, now: int) -> Resends | None:
        """Which unknown messages this run posts a second time."""
        if self._options.only_resends:
            return Resends(only=True)
        after = self._options.resend_after
        return None if after is None else Resends(before=now - round(after * 1000))

    def _last_run(self, row: CampaignRow) -> int:
        with self._account.ledger.reading() as db:
            return book.last_run_id(db, row.id)

    async def _digest(self, recipients: Recipients) -> bytes | None:
        if isinstance(recipients, Source) and recipients is not self._options.source:
            return await asyncio.to_thread(recipients.digest)
        return self._wanted.input_digest

    def _look_back(
        self, row: CampaignRow, recipients: Recipients, *, replays: bool
    ) -> tuple[dict[str, Any], Passed | None, Recipients]:
        """What the ledger keeps with this run, the rows that need no second look, and the list without them."""
        if not isinstance(recipients, Source):
            return {}, None, recipients
        with self._account.ledger.reading() as db:
            back = look_back(db, row, recipients, self._composition)
            options = {"trace": back.trace, "after": book.last_message(db)}
        return (options, None, recipients) if replays else (options, back.passed, back.left)

    async def _read(self, row: CampaignRow, recipients: Recipients, left: Recipients) -> Blocks:
        """The blocks of what is left of the list. The first of them fixes what this campaign sends, and to what kind
        of list.
        """
        kind = await asyncio.to_thread(kind_of, recipients) if isinstance(recipients, Source) else None
        fixed = False
        async with contextlib.aclosing(blocks(left)) as reading:
            async for rows, last in reading:
                has_ref = any(one.ref is not None for one in rows)
                if rows and not fixed:
                    kind = kind or ("ref" if has_ref else "number")
                    await self._fix(row, kind)
                    fixed = True
                elif has_ref and kind == "number":
                    raise Refused(kind_refusal(replace(row, kind=kind), "ref") or "")
                yield rows, last

    async def _fix(self, row: CampaignRow, kind: str) -> None:
        with self._account.ledger.reading() as db:
            taken = book.taken(db, row.id)
        if taken and (sentence := kind_refusal(row, kind)):
            raise Refused(sentence)
        await self._account.ledger.write(partial(_fix, row=replace(row, kind=kind)))

    async def _end_run(self, run_id: int, row: CampaignRow, summary: Summary, *, complete: bool) -> None:
        end = partial(
            book.end_run, run=run_id, campaign=row.id, now=self._account.world.now(), exit_code=summary.exit_code,
            whole=summary.whole, complete=complete, sent=summary.posts > 0,
            summary=json.dumps({"run": dict(summary.run), "campaign": dict(summary.campaign)}),
        )  # fmt: skip
        with contextlib.suppress(LedgerError):  # the run's own error is the one to tell
            await self._account.ledger.write(end)

    def _summarise(self, run: Run, seconds: float, posts: int) -> Summary:
        tally, stopped = run.tally, run.stopped
        code = exit_code(tally, None if stopped is None else stopped.exit_code, self._options.tolerate)
        if isinstance(error := run.error or self._account.ledger.failure, BaseException):
            code = error.exit_code if isinstance(error, OmniBulkError) else 70
        return Summary(
            campaign_name=self.name, campaign_id=self.id, run=dict(tally.run), campaign=dict(tally.states),
            reasons=dict(tally.reasons), codes=dict(tally.codes), recipients=tally.read, remaining=tally.ready,
            already_handled=tally.handled, segments=tally.segments, seconds=seconds, posts=posts, exit_code=code,
            whole=tally.whole, stopped=None if stopped is None else stopped.sentence,
            stop_reason=None if stopped is None else stopped.reason, cost=tally.sent_cost, currency=tally.currency,
            countries=countries_json(tally.sent, tally.sent_segments, tally.sent_costs if tally.prices else None),
            not_before=None if run.not_before is None else iso(round(run.not_before * 1000)),
        )  # fmt: skip

    def _paced(self, summary: Summary, throttled: int) -> Summary:
        """What the account knows of the pace. Of a rate that was shared nobody knows how much of it was used."""
        account = self._account
        alone = account.sharing is None or account.sharing.most == 1
        more = alone and may_allow_more(
            posts=summary.posts, throttled=throttled, seconds=summary.seconds, ceiling=account.rate
        )
        return replace(
            summary, throttled=throttled, ceiling=account.rate, p50=account.gate.latencies.p50,
            p99=account.gate.latencies.p99, tokens=account.tokens.fetched, may_allow_more=more,
        )  # fmt: skip

    # ── ending ────────────────────────────────────────────────────────────────────────────────────────────────────

    def stop(self, stopped: Stopped) -> None:
        """Begins a drain: nothing new is taken, what is in flight is recorded. `run` then returns."""
        if self._sending is None or self._sending.done():
            return
        self._left = self._left or stopped
        if self.run_now is not None:
            self.run_now.stop(stopped)

    def leave(self, reason: str = "left") -> None:
        """Begins to stop, because nobody wants more results: like `stop`, with a reason alone."""
        self.stop(Stopped(said("sending was left early; run again to go on"), reason=reason, exit_code=75))

    def cancel(self) -> None:
        """Ends at once; what may have left is recorded as `unknown`."""
        self.leave()
        if self.run_now is not None:
            self.run_now.cancel()

    async def drain(self, reason: str = "left", *, limit: float | None = None, last: bool = False) -> None:
        """Stops a run under way and waits until everything is recorded.

        After `limit` seconds, by default the drain time of the settings, what is still in flight is recorded as
        `unknown`. With `last` no run can begin any more.
        """
        if last:
            self._over = Stopped(said("Omni was drained and takes nothing new"), reason=reason, exit_code=75)
        if self._sending is not None:
            self.leave(reason)
            await waited([self._sending], self.cancel, limit=limit)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        row, self._row = self._row, None  # no run can begin any more
        try:
            await self.drain()
        finally:
            self._row = row
            self._close()
            await self._hooks.end()

    def _close(self) -> None:
        row, self._row = self._row, None
        self._closing.close()
        if row is not None:
            self._account.ledger.follow(row, None)
        if self._sink is not None and self._options.sink is None:
            self._sink.close()
        self._sink = None
        if self._lock is not None:
            self._lock.release()


def _unread(error: InputError) -> Stopped:
    """A list that broke off after the first messages had left: exit 2 would say that nothing was sent."""
    return Stopped(
        said(
            "the list could not be read to its end: {error} What came before is sent; mend the list and run again",
            error=error.sentence,
        ),
        reason="unread", exit_code=5,
    )  # fmt: skip


def _fix(tx: Transaction, row: CampaignRow) -> None:
    book.fix_campaign(tx, row.id, row.kind or "number", row.template, row.template_from, row.template_version)


def _begin_run(
    tx: Transaction, campaign: CampaignRow, pid: int, host: str, now: int, options: str, input_digest: bytes | None
) -> int:
    return book.begin_run(tx, campaign.id, pid=pid, host=host, now=now, options=options, input_digest=input_digest)
