"""One row for each recipient, sending and delivery joined, as a file for people or for programs.

Rows go from the ledger to the file one group at a time: a campaign of millions takes no more memory than one of ten.
"""

import csv
import io
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import count, islice
from pathlib import Path
from typing import IO, Any, Final
from zipfile import BadZipFile, ZipFile

import orjson

from omni_bulk.cells import fitting, safe, without
from omni_bulk.delivery import Codes, embedded
from omni_bulk.ledger import reading
from omni_bulk.masking import masked
from omni_bulk.model import CampaignRow
from omni_bulk.page import is_page
from omni_bulk.spans import Span

Row = Mapping[str, Any]
SHEET_ROWS: Final = 1_048_576  # of a workbook, the header among them

COLUMNS: Final = (
    "campaign", "row", "ref", "to", "country", "status", "delivery", "code", "result", "reason", "msgKey", "sentAt",
    "reportCode", "reportText", "reportTime", "billedSegments", "dlrReportCode", "dlrReportText", "dlrReportTime",
    "dlrBilledSegments", "reportType", "reportOther", "dlrReportType", "dlrReportOther", "from", "encoding", "segments", "attempts", "latencyMs", "warnings", "duplicateOf", "wireRef",
    "copy", "seq", "campaignId",
)  # fmt: skip
"""Of a table, from left to right. JSONL has the same names, and whatever else a results line holds."""

_MARK = "omni-bulk export"  # by which a workbook of ours is known again
_HEAD = 64 * 1024  # bytes; longer than the first line of anything written here
_OBJECTS = ("reportOther", "dlrReportOther")  # the fields of a report that nobody has listed, as JSON
_MAY_HOLD_THE_NUMBER = ("ref", "wireRef", "duplicateOf", *_OBJECTS)


def rows(
    db: sqlite3.Connection, campaigns: Iterable[CampaignRow], codes: Codes, span: Span, *, mask: bool = False,
    dlr: bool = False,
) -> Iterator[Row]:  # fmt: skip
    """The recipients of these campaigns, one after the other, each with what became of the message.

    `dlr`: the account has handset reports, so one success report alone means `pending`.
    """
    for campaign in campaigns:
        everybody = reading.recipients(db, campaign, span)
        while group := list(islice(everybody, reading.GROUP)):
            known = reading.deliveries(db, [message for message, _ in group], codes, dlr=dlr)
            for message, fields in group:
                row = fields | known[message]
                yield hidden(row) if mask else row


def hidden(row: Row) -> Row:
    """The row without the recipient's number: only its country code and last two digits."""
    number = row.get("to")
    if number is None:
        return row
    names = (name for name in _MAY_HOLD_THE_NUMBER if isinstance(row.get(name), str))
    return {**row, "to": masked(number), **{name: without(row[name], number) for name in names}}


def write_csv(rows: Iterable[Row], file: IO[bytes]) -> int:
    """UTF-8 with a BOM, without which Korean Excel reads CP949; no cell a spreadsheet could take for a formula."""
    text = io.TextIOWrapper(file, encoding="utf-8-sig", errors="replace", newline="", write_through=False)
    table = csv.writer(text)
    table.writerow(COLUMNS)
    number = 0
    for number, row in enumerate(rows, start=1):  # noqa: B007  the count is the result
        table.writerow([_cell(row.get(name)) for name in COLUMNS])
    text.detach()
    return number


def _cell(value: object) -> object:
    if isinstance(value, str):
        return safe(value)
    return safe("; ".join(map(str, value))) if isinstance(value, list | tuple) else value


def write_jsonl(rows: Iterable[Row], file: IO[bytes]) -> int:
    """One object a line, values as they are."""
    number = 0
    for number, row in enumerate(rows, start=1):  # noqa: B007
        if row.get(_OBJECTS[0]) or row.get(_OBJECTS[1]):
            row = {**row, **{name: embedded(row[name] or "") for name in _OBJECTS}}  # noqa: PLW2901
        file.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
    return number


def write_xlsx(rows: Iterable[Row], file: IO[bytes]) -> int:
    """A workbook whose texts are texts, so that no zero, plus or digit is lost; a further sheet where one is full."""
    from xlsxwriter import Workbook  # noqa: PLC0415  0.1 s, only when one is written

    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with Workbook(file, options) as book:
        book.set_properties({"comments": _MARK})
        style, bold = book.add_format({"num_format": "@"}), book.add_format({"bold": True})
        rows, number = iter(rows), 0
        for sheet_number in count(1):
            sheet = book.add_worksheet(f"recipients {sheet_number}" if sheet_number > 1 else "recipients")
            sheet.freeze_panes(1, 0)
            for column, name in enumerate(COLUMNS):
                sheet.write_string(0, column, name, bold)
            full = True
            for line in range(1, SHEET_ROWS):
                row = next(rows, None)
                if row is None:
                    full = False
                    break
                number += 1
                for column, name in enumerate(COLUMNS):
                    _write_cell(sheet, line, column, row.get(name), style)
            if not full:
                return number
    raise AssertionError("unreachable")  # pragma: no cover


def _write_cell(sheet: Any, line: int, column: int, value: object, style: object) -> None:
    if value is None:
        return
    if isinstance(value, int | float):
        sheet.write_number(line, column, value)
        return
    text = "; ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    sheet.write_string(line, column, fitting(text), style)


FORMATS: Final[Mapping[str, Callable[[Iterable[Row], IO[bytes]], int]]] = {
    "csv": write_csv, "jsonl": write_jsonl, "xlsx": write_xlsx,
}  # fmt: skip


def is_export(path: Path) -> bool:
    """Whether a file was written here, so that a new export may take its place: nobody's list or results may be lost."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if head.startswith(b"PK"):
        try:
            with ZipFile(path) as book:
                return _MARK.encode() in book.read("docProps/core.xml")
        except (BadZipFile, KeyError):
            return False
    if head.startswith(b"{"):
        return head.startswith(b'{"seq":') and b'"delivery":' in head.split(b"\n", 1)[0]
    return is_page(head) or head.startswith(",".join(COLUMNS[:4]).encode("utf-8-sig"))
