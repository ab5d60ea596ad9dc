"""Locks beside the ledger: one run per campaign, and a sign of life for whoever sends single messages.

The kernel frees a lock when its holder dies, however it dies (``kill -9`` too). So a file that is left over means
nothing by itself, and nothing here trusts one: only a lock that cannot be taken says that somebody is there.

``<ledger>.locks/<campaign>.lock`` is held by a run; ``<campaign>.owner`` beside it tells people who that is.
``<ledger>.locks/owner-<uuid>.lock`` is held by a process that claims single messages under that owner's id.
"""

import errno
import json
import os
import re
import socket
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self
from uuid import UUID, uuid5

from filelock import BaseFileLock, FileLock, Timeout

from omni_bulk.errors import Refused, SettingsError
from omni_bulk.sentences import said, system

LOCK_WAIT_DEFAULT = 0.0  # seconds; who finds the campaign held is told at once
POLL_INTERVAL = 0.1  # seconds between two tries while waiting
OWNER_FILE_MAX = 4_096  # bytes; ours are about a hundred
_DIRECTORY_MODE = 0o700
_FILE_MODE = 0o600
_OWN_FILE_TRIES = 10  # a probe may hold or remove our file between its making and its locking, each time once

# A lock, and SQLite's shared memory, hold on one machine only: over a network they fail silently, or long after.
_NETWORK = re.compile(
    r"nfs\d?|cifs|smb\w*|ncpfs|9p|afs|ceph|glusterfs|lustre|gpfs|beegfs|pvfs2|orangefs|davfs\d?"
    r"|fuse\.(sshfs|glusterfs|ceph\S*|rclone|s3fs|goofys|gcsfuse|davfs\d?|curlftpfs|mount-s3|juicefs|smb\S*|nfs\S*)"
)


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a campaign: process id, host name, and since when (ISO 8601 with offset)."""

    pid: int
    host: str
    since: str

    def __str__(self) -> str:
        return self.sentence

    @property
    def sentence(self) -> str:
        """The same, for a sentence."""
        return said("pid {pid} on host {host} since {since}", pid=self.pid, host=self.host, since=self.since)


class CampaignLock:
    """Keeps two runs off one campaign, in other processes and in this one. Usable from any thread, held by one.

    `ledger` is the ledger's path, `campaign` the campaign's UUID, `name` what people call it. `clock` and `sleep` are
    in seconds, `now` is the time of day written for people; all three are parameters for tests.
    """

    def __init__(
        self,
        ledger: Path,
        campaign: UUID | str,
        *,
        name: str = "",
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], datetime] = lambda: datetime.now(UTC).astimezone(),
    ) -> None:
        identity = str(UUID(str(campaign)))  # nothing else may become part of a path
        self.path = lock_directory(ledger) / f"{identity}.lock"
        self._owner_path = self.path.with_suffix(".owner")
        self._name = name or identity
        self._clock = clock
        self._sleep = sleep
        self._now = now
        self._lock: BaseFileLock | None = None

    @property
    def held(self) -> bool:
        """Whether this object holds the campaign."""
        return self._lock is not None

    def acquire(self, wait: float = LOCK_WAIT_DEFAULT) -> None:
        """Take the campaign, trying again for up to `wait` seconds.

        Raises `Refused` when another run, or another object of this process, has it; `SettingsError` when there is
        no place for a lock.
        """
        if self.held:
            raise Refused(self._sentence(self.holder()))
        make_lock_directory(self.path.parent)
        deadline = self._clock() + wait
        while (lock := _try_lock(self.path)) is None:
            left = deadline - self._clock()
            if left <= 0:
                raise Refused(self._sentence(self.holder()))
            self._sleep(min(POLL_INTERVAL, left))
        self._lock = lock
        try:
            self._introduce()
        except OSError as error:
            self.release()
            raise SettingsError(_unusable(self._owner_path, error)) from error

    def release(self) -> None:
        """Let the campaign go. Without effect when it is not held."""
        lock, self._lock = self._lock, None
        if lock is not None:
            with suppress(OSError):  # first: once the lock is free, the file may be the next holder's
                self._owner_path.unlink()
            lock.release()

    def holder(self) -> Holder | None:
        """Who says to hold the campaign, None when nobody says so credibly. Meaningful only while it cannot be taken.

        A file left by a killed process is told from a live one by its process id, where that is on this host.
        """
        try:
            found = json.loads(_read_owner(self._owner_path))
            holder = Holder(int(found["pid"]), str(found["host"]), str(found["since"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return None if holder.host == socket.gethostname() and _is_gone(holder.pid) else holder

    def __enter__(self) -> Self:
        if not self.held:
            self.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def _introduce(self) -> None:
        """Say who holds the campaign; whole or not at all, over whatever a killed process left."""
        about = {"pid": os.getpid(), "host": socket.gethostname(), "since": self._now().isoformat(timespec="seconds")}
        draft = self._owner_path.with_suffix(".draft")
        draft.unlink(missing_ok=True)
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE_MODE), "wb") as file:  # noqa: PTH123
            file.write(json.dumps(about).encode())
        draft.replace(self._owner_path)

    def _sentence(self, holder: Holder | None) -> str:
        who = said(": {holder}", holder=holder.sentence) if holder else ""
        return said(
            "Another run holds campaign {name}{who}. Wait for it to end, or give --lock-wait SECONDS; "
            "`omni-bulk status --runs` shows what is running.",
            name=self._name,
            who=who,
        )


class UpkeepLock(CampaignLock):
    """The same lock, for who does not wait: a campaign that is held is left for the next time."""

    def _sentence(self, holder: Holder | None) -> str:
        who = said(": {holder}", holder=holder.sentence) if holder else ""
        return said(
            "a run holds campaign {name}{who}. Run the same command again when it has ended", name=self._name, who=who
        )


class CollectorLock(CampaignLock):
    """Keeps two collectors off one account's queue of reports: each would take what the other waits for."""

    def __init__(self, ledger: Path, account: int) -> None:
        super().__init__(ledger, uuid5(_REPORTS, str(account)), name="reports")

    def _sentence(self, holder: Holder | None) -> str:
        who = said(": {holder}", holder=holder.sentence) if holder else ""
        return said(
            "Another process collects the reports of this account{who}. One is enough: read what it writes, or end it.",
            who=who,
        )


