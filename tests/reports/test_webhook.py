"""Pushed reports: signed or hints, stored before they are answered, whoever sends what."""

import asyncio
import hmac
import io
from base64 import b64encode
from hashlib import sha256
from typing import Any

import aiohttp
import orjson
import pytest

from omni_bulk.errors import LedgerError, SettingsError
from omni_bulk.model import State
from omni_bulk.reports import Collector
from omni_bulk.testing import Sandbox
from omni_bulk.webhook import BODY_MAX, WebhookServer, is_signed, receive
from tests.reports.conftest import Opened
from tests.reports.kit import Post, raw_report, rows

SECRET = "a shared secret"
NOW = 1_760_000_000.0


def signed(timestamp: str, *, secret: str = SECRET, base64: bool = False) -> dict[str, str]:
    digest = hmac.new(secret.encode(), timestamp.encode(), sha256).digest()
    return {"X-IB-Timestamp": timestamp, "X-IB-Signature": b64encode(digest).decode() if base64 else digest.hex()}


@pytest.mark.parametrize("timestamp", ["1760000000000", "1760000000", "1760000299000", "1759999701000"])
@pytest.mark.parametrize("base64", [True, False])
def test_good_signatures(timestamp: str, base64: bool) -> None:
    headers = signed(timestamp, base64=base64)
    assert is_signed(headers, SECRET, NOW)
    assert is_signed({name.lower(): value for name, value in headers.items()}, SECRET, NOW)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        signed("1760000301000"),
        signed("1759999699000"),
        signed("1760000000000", secret="another"),
        {**signed("1760000000000"), "X-IB-Timestamp": "1760000000001"},
        {**signed("1760000000000"), "X-IB-Signature": ""},
        {**signed("1760000000000"), "X-IB-Signature": "zz"},
        {**signed("1760000000000"), "X-IB-Signature": "é"},
        signed("now"),
        signed("-1760000000000"),
        signed("9" * 40),
    ],
)
def test_bad_signatures(headers: dict[str, str]) -> None:
    assert not is_signed(headers, SECRET, NOW)


async def test_a_signed_report_settles_and_is_on_the_disk_when_it_is_answered(post: Opened) -> None:
    async with post() as here:
        here.box.fail_next("drop_after")
        await here.send("october", rows(1))
        (message,) = here.box.messages
        body = orjson.dumps(raw_report(here.box._clock(), msgKey=message.msg_key, ref=message.ref))
        stamp = str(round(here.box._clock() * 1000))
        async with here.omni(webhook_secret=SECRET) as omni:
            refused = await omni.receive_report({}, body)
            assert refused.status == 401
            assert here.ask("SELECT * FROM report") == []
            receipt = await omni.receive_report(signed(stamp), body)
            assert (receipt.status, orjson.loads(receipt.body)) == (200, {"msgKey": message.msg_key})
            assert here.verdicts() == {"joined": 1}
            assert here.states() == {State.ACCEPTED: 1}
            again = await omni.receive_report(signed(stamp), body)
            assert again.status == 200
        assert here.ask("SELECT collected, duplicates FROM queue") == [(1, 1)]


async def test_without_a_secret_a_report_is_a_hint(post: Opened) -> None:
    async with post() as here:
        here.box.fail_next("drop_after")
        await here.send("october", rows(1))
        (message,) = here.box.messages
        body = orjson.dumps(raw_report(here.box._clock(), msgKey=message.msg_key, ref=message.ref))
        async with here.omni() as omni:
            assert (await omni.receive_report({}, body)).status == 200
        assert here.states() == {State.UNKNOWN: 1}
        assert here.verdicts() == {"hint": 1}


@pytest.mark.parametrize(
    ("body", "status", "answer"),
    [
        ([raw_report(NOW, msgKey="a"), raw_report(NOW, msgKey="b")], 200, [{"msgKey": "a"}, {"msgKey": "b"}]),
        (raw_report(NOW, msgKey=None), 400, None),
        ([raw_report(NOW), 3], 400, None),
        ([], 400, None),
        ("text", 400, None),
        ([raw_report(NOW)] * 1001, 400, None),
    ],
)
async def test_bodies(post: Opened, body: Any, status: int, answer: Any) -> None:
    async with post() as here, here.omni() as omni:
        receipt = await omni.receive_report({}, orjson.dumps(body))
        assert receipt.status == status
        if answer is not None:
            assert orjson.loads(receipt.body) == answer


