"""What a person sees, on stderr: plan, progress, summary. On a terminal with rich, else a line of text or JSON each."""

import logging
import os
import sys
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson

from omni_bulk.cli.going import fields as going_fields
from omni_bulk.cli.going import phrases, time_left, too_few_workers
from omni_bulk.cli.streams import put
from omni_bulk.cost import countries_json, plain, shown
from omni_bulk.errors import OmniBulkError, SettingsError
from omni_bulk.events import EVENTS
from omni_bulk.model import Status
from omni_bulk.stats import Cause, Summary, Tally, TextCount
from omni_bulk.tempo import Figures
from omni_bulk.words import Language, clause

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

LINE_EVERY = 10.0  # s between progress lines without a terminal
BAR_EVERY = 0.1  # s between updates of the bar
PREVIEW_TEXT_MAX = 80  # characters of a message in the preview
TIME = "%Y-%m-%dT%H:%M:%S%z"
_COLOURS = {
    Status.ACCEPTED: "green", Status.REJECTED: "red", Status.FAILED: "red", Status.UNKNOWN: "yellow",
    Status.INVALID: "red", Status.SKIPPED: "cyan",
}  # fmt: skip

# Why nothing is sent at the moment, beside the bar.
_WAITS = {
    "not_connected": "server unreachable", "throttled": "server wants a pause", "bare_refusal": "server refuses",
    "not_omni": "no answer of the API", "failure_rate": "too many refusals", "unknown_rate": "too many lost answers",
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
    """`quiet` leaves only errors; `json` writes one object a line with an `event`.

    With `record` what is said is what was asked for, as the plan is of `check`: it goes to stdout, in plain text.
    """

    language: Language = "en"  # of the clauses that say why a row is not sent

    def __init__(self, *, quiet: bool = False, json: bool = False, record: bool = False) -> None:
        self.quiet = quiet
        self.json = json
        self.record = record
        self.live = sys.stderr.isatty() and not json and not quiet and not record
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
        if self.record:
            put("\n".join(map(printable, text.split("\n"))))
        elif self.json:
            now = datetime.now(UTC).astimezone().strftime(TIME)
            level = EVENTS[event].level if event in EVENTS else "info"
            line = {"time": now, "level": level, "event": event, "message": text, **fields}
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

    def plan(
        self, tally: Tally, *, name: str, rate: float, ledger: str, notes: list[str],
        explain: Callable[[str, str], str] = lambda _warning, _country: "",
        column_of: Callable[[str], str | None] = lambda _reason: None,
    ) -> None:  # fmt: skip
        """What will be sent, what not and why, and how long it takes.

        `explain` is `Composition.explain`, `column_of` that of the list's columns.
        """
        if self.json:
            self.say(
                "plan", f"plan of campaign {name}", campaign=name, recipients=tally.read, ready=tally.ready,
                states={str(status): number for status, number in tally.states.items()}, reasons=dict(tally.reasons),
                segments=tally.segments, **cost_fields(tally), seconds=round(tally.ready / rate, 1),
                ledger=ledger, notes=notes, warnings={name: found.count for name, found in tally.warnings.items()},
                texts=text_fields(tally.texts),
            )  # fmt: skip
            return
        self.say("plan", f"Plan of campaign {name}: {counted(tally.read, 'recipient')}", style="bold")
        for line in _plan_lines(tally, rate):
            self.say("plan", line)
        seen = self.live or self.record  # numbers, though masked, and texts are for eyes: no log has them
        for line in (
            *text_lines(tally.texts),
            *_problem_lines(tally, self.language, column_of, numbers=seen),
            *warning_lines(tally, explain),
        ):  # fmt: skip
            self.say("plan", line, style="yellow")
        if seen:
            for line in _preview_lines(tally):
                self.say("plan", line)
        for note in notes:
            self.say("plan", f"  note: {note}", style="yellow")
        self.say("plan", f"  ledger: {ledger}", style="dim")

    # ── progress ──────────────────────────────────────────────────────────────────────────────────────────────────

    @contextmanager
    def progress(self, total: int | None) -> Iterator[Callable[[Tally, Figures, str | None], None]]:
        """Gives a function to call with the counts, the figures and what sending waits for."""
        if not self.live:
            yield lambda tally, figures, waits: self.say(
                "progress", _progress_text(tally, total, figures, waits), done=sum(tally.run.values()), total=total,
                **(going_fields(figures) if self.json else {}),
            )  # fmt: skip
            return
        with self._bar() as bar:
            task = bar.add_task("sending", total=total, left="", under=[])
            yield lambda tally, figures, waits: _move(bar, task, tally, figures, waits)

    def _bar(self) -> "Progress":
        from rich.console import RenderableType  # noqa: PLC0415
        from rich.progress import (  # noqa: PLC0415
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
        )
        from rich.text import Text  # noqa: PLC0415

        class Bar(Progress):
            """The bar, and lines under it: beside it a terminal of 80 columns has no room for them."""

            def get_renderables(self) -> Iterator[RenderableType]:
                yield self.make_tasks_table(self.tasks)
                for task in self.tasks:
                    width = self.console.width - 2
                    yield from (Text(f"  {line}") for part in task.fields["under"] for line in _wrapped(part, width))

        return Bar(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[left]}"),
            console=self.console, transient=True, refresh_per_second=10,
        )  # fmt: skip

    # ── the end ───────────────────────────────────────────────────────────────────────────────────────────────────

    def summary(
        self, summary: Summary, *, out: str | None, ledger: str, whole: bool = True,
        sandbox: bool = False,
    ) -> None:  # fmt: skip
        """How it ended. Not `whole`: the list was not read to its end, nor planned before."""
        if self.json:
            fields: dict[str, Any] = {**summary_fields(summary), "out": out, "ledger": ledger}
            self.say("summary", f"campaign {summary.campaign_name}", **fields)
        else:
            for line, style in _summary_lines(summary, whole=whole, sandbox=sandbox):
                self.say("summary", line, style=style)
            if out is not None:
                self.say("summary", f"  results: {out}", style="dim")
            self.say("summary", f"  ledger: {ledger}", style="dim")


