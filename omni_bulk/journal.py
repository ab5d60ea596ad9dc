"""Files that grow by whole lines of JSON, each with a number of its own: ``reports.jsonl`` and ``foreign.jsonl``.

Like the results file: 0600, never through a link, and a torn last line is cut at the next opening. What is appended is
on the disk when `append` returns.
"""

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson

from omni_bulk.errors import LedgerError, OutputError
from omni_bulk.files import cause
from omni_bulk.joining import NUMBER, read_json
from omni_bulk.model import Report
from omni_bulk.results import iso
from omni_bulk.sentences import said, system
from omni_bulk.sink import open_appending, write_all

TAIL = 1 << 20  # bytes at the end of the file whose numbers are remembered: some 2,000 lines, where a batch has 1,000


def report_line(report: Report, **more: Any) -> bytes:
    """A report as a line: every field as received, and ours beside them (they begin with ``collected``)."""
    raw = read_json(report.json)
    fields = raw if isinstance(raw, dict) else {"report": raw}
    ours = {NUMBER: report.id, "collectedAt": iso(report.received_at), "collectedBy": report.source, **more}
    try:
        return orjson.dumps({**fields, **ours}, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:  # half a surrogate pair, which only the API could explain
        return orjson.dumps(
            {**ours, "report": report.json.decode("ascii", "replace")}, option=orjson.OPT_APPEND_NEWLINE
        )


class Journal:
    """One such file, open. `last` is the number of its last line (0 for none), `tail` those of its last thousand or two.

    Raises OutputError when the file cannot be used, or holds something else.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.last = 0
        self.tail: set[int] = set()
        try:
            self._descriptor = open_appending(path, 0o600)
        except OSError as error:
            raise _unusable(path, error) from None
        try:
            self._repair()
        except OSError as error:
            self.close()
            raise _unusable(path, error) from None
        except BaseException:
            self.close()
            raise

    def _repair(self) -> None:
        size = os.fstat(self._descriptor).st_size
        start = max(0, size - TAIL)
        with os.fdopen(os.dup(self._descriptor), "rb") as file:
            file.seek(start)
            end = file.read()
        whole = end.rfind(b"\n") + 1
        lines = end[:whole].splitlines()[bool(start) :]  # the first one read may begin in its middle
        numbers = [found.get(NUMBER) if isinstance(found := read_json(line), dict) else None for line in lines]
        if lines and not isinstance(numbers[-1], int):
            raise OutputError(
                said("{path} holds something other than reports; give another file with --out", path=self.path)
            )
        if whole < len(end):
            if not lines and not b'{"'.startswith(end[:2]):
                raise OutputError(
                    said("{path} holds something other than reports; give another file with --out", path=self.path)
                )
            os.ftruncate(self._descriptor, size - (len(end) - whole))
        self.tail = {number for number in numbers if isinstance(number, int)}
        self.last = numbers[-1] if lines and isinstance(numbers[-1], int) else 0
        self._size = os.fstat(self._descriptor).st_size

    def append(self, lines: Sequence[bytes]) -> None:
        """Writes and syncs. Raises LedgerError; then nothing of it is there."""
        if not lines:
            return
        content = b"".join(lines)
        try:
            write_all(self._descriptor, content)
            os.fsync(self._descriptor)
        except OSError as error:
            with suppress(OSError):  # so that what is written later does not follow half a line
                os.ftruncate(self._descriptor, self._size)
            raise LedgerError(
                said(
                    "{path} could not be written ({strerror}); make room and run again",
                    path=self.path,
                    strerror=system(error),
                )
            ) from None
        self._size += len(content)

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _unusable(path: Path, error: OSError) -> OutputError:
    return OutputError(
        said("the file {path} cannot be written ({error}); give another with --out", path=path, error=cause(error))
    )
