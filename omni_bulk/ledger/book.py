"""The ledger's operations: what is written for each step of a recipient's way. SQL lives in this package.

Functions take an open transaction and never commit; `writer` does. Times are milliseconds since 1970.

Where every message passes, a `State` is written as the plain `int` and bytes as a `bytearray`: `sqlite3` looks for adapters of
anything but exact ints, floats, strs and bytearrays, which takes 10 µs for an enum and 1.2 µs for bytes.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import uuid4

import orjson

from omni_bulk.errors import Stopped
from omni_bulk.identity import Identities, identity_of_own_ref
from omni_bulk.ledger.bars import Bars
from omni_bulk.ledger.till import Claimed
from omni_bulk.ledger.writer import Kin, Transaction
from omni_bulk.model import CampaignRow, Entry, Message, Result, State, Status
from omni_bulk.passed import Passed
from omni_bulk.policy import TAKEN
from omni_bulk.results import changed, epoch_ms, from_line, iso, to_line

_CAMPAIGN = (
    "SELECT id, uuid, account, name, kind, template, template_from, template_version, seq, created_at, completed_at, "
    "input_digest FROM campaign "
)


# ── accounts and campaigns ────────────────────────────────────────────────────────────────────────────────────────


def account_id(db: sqlite3.Connection, client_id: str, origin: str) -> int | None:
    row = db.execute("SELECT id FROM account WHERE client_id = ? AND origin = ?", (client_id, origin)).fetchone()
    return row and int(row[0])


def make_account(tx: Transaction, client_id: str, origin: str) -> int:
    tx.db.execute("INSERT OR IGNORE INTO account (client_id, origin) VALUES (?, ?)", (client_id, origin))
    found = account_id(tx.db, client_id, origin)
    assert found is not None  # noqa: S101  just inserted
    return found


def find_campaign(db: sqlite3.Connection, account: int | None, name: str) -> CampaignRow | None:
    row = db.execute(_CAMPAIGN + "WHERE account = ? AND name = ?", (account, name)).fetchone()
    return row and CampaignRow(*row)


def campaigns(db: sqlite3.Connection, where: str = "", values: Sequence[object] = ()) -> list[CampaignRow]:
    """The campaigns for which this piece of SQL holds."""
    return [CampaignRow(*row) for row in db.execute(_CAMPAIGN + where, values)]


def campaign_elsewhere(db: sqlite3.Connection, name: str, client_id: str, origin: str) -> CampaignRow | None:
    """The campaign of this name under another client id of the same origin, the newest if there are several."""
    others = "SELECT id FROM account WHERE origin = ? AND client_id <> ?"
    where = f"WHERE name = ? AND account IN ({others}) ORDER BY created_at DESC LIMIT 1"
    row = db.execute(_CAMPAIGN + where, (name, origin, client_id)).fetchone()
    return row and CampaignRow(*row)


def make_campaign(tx: Transaction, account: int, name: str, now: int) -> CampaignRow:
    tx.db.execute(
        "INSERT INTO campaign (uuid, account, name, created_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (str(uuid4()), account, name, now),
    )
    found = find_campaign(tx.db, account, name)
    assert found is not None  # noqa: S101  just inserted
    return found


def take_id(tx: Transaction, campaign: CampaignRow, uuid: str) -> CampaignRow:
    """Gives a campaign without any line the id that its lost ledger knew it by, unless that is another's here."""
    tx.db.execute("UPDATE OR IGNORE campaign SET uuid = ? WHERE id = ? AND seq = 0", (uuid, campaign.id))
    return find_campaign(tx.db, campaign.account, campaign.name) or campaign


def move_campaign(tx: Transaction, campaign: int, account: int) -> None:
    tx.db.execute("UPDATE campaign SET account = ? WHERE id = ?", (account, campaign))


