"""The verb `explain`: everything the ledger knows of one recipient."""

from collections.abc import Iterator, Mapping
from datetime import datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from omni_bulk.cli import app

if TYPE_CHECKING:
    from omni_bulk.ledger.tracing import Asked

Flag = typer.Option
WIDTH = 80  # columns of what is printed: it goes into tickets and mails


@app.command("explain")
def explain(
    asked: Annotated[str, typer.Argument(metavar="NUMBER|REF|MSGKEY", help="A number in any usual writing, or a key.")],
    unmasked: Annotated[
        bool, Flag("--unmasked", help="Show numbers whole, also when it was asked by ref or msgKey.")
    ] = False,
    region: Annotated[str | None, Flag(metavar="CC", help="For numbers in national form.")] = None,
    dlr: Annotated[bool | None, Flag("--dlr", help="The account has handset reports: two are wanted.")] = None,
    tz: Annotated[str | None, Flag(metavar="ZONE", help="Of the times shown; default Asia/Seoul.")] = None,
    json: Annotated[bool, Flag("--json", help="One object on stdout.")] = False,
    ledger: Annotated[str | None, Flag(metavar="FILE", help="The ledger.")] = None,
    config: Annotated[str | None, Flag(metavar="FILE", help="Settings; default omni-bulk.toml.")] = None,
) -> int:
    """Tell what became of one recipient, in all campaigns: row, reasons, posts, msgKey, reports, and what is open."""
    from time import time  # noqa: PLC0415  not for --help
    from zoneinfo import ZoneInfo  # noqa: PLC0415

    import orjson  # noqa: PLC0415

    from omni_bulk.cli.desk import opened_ledger, report_codes  # noqa: PLC0415
    from omni_bulk.cli.streams import put  # noqa: PLC0415
    from omni_bulk.explaining import report_fields, story  # noqa: PLC0415
    from omni_bulk.ledger import tracing  # noqa: PLC0415
    from omni_bulk.settings import Settings  # noqa: PLC0415

    settings = Settings(ledger=ledger, config=config, region=region, tz=tz, dlr=dlr)
    meant, hint = _meant(asked, settings.region)
    codes, now = report_codes(), round(time() * 1000)
    with opened_ledger(settings.ledger) as db:
        db.execute("BEGIN")  # one view of everything, whatever is sent meanwhile
        found = [tracing.trace(db, message, how) for message, how in sorted(tracing.find(db, meant).items())]
        refs = [one.ref for one in found if one.ref is not None]
        strays = tracing.strays(db, meant, refs, found)
        barred = tracing.barred(db, meant.numbers)
    if not found and not strays and not barred:
        raise _nobody(asked, settings.ledger, hint)
    typed = set(meant.numbers)
    told = {
        "asked": asked,
        "messages": [
            story(one, codes, now, dlr=settings.dlr, clear=unmasked or one.number in typed) for one in found
        ],
        "reports": [report_fields(one, codes) for one in strays],
        "getsNothing": [{"since": since, "kind": kind, "note": note} for kind, since, note in _dated(barred)],
    }  # fmt: skip
    if json:
        put(orjson.dumps(told).decode())
    else:
        for line in _lines(told, ZoneInfo(settings.tz)):
            put(line)
    return 0


def _meant(asked: str, region: str | None) -> "tuple[Asked, str | None]":
    """The numbers it may be, in every reading: looking is no sending, so guessing harms nobody. And why it is none."""
    from omni_bulk.ledger.tracing import Asked  # noqa: PLC0415
    from omni_bulk.phone import Phone, normalise  # noqa: PLC0415

    plain = normalise(asked, region=region)
    readings = [plain, normalise(asked, region=region, numbers="international")]
    if region is not None:
        readings.append(normalise(asked, region=region, numbers="national"))
    numbers = tuple(dict.fromkeys(one.e164 for one in readings if isinstance(one, Phone)))
    sure = isinstance(plain, Phone) and asked.strip().startswith(("+", "00"))
    hint = None if isinstance(plain, Phone) or plain.reason != "ambiguous_number" else plain.detail
    return Asked(asked.strip(), numbers, sure), None if numbers else hint


def _nobody(asked: str, ledger: Path, hint: str | None) -> Exception:
    from omni_bulk.errors import SettingsError  # noqa: PLC0415

    more = "" if hint is None else f"; as a number it cannot be read: {hint}"
    return SettingsError(f"the ledger {ledger} knows no number, ref or msgKey {asked!r}{more}")


def _dated(barred: list[tuple[str, str, int, str | None]]) -> Iterator[tuple[str, str | None, str | None]]:
    from omni_bulk.results import iso  # noqa: PLC0415

    for _, kind, since, note in barred:
        yield kind, iso(since), note


# ── for people ────────────────────────────────────────────────────────────────────────────────────────────────────

_SETTLED_LATER = frozenset({"reported", "by_hand"})  # reasons of lines that no answer of the API stands behind


def _lines(told: Mapping[str, Any], zone: tzinfo) -> Iterator[str]:
    """The story in lines of at most `WIDTH` columns, as far as its words are not longer. Times in `zone`."""
    from omni_bulk.cli.screen import folded, printable  # noqa: PLC0415

    for at, text in _story(told, zone):
        start = "  " if at is None else f"  {at}  "
        said = folded(printable(text), WIDTH - len(start) if at is not None else WIDTH)
        yield said if at is None else start + said.replace("\n", "\n" + " " * len(start))


_Said = Iterator[tuple[str | None, str]]  # the time of an event (blank for its second line), None for other lines
_BLANK = " " * 19


