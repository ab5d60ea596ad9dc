"""What a report says, and whose it is."""

from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omni_bulk.joining import (
    DIE_AFTER,
    GRACE,
    LATE_MAX,
    WARN_AFTER,
    Candidate,
    Judgement,
    age_warning,
    base_ref,
    judge,
    key_digest,
    read_batch,
    read_json,
    read_report,
    report_key,
    usable_report_id,
)
from omni_bulk.model import Report, State, Way, Whose
from tests.reports.kit import raw_report, report

AT = 1_760_000_000_000


def read(**fields: Any) -> Report:
    return read_report(fields, source=Way.POLL, proven=True, received_at=AT)


# ── shapes ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_guides_sample_is_read_whole() -> None:
    made = read(**raw_report(1_760_000_000.0, sendTime="2023-11-28T10:00:00+09:00", resCnt="3"))
    assert (made.msg_key, made.ref, made.type, made.code, made.text) == ("k-1", "r-1", "0", "10000", "Success")
    assert (made.service, made.msg_type, made.carrier, made.parts) == ("im", "im", "10001", 3)
    assert (made.sent_at, made.at) == (1_701_133_200_000, AT)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"resCnt": 2}, {"parts": 2}),
        ({"resCnt": " 2 "}, {"parts": 2}),
        ({"resCnt": "two"}, {"parts": None}),
        ({"resCnt": "-1"}, {"parts": None}),
        ({"resCnt": True}, {"parts": None}),
        ({"resCnt": "9" * 30}, {"parts": None}),
        ({"msgKey": 17}, {"msg_key": "17"}),
        ({"msgKey": None}, {"msg_key": ""}),
        ({"ref": ""}, {"ref": None}),
        ({"ref": None}, {"ref": None}),
        ({"reportCode": 10000}, {"code": "10000"}),
        ({"reportTime": "soon"}, {"at": None}),
        ({"reportTime": 5}, {"at": None}),
        ({"reportText": "x" * 900}, {"text": "x" * 400}),
    ],
)
def test_odd_fields(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    made = read(**fields)
    assert {name: getattr(made, name) for name in expected} == expected


def test_fields_nobody_has_listed_are_kept() -> None:
    raw = raw_report(1.0) | {"network": {"mcc": 450}, "reportType": "7"}
    made = read(**raw)
    assert orjson.loads(made.json) == raw
    assert made.type == "7"


@pytest.mark.parametrize("raw", [None, 3, "text", [1], {}])
def test_what_is_no_report_is_kept_too(raw: object) -> None:
    made = read_report(raw, source=Way.POLL, proven=True, received_at=AT)
    assert made.msg_key == ""
    assert orjson.loads(made.json) == raw


def test_json_that_a_strict_reader_refuses_is_read() -> None:
    read_one = read_json(b'{"msgKey": "k", "reportText": "\\ud83d"}')
    made = read_report(read_one, source=Way.POLL, proven=True, received_at=AT)
    assert made.msg_key == "k"
    assert made.text == "?"
    assert b"\\ud83d" in made.json
    assert read_json(b'{"a": "\xff"}') == {"a": "\ufffd"}
    assert read_json(b"<html>") is None
    assert read_json(None) is None


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"data": {"reportId": "", "report": None}}, ("", [])),
        ({"data": {"reportId": "7", "report": [1, 2]}}, ("7", [1, 2])),
        ({"data": {"reportId": 7, "report": []}}, ("7", [])),
        ({"data": {"reportId": None, "report": None}}, ("", [])),
        ({"data": {"report": {"msgKey": "k"}}}, ("", [{"msgKey": "k"}])),
        ({"data": None}, ("", [])),
        ({}, ("", [])),
        ({"data": []}, None),
        ({"data": {"reportId": ["7"], "report": []}}, None),
        ({"data": {"reportId": True, "report": []}}, None),
        ({"data": {"reportId": "7", "report": "none"}}, None),
    ],
)
def test_a_batch(answer: dict[str, Any], expected: tuple[str, list[Any]] | None) -> None:
    batch = read_batch(answer)
    assert (None if batch is None else (batch.report_id, list(batch.reports))) == expected


@pytest.mark.parametrize("report_id", ["1", "a-b_c.d~e", "0" * 200])
def test_a_report_id_for_a_url(report_id: str) -> None:
    assert usable_report_id(report_id)


@pytest.mark.parametrize(
    "report_id", ["", ".", "..", "../x", "a/b", "a?b", "a#b", "a%2f", "a b", "é", "0" * 201, "a\n"]
)
def test_a_report_id_that_would_be_another_url(report_id: str) -> None:
    assert not usable_report_id(report_id)


