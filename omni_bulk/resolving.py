"""Deciding about silence: which unknown messages were never sent, as far as anybody can tell.

Every accepted message gets a report. So where reports were collected without a gap for the three days that they live,
and nearly everybody else of the same run and country has one, a message without any was never taken. That is still an
inference: such a message stays `unknown`, is called presumed unsent, and is posted again only when the operator asks.
"""

import asyncio
import csv
import io
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from pathlib import Path

from omni_bulk.account import Account
from omni_bulk.cost import Prices, Spent
from omni_bulk.errors import InputError
from omni_bulk.joining import DIE_AFTER
from omni_bulk.ledger import Transaction, book, reports, settling
from omni_bulk.ledger.settling import InDoubt
from omni_bulk.lock import CampaignLock
from omni_bulk.model import CampaignRow, Status
from omni_bulk.projection import Projection
from omni_bulk.reports import Collector
from omni_bulk.sentences import said
from omni_bulk.source import read_text

ANSWERED_LEAST = 0.95  # share of the accepted ones of the same run and country that must have a report
BLOCK = 200  # messages written at once
BY_HAND = "by_hand"


@dataclass(slots=True)
class Doubt:
    """What is unknown of a campaign. `reasons` says why messages are not presumed unsent, by how many.

    `recovered` claims had been left open by a run that died, `settled` were proven by reports, `by_hand` by a file.
    `segments`, `countries` (ISO code → messages) and `cost` are of those presumed unsent. `cost` is None without a price
    list, and where one of them has no price.
    """

    still_unknown: int = 0
    presumed: int = 0
    recovered: int = 0
    settled: int = 0
    by_hand: int = 0
    segments: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    countries: Counter[str] = field(default_factory=Counter)
    cost: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """One row of what the vendor's console says: this ref was accepted (maybe under a msgKey), or never sent."""

    ref: str
    accepted: bool
    msg_key: str | None = None


async def resolve(account: Account, row: CampaignRow, said: Iterable[Said] = (), *, lock_wait: float = 0.0) -> Doubt:
    """Settles what can be: open claims, what reports prove, what `said` says; and presumes unsent what silence allows.

    Sends nothing, asks nobody. Raises `Refused` when a run holds the campaign.
    """
    doubt = Doubt()
    lock = CampaignLock(account.ledger.path, row.uuid, name=repr(row.name))
    lock.acquire(lock_wait)
    try:
        recovered = await account.ledger.write(partial(book.recover, campaign=row))
        doubt.recovered = len(recovered)
        async with Collector(account, shared=True) as collector:
            await collector.take(())
            doubt.settled = collector.counts.settled
            await _by_hand(account, row, said, doubt)
            with account.ledger.reading() as db:
                silent = settling.in_doubt(db, row.id)
            judged = await collector.look(partial(_judge, silent=silent, account=account, campaign=row.id))
        await _presume(account, judged, doubt)
        if doubt.recovered + doubt.settled + doubt.by_hand:
            await asyncio.to_thread(Projection(account.ledger).append_settled, row)
    finally:
        lock.release()
    return doubt


async def _by_hand(account: Account, row: CampaignRow, said: Iterable[Said], doubt: Doubt) -> None:
    told = {one.ref: one for one in said}
    if not told:
        return
    with account.ledger.reading() as db:
        silent = [one for one in settling.in_doubt(db, row.id) if one.ref in told]
    for start in range(0, len(silent), BLOCK):
        block = [(one.message, told[one.ref]) for one in silent[start : start + BLOCK]]
        doubt.by_hand += await account.ledger.write(partial(_settle, block=block))


def _settle(tx: Transaction, block: Iterable[tuple[int, Said]]) -> int:
    """A message that was never sent is `failed`, so the next run of its list sends it."""
    count = 0
    for message, one in block:
        status = Status.ACCEPTED if one.accepted else Status.FAILED
        count += settling.settle_by_hand(tx, message, status, reason=BY_HAND, msg_key=one.msg_key) is not None
    return count


def _judge(
    db: sqlite3.Connection, silent: list[InDoubt], account: Account, campaign: int
) -> list[tuple[InDoubt, str | None]]:
    """Each unknown message, and why it is not presumed unsent (None: it is)."""
    shares = reports.answered(db, campaign) if silent else {}
    now = account.world.now()
    return [(one, _why_not(db, one, account.id, shares, now)) for one in silent]


