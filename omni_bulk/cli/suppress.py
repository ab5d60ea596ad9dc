"""The verb `suppress`: the ledger's own list of numbers that get nothing."""

import csv
import io
import sqlite3
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from omni_bulk.cli import app
from omni_bulk.cli.language import Lang, checked
from omni_bulk.cli.streams import put
from omni_bulk.sentences import said

if TYPE_CHECKING:
    from omni_bulk.identity import Numbers
    from omni_bulk.settings import Settings

Change = Callable[[sqlite3.Connection, "Numbers", Iterable[str]], int]
_CHUNK = 200  # numbers in one transaction: nothing holds the write lock for longer

suppress = typer.Typer(
    name="suppress",
    help="Numbers that get nothing from this ledger any more, in no campaign and as no single message.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(suppress)

# Never as an argument: the list of processes shows those to everybody on the machine.
_File = Annotated[
    Path, typer.Option("--file", metavar="FILE", help="The numbers: one a line, or a list; default stdin.")
]
_Ledger = Annotated[Path | None, typer.Option("--ledger", metavar="FILE", help="The ledger.")]
_Config = Annotated[Path | None, typer.Option("--config", metavar="FILE", help="Settings; default omni-bulk.toml.")]
_Region = Annotated[str | None, typer.Option("--region", metavar="CC", help="Country of numbers in national form.")]
_Numbers = Annotated[
    str | None, typer.Option("--numbers", metavar="international|national", help="What numbers of digits alone are.")
]
_STDIN = Path("-")


@suppress.command("add")
def add(
    file: _File = _STDIN, region: _Region = None, numbers: _Numbers = None,
    note: Annotated[str | None, typer.Option(metavar="TEXT", help="Why, for whoever reads the list.")] = None,
    ledger: _Ledger = None, config: _Config = None, lang: Lang = None,
) -> int:  # fmt: skip
    """Put numbers on the list. A run under way leaves them out from now on."""
    checked(lang)
    from omni_bulk.ledger.bars import suppress as put_on  # noqa: PLC0415  not for --help
    from omni_bulk.settings import Settings  # noqa: PLC0415

    now = round(time.time() * 1000)
    settings = Settings(ledger=ledger, config=config, region=region, numbers=numbers)
    read, new = _each(file, settings, lambda db, key, those: put_on(db, key, those, now, note))
    put(said("{new:,} of {read:,} numbers are new on the list.", new=new, read=read))
    return 0


@suppress.command("remove")
def remove(
    file: _File = _STDIN, region: _Region = None, numbers: _Numbers = None, ledger: _Ledger = None,
    config: _Config = None, lang: Lang = None,
) -> int:  # fmt: skip
    """Take numbers off the list. What was forgotten stays unsent."""
    checked(lang)
    from omni_bulk.ledger.bars import unsuppress  # noqa: PLC0415
    from omni_bulk.settings import Settings  # noqa: PLC0415

    settings = Settings(ledger=ledger, config=config, region=region, numbers=numbers)
    read, gone = _each(file, settings, unsuppress)
    put(said("{gone:,} of {read:,} numbers were taken off the list.", gone=gone, read=read))
    return 0


@suppress.command("list")
def show(
    json: Annotated[bool, typer.Option("--json", help="One object a line.")] = False,
    mask: Annotated[bool, typer.Option("--mask", help="Country code and last two digits only.")] = False,
    ledger: _Ledger = None, config: _Config = None, lang: Lang = None,
) -> int:  # fmt: skip
    """Write the list to stdout: number, since when, note."""
    checked(lang)
    import orjson  # noqa: PLC0415

    from omni_bulk.cells import safe  # noqa: PLC0415
    from omni_bulk.cli.screen import printable, tell  # noqa: PLC0415
    from omni_bulk.ledger import no_ledger, read_ledger  # noqa: PLC0415
    from omni_bulk.ledger.bars import count_forgotten, suppressed  # noqa: PLC0415
    from omni_bulk.masking import masked  # noqa: PLC0415
    from omni_bulk.results import iso  # noqa: PLC0415
    from omni_bulk.settings import Settings  # noqa: PLC0415

    settings = Settings(ledger=ledger, config=config)
    db = read_ledger(settings.ledger)
    if db is None:
        raise no_ledger(settings.ledger)
    with closing(db):
        if not json:
            put("number,added,note")
        for number, added, note in suppressed(db):
            shown = masked(number) if mask else number
            if json:
                put(orjson.dumps({"number": shown, "added": iso(added), "note": note}).decode())
                continue
            line = io.StringIO()
            csv.writer(line, lineterminator="").writerow([shown, iso(added), safe(printable(note or ""))])
            put(line.getvalue())
        if forgotten := count_forgotten(db):
            tell(said("{forgotten:,} more were forgotten: they get nothing either.", forgotten=forgotten))
    return 0


def _each(file: Path, settings: "Settings", change: "Change") -> tuple[int, int]:
    """Numbers read, and how many of them changed anything. A row that cannot be read ends it; the ones before count."""
    from omni_bulk.cli.screen import tell  # noqa: PLC0415
    from omni_bulk.identity import Numbers  # noqa: PLC0415
    from omni_bulk.ledger.schema import ledger_key, no_ledger, open_ledger  # noqa: PLC0415
    from omni_bulk.lock import refuse_network_filesystem  # noqa: PLC0415
    from omni_bulk.rules import Composition  # noqa: PLC0415
    from omni_bulk.suppression import Listing  # noqa: PLC0415

    Composition(region=settings.region, numbers=settings.numbers)  # raises what is wrong with them
    refuse_network_filesystem(settings.ledger)
    if file == _STDIN and sys.stdin is not None and sys.stdin.isatty():
        tell(said("Numbers, one a line; end with Ctrl-D:"))
    listing = Listing(file, region=settings.region, numbers=settings.numbers)
    create = settings.ledger_named or (sys.stdin is not None and sys.stdin.isatty())
    if not settings.ledger.exists() and not create:
        raise no_ledger(settings.ledger)
    read = changed = 0
    with closing(open_ledger(settings.ledger)) as db:
        key, those = Numbers(ledger_key(db)), iter(listing)
        while chunk := list(islice(those, _CHUNK)):
            db.execute("BEGIN IMMEDIATE")
            changed += change(db, key, chunk)
            db.execute("COMMIT")
            read += len(chunk)
    if listing.note:
        tell(said("omni-bulk: {note}", note=listing.note))
    return read, changed
