"""Opening a campaign takes its lock or refuses, and leaves nothing behind when it fails."""

import asyncio
import os
import socket
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from omni_bulk import InputError, LedgerError, OmniBulkError, OutputError, Refused, SettingsError, Stopped, Template
from omni_bulk.account import World
from omni_bulk.campaign import Options
from omni_bulk.ledger.schema import open_ledger
from omni_bulk.lock import CampaignLock
from omni_bulk.sink import ResultsFile, open_results

from .kit import FROM, TEXT, Bench, Clock, number, people, until
from .kit import bench as open_bench

HELLO = Template(TEXT, from_=FROM)


def our_threads() -> set[str]:
    return {thread.name for thread in threading.enumerate() if thread.name.startswith("omni-bulk")}


async def lock_is_free(bench: Bench, campaign_id: str) -> bool:
    with CampaignLock(bench.ledger, campaign_id):
        return True


async def test_a_second_run_of_the_same_campaign_is_told_who_has_it(bench: Bench) -> None:
    async with bench.omni() as omni, omni.campaign("october", HELLO), bench.omni() as rival:
        with pytest.raises(Refused) as refused:
            await rival.campaign("october", HELLO).__aenter__()
    said = str(refused.value)
    assert f"pid {os.getpid()} on host {socket.gethostname()} since 20" in said
    assert "'october'" in said
    assert refused.value.exit_code == 4


async def test_lock_wait_waits_for_the_other_run_and_sees_what_it_did(bench: Bench) -> None:
    async with bench.omni() as omni:
        first = omni.campaign("october", HELLO)
        await first.__aenter__()
        waiting = asyncio.create_task(bench.send(people(1, 2), lock_wait=30))
        sent = [result.status async for result in first.send(people(1))]
        await first.__aexit__(None, None, None)
        again = await waiting
    assert sent == ["accepted"]
    assert again.outcomes == {"+accepted": 1, "accepted": 1}


async def test_lock_wait_ends(bench: Bench) -> None:
    slept: list[float] = []
    now = 0.0

    async def sleep(seconds: float) -> None:
        nonlocal now
        slept.append(seconds)
        now += seconds
        await asyncio.sleep(0)

    world = World(clock=lambda: now, sleep=sleep)
    async with bench.omni() as omni, omni.campaign("october", HELLO):
        with pytest.raises(Refused, match="Another run"):
            await bench.send(people(1), lock_wait=0.25, account={"world": world})
    assert slept[:3] == pytest.approx([0.1, 0.1, 0.05])


async def test_whoever_is_cancelled_while_waiting_for_the_lock_does_not_get_it_later(bench: Bench) -> None:
    waits = asyncio.Event()

    async def sleep(_: float) -> None:
        waits.set()
        await asyncio.Event().wait()

    async with bench.omni() as omni, omni.campaign("october", HELLO) as held:
        waiting = asyncio.create_task(bench.send(people(1), lock_wait=30, account={"world": World(sleep=sleep)}))
        await waits.wait()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        held_id = held.id
    assert await lock_is_free(bench, held_id)


async def test_two_campaigns_over_one_account_share_its_token(bench: Bench) -> None:
    async with bench.omni() as omni:

        async def send(name: str) -> list[str]:
            async with omni.campaign(name, HELLO) as campaign:
                return [result.status async for result in campaign.send(people(*range(40)))]

        both = await asyncio.gather(send("october"), send("november"))
    assert list(both) == [["accepted"] * 40] * 2
    assert bench.sandbox.stats()["tokens"] == 1


def another_campaigns_file() -> dict[str, Any]:
    return {"out": "september.jsonl"}


def no_such_log() -> dict[str, Any]:
    return {"already": "nowhere.csv"}


def another_template() -> dict[str, Any]:
    return {"text": "Bye {name}"}


@pytest.mark.parametrize(
    ("opening", "error"),
    [(another_campaigns_file, OutputError), (no_such_log, InputError), (another_template, Refused)],
)
async def test_an_opening_that_fails_leaves_no_lock_and_no_thread(
    bench: Bench, opening: Any, error: type[OmniBulkError]
) -> None:
    await bench.send(people(1), name="september", out="september.jsonl")
    first = await bench.send(people(1))
    with pytest.raises(error) as kept:  # its traceback keeps alive what was not given back
        await bench.send(people(1, 2), **opening())
    assert our_threads() == set()
    assert await lock_is_free(bench, first.id)
    assert kept.value.exit_code in {2, 4}
    assert bench.posts == 2


async def test_an_account_that_cannot_be_opened_leaves_no_thread(bench: Bench) -> None:
    bad = Path("bad.pem")
    bad.write_text("no certificate\n")
    with pytest.raises(SettingsError):
        await bench.omni(ca_file=bad).__aenter__()
    assert our_threads() == set()


