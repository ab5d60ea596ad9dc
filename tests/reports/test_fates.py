"""What a campaign and a month sum up to in SQL is what every message by itself would say, whatever its reports are."""

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

import pytest

from omni_bulk.cli.desk import report_codes
from omni_bulk.delivery import fold
from omni_bulk.ledger import blocks, health, read_ledger, reading
from omni_bulk.ledger.report_file import attach_reports, open_reports
from omni_bulk.ledger.reports import of_messages
from omni_bulk.ledger.schema import open_ledger
from omni_bulk.spans import QUARTER, Span, day_of

NOW = 1_760_000_000_000
SEOUL = ZoneInfo("Asia/Seoul")
CODES = report_codes()
HOW = reading.Reading(CODES)
MESSAGES = 400
# Also codes that are no five digits, but nearly: each has five characters, or the value of one that has.
ODD_CODES = (None, "", "2003", "22003 ", "20.00", "1e400", "-2003", "022003", "9999999", "22O03", "２２００３")


def make(folder: Path, seed: int) -> Path:
    random = Random(seed)
    path = folder / "ledger.db"
    with closing(open_ledger(path)) as db, closing(open_reports(path)) as reports:
        for one in (db, reports):
            one.execute("BEGIN")
        db.execute("INSERT INTO account VALUES (1, 'client', 'https://omni.example')")
        for campaign in (1, 2):
            sql = "INSERT INTO campaign (id, uuid, account, name, created_at) VALUES (?, ?, 1, ?, ?)"
            db.execute(sql, (campaign, f"u{campaign}", f"c{campaign}", NOW))
            db.execute(
                "INSERT INTO run (id, campaign, pid, host, started_at) VALUES (?, ?, 1, 'h', 1)", (campaign,) * 2
            )
        for message in range(1, MESSAGES + 1):
            campaign, state = random.choice((1, 1, 2)), random.choice((2, 2, 2, 2, 5, 4))
            copy, keyless = random.choice((1, 1, 1, 2)), random.random() < 0.1
            db.execute(
                "INSERT INTO message (id, campaign, identity, ref, state, run, country, segments, claimed_at, msg_key, copy, "
                "code, reason) VALUES (?, ?, randomblob(16), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (message, campaign, f"r{message}", state, campaign, random.choice(("KR", "VN", None)), random.choice((1, 2)),
                 NOW + random.randrange(4) * QUARTER * 60 + message // 7, None if keyless else f"k{message}", copy,
                 random.choice(("A000", "A302", None)), random.choice((None, None, "timeout"))),
            )  # fmt: skip
            several = copy > 1 or keyless
            for number in range(random.choice((0, 1, 1, 2, 2, 2, 3))):
                verdict = random.choice(("joined",) * 12 + ("double", "hint"))
                other = (several and random.random() < 0.5) or verdict != "joined"
                reports.execute(
                    "INSERT INTO report (account, key, msg_key, code, at, parts, source, proven, received_at, message, "
                    "verdict, json) VALUES (1, ?, ?, ?, ?, ?, 'poll', 1, 1, ?, ?, x'')",
                    (f"{message}-{number}".encode(), f"k{message}{'b' if other else ''}",
                     random.choice(("10000", "10000", "10000", "22003", "23001", random.choice(ODD_CODES))),
                     random.choice((1, 2, 3, 4, None)), random.choice((1, 1, 2, 1000, 0, None)), message, verdict),
                )  # fmt: skip
        for one in (db, reports):
            one.execute("COMMIT")
    return path


