"""A server that costs next to nothing, as a process of its own: ``python -m benchmarks.server CORE [CERT_PEM]``.

It takes every message (A000, a msgKey, the ref echoed) and keeps what a sender cannot fake: which numbers came, when, by
its own clock. It prints its port, and answers ``GET /bench/tally``; ``POST /bench/reset`` forgets. No HTTP library: the
sandbox spends more on a request than a client does, and would be what is measured.
"""

import asyncio
import os
import ssl
import sys
from array import array
from time import monotonic
from typing import cast

import orjson

TOKEN = b"/v1/auth/token"
SEND = b"/v1/send/international"
_TOKEN_BODY = orjson.dumps(
    {"code": "A000", "result": "Success", "data": {"schema": "Bearer", "token": "t" * 40, "expired": "2099-01-01T00:00:00+09:00"}}
)  # fmt: skip


class Tally:
    """What came since the last reset. Times are those of CLOCK_MONOTONIC, which all processes of a machine share."""

    def __init__(self) -> None:
        self.posts = 0
        self.numbers: set[str] = set()
        self.arrivals = array("d")

    def take(self, body: bytes) -> bytes:
        self.arrivals.append(monotonic())
        sent = orjson.loads(body)
        self.numbers.add(sent["to"])
        self.posts += 1
        return orjson.dumps(
            {"code": "A000", "result": "Success", "msgKey": f"BENCH{self.posts:012d}", "ref": sent.get("ref", "")}
        )

    def told(self) -> bytes:
        came = self.arrivals
        return orjson.dumps(
            {
                "posts": self.posts,
                "numbers": len(self.numbers),
                "first": came[0] if came else None,
                "last": came[-1] if came else None,
                "worstSecond": most_within(came, 1.0),
            }
        )


def most_within(times: "array[float]", seconds: float) -> int:
    """The most of these ascending times that lie within any window of this length."""
    most = start = 0
    for end, time in enumerate(times):
        while time - times[start] >= seconds:
            start += 1
        most = max(most, end - start + 1)
    return most


class Connection(asyncio.Protocol):
    """One keep-alive connection of HTTP/1.1 with Content-Length, which is all that our clients speak."""

    def __init__(self, tally: list[Tally]) -> None:
        self._tally = tally
        self._held = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one by behaviour only

    def data_received(self, data: bytes) -> None:
        held = self._held + data if self._held else data
        while (end := held.find(b"\r\n\r\n")) >= 0:
            head = held[:end]
            at = head.lower().find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r", 1)[0]) if at >= 0 else 0
            if len(held) < end + 4 + length:
                break
            answer = self._answer(head.split(b" ", 2)[1], held[end + 4 : end + 4 + length])
            held = held[end + 4 + length :]
            self._transport.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
                % (len(answer), answer)
            )
        self._held = held

    def _answer(self, path: bytes, body: bytes) -> bytes:
        if path == SEND:
            return self._tally[0].take(body)
        if path == TOKEN:
            return _TOKEN_BODY
        if path == b"/bench/reset":
            self._tally[0] = Tally()
        return self._tally[0].told()


async def serve(certificate: str | None) -> None:
    """Until the process is killed, or its stdin is closed: then whoever started it is gone."""
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    loop, tally = asyncio.get_running_loop(), [Tally()]
    server = await loop.create_server(lambda: Connection(tally), "127.0.0.1", 0, ssl=context, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await loop.run_in_executor(None, sys.stdin.buffer.read)


def main() -> None:
    core, certificate = int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None
    if core >= 0:
        os.sched_setaffinity(0, {core})
    try:
        import uvloop  # noqa: PLC0415  the server is as cheap as it can be
    except ImportError:
        asyncio.run(serve(certificate))
    else:
        uvloop.run(serve(certificate))


if __name__ == "__main__":
    main()
