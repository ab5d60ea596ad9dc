"""`ledger backup` and `ledger prune` as their users run them, and what a ledger does that was put back."""

import gzip
import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from omni_bulk.lock import CampaignLock
from omni_bulk.sandbox import Sandbox
from tests.cli import kit
from tests.cli.conftest import Call
from tests.cli.kit import FROM, Ran

Send = Callable[..., Ran]
DAY = 86_400_000
LEDGER = Path("ledger.db")
REPORTS = Path("ledger.reports.db")


@pytest.fixture(autouse=True)
def _ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMNI_LEDGER", "ledger.db")


@pytest.fixture
def send(call: Call, api: Sandbox) -> Send:
    def run(*more: str, name: str = "list.csv") -> Ran:
        return call("send", name, "--text", "hi {name}", "--from", FROM, "--yes", *more)

    return run


def age(days: int, campaign: str = "list") -> None:
    """Everything of a campaign happened so many days earlier."""
    with closing(sqlite3.connect(LEDGER, isolation_level=None)) as db:
        (row,) = db.execute("SELECT id FROM campaign WHERE name = ?", (campaign,)).fetchone()
        earlier = {"ms": days * DAY, "campaign": row}
        db.execute("UPDATE campaign SET created_at = created_at - :ms WHERE id = :campaign", earlier)
        db.execute(
            "UPDATE run SET started_at = started_at - :ms, ended_at = ended_at - :ms WHERE campaign = :campaign",
            earlier,
        )
        db.execute("UPDATE message SET claimed_at = claimed_at - :ms WHERE campaign = :campaign", earlier)


def count(sql: str, path: Path = LEDGER) -> int:
    with closing(sqlite3.connect(path)) as db:
        return int(db.execute(sql).fetchone()[0])


# ── prune ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_old_campaign_lets_its_details_go_and_still_sends_nobody_twice(send: Send, call: Call, api: Sandbox) -> None:
    kit.write_list(450)
    assert send().code == 0
    assert call("reports", "--poll").code == 0
    before = Path("list.results.jsonl").read_bytes()
    status = call("status", "list", "--json").json
    kit.write_list(3, "young.csv")
    assert send(name="young.csv").code == 0
    age(100)
    Path("archive").mkdir()
    ran = call("ledger", "prune", "--older-than", "90d", "--archive", "archive", "--yes", "--json")
    assert ran.code == 0, ran.err
    assert (ran.json["campaigns"], ran.json["messages"], ran.json["lines"], ran.json["reports"]) == (1, 450, 450, 450)
    assert ran.json["freedBytes"] > 0
    # What goes is in the archive, byte for byte; what stays is in the ledger.
    results, reports = sorted(Path("archive").iterdir(), reverse=True)
    assert gzip.decompress(results.read_bytes()) == before
    assert len(gzip.decompress(reports.read_bytes()).splitlines()) == 450
    assert {path.stat().st_mode & 0o777 for path in Path("archive").iterdir()} == {0o600}
    assert count("SELECT count(*) FROM line") == 3
    assert count("SELECT count(*) FROM message WHERE number IS NOT NULL") == 3
    assert count("SELECT count(*) FROM report WHERE json <> x''", REPORTS) == 0
    after = call("status", "list", "--json").json
    assert (after["states"], after["delivery"], after["countries"], after["billed"]) == (
        status["states"], status["delivery"], status["countries"], status["billed"],
    )  # fmt: skip
    exported = [json.loads(row) for row in call("export", "list", "--format", "jsonl", "--out", "-").out.splitlines()]
    assert {(row["status"], row["to"], row["campaign"]) for row in exported} == {("accepted", None, "list")}
    assert {row["msgKey"] for row in exported} == {json.loads(line)["msgKey"] for line in before.splitlines()}
    # The same list again, longer: a file that holds what the ledger let go is not "ahead" of it.
    kit.write_list(452)
    ran = send("--extend")
    assert ran.code == 0, ran.err
    assert "450 lines were pruned" in ran.err
    assert len(api.messages) == 455
    assert Path("list.results.jsonl").read_bytes().startswith(before)
    assert [line["seq"] for line in kit.results()] == list(range(1, 453))
    # Torn, and then lost altogether: what the ledger still has is written again.
    whole = Path("list.results.jsonl").read_bytes()
    Path("list.results.jsonl").write_bytes(whole[:-40])
    assert send().code == 0
    assert Path("list.results.jsonl").read_bytes() == whole
    Path("list.results.jsonl").write_bytes(whole.replace(b'"row":452', b'"row":952'))
    assert send().code == 0
    assert Path("list.results.jsonl").read_bytes() == whole
    Path("list.results.jsonl").unlink()
    assert send().code == 0
    assert [line["seq"] for line in kit.results()] == [451, 452]
    kit.write_list(453)
    assert send().code == 0
    assert [line["seq"] for line in kit.results()] == [451, 452, 453]
    assert len(api.messages) == 456
    assert call("ledger", "prune", "--older-than", "90d", "--yes", "--json").json["campaigns"] == 0


