"""Single sends: several processes may bring one ref at the same time, and any of them may die."""

import asyncio
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest

from omni_bulk.ledger import Admitted, Admitter, Ledger, Single, admission, book
from omni_bulk.ledger.schema import open_ledger
from omni_bulk.lock import is_alive, owner_path
from omni_bulk.model import Message, Problem, State, Status
from omni_bulk.results import from_line
from tests.ledger.kit import NOW, A, B, Desk, make_desk, message, problem

ME, OTHER = "me", "other"
MADE = message(A, ref="r")


@pytest.fixture
def desk() -> Desk:
    return make_desk()


def ask(desk: Desk, made: Message | Problem, *, owner: str = ME, alive: bool = False) -> tuple[Single, Admitted]:
    admitter = desk.begin()
    admitter.run = 0
    return admission.admit_single(desk.tx, admitter, desk.entry(made), owner=owner, alive=lambda _: alive)


def left(desk: Desk, state: State, holder: str, made: Message = MADE) -> int:
    """What `holder` left in the ledger."""
    fate, admitted = ask(desk, made, owner=holder)
    assert fate is Single.SEND
    if state is not State.READY:
        book.claim(desk.tx, [admitted.id], NOW)
    if state not in {State.READY, State.CLAIMED}:
        desk.settle(admitted, state.status)
    return admitted.id


def test_a_new_ref_is_sent_and_a_problem_is_told_at_once(desk: Desk) -> None:
    fate, admitted = ask(desk, MADE)
    assert (fate, desk.state(admitted.id)) == (Single.SEND, State.READY)
    fate, admitted = ask(desk, problem(ref="bad"))
    assert fate is Single.DONE
    assert admitted.result is not None and admitted.result.reason == "invalid_number"


OTHERS: list[Message | Problem] = [
    message(A, text="other", ref="r"), message(B, ref="r"), problem(ref="r"),
]  # fmt: skip
# state, holder, whether another holder lives → the fate of the same message, and of another under this ref
FATES = [
    (State.READY, OTHER, True, Single.WAIT, Single.CONFLICT),
    (State.READY, OTHER, False, Single.SEND, Single.SEND),
    (State.READY, ME, True, Single.SEND, Single.SEND),
    (State.CLAIMED, OTHER, True, Single.WAIT, Single.CONFLICT),
    (State.CLAIMED, OTHER, False, Single.DONE, Single.CONFLICT),
    (State.CLAIMED, ME, True, Single.DONE, Single.CONFLICT),
    (State.ACCEPTED, OTHER, True, Single.DONE, Single.CONFLICT),
    (State.UNKNOWN, OTHER, False, Single.DONE, Single.CONFLICT),
    (State.REJECTED, OTHER, False, Single.DONE, Single.SEND),
    (State.FAILED, OTHER, True, Single.SEND, Single.SEND),
]


@pytest.mark.parametrize(("state", "holder", "alive", "fate", "_"), FATES)
def test_the_same_message_again(desk: Desk, state: State, holder: str, alive: bool, fate: Single, _: Single) -> None:
    message_id = left(desk, state, holder)
    found, admitted = ask(desk, MADE, alive=alive)
    assert (found, admitted.id) == (fate, message_id)
    if fate is Single.DONE:
        expected = Status.UNKNOWN if state is State.CLAIMED else state.status
        assert admitted.status is expected
        assert admitted.result is not None and admitted.result.status is expected and admitted.result.replayed
    if fate is Single.SEND:
        book.claim(desk.tx, [message_id], NOW)  # ours now


@pytest.mark.parametrize("other", OTHERS, ids=["text", "number", "problem"])
@pytest.mark.parametrize(("state", "holder", "alive", "_", "fate"), FATES)
def test_another_message_under_a_ref_that_was_used(
    desk: Desk, state: State, holder: str, alive: bool, _: Single, fate: Single, other: Message | Problem
) -> None:
    message_id = left(desk, state, holder)
    found, admitted = ask(desk, other, alive=alive)
    assert found is (Single.DONE if fate is Single.SEND and isinstance(other, Problem) else fate)
    assert admitted.id == message_id
    if fate is Single.CONFLICT:
        assert desk.state(message_id) is state


def test_what_a_dead_owner_had_claimed_is_unknown_all_of_it(desk: Desk) -> None:
    claimed = [left(desk, State.CLAIMED, OTHER, message(A, ref=ref)) for ref in ("a", "b", "c")]
    ask(desk, message(A, ref="b"))
    assert [desk.state(message_id) for message_id in claimed] == [State.UNKNOWN] * 3
    assert {line.reason for line in map(from_line, desk.lines())} == {"interrupted"}


def test_a_claim_of_our_own_that_nobody_knows_of_leaves_those_in_flight_alone(desk: Desk) -> None:
    lost, flying = (left(desk, State.CLAIMED, ME, message(A, ref=ref)) for ref in ("lost", "flying"))
    assert ask(desk, message(A, ref="lost"))[0] is Single.DONE
    assert [desk.state(message_id) for message_id in (lost, flying)] == [State.UNKNOWN, State.CLAIMED]
    book.release(desk.tx, flying, 1)
    book.claim(desk.tx, [flying], NOW)  # as its retry does


OWNER = """
import sys
from pathlib import Path
from omni_bulk.lock import OwnerLock
lock = OwnerLock(Path(sys.argv[1]), sys.argv[2])
lock.acquire()
print("there", flush=True)
input()
"""


def test_an_owner_is_dead_when_its_process_is(tmp_path: Path) -> None:
    path, owner = tmp_path / "ledger.db", str(uuid4())
    desk = make_desk(open_ledger(path))
    with subprocess.Popen([sys.executable, "-c", OWNER, path, owner], stdin=-1, stdout=-1, text=True) as child:
        assert child.stdout is not None and child.stdout.readline() == "there\n"
        message_id = left(desk, State.CLAIMED, owner)

        def fate() -> Single:
            admitter = desk.begin()
            return admission.admit_single(
                desk.tx, admitter, desk.entry(MADE), owner=ME, alive=lambda who: is_alive(owner_path(path, who))
            )[0]

        assert fate() is Single.WAIT
        child.kill()
        child.wait()
        assert fate() is Single.DONE
    assert desk.state(message_id) is State.UNKNOWN
    desk.db.close()


async def test_of_two_who_bring_one_ref_at_once_one_sends(tmp_path: Path) -> None:
    """Two ledgers, two writers, as in two processes."""
    one, two = await asyncio.gather(Ledger.open(tmp_path / "ledger.db"), Ledger.open(tmp_path / "ledger.db"))
    desk = make_desk(open_ledger(tmp_path / "ledger.db"))

    async def bring(ledger: Ledger, owner: str) -> Single:
        entry = desk.entry(MADE)
        return (
            await ledger.write(
                lambda tx: admission.admit_single(
                    tx, Admitter(desk.campaign, desk.identities, 0), entry, owner=owner, alive=lambda _: True
                )
            )
        )[0]

    fates = await asyncio.gather(bring(one, ME), bring(two, OTHER))
    assert sorted(fate.name for fate in fates) == ["SEND", "WAIT"]
    await one.close()
    await two.close()
    desk.db.close()
