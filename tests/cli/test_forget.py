"""`forget` as its users run it: afterwards no file in the folder holds the number or the name."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from omni_bulk import read_results
from omni_bulk.sandbox import Sandbox
from tests.cli import kit
from tests.cli.conftest import Call
from tests.cli.kit import FROM, Ran
from tests.cli.terminal import CTRL_D, on_terminal

GONE = "+821020000003"
TRACES = (b"1020000003", b"name 3,", b"2000-0003", b"name 3\n")
LIST = "list.csv"
Send = Callable[..., Ran]


@pytest.fixture(autouse=True)
def _ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMNI_LEDGER", "ledger.db")


@pytest.fixture
def send(call: Call, api: Sandbox) -> Send:
    def run(*more: str) -> Ran:
        return call("send", LIST, "--text", "hi {name}", "--from", FROM, "--yes", *more)

    return run


@pytest.fixture
def forget(call: Call) -> Send:
    def run(*more: str, numbers: str = GONE) -> Ran:
        Path("numbers").write_text(numbers)
        try:
            return call("forget", "--yes", "--json", "--file", "numbers", *more)
        finally:
            Path("numbers").unlink()

    return run


def traces(*but: str) -> list[str]:
    """The files here that hold any trace of the number: all but the operator's own list and the stand-in's log."""
    own = {LIST, "sandbox.log", *but}
    files = [path for path in Path().rglob("*") if path.is_file() and path.name not in own]
    return sorted(path.name for path in files if any(trace in path.read_bytes() for trace in TRACES))


def test_a_number_is_gone_from_every_file_and_its_line_stays(
    send: Send, forget: Send, call: Call, api: Sandbox
) -> None:
    kit.write_list(30)
    assert send().code == 0
    assert call("reports", "--poll").code == 0
    before = kit.results()
    assert {"ledger.db", "list.results.jsonl"} <= set(traces())
    ran = forget("--region", "KR", numbers="010-2000-0003\n")
    assert ran.code == 0, ran.err
    assert (ran.json["numbers"], ran.json["messages"], ran.json["campaigns"]) == (1, 1, 1)
    assert traces() == []
    assert "2000" not in ran.err
    after = kit.results()
    (changed,) = [one for one, old in zip(after, before, strict=True) if one != old]
    (was,) = [old for one, old in zip(after, before, strict=True) if one != old]
    assert was["to"] == GONE
    assert changed == {**was, "to": None, "forgotten": True}
    assert Path("list.results.jsonl").stat().st_mode & 0o777 == 0o600
    # The same list again: nothing is posted, nothing is "repaired" with the old bytes.
    assert send().code == 0
    assert len(api.messages) == 30
    assert kit.results() == after
    assert traces() == []
    assert len(read_results("list.results.jsonl")) == 30
    assert call("status", "list", "--json").json["states"]["accepted"] == 30
    assert call("export", "list", "--format", "jsonl").code == 0
    assert traces() == []
    again = forget()
    assert (again.code, again.json["messages"], again.json["files"]) == (0, 0, [])


def test_who_is_forgotten_gets_nothing_in_any_campaign(send: Send, forget: Send, call: Call, api: Sandbox) -> None:
    kit.write_list(5)
    assert send("--limit", "0").code == 6
    assert forget().code == 0
    sent = send()
    assert sent.code == 0, sent.err
    lines = kit.results()
    assert {line["reason"] for line in lines if line["status"] == "skipped"} == {"forgotten"}
    assert [line["to"] for line in lines if line["status"] == "skipped"] == [None]
    assert len(api.messages) == 4
    assert send("--campaign", "another").code == 0
    assert len(api.messages) == 8
    assert traces() == []
    shown = call("suppress", "list")
    assert "1 more were forgotten" in shown.err
    assert b"2000" not in shown.out
    Path("numbers").write_text(GONE)
    assert call("suppress", "remove", "--file", "numbers").code == 0
    assert send("--campaign", "third").code == 0
    assert len(api.messages) == 12


def test_a_ref_that_gives_the_number_away_goes_too_and_the_message_stays_known(
    send: Send, forget: Send, call: Call, api: Sandbox
) -> None:
    rows = [f"+821020000{at:03},R-82-10-2000-0{at:03},name {at}\n" for at in range(9)]
    Path(LIST).write_text("to,ref,name\n" + "".join(rows))
    assert send().code == 0
    assert call("reports", "--poll").code == 0
    assert {"reports.jsonl", "ledger.reports.db"} <= set(traces())
    assert forget().code == 0
    assert traces() == []
    (line,) = [line for line in kit.results() if line.get("forgotten")]
    assert line["ref"].startswith("ob-")
    assert (line["status"], line["to"]) == ("accepted", None)
    assert send().code == 0
    assert len(api.messages) == 9
    assert call("reports", "--poll").code == 0
    exported = call("export", "list", "--format", "jsonl", "--out", "-").out
    (row,) = [json.loads(row) for row in exported.splitlines() if b"forgotten" in row]
    assert row["delivery"] in {"relayed", "delivered"}


def test_a_number_that_a_ref_had_once_is_erased_from_its_old_line(send: Send, forget: Send) -> None:
    Path(LIST).write_text(f"to,ref,name\n{GONE},r-1,\n")
    assert send().code == 1
    Path(LIST).write_text("to,ref,name\n+821020000004,r-1,Kim\n")
    assert send().code == 0
    assert [line["to"] for line in kit.results()] == [GONE, "+821020000004"]
    assert forget().code == 0
    assert traces() == []
    assert [line["to"] for line in kit.results()] == [None, "+821020000004"]


def test_repeated_rows_and_rejects_are_erased(send: Send, forget: Send) -> None:
    extra = [[GONE, "name 3"], [GONE, "another"], ["010-2000-0003", "name 3"], ["010-2000-0009", "name 9"]]
    kit.write_list(6, extra=extra)
    assert send().code == 1
    assert "list.rejects.csv" in traces()
    ran = forget()
    assert ran.code == 0, ran.err
    assert traces() == []
    assert b"010-2000-0009" in Path("list.rejects.csv").read_bytes()
    assert Path("list.rejects.csv").read_bytes().count(b"\r\n") == 2
    kit.write_list(6, extra=[*extra, [GONE, "name 3"], [GONE, "yet another"]])  # a row more: a line about it is written
    assert send("--extend", "--changed-text", "--rejects", "none", "--text", "hello {name}").code == 1
    assert traces() == []


def test_a_cell_that_is_no_number_is_erased_from_the_rejects_and_an_export_is_named(
    send: Send, forget: Send, call: Call
) -> None:
    kit.write_list(2, extra=[["010-2000-0003", "name 3"], ["+821020000004", ""]])
    assert send("--text", "hi {name}").code == 1
    assert traces() == ["list.rejects.csv"]
    assert forget().code == 0
    assert traces() == []
    kit.write_list(2)
    assert call("export", "list").code == 0
    ran = forget(numbers="+821020000001")
    assert (ran.code, "list.export.csv. An export" in ran.err) == (1, True)
    assert forget(numbers="+821020000001").code == 0  # it is told once


@pytest.mark.parametrize(("answer", "code"), [("n\n", 2), ("y\n", 0)])
def test_on_a_terminal_numbers_are_typed_and_a_question_asked(send: Send, answer: str, code: int) -> None:
    kit.write_list(4)
    assert send().code == 0
    assert send("--campaign", "again").code == 0
    with on_terminal("forget", env=kit.environment()) as terminal:
        terminal.wait_for("end with Ctrl-D:")
        terminal.type(f"{GONE}\n{CTRL_D}")
        terminal.wait_for(r"Erase 1 number from 2 messages of 2 campaigns.*\[y/N\] ")
        terminal.type(answer)
        assert terminal.finish() == code
    assert (traces() == []) is (code == 0)
    assert ("Nothing was erased." in terminal.plain) is (code == 2)


def test_a_run_that_holds_the_campaign_is_named_and_the_number_barred_at_once(
    forget: Send, send: Send, api: Sandbox
) -> None:
    kit.write_list(400)
    command = ("send", LIST, "--text", "hi {name}", "--from", FROM, "--yes", "--rate", "20")
    with kit.started(*command, env=kit.environment(None, OMNI_BASE_URL=api.url)) as run:
        kit.until(lambda: len(api.messages) >= 5, run)
        ran = forget()
        assert ran.code == 4
        assert f"pid {run.pid}" in ran.err
        run.send_signal(signal.SIGTERM)
        kit.ended(run)
    assert forget().code == 0
    assert traces() == []
    assert send("--limit", "3").code == 6


def test_killed_at_any_moment_it_is_run_again(forget: Send, send: Send, api: Sandbox) -> None:
    kit.write_list(60)
    assert send().code == 0
    names = [GONE, *(f"+8210{20_000_000 + at}" for at in range(20, 50))]
    Path("many").write_text("\n".join(names))
    killed = 0
    for moment in KILLED_AT:
        assert send().code == 0  # beside whatever was left
        command = [sys.executable, "-c", DIE, moment, "many"]
        killed += subprocess.run(command, check=False, capture_output=True, timeout=60).returncode == 9
    assert killed == len(KILLED_AT)
    assert forget(numbers="\n".join(names)).code == 0
    assert traces("many") == []
    assert sum(line["to"] is None for line in kit.results()) == 31
    assert send().code == 0
    assert len(api.messages) == 60


DIE = """
import os, sys
from omni_bulk import cli
from omni_bulk.ledger import erasure, reading
module, name = {"barred": (erasure, "find"), "drafted": (os, "fsync"), "files": (erasure, "found"),
                "rows": (reading, "accounts")}[sys.argv[1]]
