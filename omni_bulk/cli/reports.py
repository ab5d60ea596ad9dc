"""The verb `reports`: its flags. What they do is in `collecting`."""

from pathlib import Path
from typing import Annotated

import typer

from omni_bulk.cli import app
from omni_bulk.cli.language import Lang, checked

Flag = typer.Option
PATH = "FILE"


@app.command("reports")
def reports(
    poll: Annotated[bool, Flag("--poll", help="Collect until nothing is left.")] = False,
    follow: Annotated[bool, Flag("--follow", help="Collect for ever; Ctrl-C ends it.")] = False,
    inquire: Annotated[
        str | None, Flag(metavar="CAMPAIGN", help="Ask about its accepted messages that have no report.")
    ] = None,
    import_: Annotated[
        Path | None, Flag("--import", metavar=PATH, help="Join reports that another system collected.")
    ] = None,
    webhook: Annotated[str | None, Flag(metavar="HOST:PORT", help="Listen for reports that are pushed.")] = None,
    own_queue: Annotated[
        bool, Flag("--own-queue", help="No other system lives on this account's queue. Said once.")
    ] = False,
    silent: Annotated[
        str, Flag(metavar="DURATION", help="With --inquire: how long a message may be without a report.")
    ] = "24h",
    inquiries: Annotated[float, Flag(min=0.01, max=100, metavar="N", help="With --inquire: questions a second.")] = 5.0,
    dlr: Annotated[
        bool | None, Flag("--dlr", help="The account has handset reports: with --inquire, two are wanted.")
    ] = None,
    out: Annotated[Path, Flag(metavar=PATH, help="Where new reports are appended.")] = Path("reports.jsonl"),
    foreign: Annotated[Path, Flag(metavar=PATH, help="Where those of other systems are appended.")] = Path(
        "foreign.jsonl"
    ),
    json: Annotated[bool, Flag("--json", help="One object on stdout at the end.")] = False,
    timeout: Annotated[float | None, Flag(metavar="S", help="For one answer; default 30.")] = None,
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
    """Collect delivery reports, and settle what they prove. One of --poll, --follow, --inquire, --import, --webhook."""
    checked(lang)
    given = locals()
    from omni_bulk.cli.collecting import main  # noqa: PLC0415  not for --help

    return main(given)
