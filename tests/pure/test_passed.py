"""Rows that need no second look: which, how many, and whether two runs are over the same list in the same way."""

import re
import subprocess
import sys
from dataclasses import dataclass, replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omni_bulk import Template
from omni_bulk.passed import Passed, trace
from omni_bulk.rules import Composition
from omni_bulk.tables import country_rules

ROWS = st.frozensets(st.integers(1, 300))


@given(ROWS, st.integers(-5, 400))
def test_it_holds_the_rows_it_was_given(rows: frozenset[int], row: int) -> None:
    passed = Passed(rows, [1])
    assert (row in passed) == (row in rows)
    assert len(passed) == len(rows)


@given(ROWS, st.integers(0, 400), st.none() | st.integers(0, 400))
def test_it_counts_between_two_lines(rows: frozenset[int], after: int, upto: int | None) -> None:
    assert Passed(rows, [1]).between(after, upto) == sum(row > after and (upto is None or row <= upto) for row in rows)


def test_a_row_is_sent_by_its_runs_only() -> None:
    passed = Passed([7], [3, 4])
    assert passed.sent(7, 3)
    assert not passed.sent(7, 5)
    assert not passed.sent(8, 3)
    assert not passed.sent(None, 3)
    assert "7" not in passed


def test_it_takes_an_eighth_of_a_byte_a_line() -> None:
    assert sys.getsizeof(Passed(range(1, 1_000_001), [1])._bits) < 270_000


@dataclass(frozen=True)
class _Other:
    text: str


COMPOSITION = Composition(
    Template("Hello {name}"), countries=frozenset({"KR", "JP", "CN", "VN"}), rules=country_rules()
)
CHANGES = [
    {"template": Template("Hello  {name}")}, {"template": Template("Hello {name}", from_="1")}, {"from_": "0212345678"},
    {"countries": frozenset({"KR", "JP", "CN"})}, {"countries": None}, {"region": "KR"}, {"text_max": 90},
    {"strict": True}, {"allow": frozenset({"link"})}, {"signature": "INFO"}, {"normalize": "NFC"}, {"rules": Composition().rules},
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: next(iter(change)))
def test_whatever_changes_a_message_changes_the_trace(change: dict[str, object]) -> None:
    changed = replace(COMPOSITION, **change)  # type: ignore[arg-type]
    assert trace(b"list", COMPOSITION) != trace(b"list", changed)
    assert trace(b"list", changed) == trace(b"list", replace(changed))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b"list", b"other list"), ("1", 1), (("a", "b"), ("ab",)), ({"a": "b"}, {"b": "a"}), (None, ""),
        (re.compile("a" * 300 + "b"), re.compile("a" * 300 + "c")), (re.compile("a"), re.compile("a", re.IGNORECASE)),
        (date(2026, 1, 1), date(2026, 1, 2)), (Template("x"), _Other("x")),
    ],
)  # fmt: skip
def test_different_things_have_different_traces(one: object, other: object) -> None:
    assert trace(one) != trace(other)


def test_another_process_finds_the_same_trace() -> None:
    code = "from tests.pure.test_passed import COMPOSITION, trace; print(trace(b'list', {'a': 'b'}, COMPOSITION))"
    told = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert told == {f"{trace(b'list', {'a': 'b'}, COMPOSITION)}\n".encode()}
