"""Recipient lists in files: CSV, JSONL and xlsx; texts as large as they come, in constant memory.

A row that cannot be read is a `Recipient` with a `problem`; its neighbours are read as if it were not there. Only what
concerns the list as a whole is an `InputError`. Everything here blocks: an event loop calls it in a thread.

What holds for the whole list is known before its first row is given: its encoding, and whether it has refs.
"""

import hashlib
import io
import os
import sys
import tempfile
import weakref
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from functools import cached_property
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, Literal, cast

from omni_bulk.encoding import encoding_of
from omni_bulk.errors import InputError
from omni_bulk.files import is_packed, opened, sentences
from omni_bulk.guarded import reason_column, unguarded
from omni_bulk.lines import ROW_MAX, Lines, csv_rows, json_object
from omni_bulk.model import Recipient
from omni_bulk.records import FIELD_MAX, ROW_PROBLEMS, Columns, Row, Shapes, cell_of, listed
from omni_bulk.sentences import said, term

if TYPE_CHECKING:
    from omni_bulk.workbook import Workbook

DELIMITERS: Final[Mapping[str, str]] = {",": ",", ";": ";", "tab": "\t", "\t": "\t", "|": "|"}
"""What `--delimiter` may be, and the character it stands for."""
TEXT_FILE_MAX: Final = 1024 * 1024
"""Bytes of a template file."""

_COPIED_AT_ONCE: Final = 64 * 1024  # bytes
_NEEDS_HEADER: Final = said("it needs at least a header such as to,name.")
_WORKBOOKS: Final = (b"PK\x03\x04", b"PK\x05\x06", b"\xd0\xcf\x11\xe0")  # a zip, an empty one, .xls and its like


def read_recipients(
    path: str | os.PathLike[str],
    *,
    mapping: Mapping[str, str] | None = None,
    encoding: str | None = None,
    sheet: str | None = None,
    delimiter: str | None = None,
) -> "Source":
    """The recipients of the list at `path`, or of stdin for ``-``. What it is, its first bytes tell.

    * An xlsx workbook: of it the first visible sheet, or the one called `sheet`. It is loaded into memory once: 50 MB
      and 2 s for 100,000 rows of five short cells. A text takes no memory, however long it is.
    * JSONL, if it is called so or begins with ``{``.
    * CSV otherwise. `delimiter` is ``,`` ``;`` ``|`` or ``tab``; by default the one that the header shows.

    Any of them may be packed with gzip. `mapping` is column → field (`--map`), where field is `to`, `from`, `text`,
    `ref` or a name for templates. `encoding` goes before the ladder BOM, UTF-8, CP949; a workbook needs none. The list
    is first read when something is asked of the source.

    :raises InputError: here if there is no such file or `delimiter`, later if the list cannot be read, has no usable
        column or no such sheet.
    """
    return Source(path, mapping=mapping, encoding=encoding, sheet=sheet, delimiter=delimiter)


