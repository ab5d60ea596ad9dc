"""How the rows of a list get into the ledger, or are found there: each is a message to send, or a line that says why not.

`policy.admit` decides; here is what it is asked about, and what follows of it. Functions take an open transaction and
never commit.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from omni_bulk.identity import Identities
from omni_bulk.ledger import book
from omni_bulk.ledger.bars import Bars
from omni_bulk.ledger.writer import Transaction
from omni_bulk.model import CampaignRow, Entry, Message, Problem, Result, State, Status
from omni_bulk.passed import Passed
from omni_bulk.policy import TAKEN, Admission, Admit, Known, admit


@dataclass(frozen=True, slots=True)
class Admitted:
    """What `admit` decided of one entry. `id` is set for messages to send, `result` for what is settled already.

    `copy` is 2 for one that is posted a second time on the operator's word, after so many `attempts`.
    """

    entry: Entry
    do: Admit
    id: int = 0
    status: Status | None = None
    reason: str | None = None
    result: Result | None = None
    copy: int = 1
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Resends:
    """Which unknown messages a run may post a second time: those presumed unsent, and those claimed by `before` (ms).

    With `only` nothing else is sent.
    """

    before: int = 0
    only: bool = False


_KNOWN = (
    "SELECT id, state, reason, digest, number_digest, text_digest, version, run, ref, row FROM message "
    "WHERE campaign = ? AND identity = ?"
)
_COLUMNS = (
    "campaign, identity, ref, duplicate_of, state, run, row, version, number, from_, country, encoding, segments, warnings, "
    "digest, number_digest, text_digest, reason"
)
_MARKS = f"(?{', ?' * len(_COLUMNS.split(','))})"  # for these and the id
Planned = dict[bytes, tuple[Any, ...]]  # by identity: itself, state, reason, the three digests, version


@dataclass(slots=True)
class Admitter:
    """One run's way of admitting rows. `dry` only plans: it looks, remembers in temporary tables, and writes nothing."""

    campaign: CampaignRow
    identities: Identities
    run: int
    dry: bool = False
    replays: bool = False  # whether results of earlier runs are wanted, one line read for each
    adopting: bool = False
    bars: Bars | None = None
    now: Callable[[], int] = lambda: 0  # milliseconds since 1970
    resends: Resends | None = None
    passed: Passed | None = None  # rows that this run does not look at

    def admit(self, tx: Transaction, entries: Iterable[Entry]) -> list[Admitted]:
        bars = self.bars if self.bars is not None and self.bars.asks(tx.db, self.campaign.id) else None
        entries = list(entries)
        if self.dry:
            return self._plan_all(tx, entries, bars)
        plain = bars is None and self.resends is None and not self.adopting
        new = self._first_all(tx, entries) if plain else {}
        return [
            Admitted(entry, Admit.SEND, new[entry.identity]) if entry.identity in new else self._admit(tx, entry, bars)
            for entry in entries
        ]

    def _first_all(self, tx: Transaction, entries: Sequence[Entry]) -> dict[bytes, int]:
        """`first` for all messages of a block that nothing is known of: their ids, by identity.

        Two statements in place of two for each, which saves 15 µs a message: every statement lets go of the
        interpreter, and has to wait for it again.
        """
        often = Counter(entry.identity for entry in entries)
        marks = ",".join("?" * len(often))
        sql = f"SELECT identity FROM message WHERE campaign = ? AND identity IN ({marks})"  # noqa: S608  of marks
        known = {identity for (identity,) in tx.db.execute(sql, (self.campaign.id, *often))}
        new = [
            entry for entry in entries
            if isinstance(entry.item, Message) and often[entry.identity] == 1 and entry.identity not in known
        ]  # fmt: skip
        if not new:
            return {}
        first = book.last_message(tx.db) + 1
        values: list[object] = []
        for message, entry in enumerate(new, first):
            values += (message, *self._row(entry, State.READY, None, entry.ref, None))
        rows = ",".join([_MARKS] * len(new))
        tx.db.execute(f"INSERT INTO message (id, {_COLUMNS}) VALUES {rows}", values)  # noqa: S608  of marks
        return {entry.identity: message for message, entry in enumerate(new, first)}

    def _admit(self, tx: Transaction, entry: Entry, bars: Bars | None) -> Admitted:
        row = tx.db.execute(_KNOWN, (self.campaign.id, entry.identity)).fetchone()
        if bars is not None:
            # Also of who has a message: a repeated row or a second post would write the number down again.
            entry = bars.erased(tx.db, entry)
        if self.resends is not None and not self.dry and (again := self._resend(tx, entry, row, self.resends)):
            return again
        if bars is not None and (row is None or row[1] not in TAKEN):
            entry = bars.judged(tx.db, self.campaign.id, entry, 0 if row is None else row[0])
        if row is None:
            return self._adopt(tx, entry, None) or self.first(tx, entry)
        known = self._known(row)
        repeats = row[7] == self.run or (known.state in _BINDING and self._met_before(tx, row))
        decision = admit(entry, known, repeats=repeats)
        match decision.do:
            case Admit.REPEAT:
                return self._repeat(tx, entry, decision, duplicate_of=row[8])
            case Admit.REPLAY:
                return self._replay(tx, entry, row[0], known)
            case _:
                return self._adopt(tx, entry, row[0]) or self.again(tx, entry, row[0])

    def _judged(self, tx: Transaction, entry: Entry, row: Sequence[Any] | None, bars: Bars) -> Entry:
        """The entry of somebody who gets nothing as one that is skipped; what was sent stays sent. `row` is planned."""
        if row is not None and row[1] in TAKEN:
            return bars.erased(tx.db, entry)
        return bars.judged(tx.db, self.campaign.id, entry, 0 if row is None else row[7])

    def _resend(self, tx: Transaction, entry: Entry, row: Sequence[Any] | None, resends: Resends) -> Admitted | None:
        """The same message once more, if it is unknown and may be; else None, or with `only` a row that stays as it is."""
        same = row is not None and row[1] == State.UNKNOWN and row[3] == entry.digest != b""
        if row is not None and same:
            attempts = book.post_again(tx, row[0], now=self.now(), before=resends.before)
            if attempts is not None:
                # A pruned message has none any more, and without one nobody could be barred at the claim.
                sql = "UPDATE message SET number = ? WHERE id = ? AND number IS NULL"
                tx.db.execute(sql, (entry.item.to, row[0]))
                self._mark_seen(tx, row[0])
                return Admitted(entry, Admit.SEND, row[0], copy=2, attempts=attempts)
        return Admitted(entry, Admit.REPLAY) if resends.only else None

    def _known(self, row: Sequence[Any]) -> Known:
        _, state, reason, digest, number, text, version, *_ = row
        stale = version != self.campaign.template_version
        return Known(State(state), reason, digest or b"", number or b"", text or b"", stale=stale)

    def _met_before(self, tx: Transaction, row: Sequence[Any]) -> bool:
        """Whether this run has met the message of that row of `_KNOWN`, or passed over the row of the list it is of."""
        return self._passed_over(row[7], row[9]) or not self._mark_seen(tx, row[0])

    def _passed_over(self, run: int, row: int | None) -> bool:
        return self.passed is not None and self.passed.sent(row, run)

    def _mark_seen(self, tx: Transaction, message: int) -> bool:
        sql = (
            "INSERT INTO seen (id, run) VALUES (?, ?) "
            "ON CONFLICT (id) DO UPDATE SET run = excluded.run WHERE run <> excluded.run"
        )
        return tx.db.execute(sql, (message, self.run)).rowcount == 1

    def first(self, tx: Transaction, entry: Entry) -> Admitted:
        """A new identity."""
        made = entry.item
        if isinstance(made, Message):
            message = self._insert(tx, entry, State.READY, None)
            return Admitted(entry, Admit.SEND, message)
        message = self._insert(tx, entry, State.of(made.status), made.reason)
        return self._told(tx, entry, message, made.status, made.reason)

    def _adopted(self, tx: Transaction, entry: Entry) -> tuple[str | None] | None:
        if not self.adopting or not isinstance(entry.item, Message):
            return None
        keys = [entry.identity, self.identities.of_number(entry.item.to)]
        sql = "SELECT msg_key FROM adopted WHERE campaign = ? AND identity IN (?, ?)"
        row: tuple[str | None] | None = tx.db.execute(sql, (self.campaign.id, *keys)).fetchone()
        return row

    def _adopt(self, tx: Transaction, entry: Entry, message: int | None) -> Admitted | None:
        """A row that another tool, or a lost ledger's results, already sent to: accepted without a POST."""
        found = self._adopted(tx, entry)
        if found is None:
            return None
        ready = self.first(tx, entry) if message is None else self.again(tx, entry, message)
        # Nobody knows when it was sent: not later than now, which is all that `Reached` needs.
        tx.db.execute("UPDATE message SET claimed_at = coalesce(claimed_at, ?) WHERE id = ?", (self.now(), ready.id))
        done = self._told(tx, entry, ready.id, Status.ACCEPTED, _ALREADY_SENT, msg_key=found[0])
        return replace(done, do=Admit.REPLAY)

    def again(self, tx: Transaction, entry: Entry, message: int) -> Admitted:
        """An identity that nothing binds, judged anew."""
        made = entry.item
        state = State.READY if isinstance(made, Message) else State.of(made.status)
        reason = None if isinstance(made, Message) else made.reason
        tx.db.execute(
            "UPDATE message SET state = ?, run = ?, row = ?, version = ?, number = ?, from_ = ?, country = ?, "
            "encoding = ?, segments = ?, warnings = ?, digest = ?, number_digest = ?, text_digest = ?, reason = ?, "
            "code = NULL, result = NULL WHERE id = ?",
            (int(state), self.run, made.row, self.campaign.template_version, *_content(entry), reason, message),
        )
        if isinstance(made, Message):
            return Admitted(entry, Admit.SEND, message)
        return self._told(tx, entry, message, made.status, made.reason)

    def _replay(self, tx: Transaction, entry: Entry, message: int, known: Known) -> Admitted:
        if known.state not in _BINDING:
            tx.db.execute("UPDATE message SET run = ?, row = ? WHERE id = ?", (self.run, entry.item.row, message))
        result = book.latest(tx.db, message) if self.replays else None
        return Admitted(entry, Admit.REPLAY, message, _present(known.state), known.reason, result)

    def _repeat(self, tx: Transaction, entry: Entry, decision: Admission, *, duplicate_of: str | None) -> Admitted:
        sql = (
            "INSERT INTO repeated VALUES (?, ?, 1) ON CONFLICT (identity, run) DO UPDATE SET times = times + 1 "
            "RETURNING times"
        )
        times = tx.db.execute(sql, (entry.identity, self.run)).fetchone()[0]
        again = replace(entry, identity=self.identities.of_repeat(entry.identity, times))
        status, reason = decision.status, decision.reason
        assert status is not None and reason is not None  # noqa: S101, PT018  every REPEAT of the table has both
        row = tx.db.execute(_KNOWN, (self.campaign.id, again.identity)).fetchone()
        same = row is not None and row[1] == State.of(status) and row[2] == reason
        if self.dry:
            return Admitted(entry, Admit.REPLAY if same else Admit.REPEAT, 0, status, reason)
        if row is None:
            message = self._insert(tx, again, State.of(status), reason, duplicate_of=duplicate_of)
        else:
            message = row[0]
            sql = "UPDATE message SET state = ?, reason = ?, run = ?, row = ? WHERE id = ?"
            tx.db.execute(sql, (State.of(status), reason, self.run, entry.item.row, message))
        if same:
            result = book.latest(tx.db, message) if self.replays else None
            return Admitted(entry, Admit.REPLAY, message, status, reason, result)
        return self._told(tx, again, message, status, reason, duplicate_of=duplicate_of)

    def _insert(
        self, tx: Transaction, entry: Entry, state: State, reason: str | None, duplicate_of: str | None = None
    ) -> int:
        ref = None if duplicate_of is not None else entry.ref
        row = (None, *self._row(entry, state, reason, ref, duplicate_of))
        sql = f"INSERT INTO message (id, {_COLUMNS}) VALUES {_MARKS}"  # noqa: S608  of constants
        return int(tx.db.execute(sql, row).lastrowid or 0)

    def _row(
        self, entry: Entry, state: State, reason: str | None, ref: str | None, duplicate_of: str | None
    ) -> tuple[object, ...]:
        """The values of `_COLUMNS`."""
        return (
            self.campaign.id, bytearray(entry.identity), ref, duplicate_of, int(state), self.run, entry.item.row,
            self.campaign.template_version, *_content(entry), reason,
        )  # fmt: skip

    def _told(
        self, tx: Transaction, entry: Entry, message: int, status: Status, reason: str, *,
        duplicate_of: str | None = None, msg_key: str | None = None,
    ) -> Admitted:  # fmt: skip
        result = replace(
            book.result_of(entry, self.campaign),
            status=status,
            reason=reason,
            duplicate_of=duplicate_of,
            msg_key=msg_key,
        )
        if duplicate_of is not None:
            result = replace(result, ref=None)
        written = book.settle(tx, self.campaign.id, message, result)
        do = Admit.RECORD if duplicate_of is None else Admit.REPEAT
        return Admitted(entry, do, message, status, reason, written)

    def _plan_all(self, tx: Transaction, entries: Sequence[Entry], bars: Bars | None) -> list[Admitted]:
        """Plans a block, with one look into each table and one transaction: row by row it took three times as long."""
        identities = [entry.identity for entry in entries]
        marks = ", ".join("?" * len(identities))
        columns = "identity, state, reason, digest, number_digest, text_digest, version"
        ledger = f"SELECT {columns}, id, run, row FROM message WHERE campaign = ? AND identity IN ({marks})"  # noqa: S608  of marks
        before = f"SELECT {columns} FROM planned WHERE identity IN ({marks})"  # noqa: S608  of marks
        tx.db.execute("BEGIN")
        known: Planned = {row[0]: row for row in tx.db.execute(ledger, (self.campaign.id, *identities))}
        planned: Planned = {row[0]: row for row in tx.db.execute(before, identities)}
        new: Planned = {}
        if bars is not None:
            entries = [self._judged(tx, entry, known.get(entry.identity), bars) for entry in entries]
        admitted = [self._plan(tx, entry, known, planned, new) for entry in entries]
        rows = sorted(new.values())  # neighbours in the index are written together
        tx.db.executemany("INSERT INTO planned VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
        tx.db.execute("COMMIT")
        return admitted

    def _plan(self, tx: Transaction, entry: Entry, known: Planned, earlier: Planned, new: Planned) -> Admitted:
        """What `_admit` would decide. Instead of writing it puts into `new` what the ledger would know then."""
        identity = entry.identity
        planned = earlier.get(identity) or new.get(identity)
        met = known.get(identity) if planned is None else planned
        repeats = planned is not None or (met is not None and self._passed_over(met[8], met[9]))
        decision = admit(entry, None if met is None else self._known(met), repeats=repeats)
        made = entry.item
        digests: Sequence[Any] = (entry.digest, entry.number_digest, entry.text_digest)
        version = self.campaign.template_version
        state, reason = (State.READY, None) if isinstance(made, Message) else (State.of(made.status), made.reason)
        if decision.do is Admit.SEND and self._adopted(tx, entry) is not None:
            decision, state, reason = Admission(Admit.REPLAY), State.ACCEPTED, _ALREADY_SENT
        elif decision.do in {Admit.REPLAY, Admit.REPEAT} and met is not None:  # the recipient's own row stays as it is
            state, reason, digests, version = State(met[1]), met[2], met[3:6], met[6]
        if planned is None:
            new[identity] = (identity, int(state), reason, *digests, version)
        if decision.do is Admit.REPEAT:
            return self._repeat(tx, entry, decision, duplicate_of=None)
        if decision.do is Admit.SEND:
            return Admitted(entry, Admit.SEND)
        return Admitted(entry, decision.do, 0, _present(state), reason)


class Single(Enum):
    """The fate of a single send."""

    SEND = "send"
    DONE = "done"  # settled, now or before
    WAIT = "wait"  # another process is sending it
    CONFLICT = "conflict"  # the ref was used for something else


def admit_single(
    tx: Transaction, admitter: Admitter, entry: Entry, *, owner: str, alive: Callable[[str], bool]
) -> tuple[Single, Admitted]:
    """One message of `Omni.send`, claimed for `owner`: several processes may bring the same ref at the same time.

    `alive` tells whether another owner still runs. What a dead one left claimed is `unknown`, what it left ready is
    taken over.
    """
    sql = "SELECT id, state, owner, number_digest, text_digest FROM message WHERE campaign = ? AND identity = ?"
    row = tx.db.execute(sql, (admitter.campaign.id, entry.identity)).fetchone()
    if row is None:
        admitted = admitter.first(tx, _judged(tx, admitter, entry))
        return _owned(tx, admitted, owner)
    message, state, holder, number, text = row
    busy = state in {State.READY, State.CLAIMED} and holder not in {None, owner} and alive(holder)
    other = isinstance(entry.item, Problem) or number != entry.number_digest or text != entry.text_digest
    if other and (busy or state in TAKEN):
        return Single.CONFLICT, Admitted(entry, Admit.REPEAT, message)
    if busy:
        return Single.WAIT, Admitted(entry, Admit.REPLAY, message)
    if state == State.CLAIMED:
        # Of a dead owner all of them; of our own this one, of which nobody knows any more: others may be in flight.
        book.recover(tx, admitter.campaign, owned_by=holder, only=message if holder == owner else None)
        state = State.UNKNOWN
    if state in {State.ACCEPTED, State.UNKNOWN} or (state == State.REJECTED and not other):
        done = State(state).status
        return Single.DONE, Admitted(entry, Admit.REPLAY, message, done, None, book.latest(tx.db, message))
    return _owned(tx, admitter.again(tx, _judged(tx, admitter, entry, message), message), owner)


def _judged(tx: Transaction, admitter: Admitter, entry: Entry, message: int = 0) -> Entry:
    bars, campaign = admitter.bars, admitter.campaign.id
    return entry if bars is None or not bars.asks(tx.db, campaign) else bars.judged(tx.db, campaign, entry, message)


def _owned(tx: Transaction, admitted: Admitted, owner: str) -> tuple[Single, Admitted]:
    if admitted.result is not None:
        return Single.DONE, admitted
    tx.db.execute("UPDATE message SET owner = ? WHERE id = ?", (owner, admitted.id))
    return Single.SEND, admitted


_BINDING = frozenset({State.ACCEPTED, State.UNKNOWN, State.REJECTED, State.CLAIMED})
_ALREADY_SENT = "already_sent"


def _present(state: State) -> Status:
    """How a message stands that is not to be sent: what is claimed without a result may have left."""
    return Status.UNKNOWN if state is State.CLAIMED else state.status


def _content(entry: Entry) -> tuple[object, ...]:
    made = entry.item
    composed: tuple[object, ...] = (None, None, None)
    if isinstance(made, Message):
        composed = (made.encoding, made.segments, "\n".join(made.warnings) or None)
    # As `bytearray`, because `sqlite3` looks for adapters of `bytes`: 1.2 µs each.
    digests = (bytearray(entry.digest), bytearray(entry.number_digest), bytearray(entry.text_digest))
    return (made.to, made.from_, made.country, *composed, *digests)
