"""A peer with a script for each connection, over real sockets and in threads of its own, so that any loop can meet it."""

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Script = Callable[["Line"], None]
ANSWER = b'{"code":"A000","result":"Success","msgKey":"k","ref":"r"}'


class Line:
    """One accepted connection, as its script sees it."""

    def __init__(self, sock: socket.socket, peer: "Peer") -> None:
        self._sock = sock
        self._peer = peer
        self._unread = b""

    def request(self) -> bytes:
        """One whole request, b"" when the client left."""
        while b"\r\n\r\n" not in self._unread:
            if not self._more():
                return b""
        head, _, rest = self._unread.partition(b"\r\n\r\n")
        length = next((int(line[15:]) for line in head.split(b"\r\n") if line.lower()[:15] == b"content-length:"), 0)
        while len(rest) < length:
            if not self._more():
                return b""
            rest = self._unread.partition(b"\r\n\r\n")[2]
        self._unread = rest[length:]
        whole = head + b"\r\n\r\n" + rest[:length]
        self._peer.requests.append(whole)
        return whole

    def _more(self) -> bool:
        came = self._sock.recv(65536)
        self._unread += came
        return bool(came)

    def say(self, said: bytes) -> None:
        self._sock.sendall(said)

    def answer(self, body: bytes = ANSWER, *, status: str = "200 OK", headers: str = "") -> None:
        self.say(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body)

    def hang(self) -> None:
        """Until the client leaves or the test is over."""
        while self._more():
            pass

    def rest(self, seconds: float) -> bool:
        """True when the test is over before the time is."""
        return self._peer.over.wait(seconds)

    def reset(self) -> None:
        """RST instead of FIN."""
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._sock.close()

    def encrypt(self, context: ssl.SSLContext) -> None:
        self._sock = context.wrap_socket(self._sock, server_side=True)


class Peer:
    """`requests` are those that came whole, `connections` those that were accepted. A script that ends hangs up."""

    def __init__(self, script: Script) -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self.over = threading.Event()
        self._script = script
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def port(self) -> int:
        return int(self._listening.getsockname()[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _accept(self) -> None:
        while True:
            sock, _ = self._listening.accept()
            if self.over.is_set():
                sock.close()
                return
            self.connections += 1
            self._open.append(sock)
            self._threads.append(threading.Thread(target=self._talk, args=[sock]))
            self._threads[-1].start()

    def _talk(self, sock: socket.socket) -> None:
        line = Line(sock, self)
        with suppress(OSError):
            self._script(line)
        with suppress(OSError):
            line._sock.close()

    def close(self) -> None:
        self.over.set()
        for sock in self._open:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
            pass  # wakes the acceptor
        self._threads[0].join()
        for thread in self._threads[1:]:
            thread.join()
        self._listening.close()


@contextmanager
def peer(script: Script) -> Iterator[Peer]:
    made = Peer(script)
    try:
        yield made
    finally:
        made.close()


def closed_port() -> int:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@contextmanager
def full_port() -> Iterator[int]:
    """A port whose queue is full: the kernel drops every further SYN, so connecting to it takes for ever."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listening:
        port = int(listening.getsockname()[1])
        filling = [socket.socket() for _ in range(4)]
        for sock in filling:
            sock.setblocking(False)
            sock.connect_ex(("127.0.0.1", port))
        yield port
        for sock in filling:
            sock.close()
