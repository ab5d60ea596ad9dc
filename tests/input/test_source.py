"""Lists in files: every row comes back, with its line, whatever is in its neighbours."""

import csv
import gzip
import hashlib
import io
import os
import re
import stat
import sys
import threading
import tracemalloc
from pathlib import Path
from types import SimpleNamespace

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from omni_bulk import files
from omni_bulk.errors import InputError
from omni_bulk.lines import ROW_MAX
from omni_bulk.model import Message, Problem, Recipient
from omni_bulk.records import FIELD_MAX, ROW_PROBLEMS
from omni_bulk.rules import Composition, compose
from omni_bulk.source import Source, read_recipients, read_text
from omni_bulk.text import Template

SAMPLES = Path(__file__).resolve().parents[2] / "samples"


def listed(content: bytes | str, name: str = "list.csv", **options: str) -> Source:
    Path(name).write_bytes(content.encode() if isinstance(content, str) else content)
    return read_recipients(name, **options)  # type: ignore[arg-type]


def brief(rows: Source | list[Recipient]) -> list[tuple[int, str, str | None]]:
    return [(row.row, row.to, row.problem) for row in rows]


class TestCsv:
    def test_rows(self) -> None:
        source = listed("to,name,text\n+1,Kim,hi\r\n\n+2,,\r+3\n")
        assert list(source) == [
            Recipient("+1", 2, text="hi", fields={"to": "+1", "name": "Kim", "text": "hi"}),
            Recipient("+2", 4, fields={"to": "+2", "name": "", "text": ""}),
            Recipient("+3", 5, fields={"to": "+3", "name": "", "text": ""}),
        ]
        assert list(source) == list(source)
        assert source.columns.names == ("to", "name", "text")
        assert source.encoding == "utf-8"

    def test_a_header_without_rows_is_a_list_of_none(self) -> None:
        for content in ("to,name", "to\n", "\n\nto,name\n\n,\n"):
            assert list(listed(content)) == []

    def test_blank_rows_are_passed_over_and_counted(self) -> None:
        assert brief(listed('\nto,name\n\n,\n"",""\n  ,\t\n+1,\n')) == [(7, "+1", None)]

    def test_quoted_newlines_count_as_lines(self) -> None:
        source = listed('"to","na\nme"\n+1,"a\nb"\n+2,"c\r\nd\re"\n+3,f\n')
        assert [(row.row, row.fields["na\nme"]) for row in source] == [(3, "a\nb"), (5, "c\r\nd\re"), (8, "f")]

    @pytest.mark.parametrize(
        ("header", "row"),
        [
            ("to\tname", "+1\ta,b"),
            ("to;name", "+1;a,b"),
            ("to|name", "+1|a,b"),
            ('"a,b";to;name', "x;+1;a,b"),
            ("to,name;x", '+1,"a,b"'),
        ],
    )
    def test_the_header_tells_the_delimiter(self, header: str, row: str) -> None:
        found = list(listed(f"{header}\n{row}\n"))
        assert [(r.to, [v for k, v in r.fields.items() if k.startswith("name")]) for r in found] == [("+1", ["a,b"])]

    def test_tsv_by_its_ending(self) -> None:
        assert [row.fields for row in listed("to\tfirst, last\n+1\tKim\n", "x.tsv")] == [
            {"to": "+1", "first, last": "Kim"}
        ]

    @pytest.mark.parametrize(("delimiter", "mark"), [(",", ","), (";", ";"), ("|", "|"), ("tab", "\t"), ("\t", "\t")])
    @pytest.mark.parametrize("name", ["list.csv", "list.tsv"])
    def test_the_delimiter_that_is_given(self, delimiter: str, mark: str, name: str) -> None:
        others = ",;|\t".replace(mark, "")
        content = f'to{mark}"na{mark}me"{mark}a{others}b\n+1{mark}"x{mark}\ny"{mark}z\n'
        (row,) = listed(content, name, delimiter=delimiter)
        assert row.fields == {"to": "+1", f"na{mark}me": f"x{mark}\ny", f"a{others}b": "z"}

    @pytest.mark.parametrize("delimiter", ["", ":", "comma", ",,", "TAB"])
    def test_no_delimiter_at_all(self, delimiter: str) -> None:
        with pytest.raises(InputError, match=r'^--delimiter is none of "," ";" "\|" and "tab"\.$'):
            listed("to\n", delimiter=delimiter)

    def test_the_map(self) -> None:
        Path("a.csv").write_text("Tel 1,Tel 2\n+1,+2\n")
        assert [row.to for row in read_recipients("a.csv", mapping={"tel2": "to"})] == ["+2"]
        with pytest.raises(InputError, match="a different one"):
            read_recipients("a.csv", mapping={"Tel 1": "to", "Tel 2": "to"})

    def test_blocks(self) -> None:
        source = listed("to\n" + "".join(f"+{n}\n" for n in range(7)))
        assert [[row.to for row in block] for block in source.blocks(3)] == [
            ["+0", "+1", "+2"],
            ["+3", "+4", "+5"],
            ["+6"],
        ]
        assert len(next(source.blocks())) == 7

    def test_the_kind_is_that_of_the_header(self) -> None:
        assert listed("to,name\n+1,a\n").kind == "number"
        assert listed("to,ref\n+1,\n").kind == "ref"

    def test_name_and_digest(self) -> None:
        source = listed("to\n", "october.list.csv")
        assert source.name == "october.list"
        assert source.digest() == hashlib.sha256(b"to\n").digest()
        assert read_recipients("-").name == "stdin"


