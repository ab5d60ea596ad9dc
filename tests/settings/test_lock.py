"""One run per campaign, across processes and within one; and who finds it held is told by whom."""

import errno
import fcntl
import json
import os
import signal
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import filelock
import pytest

from omni_bulk import lock as module
from omni_bulk.errors import Refused, SettingsError
from omni_bulk.lock import (
    CampaignLock,
    OwnerLock,
    lock_directory,
    owner_path,
)
from tests.settings.files import another_process

LEDGER = Path("ledger.db")
CAMPAIGN = "6d1f3e6a-5d1c-4f0e-9a55-0d1b3a3d7c11"
OWNER = "0b8a5a34-1f1f-4b63-9f3c-5b1f3ddc2a22"
NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
OWNER_FILE = Path("ledger.db.locks") / f"{CAMPAIGN}.owner"


def campaign(**given: Any) -> CampaignLock:
    return CampaignLock(LEDGER, CAMPAIGN, name="october", now=lambda: NOW, **given)


TAKE_CAMPAIGN = f"lock = CampaignLock(Path('ledger.db'), '{CAMPAIGN}'); lock.acquire()"


def test_another_process_is_told_who_holds_it_and_since_when() -> None:
    with another_process(TAKE_CAMPAIGN) as child:
        since = json.loads(OWNER_FILE.read_text())["since"]
        with pytest.raises(Refused) as caught:
            campaign().acquire()
    assert str(caught.value) == (
        f"Another run holds campaign october: pid {child.pid} on host {socket.gethostname()} since {since}. "
        "Wait for it to end, or give --lock-wait SECONDS; `omni-bulk status --runs` shows what is running."
    )
    assert datetime.fromisoformat(since).tzinfo is not None
    assert caught.value.exit_code == 4


def test_a_killed_process_frees_it_and_misleads_nobody() -> None:
    with another_process(TAKE_CAMPAIGN) as child:
        child.send_signal(signal.SIGKILL)
        child.wait()
        assert OWNER_FILE.exists()
        lock = campaign()
        assert lock.holder() is None
        with lock:
            assert lock.holder() == module.Holder(os.getpid(), socket.gethostname(), "2026-03-01T09:30:00+00:00")
    assert not OWNER_FILE.exists()


def test_two_locks_in_one_process_exclude_each_other() -> None:
    first, second = campaign(), campaign()
    first.acquire()
    with pytest.raises(Refused, match=rf"pid {os.getpid()} on host .* since 2026-03-01T09:30:00"):
        second.acquire()
    with pytest.raises(Refused, match="october"):
        first.acquire()
    assert first.held and not second.held
    second.release()  # holds nothing, so frees nothing
    assert OWNER_FILE.exists()
    first.release()
    first.release()
    with second:
        assert second.held


def test_a_lock_that_is_held_can_be_handed_to_with() -> None:
    lock = campaign()
    lock.acquire()
    with lock:
        assert lock.held
    assert not lock.held


def test_other_campaigns_and_other_ledgers_are_free() -> None:
    with campaign(), CampaignLock(LEDGER, uuid4()), CampaignLock(Path("other.db"), CAMPAIGN):
        pass


def test_without_a_name_the_campaign_is_called_by_its_id() -> None:
    with campaign(), pytest.raises(Refused, match=CAMPAIGN):
        CampaignLock(LEDGER, CAMPAIGN).acquire()


class Patience:
    """A clock that only sleeping moves; `meanwhile` runs at the sleep of that number."""

    def __init__(self, meanwhile: dict[int, Callable[[], None]]) -> None:
        self.now = 50.0
        self.slept: list[float] = []
        self._meanwhile = meanwhile

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        self._meanwhile.get(len(self.slept), lambda: None)()


def test_waiting_ends_when_the_other_does() -> None:
    first = campaign()
    first.acquire()
    patience = Patience({3: first.release})
    second = campaign(clock=lambda: patience.now, sleep=patience.sleep)
    second.acquire(wait=60)
    assert second.held
    assert patience.slept == [0.1] * 3
    second.release()


def test_waiting_ends_when_the_time_is_over() -> None:
    patience = Patience({})
    with campaign(), pytest.raises(Refused):
        campaign(clock=lambda: patience.now, sleep=patience.sleep).acquire(wait=0.25)
    assert sum(patience.slept) == pytest.approx(0.25)
    assert len(patience.slept) == 3


