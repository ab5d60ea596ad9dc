"""Who gets nothing: numbers on the ledger's suppression list, on a run's own, and those reached a short while ago.

Asked when a row is admitted and again when its message is claimed, so that a number added while a run goes on counts.
"""

import sqlite3
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from omni_bulk.identity import Numbers
from omni_bulk.model import Entry, Message, Problem, State, Status

SUPPRESSED: Final = "suppressed"
ONCE_PER: Final = "once_per"
FORGOTTEN: Final = "forgotten"  # the kind of what `forget` leaves behind: a digest alone, for good
_DETAILS: Final = {
    SUPPRESSED: "the number is on a suppression list",
    ONCE_PER: "the number was sent something within --once-per",
}
_OVERLAP: Final = 10_000  # ms that a claim may take from its time to its commit, in another process
_LOOK_EVERY: Final = 1_000  # ms between looks at what other processes claim
_TAKEN: Final = f"({State.CLAIMED:d}, {State.ACCEPTED:d}, {State.UNKNOWN:d})"


# ── the ledger's own list ─────────────────────────────────────────────────────────────────────────────────────────


def suppress(db: sqlite3.Connection, numbers: Numbers, those: Iterable[str], now: int, note: str | None) -> int:
    """Puts E.164 numbers on the list, and gives how many are new to it."""
    sql = "INSERT OR IGNORE INTO suppressed VALUES (?, 'suppressed', ?, ?, ?)"
    return sum(db.execute(sql, (numbers.of(one), one, now, note)).rowcount for one in those)


def unsuppress(db: sqlite3.Connection, numbers: Numbers, those: Iterable[str]) -> int:
    """Takes numbers off the list, and gives how many were on it. What was forgotten stays so."""
    sql = "DELETE FROM suppressed WHERE digest = ? AND kind = 'suppressed'"
    return sum(db.execute(sql, (numbers.of(one),)).rowcount for one in those)


def suppressed(db: sqlite3.Connection) -> Iterator[tuple[str, int, str | None]]:
    """(number, milliseconds since 1970, note) of each number on the list; what was forgotten has no number."""
    sql = "SELECT number, added_at, note FROM suppressed WHERE kind = 'suppressed' ORDER BY added_at, number"
    yield from db.execute(sql)


def count_forgotten(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT count(*) FROM suppressed WHERE kind = ?", (FORGOTTEN,)).fetchone()[0])


# ── who was reached ───────────────────────────────────────────────────────────────────────────────────────────────


class Reached:
    """Whom an account sent something to within the last `period` milliseconds, in any campaign or single send.

    Read from the ledger once, and then what is claimed meanwhile; kept in a temporary file of SQLite's own, so that
    memory does not grow with it. (A table kept for all runs would cost every message a write at a random place.)
    """

    def __init__(self, account: int, period: int, numbers: Numbers, now: Callable[[], int]) -> None:
        self._account = account
        self._period = period
        self._numbers = numbers
        self._now = now
        self._looked = self._seen = 0
        self._file = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._file.executescript(
            "PRAGMA cache_size = -8000; CREATE TABLE reached (digest BLOB PRIMARY KEY, message INTEGER, at INTEGER) WITHOUT ROWID"
        )

    def look(self, db: sqlite3.Connection) -> None:
        """Takes note of what was claimed since the last look."""
        now = self._now()
        if self._looked and now - self._looked < _LOOK_EVERY:
            return
        since = max(now - self._period, self._seen - _OVERLAP)
        sql = (
            "SELECT number, id, claimed_at FROM message INDEXED BY message_claimed_at "  # noqa: S608  of constants
            f"WHERE claimed_at >= ? AND claimed_at IS NOT NULL AND state IN {_TAKEN} AND number IS NOT NULL "
            "AND campaign IN (SELECT id FROM campaign WHERE account = ?) ORDER BY claimed_at"
        )
        self._file.execute("BEGIN")
        for number, message, at in db.execute(sql, (since, self._account)):
            self._note(self._numbers.of(number), message, at)
            self._seen = at
        self._file.execute("COMMIT")
        self._looked = now

    def _note(self, digest: bytes, message: int, at: int) -> None:
        sql = (
            "INSERT INTO reached VALUES (?, ?, ?) ON CONFLICT (digest) DO UPDATE "
            "SET message = excluded.message, at = excluded.at WHERE excluded.at >= at"
        )
        self._file.execute(sql, (digest, message, at))

    def claimed(self, digest: bytes, message: int) -> None:
        """One of our own, just now."""
        self._note(digest, message, self._now())

    def holds(self, digest: bytes, message: int) -> bool:
        """Whether another message than this one reached the number."""
        sql = "SELECT 1 FROM reached WHERE digest = ? AND message <> ? AND at >= ?"
        return self._file.execute(sql, (digest, message, self._now() - self._period)).fetchone() is not None

    def close(self) -> None:
        self._file.close()


# ── asking ────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class RunBars:
    """What one run bars beyond the ledger's list: the numbers (E.164) of `--suppress`, and `--once-per`."""

    listed: Container[str] | None = field(default=None, repr=False)
    reached: Reached | None = None


class Bars:
    """Asked with a connection to the ledger, in whichever thread that lives."""

    def __init__(self, key: bytes) -> None:
        self.numbers = Numbers(key)
        self._runs: dict[int, RunBars] = {}

    def bind(self, campaign: int, bars: RunBars | None) -> None:
        """What the campaign's run bars; None for nothing of its own."""
        if bars is None:
            self._runs.pop(campaign, None)
        else:
            self._runs[campaign] = bars

    def any(self, db: sqlite3.Connection) -> bool:
        """Whether anybody may be barred at all."""
        return bool(self._runs) or db.execute("SELECT EXISTS (SELECT 1 FROM suppressed)").fetchone()[0] == 1

    def asks(self, db: sqlite3.Connection, campaign: int) -> bool:
        """Whether anybody may be barred now. Also looks who was reached meanwhile: call it once for many numbers."""
        own = self._runs.get(campaign)
        if own is not None and own.reached is not None:
            own.reached.look(db)
        return own is not None or db.execute("SELECT EXISTS (SELECT 1 FROM suppressed)").fetchone()[0] == 1

    def reason(self, db: sqlite3.Connection, campaign: int, number: str, message: int = 0) -> str | None:
        """Why this number gets nothing: ``suppressed``, ``once_per``; None if nothing speaks against it."""
        own = self._runs.get(campaign) or _NONE
        digest = self.numbers.of(number)
        on_list = db.execute("SELECT 1 FROM suppressed WHERE digest = ?", (digest,)).fetchone() is not None
        if on_list or (own.listed is not None and number in own.listed):
            return SUPPRESSED
        return ONCE_PER if own.reached is not None and own.reached.holds(digest, message) else None

    def claimed(self, campaign: int, number: str, message: int) -> None:
        """A message goes out to this number."""
        own = self._runs.get(campaign)
        if own is not None and own.reached is not None:
            own.reached.claimed(self.numbers.of(number), message)

    def judged(self, db: sqlite3.Connection, campaign: int, entry: Entry, message: int = 0) -> Entry:
        """The entry as it is, or as one that is skipped, and why."""
        made = entry.item
        if not isinstance(made, Message) or (reason := self.reason(db, campaign, made.to, message)) is None:
            return entry
        problem = Problem(
            Status.SKIPPED, reason, _DETAILS[reason], made.row, made.ref, made.to, made.from_, made.country
        )
        return Entry(entry.identity, entry.ref, problem)


_NONE: Final = RunBars()
