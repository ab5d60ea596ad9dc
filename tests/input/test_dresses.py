"""One list, however it is written and wherever it comes from: the same people get the same messages."""

import gzip
import io
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import orjson
import pytest

from omni_bulk.model import Message, Problem
from omni_bulk.rules import Composition, compose
from omni_bulk.source import read_recipients
from omni_bulk.text import Template
from tests.input.workbooks import write_workbook

ENGLISH = ("ref", "to", "name", "amount", "text")
KOREAN = ("참조", "수신번호", "name", "amount", "메시지")
ROWS = (
    ("a-1", "+82 10-2000-0000", "김하늘", "12000", ""),
    ("a-2", "821020000001", 'Park "Bo", Jr.', "3.5", ""),
    ("a-3", "010-2000-0002", "이\n바다", "0", "own text; with | and , in it"),
    ("a-4", "0082 10 2000 0003", "", "007", ""),
    ("a-5", "call me", "nobody", "1", ""),
    ("a-6", "+65 8123 4567", "陳", "1", ""),
)
HOW = Composition(
    template=Template("{name|고객}님, {amount}원", from_="0212345678"), region="KR", numbers="international"
)


def table(header: Sequence[str], delimiter: str = ",") -> str:
    def cell(value: str) -> str:
        return f'"{value.replace(chr(34), chr(34) * 2)}"' if set(value) & set(f'"\n{delimiter}') else value

    return "".join(delimiter.join(map(cell, row)) + "\r\n" for row in [header, *ROWS])


def typed(row: Sequence[str]) -> list[str | float]:
    """The row with its numbers as numbers, where they come out the same."""
    return [float(cell) if "." in cell and cell[0].isdigit() else int(cell) if is_whole(cell) else cell for cell in row]


def is_whole(cell: str) -> bool:
    return cell.isdigit() and str(int(cell)) == cell


def jsonl() -> str:
    return "".join(orjson.dumps(dict(zip(ENGLISH, typed(row), strict=True))).decode() + "\n" for row in ROWS)


def plain(*encoded: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(b"".join(encoded))


DRESSES = {
    "utf-8": ("list.csv", plain(table(ENGLISH).encode("utf-8-sig"))),
    "cp949": ("list.csv", plain(table(KOREAN).encode("cp949"))),
    "utf-16": ("list.csv", plain(table(KOREAN).encode("utf-16"))),
    "tsv": ("list.tsv", plain(table(ENGLISH, "\t").encode())),
    "semicolons": ("list.csv", plain(table(ENGLISH, ";").encode())),
    "gz": ("list.csv.gz", plain(gzip.compress(table(ENGLISH).encode()))),
    "xlsx": ("list.xlsx", lambda path: write_workbook(path, [KOREAN, *map(typed, ROWS)])),
    "csv on stdin": ("-", plain(table(ENGLISH).encode())),
    "jsonl on stdin": ("-", plain(jsonl().encode())),
}


def composed(path: str) -> list[Message | Problem]:
    source = read_recipients(path)
    assert source.kind == "ref"
    return [replace(compose(recipient, HOW), row=0) for recipient in source]  # lines differ: a cell has two of them


@pytest.mark.parametrize("dress", DRESSES)
def test_the_messages_are_the_same(dress: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, write = DRESSES[dress]
    path = Path("stdin" if name == "-" else name)
    write(path)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(path.read_bytes())))
    found = composed(name)
    assert [(one.ref, one.to, getattr(one, "text", None)) for one in found] == [
        ("a-1", "+821020000000", "김하늘님, 12000원"),
        ("a-2", "+821020000001", 'Park "Bo", Jr.님, 3.5원'),
        ("a-3", "+821020000002", "own text; with | and , in it"),
        ("a-4", "+821020000003", "고객님, 007원"),
        ("a-5", None, None),
        ("a-6", "+6581234567", "陳님, 1원"),
    ]
    plain(table(ENGLISH).encode())(Path("as-it-is.csv"))
    assert found == composed("as-it-is.csv")
