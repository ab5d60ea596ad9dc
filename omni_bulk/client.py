"""One aiohttp session against one origin. Every request ends in an `Answer`; foreign exceptions stop here.

Rules, each for a trap that was measured on aiohttp 3.14:

- Redirects are never followed: with them on, the password header goes to the other origin.
- Bodies are read up to a bound and not decompressed; `sock_read` restarts at every byte, so there is one deadline
  around the whole attempt.
- An exception's class does not tell whether bytes left: ``ServerDisconnectedError`` comes with nothing written and
  after the whole POST. The request body itself notes when aiohttp starts to write it. The upload tracker tells that
  aiohttp got as far as connecting at all; where it did not (a mocked session), nothing is proven.
- What a server sends on an idle connection is kept by aiohttp and taken for the answer to the next request, and all
  later answers are then one request late. So the body refuses a connection on which something lies already.
- A server that closes each connection after its answer without saying so cuts the next request on it, and nothing
  proves that it was not taken. The body notes whether its connection was used before; after two such cuts each
  connection is used once.
- No exception of aiohttp is logged, chained or shown: its ``repr`` can hold the bearer token.
"""

import asyncio
import logging
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote
from weakref import WeakSet

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from aiohttp.client_proto import ResponseHandler
from yarl import URL

from omni_bulk.errors import SettingsError
from omni_bulk.model import Evidence
from omni_bulk.sentences import said
from omni_bulk.wire import INQUIRY_PATH, POLL_PATH, SEND_PATH, TOKEN_PATH, Answer, Failure