async def test_cancelled_twice_while_it_is_closed_an_account_leaves_no_thread(bench: Bench) -> None:
    loop, busy = asyncio.get_running_loop(), threading.Event()
    loop.set_default_executor(ThreadPoolExecutor(1))
    closes = asyncio.Event()

    async def visit() -> None:
        async with bench.omni():
            loop.run_in_executor(None, busy.wait)  # so that the closing of the ledger waits for its turn
            closes.set()

    visiting = asyncio.create_task(visit())
    await closes.wait()
    for _ in range(2):
        await asyncio.sleep(0.01)
        visiting.cancel()
    await asyncio.sleep(0.01)
    busy.set()
    with pytest.raises(asyncio.CancelledError):
        await visiting
    assert our_threads() == set()


async def test_cancelled_while_it_is_opened_an_account_is_closed_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    opening, go = threading.Event(), threading.Event()

    connections: list[sqlite3.Connection] = []

    def late(path: Path, *, create: bool) -> sqlite3.Connection:
        opening.set()
        assert go.wait(5)
        connections.append(open_ledger(path, create=create))
        return connections[0]

    monkeypatch.setattr("omni_bulk.ledger.open_ledger", late)
    entering = asyncio.create_task(bench.omni().__aenter__())
    await asyncio.to_thread(opening.wait)
    entering.cancel()
    await asyncio.sleep(0)
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await entering
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connections[0].execute("SELECT 1")
    assert our_threads() == set()


async def test_cancelled_at_any_moment_an_opening_leaves_no_lock(bench: Bench) -> None:
    """Cancels the opening after 0, 1, 2 … turns of the loop, until one is too late."""
    first = await bench.send(people(1))
    opened = False
    for turns in range(200):
        async with bench.omni() as omni:
            campaign = omni.campaign("october", HELLO)
            opening = asyncio.create_task(campaign.__aenter__())
            for _ in range(turns):
                await asyncio.sleep(0.0005 if turns % 2 else 0)
            opening.cancel()
            await asyncio.wait({opening})
            if opened := not opening.cancelled():
                await campaign.__aexit__(None, None, None)
            assert await lock_is_free(bench, first.id)
            assert omni.account.ledger.failure is None
        if opened:
            break
    assert opened


async def test_outside_its_context_a_campaign_does_nothing(bench: Bench) -> None:
    async with bench.omni() as omni:
        campaign = omni.campaign("october", HELLO)
        with pytest.raises(SettingsError, match="async with"):
            await anext(campaign.send(people(1)))
        async with campaign:
            pass
        with pytest.raises(SettingsError, match="async with"):
            await campaign.run(people(1))
        async with campaign:  # and may be opened again
            assert (await campaign.run(people(1))).exit_code == 0


@pytest.mark.parametrize("usable", [True, False])
async def test_who_is_cancelled_while_the_results_file_is_opened_leaves_none_open(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, usable: bool
) -> None:
    opening, go = threading.Event(), threading.Event()
    opened: list[ResultsFile] = []

    def late(*args: Any, **named: Any) -> ResultsFile:
        opening.set()
        assert go.wait(5)
        if not usable:
            raise OutputError("not this one")
        opened.append(open_results(*args, **named))
        return opened[0]

    monkeypatch.setattr("omni_bulk.projection.open_results", late)
    async with bench.omni() as omni, omni.campaign("october", HELLO) as campaign:
        running = asyncio.create_task(campaign.run(people(1)))
        await asyncio.to_thread(opening.wait)
        assert campaign._sending is not None
        campaign._sending.cancel()  # as the loop does when it ends
        await asyncio.sleep(0)
        go.set()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert [file._descriptor for file in opened] == [-1] * usable


async def test_no_run_begins_while_the_campaign_is_being_closed() -> None:
    async with open_bench(latency_ms=100) as bench, bench.omni() as omni:
        campaign = await omni.campaign("october", HELLO).__aenter__()
        first = asyncio.create_task(campaign.run(people(1)))
        await until(lambda: bench.sandbox._in_flight == 1)
        campaign.leave()
        second = asyncio.create_task(campaign.run(people(2)))  # waits for the first, and hears of its end first
        await asyncio.sleep(0)
        await campaign.__aexit__(None, None, None)
        with pytest.raises(SettingsError, match="async with"):
            await second
        assert (await first).exit_code == 75
        assert set(bench.texts) == {number(1)}


async def test_who_adopts_the_results_of_a_lost_ledger_holds_their_campaign(bench: Bench) -> None:
    await bench.send(people(1))
    bench.ledger = Path("new.db").absolute()
    log = Path("october.results.jsonl")
    async with bench.omni() as omni, omni.campaign("october", HELLO, already=log), bench.omni() as rival:
        with pytest.raises(Refused, match="Another run"):
            await rival.campaign("october", HELLO).__aenter__()