class TestBrokenRows:
    @pytest.mark.parametrize(
        "row",
        ['+2,"open', '+2,"a"b', '+2,"a" ,b', '+2,"a""', '"+2,b', '+2,"'],
    )
    @pytest.mark.parametrize(
        "after", ["", "+3,plain\n+4,d\n", '+3,"quoted"\n"+4","d"\n', '+3,\n+4,""\n', '+3,"a,b"\n+4,"x"\n']
    )
    def test_a_quote_that_never_ends_takes_no_neighbour_along(self, row: str, after: str) -> None:
        found = brief(listed(f"to,name\n+1,a\n{row}\n{after}"))
        others = [(4, "+3", None), (5, "+4", None)] if after else []
        assert found == [(2, "+1", None), (3, "+2", "bad_row"), *others]

    def test_nor_where_a_later_quote_happens_to_end_it(self) -> None:
        found = brief(listed('to,name,x\n+1,"a,b\n+2,c,d"\n+3,"e,f\n+4,g,h,i"\n+5,j,k\n'))
        assert found == [
            (2, "+1", "bad_row"),
            (3, "+2", None),
            (4, "+3", "bad_row"),
            (5, "+4", "too_many_cells"),
            (6, "+5", None),
        ]

    def test_nor_in_a_long_list(self) -> None:
        rows = "".join(
            f"+{n},{'a long name ' * 99}\n" for n in range(3, 5000)
        )  # the end of a cell is not looked for so far
        assert len(rows) > ROW_MAX
        found = brief(listed(f'to,name\n+1,"open\n{rows}'))
        assert found[0] == (2, "+1", "bad_row")
        assert [row for row, _, problem in found[1:] if problem] == []
        assert [row for row, _, _ in found] == list(range(2, 2 + 1 + 4997))

    def test_literal_quotes_in_an_unquoted_cell(self) -> None:
        found = list(listed('to,name\n+1,5" screen\n+2,a""b\n+3, "x\n'))
        assert [(row.row, row.fields["name"], row.problem) for row in found] == [
            (2, '5" screen', None),
            (3, 'a""b', None),
            (4, ' "x', None),
        ]

    @pytest.mark.parametrize("cell", ["x" * 2_000_000, '"' + "x\n" * 40_000 + '"', '"' + "x" * 70_000 + '"'])
    def test_a_cell_as_long_as_a_book(self, cell: str) -> None:
        found = brief(listed(f"to,name\n+1,a\n+2,{cell}\n+3,b\n"))
        last = 3 + cell.count("\n") + 1
        assert found == [(2, "+1", None), (3, "+2", "field_too_long"), (last, "+3", None)]

    def test_a_line_without_end(self) -> None:
        for end in ("\n", "\r\n"):
            found = brief(listed(f"to,name\n+1,a\n+2,{'x' * (3 * ROW_MAX)}{end}+3,b{end}"))
            assert found == [(2, "+1", None), (3, "+2", "field_too_long"), (4, "+3", None)]
        assert brief(listed(f"to,name\n+2,{'x' * ROW_MAX}")) == [(2, "+2", "field_too_long")]

    def test_long_but_not_too_long(self) -> None:
        found = list(listed(f'to,name\n+1,{"x" * FIELD_MAX}\n+2,"{"y" * FIELD_MAX}"\n'))
        assert [(row.problem, len(row.fields["name"])) for row in found] == [(None, FIELD_MAX)] * 2

    @pytest.mark.parametrize("cell", ["a\0b", '"a\0\nb"', "\0"])
    def test_nul(self, cell: str) -> None:
        last = 4 + cell.count("\n")
        assert brief(listed(f"to,name\n+1,a\n+2,{cell}\n+3,b\n")) == [
            (2, "+1", None),
            (3, "+2", "nul_byte"),
            (last, "+3", None),
        ]

    def test_too_many_cells(self) -> None:
        assert brief(listed("to,name\n+1,Kim, Jr.\n+2,b,,\n")) == [(2, "+1", "too_many_cells"), (3, "+2", None)]


