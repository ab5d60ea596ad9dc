"""What a delivery report says, and whose it is. Pure: JSON and what the ledger knows in, judgements out.

Fields are read as the vendor's guide names them and as its SDKs have met them (``report: null``, ``ref`` missing,
``resCnt`` as string); whatever nobody has listed stays in `Report.json`.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import orjson

from omni_bulk.model import Report, State, Way, Whose
from omni_bulk.results import epoch_ms
from omni_bulk.sentences import said

DAY = 86_400_000  # ms
DIE_AFTER = 3 * DAY  # ms until the API deletes a report that nobody collected (guide)
WARN_AFTER = 2 * DAY  # ms: time enough to go and collect
INQUIRY_AFTER = 30 * DAY  # ms until the API cannot even be asked any more (guide)
GRACE = 5 * 60_000  # ms by which our clock and the API's may differ
LATE_MAX = DAY  # ms after its claim that a message may have been sent: a ref used again later is another's
NUMBER = "collectedSeq"  # the field in which a line of our own files has its number
TEXT_MAX = 400  # characters of one field that get a column; the whole object is kept beside


def read_report(raw: object, *, source: Way, proven: bool, received_at: int) -> Report:
    """One report, whatever was sent as one: what cannot be read is None, and nothing is dropped."""
    get = (raw if isinstance(raw, dict) else {}).get
    return Report(  # by position: names would cost 0.7 µs, and files hold millions
        _text(get("msgKey")) or "",
        _text(get("ref")) or None,
        _text(get("reportType")),
        _text(get("reportCode")),
        _text(get("reportText")),
        epoch_ms(_text(get("reportTime"))),
        epoch_ms(_text(get("sendTime"))),
        _text(get("serviceType")),
        _text(get("msgType")),
        _text(get("carrier")),
        _whole(get("resCnt")),
        _whole_json(raw),
        source,
        proven,
        received_at,
    )


def _whole_json(raw: object) -> bytes:
    try:
        # A copy, because orjson's own bytes keep 4 KiB of memory each, however short they are.
        return memoryview(orjson.dumps(raw)).tobytes()
    except TypeError:  # half a surrogate pair or an integer beyond 64 bits: as the standard library escapes it
        return json.dumps(raw).encode()


def _text(value: object) -> str | None:
    if isinstance(value, str):
        text = value[:TEXT_MAX]
        return text if text.isascii() else text.encode("utf-8", "replace").decode()  # what SQLite takes
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def _whole(value: object) -> int | None:
    text = (_text(value) or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def age_warning(waiting_since: int | None, now: int) -> str | None:
    """The sentence about reports that nobody collects: a warning after two days, an error once they die; None before.

    `waiting_since`: when the first message was sent after the last poll (ms), None for nothing sent since.
    """
    age = 0 if waiting_since is None else now - waiting_since
    if age < WARN_AFTER:
        return None
    if age < DIE_AFTER:
        hours = (DIE_AFTER - age) // 3_600_000
        return said(
            "WARNING: delivery reports begin to die in {hours} h, nobody collects them: omni-bulk reports --poll",
            hours=hours,
        )
    return said(
        "ERROR: nobody has collected delivery reports for {days} days, and those older than 3 days are deleted: "
        "omni-bulk reports --poll, then omni-bulk reports --inquire CAMPAIGN for the lost ones",
        days=age // DAY,
    )


def key_digest(msg_key: str) -> bytes:
    """Eight bytes by which a msgKey is found."""
    return blake2b(msg_key.encode("utf-8", "surrogatepass"), digest_size=8).digest()


def report_key(report: Report) -> bytes:
    """Equal for a retried, inquired or imported copy of one report: msgKey, type, code, and time as an instant.

    16 bytes that begin with the time: reports come in about its order, so they enter the index side by side. (With the
    msgKey's digest first, each of 200 reports wrote a page of its own, and the joining went at half the speed.) What
    cannot be read as a report is told apart by its whole text.
    """
    at = report.at or 0
    rest = f"{report.msg_key}\0{report.type}\0{report.code}" if report.msg_key and report.at is not None else None
    said = report.json if rest is None else rest.encode("utf-8", "surrogatepass")
    return max(0, min(at, _LATEST)).to_bytes(6, "big") + blake2b(said, digest_size=10).digest()


_LATEST = (1 << 48) - 1  # ms: the year 10889


# ── a batch ───────────────────────────────────────────────────────────────────────────────────────────────────────

_REPORT_ID = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9._~-]{0,199}")


@dataclass(frozen=True, slots=True)
class Batch:
    """What one poll found. `report_id` acks it, and is empty when there is nothing to ack."""

    report_id: str
    reports: Sequence[object]


def read_json(body: bytes | None) -> object:
    """JSON, also with what a stricter reader refuses (half a surrogate pair, broken UTF-8); None for none."""
    try:
        return orjson.loads(body or b"")
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads((body or b"").decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None


def read_batch(answer: Mapping[str, object]) -> Batch | None:
    """The batch in an answer of polling or inquiry; None when it is not of a shape we know, so nothing may be acked."""
    found = answer.get("data")
    if found is None:
        found = {}
    if not isinstance(found, dict):
        return None
    report_id, reports = found.get("reportId"), found.get("report")
    if isinstance(report_id, int) and not isinstance(report_id, bool):
        report_id = str(report_id)
    if isinstance(reports, dict):  # one alone, as it may come from a server that unwraps lists of one
        reports = [reports]
    if not isinstance(report_id, str | None) or not isinstance(reports, list | None):
        return None
    return Batch(report_id or "", reports or [])


def usable_report_id(report_id: str) -> bool:
    """Whether it can stand in a URL as it is: nothing that begins another path, query or host."""
    return _REPORT_ID.fullmatch(report_id) is not None


# ── whose it is ───────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Candidate:
    """A message that bears the report's ref. Times in ms; `began` is when its campaign was first sent."""

    message: int
    state: State
    msg_key: str | None
    claimed_at: int | None
    copy: int
    began: int


@dataclass(frozen=True, slots=True)
class Judgement:
    """Whose a report is. `settles`: the message is `unknown`, and this report proves that it was accepted."""

    whose: Whose
    message: int | None = None
    reason: str | None = None
    settles: bool = False


_RESENT = re.compile(r"~[0-9]+\Z")


def base_ref(ref: str) -> str:
    """The recipient's ref in one that went out: a resend's ends in ``~2``, an input's never in ``~`` and digits."""
    return _RESENT.sub("", ref)


def judge(report: Report, bearer: int | None, candidates: Sequence[Candidate]) -> Judgement:
    """Whose a report is: by its msgKey if a message bears it, else by its ref, and that only where nothing else fits.

    A ref is the caller's: another campaign, another system and yesterday's list may have used it too. So by ref only an
    international report counts, only for the one open message that bears it, and only if it was sent after its claim.
    """
    if bearer is not None:
        return Judgement(Whose.JOINED, bearer)
    if not candidates:
        return Judgement(Whose.FOREIGN, reason="unknown_key")
    if reason := _unusable(report):
        return Judgement(Whose.UNMATCHED, reason=reason)
    is_open = [one for one in candidates if _open(one)]
    if len(is_open) > 1:
        return Judgement(Whose.UNMATCHED, reason="ambiguous_ref")
    if is_open:
        return _of_open(report, is_open[0])
    return _of_settled(report, candidates)


def _unusable(report: Report) -> str | None:
    if not report.msg_key:
        return "no_msg_key"
    if (report.msg_type or report.service or "").casefold() != "im":
        return "not_international"
    return "no_send_time" if report.sent_at is None else None


def _open(one: Candidate) -> bool:
    """Whether the message may have been accepted under a msgKey that we do not know."""
    in_doubt = one.state in {State.UNKNOWN, State.CLAIMED} or (one.state is State.READY and one.claimed_at is not None)
    return in_doubt or (one.state is State.ACCEPTED and one.msg_key is None)


def _of_open(report: Report, one: Candidate) -> Judgement:
    if not _may_be_of(one, report.sent_at or 0):
        return Judgement(Whose.UNMATCHED, reason="not_of_that_time")
    if one.state is State.ACCEPTED:
        return Judgement(Whose.JOINED, one.message)
    if one.state is not State.UNKNOWN:
        return Judgement(Whose.WAITING, one.message, "in_flight")
    if not report.proven:
        return Judgement(Whose.HINT, one.message, "not_authenticated")
    return Judgement(Whose.JOINED, one.message, settles=True)


def _may_be_of(one: Candidate, sent_at: int) -> bool:
    """Whether a message sent at that time may be this one. Of one that was posted again also the first post counts."""
    if one.claimed_at is None:
        return False
    earliest = one.began if one.copy > 1 else one.claimed_at
    return earliest - GRACE <= sent_at <= one.claimed_at + LATE_MAX


def _of_settled(report: Report, candidates: Sequence[Candidate]) -> Judgement:
    """Our message has another msgKey, or was refused: a second one of it, or another's of the same ref."""
    sent_at = report.sent_at or 0
    near = [
        one
        for one in candidates
        if one.claimed_at is not None
        and max(one.began, one.claimed_at - LATE_MAX) - GRACE <= sent_at <= one.claimed_at + GRACE
    ]
    resent = [one for one in candidates if one.copy > 1 and one.state is State.ACCEPTED and _may_be_of(one, sent_at)]
    if len(resent) == 1:
        return Judgement(Whose.JOINED, resent[0].message, "other_copy")
    accepted = [one for one in near if one.state is State.ACCEPTED]
    if len(accepted) == 1:
        return Judgement(Whose.DOUBLE, accepted[0].message, "second_msg_key")
    return Judgement(Whose.UNMATCHED, reason="settled_otherwise" if not accepted else "ambiguous_ref")