class Source:
    """A list of recipients, read anew by each iteration; a workbook is loaded once. Made by `read_recipients`.

    A pipe is copied to a temporary file of this user first, which goes with the source. Not for several threads at
    the same time.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        mapping: Mapping[str, str] | None = None,
        encoding: str | None = None,
        sheet: str | None = None,
        delimiter: str | None = None,
    ) -> None:
        self.path: Path = Path(path)
        self._shapes = Shapes(mapping)
        self._wanted = encoding
        self._sheet = sheet
        if delimiter is not None and delimiter not in DELIMITERS:
            raise InputError(said('--delimiter is none of "," ";" "|" and "tab".'))
        self._given_delimiter = delimiter
        if str(self.path) != "-":
            with sentences(self.path):
                if self.path.is_dir():
                    raise InputError(said("{path} is a directory: name a file in it.", path=self.path))
                self.path.stat()

    @property
    def name(self) -> str:
        """What a campaign over this list is called by default: the file's name without its endings; ``stdin``."""
        name = self.path.name.removesuffix(".gz")
        return "stdin" if name == "-" else Path(name).stem

    @property
    def _changed(self) -> str:
        return said("{path} changed while it was read: start again.", path=self.path)

    @property
    def _ending(self) -> str:
        return Path(self.path.name.removesuffix(".gz")).suffix.lower()

    @cached_property
    def encoding(self) -> str | None:
        """The encoding of the whole list, as Python calls it. None for a workbook, which sees to that itself."""
        with sentences(self.path):
            with self._bytes() as stream:
                head = stream.read(4)
            return None if head in _WORKBOOKS else encoding_of(self._bytes, self.path, self._wanted)

    @cached_property
    def columns(self) -> Columns:
        """The columns of the header; of JSONL, those of the first line that has a number, and `ref` if `kind` is so."""
        if self._format == "jsonl":
            with self._lines() as lines:
                return self._json_columns(lines)
        with self._rows() as rows:
            columns = Columns.of(self._header(rows), self._shapes.mapping)
        return replace(columns, notes=(*columns.notes, *self._workbook.notes)) if self._format == "xlsx" else columns

    @property
    def kind(self) -> Literal["ref", "number"]:
        """What tells recipients of this list apart: their `ref`, or their number.

        A table is of refs if it has a column for them, even one of blanks. JSONL has no header, so it is of refs if any
        object, be it the last, has a usable one; a list of numbers is therefore read to its end to know it (2 s for
        a million objects). A campaign keeps to one kind, so this must be known before the first message leaves.
        """
        return "number" if self.columns.ref is None else "ref"

    def __iter__(self) -> Iterator[Recipient]:
        """Every row as a `Recipient`, in order. Blank rows are passed over, but counted as lines."""
        return self._recipients(frozenset())

    def rows_but(self, passed: Container[int], digest: bytes) -> Iterator[Recipient]:
        """Every row but those that begin at these lines of a list with this `digest`.

        :raises InputError: at its end, if the list has another one by then: the lines would be somebody else's.
        """
        yield from self._recipients(passed)
        if self.digest() != digest:
            raise InputError(self._changed)

    def _recipients(self, passed: Container[int]) -> Iterator[Recipient]:
        columns = self.columns
        if self._format == "jsonl":
            with self._lines() as lines:
                for recipient in _json_recipients(lines, self._shapes, passed):
                    if recipient.ref is not None and columns.ref is None:
                        raise InputError(self._changed)
                    yield recipient
            return
        with self._rows(but=passed) as rows:
            if tuple(name.strip() for name in self._header(rows)) != columns.names:
                raise InputError(self._changed)
            for number, cells, problem in rows:
                yield columns.recipient(cells, number, problem)

    def blocks(self, size: int = 500) -> Iterator[list[Recipient]]:
        """The recipients in lists of `size`; the last may be shorter."""
        rows = iter(self)
        while block := list(islice(rows, size)):
            yield block

    def cells(self) -> Iterator[Row]:
        """Every row of a table that has no header, as its cells."""
        with self._rows() as rows:
            yield from rows

    def picked(self, lines: Iterable[int]) -> Iterator[Row]:
        """The header, and the rows that begin at these lines (ascending), as they stand in the list.

        A row that is no row, such as a CSV's with broken quotes, comes as one cell: its line. The header of JSONL are
        the names that the picked objects have.
        """
        wanted = iter(lines)
        if self._format == "jsonl":
            yield from self._picked_objects(list(wanted))
            return
        with self._rows(as_written=True) as rows:
            yield next(rows)
            line = next(wanted, None)
            for row in rows:
                if row[0] == line:
                    yield row
                    line = next(wanted, None)

    def _picked_objects(self, lines: Sequence[int]) -> Iterator[Row]:
        names = dict.fromkeys(self.columns.names)
        for _, _, cells in self._objects(lines):
            names.update(dict.fromkeys(cells or ()))
        yield 1, list(names), None
        for number, line, cells in self._objects(lines):
            if cells is None:
                yield number, [line.rstrip("\r\n")], "bad_json"
            else:
                yield number, [cells.get(name, "") for name in names], None

    def _objects(self, lines: Sequence[int]) -> Iterator[tuple[int, str, dict[str, str] | None]]:
        """Line, its text, and the cells of the object in it, None where it is none or has a value that is no cell."""
        wanted = iter(lines)
        number = next(wanted, None)
        with self._lines() as text:
            for line in iter(text.take, ""):
                if text.number != number:
                    continue
                row = None if len(line) >= ROW_MAX else json_object(line)
                cells = {} if row is None else {name: cell_of(value) for name, value in row.items()}
                whole = {name: cell for name, cell in cells.items() if cell is not None}
                yield number, line, whole if row is not None and len(whole) == len(cells) else None
                number = next(wanted, None)

    @property
    def reading(self) -> tuple[object, ...]:
        """How the rows are made of the file's bytes: two sources with the same digest and this give the same rows."""
        return self._shapes.mapping or None, self._wanted, self._sheet, self._given_delimiter, self._ending

    def digest(self) -> bytes:
        """SHA-256 of the bytes of the file: whether a list is the one of last time."""
        with sentences(self.path), self._file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").digest()

    @cached_property
    def _file(self) -> Path:
        """A file that can be read more than once."""
        with sentences(self.path):
            if str(self.path) == "-":
                return self._copy(nullcontext(sys.stdin.buffer))
            return self.path if self.path.is_file() else self._copy(self.path.open("rb"))

    def _copy(self, opened: AbstractContextManager[BinaryIO]) -> Path:
        number, copy = tempfile.mkstemp(prefix="omni-bulk-")  # mode 0600: it holds numbers
        weakref.finalize(self, Path(copy).unlink, missing_ok=True)
        with os.fdopen(number, "wb") as target, opened as stream:
            buffered = cast("io.BufferedReader", stream)
            while chunk := buffered.read1(_COPIED_AT_ONCE):  # `read` would ask a terminal for its Ctrl-D twice
                target.write(chunk)
        return Path(copy)

    def _bytes(self) -> BinaryIO:
        return opened(self._file, self.path)

    @cached_property
    def _format(self) -> Literal["csv", "jsonl", "xlsx"]:
        if self.encoding is None:
            return "xlsx"
        if self._sheet is not None:
            raise InputError(said("{path} is no workbook, so it has no sheets: leave --sheet out.", path=self.path))
        with self._lines() as lines:
            first = next((line.strip() for line in iter(lines.take, "") if line.strip()), "")
        if not first:
            raise InputError(said("{path} is empty: {wanted}", path=self.path, wanted=_NEEDS_HEADER))
        if first.startswith("["):
            raise InputError(said("{path} looks like one JSON array: write one object a line.", path=self.path))
        if "\0" in first:
            raise InputError(
                said(
                    "{path} has NUL characters in its first line: say --encoding utf-16-le if it is that.",
                    path=self.path,
                )
            )
        return "jsonl" if self._ending in (".jsonl", ".ndjson") or first.startswith("{") else "csv"

    @cached_property
    def _workbook(self) -> "Workbook":
        from omni_bulk.workbook import Workbook  # noqa: PLC0415  calamine, only for a workbook

        with sentences(self.path):
            return Workbook(self._copy(self._bytes()) if is_packed(self._file) else self._file, self.path, self._sheet)

    @contextmanager
    def _lines(self) -> Iterator[Lines]:
        with (
            sentences(self.path),
            self._bytes() as stream,
            io.TextIOWrapper(stream, encoding=self.encoding, newline="") as text,
        ):
            yield Lines(text)

    @contextmanager
    def _rows(self, *, as_written: bool = False, but: Container[int] = frozenset()) -> Iterator[Iterator[Row]]:
        """The rows of a table, the header first; those of a rejects file as they were before they were guarded."""
        if self._format == "xlsx":
            yield _unguarded(row for row in self._workbook.rows() if row[0] not in but)
        else:
            with self._lines() as lines:
                yield _unguarded(csv_rows(lines, self.delimiter, as_lines=as_written, but=but))

    @cached_property
    def delimiter(self) -> str:
        """Of a table in text: as given, or the only one that the header has outside quotes; comma, if it has several or none."""
        if self._format != "csv":
            return ","
        if self._given_delimiter is not None:
            return DELIMITERS[self._given_delimiter]
        if self._ending == ".tsv":
            return "\t"
        with self._lines() as lines:
            outside = "".join(next(line for line in iter(lines.take, "") if line.strip()).split('"')[::2])
        found = [mark for mark in ",\t;|" if mark in outside]
        return found[0] if len(found) == 1 else ","

    def _header(self, rows: Iterator[Row]) -> list[str]:
        header = next(rows, None)
        if header is None:
            where = said("The sheet {sheet} of ", sheet=listed([self._workbook.name])) if self._format == "xlsx" else ""
            raise InputError(
                said("{where}{path} is empty: {wanted}", where=where, path=self.path, wanted=_NEEDS_HEADER)
            )
        _, cells, problem = header
        if problem is not None:
            raise InputError(
                said(
                    "The header of {path} cannot be read: {problem}.",
                    path=self.path,
                    problem=term(ROW_PROBLEMS[problem]),
                )
            )
        return cells

    def _json_columns(self, lines: Lines) -> Columns:
        names: tuple[str, ...] = ()
        first: Columns | None = None
        ref: str | None = None
        for row in filter(None, map(json_object, iter(lines.take, ""))):
            names = tuple(row)
            columns = self._shapes.columns(names)
            if first is None and columns.to is not None:
                first = columns
            if ref is None and columns.ref is not None and self._shapes.recipient(row).ref is not None:
                ref = columns.names[columns.ref]
            if first is not None and ref is not None:
                break
        if not names:
            raise InputError(said("No line of {path} is a JSON object: write one recipient a line.", path=self.path))
        if first is None:
            return Columns.of(names, self._shapes.mapping)  # raises, with the sentence that tells what is missing
        if ref is None:
            return replace(first, ref=None)
        if first.ref is None:
            place = len(first.names)
            return replace(first, names=(*first.names, ref), ref=place, fields={**first.fields, ref: place})
        return first


