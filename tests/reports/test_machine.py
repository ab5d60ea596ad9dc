"""Claims, releases, verdicts, crashes and reports in any order, over a real ledger and its reports file.

The server in here remembers what it took. Whatever happens, nobody gets a second message that was not asked for, what is
accepted stays accepted, and a settled message bears a msgKey that the server gave to that very recipient.
"""

import shutil
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from omni_bulk.account import Account
from omni_bulk.joining import DAY, read_report, report_key
from omni_bulk.ledger import Transaction, book, reports
from omni_bulk.ledger.report_file import open_reports
from omni_bulk.ledger.schema import ledger_key, open_ledger
from omni_bulk.model import State, Status, Way
from omni_bulk.policy import Admit
from omni_bulk.reports import _judge_block, _settle
from tests.ledger.kit import NOW, A, B, Desk, make_desk, message
from tests.reports.kit import raw_report

REFS = ("r-1", "r-2")
NUMBERS = dict(zip(REFS, (A, B), strict=True))
OUTCOMES = st.sampled_from(["lost", "crash", "lost", "accepted", "throttled", "refused"])
ALLOWED = {  # from a state, by any event
    State.READY: set(State),
    State.CLAIMED: {State.READY, State.ACCEPTED, State.REJECTED, State.UNKNOWN},
    State.UNKNOWN: {State.ACCEPTED, State.CLAIMED},  # claimed: posted again on somebody's word
    State.REJECTED: {State.READY, State.CLAIMED, State.ACCEPTED, State.UNKNOWN, State.REJECTED},
    State.ACCEPTED: set(),
}


