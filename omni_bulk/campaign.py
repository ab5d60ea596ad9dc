"""A campaign: one template over one list, by name. Opening it refuses what could send somebody twice; sending resumes it.

The campaign holds its lock, its results file and the run under way. Tasks live in `run`; nothing here yields inside a
task group, so a caller may leave its loop wherever it likes.
"""

import asyncio
import contextlib
import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self
from zoneinfo import ZoneInfo

from omni_bulk import already
from omni_bulk.account import Account
from omni_bulk.errors import LedgerError, OmniBulkError, Refused, SettingsError, Stopped
from omni_bulk.feed import Blocks, Recipients, blocks
from omni_bulk.identity import Identities
from omni_bulk.ledger import Admitter, Transaction, book
from omni_bulk.lock import CampaignLock
from omni_bulk.model import CampaignRow, Recipient, Result
from omni_bulk.naming import (
    Period,
    Wanted,
    is_name,
    kind_refusal,
    period_name,
    previous_name,
    refusal,
)
from omni_bulk.results import iso
from omni_bulk.rules import Composition
from omni_bulk.run import Limits, Run, composed, count, other_text_refusal
from omni_bulk.sink import Sink, Spool, open_results
from omni_bulk.source import Source
from omni_bulk.stats import Summary, Tally, exit_code

PLAN_BLOCK = 500  # rows


@dataclass(frozen=True, slots=True)
class Options:
    """How a campaign is opened.

    `per` appends the period of `as_of` (default now, in `tz`) to the name. `out` is the results file, by default
    ``<campaign>.results.jsonl`` in the current directory; `sink` replaces it. `already` adopts what another ledger or
    tool sent. `implied`: the name was taken from the list's file name. `source` is the list, when it is known before.
    """

    per: Period | None = None
    as_of: datetime | None = None
    tz: str = "Asia/Seoul"
    out: Path | None = None
    sink: Sink | None = None
    file_mode: int = 0o600
    already: Path | None = None
    implied: bool = False
    changed_text: bool = False
    extend: bool = False
    same_account: bool = False
    lock_wait: float = 0.0
    fresh: bool = False  # the results file is replaced: sandbox runs
    source: Source | None = None
    tolerate: dict[str, float] = field(default_factory=dict)