_REPORTS = UUID("6f6d6e69-7265-8f72-9473-000000000000")


class OwnerLock:
    """A sign of life: held by a process as long as it may have claims open under `owner`, a UUID of its own."""

    def __init__(self, ledger: Path, owner: UUID | str) -> None:
        self.path = owner_path(ledger, owner)
        self._lock: BaseFileLock | None = None

    @property
    def held(self) -> bool:
        """Whether this object holds the lock."""
        return self._lock is not None

    def acquire(self) -> None:
        """Show life. Raises `Refused` when the id is in use already, `SettingsError` when there is no place for it."""
        make_lock_directory(self.path.parent)
        for _ in range(_OWN_FILE_TRIES):
            lock = None if self.held else _try_lock(self.path)
            if lock is not None and self.path.exists():
                self._lock = lock
                return
            if lock is not None:  # a probe removed the file between its making and its locking
                lock.release()
        raise Refused(said("This owner id is in use by another process: start again, which takes a new one."))

    def release(self) -> None:
        """End the sign of life. Without effect when it is not held."""
        lock, self._lock = self._lock, None
        if lock is not None:
            _remove(self.path, lock)

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def lock_directory(ledger: Path) -> Path:
    """Where the locks of a ledger are."""
    return ledger.with_name(f"{ledger.name}.locks")


def owner_path(ledger: Path, owner: UUID | str) -> Path:
    """The file that the owner of that UUID holds while it lives. Raises ValueError for what is no UUID."""
    return lock_directory(ledger) / f"owner-{UUID(str(owner))}.lock"


def is_alive(path: Path) -> bool:
    """Whether the owner whose file is `path` lives, in any process of this machine. Never waits, never disturbs it.

    What a dead owner left is removed. When two ask about the same dead owner at the same instant, one may be told that
    it lives: the safe side, and right the next time. Raises `SettingsError` when the file cannot be examined.
    """
    if not os.path.lexists(path):
        return False
    lock = _try_lock(path)
    if lock is None:
        return True
    _remove(path, lock)
    return False


