"""What an xlsx file is made of, read before anything of it is loaded: its size, its sheets, and where cells are.

A few kilobytes can claim so many cells or strings that a reader ends the process for want of memory, so what a file
claims is checked here first.
"""

import mmap
import zlib
from collections.abc import Callable
from functools import lru_cache
from os import PathLike
from posixpath import join, normpath
from typing import BinaryIO, Final, NamedTuple
from xml.parsers import expat
from zipfile import BadZipFile, ZipFile

from omni_bulk.errors import InputError
from omni_bulk.records import listed
from omni_bulk.sentences import said

UNREADABLE: Final = (BadZipFile, EOFError, KeyError, RuntimeError, ValueError, expat.ExpatError, zlib.error)
"""What reading a damaged workbook raises here, beside `InputError`."""
FILE_MAX: Final = 256 * 1024 * 1024
"""Bytes of a workbook."""
UNZIPPED_MAX: Final = 1024 * 1024 * 1024
"""Bytes of all its parts; a sheet of a million rows and ten columns has about half as many."""
RATIO_MAX: Final = 300
"""How much a part of more than `RATIO_FREE` may shrink. Sheets shrink to a sixth; one of a single repeated text to a
two hundredth; bombs to a thousandth."""
RATIO_FREE: Final = 32 * 1024 * 1024
"""Bytes of a part from which `RATIO_MAX` holds."""
CELLS_MAX: Final = 20_000_000
"""Cells of the rectangle around all that is filled, each of which takes memory whether it is filled or not."""

_VALUES: Final = ("v", "is")
_Element = Callable[[str, dict[str, str]], None]


class Contents:
    """What a workbook has beside the values, of the first visible sheet or the one that is `wanted`.

    `sheet` is its name, `others` the names of the other visible sheets. `broken` are the rows with a cell that shows an
    error or has a formula without a result, `hidden` counts the rows that are not shown.

    :raises InputError: if there is no such sheet, or the file is none that can be read within the bounds of this
        module. `shown` is what the file is called then.
    """

    def __init__(self, file: BinaryIO, shown: str | PathLike[str], wanted: str | None) -> None:
        _check_kind(file, shown)
        with ZipFile(file) as parts:
            _check_sizes(parts, shown)
            _check_strings(parts)
            sheets = _sheets(parts)
            self.sheet = _chosen(sheets, shown, wanted)
            places = _Places(parts, sheets[self.sheet].part)
        rows, columns = places.span
        if rows * columns > CELLS_MAX:
            raise InputError(
                said(
                    "The sheet {sheet} of {shown} spans {rows} rows and {columns} columns, too many to be "
                    "read: delete what stands far from the list (Ctrl+End goes there), or save the sheet as CSV (UTF-8).",
                    sheet=listed([self.sheet]),
                    shown=shown,
                    rows=rows,
                    columns=columns,
                )
            )
        self.others = [name for name, sheet in sheets.items() if sheet.visible and name != self.sheet]
        self.broken, self.hidden = places.broken, places.hidden


def _check_kind(stream: BinaryIO, shown: str | PathLike[str]) -> None:
    size = stream.seek(0, 2)
    if size > FILE_MAX:
        raise InputError(
            _too_large(shown, said("it has {size} MiB, and {most} are the most", size=size >> 20, most=FILE_MAX >> 20))
        )
    stream.seek(0)
    if stream.read(2) == b"PK":
        return
    with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as whole:
        protected = whole.find("EncryptedPackage".encode("utf-16-le")) >= 0
    if protected:
        raise InputError(
            said("{shown} is protected by a password: save it without one, or as CSV (UTF-8).", shown=shown)
        )
    raise InputError(
        said("{shown} is of an old Office format, such as .xls: save it as .xlsx or CSV (UTF-8).", shown=shown)
    )


def _check_sizes(parts: ZipFile, shown: str | PathLike[str]) -> None:
    """What the zip directory says, before anything is unpacked."""
    if "xl/workbook.xml" not in parts.namelist():
        raise InputError(
            said("{shown} is a zip file, but no .xlsx workbook: save the list as .xlsx or CSV (UTF-8).", shown=shown)
        )
    unzipped = sum(part.file_size for part in parts.infolist())
    if unzipped > UNZIPPED_MAX:
        raise InputError(
            _too_large(
                shown,
                said(
                    "it unpacks to {unzipped} MiB, and {most} are the most",
                    unzipped=unzipped >> 20,
                    most=UNZIPPED_MAX >> 20,
                ),
            )
        )
    for part in parts.infolist():
        if part.file_size > max(RATIO_FREE, RATIO_MAX * part.compress_size):
            raise InputError(
                _too_large(shown, said("a part of it unpacks to over {times} times its size", times=RATIO_MAX))
            )


def _too_large(shown: str | PathLike[str], why: str) -> str:
    return said(
        "{shown} is too large for a workbook: {why}. Save the sheet as CSV (UTF-8), which is read at any size.",
        shown=shown,
        why=why,
    )


class _Sheet(NamedTuple):
    part: str
    visible: bool


