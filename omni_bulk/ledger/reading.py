"""What people ask of a ledger: who is on a campaign, what became of them, who ran what. Only reads.

Functions take a connection of `read_ledger`, to which the reports are attached as `reports`. Times are milliseconds
since 1970. Nothing here keeps more than a group of rows in memory.
"""

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from decimal import Decimal
from functools import partial
from itertools import count, islice
from typing import Any

import orjson

from omni_bulk.cost import Prices, Spent, costs_of, plain
from omni_bulk.delivery import Codes, Delivery, Fate, Said, fold
from omni_bulk.ledger import blocks, book
from omni_bulk.ledger.reports import doubles, of_messages
from omni_bulk.ledger.till import spent_by_campaign, spent_by_slot
from omni_bulk.model import CampaignRow, Report, State, Status, Whose
from omni_bulk.results import iso
from omni_bulk.spans import QUARTER, Span, day_of

GROUP = 500  # recipients whose reports are fetched at once


def total(costs: Iterable[Decimal | None]) -> Decimal | None:
    """The sum; None when one of them is not known."""
    known = list(costs)
    return None if None in known else sum((one for one in known if one is not None), Decimal())


def _shown(cost: Decimal | None) -> str | None:
    """A cost as JSON has it: a decimal string, never a float."""
    return None if cost is None else plain(cost)


def _whole_cost(spent: Sequence[Spent], prices: Prices | None) -> str | None:
    """What all of it costs; None without a price list, and where one country has no price."""
    if prices is None:
        return None
    cost, unpriced = prices.total(spent)
    return None if unpriced else plain(cost)


# ── campaigns ─────────────────────────────────────────────────────────────────────────────────────────────────────


def campaigns_named(db: sqlite3.Connection, name: str) -> list[CampaignRow]:
    """The campaigns of this name under any account, the newest first."""
    return book.campaigns(db, "WHERE name = ? ORDER BY created_at DESC", (name,))


# What binds nobody (`failed`, `invalid`, `skipped`) counts only as the last run judged it: a row that was corrected or
# removed since is not a problem any more. Single sends, and what was taken back, belong to no run.
COUNTED = "(message.state NOT IN (4, 6, 7) OR message.run = :run)"
_COUNTED_OF_ITS_OWN = COUNTED.replace(
    ":run", "(SELECT coalesce(max(run.id), 0) FROM run WHERE run.campaign = message.campaign)"
)


def overview(db: sqlite3.Connection) -> list[dict[str, Any]]:
    """All campaigns, newest last: name, recipients, accepted, created, completed, origin."""
    sql = (
        "SELECT campaign.name, origin, created_at, completed_at, count(message.id), "  # noqa: S608  of constants
        "coalesce(sum(message.state = ?), 0) FROM campaign JOIN account ON account.id = campaign.account "
        f"LEFT JOIN message ON message.campaign = campaign.id AND {_COUNTED_OF_ITS_OWN} "
        "GROUP BY campaign.id ORDER BY created_at, campaign.id"
    )
    return [
        {
            "campaign": name, "origin": origin, "created": iso(created), "completed": iso(completed),
            "recipients": recipients, "accepted": accepted,
        }
        for name, origin, created, completed, recipients, accepted in db.execute(sql, (State.ACCEPTED,))
    ]  # fmt: skip


def standing(db: sqlite3.Connection, campaign: CampaignRow, how: "Reading") -> dict[str, Any]:
    """How a campaign stands: recipients by state, reason, code and country, what it costs (see `spending`), and what
    `delivery` says. Its messages are gone through once for all of that.
    """
    counted, delivered = _Standing(), _Delivered()
    for alike in _told(db, counted.accepted(_everybody(db, campaign, how)), how):
        delivered.add(alike, how.prices)
    spent = [] if how.prices is None else spending(db, campaign.id, how.prices)
    for country, cost in ({} if how.prices is None else costs_of(spent, how.prices)).items():
        if country in counted.countries:
            counted.countries[country]["cost"] = plain(cost)
    last = book.last_run(db, campaign.id)
    return {
        "campaign": campaign.name, "campaignId": campaign.uuid, "recipients": sum(counted.states.values()),
        "states": counted.states, "reasons": dict(counted.reasons), "codes": dict(counted.codes),
        "segments": sum(one["segments"] for one in counted.countries.values()), "countries": counted.countries,
        "cost": _whole_cost(spent, how.prices), "currency": None if how.prices is None else how.prices.currency,
        "seconds": 0.0, "created": iso(campaign.created_at), "completed": iso(campaign.completed_at),
        "lastRun": None if last is None else iso(last[0]), "lastExit": None if last is None else last[1],
        **delivered.told(db, campaign.id),
    }  # fmt: skip


