"""What `send` was asked: flags to an `Order`, checked as a whole before anything happens, every problem told at once."""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from omni_bulk.campaign import Options
from omni_bulk.cli.advice import place_of
from omni_bulk.cli.flags import bound
from omni_bulk.cost import amount_of
from omni_bulk.errors import InputError, SettingsError
from omni_bulk.omni import composition_of
from omni_bulk.phone import Trouble, normalise
from omni_bulk.pricelist import money
from omni_bulk.records import listed
from omni_bulk.sentences import said, term
from omni_bulk.settings import Settings, duration
from omni_bulk.source import Source, read_recipients, read_text
from omni_bulk.tables import read_texts
from omni_bulk.text import Template
from omni_bulk.texts import Texts
from omni_bulk.words import LANGUAGES, Language, language_of

T = TypeVar("T")
SANDBOX = "sandbox"  # client id and password of the sandbox
_SWITCHES = ("only_mobile", "strict", "gsm7")  # not given means: as the settings file says
_SETTINGS = (
    "config", "base_url", "ledger", "rate", "workers", "proxy", "ca_file", "timeout", "drain", "from_", "region",
    "numbers", "tz", "rules", "purpose", "signature", "normalize", "prices", "suppress", "once_per", "window",
    "window_tz", "dlr",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Order:
    """Everything `send` was asked, checked. `throwaway`: the ledger goes when the run ends."""

    settings: Settings
    source: Source
    template: Template | Texts | None
    name: str
    options: Options
    sandbox: bool
    yes: bool
    limit: int | None
    deadline: float | None
    min_rows: int | None
    max_rows: int | None
    max_failure_rate: float
    max_unknown_rate: float
    out: str | None
    rejects: str | None
    lang: Language
    plan: Path | None
    bound: Mapping[str, str]  # what the plan binds beside list and template
    require_ledger: bool
    throwaway: bool
    max_cost: Decimal | None = None
    heartbeat: Path | None = None
    metrics_file: Path | None = None
    metrics: tuple[str, int] | None = None
    start_at: datetime | None = None
    test_to: str | None = field(default=None, repr=False)
    reports: float | None = None  # s that reports are collected after sending
    place: str = ""  # what a command needs to find the same ledger: `` --ledger FILE``, `` --config FILE``


class Problems:
    """Sentences about what is wrong, gathered to be told together."""

    def __init__(self) -> None:
        self.sentences: list[str] = []

    def take(self, make: Callable[[], T]) -> T | None:
        """What `make` gives; None when it raises, which is then a problem among others."""
        try:
            return make()
        except SettingsError as error:
            self.sentences += error.problems
        except InputError as error:
            self.sentences.append(error.sentence)
        return None

    def tell(self) -> None:
        """Raises SettingsError when there is anything to tell."""
        if self.sentences:
            raise SettingsError(self.sentences)


def order_of(given: dict[str, Any], *, network: bool = True, binding: bool = False) -> Order:
    """The order that these flags give. Reads files; raises `SettingsError` with every problem.

    Without `network` nothing will be sent, so no credentials are needed. `binding`: a plan of it will be kept.
    """
    problems = Problems()
    take = problems.take
    source = take(
        lambda: read_recipients(
            given["recipients"], mapping=mapping_of(given["map_"]), encoding=given["encoding"], sheet=given["sheet"],
            delimiter=given["delimiter"],
        )
    )  # fmt: skip
    template = take(lambda: _template(given))
    flags = {**{key: given[key] for key in _SETTINGS}, "countries": countries_of(given["countries"])}
    flags |= {key: given[key] or None for key in _SWITCHES} | {"allow": names_of(given["allow"])}
    settings = take(lambda: _settings(flags, sandbox=given["sandbox"]))
    if settings is not None and network:
        take(settings.require_credentials)
        take(partial(composition_of, settings))
    tolerate = take(lambda: shares_of(given["tolerate"]))
    options = Options(
        per=take(lambda: choice("--per", given["per"], ("day", "week", "month"))),
        as_of=take(lambda: time_of(given["as_of"])),
        already=given["already"],
        implied=given["campaign"] is None,
        changed_text=given["changed_text"],
        extend=given["extend"],
        same_account=given["same_account"],
        lock_wait=given["lock_wait"],
        file_mode=take(lambda: mode_of(given["file_mode"])) or 0,
        source=source,
        tolerate=tolerate or {},
        resend_after=take(lambda: resend_after_of(given["unknown"])),
    )
    lang = take(lambda: choice("--lang", given["lang"], LANGUAGES)) or language_of(os.environ)
    deadline = take(lambda: seconds_of(given["deadline"]))
    reports = take(lambda: seconds_of(given["reports"], "--reports"))
    max_cost = take(lambda: cost_of(given["max_cost"]))
    start_at = take(lambda: time_of(given["start_at"], "--start-at"))
    metrics = take(lambda: address_of(given["metrics"]))
    test_to = None
    if settings is not None:
        options = replace(
            options, tz=settings.tz, suppress=settings.suppress, once_per=settings.once_per_seconds,
            hours=settings.hours,
        )  # fmt: skip
        start_at = start_at and (start_at if start_at.tzinfo else start_at.replace(tzinfo=ZoneInfo(settings.tz)))
        test_to = take(lambda: phone_of(given["test_to"], settings))
        take(lambda: money(settings.prices, settings.account_budget))
        problems.sentences += _money_clashes(given, settings)
    held: dict[str, str] = {}
    if settings is not None and (binding or given["plan"] is not None):
        held = take(partial(bound, given, dict(settings))) or {}
    if settings is not None and settings.require_plan and network and not (given["plan"] or given["sandbox"]):
        problems.sentences.append(
            said(
                "{config} wants an approved plan (require_plan): make one with check --save FILE --by NAME, and "
                "give it with --plan FILE",
                config=settings.config,
            )
        )
    problems.sentences += _clashes(given)
    if source is not None and not (given["recipients"] == "-" and problems.sentences):  # no pipe is read for nothing
        problems.sentences += take(lambda: list(_lacking(source, template, settings, given))) or []
    problems.tell()
    assert source is not None and settings is not None  # noqa: S101, PT018  or there were problems
    return Order(
        heartbeat=given["heartbeat"], metrics_file=given["metrics_file"], metrics=metrics,
        settings=settings, source=source, template=template, name=given["campaign"] or source.name,
        options=options, sandbox=given["sandbox"], yes=given["yes"], limit=given["limit"],
        deadline=deadline, min_rows=given["min_rows"], max_rows=given["max_rows"],
        max_failure_rate=given["max_failure_rate"], max_unknown_rate=given["max_unknown_rate"], out=given["out"],
        rejects=given["rejects"], lang=lang, plan=given["plan"], bound=held, require_ledger=given["require_ledger"],
        throwaway=given["sandbox"] and given["ledger"] is None, max_cost=max_cost, start_at=start_at, test_to=test_to,
        reports=reports, place=place_of(given),
    )  # fmt: skip


def _settings(flags: dict[str, Any], *, sandbox: bool) -> Settings:
    if not sandbox:
        return Settings(**flags)
    own = {"client_id": SANDBOX, "client_password": SANDBOX, "base_url": "http://127.0.0.1"}
    return Settings(**{**flags, **own})


def _template(given: dict[str, Any]) -> Template | Texts | None:
    if given["texts"] is not None:
        return read_texts(given["texts"])
    text = given["text"] if given["text_file"] is None else read_text(given["text_file"])
    return None if text is None else Template(text)


def _clashes(given: dict[str, Any]) -> Iterator[str]:
    """Flags that do not go together."""
    if given["recipients"] == "-" and given["campaign"] is None:
        yield said("a list on stdin has no name: give --campaign NAME")
    if given["text"] is not None and given["text_file"] is not None:
        yield said("--text and --text-file both give the template: keep one")
    if given["texts"] is not None and (given["text"] is not None or given["text_file"] is not None):
        yield said("--texts brings the text for everybody (a default too): leave out --text and --text-file")
    if given["as_of"] is not None and given["per"] is None:
        yield said("--as-of decides the period of --per: give --per day, week or month too")
    if given["proxy"] is not None and "@" in given["proxy"]:
        yield said(
            "--proxy would show its password to everybody on this machine: give it in OMNI_PROXY or in the settings file"
        )
    if given["out"] == "-" and given["summary_json"] == "-":
        yield said("--out - and --summary-json - would both write to stdout: give one of them a file")
    if given["out"] not in {None, "-"} and not Path(given["out"]).absolute().parent.is_dir():
        yield said(
            "--out {out}: there is no folder {folder}; make it, or give another file",
            out=given["out"],
            folder=Path(given["out"]).parent,
        )


def _money_clashes(given: dict[str, Any], settings: Settings) -> Iterator[str]:
    """What does not go together with money."""
    if given["max_cost"] is not None and settings.prices is None:
        yield said("--max-cost needs a price list: give --prices FILE, or `prices` in the settings file")
    if given["prices"] is not None and settings.budget is not None and not given["sandbox"]:
        yield said(
            "--prices would change what the account's budget counts with: put `prices` into the settings file instead"
        )


def _lacking(
    source: Source, template: Template | Texts | None, settings: Settings | None, given: dict[str, Any]
) -> Iterator[str]:
    """What a message needs and neither the list nor a flag gives."""
    columns = source.columns
    if all(given[flag] is None for flag in ("text", "text_file", "texts")) and columns.text is None:
        yield said("there is no text: give --text, --text-file or --texts, or a text column in the list")
    if isinstance(template, Texts) and template.column is not None and columns.lacks([template.column]):
        yield said(
            "--texts chooses by the column {column!r}, which the list does not have: it has {names}",
            column=template.column, names=listed(columns.names),
        )  # fmt: skip
    if template is not None and (missing := columns.lacks(template.required)):
        fields = ", ".join(f"{{{name}}}" for name in missing)
        yield said(
            "the template needs {fields}, which the list has no column for: it has {names}. Say --map COLUMN={field}, or "
            "write {{{field}|what else}} in the template",
            fields=fields, names=listed(columns.names), field=missing[0],
        )  # fmt: skip
    if settings is not None and settings.from_ is None and columns.from_ is None:
        yield said("there is no originating number: give --from, or a from column in the list")


def choice(flag: str, value: str | None, allowed: tuple[str, ...]) -> Any:
    """`value` if it is one of `allowed`, or not given."""
    if value is not None and value not in allowed:
        raise SettingsError(
            said("{flag} is one of {allowed}, not {value!r}", flag=flag, allowed=", ".join(allowed), value=value)
        )
    return value


def countries_of(value: str | None) -> list[str] | None:
    """``KR,JP`` as a list; None when not given."""
    return None if value is None else [country.strip().upper() for country in value.split(",") if country.strip()]


def names_of(values: list[str] | None) -> list[str] | None:
    """The names of each `--allow`, which may hold several with commas between; None when not given."""
    return [name.strip() for value in values for name in value.split(",") if name.strip()] if values else None


def mapping_of(pairs: list[str] | None) -> dict[str, str]:
    """``COLUMN=FIELD`` of each `--map`. A column's name may hold a ``=``, a field's may not."""
    mapping = {}
    for pair in pairs or ():
        column, equals, name = pair.rpartition("=")
        if not equals or not column:
            raise SettingsError(said("--map takes COLUMN=FIELD, such as --map Handy=to, not {pair!r}", pair=pair))
        mapping[column] = name
    return mapping


def time_of(value: str | None, flag: str = "--as-of") -> datetime | None:
    """An ISO 8601 date or time."""
    try:
        return None if value is None else datetime.fromisoformat(value)
    except ValueError:
        raise SettingsError(
            said("{flag} takes a date or a time such as 2026-11-22 or 2026-11-22T23:30:00+09:00", flag=flag)
        ) from None


def address_of(value: str | None) -> tuple[str, int] | None:
    """``9100`` (on this machine alone) or ``HOST:9100`` as host and port."""
    if value is None:
        return None
    host, _, port = value.rpartition(":")
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65_536):
        raise SettingsError(said("--metrics takes a port such as 9400, or HOST:PORT, not {value!r:.60}", value=value))
    return host.strip("[]") or "127.0.0.1", int(port)


