"""Every knob of the sandbox, checked once, before anything listens."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from math import isfinite
from pathlib import Path
from random import Random
from typing import TypedDict
from urllib.parse import urlsplit

from omni_bulk.sandbox.faults import Faults
from omni_bulk.sandbox.limiter import LIMITER_KINDS, LimiterKind
from omni_bulk.sentences import said

DAY = 86_400.0  # seconds; a v1 token lives this long (guide)


class Knobs(TypedDict, total=False):
    """The keyword arguments of `Sandbox`; `Options` says what each one means."""

    port: int
    client_id: str
    client_password: str
    tps: float | None
    limiter: LimiterKind
    capacity: float | None
    retry_after: str | None
    token_ttl: float
    claimed_ttl: float | None
    token_limit: int | None
    revoke_older: bool
    refuse: str | None
    from_numbers: Collection[str] | None
    text_limit: int
    faults: Mapping[str, float]
    slow_ms: float
    latency_ms: float
    dlr: bool
    report_delay: float
    handset_delay: float
    report_copies: float
    foreign_reports: float
    report_codes: Mapping[str, str]
    webhook: str | None
    webhook_secret: str | None
    log: Path | str | None
    seed: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The knobs, with their defaults. Raises ValueError, in one sentence, for a value that cannot work.

    Where it listens: `port` on 127.0.0.1, 0 for any free one. `client_id` and `client_password` are what the token
    endpoint takes.

    Rate: `tps` posts a second (None: no limit) counted by `limiter`; `capacity` of the bucket in messages; every
    HTTP 429 carries `retry_after` (seconds or an HTTP date, sent as written) when it is given.

    Tokens: they really live `token_ttl` seconds, and the answer's `expired` claims `claimed_ttl` (the same unless
    given). `token_limit` is the number of token requests in any 60 s before HTTP 429. With `revoke_older` a new token
    ends the older ones (A002), which nobody has proven or ruled out for v1.

    Refusals: `refuse` is a code that answers every post; A001 and A002 answer every request that shows a token.
    `from_numbers` are the registered ones (None: any), `text_limit` is in characters.

    Trouble: `faults` is kind → probability (see `FAULTS`); a ``slow`` answer takes `slow_ms` milliseconds more;
    `latency_ms` passes half before and half after a message is taken.

    Reports: `dlr` adds the handset's report to the relay's; they wait `report_delay` seconds, the handset's
    `handset_delay` more. With the probability `report_copies` one comes a second time, and with `foreign_reports` there
    comes, beside that of a message, one of another system. `report_codes` is ref or number → `reportCode` of the last
    report. With `webhook` (http on a loopback address) reports are pushed
    there and cannot be polled, signed when `webhook_secret` is given.

    `log` is a file that gets one JSON line for each message, before the answer. The same `seed` gives the same
    keys, tokens and faults for the same requests; without it every run has its own.
    """

    port: int = 0
    client_id: str = "sandbox"
    client_password: str = field(default="sandbox", repr=False)
    tps: float | None = 400.0
    limiter: LimiterKind = "bucket"
    capacity: float | None = None
    retry_after: str | None = None
    token_ttl: float = DAY
    claimed_ttl: float | None = None
    token_limit: int | None = None
    revoke_older: bool = False
    refuse: str | None = None
    from_numbers: Collection[str] | None = None
    text_limit: int = 2000
    faults: Mapping[str, float] = field(default_factory=dict)
    slow_ms: float = 1000.0
    latency_ms: float = 0.0
    dlr: bool = False
    report_delay: float = 0.0
    handset_delay: float = 0.0
    report_copies: float = 0.0
    foreign_reports: float = 0.0
    report_codes: Mapping[str, str] = field(default_factory=dict)
    webhook: str | None = None
    webhook_secret: str | None = field(default=None, repr=False)
    log: Path | str | None = None
    seed: int | None = None

    def __post_init__(self) -> None:
        if self.limiter not in LIMITER_KINDS:
            raise ValueError(
                said(
                    "There is no limiter {limiter!r}; the limiters are {kinds}.",
                    limiter=self.limiter,
                    kinds=", ".join(LIMITER_KINDS),
                )
            )
        for name in ("tps", "token_ttl", "token_limit", "text_limit"):
            _need(name, getattr(self, name), above=0)
        _need("capacity", self.capacity, least=1)
        for name in ("slow_ms", "latency_ms", "report_delay", "handset_delay", "claimed_ttl"):
            _need(name, getattr(self, name), least=0)
        for name in ("report_copies", "foreign_reports"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(
                    said(
                        "The sandbox's {name} must be a probability from 0 to 1, not {value:g}.",
                        name=name,
                        value=getattr(self, name),
                    )
                )
        if self.webhook is not None:
            _need_loopback(self.webhook)
        Faults(self.faults, Random(0))  # raises for a wrong kind or probability


def _need(name: str, value: float | None, *, least: float | None = None, above: float | None = None) -> None:
    if value is None:
        return
    if not isfinite(value) or (least is not None and value < least) or (above is not None and value <= above):
        bound = said("more than {above:g}", above=above) if least is None else said("at least {least:g}", least=least)
        raise ValueError(
            said("The sandbox's {name} must be {bound}, not {value:g}.", name=name, bound=bound, value=value)
        )


def _need_loopback(url: str) -> None:
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        loopback = host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if parts.scheme != "http" or not loopback:
        raise ValueError(
            said("The webhook must be an http URL on this machine, such as http://127.0.0.1:8080/, not {url}.", url=url)
        )
