"""Erasing a number down to the bytes: what an earlier change left in free space goes too, and who is in the way is told."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from omni_bulk import forgetting
from omni_bulk.erasing import Asked
from omni_bulk.forgetting import forget, survey
from omni_bulk.ledger.report_file import open_reports, reports_path
from omni_bulk.ledger.schema import open_ledger
from omni_bulk.lock import OwnerLock

GONE = "+821020000003"


def leave_traces(db: sqlite3.Connection) -> None:
    """A row that was there once, as a version without `forget` deleted it."""
    db.execute("PRAGMA secure_delete = OFF")
    db.execute("INSERT INTO meta VALUES ('once', ?)", (GONE,))
    db.execute("DELETE FROM meta WHERE name = 'once'")
    db.execute("PRAGMA main.wal_checkpoint(TRUNCATE)")


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    path = tmp_path / "ledger.db"
    with closing(open_ledger(path)) as db, closing(open_reports(path)) as reports:
        leave_traces(db)
        leave_traces(reports)
    assert traces(path) == ["ledger.db", "ledger.reports.db"]
    return path


def traces(ledger: Path) -> list[str]:
    return sorted(
        path.name for path in ledger.parent.iterdir() if path.is_file() and GONE[1:].encode() in path.read_bytes()
    )


def erase(ledger: Path, *more: str) -> list[str]:
    return forget(ledger, Asked([GONE, *more]), (), 0, beside=ledger.parent).held


def test_free_space_of_both_files_is_searched_and_cleared(ledger: Path) -> None:
    assert survey(ledger, Asked([GONE])) == (0, 0)
    assert erase(ledger) == []
    assert traces(ledger) == []


def test_with_many_numbers_the_files_are_built_anew_unseen(ledger: Path) -> None:
    assert erase(ledger, *(f"+8210300{at:05}" for at in range(200))) == []
    assert traces(ledger) == []


def test_a_big_file_is_built_anew_only_when_nobody_is_at_work(ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forgetting, "BIG", 0)
    with OwnerLock(ledger, "6f6d6e69-7265-8f72-9473-000000000001"):
        (held,) = erase(ledger)
        assert "when nothing is being sent" in held
        assert traces(ledger) == ["ledger.db", "ledger.reports.db"]
    assert erase(ledger) == []
    assert traces(ledger) == []


def test_who_reads_the_file_is_waited_for_and_then_told(ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("omni_bulk.ledger.schema.BUSY_TIMEOUT", 10)
    with closing(sqlite3.connect(ledger)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM message").fetchone()
        (held,) = erase(ledger)
        assert "somebody is reading" in held
    assert erase(ledger) == []
    assert traces(ledger) == []


def test_a_report_of_nobody_here_loses_the_number_too(ledger: Path) -> None:
    with closing(open_reports(ledger)) as db:
        sql = (
            "INSERT INTO report (account, key, msg_key, ref, source, proven, received_at, verdict, json) "
            "VALUES (1, ?, 'k', ?, 'poll', 1, 0, 'foreign', ?)"
        )
        db.execute(sql, (b"1", "82-10-2000-0003", b'{"msgKey":"k","ref":"82-10-2000-0003"}'))
        db.execute(sql, (b"2", "r-7", b'{"msgKey":"k","ref":"r-7"}'))
    done = forget(ledger, Asked([GONE]), (), 0, beside=ledger.parent)
    assert done.reports == 1
    with closing(sqlite3.connect(reports_path(ledger))) as db:
        assert db.execute("SELECT ref, json FROM report ORDER BY id").fetchall() == [
            (None, b'{"msgKey":"k","ref":null}'), ("r-7", b'{"msgKey":"k","ref":"r-7"}'),
        ]  # fmt: skip
