"""What messages cost: a price list, sums, and what may be spent. Pure; money is `Decimal`, never a float.

A price is per billed part (`segments`). The longest number prefix that matches decides, then the country, then the
country's calling code alone: ``CA`` goes before ``+1``, ``+1604`` before ``CA``.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import cached_property
from typing import Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, country_code_for_region

from omni_bulk.errors import SettingsError, Stopped
from omni_bulk.phone import REGIONS

PRICE_MAX: Final = Decimal(1_000_000)
"""For one part, in any currency; above it a column was mistaken for another."""
AMOUNT_MAX: Final = Decimal(10) ** 15
SLOT: Final = 900_000
"""Milliseconds in which spending is summed up: every time zone's midnight falls on a quarter of an hour."""

_PREFIX: Final = re.compile(r"(?:\+|00)?([1-9][0-9]{0,13})")
_AMOUNT: Final = re.compile(r"[0-9]+(\.[0-9]{1,8})?")
_CURRENCY: Final = re.compile(r"[A-Z]{3}")
_PROBLEMS_MAX: Final = 20  # sentences about one file


class PriceRow(NamedTuple):
    """One line of a price list as written. `where` is how people find it again: ``row 3``."""

    where: str
    place: str
    price: str
    currency: str


@dataclass(frozen=True, slots=True)
class Spent:
    """Billed parts that went to `country`, and to numbers with `prefix` (digits; "" for what no prefix price names)."""

    country: str
    prefix: str
    segments: int


@dataclass(frozen=True)
class Prices:
    """A price list in one currency (ISO 4217). Made by `price_list`."""

    currency: str
    countries: Mapping[str, Decimal] = field(default_factory=dict)
    codes: Mapping[str, Decimal] = field(default_factory=dict)
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
        found = self.countries.get(country)
        return self.codes.get(str(country_code_for_region(country))) if found is None else found

    def total(self, spent: Iterable[Spent]) -> tuple[Decimal, frozenset[str]]:
        """What all that costs, and the countries of it for which there is no price."""
        total, unpriced = Decimal(0), set()
        for one in spent:
            price = self.of(one.country, one.prefix)
            if price is None and one.segments:
                unpriced.add(one.country)
            total += (price or 0) * one.segments
        return total, frozenset(unpriced)


def price_list(rows: Iterable[PriceRow], called: str) -> Prices:
    """The prices in these rows, checked as a whole. `called` is the file's name for sentences.

    A place is a country (``KR``) or a number prefix in international form (``+8210``, ``8210``). The currency stands
    in every row, or in the first alone.

    :raises SettingsError: with every row that is wrong.
    """
    problems: list[str] = []
    tables: dict[str, dict[str, Decimal]] = {"country": {}, "code": {}, "prefix": {}}
    currency = ""
    for row in rows:
        found = place_of(row.place)
        price = amount_of(row.price)
        said = row.currency.strip().upper()
        if found is None:
            problems.append(f"{row.where}: neither a country such as KR nor a number prefix such as +8210")
        elif price is None or price > PRICE_MAX:
            problems.append(f"{row.where}: the price must be a plain number such as 9 or 0.035, at most {PRICE_MAX:,}")
        elif said and not _CURRENCY.fullmatch(said):
            problems.append(f"{row.where}: the currency must be three letters such as KRW")
        elif said and currency and said != currency:
            problems.append(f"{row.where}: its currency is {said}, the rows above are in {currency}: one file, one currency")
        elif tables[found[0]].get(found[1], price) != price:
            problems.append(f"{row.where}: {found[1]} has another price above")
        else:
            tables[found[0]][found[1]] = price
            currency = currency or said
    if not problems and not any(tables.values()):
        problems.append("it has no price")
    if not problems and not currency:
        problems.append("no row says the currency: add a currency column such as KRW")
    if problems:
        more = [f"and {len(problems) - _PROBLEMS_MAX:,} more"] * (len(problems) > _PROBLEMS_MAX)
        raise SettingsError([f"the price list {called}: {problem}." for problem in problems[:_PROBLEMS_MAX] + more])
    return Prices(currency, tables["country"], tables["code"], tables["prefix"])


def place_of(text: str) -> tuple[Literal["country", "code", "prefix"], str] | None:
    """What a place in a price list is, in one spelling; None for what is none."""
    text = text.strip()
    if text.upper() in REGIONS:
        return "country", text.upper()
    if found := _PREFIX.fullmatch(re.sub(r"[\s()-]", "", text)):
        digits = found[1]
        return ("code" if int(digits) in COUNTRY_CODE_TO_REGION_CODE else "prefix"), digits
    return None


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
        before = f" and {shown(spent, currency)} are spent already" if spent else ""
        return Stopped(
            f"sending would cost {shown(planned, currency)}{before}, more than --max-cost {shown(most, currency)}: "
            "nothing was sent; allow more, or shorten the list",
            reason="cost",
        )
    return None


def no_price(countries: Iterable[str]) -> Stopped:
    """A bound on money cannot be kept where nobody knows the price."""
    return Stopped(
        f"the price list has no price for {', '.join(countries)}, so nobody knows what the campaign costs: add it, "
        "or keep the campaign to other countries with --countries",
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
    sentence = _USED_UP[bound].format(most=shown(most, currency), spent=shown(spent, currency))
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


def priced(spent: Iterable[Spent], prices: Prices | None) -> Iterator[tuple[str, Decimal]]:
    """What was spent in each country, for ``status`` and reports; countries without a price are left out."""
    if prices is None:
        return
    costs: dict[str, Decimal] = {}
    for one in spent:
        if (price := prices.of(one.country, one.prefix)) is not None:
            costs[one.country] = costs.get(one.country, Decimal(0)) + price * one.segments
    yield from costs.items()