def test_what_is_forgotten_is_erased_from_archives_and_files_of_a_pruned_campaign(send: Send, call: Call) -> None:
    kit.write_list(5)
    assert send().code == 0
    age(100)
    Path("archive").mkdir()
    assert call("ledger", "prune", "--older-than", "90d", "--archive", "archive", "--yes").code == 0
    Path("numbers").write_text("+821020000003")
    ran = call("forget", "--yes", "--file", "numbers")
    assert ran.code == 0, ran.err
    (packed,) = Path("archive").iterdir()
    for content in (gzip.decompress(packed.read_bytes()), Path("list.results.jsonl").read_bytes()):
        assert b"20000003" not in content
        assert content.count(b"\n") == 5


def test_unknown_messages_of_a_pruned_campaign_can_still_be_settled(send: Send, call: Call, api: Sandbox) -> None:
    kit.write_list(5)
    assert send().code == 0
    with closing(sqlite3.connect(LEDGER, isolation_level=None)) as db:
        db.execute("UPDATE message SET state = 5, msg_key = NULL WHERE row = 3")
    age(100)
    assert call("ledger", "prune", "--older-than", "90d", "--yes").code == 0
    (ref,) = [line["ref"] for line in kit.results() if line["row"] == 3]
    Path("console.csv").write_text(f"ref,msgKey\n{ref},k-1\n")
    ran = call("resolve", "list", "--file", "console.csv", "--json")
    assert (ran.code, ran.json["settledByHand"]) == (0, 1), ran.err
    assert send().code == 0
    last = kit.results()[-1]
    assert (last["seq"], last["ref"], last["msgKey"], last["status"]) == (6, ref, "k-1", "accepted")
    assert len(api.messages) == 5


DIE = """
import os, sys
from omni_bulk import cli, pruning as at_work
from omni_bulk.ledger import pruning
at, name, number = {"archived": (pruning, "strip_reports", 1), "stripped": (pruning, "delete_lines", 1),
                    "deleting": (pruning, "_writing", 3)}[sys.argv[1]]
real = getattr(at, name)
def die(*given, **named):
    global number
    number -= 1
    if number == 0:
        os._exit(9)
    return real(*given, **named)
if sys.argv[1] == "deleting":  # within its second block
    lines = pruning.delete_lines
    def delete(*given):
        pruning._writing = die
        lines(*given)
    pruning.delete_lines = delete
else:
    setattr(at, name, die)
cli.run(["ledger", "prune", "--older-than", "90d", "--archive", "archive", "--yes"])
"""


