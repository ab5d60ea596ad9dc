"""For your own tests: a stand-in for the OMNI API, what people ask of it, and pytest fixtures that start it.

In a ``conftest.py``::

    from omni_bulk.testing import omni_sandbox, omni_settings  # noqa: F401

and in a test::

    async def test_welcome(omni_sandbox, omni_settings):
        await welcome(omni_settings)  # base URL and credentials of the sandbox, and a ledger of its own
        omni_sandbox.assert_sent("+821012345678", "Welcome!")

    async def test_an_answer_that_never_comes(omni_sandbox, omni_settings):
        omni_sandbox.fail_next("hang")
        ...

The fixtures need pytest-asyncio, in either of its modes; `Sandbox` needs neither. Knobs go through indirect parameters:
``@pytest.mark.parametrize("omni_sandbox", [{"tps": 5}], indirect=True)``.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Unpack

from omni_bulk import sandbox as served
from omni_bulk.layers import Given
from omni_bulk.masking import masked
from omni_bulk.sandbox import Taken
from omni_bulk.settings import Settings

LOOK_EVERY = 0.005  # s between looks at what was taken


class Sandbox(served.Sandbox):
    """The sandbox, with what tests ask of it. It is entered with ``async with``, and takes the knobs of `Options`.

    `messages` is what was taken so far, in order, each with `to`, `from_`, `text`, `ref` and `msg_key`; `faults` and
    `fail_next` make trouble: ``fail_next("hang")`` takes the next message and never answers, ``"drop"`` cuts the
    connection instead, ``"refuse"`` says to slow down, and a code such as ``"A306"`` is given as the answer;
    ``on="token"`` strikes the next request for a token.

    The assertions raise AssertionError. Their messages show numbers masked, and of texts only those that the number in
    question got.
    """

    def settings(self, **given: Unpack[Given]) -> Settings:
        """Settings that point here. Give a `ledger` of the test's own: the default is that of whoever runs the tests."""
        options = self.options
        here: Given = {
            "base_url": self.url, "client_id": options.client_id, "client_password": options.client_password,
        }  # fmt: skip
        here.update(given)
        return Settings(**here)

    def messages_to(self, number: str) -> list[Taken]:
        """What this number (E.164) got, in order."""
        return [message for message in self.messages if message.to == number]

    def assert_sent(
        self, to: str, text: str | None = None, *, from_: str | None = None, ref: str | None = None, times: int = 1
    ) -> None:
        """`to` (E.164) got a message `times` times, once unless told otherwise; with this text, `from_` and `ref`."""
        __tracebackhide__ = True
        got = self.messages_to(to)
        wanted = {"text": text, "from_": from_, "ref": ref}
        fits = [one for one in got if all(value in {None, getattr(one, name)} for name, value in wanted.items())]
        if len(fits) != times:
            rest = f"; it got {[message.text for message in got]}" if got else ""
            others = f", of {len(self.messages)} that were taken in all" if not got else ""
            raise AssertionError(f"{masked(to)} got {len(fits)} such messages, not {times}{others}{rest}")

    def assert_nothing_sent(self) -> None:
        """Nobody got anything."""
        __tracebackhide__ = True
        if self.messages:
            to = ", ".join(sorted({masked(message.to) for message in self.messages}))
            raise AssertionError(f"{len(self.messages)} messages were taken, to {to}")

    def assert_nobody_twice(self) -> None:
        """No number got two messages with the same text, and no ref was taken twice."""
        __tracebackhide__ = True
        texts = Counter((message.to, message.text) for message in self.messages)
        refs = Counter(message.ref for message in self.messages if message.ref is not None)
        twice = sorted({masked(to) for (to, _), times in texts.items() if times > 1})
        again = sorted(ref for ref, times in refs.items() if times > 1)
        if twice or again:
            raise AssertionError(f"twice: {', '.join(twice) or 'no number'}; refs: {', '.join(again) or 'none'}")

    async def wait_for(self, count: int, seconds: float = 10.0) -> list[Taken]:
        """Waits until `count` messages were taken in all, and gives them: for code that sends in the background."""
        try:
            async with asyncio.timeout(seconds):
                while len(self.messages) < count:  # noqa: ASYNC110  whoever takes one tells nobody
                    await asyncio.sleep(LOOK_EVERY)
        except TimeoutError:
            raise AssertionError(f"{len(self.messages)} of {count} messages came within {seconds:g} s") from None
        return list(self.messages)


try:
    import pytest
    import pytest_asyncio
except ModuleNotFoundError:
    __all__ = ["Sandbox", "Taken"]
else:
    __all__ = ["Sandbox", "Taken", "omni_sandbox", "omni_settings"]

    @pytest_asyncio.fixture
    async def omni_sandbox(request: pytest.FixtureRequest) -> AsyncIterator[Sandbox]:
        """A started `Sandbox`, new for each test and closed after it."""
        async with Sandbox(**getattr(request, "param", {})) as sandbox:
            yield sandbox

    @pytest.fixture
    def omni_settings(omni_sandbox: Sandbox, tmp_path: Path) -> Settings:
        """`Settings` that point at `omni_sandbox`, with a ledger in `tmp_path`; hurried, so that no test waits long."""
        return omni_sandbox.settings(ledger=tmp_path / "ledger.db", timeout=1.0, drain=1.0)
