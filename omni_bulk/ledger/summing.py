"""The figures of a page, summed up by the database: a campaign of a million gives some hundreds of groups.

Takes a connection of `read_ledger`, to which the reports are attached as `reports`.
"""

import json
import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import islice
from typing import Any, Final

from omni_bulk.cells import without
from omni_bulk.cost import Prices
from omni_bulk.delivery import Codes, Delivery, Fate, Outcome, Said, fold
from omni_bulk.figures import DELAYS, Campaign, Case, Fared, Figures, Need, Sent, shared
from omni_bulk.ledger import book
from omni_bulk.ledger.reading import COUNTED, GROUP
from omni_bulk.ledger.reports import doubles, of_messages
from omni_bulk.masking import masked, masked_cell, numberless
from omni_bulk.model import CampaignRow, Report, State, Whose
from omni_bulk.spans import Span

LISTED: Final = 200
"""Recipients that a page names at most."""

_STATES: Final = {
    State.READY: "ready", State.CLAIMED: "inDoubt", **{one: one.status.value for one in list(State)[2:]},
}  # fmt: skip
_OPEN: Final = frozenset({State.READY, State.CLAIMED})
_LISTED_STATES: Final = {
    Need.UNKNOWN: "state = 5 AND presumed_at IS NULL", Need.PRESUMED: "state = 5 AND presumed_at IS NOT NULL",
    Need.IN_DOUBT: "state = 1", Need.REJECTED: "state = 3", Need.FAILED: "state = 4", Need.INVALID: "state = 6",
}  # fmt: skip

_WHOM = (
    f"message.campaign = :campaign AND {COUNTED} "
    "AND (:start IS NULL OR message.claimed_at >= :start) AND (:end IS NULL OR message.claimed_at < :end)"
)
_SENT = (
    "SELECT state, reason, code, min(result), coalesce(country, ''), {prefix}, presumed_at IS NOT NULL, count(*), "  # noqa: S608
    f"sum(coalesce(segments, 1)) FROM message WHERE {_WHOM} GROUP BY 1, 2, 3, 5, 6, 7"
)
_PACE = (
    "SELECT claimed_at / 1000, count(*), min(claimed_at), max(claimed_at) FROM message "  # noqa: S608  of constants
    f"WHERE {_WHOM} AND state IN (1, 2, 3, 5) AND claimed_at IS NOT NULL GROUP BY 1"
)
# How long an answer took stands in the lines alone. A BLOB would be taken for JSONB by newer versions of SQLite.
_LATENCIES = (
    "SELECT json_extract(CAST(json AS TEXT), '$.latencyMs') AS latency, count(*) "  # noqa: S608  of constants
    "FROM message JOIN line ON line.campaign = message.campaign AND line.seq = message.seq "
    f"WHERE {_WHOM} AND message.state IN (2, 3, 5) AND message.code IS NOT NULL AND latency IS NOT NULL GROUP BY latency"
)
# As `reading._FATES`, with the delays: one row for all messages that fared alike; whose reports differ is told by itself.
_FARED = """
SELECT country, prefix, reports, low, parts, odd, first, last, min(text), count(*), sum(segments) FROM (
    SELECT coalesce(message.country, '') AS country, {prefix} AS prefix, coalesce(message.segments, 1) AS segments,
        count(report.id) AS reports, min(coalesce(report.code, '')) AS low, min(coalesce(report.parts, 0)) AS parts,
        {first} AS first, CASE WHEN count(report.id) > 1 THEN {last} END AS last, min(report.text) AS text,
        CASE WHEN count(report.id) > 2 OR min(coalesce(report.code, '')) <> max(coalesce(report.code, ''))
            OR min(coalesce(report.parts, 0)) <> max(coalesce(report.parts, 0))
            OR min(report.msg_key) <> max(report.msg_key) THEN message.id END AS odd
    FROM message LEFT JOIN report ON report.message = message.id AND report.verdict IN ('joined', 'double')
    WHERE {whom} AND message.state = 2 GROUP BY message.id
) GROUP BY country, prefix, reports, low, parts, odd, first, last
"""
_CASES = (
    "SELECT row, ref, number, country, reason, code, result, claimed_at FROM message "  # noqa: S608  of constants
    f"WHERE {_WHOM} AND {{which}} ORDER BY id LIMIT {LISTED}"
)
_BAD_REPORTS = (
    "SELECT DISTINCT message.id FROM message JOIN report ON report.message = message.id "  # noqa: S608  of constants
    f"WHERE {_WHOM} AND message.state = 2 AND report.verdict IN ('joined', 'double') "
    "AND report.code IN (SELECT value FROM json_each(:codes))"
)
_OWN_REF: Final = "ob-"


