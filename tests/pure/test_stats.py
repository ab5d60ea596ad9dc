"""Counts, and the exit code they make."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omni_bulk.model import Result, Status
from omni_bulk.policy import OTHER_TEXT
from omni_bulk.stats import Cause, InvalidRows, Summary, Tally, exit_code
from tests.pure.made import message, problem


def result(status: Status, code: str | None = None, reason: str | None = None) -> Result:
    return Result(1, "0", "october", status, code=code, reason=reason)


def tally(**states: int) -> Tally:
    """So many recipients in each state, sent or judged as such states come about."""
    made = Tally()
    for name, times in states.items():
        status = Status(name)
        for _ in range(times):
            if status in {Status.INVALID, Status.SKIPPED}:
                made.judged(status, "because", again=False)
            else:
                made.message("KR", 1)
                made.settled(result(status))
    return made


# ── exit codes ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("states", "code"),
    [
        ({}, 0),
        ({"accepted": 9}, 0),
        ({"skipped": 9}, 0),
        ({"accepted": 9, "skipped": 1}, 0),
        ({"accepted": 9, "rejected": 1}, 1),
        ({"accepted": 9, "failed": 1}, 1),
        ({"accepted": 9, "invalid": 1}, 1),
        ({"accepted": 9, "unknown": 1}, 3),
        ({"unknown": 1, "rejected": 5, "failed": 5, "invalid": 5}, 3),
    ],
)
def test_the_exit_code_is_made_of_the_present_states(states: dict[str, int], code: int) -> None:
    assert exit_code(tally(**states)) == code


@pytest.mark.parametrize("stop", [4, 5, 6, 69, 75])
def test_a_stop_has_its_own_code(stop: int) -> None:
    assert exit_code(tally(unknown=1, invalid=1), stop) == stop
    assert exit_code(Tally(), stop, {"unknown": 1.0}) == stop


@pytest.mark.parametrize(
    ("states", "tolerate", "code"),
    [
        ({"accepted": 99, "invalid": 1}, {"invalid": 0.01}, 0),
        ({"accepted": 98, "invalid": 2}, {"invalid": 0.01}, 1),
        ({"accepted": 98, "invalid": 1, "failed": 1}, {"invalid": 0.01}, 1),
        ({"accepted": 98, "invalid": 1, "failed": 1}, {"invalid": 0.01, "failed": 0.01}, 0),
        ({"accepted": 99, "unknown": 1}, {"unknown": 0.01}, 0),
        ({"accepted": 98, "unknown": 1, "rejected": 1}, {"unknown": 0.01}, 1),
        ({"accepted": 98, "unknown": 2}, {"unknown": 0.01, "rejected": 1.0}, 3),
        ({"accepted": 71, "invalid": 29}, {"invalid": 0.29}, 0),  # 0.29 × 100 is 28.999999999999996
        ({"invalid": 1}, {"invalid": 1.0}, 0),
        ({"invalid": 1}, {}, 1),
        ({"invalid": 1}, None, 1),
    ],
)
def test_tolerated_shares_of_the_list_do_not_count(
    states: dict[str, int], tolerate: Mapping[str, float] | None, code: int
) -> None:
    assert exit_code(tally(**states), None, tolerate) == code


def test_somebody_who_got_another_text_is_never_a_success() -> None:
    made = tally(accepted=999)
    made.judged(Status.SKIPPED, OTHER_TEXT, again=False, row=7)
    assert made.other_texts == 1
    assert exit_code(made, None, {"skipped": 1.0, "invalid": 1.0}) == 1


# ── counts ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_message_is_ready_until_it_is_settled() -> None:
    made = Tally()
    made.message("KR", 2)
    made.message("JP", 3)
    assert (made.read, made.ready, made.segments) == (2, 2, 5)
    made.settled(result(Status.REJECTED, "A306"))
    assert (made.read, made.ready) == (2, 1)
    assert made.countries == {"KR": 1, "JP": 1}
    assert made.country_segments == {"KR": 2, "JP": 3}
    assert made.states == made.run == {"rejected": 1}
    assert (made.codes, made.reasons) == ({"A306": 1}, {})


def test_a_settled_message_has_its_reason_counted() -> None:
    made = Tally()
    made.message("KR", 1)
    made.settled(result(Status.UNKNOWN, reason="timeout"))
    assert (made.codes, made.reasons, made.causes) == ({}, {"timeout": 1}, {})


def test_what_was_settled_before_is_a_state_but_not_of_this_run() -> None:
    made = Tally()
    made.judged(Status.ACCEPTED, None, again=True)
    made.judged(Status.INVALID, "missing_field", again=True, row=3)
    assert (made.read, made.handled, made.ready) == (2, 2, 0)
    assert made.states == {"accepted": 1, "invalid": 1}
    assert made.run == {}


def test_the_first_rows_of_each_reason_are_kept_as_examples() -> None:
    made = Tally()
    for row in range(2, 9):
        made.judged(Status.INVALID, "missing_field", again=False, row=row, detail="{name} has nothing", number="8210")
    made.judged(Status.SKIPPED, "duplicate", again=False, row=9)
    made.judged(Status.UNKNOWN, "interrupted", again=True, row=10)
    assert list(made.causes.values()) == [
        Cause(Status.INVALID, "missing_field", "{name} has nothing", 7, [2, 3, 4], ["**10"] * 3),
        Cause(Status.SKIPPED, "duplicate", "", 1, [9], [""]),
    ]
    assert made.reasons == {"missing_field": 7, "duplicate": 1, "interrupted": 1}


STEP = st.sampled_from(["ready", "again", *Status])


@given(st.lists(STEP, max_size=60))
def test_every_row_is_in_exactly_one_place(steps: list[str]) -> None:
    made, ready = Tally(), 0
    for step in steps:
        if step == "ready":
            made.message("KR", 1)
            ready += 1
        elif step in {"invalid", "skipped", "again"}:
            made.judged(Status.SKIPPED if step == "again" else Status(step), "because", again=step == "again")
        elif ready:
            made.settled(result(Status(step)))
            ready -= 1
    assert made.read == made.ready + made.states.total()
    assert made.states.total() == made.run.total() + made.handled


@pytest.mark.parametrize(
    ("whole", "remaining", "states", "complete"),
    [
        (True, 0, {"accepted": 9}, True),
        (True, 0, {"accepted": 9, "unknown": 1, "rejected": 1, "invalid": 1}, True),
        (True, 0, {}, True),
        (False, 0, {"accepted": 9}, False),
        (True, 1, {"accepted": 9}, False),
        (True, 0, {"accepted": 9, "failed": 1}, False),
        (True, 0, {"accepted": 9, "failed": 0}, True),
    ],
)
def test_a_campaign_is_complete_when_nobody_is_left_to_try(
    whole: bool, remaining: int, states: dict[str, int], complete: bool
) -> None:
    summary = Summary(
        "october", "0", run={}, campaign=states, reasons={}, codes={}, recipients=9, remaining=remaining,
        already_handled=0, segments=9, seconds=1.0, posts=9, exit_code=0, whole=whole,
    )  # fmt: skip
    assert summary.complete is complete


def test_a_plan_shows_its_first_messages_with_masked_numbers_and_keeps_texts_out_of_its_repr() -> None:
    tally = Tally()
    for row in range(5):
        tally.show(problem())
        tally.show(replace(message("Hello"), row=row))
    assert [(one.row, one.text) for one in tally.previews] == [(0, "Hello"), (1, "Hello"), (2, "Hello")]
    assert all("*" in one.number for one in tally.previews)
    assert "Hello" not in repr(tally)


def test_invalid_rows_are_kept_in_order_with_why() -> None:
    tally = Tally()
    for row in (3, 5, 9):
        tally.judged(Status.INVALID, "missing_field", again=row == 5, row=row, detail=f"in {row % 2}")
    tally.judged(Status.SKIPPED, "duplicate", again=False, row=11)
    assert list(tally.invalid.rows) == [3, 5, 9]
    assert list(tally.invalid.reasons()) == [("missing_field", "in 1")] * 3


def test_invalid_rows_are_kept_with_their_reasons_in_the_order_of_the_list() -> None:
    kept = InvalidRows()
    for row, reason in ((2, "invalid_number"), (5, "missing_field"), (9, "invalid_number")):
        kept.add(row, reason, "a clause")
    assert (len(kept), list(kept.rows)) == (3, [2, 5, 9])
    assert [reason for reason, _ in kept.reasons()] == ["invalid_number", "missing_field", "invalid_number"]
