"""What the tests of the ledger share: a campaign on a desk, rows made short, and ways to break a disk."""

import asyncio
import resource
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from omni_bulk.identity import Identities
from omni_bulk.ledger import Admitted, Admitter, Transaction, book, scratch
from omni_bulk.ledger.schema import ledger_key
from omni_bulk.model import CampaignRow, Entry, Message, Problem, Result, State, Status
from omni_bulk.policy import Admit

NOW = 1_760_000_000_000
CLIENT, ORIGIN = "client", "https://omni.example"
A, B, C = "+821012345671", "+821012345672", "+821012345673"

Told = tuple[Admit, Status | None, str | None]


def message(to: str = A, text: str = "hello", *, ref: str | None = None, row: int = 1) -> Message:
    return Message(to, "0212345678", text, "KR", "GSM-7", 1, row, ref)


def problem(
    reason: str = "invalid_number", *, cell: str = "abc", to: str | None = None, ref: str | None = None, row: int = 1,
    skipped: bool = False,
) -> Problem:  # fmt: skip
    status = Status.SKIPPED if skipped else Status.INVALID
    return Problem(status, reason, row=row, ref=ref, to=to, identity=cell)  # type: ignore[arg-type]


def line(seq: int, status: Status = Status.ACCEPTED, **given: Any) -> Result:
    """A line of a results file."""
    made = Result(seq, "id-1", "october", status, f"r-{seq}", to=A, from_="0212345678", country="KR", row=seq + 1)
    return replace(made, **given)


@dataclass
class Desk:
    """One campaign in a ledger, worked on without a writer: each statement is its own commit."""

    db: sqlite3.Connection
    campaign: CampaignRow
    identities: Identities

    @property
    def tx(self) -> Transaction:
        return Transaction(self.db)

    def begin(self, **how: Any) -> Admitter:
        """A new run."""
        run = book.begin_run(self.tx, self.campaign.id, pid=1, host="here", now=NOW, options="{}", input_digest=None)
        return Admitter(self.campaign, self.identities, run, **how)

    def admit(self, admitter: Admitter, *made: Message | Problem) -> list[Admitted]:
        return admitter.admit(self.tx, [self.entry(one) for one in made])

    def entry(self, made: Message | Problem) -> Entry:
        return self.identities.entry(made)

    def settle(self, admitted: Admitted, status: Status = Status.ACCEPTED, **outcome: Any) -> Result:
        draft = book.result_of(admitted.entry, self.campaign)
        return book.settle(self.tx, self.campaign.id, admitted.id, replace(draft, status=status, **outcome))

    def sent(self, made: Message, status: Status = Status.ACCEPTED, **outcome: Any) -> Admitted:
        """A message taken all the way in a run of its own."""
        (admitted,) = self.admit(self.begin(), made)
        assert admitted.do is Admit.SEND
        book.claim(self.tx, [admitted.id], NOW)
        self.settle(admitted, status, **outcome)
        return admitted

    def state(self, message: int) -> State:
        return State(self.db.execute("SELECT state FROM message WHERE id = ?", (message,)).fetchone()[0])

    def lines(self) -> list[bytes]:
        return list(book.lines(self.db, self.campaign.id, 0))

    def reread(self) -> CampaignRow:
        found = book.find_campaign(self.db, self.campaign.account, self.campaign.name)
        assert found is not None
        return found


def make_desk(db: sqlite3.Connection | None = None) -> Desk:
    db = scratch() if db is None else db
    tx = Transaction(db)
    campaign = book.make_campaign(tx, book.make_account(tx, CLIENT, ORIGIN), "october", NOW)
    return Desk(db, campaign, Identities(ledger_key(db), campaign.uuid))


def told(admitted: list[Admitted]) -> list[Told]:
    return [(one.do, one.status, one.reason) for one in admitted]


@contextmanager
def files_end_at(size: int) -> Iterator[None]:
    """A disk that is full: within this block no file of this process grows beyond `size` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


class Doorman:
    """An operation that holds the writer's thread until it is let go, so that others gather behind it."""

    def __init__(self) -> None:
        self._entered = threading.Event()
        self._let_go = threading.Event()

    def __call__(self, _: Transaction) -> None:
        self._entered.set()
        assert self._let_go.wait(10)

    async def is_in(self) -> None:
        assert await asyncio.to_thread(self._entered.wait, 10)

    def let_go(self) -> None:
        self._let_go.set()


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777
