"""Pushes reports to a webhook, one in each POST, as the vendor's next API does."""

import asyncio
import hmac
from collections.abc import Callable
from hashlib import sha256

import aiohttp
import orjson

from omni_bulk.sandbox.codes import JSON
from omni_bulk.sandbox.reports import Report, Reports

TRIES = 3  # POSTs for one report, the first included
TIMEOUT = 5.0  # seconds until a try is given up (next API)
PAUSE = 0.05  # seconds between two tries; a stand-in need not be patient


def signature(secret: str, timestamp: str) -> str:
    """``X-IB-Signature``: HMAC-SHA256 over ``X-IB-Timestamp`` (epoch milliseconds) alone, in hex (next API)."""
    return hmac.new(secret.encode(), timestamp.encode(), sha256).hexdigest()


class Webhook:
    """Takes due reports out of the queue and posts each until it is answered with its own ``msgKey``.

    `wake` must be called when a report may have become due earlier than expected: a message was taken, or the clock
    was moved.
    """

    def __init__(self, url: str, reports: Reports, *, clock: Callable[[], float], secret: str | None) -> None:
        self._url = url
        self._reports = reports
        self._clock = clock
        self._secret = secret
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Look at the queue again."""
        self._woken.set()

    async def run(self) -> None:
        """Push reports until cancelled."""
        timeout = aiohttp.ClientTimeout(total=TIMEOUT)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            while True:
                self._woken.clear()
                report = self._reports.take()
                if report is None:
                    await self._rest(self._reports.seconds_to_next())
                elif await self._push(session, report):
                    self._reports.delivered += 1
                else:
                    self._reports.undelivered += 1

    async def _rest(self, seconds: float | None) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            pass  # the next report is due

    async def _push(self, session: aiohttp.ClientSession, report: Report) -> bool:
        for attempt in range(TRIES):
            if attempt:
                await asyncio.sleep(PAUSE)
            try:
                async with session.post(
                    self._url, data=orjson.dumps(report), headers=self._headers(), allow_redirects=False
                ) as response:
                    if response.status == 200 and orjson.loads(await response.read())["msgKey"] == report["msgKey"]:
                        return True
            except (aiohttp.ClientError, TimeoutError, ValueError, KeyError, TypeError):
                continue
        return False

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": JSON}
        if self._secret is not None:
            timestamp = str(int(self._clock() * 1000))
            headers |= {"X-IB-Timestamp": timestamp, "X-IB-Signature": signature(self._secret, timestamp)}
        return headers
