"""Reading a price list from its file: CSV or TOML to the rows that `cost` judges."""

import io
import tomllib
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Final

from omni_bulk.cost import PriceRow, Prices, price_list
from omni_bulk.encoding import encoding_of
from omni_bulk.errors import SettingsError
from omni_bulk.files import sentences
from omni_bulk.lines import Lines, csv_rows

FILE_MAX: Final = 16 * 1024 * 1024
"""Bytes: every prefix of every operator fits ten times."""

_COLUMNS: Final = {
    "place": ("country", "prefix", "place", "countryorprefix", "iso", "국가", "국가코드", "국가번호"),
    "price": ("price", "cost", "rate", "단가", "가격", "요금"),
    "currency": ("currency", "통화"),
}


def read_prices(path: Path) -> Prices:
    """The prices of a file. Raises `InputError` if it cannot be read, `SettingsError` with every row that is wrong."""
    with sentences(path), path.open("rb") as stream:
        content = stream.read(FILE_MAX + 1)
    if len(content) > FILE_MAX:
        raise SettingsError(f"the price list {path} is over {FILE_MAX // 1024**2} MiB: it is something else.")
    rows = _toml_rows if path.suffix.lower() == ".toml" else _csv_rows
    return price_list(rows(content, path), str(path))


def _toml_rows(content: bytes, path: Path) -> Iterator[PriceRow]:
    """``currency = "KRW"`` and a table ``[prices]`` of place = price."""
    try:
        read = tomllib.loads(content.decode("utf-8-sig"), parse_float=Decimal)
    except ValueError as error:  # no TOML, or no UTF-8; the sentence holds a position, never a line
        raise SettingsError(f"the price list {path} is not valid TOML: {error}.") from None
    prices = read.get("prices")
    if not isinstance(prices, dict):
        raise SettingsError(f'the price list {path} has no table [prices] with lines such as KR = "9".')
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
            f"the price list {path} needs a column `country` (or `prefix`) and a column `price`, "
            "such as country,price,currency."
        )
    places["place"].sort(key=lambda at: folded[at] != "prefix")
    for number, cells, _ in rows:
        yield PriceRow(f"row {number}", *(_cell(cells, places[wanted]) for wanted in _COLUMNS))


def _cell(cells: list[str], places: list[int]) -> str:
    return next((cells[at].strip() for at in places if at < len(cells) and cells[at].strip()), "")
