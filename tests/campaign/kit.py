"""What the tests of campaigns share: a bench with a sandbox, a ledger and a short way to send a list."""

import asyncio
import json
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from textwrap import dedent
from typing import Any

import orjson

from omni_bulk import Omni, Result, Settings, Summary, Template, read_results
from omni_bulk.account import World
from omni_bulk.feed import Recipients
from omni_bulk.testing import Sandbox

FROM = "0212345678"
TEXT = "Hello {name}"


def number(index: int) -> str:
    return f"+8210{10_000_000 + index}"


def people(*indexes: int, **columns: str) -> list[dict[str, Any]]:
    """Rows of a list without refs; `columns` are the same in each."""
    return [{"to": number(index), "name": f"n{index}", **columns} for index in indexes]


def with_refs(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**row, "ref": f"r-{row['name']}"} for row in rows]


def write_csv(path: Path, rows: Iterable[dict[str, Any]]) -> Path:
    rows = list(rows)
    lines = [",".join(rows[0]), *(",".join(row.values()) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@dataclass
class Clock:
    """The time of day that a test wants."""

    now: float

    @classmethod
    def at(cls, text: str) -> "Clock":
        return cls(datetime.fromisoformat(text).timestamp())

    def advance(self, *, hours: float) -> None:
        self.now += hours * 3600

    @property
    def world(self) -> World:
        return World(epoch=lambda: self.now)


@dataclass
class Sent:
    """What one `campaign.send` gave."""

    results: list[Result]
    summary: Summary
    name: str
    id: str
    notes: list[str]
    completed: str | None

    @property
    def outcomes(self) -> Counter[str]:
        """`status`, or `status:reason` for what has one; a plus in front of what was replayed."""
        return Counter(map(outcome, self.results))


def outcome(result: Result) -> str:
    said = f"{result.status}:{result.reason}" if result.reason else str(result.status)
    return f"+{said}" if result.replayed else said


@dataclass
class Bench:
    """A sandbox and a ledger. `omni` opens the account; `send` sends one list the way a program would."""

    sandbox: Sandbox
    ledger: Path = field(default_factory=lambda: Path("ledger.db").absolute())

    @property
    def given(self) -> dict[str, Any]:
        return {
            "client_id": "sandbox", "client_password": "sandbox", "base_url": self.sandbox.url,
            "ledger": str(self.ledger), "rate": 2000, "workers": 16,
        }  # fmt: skip

    def settings(self, **changes: Any) -> Settings:
        return Settings(**{**self.given, **changes})

    def omni(self, *, world: World | None = None, origin: str | None = None, **changes: Any) -> Omni:
        return Omni(self.settings(**changes), world=world, origin=origin)

    async def send(
        self, rows: Recipients, *, name: str = "october", text: str | None = TEXT, from_: str | None = FROM,
        account: dict[str, Any] | None = None, limit: int | None = None, **opening: Any,
    ) -> Sent:  # fmt: skip
        """Opens account and campaign, sends, and closes both: a run of its own. `text=None`: each row brings it."""
        template = None if text is None else Template(text, from_=from_)
        given = dict(account or {})
        if text is None:
            given["from_"] = from_
        async with self.omni(**given) as omni, omni.campaign(name, template, **opening) as campaign:
            results = [result async for result in campaign.send(rows, limit=limit)]
            assert campaign.summary is not None
            return Sent(results, campaign.summary, campaign.name, campaign.id, campaign.notes, campaign.completed)

    def start(self, code: str, **given: Any) -> "subprocess.Popen[str]":
        """Another process that runs `code`, with ``settings`` and `given` as JSON in its first argument."""
        arguments = [sys.executable, "-c", dedent(code), json.dumps({"settings": self.given, **given})]
        return subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)

    @property
    def texts(self) -> dict[str, list[str]]:
        """What each phone got."""
        got: dict[str, list[str]] = {}
        for message in self.sandbox.messages:
            got.setdefault(message.to, []).append(message.text)
        return got

    @property
    def posts(self) -> int:
        return int(self.sandbox.stats()["posts"])

    def nobody_got_two(self) -> bool:
        return all(len(texts) == 1 for texts in self.texts.values())


@asynccontextmanager
async def bench(**knobs: Any) -> AsyncIterator[Bench]:
    async with Sandbox(**{"tps": None, **knobs}) as sandbox:
        yield Bench(sandbox)


def lines(path: Path | str) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in Path(path).read_bytes().splitlines()]


def seqs_are_gapless(path: Path | str) -> bool:
    return [line["seq"] for line in lines(path)] == list(range(1, len(lines(path)) + 1))


def final(path: Path | str) -> Counter[str]:
    """How the refs of a results file stand."""
    return Counter(map(outcome, read_results(path)))


async def until(condition: Callable[[], bool], *, patience: float = 10.0) -> None:
    """Waits for what a socket or a thread is about to bring."""
    async with asyncio.timeout(patience):
        while not condition():
            await asyncio.sleep(0.001)
