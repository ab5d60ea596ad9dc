"""From what the ledger knows of one message to what a person asks: what happened, what is open, what is to be done?

Pure: a `Traced` in, a story (JSON objects) and `Step`s out. Times are milliseconds since 1970, in a story ISO 8601.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from shlex import quote
from typing import Any, Final

import orjson

from omni_bulk.cells import without
from omni_bulk.delivery import Codes, Delivery, Fate, Said, embedded, fold, other_fields
from omni_bulk.joining import DIE_AFTER, INQUIRY_AFTER
from omni_bulk.masking import masked
from omni_bulk.model import Report, State, Whose
from omni_bulk.results import iso
from omni_bulk.sentences import said
from omni_bulk.words import clause

ELSEWHERE: Final = "already_sent"  # the reason of what another tool sent: its time is not known, nor is a report due


def judgement(reason: str) -> str:
    """Why a report is not simply a message's: the reasons of `joining.judge` in a clause."""
    if reason == "no_msg_key":  # of a message this reason says something else
        return "it bears no msgKey, so it settles nobody"
    return clause(reason, "", "en")


@dataclass(frozen=True, slots=True)
class Inquiry:
    """When the API was asked about a message (ms), and how many reports that gave."""

    at: int
    found: int


@dataclass(frozen=True, slots=True)
class Traced:
    """One message. `found_by` is ``number``, ``ref`` or ``msgKey``. `lines` are those of the results file, the oldest
    first; `pruned` says that older ones may be gone. `run_at` is when the run that judged it last began (ms).
    """

    id: int
    found_by: str
    campaign: str
    campaign_id: str
    client_id: str
    origin: str
    state: State
    number: str | None = field(repr=False)
    ref: str | None = None
    duplicate_of: str | None = None
    from_: str | None = None
    country: str | None = None
    encoding: str | None = None
    segments: int | None = None
    row: int | None = None
    warnings: tuple[str, ...] = ()
    attempts: int = 0
    claimed_at: int | None = None
    msg_key: str | None = None
    code: str | None = None
    result: str | None = None
    reason: str | None = None
    copy: int = 1
    wire_ref: str | None = None
    http: int | None = None
    presumed_at: int | None = None
    resend_after: int | None = None
    run_at: int | None = None
    pruned: bool = False
    lines: tuple[bytes, ...] = field(default=(), repr=False)
    reports: tuple[Report, ...] = ()
    inquiry: Inquiry | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """One message, as far as it decides what is open. `campaign` is "" for a single send.

    `double`: it was accepted twice though nobody resent it. `hinted`: a report that nobody vouches for would settle it.
    `repeats`: it is a row that repeats another one, so nothing is ever due for it.
    """

    state: State
    campaign: str
    reason: str | None = None
    claimed_at: int | None = None
    presumed_at: int | None = None
    copy: int = 1
    fate: Fate = Fate()  # noqa: RUF009  frozen
    double: bool = False
    hinted: bool = False
    repeats: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """What is open (a slug and a sentence), and the command that helps, where one does."""

    what: str
    say: str
    command: str | None = None


def steps(one: Standing, now: int) -> list[Step]:
    """What is still open about a message, the worst first; empty when its story has come to its end."""
    found = [_DOUBLE] if one.double else []
    if one.state is State.UNKNOWN:
        return [*found, *_unknown(one, now)]
    if one.state is State.ACCEPTED:
        return [*found, *_accepted(one, now)]
    return [*found, *_not_sent(one)]


_DOUBLE: Final = Step(
    "double",
    said("ERROR: it was accepted twice and nobody ordered that: stop sending, and give the vendor both msgKeys"),
)


def _unknown(one: Standing, now: int) -> Iterator[Step]:
    campaign = quote(one.campaign)
    if one.hinted:
        yield Step(
            "hint", said("a report says that it was accepted, but nobody vouches for it: let the API confirm it"),
            f"omni-bulk reports --inquire {campaign}",
        )  # fmt: skip
    if one.copy > 1:
        yield Step(
            "posted_twice", said("it was posted twice and will never be a third time: settle it by what the console says"),
            f"omni-bulk resolve {campaign} --file CSV",
        )  # fmt: skip
    elif one.presumed_at is not None:
        yield Step(
            "presumed_unsent", said("it is presumed unsent, and is posted again only on your word"),
            f"omni-bulk resolve {campaign} --resend --list INPUT",
        )  # fmt: skip
    elif one.claimed_at is not None and now < one.claimed_at + DIE_AFTER:
        yield Step(
            "report_may_come", said("it may have arrived: a delivery report would prove it"), "omni-bulk reports --poll"
        )
    else:
        yield Step(
            "undecided",
            said("no report will come by itself any more: decide about silence"),
            f"omni-bulk resolve {campaign}",
        )


def _accepted(one: Standing, now: int) -> Iterator[Step]:
    age = None if one.claimed_at is None else now - one.claimed_at
    delivery = one.fate.delivery
    if age is None or one.reason == ELSEWHERE or delivery not in {Delivery.NONE, Delivery.PENDING}:
        return
    none = delivery is Delivery.NONE
    wanted = said("no delivery report was collected") if none else said("the handset's report is not there")
    if age < DIE_AFTER:
        yield Step("report_to_come", said("{wanted} yet", wanted=wanted), "omni-bulk reports --poll")
    elif age < INQUIRY_AFTER:
        command = f"omni-bulk reports --inquire {quote(one.campaign)}"
        yield Step(
            "report_lost", said("{wanted}, and the queue has it no longer: ask the API for it", wanted=wanted), command
        )
    else:
        yield Step("report_gone", said("{wanted}, and after 30 days the API cannot be asked any more", wanted=wanted))


