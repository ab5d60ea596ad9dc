"""What stands in a cell that people open in a spreadsheet: never a formula, and no number where it was to be masked.

A CSV says nothing about types, so a spreadsheet guesses, and takes for a formula whatever begins like one. The guesses
that matter here: ``=``, ``+``, ``-`` and ``@`` (also full-width, which Korean and Japanese input methods give) begin a
formula, also behind white space; ``="…"`` is one as well, though exports use it to keep zeros. A leading tab hides the
cell's type in Excel and is dropped elsewhere, a leading apostrophe makes text of it everywhere. So the apostrophe it
is: ``'+821012345678`` is read as written, and nothing is lost, because one apostrophe less is the value.
"""

import re
from typing import Final

CELL_MAX: Final = 32_767
"""Characters (UTF-16 code units) that a cell of a workbook takes."""

_BEGINS_A_FORMULA: Final = re.compile(
    r"[\s\x00-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]*[=+\-@\uff1d\uff0b\uff0d\uff20]|['\t\r\n]"
)
_ALIKE: Final = 8  # last digits by which a number is found again in another field; fewer would meet by chance
_NO_DIGITS: Final = re.compile(r"\D")
_HIDDEN: Final = "(masked)"


def safe(text: str) -> str:
    """The text as a cell of a CSV: with an apostrophe in front if a spreadsheet could take it for a formula."""
    return f"'{text}" if _BEGINS_A_FORMULA.match(text) else text


def fitting(text: str) -> str:
    """The text as far as a cell of a workbook takes it; what is cut ends in ``…``."""
    if len(text) <= CELL_MAX // 2 or len(text.encode("utf-16-le", "surrogatepass")) // 2 <= CELL_MAX:
        return text
    kept = text.encode("utf-16-le", "surrogatepass")[: 2 * (CELL_MAX - 1)]
    return kept.decode("utf-16-le", "ignore") + "…"


def holds(text: str, number: str) -> bool:
    """Whether a field, such as a ref that the list took from it, gives the E.164 number away in any writing."""
    return number[-_ALIKE:] in _NO_DIGITS.sub("", text)


def without(text: str, number: str) -> str:
    """The field, or a word in its place if it gives the number away."""
    return _HIDDEN if holds(text, number) else text
