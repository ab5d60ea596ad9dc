"""A small campaign against a misbehaving server, through the public API and real sockets, and all that came of it."""

import asyncio
import importlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from omni_bulk import Omni, Recipient, Result, Settings, Stopped, Summary, Template
from omni_bulk.account import World
from tests.faults.server import PATIENCE, FaultServer, Variant

CLIENT_ID = "planted-client"
PASSWORD = "pass+Planted/7q=&word"
PROXY_LOGIN = ("planted-proxy", "proxy-Planted-word")
FROM = "0200000000"
TEXT = "Dear {name}, PlantedText"
MANY = 150  # recipients; more than any row needs
OUT = Path("faults.results.jsonl")
QUIET_TURNS = 20  # of the loop: what has come to this machine by then has been read


def number(place: int) -> str:
    return f"+82100000{place:04d}"


def recipients(size: int) -> list[Recipient]:
    return [Recipient(number(i), i + 1, f"r{i}", fields={"name": f"N{i}"}) for i in range(1, size + 1)]


@dataclass
class Told:
    """What one run told its caller."""

    results: dict[str, Result] = field(default_factory=dict)
    stopped: Stopped | None = None
    summary: Summary | None = None
    notes: list[str] = field(default_factory=list)
    slept: float = 0.0


def settings(server: FaultServer, kind: Variant, *, timeout: float, names: bool = False, workers: int = 1) -> Settings:
    scheme = "https" if kind in {Variant.TLS, Variant.TUNNEL} else "http"
    proxied = kind in {Variant.PROXY, Variant.TUNNEL}
    port = server.trap if proxied else server.port  # behind a proxy, whoever goes there directly is caught
    return Settings(
        client_id=CLIENT_ID,
        client_password=PASSWORD,
        base_url=f"{scheme}://{'localhost' if names else '127.0.0.1'}:{port}",
        proxy=f"http://{':'.join(PROXY_LOGIN)}@127.0.0.1:{server.port}" if proxied else None,
        ca_file=server.certificates.authority,
        ledger=Path("ledger.db"),
        timeout=timeout,
        workers=workers,
        rate=5_000,
    )


def send(
    server: FaultServer, how: Settings, size: int, *, paced: bool = False, uvloop: bool = False, debug: bool = False
) -> Told:
    """`sent` in a loop of its own. In debug mode it talks a lot, and must keep secrets then, too."""
    factory = importlib.import_module("uvloop").new_event_loop if uvloop else None
    with asyncio.Runner(debug=debug, loop_factory=factory) as runner:
        return runner.run(sent(server, how, size, paced=paced))


async def sent(server: FaultServer, how: Settings, size: int, *, paced: bool) -> Told:
    """Runs the campaign (again). Sleeps take no time, but the clock goes on by them, and the server notices."""
    told, skipped = Told(), 0.0

    async def sleep(seconds: float) -> None:
        nonlocal skipped
        skipped += seconds
        server.nap()
        await asyncio.sleep(0)

    world = World(clock=lambda: time.monotonic() + skipped, sleep=sleep, draw=lambda: 0.99)
    recorded = asyncio.Event()
    rows = recipients(size)
    async with (
        Omni(how, world=world) as omni,
        omni.campaign("faults", Template(TEXT, from_=FROM), out=OUT) as campaign,
    ):
        try:
            async for result in campaign.send(one_by_one(rows, server, recorded) if paced else rows):
                told.results[str(result.ref)] = result
                recorded.set()
        except Stopped as stopped:
            told.stopped = stopped
        told.summary, told.notes = campaign.summary, campaign.notes
    told.slept = skipped
    return told


async def one_by_one(rows: list[Recipient], server: FaultServer, recorded: asyncio.Event) -> AsyncIterator[Recipient]:
    """Each row when the one before it is recorded and the server has nothing more to say."""
    for row in rows:
        recorded.clear()
        yield row
        await recorded.wait()
        if server.acts:
            server.settled.set()
            assert await asyncio.to_thread(server.spoken.wait, PATIENCE)
        for _ in range(QUIET_TURNS):
            await asyncio.sleep(0)


def lines() -> dict[str, dict[str, Any]]:
    """The final line of each ref in the results file."""
    written = OUT.read_bytes().splitlines() if OUT.exists() else []
    parsed = [orjson.loads(line) for line in written]
    return {line["ref"]: line for line in parsed}
