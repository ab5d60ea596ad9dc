"""Where a setting comes from, and what it then is."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from omni_bulk.errors import SettingsError
from omni_bulk.settings import Settings, default_ledger
from tests.conftest import REPOSITORY
from tests.settings.files import SECRET, write


def test_defaults() -> None:
    settings = Settings()
    assert (settings.base_url, settings.origin) == ("https://omni.ibapi.kr", "https://omni.ibapi.kr")
    assert (settings.rate, settings.workers, settings.timeout, settings.drain) == (200, 64, 30, 20)
    assert (settings.client_id, settings.client_password, settings.proxy, settings.ca_file) == (None,) * 4
    assert (settings.from_, settings.region, settings.numbers, settings.countries) == (None,) * 4
    assert (settings.tz, settings.text_max, settings.config) == ("Asia/Seoul", 2_000, None)
    assert settings.ledger == default_ledger()
    assert settings.ledger.name == "ledger.db" and "omni-bulk" in settings.ledger.parts
    assert not settings.ledger_named


LAYERS: list[tuple[str, Any, str, str, Callable[[Settings], Any], Any, Any, Any]] = [
    # field, argument, environment, TOML, how to read it, then what each of the three should give
    ("client_id", "arg", "env", '"toml"', lambda s: s.client_id, "arg", "env", "toml"),
    (
        "client_password",
        "arg",
        "env",
        '"toml"',
        lambda s: s.client_password and s.client_password.get_secret_value(),
        *("arg", "env", "toml"),
    ),
    ("base_url", "https://a", "https://b", '"https://c"', lambda s: s.base_url, "https://a", "https://b", "https://c"),
    ("ledger", "a.db", "b.db", '"c.db"', lambda s: s.ledger.name, "a.db", "b.db", "c.db"),
    ("rate", 1, "2", "3", lambda s: s.rate, 1.0, 2.0, 3.0),
    ("workers", 1, "2", "3", lambda s: s.workers, 1, 2, 3),
    ("proxy", "http://a", "http://b", '"http://c"', lambda s: s.proxy_shown, "http://a", "http://b", "http://c"),
    ("ca_file", "a.pem", "b.pem", '"c.pem"', lambda s: s.ca_file and s.ca_file.name, "a.pem", "b.pem", "c.pem"),
]


@pytest.mark.parametrize(("field", "arg", "env", "toml", "read", "from_arg", "from_env", "from_toml"), LAYERS)
def test_argument_over_environment_over_toml(
    field: str,
    arg: Any,
    env: str,
    toml: str,
    read: Callable[[Settings], Any],
    from_arg: Any,
    from_env: Any,
    from_toml: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("a.pem", "b.pem", "c.pem"):
        write(name, "")
    default = read(Settings())
    write("omni-bulk.toml", f"{field} = {toml}\n")
    assert read(Settings()) == from_toml != default
    monkeypatch.setenv(f"OMNI_{field.upper()}", env)
    assert read(Settings()) == from_env
    assert read(Settings(**{field: arg})) == from_arg
    assert read(Settings(**{field: None})) == from_env
    monkeypatch.setenv(f"OMNI_{field.upper()}", "")
    assert read(Settings()) == from_toml


CAMPAIGN_DEFAULTS = [
    ("from", '"0212345678"', "from_", "0212345678"),
    ("region", '"kr"', "region", "KR"),
    ("numbers", '"national"', "numbers", "national"),
    ("countries", '["kr", "JP "]', "countries", ("KR", "JP")),
    ("countries", '"kr, jp"', "countries", ("KR", "JP")),
    ("tz", '"Europe/Berlin"', "tz", "Europe/Berlin"),
    ("text_max", "90", "text_max", 90),
    ("timeout", "4.5", "timeout", 4.5),
    ("drain", "0", "drain", 0.0),
]


@pytest.mark.parametrize(("key", "toml", "field", "expected"), CAMPAIGN_DEFAULTS)
def test_defaults_of_campaigns_stand_in_the_toml(key: str, toml: str, field: str, expected: Any) -> None:
    write("omni-bulk.toml", f"{key} = {toml}")
    assert getattr(Settings(), field) == expected


def test_a_toml_elsewhere_takes_the_place_of_the_one_here_and_its_paths_are_its_own(tmp_path: Path) -> None:
    write("omni-bulk.toml", "rate = 1")
    (tmp_path / "etc").mkdir()
    write("etc/id", "  from-file\n")
    write("etc/ca.pem", "")
    write("etc/other.toml", 'ledger = "l.db"\nca_file = "ca.pem"\nclient_id_file = "id"')
    settings = Settings(config="etc/other.toml")
    assert settings.rate == 200
    assert settings.ledger == tmp_path / "etc" / "l.db" and settings.ledger_named
    assert settings.ca_file == Path("etc/ca.pem")
    assert settings.client_id == "from-file"
    assert settings.config == Path("etc/other.toml")
    assert Settings().config == Path("omni-bulk.toml")


def test_a_ledger_named_is_absolute_even_when_it_is_the_default(tmp_path: Path) -> None:
    assert Settings(ledger="x.db").ledger == tmp_path / "x.db"
    assert Settings(ledger="~/x.db").ledger == Path.home() / "x.db"
    assert Settings(ledger=default_ledger()).ledger_named


def test_secret_files_are_stripped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMNI_CLIENT_ID_FILE", str(write("id", "\ufeff  my-id \n")))
    monkeypatch.setenv("OMNI_CLIENT_PASSWORD_FILE", str(write("password", f"\t{SECRET}\r\n\n")))
    client_id, password = Settings().require_credentials()
    assert (client_id, password.get_secret_value()) == ("my-id", SECRET)


def test_a_higher_layer_settles_it_even_when_a_lower_one_is_faulty(monkeypatch: pytest.MonkeyPatch) -> None:
    write("omni-bulk.toml", 'client_password_file = "none"')
    monkeypatch.setenv("OMNI_CLIENT_ID_FILE", "none")
    monkeypatch.setenv("OMNI_CLIENT_PASSWORD", "env")
    password = Settings(client_id="arg").client_password
    assert password is not None and password.get_secret_value() == "env"


@pytest.mark.parametrize(
    ("base_url", "origin"),
    [
        ("https://omni.ibapi.kr/", "https://omni.ibapi.kr"),
        ("HTTPS://Omni.IBAPI.kr:443", "https://omni.ibapi.kr"),
        ("https://omni.ibapi.kr:8443//", "https://omni.ibapi.kr:8443"),
        ("https://gateway.example/OMNI/v1/", "https://gateway.example/OMNI/v1"),
        ("http://127.0.0.1:8900", "http://127.0.0.1:8900"),
        ("http://127.9.9.9:80", "http://127.9.9.9"),
        ("http://localhost", "http://localhost"),
        ("http://LOCALHOST:1", "http://localhost:1"),
        ("http://[::1]:8900/", "http://[::1]:8900"),
        ("https://[2001:DB8::1]", "https://[2001:db8::1]"),
    ],
)
def test_origin_has_one_spelling(base_url: str, origin: str) -> None:
    settings = Settings(base_url=base_url)
    assert settings.origin == origin
    assert Settings(base_url=origin).origin == origin


@pytest.mark.parametrize(
    ("proxy", "shown"),
    [
        ("http://proxy.example:8080", "http://proxy.example:8080"),
        (f"http://user:{SECRET}@proxy.example:8080/", "http://***@proxy.example:8080"),
        ("https://[::1]:443", "https://[::1]"),
    ],
)
def test_a_proxy_is_shown_without_its_credentials(proxy: str, shown: str) -> None:
    settings = Settings(proxy=proxy)
    assert settings.proxy_shown == shown
    assert settings.proxy is not None and settings.proxy.get_secret_value() == proxy


# --- credentials -------------------------------------------------------------------------------------------------


def test_missing_credentials_are_all_named() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings().require_credentials()
    assert caught.value.problems == (
        "OMNI_CLIENT_ID is not set: set it, or OMNI_CLIENT_ID_FILE to the path of a file; `omni-bulk init` asks for it.",
        "OMNI_CLIENT_PASSWORD is not set: set it, or OMNI_CLIENT_PASSWORD_FILE to the path of a file; `omni-bulk init` asks for it.",
    )
    with pytest.raises(SettingsError, match=r"^OMNI_CLIENT_PASSWORD is not set") as caught:
        Settings(client_id="x").require_credentials()
    assert len(caught.value.problems) == 1
    assert caught.value.exit_code == 2


def test_the_sample_shows_every_setting_with_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every line that is commented out is a setting; turned on, the file is valid."""
    sample = (REPOSITORY / "samples" / "omni-bulk.toml").read_text(encoding="utf-8")
    write("off.toml", sample)
    default = Settings()
    assert Settings(config="off.toml").model_copy(update={"config": None}) == default
    on = re.sub(r"(?m)^#(?=[a-z0-9_]+ = )", "", sample)
    write("on.toml", on)
    write("company-ca.pem", "")
    write("prices.csv", "")
    write("suppress.csv", "")
    Path("secrets").mkdir()
    write("secrets/client-id", "id")
    write("secrets/client-password", "password")
    write("secrets/webhook-secret", "secret")
    settings = Settings(config="on.toml")
    assert settings.model_fields_set == set(Settings.model_fields)
    for name in ("base_url", "rate", "workers", "timeout", "drain", "tz", "text_max"):
        assert getattr(settings, name) == getattr(default, name)
