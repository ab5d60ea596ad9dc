"""Ledgers that earlier versions wrote are brought forward whole, and go on: nobody on them gets a second message."""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from omni_bulk.ledger.schema import VERSION
from omni_bulk.sandbox import Sandbox
from tests.cli import kit
from tests.cli.conftest import Call
from tests.cli.kit import FROM
from tests.conftest import REPOSITORY

LEDGER = Path("ledger.db")
OLD = REPOSITORY / "tests" / "ledger" / "old"
NUMBERED = "to,name\n" + "".join(f"+82103000000{at},name {at}\n" for at in range(1, 9))
LIST = f"{NUMBERED}+82103000000,short\n+821030000002,name 2\n"
REFS = "to,ref,name\n" + "".join(f"+82103000010{at},r-{at},name {at}\n" for at in range(1, 5))


@pytest.fixture(params=[1, 2])
def version(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, api: Sandbox) -> int:
    """A ledger of this version, whose account is that of the stand-in of this test."""
    monkeypatch.setenv("OMNI_LEDGER", "ledger.db")
    number = int(request.param)
    with closing(sqlite3.connect(LEDGER)) as db:
        db.executescript((OLD / f"v{number}.sql").read_text("utf-8"))
        db.execute("UPDATE account SET origin = ?", (api.url,))
        db.commit()
    Path("list.csv").write_text(LIST)
    Path("refs.csv").write_text(REFS)
    return number


def contents(path: Path, like: Path) -> dict[str, list[tuple[object, ...]]]:
    """What a ledger holds in the tables and columns that `like` has."""
    with closing(sqlite3.connect(like)) as old, closing(sqlite3.connect(path)) as db:
        tables = [row[0] for row in old.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        return {
            table: db.execute(
                f"SELECT {', '.join(row[1] for row in old.execute(f'PRAGMA table_info({table})'))} FROM {table} ORDER BY 1, 2"
            ).fetchall()
            for table in tables
        }


def user_version() -> int:
    with closing(sqlite3.connect(LEDGER)) as db:
        return int(db.execute("PRAGMA user_version").fetchone()[0])


def test_nothing_in_it_changes_when_it_is_brought_forward(version: int, call: Call) -> None:
    shutil.copy(LEDGER, "before.db")
    assert user_version() == version
    looked = call("check", "list.csv", "--text", "hi {name}", "--from", FROM, "--json", "--tolerate", "invalid=1")
    assert looked.json["states"]["ready"] == 3
    assert user_version() == version  # looking changes nothing
    status = call("status", "list", "--json")
    assert user_version() == VERSION
    assert contents(LEDGER, Path("before.db")) == contents(Path("before.db"), Path("before.db"))
    assert {state: count for state, count in status.json["states"].items() if count} == {
        "accepted": 3, "unknown": 3, "skipped": 1, "ready": 3,
    }  # fmt: skip


def test_it_goes_on_where_it_was(version: int, call: Call, api: Sandbox) -> None:
    shutil.copy(LEDGER, "before.db")
    send = ("--text", "hi {name}", "--from", FROM, "--yes")
    assert call("send", "list.csv", *send).code == 3  # three are unknown, and stay so
    assert call("send", "refs.csv", *send).code == 3
    assert len(api.messages) == 3
    # The results are the old lines, byte for byte, and then the new ones.
    with closing(sqlite3.connect("before.db")) as db:
        old = [row[0] for row in db.execute("SELECT json FROM line WHERE campaign = 1 ORDER BY seq")]
    assert Path("list.results.jsonl").read_bytes().startswith(b"".join(old))
    lines = kit.results()
    assert [line["seq"] for line in lines] == list(range(1, len(lines) + 1))
    assert len(lines) > len(old)
    # Reports find the new messages; an unknown of the old version is settled by hand.
    ran = call("reports", "--poll", "--json")
    assert (ran.code, ran.json["joined"], ran.json["foreign"]) == (0, 3, 0), ran.err
    Path("console.csv").write_text("ref,msgKey\n" + "".join(f"r-{at},k-{at}\n" for at in range(1, 5)))
    assert call("resolve", "refs", "--file", "console.csv", "--json").json["settledByHand"] == 1
    exported = [
        json.loads(row) for row in call("export", "list", "refs", "--format", "jsonl", "--out", "-").out.splitlines()
    ]
    assert len(exported) == 14
    assert sum(row["delivery"] in {"relayed", "delivered"} for row in exported) == 3
    assert {row["status"] for row in exported if row["campaign"] == "refs"} == {"accepted"}
    if version > 1:
        assert b"+821030000009" in call("suppress", "list").out
    # And whatever came since works on it too.
    Path("numbers").write_text("+821030000001")
    assert call("forget", "--yes", "--file", "numbers").code == 0
    assert call("ledger", "backup", "copy.db").code == 0
    for path in (LEDGER, Path("copy.db"), Path("list.results.jsonl")):
        assert b"+821030000001" not in path.read_bytes()
    assert call("send", "list.csv", *send).code == 3
    assert len(api.messages) == 3


def test_reports_of_a_newer_version_are_refused(version: int, call: Call) -> None:
    assert call("reports", "--poll").code == 0
    with closing(sqlite3.connect("ledger.reports.db")) as db:
        db.execute("PRAGMA user_version = 99")
    for verb in (("reports", "--poll"), ("status", "list")):
        ran = call(*verb)
        assert (ran.code, "newer omni_bulk (its version is 99); upgrade first" in ran.err) == (2, True), ran.err
