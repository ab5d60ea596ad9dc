"""The POST of a message on a connection of aiohttp's pool: one write, one read, and proof of what left.

What comes between in ``ClientSession.post`` (session, request and response objects, a task that writes, a timeout
context) is the larger part of a message's price: 210 µs of CPU with it, 65 without, on uvloop; a bare ``session.post``
and ``read`` takes 145. It also hides the one thing that must be known, which is here a line of its own: the moment at
which the request is handed to the transport. Before it nothing has left; from it on nobody can tell.

Rules, each for a trap that was measured on aiohttp 3.14:

- What a server sends on an idle connection is kept by aiohttp and taken for the answer to the next request, and all
  later answers are then one request late. So a connection on which something lies already is not written to. Nothing is
  awaited between that look and the write.
- A server that closes each connection after its answer without saying so cuts the next request on it, and nothing
  proves that it was not taken. After two such cuts each connection is used once.
- There is one deadline around the whole attempt; `sock_read` would start anew at every byte.
- Redirects are not followed, cookies not kept, bodies not decompressed: none of that is here.
"""

import asyncio
import logging
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from weakref import WeakSet

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.streams import StreamReader
from yarl import URL

from omni_bulk.failures import failure_of
from omni_bulk.model import Evidence
from omni_bulk.wire import Answer, Failure

BODY_MAX = 64 * 1024  # bytes of an answer that are read
CONNECT_TIMEOUT = 10.0  # s for TCP and TLS; DNS and the wait for a connection end with the attempt
KEEP_ALIVE = 4.0  # s an idle connection is kept: shorter than what servers and balancers usually allow
CUTS_WINDOW = 500  # requests; two cuts of reused connections within them, and no connection is reused any more
CLOCK_STEP = 0.01  # s; the loop's clock, which ends an attempt, may be so much ahead of ours
logger = logging.getLogger("omni_bulk")


class CutWatch:
    """Counts requests, and those cut on a reused connection before any answer. No I/O.

    One such cut is bad luck: every server closes an idle connection some day. Two among the last `window` requests
    are a habit.
    """

    def __init__(self, window: int = CUTS_WINDOW) -> None:
        self._window = window
        self._ended = 0
        self._last_cut: int | None = None

    def observe(self, *, cut: bool) -> bool:
        """One request has ended. True when its cut is the second among the last `window` requests."""
        self._ended += 1
        if not cut:
            return False
        before, self._last_cut = self._last_cut, self._ended
        return before is not None and self._ended - before < self._window


@dataclass(slots=True)
class _Attempt:
    """What is known of one request so far."""

    handed_over: bool = False
    reused: bool = False
    expired: bool = False
    crowded: bool = False
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    def expire(self, transport: asyncio.WriteTransport) -> None:
        """The time is over: whoever reads the answer is told by the end of the connection."""
        self.expired = True
        transport.abort()