def figures_of(
    db: sqlite3.Connection, campaigns: Iterable[CampaignRow], codes: Codes, span: Span, prices: Prices | None, now: int
) -> Figures:
    """Everything a page says about these campaigns; `now` is when, in milliseconds since 1970."""
    chosen = list(campaigns)
    figures = Figures(now, span, None if prices is None else prices.currency)
    if prices is not None:
        db.create_function("prefix_of", 1, prices.prefix_of, deterministic=True)
    listed: dict[Need, list[Case]] = {}
    for campaign in chosen:
        figures.campaigns[campaign.name] = Campaign(campaign.name, campaign.created_at, campaign.completed_at)
        asked = {
            "campaign": campaign.id,
            "run": book.last_run_id(db, campaign.id),
            "start": span.start,
            "end": span.end,
        }
        _sent(db, figures, campaign, asked, prices)
        _speed(db, figures, asked)
        for fared in _fared(db, campaign, asked, codes, prices):
            figures.add_fared(fared)
        twice = _in_span(db, doubles(db, campaign.id), span)
        figures.need(Need.DOUBLE, campaign.name, len(twice))
        for case in _cases(db, figures, campaign, asked, codes, twice):
            listed.setdefault(case.need, []).append(case)
    needs = [need for need in Need if need in listed]
    for need, places in zip(needs, shared([len(listed[need]) for need in needs], LISTED), strict=True):
        figures.cases += listed[need][:places]
    return figures


def _sent(
    db: sqlite3.Connection, figures: Figures, campaign: CampaignRow, asked: dict[str, Any], prices: Prices | None
) -> None:
    for state, reason, code, result, country, prefix, presumed, messages, segments in db.execute(
        _SENT.format(prefix=_prefix(prices)), asked
    ):
        name = "presumedUnsent" if presumed and state == State.UNKNOWN else _STATES[State(state)]
        is_open = state in _OPEN  # what stands there is of an attempt that does not count any more
        figures.add_sent(
            Sent(
                campaign.name, name, None if is_open else reason, None if is_open else code, numberless(result), country,
                _price(prices, country, prefix), messages, segments,
            )
        )  # fmt: skip


def _speed(db: sqlite3.Connection, figures: Figures, asked: dict[str, Any]) -> None:
    for second, messages, first, last in db.execute(_PACE, asked):
        figures.pace.add(second, messages)
        figures.first = first if figures.first is None else min(figures.first, first)
        figures.last = last if figures.last is None else max(figures.last, last)
    for latency, answers in db.execute(_LATENCIES, asked):
        figures.latencies[latency] += answers


def _fared(
    db: sqlite3.Connection, campaign: CampaignRow, asked: dict[str, Any], codes: Codes, prices: Prices | None
) -> Iterator[Fared]:
    first, last = (_step(f"{pick}(report.at) - message.claimed_at") for pick in ("min", "max"))
    rows = db.execute(_FARED.format(prefix=_prefix(prices), first=first, last=last, whom=_WHOM), asked)
    while group := list(islice(rows, GROUP)):
        odd_ones = [odd for _, _, _, _, _, odd, *_ in group if odd is not None]
        apart = of_messages(db, odd_ones)
        began = _claimed(db, odd_ones)
        for country, prefix, reports, code, parts, odd, early, late, text, messages, segments in group:
            if odd is None:
                made = [
                    Report("", code=code or None, text=text, at=n, parts=parts, whose=Whose.JOINED)
                    for n in range(reports)
                ]
                fate = fold(made, codes)
                steps = (early, late)
            else:
                fate = fold(apart[odd], codes)
                steps = (_step_of(fate.relay, began[odd]), _step_of(fate.handset, began[odd]))
            yield _fare(campaign.name, country, fate, codes, _price(prices, country, prefix), messages, segments, steps)


def _fare(
    campaign: str, country: str, fate: Fate, codes: Codes, price: Decimal | None, messages: int, segments: int,
    steps: tuple[int | None, int | None],
) -> Fared:  # fmt: skip
    last = fate.handset or fate.relay or Said()
    parts = None if fate.relay is None or not fate.relay.parts else fate.relay.parts * messages
    code = None if fate.relay is None else last.code or ""
    return Fared(
        campaign, country, fate.delivery, code, numberless(last.text), codes.of(last.code), price, messages, segments,
        parts, *steps,
    )  # fmt: skip


