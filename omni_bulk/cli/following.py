"""Reports beside `send`: collected while it sends and for a while after, then the figures of delivery."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self
from zoneinfo import ZoneInfo

from omni_bulk.campaign import Campaign
from omni_bulk.cli.desk import how_read
from omni_bulk.cli.screen import Screen, duration
from omni_bulk.errors import LedgerError, OmniBulkError
from omni_bulk.joining import DIE_AFTER
from omni_bulk.ledger import reading, settling
from omni_bulk.ledger.report_file import attach_reports
from omni_bulk.model import Status
from omni_bulk.omni import Omni
from omni_bulk.reports import Collector
from omni_bulk.sentences import counted, listed, said, term
from omni_bulk.stats import Summary, exit_code


class Following:
    """Collects for `seconds` after sending; an async context manager. Trouble with reports never ends the sending.

    `filed`: new reports are appended to ``reports.jsonl`` and ``foreign.jsonl`` in the current directory.
    """

    def __init__(self, omni: Omni, screen: Screen, seconds: float, *, filed: bool) -> None:
        self._omni = omni
        self._screen = screen
        self._seconds = seconds
        self._filed = filed
        self._stack = AsyncExitStack()
        self._collector: Collector | None = None
        self._task: asyncio.Task[None] | None = None
        self._over = asyncio.Event()

    async def __aenter__(self) -> Self:
        files = (Path("reports.jsonl"), Path("foreign.jsonl")) if self._filed else (None, None)
        try:
            self._collector = await self._stack.enter_async_context(self._omni.reports(files[0], foreign=files[1]))
        except LedgerError:
            raise
        except OmniBulkError as error:  # another process collects: its reports settle ours too
            self._screen.say(
                "reports",
                said("reports are not collected here: {why}", why=error.sentence),
                style="yellow",
                always=True,
            )
        else:
            self._task = asyncio.create_task(self._collector.follow(), name="omni-bulk-reports")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            await self._end()
        finally:
            await self._stack.aclose()

    def stop(self) -> None:
        """Ends the waiting after sending."""
        self._over.set()

    async def rest(self) -> None:
        """Goes on collecting after the sending, for as long as was asked."""
        if self._task is None:
            return
        self._screen.say(
            "reports", said("Sent. Collecting delivery reports for {time} more.", time=duration(self._seconds))
        )
        stopping = asyncio.ensure_future(self._over.wait())
        await asyncio.wait({self._task, stopping}, timeout=self._seconds, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        await self._end()

    async def _end(self) -> None:
        task, self._task = self._task, None
        if task is None or self._collector is None:
            return
        self._collector.stop()
        await asyncio.wait({task}, timeout=30.0)  # the batch under way; what is not acked comes again
        task.cancel()
        (ended,) = await asyncio.gather(task, return_exceptions=True)
        if isinstance(ended, OmniBulkError):
            self._screen.say(
                "reports",
                said("reports were not collected to the end: {why}", why=ended.sentence),
                style="yellow",
                always=True,
            )
        elif isinstance(ended, Exception):
            raise ended

    def settled(self, summary: Summary, campaign: Campaign) -> Summary:
        """The summary with what reports have settled since, and the exit code that follows."""
        run = campaign.run_now
        if run is None:
            return summary
        with self._omni.account.ledger.reading() as db:
            row = reading.campaigns_named(db, campaign.name)[0]
            left = len(settling.in_doubt(db, row.id))
        unknown = summary.campaign.get(Status.UNKNOWN, 0)
        proven = max(0, unknown - left)
        states = {**summary.campaign, Status.UNKNOWN: unknown - proven}
        states[Status.ACCEPTED] = states.get(Status.ACCEPTED, 0) + proven
        code = summary.exit_code
        if code == 3:
            run.tally.states.update(states)
            run.tally.states[Status.UNKNOWN] = unknown - proven
            run.tally.states[Status.ACCEPTED] = states[Status.ACCEPTED]
            code = exit_code(run.tally, None, campaign.tolerate)
        return replace(summary, campaign=states, exit_code=code)

    def tell(self, campaign: Campaign) -> None:
        """The figures of delivery."""
        ledger = self._omni.account.ledger
        with ledger.reading() as db:
            attach_reports(db, ledger.path)
            told = reading.delivery(db, reading.campaigns_named(db, campaign.name)[0], how_read(self._omni.settings))
        counts = [(name, number) for name, number in told["delivery"].items() if number]
        shares = listed(said("{number:,} {name}", number=number, name=term(name)) for name, number in counts)
        self._screen.say(
            "delivery", said("Delivery: {shares}", shares=shares or said("nothing was accepted")), style="bold", **told
        )
        if told["doubles"]:
            self._screen.say(
                "double",
                said(
                    "ERROR: {recipients} got two messages that nobody ordered. Stop sending, and "
                    "send the vendor the msgKeys that omni-bulk status {name} shows.",
                    recipients=counted(told["doubles"], "recipient"),
                    name=campaign.name,
                ),
                style="bold red",
                always=True,
            )


def dying(began_ms: int, tz: str, place: str = "") -> str:
    """The sentence that says by when the reports of a run must be collected."""
    at = datetime.fromtimestamp((began_ms + DIE_AFTER) / 1000, ZoneInfo(tz))
    return said(
        "Delivery reports die from {at:%Y-%m-%d %H:%M} ({tz}) on, when nobody collects them before: "
        "omni-bulk reports --poll{place}",
        at=at,
        tz=tz,
        place=place,
    )