def test_killed_at_any_moment_it_is_run_again_and_the_archive_is_whole(send: Send, call: Call, api: Sandbox) -> None:
    kit.write_list(500)
    assert send().code == 0
    assert call("reports", "--poll").code == 0
    age(100)
    Path("archive").mkdir()
    for moment in ("archived", "stripped", "deleting"):
        command = [sys.executable, "-c", DIE, moment]
        ran = subprocess.run(command, check=False, capture_output=True, timeout=60)
        assert ran.returncode == 9, ran.stderr
    assert count("SELECT count(*) FROM line") == 100
    status = call("status", "list", "--json").json
    assert (status["states"]["accepted"], status["delivery"]["none"]) == (500, 0)
    assert call("ledger", "prune", "--older-than", "90d", "--archive", "archive", "--yes").code == 0
    assert count("SELECT count(*) FROM line") == 0
    packed = {path: gzip.decompress(path.read_bytes()) for path in Path("archive").iterdir()}
    archived = {line for path, content in packed.items() if "results" in path.name for line in content.splitlines()}
    assert archived == set(Path("list.results.jsonl").read_bytes().splitlines())
    assert sum(content.count(b"\n") for path, content in packed.items() if "reports" in path.name) == 500
    kit.write_list(501)
    assert send("--extend").code == 0
    assert len(api.messages) == 501
    assert [line["seq"] for line in kit.results()] == list(range(1, 502))


def test_a_campaign_that_somebody_holds_is_left(send: Send, call: Call) -> None:
    kit.write_list(2)
    assert send().code == 0
    age(100)
    with closing(sqlite3.connect(LEDGER)) as db:
        uuid = db.execute("SELECT uuid FROM campaign WHERE name = 'list'").fetchone()[0]
    with CampaignLock(LEDGER, uuid, name="'list'"):
        ran = call("ledger", "prune", "--older-than", "90d", "--yes")
    assert (ran.code, "holds campaign 'list'" in ran.err) == (4, True)
    assert count("SELECT count(*) FROM line") == 2


def test_what_cannot_be_archived_is_not_pruned(send: Send, call: Call) -> None:
    kit.write_list(2)
    assert send().code == 0
    age(100)
    assert call("ledger", "prune", "--older-than", "soon", "--yes").code == 2
    assert call("ledger", "prune", "--older-than", "90d").code == 4
    assert call("ledger", "prune", "--older-than", "90d", "--yes", "--archive", "nowhere").code == 2
    with closing(sqlite3.connect(LEDGER)) as db:
        uuid = db.execute("SELECT uuid FROM campaign WHERE name = 'list'").fetchone()[0]
    Path("archive").mkdir()
    Path(f"archive/list-{uuid[:8]}.1-2.results.jsonl.gz").mkdir()
    ran = call("ledger", "prune", "--older-than", "90d", "--yes", "--archive", "archive")
    assert (ran.code, "--archive" in ran.err) == (2, True)
    assert count("SELECT count(*) FROM line") == 2


# ── backup, and back again ────────────────────────────────────────────────────────────────────────────────────────


def put_back(copy: Path) -> None:
    """As the documentation says it."""
    for path in (LEDGER, REPORTS):
        for side in ("", "-wal", "-shm"):
            path.with_name(path.name + side).unlink(missing_ok=True)
        if (copy / path.name).exists():
            shutil.copy(copy / path.name, path)


def test_a_restored_ledger_notices_that_it_is_behind_and_takes_back_what_it_lacks(
    send: Send, call: Call, api: Sandbox
) -> None:
    kit.write_list(20)
    assert send("--limit", "8").code == 6
    assert call("reports", "--poll").code == 0
    Path("safe").mkdir()
    ran = call("ledger", "backup", "safe", "--json")
    assert ran.code == 0, ran.err
    assert [Path(one["path"]).name for one in ran.json["files"]] == ["ledger.db", "ledger.reports.db"]
    assert {path.stat().st_mode & 0o777 for path in Path("safe").iterdir()} == {0o600}
    assert send("--limit", "7").code == 6
    assert call("reports", "--poll").code == 0
    put_back(Path("safe"))
    refused = send()
    assert refused.code == 4
    assert "older" in refused.err and "--already" in refused.err
    assert len(api.messages) == 15
    ran = send("--already", "list.results.jsonl")
    assert ran.code == 0, ran.err
    assert len(api.messages) == 20
    lines = kit.results()
    assert [line["seq"] for line in lines] == list(range(1, 21))
    assert len({line["msgKey"] for line in lines}) == 20
    # The reports that were collected since the copy are gone with it, unless they are imported from the file.
    assert call("reports", "--import", "reports.jsonl", "--json").json["joined"] == 7
    assert call("reports", "--poll", "--json").json["joined"] == 5
    assert call("status", "list", "--json").json["delivery"]["none"] == 0


