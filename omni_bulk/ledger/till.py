"""What is spent, counted in the transaction that claims: by quarter of an hour, campaign and country.

Only claims, and what was or may have been accepted, cost anything; what is proven not to be accepted is taken off again.
Amounts are never stored: prices may be corrected, and what was sent before there was a price list counts too.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from omni_bulk.cost import SLOT, Bound, Budget, Prices, Spent, no_price, used_up
from omni_bulk.errors import Stopped
from omni_bulk.spans import Span

if TYPE_CHECKING:
    from omni_bulk.ledger.writer import Transaction

_SUMS = (
    "SELECT country, prefix, sum(segments) FROM spent WHERE slot >= ? AND slot < ? AND campaign IN ({}) GROUP BY 1, 2"
)
_ONE = _SUMS.format("?")
_ALL = _SUMS.format("SELECT id FROM campaign WHERE account = ?")
_END = 1 << 62
_ADD = (
    "INSERT INTO spent VALUES (?, ?, ?, ?, ?) "
    "ON CONFLICT (slot, campaign, country, prefix) DO UPDATE SET segments = segments + excluded.segments"
)


def spent_by_campaign(db: sqlite3.Connection, campaign: int) -> list[Spent]:
    """What a campaign spent."""
    return [Spent(*row) for row in db.execute(_ONE, (0, _END, campaign))]


def spent_by_account(db: sqlite3.Connection, account: int, since: int, until: int = _END) -> list[Spent]:
    """What an account spent from one slot on, up to another: all its campaigns and single sends."""
    return [Spent(*row) for row in db.execute(_ALL, (since, until, account))]


def spent_by_slot(db: sqlite3.Connection, span: Span) -> Iterator[tuple[int, int, Spent]]:
    """What everybody spent in a span that has both ends, on quarters of an hour: (campaign, slot, what)."""
    sql = (
        "SELECT campaign, slot, country, prefix, segments FROM spent WHERE slot >= ? AND slot < ? AND segments <> 0 "
        "ORDER BY slot"
    )
    assert span.start is not None and span.end is not None  # noqa: S101, PT018
    for campaign, slot, *spent in db.execute(sql, (span.start // SLOT, span.end // SLOT)):
        yield campaign, slot, Spent(*spent)


@dataclass(slots=True)  # not frozen: one is made for every claim, and that would triple its price
class Claimed:
    """What a claim costs, and when it was made (milliseconds since 1970)."""

    campaign: int
    country: str | None
    number: str | None = field(repr=False)
    segments: int | None
    at: int


class Till:
    """Counts what is spent, and knows whether the next message may be. Only for the ledger's writing thread.

    `prices` and `budget` are the account's. A campaign brings its own bound with `bind`.
    """

    def __init__(self) -> None:
        self.prices: Prices | None = None
        self._account = 0
        self._budget: Budget | None = None
        self._most: dict[int, Decimal] = {}
        self._sums: dict[tuple[str, int], Decimal] = {}
        self._slot = -1
        self._days = (0, 0)
        self._version = -1
        self._seen: Transaction | None = None

    def open(self, account: int, prices: Prices | None, budget: Budget | None) -> None:
        """From now on for this account."""
        self._account, self.prices, self._budget = account, prices, budget

    def bind(self, campaign: int, most: Decimal | None) -> None:
        """`most` is what the campaign may spend in all, None for no bound."""
        if most is None:
            self._most.pop(campaign, None)
        else:
            self._most[campaign] = most

    @property
    def bound(self) -> bool:
        """Whether any message may be refused for money."""
        return self._budget is not None or bool(self._most)

    def asks(self, campaign: int) -> bool:
        """Whether a message of this campaign may be refused for money."""
        return self._budget is not None or campaign in self._most

    def spend(self, tx: "Transaction", claims: Iterable[Claimed], sign: int = 1) -> None:
        """Counts claims, or takes them off again with `sign` -1."""
        if self._sums:
            self._catch_up(tx)
        changes: dict[tuple[int, int, str, str], int] = {}
        for one in claims:
            prefix = self.prices.prefix_of(one.number or "") if self.prices is not None else ""
            key = (one.at // SLOT, one.campaign, one.country or "", prefix)
            changes[key] = changes.get(key, 0) + sign * (1 if one.segments is None else one.segments)
        for (slot, campaign, country, prefix), segments in changes.items():
            tx.db.execute(_ADD, (slot, campaign, country, prefix, segments))
            if self.prices is not None and self._sums:
                self._move(slot, campaign, (self.prices.of(country, prefix) or Decimal(0)) * segments)

    def _move(self, slot: int, campaign: int, amount: Decimal) -> None:
        for name, key in self._sums:
            if (name == "campaign" and key == campaign) or (name == "today" and slot >= key):
                self._sums[name, key] += amount

    def refusal(self, tx: "Transaction", claim: Claimed) -> Stopped | None:
        """Why this message may not be claimed: it would pass a bound, or nobody knows what it costs."""
        prices = self.prices
        if prices is None:
            return None
        price = prices.of(claim.country or "", claim.number or "")
        if price is None:
            return no_price([claim.country or "an unknown country"])
        self._catch_up(tx)
        cost = price * (1 if claim.segments is None else claim.segments)
        for bound, most, spent in self._bounds(tx.db, claim):
            if isinstance(spent, Stopped):
                return spent
            if spent + cost > most:
                return used_up(bound, most, spent, prices.currency)
        return None

    def _bounds(self, db: sqlite3.Connection, claim: Claimed) -> Iterator[tuple[Bound, Decimal, Decimal | Stopped]]:
        if (most := self._most.get(claim.campaign)) is not None:
            yield "max_cost", most, self._sum("campaign", claim.campaign, db)
        if self._budget is None:
            return
        if claim.at // SLOT != self._slot:  # midnight falls on the edge of one
            self._slot, self._days = claim.at // SLOT, self._budget.slots(claim.at)
        today, month = self._days
        spent = self._sum("today", today, db)
        if self._budget.day is not None:
            yield "day", self._budget.day, spent
        if self._budget.month is not None:
            past = self._sum("past", today, db, since=month)
            yield "month", self._budget.month, past if isinstance(past, Stopped) else _plus(spent, past)

    def _sum(self, name: str, key: int, db: sqlite3.Connection, since: int = 0) -> Decimal | Stopped:
        if (known := self._sums.get((name, key))) is not None:
            return known
        rows = {
            "campaign": lambda: spent_by_campaign(db, key),
            "today": lambda: spent_by_account(db, self._account, key),
            "past": lambda: spent_by_account(db, self._account, since, key),
        }[name]()
        assert self.prices is not None  # noqa: S101  asked only where there are prices
        total, unpriced = self.prices.total(rows)
        if unpriced:
            return no_price(sorted(unpriced))
        self._sums[name, key] = total
        return total

    def _catch_up(self, tx: "Transaction") -> None:
        """Forgets sums that may be wrong: another process wrote, or our own last transaction was rolled back.

        `data_version` changes only by others' commits. The days before today are not summed up anew for them.
        """
        if tx is self._seen:
            return
        version = int(tx.db.execute("PRAGMA data_version").fetchone()[0])
        if self._seen is not None and not self._seen.committed:
            self._sums.clear()
        elif version != self._version:
            self._sums = {key: total for key, total in self._sums.items() if key[0] == "past"}
        self._version, self._seen = version, tx


def _plus(spent: Decimal | Stopped, past: Decimal) -> Decimal | Stopped:
    return spent if isinstance(spent, Stopped) else spent + past
