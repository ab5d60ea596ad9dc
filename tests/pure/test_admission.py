"""The fate of a row, given what the ledger knows of its identity."""

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omni_bulk.model import Entry, Message, Problem, State, Status
from omni_bulk.policy import TAKEN, Admission, Admit, Known, admit, too_many_other_texts
from tests.pure.made import entry, message, problem

SEND, RECORD, REPLAY = Admission(Admit.SEND), Admission(Admit.RECORD), Admission(Admit.REPLAY)
DUPLICATE = Admission(Admit.REPEAT, Status.SKIPPED, "duplicate")
OTHER_TEXT = Admission(Admit.REPEAT, Status.SKIPPED, "already_sent_other_text")
REF_CONFLICT = Admission(Admit.REPEAT, Status.INVALID, "ref_conflict")
NUMBER_REPEATED = Admission(Admit.REPEAT, Status.INVALID, "number_repeated")
MISSING = Admission(Admit.REPEAT, Status.INVALID, "missing_field")

FIRST = entry(message(ref="r1"))
ROWS = {
    "same": FIRST,
    "other text": entry(message("goodbye", ref="r1")),
    "other number": entry(message(to="+821000000002", ref="r1")),
    "other from": replace(FIRST, digest=b"with another from"),
    "problem": entry(problem(ref="r1")),
    "other problem": entry(problem("text_too_long", ref="r1")),
    "skipped": entry(problem("suppressed", status=Status.SKIPPED, ref="r1")),
}


def known(state: State, *, of: Entry = FIRST, reason: str | None = None, stale: bool = False) -> Known:
    return Known(state, reason, of.digest, of.number_digest, of.text_digest, stale)


ADOPTED = Known(State.ACCEPTED, "already_sent", b"", b"", b"")
WRONG = known(State.INVALID, of=ROWS["problem"], reason="missing_field")
SUPPRESSED = known(State.SKIPPED, of=ROWS["skipped"], reason="suppressed")

# What is known, then the fate of each row of ROWS in that order.
FATES: dict[str, tuple[Known | None, tuple[Admission, ...]]] = {
    "nothing": (None, (SEND, SEND, SEND, SEND, RECORD, RECORD, RECORD)),
    "ready": (known(State.READY), (SEND, SEND, SEND, SEND, RECORD, RECORD, RECORD)),
    "claimed": (known(State.CLAIMED), (REPLAY, OTHER_TEXT, REF_CONFLICT, REPLAY, REPLAY, REPLAY, REPLAY)),
    "accepted": (known(State.ACCEPTED), (REPLAY, OTHER_TEXT, REF_CONFLICT, REPLAY, REPLAY, REPLAY, REPLAY)),
    "unknown": (known(State.UNKNOWN), (REPLAY, OTHER_TEXT, REF_CONFLICT, REPLAY, REPLAY, REPLAY, REPLAY)),
    "stale": (known(State.ACCEPTED, stale=True), (REPLAY, REPLAY, REF_CONFLICT, REPLAY, REPLAY, REPLAY, REPLAY)),
    "adopted": (ADOPTED, (REPLAY,) * 7),
    "rejected": (known(State.REJECTED), (REPLAY, SEND, SEND, SEND, RECORD, RECORD, RECORD)),
    "failed": (known(State.FAILED), (SEND, SEND, SEND, SEND, RECORD, RECORD, RECORD)),
    "invalid": (WRONG, (SEND, SEND, SEND, SEND, REPLAY, RECORD, RECORD)),
    "skipped": (SUPPRESSED, (SEND, SEND, SEND, SEND, RECORD, RECORD, REPLAY)),
}
TOO_LONG = Admission(Admit.REPEAT, Status.INVALID, "text_too_long")
STOPPED = Admission(Admit.REPEAT, Status.SKIPPED, "suppressed")
_BROKEN = (MISSING, TOO_LONG, STOPPED)

# The same for a row whose identity an earlier row of this run has.
REPEATS: dict[str, tuple[Known, tuple[Admission, ...]]] = {
    **{
        state.name.lower(): (known(state), (DUPLICATE, REF_CONFLICT, REF_CONFLICT, DUPLICATE, *_BROKEN))
        for state in (State.READY, State.CLAIMED, State.ACCEPTED, State.REJECTED, State.FAILED, State.UNKNOWN)
    },
    "stale": (known(State.ACCEPTED, stale=True), (DUPLICATE, DUPLICATE, REF_CONFLICT, DUPLICATE, *_BROKEN)),
    "adopted": (ADOPTED, (DUPLICATE, DUPLICATE, DUPLICATE, DUPLICATE, *_BROKEN)),
    "invalid": (WRONG, (REF_CONFLICT,) * 4 + (DUPLICATE, TOO_LONG, STOPPED)),
    "skipped": (SUPPRESSED, (REF_CONFLICT,) * 4 + (MISSING, TOO_LONG, DUPLICATE)),
}


