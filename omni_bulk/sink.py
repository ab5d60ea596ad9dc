"""The results file: the ledger's lines as JSONL, repaired on resume; and the queue behind `campaign.send`.

The file is a projection. What the ledger has and the file lacks is appended; a torn last line is cut; a file that was
edited or has lost lines is rebuilt whole. A file of another campaign is never touched.
"""

import asyncio
import os
import stat
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, NamedTuple, Protocol

from omni_bulk.errors import OutputError, Refused
from omni_bulk.files import cause, refuse_open_directory
from omni_bulk.model import Result, Status
from omni_bulk.results import from_line, to_line
from omni_bulk.sentences import said

CHUNK = 1 << 20  # bytes read at once; longer than any line, for an answer is read up to 64 KiB
GROUP = 2_000  # lines of the ledger held at once
Lines = Callable[[int, int | None], Iterable[bytes]]  # (after seq, up to seq) → lines of the ledger
_SENT = frozenset({Status.ACCEPTED, Status.UNKNOWN})


class Sink(Protocol):
    """Where lines go: the results file, standard output, or nowhere."""

    def append(self, lines: list[tuple[Result, bytes]]) -> None: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Found:
    """What is in a results file. `whole` is the length in bytes up to the last complete line.

    `first` and `last` are the outermost complete lines, None where there is none that can be read; `foreign`: what is
    there is not of any campaign.
    """

    lines: int = 0
    whole: int = 0
    size: int = 0
    first: Result | None = None
    last: Result | None = None
    foreign: bool = False


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
    first = _read(file.readline())
    file.seek(max(0, whole - CHUNK))
    last = _read(file.read(whole - file.tell()).splitlines()[-1])
    return Found(count, whole, size, first, last, foreign=first is None and last is None)


def _read(line: bytes) -> Result | None:
    try:
        return from_line(line)
    except ValueError:
        return None


def _torn_first(file: IO[bytes]) -> bool:
    """A run that died in its very first line leaves the beginning of one."""
    file.seek(0)
    start = file.read(8)
    return b'{"seq":1'.startswith(start)


class ResultsFile:
    """An open results file of one campaign, appended to in the order of `seq` by the ledger's writer thread.

    `descriptor` is the file's, which holds the lines up to `last_seq` and nothing else.
    """

    def __init__(self, path: Path, descriptor: int, last_seq: int, missing: Lines) -> None:
        self.path = path
        self._descriptor = descriptor
        self._last_seq = last_seq
        self._missing = missing
        self._size = os.fstat(descriptor).st_size

    @property
    def last_seq(self) -> int:
        """The last line that the file holds."""
        return self._last_seq

    def append(self, lines: list[tuple[Result, bytes]]) -> None:
        """Writes lines of one commit. What another process settled in between is fetched from the ledger first."""
        first, last = lines[0][0].seq, lines[-1][0].seq
        if first == self._last_seq + 1 and last - first + 1 == len(lines):
            self._write([line for _, line in lines])
        else:
            self.catch_up(last)

    def catch_up(self, upto: int | None = None) -> None:
        """Appends what the ledger has and the file lacks."""
        for group in _grouped(self._missing, self._last_seq, upto):
            self._write(group)

    def _write(self, lines: list[bytes]) -> None:
        content = b"".join(lines)
        try:
            write_all(self._descriptor, content)
        except OSError:
            with suppress(OSError):  # so that what is written later does not follow half a line
                os.ftruncate(self._descriptor, self._size)
            raise
        self._size += len(content)
        self._last_seq += len(lines)

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def reopen(self, mode: int) -> None:
        """Goes on with the file that stands at its path now, which holds the same lines."""
        self._descriptor = open_appending(self.path, mode)
        self._size = os.fstat(self._descriptor).st_size


def _grouped(lines: Lines, after: int, upto: int | None = None) -> Iterator[list[bytes]]:
    """The ledger's lines in groups, so that a campaign of millions is never in memory whole."""
    while upto is None or after < upto:
        group = list(lines(after, after + GROUP if upto is None else min(after + GROUP, upto)))
        if not group:
            return
        yield group
        after += len(group)


