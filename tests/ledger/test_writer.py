"""The writer: what is durable when, what one commit carries, and what becomes of a batch that cannot be written."""

import asyncio
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from omni_bulk.errors import LedgerError, RefConflict, Stopped
from omni_bulk.identity import Identities
from omni_bulk.ledger import Admitted, Admitter, Ledger, Transaction, book, committed, writer
from omni_bulk.ledger.schema import open_ledger
from omni_bulk.ledger.writer import Writer
from omni_bulk.model import CampaignRow, Result, State, Status
from omni_bulk.results import from_line
from tests.ledger.kit import CLIENT, NOW, ORIGIN, Doorman, files_end_at, message

FULL = "the ledger could not be written: database or disk is full"


class Rig:
    """An open ledger with one campaign of admitted messages."""

    def __init__(self, ledger: Ledger, campaign: CampaignRow, admitted: list[Admitted]) -> None:
        self.ledger = ledger
        self.campaign = campaign
        self.ids = [one.id for one in admitted]
        self.drafts = [book.result_of(one.entry, campaign) for one in admitted]

    def claim(self, *places: int) -> "asyncio.Future[Mapping[int, str | Stopped]]":
        return self.ledger.claim([self.ids[place] for place in places], NOW)

    def settle(self, place: int, status: Status = Status.ACCEPTED) -> "asyncio.Future[Result]":
        result = replace(self.drafts[place], status=status)
        return self.ledger.settle(self.campaign, self.ids[place], result)

    def seen(self) -> list[State]:
        """The states of all messages as a second connection sees them."""
        with self.ledger.reading() as db:
            return [State(state) for (state,) in db.execute("SELECT state FROM message ORDER BY id")]

    def lines(self) -> int:
        with self.ledger.reading() as db:
            return len(list(book.lines(db, self.campaign.id, 0)))


async def make_rig(path: Path) -> Rig:
    ledger = await Ledger.open(path)
    account = await ledger.write(lambda tx: book.make_account(tx, CLIENT, ORIGIN))
    campaign = await ledger.write(lambda tx: book.make_campaign(tx, account, "october", NOW))
    identities = Identities(ledger.key, campaign.uuid)
    entries = [identities.entry(message(f"+82101234567{digit}")) for digit in range(6)]
    return Rig(ledger, campaign, await ledger.admit(Admitter(campaign, identities, 1), entries))


@pytest_asyncio.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    rig = await make_rig(tmp_path / "ledger.db")
    yield rig
    await rig.ledger.close()


def _note(order: list[int], number: int, _: Transaction) -> None:
    order.append(number)


async def outcomes(*futures: "asyncio.Future[Any]") -> list[Any]:
    return await asyncio.gather(*futures, return_exceptions=True)


# ── group commit ──────────────────────────────────────────────────────────────────────────────────────────────────


async def test_what_gathers_during_a_commit_goes_into_the_next_one_in_order(rig: Rig) -> None:
    door, order = Doorman(), list[int]()
    held = rig.ledger.write(door)
    first = asyncio.ensure_future(held)
    await door.is_in()
    before = rig.ledger.commits
    many = [asyncio.ensure_future(rig.ledger.write(partial(_note, order, n))) for n in range(500)]
    await asyncio.sleep(0)
    door.let_go()
    await asyncio.gather(first, *many)
    assert order == list(range(500))
    assert rig.ledger.commits == before + 2


async def test_who_waits_for_the_same_commit_goes_on_in_the_order_of_what_it_holds(rig: Rig) -> None:
    """So results are told in the order of their `seq`, those that come with an admission too."""
    door, order = Doorman(), list[str]()

    async def settle(place: int) -> None:
        await committed(rig.settle(place))
        order.append(f"settled {place}")

    async def admit() -> None:
        await rig.ledger.admit(Admitter(rig.campaign, Identities(rig.ledger.key, "u"), 2), [])
        order.append("admitted")

    held = asyncio.ensure_future(rig.ledger.write(door))
    await door.is_in()
    waiting = [asyncio.ensure_future(one) for one in (settle(0), admit(), settle(1))]
    await asyncio.sleep(0)
    door.let_go()
    await asyncio.gather(held, *waiting)
    assert order == ["settled 0", "admitted", "settled 1"]


async def test_a_claim_is_on_the_disk_when_its_future_resolves(rig: Rig) -> None:
    await rig.claim(0, 2)
    assert rig.seen() == [State.CLAIMED, State.READY, State.CLAIMED, State.READY, State.READY, State.READY]