HOSTILE = st.text(st.sampled_from("\",;\t\n\r ax'가\u2028\x0b\x85\ufeff|"), max_size=12) | st.text(max_size=12)


@given(st.lists(st.tuples(HOSTILE, HOSTILE, HOSTILE), max_size=8), st.sampled_from(["\n", "\r\n", "\r"]), st.booleans())
@example([('"', "\n", ","), ("", "\r\n\r", '""')], "\n", True)
def test_what_the_csv_module_writes_is_read_back(rows: list[tuple[str, str, str]], end: str, everything: bool) -> None:
    # The writer leaves a line end that is not its own unquoted, so such a list cannot be read back by anyone.
    lost = "\0" if everything else "\0" + "\r\n".translate(dict.fromkeys(map(ord, end)))
    rows = [tuple(cell.translate(dict.fromkeys(map(ord, lost))) for cell in row) for row in rows]  # type: ignore[misc]
    written = io.StringIO(newline="")
    writer = csv.writer(written, lineterminator=end, quoting=csv.QUOTE_ALL if everything else csv.QUOTE_MINIMAL)
    expected = []
    lines = 2
    for number, row in enumerate([("to", "a", "b"), *rows]):
        before = written.tell()
        writer.writerow(row)
        text = written.getvalue()[before:]
        if number and any(map(str.strip, row)):
            expected.append((lines, list(row)))
        lines += len(re.findall("\r\n|\r|\n", text)) if number else 0
    encodings = ["utf-8", "utf-8-sig", "utf-16"]
    try:
        written.getvalue().encode("cp949")
        encodings.append("cp949")
    except UnicodeEncodeError:
        pass
    for encoding in encodings:
        source = listed(written.getvalue().encode(encoding), encoding=encoding) if encoding == "cp949" else None
        source = source or listed(written.getvalue().encode(encoding))
        assert [(row.row, list(row.fields.values())) for row in source] == expected