def fix_campaign(
    tx: Transaction, campaign: int, kind: str, template: str | None, from_: str | None, version: int
) -> None:
    """What a run sends from now on; `version` grows when the template was changed on purpose."""
    tx.db.execute(
        "UPDATE campaign SET kind = ?, template = ?, template_from = ?, template_version = ? WHERE id = ?",
        (kind, template, from_, version, campaign),
    )


def taken(db: sqlite3.Connection, campaign: int) -> bool:
    """Whether any message of the campaign was or may have been accepted."""
    states = (State.ACCEPTED, State.UNKNOWN, State.CLAIMED)
    sql = "SELECT 1 FROM message WHERE campaign = ? AND state IN (?, ?, ?) LIMIT 1"
    return db.execute(sql, (campaign, *states)).fetchone() is not None


def count_taken(db: sqlite3.Connection, campaign: int) -> int:
    """Messages that were or may have been accepted."""
    sql = "SELECT count(*) FROM message WHERE campaign = ? AND state IN (?, ?, ?)"
    return int(db.execute(sql, (campaign, State.ACCEPTED, State.UNKNOWN, State.CLAIMED)).fetchone()[0])


def count_claimed(db: sqlite3.Connection, campaign: int) -> int:
    """Messages of a campaign that were claimed and have no result: in flight now, or in doubt after an interruption."""
    sql = "SELECT count(*) FROM message WHERE campaign = ? AND state = 1"
    return int(db.execute(sql, (campaign,)).fetchone()[0])


def count_same(db: sqlite3.Connection, campaign: int, entries: Iterable[Entry]) -> int:
    """How many entries were or may have been accepted exactly as they are now."""
    sql = "SELECT 1 FROM message WHERE campaign = ? AND identity = ? AND digest = ? AND state IN (?, ?, ?)"
    states = (State.ACCEPTED, State.UNKNOWN, State.CLAIMED)
    rows = ((campaign, entry.identity, entry.digest, *states) for entry in entries if entry.digest)
    return sum(db.execute(sql, row).fetchone() is not None for row in rows)


# ── runs ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def begin_run(
    tx: Transaction, campaign: int, *, pid: int, host: str, now: int, options: str, input_digest: bytes | None
) -> int:
    """A run starts, on a list with these bytes (None when it has none)."""
    tx.db.execute("UPDATE campaign SET input_digest = ? WHERE id = ?", (input_digest, campaign))
    sql = "INSERT INTO run (campaign, pid, host, started_at, options) VALUES (?, ?, ?, ?, ?)"
    return int(tx.db.execute(sql, (campaign, pid, host, now, options)).lastrowid or 0)


def end_run(
    tx: Transaction, run: int, campaign: int, *, now: int, exit_code: int, whole: bool, complete: bool, sent: bool,
    summary: str,
) -> None:  # fmt: skip
    """`whole`: the list was read to its end; `complete`: and nobody on it is left to try; `sent`: this run posted."""
    sql = "UPDATE run SET ended_at = ?, exit_code = ?, whole = ?, summary = ? WHERE id = ?"
    tx.db.execute(sql, (now, exit_code, whole, summary, run))
    if not complete:
        tx.db.execute("UPDATE campaign SET completed_at = NULL WHERE id = ?", (campaign,))
    elif sent:
        tx.db.execute("UPDATE campaign SET completed_at = ? WHERE id = ?", (now, campaign))
    else:  # nothing new: it stays complete since it was
        tx.db.execute("UPDATE campaign SET completed_at = coalesce(completed_at, ?) WHERE id = ?", (now, campaign))


