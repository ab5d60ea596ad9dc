"""Rows of an xlsx workbook. Importing this loads calamine, so only what meets a workbook imports it.

calamine gives the values of a sheet, all of them at once. It gives nothing for a cell that shows an error, and ends the
process when what a file claims does not fit into memory; `xlsx` sees to both first.
"""

import datetime as dt
import math
from collections.abc import Iterator
from decimal import Decimal
from os import PathLike
from pathlib import Path
from typing import Final

from python_calamine import CalamineError, CalamineWorkbook

from omni_bulk.errors import InputError
from omni_bulk.records import Row, listed, unfit
from omni_bulk.sentences import said
from omni_bulk.xlsx import UNREADABLE, Contents

_EXACT: Final = 2**53  # below, a float is every whole number
_Value = int | float | str | bool | dt.time | dt.date | dt.timedelta


class Workbook:
    """One sheet of a workbook: the first visible one, or the one called `sheet`.

    The sheet is held in memory, with a copy of its text for each cell: 100,000 rows of five short cells take 50 MB, and
    2 s to load. `shown` is what `file` is called in sentences. Values are those stored, not as a format shows them: dates as ISO 8601, whole numbers as
    digits, formulas by their last result. A cell without one, or with an error, makes its row `bad_cell`.

    :raises InputError: if there is no such sheet, or the file is none that can be read.
    """

    def __init__(self, file: Path, shown: str | PathLike[str], sheet: str | None = None) -> None:
        with file.open("rb") as stream:
            try:
                contents = Contents(stream, shown, sheet)
                stream.seek(0)
                with CalamineWorkbook.from_filelike(stream) as book:
                    self._sheet = book.get_sheet_by_name(contents.sheet)
            except (*UNREADABLE, CalamineError) as error:
                raise InputError(
                    said(
                        "{shown} is damaged, or not what a workbook should be: save it anew as .xlsx or CSV (UTF-8).",
                        shown=shown,
                    )
                ) from error
        self.name = contents.sheet
        self._broken = contents.broken
        self.notes = tuple(_notes(contents, chosen=sheet is not None))

    def rows(self) -> Iterator[Row]:
        """Rows that are not blank, the header first, numbered as a spreadsheet numbers them."""
        rows = self._sheet.iter_rows()
        number = 0
        while True:
            number += 1
            try:
                values = next(rows)
            except StopIteration:
                return
            except BaseException as error:
                # A duration or a date that no calendar has: the one is an error, the other a panic, which is none. The
                # iterator goes on behind it.
                if not isinstance(error, OverflowError) and type(error).__module__ != "pyo3_runtime":
                    raise
                yield number, [], "bad_cell"
                continue
            read = [_cell(value) for value in values]
            cells = [cell or "" for cell in read]
            if number in self._broken:
                yield number, cells, "bad_cell"
            elif None in read:
                yield number, cells, "inexact_number"
            elif any(map(str.strip, cells)):
                yield number, cells, unfit(cells, sum(map(len, cells)))


def _notes(contents: Contents, *, chosen: bool) -> Iterator[str]:
    own = listed([contents.sheet])
    if contents.others and not chosen:
        yield said(
            "The list is read from the sheet {own}, not from {others}: --sheet NAME changes that.",
            own=own,
            others=listed(contents.others),
        )
    if contents.hidden:
        yield said(
            "{hidden} rows of the sheet {own} are hidden, and are read like the others.",
            hidden=contents.hidden,
            own=own,
        )


def _cell(value: _Value) -> str | None:
    """The value as text, None for a number that is not known exactly."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return _number(value)
    if isinstance(value, dt.timedelta):
        seconds = round(value.total_seconds())
        minutes, hours = abs(seconds) // 60 % 60, abs(seconds) // 3600
        return f"{'-' if seconds < 0 else ''}{hours}:{minutes:02}:{abs(seconds) % 60:02}"
    return value.isoformat()


def _number(value: float) -> str | None:
    if not math.isfinite(value) or abs(value) >= _EXACT:
        return None
    if value == int(value):
        return str(int(value))
    return format(Decimal(format(value, ".15g")), "f")  # as many digits as a spreadsheet shows, and no exponent
