"""What a person sees, on stderr: plan, progress, summary. On a terminal with rich, else a line of text or JSON each."""

import logging
import os
import sys
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson

from omni_bulk.cli.going import fields as going_fields
from omni_bulk.cli.going import phrases, time_left, too_few_workers
from omni_bulk.cli.language import speaks, spoken
from omni_bulk.cli.streams import put
from omni_bulk.cost import countries_json, plain, shown
from omni_bulk.errors import OmniBulkError, SettingsError
from omni_bulk.events import EVENTS
from omni_bulk.model import Status
from omni_bulk.sentences import Sentence, counted, listed, said, term
from omni_bulk.stats import Cause, Summary, Tally, TextCount
from omni_bulk.tempo import Figures
from omni_bulk.words import clause

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


def tell(text: str) -> None:
    """One line to a person on stderr, in the language of this command."""
    print(printable(spoken(text)), file=sys.stderr)


class Screen:
    """`quiet` leaves only errors; `json` writes one object a line with an `event`.

    With `record` what is said is what was asked for, as the plan is of `check`: it goes to stdout, in plain text.
    """

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
            put("\n".join(map(printable, spoken(text).split("\n"))))
        elif self.json:
            now = datetime.now(UTC).astimezone().strftime(TIME)
            level = EVENTS[event].level if event in EVENTS else "info"
            line = {"time": now, "level": level, "event": event, "message": text, **fields}
            print(orjson.dumps(_clean(line), default=str).decode(), file=sys.stderr, flush=True)
        else:
            width = self.console.width if self.live else None
            self.console.print(
                "\n".join(folded(printable(line), width) for line in spoken(text).split("\n")), style=style
            )

    def error(self, error: OmniBulkError) -> None:
        """What ended the run, one sentence each, also when quiet."""
        for sentence in error.problems if isinstance(error, SettingsError) else (error.sentence,):
            if self.json:
                self.say("error", sentence, always=True, exit=error.exit_code)
            else:
                tell(said("omni-bulk: {sentence}", sentence=sentence))

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
                "plan", said("plan of campaign {name}", name=name), campaign=name, recipients=tally.read, ready=tally.ready,
                states={str(status): number for status, number in tally.states.items()}, reasons=dict(tally.reasons),
                segments=tally.segments, **cost_fields(tally), seconds=round(tally.ready / rate, 1),
                ledger=ledger, notes=notes, warnings={name: found.count for name, found in tally.warnings.items()},
                texts=text_fields(tally.texts),
            )  # fmt: skip
            return
        self.say(
            "plan",
            said("Plan of campaign {name}: {recipients}", name=name, recipients=counted(tally.read, "recipient")),
            style="bold",
        )
        for line in _plan_lines(tally, rate):
            self.say("plan", line)
        seen = self.live or self.record  # numbers, though masked, and texts are for eyes: no log has them
        for line in (
            *text_lines(tally.texts),
            *_problem_lines(tally, column_of, numbers=seen),
            *warning_lines(tally, explain),
        ):  # fmt: skip
            self.say("plan", line, style="yellow")
        if seen:
            for line in _preview_lines(tally):
                self.say("plan", line)
        for note in notes:
            self.say("plan", said("  note: {note}", note=note), style="yellow")
        self.say("plan", said("  ledger: {ledger}", ledger=ledger), style="dim")

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
            task = bar.add_task(spoken(said("sending")), total=total, left="", under=[])
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
            self.say("summary", said("campaign {name}", name=summary.campaign_name), **fields)
        else:
            for line, style in _summary_lines(summary, whole=whole, sandbox=sandbox):
                self.say("summary", line, style=style)
            if out is not None:
                self.say("summary", said("  results: {out}", out=out), style="dim")
            self.say("summary", said("  ledger: {ledger}", ledger=ledger), style="dim")


def _plan_lines(tally: Tally, rate: float) -> Iterator[str]:
    messages, segments = counted(tally.ready, "message"), counted(tally.segments, "segment")
    yield said(
        "  to send: {messages}, {segments}, {time} at {rate:g}/s",
        messages=messages,
        segments=segments,
        time=duration(tally.ready / rate),
        rate=rate,
    )
    if tally.handled:
        yield said("  already handled: {handled:,}", handled=tally.handled)
    if tally.countries:
        rare, common = _shares(tally)
        if rare:
            yield said("  few to, so look twice: {rare} (each under 1 % of the messages)", rare=listed(rare))
        yield said("  countries: {countries}", countries=listed(common))
    if tally.prices is not None and tally.unpriced:
        yield said(
            "  cost: unknown, the price list has nothing for {unpriced}", unpriced=listed(sorted(tally.unpriced))
        )
    elif tally.cost is not None and tally.currency is not None:
        yield said("  cost: {cost}", cost=shown(tally.cost, tally.currency))


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


