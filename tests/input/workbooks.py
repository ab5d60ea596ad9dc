"""A writer of xlsx files, as small as a reader accepts: what a test writes is what stands in the file."""

import datetime as dt
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
FORMATS = ("General", "yyyy-mm-dd", "yyyy-mm-dd hh:mm", "[h]:mm:ss", "hh:mm", "000-0000-0000")


@dataclass(frozen=True)
class Xml:
    """A cell as it stands in the file: its attributes beside the place, and what is in it."""

    attributes: str = ""
    inner: str = ""


Value = str | float | bool | dt.date | Xml | None
Parts = Mapping[str, str | None]
Rows = Sequence[Sequence[Value]]


@dataclass(frozen=True)
class Sheet:
    """`rows` by number, or from 1 on; or `xml`, all that is between the tags of the sheet."""

    rows: Rows | Mapping[int, Sequence[Value]] = ()
    state: str = "visible"
    kind: str = "worksheet"
    xml: str | None = None


Book = Rows | Mapping[str, Sheet | Rows]


def number_format(name: str, value: float | str) -> Xml:
    return Xml(f's="{FORMATS.index(name)}"', f"<v>{value}</v>")


def place(row: int, column: int) -> str:
    letters = ""
    while column:
        column, letter = divmod(column - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return f"{letters}{row}"


def write_workbook(path: str | Path, book: Book, parts: Parts | None = None) -> Path:
    """The workbook at `path`: one sheet of rows, or sheets by name. `parts` replaces parts of the file, or omits them."""
    named: Mapping[str, Sheet | Rows] = book if isinstance(book, Mapping) else {"List": book}
    tables = [table if isinstance(table, Sheet) else Sheet(table) for table in named.values()]
    written: dict[str, str | None] = {**_frame(list(named), tables)}
    for number, sheet in enumerate(tables, start=1):
        cells = sheet.xml if sheet.xml is not None else _cells(sheet.rows)
        written[f"xl/worksheets/sheet{number}.xml"] = f'<worksheet xmlns="{MAIN}">{cells}</worksheet>'
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, part in {**written, **(parts or {})}.items():
            if part is not None:
                file.writestr(name, part)
    return Path(path)


def _cells(rows: Rows | Mapping[int, Sequence[Value]]) -> str:
    numbered = rows if isinstance(rows, Mapping) else dict(enumerate(rows, start=1))
    return "<sheetData>" + "".join(_row(number, values) for number, values in numbered.items()) + "</sheetData>"


def _row(number: int, values: Sequence[Value]) -> str:
    cells = (_cell(place(number, column), value) for column, value in enumerate(values, start=1) if value is not None)
    return f'<row r="{number}">{"".join(cells)}</row>'


def _cell(where: str, value: str | float | dt.date | Xml) -> str:
    if isinstance(value, Xml):
        attributes, inner = value.attributes, value.inner
    elif isinstance(value, str):
        attributes, inner = 't="inlineStr"', f'<is><t xml:space="preserve">{escape(value)}</t></is>'
    elif isinstance(value, dt.date):
        days = (value - dt.date(1899, 12, 30)).days
        attributes, inner = f's="{FORMATS.index("yyyy-mm-dd")}"', f"<v>{days}</v>"
    else:
        attributes, inner = ('t="b"' if isinstance(value, bool) else ""), f"<v>{value + 0!r}</v>"
    return f'<c r="{where}" {attributes}>{inner}</c>'


def _frame(names: list[str], sheets: list[Sheet]) -> dict[str, str]:
    numbers = range(1, len(sheets) + 1)
    relations = "".join(
        f'<Relationship Id="rId{number}" Type="{OFFICE}/{sheet.kind}" Target="worksheets/sheet{number}.xml"/>'
        for number, sheet in zip(numbers, sheets, strict=True)
    )
    entries = "".join(
        f'<sheet name={quoteattr(name)} sheetId="{number}" state="{sheet.state}" r:id="rId{number}"/>'
        for number, name, sheet in zip(numbers, names, sheets, strict=True)
    )
    formats = "".join(
        f'<numFmt numFmtId="{164 + n}" formatCode={quoteattr(name)}/>' for n, name in enumerate(FORMATS) if n
    )
    styles = "".join(f'<xf numFmtId="{164 + n if n else 0}"/>' for n in range(len(FORMATS)))
    content = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    overrides = "".join(
        f'<Override PartName="/xl/{name}.xml" ContentType="{content}.{kind}+xml"/>'
        for name, kind in [
            ("workbook", "sheet.main"),
            ("styles", "styles"),
            *((f"worksheets/sheet{n}", "worksheet") for n in numbers),
        ]
    )
    return {
        "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types"><Default Extension="rels" '
        f'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>{overrides}</Types>',
        "_rels/.rels": f'<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="rId1" '
        f'Type="{OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}/relationships">{relations}'
        f'<Relationship Id="rId{len(sheets) + 1}" Type="{OFFICE}/styles" Target="styles.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets>{entries}</sheets></workbook>',
        "xl/styles.xml": f'<styleSheet xmlns="{MAIN}"><numFmts count="{len(FORMATS) - 1}">{formats}</numFmts>'
        '<fonts count="1"><font/></fonts><fills count="1"><fill><patternFill/></fill></fills><borders count="1"><border/></borders>'
        f'<cellStyleXfs count="1"><xf/></cellStyleXfs><cellXfs count="{len(FORMATS)}">{styles}</cellXfs>'
        '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>',
    }
