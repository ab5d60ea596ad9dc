"""A price list from its file, CSV or TOML: its rows judged one by one and as a whole."""

import io
import re
import tomllib
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Final, Literal, NamedTuple

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

from omni_bulk.cost import Budget, Prices, amount_of
from omni_bulk.encoding import encoding_of
from omni_bulk.errors import SettingsError
from omni_bulk.files import sentences
from omni_bulk.lines import Lines, csv_rows
from omni_bulk.phone import REGIONS
from omni_bulk.sentences import said

PRICE_MAX: Final = Decimal(1_000_000)
"""For one part, in any currency; above it a column was mistaken for another."""
FILE_MAX: Final = 16 * 1024 * 1024
"""Bytes: every prefix of every operator fits ten times."""

_COLUMNS: Final = {
    "place": ("country", "prefix", "place", "countryorprefix", "iso", "국가", "국가코드", "국가번호"),
    "price": ("price", "cost", "rate", "단가", "가격", "요금"),
    "currency": ("currency", "통화"),
}


_PREFIX: Final = re.compile(r"(?:\+|00)?([1-9][0-9]{0,13})")
_CURRENCY: Final = re.compile(r"[A-Z]{3}")
_PROBLEMS_MAX: Final = 20  # sentences about one file


class PriceRow(NamedTuple):
    """One line of a price list as written. `where` is how people find it again: ``row 3``."""

    where: str
    place: str
    price: str
    currency: str


def read_prices(path: Path) -> Prices:
    """The prices of a file. Raises `InputError` if it cannot be read, `SettingsError` with every row that is wrong."""
    with sentences(path), path.open("rb") as stream:
        content = stream.read(FILE_MAX + 1)
    if len(content) > FILE_MAX:
        raise SettingsError(
            said(
                "the price list {path} is over {most} MiB: it is something else.",
                path=path,
                most=FILE_MAX // 1024**2,
            )
        )
    rows = _toml_rows if path.suffix.lower() == ".toml" else _csv_rows
    return price_list(rows(content, path), str(path))


def money(path: Path | None, budget: Budget | None) -> Prices | None:
    """The prices of an account. Raises SettingsError where there is a budget and no price list to count it with."""
    if path is None and budget is not None:
        raise SettingsError(
            said("`budget` needs a price list to count with: add `prices`, a file, to the settings file")
        )
    return None if path is None else read_prices(path)


def _toml_rows(content: bytes, path: Path) -> Iterator[PriceRow]:
    """``currency = "KRW"`` and a table ``[prices]`` of place = price."""
    try:
        read = tomllib.loads(content.decode("utf-8-sig"), parse_float=Decimal)
    except ValueError as error:  # no TOML, or no UTF-8; the sentence holds a position, never a line
        raise SettingsError(said("the price list {path} is not valid TOML: {error}.", path=path, error=error)) from None
    prices = read.get("prices")
    if not isinstance(prices, dict):
        raise SettingsError(said('the price list {path} has no table [prices] with lines such as KR = "9".', path=path))
    for place, price in prices.items():
        yield PriceRow(f"`{place}`", place, str(price), str(read.get("currency", "")))


def _csv_rows(content: bytes, path: Path) -> Iterator[PriceRow]:
    """A header with a column for the place, one for the price and one for the currency, in any order."""
    encoding = encoding_of(lambda: io.BytesIO(content), path, None)
    text = content.decode(encoding).removeprefix("\ufeff")
    header = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = next((mark for mark in "\t;|" if mark in header), ",")
    rows = csv_rows(Lines(io.TextIOWrapper(io.BytesIO(text.encode()), encoding="utf-8", newline="")), delimiter)
    _, names, _ = next(rows, (0, [""], None))
    folded = ["".join(filter(str.isalnum, name.casefold())) for name in names]
    places = {
        wanted: [at for at, name in enumerate(folded) if name in known] for wanted, known in _COLUMNS.items()
    }  # a list may have both a country and a prefix column: the one that is filled in counts, the prefix first
    if not places["place"] or not places["price"]:
        raise SettingsError(
            said(
                "the price list {path} needs a column `country` (or `prefix`) and a column `price`, "
                "such as country,price,currency.",
                path=path,
            )
        )
    places["place"].sort(key=lambda at: folded[at] != "prefix")
    for number, cells, _ in rows:
        yield PriceRow(said("row {number}", number=number), *(_cell(cells, places[wanted]) for wanted in _COLUMNS))


def _cell(cells: list[str], places: list[int]) -> str:
    return next((cells[at].strip() for at in places if at < len(cells) and cells[at].strip()), "")


def price_list(rows: Iterable[PriceRow], called: str) -> Prices:
    """The prices in these rows, checked as a whole. `called` is the file's name for sentences.

    A place is a country (``KR``) or a number prefix in international form (``+8210``, ``8210``). A calling code alone
    stands for its countries, and a country in the list goes before it: ``CA`` before ``+1``, ``+1604`` before both. The
    currency stands in every row, or in the first alone.

    :raises SettingsError: with every row that is wrong.
    """
    problems: list[str] = []
    tables: dict[str, dict[str, Decimal]] = {"country": {}, "code": {}, "prefix": {}}
    currency = ""
    for row in rows:
        found = place_of(row.place)
        price = amount_of(row.price)
        named = row.currency.strip().upper()
        if found is None:
            problems.append(
                said("{where}: neither a country such as KR nor a number prefix such as +8210", where=row.where)
            )
        elif price is None or price > PRICE_MAX:
            problems.append(
                said(
                    "{where}: the price must be a plain number such as 9 or 0.035, at most {most:,}",
                    where=row.where,
                    most=PRICE_MAX,
                )
            )
        elif named and not _CURRENCY.fullmatch(named):
            problems.append(said("{where}: the currency must be three letters such as KRW", where=row.where))
        elif named and currency and named != currency:
            problems.append(
                said(
                    "{where}: its currency is {named}, the rows above are in {currency}: one file, one currency",
                    where=row.where,
                    named=named,
                    currency=currency,
                )
            )
        elif tables[found[0]].get(found[1], price) != price:
            problems.append(said("{where}: {place} has another price above", where=row.where, place=found[1]))
        else:
            tables[found[0]][found[1]] = price
            currency = currency or named
    if not problems and not any(tables.values()):
        problems.append(said("it has no price"))
    if not problems and not currency:
        problems.append(said("no row says the currency: add a currency column such as KRW"))
    if problems:
        more = [said("and {number:,} more", number=len(problems) - _PROBLEMS_MAX)] * (len(problems) > _PROBLEMS_MAX)
        raise SettingsError(
            [
                said("the price list {called}: {problem}.", called=called, problem=problem)
                for problem in problems[:_PROBLEMS_MAX] + more
            ]
        )
    of_code = {
        country: price for code, price in tables["code"].items() for country in COUNTRY_CODE_TO_REGION_CODE[int(code)]
    }
    return Prices(currency, of_code | tables["country"], tables["prefix"])


def place_of(text: str) -> tuple[Literal["country", "code", "prefix"], str] | None:
    """What a place in a price list is, in one spelling; None for what is none."""
    text = text.strip()
    if text.upper() in REGIONS:
        return "country", text.upper()
    if found := _PREFIX.fullmatch(re.sub(r"[\s()-]", "", text)):
        digits = found[1]
        return ("code" if int(digits) in COUNTRY_CODE_TO_REGION_CODE else "prefix"), digits
    return None
