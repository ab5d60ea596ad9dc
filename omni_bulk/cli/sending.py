"""What `send` does: flags to options, plan, question, progress, summary."""

import asyncio
import signal
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import orjson

from omni_bulk.account import unrecorded_fields
from omni_bulk.campaign import Campaign, Options
from omni_bulk.cli.screen import (
    BAR_EVERY,
    LINE_EVERY,
    Screen,
    is_interactive,
    log_to_stderr,
    summary_fields,
)
from omni_bulk.errors import OutputError, SettingsError, Stopped
from omni_bulk.lock import refuse_network_filesystem
from omni_bulk.model import Result
from omni_bulk.omni import Omni
from omni_bulk.settings import Settings
from omni_bulk.sink import StreamSink
from omni_bulk.source import Source, read_recipients, read_text
from omni_bulk.stats import Summary
from omni_bulk.text import Template


def main(given: dict[str, Any]) -> int:
    """Runs `send` with its flags by name, and gives the exit code."""
    screen = Screen(quiet=given["quiet"], json=_choice("--log-format", given["log_format"], ("text", "json")) == "json")
    log_to_stderr(json=screen.json, verbose=given["verbose"])
    order = _order(given)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(Sending(order, screen).go())


@dataclass(frozen=True, slots=True)
class Order:
    """Everything `send` was asked, checked."""

    settings: dict[str, Any]
    source: Source
    composition: dict[str, Any]
    template: Template | None
    name: str
    options: Options
    sandbox: bool
    yes: bool
    limit: int | None
    deadline: float | None
    out: str | None
    summary_json: str | None
    ledger: Path | None
    require_ledger: bool


def _order(given: dict[str, Any]) -> Order:
    source = read_recipients(given["recipients"], mapping=_mapping(given["map_"]), encoding=given["encoding"])
    name = given["campaign"] or (None if given["recipients"] == "-" else source.name)
    if name is None:
        raise SettingsError("a list on stdin has no name: give --campaign NAME")
    if given["text"] is not None and given["text_file"] is not None:
        raise SettingsError("--text and --text-file both give the template: keep one")
    if given["as_of"] is not None and given["per"] is None:
        raise SettingsError("--as-of decides the period of --per: give --per day, week or month too")
    text = given["text"] if given["text_file"] is None else read_text(given["text_file"])
    countries = given["countries"] and [c.strip().upper() for c in given["countries"].split(",") if c.strip()]
    options = Options(
        per=_choice("--per", given["per"], ("day", "week", "month")),
        as_of=_time(given["as_of"]),
        already=given["already"],
        implied=given["campaign"] is None,
        changed_text=given["changed_text"],
        extend=given["extend"],
        same_account=given["same_account"],
        lock_wait=given["lock_wait"],
        file_mode=_mode(given["file_mode"]),
        source=source,
        tolerate=_shares(given["tolerate"]),
    )
    own = ("config", "base_url", "ledger", "rate", "workers", "proxy", "ca_file", "timeout", "drain", "from_",
           "region", "numbers", "tz")  # fmt: skip
    return Order(
        settings={**{key: given[key] for key in own}, "countries": countries},
        source=source, composition={}, template=None if text is None else Template(text), name=name, options=options,
        sandbox=given["sandbox"], yes=given["yes"], limit=given["limit"], deadline=_seconds(given["deadline"]),
        out=given["out"], summary_json=given["summary_json"], ledger=given["ledger"],
        require_ledger=given["require_ledger"],
    )  # fmt: skip


