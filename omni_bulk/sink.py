"""The results file: the ledger's lines as JSONL, repaired on resume; and the queue behind `campaign.send`.

The file is a projection. What the ledger has and the file lacks is appended; a torn last line is cut; a file that was
edited or shortened is rebuilt whole. A file of another campaign is never touched.
"""

import asyncio
import os
import stat
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Protocol

from omni_bulk.errors import OutputError, Refused
from omni_bulk.model import Result, Status
from omni_bulk.results import from_line, to_line

CHUNK = 1 << 20  # bytes read at once while counting lines
Lines = Callable[[int, int | None], Iterable[bytes]]  # (after seq, up to seq) → lines of the ledger


class Sink(Protocol):
    """Where lines go: the results file, standard output, or nowhere."""

    def append(self, lines: list[tuple[Result, bytes]]) -> None: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Found:
    """What is in a results file. `whole` is the length in bytes up to the last complete line."""

    lines: int = 0
    whole: int = 0
    size: int = 0
    first: Result | None = None
    last: Result | None = None
    foreign: bool = False  # its first or last line is not of any campaign


def inspect(file: IO[bytes]) -> Found:
    """Counts the lines and reads the first and the last, without keeping the rest."""
    count = size = whole = 0
    file.seek(0)
    while chunk := file.read(CHUNK):
        count += chunk.count(b"\n")
        if (end := chunk.rfind(b"\n")) >= 0:
            whole = size + end + 1
        size += len(chunk)
    if not count:
        return Found(0, 0, size, foreign=size > 0 and not _torn_first(file))
    file.seek(0)
    first = file.readline()
    file.seek(max(0, whole - CHUNK))
    last = file.read(whole - file.tell()).splitlines()[-1]
    try:
        return Found(count, whole, size, from_line(first), from_line(last))
    except ValueError:
        return Found(count, whole, size, foreign=True)


def _torn_first(file: IO[bytes]) -> bool:
    """A run that died in its very first line leaves the beginning of one."""
    file.seek(0)
    start = file.read(8)
    return b'{"seq":1'.startswith(start)


class ResultsFile:
    """An open results file of one campaign, appended to in the order of `seq` by the ledger's writer thread."""

    def __init__(self, path: Path, descriptor: int, last_seq: int, missing: Lines) -> None:
        self.path = path
        self._descriptor = descriptor
        self._last_seq = last_seq
        self._missing = missing

    def append(self, lines: list[tuple[Result, bytes]]) -> None:
        """Writes lines of one commit. What another process settled in between is fetched from the ledger first."""
        first, last = lines[0][0].seq, lines[-1][0].seq
        if last <= self._last_seq:
            return
        if first == self._last_seq + 1 and last - first + 1 == len(lines):
            written = b"".join(line for _, line in lines)
        else:
            written = b"".join(self._missing(self._last_seq, last))
        _write_all(self._descriptor, written)
        self._last_seq = last

    def catch_up(self) -> None:
        """Appends what the ledger has and the file lacks."""
        for line in self._missing(self._last_seq, None):
            _write_all(self._descriptor, line)
            self._last_seq += 1

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def open_results(
    path: Path, *, campaign_id: str, campaign: str, last_seq: int, missing: Lines, mode: int = 0o600
) -> ResultsFile:
    """Opens and repairs the results file of a campaign whose ledger is at `last_seq`.

    Raises OutputError for a file that cannot be written or is not this campaign's, Refused when it holds accepted lines
    that this ledger knows nothing of.
    """
    try:
        descriptor = _open(path, mode)
    except OSError as error:
        raise OutputError(
            f"the results file {path} cannot be written ({error.strerror}); give another with --out"
        ) from None
    try:
        with os.fdopen(os.dup(descriptor), "rb") as file:
            found = inspect(file)
            _check(path, file, found, campaign_id=campaign_id, campaign=campaign, last_seq=last_seq)
        if found.lines and (found.last is None or found.last.seq != found.lines or found.last.seq > last_seq):
            os.close(descriptor)
            return _rebuild(path, missing, mode)
        if found.whole < found.size:
            os.ftruncate(descriptor, found.whole)
        results = ResultsFile(path, descriptor, found.lines, missing)
        results.catch_up()
    except OSError as error:
        os.close(descriptor)
        raise OutputError(f"the results file {path} cannot be written ({error.strerror})") from None
    except BaseException:
        os.close(descriptor)
        raise
    return results


