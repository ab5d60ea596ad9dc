"""From the reports of one message to what became of it. Pure: the code table comes parsed, reports come in any order.

The relay's report says that a message was handed on, and is what is billed; the handset's (a DLR, on order) that it
arrived. They look alike (every sample has reportType 0 and 10000 for success), so they are told apart by time: the
earliest report of a msgKey is the relay's, what comes later the handset's. Neither overwrites the other.
"""

import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import orjson

from omni_bulk.model import Report, Whose


class Outcome(StrEnum):
    """What one report code means."""

    DELIVERED = "delivered"
    TEMPORARY = "temporary"
    PERMANENT = "permanent"
    UNKNOWN = "unknown"


class Delivery(StrEnum):
    """What became of a message. `relayed`: handed on with success, and nothing heard from the handset."""

    NONE = "none"
    PENDING = "pending"
    RELAYED = "relayed"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"


@dataclass(frozen=True, slots=True)
class Codes:
    """Report codes and their families: a code of its own first, then the longest prefix."""

    exact: Mapping[str, Outcome]
    families: tuple[tuple[str, Outcome], ...]

    def of(self, code: str | None) -> Outcome:
        """What a code means; `unknown` for one that nobody has listed."""
        if code is None:
            return Outcome.UNKNOWN
        if (found := self.exact.get(code)) is not None:
            return found
        return next((outcome for prefix, outcome in self.families if code.startswith(prefix)), Outcome.UNKNOWN)


def parse_codes(text: str) -> Codes:
    """The table of ``data/report-codes.toml``. Raises ValueError for a row that is none."""
    rows = tomllib.loads(text)["code"]
    exact = {str(row["code"]): Outcome(row["means"]) for row in rows if "code" in row}
    families = {str(row["family"]): Outcome(row["means"]) for row in rows if "family" in row}
    return Codes(exact, tuple(sorted(families.items(), key=lambda family: -len(family[0]))))


@dataclass(frozen=True, slots=True)
class Said:
    """One report as far as it decides: code and text as the API wrote them, `at` in ms, `parts` billed.

    `other` is a JSON object of what nobody has listed, see `other_fields`.
    """

    code: str | None = None
    text: str | None = None
    at: int | None = None
    parts: int | None = None
    type: str | None = None
    other: str = ""


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of one message: `relay` is the first report, `handset` the last later one; None where none came."""

    delivery: Delivery = Delivery.NONE
    relay: Said | None = None
    handset: Said | None = None


_END: Mapping[Outcome, Delivery] = {
    Outcome.DELIVERED: Delivery.DELIVERED,
    Outcome.TEMPORARY: Delivery.UNDELIVERED,
    Outcome.PERMANENT: Delivery.UNDELIVERED,
    Outcome.UNKNOWN: Delivery.PENDING,
}
_BEST = (Delivery.DELIVERED, Delivery.RELAYED, Delivery.PENDING, Delivery.UNDELIVERED, Delivery.NONE)


def fold(reports: Iterable[Report], codes: Codes, *, dlr: bool = False) -> Fate:
    """The fate of one message from all its reports, whatever their order and however often each came.

    Reports of several msgKeys (a resend, a double) are folded apart, and the best of them stands. `dlr`: the account
    has DLRs, so one success report says no more than `pending`: the handset's is still to come.
    """
    by_key: dict[str, set[Said]] = {}
    for report in reports:
        if report.whose in {Whose.JOINED, Whose.DOUBLE}:
            said = Said(report.code, report.text, report.at, report.parts, report.type, other_fields(report))
            by_key.setdefault(report.msg_key, set()).add(said)
    fates = [_fold_one(said, codes, dlr=dlr) for _, said in sorted(by_key.items())]
    return min(fates, key=lambda fate: _BEST.index(fate.delivery), default=Fate())


def _fold_one(said: set[Said], codes: Codes, *, dlr: bool) -> Fate:
    relay, *later = sorted(said, key=_order)
    if not later:
        outcome = codes.of(relay.code)
        alone = Delivery.PENDING if dlr else Delivery.RELAYED
        return Fate(alone if outcome is Outcome.DELIVERED else _END[outcome], relay)
    handset = later[-1]
    delivered = next((one for one in later if codes.of(one.code) is Outcome.DELIVERED), None)
    # A phone that was off and then came back reports twice: what arrived has arrived.
    last = delivered or handset
    return Fate(_END[codes.of(last.code)], relay, last)


def _order(said: Said) -> tuple[bool, int, str, str, str, int, str]:
    """By time, those without one last; and what is equal in that, always in the same order."""
    return (
        said.at is None,
        said.at or 0,
        said.type or "",
        said.code or "",
        said.text or "",
        said.parts or 0,
        said.other,
    )


# ── what nobody has listed ────────────────────────────────────────────────────────────────────────────────────────

_LISTED: Final[Mapping[str, str]] = {
    "msgKey": "msg_key", "ref": "ref", "serviceType": "service", "msgType": "msg_type", "sendTime": "sent_at",
    "reportTime": "at", "reportType": "type", "reportCode": "code", "reportText": "text", "carrier": "carrier",
    "resCnt": "parts",
}  # fmt: skip


def other_fields(report: Report) -> str:
    """The fields of a report that no column has, as the JSON of one object: those that nobody has listed, and those
    whose value could not be read (``"resCnt": "two"``). Empty when there are none.
    """
    fields = _fields(report.json)
    left = {name: value for name, value in fields.items() if _left_out(report, name, value)}
    if not left:
        return ""
    try:
        return orjson.dumps(left).decode()
    except TypeError:  # half a surrogate pair or an integer beyond 64 bits
        return json.dumps(left)


def embedded(other: str) -> orjson.Fragment | str | None:
    """What `other_fields` gave, as part of another JSON object; a word that stands in its place stays a string."""
    return orjson.Fragment(other) if other.startswith("{") else other or None


def _fields(raw: bytes) -> Mapping[str, object]:
    if not raw:
        return {}
    try:
        read = orjson.loads(raw)
    except orjson.JSONDecodeError:
        read = json.loads(raw)
    return read if isinstance(read, dict) else {}


def _left_out(report: Report, name: str, value: object) -> bool:
    column = _LISTED.get(name)
    return column is None or (value is not None and value != "" and getattr(report, column) in {None, ""})
