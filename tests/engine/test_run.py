"""One pass over a list, over real sockets against the sandbox: everybody once, nobody lost, whatever goes wrong."""

import asyncio
import logging
import sqlite3
import tracemalloc
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any

import orjson
import pytest

from omni_bulk import account as account_module
from omni_bulk.account import Account, World, log_unrecorded
from omni_bulk.client import Endpoint
from omni_bulk.errors import LedgerError, Refused, SettingsError, Stopped
from omni_bulk.feed import Blocks, blocks
from omni_bulk.identity import Identities
from omni_bulk.ledger import Admitter, Ledger, Transaction, book
from omni_bulk.model import CampaignRow, Recipient, Result, State, Status
from omni_bulk.rules import Composition
from omni_bulk.run import Limits, Run
from omni_bulk.testing import Sandbox
from omni_bulk.text import Template
from omni_bulk.wire import Answer

COMPOSITION = Composition(template=Template("{name}, hello.", from_="0212345678"))
PATIENT = Stopped("told to", reason="told", exit_code=75)


def recipients(count: int, *, first: int = 0) -> Iterator[Recipient]:
    for row in range(first, first + count):
        yield Recipient(f"+8210{20_000_000 + row}", row + 2, f"ref-{row}", fields={"name": "Kim"})


class Bug(Exception):
    pass


class Stage:
    """An account on a ledger of its own, and a campaign on it that may be run again and again."""

    def __init__(self, account: Account, row: CampaignRow) -> None:
        self.account = account
        self.ledger = account.ledger
        self.row = row
        self.results: list[Result] = []
        self.runs = 0
        self._run: Run | None = None

    @property
    def now(self) -> Run:
        """The run under way."""
        assert self._run is not None
        return self._run

    async def go(
        self, rows: "Iterable[Recipient] | AsyncIterator[Recipient] | Blocks", *, deliver: Any = None,
        began: Callable[[Run], object] | None = None, limits: Limits | None = None, told: bool = True,
    ) -> Run:  # fmt: skip
        """One run to its end. `began` is called with it before it starts; `told` keeps its results."""
        self.runs += 1
        number = await self.ledger.write(
            lambda tx: book.begin_run(tx, self.row.id, pid=1, host="h", now=0, options="{}", input_digest=None)
        )
        await self.ledger.write(lambda tx: book.recover(tx, self.row))
        admitter = Admitter(self.row, Identities(self.ledger.key, self.row.uuid), number)
        keep = deliver or (self.results.append if told else None)
        run = self._run = Run(self.account, self.row, admitter, COMPOSITION, limits=limits or Limits(), deliver=keep)
        if began is not None:
            began(run)
        await run.go(rows if hasattr(rows, "asend") and not isinstance(rows, Iterator) else blocks(rows))  # type: ignore[arg-type]
        return run

    def lines(self) -> list[dict[str, Any]]:
        """The lines of the results file, from the ledger."""
        with self.ledger.reading() as db:
            return [orjson.loads(line) for line in book.lines(db, self.row.id, 0)]

    def states(self) -> dict[str, State]:
        with self.ledger.reading() as db:
            return {ref: State(state) for ref, state in db.execute("SELECT ref, state FROM message")}

    def with_state(self, state: State) -> set[str]:
        return {ref for ref, found in self.states().items() if found is state}

    async def check(self, sandbox: Sandbox, run: Run) -> None:
        """The promise: ledger, results, tally and sandbox agree, ref by ref."""
        await self.ledger.write(lambda _: None)  # what was taken back from the gate is committed before this
        states, lines = self.states(), self.lines()
        taken = Counter(message.ref for message in sandbox.messages)
        assert not sandbox.stats()["doubles"], "somebody got two messages"
        assert not self.with_state(State.CLAIMED), "in doubt although nothing crashed"
        assert [line["seq"] for line in lines] == list(range(1, len(lines) + 1))
        for ref, state in states.items():
            assert state is not State.ACCEPTED or taken[ref] == 1
            assert state in {State.ACCEPTED, State.UNKNOWN} or not taken[ref], "taken, and it would be sent again"
        for line in lines:
            if line["status"] == "accepted" and line["msgKey"] is not None:
                assert any(m.ref == line["ref"] and m.msg_key == line["msgKey"] for m in sandbox.messages)
        if self.runs == 1 and self.results:
            assert [result.seq for result in self.results] == [line["seq"] for line in lines]
            assert [result.status for result in self.results] == [line["status"] for line in lines]
            assert run.tally.states == Counter(line["status"] for line in lines)
            assert run.tally.ready == len(self.with_state(State.READY))


