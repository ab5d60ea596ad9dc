"""What a run needs to know before it starts: argument (flag) > environment > ``omni-bulk.toml`` > default.

Every problem found is reported at once, in one `SettingsError`, one sentence each, before anything is sent. A secret
never leaves this module in clear by accident: it is masked in ``repr``, absent from every message and every traceback,
and a `Settings` cannot be pickled.
"""

import ipaddress
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn, SupportsIndex, Unpack
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, StringConstraints, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from omni_bulk.cost import Budget, amount_of
from omni_bulk.errors import SettingsError
from omni_bulk.layers import CREDENTIALS, Environment, Faulty, Given, Toml, covered, named, unknown
from omni_bulk.sentences import said, system, term
from omni_bulk.windows import Hours, window_of

BASE_URL_DEFAULT = "https://omni.ibapi.kr"
RATE_DEFAULT = 200.0  # messages a second
RATE_MAX = 10_000.0  # messages a second
WORKERS_DEFAULT = 64  # requests in flight
WORKERS_MAX = 1_000  # requests in flight
TIMEOUT_DEFAULT = 30.0  # seconds for one whole attempt
TIMEOUT_MAX = 600.0  # seconds
DRAIN_DEFAULT = 20.0  # seconds to finish what is in flight
DRAIN_MAX = 3_600.0  # seconds
TEXT_MAX_DEFAULT = 2_000  # characters; the API's limit for `text`
TEXT_MAX_MAX = 10_000  # characters; room for a later API, far below a mistyped number
TZ_DEFAULT = "Asia/Seoul"
RECIPIENT = "recipient"  # the value of `window_tz` that stands for the clocks of whoever gets the message

_HOST = re.compile(r"[A-Za-z0-9._-]+")
_NOT_IN_URL = re.compile(r"[\s\x00-\x1f\x7f\\]")  # urlsplit drops some of these without a word
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_DEFAULT_PORTS = {"http": 80, "https": 443}

# The rest of the sentence for a value that does not fit, by field. What is in _QUOTED is no secret: it is shown.
_MUST_BE: Mapping[str, str] = {
    "client_id": "must be text on one line, and not empty",
    "client_password": "must be text on one line, and not empty",
    "base_url": f"must be a URL such as {BASE_URL_DEFAULT}",
    "ledger": "must be the path of a file",
    "rate": f"must be above 0 and at most {RATE_MAX:,.0f} messages a second",
    "workers": f"must be a whole number from 1 to {WORKERS_MAX:,}",
    "proxy": "must be an http or https URL such as http://proxy.example:8080",
    "ca_file": "must be the path of a file",
    "timeout": f"must be above 0 and at most {TIMEOUT_MAX:,.0f} seconds",
    "drain": f"must be from 0 to {DRAIN_MAX:,.0f} seconds",
    "from_": "must be text in quotes and not empty (as a number it would lose a leading zero)",
    "region": "must be a country's two letters such as KR",
    "numbers": "must be `international` or `national`",
    "countries": "must be countries' two letters such as KR,JP",
    "tz": f"must be a time zone such as {TZ_DEFAULT}",
    "prices": "must be the path of a file",
    "suppress": "must be the path of a file",
    "window": "must be two times of day such as 09:00-20:00",
    "window_tz": f"must be `recipient`, or a time zone such as {TZ_DEFAULT}",
    "once_per": "must be a duration such as 12h or 7d",
    "budget": 'must be a table with `day`, `month` or both, each a plain amount such as 50000 or "99.5"',
    "require_plan": "must be true or false",
    "text_max": f"must be a whole number from 1 to {TEXT_MAX_MAX:,} characters",
    "only_mobile": "must be true or false",
    "rules": "must be the path of a file",
    "purpose": "must be `marketing` or `notice`",
    "allow": "must be names of rules such as CN.signature",
    "strict": "must be true or false",
    "signature": "must be text in quotes and not empty",
    "gsm7": "must be true or false",
    "normalize": "must be `NFC` or `NFKC`",
    "webhook_secret": "must be text on one line, and not empty",
    "dlr": "must be true or false",
}
_SWITCHES = frozenset({"only_mobile", "strict", "gsm7", "require_plan", "dlr"})
_QUOTED = frozenset(
    {
        *("rate", "workers", "timeout", "drain", "region", "numbers", "countries", "tz", "text_max"),
        *("purpose", "normalize", "window", "window_tz", "once_per"),
        *_SWITCHES,
    }
)
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


