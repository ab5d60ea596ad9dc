"""What is written and read of delivery reports: the SQL of `report_file`.

Functions that write take the open transaction of the reports file and at most `WIDE` rows; they never commit. Functions
that read work on that connection, and on a reader of the ledger with the reports attached (`report_file.attach_reports`).
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import orjson

from omni_bulk.identity import Identities, identity_of_own_ref
from omni_bulk.joining import GRACE, Candidate, Judgement, base_ref, key_digest, report_key
from omni_bulk.ledger.writer import Transaction
from omni_bulk.model import Report, State, Way, Whose
from omni_bulk.results import from_line

BLOCK = 200  # reports of one transaction, so that nobody waits long for the write lock
WIDE = 2_000  # of one transaction of an import: some 40 ms, and pages that ten blocks would write are written once
AT_ONCE = (1_000, 200, 20, 1)  # reports that one statement stores: each has 19 values, and SQLite takes 32,766
WEIGHTY = 1_000  # reports that count like one operation towards the next checkpoint: of wide ones each writes less
LEARN = 10_000  # msgKeys learnt in one transaction: some 40 ms
GAP_MAX = 70 * 3_600_000  # ms between two emptyings of the queue in which no report can have died: 3 days, less 2 h

_FIELDS = (
    "msg_key", "ref", "type", "code", "text", "at", "sent_at", "service", "msg_type", "carrier", "parts", "json", "source",
    "proven", "received_at", "id", "message", "verdict", "reason",
)  # fmt: skip
_COLUMNS = ", ".join(_FIELDS)

_MESSAGE = _COLUMNS.split(", ").index("message")


def _report(row: Sequence[Any]) -> Report:
    fields = dict(zip(_FIELDS, row, strict=True))
    verdict = fields.pop("verdict")
    fields |= {"source": Way(fields["source"]), "proven": bool(fields["proven"])}
    return Report(**fields, whose=None if verdict is None else Whose(verdict))


# ── reading ───────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Queue:
    """What is known of an account's queue of reports. Times are ms, None for never.

    `own`: whether it is this ledger's alone (None: nothing came yet). `polled_at`: the last poll that was answered,
    `emptied_at`: the last one that found nothing, `received_at`: the last report by webhook. `collected` and
    `duplicates` count reports over all time, `batches` the acked ones. `filed`: the last report in ``reports.jsonl``.
    """

    own: bool | None = None
    polled_at: int | None = None
    emptied_at: int | None = None
    received_at: int | None = None
    batches: int = 0
    collected: int = 0
    duplicates: int = 0
    filed: int = 0


def queue_of(db: sqlite3.Connection, account: int) -> Queue:
    """The queue of an account."""
    sql = (
        "SELECT own, polled_at, emptied_at, received_at, batches, collected, duplicates, filed FROM queue "
        "WHERE account = ?"
    )
    row = db.execute(sql, (account,)).fetchone()
    return Queue() if row is None else Queue(None if row[0] is None else bool(row[0]), *row[1:])


def of_message(db: sqlite3.Connection, message: int) -> list[Report]:
    """Every report of one message, the oldest first."""
    sql = f"SELECT {_COLUMNS} FROM report WHERE message = ? ORDER BY at, id"  # noqa: S608  of constants
    return [_report(row) for row in db.execute(sql, (message,))]


def of_messages(db: sqlite3.Connection, messages: Sequence[int]) -> dict[int, list[Report]]:
    """Every report of these messages, by message; whoever has none is left out."""
    sql = f"SELECT {_COLUMNS} FROM report WHERE message IN (SELECT value FROM json_each(?))"  # noqa: S608  of constants
    found: dict[int, list[Report]] = {}
    for row in db.execute(sql, (json.dumps(messages),)):
        report = _report(row)
        found.setdefault(int(row[_MESSAGE]), []).append(report)
    return found


def of_msg_key(db: sqlite3.Connection, account: int, msg_key: str) -> list[Report]:
    """Every report that bears one msgKey, ours or not, the oldest first."""
    ours = [report for message in message_of(db, msg_key) for report in of_message(db, message)]
    sql = f"SELECT {_COLUMNS} FROM report WHERE msg_key = ? AND message IS NULL AND account = ?"  # noqa: S608
    strays = [_report(row) for row in db.execute(sql, (msg_key, account))]
    return sorted((*(one for one in ours if one.msg_key == msg_key), *strays), key=lambda one: (one.at or 0, one.id))


def with_verdict(db: sqlite3.Connection, verdicts: Iterable[Whose]) -> Iterator[Report]:
    """The reports of any account with one of these verdicts, of which there are few: all but joined and foreign ones."""
    for verdict in verdicts:
        index = "report_open" if verdict in {Whose.WAITING, Whose.HINT} else "report_strange"
        condition = (
            "(verdict IS NULL OR verdict IN ('waiting', 'hint'))" if index == "report_open"
            else "verdict IN ('double', 'unmatched', 'foreign')"
        )  # fmt: skip
        # The condition is that of the partial index, word by word: SQLite takes it for nothing else. The accounts are
        # named because the index begins with them: without, every foreign report would be passed over one by one.
        sql = (
            f"SELECT {_COLUMNS} FROM report INDEXED BY {index} WHERE account IN (SELECT account.id FROM account) "  # noqa: S608
            f"AND verdict = ? AND {condition}"
        )
        yield from (_report(row) for row in db.execute(sql, (verdict,)))


def message_of(db: sqlite3.Connection, msg_key: str) -> list[int]:
    """The messages that may bear a msgKey (nearly always one): compare with their own before believing it."""
    digest = int.from_bytes(key_digest(msg_key), "big", signed=True)
    return [int(row[0]) for row in db.execute("SELECT message FROM key WHERE digest = ?", (digest,))]


def doubles(db: sqlite3.Connection, campaign: int) -> list[int]:
    """The messages of a campaign that were accepted twice without a resend."""
    # From the few doubles to their messages: by itself SQLite goes through every message of the campaign.
    sql = (
        "SELECT DISTINCT message.id FROM report INDEXED BY report_strange CROSS JOIN message ON message.id = report.message "
        "WHERE report.account = (SELECT account FROM campaign WHERE id = :campaign) AND report.verdict = 'double' "
        "AND report.verdict IN ('double', 'unmatched', 'foreign') AND message.campaign = :campaign"
    )
    return [int(row[0]) for row in db.execute(sql, {"campaign": campaign})]


def covered(db: sqlite3.Connection, account: int, since: int, until: int) -> bool:
    """Whether no report that came between these times can have died unread."""
    sql = "SELECT 1 FROM stretch WHERE account = ? AND since <= ? AND until >= ?"
    return db.execute(sql, (account, since + GAP_MAX, until)).fetchone() is not None


# ── whose they are ────────────────────────────────────────────────────────────────────────────────────────────────


def add_functions(db: sqlite3.Connection) -> None:
    """What the SQL below calls: ``key_of(msgKey)``, the digest under which a msgKey is found."""
    db.create_function("key_of", 1, _key_of, deterministic=True)


def _key_of(msg_key: str) -> int:
    return int.from_bytes(key_digest(msg_key), "big", signed=True)


def behind(db: sqlite3.Connection) -> list[tuple[int, int]]:
    """The campaigns whose accepted messages are not all known by their msgKey: (campaign, last line known)."""
    sql = (
        "SELECT campaign.id, coalesce(caught.seq, 0) FROM ledger.campaign LEFT JOIN caught ON caught.campaign = "
        "campaign.id WHERE campaign.seq > coalesce(caught.seq, 0)"
    )
    return db.execute(sql).fetchall()


def forget_if_restored(tx: Transaction) -> None:
    """A ledger that is not the one we caught up with was restored from a copy: its msgKeys are learnt anew.

    Its ids are given again, to other campaigns and messages. So what was joined and does not fit is judged again.
    """
    sql = "SELECT campaign, seq, value FROM caught LEFT JOIN main.meta ON name = 'caught:' || campaign"
    caught = tx.db.execute(sql)
    if all(_is_the_same(tx.db, *row) for row in caught.fetchall()):
        return
    for table in ("key", "caught", "inquired", "meta WHERE name LIKE 'caught:%'"):
        tx.db.execute(f"DELETE FROM {table}")  # noqa: S608  constants
    tx.db.execute(
        "UPDATE report SET message = NULL, verdict = NULL, reason = NULL WHERE message IS NOT NULL AND NOT EXISTS "
        "(SELECT 1 FROM ledger.message AS sent WHERE sent.id = report.message AND sent.msg_key = report.msg_key)"
    )


def _is_the_same(db: sqlite3.Connection, campaign: int, seq: int, mark: bytes | None) -> bool:
    """Whether the ledger's campaign is the one that was caught up with up to this line."""
    row = db.execute("SELECT seq, pruned_seq FROM ledger.campaign WHERE id = ?", (campaign,)).fetchone()
    if row is None or row[0] < seq:
        return False
    return mark is None or seq <= row[1] or mark == _mark_of(db, campaign, seq)


