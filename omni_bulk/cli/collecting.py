"""What `reports` does: one way of collecting, its end told to people and as JSON, signals."""

import asyncio
from dataclasses import asdict
from typing import Any

import orjson

from omni_bulk.cli.account import offline_account
from omni_bulk.cli.order import Problems, seconds_of
from omni_bulk.cli.screen import Screen
from omni_bulk.cli.signals import ENDING, hear
from omni_bulk.cli.stage import on_stage
from omni_bulk.cli.streams import put
from omni_bulk.collected import read_collected
from omni_bulk.errors import SettingsError
from omni_bulk.ledger import book, no_ledger
from omni_bulk.lock import refuse_network_filesystem
from omni_bulk.model import CampaignRow
from omni_bulk.omni import Omni
from omni_bulk.policy import PATIENCE
from omni_bulk.reports import Collector
from omni_bulk.sentences import counted, said
from omni_bulk.settings import Settings
from omni_bulk.webhook import WebhookServer

_WAYS = ("poll", "follow", "inquire", "import_", "webhook")
_SETTINGS = ("config", "base_url", "ledger", "timeout", "proxy", "ca_file", "dlr")
INTERRUPTED = 75


def main(given: dict[str, Any]) -> int:
    """Runs `reports` with its flags by name, and gives the exit code."""

    def go(screen: Screen) -> int:
        collecting = Collecting(given, screen)
        with asyncio.Runner() as runner:
            return runner.run(collecting.go())

    return on_stage(given, go)


