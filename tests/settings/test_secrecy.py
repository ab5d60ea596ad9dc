"""No secret is ever shown: not by a `Settings`, not by an error, not by a log."""

import copy
import logging
import pickle
import traceback
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import SecretStr

from omni_bulk.errors import SettingsError
from omni_bulk.settings import Settings
from tests.settings.files import SECRET, write


def full() -> Settings:
    return Settings(client_id="abcdefgh", client_password=SECRET, proxy=f"http://user:{SECRET}@proxy.example:8080")


@pytest.mark.parametrize("show", [repr, str, "{}".format, "{!r:>9}".format, lambda s: f"{s!s}"])
def test_secrets_are_not_shown(show: Callable[[Settings], str]) -> None:
    shown = show(full())
    assert SECRET not in shown
    assert "defgh" not in shown and "abc…" in shown
    assert "http://***@proxy.example:8080" in shown


def test_secrets_are_not_dumped() -> None:
    settings = full()
    assert SECRET not in str(settings.model_dump())
    assert SECRET not in settings.model_dump_json()
    assert SECRET not in str(vars(settings))


def test_settings_are_not_pickled_but_copied() -> None:
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(full())
    assert copy.deepcopy(full()) == copy.copy(full()) == full()


def test_settings_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        full().rate = 3


@pytest.mark.parametrize(
    "given",
    [
        {"client_password": SECRET, "rate": -1},
        {"client_password": SecretStr(SECRET), "rate": -1},
        {"client_password": f"{SECRET}\n"},
        {"proxy": f"socks://user:{SECRET}@proxy"},
        {"base_url": f"https://user:{SECRET}@omni.ibapi.kr"},
        {},
    ],
)
def test_an_error_holds_no_secret_anywhere(given: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMNI_CLIENT_PASSWORD", SECRET)
    monkeypatch.setenv("OMNI_CLIENT_ID_FILE", "none")
    try:
        Settings(**given)
    except SettingsError as error:
        caught = error
    assert caught.__context__ is None and caught.__cause__ is None
    assert SECRET not in f"{caught!r} {caught} {caught.problems}"
    ours = traceback.TracebackException.from_exception(caught, capture_locals=True)
    frames = [frame for frame in ours.stack if frame.filename.endswith("settings.py") and "omni_bulk" in frame.filename]
    assert frames
    held = "".join(str(frame.locals) for frame in frames)
    if "base_url" not in given:  # an argument that is no secret is held as it came
        assert SECRET not in held


def test_debug_logs_hold_no_secret(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """pydantic-settings can log all that its sources give."""
    monkeypatch.setenv("PYDANTIC_SETTINGS_DEBUG", "1")
    monkeypatch.setenv("OMNI_CLIENT_PASSWORD", SECRET)
    write("omni-bulk.toml", f'proxy = "http://u:{SECRET}@p.example"')
    with caplog.at_level(logging.DEBUG):
        Settings(client_password=SECRET)
    assert SECRET not in caplog.text
