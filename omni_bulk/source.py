"""Recipient lists in files: CSV and JSONL, as large as they come, in constant memory.

A row that cannot be read is a `Recipient` with a `problem`; its neighbours are read as if it were not there. Only what
concerns the list as a whole is an `InputError`. Everything here blocks: an event loop calls it in a thread.

The encoding holds for the whole list, so the whole list is decoded once before the first row (100 MB take about 0.1 s):
a Korean letter of an old encoding in row 900,000 is found before anybody was sent anything.
"""

import codecs
import gzip
import hashlib
import io
import os
import shutil
import sys
import tempfile
import weakref
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final, Literal, cast

import orjson

from omni_bulk.errors import InputError
from omni_bulk.model import Recipient
from omni_bulk.records import Cells, Columns, Shapes

FIELD_MAX: Final = 65_536
"""Characters of one cell. A longer one makes its row `field_too_long`."""
ROW_MAX: Final = 4 * 1024 * 1024
"""Characters of one line, and how far the end of a quoted cell is looked for."""
TEXT_FILE_MAX: Final = 1024 * 1024
"""Bytes of a template file."""

_CHUNK: Final = 256 * 1024
_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16: it begins with the same two bytes
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_NEEDS_HEADER: Final = "it needs at least a header such as to,name."
_SPREADSHEETS: Final = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # xlsx and its kind, xls


def read_recipients(
    path: str | os.PathLike[str], *, mapping: Mapping[str, str] | None = None, encoding: str | None = None
) -> "Source":
    """The recipients of the list at `path`, or of stdin for ``-``: CSV, or JSONL if it says so or begins with ``{``.

    `mapping` is column → field (`--map`), where field is `to`, `from`, `text`, `ref` or a name for templates.
    `encoding` goes before the ladder BOM, UTF-8, CP949. The list is first read when something is asked of the source.

    :raises InputError: here if there is no such file, later if the list cannot be read or has no usable column.
    """
    return Source(path, mapping=mapping, encoding=encoding)


