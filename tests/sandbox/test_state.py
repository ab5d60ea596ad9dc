from datetime import datetime, timedelta
from random import Random
from typing import Any

import orjson
import pytest

from omni_bulk.sandbox.codes import CODES, ambiguous, answer
from omni_bulk.sandbox.options import DAY, Options
from omni_bulk.sandbox.state import State, refusal
from tests.sandbox.kit import MESSAGE, NOON, Account, body_of

# tokens


def test_a_token_answer_has_the_shape_of_the_guide() -> None:
    answered = body_of(Account().state.token("sandbox", "sandbox"))
    assert set(answered) == {"code", "result", "data"}
    assert (answered["code"], answered["result"]) == ("A000", "Success")
    assert set(answered["data"]) == {"schema", "token", "expired"}
    assert answered["data"]["schema"] == "Bearer"
    expired = answered["data"]["expired"]
    assert expired.endswith("+09:00")
    assert datetime.fromisoformat(expired).timestamp() == NOON + DAY


@pytest.mark.parametrize("pair", [("sandbox", "wrong"), ("wrong", "sandbox"), (None, None), ("sandbox", None)])
def test_wrong_credentials_are_a100(pair: tuple[str | None, str | None]) -> None:
    account = Account()
    refused = account.state.token(*pair)
    assert (refused.status, refused.code) == (401, "A100")
    assert account.state.stats()["tokens"] == 1  # the one of the kit


def test_credentials_can_be_chosen() -> None:
    state = State(Options(client_id="me", client_password="mine"), clock=lambda: 0.0, rng=Random(1))
    assert state.token("me", "mine").code == "A000"
    assert state.token("sandbox", "sandbox").code == "A100"


def test_every_issued_token_stays_good_until_it_expires() -> None:
    account = Account(token_ttl=100)
    older = account.authorization
    account.clock.advance(60)
    newer = account.log_in()
    assert [account.state.poll(token).code for token in (older, newer)] == ["A000", "A000"]
    account.clock.advance(39.5)
    assert account.state.poll(older).code == "A000"
    account.clock.advance(0.5)
    expired = account.state.poll(older)
    assert (expired.status, expired.code) == (401, "A001")
    assert account.state.poll(newer).code == "A000"


def test_a_token_can_live_shorter_than_it_claims() -> None:
    account = Account(token_ttl=3, claimed_ttl=DAY)
    claimed = body_of(account.state.token("sandbox", "sandbox"))["data"]["expired"]
    assert datetime.fromisoformat(claimed).timestamp() == NOON + DAY
    account.clock.advance(3)
    assert account.post().answer.code == "A001"


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer nonsense", "Basic {token}", "{token}"])
def test_an_unknown_token_is_a002(header: str | None) -> None:
    account = Account()
    written = header and header.format(token=account.authorization.split()[1])
    answers = [
        account.state.post(written, orjson.dumps(MESSAGE)).answer,
        account.state.poll(written),
        account.state.ack(written, "x"),
        account.state.inquire(written, "x"),
    ]
    assert {(answered.status, answered.code) for answered in answers} == {(403, "A002")}


def test_the_schema_may_be_written_in_any_case() -> None:
    account = Account()
    assert account.state.poll(account.authorization.replace("Bearer", "bearer")).code == "A000"


def test_expire_ends_the_tokens_of_now_and_not_later_ones() -> None:
    account = Account()
    account.state.tokens.expire()
    assert account.post().answer.code == "A001"
    account.authorization = account.log_in()
    assert account.post().answer.code == "A000"


def test_with_revoke_older_a_new_token_ends_the_older_ones() -> None:
    account = Account(revoke_older=True)
    older = account.authorization
    newer = account.log_in()
    assert [account.state.poll(token).code for token in (older, newer)] == ["A002", "A000"]


def test_too_many_token_requests_get_429() -> None:
    account = Account(token_limit=3, retry_after="5")
    answers = [account.state.token("sandbox", "sandbox") for _ in range(3)]
    assert [answered.status for answered in answers] == [200, 200, 429]
    assert (answers[-1].code, answers[-1].retry_after) == ("A020", "5")
    account.clock.advance(60)
    assert account.state.token("sandbox", "sandbox").status == 200