def cost_of(value: str | None) -> Decimal | None:
    """A plain amount of money."""
    if value is None:
        return None
    if (amount := amount_of(value)) is None:
        raise SettingsError(
            said("--max-cost takes a plain amount such as 50000 or 99.5, not {value!r:.40}", value=value)
        )
    return amount


def phone_of(value: str | None, settings: Settings) -> str | None:
    """The number of `--test-to`, in E.164."""
    if value is None:
        return None
    phone = normalise(value, region=settings.region, numbers=settings.numbers)
    if isinstance(phone, Trouble):
        raise SettingsError(said("--test-to: {why}", why=term(phone.detail)))
    return phone.e164


def seconds_of(value: str | None, flag: str = "--deadline") -> float | None:
    """``90``, ``90s``, ``30m``, ``2h``, ``1d`` in seconds."""
    if value is None:
        return None
    if (seconds := duration(value)) is None:
        raise SettingsError(said("{flag} takes a duration such as 90s, 30m or 2h", flag=flag))
    return seconds


def resend_after_of(value: str | None) -> float | None:
    """The seconds of ``resend:AFTER``; None for ``hold``."""
    if value is None or value == "hold":
        return None
    word, _, after = value.partition(":")
    if word != "resend" or not after:
        raise SettingsError(said("--unknown is hold, or resend:AFTER such as resend:10m"))
    return seconds_of(after, "--unknown resend:AFTER")


def shares_of(value: str | None) -> dict[str, float]:
    """``invalid=1%,failed=0.005`` as state → share."""
    shares = {}
    for part in filter(None, (value or "").split(",")):
        state, _, share = part.strip().partition("=")
        try:
            number = float(share.rstrip("%")) / (100 if share.endswith("%") else 1)
        except ValueError:
            number = -1.0
        if state not in {"invalid", "failed", "rejected", "unknown"} or not 0 <= number <= 1:
            raise SettingsError(said("--tolerate takes states and shares such as invalid=1%,failed=0.5%,unknown=0.1%"))
        shares[state] = number
    return shares


def mode_of(value: str) -> int:
    """An octal mode that lets the owner read and write."""
    try:
        mode = int(value, 8)
    except ValueError:
        mode = -1
    if not 0o600 <= mode <= 0o666:
        raise SettingsError(said("--file-mode takes an octal mode from 600 to 666, such as 640"))
    return mode