async def test_a_claim_that_is_not_committed_yet_is_not_told_to_anybody(rig: Rig) -> None:
    door, last = Doorman(), Doorman()
    held = asyncio.ensure_future(rig.ledger.write(door))
    await door.is_in()
    claimed, later = rig.claim(0), rig.ledger._writer.submit(last)  # one transaction, kept open by its last operation
    door.let_go()
    await last.is_in()
    assert rig.seen()[0] is State.READY
    assert not claimed.done()
    last.let_go()
    await asyncio.gather(held, claimed, later)
    assert rig.seen()[0] is State.CLAIMED


async def test_a_release_and_a_new_claim_keep_their_order(rig: Rig) -> None:
    await rig.claim(0)
    await asyncio.gather(rig.ledger.release(rig.ids[0], 1), rig.claim(0))
    assert rig.seen()[0] is State.CLAIMED
    await rig.ledger.take_back(rig.ids[0])
    assert rig.seen()[0] is State.READY


async def test_a_result_waits_for_company_and_a_claim_after_a_quiet_moment_brings_it(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "SPACING", 3600.0)
    rig.ledger._writer._began = -3600.0
    before = rig.ledger.commits
    settled = rig.settle(0)
    await rig.claim(1)
    assert (await settled).seq == 1
    assert rig.ledger.commits == before + 1


async def test_a_claim_right_after_a_commit_waits_for_company_until_it_is_enough(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "SPACING", 3600.0)
    monkeypatch.setattr(writer, "COMPANY", 4)
    before = rig.ledger.commits
    claims = [rig.claim(0), rig.claim(1, 2)]
    wanted = rig.ledger._writer._wanted_at
    assert wanted is not None
    assert wanted - time.monotonic() > 3000
    await asyncio.gather(*claims, rig.claim(3))
    assert rig.ledger.commits == before + 1


async def test_what_has_no_company_is_committed_after_a_while(rig: Rig) -> None:
    assert (await rig.settle(0)).seq == 1
    await rig.claim(1)
    assert rig.seen()[:2] == [State.ACCEPTED, State.CLAIMED]


async def test_the_wal_is_copied_into_the_file_now_and_then(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "CHECKPOINT_EVERY", 3)
    before = rig.ledger.path.stat().st_mtime_ns, rig.ledger.path.stat().st_size
    await asyncio.gather(*(rig.settle(place) for place in range(4)))
    await rig.claim(5)
    await rig.ledger.write(lambda _: None)
    assert (rig.ledger.path.stat().st_mtime_ns, rig.ledger.path.stat().st_size) != before
    assert rig.ledger.failure is None


# ── what cannot be written ────────────────────────────────────────────────────────────────────────────────────────


class Failing:
    """A connection of which the statements that begin so fail, as often as `times` says."""

    def __init__(self, db: sqlite3.Connection, start: str, times: int) -> None:
        self._db = db
        self._start = start
        self.times = times

    @property
    def in_transaction(self) -> bool:
        return self._db.in_transaction

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        if sql.startswith(self._start) and self.times:
            self.times -= 1
            raise sqlite3.OperationalError("disk I/O error")
        return self._db.execute(sql, *values)

    def close(self) -> None:
        self._db.close()


def failing(rig: Rig, start: str, times: int = 1_000_000) -> None:
    """From now on."""
    rig.ledger._writer._db = Failing(rig.ledger._writer._db, start, times)  # type: ignore[assignment]


async def together(rig: Rig, *submit: Callable[[], "asyncio.Future[Any]"]) -> list[Any]:
    """What becomes of operations that go into one batch."""
    door = Doorman()
    held = asyncio.ensure_future(rig.ledger.write(door))
    await door.is_in()
    futures = [one() for one in submit]
    door.let_go()
    return (await outcomes(held, *futures))[1:]


@pytest.mark.parametrize("start", ["BEGIN", "COMMIT"])
async def test_when_a_commit_fails_everything_in_it_failed(rig: Rig, start: str) -> None:
    await rig.claim(0)
    failing(rig, start)
    ended = await outcomes(rig.claim(1), rig.settle(0), rig.ledger.release(rig.ids[2], 1))
    assert [str(error) for error in ended] == ["the ledger could not be written: disk I/O error"] * 3
    assert all(isinstance(error, LedgerError) for error in ended)
    assert str(rig.ledger.failure) == str(ended[0])
    assert rig.seen()[:2] == [State.CLAIMED, State.READY]
    assert rig.lines() == 0


