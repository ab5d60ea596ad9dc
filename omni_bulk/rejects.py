"""The rejects file: the rows of a list that cannot be sent, as they stand in it, and why.

It opens in a spreadsheet, is corrected there, and is sent with the same campaign name. Encoding, delimiter and columns
are the list's own; of a workbook and of JSONL it is a CSV in UTF-8. Behind them comes the reason. What could not be
read as cells stands whole behind the reason, and so makes its row `too_many_cells` until somebody has seen to it: a
broken row must not become a sendable one by being copied.
"""

import io
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from omni_bulk.errors import OutputError
from omni_bulk.guarded import MARK, REASON, guarded, reason_column
from omni_bulk.replacing import replacing
from omni_bulk.sentences import said
from omni_bulk.source import Source
from omni_bulk.stats import InvalidRows
from omni_bulk.words import Language, clause

# Cells of such rows are missing, cut or not theirs. (`too_many_cells` stays too many: its cells stand where they were.)
_NOT_CELLS: Final = frozenset({"bad_row", "bad_json", "bad_value", "bad_cell", "inexact_number", "field_too_long"})
_CELL_MAX: Final = 32_000
"""Characters of what stands behind a reason: a spreadsheet's cell takes 32,767."""
_HEAD: Final = 65_536  # bytes of a file in which its header is looked for


class RejectsFile:
    """The rejects of one list at `path`. Nothing is written until `write`."""

    def __init__(self, path: Path, source: Source, language: Language) -> None:
        self.path = path
        self._source = source
        self._language = language
        self._digest = source.digest()
        if not _may_be_replaced(path):
            raise OutputError(
                said("{path} is not a rejects file of an earlier run; give another with --rejects, or none", path=path)
            )

    def write(self, invalid: InvalidRows, *, whole: bool) -> int:
        """Writes the rows anew, and gives their number. Without any the old file goes, if the list was read `whole`.

        Raises OutputError when it cannot be written, or when the list is not the one any more that was read.
        """
        if not invalid:
            if whole:
                with suppress(OSError):
                    self.path.unlink(missing_ok=True)
            return 0
        if self._source.digest() != self._digest:
            raise OutputError(
                said(
                    "{list} was changed meanwhile, so {path} was not written: check it again",
                    list=self._source.path,
                    path=self.path,
                )
            )
        encoding = self._source.encoding or "utf-8"
        with replacing(self.path, "the rejects", "--rejects") as file:
            text = io.TextIOWrapper(
                file, encoding="utf-8-sig" if encoding == "utf-8" else encoding, errors="replace", newline=""
            )
            for cells in self._rows(invalid, encoding):
                text.write(self._line(cells))
            text.flush()
            text.detach()
        return len(invalid)

    def _rows(self, invalid: InvalidRows, encoding: str) -> Iterator[list[str]]:
        language = self._language if _can_say(encoding, self._language) else "en"
        rows = self._source.picked(invalid.rows)
        _, header, _ = next(rows)
        old = reason_column(header)  # of a rejects file that is sent again
        width = len(header)
        yield [*map(guarded, _without(header, old)), REASON[language]]
        for (_, cells, problem), (reason, detail) in zip(rows, invalid.reasons(), strict=True):
            said = clause(reason, detail, language)
            if problem in _NOT_CELLS:
                kept = _without(cells[:width], old) if len(cells) > 1 else cells
                yield [*[""] * (width - (old is not None)), said, *(guarded(cell[:_CELL_MAX]) or "…" for cell in kept)]
            else:
                own = [*cells[:width], *[""] * (width - len(cells))]
                yield [*map(guarded, _without(own, old)), said, *map(guarded, cells[width:])]

    def _line(self, cells: list[str]) -> str:
        delimiter = self._source.delimiter
        return delimiter.join(_quoted(cell, delimiter) for cell in cells) + "\r\n"


def _without(cells: list[str], place: int | None) -> list[str]:
    return cells if place is None else [*cells[:place], *cells[place + 1 :]]


def _quoted(cell: str, delimiter: str) -> str:
    if set(cell) & {delimiter, '"', "\r", "\n"}:
        return '"' + cell.replace('"', '""') + '"'
    return cell


def _can_say(encoding: str, language: Language) -> bool:
    try:
        REASON[language].encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _may_be_replaced(path: Path) -> bool:
    """Whether there is nothing, an empty file, or a rejects file. What it is otherwise, writing will tell."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD).split(b"\n", 1)[0]
    except OSError:
        return True
    return not head or any(MARK.encode(encoding) in head for encoding in ("utf-8", "utf-16-le", "utf-16-be"))
