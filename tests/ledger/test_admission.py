"""What becomes of a row, given what the ledger knows of its recipient; and that a plan says the same beforehand."""

from collections import Counter
from contextlib import closing
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from omni_bulk.ledger import book
from omni_bulk.model import Message, Problem, State, Status
from omni_bulk.policy import Admit
from omni_bulk.results import from_line
from tests.ledger.kit import NOW, A, B, Desk, Told, make_desk, message, problem, told

SEND: Told = (Admit.SEND, None, None)
DUPLICATE: Told = (Admit.REPEAT, Status.SKIPPED, "duplicate")
DUPLICATE_AGAIN: Told = (Admit.REPLAY, Status.SKIPPED, "duplicate")
INVALID: Told = (Admit.RECORD, Status.INVALID, "invalid_number")
INVALID_AGAIN: Told = (Admit.REPLAY, Status.INVALID, "invalid_number")
OTHER_TEXT = "already_sent_other_text"


@pytest.fixture
def desk() -> Desk:
    return make_desk()


def repeat(status: Status, reason: str) -> Told:
    return Admit.REPEAT, status, reason


# ── new rows ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_new_message_is_to_be_sent_and_has_no_line_yet(desk: Desk) -> None:
    (admitted,) = desk.admit(desk.begin(), message(row=7))
    assert told([admitted]) == [SEND]
    assert desk.state(admitted.id) is State.READY
    assert desk.lines() == []


def test_a_row_that_cannot_be_sent_gets_its_line_at_once(desk: Desk) -> None:
    admitted = desk.admit(desk.begin(), problem(row=2), problem("suppressed", to=B, ref="r-3", row=3, skipped=True))
    assert told(admitted) == [INVALID, (Admit.RECORD, Status.SKIPPED, "suppressed")]
    first, second = (from_line(line) for line in desk.lines())
    assert (first.seq, first.to, first.row, first.reason) == (1, None, 2, "invalid_number")
    assert (second.seq, second.to, second.ref, second.status) == (2, B, "r-3", Status.SKIPPED)
    assert [one.result for one in admitted] == [first, second]


# ── what an earlier run did ───────────────────────────────────────────────────────────────────────────────────────