async def test_after_a_failure_nothing_is_claimed_but_results_are_recorded(rig: Rig) -> None:
    await rig.claim(0, 1)
    failing(rig, "BEGIN", times=1)
    with pytest.raises(LedgerError):
        await rig.settle(0)
    with pytest.raises(LedgerError):
        await rig.claim(2)
    assert (await rig.settle(0)).seq == 1
    await rig.ledger.release(rig.ids[1], 1)
    assert rig.seen()[:3] == [State.ACCEPTED, State.READY, State.READY]


async def test_a_result_is_recorded_although_a_refused_claim_is_in_the_same_batch(rig: Rig) -> None:
    await rig.claim(0)
    failing(rig, "BEGIN", times=1)
    with pytest.raises(LedgerError):
        await rig.claim(5)
    refused, settled, also = await together(rig, lambda: rig.claim(1), lambda: rig.settle(0), lambda: rig.claim(2))
    assert isinstance(refused, LedgerError) and isinstance(also, LedgerError)
    assert settled.seq == 1
    assert rig.seen()[:3] == [State.ACCEPTED, State.READY, State.READY]


async def test_a_commit_that_fails_once_records_the_results_of_its_batch_and_drops_the_claims(rig: Rig) -> None:
    await rig.claim(0)
    failing(rig, "COMMIT", times=1)
    settled, claimed = await outcomes(rig.settle(0), rig.claim(1))
    assert settled.seq == 1
    assert isinstance(claimed, LedgerError)
    assert rig.seen()[:2] == [State.ACCEPTED, State.READY]


async def test_a_full_disk_takes_nothing_of_a_large_write_and_all_of_the_results_beside_it(rig: Rig) -> None:
    """For real: SQLite may not add a page, and the results of what is in flight fit into the ones it has."""
    await rig.claim(0)
    pages = await rig.ledger.write(lambda tx: tx.db.execute("PRAGMA page_count").fetchone()[0])
    await rig.ledger.write(lambda tx: tx.db.execute(f"PRAGMA max_page_count = {pages}"))

    def large(tx: Transaction) -> None:
        tx.db.executemany("INSERT INTO adopted VALUES (1, randomblob(2000), NULL)", [()] * 50)

    wrote, settled, claimed = await together(
        rig, lambda: rig.ledger._writer.submit(large), lambda: rig.settle(0), lambda: rig.claim(1)
    )
    assert str(wrote) == str(claimed) == FULL
    assert settled.seq == 1
    assert rig.seen()[:2] == [State.ACCEPTED, State.READY]
    with rig.ledger.reading() as db:
        assert not book.adopting(db, 1)


async def test_a_disk_that_takes_no_byte_more_claims_nothing(rig: Rig) -> None:
    """For real: writing the -wal fails in the midst of a commit."""
    await rig.claim(0)
    with files_end_at(rig.ledger.path.with_name("ledger.db-wal").stat().st_size):
        ended = await outcomes(rig.claim(1), rig.settle(0))
    assert all(isinstance(error, LedgerError) for error in ended)
    assert rig.seen()[:2] == [State.CLAIMED, State.READY]
    with pytest.raises(LedgerError):
        await rig.claim(1)
    assert (await rig.settle(0)).seq == 1  # there is room again


async def test_a_bug_in_one_operation_is_its_own_and_ends_the_claims(rig: Rig) -> None:
    await rig.claim(0)

    def bug(tx: Transaction) -> None:
        tx.db.execute("DELETE FROM message")
        raise ZeroDivisionError

    broken, settled, claimed = await together(
        rig, lambda: rig.ledger._writer.submit(bug), lambda: rig.settle(0), lambda: rig.claim(1)
    )
    assert isinstance(broken, ZeroDivisionError)
    assert settled.seq == 1
    assert isinstance(claimed, LedgerError)
    assert rig.ledger.failure is not None and isinstance(rig.ledger.failure.__cause__, ZeroDivisionError)
    assert rig.seen()[:2] == [State.ACCEPTED, State.READY]


async def test_a_refusal_is_the_answer_to_one_operation_and_no_failure(rig: Rig) -> None:
    def refuse(_: Transaction) -> None:
        raise RefConflict("used before")

    refused, claimed = await together(rig, lambda: rig.ledger._writer.submit(refuse), lambda: rig.claim(0))
    assert isinstance(refused, RefConflict)
    assert claimed == {}
    assert rig.ledger.failure is None
    assert rig.seen()[0] is State.CLAIMED


