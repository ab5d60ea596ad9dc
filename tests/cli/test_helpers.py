"""The pure parts of the command line, as tables and properties."""

import logging
import os
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omni_bulk.cli import with_verb
from omni_bulk.cli.order import (
    Problems,
    choice,
    countries_of,
    mapping_of,
    mode_of,
    seconds_of,
    shares_of,
    time_of,
)
from omni_bulk.cli.question import is_yes
from omni_bulk.cli.screen import JsonLog, columns, duration, folded, printable
from omni_bulk.errors import InputError, SettingsError
from omni_bulk.sentences import counted


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ([], []),
        (["list.csv"], ["send", "list.csv"]),
        (["-"], ["send", "-"]),
        (["--yes", "list.csv"], ["send", "--yes", "list.csv"]),
        (["send", "list.csv"], ["send", "list.csv"]),
        (["send", "send"], ["send", "send"]),
        (["status"], ["status"]),
        (["sandbox", "--port", "1"], ["sandbox", "--port", "1"]),
        (["./status"], ["send", "./status"]),
        (["--help"], ["--help"]),
        (["-h"], ["-h"]),
        (["--version"], ["--version"]),
    ],
)
def test_the_verb_is_send_unless_one_is_given(given: list[str], meant: list[str]) -> None:
    assert with_verb(given) == meant


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"), (0.4, "under 1 s"), (1, "1 s"), (89.4, "89 s"), (90, "2 min"), (600, "10 min"),
        (5_369, "89 min"), (5_400, "1 h 30 min"), (7_500, "2 h 05 min"), (90_000, "25 h 00 min"),
    ],
)  # fmt: skip
def test_durations_for_people(seconds: float, said: str) -> None:
    assert duration(seconds) == said


@pytest.mark.parametrize(("number", "said"), [(0, "0 messages"), (1, "1 message"), (1_200, "1,200 messages")])
def test_counted(number: int, said: str) -> None:
    assert counted(number, "message") == said


@pytest.mark.parametrize("answer", ["y", "Y\n", " yes ", "YES", "예", "네\n", "ㅇ"])
def test_these_are_a_yes(answer: str) -> None:
    assert is_yes(answer)


@given(st.text())
def test_anything_else_is_a_no(answer: str) -> None:
    assert is_yes(answer) is (answer.strip().lower() in {"y", "yes", "예", "네", "ㅇ"})


@given(st.text())
def test_printable_text_moves_no_cursor_and_keeps_its_length(text: str) -> None:
    shown = printable(text)
    assert len(shown) == len(text)
    assert not {"\x1b", "\r", "\n", "\u202e", "\u200f", "\x9b", "\x00"} & set(shown)
    assert printable(shown) == shown


@given(st.text(st.characters(exclude_categories=["C", "Z"]) | st.just(" ")), st.integers(10, 100))
def test_folding_keeps_every_word_and_the_width(line: str, width: int) -> None:
    rows = folded(line, width).split("\n")
    assert " ".join(rows).split() == line.split()
    widest = max((columns(word) for word in line.split()), default=0)
    assert columns(line) <= width or all(columns(row.strip()) <= max(width, widest) for row in rows)


@pytest.mark.parametrize(
    ("line", "width", "rows"),
    [
        ("short", 80, ["short"]),
        ("a b c", None, ["a b c"]),
        ("  one two three", 9, ["  one two", "    three"]),
        ("number of 김하늘 씨", 16, ["number of 김하늘", "  씨"]),
        ("/a/very/long/path/that/is/kept", 10, ["/a/very/long/path/that/is/kept"]),
        ("", 10, [""]),
    ],
)
def test_folding(line: str, width: int | None, rows: list[str]) -> None:
    assert folded(line, width).split("\n") == rows


Read = Callable[[Any], Any]
READ: list[tuple[Read, Any, Any]] = [
    (seconds_of, None, None), (seconds_of, "90", 90), (seconds_of, "90s", 90), (seconds_of, "1.5m", 90),
    (seconds_of, "2h", 7_200), (seconds_of, "1d", 86_400),
    (shares_of, None, {}), (shares_of, "", {}), (shares_of, "invalid=1%", {"invalid": 0.01}),
    (shares_of, "failed=0.5 , unknown=100%", {"failed": 0.5, "unknown": 1.0}), (shares_of, "rejected=0", {"rejected": 0}),
    (mapping_of, None, {}), (mapping_of, ["Handy=to", "a=b=name"], {"Handy": "to", "a=b": "name"}),
    (mode_of, "600", 0o600), (mode_of, "0640", 0o640), (mode_of, "666", 0o666),
    (countries_of, None, None), (countries_of, "kr, JP,", ["KR", "JP"]), (countries_of, "", []),
    (time_of, None, None), (time_of, "2026-11-22", datetime.fromisoformat("2026-11-22")),
]  # fmt: skip
REFUSED: list[tuple[Read, Any, str]] = [
    *((seconds_of, value, "--deadline") for value in ("", "s", "0", "-1s", "nan", "inf", "soon", "1w", "1e9")),
    *(
        (shares_of, value, "--tolerate")
        for value in ("invalid", "invalid=", "invalid=101%", "skipped=1%", "failed=nan")
    ),
    *((mapping_of, [value], "--map") for value in ("to", "=to", "")),
    *((mode_of, value, "--file-mode") for value in ("", "rw", "400", "777", "888", "-600")),
    *((time_of, value, "--as-of") for value in ("", "today", "2026-13-01")),
]


@pytest.mark.parametrize(("read", "value", "meant"), READ)
def test_what_is_read(read: Read, value: Any, meant: Any) -> None:
    assert read(value) == meant


@pytest.mark.parametrize(("read", "value", "flag"), REFUSED)
def test_what_is_refused_names_its_flag(read: Read, value: Any, flag: str) -> None:
    with pytest.raises(SettingsError, match=flag):
        read(value)


def test_a_choice() -> None:
    assert choice("--per", None, ("day",)) is None
    assert choice("--per", "day", ("day",)) == "day"
    with pytest.raises(SettingsError, match="--per is one of day, week, not 'year'"):
        choice("--per", "year", ("day", "week"))


def test_problems_are_gathered_and_told_together() -> None:
    problems = Problems()
    problems.tell()

    def fails(error: Exception) -> None:
        raise error

    assert problems.take(lambda: 7) == 7
    assert problems.take(lambda: fails(SettingsError(["a", "b"]))) is None
    assert problems.take(lambda: fails(InputError("c"))) is None
    with pytest.raises(ZeroDivisionError):
        problems.take(lambda: 1 // 0)
    with pytest.raises(SettingsError) as caught:
        problems.tell()
    assert caught.value.problems == ("a", "b", "c")


def test_a_log_line_is_one_json_object_whatever_is_in_it() -> None:
    record = logging.LogRecord("omni_bulk", logging.WARNING, "x.py", 1, "paused\n%s", ("now",), None)
    record.event = "paused"
    record.files = [os.fsdecode(b"\xff.csv")]
    record.more = {"at": date(2026, 11, 22), "for": timedelta(seconds=1)}
    line = JsonLog().format(record)
    assert "\n" not in line
    found = orjson.loads(line)
    assert found.pop("time").startswith("20")
    assert found == {
        "level": "warning", "message": "paused now", "event": "paused", "files": [" .csv"],
        "more": {"at": "2026-11-22", "for": "0:00:01"},
    }  # fmt: skip
