"""Reports in the shapes that the official v1 SDKs have met, and in some nobody has: read without loss, to the end."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import orjson
import pytest

from omni_bulk.results import iso
from omni_bulk.sandbox import Sandbox
from tests.cli.conftest import Call
from tests.cli.kit import FROM, write_list

ON = ("--ledger", "ledger.db")

# What is changed in the report of the guide's sample (None: the field is not there), and what is then shown. The SDKs
# have `resCnt` and the codes as strings or as numbers, `ref` missing or null, and fields that the guide does not list.
SHAPES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "as the guide has it": ({}, {"billedSegments": 2, "reportCode": "10000", "reportOther": None, "reportType": "0"}),
    "no ref": ({"ref": ...}, {"billedSegments": 2, "reportOther": None}),
    "a ref that is null": ({"ref": None}, {"billedSegments": 2, "reportOther": None}),
    "numbers for strings": (
        {"resCnt": 2, "reportCode": 10000, "reportType": 0, "carrier": 10001},
        {"billedSegments": 2, "reportCode": "10000", "reportType": "0", "delivery": "relayed"},
    ),
    "nulls": ({"reportText": None, "carrier": None, "resCnt": None}, {"billedSegments": None, "reportText": None}),
    "another reportType": ({"reportType": "DLR"}, {"reportType": "DLR"}),
    "fields nobody has listed": (
        {"networkCode": "450-05", "detail": {"retry": 1, "path": ["a", None]}},
        {"reportOther": {"networkCode": "450-05", "detail": {"retry": 1, "path": ["a", None]}}},
    ),
    "values nobody can read": (
        {"resCnt": "two", "carrier": {"id": 1}},
        {"billedSegments": None, "reportOther": {"resCnt": "two", "carrier": {"id": 1}}},
    ),
    "Korean, and a formula": ({"메모": "=1+1"}, {"reportOther": {"메모": "=1+1"}}),
}  # fmt: skip


def said(box: Sandbox, changes: dict[str, Any]) -> dict[str, Any]:
    when = iso(round(box._clock() * 1000))
    (message,) = box.messages
    sample: dict[str, Any] = {
        "msgKey": message.msg_key, "serviceType": "im", "msgType": "im", "sendTime": when, "reportTime": when,
        "reportType": "0", "reportCode": "10000", "reportText": "Success", "carrier": "10001", "resCnt": "2",
        "ref": message.ref,
    }  # fmt: skip
    return {name: value for name, value in {**sample, **changes}.items() if value is not ...}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_report_of_any_shape_is_shown_as_it_came(call: Call, api: Sandbox, shape: str) -> None:
    changes, shown = SHAPES[shape]
    write_list(1)
    call("send", "list.csv", "--text", "hi", "--from", FROM, "--yes", *ON)
    api.state.reports._waiting.clear()  # the sandbox's own
    raw = said(api, changes)
    assert b'"report":null' in api.state.reports.poll().body
    assert call("reports", "--poll", "--json", *ON).json["collected"] == 0
    api.state.reports.push(raw)
    assert call("reports", "--poll", "--json", *ON).json["joined"] == 1
    row = call("export", "list", "--format", "jsonl", "--out", "-", *ON).json
    assert {name: row[name] for name in shown} == shown
    explained = call("explain", api.messages[0].msg_key, "--json", *ON)
    (report,) = explained.json["messages"][0]["reports"]
    assert report["other"] == row["reportOther"]
    assert report["carrier"] == (None if isinstance(raw["carrier"], dict | None) else str(raw["carrier"]))
    text = call("explain", api.messages[0].msg_key, *ON).out.decode()
    if row["reportOther"] is not None:
        assert all(f'"{name}"' in text for name in row["reportOther"])
    table = call("export", "list", "--format", "csv", "--out", "-", *ON).out.decode("utf-8-sig")
    (cells,) = csv.DictReader(io.StringIO(table))
    assert orjson.loads(cells["reportOther"] or "null") == row["reportOther"]
    filed = json.loads(Path("reports.jsonl").read_bytes().splitlines()[-1])
    assert raw.items() <= filed.items()


def test_an_export_that_is_masked_shows_no_number_in_fields_nobody_has_listed(call: Call, api: Sandbox) -> None:
    write_list(1)
    call("send", "list.csv", "--text", "hi", "--from", FROM, "--yes", *ON)
    api.state.reports._waiting.clear()
    api.state.reports.push(said(api, {"receiver": "821020000000"}))
    call("reports", "--poll", *ON)
    for form in ("jsonl", "csv"):
        assert b"20000000" not in call("export", "list", "--mask", "--format", form, "--out", "-", *ON).out
    assert call("export", "list", "--mask", "--format", "jsonl", "--out", "-", *ON).json["reportOther"] == "(masked)"
    assert b"20000000" not in call("explain", api.messages[0].msg_key, *ON).out
