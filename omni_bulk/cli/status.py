"""The verb `status`: what the ledger knows."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Annotated, Any

import orjson
import typer

from omni_bulk.cli import app
from omni_bulk.cli.screen import counted, printable
from omni_bulk.cli.streams import put
from omni_bulk.cost import shown as money
from omni_bulk.errors import SettingsError


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
) -> int:
    """Show what was sent and what became of it: all campaigns, one, the runs, or a month."""
    from zoneinfo import ZoneInfo  # noqa: PLC0415  not for --help

    from omni_bulk.cli.desk import age_warnings, campaign_named, how_read, month_asked, opened_ledger  # noqa: PLC0415
    from omni_bulk.ledger import reading  # noqa: PLC0415
    from omni_bulk.settings import Settings  # noqa: PLC0415

    if month is not None and (runs or campaign is not None):
        raise SettingsError("--month is about everything sent in it: give it without CAMPAIGN and --runs")
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
        put("No campaign yet.")
    for one in found["campaigns"]:
        state = f"complete {one['completed']}" if one["completed"] else "unfinished"
        name = printable(str(one["campaign"])) or "(single sends)"
        put(f"{name}: {one['recipients']:,} recipients, {one['accepted']:,} accepted, {state}")
    _warn(found["warnings"])


def _campaign(standing: Mapping[str, Any]) -> None:
    put(f"Campaign {printable(str(standing['campaign']))}: {standing['recipients']:,} recipients")
    _counts(standing["states"], 9, leave=("alreadyHandled",))
    _counts(standing["reasons"], 11)
    if standing["codes"]:
        put(f"  codes: {_shares(standing['codes'])}")
    if standing["countries"]:
        shares = {country: one["messages"] for country, one in standing["countries"].items()}
        put(f"  countries: {_shares(shares)}; {standing['segments']:,} segments")
    _cost(standing)
    _delivery(standing)
    put(
        f"  began {standing['created']}, {'complete ' + str(standing['completed']) if standing['completed'] else 'unfinished'}"
    )
    if standing["states"]["inDoubt"]:
        put(
            f"  {standing['states']['inDoubt']:,} in doubt: they may have left, and nobody recorded what came of it. "
            "The next run of the campaign makes them unknown, unless one is sending them at this moment."
        )
    if standing["doubles"]:
        put(
            f"ERROR: {counted(standing['doubles'], 'recipient')} got two messages without a resend. Stop sending, and "
            "look at them: omni-bulk export, then omni-bulk explain REF."
        )
    _warn(standing["warnings"])


def _cost(standing: Mapping[str, Any]) -> None:
    """What the campaign costs in the estimate, and what reports say was billed of it."""
    currency = standing["currency"]
    if currency is None:
        return
    if standing["cost"] is None:
        missing = [country for country, one in standing["countries"].items() if one["cost"] is None]
        put(f"  cost: unknown, the price list has no price for {', '.join(missing) or 'a country that was paid for'}")
        return
    billed = standing["billedCost"]
    of_it = "" if billed is None else f"; billed by the reports so far: {money(Decimal(billed), currency)}"
    put(f"  cost: {money(Decimal(standing['cost']), currency)}{of_it}")


def _delivery(standing: Mapping[str, Any]) -> None:
    counts: Mapping[str, int] = standing["delivery"]
    if not any(number for name, number in counts.items() if name != "none"):
        if counts["none"]:
            put("  no delivery report yet: omni-bulk reports --poll")
        return
    shown = {("without a report" if name == "none" else name): number for name, number in counts.items() if number}
    put(f"  delivery: {_shares(shown)}")
    put(f"  report codes: {_shares(standing['reportCodes'])}")
    if counts["none"]:
        put(f"  the oldest message without a report was sent {standing['oldestUnpolled']}")
    for country, one in standing["billed"].items():
        differ = "" if one["billed"] == one["estimated"] else f", {one['billed'] - one['estimated']:+,}"
        cost = "" if one["cost"] is None else f"; {money(Decimal(one['cost']), standing['currency'])}"
        put(f"  billed in {country or '?'}: {one['billed']:,} segments, {one['estimated']:,} estimated{differ}{cost}")


def _runs(found: Mapping[str, Any]) -> None:
    if not found["runs"]:
        put("No run yet.")
    for one in found["runs"]:
        how = "killed, or still running" if one["ended"] is None else f"until {one['ended']}, exit {one['exit']}"
        options = ", ".join(f"{name} {value}" for name, value in (one["options"] or {}).items())
        put(
            printable(
                f"{one['started']} {one['campaign']}: {how}; pid {one['pid']} on {one['host']}, account {one['account']}"
                f"{'; ' if options else ''}{options}"
            )
        )


def _month(found: Mapping[str, Any]) -> None:
    currency = found["currency"]
    put(f"{found['month']} ({found['tz']}): {_sums(found, currency)}")
    for title, name in (("countries", "countries"), ("campaigns", "campaigns"), ("days", "days")):
        for key, one in found[name].items():
            put(
                f"  {printable(str(key)) or ('(single sends)' if title == 'campaigns' else '?')}: {_sums(one, currency)}"
            )


def _sums(one: Mapping[str, Any], currency: str | None) -> str:
    cost = "" if one["cost"] is None else f", cost {money(Decimal(one['cost']), currency or '')}"
    if one["billedCost"] is not None:
        cost += f", billed {money(Decimal(one['billedCost']), currency or '')}"
    return (
        f"{counted(one['messages'], 'message')}, {one['segments']:,} segments estimated, {one['billedSegments']:,} "
        f"billed, {one['delivered']:,} delivered, {one['relayed']:,} relayed{cost}"
    )


def _counts(counts: Mapping[str, int], width: int, leave: Iterable[str] = ()) -> None:
    for name, number in counts.items():
        if number and name not in leave:
            put(f"  {number:>{width},} {name}")


def _shares(counts: Mapping[str, int]) -> str:
    return printable(", ".join(f"{name or 'none'} {number:,}" for name, number in counts.items()))


def _warn(warnings: Iterable[str]) -> None:
    for sentence in warnings:
        put(sentence)