BODY_MAX = 64 * 1024  # bytes of an answer that are read
REPORTS_MAX = 8 * 1024 * 1024  # bytes of an answer with reports: 1,000 of them take about 350 kB
CONNECT_TIMEOUT = 10.0  # s for TCP and TLS; DNS and the wait for a connection end with the attempt
KEEP_ALIVE = 4.0  # s an idle connection is kept: shorter than what servers and balancers usually allow
CUTS_WINDOW = 500  # requests; two cuts of reused connections within them, and no connection is reused any more
logger = logging.getLogger("omni_bulk")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where and as whom to talk. `timeout` is for a whole attempt, in seconds."""

    base_url: str
    client_id: str = field(repr=False)
    password: str = field(repr=False)
    timeout: float = 30.0
    connections: int = 64
    proxy: str | None = field(default=None, repr=False)
    ca_file: Path | None = None


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


class Connections:
    """Which connections have carried a request, and whether such may carry another one."""

    def __init__(self) -> None:
        self.single_use = False
        self._used: WeakSet[ResponseHandler] = WeakSet()

    def was_used(self, protocol: ResponseHandler) -> bool:
        """Whether this one has carried a request; from now on it has."""
        if protocol in self._used:
            return True
        self._used.add(protocol)
        return False


class _Body(aiohttp.BytesPayload):
    """A request body that knows whether it was handed to the transport. aiohttp sends headers and body in one write.

    Once `withdrawn` it is never written: what was judged as unwritten stays so.
    """

    handed_over = False
    withdrawn = False
    reused = False
    _protocol: ResponseHandler | None = None

    def __init__(self, value: bytes, connections: Connections) -> None:
        super().__init__(value)
        self._connections = connections

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        if self.withdrawn or not self._may_use(writer.transport):
            raise aiohttp.ClientConnectionResetError("the connection was of no use before anything was written")
        self.handed_over = True
        await super().write_with_length(writer, content_length)

    def _may_use(self, transport: asyncio.BaseTransport | None) -> bool:
        """Whether the connection is open, nothing came on it before we asked, and it may be used (again)."""
        if transport is None or transport.is_closing():
            return False
        protocol = transport.get_protocol()
        if not isinstance(protocol, ResponseHandler):
            return True  # no protocol of aiohttp's: it cannot tell more
        if protocol.should_close:
            return False
        self.reused = self._connections.was_used(protocol)
        if self.reused and self._connections.single_use:
            return False
        self._protocol = protocol
        return True

    @property
    def crowded(self) -> bool:
        """Whether another answer lies behind the one that was read."""
        return self._protocol is not None and len(self._protocol) > 0


class Client:
    """Async context manager around the session. `post_message` and `fetch_token` never raise but for cancellation."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._send_url = URL(endpoint.base_url + SEND_PATH)
        self._token_url = URL(endpoint.base_url + TOKEN_PATH)
        self._connections = Connections()
        self._cuts = CutWatch()
        self._tls: ssl.SSLContext | bool = True
        self._session: aiohttp.ClientSession | None = None
        self._retired: aiohttp.ClientSession | None = None
        self._asking: aiohttp.ClientSession | None = None  # for reports: what is late there never meets a message
        self._closing = False

    @property
    def single_use(self) -> bool:
        """Whether each connection is used once, because the server keeps cutting those that are used again."""
        return self._connections.single_use

    async def __aenter__(self) -> Self:
        endpoint = self._endpoint
        if self._send_url.scheme != "http" or endpoint.proxy is not None or endpoint.ca_file is not None:
            self._tls = tls_context(endpoint.ca_file)  # 28 ms of CPU that a sandbox can do without
        self._session = self._new_session()
        return self

    def _new_session(self) -> aiohttp.ClientSession:
        limit = self._endpoint.connections + 1  # one more for the token
        if self.single_use:
            connector = aiohttp.TCPConnector(limit=limit, ssl=self._tls, force_close=True)
        else:
            connector = aiohttp.TCPConnector(limit=limit, ssl=self._tls, keepalive_timeout=KEEP_ALIVE)
        return aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            headers={"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "omni-bulk"},
        )

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._session is not None  # noqa: S101  entered
        self._closing = True
        try:
            await self._session.close()
        finally:
            for other in (self._retired, self._asking):
                if other is not None:
                    await other.close()

    def _watch(self, failure: Failure | None, status: int | None, body: _Body) -> None:
        """Looks for the server that closes without saying so. What we cut ourselves by closing does not count."""
        cut = failure is Failure.CONNECTION_LOST and status is None and body.handed_over and body.reused
        if self._cuts.observe(cut=cut) and not self.single_use and not self._closing:
            self._use_connections_once()

    def _use_connections_once(self) -> None:
        """For the rest of our life. What is in flight ends on the old session; its idle connections run out there."""
        self._connections.single_use = True
        self._retired, self._session = self._session, self._new_session()
        logger.warning(
            "the server closes connections without saying so, which leaves messages unknown; "
            "from now on each connection is used for one request",
            extra={"event": "single_use_connections"},
        )

    async def fetch_token(self) -> Answer:
        """One request of the token endpoint."""
        secrets = {"X-IB-Client-Id": self._endpoint.client_id, "X-IB-Client-Passwd": self._endpoint.password}
        return await self._request(self._token_url, secrets, b"", no_type=True)

    async def post_message(self, body: bytes, authorization: str) -> Answer:
        """One POST of one message: a status and a bounded body, or a failure with what is known of the bytes."""
        headers = {"Authorization": authorization, "Content-Type": "application/json"}
        return await self._request(self._send_url, headers, body)

    async def poll_reports(self, authorization: str) -> Answer:
        """One GET of the reports that wait."""
        return await self._ask("GET", URL(self._endpoint.base_url + POLL_PATH), authorization)

    async def ack_reports(self, authorization: str, report_id: str) -> Answer:
        """One DELETE of the batch with this id, which must be fit for a URL. aiohttp itself may repeat it once."""
        return await self._ask("DELETE", self._below(POLL_PATH, report_id), authorization)

    async def inquire(self, authorization: str, msg_key: str) -> Answer:
        """One GET of every report of one message, up to 30 days back."""
        return await self._ask("GET", self._below(INQUIRY_PATH, msg_key), authorization)

    def _below(self, path: str, last: str) -> URL:
        """A URL whose last part is `last`, whatever it holds: encoded, so that it stays one part."""
        return URL(f"{self._endpoint.base_url}{path}/{quote(last, safe='')}", encoded=True)

    async def _ask(self, method: str, url: URL, authorization: str) -> Answer:
        """A request that may be repeated without harm, so nobody needs to know what of it left."""
        if self._asking is None:
            self._asking = self._new_session()
        started = time.monotonic()
        status: int | None = None
        answer_headers: Mapping[str, str] = {}
        failure: Failure | None = None
        read: bytes | None = None
        try:
            async with (
                asyncio.timeout(self._endpoint.timeout),
                self._asking.request(
                    method, url, headers={"Authorization": authorization}, allow_redirects=False,
                    proxy=self._endpoint.proxy,
                ) as response,
            ):  # fmt: skip
                status, answer_headers = response.status, response.headers
                read = await _read(response, REPORTS_MAX)
                if read is None:
                    failure = Failure.BAD_ANSWER
        except Exception as error:  # noqa: BLE001  total by design, and no exception of aiohttp's goes further
            failure = failure_of(error)
        elapsed = round((time.monotonic() - started) * 1000)
        return Answer(status, answer_headers, read, failure, latency_ms=elapsed)

    async def _request(self, url: URL, headers: Mapping[str, str], content: bytes, *, no_type: bool = False) -> Answer:
        # Set for the whole session, the headers to skip would make aiohttp copy all headers of every message: 12 µs.
        skip = ("Content-Type",) if no_type else None
        assert self._session is not None  # noqa: S101  used inside `async with` only
        body = _Body(content, self._connections)
        tracker = aiohttp.UploadTracker()
        started = time.monotonic()
        status: int | None = None
        answer_headers: Mapping[str, str] = {}
        failure: Failure | None = None
        read: bytes | None = None
        try:
            async with (
                asyncio.timeout(self._endpoint.timeout),
                self._session.post(
                    url, data=body, headers=headers, allow_redirects=False, proxy=self._endpoint.proxy,
                    upload_tracker=tracker, skip_auto_headers=skip,
                ) as response,
            ):  # fmt: skip
                if tracker.attempts > 0 and not body.handed_over:
                    # It lay on the connection before we asked, so it answers something else.
                    body.withdrawn = True
                    response.close()
                    failure = Failure.CONNECTION_LOST
                else:
                    status, answer_headers = response.status, response.headers
                    read = await _read(response)
                    if read is None:
                        failure = Failure.BAD_ANSWER
        except Exception as error:  # noqa: BLE001  total by design: whatever it is, it is an answer of unknown worth
            failure = failure_of(error)
        finally:
            body.withdrawn = True
        self._watch(failure, status, body)
        # What arrived whole is judged; the evidence matters only when something failed.
        evidence = evidence_of(
            connecting=tracker.attempts > 0, handed_over=body.handed_over, answered=status is not None
        )
        elapsed = round((time.monotonic() - started) * 1000)
        return Answer(status, answer_headers, read, failure, evidence, elapsed, body.crowded)


