"""What the client says about a request, over real sockets, on both loops: the answer, or what became of the bytes."""

import asyncio
import base64
import gzip
import logging
import shutil
import ssl
import subprocess
import threading
import time
import traceback
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import aiohttp
import pytest
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aioresponses import aioresponses
from yarl import URL

from omni_bulk import posting
from omni_bulk.client import Client, Endpoint
from omni_bulk.errors import SettingsError
from omni_bulk.failures import failure_of
from omni_bulk.model import Evidence, Kind
from omni_bulk.posting import BODY_MAX, Posts
from omni_bulk.wire import Answer, Failure, classify
from tests.engine.conftest import Run
from tests.engine.peer import ANSWER, Line, Peer, Script, closed_port, full_port, peer

NOTHING, MAYBE = Evidence.NOTHING_WRITTEN, Evidence.MAY_HAVE_LEFT
PASSWORD, BEARER = "s3cr3t-pass", "Bearer s3cr3t-token"
BODY = b'{"ref":"r"}'


def endpoint(url: str, *, timeout: float = 10.0, **more: Any) -> Endpoint:
    return Endpoint(url, "client", PASSWORD, timeout=timeout, **more)


async def post(url: str, *, times: int = 1, **more: Any) -> Answer:
    """The last answer of so many posts over one session."""
    async with Client(endpoint(url, **more)) as client:
        for _ in range(times):
            answer = await client.post_message(BODY, BEARER)
    return answer


def judged(answer: Answer) -> Kind:
    return classify(answer, "r", 0.0).kind


# ── before anything is written ────────────────────────────────────────────────────────────────────────────────────


def test_a_refused_connection_proves_that_nothing_left(run: Run) -> None:
    answer = run(post(f"http://127.0.0.1:{closed_port()}"))
    assert (answer.failure, answer.evidence, judged(answer)) == (Failure.REFUSED, NOTHING, Kind.NOT_SENT)