def _why_not(
    db: sqlite3.Connection,
    one: InDoubt,
    account: int,
    shares: Mapping[tuple[int, str | None], tuple[int, int]],
    now: int,
) -> str | None:
    if one.copy > 1:
        return "posted_twice"
    if one.claimed_at is None:
        return "no_claim_time"
    if now < one.claimed_at + DIE_AFTER:
        return "under_72_hours"
    if not reports.covered(db, account, one.claimed_at, one.claimed_at + DIE_AFTER):
        return "polling_gap"
    accepted, reported = shares.get((one.run, one.country), (0, 0))
    return "too_few_reports" if not accepted or reported < ANSWERED_LEAST * accepted else None


async def _presume(account: Account, judged: list[tuple[InDoubt, str | None]], doubt: Doubt) -> None:
    unsent = [one for one, why_not in judged if why_not is None]
    for start in range(0, len(unsent), BLOCK):
        messages = [one.message for one in unsent[start : start + BLOCK]]
        await account.ledger.write(partial(settling.presume_unsent, messages=messages, now=account.world.now()))
    doubt.presumed = len(unsent)
    doubt.segments = sum(one.segments for one in unsent)
    doubt.countries.update(one.country or "?" for one in unsent)
    doubt.cost = _cost(unsent, account.prices)
    doubt.reasons.update(why_not for _, why_not in judged if why_not is not None)
    doubt.still_unknown = len(judged) - len(unsent)


def _cost(unsent: Iterable[InDoubt], prices: Prices | None) -> Decimal | None:
    """What it costs to post these again."""
    if prices is None:
        return None
    spent = [Spent(one.country or "", prices.prefix_of(one.number or ""), one.segments) for one in unsent]
    cost, unpriced = prices.total(spent)
    return None if unpriced else cost


# ── what the vendor's console says ────────────────────────────────────────────────────────────────────────────────

_COLUMNS: Mapping[str, frozenset[str]] = {
    "ref": frozenset({"ref", "reference", "참조", "참조키"}),
    "msg_key": frozenset({"msgkey", "messagekey", "messageid", "메시지키"}),
    "status": frozenset({"status", "state", "result", "상태", "결과"}),
}
_ACCEPTED = frozenset({"accepted", "sent", "delivered", "success", "접수", "발송", "성공", "전송완료"})
_UNSENT = frozenset({"unsent", "not sent", "not found", "none", "미발송", "없음"})


def read_said(path: Path) -> Iterator[Said]:
    """Rows of a CSV with the columns `ref`, and `msgKey` or `status` (accepted or unsent) or both.

    A row with a msgKey was accepted. "Failed" is refused as a status: in a console it means undelivered, so accepted.
    Raises InputError with the row.
    """
    rows = csv.reader(io.StringIO(read_text(path)))
    header = [_folded(name) for name in next(rows, [])]
    places = {
        name: next((at for at, one in enumerate(header) if one in known), None) for name, known in _COLUMNS.items()
    }
    if places["ref"] is None or (places["msg_key"] is None and places["status"] is None):
        raise InputError(
            said("{path} needs a column ref, and a column msgKey or status (accepted or unsent)", path=path)
        )
    for cells in rows:
        if any(cell.strip() for cell in cells):
            yield _said({name: _cell(cells, at) for name, at in places.items()}, f"row {rows.line_num} of {path}")


def _folded(name: str) -> str:
    return "".join(char for char in name.strip().casefold().lstrip("\ufeff") if char.isalnum())


def _cell(cells: list[str], at: int | None) -> str:
    return "" if at is None or at >= len(cells) else cells[at].strip()


def _said(cells: Mapping[str, str], where: str) -> Said:
    status = cells["status"].casefold()
    if not cells["ref"]:
        raise InputError(said("{where} has no ref: it says of nobody what became of them", where=where))
    if cells["msg_key"] and status not in _UNSENT:
        return Said(cells["ref"], accepted=True, msg_key=cells["msg_key"])
    if status in _ACCEPTED | _UNSENT and not cells["msg_key"]:
        return Said(cells["ref"], accepted=status in _ACCEPTED)
    raise InputError(
        said(
            "{where} does not say whether the message was taken: give its msgKey, or the status accepted or unsent "
            "(a message that the console calls failed was accepted, and not delivered)",
            where=where,
        )
    )