def _step(delay: str) -> str:
    """SQL for the step of `DELAYS` in which a delay (ms) falls."""
    steps = " ".join(f"WHEN {delay} <= {1000 * end} THEN {end}" for end in DELAYS)
    return f"CASE WHEN {delay} IS NULL THEN NULL {steps} ELSE 0 END"


def _step_of(said: Said | None, began: int | None) -> int | None:
    if said is None or said.at is None or began is None:
        return None
    return next((end for end in DELAYS if said.at - began <= 1000 * end), 0)


def _claimed(db: sqlite3.Connection, messages: Sequence[int]) -> dict[int, int | None]:
    sql = "SELECT id, claimed_at FROM message WHERE id IN (SELECT value FROM json_each(?))"
    return dict(db.execute(sql, (json.dumps(messages),)))


def _in_span(db: sqlite3.Connection, messages: Sequence[int], span: Span) -> list[int]:
    if span == Span():
        return list(messages)
    start, end = span.start or 0, span.end or 1 << 60
    return [one for one, at in _claimed(db, messages).items() if at is not None and start <= at < end]


def _prefix(prices: Prices | None) -> str:
    return "''" if prices is None else "prefix_of(coalesce(message.number, ''))"


def _price(prices: Prices | None, country: str, prefix: str) -> Decimal | None:
    return None if prices is None else prices.of(country, prefix)


# ── recipients ────────────────────────────────────────────────────────────────────────────────────────────────────


def _cases(
    db: sqlite3.Connection, figures: Figures, campaign: CampaignRow, asked: dict[str, Any], codes: Codes,
    twice: Sequence[int],
) -> Iterator[Case]:  # fmt: skip
    yield from _by_id(db, Need.DOUBLE, campaign, twice[:LISTED])
    for need, which in _LISTED_STATES.items():
        if _has(figures, need, campaign):
            for row in db.execute(_CASES.format(which=which), asked):
                yield _case(need, campaign, row)
    if _has(figures, Need.UNDELIVERED, campaign):
        found = _undelivered(db, figures, asked, codes)
        said = dict(islice(found, LISTED))
        for message, case in zip(said, _by_id(db, Need.UNDELIVERED, campaign, list(said)), strict=True):
            yield _told(case, said[message])


def _has(figures: Figures, need: Need, campaign: CampaignRow) -> bool:
    return need in figures.needs and figures.needs[need][campaign.name] > 0


def _undelivered(
    db: sqlite3.Connection, figures: Figures, asked: dict[str, Any], codes: Codes
) -> Iterator[tuple[int, Said]]:
    bad = [code for code, outcome in figures.report_codes if outcome in {Outcome.TEMPORARY, Outcome.PERMANENT}]
    rows = db.execute(_BAD_REPORTS, {**asked, "codes": json.dumps(bad)})
    while group := [message for (message,) in islice(rows, GROUP)]:
        reports = of_messages(db, group)
        for message in group:
            fate = fold(reports[message], codes)
            if fate.delivery is Delivery.UNDELIVERED:
                yield message, fate.handset or fate.relay or Said()


def _by_id(db: sqlite3.Connection, need: Need, campaign: CampaignRow, messages: Sequence[int]) -> Iterator[Case]:
    sql = (
        "SELECT row, ref, number, country, reason, code, result, claimed_at FROM json_each(?) JOIN message "
        "ON message.id = json_each.value ORDER BY json_each.key"
    )
    for row in db.execute(sql, (json.dumps(messages),)):
        yield _case(need, campaign, row)


def _case(need: Need, campaign: CampaignRow, columns: Sequence[Any]) -> Case:
    row, ref, number, country, reason, code, result, at = columns
    return Case(
        need, campaign.name, row, _shown_ref(ref, number), _shown_number(number), country or "", reason, code,
        numberless(result), at,
    )  # fmt: skip


def _told(case: Case, said: Said) -> Case:
    return Case(
        case.need, case.campaign, case.row, case.ref, case.to, case.country, None, said.code, numberless(said.text),
        case.at,
    )  # fmt: skip


def _shown_number(number: str | None) -> str:
    if number is None:
        return ""
    return masked(number) if re.fullmatch(r"\+\d+", number) else masked_cell(number)


def _shown_ref(ref: str | None, number: str | None) -> str | None:
    """A ref of the list's own may be its number; without a number to compare with, none with so many digits is shown."""
    if ref is None or ref.startswith(_OWN_REF):
        return ref
    return numberless(ref) if number is None else without(ref, number)