def passed(db: sqlite3.Connection, campaign: int, trace: str) -> Passed | None:
    """The rows that runs of this trace sent to, None when there are none: accepted, and nothing is to be said of them.

    `trace` tells a list and how its messages are made (`passed.trace`).
    """
    runs: dict[int, int] = {}
    for run, options in db.execute("SELECT id, options FROM run WHERE campaign = ?", (campaign,)):
        known = orjson.loads(options or "{}")
        if known.get("trace") == trace:
            runs[run] = known["after"]
    if not runs:
        return None
    marks = ",".join("?" * len(runs))
    # Not by the index of identities: it would read the table in random order. What came before these runs cannot be
    # theirs, unless they judged it anew; such a row is looked at like any other.
    sql = (
        f"SELECT row FROM message NOT INDEXED WHERE id > ? AND campaign = ? AND run IN ({marks}) "  # noqa: S608  of marks
        "AND state = 2 AND reason IS NULL AND duplicate_of IS NULL AND row > 0"
    )
    return Passed((row for (row,) in db.execute(sql, (min(runs.values()), campaign, *runs))), runs) or None


def last_message(db: sqlite3.Connection) -> int:
    """The id of the newest message of any campaign, 0 without one."""
    return int(db.execute("SELECT coalesce(max(id), 0) FROM message").fetchone()[0])


def last_run(db: sqlite3.Connection, campaign: int) -> tuple[int, int | None] | None:
    """When the campaign's last run started and with which code it ended, None when it never ran."""
    sql = "SELECT started_at, exit_code FROM run WHERE campaign = ? ORDER BY id DESC LIMIT 1"
    row = db.execute(sql, (campaign,)).fetchone()
    return row and (int(row[0]), row[1])


def last_run_id(db: sqlite3.Connection, campaign: int) -> int:
    """The campaign's last run, 0 when it never ran."""
    return int(db.execute("SELECT coalesce(max(id), 0) FROM run WHERE campaign = ?", (campaign,)).fetchone()[0])


def result_of(entry: Entry, campaign: CampaignRow) -> Result:
    """The result of an entry as far as it is known before sending; status and outcome are filled in by the caller."""
    made = entry.item
    return Result(
        seq=0,
        campaign_id=campaign.uuid,
        campaign=campaign.name,
        status=Status.FAILED if isinstance(made, Message) else made.status,
        ref=entry.ref,
        to=made.to,
        from_=made.from_,
        country=made.country,
        encoding=made.encoding if isinstance(made, Message) else None,
        segments=made.segments if isinstance(made, Message) else None,
        row=made.row,
        warnings=made.warnings if isinstance(made, Message) else (),
    )


# ── the life of a message ─────────────────────────────────────────────────────────────────────────────────────────


def claim(tx: Transaction, messages: Sequence[int], now: int, bars: Bars | None = None) -> dict[int, str | Stopped]:
    """From here on these messages may be posted. Fails if one of them is not ready: that would be a second SMS.

    Gives those that were left ready, and why: somebody who gets nothing any more, or money that is not there.
    """
    claims = _claims(tx.db, messages, now)
    refused: dict[int, str | Stopped] = _barred(tx.db, claims, bars) if bars is not None and bars.any(tx.db) else {}
    left = [(message, one) for message, one in claims.items() if message not in refused]
    if tx.till.bound:
        for message, one in left:
            if tx.till.asks(one.campaign) and (stop := tx.till.refusal(tx, one)):
                refused[message] = stop
            else:
                tx.till.spend(tx, [one])  # at once, so that the next one finds it counted
    else:
        tx.till.spend(tx, [one for _, one in left])
    ready = [message for message in messages if message not in refused]
    marks = ",".join("?" * len(ready))
    sql = (
        f"UPDATE message SET state = 1, claimed_at = ? WHERE id IN ({marks}) "  # noqa: S608  of marks
        "AND (state = 0 OR (state = 5 AND copy = 2 AND presumed_at IS NOT NULL))"
    )
    if (missed := len(ready) - tx.db.execute(sql, (now, *ready)).rowcount) != 0:
        late = [message for message in ready if _settled_meanwhile(tx.db, message)]
        if len(late) != missed:
            raise AssertionError("a message that is not ready was about to be claimed")
        tx.till.spend(tx, [claims[message] for message in late], -1)
        refused.update(dict.fromkeys(late, SETTLED_MEANWHILE))
    return refused


SETTLED_MEANWHILE = "settled_meanwhile"