class Sending:
    """One `send`, from opening the account to the last line on the screen."""

    def __init__(self, order: Order, screen: Screen) -> None:
        self.order = order
        self.screen = screen
        self.campaign: Campaign | None = None
        self._main: asyncio.Task[Any] | None = None
        self._interrupts = 0
        self._planning_off = threading.Event()

    async def go(self) -> int:
        self._main = asyncio.current_task()
        self._catch_signals()
        try:
            async with AsyncExitStack() as stack:
                return await self._go(stack)
        except asyncio.CancelledError:
            if not self._interrupts:
                raise
            raise Stopped(
                "interrupted before anything was sent; run the same command again", reason="interrupted",
                exit_code=130 if self._interrupts > 1 else 75,
            ) from None  # fmt: skip

    async def _go(self, stack: AsyncExitStack) -> int:
        order, screen = self.order, self.screen
        settings, origin, taken = await self._settings(stack)
        options = replace(order.options, tz=settings.tz)
        if order.out == "-":
            options = replace(options, sink=StreamSink(sys.stdout.buffer))
        elif order.out is not None:
            options = replace(options, out=Path(order.out))
        elif order.sandbox:
            options = replace(options, out=Path(f"{order.name}.sandbox.jsonl"), fresh=True)
        if order.template is None and order.source.columns.text is None:
            raise SettingsError("there is no text: give --text or --text-file, or a text column in the list")
        if order.template is not None and (lacking := order.source.columns.lacks(order.template.required)):
            fields = ", ".join(f"{{{name}}}" for name in lacking)
            raise SettingsError(f"the template needs {fields}, which the list has no column for")
        if settings.from_ is None and order.source.columns.from_ is None:
            raise SettingsError("there is no originating number: give --from, or a from column in the list")
        omni = await stack.enter_async_context(
            Omni(settings, create_ledger=self._may_create(settings), origin=origin, unrecorded=self._print_unrecorded)
        )
        self.campaign = await stack.enter_async_context(omni.campaign(order.name, order.template, options=options))
        total = None if order.yes else await self._plan(self.campaign, settings)
        if total is False:
            return 2
        with screen.progress(total if isinstance(total, int) else None) as show:
            summary = await self._watch(omni, show)
        self._finish(summary, settings, taken)
        return 130 if self._interrupts > 1 else summary.exit_code

    async def _settings(self, stack: AsyncExitStack) -> tuple[Settings, str | None, Callable[[], int] | None]:
        order = self.order
        if not order.sandbox:
            settings = Settings(**order.settings)
            settings.require_credentials()
            refuse_network_filesystem(settings.ledger)
            return settings, None, None
        from omni_bulk.sandbox import Sandbox  # noqa: PLC0415  only for --sandbox

        probe = Settings(**order.settings, client_id="sandbox", client_password="sandbox")  # noqa: S106  its own
        served = await stack.enter_async_context(Sandbox(tps=max(400.0, probe.rate), latency_ms=10.0))
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="omni-bulk-sandbox-"))
        given = {**order.settings, "base_url": served.url, "proxy": None, "ca_file": None}
        if order.ledger is None:
            given["ledger"] = Path(folder) / "ledger.db"
        settings = Settings(**given, client_id="sandbox", client_password="sandbox")  # noqa: S106  its own
        return settings, "sandbox", lambda: len(served.messages)

    def _may_create(self, settings: Settings) -> bool:
        """Without a terminal a ledger that was not named is never created: a job with a lost home would send twice."""
        missing = not settings.ledger.exists()
        if missing and self.order.require_ledger:
            raise SettingsError(f"there is no ledger at {settings.ledger}, and --require-ledger wants one")
        if missing and not settings.ledger_named and not self.order.sandbox and not is_interactive():
            raise SettingsError(
                f"there is no ledger at {settings.ledger}. Without a terminal one is only created where it was named: "
                "give --ledger FILE or set OMNI_LEDGER, on a disk that outlives the job"
            )
        return True

    async def _plan(self, campaign: Campaign, settings: Settings) -> int | Literal[False]:
        """The plan, and the question on a terminal. Gives the number of messages, False for a no."""
        order, screen = self.order, self.screen
        notes = [*order.source.columns.notes, *campaign.notes]
        tally = await asyncio.to_thread(campaign.plan, order.source, self._planning_off.is_set)
        ledger = "a throwaway one" if order.sandbox and order.ledger is None else str(settings.ledger.absolute())
        screen.plan(tally, name=campaign.name, rate=settings.rate, ledger=ledger, notes=notes)
        if not tally.ready or order.sandbox or not is_interactive():
            return tally.ready
        if not _ask(f"Send {tally.ready:,} messages?"):
            screen.say("declined", "Nothing was sent.", always=True)
            return False
        return tally.ready

    async def _watch(self, omni: Omni, show: Callable[..., None]) -> Summary:
        """Sends, and shows how it goes."""
        order, campaign = self.order, self.campaign
        assert campaign is not None  # noqa: S101  just opened
        clock = asyncio.get_running_loop().time
        started = clock()
        sending = asyncio.create_task(
            campaign.run(order.source, limit=order.limit, deadline=order.deadline), name="omni-bulk-send"
        )
        every = BAR_EVERY if self.screen.live else LINE_EVERY
        try:
            while not sending.done():
                await asyncio.wait({sending}, timeout=every)
                if campaign.run_now is not None and (self.screen.live or not sending.done()):
                    show(campaign.run_now.tally, clock() - started, omni.account.gate.waits_for)
        except asyncio.CancelledError:
            await campaign.drain("interrupted")
            raise
        return await sending

    def _finish(self, summary: Summary, settings: Settings, taken: Callable[[], int] | None) -> None:
        order, campaign = self.order, self.campaign
        assert campaign is not None  # noqa: S101  just run
        if taken is not None:
            self.screen.say(
                "sandbox", f"SANDBOX: nothing was sent. The sandbox took {taken():,} messages.", style="bold"
            )
        if summary.complete and not summary.posts and campaign.completed:
            self.screen.say("complete", f"This campaign was already complete ({campaign.completed}); nothing was sent.")
        if order.yes:
            for note in campaign.notes:
                self.screen.say("note", f"note: {note}", style="yellow")
        ledger = "thrown away" if order.sandbox and order.ledger is None else str(settings.ledger.absolute())
        out = None if campaign.out is None else str(campaign.out)
        self.screen.summary(summary, out=out, ledger=ledger, next_step=_next_step(summary, order))
        if order.summary_json is not None:
            _write_json(order.summary_json, summary_fields(summary))

    def _print_unrecorded(self, result: Result) -> None:
        print(orjson.dumps({"event": "unrecorded", **unrecorded_fields(result)}).decode(), file=sys.stderr, flush=True)

    # ── signals ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _catch_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            try:
                loop.add_signal_handler(number, self._interrupted)
            except NotImplementedError:  # Windows: the loop has none
                signal.signal(number, lambda *_: loop.call_soon_threadsafe(self._interrupted))

    def _interrupted(self) -> None:
        self._interrupts += 1
        campaign = self.campaign
        if campaign is None or campaign.run_now is None:
            self._planning_off.set()
            if self._main is not None:
                self._main.cancel()
        elif self._interrupts == 1:
            self.screen.say(
                "interrupted", "Interrupted: finishing what is in flight. Once more ends it at once.", always=True
            )
            campaign.stop(Stopped("interrupted", reason="interrupted", exit_code=75))
        else:
            campaign.cancel()