class TestEncoding:
    LIST = "수신번호,이름\n+1,김하늘\n+2,뷁쀍\n"  # the last two are in CP949 only, not in EUC-KR

    @pytest.mark.parametrize(
        ("written", "expected"),
        [("utf-8", "utf-8"), ("utf-8-sig", "utf-8"), ("cp949", "cp949"), ("utf-16", "utf-16"), ("utf-32", "utf-32")],
    )
    def test_the_ladder(self, written: str, expected: str) -> None:
        source = listed(self.LIST.encode(written))
        assert source.encoding == expected
        assert [row.fields for row in source] == [
            {"수신번호": "+1", "이름": "김하늘"},
            {"수신번호": "+2", "이름": "뷁쀍"},
        ]

    @pytest.mark.parametrize("bom", [b"\xff\xfe", b"\xfe\xff"])
    def test_both_orders_of_utf_16(self, bom: bytes) -> None:
        written = bom + self.LIST.encode("utf-16-le" if bom == b"\xff\xfe" else "utf-16-be")
        assert len(list(listed(written))) == 2

    @pytest.mark.parametrize(
        ("given", "written"),
        [("euc-jp", "euc-jp"), ("UTF8", "utf-8-sig"), ("utf-16-le", "utf-16-le"), ("latin1", "latin1")],
    )
    def test_the_encoding_wanted(self, given: str, written: str) -> None:
        source = listed("to,x\n+1,abc\n".encode(written), encoding=given)
        assert [row.fields for row in source] == [{"to": "+1", "x": "abc"}]

    def test_one_old_letter_late_in_the_list(self) -> None:
        ascii_rows = b"to,name\n" + b"+1,a\n" * 300_000
        assert listed(ascii_rows + "+2,김\n".encode("cp949")).encoding == "cp949"
        assert listed(ascii_rows + "+2,김\n".encode()).encoding == "utf-8"

    def test_a_letter_across_two_chunks(self) -> None:
        for shift in range(3):
            content = b"to,name\n" + b"x" * (256 * 1024 - 9 - shift) + "\n+1,김하늘\n".encode()
            assert listed(content).encoding == "utf-8"

    def test_a_damaged_letter_across_two_chunks_is_found_where_it_begins(self) -> None:
        for kept in (1, 2):
            rows = b"to,name\n+1," + b"x" * (256 * 1024 - 11 - kept)
            with pytest.raises(InputError, match=f"byte {len(rows)}, in line 2, cannot be read"):
                list(listed(rows + b"\xea\xb9A\n" + b"+2,x\n", encoding="utf-8"))

    def test_a_damaged_spot_in_utf_8_does_not_garble_the_rest(self) -> None:
        rows = "to,name\n+1,김하늘\n".encode() + b"+2,a\n" * 400_000
        with pytest.raises(InputError) as caught:
            list(listed(rows + b"+3,\xb1\xe8\n"))
        assert str(caught.value) == (
            f"list.csv is not utf-8 throughout: byte {len(rows) + 3}, in line 400003, cannot be read. "
            "Save the list anew as UTF-8, or say --encoding NAME."
        )

    def test_neither(self) -> None:
        with pytest.raises(InputError) as caught:
            list(listed(b"to,name\n+1,\xb1\xe8\n+2,\xb1\xff\n"))
        assert str(caught.value) == (
            "list.csv is neither UTF-8 (see line 2) nor CP949 (byte 17, in line 3): save it as UTF-8, or say --encoding NAME."
        )

    def test_not_the_encoding_wanted(self) -> None:
        with pytest.raises(InputError, match=r"list.csv is not ascii throughout: byte 11, in line 2, cannot be read"):
            list(listed("to,name\n+1,김\n", encoding="ASCII"))
        with pytest.raises(InputError, match=r"list.csv is not utf-16 throughout: byte 0, in line 1"):
            list(listed("to,name\n+1,x\n", encoding="utf-16"))
        with pytest.raises(InputError, match=r"is not utf-8 throughout: byte 12, in line 2"):
            list(listed(b"\xef\xbb\xbfto,x\n+1,a\xb1\n"))

    @pytest.mark.parametrize("name", ["klingon", "base64", "rot13"])
    def test_no_encoding_at_all(self, name: str) -> None:
        with pytest.raises(InputError) as caught:
            list(listed("to\n", encoding=name))
        assert str(caught.value) == f"--encoding {name} is no encoding of text: try utf-8, cp949 or utf-16."


