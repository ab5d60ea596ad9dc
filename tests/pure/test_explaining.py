"""What is open about one message, and its story without the number."""

from dataclasses import replace

import orjson
import pytest

from omni_bulk.delivery import Codes, Delivery, Fate, Outcome
from omni_bulk.explaining import Inquiry, Standing, Traced, judgement, standing_of, steps, story
from omni_bulk.joining import DIE_AFTER, INQUIRY_AFTER
from omni_bulk.model import Report, State, Whose
from omni_bulk.results import iso

AT = 1_760_000_000_000
CODES = Codes({"10000": Outcome.DELIVERED}, ())
RELAYED, PENDING = Fate(Delivery.RELAYED), Fate(Delivery.PENDING)


def one(state: State, **more: object) -> Standing:
    return replace(Standing(state, "big sale", claimed_at=AT), **more)  # type: ignore[arg-type]


CASES: dict[str, tuple[Standing, int, list[tuple[str, str | None]]]] = {
    "ready": (one(State.READY, claimed_at=None), AT, [("ready", None)]),
    "in doubt": (one(State.CLAIMED), AT, [("in_doubt", None)]),
    "rejected": (one(State.REJECTED), AT, [("rejected", None)]),
    "failed": (one(State.FAILED), AT, [("failed", None)]),
    "invalid": (one(State.INVALID), AT, [("invalid", None)]),
    "skipped": (one(State.SKIPPED), AT, []),
    "a row that repeats an invalid one": (one(State.INVALID, repeats=True), AT, []),
    "unknown, young": (one(State.UNKNOWN), AT + DIE_AFTER - 1, [("report_may_come", "omni-bulk reports --poll")]),
    "unknown, old": (one(State.UNKNOWN), AT + DIE_AFTER, [("undecided", "omni-bulk resolve 'big sale'")]),
    "unknown since nobody knows when": (
        one(State.UNKNOWN, claimed_at=None), AT, [("undecided", "omni-bulk resolve 'big sale'")]
    ),
    "presumed unsent": (
        one(State.UNKNOWN, presumed_at=AT), AT,
        [("presumed_unsent", "omni-bulk resolve 'big sale' --resend --list INPUT")],
    ),
    "posted twice": (
        one(State.UNKNOWN, copy=2), AT, [("posted_twice", "omni-bulk resolve 'big sale' --file CSV")]
    ),
    "a hint": (
        one(State.UNKNOWN, hinted=True), AT,
        [("hint", "omni-bulk reports --inquire 'big sale'"), ("report_may_come", "omni-bulk reports --poll")],
    ),
    "a double": (one(State.ACCEPTED, double=True, fate=RELAYED), AT, [("double", None)]),
    "accepted, relayed": (one(State.ACCEPTED, fate=RELAYED), AT, []),
    "accepted, young": (one(State.ACCEPTED), AT, [("report_to_come", "omni-bulk reports --poll")]),
    "accepted, its handset silent": (
        one(State.ACCEPTED, fate=PENDING), AT + DIE_AFTER,
        [("report_lost", "omni-bulk reports --inquire 'big sale'")],
    ),
    "accepted long ago": (one(State.ACCEPTED), AT + INQUIRY_AFTER, [("report_gone", None)]),
    "accepted nobody knows when": (one(State.ACCEPTED, claimed_at=None), AT, []),
    "accepted by another tool": (one(State.ACCEPTED, reason="already_sent"), AT, []),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_is_open(case: str) -> None:
    standing, now, expected = CASES[case]
    assert [(step.what, step.command) for step in steps(standing, now)] == expected


def test_a_single_send_has_an_empty_name_and_a_command_that_works() -> None:
    (step,) = steps(Standing(State.UNKNOWN, ""), AT)
    assert step.command == "omni-bulk resolve ''"


def report(**fields: object) -> Report:
    raw = {"msgKey": "k-1", "reportCode": "10000", "to": "821012345678"}
    made = Report("k-1", "r-1", "0", "10000", "Success", AT, AT, parts=1, json=orjson.dumps(raw), whose=Whose.JOINED)
    return replace(made, **fields)  # type: ignore[arg-type]


TRACED = Traced(
    1, "ref", "october", "uuid", "client", "https://api.example", State.ACCEPTED, "+821012345678", "r-821012345678",
    claimed_at=AT, msg_key="k-1", reason="reported",
    lines=(b'{"seq":1,"ref":"r-821012345678","to":"+821012345678","wireRef":null}', b'{"seq":2,"ref":"r-1","to":null}'),
    reports=(report(), report(at=AT + 1, json=b""), report(msg_key="k-2", at=AT + 2, whose=Whose.DOUBLE)),
    inquiry=Inquiry(AT, 2),
)  # fmt: skip


def test_a_story_gives_the_number_away_only_in_clear() -> None:
    hidden = orjson.dumps(story(TRACED, CODES, AT, dlr=False, clear=False))
    assert b"12345678" not in hidden
    assert b"+82********78" in hidden
    told = orjson.loads(orjson.dumps(story(TRACED, CODES, AT, dlr=False, clear=True)))
    assert (told["to"], told["lines"][0]["to"], told["ref"]) == ("+821012345678", "+821012345678", "r-821012345678")
    assert told["reports"][0]["other"] == {"to": "821012345678"}


def test_a_story_tells_relay_handset_and_double_apart() -> None:
    told = story(TRACED, CODES, AT, dlr=False, clear=False)
    assert [(one["leg"], one["whose"]) for one in told["reports"]] == [
        ("relay", "joined"), ("handset", "joined"), ("handset", "double"),
    ]  # fmt: skip
    assert told["delivery"] == "delivered"
    assert told["open"][0]["what"] == "double"
    assert told["inquired"] == {"at": iso(AT), "found": 2}
    assert told["reasonText"] == "a delivery report proved it"
    waiting = replace(TRACED, reports=(report(whose=Whose.WAITING),), state=State.UNKNOWN, inquiry=None, number=None)
    told = story(waiting, CODES, AT, dlr=True, clear=False)
    assert (told["reports"][0]["leg"], told["delivery"], told["inquired"], told["to"]) == (None, "none", None, None)
    assert story(replace(waiting, reports=(), reason=None), CODES, AT, dlr=True, clear=False)["delivery"] is None
    assert standing_of(replace(waiting, reports=(report(whose=Whose.HINT),)), Fate()).hinted


def test_with_dlr_one_success_report_is_pending() -> None:
    alone = replace(TRACED, reports=(report(),))
    assert story(alone, CODES, AT, dlr=False, clear=False)["delivery"] == "relayed"
    told = story(alone, CODES, AT, dlr=True, clear=False)
    assert (told["delivery"], told["open"][0]["what"]) == ("pending", "report_to_come")


def test_a_judgement_in_words() -> None:
    assert judgement("second_msg_key") == "a second acceptance that nobody ordered"
    assert judgement("no_msg_key") == "it bears no msgKey, so it settles nobody"
