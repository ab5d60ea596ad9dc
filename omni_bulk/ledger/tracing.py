"""One recipient's story: every message of the ledger that a number, a ref or a msgKey means, and all that is known of it.

Only reads, on a connection of `read_ledger` with the reports attached. A number is found by its identity in each
campaign (no index of numbers is kept for those), so the time grows with the campaigns, not with the messages.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count

from omni_bulk.explaining import Inquiry, Traced
from omni_bulk.identity import Identities, Numbers, identity_of_own_ref
from omni_bulk.joining import base_ref
from omni_bulk.ledger.reports import message_of, of_message, of_msg_key, with_verdict
from omni_bulk.ledger.schema import ledger_key
from omni_bulk.model import Report, State, Whose

_STRANGE = (Whose.DOUBLE, Whose.WAITING, Whose.HINT)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person typed, and the numbers (E.164) that it may be. `cell`: as it may stand in a list, where no number
    could be read from it.
    """

    cell: str = field(repr=False)
    numbers: tuple[str, ...] = field(default=(), repr=False)
    surely_a_number: bool = False


def find(db: sqlite3.Connection, asked: Asked) -> dict[int, str]:
    """The messages (by id) that are meant, and by what each was found."""
    found: dict[int, str] = {}
    key, ref = ledger_key(db), base_ref(asked.cell)
    own = identity_of_own_ref(ref)
    campaigns = {int(row[0]): Identities(key, row[1]) for row in db.execute("SELECT id, uuid FROM campaign")}
    for campaign, identities in campaigns.items():
        numbers = [identities.of_number(one) for one in dict.fromkeys((*asked.numbers, asked.cell))]
        refs = [identities.of_ref(ref), *filter(None, [own])]
        for how, digests in (("number", numbers), ("ref", refs)):
            for digest in digests:
                for message in _with_repeats(db, campaign, identities, digest):
                    found.setdefault(message, how)
    # Messages known by a ref of the list's own: their identity says nothing of their number, but these have an index.
    sql = "SELECT campaign, identity FROM message WHERE number = ? AND substr(ref, 1, 3) <> 'ob-'"
    for number in asked.numbers:
        for campaign, identity in db.execute(sql, (number,)).fetchall():
            found |= dict.fromkeys(_with_repeats(db, campaign, campaigns[campaign], identity), "number")
    if not asked.surely_a_number:
        for message in _bearers(db, asked.cell, scan=not found):
            found.setdefault(message, "msgKey")
    if not found and own is not None:  # a ref of a ledger that was lost: its digest says nothing under the new key
        found = {int(row[0]): "ref" for row in db.execute("SELECT id FROM message WHERE ref = ?", (ref,))}
    return found


def _with_repeats(db: sqlite3.Connection, campaign: int, identities: Identities, identity: bytes) -> Iterator[int]:
    """The message of this identity, and the lines about rows that repeat it."""
    sql = "SELECT id FROM message WHERE campaign = ? AND identity = ?"
    if (row := db.execute(sql, (campaign, identity)).fetchone()) is None:
        return
    yield int(row[0])
    for times in count(1):
        row = db.execute(sql, (campaign, identities.of_repeat(identity, times))).fetchone()
        if row is None:
            return
        yield int(row[0])


def _bearers(db: sqlite3.Connection, msg_key: str, *, scan: bool) -> Iterator[int]:
    """The messages that bear a msgKey. `scan`: also look through what was sent since reports were last joined, which no
    index knows by msgKey yet.
    """
    known = False
    for message in message_of(db, msg_key):
        own = db.execute("SELECT msg_key FROM message WHERE id = ?", (message,)).fetchone()
        if own is not None and (own[0] == msg_key or any(one.msg_key == msg_key for one in of_message(db, message))):
            known = True
            yield message
    for report in with_verdict(db, _STRANGE):
        if report.msg_key == msg_key and report.message is not None:
            known = True
            yield report.message
    if known or not scan:
        return
    sql = (
        "SELECT message.id FROM campaign LEFT JOIN caught ON caught.campaign = campaign.id "
        "CROSS JOIN line ON line.campaign = campaign.id AND line.seq > coalesce(caught.seq, 0) "
        "CROSS JOIN message ON message.id = line.message WHERE message.msg_key = ?"
    )
    yield from (int(row[0]) for row in db.execute(sql, (msg_key,)).fetchall())


_MESSAGE = """
SELECT campaign.name, uuid, client_id, origin, state, number, ref, duplicate_of, from_, country, encoding, segments, row,
    warnings, attempts, claimed_at, msg_key, code, result, reason, copy, wire_ref, http, presumed_at,
    coalesce(message.resend_after, campaign.resend_after), run.started_at, pruned_seq > 0
FROM message JOIN campaign ON campaign.id = message.campaign JOIN account ON account.id = campaign.account
LEFT JOIN run ON run.id = message.run AND run.campaign = message.campaign WHERE message.id = ?
"""


def trace(db: sqlite3.Connection, message: int, found_by: str) -> Traced:
    """All that is known of one message."""
    name, uuid, client_id, origin, state, *rest = db.execute(_MESSAGE, (message,)).fetchone()
    (
        number, ref, duplicate_of, from_, country, encoding, segments, row, warnings, attempts, claimed_at, msg_key, code,
        result, reason, copy, wire_ref, http, presumed_at, resend_after, run_at, pruned,
    ) = rest  # fmt: skip
    lines = db.execute("SELECT json FROM line WHERE message = ? ORDER BY seq", (message,))
    asked = db.execute("SELECT at, found FROM inquired WHERE message = ?", (message,)).fetchone()
    return Traced(
        message, found_by, name, uuid, client_id, origin, State(state), number, ref, duplicate_of, from_, country,
        encoding, segments, row, tuple(warnings.split("\n") if warnings else ()), attempts, claimed_at, msg_key, code,
        result, reason, copy, wire_ref, http, presumed_at, resend_after, run_at, bool(pruned),
        tuple(bytes(line) for (line,) in lines), tuple(of_message(db, message)),
        None if asked is None else Inquiry(*asked),
    )  # fmt: skip


def strays(db: sqlite3.Connection, asked: Asked, refs: Iterable[str], ours: Sequence[Traced]) -> list[Report]:
    """Reports that are nobody's: those that bear the msgKey asked for, and those that bear one of these refs and were
    not taken for the message.
    """
    accounts = [int(row[0]) for row in db.execute("SELECT id FROM account ORDER BY id")]
    named = {*refs, base_ref(asked.cell)}
    found = [one for account in accounts for one in of_msg_key(db, account, asked.cell)]
    found += [one for one in with_verdict(db, (Whose.UNMATCHED,)) if one.ref is not None and base_ref(one.ref) in named]
    told = {one.id for message in ours for one in message.reports}
    return list({one.id: one for one in found if one.id not in told}.values())


def barred(db: sqlite3.Connection, numbers: Iterable[str]) -> list[tuple[str, str, int, str | None]]:
    """Which of these numbers get nothing at all: (number, kind, since in ms, note)."""
    digests = Numbers(ledger_key(db))
    sql = "SELECT kind, added_at, note FROM suppressed WHERE digest = ?"
    found = ((one, db.execute(sql, (digests.of(one),)).fetchone()) for one in numbers)
    return [(one, str(row[0]), int(row[1]), row[2]) for one, row in found if row is not None]
