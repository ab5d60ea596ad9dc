"""The verb `explain`: everything the ledger knows of one recipient."""

from collections.abc import Iterator, Mapping
from datetime import datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from omni_bulk.cli import app
from omni_bulk.cli.language import Lang, checked
from omni_bulk.sentences import Sentence, both, counted, listed, said, term

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
    lang: Lang = None,
) -> int:
    """Tell what became of one recipient, in all campaigns: row, reasons, posts, msgKey, reports, and what is open."""
    checked(lang)
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

    nobody = said("the ledger {ledger} knows no number, ref or msgKey {asked!r}", ledger=ledger, asked=asked)
    return SettingsError(
        nobody
        if hint is None
        else said("{nobody}; as a number it cannot be read: {why}", nobody=nobody, why=term(hint))
    )


def _dated(barred: list[tuple[str, str, int, str | None]]) -> Iterator[tuple[str, str | None, str | None]]:
    from omni_bulk.results import iso  # noqa: PLC0415

    for _, kind, since, note in barred:
        yield kind, iso(since), note


# ── for people ────────────────────────────────────────────────────────────────────────────────────────────────────

_SETTLED_LATER = frozenset({"reported", "by_hand"})  # reasons of lines that no answer of the API stands behind


def _lines(told: Mapping[str, Any], zone: tzinfo) -> Iterator[str]:
    """The story in lines of at most `WIDTH` columns, as far as its words are not longer. Times in `zone`."""
    from omni_bulk.cli.language import spoken  # noqa: PLC0415
    from omni_bulk.cli.screen import folded, printable  # noqa: PLC0415

    for at, text in _story(told, zone):
        start = "  " if at is None else f"  {at}  "
        line = folded(printable(spoken(text)), WIDTH - len(start) if at is not None else WIDTH)
        yield line if at is None else start + line.replace("\n", "\n" + " " * len(start))


_Said = Iterator[tuple[str | None, str]]  # the time of an event (blank for its second line), None for other lines
_BLANK = " " * 19


def _story(told: Mapping[str, Any], zone: tzinfo) -> _Said:
    for one in told["getsNothing"]:
        note = f" ({one['note']})" if one["note"] else ""
        since = _at(one["since"], zone)
        if one["kind"] == "forgotten":
            yield (
                None,
                said(
                    "This number is erased with forget, and gets nothing, since {since}{note}.", since=since, note=note
                ),
            )
        else:
            yield None, said("This number is on the suppression list, since {since}{note}.", since=since, note=note)
    for number, message in enumerate(told["messages"]):
        if number:
            yield None, ""
        yield from _message(message, zone)
    if told["reports"]:
        yield None, said("Reports that belong to nobody:")
    for report in told["reports"]:
        yield from _report(report, zone)


def _message(one: Mapping[str, Any], zone: tzinfo) -> _Said:
    yield from _head(one)
    if one["claimed"] is not None:
        yield _at(one["claimed"], zone), said("claimed: from here on it might leave")
    elif one["judged"] is not None:
        yield _at(one["judged"], zone), said("the run that judged it began")
    if one["pruned"]:
        yield _BLANK, said("older lines may have been pruned from the ledger")
    answered = [line["seq"] for line in one["lines"] if line["reason"] not in _SETTLED_LATER]
    for line in one["lines"]:
        yield from _line(line, zone, one["httpStatus"] if [line["seq"]] == answered[-1:] else None)
    if one["presumedUnsent"] is not None:
        yield _at(one["presumedUnsent"], zone), said("presumed unsent: no report ever came")
    for report in one["reports"]:
        yield from _report(report, zone)
    if one["inquired"] is not None:
        yield (
            _at(one["inquired"]["at"], zone),
            said("asked the API about it; reports it had: {found}", found=one["inquired"]["found"]),
        )
    for step in one["open"]:
        yield None, said("  -> {step}", step=step["say"])
        if step["command"] is not None:
            yield None, f"     {step['command']}"


