"""A price list: what is read of it, what is refused, and which price counts."""

from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omni_bulk.cost import Budget, Prices, Spent, amount_of, cost_stop, costs_of, plain, shown, used_up
from omni_bulk.errors import InputError, SettingsError
from omni_bulk.pricelist import money, place_of, read_prices

CSV = "country,price,currency\nKR,9,KRW\n+8210,8.5,\n1,20,\nCA,21,\n+1604,22.25,\n"


def prices_of(tmp_path: Path, text: str, name: str = "prices.csv", encoding: str = "utf-8") -> Prices:
    path = tmp_path / name
    path.write_bytes(text.encode(encoding))
    return read_prices(path)


@pytest.mark.parametrize(
    ("country", "number", "price"),
    [
        ("KR", "+821012345678", "8.5"),  # the prefix before the country
        ("KR", "+82212345678", "9"),
        ("US", "+12015550123", "20"),  # the calling code where the country is not listed
        ("CA", "+14165550123", "21"),  # the country before its calling code
        ("CA", "+16045550123", "22.25"),  # a longer prefix before both
        ("KR", "", "9"),  # a number that was erased
        ("KR", "8210", "8.5"),  # what was counted under a prefix
        ("JP", "+819012345678", None),
    ],
)
def test_the_longest_prefix_decides_then_the_country(
    tmp_path: Path, country: str, number: str, price: str | None
) -> None:
    found = prices_of(tmp_path, CSV).of(country, number)
    assert found == (None if price is None else Decimal(price))


@pytest.mark.parametrize(
    ("text", "name", "encoding"),
    [
        (CSV, "p.csv", "utf-8"),
        (CSV, "p.csv", "utf-8-sig"),
        (CSV.replace(",", ";"), "p.csv", "utf-8"),
        (CSV.replace(",", "\t"), "p.tsv", "utf-16"),
        (CSV.replace("country,price,currency", "국가,단가,통화"), "p.csv", "cp949"),
        (
            "Country,Prefix,Price,Currency\nKR,,9,krw\nKR,+8210,8.5,\nUS,1,20,\nCA,,21,\nCA,+1604,22.25,\n",
            "p.csv",
            "utf-8",
        ),
        (
            'currency = "KRW"\n[prices]\nKR = 9\n"+8210" = 8.5\n1 = "20"\nCA = 21\n"001604" = 22.25\n',
            "p.toml",
            "utf-8",
        ),
    ],
)
def test_one_list_in_many_dresses_is_one_list(tmp_path: Path, text: str, name: str, encoding: str) -> None:
    assert prices_of(tmp_path, text, name, encoding) == prices_of(tmp_path, CSV)


REFUSED = [
    ("country,price\nKR,9\n", "no row says the currency"),
    ("country,price,currency\n", "it has no price"),
    ("country,price,currency\nKR,9,KRW\nKorea,9,\n", "row 3: neither a country such as KR nor a number prefix"),
    ("country,price,currency\nKR,1e3,KRW\n", "row 2: the price must be a plain number"),
    ("country,price,currency\nKR,-1,KRW\n", "row 2: the price must be a plain number"),
    ("country,price,currency\nKR,NaN,KRW\n", "row 2: the price must be a plain number"),
    ("country,price,currency\nKR,2000000,KRW\n", "at most 1,000,000"),
    ("country,price,currency\nKR,9,WON\nJP,9,W\n", "row 3: the currency must be three letters"),
    ("country,price,currency\nKR,9,KRW\nJP,9,USD\n", "row 3: its currency is USD, the rows above are in KRW"),
    ("country,price,currency\nKR,9,KRW\nKR,8,KRW\n", "row 3: KR has another price above"),
    ("to,amount\nKR,9\n", "needs a column `country`"),
]