def _mark_of(db: sqlite3.Connection, campaign: int, seq: int) -> bytes | None:
    """By what a line is known again: never its bytes, of which `forget` may take some."""
    sql = "SELECT uuid, json FROM ledger.line JOIN ledger.campaign ON campaign.id = campaign WHERE campaign = ? AND line.seq = ?"
    row = db.execute(sql, (campaign, seq)).fetchone()
    if row is None:
        return None
    try:
        line = from_line(row[1])
    except ValueError:
        return None
    return f"{row[0]} {line.status} {line.msg_key} {line.sent_at}".encode()


_ANY_STRAY = "SELECT EXISTS (SELECT 1 FROM report INDEXED BY report_stray WHERE message IS NULL)"


def catch_up(tx: Transaction, campaign: int, after: int) -> int:
    """Learns the msgKeys in the next `LEARN` lines of a campaign. Gives the last line looked at."""
    next_lines = "SELECT seq FROM ledger.line WHERE campaign = ? AND seq > ? ORDER BY seq LIMIT ?"
    sql = f"SELECT max(seq), (SELECT seq FROM ledger.campaign WHERE id = ?) FROM ({next_lines})"  # noqa: S608  a constant
    found, end = tx.db.execute(sql, (campaign, campaign, after, LEARN)).fetchone()
    last = int(end if found is None else found)  # lines may have been pruned
    learnt = (
        "FROM ledger.line JOIN ledger.message AS sent ON sent.id = line.message WHERE line.campaign = ? AND line.seq > ? "
        "AND line.seq <= ? AND sent.msg_key IS NOT NULL AND sent.state = 2"
    )
    # In the order of the index, so that each of its pages is written once.
    sql = f"INSERT OR IGNORE INTO key SELECT key_of(sent.msg_key) AS digest, sent.id {learnt} ORDER BY digest"
    tx.db.execute(sql, (campaign, after, last))
    # A report may be faster than the answer to its message, and bear no ref: it was nobody's until now.
    if tx.db.execute(_ANY_STRAY).fetchone()[0]:
        sql = f"UPDATE report SET verdict = NULL WHERE message IS NULL AND msg_key IN (SELECT sent.msg_key {learnt})"  # noqa: S608
        tx.db.execute(sql, (campaign, after, last))
    tx.db.execute("INSERT INTO caught VALUES (?, ?) ON CONFLICT DO UPDATE SET seq = excluded.seq", (campaign, last))
    if (mark := _mark_of(tx.db, campaign, last)) is not None:
        tx.db.execute("INSERT OR REPLACE INTO main.meta VALUES (?, ?)", (f"caught:{campaign}", mark))
    return last


