"""A server that speaks just enough HTTP to be trusted, and then misbehaves as told, on raw sockets of this machine.

It answers the token endpoint well and takes messages like the API. One `Fault` says at which point (`At`) and at which
of the connections or POSTs that come there it misbehaves instead. What arrived is counted by ref, and so is what a
gateway in its place would have taken: that is what must never be two.

One thread accepts, one serves each connection, with blocking calls: so every byte and every close happens where it is
written. Threads wait for sockets and events only, with a limit, and end with the server.
"""

import json
import select
import socket
import ssl
import struct
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from enum import Enum
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from omni_bulk.wire import SEND_PATH, TOKEN_PATH
from tests.faults.certificates import HOST, Certificates

TOKEN = "tok+Planted/9f=&bearer%secret"  # characters that base64 and URL quoting change
PATIENCE = 10.0  # s that a thread waits for anything; a test is long over by then
PAST_HANDSHAKE = 300  # bytes: a TLS client's last flight without a certificate has about 100, a POST brings 400 more
FOR_EVER = 1_000_000


class At(Enum):
    """Where in the life of a request the server misbehaves, and so what it has seen of the message by then."""

    LISTENER = "nothing"  # from the answer before on, new connections fare differently
    ACCEPT = "a connection"  # of each new connection after the token's
    CONNECT = "CONNECT"  # of each request for a tunnel after the token's
    HEAD = "the headers"  # of each POST of a message
    BODY = "the whole POST"  # of each POST of a message


class Wire:
    """One accepted connection: exact reads, and the ways to end it. Everything it reads beyond a request is kept."""

    def __init__(self, sock: socket.socket, server: "FaultServer") -> None:
        self.server = server
        self._sock = sock
        self._buffer = b""

    def start_tls(self, context: ssl.SSLContext, *, patient: bool = False) -> None:
        """Shake hands. With `patient`, look at the client's last words of it only when a request lies behind them."""
        tls = self._sock = context.wrap_socket(self._sock, server_side=True, do_handshake_on_connect=False)
        if patient:
            self.arrived()
            tls.setblocking(False)
            with suppress(ssl.SSLWantReadError):
                tls.do_handshake()
            while len(socket.socket.recv(tls, 65536, socket.MSG_PEEK)) < PAST_HANDSHAKE:
                assert not self.server.over.wait(0.01)
            tls.setblocking(True)
        tls.do_handshake()

    def head(self) -> bytes | None:
        """The next request's head with its empty line; None when the peer is gone."""
        return self._upto(lambda: self._buffer.find(b"\r\n\r\n") + 4 if b"\r\n\r\n" in self._buffer else None)

    def read(self, size: int) -> bytes | None:
        """Exactly `size` bytes; None when the peer is gone before."""
        return self._upto(lambda: size if len(self._buffer) >= size else None)

    def _upto(self, end: Callable[[], int | None]) -> bytes | None:
        while (at := end()) is None:
            if not self._more():
                return None
        taken, self._buffer = self._buffer[:at], self._buffer[at:]
        return taken

    def _more(self) -> bool:
        with suppress(OSError):
            more = self._sock.recv(65536)
            self._buffer += more
            return bool(more)
        return False

    def arrived(self) -> None:
        """Wait until bytes of the peer have come to this machine, without reading them."""
        select.select([self._sock], [], [], PATIENCE)

    def send(self, written: bytes) -> bool:
        """Whether it could be written: the peer may have gone."""
        try:
            self._sock.sendall(written)
        except OSError:
            return False
        return True

    def until_gone(self) -> None:
        """Say nothing more; wait until the peer gives up."""
        while self._more():
            pass

    def fin(self) -> None:
        """End our side in order (on TLS without its goodbye), read on until the peer ends its own."""
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_WR)
            self.until_gone()

    def rst(self) -> None:
        """End both sides at once: the peer gets a reset."""
        with suppress(OSError):
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._sock.close()

    def close(self) -> None:
        self._sock.close()

    def interrupt(self) -> None:
        """From another thread: whoever reads here gets nothing more."""
        with suppress(OSError):
            socket.socket.shutdown(self._sock, socket.SHUT_RDWR)


@dataclass(frozen=True, slots=True)
class Post:
    """A POST of a message, as far as it matters: its key, and which POST of this server it is, from 1."""

    ref: str
    number: int
    authorization: str


Act = Callable[[Wire, Post | None], None]


@dataclass(frozen=True, slots=True)
class Misbehaviour:
    """`act` replaces what the server would do at `at`, for the `first` time and `times` times in all.

    At `At.LISTENER` it happens before the answer to what comes before the `first` POST, and ends after the client has
    slept `times` times. `refuses`: a gateway that answers so has not taken the message. `closing`: every answer ends its
    connection, so that each POST needs a new one.
    """

    at: At
    act: Act
    first: int = 2
    times: int = 1
    refuses: bool = False
    closing: bool = False