async def test_results_that_came_together_are_written_together(rig: Rig) -> None:
    await rig.claim(0, 1, 2, 3)
    statuses = (Status.ACCEPTED, Status.REJECTED, Status.UNKNOWN, Status.FAILED)
    statements: list[str] = []
    rig.ledger._writer._db.set_trace_callback(statements.append)
    told = await together(rig, *(partial(rig.settle, place, status) for place, status in enumerate(statuses)))
    rig.ledger._writer._db.set_trace_callback(None)
    assert [(one.seq, one.status) for one in told] == list(enumerate(statuses, 1))
    assert rig.seen()[:4] == [State.of(status) for status in statuses]
    with rig.ledger.reading() as db:
        assert [from_line(line) for line in book.lines(db, rig.campaign.id, 0)] == told
        assert db.execute("SELECT seq, state FROM message WHERE seq ORDER BY seq").fetchall() == [
            (one.seq, State.of(one.status)) for one in told
        ]
    assert sum(one.startswith("INSERT INTO line") for one in statements) == 1


async def test_of_results_that_came_together_only_the_impossible_one_fails(rig: Rig) -> None:
    await rig.claim(0, 1, 2)
    await rig.settle(1)
    first, again, last = await together(rig, *(partial(rig.settle, place, Status.UNKNOWN) for place in (0, 1, 2)))
    assert isinstance(again, AssertionError)
    assert [first.seq, last.seq] == [2, 3]
    assert rig.seen()[:3] == [State.UNKNOWN, State.ACCEPTED, State.UNKNOWN]
    assert rig.lines() == 3


async def test_the_same_message_twice_in_one_group_is_the_same_as_one_after_the_other(rig: Rig) -> None:
    await rig.claim(0)
    first, second = await together(rig, partial(rig.settle, 0, Status.UNKNOWN), partial(rig.settle, 0))
    assert [(first.seq, first.status), (second.seq, second.status)] == [(1, Status.UNKNOWN), (2, Status.ACCEPTED)]
    assert rig.seen()[0] is State.ACCEPTED


async def test_a_message_that_is_not_ready_is_not_claimed_and_nothing_after_it_is(rig: Rig) -> None:
    await rig.claim(0)
    with pytest.raises(AssertionError, match="not ready"):
        await rig.claim(1, 0)
    assert rig.seen()[:2] == [State.CLAIMED, State.READY]
    with pytest.raises(LedgerError, match="internal error"):
        await rig.claim(2)


async def test_lines_of_an_operation_that_failed_are_told_to_nobody(rig: Rig) -> None:
    told: list[int] = []
    rig.ledger.follow(rig.campaign, lambda lines: told.extend(result.seq for result, _ in lines))

    def half(tx: Transaction) -> None:
        book.settle(tx, rig.campaign.id, rig.ids[1], replace(rig.drafts[1], status=Status.ACCEPTED))
        raise ZeroDivisionError

    await together(rig, lambda: rig.ledger._writer.submit(half), lambda: rig.settle(0))
    assert told == [1]
    assert rig.seen()[:2] == [State.ACCEPTED, State.READY]


async def test_when_sqlite_gives_the_whole_transaction_up_the_rest_goes_into_a_new_one(rig: Rig) -> None:
    def give_up(tx: Transaction) -> None:
        tx.db.execute("ROLLBACK")
        raise sqlite3.OperationalError("disk I/O error")

    before, after, broken = await together(
        rig, lambda: rig.settle(0), lambda: rig.settle(1), lambda: rig.ledger._writer.submit(give_up)
    )
    assert isinstance(broken, LedgerError)
    assert [before.seq, after.seq] == [1, 2]
    assert rig.seen()[:2] == [State.ACCEPTED, State.ACCEPTED]


