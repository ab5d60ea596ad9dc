"""A plan is approved, and only what was approved is sent."""

import json
import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from omni_bulk.sandbox import Sandbox
from tests.cli.conftest import Call
from tests.cli.kit import FROM, Ran, write_list

USUAL = ("list.csv", "--text-file", "text", "--from", FROM, "--ledger", "ledger.db")
PLAN = Path("plan.json")


@pytest.fixture(autouse=True)
def _approved(call: Call) -> None:
    Path("text").write_text("Hello {name}")
    write_list(30, extra=[["12", "x"]])
    assert call("check", *USUAL, "--save", PLAN, "--by", "Kim").code == 1


def send(call: Call, *flags: str) -> Ran:
    return call(*USUAL, "--yes", "--plan", PLAN, *flags)


def test_it_holds_digests_and_counts_and_no_number() -> None:
    plan = json.loads(PLAN.read_bytes())
    assert (plan["by"], plan["recipients"], plan["messages"], plan["countries"]) == ("Kim", 31, 30, {"KR": 30})
    assert "8210" not in PLAN.read_text()
    if os.name == "posix":
        assert stat.S_IMODE(PLAN.stat().st_mode) == 0o600


def test_what_was_approved_is_sent_and_resumed(call: Call, api: Sandbox) -> None:
    assert send(call, "--limit", "10").code == 6
    assert send(call).code == 1
    assert send(call).code == 1
    assert api.state.posts == 30


def test_anything_else_is_refused(call: Call, api: Sandbox) -> None:
    def refused(told: str, *flags: str) -> None:
        ran = send(call, *flags)
        assert (ran.code, told in ran.err, "approved by Kim at 20" in ran.err) == (4, True, True)

    refused("it is for campaign 'list'", "--campaign", "other")
    refused("from was '0212345678' and is '0298765432'", "--from", "0298765432")
    refused("countries was not given and is 'KR'", "--countries", "KR")
    Path("text").write_text("Goodbye {name}")
    refused("the text has changed")
    Path("text").write_text("Hello {name}")
    write_list(31)
    refused("the list has changed")
    assert api.state.posts == 0


def test_counts_that_differ_before_anybody_has_a_message_are_refused(call: Call, api: Sandbox) -> None:
    Path("sent.csv").write_text("to\n+821020000000\n")
    ran = send(call, "--already", "sent.csv")
    assert (ran.code, "30 messages were approved, and 29 would be sent" in ran.err) == (4, True)
    assert api.state.posts == 0


def test_a_plan_can_be_required(call: Call, api: Sandbox) -> None:
    Path("omni-bulk.toml").write_text("require_plan = true\n")
    ran = call(*USUAL, "--yes")
    assert (ran.code, "require_plan" in ran.err, api.state.posts) == (2, True, 0)
    assert call(*USUAL[:-2], "--sandbox", "--yes").code == 1
    assert call("check", *USUAL).code == 1
    assert send(call).code == 1
    Path("omni-bulk.toml").write_text("require_plan = 1\n")
    assert "must be true or false" in call(*USUAL, "--yes").err


@pytest.mark.parametrize("flags", [("--save", "x.json"), ("--by", "Kim")])
def test_who_approves_and_where_it_is_kept_go_together(flags: tuple[str, ...], call: Call) -> None:
    assert call("check", *USUAL, *flags).code == 2
    assert not Path("x.json").exists()


def test_what_is_no_plan_is_neither_taken_for_one_nor_replaced(call: Call, api: Sandbox) -> None:
    content = Path("list.csv").read_bytes()
    assert "is no plan" in call(*USUAL, "--yes", "--plan", "list.csv").err
    ran = call("check", *USUAL, "--save", "list.csv", "--by", "Kim")
    assert (ran.code, Path("list.csv").read_bytes()) == (2, content)


def test_the_ledger_keeps_who_approved_a_run(call: Call, api: Sandbox) -> None:
    assert send(call).code == 1
    with closing(sqlite3.connect("ledger.db")) as db:
        (options,) = db.execute("SELECT options FROM run").fetchone()
    assert json.loads(options)["approved"].startswith("Kim at 20")
