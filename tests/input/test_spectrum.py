"""The ways in which CSV files differ, one case each: what the files of the npm package csv-spectrum cover."""

from pathlib import Path

import pytest

from omni_bulk.source import read_recipients

LINES = 'to,b,c\r\n1,2,3\r\n"Once upon \r\na time",5,6\r\n7,8,9\r\n'
CASES: dict[str, tuple[str, list[list[str]]]] = {
    "a comma in quotes": ('to,b,c\nJohn,Doe,"12 Main St.,\tSuite 3"\n', [["John", "Doe", "12 Main St.,\tSuite 3"]]),
    "empty cells, quoted and not": ('to,b,c\n1,"",""\n2,3,4\n,,x\n', [["1", "", ""], ["2", "3", "4"], ["", "", "x"]]),
    "empty cells with CRLF": ('to,b,c\r\n1,"",""\r\n2,3,4\r\n', [["1", "", ""], ["2", "3", "4"]]),
    "escaped quotes": ('to,b\n1,"ha ""ha"" ha"\n3,4\n', [["1", 'ha "ha" ha'], ["3", "4"]]),
    "JSON in a cell": ('to,val\n1,"{""type"": ""Point"", ""at"": [1.0, 0.5]}"\n', [["1", '{"type": "Point", "at": [1.0, 0.5]}']]),
    "bare quotes that mean minutes": ("to,at\n1,37°36'37.8\"N 121°2'17.9\"W\n", [["1", "37°36'37.8\"N 121°2'17.9\"W"]]),
    "line feeds in quotes": (LINES.replace("\r", ""), [["1", "2", "3"], ["Once upon \na time", "5", "6"], ["7", "8", "9"]]),
    "CRLF in quotes": (LINES, [["1", "2", "3"], ["Once upon \r\na time", "5", "6"], ["7", "8", "9"]]),
    "quotes and line feeds": ('to,b\n1,"ha \n""ha"" \nha"\n3,4\n', [["1", 'ha \n"ha" \nha'], ["3", "4"]]),
    "simple": ("to,b,c\n1,2,3", [["1", "2", "3"]]),
    "simple with CRLF": ("to,b,c\r\n1,2,3\r\n", [["1", "2", "3"]]),
    "UTF-8": ("to,b,c\n1,2,3\n4,5,ʤ\n", [["1", "2", "3"], ["4", "5", "ʤ"]]),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_it_reads_as_it_means(case: str) -> None:
    content, rows = CASES[case]
    Path("list.csv").write_text(content, encoding="utf-8", newline="")
    found = list(read_recipients("list.csv"))
    assert [list(one.fields.values()) for one in found] == rows
    assert {one.problem for one in found} == {None}
