"""The verb `send`: its flags. What they do is in `sending`."""

from pathlib import Path
from typing import Annotated

import typer

from omni_bulk.cli import app
from omni_bulk.guards import MAX_FAILURE_RATE, MAX_UNKNOWN_RATE

# The flags, in the order of the help.
Flag = typer.Option
PATH = "FILE"


@app.command("send")
def send(  # the help is read from top to bottom, so the order is: what, as whom, how, when, output
    recipients: Annotated[str, typer.Argument(metavar="INPUT", help="The list: CSV, JSONL or xlsx; - is stdin.")],
    text: Annotated[str | None, Flag(metavar="TEXT", help="The template: '{name}, your order has shipped.'")] = None,
    text_file: Annotated[Path | None, Flag(metavar=PATH, help="The template in a file.")] = None,
    texts: Annotated[Path | None, Flag(metavar=PATH, help="A text for each language or country (TOML).")] = None,
    from_: Annotated[str | None, Flag("--from", metavar="NUMBER", help="The registered originating number.")] = None,
    campaign: Annotated[str | None, Flag(metavar="NAME", help="The campaign; default: the list's name.")] = None,
    per: Annotated[str | None, Flag(metavar="day|week|month", help="A campaign for each period.")] = None,
    as_of: Annotated[str | None, Flag(metavar="TIME", help="The time that decides the period; default: now.")] = None,
    tz: Annotated[str | None, Flag(metavar="ZONE", help="Time zone of periods; default Asia/Seoul.")] = None,
    region: Annotated[str | None, Flag(metavar="CC", help="Country of numbers in national form.")] = None,
    numbers: Annotated[
        str | None, Flag(metavar="international|national", help="What numbers of digits alone are.")
    ] = None,
    countries: Annotated[str | None, Flag(metavar="CC,…", help="Where the campaign may go.")] = None,
    only_mobile: Annotated[bool, Flag("--only-mobile", help="Leave out landlines and premium numbers.")] = False,
    sheet: Annotated[str | None, Flag(metavar="NAME", help="Of a workbook; default: the first visible one.")] = None,
    delimiter: Annotated[str | None, Flag(metavar="MARK", help=", ; | or tab; default: what the header shows.")] = None,
    encoding: Annotated[str | None, Flag(metavar="NAME", help="Of the list, when it is not recognised.")] = None,
    map_: Annotated[list[str] | None, Flag("--map", metavar="COLUMN=FIELD", help="What a column is.")] = None,
    signature: Annotated[
        str | None, Flag(metavar="NAME", help="Put in front as 【NAME】 where a country wants it.")
    ] = None,
    purpose: Annotated[str | None, Flag(metavar="marketing|notice", help="Brings the rules for it.")] = None,
    rules: Annotated[Path | None, Flag(metavar=PATH, help="Country rules over the built-in ones (TOML).")] = None,
    allow: Annotated[list[str] | None, Flag(metavar="RULE,…", help="Pass over rules or warnings.")] = None,
    strict: Annotated[bool, Flag("--strict", help="What is only warned of is not sent.")] = False,
    gsm7: Annotated[bool, Flag("--gsm7", help="Replace quotes, dashes and accents that cost segments.")] = False,
    normalize: Annotated[str | None, Flag(metavar="NFC|NFKC", help="Unicode normal form of the texts.")] = None,
    sandbox: Annotated[bool, Flag("--sandbox", help="Try it: a stand-in for the API, nothing is sent.")] = False,
    prices: Annotated[
        Path | None, Flag(metavar=PATH, help="Price of a part by country or prefix: CSV or TOML.")
    ] = None,
    max_cost: Annotated[str | None, Flag(metavar="X", help="What the campaign may cost in all.")] = None,
    suppress: Annotated[Path | None, Flag(metavar=PATH, help="Numbers that get nothing.")] = None,
    once_per: Annotated[
        str | None, Flag(metavar="DURATION", help="Nothing for whom any campaign reached within 7d, 12h.")
    ] = None,
    window: Annotated[str | None, Flag(metavar="HH:MM-HH:MM", help="Time of day at which messages may go.")] = None,
    window_tz: Annotated[
        str | None, Flag(metavar="recipient|ZONE", help="By whose clocks; default: the recipient's.")
    ] = None,
    start_at: Annotated[str | None, Flag(metavar="TIME", help="Nothing leaves before: 2026-11-22T09:00.")] = None,
    test_to: Annotated[
        str | None, Flag(metavar="NUMBER", help="Send one message, the first row's, there; nothing else.")
    ] = None,
    yes: Annotated[bool, Flag("--yes", "-y", help="No plan, no question.")] = False,
    plan: Annotated[Path | None, Flag(metavar=PATH, help="Send only what was approved: check --save.")] = None,
    limit: Annotated[int | None, Flag(min=0, metavar="N", help="Send at most N messages now.")] = None,
    deadline: Annotated[str | None, Flag(metavar="DURATION", help="Stop after 90s, 30m, 2h.")] = None,
    min_rows: Annotated[int | None, Flag(min=0, metavar="N", help="A shorter list is not sent.")] = None,
    max_rows: Annotated[int | None, Flag(min=0, metavar="N", help="A longer list is not sent.")] = None,
    max_failure_rate: Annotated[
        float, Flag(min=0, max=1, metavar="F", help="Share of refusals that stops the run.")
    ] = MAX_FAILURE_RATE,
    max_unknown_rate: Annotated[
        float, Flag(min=0, max=1, metavar="F", help="Share of lost answers that stops the run.")
    ] = MAX_UNKNOWN_RATE,
    unknown: Annotated[
        str | None, Flag(metavar="hold|resend:AFTER", help="Whether unknown ones are posted once more; default hold.")
    ] = None,
    reports: Annotated[
        str | None, Flag(metavar="DURATION", help="Collect delivery reports meanwhile and so long after.")
    ] = None,
    dlr: Annotated[
        bool | None, Flag("--dlr", help="The account has handset reports: one success report means pending.")
    ] = None,
    tolerate: Annotated[str | None, Flag(metavar="STATE=SHARE,…", help="invalid=1%: below it, exit 0.")] = None,
    changed_text: Annotated[bool, Flag("--changed-text", help="The rest gets the changed template.")] = False,
    extend: Annotated[bool, Flag("--extend", help="The changed file belongs to the complete campaign.")] = False,
    same_account: Annotated[bool, Flag("--same-account", help="The new client id is the same account.")] = False,
    already: Annotated[Path | None, Flag(metavar=PATH, help="Results or a log of what was sent before.")] = None,
    lock_wait: Annotated[
        float, Flag(min=0, metavar="S", help="Seconds to wait for another run of the campaign.")
    ] = 0.0,
    rate: Annotated[float | None, Flag(metavar="N", help="Messages a second at most; default 200.")] = None,
    workers: Annotated[int | None, Flag(metavar="N", help="Requests in flight at most; default 64.")] = None,
    timeout: Annotated[float | None, Flag(metavar="S", help="For a whole attempt; default 30.")] = None,
    drain: Annotated[float | None, Flag(metavar="S", help="For what is in flight at a stop; default 20.")] = None,
    base_url: Annotated[str | None, Flag(metavar="URL", help="The API.")] = None,
    proxy: Annotated[str | None, Flag(metavar="URL", help="An HTTP proxy.")] = None,
    ca_file: Annotated[Path | None, Flag(metavar=PATH, help="Certificate authorities (PEM).")] = None,
    ledger: Annotated[
        Path | None, Flag(metavar=PATH, help="What was sent to whom; default: one for this user.")
    ] = None,
    require_ledger: Annotated[bool, Flag("--require-ledger", help="Refuse to begin with a new ledger.")] = False,
    config: Annotated[Path | None, Flag(metavar=PATH, help="Settings; default omni-bulk.toml.")] = None,
    out: Annotated[
        str | None, Flag(metavar=PATH, help="Results; default <campaign>.results.jsonl; - is stdout.")
    ] = None,
    rejects: Annotated[
        str | None, Flag(metavar="FILE|none", help="Rows that are invalid; default <campaign>.rejects.csv.")
    ] = None,
    lang: Annotated[str | None, Flag(metavar="en|ko", help="Language of reasons; default: the locale's.")] = None,
    file_mode: Annotated[str, Flag(metavar="MODE", help="Of a new results file.")] = "600",
    summary_json: Annotated[str | None, Flag(metavar=PATH, help="The summary as JSON; - is stdout.")] = None,
    quiet: Annotated[bool, Flag("--quiet", "-q", help="Only errors.")] = False,
    verbose: Annotated[bool, Flag("--verbose", "-v", help="Events too.")] = False,
    heartbeat: Annotated[Path | None, Flag(metavar=PATH, help="A sign of life for watchdogs, every 5 s.")] = None,
    metrics_file: Annotated[Path | None, Flag(metavar=PATH, help="Metrics for node_exporter, every 10 s.")] = None,
    metrics: Annotated[str | None, Flag(metavar="[HOST:]PORT", help="Serve metrics there; default 127.0.0.1.")] = None,
    log_format: Annotated[str, Flag(metavar="text|json", help="Of what is written to stderr.")] = "text",
) -> int:
    """Send a list: plan, send, record. Run it again to resume; nobody gets two."""
    given = locals()
    from omni_bulk.cli.sending import main  # noqa: PLC0415  aiohttp and pydantic take 0.4 s that --help can do without

    return main(given)