class Campaign:
    """Made by `Omni.campaign`; an async context manager.

    `name` is the full name with its period, `id` its UUID (both known once open), `notes` are sentences an operator
    should read, `summary` how it stands (after a run).
    """

    def __init__(self, account: Account, name: str, composition: Composition, options: Options) -> None:
        if not is_name(name):
            raise SettingsError("the campaign's name must be 1 to 120 characters without / \\ or control characters")
        self.base = name
        self.name = name
        self.id = ""
        self.notes: list[str] = []
        self.summary: Summary | None = None
        self.run_now: Run | None = None
        self._account = account
        self._composition = composition
        self._options = options
        self._lock: CampaignLock | None = None
        self._wanted = Wanted(None, None, 0)
        self._completed: str | None = None
        self._row: CampaignRow | None = None
        self._sink: Sink | None = None
        self._finishing: asyncio.Task[Summary] | None = None
        self._stream: ResultStream | None = None

    # ── opening ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def __aenter__(self) -> Self:
        try:
            await self._open()
        except BaseException:
            await self._close()
            raise
        return self

    async def _open(self) -> None:
        ledger, options = self._account.ledger, self._options
        digest = None if options.source is None else await asyncio.to_thread(options.source.digest)
        self.name = await asyncio.to_thread(self._choose_name, digest)
        row = await self._find_or_make()
        self._lock = CampaignLock(ledger.path, row.uuid, name=repr(self.name))
        await asyncio.to_thread(self._lock.acquire, options.lock_wait)
        row = await self._reread(row)  # whoever held the lock may have gone on
        self.id = row.uuid
        template = self._composition.template
        wanted = Wanted(
            template=None if template is None else template.text,
            from_=self._composition.from_ or (None if template is None else template.from_),
            now=self._account.world.now(),
            implied=options.implied and options.per is None,
            input_digest=digest,
            changed_text=options.changed_text,
            extend=options.extend,
        )
        await self._check(row, wanted)
        if options.already is not None:
            row = await self._adopt(row, options.already)
        self._row = row
        if options.sink is not None or self._out.exists():
            await self._open_sink()
        recovered = await ledger.write(partial(_recover, campaign=row))
        if recovered:
            self.notes.append(
                f"{recovered} messages were in doubt after an interruption and are recorded as unknown; "
                "they are not posted again"
            )
        self._wanted = wanted
        self._row = await self._reread(row)
        self._completed = iso(self._row.completed_at)

    def _choose_name(self, digest: bytes | None) -> str:
        """The period's name, or the unfinished one of the period before when the list is still the same."""
        options = self._options
        if options.per is None:
            return self.base
        zone = ZoneInfo(options.tz)
        at = options.as_of or datetime.fromtimestamp(self._account.world.epoch(), zone)
        at = at.replace(tzinfo=zone) if at.tzinfo is None else at.astimezone(zone)
        name, before = period_name(self.base, at, options.per), previous_name(self.base, at, options.per)
        with self._account.ledger.reading() as db:
            if (started := book.find_campaign(db, self._account.id, name)) and book.last_run(db, started.id):
                return name
            previous = book.find_campaign(db, self._account.id, before)
            if previous is None or previous.completed_at is not None or book.last_run(db, previous.id) is None:
                return name
            if previous.input_digest == digest or self._same_list(db, previous):
                self.notes.append(f"campaign {before!r} is unfinished and the list is the same: it is resumed")
                return before
        self.notes.append(f"campaign {before!r} is unfinished, but this is another list: a new campaign begins")
        return name

    def _same_list(self, db: sqlite3.Connection, previous: CampaignRow) -> bool:
        """At least half of what the unfinished campaign sent is in this list, to the letter."""
        if self._options.source is None:
            return True  # without a list to compare, resuming is the side on which nobody gets two
        identities = Identities(self._account.ledger.key, previous.uuid)
        known, again = book.count_taken(db, previous.id), 0
        for rows in self._options.source.blocks(PLAN_BLOCK):
            again += book.count_same(db, previous.id, composed(rows, self._composition, identities))
        return known > 0 and again * 2 >= known

    async def _find_or_make(self) -> CampaignRow:
        account, options, ledger = self._account, self._options, self._account.ledger
        with ledger.reading() as db:
            row = book.find_campaign(db, account.id, self.name)
            other = None
            if row is None and not _is_loopback(account.origin):
                other = book.campaign_elsewhere(db, self.name, account.client_id, account.origin)
        if row is None and other is not None and not options.same_account:
            raise Refused(
                f"campaign {self.name!r} was sent under another client id of the same API. If both are one account, "
                "give --same-account; else give --campaign NEW"
            )
        if row is None and other is not None:
            await ledger.write(partial(_move, campaign=other.id, account=account.id))
            row = replace(other, account=account.id)
        if row is None:
            make = partial(_make, account=account.id, name=self.name, now=account.world.now())
            row = await ledger.write(make)
        if options.already is not None and row.seq == 0:
            first = await asyncio.to_thread(already.first_result, options.already)
            if first is not None and first.campaign == self.name:
                row = await ledger.write(partial(_take_id, row=row, uuid=first.campaign_id))
        return row

    async def _reread(self, row: CampaignRow) -> CampaignRow:
        with self._account.ledger.reading() as db:
            return book.find_campaign(db, row.account, row.name) or row

    async def _check(self, row: CampaignRow, wanted: Wanted) -> None:
        with self._account.ledger.reading() as db:
            taken = book.taken(db, row.id)
        if sentence := refusal(row, wanted, taken=taken):
            raise Refused(sentence)
        if self._options.source is not None:
            kind = "number" if self._options.source.columns.ref is None else "ref"
            if taken and (sentence := kind_refusal(row, kind)):
                raise Refused(sentence)

    async def _adopt(self, row: CampaignRow, path: Path) -> CampaignRow:
        ledger = self._account.ledger
        identities = Identities(ledger.key, row.uuid)
        adopted = await already.adopt(ledger, row, path, identities, self._composition)
        self.notes.append(f"{adopted} entries of {path} are known as sent")
        return await self._reread(row)

    @property
    def completed(self) -> str | None:
        """Since when everybody on the list is settled, as it was when the campaign was opened; None if it was not."""
        return self._completed

    @property
    def _out(self) -> Path:
        return self._options.out or Path(f"{self.name}.results.jsonl")

    @property
    def out(self) -> Path | None:
        """The results file, None when results go elsewhere."""
        return None if self._options.sink is not None else self._out.absolute()

    async def _open_sink(self) -> None:
        assert self._row is not None  # noqa: S101  set by _open
        row, ledger = self._row, self._account.ledger
        if self._options.sink is not None:
            self._sink = self._options.sink
        elif self._sink is None:
            if self._options.fresh:
                self._out.unlink(missing_ok=True)

            def missing(after: int, upto: int | None) -> list[bytes]:
                with ledger.reading() as db:
                    return list(book.lines(db, row.id, after, upto))

            self._sink = await asyncio.to_thread(
                partial(
                    open_results, self._out, campaign_id=row.uuid, campaign=row.name, last_seq=row.seq,
                    missing=missing, mode=self._options.file_mode,
                )
            )  # fmt: skip
        ledger.follow(row, self._sink.append)

    # ── planning ──────────────────────────────────────────────────────────────────────────────────────────────────

    def plan(self, source: Source, off: Callable[[], bool] = lambda: False) -> Tally:
        """What `send` would do with this list, without sending or writing. Blocks: call it in a thread.

        `off` is asked between blocks whether to give up. Raises `Refused` for a list that `send` would refuse.
        """
        row = self._row
        assert row is not None  # noqa: S101  open
        tally = Tally()
        row = self._going_on(row, "number")
        with self._account.ledger.reading() as db:
            admitter = Admitter(
                row, Identities(self._account.ledger.key, row.uuid), run=-1, dry=True,
                adopting=book.adopting(db, row.id),
            )  # fmt: skip
            tx = Transaction(db)
            for rows in source.blocks(PLAN_BLOCK):
                if off():
                    break
                for admitted in admitter.admit(tx, composed(rows, self._composition, admitter.identities)):
                    count(tally, admitted)
        tally.whole = True
        if refused := other_text_refusal(tally, self.name):
            raise refused
        return tally

    def _going_on(self, row: CampaignRow, kind: str) -> CampaignRow:
        """The campaign as this run fixes it: a template changed on purpose begins a new version."""
        wanted = self._wanted
        changed = row.kind is not None and (row.template, row.template_from) != (wanted.template, wanted.from_)
        version = row.template_version + (changed and wanted.changed_text)
        return replace(
            row, kind=row.kind or kind, template=wanted.template, template_from=wanted.from_, template_version=version
        )

    # ── sending ───────────────────────────────────────────────────────────────────────────────────────────────────

    def send(
        self, recipients: Recipients, *, limit: int | None = None, deadline: float | None = None
    ) -> "ResultStream":
        """Sends to `recipients` and gives their results as they are recorded: ``async for result in campaign.send(…)``.

        Takes any iterable (read in a thread) or async iterable of `Recipient` or mappings, endless ones too. Yields one
        result per input; earlier ones have ``replayed=True``. `limit` is the most messages to send now, `deadline` the
        seconds after which the rest waits for the next run. Raises what `run` raises, when the stream ends.
        """
        return ResultStream(self, recipients, Limits(limit, deadline))

    async def run(
        self, recipients: Recipients, *, limit: int | None = None, deadline: float | None = None,
        deliver: Callable[[Result], None] | None = None,
    ) -> Summary:  # fmt: skip
        """Sends to `recipients` and returns the summary; `deliver` is called with every result and must not block.

        Raises `Refused`, `LedgerError`, or what the caller's iterable raises. A stop is in the summary: `stopped` is its
        sentence and `exit_code` its code.
        """
        if self._finishing is not None and not self._finishing.done():
            raise Refused(f"campaign {self.name!r} is already sending")
        self._finishing = asyncio.create_task(
            self._run(recipients, Limits(limit, deadline), deliver), name="omni-bulk-campaign"
        )
        try:
            return await asyncio.shield(self._finishing)
        except asyncio.CancelledError:
            await self.drain("cancelled")
            raise

    async def _run(self, recipients: Recipients, limits: Limits, deliver: Callable[[Result], None] | None) -> Summary:
        account, ledger = self._account, self._account.ledger
        started, began = account.world.clock(), account.world.now()
        row, reading = await self._begin(recipients)
        run_id = await ledger.write(
            partial(
                _begin_run, campaign=row, pid=account.pid, host=account.host, now=began,
                options=json.dumps({"rate": account.rate, "workers": account.workers}),
                input_digest=self._wanted.input_digest,
            )
        )  # fmt: skip
        with ledger.reading() as db:
            adopting = book.adopting(db, row.id)
        identities = Identities(ledger.key, row.uuid)
        admitter = Admitter(row, identities, run_id, replays=deliver is not None, adopting=adopting)
        run = self.run_now = Run(account, row, admitter, self._composition, limits=limits, deliver=deliver)
        posts = account.worker.posts
        await run.go(reading)
        seconds = account.world.clock() - started
        self.summary = self._summarise(run, seconds, account.worker.posts - posts)
        await self._end_run(run_id, row, self.summary)
        error = run.error or ledger.failure
        if error is not None:
            raise error
        return self.summary

    async def _begin(self, recipients: Recipients) -> tuple[CampaignRow, Blocks]:
        """Fixes what this run sends, once the first block has shown what kind of list it is."""
        assert self._row is not None  # noqa: S101  open
        if self._sink is None:
            await self._open_sink()
        reading = blocks(recipients)
        if isinstance(recipients, Source):
            kind = "number" if recipients.columns.ref is None else "ref"
        else:
            first = await anext(reading)
            kind = "ref" if any(row.ref is not None for row in first[0]) else self._row.kind or "number"
            reading = _again(first, reading)
        if sentence := kind_refusal(self._row, kind):
            with self._account.ledger.reading() as db:
                if book.taken(db, self._row.id):
                    raise Refused(sentence)
        row = replace(self._going_on(self._row, kind), kind=kind)
        await self._account.ledger.write(partial(_fix, row=row))
        self._row = row
        return row, reading

    async def _end_run(self, run_id: int, row: CampaignRow, summary: Summary) -> None:
        end = partial(
            book.end_run, run=run_id, campaign=row.id, now=self._account.world.now(), exit_code=summary.exit_code,
            whole=summary.whole, complete=summary.complete, sent=summary.posts > 0,
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
            whole=tally.whole, stopped=None if stopped is None else str(stopped),
            stop_reason=None if stopped is None else stopped.reason,
        )  # fmt: skip

    def stop(self, stopped: Stopped) -> None:
        """Begins a drain: nothing new is taken, what is in flight is recorded. `run` then returns."""
        if self.run_now is not None:
            self.run_now.stop(stopped)

    def cancel(self) -> None:
        """Ends at once; what may have left is recorded as `unknown`."""
        if self.run_now is not None:
            self.run_now.cancel()

    async def drain(self, reason: str = "left") -> None:
        """Stops a run under way and waits until everything is recorded."""
        if self._finishing is None:
            return
        self.stop(Stopped("sending was left early; run again to go on", reason=reason, exit_code=75))
        await asyncio.gather(self._finishing, return_exceptions=True)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.drain()
        await self._close()

    async def _close(self) -> None:
        if self._row is not None:
            self._account.ledger.follow(self._row, None)
        if self._sink is not None and self._options.sink is None:
            self._sink.close()
        self._sink = None
        if self._lock is not None:
            await asyncio.to_thread(self._lock.release)


