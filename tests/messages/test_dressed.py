"""What is done to a text only when asked, and what is said of one that looks wrong."""

import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omni_bulk.errors import SettingsError
from omni_bulk.model import Message, Problem, Recipient, Status
from omni_bulk.rules import Composition, compose
from omni_bulk.tables import replacements
from omni_bulk.text import Replacements, Template, parts, segment

TABLE = replacements()
SEOUL = "+82212345678"


def made(
    text: str | None = None, to: str = "+821020000000", template: str = "{name}", **fields: Any
) -> Message | Problem:
    known = {"name": fields.pop("name", "Kim")}
    return compose(Recipient(to, 2, text=text, fields=known), Composition(Template(template), "0212345678", **fields))


def message(text: str | None = None, **fields: Any) -> Message:
    found = made(text, **fields)
    assert isinstance(found, Message)
    return found


class TestGsm7:
    @pytest.mark.parametrize(
        ("text", "plain"),
        [
            ("“It’s” – here…", '"It\'s" - here...'),
            ("a\u00a0b\tc\u200bd", "a b cd"),
            ("Nguyễn João Łódź Ğ ǎ", "Nguyen Joao Lodz G a"),
            ("cafe\u0301 a\u0303", "café a"),  # é is in the alphabet, ã is not
            ("• 5 × 3 ½ № 7™", "* 5 x 3 1/2 No. 7TM"),
        ],
    )
    def test_the_whole_text_becomes_gsm7(self, text: str, plain: str) -> None:
        found = message(text, gsm7=TABLE)
        assert (found.text, found.encoding, found.warnings) == (plain, "GSM-7", ("gsm7_replaced",))
        assert set(found.replaced) == {char for char in text if segment(char).encoding == "UCS-2"}
        assert message(text).text == text  # never unasked

    @pytest.mark.parametrize("text", ["“안녕”", "“Привет”", "it’s 😀", "plain", "naïve ₩5"])
    def test_or_not_a_letter_changes(self, text: str) -> None:
        found = message(text, gsm7=TABLE)
        assert (found.text, found.replaced) == (text, "")
        assert "gsm7_replaced" not in found.warnings

    def test_what_is_left_is_checked(self) -> None:
        found = made("\u200b", gsm7=TABLE)
        assert isinstance(found, Problem) and found.reason == "empty_text"
        longer = made("…" * 300, gsm7=TABLE)
        assert isinstance(longer, Problem) and longer.reason == "text_too_long"

    @given(st.text(max_size=200) | st.text("“”’…ãễłé\u0301 aé€", max_size=200))
    def test_plain_is_gsm7_and_stays(self, text: str) -> None:
        found = TABLE.plain(text)
        if found is None:
            assert segment(text).encoding == "GSM-7" or TABLE.incurable(text)
        else:
            assert segment(found[0]).encoding == "GSM-7" and found[1]
            assert TABLE.plain(found[0]) is None
            assert not TABLE.incurable(text)

    @pytest.mark.parametrize("table", [{"a": "b"}, {"ab": "c"}, {"…": "‥"}, {"€": "E"}])
    def test_a_table_that_cannot_be(self, table: dict[str, str]) -> None:
        with pytest.raises(ValueError, match="cannot be replaced"):
            Replacements(table)


class TestNormalForm:
    APART = unicodedata.normalize("NFD", "김하늘님 안녕하세요")

    def test_it_is_a_choice(self) -> None:
        as_it_is = message(self.APART)
        assert as_it_is.text == self.APART and as_it_is.warnings == ("decomposed_text",)
        joined = message(self.APART, normalize="NFC")
        assert joined.text == "김하늘님 안녕하세요" and joined.warnings == ()
        assert message("ＡＢ①", normalize="NFKC").text == "AB1"

    @pytest.mark.parametrize("text", ["\u0958", "\uf900", "ไทย", "é"])
    def test_what_only_looks_like_it(self, text: str) -> None:
        assert message(text).warnings == ()


class TestBraces:
    @pytest.mark.parametrize("text", ["Hi {name}", "#{이름}님", "{{x", "x}}"])
    def test_in_a_rows_own_text(self, text: str) -> None:
        assert message(text).warnings == ("unreplaced_braces",)
        assert message(text).text == text

    def test_in_a_value(self) -> None:
        assert message(name="{first}").warnings == ("unreplaced_braces",)

    @pytest.mark.parametrize("text", ["{", "a } b", "plain"])
    def test_no_such_braces(self, text: str) -> None:
        assert message(text).warnings == ()

    def test_meant_by_the_template(self) -> None:
        assert message(template="{{name}} {name}").warnings == ()
        assert message(template="{name} {{x}}").warnings == ()


class TestStrict:
    @pytest.mark.parametrize(
        ("fields", "reason", "status"),
        [
            ({"to": SEOUL}, "not_mobile", Status.SKIPPED),
            ({"text": "{x}"}, "unreplaced_braces", Status.INVALID),
            ({"text": TestNormalForm.APART}, "decomposed_text", Status.INVALID),
        ],
    )
    def test_warnings_block(self, fields: dict[str, Any], reason: str, status: Status) -> None:
        found = made(**fields, strict=True)
        assert isinstance(found, Problem)
        assert (found.reason, found.status) == (reason, status)
        warned = message(**fields).warnings[0]
        assert message(**fields, strict=True, allow=frozenset({warned})).warnings == ()
        assert message(**fields, strict=True, allow=frozenset({f"KR.{warned}"})).warnings == ()

    def test_what_was_asked_for_does_not(self) -> None:
        assert message("it’s", gsm7=TABLE, strict=True).warnings == ("gsm7_replaced",)


def test_only_mobile_names_what_it_leaves_out() -> None:
    for to, word in ((SEOUL, "landline"), ("+44 909 879 0000", "premium"), ("+44 800 123 4567", "freephone")):
        found = made(to=to, only_mobile=True)
        assert isinstance(found, Problem) and word in found.detail


def test_choices_that_are_none() -> None:
    with pytest.raises(SettingsError) as caught:
        made("x", purpose="fun", normalize="NFD", signature="")
    assert [problem.split()[0] for problem in caught.value.problems] == ["--purpose", "--normalize", "--signature"]


@given(
    st.text(max_size=500) | st.text("“é가😀{}€ \n", max_size=400), st.booleans(), st.sampled_from([None, "NFC", "NFKC"])
)
def test_parts_of_what_is_sent_join_to_it_and_fit(text: str, gsm7: bool, normalize: Any) -> None:
    found = made(text, template="x", gsm7=TABLE if gsm7 else None, normalize=normalize)
    if isinstance(found, Message):
        pieces = parts(found.text)
        assert "".join(pieces) == found.text
        assert len(pieces) == found.segments
        room = 140 - (6 if len(pieces) > 1 else 0)
        for piece in pieces:
            units = segment(piece).units if found.encoding == "GSM-7" else len(piece.encode("utf-16-be")) // 2
            assert (-(-units * 7 // 8) if found.encoding == "GSM-7" else units * 2) <= room
