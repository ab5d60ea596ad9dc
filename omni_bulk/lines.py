"""From the lines of a text to rows: CSV, and JSON objects. A broken row never takes its neighbours along."""

import io
from collections import deque
from collections.abc import Container, Iterator
from typing import Final

import orjson

from omni_bulk.records import FIELD_MAX, Cells, Row, unfit

ROW_MAX: Final = 4 * 1024 * 1024
"""Characters of one line, and how far the end of a quoted cell is looked for."""


class Lines:
    """Physical lines with their ends, numbered from 1, that can be given back."""

    def __init__(self, stream: io.TextIOWrapper) -> None:
        self.number = 0
        self._stream = stream
        self._given_back: deque[str] = deque()

    def take(self) -> str:
        """The next line; "" at the end. Of a line over `ROW_MAX` only as much, and the rest of it is passed over."""
        if self._given_back:
            self.number += 1
            return self._given_back.popleft()
        line = self._stream.readline(ROW_MAX)
        if not line:
            return ""
        if len(line) == ROW_MAX and line[-1] not in "\r\n":
            while (rest := self._stream.readline(ROW_MAX)) and rest[-1] not in "\r\n":
                pass
        self.number += 1
        return line.removeprefix("\ufeff") if self.number == 1 else line

    def give_back(self, lines: list[str]) -> None:
        self.number -= len(lines)
        self._given_back.extendleft(reversed(lines))


def csv_rows(
    lines: Lines, delimiter: str, *, as_lines: bool = False, but: Container[int] = frozenset()
) -> Iterator[Row]:
    """Rows that are not blank, the header first. With `as_lines` a row that is no row comes as one cell, its line.

    Those that begin at the lines of `but` are passed over.

    (The csv module swallows the rest of a file after an unclosed quote,
    and its bound on a field belongs to the whole interpreter.)
    """
    width: int | None = None
    for line in iter(lines.take, ""):
        number, problem, size = lines.number, None, len(line)
        if size >= ROW_MAX:
            cells = [line] if as_lines else line[:FIELD_MAX].split(delimiter)[:-1]  # the last of them is cut
            yield number, cells, "field_too_long"
            continue
        passed = number in but
        if passed and '"' not in line:
            continue
        if '"' in line:
            cells, problem, size = _quoted_row(lines, line, delimiter, width)
        else:
            cells = line.rstrip("\r\n").split(delimiter)
        if passed:
            continue
        if problem is None:
            if not any(map(str.strip, cells)):
                continue
            problem = unfit(cells, size)
        elif as_lines:
            cells = [line.rstrip("\r\n")]
        yield number, cells, problem
        width = width or len(cells)


def _quoted_row(lines: Lines, first: str, delimiter: str, width: int | None) -> tuple[list[str], str | None, int]:
    """The cells of a row that may go on over several lines, its problem and its length.

    A quote that is never closed would take the following rows along, until some quote happens to end the cell. So a
    row of several lines has to come out with the width of the header; if not, it is broken and only its first line is
    taken.
    """
    row, held, size = Cells(delimiter), [first], len(first)
    state = row.feed(first)
    while state == "open" and size <= ROW_MAX and (line := lines.take()):
        held.append(line)
        size += len(line)
        state = row.feed(line)
    if state == "whole" and (len(held) == 1 or width is None or len(row.cells) == width):
        return row.cells, None, size
    lines.give_back(held[1:])
    return first.rstrip("\r\n").replace('"', "").split(delimiter), "bad_row", size


def json_object(line: str) -> dict[str, object] | None:
    """The object in a line of JSON; None if there is none."""
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return row if isinstance(row, dict) else None