class Collecting:
    """One `reports`. Raises SettingsError, with every problem, for flags that do not go together."""

    def __init__(self, given: dict[str, Any], screen: Screen) -> None:
        self.given = given
        self.screen = screen
        problems = Problems()
        ways = [way for way in _WAYS if given[way]]
        if len(ways) != 1:
            problems.sentences.append(
                said(
                    "give one of --poll, --follow, --inquire, --import and --webhook; `omni-bulk reports --poll` collects what is there"
                )
            )
        self.way = ways[0] if ways else ""
        self.silent = problems.take(lambda: seconds_of(given["silent"], "--silent") or 0.0) or 0.0
        self.address = problems.take(lambda: address_of(given["webhook"]))
        settings = problems.take(lambda: Settings(**{name: given[name] for name in _SETTINGS}))
        if settings is not None and self.way != "import_":
            problems.take(settings.require_credentials)
        problems.tell()
        assert settings is not None  # noqa: S101  or there were problems
        self.settings, self.origin = settings, settings.origin
        if self.way == "import_":
            self.settings, self.origin = offline_account(settings)
        self._interrupts = 0
        self._collector: Collector | None = None
        self._over = asyncio.Event()

    async def go(self) -> int:
        """Collects, and gives the exit code."""
        refuse_network_filesystem(self.settings.ledger)
        if not self.settings.ledger.exists():
            raise no_ledger(self.settings.ledger)
        main_task = asyncio.current_task()
        assert main_task is not None  # noqa: S101  runs as a task
        hear(lambda: self._interrupted(main_task), *ENDING)
        try:
            return await self._go()
        except asyncio.CancelledError:
            if not self._interrupts:
                raise
            self.screen.say("interrupted", said("Interrupted; run the same command again to go on."), always=True)
            return 130 if self._interrupts > 1 else INTERRUPTED

    async def _go(self) -> int:
        async with Omni(self.settings, create_ledger=False, origin=self.origin) as omni:
            patience = None if self.way in {"follow", "webhook"} else PATIENCE
            filed = self.way != "import_"  # what is imported is in a file already
            files = (self.given["out"], self.given["foreign"]) if filed else (None, None)
            async with omni.reports(files[0], foreign=files[1], patience=patience) as collector:
                self._collector = collector
                try:
                    await self._collect(omni, collector)
                finally:
                    self._tell(collector)
        return INTERRUPTED if self._interrupts and self.way not in {"follow", "webhook"} else 0

    async def _collect(self, omni: Omni, collector: Collector) -> None:
        if self.given["own_queue"]:
            await collector.own_queue()
        match self.way:
            case "poll":
                await collector.poll()
            case "follow":
                self.screen.say("following", said("Collecting reports until interrupted."))
                await collector.follow()
            case "inquire":
                row = campaign_named(omni, self.given["inquire"])
                await collector.inquire(
                    row.id, silent_for=self.silent, dlr=self.settings.dlr, rate=self.given["inquiries"]
                )
            case "import_":
                await collector.take_all(read_collected(self.given["import_"]))
            case _:
                await self._listen(collector)

    async def _listen(self, collector: Collector) -> None:
        assert self.address is not None  # noqa: S101  checked with the flags
        secret = self.settings.webhook_secret
        if secret is None:
            self.screen.say(
                "unsigned",
                said(
                    "OMNI_WEBHOOK_SECRET is not set, so anybody who reaches this address can tell of deliveries; an unknown "
                    "message is settled only after the API has confirmed it."
                ),
                style="yellow",
            )
        server = WebhookServer(
            collector, secret=None if secret is None else secret.get_secret_value(), epoch=collector.epoch
        )

        def ready(host: str, port: int) -> None:
            self.screen.say(
                "listening", said("Listening for reports on http://{host}:{port}/", host=host, port=port), always=True
            )

        await server.serve(*self.address, self._over, ready)

    def _tell(self, collector: Collector) -> None:
        counts, say = collector.counts, self.screen.say
        if self.given["json"]:
            put(orjson.dumps(asdict(counts)).decode())
        if self.way == "inquire":
            say("inquired", said("Asked about {messages}.", messages=counted(counts.inquired, "message")))
        say(
            "collected",
            said(
                "{reports} in {batches}: {joined:,} of messages of this ledger, {foreign:,} of other systems, {copies} of known "
                "ones.",
                reports=counted(counts.collected, "new report"),
                batches=counted(counts.batches, "batch", "batches"),
                joined=counts.joined,
                foreign=counts.foreign,
                copies=counted(counts.duplicates, "copy", "copies"),
            ),
            style="bold",
        )
        if counts.settled:
            say("settled", said("{messages} turned out accepted.", messages=counted(counts.settled, "unknown message")))
        if counts.unmatched:
            say(
                "unmatched",
                said(
                    "{reports} bear a ref of ours, but may be of something else that used it.",
                    reports=counted(counts.unmatched, "report"),
                ),
                style="yellow",
            )
        if counts.foreign + counts.unmatched and self.way != "import_":
            say(
                "foreign", said("  those that are not ours: {path}", path=self.given["foreign"].absolute()), style="dim"
            )
        if counts.doubles:
            say(
                "double",
                said(
                    "ERROR: {reports} of a second acceptance that nobody ordered: somebody got two "
                    "messages. Stop sending, and send the vendor the msgKeys that omni-bulk status shows.",
                    reports=counted(counts.doubles, "report"),
                ),
                style="bold red",
                always=True,
            )

    def _interrupted(self, main_task: "asyncio.Task[Any]") -> None:
        self._interrupts += 1
        self._over.set()
        if self._collector is None or self._interrupts > 1:
            main_task.cancel()
        else:
            self._collector.stop()


def address_of(value: str | None) -> tuple[str, int] | None:
    """``HOST:PORT``, ``[::1]:8080`` or ``:8080`` (this machine alone)."""
    if value is None:
        return None
    host, colon, port = value.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or not 0 <= int(port) < 65_536:
        raise SettingsError(said("--webhook takes HOST:PORT such as 127.0.0.1:8080, not {value!r}", value=value))
    return host.strip("[]") or "127.0.0.1", int(port)


def campaign_named(omni: Omni, name: str) -> CampaignRow:
    """The account's campaign of this name. Raises SettingsError when there is none."""
    with omni.account.ledger.reading() as db:
        found = book.find_campaign(db, omni.account.id, name)
    if found is None:
        raise SettingsError(
            said("the ledger knows no campaign {name!r} of this account; see omni-bulk status", name=name)
        )
    return found