def die(*_, **__): os._exit(9)
setattr(module, name, die)
cli.run(["forget", "--yes", "--file", sys.argv[2]])
"""
KILLED_AT = ("barred", "drafted", "files", "rows")


def test_moved_results_are_told_and_erased_when_named(send: Send, forget: Send) -> None:
    kit.write_list(5)
    assert send().code == 0
    Path("kept").mkdir()
    Path("list.results.jsonl").rename("kept/october.jsonl")
    ran = forget()
    assert ran.code == 1
    assert "list.results.jsonl" in ran.err and "--results" in ran.err
    assert traces() == ["october.jsonl"]
    ran = forget("--results", "kept/october.jsonl")
    assert (ran.code, ran.json["messages"]) == (0, 0), ran.err
    assert traces() == []
    Path("odd.csv").write_text("a,b\n")
    assert forget("--results", "odd.csv").code == 2


@pytest.mark.parametrize(
    ("arguments", "numbers", "code", "sentence"),
    [
        ((), GONE, 4, "Say --yes"),
        (("--yes",), "01020000003", 2, "--region"),
        (("--yes",), "1020000003", 2, "--numbers"),
        (("--yes", "--ledger", "missing.db"), GONE, 2, "there is no ledger"),
    ],
)
def test_what_is_refused(
    send: Send, call: Call, arguments: tuple[str, ...], numbers: str, code: int, sentence: str
) -> None:
    kit.write_list(1)
    send()
    Path("numbers").write_text(numbers)
    ran = call("forget", "--file", "numbers", *arguments)
    assert ran.code == code
    assert sentence in ran.err
    assert "2000" not in ran.err
