"""`check` shows what `send` then does, touches nothing, and refuses what `send` would refuse."""

import hashlib
import json
import re
from pathlib import Path

import pytest

from omni_bulk.sandbox import Sandbox
from tests.cli.conftest import Call
from tests.cli.kit import FROM, Ran, environment, run, write_list
from tests.cli.test_status import STATES

USUAL = ("list.csv", "--text", "Hello {name}", "--from", FROM, "--ledger", "ledger.db")
KEYS = {
    "campaign", "recipients", "states", "reasons", "segments", "countries", "cost", "currency", "seconds", "exit",
}  # fmt: skip
BAD = [["nonsense", "x"], ["+821020000001", ""], ["+821020000000", "name 0"], ["821020000001", "x"], ["", "nobody"]]


def check(*arguments: str | Path, stdin: bytes | None = None) -> Ran:
    """Without credentials, and with an address at which nobody answers."""
    return run("check", *arguments, env=environment(), stdin=stdin)


def everything() -> dict[str, str]:
    """Every file of this folder, and what is in it. (Reading a ledger leaves the two that SQLite shares among readers.)"""
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in Path().rglob("*")
        if path.is_file() and path.suffix not in {".db-shm", ".db-wal"}
    }


def test_it_has_the_fields_of_the_contract_and_makes_no_file() -> None:
    write_list(5, extra=BAD)
    before = everything()
    ran = check(*USUAL, "--rate", "2", "--json")
    found = ran.json
    assert (ran.code, ran.err) == (1, "")
    assert set(found) >= KEYS
    assert set(found["states"]) == STATES
    assert {state: number for state, number in found["states"].items() if number} == {
        "ready": 5, "invalid": 4, "skipped": 1,
    }  # fmt: skip
    assert found["reasons"] == {"invalid_number": 2, "missing_field": 1, "duplicate": 1, "ambiguous_number": 1}
    assert (found["recipients"], found["segments"], found["seconds"], found["exit"]) == (10, 5, 2.5, 1)
    assert found["countries"] == {"KR": {"messages": 5, "segments": 5, "cost": None}}
    numbers = {one["reason"]: one["numbers"] for one in found["causes"]}
    assert numbers["ambiguous_number"] == ["**********01"]
    assert everything() == before


def test_it_shows_messages_as_they_will_be_sent_with_masked_numbers() -> None:
    write_list(5, extra=[*BAD, ["nobody's\x1b[31m", "x"]])
    Path("list.csv").write_text(Path("list.csv").read_text().replace("name 1", "\u202ename\t"))
    said = check(*USUAL).out.decode()
    assert "  row 2: +82********00 (KR) gets: Hello name 0\n" in said
    assert "  row 3: +82********01 (KR) gets: Hello" in said
    assert "row 4:" in said
    assert "row 5:" not in said
    assert re.search(r"invalid, invalid_number \(row 7: xxxxxxxx, .*; column to\)", said)
    assert not {"\x1b", "\u202e", "\t"} & set(said)
    assert "2000000" not in said


@pytest.mark.parametrize("flags", [(), ("--changed-text",)])
def test_every_state_is_what_send_then_ends_with(flags: tuple[str, ...], call: Call, api: Sandbox) -> None:
    write_list(60)
    assert call(*USUAL, "--yes", "--limit", "40").code == 6
    rows = [["+821020000005", "name 5"], ["+6581234567", "x"], ["12", "x"], *BAD, *BAD]
    write_list(1500, extra=rows)
    before = everything()
    plan = call("check", *USUAL, *flags, "--json").json
    assert everything() == before
    assert call(*USUAL, *flags, "--yes", "--summary-json", "summary.json").code == plan["exit"] == 1
    summary = json.loads(Path("summary.json").read_text())
    ready = plan["states"].pop("ready")
    assert plan["states"].pop("alreadyHandled") == summary["alreadyHandled"] == 40
    expected = {state: number for state, number in plan["states"].items() if number}
    expected["accepted"] += ready
    assert {state: number for state, number in summary["states"].items() if number} == expected
    assert (plan["recipients"], plan["reasons"], ready) == (
        summary["recipients"], summary["reasons"], summary["posts"],
    )  # fmt: skip
    assert plan["segments"] == summary["segments"]


@pytest.fixture
def sent(call: Call, api: Sandbox) -> None:
    write_list(30)
    assert call(*USUAL, "--yes").code == 0


@pytest.mark.usefixtures("sent")
def test_what_send_would_refuse_is_refused_with_the_same_sentence(call: Call) -> None:
    for flags in (("--text", "Another"), ("--from", "0298765432")):
        refused = call("check", *USUAL, *flags)
        assert (refused.code, refused.err) == (4, call(*USUAL, *flags, "--yes").err)
    Path("list.csv").write_text(Path("list.csv").read_text().replace("to,name", "to,ref"))
    changed = ("--text", "Hello {ref}", "--changed-text")
    assert call("check", *USUAL, *changed).code == call(*USUAL, *changed, "--yes").code == 4


@pytest.mark.usefixtures("sent")
def test_another_list_under_the_same_name_shows_its_counts_and_is_refused(call: Call) -> None:
    Path("list.csv").write_text(Path("list.csv").read_text().replace("name", "nome", 5).replace("nome", "name", 1))
    ran = call("check", *USUAL, "--json")
    assert (ran.code, ran.json["exit"], ran.json["reasons"]) == (4, 4, {"already_sent_other_text": 4})
    assert "--changed-text" in ran.json["stopped"]
    assert "--changed-text" in ran.err


@pytest.mark.usefixtures("sent")
def test_a_lost_ledger_is_noticed_and_already_shows_what_would_be_left(call: Call) -> None:
    lost = (*USUAL[:-1], "new.db")
    assert "--already" in call("check", *lost).err
    write_list(33)
    plan = call("check", *lost, "--already", "list.results.jsonl", "--json").json
    assert (plan["states"]["accepted"], plan["states"]["ready"]) == (30, 3)
    assert not Path("new.db").exists()


@pytest.mark.usefixtures("sent")
def test_without_credentials_the_campaign_is_found_by_its_origin(api: Sandbox) -> None:
    found = run("check", *USUAL, "--json", env=environment(OMNI_BASE_URL=api.url)).json
    assert (found["states"]["alreadyHandled"], found["states"]["ready"]) == (30, 0)


def test_a_list_of_the_wrong_size_and_a_tolerated_row() -> None:
    write_list(9, extra=[["x", "x"]])
    assert check(*USUAL, "--min-rows", "11").code == 5
    assert check(*USUAL, "--tolerate", "invalid=10%").code == 0


def test_a_list_on_stdin() -> None:
    rows = b"to,name\n+821020000001,x\n"
    assert check("-", *USUAL[1:], "--campaign", "x", "--json", stdin=rows).json["states"]["ready"] == 1


def test_what_is_missing_is_told_at_once() -> None:
    Path("list.csv").write_text("to\n+821020000001\n")
    ran = check("list.csv", "--tolerate", "x")
    assert ran.code == 2
    for told in ("there is no text", "there is no originating number", "--tolerate"):
        assert told in ran.err
    assert "OMNI_CLIENT" not in ran.err