# In one row: after each row `sqlite3` gives the interpreter away, and another thread that is busy keeps it for 5 ms.
_BY_KEY = (
    "SELECT json_group_array(json_array(key.digest, message.msg_key, message.id)) FROM key JOIN ledger.message "
    "ON message.id = key.message WHERE key.digest IN (SELECT value FROM json_each(?)) "
    "AND message.campaign IN (SELECT id FROM ledger.campaign WHERE account = ?)"
)


def bearers(db: sqlite3.Connection, account: int, msg_keys: Iterable[str]) -> dict[str, int]:
    """The account's messages that bear these msgKeys. In one question: one for each would take three times as long."""
    wanted = {*msg_keys} - {""}
    digests = {_key_of(msg_key): msg_key for msg_key in wanted}
    found: dict[str, int] = {}
    ((told,),) = db.execute(_BY_KEY, (orjson.dumps([*digests]).decode(), account))
    for digest, msg_key, message in orjson.loads(told):
        # A message that was accepted without a msgKey has it from its report.
        bears = digests[digest] if msg_key is None else msg_key
        if bears in wanted:
            found[bears] = message
    return found


@dataclass(frozen=True, slots=True)
class Stored:
    """What a block of reports was: `fresh` reports, `joined` of them to a message of ours at once, and copies."""

    fresh: int = 0
    joined: int = 0
    duplicates: int = 0


