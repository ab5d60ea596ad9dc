"""Signs of life of a `send` for other programs: metrics in a file or over HTTP, and a heartbeat.

One task on the event loop looks once a second. So a loop that hangs gives no sign, and a heartbeat file grows old; it
does so too while messages are in hand and nothing moves. Trouble with a file is told once and changes nothing else.
"""

import asyncio
import logging
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import partial
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from omni_bulk.account import Account
from omni_bulk.campaign import Campaign
from omni_bulk.cli.screen import json_line, printable
from omni_bulk.errors import OmniBulkError, OutputError, SettingsError
from omni_bulk.hooks import Attempt, Pause
from omni_bulk.ledger.health import in_doubt, reports_of
from omni_bulk.metrics import Gauges, Meter
from omni_bulk.model import Result
from omni_bulk.omni import Omni
from omni_bulk.replacing import replacing
from omni_bulk.sentences import said, system

LOOK_EVERY = 1.0  # s
BEAT_EVERY = 5  # looks between two heartbeats
FILE_EVERY = 10  # looks between two metrics files, and between two questions to the ledger
STALLED = 120.0  # s beyond the longest attempt in which messages are in hand and nothing moves
_READABLE = 0o644  # whoever collects metrics or watches is another user
_OURS = {"--metrics-file": b"# HELP omni_bulk", "--heartbeat": b'{"heartbeat":'}  # how a file of ours begins
logger = logging.getLogger("omni_bulk")


class Known(Protocol):
    """What only the ledger knows. Asked in a thread."""

    def ask(self) -> tuple[int, int, float | None]:
        """Messages in doubt, doubles, and the seconds since the queue of reports was last empty, if that is known."""


class LedgerKnown:
    """`Known`, of one campaign and its account."""

    def __init__(self, account: Account, campaign: Campaign) -> None:
        self._account = account
        self._campaign = campaign

    def ask(self) -> tuple[int, int, float | None]:
        with self._account.ledger.reading() as db:
            doubtful = in_doubt(db, self._campaign.id)
        reports = reports_of(self._account.ledger.path, self._account.id)
        if reports is None:
            return doubtful, 0, None
        now, emptied = self._account.world.now(), reports.emptied_at
        return doubtful, reports.doubles, None if emptied is None else max(0.0, (now - emptied) / 1000)