class Variant(Enum):
    """What the server is to its client."""

    PLAIN = "HTTP"
    TLS = "TLS"
    PROXY = "HTTP, as a proxy"  # asked with whole URLs, it answers in the origin's place
    TUNNEL = "TLS, behind a proxy"  # after CONNECT it speaks TLS itself, in the origin's place


class FaultServer:
    """Context manager. `trap` is a port that records whoever connects, for redirects to point at."""

    def __init__(self, misbehaviour: Misbehaviour, kind: Variant, certificates: Certificates) -> None:
        self.whole: Counter[str] = Counter()  # by ref: POSTs whose whole body arrived
        self.begun: Counter[str] = Counter()  # by ref: POSTs of which only the head was read
        self.taken: Counter[str] = Counter()  # by ref: POSTs that a gateway may have taken
        self.keys: defaultdict[str, set[str]] = defaultdict(set)  # by ref: the msgKeys given
        self.posts = 0
        self.acts = 0
        self.tokens = 0
        self.connections = 0
        self.unresolvable = False  # its name: to be believed by whoever stands in for the resolver
        self.settled = threading.Event()  # the client has recorded the answer of the POST that is acted on
        self.spoken = threading.Event()  # all that it had to say to that POST
        self.over = threading.Event()
        self.port = 0
        self._misbehaviour: Misbehaviour | None = misbehaviour
        self._closing = misbehaviour.closing or misbehaviour.at in {At.LISTENER, At.ACCEPT, At.CONNECT}
        self.certificates = certificates
        self._kind = kind
        self._seen: Counter[At] = Counter()
        self._naps = 0
        self._lock = threading.Lock()
        self._listener: socket.socket | None = None
        self._deaf: list[socket.socket] = []
        self._turn = threading.Condition()
        self._ears = "open"
        self._wanted = "open"
        self._waker, self._woken = socket.socketpair()
        self._trap = socket.create_server((HOST, 0))
        self._wires: list[Wire] = []
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._listen()
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.over.set()
        self.settled.set()
        self._hear("over")
        for wire in self._wires:
            wire.interrupt()
        for thread in self._threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()
        for end in (self._waker, self._woken, self._trap):
            end.close()

    @property
    def trap(self) -> int:
        port: int = self._trap.getsockname()[1]
        return port

    @property
    def trapped(self) -> bool:
        """Whether anybody ever connected to the trap: what is not accepted stays in its queue."""
        return bool(select.select([self._trap], [], [], 0)[0])

    def heal(self) -> None:
        """From now on it behaves."""
        self._misbehaviour = None
        self.unresolvable = False
        self._hear("open")

    def nap(self) -> None:
        """The client sleeps: what is wrong with the listener may be over when it wakes."""
        fault = self._misbehaviour
        self._naps += self.acts > 0
        if fault is not None and fault.at is At.LISTENER and self._naps >= fault.times:
            self.heal()

    # ── what may be wrong with the listener ───────────────────────────────────────────────────────────────────────

    def stop_listening(self) -> None:
        self._hear("closed")

    def stop_accepting(self) -> None:
        """The queue of connections is full: further ones get no answer at all."""
        self._hear("deaf")

    # ── threads ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _start(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _hear(self, wanted: str) -> None:
        with self._turn:
            self._wanted = wanted
            self._waker.send(b"x")
            assert self._turn.wait_for(lambda: self._ears == wanted, PATIENCE)

    def _listen(self) -> None:
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind((HOST, self.port))
        self._listener.listen(0 if self._may_go_deaf else 64)
        self.port = self._listener.getsockname()[1]

    @property
    def _may_go_deaf(self) -> bool:
        return self._misbehaviour is not None and self._misbehaviour.at is At.LISTENER

    def _accept(self) -> None:
        while self._ears != "over":
            ready = [self._woken]
            if self._listener is not None and self._ears == "open":
                ready.append(self._listener)
            found, _, _ = select.select(ready, [], [])
            if self._woken in found:
                self._woken.recv(1)
                self._change_ears()
            elif self._listener is not None:
                sock, _ = self._listener.accept()
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # what is said arrives before more is asked
                wire = Wire(sock, self)
                self._wires.append(wire)
                self._start(self._serve, wire)

    def _change_ears(self) -> None:
        with self._turn:
            for sock in self._deaf:
                sock.close()
            self._deaf.clear()
            if self._wanted == "open" and self._listener is None:
                self._listen()
            elif self._wanted in {"closed", "over"} and self._listener is not None:
                self._listener.close()
                self._listener = None
            elif self._wanted == "deaf":
                self._fill_queue()
            self._ears = self._wanted
            self._turn.notify_all()

    def _fill_queue(self) -> None:
        for _ in range(4):
            sock = socket.socket()
            sock.setblocking(False)
            with suppress(BlockingIOError):
                sock.connect((HOST, self.port))
            self._deaf.append(sock)

    def _serve(self, wire: Wire) -> None:
        try:
            self._talk(wire)
        except OSError:
            pass  # ssl.SSLError too: the peer did not like the handshake, or went away
        finally:
            wire.close()

    # ── HTTP ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _talk(self, wire: Wire) -> None:
        self.connections += 1
        if self._acts(At.ACCEPT, wire, None):
            return
        if self._kind is Variant.TLS:
            wire.start_tls(self.certificates.good)
        while (head := wire.head()) is not None:
            method, path, headers = parsed(head)
            if method == "CONNECT":
                if self._acts(At.CONNECT, wire, None):
                    return
                wire.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
                wire.start_tls(self.certificates.good)
            elif path == TOKEN_PATH:
                self._give_token(wire)
            elif path == SEND_PATH and not self._take(wire, headers):
                return
            if self._closing and method != "CONNECT":
                wire.fin()
                return

    def _give_token(self, wire: Wire) -> None:
        self.tokens += 1
        self._foresee(1)
        wire.send(token_answer(self.tokens, closing=self._closing))

    def _take(self, wire: Wire, headers: Mapping[str, str]) -> bool:
        """One POST of a message; whether the connection may go on. The body is read in any case, to know whose it is."""
        body = wire.read(int(headers["content-length"]))
        if body is None:
            return False
        ref = str(json.loads(body)["ref"])
        with self._lock:
            self.posts += 1
            post = Post(ref, self.posts, headers["authorization"])
        for at, count in ((At.HEAD, self.begun), (At.BODY, self.whole)):
            fault = self._misbehaviour
            if fault is None or fault.at is not at or not self._is_due(at):
                continue
            count[ref] += 1
            self.taken[ref] += not fault.refuses
            fault.act(wire, post)
            self.spoken.set()
            return not self._closing
        self.whole[ref] += 1
        self.taken[ref] += 1
        self._foresee(post.number + 1)
        wire.send(accepted(wire, post, closing=self._closing))
        return True

    def _foresee(self, coming: int) -> None:
        """Before an answer: whether the listener is to misbehave at the POST that comes then."""
        fault = self._misbehaviour
        if fault is not None and fault.at is At.LISTENER and fault.first == coming:
            self.acts += 1
            fault.act(self._wires[-1], None)

    def _acts(self, at: At, wire: Wire, post: Post | None) -> bool:
        fault = self._misbehaviour
        if fault is None or fault.at is not at or not self.tokens or not self._is_due(at):
            return False
        fault.act(wire, post)
        return True

    def _is_due(self, at: At) -> bool:
        fault = self._misbehaviour
        assert fault is not None
        with self._lock:
            self._seen[at] += 1
            due = fault.first <= self._seen[at] < fault.first + fault.times
            self.acts += due
        return due


