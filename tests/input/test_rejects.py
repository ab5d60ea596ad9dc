"""The rejects file: rows as they were, in the list's own writing; corrected and sent again, only they are sent."""

import csv
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omni_bulk.errors import OutputError
from omni_bulk.guarded import REASON, guarded, reason_column, unguarded
from omni_bulk.model import Message, Problem
from omni_bulk.rejects import RejectsFile
from omni_bulk.rules import Composition, compose
from omni_bulk.source import Source, read_recipients
from omni_bulk.stats import InvalidRows
from omni_bulk.text import Template
from tests.input.workbooks import write_workbook

HOW = Composition(template=Template("{name}", from_="0212345678"))
REJECTS = Path("x.rejects.csv")


def invalid(source: Source) -> InvalidRows:
    rows = InvalidRows()
    for recipient in source:
        made = compose(recipient, HOW)
        if isinstance(made, Problem):
            rows.add(made.row, made.reason, made.detail)
    return rows


def rejected(name: str | Path, language: Any = "ko") -> Source:
    source = read_recipients(name)
    RejectsFile(REJECTS, source, language).write(invalid(source), whole=True)
    return read_recipients(REJECTS)


def cells(encoding: str = "utf-8-sig", delimiter: str = ",") -> list[list[str]]:
    with REJECTS.open(encoding=encoding, newline="") as file:
        return list(csv.reader(file, delimiter=delimiter))


BAD = [
    ["010-1234", "김하늘, 서울", '"따옴표"'],
    ["=1+1", "이바다\n두 줄", "'작은따옴표"],
    ["01012345678", "", "@SUM(A1)"],
    ["x", "3-5", "\t\t"],
]


@pytest.mark.parametrize(
    ("encoding", "delimiter", "read_as"),
    [("utf-8", ",", "utf-8-sig"), ("cp949", ",", "cp949"), ("utf-16", "\t", "utf-16"), ("utf-8-sig", ";", "utf-8-sig")],
)
def test_rows_come_back_as_they_were(encoding: str, delimiter: str, read_as: str) -> None:
    with Path("list.csv").open("w", encoding=encoding, newline="") as file:
        rows = csv.writer(file, delimiter=delimiter)
        rows.writerows([["수신번호", "name", "메모"], ["+821020000001", "좋은 줄", ""], *BAD])
    before = [recipient for recipient in read_recipients("list.csv") if recipient.to != "+821020000001"]
    again = list(rejected("list.csv"))
    assert [one.to for one in again] == [one.to for one in before]
    for old, new in zip(before, again, strict=True):
        assert {name: new.fields[name] for name in old.fields} == old.fields
    header, *written = cells(read_as, delimiter)
    assert header == ["수신번호", "name", "메모", "omni-bulk: 사유"]
    assert [row[-1][:4] for row in written] == ["국내 형", "번호에 ", "국내 형", "번호에 "]
    assert [row[0] for row in written] == ["'010-1234", "'=1+1", "'01012345678", "x"]


def test_a_row_that_is_no_row_stays_unsendable_until_somebody_saw_to_it() -> None:
    content = 'to,name\n+821020000001,"open\n+821020000002,x,too,many\n+821020000003,"a"b\n+821020000004,fine\n'
    Path("list.csv").write_text(content, encoding="utf-8")
    again = [compose(recipient, HOW) for recipient in rejected("list.csv", "en")]
    assert [one.reason for one in again if isinstance(one, Problem)] == ["too_many_cells"] * 3
    assert not [one for one in again if isinstance(one, Message)]
    _, first, second, third = cells()
    assert (first[:2], first[3]) == (["", ""], "'+821020000001,\"open")
    assert second == [
        "'+821020000002",
        "x",
        "it has more cells than the header: is a cell with a comma in it unquoted?",
        "too",
        "many",
    ]
    assert third[3] == '\'+821020000003,"a"b'