def open_results(
    path: Path, *, campaign_id: str, campaign: str, last_seq: int, missing: Lines, mode: int = 0o600, pruned: int = 0
) -> ResultsFile:
    """Opens and repairs the results file of a campaign whose ledger is at `last_seq`.

    Lines up to `pruned` the ledger does not have any more: what the file holds of them stays as it is.

    Raises OutputError for a file that cannot be written or is not this campaign's, Refused when it holds accepted lines
    that this ledger knows nothing of.
    """
    with ExitStack() as undo:
        try:
            descriptor = open_appending(path, mode)
            undo.callback(os.close, descriptor)
            with os.fdopen(os.dup(descriptor), "rb") as file:
                found = inspect(file)
                _check(path, file, found, campaign_id=campaign_id, campaign=campaign, last_seq=last_seq)
                head = _head(file, pruned)
                whole = _is_projection(file, found, missing, head, pruned)
                if not whole:
                    _check_all(path, file, campaign_id, missing, pruned)
            if not whole:
                undo.close()  # Windows replaces no file that is open
                return _rebuild(path, missing, mode, head, pruned)
            if found.whole < found.size:
                os.ftruncate(descriptor, found.whole)
            results = ResultsFile(path, descriptor, pruned + found.lines - head.lines, missing)
            results.catch_up()
        except OSError as error:
            raise OutputError(
                said(
                    "the results file {path} cannot be written ({error}); give another with --out",
                    path=path,
                    error=cause(error),
                )
            ) from None
        undo.pop_all()
        return results


def check_results(path: Path, *, campaign_id: str, campaign: str, last_seq: int) -> None:
    """Raises what `open_results` would, as far as reading shows it: nothing is repaired, nothing made."""
    if not path.exists():
        return
    try:
        with path.open("rb") as file:
            _check(path, file, inspect(file), campaign_id=campaign_id, campaign=campaign, last_seq=last_seq)
    except OSError as error:
        raise OutputError(
            said(
                "the results file {path} cannot be read ({error}); give another with --out",
                path=path,
                error=cause(error),
            )
        ) from None


class _Head(NamedTuple):
    """The beginning of a file that the ledger pruned: so many lines, so many bytes."""

    lines: int = 0
    size: int = 0


def _head(file: IO[bytes], pruned: int) -> _Head:
    """What a file holds of the lines up to `pruned`; a damaged one between them stays with them."""
    head, lines = _Head(), 0
    file.seek(0)
    while pruned and (raw := file.readline()).endswith(b"\n"):
        lines += 1
        line = _read(raw)
        if line is not None and line.seq > pruned:
            break
        if line is not None:
            head = _Head(lines, file.tell())
    return head


def _is_projection(file: IO[bytes], found: Found, missing: Lines, head: _Head, pruned: int) -> bool:
    """Whether the complete lines are the ledger's first ones, byte for byte; after the `head`, which it pruned."""
    file.seek(head.size)
    for group in _grouped(missing, pruned, pruned + found.lines - head.lines):
        known = b"".join(group)
        if file.read(len(known)) != known:
            return False
    return file.tell() == found.whole


def _check(path: Path, file: IO[bytes], found: Found, *, campaign_id: str, campaign: str, last_seq: int) -> None:
    if found.foreign:
        raise OutputError(said("{path} is not a results file; give another with --out", path=path))
    for line in (found.first, found.last):
        if line is None or (line.campaign_id == campaign_id and line.seq <= last_seq):
            continue
        same = line.campaign_id == campaign_id or (line.campaign == campaign and last_seq == 0)
        if same and holds_sent(file):
            raise _ahead(path, line, last_seq) if line.campaign_id == campaign_id else _unknown_lines(path, campaign)
        if line.campaign_id != campaign_id:
            raise _not_ours(path, line)


def _check_all(path: Path, file: IO[bytes], campaign_id: str, missing: Lines, pruned: int) -> None:
    """Before a file is written anew: nothing in it may be another campaign's, or sent and unknown to the ledger."""
    known: dict[int, Result] = {}
    file.seek(0)
    for raw in file:
        line = _read(raw)
        if line is None:
            continue  # damage: there is nothing to keep
        if line.campaign_id != campaign_id:
            raise _not_ours(path, line)
        if line.status in _SENT and line.seq > pruned:
            if line.seq not in known:
                after = max(0, line.seq - 1)
                known = {own.seq: own for own in map(from_line, missing(after, after + GROUP))}
            own = known.get(line.seq)
            if own is None or not same_line(own, line):
                raise _unknown_lines(path, line.campaign)


def same_line(one: Result, other: Result) -> bool:
    """Whether two lines with one `seq` tell of the same message. A ref that gave a forgotten number away is gone."""
    if one.forgotten or other.forgotten:
        return one.msg_key == other.msg_key
    return (one.ref, one.msg_key) == (other.ref, other.msg_key)