class Posts:
    """The connections for messages to one URL. `timeout` is for a whole attempt, in seconds.

    Made inside the loop; `close` ends it, and with it what is under way.
    """

    def __init__(
        self, url: URL, *, timeout: float, connections: int, tls: ssl.SSLContext | bool, proxy: URL | None = None
    ) -> None:
        self.single_use = False
        self._url = url
        self._timeout = timeout
        self._limits = aiohttp.ClientTimeout(total=None, connect=timeout, sock_connect=CONNECT_TIMEOUT)
        self._limit = connections
        self._tls = tls
        self._proxy = proxy
        # What the connector asks where to connect to; a proxy's credentials are put into requests of its own.
        self._target = aiohttp.ClientRequest("POST", url, loop=asyncio.get_running_loop(), proxy=proxy)
        self._head: tuple[str, bytes] = ("", b"")
        self._used: WeakSet[ResponseHandler] = WeakSet()
        self._cuts = CutWatch()
        self._connector = self._new_connector()
        self._retired: aiohttp.TCPConnector | None = None
        self._closing = False

    async def close(self) -> None:
        """Closes all connections; a request under way fails."""
        self._closing = True
        for connector in (self._connector, self._retired):
            if connector is not None:
                await connector.close()

    async def post(self, body: bytes, authorization: str) -> Answer:
        """One POST: a status and a bounded body, or a failure with what is known of the bytes. Never raises."""
        attempt = _Attempt()
        started = time.monotonic()
        failure: Failure | None = None
        read: bytes | None = None
        try:
            request = b"%b%d\r\n\r\n%b" % (self._head_for(authorization), len(body), body)
            read = await self._exchange(attempt, request, started)
            if read is None:
                failure = Failure.BAD_ANSWER
        except Exception as error:  # noqa: BLE001  total by design, and no exception of aiohttp's goes further
            failure = Failure.TIMEOUT if attempt.expired else failure_of(error)
        self._watch(failure, attempt)
        # What arrived whole is judged; the evidence matters only when something failed.
        evidence = Evidence.MAY_HAVE_LEFT if attempt.handed_over else Evidence.NOTHING_WRITTEN
        elapsed = round((time.monotonic() - started) * 1000)
        return Answer(attempt.status, attempt.headers, read, failure, evidence, elapsed, attempt.crowded)

    async def _exchange(self, attempt: _Attempt, request: bytes, started: float) -> bytes | None:
        """The body of the answer if it fits the bound, None for a longer one: its connection is dropped, not drained."""
        connection = await self._connect(attempt, started)
        try:
            read = await self._talk(connection, attempt, request, started)
        except BaseException:
            connection.close()
            raise
        if read is None:
            connection.close()
        else:
            connection.release()
        return read

    async def _connect(self, attempt: _Attempt, started: float) -> Connection:
        try:
            return await self._connector.connect(self._target, [], self._limits)
        except TimeoutError as error:
            attempt.expired = time.monotonic() - started > self._timeout - CLOCK_STEP
            raise aiohttp.ConnectionTimeoutError from error

    async def _talk(self, connection: Connection, attempt: _Attempt, request: bytes, started: float) -> bytes | None:
        protocol, transport = connection.protocol, connection.transport
        if protocol is None or transport is None or not self._may_use(protocol, transport, attempt):
            raise aiohttp.ClientConnectionResetError("the connection was of no use before anything was written")
        protocol.set_response_params(read_until_eof=True, auto_decompress=False, read_bufsize=BODY_MAX)
        attempt.handed_over = True
        transport.write(request)
        left = self._timeout - (time.monotonic() - started)
        deadline = asyncio.get_running_loop().call_later(left, attempt.expire, transport)
        try:
            message, content = await protocol.read()
            while 100 <= message.code < 200 and message.code != 101:  # interim answers
                message, content = await protocol.read()
            attempt.status, attempt.headers = message.code, message.headers
            return await read_at_most(BODY_MAX, content)
        finally:
            deadline.cancel()
            attempt.crowded = len(protocol) > 0

    def _may_use(self, protocol: ResponseHandler, transport: asyncio.Transport, attempt: _Attempt) -> bool:
        """Whether the connection is open, nothing came on it before we asked, and it may be used (again)."""
        if transport.is_closing() or protocol.should_close:
            return False
        attempt.reused = protocol in self._used
        self._used.add(protocol)
        return not (attempt.reused and self.single_use)

    def _head_for(self, authorization: str) -> bytes:
        """Everything before the length of the body; the same for all messages sent with one token."""
        if self._head[0] != authorization:
            self._head = (authorization, self._make_head(authorization))
        return self._head[1]

    def _make_head(self, authorization: str) -> bytes:
        url = self._url
        proxy = self._proxy if url.scheme == "http" else None  # with TLS it only makes a tunnel
        fields = {
            "Host": str(url.host_port_subcomponent),
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": "omni-bulk",
            "Authorization": authorization,
            "Content-Type": "application/json",
        }
        if proxy is not None and proxy.user is not None:
            fields["Proxy-Authorization"] = aiohttp.encode_basic_auth(proxy.user, proxy.password or "")
        if self.single_use:
            fields["Connection"] = "close"
        if any(ending in value for value in fields.values() for ending in "\r\n\0"):
            raise ValueError("a line break in a header")  # not the value: it may be the token
        lines = (f"{name}: {value}\r\n" for name, value in fields.items())
        where = url.raw_path_qs if proxy is None else str(url)
        return f"POST {where} HTTP/1.1\r\n{''.join(lines)}Content-Length: ".encode()

    # ── the pool ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _new_connector(self) -> aiohttp.TCPConnector:
        if self.single_use:
            return aiohttp.TCPConnector(limit=self._limit, ssl=self._tls, force_close=True)
        return aiohttp.TCPConnector(limit=self._limit, ssl=self._tls, keepalive_timeout=KEEP_ALIVE)

    def _watch(self, failure: Failure | None, attempt: _Attempt) -> None:
        """Looks for the server that closes without saying so. What we cut ourselves by closing does not count."""
        cut = failure is Failure.CONNECTION_LOST and attempt.status is None and attempt.handed_over and attempt.reused
        if self._cuts.observe(cut=cut) and not self.single_use and not self._closing:
            self._use_connections_once()

    def _use_connections_once(self) -> None:
        """For the rest of our life. What is in flight ends on the old pool; its idle connections run out there."""
        self.single_use = True
        self._head = ("", b"")
        self._retired, self._connector = self._connector, self._new_connector()
        logger.warning(
            "the server closes connections without saying so, which leaves messages unknown; "
            "from now on each connection is used for one request",
            extra={"event": "single_use_connections"},
        )


async def read_at_most(most: int, content: StreamReader) -> bytes | None:
    """What follows the head of an answer, None if it is longer."""
    body = bytearray(await content.read(most))  # nearly always the whole of it
    while not content.at_eof() and (chunk := await content.read(most + 1 - len(body))):
        body += chunk
        if len(body) > most:
            return None
    return bytes(body)