def anybody(ledger: Path) -> bool:
    """Whether any run, collector or process of single sends is at work on the ledger. Never waits."""
    for path in sorted(lock_directory(ledger).glob("*.lock")):
        lock = _try_lock(path)
        if lock is None:
            return True
        lock.release()
    return False


def make_lock_directory(directory: Path) -> None:
    """Make `directory`, for its owner alone. Raises `SettingsError` when that fails or when a link stands there."""
    try:
        directory.mkdir(mode=_DIRECTORY_MODE, parents=True, exist_ok=True)
        if not stat.S_ISDIR(directory.lstat().st_mode):
            raise SettingsError(
                said("{directory} is a link: the locks of a ledger need a directory of its own.", directory=directory)
            )
        directory.chmod(_DIRECTORY_MODE)
    except OSError as error:
        raise SettingsError(_unusable(directory, error)) from error


def network_filesystem(mounts: str, path: str) -> str | None:
    """The type of the network filesystem that holds the absolute `path`, None when it is a local one. Pure.

    `mounts` is the text of ``/proc/mounts``: device, mount point (octal escapes), type, options. Of several mounts on
    one point the last is seen.
    """
    best, kind = "", ""
    for line in mounts.splitlines():
        columns = line.split(" ")
        if len(columns) < 3:
            continue
        point = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), columns[1])
        inside = path == point or path.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, kind = point, columns[2]
    if kind == "9p" and best == "/":  # a virtual machine's own root, not a share
        return None
    return kind if _NETWORK.fullmatch(kind) else None


def refuse_network_filesystem(path: Path) -> None:
    """Raise `SettingsError` when `path` lies on a network filesystem. Known on Linux; elsewhere it is not examined."""
    try:
        mounts = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:  # no Linux
        return
    kind = network_filesystem(mounts, os.path.realpath(path))
    if kind is not None:
        raise SettingsError(
            said(
                "The ledger {path} (OMNI_LEDGER, --ledger) lies on a network filesystem ({kind}), where its locks do not "
                "hold: name one on a local disk.",
                path=path,
                kind=kind,
            )
        )


def _try_lock(path: Path) -> BaseFileLock | None:
    """One try, without waiting. None when somebody holds it, in whichever process."""
    if path.is_symlink():
        raise SettingsError(said("The lock {path} cannot be used: it is a link. Remove it.", path=path))
    # Not a singleton and not thread-local: each object is a rival of every other, also within this process.
    # A soft lock, its way out where the filesystem has none, would outlive a crash.
    lock: BaseFileLock = FileLock(path, mode=_FILE_MODE, thread_local=False, is_singleton=False, fallback_to_soft=False)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return None
    except (OSError, NotImplementedError) as error:
        if isinstance(error, OSError) and error.errno != errno.ENOSYS:
            raise SettingsError(_unusable(path, error)) from error
        raise SettingsError(
            said("The filesystem of {path} has no locks: name a ledger on a local disk.", path=path)
        ) from error
    return lock


def _remove(path: Path, lock: BaseFileLock) -> None:
    with suppress(OSError):  # while it is held, so that nobody can be on it; Windows refuses and removes it later
        path.unlink()
    lock.release()


def _read_owner(path: Path) -> bytes:
    with open(os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0)), "rb") as file:  # noqa: PTH123
        return file.read(OWNER_FILE_MAX)


def _is_gone(pid: int) -> bool:
    if os.name != "posix":  # on Windows signal 0 would end the process
        return False
    try:
        os.kill(pid, 0)
    except (OSError, OverflowError) as error:  # others: it lives, as somebody else's; or it is no process id at all
        return isinstance(error, ProcessLookupError)
    return False


def _unusable(path: Path, error: OSError) -> str:
    return said(
        "The lock {path} cannot be used: {strerror}. Make its directory writable, or name another ledger.",
        path=path,
        strerror=system(error),
    )
