"""Numbers in any writing. All are libphonenumber's examples, or close to them."""

import phonenumbers
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from omni_bulk.phone import REGIONS, Numbers, Phone, Trouble, check_from, normalise

KOREAN = Phone("+821020000000", "KR")
MOBILE = phonenumbers.PhoneNumberType.MOBILE
E164 = phonenumbers.PhoneNumberFormat.E164


def example_of(region: str) -> phonenumbers.PhoneNumber:
    number = phonenumbers.example_number_for_type(region, MOBILE)
    assert number is not None
    return number


def as_parsed(number: phonenumbers.PhoneNumber) -> Phone:
    country = phonenumbers.region_code_for_number(number)
    assert country is not None
    return Phone(phonenumbers.format_number(number, E164), country)


WITH_MOBILES = sorted(region for region in REGIONS if phonenumbers.example_number_for_type(region, MOBILE) is not None)


@pytest.mark.parametrize(
    "raw",
    [
        "+821020000000",
        "  +821020000000\t\n",
        "+82 10-2000-0000",
        "+82.10.2000.0000",
        "+82 (10) 2000 0000",
        "(+82) 10 2000 0000",
        "+82–10—2000‐0000",
        "+82−10ー2000・0000",
        "+82\u00a010\u20092000\u30000000",
        "\u202a+82\u200b10\u20602000\u00ad0000\u202c\ufeff",
        "＋８２　１０－２０００－００００",
        "+８２（１０）２０００．００００",
        "+٨٢ ١٠ ٢٠٠٠ ٠٠٠٠",
        "00821020000000",
        "00 82 10 2000 0000",
        "(00)82-10-2000-0000",
        "tel:+82-10-2000-0000",
        "TEL: +821020000000",
        "'+821020000000",
        "’+82 10-2000-0000",
        '="+821020000000"',
        "+821020000000.0",
        "+82 (0)10-2000-0000",
        "+82010-2000-0000",
        "0082 010 2000 0000",
    ],
)
@pytest.mark.parametrize("region", [None, "KR", "US"])
def test_international_writings(raw: str, region: str | None) -> None:
    for numbers in (None, "international"):
        assert normalise(raw, region=region, numbers=numbers) == KOREAN
    if region is not None:
        assert normalise(raw, region=region, numbers="national") == KOREAN


@pytest.mark.parametrize(
    ("raw", "region", "expected"),
    [
        ("010-2000-0000", "KR", KOREAN),
        ("01020000000", "KR", KOREAN),
        ("(0)10 2000 0000", "KR", KOREAN),
        ('="01020000000"', "KR", KOREAN),
        ("０１０２０００００００", "KR", KOREAN),
        ("07400 123456", "GB", Phone("+447400123456", "GB")),
        ("07781 123456", "GB", Phone("+447781123456", "GG")),
        ("0812-345-678", "ID", Phone("+62812345678", "ID")),
        ("011 15-2345-6789", "AR", Phone("+5491123456789", "AR")),
        ("0123456789", "CI", Phone("+2250123456789", "CI")),  # no trunk prefix: the zero is part of the number
        ("9123 4567", "SG", Phone("+6591234567", "SG")),  # punctuation, and +91 234567 is no number
        ("131 2345 6789", "CN", Trouble),  # +1 312 345 6789 is one
        ("(201) 555-0123", "US", Phone("+12015550123", "US")),  # +20 15550123 is one, but 201 is no country code
        ("(212) 555-0123", "US", Phone("+12125550123", "US")),
        ("(131) 2345 6789", "CN", Phone("+8613123456789", "CN")),
        ("(1) 312 345 6789", "CN", Trouble),
    ],
)
def test_national_writings(raw: str, region: str, expected: Phone | type[Trouble]) -> None:
    found = normalise(raw, region=region)
    if isinstance(expected, Phone):
        assert found == expected
    else:
        assert isinstance(found, Trouble) and found.reason == "ambiguous_number"


