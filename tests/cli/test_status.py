"""The verb `status`, for people and for programs."""

import os
from pathlib import Path

import orjson
import pytest

from omni_bulk.sandbox import Sandbox
from tests.cli.conftest import Call
from tests.cli.kit import FROM, Ran, ended, environment, started, write_list

USUAL = ("list.csv", "--text", "Hello {name}", "--from", FROM, "--ledger", "ledger.db", "--yes")
STATES = {
    "accepted", "rejected", "failed", "unknown", "invalid", "skipped", "ready", "alreadyHandled", "inDoubt",
    "presumedUnsent",
}  # fmt: skip


@pytest.fixture
def sent(call: Call, api: Sandbox) -> None:
    write_list(3, extra=[["nonsense", "x"]])
    api.fail_next("drop_after")
    assert call(*USUAL, "--workers", "1").code == 3


@pytest.mark.usefixtures("sent")
def test_one_campaign_as_json_has_the_keys_of_the_contract(call: Call) -> None:
    ran = call("status", "list", "--ledger", "ledger.db", "--json")
    found = ran.json
    assert ran.code == 0
    keys = {"campaign", "recipients", "states", "reasons", "segments", "countries", "cost", "currency", "seconds"}
    assert keys <= set(found)
    assert set(found["states"]) == STATES
    assert {state: number for state, number in found["states"].items() if number} == {
        "accepted": 2, "unknown": 1, "invalid": 1
    }  # fmt: skip
    assert found["reasons"] == {"connection_lost": 1, "invalid_number": 1}
    assert found["countries"] == {"KR": {"messages": 3, "segments": 3, "cost": None}}


@pytest.mark.usefixtures("sent")
def test_one_campaign_for_people(call: Call) -> None:
    said = call("status", "list", "--ledger", "ledger.db").out.decode()
    assert said.startswith("Campaign list: 4 recipients\n")
    for part in ("2 accepted", "1 unknown", "1 connection_lost", "countries: KR 3; 3 segments", "complete"):
        assert part in said
    assert "8210" not in said


@pytest.mark.usefixtures("sent")
def test_all_campaigns(call: Call) -> None:
    assert call("status", "--ledger", "ledger.db").out.startswith(b"list: 4 recipients, 2 accepted, ")
    (one,) = call("status", "--ledger", "ledger.db", "--json").json["campaigns"]
    assert (one["campaign"], one["recipients"], one["accepted"]) == ("list", 4, 2)


@pytest.mark.usefixtures("sent")
def test_an_unfinished_campaign_says_so_and_how_long_the_rest_takes(call: Call) -> None:
    write_list(100)
    assert call(*USUAL, "--limit", "5", "--campaign", "second").code == 6
    found = call("status", "second", "--ledger", "ledger.db", "--json", "--rate", "10").json
    assert found["completed"] is None
    assert found["seconds"] == round(found["states"]["ready"] / 10, 1)
    assert "unfinished" in call("status", "second", "--ledger", "ledger.db").out.decode()


@pytest.mark.usefixtures("sent")
def test_a_campaign_that_is_not_known(call: Call) -> None:
    ran = call("status", "nobody", "--ledger", "ledger.db")
    assert (ran.code, "knows no campaign 'nobody'" in ran.err) == (2, True)


def test_no_ledger(call: Call) -> None:
    ran = call("status", "--ledger", "nowhere.db")
    assert (ran.code, "there is no ledger" in ran.err) == (2, True)
    assert not Path("nowhere.db").exists()


def test_a_ledger_without_campaigns(call: Call, api: Sandbox) -> None:
    write_list(1)
    assert call(*USUAL, "--campaign", "a/b").code == 2
    assert call("status", "--ledger", "ledger.db").out == b"No campaign yet.\n"
    assert orjson.loads(call("status", "--ledger", "ledger.db", "--json").out) == {"campaigns": [], "warnings": []}


@pytest.mark.usefixtures("sent")
def test_a_status_that_cannot_be_written() -> None:
    with Path("/dev/full").open("wb") as full:
        ran = shown_to(full.fileno())
    assert (ran.code, ran.err) == (2, "omni-bulk: stdout cannot be written (No space left on device)\n")


@pytest.mark.usefixtures("sent")
def test_a_status_whose_reader_left() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    ran = shown_to(writer)
    os.close(writer)
    assert (ran.code, ran.err) == (0, "")


def shown_to(stdout: int) -> Ran:
    with started("status", "list", "--ledger", "ledger.db", env=environment(), stdout=stdout) as child:
        return ended(child)
