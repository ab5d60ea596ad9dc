"""The plan counts what the run then does, and writes nothing."""

import asyncio
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from omni_bulk import Refused, Result, Source, Template, read_recipients
from omni_bulk.campaign import Options
from omni_bulk.stats import Tally

from .kit import FROM, TEXT, Bench, number, people, write_csv

HELLO = Template(TEXT, from_=FROM)


def listed(rows: list[dict[str, Any]]) -> Source:
    return read_recipients(write_csv(Path("list.csv"), rows))


async def planned(bench: Bench, source: Source, **opening: Any) -> Tally:
    async with bench.omni() as omni, omni.campaign("october", HELLO, recipients=source, **opening) as campaign:
        return await asyncio.to_thread(campaign.plan, source)


async def test_the_plan_is_what_the_run_does(bench: Bench) -> None:
    await bench.send(people(*range(200)))
    rows = [*people(*range(200)), {"to": "12", "name": "x"}, *people(200, 201, 200), {"to": number(1), "name": "other"}]
    plan = await planned(bench, listed(rows))
    assert not bench.ledger.with_name("october.results.jsonl").read_bytes().count(b"duplicate")
    summary = (await bench.send(listed(rows))).summary
    assert plan.read == summary.recipients == 205
    assert plan.ready == summary.posts == 2
    assert plan.handled == summary.already_handled == 200
    assert plan.states + Counter(accepted=plan.ready) == Counter(summary.campaign)
    assert plan.reasons == Counter(summary.reasons)


async def test_the_plan_refuses_what_the_run_would(bench: Bench) -> None:
    await bench.send(people(1, 2))
    with pytest.raises(Refused, match="--changed-text"):
        await planned(bench, listed([{"to": number(1), "name": "other"}]))


async def test_a_plan_makes_no_results_file(bench: Bench) -> None:
    assert (await planned(bench, listed(people(1)))).ready == 1
    assert not Path("october.results.jsonl").exists()


async def test_a_plan_can_be_given_up(bench: Bench) -> None:
    off = threading.Event()
    off.set()
    source = listed(people(1))
    async with bench.omni() as omni, omni.campaign("october", HELLO) as campaign:
        assert campaign.plan(source, off.is_set).read == 0


class Lines:
    """Where results go instead of a file."""

    def __init__(self) -> None:
        self.refs: list[str | None] = []
        self.closed = False

    def append(self, lines: list[tuple[Result, bytes]]) -> None:
        self.refs += [result.ref for result, _ in lines]

    def close(self) -> None:
        self.closed = True


async def test_a_sink_gets_the_lines_of_this_run_and_stays_its_owners(bench: Bench) -> None:
    await bench.send(people(1))
    sink = Lines()
    async with bench.omni() as omni, omni.campaign("october", HELLO, options=Options(sink=sink)) as campaign:
        assert campaign.out is None
        results = [result async for result in campaign.send(people(1, 2))]
    assert sink.refs == [result.ref for result in results if not result.replayed]
    assert not sink.closed


async def test_a_fresh_results_file_begins_anew(bench: Bench) -> None:
    out = Path("mine.jsonl")
    out.write_text("something else\n")
    sent = await bench.send(people(1), options=Options(out=out, fresh=True))
    assert sent.outcomes == {"accepted": 1}
    assert len(out.read_bytes().splitlines()) == 1
