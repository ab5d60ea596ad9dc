"""Stand-ins for what the gate and the worker are given: a ledger in memory, in the loop's own (virtual) time."""

import asyncio
import itertools
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, TypeVar

import orjson

from omni_bulk.errors import LedgerError, Stopped
from omni_bulk.model import CampaignRow, Evidence, Kind, Result, State, Verdict
from omni_bulk.results import changed
from omni_bulk.wire import Answer, Failure, classify

T = TypeVar("T")
ACCEPTED = Verdict(Kind.ACCEPTED, code="A000", msg_key="k", omni=True)
THROTTLED = Verdict(Kind.THROTTLED, code="A020", omni=True)
NOT_SENT = Verdict(Kind.NOT_SENT, reason="not_connected")
BARE = Verdict(Kind.BARE_REFUSAL, reason="bare_refusal")


class Book:
    """One FIFO writer as the ledger's: every write is committed `delay` seconds later, all together or in turn.

    `states` is what the disk says; `log` what was committed and when. Claiming what is not ready is the one thing that
    must never happen, so it raises here and fails the test. `failing` makes every commit fail with that error.
    """

    def __init__(self, delay: float = 0.0) -> None:
        self.delay = delay
        self.states: defaultdict[int, State] = defaultdict(lambda: State.READY)
        self.attempts: dict[int, int] = {}
        self.results: dict[int, Result] = {}
        self.refused: dict[int, str | Stopped] = {}  # what a claim leaves ready, and why
        self.log: list[tuple[float, str, int]] = []
        self.failing: Exception | None = None
        self.failing_on: Callable[[str], bool] = lambda _: True
        self._seq = itertools.count(1)
        self._queue: deque[tuple[str, Callable[[], Any], asyncio.Future[Any]]] = deque()

    def _submit(self, name: str, operation: Callable[[], Any]) -> "asyncio.Future[Any]":
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        self._queue.append((name, operation, future))
        loop.call_later(self.delay, self._commit)
        return future

    def _commit(self) -> None:
        name, operation, future = self._queue.popleft()
        if self.failing is not None and self.failing_on(name):
            outcome: Any = self.failing
        else:
            outcome = operation()
        if future.done():
            return
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)

    def _note(self, name: str, message: int, state: State) -> None:
        self.log.append((asyncio.get_running_loop().time(), name, message))
        self.states[message] = state

    def claim(self, messages: Sequence[int], now: int = 0) -> "asyncio.Future[Mapping[int, str | Stopped]]":
        def operation() -> Mapping[int, str | Stopped]:
            for message in messages:
                assert self.states[message] is State.READY, "a message that is not ready was about to be claimed"
                if message not in self.refused:
                    self._note("claim", message, State.CLAIMED)
            return {message: self.refused[message] for message in messages if message in self.refused}

        return self._submit("claim", operation)

    def release(self, message: int, attempts: int) -> "asyncio.Future[None]":
        def operation() -> None:
            if self.states[message] is State.CLAIMED:
                self._note("release", message, State.READY)
                self.attempts[message] = attempts

        return self._submit("release", operation)

    def take_back(self, message: int) -> "asyncio.Future[None]":
        def operation() -> None:
            if self.states[message] is State.CLAIMED:
                self._note("take back", message, State.READY)

        return self._submit("take back", operation)

    def settle(
        self, campaign: CampaignRow, message: int, draft: Result, outcome: Mapping[str, object]
    ) -> "asyncio.Future[Result]":
        result = changed(draft, **outcome)

        def operation() -> Result:
            assert self.states[message] is State.CLAIMED or message in self.refused
            self._note("settle", message, State.of(result.status))
            self.results[message] = written = replace(result, seq=next(self._seq))
            return written

        return self._submit("settle", operation)

    def said(self, message: int) -> list[str]:
        """What was committed of one message, in order."""
        return [name for _, name, about in self.log if about == message]


CAMPAIGN = CampaignRow(1, "11111111-1111-4111-8111-111111111111", 1, "october")


def omni(code: str, status: int = 200, **more: Any) -> Answer:
    """An answer of the API."""
    return Answer(status, {}, orjson.dumps({"code": code, "result": "…", **more}), latency_ms=5)


def issued(life: float | None = None, *, expired: str | None = None, token: str = "t") -> Answer:  # noqa: S107
    """A000 with a token that lives `life` seconds from the answer's own Date; `expired` in place of that end."""
    found = {"schema": "Bearer", "token": token}
    if life is not None:
        found["expired"] = datetime.fromtimestamp(DATE.timestamp() + life, UTC).isoformat()
    if expired is not None:
        found["expired"] = expired
    return Answer(200, {"Date": format_datetime(DATE, usegmt=True)}, omni("A000", data=found).body)


DATE = datetime(2026, 11, 22, 7, 40, 47, tzinfo=UTC)
TAKEN = omni("A000", msgKey="k-1", ref="r-1")
EXPIRED = omni("A001", 401)
BUSY = omni("A020", 429)
DOUBTFUL = omni("A999", 500)
NOT_CONNECTED = Answer(failure=Failure.REFUSED, evidence=Evidence.NOTHING_WRITTEN, latency_ms=1)
FORBIDDEN = Answer(403, {}, b"<html>", latency_ms=5)


def following(answers: list[T]) -> T:
    """The next one; the last one again and again."""
    return answers.pop(0) if len(answers) > 1 else answers[0]


class Api:
    """Both endpoints, each answering from a list, the last one again and again, after `takes` seconds.

    `doubts` counts posts that were begun and not proven to be refused: with one of them open there must be no other,
    and the message must not be ready. A second post in doubt is a second SMS, so it raises here.
    """

    def __init__(self, *posts: Answer | Exception, tokens: Sequence[Answer] = (), takes: float = 0.0) -> None:
        self.answers = list(posts)
        self.tokens = list(tokens) or [issued()]
        self.takes = takes
        self.posts: list[str] = []
        self.fetched = 0
        self.doubts = 0

    async def post_message(self, body: bytes, authorization: str) -> Answer:
        assert not self.doubts, "a message whose bytes may have left was posted again"
        self.posts.append(authorization)
        self.doubts += 1
        await asyncio.sleep(self.takes)
        answer = following(self.answers)
        if isinstance(answer, Exception):
            raise answer
        self.doubts -= classify(answer, "r-1", 0.0).kind not in {Kind.ACCEPTED, Kind.UNKNOWN}
        return answer

    async def fetch_token(self) -> Answer:
        self.fetched += 1
        await asyncio.sleep(self.takes)
        return following(self.tokens)


DISK_FULL = LedgerError("the ledger could not be written: no space left")
