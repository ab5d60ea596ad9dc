"""A result and its line."""

import string
from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from omni_bulk.model import Result, Status
from omni_bulk.results import epoch_ms, from_line, iso, to_line

# The fields that users rely on, in their documented order.
KEYS = [
    "seq", "campaignId", "ref", "msgKey", "status", "code", "result", "reason", "to", "from", "country", "encoding",
    "segments", "row", "campaign", "attempts", "sentAt", "latencyMs", "warnings",
]  # fmt: skip
PLAIN = Result(1, "0b1c", "october", Status.ACCEPTED)

TEXT = st.text(max_size=20)
COUNT = st.integers(0, 2**53)
RESULTS = st.builds(
    Result,
    seq=st.integers(1, 2**53), campaign_id=TEXT, campaign=TEXT, status=st.sampled_from(Status),
    **{key: st.none() | TEXT for key in (
        "ref", "msg_key", "code", "result", "reason", "to", "from_", "country", "encoding", "sent_at", "duplicate_of",
    )},
    **{key: st.none() | COUNT for key in ("segments", "row", "latency_ms")},
    attempts=COUNT, warnings=st.lists(TEXT, max_size=3).map(tuple),
)  # fmt: skip


@given(RESULTS)
@example(replace(PLAIN, result='two\nlines\u2028\u0085 and "quotes" 안녕 😀'))
def test_a_line_is_read_back_as_it_was(result: Result) -> None:
    line = to_line(result)
    assert line.count(b"\n") == 1 and line.endswith(b"}\n")
    assert from_line(line) == result


def test_the_keys_stand_in_the_order_of_the_contract() -> None:
    assert list(orjson.loads(to_line(replace(PLAIN, warnings=("w",))))) == KEYS
    assert list(orjson.loads(to_line(PLAIN))) == KEYS[:-1]
    assert list(orjson.loads(to_line(replace(PLAIN, duplicate_of="r1")))) == [*KEYS[:-1], "duplicateOf"]


def test_a_line_says_nothing_of_this_call() -> None:
    assert to_line(replace(PLAIN, replayed=True)) == to_line(PLAIN)


def test_unknown_keys_of_a_later_version_are_passed_over() -> None:
    line = orjson.dumps({**orjson.loads(to_line(PLAIN)), "later": "r~2", "more": 2})
    assert from_line(line) == PLAIN


def test_a_line_needs_little() -> None:
    assert from_line(b'{"seq":3,"campaignId":"c","status":"failed"}') == Result(3, "c", "", Status.FAILED)


def changed(**fields: Any) -> bytes:
    return orjson.dumps({**orjson.loads(to_line(PLAIN)), **fields})


WRONG = {
    "nothing": b"",
    "torn": to_line(PLAIN)[:40],
    "no object": b"[1]",
    "no campaign": b'{"seq":1,"status":"failed"}',
    "no seq": b'{"campaignId":"c","status":"failed"}',
    "no status": b'{"seq":1,"campaignId":"c"}',
    "invalid utf-8": b'{"seq":1,"campaignId":"\xff","status":"failed"}',
    "seq": changed(seq="1"),
    "status": changed(status="sent"),
    "status of a list": changed(status=["accepted"]),
    "ref": changed(ref=7),
    "msgKey": changed(msgKey=7),
    "to": changed(to=821000000001),
    "attempts": changed(attempts="1"),
    "segments": changed(segments=1.5),
    "row": changed(row=[2]),
    "warnings": changed(warnings=5),
    "warnings in one string": changed(warnings="w"),
    "warning": changed(warnings=[None]),
}


@pytest.mark.parametrize("line", WRONG.values(), ids=WRONG)
def test_what_is_no_line_is_one_kind_of_error(line: bytes) -> None:
    with pytest.raises(ValueError):
        from_line(line)


JSON = (
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.text(string.digits, max_size=3)
    | st.lists(st.none(), max_size=2)
)


@given(st.dictionaries(st.sampled_from([*KEYS, "duplicateOf"]), JSON) | JSON | st.binary(max_size=20))
def test_any_bytes_are_a_line_or_a_value_error(content: object) -> None:
    line = content if isinstance(content, bytes) else orjson.dumps(content)
    try:
        result = from_line(line)
    except ValueError:
        return
    assert from_line(to_line(result)) == result


# ── time ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_times_carry_the_offset_of_the_api() -> None:
    assert iso(1_790_000_000_123) == "2026-09-21T23:13:20.123+09:00"
    assert iso(0) == "1970-01-01T09:00:00.000+09:00"
    assert iso(None) is None


@given(st.integers(-(10**13), 10**14))
def test_a_time_is_read_back_to_the_millisecond(moment: int) -> None:
    assert epoch_ms(iso(moment)) == moment


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-09-21T13:13:20Z", 1_789_996_400_000),
        ("2026-09-21T13:13:20", 1_789_996_400_000),  # no offset: UTC
        (None, None),
        ("", None),
        ("yesterday", None),
        ("2026-02-30T00:00:00+09:00", None),
    ],
)
def test_times_of_others(text: str | None, moment: int | None) -> None:
    assert epoch_ms(text) == moment


def test_a_second_post_has_its_own_ref_on_the_wire() -> None:
    resent = replace(PLAIN, copy=2, wire_ref="r~2", http=200)
    line = orjson.loads(to_line(resent))
    assert (line["wireRef"], line["copy"]) == ("r~2", 2)
    assert "http" not in line
    assert from_line(to_line(resent)) == replace(resent, http=None)