class Watching:
    """Async context manager around a run. `exit_code` is to be set when the run has one.

    Raises `SettingsError` when the extra is missing or nothing can listen at `metrics`, `OutputError` when a file cannot
    be written: both before anything is sent.
    """

    def __init__(
        self, omni: Omni, campaign: Campaign, *, heartbeat: Path | None, metrics_file: Path | None,
        metrics: tuple[str, int] | None, known: Known | None = None,
    ) -> None:  # fmt: skip
        self.exit_code: int | None = None
        self._omni = omni
        self._campaign = campaign
        self._heartbeat = heartbeat
        self._metrics_file = metrics_file
        self._metrics = metrics
        self._meter = None if metrics_file is None and metrics is None else Meter(printable(campaign.base))
        self._known = known or LedgerKnown(omni.account, campaign)
        self._answer: tuple[int | None, int | None, float | None] = (None, None, None)
        self._last_result: float | None = None
        self._moved = (0.0, object())  # when, and what it was that moved
        self._failed: set[str] = set()
        self._end_server: Callable[[], None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._over = asyncio.Event()

    async def __aenter__(self) -> Self:
        for flag, path in (("--metrics-file", self._metrics_file), ("--heartbeat", self._heartbeat)):
            if path is not None:
                await asyncio.to_thread(_refuse_others, path, flag)
        if self._meter is None and self._heartbeat is None:
            return self
        if self._meter is not None and self._metrics is not None:
            self._end_server = _served(self._meter, *self._metrics)
        try:
            await self._write_heartbeat()
            await self._write_metrics()
        except BaseException:
            await self._stop_serving()
            raise
        self._omni.account.hooks.add(self)
        self._task = asyncio.create_task(self._run(), name="omni-bulk-watching")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._task is None:
            return
        self._over.set()  # not cancelled: a file that is being written would come after the last one
        await self._task
        if self.exit_code is None:
            self.exit_code = _exit_code(error)
        self._omni.account.hooks.remove(self)
        await self._tell()
        await self._stop_serving()

    async def _stop_serving(self) -> None:
        if self._end_server is not None:
            await asyncio.to_thread(self._end_server)

    # ── what is heard ─────────────────────────────────────────────────────────────────────────────────────────────

    def result(self, result: Result) -> None:
        self._last_result = self._omni.account.world.epoch()
        if self._meter is not None:
            self._meter.result(result)

    def attempt(self, attempt: Attempt) -> None:
        if self._meter is not None:
            self._meter.attempt(attempt)

    def pause(self, pause: Pause) -> None:
        if self._meter is not None:
            self._meter.pause(pause)

    # ── what is shown ─────────────────────────────────────────────────────────────────────────────────────────────

    async def _run(self) -> None:
        for look in count(1):
            with suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), LOOK_EVERY)
            if self._over.is_set():
                return
            await self._tell(beat=look % BEAT_EVERY == 0, file=look % FILE_EVERY == 0)

    async def _tell(self, *, beat: bool = True, file: bool = True) -> None:
        """Whatever goes wrong here, even by a bug, is told once and no reason to let a run end otherwise."""
        for write in (partial(self._write_heartbeat, due=beat), partial(self._write_metrics, due=file)):
            try:
                await write()
            except Exception as error:  # noqa: BLE001
                if type(error).__name__ not in self._failed:
                    self._failed.add(type(error).__name__)
                    ours = isinstance(error, OmniBulkError)
                    sentence = str(error) if ours else f"watching failed: {type(error).__name__}"
                    logger.warning("%s; sending goes on", sentence, extra={"event": "watching_failed"})

    async def _write_heartbeat(self, *, due: bool = True) -> None:
        state, stalled = self._state()
        if self._heartbeat is not None and due and not stalled:
            await asyncio.to_thread(_replace, self._heartbeat, "--heartbeat", self._beat(state))

    async def _write_metrics(self, *, due: bool = True) -> None:
        if self._meter is None:
            return
        if due:
            with suppress(OmniBulkError):  # the ledger's trouble is told by the run
                self._answer = await asyncio.to_thread(self._known.ask)
        self._meter.show(self._gauges())
        if due and self._metrics_file is not None:
            await asyncio.to_thread(_replace, self._metrics_file, "--metrics-file", self._meter.text())

    def _gauges(self) -> Gauges:
        account = self._omni.account
        in_doubt, doubles, oldest = self._answer
        running = self.exit_code is None
        return Gauges(
            running=running,
            rate=account.gate.rate if running else 0.0,
            ceiling=account.rate,
            in_flight=account.worker.in_flight,
            paused=running and account.gate.waits_for is not None,
            in_doubt=in_doubt,
            doubles=doubles,
            token_age_seconds=account.tokens.age if running else None,
            oldest_report_age_seconds=oldest,
            last_result_timestamp_seconds=self._last_result,
            exit_code=self.exit_code,
        )

    def _beat(self, state: str) -> bytes:
        run = self._campaign.run_now
        done = 0 if run is None else sum(run.tally.run.values())
        at = datetime.fromtimestamp(self._omni.account.world.epoch()).astimezone()
        fields = {
            "heartbeat": at.isoformat(timespec="seconds"), "state": state, "campaign": self._campaign.name,
            "pid": os.getpid(), "host": socket.gethostname(), "done": done,
            "posts": self._omni.account.worker.posts, "exit": self.exit_code,
        }  # fmt: skip
        return f"{json_line(fields)}\n".encode()

    def _state(self) -> tuple[str, bool]:
        """What the run is doing, and whether it should be moving and does not."""
        account, run = self._omni.account, self._campaign.run_now
        if self.exit_code is not None:
            return "ended", False
        if run is None:
            return "planning", False
        waits = run.waits_for or account.gate.waits_for
        idle = waits is not None or not run.in_hand
        now, marks = account.world.clock(), (run.tally.read, sum(run.tally.run.values()), account.worker.posts)
        if idle or marks != self._moved[1] or account.tokens.age is None:  # without a token it gives up by itself
            self._moved = (now, marks)
        if waits is not None:
            state = "waiting" if run.waits_for else "paused"
        else:
            state = "sending" if run.stopped is None else "stopping"
        return state, now - self._moved[0] > self._omni.settings.timeout + STALLED


def _served(meter: Meter, host: str, port: int) -> Callable[[], None]:
    try:
        return meter.serve(host, port)
    except OSError as error:
        raise SettingsError(
            said(
                "--metrics cannot listen at {host}:{port}: {strerror}; give another --metrics HOST:PORT",
                host=host,
                port=port,
                strerror=system(error),
            )
        ) from None


def _exit_code(error: BaseException | None) -> int:
    """What a run that came to no summary ends with."""
    if isinstance(error, asyncio.CancelledError):
        return 75
    return error.exit_code if isinstance(error, OmniBulkError) else 70


def _refuse_others(path: Path, flag: str) -> None:
    """A file that is there is replaced only when it is one of ours: a mistyped flag must not cost a list or a ledger."""
    try:
        with path.open("rb") as file:
            start = file.read(64)
    except FileNotFoundError:
        return
    except OSError as error:
        raise OutputError(
            said(
                "{flag} {path} cannot be written ({strerror}); give another file",
                flag=flag,
                path=path,
                strerror=system(error),
            )
        ) from None
    if start and not start.startswith(_OURS[flag]):
        raise OutputError(said("{flag} {path} holds something else; give another file", flag=flag, path=path))


def _replace(path: Path, flag: str, content: bytes) -> None:
    with replacing(path, "the file", flag) as file:
        file.write(content)
        if hasattr(os, "fchmod"):
            os.fchmod(file.fileno(), _READABLE)