def _head(one: Mapping[str, Any]) -> _Said:
    name = said("Campaign {campaign}", campaign=one["campaign"]) if one["campaign"] else said("A single send")
    if one["row"] is not None:
        name = said("{name}, row {row}", name=name, row=one["row"])
    yield None, said("{name}: {state}", name=name, state=_state(one))
    to = one["to"] or said("a number that cannot be read")
    if one["country"] is not None:
        to = said("{to} ({country})", to=to, country=one["country"])
    yield None, said("  to {to}, from {from_}{weight}", to=to, from_=one["from"] or "?", weight=_weight(one))
    if one["duplicateOf"] is not None:
        yield None, said("  it repeats the row with ref {ref}", ref=one["duplicateOf"])
    elif one["ref"] is not None:
        ref = said("  ref {ref}", ref=one["ref"])
        again = one["wireRef"]
        yield None, ref if again is None else said("{ref}, posted again as {again}", ref=ref, again=again)
    yield None, said("  account {account} at {origin}", account=one["account"], origin=one["origin"])
    for warning in one["warnings"]:
        yield None, said("  warned by the rule {warning}", warning=warning)


def _state(one: Mapping[str, Any]) -> Sentence:
    state = term({"inDoubt": "in doubt", "ready": "not sent yet"}.get(one["state"], one["state"]))
    if one["delivery"] is not None:
        state = listed((state, said("no report") if one["delivery"] == "none" else term(one["delivery"])))
    return said("{state} ({why})", state=state, why=term(one["reasonText"])) if one["reasonText"] else state


def _weight(one: Mapping[str, Any]) -> str:
    if one["segments"] is None:
        return ""
    return said("; {segments}, {encoding}", segments=counted(one["segments"], "segment"), encoding=one["encoding"])


def _line(line: Mapping[str, Any], zone: tzinfo, http: int | None) -> _Said:
    from omni_bulk.words import clause  # noqa: PLC0415

    answer = " ".join(filter(None, (line["code"], line["result"])))
    reason = term(clause(line["reason"], "", "en")) if line["reason"] else ""
    parts: list[str] = [listed(filter(None, (term(line["status"]), answer, reason)), ": ")]
    if line["reason"] not in _SETTLED_LATER:
        parts += [f"HTTP {http}"] * (http is not None)
        parts += [counted(line["attempts"], "attempt")] * bool(line["attempts"])
        parts += [f"{line['latencyMs']:,} ms"] if line["latencyMs"] is not None else []
    yield (
        _BLANK if line["reason"] in _SETTLED_LATER else _at(line["sentAt"], zone),
        said("{parts} [line {seq}]", parts=listed(parts), seq=line["seq"]),
    )
    if line["msgKey"] is not None:
        yield _BLANK, said("msgKey {msgKey}", msgKey=line["msgKey"])


def _report(one: Mapping[str, Any], zone: tzinfo) -> _Said:
    from omni_bulk.captions import outcome_name  # noqa: PLC0415
    from omni_bulk.explaining import judgement  # noqa: PLC0415

    leg = term({"relay": "report of the relay", "handset": "report of the handset"}.get(one["leg"] or "", "report"))
    answer = " ".join(filter(None, (one["reportCode"], one["reportText"])))
    kind = "" if one["reportType"] in {"0", None} else f", reportType {one['reportType']}"
    billed = one["billedSegments"]
    parts = "" if billed is None else said(", {parts} billed", parts=billed)
    yield (
        _at(one["reportTime"], zone),
        said(
            "{leg}: {answer} ({means}){kind}{parts}, by {source}",
            leg=leg, answer=answer, means=both(one["means"], outcome_name(one["means"], "ko")), kind=kind, parts=parts,
            source=term(one["source"]),
        ),
    )  # fmt: skip
    if one["whose"] == "double" or one["leg"] is None:
        ref = "" if one["ref"] is None else f", ref {one['ref']}"
        yield _BLANK, said("msgKey {msgKey}{ref}", msgKey=one["msgKey"] or said("none"), ref=ref)
    if one["whoseReason"] is not None:
        yield _BLANK, term(judgement(one["whoseReason"]))
    if one["other"] is not None:
        yield _BLANK, said("also {other}", other=_text(one["other"]))


def _text(other: object) -> str:
    """The fields that nobody has listed, as they came."""
    import orjson  # noqa: PLC0415

    return other if isinstance(other, str) else orjson.dumps(other).decode()


def _at(text: str | None, zone: tzinfo) -> str:
    """A time to the second, as long as every other."""
    return _BLANK if text is None else f"{datetime.fromisoformat(text).astimezone(zone):%Y-%m-%d %H:%M:%S}"
