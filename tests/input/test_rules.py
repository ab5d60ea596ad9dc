"""From a row to a message or to the reason why there is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omni_bulk.errors import SettingsError
from omni_bulk.model import Message, Problem, Recipient, Status
from omni_bulk.records import ROW_PROBLEMS
from omni_bulk.rules import Composition, compose
from omni_bulk.text import Template

NUMBER = "+82 10-2000-0000"
E164 = "+821020000000"
PLAIN = Composition(template=Template("{name}, hello", from_="0212345678"))


def row(
    to: str = NUMBER, ref: str | None = "r-1", text: str | None = None, from_: str | None = None, **fields: str
) -> Recipient:
    return Recipient(to, 7, ref, text, from_, {"name": "Kim"} | fields)


def test_a_message() -> None:
    assert compose(row(), PLAIN) == Message(E164, "0212345678", "Kim, hello", "KR", "GSM-7", 1, 7, "r-1")
    korean = compose(row(text="안녕하세요 {name}"), PLAIN)
    assert korean == Message(
        E164, "0212345678", "안녕하세요 {name}", "KR", "UCS-2", 1, 7, "r-1", ("unreplaced_braces",)
    )  # its own text: no template


def test_the_nearest_from_counts() -> None:
    both = Composition(template=PLAIN.template, from_="15880000")
    assert [compose(row(from_=own), both).from_ for own in (" INFO ", " ", None)] == ["INFO", "15880000", "15880000"]
    assert compose(row(), PLAIN).from_ == "0212345678"


@pytest.mark.parametrize("blank", [None, "", " \t"])
def test_blank_is_absent(blank: str | None) -> None:
    found = compose(row(ref=blank, text=blank, from_=blank), PLAIN)
    assert found == Message(E164, "0212345678", "Kim, hello", "KR", "GSM-7", 1, 7, None)


@pytest.mark.parametrize("text", ["tab\there", "two\r\nlines", "a\u00a0b", "\u200b.", "\ufffc", "😀"])
def test_characters_that_may_be_sent(text: str) -> None:
    found = compose(row(text=text), PLAIN)
    assert isinstance(found, Message) and found.text == text


KNOWS_NUMBER = {"to": E164, "country": "KR"}
KNOWS_FROM = KNOWS_NUMBER | {"from_": "0212345678"}


@pytest.mark.parametrize(
    ("recipient", "composition", "reason", "known"),
    [
        (row("8.2E+11"), PLAIN, "invalid_number", {}),
        (row("010-2000-0000"), PLAIN, "ambiguous_number", {}),
        (row(name=""), PLAIN, "missing_field", KNOWS_FROM),
        (row(text=" "), Composition(from_="0212345678"), "empty_text", KNOWS_FROM),
        (row(), Composition(Template(" {x|} \n"), "0212345678"), "empty_text", KNOWS_FROM),
        (row(text="a" * 766), PLAIN, "text_too_long", KNOWS_FROM),
        (row(text="가" * 336), PLAIN, "text_too_long", KNOWS_FROM),
        (row(text="a" * 91), Composition(from_="0212345678", text_max=90), "text_too_long", KNOWS_FROM),
        (row(), Composition(Template("x")), "missing_from", KNOWS_NUMBER),
        (row(), Composition(Template("x"), from_="?"), "invalid_from", KNOWS_NUMBER),
        (row(from_="02 12"), PLAIN, "invalid_from", KNOWS_NUMBER),
        (row(text="nul \0"), PLAIN, "bad_character", KNOWS_FROM),
        (row(name="\x1b"), PLAIN, "bad_character", KNOWS_FROM),
        (row(text="\x7f"), PLAIN, "bad_character", KNOWS_FROM),
        (row(text="\x85"), PLAIN, "empty_text", KNOWS_FROM),  # white space to Unicode, so blank, and Kim would be next
        (row(text="x\x85"), PLAIN, "bad_character", KNOWS_FROM),
        (row(text="half \ud800"), PLAIN, "bad_character", KNOWS_FROM),
        (row(text="garbled \ufffd"), PLAIN, "bad_character", KNOWS_FROM),
    ],
)
def test_reasons(recipient: Recipient, composition: Composition, reason: str, known: dict[str, str]) -> None:
    if recipient.text == "\x85":
        composition = Composition(from_="0212345678")
    found = compose(recipient, composition)
    assert isinstance(found, Problem)
    assert (found.status, found.reason, found.row, found.ref) == (Status.INVALID, reason, 7, "r-1")
    assert {name: getattr(found, name) for name in ("to", "country", "from_") if getattr(found, name)} == known
    assert found.identity == recipient.to.strip()
    assert found.detail
    assert "Kim" not in found.detail and "2000" not in found.detail.replace("2000 characters", "")


def test_a_country_outside_the_list_is_skipped() -> None:
    assert isinstance(compose(row(), Composition(PLAIN.template, countries=frozenset({"KR"}))), Message)
    found = compose(row(), Composition(PLAIN.template, countries=frozenset({"JP", "CN"})))
    assert isinstance(found, Problem)
    assert (found.status, found.reason, found.to, found.country) == (Status.SKIPPED, "country_rule", E164, "KR")
    assert "--countries" in found.detail


@pytest.mark.parametrize("problem", [*ROW_PROBLEMS, "of_another_reader"])
def test_the_readers_word_is_passed_on(problem: str) -> None:
    found = compose(Recipient(f" {NUMBER} ", 9, "r-2", problem=problem), PLAIN)
    assert found == Problem(Status.INVALID, problem, ROW_PROBLEMS.get(problem, ""), 9, "r-2", identity=NUMBER)


@pytest.mark.parametrize("ref", ["x" * 191, "order~2", "a\nb", "\ud800"])
def test_a_ref_that_cannot_be_sent(ref: str) -> None:
    found = compose(row(ref=ref), PLAIN)
    assert isinstance(found, Problem)
    assert (found.reason, found.ref, found.identity) == ("invalid_ref", None, NUMBER)


def test_rows_without_a_number_are_not_alike() -> None:
    found = [compose(Recipient(" ", number), PLAIN) for number in (2, 3)]
    assert [problem.identity for problem in found if isinstance(problem, Problem)] == ["row 2", "row 3"]


def test_no_number_or_text_in_a_repr() -> None:
    shown = repr(compose(row(), PLAIN)) + repr(compose(row(text="Kim\0"), PLAIN)) + repr(compose(row("Kim"), PLAIN))
    assert "2000" not in shown and "Kim" not in shown


def test_settings_that_cannot_be_are_reported_together() -> None:
    with pytest.raises(SettingsError) as caught:
        Composition(region="korea", numbers="both", countries=frozenset({"KR", "kr", "XX"}))  # type: ignore[arg-type]
    assert caught.value.problems == (
        "--region is not a country code: use two capital letters such as KR (ISO 3166).",
        "--numbers is neither international nor national.",
        "--countries has what is no country code: XX, kr (ISO 3166, such as KR,JP).",
    )
    with pytest.raises(SettingsError, match="--numbers national needs --region CC"):
        Composition(numbers="national")


ANY = st.text(st.characters(), max_size=30)  # with lone surrogates


@given(ANY | st.just(NUMBER), st.none() | ANY, st.none() | ANY, st.none() | ANY, st.dictionaries(ANY, ANY, max_size=3))
def test_total(to: str, ref: str | None, text: str | None, from_: str | None, fields: dict[str, str]) -> None:
    found = compose(Recipient(to, 3, ref, text, from_, fields), PLAIN)
    if isinstance(found, Message):
        found.text.encode()
        (found.ref or "").encode()
        assert 1 <= found.segments <= 5
    else:
        found.identity.encode()
        assert found.identity and found.reason