@asynccontextmanager
async def stage(
    tmp_path: Path, url: str, *, rate: float = 1000.0, workers: int = 32, drain: float = 20.0, timeout: float = 10.0,
    name: str = "ledger.db", **more: Any,
) -> AsyncIterator[Stage]:  # fmt: skip
    ledger = await Ledger.open(tmp_path / name)
    try:
        endpoint = Endpoint(url, "sandbox", "sandbox", timeout=timeout, connections=workers)
        account = Account(endpoint, ledger, origin="sandbox", rate=rate, workers=workers, drain=drain, **more)
        async with account:
            row = await ledger.write(lambda tx: book.make_campaign(tx, account.id, "october", 0))
            yield Stage(account, row)
    finally:
        await ledger.close()


# ── all is well ───────────────────────────────────────────────────────────────────────────────────────────────────


async def test_600_at_1000_a_second(tmp_path: Path) -> None:
    async with Sandbox(tps=None, latency_ms=10) as sandbox, stage(tmp_path, sandbox.url) as here:
        run = await here.go(recipients(600))
        await here.check(sandbox, run)
        assert run.stopped is None and run.error is None
        assert {result.status for result in here.results} == {Status.ACCEPTED}
        assert [result.seq for result in here.results] == list(range(1, 601))
        assert {(r.ref, r.msg_key) for r in here.results} == {(m.ref, m.msg_key) for m in sandbox.messages}
        stats = sandbox.stats()
        assert (stats["tokens"], stats["posts"], stats["taken"]) == (1, 600, 600)
        assert stats["maxInFlight"] <= 32
        again = await here.go(recipients(600))
        assert sandbox.stats()["posts"] == 600
        assert again.tally.handled == 600 and len(here.lines()) == 600


async def test_a_list_without_rows_asks_for_nothing(tmp_path: Path) -> None:
    async with Sandbox() as sandbox, stage(tmp_path, sandbox.url) as here:
        run = await here.go([])
        assert run.stopped is run.error is None
        assert sandbox.stats()["tokens"] == 0


async def test_rows_that_are_not_sent_are_told_too(tmp_path: Path) -> None:
    rows = [*recipients(2), Recipient("12", 4, "bad", fields={"name": "Kim"}), Recipient("+821020000000", 5, "ref-0", fields={"name": "Lee"})]  # fmt: skip
    async with Sandbox() as sandbox, stage(tmp_path, sandbox.url) as here:
        run = await here.go(rows)
        await here.check(sandbox, run)
        assert Counter(result.status for result in here.results) == {Status.ACCEPTED: 2, Status.INVALID: 2}


# ── tokens ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("life", [0.3, 3.0])
async def test_tokens_that_end_long_before_they_say_cost_a_refresh_and_no_message(tmp_path: Path, life: float) -> None:
    async with (
        Sandbox(tps=None, token_ttl=life, claimed_ttl=86_400, latency_ms=5) as sandbox,
        stage(tmp_path, sandbox.url, rate=400) as here,
    ):
        began = monotonic()
        run = await here.go(recipients(600))
        seconds = monotonic() - began
        await here.check(sandbox, run)
        stats = sandbox.stats()
        assert stats["taken"] == 600
        assert stats["tokens"] <= 2 + seconds / life
        assert stats["codes"].get("A001", 0) <= 32 * stats["tokens"]
        if life < 1:
            assert stats["tokens"] >= 4