# ── the key of a copy ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_copy_is_known_by_four_fields_alone() -> None:
    when: dict[str, Any] = {"reportTime": "2025-10-09T17:53:20+09:00"}
    first = report(**when)
    assert report_key(first) == report_key(report(reportTime="2025-10-09T08:53:20Z", carrier="2", reportText="other"))
    for changed in (
        {"msgKey": "k-2"}, {"reportType": "1"}, {"reportCode": "22003"}, {"reportTime": "2025-10-09T17:53:21+09:00"},
    ):  # fmt: skip
        assert report_key(report(**{**when, **changed})) != report_key(first)


def test_what_has_no_time_is_told_apart_by_its_text() -> None:
    assert report_key(report(reportTime=None)) == report_key(report(reportTime=None))
    assert report_key(report(reportTime=None, carrier="9")) != report_key(report(reportTime=None))
    assert len({report_key(read_report(raw, source=Way.POLL, proven=True, received_at=0)) for raw in (1, 2, None)}) == 3


@given(st.integers(-(10**18), 10**18))
def test_a_key_of_any_time_has_16_bytes(at: int) -> None:
    assert len(report_key(replace(report(), at=at))) == 16


# ── whose it is ───────────────────────────────────────────────────────────────────────────────────────────────────


def one(
    state: State = State.UNKNOWN, *, message: int = 1, key: str | None = None, claimed: int | None = AT, copy: int = 1,
    began: int = AT - 1000,
) -> Candidate:  # fmt: skip
    return Candidate(message, state, key, claimed, copy, began)


def sent(at: int, **fields: Any) -> Report:
    return replace(report(**fields), sent_at=at)


