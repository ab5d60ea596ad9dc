"""For your own tests: a stand-in for the OMNI API, and a pytest fixture that starts one.

In a ``conftest.py``::

    from omni_bulk.testing import omni_sandbox  # noqa: F401

and in a test::

    async def test_welcome(omni_sandbox):
        await welcome(base_url=omni_sandbox.url)  # client id and password are "sandbox"
        assert [message.to for message in omni_sandbox.messages] == ["+821012345678"]

The fixture needs pytest-asyncio, in either of its modes; `Sandbox` needs neither. Knobs go through indirect parameters:
``@pytest.mark.parametrize("omni_sandbox", [{"tps": 5}], indirect=True)``.
"""

from collections.abc import AsyncIterator

from omni_bulk.sandbox import Sandbox

try:
    import pytest
    import pytest_asyncio
except ModuleNotFoundError:
    __all__ = ["Sandbox"]
else:
    __all__ = ["Sandbox", "omni_sandbox"]

    @pytest_asyncio.fixture
    async def omni_sandbox(request: pytest.FixtureRequest) -> AsyncIterator[Sandbox]:
        """A started `Sandbox`, new for each test and closed after it."""
        async with Sandbox(**getattr(request, "param", {})) as sandbox:
            yield sandbox