# posts


def test_a_good_post_is_taken_and_answered_with_its_keys() -> None:
    account = Account()
    outcome = account.post()
    taken = outcome.message
    assert taken is not None
    assert account.state.messages == [taken]
    assert (taken.to, taken.from_, taken.text, taken.ref) == ("+821012345678", "0212345678", "hello", "r1")
    assert taken.time == NOON
    assert outcome.answer.status == 200
    assert body_of(outcome.answer) == {"code": "A000", "result": "Success", "msgKey": taken.msg_key, "ref": "r1"}


@pytest.mark.parametrize("without", [{}, {"ref": None}])
def test_without_a_ref_the_answer_has_none(without: dict[str, None]) -> None:
    account = Account()
    fields = {**{name: MESSAGE[name] for name in ("from", "to", "text")}, **without}
    answered = account.state.post(account.authorization, orjson.dumps(fields)).answer
    assert set(body_of(answered)) == {"code", "result", "msgKey"}
    assert account.state.stats()["distinctRefs"] == 0


def test_numbers_and_texts_stay_out_of_the_repr() -> None:
    shown = repr(Account().post(text="secret words").message)
    assert "8210" not in shown
    assert "0212" not in shown
    assert "secret" not in shown
    assert "r1" in shown


def test_a_post_without_any_ref_can_be_ambiguous_too() -> None:
    account = Account()
    account.state.faults.fail_next("a999_taken")
    account.post(ref=None)
    assert account.state.ambiguous_refs == [None]


WRONG: list[tuple[str, dict[str, Any]]] = [
    ("A302", {"from": None}),
    ("A302", {"from": ""}),
    ("A302", {"from": "   "}),
    ("A302", {"from": 212345678}),
    ("A302", {"from": "+82212345678"}),
    ("A302", {"from": "0" * 21}),
    ("A302", {"from": "회사"}),
    ("A303", {"text": None}),
    ("A303", {"text": ""}),
    ("A303", {"text": ["hello"]}),
    ("A328", {"text": "가" * 2001}),
    ("A305", {"ref": ""}),
    ("A305", {"ref": "x" * 201}),
    ("A305", {"ref": 17}),
    ("A306", {"to": None}),
    ("A306", {"to": ""}),
    ("A306", {"to": "821012345678"}),
    ("A306", {"to": "+0821012345678"}),
    ("A306", {"to": "+82 10 1234 5678"}),
    ("A306", {"to": "+821012345678\n"}),
    ("A306", {"to": "+８２1012345678"}),
    ("A306", {"to": "+123456"}),
    ("A306", {"to": "+1234567890123456"}),
    ("A306", {"to": ["+821012345678"]}),
]


@pytest.mark.parametrize(("code", "changes"), WRONG)
def test_a_wrong_field_is_refused_with_its_own_code(code: str, changes: dict[str, Any]) -> None:
    account = Account()
    outcome = account.post(**changes)
    assert (outcome.answer.status, outcome.answer.code) == (400, code)
    assert set(body_of(outcome.answer)) == {"code", "result"}
    assert account.state.stats()["codes"] == {code: 1}
    assert account.state.messages == []
    assert account.state.ambiguous_refs == []


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"text"', b"null", b"[{}]", b"\xff\xfe", b'{"text": "\\ud800"}'])
def test_what_is_no_json_object_is_a010(body: bytes) -> None:
    account = Account()
    refused = account.state.post(account.authorization, body).answer
    assert (refused.status, refused.code) == (400, "A010")


@pytest.mark.parametrize(
    "changes",
    [
        {"text": "가" * 2000},
        {"text": "a"},
        {"ref": "x" * 200},
        {"from": "Korea"},
        {"from": "114"},
        {"to": "+6831234"},
        {"to": "+123456789012345"},
        {"extra": 1},
    ],
)
def test_values_at_the_edge_are_taken(changes: dict[str, Any]) -> None:
    assert refusal({**MESSAGE, **changes}) is None


def test_the_longest_text_is_a_setting() -> None:
    account = Account(text_limit=5)
    assert [account.post(text=text).answer.code for text in ("12345", "123456")] == ["A000", "A328"]


