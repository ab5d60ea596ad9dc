"""A copy of a ledger and its reports, taken while both are in use, that can be put in their place.

The reports go first. What a copy of them knows of a message (its report, its msgKey, up to which line they caught up)
must be in the copy of the ledger too, and whatever they knew then is in a ledger that is copied later. The other way
round the copied reports would name messages that the copied ledger lacks. That the ledger is ahead of its reports is
the ordinary case: they catch up.
"""

import os
import sqlite3
from contextlib import ExitStack, closing
from pathlib import Path
from secrets import token_hex

from omni_bulk.errors import LedgerError, OutputError
from omni_bulk.ledger import report_file, schema
from omni_bulk.ledger.report_file import reports_path
from omni_bulk.replacing import make_private, settle_in, told
from omni_bulk.sentences import said

_FLAG = said("another FILE")
_HEADER = b"SQLite format 3\0"
_APPLICATION_AT = 68  # offset of the application id in the header
_SIDES = ("-wal", "-shm", "-journal")


def backup(ledger: Path, target: Path) -> list[tuple[Path, int]]:
    """Copies both files to `target` and beside it, each whole or not at all, 0600 and on the disk: (path, bytes) of each.

    A directory takes them under their own names. Raises OutputError when they cannot be written or something else is
    there; LedgerError when a copy does not pass SQLite's own check, which means that its original does not.
    """
    target = target / ledger.name if target.is_dir() else target
    pairs = [(ledger, target, schema.APPLICATION_ID)]
    if reports_path(ledger).exists():
        pairs.append((reports_path(ledger), reports_path(target), report_file.APPLICATION_ID))
    for source, goal, application in pairs:
        _keep_off(source, goal, application)
    with ExitStack() as undo:
        drafts = []
        for source, goal, _ in reversed(pairs):
            draft = goal.with_name(f".{goal.name}.{token_hex(4)}.draft")
            for side in ("", *_SIDES):
                undo.callback(draft.with_name(draft.name + side).unlink, missing_ok=True)
            with told(goal, "the copy", _FLAG):
                os.close(make_private(goal, draft))
                _copy(source, draft)
            drafts.append(draft)
        for (_, goal, _), draft in zip(pairs, reversed(drafts), strict=True):
            with told(goal, "the copy", _FLAG):
                settle_in(draft, goal)
    if len(pairs) == 1:
        reports_path(target).unlink(missing_ok=True)  # of an earlier copy; this ledger has none
    return [(goal, goal.stat().st_size) for _, goal, _ in pairs]


def _keep_off(source: Path, goal: Path, application: int) -> None:
    """Nothing is replaced but an earlier copy: never the ledger itself, one in use, or a file of something else."""
    if not goal.exists():
        return
    if goal.samefile(source):
        raise OutputError(said("{goal} is the ledger itself; name {other}", goal=goal, other=_FLAG))
    if any(goal.with_name(goal.name + side).exists() for side in _SIDES):
        raise OutputError(said("{goal} is in use as a ledger, or was; name {other}", goal=goal, other=_FLAG))
    with told(goal, "the copy", _FLAG), goal.open("rb") as file:
        head = file.read(100)
    if head and (
        not head.startswith(_HEADER) or head[_APPLICATION_AT : _APPLICATION_AT + 4] != application.to_bytes(4, "big")
    ):
        raise OutputError(
            said("{goal} is there already and is no copy of a ledger; name {other}", goal=goal, other=_FLAG)
        )


def _copy(source: Path, draft: Path) -> None:
    """One view of the source from its first page to its last: in WAL mode that keeps nobody from writing."""
    try:
        with closing(_opened(source, "mode=ro")) as db, closing(_opened(draft, "mode=rw")) as copy:
            copy.execute("PRAGMA journal_mode = OFF")
            copy.execute("PRAGMA synchronous = OFF")  # one fsync in the end does
            db.execute("BEGIN")
            db.execute("SELECT count(*) FROM sqlite_master").fetchone()  # from here on: or each write began it anew
            db.backup(copy)
        with draft.open("rb+") as file:
            os.fsync(file.fileno())
        with closing(_opened(draft, "immutable=1")) as copy:
            found = copy.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        raise LedgerError(
            said("{source} could not be copied: {error}", source=source, error=schema.why(error))
        ) from None
    if found != "ok":
        raise LedgerError(
            said("{source} is damaged ({found}); the earlier copy, if there is one, stays", source=source, found=found)
        )


def _opened(path: Path, how: str) -> sqlite3.Connection:
    db = sqlite3.connect(f"{path.absolute().as_uri()}?{how}", uri=True, isolation_level=None)
    db.execute(f"PRAGMA busy_timeout = {schema.BUSY_TIMEOUT}")
    return db