def _not_sent(one: Standing) -> Iterator[Step]:
    if not one.repeats and (step := _NOT_SENT.get(one.state)) is not None:
        yield step


_NOT_SENT: Final[Mapping[State, Step]] = {
    State.READY: Step("ready", said("it is not sent yet: the next run of its list sends it")),
    State.CLAIMED: Step(
        "in_doubt",
        said(
            "it may have left, and nobody recorded what came of it: a run is sending it at this moment, or was killed; the next "
            "one makes it unknown"
        ),
    ),
    State.REJECTED: Step("rejected", said("the API refused it: it is sent again only when its message changes")),
    State.FAILED: Step("failed", said("it was certainly not sent: the next run of its list tries again")),
    State.INVALID: Step("invalid", said("it cannot be sent as it stands: correct the row, and run the list again")),
}
"""Who was skipped by a rule waits for nothing."""


# ── the story ─────────────────────────────────────────────────────────────────────────────────────────────────────

_STATES: Final[Mapping[State, str]] = {State.READY: "ready", State.CLAIMED: "inDoubt"}


def standing_of(traced: Traced, fate: Fate) -> Standing:
    """What of a message decides what is open."""
    whose = {report.whose for report in traced.reports}
    return Standing(
        traced.state, traced.campaign, traced.reason, traced.claimed_at, traced.presumed_at, traced.copy, fate,
        double=Whose.DOUBLE in whose, hinted=Whose.HINT in whose, repeats=traced.duplicate_of is not None,
    )  # fmt: skip


def story(traced: Traced, codes: Codes, now: int, *, dlr: bool, clear: bool) -> dict[str, Any]:
    """All of one message as ``explain --json`` has it. Unless `clear` no field gives its number away."""
    fate = fold(traced.reports, codes, dlr=dlr)
    hide = _Hide(None if clear else traced.number)
    lines = [hide.fields(orjson.loads(line)) for line in traced.lines]
    return {
        "campaign": traced.campaign, "campaignId": traced.campaign_id, "account": traced.client_id,
        "origin": traced.origin, "foundBy": traced.found_by, "row": traced.row, "ref": hide(traced.ref),
        "to": traced.number if clear or traced.number is None else masked(traced.number), "from": traced.from_,
        "country": traced.country, "encoding": traced.encoding, "segments": traced.segments,
        "state": _STATES.get(traced.state) or str(traced.state.status), "reason": traced.reason,
        "reasonText": None if traced.reason is None else clause(traced.reason, "", "en"), "code": traced.code,
        "result": traced.result, "msgKey": traced.msg_key, "httpStatus": traced.http, "attempts": traced.attempts,
        "warnings": list(traced.warnings), "judged": iso(traced.run_at), "claimed": iso(traced.claimed_at),
        "presumedUnsent": iso(traced.presumed_at), "copy": traced.copy, "wireRef": hide(traced.wire_ref),
        "duplicateOf": hide(traced.duplicate_of), "lines": lines, "pruned": traced.pruned,
        "delivery": str(fate.delivery) if traced.state is State.ACCEPTED or traced.reports else None,
        "reports": [report_fields(report, codes, fate, hide) for report in traced.reports],
        "inquired": None if traced.inquiry is None else {
            "at": iso(traced.inquiry.at), "found": traced.inquiry.found
        },
        "open": [
            {"what": step.what, "say": step.say, "command": step.command}
            for step in steps(standing_of(traced, fate), now)
        ],
    }  # fmt: skip


class _Hide:
    """Keeps a number out of the fields that may hold it; with None there is nothing to hide."""

    def __init__(self, number: str | None) -> None:
        self._number = number

    def __call__(self, text: str | None) -> str | None:
        return text if text is None or self._number is None else without(text, self._number)

    def fields(self, line: dict[str, Any]) -> dict[str, Any]:
        """A line of the results file."""
        if self._number is None:
            return line
        names = ("ref", "wireRef", "duplicateOf")
        told = {name: self(line[name]) for name in names if isinstance(line.get(name), str)}
        return {**line, **told, "to": None if line.get("to") is None else masked(self._number)}


_IN_CLEAR: Final = _Hide(None)


def report_fields(report: Report, codes: Codes, fate: Fate = Fate(), hide: _Hide = _IN_CLEAR) -> dict[str, Any]:  # noqa: B008
    """One report under the API's names, with what it means, and whether it is the relay's or the handset's.

    `other` holds the fields that nobody has listed, as they came.
    """
    said = Said(report.code, report.text, report.at, report.parts, report.type, other_fields(report))
    leg = "relay" if said == fate.relay else "handset" if said == fate.handset or fate.relay is not None else None
    other = hide(said.other) or ""
    return {
        "leg": leg if report.whose in {Whose.JOINED, Whose.DOUBLE} else None, "msgKey": report.msg_key,
        "ref": hide(report.ref), "reportType": report.type, "reportCode": report.code, "reportText": report.text,
        "means": str(codes.of(report.code)), "reportTime": iso(report.at), "sendTime": iso(report.sent_at),
        "serviceType": report.service, "msgType": report.msg_type, "carrier": report.carrier,
        "billedSegments": report.parts, "other": embedded(other),
        "source": str(report.source), "authenticated": report.proven, "received": iso(report.received_at),
        "whose": None if report.whose is None else str(report.whose), "whoseReason": report.reason,
    }  # fmt: skip
