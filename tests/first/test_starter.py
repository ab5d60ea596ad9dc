"""The settings file of `init` against the settings themselves: all of them, with their defaults, each usable."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from omni_bulk import Settings, read_recipients
from omni_bulk.layers import IN_FILES
from omni_bulk.phone import Trouble, normalise
from omni_bulk.starter import CREDENTIALS_FILLED, LIST, TEXT, secret_files, settings_toml, starter_files
from omni_bulk.text import Template
from tests.conftest import REPOSITORY

COMMENTED = re.findall(r"^#(\w+) = (.*)$", settings_toml(), re.MULTILINE)
FILES = {"ca_file", "rules", "prices", "suppress", "client_id_file", "client_password_file", "webhook_secret_file"}


def test_every_setting_stands_in_it_once() -> None:
    names = [name for name, _ in COMMENTED]
    fields = {name.strip("_") for name in Settings.model_fields} - {"config", *IN_FILES}
    assert sorted(names) == sorted(fields | {f"{name}_file" for name in IN_FILES})


def test_nothing_in_it_is_set() -> None:
    assert tomllib.loads(settings_toml()) == {}
    Path("omni-bulk.toml").write_text(settings_toml(), encoding="utf-8")
    assert Settings() == Settings(config=None)


@pytest.mark.parametrize(("name", "line"), COMMENTED)
def test_each_line_is_a_setting_without_its_mark(name: str, line: str) -> None:
    path = Path("omni-bulk.toml")
    path.write_text(f"{name} = {line}\n", encoding="utf-8")
    path.chmod(0o600)
    value: Any = tomllib.loads(path.read_text(encoding="utf-8"))[name]
    if name in FILES:
        Path(value).parent.mkdir(exist_ok=True)
        Path(value).write_text("x", encoding="utf-8")
    field = Settings.model_fields.get("from_" if name == "from" else name)
    settings = Settings()
    if field is not None and field.default is not None and not field.is_required() and field.default_factory is None:
        default = list(field.default) if isinstance(field.default, tuple) else field.default
        assert default in (value, []), "what is shown is not the default"
    assert settings.config == path


def test_a_new_setting_gets_a_line_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Settings, "model_fields", {**Settings.model_fields, "horizon": Settings.model_fields["rate"]})
    shown = settings_toml()
    assert re.search(r"^# --- more -+\n\n#horizon = 200\.0", shown, re.MULTILINE)
    assert tomllib.loads(shown) == {}


def test_what_is_filled_in_counts() -> None:
    found = tomllib.loads(settings_toml({**CREDENTIALS_FILLED, "from": 'a"b\\c'}))
    assert found == {
        "client_id_file": "secrets/client-id", "client_password_file": "secrets/client-password", "from": 'a"b\\c',
    }  # fmt: skip


def test_the_files_of_the_settings_are_those_that_hold_the_credentials() -> None:
    written = {str(path): text for path, text in secret_files("me", "pass word").items()}
    assert [written[path] for path in CREDENTIALS_FILLED.values()] == ["me\n", "pass word\n"]
    assert Path("omni-bulk.toml") in starter_files({})


def test_the_sample_of_the_repository_is_the_same_file() -> None:
    assert (REPOSITORY / "samples" / "omni-bulk.toml").read_text(encoding="utf-8") == settings_toml()


def test_the_list_is_good_and_nobodys() -> None:
    path = Path("sample.csv")
    path.write_text(LIST, encoding="utf-8")
    rows = list(read_recipients(path))
    assert len(rows) == 3
    assert not any(isinstance(normalise(row.to), Trouble) for row in rows)
    assert all(re.fullmatch(r"\+1\d{3}55501\d\d", row.to) for row in rows), "only 555-01xx is reserved for nobody"
    assert Template(TEXT.strip()).required == ("name",)
