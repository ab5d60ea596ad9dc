"""What the sandbox's tests share: a clock that stands still until told, and an account with a token."""

from random import Random
from typing import Any, Unpack

import orjson

from omni_bulk.sandbox.codes import Answer
from omni_bulk.sandbox.options import Knobs, Options
from omni_bulk.sandbox.state import Outcome, State

NOON = 1_795_000_000.0  # 2026-11-18T16:26:40Z; far from any edge

MESSAGE: dict[str, Any] = {"from": "0212345678", "to": "+821012345678", "text": "hello", "ref": "r1"}


class Clock:
    """Seconds that pass only by `advance`."""

    def __init__(self, now: float = NOON) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


def body_of(answer: Answer) -> dict[str, Any]:
    parsed: dict[str, Any] = orjson.loads(answer.body)
    return parsed


class Account:
    """A `State` under a `Clock`, with the header of a fresh token; no rate limit unless asked for."""

    def __init__(self, **knobs: Unpack[Knobs]) -> None:
        chosen: Knobs = {"tps": None, "seed": 1}
        chosen.update(knobs)
        self.clock = Clock()
        self.state = State(Options(**chosen), clock=self.clock, rng=Random(chosen["seed"]))
        self.authorization = self.log_in()

    def log_in(self) -> str:
        token = body_of(self.state.token("sandbox", "sandbox"))["data"]
        return f"{token['schema']} {token['token']}"

    def post(self, **changes: Any) -> Outcome:
        """Post `MESSAGE` with these fields changed (None drops one)."""
        fields = {name: value for name, value in {**MESSAGE, **changes}.items() if value is not None}
        return self.state.post(self.authorization, orjson.dumps(fields))

    def poll(self) -> dict[str, Any]:
        answered: dict[str, Any] = body_of(self.state.poll(self.authorization))["data"]
        return answered

    def ack(self, report_id: str) -> str | None:
        return self.state.ack(self.authorization, report_id).code

    def inquire(self, msg_key: str) -> list[dict[str, str]]:
        found: list[dict[str, str]] = body_of(self.state.inquire(self.authorization, msg_key))["data"]["report"]
        return found