@pytest.mark.parametrize(("code", "reason"), [("A001", "tokens_do_not_work"), ("A002", "token_invalid")])
async def test_tokens_that_are_never_taken_stop_the_run(tmp_path: Path, code: str, reason: str) -> None:
    async with Sandbox(tps=None, refuse=code) as sandbox, stage(tmp_path, sandbox.url, workers=8) as here:
        async with asyncio.timeout(10):
            run = await here.go(recipients(100))
        await here.check(sandbox, run)
        assert run.stopped is not None
        assert (run.stopped.reason, run.stopped.exit_code) == (reason, 5)
        assert sandbox.stats()["tokens"] <= 3
        assert here.with_state(State.READY) == set(here.states())


async def test_an_account_that_is_refused_stops_the_run_at_once(tmp_path: Path) -> None:
    async with Sandbox(tps=None, refuse="A110") as sandbox, stage(tmp_path, sandbox.url, workers=8) as here:
        run = await here.go(recipients(100))
        await here.check(sandbox, run)
        assert run.stopped is not None and run.stopped.reason == "account_blocked"
        assert sandbox.stats()["posts"] <= 8


# ── faults ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_when_every_second_post_is_one_too_many_everybody_still_gets_one(tmp_path: Path) -> None:
    async with (
        Sandbox(tps=None, faults={"a020": 0.5}, seed=5) as sandbox,
        stage(tmp_path, sandbox.url, rate=2000) as here,
    ):
        run = await here.go(recipients(200))
        await here.check(sandbox, run)
        assert sandbox.stats()["taken"] == 200
        assert here.account.gate.throttled == sandbox.stats()["codes"]["A020"] > 100
        assert sum(result.attempts for result in here.results) == sandbox.stats()["posts"]


async def test_over_the_limit_of_the_server_everybody_still_gets_one(tmp_path: Path) -> None:
    async with Sandbox(tps=100) as sandbox, stage(tmp_path, sandbox.url, rate=1000) as here:
        run = await here.go(recipients(200))
        await here.check(sandbox, run)
        assert sandbox.stats()["taken"] == 200