@dataclass(slots=True)
class _Standing:
    """What is counted of a campaign's recipients."""

    states: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_NAMES, 0))
    reasons: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    countries: dict[str, dict[str, Any]] = field(default_factory=dict)

    def accepted(self, rows: Iterable[Sequence[Any]]) -> Iterator[Sequence[Any]]:
        """Counts the rows of `_everybody`, and gives those of accepted messages on, as `_told` takes them."""
        for state, reason, code, presumed, *fate in rows:
            _, country, _, _, _, number, segments, _ = fate
            given_up = presumed and state == State.UNKNOWN
            self.states["presumedUnsent" if given_up else _STATE_NAMES[State(state)]] += number
            if reason is not None:
                self.reasons[reason] += number
            if code is not None and state not in _OPEN:
                self.codes[code] += number
            if country is not None and state in _SENT and not given_up:
                one = self.countries.setdefault(country, {"messages": 0, "segments": 0, "cost": None})
                one["messages"] += number
                one["segments"] += segments or 0
            if state == State.ACCEPTED:
                yield fate


_NAMES: Sequence[str] = (*map(str, Status), "ready", "alreadyHandled", "inDoubt", "presumedUnsent")
_OPEN = {State.READY: "ready", State.CLAIMED: "inDoubt"}
_STATE_NAMES = _OPEN | {State.of(status): str(status) for status in Status}
_SENT = frozenset({State.READY, State.CLAIMED, State.ACCEPTED, State.UNKNOWN})


def spending(db: sqlite3.Connection, campaign: int, prices: Prices) -> list[Spent]:
    """What a campaign spent, as it was counted when each message was claimed, and what those that are ready will cost.

    A message that was posted twice counts twice. What is presumed unsent is taken off again.
    """
    sql = "SELECT country, number, coalesce(segments, 1) FROM message WHERE campaign = ? AND {}"
    ready = db.execute(sql.format("state = 0"), (campaign,))
    unsent = db.execute(sql.format("state = 5 AND presumed_at IS NOT NULL"), (campaign,))
    moved: Counter[tuple[str, str]] = Counter()
    for sign, rows in ((1, ready), (-1, unsent)):
        for country, number, segments in rows:
            moved[country or "", prices.prefix_of(number or "")] += sign * segments
    return [*spent_by_campaign(db, campaign), *(Spent(*place, segments) for place, segments in moved.items())]


def runs(db: sqlite3.Connection, campaign: CampaignRow | None = None) -> list[dict[str, Any]]:
    """Who sent what, the newest last: of one campaign, or of all. `exit` is None for a run that was killed, or is on."""
    sql = (
        "SELECT name, uuid, client_id, pid, host, started_at, ended_at, exit_code, whole, options, summary FROM run "
        "JOIN campaign ON campaign.id = run.campaign JOIN account ON account.id = campaign.account "
        "WHERE :campaign IS NULL OR run.campaign = :campaign ORDER BY run.id"
    )
    return [
        {
            "campaign": name, "campaignId": uuid, "account": client, "pid": pid, "host": host, "started": iso(started),
            "ended": iso(ended), "exit": code, "whole": bool(whole), "options": _object(options),
            "summary": _object(summary),
        }
        for name, uuid, client, pid, host, started, ended, code, whole, options, summary in db.execute(
            sql, {"campaign": None if campaign is None else campaign.id}
        )
    ]  # fmt: skip


def _object(text: str | None) -> Any:
    return None if text is None else orjson.loads(text)


# ── recipients ────────────────────────────────────────────────────────────────────────────────────────────────────