def test_registered_numbers_are_a_setting() -> None:
    account = Account(from_numbers={"0212345678"})
    outcomes = [account.post(**{"from": number}).answer.code for number in ("0212345678", "01012345678")]
    assert outcomes == ["A000", "A327"]


def test_over_the_rate_is_a020_with_429_and_takes_nothing() -> None:
    account = Account(tps=2, limiter="sliding", retry_after="1")
    outcomes = [account.post(ref=f"r{number}").answer for number in range(3)]
    assert [answered.code for answered in outcomes] == ["A000", "A000", "A020"]
    assert (outcomes[-1].status, outcomes[-1].retry_after) == (429, "1")
    assert len(account.state.messages) == 2
    account.clock.advance(1)
    assert account.post(ref="r3").answer.code == "A000"
    assert account.state.stats()["maxPostsPerSecond"] == 3


def test_a_bad_token_is_told_first_and_costs_no_rate() -> None:
    account = Account(tps=1, limiter="sliding")
    assert account.state.post("Bearer x", b"{").answer.code == "A002"
    assert account.post().answer.code == "A000"


@pytest.mark.parametrize(("code", "status"), [("A001", 401), ("A002", 403)])
def test_no_token_ever_works_when_told_so(code: str, status: int) -> None:
    account = Account(refuse=code)
    account.authorization = account.log_in()
    told = account.post().answer
    assert (told.status, told.code) == (status, code)
    assert account.state.poll(account.authorization).code == code
    assert account.state.ambiguous_refs == []
    account.state.refuse = None
    assert account.post().answer.code == "A000"


@pytest.mark.parametrize(("code", "status"), [("A320", 400), ("A110", 403), ("A020", 429)])
def test_a_fixed_refusal_meets_posts_alone(code: str, status: int) -> None:
    account = Account(refuse=code)
    told = account.post().answer
    assert (told.status, told.code) == (status, code)
    assert account.state.poll(account.authorization).code == "A000"
    assert account.state.messages == []


@pytest.mark.parametrize(
    ("body", "ref"),
    [
        (orjson.dumps(MESSAGE), "r1"),
        (b"{}", None),
        (b"[]", None),
        (b"{", None),
        (b'{"ref": 1}', None),
    ],
)
def test_a_fixed_ambiguous_code_is_counted_as_such(body: bytes, ref: str | None) -> None:
    account = Account(refuse="A999")
    assert account.state.post(account.authorization, body).answer.status == 500
    assert account.state.ambiguous_refs == [ref]
    assert account.state.stats()["ambiguousTaken"] == 0


def test_which_codes_prove_nothing() -> None:
    assert {code for code in CODES if ambiguous(code)} == {"A910", "A920", "A999"}
    assert ambiguous("A777")


def test_an_unlisted_code_comes_with_400() -> None:
    assert answer("A777").status == 400


# counts


def test_stats_count_doubles_by_ref() -> None:
    account = Account()
    for ref in ("a", "b", "a", "a", "c", "c", None, None):
        account.post(ref=ref)
    account.post(to="nobody")
    stats = account.state.stats()
    assert stats["posts"] == 9
    assert stats["taken"] == 8
    assert stats["distinctRefs"] == 3
    assert stats["doubles"] == 2  # a and c
    assert stats["codes"] == {"A000": 8, "A306": 1}
    assert stats["tokens"] == 1


def test_keys_are_distinct_and_the_seed_decides_them() -> None:
    def keys(seed: int) -> list[str]:
        account = Account(seed=seed)
        return [message.msg_key for message in (account.post().message for _ in range(50)) if message]

    assert len(set(keys(1))) == 50
    assert keys(1) == keys(1)
    assert not set(keys(1)) & set(keys(2))


def test_a_message_is_shown_with_its_time_in_korea() -> None:
    account = Account()
    account.clock.advance(0.25)
    taken = account.post().message
    assert taken is not None
    shown = taken.as_json()
    assert shown == {"msgKey": taken.msg_key, **MESSAGE, "time": shown["time"]}
    when = datetime.fromisoformat(str(shown["time"]))
    assert (when.timestamp(), when.utcoffset()) == (NOON + 0.25, timedelta(hours=9))