def test_the_tables_have_every_state() -> None:
    assert {fate[0].state for fate in FATES.values() if fate[0]} == set(State)
    assert {fate[0].state for fate in REPEATS.values()} == set(State)


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("name", FATES)
def test_the_fate_of_a_row(name: str, row: str) -> None:
    before, fates = FATES[name]
    assert admit(ROWS[row], before, repeats=False) == dict(zip(ROWS, fates, strict=True))[row]


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("name", REPEATS)
def test_the_fate_of_a_row_that_repeats_another_of_this_run(name: str, row: str) -> None:
    first, fates = REPEATS[name]
    assert admit(ROWS[row], first, repeats=True) == dict(zip(ROWS, fates, strict=True))[row]


@pytest.mark.parametrize("first", [known(State.READY, of=entry(message())), WRONG])
def test_without_a_ref_it_is_the_number_that_is_repeated(first: Known) -> None:
    assert admit(entry(message("goodbye")), first, repeats=True) == NUMBER_REPEATED


def test_a_good_row_after_a_broken_one_is_not_hidden_as_its_duplicate() -> None:
    """Nobody got a message: 'the same again' would be a silent loss."""
    assert admit(entry(message()), WRONG, repeats=True) == NUMBER_REPEATED
    assert admit(FIRST, WRONG, repeats=True) == REF_CONFLICT


# ── over many runs ─────────────────────────────────────────────────────────────────────────────────────────────────

OUTCOMES = (State.READY, State.CLAIMED, State.ACCEPTED, State.REJECTED, State.FAILED, State.UNKNOWN)


@dataclass
class Ledger:
    """One identity over many runs, as the real one keeps it: the state, and what it was sent from."""

    known: Known | None = None
    seen: bool = False
    posts_when_taken: int = 0

    def row(self, one: Entry, outcome: State, *, stale: bool) -> None:
        before = self.known and replace(self.known, stale=stale)
        fate = admit(one, before, repeats=self.seen)
        self.seen = True
        made = one.item
        if fate.do is Admit.SEND:
            assert isinstance(made, Message)
            self.posts_when_taken += before is not None and before.state in TAKEN
            self.known = known(outcome, of=one)
        elif fate.do is Admit.RECORD:
            assert isinstance(made, Problem)
            assert before is None or before.state not in TAKEN
            self.known = known(State.of(made.status), of=one, reason=made.reason)
        elif fate.do is Admit.REPEAT:
            assert fate.status is not None and fate.reason is not None
        else:
            assert before is not None


ROW = st.tuples(st.sampled_from(list(ROWS)), st.sampled_from(OUTCOMES), st.booleans())


@given(st.lists(st.lists(ROW, max_size=4), max_size=6))
def test_no_sequence_of_runs_sends_twice_to_whom_a_message_may_have_reached(
    runs: list[list[tuple[str, State, bool]]],
) -> None:
    ledger = Ledger()
    taken: Known | None = None
    for rows in runs:
        ledger.seen = False
        for name, outcome, stale in rows:
            ledger.row(ROWS[name], outcome, stale=stale)
            assert taken is None or ledger.known == taken, "a bound identity was touched"
            if ledger.known is not None and ledger.known.state in TAKEN:
                taken = ledger.known
    assert not ledger.posts_when_taken


@given(
    st.sampled_from(list(ROWS.values())),
    st.builds(
        Known, st.sampled_from(list(State)), st.none() | st.just("missing_field"),
        st.binary(max_size=2), st.binary(max_size=2), st.binary(max_size=2), st.booleans(),
    ),
    st.booleans(),
)  # fmt: skip
def test_no_single_admission_sends_to_whom_a_message_may_have_reached(one: Entry, before: Known, repeats: bool) -> None:
    fate = admit(one, before, repeats=repeats)
    assert fate.do is not Admit.SEND or (before.state not in TAKEN and not repeats)
    assert fate.do is not Admit.RECORD or (before.state not in TAKEN and not repeats)
    assert (fate.do is Admit.REPEAT) == (fate.status is not None) == (fate.reason is not None)


# ── the wrong list ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("count", "rows", "whole", "many"),
    [
        (0, 0, True, False),
        (0, 5000, True, False),
        (1, 1, True, True),
        (1, 99, True, True),
        (1, 100, True, False),
        (10, 1000, True, False),
        (11, 1000, True, True),
        (1, 1, False, False),  # one early row of a list that may be long
        (10, 10, False, False),
        (11, 11, False, True),
        (20, 2000, False, False),
        (21, 2000, False, True),
    ],
)
def test_over_one_in_a_hundred_other_texts_are_too_many(count: int, rows: int, whole: bool, many: bool) -> None:
    assert too_many_other_texts(count, rows, whole=whole) is many
