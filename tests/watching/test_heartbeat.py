"""A heartbeat beats while the loop lives and something moves, and says what the run is doing."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from omni_bulk import Template
from omni_bulk.account import World
from omni_bulk.campaign import Campaign
from omni_bulk.cli import watching
from omni_bulk.cli.watching import STALLED, Watching
from omni_bulk.omni import Omni
from tests.campaign.kit import FROM, TEXT, Bench, bench, people, until
from tests.cli import kit

FILE = Path("heart.json")
TEMPLATE = Template(TEXT, from_=FROM)


@pytest.fixture
async def desk() -> AsyncIterator[Bench]:
    async with bench() as desk:
        yield desk


def beat() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(FILE.read_bytes())
    return found


def watch(omni: Omni, campaign: Campaign) -> Watching:
    return Watching(omni, campaign, heartbeat=FILE, metrics_file=None, metrics=None)


async def test_it_tells_the_states_of_a_run(desk: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "LOOK_EVERY", 0.001)
    seen: list[str] = []
    async with (
        desk.omni() as omni,
        omni.campaign("october", TEMPLATE) as campaign,
        watch(omni, campaign) as watched,
    ):
        assert beat()["state"] == "planning"
        await campaign.run(people(*range(50)), deliver=lambda _: seen.append(watched._state()[0]))
        omni.account.gate.hold("failure_rate", 60.0)
        await until(lambda: beat()["state"] == "paused")
        watched.exit_code = 0
    assert set(seen) == {"sending"}
    last = beat()
    assert (last["state"], last["exit"], last["done"], last["campaign"]) == ("ended", 0, 50, "october")
    assert "+8210" not in FILE.read_text(encoding="utf-8")


async def test_it_stops_when_messages_are_in_hand_and_nothing_moves(desk: Bench) -> None:
    moment = [1000.0]
    desk.sandbox.fail_next("hang_before")
    world = World(clock=lambda: moment[0])
    async with (
        desk.omni(world=world) as omni,
        omni.campaign("october", TEMPLATE) as campaign,
        watch(omni, campaign) as watched,
    ):
        sending = asyncio.create_task(campaign.run(people(1)))
        await until(lambda: omni.account.worker.in_flight == 1)
        assert watched._state() == ("sending", False)
        moment[0] += omni.settings.timeout + STALLED - 1
        assert watched._state() == ("sending", False)
        moment[0] += 2
        assert watched._state() == ("sending", True)
        before = FILE.read_bytes()
        await watched._write_heartbeat()
        assert FILE.read_bytes() == before, "a watchdog would believe that all is well"
        campaign.cancel()
        await sending
        assert watched._state() == ("stopping", False)


def test_from_the_command_line() -> None:
    kit.write_list(5)
    ran = kit.run(
        "list.csv", "--text", "hi {name}", "--from", kit.FROM, "--sandbox", "--heartbeat", FILE,
        "--metrics-file", "m.prom", "--yes",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    assert (beat()["state"], beat()["exit"], beat()["done"]) == ("ended", 0, 5)
    assert b"omni_bulk_exit_code" in Path("m.prom").read_bytes()