def _settled_meanwhile(db: sqlite3.Connection, message: int) -> bool:
    """Whether this was to be posted a second time, and a report has proven since that the first was accepted."""
    sql = "SELECT 1 FROM message WHERE id = ? AND state = ? AND copy = 2"
    return db.execute(sql, (message, State.ACCEPTED)).fetchone() is not None


def message_of(db: sqlite3.Connection, campaign: int, identity: bytes) -> int | None:
    """The id of a recipient's message."""
    row = db.execute("SELECT id FROM message WHERE campaign = ? AND identity = ?", (campaign, identity)).fetchone()
    return None if row is None else int(row[0])


def post_again(tx: Transaction, message: int, *, now: int, before: int) -> int | None:
    """Lets an unknown message be claimed a second time, under another ref on the wire. Once: there is no third time.

    Gives the attempts made so far; None unless it was presumed unsent, or claimed by `before` (ms).
    """
    sql = (
        "UPDATE message SET copy = 2, wire_ref = ref || ?, presumed_at = coalesce(presumed_at, ?) "
        "WHERE id = ? AND state = ? AND copy = 1 AND (presumed_at IS NOT NULL OR claimed_at <= ?) "
        "RETURNING attempts"
    )
    row = tx.db.execute(sql, (WIRE_SUFFIX, now, message, State.UNKNOWN, before)).fetchone()
    return None if row is None else int(row[0])


WIRE_SUFFIX = "~2"  # no ref of an input may end so


def _claims(db: sqlite3.Connection, messages: Sequence[int], now: int) -> dict[int, Claimed]:
    """What these messages cost, read as one value: each further row lets go of the interpreter, and waits for it."""
    marks = ",".join("?" * len(messages))
    columns = "json_group_array(json_array(id, campaign, country, number, segments))"
    sql = f"SELECT {columns} FROM message WHERE id IN ({marks})"  # noqa: S608  of marks
    rows = orjson.loads(db.execute(sql, messages).fetchone()[0])
    return {
        message: Claimed(campaign, country, number, parts, now) for message, campaign, country, number, parts in rows
    }


def _barred(db: sqlite3.Connection, claims: Mapping[int, Claimed], bars: Bars) -> dict[int, str | Stopped]:
    """Who of them gets nothing any more. Of the others it is noted that they were reached."""
    asks = {campaign: bars.asks(db, campaign) for campaign in {one.campaign for one in claims.values()}}
    barred: dict[int, str | Stopped] = {}
    for message, one in claims.items():
        if not asks[one.campaign]:
            continue
        if reason := bars.reason(db, one.campaign, one.number or "", message):
            barred[message] = reason
        else:
            bars.claimed(one.campaign, one.number or "", message)
    return barred


def release(tx: Transaction, message: int, attempts: int) -> None:
    """The attempt is proven not accepted, or was never made: the message is ready again.

    Of a second post the first is still unknown, and so is the message.
    """
    _unspend(tx, message)
    sql = f"UPDATE message SET state = {_BEFORE}, attempts = ? WHERE id = ? AND state = 1"  # noqa: S608  of constants
    tx.db.execute(sql, (attempts, message))


def take_back(tx: Transaction, message: int) -> None:
    """Like `release`, by somebody who does not know the attempts."""
    _unspend(tx, message)
    tx.db.execute(f"UPDATE message SET state = {_BEFORE} WHERE id = ? AND state = 1", (message,))  # noqa: S608


_BEFORE = "CASE copy WHEN 1 THEN 0 ELSE 5 END"


def _unspend(tx: Transaction, message: int) -> None:
    """Takes a claim that is about to end without an acceptance off what is spent."""
    sql = "SELECT campaign, country, number, segments, claimed_at FROM message WHERE id = ? AND state IN (1, 5)"
    row = tx.db.execute(sql, (message,)).fetchone()
    if row is not None and row[4] is not None:
        tx.till.spend(tx, [Claimed(*row)], -1)


