"""What was sent without this ledger: our own results taken back, other tools' logs, and nobody sent to twice."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import pytest_asyncio

from omni_bulk import already
from omni_bulk.already import adopt, first_result
from omni_bulk.errors import InputError
from omni_bulk.identity import Identities
from omni_bulk.ledger import Admitter, Ledger, Transaction, book
from omni_bulk.model import CampaignRow, Message, Problem, Result, Status
from omni_bulk.policy import Admit
from omni_bulk.results import to_line
from omni_bulk.rules import Composition
from tests.ledger.kit import CLIENT, NOW, ORIGIN, A, B, C, line, message, problem, told

LOST = Identities(b"\x07" * 32, "id-1")  # under the key of the ledger that was lost
REPLAYED = (Admit.REPLAY, Status.ACCEPTED, None)
ELSEWHERE = (Admit.REPLAY, Status.ACCEPTED, "already_sent")
SEND = (Admit.SEND, None, None)


def own(seq: int, to: str, status: Status = Status.ACCEPTED, **given: Any) -> Result:
    """A line about a row without a ref."""
    return line(seq, status, ref=LOST.entry(message(to)).ref, to=to, **given)


def write(path: Path, *results: Result, torn: bytes = b"") -> Path:
    path.write_bytes(b"".join(map(to_line, results)) + torn)
    return path


class Rig(NamedTuple):
    ledger: Ledger
    campaign: CampaignRow
    path: Path

    @property
    def identities(self) -> Identities:
        return Identities(self.ledger.key, self.campaign.uuid)

    async def adopt(self, path: Path | None = None, **composition: str) -> int:
        how = Composition(**composition)  # type: ignore[arg-type]
        return await adopt(self.ledger, self.reread(), path or self.path, self.identities, how)

    async def admit(self, *made: Message | Problem) -> list[tuple[Admit, Status | None, str | None]]:
        """What a new run makes of these rows."""
        with self.ledger.reading() as db:
            adopting = book.adopting(db, self.campaign.id)
        run = await self.ledger.write(
            lambda tx: book.begin_run(tx, self.campaign.id, pid=1, host="", now=NOW, options="{}", input_digest=None)
        )
        admitter = Admitter(self.campaign, self.identities, run, adopting=adopting)
        return told(await self.ledger.admit(admitter, [self.identities.entry(one) for one in made]))

    def reread(self) -> CampaignRow:
        with self.ledger.reading() as db:
            found = book.find_campaign(db, self.campaign.account, self.campaign.name)
        assert found is not None
        return found

    def lines(self) -> bytes:
        with self.ledger.reading() as db:
            return b"".join(book.lines(db, self.campaign.id, 0))


@pytest_asyncio.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    ledger = await Ledger.open(tmp_path / "ledger.db")
    account = await ledger.write(lambda tx: book.make_account(tx, CLIENT, ORIGIN))
    made = await ledger.write(lambda tx: book.make_campaign(tx, account, "october", NOW))
    campaign = await ledger.write(lambda tx: book.take_id(tx, made, "id-1"))
    yield Rig(ledger, campaign, tmp_path / "october.results.jsonl")
    await ledger.close()


# ── our own results, into a ledger that lost them ─────────────────────────────────────────────────────────────────


async def test_a_results_file_is_taken_back_to_the_letter(rig: Rig) -> None:
    write(
        rig.path, own(1, A, msg_key="k-1", sent_at="2026-01-01T00:00:00.000+09:00", warnings=("w",)),
        own(2, B, Status.REJECTED, code="A302"), line(3, Status.SKIPPED, ref=None, duplicate_of="x", reason="duplicate"),
        own(4, C, Status.UNKNOWN, reason="timeout"), own(5, C, msg_key="k-5"),
    )  # fmt: skip
    assert await rig.adopt() == 5
    assert rig.lines() == rig.path.read_bytes()
    assert rig.reread().seq == 5
    assert await rig.admit(message(A), message(C), message(B)) == [REPLAYED, REPLAYED, SEND]


@pytest.mark.parametrize("status", [Status.ACCEPTED, Status.UNKNOWN])
@pytest.mark.parametrize("ref", ["order-1", None])
async def test_who_has_or_may_have_a_message_gets_none(rig: Rig, status: Status, ref: str | None) -> None:
    write(rig.path, own(1, A, status) if ref is None else line(1, status, ref=ref))
    await rig.adopt()
    assert await rig.admit(message(A, ref=ref)) == [(Admit.REPLAY, status, None)]


async def test_taking_back_what_the_ledger_has_changes_nothing(rig: Rig) -> None:
    write(rig.path, own(1, A), own(2, B))
    await rig.adopt()
    assert await rig.adopt() == 0
    assert rig.lines() == rig.path.read_bytes()


async def test_taking_back_goes_on_where_it_was_interrupted(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the command that is run again would send to whoever comes after the first batch."""
    monkeypatch.setattr(already, "BATCH", 2)
    numbers = [f"+82101234560{digit}" for digit in range(5)]
    write(rig.path, *(own(seq, to) for seq, to in enumerate(numbers, start=1)))
    restore = book.restore

    def die(tx: Transaction, campaign: CampaignRow, *args: Any, **kind: Any) -> int:
        if tx.db.execute("SELECT seq FROM campaign WHERE id = ?", (campaign.id,)).fetchone() == (4,):
            raise InputError("killed")
        return restore(tx, campaign, *args, **kind)

    with monkeypatch.context() as patch:
        patch.setattr(book, "restore", die)
        with pytest.raises(InputError, match="killed"):
            await rig.adopt()
    assert rig.reread().seq == 4
    assert await rig.adopt() == 1
    assert await rig.admit(*map(message, numbers)) == [REPLAYED] * 5