KINDS = [
    "drop_before", "drop_after", "hang_before", "hang_after", "cut_body", "a999", "a999_taken", "a920", "unlisted",
    "html502", "not_json", "other_ref", "no_msg_key", "a001", "a020", "a020_200", "html429", "html403", "slow",
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
async def test_exactly_what_is_ambiguous_is_unknown(tmp_path: Path, kind: str) -> None:
    async with (
        Sandbox(tps=None, slow_ms=50) as sandbox,
        stage(tmp_path, sandbox.url, workers=8, timeout=0.5) as here,
    ):
        sandbox.fail_next(kind, 2)
        run = await here.go(recipients(40))
        await here.check(sandbox, run)
        assert here.with_state(State.UNKNOWN) == set(sandbox.state.ambiguous_refs)
        assert len(here.with_state(State.ACCEPTED)) == 40 - len(sandbox.state.ambiguous_refs)
        assert not here.with_state(State.READY)


async def test_in_any_mixture_exactly_what_is_ambiguous_is_unknown(tmp_path: Path) -> None:
    faults = {
        "drop_before": 0.05, "drop_after": 0.05, "cut_body": 0.05, "a999": 0.05, "a999_taken": 0.05, "a920": 0.05,
        "other_ref": 0.05, "a001": 0.02, "a020": 0.05, "html429": 0.05, "no_msg_key": 0.05,
    }  # fmt: skip
    async with Sandbox(tps=None, faults=faults, seed=11) as sandbox, stage(tmp_path, sandbox.url) as here:
        run = await here.go(recipients(300), limits=Limits(max_failure=1, max_unknown=1))
        await here.check(sandbox, run)
        assert here.with_state(State.UNKNOWN) == set(sandbox.state.ambiguous_refs) != set()
        assert not here.with_state(State.READY)


async def test_a_stop_does_not_wait_for_what_cannot_be_sent(tmp_path: Path) -> None:
    """What is proven unsent while a run drains is left for the next one, not tried on until the drain time is over."""
    async with Sandbox(tps=None, refuse="A020", latency_ms=20) as sandbox, stage(tmp_path, sandbox.url) as here:
        async with asyncio.timeout(5):
            run = await here.go(recipients(100), began=partial(later, 0.3, lambda run: run.stop(PATIENT)))
        await here.check(sandbox, run)
        assert run.stopped is PATIENT
        assert here.with_state(State.READY) == set(here.states())


async def test_a_server_that_is_not_there_keeps_everybody_ready(tmp_path: Path) -> None:
    async with stage(tmp_path, "http://127.0.0.1:1", workers=4, drain=0.5) as here:
        run = await here.go(recipients(10), limits=Limits(deadline=0.5))
        assert run.stopped is not None and run.stopped.exit_code == 6
        assert here.with_state(State.READY) == set(here.states())
        assert here.account.worker.posts == 0


# ── stopping and going on ─────────────────────────────────────────────────────────────────────────────────────────


def later(seconds: float, act: Callable[[Run], None], run: Run) -> None:
    asyncio.get_running_loop().call_later(seconds, act, run)


async def test_a_run_that_is_stopped_loses_nothing_in_flight_and_goes_on(tmp_path: Path) -> None:
    async with Sandbox(tps=None, latency_ms=100) as sandbox, stage(tmp_path, sandbox.url) as here:

        def stop(result: Result) -> None:
            here.results.append(result)
            if len(here.results) == 100:
                here.now.stop(PATIENT)

        run = await here.go(recipients(400), deliver=stop)
        await here.check(sandbox, run)
        assert run.stopped is PATIENT
        assert {result.status for result in here.results} == {Status.ACCEPTED}
        taken = sandbox.stats()["taken"]
        assert 100 <= taken == len(here.results) <= 100 + 2 * 32
        assert run.tally.ready == len(here.states()) - taken
        run = await here.go(recipients(400))
        await here.check(sandbox, run)
        assert sandbox.stats()["taken"] == 400


async def hanging(sandbox: Sandbox, number: int) -> None:
    """Until so many posts have reached the sandbox, and wait there in vain."""
    while len(sandbox.state.ambiguous_refs) < number:
        await asyncio.sleep(0.001)


async def test_a_run_that_is_cancelled_records_what_is_in_flight_as_unknown(tmp_path: Path) -> None:
    async with Sandbox(tps=None) as sandbox, stage(tmp_path, sandbox.url) as here:
        sandbox.fail_next("hang_before", 16)
        sandbox.fail_next("hang_after", 16)
        going = asyncio.create_task(here.go(recipients(200)))
        await hanging(sandbox, 32)
        here.now.cancel()
        run = await going
        await here.check(sandbox, run)
        assert Counter((result.status, result.reason, result.attempts) for result in here.results) == {
            (Status.UNKNOWN, "interrupted", 1): 32
        }
        assert run.tally.states == {"unknown": 32}
        before = here.with_state(State.UNKNOWN)
        run = await here.go(recipients(200))
        await here.check(sandbox, run)
        assert here.with_state(State.UNKNOWN) == before == set(sandbox.state.ambiguous_refs)
        assert len(here.with_state(State.ACCEPTED)) == 200 - 32


async def test_a_drain_that_takes_too_long_becomes_a_cancellation(tmp_path: Path) -> None:
    async with Sandbox(tps=None) as sandbox, stage(tmp_path, sandbox.url, workers=4, drain=0.2) as here:
        sandbox.fail_next("hang_before", 4)
        going = asyncio.create_task(here.go(recipients(50)))
        await hanging(sandbox, 4)
        here.now.stop(PATIENT)
        async with asyncio.timeout(5):
            run = await going
        await here.check(sandbox, run)
        assert here.with_state(State.UNKNOWN) == set(sandbox.state.ambiguous_refs)
        assert len(sandbox.state.ambiguous_refs) == 4


@pytest.mark.parametrize("seed", range(3))
async def test_stopped_and_cancelled_at_random_moments_everybody_gets_one_in_the_end(tmp_path: Path, seed: int) -> None:
    chance = Random(seed)
    ends: dict[str, Callable[[Run], None]] = {
        "stop": lambda run: run.stop(PATIENT),
        "cancel": Run.cancel,
        "fail": lambda run: run.fail(Bug()),
    }
    faults = {"a020": 0.05, "a001": 0.03, "drop_after": 0.02, "html429": 0.02}
    unguarded = Limits(max_failure=1, max_unknown=1)  # on a slow day a run meets enough of these to stop
    async with (
        Sandbox(tps=None, latency_ms=4, faults=faults, seed=seed) as sandbox,
        stage(tmp_path, sandbox.url, rate=3000, workers=16) as here,
    ):
        for _ in range(30):
            end = chance.choice(sorted(ends))
            began = partial(later, chance.uniform(0, 0.1), ends[end])
            run = await here.go(recipients(300), told=False, began=began, limits=unguarded)
            await here.check(sandbox, run)
        run = await here.go(recipients(300), told=False, limits=unguarded)
        await here.check(sandbox, run)
        states = Counter(here.states().values())
        assert states[State.ACCEPTED] + states[State.UNKNOWN] == 300
        assert set(sandbox.state.ambiguous_refs) <= here.with_state(State.UNKNOWN)


async def test_a_run_may_be_stopped_before_it_begins(tmp_path: Path) -> None:
    async with Sandbox() as sandbox, stage(tmp_path, sandbox.url) as here:
        run = await here.go(recipients(10), began=lambda run: run.stop(PATIENT))
        assert run.stopped is PATIENT
        assert here.states() == {}


async def test_the_first_stop_is_the_one_that_is_told(tmp_path: Path) -> None:
    def began(run: Run) -> None:
        run.stop(PATIENT)
        run.stop(Stopped("later", reason="later"))
        run.fail(RuntimeError("first"))
        run.fail(RuntimeError("second"))

    async with Sandbox() as sandbox, stage(tmp_path, sandbox.url) as here:
        run = await here.go(recipients(1), began=began)
        assert run.stopped is PATIENT
        assert str(run.error) == "first"


@pytest.mark.parametrize("limit", [0, 1, 50, 100])
async def test_a_limit_is_met_to_the_message(tmp_path: Path, limit: int) -> None:
    async with Sandbox(tps=None) as sandbox, stage(tmp_path, sandbox.url) as here:
        run = await here.go(recipients(100), limits=Limits(limit=limit))
        await here.check(sandbox, run)
        assert sandbox.stats()["taken"] == limit
        assert (run.stopped and run.stopped.exit_code) == (None if limit == 100 else 6)
        await here.check(sandbox, await here.go(recipients(100)))
        assert sandbox.stats()["taken"] == 100


async def test_at_the_deadline_what_is_in_flight_is_still_recorded(tmp_path: Path) -> None:
    async with Sandbox(tps=None, latency_ms=50) as sandbox, stage(tmp_path, sandbox.url, rate=100) as here:
        run = await here.go(recipients(200), limits=Limits(deadline=0.5))
        await here.check(sandbox, run)
        assert run.stopped is not None
        assert (run.stopped.reason, run.stopped.exit_code) == ("deadline", 6)
        assert 0 < sandbox.stats()["taken"] == len(here.results) < 100


# ── errors ────────────────────────────────────────────────────────────────────────────────────────────────────────


def breaking(count: int) -> Iterator[Recipient]:
    yield from recipients(count)
    raise Bug


async def breaking_async(count: int) -> AsyncIterator[Recipient]:
    for row in recipients(count):
        yield row
    raise Bug


@pytest.mark.parametrize("made", [breaking, breaking_async])
@pytest.mark.parametrize("count", [0, 10, 300])
async def test_an_iterable_that_raises_ends_the_run_with_its_own_error(
    tmp_path: Path, made: Callable[[int], Any], count: int
) -> None:
    async with Sandbox(tps=None, latency_ms=5) as sandbox, stage(tmp_path, sandbox.url) as here:
        rows = made(count)
        run = await here.go(blocks(rows))
        await here.check(sandbox, run)
        assert isinstance(run.error, Bug)
        await here.check(sandbox, await here.go(recipients(300)))
        assert sandbox.stats()["taken"] == 300


async def test_a_list_whose_reading_is_cancelled_from_within_ends_the_run(tmp_path: Path) -> None:
    """Nobody cancelled the run, so it must neither hang nor pass for complete."""

    async def cancelled() -> Blocks:
        yield list(recipients(20)), False
        raise asyncio.CancelledError

    async with Sandbox(tps=None) as sandbox, stage(tmp_path, sandbox.url) as here:
        async with asyncio.timeout(5):
            run = await here.go(cancelled())
        await here.check(sandbox, run)
        assert isinstance(run.error, asyncio.CancelledError)
        assert not run.tally.whole


async def test_a_delivery_that_is_cancelled_from_within_ends_the_run(tmp_path: Path) -> None:
    async with Sandbox(tps=None) as sandbox, stage(tmp_path, sandbox.url, workers=2) as here:

        async def cancelled(*_: Any) -> Answer:
            raise asyncio.CancelledError

        here.account._client.post_message = cancelled  # type: ignore[assignment,method-assign]
        async with asyncio.timeout(5):
            run = await here.go(recipients(50))
        await here.check(sandbox, run)
        assert isinstance(run.error, asyncio.CancelledError)
        assert here.with_state(State.UNKNOWN)


async def test_a_run_that_is_cancelled_from_outside_records_what_is_in_flight(tmp_path: Path) -> None:
    async with Sandbox(tps=None) as sandbox, stage(tmp_path, sandbox.url, workers=4) as here:
        sandbox.fail_next("hang_after", 4)
        going = asyncio.create_task(here.go(recipients(50)))
        await hanging(sandbox, 4)
        going.cancel()
        with pytest.raises(asyncio.CancelledError):
            await going
        assert not here.with_state(State.CLAIMED)
        assert len(here.with_state(State.UNKNOWN)) == 4


async def test_a_caller_that_cannot_take_its_results_ends_the_run_with_its_own_error(tmp_path: Path) -> None:
    def full(result: Result) -> None:
        if result.seq > 10:
            raise Bug

    async with Sandbox(tps=None, latency_ms=5) as sandbox, stage(tmp_path, sandbox.url) as here:
        run = await here.go(recipients(300), deliver=full)
        assert isinstance(run.error, Bug)
        assert len(here.lines()) == sandbox.stats()["taken"] == run.tally.states["accepted"] < 300
        await here.check(sandbox, run)


async def test_twenty_refusals_of_our_json_stop_the_run_and_are_told(tmp_path: Path) -> None:
    async with Sandbox(tps=None, refuse="A010") as sandbox, stage(tmp_path, sandbox.url, workers=4) as here:
        run = await here.go(recipients(100))
        await here.check(sandbox, run)
        assert run.stopped is not None and run.stopped.reason == "bad_json"
        assert 20 <= run.tally.states["rejected"] == sandbox.stats()["posts"] < 30


async def test_another_text_for_those_who_have_theirs_ends_the_run(tmp_path: Path) -> None:
    async with Sandbox(tps=None) as sandbox, stage(tmp_path, sandbox.url) as here:
        await here.go(recipients(50))
        run = await here.go(replace(row, text="another") for row in recipients(50))
        await here.check(sandbox, run)
        assert isinstance(run.error, Refused)
        assert run.tally.other_texts == 50
        assert sandbox.stats()["posts"] == 50


@pytest.mark.parametrize("which", ["claim", "settle", "release", "admit"])
async def test_when_the_ledger_breaks_nothing_more_is_sent_and_all_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, which: str
) -> None:
    """From the hundredth operation of this kind on, the disk is full."""
    unrecorded: list[Result] = []
    calls = 0
    operation = getattr(Admitter if which == "admit" else book, which)

    def breaking(*args: Any, **more: Any) -> Any:
        nonlocal calls
        calls += 1
        broken()
        return operation(*args, **more)

    def broken() -> None:
        if calls > {"admit": 2}.get(which, 60):
            raise sqlite3.OperationalError("database or disk is full")

    def breaking_all(tx: Transaction, those: list[book.Settle]) -> list[Result]:
        nonlocal calls
        calls += len(those)
        broken()
        return settle_all(tx, those)

    settle_all = book.settle_all
    monkeypatch.setattr(Admitter if which == "admit" else book, which, breaking)
    if which == "settle":
        monkeypatch.setattr(book, "settle_all", breaking_all)
    faults = {"a020": 0.3} if which == "release" else {}
    async with (
        Sandbox(tps=None, latency_ms=10, faults=faults, seed=1) as sandbox,
        stage(tmp_path, sandbox.url, unrecorded=unrecorded.append) as here,
    ):
        async with asyncio.timeout(20):
            run = await here.go(recipients(2000))
        assert isinstance(run.error, LedgerError)
        assert not sandbox.stats()["doubles"]
        states = here.states()
        known = {line["ref"] for line in here.lines()} | {result.ref for result in unrecorded}
        for message in sandbox.messages:
            assert message.ref in known, "taken, and told nowhere"
            assert states[str(message.ref)] is not State.READY, "taken, and it would be sent again"
        assert sandbox.stats()["taken"] < 1000


