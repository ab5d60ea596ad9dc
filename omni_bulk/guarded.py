"""Cells that survive a spreadsheet: the columns of a rejects file, and the way back. Pure.

A spreadsheet that opens a CSV takes ``+821012345678`` for a number and saves 8.21012E+11, drops the zero of
``01012345678``, makes a date of ``3-5``, and runs what begins with ``=``. An apostrophe in front makes all of them
text. A file whose header has our reason column is read with one apostrophe less, so a cell comes back as it was.
"""

import re
from collections.abc import Mapping
from typing import Final

from omni_bulk.records import key

REASON: Final[Mapping[str, str]] = {"en": "omni-bulk: reason", "ko": "omni-bulk: 사유"}
"""The header of the reason column, by language."""
MARK: Final = "omni-bulk: "
"""What it begins with in every language: by it a file is known as one of ours."""
_REASONS: Final = frozenset(map(key, REASON.values()))
_CHANGED: Final = re.compile(
    r"\d|[\s\x00-\x1f]*['=+\-@\uff1d\uff0b\uff0d\uff20]|(true|false)\Z|[\t\r\n]", re.IGNORECASE
)


def guarded(cell: str) -> str:
    """The cell with an apostrophe in front, where a spreadsheet would change it, run it, or take an apostrophe off."""
    return f"'{cell}" if _CHANGED.match(cell) or any(map(str.isdigit, cell)) else cell


def unguarded(cell: str) -> str:
    """The way back: ``unguarded(guarded(cell)) == cell``. A cell that somebody typed anew is what they typed."""
    return cell.removeprefix("'")


def reason_column(header: list[str]) -> int | None:
    """Where the reason column is in the header of a rejects file; None in any other list."""
    return next((place for place, name in enumerate(header) if key(unguarded(name.strip())) in _REASONS), None)
