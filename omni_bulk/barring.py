"""Who gets nothing in one campaign, beside those on the ledger's own list: for a run, and for looking ahead alike."""

import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from typing import Protocol

from omni_bulk.account import World
from omni_bulk.ledger import Bars, book
from omni_bulk.ledger.bars import Reached, RunBars
from omni_bulk.model import CampaignRow
from omni_bulk.opening import Options
from omni_bulk.results import iso
from omni_bulk.rules import Composition
from omni_bulk.sentences import said
from omni_bulk.suppression import Listing, NumberSet


class Readable(Protocol):
    """A ledger that can be read, open or only looked at."""

    def reading(self) -> AbstractContextManager[sqlite3.Connection]: ...


@contextmanager
def barring(
    bars: Bars, row: CampaignRow, ledger: Readable, options: Options, how: Composition, world: World
) -> Iterator[list[str]]:
    """Makes `bars` know, until the end, whom this campaign bars. Gives sentences that an operator should read. Blocks.

    Raises `InputError` for a list of numbers that cannot be read.
    """
    notes: list[str] = []
    with ExitStack() as stack:
        listed = reached = None
        if options.suppress is not None:
            listed = stack.enter_context(closing(NumberSet()))
            listing = Listing(options.suppress, region=how.region, numbers=how.numbers)
            listed.add(iter(listing))
            notes += [listing.note] if listing.note else []
        if options.once_per is not None:
            reached = Reached(row.account, round(options.once_per * 1000), bars.numbers, world.now)
            stack.callback(reached.close)
            with ledger.reading() as db:
                reached.look(db)
                since = book.known_since(db, row.account)
            if since is None or since > reached.since:
                known = said("this ledger knows nobody whom it reached; --once-per looks no further back")
                if since is not None:
                    known = said(
                        "this ledger knows since {since} whom it reached; --once-per looks no further back",
                        since=iso(since),
                    )
                notes.append(known)
        if listed is not None or reached is not None or options.hours is not None:
            bars.bind(row.id, RunBars(listed, reached, options.hours, world.epoch))
            stack.callback(bars.bind, row.id, None)
        yield notes