Row = tuple[Any, ...]
"""A report as it is stored, by the columns of `_GIVEN`."""

_GIVEN = (
    "key", "msg_key", "ref", "type", "code", "text", "at", "sent_at", "service", "msg_type", "carrier", "parts", "json",
    "source", "proven", "received_at",
)  # fmt: skip
_PROVEN = _GIVEN.index("proven")


def row_of(report: Report) -> Row:
    """What is stored of a report, before anybody looks whose it is."""
    # `str()`, `int()` and the bytearrays here and below: sqlite3 looks for adapters of all enums, bools and bytes, which
    # takes 1 to 3 µs a value.
    return (
        report_key(report), report.msg_key, report.ref, report.type, report.code, report.text, report.at, report.sent_at,
        report.service, report.msg_type, report.carrier, report.parts, bytearray(report.json), str(report.source),
        int(report.proven), report.received_at,
    )  # fmt: skip


@cache
def _insert(rows: int) -> str:
    """What stores so many reports in one statement, all but the copies of what is there."""
    columns = ("account", *_GIVEN, "message", "verdict")
    row = f"({', '.join('?' * len(columns))})"
    every = ", ".join([row] * rows)
    return f"INSERT INTO report ({', '.join(columns)}) VALUES {every} ON CONFLICT (account, key) DO NOTHING"  # noqa: S608


# A copy that came by an authenticated way replaces one that did not: whoever forged that may have changed its ref. What
# was not ours then may be by now (a campaign that was adopted), so it is judged again.
_AGAIN = (
    "UPDATE report SET (ref, text, sent_at, service, msg_type, carrier, parts, json, source, proven, verdict, reason) = "
    "(:ref, :text, :sent_at, :service, :msg_type, :carrier, :parts, :json, :source, 1, "
    "CASE verdict WHEN 'joined' THEN verdict END, CASE WHEN verdict <> 'hint' THEN reason END) "
    "WHERE account = :account AND key = :key AND proven = 0"
)
_REOPEN = "UPDATE report SET verdict = NULL WHERE account = ? AND key = ? AND verdict IN ('foreign', 'unmatched')"


