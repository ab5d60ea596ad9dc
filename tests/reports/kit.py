"""What the tests of reports share: an account with a sandbox behind it, and reports made by hand."""

import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from omni_bulk import Omni, Settings, Summary, Template
from omni_bulk.account import World
from omni_bulk.joining import read_report
from omni_bulk.ledger import read_ledger
from omni_bulk.ledger.report_file import attach_reports
from omni_bulk.model import Report, Way
from omni_bulk.reports import Collector
from omni_bulk.results import iso
from omni_bulk.testing import Sandbox

FROM = "0212345678"
HOUR = 3600.0


def rows(count: int, *, prefix: str | None = None) -> list[dict[str, str]]:
    """A list; with `prefix` each row has a ref."""
    made = [{"to": f"+8210{10_000_000 + number}", "name": f"n{number}"} for number in range(count)]
    return made if prefix is None else [{**row, "ref": f"{prefix}{number}"} for number, row in enumerate(made)]


@dataclass
class Post:
    """An account, its ledger, and a sandbox whose clock is everybody's."""

    box: Sandbox
    folder: Path

    @property
    def ledger(self) -> Path:
        return self.folder / "ledger.db"

    @property
    def world(self) -> World:
        return World(epoch=self.box._clock)

    def advance(self, seconds: float) -> None:
        self.box.advance(seconds)

    @asynccontextmanager
    async def omni(self, **settings: Any) -> AsyncIterator[Omni]:
        given = {"base_url": self.box.url, "client_id": "sandbox", "client_password": "sandbox", "rate": 5_000}
        async with Omni(Settings(ledger=self.ledger, from_=FROM, **{**given, **settings}), world=self.world) as omni:
            yield omni

    async def send(self, name: str, people: list[dict[str, str]], text: str = "hi {name}", **options: Any) -> Summary:
        async with self.omni() as omni:
            out = self.folder / f"{name}.results.jsonl"
            async with omni.campaign(name, Template(text, from_=FROM), out=out, **options) as campaign:
                return await campaign.run(people, max_unknown_rate=1.0, max_failure_rate=1.0)

    @asynccontextmanager
    async def collector(self, *, filed: bool = True, **how: Any) -> AsyncIterator[Collector]:
        files: dict[str, Any] = (
            {"out": self.folder / "reports.jsonl", "foreign": self.folder / "foreign.jsonl"} if filed else {}
        )
        async with self.omni() as omni, omni.reports(**files, **how) as collector:
            yield collector

    async def poll(self, **how: Any) -> Collector:
        async with self.collector(**how) as collector:
            await collector.poll()
            return collector

    def push(self, **fields: str | None) -> dict[str, Any]:
        """A report made by hand into the API's queue."""
        made = raw_report(self.box._clock(), **fields)
        self.box.state.reports.push(made)
        return made

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        db = read_ledger(self.ledger)
        assert db is not None
        with closing(db):
            attach_reports(db, self.ledger)
            yield db

    def ask(self, sql: str, *values: object) -> list[Any]:
        with self.reading() as db:
            return db.execute(sql, values).fetchall()

    def states(self) -> Counter[int]:
        return Counter(dict(self.ask("SELECT state, count(*) FROM message GROUP BY state")))

    def verdicts(self) -> Counter[str]:
        return Counter(dict(self.ask("SELECT verdict, count(*) FROM report GROUP BY verdict")))

    def lines(self, name: str) -> list[dict[str, Any]]:
        return [orjson.loads(line) for line in (self.folder / name).read_bytes().splitlines()]

    def wrong_keys(self) -> list[str]:
        """Refs whose msgKey in the ledger is not the one the API gave."""
        given = {message.ref: message.msg_key for message in self.box.messages}
        return [ref for ref, key in self.ask("SELECT ref, msg_key FROM message WHERE state = 2") if given[ref] != key]


def raw_report(at: float, **fields: str | None) -> dict[str, Any]:
    """The API's JSON of one report; a field given as None is left out."""
    when = iso(round(at * 1000))
    made: dict[str, Any] = {
        "msgKey": "k-1", "serviceType": "im", "msgType": "im", "sendTime": when, "reportTime": when, "reportType": "0",
        "reportCode": "10000", "reportText": "Success", "carrier": "10001", "resCnt": "1", "ref": "r-1",
    }  # fmt: skip
    made |= fields
    return {name: value for name, value in made.items() if value is not None}


def report(at: float = 1_760_000_000.0, *, proven: bool = True, **fields: str | None) -> Report:
    return read_report(raw_report(at, **fields), source=Way.POLL, proven=proven, received_at=round(at * 1000))