class TestJsonl:
    def test_rows(self) -> None:
        source = listed(
            '{"to":"+1","name":"Kim","n":7,"ok":true,"no":null}\n\n{"전화번호":82,"ref":"a","text":"hi"}\r\n', "x.jsonl"
        )
        assert list(source) == [
            Recipient("+1", 1, fields={"to": "+1", "name": "Kim", "n": "7", "ok": "true", "no": ""}),
            Recipient("82", 3, "a", "hi", fields={"전화번호": "82", "ref": "a", "text": "hi"}),
        ]
        assert source.columns.names == ("to", "name", "n", "ok", "no", "ref")

    def test_told_by_its_first_character(self) -> None:
        assert brief(listed(' \n {"to":"+1"}\n', "list.txt")) == [(2, "+1", None)]

    def test_bad_rows_leave_their_neighbours_alone(self) -> None:
        long = "x" * (FIELD_MAX + 1)
        rows = [
            '{"to":"+1"}',
            "{",
            "[]",
            '"x"',
            '{"to":"+2","x":{}}',
            '{"to":"+3","x":"' + long + '"}',
            "nul\0",
            '{"to":"+4"}',
            "{}",
        ]
        rows += [
            '{"to":"' + "x" * ROW_MAX + '"}',
            '{"to":"+5","x":"\\ud800"}',
            '{"to":"+6","x":"' + "\\u0041" * 20_000 + '"}',
        ]
        assert brief(listed("\n".join(rows), "x.ndjson")) == [
            (1, "+1", None),
            (2, "", "bad_json"),
            (3, "", "bad_json"),
            (4, "", "bad_json"),
            (5, "+2", "bad_value"),
            (6, "+3", "field_too_long"),
            (7, "", "bad_json"),
            (8, "+4", None),
            (9, "", None),
            (10, "", "field_too_long"),
            (11, "", "bad_json"),
            (12, "+6", None),
        ]

    @pytest.mark.parametrize(
        ("rows", "kind"),
        [
            (['{"to":"+1"}', '{"to":"+2"}'], "number"),
            (['{"to":"+1","ref":"a"}', '{"to":"+2"}'], "ref"),
            (['{"to":"+1"}', "{", "{}", '{"to":"+2","Ref.":"a"}'], "ref"),
            (['{"ref":"a"}', '{"to":"+2"}'], "ref"),
            (['{"to":"+1"}', '{"ref":"a"}'], "ref"),
            (['{"to":"+1","ref":null}', '{"to":"+2","ref":" "}'], "number"),
            (['{"to":"+1","ref":null}', '{"to":"+2","ref":7}'], "ref"),
            (['{"to":"+1"}', '{"to":"+2","ref":"a~1"}', '{"to":"+3","ref":{}}'], "number"),
            (['{"to":"+1"}'] * 50_000 + ['{"to":"+2","참조":"a"}'], "ref"),
        ],
    )
    def test_the_kind_is_known_wherever_the_first_ref_is(self, rows: list[str], kind: str) -> None:
        source = listed("\n".join(rows), "x.jsonl")
        assert source.kind == kind
        columns = source.columns
        assert (columns.ref is not None) == (kind == "ref")
        assert columns.ref is None or columns.names[columns.ref] in ("ref", "Ref.", "참조")
        assert columns.to is not None and columns.names[columns.to] == "to"
        assert any(row.ref is not None for row in source) == (kind == "ref")

    def test_a_late_ref_is_a_column_for_templates_too(self) -> None:
        columns = listed('{"to":"+1","x":1}\n{"to":"+2","No":"a"}\n', "x.jsonl").columns
        assert (columns.ref, columns.lacks(["ref"])) == (None, ("ref",))
        Path("x.jsonl").write_text('{"to":"+1","x":1}\n{"to":"+2","No":"a"}\n')
        columns = read_recipients("x.jsonl", mapping={"No": "ref"}).columns
        assert columns.ref == 2 and columns.fields == {"to": 0, "x": 1, "No": 2}

    def test_the_first_rows_may_be_bad(self) -> None:
        source = listed('{\n{"x":1}\n{}\n{"phone":"+1"}\n', "x.jsonl")
        assert source.columns.names == ("phone",)
        assert brief(source) == [(1, "", "bad_json"), (2, "", None), (3, "", None), (4, "+1", None)]

    def test_the_map(self) -> None:
        Path("x.jsonl").write_text('{"a":"+1","b":"Kim"}\n{"a":"+2"}\n')
        source = read_recipients("x.jsonl", mapping={"A": "to", "b": "name", "c": "d"})
        assert [(row.to, row.fields.get("name")) for row in source] == [("+1", "Kim"), ("+2", None)]
        assert source.columns.notes == ('--map names a column "c" that the list does not have: "a", "b".',)

    def test_sentences(self) -> None:
        with pytest.raises(InputError, match=r"^No line of x.jsonl is a JSON object: write one recipient a line\.$"):
            list(listed("to,name\n", "x.jsonl"))
        with pytest.raises(InputError, match=r'^No column is known to hold the number among "x", "y": call it to'):
            list(listed('{"x":1,"y":2}\n7\n', "x.jsonl"))
        with pytest.raises(InputError, match=r"^x.json looks like one JSON array: write one object a line\.$"):
            list(listed('[{"to":"+1"}]', "x.json"))

    @given(
        st.lists(
            st.dictionaries(st.text(), st.none() | st.booleans() | st.integers(-(2**53), 2**53) | HOSTILE), max_size=6
        )
    )
    def test_what_orjson_writes_is_read_back(self, rows: list[dict[str, object]]) -> None:
        objects = [{"to": f"+{number}"} | row for number, row in enumerate(rows)]
        source = listed(b'{"to":"first"}\n' + b"".join(orjson.dumps(row) + b"\n" for row in objects), "x.jsonl")
        found = list(source)[1:]
        assert [row.row for row in found] == list(range(2, 2 + len(rows)))
        for row, written in zip(found, objects, strict=True):
            if row.problem is None:
                assert all(
                    row.fields[name.strip()] == value
                    for name, value in written.items()
                    if isinstance(value, str) and name.strip() == name != ""
                )
            else:
                assert row.problem == "invalid_ref"