@pytest.mark.parametrize(("text", "sentence"), REFUSED)
def test_a_wrong_row_is_named(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(SettingsError) as refused:
        prices_of(tmp_path, text)
    assert sentence in str(refused.value)


def test_every_wrong_row_is_told_but_not_without_end(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as refused:
        prices_of(tmp_path, "country,price,currency\n" + "XX,9,KRW\n" * 30)
    assert len(refused.value.problems) == 21
    assert "and 10 more" in refused.value.problems[-1]


@pytest.mark.parametrize("text", ["[prices\n", 'currency = "KRW"\n', "prices = 3\n"])
def test_a_toml_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError):
        prices_of(tmp_path, text, "p.toml")


def test_a_huge_file_and_a_missing_one_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="over 16 MiB"):
        prices_of(tmp_path, "x" * (16 * 1024**2 + 1))
    with pytest.raises(InputError, match="There is no file"):
        read_prices(tmp_path / "nowhere.csv")


def test_a_budget_needs_a_price_list() -> None:
    with pytest.raises(SettingsError, match="needs a price list"):
        money(None, Budget(day=Decimal(1)))
    assert money(None, None) is None


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("kr", ("country", "KR")), ("82", ("code", "82")), ("+82 10", ("prefix", "8210")),
        ("001", ("code", "1")), ("ZZ", None), ("", None), ("+0", None), ("8" * 15, None),
    ],
)  # fmt: skip
def test_places(text: str, place: tuple[str, str] | None) -> None:
    assert place_of(text) == place


@given(st.decimals(min_value=0, max_value=10**9, places=8))
def test_an_amount_survives_being_written(amount: Decimal) -> None:
    assert amount_of(plain(amount)) == amount


def test_amounts_for_people() -> None:
    assert shown(Decimal("1234567.500"), "KRW") == "1,234,567.5 KRW"
    assert shown(Decimal(100), "USD") == "100 USD"
    assert amount_of("9" * 16) is None


def test_a_total_names_what_has_no_price() -> None:
    prices = Prices("KRW", {"KR": Decimal("0.1")})
    spent = [Spent("KR", "", 3), Spent("JP", "", 1), Spent("US", "", 0)]
    assert prices.total(spent) == (Decimal("0.3"), frozenset({"JP"}))  # in floats it would be 0.30000000000000004


def test_what_was_spent_by_country() -> None:
    prices = Prices("KRW", {"KR": Decimal("0.1")}, {"8210": Decimal(2)})
    spent = [Spent("KR", "", 3), Spent("KR", "8210", 1), Spent("JP", "", 1)]
    assert costs_of(spent, prices) == {"KR": Decimal("2.3")}


def test_the_sentences_of_a_bound() -> None:
    assert cost_stop(Decimal(5), Decimal(5), Decimal(10), "KRW") is None
    dear = cost_stop(Decimal(5), Decimal(6), Decimal(10), "KRW")
    assert dear is not None and dear.exit_code == 5 and "6 KRW are spent already" in str(dear)
    unpriced = cost_stop(Decimal(0), Decimal(0), Decimal(10), "KRW", ["JP"])
    assert unpriced is not None and unpriced.reason == "no_price" and "JP" in str(unpriced)
    assert used_up("day", Decimal(5), Decimal(4), "KRW").reason == "budget"
    assert used_up("max_cost", Decimal(5), Decimal(4), "KRW").reason == "cost"


@pytest.mark.parametrize(
    ("tz", "now", "day", "month"),
    [
        ("Asia/Seoul", "2026-11-22T00:30:00+09:00", "2026-11-22T00:00:00+09:00", "2026-11-01T00:00:00+09:00"),
        ("Asia/Kathmandu", "2026-11-22T00:10:00+05:45", "2026-11-22T00:00:00+05:45", "2026-11-01T00:00:00+05:45"),
        # The clocks were put back within this month: its midnight is another offset's.
        ("America/New_York", "2026-11-22T12:00:00-05:00", "2026-11-22T00:00:00-05:00", "2026-11-01T00:00:00-04:00"),
    ],
)
def test_days_and_months_begin_at_midnight_of_the_zone(tz: str, now: str, day: str, month: str) -> None:
    ms = [round(datetime.fromisoformat(text).timestamp() * 1000) for text in (now, day, month)]
    assert Budget(tz=tz).slots(ms[0]) == (ms[1] // 900_000, ms[2] // 900_000)
    assert ms[1] % 900_000 == 0
