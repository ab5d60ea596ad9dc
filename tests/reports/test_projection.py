"""Results files after reports have settled something, with no run at work."""

import logging
from pathlib import Path
from typing import Any

import pytest

from omni_bulk import projection, read_results
from omni_bulk.lock import CampaignLock
from tests.reports.conftest import Opened
from tests.reports.kit import Post, raw_report, rows

LOST = {"faults": {"drop_after": 0.2}}


def unknown_in(post: Post, name: str = "night.results.jsonl") -> int:
    return read_results(post.folder / name).count("unknown")


async def test_the_file_says_what_a_report_has_settled(post: Opened) -> None:
    async with post(**LOST) as here:
        await here.send("night", rows(40))
        before = (here.folder / "night.results.jsonl").read_bytes()
        assert (unknown := unknown_in(here)) > 0
        collector = await here.poll()
        assert collector.counts.settled == unknown
        assert unknown_in(here) == 0
        after = (here.folder / "night.results.jsonl").read_bytes()
        assert after.startswith(before)  # lines are never changed
        seqs = [line["seq"] for line in here.lines("night.results.jsonl")]
        assert seqs == list(range(1, 40 + unknown + 1))


async def test_a_file_that_was_moved_away_is_not_made_again(post: Opened) -> None:
    async with post(**LOST) as here:
        await here.send("night", rows(40))
        (here.folder / "night.results.jsonl").rename(here.folder / "kept.jsonl")
        await here.poll()
        assert not (here.folder / "night.results.jsonl").exists()


async def test_a_campaign_that_a_run_holds_is_left_to_that_run(post: Opened) -> None:
    async with post(**LOST) as here:
        await here.send("night", rows(40))
        unknown = unknown_in(here)
        ((uuid,),) = here.ask("SELECT uuid FROM campaign")
        with CampaignLock(here.ledger, uuid):
            collector = await here.poll()
        assert collector.counts.settled == unknown
        assert unknown_in(here) == unknown
        await here.send("night", rows(40))  # nobody is sent to, and the file is repaired
        assert unknown_in(here) == 0


async def test_a_file_that_is_another_campaigns_by_now_is_told_and_left(
    post: Opened, caplog: pytest.LogCaptureFixture
) -> None:
    async with post(**LOST) as here:
        await here.send("night", rows(40))
        await here.send("other", rows(40, prefix="o"))
        night: Path = here.folder / "night.results.jsonl"
        night.write_bytes((here.folder / "other.results.jsonl").read_bytes())
        with caplog.at_level(logging.WARNING):
            collector = await here.poll()
        assert collector.counts.settled > 0
        assert any(getattr(record, "event", "") == "results_behind" for record in caplog.records)
        assert {line["campaign"] for line in here.lines("night.results.jsonl")} == {"other"}
        assert unknown_in(here, "other.results.jsonl") == 0


async def test_the_ledgers_view_is_the_files(post: Opened) -> None:
    """Every line of the ledger stands in the file, byte for byte."""
    async with post(**LOST) as here:
        await here.send("night", rows(40))
        await here.poll()
        kept = b"".join(bytes(row[0]) for row in here.ask("SELECT json FROM line ORDER BY seq"))
        assert (here.folder / "night.results.jsonl").read_bytes() == kept


async def test_a_file_is_held_against_the_ledger_once_and_again_when_somebody_else_wrote(
    post: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A webhook settles messages one by one, and reading a large campaign's file takes seconds."""
    opened = []
    whole = projection.results_of

    def watched(*given: Any, **more: Any) -> Any:
        opened.append(given)
        return whole(*given, **more)

    async with post(**LOST) as here:
        await here.send("night", rows(40))
        unknown = {line["ref"] for line in here.lines("night.results.jsonl") if line["status"] == "unknown"}
        lost = [message for message in here.box.messages if message.ref in unknown]
        assert len(lost) > 3
        monkeypatch.setattr(projection, "results_of", watched)
        async with here.collector() as collector:
            for number, message in enumerate(lost, start=1):
                if number == 3:
                    with (here.folder / "night.results.jsonl").open("ab") as file:
                        file.write(b"something else\n")
                raw = raw_report(here.box._clock(), msgKey=message.msg_key, ref=message.ref)
                await collector.receive([raw], proven=True)
                assert unknown_in(here) == len(lost) - number
        assert len(opened) == 2
        kept = b"".join(bytes(row[0]) for row in here.ask("SELECT json FROM line ORDER BY seq"))
        assert (here.folder / "night.results.jsonl").read_bytes() == kept
