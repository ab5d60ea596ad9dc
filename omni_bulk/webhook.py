"""Reports that are pushed: what one POST proves, and a small server for those who have none to mount it in.

The vendor's next API sends one report a POST, signs the timestamp alone (the body is unsigned), and repeats until it is
answered with the report's msgKey within 5 seconds. Whether v1 signs is not known; so with a secret every POST must be
signed, and without one a report is a hint: it may tell of a delivery, and closes an `unknown` only once the
authenticated inquiry has confirmed it.
"""

import asyncio
import hmac
import logging
from base64 import b64decode
from binascii import Error as NoBase64
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from http import HTTPStatus
from typing import TYPE_CHECKING

import orjson

from omni_bulk.errors import LedgerError, SettingsError, Stopped
from omni_bulk.joining import read_json
from omni_bulk.reports import Collector
from omni_bulk.sentences import said, system

if TYPE_CHECKING:
    from aiohttp import web  # 67 ms of CPU that nobody who only sends should pay

SIGNATURE, TIMESTAMP = "x-ib-signature", "x-ib-timestamp"
TOLERANCE = 300.0  # s by which the signed timestamp may differ from our clock (next API)
ANSWER_BY = 4.5  # s; the sender waits 5
BODY_MAX = 1024 * 1024  # bytes: a report takes 350
BODY_BY = 5.0  # s that a body may take to arrive
ARRAY_MAX = 1_000  # reports of one POST
CONFIRM_EVERY = 30.0  # s between questions about what nobody vouches for
_JSON = "application/json"
logger = logging.getLogger("omni_bulk")


@dataclass(frozen=True, slots=True)
class Receipt:
    """What to answer to a POST of the webhook: an HTTP `status`, and a JSON `body` (bytes) of that `content_type`."""

    status: int
    body: bytes = b"{}"
    content_type: str = _JSON


def is_signed(headers: Mapping[str, str], secret: str, now: float) -> bool:
    """Whether the timestamp is signed with our secret, in hex or base64, and within 5 minutes of `now` (s since 1970)."""
    given = {name.lower(): value for name, value in headers.items()}
    timestamp, signature = given.get(TIMESTAMP, ""), given.get(SIGNATURE, "").strip()
    at = _seconds(timestamp.strip())
    wanted = hmac.new(secret.encode(), timestamp.encode("utf-8", "replace"), sha256).digest()
    good = [hmac.compare_digest(wanted, _bytes(signature, decode)) for decode in (bytes.fromhex, _from_base64)]
    return any(good) and at is not None and abs(now - at) <= TOLERANCE


def _seconds(timestamp: str) -> float | None:
    """Epoch milliseconds, or seconds: no date of this century can be taken for the other."""
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 16):
        return None
    number = int(timestamp)
    return number / 1000 if number > 10**11 else float(number)


def _bytes(text: str, decode: Callable[[str], bytes]) -> bytes:
    with suppress(ValueError, NoBase64):
        return decode(text)
    return b""


def _from_base64(text: str) -> bytes:
    return b64decode(text, validate=True)


async def receive(
    collector: Collector, headers: Mapping[str, str], body: bytes, *, secret: str | None, now: float
) -> Receipt:
    """Takes in one POST, and says what to answer: after the report is on the disk, or with an error that repeats it."""
    if len(body) > BODY_MAX:
        return _refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    if secret is not None and not is_signed(headers, secret, now):
        logger.warning("a pushed report with a wrong signature was refused", extra={"event": "webhook_refused"})
        return _refusal(HTTPStatus.UNAUTHORIZED)
    read = read_json(body)
    given = read if isinstance(read, list) else [read]
    found = [one for one in given if isinstance(one, dict) and one.get("msgKey")]
    if not found or len(found) != len(given) or len(found) > ARRAY_MAX:
        return _refusal(HTTPStatus.BAD_REQUEST)
    storing = asyncio.ensure_future(collector.receive(found, proven=secret is not None))
    try:
        await asyncio.wait_for(asyncio.shield(storing), ANSWER_BY)
    except TimeoutError:  # it is stored all the same; the sender repeats it, and that is a copy
        storing.add_done_callback(_retrieved)
        return _refusal(HTTPStatus.SERVICE_UNAVAILABLE)
    except LedgerError as error:
        logger.error("a pushed report could not be stored: %s", error, extra={"event": "webhook_failed"})  # noqa: TRY400
        return _refusal(HTTPStatus.SERVICE_UNAVAILABLE)
    keys = [{"msgKey": one["msgKey"]} for one in found]
    return Receipt(HTTPStatus.OK, orjson.dumps(keys if isinstance(read, list) else keys[0]))


def _retrieved(done: "asyncio.Future[None]") -> None:
    if not done.cancelled():
        done.exception()


def _refusal(status: HTTPStatus) -> Receipt:
    return Receipt(status, orjson.dumps({"error": status.phrase}))


class WebhookServer:
    """The webhook on an address of this machine, around `receive`. Behind a proxy that speaks TLS, it is for loopback."""

    def __init__(self, collector: Collector, *, secret: str | None, epoch: Callable[[], float]) -> None:
        self._collector = collector
        self._secret = secret
        self._epoch = epoch

    async def serve(self, host: str, port: int, over: asyncio.Event, ready: Callable[[str, int], None]) -> None:
        """Listens until `over`; `ready` gets the address. Raises SettingsError when it cannot listen."""
        from aiohttp import web  # noqa: PLC0415  see above

        server = web.Server(self._answer, access_log=None)
        runner = web.ServerRunner(server, shutdown_timeout=ANSWER_BY)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            await runner.cleanup()
            raise SettingsError(
                said(
                    "the webhook cannot listen on {host}:{port}: {strerror}; give another --webhook HOST:PORT",
                    host=host,
                    port=port,
                    strerror=system(error),
                )
            ) from None
        confirming = asyncio.ensure_future(self._confirm(over))
        try:
            ready(host, int(runner.addresses[0][1]))
            await over.wait()
        finally:
            confirming.cancel()
            await asyncio.gather(confirming, return_exceptions=True)
            await runner.cleanup()

    async def _answer(self, request: "web.BaseRequest") -> "web.Response":
        if request.method != "POST":
            return _response(_refusal(HTTPStatus.METHOD_NOT_ALLOWED))
        body = bytearray()
        try:
            async with asyncio.timeout(BODY_BY):
                while chunk := await request.content.readany():
                    body += chunk
                    if len(body) > BODY_MAX:
                        break
        except TimeoutError:
            receipt = _refusal(HTTPStatus.REQUEST_TIMEOUT)
        else:
            receipt = await receive(
                self._collector, request.headers, bytes(body), secret=self._secret, now=self._epoch()
            )
        response = _response(receipt)
        if receipt.status in {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.REQUEST_ENTITY_TOO_LARGE}:
            response.force_close()  # what is still to come of it is not read
        return response

    async def _confirm(self, over: asyncio.Event) -> None:
        """Asks about hints; trouble with the API is no reason to stop listening."""
        while self._secret is None:
            try:
                await self._collector.confirm()
            except Stopped as stopped:
                logger.warning("pushed reports could not be confirmed: %s", stopped, extra={"event": "unconfirmed"})
            with suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), CONFIRM_EVERY)
                return


def _response(receipt: Receipt) -> "web.Response":
    from aiohttp import web  # noqa: PLC0415  see above

    return web.Response(status=receipt.status, body=receipt.body, content_type=receipt.content_type)
