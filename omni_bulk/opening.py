"""Opening a campaign: which one is meant, who may go on with it, and what a lost ledger knew of it.

Nothing is sent here. What could send somebody twice is refused, and an opening that fails leaves no lock behind.
"""

import asyncio
import ipaddress
import sqlite3
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit
from uuid import UUID
from zoneinfo import ZoneInfo

from omni_bulk import already
from omni_bulk.account import Account, World
from omni_bulk.errors import Refused
from omni_bulk.identity import Identities
from omni_bulk.ledger import Transaction, book
from omni_bulk.lock import POLL_INTERVAL, CampaignLock
from omni_bulk.model import CampaignRow
from omni_bulk.naming import Period, Wanted, kind_refusal, period_name, previous_name, refusal
from omni_bulk.rules import Composition
from omni_bulk.run import composed
from omni_bulk.sentences import said
from omni_bulk.sink import Sink
from omni_bulk.source import Source
from omni_bulk.windows import Hours

PLAN_BLOCK = 500  # rows


@dataclass(frozen=True, slots=True)
class Options:
    """How a campaign is opened.

    `per` appends the period of `as_of` (default now, in `tz`) to the name. `out` is the results file, by default
    ``<campaign>.results.jsonl`` in the current directory; `sink` replaces it. `already` adopts what another ledger or
    tool sent. `implied`: the name was taken from the list's file name. `source` is the list, when it is known before.
    Who is in the file `suppress` gets nothing, nor who got something within `once_per` seconds; messages are sent at
    `hours` only.
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
    resend_after: float | None = None  # s after which an unknown message is posted a second time; None: never
    only_resends: bool = False  # nothing is sent but what was presumed unsent
    suppress: Path | None = None
    once_per: float | None = None
    hours: Hours | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """A campaign that is ours until `lock` is released. `notes` are sentences an operator should read."""

    row: CampaignRow
    lock: CampaignLock
    wanted: Wanted
    notes: list[str]


class Seen(Protocol):
    """A ledger that is looked at."""

    @property
    def key(self) -> bytes: ...

    def reading(self) -> AbstractContextManager[sqlite3.Connection]: ...


class Viewpoint(Protocol):
    """Who asks for a campaign, as far as finding it goes: an `Account`, or somebody who only looks.

    `id` is the account's in the ledger, None where it is not known there; `client_id` may be None for who only looks:
    then any account of the origin is meant.
    """

    @property
    def id(self) -> int | None: ...
    @property
    def client_id(self) -> str | None: ...
    @property
    def origin(self) -> str: ...
    @property
    def world(self) -> World: ...
    @property
    def ledger(self) -> Seen: ...


@dataclass(frozen=True, slots=True)
class Found:
    """What opening a campaign would find: `row` is None for one that is not known yet, `taken` whether anybody of it
    has, or may have, a message. `notes` are sentences an operator should read.
    """

    row: CampaignRow | None
    name: str
    wanted: Wanted
    taken: bool
    notes: list[str]


def find_campaign(view: Viewpoint, base: str, composition: Composition, options: Options) -> Found:
    """What `open_campaign` would find, without lock and without a word written. Raises the `Refused` it would raise.

    Blocks. The results file and `already` are not looked at.
    """
    return _Finding(view, base, composition, options).find()


async def open_campaign(account: Account, base: str, composition: Composition, options: Options) -> Opened:
    """Finds or makes the campaign and takes its lock. Raises `Refused` when somebody has it or something changed."""
    return await _Opening(account, base, composition, options).go()


def reread(account: Account, row: CampaignRow) -> CampaignRow:
    """The campaign as the ledger has it now."""
    with account.ledger.reading() as db:
        return book.find_campaign(db, row.account, row.name) or row


class _Finding:
    """Which campaign is meant, and whether it may go on. It only reads."""

    def __init__(self, view: Viewpoint, base: str, composition: Composition, options: Options) -> None:
        self._view = view
        self._base = base
        self._composition = composition
        self._options = options
        self._notes: list[str] = []

    def find(self) -> Found:
        digest, kind = self._look()
        name = self._choose_name(digest)
        with self._view.ledger.reading() as db:
            row = self._known(db, name)
        wanted = self._wanted(digest)
        if row is None:
            return Found(None, name, wanted, False, self._notes)
        self._check_account(row)
        return Found(row, name, wanted, self._check(row, wanted, kind), self._notes)

    def _look(self) -> tuple[bytes | None, str | None]:
        """Digest and kind of the list, when it is known."""
        source = self._options.source
        return (None, None) if source is None else (source.digest(), kind_of(source))

    def _wanted(self, digest: bytes | None) -> Wanted:
        options, template = self._options, self._composition.template
        return Wanted(
            template=None if template is None else template.text,
            from_=self._composition.from_ or (None if template is None else template.from_),
            now=self._view.world.now(),
            implied=options.implied and options.per is None,
            input_digest=digest,
            changed_text=options.changed_text,
            extend=options.extend,
        )

    # ── which campaign ────────────────────────────────────────────────────────────────────────────────────────────

    def _choose_name(self, digest: bytes | None) -> str:
        """The period's name, or the unfinished one of the period before when the list is still the same."""
        options = self._options
        if options.per is None:
            return self._base
        zone = ZoneInfo(options.tz)
        at = options.as_of or datetime.fromtimestamp(self._view.world.epoch(), zone)
        at = at.replace(tzinfo=zone) if at.tzinfo is None else at.astimezone(zone)
        name, before = period_name(self._base, at, options.per), previous_name(self._base, at, options.per)
        with self._view.ledger.reading() as db:
            if (started := self._known(db, name)) and book.last_run(db, started.id):
                return name
            previous = self._known(db, before)
            if previous is None or previous.completed_at is not None or book.last_run(db, previous.id) is None:
                return name
            if options.source is None:
                # Without a list to compare, resuming is the side on which nobody gets two.
                self._notes.append(
                    said(
                        "campaign {before!r} is unfinished and resumed; no list was given to compare with",
                        before=before,
                    )
                )
                return before
            if previous.input_digest == digest or self._same_list(db, previous, options.source):
                self._notes.append(
                    said("campaign {before!r} is unfinished and the list is the same: it is resumed", before=before)
                )
                return before
        self._notes.append(
            said("campaign {before!r} is unfinished, but this is another list: a new campaign begins", before=before)
        )
        return name

    def _same_list(self, db: sqlite3.Connection, previous: CampaignRow, source: Source) -> bool:
        """At least half of what the unfinished campaign sent is in this list, to the letter."""
        identities = Identities(self._view.ledger.key, previous.uuid)
        known, again = book.count_taken(db, previous.id), 0
        for rows in source.blocks(PLAN_BLOCK):
            again += book.count_same(db, previous.id, composed(rows, self._composition, identities))
        return known > 0 and again * 2 >= known

    def _known(self, db: sqlite3.Connection, name: str) -> CampaignRow | None:
        """The campaign of this name: the account's, else the one under another client id of the same API."""
        view = self._view
        found = book.find_campaign(db, view.id, name)
        if found is None and (view.client_id is None or not is_loopback(view.origin)):
            found = book.campaign_elsewhere(db, name, view.client_id or "", view.origin)
        return found

    # ── whether it may go on ──────────────────────────────────────────────────────────────────────────────────────

    def _check_account(self, row: CampaignRow) -> None:
        view = self._view
        if view.client_id is not None and row.account != view.id and not self._options.same_account:
            raise Refused(
                said(
                    "campaign {name!r} was sent under another client id of the same API. If both are one account, "
                    "give --same-account; else give --campaign NEW",
                    name=row.name,
                )
            )

    def _check(self, row: CampaignRow, wanted: Wanted, kind: str | None) -> bool:
        """Whether anybody has a message already. Raises Refused."""
        with self._view.ledger.reading() as db:
            taken = book.taken(db, row.id)
            fixed = taken and book.last_run(db, row.id) is not None  # what was only adopted has no template yet
        if sentence := refusal(row, wanted, taken=fixed):
            raise Refused(sentence)
        if taken and kind is not None and (sentence := kind_refusal(row, kind)):
            raise Refused(sentence)
        return taken