def store(tx: Transaction, account: int, rows: Sequence[Row]) -> Stored:
    """Stores a block of reports; those whose msgKey is known are joined in the same breath."""
    keyed: dict[bytes, Row] = {}
    for row in rows:
        keyed.setdefault(row[0], row)  # of copies in one block the first stays
    ours = bearers(tx.db, account, [row[1] for row in keyed.values()])
    last = tx.db.execute("SELECT coalesce(max(id), 0) FROM report").fetchone()[0]
    fresh = _add(tx.db, account, list(keyed.values()), ours)
    known = _known(tx.db, account, keyed, last) if fresh < len(keyed) else set()
    for key in known:
        tx.db.execute(_REOPEN, (account, key))
        if (row := keyed[key])[_PROVEN]:
            tx.db.execute(_AGAIN, {"account": account, **dict(zip(_GIVEN, row, strict=True))})
    joined = sum(row[1] in ours for key, row in keyed.items() if key not in known)
    stored = Stored(fresh, joined, len(rows) - fresh)
    sql = (
        "INSERT INTO queue (account, collected, duplicates) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET "
        "collected = collected + excluded.collected, duplicates = duplicates + excluded.duplicates"
    )
    tx.db.execute(sql, (account, stored.fresh, stored.duplicates))
    tx.weight += len(rows) // WEIGHTY
    return stored


def _add(db: sqlite3.Connection, account: int, rows: Sequence[Row], ours: Mapping[str, int]) -> int:
    """Stores them but for copies, and gives how many that were."""
    added = at = 0
    for size in AT_ONCE:
        while at + size <= len(rows):
            values: list[object] = []
            for row in rows[at : at + size]:
                message = ours.get(row[1])
                values += (account, bytearray(row[0]), *row[1:], message, None if message is None else _JOINED)
            added += db.execute(_insert(size), tuple(values)).rowcount
            at += size
    return added


_JOINED = str(Whose.JOINED)


def _known(db: sqlite3.Connection, account: int, keys: Iterable[bytes], last: int) -> set[bytes]:
    """Those of these keys that a report up to this id has."""
    keys = list(keys)
    marks = ",".join("?" * len(keys))
    sql = f"SELECT key FROM report WHERE account = ? AND key IN ({marks}) AND id <= ?"  # noqa: S608  of marks
    return {bytes(key) for (key,) in db.execute(sql, (account, *keys, last))}


def open_reports_of(db: sqlite3.Connection, account: int, after: int) -> list[Report]:
    """The next `BLOCK` reports that are not judged for good, by id."""
    sql = (
        f"SELECT {_COLUMNS} FROM report WHERE account = ? AND (verdict IS NULL OR verdict IN ('waiting', 'hint')) "  # noqa: S608
        "AND id > ? ORDER BY id LIMIT ?"
    )
    return [_report(row) for row in db.execute(sql, (account, after, BLOCK))]


def pronounce(tx: Transaction, account: int, judged: Iterable[tuple[Report, Judgement]]) -> None:
    """Writes down whose each report is, if nobody did meanwhile. A message that had no msgKey is known by this one."""
    sql = (
        "UPDATE report SET verdict = ?, message = ?, reason = ? WHERE id = ? AND account = ? "
        "AND (verdict IS NULL OR verdict IN ('waiting', 'hint'))"
    )
    for report, judgement in judged:
        tx.db.execute(sql, (judgement.whose, judgement.message, judgement.reason, report.id, account))
        if judgement.whose is Whose.JOINED:
            tx.db.execute("INSERT OR IGNORE INTO key VALUES (?, ?)", (_key_of(report.msg_key), judgement.message))


_CANDIDATE = "id, state, msg_key, claimed_at, copy, campaign"
_OPEN = (
    f"SELECT {_CANDIDATE} FROM ledger.message WHERE ref = ? AND "  # noqa: S608  of constants
    "(state = 5 OR copy > 1 OR (state = 2 AND msg_key IS NULL))"
)
_SENT = f"SELECT {_CANDIDATE} FROM ledger.message WHERE campaign = ? AND identity = ?"  # noqa: S608