class TestTheListAsAWhole:
    @pytest.mark.parametrize("content", ["", "\n\n", " \n", ",,\n", '""\n', "\ufeff"])
    def test_empty(self, content: str) -> None:
        with pytest.raises(InputError, match=r"^list.csv is empty: it needs at least a header such as to,name\.$"):
            list(listed(content))

    def test_missing_and_directory_at_once(self) -> None:
        with pytest.raises(InputError, match=r"^There is no file gone.csv: check the path\.$"):
            read_recipients("gone.csv")
        Path("folder.csv").mkdir()
        with pytest.raises(InputError, match=r"^folder.csv is a directory: name a file in it\.$"):
            read_recipients("folder.csv")

    @pytest.mark.parametrize(
        ("error", "sentence"),
        [
            (
                PermissionError(13, "Permission denied"),
                "This user may not read list.csv: change its mode, or run as its owner.",
            ),
            (OSError(5, "Input/output error"), "list.csv cannot be read: Input/output error."),
            (OSError("odd"), "list.csv cannot be read: odd."),
        ],
    )
    def test_what_the_system_says(self, error: OSError, sentence: str, monkeypatch: pytest.MonkeyPatch) -> None:
        source = listed("to\n")

        def refuse(*args: object) -> None:
            raise error

        monkeypatch.setattr(Path, "open", refuse)
        with pytest.raises(InputError) as caught:
            list(source)
        assert str(caught.value) == sentence

    def test_utf_16_without_its_mark(self) -> None:
        with pytest.raises(InputError, match="has NUL characters in its first line: say --encoding utf-16-le"):
            list(listed("to,name\n".encode("utf-16-le")))

    @pytest.mark.parametrize(
        ("header", "problem"),
        [
            ('to,"name', "bad_row"),
            ('to,"na"me', "bad_row"),
            ("to," + "x" * 70_000, "field_too_long"),
            ("to," + "x" * ROW_MAX, "field_too_long"),
            ("to,na\0me", "nul_byte"),
        ],
    )
    def test_a_header_that_cannot_be_read(self, header: str, problem: str) -> None:
        sentence = f"^The header of list.csv cannot be read: {ROW_PROBLEMS[problem]}\\.$"
        if problem == "nul_byte":
            sentence = "has NUL characters in its first line"
        with pytest.raises(InputError, match=sentence):
            list(listed(f"{header}\n+1,a\n"))

    def test_no_number(self) -> None:
        with pytest.raises(InputError, match=r'^No column is known to hold the number among "name": call it to'):
            list(listed("name\nKim\n"))

    def test_changed_between_header_and_rows(self) -> None:
        source = listed("to,name\n+1,a\n")
        assert source.columns.to == 0
        listed("name,to\nb,+2\n")
        with pytest.raises(InputError, match=r"^list.csv changed while it was read: start again\.$"):
            list(source)
        listed(b"to,name\n+1,\xb1\xe8\n")
        with pytest.raises(InputError, match=r"^list.csv changed while it was read: start again\.$"):
            list(source)

    def test_a_ref_that_was_not_there_when_the_kind_was_told(self) -> None:
        source = listed('{"to":"+1"}\n', "list.jsonl")
        assert source.kind == "number"
        listed('{"to":"+1"}\n{"to":"+2","ref":"a"}\n', "list.jsonl")
        rows = iter(source)
        assert next(rows).to == "+1"
        with pytest.raises(InputError, match=r"^list.jsonl changed while it was read: start again\.$"):
            next(rows)

    def test_nothing_is_read_before_it_is_asked_for(self) -> None:
        source = listed("name\n")
        listed("to\n+1\n")
        assert brief(source) == [(2, "+1", None)]

    def test_leaving_early_closes_the_file(self) -> None:
        rows = iter(listed("to\n+1\n+2\n"))
        assert next(rows).to == "+1"
        rows.close()  # type: ignore[attr-defined]  # a ResourceWarning would be an error