HOUR = 3_600_000
CASES: dict[str, tuple[Report, list[Candidate], Judgement]] = {
    "nobody bears its ref": (sent(AT), [], Judgement(Whose.FOREIGN, reason="unknown_key")),
    "the one unknown that bears it": (sent(AT), [one()], Judgement(Whose.JOINED, 1, settles=True)),
    "a little before the claim, by another clock": (
        sent(AT - GRACE), [one()], Judgement(Whose.JOINED, 1, settles=True)
    ),
    "before the claim": (sent(AT - GRACE - 1), [one()], Judgement(Whose.UNMATCHED, reason="not_of_that_time")),
    "a day after the claim": (sent(AT + LATE_MAX + 1), [one()], Judgement(Whose.UNMATCHED, reason="not_of_that_time")),
    "two unknowns bear it": (
        sent(AT), [one(), one(message=2)], Judgement(Whose.UNMATCHED, reason="ambiguous_ref")
    ),
    "an unknown and one in flight": (
        sent(AT), [one(), one(State.CLAIMED, message=2)], Judgement(Whose.UNMATCHED, reason="ambiguous_ref")
    ),
    "an unknown and one accepted without a key": (
        sent(AT), [one(), one(State.ACCEPTED, message=2)], Judgement(Whose.UNMATCHED, reason="ambiguous_ref")
    ),
    "an unknown and one accepted with its key": (
        sent(AT), [one(), one(State.ACCEPTED, message=2, key="k-9")], Judgement(Whose.JOINED, 1, settles=True)
    ),
    "nobody vouches for it": (
        replace(sent(AT), proven=False), [one()], Judgement(Whose.HINT, 1, "not_authenticated")
    ),
    "in flight": (sent(AT), [one(State.CLAIMED)], Judgement(Whose.WAITING, 1, "in_flight")),
    "released, maybe wrongly": (sent(AT), [one(State.READY)], Judgement(Whose.WAITING, 1, "in_flight")),
    "never claimed": (
        sent(AT), [one(State.READY, claimed=None)], Judgement(Whose.UNMATCHED, reason="settled_otherwise")
    ),
    "accepted without a key": (sent(AT), [one(State.ACCEPTED)], Judgement(Whose.JOINED, 1)),
    "an unknown without a claim": (
        sent(AT), [one(claimed=None)], Judgement(Whose.UNMATCHED, reason="not_of_that_time")
    ),
    "accepted under another key": (
        sent(AT), [one(State.ACCEPTED, key="k-9")], Judgement(Whose.DOUBLE, 1, "second_msg_key")
    ),
    "accepted under another key, long before": (
        sent(AT + HOUR), [one(State.ACCEPTED, key="k-9")], Judgement(Whose.UNMATCHED, reason="settled_otherwise")
    ),
    "two accepted under other keys": (
        sent(AT), [one(State.ACCEPTED, key="k-8"), one(State.ACCEPTED, message=2, key="k-9")],
        Judgement(Whose.UNMATCHED, reason="ambiguous_ref"),
    ),
    "rejected": (sent(AT), [one(State.REJECTED)], Judgement(Whose.UNMATCHED, reason="settled_otherwise")),
    "the first of two posts": (
        sent(AT), [one(State.ACCEPTED, key="k-9", copy=2, claimed=AT + HOUR, began=AT)],
        Judgement(Whose.JOINED, 1, "other_copy"),
    ),
    "of the time before both posts": (
        sent(AT - HOUR), [one(State.ACCEPTED, key="k-9", copy=2, claimed=AT + HOUR, began=AT)],
        Judgement(Whose.UNMATCHED, reason="settled_otherwise"),
    ),
    "the first of two posts, both unknown": (
        sent(AT), [one(copy=2, claimed=AT + HOUR, began=AT)], Judgement(Whose.JOINED, 1, settles=True)
    ),
    "no msgKey": (replace(sent(AT), msg_key=""), [one()], Judgement(Whose.UNMATCHED, reason="no_msg_key")),
    "a domestic one": (sent(AT, msgType="sms"), [one()], Judgement(Whose.UNMATCHED, reason="not_international")),
    "international by its service": (sent(AT, msgType=None), [one()], Judgement(Whose.JOINED, 1, settles=True)),
    "no kind": (
        sent(AT, msgType=None, serviceType=None), [one()], Judgement(Whose.UNMATCHED, reason="not_international")
    ),
    "no sendTime": (replace(sent(AT), sent_at=None), [one()], Judgement(Whose.UNMATCHED, reason="no_send_time")),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_whose(case: str) -> None:
    made, candidates, expected = CASES[case]
    assert judge(made, None, candidates) == expected


@pytest.mark.parametrize("case", CASES)
def test_whoever_bears_the_msg_key_has_it(case: str) -> None:
    made, candidates, _ = CASES[case]
    assert judge(made, 7, candidates) == Judgement(Whose.JOINED, 7)


candidate = st.builds(
    Candidate,
    message=st.integers(1, 3),
    state=st.sampled_from(State),
    msg_key=st.sampled_from([None, "k-8"]),
    claimed_at=st.none() | st.integers(AT - 10 * HOUR, AT + 10 * HOUR),
    copy=st.sampled_from([1, 2]),
    began=st.integers(AT - 20 * HOUR, AT),
)


@given(
    st.lists(candidate, max_size=4, unique_by=lambda found: found.message),
    st.booleans(),
    st.sampled_from(["im", "sms"]),
)
def test_nothing_is_settled_but_the_one_open_message(found: list[Candidate], proven: bool, kind: str) -> None:
    made = replace(sent(AT, msgType=kind), proven=proven)
    told = judge(made, None, found)
    assert told == judge(made, None, found[::-1]), "the order of the candidates decides nothing"
    if not told.settles:
        return
    assert proven and kind == "im"
    (settled,) = [one for one in found if one.message == told.message]
    assert settled.state is State.UNKNOWN
    assert [one for one in found if one.state is State.UNKNOWN] == [settled]
    assert not [one for one in found if one.state is State.CLAIMED]


@pytest.mark.parametrize(
    ("ref", "base"), [("r-1", "r-1"), ("r-1~2", "r-1"), ("r~2~x", "r~2~x"), ("~2", ""), ("r~", "r~")]
)
def test_the_ref_behind_a_second_post(ref: str, base: str) -> None:
    assert base_ref(ref) == base


# ── what waits ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("age", "begins"),
    [
        (None, None),
        (WARN_AFTER - 1, None),
        (WARN_AFTER, "WARNING: delivery reports begin to die in 24 h,"),
        (DIE_AFTER - 1, "WARNING: delivery reports begin to die in 0 h,"),
        (DIE_AFTER, "ERROR: nobody has collected delivery reports for 3 days,"),
    ],
)
def test_reports_that_nobody_collects(age: int | None, begins: str | None) -> None:
    said = age_warning(None if age is None else AT - age, AT)
    assert said is None if begins is None else (said or "").startswith(begins)


@given(st.text(st.characters(codec=None)), st.text())
def test_a_msg_key_is_found_by_eight_bytes(one: str, other: str) -> None:
    assert len(key_digest(one)) == 8
    assert (key_digest(one) == key_digest(other)) is (one == other)
