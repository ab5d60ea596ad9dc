from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from omni_bulk.testing import Sandbox
from tests.reports.kit import Post

Opened = Callable[..., AbstractAsyncContextManager[Post]]


@pytest.fixture
def post(tmp_path: Path) -> Opened:
    """Opens an account in a folder of its own; the keywords are knobs of the sandbox."""

    @asynccontextmanager
    async def opened(**knobs: Any) -> AsyncIterator[Post]:
        async with Sandbox(**{"tps": None, "seed": 7, **knobs}) as box:
            yield Post(box, tmp_path)

    return opened