def _sheets(parts: ZipFile) -> dict[str, _Sheet]:
    """The worksheets by name, in their order; charts and dialogs are left out."""
    targets: dict[str, str] = {}
    sheets: dict[str, _Sheet] = {}

    def relation(tag: str, found: dict[str, str]) -> None:
        if tag == "Relationship" and found["Type"].endswith("/worksheet"):
            targets[found["Id"]] = normpath(join("xl", found["Target"])).lstrip("/")

    def sheet(tag: str, found: dict[str, str]) -> None:
        if tag == "sheet":
            ids = (value for name, value in found.items() if name.endswith(":id"))
            if (part := targets.get(next(ids, ""))) is not None:
                sheets[found["name"]] = _Sheet(part, found.get("state", "visible") == "visible")

    _parse(parts, "xl/_rels/workbook.xml.rels", _parser(relation))
    _parse(parts, "xl/workbook.xml", _parser(sheet))
    if not sheets:
        raise ValueError("no worksheet")
    return sheets


def _chosen(sheets: dict[str, _Sheet], shown: str | PathLike[str], wanted: str | None) -> str:
    if wanted is None:
        first = next((name for name, sheet in sheets.items() if sheet.visible), None)
        if first is None:
            raise InputError(
                said("{shown} has no visible sheet: --sheet NAME may be {sheets}.", shown=shown, sheets=listed(sheets))
            )
        return first
    for name in sheets:
        if name.casefold() == wanted.strip().casefold():
            return name
    raise InputError(
        said(
            "{shown} has no sheet {sheet}: --sheet NAME may be {sheets}.",
            shown=shown,
            sheet=listed([wanted]),
            sheets=listed(sheets),
        )
    )


class _Places:
    """What is where in a sheet, beside the values: the rows with a cell that has none, hidden rows, the rectangle."""

    def __init__(self, parts: ZipFile, part: str) -> None:
        self.broken: set[int] = set()
        self.hidden = 0
        self._rows = self._columns = (0, 0)  # the first and the last that has a value
        self._row = self._column = 0
        self._row_hidden = False  # and not counted yet
        self._type: str | None = None
        self._formula = False  # whether the cell has one, and no result yet
        self._parser = _parser(self._element)
        _parse(parts, part, self._parser)
        self._end_cell()

    @property
    def span(self) -> tuple[int, int]:
        """Rows and columns of the rectangle around all values."""
        return self._rows[1] - self._rows[0] + 1, self._columns[1] - self._columns[0] + 1

    def _element(self, tag: str, found: dict[str, str]) -> None:
        """Called once for each cell, and once for each value: a microsecond here is a second for a long list."""
        if tag == "c":
            if self._formula:
                self._end_cell()
            if (place := found.get("r")) is None:
                self._column += 1
            else:
                letters = place.rstrip("0123456789")
                self._row, self._column = int(place[len(letters) :]), _column(letters)
            self._type = found.get("t")
        elif tag in _VALUES:
            if not self._rows[0] <= self._row <= self._rows[1]:
                first, last = self._rows
                self._rows = min(first or self._row, self._row), max(last, self._row)
            if not self._columns[0] <= self._column <= self._columns[1]:
                first, last = self._columns
                self._columns = min(first or self._column, self._column), max(last, self._column)
            if self._type == "e" or self._row_hidden or self._formula:
                self._odd_value()
        elif tag == "f":
            self._formula = self._type != "str"  # the result of a formula with that type may well be empty
        elif tag == "row":
            self._end_cell()
            self._row, self._column = int(found.get("r", self._row + 1)), 0
            self._row_hidden = found.get("hidden") in ("1", "true")

    def _odd_value(self) -> None:
        if self._type == "e":
            self.broken.add(self._row)
        if self._row_hidden:
            self._row_hidden = False
            self.hidden += 1
        if self._formula:
            self._parser.CharacterDataHandler = self._result

    def _result(self, _: str) -> None:
        self._formula = False
        self._parser.CharacterDataHandler = None

    def _end_cell(self) -> None:
        if self._formula:
            self.broken.add(self._row)
            self._result("")


@lru_cache(maxsize=1024)
def _column(letters: str) -> int:
    """The number of a column: 1 for A, 27 for AA."""
    if not (letters.isascii() and letters.isalpha() and len(letters) <= 3):
        raise ValueError(letters)
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - ord("A") + 1
    return number


def _check_strings(parts: ZipFile) -> None:
    """A reader makes room for as many strings as the part of them claims to have."""

    def count(tag: str, found: dict[str, str]) -> None:
        if tag == "sst" and int(found.get("uniqueCount", 0)) > CELLS_MAX:
            raise ValueError("uniqueCount")

    for name in parts.namelist():
        if name.lower().endswith("sharedstrings.xml"):
            _parse(parts, name, _parser(count))


def _parser(element: _Element) -> expat.XMLParserType:
    """Calls `element` with the local name and the attributes of each element."""

    def refuse(*_: object) -> None:
        raise ValueError("a document type: no workbook has one, and its entities may grow without bound")

    def root(name: str, found: dict[str, str]) -> None:
        prefix = name[: name.find(":") + 1]  # some writers give one to every element
        element(name.removeprefix(prefix), found)
        parser.StartElementHandler = (
            (lambda name, found: element(name.removeprefix(prefix), found)) if prefix else element
        )

    parser = expat.ParserCreate()
    parser.StartElementHandler = root
    parser.StartDoctypeDeclHandler = refuse
    return parser


def _parse(parts: ZipFile, name: str, parser: expat.XMLParserType) -> None:
    with parts.open(name) as stream:
        parser.ParseFile(stream)