async def test_an_older_copy_of_the_ledger_takes_the_lines_it_lacks(rig: Rig) -> None:
    write(rig.path, own(1, A))
    await rig.adopt()
    write(rig.path, own(1, A), own(2, B), own(3, C, Status.UNKNOWN))
    assert await rig.adopt() == 2
    assert await rig.admit(message(B), message(C)) == [REPLAYED, (Admit.REPLAY, Status.UNKNOWN, None)]


async def test_a_file_of_another_history_counts_like_any_other_file(rig: Rig) -> None:
    """An older copy of the ledger went on by itself: its lines and the file's have the same numbers."""
    write(rig.path, own(1, A), own(2, B, msg_key="here"))
    await rig.adopt()
    there = write(rig.path.with_name("there.jsonl"), own(1, A), own(2, C, msg_key="there"))
    assert await rig.adopt(there) == 2
    assert await rig.admit(message(A), message(B), message(C)) == [REPLAYED, REPLAYED, ELSEWHERE]


async def test_a_ref_that_looks_like_ours_binds_as_a_ref_too(rig: Rig) -> None:
    """A list made from the results of another campaign has its refs."""
    copied = LOST.entry(message(B)).ref
    write(rig.path, line(1, ref="order-1"), line(2, ref=copied, to=B))
    await rig.adopt()
    assert await rig.admit(message(A, ref="order-1"), message(B, ref=copied)) == [REPLAYED, ELSEWHERE]


@pytest.mark.parametrize(("results", "kind"), [([own(1, A)], "number"), ([own(1, A), line(2, ref="order")], "ref")])
async def test_what_kind_of_list_it_was_is_known_again(rig: Rig, results: list[Result], kind: str) -> None:
    """So that a ref column that vanishes is refused, as always."""
    write(rig.path, *results)
    await rig.adopt()
    assert rig.reread().kind == kind


async def test_an_invalid_row_without_a_number_binds_nobody(rig: Rig) -> None:
    lost = LOST.entry(problem()).ref
    write(rig.path, line(1, Status.INVALID, ref=lost, to=None, reason="invalid_number"))
    await rig.adopt()
    assert await rig.admit(problem(), message(A)) == [(Admit.RECORD, Status.INVALID, "invalid_number"), SEND]


async def test_a_torn_last_line_is_passed_over(rig: Rig) -> None:
    write(rig.path, own(1, A), torn=to_line(own(2, B))[:-5])
    assert await rig.adopt() == 1


DAMAGED = [
    (b"garbage\n", "line 2: not a line"),
    (to_line(own(3, B)), "line 2: its seq is 3"),
    (b"garbage\n" + to_line(own(2, B)), "line 2: not a line"),
]


@pytest.mark.parametrize(("after", "why"), DAMAGED)
async def test_a_file_that_lost_lines_is_told(rig: Rig, after: bytes, why: str) -> None:
    write(rig.path, own(1, A), torn=after)
    with pytest.raises(InputError, match=why):
        await rig.adopt()


async def test_damage_in_what_the_ledger_has_does_not_matter(rig: Rig) -> None:
    write(rig.path, own(1, A), own(2, B))
    await rig.adopt()
    rig.path.write_bytes(to_line(own(1, A))[:20] + b"\n" + to_line(own(2, B)) + to_line(own(3, C)))
    with pytest.raises(InputError):  # it is no results file of ours by its first line, and no list
        await rig.adopt()
    rig.path.write_bytes(to_line(own(1, A)) + b"garbage\n" + to_line(own(2, B)) + to_line(own(3, C)))
    assert await rig.adopt() == 1


async def test_an_id_that_is_anothers_here_is_not_taken(rig: Rig) -> None:
    other = await rig.ledger.write(lambda tx: book.make_campaign(tx, rig.campaign.account, "november", NOW))
    row = await rig.ledger.write(lambda tx: book.take_id(tx, other, "id-1"))
    assert row.uuid == other.uuid
    assert rig.ledger.failure is None


