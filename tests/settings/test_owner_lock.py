"""A sign of life ends with the life, and asking for it disturbs nobody."""

import signal
from pathlib import Path
from typing import Any

import pytest

from omni_bulk import lock as module
from omni_bulk.errors import Refused, SettingsError
from omni_bulk.lock import OwnerLock, is_alive, owner_path
from tests.settings.files import another_process

LEDGER = Path("ledger.db")
OWNER = "0b8a5a34-1f1f-4b63-9f3c-5b1f3ddc2a22"
TAKE_OWNER = f"lock = OwnerLock(Path('ledger.db'), '{OWNER}'); lock.acquire()"


def test_an_owner_lives_as_long_as_its_process() -> None:
    path = owner_path(LEDGER, OWNER)
    assert not is_alive(path)
    with another_process(TAKE_OWNER) as child:
        assert is_alive(path)
        assert is_alive(path)  # asking does not disturb
        child.send_signal(signal.SIGKILL)
        child.wait()
        assert path.exists()
        assert not is_alive(path)
        assert not path.exists()
        assert not is_alive(path)


def test_an_owner_in_this_process_is_seen_too() -> None:
    with OwnerLock(LEDGER, OWNER) as owner:
        assert owner.held
        assert is_alive(owner.path)
    assert not owner.path.exists()
    assert not is_alive(owner.path)
    owner.release()


def test_an_id_has_one_owner() -> None:
    owner = OwnerLock(LEDGER, OWNER)
    with owner:
        with pytest.raises(Refused, match="owner id is in use"):
            OwnerLock(LEDGER, OWNER).acquire()
        with pytest.raises(Refused, match="owner id is in use"):
            owner.acquire()


def test_a_probe_that_takes_a_newborn_for_dead_does_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the making of the file and its locking, a probe may take it, remove it, and let go."""
    take = module._try_lock
    robbed: list[Path] = []

    def rob_once(path: Path) -> Any:
        lock = take(path)
        if not robbed:
            robbed.append(path)
            path.unlink()
        return lock

    monkeypatch.setattr(module, "_try_lock", rob_once)
    with OwnerLock(LEDGER, OWNER) as owner:
        assert robbed == [owner.path]
        assert owner.path.exists()
        assert is_alive(owner.path)


def test_an_owner_file_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    path = owner_path(LEDGER, OWNER)
    path.parent.mkdir()
    path.symlink_to(tmp_path / "nowhere")
    with pytest.raises(SettingsError, match="cannot be used"):
        is_alive(path)
    assert not (tmp_path / "nowhere").exists()


def test_a_file_that_cannot_be_removed_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any) -> None:
        raise PermissionError

    owner = OwnerLock(LEDGER, OWNER)
    with monkeypatch.context() as patch, owner:
        patch.setattr(Path, "unlink", refuse)
    assert owner.path.exists()
    assert not is_alive(owner.path)
