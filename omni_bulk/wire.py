"""Bytes to meaning: what goes into a request, and what an answer, or the lack of one, proves.

`classify` is total: any status, any bytes, any failure gives a `Verdict`. A code is judged before the HTTP status,
because the API may put it inside a 200 (seen in its SDKs). What is not proven is `Kind.UNKNOWN`: an answer that echoes
another ref than ours belongs to another request, so its code proves nothing about ours, and neither does one that gives
two codes.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum

import orjson

from omni_bulk.model import Evidence, Kind, Message, Verdict

TOKEN_PATH = "/v1/auth/token"  # noqa: S105  a path, not a secret
SEND_PATH = "/v1/send/international"
POLL_PATH = "/v1/report/polling"
INQUIRY_PATH = "/v1/report/inquiry"

# Sources: the vendor's guide (A000, A001, A010, A020, A999), and the code table of its next API for the rest.
CODES: Mapping[str, Kind] = {
    "A000": Kind.ACCEPTED,
    "A001": Kind.TOKEN,
    "A002": Kind.TOKEN,
    "A020": Kind.THROTTLED,
    **dict.fromkeys(("A100", "A110", "A111", "A113", "A320"), Kind.ACCOUNT),
    **dict.fromkeys(("A325", "A327"), Kind.FROM),
    **dict.fromkeys(
        ("A010", "A011", "A300", "A302", "A303", "A305", "A306", "A322", "A323", "A324", "A328"),
        Kind.REFUSED,
    ),
}
_CODE = re.compile(r"[A-Z][0-9]{3}\Z")
KEY_MAX = 200  # characters of a msgKey; the API's have about 20
_SHOWN = 200  # characters of the API's `result` that are kept


class Failure(Enum):
    """How a request failed below HTTP; the client maps every foreign exception to one of these."""

    DNS = "dns"
    REFUSED = "refused"
    CONNECT_TIMEOUT = "connect_timeout"
    TLS = "tls"
    CERTIFICATE = "certificate"
    PROXY = "proxy"
    PROXY_AUTH = "proxy_auth"
    TIMEOUT = "timeout"
    CONNECTION_LOST = "connection_lost"
    BAD_ANSWER = "bad_answer"
    INTERRUPTED = "interrupted"


# No attempt can do better until somebody changes something: stop instead of trying for ten minutes.
_HOPELESS = frozenset({Failure.CERTIFICATE, Failure.PROXY_AUTH})


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back of one request: a status and at most a bounded body, or a failure with its evidence.

    `crowded`: another answer lay behind this one, so nobody can tell which of them is ours.
    """

    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)  # of the token endpoint it is the token
    failure: Failure | None = None
    evidence: Evidence = Evidence.MAY_HAVE_LEFT
    latency_ms: int | None = None
    crowded: bool = False


@dataclass(frozen=True, slots=True)
class Token:
    """An issued token: the value of the Authorization header, and its life in seconds as the server states it."""

    authorization: str = field(repr=False)
    life: float | None


def send_body(message: Message, ref: str) -> bytes:
    """The JSON of one send request."""
    return orjson.dumps({"from": message.from_, "to": message.to, "text": message.text, "ref": ref})


def read_omni(body: bytes | None) -> dict[str, object] | None:
    """The answer as an OMNI object (a JSON object with a four-character `code`), else None."""
    try:
        read = orjson.loads(body or b"")
    except orjson.JSONDecodeError:
        return None
    if not isinstance(read, dict) or not isinstance(code := read.get("code"), str) or not _CODE.match(code):
        return None
    return read


def classify(answer: Answer, ref: str, now: float) -> Verdict:
    """What one send attempt proves. `ref` is the one we sent, `now` seconds since 1970 (for an HTTP-date)."""
    verdict = _classify(answer, ref, now)
    if answer.crowded and verdict.kind not in {Kind.ACCEPTED, Kind.UNKNOWN}:
        return Verdict(Kind.UNKNOWN, reason="bad_answer", result="two answers")
    return verdict


