"""The verb `status`: what the ledger knows."""

from contextlib import closing
from typing import Annotated

import orjson
import typer

from omni_bulk.cli import app
from omni_bulk.cli.streams import put
from omni_bulk.errors import SettingsError


@app.command("status")
def status(
    campaign: Annotated[str | None, typer.Argument(metavar="CAMPAIGN", help="One campaign; default: a list.")] = None,
    json: Annotated[bool, typer.Option("--json", help="One object on stdout.")] = False,
    ledger: Annotated[str | None, typer.Option(metavar="FILE", help="The ledger.")] = None,
    config: Annotated[str | None, typer.Option(metavar="FILE", help="Settings; default omni-bulk.toml.")] = None,
    rate: Annotated[
        float | None, typer.Option(metavar="N", help="For the time the rest will take; default 200.")
    ] = None,
) -> int:
    """Show what was sent: all campaigns, or one by state, reason and country."""
    from omni_bulk.ledger import book, read_ledger  # noqa: PLC0415  not for --help
    from omni_bulk.settings import Settings  # noqa: PLC0415

    settings = Settings(ledger=ledger, config=config, rate=rate)
    db = read_ledger(settings.ledger)
    if db is None:
        raise SettingsError(f"there is no ledger at {settings.ledger}; name one with --ledger")
    with closing(db):
        if campaign is None:
            _list(book.overview(db), json=json)
            return 0
        found = book.campaigns_named(db, campaign)
        if not found:
            raise SettingsError(f"the ledger {settings.ledger} knows no campaign {campaign!r}; see omni-bulk status")
        standing = book.standing(db, found[0])
    standing["seconds"] = round(standing["states"]["ready"] / settings.rate, 1)
    if json:
        put(orjson.dumps(standing).decode())
    else:
        _show(standing)
    return 0


def _list(campaigns: list[dict[str, object]], *, json: bool) -> None:
    from omni_bulk.cli.screen import printable  # noqa: PLC0415  not for --help

    if json:
        put(orjson.dumps({"campaigns": campaigns}).decode())
        return
    if not campaigns:
        put("No campaign yet.")
    for one in campaigns:
        state = f"complete {one['completed']}" if one["completed"] else "unfinished"
        put(
            f"{printable(str(one['campaign'])) or '(single sends)'}: {one['recipients']:,} recipients, {one['accepted']:,} accepted, {state}"
        )


def _show(standing: dict[str, object]) -> None:
    from omni_bulk.cli.screen import printable  # noqa: PLC0415  not for --help

    states, reasons, countries = standing["states"], standing["reasons"], standing["countries"]
    put(f"Campaign {printable(str(standing['campaign']))}: {standing['recipients']:,} recipients")
    for name, number in states.items():  # type: ignore[attr-defined]
        if number and name != "alreadyHandled":
            put(f"  {number:>9,} {name}")
    for name, number in reasons.items():  # type: ignore[attr-defined]
        put(f"    {number:>7,} {name}")
    if countries:
        shares = (f"{name} {one['messages']:,}" for name, one in countries.items())  # type: ignore[attr-defined]
        put(f"  countries: {', '.join(shares)}; {standing['segments']:,} segments")
    put(
        f"  began {standing['created']}, {'complete ' + str(standing['completed']) if standing['completed'] else 'unfinished'}"
    )
