import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import Any, Unpack

import aiohttp
import orjson
import pytest

from omni_bulk.sandbox import FAULTS, Options, Sandbox, serve
from omni_bulk.sandbox.options import DAY, Knobs
from tests.sandbox.kit import MESSAGE

LOGIN = {"X-IB-Client-Id": "sandbox", "X-IB-Client-Passwd": "sandbox", "Accept": "application/json"}


class Client:
    """A plain client of the API, without any care of its own."""

    def __init__(self, session: aiohttp.ClientSession, sandbox: Sandbox) -> None:
        self.session = session
        self.sandbox = sandbox
        self.headers: dict[str, str] = {}

    async def ask(self, method: str, path: str, **more: Any) -> tuple[int, Any]:
        options = {"headers": self.headers, "allow_redirects": False, **more}
        async with self.session.request(method, self.sandbox.url + path, **options) as response:
            assert response.content_type == "application/json"
            return response.status, orjson.loads(await response.read())

    async def log_in(self) -> None:
        _, answered = await self.ask("POST", "/v1/auth/token", headers=LOGIN)
        self.headers = {"Authorization": f"{answered['data']['schema']} {answered['data']['token']}"}

    async def post(self, **changes: Any) -> tuple[int, Any]:
        return await self.ask("POST", "/v1/send/international", json={**MESSAGE, **changes})


@asynccontextmanager
async def connected(**knobs: Unpack[Knobs]) -> AsyncIterator[Client]:
    async with Sandbox(Options(seed=1, tps=None), **knobs) as sandbox, aiohttp.ClientSession() as session:
        client = Client(session, sandbox)
        await client.log_in()
        yield client


