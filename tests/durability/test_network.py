"""The network goes away in the middle of a run and comes back: the run waits, says so, and goes on."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from time import sleep
from urllib.parse import urlsplit

import pytest

from tests.cli.kit import FROM, environment, judge, sandbox, until, write_list
from tests.cli.terminal import on_terminal

RECIPIENTS = 1_500
WORKERS = 24
BEFORE = 600  # messages: the guard looks at the last 500, and a few that are cut must not be two in a hundred


class Cable:
    """Hands bytes on to a port of this machine; while it is cut, its own port refuses."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._ends: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def cut(self) -> None:
        """The listener first, so that nobody slips in."""
        for end in [self._listener, *self._ends]:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self._ends.clear()

    def mend(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                near, _ = listener.accept()
                far = socket.create_connection(("127.0.0.1", self._port))
                self._ends += [near, far]
                for ends in ((near, far), (far, near)):
                    threading.Thread(target=_hand_on, args=ends, daemon=True).start()


def _hand_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while some := source.recv(65_536):
            target.sendall(some)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@contextmanager
def cable(url: str) -> Iterator[Cable]:
    made = Cable(urlsplit(url).port or 0)
    try:
        yield made
    finally:
        made.cut()


def lose_the_network_for(seconds: float) -> None:
    write_list(RECIPIENTS)
    flags = ("--text", "Hello", "--from", FROM, "--ledger", "ledger.db", "--rate", "500", "--workers", str(WORKERS))
    with sandbox(latency_ms=20) as served, cable(served.url) as network:
        through = environment(served, OMNI_BASE_URL=f"http://127.0.0.1:{network.port}")
        with on_terminal("list.csv", *flags, "--yes", env=through, columns=150) as terminal:
            until(lambda: served.taken() > BEFORE)
            network.cut()
            terminal.wait_for("waits: server unreachable")
            before = served.taken()
            sleep(seconds)  # real: it is the kernel that refuses
            assert served.taken() == before < RECIPIENTS
            network.mend()
            code = terminal.finish()
        states = judge(served, RECIPIENTS)
        assert states["unknown"] <= WORKERS  # what was in flight when it went, at most
        assert states["accepted"] + states["unknown"] == RECIPIENTS
        assert code == (3 if states["unknown"] else 0)


def test_the_network_is_gone_for_a_moment() -> None:
    lose_the_network_for(1)


@pytest.mark.soak
def test_the_network_is_gone_for_half_a_minute() -> None:
    lose_the_network_for(30)