def _check(path: Path, file: IO[bytes], found: Found, *, campaign_id: str, campaign: str, last_seq: int) -> None:
    if found.foreign:
        raise OutputError(f"{path} is not a results file; give another with --out")
    if found.first is None or (found.first.campaign_id == campaign_id and found.last and found.last.seq <= last_seq):
        return
    same = found.first.campaign_id == campaign_id or (found.first.campaign == campaign and last_seq == 0)
    if same and holds_sent(file):
        raise Refused(
            f"{path} holds results of the campaign {campaign!r} that this ledger does not know, so people could get a "
            f"second message. Use the ledger it was written with (--ledger), or adopt them: --already {path}"
        )
    raise OutputError(f"{path} belongs to another campaign ({found.first.campaign!r}); give another file with --out")


def holds_sent(file: IO[bytes]) -> bool:
    """Whether any line says that a message was or may have been accepted."""
    file.seek(0)
    return any(b'"status":"accepted"' in line or b'"status":"unknown"' in line for line in file)


def _open(path: Path, mode: int) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    existed = path.exists()
    descriptor = os.open(path, flags, mode)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(0, "not a regular file")
    if not existed and hasattr(os, "fchmod"):
        os.fchmod(descriptor, mode)  # whatever the umask
    return descriptor


def _rebuild(path: Path, missing: Lines, mode: int) -> ResultsFile:
    """Writes the whole file anew beside the old one, then takes its place."""
    fresh = path.with_name(f".{path.name}.rebuild")
    fresh.unlink(missing_ok=True)
    results = ResultsFile(path, _open(fresh, mode), 0, missing)
    results.catch_up()
    fresh.replace(path)
    return results


def _write_all(descriptor: int, content: bytes) -> None:
    while content:
        content = content[os.write(descriptor, content) :]


class StreamSink:
    """The lines of one run on a stream, for ``--out -``."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def append(self, lines: list[tuple[Result, bytes]]) -> None:
        self._stream.write(b"".join(line for _, line in lines))
        self._stream.flush()

    def close(self) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Results:
    """A results file read back: the final line of each ref, in the order the refs first appeared.

    `repeats` holds the lines about rows that repeat another (their `ref` is None).
    """

    by_ref: dict[str, Result] = field(repr=False)
    repeats: list[Result] = field(repr=False)

    def __iter__(self) -> Iterator[Result]:
        return iter(self.by_ref.values())

    def __len__(self) -> int:
        return len(self.by_ref)

    @property
    def by_msg_key(self) -> dict[str, Result]:
        """The final lines that have a msgKey, by msgKey."""
        return {result.msg_key: result for result in self.by_ref.values() if result.msg_key is not None}

    def count(self, status: Status | str) -> int:
        """How many refs ended in this status."""
        return sum(result.status == status for result in self.by_ref.values())


def read_results(path: str | os.PathLike[str]) -> Results:
    """Reads a results file; the last line with a ref wins, a torn last line is passed over.

    Raises ValueError for a line that is no result, OSError when the file cannot be read.
    """
    by_ref: dict[str, Result] = {}
    repeats: list[Result] = []
    with Path(path).open("rb") as file:
        for line in file:
            if not line.endswith(b"\n"):
                break
            result = from_line(line)
            if result.ref is None:
                repeats.append(result)
            else:
                by_ref[result.ref] = result
    return Results(by_ref, repeats)


MEMORY_MAX = 1000  # results that wait in memory before they go to disk


class Spool:
    """A queue of results between sending and a caller who may be slow: neither blocks sending nor grows memory.

    The overflow is an unlinked temporary file (0600), read back in order.
    """

    def __init__(self) -> None:
        self._head: deque[Result] = deque()
        self._file: IO[bytes] | None = None
        self._read_at = self._write_at = 0
        self._wake = asyncio.Event()
        self._ended = False

    def put(self, result: Result) -> None:
        if self._read_at == self._write_at and len(self._head) < MEMORY_MAX:
            self._head.append(result)
        else:
            if self._file is None:
                self._file = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the spool
            self._file.seek(self._write_at)
            self._file.write((b"+" if result.replayed else b"-") + to_line(result))
            self._write_at = self._file.tell()
        self._wake.set()

    def end(self) -> None:
        """No more results will come."""
        self._ended = True
        self._wake.set()

    async def get(self) -> Result | None:
        """The next result, None after the last one."""
        while True:
            if self._head:
                return self._head.popleft()
            if self._file is not None and self._read_at < self._write_at:
                self._refill(self._file)
                continue
            if self._ended:
                return None
            self._wake.clear()
            await self._wake.wait()

    def _refill(self, file: IO[bytes]) -> None:
        file.seek(self._read_at)
        while len(self._head) < MEMORY_MAX and file.tell() < self._write_at:
            line = file.readline()
            self._head.append(replace(from_line(line[1:]), replayed=line.startswith(b"+")))
        self._read_at = file.tell()
        if self._read_at == self._write_at:
            self._read_at = self._write_at = 0
            file.truncate(0)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