def settle(tx: Transaction, campaign: int, message: int, result: Result) -> Result:
    """The final record, with the next `seq` of the campaign. Gives the result as written.

    Fails for a message that was accepted: nothing that happens later could make that untrue.
    """
    return settle_all(tx, [Settle(campaign, message, result, {})])[0]


@dataclass(frozen=True, slots=True)
class Settle:
    """`settle` as an operation, which goes together with others of its campaign.

    The result is `draft` with the fields of `outcome`: made here, once and with its `seq`, because that takes 8 µs.
    """

    campaign: int
    message: int
    draft: Result
    outcome: Mapping[str, object]

    def __call__(self, tx: Transaction) -> Result:
        return settle_all(tx, [self])[0]

    @property
    def kin(self) -> Kin:
        return settle_all, self.campaign


def settle_all(tx: Transaction, those: Sequence[Settle]) -> list[Result]:
    """What `settle` does for each of them, with a statement for all: 21 to 28 µs a message instead of 40."""
    campaign, count = those[0].campaign, len(those)
    tx.db.execute("UPDATE campaign SET seq = seq + ? WHERE id = ?", (count, campaign))
    last = int(tx.db.execute("SELECT seq FROM campaign WHERE id = ?", (campaign,)).fetchone()[0])
    written: list[Result] = []
    outcomes: list[object] = []
    lines: list[object] = []
    for seq, one in enumerate(those, last - count + 1):
        result = changed(one.draft, **one.outcome, seq=seq)
        if result.status in _COSTS_NOTHING:
            _unspend(tx, one.message)
        line = to_line(result)
        state = int(State.of(result.status))
        outcomes += (
            one.message,
            state,
            result.attempts,
            seq,
            result.msg_key,
            result.code,
            result.result,
            result.reason,
            result.http,
        )
        lines += (campaign, seq, one.message, bytearray(line))  # see above
        written.append(result)
        tx.lines.append((campaign, result, line))
    if (
        tx.db.execute(_SETTLE + ", ".join(["(?, ?, ?, ?, ?, ?, ?, ?, ?)"] * count) + _SETTLED, outcomes).rowcount
        != count
    ):
        raise AssertionError("a message that was accepted was about to get another result")
    tx.db.execute(_LINES + ", ".join(["(?, ?, ?, ?)"] * count), lines)
    return written


_SETTLE = (
    "UPDATE message SET state = done.column2, attempts = done.column3, seq = done.column4, msg_key = done.column5, "
    "code = done.column6, result = done.column7, reason = done.column8, http = coalesce(done.column9, http), "
    "presumed_at = NULL FROM (VALUES "
)
_LINES = "INSERT INTO line VALUES "
_SETTLED = ") AS done WHERE message.id = done.column1 AND message.state <> 2"
_COSTS_NOTHING = frozenset({Status.REJECTED, Status.FAILED})  # of those that may have been claimed


def recover(
    tx: Transaction, campaign: CampaignRow, *, owned_by: str | None = None, only: int | None = None
) -> list[Result]:
    """Claims without a result, left by a run that died: nobody knows whether those messages left, so `unknown`."""
    sql = (
        "SELECT id, ref, number, from_, country, encoding, segments, row, attempts, claimed_at, warnings, copy, "
        "wire_ref FROM message WHERE campaign = ? AND state = 1 AND owner IS ? AND id = coalesce(?, id) ORDER BY claimed_at, id"
    )
    settled = []
    for row in tx.db.execute(sql, (campaign.id, owned_by, only)).fetchall():
        message, ref, number, from_, country, encoding, segments, line, attempts, claimed_at, warnings, *resent = row
        result = Result(
            seq=0, campaign_id=campaign.uuid, campaign=campaign.name, status=Status.UNKNOWN, ref=ref, to=number,
            from_=from_, country=country, encoding=encoding, segments=segments, row=line, attempts=attempts + 1,
            sent_at=iso(claimed_at), reason="interrupted", warnings=tuple(warnings.split("\n")) if warnings else (),
            copy=resent[0], wire_ref=resent[1],
        )  # fmt: skip
        settled.append(settle(tx, campaign.id, message, result))
    if owned_by is None:
        tx.db.execute(_CALL_OFF, (campaign.id,))
    return settled