def test_reports_that_are_newer_than_a_restored_ledger_never_go_to_another_message(
    send: Send, call: Call, api: Sandbox
) -> None:
    """Only the ledger was put back: its ids are given again, to people to whom those reports do not belong."""
    kit.write_list(5)
    assert send().code == 0
    Path("safe").mkdir()
    assert call("ledger", "backup", "safe").code == 0
    kit.write_list(10, "second.csv")
    assert send(name="second.csv").code == 0
    assert call("reports", "--poll", "--json").json["joined"] == 15
    shutil.copy("safe/ledger.db", LEDGER)
    Path("third.csv").write_text("to,name\n" + "".join(f"+8210300000{at:02},x\n" for at in range(20)))
    assert send(name="third.csv").code == 0
    assert call("reports", "--poll", "--json").json["joined"] == 20
    assert call("status", "third", "--json").json["delivery"]["none"] == 0
    with closing(sqlite3.connect(REPORTS)) as db:
        db.execute("ATTACH 'ledger.db' AS ledger")
        sql = "SELECT report.msg_key = sent.msg_key FROM report JOIN ledger.message AS sent ON sent.id = report.message"
        assert db.execute(sql).fetchall() == [(1,)] * 25


def test_copies_while_somebody_sends(send: Send, call: Call, api: Sandbox) -> None:
    kit.write_list(600)
    command = ("send", "list.csv", "--text", "hi {name}", "--from", FROM, "--yes", "--reports", "1s", "--rate", "400")
    with kit.started(*command, env=kit.environment(None, OMNI_BASE_URL=api.url)) as run:
        kit.until(lambda: len(api.messages) >= 20, run)
        copies = 0
        while run.poll() is None and copies < 5:
            assert call("ledger", "backup", "copy.db").code == 0
            copies += 1
            assert count("SELECT max(campaign.seq) - max(line.seq) FROM campaign, line", Path("copy.db")) == 0
            if Path("copy.reports.db").exists():
                with closing(sqlite3.connect("copy.reports.db")) as db:
                    db.execute("ATTACH 'copy.db' AS ledger")
                    lacking = "SELECT count(*) FROM report WHERE message > (SELECT max(id) FROM ledger.message)"
                    assert db.execute(lacking).fetchone() == (0,)
            for side in ("copy.db", "copy.reports.db"):
                for ending in ("-wal", "-shm"):
                    Path(side + ending).unlink(missing_ok=True)
        ran = kit.ended(run)
    assert ran.code == 0, ran.err
    assert copies >= 1
    assert len(api.messages) == 600


def test_a_copy_replaces_nothing_but_an_earlier_copy(send: Send, call: Call) -> None:
    assert call("ledger", "backup", "copy.db").code == 2
    kit.write_list(2)
    assert send().code == 0
    assert call("ledger", "backup", "copy.db").code == 0
    assert call("ledger", "backup", "copy.db").code == 0
    for name, sentence in (("list.csv", "no copy of a ledger"), ("ledger.db", "the ledger itself")):
        before = Path(name).read_bytes()
        ran = call("ledger", "backup", name)
        assert (ran.code, sentence in ran.err) == (2, True), ran.err
        assert Path(name).read_bytes() == before
    Path("link.db").symlink_to("copy.db")
    assert call("ledger", "backup", "link.db").code == 2
    with LEDGER.open("r+b") as file:  # a page in the middle is lost
        file.seek(8 * 4096)
        file.write(b"\xff" * 4096)
    good = Path("copy.db").read_bytes()
    ran = call("ledger", "backup", "copy.db")
    assert (ran.code, "damaged" in ran.err or "could not be copied" in ran.err) == (74, True), ran.err
    assert Path("copy.db").read_bytes() == good
    assert not list(Path().glob(".*draft*"))