class Source:
    """A list of recipients, read anew by each iteration. Made by `read_recipients`.

    A pipe is copied to a temporary file of this user first, which goes with the source. Not for several threads at
    the same time.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, mapping: Mapping[str, str] | None = None, encoding: str | None = None
    ) -> None:
        self.path = Path(path)
        self._shapes = Shapes(mapping)
        self._wanted = encoding
        if str(self.path) != "-":
            with _sentences(self.path):
                if self.path.is_dir():
                    raise InputError(f"{self.path} is a directory: name a file in it.")
                self.path.stat()

    @property
    def name(self) -> str:
        """What a campaign over this list is called by default: the file's name without its endings; ``stdin``."""
        name = self.path.name.removesuffix(".gz")
        return "stdin" if name == "-" else Path(name).stem

    @property
    def _ending(self) -> str:
        return Path(self.path.name.removesuffix(".gz")).suffix.lower()

    @cached_property
    def encoding(self) -> str:
        """The encoding of the whole list, as Python calls it."""
        return _encoding_of(self._bytes, str(self.path), self._wanted)

    @cached_property
    def columns(self) -> Columns:
        """The columns of the header; of JSONL, those of the first line that has a number."""
        with self._lines() as lines:
            if self._format == "csv":
                return Columns.of(self._header(lines), self._shapes.mapping)
            names: tuple[str, ...] = ()
            for line in iter(lines.take, ""):
                names = tuple(_json_object(line) or ()) or names
                if (columns := self._shapes.columns(names)).to is not None:
                    return columns
            if not names:
                raise InputError(f"No line of {self.path} is a JSON object: write one recipient a line.")
            return Columns.of(names, self._shapes.mapping)  # raises, with the sentence that tells what is missing

    def __iter__(self) -> Iterator[Recipient]:
        """Every row as a `Recipient`, in order. Blank rows are passed over, but counted as lines."""
        columns = self.columns
        with self._lines() as lines:
            if self._format == "csv":
                if tuple(name.strip() for name in self._header(lines)) != columns.names:
                    raise InputError(f"{self.path} changed while it was read: start again.")
                yield from _csv_recipients(lines, self._delimiter, columns)
            else:
                yield from _json_recipients(lines, self._shapes)

    def blocks(self, size: int = 500) -> Iterator[list[Recipient]]:
        """The recipients in lists of `size`; the last may be shorter."""
        rows = iter(self)
        while block := list(islice(rows, size)):
            yield block

    def digest(self) -> bytes:
        """SHA-256 of the bytes of the file: whether a list is the one of last time."""
        with _sentences(self.path), self._file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").digest()

    @cached_property
    def _file(self) -> Path:
        """A file that can be read more than once."""
        stdin = str(self.path) == "-"
        if not stdin and self.path.is_file():
            return self.path
        number, copy = tempfile.mkstemp(prefix="omni-bulk-")  # mode 0600: it holds numbers
        weakref.finalize(self, Path(copy).unlink, missing_ok=True)
        with _sentences(self.path), os.fdopen(number, "wb") as target:
            if stdin:
                shutil.copyfileobj(sys.stdin.buffer, target)
            else:
                with self.path.open("rb") as pipe:
                    shutil.copyfileobj(pipe, target)
        return Path(copy)

    def _bytes(self) -> BinaryIO:
        stream = self._file.open("rb")
        if stream.peek(2)[:2] != b"\x1f\x8b":
            return stream
        stream.close()
        return cast("BinaryIO", gzip.open(self._file, "rb"))

    @contextmanager
    def _lines(self) -> Iterator["_Lines"]:
        with (
            _sentences(self.path),
            self._bytes() as stream,
            io.TextIOWrapper(stream, encoding=self.encoding, newline="") as text,
        ):
            yield _Lines(text)

    @cached_property
    def _format(self) -> Literal["csv", "jsonl"]:
        with self._lines() as lines:
            first = next((line.strip() for line in iter(lines.take, "") if line.strip()), "")
        if not first:
            raise InputError(f"{self.path} is empty: {_NEEDS_HEADER}")
        if first.startswith("["):
            raise InputError(f"{self.path} looks like one JSON array: write one object a line.")
        if "\0" in first:
            raise InputError(
                f"{self.path} has NUL characters in its first line: say --encoding utf-16-le if it is that."
            )
        return "jsonl" if self._ending in (".jsonl", ".ndjson") or first.startswith("{") else "csv"

    @cached_property
    def _delimiter(self) -> str:
        """The one of comma, tab and semicolon that the header has outside quotes; comma, unless it has only another."""
        if self._ending == ".tsv":
            return "\t"
        with self._lines() as lines:
            outside = "".join(next(line for line in iter(lines.take, "") if line.strip()).split('"')[::2])
        found = [mark for mark in ",\t;" if mark in outside]
        return found[0] if len(found) == 1 else ","

    def _header(self, lines: "_Lines") -> list[str]:
        header = next(_csv_rows(lines, self._delimiter, width=None), None)
        if header is None:
            raise InputError(f"{self.path} is empty: {_NEEDS_HEADER}")
        _, cells, problem = header
        if problem is not None:
            raise InputError(f"The header of {self.path} cannot be read: its quotes are broken, or a name is too long.")
        return cells


class _Lines:
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


_Row = tuple[int, list[str], str | None]


def _csv_rows(lines: _Lines, delimiter: str, width: int | None) -> Iterator[_Row]:
    """Rows that are not blank: the line on which each begins, its cells, and its problem. (The csv module swallows the
    rest of a file after an unclosed quote, and its bound on a field belongs to the whole interpreter.)
    """
    for line in iter(lines.take, ""):
        number, problem, size = lines.number, None, len(line)
        if size >= ROW_MAX:
            yield number, line[:FIELD_MAX].split(delimiter)[:-1], "field_too_long"  # the last of them is cut
            continue
        if '"' in line:
            cells, problem, size = _quoted_row(lines, line, delimiter, width)
        else:
            cells = line.rstrip("\r\n").split(delimiter)
        if problem is None:
            if not any(map(str.strip, cells)):
                continue
            if size > FIELD_MAX and any(len(cell) > FIELD_MAX for cell in cells):
                problem = "field_too_long"
            elif any("\0" in cell for cell in cells):
                problem = "nul_byte"
        yield number, cells, problem


def _quoted_row(lines: _Lines, first: str, delimiter: str, width: int | None) -> tuple[list[str], str | None, int]:
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


def _csv_recipients(lines: _Lines, delimiter: str, columns: Columns) -> Iterator[Recipient]:
    for number, cells, problem in _csv_rows(lines, delimiter, len(columns.names)):
        yield columns.recipient(cells, number, problem)