Country = Annotated[str, StringConstraints(strip_whitespace=True, to_upper=True, pattern="^[A-Za-z]{2}$")]


class _SentenceError(ValueError):
    """A validator's finding, already in whole sentences; one may quote a name that has line breaks."""

    def __init__(self, *sentences: str) -> None:
        self.sentences = sentences


def default_ledger() -> Path:
    """The one ledger of this user: ``ledger.db`` in the state directory of the system (``XDG_STATE_HOME`` and kin)."""
    from platformdirs import user_state_dir  # noqa: PLC0415  only when no ledger was named

    return Path(user_state_dir("omni-bulk", appauthor=False)) / "ledger.db"


class Settings(BaseSettings):
    """The settings of an account and its runs. Raises `SettingsError` with every problem; reads files, sends nothing.

    Order: argument > environment > ``omni-bulk.toml`` (`config`, else in the current directory) > default. An empty
    environment variable counts as unset, a relative path in the TOML is relative to the TOML.

    The account:

    * `client_id`, `client_password`: ``OMNI_CLIENT_ID``, ``OMNI_CLIENT_PASSWORD``, or either with ``_FILE``; None when
      missing, see `require_credentials`.
    * `base_url` (``OMNI_BASE_URL``): https, or http for loopback; see `origin`.
    * `proxy` (``OMNI_PROXY``): http(s) URL, secret because it may hold credentials. `ca_file` (``OMNI_CA_FILE``): PEM file
      of certificate authorities.
    * `ledger` (``OMNI_LEDGER``): where claims and results are kept; see `ledger_named`.
    * `budget`: what the account may spend, whatever sends; see `account_budget`.
    * `webhook_secret` (``OMNI_WEBHOOK_SECRET``, or with ``_FILE``): what pushed reports are signed with. `dlr`: the
      account gets a second report of each message, from the handset.

    The pace:

    * `rate` (``OMNI_RATE``): messages a second at most, of this process. `workers` (``OMNI_WORKERS``): requests in flight
      at most.
    * `timeout`: seconds for one whole attempt. `drain`: seconds for what is in flight when a run is interrupted.

    What a message is made of when a campaign, a list or a call says nothing else:

    * `from_`: the registered originating number. `region` (ISO code) and `numbers`: how numbers are read. `countries`:
      where they may be. `only_mobile`: leave out other lines. `text_max`: characters of a text.
    * `rules` (a file of country rules over the package's), `purpose`, `allow`, `strict`, `signature`, `gsm7` and
      `normalize`: see `rules.Composition`.
    * `suppress` (a file of numbers) and `once_per` (``"7d"``): who gets nothing. `window` (``"09:00-20:00"``) and
      `window_tz`: when, and by whose clocks. `tz`: the zone in which days begin. `prices`: the price list.

    `require_plan`: the command line sends nothing without an approved plan. `config` is the TOML that was read, None when
    there was none.
    """

    model_config = SettingsConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    config: Path | None = None
    client_id: str | None = None
    client_password: SecretStr | None = None
    base_url: str = BASE_URL_DEFAULT
    ledger: Path = Field(default_factory=default_ledger)
    rate: float = Field(RATE_DEFAULT, gt=0, le=RATE_MAX)
    workers: int = Field(WORKERS_DEFAULT, ge=1, le=WORKERS_MAX)
    proxy: SecretStr | None = None
    ca_file: Path | None = None
    timeout: float = Field(TIMEOUT_DEFAULT, gt=0, le=TIMEOUT_MAX)
    drain: float = Field(DRAIN_DEFAULT, ge=0, le=DRAIN_MAX)
    from_: str | None = None
    region: Country | None = None
    numbers: Literal["international", "national"] | None = None
    countries: tuple[Country, ...] | None = Field(None, min_length=1)
    tz: str = TZ_DEFAULT
    text_max: int = Field(TEXT_MAX_DEFAULT, ge=1, le=TEXT_MAX_MAX)
    webhook_secret: SecretStr | None = None
    prices: Path | None = None
    suppress: Path | None = None
    window: str | None = None
    window_tz: str = RECIPIENT
    once_per: str | None = None
    budget: dict[str, Any] | None = None
    only_mobile: bool = False
    rules: Path | None = None
    purpose: Literal["marketing", "notice"] | None = None
    allow: tuple[str, ...] = ()
    strict: bool = False
    signature: str | None = None
    gsm7: bool = False
    normalize: Literal["NFC", "NFKC"] | None = None
    require_plan: bool = Field(False, strict=True)
    dlr: bool = False

    def __init__(self, **given: Unpack[Given]) -> None:
        values = covered({name: value for name, value in given.items() if value is not None})
        del given  # no frame of a traceback may hold a secret in clear
        problems: tuple[str, ...] = ()
        try:
            super().__init__(**values)
        except ValidationError as error:
            problems = tuple(_sentences(error))
        if problems:  # raised out here, so that pydantic's error, which holds the values, is not chained
            raise SettingsError(problems)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Our layers, highest first; pydantic-settings merges them and adds the defaults."""
        del env_settings, dotenv_settings, file_secret_settings
        config = init_settings().pop("config", None)
        toml_keys = {name.strip("_") for name in _MUST_BE}
        return init_settings, Environment(settings_cls), Toml(settings_cls, config, toml_keys)

    @property
    def origin(self) -> str:
        """`base_url` in one spelling: lower-case scheme and host, no default port, path without a final slash."""
        parts = urlsplit(self.base_url)
        return f"{parts.scheme}://{_host_and_port(parts)}{parts.path.rstrip('/')}"

    @property
    def ledger_named(self) -> bool:
        """Whether somebody named the ledger. One that was not named is never created without a terminal."""
        return "ledger" in self.model_fields_set

    @property
    def proxy_shown(self) -> str | None:
        """The proxy for people: without the credentials it may hold."""
        if self.proxy is None:
            return None
        parts = urlsplit(self.proxy.get_secret_value())
        return f"{parts.scheme}://{'***@' if '@' in parts.netloc else ''}{_host_and_port(parts)}"

    @property
    def account_budget(self) -> Budget | None:
        """What the account may spend in a day and in a month, None for no bound. Days begin in its `tz`."""
        if self.budget is None:
            return None
        day, month = (
            None if (amount := self.budget.get(name)) is None else amount_of(str(amount)) for name in ("day", "month")
        )
        return Budget(day, month, self.budget.get("tz", TZ_DEFAULT))

    @property
    def hours(self) -> Hours | None:
        """When messages may be sent, None for at any time."""
        window = window_of(self.window or "")
        return None if window is None else Hours(window, None if self.window_tz == RECIPIENT else self.window_tz)

    @property
    def once_per_seconds(self) -> float | None:
        """`once_per` in seconds."""
        return None if self.once_per is None else duration(self.once_per)

    def require_credentials(self) -> tuple[str, SecretStr]:
        """Client id and password. Raises `SettingsError` naming what is missing; not needed with ``--sandbox``."""
        if self.client_id is not None and self.client_password is not None:
            return self.client_id, self.client_password
        missing = [name.upper() for name in CREDENTIALS if getattr(self, name) is None]
        raise SettingsError(
            [
                said(
                    "OMNI_{name} is not set: set it, or OMNI_{name}_FILE to the path of a file; `omni-bulk init` asks for it.",
                    name=name,
                )
                for name in missing
            ]
        )

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        for name, value in super().__repr_args__():
            if name == "client_id" and value is not None:
                yield name, f"{value[:3]}…"
            else:
                yield name, self.proxy_shown if name == "proxy" else value

    def __reduce_ex__(self, protocol: SupportsIndex, /) -> NoReturn:
        raise TypeError("Settings hold secrets and cannot be pickled: build them again where they are needed")

    @field_validator("*", mode="before")
    @classmethod
    def _usable(cls, value: Any, field: ValidationInfo) -> Any:
        if isinstance(value, Faulty):
            raise _SentenceError(*value.sentences)
        text = _plain(value)
        if isinstance(text, bool) != (field.field_name in _SWITCHES) or (isinstance(text, str) and not text.strip()):
            raise ValueError  # True would pass for 1, and nothing here may be blank
        return value

    @field_validator("client_id", "client_password", "webhook_secret")
    @classmethod
    def _one_line(cls, value: str | SecretStr | None) -> str | SecretStr | None:
        if _CONTROL.search(_plain(value) or ""):  # both go into a header
            raise ValueError
        return value

    @field_validator("base_url")
    @classmethod
    def _safe_base_url(cls, value: str) -> str:
        parts = _web_address(value)
        clause = None
        if "@" in parts.netloc:
            clause = said("must not hold a user name or password")
        elif "?" in value or "#" in value:
            clause = said("must not have a query or a fragment")
        elif parts.scheme == "http" and not _is_loopback(parts.hostname or ""):
            clause = said("must begin with https:// (http is for this machine alone: 127.0.0.1, ::1, localhost)")
        if clause:
            raise _SentenceError(said("{setting} {clause}.", setting=named("base_url"), clause=clause))
        return value

    @field_validator("proxy")
    @classmethod
    def _http_proxy(cls, value: SecretStr | None) -> SecretStr | None:
        parts = _web_address(_plain(value) or "http://unset")
        if parts.path not in {"", "/"} or parts.query or parts.fragment:
            raise ValueError
        return value

    @field_validator("ledger")
    @classmethod
    def _ledger_file(cls, value: Path) -> Path:
        try:
            path = value.expanduser().absolute()
        except RuntimeError as error:  # the home of "~nobody"; pydantic lets only ValueError pass
            raise ValueError from error
        if path.is_dir():
            raise _SentenceError(said("{setting} is a directory: {path}.", setting=named("ledger"), path=path))
        return path

    @field_validator("window")
    @classmethod
    def _times(cls, value: str | None) -> str | None:
        if value is not None and window_of(value) is None:
            raise ValueError
        return value

    @field_validator("window_tz")
    @classmethod
    def _zone_or_recipient(cls, value: str) -> str:
        return value if value == RECIPIENT else cls._known_zone(value)

    @field_validator("once_per")
    @classmethod
    def _some_time(cls, value: str | None) -> str | None:
        if value is not None and duration(value) is None:
            raise ValueError
        return value

    @field_validator("budget")
    @classmethod
    def _amounts(cls, value: dict[str, Any] | None) -> dict[str, Any] | None:
        given = value or {}
        amounts = {name: amount_of(str(amount)) for name, amount in given.items() if name != "tz"}
        if value is not None and (not amounts or None in amounts.values() or not amounts.keys() <= {"day", "month"}):
            raise ValueError
        return value

    @field_validator("ca_file", "prices", "suppress")
    @classmethod
    def _readable(cls, value: Path | None, field: ValidationInfo) -> Path | None:
        try:
            if value is not None:
                value.open("rb").close()
        except OSError as error:
            raise _SentenceError(
                said(
                    "{setting} cannot be read: {path}: {strerror}.",
                    setting=named(str(field.field_name)),
                    path=value,
                    strerror=system(error),
                )
            ) from error
        return value

    @field_validator("countries", "allow", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        return value.split(",") if isinstance(value, str) else value

    @field_validator("tz")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, OSError) as error:  # no such zone; "Asia" is a directory of the zone database
            raise ValueError from error
        return value


def duration(text: str) -> float | None:
    """``90``, ``90s``, ``30m``, ``2h``, ``1d`` in seconds; None for anything else, and for no time at all."""
    try:
        number = float(text[:-1] if text[-1:] in _UNITS else text)
    except ValueError:
        return None
    return number * _UNITS.get(text[-1:], 1) if 0 < number < 1e9 else None


def must_be(field: str) -> str:
    """The clause that says what a setting may be."""
    return _MUST_BE.get(field, "")


def _plain(value: Any) -> Any:
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def _sentences(error: ValidationError) -> Iterator[str]:
    """Every problem pydantic found, in our words, one finding a field. Secrets are never quoted."""
    first = {str(found["loc"][0]): found for found in reversed(error.errors(include_url=False))}
    for field, found in reversed(first.items()):
        cause = found.get("ctx", {}).get("error")
        if isinstance(cause, _SentenceError):
            yield from cause.sentences
        elif found["type"] == "extra_forbidden":
            yield unknown(field, "Settings", _MUST_BE)
        else:
            clause = term(_MUST_BE[field])
            if field in _QUOTED:
                clause = said("{clause}, not {given}", clause=clause, given=f"{found['input']!r:.60}")
            yield said("{setting} {clause}.", setting=named(field), clause=clause)


def _web_address(text: str) -> SplitResult:
    """The parts of an http or https URL; raises ValueError for anything that is none, or only looks like one."""
    parts = urlsplit(text)
    host = parts.hostname or ""
    usable = ":" in host or _HOST.fullmatch(host)  # urlsplit has checked what stands in brackets
    if _NOT_IN_URL.search(text) or parts.scheme not in _DEFAULT_PORTS or not usable or parts.port == 0:
        raise ValueError
    return parts


def _host_and_port(parts: SplitResult) -> str:
    host = parts.hostname or ""
    shown = f"[{host}]" if ":" in host else host
    return shown if parts.port in {None, _DEFAULT_PORTS[parts.scheme]} else f"{shown}:{parts.port}"


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