def _plan_lines(tally: Tally, rate: float) -> Iterator[str]:
    messages, segments = counted(tally.ready, "message"), counted(tally.segments, "segment")
    yield f"  to send: {messages}, {segments}, {duration(tally.ready / rate)} at {rate:g}/s"
    if tally.handled:
        yield f"  already handled: {tally.handled:,}"
    if tally.countries:
        rare, common = _shares(tally)
        if rare:
            yield f"  few to, so look twice: {', '.join(rare)} (each under 1 % of the messages)"
        yield f"  countries: {', '.join(common)}"
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


def _shares(tally: Tally) -> tuple[list[str], list[str]]:
    """Countries and their messages: those with under 1 % of them, where a wrong reading of numbers shows; the others."""
    rare, common = list[str](), list[str]()
    for country, number in tally.countries.most_common():
        few = number * 100 < tally.countries.total()
        (rare if few else common).append(f"{country} {number:,}{_price(tally, country)}")
    return rare, common


def _problem_lines(
    tally: Tally, language: Language, column_of: Callable[[str], str | None], *, numbers: bool
) -> Iterator[str]:
    for cause in sorted(tally.causes.values(), key=lambda cause: -cause.count):
        said = clause(cause.reason, cause.detail, language) if cause.detail or language != "en" else ""
        detail = f": {said}" if said else ""
        column = column_of(cause.reason)
        where = _rows(cause, numbers=numbers) + (f"; column {column}" if column else "")
        yield f"  not sent: {cause.count:,} {cause.status}, {cause.reason} ({where}){detail}"


def _rows(cause: Cause, *, numbers: bool) -> str:
    pairs = zip(cause.rows, cause.numbers, strict=True)
    rows = ", ".join(f"{row}: {shown}" if shown and numbers else str(row) for row, shown in pairs)
    return f"row {rows}{' …' if cause.count > len(cause.rows) else ''}"


def warning_lines(tally: Tally, explain: Callable[[str, str], str]) -> Iterator[str]:
    """What is sent and warned of: a line for each thing that is said, with the countries it is said of."""
    for name, warned in sorted(tally.warnings.items(), key=lambda pair: -pair[1].count):
        said: dict[str, list[str]] = {}
        for country, number in warned.countries.most_common():
            said.setdefault(explain(name, country), []).append(f"{country} {number:,}")
        for sentence, countries in said.items():
            yield f"  warning: {name}, {_listed(countries)}{': ' if sentence else ''}{sentence}"


def text_lines(texts: TextCount | None) -> Iterator[str]:
    """What UCS-2 costs, what forces it, and what `--gsm7` did or would do."""
    if texts is None:
        return
    if texts.ucs2:
        forced = _counts(texts.of_others + texts.of_curable)
        yield f"  UCS-2: {counted(texts.ucs2, 'message')}, {counted(texts.segments, 'segment')}, because of {forced}"
    if (saved := texts.segments_now - texts.segments_then) > 0:
        yield (
            f"  --gsm7 would bring {counted(texts.curable, 'message')} into GSM-7: "
            f"{counted(texts.segments_now, 'segment')} become {texts.segments_then:,}, {saved:,} fewer"
        )
    if texts.replaced:
        replaced = (
            f"{shown_char(char)} by {texts.table.put(char)!r} in {number:,}" for char, number in _ranked(texts.replaced)
        )
        yield f"  --gsm7 replaced: {', '.join(replaced)}"


