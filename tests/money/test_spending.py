"""What is spent, and what may be: over a real ledger and the sandbox."""

import sqlite3
from contextlib import closing
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from omni_bulk import Settings, SettingsError, Stopped, Template
from omni_bulk.account import World
from omni_bulk.cost import SLOT, Spent
from omni_bulk.ledger import book, schema
from omni_bulk.ledger.till import spent_by_account, spent_by_campaign
from tests.campaign.kit import FROM, TEXT, Bench, Clock, bench, people

SEOUL_10 = "2026-11-22T10:00:00+09:00"


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("prices.csv").write_text("country,price,currency\nKR,9,KRW\nUS,100,\n", encoding="utf-8")


async def run(here: Bench, rows: Any, *, name: str = "october", world: World | None = None, **how: Any) -> Any:
    settings = {"prices": "prices.csv", **how.pop("account", {})}
    async with here.omni(world=world, **settings) as omni, omni.campaign(name, Template(TEXT, from_=FROM)) as campaign:
        return await campaign.run(rows, **how)


def spent(here: Bench, campaign: str = "october") -> list[Spent]:
    with closing(sqlite3.connect(here.ledger)) as db:
        (found,) = db.execute("SELECT id FROM campaign WHERE name = ?", (campaign,)).fetchone()
        return spent_by_campaign(db, found)


async def test_a_summary_says_what_was_spent() -> None:
    async with bench() as here:
        summary = await run(here, [*people(1, 2), {"to": "+12015550123", "name": "Bob"}])
        assert (summary.cost, summary.currency) == (Decimal(118), "KRW")
        assert summary.countries["US"] == {"messages": 1, "segments": 1, "cost": "100"}
        again = await run(here, people(1, 2))
        assert again.cost == 0


async def test_the_running_check_holds_whatever_the_plan_said() -> None:
    """The list grew after it was planned: the bound is kept all the same, and the next run goes on where it stopped."""
    async with bench() as here:
        stopped = await run(here, people(*range(20)), max_cost=Decimal(50))
        assert stopped.exit_code == 5
        assert stopped.stop_reason == "cost"
        assert "--max-cost 50 KRW is used up (45 KRW spent)" in stopped.stopped
        assert stopped.campaign == {"accepted": 5}
        again = await run(here, people(*range(20)), max_cost=Decimal(50))
        assert again.posts == 0
        assert again.exit_code == 5
        rest = await run(here, people(*range(20)), max_cost=Decimal(180))
        assert rest.exit_code == 0
        assert here.nobody_got_two()
        assert here.posts == 20


async def test_a_country_without_a_price_is_never_sent_to_under_a_bound() -> None:
    async with bench() as here:
        stopped = await run(here, [{"to": "+819012345678", "name": "Aki"}], max_cost=Decimal(50))
        assert (stopped.exit_code, stopped.stop_reason) == (5, "no_price")
        assert here.posts == 0
        free = await run(here, [{"to": "+819012345678", "name": "Aki"}])
        assert free.exit_code == 0
        assert free.cost is None


async def test_what_was_refused_costs_nothing_and_what_is_unknown_does() -> None:
    async with bench(faults={"a020": 0.5}) as here:
        await run(here, people(*range(10)))
        assert spent(here) == [Spent("KR", "", 10)]  # a claim that was taken back, and claimed anew, counts once
        here.sandbox.state.refuse = "A322"
        await run(here, people(*range(10, 15)), max_failure_rate=1.0)
        assert spent(here) == [Spent("KR", "", 10)]
    async with bench(faults={"a999": 1.0}) as here:
        await run(here, people(20), name="november", max_unknown_rate=1.0)
        assert spent(here, "november") == [Spent("KR", "", 1)]


async def test_a_bound_needs_a_price_list() -> None:
    async with bench() as here, here.omni() as omni, omni.campaign("october", Template(TEXT, from_=FROM)) as campaign:
        with pytest.raises(SettingsError, match="needs a price list"):
            await campaign.run(people(1), max_cost=Decimal(1))
        with pytest.raises(SettingsError, match="needs a price list"):
            campaign.spent()


async def test_what_was_sent_before_there_were_prices_counts() -> None:
    async with bench() as here:
        await here.send(people(1, 2, 3))
        stopped = await run(here, people(*range(9)), max_cost=Decimal(40))
        assert stopped.campaign["accepted"] == 4
        async with here.omni(prices="prices.csv") as omni, omni.campaign("october", Template(TEXT, from_=FROM)) as one:
            assert one.spent() == Decimal(36)


# ── budgets ───────────────────────────────────────────────────────────────────────────────────────────────────────


def budget(**amounts: Any) -> dict[str, Any]:
    return {"budget": amounts, "workers": 1}


async def test_a_day_binds_all_campaigns_and_single_messages_until_it_is_over() -> None:
    clock = Clock.at(SEOUL_10)
    async with bench() as here:
        first = await run(here, people(1, 2), name="a", world=clock.world, account=budget(day=30))
        assert first.exit_code == 0
        second = await run(here, people(1, 2, 3), name="b", world=clock.world, account=budget(day=30))
        assert (second.exit_code, second.stop_reason) == (5, "budget")
        assert second.campaign == {"accepted": 1}
        async with here.omni(world=clock.world, prices="prices.csv", budget={"day": 30}) as omni:
            with pytest.raises(Stopped, match="budget for today, 30 KRW, is used up"):
                await omni.send("+821099990001", "x", ref="one", from_=FROM)
        clock.advance(hours=14)  # midnight in Seoul
        third = await run(here, people(1, 2, 3), name="b", world=clock.world, account=budget(day=30))
        assert third.exit_code == 0
        assert here.posts == 5


