"""The FastAPI sample over HTTP: four workers on one ledger, driven as a shop would drive it, against the sandbox."""

import asyncio
import hmac
import os
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from omni_bulk import read_results
from tests.cli import kit
from tests.cli.kit import Served
from tests.samples.kit import SAMPLES

pytest.importorskip("fastapi", reason="FastAPI is not installed")
pytest.importorskip("uvicorn", reason="uvicorn is not installed")

WORKERS = 4
ORDERS = 40
PEOPLE = 30
SECRET = "told-by-the-vendor"
PATIENCE = 60.0  # s
Answer = tuple[int, Any]


@dataclass(frozen=True)
class Shop:
    """The service, and what it sends to."""

    url: str
    folder: Path
    sandbox: Served

    async def ask(self, method: str, path: str, **options: Any) -> Answer:
        """One request on a connection of its own, so that any of the workers may get it."""
        connector = aiohttp.TCPConnector(force_close=True)
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.request(method, f"{self.url}{path}", **options) as answer,
        ):
            return answer.status, orjson.loads(await answer.read())

    async def tell(self, order: int, text: str = "Your order is on its way.") -> Answer:
        body = {"to": f"+821020000{order:03d}", "text": text}
        return await self.ask("POST", f"/orders/{order}/shipped", json=body)

    def taken(self) -> Counter[str]:
        return Counter(self.sandbox.refs())


@contextmanager
def served(folder: Path, sandbox: Served) -> Iterator[str]:
    """Uvicorn with its workers, all of them ready."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    environment = {
        **os.environ, **sandbox.settings, "OMNI_LEDGER": str(folder / "ledger.db"), "OMNI_WEBHOOK_SECRET": SECRET,
        "SMS_LISTS": str(folder),
    }  # fmt: skip
    words = [
        sys.executable, "-m", "uvicorn", "fastapi_app:app", "--app-dir", str(SAMPLES), "--port", str(port),
        "--workers", str(WORKERS), "--no-access-log",
    ]  # fmt: skip
    with subprocess.Popen(words, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        try:
            said: list[str] = []
            while sum("startup complete" in line for line in said) < WORKERS:
                said.append(server.stderr.readline())
                assert said[-1], "".join(said)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.communicate(timeout=PATIENCE)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("shop")
    rows = "".join(f"+8210300000{person:02d},guest {person}\n" for person in range(PEOPLE))
    (folder / "autumn.csv").write_text(f"to,name\n{rows}")
    (folder / "autumn.txt").write_text("{name}, new leaves.\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)  # where the sandbox keeps its log
        with kit.sandbox() as sandbox, served(folder, sandbox) as url:
            yield Shop(url, folder, sandbox)


async def test_four_workers_tell_each_order_once(shop: Shop) -> None:
    health = await asyncio.gather(*(shop.ask("GET", "/health") for _ in range(60)))
    assert len({body["worker"] for _, body in health}) > 1  # connections do reach several of them
    orders = [order for order in range(ORDERS) for _ in range(4)]
    answers = await asyncio.gather(*map(shop.tell, orders))
    assert {(status, body["status"]) for status, body in answers} == {(200, "accepted")}
    keys = {(order, body["msgKey"]) for order, (_, body) in zip(orders, answers, strict=True)}
    assert len(keys) == ORDERS  # whoever asked was told of the same message
    told = {ref: count for ref, count in shop.taken().items() if ref.startswith("shipped-")}
    assert told == {f"shipped-{order}": 1 for order in range(ORDERS)}
    assert shop.sandbox.stats()["doubles"] == 0


async def test_another_text_for_the_same_order_is_a_conflict(shop: Shop) -> None:
    await shop.tell(900)
    status, body = await shop.tell(900, "Your order is late.")
    assert (status, "ref" in body["detail"]) == (409, True)
    status, body = await shop.ask("POST", "/orders/901/shipped", json={"to": "+8210", "text": "hi"})
    assert (status, body["status"], body["reason"]) == (422, "invalid", "invalid_number")


async def test_a_campaign_goes_on_in_the_background_and_everybody_can_see_how_far(shop: Shop) -> None:
    assert (await shop.ask("GET", "/campaigns/autumn"))[0] == 404
    assert (await shop.ask("POST", "/campaigns/none"))[0] == 404
    begun = await asyncio.gather(*(shop.ask("POST", "/campaigns/autumn") for _ in range(WORKERS)))
    assert {status for status, _ in begun} <= {202, 409}  # it is sent by one of them
    assert 202 in {status for status, _ in begun}
    until = time.monotonic() + PATIENCE
    states: dict[str, int] = {}
    while sum(states.values()) < PEOPLE:
        assert time.monotonic() < until, states
        status, body = await shop.ask("GET", "/campaigns/autumn")
        states = body["states"] if status == 200 else {}
    assert states == {"accepted": PEOPLE}
    refs = {result.ref for result in read_results(shop.folder / "autumn.results.jsonl")}
    assert {count for ref, count in shop.taken().items() if ref in refs} == {1}
    assert len(refs) == PEOPLE


async def test_pushed_reports_are_taken_when_they_are_signed(shop: Shop) -> None:
    _, told = await shop.tell(950)
    report = {"msgKey": told["msgKey"], "ref": "shipped-950", "reportType": "0", "reportCode": "10000", "resCnt": "1"}
    assert (await shop.ask("POST", "/reports", json=report))[0] == 401
    now = str(int(time.time() * 1000))
    signed = {"X-IB-Timestamp": now, "X-IB-Signature": hmac.new(SECRET.encode(), now.encode(), sha256).hexdigest()}
    for _ in range(3):  # a copy, at any worker, is answered like the first
        assert await shop.ask("POST", "/reports", json=report, headers=signed) == (200, {"msgKey": told["msgKey"]})
    explained = kit.run(
        "explain", told["msgKey"], "--ledger", shop.folder / "ledger.db", "--json", env=kit.environment(shop.sandbox)
    )
    assert "10000" in str(explained.json)
