"""Lists of numbers that get nothing: read in any writing, kept out of memory."""

import sqlite3
from collections.abc import Iterator
from hashlib import blake2b
from itertools import islice
from os import PathLike

from omni_bulk.errors import InputError
from omni_bulk.phone import Numbers, Phone, Trouble, normalise
from omni_bulk.sentences import said, term
from omni_bulk.source import Source, read_recipients

_CACHE = 8_000  # KiB of the list that stay in memory
_BATCH = 5_000


class Listing:
    """The numbers in a file, or on stdin for ``-``: a list with a number column, or one number a line.

    `unread` counts the rows that hold no number at all, `first_unread` is the first of them; both while it is read.
    """

    def __init__(self, path: str | PathLike[str], *, region: str | None = None, numbers: Numbers | None = None) -> None:
        self._source = read_recipients(path)
        self._called = "stdin" if str(path) == "-" else str(path)
        self._region = region
        self._numbers = numbers
        self.unread = 0
        self.first_unread = 0

    def __iter__(self) -> Iterator[str]:
        """E.164, one after the other. Raises `InputError` for what a flag has to settle, and what cannot be read."""
        known = 0
        for row, written in _written(self._source):
            phone = normalise(written, region=self._region, numbers=self._numbers)
            if isinstance(phone, Phone):
                known += 1
                yield phone.e164
            elif phone.reason == "ambiguous_number":
                raise self._ambiguous(row, phone)
            elif written.strip():
                self.unread += 1
                self.first_unread = self.first_unread or row
        if self.unread and not known:
            raise InputError(
                said("{called} holds no number that can be read: is it the right file?", called=self._called)
            )

    def _ambiguous(self, row: int, trouble: Trouble) -> InputError:
        return InputError(
            said(
                "{called}, row {row}: {detail}; without it nobody knows who is to get nothing.",
                called=self._called,
                row=row,
                detail=term(trouble.detail),
            )
        )

    @property
    def note(self) -> str | None:
        """A sentence about rows that hold no number, once everything is read."""
        if not self.unread:
            return None
        return said(
            "{called}: {unread:,} rows hold no number (the first is row {first_unread})",
            called=self._called,
            unread=self.unread,
            first_unread=self.first_unread,
        )


def _written(source: Source) -> Iterator[tuple[int, str]]:
    """(row, number as written)."""
    try:
        headed = source.columns.to is not None
    except InputError:  # no header with a number column: each row begins with a number, and what cannot be read is told
        headed = False
    if headed:
        yield from ((one.row, one.to) for one in source)
    else:
        yield from ((number, cells[0]) for number, cells, _ in source.cells() if cells)


class NumberSet:
    """E.164 numbers, however many: their digests in a temporary file of SQLite's own.

    A million take 20 MB there and 8 MB of memory; whether one is in it takes 3 µs.
    """

    def __init__(self) -> None:
        self._file = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._file.executescript(
            f"PRAGMA cache_size = -{_CACHE}; CREATE TABLE number (digest BLOB PRIMARY KEY) WITHOUT ROWID"
        )

    def add(self, numbers: Iterator[str]) -> int:
        """Takes them all in, and gives how many are new."""
        count = 0
        while batch := sorted(map(_digest, islice(numbers, _BATCH))):  # sorted: neighbours share a page
            self._file.execute("BEGIN")
            rows = self._file.executemany("INSERT OR IGNORE INTO number VALUES (?)", ((one,) for one in batch))
            count += rows.rowcount
            self._file.execute("COMMIT")
        return count

    def __contains__(self, number: object) -> bool:
        sql = "SELECT 1 FROM number WHERE digest = ?"
        return isinstance(number, str) and self._file.execute(sql, (_digest(number),)).fetchone() is not None

    def close(self) -> None:
        self._file.close()


def _digest(number: str) -> bytes:
    return blake2b(number.encode("utf-8", "surrogatepass"), digest_size=16).digest()