def _unguarded(rows: Iterator[Row]) -> Iterator[Row]:
    """The rows of a list; of one that is a rejects file, without the apostrophes that were put in front."""
    first = next(rows, None)
    if first is None:
        return
    if reason_column(first[1]) is None:
        yield first
        yield from rows
        return
    for number, cells, problem in chain([first], rows):
        yield number, list(map(unguarded, cells)), problem


def _json_recipients(lines: Lines, shapes: Shapes, passed: Container[int]) -> Iterator[Recipient]:
    for line in iter(lines.take, ""):
        if lines.number in passed or not line.strip():
            continue
        if len(line) >= ROW_MAX:
            yield Recipient("", lines.number, problem="field_too_long")
        elif (row := json_object(line)) is None:
            yield Recipient("", lines.number, problem="bad_json")
        else:
            long = len(line) > FIELD_MAX and any(len(value) > FIELD_MAX for value in row.values() if type(value) is str)
            yield shapes.recipient(row, lines.number, "field_too_long" if long else None)


def read_text(path: str | os.PathLike[str], *, encoding: str | None = None) -> str:
    """The template in a file: decoded by the same ladder, CRLF made LF, without BOM and one final newline.

    :raises InputError: if it cannot be read or decoded, or is over `TEXT_FILE_MAX`.
    """
    with sentences(path), Path(path).open("rb") as stream:
        content = stream.read(TEXT_FILE_MAX + 1)
    if len(content) > TEXT_FILE_MAX:
        raise InputError(
            said(
                "{path} is over {most} bytes: a template is one message.",
                path=path,
                most=TEXT_FILE_MAX,
            )
        )
    if content[:4] in _WORKBOOKS:
        raise InputError(said("{path} is an Office file: a template is a plain text.", path=path))
    found = encoding_of(lambda: io.BytesIO(content), path, encoding)
    return content.decode(found).removeprefix("\ufeff").replace("\r\n", "\n").removesuffix("\n")
