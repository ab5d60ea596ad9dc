"""What the other tests rely on: no network, no settings of this machine, and aioresponses with today's aiohttp."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest
from aioresponses import aioresponses

from tests.conftest import OutsideConnectionError, is_on_this_machine


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost", "::", "", None, b"127.0.0.1"])
def test_this_machine(host: object) -> None:
    assert is_on_this_machine(host)


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "omni.example", b"omni.example", "127.0.0.1.example"])
def test_elsewhere(host: object) -> None:
    assert not is_on_this_machine(host)


@pytest.mark.parametrize("method", ["connect", "connect_ex"])
def test_connections_stay_on_this_machine(method: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as client:
        with pytest.raises(OutsideConnectionError, match=r"192\.0\.2\.1"):
            getattr(client, method)(("192.0.2.1", 80))
        assert not getattr(client, method)(server.getsockname())


async def test_aiohttp_cannot_leave_either() -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(OutsideConnectionError):
            await session.get("http://192.0.2.1/")
        with pytest.raises(OutsideConnectionError, match=r"look up omni\.example"):
            await session.get("http://omni.example/")


def test_names_that_exist_nowhere_are_not_asked_for() -> None:
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo(b"omni.invalid", 80)
    with pytest.raises(OutsideConnectionError):
        socket.getaddrinfo("omni.example", 80)
    assert socket.getaddrinfo("127.0.0.1", 80)


async def test_aioresponses_answers() -> None:
    with aioresponses() as mocked:
        mocked.post("https://omni.example/v1", payload={"code": "A000"}, status=201)
        async with aiohttp.ClientSession() as session, session.post("https://omni.example/v1") as response:
            assert response.status == 201
            assert await response.json() == {"code": "A000"}


def test_nothing_of_this_machine_is_seen(tmp_path: Path) -> None:
    assert not [name for name in os.environ if name.startswith("OMNI_")]
    assert Path.cwd() == tmp_path
    assert not list(tmp_path.iterdir())
    assert Path.home().name.startswith("home")
    assert os.environ["XDG_STATE_HOME"].startswith(os.environ["HOME"])


def test_subprocesses_find_the_package() -> None:
    subprocess.run([sys.executable, "-W", "error", "-c", "import omni_bulk.errors"], check=True)