class Searcher:
    """Finds the messages of an account that bear a ref, as the ledger is at this moment."""

    def __init__(self, db: sqlite3.Connection, account: int, key: bytes) -> None:
        self._db = db
        self._account = account
        runs = "SELECT min(started_at), max(coalesce(ended_at, ?)) FROM ledger.run WHERE campaign = ?"
        self._campaigns: dict[int, tuple[int, int]] = {}
        self._identities: dict[int, Identities] = {}
        rows = db.execute("SELECT id, uuid, created_at FROM ledger.campaign WHERE account = ?", (account,)).fetchall()
        for campaign, uuid, created_at in rows:
            began, ended = db.execute(runs, (_EVER, campaign)).fetchone()
            # Single sends have no runs, nor has what was adopted.
            self._campaigns[campaign] = (created_at, _EVER) if began is None else (min(began, created_at), ended)
            self._identities[campaign] = Identities(key, uuid)

    def __call__(self, report: Report) -> list[Candidate]:
        """Every message that its ref may mean: those open whenever they were sent, others of campaigns of that time."""
        if report.ref is None:
            return []
        ref, found = base_ref(report.ref), {}
        for row in self._db.execute(_OPEN, (ref,)):
            if row[5] in self._campaigns:
                found[row[0]] = self._candidate(row)
        for campaign in self._at_work(report.sent_at):
            own = identity_of_own_ref(ref)
            for identity in filter(None, (own, self._identities[campaign].of_ref(ref))):
                for row in self._db.execute(_SENT, (campaign, identity)):
                    found[row[0]] = self._candidate(row)
        return list(found.values())

    def _at_work(self, at: int | None) -> Iterator[int]:
        """The campaigns that were sending then."""
        if at is None:
            return iter(())
        return (one for one, (began, ended) in self._campaigns.items() if began - GRACE <= at <= ended + GRACE)

    def _candidate(self, row: Sequence[Any]) -> Candidate:
        message, state, msg_key, claimed_at, copy, campaign = row
        return Candidate(message, State(state), msg_key, claimed_at, copy, self._campaigns[campaign][0])


_EVER = 1 << 60  # ms


# ── the queue ─────────────────────────────────────────────────────────────────────────────────────────────────────


def polled(tx: Transaction, account: int, now: int, *, empty: bool) -> None:
    """An answered poll. One that found nothing goes on with a stretch in which no report died, or begins one."""
    sql = (
        "INSERT INTO queue (account, polled_at, emptied_at) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET "
        "polled_at = excluded.polled_at, emptied_at = coalesce(excluded.emptied_at, emptied_at)"
    )
    tx.db.execute(sql, (account, now, now if empty else None))
    if empty:
        sql = "UPDATE stretch SET until = ? WHERE account = ? AND until BETWEEN ? AND ?"
        if tx.db.execute(sql, (now, account, now - GAP_MAX, now)).rowcount == 0:
            tx.db.execute("INSERT OR REPLACE INTO stretch VALUES (?, ?, ?)", (account, now, now))


def acked(tx: Transaction, account: int) -> None:
    """A batch was deleted from the queue."""
    sql = "INSERT INTO queue (account, batches) VALUES (?, 1) ON CONFLICT DO UPDATE SET batches = batches + 1"
    tx.db.execute(sql, (account,))


def own_queue(tx: Transaction, account: int) -> None:
    """The queue may be emptied from now on."""
    tx.db.execute("INSERT INTO queue (account, own) VALUES (?, 1) ON CONFLICT DO UPDATE SET own = 1", (account,))


def pushed(tx: Transaction, account: int, now: int) -> None:
    """A report came by webhook."""
    sql = "INSERT INTO queue (account, received_at) VALUES (?, ?) ON CONFLICT DO UPDATE SET received_at = ?"
    tx.db.execute(sql, (account, now, now))


# ── into files ────────────────────────────────────────────────────────────────────────────────────────────────────


def filed(tx: Transaction, account: int, last: int) -> None:
    """Reports up to this id are in the file."""
    sql = (
        "INSERT INTO queue (account, filed) VALUES (?, ?) ON CONFLICT DO UPDATE SET filed = max(filed, excluded.filed)"
    )
    tx.db.execute(sql, (account, last))