def _problem_lines(tally: Tally, column_of: Callable[[str], str | None], *, numbers: bool) -> Iterator[str]:
    for cause in sorted(tally.causes.values(), key=lambda cause: -cause.count):
        column = column_of(cause.reason)
        where: Sentence = _rows(cause, numbers=numbers)
        if column:
            where = said("{rows}; column {column}", rows=where, column=column)
        line = said(
            "  not sent: {count:,} {status}, {reason} ({where})",
            count=cause.count, status=term(cause.status), reason=cause.reason, where=where,
        )  # fmt: skip
        why = _why(cause)
        yield said("{line}: {why}", line=line, why=why) if why else line


def _why(cause: Cause) -> str:
    """What is said of it beside its name: in English only what was found, for its name is English already."""
    if isinstance(cause.detail, Sentence) or speaks() == "en":
        return cause.detail
    return clause(cause.reason, cause.detail, speaks())


def _rows(cause: Cause, *, numbers: bool) -> Sentence:
    pairs = zip(cause.rows, cause.numbers, strict=True)
    rows = ", ".join(f"{row}: {shown}" if shown and numbers else str(row) for row, shown in pairs)
    return said("row {rows}{more}", rows=rows, more=" …" if cause.count > len(cause.rows) else "")


def warning_lines(tally: Tally, explain: Callable[[str, str], str]) -> Iterator[str]:
    """What is sent and warned of: a line for each thing that is said, with the countries it is said of."""
    for name, warned in sorted(tally.warnings.items(), key=lambda pair: -pair[1].count):
        by_sentence: dict[str, list[str]] = {}
        for country, number in warned.countries.most_common():
            by_sentence.setdefault(explain(name, country), []).append(f"{country} {number:,}")
        for sentence, countries in by_sentence.items():
            line = said("  warning: {name}, {countries}", name=name, countries=_first(countries))
            yield said("{line}: {why}", line=line, why=sentence) if sentence else line


def text_lines(texts: TextCount | None) -> Iterator[str]:
    """What UCS-2 costs, what forces it, and what `--gsm7` did or would do."""
    if texts is None:
        return
    if texts.ucs2:
        forced = _counts(texts.of_others + texts.of_curable)
        yield said(
            "  UCS-2: {messages}, {segments}, because of {forced}",
            messages=counted(texts.ucs2, "message"),
            segments=counted(texts.segments, "segment"),
            forced=forced,
        )
    if (saved := texts.segments_now - texts.segments_then) > 0:
        yield (
            said(
                "  --gsm7 would bring {messages} into GSM-7: {segments} become {then:,}, {saved:,} fewer",
                messages=counted(texts.curable, "message"),
                segments=counted(texts.segments_now, "segment"),
                then=texts.segments_then,
                saved=saved,
            )
        )
    if texts.replaced:
        replaced = (
            said("{char} by {plain!r} in {number:,}", char=shown_char(char), plain=texts.table.put(char), number=number)
            for char, number in _ranked(texts.replaced)
        )
        yield said("  --gsm7 replaced: {replaced}", replaced=listed(replaced))


def text_fields(texts: TextCount | None) -> dict[str, Any] | None:
    """The same for JSON. Characters are keys as they are; counts are of messages."""
    if texts is None:
        return None
    return {
        "ucs2": texts.ucs2, "ucs2Segments": texts.segments, "becauseOf": dict(texts.of_others + texts.of_curable),
        "curable": texts.curable, "curableSegments": texts.segments_now, "curableSegmentsWithGsm7": texts.segments_then,
        "replaced": {char: {"by": texts.table.put(char), "messages": number} for char, number in texts.replaced.items()},
    }  # fmt: skip


def _counts(counter: Counter[str], most: int = 8) -> Sentence:
    ranked = _ranked(counter)
    return _first(
        [said("{name} {number:,}", name=term(shown_char(name)), number=number) for name, number in ranked], most
    )


def _ranked(counter: Counter[str]) -> list[tuple[str, int]]:
    """The most frequent first, and the same order each time: what is counted comes out of sets."""
    return sorted(counter.items(), key=lambda pair: (-pair[1], pair[0]))


