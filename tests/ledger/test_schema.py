"""The ledger's file: who may read it, what is refused, and what two processes see of each other."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from omni_bulk.errors import LedgerError, SettingsError
from omni_bulk.ledger import Ledger, book, read_ledger, reading, schema, scratch
from omni_bulk.ledger.schema import APPLICATION_ID, VERSION, ledger_key, open_ledger
from tests.ledger.kit import NOW, make_desk, mode_of


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def run(code: str, *arguments: object) -> str:
    """What another process prints."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


def refusal(path: Path, *, create: bool = True) -> str:
    """The one sentence with which a ledger is refused."""
    with pytest.raises(SettingsError) as caught:
        open_ledger(path, create=create)
    assert len(caught.value.problems) == 1
    assert "--ledger" in caught.value.problems[0]
    return caught.value.problems[0]


# ── whose it is ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("mask", [0, 0o022, 0o277, 0o777])
def test_the_file_and_what_sqlite_puts_beside_it_are_for_the_owner_alone_whatever_the_umask(
    tmp_path: Path, mask: int
) -> None:
    path = tmp_path / "ledger.db"
    with umask(mask), closing(open_ledger(path)) as db:
        make_desk(db)
        assert {name.name: mode_of(name) for name in tmp_path.iterdir()} == {
            "ledger.db": 0o600, "ledger.db-wal": 0o600, "ledger.db-shm": 0o600,
        }  # fmt: skip


@pytest.mark.parametrize("mask", [0, 0o777])
def test_a_new_directory_is_for_the_owner_alone(tmp_path: Path, mask: int) -> None:
    with umask(mask):
        open_ledger(tmp_path / "state" / "ledger.db").close()
    assert mode_of(tmp_path / "state") == 0o700