async def raw(sandbox: Sandbox, request: bytes) -> bytes:
    """What comes back on the wire until the connection ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", sandbox.port)
    writer.write(request)
    try:
        return await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()


# the API


async def test_a_whole_round_in_the_shapes_of_the_guide() -> None:
    async with connected() as client:
        status, token = await client.ask("POST", "/v1/auth/token", headers=LOGIN)
        assert status == 200
        assert set(token["data"]) == {"schema", "token", "expired"}
        assert datetime.fromisoformat(token["data"]["expired"]).utcoffset() is not None

        status, sent = await client.post()
        assert status == 200
        assert sent == {"code": "A000", "result": "Success", "msgKey": sent["msgKey"], "ref": "r1"}

        status, polled = await client.ask("GET", "/v1/report/polling")
        assert status == 200
        assert [report["msgKey"] for report in polled["data"]["report"]] == [sent["msgKey"]]

        _, found = await client.ask("GET", f"/v1/report/inquiry/{sent['msgKey']}")
        assert found["data"]["report"] == polled["data"]["report"]

        path = f"/v1/report/polling/{polled['data']['reportId']}"
        assert await client.ask("DELETE", path) == (200, {"code": "A000", "result": "Success"})
        assert (await client.ask("DELETE", path))[0] == 403
        _, empty = await client.ask("GET", "/v1/report/polling")
        assert empty["data"] == {"reportId": "", "report": None}


async def test_refusals_are_json_with_a_code() -> None:
    async with connected() as client:
        assert await client.post(to="1") == (400, {"code": "A306", "result": "Invalid to"})
        status, wrong = await client.ask("POST", "/v1/auth/token", headers={**LOGIN, "X-IB-Client-Passwd": "no"})
        assert (status, wrong["code"]) == (401, "A100")
        status, none = await client.ask("GET", "/v1/report/polling", headers={})
        assert (status, none["code"]) == (403, "A002")
        status, broken = await client.ask("POST", "/v1/send/international", data=b"{")
        assert (status, broken["code"]) == (400, "A010")


async def test_over_the_rate_carries_retry_after_when_set() -> None:
    async with connected(tps=1, capacity=1, retry_after="3") as client:
        assert (await client.post())[0] == 200
        url = client.sandbox.url + "/v1/send/international"
        async with client.session.post(url, json=MESSAGE, headers=client.headers) as response:
            assert (response.status, response.headers["Retry-After"]) == (429, "3")
            assert (await response.json())["code"] == "A020"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/v1/send/sms", 404),
        ("GET", "/v1/send/international", 405),
        ("PUT", "/v1/report/polling", 405),
        ("POST", "/v1/report/inquiry/x", 405),
        ("POST", "/sandbox/stats", 405),
    ],
)
async def test_other_paths_and_methods_get_no_omni_body(method: str, path: str, status: int) -> None:
    async with Sandbox() as sandbox, aiohttp.request(method, sandbox.url + path) as response:
        assert response.status == status
        assert response.content_type == "text/plain"


async def test_it_listens_on_loopback_and_says_where() -> None:
    async with Sandbox() as sandbox:
        assert sandbox.port > 0
        assert sandbox.url == f"http://127.0.0.1:{sandbox.port}"
        assert sandbox._runner is not None
        assert [address[0] for address in sandbox._runner.addresses] == ["127.0.0.1"]


async def test_a_port_that_is_taken_is_an_os_error_and_leaves_nothing_behind(tmp_path: Path) -> None:
    async with Sandbox() as first:
        second = Sandbox(port=first.port, log=tmp_path / "log.jsonl")
        with pytest.raises(OSError, match="address already in use"):
            await second.start()
        assert second._log is None
        assert second._runner is None


async def test_knobs_are_checked_before_anything_listens() -> None:
    with pytest.raises(ValueError, match="bucket, fixed, sliding"):
        Sandbox(limiter="leaky")  # type: ignore[arg-type]


# what the sandbox tells of itself


async def test_messages_can_be_listed_filtered_and_read_by_line() -> None:
    async with connected() as client:
        for ref in ("a", "b", "a"):
            await client.post(ref=ref)
        _, listed = await client.ask("GET", "/sandbox/messages", headers={})
        assert [message["ref"] for message in listed] == ["a", "b", "a"]
        assert set(listed[0]) == {"msgKey", "ref", "to", "from", "text", "time"}
        _, filtered = await client.ask("GET", "/sandbox/messages", params={"ref": "a"})
        assert filtered == [listed[0], listed[2]]
        async with client.session.get(client.sandbox.url + "/sandbox/messages?format=jsonl&ref=b") as response:
            assert response.content_type == "application/x-ndjson"
            assert [orjson.loads(line) for line in (await response.read()).splitlines()] == [listed[1]]
        assert [message.ref for message in client.sandbox.messages] == ["a", "b", "a"]


async def test_stats_over_http_are_those_of_the_object() -> None:
    async with connected() as client:
        await client.post()
        await client.post()
        await client.post(to="1")
        _, stats = await client.ask("GET", "/sandbox/stats")
        assert stats == client.sandbox.stats()
        assert (stats["posts"], stats["taken"], stats["doubles"], stats["tokens"]) == (3, 2, 1, 1)
        assert stats["codes"] == {"A000": 2, "A306": 1}
        assert stats["maxInFlight"] == 1


async def test_posts_at_once_are_seen_and_latency_passes() -> None:
    async with connected(latency_ms=40) as client:
        started = monotonic()
        await asyncio.gather(*(client.post(ref=f"r{number}") for number in range(7)))
        assert monotonic() - started >= 0.04
        assert client.sandbox.stats()["maxInFlight"] == 7


async def test_a_message_is_taken_in_the_middle_of_the_latency() -> None:
    async with connected(latency_ms=20) as client:
        started = client.sandbox._clock()
        await client.post()
        ended = client.sandbox._clock()
        taken = client.sandbox.messages[0].time
        assert taken - started >= 0.009
        assert ended - taken >= 0.009


async def test_the_log_has_each_message_before_its_answer_and_keeps_what_was_there(tmp_path: Path) -> None:
    log = tmp_path / "taken.jsonl"
    log.write_bytes(b'{"earlier":1}\n')
    async with connected(log=log) as client:
        client.sandbox.fail_next("hang_after")
        hanging = asyncio.create_task(client.post(ref="hangs"))
        while not client.sandbox.messages:
            await asyncio.sleep(0)
        assert not hanging.done()
        await client.post(ref="answered")
        await client.post(to="1")
        lines = [orjson.loads(line) for line in log.read_bytes().splitlines()]
        assert lines[0] == {"earlier": 1}
        assert lines[1:] == [message.as_json() for message in client.sandbox.messages]
        assert [line["ref"] for line in lines[1:]] == ["hangs", "answered"]
        await client.sandbox.close()
        with pytest.raises(aiohttp.ClientError):
            await hanging


async def test_the_clock_can_be_moved_to_expire_a_token() -> None:
    async with connected() as client:
        client.sandbox.advance(DAY)
        assert (await client.post())[1]["code"] == "A001"
        await client.log_in()
        assert (await client.post())[1]["code"] == "A000"


async def test_a_client_that_asks_before_its_body_is_told_to_go_on() -> None:
    async with connected() as client:
        body = orjson.dumps(MESSAGE)
        reader, writer = await asyncio.open_connection("127.0.0.1", client.sandbox.port)
        head = (
            "POST /v1/send/international HTTP/1.1\r\nHost: x\r\nConnection: close\r\nExpect: 100-continue\r\n"
            f"Authorization: {client.headers['Authorization']}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode())
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(body)
        assert b'"A000"' in await reader.read()
        writer.close()
        await writer.wait_closed()


# faults on the wire

CUT = [kind for kind, fault in FAULTS.items() if fault.wire == "cut"]
HANG = [kind for kind, fault in FAULTS.items() if fault.wire == "hang"]
TOLD = [kind for kind, fault in FAULTS.items() if fault.code is not None]


@pytest.mark.parametrize("kind", CUT)
async def test_a_cut_connection_ends_without_a_byte(kind: str) -> None:
    async with connected() as client:
        client.sandbox.fail_next(kind)
        with pytest.raises(aiohttp.ClientConnectionError):
            await client.post()
        assert len(client.sandbox.messages) == FAULTS[kind].taken
        assert client.sandbox.state.ambiguous_refs == ["r1"]
        assert (await client.post(ref="r2"))[0] == 200


@pytest.mark.parametrize("kind", HANG)
async def test_a_hanging_post_is_never_answered_and_does_not_hold_up_closing(kind: str) -> None:
    async with connected() as client:
        client.sandbox.fail_next(kind)
        hanging = asyncio.create_task(client.post())
        while not client.sandbox.faults.counts:
            await asyncio.sleep(0)
        assert len(client.sandbox.messages) == FAULTS[kind].taken
        assert (await client.post(ref="r2"))[0] == 200
        assert not hanging.done()
        started = monotonic()
        await client.sandbox.close()
        assert monotonic() - started < 2
        with pytest.raises(aiohttp.ClientError):
            await hanging


async def test_a_hanging_post_whose_client_left_does_no_harm() -> None:
    async with connected() as client:
        client.sandbox.fail_next("hang_after")
        with pytest.raises(TimeoutError):
            await client.ask("POST", "/v1/send/international", json=MESSAGE, timeout=aiohttp.ClientTimeout(total=0.05))
        assert [message.ref for message in client.sandbox.messages] == ["r1"]


async def test_a_cut_body_is_shorter_than_its_length() -> None:
    async with connected() as client:
        client.sandbox.fail_next("cut_body")
        with pytest.raises(aiohttp.ClientPayloadError):
            await client.post()
        assert len(client.sandbox.messages) == 1

        client.sandbox.fail_next("cut_body")
        body = orjson.dumps(MESSAGE)
        head = (
            "POST /v1/send/international HTTP/1.1\r\nHost: x\r\n"
            f"Authorization: {client.headers['Authorization']}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        answered = await raw(client.sandbox, head.encode() + body)
        top, _, rest = answered.partition(b"\r\n\r\n")
        length = int(top.rpartition(b": ")[2])
        assert 0 < len(rest) < length
        assert rest.startswith(b'{"code":"A000"')


@pytest.mark.parametrize("kind", TOLD)
async def test_a_fault_with_a_code_is_json_with_its_status(kind: str) -> None:
    async with connected() as client:
        client.sandbox.fail_next(kind)
        status, answered = await client.post()
        assert (status, answered["code"]) == (FAULTS[kind].status, FAULTS[kind].code)
        assert len(client.sandbox.messages) == FAULTS[kind].taken


@pytest.mark.parametrize(
    ("kind", "status", "content_type"),
    [
        ("html502", 502, "text/html"),
        ("html429", 429, "text/html"),
        ("html403", 403, "text/html"),
        ("not_json", 200, "application/json"),
    ],
)
async def test_a_fault_with_a_body_of_its_own_is_no_json(kind: str, status: int, content_type: str) -> None:
    async with connected() as client:
        client.sandbox.fail_next(kind)
        url = client.sandbox.url + "/v1/send/international"
        async with client.session.post(url, json=MESSAGE, headers=client.headers) as response:
            assert (response.status, response.content_type) == (status, content_type)
            with pytest.raises(ValueError):
                orjson.loads(await response.read())


async def test_a_slow_answer_is_an_answer() -> None:
    async with connected(slow_ms=30) as client:
        client.sandbox.fail_next("slow")
        started = monotonic()
        assert (await client.post())[1]["code"] == "A000"
        assert monotonic() - started >= 0.03


async def test_faults_can_strike_the_other_places_too() -> None:
    async with connected(retry_after="9") as client:
        sandbox = client.sandbox
        sandbox.fail_next("a020", on="token")
        assert (await client.ask("POST", "/v1/auth/token", headers=LOGIN))[0] == 429
        assert sandbox.stats()["tokens"] == 1

        await client.post()
        sandbox.fail_next("a920", on="poll")
        assert (await client.ask("GET", "/v1/report/polling"))[0] == 503
        _, polled = await client.ask("GET", "/v1/report/polling")

        sandbox.fail_next("a999_taken", on="ack")
        path = f"/v1/report/polling/{polled['data']['reportId']}"
        assert (await client.ask("DELETE", path))[0] == 500
        assert (await client.ask("DELETE", path))[1]["code"] == "A802"

        sandbox.fail_next("drop_before", on="inquiry", times=2)  # aiohttp asks again by itself, once
        with pytest.raises(aiohttp.ClientConnectionError):
            await client.ask("GET", "/v1/report/inquiry/x")
        assert sandbox.stats()["ambiguous"] == 0  # that is about posts


async def test_a_share_of_faults_is_counted_exactly() -> None:
    async with connected(faults={"a999": 0.2, "a999_taken": 0.2, "a020": 0.2}) as client:
        codes = [(await client.post(ref=f"r{number}"))[1]["code"] for number in range(100)]
        stats = client.sandbox.stats()
        assert stats["ambiguous"] == codes.count("A999") > 0
        assert stats["faults"]["a020"] == codes.count("A020") > 0
        assert stats["taken"] == codes.count("A000") + stats["ambiguousTaken"]
        assert stats["faults"]["a999_taken"] == stats["ambiguousTaken"] > 0


# starting and ending


async def test_closing_is_quick_with_idle_connections_and_leaves_no_task() -> None:
    before = asyncio.all_tasks()
    async with aiohttp.ClientSession() as session:
        async with Sandbox(latency_ms=60_000) as sandbox:
            client = Client(session, sandbox)
            await client.log_in()
            waiting = asyncio.create_task(client.post())
            while not sandbox.stats()["maxInFlight"]:
                await asyncio.sleep(0)
            started = monotonic()
        assert monotonic() - started < 2
        with pytest.raises(aiohttp.ClientError):
            await waiting
        assert sandbox.messages == []
        await sandbox.close()  # once more does nothing
    assert asyncio.all_tasks() == before


async def test_a_client_that_leaves_in_the_middle_of_its_body_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        async with Sandbox() as sandbox:
            with closing(socket.create_connection(("127.0.0.1", sandbox.port))) as half:
                half.sendall(b"POST /v1/send/international HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
                while not sandbox._in_flight:
                    await asyncio.sleep(0)
            while sandbox._in_flight:
                await asyncio.sleep(0)
            assert sandbox.stats()["posts"] == 0
    assert caplog.records == []


async def test_a_client_that_left_before_its_fault_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        async with connected(latency_ms=60) as client:
            client.sandbox.fail_next("drop_after")
            with pytest.raises(TimeoutError):
                await client.ask(
                    "POST", "/v1/send/international", json=MESSAGE, timeout=aiohttp.ClientTimeout(total=0.02)
                )
            while client.sandbox._in_flight:
                await asyncio.sleep(0.001)
            assert [message.ref for message in client.sandbox.messages] == ["r1"]
    assert caplog.records == []


async def test_serve_runs_until_cancelled_and_calls_ready() -> None:
    started: asyncio.Queue[Sandbox] = asyncio.Queue()
    task = asyncio.create_task(serve(Options(), ready=started.put))
    sandbox = await started.get()
    async with aiohttp.request("GET", sandbox.url + "/sandbox/stats") as response:
        assert response.status == 200
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(aiohttp.ClientConnectorError):
        async with aiohttp.request("GET", sandbox.url + "/sandbox/stats"):
            pass


@pytest.mark.parametrize("with_ready", [True, False])
async def test_serve_takes_a_plain_function_or_none_as_ready(with_ready: bool) -> None:
    ports: list[int] = []

    def ready(sandbox: Sandbox) -> None:
        ports.append(sandbox.port)

    task = asyncio.create_task(serve(Options(), ready=ready if with_ready else None))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(task, 0.05)
    assert len(ports) == with_ready
