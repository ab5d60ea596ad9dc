"""The benchmarks still run, and still refuse to show a figure of a program that did not do its job."""

import sys
from array import array
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.contenders import WORKERS
from benchmarks.figures import FIGURES
from benchmarks.report import Figure, to_json, to_markdown
from benchmarks.server import most_within
from benchmarks.stand import ROOT, Ran, Stand, WrongAnswer, _check_lines, _check_posts


@pytest.fixture(scope="module")
def stand() -> Iterator[Stand]:
    with Stand(fast_loop=False) as one:
        yield one


def test_our_job_is_done_once_for_everybody(stand: Stand) -> None:
    with stand.workplace() as place:
        ran = stand.ours(150, place, loop="asyncio")
    assert ran.tally["posts"] == ran.tally["numbers"] == 150
    assert 0 < ran.first_post < ran.wall
    assert ran.rss > 10e6


@pytest.mark.parametrize("name", ["handwritten", "bare"])
def test_what_ours_is_compared_with_does_the_same(stand: Stand, name: str) -> None:
    with stand.workplace() as place:
        ran = stand.theirs(name, WORKERS + 50, place, loop="asyncio")
    assert ran.tally["posts"] == ran.tally["numbers"] == WORKERS + 50


def test_a_prepared_ledger_is_resumed(stand: Stand) -> None:
    with stand.workplace() as place:
        stand.prepare(100, 90, place)
        ran = stand.ours(100, place, loop="asyncio", limit=1)
    assert ran.tally["posts"] == 1


def test_a_program_that_fails_has_no_figures(stand: Stand) -> None:
    with pytest.raises(WrongAnswer, match="ended with 3"):
        stand.run([sys.executable, "-c", "raise SystemExit(3)"], ROOT, {})


@pytest.mark.parametrize(("posts", "numbers"), [(9, 9), (10, 9), (11, 10)])
def test_lost_and_double_messages_are_seen(posts: int, numbers: int) -> None:
    with pytest.raises(WrongAnswer, match="10 messages were expected"):
        _check_posts(Ran(0, 1, 1, 1, {"posts": posts, "numbers": numbers}), 10)


def test_a_missing_line_is_seen(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    out.write_text('{"ref":"a","status":"accepted","msgKey":"1"}\n{"ref":"b","status":"unknown","msgKey":null}\n')
    with pytest.raises(WrongAnswer, match="1 accepted lines about 2"):
        _check_lines(out, 2)


def test_the_worst_second_is_the_fullest_window() -> None:
    assert most_within(array("d", [0.0, 0.5, 0.99, 1.0, 1.01, 3.0]), 1.0) == 4
    assert most_within(array("d"), 1.0) == 0


def test_a_report_has_medians_and_says_on_what() -> None:
    figure = Figure("job", "The job", "How.")
    figure.row("ours", "1/s", [3.0, 1.0, 2.0], "0.5", "0.7")
    shown = to_markdown([figure])
    assert "| ours | 2.00 (1.00–3.00) | 1/s | 0.5 | 0.7 |" in shown
    assert "aiohttp 3" in shown
    [row] = to_json([figure], rounds=3, quick=True)["figures"]["job"]["rows"]
    assert (row["median"], row["values"]) == (2.0, [3.0, 1.0, 2.0])


def test_every_figure_is_there_by_name() -> None:
    assert set(FIGURES) == {"job", "cpu", "window", "tls", "first", "resume", "help", "rss"}
