"""`--min-rows` and `--max-rows` on the command line: a list of a size nobody expected is not sent at all."""

import json
from pathlib import Path

import pytest

from tests.cli.kit import environment, run, sandbox

USUAL = ("list.csv", "--text", "Hello", "--from", "0212345678", "--ledger", "ledger.db")


@pytest.fixture(autouse=True)
def the_list() -> None:
    rows = "".join(f"+8210{20_000_000 + row}\n" for row in range(5))
    Path("list.csv").write_text(f"to\n{rows}", encoding="utf-8")


@pytest.mark.parametrize("flags", [("--min-rows", "6"), ("--max-rows", "4")], ids=lambda flags: flags[0])
@pytest.mark.parametrize("yes", [(), ("--yes",)], ids=["with a plan", "at once"])
def test_another_size_stops_with_5_before_anything_is_sent(flags: tuple[str, ...], yes: tuple[str, ...]) -> None:
    with sandbox() as served:
        ended = run(*USUAL, *flags, *yes, "--summary-json", "-", env=environment(served))
        assert (ended.code, served.taken()) == (5, 0)
        assert "5 rows" in ended.err
        assert flags[0] in ended.err
        assert json.loads(ended.out)["exit"] == 5


def test_the_size_that_is_expected_is_sent() -> None:
    with sandbox() as served:
        ended = run(*USUAL, "--min-rows", "5", "--max-rows", "5", "--yes", env=environment(served))
        assert (ended.code, served.taken()) == (0, 5)