async def test_a_month_counts_the_days_before() -> None:
    clock = Clock.at(SEOUL_10)
    async with bench() as here:
        await run(here, people(1, 2), name="a", world=clock.world, account=budget(month="27.5"))
        clock.advance(hours=48)
        second = await run(here, people(1, 2), name="b", world=clock.world, account=budget(month="27.5"))
        assert second.campaign == {"accepted": 1}
        assert "budget for this month, 27.5 KRW" in second.stopped
        clock.advance(hours=24 * 9)
        assert (await run(here, people(1, 2), name="b", world=clock.world, account=budget(month="27.5"))).exit_code == 0


async def test_a_budget_sees_what_another_process_spends_meanwhile() -> None:
    """Two on one ledger: together they stay below, though each saw room when it began."""
    async with bench() as here:
        settings: dict[str, Any] = {"prices": "prices.csv", "budget": {"day": 60}}
        async with here.omni(**settings) as one, here.omni(**settings) as other:
            for number in range(3):
                await one.send(f"+82101234000{number}", "x", ref=f"a{number}", from_=FROM)
                await other.send(f"+82101234100{number}", "x", ref=f"b{number}", from_=FROM)
            for omni in (one, other):
                with pytest.raises(Stopped, match="54 KRW spent"):
                    await omni.send("+821012342000", "x", ref=f"{id(omni)}", from_=FROM)
        assert here.posts == 6


async def test_a_month_with_something_that_has_no_price_any_more_is_told() -> None:
    """Nobody knows how much of the budget is left, so nothing is sent until the list says what that cost."""
    clock = Clock.at(SEOUL_10)
    async with bench() as here:
        async with here.omni(world=clock.world) as omni:
            await omni.send("+819012345678", "x", ref="one", from_=FROM)
        for hours in (0, 24):
            clock.advance(hours=hours)
            stopped = await run(here, people(1), world=clock.world, account=budget(month=500))
            assert (stopped.exit_code, stopped.stop_reason) == (5, "no_price")
            assert "JP" in stopped.stopped
        assert (await run(here, people(1), world=clock.world, account=budget(day=500))).exit_code == 0


async def test_a_rolled_back_claim_is_not_counted() -> None:
    """A commit that fails takes what was counted in memory back with it."""
    async with bench() as here, here.omni(prices="prices.csv", budget={"day": 20}) as omni:
        await omni.send("+821012340001", "x", ref="a", from_=FROM)
        ledger = omni.account.ledger

        def fails(tx: Any) -> None:
            with pytest.raises(AssertionError, match="not ready"):
                book.claim(tx, [1], omni.account.world.now(), ledger.bars)
            raise Stopped("the transaction is of no use", reason="test")

        with pytest.raises(Stopped):
            await ledger.write(fails)
        assert (await omni.send("+821012340002", "x", ref="b", from_=FROM)).status == "accepted"


def test_a_budget_in_the_settings() -> None:
    Path("omni-bulk.toml").write_text(
        'tz = "Europe/London"\nprices = "prices.csv"\nbudget = { day = 50.5, month = "1000" }\n', encoding="utf-8"
    )
    found = Settings(tz="Asia/Tokyo").account_budget  # a flag moves no midnight
    assert found is not None
    assert (found.day, found.month, found.tz) == (Decimal("50.5"), Decimal(1000), "Europe/London")
    for wrong in ("{ day = -1 }", "{ week = 3 }", "{}", '{ day = "many" }'):
        Path("omni-bulk.toml").write_text(f"budget = {wrong}\n", encoding="utf-8")
        with pytest.raises(SettingsError, match="must be a table with `day`, `month` or both"):
            Settings()


# ── an older ledger ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_older_ledger_knows_what_it_spent(monkeypatch: pytest.MonkeyPatch) -> None:
    """What stood in a ledger of the first version counts from the moment it is brought forward."""
    at = round(datetime.fromisoformat(SEOUL_10).timestamp() * 1000)
    with monkeypatch.context() as old:
        old.setattr(schema, "_MIGRATIONS", ())
        old.setattr(schema, "VERSION", 1)
        with closing(schema.open_ledger(Path("ledger.db"))) as db:
            db.execute("INSERT INTO account VALUES (1, 'a', 'b')")
            db.execute("INSERT INTO campaign (id, uuid, account, name, created_at) VALUES (1, 'u', 1, 'october', 0)")
            sql = (
                "INSERT INTO message (campaign, identity, state, run, number, country, segments, claimed_at) "
                "VALUES (1, ?, ?, 1, '+8210', 'KR', 2, ?)"
            )
            db.executemany(sql, [(b"a", 2, at), (b"b", 5, at), (b"c", 3, at), (b"d", 0, None), (b"e", 2, at + SLOT)])
    with closing(schema.open_ledger(Path("ledger.db"))) as db:
        assert spent_by_account(db, 1, at // SLOT, at // SLOT + 1) == [Spent("KR", "", 4)]
        assert spent_by_campaign(db, 1) == [Spent("KR", "", 6)]


async def test_a_ledger_that_was_lost_counts_what_it_takes_back() -> None:
    async with bench() as here:
        await here.send(people(1, 2))
        here.ledger.unlink()
        for beside in ("ledger.db-wal", "ledger.db-shm"):
            Path(beside).unlink(missing_ok=True)
        await here.send(people(1, 2, 3), already="october.results.jsonl")
        assert sum(one.segments for one in spent(here)) == 3
        assert here.nobody_got_two()
