"""The command line within this process: fast, and where a test may reach inside."""

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator

import pytest

from omni_bulk import cli
from omni_bulk.sandbox import Sandbox
from omni_bulk.sandbox.options import Knobs
from tests.cli.kit import Ran

Call = Callable[..., Ran]
Serve = Callable[[Knobs], Sandbox]


@pytest.fixture
def call(capsysbinary: pytest.CaptureFixture[bytes]) -> Iterator[Call]:
    """Runs a command here; its stdin is no terminal."""
    logger = logging.getLogger("omni_bulk")
    before = (logger.handlers[:], logger.level, logger.propagate)

    def run(*arguments: object) -> Ran:
        capsysbinary.readouterr()
        code = cli.run([str(one) for one in arguments])
        out, err = capsysbinary.readouterr()
        return Ran(code, out, err.decode())

    yield run
    logger.handlers[:], logger.propagate = before[0], before[2]
    logger.setLevel(before[1])


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """A sandbox in a thread of this process, to which the settings of the environment lead."""
    sandbox = Sandbox(tps=None)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="sandbox")
    thread.start()
    asyncio.run_coroutine_threadsafe(sandbox.start(), loop).result()
    monkeypatch.setenv("OMNI_BASE_URL", sandbox.url)
    monkeypatch.setenv("OMNI_CLIENT_ID", "sandbox")
    monkeypatch.setenv("OMNI_CLIENT_PASSWORD", "sandbox")
    yield sandbox
    asyncio.run_coroutine_threadsafe(sandbox.close(), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()
