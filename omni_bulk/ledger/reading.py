"""What people ask of a ledger: who is on a campaign, what became of them, who ran what. Only reads.

Functions take a connection of `read_ledger`, to which the reports are attached as `reports`. Times are milliseconds
since 1970. Nothing here keeps more than a group of rows in memory.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from omni_bulk.delivery import Codes, Fate, Said, fold
from omni_bulk.ledger.reports import of_messages
from omni_bulk.model import CampaignRow, State
from omni_bulk.results import iso
from omni_bulk.spans import Span

GROUP = 500  # recipients whose reports are fetched at once

# ── recipients ────────────────────────────────────────────────────────────────────────────────────────────────────

# In the order of the list: `message.id` grows as rows are admitted, and the lines lie beside each other in nearly the
# same order. What binds nobody counts only as the last run judged it, as in `book.standing`.
_RECIPIENTS = """
SELECT message.id, message.state, line.json,
    message.seq, message.ref, message.msg_key, message.code, message.result, message.reason, message.number,
    message.from_, message.country, message.encoding, message.segments, message.row, message.attempts,
    message.claimed_at, message.warnings, message.duplicate_of
FROM message LEFT JOIN line ON line.campaign = message.campaign AND line.seq = message.seq
WHERE message.campaign = :campaign AND (message.state NOT IN (4, 6, 7) OR message.run = :run)
    AND (:start IS NULL OR message.claimed_at >= :start) AND (:end IS NULL OR message.claimed_at < :end)
ORDER BY message.id
"""
_OPEN = {State.READY: "ready", State.CLAIMED: "inDoubt"}


def recipients(db: sqlite3.Connection, campaign: CampaignRow, span: Span) -> Iterator[tuple[int, dict[str, Any]]]:
    """Everybody on a campaign as the ledger has them now: (message id, the fields of a results line).

    Who has no result yet is `ready` or `inDoubt`. A `span` keeps those who were posted to in it, by the time of the
    claim, which is milliseconds before that of the post.
    """
    asked = {"campaign": campaign.id, "run": last_run_id(db, campaign.id), "start": span.start, "end": span.end}
    for message, state, line, *columns in db.execute(_RECIPIENTS, asked):
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


def last_run_id(db: sqlite3.Connection, campaign: int) -> int:
    """The id of the campaign's last run, 0 when it never ran."""
    return int(db.execute("SELECT coalesce(max(id), 0) FROM run WHERE campaign = ?", (campaign,)).fetchone()[0])


# ── delivery ──────────────────────────────────────────────────────────────────────────────────────────────────────


def deliveries(db: sqlite3.Connection, messages: Sequence[int], codes: Codes) -> dict[int, dict[str, Any]]:
    """What became of each of these messages: the delivery fields of an export."""
    reports = of_messages(db, messages)
    return {message: delivery_fields(fold(reports.get(message, ()), codes)) for message in messages}


def delivery_fields(fate: Fate) -> dict[str, Any]:
    """A fate under the names of an export."""
    return {"delivery": str(fate.delivery), **_said(fate.relay, "report"), **_said(fate.handset, "dlrReport")}


def _said(said: Said | None, name: str) -> dict[str, Any]:
    billed = "billedSegments" if name == "report" else "dlrBilledSegments"
    one = said or Said()
    return {f"{name}Code": one.code, f"{name}Text": one.text, f"{name}Time": iso(one.at), billed: one.parts}
