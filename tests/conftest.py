"""What every test runs under: no network, no settings of the machine, a directory of its own.

Also the shim that lets aioresponses build the responses of aiohttp 3.14 and later.
"""

import functools
import ipaddress
import logging
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import aioresponses.core
import pytest
from hypothesis import settings

REPOSITORY = Path(__file__).resolve().parents[1]

# A deadline measures the machine, not the code. Under CI the examples are always the same, so that a red build means
# a change; elsewhere they differ from run to run and find new ones.
settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, database=None)
settings.load_profile("ci" if os.environ.get("CI", "").lower() == "true" else "default")


# The locale decides the language of what a command says: it is English here, whoever runs the tests.
for _name in ("LC_ALL", "LC_MESSAGES"):
    os.environ.pop(_name, None)
os.environ["LANG"] = "C.UTF-8"


class _Response(aiohttp.ClientResponse):
    """aiohttp 3.14 asks each response for the stream writer of its request; aioresponses 0.7.9 knows none yet.

    The writer is read once, for the number of bytes written. Only responses that aioresponses builds are of this
    class: a test sees the production code of aiohttp unchanged.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("stream_writer", SimpleNamespace(output_size=0))
        super().__init__(*args, **kwargs)


aioresponses.core.ClientResponse = _Response  # type: ignore[attr-defined]


class OutsideConnectionError(AssertionError):
    """A test tried to reach something that is not this machine. No `OSError`: nothing may take it for a bad network."""


def is_on_this_machine(host: object) -> bool:
    """Whether `host` (a name or an address as sockets take them) stands for this machine; None and "" do."""
    name = host.decode("ascii", "replace") if isinstance(host, bytes) else host
    if name is None or name in {"", "localhost"}:
        return True
    try:
        address = ipaddress.ip_address(str(name))
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _guarded(call: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(call)
    def connect(self: socket.socket, address: Any) -> Any:
        if self.family in {socket.AF_INET, socket.AF_INET6} and not is_on_this_machine(address[0]):
            raise OutsideConnectionError(f"a test tried to connect to {address[0]}")
        return call(self, address)

    return connect


def _guarded_lookup(call: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(call)
    def getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
        name = host.decode("ascii", "replace") if isinstance(host, bytes) else host
        if isinstance(name, str) and name.endswith(".invalid"):  # RFC 6761: exists nowhere, so nobody need be asked
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        if not is_on_this_machine(name):
            raise OutsideConnectionError(f"a test tried to look up {name}")
        return call(host, *args, **kwargs)

    return getaddrinfo


@pytest.fixture(scope="session", autouse=True)
def _no_network() -> Iterator[None]:
    """Sockets of this process reach loopback only.

    Patched rather than audited: on CPython 3.11 an audit hook written in Python breaks ``sys.settrace`` in other
    threads, on which coverage depends. uvloop and subprocesses have sockets of their own and are not covered.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", _guarded(socket.socket.connect))
        patch.setattr(socket.socket, "connect_ex", _guarded(socket.socket.connect_ex))
        patch.setattr(socket, "getaddrinfo", _guarded_lookup(socket.getaddrinfo))
        yield


@pytest.fixture(autouse=True)
def _logger_as_it_was() -> Iterator[None]:
    """A command that a test runs in this process sets the logger up for its stderr; the next test wants to hear it."""
    logger = logging.getLogger("omni_bulk")
    handlers, level, propagate = logger.handlers[:], logger.level, logger.propagate
    yield
    logger.handlers[:], logger.propagate = handlers, propagate
    logger.setLevel(level)


@pytest.fixture(autouse=True)
def _isolated(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the settings or the ledger of who runs it. The current directory is `tmp_path`, which is empty.

    Subprocesses find the package under test although they start elsewhere.
    """
    home = tmp_path_factory.mktemp("home")
    for name in [name for name in os.environ if name.upper().startswith("OMNI_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.setenv("XDG_STATE_HOME", str(home / "state"))
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY), prepend=os.pathsep)
    monkeypatch.chdir(tmp_path)
