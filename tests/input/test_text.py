"""Templates, and counting as 3GPP TS 23.038 does."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from omni_bulk import records
from omni_bulk.errors import SettingsError
from omni_bulk.text import MissingField, Segmentation, Template, TemplateError, _key, parts, segment

BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENDED = "\f^{}\\[~]|€"
TEXTS = st.text(max_size=700) | st.text(BASIC + EXTENDED, max_size=700) | st.text("가😀a", max_size=400)


def by_hand(text: str) -> tuple[str, int, list[int]]:
    """Encoding, units and units of each part, one character at a time."""
    gsm = all(char in BASIC + EXTENDED for char in text)
    costs = [2 if char in EXTENDED else 1 for char in text] if gsm else [1 + (ord(char) > 0xFFFF) for char in text]
    single, room = (160, 153) if gsm else (70, 67)
    if sum(costs) <= single:
        return "GSM-7" if gsm else "UCS-2", sum(costs), [sum(costs)]
    filled = [0]
    for cost in costs:
        if filled[-1] + cost > room:
            filled.append(0)
        filled[-1] += cost
    return "GSM-7" if gsm else "UCS-2", sum(costs), filled


class TestSegment:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("", ("GSM-7", 0, 1)),
            ("a" * 160, ("GSM-7", 160, 1)),
            ("a" * 161, ("GSM-7", 161, 2)),
            ("a" * 306, ("GSM-7", 306, 2)),
            ("a" * 307, ("GSM-7", 307, 3)),
            ("a" * 765, ("GSM-7", 765, 5)),
            ("a" * 766, ("GSM-7", 766, 6)),
            ("€" * 80, ("GSM-7", 160, 1)),
            ("€" * 81, ("GSM-7", 162, 2)),
            ("€" * 152, ("GSM-7", 304, 2)),  # 76 a part: an escape is not split, so 153 hold only 152
            ("€" * 153, ("GSM-7", 306, 3)),  # though 306 septets would be two parts
            ("a" * 152 + "€" + "a" * 151, ("GSM-7", 305, 2)),
            ("a" * 152 + "€" + "a" * 152, ("GSM-7", 306, 3)),
            ("가" * 70, ("UCS-2", 70, 1)),
            ("가" * 71, ("UCS-2", 71, 2)),
            ("가" * 134, ("UCS-2", 134, 2)),
            ("가" * 135, ("UCS-2", 135, 3)),
            ("가" * 335, ("UCS-2", 335, 5)),
            ("😀" * 35, ("UCS-2", 70, 1)),
            ("😀" * 36, ("UCS-2", 72, 2)),
            ("😀" * 67, ("UCS-2", 134, 3)),  # 33 a part
            ("a" * 66 + "😀" + "a" * 66, ("UCS-2", 134, 3)),
            ("ç", ("UCS-2", 1, 1)),  # the alphabet has Ç only
            ("Ç", ("GSM-7", 1, 1)),
            ("a\tb", ("UCS-2", 3, 1)),
            ("`", ("UCS-2", 1, 1)),
            ("\x1b", ("UCS-2", 1, 1)),
            ("\ud800", ("UCS-2", 1, 1)),
        ],
    )
    def test_boundaries(self, text: str, expected: tuple[str, int, int]) -> None:
        assert segment(text) == Segmentation(*expected)  # type: ignore[arg-type]
        assert len(parts(text)) == expected[2]

    def test_the_alphabet_has_127_characters_and_the_extension_ten(self) -> None:
        assert len(set(BASIC)) == 127 and len(set(EXTENDED)) == 10
        assert all(segment(char) == ("GSM-7", 1, 1) for char in BASIC)
        assert all(segment(char) == ("GSM-7", 2, 1) for char in EXTENDED)
        others = (chr(code) for code in range(0x500) if chr(code) not in BASIC + EXTENDED)
        assert all(segment(char).encoding == "UCS-2" for char in others)

    @given(TEXTS)
    @example("€" * 400)
    @example("a" + "😀" * 200)
    @example("a" * 151 + "€" * 3 + "a" * 300 + "€")
    def test_as_counted_by_hand(self, text: str) -> None:
        encoding, units, filled = by_hand(text)
        assert segment(text) == (encoding, units, len(filled))
        pieces = parts(text)
        assert [by_hand(piece)[1] for piece in pieces if encoding == "GSM-7"] == (filled if encoding == "GSM-7" else [])
        assert "".join(pieces) == text
        assert len(pieces) == segment(text).segments
        if encoding == "UCS-2":
            octets = [len(piece.encode("utf-16-be")) for piece in pieces]
            assert [count // 2 for count in octets] == filled
            assert max(octets) + (6 if len(pieces) > 1 else 0) <= 140
        else:
            assert all(septets * 7 <= (134 if len(pieces) > 1 else 140) * 8 for septets in filled)


class TestTemplate:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("plain", "plain"),
            ("", ""),
            ("{name}", "Kim"),
            ("{name}{name}", "KimKim"),
            ("{{name}}", "{name}"),
            ("{{{name}}}", "{Kim}"),
            ("{Name} {NAME}", "Kim Kim"),
            ("{order_no}|{OrderNo}", "A-1|A-1"),
            ("{이름}님", "하늘님"),
            (unicodedata.normalize("NFD", "{이름}"), "하늘"),
            ("{nick|friend}", "friend"),
            ("{blank|friend}", "friend"),
            ("{gone|}", ""),
            ("{gone|a|b}", "a|b"),
            ("{gone|a b!}", "a b!"),
            ("{name|friend}", "Kim"),
            ("{sly}", "{name} {{ %s"),
            ("{padded}", " Kim "),
            ("{ชื่อ}", "สมชาย"),
            ("{2}", "two"),
        ],
    )
    def test_render(self, text: str, expected: str) -> None:
        fields = {"name": "Kim", "Order No.": "A-1", "이름": "하늘", "blank": " \t", "sly": "{name} {{ %s"}
        fields |= {"padded": " Kim ", "ชื่อ": "สมชาย", "2": "two"}
        assert Template(text).render(fields) == expected

    @pytest.mark.parametrize("fields", [{}, {"name": ""}, {"name": " "}, {"surname": "Kim"}])
    def test_a_field_without_value_is_named(self, fields: dict[str, str]) -> None:
        assert Template("{a|} {name} {b}").render(fields) == MissingField("name")

    def test_the_header_found_by_once_may_be_gone_later(self) -> None:
        template = Template("{name}")
        assert template.render({"NAME": "Kim"}) == "Kim"
        assert template.render({"Name": "Lee"}) == "Lee"
        assert template.render({"name": "Park", "NAME": "Choi"}) == "Park"
        assert template.render({}) == MissingField("name")

    def test_what_it_needs(self) -> None:
        template = Template("{b} {a|x} {b} {c|} {a}", from_="021234567")
        assert template.fields == ("b", "a", "c")
        assert template.required == ("b", "a")
        assert template.from_ == "021234567"
        assert template == Template(template.text, "021234567") != Template(template.text)

    def test_no_text_in_a_repr(self) -> None:
        assert "secret" not in repr(Template("secret {x|hidden}", "0212345678"))

    @pytest.mark.parametrize(
        ("text", "position", "words"),
        [
            ("{", 1, "never closed"),
            ("ab{name", 3, "never closed"),
            ("}", 1, "stray }"),
            ("name}", 5, "stray }"),
            ("{{name}", 7, "stray }"),
            ("{a{b}}", 1, "never closed"),
            ("{a|{b}}", 1, "never closed"),
            ("{}", 1, "without a name"),
            ("{|x}", 1, "without a name"),
            ("{a b}", 1, "letters, digits and _"),
            ("{ a }", 1, "letters, digits and _"),
            ("{a.b}", 1, "letters, digits and _"),
            ("{a[0]}", 1, "letters, digits and _"),
            ("{a!r}", 1, "letters, digits and _"),
            ("x{text: .2f}", 2, "letters, digits and _"),
            ("{_}", 1, "letters, digits and _"),
            ("{a\n}", 1, "letters, digits and _"),
        ],
    )
    def test_malformed(self, text: str, position: int, words: str) -> None:
        with pytest.raises(TemplateError, match=words.replace("}", r"\}")) as caught:
            Template(text)
        assert isinstance(caught.value, SettingsError)
        assert caught.value.position == position
        assert caught.value.problems == (str(caught.value),)
        assert str(caught.value).startswith(f"At character {position} the template ")
        assert str(caught.value).endswith(".")

    @given(st.text(), st.dictionaries(st.text(), st.text()))
    @example("{a} {b|c} {{", {"A ": "{b}"})
    def test_it_is_refused_or_renders(self, text: str, fields: dict[str, str]) -> None:
        try:
            rendered = Template(text).render(fields)
        except TemplateError as error:
            rendered = text[error.position - 1]  # that there is one
        assert isinstance(rendered, str | MissingField)

    @given(st.text())
    def test_literal_text_comes_back(self, text: str) -> None:
        assert Template(text.replace("{", "{{").replace("}", "}}")).render({}) == text

    @given(st.text())
    def test_a_value_is_not_expanded(self, value: str) -> None:
        expected = value if value.strip() else "x"
        assert Template("<{v|x}>").render({"v": value, "name": "Kim"}) == f"<{expected}>"

    @given(st.text())
    @example("Order No.")
    @example("ชื่อ")
    def test_names_are_compared_as_columns_are(self, name: str) -> None:
        assert _key(name) == records.key(name)
