"""Who gets nothing: numbers on the ledger's suppression list, on a run's own, and those reached a short while ago.

Asked when a row is admitted and again when its message is claimed, so that a number added while a run goes on counts.
"""

import sqlite3
import time
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from omni_bulk.cells import holds
from omni_bulk.identity import Numbers, identity_of_own_ref, own_ref
from omni_bulk.model import Entry, Message, Problem, State, Status
from omni_bulk.windows import Hours

SUPPRESSED: Final = "suppressed"
ONCE_PER: Final = "once_per"
NO_WINDOW: Final = "no_window"
FORGOTTEN: Final = "forgotten"  # the kind of what `forget` leaves behind: a digest alone, for good
_DETAILS: Final = {
    SUPPRESSED: "the number is on a suppression list",
    FORGOTTEN: "the number was erased, and stays unsent",
    ONCE_PER: "the number was sent something within --once-per",
    NO_WINDOW: "in the time zones that come into question for it the window is never open at once; "
    "--window-tz ZONE decides by one clock",
}
_OVERLAP: Final = 5_000  # ms that a claim may take from its time to its commit, in another process
_BATCH: Final = 50_000  # rows taken note of at once
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


def forget(db: sqlite3.Connection, numbers: Numbers, those: Iterable[str], now: int) -> int:
    """Lets E.164 numbers get nothing any more, of which only a digest stays. Gives how many are new to that."""
    sql = (
        "INSERT INTO suppressed VALUES (?, ?, NULL, ?, NULL) ON CONFLICT (digest) DO UPDATE SET kind = excluded.kind, "
        "number = NULL, note = NULL, added_at = excluded.added_at WHERE kind <> excluded.kind"
    )
    return sum(db.execute(sql, (numbers.of(one), FORGOTTEN, now)).rowcount for one in those)


def _listed(db: sqlite3.Connection, digest: bytes) -> str | None:
    """How the ledger's own list knows a number: ``suppressed`` or ``forgotten``; None if it does not."""
    row = db.execute("SELECT kind FROM suppressed WHERE digest = ?", (digest,)).fetchone()
    return None if row is None else FORGOTTEN if row[0] == FORGOTTEN else SUPPRESSED


def _any_suppressed(db: sqlite3.Connection) -> bool:
    return bool(db.execute("SELECT EXISTS (SELECT 1 FROM suppressed)").fetchone()[0])


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

    @property
    def since(self) -> int:
        """How far back it looks (milliseconds since 1970)."""
        return self._now() - self._period

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
        found = db.execute(sql, (since, self._account))
        while batch := found.fetchmany(_BATCH):
            self._seen = batch[-1][2]
            self._file.execute("BEGIN")
            for digest, message, at in sorted((self._numbers.of(number), message, at) for number, message, at in batch):
                self._note(digest, message, at)  # sorted: neighbours share a page
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
    """What one run bars beyond the ledger's list: the numbers (E.164) of `--suppress`, `--once-per`, and for whom the
    window of `hours` never opens.
    """

    listed: Container[str] | None = field(default=None, repr=False)
    reached: Reached | None = None
    hours: Hours | None = None
    epoch: Callable[[], float] = time.time


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
        return bool(self._runs) or _any_suppressed(db)

    def asks(self, db: sqlite3.Connection, campaign: int) -> bool:
        """Whether anybody may be barred now. Also looks who was reached meanwhile: call it once for many numbers."""
        own = self._runs.get(campaign)
        if own is not None and own.reached is not None:
            own.reached.look(db)
        return own is not None or _any_suppressed(db)

    def reason(self, db: sqlite3.Connection, campaign: int, number: str, message: int = 0) -> str | None:
        """Why this number gets nothing: ``suppressed``, ``forgotten``, ``once_per``; None if nothing speaks against it."""
        own = self._runs.get(campaign) or _NONE
        digest = self.numbers.of(number)
        listed = _listed(db, digest)
        if listed is not None:
            return listed
        if own.listed is not None and number in own.listed:
            return SUPPRESSED
        if own.reached is not None and own.reached.holds(digest, message):
            return ONCE_PER
        hours = own.hours
        never = hours is not None and hours.opening(hours.zones(number), own.epoch()) is None
        return NO_WINDOW if never else None

    def claimed(self, campaign: int, number: str, message: int) -> None:
        """A message goes out to this number."""
        own = self._runs.get(campaign)
        if own is not None and own.reached is not None:
            own.reached.claimed(self.numbers.of(number), message)

    def judged(self, db: sqlite3.Connection, campaign: int, entry: Entry, message: int = 0) -> Entry:
        """The entry as it is, or as one that is skipped, and why."""
        entry = self.erased(db, entry)
        made = entry.item
        if not isinstance(made, Message) or (reason := self.reason(db, campaign, made.to, message)) is None:
            return entry
        problem = Problem(
            Status.SKIPPED, reason, _DETAILS[reason], made.row, made.ref, made.to, made.from_, made.country
        )
        return Entry(entry.identity, entry.ref, problem)

    def erased(self, db: sqlite3.Connection, entry: Entry) -> Entry:
        """The entry without its number, and so not sent, if that was forgotten: it is not written down again."""
        made = entry.item
        if made.to is None or _listed(db, self.numbers.of(made.to)) != FORGOTTEN:
            return entry
        ref = entry.ref
        if identity_of_own_ref(ref) is None and holds(ref, made.to):
            ref = own_ref(entry.identity)
        problem = Problem(
            Status.SKIPPED, FORGOTTEN, _DETAILS[FORGOTTEN], made.row, None, None, made.from_, made.country
        )
        return Entry(entry.identity, ref, problem)


_NONE: Final = RunBars()