class Life(RuleBasedStateMachine):
    """One campaign, two recipients, one server."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="omni-bulk-machine-"))
        path = self.folder / "ledger.db"
        self.desk: Desk = make_desk(open_ledger(path))
        self.side = open_reports(path)
        reports.add_functions(self.side)
        key = ledger_key(self.desk.db)
        self.account = cast("Account", SimpleNamespace(id=self.desk.campaign.account, ledger=SimpleNamespace(key=key)))
        self.now = NOW
        self.taken: dict[str, str] = {}  # ref on the wire → msgKey
        self.posts: Counter[str] = Counter()
        self.before: dict[str, State] = {}
        self.came: set[bytes] = set()

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            self.side.close()
            self.desk.db.close()
            shutil.rmtree(self.folder)

    # ── sending ───────────────────────────────────────────────────────────────────────────────────────────────────

    @rule(ref=st.sampled_from(REFS), outcome=OUTCOMES, taken=st.booleans())
    def run(self, ref: str, outcome: str, taken: bool) -> None:
        """A run takes up what was left open, and sends whom it may."""
        book.recover(self.desk.tx, self.desk.campaign)
        (one,) = self.desk.admit(self.desk.begin(), message(NUMBERS[ref], ref=ref))
        if one.do is Admit.SEND:
            book.claim(self.desk.tx, [one.id], self.now)
            draft = book.result_of(one.entry, self.desk.campaign)
            self._post(one.id, ref, draft, outcome, taken=taken)

    @rule(ref=st.sampled_from(REFS), outcome=OUTCOMES, taken=st.booleans())
    def resend(self, ref: str, outcome: str, taken: bool) -> None:
        """Somebody asks for a second post."""
        book.recover(self.desk.tx, self.desk.campaign)
        entry = self.desk.entry(message(NUMBERS[ref], ref=ref))
        found = book.message_of(self.desk.db, self.desk.campaign.id, entry.identity)
        if found is None or book.post_again(self.desk.tx, found, now=self.now, before=self.now) is None:
            return
        if book.claim(self.desk.tx, [found], self.now):
            return
        draft = replace(book.result_of(entry, self.desk.campaign), copy=2, wire_ref=f"{ref}~2")
        self._post(found, f"{ref}~2", draft, outcome, taken=taken)

    def _post(self, found: int, wire: str, draft: Any, outcome: str, *, taken: bool) -> None:
        desk, took = self.desk, outcome == "accepted" or (outcome in {"lost", "crash"} and taken)
        self.posts[wire] += outcome != "throttled" and outcome != "refused"
        assert not took or wire not in self.taken, f"a second message for {wire}"
        if took:
            self.taken[wire] = f"k-{wire}"
        ended = {
            "accepted": replace(draft, status=Status.ACCEPTED, msg_key=self.taken.get(wire)),
            "lost": replace(draft, status=Status.UNKNOWN, reason="timeout"),
            "refused": replace(draft, status=Status.REJECTED if draft.copy == 1 else Status.UNKNOWN, code="A306"),
        }
        if outcome == "throttled":
            book.release(desk.tx, found, 1)
        elif outcome in ended:
            book.settle(desk.tx, desk.campaign.id, found, ended[outcome])

    # ── reports ───────────────────────────────────────────────────────────────────────────────────────────────────

    @precondition(lambda self: self.taken)
    @rule(pick=st.randoms(use_true_random=False), phases=st.integers(1, 4), proven=st.booleans())
    def report(self, pick: Any, phases: int, proven: bool) -> None:
        """Reports of what was taken, some again, some only a hint; the collector may die after any step."""
        wires = sorted(self.taken)
        raws = []
        for _ in range(pick.randint(1, 4)):
            wire, leg = pick.choice(wires), pick.randint(0, 1)
            raws.append(raw_report((NOW + leg) / 1000, msgKey=self.taken[wire], ref=wire, reportType=str(leg)))
        self._take(raws, phases, proven=proven)

    @rule(ref=st.sampled_from(REFS), days=st.integers(-3, 3).filter(bool))
    def foreign(self, ref: str, days: int) -> None:
        """Another system, or another day, used the same ref."""
        raw = raw_report((NOW + days * 2 * DAY) / 1000, msgKey=f"theirs-{days}", ref=ref)
        self._take([raw], 4, proven=True)

    def _take(self, raws: list[dict[str, Any]], phases: int, *, proven: bool) -> None:
        found = [read_report(raw, source=Way.POLL, proven=proven, received_at=self.now) for raw in raws]
        self.came |= {report_key(one) for one in found}
        side = Transaction(self.side)
        reports.store(side, self.account.id, [reports.row_of(one) for one in found])
        while phases > 1:
            judged = _judge_block(side, self.account, 0)
            proofs = [(one, told) for one, told in judged if told.settles]
            lost = _settle(self.desk.tx, proofs) if phases > 2 else set()
            if phases > 3:
                reports.pronounce(side, self.account.id, [(one, told) for one, told in judged if one.id not in lost])
            if len(proofs) == len(lost) or phases < 4:
                return

    # ── what holds ────────────────────────────────────────────────────────────────────────────────────────────────

    @invariant()
    def nothing_regresses(self) -> None:
        rows = self.desk.db.execute("SELECT ref, state, msg_key FROM message WHERE duplicate_of IS NULL").fetchall()
        for ref, state, msg_key in rows:
            now, before = State(state), self.before.get(ref, State.READY)
            assert now is before or now in ALLOWED[before], f"{ref}: {before.name} became {now.name}"
            self.before[ref] = now
            if now is State.ACCEPTED:
                given = {self.taken.get(ref), self.taken.get(f"{ref}~2")} - {None}
                assert msg_key in given, "accepted under a key that the server did not give to this recipient"

    @invariant()
    def no_post_of_what_may_have_been_taken(self) -> None:
        assert all(times <= 1 for times in self.posts.values()), self.posts

    @invariant()
    def every_report_is_there_once(self) -> None:
        keys = [row[0] for row in self.side.execute("SELECT key FROM report")]
        assert sorted(keys) == sorted(self.came)

    @invariant()
    def lines_have_no_gaps(self) -> None:
        seqs = [row[0] for row in self.desk.db.execute("SELECT seq FROM line ORDER BY seq")]
        assert seqs == list(range(1, len(seqs) + 1))


Life.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestLife = Life.TestCase
