"""Which column is what, and rows made recipients."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omni_bulk.errors import InputError
from omni_bulk.model import Recipient
from omni_bulk.records import ALIASES, ROW_PROBLEMS, Columns, Shapes, key, usable_ref


def roles(*header: str, **mapping: str) -> dict[str, str]:
    columns = Columns.of(header, mapping)
    places = {"to": columns.to, "from": columns.from_, "text": columns.text, "ref": columns.ref}
    return {role: columns.names[place] for role, place in places.items() if place is not None}


class TestNames:
    def test_no_alias_stands_for_two_roles_and_each_is_as_compared(self) -> None:
        aliases = [alias for names in ALIASES.values() for alias in names]
        assert not [alias for alias, count in Counter(aliases).items() if count > 1]
        assert [key(alias) for alias in aliases] == aliases

    @pytest.mark.parametrize(
        "name",
        [
            *("to", "TO", " To ", "Phone", "Phone Number", "phone_number", "PHONE-NUMBER", "ｐｈｏｎｅ", "Mobile No."),
            *(
                "cell",
                "MSISDN",
                "tel",
                "recipient",
                "number",
                "수신번호",
                "수신 번호",
                "[수신번호]",
                "전화번호",
                "휴대폰",
            ),
            *("휴대전화", "휴대폰번호", "핸드폰", "연락처", "수신자번호", "\ufeffto", "“to”", "to\u200b"),
            *(
                "고객 휴대폰번호",
                "수취인연락처1",
                "받는분 전화번호",
                "회원휴대폰",
                "휴대폰번호(필수)",
                "휴대폰1",
                "폰번호",
                "받는 분",
            ),
        ],
    )
    def test_the_number(self, name: str) -> None:
        assert roles("x", name) == {"to": name.strip()}

    def test_of_two_that_could_be_the_number_the_surer_is_taken_and_told(self) -> None:
        header = ("구매자명", "구매자연락처", "수취인명", "수취인연락처1", "받는분")
        columns = Columns.of(header)
        assert columns.names[columns.to or 0] == "수취인연락처1"
        assert columns.notes == (
            '\'to\' is read from "수취인연락처1", not from "구매자연락처", "받는분": --map COLUMN=to changes that.',
        )

    @pytest.mark.parametrize(
        ("role", "names"),
        [
            ("from", ["from", "From Number", "originator", "발신번호", "회신번호"]),
            ("text", ["text", "Message", "content", "body", "내용", "메시지", "문자 내용"]),
            ("ref", ["ref", "REF.", "reference", "참조", "참조키", "고유번호"]),
        ],
    )
    def test_the_other_roles(self, role: str, names: list[str]) -> None:
        for name in names:
            assert roles("to", name) == {"to": "to", role: name}

    @pytest.mark.parametrize("name", ["id", "no", "번호", "name", "이름", "order_no", "date", "city", "", "*"])
    def test_what_is_only_a_field(self, name: str) -> None:
        assert roles("to", name) == {"to": "to"}

    def test_names_fall_together_by_case_space_and_punctuation_only(self) -> None:
        assert key(" Order-No. ") == key("order_no") == key("ＯＲＤＥＲ　ＮＯ") == "orderno"
        assert key("STRASSE") == key("straße")
        assert key("ชื่อ") != key("ชอ")


class TestColumns:
    def test_the_surest_name_counts_and_the_choice_is_told(self) -> None:
        columns = Columns.of(["recipient", "Tel", "phone", "text"])
        assert columns.to == 2
        assert columns.notes == (
            '\'to\' is read from "phone", not from "Tel", "recipient": --map COLUMN=to changes that.',
        )
        assert columns.fields == {"recipient": 0, "Tel": 1, "phone": 2, "text": 3}

    def test_map_goes_before_the_names(self) -> None:
        assert roles("phone", "Tel 2", tel2="to") == {"to": "Tel 2"}
        assert roles("to", "from", "message", From="departure", message="memo") == {"to": "to"}
        columns = Columns.of(["to", "고객 명"], {"고객명": " name "})
        assert columns.fields == {"to": 0, "고객 명": 1, "name": 1}
        assert not columns.notes

    def test_map_finds_the_exact_name_among_alike_ones(self) -> None:
        assert Columns.of(["to", "a b", "A B"], {"A B": "x"}).fields["x"] == 2

    @pytest.mark.parametrize(
        ("header", "mapping", "sentence"),
        [
            (
                ["name", "city"],
                {},
                'No column is known to hold the number among "name", "city": call it to, phone or 수신번호, or say --map COLUMN=to.',
            ),
            (
                ["+82 10-2000-0000", "Kim"],
                {},
                "The first line is not a header but looks like a row: put one above it, such as to,name.",
            ),
            (["to", "To", "x"], {}, 'Two columns are called "to": rename one of them, or say --map COLUMN=FIELD.'),
            (["to", "ref", "REF"], {}, 'Two columns are called "ref": rename one of them, or say --map COLUMN=FIELD.'),
            (
                ["to", "text", "text"],
                {},
                'Two columns are called "text": rename one of them, or say --map COLUMN=FIELD.',
            ),
            (["to", "x"], {"y": "ref"}, '--map names a column "y" that the list does not have: "to", "x".'),
            (["to", "x", "X."], {"x ": "ref"}, '--map names "x", and two columns are called so: rename one of them.'),
            (
                ["to", "x"],
                {"x": " "},
                "--map COLUMN=FIELD needs a field each time, and a different one: to, from, text, ref or a name.",
            ),
            (
                ["a", "b"],
                {"a": "to", "b": "to"},
                "--map COLUMN=FIELD needs a field each time, and a different one: to, from, text, ref or a name.",
            ),
        ],
    )
    def test_sentences(self, header: list[str], mapping: dict[str, str], sentence: str) -> None:
        with pytest.raises(InputError) as caught:
            Columns.of(header, mapping)
        assert str(caught.value) == sentence

    def test_a_sentence_stays_readable(self) -> None:
        with pytest.raises(InputError) as caught:
            Columns.of(["line\nbreak " + "x" * 99, *map(str, range(20))])
        assert '"line break ' + "x" * 28 + '…", "0"' in str(caught.value)
        assert '"10" and 9 more: call' in str(caught.value)

    def test_other_columns_of_one_name_are_told(self) -> None:
        columns = Columns.of(["to", "", "Name", "name", "name", " "])
        assert columns.notes == ('Two columns are called "name": a template reads the first.',) * 2
        assert columns.recipient(["+1", "", "a", "b", "c", "-"], 2).fields == {"to": "+1", "Name": "a", "name": "b"}

    def test_what_a_template_lacks(self) -> None:
        columns = Columns.of(["to", "Order No"], {"to": "to"})
        assert columns.lacks(["order_no", "Order No", "name", "to"]) == ("name",)


class TestRow:
    columns = Columns.of(["to", "ref", "text", "from", "name", ""])

    def test_whole(self) -> None:
        found = self.columns.recipient([" +1 ", " a ", " hi ", " 02 ", " Kim ", "-"], 5)
        fields = {"to": " +1 ", "ref": " a ", "text": " hi ", "from": " 02 ", "name": " Kim "}
        assert found == Recipient(" +1 ", 5, "a", " hi ", "02", fields)

    def test_missing_cells_are_empty(self) -> None:
        assert self.columns.recipient(["+1"], 2) == Recipient(
            "+1", 2, fields=dict.fromkeys(["ref", "text", "from", "name"], "") | {"to": "+1"}
        )
        assert Columns.of(["name", "to"]).recipient([], 2).to == ""

    def test_blank_is_absent(self) -> None:
        found = self.columns.recipient(["+1", " ", "\t", " ", "Kim"], 2)
        assert (found.ref, found.text, found.from_) == (None, None, None)

    def test_too_many_cells(self) -> None:
        cells = ["+1", "a", "hi", "02", "Kim", "", " ", ""]
        assert self.columns.recipient(cells, 2).problem is None
        assert self.columns.recipient([*cells, "x"], 2) == Recipient("+1", 2, problem="too_many_cells")
        assert self.columns.recipient([*cells, "x"], 2, "nul_byte") == Recipient("+1", 2, "a", problem="nul_byte")

    def test_a_problem_keeps_what_tells_the_row_apart(self) -> None:
        found = self.columns.recipient(["1" * 999, "a", "hi"], 2, "field_too_long")
        assert found == Recipient("1" * 64, 2, "a", problem="field_too_long")
        assert self.columns.recipient(["+1", "a"], 2, "bad_row") == Recipient("+1", 2, problem="bad_row")

    @pytest.mark.parametrize(
        ("ref", "usable"),
        [
            *((ref, True) for ref in ("a", "x" * 190, "참조-1", "a~", "~1a", "a~x", "~")),
            *((ref, False) for ref in ("x" * 191, "a~1", "a~22", "~2", "a\x00", "a\x85b", "\ud800")),
        ],
    )
    def test_ref(self, ref: str, usable: bool) -> None:
        assert usable_ref(ref) is usable
        found = self.columns.recipient(["+1", ref], 2)
        assert (found.ref, found.problem) == ((ref, None) if usable else (None, "invalid_ref"))

    def test_an_empty_ref_is_none(self) -> None:
        assert not usable_ref("")

    def test_every_problem_has_a_clause(self) -> None:
        assert all(clause and not clause.endswith(".") for clause in ROW_PROBLEMS.values())


class TestShapes:
    def test_values_read_as_json_writes_them(self) -> None:
        values = {"to": 821020000000, "a": 1.5, "b": True, "c": False, "d": None, "e": "x"}
        found = Shapes().recipient(values, 3)
        assert found.to == "821020000000" and found.row == 3 and found.problem is None
        assert found.fields == {"to": "821020000000", "a": "1.5", "b": "true", "c": "false", "d": "", "e": "x"}

    @pytest.mark.parametrize("value", [[], {}, (1,), b"x", object()])
    def test_what_no_cell_can_hold(self, value: object) -> None:
        found = Shapes().recipient({"to": "+1", "ref": "a", "x": value}, 3)
        assert found == Recipient("+1", 3, "a", problem="bad_value")
        assert Shapes().recipient({"to": value}, 3, "bad_json").problem == "bad_json"

    def test_each_row_has_names_of_its_own(self) -> None:
        shapes = Shapes({"who": "name"})
        assert shapes.recipient({"전화번호": "+1", "who": "Kim"}).fields["name"] == "Kim"
        assert shapes.recipient({"to": "+1", "TO": "+2"}) == Recipient("+1", fields={"to": "+1", "TO": "+2"})
        assert shapes.recipient({}) == Recipient("")
        assert shapes.columns(("to",)).notes == ('--map names a column "who" that the list does not have: "to".',)
        assert shapes.columns(("to", "who", "Who")).fields["name"] == 1
        assert shapes.columns(("Who", "WHO")).fields["name"] == 0

    def test_only_so_many_shapes_are_kept(self) -> None:
        shapes = Shapes()
        for number in range(1000):
            assert shapes.recipient({"to": "+1", f"x{number}": ""}).to == "+1"
        assert len(shapes._known) <= 256

    def test_a_map_that_cannot_be_is_refused_at_once(self) -> None:
        with pytest.raises(InputError, match="--map COLUMN=FIELD needs"):
            Shapes({"a": "to", "b": "to "})

    @given(
        st.dictionaries(st.text(), st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary())
    )
    def test_never_raises(self, row: dict[str, object]) -> None:
        assert isinstance(Shapes({"a": "to"}).recipient(row), Recipient)


@pytest.mark.parametrize(
    ("reason", "column"),
    [("invalid_number", "휴대폰"), ("invalid_from", "발신번호"), ("text_too_long", None), ("duplicate", None)],
)
def test_what_is_wrong_with_one_cell_names_its_column(reason: str, column: str | None) -> None:
    assert Columns.of(["이름", "휴대폰", "발신번호"]).column_of(reason) == column