def _story(told: Mapping[str, Any], zone: tzinfo) -> _Said:
    for one in told["getsNothing"]:
        note = f" ({one['note']})" if one["note"] else ""
        what = "erased with forget, and gets nothing" if one["kind"] == "forgotten" else "on the suppression list"
        yield None, f"This number is {what}, since {_at(one['since'], zone)}{note}."
    for number, message in enumerate(told["messages"]):
        if number:
            yield None, ""
        yield from _message(message, zone)
    if told["reports"]:
        yield None, "Reports that belong to nobody:"
    for report in told["reports"]:
        yield from _report(report, zone)


def _message(one: Mapping[str, Any], zone: tzinfo) -> _Said:
    yield from _head(one)
    if one["claimed"] is not None:
        yield _at(one["claimed"], zone), "claimed: from here on it might leave"
    elif one["judged"] is not None:
        yield _at(one["judged"], zone), "the run that judged it began"
    if one["pruned"]:
        yield _BLANK, "older lines may have been pruned from the ledger"
    answered = [line["seq"] for line in one["lines"] if line["reason"] not in _SETTLED_LATER]
    for line in one["lines"]:
        yield from _line(line, zone, one["httpStatus"] if [line["seq"]] == answered[-1:] else None)
    if one["presumedUnsent"] is not None:
        yield _at(one["presumedUnsent"], zone), "presumed unsent: no report ever came"
    for report in one["reports"]:
        yield from _report(report, zone)
    if one["inquired"] is not None:
        yield _at(one["inquired"]["at"], zone), f"asked the API about it; reports it had: {one['inquired']['found']}"
    for step in one["open"]:
        yield None, f"  -> {step['say']}"
        if step["command"] is not None:
            yield None, f"     {step['command']}"


def _head(one: Mapping[str, Any]) -> _Said:
    name = f"Campaign {one['campaign']}" if one["campaign"] else "A single send"
    yield None, f"{name}{'' if one['row'] is None else ', row ' + str(one['row'])}: {_state(one)}"
    country = "" if one["country"] is None else f" ({one['country']})"
    yield None, f"  to {one['to'] or 'a number that cannot be read'}{country}, from {one['from'] or '?'}{_weight(one)}"
    if one["duplicateOf"] is not None:
        yield None, f"  it repeats the row with ref {one['duplicateOf']}"
    elif one["ref"] is not None:
        yield None, f"  ref {one['ref']}{'' if one['wireRef'] is None else ', posted again as ' + one['wireRef']}"
    yield None, f"  account {one['account']} at {one['origin']}"
    for warning in one["warnings"]:
        yield None, f"  warned by the rule {warning}"


def _state(one: Mapping[str, Any]) -> str:
    state = {"inDoubt": "in doubt", "ready": "not sent yet"}.get(one["state"], one["state"])
    if one["delivery"] is not None:
        state += ", no report" if one["delivery"] == "none" else f", {one['delivery']}"
    return f"{state} ({one['reasonText']})" if one["reasonText"] else state


def _weight(one: Mapping[str, Any]) -> str:
    return "" if one["segments"] is None else f"; {_counted(one['segments'], 'segment')}, {one['encoding']}"


def _line(line: Mapping[str, Any], zone: tzinfo, http: int | None) -> _Said:
    from omni_bulk.words import clause  # noqa: PLC0415

    said = " ".join(filter(None, (line["code"], line["result"])))
    reason = clause(line["reason"], "", "en") if line["reason"] else ""
    parts = [line["status"] + "".join(f": {one}" for one in (said, reason) if one)]
    if line["reason"] not in _SETTLED_LATER:
        parts += [f"HTTP {http}"] * (http is not None)
        parts += [_counted(line["attempts"], "attempt")] * bool(line["attempts"])
        parts += [f"{line['latencyMs']:,} ms"] if line["latencyMs"] is not None else []
    yield (
        _BLANK if line["reason"] in _SETTLED_LATER else _at(line["sentAt"], zone),
        f"{', '.join(parts)} [line {line['seq']}]",
    )
    if line["msgKey"] is not None:
        yield _BLANK, f"msgKey {line['msgKey']}"


def _report(one: Mapping[str, Any], zone: tzinfo) -> _Said:
    from omni_bulk.explaining import judgement  # noqa: PLC0415

    leg = "report" if one["leg"] is None else f"report of the {one['leg']}"
    said = " ".join(filter(None, (one["reportCode"], one["reportText"])))
    kind = "" if one["reportType"] in {"0", None} else f", reportType {one['reportType']}"
    parts = "" if one["billedSegments"] is None else f", {one['billedSegments']} billed"
    yield _at(one["reportTime"], zone), f"{leg}: {said} ({one['means']}){kind}{parts}, by {one['source']}"
    if one["whose"] == "double" or one["leg"] is None:
        ref = "" if one["ref"] is None else f", ref {one['ref']}"
        yield _BLANK, f"msgKey {one['msgKey'] or 'none'}{ref}"
    if one["whoseReason"] is not None:
        yield _BLANK, judgement(one["whoseReason"])
    if one["other"] is not None:
        yield _BLANK, f"also {_text(one['other'])}"


def _text(other: object) -> str:
    """The fields that nobody has listed, as they came."""
    import orjson  # noqa: PLC0415

    return other if isinstance(other, str) else orjson.dumps(other).decode()


def _counted(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def _at(text: str | None, zone: tzinfo) -> str:
    """A time to the second, as long as every other."""
    return _BLANK if text is None else f"{datetime.fromisoformat(text).astimezone(zone):%Y-%m-%d %H:%M:%S}"