def _unknown_lines(path: Path, campaign: str) -> Refused:
    return Refused(
        said(
            "{path} holds results of the campaign {campaign!r} that this ledger does not know, so people could get a "
            "second message. Use the ledger it was written with (--ledger), or adopt them: --already {path}",
            path=path,
            campaign=campaign,
        )
    )


def _ahead(path: Path, line: Result, last_seq: int) -> Refused:
    return Refused(
        said(
            "{path} is ahead of this ledger: the file ends with line {seq:,} of the campaign {campaign!r}, the "
            "ledger with {last_seq:,}. An older copy of the ledger was put back, so people could get a second message. "
            "Take back what it lacks: --already {path}, or use the ledger that the file was written with (--ledger)",
            path=path,
            seq=line.seq,
            campaign=line.campaign,
            last_seq=last_seq,
        )
    )


def _not_ours(path: Path, line: Result) -> OutputError:
    return OutputError(
        said(
            "{path} belongs to another campaign ({campaign!r}); give another file with --out",
            path=path,
            campaign=line.campaign,
        )
    )


def holds_sent(file: IO[bytes]) -> bool:
    """Whether any line says that a message was or may have been accepted."""
    file.seek(0)
    return any(line is not None and line.status in _SENT for line in map(_read, file))


def open_appending(path: Path, mode: int) -> int:
    """A descriptor of a regular file, made with this mode, never a link. Raises OSError."""
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    refuse_open_directory(path)
    existed = os.path.lexists(path)
    if path.is_symlink():
        raise OSError(0, "it is a link")
    descriptor = os.open(path, flags, mode)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(0, "it is not a regular file")
    if not existed and hasattr(os, "fchmod"):
        os.fchmod(descriptor, mode)  # whatever the umask
    return descriptor


def _rebuild(path: Path, missing: Lines, mode: int, head: _Head, pruned: int) -> ResultsFile:
    """Writes the whole file anew beside the old one, its `head` as it is, then takes its place."""
    fresh = path.with_name(f".{path.name}.rebuild")
    fresh.unlink(missing_ok=True)
    with ExitStack() as undo:
        undo.callback(fresh.unlink, missing_ok=True)
        descriptor = open_appending(fresh, mode)
        results = ResultsFile(path, descriptor, pruned, missing)
        undo.callback(results.close)
        if head.size:
            with path.open("rb") as old:
                _copy(old, descriptor, head.size)
        results.catch_up()
        results.close()  # Windows puts no file in place that is open
        fresh.replace(path)
        results.reopen(mode)
        undo.pop_all()
    return results


def _copy(old: IO[bytes], descriptor: int, size: int) -> None:
    while size and (chunk := old.read(min(CHUNK, size))):
        write_all(descriptor, chunk)
        size -= len(chunk)


def write_all(descriptor: int, content: bytes) -> None:
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

    The overflow is an unlinked temporary file (0600), read back in order. Where that cannot be written, memory grows
    after all: `put` is called in the midst of sending and must not fail.
    """

    def __init__(self) -> None:
        self._head: deque[Result] = deque()
        self._file: IO[bytes] | None = None
        self._read_at = self._write_at = 0  # between them: what comes after the head
        self._tail: deque[Result] = deque()  # what comes after the file
        self._wake = asyncio.Event()
        self._ended = False

    def put(self, result: Result) -> None:
        if self._tail:
            self._tail.append(result)
        elif self._read_at == self._write_at and len(self._head) < MEMORY_MAX:
            self._head.append(result)
        else:
            try:
                self._write((b"+" if result.replayed else b"-") + to_line(result))
            except OSError:
                self._tail.append(result)
        self._wake.set()

    def _write(self, line: bytes) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - lives as long as the spool
        self._file.seek(self._write_at)
        write_all(self._file.fileno(), line)
        self._write_at += len(line)

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
            elif self._tail:
                self._head, self._tail = self._tail, self._head
            elif self._ended:
                return None
            else:
                self._wake.clear()
                await self._wake.wait()

    def _refill(self, file: IO[bytes]) -> None:
        file.seek(self._read_at)
        lines = file.read(min(CHUNK, self._write_at - self._read_at)).split(b"\n", MEMORY_MAX)
        for line in lines[:-1]:  # the last is the beginning of one, or what is left over
            self._head.append(replace(from_line(line[1:]), replayed=line.startswith(b"+")))
            self._read_at += len(line) + 1
        if self._read_at == self._write_at:
            self._read_at = self._write_at = 0
            file.truncate(0)

    def close(self) -> None:
        """Gives the disk back. What was not taken is in the ledger."""
        if self._file is not None:
            self._file.close()
            self._file = None
            self._read_at = self._write_at = 0