class ResultStream:
    """The results of one `campaign.send`, in the order of their recording. A slow caller neither slows sending nor
    grows memory; leaving the loop early drains when the campaign is left.
    """

    def __init__(self, campaign: Campaign, recipients: Recipients, limits: Limits) -> None:
        self._campaign = campaign
        self._recipients = recipients
        self._limits = limits
        self._spool: Spool | None = None
        self._sending: asyncio.Task[Summary] | None = None

    def __aiter__(self) -> "ResultStream":
        return self

    async def __anext__(self) -> Result:
        if self._spool is None:
            self._start()
        assert self._spool is not None and self._sending is not None  # noqa: S101, PT018  just started
        result = await self._spool.get()
        if result is not None:
            return result
        self._spool.close()
        summary = await self._sending  # raises what ended it
        if summary.stopped is not None and summary.exit_code not in {0, 1, 3, 6}:
            raise Stopped(summary.stopped, reason=summary.stop_reason or "stopped", exit_code=summary.exit_code)
        raise StopAsyncIteration

    def _start(self) -> None:
        spool = self._spool = Spool()
        run = self._campaign.run(
            self._recipients, limit=self._limits.limit, deadline=self._limits.deadline, deliver=spool.put
        )
        self._sending = asyncio.create_task(run, name="omni-bulk-stream")
        self._sending.add_done_callback(lambda _: spool.end())

    async def aclose(self) -> None:
        """Stops sending, and waits until what is in flight is recorded."""
        await self._campaign.drain()
        if self._sending is not None:
            await asyncio.gather(self._sending, return_exceptions=True)
        if self._spool is not None:
            self._spool.close()


