"""What a person at a terminal sees: plan, question, bar, summary; and what Ctrl-C does at each."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.kit import FROM, Served, environment, judge, results, sandbox, until, write_list
from tests.cli.terminal import CTRL_C, CTRL_D, on_terminal

SEND = ("list.csv", "--text", "Hello {name}", "--from", FROM, "--ledger", "ledger.db")


@pytest.fixture
def served() -> Iterator[Served]:
    with sandbox(latency_ms=20) as one:
        yield one


def test_the_plan_is_shown_and_a_yes_sends(served: Served) -> None:
    write_list(3)
    with on_terminal(*SEND, env=environment(served)) as terminal:
        terminal.wait_for(r"Send 3 messages\? \[y/N\] ")
        assert served.taken() == 0
        assert "Plan of campaign list: 3 recipients" in terminal.plain
        assert "to send: 3 messages, 3 segments, under 1 s at 200/s" in terminal.plain
        terminal.type("y\n")
        assert terminal.finish() == 0
    assert "3 accepted" in terminal.plain
    assert judge(served, 3) == {"accepted": 3}


@pytest.mark.parametrize("answer", ["\n", CTRL_D, CTRL_C], ids=repr)
def test_anything_but_a_yes_sends_nothing(answer: str, served: Served) -> None:
    write_list(2)
    with on_terminal(*SEND, env=environment(served)) as terminal:
        terminal.wait_for(r"\[y/N\] ")
        terminal.type(answer)
        assert terminal.finish() == 2
    assert "Nothing was sent." in terminal.plain
    assert served.stats()["posts"] == 0
    assert not Path("list.results.jsonl").exists()


def test_ctrl_c_while_sending_drains_and_says_how_to_go_on(served: Served) -> None:
    write_list(1_000)
    with on_terminal(*SEND, "--workers", "8", env=environment(served)) as terminal:
        terminal.wait_for(r"\[y/N\] ")
        terminal.type("y\n")
        terminal.wait_for(r"sending .*[1-9]\d*/1000 ")
        terminal.type(CTRL_C)
        assert terminal.finish() == 75
    shown = terminal.plain
    assert "Interrupted: finishing what is in flight. Once more ends it at once." in shown
    assert "Campaign list: 1,000 recipients" in shown  # of the plan, also those that were not read
    left = 1_000 - served.taken()
    assert f"{left:,} not sent yet" in shown
    assert "Run the same command again to go on; nobody gets a second message." in shown
    assert "omni-bulk reports --poll" in shown
    assert shown.rstrip().endswith("Everybody in one file: omni-bulk export list --ledger ledger.db")
    assert {line["status"] for line in results()} == {"accepted"}
    assert len(results()) == served.taken()


def test_ctrl_c_twice_ends_at_once_and_records_what_may_have_left() -> None:
    write_list(100)
    with sandbox(faults={"hang_after": 1.0}) as served:
        with on_terminal(*SEND, "--workers", "4", env=environment(served)) as terminal:
            terminal.wait_for(r"\[y/N\] ")
            terminal.type("y\n")
            until(lambda: served.taken() == 4)
            terminal.type(CTRL_C)
            terminal.wait_for("Once more ends it at once")
            terminal.type(CTRL_C)
            assert terminal.finish() == 130
        assert "4 unknown" in terminal.plain
        assert "96 not sent yet" in terminal.plain
        assert sorted(line["ref"] for line in results()) == sorted(served.refs())
        assert {(line["status"], line["reason"]) for line in results()} == {("unknown", "interrupted")}


def test_without_a_name_the_ledger_is_made_in_the_state_directory(served: Served) -> None:
    write_list(1)
    with on_terminal(*SEND[:5], env=environment(served, XDG_STATE_HOME=str(Path("state").absolute()))) as terminal:
        terminal.wait_for(r"\[y/N\] ")
        terminal.type("y\n")
        assert terminal.finish() == 0
    ledger = Path("state/omni-bulk/ledger.db").absolute()
    assert ledger.stat().st_mode & 0o777 == 0o600
    assert ledger.parent.stat().st_mode & 0o777 == 0o700
    assert f"ledger: {ledger}" in terminal.plain.replace("\n    ", " ")


def test_where_the_question_cannot_be_seen_it_is_not_taken_as_answered(served: Served) -> None:
    write_list(1)
    with (
        Path("errors").open("wb") as errors,
        on_terminal(*SEND, env=environment(served), stderr=errors.fileno()) as terminal,
    ):
        assert terminal.finish() == 2
    assert "give --yes" in Path("errors").read_text()
    assert served.stats()["posts"] == 0


def test_yes_shows_no_plan_and_asks_nothing(served: Served) -> None:
    write_list(2)
    with on_terminal(*SEND, "--yes", env=environment(served)) as terminal:
        assert terminal.finish() == 0
    assert "Plan" not in terminal.plain
    assert "Campaign list: 2 recipients" in terminal.plain


def test_nothing_to_send_is_no_question(served: Served) -> None:
    write_list(0)
    with on_terminal(*SEND, env=environment(served)) as terminal:
        assert terminal.finish() == 0
    assert "?" not in terminal.plain


def test_long_lines_are_folded_under_themselves_at_the_width_of_the_terminal(served: Served) -> None:
    rows = [["+5511961234561", "a"], ["+819012345671", "b"], ["+84912345671", "c"], ["+66812345671", "d"],
            ["+6581234561", "e"], ["+447400123451", "f"], ["+33612345671", "g"], ["+4915123456781", "h"]]  # fmt: skip
    write_list(1, extra=rows)
    with on_terminal(*SEND, env=environment(served), columns=40) as terminal:
        terminal.wait_for(r"\[y/N\] ")
        terminal.type("n\n")
        terminal.finish()
    lines = terminal.plain.splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("  countries: "))
    assert lines[first + 1].startswith("    ")
    assert all(len(line) <= 40 for line in lines if str(Path.cwd()) not in line)


@pytest.mark.parametrize(("setting", "coloured"), [({"NO_COLOR": ""}, True), ({"NO_COLOR": "1"}, False)])
def test_no_color(setting: dict[str, str], coloured: bool) -> None:
    write_list(2, extra=[["nonsense", "x"]])
    with on_terminal(*SEND[:5], "--sandbox", env=environment(None, **setting)) as terminal:
        assert terminal.finish() == 1
    assert ("\x1b[32m" in terminal.seen) is coloured
    assert "2 accepted" in terminal.plain


def test_a_closed_terminal_is_an_interrupt_not_a_death(served: Served) -> None:
    write_list(1_000)
    with on_terminal(*SEND, "--yes", "--workers", "8", env=environment(served)) as terminal:
        terminal.wait_for(r"sending .*[1-9]\d*/")
        terminal.hang_up()
        assert terminal.child.wait(30) == 75
    assert {line["status"] for line in results()} == {"accepted"}
    assert len(results()) == served.taken()