@pytest.mark.parametrize(("body", "status"), [(b"{", 400), (b" " * (BODY_MAX + 1), 413)])
async def test_raw_bodies(post: Opened, body: bytes, status: int) -> None:
    async with post() as here, here.omni() as omni:
        assert (await omni.receive_report({}, body)).status == status


async def test_what_cannot_be_stored_is_sent_again(post: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    async with post() as here, here.omni() as omni, omni.reports() as collector:
        body = orjson.dumps(raw_report(NOW))

        async def full(found: object, *, proven: bool) -> None:
            raise LedgerError("the ledger could not be written: disk full")

        async def slow(found: object, *, proven: bool) -> None:
            await asyncio.sleep(1)

        monkeypatch.setattr("omni_bulk.webhook.ANSWER_BY", 0.01)
        for receiver in (full, slow):
            monkeypatch.setattr(collector, "receive", receiver)
            receipt = await receive(collector, {}, body, secret=None, now=NOW)
            assert receipt.status == 503


# ── the server ────────────────────────────────────────────────────────────────────────────────────────────────────


class Listening:
    """A webhook server on a free port, around a collector."""

    def __init__(self, collector: Collector, secret: str | None) -> None:
        self._server = WebhookServer(collector, secret=secret, epoch=collector.epoch)
        self._over = asyncio.Event()
        self._ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def __aenter__(self) -> str:
        def ready(host: str, port: int) -> None:
            self._ready.set_result(f"http://{host}:{port}/")

        self._task = asyncio.create_task(self._server.serve("127.0.0.1", 0, self._over, ready))
        return await self._ready

    async def __aexit__(self, *_: object) -> None:
        self._over.set()
        await self._task


async def _pushed(box: Sandbox, count: int) -> None:
    async with asyncio.timeout(10):
        while box.state.reports.delivered + box.state.reports.undelivered < count:
            await asyncio.sleep(0.01)


async def test_the_sandbox_pushes_signed_reports(post: Opened, unused_tcp_port: int) -> None:
    url = f"http://127.0.0.1:{unused_tcp_port}/hook"
    async with post(webhook=url, webhook_secret=SECRET, dlr=True, faults={"drop_after": 0.1}) as here:
        over = asyncio.Event()
        async with here.collector() as collector:
            server = WebhookServer(collector, secret=SECRET, epoch=collector.epoch)
            listening: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            task = asyncio.create_task(
                server.serve("127.0.0.1", unused_tcp_port, over, lambda host, port: listening.set_result(None))
            )
            await listening
            await here.send("october", rows(60))
            await _pushed(here.box, 120)
            async with asyncio.timeout(10):
                while here.states() != {State.ACCEPTED: 60}:
                    await collector.take(())  # what came before its own message was recorded as unknown
            over.set()
            await task
        assert here.box.state.reports.undelivered == 0
        assert here.wrong_keys() == []
        assert here.verdicts() == {"joined": 120}


async def test_a_slow_body_and_a_large_one_are_cut(post: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("omni_bulk.webhook.BODY_BY", 0.05)
    async with post() as here, here.collector() as collector, Listening(collector, None) as url:
        async with aiohttp.ClientSession() as session:
            async with session.get(url) as answer:
                assert answer.status == 405
            async with session.post(url, data=io.BytesIO(b" " * (BODY_MAX + 10))) as answer:
                assert answer.status == 413
        host, port = url.removeprefix("http://").rstrip("/").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        assert (await reader.readline()).split()[1] == b"408"
        writer.close()
        await writer.wait_closed()


async def test_an_address_in_use_is_told(post: Opened) -> None:
    async with post() as here, here.collector() as collector, Listening(collector, None) as url:
        port = int(url.rstrip("/").rpartition(":")[2])
        server = WebhookServer(collector, secret=None, epoch=collector.epoch)
        with pytest.raises(SettingsError, match="cannot listen"):
            await server.serve("127.0.0.1", port, asyncio.Event(), lambda host, port: None)


async def test_hints_are_confirmed_while_it_listens(post: Opened) -> None:
    async with post() as here:
        here.box.fail_next("drop_after")
        await here.send("october", rows(1))
        (message,) = here.box.messages
        async with here.collector() as collector:
            await collector.receive(
                [raw_report(here.box._clock(), msgKey=message.msg_key, ref=message.ref)], proven=False
            )
            async with Listening(collector, None):
                await _settled(here)


async def _settled(here: Post) -> None:
    async with asyncio.timeout(10):
        while here.states() != {State.ACCEPTED: 1}:
            await asyncio.sleep(0.01)