LATER: dict[str, tuple[Status | None, Message | Problem, Told]] = {
    "accepted binds": (Status.ACCEPTED, message(), (Admit.REPLAY, Status.ACCEPTED, None)),
    "unknown binds": (Status.UNKNOWN, message(), (Admit.REPLAY, Status.UNKNOWN, None)),
    "rejected binds": (Status.REJECTED, message(), (Admit.REPLAY, Status.REJECTED, None)),
    "failed is tried again": (Status.FAILED, message(), SEND),
    "what only waited is sent": (None, message(), SEND),
    "rejected binds until its message changes": (Status.REJECTED, message(text="better"), SEND),
    "accepted with another text": (
        Status.ACCEPTED, message(text="better"), repeat(Status.SKIPPED, OTHER_TEXT),
    ),
    "unknown with another text": (Status.UNKNOWN, message(text="better"), repeat(Status.SKIPPED, OTHER_TEXT)),
    "accepted, and cannot be composed today": (
        Status.ACCEPTED, problem("missing_field", to=A), (Admit.REPLAY, Status.ACCEPTED, None),
    ),
    "rejected, and cannot be composed today": (
        Status.REJECTED, problem("missing_field", to=A), (Admit.RECORD, Status.INVALID, "missing_field"),
    ),
    "failed, and cannot be composed today": (
        Status.FAILED, problem("missing_field", to=A), (Admit.RECORD, Status.INVALID, "missing_field"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", LATER)
def test_what_a_later_run_makes_of_a_message(desk: Desk, case: str) -> None:
    status, made, expected = LATER[case]
    first = desk.begin()
    (admitted,) = desk.admit(first, message())
    if status is not None:
        book.claim(desk.tx, [admitted.id], NOW)
        desk.settle(admitted, status)
    assert told(desk.admit(desk.begin(), made)) == [expected]


def test_a_ref_that_was_used_for_another_number_is_told(desk: Desk) -> None:
    desk.sent(message(A, ref="r-1"))
    assert told(desk.admit(desk.begin(), message(B, ref="r-1"))) == [repeat(Status.INVALID, "ref_conflict")]


def test_a_claim_left_open_in_this_process_is_not_sent_again(desk: Desk) -> None:
    (admitted,) = desk.admit(desk.begin(), message())
    book.claim(desk.tx, [admitted.id], NOW)
    assert told(desk.admit(desk.begin(), message())) == [(Admit.REPLAY, Status.UNKNOWN, None)]
    assert desk.state(admitted.id) is State.CLAIMED


def test_a_text_from_before_a_change_on_purpose_is_not_another_text(desk: Desk) -> None:
    desk.sent(message())
    book.fix_campaign(desk.tx, desk.campaign.id, "number", "better", None, version=1)
    desk.campaign = desk.reread()
    admitted = desk.admit(desk.begin(), message(text="better"), message(text="better", row=2))
    assert told(admitted) == [(Admit.REPLAY, Status.ACCEPTED, None), DUPLICATE]


PROBLEMS = [
    ([problem(), problem()], [INVALID, INVALID_AGAIN], 1),
    ([problem(), problem("ambiguous_number"), problem("ambiguous_number")],
     [INVALID, (Admit.RECORD, Status.INVALID, "ambiguous_number"), (Admit.REPLAY, Status.INVALID, "ambiguous_number")],
     2),
    ([problem("country_rule", to=A, skipped=True), message(), problem("country_rule", to=A, skipped=True)],
     [(Admit.RECORD, Status.SKIPPED, "country_rule"), SEND, (Admit.RECORD, Status.SKIPPED, "country_rule")], 2),
]  # fmt: skip


@pytest.mark.parametrize(("rows", "expected", "lines"), PROBLEMS)
def test_what_binds_nobody_is_judged_anew_with_a_line_only_when_it_changed(
    desk: Desk, rows: list[Message | Problem], expected: list[Told], lines: int
) -> None:
    """One run for each row."""
    assert [told(desk.admit(desk.begin(), row))[0] for row in rows] == expected
    assert len(desk.lines()) == lines


# ── rows that repeat another ──────────────────────────────────────────────────────────────────────────────────────


def test_each_repetition_has_a_line_of_its_own_that_names_the_first(desk: Desk) -> None:
    admitted = desk.admit(desk.begin(), *(message(row=row) for row in (2, 3, 4, 5)))
    assert told(admitted) == [SEND, DUPLICATE, DUPLICATE, DUPLICATE]
    ref = admitted[0].entry.ref
    assert [(line.seq, line.ref, line.duplicate_of, line.row) for line in map(from_line, desk.lines())] == [
        (1, None, ref, 3), (2, None, ref, 4), (3, None, ref, 5),
    ]  # fmt: skip


REPEATS: dict[str, tuple[list[Message | Problem], Told]] = {
    "another text": ([message(), message(text="other")], repeat(Status.INVALID, "number_repeated")),
    "another number": ([message(A, ref="r"), message(B, ref="r")], repeat(Status.INVALID, "ref_conflict")),
    "another text for a ref": (
        [message(ref="r"), message(text="other", ref="r")], repeat(Status.INVALID, "ref_conflict"),
    ),
    "one number with two refs": ([message(ref="r"), message(ref="s")], SEND),
    "the same problem": ([problem(), problem()], DUPLICATE),
    "another problem": ([message(), problem("missing_field", to=A)], repeat(Status.INVALID, "missing_field")),
}  # fmt: skip


@pytest.mark.parametrize("case", REPEATS)
def test_what_a_row_is_that_repeats_another(desk: Desk, case: str) -> None:
    rows, expected = REPEATS[case]
    assert told(desk.admit(desk.begin(), *rows))[-1] == expected


@pytest.mark.parametrize("status", [Status.ACCEPTED, Status.REJECTED, None])
def test_repetitions_get_no_second_line_in_the_next_run_unless_there_are_more(
    desk: Desk, status: Status | None
) -> None:
    first = desk.admit(desk.begin(), message(), message(row=2), message(row=3))[0]
    if status is not None:
        desk.settle(first, status)
    before = len(desk.lines())
    again = desk.admit(desk.begin(), *(message(row=row) for row in range(1, 5)))
    assert told(again)[1:] == [DUPLICATE_AGAIN, DUPLICATE_AGAIN, DUPLICATE]
    assert len(desk.lines()) == before + 1


def test_a_repetition_whose_reason_changed_has_a_new_line(desk: Desk) -> None:
    desk.settle(desk.admit(desk.begin(), message(), message(row=2))[0])
    admitted = desk.admit(desk.begin(), message(), message(text="other", row=2))
    assert told(admitted)[1] == repeat(Status.INVALID, "number_repeated")
    assert [from_line(line).reason for line in desk.lines()] == ["duplicate", None, "number_repeated"]


def test_another_text_is_told_once_and_then_replayed(desk: Desk) -> None:
    desk.sent(message())
    rows = [told(desk.admit(desk.begin(), message(text="other")))[0] for _ in range(2)]
    assert rows == [repeat(Status.SKIPPED, OTHER_TEXT), (Admit.REPLAY, Status.SKIPPED, OTHER_TEXT)]


def test_rows_of_one_run_are_told_apart_across_blocks_and_campaigns(desk: Desk) -> None:
    other = make_desk(desk.db)
    other.campaign = book.make_campaign(other.tx, desk.campaign.account, "november", NOW)
    one, two = desk.begin(), other.begin()
    assert told(desk.admit(one, message())) == told(other.admit(two, message())) == [SEND]
    assert told(desk.admit(one, message())) == told(other.admit(two, message())) == [DUPLICATE]


# ── replays ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_whoever_wants_earlier_results_gets_them_marked(desk: Desk) -> None:
    sent = desk.sent(message(), msg_key="k-1")
    desk.admit(desk.begin(), message(), message(row=2), problem())
    accepted, repeated, invalid = desk.admit(desk.begin(replays=True), message(), message(row=2), problem())
    results = [one.result for one in (accepted, repeated, invalid)]
    assert [(line.seq, line.replayed) for line in results if line is not None] == [(1, True), (2, True), (3, True)]
    assert accepted.id == sent.id and accepted.result is not None and accepted.result.msg_key == "k-1"


def test_whoever_does_not_gets_none(desk: Desk) -> None:
    desk.sent(message())
    desk.admit(desk.begin(), message(), message(row=2))
    assert [one.result for one in desk.admit(desk.begin(), message(), message(row=2))] == [None, None]


# ── sent elsewhere ────────────────────────────────────────────────────────────────────────────────────────────────


def mark(desk: Desk, *keys: bytes) -> None:
    book.adopt(desk.tx, desk.campaign.id, [(keys, "k-9")])


@pytest.mark.parametrize("before", [None, Status.FAILED, Status.REJECTED, "ready", "invalid"])
def test_who_has_it_from_elsewhere_is_not_sent_to_whatever_an_earlier_run_left(
    desk: Desk, before: Status | str | None
) -> None:
    first: Message | Problem = problem("missing_field", to=A) if before == "invalid" else message(text="old")
    if before is not None:
        (admitted,) = desk.admit(desk.begin(), first)
        if isinstance(before, Status):
            desk.settle(admitted, before)
    mark(desk, desk.identities.of_number(A))
    lines = len(desk.lines())
    (admitted,) = desk.admit(desk.begin(adopting=True), message())
    assert told([admitted]) == [(Admit.REPLAY, Status.ACCEPTED, "already_sent")]
    assert admitted.result is not None and admitted.result.msg_key == "k-9"
    assert desk.state(admitted.id) is State.ACCEPTED
    assert len(desk.lines()) == lines + 1
    assert told(desk.admit(desk.begin(adopting=True), message())) == [(Admit.REPLAY, Status.ACCEPTED, "already_sent")]


def test_a_number_that_has_it_binds_rows_with_a_ref_too(desk: Desk) -> None:
    mark(desk, desk.identities.of_number(A))
    admitted = desk.admit(desk.begin(adopting=True), message(A, ref="r"), message(B, ref="s"))
    assert told(admitted) == [(Admit.REPLAY, Status.ACCEPTED, "already_sent"), SEND]


def test_a_row_that_cannot_be_sent_says_so_wherever_it_was_sent_before(desk: Desk) -> None:
    mark(desk, desk.identities.of_number(A))
    admitted = desk.admit(desk.begin(adopting=True), problem("missing_field", to=A))
    assert told(admitted) == [(Admit.RECORD, Status.INVALID, "missing_field")]


# ── the plan ──────────────────────────────────────────────────────────────────────────────────────────────────────

REFS = st.sampled_from([None, None, "r", "s"])
ROWS = st.lists(
    st.one_of(
        st.builds(message, st.sampled_from([A, B]), st.sampled_from(["hello", "better"]), ref=REFS),
        st.builds(problem, st.sampled_from(["missing_field", "bad_character"]), to=st.sampled_from([A, B]), ref=REFS),
        st.builds(problem, cell=st.sampled_from(["abc", "def"]), skipped=st.booleans()),
    ),
    max_size=12,
)
ENDS = st.sampled_from([None, *(status for status in Status if status not in {Status.INVALID, Status.SKIPPED})])


def history(desk: Desk, rows: list[Message | Problem], ends: list[Status | None]) -> None:
    """An earlier run, in which each message ended so; the first that did not end stays claimed."""
    sends = [one for one in desk.admit(desk.begin(), *rows) if one.do is Admit.SEND]
    for place, (one, status) in enumerate(zip(sends, ends, strict=False)):
        book.claim(desk.tx, [one.id], NOW)
        if status is not None:
            desk.settle(one, status)
        elif place % 2:
            book.release(desk.tx, one.id, 1)


@example(
    before=[], ends=[], rows=[message(), message(text="better")], changed=True, adopting=False, twice=False,
)  # fmt: skip
@example(
    before=[message()], ends=[Status.ACCEPTED], rows=[message(text="better"), message(text="better")], changed=False,
    adopting=False, twice=True,
)  # fmt: skip
@given(
    before=ROWS, ends=st.lists(ENDS, max_size=12), rows=ROWS, changed=st.booleans(), adopting=st.booleans(),
    twice=st.booleans(),
)  # fmt: skip
def test_a_plan_says_what_the_run_does_and_writes_nothing(
    before: list[Message | Problem], ends: list[Status | None], rows: list[Message | Problem], changed: bool,
    adopting: bool, twice: bool,
) -> None:  # fmt: skip
    desk = make_desk()
    with closing(desk.db):
        history(desk, before, ends)
        if twice:
            desk.admit(desk.begin(), *rows)
        if changed:
            book.fix_campaign(desk.tx, desk.campaign.id, "number", "better", None, version=1)
            desk.campaign = desk.reread()
        if adopting:
            mark(desk, desk.identities.of_number(B))
        plan = replace(desk.begin(), run=-1, dry=True, adopting=adopting)
        run = replace(desk.begin(), adopting=adopting)
        dump = list(desk.db.iterdump())
        planned = desk.admit(plan, *rows)
        assert list(desk.db.iterdump()) == dump
        taken = {message_id for (message_id,) in desk.db.execute("SELECT id FROM message WHERE state IN (1, 2, 5)")}
        done = desk.admit(run, *rows)
        assert told(planned) == told(done)
        sends = Counter(one.id for one in done if one.do is Admit.SEND)
        assert not taken & set(sends)
        assert all(times == 1 for times in sends.values())
        seqs = [from_line(line).seq for line in desk.lines()]
        assert seqs == list(range(1, desk.reread().seq + 1))


# ── blocks ────────────────────────────────────────────────────────────────────────────────────────────────────────

_TOLD = (
    "SELECT identity, ref, duplicate_of, state, row, number, digest, reason, seq, copy FROM message ORDER BY identity"
)


@given(before=ROWS, ends=st.lists(ENDS, max_size=12), rows=ROWS, cuts=st.sets(st.integers(1, 11)))
def test_rows_fare_the_same_in_whatever_blocks_they_come(
    before: list[Message | Problem], ends: list[Status | None], rows: list[Message | Problem], cuts: set[int]
) -> None:
    """The messages of a block that nobody knows yet are written with one statement."""
    rows = [replace(row, row=place) for place, row in enumerate(rows, 1)]
    one_by_one, in_blocks = make_desk(), make_desk()
    in_blocks.identities = one_by_one.identities
    with closing(one_by_one.db), closing(in_blocks.db):
        history(one_by_one, before, ends)
        history(in_blocks, before, ends)
        alone, together = one_by_one.begin(), in_blocks.begin()
        edges = [0, *sorted(cuts), len(rows)]
        singly = [told(one_by_one.admit(alone, row))[0] for row in rows]
        blocks = [in_blocks.admit(together, *rows[start:end]) for start, end in pairwise(edges)]
        assert [one for block in blocks for one in told(block)] == singly
        assert list(in_blocks.db.execute(_TOLD)) == list(one_by_one.db.execute(_TOLD))
        for admitted in (one for block in blocks for one in block if one.do is Admit.SEND):
            row = in_blocks.db.execute("SELECT identity, row FROM message WHERE id = ?", (admitted.id,)).fetchone()
            assert row == (admitted.entry.identity, admitted.entry.item.row)
