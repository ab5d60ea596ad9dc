"""libphonenumber's own examples, whole way to the message: every country's mobile arrives, what is no number never does."""

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from omni_bulk.model import Message, Problem, Recipient
from omni_bulk.phone import REGIONS
from omni_bulk.rules import Composition, compose
from omni_bulk.text import Template

HELLO = Template("Hello", from_="0212345678")
ABROAD = Composition(HELLO, numbers="international")
MOBILES = {
    region: number
    for region in sorted(REGIONS)
    if (number := phonenumbers.example_number_for_type(region, PhoneNumberType.MOBILE)) is not None
}
FULL_WIDTH = str.maketrans("0123456789+", "０１２３４５６７８９＋")


def to_of(raw: str, composition: Composition) -> str | None:
    made = compose(Recipient(raw, 2), composition)
    return made.to if isinstance(made, Message) else None


def test_there_is_an_example_for_nearly_every_region() -> None:
    assert len(MOBILES) >= len(REGIONS) - 5


@pytest.mark.parametrize("region", MOBILES)
def test_a_mobile_of_every_region_in_five_writings_becomes_e164(region: str) -> None:
    number = MOBILES[region]
    e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    international = phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)
    writings = {
        "E.164": e164,
        "00": f"00{e164[1:]}",
        "spaces and dashes": international.replace(" ", "\u00a0").replace("-", "\u2011"),
        "full-width": international.translate(FULL_WIDTH),
        "digits alone": e164[1:],
    }
    assert {name: to_of(raw, ABROAD) for name, raw in writings.items()} == dict.fromkeys(writings, e164)


@pytest.mark.parametrize("region", sorted(REGIONS))
def test_an_invalid_example_of_any_region_is_never_sent(region: str) -> None:
    number = phonenumbers.invalid_example_number(region)
    assert number is not None
    e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    for raw in (e164, f"00{e164[1:]}", phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL), e164[1:]):
        made = compose(Recipient(raw, 2), ABROAD)
        assert isinstance(made, Problem) and made.reason == "invalid_number"


@given(st.from_regex("[1-9][0-9]{3,16}", fullmatch=True), st.sampled_from([None, *sorted(REGIONS)]))
def test_digits_alone_are_never_sent_on_a_guess(digits: str, region: str | None) -> None:
    made = compose(Recipient(digits, 2), Composition(HELLO, region=region))
    assert isinstance(made, Problem)
    assert made.reason in {"ambiguous_number", "invalid_number"}
    if made.reason == "ambiguous_number":
        assert "--numbers" in made.detail


TYPES: dict[int, str] = {
    PhoneNumberType.MOBILE: "mobile",
    PhoneNumberType.FIXED_LINE_OR_MOBILE: "mobile",
    PhoneNumberType.FIXED_LINE: "fixed_line",
    PhoneNumberType.PREMIUM_RATE: "premium_rate",
}


@pytest.mark.parametrize("kind", PhoneNumberType.values())
def test_what_kind_of_line_it_is_as_libphonenumber_says(kind: int) -> None:
    for region in sorted(REGIONS):
        number = phonenumbers.example_number_for_type(region, kind)
        if number is None:
            continue
        made = compose(Recipient(phonenumbers.format_number(number, PhoneNumberFormat.E164), 2), ABROAD)
        line = TYPES.get(phonenumbers.number_type(number), "other_line")
        assert isinstance(made, Message)
        assert made.warnings == (() if line == "mobile" else (line,)), region
        only = Composition(HELLO, only_mobile=True)
        skipped = compose(Recipient(phonenumbers.format_number(number, PhoneNumberFormat.E164), 2), only)
        if line == "mobile":
            assert isinstance(skipped, Message)
        else:
            assert isinstance(skipped, Problem)
            assert (skipped.status, skipped.reason) == ("skipped", "not_mobile")


@given(st.from_regex(r"\+[1-9][0-9]{5,14}", fullmatch=True))
def test_valid_is_what_libphonenumber_calls_valid(raw: str) -> None:
    number = phonenumbers.PhoneNumber()
    try:
        number = phonenumbers.parse(raw, None)
    except phonenumbers.NumberParseException:
        assert to_of(raw, Composition(HELLO)) is None
        return
    if phonenumbers.is_valid_number(number) and phonenumbers.region_code_for_number(number) != "001":
        e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
        # What is written otherwise (+1 1 201 …, with a trunk prefix that is no zero) is repaired or refused.
        assert to_of(raw, Composition(HELLO)) in ({e164} if raw == e164 else {e164, None})