def test_json_and_workbooks_become_a_table_for_a_spreadsheet() -> None:
    Path("list.jsonl").write_text(
        '{"to": "x", "name": "이", "n": 7}\n{"to": "+821020000001", "name": "good"}\nnot json\n'
        '{"to": "+821020000002", "name": ["a"]}\n{"name": "박", "more": null}\n',
        encoding="utf-8",
    )
    again = list(rejected("list.jsonl"))
    assert cells()[0] == ["to", "name", "n", "more", "omni-bulk: 사유"]
    assert [(one.to, one.problem) for one in again] == [
        ("x", None), ("", "too_many_cells"), ("", "too_many_cells"), ("", None),
    ]  # fmt: skip
    assert cells()[1][:3] == ["x", "이", "'7"]
    write_workbook(Path("list.xlsx"), [["to", "name"], ["x", "이"], ["+821020000001", "good"], [1e300, "박"]])
    assert [one.to for one in rejected("list.xlsx")] == ["x", ""]
    assert cells()[2][2:] == ["엑셀이 정확히 담을 수 없는 긴 숫자입니다. 셀 서식을 텍스트로 바꿔 주세요", "…", "박"]


def test_rejects_of_rejects_have_one_reason_column() -> None:
    Path("list.csv").write_text("to,name\nx,a\ny,b\n", encoding="utf-8")
    rejected("list.csv", "en")
    REJECTS.rename("edited.csv")
    Path("edited.csv").write_text(
        Path("edited.csv").read_text(encoding="utf-8-sig").replace("x,a", "+821020000001,a"), encoding="utf-8"
    )
    rejected("edited.csv", "ko")
    header, row = cells()
    assert (header, row[:2]) == (["to", "name", "omni-bulk: 사유"], ["y", "b"])


def test_it_is_for_its_owner_and_goes_when_nothing_is_wrong_any_more() -> None:
    Path("list.csv").write_text("to,name\nx,a\n", encoding="utf-8")
    rejected("list.csv")
    if os.name == "posix":
        assert stat.S_IMODE(REJECTS.stat().st_mode) == 0o600
    source = read_recipients("list.csv")
    assert RejectsFile(REJECTS, source, "en").write(InvalidRows(), whole=False) == 0
    assert REJECTS.exists()
    assert RejectsFile(REJECTS, source, "en").write(InvalidRows(), whole=True) == 0
    assert not REJECTS.exists()


def test_no_other_file_is_replaced_and_no_link_followed() -> None:
    Path("list.csv").write_text("to,name\nx,a\n", encoding="utf-8")
    source = read_recipients("list.csv")
    with pytest.raises(OutputError, match="not a rejects file"):
        RejectsFile(Path("list.csv"), source, "en")
    REJECTS.symlink_to("elsewhere.csv")
    with pytest.raises(OutputError, match="link"):
        RejectsFile(REJECTS, source, "en").write(invalid(source), whole=True)
    assert not Path("elsewhere.csv").exists()


def test_a_list_that_changed_meanwhile_is_not_copied() -> None:
    Path("list.csv").write_text("to,name\nx,a\n", encoding="utf-8")
    source = read_recipients("list.csv")
    rejects, rows = RejectsFile(REJECTS, source, "en"), invalid(source)
    Path("list.csv").write_text("to,name\n+821020000001,a\n", encoding="utf-8")
    with pytest.raises(OutputError, match="changed meanwhile"):
        rejects.write(rows, whole=True)
    assert not REJECTS.exists()


def test_an_encoding_without_korean_gets_its_reasons_in_english() -> None:
    Path("list.csv").write_bytes("to,name\nx,Käthe\n".encode("latin-1"))
    source = read_recipients("list.csv", encoding="latin-1")
    RejectsFile(REJECTS, source, "ko").write(invalid(source), whole=True)
    assert cells("latin-1")[1][:2] == ["x", "Käthe"]
    assert cells("latin-1")[0][2] == REASON["en"]


@given(st.text())
def test_a_cell_comes_back_as_it_was(cell: str) -> None:
    assert unguarded(guarded(cell)) == cell


@given(st.sampled_from("=+-@＝＋－＠0٣'"), st.text(), st.sampled_from(["", " ", "\t"]))
def test_what_a_spreadsheet_would_run_or_change_begins_with_an_apostrophe(char: str, rest: str, before: str) -> None:
    assert guarded(before + char + rest).startswith("'")


@pytest.mark.parametrize("name", [*REASON.values(), "Omni-Bulk: Reason", " omni-bulk: 사유 ", "'omni-bulk: 사유"])
def test_the_reason_column_is_known_again(name: str) -> None:
    assert reason_column(["to", name]) == 1
    assert reason_column(["to", "reason", "사유"]) is None
