"""What `send` does: plan, question, progress, summary, signals."""

import asyncio
import gc
import os
import shlex
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from omni_bulk.account import Account, unrecorded_fields
from omni_bulk.campaign import Campaign, Options
from omni_bulk.cli.advice import where_to_look
from omni_bulk.cli.approving import hold_to
from omni_bulk.cli.ending import Ending
from omni_bulk.cli.following import Following, dying
from omni_bulk.cli.language import spoken
from omni_bulk.cli.order import SANDBOX, Order, order_of
from omni_bulk.cli.question import is_yes, somebody_is_there
from omni_bulk.cli.screen import BAR_EVERY, LINE_EVERY, Screen, summary_fields
from omni_bulk.cli.signals import ENDING, hear
from omni_bulk.cli.stage import on_stage
from omni_bulk.cli.trial import Trial
from omni_bulk.cli.watching import Watching
from omni_bulk.cost import cost_stop
from omni_bulk.errors import OmniBulkError, SettingsError, Stopped
from omni_bulk.guards import row_stop
from omni_bulk.ledger import places
from omni_bulk.lock import refuse_network_filesystem
from omni_bulk.model import Result
from omni_bulk.omni import Omni
from omni_bulk.rejects import RejectsFile
from omni_bulk.run import Run
from omni_bulk.sentences import counted, listed, said
from omni_bulk.settings import Settings
from omni_bulk.sink import StreamSink
from omni_bulk.stats import Summary, Tally
from omni_bulk.tempo import Figures, Sight, Tempo

SANDBOX_TPS = 400.0  # posts a second that the sandbox takes at least
SANDBOX_LATENCY = 10.0  # ms
ANSWER_MAX = 1_000  # bytes of an answer to the question


def main(given: dict[str, Any]) -> int:
    """Runs `send` with its flags by name, and gives the exit code."""

    def go(screen: Screen) -> int:
        with Ending(given["summary_json"]) as ending:
            order = order_of(given)
            gc.freeze()  # what is loaded by now lives to the end: no need to look through it again
            with asyncio.Runner(loop_factory=_loop_factory()) as runner:
                return runner.run(Sending(order, screen, ending).go())

    return on_stage(given, go)


