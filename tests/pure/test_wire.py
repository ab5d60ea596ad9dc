"""The table of verdicts, row by row, and that nothing outside it proves anything."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from omni_bulk.model import Evidence, Kind, Verdict
from omni_bulk.policy import Step, decide
from omni_bulk.wire import CODES, Answer, Failure, Token, classify, read_omni, read_token, retry_after, send_body
from tests.pure.made import API_CODES, message

REF = "order-1"
STATUSES = (200, 201, 204, 301, 400, 401, 403, 404, 405, 408, 413, 429, 500, 502, 503)
HTML = b"<html><body>Bad Gateway</body></html>"
NOW = 1_790_000_000.0


def omni(code: object, **fields: object) -> bytes:
    return orjson.dumps({"code": code, "result": "said so", **fields})


def judged(
    status: int | None = 200, body: bytes | None = b"", headers: Mapping[str, str] | None = None, ref: str = REF
) -> Verdict:
    return classify(Answer(status, headers or {}, body), ref, NOW)


# ── codes ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_code_of_the_api_is_in_the_table_or_left_unknown_on_purpose() -> None:
    proving = {code: kind for code, kind in API_CODES.items() if kind is not Kind.UNKNOWN}
    assert proving == CODES


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("code", API_CODES)
def test_a_code_proves_the_same_whatever_the_status(code: str, status: int) -> None:
    verdict = judged(status, omni(code, msgKey="k", ref=REF))
    expected = API_CODES[code]
    if status == 429 and expected is Kind.UNKNOWN:
        expected = Kind.THROTTLED  # a 429 with any body: over the rate
    assert verdict.kind is expected
    assert (verdict.code, verdict.result, verdict.omni) == (code, "said so", True)


@pytest.mark.parametrize("code", ["A003", "A101", "A326", "A801", "A802", "A900", "A999", "B000", "Z999"])
def test_a_code_that_nobody_wrote_down_proves_nothing(code: str) -> None:
    assert judged(400, omni(code)) == Verdict(
        Kind.UNKNOWN, code=code, result="said so", reason="unproven_code", omni=True
    )


NO_CODES = {
    "number": b'{"code":0}',
    "the digits of success": b'{"code":"000"}',
    "null": b'{"code":null}',
    "true": b'{"code":true}',
    "list": b'{"code":["A000"]}',
    "object": b'{"code":{"A000":1}}',
    "small letter": b'{"code":"a000"}',
    "too long": b'{"code":"A0000"}',
    "line end": b'{"code":"A000\\n"}',
    "space": b'{"code":" A000"}',
    "full-width digits": '{"code":"A０００"}'.encode(),
    "no code": b'{"status":"A000"}',
    "array": b'[{"code":"A000"}]',
    "string": b'"A000"',
    "empty": b"",
    "html": HTML,
    "cut": b'{"code":"A000","msgKey":"1',
    "trailing": b'{"code":"A000"}x',
    "byte order mark": b'\xef\xbb\xbf{"code":"A000"}',
    "utf-16": '{"code":"A000"}'.encode("utf-16"),
    "invalid utf-8": b'{"code":"A000","result":"\xbc\xba\xb0\xf8"}',
    "half a surrogate pair": b'{"code":"A000","result":"\\ud800"}',
    "not a number": b'{"code":"A000","result":NaN}',
    "1,500 levels deep": b'{"code":"A000","x":' + b"[" * 1500 + b"]" * 1500 + b"}",
    "bottomless": b"[" * 60_000,
}


@pytest.mark.parametrize("body", NO_CODES.values(), ids=NO_CODES)
def test_a_body_without_a_code_of_the_api_is_judged_by_its_status(body: bytes) -> None:
    assert read_omni(body) is None
    assert judged(200, body) == Verdict(Kind.UNKNOWN, reason="bad_answer", result="HTTP 200")
    assert judged(404, body).kind is Kind.BARE_REFUSAL


@pytest.mark.parametrize(
    ("status", "kind", "reason"),
    [
        *((status, Kind.BARE_REFUSAL, "bare_refusal") for status in (401, 403, 404, 405)),
        (407, Kind.ACCOUNT, "proxy_auth"),
        (429, Kind.THROTTLED, None),
        *(
            (status, Kind.UNKNOWN, "bad_answer")
            for status in (100, 200, 201, 202, 204, 301, 302, 307, 308, 400, 402, 406, 408, 409, 410, 411, 413, 415)
        ),
        *((status, Kind.UNKNOWN, "bad_answer") for status in (422, 431, 451, 500, 501, 502, 503, 504, 520, 599, None)),
    ],
)
@pytest.mark.parametrize("body", [HTML, b"", None], ids=["html", "empty", "none"])
def test_what_a_status_alone_proves(status: int | None, body: bytes | None, kind: Kind, reason: str | None) -> None:
    assert judged(status, body) == Verdict(kind, reason=reason, result=f"HTTP {status}")


@pytest.mark.parametrize("body", [HTML, None, b"", omni("A999"), omni("A020"), omni("Z123")])
def test_a_429_is_over_the_rate_whatever_its_body(body: bytes | None) -> None:
    verdict = judged(429, body, {"Retry-After": "7"})
    assert (verdict.kind, verdict.retry_after) == (Kind.THROTTLED, 7.0)


def test_a_429_whose_body_was_cut_is_still_a_429() -> None:
    cut = Answer(429, {"Retry-After": "3"}, None, Failure.CONNECTION_LOST)
    assert classify(cut, REF, NOW) == Verdict(Kind.THROTTLED, result="HTTP 429", retry_after=3.0)


def test_retry_after_is_read_only_where_it_means_the_rate() -> None:
    headers = {"Retry-After": "7"}
    assert judged(200, omni("A020"), headers).retry_after == 7.0
    assert judged(503, omni("A920"), headers).retry_after is None
    assert judged(503, HTML, headers).retry_after is None


# ── success ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("20260101-1", "20260101-1"),
        (4711, "4711"),
        (0, "0"),
        (-1, "-1"),
        (2**64 - 1, str(2**64 - 1)),
        ("", None),
        (None, None),
        (True, None),
        (False, None),
        (1.5, None),
        ([], None),
        ({"a": 1}, None),
    ],
)
def test_an_acceptance_without_a_usable_msg_key_is_flagged(key: object, expected: str | None) -> None:
    verdict = judged(200, omni("A000", msgKey=key))
    assert verdict.kind is Kind.ACCEPTED
    assert (verdict.msg_key, verdict.reason) == (expected, None if expected else "no_msg_key")


def test_an_acceptance_needs_no_msg_key() -> None:
    assert judged(200, b'{"code":"A000"}') == Verdict(Kind.ACCEPTED, code="A000", reason="no_msg_key", omni=True)


def test_a_msg_key_too_big_for_an_integer_is_not_guessed() -> None:
    assert judged(200, b'{"code":"A000","msgKey":123456789012345678901234567890}').msg_key is None


@pytest.mark.parametrize(("echoed", "ref"), [(REF, REF), (None, REF), ("", REF), (17, "17"), ("17", "17")])
def test_a_ref_that_is_ours_or_missing_does_not_contradict(echoed: object, ref: str) -> None:
    assert judged(200, omni("A000", msgKey="k", ref=echoed), ref=ref).kind is Kind.ACCEPTED


@pytest.mark.parametrize("code", API_CODES)
@pytest.mark.parametrize("echoed", ["order-2", 17, False, ["order-1"], {"ref": "order-1"}, " order-1"])
def test_an_answer_to_somebody_else_proves_nothing_about_ours(code: str, echoed: object) -> None:
    """Not even a refusal: taken for ours, an A020 would send a message again that may have been accepted."""
    for status in STATUSES:
        verdict = judged(status, omni(code, msgKey="k", ref=echoed))
        assert verdict == Verdict(Kind.UNKNOWN, code=code, reason="foreign_ref", omni=True)


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize(("first", "second"), [("A000", "A020"), ("A020", "A000"), ("A001", "A300"), ("A020", "A020")])
def test_an_answer_with_two_codes_proves_nothing(first: str, second: str, status: int) -> None:
    body = b'{"code":"%s","result":"r","code":"%s"}' % (first.encode(), second.encode())
    assert judged(status, body) == Verdict(Kind.UNKNOWN, reason="bad_answer", result=f"HTTP {status}")


def test_the_word_code_within_a_sentence_is_no_second_code() -> None:
    assert judged(200, omni("A000", result='the "code" is fine', msgKey="k")).kind is Kind.ACCEPTED


@pytest.mark.parametrize(("said", "kept"), [("x" * 5000, "x" * 200), (7, None), (None, None), ({"a": 1}, None)])
def test_what_the_api_said_is_kept_as_text_of_bounded_length(said: object, kept: str | None) -> None:
    assert judged(400, omni("A300", result=said)).result == kept


# ── failures ───────────────────────────────────────────────────────────────────────────────────────────────────────

HOPELESS = {Failure.CERTIFICATE, Failure.PROXY_AUTH}
IN_FLIGHT = {Failure.TIMEOUT, Failure.CONNECTION_LOST, Failure.BAD_ANSWER, Failure.INTERRUPTED}


@pytest.mark.parametrize("failure", Failure)
def test_a_failure_before_the_first_byte_is_proof(failure: Failure) -> None:
    verdict = classify(Answer(failure=failure, evidence=Evidence.NOTHING_WRITTEN), REF, NOW)
    if failure in HOPELESS:
        assert verdict == Verdict(Kind.ACCOUNT, reason=failure.value)
    else:
        assert verdict == Verdict(Kind.NOT_SENT, reason="not_connected", result=failure.value)


@pytest.mark.parametrize("status", [None, 200, 401, 503])
@pytest.mark.parametrize("failure", Failure)
def test_a_failure_after_the_first_byte_proves_nothing(failure: Failure, status: int | None) -> None:
    verdict = classify(Answer(status, failure=failure), REF, NOW)  # the evidence is the worst unless it is known
    expected = failure.value if failure in IN_FLIGHT else "connection_lost"
    assert verdict == Verdict(Kind.UNKNOWN, reason=expected)


# ── any bytes at all ───────────────────────────────────────────────────────────────────────────────────────────────

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)
CODE = st.sampled_from(sorted(API_CODES)) | st.from_regex(r"[A-Z][0-9]{3}", fullmatch=True) | JSON
OMNI = st.fixed_dictionaries(
    {"code": CODE}, optional={"ref": JSON | st.just(REF), "msgKey": JSON, "result": JSON, "data": JSON}
).map(orjson.dumps)
BODIES = st.none() | st.binary(max_size=80) | OMNI | JSON.map(orjson.dumps)
HEADERS = st.dictionaries(st.sampled_from(["Retry-After", "Date", "Server"]), st.text(max_size=30), max_size=2)
ANSWERS = st.builds(
    Answer,
    status=st.none() | st.integers(0, 999) | st.sampled_from(STATUSES),
    headers=HEADERS,
    body=BODIES,
    failure=st.none() | st.sampled_from(list(Failure)),
    evidence=st.sampled_from(list(Evidence)),
)


@given(ANSWERS, st.text(min_size=1, max_size=9) | st.just(REF))
@example(Answer(), REF)
def test_any_answer_has_a_verdict_and_only_proof_is_taken_for_proof(answer: Answer, ref: str) -> None:
    verdict = classify(answer, ref, NOW)
    read = read_omni(answer.body) if answer.failure is None or answer.status == 429 else None
    code = None if read is None else read["code"]
    match verdict.kind:
        case Kind.ACCEPTED:
            assert read is not None and code == "A000"
            assert str(read.get("ref") or ref) == ref
        case Kind.NOT_SENT:
            assert answer.failure is not None and answer.evidence is Evidence.NOTHING_WRITTEN
        case Kind.ACCOUNT if not verdict.omni:
            assert answer.status == 407 or answer.evidence is Evidence.NOTHING_WRITTEN
        case Kind.BARE_REFUSAL:
            assert read is None and answer.status in {401, 403, 404, 405}
        case Kind.THROTTLED:
            assert code == "A020" or answer.status == 429
        case Kind.UNKNOWN:
            assert decide(verdict, shared_from=False).step is Step.SETTLE
        case _:
            assert CODES[str(code)] is verdict.kind
    assert verdict.retry_after is None or verdict.retry_after >= 0


@given(st.binary(max_size=200), st.integers(100, 599))
def test_no_random_bytes_are_an_acceptance(body: bytes, status: int) -> None:
    assert judged(status, body).kind is not Kind.ACCEPTED


# ── Retry-After ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        (" 5 ", 5.0),
        ("999999999", 999_999_999.0),
        (format_datetime(datetime.fromtimestamp(NOW + 90, UTC), usegmt=True), 90.0),
        (format_datetime(datetime.fromtimestamp(NOW + 90, timezone(timedelta(hours=9)))), 90.0),
        (format_datetime(datetime.fromtimestamp(NOW - 90, UTC), usegmt=True), 0.0),
        (datetime.fromtimestamp(NOW + 90, UTC).strftime("%a, %d %b %Y %H:%M:%S"), 90.0),  # no zone: HTTP dates are GMT
        ("", None),
        ("-5", None),
        ("1.5", None),
        ("1e3", None),
        ("٣", None),
        ("soon", None),
        ("9" * 400, None),
        ("5, 10", None),
        ("Sun, 99 Nov 2026 99:99:99 GMT", None),
        ("Sun, 22 Nov 99999 08:49:37 GMT", None),
        ("Sun, 22 Nov 2026 08:49:37 +99999999", None),
        ("2026-11-22T08:49:37+09:00", None),
    ],
)
def test_retry_after_in_either_form(value: str, seconds: float | None) -> None:
    assert retry_after({"Retry-After": value}, NOW) == seconds


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the zone of a running process cannot be changed")
def test_a_date_without_zone_is_not_read_in_the_zone_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", "Asia/Seoul")
        time.tzset()
        seconds = retry_after({"Retry-After": "Thu, 01 Jan 1970 00:01:00"}, 0.0)
    time.tzset()
    assert seconds == 60.0


def test_no_retry_after() -> None:
    assert retry_after({}, NOW) is None


WORDS = ["Sun,", "22", "Nov", "2026", "08:49:37", "GMT", "+0900", "+99999999", "-", ",", "::", "(", '"', "9" * 20, "²"]


@given(st.text(max_size=40) | st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join))
def test_no_retry_after_is_too_strange_to_read(value: str) -> None:
    seconds = retry_after({"Retry-After": value}, NOW)
    assert seconds is None or seconds >= 0


# ── token ──────────────────────────────────────────────────────────────────────────────────────────────────────────

DATE = "Sun, 22 Nov 2026 07:40:47 GMT"
DAY = "2026-11-23T16:40:47+09:00"


def token_answer(headers: Mapping[str, str] | None = None, /, **found: object) -> Answer:
    headers = {"Date": DATE} if headers is None else headers
    return Answer(200, headers, omni("A000", data={"schema": "Bearer", "token": "t0k", "expired": DAY, **found}))


def test_a_token_as_the_guide_shows_it() -> None:
    assert read_token(token_answer()) == Token("Bearer t0k", 86_400.0)


def test_a_token_does_not_show_itself() -> None:
    assert "t0k" not in repr(read_token(token_answer()))


@pytest.mark.parametrize(
    ("expired", "life"),
    [
        ("2026-11-22T07:41:47Z", 60.0),
        ("2026-11-22T16:40:47.5+09:00", 0.5),
        ("2026-11-22T07:40:46+00:00", -1.0),  # what it means is for the reader of the life to say
        ("2026-11-23T16:40:47", None),
        ("2026-11-23", None),
        ("2026-02-30T00:00:00+09:00", None),
        ("tomorrow", None),
        ("", None),
        (None, None),
        (1_790_000_000, None),
    ],
)
def test_the_life_of_a_token_is_what_the_server_says_or_nothing(expired: object, life: float | None) -> None:
    assert read_token(token_answer(expired=expired)) == Token("Bearer t0k", life)


@pytest.mark.parametrize("headers", [{}, {"Date": ""}, {"Date": "today"}])
def test_the_life_needs_the_servers_own_clock(headers: Mapping[str, str]) -> None:
    assert read_token(token_answer(headers)) == Token("Bearer t0k", None)


@pytest.mark.parametrize("schema", [None, "", 5, {"a": 1}, ["Basic"]])
def test_a_token_without_a_usable_schema_is_a_bearer(schema: object) -> None:
    found = read_token(token_answer(schema=schema))
    assert found is not None and found.authorization == "Bearer t0k"


def test_the_schema_goes_before_the_token() -> None:
    found = read_token(token_answer(schema="Omni"))
    assert found is not None and found.authorization == "Omni t0k"


@pytest.mark.parametrize("token", ["", None, 7, ["t"], "a\nb", "a\r\nX: y", "a\0b", "tøk", "\x7f"])
def test_what_cannot_stand_in_a_header_is_no_token(token: object) -> None:
    assert read_token(token_answer(token=token)) is None


@pytest.mark.parametrize(
    "body",
    [
        None,
        b"",
        HTML,
        omni("A100"),
        omni("A000"),
        omni("A000", data=None),
        omni("A000", data=[]),
        omni("A000", data={}),
    ],
)
def test_an_answer_without_a_token(body: bytes | None) -> None:
    assert read_token(Answer(200, {"Date": DATE}, body)) is None


@given(ANSWERS)
def test_reading_a_token_never_fails(answer: Answer) -> None:
    found = read_token(answer)
    assert found is None or found.authorization.isprintable()


# ── request ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_request_has_the_four_fields_of_the_api() -> None:
    sent = orjson.loads(send_body(message('안녕 "you"\n'), REF))
    assert sent == {"from": "0200000001", "to": "+821000000001", "text": '안녕 "you"\n', "ref": REF}
