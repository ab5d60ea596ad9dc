"""Whose a report is does not depend on what it came with: alone, in a batch, or sorted into an import of any size."""

import asyncio
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from omni_bulk import Omni, Settings, reports
from omni_bulk.account import World
from omni_bulk.ledger import Transaction, book
from omni_bulk.ledger import reports as sql
from omni_bulk.ledger.report_file import attach_reports, open_reports, reports_path
from omni_bulk.ledger.schema import open_ledger
from omni_bulk.model import CampaignRow, Status
from omni_bulk.reports import Collector
from tests.ledger.kit import NOW, ORIGIN, A, B, C, make_desk, message
from tests.reports.kit import raw_report

LATER = (NOW + 1_000) / 1_000  # s
THEIRS = "+821012345674"

# Each report, the verdict it must end with, the ref of its message, and the reason.
POOL: tuple[tuple[dict[str, Any], tuple[str, str | None, str | None]], ...] = (
    (raw_report(NOW / 1000, msgKey="k-1"), ("joined", "r-1", None)),
    (raw_report(LATER, msgKey="k-1", reportType="1"), ("joined", "r-1", None)),
    (raw_report(NOW / 1000, msgKey="k-2", ref=None), ("joined", "r-2", None)),
    (raw_report(LATER, msgKey="k-2", ref="another", msgType="sms"), ("joined", "r-2", None)),
    (raw_report(NOW / 1000, msgKey="k-3", ref="r-3"), ("joined", "r-3", None)),
    (raw_report(LATER, msgKey="k-3", ref="r-3", reportCode="23001"), ("joined", "r-3", None)),
    (raw_report(NOW / 1000, msgKey="k-1b"), ("double", "r-1", "second_msg_key")),
    (raw_report(NOW / 1000, msgKey="k-3b", ref="r-3", msgType="sms"), ("unmatched", None, "not_international")),
    (raw_report(NOW / 1000, msgKey="theirs", ref="theirs"), ("foreign", None, "unknown_key")),
    (raw_report(NOW / 1000, msgKey="k-9", ref=None), ("foreign", None, "unknown_key")),  # of another account
    (raw_report(NOW / 1000, msgKey=None), ("unmatched", None, "no_msg_key")),
)
SETTLING = (4, 5)
Come = tuple[int, bool]
"""Which of them, and whether somebody vouches for it."""


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger with two messages accepted, one unknown, and one that another account sent."""
    path = tmp_path_factory.mktemp("sent") / "ledger.db"
    with closing(open_ledger(path)) as db:
        desk = make_desk(db)
        desk.sent(message(A, ref="r-1"), msg_key="k-1", code="A000")
        desk.sent(message(B, ref="r-2"), msg_key="k-2", code="A000")
        desk.sent(message(C, ref="r-3"), Status.UNKNOWN, reason="timeout")
        other = book.make_campaign(Transaction(db), book.make_account(Transaction(db), "other", ORIGIN), "c", NOW)
        desk.campaign = CampaignRow(other.id, other.uuid, other.account, "c")
        desk.sent(message(THEIRS, ref="r-9"), msg_key="k-9", code="A000")
    return path


async def collected(path: Path, batches: Sequence[Sequence[Come]], *, imported: bool) -> Collector:
    settings = Settings(ledger=path, client_id="client", client_password="-", base_url=ORIGIN)
    async with Omni(settings, world=World(epoch=lambda: LATER)) as omni, omni.reports() as collector:
        for batch in batches:
            raws = [POOL[which][0] for which, _ in batch]
            if imported:
                await collector.take_all(raws)
            else:
                for raw, (_, proven) in zip(raws, batch, strict=True):
                    await collector.receive([raw], proven=proven)
    return collector


def ends(path: Path) -> list[tuple[Any, ...]]:
    """What is stored in the end, but for the ids, and how each message stands."""
    with closing(open_ledger(path)) as db:
        attach_reports(db, path)
        return db.execute(
            "SELECT report.msg_key, type, report.code, proven, verdict, message.ref, report.reason FROM report "
            "LEFT JOIN message ON message.id = report.message UNION ALL "
            "SELECT ref, state, msg_key, reason, '', '', '' FROM message ORDER BY 1, 2, 3, 4"
        ).fetchall()


@given(
    come=st.lists(st.tuples(st.integers(0, len(POOL) - 1), st.booleans()), max_size=25),
    cuts=st.sets(st.integers(1, 24)), chunk=st.integers(1, 9), wide=st.integers(1, 5), at_once=st.integers(1, 4),
    imported=st.booleans(), collide=st.booleans(),
)  # fmt: skip
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_split_ends_alike(
    sent: Path, come: list[Come], cuts: set[int], chunk: int, wide: int, at_once: int, *, imported: bool, collide: bool
) -> None:
    """With `collide` all msgKeys share one digest: then only the comparison with each message's own tells them apart."""
    edges = [0, *sorted(cut for cut in cuts if cut < len(come)), len(come)]
    batches = [come[start:end] for start, end in pairwise(edges)]
    came = {which: imported or proven for which, proven in sorted(come, key=lambda one: one[1])}
    sizes = (
        patch.object(reports, "CHUNK", chunk),
        patch.object(reports, "WIDE", wide),
        patch.object(sql, "AT_ONCE", (at_once, 1)),
    )
    digest = patch.object(sql, "key_digest", lambda _: bytes(8)) if collide else patch.object(sql, "BLOCK", 200)
    with tempfile.TemporaryDirectory() as folder, sizes[0], sizes[1], sizes[2], digest:
        path = Path(shutil.copy(sent, folder))
        collector = asyncio.run(collected(path, batches, imported=imported))
        found = ends(path)
    settled = any(came.get(which) for which in SETTLING)
    expected = [
        ("r-1", 2, "k-1"),
        ("r-2", 2, "k-2"),
        ("r-9", 2, "k-9"),
        ("r-3", 2 if settled else 5, "k-3" if settled else None),
    ]
    for which, proven in came.items():
        raw, (verdict, ref, reason) = POOL[which]
        if which in SETTLING and not settled:
            verdict, reason = "hint", "not_authenticated"
        row = (raw.get("msgKey", ""), raw["reportType"], raw["reportCode"], int(proven), verdict, ref, reason)
        expected.append(row)  # type: ignore[arg-type]
    reports_found = [row for row in found if row[4]]
    assert sorted(map(repr, [*reports_found, *(row[:3] for row in found if not row[4])])) == sorted(map(repr, expected))
    assert (collector.counts.collected, collector.counts.duplicates) == (len(came), len(come) - len(came))
    assert collector.counts.settled == settled
    assert collector.counts.joined == sum(row[4] in {"joined", "double"} for row in reports_found)


