import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Unpack

import aiohttp
import orjson
import pytest
from aiohttp import web

from omni_bulk.sandbox import Options, Sandbox, webhook
from omni_bulk.sandbox.options import Knobs
from omni_bulk.sandbox.webhook import signature
from tests.sandbox.kit import MESSAGE

Reply = Callable[[dict[str, str]], web.Response]


def agree(report: dict[str, str]) -> web.Response:
    return web.json_response({"msgKey": report["msgKey"]})


class Receiver:
    """A webhook: it keeps every report and answers each with `replies` in turn, the last one for ever."""

    def __init__(self, replies: list[Reply]) -> None:
        self.replies = replies
        self.reports: asyncio.Queue[dict[str, str]] = asyncio.Queue()
        self.headers: list[dict[str, str]] = []

    async def answer(self, request: web.BaseRequest) -> web.Response:
        report = orjson.loads(await request.read())
        self.headers.append(dict(request.headers))
        await self.reports.put(report)
        return (self.replies.pop(0) if len(self.replies) > 1 else self.replies[0])(report)


@asynccontextmanager
async def pushed(*replies: Reply, **knobs: Unpack[Knobs]) -> AsyncIterator[tuple[Receiver, Sandbox]]:
    receiver = Receiver(list(replies or (agree,)))
    runner = web.ServerRunner(web.Server(receiver.answer), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/reports"
    try:
        async with Sandbox(Options(webhook=url), **knobs) as sandbox:
            yield receiver, sandbox
    finally:
        await runner.cleanup()


async def post(sandbox: Sandbox, ref: str) -> None:
    login = {"X-IB-Client-Id": "sandbox", "X-IB-Client-Passwd": "sandbox"}
    async with aiohttp.ClientSession(sandbox.url) as session:
        async with session.post("/v1/auth/token", headers=login) as response:
            token = orjson.loads(await response.read())["data"]["token"]
        headers = {"Authorization": f"Bearer {token}"}
        async with session.post("/v1/send/international", json={**MESSAGE, "ref": ref}, headers=headers) as response:
            assert response.status == 200


async def settled(sandbox: Sandbox, reports: int) -> dict[str, int]:
    """The counts of the reports, once this many are delivered or given up."""
    while True:
        counts: dict[str, int] = sandbox.stats()["reports"]
        if counts["delivered"] + counts["undelivered"] == reports:
            return counts
        await asyncio.sleep(0.001)


async def test_each_report_is_pushed_in_its_own_post_in_order() -> None:
    async with pushed(dlr=True) as (receiver, sandbox):
        for ref in ("a", "b"):
            await post(sandbox, ref)
        assert (await settled(sandbox, 4))["delivered"] == 4
        got = [receiver.reports.get_nowait() for _ in range(4)]
        assert [report["ref"] for report in got] == ["a", "a", "b", "b"]
        assert [report["msgKey"] for report in got[::2]] == [message.msg_key for message in sandbox.messages]
        assert receiver.headers[0]["Content-Type"] == "application/json"
        assert "X-IB-Signature" not in receiver.headers[0]


BAD: list[Reply] = [
    lambda _: web.Response(status=500),
    lambda _: web.Response(text="ok"),
    lambda _: web.json_response({"msgKey": "another"}),
    lambda _: web.json_response({}),
    lambda _: web.json_response([]),
    lambda _: web.Response(status=302, headers={"Location": "/"}),
]


@pytest.mark.parametrize("bad", BAD)
async def test_a_report_is_pushed_again_until_its_own_key_comes_back(bad: Reply) -> None:
    async with pushed(bad, bad, agree) as (receiver, sandbox):
        await post(sandbox, "a")
        assert (await settled(sandbox, 1))["delivered"] == 1
        assert receiver.reports.qsize() == 3


async def test_after_three_tries_a_report_is_left_to_inquiry_and_the_next_one_goes_on() -> None:
    async with pushed(BAD[0], BAD[0], BAD[0], agree) as (receiver, sandbox):
        await post(sandbox, "a")
        await post(sandbox, "b")
        counts = await settled(sandbox, 2)
        assert (counts["delivered"], counts["undelivered"]) == (1, 1)
        refs = [receiver.reports.get_nowait()["ref"] for _ in range(4)]
        assert refs == ["a", "a", "a", "b"]
        assert b'"ref":"a"' in sandbox.state.reports.inquire(sandbox.messages[0].msg_key).body


async def test_a_webhook_that_nobody_serves_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "PAUSE", 0)
    async with Sandbox() as closed:
        url = closed.url
    async with Sandbox(webhook=url) as sandbox:
        await post(sandbox, "a")
        assert (await settled(sandbox, 1))["undelivered"] == 1


async def test_pushes_are_signed_when_there_is_a_secret() -> None:
    async with pushed(webhook_secret="hush") as (receiver, sandbox):
        await post(sandbox, "a")
        await receiver.reports.get()
        headers = receiver.headers[0]
        assert abs(int(headers["X-IB-Timestamp"]) / 1000 - sandbox.messages[0].time) < 60
        assert headers["X-IB-Signature"] == signature("hush", headers["X-IB-Timestamp"])


def test_the_signature_is_hmac_sha256_in_hex() -> None:
    # the second test case of RFC 4231
    expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert signature("Jefe", "what do ya want for nothing?") == expected


async def test_a_report_is_pushed_when_it_becomes_due() -> None:
    async with pushed(report_delay=0.03) as (receiver, sandbox):
        await post(sandbox, "a")
        assert receiver.reports.empty()
        assert (await receiver.reports.get())["ref"] == "a"


async def test_moving_the_clock_makes_reports_due() -> None:
    async with pushed(report_delay=3600) as (receiver, sandbox):
        await post(sandbox, "a")
        assert receiver.reports.empty()
        sandbox.advance(3600)
        assert (await receiver.reports.get())["ref"] == "a"
