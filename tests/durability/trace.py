"""What a traced process had on the disk for certain, at each moment at which it told the world something.

strace stops a thread at the entry and at the exit of each call, and writes its lines in the order of the stops. So a
line that comes later in the file cannot have caused one before it, whichever threads they belong to. Counted is the
worst case: a write is there when it has *returned* before a sync of its file *began*, and that sync has *returned*; a
message is out when the call that carries it *begins*.
"""

import re
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import orjson

CALLS = (
    "pwrite64", "pwritev", "pwritev2", "write", "writev", "ftruncate", "fdatasync", "fsync", "sendto", "sendmsg",
    "sendmmsg", "unlink", "rename",
)  # fmt: skip
STRACE = ("strace", "-f", "-y", "-xx", "-s", "1000000", "-e", f"trace={','.join(CALLS)}")  # -xx: all strings in hex

CLAIMED = 1  # `message.state` of a message that may be posted
_POST = b"POST /v1/send/international"
_LINE = re.compile(r"(\d+) +(?:<\.\.\. (\w+) resumed>|(\w+)\()(.*)")
_STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_PATH = re.compile(r"^\d+<((?:\\x[0-9a-f]{2}|[^>\\])*)>")
_RESULT = re.compile(r"\) += (-?\d+)")


@dataclass(frozen=True)
class Step:
    """A call at its entry (`returned` is None) or at its exit."""

    thread: str
    call: str
    arguments: str
    returned: int | None = None

    @property
    def strings(self) -> list[bytes]:
        return [_bytes(found) for found in _STRING.findall(self.arguments)]

    @property
    def path(self) -> str:
        """Of the file behind the first argument; empty when it is none."""
        found = _PATH.match(self.arguments)
        return _bytes(found[1]).decode(errors="replace") if found else ""

    @property
    def last_number(self) -> int:
        """The last argument: an offset, a length."""
        return int(self.arguments.rsplit(",", 1)[-1].split(")")[0])


def _bytes(escaped: str) -> bytes:
    return bytes.fromhex(escaped.replace("\\x", "")) if escaped.startswith("\\x") else escaped.encode()


def steps(lines: Iterable[str]) -> Iterator[Step]:
    """Entries and exits, in order. A call on one line was not interrupted by any other: both at once."""
    begun: dict[str, str] = {}
    for line in lines:
        found = _LINE.match(line)
        if found is None:
            continue
        thread, resumed, call, rest = found.groups()
        if resumed is not None:
            arguments = begun.pop(thread) + rest
        elif rest.endswith("<unfinished ...>"):
            begun[thread] = rest.removesuffix("<unfinished ...>").rstrip()
            yield Step(thread, call, begun[thread])
            continue
        else:
            yield Step(thread, call, rest)
            arguments = rest
        if result := _RESULT.search(arguments[arguments.rfind('"') + 1 :]):
            yield Step(thread, resumed or call, arguments, int(result[1]))


Change = tuple[int, bytes | None]  # at an offset these bytes, or (None) the end of the file


@dataclass
class TracedFile:
    """Every change to one file, and how many of them are on the disk for certain."""

    changes: list[Change] = field(default_factory=list)
    synced: int = 0

    def content(self, chance: Random | None = None) -> bytes:
        """The file after a loss of power: what was synced and, given a `chance`, any part of the rest."""
        kept = self.changes[: self.synced]
        if chance is not None:
            kept = kept + [change for change in self.changes[self.synced :] if chance.random() < 0.5]
        image = bytearray()
        for at, put in kept:
            if put is None:
                del image[at:]
            image.extend(bytes(max(0, at + len(put or b"") - len(image))))
            if put is not None:
                image[at : at + len(put)] = put
        return bytes(image)


class Disk:
    """The ledger as it would be found after a loss of power. `deaf` believes no sync: a judge of the judge."""

    def __init__(self, ledger: Path, *, deaf: bool = False) -> None:
        self.ledger = str(ledger)
        self.deaf = deaf
        self.files: dict[str, TracedFile] = {}
        self.directory_synced = False
        self._syncing: dict[str, int] = {}
        self._known: tuple[object, dict[str, int], set[int]] | None = None

    def observe(self, step: Step) -> None:
        path = step.path
        if step.call in {"fdatasync", "fsync"}:
            self._sync(step, path)
        elif step.returned is None or step.returned < 0:
            return
        elif step.call == "unlink":
            self.files.pop(step.strings[0].decode(), None)
        elif path in {self.ledger, f"{self.ledger}-wal", f"{self.ledger}-journal"}:
            file = self.files.setdefault(path, TracedFile())
            if step.call == "ftruncate":
                file.changes.append((step.last_number, None))
                return
            assert step.call == "pwrite64", f"{step.call} on the ledger is not known to this judge"
            file.changes.append((step.last_number, step.strings[0][: step.returned]))

    def _sync(self, step: Step, path: str) -> None:
        if step.returned is None:
            self._syncing[step.thread] = len(self.files[path].changes) if path in self.files else 0
        elif step.returned == 0 and not self.deaf:
            if path in self.files:
                self.files[path].synced = self._syncing[step.thread]
            self.directory_synced |= Path(path) == Path(self.ledger).parent

    def read(self, chance: Random | None = None) -> tuple[dict[str, int], set[int]]:
        """What SQLite finds: ref → state, and the `seq` of every line."""
        version = [(path, file.synced) for path, file in self.files.items()]
        if chance is None and self._known is not None and self._known[0] == version:
            return self._known[1:]
        with tempfile.TemporaryDirectory() as folder:
            for path, file in self.files.items():
                (Path(folder) / Path(path).name).write_bytes(file.content(chance))
            with closing(sqlite3.connect(Path(folder) / Path(self.ledger).name)) as db:
                if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'message'").fetchone():
                    return {}, set()
                states = dict(db.execute("SELECT ref, state FROM message"))
                seqs = {seq for (seq,) in db.execute("SELECT seq FROM line")}
        if chance is None:
            self._known = (version, states, seqs)
        return states, seqs


@dataclass
class Findings:
    """`posts` are the refs in the order in which they left; what is wrong is in the other two."""

    posts: list[str] = field(default_factory=list)
    unclaimed: list[str] = field(default_factory=list)  # left although a loss of power would have forgotten the claim
    ahead: list[int] = field(default_factory=list)  # lines in the results file that the ledger could still lose


def judge_trace(lines: Iterable[str], disk: Disk, results: Path) -> Findings:
    """Compares every message that left, and every line written, with what was on the disk at that moment."""
    findings, chance = Findings(), Random(1)
    for step in steps(lines):
        if step.returned is None and step.call not in {"fdatasync", "fsync", "unlink", "rename", "ftruncate"}:
            carried = b"".join(step.strings)
            if _POST in carried:
                ref = orjson.loads(carried.partition(b"\r\n\r\n")[2])["ref"]
                findings.posts.append(ref)
                certain, possible = disk.read()[0].get(ref), disk.read(chance)[0].get(ref)
                if not disk.directory_synced or (certain, possible) != (CLAIMED, CLAIMED):
                    findings.unclaimed.append(ref)
            elif step.path == str(results):
                seqs = disk.read()[1]
                told = (orjson.loads(line)["seq"] for line in carried.splitlines())
                findings.ahead += [seq for seq in told if seq not in seqs]
        disk.observe(step)
    return findings