def _next_step(summary: Summary, order: Order) -> str | None:
    if order.sandbox:
        return None
    if summary.exit_code in {6, 69, 75} or (summary.remaining and summary.exit_code in {5, 74}):
        return "Run the same command again to go on; nobody gets a second message."
    if summary.exit_code == 3:
        return (
            f"The unknown ones may have arrived, so they are not sent again. See them: "
            f"omni-bulk status {summary.campaign_name}"
        )
    if summary.exit_code == 1:
        return "Correct the rows that were not sent and run the same command again: only they are sent."
    return None


def _ask(question: str) -> bool:
    """The question on the terminal; Ctrl-C and end of input are a no."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        sys.stderr.write(f"{question} [y/N] ")
        sys.stderr.flush()
        return sys.stdin.readline().strip().casefold() in {"y", "yes", "예", "네", "ㅇ"}
    except KeyboardInterrupt:
        sys.stderr.write("\n")
        return False
    finally:
        signal.signal(signal.SIGINT, before)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Uvloop when it is installed (extra `speed`)."""
    with suppress(ImportError):
        import uvloop  # noqa: PLC0415

        return uvloop.new_event_loop
    return None


def _choice(flag: str, value: str | None, allowed: tuple[str, ...]) -> Any:
    if value is not None and value not in allowed:
        raise SettingsError(f"{flag} is one of {', '.join(allowed)}")
    return value


def _mapping(pairs: list[str] | None) -> dict[str, str]:
    mapping = {}
    for pair in pairs or ():
        column, equals, name = pair.rpartition("=")
        if not equals or not column:
            raise SettingsError(f"--map takes COLUMN=FIELD, such as --map Handy=to, not {pair!r}")
        mapping[column] = name
    return mapping


def _time(value: str | None) -> datetime | None:
    if value is None:
        return None
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        raise SettingsError("--as-of takes a date or a time such as 2026-11-22 or 2026-11-22T23:30:00+09:00") from None


_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def _seconds(value: str | None) -> float | None:
    """``90``, ``90s``, ``30m``, ``2h``, ``1d`` in seconds."""
    if value is None:
        return None
    try:
        number = float(value[:-1] if value[-1:] in _UNITS else value)
    except ValueError:
        number = -1.0
    if not 0 < number < 1e9:
        raise SettingsError("--deadline takes a duration such as 90s, 30m or 2h")
    return number * _UNITS.get(value[-1:], 1)


def _shares(value: str | None) -> dict[str, float]:
    shares = {}
    for part in filter(None, (value or "").split(",")):
        state, _, share = part.strip().partition("=")
        try:
            number = float(share.rstrip("%")) / (100 if share.endswith("%") else 1)
        except ValueError:
            number = -1.0
        if state not in {"invalid", "failed", "rejected", "unknown"} or not 0 <= number <= 1:
            raise SettingsError("--tolerate takes states and shares such as invalid=1%,failed=0.5%,unknown=0.1%")
        shares[state] = number
    return shares


def _mode(value: str) -> int:
    try:
        mode = int(value, 8)
    except ValueError:
        mode = -1
    if not 0o600 <= mode <= 0o666:
        raise SettingsError("--file-mode takes an octal mode from 600 to 666, such as 640")
    return mode


def _write_json(target: str, fields: dict[str, object]) -> None:
    line = orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE)
    if target == "-":
        sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()
        return
    try:
        Path(target).write_bytes(line)
    except OSError as error:
        raise OutputError(f"the summary {target} cannot be written ({error.strerror})") from None