def test_an_empty_file_that_was_made_before_becomes_private_and_a_ledger(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.touch()
    path.chmod(0o644)
    open_ledger(path).close()
    assert mode_of(path) == 0o600


def test_the_mode_of_a_ledger_that_is_in_use_is_its_owners_choice(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    open_ledger(path).close()
    path.chmod(0o640)
    open_ledger(path).close()
    assert mode_of(path) == 0o640


# ── what is refused ───────────────────────────────────────────────────────────────────────────────────────────────


def a_link(path: Path) -> None:
    open_ledger(path.with_name("real.db")).close()
    path.symlink_to(path.with_name("real.db"))


def a_link_to_nothing(path: Path) -> None:
    path.symlink_to(path.with_name("nothing.db"))


def a_second_name(path: Path) -> None:
    open_ledger(path.with_name("real.db")).close()
    path.hardlink_to(path.with_name("real.db"))


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


def garbage(path: Path) -> None:
    path.write_bytes(b"to,name\n+821012345678,Kim\n" * 100)


def another_database(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE song (name TEXT)")


def another_application(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA application_id = 7")
        db.execute("PRAGMA user_version = 1")


def a_newer_version(path: Path) -> None:
    open_ledger(path).close()
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {VERSION + 1}")


REFUSED = [
    (a_link, "is a link"),
    (a_link_to_nothing, "is a link"),
    (a_second_name, "a hard link"),
    (Path.mkdir, "not a regular file"),
    (a_pipe, "not a regular file"),
    (garbage, "not a database"),
    (another_database, "database of something else"),
    (another_application, "database of something else"),
    (a_newer_version, f"newer omni_bulk (its version is {VERSION + 1}); upgrade first"),
]


@pytest.mark.parametrize(("make", "why"), REFUSED, ids=[make.__name__ for make, _ in REFUSED])
def test_what_is_no_ledger_of_ours_is_refused_with_the_reason(tmp_path: Path, make: object, why: str) -> None:
    path = tmp_path / "ledger.db"
    assert callable(make)
    make(path)
    assert why in refusal(path)


@pytest.mark.parametrize("make", [garbage, another_database, another_application])
def test_somebody_elses_file_stays_as_it_was(tmp_path: Path, make: object) -> None:
    path = tmp_path / "ledger.db"
    assert callable(make)
    make(path)
    before = path.read_bytes()
    refusal(path)
    assert path.read_bytes() == before
    assert [found.name for found in tmp_path.iterdir()] == ["ledger.db"]


def test_a_ledger_that_is_not_there_is_only_made_when_it_may_be(tmp_path: Path) -> None:
    assert "No such file" in refusal(tmp_path / "ledger.db", create=False)
    assert "No such file" in refusal(tmp_path / "state" / "ledger.db", create=False)
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "state").touch()
    assert "cannot be opened" in refusal(tmp_path / "state" / "ledger.db")


READ_ONLY = """
import os, sys
from pathlib import Path
from omni_bulk.errors import SettingsError
from omni_bulk.ledger.schema import open_ledger
os.chdir(sys.argv[1])
if os.geteuid() == 0:
    os.setuid(65534)
for name in ("old.db", "new.db"):
    try:
        open_ledger(Path(name))
    except SettingsError as error:
        print(error)
"""


def test_a_place_where_nothing_can_be_written_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    """As another user: root may write everywhere."""
    open_ledger(tmp_path / "old.db").close()
    (tmp_path / "old.db").chmod(0o444)
    tmp_path.chmod(0o555)
    for parent in tmp_path.parents[:3]:  # with several workers one more folder is between
        parent.chmod(0o755)
    try:
        old, new = run(READ_ONLY, tmp_path).splitlines()
    finally:
        tmp_path.chmod(0o700)
    assert "the ledger old.db cannot be used (" in old and "--ledger" in old
    assert new == "the ledger new.db cannot be opened (Permission denied); name another with --ledger"


def test_a_sqlite_without_returning_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "OLDEST_SQLITE", (99, 0, 0))
    with pytest.raises(SettingsError, match="too old"):
        open_ledger(tmp_path / "ledger.db")


# ── what makes it durable ─────────────────────────────────────────────────────────────────────────────────────────

PRAGMAS = {"journal_mode": "wal", "synchronous": 2, "fullfsync": 1, "wal_autocheckpoint": 0, "busy_timeout": 30_000}
PRAGMAS |= {"application_id": APPLICATION_ID, "user_version": VERSION}


@pytest.mark.parametrize(("pragma", "value"), PRAGMAS.items())
def test_a_commit_is_on_the_disk_before_it_returns(tmp_path: Path, pragma: str, value: object) -> None:
    with closing(open_ledger(tmp_path / "ledger.db")) as db:
        assert db.execute(f"PRAGMA {pragma}").fetchone()[0] == value


def test_the_key_is_the_ledgers_own_and_stays(tmp_path: Path) -> None:
    keys = []
    for name in ("one.db", "one.db", "two.db"):
        with closing(open_ledger(tmp_path / name)) as db:
            keys.append(ledger_key(db))
    assert keys[0] == keys[1] != keys[2]
    assert len(keys[0]) == 32


# ── processes beside each other ───────────────────────────────────────────────────────────────────────────────────

CREATE = """
import sys
from pathlib import Path
from omni_bulk.ledger.schema import ledger_key, open_ledger
print("there", flush=True)
input()
print(ledger_key(open_ledger(Path(sys.argv[1]))).hex())
"""


def test_processes_that_create_one_ledger_at_once_share_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "ledger.db"
    command = [sys.executable, "-c", CREATE, str(path)]
    children = [subprocess.Popen(command, stdin=-1, stdout=-1, stderr=-1, text=True) for _ in range(4)]
    for child in children:
        assert child.stdout is not None and child.stdout.readline() == "there\n"
    for child in children:
        assert child.stdin is not None
        child.stdin.write("\n")
        child.stdin.flush()
    said = [child.communicate(timeout=60) for child in children]
    assert len(set(said)) == 1
    assert len(said[0][0]) == 65 and said[0][1] == ""


VISIT = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
print(db.execute("SELECT count(*) FROM campaign").fetchone()[0])
db.close()
"""


async def test_a_second_opening_in_one_process_keeps_the_locks_of_the_first(tmp_path: Path) -> None:
    """Closing any descriptor of the file would drop them; a visitor then took the -wal away, and commits with it."""
    path = tmp_path / "ledger.db"
    ledger = await Ledger.open(path)
    await (await Ledger.open(path)).close()
    assert run(VISIT, path) == "0\n"
    assert path.with_name("ledger.db-wal").exists()
    account = await ledger.write(lambda tx: book.make_account(tx, "client", "origin"))
    await ledger.write(lambda tx: book.make_campaign(tx, account, "october", NOW))
    assert run(VISIT, path) == "1\n"
    await ledger.close()


async def test_a_reader_sees_what_a_live_writer_committed(tmp_path: Path) -> None:
    ledger = await Ledger.open(tmp_path / "ledger.db")
    account = await ledger.write(lambda tx: book.make_account(tx, "client", "origin"))
    with ledger.reading() as db:
        assert book.account_id(db, "client", "origin") == account
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            db.execute("DELETE FROM account")
    await ledger.close()


async def test_a_ledger_that_is_removed_while_in_use_is_told(tmp_path: Path) -> None:
    ledger = await Ledger.open(tmp_path / "ledger.db")
    ledger.path.unlink()
    with pytest.raises(LedgerError, match="removed"), ledger.reading():
        pass
    await ledger.close()


def test_reading_makes_no_ledger(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    assert read_ledger(path) is None
    assert not path.exists()
    path.touch()
    assert read_ledger(path) is None


@pytest.mark.parametrize(("make", "why"), [(Path.mkdir, "cannot be read"), *REFUSED[5:]])
def test_what_cannot_be_read_is_told(tmp_path: Path, make: object, why: str) -> None:
    path = tmp_path / "ledger.db"
    assert callable(make)
    make(path)
    with pytest.raises(SettingsError, match="--ledger") as caught:
        read_ledger(path)
    assert why in str(caught.value)


def test_switching_to_wal_waits_for_whoever_is_in_the_way_but_not_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "BUSY_TIMEOUT", 30)
    path = tmp_path / "ledger.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("CREATE TABLE gone (x)")
        other.execute("DROP TABLE gone")
        other.execute("BEGIN IMMEDIATE")
        assert "database is locked" in refusal(path)
        other.execute("COMMIT")
    open_ledger(path).close()


def test_a_plan_without_a_ledger_has_an_empty_one() -> None:
    with closing(scratch()) as db:
        assert reading.overview(db) == []
        assert len(ledger_key(db)) == 32


# ── an older ledger is brought forward ────────────────────────────────────────────────────────────────────────────


def make_newer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next version of the software, which wants one more table and one more column."""
    step = "CREATE TABLE later (id INTEGER PRIMARY KEY);\nALTER TABLE campaign ADD COLUMN colour TEXT;\n"
    monkeypatch.setattr(schema, "_MIGRATIONS", (*schema._MIGRATIONS, step))
    monkeypatch.setattr(schema, "VERSION", VERSION + 1)


def columns_of(db: sqlite3.Connection, table: str) -> list[str]:
    return [row[1] for row in db.execute(f"PRAGMA table_info({table})")]


@pytest.mark.parametrize("reading", [False, True])
def test_an_older_ledger_is_brought_forward_and_keeps_what_it_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reading: bool
) -> None:
    path = tmp_path / "ledger.db"
    with closing(open_ledger(path)) as db:
        make_desk(db)
        before = (ledger_key(db), db.execute("SELECT * FROM campaign").fetchall())
    make_newer(monkeypatch)
    opened = read_ledger(path) if reading else open_ledger(path)
    assert opened is not None
    with closing(opened) as db:
        assert db.execute("PRAGMA user_version").fetchone()[0] == VERSION + 1
        assert (ledger_key(db), [row[:-1] for row in db.execute("SELECT * FROM campaign")]) == before
        assert columns_of(db, "later") == ["id"]


def test_a_new_ledger_and_one_brought_forward_have_the_same_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_ledger(tmp_path / "old.db").close()
    make_newer(monkeypatch)
    sql = "SELECT name, sql FROM sqlite_master ORDER BY name"
    with closing(open_ledger(tmp_path / "old.db")) as old, closing(open_ledger(tmp_path / "new.db")) as new:
        assert old.execute(sql).fetchall() == new.execute(sql).fetchall()
    with closing(scratch()) as db:
        assert columns_of(db, "later") == ["id"]


def test_a_step_forward_that_fails_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "ledger.db"
    open_ledger(path).close()
    monkeypatch.setattr(schema, "_MIGRATIONS", (*schema._MIGRATIONS, "CREATE TABLE later (id);\nNONSENSE;\n"))
    monkeypatch.setattr(schema, "VERSION", VERSION + 1)
    assert "syntax error" in refusal(path)
    monkeypatch.undo()
    with closing(open_ledger(path)) as db:
        assert columns_of(db, "later") == []
