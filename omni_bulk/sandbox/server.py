"""The sandbox over HTTP: aiohttp around `State`. It listens on 127.0.0.1 only and speaks API v1 as the SDKs expect it."""

import asyncio
import math
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from http import HTTPStatus
from random import Random
from types import TracebackType
from typing import Any, Self, Unpack

import orjson
from aiohttp import web

from omni_bulk.sandbox.codes import JSON, Answer
from omni_bulk.sandbox.faults import Fault, Faults, Place
from omni_bulk.sandbox.options import Knobs, Options
from omni_bulk.sandbox.state import State, struck
from omni_bulk.sandbox.taken import Taken
from omni_bulk.sandbox.webhook import Webhook

HOST = "127.0.0.1"
BACKLOG = 1024  # connections the kernel holds for us; a bulk client opens dozens at once
SHUTDOWN = 0.1  # seconds an open request gets to finish when the sandbox closes

_TOKEN = "/v1/auth/token"  # noqa: S105  a path
_SEND = "/v1/send/international"
_POLL = "/v1/report/polling"
_INQUIRY = "/v1/report/inquiry"


class Sandbox:
    """A stand-in for the OMNI API on 127.0.0.1, as an async context manager. Nothing is ever sent.

    ::

        async with Sandbox(faults={"drop_after": 0.01}, seed=7) as sandbox:
            ...  # point the client at sandbox.url; id and password are "sandbox"
            assert sandbox.stats()["doubles"] == 0

    The keyword arguments are the fields of `Options`, checked at once (ValueError). Entering raises OSError when the
    port is taken or the log cannot be opened. `state` is the account itself, for tests that look closer.
    """

    def __init__(self, options: Options | None = None, /, **knobs: Unpack[Knobs]) -> None:
        self.options: Options = replace(options or Options(), **knobs)
        self._skew = time.time() - time.monotonic()
        self.state: State = State(self.options, clock=self._clock, rng=Random(self.options.seed))
        self.port: int = self.options.port
        self._in_flight = self._most_in_flight = 0
        self._half_latency = self.options.latency_ms / 2000
        self._closing = asyncio.Event()
        self._runner: web.ServerRunner | None = None
        self._log: int | None = None
        self._webhook: Webhook | None = None
        self._pushing: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """The base URL, without a slash at its end; with the real port once the sandbox has started."""
        return f"http://{HOST}:{self.port}"

    @property
    def messages(self) -> Sequence[Taken]:
        """What was taken so far, in order."""
        return self.state.messages

    @property
    def faults(self) -> Faults:
        """The faults: `counts` of those that struck, `set` to change a probability on the way."""
        return self.state.faults

    def fail_next(self, kind: str, times: int = 1, *, on: Place = "send") -> None:
        """Let a fault strike the next `times` requests that would otherwise succeed; see `Faults.fail_next`."""
        self.faults.fail_next(kind, times, on=on)

    def stats(self) -> dict[str, Any]:
        """What ``GET /sandbox/stats`` answers: the counts of `State.stats`, and `maxInFlight` posts at one moment."""
        return {**self.state.stats(), "maxInFlight": self._most_in_flight}

    def advance(self, seconds: float) -> None:
        """Move the sandbox's clock forward: tokens expire, reports become due or too old. Nobody waits."""
        self._skew += seconds
        self._wake()

    async def start(self) -> None:
        """Listen. (Entering the context does this.)"""
        if self.options.log is not None:
            self._log = os.open(self.options.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        server = web.Server(self._serve, access_log=None)
        self._runner = web.ServerRunner(server, shutdown_timeout=SHUTDOWN)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, HOST, self.options.port, backlog=BACKLOG).start()
        except OSError:
            await self.close()
            raise
        self.port = self._runner.addresses[0][1]
        if self.options.webhook is not None:
            self._webhook = Webhook(
                self.options.webhook, self.state.reports, clock=self._clock, secret=self.options.webhook_secret
            )
            self._pushing = asyncio.create_task(self._webhook.run())

    async def close(self) -> None:
        """Stop listening, cut what hangs, and leave no task behind. What was taken can still be read. Closing twice is fine."""
        self._closing.set()
        if self._pushing is not None:
            self._pushing.cancel()
            with suppress(asyncio.CancelledError):
                await self._pushing
            self._pushing = None
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        if self._log is not None:
            os.close(self._log)
            self._log = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    def _clock(self) -> float:
        """Epoch seconds that never step back, whatever happens to the wall clock."""
        return time.monotonic() + self._skew

    def _wake(self) -> None:
        if self._webhook is not None:
            self._webhook.wake()

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            if request.path == _SEND and request.method == "POST":
                return await self._send(request)
            return await self._other(request)
        except ConnectionError:
            return web.Response()  # the client left; nobody reads this

    async def _send(self, request: web.BaseRequest) -> web.StreamResponse:
        self._in_flight += 1
        self._most_in_flight = max(self._most_in_flight, self._in_flight)
        try:
            if "Expect" in request.headers and request.transport is not None:
                request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            body = await request.read()
            if self._half_latency:
                await asyncio.sleep(self._half_latency)
            outcome = self.state.post(request.headers.get("Authorization"), body)
            if outcome.message is not None:
                self._record(outcome.message)
            if self._half_latency:
                await asyncio.sleep(self._half_latency)
            return await self._deliver(request, outcome.answer, outcome.fault)
        finally:
            self._in_flight -= 1

    def _record(self, message: Taken) -> None:
        if self._log is not None:
            os.write(self._log, orjson.dumps(message.as_json(), option=orjson.OPT_APPEND_NEWLINE))
        self._wake()

    async def _other(self, request: web.BaseRequest) -> web.StreamResponse:
        method, path, state = request.method, request.path, self.state
        headers = request.headers
        token = headers.get("Authorization")
        folder, _, last = path.rpartition("/")
        match method, path, folder:
            case "POST", "/v1/auth/token", _:
                client, password = headers.get("X-IB-Client-Id"), headers.get("X-IB-Client-Passwd")
                return await self._do(request, "token", lambda: state.token(client, password))
            case "GET", "/v1/report/polling", _:
                return await self._do(request, "poll", lambda: state.poll(token))
            case "DELETE", _, "/v1/report/polling":
                return await self._do(request, "ack", lambda: state.ack(token, last))
            case "GET", _, "/v1/report/inquiry":
                return await self._do(request, "inquiry", lambda: state.inquire(token, last))
            case "GET", "/sandbox/stats", _:
                return web.Response(body=orjson.dumps(self.stats()), content_type=JSON)
            case "GET", "/sandbox/messages", _:
                return self._listed(request)
            case "POST", "/sandbox/advance" | "/sandbox/reports", _:
                return await self._moved(path, request)
        known = path in {_TOKEN, _SEND, _POLL} or folder in {_POLL, _INQUIRY, "/sandbox"}
        status = HTTPStatus.METHOD_NOT_ALLOWED if known else HTTPStatus.NOT_FOUND
        return web.Response(status=status, text=status.phrase)

    async def _moved(self, path: str, request: web.BaseRequest) -> web.Response:
        """``/sandbox/advance`` moves the clock (``{"seconds": 259200}``), ``/sandbox/reports`` queues a report as it is."""
        try:
            given = orjson.loads(await request.read())
        except orjson.JSONDecodeError:
            given = None
        if not isinstance(given, dict):
            return web.Response(status=HTTPStatus.BAD_REQUEST, text="a JSON object is needed\n")
        if path == "/sandbox/reports":
            self.state.reports.push(given)
            self._wake()
            return web.Response(status=HTTPStatus.NO_CONTENT)
        seconds = given.get("seconds")
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds < math.inf:
            return web.Response(
                status=HTTPStatus.BAD_REQUEST, text='the body is {"seconds": N}, and N is not negative\n'
            )
        self.advance(seconds)
        return web.Response(status=HTTPStatus.NO_CONTENT)

    async def _do(self, request: web.BaseRequest, place: Place, act: Callable[[], Answer]) -> web.StreamResponse:
        fault = self.faults.queued(place)
        usual = act() if fault is None or fault.taken else Answer(200, b"")
        return await self._deliver(request, struck(usual, fault, retry_after=self.options.retry_after), fault)

    def _listed(self, request: web.BaseRequest) -> web.Response:
        refs = request.query.getall("ref", [])
        listed = [message.as_json() for message in self.messages if not refs or message.ref in refs]
        if request.query.get("format") == "jsonl":
            lines = b"".join(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE) for line in listed)
            return web.Response(body=lines, content_type="application/x-ndjson")
        return web.Response(body=orjson.dumps(listed), content_type=JSON)

    async def _deliver(self, request: web.BaseRequest, answer: Answer, fault: Fault | None) -> web.StreamResponse:
        match "answer" if fault is None else fault.wire:
            case "hang":
                await self._closing.wait()
                _cut(request)
            case "cut":
                _cut(request)
            case "half":
                _cut(request, answer)
            case "slow":
                await asyncio.sleep(self.options.slow_ms / 1000)
        headers = {} if answer.retry_after is None else {"Retry-After": answer.retry_after}
        return web.Response(body=answer.body, status=answer.status, headers=headers, content_type=answer.content_type)


def _cut(request: web.BaseRequest, answer: Answer | None = None) -> None:
    """Close the connection under the response; first send the head and the first half of `answer`, when given."""
    transport = request.transport
    if transport is None:
        return  # the client was faster
    if answer is None:
        transport.abort()
        return
    head = f"HTTP/1.1 {answer.status} OK\r\nContent-Type: {JSON}\r\nContent-Length: {len(answer.body)}\r\n\r\n"
    transport.write(head.encode() + answer.body[: len(answer.body) // 2])
    transport.close()


async def serve(options: Options, *, ready: Callable[[Sandbox], Awaitable[None] | None] | None = None) -> None:
    """Run a sandbox until this coroutine is cancelled; `ready` is called once it listens, with the sandbox.

    Raises OSError when the port is taken or the log cannot be opened.
    """
    async with Sandbox(options) as sandbox:
        if ready is not None:
            done = ready(sandbox)
            if done is not None:
                await done
        await asyncio.Event().wait()
