"""What a person sees, on stderr: plan, progress, summary. On a terminal with rich, else a line of text or JSON each."""

import logging
import os
import sys
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import orjson

from omni_bulk.model import Status
from omni_bulk.stats import Summary, Tally

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

LINE_EVERY = 10.0  # s between progress lines without a terminal
BAR_EVERY = 0.1  # s between updates of the bar
_COLOURS = {
    Status.ACCEPTED: "green", Status.REJECTED: "red", Status.FAILED: "red", Status.UNKNOWN: "yellow",
    Status.INVALID: "red", Status.SKIPPED: "cyan",
}  # fmt: skip


def printable(text: str) -> str:
    """Text from elsewhere, without control, bidi and other format characters: it cannot move the cursor or fake a line."""
    return "".join(char if unicodedata.category(char)[0] != "C" else " " for char in text)


def is_interactive() -> bool:
    """Whether somebody can be asked: stdin and stderr are a terminal."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()


class Screen:
    """`quiet` leaves only errors; `json` writes one object a line with an `event`."""

    def __init__(self, *, quiet: bool = False, json: bool = False) -> None:
        self.quiet = quiet
        self.json = json
        self.live = sys.stderr.isatty() and not json and not quiet
        self._console: Console | None = None

    @property
    def console(self) -> "Console":
        from rich.console import Console  # noqa: PLC0415  0.05 s, only when something is shown

        if self._console is None:
            width = None if sys.stderr.isatty() else 120
            self._console = Console(
                stderr=True, highlight=False, soft_wrap=not self.live, width=width,
                no_color=True if os.environ.get("NO_COLOR") else None, emoji=False, markup=False,
            )  # fmt: skip
        return self._console

    def say(self, event: str, text: str, *, style: str | None = None, always: bool = False, **fields: Any) -> None:
        """One sentence, or one JSON object."""
        if self.quiet and not always:
            return
        if self.json:
            line = {"event": event, "message": printable(text), **fields}
            sys.stderr.write(orjson.dumps(line, default=str).decode() + "\n")
            sys.stderr.flush()
        else:
            self.console.print("\n".join(map(printable, text.split("\n"))), style=style)

    # ── the plan ──────────────────────────────────────────────────────────────────────────────────────────────────

    def plan(self, tally: Tally, *, name: str, rate: float, ledger: str, notes: list[str]) -> None:
        """What will be sent, what not and why, and how long it takes."""
        if self.json:
            self.say(
                "plan", f"plan of campaign {name}", campaign=name, recipients=tally.read, ready=tally.ready,
                states={str(status): number for status, number in tally.states.items()}, reasons=dict(tally.reasons),
                segments=tally.segments, countries=dict(tally.countries), seconds=round(tally.ready / rate, 1),
                ledger=ledger, notes=notes,
            )  # fmt: skip
            return
        self.say("plan", f"Plan of campaign {name}: {tally.read:,} recipients", style="bold")
        for line in _plan_lines(tally, rate):
            self.say("plan", line)
        for line in _problem_lines(tally):
            self.say("plan", line, style="yellow")
        for note in notes:
            self.say("plan", f"  note: {note}", style="yellow")
        self.say("plan", f"  ledger: {ledger}", style="dim")

    # ── progress ──────────────────────────────────────────────────────────────────────────────────────────────────

    @contextmanager
    def progress(self, total: int | None) -> Iterator[Callable[[Tally, float, str | None], None]]:
        """Gives a function to call with the counts, the seconds so far and what sending waits for."""
        if not self.live:
            yield lambda tally, seconds, waits: self.say(
                "progress", _progress_text(tally, total, seconds, waits), done=sum(tally.run.values()), total=total
            )
            return
        with self._bar() as bar:
            task = bar.add_task("sending", total=total, detail="")
            yield lambda tally, seconds, waits: _move(bar, task, tally, seconds, waits)

    def _bar(self) -> "Progress":
        from rich.progress import (  # noqa: PLC0415
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        return Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[detail]}"),
            TimeRemainingColumn(compact=True), console=self.console, transient=True, refresh_per_second=10,
        )  # fmt: skip

    # ── the end ───────────────────────────────────────────────────────────────────────────────────────────────────

    def summary(self, summary: Summary, *, out: str | None, ledger: str, next_step: str | None) -> None:
        """How it ended, and what to do next."""
        if self.json:
            fields: dict[str, Any] = {**summary_fields(summary), "out": out, "ledger": ledger}
            self.say("summary", f"campaign {summary.campaign_name}", **fields)
        else:
            for line, style in _summary_lines(summary):
                self.say("summary", line, style=style)
            if out is not None:
                self.say("summary", f"  results: {out}", style="dim")
            self.say("summary", f"  ledger: {ledger}", style="dim")
        if next_step:
            self.say("next", next_step)


def _plan_lines(tally: Tally, rate: float) -> Iterator[str]:
    yield f"  to send: {tally.ready:,} messages, {tally.segments:,} segments, {duration(tally.ready / rate)} at {rate:g}/s"
    if tally.handled:
        yield f"  already handled: {tally.handled:,}"
    if tally.countries:
        shares = (f"{country} {number:,}" for country, number in tally.countries.most_common())
        yield f"  countries: {', '.join(shares)}"


def _problem_lines(tally: Tally) -> Iterator[str]:
    for reason, number in tally.reasons.most_common():
        examples = tally.examples.get(reason)
        if examples is None:
            continue
        rows = ", ".join(map(str, examples.rows))
        more = " …" if number > len(examples.rows) else ""
        detail = f": {examples.detail}" if examples.detail else ""
        yield f"  not sent: {number:,} {examples.status} {reason} (row {rows}{more}){detail}"


def _progress_text(tally: Tally, total: int | None, seconds: float, waits: str | None) -> str:
    done = sum(tally.run.values())
    of = "" if total is None else f" of {total:,}"
    states = ", ".join(f"{number:,} {status}" for status, number in tally.run.items())
    pace = f"{done / seconds:.0f}/s" if seconds >= 1 else "starting"
    return f"{done:,}{of} done, {pace}{': ' + states if states else ''}{'; waits: ' + waits if waits else ''}"


def _move(bar: "Progress", task: "TaskID", tally: Tally, seconds: float, waits: str | None) -> None:
    done = sum(tally.run.values())
    detail = f"{done / seconds:.0f}/s" if seconds >= 1 else ""
    unusual = [f"{tally.run[status]:,} {status}" for status in Status if status != "accepted" and tally.run[status]]
    bar.update(task, completed=done, detail="  ".join([detail, *unusual, f"waits: {waits}" if waits else ""]).strip())


def _summary_lines(summary: Summary) -> Iterator[tuple[str, str | None]]:
    if summary.stopped:
        yield f"Stopped: {summary.stopped}", "bold red"
    head = f"Campaign {summary.campaign_name}: {summary.recipients:,} recipients"
    if summary.already_handled:
        head += f", {summary.already_handled:,} of them handled before"
    yield head, "bold"
    for status in Status:
        if number := summary.campaign.get(status, 0):
            yield f"  {number:>9,} {status}", _COLOURS[status]
    if summary.remaining:
        yield f"  {summary.remaining:>9,} not sent yet", "yellow"
    if summary.posts and summary.seconds >= 1:
        yield (
            f"  {summary.posts:,} posts in {duration(summary.seconds)}, {summary.posts / summary.seconds:.0f}/s",
            "dim",
        )


def summary_fields(summary: Summary) -> dict[str, object]:
    """What ``--summary-json`` writes of a summary."""
    return {
        "campaign": summary.campaign_name,
        "campaignId": summary.campaign_id,
        "recipients": summary.recipients,
        "states": {str(status): summary.campaign.get(status, 0) for status in Status},
        "run": {str(status): summary.run.get(status, 0) for status in Status},
        "reasons": dict(summary.reasons),
        "codes": dict(summary.codes),
        "remaining": summary.remaining,
        "alreadyHandled": summary.already_handled,
        "segments": summary.segments,
        "posts": summary.posts,
        "seconds": round(summary.seconds, 3),
        "rate": round(summary.posts / summary.seconds, 1) if summary.seconds else None,
        "cost": None,
        "currency": None,
        "stopped": summary.stopped,
        "stopReason": summary.stop_reason,
        "exit": summary.exit_code,
    }


def duration(seconds: float) -> str:
    """``45 s``, ``12 min``, ``3 h 05 min``."""
    if seconds < 90:
        return f"{seconds:.0f} s" if seconds >= 1 or not seconds else "under 1 s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


class JsonLog(logging.Formatter):
    """One object a line: time, level, event, message, and whatever fields the event has."""

    _OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

    def format(self, record: logging.LogRecord) -> str:
        fields = {name: value for name, value in vars(record).items() if name not in self._OWN}
        line = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "message": printable(record.getMessage()),
            **fields,
        }
        return orjson.dumps(line, default=str).decode()


def log_to_stderr(*, json: bool, verbose: bool) -> None:
    """Our logger's records on stderr: warnings, and with `verbose` everything. Other libraries' logs stay off."""
    logger = logging.getLogger("omni_bulk")
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLog() if json else logging.Formatter("%(levelname)s %(message)s"))
    logger.handlers[:] = [handler]
    logger.setLevel(logging.DEBUG if verbose else logging.WARNING)
    logger.propagate = False
