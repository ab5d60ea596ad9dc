"""Being told what happens while it happens: `on_result`, `on_attempt`, `on_pause`, and whoever else listens.

Sending never waits for a listener. Each hook has a line of its own, `LINE_MAX` long; what comes when it is full is
dropped, counted and said. A plain function runs in a thread of its own, so that a slow one does not stop the event
loop; a coroutine function runs on the loop, one call after the other, in the order of what happened. What a hook raises
is logged once (event ``hook_failed``) and goes no further.
"""

import asyncio
import inspect
import logging
import threading
import traceback
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import PurePath
from queue import SimpleQueue
from typing import Any, Protocol

from omni_bulk.model import Kind, Result

LINE_MAX = 10_000  # what waits for one hook: some seconds of a fast run, and a few MB
CLOSING = 5.0  # s that hooks get at the end for what still waits for them
logger = logging.getLogger("omni_bulk")


@dataclass(frozen=True, slots=True)
class Attempt:
    """One POST and what it proved.

    `ref` and `campaign_id` are those of the result to come, `country` is the recipient's (ISO), `kind` what the answer
    proves (`Kind`), `code` the API's or None, `reason` ours or None. `count` numbers the POSTs of this message that may
    have left, `latency_ms` is the answer's.
    """

    ref: str
    campaign_id: str
    campaign: str
    country: str
    kind: Kind
    code: str | None
    reason: str | None
    count: int
    latency_ms: int | None


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing passes for `seconds`, because of `cause`: a slug such as ``throttled``, ``not_connected``."""

    cause: str
    seconds: float


OnResult = Callable[[Result], Awaitable[None] | None]
OnAttempt = Callable[[Attempt], Awaitable[None] | None]
OnPause = Callable[[Pause], Awaitable[None] | None]


class Ears(Protocol):
    """A listener on the loop. Its methods return at once."""

    def result(self, result: Result) -> None:
        """A result was recorded."""

    def attempt(self, attempt: Attempt) -> None:
        """A POST has its answer, or will have none."""

    def pause(self, pause: Pause) -> None:
        """Sending pauses."""


class Hub:
    """Where an account tells what happens, and who is told: everything, or only what concerns one campaign."""

    def __init__(self) -> None:
        self._ears: list[tuple[str | None, Ears]] = []

    def add(self, ears: Ears, campaign_id: str | None = None) -> None:
        """From now on `ears` are told."""
        self._ears.append((campaign_id, ears))

    def remove(self, ears: Ears) -> None:
        """They are told no more. Without effect for who never was."""
        self._ears = [one for one in self._ears if one[1] is not ears]

    def __bool__(self) -> bool:
        return bool(self._ears)

    def result(self, result: Result) -> None:
        for campaign_id, ears in self._ears:
            if campaign_id is None or campaign_id == result.campaign_id:
                ears.result(result)

    def attempt(self, attempt: Attempt) -> None:
        for campaign_id, ears in self._ears:
            if campaign_id is None or campaign_id == attempt.campaign_id:
                ears.attempt(attempt)

    def pause(self, pause: Pause) -> None:
        for _, ears in self._ears:
            ears.pause(pause)


class Hooks:
    """The hooks of one caller. `begin` and `end` bound the time in which they are called."""

    def __init__(
        self, on_result: OnResult | None = None, on_attempt: OnAttempt | None = None, on_pause: OnPause | None = None
    ) -> None:
        self._result = _line("on_result", on_result)
        self._attempt = _line("on_attempt", on_attempt)
        self._pause = _line("on_pause", on_pause)
        self._lines = [line for line in (self._result, self._attempt, self._pause) if line is not None]
        self._hub: Hub | None = None

    @property
    def dropped(self) -> dict[str, int]:
        """How many calls each hook has missed because it was too slow."""
        return {line.name: line.dropped for line in self._lines}

    def begin(self, hub: Hub, campaign_id: str | None = None) -> None:
        """Listens to the hub. Called on the loop."""
        if self._lines and self._hub is None:
            self._hub = hub
            for line in self._lines:
                line.open()
            hub.add(self, campaign_id)

    async def end(self, limit: float = CLOSING) -> None:
        """Listens no more, and lets what waits be told, for `limit` seconds at most."""
        hub, self._hub = self._hub, None
        if hub is not None:
            hub.remove(self)
            await asyncio.gather(*(line.close(limit) for line in self._lines))

    def result(self, result: Result) -> None:
        if self._result is not None:
            self._result.put(result)

    def attempt(self, attempt: Attempt) -> None:
        if self._attempt is not None:
            self._attempt.put(attempt)

    def pause(self, pause: Pause) -> None:
        if self._pause is not None:
            self._pause.put(pause)


_END = object()


def _line(name: str, hook: Callable[[Any], Any] | None) -> "_Line | None":
    if hook is None:
        return None
    is_coroutine = inspect.iscoroutinefunction(hook) or inspect.iscoroutinefunction(getattr(hook, "__call__", None))  # noqa: B004
    return _OnLoop(name, hook) if is_coroutine else _InThread(name, hook)


class _Line:
    """What waits for one hook, in its order."""

    def __init__(self, name: str, hook: Callable[[Any], Any]) -> None:
        self.name = name
        self.dropped = 0
        self._hook = hook
        self._given = 0
        self._taken = 0
        self._failed = False
        self._told = 0

    def open(self) -> None:
        """From now on what is put is passed on. Called on the loop."""
        self._given = self._taken = 0
        self._start()

    def _start(self) -> None:
        raise NotImplementedError

    def _pass_on(self, value: object) -> None:
        raise NotImplementedError

    async def _wait(self, limit: float) -> None:
        raise NotImplementedError

    def put(self, value: object) -> None:
        """Drops it when the line is full."""
        if self._given - self._taken >= LINE_MAX:
            self.dropped += 1
            if not self._told:
                self._tell_dropped()
            return
        self._given += 1
        self._pass_on(value)

    async def close(self, limit: float) -> None:
        self._pass_on(_END)
        await self._wait(limit)
        self.dropped += self._given - self._taken
        if self.dropped > self._told:
            self._tell_dropped()

    def _tell_dropped(self) -> None:
        self._told = self.dropped
        extra = {"event": "hook_dropped", "hook": self.name, "dropped": self.dropped}
        logger.warning("the hook %s is too slow, calls dropped so far: %d", self.name, self.dropped, extra=extra)

    def _contain(self, error: BaseException) -> None:
        """Told once. Without the message: it is the caller's, and may hold a number."""
        if self._failed:
            return
        self._failed = True
        frames = traceback.extract_tb(error.__traceback__)
        where = f"{PurePath(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
        extra = {"event": "hook_failed", "hook": self.name, "error": type(error).__name__, "where": where}
        logger.error("the hook %s raised %s at %s", self.name, type(error).__name__, where, extra=extra)