# In the order of the list: `message.id` grows as rows are admitted, and the lines lie beside each other in nearly the
# same order.
_RECIPIENTS = """
SELECT message.id, message.state, line.json,
    message.seq, message.ref, message.msg_key, message.code, message.result, message.reason, message.number,
    message.from_, message.country, message.encoding, message.segments, message.row, message.attempts,
    message.claimed_at, message.warnings, message.duplicate_of
FROM message LEFT JOIN line ON line.campaign = message.campaign AND line.seq = message.seq
WHERE message.campaign = :campaign AND {counted}
    AND (:start IS NULL OR message.claimed_at >= :start) AND (:end IS NULL OR message.claimed_at < :end)
ORDER BY message.id
"""


def recipients(db: sqlite3.Connection, campaign: CampaignRow, span: Span) -> Iterator[tuple[int, dict[str, Any]]]:
    """Everybody on a campaign as the ledger has them now: (message id, the fields of a results line).

    Who has no result yet is `ready` or `inDoubt`. A `span` keeps those who were posted to in it, by the time of the
    claim, which is milliseconds before that of the post.
    """
    asked = {"campaign": campaign.id, "run": book.last_run_id(db, campaign.id), "start": span.start, "end": span.end}
    for message, state, line, *columns in db.execute(_RECIPIENTS.format(counted=COUNTED), asked):
        if line is not None and state not in _OPEN:
            yield message, orjson.loads(line)
        else:
            yield message, _fields(campaign, State(state), columns)


def _fields(campaign: CampaignRow, state: State, columns: Sequence[Any]) -> dict[str, Any]:
    """The fields of a line that is not there: not written yet, or pruned."""
    (
        seq, ref, msg_key, code, result, reason, number, from_, country, encoding, segments, row, attempts, claimed_at,
        warnings, duplicate_of,
    ) = columns  # fmt: skip
    is_open = state in _OPEN
    fields = {
        "seq": None if is_open else seq, "campaignId": campaign.uuid, "ref": ref, "msgKey": None if is_open else msg_key,
        "status": _OPEN.get(state) or str(state.status), "code": None if is_open else code,
        "result": None if is_open else result, "reason": None if is_open else reason, "to": number, "from": from_,
        "country": country, "encoding": encoding, "segments": segments, "row": row, "campaign": campaign.name,
        "attempts": attempts, "sentAt": iso(claimed_at), "latencyMs": None,
    }  # fmt: skip
    if warnings:
        fields["warnings"] = warnings.split("\n")
    if duplicate_of is not None:
        fields["duplicateOf"] = duplicate_of
    return fields


def waiting_since(db: sqlite3.Connection, account: int, after: int) -> int | None:
    """When the first message was accepted whose reports nobody has collected: sent after the last poll, and after
    `after`, before which nobody can ask any more (ms). None when every report had its chance.
    """
    # From the last poll on: by itself SQLite goes through every message of the account, 1.4 s of five million.
    sql = (
        "SELECT claimed_at FROM message INDEXED BY message_claimed_at "
        "WHERE claimed_at > max(?, coalesce((SELECT max(coalesce(polled_at, 0), "
        "coalesce(received_at, 0)) FROM queue WHERE account = ?), 0)) AND state = 2 AND attempts > 0 "
        "AND campaign IN (SELECT id FROM campaign WHERE account = ?) ORDER BY claimed_at LIMIT 1"
    )
    row = db.execute(sql, (after, account, account)).fetchone()
    return None if row is None else int(row[0])


def accounts(db: sqlite3.Connection) -> list[int]:
    """Every account of the ledger."""
    return [int(row[0]) for row in db.execute("SELECT id FROM account ORDER BY id")]


# ── delivery ──────────────────────────────────────────────────────────────────────────────────────────────────────


def deliveries(
    db: sqlite3.Connection, messages: Sequence[int], codes: Codes, *, dlr: bool = False
) -> dict[int, dict[str, Any]]:
    """What became of each of these messages: the delivery fields of an export."""
    reports = of_messages(db, messages)
    return {message: delivery_fields(fold(reports.get(message, ()), codes, dlr=dlr)) for message in messages}


def delivery_fields(fate: Fate) -> dict[str, Any]:
    """A fate under the names of an export."""
    return {"delivery": str(fate.delivery), **_said(fate.relay, "report"), **_said(fate.handset, "dlrReport")}


