"""What was spent, in `status`, `status --month` and `resolve`: by the price list of the settings, exact by prefix."""

import csv
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from omni_bulk.sandbox import Sandbox
from tests.cli.conftest import Call, api, call
from tests.cli.kit import FROM, Ran

__all__ = ["api", "call"]

ON = ("--ledger", "ledger.db")
PRICES = "country,price,currency\nKR,9,KRW\n+821020,4.5,\nJP,60.25,\n"
PRICED = ("--prices", "prices.csv")
ZONE = ZoneInfo("Asia/Seoul")


@pytest.fixture(autouse=True)
def prices() -> None:
    Path("prices.csv").write_text(PRICES, "utf-8")


def send(call: Call, numbers: list[str], *more: str, name: str = "list") -> Ran:
    with Path(f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["to"], *([number] for number in numbers)])
    return call(
        "send", f"{name}.csv", "--text", "hi", "--from", FROM, "--yes", "--max-unknown-rate", "1", "--workers", "1", *ON,
        *more,
    )  # fmt: skip


def month() -> str:
    return f"{datetime.now(ZONE):%Y-%m}"


def test_status_shows_what_it_cost_and_what_was_billed(call: Call, api: Sandbox) -> None:
    api.fail_next("drop_after")
    assert send(call, ["+821011110000", "+821020000001", "+818012345678"], *PRICED).code == 3
    found = call("status", "list", "--json", *ON, *PRICED).json
    assert (found["cost"], found["currency"], found["billedCost"]) == ("73.75", "KRW", None)
    assert {country: one["cost"] for country, one in found["countries"].items()} == {"KR": "13.5", "JP": "60.25"}
    call("reports", "--poll", *ON)
    found = call("status", "list", "--json", *ON, *PRICED).json
    assert found["billedCost"] == "73.75"
    assert {country: one["cost"] for country, one in found["billed"].items()} == {"KR": "13.5", "JP": "60.25"}
    said = call("status", "list", *ON, *PRICED).out.decode()
    assert "  cost: 73.75 KRW; billed by the reports so far: 73.75 KRW\n" in said
    assert "billed in JP: 1 segments, 1 estimated; 60.25 KRW" in said
    assert call("status", "list", "--json", *ON).json["cost"] is None
    assert "cost" not in call("status", "list", *ON).out.decode()


def test_what_is_still_to_be_sent_is_in_it(call: Call, api: Sandbox) -> None:
    assert send(call, ["+821011110000", "+821020000001", "+821020000002"], *PRICED, "--limit", "1").code == 6
    found = call("status", "list", "--json", *ON, *PRICED).json
    spent = 9 + 4.5 * found["states"]["ready"]
    assert float(found["cost"]) == spent


def test_a_country_without_a_price_makes_the_sum_unknown(call: Call, api: Sandbox) -> None:
    send(call, ["+821011110000", "+84912345678"])
    found = call("status", "list", "--json", *ON, *PRICED).json
    assert (found["cost"], found["countries"]["KR"]["cost"], found["countries"]["VN"]["cost"]) == (None, "9", None)
    assert "the price list has no price for VN" in call("status", "list", *ON, *PRICED).out.decode()


def test_a_month_by_country_campaign_and_day(call: Call, api: Sandbox) -> None:
    send(call, ["+821011110000", "+818012345678"], *PRICED)
    api.fail_next("drop_after")
    send(call, ["+821020000001"], *PRICED, name="other")
    call("reports", "--poll", *ON)
    found = call("status", "--month", month(), "--json", *ON, *PRICED).json
    assert (found["cost"], found["billedCost"], found["currency"]) == ("73.75", "73.75", "KRW")
    assert {name: one["cost"] for name, one in found["campaigns"].items()} == {"list": "69.25", "other": "4.5"}
    assert {name: one["billedCost"] for name, one in found["countries"].items()} == {"JP": "60.25", "KR": "13.5"}
    assert sum(one["messages"] for one in found["days"].values()) == 3
    assert "cost 73.75 KRW, billed 73.75 KRW" in call("status", "--month", month(), *ON, *PRICED).out.decode()
    bare = call("status", "--month", month(), "--json", *ON).json
    assert (bare["cost"], bare["billedCost"], bare["currency"]) == (None, None, None)


def test_one_success_report_is_pending_where_the_account_has_dlr(
    call: Call, api: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(call, ["+821011110000"])
    call("reports", "--poll", *ON)
    assert call("status", "list", "--json", *ON).json["delivery"]["relayed"] == 1
    assert call("status", "list", "--json", *ON, "--dlr").json["delivery"]["pending"] == 1
    assert b"pending" in call("export", "list", "--dlr", "--out", "-", *ON).out
    assert b"relayed" in call("export", "list", "--out", "-", *ON).out
    monkeypatch.setenv("OMNI_DLR", "true")
    assert call("status", "list", "--json", *ON).json["delivery"]["pending"] == 1
    assert call("status", "--month", month(), "--json", *ON).json["relayed"] == 0
    monkeypatch.setenv("OMNI_DLR", "perhaps")
    ran = call("status", *ON)
    assert (ran.code, "dlr (OMNI_DLR, --dlr) must be true or false, not 'perhaps'." in ran.err) == (2, True)
    monkeypatch.delenv("OMNI_DLR")
    Path("omni-bulk.toml").write_text("dlr = true\n", "utf-8")
    assert call("status", "list", "--json", *ON).json["delivery"]["pending"] == 1


def test_resolve_with_another_price_list_than_the_budget_counts_with(call: Call, api: Sandbox) -> None:
    send(call, ["+821011110000"])
    Path("omni-bulk.toml").write_text('prices = "prices.csv"\nbudget = { day = 100 }\n', "utf-8")
    assert call("resolve", "list", *ON).code == 0
    ran = call("resolve", "list", *ON, *PRICED)
    assert (ran.code, "put `prices` into the settings file" in ran.err) == (2, True)