class Sending:
    """One `send`, from opening the account to the last line on the screen."""

    def __init__(self, order: Order, screen: Screen, ending: Ending) -> None:
        self.order = order
        self.screen = screen
        self.ending = ending
        self.campaign: Campaign | None = None
        self.planned: Tally | None = None
        self.watching: Watching | None = None
        self._main: asyncio.Task[Any] | None = None
        self._sending: asyncio.Task[Summary] | None = None
        self._answer: asyncio.Future[str] | None = None
        self._planning_off = threading.Event()
        self._interrupts = 0
        self._following: Following | None = None

    async def go(self) -> int:
        """Sends, and gives the exit code."""
        self._main = asyncio.current_task()
        hear(self._interrupted, *ENDING, "SIGHUP")  # a closed terminal is no reason for unknowns
        try:
            async with AsyncExitStack() as stack:
                return await self._go(stack)
        except asyncio.CancelledError:
            if not self._interrupts:
                raise
            raise Stopped(
                said("interrupted before anything was sent; run the same command again"), reason="interrupted",
                exit_code=130 if self._interrupts > 1 else 75,
            ) from None  # fmt: skip

    async def _go(self, stack: AsyncExitStack) -> int:
        order, screen = self.order, self.screen
        settings, origin, taken = await self._account(stack)
        create = self._may_create(settings)
        omni = await stack.enter_async_context(
            Omni(settings, create_ledger=create, origin=origin, unrecorded=self._print_unrecorded)
        )
        if order.test_to is not None:
            return await Trial(order, screen, self.ending, self._agreed).go(omni, taken)
        self.campaign = campaign = omni.campaign(order.name, order.template, options=out_of(order))
        await stack.enter_async_context(campaign)
        self.ending.keep_off(settings.ledger, campaign.out)
        rejects = await asyncio.to_thread(rejects_of, order, campaign.name)  # it reads the list, for its digest
        if rejects is not None:
            noting = partial(places.note, kind="rejects", whose=campaign.id, path=rejects.path)
            await omni.account.ledger.write(noting)
        self.watching = watching = Watching(
            omni, campaign, heartbeat=order.heartbeat, metrics_file=order.metrics_file, metrics=order.metrics
        )
        await stack.enter_async_context(watching)
        whole_first = (order.min_rows, order.max_rows, order.plan, order.max_cost)
        if not order.yes or any(one is not None for one in whole_first):
            await self._plan(campaign, settings)
        if not order.yes and not await self._agreed():
            screen.say("declined", said("Nothing was sent."), always=True)
            self.ending.write({"campaign": campaign.name, "exit": 2, "stopped": "declined"})
            watching.exit_code = 2
            return 2
        try:
            if order.reports is not None:
                following = Following(omni, screen, order.reports, filed=not order.sandbox)
                self._following = await stack.enter_async_context(following)
            began = omni.account.world.now()
            with screen.progress(self._lines_to_come()) as show:
                await self._watch(omni, campaign, show)
            if self._following is not None:
                await self._following.rest()
        finally:
            if campaign.summary is not None:  # also when it ended with an error
                summary = self._whole(campaign.summary)
                if self._following is not None:
                    summary = self._following.settled(summary, campaign)
                self._finish(summary, campaign, settings, taken, rejects)
        if self._following is not None:
            self._following.tell(campaign)
        elif summary.posts and not order.sandbox:
            screen.say("reports", dying(began, settings.tz, order.place))
        if screen.live and not order.throwaway:
            screen.say(
                "next",
                said(
                    "Everybody in one file: omni-bulk export {name}{place}",
                    name=shlex.quote(campaign.name),
                    place=order.place,
                ),
            )
        return summary.exit_code

    async def _account(self, stack: AsyncExitStack) -> tuple[Settings, str | None, Callable[[], int] | None]:
        """The account to send with; of the sandbox also its name in the ledger, and how many messages it took."""
        order = self.order
        if not order.sandbox:
            refuse_network_filesystem(order.settings.ledger)
            return order.settings, None, None
        from omni_bulk.sandbox import Sandbox  # noqa: PLC0415  only for --sandbox

        served = Sandbox(tps=max(SANDBOX_TPS, order.settings.rate), latency_ms=SANDBOX_LATENCY)
        await stack.enter_async_context(served)
        here: dict[str, Any] = {"base_url": served.url, "proxy": None, "ca_file": None}
        if order.throwaway:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="omni-bulk-sandbox-"))
            here["ledger"] = Path(folder) / "ledger.db"
        return order.settings.model_copy(update=here), SANDBOX, lambda: len(served.messages)

    def _may_create(self, settings: Settings) -> bool:
        """Without a terminal a ledger that was not named is never created: a job with a lost home would send twice."""
        missing = not settings.ledger.exists() or not settings.ledger.stat().st_size
        if missing and self.order.require_ledger:
            raise SettingsError(
                said("there is no ledger at {ledger}, and --require-ledger wants one", ledger=settings.ledger)
            )
        if missing and not settings.ledger_named and not somebody_is_there():
            raise SettingsError(
                said(
                    "there is no ledger at {ledger}. Without a terminal one is only created where it was named: "
                    "give --ledger FILE or set OMNI_LEDGER, on a disk that outlives the job",
                    ledger=settings.ledger,
                )
            )
        return not self.order.require_ledger

    # ── plan and question ─────────────────────────────────────────────────────────────────────────────────────────

    async def _plan(self, campaign: Campaign, settings: Settings) -> None:
        order = self.order
        self.planned = await asyncio.to_thread(campaign.plan, order.source, self._planning_off.is_set)
        if stopped := row_stop(self.planned.read, min_rows=order.min_rows, max_rows=order.max_rows):
            raise stopped
        campaign.approved = await asyncio.to_thread(hold_to, order, campaign.name, self.planned, begun=campaign.begun)
        if not order.yes:
            self._show_plan(self.planned, campaign, settings)
        if order.max_cost is not None:
            spent = await asyncio.to_thread(campaign.spent)
            if stopped := too_dear(self.planned, spent, order.max_cost, limited=order.limit is not None):
                raise stopped

    def _show_plan(self, planned: Tally, campaign: Campaign, settings: Settings) -> None:
        order = self.order
        ledger = said("a throwaway one") if order.throwaway else str(settings.ledger)
        notes = [*order.source.columns.notes, *campaign.notes]
        self.screen.plan(
            planned,
            name=campaign.name,
            rate=settings.rate,
            ledger=ledger,
            notes=notes,
            explain=campaign.composition.explain,
            column_of=order.source.columns.column_of,
        )

    async def _agreed(self, ready: int | None = None) -> bool:
        """The question, where somebody can answer and there is something to ask. Ctrl-C and end of input are a no."""
        if ready is None:
            ready = 0 if self.planned is None else self.planned.ready
        if not ready or self.order.sandbox or not somebody_is_there():
            return True
        if not sys.stderr.isatty():
            raise SettingsError(
                said("the question cannot be shown, stderr is not a terminal: give --yes to send without it")
            )
        sys.stderr.write(spoken(said("Send {messages}? [y/N] ", messages=counted(ready, "message"))))
        sys.stderr.flush()
        answer = await self._line_from_terminal()
        if not answer.endswith("\n"):
            sys.stderr.write("\n")
        return is_yes(answer)

    async def _line_from_terminal(self) -> str:
        """What is typed, while the loop goes on and hears signals; empty when one comes."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[str] = loop.create_future()
        terminal = sys.stdin.fileno()

        def read() -> None:
            with suppress(OSError):  # the terminal is gone: no answer
                _set(answer, os.read(terminal, ANSWER_MAX).decode(errors="replace"))
            _set(answer, "")

        try:
            loop.add_reader(terminal, read)
        except NotImplementedError:  # Windows: the loop cannot
            return await asyncio.to_thread(sys.stdin.readline)
        self._answer = answer
        try:
            return await answer
        finally:
            loop.remove_reader(terminal)
            self._answer = None

    # ── sending ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _lines_to_come(self) -> int | None:
        return None if self.planned is None else self.planned.ready + sum(self.planned.run.values())

    async def _watch(self, omni: Omni, campaign: Campaign, show: Callable[[Tally, Figures, str | None], None]) -> None:
        """Sends, and shows how it goes."""
        order, live = self.order, self.screen.live
        clock, account = asyncio.get_running_loop().time, omni.account
        tempo, shown_at, begun = Tempo(account.rate, account.workers), clock(), account.counts()
        sending = asyncio.create_task(
            campaign.run(
                order.source, limit=order.limit, deadline=order.deadline, max_failure_rate=order.max_failure_rate,
                max_unknown_rate=order.max_unknown_rate, max_cost=order.max_cost, start_at=order.start_at,
            ),
            name="omni-bulk-send",
        )  # fmt: skip
        await asyncio.sleep(0)  # its first step, from which on the campaign hears a stop
        self._sending = sending
        while not sending.done():
            await asyncio.wait({sending}, timeout=BAR_EVERY)
            if (run := campaign.run_now) is None:
                continue
            waits = run.waits_for or account.gate.waits_for
            tempo.see(_sight(clock(), run, account, begun))
            if live or (not sending.done() and clock() - shown_at >= LINE_EVERY):
                shown_at = clock()
                show(run.tally, _figures(tempo, account, self._lines_to_come(), run), waits)
        await sending

    def _whole(self, summary: Summary) -> Summary:
        """The summary with what only the plan and the terminal know: what was left unread, and how often we were
        interrupted.
        """
        run = None if self.campaign is None else self.campaign.run_now
        if self._interrupts > 1 and summary.exit_code not in {70, 74}:
            summary = replace(summary, exit_code=130)
        if self.planned is None or run is None or summary.whole:
            return summary
        messages = sum(run.tally.countries.values())
        unread = self.planned.ready - messages
        return replace(summary, recipients=self.planned.read, remaining=summary.remaining + unread)

    def _finish(
        self, summary: Summary, campaign: Campaign, settings: Settings, taken: Callable[[], int] | None,
        rejects: RejectsFile | None,
    ) -> None:  # fmt: skip
        order, say = self.order, self.screen.say
        if self.watching is not None:
            self.watching.exit_code = summary.exit_code
        if taken is not None:
            say(
                "sandbox",
                said("SANDBOX: nothing was sent. The sandbox took {messages}.", messages=counted(taken(), "message")),
                style="bold",
            )
        if summary.complete and not summary.posts and campaign.completed:
            say(
                "complete",
                said(
                    "This campaign was already complete ({completed}); nothing was sent.", completed=campaign.completed
                ),
            )
        if order.yes:
            for note in campaign.notes:
                say("note", said("note: {note}", note=note), style="yellow")
        ledger = said("thrown away") if order.throwaway else str(settings.ledger)
        out = None if campaign.out is None else str(campaign.out)
        whole = summary.whole or self.planned is not None
        self.screen.summary(summary, out=out, ledger=ledger, whole=whole, sandbox=order.sandbox)
        self._write_rejects(rejects)
        if sentence := next_step(summary, order):
            say("next", sentence)
        self.ending.write(summary_fields(summary))

    def _write_rejects(self, rejects: RejectsFile | None) -> None:
        """After everything is recorded; a file that cannot be written is told, and changes nothing else."""
        run = None if self.campaign is None else self.campaign.run_now
        tally = run.tally if run is not None and (run.tally.whole or self.planned is None) else self.planned
        if rejects is None or tally is None:
            return
        try:
            if number := rejects.write(tally.invalid, whole=tally.whole):
                self.screen.say(
                    "rejects",
                    said(
                        "  rejects: {path} ({rows} to correct; then send that file with --campaign)",
                        path=rejects.path,
                        rows=counted(number, "row"),
                    ),
                    style="yellow",
                    path=str(rejects.path),
                    rows=number,
                )
        except OmniBulkError as error:
            self.screen.say("note", said("note: {note}", note=error.sentence), style="yellow")

    def _print_unrecorded(self, result: Result) -> None:
        print(
            orjson.dumps({"level": "error", "event": "unrecorded", **unrecorded_fields(result)}).decode(),
            file=sys.stderr,
            flush=True,
        )

    # ── signals ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _interrupted(self) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result("")
            return
        campaign, sending = self.campaign, self._sending
        if sending is not None and sending.done():
            if self._following is not None:
                self._following.stop()
            return  # the summary is on its way
        self._interrupts += 1
        if campaign is None or sending is None:
            self._planning_off.set()
            if self._main is not None:
                self._main.cancel()
        elif self._interrupts == 1:
            sentence = said("Interrupted: finishing what is in flight. Once more ends it at once.")
            self.screen.say("interrupted", sentence, always=True)
            campaign.stop(Stopped(said("interrupted"), reason="interrupted", exit_code=75))
        else:
            campaign.cancel()


def _sight(now: float, run: Run, account: Account, begun: tuple[int, int]) -> Sight:
    posts, throttled = account.counts()
    gate = account.gate
    return Sight(
        now=now, done=sum(run.tally.run.values()), posts=posts - begun[0], throttled=throttled - begun[1],
        in_flight=account.worker.in_flight, waiting=gate.waiting, rate=gate.rate,
        queued=run.queued and gate.waits_for is None,
    )  # fmt: skip


def _figures(tempo: Tempo, account: Account, total: int | None, run: Run) -> Figures:
    latencies, sharing = account.gate.latencies, account.sharing
    if total is None and run.tally.whole:
        total = sum(run.tally.run.values()) + run.tally.ready
    return tempo.figures(
        total, p50=latencies.p50, p99=latencies.p99, tokens=account.tokens.fetched,
        processes=1 if sharing is None else sharing.of,
    )  # fmt: skip


def out_of(order: Order) -> Options:
    """The options of the campaign, with where its results go."""
    if order.out == "-":
        return replace(order.options, sink=StreamSink(sys.stdout.buffer))
    if order.out is not None:
        return replace(order.options, out=Path(order.out))
    if order.sandbox:
        return replace(order.options, out=Path(f"{order.name}.sandbox.jsonl"), fresh=True)
    return order.options


def rejects_of(order: Order, name: str) -> RejectsFile | None:
    """The rejects file of this run: the one that was named, else one beside the results; None when none is wanted.

    A list that is that file itself is never replaced: what is still wrong with it goes to ``….rejects.again.csv``.
    """
    if order.rejects == "none":
        return None
    if order.rejects is not None:
        return RejectsFile(Path(order.rejects).absolute(), order.source, order.lang)
    stem = f"{name}.sandbox" if order.sandbox else name
    beside = Path.cwd() if order.out in {None, "-"} else Path(str(order.out)).absolute().parent
    path = beside / f"{stem}.rejects.csv"
    if path.resolve() == order.source.path.resolve():
        path = beside / f"{stem}.rejects.again.csv"
    return RejectsFile(path, order.source, order.lang)


def too_dear(planned: Tally, spent: Decimal, most: Decimal, *, limited: bool = False) -> Stopped | None:
    """Whether `--max-cost` forbids what is planned. With `--limit` only so many are sent now, and the run itself keeps
    to the bound, whatever the plan says.
    """
    cost = Decimal(0) if limited else sum(planned.costs.values(), Decimal(0))
    return cost_stop(cost, spent, most, planned.currency or "", planned.unpriced)


def next_step(summary: Summary, order: Order) -> str | None:
    """The sentence that says what to do now, None when there is nothing to do."""
    if order.sandbox:
        return said(
            "To send it for real, leave out --sandbox. `omni-bulk init` asks for the credentials, `omni-bulk doctor` checks."
        )
    named: dict[str, object] = {"name": shlex.quote(summary.campaign_name), "place": order.place}
    if summary.remaining and summary.exit_code == 5:
        cure = said("Cure the cause, then run the same command again to go on; nobody gets a second message.")
        look = where_to_look(summary.stop_reason, order.place, summary.campaign_name)
        return cure if look is None else listed((look, cure), " ")
    if summary.exit_code == 69:
        look = said("`omni-bulk doctor{place}` says whether it is the network.", **named)
        return listed((look, said("Run the same command again to go on; nobody gets a second message.")), " ")
    if summary.exit_code in {6, 69, 75, 130} or (summary.remaining and summary.exit_code in {70, 74}):
        return said("Run the same command again to go on; nobody gets a second message.")
    if summary.exit_code == 3:
        return said(
            "The unknown ones may have arrived, so they are not sent again. Delivery reports tell: "
            "omni-bulk reports --poll{place}, then omni-bulk status {name}{place}",
            **named,
        )
    if summary.exit_code == 1:
        return said("Correct the rows that were not sent and run the same command again: only they are sent.")
    return None


def _set(future: "asyncio.Future[str]", value: str) -> None:
    if not future.done():
        future.set_result(value)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Uvloop when it is installed (extra `speed`)."""
    with suppress(ImportError):
        import uvloop  # noqa: PLC0415

        factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
        return factory
    return None