def _said(said: Said | None, name: str) -> dict[str, Any]:
    billed = "billedSegments" if name == "report" else "dlrBilledSegments"
    one = said or Said()
    return {
        f"{name}Code": one.code, f"{name}Text": one.text, f"{name}Time": iso(one.at), billed: one.parts,
        f"{name}Type": one.type, f"{name}Other": one.other or None,
    }  # fmt: skip


# One row of a block for all messages that fared alike. The index `report_message` has all that is asked of a report, in
# the order of time, so that not one report is read. What a report says is one number: its code, then seven bits of its
# billed parts; far below zero for what that cannot tell (another verdict, a code that is not five digits). SQLite takes
# a bare column beside a single min() from the row that has it: so `told` is what the first report says, then in 32 bits
# the sum of what all say and in the last four how many they are; NULL for none. Messages of which that is not all (three
# reports, two of one time, two msgKeys) are told by themselves, by their id below zero, and folded like any other.
# Reports of two msgKeys, but for doubles, come only of a message that was posted again or was accepted without one.
# Summed up for each message by itself this takes a sixth less than a join with GROUP BY. The LIMIT keeps SQLite from
# asking again wherever `told` stands. With `keys` the same pass counts whatever else is asked of a message.
_TELLS = (
    "iif(report.verdict = 'joined' AND length(report.code) = 5 AND CAST(report.code AS INTEGER) >= 10000 "
    "AND coalesce(report.parts, 0) < 128, CAST(report.code AS INTEGER) * 128 + coalesce(report.parts, 0), -1000000000)"
)
_FATES = f"""
SELECT {{keys}}campaign, country, prefix, slot, told, count(*), sum(segments), min(claimed_at) FROM (
    SELECT {{columns}}{{group}}, message.country AS country, message.segments AS segments,
        message.claimed_at AS claimed_at, CASE WHEN message.state = 2 THEN (
            SELECT CASE
                WHEN sum({_TELLS}) < 0 OR count(*) > 2 OR count(*) = 2 AND (
                    sum(report.at) IS 2 * min(report.at) OR message.copy > 1 OR message.msg_key IS NULL
                ) THEN -message.id
                ELSE ({_TELLS} << 32) + (sum({_TELLS}) << 4) + count(*)
            END FROM report WHERE report.message = message.id
        ) END AS told
    FROM message WHERE {{where}} LIMIT -1
) GROUP BY told, {{by}}country
"""  # noqa: S608  of constants
_KEYS = ("state", "reason", "code", "presumed")
_COLUMNS = "message.state, message.reason, message.code, message.presumed_at IS NOT NULL AS presumed, "


@dataclass(frozen=True, slots=True)
class Alike:
    """Accepted messages that fared alike: how many, their segments as estimated, the parts billed where that is known.

    `prefix` is the number prefix that has a price of its own, "" for none. `slot` counts quarters of an hour since 1970,
    `oldest` is when the first of them was claimed (ms).
    """

    campaign: int
    country: str
    prefix: str
    slot: int
    fate: Fate
    messages: int
    segments: int
    oldest: int | None

    @property
    def billed(self) -> int | None:
        """The billed parts of all of them; None where no report says it."""
        relay = self.fate.relay
        return None if relay is None or not relay.parts else relay.parts * self.messages

    def cost(self, prices: Prices | None) -> Decimal | None:
        """What the billed parts cost; None where nobody knows them, or their price."""
        price = None if prices is None else prices.of(self.country, self.prefix)
        return None if price is None or self.billed is None else price * self.billed


@dataclass(frozen=True, slots=True)
class Reading:
    """How reports are read: what their codes mean, whether the account has handset reports, what a part costs."""

    codes: Codes
    dlr: bool = False
    prices: Prices | None = None


def fates(db: sqlite3.Connection, how: Reading, *, campaign: int | None = None, span: Span = Span()) -> Iterator[Alike]:  # noqa: B008
    """What became of what was accepted: of one campaign, or in one span of time that has both ends."""
    prefix, prepare = _prefix(how.prices)
    if campaign is not None:
        return _told(db, _of_campaign(db, campaign, how, "message.state = 2"), how)
    assert span.start is not None and span.end is not None  # noqa: S101, PT018
    sql = _FATES.format(
        keys="", columns="",
        group=f"message.campaign AS campaign, {prefix} AS prefix, message.claimed_at / {QUARTER} AS slot",
        where="message.claimed_at >= :first AND message.claimed_at < :end AND message.state = 2",
        by="campaign, prefix, slot, ",
    )  # fmt: skip
    return _told(db, blocks.ask(db, sql, {}, blocks.of_time(db, span.start, span.end), prepare), how)