@pytest.mark.parametrize(
    ("raw", "region", "numbers", "flags"),
    [
        ("010-2000-0000", None, None, {"--region"}),
        ("01020000000", None, "international", {"--region"}),
        ("821020000000", None, None, {"--numbers international", "--numbers national"}),
        ("821020000000", "KR", None, {"--numbers international"}),
        ("82-10-2000-0000", "KR", None, {"--numbers international"}),
        ("81234567", "SG", None, {"--numbers national"}),
        ("8123\u200b4567", "SG", None, {"--numbers national"}),  # an invisible mark is no punctuation
        ("13123456789", None, None, {"--numbers international", "--numbers national"}),
        ("13123456789", "CN", None, {"--numbers international", "--numbers national"}),
        ("12015550123", "US", None, {"--numbers international", "--numbers national"}),
        ("96123456789", None, None, {"--numbers national", "--region"}),
        ("81234567", None, "national", {"--region"}),
    ],
)
def test_what_is_not_guessed(raw: str, region: str | None, numbers: Numbers | None, flags: set[str]) -> None:
    found = normalise(raw, region=region, numbers=numbers)
    assert isinstance(found, Trouble) and found.reason == "ambiguous_number"
    named = {"--numbers international", "--numbers national", "--region"}
    assert {flag for flag in named if flag in found.detail} - {"--region"} == flags - {"--region"}
    assert all(flag in found.detail for flag in flags)


@pytest.mark.parametrize(
    ("raw", "region", "numbers", "expected"),
    [
        ("821020000000", None, "international", KOREAN),
        ("821020000000.0", None, "international", KOREAN),
        ("82-10-2000-0000", None, "international", KOREAN),
        ("82 (0)10-2000-0000", None, "international", KOREAN),
        ("010-2000-0000", "KR", "international", KOREAN),
        ("13123456789", "CN", "international", Phone("+13123456789", "US")),
        ("13123456789", "CN", "national", Phone("+8613123456789", "CN")),
        ("1020000000", "KR", "national", KOREAN),
        ("81234567", "SG", "national", Phone("+6581234567", "SG")),
        ("2015550123", "US", "national", Phone("+12015550123", "US")),
        ("12015550123", "US", "national", Phone("+12015550123", "US")),
    ],
)
def test_numbers_says_what_digits_are(raw: str, region: str | None, numbers: Numbers, expected: Phone) -> None:
    assert normalise(raw, region=region, numbers=numbers) == expected


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ("", "empty"),
        (" \u200b ", "empty"),
        ("+", "something other than digits"),
        ("8.21012E+11", "power of ten"),
        ("8,2E+11", "power of ten"),
        ("8E11", "power of ten"),
        ("call me", "something other than digits"),
        ("+1 800 FLOWERS", "something other than digits"),
        ("+82-10-2000-0000 x5", "something other than digits"),
        ("tel:+82-10-2000-0000;ext=5", "something other than digits"),
        ("+821020000000\n+821020000001", "something other than digits"),
        ("+821020000000,+821020000001", "something other than digits"),
        ("+82 10 2000 0000 +82 10 2000 0001", "something other than digits"),
        ("++821020000000", "something other than digits"),
        ("82+1020000000", "something other than digits"),
        ("+82102000000²", "something other than digits"),
        ("123", "too few or too many"),
        ("1" * 18, "too few or too many"),
        ("+0821020000000", "no country"),
        ("000821020000000", "no country"),
        ("+8210200000", "no country"),
        ("+8210200000000", "no country"),
        ("+999123456789", "no country"),
        ("+210123456", "no country"),
        ("+7 8 912 345 67 89", "no country"),  # its trunk prefix is no zero: not certain enough
        ("+65 0 8123 4567", "no country"),  # no trunk prefix at all
        ("+65 (0) 8123 4567 8", "no country"),
        ("+820", "too few or too many"),
        ("+8200", "no country"),
        ("+8550", "no country"),
        ("+82", "too few or too many"),
        ("+82 (0)0", "no country"),
        ("+1234500", "no country"),
        ("+800 1234 5678", "belongs to no country"),
        ("+800 (0)1234 5678", "no country"),
    ],
)
def test_damaged(raw: str, words: str) -> None:
    for region in (None, "KR"):
        found = normalise(raw, region=region)
        assert isinstance(found, Trouble) and found.reason == "invalid_number"
        assert words in found.detail