@pytest.mark.parametrize("start", ["COMMIT", "UPDATE"])
async def test_after_a_failure_the_ledger_is_free_for_other_processes(rig: Rig, start: str) -> None:
    failing(rig, start)
    with pytest.raises(LedgerError):
        await rig.claim(0)
    with closing(sqlite3.connect(rig.ledger.path, timeout=0, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")


async def test_a_checkpoint_that_fails_closes_the_gate(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "CHECKPOINT_EVERY", 1)
    failing(rig, "PRAGMA main.wal_checkpoint", times=1)
    await rig.claim(0)
    with pytest.raises(LedgerError, match="disk I/O error"):
        await rig.claim(1)


async def test_a_future_that_nobody_awaits_makes_no_noise(rig: Rig) -> None:
    noise: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: noise.append(context))
    failing(rig, "BEGIN")
    rig.ledger.take_back(rig.ids[0])
    rig.ledger.take_back(rig.ids[1]).cancel()
    await outcomes(rig.claim(0))
    await rig.ledger.close()
    rig.ledger.take_back(rig.ids[0])
    await asyncio.sleep(0)
    assert noise == []


# ── followers ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_lines_are_told_in_order_after_their_commit_and_before_their_future(rig: Rig) -> None:
    heard: list[tuple[int, bytes, int, bool]] = []
    futures: list[asyncio.Future[Result]] = []

    def listen(lines: list[tuple[Result, bytes]]) -> None:
        heard.extend((result.seq, line, rig.lines(), futures[0].done()) for result, line in lines)

    rig.ledger.follow(rig.campaign, listen)
    futures += [rig.settle(place) for place in range(3)]
    await asyncio.gather(*futures)
    with rig.ledger.reading() as db:
        lines = list(book.lines(db, rig.campaign.id, 0))
    assert heard == [(1, lines[0], 3, False), (2, lines[1], 3, False), (3, lines[2], 3, False)]


async def test_who_follows_another_campaign_or_has_left_hears_nothing(rig: Rig) -> None:
    heard: list[Any] = []
    rig.ledger.follow(replace(rig.campaign, id=99), heard.append)
    rig.ledger.follow(rig.campaign, heard.append)
    rig.ledger.follow(rig.campaign, None)
    rig.ledger.follow(rig.campaign, None)
    await rig.settle(0)
    assert heard == []


async def test_when_leaving_returns_the_follower_is_not_at_work_any_more(rig: Rig) -> None:
    """Else its file would be closed, and the number of its descriptor given to a socket, in the midst of a line."""
    entered, leave, order = threading.Event(), threading.Event(), list[str]()

    def slow(_: list[tuple[Result, bytes]]) -> None:
        entered.set()
        assert leave.wait(10)
        order.append("written")

    rig.ledger.follow(rig.campaign, slow)
    settled = rig.settle(0)
    await asyncio.to_thread(entered.wait, 10)
    left = asyncio.create_task(asyncio.to_thread(rig.ledger.follow, rig.campaign, None))
    left.add_done_callback(lambda _: order.append("left"))
    leave.set()
    await asyncio.gather(left, settled)
    assert order == ["written", "left"]


TROUBLE = [
    (OSError(28, "No space left on device"), "No space left on device"),
    (ValueError("I/O operation on a file with +821012345678"), "ValueError"),
    (LedgerError("the ledger is gone"), "the ledger is gone"),
]


@pytest.mark.parametrize(("error", "told"), TROUBLE, ids=lambda value: type(value).__name__)
async def test_a_follower_that_fails_ends_the_claims_and_not_the_recording(
    rig: Rig, error: Exception, told: str
) -> None:
    def fail(_: list[tuple[Result, bytes]]) -> None:
        raise error

    rig.ledger.follow(rig.campaign, fail)
    assert (await rig.settle(0)).seq == 1
    assert str(rig.ledger.failure) == f"the results file could not be written: {told}"
    with pytest.raises(LedgerError):
        await rig.claim(1)
    assert (await rig.settle(2)).seq == 2


# ── the end ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_closing_commits_what_is_pending(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "SPACING", 3600.0)
    settled = rig.settle(0)
    await rig.ledger.close()
    await rig.ledger.close()
    assert (await settled).seq == 1
    assert not rig.ledger.path.with_name("ledger.db-wal").exists()
    assert rig.seen()[0] is State.ACCEPTED


async def test_after_closing_nothing_is_taken(rig: Rig) -> None:
    await rig.ledger.close()
    with pytest.raises(LedgerError, match="closed"):
        await rig.claim(0)
    assert rig.seen()[0] is State.READY


def test_a_loop_that_ends_early_loses_no_result(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    door = Doorman()

    async def die() -> Writer:
        rig = await make_rig(path)
        await rig.claim(0)
        rig.ledger._writer.submit(door)
        await door.is_in()
        rig.settle(0)
        return rig.ledger._writer

    writing = asyncio.run(die())
    door.let_go()
    writing.close()
    with closing(open_ledger(path)) as db:
        assert db.execute("SELECT count(*) FROM line").fetchone() == (1,)


def test_a_writer_that_never_wrote_can_be_closed(tmp_path: Path) -> None:
    with asyncio.Runner() as runner:
        Writer(open_ledger(tmp_path / "ledger.db"), runner.get_loop()).close()