class TestGzip:
    def test_read_like_the_list_in_it(self) -> None:
        source = listed(gzip.compress("to,이름\n+1,김\n".encode("cp949")), "october.csv.gz")
        assert source.name == "october" and source.encoding == "cp949"
        assert brief(source) == [(2, "+1", None)]
        assert brief(listed(gzip.compress(b'{"to":"+1"}'), "x.jsonl.gz")) == [(1, "+1", None)]
        assert [row.fields for row in listed(gzip.compress(b"to\tx,y\n+1\t7"), "x.tsv.gz")] == [
            {"to": "+1", "x,y": "7"}
        ]

    @pytest.mark.parametrize("cut", [5, 20, -4])
    def test_damaged(self, cut: int) -> None:
        whole = gzip.compress(b"to,name\n" + os.urandom(2000).hex().encode())
        with pytest.raises(InputError, match=r"^x.gz is a damaged gzip file: compress it anew\.$"):
            list(listed(whole[:cut], "x.gz"))
        spoiled = whole[:60] + b"\xff" * 60 + whole[120:]
        with pytest.raises(InputError, match=r"^x.gz is a damaged gzip file: compress it anew\.$"):
            list(listed(spoiled, "x.gz"))

    def test_a_bomb(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(files, "RATIO_FREE", 1024 * 1024)
        zeros = gzip.compress(b"to,name\n" + bytes(3 * 1024 * 1024))
        sentence = (
            r"^x.gz holds far more than a list packed to its size would: if it is one, unpack it with gunzip and name "
            r"the result\.$"
        )
        with pytest.raises(InputError, match=sentence):
            list(listed(zeros, "x.gz"))
        with pytest.raises(InputError, match=sentence):
            list(listed(gzip.compress(b"PK\x03\x04" + bytes(3 * 1024 * 1024)), "x.gz"))
        monkeypatch.setattr(files, "UNPACKED_MAX", 10)
        with pytest.raises(InputError, match=sentence):
            list(listed(gzip.compress(b"to,name\n+1,x\n"), "x.gz"))

    def test_a_list_of_one_long_text_is_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(files, "RATIO_FREE", 0)
        text = "인포뱅크 10월 정기 점검 안내입니다. 03일 02:00부터 04:00까지 중단됩니다. " * 7
        rows = [f"+8210{number * 7919 % 10**8:08d},{text}\n" for number in range(3000)]
        packed = gzip.compress("".join(["to,text\n", *rows]).encode())
        assert len("".join(rows).encode()) > 30 * len(packed)
        assert len(list(listed(packed, "x.gz"))) == 3000


class TestPipes:
    def test_stdin_is_read_twice_from_a_private_copy(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"to\n+1\n")))
        source = read_recipients("-")
        assert brief(source) == brief(source) == [(2, "+1", None)]
        assert not sys.stdin.buffer.closed
        copy = source._file
        assert stat.S_IMODE(copy.stat().st_mode) == 0o600
        assert source.digest() == hashlib.sha256(b"to\n+1\n").digest()
        del source
        assert not copy.exists()

    def test_json_from_stdin(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b'{"to":"+1"}')))
        assert brief(read_recipients("-")) == [(1, "+1", None)]

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are of POSIX")
    def test_a_named_pipe(self) -> None:
        os.mkfifo("list.csv")
        source = read_recipients("list.csv")
        writer = threading.Thread(target=Path("list.csv").write_bytes, args=(b"to\n+1\n",))
        writer.start()
        assert brief(source) == brief(source) == [(2, "+1", None)]
        writer.join()


