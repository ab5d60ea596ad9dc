"""The verb `resolve`: its flags. What they do is in `deciding`."""

from pathlib import Path
from typing import Annotated

import typer

from omni_bulk.cli import app
from omni_bulk.cli.language import Lang, checked

Flag = typer.Option
PATH = "FILE"


@app.command("resolve")
def resolve(
    campaign: Annotated[str, typer.Argument(metavar="CAMPAIGN", help="Its full name, as status shows it.")],
    file: Annotated[
        Path | None, Flag("--file", metavar=PATH, help="CSV of ref and msgKey or status, from the vendor's console.")
    ] = None,
    resend: Annotated[bool, Flag("--resend", help="Post again what is presumed unsent; needs --list.")] = False,
    recipients: Annotated[
        str | None, Flag("--list", metavar="INPUT", help="The list that was sent: texts are not kept.")
    ] = None,
    yes: Annotated[bool, Flag("--yes", "-y", help="No question.")] = False,
    from_: Annotated[str | None, Flag("--from", metavar="NUMBER", help="If it was given with send.")] = None,
    region: Annotated[str | None, Flag(metavar="CC", help="As with send.")] = None,
    numbers: Annotated[str | None, Flag(metavar="international|national", help="As with send.")] = None,
    sheet: Annotated[str | None, Flag(metavar="NAME", help="As with send.")] = None,
    delimiter: Annotated[str | None, Flag(metavar="MARK", help="As with send.")] = None,
    encoding: Annotated[str | None, Flag(metavar="NAME", help="As with send.")] = None,
    map_: Annotated[list[str] | None, Flag("--map", metavar="COLUMN=FIELD", help="As with send.")] = None,
    prices: Annotated[Path | None, Flag(metavar=PATH, help="A price list, for what posting again costs.")] = None,
    out: Annotated[
        Path | None, Flag(metavar=PATH, help="Results; default <campaign>.results.jsonl, as with send.")
    ] = None,
    lock_wait: Annotated[float, Flag(min=0, metavar="S", help="Seconds to wait for a run of the campaign.")] = 0.0,
    json: Annotated[bool, Flag("--json", help="One object on stdout.")] = False,
    rate: Annotated[float | None, Flag(metavar="N", help="Messages a second at most; default 200.")] = None,
    base_url: Annotated[str | None, Flag(metavar="URL", help="The API.")] = None,
    proxy: Annotated[str | None, Flag(metavar="URL", help="An HTTP proxy.")] = None,
    ca_file: Annotated[Path | None, Flag(metavar=PATH, help="Certificate authorities (PEM).")] = None,
    ledger: Annotated[Path | None, Flag(metavar=PATH, help="The ledger.")] = None,
    config: Annotated[Path | None, Flag(metavar=PATH, help="Settings; default omni-bulk.toml.")] = None,
    quiet: Annotated[bool, Flag("--quiet", "-q", help="Only errors.")] = False,
    verbose: Annotated[bool, Flag("--verbose", "-v", help="Events too.")] = False,
    log_format: Annotated[str, Flag(metavar="text|json", help="Of what is written to stderr.")] = "text",
    lang: Lang = None,
) -> int:
    """Decide about unknown messages without a report: presume them unsent, settle them by hand, or post them again."""
    checked(lang)
    given = locals()
    from omni_bulk.cli.deciding import main  # noqa: PLC0415  not for --help

    return main(given)