# A second post that was announced, and never claimed before the run died: it may be announced again.
_CALL_OFF = (
    "UPDATE message INDEXED BY message_open_ref SET copy = 1, wire_ref = NULL WHERE campaign = ? AND state = 5 "
    "AND copy = 2 AND presumed_at IS NOT NULL AND (state = 5 OR copy > 1 OR (state = 2 AND msg_key IS NULL))"
)


def claimants(db: sqlite3.Connection, campaign: int) -> list[str]:
    """The owners that have claims open."""
    sql = "SELECT DISTINCT owner FROM message WHERE campaign = ? AND state = ? AND owner IS NOT NULL"
    return [owner for (owner,) in db.execute(sql, (campaign, State.CLAIMED)).fetchall()]


def known_since(db: sqlite3.Connection, account: int) -> int | None:
    """When the ledger's first campaign of this account began; None before there is any."""
    row = db.execute("SELECT min(created_at) FROM campaign WHERE account = ?", (account,)).fetchone()
    return None if row is None else row[0]


# ── reading back ──────────────────────────────────────────────────────────────────────────────────────────────────


def latest(db: sqlite3.Connection, message: int) -> Result | None:
    """The last line about a message."""
    sql = "SELECT line.json FROM message JOIN line USING (campaign, seq) WHERE message.id = ?"
    row = db.execute(sql, (message,)).fetchone()
    found = _of_pruned(db, message) if row is None else from_line(row[0])
    return None if found is None else replace(found, replayed=True)


def _of_pruned(db: sqlite3.Connection, message: int) -> Result | None:
    """The result of a message whose line was pruned: what its row kept."""
    sql = (
        "SELECT message.seq, uuid, name, state, ref, msg_key, code, reason, country, segments, row, attempts, claimed_at, "
        "duplicate_of, copy, wire_ref FROM message JOIN campaign ON campaign.id = message.campaign "
        "WHERE message.id = ? AND message.seq <= pruned_seq"
    )
    row = db.execute(sql, (message,)).fetchone()
    if row is None or row[3] in {State.READY, State.CLAIMED}:
        return None
    seq, uuid, name, state, ref, msg_key, code, reason, country, segments, line, attempts, claimed_at, *rest = row
    return Result(
        seq=seq, campaign_id=uuid, campaign=name, status=State(state).status, ref=None if rest[0] else ref,
        msg_key=msg_key, code=code, reason=reason, country=country, segments=segments, row=line, attempts=attempts,
        sent_at=iso(claimed_at), duplicate_of=rest[0], copy=rest[1], wire_ref=rest[2],
    )  # fmt: skip


def pruned_seq(db: sqlite3.Connection, campaign: int) -> int:
    """Up to which line a campaign was pruned; 0 for one that is whole."""
    return int(db.execute("SELECT pruned_seq FROM campaign WHERE id = ?", (campaign,)).fetchone()[0])


def lines(db: sqlite3.Connection, campaign: int, after: int, upto: int | None = None) -> Iterator[bytes]:
    """The lines of the results file with `seq` over `after`, in order, byte for byte."""
    sql = "SELECT json FROM line WHERE campaign = ? AND seq > ? AND seq <= ? ORDER BY seq"
    return (line for (line,) in db.execute(sql, (campaign, after, 1 << 62 if upto is None else upto)))


# ── adopting what was sent without this ledger ────────────────────────────────────────────────────────────────────