async def _read(response: aiohttp.ClientResponse, limit: int = BODY_MAX) -> bytes | None:
    """The body if it fits the bound, None for a longer one (the connection is then dropped, not drained)."""
    content = response.content
    body = bytearray(await content.read(limit))  # nearly always the whole of it
    while not content.at_eof() and (chunk := await content.read(limit + 1 - len(body))):
        body += chunk
        if len(body) > limit:
            response.close()
            return None
    return bytes(body)


def evidence_of(*, connecting: bool, handed_over: bool, answered: bool) -> Evidence:
    """Nothing was written only if aiohttp was seen to connect, never began to write, and no answer came."""
    if connecting and not handed_over and not answered:
        return Evidence.NOTHING_WRITTEN
    return Evidence.MAY_HAVE_LEFT


# First match wins, so the order is from the special to the general.
_FAILURES: tuple[tuple[type[BaseException], Failure], ...] = (
    (aiohttp.ClientConnectorCertificateError, Failure.CERTIFICATE),
    (aiohttp.ServerFingerprintMismatch, Failure.CERTIFICATE),
    (aiohttp.ClientConnectorSSLError, Failure.TLS),
    (aiohttp.ClientConnectorDNSError, Failure.DNS),
    (aiohttp.ClientProxyConnectionError, Failure.PROXY),
    (aiohttp.ClientConnectorError, Failure.REFUSED),
    (aiohttp.ConnectionTimeoutError, Failure.CONNECT_TIMEOUT),
    (aiohttp.ServerTimeoutError, Failure.TIMEOUT),
    (TimeoutError, Failure.TIMEOUT),
    (aiohttp.ServerDisconnectedError, Failure.CONNECTION_LOST),
    (aiohttp.ClientOSError, Failure.CONNECTION_LOST),
    (aiohttp.ClientPayloadError, Failure.CONNECTION_LOST),
    (aiohttp.ClientResponseError, Failure.BAD_ANSWER),
    (aiohttp.ClientConnectionError, Failure.CONNECTION_LOST),
    (OSError, Failure.CONNECTION_LOST),
)


def failure_of(error: BaseException) -> Failure:
    """The one mapping of foreign exceptions to ours. What is not listed is an answer that could not be read."""
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return Failure.PROXY_AUTH if error.status == 407 else Failure.PROXY
    for kind, failure in _FAILURES:
        if isinstance(error, kind):
            return failure
    return Failure.BAD_ANSWER


def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """How every connection to the API is verified. Raises SettingsError for a file that holds no certificate."""
    try:
        # Not `create_default_context`: it obeys SSLKEYLOGFILE, and whoever has the keys reads the password.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if ca_file is None:
            context.load_default_certs()
        else:
            context.load_verify_locations(cafile=str(ca_file))
    except (OSError, ssl.SSLError):
        raise SettingsError(
            said("the CA file {ca_file} holds no certificate; give a PEM file with --ca-file", ca_file=ca_file)
        ) from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
