"""The account's rate among processes on one ledger: leases, their end, and what they cost."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from omni_bulk.ledger import Lease, Part, Transaction
from omni_bulk.ledger.leases import LIFE, RENEW
from omni_bulk.ledger.schema import open_ledger
from omni_bulk.shares import TRICKLE


@dataclass
class Desk:
    """Processes of one account that look at the same ledger, each when the test says so."""

    db: sqlite3.Connection
    now: int = 1_000_000

    def lease(self, owner: str, ceiling: float = 200.0, account: int = 1) -> Lease:
        return Lease(account, owner, 1, ceiling, lambda: self.now)

    def renew(self, lease: Lease, wants: float) -> Part:
        return lease.renew(Transaction(self.db), wants)

    def give_back(self, lease: Lease) -> None:
        lease.give_back(Transaction(self.db))

    def writes(self, lease: Lease, wants: float) -> int:
        before = self.db.total_changes
        self.renew(lease, wants)
        return self.db.total_changes - before

    @property
    def rows(self) -> int:
        return int(self.db.execute("SELECT count(*) FROM lease").fetchone()[0])


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with closing(open_ledger(tmp_path / "ledger.db")) as db:
        yield Desk(db)


def test_who_is_alone_has_all_of_the_rate_whatever_it_wants(desk: Desk) -> None:
    assert desk.renew(desk.lease("a"), 3.0) == Part(200.0, 200.0, 1)


def test_two_have_half_each_as_soon_as_the_first_has_given_it_back(desk: Desk) -> None:
    a, b = desk.lease("a"), desk.lease("b")
    desk.renew(a, 500.0)
    assert desk.renew(b, 500.0) == Part(200.0 * TRICKLE, 100.0, 2)
    assert desk.renew(a, 500.0) == Part(100.0, 100.0, 2)
    assert desk.renew(b, 500.0) == Part(100.0, 100.0, 2)


def test_an_idle_one_holds_nothing_back(desk: Desk) -> None:
    a, b = desk.lease("a"), desk.lease("b")
    for _ in range(2):
        desk.renew(a, 500.0)
        desk.renew(b, 0.0)
    assert desk.renew(a, 500.0).uses == pytest.approx(200.0, rel=2 * TRICKLE)


@pytest.mark.parametrize("step", [LIFE + 1, -LIFE - 1])
def test_who_gave_no_sign_of_life_for_three_seconds_is_gone(desk: Desk, step: int) -> None:
    """Also when the machine's clock was put back meanwhile."""
    a, b = desk.lease("a"), desk.lease("b")
    desk.renew(a, 500.0)
    desk.renew(b, 500.0)
    desk.now += step
    assert desk.renew(b, 500.0) == Part(200.0, 200.0, 1)


def test_who_gives_back_need_not_be_waited_for(desk: Desk) -> None:
    a, b = desk.lease("a"), desk.lease("b")
    desk.renew(a, 500.0)
    desk.give_back(a)
    assert desk.renew(b, 500.0) == Part(200.0, 200.0, 1)


def test_each_keeps_to_its_own_rate_and_together_they_keep_to_the_largest(desk: Desk) -> None:
    small, large = desk.lease("small", 50.0), desk.lease("large", 200.0)
    for _ in range(3):
        parts = desk.renew(small, 500.0), desk.renew(large, 500.0)
    assert [part.uses for part in parts] == [50.0, 150.0]


def test_accounts_do_not_share(desk: Desk) -> None:
    desk.renew(desk.lease("a"), 500.0)
    assert desk.renew(desk.lease("b", account=2), 500.0) == Part(200.0, 200.0, 1)


def test_a_newcomer_takes_the_place_of_one_that_is_gone_so_there_are_never_more_rows_than_processes(
    desk: Desk,
) -> None:
    for number in range(10):
        desk.renew(desk.lease(f"run {number}"), 500.0)
        desk.now += LIFE + 1
    assert desk.rows == 1


def test_one_whose_place_was_taken_while_it_was_stopped_finds_another(desk: Desk) -> None:
    stopped, other = desk.lease("stopped"), desk.lease("other")
    desk.renew(stopped, 500.0)
    desk.now += LIFE + 1
    desk.renew(other, 500.0)
    assert desk.renew(stopped, 500.0) == Part(200.0 * TRICKLE, 100.0, 2)
    assert desk.rows == 2


def test_alone_it_writes_once_a_second_whatever_it_wants(desk: Desk) -> None:
    lease = desk.lease("a")
    assert desk.writes(lease, 500.0) == 1
    assert [desk.writes(lease, wants) for wants in (500.0, 5.0, 100.0)] == [0, 0, 0]
    desk.now += RENEW
    assert desk.writes(lease, 100.0) == 1


def test_beside_others_it_writes_when_its_need_has_changed(desk: Desk) -> None:
    a, b = desk.lease("a"), desk.lease("b")
    for _ in range(3):
        desk.renew(a, 500.0)
        desk.renew(b, 500.0)
    assert desk.writes(a, 500.0) == 0
    assert desk.writes(a, 505.0) == 0
    assert desk.writes(a, 600.0) == 1