def test_a_name_that_cannot_be_resolved_proves_that_nothing_left(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def unknown(*_: Any, **__: Any) -> Any:
        raise OSError(-2, "Name or service not known")

    monkeypatch.setattr("aiohttp.connector.DefaultResolver.resolve", unknown)
    answer = run(post("http://nowhere.invalid"))
    assert (answer.failure, answer.evidence, judged(answer)) == (Failure.DNS, NOTHING, Kind.NOT_SENT)


@pytest.mark.parametrize(
    ("connect", "whole", "failure"), [(0.1, 10.0, Failure.CONNECT_TIMEOUT), (10.0, 0.1, Failure.TIMEOUT)]
)
def test_a_connection_that_is_never_made_proves_that_nothing_left(
    run: Run, monkeypatch: pytest.MonkeyPatch, connect: float, whole: float, failure: Failure
) -> None:
    monkeypatch.setattr(posting, "CONNECT_TIMEOUT", connect)
    with full_port() as port:
        answer = run(post(f"http://127.0.0.1:{port}", timeout=whole))
    assert (answer.failure, answer.evidence, judged(answer)) == (failure, NOTHING, Kind.NOT_SENT)


def test_waiting_for_a_connection_proves_that_nothing_left(run: Run) -> None:
    """There is one connection: who comes second waits for it in vain."""

    async def main(server: Peer) -> Answer:
        async with Client(endpoint(server.url, connections=1)) as client:
            first = asyncio.create_task(client.post_message(BODY, BEARER))
            while not server.requests:
                await asyncio.sleep(0.001)
            posts = client._posts
            assert posts is not None
            posts._timeout, posts._limits = 0.1, aiohttp.ClientTimeout(connect=0.1)
            answer = await client.post_message(BODY, BEARER)
            first.cancel()
            await asyncio.gather(first, return_exceptions=True)
            return answer

    with peer(after_request(hang=True)) as server:
        answer = run(main(server))
        assert len(server.requests) == 1
    assert (answer.failure, answer.evidence, judged(answer)) == (Failure.TIMEOUT, NOTHING, Kind.NOT_SENT)


def test_a_server_without_tls_proves_that_nothing_left(run: Run) -> None:
    with peer(lambda line: line.say(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as server:
        answer = run(post(f"https://127.0.0.1:{server.port}"))
    assert (answer.failure, answer.evidence, judged(answer)) == (Failure.TLS, NOTHING, Kind.NOT_SENT)


def test_a_certificate_that_cannot_be_verified_stops_and_sends_nothing(run: Run, tmp_path: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl to make a certificate with")
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    made = (openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate)
    name = ("-days", "1", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1")
    subprocess.run([*made, *name], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    def script(line: Line) -> None:
        line.encrypt(context)
        line.request()
        line.answer()

    with peer(script) as server:
        url = f"https://127.0.0.1:{server.port}"
        refused = run(post(url))
        assert server.requests == []
        trusted = run(post(url, ca_file=certificate))
    assert (refused.failure, refused.evidence) == (Failure.CERTIFICATE, NOTHING)
    verdict = classify(refused, "r", 0.0)
    assert (verdict.kind, verdict.reason) == (Kind.ACCOUNT, "certificate")
    assert judged(trusted) is Kind.ACCEPTED


def test_a_ca_file_without_a_certificate_is_a_setting_that_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")

    async def main(name: str) -> None:
        with pytest.raises(SettingsError, match="holds no certificate"):
            async with Client(endpoint("https://127.0.0.1", ca_file=tmp_path / name)):
                raise AssertionError

    asyncio.run(main("ca.pem"))
    asyncio.run(main("missing.pem"))


@pytest.mark.parametrize(
    ("status", "failure", "kind"),
    [
        ("407 Proxy Authentication Required", Failure.PROXY_AUTH, Kind.ACCOUNT),
        ("502 Bad Gateway", Failure.PROXY, Kind.NOT_SENT),
    ],
)
def test_a_proxy_that_refuses_the_tunnel_proves_that_nothing_left(
    run: Run, status: str, failure: Failure, kind: Kind
) -> None:
    def script(line: Line) -> None:
        line.request()
        line.answer(b"", status=status)

    with peer(script) as proxy:
        answer = run(post("https://127.0.0.1:1", proxy=f"http://user:{PASSWORD}@127.0.0.1:{proxy.port}"))
        assert [request[:7] for request in proxy.requests] == [b"CONNECT"]
        assert BEARER.encode() not in proxy.requests[0]
    assert (answer.failure, answer.evidence, judged(answer)) == (failure, NOTHING, kind)


def test_a_proxy_that_is_not_there_proves_that_nothing_left(run: Run) -> None:
    answer = run(post("https://127.0.0.1:1", proxy=f"http://127.0.0.1:{closed_port()}"))
    assert (answer.failure, answer.evidence) == (Failure.PROXY, NOTHING)


@pytest.mark.parametrize("end", ["close", "abort"])
def test_a_connection_that_closes_just_before_the_write_proves_that_nothing_left(
    run: Run, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    """Between aiohttp's look at the pool and our write there may be turns of the loop."""
    look = Posts._may_use

    def closing(self: Any, protocol: Any, transport: Any, attempt: Any) -> bool:
        getattr(transport, end)()
        return look(self, protocol, transport, attempt)

    monkeypatch.setattr(Posts, "_may_use", closing)
    with peer(answering) as server:
        answer = run(post(server.url))
        assert server.requests == []
    assert (answer.failure, answer.evidence, judged(answer)) == (Failure.CONNECTION_LOST, NOTHING, Kind.NOT_SENT)


# ── after the write ───────────────────────────────────────────────────────────────────────────────────────────────


def answering(line: Line) -> None:
    while line.request():
        line.answer()


def drip(line: Line) -> None:
    line.request()
    for byte in b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1000:
        line.say(bytes([byte]))
        if line.rest(0.02):
            return


def drip_body(line: Line) -> None:
    line.request()
    line.say(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while not line.rest(0.02):
        line.say(b"x")


def endless(line: Line) -> None:
    line.request()
    line.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        line.say(b"1000\r\n" + b"x" * 0x1000 + b"\r\n")


def after_request(*said: bytes, reset: bool = False, hang: bool = False) -> Script:
    def script(line: Line) -> None:
        line.request()
        for part in said:
            line.say(part)
        if hang:
            line.hang()
        if reset:
            line.reset()

    return script


def ok(body: bytes, headers: str = "") -> bytes:
    return f"HTTP/1.1 200 OK\r\n{headers}Content-Length: {len(body)}\r\n\r\n".encode() + body


HALF = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + ANSWER
CASES: dict[str, tuple[Script, Failure, int | None]] = {
    "FIN after the request": (after_request(), Failure.CONNECTION_LOST, None),
    "RST after the request": (after_request(reset=True), Failure.CONNECTION_LOST, None),
    "FIN within the head": (after_request(b"HTTP/1.1 200 OK\r\nCont"), Failure.CONNECTION_LOST, None),
    "hang": (after_request(hang=True), Failure.TIMEOUT, None),
    "hang after the head": (after_request(b"HTTP/1.1 200 OK\r\n", hang=True), Failure.TIMEOUT, None),
    "hang within the body": (after_request(HALF, hang=True), Failure.TIMEOUT, 200),
    "garbage": (after_request(b"\x00\x01 garbage\r\n\r\n"), Failure.BAD_ANSWER, None),
    "a length that is no number": (
        after_request(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"),
        Failure.BAD_ANSWER,
        None,
    ),
    "FIN within the body": (after_request(HALF), Failure.CONNECTION_LOST, 200),
    "RST within the body": (after_request(HALF, reset=True), Failure.CONNECTION_LOST, 200),
    "a body over the bound": (
        after_request(b"HTTP/1.1 200 OK\r\nContent-Length: 65537\r\n\r\n" + b"x" * 65537),
        Failure.BAD_ANSWER,
        200,
    ),
    "an endless body": (endless, Failure.BAD_ANSWER, 200),
    "a dripping head": (drip, Failure.TIMEOUT, None),
    "a dripping body": (drip_body, Failure.TIMEOUT, 200),
}


@pytest.mark.parametrize("case", CASES)
def test_once_written_a_failure_proves_nothing(run: Run, case: str) -> None:
    script, failure, status = CASES[case]
    patient = failure is not Failure.TIMEOUT
    with peer(script) as server:
        answer = run(post(server.url, timeout=10.0 if patient else 0.2))
        assert server.connections == 1
    assert answer.evidence is MAYBE
    assert judged(answer) is Kind.UNKNOWN
    # A reset may reach the client after the head or in its place, so its class is all that is certain then.
    assert answer.failure in ({failure, Failure.TIMEOUT} if "RST" in case else {failure})
    assert answer.status == status or "RST" in case


def test_a_reset_while_the_request_is_on_its_way_is_judged_by_what_was_written(run: Run) -> None:
    with peer(Line.reset) as server:
        answer = run(post(server.url))
    assert judged(answer) is (Kind.NOT_SENT if answer.evidence is NOTHING else Kind.UNKNOWN)


def test_a_failure_after_a_429_is_still_a_429(run: Run) -> None:
    with peer(after_request(b"HTTP/1.1 429 Too Many\r\nRetry-After: 3\r\nContent-Length: 9\r\n\r\nx")) as server:
        verdict = classify(run(post(server.url)), "r", 0.0)
    assert (verdict.kind, verdict.retry_after) == (Kind.THROTTLED, 3)


def test_the_longest_body_is_read_whole(run: Run) -> None:
    body = ANSWER + b" " * (BODY_MAX - len(ANSWER))
    with peer(after_request(ok(body))) as server:
        answer = run(post(server.url))
    assert (answer.status, answer.body, answer.failure, judged(answer)) == (200, body, None, Kind.ACCEPTED)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(run: Run, status: int) -> None:
    async def main(url: str) -> list[Answer]:
        async with Client(endpoint(url)) as client:
            return [await client.fetch_token(), await client.post_message(BODY, BEARER)]

    with peer(answering) as other:

        def script(line: Line) -> None:
            while line.request():
                line.answer(b"", status=f"{status} Elsewhere", headers=f"Location: {other.url}/\r\n")

        with peer(script) as server:
            answers = run(main(server.url))
            assert len(server.requests) == 2
        assert (other.requests, other.connections) == ([], 0)
    assert [answer.status for answer in answers] == [status, status]
    assert judged(answers[1]) is Kind.UNKNOWN


def test_a_compressed_body_stays_compressed(run: Run) -> None:
    bomb = gzip.compress(bytes(10_000_000))
    assert len(bomb) < BODY_MAX
    with peer(after_request(ok(bomb, "Content-Encoding: gzip\r\n"))) as server:
        answer = run(post(server.url))
    assert answer.body == bomb
    assert judged(answer) is Kind.UNKNOWN


# ── the connection kept alive ─────────────────────────────────────────────────────────────────────────────────────


def test_what_is_sent_is_what_the_guide_says(run: Run) -> None:
    async def main(url: str) -> None:
        async with Client(endpoint(url)) as client:
            await client.fetch_token()
            await client.post_message(BODY, BEARER)

    with peer(answering) as server:
        port = server.port
        run(main(server.url))
        assert server.connections == 2  # what comes late to a token is no answer to a message
        token, message = server.requests
    assert token.startswith(b"POST /v1/auth/token HTTP/1.1\r\n")
    assert f"\r\nX-IB-Client-Id: client\r\nX-IB-Client-Passwd: {PASSWORD}\r\n".encode() in token
    assert b"\r\nAccept: application/json\r\n" in token
    assert b"\r\nContent-Length: 0\r\n" in token and token.endswith(b"\r\n\r\n")
    assert b"Content-Type" not in token
    assert message.startswith(b"POST /v1/send/international HTTP/1.1\r\n")
    assert f"\r\nAuthorization: {BEARER}\r\n".encode() in message
    assert b"\r\nContent-Type: application/json\r\n" in message
    assert b"\r\nAccept: application/json\r\n" in message
    assert b"\r\nAccept-Encoding: identity\r\n" in message
    assert f"\r\nHost: 127.0.0.1:{port}\r\n".encode() in message
    assert f"\r\nContent-Length: {len(BODY)}\r\n".encode() in message
    assert message.endswith(b"\r\n\r\n" + BODY)
    assert PASSWORD.encode() not in message


ALLOWED = {Kind.ACCEPTED: {1}, Kind.UNKNOWN: {0, 1}, Kind.NOT_SENT: {0}}  # verdict → how often the request arrived


@pytest.mark.parametrize("reset", [False, True])
def test_a_connection_that_ends_between_requests_never_makes_two_posts_of_one(run: Run, *, reset: bool) -> None:
    def script(line: Line) -> None:
        line.request()
        line.answer()
        if reset:
            line.reset()

    async def main(server: Peer) -> None:
        async with Client(endpoint(server.url)) as client:
            for _ in range(30):
                before = len(server.requests)
                verdict = judged(await client.post_message(BODY, BEARER))
                arrived = len(server.requests) - before
                assert arrived in ALLOWED[verdict]

    with peer(script) as server:
        run(main(server))


STALE = {
    "refused": b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n",
    "accepted": b'HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n{"code":"A000","msgKey":"old"}',
    "half": b'HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{"code":',
}


@pytest.mark.parametrize("stale", STALE)
def test_what_came_before_the_request_is_not_its_answer(run: Run, stale: str) -> None:
    """Else a stray refusal would have the message posted twice, and all that follow get their neighbour's answer."""
    idle = threading.Event()

    def script(line: Line) -> None:
        line.request()
        line.answer()
        idle.wait(10)
        line.say(STALE[stale])
        while line.request():
            line.answer()

    async def main(server: Peer) -> list[Answer]:
        async with Client(endpoint(server.url)) as client:
            first = await client.post_message(BODY, BEARER)
            assert client._posts is not None
            [[(protocol, _)]] = client._posts._connector._conns.values()
            idle.set()
            while not protocol.should_close:  # until the stray bytes are here
                await asyncio.sleep(0)
            return [first, await client.post_message(BODY, BEARER), await client.post_message(BODY, BEARER)]

    with peer(script) as server:
        first, second, third = run(main(server))
        assert len(server.requests) == 2
        assert server.connections == 2
    assert judged(first) is Kind.ACCEPTED
    assert (second.status, second.failure, second.evidence) == (None, Failure.CONNECTION_LOST, NOTHING)
    assert judged(third) is Kind.ACCEPTED


@pytest.mark.parametrize(
    ("state", "written"),
    [
        ("fresh", True),
        ("used before", True),
        ("used before, by a server that cuts those", False),
        ("closing", False),
        ("stale", False),
        ("gone", False),
    ],
)
async def test_only_a_connection_that_is_open_and_silent_is_written_to(state: str, *, written: bool) -> None:
    protocol = ResponseHandler(asyncio.get_running_loop())
    transport = Mock(asyncio.Transport)
    transport.is_closing.return_value = state == "closing"
    posts = Posts(URL("http://h.test"), timeout=1.0, connections=1, tls=True)
    if state == "stale":
        protocol.data_received(STALE["refused"])
    if "used before" in state:
        posts._used.add(protocol)
    posts.single_use = "cuts" in state
    connection = Mock(Connection, protocol=protocol, transport=None if state == "gone" else transport)
    attempt = posting._Attempt()
    if written:
        transport.write.side_effect = lambda _: protocol.connection_lost(None)
    with pytest.raises(aiohttp.ServerDisconnectedError if written else aiohttp.ClientConnectionResetError):
        await posts._talk(connection, attempt, b"POST", time.monotonic())
    assert attempt.handed_over is written
    assert transport.write.called is written
    await posts.close()


@pytest.mark.parametrize("authorization", ["Bearer a\r\nX: y", "Bearer a\nX: y", "Bearer \0"])
def test_what_cannot_be_a_header_is_not_sent(run: Run, authorization: str) -> None:
    async def main(url: str) -> Answer:
        async with Client(endpoint(url)) as client:
            return await client.post_message(BODY, authorization)

    with peer(answering) as server:
        answer = run(main(server.url))
        assert (server.requests, server.connections) == ([], 0)
    assert (answer.failure, answer.evidence) == (Failure.BAD_ANSWER, NOTHING)


def test_an_interim_answer_is_not_the_answer(run: Run) -> None:
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    with peer(after_request(hints, hints, ok(ANSWER))) as server:
        answer = run(post(server.url))
    assert (answer.status, judged(answer)) == (200, Kind.ACCEPTED)


@pytest.mark.parametrize("user", ["", f"user:{PASSWORD}@"])
def test_without_tls_a_proxy_gets_the_whole_address_and_its_credentials(run: Run, user: str) -> None:
    with peer(answering) as proxy:
        answer = run(post("http://h.test:8080", times=2, proxy=f"http://{user}127.0.0.1:{proxy.port}"))
        first, second = proxy.requests
        assert proxy.connections == 1
    assert judged(answer) is Kind.ACCEPTED
    assert first == second
    assert first.startswith(b"POST http://h.test:8080/v1/send/international HTTP/1.1\r\nHost: h.test:8080\r\n")
    credentials = base64.b64encode(f"user:{PASSWORD}".encode())
    assert (b"\r\nProxy-Authorization: Basic " + credentials + b"\r\n" in first) == bool(user)


# ── cancellation, and what proves nothing by itself ───────────────────────────────────────────────────────────────


def test_a_cancelled_post_ends_at_once_and_closes_its_connection(run: Run) -> None:
    async def main(server: Peer) -> None:
        async with Client(endpoint(server.url)) as client:
            posting = asyncio.create_task(client.post_message(BODY, BEARER))
            while not server.requests:
                await asyncio.sleep(0.001)
            posting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await posting
            assert judged(await client.post_message(BODY, BEARER)) is Kind.ACCEPTED

    def script(line: Line) -> None:
        line.request()
        if len(server.requests) == 1:
            line.hang()
        line.answer()

    with peer(script) as server:
        run(main(server))
        assert server.connections == 2


@pytest.mark.parametrize(
    "error",
    [aiohttp.ServerDisconnectedError(), TimeoutError(), aiohttp.ClientConnectionError("refused"), ValueError("bug")],
)
async def test_a_mocked_session_proves_nothing_about_bytes(error: Exception) -> None:
    with aioresponses() as mock:
        mock.post("http://127.0.0.1:9/v1/send/international", exception=error)
        answer = await post("http://127.0.0.1:9")
    assert answer.evidence is MAYBE
    assert judged(answer) is Kind.UNKNOWN


async def test_a_mocked_answer_is_judged() -> None:
    with aioresponses() as mock:
        mock.post("http://127.0.0.1:9/v1/send/international", body=ANSWER)
        answer = await post("http://127.0.0.1:9")
    assert judged(answer) is Kind.ACCEPTED


# ── the mapping of foreign exceptions ─────────────────────────────────────────────────────────────────────────────

_KEY = aiohttp.client_reqrep.ConnectionKey("h", 1, False, True, None, None, None)
_INFO = aiohttp.RequestInfo("http://h", "POST", {}, "http://h")  # type: ignore[arg-type]
FAILURES: list[tuple[BaseException, Failure]] = [
    (aiohttp.ClientConnectorCertificateError(_KEY, ssl.CertificateError()), Failure.CERTIFICATE),
    (aiohttp.ServerFingerprintMismatch(b"", b"", "h", 1), Failure.CERTIFICATE),
    (aiohttp.ClientConnectorSSLError(_KEY, ssl.SSLError()), Failure.TLS),
    (aiohttp.ClientConnectorDNSError(_KEY, OSError()), Failure.DNS),
    (aiohttp.ClientProxyConnectionError(_KEY, OSError()), Failure.PROXY),
    (aiohttp.ClientHttpProxyError(_INFO, (), status=407), Failure.PROXY_AUTH),
    (aiohttp.ClientHttpProxyError(_INFO, (), status=502), Failure.PROXY),
    (aiohttp.ClientConnectorError(_KEY, OSError()), Failure.REFUSED),
    (aiohttp.ConnectionTimeoutError(), Failure.CONNECT_TIMEOUT),
    (aiohttp.SocketTimeoutError(), Failure.TIMEOUT),
    (aiohttp.ServerTimeoutError(), Failure.TIMEOUT),
    (TimeoutError(), Failure.TIMEOUT),
    (aiohttp.ServerDisconnectedError(), Failure.CONNECTION_LOST),
    (aiohttp.ServerConnectionError(), Failure.CONNECTION_LOST),
    (aiohttp.ClientConnectionResetError(), Failure.CONNECTION_LOST),
    (aiohttp.ClientOSError(), Failure.CONNECTION_LOST),
    (aiohttp.ClientPayloadError(), Failure.CONNECTION_LOST),
    (aiohttp.ClientConnectionError(), Failure.CONNECTION_LOST),
    (ConnectionResetError(), Failure.CONNECTION_LOST),
    (OSError(), Failure.CONNECTION_LOST),
    (aiohttp.ClientResponseError(_INFO, (), status=400), Failure.BAD_ANSWER),
    (aiohttp.ContentTypeError(_INFO, ()), Failure.BAD_ANSWER),
    (aiohttp.TooManyRedirects(_INFO, ()), Failure.BAD_ANSWER),
    (aiohttp.InvalidURL("x"), Failure.BAD_ANSWER),
    (aiohttp.ClientError(), Failure.BAD_ANSWER),
    (ValueError(), Failure.BAD_ANSWER),
    (AssertionError(), Failure.BAD_ANSWER),
]


@pytest.mark.parametrize(("error", "failure"), FAILURES, ids=lambda given: type(given).__name__)
def test_every_exception_has_its_failure(error: BaseException, failure: Failure) -> None:
    assert failure_of(error) is failure


# ── secrets ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_no_secret_is_logged_or_shown(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    """With everything at DEBUG, asyncio's own debug mode too, through every kind of trouble."""
    caplog.set_level(logging.DEBUG)
    shown: list[str] = []

    async def main(url: str, *, timeout: float) -> None:
        asyncio.get_running_loop().set_debug(True)
        given = endpoint(url, timeout=timeout)
        client = Client(given)
        async with client:
            for asked in (client.fetch_token(), client.post_message(BODY, BEARER)):
                task = asyncio.create_task(asked)
                shown.extend(map(repr, [given, client, task]))
                answer = await task
                shown.extend(map(repr, [task, answer.failure, classify(answer, "r", 0.0)]))

    for script, failure, _ in CASES.values():
        with peer(script) as server:
            run(main(server.url, timeout=0.1 if failure is Failure.TIMEOUT else 10.0))
    run(main(f"http://127.0.0.1:{closed_port()}", timeout=1))
    told = "\n".join([caplog.text, *shown])
    assert "s3cr3t" not in told


def test_a_bug_in_the_session_shows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: Any, headers: Any, **__: Any) -> Any:
        raise RuntimeError(f"headers were {headers}")

    monkeypatch.setattr(aiohttp.ClientSession, "_request", broken)
    answer = asyncio.run(post("http://127.0.0.1:9"))
    assert (answer.failure, answer.evidence) == (Failure.BAD_ANSWER, MAYBE)
    assert "s3cr3t" not in repr(answer)


def test_the_error_about_a_ca_file_has_no_foreign_exception_in_its_traceback(tmp_path: Path) -> None:
    async def main() -> str:
        try:
            async with Client(endpoint("https://127.0.0.1", ca_file=tmp_path / "none.pem")):
                raise AssertionError
        except SettingsError as error:
            return "".join(traceback.format_exception(error))

    assert "FileNotFoundError" not in asyncio.run(main())