class _OnLoop(_Line):
    """A coroutine function: a task on the loop."""

    def _start(self) -> None:
        self._queue: asyncio.Queue[object] = asyncio.Queue()
        self._task = asyncio.create_task(self._run(), name=f"omni-bulk-{self.name}")

    def _pass_on(self, value: object) -> None:
        self._queue.put_nowait(value)

    async def _run(self) -> None:
        while (value := await self._queue.get()) is not _END:
            try:
                await self._hook(value)
            except asyncio.CancelledError as error:
                if self._task.cancelling():
                    raise
                self._contain(error)
            except Exception as error:  # noqa: BLE001  the caller's, whatever it is
                self._contain(error)
            self._taken += 1

    async def _wait(self, limit: float) -> None:
        await asyncio.wait({self._task}, timeout=limit)
        self._task.cancel()
        await asyncio.wait({self._task}, timeout=limit)  # one that swallows its cancellation is left


class _InThread(_Line):
    """Anything else that can be called: a thread, which dies with the process if the function never returns.

    What it returns is awaited on the loop when it can be.
    """

    def _start(self) -> None:
        self._queue: SimpleQueue[object] = SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._off = False
        self._over = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name=f"omni-bulk-{self.name}", daemon=True)
        self._thread.start()

    def _pass_on(self, value: object) -> None:
        self._queue.put(value)

    def _run(self) -> None:
        while (value := self._queue.get()) is not _END and not self._off:
            try:
                made = self._hook(value)
                if inspect.isawaitable(made):
                    asyncio.run_coroutine_threadsafe(_awaited(made), self._loop).result()
            except BaseException as error:  # noqa: BLE001  the caller's, whatever it is
                self._contain(error)
            self._taken += 1
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._over.set)

    async def _wait(self, limit: float) -> None:
        try:
            async with asyncio.timeout(limit):
                await self._over.wait()
        except TimeoutError:
            self._off = True


async def _awaited(made: Awaitable[Any]) -> None:
    await made