# ── memory ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_memory_does_not_grow_with_the_list(tmp_path: Path) -> None:
    async def taken(body: bytes, _: str) -> Answer:
        ref = orjson.loads(body)["ref"]
        return Answer(200, {}, orjson.dumps({"code": "A000", "result": "Success", "msgKey": "k", "ref": ref}))

    async def most(here: Stage, count: int, first: int) -> int:
        tracemalloc.reset_peak()
        run = await here.go(recipients(count, first=first), told=False)
        assert run.tally.states == {"accepted": count}
        return tracemalloc.get_traced_memory()[1]

    async with Sandbox() as sandbox, stage(tmp_path, sandbox.url, rate=1e6) as here:
        here.account._client.post_message = taken  # type: ignore[assignment,method-assign]
        tracemalloc.start()
        try:
            few = await most(here, 2_000, 0)
            many = await most(here, 10_000, 2_000)
        finally:
            tracemalloc.stop()
        assert many < few + 1_000_000, "over 125 bytes stay of each row"


# ── the account ───────────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_account_that_cannot_begin_leaves_nothing_open(tmp_path: Path) -> None:
    ledger = await Ledger.open(tmp_path / "ledger.db")
    endpoint = Endpoint("https://127.0.0.1", "id", "pw", ca_file=tmp_path / "missing.pem")
    account = Account(endpoint, ledger, origin="o", rate=1, workers=1, drain=1)
    with pytest.raises(SettingsError):
        await account.__aenter__()
    await ledger.close()
    with pytest.raises(LedgerError):
        await account.__aenter__()


def lives(account: Account) -> bool:
    return account._owner_lock.held


async def test_an_account_shows_that_it_lives_only_when_asked(tmp_path: Path) -> None:
    async with stage(tmp_path, "http://127.0.0.1:1") as here:
        account = here.account
        assert not lives(account)
        assert await account.show_life() == await account.show_life() == account.owner
        assert lives(account)
    assert not lives(account)
    async with stage(tmp_path, "http://127.0.0.1:1") as other:
        assert other.account.owner != account.owner
        assert other.account.id == account.id


def test_the_last_resort_for_a_result_is_the_log_without_number_and_text(caplog: pytest.LogCaptureFixture) -> None:
    log_unrecorded(Result(0, "id", "october", Status.ACCEPTED, ref="r-1", msg_key="k", to="+821012345678", row=3))
    [told] = caplog.records
    assert told.levelno == logging.ERROR
    assert "'ref': 'r-1'" in told.message and "'msgKey': 'k'" in told.message and "'status': 'accepted'" in told.message
    assert "8210" not in told.message


def test_the_worlds_now_is_in_milliseconds() -> None:
    assert World(epoch=lambda: 1.2345).now() == 1234
    assert account_module.World().now() > 1_700_000_000_000