def _everybody(db: sqlite3.Connection, campaign: CampaignRow, how: Reading) -> Iterator[tuple[Any, ...]]:
    """All recipients of a campaign that count: `_KEYS` before the columns of `_FATES`."""
    return _of_campaign(db, campaign.id, how, COUNTED, keys=_KEYS, columns=_COLUMNS)


def _of_campaign(
    db: sqlite3.Connection, campaign: int, how: Reading, which: str, *, keys: Sequence[str] = (), columns: str = ""
) -> Iterator[tuple[Any, ...]]:
    prefix, prepare = _prefix(how.prices)
    before = "".join(f"{key}, " for key in keys)
    sql = _FATES.format(  # what is the same for all need not be compared a million times
        keys=before, columns=columns, group=f":campaign AS campaign, {prefix} AS prefix, 0 AS slot",
        where=f"message.campaign = :campaign AND message.id >= :first AND message.id < :end AND {which}",
        by=f"prefix, {before}",
    )  # fmt: skip
    asked = {"campaign": campaign, "run": book.last_run_id(db, campaign)}
    return blocks.ask(db, sql, asked, blocks.of_campaign(db, campaign), prepare)


def _prefix(prices: Prices | None) -> tuple[str, Callable[[sqlite3.Connection], object]]:
    """What gives the number prefix that has a price of its own, and what a connection needs for it."""
    if prices is None or not prices.prefixes:  # a call for each message: only where a prefix has a price
        return "''", _no_functions
    return "prefix_of(message.number)", partial(_add_prefix_of, prices)


def _no_functions(_: sqlite3.Connection) -> None:
    """Where no prefix has a price."""


def _add_prefix_of(prices: Prices, db: sqlite3.Connection) -> None:
    db.create_function("prefix_of", 1, lambda number: prices.prefix_of(number or ""), deterministic=True)


def _told(db: sqlite3.Connection, rows: Iterable[Sequence[Any]], how: Reading) -> Iterator[Alike]:
    rows = iter(rows)
    known: dict[int, Fate] = {}  # the same few in every block
    while group := list(islice(rows, GROUP)):
        apart = of_messages(db, [-told for *_, told, _, _, _ in group if told is not None and told < 0])
        for campaign, country, prefix, slot, told, messages, segments, oldest in group:
            if told is not None and told < 0:
                fate = fold(apart.get(-told, ()), how.codes, dlr=how.dlr)
            elif (found := known.get(told or 0)) is not None:
                fate = found
            else:
                fate = known[told or 0] = fold(map(_report_of, count(), _said_by(told or 0)), how.codes, dlr=how.dlr)
            yield Alike(campaign, country or "", prefix, slot, fate, messages, segments or 0, oldest)


def _said_by(told: int) -> tuple[int, ...]:
    """What each of the reports says of which `told` is told, in the order of time."""
    first, both, reports = told >> 32, told >> 4 & (1 << 28) - 1, told & 15
    return (first, both - first)[:reports]


def _report_of(at: int, says: int) -> Report:
    """A report that says what `_TELLS` tells."""
    code, parts = divmod(says, 128)
    return Report("", code=str(code), at=at, parts=parts, whose=Whose.JOINED)


def delivery(db: sqlite3.Connection, campaign: CampaignRow, how: Reading) -> dict[str, Any]:
    """What became of a campaign's accepted messages, and the parts that were billed beside those we had estimated.

    Estimated and billed parts are compared by country over the same messages: those whose report says its parts.
    """
    delivered = _Delivered()
    for alike in fates(db, how, campaign=campaign.id):
        delivered.add(alike, how.prices)
    return delivered.told(db, campaign.id)


