"""Looking at a ledger changes none, whatever its version."""

from contextlib import closing
from pathlib import Path

import pytest

from omni_bulk.errors import SettingsError
from omni_bulk.ledger import Glance, schema
from omni_bulk.ledger.schema import VERSION, ledger_key, open_ledger
from tests.ledger.test_schema import columns_of, make_newer


def test_a_ledger_of_today_is_read_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with closing(open_ledger(path)) as db:
        key = ledger_key(db)
    before = path.read_bytes()
    with closing(Glance(path)) as seen:
        assert (seen.there, seen.key) == (True, key)
    assert path.read_bytes() == before


def test_an_older_one_is_brought_forward_in_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "ledger.db"
    with closing(open_ledger(path)) as db:
        key = ledger_key(db)
    before = path.read_bytes()
    make_newer(monkeypatch)
    with closing(Glance(path)) as seen, seen.reading() as db:
        assert (seen.there, seen.key) == (True, key)
        assert "colour" in columns_of(db, "campaign")
        db.execute("SELECT count(*) FROM planned")
    assert path.read_bytes() == before


def test_a_newer_one_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "ledger.db"
    open_ledger(path).close()
    monkeypatch.setattr(schema, "VERSION", VERSION - 1)
    with pytest.raises(SettingsError, match="newer"):
        Glance(path)


@pytest.mark.parametrize("empty", [False, True])
def test_where_there_is_none_there_is_none_afterwards(tmp_path: Path, *, empty: bool) -> None:
    path = tmp_path / "ledger.db"
    if empty:
        path.touch()
    with closing(Glance(path)) as seen:
        assert (seen.there, len(seen.key)) == (False, 32)
    assert [one.name for one in tmp_path.iterdir()] == ["ledger.db"] * empty


def test_something_else_is_no_ledger(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.write_text("something else entirely")
    with pytest.raises(SettingsError, match="cannot be read"):
        Glance(path)