def parsed(head: bytes) -> tuple[str, str, dict[str, str]]:
    """Method, path (without the origin that a proxy is given) and headers in lower case."""
    first, *lines = head.decode("latin-1").rstrip().split("\r\n")
    method, target, _ = first.split(" ", 2)
    pairs = (line.split(":", 1) for line in lines)
    return method, urlsplit(target).path, {name.strip().lower(): value.strip() for name, value in pairs}


def answer(
    body: bytes | Mapping[str, object] = b"",
    *,
    status: str = "200 OK",
    closing: bool = False,
    headers: Mapping[str, str] | None = None,
) -> bytes:
    """One whole HTTP answer. `headers` replace those it would have."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    fields = {"Content-Type": "application/json", "Content-Length": str(len(content))}
    if closing:
        fields["Connection"] = "close"
    fields |= headers or {}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status}\r\n{lines}\r\n".encode() + content


def success(wire: Wire, post: Post, **changed: object) -> dict[str, object]:
    """What the API says when it takes a message, with a msgKey that is known to belong to this ref."""
    key = f"key-{post.ref}-{post.number}"
    wire.server.keys[post.ref].add(key)
    fields = {"code": "A000", "result": "Success", "msgKey": key, "ref": post.ref, **changed}
    return {name: value for name, value in fields.items() if value is not ...}


def accepted(wire: Wire, post: Post, *, closing: bool = False) -> bytes:
    return answer(success(wire, post), closing=closing)


def token_answer(generation: int, *, closing: bool) -> bytes:
    now = datetime.now(UTC)
    granted = {"schema": "Bearer", "token": f"{TOKEN}{generation}", "expired": (now + timedelta(hours=24)).isoformat()}
    date = format_datetime(now, usegmt=True)
    return answer({"code": "A000", "result": "Success", "data": granted}, closing=closing, headers={"Date": date})
