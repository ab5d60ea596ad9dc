"""Small values for the tests of the pure layer."""

from typing import Any, Literal

from hypothesis import strategies as st

from omni_bulk.model import CampaignRow, Entry, Kind, Message, Problem, Status, Verdict

NUMBER = "+821000000001"
FROM = "0200000001"

# API.md: every code it lists, and what its table says that the code proves.
API_CODES = {
    "A000": Kind.ACCEPTED,
    "A001": Kind.TOKEN,
    "A002": Kind.TOKEN,
    "A010": Kind.REFUSED,
    "A011": Kind.REFUSED,
    "A020": Kind.THROTTLED,
    "A100": Kind.ACCOUNT,
    "A110": Kind.ACCOUNT,
    "A111": Kind.ACCOUNT,
    "A113": Kind.ACCOUNT,
    "A300": Kind.REFUSED,
    "A302": Kind.REFUSED,
    "A303": Kind.REFUSED,
    "A305": Kind.REFUSED,
    "A306": Kind.REFUSED,
    "A320": Kind.ACCOUNT,
    "A322": Kind.REFUSED,
    "A323": Kind.REFUSED,
    "A324": Kind.REFUSED,
    "A325": Kind.FROM,
    "A327": Kind.FROM,
    "A328": Kind.REFUSED,
    "A801": Kind.UNKNOWN,
    "A802": Kind.UNKNOWN,
    "A910": Kind.UNKNOWN,
    "A920": Kind.UNKNOWN,
    "A999": Kind.UNKNOWN,
}

# One of each way an attempt can end, by a name for test ids.
VERDICTS = {
    "accepted": Verdict(Kind.ACCEPTED, code="A000", omni=True),
    "token": Verdict(Kind.TOKEN, code="A001", omni=True),
    "throttled": Verdict(Kind.THROTTLED, code="A020", omni=True),
    "bare 429": Verdict(Kind.THROTTLED, result="HTTP 429"),
    "account": Verdict(Kind.ACCOUNT, code="A110", omni=True),
    "certificate": Verdict(Kind.ACCOUNT, reason="certificate"),
    "407": Verdict(Kind.ACCOUNT, reason="proxy_auth", result="HTTP 407"),
    "from": Verdict(Kind.FROM, code="A327", omni=True),
    "bare refusal": Verdict(Kind.BARE_REFUSAL, reason="bare_refusal", result="HTTP 403"),
    "bad json": Verdict(Kind.REFUSED, code="A010", omni=True),
    "refused": Verdict(Kind.REFUSED, code="A306", omni=True),
    "not sent": Verdict(Kind.NOT_SENT, reason="not_connected", result="refused"),
    "no omni": Verdict(Kind.UNKNOWN, reason="bad_answer", result="HTTP 502"),
    "timeout": Verdict(Kind.UNKNOWN, reason="timeout"),
    "lost": Verdict(Kind.UNKNOWN, reason="connection_lost"),
    "unproven": Verdict(Kind.UNKNOWN, code="A999", reason="unproven_code", omni=True),
}


def message(text: str = "hello", *, to: str = NUMBER, from_: str = FROM, ref: str | None = None) -> Message:
    return Message(to, from_, text, "KR", "GSM-7", 1, row=2, ref=ref)


def problem(
    reason: str = "missing_field",
    *,
    status: Literal[Status.INVALID, Status.SKIPPED] = Status.INVALID,
    ref: str | None = None,
    to: str | None = NUMBER,
    cell: str = NUMBER,
) -> Problem:
    return Problem(status, reason, row=2, ref=ref, to=to, identity=cell)


def entry(made: Message | Problem) -> Entry:
    """An entry whose digests are the plain contents, so that a table can be read."""
    if isinstance(made, Problem):
        return Entry(b"identity", made.ref or "ob-1", made)
    number, text = made.to.encode(), made.text.encode()
    return Entry(b"identity", made.ref or "ob-1", made, number + text, number, text)


def campaign(**fields: Any) -> CampaignRow:
    known: dict[str, Any] = {"id": 1, "uuid": "0", "account": 1, "name": "october", **fields}
    return CampaignRow(**known)


def verdicts() -> st.SearchStrategy[Verdict]:
    return st.sampled_from(list(VERDICTS.values()))
