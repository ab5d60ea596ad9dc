from collections import Counter
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omni_bulk.sandbox.faults import FAULTS, Faults, parse_fault
from tests.sandbox.kit import Account, body_of


def test_parse_fault_reads_kind_and_probability() -> None:
    assert parse_fault("drop_after=0.01") == ("drop_after", 0.01)
    assert parse_fault(" a999 = 1") == ("a999", 1.0)


@pytest.mark.parametrize("written", ["", "drop_after", "drop_after=", "drop_after=x", "=0.5", "flood=0.5"])
def test_parse_fault_lists_the_kinds_when_it_cannot_read(written: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_fault(written)
    said = str(caught.value)
    assert repr(written) in said
    assert all(kind in said for kind in FAULTS)
    assert said.count(".") - said.count("0.") == 1  # one sentence


@pytest.mark.parametrize("share", ["1.01", "-0.1", "nan", "inf"])
def test_parse_fault_refuses_what_is_no_probability(share: str) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        parse_fault(f"slow={share}")


def test_probabilities_beyond_one_in_sum_are_refused() -> None:
    with pytest.raises(ValueError, match=r"sum to 1\.1"):
        Faults({"slow": 0.6, "a999": 0.5}, Random(1))


def test_an_unknown_kind_is_refused_with_the_list() -> None:
    with pytest.raises(ValueError, match="drop_before, drop_after"):
        Faults({"flood": 0.5}, Random(1))


def test_a_fault_strikes_about_as_often_as_asked_and_the_seed_decides_when() -> None:
    def drawn(seed: int) -> list[str | None]:
        faults = Faults({"a999": 0.1, "slow": 0.3}, Random(seed))
        return [fault.kind if fault else None for fault in (faults.draw() for _ in range(5000))]

    assert drawn(1) == drawn(1) != drawn(2)
    counts = Counter(drawn(3))
    assert counts["a999"] == pytest.approx(500, rel=0.2)
    assert counts["slow"] == pytest.approx(1500, rel=0.2)
    assert counts[None] == pytest.approx(3000, rel=0.2)


def test_certainty_strikes_every_time_and_zero_never() -> None:
    faults = Faults({"a999": 1, "slow": 0}, Random(1))
    assert {faults.draw() for _ in range(200)} == {FAULTS["a999"]}
    assert dict(faults.probabilities) == {"a999": 1}
    faults.set("a999", 0)
    assert {faults.draw() for _ in range(200)} == {None}
    assert faults.counts == {"a999": 200}


def test_forced_faults_come_first_in_the_order_asked_for() -> None:
    faults = Faults({"a999": 1}, Random(1))
    faults.fail_next("slow", 2)
    faults.fail_next("drop_after")
    assert [fault and fault.kind for fault in (faults.draw() for _ in range(4))] == [
        "slow",
        "slow",
        "drop_after",
        "a999",
    ]


def test_forced_faults_elsewhere_leave_posts_alone() -> None:
    faults = Faults({}, Random(1))
    faults.fail_next("a920", on="poll")
    assert faults.draw() is None
    assert faults.queued("token") is None
    assert faults.queued("poll") is FAULTS["a920"]
    assert faults.queued("poll") is None
    assert faults.counts == {"a920": 1}


def test_fail_next_refuses_unknown_places_and_kinds_that_only_posts_have() -> None:
    faults = Faults({}, Random(1))
    with pytest.raises(ValueError, match="send, token, poll, ack, inquiry"):
        faults.fail_next("slow", on="fax")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="posts alone"):
        faults.fail_next("other_ref", on="poll")
    with pytest.raises(ValueError, match="flood"):
        faults.fail_next("flood")


@pytest.mark.parametrize("kind", FAULTS)
def test_each_kind_takes_the_message_or_not_as_it_says(kind: str) -> None:
    account = Account()
    fault = FAULTS[kind]
    account.state.faults.fail_next(kind)
    outcome = account.post()
    assert outcome.fault is fault
    assert (outcome.message is not None) is fault.taken
    assert len(account.state.messages) == int(fault.taken)
    assert account.state.ambiguous_refs == (["r1"] if fault.ambiguous else [])
    stats = account.state.stats()
    assert (stats["taken"], stats["ambiguous"]) == (int(fault.taken), int(fault.ambiguous))
    assert stats["ambiguousTaken"] == int(fault.taken and fault.ambiguous)
    assert stats["faults"] == {kind: 1}
    assert account.post(ref="r2").fault is None


ANSWERS: list[tuple[str, int, str | None]] = [
    ("a999", 500, "A999"),
    ("a999_taken", 500, "A999"),
    ("a920", 503, "A920"),
    ("unlisted", 400, "A777"),
    ("html502", 502, None),
    ("not_json", 200, None),
    ("a001", 401, "A001"),
    ("a020", 429, "A020"),
    ("a020_200", 200, "A020"),
    ("html429", 429, None),
    ("html403", 403, None),
    ("slow", 200, "A000"),
    ("no_msg_key", 200, "A000"),
    ("other_ref", 200, "A000"),
]


@pytest.mark.parametrize(("kind", "status", "code"), ANSWERS)
def test_each_answering_kind_answers_as_named(kind: str, status: int, code: str | None) -> None:
    account = Account(retry_after="7")
    account.state.faults.fail_next(kind)
    answer = account.post().answer
    assert (answer.status, answer.code) == (status, code)
    assert answer.retry_after == ("7" if status == 429 else None)
    assert account.state.stats()["codes"] == ({} if code is None else {code: 1})
    if code is None:
        with pytest.raises(ValueError):
            body_of(answer)


def test_kinds_without_an_answer_count_no_code() -> None:
    account = Account()
    silent = [kind for kind, fault in FAULTS.items() if fault.wire in {"cut", "hang", "half"}]
    for kind in silent:
        account.state.faults.fail_next(kind)
        account.post()
    assert len(silent) == 5
    assert account.state.stats()["codes"] == {}


def test_the_two_kinds_that_change_the_success_change_one_field() -> None:
    account = Account()
    account.state.faults.fail_next("other_ref")
    account.state.faults.fail_next("no_msg_key")
    other, keyless = body_of(account.post().answer), body_of(account.post().answer)
    assert other["ref"] != "r1"
    assert other["msgKey"]
    assert keyless == {"code": "A000", "result": "Success", "ref": "r1"}


POSTS = st.lists(st.sampled_from([{}, {"to": "1"}, {"text": ""}]), max_size=60)


@given(POSTS, st.integers(0, 2**32))
def test_a_fault_never_meets_a_post_that_is_refused_anyway(posts: list[dict[str, Any]], seed: int) -> None:
    shares = dict.fromkeys(FAULTS, 1 / len(FAULTS))
    account = Account(faults=shares, seed=seed)
    outcomes = [account.post(**changes) for changes in posts]
    assert all((outcome.fault is None) == bool(changes) for outcome, changes in zip(outcomes, posts, strict=True))
    stats = account.state.stats()
    struck = Counter(outcome.fault.kind for outcome in outcomes if outcome.fault)
    assert stats["faults"] == struck
    assert stats["taken"] == sum(count for kind, count in struck.items() if FAULTS[kind].taken)
    assert stats["ambiguous"] == sum(count for kind, count in struck.items() if FAULTS[kind].ambiguous)
