"""Money, lists of those who get nothing, the time of day and a test message, as flags of `send`."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from omni_bulk.cli import screen
from omni_bulk.sandbox import Sandbox
from omni_bulk.stats import Tally
from omni_bulk.tempo import Sight, Tempo
from tests.cli.conftest import Call
from tests.cli.kit import FROM, results, run, write_list

PRICES = "country,price,currency\nKR,9.5,KRW\n"


@pytest.fixture
def usual() -> tuple[str, ...]:
    Path("prices.csv").write_text(PRICES, encoding="utf-8")
    write_list(3)
    return ("list.csv", "--text", "Hello {name}", "--from", FROM, "--ledger", "ledger.db")


# What is wrong → flags, settings, and what the sentence says.
REFUSED = {
    "a bound without prices": (("--max-cost", "5"), "", "--max-cost needs a price list"),
    "a bound that is no amount": (("--max-cost", "1e3", "--prices", "prices.csv"), "", "--max-cost takes a plain amount"),
    "a price list with a bad row": (("--prices", "list.csv"), "", "needs a column `country`"),
    "no price list there": (("--prices", "nowhere.csv"), "", "prices (--prices) cannot be read: nowhere.csv"),
    "a window of no hours": (("--window", "9-20"), "", "window (--window) must be two times of day"),
    "a window of nowhere": (("--window-tz", "Atlantis/City"), "", "must be `recipient`, or a time zone"),
    "a duration of nothing": (("--once-per", "0d"), "", "must be a duration such as 12h or 7d"),
    "a start that is no time": (("--start-at", "tomorrow"), "", "--start-at takes a date or a time"),
    "a test to no number": (("--test-to", "12"), "", "--test-to: it has too few or too many digits"),
    "a budget without prices": ((), "budget = { day = 5 }", "`budget` needs a price list"),
    "other prices than the budget's": (
        ("--prices", "prices.csv"), 'budget = { day = 5 }\nprices = "prices.csv"', "--prices would change what",
    ),
    "a list of nobody": (("--suppress", "prices.csv"), "", "is it the right file"),
}  # fmt: skip


@pytest.mark.parametrize(("flags", "toml", "sentence"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_meant_is_refused_before_anything_is_sent(
    call: Call, api: Sandbox, usual: tuple[str, ...], flags: tuple[str, ...], toml: str, sentence: str
) -> None:
    Path("omni-bulk.toml").write_text(toml, encoding="utf-8")
    ran = call(*usual, *flags)
    assert (ran.code, api.state.posts) == (2, 0)
    assert sentence in ran.err
    assert "+8210" not in ran.err


def test_a_plan_shows_what_it_costs_and_the_summary_what_was_spent(
    call: Call, api: Sandbox, usual: tuple[str, ...]
) -> None:
    ran = call(*usual, "--prices", "prices.csv", "--summary-json", "-")
    assert ran.code == 0
    assert "countries: KR 3 (28.5 KRW)" in ran.err
    assert "  cost: 28.5 KRW" in ran.err
    assert (ran.json["cost"], ran.json["currency"]) == ("28.5", "KRW")
    assert ran.json["countries"] == {"KR": {"messages": 3, "segments": 3, "cost": "28.5"}}
    again = call(*usual, "--prices", "prices.csv", "--summary-json", "-", "--log-format", "json")
    assert again.json["cost"] == "0"
    assert api.state.posts == 3


@pytest.mark.parametrize("yes", [(), ("--yes",)])
def test_a_list_that_costs_too_much_is_not_begun(
    call: Call, api: Sandbox, usual: tuple[str, ...], yes: tuple[str, ...]
) -> None:
    ran = call(*usual, "--prices", "prices.csv", "--max-cost", "28.49", *yes, "--summary-json", "-")
    assert (ran.code, api.state.posts) == (5, 0)
    assert "sending would cost 28.5 KRW, more than --max-cost 28.49 KRW: nothing was sent" in ran.err
    assert ran.json["exit"] == 5
    enough = call(*usual, "--prices", "prices.csv", "--max-cost", "28.5", *yes)
    assert (enough.code, api.state.posts) == (0, 3)
    write_list(4)
    more = call(*usual, "--prices", "prices.csv", "--max-cost", "30", "--extend", *yes)
    assert (more.code, api.state.posts) == (5, 3)
    assert "28.5 KRW are spent already" in more.err


def test_a_country_without_a_price_is_named(call: Call, api: Sandbox, usual: tuple[str, ...]) -> None:
    write_list(1, extra=[["+819012345678", "Aki"]])
    shown = call(*usual, "--prices", "prices.csv", "--limit", "0")
    assert "cost: unknown, the price list has nothing for JP" in shown.err
    ran = call(*usual, "--prices", "prices.csv", "--max-cost", "100")
    assert (ran.code, api.state.posts) == (5, 0)
    assert "no price for JP" in ran.err


def test_a_budget_of_the_settings_file_binds(call: Call, api: Sandbox, usual: tuple[str, ...]) -> None:
    Path("omni-bulk.toml").write_text('prices = "prices.csv"\nbudget = { day = 20 }\n', encoding="utf-8")
    ran = call(*usual, "--yes", "--workers", "1")
    assert (ran.code, api.state.posts) == (5, 2)
    assert "the account's budget for today, 20 KRW, is used up (19 KRW spent)" in ran.err


def test_a_window_that_is_shut_until_after_the_deadline(call: Call, api: Sandbox, usual: tuple[str, ...]) -> None:
    """Open for one minute, in a zone where it is noon now or midnight: in neither case within the next minute."""
    shut = (datetime.now(UTC) + timedelta(hours=12)).strftime("%H:%M")
    later = (datetime.now(UTC) + timedelta(hours=12, minutes=1)).strftime("%H:%M")
    ran = call(*usual, "--window", f"{shut}-{later}", "--window-tz", "UTC", "--deadline", "60s", "--summary-json", "-")
    assert (ran.code, api.state.posts) == (6, 0)
    assert ran.json["remaining"] == 3
    assert ran.json["notBefore"][14:16] == shut[3:]
    assert "the deadline comes before the next message may be sent" in ran.err
    assert results() == []
    late = call(*usual, "--start-at", "2999-01-01", "--deadline", "60s", "--summary-json", "-")
    assert (late.code, late.json["notBefore"]) == (6, "2999-01-01T00:00:00.000+09:00")


def test_a_test_message_leaves_the_campaign_untouched(call: Call, api: Sandbox, usual: tuple[str, ...]) -> None:
    write_list(2, extra=[])
    Path("list.csv").write_text("to,name\nnobody,x\n+821020000001,Lee\n", encoding="utf-8")
    ran = call(*usual, "--test-to", "+82 10-9999-0000", "--summary-json", "-")
    assert (ran.code, ran.json["status"], ran.json["code"]) == (0, "accepted", "A000")
    assert [(message.to, message.text) for message in api.messages] == [("+821099990000", "Hello Lee")]
    assert "as row 3 would get it" in ran.err
    assert not Path("list.results.jsonl").exists()
    assert "no campaign 'list'" in call("status", "list", "--ledger", "ledger.db").err
    api.state.refuse = "A306"
    refused = call(*usual, "--test-to", "+821099990000")
    assert (refused.code, "rejected (A306" in refused.err) == (1, True)
    api.state.refuse = None
    assert call(*usual).code == 1  # the campaign goes as ever: one row has no number
    assert [message.to for message in api.messages][-1] == "+821020000001"


def test_a_list_without_a_row_to_test_is_refused(call: Call, api: Sandbox, usual: tuple[str, ...]) -> None:
    Path("list.csv").write_text("to,name\nnobody,x\n", encoding="utf-8")
    ran = call(*usual, "--test-to", "+821099990000")
    assert (ran.code, api.state.posts) == (2, 0)
    assert "there is no message to test" in ran.err


def test_a_test_message_in_the_sandbox_needs_no_settings() -> None:
    write_list(1)
    ran = run("list.csv", "--text", "Hello {name}", "--from", FROM, "--sandbox", "--test-to", "+821099990000")
    assert ran.code == 0
    assert "SANDBOX: nothing was sent." in ran.err
    assert not Path("list.sandbox.jsonl").exists()


# ── check ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_check_says_of_money_and_of_those_who_get_nothing_what_send_does(
    call: Call, api: Sandbox, usual: tuple[str, ...]
) -> None:
    Path("stop.txt").write_text("+82 10-2000-0001\n", encoding="utf-8")
    bounds = ("--prices", "prices.csv", "--suppress", "stop.txt", "--once-per", "7d", "--max-cost", "19")
    seen = call("check", *usual, *bounds, "--json").json
    assert (seen["cost"], seen["currency"], seen["exit"]) == ("19", "KRW", 0)
    assert seen["countries"] == {"KR": {"messages": 2, "segments": 2, "cost": "19"}}
    assert seen["reasons"] == {"suppressed": 1}
    assert not Path("ledger.db").exists()
    sent = call(*usual, *bounds, "--summary-json", "-")
    assert (sent.code, sent.json["cost"], sent.json["reasons"]) == (0, "19", {"suppressed": 1})
    other = call("check", *usual, *bounds, "--campaign", "november", "--json").json
    assert other["reasons"] == {"suppressed": 1, "once_per": 2}
    write_list(4)
    dear = call("check", *usual, *bounds, "--extend", "--json")
    assert (dear.code, dear.json["exit"]) == (5, 5)
    assert "19 KRW are spent already, more than --max-cost 19 KRW" in dear.err
    assert api.state.posts == 2


def test_an_approved_plan_binds_prices_and_those_who_get_nothing(
    call: Call, api: Sandbox, usual: tuple[str, ...]
) -> None:
    Path("stop.txt").write_text("+82 10-2000-0001\n", encoding="utf-8")
    bounds = ("--prices", "prices.csv", "--suppress", "stop.txt")
    assert call("check", *usual, *bounds, "--save", "plan.json", "--by", "Kim").code == 0
    Path("stop.txt").write_text("+82 10-2000-0002\n", encoding="utf-8")
    refused = call(*usual, *bounds, "--plan", "plan.json")
    assert (refused.code, "suppress" in refused.err) == (4, True)
    Path("stop.txt").write_text("+82 10-2000-0001\n", encoding="utf-8")
    assert call(*usual, *bounds, "--plan", "plan.json").code == 0
    assert api.state.posts == 2


def test_the_progress_line_says_what_time_it_waits_for() -> None:
    """Beside the causes that have a name of their own."""
    tempo = Tempo(200.0, 64)
    tempo.see(Sight(0.0, 0, 0, 0, 0, 0, 198.0, queued=False))
    figures = tempo.figures(3)
    line = screen._progress_text(Tally(), 3, figures, "2026-11-22 23:00 KST, 3 recipients wait")
    assert line.startswith("0 of 3 done, starting")
    assert line.endswith("; waits: 2026-11-22 23:00 KST, 3 recipients wait")
    assert "waits: server wants a pause" in screen._progress_text(Tally(), 3, figures, "throttled")
    with screen.Screen()._bar() as bar:
        task = bar.add_task("sending", total=3, left="", under=[])
        screen._move(bar, task, Tally(), figures, "2026-11-22 23:00 KST")
        assert bar.tasks[0].fields["under"][-1] == "waits: 2026-11-22 23:00 KST"
