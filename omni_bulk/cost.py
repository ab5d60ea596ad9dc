"""What messages cost: a price list, sums, and what may be spent. Pure; money is `Decimal`, never a float.

A price is per billed part (`segments`). The longest number prefix that matches decides, else the country.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import cached_property
from typing import Final, Literal
from zoneinfo import ZoneInfo

from omni_bulk.errors import Stopped
from omni_bulk.sentences import Sentence, said

AMOUNT_MAX: Final = Decimal(10) ** 15
SLOT: Final = 900_000
"""Milliseconds in which spending is summed up: every time zone's midnight falls on a quarter of an hour."""

_AMOUNT: Final = re.compile(r"[0-9]+(\.[0-9]{1,8})?")


@dataclass(frozen=True, slots=True)
class Spent:
    """Billed parts that went to `country`, and to numbers with `prefix` (digits; "" for what no prefix price names)."""

    country: str
    prefix: str
    segments: int


@dataclass(frozen=True)
class Prices:
    """A price list in one currency (ISO 4217). `prefixes` are digits. Made by `pricelist.read_prices`."""

    currency: str
    countries: Mapping[str, Decimal] = field(default_factory=dict)
    prefixes: Mapping[str, Decimal] = field(default_factory=dict)

    @cached_property
    def _lengths(self) -> list[int]:
        return sorted({len(prefix) for prefix in self.prefixes}, reverse=True)

    def prefix_of(self, number: str) -> str:
        """The longest listed prefix (digits) of an E.164 number; "" if none but its country decides."""
        digits = number.removeprefix("+")
        return next((digits[:size] for size in self._lengths if digits[:size] in self.prefixes), "")

    def of(self, country: str, number: str = "") -> Decimal | None:
        """For one part to this number, or to numbers that begin so; None where the list has no price."""
        if prefix := self.prefix_of(number):
            return self.prefixes[prefix]
        return self.countries.get(country)

    def total(self, spent: Iterable[Spent]) -> tuple[Decimal, frozenset[str]]:
        """What all that costs, and the countries of it for which there is no price."""
        total, unpriced = Decimal(0), set()
        for one in spent:
            price = self.of(one.country, one.prefix)
            if price is None and one.segments:
                unpriced.add(one.country)
            total += (price or 0) * one.segments
        return total, frozenset(unpriced)


def amount_of(text: str) -> Decimal | None:
    """An amount of money in plain digits; None for anything else, and for what nobody has to spend."""
    if not _AMOUNT.fullmatch(text.strip()):
        return None
    try:
        amount = Decimal(text.strip())
    except InvalidOperation:  # pragma: no cover  the pattern lets nothing through that Decimal would not take
        return None
    return amount if amount <= AMOUNT_MAX else None


def plain(amount: Decimal) -> str:
    """``1234.5``: without exponent, and without zeros that say nothing."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def shown(amount: Decimal, currency: str) -> str:
    """For people: ``1,234.5 KRW``."""
    whole, point, rest = plain(amount).partition(".")
    return f"{int(whole):,}{point}{rest} {currency}"


# ── bounds ────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Budget:
    """What an account may spend in a calendar day and month of the zone `tz`. None is no bound."""

    day: Decimal | None = None
    month: Decimal | None = None
    tz: str = "Asia/Seoul"

    def slots(self, now: int) -> tuple[int, int]:
        """The first `SLOT` of the day, and that of the month, in which `now` (milliseconds since 1970) falls."""
        zone = ZoneInfo(self.tz)
        at = (datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=now)).astimezone(zone)
        day = at.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
        return _slot(day), _slot(day.replace(day=1))


def _slot(at: datetime) -> int:
    return round(at.timestamp() * 1000) // SLOT


def cost_stop(
    planned: Decimal, spent: Decimal, most: Decimal, currency: str, unpriced: Iterable[str] = ()
) -> Stopped | None:
    """Why a campaign may not begin under ``--max-cost``: `spent` before, `planned` now, `most` in all."""
    if countries := sorted(unpriced):
        return no_price(countries)
    if planned + spent > most:
        before = said(" and {spent} are spent already", spent=shown(spent, currency)) if spent else ""
        return Stopped(
            said(
                "sending would cost {planned}{before}, more than --max-cost {most}: "
                "nothing was sent; allow more, or shorten the list",
                planned=shown(planned, currency),
                before=before,
                most=shown(most, currency),
            ),
            reason="cost",
        )
    return None


def no_price(countries: Iterable[str]) -> Stopped:
    """A bound on money cannot be kept where nobody knows the price."""
    return Stopped(
        said(
            "the price list has no price for {countries}, so nobody knows what the campaign costs: add it, "
            "or keep the campaign to other countries with --countries",
            countries=", ".join(countries),
        ),
        reason="no_price",
    )


Bound = Literal["max_cost", "day", "month"]
_USED_UP: Final[Mapping[Bound, str]] = {
    "max_cost": "--max-cost {most} is used up ({spent} spent), recipients are left: allow more, then run again",
    "day": "the account's budget for today, {most}, is used up ({spent} spent), recipients are left: run again "
    "tomorrow, or change budget.day in the settings file",
    "month": "the account's budget for this month, {most}, is used up ({spent} spent), recipients are left: run again "
    "next month, or change budget.month in the settings file",
}


def used_up(bound: Bound, most: Decimal, spent: Decimal, currency: str) -> Stopped:
    """Why sending ends where the next message would pass a bound."""
    sentence = Sentence(_USED_UP[bound], {"most": shown(most, currency), "spent": shown(spent, currency)})
    return Stopped(sentence, reason="cost" if bound == "max_cost" else "budget")


def countries_json(
    messages: Mapping[str, int], segments: Mapping[str, int], costs: Mapping[str, Decimal] | None
) -> dict[str, dict[str, object]]:
    """ISO code → ``{messages, segments, cost}`` as every JSON of ours has it. `costs` is None without a price list."""
    return {
        country: {
            "messages": number, "segments": segments[country],
            "cost": plain(costs[country]) if costs is not None and country in costs else None,
        }
        for country, number in messages.items()
    }  # fmt: skip


def costs_of(spent: Iterable[Spent], prices: Prices) -> dict[str, Decimal]:
    """What was spent in each country, for ``status`` and its kin; countries without a price are left out."""
    costs: dict[str, Decimal] = {}
    for one in spent:
        if (price := prices.of(one.country, one.prefix)) is not None:
            costs[one.country] = costs.get(one.country, Decimal(0)) + price * one.segments
    return costs