async def _again(first: tuple[list[Recipient], bool], rest: Blocks) -> Blocks:
    async with contextlib.aclosing(rest):
        yield first
        async for block in rest:
            yield block


def _is_loopback(origin: str) -> bool:
    host = origin.split("://", 1)[-1].rsplit(":", 1)[0].strip("[]")
    return origin == "sandbox" or host in {"localhost", "::1"} or host.startswith("127.")


def _recover(tx: Transaction, campaign: CampaignRow) -> int:
    return len(book.recover(tx, campaign))


def _move(tx: Transaction, campaign: int, account: int) -> None:
    book.move_campaign(tx, campaign, account)


def _make(tx: Transaction, account: int, name: str, now: int) -> CampaignRow:
    return book.make_campaign(tx, account, name, now)


def _take_id(tx: Transaction, row: CampaignRow, uuid: str) -> CampaignRow:
    return book.take_id(tx, row, uuid)


def _fix(tx: Transaction, row: CampaignRow) -> None:
    book.fix_campaign(tx, row.id, row.kind or "number", row.template, row.template_from, row.template_version)


def _begin_run(
    tx: Transaction, campaign: CampaignRow, pid: int, host: str, now: int, options: str, input_digest: bytes | None
) -> int:
    return book.begin_run(tx, campaign.id, pid=pid, host=host, now=now, options=options, input_digest=input_digest)
