"""How a recipient is known again, and that what goes out gives no number away."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from omni_bulk.identity import Identities, identity_of_own_ref, own_ref
from omni_bulk.model import Entry
from omni_bulk.records import usable_ref
from tests.pure.made import NUMBER, message, problem

KEY, OTHER_KEY = bytes(range(32)), bytes(32)
OCTOBER = Identities(KEY, "11111111-1111-4111-8111-111111111111")
NOVEMBER = Identities(KEY, "22222222-2222-4222-8222-222222222222")
ELSEWHERE = Identities(OTHER_KEY, "11111111-1111-4111-8111-111111111111")
ANY_TEXT = st.text(st.characters(codec=None), max_size=30)  # half surrogate pairs too


@given(st.binary(min_size=16, max_size=16))
@example(bytes(16))
@example(b"\xff" * 16)
def test_an_own_ref_leads_back_to_its_identity(identity: bytes) -> None:
    ref = own_ref(identity)
    assert identity_of_own_ref(ref) == identity
    assert usable_ref(ref)


@pytest.mark.parametrize(
    "ref",
    [
        "",
        "ob-",
        "order-1",
        "ob-" + "a" * 25,
        "ob-" + "a" * 27,
        "ob-" + "a" * 25 + "1",
        "ob-" + "A" * 26,
        "OB-" + "a" * 26,
        " ob-" + "a" * 26,
        "ob-" + "a" * 26 + "\n",
        "ob-" + "a" * 25 + "b",  # decodes like the one that ends in a
    ],
)
def test_a_ref_of_somebody_else_has_no_identity(ref: str) -> None:
    assert identity_of_own_ref(ref) is None


@given(st.text("abcdefghijklmnopqrstuvwxyz234567", min_size=26, max_size=26).map("ob-".__add__))
def test_a_ref_either_is_the_own_ref_of_its_identity_or_has_none(ref: str) -> None:
    identity = identity_of_own_ref(ref)
    assert identity is None or own_ref(identity) == ref


@given(ANY_TEXT)
def test_digests_are_of_fixed_length_and_need_the_key_and_the_campaign(text: str) -> None:
    for name, size in (("of_number", 16), ("of_ref", 16), ("digest", 8)):
        here, later, there = (getattr(scope, name)(text) for scope in (OCTOBER, NOVEMBER, ELSEWHERE))
        assert len(here) == size
        assert len({here, later, there}) == 3
        assert here == getattr(Identities(KEY, "11111111-1111-4111-8111-111111111111"), name)(text)


def test_a_number_that_is_also_a_ref_is_two_identities() -> None:
    identity = OCTOBER.of_number(NUMBER)
    assert len({identity, OCTOBER.of_ref(NUMBER), OCTOBER.of_repeat(identity, 0), OCTOBER.of_repeat(identity, 1)}) == 4


@given(st.from_regex(r"\+[1-9][0-9]{7,14}", fullmatch=True))
def test_what_stands_for_a_number_does_not_contain_it(number: str) -> None:
    made = OCTOBER.entry(message(to=number))
    assert number.strip("+") not in made.ref
    assert all(
        number.strip("+").encode() not in part
        for part in (made.identity, made.digest, made.number_digest, made.text_digest)
    )


def keys(made: Entry) -> tuple[bytes, bytes, bytes]:
    return made.digest, made.number_digest, made.text_digest


def test_a_ref_identifies_a_row_whatever_else_it_holds() -> None:
    one, two = (OCTOBER.entry(message(text, to=to, ref="r1")) for text, to in (("a", NUMBER), ("b", "+821000000002")))
    assert (one.identity, one.ref) == (two.identity, two.ref) == (OCTOBER.of_ref("r1"), "r1")
    assert all(here != there for here, there in zip(keys(one), keys(two), strict=True))


def test_without_a_ref_the_number_identifies_a_row() -> None:
    one, two = (OCTOBER.entry(message(text)) for text in ("a", "b"))
    assert one.identity == two.identity == OCTOBER.of_number(NUMBER)
    assert one.ref == two.ref == own_ref(one.identity)
    assert one.number_digest == two.number_digest
    assert one.text_digest != two.text_digest


def test_the_from_is_part_of_the_whole_digest_alone() -> None:
    one, two = (OCTOBER.entry(message(from_=from_)) for from_ in ("0200000001", "0200000002"))
    assert keys(one)[0] != keys(two)[0]
    assert keys(one)[1:] == keys(two)[1:]


def test_a_row_that_is_not_sent_is_known_by_its_number_else_by_its_cell() -> None:
    assert OCTOBER.entry(problem()).identity == OCTOBER.of_number(NUMBER)
    assert OCTOBER.entry(problem(to=None, cell="ten digits")).identity == OCTOBER.of_number("ten digits")
    assert OCTOBER.entry(problem(to=None, ref="r1")).identity == OCTOBER.of_ref("r1")
    assert keys(OCTOBER.entry(problem())) == (b"", b"", b"")