def _json_recipients(lines: _Lines, shapes: Shapes) -> Iterator[Recipient]:
    for line in iter(lines.take, ""):
        if not line.strip():
            continue
        if len(line) >= ROW_MAX:
            yield Recipient("", lines.number, problem="field_too_long")
        elif (row := _json_object(line)) is None:
            yield Recipient("", lines.number, problem="bad_json")
        else:
            long = len(line) > FIELD_MAX and any(len(value) > FIELD_MAX for value in row.values() if type(value) is str)
            yield shapes.recipient(row, lines.number, "field_too_long" if long else None)


def _json_object(line: str) -> dict[str, object] | None:
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return row if isinstance(row, dict) else None


def read_text(path: str | os.PathLike[str], *, encoding: str | None = None) -> str:
    """The template in a file: decoded by the same ladder, CRLF made LF, without BOM and one final newline.

    :raises InputError: if it cannot be read or decoded, or is over `TEXT_FILE_MAX`.
    """
    with _sentences(path), Path(path).open("rb") as stream:
        content = stream.read(TEXT_FILE_MAX + 1)
    if len(content) > TEXT_FILE_MAX:
        raise InputError(f"{path} is over {TEXT_FILE_MAX} bytes: a template is one message.")
    found = _encoding_of(lambda: io.BytesIO(content), path, encoding)
    return content.decode(found).removeprefix("\ufeff").replace("\r\n", "\n").removesuffix("\n")


def _encoding_of(opened: Callable[[], BinaryIO], path: str | os.PathLike[str], wanted: str | None) -> str:
    """The encoding in which every byte can be read: the one wanted, else by the ladder BOM, UTF-8, CP949."""
    with _sentences(path), opened() as stream:
        head = stream.read(4)
    if head.startswith(_SPREADSHEETS):
        raise InputError(f"{path} is a spreadsheet: save it as CSV (UTF-8).")
    if wanted is not None:
        try:
            io.TextIOWrapper(io.BytesIO(), encoding=wanted)
        except LookupError as error:
            raise InputError(f"--encoding {wanted} is no encoding of text: try utf-8, cp949 or utf-16.") from error
        named = codecs.lookup(wanted).name
    else:
        named = next((name for bom, name in _BOMS if head.startswith(bom)), "")
    with _sentences(path):
        first = _first_failure(opened, named or "utf-8")
        if first is None:
            return named or "utf-8"
        if named or _has_wide_letters(opened, first[0]):
            raise InputError(
                f"{path} is not {named or 'utf-8'} throughout: byte {first[0]}, in line {first[1]}, cannot be read. "
                "Save the list anew as UTF-8, or say --encoding NAME."
            )
        second = _first_failure(opened, "cp949")
    if second is None:
        return "cp949"
    raise InputError(
        f"{path} is neither UTF-8 (see line {first[1]}) nor CP949 (byte {second[0]}, in line {second[1]}): "
        "save it as UTF-8, or say --encoding NAME."
    )


def _first_failure(opened: Callable[[], BinaryIO], encoding: str) -> tuple[int, int] | None:
    """Byte offset and line of the first byte that `encoding` cannot read, None if it reads them all."""
    decoder = codecs.getincrementaldecoder(encoding)()
    read, line = 0, 1
    with opened() as stream:
        while True:
            chunk = stream.read(_CHUNK)
            held = decoder.getstate()[0]  # bytes of a character that the last chunk cut
            try:
                text = decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                before = error.object[: error.start].decode(encoding, "ignore")
                return read - len(held) + error.start, line + before.count("\n")
            except UnicodeError:  # UTF-16 without the mark that tells its byte order
                return 0, 1
            if not chunk:
                return None
            read += len(chunk)
            line += text.count("\n")


def _has_wide_letters(opened: Callable[[], BinaryIO], until: int) -> bool:
    """Whether the bytes before `until` hold letters that UTF-8 writes in three bytes, which CP949 has hardly ever.

    Then the list is UTF-8 with one damaged spot, and reading all of it as CP949 would garble every name in it.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    with opened() as stream:
        while until > 0 and (chunk := stream.read(min(_CHUNK, until))):
            until -= len(chunk)
            if any(char > "\u07ff" for char in decoder.decode(chunk)):
                return True
    return False


@contextmanager
def _sentences(path: str | os.PathLike[str]) -> Iterator[None]:
    """What the system says of a file, as an `InputError` that says what to do."""
    try:
        yield
    except FileNotFoundError as error:
        raise InputError(f"There is no file {path}: check the path.") from error
    except PermissionError as error:
        raise InputError(f"This user may not read {path}: change its mode, or run as its owner.") from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{path} is a damaged gzip file: compress it anew.") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} changed while it was read: start again.") from error
