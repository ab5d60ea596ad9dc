from collections.abc import AsyncIterator

import pytest

from .kit import Bench
from .kit import bench as open_bench


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    """A sandbox without a rate limit, and a ledger in the test's own directory."""
    async with open_bench() as opened:
        yield opened
