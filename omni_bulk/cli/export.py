"""The verb `export`: one row for each recipient, sending and delivery joined, or one page about all of them."""

from collections.abc import Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import typer

from omni_bulk.cli import app
from omni_bulk.cli.language import checked, meant
from omni_bulk.sentences import counted, said

if TYPE_CHECKING:
    import sqlite3

    from omni_bulk.model import CampaignRow
    from omni_bulk.settings import Settings
    from omni_bulk.spans import Span

Flag = typer.Option
_FORMATS = ("csv", "jsonl", "xlsx", "html")


@app.command("export")
def export(
    campaigns: Annotated[list[str], typer.Argument(metavar="CAMPAIGN…", help="One or several, into one file.")],
    form: Annotated[
        str | None, Flag("--format", metavar="csv|jsonl|xlsx|html", help="Default: by the name of --out, else csv.")
    ] = None,
    since: Annotated[str | None, Flag(metavar="TIME", help="Only what was sent from then on.")] = None,
    until: Annotated[str | None, Flag(metavar="TIME", help="Only what was sent before; a day is included.")] = None,
    tz: Annotated[str | None, Flag(metavar="ZONE", help="Of these times; default Asia/Seoul.")] = None,
    mask: Annotated[bool, Flag("--mask", help="Of each number only country code and last two digits.")] = False,
    dlr: Annotated[
        bool | None, Flag("--dlr", help="The account has handset reports: one success report means pending.")
    ] = None,
    lang: Annotated[
        str | None, Flag(metavar="en|ko", help="Language to speak, and of a page; default: the locale's.")
    ] = None,
    prices: Annotated[str | None, Flag(metavar="FILE", help="A price list, for the costs on a page (html).")] = None,
    out: Annotated[str | None, Flag(metavar="FILE", help="Default <campaign>.export.csv here; - is stdout.")] = None,
    ledger: Annotated[str | None, Flag(metavar="FILE", help="The ledger.")] = None,
    config: Annotated[str | None, Flag(metavar="FILE", help="Settings; default omni-bulk.toml.")] = None,
) -> int:
    """Write what became of everybody: a table for a spreadsheet, lines for a program, or a page for people (html)."""
    from zoneinfo import ZoneInfo  # noqa: PLC0415  not for --help

    from omni_bulk.cli.desk import campaign_named, opened_ledger, report_codes, span_asked  # noqa: PLC0415
    from omni_bulk.cli.screen import tell  # noqa: PLC0415
    from omni_bulk.cli.streams import to_stdout  # noqa: PLC0415
    from omni_bulk.export import FORMATS, rows  # noqa: PLC0415
    from omni_bulk.replacing import replacing  # noqa: PLC0415
    from omni_bulk.settings import Settings  # noqa: PLC0415

    checked(lang)
    form = _form(form, out)
    settings = Settings(ledger=ledger, config=config, tz=tz, prices=prices, dlr=dlr)
    span = span_asked(since, until, ZoneInfo(settings.tz))
    with opened_ledger(settings.ledger) as db:
        chosen = [campaign_named(db, name, settings.ledger) for name in dict.fromkeys(campaigns)]
        db.execute("BEGIN")  # one view of everything, whatever is sent meanwhile

        def write(file: IO[bytes]) -> int:
            if form == "html":
                return _write_page(file, db, chosen, span, settings)
            return FORMATS[form](rows(db, chosen, report_codes(), span, mask=mask, dlr=settings.dlr), file)

        if out == "-":
            to_stdout(write)
            return 0
        path = Path(out or _default_name(campaigns, form)).absolute()
        _keep_off(path)
        with replacing(path, "the export") as file:
            number = write(file)
    tell(said("{recipients} written to {path}", recipients=counted(number, "recipient"), path=path))
    return 0


def _write_page(
    file: IO[bytes], db: "sqlite3.Connection", campaigns: "Sequence[CampaignRow]", span: "Span", settings: "Settings",
) -> int:  # fmt: skip
    """The page about these campaigns. Gives the number of recipients that it is about."""
    from time import time  # noqa: PLC0415
    from zoneinfo import ZoneInfo  # noqa: PLC0415

    from omni_bulk import __version__  # noqa: PLC0415
    from omni_bulk.cli.desk import report_codes  # noqa: PLC0415
    from omni_bulk.ledger.summing import figures_of  # noqa: PLC0415
    from omni_bulk.page import page  # noqa: PLC0415
    from omni_bulk.page_sheet import Setting  # noqa: PLC0415
    from omni_bulk.pricelist import money  # noqa: PLC0415
    from omni_bulk.tables import country_names  # noqa: PLC0415

    prices = money(settings.prices, None)
    figures = figures_of(db, campaigns, report_codes(), span, prices, round(time() * 1000))
    setting = Setting(meant(), ZoneInfo(settings.tz), settings.tz, country_names(meant()), __version__)
    file.write(page(figures, setting).encode())
    return figures.recipients


def _form(asked: str | None, out: str | None) -> str:
    from omni_bulk.errors import SettingsError  # noqa: PLC0415

    if asked is not None and asked not in _FORMATS:
        raise SettingsError(
            said("--format is one of {allowed}, not {asked!r}", allowed=", ".join(_FORMATS), asked=asked)
        )
    ending = "" if out is None else Path(out).suffix.removeprefix(".").lower()
    return asked or (ending if ending in _FORMATS else "csv")


def _default_name(campaigns: list[str], form: str) -> str:
    name = campaigns[0] if len(set(campaigns)) == 1 else "campaigns"
    return f"{name or 'single-sends'}.export.{form}"


def _keep_off(path: Path) -> None:
    """Raises OutputError where something other than an earlier export would be lost."""
    from omni_bulk.errors import OutputError  # noqa: PLC0415
    from omni_bulk.export import is_export  # noqa: PLC0415
    from omni_bulk.replacing import told  # noqa: PLC0415

    with told(path, "the export", "--out"):
        if path.is_file() and path.stat().st_size and not is_export(path):
            raise OutputError(said("{path} is there already and is no export; name another file with --out", path=path))