@pytest.mark.parametrize(
    "said",
    [
        "",
        "{",
        "[]",
        '{"pid": 1}',
        '{"pid": "x", "host": "h", "since": "s"}',
        json.dumps({"pid": 2**22 + 5, "host": socket.gethostname(), "since": "s"}),
    ],
)
def test_an_owner_file_that_says_nothing_credible_is_not_repeated(said: str) -> None:
    with campaign():
        OWNER_FILE.write_text(said)
        with pytest.raises(Refused) as caught:
            campaign().acquire()
    assert str(caught.value).startswith("Another run holds campaign october. Wait")


@pytest.mark.parametrize("pid", [1, 2**70])
def test_a_process_that_may_live_is_named(pid: int) -> None:
    with campaign():
        OWNER_FILE.write_text(json.dumps({"pid": pid, "host": socket.gethostname(), "since": "s"}))
        assert campaign().holder() == module.Holder(pid, socket.gethostname(), "s")


def test_a_process_elsewhere_cannot_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with campaign():
        OWNER_FILE.write_text('{"pid": 99999999, "host": "elsewhere", "since": "s"}')
        assert str(campaign().holder()) == "pid 99999999 on host elsewhere since s"
        OWNER_FILE.write_text(json.dumps({"pid": 99999999, "host": socket.gethostname(), "since": "s"}))
        with monkeypatch.context() as patch:
            patch.setattr("omni_bulk.lock.os.name", "nt")  # where signal 0 would end the process
            assert not module._is_gone(99999999)


def test_nobody_else_can_read_the_locks() -> None:
    directory = lock_directory(LEDGER)
    directory.mkdir(mode=0o755)
    with campaign(), OwnerLock(LEDGER, OWNER):
        modes = {path.stat().st_mode & 0o777 for path in directory.iterdir()}
    assert directory.stat().st_mode & 0o777 == 0o700
    assert modes == {0o600}


def test_no_link_is_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    lock = campaign()
    lock.path.parent.mkdir()
    lock.path.symlink_to(victim)
    with pytest.raises(SettingsError, match=r"\.lock cannot be used: "):
        lock.acquire()
    lock.path.unlink()
    OWNER_FILE.symlink_to(victim)
    OWNER_FILE.with_suffix(".draft").symlink_to(victim)
    assert lock.holder() is None
    with lock:
        assert not OWNER_FILE.is_symlink()
    assert victim.read_text() == "precious"


def test_a_lock_that_cannot_be_opened_is_a_problem_of_settings() -> None:
    lock = campaign()
    lock.path.mkdir(parents=True)
    with pytest.raises(SettingsError, match=r"\.lock cannot be used: Is a directory\. Make its directory writable"):
        lock.acquire()


@pytest.mark.parametrize("target", ["elsewhere", "nowhere"])
def test_the_directory_is_no_link(tmp_path: Path, target: str) -> None:
    (tmp_path / "elsewhere").mkdir()
    lock_directory(LEDGER).symlink_to(tmp_path / target)
    with pytest.raises(SettingsError, match=r"ledger\.db\.locks"):
        campaign().acquire()
    assert not list((tmp_path / "elsewhere").iterdir())


def test_an_id_that_is_no_uuid_becomes_no_path() -> None:
    with pytest.raises(ValueError, match="UUID"):
        CampaignLock(LEDGER, "../../etc/passwd")
    with pytest.raises(ValueError, match="UUID"):
        owner_path(LEDGER, "../x")


def test_who_cannot_say_who_it_is_does_not_keep_the_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    lock = campaign()
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        with pytest.raises(SettingsError, match="No space left on device"):
            lock.acquire()
    assert not lock.held
    with campaign():
        pass


def test_a_filesystem_without_locks_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*args: Any) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "flock", missing)
        with pytest.raises(SettingsError, match="has no locks"):
            campaign().acquire()

    def unsupported(*args: Any, **kwargs: Any) -> None:
        raise NotImplementedError

    monkeypatch.setattr(filelock.FileLock, "acquire", unsupported)
    with pytest.raises(SettingsError, match="has no locks"):
        campaign().acquire()