@pytest.fixture(params=[3, blocks.BLOCK], ids=["in blocks, by two threads", "at once"])
def size(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK", request.param)


@pytest.mark.usefixtures("size")
@pytest.mark.parametrize("seed", range(4))
def test_sums_are_those_of_every_message(tmp_path: Path, seed: int) -> None:
    path = make(tmp_path, seed)
    db = read_ledger(path)
    assert db is not None
    with closing(db):
        attach_reports(db, path)
        rows = db.execute("SELECT id, campaign, country, segments, claimed_at FROM message WHERE state = 2").fetchall()
        told = of_messages(db, [row[0] for row in rows])
        alone = [(row, fold(told.get(row[0], ()), CODES)) for row in rows]
        (campaign,) = reading.campaigns_named(db, "c1")
        found = reading.delivery(db, campaign, HOW)
        ours = [(row, fate) for row, fate in alone if row[1] == campaign.id]
        assert {name: n for name, n in found["delivery"].items() if n} == Counter(fate.delivery for _, fate in ours)
        last = Counter((fate.handset or fate.relay).code or "" for _, fate in ours if fate.relay)
        assert found["reportCodes"] == last
        for country in ("KR", "VN", ""):
            known = [(row, fate) for row, fate in ours if (row[2] or "") == country and fate.relay and fate.relay.parts]
            assert found["billed"][country] == {
                "messages": len(known), "estimated": sum(row[3] for row, _ in known),
                "billed": sum(fate.relay.parts or 0 for _, fate in known if fate.relay), "cost": None,
            }  # fmt: skip
        month = reading.month(db, Span(NOW + QUARTER, NOW + QUARTER * 1000), SEOUL, HOW)
        within = [(row, fate) for row, fate in alone if row[4] > NOW + QUARTER]
        assert month["messages"] == len(within) < len(alone)
        assert month["delivered"] == sum(fate.delivery == "delivered" for _, fate in within)
        days = Counter(day_of(row[4], SEOUL) for row, _ in within)
        assert {day: one["messages"] for day, one in month["days"].items()} == days and len(days) == 2
        standing = reading.standing(db, campaign, HOW)
        assert {name: standing[name] for name in found} == found
        counted = db.execute("SELECT state, country, segments, code, reason FROM message WHERE campaign = 1").fetchall()
        names = {2: "accepted", 4: "failed", 5: "unknown"}
        states = Counter(names[state] for state, *_ in counted)
        assert {name: number for name, number in standing["states"].items() if number} == states
        for country in ("KR", "VN"):
            parts = [segments for state, where, segments, *_ in counted if where == country and state in {2, 5}]
            one = {"messages": len(parts), "segments": sum(parts), "cost": None}
            assert standing["countries"][country] == one
        assert standing["codes"] == Counter(code for *_, code, _ in counted if code)
        assert standing["reasons"] == Counter(reason for *_, reason in counted if reason)


def test_what_an_earlier_run_judged_does_not_count(tmp_path: Path) -> None:
    path = make(tmp_path, 1)
    with closing(open_ledger(path)) as db:
        attach_reports(db, path)
        (campaign,) = reading.campaigns_named(db, "c1")
        failed = reading.standing(db, campaign, HOW)["states"]["failed"]
        db.execute(
            "UPDATE message SET run = 0 WHERE id = (SELECT min(id) FROM message WHERE campaign = 1 AND state = 4)"
        )
        db.execute("UPDATE message SET run = 0 WHERE campaign = 1 AND state = 5")
        states = reading.standing(db, campaign, HOW)["states"]
    assert states["failed"] == failed - 1 > 0
    assert states["unknown"] > 0


def test_no_report_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that is summed up is in the index: millions of reports lie anywhere in their file."""
    path = make(tmp_path, 0)
    asked: list[str] = []
    db = read_ledger(path)
    assert db is not None
    with closing(db):
        attach_reports(db, path)

        def ask(_: object, sql: str, *_more: object) -> Iterator[tuple[object, ...]]:
            asked.append(sql)
            return iter(())

        monkeypatch.setattr(blocks, "ask", ask)
        (campaign,) = reading.campaigns_named(db, "c1")
        assert not list(reading.fates(db, HOW, campaign=1))
        assert reading.standing(db, campaign, HOW)["recipients"] == 0
        assert not list(reading.fates(db, HOW, span=Span(NOW, NOW + 1)))
        assert len(asked) == 3
        for sql in asked:
            plan = [
                row[3]
                for row in db.execute(f"EXPLAIN QUERY PLAN {sql}", {"campaign": 1, "run": 1, "first": 1, "end": 2})
            ]
            assert any("report USING COVERING INDEX report_message (message=?)" in step for step in plan)
            assert sum("B-TREE" in step for step in plan) == 1  # the fates of a block, never its messages
            assert any(
                "message USING INDEX message_c" in step for step in plan
            )  # by campaign, or by the time of the claim
            assert sum("CORRELATED" in step for step in plan) == 1  # asked once of a message


@pytest.mark.parametrize("account", [1, None])
def test_doubles_are_counted_without_reading_every_report(tmp_path: Path, account: int | None) -> None:
    """A run that writes metrics asks every ten seconds."""
    open_ledger(tmp_path / "ledger.db").close()
    with closing(open_reports(tmp_path / "ledger.db")) as db:
        plan = [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {health._DOUBLES}", (account,))]
    assert any("report USING INDEX report_strange (account=? AND verdict=?)" in step for step in plan)
    assert not any(step.startswith("SCAN report") for step in plan)


def test_as_many_as_one_millisecond_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK", 2)
    with closing(open_ledger(tmp_path / "ledger.db")) as db:
        for message, at in enumerate((5, 5, 5, 5, 6, 9), 1):
            sql = "INSERT INTO message (id, campaign, identity, state, run, claimed_at) VALUES (?, 1, ?, 2, 1, ?)"
            db.execute(sql, (message, bytes([message]), at))
        assert list(blocks.of_time(db, 0, 10)) == [(0, 5), (5, 6), (6, 10)]
        assert list(blocks.of_campaign(db, 1))[:2] == [(0, 3), (3, 5)]
