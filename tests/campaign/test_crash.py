"""A run that died: what it had claimed is `unknown`, with its line before anything is posted, and stays unsent."""

import os
import signal
from pathlib import Path

import pytest

from omni_bulk.ledger import Ledger
from omni_bulk.ledger.book import claim

from .kit import Bench, Clock, lines, number, people, seqs_are_gapless, until
from .kit import bench as open_bench

OUT = Path("october.results.jsonl")


async def test_an_open_claim_becomes_unknown_with_the_time_of_the_claim_before_any_post(bench: Bench) -> None:
    async with bench.omni(from_="0212345678") as omni, omni.campaign("october", None) as campaign:
        await campaign.run(people(1, 2, 3, text="hi"), limit=0)
        ledger = omni.account.ledger
        await ledger.write(lambda tx: tx.db.execute("UPDATE message SET state = 0").rowcount)
        with ledger.reading() as db:
            messages = [row[0] for row in db.execute("SELECT id FROM message ORDER BY row LIMIT 2")]
        at = Clock.at("2026-11-20T10:00:00+09:00").now
        await ledger.write(lambda tx: claim(tx, messages, round(at * 1000)))
    before = bench.posts
    async with bench.omni(from_="0212345678") as omni, omni.campaign("october", None) as campaign:
        assert "2 messages were in doubt" in campaign.notes[0]
        told = lines(OUT)
        assert [(line["status"], line["reason"], line["sentAt"], line["attempts"]) for line in told] == [
            ("unknown", "interrupted", "2026-11-20T10:00:00.000+09:00", 1)
        ] * 2
        assert bench.posts == before
        results = [result async for result in campaign.send(people(1, 2, 3, text="hi"))]
    assert sorted(result.status for result in results) == ["accepted", "unknown", "unknown"]
    assert set(bench.texts) == {number(3)}
    assert campaign.summary is not None
    assert campaign.summary.exit_code == 3
    assert seqs_are_gapless(OUT)


CHILD = """
    import asyncio, json, sys
    from omni_bulk import Omni, Settings, Template

    async def main():
        given = json.loads(sys.argv[1])
        async with Omni(Settings(**given["settings"])) as omni:
            template = Template("Hello {name}", from_="0212345678")
            async with omni.campaign("october", template) as campaign:
                async for result in campaign.send(given["rows"]):
                    pass

    asyncio.run(main())
"""


@pytest.mark.skipif(os.name != "posix", reason="kill -9")
async def test_after_kill_9_nobody_gets_two_and_nobody_is_forgotten() -> None:
    rows = people(*range(120))
    async with open_bench(latency_ms=20) as bench:
        for wanted in (10, 30, 50):
            with bench.start(CHILD, rows=rows) as child:
                await until(lambda: len(bench.sandbox.messages) >= wanted, patience=30)  # noqa: B023
                os.kill(child.pid, signal.SIGKILL)
        await until(lambda: bench.sandbox._in_flight == 0)
        last = await bench.send(rows)
        assert len(last.results) == len(rows)
        assert bench.sandbox.stats()["doubles"] == 0
        assert bench.nobody_got_two()
        status = {result.to: result.status for result in last.results}
        assert set(status.values()) <= {"accepted", "unknown"}
        assert {to for to, state in status.items() if state == "accepted"} <= set(bench.texts)
        assert set(status) == {row["to"] for row in rows}
        assert seqs_are_gapless(OUT)


async def test_the_ledger_is_closed_after_each_run(bench: Bench) -> None:
    await bench.send(people(1))
    ledger = await Ledger.open(bench.ledger, create=False)
    await ledger.close()
    assert not bench.ledger.with_name("ledger.db-wal").exists()