# ── results of another campaign ───────────────────────────────────────────────────────────────────────────────────


async def test_of_another_campaign_what_was_sent_counts_by_ref_and_by_number(rig: Rig) -> None:
    lines = [
        line(1, ref="order-1", to=A), line(2, Status.UNKNOWN, ref="order-2", to=None),
        line(3, Status.REJECTED, ref="order-3", to=C), line(4, Status.SKIPPED, ref=None, duplicate_of="order-1"),
    ]  # fmt: skip
    write(rig.path, *(replace(one, campaign_id="id-2", campaign="september") for one in lines), torn=b'{"seq":5')
    assert await rig.adopt() == 2
    assert await rig.adopt() == 0
    rows = await rig.admit(
        message(A, ref="order-1"), message(A, ref="new"), message(B, ref="order-2"), message(C, ref="order-3"),
    )  # fmt: skip
    assert rows == [ELSEWHERE, ELSEWHERE, ELSEWHERE, SEND]


async def test_damage_in_another_campaigns_results_is_told(rig: Rig) -> None:
    write(rig.path, line(1, campaign_id="id-2"), torn=b"garbage\n" + to_line(line(3)))
    with pytest.raises(InputError, match="line 2: not a line"):
        await rig.adopt()


# ── logs of other tools ───────────────────────────────────────────────────────────────────────────────────────────

LOGS = {
    "numbers": ("log.csv", f"phone,state\n{A},OK\n{B},OK\n", {}, 2),
    "refs": ("log.csv", "ref,to\nr-1,\nr-2,\n", {}, 2),
    "both": ("log.csv", f"to,ref\n{A},r-1\n{B},r-2\n", {}, 2),
    "national numbers": ("log.csv", "수신번호\n010-1234-5671\n010-1234-5672\n", {"region": "KR"}, 2),
    "one object a line": ("log.jsonl", f'{{"to":"{A}","msgKey":"k"}}\n{{"to":"{B}"}}\n', {}, 2),
    "a number twice": ("log.csv", f"to\n{A}\n{A}\n{B}\n", {}, 2),
    "a row without a number": ("log.csv", f"to,note\n{A},x\n,total: 2\n{B},x\n", {}, 2),
    "a ref that could not be ours": ("log.csv", f"to,ref\n{A},job~1\n{B},job~2\n", {}, 2),
}


@pytest.mark.parametrize("log", LOGS)
async def test_every_row_of_another_tools_log_counts(rig: Rig, log: str) -> None:
    name, text, how, count = LOGS[log]
    path = rig.path.with_name(name)
    path.write_text(text, encoding="utf-8")
    assert await rig.adopt(path, **how) == count
    known = [message(A), message(B)] if log != "refs" else [message(A, ref="r-1"), message(B, ref="r-2")]
    assert await rig.admit(*known, message(C)) == [ELSEWHERE, ELSEWHERE, SEND]


async def test_a_log_whose_refs_are_not_our_lists_binds_by_number(rig: Rig) -> None:
    path = rig.path.with_name("log.csv")
    path.write_text(f"to,ref\n{A},job-77\n")
    await rig.adopt(path)
    assert await rig.admit(message(A, ref="order-1"), message(B, ref="job-77")) == [ELSEWHERE, ELSEWHERE]


UNREADABLE = [
    ("to\n010-1234-5671\n", "line 2: .*--region CC"),
    ("to\n821012345671\n", "line 2: .*--numbers international"),
    ("to,ref\n010-1234-5671,r-1\n", "--region CC"),
    (f'to\n"{A}\n{B}\n', "line 2: its quotes are broken"),
    ("to\nhello\n", "neither a ref nor a number"),
]


@pytest.mark.parametrize(("text", "why"), UNREADABLE)
async def test_a_log_that_may_hide_somebody_is_told(rig: Rig, text: str, why: str) -> None:
    path = rig.path.with_name("log.csv")
    path.write_text(text)
    with pytest.raises(InputError, match=why):
        await rig.adopt(path)


async def test_an_empty_log_is_nobody(rig: Rig) -> None:
    path = rig.path.with_name("log.csv")
    path.write_text("to\n")
    assert await rig.adopt(path) == 0


def test_the_first_line_tells_whose_a_file_is(tmp_path: Path) -> None:
    assert first_result(write(tmp_path / "ours", line(1), line(2))) == line(1)
    (tmp_path / "theirs").write_bytes(b"\xff\xfe")
    assert first_result(tmp_path / "theirs") is None
    for name in ("missing", "."):
        with pytest.raises(InputError, match="--already"):
            first_result(tmp_path / name)
