"""A message's life in the ledger: whatever the order of the steps, nobody gets two and no line is missing."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from omni_bulk.ledger import book
from omni_bulk.model import Message, Problem, State, Status
from omni_bulk.policy import Admit
from omni_bulk.results import from_line
from tests.ledger.kit import NOW, A, B, C, Desk, make_desk, message, problem

ENDS = st.sampled_from([Status.ACCEPTED, Status.REJECTED, Status.FAILED, Status.UNKNOWN])
ROWS: list[Message | Problem] = [
    message(A), message(B), message(C), message(A, ref="r"), message(B, text="other"), problem(),
    problem("missing_field", to=A), problem("country_rule", ref="r", skipped=True),
]  # fmt: skip


@pytest.fixture
def desk() -> Desk:
    return make_desk()


# ── step by step ──────────────────────────────────────────────────────────────────────────────────────────────────


def admitted(desk: Desk, state: State) -> int:
    """A message in that state."""
    (one,) = desk.admit(desk.begin(), message())
    if state is not State.READY:
        book.claim(desk.tx, [one.id], NOW)
    if state not in {State.READY, State.CLAIMED}:
        desk.settle(one, state.status)
    return one.id


SENT_OR_NOT = [State.READY, State.CLAIMED, State.ACCEPTED, State.REJECTED, State.FAILED, State.UNKNOWN]


@pytest.mark.parametrize("state", SENT_OR_NOT)
def test_only_what_is_ready_can_be_claimed(desk: Desk, state: State) -> None:
    message_id = admitted(desk, state)
    if state is State.READY:
        book.claim(desk.tx, [message_id], NOW)
        assert desk.state(message_id) is State.CLAIMED
        return
    with pytest.raises(AssertionError, match="not ready"):
        book.claim(desk.tx, [message_id], NOW)
    assert desk.state(message_id) is state


def test_nothing_can_be_claimed_twice_in_one_breath(desk: Desk) -> None:
    message_id = admitted(desk, State.READY)
    with pytest.raises(AssertionError):
        book.claim(desk.tx, [message_id, message_id], NOW)


@pytest.mark.parametrize("state", SENT_OR_NOT)
@pytest.mark.parametrize("how", ["release", "take_back"])
def test_only_a_claim_is_given_back(desk: Desk, state: State, how: str) -> None:
    message_id = admitted(desk, state)
    if how == "release":
        book.release(desk.tx, message_id, 3)
    else:
        book.take_back(desk.tx, message_id)
    assert desk.state(message_id) is (State.READY if state is State.CLAIMED else state)


def test_the_attempts_made_stay_counted(desk: Desk) -> None:
    (one,) = desk.admit(desk.begin(), message())
    for _ in range(2):
        book.claim(desk.tx, [one.id], NOW)
        book.release(desk.tx, one.id, 2)
    book.claim(desk.tx, [one.id], NOW)
    book.take_back(desk.tx, one.id)
    book.claim(desk.tx, [one.id], NOW)
    (result,) = book.recover(desk.tx, desk.campaign)
    assert result.attempts == 3


@pytest.mark.parametrize("status", Status)
def test_what_was_accepted_stays_so(desk: Desk, status: Status) -> None:
    (one,) = desk.admit(desk.begin(), message())
    desk.settle(one)
    with pytest.raises(AssertionError, match="accepted"):
        desk.settle(one, status)


def test_an_unknown_can_be_settled_later_in_a_second_line(desk: Desk) -> None:
    one = desk.sent(message(), Status.UNKNOWN, reason="timeout")
    desk.settle(one, Status.ACCEPTED, msg_key="k")
    assert [(line.seq, line.status) for line in map(from_line, desk.lines())] == [(1, "unknown"), (2, "accepted")]
    latest = book.latest(desk.db, one.id)
    assert latest is not None and (latest.msg_key, latest.replayed) == ("k", True)


def test_a_message_without_a_line_has_no_latest(desk: Desk) -> None:
    assert book.latest(desk.db, admitted(desk, State.READY)) is None


def test_a_claim_left_open_becomes_unknown_with_all_that_is_known_of_it(desk: Desk) -> None:
    made = Message(A, "02", "text", "KR", "UCS-2", 2, 9, "r-1", ("long", "dear"))
    (one,) = desk.admit(desk.begin(), made)
    book.claim(desk.tx, [one.id], NOW)
    (result,) = book.recover(desk.tx, desk.campaign)
    assert from_line(desk.lines()[0]) == result
    told = {name: getattr(result, name) for name in ("ref", "to", "from_", "country", "encoding", "segments", "row")}
    assert told == {
        "ref": "r-1", "to": A, "from_": "02", "country": "KR", "encoding": "UCS-2", "segments": 2, "row": 9,
    }  # fmt: skip
    assert (result.status, result.reason, result.attempts, result.warnings) == (
        Status.UNKNOWN, "interrupted", 1, ("long", "dear"),
    )  # fmt: skip
    assert result.sent_at == "2025-10-09T17:53:20.000+09:00"
    assert book.recover(desk.tx, desk.campaign) == []


# ── in any order ──────────────────────────────────────────────────────────────────────────────────────────────────


class Life(RuleBasedStateMachine):
    """Many runs over one campaign. `may_have` are the messages that somebody has, or may have."""

    def __init__(self) -> None:
        super().__init__()
        self.desk = make_desk()
        self.admitter = self.desk.begin()
        self.held: dict[int, object] = {}  # message → what was admitted, for those this run may send
        self.may_have: set[int] = set()
        self.accepted: set[int] = set()

    def teardown(self) -> None:
        self.desk.db.close()

    def _in(self, state: State) -> list[int]:
        return [
            message_id
            for (message_id,) in self.desk.db.execute("SELECT id FROM message WHERE state = ? ORDER BY id", (state,))
        ]

    @rule(rows=st.lists(st.sampled_from(ROWS), min_size=1, max_size=4))
    def admit(self, rows: list[Message | Problem]) -> None:
        for one in self.desk.admit(self.admitter, *rows):
            if one.do is Admit.SEND:
                assert one.id not in self.may_have
                assert one.id not in self.held
                self.held[one.id] = one

    @rule(draw=st.data())
    @precondition(lambda self: self.held)
    def claim(self, draw: st.DataObject) -> None:
        message_id = draw.draw(st.sampled_from(sorted(self.held)))
        if self.desk.state(message_id) is State.READY:
            book.claim(self.desk.tx, [message_id], NOW)

    @rule(draw=st.data())
    @precondition(lambda self: self.may_have)
    def claim_what_somebody_may_have(self, draw: st.DataObject) -> None:
        message_id = draw.draw(st.sampled_from(sorted(self.may_have)))
        with pytest.raises(AssertionError):
            book.claim(self.desk.tx, [message_id], NOW)

    @rule(draw=st.data(), attempts=st.integers(0, 3))
    @precondition(lambda self: self._in(State.CLAIMED))
    def release(self, draw: st.DataObject, attempts: int) -> None:
        book.release(self.desk.tx, draw.draw(st.sampled_from(self._in(State.CLAIMED))), attempts)

    @rule(draw=st.data(), status=ENDS)
    @precondition(lambda self: self._in(State.CLAIMED))
    def settle(self, draw: st.DataObject, status: Status) -> None:
        message_id = draw.draw(st.sampled_from(self._in(State.CLAIMED)))
        self.desk.settle(self.held.pop(message_id), status)  # type: ignore[arg-type]
        if status in {Status.ACCEPTED, Status.UNKNOWN}:
            self.may_have.add(message_id)
        if status is Status.ACCEPTED:
            self.accepted.add(message_id)

    @rule()
    def crash(self) -> None:
        self.may_have |= set(self._in(State.CLAIMED))
        book.recover(self.desk.tx, self.desk.campaign)
        self.held.clear()
        self.admitter = self.desk.begin()

    @invariant()
    def who_may_have_it_is_known(self) -> None:
        assert set(self._in(State.ACCEPTED)) == self.accepted
        assert set(self._in(State.UNKNOWN)) == self.may_have - self.accepted
        assert set(self._in(State.CLAIMED)) <= set(self.held)

    @invariant()
    def lines_are_counted_without_gaps(self) -> None:
        lines = [from_line(line) for line in self.desk.lines()]
        assert [line.seq for line in lines] == list(range(1, self.desk.reread().seq + 1))

    @invariant()
    def a_message_stands_where_its_last_line_says(self) -> None:
        sql = "SELECT state, line.json FROM message JOIN line USING (campaign, seq) WHERE state > 1"
        for state, line in self.desk.db.execute(sql):
            assert State.of(from_line(line).status) is State(state)


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