def test_an_import_that_breaks_off_has_stored_what_came_before(sent: Path, tmp_path: Path) -> None:
    def raws() -> Iterator[object]:
        yield from (POOL[which][0] for which in (0, 1, 2))
        raise OSError("the disk was pulled out")

    async def take() -> None:
        settings = Settings(ledger=path, client_id="client", client_password="-", base_url=ORIGIN)
        async with Omni(settings) as omni, omni.reports() as collector:
            with pytest.raises(OSError, match="pulled out"):
                await collector.take_all(raws())
            assert collector.counts.joined == 3

    path = Path(shutil.copy(sent, tmp_path))
    asyncio.run(take())
    with closing(sqlite3.connect(reports_path(path))) as db:
        assert db.execute("SELECT count(*) FROM report").fetchone() == (3,)


def test_msg_keys_are_looked_up_by_their_index(sent: Path, tmp_path: Path) -> None:
    """Of five million messages only those that are asked for are read."""
    path = Path(shutil.copy(sent, tmp_path))
    with closing(open_reports(path)) as db:
        plan = [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {sql._BY_KEY}", ("[1]", 1))]
        stray = [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {sql._ANY_STRAY}")]
        insert = [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {sql._insert(2)}", [None] * 38)]
    assert any(step.startswith("SEARCH key USING PRIMARY KEY (digest=?)") for step in plan), plan
    assert any("message USING INTEGER PRIMARY KEY (rowid=?)" in step for step in plan), plan
    assert any("report USING INDEX report_stray" in step for step in stray), stray
    assert not any("SCAN report" in step for step in insert)
