"""What a program is told while it sends, and that nothing it does with it slows or stops the sending."""

import asyncio
import logging
import threading
from collections import Counter
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest

from omni_bulk import Attempt, Omni, Pause, Result, Template, hooks
from omni_bulk.hooks import Hooks, Hub
from omni_bulk.model import Kind
from tests.campaign.kit import FROM, TEXT, Bench, bench, people

TEMPLATE = Template(TEXT, from_=FROM)


@pytest.fixture
async def desk() -> AsyncIterator[Bench]:
    async with bench() as desk:
        yield desk


class Heard:
    """Hooks that keep what they are told."""

    def __init__(self) -> None:
        self.results: list[Result] = []
        self.attempts: list[Attempt] = []
        self.pauses: list[Pause] = []

    async def result(self, result: Result) -> None:
        self.results.append(result)

    def attempt(self, attempt: Attempt) -> None:
        self.attempts.append(attempt)

    def pause(self, pause: Pause) -> None:
        self.pauses.append(pause)

    def of(self, desk: Bench, **more: Any) -> Omni:
        return Omni(desk.settings(), on_result=self.result, on_attempt=self.attempt, on_pause=self.pause, **more)

    @property
    def statuses(self) -> Counter[str]:
        return Counter(str(one.status) for one in self.results)


async def run(omni: Omni, count: int = 20, name: str = "october", **how: Any) -> None:
    rows = [*people(*range(count)), {"to": "nonsense", "name": "x"}]
    async with omni.campaign(name, TEMPLATE, **how) as campaign:
        await campaign.run(rows)


async def test_every_result_and_every_post_is_told(desk: Bench) -> None:
    heard = Heard()
    desk.sandbox.fail_next("a020_200", 3)
    desk.sandbox.fail_next("a999")
    async with heard.of(desk) as omni:
        await run(omni)
        single = await omni.send("+821099999999", "a code", from_=FROM, ref="login-1")
    assert heard.statuses == {"accepted": 20, "unknown": 1, "invalid": 1}
    assert single in heard.results
    assert Counter(one.kind for one in heard.attempts) == {Kind.ACCEPTED: 20, Kind.UNKNOWN: 1, Kind.THROTTLED: 3}
    assert {one.country for one in heard.attempts} == {"KR"}
    assert {one.ref for one in heard.attempts} == {one.ref for one in heard.results if one.attempts}
    assert omni.hooks.dropped == {"on_result": 0, "on_attempt": 0, "on_pause": 0}


async def test_what_was_recorded_before_is_not_told_again(desk: Bench) -> None:
    async with desk.omni() as omni:
        await run(omni)
        await omni.send("+821099999999", "a code", from_=FROM, ref="login-1")
    heard = Heard()
    async with heard.of(desk) as omni:
        await run(omni)
        await omni.send("+821099999999", "a code", from_=FROM, ref="login-1")
    assert heard.results == []


async def test_a_campaign_has_hooks_of_its_own(desk: Bench) -> None:
    mine = Heard()
    async with desk.omni() as omni:
        await run(omni, 3, "october", on_result=mine.result, on_attempt=mine.attempt)
        await run(omni, 5, "november")
        await omni.send("+821099999999", "a code", from_=FROM, ref="login-1")
    assert {one.campaign for one in mine.results} == {one.campaign for one in mine.attempts} == {"october"}
    assert (len(mine.results), len(mine.attempts)) == (4, 3)


async def test_a_pause_is_told(desk: Bench) -> None:
    heard = Heard()
    async with heard.of(desk) as omni:
        omni.account.gate.hold("failure_rate", 0.0)
    assert heard.pauses == [Pause("failure_rate", 0.0)]


async def test_a_hook_that_raises_is_told_once_and_stops_nothing(desk: Bench, caplog: pytest.LogCaptureFixture) -> None:
    async def broken(result: Result) -> None:
        raise ValueError(result.to)

    def broken_too(attempt: Attempt) -> None:
        raise asyncio.CancelledError

    async with Omni(desk.settings(), on_result=broken, on_attempt=broken_too) as omni:
        await run(omni)
    failed = [vars(record) for record in caplog.records if record.__dict__.get("event") == "hook_failed"]
    assert sorted((one["hook"], one["error"]) for one in failed) == [
        ("on_attempt", "CancelledError"), ("on_result", "ValueError"),
    ]  # fmt: skip
    assert all(one["where"].startswith("test_hooks.py:") for one in failed)
    assert "+8210" not in caplog.text
    assert len(desk.sandbox.messages) == 20


@pytest.mark.parametrize("is_coroutine", [True, False])
async def test_a_slow_hook_slows_nothing_and_what_it_misses_is_counted(
    desk: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, is_coroutine: bool
) -> None:
    monkeypatch.setattr(hooks, "LINE_MAX", 5)
    sent, freed = threading.Event(), asyncio.Event()
    told: list[Result] = []

    def slow(result: Result) -> None:
        assert sent.wait(30)
        told.append(result)

    async def slow_too(result: Result) -> None:
        await freed.wait()
        told.append(result)

    async with Omni(desk.settings(), on_result=slow_too if is_coroutine else slow) as omni:
        await run(omni, 30)  # ends although the hook has not come back from its first call
        assert len(desk.sandbox.messages) == 30
        sent.set()
        freed.set()
    assert len(told) == 5
    assert omni.hooks.dropped == {"on_result": 26}
    said = [vars(one)["dropped"] for one in caplog.records if vars(one).get("event") == "hook_dropped"]
    assert said == [1, 26]


async def test_what_a_plain_function_returns_is_awaited_on_the_loop() -> None:
    loop = asyncio.get_running_loop()
    seen = list[bool]()

    async def note(prefix: str, pause: Pause) -> None:
        seen.append(asyncio.get_running_loop() is loop)

    hub, listening = Hub(), Hooks(on_pause=lambda pause: note("x", pause), on_attempt=partial(note, "x"))
    listening.begin(hub)
    hub.pause(Pause("throttled", 1.0))
    hub.attempt(Pause("throttled", 1.0))  # type: ignore[arg-type]
    await listening.end()
    assert seen == [True, True]


@pytest.mark.parametrize("is_coroutine", [True, False])
async def test_a_hook_that_never_comes_back_is_left(is_coroutine: bool, caplog: pytest.LogCaptureFixture) -> None:
    never = threading.Event()

    async def hang(_: Pause) -> None:
        await asyncio.Event().wait()

    hub = Hub()
    listening = Hooks(on_pause=hang if is_coroutine else lambda _: never.wait())  # type: ignore[arg-type, return-value]
    listening.begin(hub)
    hub.pause(Pause("throttled", 1.0))
    hub.pause(Pause("throttled", 1.0))
    with caplog.at_level(logging.WARNING):
        await listening.end(0.01)
    assert listening.dropped == {"on_pause": 2}
    assert caplog.messages == ["the hook on_pause is too slow, calls dropped so far: 2"]
    assert not hub
    never.set()


async def test_an_account_that_is_opened_again_tells_again(desk: Bench) -> None:
    heard = Heard()
    omni = heard.of(desk)
    for ref in ("login-1", "login-2"):
        async with omni:
            await omni.send("+821099999999", f"a code {ref}", from_=FROM, ref=ref)
    assert [one.ref for one in heard.results] == ["login-1", "login-2"]


async def test_without_hooks_nobody_is_asked() -> None:
    hub, listening = Hub(), Hooks()
    listening.begin(hub)
    assert not hub
    await listening.end()
    assert listening.dropped == {}
