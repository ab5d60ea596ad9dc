"""Cells for spreadsheets, and numbers masked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omni_bulk.cells import CELL_MAX, fitting, holds, safe, without
from omni_bulk.masking import masked
from omni_bulk.phone import Phone, normalise

FORMULA = "=+-@＝＋－＠"


@pytest.mark.parametrize(
    "text",
    [
        "=1+1", '="+821012345678"', "+821012345678", "-2+3", "@SUM(A1)", "＝1+1", "＋82", "－1", "＠x", " =1", "\t=1",
        "\ufeff=1", "\u200b=1", "\r=1", "\n=1", "\x00=1", "\u3000=1", "\u2066=1", "'=1", "'", "\tx",
    ],
)  # fmt: skip
def test_what_a_spreadsheet_could_take_for_a_formula_gets_an_apostrophe(text: str) -> None:
    assert safe(text) == "'" + text


@pytest.mark.parametrize("text", ["", "x", "홍길동", "a=b", "1-2", "0212345678", "ob-abc", " x", "10000", "a\tb"])
def test_everything_else_stays(text: str) -> None:
    assert safe(text) == text


@given(st.text())
def test_no_cell_begins_a_formula_and_none_loses_anything(text: str) -> None:
    cell = safe(text)
    assert cell.lstrip()[:1] not in FORMULA or not cell.lstrip()
    assert (cell.removeprefix("'")) == text


def test_a_number_in_a_cell_is_read_again() -> None:
    assert normalise(safe("+821012345678")) == Phone("+821012345678", "KR")


def test_a_cell_of_a_workbook_is_cut_where_it_is_full() -> None:
    assert fitting("x" * CELL_MAX) == "x" * CELL_MAX
    assert fitting("x" * (CELL_MAX + 1)) == "x" * (CELL_MAX - 1) + "…"
    assert fitting("😀" * CELL_MAX).endswith("😀…")


@given(st.text(alphabet="x😀한", max_size=9), st.integers(CELL_MAX // 2 - 5, CELL_MAX + 5))
def test_a_cut_text_always_fits(end: str, length: int) -> None:
    for begin in ("x", "😀"):
        assert len(fitting(begin * length + end).encode("utf-16-le")) // 2 <= CELL_MAX


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("+821012345678", "+82********78"), ("+12025550123", "+1********23"), ("+85212345678", "+852******78"),
        ("+6901234", "+690**34"), ("+999", "+*99"), ("+0821", "+**21"), ("+82", "+82"), ("", "+"), ("+1x", "+1x"),
    ],
)  # fmt: skip
def test_a_number_is_masked_but_for_its_country_code_and_two_digits(number: str, shown: str) -> None:
    assert masked(number) == shown


@pytest.mark.parametrize("ref", ["+821012345678", "010-1234-5678", "order 01012345678/2", "0082 10 1234 5678"])
def test_a_field_that_holds_the_number_gives_it_away(ref: str) -> None:
    assert holds(ref, "+821012345678")
    assert without(ref, "+821012345678") == "(masked)"


def test_a_field_that_does_not_is_left() -> None:
    assert without("order-77", "+821012345678") == "order-77"