@pytest.mark.parametrize(
    ("raw", "region", "numbers"),
    [
        ("010-2000-00000", "KR", None),
        ("11111111", "KR", None),
        ("821020000000", "KR", "national"),
        ("011821020000000", "US", None),  # the exit code of North America: neither + nor 00
        ("010-2000-0000", "ZZ", None),
        ("00000", "KR", "national"),
    ],
)
def test_no_flag_would_help(raw: str, region: str, numbers: Numbers | None) -> None:
    found = normalise(raw, region=region, numbers=numbers)
    assert isinstance(found, Trouble) and found.reason == "invalid_number"


def test_a_bracketed_zero_that_may_belong_to_the_number() -> None:
    found = normalise("+225 (0)123456789")
    assert found == Phone("+2250123456789", "CI")  # without it there is no such number
    assert normalise("+39 0390 708 0062") == Phone("+3903907080062", "IT")  # a line
    assert normalise("+39 390 708 0062") == Phone("+393907080062", "IT")  # a mobile
    both = normalise("+39 (0)390 708 0062")
    assert isinstance(both, Trouble) and both.reason == "ambiguous_number" and "(0)" in both.detail


@pytest.mark.parametrize("region", WITH_MOBILES)
def test_every_country_in_every_usual_writing(region: str) -> None:
    number = example_of(region)
    expected = as_parsed(number)
    plain = expected.e164
    assert normalise(plain) == expected
    assert normalise(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)) == expected
    assert normalise("00" + plain[1:]) == expected
    assert normalise(plain[1:], numbers="international") == expected
    national = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
    if not national.startswith("00"):
        assert normalise(national, region=region, numbers="national") == expected
    if national.startswith("0") and not national.startswith("00"):
        assert normalise(national, region=region) == expected


@pytest.mark.parametrize("region", WITH_MOBILES)
def test_a_trunk_zero_is_repaired_or_refused_but_never_changes_a_digit(region: str) -> None:
    number = example_of(region)
    plain = phonenumbers.format_number(number, E164)
    code = str(number.country_code)
    for zero in ("0", "(0)"):
        found = normalise(f"+{code}{zero}{plain[1 + len(code) :]}")
        if isinstance(found, Phone):
            assert found.e164 in (plain, f"+{code}0{plain[1 + len(code) :]}")


@given(st.sampled_from(WITH_MOBILES), st.text("0123456789", min_size=1, max_size=4))
@example("KR", "12")
def test_as_libphonenumber_parses_it(region: str, tail: str) -> None:
    plain = phonenumbers.format_number(example_of(region), E164)
    raw = plain[: -len(tail)] + tail
    parsed = phonenumbers.parse(raw, None)
    assume(phonenumbers.is_valid_number(parsed))
    assert normalise(raw) == as_parsed(parsed)


RAW = st.text(max_size=20) | st.text("+0123456789-() .", max_size=22) | st.from_regex(r"\+?[0-9]{5,15}", fullmatch=True)


@given(
    RAW,
    st.sampled_from([None, "KR", "US", "CN", "SG", "IT", "ZZ"]),
    st.sampled_from([None, "international", "national"]),
)
def test_total_and_idempotent(raw: str, region: str | None, numbers: Numbers | None) -> None:
    found = normalise(raw, region=region, numbers=numbers)
    if isinstance(found, Phone):
        assert normalise(found.e164) == found
        assert normalise(found.e164, region=region, numbers=numbers) == found
        assert found.country in REGIONS
        assert raw not in repr(found) or len(raw) < 3
    else:
        assert not any(map(str.isdigit, found.detail.replace("(0)", "")))


@pytest.mark.parametrize(
    "raw",
    [
        "0212345678",
        " 01012345678 ",
        "02-1234-5678",
        "+82-2-1234-5678",
        "114",
        "1" * 15,
        "Korea",
        "INFO 24",
        "A2345678901",
    ],
)
def test_a_plausible_from_goes_as_given(raw: str) -> None:
    assert check_from(raw) == raw.strip()


@pytest.mark.parametrize(
    "raw",
    [
        *("", " ", "12", "1" * 16, "02 1234 5678", "02--1234", "-0212345678", "0212345678-", "82+2123456", "02.1234"),
        *("A23456789012", "인포뱅크", "INFO!", "８２２", "2²3", "AB\nC", "\ud800"),
    ],
)
def test_no_such_from(raw: str) -> None:
    found = check_from(raw)
    assert isinstance(found, Trouble) and found.reason == "invalid_from"