class _Opening(_Finding):
    def __init__(self, account: Account, base: str, composition: Composition, options: Options) -> None:
        super().__init__(account, base, composition, options)
        self._account = account

    async def go(self) -> Opened:
        digest, kind = await asyncio.to_thread(self._look)
        name = await asyncio.to_thread(self._choose_name, digest)
        row, lock = await self._hold(await self._find_or_make(name))
        try:
            if row.account != self._account.id:
                row = await self._move_here(row)
            row, lock = await self._take_up_id(row, lock)
            wanted = self._wanted(digest)
            self._check(row, wanted, kind)
            if self._options.already is not None:
                row = await self._adopt(row, self._options.already)
        except BaseException:
            lock.release()
            raise
        return Opened(row, lock, wanted, self._notes)

    async def _find_or_make(self, name: str) -> CampaignRow:
        account = self._account
        with account.ledger.reading() as db:
            row = self._known(db, name)
        if row is None:
            return await account.ledger.write(partial(_make, account=account.id, name=name, now=account.world.now()))
        self._check_account(row)
        return row

    async def _hold(self, row: CampaignRow) -> tuple[CampaignRow, CampaignLock]:
        """Takes the lock. Whoever had it before may have gone on, or taken up another id, and so another lock."""
        while True:
            lock = CampaignLock(self._account.ledger.path, row.uuid, name=repr(row.name))
            await self._acquire(lock)
            try:
                now = reread(self._account, row)
            except BaseException:
                lock.release()
                raise
            if now.uuid == row.uuid:
                return now, lock
            lock.release()
            row = now

    async def _acquire(self, lock: CampaignLock) -> None:
        """One try after the other, none in a thread: that could succeed after its caller was cancelled."""
        world = self._account.world
        deadline = world.clock() + self._options.lock_wait
        while True:
            try:
                lock.acquire()
            except Refused:
                if (left := deadline - world.clock()) <= 0:
                    raise
            else:
                return
            await world.sleep(min(POLL_INTERVAL, left))

    async def _move_here(self, row: CampaignRow) -> CampaignRow:
        moved = await self._account.ledger.write(partial(_move, row=row, account=self._account.id))
        if moved is None:
            raise Refused(
                said("campaign {name!r} was just begun under this client id too; give --campaign NEW", name=row.name)
            )
        return moved

    async def _take_up_id(self, row: CampaignRow, lock: CampaignLock) -> tuple[CampaignRow, CampaignLock]:
        """Results that this ledger lost are the campaign's own: it takes up their id, so that their file goes on."""
        path = self._options.already
        if path is None or row.seq:
            return row, lock
        first = await asyncio.to_thread(already.first_result, path)
        if first is None or first.campaign != row.name or not _is_uuid(first.campaign_id):
            return row, lock
        row = await self._account.ledger.write(partial(book.take_id, campaign=row, uuid=first.campaign_id))
        lock.release()
        return await self._hold(row)

    async def _adopt(self, row: CampaignRow, path: Path) -> CampaignRow:
        identities = Identities(self._account.ledger.key, row.uuid)
        adopted = await already.adopt(self._account.ledger, row, path, identities, self._composition)
        self._notes.append(said("{adopted} entries of {path} are known as sent", adopted=adopted, path=path))
        return reread(self._account, row)


def kind_of(source: Source) -> str:
    """How a list knows its recipients: by ``ref`` or by ``number``."""
    return "number" if source.columns.ref is None else "ref"


def is_loopback(origin: str) -> bool:
    """Whether this is a stand-in on this machine, which never counts as another account's."""
    host = urlsplit(origin).hostname or ""
    try:
        return origin == "sandbox" or host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _make(tx: Transaction, account: int, name: str, now: int) -> CampaignRow:
    return book.make_campaign(tx, account, name, now)


def _is_uuid(text: str) -> bool:
    with suppress(ValueError):
        return str(UUID(text)) == text
    return False


def _move(tx: Transaction, row: CampaignRow, account: int) -> CampaignRow | None:
    """None when the account made a campaign of this name meanwhile."""
    if book.find_campaign(tx.db, account, row.name) is not None:
        return None
    book.move_campaign(tx, row.id, account)
    return book.find_campaign(tx.db, account, row.name)
