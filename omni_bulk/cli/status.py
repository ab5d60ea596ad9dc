"""The verb `status`: what the ledger knows."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from shlex import quote
from typing import Annotated, Any

import orjson
import typer

from omni_bulk.cli import app
from omni_bulk.cli.language import Lang, checked
from omni_bulk.cli.screen import printable
from omni_bulk.cli.streams import put
from omni_bulk.cost import shown as money
from omni_bulk.errors import SettingsError
from omni_bulk.sentences import Sentence, counted, listed, said, term


@app.command("status")
def status(
    campaign: Annotated[str | None, typer.Argument(metavar="CAMPAIGN", help="One campaign; default: a list.")] = None,
    runs: Annotated[bool, typer.Option("--runs", help="Who sent what, when, and how it ended.")] = False,
    month: Annotated[
        str | None, typer.Option(metavar="YYYY-MM", help="What was sent in a month: by country, campaign and day.")
    ] = None,
    tz: Annotated[
        str | None, typer.Option(metavar="ZONE", help="Of the month and its days; default Asia/Seoul.")
    ] = None,
    dlr: Annotated[
        bool | None, typer.Option("--dlr", help="The account has handset reports: one success report means pending.")
    ] = None,
    prices: Annotated[str | None, typer.Option(metavar="FILE", help="A price list: country,price,currency.")] = None,
    json: Annotated[bool, typer.Option("--json", help="One object on stdout.")] = False,
    ledger: Annotated[str | None, typer.Option(metavar="FILE", help="The ledger.")] = None,
    config: Annotated[str | None, typer.Option(metavar="FILE", help="Settings; default omni-bulk.toml.")] = None,
    rate: Annotated[
        float | None, typer.Option(metavar="N", help="For the time the rest will take; default 200.")
    ] = None,
    lang: Lang = None,
) -> int:
    """Show what was sent and what became of it: all campaigns, one, the runs, or a month."""
    checked(lang)
    from zoneinfo import ZoneInfo  # noqa: PLC0415  not for --help

    from omni_bulk.cli.desk import age_warnings, campaign_named, how_read, month_asked, opened_ledger  # noqa: PLC0415
    from omni_bulk.ledger import reading  # noqa: PLC0415
    from omni_bulk.settings import Settings  # noqa: PLC0415

    if month is not None and (runs or campaign is not None):
        raise SettingsError(said("--month is about everything sent in it: give it without CAMPAIGN and --runs"))
    settings = Settings(ledger=ledger, config=config, rate=rate, tz=tz, dlr=dlr, prices=prices)
    span = None if month is None else month_asked(month, ZoneInfo(settings.tz))
    with opened_ledger(settings.ledger) as db:
        row = None if campaign is None else campaign_named(db, campaign, settings.ledger)
        if span is not None:
            found = reading.month(db, span, ZoneInfo(settings.tz), how_read(settings))
            _tell({"month": month, "tz": settings.tz, **found}, _month, json=json)
        elif runs:
            _tell({"runs": reading.runs(db, row)}, _runs, json=json)
        elif row is None:
            _tell({"campaigns": reading.overview(db), "warnings": age_warnings(db)}, _list, json=json)
        else:
            standing = reading.standing(db, row, how_read(settings))
            standing["seconds"] = round(standing["states"]["ready"] / settings.rate, 1)
            standing["warnings"] = age_warnings(db, row.account)
            _tell(standing, _campaign, json=json)
    return 0


def _tell(found: dict[str, Any], show: Any, *, json: bool) -> None:
    if json:
        put(orjson.dumps(found).decode())
    else:
        show(found)


def _list(found: Mapping[str, Any]) -> None:
    if not found["campaigns"]:
        put(said("No campaign yet."))
    for one in found["campaigns"]:
        name = printable(str(one["campaign"])) or said("(single sends)")
        put(
            said(
                "{name}: {recipients:,} recipients, {accepted:,} accepted, {state}",
                name=name,
                recipients=one["recipients"],
                accepted=one["accepted"],
                state=_completion(one),
            )
        )
    _warn(found["warnings"])


def _campaign(standing: Mapping[str, Any]) -> None:
    put(
        said(
            "Campaign {campaign}: {recipients:,} recipients",
            campaign=printable(str(standing["campaign"])),
            recipients=standing["recipients"],
        )
    )
    _counts(standing["states"], 9, leave=("alreadyHandled",))
    _counts(standing["reasons"], 11)
    if standing["codes"]:
        put(said("  codes: {codes}", codes=_shares(standing["codes"])))
    if standing["countries"]:
        shares = {country: one["messages"] for country, one in standing["countries"].items()}
        put(said("  countries: {shares}; {segments:,} segments", shares=_shares(shares), segments=standing["segments"]))
    _cost(standing)
    _delivery(standing)
    put(said("  began {created}, {state}", created=standing["created"], state=_completion(standing)))
    if standing["states"]["inDoubt"]:
        put(
            said(
                "  {number:,} in doubt: they may have left, and nobody recorded what came of it. "
                "The next run of the campaign makes them unknown, unless one is sending them at this moment.",
                number=standing["states"]["inDoubt"],
            )
        )
    if standing["states"]["unknown"]:
        put(
            said(
                "  {number:,} unknown: they may have arrived. omni-bulk reports --poll settles what reports prove, "
                "omni-bulk resolve {name} decides about the rest",
                number=standing["states"]["unknown"],
                name=quote(str(standing["campaign"])),
            )
        )
    if standing["doubles"]:
        put(
            said(
                "ERROR: {recipients} got two messages without a resend. Stop sending, and "
                "look at them: omni-bulk export, then omni-bulk explain REF.",
                recipients=counted(standing["doubles"], "recipient"),
            )
        )
    _warn(standing["warnings"])


def _completion(one: Mapping[str, Any]) -> Sentence:
    return said("complete {completed}", completed=one["completed"]) if one["completed"] else said("unfinished")


def _cost(standing: Mapping[str, Any]) -> None:
    """What the campaign costs in the estimate, and what reports say was billed of it."""
    currency = standing["currency"]
    if currency is None:
        return
    if standing["cost"] is None:
        missing = [country for country, one in standing["countries"].items() if one["cost"] is None]
        put(
            said(
                "  cost: unknown, the price list has no price for {missing}",
                missing=listed(missing) if missing else said("a country that was paid for"),
            )
        )
        return
    billed = standing["billedCost"]
    cost = said("  cost: {cost}", cost=money(Decimal(standing["cost"]), currency))
    if billed is not None:
        cost = said(
            "{cost}; billed by the reports so far: {billed}", cost=cost, billed=money(Decimal(billed), currency)
        )
    put(cost)


def _delivery(standing: Mapping[str, Any]) -> None:
    counts: Mapping[str, int] = standing["delivery"]
    if not any(number for name, number in counts.items() if name != "none"):
        if counts["none"]:
            put(said("  no delivery report yet: omni-bulk reports --poll"))
        return
    shown = {("without a report" if name == "none" else name): number for name, number in counts.items() if number}
    put(said("  delivery: {shares}", shares=_shares(shown)))
    put(said("  report codes: {codes}", codes=_shares(standing["reportCodes"])))
    if counts["none"]:
        put(said("  the oldest message without a report was sent {at}", at=standing["oldestUnpolled"]))
    for country, one in standing["billed"].items():
        differ = "" if one["billed"] == one["estimated"] else f", {one['billed'] - one['estimated']:+,}"
        cost = "" if one["cost"] is None else f"; {money(Decimal(one['cost']), standing['currency'])}"
        put(
            said(
                "  billed in {country}: {billed:,} segments, {estimated:,} estimated{differ}{cost}",
                country=country or "?",
                billed=one["billed"],
                estimated=one["estimated"],
                differ=differ,
                cost=cost,
            )
        )


def _runs(found: Mapping[str, Any]) -> None:
    if not found["runs"]:
        put(said("No run yet."))
    for one in found["runs"]:
        how = said("killed, or still running")
        if one["ended"] is not None:
            how = said("until {ended}, exit {exit}", ended=one["ended"], exit=one["exit"])
        line = said(
            "{started} {campaign}: {how}; pid {pid} on {host}, account {account}", started=one["started"],
            campaign=printable(str(one["campaign"])), how=how, pid=one["pid"], host=printable(str(one["host"])),
            account=printable(str(one["account"])),
        )  # fmt: skip
        options = printable(", ".join(f"{name} {value}" for name, value in (one["options"] or {}).items()))
        put(listed((line, options), "; ") if options else line)


def _month(found: Mapping[str, Any]) -> None:
    currency = found["currency"]
    put(said("{month} ({tz}): {sums}", month=found["month"], tz=found["tz"], sums=_sums(found, currency)))
    for title, name in (("countries", "countries"), ("campaigns", "campaigns"), ("days", "days")):
        for key, one in found[name].items():
            put(
                said(
                    "  {name}: {sums}",
                    name=printable(str(key)) or (said("(single sends)") if title == "campaigns" else "?"),
                    sums=_sums(one, currency),
                )
            )


def _sums(one: Mapping[str, Any], currency: str | None) -> Sentence:
    sums = [
        counted(one["messages"], "message"),
        said(
            "{segments:,} segments estimated, {billed:,} billed", segments=one["segments"], billed=one["billedSegments"]
        ),
        said("{delivered:,} delivered", delivered=one["delivered"]),
        said("{relayed:,} relayed", relayed=one["relayed"]),
    ]
    if one["cost"] is not None:
        sums.append(said("cost {cost}", cost=money(Decimal(one["cost"]), currency or "")))
    if one["billedCost"] is not None:
        sums.append(said("billed {cost}", cost=money(Decimal(one["billedCost"]), currency or "")))
    return listed(sums)


def _counts(counts: Mapping[str, int], width: int, leave: Iterable[str] = ()) -> None:
    for name, number in counts.items():
        if number and name not in leave:
            put(listed((f"  {number:>{width},}", term(name)), " "))


def _shares(counts: Mapping[str, int]) -> Sentence:
    """``KR 7, JP 2``. A name is somebody else's, such as a code, or a word of ours."""
    return listed(
        said("{name} {number:,}", name=term(printable(name or "none")), number=number)
        for name, number in counts.items()
    )


def _warn(warnings: Iterable[str]) -> None:
    for sentence in warnings:
        put(sentence)
