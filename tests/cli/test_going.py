"""What is said of a run under way, and at its end."""

import json
from dataclasses import replace
from typing import Any

import pytest

from omni_bulk.cli.going import WORKERS_MAX, fields, phrases, time_left, too_few_workers
from omni_bulk.cli.screen import _summary_lines, _wrapped
from omni_bulk.settings import WORKERS_MAX as MOST_WORKERS
from omni_bulk.stats import Summary
from omni_bulk.tempo import Figures
from tests.cli.kit import FROM, environment, run, sandbox, write_list
from tests.cli.terminal import on_terminal

FIGURES = Figures(
    now=197.6, average=196.4, ceiling=200.0, rate=198.0, refused=0.0, in_flight=12, eta=44.0, workers=64, p50=0.031,
    p99=0.045, tokens=1,
)  # fmt: skip


def test_a_steady_run_in_a_line() -> None:
    line = "198/s, average 196, at most 200, no A020, 12 in flight, p50/p99 31/45 ms"
    assert ", ".join(phrases(FIGURES)) == line
    assert too_few_workers(FIGURES) is None


def test_a_rate_that_was_lowered_or_is_shared_and_tokens_that_were_replaced() -> None:
    line = ", ".join(phrases(replace(FIGURES, rate=97.0, refused=0.0012, processes=2, tokens=3, p50=None)))
    assert line == "198/s, average 196, at most 97 of 200, shared by 2, A020 0.12 %, 12 in flight, 3 tokens"


def test_a_run_that_has_not_begun() -> None:
    assert phrases(replace(FIGURES, now=None))[0] == "starting"


@pytest.mark.parametrize(
    ("figures", "said"),
    [
        (replace(FIGURES, behind=75.0, needed=90), "all workers are busy, 75 s behind the rate: --workers 90 instead of 64"),
        (
            replace(FIGURES, behind=0.2, needed=12, workers=1),
            "the one worker is busy, slower than the rate: --workers 12 instead of 1",
        ),
        (
            replace(FIGURES, behind=9.0, needed=9_999),
            "all workers are busy, 9 s behind the rate: --workers 1000 instead of 64",
        ),
        (
            replace(FIGURES, behind=9.0, needed=9_999, workers=1_000),
            "all workers are busy, 9 s behind the rate: the API answers too slowly for this rate",
        ),
    ],
)  # fmt: skip
def test_too_few_workers_are_told_with_the_flag_that_helps(figures: Figures, said: str) -> None:
    assert too_few_workers(figures) == said
    assert WORKERS_MAX == MOST_WORKERS


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.4, "0 s"), (89.0, "89 s"), (125.0, "2 min 05 s"), (1500.0, "25 min"), (11_100.0, "3 h 05 min")],
)
def test_the_time_left_is_precise_enough(seconds: float, said: str) -> None:
    assert time_left(seconds) == said


def test_the_same_for_programs() -> None:
    assert json.loads(json.dumps(fields(FIGURES))) == {
        "pace": 197.6, "averagePace": 196.4, "rate": 198.0, "ceiling": 200.0, "refusedShare": 0.0, "inFlight": 12,
        "p50Ms": 31, "p99Ms": 45, "tokens": 1, "processes": 1, "secondsLeft": 44.0, "secondsBehind": None,
        "workersNeeded": None,
    }  # fmt: skip


def test_lines_under_the_bar_break_between_phrases() -> None:
    assert _wrapped("one two, three, four", 14) == ["one two,", "three, four"]
    assert _wrapped("longer than the width", 5) == ["longer than the width"]


SEND = ("list.csv", "--text", "Hello {name}", "--from", FROM, "--ledger", "ledger.db", "--yes")


def test_busy_workers_and_the_figures_are_shown_under_the_bar() -> None:
    write_list(400)
    with (
        sandbox(latency_ms=100) as served,
        on_terminal(*SEND, "--workers", "4", "--rate", "100", env=environment(served), columns=80) as terminal,
    ):
        terminal.wait_for(r"all workers are busy, \d+ s behind the rate: --workers \d+ instead of 4")
        terminal.wait_for(r"\d+/s, average \d+, at most 100, no A020, \d in flight, p50/p99 1\d\d/\d+ ms")
        assert max(map(len, terminal.plain.replace("\r", "\n").splitlines())) <= 80


def ended(**changes: Any) -> list[str]:
    """The lines of a summary."""
    summary = Summary(
        campaign_name="list", campaign_id="", run={}, campaign={}, reasons={}, codes={}, recipients=2_000, remaining=0,
        already_handled=0, segments=2_000, seconds=10.2, posts=2_000, exit_code=0, whole=True, ceiling=200.0,
    )  # fmt: skip
    return [line for line, _ in _summary_lines(replace(summary, **changes), whole=True, sandbox=False)]


def test_a_run_near_its_ceiling_says_that_the_contract_may_allow_more() -> None:
    assert ended(may_allow_more=True)[-1] == "  not one A020: the contract may allow more than --rate 200"
    assert ended()[-1] == "  2,000 posts in 10 s, 196/s"


def test_a_run_that_was_refused_says_how_often() -> None:
    assert ended(throttled=12)[-1] == "  2,000 posts in 10 s, 196/s, 12 of them A020"


def test_the_summary_for_programs_has_the_pace_too() -> None:
    write_list(20)
    with sandbox(latency_ms=5) as served:
        summary = run(*SEND, "--rate", "50", "--summary-json", "-", env=environment(served)).json
    assert (summary["throttled"], summary["ceiling"], summary["tokens"]) == (0, 50.0, 1)
    assert summary["mayAllowMore"] is False  # too short to mean anything
    assert 0 <= summary["p50Ms"] <= summary["p99Ms"]
