"""What a person sees, on stderr: plan, progress, summary. On a terminal with rich, else a line of text or JSON each."""

import logging
import os
import sys
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson

from omni_bulk.cost import countries_json, plain, shown
from omni_bulk.errors import OmniBulkError, SettingsError
from omni_bulk.model import Status
from omni_bulk.stats import Summary, Tally

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

LINE_EVERY = 10.0  # s between progress lines without a terminal
BAR_EVERY = 0.1  # s between updates of the bar
TIME = "%Y-%m-%dT%H:%M:%S%z"
_COLOURS = {
    Status.ACCEPTED: "green", Status.REJECTED: "red", Status.FAILED: "red", Status.UNKNOWN: "yellow",
    Status.INVALID: "red", Status.SKIPPED: "cyan",
}  # fmt: skip


def printable(text: str) -> str:
    """Text from elsewhere, without control, bidi and other format characters: it cannot move the cursor or fake a line."""
    return "".join(
        " " if (kind := unicodedata.category(char))[0] == "C" or kind in {"Zl", "Zp"} else char for char in text
    )


def columns(text: str) -> int:
    """Columns that `text` takes on a terminal: Hangul and Han letters take two."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def folded(line: str, width: int | None) -> str:
    """The line in lines of at most `width` columns, indented under its first; words and paths are never broken."""
    if width is None or columns(line) <= width:
        return line
    start = line[: len(line) - len(line.lstrip(" "))]
    rows = [start]
    for word in line.split():
        blank = "" if rows[-1].isspace() or not rows[-1] else " "
        if blank and columns(rows[-1] + blank + word) > width:
            rows.append(f"{start}  ")
            blank = ""
        rows[-1] += blank + word
    return "\n".join(rows)


def counted(number: int, word: str, words: str | None = None) -> str:
    """``1 message``, ``2,000 messages``; `words` is a plural that is not made with an s."""
    return f"{number:,} {word if number == 1 else words or word + 's'}"


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
            self._console = Console(
                stderr=True, highlight=False, soft_wrap=True, width=None if self.live else 120,
                no_color=True if os.environ.get("NO_COLOR") else None, emoji=False, markup=False,
            )  # fmt: skip
        return self._console

    def say(self, event: str, text: str, *, style: str | None = None, always: bool = False, **fields: Any) -> None:
        """One sentence, or one JSON object."""
        if self.quiet and not always:
            return
        if self.json:
            now = datetime.now(UTC).astimezone().strftime(TIME)
            line = {"time": now, "event": event, "message": text, **fields}
            print(orjson.dumps(_clean(line), default=str).decode(), file=sys.stderr, flush=True)
        else:
            width = self.console.width if self.live else None
            self.console.print("\n".join(folded(printable(line), width) for line in text.split("\n")), style=style)

    def error(self, error: OmniBulkError) -> None:
        """What ended the run, one sentence each, also when quiet."""
        for sentence in error.problems if isinstance(error, SettingsError) else (str(error),):
            if self.json:
                self.say("error", sentence, always=True, exit=error.exit_code)
            else:
                print(f"omni-bulk: {printable(sentence)}", file=sys.stderr)

    # ── the plan ──────────────────────────────────────────────────────────────────────────────────────────────────

    def plan(self, tally: Tally, *, name: str, rate: float, ledger: str, notes: list[str]) -> None:
        """What will be sent, what not and why, and how long it takes."""
        if self.json:
            self.say(
                "plan", f"plan of campaign {name}", campaign=name, recipients=tally.read, ready=tally.ready,
                states={str(status): number for status, number in tally.states.items()}, reasons=dict(tally.reasons),
                segments=tally.segments, **cost_fields(tally), seconds=round(tally.ready / rate, 1),
                ledger=ledger, notes=notes,
            )  # fmt: skip
            return
        self.say("plan", f"Plan of campaign {name}: {counted(tally.read, 'recipient')}", style="bold")
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

    def summary(
        self, summary: Summary, *, out: str | None, ledger: str, next_step: str | None, whole: bool = True
    ) -> None:
        """How it ended, and what to do next. Not `whole`: the list was not read to its end, nor planned before."""
        if self.json:
            fields: dict[str, Any] = {**summary_fields(summary), "out": out, "ledger": ledger}
            self.say("summary", f"campaign {summary.campaign_name}", **fields)
        else:
            for line, style in _summary_lines(summary, whole=whole):
                self.say("summary", line, style=style)
            if out is not None:
                self.say("summary", f"  results: {out}", style="dim")
            self.say("summary", f"  ledger: {ledger}", style="dim")
        if next_step:
            self.say("next", next_step)


def _plan_lines(tally: Tally, rate: float) -> Iterator[str]:
    messages, segments = counted(tally.ready, "message"), counted(tally.segments, "segment")
    yield f"  to send: {messages}, {segments}, {duration(tally.ready / rate)} at {rate:g}/s"
    if tally.handled:
        yield f"  already handled: {tally.handled:,}"
    if tally.countries:
        shares = (f"{country} {number:,}{_price(tally, country)}" for country, number in tally.countries.most_common())
        yield f"  countries: {', '.join(shares)}"
    if tally.prices is not None and tally.unpriced:
        yield f"  cost: unknown, the price list has nothing for {', '.join(sorted(tally.unpriced))}"
    elif tally.cost is not None and tally.currency is not None:
        yield f"  cost: {shown(tally.cost, tally.currency)}"


def _price(tally: Tally, country: str) -> str:
    cost = tally.costs.get(country)
    return "" if cost is None or tally.currency is None else f" ({shown(cost, tally.currency)})"


def cost_fields(tally: Tally) -> dict[str, Any]:
    """What is to be sent by country and what it costs, as the JSON of a plan has it."""
    costs = None if tally.prices is None else tally.costs
    return {
        "countries": countries_json(tally.countries, tally.country_segments, costs),
        "cost": None if tally.cost is None else plain(tally.cost),
        "currency": tally.currency,
    }


def _problem_lines(tally: Tally) -> Iterator[str]:
    for reason, number in tally.reasons.most_common():
        examples = tally.examples.get(reason)
        if examples is None:
            continue
        rows = ", ".join(map(str, examples.rows))
        more = " …" if number > len(examples.rows) else ""
        detail = f": {examples.detail}" if examples.detail else ""
        yield f"  not sent: {number:,} {examples.status}, {reason} (row {rows}{more}){detail}"


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


def _summary_lines(summary: Summary, *, whole: bool) -> Iterator[tuple[str, str | None]]:
    if summary.stopped:
        yield f"Stopped: {summary.stopped}", "bold red"
    head = f"Campaign {summary.campaign_name}: {counted(summary.recipients, 'recipient')}"
    if not whole:
        head += " read so far"
    if summary.already_handled:
        head += f", {summary.already_handled:,} of them handled before"
    yield head, "bold"
    for status in Status:
        if number := summary.campaign.get(status, 0):
            yield f"  {number:>9,} {status}", _COLOURS[status]
    if summary.remaining or not whole:
        yield f"  {summary.remaining:>9,} not sent yet{'' if whole else ', and the rest of the list'}", "yellow"
    if summary.cost and summary.currency:
        yield f"  cost: {shown(summary.cost, summary.currency)}", "dim"
    if summary.not_before:
        yield f"  the next may be sent at {summary.not_before}", "yellow"
    if summary.posts and summary.seconds >= 1:
        pace = summary.posts / summary.seconds
        yield f"  {counted(summary.posts, 'post')} in {duration(summary.seconds)}, {pace:.0f}/s", "dim"


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
        "whole": summary.whole,
        "posts": summary.posts,
        "seconds": round(summary.seconds, 3),
        "rate": round(summary.posts / summary.seconds, 1) if summary.seconds else None,
        "cost": None if summary.cost is None else plain(summary.cost),
        "currency": summary.currency,
        "countries": {country: dict(one) for country, one in summary.countries.items()},
        "notBefore": summary.not_before,
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


def _clean(value: Any) -> Any:
    """`value` for JSON: a file's name may hold bytes that are no letters, which JSON cannot carry."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return {key: _clean(one) for key, one in value.items()}
    return [_clean(one) for one in value] if isinstance(value, list) else value


class JsonLog(logging.Formatter):
    """One object a line: time, level, event, message, and whatever fields the event has."""

    _OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

    def format(self, record: logging.LogRecord) -> str:
        fields = {name: value for name, value in vars(record).items() if name not in self._OWN}
        line = {
            "time": self.formatTime(record, TIME),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            **fields,
        }
        return orjson.dumps(_clean(line), default=str).decode()


def log_to_stderr(*, json: bool, verbose: bool) -> None:
    """Our logger's records on stderr: warnings, and with `verbose` everything. Other libraries' logs stay off."""
    logger = logging.getLogger("omni_bulk")
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLog() if json else logging.Formatter("%(levelname)s %(message)s"))
    logger.handlers[:] = [handler]
    logger.setLevel(logging.DEBUG if verbose else logging.WARNING)
    logger.propagate = False