def _classify(answer: Answer, ref: str, now: float) -> Verdict:
    if answer.failure is not None and answer.status != 429:
        return _classify_failure(answer.failure, answer.evidence)
    omni = read_omni(answer.body)
    if omni is None:
        return _classify_status(answer, now)
    if (answer.body or b"").count(b'"code"') > 1:
        return Verdict(Kind.UNKNOWN, reason="bad_answer", result=f"HTTP {answer.status}")
    code = str(omni["code"])
    if _is_foreign(omni, ref):
        return Verdict(Kind.UNKNOWN, code=code, reason="foreign_ref", omni=True)
    kind = CODES.get(code, Kind.UNKNOWN)
    if kind is Kind.UNKNOWN and answer.status == 429:
        kind = Kind.THROTTLED
    if kind is Kind.ACCEPTED:
        return _accepted(omni)
    return Verdict(
        kind,
        code=code,
        result=_text(omni.get("result")),
        reason="unproven_code" if kind is Kind.UNKNOWN else None,
        retry_after=retry_after(answer.headers, now) if kind is Kind.THROTTLED else None,
        omni=True,
    )


def _classify_failure(failure: Failure, evidence: Evidence) -> Verdict:
    if evidence is Evidence.MAY_HAVE_LEFT:
        reason = failure.value if failure in _SPOKEN else Failure.CONNECTION_LOST.value
        return Verdict(Kind.UNKNOWN, reason=reason)
    if failure in _HOPELESS:
        return Verdict(Kind.ACCOUNT, reason=failure.value)
    return Verdict(Kind.NOT_SENT, reason="not_connected", result=failure.value)


_SPOKEN = frozenset({Failure.TIMEOUT, Failure.CONNECTION_LOST, Failure.BAD_ANSWER, Failure.INTERRUPTED})


def _classify_status(answer: Answer, now: float) -> Verdict:
    status = answer.status
    if status == 429:
        return Verdict(Kind.THROTTLED, result="HTTP 429", retry_after=retry_after(answer.headers, now))
    if status == 407:
        return Verdict(Kind.ACCOUNT, reason=Failure.PROXY_AUTH.value, result="HTTP 407")
    if status in {401, 403, 404, 405}:
        return Verdict(Kind.BARE_REFUSAL, reason="bare_refusal", result=f"HTTP {status}")
    return Verdict(Kind.UNKNOWN, reason="bad_answer", result=f"HTTP {status}")


def _is_foreign(omni: Mapping[str, object], ref: str) -> bool:
    """Whether the answer says that it belongs to another request. One without a ref is taken for ours."""
    echoed = omni.get("ref")
    return echoed is not None and str(echoed) not in {ref, ""}


def _accepted(omni: Mapping[str, object]) -> Verdict:
    key = omni.get("msgKey")
    msg_key = str(key) if isinstance(key, str | int) and not isinstance(key, bool) else ""
    if len(msg_key) > KEY_MAX:
        msg_key = ""  # cut, it could never match a report, and two cut ones could be equal
    return Verdict(
        Kind.ACCEPTED,
        code="A000",
        result=_text(omni.get("result")),
        msg_key=msg_key or None,
        reason=None if msg_key else "no_msg_key",
        omni=True,
    )


def _text(value: object) -> str | None:
    return value[:_SHOWN] if isinstance(value, str) else None


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Retry-After in seconds from `now`, from either form of the header; None when it is missing or unreadable."""
    value = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"[0-9]{1,9}", value):
        return float(value)
    at = _http_date(value)
    return None if at is None else max(0.0, at - now)


def server_time(headers: Mapping[str, str]) -> float | None:
    """What time the server says it is (its Date header), in whole seconds since 1970; None when it says nothing."""
    return _http_date(headers.get("Date"))


def _http_date(value: str | None) -> float | None:
    try:
        at = parsedate_to_datetime(value or "")
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None


def read_token(answer: Answer) -> Token | None:
    """The token in an answer of the token endpoint, None when there is none.

    `expired` is a timestamp with offset (seen in the SDKs); its distance from the answer's own Date header is the
    life, so that a wrong local clock does not matter. None when either cannot be read.
    """
    omni = read_omni(answer.body)
    if omni is None or omni["code"] != "A000" or not isinstance(found := omni.get("data"), dict):
        return None
    token = found.get("token")
    schema = found.get("schema")
    authorization = f"{schema if schema and isinstance(schema, str) else 'Bearer'} {token}"
    if not isinstance(token, str) or not token or not authorization.isprintable() or not authorization.isascii():
        return None
    return Token(authorization, _life(found.get("expired"), answer.headers.get("Date")))


def _life(expired: object, date: str | None) -> float | None:
    issued = _http_date(date)
    if not isinstance(expired, str) or issued is None:
        return None
    try:
        until = datetime.fromisoformat(expired)
        return None if until.tzinfo is None else until.timestamp() - issued
    except (ValueError, OverflowError):
        return None