@dataclass(slots=True)
class _Delivered:
    """What is summed up of what became of a campaign's accepted messages."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(map(str, Delivery), 0))
    said: Counter[str] = field(default_factory=Counter)
    billed: dict[str, dict[str, Any]] = field(default_factory=dict)
    costs: dict[str, Decimal | None] = field(default_factory=dict)
    unpolled: int | None = None

    def add(self, alike: Alike, prices: Prices | None) -> None:
        self.counts[alike.fate.delivery] += alike.messages
        if alike.fate.relay is None:
            self.unpolled = alike.oldest if self.unpolled is None else min(self.unpolled, alike.oldest or self.unpolled)
        last = alike.fate.handset or alike.fate.relay
        if last is not None:
            self.said[last.code or ""] += alike.messages
        if alike.billed is not None:
            one = self.billed.setdefault(alike.country, {"messages": 0, "estimated": 0, "billed": 0})
            one["messages"] += alike.messages
            one["estimated"] += alike.segments
            one["billed"] += alike.billed
            self.costs[alike.country] = total((self.costs.get(alike.country, Decimal()), alike.cost(prices)))

    def told(self, db: sqlite3.Connection, campaign: int) -> dict[str, Any]:
        billed = {country: {**one, "cost": _shown(self.costs[country])} for country, one in self.billed.items()}
        return {
            "delivery": self.counts, "reportCodes": dict(self.said), "billed": billed,
            "billedCost": _shown(total(self.costs.values())) if self.costs else None,
            "oldestUnpolled": iso(self.unpolled), "doubles": len(doubles(db, campaign)),
        }  # fmt: skip


def month(db: sqlite3.Connection, span: Span, zone: tzinfo, how: Reading) -> dict[str, Any]:
    """What was accepted in a span that has both ends, by country, campaign and day of `zone`: messages, estimated and
    billed parts, delivered. A message counts when it was claimed.

    `cost` is what was spent in it, as each claim counted it: also what is `unknown`, which may have been accepted, and
    every second post. `billedCost` is that of the parts that reports say were billed.
    """
    names = dict(db.execute("SELECT id, name FROM campaign"))
    whole = _Sums()
    parts: dict[str, dict[str, _Sums]] = {"countries": {}, "campaigns": {}, "days": {}}

    def places(campaign: int, country: str, slot: int) -> tuple[_Sums, ...]:
        keys = {"countries": country, "campaigns": names[campaign], "days": day_of(slot * QUARTER, zone)}
        return (whole, *(parts[by].setdefault(key, _Sums()) for by, key in keys.items()))

    for alike in fates(db, how, span=span):
        for one in places(alike.campaign, alike.country, alike.slot):
            one.add(alike, how.prices)
    for campaign, slot, spent in spent_by_slot(db, span) if how.prices is not None else ():
        for one in places(campaign, spent.country, slot):
            one.spent.append(spent)
    return {
        **whole.told(how.prices), "currency": None if how.prices is None else how.prices.currency,
        **{by: {key: one.told(how.prices) for key, one in sorted(ones.items())} for by, ones in parts.items()},
    }  # fmt: skip


@dataclass(slots=True)
class _Sums:
    """What is summed up of one country, campaign or day."""

    messages: int = 0
    segments: int = 0
    billed: int = 0
    reported: int = 0
    delivered: int = 0
    relayed: int = 0
    spent: list[Spent] = field(default_factory=list)
    billed_costs: list[Decimal | None] = field(default_factory=list)

    def add(self, alike: Alike, prices: Prices | None) -> None:
        self.messages += alike.messages
        self.segments += alike.segments
        self.reported += alike.messages if alike.fate.relay is not None else 0
        self.delivered += alike.messages if alike.fate.delivery is Delivery.DELIVERED else 0
        self.relayed += alike.messages if alike.fate.delivery is Delivery.RELAYED else 0
        if alike.billed is not None:
            self.billed += alike.billed
            self.billed_costs.append(alike.cost(prices))

    def told(self, prices: Prices | None) -> dict[str, Any]:
        return {
            "messages": self.messages, "segments": self.segments, "billedSegments": self.billed,
            "reported": self.reported, "delivered": self.delivered, "relayed": self.relayed,
            "cost": _whole_cost(self.spent, prices),
            "billedCost": _shown(total(self.billed_costs)) if self.billed_costs else None,
        }  # fmt: skip
