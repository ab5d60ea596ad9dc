"""The verb `export`: one row for each recipient, sending and delivery joined."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from omni_bulk.cli import app

Flag = typer.Option
_FORMATS = ("csv", "jsonl", "xlsx")


@app.command("export")
def export(
    campaigns: Annotated[list[str], typer.Argument(metavar="CAMPAIGN…", help="One or several, into one file.")],
    form: Annotated[
        str | None, Flag("--format", metavar="csv|jsonl|xlsx", help="Default: by the name of --out, else csv.")
    ] = None,
    since: Annotated[str | None, Flag(metavar="TIME", help="Only what was sent from then on.")] = None,
    until: Annotated[str | None, Flag(metavar="TIME", help="Only what was sent before; a day is included.")] = None,
    tz: Annotated[str | None, Flag(metavar="ZONE", help="Of these times; default Asia/Seoul.")] = None,
    mask: Annotated[bool, Flag("--mask", help="Of each number only country code and last two digits.")] = False,
    dlr: Annotated[
        bool | None, Flag("--dlr", help="The account has handset reports: one success report means pending.")
    ] = None,
    out: Annotated[str | None, Flag(metavar="FILE", help="Default <campaign>.export.csv here; - is stdout.")] = None,
    ledger: Annotated[str | None, Flag(metavar="FILE", help="The ledger.")] = None,
    config: Annotated[str | None, Flag(metavar="FILE", help="Settings; default omni-bulk.toml.")] = None,
) -> int:
    """Write what became of everybody: a table for a spreadsheet, or lines for a program."""
    from zoneinfo import ZoneInfo  # noqa: PLC0415  not for --help

    from omni_bulk.cli.desk import campaign_named, opened_ledger, report_codes, span_asked  # noqa: PLC0415
    from omni_bulk.cli.screen import counted, printable  # noqa: PLC0415
    from omni_bulk.cli.streams import to_stdout  # noqa: PLC0415
    from omni_bulk.export import FORMATS, rows  # noqa: PLC0415
    from omni_bulk.replacing import replacing  # noqa: PLC0415
    from omni_bulk.settings import Settings  # noqa: PLC0415

    form = _form(form, out)
    settings = Settings(ledger=ledger, config=config, tz=tz, dlr=dlr)
    span = span_asked(since, until, ZoneInfo(settings.tz))
    with opened_ledger(settings.ledger) as db:
        chosen = [campaign_named(db, name, settings.ledger) for name in dict.fromkeys(campaigns)]
        db.execute("BEGIN")  # one view of everything, whatever is sent meanwhile
        everybody = rows(db, chosen, report_codes(), span, mask=mask, dlr=settings.dlr)
        if out == "-":
            to_stdout(lambda stdout: FORMATS[form](everybody, stdout))
            return 0
        path = Path(out or _default_name(campaigns, form)).absolute()
        _keep_off(path)
        with replacing(path, "the export") as file:
            number = FORMATS[form](everybody, file)
    print(printable(f"{counted(number, 'recipient')} written to {path}"), file=sys.stderr)
    return 0


def _form(asked: str | None, out: str | None) -> str:
    from omni_bulk.errors import SettingsError  # noqa: PLC0415

    if asked == "html":
        raise SettingsError("--format html is not there yet: take xlsx for people, jsonl for programs")
    if asked is not None and asked not in _FORMATS:
        raise SettingsError(f"--format is one of {', '.join(_FORMATS)}, not {asked!r}")
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
            raise OutputError(f"{path} is there already and is no export; name another file with --out")
