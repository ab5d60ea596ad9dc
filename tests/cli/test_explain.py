"""`explain`: one recipient's story, found by whatever a customer on the telephone has at hand."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from omni_bulk.results import iso
from omni_bulk.sandbox import Sandbox
from tests.cli.conftest import Call
from tests.cli.kit import FROM, Ran, results, write_list

ON = ("--ledger", "ledger.db")
NUMBER = "+821020000001"  # of the second row of a list


def send(call: Call, name: str, *more: str) -> Ran:
    return call(
        "send", name, "--text", "hi {name}", "--from", FROM, "--yes", "--max-unknown-rate", "1", "--workers", "1", *ON,
        *more,
    )  # fmt: skip


def asked(call: Call, what: str, *more: str) -> dict[str, Any]:
    ran = call("explain", what, "--json", *ON, *more)
    assert ran.code == 0, ran.err
    return ran.json


def named(*rows: tuple[str, str, str]) -> None:
    lines = (",".join(row) for row in (("to", "name", "ref"), *rows))
    Path("refs.csv").write_text("\n".join(lines), "utf-8")


@pytest.mark.parametrize(
    ("writing", "flags"),
    [
        (NUMBER, ()), ("82 10-2000-0001", ()), ("0082(10)20000001", ()), ("＋82 10 2000 0001", ()),
        ("010-2000-0001", ("--region", "KR")), ("821020000001", ()),
    ],
)  # fmt: skip
def test_a_number_in_any_writing_over_all_campaigns(
    call: Call, api: Sandbox, writing: str, flags: tuple[str, ...]
) -> None:
    write_list(3)
    named((NUMBER, "n", "order-1"), ("+821020000009", "n", "order-2"))
    assert (send(call, "list.csv").code, send(call, "refs.csv").code) == (0, 0)
    found = asked(call, writing, *flags)
    assert [(one["campaign"], one["foundBy"], one["to"], one["state"]) for one in found["messages"]] == [
        ("list", "number", NUMBER, "accepted"), ("refs", "number", NUMBER, "accepted"),
    ]  # fmt: skip
    assert found["messages"][1]["httpStatus"] == 200
    assert found["messages"][0]["open"][0]["what"] == "report_to_come"


def test_asked_by_ref_or_key_numbers_are_masked(call: Call, api: Sandbox) -> None:
    named((NUMBER, "n", "order-1"))
    send(call, "refs.csv")
    for what in ("order-1", "order-1~2", api.messages[0].msg_key):  # no report was collected: no index has the key yet
        (one,) = asked(call, what)["messages"]
        assert (one["ref"], one["to"], one["lines"][0]["to"]) == ("order-1", "+82********01", "+82********01")
        said = call("explain", what, *ON).out.decode()
        assert "+82********01" in said
        assert "20000001" not in said
    assert asked(call, "order-1", "--unmasked")["messages"][0]["to"] == NUMBER
    call("reports", "--poll", *ON)
    (one,) = asked(call, api.messages[0].msg_key)["messages"]
    assert (one["foundBy"], one["delivery"]) == ("msgKey", "relayed")
    (one,) = asked(call, "order-1", "--dlr")["messages"]
    assert one["delivery"] == "pending"


def test_the_story_of_an_unknown_and_how_it_ended(call: Call, api: Sandbox) -> None:
    write_list(2)
    api.fail_next("drop_after")
    assert send(call, "list.csv").code == 3
    ref = results()[0]["ref"]
    said = call("explain", ref, *ON).out.decode()
    assert "Campaign list, row 2: unknown (the connection broke; it may have arrived)" in said
    assert "-> it may have arrived: a delivery report would prove it\n     omni-bulk reports --poll\n" in said
    call("reports", "--poll", *ON)
    said = call("explain", ref, *ON).out.decode()
    assert "Campaign list, row 2: accepted, relayed (a delivery report proved it)" in said
    assert f"accepted: a delivery report proved it [line 3]\n{' ' * 23}msgKey {api.messages[0].msg_key}\n" in said
    assert "report of the relay: 10000 Success (delivered), 1 billed" in said
    assert "->" not in said
    assert max(map(len, said.splitlines())) <= 80


def test_rows_that_were_not_sent_say_why(call: Call, api: Sandbox) -> None:
    write_list(2, extra=[[NUMBER, "name 1"], ["12-34", "x"]])
    send(call, "list.csv")
    first, again = asked(call, NUMBER)["messages"]
    assert (first["row"], again["row"], again["state"], again["reason"]) == (3, 4, "skipped", "duplicate")
    assert again["duplicateOf"] == first["ref"]
    assert "it repeats the row with ref" in call("explain", NUMBER, *ON).out.decode()
    (one,) = asked(call, "12-34")["messages"]
    assert (one["row"], one["state"], one["to"], one["open"][0]["what"]) == (5, "invalid", None, "invalid")
    Path("stop.txt").write_text(NUMBER, "utf-8")
    assert call("suppress", "add", "--file", "stop.txt", *ON, "--note", "asked by phone").code == 0
    ran = call("explain", NUMBER, *ON)
    assert ran.out.decode().startswith("This number is on the suppression list, since ")


def test_a_repeated_row_of_a_list_with_refs_is_found_by_its_number(call: Call, api: Sandbox) -> None:
    named((NUMBER, "n", "order-1"), (NUMBER, "n", "order-1"))
    send(call, "refs.csv")
    assert [one["row"] for one in asked(call, NUMBER)["messages"]] == [2, 3]


def test_reports_that_are_nobodys(call: Call, api: Sandbox) -> None:
    named((NUMBER, "n", "order-1"))
    send(call, "refs.csv")
    call("reports", "--poll", *ON)
    when = iso(round(api._clock() * 1000)) or ""
    strange = {"serviceType": "im", "msgType": "im", "reportTime": when, "reportCode": "10000", "reportType": "7"}
    api.state.reports.push({**strange, "msgKey": "other-1", "ref": "not-ours", "sendTime": when, "network": "450-05"})
    api.state.reports.push({**strange, "msgKey": "other-2", "ref": "order-1", "sendTime": when, "msgType": "sms"})
    api.state.reports.push({**strange, "msgKey": "other-3", "ref": "order-1", "sendTime": when})
    call("reports", "--poll", *ON)
    found = asked(call, "other-1")
    assert found["messages"] == []
    assert [(one["whose"], one["reportType"], one["other"]) for one in found["reports"]] == [
        ("foreign", "7", {"network": "450-05"})
    ]
    said = call("explain", "other-1", *ON).out.decode()
    assert "reportType 7" in said
    assert 'also {"network":"450-05"}' in said
    assert "it is another system's" in " ".join(said.split())
    found = asked(call, "order-1")
    assert [one["msgKey"] for one in found["reports"]] == ["other-2"]
    assert found["messages"][0]["open"][0]["what"] == "double"
    assert [one["foundBy"] for one in asked(call, "other-3")["messages"]] == ["msgKey"]
    assert "ERROR: it was accepted twice" in call("explain", NUMBER, *ON).out.decode()


def test_a_ref_of_a_ledger_that_was_lost(call: Call, api: Sandbox) -> None:
    write_list(1)
    send(call, "list.csv")
    old = "ob-" + "a" * 26
    with closing(sqlite3.connect("ledger.db")) as db, db:
        db.execute("UPDATE message SET ref = ?", (old,))
    assert asked(call, old)["messages"][0]["ref"] == old


def test_nobody(call: Call, api: Sandbox) -> None:
    write_list(1)
    send(call, "list.csv")
    ran = call("explain", "+821099999999", *ON)
    assert (ran.code, ran.out) == (2, b"")
    assert "knows no number, ref or msgKey '+821099999999'" in ran.err
    assert "--region CC" in call("explain", "010-2000-0000", *ON).err
    assert "there is no ledger" in call("explain", "x", "--ledger", "nowhere.db").err
