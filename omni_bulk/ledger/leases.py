"""The account's rate among the processes on one ledger: a row each, that says what it wants and what it has.

A row is a lease: who has not renewed it for `LIFE` is gone, and its part is the others'. Everything happens in one
transaction of the ledger, so that no two processes take the same part. Rows are not deleted: a newcomer takes the place
of one that is gone, and there are never more rows than processes were at work at once.
"""

from collections.abc import Callable
from dataclasses import dataclass

from omni_bulk.ledger.writer import Transaction
from omni_bulk.shares import Ask, granted

LIFE = 3_000  # ms without a sign of life until a process counts as gone
RENEW = 1_000  # ms between signs of life of one for which nothing changes
STEP = 0.02  # relative change of what one wants or has that is worth a write

_ROWS = "SELECT slot, owner, ceiling, wants, uses, renewed_at FROM lease WHERE account = ? ORDER BY slot"
_RENEW = (
    "UPDATE lease SET account = ?, owner = ?, pid = ?, ceiling = ?, wants = ?, uses = ?, renewed_at = ? WHERE slot = ?"
)
_NEW = "INSERT INTO lease (account, owner, pid, ceiling, wants, uses, renewed_at) VALUES (?, ?, ?, ?, ?, ?, ?)"


@dataclass(frozen=True, slots=True)
class Part:
    """What a process may use (messages a second), what it is to have, and how many processes share the rate."""

    uses: float
    due: float
    of: int


@dataclass(frozen=True, slots=True)
class Lease:
    """One process on one account. `ceiling` is its `--rate`; `now` gives milliseconds since 1970, asked in the writer."""

    account: int
    owner: str
    pid: int
    ceiling: float
    now: Callable[[], int]

    def renew(self, tx: Transaction, wants: float) -> Part:
        """Says what it wants, and takes what the others leave. Writes only when that changed, or once a `RENEW`."""
        now, mine, free, others, in_use = self.now(), None, None, list[Ask](), 0.0
        for slot, owner, ceiling, wants_too, uses, renewed_at in tx.db.execute(_ROWS, (self.account,)).fetchall():
            if owner == self.owner:
                mine = (slot, wants_too, uses, renewed_at)
            elif abs(now - renewed_at) <= LIFE:  # a clock that was put back must not keep the dead alive
                others.append(Ask(ceiling, wants_too))
                in_use += uses
            else:
                free = slot
        uses, due = granted(Ask(self.ceiling, wants), others, in_use)
        if mine is not None:
            slot, wanted, used, renewed_at = mine
            moved = _differ(used, uses) or (bool(others) and _differ(wanted, wants))
            if moved or abs(now - renewed_at) >= RENEW:
                self._write(tx, slot, wants, uses, now)
        else:
            self._write(tx, free, wants, uses, now)
        return Part(uses, due, 1 + len(others))

    def _write(self, tx: Transaction, slot: int | None, wants: float, uses: float, now: int) -> None:
        row = (self.account, self.owner, self.pid, self.ceiling, wants, uses, now)
        tx.db.execute(_NEW if slot is None else _RENEW, row if slot is None else (*row, slot))

    def give_back(self, tx: Transaction) -> None:
        """It wants nothing any more: the others need not wait until its lease is over."""
        tx.db.execute("UPDATE lease SET wants = 0, uses = 0, renewed_at = 0 WHERE owner = ?", (self.owner,))


def _differ(one: float, other: float) -> bool:
    return abs(one - other) > STEP * max(one, other)
