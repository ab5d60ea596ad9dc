"""Numbers as people may see them on a screen: the country code and the last two digits."""

import re
from typing import Final

SHOWN_MAX: Final = 24
"""Characters of a cell that are shown, masked."""
_LONG_NUMBER: Final = re.compile(r"\+?\d(?:[\s().-]*\d){6,}")
_LETTERS: Final = re.compile(r"[^\W\d_]")


def masked(e164: str) -> str:
    """``+82********78``."""
    digits = e164.removeprefix("+")
    code = next((size for size in (1, 2, 3) if _is_country_code(digits[:size])), 0)
    hidden = max(len(digits) - code - 2, 0)
    return f"+{digits[:code]}{'*' * hidden}{digits[code + hidden :]}"


def masked_cell(cell: str) -> str:
    """The shape of a number cell that could not be read: its punctuation and last two digits, ``x`` for a letter.

    A shifted column or a spreadsheet's damage shows in it, a number or a name does not.
    """
    shape = _LETTERS.sub("x", cell.strip())
    digits = [place for place, char in enumerate(shape) if char.isdigit()]
    hidden = set(digits[:-2])
    shown = "".join("*" if place in hidden else char for place, char in enumerate(shape))
    return shown if len(shown) <= SHOWN_MAX else f"{shown[: SHOWN_MAX - 1]}…"


def numberless(text: str | None) -> str | None:
    """A text of somebody else, in which what could be a phone number is hidden: seven digits or more."""
    return None if text is None else _LONG_NUMBER.sub("(masked)", text)


def _is_country_code(digits: str) -> bool:
    from phonenumbers import COUNTRY_CODE_TO_REGION_CODE  # noqa: PLC0415  counting needs none of it, nor does --help

    return digits.isdecimal() and not digits.startswith("0") and int(digits) in COUNTRY_CODE_TO_REGION_CODE
