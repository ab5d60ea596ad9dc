"""The one object of ``--summary-json``: a program reads it to know how a run ended."""

import os
import stat
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

import orjson

from omni_bulk.errors import LedgerError, OmniBulkError, OutputError
from omni_bulk.files import cause
from omni_bulk.sentences import said, system

SUMMARY_MAX = 1 << 20  # bytes; a longer file is none of ours


class Ending:
    """A file, or stdout for ``-``; None writes nowhere.

    An old summary is emptied before anything is sent, so that it is never taken for this run's; the new one is written
    however the run ends. A file that is no summary is left alone.
    """

    def __init__(self, target: str | None) -> None:
        self._target = target
        self._path = None if target in {None, "-"} else Path(str(target)).absolute()
        self._descriptor: int | None = None

    def __enter__(self) -> Self:
        if self._path is None:
            return self
        try:
            self._descriptor = _open(self._path)
        except OSError as error:
            raise OutputError(
                said("the summary {path} cannot be written ({error})", path=self._path, error=cause(error))
            ) from None
        if self._descriptor is None:
            raise OutputError(
                said("--summary-json {path} is not a summary of an earlier run; give another file", path=self._path)
            )
        return self

    def keep_off(self, *others: Path | None) -> None:
        """Raises OutputError when the summary would be written over one of these files."""
        for other in others:
            if self._path is not None and other is not None and self._path.resolve() == other.resolve():
                raise OutputError(
                    said("--summary-json {path} is written by this run already; give another file", path=self._path)
                )

    def write(self, fields: dict[str, object]) -> None:
        """The first call counts. Raises LedgerError: something was sent, and a file could not be written."""
        target, self._target = self._target, None
        line = orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE)
        try:
            if target == "-":
                sys.stdout.buffer.write(line)
                sys.stdout.buffer.flush()
            elif target is not None and self._descriptor is not None:
                os.write(self._descriptor, line)
        except OSError as error:
            raise LedgerError(said("the summary could not be written: {strerror}", strerror=system(error))) from None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if isinstance(error, OmniBulkError):
                self.write({"exit": error.exit_code, "stopped": str(error)})
            elif error is not None:
                code = 75 if isinstance(error, KeyboardInterrupt) else 70
                self.write({"exit": code, "stopped": "interrupted" if code == 75 else "internal error"})
        finally:
            if self._descriptor is not None:
                os.close(self._descriptor)


def _open(path: Path) -> int | None:
    """Open and empty; None for a file that holds something else."""
    if path.exists() and not path.is_file():  # a pipe, a terminal, /dev/null
        return os.open(path, os.O_WRONLY)
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
    descriptor = os.open(path, flags, 0o600)
    size = os.fstat(descriptor).st_size
    if stat.S_ISREG(os.fstat(descriptor).st_mode) and size and not _is_summary(os.read(descriptor, SUMMARY_MAX), size):
        os.close(descriptor)
        return None
    os.ftruncate(descriptor, 0)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _is_summary(content: bytes, size: int) -> bool:
    try:
        found = orjson.loads(content)
    except orjson.JSONDecodeError:
        return False
    return len(content) == size and isinstance(found, dict) and "exit" in found
