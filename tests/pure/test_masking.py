"""What people may see of a number."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omni_bulk.masking import SHOWN_MAX, masked, masked_cell


@pytest.mark.parametrize(
    ("number", "shown"),
    [("+821012345678", "+82********78"), ("+12025550123", "+1********23"), ("+3541234", "+354**34"), ("+999123", "+****23"), ("+8", "+8")],
)  # fmt: skip
def test_a_number_keeps_its_country_code_and_two_digits(number: str, shown: str) -> None:
    assert masked(number) == shown


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ("8.21012E+11", "*.*****x+11"), (" 010-1234-5678", "***-****-**78"), ("김하늘", "xxx"), ("call me", "xxxx xx"),
        ("", ""), ("1" * 40, "*" * (SHOWN_MAX - 1) + "…"),
    ],
)  # fmt: skip
def test_a_cell_keeps_its_shape(cell: str, shown: str) -> None:
    assert masked_cell(cell) == shown


@given(st.text())
def test_no_cell_shows_more_than_two_digits_and_no_letter(cell: str) -> None:
    shown = masked_cell(cell)
    assert sum(map(str.isdigit, shown)) <= 2
    assert not any(char.isalpha() and char != "x" for char in shown)