def text_fields(texts: TextCount | None) -> dict[str, Any] | None:
    """The same for JSON. Characters are keys as they are; counts are of messages."""
    if texts is None:
        return None
    return {
        "ucs2": texts.ucs2, "ucs2Segments": texts.segments, "becauseOf": dict(texts.of_others + texts.of_curable),
        "curable": texts.curable, "curableSegments": texts.segments_now, "curableSegmentsWithGsm7": texts.segments_then,
        "replaced": {char: {"by": texts.table.put(char), "messages": number} for char, number in texts.replaced.items()},
    }  # fmt: skip


def _counts(counter: Counter[str], most: int = 8) -> str:
    return _listed([f"{shown_char(name)} {number:,}" for name, number in _ranked(counter)], most)


def _ranked(counter: Counter[str]) -> list[tuple[str, int]]:
    """The most frequent first, and the same order each time: what is counted comes out of sets."""
    return sorted(counter.items(), key=lambda pair: (-pair[1], pair[0]))


def shown_char(char: str) -> str:
    """A script's name, or a character, as it is; one that cannot be seen by its code point."""
    if len(char) > 1 or (char.isprintable() and unicodedata.category(char)[0] not in "ZMC"):
        return char
    return f"U+{ord(char):04X}"


def _listed(parts: list[str], most: int = 8) -> str:
    return ", ".join(parts[:most]) + (f" and {len(parts) - most} more" if len(parts) > most else "")


def _preview_lines(tally: Tally) -> Iterator[str]:
    for one in tally.previews:
        text = " ".join(one.text.split())
        shown = text if len(text) <= PREVIEW_TEXT_MAX else f"{text[: PREVIEW_TEXT_MAX - 1]}…"
        yield f"  row {one.row}: {one.number} ({one.country}) gets: {shown}"


def _progress_text(tally: Tally, total: int | None, figures: Figures, waits: str | None) -> str:
    done = sum(tally.run.values())
    of = "" if total is None else f" of {total:,}"
    left = [] if figures.eta is None or waits else [f"{time_left(figures.eta)} left"]
    states = ", ".join(f"{number:,} {status}" for status, number in tally.run.items())
    parts = [", ".join([f"{done:,}{of} done", *phrases(figures), *left]) + (f": {states}" if states else "")]
    return "; ".join([*parts, *_troubles(figures, waits)])


def _troubles(figures: Figures, waits: str | None) -> list[str]:
    """Why it does not go faster."""
    if waits:
        return [f"waits: {_WAITS.get(waits, waits)}"]
    return [said for said in (too_few_workers(figures),) if said]


def _move(bar: "Progress", task: "TaskID", tally: Tally, figures: Figures, waits: str | None) -> None:
    unusual = [f"{tally.run[status]:,} {status}" for status in Status if status != "accepted" and tally.run[status]]
    under = [", ".join(one) for one in (phrases(figures), unusual, _troubles(figures, waits)) if one]
    left = "" if figures.eta is None or waits else f"{time_left(figures.eta)} left"
    bar.update(task, completed=sum(tally.run.values()), left=left, under=under)


def _wrapped(line: str, width: int) -> list[str]:
    """In lines of at most `width` columns, broken where a phrase ends."""
    rows = [""]
    for phrase in line.split(", "):
        if rows[-1] and columns(f"{rows[-1]}, {phrase},") > width:
            rows[-1] += ","
            rows.append("")
        rows[-1] += f", {phrase}" if rows[-1] else phrase
    return rows


def _summary_lines(summary: Summary, *, whole: bool, sandbox: bool) -> Iterator[tuple[str, str | None]]:
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
        yield (
            f"  {counted(summary.posts, 'post')} in {duration(summary.seconds)}, {pace:.0f}/s{_refused(summary)}",
            "dim",
        )
    if summary.may_allow_more and summary.ceiling is not None and not sandbox:
        yield f"  not one A020: the contract may allow more than --rate {summary.ceiling:g}", None


def _refused(summary: Summary) -> str:
    return f", {summary.throttled:,} of them A020" if summary.throttled else ""


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
        "ceiling": summary.ceiling,
        "throttled": summary.throttled,
        "mayAllowMore": summary.may_allow_more,
        "p50Ms": None if summary.p50 is None else round(1000 * summary.p50),
        "p99Ms": None if summary.p99 is None else round(1000 * summary.p99),
        "tokens": summary.tokens,
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


def json_line(fields: dict[str, Any]) -> str:
    """One object for a program, in one line."""
    return orjson.dumps(_clean(fields), default=str).decode()


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