def restore(
    tx: Transaction, campaign: CampaignRow, identities: Identities, results: Iterable[Result], *, kind: str
) -> int:
    """Takes a results file of this campaign back into a ledger that lost it, line by line. Gives the number of lines.

    `kind` is that of the campaign's list, as its lines show it.
    """
    sql = (
        "INSERT INTO message (campaign, identity, ref, duplicate_of, state, run, row, number, from_, country, "
        "encoding, segments, attempts, claimed_at, seq, msg_key, code, result, reason) "
        "VALUES (?, ?, ?, ?, ?, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (campaign, identity) DO UPDATE SET state = excluded.state, attempts = excluded.attempts, "
        "seq = excluded.seq, msg_key = excluded.msg_key, code = excluded.code, result = excluded.result, "
        "reason = excluded.reason RETURNING id"
    )
    tx.db.execute("UPDATE campaign SET kind = coalesce(kind, ?) WHERE id = ?", (kind, campaign.id))
    count = 0
    for result in results:
        values = (
            campaign.id, _identity_of_line(identities, result), result.ref, result.duplicate_of,
            State.of(result.status), result.row, result.to, result.from_, result.country, result.encoding,
            result.segments, result.attempts, epoch_ms(result.sent_at), result.seq, result.msg_key, result.code,
            result.result, result.reason,
        )  # fmt: skip
        before = tx.db.execute(_STATE, (campaign.id, values[1])).fetchone()
        message = tx.db.execute(sql, values).fetchone()[0]
        _spend_restored(tx, campaign.id, result, spent_before=before is not None and before[0] in TAKEN)
        if result.forgotten:
            tx.db.execute("UPDATE message SET number = NULL, ref = ? WHERE id = ?", (result.ref, message))
        tx.db.execute("INSERT INTO line VALUES (?, ?, ?, ?)", (campaign.id, result.seq, message, to_line(result)))
        tx.db.execute("UPDATE campaign SET seq = ? WHERE id = ?", (result.seq, campaign.id))
        if kind == "ref" and identity_of_own_ref(result.ref or "") and State.of(result.status) in TAKEN:
            # It looks like a ref of ours and may yet be the list's: copied from the results of another campaign.
            adopt(tx, campaign.id, [([identities.of_ref(str(result.ref))], result.msg_key)])
        count += 1
    return count


_STATE = "SELECT state FROM message WHERE campaign = ? AND identity = ?"


def _spend_restored(tx: Transaction, campaign: int, result: Result, *, spent_before: bool) -> None:
    """A line that was taken back counts in what was spent when it was sent."""
    spent = State.of(result.status) in TAKEN
    at = epoch_ms(result.sent_at)
    if at is not None and spent != spent_before:
        one = Claimed(campaign, result.country, result.to, result.segments, at)
        tx.till.spend(tx, [one], 1 if spent else -1)


def _identity_of_line(identities: Identities, result: Result) -> bytes:
    """A restored line's identity under the new key. Its own ref under the lost key is kept as the ref on the wire."""
    if result.forgotten and result.ref is not None and (own := identity_of_own_ref(result.ref)):
        return own  # under the same key, that of an older copy of the ledger; under another it is nobody's
    if result.ref is None:
        return identities.of_repeat(str(result.duplicate_of).encode(), result.seq)
    if identity_of_own_ref(result.ref) is None:
        return identities.of_ref(result.ref)
    # A row without a readable number is not known again: it binds nobody, and gets a line of its own at the next run.
    return identities.of_number(result.to or result.ref)


def adopt(tx: Transaction, campaign: int, sent: Iterable[tuple[Sequence[bytes], str | None]]) -> int:
    """Marks recipients as sent to elsewhere: (identities, msgKey or None). Gives the number of those not yet marked."""
    sql = "INSERT OR IGNORE INTO adopted VALUES (?, ?, ?)"
    count = 0
    for keys, msg_key in sent:
        marked = sum(tx.db.execute(sql, (campaign, identity, msg_key)).rowcount for identity in keys)
        count += marked > 0
    return count


def adopting(db: sqlite3.Connection, campaign: int) -> bool:
    return db.execute("SELECT 1 FROM adopted WHERE campaign = ? LIMIT 1", (campaign,)).fetchone() is not None