def after(db: sqlite3.Connection, account: int, last: int) -> list[Report]:
    """The next `BLOCK` reports after this id, for the file."""
    sql = f"SELECT {_COLUMNS} FROM report WHERE account = ? AND id > ? ORDER BY id LIMIT ?"  # noqa: S608
    return [_report(row) for row in db.execute(sql, (account, last, BLOCK))]


# ── asking about single messages ──────────────────────────────────────────────────────────────────────────────────


def silent(
    db: sqlite3.Connection,
    campaign: int,
    *,
    after: int,
    claimed_from: int,
    claimed_to: int,
    asked_before: int,
    least: int,
) -> list[tuple[int, str]]:
    """The next `BLOCK` accepted messages (id over `after`) of which fewer than `least` reports came: (id, msgKey).

    Claimed in the given time; not those about which was asked since `asked_before`.
    """
    sql = (
        "SELECT id, msg_key FROM ledger.message WHERE id > ? AND campaign = ? AND state = 2 AND msg_key IS NOT NULL "
        "AND claimed_at BETWEEN ? AND ? "
        "AND NOT EXISTS (SELECT 1 FROM inquired WHERE inquired.message = message.id AND inquired.at >= ?) "
        "AND (SELECT count(*) FROM report WHERE report.message = message.id) < ? ORDER BY id LIMIT ?"
    )
    return db.execute(sql, (after, campaign, claimed_from, claimed_to, asked_before, least, BLOCK)).fetchall()


def hints(db: sqlite3.Connection, account: int) -> list[str]:
    """The msgKeys that would settle an unknown if somebody vouched for them."""
    sql = (
        "SELECT DISTINCT msg_key FROM report WHERE account = ? AND (verdict IS NULL OR verdict IN ('waiting', 'hint')) "
        "AND verdict = 'hint'"
    )
    return [str(row[0]) for row in db.execute(sql, (account,))]


def asked(tx: Transaction, message: int, now: int, found: int) -> None:
    """A message was inquired about."""
    sql = "INSERT INTO inquired VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET at = excluded.at, found = excluded.found"
    tx.db.execute(sql, (message, now, found))


def count_foreign(db: sqlite3.Connection, account: int, reports: Iterable[Report]) -> int:
    """How many of these reports are another system's."""
    sql = "SELECT 1 FROM report WHERE account = ? AND key = ? AND verdict = 'foreign'"
    return sum(db.execute(sql, (account, report_key(report))).fetchone() is not None for report in reports)


# ── letting go ──────────────────────────────────────────────────────────────────────────────────────────────────────


def whole_of_campaign(db: sqlite3.Connection, campaign: int) -> Iterator[Report]:
    """The reports of a campaign's messages that are still kept as they were received, by message.

    By message, because the reports of one campaign lie anywhere among those of all others.
    """
    columns = ", ".join(f"report.{name}" for name in _FIELDS)
    block = (
        "SELECT id FROM ledger.message INDEXED BY message_campaign WHERE campaign = ? AND id > ? ORDER BY id LIMIT ?"
    )
    sql = f"SELECT {columns} FROM report WHERE message IN (SELECT value FROM json_each(?)) AND json <> x''"  # noqa: S608
    last = 0
    while messages := [row[0] for row in db.execute(block, (campaign, last, BLOCK))]:
        yield from map(_report, db.execute(sql, (json.dumps(messages),)).fetchall())
        last = messages[-1]


# ── silence ───────────────────────────────────────────────────────────────────────────────────────────────────────


def answered(db: sqlite3.Connection, campaign: int) -> dict[tuple[int, str | None], tuple[int, int]]:
    """By run and country, how many messages of a campaign were accepted, and of how many of them a report came."""
    sql = (
        "SELECT run, country, count(*), sum(EXISTS (SELECT 1 FROM report WHERE report.message = message.id)) "
        "FROM ledger.message WHERE campaign = ? AND state = ? AND reason IS NOT 'already_sent' GROUP BY run, country"
    )
    rows = db.execute(sql, (campaign, State.ACCEPTED))
    return {(run, country): (accepted, reported) for run, country, accepted, reported in rows}