class TestReadText:
    @pytest.mark.parametrize(
        ("content", "expected"),
        [
            (b"hi\n", "hi"),
            (b"hi\r\nthere\r\n", "hi\nthere"),
            (b"hi\n\n", "hi\n"),
            (b"hi", "hi"),
            (b"", ""),
            ("안녕\n".encode("utf-8-sig"), "안녕"),
            ("안녕\n".encode("cp949"), "안녕"),
            ("안녕\n".encode("utf-16"), "안녕"),
        ],
    )
    def test_the_template_of_a_file(self, content: bytes, expected: str) -> None:
        Path("t.txt").write_bytes(content)
        assert read_text("t.txt") == expected

    def test_sentences(self) -> None:
        Path("t.txt").write_bytes(b"\xb1\xe8\xff")
        with pytest.raises(InputError, match="neither UTF-8"):
            read_text("t.txt")
        with pytest.raises(InputError, match="is not utf-8 throughout: byte 0, in line 1"):
            read_text("t.txt", encoding="utf-8")
        Path("t.txt").write_bytes(b"x" * (1024 * 1024 + 1))
        with pytest.raises(InputError, match=r"^t\.txt is over 1048576 bytes: a template is one message"):
            read_text("t.txt")
        with pytest.raises(InputError, match=r"^There is no file gone\.txt"):
            read_text("gone.txt")
        Path("t.docx").write_bytes(b"PK\x03\x04")
        with pytest.raises(InputError, match=r"^t\.docx is an Office file: a template is a plain text\.$"):
            read_text("t.docx")


@pytest.mark.parametrize("name", ["list.csv", "list.jsonl", "list.csv.gz"])
def test_memory_does_not_grow_with_the_list(name: str) -> None:
    rows = 4000  # of a kilobyte each: whatever keeps rows, lines or the text as a whole goes over the bound
    text = "김하늘" * 333
    shape = '{{"to":"+{}","text":"{}"}}\n' if "json" in name else '+{},"{}"\n'
    content = "".join(["" if "json" in name else "to,text\n", *(shape.format(number, text) for number in range(rows))])
    source = listed(gzip.compress(content.encode()) if name.endswith(".gz") else content, name)
    assert len(content) > 4_000_000
    del content
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        assert sum(len(block) for block in source.blocks(100)) == rows
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak - before < 3_000_000


def test_the_sample() -> None:
    source = read_recipients(SAMPLES / "campaign.csv")
    template = Template(read_text(SAMPLES / "campaign.txt"), from_="0212345678")
    assert source.name == "campaign" and source.columns.ref is None and source.columns.lacks(template.fields) == ()
    found = [compose(row, Composition(template=template)) for row in source]
    messages = [message for message in found if isinstance(message, Message)]
    problems = [problem for problem in found if isinstance(problem, Problem)]
    assert len(found) >= 30
    assert len({message.country for message in messages}) >= 9
    assert len(messages) - len({(message.to, message.text) for message in messages}) == 1  # one exact duplicate
    assert len({message.to for message in messages}) == len(messages) - 1
    assert {message.encoding for message in messages} == {"GSM-7", "UCS-2"}
    assert [problem.reason for problem in problems] == ["invalid_number"]
