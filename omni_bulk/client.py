"""All requests to one origin. Every one ends in an `Answer`; foreign exceptions stop here.

Messages go over `posting`; tokens and reports, which may be asked for again without harm, over an ordinary session of
their own, so that what comes late there never meets a message. Traps that were measured on aiohttp 3.14:

- Redirects are never followed: with them on, the password header goes to the other origin.
- Bodies are read up to a bound and not decompressed; `sock_read` restarts at every byte, so there is one deadline
  around the whole attempt.
- No exception of aiohttp is logged, chained or shown: its ``repr`` can hold the bearer token.
"""

import asyncio
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

import aiohttp
from yarl import URL

from omni_bulk.errors import SettingsError
from omni_bulk.failures import failure_of
from omni_bulk.posting import BODY_MAX, CONNECT_TIMEOUT, KEEP_ALIVE, Posts, read_at_most
from omni_bulk.sentences import said
from omni_bulk.wire import INQUIRY_PATH, POLL_PATH, SEND_PATH, TOKEN_PATH, Answer, Failure

REPORTS_MAX = 8 * 1024 * 1024  # bytes of an answer with reports: 1,000 of them take about 350 kB
_GENUINE = aiohttp.ClientSession._request  # noqa: SLF001  what aioresponses puts its own in place of


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


class Client:
    """Async context manager around the connections. `post_message` and `fetch_token` never raise but for cancellation."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._send_url = URL(endpoint.base_url + SEND_PATH)
        self._tls: ssl.SSLContext | bool = True
        self._posts: Posts | None = None
        self._asking: aiohttp.ClientSession | None = None

    @property
    def single_use(self) -> bool:
        """Whether each connection is used once, because the server keeps cutting those that are used again."""
        return self._posts is not None and self._posts.single_use

    async def __aenter__(self) -> Self:
        endpoint = self._endpoint
        if self._send_url.scheme != "http" or endpoint.proxy is not None or endpoint.ca_file is not None:
            self._tls = tls_context(endpoint.ca_file)  # 28 ms of CPU that a sandbox can do without
        self._posts = Posts(
            self._send_url, timeout=endpoint.timeout, connections=endpoint.connections, tls=self._tls,
            proxy=None if endpoint.proxy is None else URL(endpoint.proxy),
        )  # fmt: skip
        self._asking = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=self._tls, keepalive_timeout=KEEP_ALIVE),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            headers={"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "omni-bulk"},
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._posts is not None and self._asking is not None  # noqa: S101, PT018  entered
        try:
            await self._posts.close()
        finally:
            await self._asking.close()

    async def fetch_token(self) -> Answer:
        """One request of the token endpoint."""
        secrets = {"X-IB-Client-Id": self._endpoint.client_id, "X-IB-Client-Passwd": self._endpoint.password}
        return await self._ask("POST", URL(self._endpoint.base_url + TOKEN_PATH), secrets, most=BODY_MAX)

    async def post_message(self, body: bytes, authorization: str) -> Answer:
        """One POST of one message: a status and a bounded body, or a failure with what is known of the bytes."""
        assert self._posts is not None  # noqa: S101  used inside `async with` only
        if aiohttp.ClientSession._request is not _GENUINE:  # noqa: SLF001
            # Somebody plays the API in their tests. Nothing is known of bytes then.
            headers = {"Authorization": authorization, "Content-Type": "application/json"}
            return await self._ask("POST", self._send_url, headers, body, most=BODY_MAX)
        return await self._posts.post(body, authorization)

    async def poll_reports(self, authorization: str) -> Answer:
        """One GET of the reports that wait."""
        return await self._ask("GET", URL(self._endpoint.base_url + POLL_PATH), {"Authorization": authorization})

    async def ack_reports(self, authorization: str, report_id: str) -> Answer:
        """One DELETE of the batch with this id, which must be fit for a URL. aiohttp itself may repeat it once."""
        return await self._ask("DELETE", self._below(POLL_PATH, report_id), {"Authorization": authorization})

    async def inquire(self, authorization: str, msg_key: str) -> Answer:
        """One GET of every report of one message, up to 30 days back."""
        return await self._ask("GET", self._below(INQUIRY_PATH, msg_key), {"Authorization": authorization})

    def _below(self, path: str, last: str) -> URL:
        """A URL whose last part is `last`, whatever it holds: encoded, so that it stays one part."""
        return URL(f"{self._endpoint.base_url}{path}/{quote(last, safe='')}", encoded=True)

    async def _ask(
        self, method: str, url: URL, headers: Mapping[str, str], content: bytes = b"", *, most: int = REPORTS_MAX
    ) -> Answer:
        """A request that may be repeated without harm, so nobody needs to know what of it left."""
        assert self._asking is not None  # noqa: S101  used inside `async with` only
        started = time.monotonic()
        status: int | None = None
        answer_headers: Mapping[str, str] = {}
        failure: Failure | None = None
        read: bytes | None = None
        try:
            async with (
                asyncio.timeout(self._endpoint.timeout),
                self._asking.request(
                    method, url, data=content or None, headers=headers, allow_redirects=False, proxy=self._endpoint.proxy,
                    skip_auto_headers=("Content-Type",),
                ) as response,
            ):  # fmt: skip
                status, answer_headers = response.status, response.headers
                read = await read_at_most(most, response.content)
                if read is None:
                    response.close()
                    failure = Failure.BAD_ANSWER
        except Exception as error:  # noqa: BLE001  total by design, and no exception of aiohttp's goes further
            failure = failure_of(error)
        elapsed = round((time.monotonic() - started) * 1000)
        return Answer(status, answer_headers, read, failure, latency_ms=elapsed)


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
