"""Lists that are workbooks: the cells as they are meant, the rows as Excel numbers them, and files that are traps."""

import datetime as dt
import gzip
import io
import subprocess
import sys
import threading
import zipfile
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import pytest

from omni_bulk import workbook, xlsx
from omni_bulk.errors import InputError
from omni_bulk.records import FIELD_MAX
from omni_bulk.source import Source, read_recipients
from tests.input.workbooks import MAIN, Book, Parts, Rows, Sheet, Value, Xml, number_format, write_workbook

DAMAGED = r"^list.xlsx is damaged, or not what a workbook should be: save it anew as .xlsx or CSV \(UTF-8\)\.$"
OLD_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)


def listed(book: Book, sheet: str | None = None, parts: Parts | None = None) -> Source:
    return read_recipients(write_workbook("list.xlsx", book, parts), sheet=sheet)


def brief(source: Source) -> list[tuple[int, str, str | None]]:
    return [(row.row, row.to, row.problem) for row in source]


def refusal(source: Source) -> str:
    with pytest.raises(InputError) as caught:
        list(source)
    return str(caught.value)


class TestCells:
    @pytest.mark.parametrize(
        ("cell", "expected"),
        [
            ("00821020000000", "00821020000000"),
            (" a ", " a "),
            ("line\nbreak", "line\nbreak"),
            ("<&>", "<&>"),
            (821020000000, "821020000000"),
            (821020000000.0, "821020000000"),
            (Xml("", "<v>1.02345678e9</v>"), "1023456780"),
            (Xml("", "<v>8.2101E+11</v>"), "821010000000"),
            (number_format("000-0000-0000", 1020000000), "1020000000"),
            (2**53 - 1, "9007199254740991"),
            (-(2**53) + 1, "-9007199254740991"),
            (-0.0, "0"),
            (12.5, "12.5"),
            (0.1 + 0.2, "0.3"),
            (1e-7, "0.0000001"),
            (True, "true"),
            (False, "false"),
            (dt.date(2025, 10, 3), "2025-10-03"),
            (number_format("yyyy-mm-dd hh:mm", 45933.604166666664), "2025-10-03T14:30:00"),
            (number_format("hh:mm", 0.604166666666667), "14:30:00"),
            (number_format("[h]:mm:ss", 1.5), "36:00:00"),
            (number_format("[h]:mm:ss", -0.75), "-18:00:00"),
            (Xml('t="d"', "<v>2025-10-03</v>"), "2025-10-03"),
            (Xml('t="inlineStr"', '<is><r><t xml:space="preserve">Kim </t></r><r><t>Ha</t></r></is>'), "Kim Ha"),
            (Xml("", "<f>A1*2</f><v>4</v>"), "4"),
            (Xml('t="str"', "<f>A1&amp;B1</f><v>0012</v>"), "0012"),
            (Xml('t="str"', '<f>""</f><v></v>'), ""),
            (Xml('t="str"', '<f>""</f>'), ""),
            (Xml('s="1"'), ""),
            (None, ""),
        ],
    )
    def test_a_value_reads_as_it_is_meant(self, cell: Value, expected: str) -> None:
        (row,) = listed([["to", "x"], ["+1", cell]])
        assert (row.problem, row.fields.get("x")) == (None, expected)

    @pytest.mark.parametrize("error", ["#N/A", "#DIV/0!", "#REF!", "#VALUE!", "#NAME?", "#NULL!", "#NUM!"])
    def test_an_error_is_no_blank(self, error: str) -> None:
        cell = Xml('t="e"', f"<f>X</f><v>{error}</v>")
        source = listed([["to", "x", "y"], ["+1", "a"], ["+2", cell, "b"], ["+3", "c"], [None, None, cell]])
        assert brief(source) == [(2, "+1", None), (3, "+2", "bad_cell"), (4, "+3", None), (5, "", "bad_cell")]

    @pytest.mark.parametrize("inner", ["<f>A1</f>", "<f>A1</f><v/>", "<f>A1</f><v></v>", '<f t="shared" si="0"/><v/>'])
    @pytest.mark.parametrize("last", [False, True])
    def test_a_formula_that_nothing_calculated_is_no_blank(self, inner: str, last: bool) -> None:
        formula = Xml("", inner)
        row: list[Value] = ["+2", formula] if last else [formula, "+2"]
        source = listed([["x", "to"] if not last else ["to", "x"], row, ["a", "b"]])
        assert [(found.row, found.problem) for found in source] == [(2, "bad_cell"), (3, None)]

    @pytest.mark.parametrize(
        "number", ["9007199254740992", "9007199254740993", "-9007199254740993", "1e30", "1e999", "NaN"]
    )
    def test_a_number_that_lost_digits_is_nobody_s(self, number: str) -> None:
        cell = Xml("", f"<v>{number}</v>")
        assert brief(listed([["to"], [cell], ["+2"]])) == [(2, "", "inexact_number"), (3, "+2", None)]
        (row,) = listed([["to", "ref"], ["+1", cell]])
        assert (row.to, row.ref, row.problem) == ("+1", None, "inexact_number")

    @pytest.mark.parametrize("value", ["1e15", "-1e15"])  # one is an OverflowError of calamine, the other a panic
    def test_a_time_that_no_calendar_has_leaves_its_neighbours_alone(self, value: str) -> None:
        source = listed([["to", "x"], ["+1", 1], ["+2", number_format("[h]:mm:ss", value)], ["+3", 3]])
        assert brief(source) == [(2, "+1", None), (3, "", "bad_cell"), (4, "+3", None)]

    def test_other_exceptions_of_the_reader_are_bugs(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def rows() -> Any:
            yield ["to"]
            raise KeyboardInterrupt

        source = listed([["to"]])
        monkeypatch.setattr(source._workbook, "_sheet", SimpleNamespace(iter_rows=rows))
        with pytest.raises(KeyboardInterrupt):
            list(source)

    def test_a_cell_as_long_as_a_book(self) -> None:
        source = listed([["to", "x"], ["+1", "x" * FIELD_MAX], ["+2", "x" * (FIELD_MAX + 1)]])
        assert brief(source) == [(2, "+1", None), (3, "+2", "field_too_long")]


class TestRows:
    def test_the_numbers_are_those_that_excel_shows(self) -> None:
        rows = {3: [None, "to", "name"], 5: [None, "+1", "Kim"], 8: [None, " ", ""], 9: [None, "+2", "Lee"]}
        source = listed({"A": Sheet(rows)})
        assert [(row.row, row.to, row.fields["name"]) for row in source] == [(5, "+1", "Kim"), (9, "+2", "Lee")]
        assert list(source) == list(source)

    def test_places_may_be_left_out(self) -> None:
        data = "<sheetData><row><c t='str'><v>to</v></c><c t='str'><v>x</v></c></row><row/>"
        data += "<row><c><v>1</v></c><c t='e'><v>#N/A</v></c></row><row><c><v>2</v></c></row></sheetData>"
        assert brief(listed({"A": Sheet(xml=data)})) == [(3, "1", "bad_cell"), (4, "2", None)]

    def test_a_prefix_on_every_element(self) -> None:
        data = '<x:row r="1"><x:c r="A1" t="str"><x:v>to</x:v></x:c></x:row>'
        data += '<x:row r="2"><x:c r="A2" t="e"><x:v>#N/A</x:v></x:c></x:row><x:row r="3"><x:c r="A3"><x:v>7</x:v></x:c></x:row>'
        part = f'<x:worksheet xmlns:x="{MAIN}"><x:sheetData>{data}</x:sheetData></x:worksheet>'
        source = listed([["to"]], parts={"xl/worksheets/sheet1.xml": part})
        assert brief(source) == [(2, "", "bad_cell"), (3, "7", None)]

    def test_shared_strings(self) -> None:
        strings = f'<sst xmlns="{MAIN}" count="2" uniqueCount="2"><si><t>to</t></si><si><t>+1</t></si></sst>'
        rows = [[Xml('t="s"', "<v>0</v>")], [Xml('t="s"', "<v>1</v>")]]
        assert brief(listed(rows, parts={"xl/sharedStrings.xml": strings})) == [(2, "+1", None)]

    def test_blank_and_merged_columns_are_no_cells_too_many(self) -> None:
        merged = '<mergeCells count="1"><mergeCell ref="B1:D1"/></mergeCells>'
        data = '<sheetData><row r="1"><c r="A1" t="str"><v>to</v></c><c r="B1" t="str"><v>name</v></c>'
        data += '<c r="C1" s="1"/><c r="D1" s="1"/><c r="XFD1" s="1"/></row>'
        data += '<row r="2"><c r="A2" t="str"><v>+1</v></c><c r="F2" t="str"><v>a remark</v></c></row></sheetData>'
        source = listed({"A": Sheet(xml=data + merged)})
        assert brief(source) == [(2, "+1", None)]
        assert source.columns.fields == {"to": 0, "name": 1}

    def test_names_in_the_header_may_be_numbers(self) -> None:
        assert [row.fields for row in listed([["to", 2025, True], ["+1", "a", "b"]])] == [
            {"to": "+1", "2025": "a", "true": "b"}
        ]

    def test_sentences(self) -> None:
        assert refusal(listed({"Kim's": [[" "]]})) == (
            'The sheet "Kim\'s" of list.xlsx is empty: it needs at least a header such as to,name.'
        )
        assert refusal(listed([["to", Xml('t="e"', "<v>#N/A</v>")], ["+1"]])) == (
            "The header of list.xlsx cannot be read: one of its cells shows an error such as #N/A, or has a formula "
            "whose result was not saved."
        )
        assert refusal(listed([["x", None, "y"], ["+1", "a", "b"]])).startswith(
            'No column is known to hold the number among "x", "y": call it to'
        )

    def test_the_map_and_the_kind(self) -> None:
        write_workbook("list.xlsx", [["Tel", "No"], ["+1", 7]])
        source = read_recipients("list.xlsx", mapping={"No": "ref"})
        assert [(row.to, row.ref) for row in source] == [("+1", "7")]
        assert (source.kind, source.encoding, source.name) == ("ref", None, "list")
        assert listed([["to"], ["+1"]]).kind == "number"

    def test_the_rows_stay_those_that_were_loaded(self) -> None:
        source = listed([["to"], ["+1"]])
        assert brief(source) == [(2, "+1", None)]
        write_workbook("list.xlsx", [["to"], ["+2"]])
        assert brief(source) == [(2, "+1", None)]

    def test_any_thread_may_go_on(self) -> None:
        rows = iter(listed([["to"], ["+1"], ["+2"]]))
        found = [next(rows).to]
        thread = threading.Thread(target=lambda: found.extend(row.to for row in rows))
        thread.start()
        thread.join()
        assert found == ["+1", "+2"]


class TestSheets:
    BOOK: Final[Mapping[str, Sheet | Rows]] = {
        "Notes": Sheet([["to"], ["+0"]], state="hidden"),
        "Chart": Sheet(kind="chartsheet"),
        "October": [["to"], ["+1"]],
        "고객 명단": [["to"], ["+2"]],
        "Secret": Sheet([["to"], ["+3"]], state="veryHidden"),
    }

    @pytest.mark.parametrize(
        ("wanted", "number"),
        [(None, "+1"), ("October", "+1"), (" october ", "+1"), ("고객 명단", "+2"), ("Notes", "+0"), ("SECRET", "+3")],
    )
    def test_the_first_visible_or_the_one_named(self, wanted: str | None, number: str) -> None:
        assert [row.to for row in listed(self.BOOK, wanted)] == [number]

    def test_a_choice_among_several_is_told(self) -> None:
        assert listed(self.BOOK).columns.notes == (
            'The list is read from the sheet "October", not from "고객 명단": --sheet NAME changes that.',
        )
        assert listed(self.BOOK, "october").columns.notes == ()

    def test_no_such_sheet(self) -> None:
        assert refusal(listed(self.BOOK, "Chart")) == (
            'list.xlsx has no sheet "Chart": --sheet NAME may be "Notes", "October", "고객 명단", "Secret".'
        )
        assert refusal(listed({"A": Sheet([["to"]], state="hidden")})) == (
            'list.xlsx has no visible sheet: --sheet NAME may be "A".'
        )

    def test_a_sheet_of_a_text_is_a_mistake(self) -> None:
        Path("list.csv").write_text("to\n+1\n")
        assert refusal(read_recipients("list.csv", sheet="October")) == (
            "list.csv is no workbook, so it has no sheets: leave --sheet out."
        )

    def test_an_absolute_target(self) -> None:
        relations = '<Relationships><Relationship Id="rId1" Type="x/worksheet" Target="/xl/worksheets/sheet1.xml"/></Relationships>'
        assert brief(listed([["to"], ["+1"]], parts={"xl/_rels/workbook.xml.rels": relations})) == [(2, "+1", None)]

    def test_hidden_rows_are_read_and_told(self) -> None:
        def row(number: int, attributes: str = "", *cells: str) -> str:
            values = "".join(
                f'<c r="{letter}{number}" t="str"><v>{c}</v></c>' for letter, c in zip("AB", cells, strict=False)
            )
            return f'<row r="{number}" {attributes}>{values}</row>'

        rows = [row(1, "", "to", "x"), row(2, 'hidden="1"', "+1", "a"), row(3, "", "+2"), row(4, 'hidden="true"', "+3")]
        rows.append(row(5, 'hidden="1"'))
        source = listed({"A": Sheet(xml=f"<sheetData>{''.join(rows)}</sheetData>")})
        assert [found.to for found in source] == ["+1", "+2", "+3"]
        assert source.columns.notes == ('2 rows of the sheet "A" are hidden, and are read like the others.',)


class TestTraps:
    """None of them may end the process, take the memory of the machine, or be an exception that is no sentence."""

    def test_bounds_are_told_from_the_directory(self, monkeypatch: pytest.MonkeyPatch) -> None:
        listed([["to"], ["+1"]])

        def never(*_: object) -> None:
            raise AssertionError("unpacked")

        monkeypatch.setattr(zipfile.ZipFile, "open", never)
        monkeypatch.setattr(xlsx, "UNZIPPED_MAX", 100)
        assert refusal(read_recipients("list.xlsx")).startswith("list.xlsx is too large for a workbook: it unpacks to ")
        monkeypatch.setattr(xlsx, "FILE_MAX", 100)
        assert refusal(read_recipients("list.xlsx")) == (
            "list.xlsx is too large for a workbook: it has 0 MiB, and 0 are the most. Save the sheet as CSV (UTF-8), "
            "which is read at any size."
        )

    def test_a_bomb(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(xlsx, "RATIO_FREE", 1024 * 1024)
        spaces = listed({"A": Sheet(xml=" " * 2 * 1024 * 1024)})
        assert refusal(spaces).startswith(
            "list.xlsx is too large for a workbook: a part of it unpacks to over 300 times"
        )
        assert brief(
            listed([["to", "text"], *([[f"+{n}", "인포뱅크 정기 점검 안내입니다." * 9] for n in range(5000)])])
        )

    @pytest.mark.parametrize("first", ["A1", "XFD1", "A1048576"])
    def test_a_cell_far_outside(self, first: str) -> None:
        number = first.strip("AXFD")
        data = f'<row r="{number}"><c r="{first}"><v>1</v></c></row><row r="700"><c r="AB700" t="inlineStr"><is/></c></row>'
        data += '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row><row r="1"><c r="A1"><v>1</v></c></row>'
        assert refusal(listed({"A": Sheet(xml=f"<sheetData>{data}</sheetData>")})) == (
            'The sheet "A" of list.xlsx spans 1048576 rows and 16384 columns, too many to be read: delete what stands '
            "far from the list (Ctrl+End goes there), or save the sheet as CSV (UTF-8)."
        )

    @pytest.mark.parametrize(
        "parts",
        [
            {"xl/sharedStrings.xml": f'<sst xmlns="{MAIN}" uniqueCount="99999999999999"/>'},
            {"xl/worksheets/sheet1.xml": "<worksheet><sheetData>"},
            {"xl/worksheets/sheet1.xml": '<!DOCTYPE a [<!ENTITY b "c">]><worksheet>&b;</worksheet>'},
            {"xl/worksheets/sheet1.xml": '<worksheet><sheetData><row r="1"><c r="1"><v>1</v></c></row></sheetData></worksheet>'},
            {"xl/worksheets/sheet1.xml": '<worksheet><sheetData><row r="1"><c r="ABCD1"/></row></sheetData></worksheet>'},
            {"xl/worksheets/sheet1.xml": '<worksheet><sheetData><row r="x"/></sheetData></worksheet>'},
            {"xl/worksheets/sheet1.xml": None},
            {"xl/_rels/workbook.xml.rels": None},
            {"xl/_rels/workbook.xml.rels": "<Relationships><Relationship/></Relationships>"},
            {"xl/workbook.xml": "not XML"},
            {"xl/workbook.xml": "<workbook/>"},
            {"xl/worksheets/sheet1.xml": '<worksheet><sheetData><row r="1"><c r="A1" t="e"><v>#ODD!</v></c></row></sheetData></worksheet>'},
            {"xl/styles.xml": "<styleSheet><cellXfs></styleSheet>"},
            {"xl/sharedStrings.xml": f'<sst xmlns="{MAIN}"/>', "xl/worksheets/sheet1.xml": '<worksheet><sheetData><row r="1"><c r="A1" t="s"><v>5</v></c></row></sheetData></worksheet>'},
        ],
    )  # fmt: skip
    def test_parts_that_are_damaged(self, parts: Parts) -> None:
        source = listed([["to"]], parts=parts)
        with pytest.raises(InputError, match=DAMAGED):
            list(source)

    @pytest.mark.parametrize("kept", [4, 30, 400, -30, -10])
    def test_a_file_that_is_cut(self, kept: int) -> None:
        whole = write_workbook("whole.xlsx", [["to"], ["+1"]]).read_bytes()
        Path("list.xlsx").write_bytes(whole[:kept])
        with pytest.raises(InputError, match=DAMAGED):
            list(read_recipients("list.xlsx"))

    def test_a_part_longer_than_the_directory_says(self) -> None:
        whole = bytearray(write_workbook("list.xlsx", [["to"], *([f"+{n}"] for n in range(500))]).read_bytes())
        with zipfile.ZipFile("list.xlsx") as file:
            part = file.getinfo("xl/worksheets/sheet1.xml")
        size = part.file_size.to_bytes(4, "little")
        assert whole.count(size) == 2  # before the part, and in the directory
        Path("list.xlsx").write_bytes(bytes(whole.replace(size, (1000).to_bytes(4, "little"))))
        with pytest.raises(InputError, match=DAMAGED):
            list(read_recipients("list.xlsx"))

    def test_other_files_that_begin_like_it(self) -> None:
        with zipfile.ZipFile("list.xlsx", "w") as file:
            file.writestr("content.xml", "<spreadsheet/>")
        no_workbook = "list.xlsx is a zip file, but no .xlsx workbook: save the list as .xlsx or CSV (UTF-8)."
        assert refusal(read_recipients("list.xlsx")) == no_workbook
        zipfile.ZipFile("list.xlsx", "w").close()
        assert refusal(read_recipients("list.xlsx")) == no_workbook
        Path("list.xls").write_bytes(OLD_OFFICE + "Workbook".encode("utf-16-le"))
        assert refusal(read_recipients("list.xls")) == (
            "list.xls is of an old Office format, such as .xls: save it as .xlsx or CSV (UTF-8)."
        )

    def test_a_password(self) -> None:
        Path("list.xlsx").write_bytes(OLD_OFFICE + "EncryptedPackage".encode("utf-16-le") + bytes(100))
        assert refusal(read_recipients("list.xlsx")) == (
            "list.xlsx is protected by a password: save it without one, or as CSV (UTF-8)."
        )


class TestWhereItComesFrom:
    def test_it_is_known_by_its_bytes(self) -> None:
        write_workbook("x.xlsx", [["to"], ["+1"]]).rename("list.csv")
        assert brief(read_recipients("list.csv")) == [(2, "+1", None)]
        Path("list.xlsx").write_text("to\n+2\n")
        assert brief(read_recipients("list.xlsx")) == [(2, "+2", None)]

    def test_packed(self) -> None:
        Path("list.xlsx.gz").write_bytes(gzip.compress(write_workbook("x.xlsx", [["to"], ["+1"]]).read_bytes()))
        source = read_recipients("list.xlsx.gz")
        assert source.name == "list"
        assert brief(source) == [(2, "+1", None)]

    def test_from_stdin(self, monkeypatch: pytest.MonkeyPatch) -> None:
        content = write_workbook("x.xlsx", [["to"], ["+1"]]).read_bytes()
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content)))
        assert brief(read_recipients("-")) == [(2, "+1", None)]

    def test_only_a_workbook_loads_its_reader(self) -> None:
        Path("list.csv").write_text("to\n+1\n")
        write_workbook("list.xlsx", [["to"], ["+1"]])
        code = (
            "import sys; from omni_bulk.source import read_recipients\n"
            "for name in ('list.csv', 'list.xlsx'): list(read_recipients(name)); print('python_calamine' in sys.modules)"
        )
        ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert ran.stdout.split() == ["False", "True"]


def test_what_the_writer_of_these_tests_writes_is_what_a_real_one_does() -> None:
    openpyxl = pytest.importorskip("openpyxl")
    rows: list[list[Value]] = [["수신번호", "name", "n", "when", "ok"], ["+1", "김하늘", 7, dt.date(2025, 10, 3), True]]
    rows += [["0012", " a\nb ", 0.5, None, False]]
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save("real.xlsx")
    assert list(read_recipients("real.xlsx")) == list(listed(rows))
    read = openpyxl.load_workbook("list.xlsx").active
    cells = [[cell.date() if isinstance(cell, dt.datetime) else cell for cell in row] for row in read.values]
    assert cells == rows


def test_the_bounds_leave_room_for_a_whole_sheet_of_a_list() -> None:
    rows = 1_048_576
    assert rows * 16 <= xlsx.CELLS_MAX
    assert workbook._EXACT > 10**15  # a number of E.164 has 15 digits