async def test_draining_what_is_not_open_is_nothing(bench: Bench) -> None:
    await bench.omni().drain()


async def test_outside_its_context_an_account_does_nothing(bench: Bench) -> None:
    omni = bench.omni()
    with pytest.raises(SettingsError, match="async with"):
        omni.campaign("october", HELLO)
    with pytest.raises(SettingsError, match="async with"):
        await omni.send(number(1), "x", ref="r", from_=FROM)
    async with omni:
        pass
    with pytest.raises(SettingsError, match="async with"):
        await omni.send(number(1), "x", ref="r", from_=FROM)


@pytest.mark.parametrize("name", ["", "a/b", "a\\b", " a", "a\n", "..", "x" * 121])
async def test_a_name_that_is_no_file_name_is_refused(bench: Bench, name: str) -> None:
    async with bench.omni() as omni:
        with pytest.raises(SettingsError, match="1 to 120 characters"):
            omni.campaign(name, HELLO)


async def test_without_credentials_nothing_is_opened(bench: Bench) -> None:
    omni = bench.omni()
    object.__setattr__(omni.settings, "client_password", None)
    with pytest.raises(SettingsError, match="OMNI_CLIENT_PASSWORD"):
        await omni.__aenter__()
    assert not bench.ledger.exists()


def just_before_the_lock(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], None]) -> None:
    """`happens` once, between the look at the campaign and the taking of its lock."""
    acquire = CampaignLock.acquire

    def late(lock: CampaignLock, wait: float = 0) -> None:
        monkeypatch.setattr(CampaignLock, "acquire", acquire)
        happens()
        lock.acquire(wait)

    monkeypatch.setattr(CampaignLock, "acquire", late)


def change(bench: Bench, sql: str, *values: object) -> None:
    with closing(sqlite3.connect(bench.ledger)) as db, db:
        db.execute(sql, values)


async def test_a_rival_that_takes_up_a_lost_id_moves_the_lock_with_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who found the campaign under its old id must not run beside the one who has it under the new."""
    first = await bench.send(people(1))
    with CampaignLock(bench.ledger, uuid4()) as rival:
        just_before_the_lock(monkeypatch, lambda: change(bench, "UPDATE campaign SET uuid = ?", rival.path.stem))
        with pytest.raises(Refused, match="Another run"):
            await bench.send(people(1, 2))
    assert await lock_is_free(bench, first.id)
    assert bench.posts == 1


async def test_a_ledger_that_vanishes_while_the_lock_is_taken_leaves_no_lock(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await bench.send(people(1))
    async with bench.omni() as omni:
        just_before_the_lock(monkeypatch, bench.ledger.unlink)
        with pytest.raises(LedgerError, match="removed"):
            await omni.campaign("october", HELLO).__aenter__()
    assert await lock_is_free(bench, first.id)


async def test_a_campaign_begun_under_both_client_ids_is_not_moved(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = "https://omni.example"
    await bench.send(people(1), account={"origin": api})
    async with open_bench(client_id="second") as other, other.omni(client_id="second", origin=api) as omni:
        insert = "INSERT INTO campaign (uuid, account, name, created_at) VALUES (?, ?, 'october', 0)"
        just_before_the_lock(monkeypatch, lambda: change(bench, insert, str(uuid4()), omni.account.id))
        with pytest.raises(Refused, match="just begun"):
            await omni.campaign("october", HELLO, same_account=True).__aenter__()
        assert omni.account.ledger.failure is None


async def test_a_removed_ledger_is_an_error_and_no_new_one(bench: Bench) -> None:
    async with bench.omni() as omni:
        bench.ledger.unlink()
        with pytest.raises(LedgerError):
            await omni.campaign("october", HELLO).__aenter__()


async def test_a_job_that_shows_its_clock_is_believed(bench: Bench) -> None:
    clock = Clock.at("2026-11-21T09:00+09:00")
    first = await bench.send(people(1), account={"world": clock.world})
    assert first.completed is None
    again = await bench.send(people(1), account={"world": clock.world}, options=Options())
    assert (again.completed or "").startswith("2026-11-21T09:00")


async def test_after_a_drain_there_are_no_campaigns(bench: Bench) -> None:
    async with bench.omni() as omni:
        campaign = omni.campaign("october", HELLO)
        async with campaign:
            await omni.drain()
            with pytest.raises(Stopped) as stopped:
                await campaign.run(people(1))
            assert (stopped.value.reason, stopped.value.exit_code) == ("drained", 75)
        with pytest.raises(Stopped):
            await campaign.__aenter__()
        with pytest.raises(Stopped):
            omni.campaign("november", HELLO)
    assert bench.posts == 0