def shown_char(char: str) -> str:
    """A script's name, or a character, as it is; one that cannot be seen by its code point."""
    if len(char) > 1 or (char.isprintable() and unicodedata.category(char)[0] not in "ZMC"):
        return char
    return f"U+{ord(char):04X}"


def _first(parts: Sequence[str], most: int = 8) -> Sentence:
    first = listed(parts[:most])
    return said("{first} and {more} more", first=first, more=len(parts) - most) if len(parts) > most else first


def _preview_lines(tally: Tally) -> Iterator[str]:
    for one in tally.previews:
        text = " ".join(one.text.split())
        shown = text if len(text) <= PREVIEW_TEXT_MAX else f"{text[: PREVIEW_TEXT_MAX - 1]}…"
        yield said(
            "  row {row}: {number} ({country}) gets: {text}",
            row=one.row,
            number=one.number,
            country=one.country,
            text=shown,
        )


def _progress_text(tally: Tally, total: int | None, figures: Figures, waits: str | None) -> Sentence:
    done = sum(tally.run.values())
    so_far = (
        said("{done:,} done", done=done)
        if total is None
        else said("{done:,} of {total:,} done", done=done, total=total)
    )
    left = [] if figures.eta is None or waits else [_left(figures.eta)]
    head, states = listed([so_far, *phrases(figures), *left]), listed(map(_state, tally.run, tally.run.values()))
    return listed(
        [said("{head}: {states}", head=head, states=states) if states else head, *_troubles(figures, waits)], "; "
    )


def _left(seconds: float) -> Sentence:
    return said("{time} left", time=time_left(seconds))


def _state(status: str, number: int) -> Sentence:
    return said("{number:,} {status}", number=number, status=term(status))


def _troubles(figures: Figures, waits: str | None) -> list[str]:
    """Why it does not go faster."""
    if waits:
        return [said("waits: {why}", why=term(_WAITS.get(waits, waits)))]
    return [said for said in (too_few_workers(figures),) if said]


def _move(bar: "Progress", task: "TaskID", tally: Tally, figures: Figures, waits: str | None) -> None:
    unusual = [_state(status, tally.run[status]) for status in Status if status != "accepted" and tally.run[status]]
    under = [spoken(listed(one)) for one in (phrases(figures), unusual, _troubles(figures, waits)) if one]
    left = "" if figures.eta is None or waits else spoken(_left(figures.eta))
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
        yield said("Stopped: {stopped}", stopped=summary.stopped), "bold red"
    name, recipients = summary.campaign_name, counted(summary.recipients, "recipient")
    head = said("Campaign {name}: {recipients}", name=name, recipients=recipients)
    if not whole:
        head = said("{head} read so far", head=head)
    if summary.already_handled:
        head = said("{head}, {handled:,} of them handled before", head=head, handled=summary.already_handled)
    yield head, "bold"
    for status in Status:
        if number := summary.campaign.get(status, 0):
            yield said("  {number:>9,} {status}", number=number, status=term(status)), _COLOURS[status]
    if summary.remaining or not whole:
        left = said("  {number:>9,} not sent yet", number=summary.remaining)
        yield left if whole else said("{left}, and the rest of the list", left=left), "yellow"
    if summary.cost and summary.currency:
        yield said("  cost: {cost}", cost=shown(summary.cost, summary.currency)), "dim"
    if summary.not_before:
        yield said("  the next may be sent at {not_before}", not_before=summary.not_before), "yellow"
    if summary.posts and summary.seconds >= 1:
        pace = summary.posts / summary.seconds
        yield (
            said(
                "  {posts} in {seconds}, {pace:.0f}/s{refused}",
                posts=counted(summary.posts, "post"),
                seconds=duration(summary.seconds),
                pace=pace,
                refused=_refused(summary),
            ),
            "dim",
        )
    if summary.may_allow_more and summary.ceiling is not None and not sandbox:
        yield said("  not one A020: the contract may allow more than --rate {ceiling:g}", ceiling=summary.ceiling), None


def _refused(summary: Summary) -> str:
    return said(", {number:,} of them A020", number=summary.throttled) if summary.throttled else ""


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


def duration(seconds: float) -> Sentence:
    """``45 s``, ``12 min``, ``3 h 05 min``."""
    if seconds < 90:
        return said("{seconds:.0f} s", seconds=seconds) if seconds >= 1 or not seconds else said("under 1 s")
    minutes = round(seconds / 60)
    if minutes < 90:
        return said("{minutes} min", minutes=minutes)
    return said("{hours} h {minutes:02d} min", hours=minutes // 60, minutes=minutes % 60)


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
