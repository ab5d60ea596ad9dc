"""What `send` would do with a list, without sending it: the pass that `send` makes before its question, and `check`.

Nothing here touches the network or writes into the ledger; what repeats within the list is remembered in temporary
tables of SQLite's, so memory stays flat however long the list is.
"""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from uuid import uuid4

from omni_bulk import phone, version
from omni_bulk.account import World
from omni_bulk.already import sent_before
from omni_bulk.barring import barring
from omni_bulk.cost import Prices, Spent
from omni_bulk.errors import Refused, SettingsError
from omni_bulk.identity import Identities
from omni_bulk.ledger import Admitter, Bars, Glance, Transaction, book
from omni_bulk.ledger.till import spent_by_campaign
from omni_bulk.model import CampaignRow, Recipient
from omni_bulk.naming import BAD_NAME, Wanted, is_name
from omni_bulk.opening import PLAN_BLOCK, Options, find_campaign
from omni_bulk.passed import Passed, trace
from omni_bulk.rules import Composition
from omni_bulk.run import composed, count, other_text_refusal
from omni_bulk.sentences import said
from omni_bulk.sink import check_results
from omni_bulk.source import Source
from omni_bulk.stats import Tally, TextCount
from omni_bulk.tables import replacements


def going_on(row: CampaignRow, wanted: Wanted) -> CampaignRow:
    """The campaign as a run fixes it: texts changed on purpose begin a new version.

    What was sent from an older version is not held against a row that has another text by now.
    """
    version = row.template_version + (row.kind is not None and wanted.changed_text)
    return replace(row, template=wanted.template, template_from=wanted.from_, template_version=version)


@dataclass(frozen=True, slots=True)
class Back:
    """What earlier runs over a list mean for one more: the rows that need no second look, and the list without them.

    `trace` tells the list, and how messages are made of it.
    """

    trace: str
    passed: Passed | None
    left: Iterable[Recipient]


def look_back(db: sqlite3.Connection, row: CampaignRow, source: Source, composition: Composition) -> Back:
    """Reads what the ledger knows of runs over this very list. Its digest is taken anew: it may have changed since."""
    digest = source.digest()
    traced = trace(version.VERSION, phone.VERSION, digest, source.reading, composition)
    passed = book.passed(db, row.id, traced)
    return Back(traced, passed, source if passed is None else source.rows_but(passed, digest))


def plan(
    db: sqlite3.Connection, row: CampaignRow, key: bytes, composition: Composition, source: Source,
    off: Callable[[], bool] = lambda: False, *, bars: Bars | None = None, prices: Prices | None = None,
) -> Tally:  # fmt: skip
    """Counts what `send` would do with the list. `db` only reads and is of this thread; `key` is the ledger's.

    `off` is asked between blocks whether to give up. `bars` knows who gets nothing, `prices` what the rest costs.
    """
    tally = Tally(texts=TextCount(replacements()), prices=prices)
    identities = Identities(key, row.uuid)
    back = look_back(db, row, source, composition)
    admitter = Admitter(
        row, identities, run=-1, dry=True, adopting=book.adopting(db, row.id), bars=bars, passed=back.passed
    )
    if back.passed is not None:
        tally.passed(len(back.passed))
    tx = Transaction(db)
    left = iter(back.left)
    while rows := list(islice(left, PLAN_BLOCK)):
        if off():
            return tally
        for admitted in admitter.admit(tx, composed(rows, composition, identities)):
            count(tally, admitted)
            tally.show(admitted.entry.item)
    tally.whole = True
    return tally


@dataclass(frozen=True, slots=True)
class View:
    """Who looks at a ledger without an account: `opening.Viewpoint`. `client_id` is None where nobody told it."""

    client_id: str | None
    origin: str
    ledger: Glance
    world: World = field(default_factory=World)

    @property
    def id(self) -> int | None:
        if self.client_id is None:
            return None
        with self.ledger.reading() as db:
            return book.account_id(db, self.client_id, self.origin)


@dataclass(frozen=True, slots=True)
class Outlook:
    """What `send` would do. `refused` is what it would raise after planning; `begun`: somebody has a message already."""

    name: str
    tally: Tally
    notes: list[str]
    begun: bool
    refused: Refused | None = None
    explain: Callable[[str, str], str] = lambda _warning, _country: ""
    spent: Sequence[Spent] = ()  # by the campaign, before


def outlook(
    view: View, base: str, composition: Composition, options: Options, source: Source, prices: Prices | None = None
) -> Outlook:
    """The plan of `send` for this list, made by looking only. Blocks.

    Raises `Refused` (something of the campaign changed), `OutputError` (its results file is another's), `InputError`.
    What is only known after the whole list was read is in the outlook.
    """
    if not is_name(base):
        raise SettingsError(BAD_NAME)
    found = find_campaign(view, base, composition, options)
    notes = list(found.notes)
    # A campaign that is not known yet gets an id of its own, under which the ledger knows nobody.
    known = found.row or CampaignRow(0, str(uuid4()), 0, found.name)
    if options.already is None and options.sink is None:
        out = options.out or Path(f"{found.name}.results.jsonl")
        check_results(out, campaign_id=known.uuid, campaign=known.name, last_seq=known.seq)
    with view.ledger.reading() as db:
        if options.already is not None:
            marked = _adopt(db, known, view.ledger.key, options.already, composition)
            notes.append(
                said("{marked} entries of {already} are known as sent", marked=marked, already=options.already)
            )
        if known.id and (doubtful := book.count_claimed(db, known.id)):
            notes.append(
                said(
                    "{doubtful} messages are in doubt after an interruption; they are not posted again",
                    doubtful=doubtful,
                )
            )
        spent = spent_by_campaign(db, known.id)
        bars = Bars(view.ledger.key)
        with barring(bars, replace(known, account=view.id or 0), view.ledger, options, composition, view.world) as told:
            notes += told
            row = going_on(known, found.wanted)
            tally = plan(db, row, view.ledger.key, composition, source, bars=bars, prices=prices)
    refused = other_text_refusal(tally, found.name)
    return Outlook(found.name, tally, notes, found.taken, refused, composition.explain, spent)


def _adopt(db: sqlite3.Connection, row: CampaignRow, key: bytes, path: Path, composition: Composition) -> int:
    """What `--already` says, in a temporary table that stands in front of the ledger's own."""
    with suppress(sqlite3.OperationalError):
        db.execute("DROP TABLE temp.adopted")
    db.execute("CREATE TEMP TABLE adopted AS SELECT * FROM main.adopted WHERE campaign = ?", (row.id,))
    db.execute("CREATE UNIQUE INDEX temp.adopted_identity ON adopted (campaign, identity)")
    tx, count = Transaction(db), 0
    sent: Iterable[tuple[list[bytes], str | None]] = sent_before(path, Identities(key, row.uuid), composition)
    rows = iter(sent)
    while batch := list(islice(rows, PLAN_BLOCK)):
        db.execute("BEGIN")
        count += book.adopt(tx, row.id, batch)
        db.execute("COMMIT")
    return count
